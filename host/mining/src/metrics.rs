//! The figures that users see. Their names are those of the product, times are milliseconds, and a
//! figure that nothing was observed for is absent rather than zero.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::online::Online;

/// How many bottlenecks are named.
const BOTTLENECKS: usize = 3;
const HOUR_MS: u64 = 3_600_000;

/// How the observed cases went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Cases seen, open ones too.
    pub total_cases: u64,
    /// Mean time from the first event to the end of the completed cases.
    pub avg_duration: Option<f64>,
    /// The shortest of them.
    pub min_duration: Option<u64>,
    /// The longest of them.
    pub max_duration: Option<u64>,
    /// Completed cases per hour of observed time.
    pub cases_per_hour: Option<f64>,
    /// Cases that reached their end ÷ all cases, open ones too.
    pub completion_rate: Option<f64>,
    /// Failed attempts ÷ finished attempts; a cancelled attempt is not finished.
    pub error_rate: Option<f64>,
    /// Attempts that were not the first ÷ all attempts.
    pub retry_rate: Option<f64>,
    /// The activities that caused most waiting, at most three, the worst first.
    pub bottleneck_activities: Vec<String>,
    /// Total waiting of each activity that waited.
    pub waiting_time_by_activity: BTreeMap<String, u64>,
}

impl Metrics {
    /// The figures of what was observed so far.
    #[must_use]
    pub fn of(online: &Online) -> Self {
        let cases = online.cases;
        let attempts = online.attempts();
        let ended = cases.completed + cases.failed + cases.cancelled;
        let total_cases = ended + online.open_cases() as u64;
        let duration = cases.duration;
        let measured = duration.count > 0;
        let activities = online.activities();
        let observed_ms = online.observed.map_or(0, |(first, last)| {
            u64::try_from(last.saturating_sub(first)).unwrap_or(0)
        });
        Self {
            total_cases,
            avg_duration: duration.mean_ms(),
            min_duration: measured.then_some(duration.min_ms),
            max_duration: measured.then_some(duration.max_ms),
            cases_per_hour: ratio(cases.completed.saturating_mul(HOUR_MS), observed_ms),
            completion_rate: ratio(cases.completed, total_cases),
            error_rate: ratio(attempts.failed, attempts.finished),
            retry_rate: ratio(attempts.retried, attempts.started),
            bottleneck_activities: bottlenecks(online),
            waiting_time_by_activity: activities
                .iter()
                .filter(|(_, stats)| stats.waiting.count > 0)
                .map(|(name, stats)| ((*name).to_owned(), stats.waiting.total_ms))
                .collect(),
        }
    }
}

fn bottlenecks(online: &Online) -> Vec<String> {
    let activities = online.activities().into_iter();
    let mut found: Vec<(&str, u64)> = activities
        .map(|(name, stats)| (name, stats.waiting_caused_ms))
        .filter(|(_, caused_ms)| *caused_ms > 0)
        .collect();
    // The sort is stable and the activities come by name: ties stay in that order.
    found.sort_by_key(|(_, caused_ms)| Reverse(*caused_ms));
    let worst = found.into_iter().take(BOTTLENECKS);
    worst.map(|(name, _)| name.to_owned()).collect()
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts and times in practice lie below 2^53"
)]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The directly-follows graph in the words of the product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Names, in ascending order.
    pub activities: Vec<String>,
    /// From and to, in ascending order.
    pub transitions: Vec<(String, String)>,
    /// How often each transition was taken, by `from->to`.
    pub frequencies: BTreeMap<String, u64>,
    /// Nothing until measured.
    pub fitness: Option<f64>,
    /// Nothing until measured.
    pub precision: Option<f64>,
}

impl Model {
    /// The graph of what was observed so far.
    #[must_use]
    pub fn of(online: &Online) -> Self {
        let edges = online.edges();
        Self {
            activities: online.activities().into_keys().map(str::to_owned).collect(),
            transitions: edges
                .keys()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect(),
            frequencies: edges
                .iter()
                .map(|((from, to), elapsed)| (format!("{from}->{to}"), elapsed.count))
                .collect(),
            fitness: None,
            precision: None,
        }
    }
}
