//! A long run in little time: its commits are gathered, and made by the thousand.
//!
//! What is committed is what the host commits, snapshots where it takes them; it is only not durable
//! before the next gathering. So a run of a million steps takes a million turns of the host's loop
//! and a thousand syncs.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use menagerie_journal::{
    Batch, Bell, CallKey, CallRecord, CallRow, Checkpoint, Claim, Claimed, CommitError, Committed,
    Created, Digest, Error, Fork, Hears, InboxEntry, Journal, Loaded, NewRun, Notice, Owner, Page,
    PinRow, RunFilter, RunKey, RunPage, RunRow, Runnable, StoreReport, StoredEvent, Verified,
};
use tokio::sync::{Mutex, broadcast};

/// Events that are gathered.
const GATHERED: usize = 1_000;

/// Gathers the commits of one run.
pub(crate) struct Bulk<J> {
    inner: J,
    gathered: Mutex<Option<Gathered>>,
}

struct Gathered {
    claim: Claim,
    expected_seq: u64,
    batch: Batch,
}

impl<J: Journal> Bulk<J> {
    pub(crate) fn new(inner: J) -> Arc<Self> {
        Arc::new(Self {
            inner,
            gathered: Mutex::default(),
        })
    }

    /// Makes what is gathered durable.
    pub(crate) async fn flush(&self) -> Result<(), CommitError> {
        let Some(gathered) = self.gathered.lock().await.take() else {
            return Ok(());
        };
        let Gathered {
            claim,
            expected_seq,
            batch,
        } = gathered;
        self.inner.commit(&claim, expected_seq, batch).await?;
        Ok(())
    }

    /// Whether it is time to make what is gathered durable. A snapshot is of the state behind the
    /// last event, so nothing may be gathered behind one.
    async fn gather(&self, claim: &Claim, expected_seq: u64, batch: Batch) -> bool {
        let mut gathered = self.gathered.lock().await;
        let Some(known) = &mut *gathered else {
            let claim = claim.clone();
            *gathered = Some(Gathered {
                claim,
                expected_seq,
                batch,
            });
            return false;
        };
        let known = &mut known.batch;
        known.events.extend(batch.events);
        known.payloads.extend(batch.payloads);
        known.acks.extend(batch.acks);
        known.checkpoints.extend(batch.checkpoints);
        // A batch clears timers before it sets others.
        known
            .timers_set
            .retain(|timer| !batch.timers_clear.contains(&timer.id));
        known.timers_clear.extend(batch.timers_clear);
        known.timers_set.extend(batch.timers_set);
        known.status = batch.status.or(known.status.take());
        known.snapshot = batch.snapshot;
        known.snapshot.is_some() || known.events.len() >= GATHERED
    }
}

impl<J: Journal> Journal for Bulk<J> {
    fn create(&self, run: NewRun, batch: Batch) -> BoxFuture<'_, Result<Created, CommitError>> {
        self.inner.create(run, batch)
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
            let next_seq = expected_seq + batch.events.len() as u64;
            if self.gather(&claim, expected_seq, batch).await {
                self.flush().await?;
            }
            // The hash is not known yet, and the host does not ask for it.
            let head_hash = Digest::of(b"");
            Ok(Committed {
                next_seq,
                head_hash,
            })
        })
    }

    fn release(&self, claim: Claim) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.flush().await?;
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
