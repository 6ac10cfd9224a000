//! Starting, resuming and steering runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use menagerie_journal::{
    Claim, Claimed, CommitError, Created, Digest, Journal, NewRun, Pin, RunKey, RunRow, Status,
};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Pins, Recorded};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::{Flow, RunLimits};
use menagerie_orchestration::input::{Input, Start, Wish};
use menagerie_orchestration::run::{Run, SNAPSHOT_VERSION};
use menagerie_sandbox::Catalogue;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::assemble::{Assembled, missing_secrets};
use crate::clock::Clock;
use crate::driver::{Driver, InboxWish, Stopped, Surroundings};
use crate::error::ExecutorError;
use crate::gate::{Gate, GateConfig};
use crate::guests::{GuestAnswer, Guests};
use crate::library::Library;
use crate::mailroom::Mailroom;
use crate::pinned;
use crate::store::{self, Known, Outstanding};
use crate::wasm::WasmGuests;
use crate::watch::{Nobody, Watcher};

/// What a host is made of.
pub struct HostParts {
    /// Where runs are kept.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many calls run and wait at once.
    pub gate: GateConfig,
    /// How often to look for mail, once for all runs, where nobody rings.
    pub inbox_interval: Duration,
}

/// Drives runs. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    pub(crate) around: Surroundings,
    look_interval: Duration,
}

/// A run to begin.
pub struct BeginRun {
    /// Its key; its id is not authority for anything.
    pub key: RunKey,
    /// What it is given.
    pub input: Document,
    /// The session that it is filed under.
    pub session: Option<String>,
}

/// What became of a run that was to begin.
pub enum Began {
    /// It was driven until this happened.
    Driven(Box<Run>, Stopped),
    /// It was there already, with the same input.
    Existing(Box<RunRow>),
}

/// What became of a run that was to begin without being driven.
#[derive(Debug)]
pub enum Detached {
    /// It is in the store, and waits for somebody to drive it.
    Queued,
    /// It was there already, with the same input.
    Existing(Box<RunRow>),
}

/// From whom a run may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakeFrom {
    /// From nobody: an owner that lives keeps it.
    #[default]
    Nobody,
    /// From this very process, which has lost sight of it: giving it up has failed, say.
    Itself,
    /// From whoever has it, alive or not. What the old owner commits from then on is refused.
    Anybody,
}

/// A run that has just been created, and is owned.
struct Fresh {
    claim: Claim,
    run: Run,
    known: Known,
    recorded: Vec<Recorded>,
}

/// What a run needs besides its input, however its guests are made.
struct Frame {
    flow: Arc<Flow>,
    limits: RunLimits,
    pins: Pins,
    content: Vec<Pin>,
    input_digest: Digest,
}

impl Frame {
    fn of(assembled: &Assembled, input: &Document) -> Self {
        Self {
            flow: assembled.flow.clone(),
            limits: assembled.limits.clone(),
            pins: assembled.pins(),
            content: assembled.pinned_content(),
            input_digest: assembled.input_digest(input),
        }
    }

    fn bare(flow: Arc<Flow>, input: &Document) -> Self {
        Self {
            limits: flow.limits.clone(),
            flow,
            pins: Pins::default(),
            content: Vec::new(),
            input_digest: Digest::of(input.to_text().as_bytes()),
        }
    }
}

impl Host {
    /// A host that drives nothing yet.
    #[must_use]
    pub fn new(parts: HostParts) -> Self {
        Self {
            around: Surroundings {
                mailroom: Mailroom::new(parts.journal.clone(), parts.inbox_interval),
                journal: parts.journal,
                gate: Gate::new(parts.gate),
                clock: parts.clock,
                asleep_after: None,
                stop: CancellationToken::new(),
            },
            look_interval: parts.inbox_interval,
        }
    }

    /// The same host, but a run that would do nothing for longer than this is put down:
    /// [`Stopped::Asleep`]. For those who come back when its time has come.
    #[must_use]
    pub fn putting_down(mut self, asleep_after: Duration) -> Self {
        self.around.asleep_after = Some(asleep_after);
        self
    }

    pub(crate) fn around(&self) -> &Surroundings {
        &self.around
    }

    /// How often to look whether anything is to be done, where nobody rings.
    pub(crate) fn look_interval(&self) -> Duration {
        self.look_interval
    }

    /// Cancelled, it lets every loop of the host park its run and end.
    #[must_use]
    pub fn stopper(&self) -> CancellationToken {
        self.around.stop.clone()
    }

    /// The admission gate.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.around.gate
    }

    /// Where runs are kept.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.around.journal
    }

    /// Begins a run of an assembled flow and drives it until it ends or waits.
    ///
    /// To let go of a run before that, cancel the [`stopper`](Self::stopper). Dropping the future
    /// ends the run's calls too, but as a crash would: this host's journal owns the run until it
    /// is closed, and calls that were under way count as ones that ended their host.
    ///
    /// # Errors
    /// When the store refuses it, or its id is taken by a run with another input.
    pub async fn begin(
        &self,
        catalogue: &Catalogue,
        assembled: &Assembled,
        begin: BeginRun,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Began, ExecutorError> {
        let frame = Frame::of(assembled, &begin.input);
        let guests = self.wasm_guests(catalogue, assembled, watcher.clone());
        self.begin_framed(frame, begin, watcher, guests).await
    }

    /// Begins a run of an assembled flow and leaves it to whoever drives the runs of the store. The
    /// run that is there already, if there is one, is left as it is.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_detached(
        &self,
        assembled: &Assembled,
        begin: BeginRun,
    ) -> Result<Detached, ExecutorError> {
        self.detach(Frame::of(assembled, &begin.input), begin).await
    }

    /// As [`begin_detached`](Self::begin_detached), for a run whose guests are somebody else's.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_detached_with(
        &self,
        flow: Arc<Flow>,
        begin: BeginRun,
    ) -> Result<Detached, ExecutorError> {
        self.detach(Frame::bare(flow, &begin.input), begin).await
    }

    async fn detach(&self, frame: Frame, begin: BeginRun) -> Result<Detached, ExecutorError> {
        // Should this process die before it lets go, the run is free all the same.
        let created = self.create(frame, begin, Some(store::queued())).await?;
        let fresh = match created {
            Ok(fresh) => fresh,
            Err(row) => return Ok(Detached::Existing(row)),
        };
        self.around.journal.release(fresh.claim).await?;
        self.around.journal.ring();
        Ok(Detached::Queued)
    }

    /// Begins a run whose guests are somebody else's: a test's or a benchmark's.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_with(
        &self,
        flow: Arc<Flow>,
        guests: Arc<dyn Guests>,
        begin: BeginRun,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Began, ExecutorError> {
        let frame = Frame::bare(flow, &begin.input);
        self.begin_framed(frame, begin, watcher, |_, _| guests.clone())
            .await
    }

    /// Makes the guests of a run that this host has come to own.
    fn wasm_guests(
        &self,
        catalogue: &Catalogue,
        assembled: &Assembled,
        watcher: Arc<dyn Watcher>,
    ) -> impl Fn(u64, &Claim) -> Arc<dyn Guests> {
        move |seed, claim| {
            let engine = catalogue.engine().clone();
            let (claim, watcher) = (claim.clone(), watcher.clone());
            let guests = WasmGuests::new(engine, assembled, seed, &self.around, claim, watcher);
            Arc::new(guests)
        }
    }

    async fn begin_framed(
        &self,
        frame: Frame,
        begin: BeginRun,
        watcher: Arc<dyn Watcher>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
    ) -> Result<Began, ExecutorError> {
        let flow = frame.flow.clone();
        let fresh = match self.create(frame, begin, None).await? {
            Ok(fresh) => fresh,
            Err(row) => return Ok(Began::Existing(row)),
        };
        watcher.committed(&fresh.run, &fresh.recorded);
        let key = fresh.claim.key().clone();
        let made = guests(fresh.run.seed(), &fresh.claim);
        let driver = Driver::new(
            self.around.clone(),
            made,
            watcher.clone(),
            fresh.claim,
            fresh.run,
            fresh.known,
        );
        let driven = driver.drive(Vec::new()).await;
        let driven = self.unless_taken_over(&key, driven).await?;
        let (run, stopped) = self
            .unless_mail(&key, flow, watcher, guests, driven)
            .await?;
        Ok(Began::Driven(Box::new(run), stopped))
    }

    /// Creates a run with its first events, listed as `listed` or as it stands; or finds it there.
    async fn create(
        &self,
        frame: Frame,
        begin: BeginRun,
        listed: Option<Status>,
    ) -> Result<Result<Fresh, Box<RunRow>>, ExecutorError> {
        let mut run = Run::new(frame.flow.clone());
        let start = Input::Start(Box::new(Start {
            run: begin.key.run.to_string(),
            input: begin.input,
            seed: seed_of(&begin.key),
            limits: frame.limits,
            pins: frame.pins,
        }));
        let now = self.around.clock.now();
        let recorded = run.advance(&[start], now);
        let status = listed.unwrap_or_else(|| store::status_of(&run));
        let mut known = Known::default();
        let mut batch = store::batch(&begin.key, &run, &recorded)?;
        known.change(&Outstanding::of(&run), &mut batch);
        batch.status = known.changed(status.clone());
        let new = NewRun {
            key: begin.key,
            input_digest: frame.input_digest,
            flow: frame.flow.name.clone(),
            parent: None,
            path: String::new(),
            session: begin.session,
            labels: std::collections::BTreeMap::new(),
            status,
            created_at_ms: u64::try_from(now.0).unwrap_or(0),
            pins: frame.content,
        };
        Ok(match self.around.journal.create(new, batch).await? {
            Created::New(claim, _) => Ok(Fresh {
                claim,
                run,
                known,
                recorded,
            }),
            Created::Existing(row) => Err(Box::new(row)),
        })
    }

    /// Takes a run up where its journal ends, and drives it until it ends or waits.
    ///
    /// # Errors
    /// When somebody drives it, or its journal or its plugins cannot be used.
    pub async fn resume(
        &self,
        catalogue: &Catalogue,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let library = Library::new(catalogue.clone(), 1);
        self.resume_from(&library, key, watcher, TakeFrom::Nobody)
            .await
    }

    /// As [`resume`](Self::resume), with plugins that other runs have in common with this one, and
    /// from somebody else if need be.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_from(
        &self,
        library: &Library,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let assembled = library.assembled(&*self.around.journal, key).await?;
        let mut missing = missing_secrets(library.catalogue().engine(), &assembled.flow);
        if !missing.is_empty() {
            return Err(ExecutorError::Assemble {
                run: key.clone(),
                source: Box::new(missing.remove(0)),
            });
        }
        let guests = self.wasm_guests(library.catalogue(), &assembled, watcher.clone());
        self.resume_framed(key, assembled.flow.clone(), watcher, guests, from)
            .await
    }

    /// Takes up a run whose guests are somebody else's.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_with(
        &self,
        flow: Arc<Flow>,
        guests: Arc<dyn Guests>,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        self.resume_with_from(flow, guests, key, watcher, TakeFrom::Nobody)
            .await
    }

    /// Takes up a run whose guests are somebody else's, and from somebody else if need be.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_with_from(
        &self,
        flow: Arc<Flow>,
        guests: Arc<dyn Guests>,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        self.resume_framed(key, flow, watcher, |_, _| guests.clone(), from)
            .await
    }

    /// Takes a run up only to fold in what lies in its inbox, and puts it down: its plugins are not
    /// needed, and no guest runs.
    ///
    /// # Errors
    /// When somebody drives it, or its journal cannot be used.
    pub async fn fold_in_mail(&self, key: &RunKey) -> Result<(Run, Stopped), ExecutorError> {
        let flow = pinned::flow(&*self.around.journal, key).await?.0;
        let mut stopped = self.clone();
        stopped.around.stop = CancellationToken::new();
        stopped.around.stop.cancel();
        let driven = stopped
            .resume_with(flow, Arc::new(NoGuests), key, Arc::new(Nobody))
            .await?;
        if driven.1 == Stopped::Parked {
            // Somebody else may go on with it.
            self.around.journal.ring();
        }
        Ok(driven)
    }

    async fn resume_framed(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
        watcher: Arc<dyn Watcher>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let claim = self.claim(key, from).await?;
        let driven = self.drive_claimed(claim, &flow, &watcher, &guests).await?;
        self.unless_mail(key, flow, watcher, guests, driven).await
    }

    /// Goes on with a run that stopped to wait while a wish was being put into its inbox. Whoever
    /// put it there may have found the run owned, and counts on its owner.
    async fn unless_mail(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
        watcher: Arc<dyn Watcher>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
        mut driven: (Run, Stopped),
    ) -> Result<(Run, Stopped), ExecutorError> {
        while matches!(driven.1, Stopped::Waiting | Stopped::Asleep)
            && !self.around.journal.take_inbox(key, 0).await?.is_empty()
        {
            let claim = match self.claim(key, TakeFrom::Nobody).await {
                Err(ExecutorError::Owned { .. }) => return Ok(driven),
                claim => claim?,
            };
            driven = self.drive_claimed(claim, &flow, &watcher, &guests).await?;
        }
        Ok(driven)
    }

    /// Comes to own a run.
    async fn claim(&self, key: &RunKey, from: TakeFrom) -> Result<Claim, ExecutorError> {
        let journal = &self.around.journal;
        let mut claimed = journal.claim(key).await?;
        if let Claimed::OwnedBy(owner) = &claimed
            && (from == TakeFrom::Anybody || from == TakeFrom::Itself && owner.own)
        {
            claimed = journal.take_over(key, owner.epoch).await?;
        }
        match claimed {
            Claimed::Yours(claim) => Ok(claim),
            Claimed::OwnedBy(owner) => Err(ExecutorError::Owned {
                run: key.clone(),
                owner,
            }),
        }
    }

    /// Says who has a run that was taken from this host while it was driving it.
    async fn unless_taken_over<T>(
        &self,
        key: &RunKey,
        driven: Result<T, ExecutorError>,
    ) -> Result<T, ExecutorError> {
        match driven {
            Err(ExecutorError::Commit(CommitError::StaleEpoch { run, .. })) => {
                let by = self.around.journal.owner(key).await?;
                Err(ExecutorError::TakenOver { run, by })
            }
            driven => driven,
        }
    }

    async fn drive_claimed(
        &self,
        claim: Claim,
        flow: &Arc<Flow>,
        watcher: &Arc<dyn Watcher>,
        guests: &impl Fn(u64, &Claim) -> Arc<dyn Guests>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let key = &claim.key().clone();
        let (run, known, clean) = match self.load_claimed(key, flow.clone()).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.around.journal.release(claim).await?;
                return Err(error);
            }
        };
        let first = if clean {
            Vec::new()
        } else {
            vec![Input::Recovered]
        };
        let guests = guests(run.seed(), &claim);
        if !run.status().is_final() {
            watcher.taken(&run);
        }
        let driver = Driver::new(
            self.around.clone(),
            guests,
            watcher.clone(),
            claim,
            run,
            known,
        );
        self.unless_taken_over(key, driver.drive(first).await).await
    }

    pub(crate) async fn load_claimed(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
    ) -> Result<(Run, Known, bool), ExecutorError> {
        let journal = &*self.around.journal;
        let loaded = journal.load(key, SNAPSHOT_VERSION).await?;
        let known = Known::stored(&loaded.timers, &loaded.row.status);
        let clean = store::was_at_rest(&loaded.row.status);
        let run = store::fold(journal, key, flow, loaded).await?;
        Ok((run, known, clean))
    }

    /// The flow that a run stays on.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn flow(&self, key: &RunKey) -> Result<Arc<Flow>, ExecutorError> {
        Ok(pinned::flow(&*self.around.journal, key).await?.0)
    }

    /// A run as its journal has it, for looking at.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub async fn load(&self, key: &RunKey) -> Result<Run, ExecutorError> {
        let journal = &*self.around.journal;
        let flow = pinned::flow(journal, key).await?.0;
        let loaded = journal.load(key, SNAPSHOT_VERSION).await?;
        store::fold(journal, key, flow, loaded).await
    }

    /// The events of a run from a position on, with their positions.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub async fn events(
        &self,
        key: &RunKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Recorded)>, ExecutorError> {
        let journal = &*self.around.journal;
        let mut events = Vec::new();
        for stored in journal.events(key, from, limit).await? {
            events.push((stored.seq, store::read_event(journal, key, &stored).await?));
        }
        Ok(events)
    }

    /// Leaves a wish in a run's inbox; whoever drives the run folds it in. `false` when the same
    /// wish lies there already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn wish(
        &self,
        key: &RunKey,
        id: &str,
        by: &str,
        wish: Wish,
    ) -> Result<bool, ExecutorError> {
        let json = serde_json::json!(InboxWish {
            by: by.to_owned(),
            wish,
        });
        let at_ms = u64::try_from(self.around.clock.now().0).unwrap_or(0);
        let journal = &self.around.journal;
        let new = journal.put_inbox(key, id, &json.to_string(), at_ms).await?;
        self.around.mailroom.tell(key);
        journal.ring();
        Ok(new)
    }
}

/// Stands where no guest may run: a call waits until nobody waits for it.
struct NoGuests;

impl Guests for NoGuests {
    fn call(&self, _call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        Box::pin(async move {
            cancel.cancelled().await;
            GuestAnswer::unmade(Failure::new("cancelled", "no guest runs here"))
        })
    }

    fn digest(&self, _role: &str) -> String {
        String::new()
    }
}

/// The seed of a run comes from its id, so that starting the same run again is the same run.
fn seed_of(key: &RunKey) -> u64 {
    let digest = Sha256::digest(format!("menagerie seed {key}").as_bytes());
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}
