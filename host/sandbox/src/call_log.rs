//! The port through which host calls with an effect are journalled, so that a step which is
//! executed again sees the answers that it saw before.
//!
//! Grants that reach outside go through the [`Recorder`](crate::Recorder), and whoever stores runs
//! implements [`CallLog`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::stop::Stop;

/// Which host call: the `ordinal`-th with an effect of one attempt of one step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// The run's id.
    pub run: String,
    /// What the step is called in the log: its id, or what its id and number make where another step
    /// of the run may have the same id.
    pub step: String,
    /// The attempt, counted from 1. A second execution of an attempt has the same number.
    pub attempt: u32,
    /// Counts from 0 within the attempt.
    pub ordinal: u32,
}

impl CallKey {
    /// What an endpoint that honours idempotency keys is given: `run:step:ordinal`, with what cannot
    /// stand in a header as `%` and two digits.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let mut key = String::new();
        for byte in format!("{}:{}:{}", self.run, self.step, self.ordinal).bytes() {
            match byte {
                b' '..=b'~' if byte != b'%' => key.push(char::from(byte)),
                byte => key.push_str(&format!("%{byte:02X}")),
            }
        }
        key
    }
}

/// What a crash between the intent and the record of a call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectClass {
    /// Computed again: nothing is recorded.
    Pure,
    /// Repeated with the same key.
    Idempotent,
    /// Repeated, and marked as possibly done twice.
    AtLeastOnce,
    /// Not repeated: somebody must find out what happened.
    AtMostOnce,
}

/// What becomes of an at-most-once call whose outcome nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It is made again.
    Retry,
    /// Somebody is asked.
    #[default]
    Review,
    /// The step fails.
    Fail,
}

impl OnUnknown {
    /// The word in flow files and failures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            OnUnknown::Retry => "retry",
            OnUnknown::Review => "review",
            OnUnknown::Fail => "fail",
        }
    }
}

/// Whose host call it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// `http`, which was there first.
    #[default]
    Http,
    /// `shared`.
    Shared,
    /// `artifacts`.
    Artifacts,
}

impl Interface {
    /// The interface's name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Interface::Http => "http",
            Interface::Shared => "shared",
            Interface::Artifacts => "artifacts",
        }
    }
}

/// What is written down before an effect leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Whose call it is.
    pub interface: Interface,
    /// The class that decides what a crash means.
    pub effect: EffectClass,
    /// `sha256:` and the digest of the request.
    pub request_digest: String,
}

/// What the log knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the call is new.
    Nothing,
    /// The call may have happened; its answer was never recorded.
    Intended(Intent),
    /// The call happened, and this was its answer.
    Answered(Intent, Vec<u8>),
}

/// A failure of the log itself, such as a full disk. The call it happened in may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call log failed: {0}")]
pub struct CallLogError(pub String);

/// Where host calls are journalled. `intend` and `record` return when what they were given is
/// durable. A log that only answers, as a replay's, refuses to intend: then nothing leaves the host.
#[async_trait]
pub trait CallLog: Send + Sync {
    /// What is known of a call.
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError>;
    /// Writes down that a call is about to happen. Intending a call again, as a repeat does, is
    /// fine as long as the intent is the same.
    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError>;
    /// The same for a read, whose intent may be lost: it is done again and nothing is different. So
    /// it may be kept back until [`record`](CallLog::record), and written together with the answer.
    async fn intend_read(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        self.intend(key, intent).await
    }
    /// Whether an earlier execution made this call, which the guest has ended without.
    async fn expects(&self, key: &CallKey) -> Result<bool, CallLogError> {
        Ok(self.lookup(key).await? != Known::Nothing)
    }
    /// Writes down what came of a call that was intended.
    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError>;
}

/// Why a call through the log has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallTrouble {
    /// The guest asked for something else when it was executed before.
    #[error("`{plugin}` is nondeterministic: host call {ordinal} differs from the recorded one")]
    Nondeterministic {
        /// The plugin's name.
        plugin: String,
        /// The call's number within the attempt.
        ordinal: u32,
    },
    /// A call that must not be repeated was cut off before its answer was recorded.
    #[error("nobody knows what came of host call {ordinal}")]
    OutcomeUnknown {
        /// The call's number within the attempt.
        ordinal: u32,
        /// What is to become of the call.
        on_unknown: OnUnknown,
    },
    /// The call itself failed, and its failure was not recorded.
    #[error("{0}")]
    Failed(String),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] CallLogError),
}

impl From<CallTrouble> for Stop {
    fn from(trouble: CallTrouble) -> Stop {
        match trouble {
            CallTrouble::Nondeterministic { plugin, ordinal } => {
                Stop::Nondeterministic { plugin, ordinal }
            }
            CallTrouble::OutcomeUnknown {
                ordinal,
                on_unknown,
            } => Stop::CallOutcomeUnknown {
                ordinal,
                on_unknown,
            },
            CallTrouble::Failed(message) => Stop::Host(message),
            CallTrouble::Log(error) => Stop::Host(error.to_string()),
        }
    }
}

/// An intent and, once there is one, its answer.
type Entry = (Intent, Option<Vec<u8>>);

/// A strict log in memory, for tests and for runs that nobody keeps: it refuses what a correct
/// caller never does.
#[derive(Debug, Default)]
pub struct MemoryCallLog {
    calls: Mutex<BTreeMap<CallKey, Entry>>,
}

#[async_trait]
impl CallLog for MemoryCallLog {
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match calls.get(key).cloned() {
            None => Known::Nothing,
            Some((intent, None)) => Known::Intended(intent),
            Some((intent, Some(answer))) => Known::Answered(intent, answer),
        })
    }

    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get(key) {
            Some((_, Some(_))) => Err(CallLogError(format!("{key:?} is answered already"))),
            Some((before, None)) if before != intent => {
                Err(CallLogError(format!("{key:?} was intended otherwise")))
            }
            _ => {
                calls.insert(key.clone(), (intent.clone(), None));
                Ok(())
            }
        }
    }

    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get_mut(key) {
            None => Err(CallLogError(format!("{key:?} was never intended"))),
            Some((_, Some(_))) => Err(CallLogError(format!("{key:?} is answered already"))),
            Some((_, slot)) => {
                *slot = Some(answer.to_vec());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CallKey;

    #[test]
    fn a_key_can_stand_in_a_header_whatever_the_step_is_called() {
        let key = |step: &str| {
            let key = CallKey {
                run: "run".to_owned(),
                step: step.to_owned(),
                attempt: 1,
                ordinal: 2,
            };
            key.idempotency_key()
        };
        assert_eq!(key("a step"), "run:a step:2");
        assert_eq!(key("pr\u{fc}fen"), "run:pr%C3%BCfen:2");
        assert_eq!(key("pr%C3%BCfen"), "run:pr%25C3%25BCfen:2");
    }
}
