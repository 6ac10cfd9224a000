//! The port through which host calls with an effect are journalled, so that a step which is
//! executed again sees the answers that it saw before.
//!
//! No interface of the contract has an effect yet; grants that reach outside go through
//! [`Recorder::perform`], and whoever stores runs implements [`CallLog`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::stop::Stop;

/// Which host call: the `ordinal`-th with an effect of one attempt of one step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// The run's id.
    pub run: String,
    /// The step's id.
    pub step: String,
    /// The attempt, counted from 1. A second execution of an attempt has the same number.
    pub attempt: u32,
    /// Counts from 0 within the attempt.
    pub ordinal: u32,
}

impl CallKey {
    /// What an endpoint that honours idempotency keys is given: `run:step:ordinal`.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}:{}:{}", self.run, self.step, self.ordinal)
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

/// What is written down before an effect leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
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
/// durable.
#[async_trait]
pub trait CallLog: Send + Sync {
    /// What is known of a call.
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError>;
    /// Writes down that a call is about to happen. Intending a call again, as a repeat does, is
    /// fine as long as the intent is the same.
    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError>;
    /// Writes down what came of a call that was intended.
    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError>;
}

/// How a call is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// For endpoints that honour one.
    pub idempotency_key: String,
    /// The call may have happened before.
    pub repeated: bool,
}

/// Takes one attempt's host calls through the log, in order.
pub struct Recorder {
    log: Arc<dyn CallLog>,
    run: String,
    step: String,
    attempt: u32,
    next_ordinal: u32,
    repeats: u32,
}

impl Recorder {
    /// A recorder at the beginning of an execution of an attempt.
    #[must_use]
    pub fn new(log: Arc<dyn CallLog>, run: String, step: String, attempt: u32) -> Recorder {
        Recorder {
            log,
            run,
            step,
            attempt,
            next_ordinal: 0,
            repeats: 0,
        }
    }

    /// How many calls of this execution may have been made twice.
    #[must_use]
    pub fn repeats(&self) -> u32 {
        self.repeats
    }

    /// Answers a call from the log, or makes it by `make` and records it.
    ///
    /// # Errors
    /// [`CallTrouble`] when the request is not the recorded one, when nobody can know what came of
    /// it, or when the log or the call fails.
    pub async fn perform<Made>(
        &mut self,
        effect: EffectClass,
        request: &[u8],
        make: impl FnOnce(Permission) -> Made + Send,
    ) -> Result<Vec<u8>, CallTrouble>
    where
        Made: Future<Output = Result<Vec<u8>, String>> + Send,
    {
        let key = CallKey {
            run: self.run.clone(),
            step: self.step.clone(),
            attempt: self.attempt,
            ordinal: self.next_ordinal,
        };
        let fresh = Permission {
            idempotency_key: key.idempotency_key(),
            repeated: false,
        };
        if effect == EffectClass::Pure {
            return make(fresh).await.map_err(CallTrouble::Failed);
        }
        self.next_ordinal += 1;
        let intent = Intent {
            effect,
            request_digest: digest(request),
        };
        let permission = match self.log.lookup(&key).await? {
            Known::Nothing => fresh,
            Known::Intended(before) | Known::Answered(before, _) if before != intent => {
                return Err(CallTrouble::Nondeterministic {
                    ordinal: key.ordinal,
                });
            }
            Known::Answered(_, answer) => return Ok(answer),
            Known::Intended(_) if effect == EffectClass::AtMostOnce => {
                return Err(CallTrouble::OutcomeUnknown {
                    ordinal: key.ordinal,
                });
            }
            Known::Intended(_) => {
                self.repeats += u32::from(effect == EffectClass::AtLeastOnce);
                Permission {
                    repeated: true,
                    ..fresh
                }
            }
        };
        self.log.intend(&key, &intent).await?;
        let answer = make(permission).await.map_err(CallTrouble::Failed)?;
        self.log.record(&key, &answer).await?;
        Ok(answer)
    }
}

fn digest(request: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(request)))
}

/// Why a call through the log has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallTrouble {
    /// The guest asked for something else when it was executed before.
    #[error("host call {ordinal} differs from the one that was recorded")]
    Nondeterministic {
        /// The call's number within the attempt.
        ordinal: u32,
    },
    /// A call that must not be repeated was cut off before its answer was recorded.
    #[error("nobody knows what came of host call {ordinal}")]
    OutcomeUnknown {
        /// The call's number within the attempt.
        ordinal: u32,
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
            CallTrouble::Nondeterministic { ordinal } => Stop::Nondeterministic { ordinal },
            CallTrouble::OutcomeUnknown { ordinal } => Stop::CallOutcomeUnknown { ordinal },
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
#[path = "call_log_tests.rs"]
mod tests;
