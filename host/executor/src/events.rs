//! A run's events, a page at a time: a run of a million steps is read in the memory of a short one.

use std::collections::VecDeque;

use menagerie_journal::{Journal, RunKey, StoredEvent};
use menagerie_orchestration::event::Recorded;

use crate::error::ExecutorError;
use crate::store;

/// Events read at once.
const PAGE: u64 = 512;

/// The events that a run had when they began to be read: whole commits, whoever drives it on.
pub struct Events<'store> {
    store: &'store dyn Journal,
    key: &'store RunKey,
    page: VecDeque<StoredEvent>,
    next: u64,
    total: u64,
}

impl<'store> Events<'store> {
    /// From the first event on.
    ///
    /// # Errors
    /// When there is no such run, or its store cannot be read.
    pub async fn of(
        store: &'store dyn Journal,
        key: &'store RunKey,
    ) -> Result<Self, ExecutorError> {
        let total = store.run(key).await?.next_seq;
        Ok(Self {
            store,
            key,
            page: VecDeque::new(),
            next: 0,
            total,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next one; none after the last.
    ///
    /// # Errors
    /// When the journal is damaged, or from a newer host.
    pub async fn next(&mut self) -> Result<Option<Recorded>, ExecutorError> {
        if self.page.is_empty() && self.next < self.total {
            let limit = usize::try_from(PAGE.min(self.total - self.next)).unwrap_or(usize::MAX);
            let page = self.store.events(self.key, self.next, limit).await?;
            self.next += page.len() as u64;
            self.page = page.into();
        }
        match self.page.pop_front() {
            Some(stored) => {
                let read = store::read_event(self.store, self.key, &stored).await?;
                Ok(Some(read))
            }
            None => Ok(None),
        }
    }
}
