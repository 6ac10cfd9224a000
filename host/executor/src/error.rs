//! What can go wrong while runs are driven.

use menagerie_journal::{CommitError, Error as JournalError, Owner, RunKey};
use menagerie_orchestration::wire::WireError;

use crate::assemble::AssembleError;

/// Why a run cannot be started, resumed or driven on. The run itself is unharmed: what was
/// committed is there.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The store cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A commit was refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// An event of the run cannot be read.
    #[error("run {run}: event {seq} cannot be read")]
    Event {
        /// The run.
        run: RunKey,
        /// The event's position.
        seq: u64,
        /// Why.
        #[source]
        source: WireError,
    },
    /// A living process has the run.
    #[error("run {run} is being driven by {} (process {})", .owner.name, .owner.pid)]
    Owned {
        /// The run.
        run: RunKey,
        /// Who has it.
        owner: Owner,
    },
    /// Another process has taken the run from this one, which did not answer for a while.
    #[error(
        "run {run} was taken over{}: nothing that was committed is lost, and it goes on there",
        .by.as_ref().map_or_else(|| " by a process that has let go of it since".to_owned(), |by| format!(" by {} (process {})", by.name, by.pid))
    )]
    TakenOver {
        /// The run.
        run: RunKey,
        /// Who has it now, if anybody.
        by: Option<Owner>,
    },
    /// A mistake of the host, told by a panic.
    #[error("run {run}: the host panicked while driving it")]
    Panicked {
        /// The run.
        run: RunKey,
    },
    /// The run's flow or plugins cannot be used any more.
    #[error("run {run} cannot go on")]
    Assemble {
        /// The run.
        run: RunKey,
        /// Why.
        #[source]
        source: Box<AssembleError>,
    },
    /// The run lacks one of the things that it stays on.
    #[error("run {run} has no pinned {what}")]
    MissingPin {
        /// The run.
        run: RunKey,
        /// What is missing.
        what: String,
    },
    /// The run has no such place to go on from.
    #[error("run {run} cannot be forked at `{at}`: {reason}")]
    NoPlace {
        /// The run.
        run: RunKey,
        /// What was named.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The run has ended, and nothing can be added to it.
    #[error("run {run} has ended: it can be forked at a step or at a checkpoint that it has")]
    Ended {
        /// The run.
        run: RunKey,
    },
    /// What the machine made cannot be written: a mistake of the host.
    #[error("run {run}: an event cannot be written")]
    Encode {
        /// The run.
        run: RunKey,
        /// Why.
        #[source]
        source: WireError,
    },
}
