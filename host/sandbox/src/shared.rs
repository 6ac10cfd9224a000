//! The capability `shared`: values that all steps of a run share, read and changed through the port
//! [`SharedState`], within what a flow's grant allows and through the call log.
//!
//! What is refused before it reaches the port depends on the request and the grant alone, so that it
//! needs no record.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::bindings::menagerie::plugin::shared as wit;
use crate::call_log::{EffectClass, Interface, OnUnknown};
use crate::ijson::{Budget, check_document};
use crate::recorder::{HostCall, Permission};
use crate::revoked::{REVOKED, Told, told, unless_revoked};
use crate::state::CallState;
use crate::stop::Stop;

/// Bytes of a value as JSON text.
const MOST_VALUE: usize = 64 << 10;
/// Bytes of a key.
const MOST_KEY: usize = 128;

/// What a grant of `shared` allows. A pattern is a key, or with `*` at its end the beginning of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPolicy {
    /// Values that may be read.
    pub read: Vec<String>,
    /// Values that may be changed, and read.
    pub write: Vec<String>,
}

/// A value and how often it was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedValue {
    /// 1 for the first value of a key.
    pub version: u32,
    /// JSON text.
    pub value: String,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedAnswer {
    /// The value is set, and this is its version.
    Set(u32),
    /// It was of another version: this is there.
    Conflict(Option<SharedValue>),
    /// What the run shares would be larger than it may be, or was changed as often as it may be.
    Full,
}

/// Where the values of a run are. What it answers is durable.
#[async_trait]
pub trait SharedState: Send + Sync {
    /// A value as it is now.
    ///
    /// # Errors
    /// A sentence, when the host lacks something; the call then ends as the host's failure.
    async fn get(&self, key: &str) -> Result<Option<SharedValue>, String>;
    /// Sets a value that is of the expected version. The same ordinal of the same attempt is the same
    /// change, which is made once however often it is asked for.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn compare_and_set(
        &self,
        ordinal: u32,
        key: &str,
        expected: Option<u32>,
        value: &str,
    ) -> Result<SharedAnswer, String>;
    /// Takes a value away that is of the expected version; [`SharedAnswer::Set`] has the version under
    /// which it went. Once, as [`compare_and_set`](Self::compare_and_set).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn delete(&self, ordinal: u32, key: &str, expected: u32) -> Result<SharedAnswer, String>;
}

/// What one call may share, and where it is.
#[derive(Clone)]
pub struct SharedAccess {
    /// What the grant allows.
    pub policy: Arc<SharedPolicy>,
    /// The run's values.
    pub state: Arc<dyn SharedState>,
}

impl SharedPolicy {
    fn reads(&self, key: &str) -> bool {
        matches(&self.read, key) || self.writes(key)
    }

    fn writes(&self, key: &str) -> bool {
        matches(&self.write, key)
    }
}

fn matches(patterns: &[String], key: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => key.starts_with(beginning),
            None => pattern == key,
        })
}

fn problem(code: &str, message: String) -> wit::Problem {
    wit::Problem {
        code: code.to_owned(),
        message,
        extra: Vec::new(),
    }
}

fn check_key(key: &str) -> Result<(), wit::Problem> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte);
    if (1..=MOST_KEY).contains(&key.len()) && key.bytes().all(known) {
        return Ok(());
    }
    let expected = "expected 1 to 128 letters, digits, `.`, `_`, `/`, `:` and `-`";
    let message = if key.len() > MOST_KEY {
        format!("a key of {} bytes; {expected}", key.len())
    } else {
        format!("the key {key:?}; {expected}")
    };
    Err(problem("invalid-key", message))
}

impl wit::Host for CallState {
    async fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Option<wit::Versioned>, wit::Problem>> {
        self.meters.capability_call(Interface::Shared, key.len())?;
        let access = self.shared_access()?;
        if let Err(problem) = check_key(&key) {
            return Ok(Err(problem));
        }
        if !access.policy.reads(&key) {
            return Ok(Err(self.denied(not_allowed("read", &key))));
        }
        let request = format!("shared get {key}");
        let call = HostCall {
            interface: Interface::Shared,
            effect: EffectClass::Idempotent,
            read: true,
            on_unknown: OnUnknown::Retry,
            request: request.as_bytes(),
        };
        let (state, revoked) = (access.state, self.revoked.clone());
        let make = move |_: Permission| async move {
            unless_revoked(revoked, Interface::Shared, state.get(&key)).await
        };
        let recorded = self.outside(call, make).await?;
        self.give_way(recorded.len()).await;
        Ok(match told::<Option<SharedValue>>(&recorded)? {
            Told::Answer(found) => Ok(found.map(versioned)),
            Told::Revoked => Err(self.denied(REVOKED.to_owned())),
        })
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u32>,
        value: String,
    ) -> wasmtime::Result<Result<u32, wit::Refusal>> {
        self.meters
            .capability_call(Interface::Shared, key.len() + value.len())?;
        let access = self.shared_access()?;
        if let Err(problem) = check_key(&key).and_then(|()| self.check_value(&value)) {
            return Ok(Err(wit::Refusal::Problem(problem)));
        }
        if !access.policy.writes(&key) {
            return Ok(Err(wit::Refusal::Problem(
                self.denied(not_allowed("change", &key)),
            )));
        }
        let expects = expected.map_or("none".to_owned(), |version| version.to_string());
        let request = format!("shared set {key} {expects} {value}");
        let state = access.state;
        let change = move |ordinal: u32| async move {
            state.compare_and_set(ordinal, &key, expected, &value).await
        };
        Ok(self.change(request, change).await?)
    }

    async fn delete(
        &mut self,
        key: String,
        expected: u32,
    ) -> wasmtime::Result<Result<(), wit::Refusal>> {
        self.meters.capability_call(Interface::Shared, key.len())?;
        let access = self.shared_access()?;
        if let Err(problem) = check_key(&key) {
            return Ok(Err(wit::Refusal::Problem(problem)));
        }
        if !access.policy.writes(&key) {
            return Ok(Err(wit::Refusal::Problem(
                self.denied(not_allowed("change", &key)),
            )));
        }
        let request = format!("shared delete {key} {expected}");
        let state = access.state;
        let change = move |ordinal: u32| async move { state.delete(ordinal, &key, expected).await };
        Ok(self.change(request, change).await?.map(|_version| ()))
    }
}

fn not_allowed(what: &str, key: &str) -> String {
    format!("no rule of the grant lets this plugin {what} `{key}`")
}

fn versioned(found: SharedValue) -> wit::Versioned {
    wit::Versioned {
        version: found.version,
        value: found.value,
    }
}

impl CallState {
    /// Has a change made and recorded; answers with the version of it.
    async fn change<Asked>(
        &mut self,
        request: String,
        change: impl FnOnce(u32) -> Asked + Send + 'static,
    ) -> Result<Result<u32, wit::Refusal>, Stop>
    where
        Asked: Future<Output = Result<SharedAnswer, String>> + Send + 'static,
    {
        let call = HostCall {
            interface: Interface::Shared,
            effect: EffectClass::Idempotent,
            read: false,
            on_unknown: OnUnknown::Retry,
            request: request.as_bytes(),
        };
        let revoked = self.revoked.clone();
        let make = move |permission: Permission| async move {
            unless_revoked(revoked, Interface::Shared, change(permission.ordinal)).await
        };
        let recorded = self.outside(call, make).await?;
        self.give_way(recorded.len()).await;
        Ok(match told(&recorded)? {
            Told::Revoked => Err(wit::Refusal::Problem(self.denied(REVOKED.to_owned()))),
            Told::Answer(SharedAnswer::Set(version)) => Ok(version),
            Told::Answer(SharedAnswer::Conflict(found)) => {
                Err(wit::Refusal::Conflict(found.map(versioned)))
            }
            Told::Answer(SharedAnswer::Full) => {
                let message = "the run shares as much as it may, or was changed as often";
                Err(wit::Refusal::Problem(problem("full", message.to_owned())))
            }
        })
    }

    fn shared_access(&self) -> Result<SharedAccess, Stop> {
        // A plugin that imports `shared` is loaded with a grant, or not at all.
        let access = self.shared.clone();
        access.ok_or_else(|| Stop::Host("the call has no grant of `shared`".to_owned()))
    }

    fn denied(&mut self, message: String) -> wit::Problem {
        self.meters.denied();
        problem("denied", message)
    }

    fn check_value(&self, value: &str) -> Result<(), wit::Problem> {
        if value.len() > MOST_VALUE {
            let message = format!(
                "a value of {} bytes; at most {MOST_VALUE} are kept",
                value.len()
            );
            return Err(problem("too-large", message));
        }
        let limits = self.meters.limits();
        let mut budget = Budget::new(limits.json_depth, limits.json_nodes);
        check_document(value, &mut budget).map_err(|broken| {
            let message = format!("the value breaks the rule `{}`: {broken}", broken.rule);
            problem("invalid-value", message)
        })
    }
}
