//! The sandbox's call log, kept in the run's journal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use menagerie_journal::{
    CallKey as RowKey, CallRecord, CallRow, Claim, Content, Digest, Error as JournalError, Journal,
    RunKey, crash_point_of,
};
use menagerie_orchestration::command::Call;
use menagerie_sandbox::{
    CallKey, CallLog, CallLogError, EffectClass, Intent, Interface, Known as KnownCall,
};
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::store::{digest_text, parse_digest};

/// Host calls of one execution of an attempt.
///
/// What is known of the attempt is read once, at its first host call, and then kept up by what is
/// written: this is the only writer, since only the run's owner executes it.
///
/// The crash points are here, at the edges of what is durable: `before-effect` when a call is about to
/// leave, `after-effect` when its answer is there, `after-record` when that is durable.
pub(crate) struct JournalCallLog {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    claim: Claim,
    call: Attempt,
    known: OnceCell<Known>,
}

/// What is known of an attempt.
struct Known {
    logged_as: String,
    entries: Mutex<BTreeMap<u32, Entry>>,
}

/// Which attempt, and since when.
#[derive(Clone)]
pub(crate) struct Attempt {
    step: String,
    logged_as: String,
    attempt: u32,
    execution: u32,
    ready_ms: u64,
}

impl Attempt {
    /// The first attempt of a step.
    #[cfg(test)]
    pub(crate) fn named(step: &str, logged_as: &str, ready_ms: u64) -> Self {
        Self {
            step: step.to_owned(),
            logged_as: logged_as.to_owned(),
            attempt: 1,
            execution: 1,
            ready_ms,
        }
    }

    pub(crate) fn of(call: &Call) -> Self {
        Self {
            step: call.step.clone(),
            logged_as: call.call_log_name(),
            attempt: call.id.attempt,
            execution: call.id.execution,
            ready_ms: u64::try_from(call.ready.0).unwrap_or(0),
        }
    }

    /// What the call log has of it, and under which name.
    ///
    /// Journals that were begun before steps had names of their own there have it under the step's
    /// id. An earlier step of that id had ended when the attempt became ready: its calls are older.
    pub(crate) async fn rows(
        &self,
        journal: &dyn Journal,
        run: &RunKey,
    ) -> Result<(String, Vec<CallRow>), JournalError> {
        let rows = journal.calls(run, &self.logged_as, self.attempt).await?;
        if rows.is_empty() && self.logged_as != self.step {
            let mut older = journal.calls(run, &self.step, self.attempt).await?;
            older.retain(|row| row.intended_at_ms >= self.ready_ms);
            if !older.is_empty() {
                return Ok((self.step.clone(), older));
            }
        }
        Ok((self.logged_as.clone(), rows))
    }
}

/// What is known of one call.
#[derive(Clone)]
struct Entry {
    intent: Intent,
    answer: Option<Arc<[u8]>>,
    /// The intent of a read, which is written together with its answer.
    unwritten: bool,
}

impl JournalCallLog {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        claim: Claim,
        call: Attempt,
    ) -> Self {
        Self {
            journal,
            clock,
            claim,
            call,
            known: OnceCell::new(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0)
    }

    async fn write(&self, records: Vec<CallRecord>) -> Result<(), CallLogError> {
        let written = self.journal.record_calls(&self.claim, records).await;
        written.map_err(|error| CallLogError(error.to_string()))
    }

    async fn intent_record(
        &self,
        key: &CallKey,
        intent: &Intent,
    ) -> Result<CallRecord, CallLogError> {
        Ok(CallRecord::Intend {
            call: self.row_key(key).await?,
            execution: self.call.execution,
            request: digest(&intent.request_digest)?,
            effect: effect_of(intent),
            at_ms: self.now_ms(),
        })
    }

    /// Everything that is known of the attempt.
    async fn known(&self) -> Result<&Known, CallLogError> {
        let read = async || {
            let rows = self.call.rows(&*self.journal, self.claim.key()).await;
            let (logged_as, rows) = rows.map_err(|error| CallLogError(error.to_string()))?;
            let entries = rows.into_iter().map(|row| {
                let entry = Entry {
                    intent: intent_of(&row),
                    answer: row.answer.map(|answer| answer.content.bytes().clone()),
                    unwritten: false,
                };
                (row.call.ordinal, entry)
            });
            Ok(Known {
                logged_as,
                entries: Mutex::new(entries.collect()),
            })
        };
        self.known.get_or_try_init(read).await
    }

    async fn get(&self, key: &CallKey) -> Result<Option<Entry>, CallLogError> {
        let entries = &self.known().await?.entries;
        let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(entries.get(&key.ordinal).cloned())
    }

    async fn put(&self, key: &CallKey, entry: Entry) -> Result<(), CallLogError> {
        let entries = &self.known().await?.entries;
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(key.ordinal, entry);
        Ok(())
    }

    /// Where the journal has a call.
    async fn row_key(&self, key: &CallKey) -> Result<RowKey, CallLogError> {
        Ok(RowKey {
            step: self.known().await?.logged_as.clone(),
            attempt: key.attempt,
            ordinal: key.ordinal,
        })
    }
}

const CLASSES: [(EffectClass, &str); 4] = [
    (EffectClass::Pure, "pure"),
    (EffectClass::Idempotent, "idempotent"),
    (EffectClass::AtLeastOnce, "at-least-once"),
    (EffectClass::AtMostOnce, "at-most-once"),
];

const INTERFACES: [Interface; 3] = [Interface::Http, Interface::Shared, Interface::Artifacts];

/// How a row says what its call is: the class and, but for `http`, a space and the interface.
fn effect_of(intent: &Intent) -> Cow<'static, str> {
    let known = CLASSES.iter().find(|(known, _)| *known == intent.effect);
    let class = known.map_or("at-most-once", |(_, token)| *token);
    match intent.interface {
        Interface::Http => class.into(),
        other => format!("{class} {}", other.name()).into(),
    }
}

/// What a row says of its call. The strictest class stands for one that this host does not know.
fn intent_of(row: &CallRow) -> Intent {
    let (token, interface) = match row.effect.split_once(' ') {
        Some((token, interface)) => (token, interface),
        None => (row.effect.as_str(), Interface::Http.name()),
    };
    let class = CLASSES.iter().find(|(_, known)| *known == token);
    let interface = INTERFACES.iter().find(|known| known.name() == interface);
    let known = class.zip(interface);
    Intent {
        interface: interface.copied().unwrap_or_default(),
        effect: known.map_or(EffectClass::AtMostOnce, |((class, _), _)| *class),
        request_digest: digest_text(row.request),
    }
}

fn digest(text: &str) -> Result<Digest, CallLogError> {
    parse_digest(text).ok_or_else(|| CallLogError(format!("{text} is no digest")))
}

/// What a row says of its call.
pub(crate) fn known_of(row: &CallRow) -> KnownCall {
    let intent = intent_of(row);
    match &row.answer {
        Some(answer) => KnownCall::Answered(intent, answer.content.bytes().to_vec()),
        None => KnownCall::Intended(intent),
    }
}

#[async_trait]
impl CallLog for JournalCallLog {
    async fn lookup(&self, key: &CallKey) -> Result<KnownCall, CallLogError> {
        Ok(match self.get(key).await? {
            None => KnownCall::Nothing,
            Some(Entry { intent, answer, .. }) => match answer {
                Some(answer) => KnownCall::Answered(intent, answer.to_vec()),
                None => KnownCall::Intended(intent),
            },
        })
    }

    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        self.write(vec![self.intent_record(key, intent).await?])
            .await?;
        let entry = Entry {
            intent: intent.clone(),
            answer: None,
            unwritten: false,
        };
        self.put(key, entry).await?;
        crash_point_of("before-effect", &self.call.step);
        Ok(())
    }

    async fn intend_read(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        let entry = Entry {
            intent: intent.clone(),
            answer: None,
            unwritten: true,
        };
        self.put(key, entry).await?;
        crash_point_of("before-effect", &self.call.step);
        Ok(())
    }

    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError> {
        crash_point_of("after-effect", &self.call.step);
        let Some(mut entry) = self.get(key).await? else {
            return Err(CallLogError(format!("{key:?} was never intended")));
        };
        let mut records = Vec::with_capacity(2);
        if entry.unwritten {
            records.push(self.intent_record(key, &entry.intent).await?);
        }
        records.push(CallRecord::Record {
            call: self.row_key(key).await?,
            request: digest(&entry.intent.request_digest)?,
            answer: Content::new(answer.to_vec()),
            at_ms: self.now_ms(),
        });
        self.write(records).await?;
        entry.answer = Some(answer.into());
        entry.unwritten = false;
        self.put(key, entry).await?;
        crash_point_of("after-record", &self.call.step);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie_journal::{Batch, Created, MemoryJournal, NewRun, Status};

    use super::*;
    use crate::clock::SystemClock;

    /// An owned run in whose call log a step of the id `a` has a call from the time 10.
    async fn with_a_call_of_a() -> (Arc<dyn Journal>, Claim) {
        let journal = MemoryJournal::new("test");
        let new = NewRun {
            key: RunKey::in_default("run"),
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
        let intended = CallRecord::Intend {
            call: RowKey {
                step: "a".to_owned(),
                attempt: 1,
                ordinal: 0,
            },
            execution: 1,
            request: Digest::of(b"request"),
            effect: "at-most-once".into(),
            at_ms: 10,
        };
        let recorded = journal.record_calls(&claim, vec![intended]).await;
        recorded.unwrap();
        (Arc::new(journal), claim)
    }

    /// What a log knows of the first call, and under which names the journal has calls once the log
    /// has recorded its answer.
    async fn recorded_by(attempt: Attempt) -> (KnownCall, Vec<&'static str>) {
        let (journal, claim) = with_a_call_of_a().await;
        let clock = Arc::new(SystemClock::default());
        let log = JournalCallLog::new(journal.clone(), clock, claim.clone(), attempt);
        let key = CallKey {
            run: "run".to_owned(),
            step: "whatever".to_owned(),
            attempt: 1,
            ordinal: 0,
        };
        let known = log.lookup(&key).await.unwrap();
        if known == KnownCall::Nothing {
            let intent = Intent {
                interface: Interface::Http,
                effect: EffectClass::AtMostOnce,
                request_digest: digest_text(Digest::of(b"request")),
            };
            log.intend(&key, &intent).await.unwrap();
        }
        log.record(&key, b"answer").await.unwrap();
        let mut answered = Vec::new();
        for name in ["a", "#300"] {
            let rows = journal.calls(claim.key(), name, 1).await.unwrap();
            if rows.iter().any(|row| row.answer.is_some()) {
                answered.push(name);
            }
        }
        (known, answered)
    }

    #[tokio::test]
    async fn a_step_does_not_meet_the_calls_of_an_earlier_one_of_its_id() {
        let (known, answered) = recorded_by(Attempt::named("a", "#300", 11)).await;
        assert_eq!(known, KnownCall::Nothing);
        assert_eq!(answered, ["#300"]);
    }

    #[tokio::test]
    async fn a_call_of_an_older_journal_is_found_under_its_steps_id_and_answered_there() {
        let (known, answered) = recorded_by(Attempt::named("a", "#300", 10)).await;
        assert!(matches!(known, KnownCall::Intended(_)), "{known:?}");
        assert_eq!(answered, ["a"]);
    }
}
