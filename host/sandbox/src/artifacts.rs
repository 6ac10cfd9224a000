//! The capability `artifacts`: files of a run, made and read through the port [`ArtifactStore`] and
//! through the call log.
//!
//! The log keeps what there is to say of an artifact, never its content: that stands in the store by its
//! digest, and is the same whenever it is read.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bindings::menagerie::plugin::artifacts as wit;
use crate::call_log::{EffectClass, Interface, OnUnknown};
use crate::recorder::{HostCall, Permission};
use crate::revoked::{REVOKED, Told, told, unless_revoked};
use crate::state::CallState;
use crate::stop::Stop;
use crate::types::ArtifactRef;

/// Bytes of a content that are given to the guest in one host call.
const MOST_AT_ONCE: usize = 1 << 20;
/// Bytes of a name and of a media type.
const MOST_NAME: usize = 128;

/// What a grant of `artifacts` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArtifactPolicy {
    /// Bytes of one content.
    pub max_size: u64,
}

/// What there is to say of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactInfo {
    /// Its id within the run.
    pub id: String,
    /// As it was given.
    pub name: String,
    /// Counts the artifacts of this name within the run, from 1.
    pub version: u32,
    /// Its media type.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A content that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactContent {
    /// What it is to be called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// The content.
    pub bytes: Arc<[u8]>,
}

/// Where the artifacts of a run are. What it answers is durable.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Keeps a content; none when the run has no room for it. The same ordinal of the same attempt is
    /// the same artifact, which is made once however often it is asked for.
    ///
    /// # Errors
    /// A sentence, when the host lacks something; the call then ends as the host's failure.
    async fn put(
        &self,
        ordinal: u32,
        content: ArtifactContent,
    ) -> Result<Option<ArtifactInfo>, String>;
    /// An artifact of the run; none when it has none of this id.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn stat(&self, id: &str) -> Result<Option<ArtifactInfo>, String>;
    /// The content of an artifact of the run, which [`stat`](Self::stat) told of.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn content(&self, digest: &str) -> Result<Arc<[u8]>, String>;
}

/// What one call may make and read, and where it is.
#[derive(Clone)]
pub struct ArtifactAccess {
    /// What the grant allows.
    pub policy: ArtifactPolicy,
    /// The run's artifacts.
    pub store: Arc<dyn ArtifactStore>,
}

fn problem(code: &str, message: impl Into<String>) -> wit::Problem {
    wit::Problem {
        code: code.to_owned(),
        message: message.into(),
        extra: Vec::new(),
    }
}

/// A text of the guest's for a message, no longer than it may be.
fn shown(text: &str) -> String {
    match text.len() > MOST_NAME {
        true => format!("a text of {} bytes", text.len()),
        false => format!("{text:?}"),
    }
}

fn check_name(name: &str) -> Result<(), wit::Problem> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let sized = (1..=MOST_NAME).contains(&name.len());
    if sized && name.bytes().all(known) && !name.starts_with('.') {
        return Ok(());
    }
    let message = format!(
        "the name is {}; expected 1 to 128 letters, digits, `.`, `_` and `-`, not `.` first",
        shown(name)
    );
    Err(problem("invalid-name", message))
}

/// A type and a subtype of RFC 6838, without parameters.
fn check_media_type(media_type: &str) -> Result<(), wit::Problem> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let part = |part: &str| {
        let begins = part.bytes().next();
        begins.is_some_and(|first| first.is_ascii_alphanumeric()) && part.bytes().all(known)
    };
    let parts = media_type.split_once('/');
    let good = parts.is_some_and(|(of, sub)| part(of) && part(sub));
    if good && media_type.len() <= MOST_NAME {
        return Ok(());
    }
    let message = format!(
        "the media type is {}; expected a type and a subtype, such as `text/markdown`",
        shown(media_type)
    );
    Err(problem("invalid-media-type", message))
}

impl wit::Host for CallState {
    async fn put(
        &mut self,
        name: String,
        media_type: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<ArtifactRef, wit::Problem>> {
        let size = content.len();
        self.meters
            .capability_call(Interface::Artifacts, name.len() + media_type.len() + size)?;
        let access = self.artifact_access()?;
        if let Err(problem) = check_name(&name).and_then(|()| check_media_type(&media_type)) {
            return Ok(Err(problem));
        }
        let most = access.policy.max_size;
        if size as u64 > most {
            let message = format!("the content has {size} bytes, and the grant allows {most}");
            return Ok(Err(problem("too-large", message)));
        }
        // Hashing costs several times what copying does.
        self.give_way(size * 4).await;
        let digest = hex::encode(Sha256::digest(&content));
        let request = format!("artifacts put {name} {media_type} {digest}");
        let (store, revoked) = (access.store, self.revoked.clone());
        let content = ArtifactContent {
            name,
            media_type,
            bytes: content.into(),
        };
        let make = move |permission: Permission| async move {
            let put = store.put(permission.ordinal, content);
            unless_revoked(revoked, Interface::Artifacts, put).await
        };
        let recorded = self.outside(host_call(&request, false), make).await?;
        Ok(match told::<Option<ArtifactInfo>>(&recorded)? {
            Told::Answer(Some(info)) => Ok(reference(info)),
            Told::Answer(None) => {
                let message = "the run has as many artifacts as it may, or as many bytes of them";
                Err(problem("full", message))
            }
            Told::Revoked => Err(self.no_artifact(REVOKED.to_owned())),
        })
    }

    async fn stat(
        &mut self,
        id: String,
    ) -> wasmtime::Result<Result<wit::ArtifactInfo, wit::Problem>> {
        self.meters
            .capability_call(Interface::Artifacts, id.len())?;
        let found = self.found(&id).await?;
        Ok(found.map(|info| wit::ArtifactInfo {
            name: info.name.clone(),
            version: info.version,
            size: u32::try_from(info.size).unwrap_or(u32::MAX),
            artifact: reference(info),
        }))
    }

    async fn get(
        &mut self,
        id: String,
        offset: u32,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::Problem>> {
        self.meters
            .capability_call(Interface::Artifacts, id.len())?;
        let info = match self.found(&id).await? {
            Ok(info) => info,
            Err(problem) => return Ok(Err(problem)),
        };
        let content = self.content(&info.digest).await?;
        let from = (offset as usize).min(content.len());
        let length = (length as usize).min(MOST_AT_ONCE);
        let to = from.saturating_add(length).min(content.len());
        let part = content[from..to].to_vec();
        self.give_way(part.len()).await;
        Ok(Ok(part))
    }
}

fn host_call(request: &str, read: bool) -> HostCall<'_> {
    HostCall {
        interface: Interface::Artifacts,
        effect: EffectClass::Idempotent,
        read,
        on_unknown: OnUnknown::Retry,
        request: request.as_bytes(),
    }
}

fn reference(info: ArtifactInfo) -> ArtifactRef {
    ArtifactRef {
        id: info.id,
        media_type: info.media_type,
        digest: info.digest,
    }
}

impl CallState {
    fn artifact_access(&self) -> Result<ArtifactAccess, Stop> {
        // A plugin that imports `artifacts` is loaded with a grant, or not at all.
        let access = self.artifacts.clone();
        access.ok_or_else(|| Stop::Host("the call has no grant of `artifacts`".to_owned()))
    }

    /// An artifact of the run, as the log has it or the store says now: one that another step makes
    /// later is not there in a second execution either.
    async fn found(&mut self, id: &str) -> Result<Result<ArtifactInfo, wit::Problem>, Stop> {
        let access = self.artifact_access()?;
        let request = format!("artifacts stat {id}");
        let (asked, revoked) = (id.to_owned(), self.revoked.clone());
        let make = move |_: Permission| async move {
            let stat = access.store.stat(&asked);
            unless_revoked(revoked, Interface::Artifacts, stat).await
        };
        let recorded = self.outside(host_call(&request, true), make).await?;
        Ok(match told::<Option<ArtifactInfo>>(&recorded)? {
            Told::Answer(Some(info)) => Ok(info),
            Told::Answer(None) => {
                let message = format!("the run has no artifact with the id {}", shown(id));
                Err(self.no_artifact(message))
            }
            Told::Revoked => Err(self.no_artifact(REVOKED.to_owned())),
        })
    }

    fn no_artifact(&mut self, message: String) -> wit::Problem {
        self.meters.denied();
        problem("denied", message)
    }

    /// A content, kept for as long as the guest reads on in it.
    async fn content(&mut self, digest: &str) -> Result<Arc<[u8]>, Stop> {
        if let Some((known, content)) = &self.reads
            && known == digest
        {
            return Ok(content.clone());
        }
        let store = self.artifact_access()?.store;
        let content = store.content(digest).await.map_err(Stop::Host)?;
        self.reads = Some((digest.to_owned(), content.clone()));
        Ok(content)
    }
}
