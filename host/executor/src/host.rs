//! Starting, resuming and steering runs.

mod beginning;
mod resuming;

use std::sync::Arc;
use std::time::Duration;

use menagerie_journal::{Claim, Journal, RunKey};
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::{Run, SNAPSHOT_VERSION};
use menagerie_sandbox::Catalogue;
use tokio_util::sync::CancellationToken;

pub use self::beginning::{Began, BeginRun, Detached, GivenFile};
pub use self::resuming::TakeFrom;
use crate::assemble::Assembled;
use crate::clock::Clock;
use crate::driver::{InboxWish, Surroundings};
use crate::error::ExecutorError;
use crate::figures::FigureBook;
use crate::gate::{Gate, GateConfig};
use crate::guests::Guests;
use crate::mailroom::Mailroom;
use crate::pinned;
use crate::store;
use crate::wasm::WasmGuests;
use crate::watch::Watcher;

/// What a host is made of.
pub struct HostParts {
    /// Where runs are kept.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many calls run and wait at once.
    pub gate: GateConfig,
    /// How often to look for mail, once for all runs, where nobody rings.
    pub inbox_interval: Duration,
}

/// Drives runs. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    pub(crate) around: Surroundings,
    look_interval: Duration,
}

impl Host {
    /// A host that drives nothing yet.
    #[must_use]
    pub fn new(parts: HostParts) -> Self {
        Self {
            around: Surroundings {
                mailroom: Mailroom::new(parts.journal.clone(), parts.inbox_interval, &*parts.clock),
                journal: parts.journal,
                gate: Gate::new(parts.gate),
                figures: FigureBook::default(),
                clock: parts.clock,
                asleep_after: None,
                stop: CancellationToken::new(),
            },
            look_interval: parts.inbox_interval,
        }
    }

    /// The same host, but a run that would do nothing for longer than this is put down:
    /// [`Stopped::Asleep`](crate::Stopped::Asleep). For those who come back when its time has come.
    #[must_use]
    pub fn putting_down(mut self, asleep_after: Duration) -> Self {
        self.around.asleep_after = Some(asleep_after);
        self
    }

    pub(crate) fn around(&self) -> &Surroundings {
        &self.around
    }

    /// How often to look whether anything is to be done, where nobody rings.
    pub(crate) fn look_interval(&self) -> Duration {
        self.look_interval
    }

    /// Cancelled, it lets every loop of the host park its run and end.
    #[must_use]
    pub fn stopper(&self) -> CancellationToken {
        self.around.stop.clone()
    }

    /// The admission gate.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.around.gate
    }

    /// Where runs are kept.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.around.journal
    }
    /// Makes the guests of a run that this host has come to own.
    fn wasm_guests(
        &self,
        catalogue: &Catalogue,
        assembled: &Assembled,
        watcher: Arc<dyn Watcher>,
    ) -> impl Fn(u64, &Claim) -> Arc<dyn Guests> {
        move |seed, claim| {
            let (claim, watcher) = (claim.clone(), watcher.clone());
            let catalogue = catalogue.clone();
            let guests = WasmGuests::new(catalogue, assembled, seed, &self.around, claim, watcher);
            Arc::new(guests)
        }
    }

    /// The flow that a run stays on.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn flow(&self, key: &RunKey) -> Result<Arc<Flow>, ExecutorError> {
        Ok(pinned::flow(&*self.around.journal, key).await?.0)
    }

    /// A run as its journal has it, for looking at.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub async fn load(&self, key: &RunKey) -> Result<Run, ExecutorError> {
        let journal = &*self.around.journal;
        let flow = pinned::flow(journal, key).await?.0;
        let loaded = journal.load(key, SNAPSHOT_VERSION).await?;
        store::fold(journal, key, flow, loaded).await
    }

    /// The events of a run from a position on, with their positions.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub async fn events(
        &self,
        key: &RunKey,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Recorded)>, ExecutorError> {
        let journal = &*self.around.journal;
        let mut events = Vec::new();
        for stored in journal.events(key, from, limit).await? {
            events.push((stored.seq, store::read_event(journal, key, &stored).await?));
        }
        Ok(events)
    }

    /// Leaves a wish in a run's inbox; whoever drives the run folds it in. `false` when the same
    /// wish lies there already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn wish(
        &self,
        key: &RunKey,
        id: &str,
        by: &str,
        wish: Wish,
    ) -> Result<bool, ExecutorError> {
        let json = serde_json::json!(InboxWish {
            by: by.to_owned(),
            wish,
        });
        let at_ms = u64::try_from(self.around.clock.now().0).unwrap_or(0);
        let journal = &self.around.journal;
        let new = journal.put_inbox(key, id, &json.to_string(), at_ms).await?;
        self.around.mailroom.tell(key);
        journal.ring();
        Ok(new)
    }
}
