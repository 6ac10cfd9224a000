//! What a guest says once more when its call is executed again after a suspension is not passed on
//! once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::LogLine;
use crate::spec::{Observer, Progress};

/// Passes on what is new. A guest says the same things in the same order every time, so that it is
/// enough to count them.
pub(crate) struct Repeating {
    observer: Arc<dyn Observer>,
    /// Things said in this execution.
    said: AtomicU64,
    /// Things passed on in all executions.
    told: AtomicU64,
}

impl Repeating {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Repeating {
        Repeating {
            observer,
            said: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// The call is executed from its beginning.
    pub(crate) fn begin_again(&self) {
        self.said.store(0, Ordering::Relaxed);
    }

    fn is_new(&self) -> bool {
        let said = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        self.told.fetch_max(said, Ordering::Relaxed) < said
    }
}

impl Observer for Repeating {
    fn log(&self, line: &LogLine) {
        if self.is_new() {
            self.observer.log(line);
        }
    }

    fn progress(&self, progress: Progress) {
        if self.is_new() {
            self.observer.progress(progress);
        }
    }
}
