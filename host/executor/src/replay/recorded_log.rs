//! The call log of an attempt that was recorded, for reading only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use menagerie_journal::{CallRow, Journal, RunKey};
use menagerie_sandbox::{CallKey, CallLog, CallLogError, Ended, Intent, Known};

use crate::call_log::{Attempt, known_of};
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
        attempt: &Attempt,
    ) -> Result<Self, ExecutorError> {
        let (_, rows) = attempt.rows(store, run).await?;
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
        if let Ended::Nondeterministic { ordinal, .. } = *ended
            && ordinal < seen.asked
        {
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

    /// No lookup: what is only expected was not asked for.
    async fn expects(&self, key: &CallKey) -> Result<bool, CallLogError> {
        Ok(self.rows.contains_key(&key.ordinal))
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie_journal::{
        Batch, CallKey as RowKey, CallRecord, Content, Created, Digest, MemoryJournal, NewRun,
        Status,
    };
    use menagerie_sandbox::{EffectClass, Interface};

    use super::*;
    use crate::store::digest_text;

    fn key(ordinal: u32) -> CallKey {
        CallKey {
            run: "run-1".to_owned(),
            step: "fetch".to_owned(),
            attempt: 1,
            ordinal,
        }
    }

    fn intent(request: &str) -> Intent {
        Intent {
            interface: Interface::Http,
            effect: EffectClass::AtLeastOnce,
            request_digest: digest_text(Digest::of(request.as_bytes())),
        }
    }

    /// A run with a call that was answered, and one that was cut off.
    async fn recorded() -> (MemoryJournal, RunKey) {
        let journal = MemoryJournal::new("test");
        let run = RunKey::in_default("run-1");
        let new = NewRun {
            key: run.clone(),
            input_digest: Digest::of(b""),
            flow: "calls".to_owned(),
            parent: None,
            path: String::new(),
            session: None,
            labels: BTreeMap::new(),
            status: Status::unfinished("running"),
            created_at_ms: 1,
            pins: Vec::new(),
        };
        let Created::New(claim, _) = journal.create(new, Batch::default()).await.unwrap() else {
            panic!("the run is new");
        };
        let row = |ordinal| RowKey {
            step: "fetch".to_owned(),
            attempt: 1,
            ordinal,
        };
        let intend = |ordinal, request: &str| CallRecord::Intend {
            call: row(ordinal),
            execution: 1,
            request: Digest::of(request.as_bytes()),
            effect: "at-least-once".into(),
            at_ms: 1,
        };
        let answered = CallRecord::Record {
            call: row(0),
            request: Digest::of(b"first"),
            answer: Content::new(b"answer".to_vec()),
            at_ms: 2,
        };
        let records = vec![intend(0, "first"), answered, intend(1, "second")];
        journal.record_calls(&claim, records).await.unwrap();
        (journal, run)
    }

    async fn log() -> RecordedLog {
        let (journal, run) = recorded().await;
        let attempt = Attempt::named("fetch", "fetch", 0);
        RecordedLog::of(&journal, &run, &attempt).await.unwrap()
    }

    fn answered() -> Ended {
        Ended::Host("whatever".to_owned())
    }

    #[tokio::test]
    async fn a_recorded_call_is_answered_and_a_guest_on_its_way_diverges_nowhere() {
        let log = log().await;
        let answer = Known::Answered(intent("first"), b"answer".to_vec());
        assert_eq!(log.lookup(&key(0)).await, Ok(answer));
        assert_eq!(
            log.lookup(&key(1)).await,
            Ok(Known::Intended(intent("second")))
        );
        assert_eq!(log.divergence(&answered()), None);
    }

    #[tokio::test]
    async fn a_call_without_a_recorded_answer_is_never_made() {
        let log = log().await;
        for ordinal in 0..3 {
            log.lookup(&key(ordinal)).await.unwrap();
        }
        let refused = log.intend(&key(2), &intent("third")).await.unwrap_err();
        assert!(refused.0.contains("diverged: new call"), "{refused}");
        let new = Divergence::NewCall {
            ordinal: 2,
            request: intent("third").request_digest,
        };
        assert_eq!(log.divergence(&answered()), Some(new));
        // One that was cut off is not made either.
        log.intend(&key(1), &intent("second")).await.unwrap_err();
        log.record(&key(0), b"another answer").await.unwrap_err();
    }

    #[tokio::test]
    async fn another_request_and_one_that_is_not_made_any_more_are_told_apart() {
        let log = log().await;
        log.lookup(&key(0)).await.unwrap();
        let recorded = intent("first").request_digest;
        let other = Divergence::OtherRequest {
            ordinal: 0,
            recorded,
        };
        let ended = |ordinal| Ended::Nondeterministic {
            plugin: "fetch".to_owned(),
            ordinal,
        };
        assert_eq!(log.divergence(&ended(0)), Some(other));
        let recorded = intent("second").request_digest;
        let not_asked = Divergence::NotAsked {
            ordinal: 1,
            recorded,
        };
        assert_eq!(log.divergence(&answered()), Some(not_asked.clone()));
        // The sandbox may notice first that the guest ended without it.
        assert_eq!(log.expects(&key(1)).await, Ok(true));
        assert_eq!(log.divergence(&ended(1)), Some(not_asked));
    }
}
