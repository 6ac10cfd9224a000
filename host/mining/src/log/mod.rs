//! An event log in memory, small and quick: names are numbers, events are rows, cases are ranges of them.
//!
//! It holds what mining needs and nothing else; a file with everything that it says is a
//! [`Document`](crate::document). Logs come from documents, from tables, from a host's own
//! [`Case`](crate::Case)s, or from a [`Builder`].

use crate::event::{CaseState, Lifecycle};

mod build;
mod names;
mod select;
mod variants;

pub use build::{Builder, Draft};
pub use names::{Name, Names};
pub use select::{Occurrences, Selection};
pub use variants::{Activity, Variant, Variants};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Moment = i64;

/// A length of time in milliseconds.
#[allow(clippy::cast_precision_loss, reason = "2^53 µs are 285 years")]
pub(crate) fn ms(micros: i64) -> f64 {
    micros as f64 / 1e3
}

/// What a log says happened to a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transition {
    /// Nothing: such an event is taken as work that is done.
    #[default]
    Absent,
    /// A transition of the standard model.
    Standard(Lifecycle),
    /// A word that the standard model does not have.
    Other,
}

impl Transition {
    /// Reads the word of a log; upper and lower case are the same.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let known = Lifecycle::ALL
            .into_iter()
            .find(|lifecycle| lifecycle.as_str().eq_ignore_ascii_case(text));
        match known {
            Some(lifecycle) => Self::Standard(lifecycle),
            None if text.is_empty() => Self::Absent,
            None => Self::Other,
        }
    }

    /// Whether the work is done with this event.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Absent | Self::Standard(Lifecycle::Complete))
    }
}

/// One event. Names are numbers in [`Log::names`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// What was done.
    pub activity: Name,
    /// Who did it.
    pub resource: Option<Name>,
    /// Pairs the start of a piece of work with its end.
    pub instance: Option<Name>,
    /// Where in its life the work is.
    pub transition: Transition,
    /// When.
    pub at: Option<Moment>,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// Money, in millionths of its currency's unit.
    pub cost_micros: Option<i64>,
    /// Of which currency; a log need not say.
    pub currency: Option<Name>,
    /// Tokens of language models.
    pub tokens: Option<u64>,
    /// Fuel of guest code.
    pub fuel: Option<u64>,
}

/// One case: its name, how it stands, and which events are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseRow {
    /// Its name.
    pub id: Name,
    /// How it stands; a log of others does not say, and its cases count as completed.
    pub state: CaseState,
    first: u32,
    count: u32,
}

/// A log: cases in the order of their first mention, events of a case in the order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    names: Names,
    cases: Vec<CaseRow>,
    events: Vec<Event>,
    untimed: u64,
}

impl Log {
    /// What the numbers of names stand for.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The cases.
    #[must_use]
    pub fn cases(&self) -> &[CaseRow] {
        &self.cases
    }

    /// All events, those of a case side by side.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events of one case.
    #[must_use]
    pub fn events_of(&self, case: &CaseRow) -> &[Event] {
        &self.events[case.first as usize..][..case.count as usize]
    }

    /// How many events say no time. What needs times is not computed over their cases.
    #[must_use]
    pub fn untimed(&self) -> u64 {
        self.untimed
    }

    /// The first and the last moment.
    #[must_use]
    pub fn span(&self) -> Option<(Moment, Moment)> {
        let mut times = self.events.iter().filter_map(|event| event.at);
        let first = times.next()?;
        Some(times.fold((first, first), |(low, high), at| {
            (low.min(at), high.max(at))
        }))
    }
}
