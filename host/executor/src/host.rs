//! Starting, resuming and steering runs.

use std::sync::Arc;
use std::time::Duration;

use menagerie_journal::{Claim, Claimed, Created, Digest, Journal, NewRun, Pin, RunKey, RunRow};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Pins, Recorded};
use menagerie_orchestration::flow::{Flow, RunLimits};
use menagerie_orchestration::input::{Input, Start, Wish};
use menagerie_orchestration::run::{Run, SNAPSHOT_VERSION};
use menagerie_sandbox::Catalogue;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assemble::{Assembled, missing_secrets};
use crate::clock::Clock;
use crate::driver::{Driver, InboxWish, Stopped, Surroundings};
use crate::error::ExecutorError;
use crate::gate::{Gate, GateConfig};
use crate::guests::Guests;
use crate::pinned;
use crate::store::{self, Known, Outstanding};
use crate::wasm::WasmGuests;
use crate::watch::Watcher;

/// What a host is made of.
pub struct HostParts {
    /// Where runs are kept.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many calls run and wait at once.
    pub gate: GateConfig,
    /// How often each run's inbox is looked into.
    pub inbox_interval: Duration,
}

/// Drives runs. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    around: Surroundings,
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

/// What a run needs besides its input, however its guests are made.
struct Frame {
    flow: Arc<Flow>,
    limits: RunLimits,
    pins: Pins,
    content: Vec<Pin>,
    input_digest: Digest,
}

impl Host {
    /// A host that drives nothing yet.
    #[must_use]
    pub fn new(parts: HostParts) -> Self {
        Self {
            around: Surroundings {
                journal: parts.journal,
                gate: Gate::new(parts.gate),
                clock: parts.clock,
                inbox_interval: parts.inbox_interval,
                wishes: watch::Sender::new(()),
                stop: CancellationToken::new(),
            },
        }
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
        let frame = Frame {
            flow: assembled.flow.clone(),
            limits: assembled.limits.clone(),
            pins: assembled.pins(),
            content: assembled.pinned_content(),
            input_digest: assembled.input_digest(&begin.input),
        };
        let guests = self.wasm_guests(catalogue, assembled, watcher.clone());
        self.begin_framed(frame, begin, watcher, guests).await
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
        let frame = Frame {
            limits: flow.limits.clone(),
            flow,
            pins: Pins::default(),
            content: Vec::new(),
            input_digest: Digest::of(begin.input.to_text().as_bytes()),
        };
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
        let seed = seed_of(&begin.key);
        let mut run = Run::new(frame.flow.clone());
        let start = Input::Start(Box::new(Start {
            run: begin.key.run.to_string(),
            input: begin.input,
            seed,
            limits: frame.limits,
            pins: frame.pins,
        }));
        let now = self.around.clock.now();
        let recorded = run.advance(&[start], now);
        let mut known = Known::default();
        let mut batch = store::batch(&begin.key, &run, &recorded)?;
        known.change(&Outstanding::of(&run), &mut batch);
        batch.status = known.changed(store::status_of(&run));
        let new = NewRun {
            key: begin.key.clone(),
            input_digest: frame.input_digest,
            flow: frame.flow.name.clone(),
            parent: None,
            path: String::new(),
            session: begin.session,
            labels: std::collections::BTreeMap::new(),
            status: store::status_of(&run),
            created_at_ms: u64::try_from(now.0).unwrap_or(0),
            pins: frame.content,
        };
        let claim = match self.around.journal.create(new, batch).await? {
            Created::New(claim, _) => claim,
            Created::Existing(row) => return Ok(Began::Existing(Box::new(row))),
        };
        watcher.committed(&run, &recorded);
        let key = claim.key().clone();
        let made = guests(seed, &claim);
        let driver = Driver::new(
            self.around.clone(),
            made,
            watcher.clone(),
            claim,
            run,
            known,
        );
        let driven = driver.drive(Vec::new()).await?;
        let (run, stopped) = self
            .unless_mail(&key, frame.flow, watcher, guests, driven)
            .await?;
        Ok(Began::Driven(Box::new(run), stopped))
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
        let assembled = pinned::assembled(&*self.around.journal, catalogue, key).await?;
        let mut missing = missing_secrets(catalogue.engine(), &assembled.flow);
        if !missing.is_empty() {
            return Err(ExecutorError::Assemble {
                run: key.clone(),
                source: Box::new(missing.remove(0)),
            });
        }
        let guests = self.wasm_guests(catalogue, &assembled, watcher.clone());
        self.resume_framed(key, assembled.flow.clone(), watcher, guests)
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
        self.resume_framed(key, flow, watcher, |_, _| guests.clone())
            .await
    }

    async fn resume_framed(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
        watcher: Arc<dyn Watcher>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let driven = self.drive_claimed(key, &flow, &watcher, &guests).await?;
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
        while driven.1 == Stopped::Waiting
            && !self.around.journal.take_inbox(key, 0).await?.is_empty()
        {
            driven = match self.drive_claimed(key, &flow, &watcher, &guests).await {
                Err(ExecutorError::Owned { .. }) => return Ok(driven),
                driven => driven?,
            };
        }
        Ok(driven)
    }

    async fn drive_claimed(
        &self,
        key: &RunKey,
        flow: &Arc<Flow>,
        watcher: &Arc<dyn Watcher>,
        guests: &impl Fn(u64, &Claim) -> Arc<dyn Guests>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let journal = &self.around.journal;
        let claim = match journal.claim(key).await? {
            Claimed::Yours(claim) => claim,
            Claimed::OwnedBy(owner) => {
                return Err(ExecutorError::Owned {
                    run: key.clone(),
                    owner,
                });
            }
        };
        let (run, known, clean) = match self.load_claimed(key, flow.clone()).await {
            Ok(loaded) => loaded,
            Err(error) => {
                journal.release(claim).await?;
                return Err(error);
            }
        };
        let first = if clean {
            Vec::new()
        } else {
            vec![Input::Recovered]
        };
        let guests = guests(run.seed(), &claim);
        let driver = Driver::new(
            self.around.clone(),
            guests,
            watcher.clone(),
            claim,
            run,
            known,
        );
        driver.drive(first).await
    }

    async fn load_claimed(
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
        self.around.wishes.send_replace(());
        Ok(new)
    }
}

/// The seed of a run comes from its id, so that starting the same run again is the same run.
fn seed_of(key: &RunKey) -> u64 {
    let digest = Sha256::digest(format!("menagerie seed {key}").as_bytes());
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}
