//! Taking runs up where their journals end: from nobody, or from somebody else.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use menagerie_journal::{Claim, Claimed, CommitError, Owner, RunKey};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::Input;
use menagerie_orchestration::run::{Run, SNAPSHOT_VERSION};
use menagerie_sandbox::Catalogue;
use tokio_util::sync::CancellationToken;

use super::Host;
use crate::assemble::missing_secrets;
use crate::driver::{Driver, Stopped};
use crate::error::ExecutorError;
use crate::guests::{GuestAnswer, Guests};
use crate::library::Library;
use crate::pinned;
use crate::store::{self, Known};
use crate::watch::{Nobody, Watcher};
use crate::withheld::Withheld;

/// From whom a run may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakeFrom {
    /// From nobody: an owner that lives keeps it.
    #[default]
    Nobody,
    /// From this very process, which has lost sight of it: giving it up has failed, say.
    Itself,
    /// From the owner that was seen to have it under this epoch, and from nobody who came after.
    Epoch(u64),
    /// From whoever has it, alive or not. What the old owner commits from then on is refused.
    Anybody,
}

impl TakeFrom {
    fn takes_from(self, owner: &Owner) -> bool {
        match self {
            Self::Nobody => false,
            Self::Itself => owner.own,
            Self::Epoch(seen) => owner.epoch == seen,
            Self::Anybody => true,
        }
    }
}

impl Host {
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
        let library = Library::new(catalogue.clone(), 1);
        self.resume_from(&library, key, watcher, TakeFrom::Nobody)
            .await
    }

    /// As [`resume`](Self::resume), with plugins that other runs have in common with this one, and
    /// from somebody else if need be.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_from(
        &self,
        library: &Library,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let assembled = library.assembled(&*self.around.journal, key).await?;
        let mut missing = missing_secrets(library.catalogue().engine(), &assembled.flow);
        if !missing.is_empty() {
            return Err(ExecutorError::Assemble {
                run: key.clone(),
                source: Box::new(missing.remove(0)),
            });
        }
        let watcher = Withheld::over(watcher);
        let guests = self.wasm_guests(library.catalogue(), &assembled, watcher.clone());
        self.resume_framed(key, assembled.flow.clone(), watcher, guests, from)
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
        self.resume_with_from(flow, guests, key, watcher, TakeFrom::Nobody)
            .await
    }

    /// Takes up a run whose guests are somebody else's, and from somebody else if need be.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub async fn resume_with_from(
        &self,
        flow: Arc<Flow>,
        guests: Arc<dyn Guests>,
        key: &RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let watcher = Withheld::over(watcher);
        self.resume_framed(key, flow, watcher, |_, _| guests.clone(), from)
            .await
    }

    /// Takes a run up only to fold in what lies in its inbox, and puts it down: its plugins are not
    /// needed, and no guest runs.
    ///
    /// # Errors
    /// When somebody drives it, or its journal cannot be used.
    pub async fn fold_in_mail(&self, key: &RunKey) -> Result<(Run, Stopped), ExecutorError> {
        let flow = pinned::flow(&*self.around.journal, key).await?.0;
        let mut stopped = self.clone();
        stopped.around.stop = CancellationToken::new();
        stopped.around.stop.cancel();
        let driven = stopped
            .resume_with(flow, Arc::new(NoGuests), key, Arc::new(Nobody))
            .await?;
        if driven.1 == Stopped::Parked {
            // Somebody else may go on with it.
            self.around.journal.ring();
        }
        Ok(driven)
    }

    async fn resume_framed(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
        watcher: Arc<Withheld>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
        from: TakeFrom,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let claim = self.claim(key, from).await?;
        let driven = self.drive_claimed(claim, &flow, &watcher, &guests).await?;
        self.unless_mail(key, flow, watcher, guests, driven).await
    }

    /// Goes on with a run that stopped to wait while a wish was being put into its inbox. Whoever
    /// put it there may have found the run owned, and counts on its owner.
    pub(super) async fn unless_mail(
        &self,
        key: &RunKey,
        flow: Arc<Flow>,
        watcher: Arc<Withheld>,
        guests: impl Fn(u64, &Claim) -> Arc<dyn Guests>,
        mut driven: (Run, Stopped),
    ) -> Result<(Run, Stopped), ExecutorError> {
        while matches!(driven.1, Stopped::Waiting | Stopped::Asleep)
            && !self.around.journal.take_inbox(key, 0).await?.is_empty()
        {
            let claim = match self.claim(key, TakeFrom::Nobody).await {
                Err(ExecutorError::Owned { .. }) => return Ok(driven),
                claim => claim?,
            };
            driven = self.drive_claimed(claim, &flow, &watcher, &guests).await?;
        }
        Ok(driven)
    }

    /// Comes to own a run.
    async fn claim(&self, key: &RunKey, from: TakeFrom) -> Result<Claim, ExecutorError> {
        let journal = &self.around.journal;
        let mut claimed = journal.claim(key).await?;
        if let Claimed::OwnedBy(owner) = &claimed
            && from.takes_from(owner)
        {
            claimed = journal.take_over(key, owner.epoch).await?;
        }
        match claimed {
            Claimed::Yours(claim) => Ok(claim),
            Claimed::OwnedBy(owner) => Err(ExecutorError::Owned {
                run: key.clone(),
                owner,
            }),
        }
    }

    /// Says who has a run that was taken from this host while it was driving it.
    pub(super) async fn unless_taken_over<T>(
        &self,
        key: &RunKey,
        driven: Result<T, ExecutorError>,
    ) -> Result<T, ExecutorError> {
        match driven {
            Err(ExecutorError::Commit(CommitError::StaleEpoch { run, .. })) => {
                let by = self.around.journal.owner(key).await?;
                Err(ExecutorError::TakenOver { run, by })
            }
            driven => driven,
        }
    }

    async fn drive_claimed(
        &self,
        claim: Claim,
        flow: &Arc<Flow>,
        watcher: &Arc<Withheld>,
        guests: &impl Fn(u64, &Claim) -> Arc<dyn Guests>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let key = &claim.key().clone();
        let (run, known, clean) = match self.load_claimed(key, flow.clone()).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.around.journal.release(claim).await?;
                return Err(error);
            }
        };
        let first = if clean {
            Vec::new()
        } else {
            vec![Input::Recovered]
        };
        let guests = guests(run.seed(), &claim);
        if !run.status().is_final() {
            watcher.taken(&run);
        }
        let driver = Driver::new(
            self.around.clone(),
            guests,
            watcher.clone(),
            claim,
            run,
            known,
        );
        self.unless_taken_over(key, driver.drive(first).await).await
    }

    pub(crate) async fn load_claimed(
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
}

/// Stands where no guest may run: a call waits until nobody waits for it.
struct NoGuests;

impl Guests for NoGuests {
    fn call(&self, _call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        Box::pin(async move {
            cancel.cancelled().await;
            GuestAnswer::unmade(Failure::new("cancelled", "no guest runs here"))
        })
    }

    fn digest(&self, _role: &str) -> String {
        String::new()
    }
}
