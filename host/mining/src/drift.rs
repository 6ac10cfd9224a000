//! Where in a log its process changes.
//!
//! Cases are taken in the order of their ends. The last hundred are compared with those before them, after each
//! case: the share of cases with each activity and with each directly-follows pair. A change is told when one share
//! differs so much that chance would do it once in some ten million comparisons.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::log::{Log, Moment, Name, Occurrences};
use crate::statistics::g_squared;

/// Cases that are taken for the present.
const RECENT: usize = 100;
/// Cases at most that are taken for the past.
const PAST: usize = 1_000;
/// The least G² that is a change: 5.3 standard deviations.
const CHANGE: f64 = 28.0;

/// A change of the process.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The number of cases that ended before it, as estimated.
    pub at_case: usize,
    /// The name of the first case after it.
    pub case: String,
    /// When that case ended, in milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// How many cases had ended when it was noticed.
    pub noticed_after: usize,
    /// What changed, the clearest first.
    pub shifts: Vec<Shift>,
}

/// A share that changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Shift {
    /// The activity, or the earlier of a pair.
    pub activity: String,
    /// The later of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<String>,
    /// The share of cases before.
    pub before: f64,
    /// The share of cases after.
    pub after: f64,
}

/// What a case may have: an activity, or a pair.
type Feature = (Name, Option<Name>);

/// The changes of a log, in order.
#[must_use]
pub fn drift(log: &Log, occurrences: Occurrences) -> Vec<Change> {
    let mut order: Vec<(Option<Moment>, usize)> = log
        .cases()
        .iter()
        .enumerate()
        .map(|(index, case)| (log.events_of(case).last().and_then(|event| event.at), index))
        .collect();
    order.sort_unstable();
    let mut detector = Detector::default();
    let mut changes = Vec::new();
    for (number, (_, index)) in order.iter().enumerate() {
        let case = &log.cases()[*index];
        let path: Vec<Name> = log
            .events_of(case)
            .iter()
            .filter(|event| occurrences.take(event))
            .map(|event| event.activity)
            .collect();
        if let Some((back, shifts)) = detector.observe(&path) {
            let at_case = number + 1 - back;
            let (at, first) = order[at_case];
            let name = |name: Name| log.names().text(name).to_owned();
            changes.push(Change {
                at_case,
                case: name(log.cases()[first].id),
                at_ms: at.map(|at| at.div_euclid(1000)),
                noticed_after: number + 1,
                shifts: shifts
                    .into_iter()
                    .map(|((activity, next), before, after)| Shift {
                        activity: name(activity),
                        followed_by: next.map(name),
                        before,
                        after,
                    })
                    .collect(),
            });
        }
    }
    changes
}

/// The comparison of the last cases with those before, case by case.
#[derive(Debug, Default)]
struct Detector {
    cases: VecDeque<Vec<u32>>,
    numbers: FxHashMap<Feature, u32>,
    features: Vec<Feature>,
    past: Vec<u64>,
    recent: Vec<u64>,
}

type Shifted = Vec<(Feature, f64, f64)>;

impl Detector {
    /// Takes in a case. A change is answered with how many cases ago it was, and what changed.
    fn observe(&mut self, path: &[Name]) -> Option<(usize, Shifted)> {
        let alone = path.iter().map(|activity| (*activity, None));
        let pairs = path.windows(2).map(|pair| (pair[0], Some(pair[1])));
        let mut features: Vec<u32> = alone
            .chain(pairs)
            .map(|feature| self.number(feature))
            .collect();
        features.sort_unstable();
        features.dedup();
        for feature in &features {
            self.recent[*feature as usize] += 1;
        }
        self.cases.push_back(features);
        if let Some(leaving) = self.cases.len().checked_sub(RECENT + 1) {
            for feature in &self.cases[leaving] {
                self.recent[*feature as usize] -= 1;
                self.past[*feature as usize] += 1;
            }
        }
        if self.cases.len() > PAST + RECENT {
            for feature in self.cases.pop_front().unwrap_or_default() {
                self.past[feature as usize] -= 1;
            }
        }
        self.change()
    }

    fn number(&mut self, feature: Feature) -> u32 {
        let next = u32::try_from(self.features.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(feature).or_insert_with(|| {
            self.features.push(feature);
            self.past.push(0);
            self.recent.push(0);
            next
        })
    }

    fn change(&mut self) -> Option<(usize, Shifted)> {
        let past = self
            .cases
            .len()
            .checked_sub(RECENT)
            .filter(|past| *past >= RECENT)?;
        let (past_of, recent_of) = (past as u64, RECENT as u64);
        let mut found: Vec<(f64, usize)> = (0..self.features.len())
            .map(|feature| {
                let (past, recent) = (self.past[feature], self.recent[feature]);
                (g_squared(past, past_of, recent, recent_of), feature)
            })
            .filter(|(g, _)| *g >= CHANGE)
            .collect();
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        let (_, clearest) = *found.first()?;
        let at = self.split(clearest);
        let shifts = found.iter().map(|(_, feature)| {
            let has = |cases: &mut dyn Iterator<Item = &Vec<u32>>| {
                let feature = u32::try_from(*feature).unwrap_or(u32::MAX);
                let (mut yes, mut of) = (0_u32, 0_u32);
                for case in cases {
                    of += 1;
                    yes += u32::from(case.binary_search(&feature).is_ok());
                }
                f64::from(yes) / f64::from(of.max(1))
            };
            let before = has(&mut self.cases.range(..at));
            let after = has(&mut self.cases.range(at..));
            (self.features[*feature], before, after)
        });
        let shifts = shifts.collect();
        let back = self.cases.len() - at;
        // What is past now is another process: the comparison begins anew with what came after the change.
        self.cases.drain(..at);
        self.past
            .iter_mut()
            .chain(&mut self.recent)
            .for_each(|count| *count = 0);
        let first_recent = self.cases.len().saturating_sub(RECENT);
        for (place, case) in self.cases.iter().enumerate() {
            let counts = if place < first_recent {
                &mut self.past
            } else {
                &mut self.recent
            };
            case.iter()
                .for_each(|feature| counts[*feature as usize] += 1);
        }
        Some((back, shifts))
    }

    /// The place among the last cases at which the share of a feature changes most clearly.
    fn split(&self, feature: usize) -> usize {
        let feature = u32::try_from(feature).unwrap_or(u32::MAX);
        let has: Vec<u64> = self
            .cases
            .iter()
            .map(|case| u64::from(case.binary_search(&feature).is_ok()))
            .collect();
        let total: u64 = has.iter().sum();
        let first = has.len().saturating_sub(2 * RECENT).max(1);
        let (mut best, mut place) = (-1.0, first);
        let mut before: u64 = has[..first].iter().sum();
        for at in first..has.len() {
            let g = g_squared(before, at as u64, total - before, (has.len() - at) as u64);
            if g > best {
                (best, place) = (g, at);
            }
            before += has[at];
        }
        place
    }
}
