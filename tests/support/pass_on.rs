//! A journal that stands before another one, as tests and benchmarks make them: what it does not do
//! itself is passed on to `self.inner`, and named, so that a new function of the port is not passed
//! on unseen.

/// The named functions of [`Journal`](menagerie_journal::Journal), each passed on to `self.inner`.
macro_rules! pass_on {
    ($($function:ident)*) => {
        $(pass_on!(@ $function);)*
    };
    (@ create) => {
        fn create(&self, run: menagerie_journal::NewRun, batch: menagerie_journal::Batch) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Created, menagerie_journal::CommitError>> {
            self.inner.create(run, batch)
        }
    };
    (@ fork) => {
        fn fork(
            &self,
            run: menagerie_journal::NewRun,
            fork: menagerie_journal::Fork,
            batch: menagerie_journal::Batch,
        ) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Created, menagerie_journal::CommitError>> {
            self.inner.fork(run, fork, batch)
        }
    };
    (@ commit) => {
        fn commit(
            &self,
            claim: &menagerie_journal::Claim,
            expected_seq: u64,
            batch: menagerie_journal::Batch,
        ) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Committed, menagerie_journal::CommitError>> {
            self.inner.commit(claim, expected_seq, batch)
        }
    };
    (@ release) => {
        fn release(&self, claim: menagerie_journal::Claim) -> futures_util::future::BoxFuture<'_, Result<(), menagerie_journal::CommitError>> {
            self.inner.release(claim)
        }
    };
    (@ pin) => {
        fn pin(&self, run: &menagerie_journal::RunKey, pins: Vec<menagerie_journal::Pin>) -> futures_util::future::BoxFuture<'_, Result<(), menagerie_journal::CommitError>> {
            self.inner.pin(run, pins)
        }
    };
    (@ checkpoints) => {
        fn checkpoints(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::Checkpoint>, menagerie_journal::Error>> {
            self.inner.checkpoints(run)
        }
    };
    (@ record_calls) => {
        fn record_calls(
            &self,
            claim: &menagerie_journal::Claim,
            records: Vec<menagerie_journal::CallRecord>,
        ) -> futures_util::future::BoxFuture<'_, Result<(), menagerie_journal::CommitError>> {
            self.inner.record_calls(claim, records)
        }
    };
    (@ call) => {
        fn call(&self, run: &menagerie_journal::RunKey, call: menagerie_journal::CallKey) -> futures_util::future::BoxFuture<'_, Result<Option<menagerie_journal::CallRow>, menagerie_journal::Error>> {
            self.inner.call(run, call)
        }
    };
    (@ calls) => {
        fn calls(
            &self,
            run: &menagerie_journal::RunKey,
            step: &str,
            attempt: u32,
        ) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::CallRow>, menagerie_journal::Error>> {
            self.inner.calls(run, step, attempt)
        }
    };
    (@ load) => {
        fn load(&self, run: &menagerie_journal::RunKey, version: u32) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Loaded, menagerie_journal::Error>> {
            self.inner.load(run, version)
        }
    };
    (@ events) => {
        fn events(
            &self,
            run: &menagerie_journal::RunKey,
            from: u64,
            limit: usize,
        ) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::StoredEvent>, menagerie_journal::Error>> {
            self.inner.events(run, from, limit)
        }
    };
    (@ payload) => {
        fn payload(&self, run: &menagerie_journal::RunKey, digest: menagerie_journal::Digest) -> futures_util::future::BoxFuture<'_, Result<std::sync::Arc<[u8]>, menagerie_journal::Error>> {
            self.inner.payload(run, digest)
        }
    };
    (@ pins) => {
        fn pins(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::PinRow>, menagerie_journal::Error>> {
            self.inner.pins(run)
        }
    };
    (@ blob) => {
        fn blob(&self, namespace: &str, digest: menagerie_journal::Digest) -> futures_util::future::BoxFuture<'_, Result<std::sync::Arc<[u8]>, menagerie_journal::Error>> {
            self.inner.blob(namespace, digest)
        }
    };
    (@ claim) => {
        fn claim(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Claimed, menagerie_journal::Error>> {
            self.inner.claim(run)
        }
    };
    (@ take_over) => {
        fn take_over(&self, run: &menagerie_journal::RunKey, epoch: u64) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Claimed, menagerie_journal::Error>> {
            self.inner.take_over(run, epoch)
        }
    };
    (@ owner) => {
        fn owner(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<Option<menagerie_journal::Owner>, menagerie_journal::Error>> {
            self.inner.owner(run)
        }
    };
    (@ put_inbox) => {
        fn put_inbox(
            &self,
            run: &menagerie_journal::RunKey,
            input_id: &str,
            json: &str,
            at_ms: u64,
        ) -> futures_util::future::BoxFuture<'_, Result<bool, menagerie_journal::CommitError>> {
            self.inner.put_inbox(run, input_id, json, at_ms)
        }
    };
    (@ take_inbox) => {
        fn take_inbox(
            &self,
            run: &menagerie_journal::RunKey,
            after: u64,
        ) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::InboxEntry>, menagerie_journal::Error>> {
            self.inner.take_inbox(run, after)
        }
    };
    (@ mail) => {
        fn mail(&self) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::RunKey>, menagerie_journal::Error>> {
            self.inner.mail()
        }
    };
    (@ runnable) => {
        fn runnable(&self, now_ms: u64, limit: usize) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Runnable, menagerie_journal::Error>> {
            self.inner.runnable(now_ms, limit)
        }
    };
    (@ pulses) => {
        fn pulses(&self) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::Pulse>, menagerie_journal::Error>> {
            self.inner.pulses()
        }
    };
    (@ beat) => {
        fn beat(&self) {
            self.inner.beat();
        }
    };
    (@ owned_by) => {
        fn owned_by(&self, process: &str) -> futures_util::future::BoxFuture<'_, Result<Vec<(menagerie_journal::RunKey, u64)>, menagerie_journal::Error>> {
            self.inner.owned_by(process)
        }
    };
    (@ processes) => {
        fn processes(&self) -> futures_util::future::BoxFuture<'_, Result<Vec<menagerie_journal::Owner>, menagerie_journal::Error>> {
            self.inner.processes()
        }
    };
    (@ listen) => {
        fn listen(&self, hears: menagerie_journal::Hears) -> menagerie_journal::Bell {
            self.inner.listen(hears)
        }
    };
    (@ ring) => {
        fn ring(&self) {
            self.inner.ring();
        }
    };
    (@ run) => {
        fn run(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::RunRow, menagerie_journal::Error>> {
            self.inner.run(run)
        }
    };
    (@ runs) => {
        fn runs(&self, filter: menagerie_journal::RunFilter, page: menagerie_journal::Page) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::RunPage, menagerie_journal::Error>> {
            self.inner.runs(filter, page)
        }
    };
    (@ subscribe) => {
        fn subscribe(&self) -> tokio::sync::broadcast::Receiver<menagerie_journal::Notice> {
            self.inner.subscribe()
        }
    };
    (@ verify) => {
        fn verify(&self, run: &menagerie_journal::RunKey) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::Verified, menagerie_journal::Error>> {
            self.inner.verify(run)
        }
    };
    (@ verify_all) => {
        fn verify_all(&self) -> futures_util::future::BoxFuture<'_, Result<menagerie_journal::StoreReport, menagerie_journal::Error>> {
            self.inner.verify_all()
        }
    };
}
