//! The call log of an attempt that was recorded, for reading only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use menagerie_journal::{CallRow, Journal, RunKey};
use menagerie_sandbox::{CallKey, CallLog, CallLogError, Ended, Intent, Known};

use crate::call_log::known_of;
use crate::error::ExecutorError;

/// Where a guest that is executed again left the way that it took before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Divergence {
    /// It asks for something that was never answered. The call is not made.
    NewCall { ordinal: u32, request: String },
    /// It asks for something else than it did.
    OtherRequest { ordinal: u32, recorded: String },
    /// It does not ask for what it did ask for.
    NotAsked { ordinal: u32, recorded: String },
}

impl Divergence {
    /// For people.
    pub(super) fn note(&self) -> String {
        match self {
            Self::NewCall { ordinal, .. } => format!(
                "diverged: new call: host call {ordinal} has no recorded answer, and is not made"
            ),
            Self::OtherRequest { ordinal, .. } => {
                format!("diverged: host call {ordinal} is another request than the recorded one")
            }
            Self::NotAsked { ordinal, .. } => {
                format!("diverged: host call {ordinal} was recorded, and is not made any more")
            }
        }
    }

    /// The digest of the recorded request, and of the one made now, where they are known.
    pub(super) fn requests(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::NewCall { request, .. } => (None, Some(request.clone())),
            Self::OtherRequest { recorded, .. } | Self::NotAsked { recorded, .. } => {
                (Some(recorded.clone()), None)
            }
        }
    }
}

/// What an attempt asked the host for, and was answered.
pub(super) struct RecordedLog {
    rows: BTreeMap<u32, CallRow>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How many calls of the attempt were looked up.
    asked: u32,
    divergence: Option<Divergence>,
}

impl RecordedLog {
    pub(super) async fn of(
        store: &dyn Journal,
        run: &RunKey,
        step: &str,
        attempt: u32,
    ) -> Result<Self, ExecutorError> {
        let rows = store.calls(run, step, attempt).await?;
        Ok(Self {
            rows: rows
                .into_iter()
                .map(|row| (row.call.ordinal, row))
                .collect(),
            seen: Mutex::default(),
        })
    }

    /// Where the guest left its way, once its call has ended.
    pub(super) fn divergence(&self, ended: &Ended) -> Option<Divergence> {
        let seen = self.seen();
        if seen.divergence.is_some() {
            return seen.divergence.clone();
        }
        let request = |ordinal| match self.rows.get(&ordinal).map(known_of) {
            Some(Known::Intended(intent) | Known::Answered(intent, _)) => intent.request_digest,
            _ => String::new(),
        };
        if let Ended::Nondeterministic { ordinal, .. } = *ended {
            return Some(Divergence::OtherRequest {
                ordinal,
                recorded: request(ordinal),
            });
        }
        let not_asked = self.rows.range(seen.asked..).next();
        not_asked.map(|(ordinal, _)| Divergence::NotAsked {
            ordinal: *ordinal,
            recorded: request(*ordinal),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CallLog for RecordedLog {
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError> {
        let mut seen = self.seen();
        seen.asked = seen.asked.max(key.ordinal + 1);
        Ok(self.rows.get(&key.ordinal).map_or(Known::Nothing, known_of))
    }

    /// What is not asked for any more is found when the call has ended, and is told apart from what is
    /// asked for otherwise.
    async fn expects(&self, _: &CallKey) -> Result<bool, CallLogError> {
        Ok(false)
    }

    /// Comes before every call that is really made: here it ends.
    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        let divergence = Divergence::NewCall {
            ordinal: key.ordinal,
            request: intent.request_digest.clone(),
        };
        let note = divergence.note();
        self.seen().divergence.get_or_insert(divergence);
        Err(CallLogError(note))
    }

    async fn record(&self, key: &CallKey, _: &[u8]) -> Result<(), CallLogError> {
        Err(CallLogError(format!("a replay records nothing: {key:?}")))
    }
}
