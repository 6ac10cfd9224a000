//! Owns the rules of the call log, the same for every store: what a record makes of an entry.

use std::sync::Arc;

use crate::error::CommitError;
use crate::record::{CallAnswer, CallKey, CallRecord, CallRow, RunKey};

/// The call that a record is about.
pub(crate) fn key(record: &CallRecord) -> &CallKey {
    match record {
        CallRecord::Intend { call, .. } | CallRecord::Record { call, .. } => call,
    }
}

/// The entry as it is after a record, or `None` when the record changes nothing.
///
/// A call may be intended again, by a later execution, with the same request only. An answer stands:
/// recording it again changes nothing, and another one is refused.
pub(crate) fn fold(
    run: &RunKey,
    existing: Option<&CallRow>,
    record: &CallRecord,
) -> Result<Option<CallRow>, CommitError> {
    let (CallRecord::Intend { call, request, .. } | CallRecord::Record { call, request, .. }) =
        record;
    if let Some(row) = existing
        && row.request != *request
    {
        return Err(CommitError::Nondeterministic {
            run: run.clone(),
            call: Box::new(call.clone()),
            recorded: row.request,
            found: *request,
        });
    }
    let refused = |reason| CommitError::CallLog {
        run: run.clone(),
        call: call.clone(),
        reason,
    };
    match (existing, record) {
        (Some(row), CallRecord::Intend { .. }) if row.answer.is_some() => {
            Err(refused("it was answered before"))
        }
        (
            _,
            CallRecord::Intend {
                execution,
                effect,
                at_ms,
                ..
            },
        ) => Ok(Some(CallRow {
            call: call.clone(),
            execution: *execution,
            request: *request,
            effect: effect.to_string(),
            intended_at_ms: *at_ms,
            answer: None,
        })),
        (None, CallRecord::Record { .. }) => Err(refused("its answer came without an intent")),
        (Some(row), CallRecord::Record { answer, at_ms, .. }) => match &row.answer {
            Some(recorded) if recorded.bytes == *answer.bytes() => Ok(None),
            Some(_) => Err(refused("it has another answer already")),
            None => Ok(Some(CallRow {
                answer: Some(CallAnswer {
                    bytes: Arc::clone(answer.bytes()),
                    at_ms: *at_ms,
                }),
                ..row.clone()
            })),
        },
    }
}
