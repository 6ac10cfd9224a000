//! Beginning runs: their first events and everything that they stay on, in one transaction.

use std::sync::Arc;

use menagerie_journal::{Claim, Content, Created, Digest, NewRun, Pin, RunKey, RunRow, Status};
use menagerie_orchestration::artifact::GivenArtifact;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Pins, Recorded};
use menagerie_orchestration::flow::{Flow, RunLimits};
use menagerie_orchestration::input::{Input, Start};
use menagerie_orchestration::run::Run;
use menagerie_sandbox::Catalogue;
use sha2::{Digest as _, Sha256};

use super::Host;
use crate::assemble::Assembled;
use crate::driver::{Driver, Stopped};
use crate::error::ExecutorError;
use crate::guests::Guests;
use crate::store::{self, Known, Outstanding};
use crate::watch::Watcher;
use crate::withheld::Withheld;

/// A run to begin.
pub struct BeginRun {
    /// Its key; its id is not authority for anything.
    pub key: RunKey,
    /// What it is given.
    pub input: Document,
    /// Files that it is given: its first artifacts.
    pub files: Vec<GivenFile>,
    /// The session that it is filed under.
    pub session: Option<String>,
}

/// A file that a run is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenFile {
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub content: Content,
}

impl GivenFile {
    /// As the machine knows it.
    fn artifact(&self) -> GivenArtifact {
        GivenArtifact {
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            digest: store::digest_text(self.content.digest()),
            size: self.content.bytes().len() as u64,
        }
    }
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
    /// Whether the strategy asks how agents have fared.
    reads_figures: bool,
}

/// The same files in the same order are the same input; none change nothing.
fn with_files(input: Digest, files: &[GivenFile]) -> Digest {
    if files.is_empty() {
        return input;
    }
    let mut told = input.to_string();
    for file in files {
        let digest = file.content.digest();
        told.push_str(&format!("\n{} {} {digest}", file.name, file.media_type));
    }
    Digest::of(told.as_bytes())
}

impl Frame {
    fn of(assembled: &Assembled, begin: &BeginRun) -> Self {
        Self {
            flow: assembled.flow.clone(),
            limits: assembled.limits.clone(),
            pins: assembled.pins(),
            content: assembled.pinned_content(),
            input_digest: with_files(assembled.input_digest(&begin.input), &begin.files),
            reads_figures: assembled.reads_figures(),
        }
    }

    fn bare(flow: Arc<Flow>, input: &Document) -> Self {
        Self {
            limits: flow.limits.clone(),
            flow,
            pins: Pins::default(),
            content: Vec::new(),
            input_digest: Digest::of(input.to_text().as_bytes()),
            reads_figures: false,
        }
    }
}

impl Host {
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
        let frame = Frame::of(assembled, &begin);
        let watcher = Withheld::over(watcher);
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
        self.detach(Frame::of(assembled, &begin), begin).await
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
        let frame = Frame {
            reads_figures: guests.reads_figures(),
            ..Frame::bare(flow, &begin.input)
        };
        let watcher = Withheld::over(watcher);
        self.begin_framed(frame, begin, watcher, |_, _| guests.clone())
            .await
    }

    async fn begin_framed(
        &self,
        frame: Frame,
        begin: BeginRun,
        watcher: Arc<Withheld>,
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
            artifacts: begin.files.iter().map(GivenFile::artifact).collect(),
        }));
        if frame.reads_figures {
            let (book, journal) = (&self.around.figures, &*self.around.journal);
            let figures = book.of(journal, &begin.key.namespace, &frame.flow.name);
            run.see(figures.await.seen(&frame.flow));
        }
        let now = self.around.clock.now();
        let recorded = run.advance(&[start], now);
        let status = listed.unwrap_or_else(|| store::status_of(&run));
        let mut known = Known::default();
        let mut batch = store::batch(&begin.key, &run, &recorded)?;
        let contents = begin.files.into_iter().map(|file| file.content);
        batch.payloads.extend(contents);
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
}

/// The seed of a run comes from its id, so that starting the same run again is the same run.
fn seed_of(key: &RunKey) -> u64 {
    let digest = Sha256::digest(format!("menagerie seed {key}").as_bytes());
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}
