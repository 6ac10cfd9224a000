//! What a case's call shares and which artifacts there are: a run of its own, in memory, which ends with
//! the call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use menagerie_journal::Digest;
use menagerie_sandbox::{
    ArtifactAccess, ArtifactContent, ArtifactInfo, ArtifactPolicy, ArtifactStore, SharedAccess,
    SharedAnswer, SharedPolicy, SharedState, SharedValue,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of one artifact, as a grant that says nothing allows.
const LARGEST: u64 = 8 << 20;

/// An artifact that is there when the call begins; the first is `artifact-1`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    name: String,
    #[serde(default = "plain")]
    media_type: String,
    text: String,
}

fn plain() -> String {
    "text/plain".to_owned()
}

/// The run of one call.
#[derive(Default)]
pub(super) struct Memory {
    values: Mutex<BTreeMap<String, SharedValue>>,
    /// The versions under which values went.
    gone: Mutex<BTreeMap<String, u32>>,
    files: Mutex<Vec<(ArtifactInfo, Arc<[u8]>)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// With these values, each of version 1, and these files.
    pub(super) fn of(shared: &BTreeMap<String, Value>, files: &[File]) -> Arc<Self> {
        let memory = Self::default();
        for (key, value) in shared {
            let value = SharedValue {
                version: 1,
                value: value.to_string(),
            };
            lock(&memory.values).insert(key.clone(), value);
        }
        for file in files {
            memory.keep(ArtifactContent {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                bytes: file.text.as_bytes().into(),
            });
        }
        Arc::new(memory)
    }

    /// Every key may be read and changed.
    pub(super) fn shared(self: &Arc<Self>) -> SharedAccess {
        let all = || vec!["*".to_owned()];
        SharedAccess {
            policy: Arc::new(SharedPolicy {
                read: all(),
                write: all(),
            }),
            state: self.clone(),
        }
    }

    pub(super) fn artifacts(self: &Arc<Self>) -> ArtifactAccess {
        ArtifactAccess {
            policy: ArtifactPolicy { max_size: LARGEST },
            store: self.clone(),
        }
    }

    fn keep(&self, content: ArtifactContent) -> ArtifactInfo {
        let mut files = lock(&self.files);
        let named = files.iter().filter(|(info, _)| info.name == content.name);
        let info = ArtifactInfo {
            id: format!("artifact-{}", files.len() + 1),
            version: u32::try_from(named.count() + 1).unwrap_or(u32::MAX),
            name: content.name,
            media_type: content.media_type,
            digest: format!("sha256:{}", Digest::of(&content.bytes)),
            size: content.bytes.len() as u64,
        };
        files.push((info.clone(), content.bytes));
        info
    }
}

#[async_trait]
impl SharedState for Memory {
    async fn get(&self, key: &str) -> Result<Option<SharedValue>, String> {
        Ok(lock(&self.values).get(key).cloned())
    }

    async fn compare_and_set(
        &self,
        _ordinal: u32,
        key: &str,
        expected: Option<u32>,
        value: &str,
    ) -> Result<SharedAnswer, String> {
        let mut values = lock(&self.values);
        let found = values.get(key).cloned();
        let version = found.as_ref().map(|found| found.version);
        if version != expected {
            return Ok(SharedAnswer::Conflict(found));
        }
        let before = version.or_else(|| lock(&self.gone).remove(key));
        let version = before.unwrap_or(0) + 1;
        let value = value.to_owned();
        values.insert(key.to_owned(), SharedValue { version, value });
        Ok(SharedAnswer::Set(version))
    }

    async fn delete(
        &self,
        _ordinal: u32,
        key: &str,
        expected: u32,
    ) -> Result<SharedAnswer, String> {
        let mut values = lock(&self.values);
        let found = values.get(key).cloned();
        if found.as_ref().map(|found| found.version) != Some(expected) {
            return Ok(SharedAnswer::Conflict(found));
        }
        values.remove(key);
        lock(&self.gone).insert(key.to_owned(), expected + 1);
        Ok(SharedAnswer::Set(expected + 1))
    }
}

#[async_trait]
impl ArtifactStore for Memory {
    async fn put(
        &self,
        _ordinal: u32,
        content: ArtifactContent,
    ) -> Result<Option<ArtifactInfo>, String> {
        Ok(Some(self.keep(content)))
    }

    async fn stat(&self, id: &str) -> Result<Option<ArtifactInfo>, String> {
        let files = lock(&self.files);
        let found = files.iter().find(|(info, _)| info.id == id);
        Ok(found.map(|(info, _)| info.clone()))
    }

    async fn content(&self, digest: &str) -> Result<Arc<[u8]>, String> {
        let files = lock(&self.files);
        let found = files.iter().find(|(info, _)| info.digest == digest);
        let content = found.map(|(_, content)| content.clone());
        content.ok_or_else(|| format!("there is no content of the digest {digest}"))
    }
}
