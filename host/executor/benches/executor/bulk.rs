//! A long run in little time: its commits are gathered, and made by the thousand.
//!
//! What is committed is what the host commits, snapshots where it takes them; it is only not durable
//! before the next gathering. So a run of a million steps takes a million turns of the host's loop
//! and a thousand syncs.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use menagerie_journal::{Batch, Claim, CommitError, Committed, Digest, Journal};
use tokio::sync::Mutex;

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

    pass_on! {
        create fork checkpoints record_calls call calls load events payload pin pins blob claim
        take_over owner put_inbox take_inbox mail runnable pulses beat owned_by processes listen ring run runs
        subscribe verify verify_all
    }
}
