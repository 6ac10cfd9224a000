//! A run's events, a page at a time.

use std::collections::VecDeque;

use menagerie_journal::{Journal, RunKey, StoredEvent};
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::history_file::{self, HistoryFile};
use menagerie_orchestration::wire::WireError;

use crate::error::ExecutorError;
use crate::{pinned, store};

/// Events read at once.
const PAGE: u64 = 512;

/// The events that a run had when they began to be read: whole commits, whoever drives it on.
pub(super) struct Events<'store> {
    store: &'store dyn Journal,
    key: &'store RunKey,
    page: VecDeque<StoredEvent>,
    next: u64,
    total: u64,
}

impl<'store> Events<'store> {
    pub(super) async fn of(
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

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) async fn next(&mut self) -> Result<Option<Recorded>, ExecutorError> {
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

/// A run's journal as a file that stands for itself.
///
/// # Errors
/// When the run or its flow cannot be read.
pub async fn history_of(
    store: &dyn Journal,
    key: &RunKey,
    about: &str,
) -> Result<HistoryFile, ExecutorError> {
    let mut history = HistoryFile {
        about: about.to_owned(),
        host: env!("CARGO_PKG_VERSION").to_owned(),
        flow: pinned::flow(store, key).await?.1.to_string(),
        ..HistoryFile::default()
    };
    for stored in store.events(key, 0, usize::MAX).await? {
        let unreadable = |source| ExecutorError::Event {
            run: key.clone(),
            seq: stored.seq,
            source,
        };
        for digest in history_file::digests(&stored.json).map_err(unreadable)? {
            if history.payloads.contains_key(&digest) {
                continue;
            }
            let damaged = |reason: String| {
                unreadable(WireError::Payload {
                    digest: digest.clone(),
                    reason,
                })
            };
            let parsed = store::parse_digest(&digest);
            let parsed = parsed.ok_or_else(|| damaged("not a digest".to_owned()))?;
            let bytes = store.payload(key, parsed).await?;
            let text = String::from_utf8(bytes.to_vec());
            let text = text.map_err(|error| damaged(error.to_string()))?;
            history.payloads.insert(digest, text);
        }
        history.events.push(stored.json);
    }
    Ok(history)
}
