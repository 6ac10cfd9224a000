//! The sandbox's call log, kept in the run's journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use menagerie_journal::{
    CallKey as RowKey, CallRecord, CallRow, Claim, Content, Digest, Journal, crash_point_of,
};
use menagerie_sandbox::{CallKey, CallLog, CallLogError, EffectClass, Intent, Known};
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
    execution: u32,
    known: OnceCell<Mutex<BTreeMap<u32, Entry>>>,
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
        execution: u32,
    ) -> Self {
        Self {
            journal,
            clock,
            claim,
            execution,
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

    fn intent_record(&self, key: &CallKey, intent: &Intent) -> Result<CallRecord, CallLogError> {
        Ok(CallRecord::Intend {
            call: row_key(key),
            execution: self.execution,
            request: digest(&intent.request_digest)?,
            effect: token(intent.effect).into(),
            at_ms: self.now_ms(),
        })
    }

    /// Everything that is known of the attempt.
    async fn known(&self, key: &CallKey) -> Result<&Mutex<BTreeMap<u32, Entry>>, CallLogError> {
        let read = async || {
            let run = self.claim.key();
            let rows = self.journal.calls(run, &key.step, key.attempt).await;
            let rows = rows.map_err(|error| CallLogError(error.to_string()))?;
            let entries = rows.into_iter().map(|row| {
                let entry = Entry {
                    intent: Intent {
                        effect: class(&row.effect),
                        request_digest: digest_text(row.request),
                    },
                    answer: row.answer.map(|answer| answer.content.bytes().clone()),
                    unwritten: false,
                };
                (row.call.ordinal, entry)
            });
            Ok(Mutex::new(entries.collect()))
        };
        self.known.get_or_try_init(read).await
    }

    async fn get(&self, key: &CallKey) -> Result<Option<Entry>, CallLogError> {
        let known = self.known(key).await?;
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(&key.ordinal).cloned())
    }

    async fn put(&self, key: &CallKey, entry: Entry) -> Result<(), CallLogError> {
        let known = self.known(key).await?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key.ordinal, entry);
        Ok(())
    }
}

fn row_key(key: &CallKey) -> RowKey {
    RowKey {
        step: key.step.clone(),
        attempt: key.attempt,
        ordinal: key.ordinal,
    }
}

const CLASSES: [(EffectClass, &str); 4] = [
    (EffectClass::Pure, "pure"),
    (EffectClass::Idempotent, "idempotent"),
    (EffectClass::AtLeastOnce, "at-least-once"),
    (EffectClass::AtMostOnce, "at-most-once"),
];

fn token(class: EffectClass) -> &'static str {
    let known = CLASSES.iter().find(|(known, _)| *known == class);
    known.map_or("at-most-once", |(_, token)| token)
}

/// The strictest class stands for one that this host does not know.
fn class(token: &str) -> EffectClass {
    let known = CLASSES.iter().find(|(_, known)| *known == token);
    known.map_or(EffectClass::AtMostOnce, |(class, _)| *class)
}

fn digest(text: &str) -> Result<Digest, CallLogError> {
    parse_digest(text).ok_or_else(|| CallLogError(format!("{text} is no digest")))
}

/// What a row says of its call.
pub(crate) fn known_of(row: &CallRow) -> Known {
    let intent = Intent {
        effect: class(&row.effect),
        request_digest: digest_text(row.request),
    };
    match &row.answer {
        Some(answer) => Known::Answered(intent, answer.content.bytes().to_vec()),
        None => Known::Intended(intent),
    }
}

#[async_trait]
impl CallLog for JournalCallLog {
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError> {
        Ok(match self.get(key).await? {
            None => Known::Nothing,
            Some(Entry { intent, answer, .. }) => match answer {
                Some(answer) => Known::Answered(intent, answer.to_vec()),
                None => Known::Intended(intent),
            },
        })
    }

    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        self.write(vec![self.intent_record(key, intent)?]).await?;
        let entry = Entry {
            intent: intent.clone(),
            answer: None,
            unwritten: false,
        };
        self.put(key, entry).await?;
        crash_point_of("before-effect", &key.step);
        Ok(())
    }

    async fn intend_read(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        let entry = Entry {
            intent: intent.clone(),
            answer: None,
            unwritten: true,
        };
        self.put(key, entry).await?;
        crash_point_of("before-effect", &key.step);
        Ok(())
    }

    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError> {
        crash_point_of("after-effect", &key.step);
        let Some(mut entry) = self.get(key).await? else {
            return Err(CallLogError(format!("{key:?} was never intended")));
        };
        let mut records = Vec::with_capacity(2);
        if entry.unwritten {
            records.push(self.intent_record(key, &entry.intent)?);
        }
        records.push(CallRecord::Record {
            call: row_key(key),
            request: digest(&entry.intent.request_digest)?,
            answer: Content::new(answer.to_vec()),
            at_ms: self.now_ms(),
        });
        self.write(records).await?;
        entry.answer = Some(answer.into());
        entry.unwritten = false;
        self.put(key, entry).await?;
        crash_point_of("after-record", &key.step);
        Ok(())
    }
}
