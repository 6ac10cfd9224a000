//! Owns the store in a folder: SQLite behind the port.
//!
//! The folder holds `journal.db` with its write-ahead log, `contents/` with what is too large for a
//! table, `owners/` with a lock file for each open journal, and `opening.lock`. Any number of
//! processes may open it.

mod append;
mod backup;
mod contents;
mod fault;
mod files;
mod fork;
mod housekeeping;
mod locks;
mod opening;
mod orphans;
mod owners;
mod read;
mod readers;
mod restoring;
mod rows;
mod runnable;
mod schema;
mod staging;
mod stored;
mod vacuum;
mod verify;
mod writer;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::sync::{broadcast, mpsc, oneshot};

pub use self::backup::{BackupReport, Beside, check_backup, restore};
use self::contents::Contents;
use self::fault::Faults;
pub use self::files::{Files, SystemFiles};
pub use self::locks::{Lock, LockError, PATIENCE, lock_file};
pub use self::opening::Options;
use self::opening::{connect, connect_reader, lock_opening, prepare_folder};
use self::owners::OwnerLock;
use self::readers::Readers;
pub use self::vacuum::{Retention, VacuumReport};
use self::writer::{Prepared, Request, Writer, serve_here};
use crate::bell::Bells;
use crate::chain;
use crate::digest::{Content, Digest};
use crate::error::{CommitError, Error, Holder};
use crate::memory::NOTICES_KEPT;
use crate::port::{
    Bell, Claim, Claimed, Committed, Created, Hears, Journal, Loaded, Notice, Owner, Page, Pulse,
    RunFilter, RunPage, Runnable, StoreReport, Verified,
};
use crate::record::{
    Batch, CallKey, CallRecord, CallRow, Checkpoint, Fork, InboxEntry, NewRun, Pin, PinRow, RunKey,
    RunRow, StoredEvent,
};

/// Requests that may wait for the writer before those who send more have to wait themselves.
const REQUESTS_WAITING: usize = 1024;

/// How often a commit of large content is tried when vacuums keep taking its file away.
const MOST_TRIES: u32 = 8;

/// A store in a folder. What it has claimed is free again when it is dropped or its process dies.
pub struct SqliteJournal {
    requests: Option<mpsc::Sender<Request>>,
    writer: Arc<Mutex<Writer>>,
    thread: Option<JoinHandle<()>>,
    readers: Readers,
    owner: Arc<OwnerLock>,
    bells: Bells,
    contents: Arc<Contents>,
    faults: Faults,
    notices: broadcast::Sender<Notice>,
    /// Large blobs that this process has made durable, so that their bytes are written once and not
    /// with every run.
    durable_blobs: Mutex<HashSet<(Arc<str>, Digest)>>,
}

impl SqliteJournal {
    /// Opens the store in a folder, making it if need be. Blocks on the disk.
    pub fn open(folder: impl AsRef<Path>, options: &Options) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let faults = Faults {
            folder: folder.to_owned(),
            busy_timeout: options.busy_timeout,
        };
        let path = folder.join("journal.db");
        prepare_folder(folder, &path, options, &faults)?;
        // Held until the end: migrations and owners' lock files are made by one process at a time.
        let opening = lock_opening(folder, &faults)?;
        let mut connection = connect(&path, options, &faults)?;
        schema::prepare(&mut connection, &path, options.must_exist, &faults)?;
        let contents = Arc::new(Contents::open(
            folder.join("contents"),
            Arc::clone(&options.files),
            faults.clone(),
        )?);
        let owner = Arc::new(OwnerLock::take(
            folder.join("owners"),
            &options.owner_name,
            &faults,
        )?);
        let synced = options.files.sync_folder(folder);
        synced.map_err(|error| faults.io(folder, error))?;
        let readers = Readers::start(
            || connect_reader(&path, options, &faults),
            &contents,
            &faults,
        )?;
        drop(opening);

        let (notices, _) = broadcast::channel(NOTICES_KEPT);
        let (requests, waiting) = mpsc::channel(REQUESTS_WAITING);
        let writer = Arc::new(Mutex::new(Writer::new(
            connection,
            Arc::clone(&owner),
            Arc::clone(&contents),
            faults.clone(),
            notices.clone(),
        )));
        let threads = Arc::clone(&writer);
        let thread = std::thread::Builder::new()
            .name("menagerie-writer".to_owned())
            .spawn(move || writer::run(&threads, waiting))
            .map_err(|error| faults.io(folder, error))?;
        Ok(Self {
            requests: Some(requests),
            writer,
            thread: Some(thread),
            readers,
            bells: Bells::new(owner.folder.clone(), owner.id.clone(), &notices),
            owner,
            contents,
            faults,
            notices,
            durable_blobs: Mutex::default(),
        })
    }

    /// Who has the store locked at this moment, so that nobody else can write to it. Whoever commits has,
    /// for as long as that takes; one that is stopped keeps it.
    pub fn locked_by(folder: &Path) -> Option<Holder> {
        locks::writing(folder)
    }

    /// Has the writer do something and waits until it is durable. The only run's caller does it
    /// himself and blocks on the disk for the time of a sync.
    async fn ask<T, E: From<Error>>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Request,
    ) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        if let Some(request) = serve_here(&self.writer, request(answer)) {
            requests.send(request).await.map_err(|_| Error::Closed)?;
        }
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Has large content made durable, and then the writer do something that refers to it. Both are
    /// done again if a vacuum has taken a file away in between.
    async fn ask_with<T>(
        &self,
        pins: &[Pin],
        namespace: &Arc<str>,
        contents: &[Content],
        request: impl Fn(oneshot::Sender<Result<T, CommitError>>) -> Request,
    ) -> Result<T, CommitError> {
        let mut tries = 0;
        loop {
            self.put_large_pins(namespace, pins).await?;
            self.put_large(namespace, contents.to_vec()).await?;
            tries += 1;
            match self.ask(&request).await {
                Err(CommitError::Store(Error::VanishedContent { .. })) if tries < MOST_TRIES => {
                    self.durable_blobs
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .clear();
                }
                answered => return answered,
            }
        }
    }

    /// Makes large content durable in files, off the writer's thread and before it hears of it.
    async fn put_large(&self, namespace: &Arc<str>, contents: Vec<Content>) -> Result<(), Error> {
        for content in contents {
            let namespace = Arc::clone(namespace);
            self.readers
                .run(move |stored| stored.contents.put(&namespace, &content))
                .await?;
        }
        Ok(())
    }

    /// The same for what a run is pinned to, once per process.
    async fn put_large_pins(&self, namespace: &Arc<str>, pins: &[Pin]) -> Result<(), Error> {
        for pin in pins.iter().filter(|pin| pin.content.is_large()) {
            let key = (Arc::clone(namespace), pin.content.digest());
            let known = |blobs: &mut HashSet<_>| blobs.contains(&key);
            if !known(
                &mut self
                    .durable_blobs
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            ) {
                self.put_large(namespace, vec![pin.content.clone()]).await?;
                self.durable_blobs
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key);
            }
        }
        Ok(())
    }

    fn claim_from(
        &self,
        run: &RunKey,
        from_epoch: Option<u64>,
    ) -> BoxFuture<'_, Result<Claimed, Error>> {
        let run = run.clone();
        self.ask(move |answer| Request::Claim {
            run,
            from_epoch,
            answer,
        })
        .boxed()
    }

    fn read<T, F>(&self, context: &'static str, work: F) -> BoxFuture<'_, Result<T, Error>>
    where
        T: Send + 'static,
        F: FnOnce(&stored::Stored<'_>) -> read::Answer<T> + Send + 'static,
    {
        self.readers.read(context, work).boxed()
    }

    /// Of one run: what is wrong with its rows is told as the run's damage.
    fn read_run<T, F>(
        &self,
        context: &'static str,
        run: &RunKey,
        work: F,
    ) -> BoxFuture<'_, Result<T, Error>>
    where
        T: Send + 'static,
        F: FnOnce(&stored::Stored<'_>, &RunKey) -> read::Answer<T> + Send + 'static,
    {
        let run = run.clone();
        self.read(context, move |stored| {
            work(stored, &run).map_err(|trouble| fault::of_run(&run, trouble))
        })
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing to give back.
            let _ = thread.join();
        }
    }
}

/// What of a batch goes into files.
fn large_contents(batch: &Batch) -> Vec<Content> {
    let payloads = batch.payloads.iter().filter(|payload| payload.is_large());
    payloads
        .cloned()
        .chain(large_answers(&batch.call_records))
        .collect()
}

fn large_answers(records: &[CallRecord]) -> Vec<Content> {
    let answers = records.iter().filter_map(|record| match record {
        CallRecord::Record { answer, .. } => Some(answer),
        CallRecord::Intend { .. } => None,
    });
    answers
        .filter(|answer| answer.is_large())
        .cloned()
        .collect()
}

/// Names the set of a run's pins, if it has any.
fn pin_set(run: &NewRun) -> Option<Digest> {
    let pins = run.pins.iter();
    named_set(pins.map(|pin| (&*pin.name, pin.content.digest())).collect())
}

/// Names a set of pins, if there is any in it.
fn named_set(mut pins: Vec<(&str, Digest)>) -> Option<Digest> {
    pins.sort_unstable();
    let lines: Vec<String> = pins
        .iter()
        .map(|(name, digest)| format!("{name}\0{digest}\0"))
        .collect();
    (!lines.is_empty()).then(|| Digest::of(lines.concat().as_bytes()))
}

impl Journal for SqliteJournal {
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>> {
        async move {
            chain::check_new_run(&run)?;
            chain::check_batch(&run.key, &batch)?;
            let large = large_contents(&batch);
            let large_pins = run.pins.iter().any(|pin| pin.content.is_large());
            let prepared = Prepared {
                bodies: chain::body_digests(&batch.events, 0),
                batch,
            };
            if large.is_empty() && !large_pins {
                return self
                    .ask(|answer| Request::Create {
                        pin_set: pin_set(&run),
                        run: Box::new(run),
                        prepared,
                        answer,
                    })
                    .await;
            }
            self.ask_with(&run.pins, &run.key.namespace, &large, |answer| {
                Request::Create {
                    pin_set: pin_set(&run),
                    run: Box::new(run.clone()),
                    prepared: prepared.clone(),
                    answer,
                }
            })
            .await
        }
        .boxed()
    }

    fn fork(
        &self,
        run: NewRun,
        fork: Fork,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Created, CommitError>> {
        async move {
            chain::check_new_run(&run)?;
            chain::check_fork(&run, &fork)?;
            chain::check_batch(&run.key, &batch)?;
            let large = large_contents(&batch);
            let prepared = Prepared {
                bodies: chain::body_digests(&batch.events, fork.events),
                batch,
            };
            self.fork_in_pieces(run, fork, prepared, &large).await
        }
        .boxed()
    }

    fn checkpoints(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<Checkpoint>, Error>> {
        self.read_run("reading checkpoints", run, |stored, run| {
            let place = read::place(stored.connection, run)?;
            Ok(read::checkpoints(stored.connection, place)?)
        })
    }

    fn commit(
        &self,
        claim: &Claim,
        expected_seq: u64,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let claim = claim.clone();
        async move {
            chain::check_batch(&claim.key, &batch)?;
            let large = large_contents(&batch);
            let prepared = Prepared {
                bodies: chain::body_digests(&batch.events, expected_seq),
                batch,
            };
            if large.is_empty() {
                return self
                    .ask(|answer| Request::Commit {
                        claim,
                        expected_seq,
                        prepared,
                        answer,
                    })
                    .await;
            }
            self.ask_with(&[], &claim.key.namespace, &large, |answer| {
                Request::Commit {
                    claim: claim.clone(),
                    expected_seq,
                    prepared: prepared.clone(),
                    answer,
                }
            })
            .await
        }
        .boxed()
    }

    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>> {
        let claim = claim.clone();
        async move {
            chain::check_calls(&records).map_err(|reason| CommitError::InvalidBatch {
                run: claim.key.clone(),
                reason,
            })?;
            let large = large_answers(&records);
            self.ask_with(&[], &claim.key.namespace, &large, |answer| {
                Request::RecordCalls {
                    claim: claim.clone(),
                    records: records.clone(),
                    answer,
                }
            })
            .await
        }
        .boxed()
    }

    fn call(&self, run: &RunKey, call: CallKey) -> BoxFuture<'_, Result<Option<CallRow>, Error>> {
        self.read_run("reading the call log", run, move |stored, run| {
            stored.call(run, &call)
        })
    }

    fn calls(
        &self,
        run: &RunKey,
        step: &str,
        attempt: u32,
    ) -> BoxFuture<'_, Result<Vec<CallRow>, Error>> {
        let step = step.to_owned();
        self.read_run("reading the call log", run, move |stored, run| {
            stored.calls(run, &step, attempt)
        })
    }

    fn load(&self, run: &RunKey, state_version: u32) -> BoxFuture<'_, Result<Loaded, Error>> {
        let own = Arc::clone(&self.owner);
        self.read_run("loading a run", run, move |stored, run| {
            read::load(stored.connection, run, state_version, &|| own.beat())
        })
    }

    fn events(
        &self,
        run: &RunKey,
        from_seq: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, Error>> {
        let own = Arc::clone(&self.owner);
        self.read_run("reading events", run, move |stored, run| {
            let place = read::place(stored.connection, run)?;
            let range = read::Range { from_seq, limit };
            read::events_of(stored.connection, place, run, range, &|| own.beat())
        })
    }

    fn payload(&self, run: &RunKey, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        self.read_run("reading a payload", run, move |stored, run| {
            stored.payload(run, digest)
        })
    }

    fn pin(&self, run: &RunKey, pins: Vec<Pin>) -> BoxFuture<'_, Result<(), CommitError>> {
        let run = run.clone();
        async move {
            chain::check_pins(&run, &pins)?;
            self.ask_with(&pins, &run.namespace, &[], |answer| Request::Pin {
                run: run.clone(),
                pins: pins.clone(),
                answer,
            })
            .await
        }
        .boxed()
    }

    fn pins(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<PinRow>, Error>> {
        self.read_run("reading pins", run, |stored, run| stored.pins(run))
    }

    fn blob(&self, namespace: &str, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        let namespace = namespace.to_owned();
        self.read("reading a blob", move |stored| {
            stored.blob(&namespace, digest)
        })
    }

    fn claim(&self, run: &RunKey) -> BoxFuture<'_, Result<Claimed, Error>> {
        self.claim_from(run, None)
    }

    fn take_over(&self, run: &RunKey, epoch: u64) -> BoxFuture<'_, Result<Claimed, Error>> {
        self.claim_from(run, Some(epoch))
    }

    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>> {
        self.ask(|answer| Request::Release { claim, answer })
            .boxed()
    }

    fn owner(&self, run: &RunKey) -> BoxFuture<'_, Result<Option<Owner>, Error>> {
        let own = Arc::clone(&self.owner);
        self.read_run("reading the owner", run, move |stored, run| {
            let place = read::place(stored.connection, run)?;
            let (_, id, mut owner) = read::owner(stored.connection, place)?;
            owner.own = id.as_ref() == Some(&own.id);
            Ok(id.filter(|id| own.is_alive(id)).map(|_| owner))
        })
    }

    fn put_inbox(
        &self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> BoxFuture<'_, Result<bool, CommitError>> {
        let (run, input_id, json) = (run.clone(), input_id.to_owned(), json.to_owned());
        async move {
            chain::check_input(&run, &input_id, &json, at_ms)?;
            self.ask(|answer| Request::PutInbox {
                run,
                input_id,
                json,
                at_ms,
                answer,
            })
            .await
        }
        .boxed()
    }

    fn take_inbox(
        &self,
        run: &RunKey,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<InboxEntry>, Error>> {
        self.read_run("reading the inbox", run, move |stored, run| {
            let place = read::place(stored.connection, run)?;
            Ok(read::inbox(stored.connection, place, after)?)
        })
    }

    fn mail(&self) -> BoxFuture<'_, Result<Vec<RunKey>, Error>> {
        let own = Arc::clone(&self.owner);
        self.read("looking for mail", move |stored| {
            own.beat();
            runnable::mail(stored.connection, &own.id)
        })
    }

    fn runnable(&self, now_ms: u64, limit: usize) -> BoxFuture<'_, Result<Runnable, Error>> {
        let own = Arc::clone(&self.owner);
        self.read("looking for runs", move |stored| {
            own.beat();
            runnable::runnable(stored.connection, &own.living(), now_ms, limit)
        })
    }

    fn pulses(&self) -> BoxFuture<'_, Result<Vec<Pulse>, Error>> {
        let own = Arc::clone(&self.owner);
        self.readers.run(move |_| Ok(own.pulses())).boxed()
    }

    fn beat(&self) {
        self.owner.beat();
    }

    fn owned_by(&self, process: &str) -> BoxFuture<'_, Result<Vec<(RunKey, u64)>, Error>> {
        let process = process.to_owned();
        self.read("looking for a process's runs", move |stored| {
            runnable::owned_by(stored.connection, &process)
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<Owner>, Error>> {
        let own = Arc::clone(&self.owner);
        let processes = self.readers.run(move |_| Ok(own.processes()));
        processes.boxed()
    }

    fn listen(&self, hears: Hears) -> Bell {
        self.bells.listen(hears)
    }

    fn ring(&self) {
        self.bells.ring();
    }

    fn run(&self, run: &RunKey) -> BoxFuture<'_, Result<RunRow, Error>> {
        self.read_run("reading a run", run, |stored, run| {
            read::run(stored.connection, run)
        })
    }

    fn runs(&self, filter: RunFilter, page: Page) -> BoxFuture<'_, Result<RunPage, Error>> {
        self.read("listing runs", move |stored| {
            Ok(read::runs(stored.connection, &filter, page)?)
        })
    }

    fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    fn verify(&self, run: &RunKey) -> BoxFuture<'_, Result<Verified, Error>> {
        self.read_run("checking a run", run, verify::run)
    }

    fn verify_all(&self) -> BoxFuture<'_, Result<StoreReport, Error>> {
        let faults = self.faults.clone();
        self.read("checking the store", move |stored| {
            verify::store(stored, &faults)
        })
    }
}
