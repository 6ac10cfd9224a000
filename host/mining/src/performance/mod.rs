//! How long things take, where they wait, how often they fail and what they cost.
//!
//! Figures that nothing was measured for are absent, never zero. Times are milliseconds. A *bottleneck* is
//! what others wait for, ranked by the waiting that it causes, not what is slow alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::discover::Times;
use crate::event::CaseState;
use crate::log::{Log, Moment, Name, ms};

mod money;
mod spans;
mod steps;

pub use money::{Money, Spent};
pub use spans::Parts;
pub use steps::{End, Step, steps};

/// Lengths of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Lengths {
    /// How many were measured.
    pub count: u64,
    /// All together.
    pub total_ms: f64,
    /// The mean.
    pub mean_ms: f64,
    /// The middle one.
    pub median_ms: f64,
    /// Nineteen of twenty are not longer.
    pub p95_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Lengths {
    /// Of lengths in microseconds; nothing without any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "2^53 µs are 285 years")]
    pub fn of(micros: &mut [i64]) -> Option<Self> {
        let times = Times::of(micros)?;
        // The nearest rank: the smallest that at least 95 % do not exceed.
        let rank = (micros.len() * 95).div_ceil(100).max(1) - 1;
        Some(Self {
            count: times.count,
            total_ms: times.total,
            mean_ms: times.mean(),
            median_ms: times.median,
            p95_ms: micros[rank] as f64 / 1e3,
            min_ms: times.min,
            max_ms: times.max,
        })
    }
}

/// The figures of a log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Performance {
    /// Cases by how they stand.
    pub cases: CaseFigures,
    /// Events, whatever their transition.
    pub events: u64,
    /// From the first to the last event of each ended case.
    pub case_duration: Option<Lengths>,
    /// The time of all ended cases, by what was going on; adds up to their duration.
    pub time_ms: Option<TimeParts>,
    /// Completed cases per hour of observed time.
    pub cases_per_hour: Option<f64>,
    /// Completed ÷ all cases.
    pub completion_rate: Option<f64>,
    /// Failed ÷ ended attempts.
    pub error_rate: Option<f64>,
    /// Attempts after the first ÷ all attempts.
    pub retry_rate: Option<f64>,
    /// Completed work that its case had done before ÷ all completed work.
    pub rework_rate: Option<f64>,
    /// What was spent, and what of it on attempts that failed.
    pub cost: Spent,
    /// Each activity, by name.
    pub activities: Vec<ActivityFigures>,
    /// Each resource, by name.
    pub resources: Vec<ResourceFigures>,
    /// What others wait for, the worst first.
    pub bottlenecks: Vec<Bottleneck>,
}

/// Cases by how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct CaseFigures {
    /// All.
    pub total: u64,
    /// Reached their end.
    pub completed: u64,
    /// Gave up.
    pub failed: u64,
    /// Were stopped.
    pub cancelled: u64,
    /// Go on.
    pub open: u64,
}

/// [`Parts`] of many cases, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct TimeParts {
    /// Something is worked on.
    pub service: f64,
    /// Something that was begun stands still.
    pub suspended: f64,
    /// A failed attempt waits for the next.
    pub back_off: f64,
    /// Something waits to begin.
    pub queue: f64,
    /// Nothing is going on.
    pub idle: f64,
}

/// The figures of one activity.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ActivityFigures {
    /// Its name.
    pub name: String,
    /// Work that was completed.
    pub completed: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Times it was skipped.
    pub skipped: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Completed work that its case had done before.
    pub rework: u64,
    /// Cases in which it occurs.
    pub cases: u64,
    /// From the end of what ended before it in its case to its own end: the only time that a log of ends alone
    /// has.
    pub since_previous: Option<Lengths>,
    /// From start to end.
    pub sojourn: Option<Lengths>,
    /// The same without what it stood still.
    pub service: Option<Lengths>,
    /// From being asked for to its start, and what it stood still, and back-off before it.
    pub waiting: Option<Lengths>,
    /// What others and itself waited because of it.
    pub waiting_caused_ms: f64,
    /// What was spent on it.
    pub cost: Spent,
}

/// The figures of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResourceFigures {
    /// Its name.
    pub name: String,
    /// Pieces of work that ended.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
    /// Time in which it worked on something; work side by side counts for each.
    pub busy_ms: f64,
}

/// What others wait for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Bottleneck {
    /// The activity.
    pub activity: String,
    /// What was waited because of it.
    pub waiting_caused_ms: f64,
    /// Its share of all waiting.
    pub share: f64,
}

impl Performance {
    /// The figures of a log.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let mut tally = Tally::default();
        for case in log.cases() {
            let steps = steps(log.events_of(case));
            tally.case(log, case.state, log.events_of(case), &steps);
        }
        tally.finish(log)
    }
}

#[derive(Debug, Default)]
struct OfActivity {
    completed: u64,
    failed: u64,
    skipped: u64,
    retries: u64,
    rework: u64,
    cases: u64,
    since_previous: Vec<i64>,
    sojourn: Vec<i64>,
    service: Vec<i64>,
    waiting: Vec<i64>,
    caused: i64,
    cost: Spent,
}

#[derive(Debug, Default)]
struct OfResource {
    ended: u64,
    failed: u64,
    busy: i64,
}

#[derive(Debug, Default)]
struct Tally {
    cases: CaseFigures,
    durations: Vec<i64>,
    parts: Parts,
    activities: BTreeMap<Name, OfActivity>,
    resources: BTreeMap<Name, OfResource>,
}

impl Tally {
    fn case(&mut self, log: &Log, state: CaseState, events: &[crate::log::Event], steps: &[Step]) {
        self.cases.total += 1;
        match state {
            CaseState::Completed => self.cases.completed += 1,
            CaseState::Failed => self.cases.failed += 1,
            CaseState::Cancelled => self.cases.cancelled += 1,
            CaseState::Open => self.cases.open += 1,
        }
        let all_timed = events.iter().all(|event| event.at.is_some());
        let ends = (
            events.first().and_then(|event| event.at),
            events.last().and_then(|event| event.at),
        );
        if let ((Some(began), Some(ended)), true, true) =
            (ends, all_timed, state != CaseState::Open)
        {
            self.durations.push(ended - began);
            self.parts.add(&spans::parts(steps, began, ended));
        }
        let mut seen: BTreeMap<Name, u64> = BTreeMap::new();
        let mut ends: Vec<(Moment, Name)> = steps
            .iter()
            .filter_map(|step| Some((step.ended?, step.activity)))
            .collect();
        ends.sort_unstable();
        for pair in ends.windows(2) {
            let activity = self.activities.entry(pair[1].1).or_default();
            activity.since_previous.push(pair[1].0 - pair[0].0);
        }
        let mut failed: BTreeMap<Name, &Step> = BTreeMap::new();
        for step in steps {
            self.step(log, step, &mut seen);
            let back_off = failed
                .get(&step.activity)
                .and_then(|before| back_off(before, step));
            self.waiting(step, &ends, back_off.unwrap_or(0));
            if step.end == End::Failed {
                failed.insert(step.activity, step);
            }
        }
        for activity in seen.keys() {
            self.activities.entry(*activity).or_default().cases += 1;
        }
    }

    fn step(&mut self, log: &Log, step: &Step, seen: &mut BTreeMap<Name, u64>) {
        let activity = self.activities.entry(step.activity).or_default();
        let done = seen.entry(step.activity).or_default();
        match step.end {
            End::Completed => {
                activity.completed += 1;
                activity.rework += u64::from(*done > 0);
                *done += 1;
            }
            End::Failed => activity.failed += 1,
            End::Skipped => activity.skipped += 1,
            End::Cancelled | End::Open => {}
        }
        activity.retries += u64::from(step.attempt > 1 && step.end != End::Skipped);
        activity.sojourn.extend(step.sojourn());
        activity.service.extend(step.service());
        let currency = step.currency.map_or("", |name| log.names().text(name));
        activity.cost.add(step, currency);
        if let Some(resource) = step.resource {
            let resource = self.resources.entry(resource).or_default();
            let ended = matches!(step.end, End::Completed | End::Failed);
            resource.ended += u64::from(ended);
            resource.failed += u64::from(step.end == End::Failed);
            resource.busy += step.service().unwrap_or(0);
        }
    }

    /// What a step waited, charged to its cause: what waits to begin waits for that work of its case which ended
    /// last meanwhile, or for its own resource where none did; what stands still or backs off waits for itself.
    fn waiting(&mut self, step: &Step, ends: &[(Moment, Name)], back_off: i64) {
        let own = step.suspended() + back_off;
        let queued = step.queued();
        let activity = self.activities.entry(step.activity).or_default();
        if queued.is_some() || own > 0 {
            activity.waiting.push(queued.unwrap_or(0) + own);
        }
        activity.caused += own;
        let (Some(queued), Some(scheduled), Some(started)) = (queued, step.scheduled, step.started)
        else {
            return;
        };
        let meanwhile = &ends[..ends.partition_point(|(ended, _)| *ended <= started)];
        let meanwhile = meanwhile
            .iter()
            .rev()
            .take_while(|(ended, _)| *ended > scheduled);
        let mut others = meanwhile.filter(|(_, activity)| *activity != step.activity);
        let cause = others
            .next()
            .map_or(step.activity, |(_, activity)| *activity);
        self.activities.entry(cause).or_default().caused += queued;
    }

    fn finish(self, log: &Log) -> Performance {
        let name = |name: &Name| log.names().text(*name).to_owned();
        let sum = |of: fn(&OfActivity) -> u64| self.activities.values().map(of).sum::<u64>();
        let (completed, failed) = (sum(|one| one.completed), sum(|one| one.failed));
        let (retries, rework) = (sum(|one| one.retries), sum(|one| one.rework));
        let mut cost = Spent::default();
        self.activities
            .values()
            .for_each(|one| cost.merge(&one.cost));
        let bottlenecks = bottlenecks(log, &self.activities);
        let cases = self.cases;
        let hours = log
            .span()
            .map(|(first, last)| ms(last - first) / 3_600_000.0)
            .filter(|hours| *hours > 0.0);
        let parts = self.parts;
        let time = TimeParts {
            service: ms(parts.service),
            suspended: ms(parts.suspended),
            back_off: ms(parts.back_off),
            queue: ms(parts.queue),
            idle: ms(parts.idle),
        };
        let mut durations = self.durations;
        let mut activities: Vec<ActivityFigures> = self
            .activities
            .into_iter()
            .map(|(activity, one)| one.figures(name(&activity)))
            .collect();
        activities.sort_by(|one, other| one.name.cmp(&other.name));
        let mut resources: Vec<ResourceFigures> = self
            .resources
            .into_iter()
            .map(|(resource, one)| ResourceFigures {
                name: name(&resource),
                ended: one.ended,
                failed: one.failed,
                busy_ms: ms(one.busy),
            })
            .collect();
        resources.sort_by(|one, other| one.name.cmp(&other.name));
        Performance {
            cases,
            events: log.events().len() as u64,
            time_ms: (!durations.is_empty()).then_some(time),
            case_duration: Lengths::of(&mut durations),
            cases_per_hour: hours.map(|hours| as_float(cases.completed) / hours),
            completion_rate: ratio(cases.completed, cases.total),
            error_rate: ratio(failed, completed + failed),
            retry_rate: ratio(retries, completed + failed),
            rework_rate: ratio(rework, completed),
            cost,
            activities,
            resources,
            bottlenecks,
        }
    }
}

impl OfActivity {
    fn figures(mut self, name: String) -> ActivityFigures {
        ActivityFigures {
            name,
            completed: self.completed,
            failed: self.failed,
            skipped: self.skipped,
            retries: self.retries,
            rework: self.rework,
            cases: self.cases,
            since_previous: Lengths::of(&mut self.since_previous),
            sojourn: Lengths::of(&mut self.sojourn),
            service: Lengths::of(&mut self.service),
            waiting: Lengths::of(&mut self.waiting),
            waiting_caused_ms: ms(self.caused),
            cost: self.cost,
        }
    }
}

/// From a failed attempt to the beginning of the next.
fn back_off(failed: &Step, next: &Step) -> Option<i64> {
    let begins = next.scheduled.or(next.started)?;
    (failed.attempt < next.attempt).then_some((begins - failed.ended?).max(0))
}

fn bottlenecks(log: &Log, activities: &BTreeMap<Name, OfActivity>) -> Vec<Bottleneck> {
    let total: i64 = activities.values().map(|one| one.caused).sum();
    let mut found: Vec<Bottleneck> = activities
        .iter()
        .filter(|(_, one)| one.caused > 0)
        .map(|(activity, one)| Bottleneck {
            activity: log.names().text(*activity).to_owned(),
            waiting_caused_ms: ms(one.caused),
            share: ms(one.caused) / ms(total),
        })
        .collect();
    found.sort_by(|one, other| {
        let by_waiting = other.waiting_caused_ms.total_cmp(&one.waiting_caused_ms);
        by_waiting.then_with(|| one.activity.cmp(&other.activity))
    });
    found
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn as_float(count: u64) -> f64 {
    count as f64
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| as_float(part) / as_float(whole))
}
