//! The sandbox's ports to what a run's steps share, to its artifacts and to what was revoked: for a call
//! under way, and for one that is only made again.

use std::sync::Arc;

use async_trait::async_trait;
use menagerie_journal::{Content, Journal, RunKey};
use menagerie_orchestration::artifact::{GivenArtifact, NewArtifact};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::CallId;
use menagerie_orchestration::shared::SharedChange;
use menagerie_sandbox::{
    ArtifactContent, ArtifactInfo, ArtifactStore, Interface, Revocations, SharedAnswer,
    SharedState, SharedValue,
};
use serde_json::Value;

use crate::desk::{Desk, Question};
use crate::store::{digest_text, parse_digest};

/// Whose call it is that asks, and at which desk. A call that is only made again has none: all its
/// answers are in the log, and it gets no others.
pub(crate) struct Asking {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) key: RunKey,
    pub(crate) call: CallId,
    pub(crate) role: String,
    pub(crate) desk: Option<Desk>,
}

impl Asking {
    fn desk(&self) -> Result<&Desk, String> {
        let recorded = || "a call that is only made again asks for nothing new".to_owned();
        self.desk.as_ref().ok_or_else(recorded)
    }
}

#[async_trait]
impl SharedState for Asking {
    async fn get(&self, key: &str) -> Result<Option<SharedValue>, String> {
        let key = key.to_owned();
        self.desk()?.ask(|tell| Question::Get { key, tell }).await
    }

    async fn compare_and_set(
        &self,
        ordinal: u32,
        key: &str,
        expected: Option<u32>,
        value: &str,
    ) -> Result<SharedAnswer, String> {
        let value: Value = serde_json::from_str(value).map_err(|error| error.to_string())?;
        let change = Box::new(SharedChange {
            call: self.call,
            ordinal,
            key: key.to_owned(),
            expected,
            value: Some(Document::from(value)),
        });
        self.desk()?
            .ask(|tell| Question::Set { change, tell })
            .await
    }

    async fn delete(&self, ordinal: u32, key: &str, expected: u32) -> Result<SharedAnswer, String> {
        let change = Box::new(SharedChange {
            call: self.call,
            ordinal,
            key: key.to_owned(),
            expected: Some(expected),
            value: None,
        });
        self.desk()?
            .ask(|tell| Question::Set { change, tell })
            .await
    }
}

#[async_trait]
impl ArtifactStore for Asking {
    async fn put(
        &self,
        ordinal: u32,
        content: ArtifactContent,
    ) -> Result<Option<ArtifactInfo>, String> {
        let size = content.bytes.len() as u64;
        let kept = Content::new(content.bytes);
        let new = Box::new(NewArtifact {
            call: self.call,
            ordinal,
            artifact: GivenArtifact {
                name: content.name,
                media_type: content.media_type,
                digest: digest_text(kept.digest()),
                size,
            },
        });
        let put = |tell| Question::Put {
            new,
            content: kept,
            tell,
        };
        self.desk()?.ask(put).await
    }

    async fn stat(&self, id: &str) -> Result<Option<ArtifactInfo>, String> {
        let id = id.to_owned();
        self.desk()?.ask(|tell| Question::Stat { id, tell }).await
    }

    async fn content(&self, digest: &str) -> Result<Arc<[u8]>, String> {
        let parsed = parse_digest(digest).ok_or_else(|| format!("{digest} is no digest"))?;
        let content = self.journal.payload(&self.key, parsed).await;
        content.map_err(|error| error.to_string())
    }
}

impl Revocations for Asking {
    fn is_revoked(&self, interface: Interface) -> bool {
        let desk = self.desk.as_ref();
        desk.is_some_and(|desk| desk.is_revoked(&self.role, interface.name()))
    }
}
