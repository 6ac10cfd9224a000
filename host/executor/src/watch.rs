//! What somebody who looks on is told of a run while it goes.

use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{CallId, Recorded};
use menagerie_orchestration::run::Run;

/// Looks on. Called from the run's loop, so it must return at once.
pub trait Watcher: Send + Sync {
    /// This host has come to own the run, which is as it says and has not ended, and begins to drive
    /// it.
    fn taken(&self, run: &Run) {
        let _ = run;
    }
    /// Whether anybody listens: otherwise nothing need be kept to be told later.
    fn looks(&self) -> bool {
        true
    }
    /// These events are durable, and this is the run after them and what was made durable with them.
    fn committed(&self, run: &Run, events: &[Recorded]) {
        let _ = (run, events);
    }
    /// A call has a slot and enters its guest.
    fn entered(&self, call: &Call) {
        let _ = call;
    }
    /// A guest says how far it is. Not durable.
    fn progress(&self, call: CallId, step: &str, progress: &GuestProgress) {
        let _ = (call, step, progress);
    }
}

/// What a guest says while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum GuestProgress {
    /// How much is done, from 0 to 1.
    Fraction(f64),
    /// What is being done.
    Note(String),
    /// A piece of the answer.
    Chunk(String),
    /// A line for the log.
    Log {
        /// `trace`, `debug`, `info`, `warn` or `error`.
        level: &'static str,
        /// As the guest wrote it: escape it before showing it.
        message: String,
    },
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Watcher for Nobody {
    fn looks(&self) -> bool {
        false
    }
}
