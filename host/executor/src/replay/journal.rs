//! A run's journal as a file.

use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::history_file::{self, HistoryFile};
use menagerie_orchestration::wire::WireError;

use crate::error::ExecutorError;
use crate::{pinned, store};

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
