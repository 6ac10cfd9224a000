//! A journal whose process dies at one of its writes, before or after the write is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use menagerie_journal::{
    Batch, CallRecord, Claim, Claimed, CommitError, Committed, Created, Error, Fork, Journal,
    NewRun, Pin, RunKey,
};
use tokio_util::sync::CancellationToken;

/// At which write the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Death {
    /// Counted from 1; 0 is never.
    pub(crate) at: u64,
    /// Whether the write is durable, though nobody hears of it.
    pub(crate) after: bool,
}

/// Another journal, of which one write is the last thing that its process does.
pub(crate) struct Mortal {
    inner: Arc<dyn Journal>,
    death: Death,
    writes: AtomicU64,
    /// Cancelled when the process is dead. Nothing that it waits for is answered then.
    pub(crate) dead: CancellationToken,
}

impl Mortal {
    pub(crate) fn new(inner: Arc<dyn Journal>, death: Death) -> Self {
        Self {
            inner,
            death,
            writes: AtomicU64::new(0),
            dead: CancellationToken::new(),
        }
    }

    /// How many writes were asked for.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// `work` begins the write: there are journals that have done it before they are waited for.
    async fn write<'journal, T>(
        &'journal self,
        work: impl FnOnce() -> BoxFuture<'journal, T>,
    ) -> T {
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.death.at {
            if self.death.after {
                work().await;
            }
            self.dead.cancel();
            return std::future::pending().await;
        }
        if self.dead.is_cancelled() {
            return std::future::pending().await;
        }
        work().await
    }
}

impl Journal for Mortal {
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>> {
        Box::pin(self.write(move || self.inner.create(run, batch)))
    }

    fn commit(
        &self,
        claim: &Claim,
        expected_seq: u64,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let claim = claim.clone();
        Box::pin(self.write(move || self.inner.commit(&claim, expected_seq, batch)))
    }

    fn record_calls(
        &self,
        claim: &Claim,
        records: Vec<CallRecord>,
    ) -> BoxFuture<'_, Result<(), CommitError>> {
        let claim = claim.clone();
        Box::pin(self.write(move || self.inner.record_calls(&claim, records)))
    }

    fn fork(
        &self,
        run: NewRun,
        from: Fork,
        batch: Batch,
    ) -> BoxFuture<'_, Result<Created, CommitError>> {
        Box::pin(self.write(move || self.inner.fork(run, from, batch)))
    }

    fn claim(&self, run: &RunKey) -> BoxFuture<'_, Result<Claimed, Error>> {
        let run = run.clone();
        Box::pin(self.write(move || self.inner.claim(&run)))
    }

    fn take_over(&self, run: &RunKey, epoch: u64) -> BoxFuture<'_, Result<Claimed, Error>> {
        let run = run.clone();
        Box::pin(self.write(move || self.inner.take_over(&run, epoch)))
    }

    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.write(move || self.inner.release(claim)))
    }

    fn put_inbox(
        &self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> BoxFuture<'_, Result<bool, CommitError>> {
        let (run, input_id, json) = (run.clone(), input_id.to_owned(), json.to_owned());
        Box::pin(self.write(move || self.inner.put_inbox(&run, &input_id, &json, at_ms)))
    }

    fn pin(&self, run: &RunKey, pins: Vec<Pin>) -> BoxFuture<'_, Result<(), CommitError>> {
        let run = run.clone();
        Box::pin(self.write(move || self.inner.pin(&run, pins)))
    }

    pass_on! {
        checkpoints call calls load events payload pins blob owner take_inbox mail runnable
        pulses beat owned_by processes listen ring run runs subscribe verify verify_all
    }
}
