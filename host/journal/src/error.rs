//! Owns what can go wrong with a store and with a commit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::digest::Digest;
use crate::record::{CallKey, RunKey};

/// Why a store cannot be opened, read or written at all. Cheap to clone, since one failed
/// transaction is the answer to everyone whose commit was in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something else is where the store should be.
    #[error("{} is not a Menagerie store: {reason}", path.display())]
    NotAStore {
        /// The file or folder that was looked at.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer Menagerie wrote it.
    #[error("the store {} has schema version {found}, and this program knows versions up to {supported}: use a newer Menagerie", path.display())]
    NewerStore {
        /// The store's file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version that this program knows.
        supported: u32,
    },
    /// Its file is not what was written there: pages are missing or mixed up. That of one run alone
    /// is [`Error::Damaged`].
    #[error("the store {} is damaged: {reason}; see `menagerie doctor --store`, or restore a backup", path.display())]
    DamagedStore {
        /// The store's folder.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// Nothing can be written there.
    #[error("the store {} cannot be written: {reason}", path.display())]
    ReadOnly {
        /// The store's folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// There is no room left. Nothing of the refused commit is stored.
    #[error("the disk that holds the store {} is full", path.display())]
    Full {
        /// The store's folder.
        path: PathBuf,
    },
    /// The disk below failed. Nothing of the refused commit was answered as stored.
    #[error("the disk that holds the store {} failed: {reason}", path.display())]
    Failing {
        /// The store's folder.
        path: PathBuf,
        /// What the engine said of it.
        reason: String,
    },
    /// Another process kept the store locked.
    #[error("the store {} was busy for {waited:?}{}", path.display(), told(holder.as_ref()))]
    Busy {
        /// The store's folder.
        path: PathBuf,
        /// How long this one waited.
        waited: Duration,
        /// Who has the lock, where the system says so.
        holder: Option<Holder>,
    },
    /// No such run.
    #[error("there is no run {run}")]
    UnknownRun {
        /// The run that was asked for.
        run: RunKey,
    },
    /// No such payload or blob.
    #[error("there is no content {digest} in {place}")]
    UnknownContent {
        /// The digest that was asked for.
        digest: Digest,
        /// Where it was looked for: a run or a namespace.
        place: String,
    },
    /// A run's records are not as they were written. Other runs are not affected.
    #[error("run {run} is damaged at event {seq}: {reason}")]
    Damaged {
        /// The run.
        run: RunKey,
        /// The first event that is not as it was written.
        seq: u64,
        /// What differs.
        reason: String,
    },
    /// What the store keeps of a run beside its events is not as it was written. Other runs are not affected.
    #[error("run {run} is damaged: {reason}")]
    DamagedRun {
        /// The run.
        run: RunKey,
        /// What was found.
        reason: String,
    },
    /// Stored content is not as it was written.
    #[error("content {digest} is damaged: {reason}")]
    DamagedContent {
        /// The digest that it should have.
        digest: Digest,
        /// What differs.
        reason: String,
    },
    /// A vacuum collected a file between its writing and the commit that was to refer to it.
    #[error("content {digest} was collected while it was being committed; try again")]
    VanishedContent {
        /// Its digest.
        digest: Digest,
    },
    /// A file that is no backup, or not a whole one.
    #[error("the backup {} cannot be used: {reason}", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something is where something new was to be made.
    #[error("{} is there already: {reason}", path.display())]
    Occupied {
        /// The file or folder.
        path: PathBuf,
        /// What was found, and what to do.
        reason: String,
    },
    /// An argument that no store could take.
    #[error("{0}")]
    Invalid(String),
    /// The system refused something.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The engine below refused something for a reason that has no variant of its own.
    #[error("{context}: {message}")]
    Engine {
        /// What was being done.
        context: String,
        /// What the engine said.
        message: String,
    },
    /// The journal was closed while it was being used.
    #[error("the journal is closed")]
    Closed,
}

/// The process that has a lock which others wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// As given when it opened the store, if it has.
    pub name: Option<String>,
    /// A signal has stopped it, so that it gives the lock up only when it goes on or ends.
    pub stopped: bool,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {}", self.pid)?;
        if let Some(name) = &self.name {
            write!(formatter, " ({name})")?;
        }
        formatter.write_str(" has it locked")?;
        if self.stopped {
            let pid = self.pid;
            write!(
                formatter,
                " and is stopped: let it go on (kill -CONT {pid}) or end it (kill -KILL {pid}), which loses \
                 nothing that was answered"
            )?;
        }
        Ok(())
    }
}

pub(crate) fn told(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!("; {holder}"))
}

/// Why a commit was refused. Nothing of its batch is stored then; other runs are not affected
/// unless it is [`CommitError::Store`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The run has more or fewer events than the caller believes.
    #[error("run {run} has {found} events, and the commit expected {expected}")]
    Sequence {
        /// The run.
        run: RunKey,
        /// What the caller expected.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The claim was released or taken over.
    #[error("run {run} is no longer owned by this claim (epoch {held}, now {current})")]
    StaleEpoch {
        /// The run.
        run: RunKey,
        /// The claim's epoch.
        held: u64,
        /// The run's epoch.
        current: u64,
    },
    /// The id is taken by a run with another input.
    #[error("run {run} was already started with another input (digest {existing}, not {given})")]
    OtherInput {
        /// The run.
        run: RunKey,
        /// Of the run that exists.
        existing: Digest,
        /// Of the one that was to be created.
        given: Digest,
    },
    /// The id is taken by an inbox entry with another text.
    #[error("run {run} already has an input {input_id:?} with another text")]
    OtherInboxText {
        /// The receiving run.
        run: RunKey,
        /// The id.
        input_id: String,
    },
    /// An acknowledgement of something that is not in the inbox.
    #[error("run {run} has no input {input_id:?} to acknowledge")]
    UnknownInput {
        /// The run.
        run: RunKey,
        /// The id.
        input_id: String,
    },
    /// An attempt that is executed again asks for something else than before.
    #[error("call {} of {}, attempt {}, in run {run} asked for {recorded} before and asks for {found} now",
            call.ordinal, call.step, call.attempt)]
    Nondeterministic {
        /// The run.
        run: RunKey,
        /// The call; boxed to keep the error small.
        call: Box<CallKey>,
        /// Digest of the request in the log.
        recorded: Digest,
        /// Digest of the request now.
        found: Digest,
    },
    /// An answer for a call that was not intended, or that has another answer already.
    #[error("call {} of {}, attempt {}, in run {run}: {reason}", call.ordinal, call.step, call.attempt)]
    CallLog {
        /// The run.
        run: RunKey,
        /// The call.
        call: CallKey,
        /// What is wrong.
        reason: &'static str,
    },
    /// The batch holds something that no store could take.
    #[error("the batch for run {run} is not acceptable: {reason}")]
    InvalidBatch {
        /// The run.
        run: RunKey,
        /// What is wrong.
        reason: String,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] Error),
}
