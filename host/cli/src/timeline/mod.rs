//! What happened when in a run: service, and waits by their cause.
//!
//! A step's life, from the decision that asked for it to its end, is cut into parts without gaps or
//! overlaps; so is the run's. Both are in whole milliseconds, as events have them, and add up exactly.

mod lives;
mod svg;
mod sweep;
mod text;

use menagerie_orchestration::event::Recorded;
use serde::Serialize;

pub(crate) use svg::svg;
pub(crate) use text::print;

/// What a stretch of time went into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// A guest worked.
    Service,
    /// The host: making durable, folding, starting.
    Host,
    /// Waited for a slot, or for its turn within the flow's width.
    Slot,
    /// Waited between two attempts.
    Retry,
    /// Waited for a person's answer.
    Gate,
    /// The run was paused.
    Pause,
    /// Nobody drove the run: between two owners, or between a run and its fork.
    Down,
    /// Was cut off by the end of its host, and done again.
    Lost,
    /// Waited for other steps, or for the strategy.
    Dependency,
}

impl Part {
    /// All of them; of two that go on at once in a run, the first is what its time went into.
    pub(crate) const ALL: [Self; 9] = [
        Self::Service,
        Self::Down,
        Self::Lost,
        Self::Slot,
        Self::Retry,
        Self::Pause,
        Self::Gate,
        Self::Host,
        Self::Dependency,
    ];

    /// For people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Host => "host",
            Self::Slot => "slot",
            Self::Retry => "retry",
            Self::Gate => "gate",
            Self::Pause => "pause",
            Self::Down => "down",
            Self::Lost => "lost",
            Self::Dependency => "dependency",
        }
    }
}

/// A stretch of time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Stretch {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) part: Part,
}

/// One step, or one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Life {
    /// The step's id, or `decision-<number>`.
    pub(crate) step: String,
    /// The agent that worked last.
    pub(crate) agent: String,
    /// How it ended; `open` if it has not.
    pub(crate) outcome: &'static str,
    /// Without gaps, in order.
    pub(crate) stretches: Vec<Stretch>,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Timeline {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// What the run's own time went into: without gaps, in order.
    pub(crate) run: Vec<Stretch>,
    /// In the order in which they were asked for.
    pub(crate) lives: Vec<Life>,
    /// Checkpoints, answers, forks: instants that explain the rest.
    pub(crate) marks: Vec<Mark>,
}

/// Something at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    pub(crate) at_ms: i64,
    pub(crate) what: String,
}

impl Timeline {
    /// Out of a run's events. What is still open is told up to the last of them.
    pub(crate) fn of<'event>(events: impl IntoIterator<Item = &'event Recorded>) -> Self {
        let told = lives::tell(events);
        Self {
            from_ms: told.from_ms,
            to_ms: told.to_ms,
            run: sweep::sweep(&told),
            lives: told.lives,
            marks: told.marks,
        }
    }
}

/// How much of each part there is, in milliseconds.
pub(crate) fn totals(stretches: &[Stretch]) -> Vec<(Part, i64)> {
    let sum = |part: Part| {
        let of_part = stretches.iter().filter(|stretch| stretch.part == part);
        of_part.map(|stretch| stretch.to_ms - stretch.from_ms).sum()
    };
    Part::ALL.map(|part| (part, sum(part))).to_vec()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
