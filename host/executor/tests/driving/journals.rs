//! A journal that takes its time, refuses, and notes when what was durable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use menagerie_journal::{
    Batch, Bell, CallKey, CallRecord, CallRow, Checkpoint, Claim, Claimed, CommitError, Committed,
    Created, Digest, Error, Fork, Hears, InboxEntry, Journal, Loaded, NewRun, Notice, Owner, Page,
    PinRow, RunFilter, RunKey, RunPage, RunRow, Runnable, StoreReport, StoredEvent, Verified,
};
use tokio::sync::broadcast;

/// What happened, in order: commits here, whatever else in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moment {
    CommitBegan,
    /// With so many events of the run in all.
    Durable(u64),
    Refused,
    /// A watcher was told of so many events.
    Heard(u64),
    /// A guest was entered.
    Called(String),
}

/// Another journal, commits to which are delayed or refused.
pub(crate) struct Reluctant {
    inner: Arc<dyn Journal>,
    delay: Duration,
    /// Counts down with every commit; the one that finds 1 is refused.
    until_refusal: AtomicUsize,
    pub(crate) moments: Arc<Mutex<Vec<Moment>>>,
    before_release: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Reluctant {
    pub(crate) fn new(inner: Arc<dyn Journal>) -> Self {
        Self {
            inner,
            delay: Duration::ZERO,
            until_refusal: AtomicUsize::new(0),
            moments: Arc::default(),
            before_release: Mutex::default(),
        }
    }

    pub(crate) fn delaying(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Refuses one commit: the `number`th from now, counted from 1.
    pub(crate) fn refusing(self, number: usize) -> Self {
        self.until_refusal.store(number, Ordering::SeqCst);
        self
    }

    /// Done once, when a run is about to be released.
    pub(crate) fn before_release(&self, work: impl Future<Output = ()> + Send + 'static) {
        *self.before_release.lock().unwrap() = Some(Box::pin(work));
    }

    fn note(&self, moment: Moment) {
        self.moments.lock().unwrap().push(moment);
    }
}

impl Journal for Reluctant {
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>> {
        Box::pin(async move {
            self.note(Moment::CommitBegan);
            tokio::time::sleep(self.delay).await;
            let created = self.inner.create(run, batch).await?;
            if let Created::New(_, committed) = &created {
                self.note(Moment::Durable(committed.next_seq));
            }
            Ok(created)
        })
    }

    fn fork(
        &self,
        run: NewRun,
        fork: Fork,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Created, CommitError>> {
        self.inner.fork(run, fork, batch)
    }

    fn checkpoints(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<Checkpoint>, Error>> {
        self.inner.checkpoints(run)
    }

    fn commit(
        &self,
        claim: &Claim,
        expected_seq: u64,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let claim = claim.clone();
        Box::pin(async move {
            self.note(Moment::CommitBegan);
            tokio::time::sleep(self.delay).await;
            if self.until_refusal.load(Ordering::SeqCst) > 0
                && self.until_refusal.fetch_sub(1, Ordering::SeqCst) == 1
            {
                self.note(Moment::Refused);
                let path = "/full".into();
                return Err(CommitError::Store(Error::Full { path }));
            }
            let committed = self.inner.commit(&claim, expected_seq, batch).await?;
            self.note(Moment::Durable(committed.next_seq));
            Ok(committed)
        })
    }

    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let work = self.before_release.lock().unwrap().take();
            if let Some(work) = work {
                work.await;
            }
            self.inner.release(claim).await
        })
    }

    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>> {
        self.inner.record_calls(claim, records)
    }

    fn call(&self, run: &RunKey, call: CallKey) -> BoxFuture<'_, Result<Option<CallRow>, Error>> {
        self.inner.call(run, call)
    }

    fn calls(
        &self,
        run: &RunKey,
        step: &str,
        attempt: u32,
    ) -> BoxFuture<'_, Result<Vec<CallRow>, Error>> {
        self.inner.calls(run, step, attempt)
    }

    fn load(&self, run: &RunKey, version: u32) -> BoxFuture<'_, Result<Loaded, Error>> {
        self.inner.load(run, version)
    }

    fn events(
        &self,
        run: &RunKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, Error>> {
        self.inner.events(run, from, limit)
    }

    fn payload(&self, run: &RunKey, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        self.inner.payload(run, digest)
    }

    fn pins(&self, run: &RunKey) -> BoxFuture<'_, Result<Vec<PinRow>, Error>> {
        self.inner.pins(run)
    }

    fn blob(&self, namespace: &str, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        self.inner.blob(namespace, digest)
    }

    fn claim(&self, run: &RunKey) -> BoxFuture<'_, Result<Claimed, Error>> {
        self.inner.claim(run)
    }

    fn take_over(&self, run: &RunKey, epoch: u64) -> BoxFuture<'_, Result<Claimed, Error>> {
        self.inner.take_over(run, epoch)
    }

    fn mail(&self) -> BoxFuture<'_, Result<Vec<RunKey>, Error>> {
        self.inner.mail()
    }

    fn runnable(&self, now_ms: u64, limit: usize) -> BoxFuture<'_, Result<Runnable, Error>> {
        self.inner.runnable(now_ms, limit)
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<Owner>, Error>> {
        self.inner.processes()
    }

    fn listen(&self, hears: Hears) -> Bell {
        self.inner.listen(hears)
    }

    fn ring(&self) {
        self.inner.ring();
    }

    fn owner(&self, run: &RunKey) -> BoxFuture<'_, Result<Option<Owner>, Error>> {
        self.inner.owner(run)
    }

    fn put_inbox(
        &self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> BoxFuture<'_, Result<bool, CommitError>> {
        self.inner.put_inbox(run, input_id, json, at_ms)
    }

    fn take_inbox(
        &self,
        run: &RunKey,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<InboxEntry>, Error>> {
        self.inner.take_inbox(run, after)
    }

    fn run(&self, run: &RunKey) -> BoxFuture<'_, Result<RunRow, Error>> {
        self.inner.run(run)
    }

    fn runs(&self, filter: RunFilter, page: Page) -> BoxFuture<'_, Result<RunPage, Error>> {
        self.inner.runs(filter, page)
    }

    fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.inner.subscribe()
    }

    fn verify(&self, run: &RunKey) -> BoxFuture<'_, Result<Verified, Error>> {
        self.inner.verify(run)
    }

    fn verify_all(&self) -> BoxFuture<'_, Result<StoreReport, Error>> {
        self.inner.verify_all()
    }
}
