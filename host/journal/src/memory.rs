//! Owns the in-memory fake: the same rules as the real store, nothing durable.

mod runs;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use tokio::sync::broadcast;

use self::state::Store;
use crate::chain;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{
    Bell, Claim, Claimed, Committed, Created, Hears, Journal, Loaded, Notice, Owner, Page, Pulse,
    RunFilter, RunPage, Runnable, StoreReport, Verified,
};
use crate::record::{
    Batch, CallKey, CallRecord, CallRow, Checkpoint, Fork, InboxEntry, NewRun, Pin, PinRow, RunKey,
    RunRow, StoredEvent,
};

/// How many notices a slow subscriber may be behind.
pub(crate) const NOTICES_KEPT: usize = 4096;

/// A journal that lives as long as its handles.
///
/// Each handle stands for one process: what it owns is free when it is dropped, as the operating
/// system's lock would be. [`MemoryJournal::another_process`] opens the same store once more.
pub struct MemoryJournal {
    store: Arc<Mutex<Store>>,
    process: u64,
    /// Made for the first who listens: thousands of journals are opened in tests that nobody does.
    notices: OnceLock<broadcast::Sender<Notice>>,
}

impl MemoryJournal {
    /// An empty store, and the first process to open it.
    pub fn new(owner_name: &str) -> Self {
        Self::open(Arc::default(), owner_name)
    }

    /// Another process that opens the same store.
    pub fn another_process(&self, owner_name: &str) -> Self {
        Self::open(Arc::clone(&self.store), owner_name)
    }

    /// Changes a stored event behind the journal's back, for tests of what happens then. Answers
    /// whether there is such an event.
    pub fn damage_event(&self, run: &RunKey, seq: u64) -> bool {
        self.store().damage_event(run, seq)
    }

    fn open(store: Arc<Mutex<Store>>, owner_name: &str) -> Self {
        let process = lock(&store).start_process(owner_name);
        Self {
            store,
            process,
            notices: OnceLock::new(),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn tell(&self, run: &RunKey, next_seq: u64) {
        self.store().committed.send_replace(());
        if let Some(notices) = self.notices.get() {
            // Nobody listening any more is no failure.
            let _ = notices.send(Notice {
                run: run.clone(),
                next_seq,
            });
        }
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        self.store().end_process(self.process);
    }
}

/// A panic cannot leave the state half changed, since every change is checked before it is begun.
fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    ready(value).boxed()
}

impl Journal for MemoryJournal {
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>> {
        let answer = chain::check_new_run(&run)
            .and_then(|()| chain::check_batch(&run.key, &batch))
            .and_then(|()| self.store().create(run, batch, self.process));
        if let Ok(Created::New(claim, committed)) = &answer {
            self.tell(&claim.key, committed.next_seq);
        }
        now(answer)
    }

    fn fork(
        &self,
        run: NewRun,
        fork: Fork,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Created, CommitError>> {
        let answer = chain::check_new_run(&run)
            .and_then(|()| chain::check_fork(&run, &fork))
            .and_then(|()| chain::check_batch(&run.key, &batch))
            .and_then(|()| self.store().fork(run, &fork, batch, self.process));
        if let Ok(Created::New(claim, committed)) = &answer {
            self.tell(&claim.key, committed.next_seq);
        }
        now(answer)
    }

    fn checkpoints(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<Checkpoint>, Error>> {
        now(self
            .store()
            .find(run)
            .map(|found| found.checkpoints.clone()))
    }

    fn commit(
        &self,
        claim: &Claim,
        expected_seq: u64,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let answer = chain::check_batch(&claim.key, &batch)
            .and_then(|()| self.store().commit(claim, expected_seq, batch));
        if let Ok(committed) = &answer {
            self.tell(&claim.key, committed.next_seq);
        }
        now(answer)
    }

    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>> {
        let checked = chain::check_calls(&records).map_err(|reason| CommitError::InvalidBatch {
            run: claim.key.clone(),
            reason,
        });
        now(checked.and_then(|()| self.store().record_calls(claim, &records)))
    }

    fn call(&self, run: &RunKey, call: CallKey) -> BoxFuture<'_, Result<Option<CallRow>, Error>> {
        now(self
            .store()
            .find(run)
            .map(|found| found.calls.get(&call).cloned()))
    }

    fn calls(
        &self,
        run: &RunKey,
        step: &str,
        attempt: u32,
    ) -> BoxFuture<'_, Result<Vec<CallRow>, Error>> {
        now(self
            .store()
            .find(run)
            .map(|found| found.calls_of(step, attempt)))
    }

    fn load(&self, run: &RunKey, state_version: u32) -> BoxFuture<'_, Result<Loaded, Error>> {
        now(self
            .store()
            .find(run)
            .and_then(|found| found.load(state_version)))
    }

    fn events(
        &self,
        run: &RunKey,
        from_seq: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, Error>> {
        now(self
            .store()
            .find(run)
            .and_then(|found| found.page(from_seq, limit)))
    }

    fn payload(&self, run: &RunKey, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        now(self
            .store()
            .find(run)
            .and_then(|found| found.payload(digest)))
    }

    fn pin(&self, run: &RunKey, pins: Vec<Pin>) -> BoxFuture<'_, Result<(), CommitError>> {
        let checked = chain::check_pins(run, &pins);
        now(checked.and_then(|()| self.store().pin(run, pins)))
    }

    fn pins(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<PinRow>, Error>> {
        now(self.store().find(run).map(|found| found.pins.clone()))
    }

    fn blob(&self, namespace: &str, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        now(self.store().blob(namespace, digest))
    }

    fn claim(&self, run: &RunKey) -> BoxFuture<'_, Result<Claimed, Error>> {
        now(self.store().claim(run, self.process, None))
    }

    fn take_over(&self, run: &RunKey, epoch: u64) -> BoxFuture<'_, Result<Claimed, Error>> {
        now(self.store().claim(run, self.process, Some(epoch)))
    }

    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>> {
        now(self.store().release(&claim))
    }

    fn owner(&self, run: &RunKey) -> BoxFuture<'_, Result<Option<Owner>, Error>> {
        now(self.store().owner(run, self.process))
    }

    fn put_inbox(
        &self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> BoxFuture<'_, Result<bool, CommitError>> {
        let checked = chain::check_input(run, input_id, json, at_ms);
        now(checked.and_then(|()| self.store().put_inbox(run, input_id, json, at_ms)))
    }

    fn take_inbox(
        &self,
        run: &RunKey,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<InboxEntry>, Error>> {
        now(self
            .store()
            .find(run)
            .map(|found| found.waiting_inputs(after)))
    }

    fn mail(&self) -> BoxFuture<'_, Result<Vec<RunKey>, Error>> {
        let mut store = self.store();
        store.beat(self.process);
        now(Ok(store.mail(self.process)))
    }

    fn runnable(&self, now_ms: u64, limit: usize) -> BoxFuture<'_, Result<Runnable, Error>> {
        let mut store = self.store();
        store.beat(self.process);
        now(Ok(store.runnable(now_ms, limit)))
    }

    fn pulses(&self) -> BoxFuture<'_, Result<Vec<Pulse>, Error>> {
        now(Ok(self.store().pulses(self.process)))
    }

    fn beat(&self) {
        self.store().beat(self.process);
    }

    fn owned_by(&self, process: &str) -> BoxFuture<'_, Result<Vec<(RunKey, u64)>, Error>> {
        now(Ok(self.store().owned_by(process)))
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<Owner>, Error>> {
        now(Ok(self.store().living(self.process)))
    }

    fn listen(&self, hears: Hears) -> Bell {
        let store = self.store();
        let rung = match hears {
            Hears::Mail => store.rung.subscribe(),
            Hears::Commits => store.committed.subscribe(),
        };
        Bell { rung, wired: true }
    }

    fn ring(&self) {
        let store = self.store();
        store.rung.send_replace(());
        store.committed.send_replace(());
    }

    fn run(&self, run: &RunKey) -> BoxFuture<'_, Result<RunRow, Error>> {
        now(self.store().find(run).map(|found| found.row()))
    }

    fn runs(&self, filter: RunFilter, page: Page) -> BoxFuture<'_, Result<RunPage, Error>> {
        now(Ok(self.store().list(&filter, page)))
    }

    fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices
            .get_or_init(|| broadcast::channel(NOTICES_KEPT).0)
            .subscribe()
    }

    fn verify(&self, run: &RunKey) -> BoxFuture<'_, Result<Verified, Error>> {
        let store = self.store();
        now(store.find(run).and_then(|found| found.verify(&store)))
    }

    fn verify_all(&self) -> BoxFuture<'_, Result<StoreReport, Error>> {
        now(Ok(self.store().verify_all()))
    }
}
