//! From events to pieces of work: which end belongs to which start.

use rustc_hash::FxHashMap;

use crate::event::Lifecycle;
use crate::log::{Event, Moment, Name, Transition};

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It is not over, as far as the log goes.
    Open,
    /// Well.
    Completed,
    /// It failed; another attempt may follow.
    Failed,
    /// Its case was cancelled.
    Cancelled,
    /// It was skipped.
    Skipped,
}

/// A piece of work: one attempt of one activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What was done.
    pub activity: Name,
    /// Who did it, as far as is said at any of its events.
    pub resource: Option<Name>,
    /// The number of the try.
    pub attempt: u32,
    /// When it was asked for.
    pub scheduled: Option<Moment>,
    /// When service began.
    pub started: Option<Moment>,
    /// When it was over.
    pub ended: Option<Moment>,
    /// How it ended.
    pub end: End,
    /// From and to of each time that service stopped.
    pub suspensions: Vec<(Moment, Moment)>,
    /// Money, in millionths.
    pub cost_micros: Option<i64>,
    /// Of which currency.
    pub currency: Option<Name>,
    /// Tokens of language models.
    pub tokens: u64,
    /// Fuel of guest code.
    pub fuel: u64,
    instance: Option<Name>,
    suspended_at: Option<Moment>,
}

impl Step {
    fn new(event: &Event) -> Self {
        Self {
            activity: event.activity,
            resource: None,
            attempt: event.attempt,
            scheduled: None,
            started: None,
            ended: None,
            end: End::Open,
            suspensions: Vec::new(),
            cost_micros: None,
            currency: None,
            tokens: 0,
            fuel: 0,
            instance: event.instance,
            suspended_at: None,
        }
    }

    /// From start to end, in microseconds.
    #[must_use]
    pub fn sojourn(&self) -> Option<i64> {
        let (started, ended) = (self.started?, self.ended?);
        Some(ended.saturating_sub(started).max(0))
    }

    /// Time between start and end in which it stood still.
    #[must_use]
    pub fn suspended(&self) -> i64 {
        self.suspensions
            .iter()
            .map(|(from, to)| to.saturating_sub(*from).max(0))
            .sum()
    }

    /// From start to end without the time in which it stood still.
    #[must_use]
    pub fn service(&self) -> Option<i64> {
        self.sojourn()
            .map(|sojourn| (sojourn - self.suspended()).max(0))
    }

    /// From being asked for to its start.
    #[must_use]
    pub fn queued(&self) -> Option<i64> {
        let (scheduled, started) = (self.scheduled?, self.started?);
        Some(started.saturating_sub(scheduled).max(0))
    }
}

/// The pieces of work of one case, in the order of their first events.
///
/// Ends are paired with starts of the same activity by `concept:instance` where the events have one, else
/// with the earliest that is open. An end without a start is a piece of work of no measured length.
#[must_use]
pub fn steps(events: &[Event]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // The open ones of each activity and instance, the earliest first.
    let mut open: FxHashMap<(Name, Option<Name>), Vec<usize>> = FxHashMap::default();
    for event in events {
        let lifecycle = match event.transition {
            Transition::Absent => Lifecycle::Complete,
            Transition::Standard(lifecycle) => lifecycle,
            Transition::Other => continue,
        };
        let open = open.entry((event.activity, event.instance)).or_default();
        let find = |started: bool| {
            open.iter()
                .position(|step| steps[*step].started.is_some() == started)
        };
        let found = match lifecycle {
            Lifecycle::Schedule => None,
            Lifecycle::Assign | Lifecycle::Start => find(false),
            Lifecycle::Suspend => find(true),
            Lifecycle::Resume => open
                .iter()
                .position(|step| steps[*step].suspended_at.is_some()),
            _ => find(true).or_else(|| find(false)),
        };
        let found = found.unwrap_or_else(|| {
            steps.push(Step::new(event));
            open.push(steps.len() - 1);
            open.len() - 1
        });
        let step = &mut steps[open[found]];
        take_in(step, event, lifecycle);
        if step.end != End::Open {
            open.remove(found);
        }
    }
    steps
}

fn take_in(step: &mut Step, event: &Event, lifecycle: Lifecycle) {
    step.resource = event.resource.or(step.resource);
    step.attempt = step.attempt.max(event.attempt);
    match lifecycle {
        Lifecycle::Schedule | Lifecycle::Assign => step.scheduled = step.scheduled.or(event.at),
        Lifecycle::Start => step.started = event.at,
        Lifecycle::Suspend => step.suspended_at = event.at,
        Lifecycle::Resume => resume(step, event.at),
        Lifecycle::Complete => step.end = End::Completed,
        Lifecycle::AteAbort => step.end = End::Failed,
        Lifecycle::PiAbort => step.end = End::Cancelled,
        Lifecycle::AutoSkip | Lifecycle::ManualSkip => step.end = End::Skipped,
    }
    if step.end != End::Open {
        step.ended = event.at;
        resume(step, event.at);
    }
    // What a step cost is known at its end; where several of its events say it, the last one does.
    if event.cost_micros.is_some() {
        step.cost_micros = event.cost_micros;
        step.currency = event.currency;
    }
    step.tokens = event.tokens.unwrap_or(step.tokens);
    step.fuel = event.fuel.unwrap_or(step.fuel);
}

fn resume(step: &mut Step, at: Option<Moment>) {
    if let (Some(from), Some(to)) = (step.suspended_at.take(), at) {
        step.suspensions.push((from, to));
    }
}
