//! Owns reading of what is found by digest: payloads, blobs and the answers in the call log.

use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::contents::{Contents, checked};
use super::read::{self, Answer};
use crate::call_log::Entry;
use crate::digest::{Content, Digest};
use crate::error::Error;
use crate::port::Place;
use crate::record::{CallAnswer, CallKey, CallRow, PinRow, RunKey};

/// Reads with the folder of large content at hand.
pub(super) struct Stored<'a> {
    pub(super) connection: &'a Connection,
    pub(super) contents: &'a Contents,
}

const CALL_COLUMNS: &str = "SELECT step, attempt, ordinal, execution, request, effect, intended_at_ms, answered_at_ms,
        answer_digest, answer FROM calls WHERE namespace = ?1 AND run = ?2 AND step = ?3 AND attempt = ?4";

/// An entry of the call log whose answer may still be in a file.
struct RawCall {
    row: CallRow,
    answer: Option<(u64, Digest, Option<Vec<u8>>)>,
}

impl Stored<'_> {
    /// Content of a run.
    pub(super) fn payload(&self, run: &RunKey, digest: Digest) -> Answer<Arc<[u8]>> {
        let place = read::place(self.connection, run)?;
        let found: Option<Option<Vec<u8>>> = self
            .connection
            .prepare_cached(
                "SELECT bytes FROM payloads WHERE namespace = ?1 AND run = ?2 AND digest = ?3",
            )?
            .query_row(
                params![place.namespace, place.run, digest.as_bytes()],
                |row| row.get(0),
            )
            .optional()?;
        self.resolve(&run.namespace, digest, found, || format!("run {run}"))
    }

    /// Content that runs of a namespace are pinned to.
    pub(super) fn blob(&self, namespace: &str, digest: Digest) -> Answer<Arc<[u8]>> {
        let found: Option<Option<Vec<u8>>> = self
            .connection
            .prepare_cached(
                "SELECT bytes FROM blobs
                 WHERE namespace = (SELECT namespace FROM namespaces WHERE name = ?1) AND digest = ?2",
            )?
            .query_row(params![namespace, digest.as_bytes()], |row| row.get(0))
            .optional()?;
        self.resolve(namespace, digest, found, || {
            format!("namespace {namespace}")
        })
    }

    /// From the row, else from the file that a row without bytes stands for.
    fn resolve(
        &self,
        namespace: &str,
        digest: Digest,
        found: Option<Option<Vec<u8>>>,
        place: impl Fn() -> String,
    ) -> Answer<Arc<[u8]>> {
        match found {
            Some(Some(bytes)) => Ok(checked(digest, bytes.into())?),
            Some(None) => Ok(self.contents.get(namespace, digest)?),
            None => Err(Error::UnknownContent {
                digest,
                place: place(),
            }
            .into()),
        }
    }

    /// What a run is pinned to, by name.
    pub(super) fn pins(&self, run: &RunKey) -> Answer<Vec<PinRow>> {
        let place = read::place(self.connection, run)?;
        let pins = self
            .connection
            .prepare_cached(
                "SELECT pins.name, pins.digest, blobs.size FROM runs
                 JOIN pins ON pins.namespace = runs.namespace AND pins.pin_set = runs.pin_set
                 JOIN blobs ON blobs.namespace = pins.namespace AND blobs.digest = pins.digest
                 WHERE runs.run = ?1 ORDER BY pins.name",
            )?
            .query_map([place.run], |row| {
                Ok(PinRow {
                    name: row.get(0)?,
                    digest: read::digest(row, 1)?,
                    size: read::natural(row, 2)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(pins)
    }

    /// One entry of the call log.
    pub(super) fn call(&self, run: &RunKey, call: &CallKey) -> Answer<Option<CallRow>> {
        let place = read::place(self.connection, run)?;
        let found = self
            .connection
            .prepare_cached(&format!("{CALL_COLUMNS} AND ordinal = ?5"))?
            .query_row(
                params![
                    place.namespace,
                    place.run,
                    call.step,
                    call.attempt,
                    call.ordinal
                ],
                raw_call,
            )
            .optional()?;
        found
            .map(|raw| self.whole_call(&run.namespace, raw))
            .transpose()
    }

    /// The call log of an attempt.
    pub(super) fn calls(&self, run: &RunKey, step: &str, attempt: u32) -> Answer<Vec<CallRow>> {
        let place = read::place(self.connection, run)?;
        let found: Vec<RawCall> = self
            .connection
            .prepare_cached(&format!("{CALL_COLUMNS} ORDER BY ordinal"))?
            .query_map(params![place.namespace, place.run, step, attempt], raw_call)?
            .collect::<rusqlite::Result<_>>()?;
        let whole = |raw| self.whole_call(&run.namespace, raw);
        found.into_iter().map(whole).collect()
    }

    fn whole_call(&self, namespace: &str, raw: RawCall) -> Answer<CallRow> {
        let mut row = raw.row;
        if let Some((at_ms, digest, bytes)) = raw.answer {
            let bytes = match bytes {
                Some(bytes) => checked(digest, bytes.into())?,
                None => self.contents.get(namespace, digest)?,
            };
            row.answer = Some(CallAnswer {
                content: Content::from_checked(digest, bytes),
                at_ms,
            });
        }
        Ok(row)
    }
}

fn raw_call(row: &Row<'_>) -> rusqlite::Result<RawCall> {
    let (at_ms, digest) = (read::natural_if_any(row, 7)?, row.get(8)?);
    let digest: Option<[u8; 32]> = digest;
    let answer = match (at_ms, digest) {
        (Some(at_ms), Some(digest)) => Some((at_ms, Digest::from_bytes(digest), row.get(9)?)),
        (None, None) => None,
        // An answer that was given must not be taken for none: the call would be made again.
        _ => {
            let column = "answered_at_ms".to_owned();
            return Err(rusqlite::Error::InvalidColumnType(7, column, Type::Null));
        }
    };
    Ok(RawCall {
        row: CallRow {
            call: CallKey {
                step: row.get(0)?,
                attempt: row.get(1)?,
                ordinal: row.get(2)?,
            },
            execution: row.get(3)?,
            request: read::digest(row, 4)?,
            effect: row.get(5)?,
            intended_at_ms: read::natural(row, 6)?,
            answer: None,
        },
        answer,
    })
}

/// What the rules of the call log need to know.
pub(super) fn call_entry(
    connection: &Connection,
    place: Place,
    call: &CallKey,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(
            "SELECT request, answer_digest FROM calls
             WHERE namespace = ?1 AND run = ?2 AND step = ?3 AND attempt = ?4 AND ordinal = ?5",
        )?
        .query_row(
            params![
                place.namespace,
                place.run,
                call.step,
                call.attempt,
                call.ordinal
            ],
            |row| {
                Ok(Entry {
                    request: read::digest(row, 0)?,
                    answer: row.get::<_, Option<[u8; 32]>>(1)?.map(Digest::from_bytes),
                })
            },
        )
        .optional()
}
