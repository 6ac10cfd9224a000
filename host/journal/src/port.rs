//! Owns the port to any store: the one trait that the rest of the host sees.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};

use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::record::{
    Batch, CallKey, CallRecord, CallRow, Checkpoint, Fork, InboxEntry, NewRun, Pin, PinRow, RunKey,
    RunRow, StoredEvent, StoredSnapshot, Timer,
};

/// Runs, their events and all that goes with them, durably.
///
/// Every write is durable when its future yields `Ok`, and nothing of it is visible to any reader
/// before. A future that is dropped may or may not have written. Commits of one run are to be
/// awaited one after the other; those of different runs share transactions.
pub trait Journal: Send + Sync {
    /// Creates a run and appends its first events, or finds the one that is there. The same id with
    /// another input digest is [`CommitError::OtherInput`].
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>>;

    /// Creates a run that begins with another one's events and stays on the same pins, and appends
    /// the batch behind them; or finds the one that is there. Nothing of the new run depends on the
    /// other one afterwards. `run.pins` must be empty.
    fn fork(
        &self,
        run: NewRun,
        fork: Fork,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Created, CommitError>>;

    /// The places that a run can be forked at by name, oldest first.
    fn checkpoints(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<Checkpoint>, Error>>;

    /// Appends to a run that this journal handle has claimed: all of the batch or nothing.
    ///
    /// `expected_seq` is how many events the caller believes the run to have.
    fn commit(
        &self,
        claim: &Claim,
        expected_seq: u64,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// Writes to the call log outside of the run's sequence.
    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>>;

    /// One entry of the call log.
    fn call(&self, run: &RunKey, call: CallKey) -> BoxFuture<'_, Result<Option<CallRow>, Error>>;

    /// The call log of one attempt, by ordinal.
    fn calls(
        &self,
        run: &RunKey,
        step: &str,
        attempt: u32,
    ) -> BoxFuture<'_, Result<Vec<CallRow>, Error>>;

    /// Everything needed to go on with a run, read at one moment and verified.
    ///
    /// A snapshot of another `state_version`, or a damaged one, is passed over: then all events are there.
    fn load(&self, run: &RunKey, state_version: u32) -> BoxFuture<'_, Result<Loaded, Error>>;

    /// A page of at most `limit` events from `from_seq` on, verified; an empty one is the end.
    fn events(
        &self,
        run: &RunKey,
        from_seq: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, Error>>;

    /// Content that this run committed as a payload.
    fn payload(&self, run: &RunKey, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>>;

    /// Has a run stay on more than before, under names of their own. Whoever asks need not own the run:
    /// what is pinned is used only where an event says so. A name that is there already keeps its
    /// content, which must be the same.
    fn pin(&self, run: &RunKey, pins: Vec<Pin>) -> BoxFuture<'_, Result<(), CommitError>>;

    /// What the run stays on, by name.
    fn pins(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<PinRow>, Error>>;

    /// Content that some run of the namespace is pinned to.
    fn blob(&self, namespace: &str, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>>;

    /// Takes ownership of a run, unless a living owner (this handle included) has it.
    fn claim(&self, run: &RunKey) -> BoxFuture<'_, Result<Claimed, Error>>;

    /// Takes a run from an owner that lives and does not answer. `epoch` is the [`Owner::epoch`] that
    /// the caller has seen: if the run has changed hands since, this is [`claim`](Self::claim).
    ///
    /// The old owner may be under way still. Whatever it commits is refused; what it does outside of
    /// the store, it does as one that crashed.
    fn take_over(&self, run: &RunKey, epoch: u64) -> BoxFuture<'_, Result<Claimed, Error>>;

    /// Gives ownership up; the claim's epoch is refused from then on.
    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Who owns the run now, if its owner is alive.
    fn owner(&self, run: &RunKey) -> BoxFuture<'_, Result<Option<Owner>, Error>>;

    /// Hands an input to a run that anybody may own. `false` when the same input was there already.
    fn put_inbox(
        &self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> BoxFuture<'_, Result<bool, CommitError>>;

    /// The inputs that were not acknowledged yet, past a position (0 for all), in order of arrival.
    fn take_inbox(&self, run: &RunKey, after: u64)
    -> BoxFuture<'_, Result<Vec<InboxEntry>, Error>>;

    /// Those of this handle's own runs that have something in their inbox.
    fn mail(&self) -> BoxFuture<'_, Result<Vec<RunKey>, Error>>;

    /// At most `limit` runs that somebody should drive now and nobody does: those whose timers are due
    /// come first, in due order, then those with mail, then the others as they were created. A hint:
    /// whoever claims one may find that somebody was quicker.
    ///
    /// Costs nothing for runs that wait.
    fn runnable(&self, now_ms: u64, limit: usize) -> BoxFuture<'_, Result<Runnable, Error>>;

    /// The last sign of life of every other process that has the store open and still exists.
    ///
    /// A process gives one whenever it creates or [claims](Self::claim) a run, asks for
    /// [mail](Self::mail) or for [runs](Self::runnable), and as it [advances](Self::beat) with something
    /// long, reading a run's events for one. Whether a sign is too old is for the caller to say: it is no time, and
    /// to be compared with an earlier one of the same process alone.
    fn pulses(&self) -> BoxFuture<'_, Result<Vec<Pulse>, Error>>;

    /// Gives a sign of life. For whoever works at something that may take long, each time that it has
    /// advanced: never by a clock, since one that hangs must fall silent.
    fn beat(&self);

    /// The unfinished runs that this process owns, each with the [epoch](Owner::epoch) under which it
    /// does. Costs as much as there are unfinished runs.
    fn owned_by(&self, process: &str) -> BoxFuture<'_, Result<Vec<(RunKey, u64)>, Error>>;

    /// Every process that has the store open, this one included.
    fn processes(&self) -> BoxFuture<'_, Result<Vec<Owner>, Error>>;

    /// Changes whenever another process, or this one, has rung. Nothing is told but that: the store
    /// has the truth. A ring may be lost, so look from time to time all the same.
    fn listen(&self, hears: Hears) -> Bell;

    /// Rings at everybody who listens. To be called when an inbox has something new, and when a run
    /// may be taken up.
    fn ring(&self);

    /// One run as it is listed.
    fn run(&self, run: &RunKey) -> BoxFuture<'_, Result<RunRow, Error>>;

    /// Runs, the newest first.
    fn runs(&self, filter: RunFilter, page: Page) -> BoxFuture<'_, Result<RunPage, Error>>;

    /// Tells of every commit made through this handle after it is durable. One who does not keep up
    /// gets [`broadcast::error::RecvError::Lagged`] and reads the events instead.
    fn subscribe(&self) -> broadcast::Receiver<Notice>;

    /// Reads a whole run and its content, checking every hash, and that an event tells of every checkpoint.
    fn verify(&self, run: &RunKey) -> BoxFuture<'_, Result<Verified, Error>>;

    /// Does so for all runs of all namespaces, and checks the store's own structure. Damage is in
    /// the report; an error means that it could not be made.
    fn verify_all(&self) -> BoxFuture<'_, Result<StoreReport, Error>>;
}

/// The right to append to a run, until it is released, or its owner's process dies and another
/// takes it over. Only a journal makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub(crate) key: RunKey,
    pub(crate) epoch: u64,
    /// The store's own number of the run, which spares a lookup by text in every commit.
    pub(crate) place: Place,
}

/// Where a store keeps a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Place {
    pub(crate) namespace: i64,
    pub(crate) run: i64,
}

impl Claim {
    /// The run.
    pub fn key(&self) -> &RunKey {
        &self.key
    }

    /// Rises with every change of ownership.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// The answer to [`Journal::create`].
#[derive(Debug, Clone)]
pub enum Created {
    /// The run was created, and is owned by the caller.
    New(Claim, Committed),
    /// It was there already, with the same input.
    Existing(RunRow),
}

/// The answer to [`Journal::claim`].
#[derive(Debug, Clone)]
pub enum Claimed {
    /// It is the caller's now.
    Yours(Claim),
    /// A living owner has it.
    OwnedBy(Owner),
}

/// Who owns a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// As given when its journal was opened, such as `menagerie run`.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// The epoch under which it owns the run that was asked for; 0 where none was.
    pub epoch: u64,
    /// It is the handle that was asked.
    pub own: bool,
}

/// One entry of [`Journal::pulses`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// What the store calls the process: unique for ever.
    pub process: String,
    /// Who that is, for people.
    pub owner: Owner,
    /// Another number after each sign of life.
    pub beat: u64,
}

/// The answer to [`Journal::runnable`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runnable {
    /// The runs.
    pub runs: Vec<RunKey>,
    /// When the next one will have something to do, if time alone makes that so: milliseconds since
    /// the Unix epoch.
    pub next_ms: Option<u64>,
}

/// What one who listens wants to be rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// Inboxes and runs to be taken up.
    Mail,
    /// Commits, too. Costs whoever commits a little.
    Commits,
}

/// The end of a bell wire.
#[derive(Debug, Clone)]
pub struct Bell {
    /// Changes with every ring.
    pub rung: watch::Receiver<()>,
    /// Whether rings of other processes arrive; where they do not, looking is all there is.
    pub wired: bool,
}

/// The answer to [`Journal::commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// How many events the run has now.
    pub next_seq: u64,
    /// The hash of the last one.
    pub head_hash: Digest,
}

/// The answer to [`Journal::load`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The run as it is listed.
    pub row: RunRow,
    /// Where to begin.
    pub snapshot: Option<StoredSnapshot>,
    /// All events after the snapshot, or all of them.
    pub events: Vec<StoredEvent>,
    /// In due order.
    pub timers: Vec<Timer>,
    /// Not acknowledged yet, in order of arrival.
    pub inbox: Vec<InboxEntry>,
    /// The hash of the last event.
    pub head_hash: Digest,
}

/// Which runs to list; an empty filter lists all of them.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// Only those of this flow.
    pub flow: Option<String>,
    /// Only those with this status text.
    pub status: Option<String>,
    /// Only those that are over, or only those that are not.
    pub ended: Option<bool>,
    /// Only children of this run.
    pub parent: Option<String>,
    /// Only runs without a parent.
    pub topmost: bool,
    /// Only those of this session.
    pub session: Option<String>,
}

/// Which part of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// [`RunPage::next`] of the page before.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            after: None,
            limit: 100,
        }
    }
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPage {
    /// The runs.
    pub rows: Vec<RunRow>,
    /// Where the next part begins, if there may be one.
    pub next: Option<u64>,
}

/// A run has new events, and they are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The run.
    pub run: RunKey,
    /// How many events it has now.
    pub next_seq: u64,
}

/// A run that is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many events were checked.
    pub events: u64,
    /// How many payloads, recorded answers and pinned contents were checked.
    pub contents: u64,
    /// The hash of the last event.
    pub head_hash: Digest,
}

/// What [`Journal::verify_all`] found.
#[derive(Debug, Clone, Default)]
pub struct StoreReport {
    /// How many runs were read.
    pub runs: u64,
    /// How many events they have.
    pub events: u64,
    /// How many contents were checked.
    pub contents: u64,
    /// Each damaged run and what is wrong with it.
    pub damaged: Vec<(RunKey, Error)>,
    /// What the engine below says of its file; empty when it is sound.
    pub engine: Vec<String>,
    /// How many checkpoints were compared with their events.
    pub checkpoints: u64,
    /// How many runs were forked from others.
    pub forks: u64,
    /// What belongs to nothing and does no harm, such as a file left by a crash: `vacuum` collects it.
    pub orphans: Vec<String>,
}
