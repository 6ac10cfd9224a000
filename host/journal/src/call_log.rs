//! Owns the rules of the call log, the same for every store: what a record does to an entry.

use crate::digest::Digest;
use crate::error::CommitError;
use crate::record::{CallKey, CallRecord, RunKey};

/// What the rules need to know of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Of the request that was intended.
    pub(crate) request: Digest,
    /// Of the answer, if there is one.
    pub(crate) answer: Option<Digest>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The record says what is known already.
    Nothing,
    /// The call is intended, for the first time or again.
    Intend,
    /// The answer goes with the intent that is there.
    Answer,
}

/// The call that a record is about.
pub(crate) fn key(record: &CallRecord) -> &CallKey {
    match record {
        CallRecord::Intend { call, .. } | CallRecord::Record { call, .. } => call,
    }
}

/// Judges a record.
///
/// A call may be intended again, by a later execution, with the same request only. An answer stands:
/// recording it again changes nothing, and another one is refused.
pub(crate) fn judge(
    run: &RunKey,
    existing: Option<Entry>,
    record: &CallRecord,
) -> Result<Change, CommitError> {
    let (CallRecord::Intend { call, request, .. } | CallRecord::Record { call, request, .. }) =
        record;
    if let Some(entry) = existing
        && entry.request != *request
    {
        return Err(CommitError::Nondeterministic {
            run: run.clone(),
            call: Box::new(call.clone()),
            recorded: entry.request,
            found: *request,
        });
    }
    let recorded = existing.map(|entry| entry.answer);
    let reason = match (recorded, record) {
        (None | Some(None), CallRecord::Intend { .. }) => return Ok(Change::Intend),
        (Some(None), CallRecord::Record { .. }) => return Ok(Change::Answer),
        (Some(Some(recorded)), CallRecord::Record { answer, .. })
            if recorded == answer.digest() =>
        {
            return Ok(Change::Nothing);
        }
        (Some(Some(_)), CallRecord::Intend { .. }) => "it was answered before",
        (None, CallRecord::Record { .. }) => "its answer came without an intent",
        (Some(Some(_)), CallRecord::Record { .. }) => "it has another answer already",
    };
    Err(CommitError::CallLog {
        run: run.clone(),
        call: call.clone(),
        reason,
    })
}
