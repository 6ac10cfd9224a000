//! A watcher that is told of a guest only when what the guest was asked for is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{CallId, Recorded};
use menagerie_orchestration::run::Run;

use crate::watch::{GuestProgress, Watcher};

/// Passes on what it hears, or keeps what it hears of guests until it is released.
pub(crate) struct Withheld {
    watcher: Arc<dyn Watcher>,
    kept: Mutex<Option<Vec<Heard>>>,
}

/// What is heard of a guest.
enum Heard {
    Entered(Box<Call>),
    Progress(CallId, String, GuestProgress),
}

impl Withheld {
    pub(crate) fn over(watcher: Arc<dyn Watcher>) -> Arc<Self> {
        Arc::new(Self {
            watcher,
            kept: Mutex::new(None),
        })
    }

    /// From now on what is heard of guests is kept.
    pub(crate) fn withhold(&self) {
        self.lock().get_or_insert_default();
    }

    /// Tells what was kept, and passes on what comes from now on.
    pub(crate) fn release(&self) {
        // Locked until all is told, so that nothing that comes meanwhile is told before it.
        let mut kept = self.lock();
        for heard in kept.take().into_iter().flatten() {
            match heard {
                Heard::Entered(call) => self.watcher.entered(&call),
                Heard::Progress(call, step, progress) => {
                    self.watcher.progress(call, &step, &progress);
                }
            }
        }
    }

    /// What was kept never happened as far as anybody knows.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Heard>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Withheld {
    fn looks(&self) -> bool {
        self.watcher.looks()
    }

    fn taken(&self, run: &Run) {
        self.watcher.taken(run);
    }

    fn committed(&self, run: &Run, events: &[Recorded]) {
        self.watcher.committed(run, events);
    }

    fn entered(&self, call: &Call) {
        if !self.looks() {
            return;
        }
        match &mut *self.lock() {
            Some(kept) => kept.push(Heard::Entered(Box::new(call.clone()))),
            None => self.watcher.entered(call),
        }
    }

    fn progress(&self, call: CallId, step: &str, progress: &GuestProgress) {
        if !self.looks() {
            return;
        }
        match &mut *self.lock() {
            Some(kept) => kept.push(Heard::Progress(call, step.to_owned(), progress.clone())),
            None => self.watcher.progress(call, step, progress),
        }
    }
}
