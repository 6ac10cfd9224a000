//! Owns how a run begins with another one's events.
//!
//! They are copied, and chained anew from the new run's own genesis. A fork costs as much as the
//! events that it takes over; for that it depends on nothing: it is loaded, verified, replayed,
//! backed up and removed like any other run, and the run that it came from may be removed without
//! asking who was forked from it.
//!
//! # Seen by nobody until it is whole
//!
//! What may be much is copied in many transactions, each of a bounded number of rows and bytes, so
//! that other hosts' commits wait for no more than that. The rows belong to a number that is
//! listed in `removed_runs` and not in `runs`, and every reader goes by `runs`. The last transaction
//! is as small as any commit: it puts the run into `runs` and appends the first events of its own.
//!
//! Whoever copies has the number's row in `owners`, and a vacuum leaves it alone as long as he lives.
//! Killed anywhere before the last transaction, he leaves the rows of a removed run, which the next
//! vacuum collects as any others. A copy that fails removes its rows itself.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteJournal;
use super::read;
use super::staging::{BYTES_AT_ONCE, Begun, Copied, Piece, ROWS_AT_ONCE, Staging};
use super::stored::Stored;
use super::writer::{Prepared, Request};
use crate::chain;
use crate::crash::crash_point;
use crate::digest::{Content, Digest};
use crate::error::{CommitError, Error};
use crate::port::{Committed, Created, Journal as _, Place};
use crate::record::{Fork, NewRun, RunRow, StoredEvent};

/// How far a copy is.
struct Copying {
    staging: Arc<Staging>,
    head: Committed,
    /// What is left beside events, once it has been listed.
    pieces: Option<VecDeque<Piece>>,
}

/// Has the rows of a copy removed if nobody waits for it any more.
struct Guard<'journal> {
    journal: &'journal SqliteJournal,
    place: Option<Place>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let (Some(place), Some(requests)) = (self.place, &self.journal.requests) else {
            return;
        };
        let (answer, _) = tokio::sync::oneshot::channel();
        // Where the writer has too much to do, a vacuum collects them once this process has ended.
        let _ = requests.try_send(Request::Unstage { place, answer });
    }
}

impl SqliteJournal {
    pub(super) async fn fork_in_pieces(
        &self,
        run: NewRun,
        fork: Fork,
        prepared: Prepared,
        large: &[Content],
    ) -> Result<Created, CommitError> {
        let mut copying = match self.begin_fork(run, fork).await? {
            Ok(copying) => copying,
            Err(existing) => return Ok(Created::Existing(existing)),
        };
        let mut guard = Guard {
            journal: self,
            place: Some(copying.staging.to),
        };
        let made = async {
            while self.copy_piece(&mut copying).await? {
                crash_point("fork-copied");
            }
            self.finish_fork(&copying, &prepared, large).await
        }
        .await;
        if !matches!(made, Ok(Created::New(..))) {
            self.unstage(copying.staging.to).await;
        }
        guard.place = None;
        made
    }

    async fn begin_fork(
        &self,
        run: NewRun,
        fork: Fork,
    ) -> Result<Result<Copying, RunRow>, CommitError> {
        let begun = self.ask(|answer| Request::BeginFork {
            run: Box::new(run),
            fork: Box::new(fork),
            answer,
        });
        Ok(match begun.await? {
            Begun::Existing(row) => Err(row),
            Begun::Staged(staging) => Ok(Copying {
                head: Committed {
                    next_seq: 0,
                    head_hash: chain::genesis(&staging.run.key, &staging.run.input_digest),
                },
                staging: Arc::new(staging),
                pieces: None,
            }),
        })
    }

    /// Copies some more; `false` when there was nothing left. What is read, is read while nobody has
    /// to wait for it.
    async fn copy_piece(&self, copying: &mut Copying) -> Result<bool, CommitError> {
        let Some((piece, head)) = self.next_piece(copying).await? else {
            return Ok(false);
        };
        let staging = Arc::clone(&copying.staging);
        self.ask(|answer| Request::CopyPiece {
            staging,
            piece,
            answer,
        })
        .await?;
        copying.head = head;
        self.beat();
        Ok(true)
    }

    async fn next_piece(
        &self,
        copying: &mut Copying,
    ) -> Result<Option<(Piece, Committed)>, CommitError> {
        let head = copying.head;
        if head.next_seq < copying.staging.fork.events {
            let staging = Arc::clone(&copying.staging);
            let (events, head) = self
                .read("reading what a fork takes over", move |stored| {
                    next_events(stored.connection, &staging, head)
                })
                .await?;
            if events.is_empty() {
                let staging = &copying.staging;
                return Err(chain::fork_beyond_end(
                    &staging.run,
                    &staging.fork,
                    head.next_seq,
                ));
            }
            return Ok(Some((Piece::Events(events), head)));
        }
        if copying.pieces.is_none() {
            let staging = Arc::clone(&copying.staging);
            let listed = self.read("reading what a fork takes over", move |stored| {
                list_rows(stored, &staging)
            });
            copying.pieces = Some(listed.await?);
        }
        let piece = copying.pieces.as_mut().and_then(VecDeque::pop_front);
        Ok(piece.map(|piece| (piece, head)))
    }

    async fn finish_fork(
        &self,
        copying: &Copying,
        prepared: &Prepared,
        large: &[Content],
    ) -> Result<Created, CommitError> {
        let staging = &copying.staging;
        self.ask_with(&[], &staging.run.key.namespace, large, |answer| {
            Request::FinishFork {
                staging: Arc::clone(staging),
                head: copying.head,
                prepared: prepared.clone(),
                answer,
            }
        })
        .await
    }

    /// Removes what was copied of a fork that did not come to be.
    async fn unstage(&self, place: Place) {
        loop {
            let some = self.ask::<bool, CommitError>(|answer| Request::Unstage { place, answer });
            // A store that cannot be written now is vacuumed later.
            if !some.await.unwrap_or(false) {
                return;
            }
        }
    }
}

/// The next events to be copied, each checked against the chain that it comes out of and linked to
/// the one that it goes into.
fn next_events(
    connection: &Connection,
    staging: &Staging,
    mut head: Committed,
) -> read::Answer<(Vec<(StoredEvent, Digest)>, Committed)> {
    let left = staging.fork.events - head.next_seq;
    let wanted = left.min(ROWS_AT_ONCE as u64) as usize;
    let from = read::place(connection, &staging.from_key)?;
    let page = read::events(connection, from, &staging.from_key, head.next_seq, wanted)?;
    let mut linked = Vec::with_capacity(page.len());
    let mut bytes = 0;
    for event in page {
        bytes += event.json.len() as u64;
        if bytes > BYTES_AT_ONCE && !linked.is_empty() {
            break;
        }
        let hash = chain::link(&head.head_hash, &chain::body_of(&event));
        head = Committed {
            next_seq: event.seq + 1,
            head_hash: hash,
        };
        linked.push((event, hash));
    }
    Ok((linked, head))
}

/// What the events refer to, in pieces.
fn list_rows(stored: &Stored<'_>, staging: &Staging) -> read::Answer<VecDeque<Piece>> {
    let (connection, from, fork) = (stored.connection, staging.from, &staging.fork);
    let mut pieces = VecDeque::new();
    let sized = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, read::natural(row, 1)?));
    let mut payload = connection.prepare_cached(
        "SELECT payload, ifnull(length(bytes), 0) FROM payloads WHERE namespace = ?1 AND run = ?2 AND digest = ?3",
    )?;
    let mut rows = Vec::new();
    for digest in &fork.payloads {
        let row = payload.query_row(params![from.namespace, from.run, digest.as_bytes()], sized);
        rows.push(row.optional()?.ok_or_else(|| Error::UnknownContent {
            digest: *digest,
            place: format!("run {}", staging.from_key),
        })?);
    }
    rows.sort_unstable();
    rows.dedup();
    divide(Copied::Payloads, &rows, &mut pieces);
    let mut calls = connection.prepare_cached(
        "SELECT call, ifnull(length(answer), 0) FROM calls
         WHERE namespace = ?1 AND run = ?2 AND step = ?3 AND attempt = ?4",
    )?;
    let mut rows = Vec::new();
    for (step, attempt) in &fork.attempts {
        let of_attempt =
            calls.query_map(params![from.namespace, from.run, step, attempt], sized)?;
        for row in of_attempt {
            rows.push(row?);
        }
    }
    rows.sort_unstable();
    rows.dedup();
    divide(Copied::Calls, &rows, &mut pieces);
    let rows = connection
        .prepare_cached(
            "SELECT checkpoint, length(label) FROM checkpoints
             WHERE namespace = ?1 AND run = ?2 AND next_seq <= ?3",
        )?
        .query_map(params![from.namespace, from.run, fork.events as i64], sized)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    divide(Copied::Checkpoints, &rows, &mut pieces);
    Ok(pieces)
}

/// Makes pieces of rows and their sizes.
fn divide(copied: Copied, rows: &[(i64, u64)], pieces: &mut VecDeque<Piece>) {
    let mut piece = Vec::new();
    let mut bytes = 0;
    for (row, size) in rows {
        if !piece.is_empty() && (piece.len() == ROWS_AT_ONCE || bytes + size > BYTES_AT_ONCE) {
            pieces.push_back(Piece::Rows(copied, std::mem::take(&mut piece)));
            bytes = 0;
        }
        piece.push(*row);
        bytes += size;
    }
    if !piece.is_empty() {
        pieces.push_back(Piece::Rows(copied, piece));
    }
}

#[cfg(test)]
#[path = "fork_tests.rs"]
mod tests;
