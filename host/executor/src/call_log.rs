//! The sandbox's call log, kept in the run's journal.

use std::sync::Arc;

use crate::store::{digest_text, parse_digest};
use async_trait::async_trait;
use menagerie_journal::{
    CallKey as RowKey, CallRecord, CallRow, Claim, Content, Digest, Journal, crash_point_of,
};
use menagerie_sandbox::{CallKey, CallLog, CallLogError, EffectClass, Intent, Known};

use crate::clock::Clock;

/// Host calls of one execution of an attempt.
pub(crate) struct JournalCallLog {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    claim: Claim,
    execution: u32,
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
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0)
    }

    async fn write(&self, record: CallRecord) -> Result<(), CallLogError> {
        let written = self.journal.record_calls(&self.claim, vec![record]).await;
        written.map_err(|error| CallLogError(error.to_string()))
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
        let row = self.journal.call(self.claim.key(), row_key(key)).await;
        let row = row.map_err(|error| CallLogError(error.to_string()))?;
        Ok(row.as_ref().map_or(Known::Nothing, known_of))
    }

    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        self.write(CallRecord::Intend {
            call: row_key(key),
            execution: self.execution,
            request: digest(&intent.request_digest)?,
            effect: token(intent.effect).into(),
            at_ms: self.now_ms(),
        })
        .await?;
        crash_point_of("before-effect", &key.step);
        Ok(())
    }

    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError> {
        crash_point_of("after-effect", &key.step);
        let row = self.journal.call(self.claim.key(), row_key(key)).await;
        let row = row.map_err(|error| CallLogError(error.to_string()))?;
        let Some(row) = row else {
            return Err(CallLogError(format!("{key:?} was never intended")));
        };
        self.write(CallRecord::Record {
            call: row_key(key),
            request: row.request,
            answer: Content::new(answer.to_vec()),
            at_ms: self.now_ms(),
        })
        .await?;
        crash_point_of("after-record", &key.step);
        Ok(())
    }
}
