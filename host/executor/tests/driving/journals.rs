//! A journal that takes its time, refuses, and notes when what was durable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use menagerie_journal::{
    Batch, CallRecord, Claim, CommitError, Committed, Created, Digest, Error, Journal, NewRun,
    RunKey,
};

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
    /// What a guest is told was about to be written into its call log.
    Answered,
}

/// Another journal, commits to which are delayed or refused.
pub(crate) struct Reluctant {
    inner: Arc<dyn Journal>,
    delay: Duration,
    /// Counts down with every commit; the one that finds 1 is refused.
    until_refusal: AtomicUsize,
    pub(crate) moments: Arc<Mutex<Vec<Moment>>>,
    before_release: Mutex<Option<BoxFuture<'static, ()>>>,
    /// What each reading of a payload takes.
    payload: Duration,
}

impl Reluctant {
    pub(crate) fn new(inner: Arc<dyn Journal>) -> Self {
        Self {
            inner,
            delay: Duration::ZERO,
            until_refusal: AtomicUsize::new(0),
            moments: Arc::default(),
            before_release: Mutex::default(),
            payload: Duration::ZERO,
        }
    }

    /// Each reading of a payload takes so long.
    pub(crate) fn reading_slowly(mut self, payload: Duration) -> Self {
        self.payload = payload;
        self
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

    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>> {
        let answer = |record: &CallRecord| matches!(record, CallRecord::Record { .. });
        if records.iter().any(answer) {
            self.note(Moment::Answered);
        }
        self.inner.record_calls(claim, records)
    }

    fn payload(&self, run: &RunKey, digest: Digest) -> BoxFuture<'_, Result<Arc<[u8]>, Error>> {
        let run = run.clone();
        Box::pin(async move {
            tokio::time::sleep(self.payload).await;
            self.inner.payload(&run, digest).await
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

    pass_on! {
        fork checkpoints call calls load events pin pins blob claim take_over
        owner put_inbox take_inbox mail runnable pulses beat owned_by processes listen ring run runs subscribe
        verify verify_all
    }
}
