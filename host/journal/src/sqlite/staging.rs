//! Owns what the copy of a run does to the tables; [`super::fork`] says why so.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::append::Ledger;
use super::fault::Trouble;
use super::orphans::{TABLES_OF_RUNS, remove_some};
use super::read;
use super::rows::Answer;
use super::writer::Prepared;
use crate::chain;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{Committed, Created, Place};
use crate::record::{Fork, NewRun, RunKey, RunRow, StoredEvent};

/// The most rows that one transaction copies or removes.
pub(super) const ROWS_AT_ONCE: usize = 256;
/// The most bytes that one transaction copies, but for a single row that has more.
pub(super) const BYTES_AT_ONCE: u64 = 1024 * 1024;

/// A fork under way.
pub(super) struct Staging {
    pub(super) run: NewRun,
    pub(super) fork: Fork,
    pub(super) from: Place,
    pub(super) from_key: RunKey,
    /// Where the copy is kept, and the run will be.
    pub(super) to: Place,
}

/// The answer to a request to begin.
pub(super) enum Begun {
    Staged(Staging),
    Existing(RunRow),
}

/// What one transaction copies.
#[derive(Clone)]
pub(super) enum Piece {
    /// Events, with the hashes that they have in the new run's chain.
    Events(Vec<(StoredEvent, Digest)>),
    Rows(Copied, Vec<i64>),
}

/// What is copied as it is, row by row. A file is shared: it belongs to the namespace.
#[derive(Clone, Copy)]
pub(super) enum Copied {
    Payloads,
    Calls,
    Checkpoints,
}

impl Copied {
    /// `?1` is the namespace, `?2` the new run, `?3` the other one, `?4` the row.
    fn statement(self) -> &'static str {
        match self {
            Self::Payloads => {
                "INSERT INTO payloads (namespace, run, digest, size, bytes)
                 SELECT namespace, ?2, digest, size, bytes FROM payloads
                 WHERE namespace = ?1 AND run = ?3 AND payload = ?4"
            }
            Self::Calls => {
                "INSERT INTO calls (namespace, run, step, attempt, ordinal, execution, request, effect,
                     intended_at_ms, answered_at_ms, answer_digest, answer)
                 SELECT namespace, ?2, step, attempt, ordinal, execution, request, effect,
                     intended_at_ms, answered_at_ms, answer_digest, answer
                 FROM calls WHERE namespace = ?1 AND run = ?3 AND call = ?4"
            }
            Self::Checkpoints => {
                "INSERT INTO checkpoints (namespace, run, id, next_seq, label, automatic, at_ms)
                 SELECT namespace, ?2, id, next_seq, label, automatic, at_ms FROM checkpoints
                 WHERE namespace = ?1 AND run = ?3 AND checkpoint = ?4"
            }
        }
    }
}

impl Ledger {
    /// Takes a number for a fork, under which nobody sees anything.
    pub(super) fn begin_fork(
        &mut self,
        connection: &Connection,
        run: NewRun,
        fork: Fork,
    ) -> Answer<Begun> {
        if let Some(existing) = existing(connection, &run)? {
            return Ok(Begun::Existing(existing));
        }
        let from_key = RunKey::new(run.key.namespace.clone(), &*fork.from);
        let from = read::place(connection, &from_key)?;
        let namespace = self.namespace(connection, &run.key.namespace)?;
        let number = self.next_number(connection)?;
        let to = Place {
            namespace,
            run: number,
        };
        connection
            .prepare_cached("INSERT INTO removed_runs (run, namespace) VALUES (?1, ?2)")?
            .execute([to.run, to.namespace])?;
        self.insert_owner(connection, to, run.created_at_ms)?;
        Ok(Begun::Staged(Staging {
            run,
            fork,
            from,
            from_key,
            to,
        }))
    }

    /// One piece, all of which must still be there: the run that it comes from may be removed
    /// meanwhile.
    pub(super) fn copy_piece(
        &mut self,
        connection: &Connection,
        staging: &Staging,
        piece: &Piece,
    ) -> Answer<()> {
        let (from, to) = (staging.from, staging.to);
        match piece {
            Piece::Events(events) => {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO events (namespace, run, seq, at_ms, type, json, hash)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?;
                for (event, hash) in events {
                    insert.execute(params![
                        to.namespace,
                        to.run,
                        event.seq as i64,
                        event.at_ms as i64,
                        event.event_type,
                        event.json,
                        hash.as_bytes(),
                    ])?;
                }
            }
            Piece::Rows(copied, rows) => {
                let mut copy = connection.prepare_cached(copied.statement())?;
                for row in rows {
                    let copied = copy.execute(params![to.namespace, to.run, from.run, row])?;
                    if copied == 0 {
                        return Err(gone(&staging.from_key));
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes the run visible, with the first events of its own.
    pub(super) fn finish_fork(
        &mut self,
        connection: &Connection,
        staging: &Staging,
        head: Committed,
        prepared: &Prepared,
    ) -> Answer<Created> {
        let (run, fork, to) = (&staging.run, &staging.fork, staging.to);
        // Another fork under this id may have been quicker.
        if let Some(existing) = existing(connection, run)? {
            return Ok(Created::Existing(existing));
        }
        let pins: Option<Option<i64>> = connection
            .prepare_cached("SELECT pin_set FROM runs WHERE run = ?1")?
            .query_row([staging.from.run], |row| row.get(0))
            .optional()?;
        // Without it, its pins may have been collected.
        let pins = pins.ok_or_else(|| gone(&staging.from_key))?;
        self.check_staged(connection, staging)?;
        connection
            .prepare_cached("DELETE FROM removed_runs WHERE run = ?1")?
            .execute([to.run])?;
        let origin = Committed {
            next_seq: 0,
            head_hash: chain::genesis(&run.key, &run.input_digest),
        };
        let claim = self.insert_run(connection, to, run, pins, &origin)?;
        connection
            .prepare_cached("UPDATE runs SET forked_from = ?2, forked_events = ?3 WHERE run = ?1")?
            .execute(params![to.run, fork.from, fork.events as i64])?;
        let committed = self.append(connection, &claim, head, prepared)?;
        Ok(Created::New(claim, committed))
    }

    /// Nobody has begun to collect the copy, as a vacuum of a program that knows no such copies
    /// would: it takes a run's first event before all else, and its owner's row with the rest.
    fn check_staged(&self, connection: &Connection, staging: &Staging) -> Answer<()> {
        let to = staging.to;
        let whole: bool = connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM events WHERE namespace = ?1 AND run = ?2 AND seq = 0)
                    AND EXISTS (SELECT 1 FROM owners WHERE namespace = ?1 AND run = ?2 AND owner = ?3)",
            )?
            .query_row(params![to.namespace, to.run, self.owner_id()], |row| {
                row.get(0)
            })?;
        match whole {
            true => Ok(()),
            false => Err(Trouble::Typed(CommitError::Store(Error::Damaged {
                run: staging.run.key.clone(),
                seq: 0,
                reason: "it was collected before the fork was finished; fork again".to_owned(),
            }))),
        }
    }

    /// Removes some of what was copied; `false` when nothing is left. What has become a run stays.
    pub(super) fn unstage(&mut self, connection: &Connection, place: Place) -> Answer<bool> {
        let staged: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM removed_runs WHERE run = ?1)")?
            .query_row([place.run], |row| row.get(0))?;
        if !staged {
            return Ok(false);
        }
        // From here on it is a vacuum's, too, should this process have no time for the rest.
        connection
            .prepare_cached("UPDATE owners SET owner = NULL WHERE namespace = ?1 AND run = ?2")?
            .execute([place.namespace, place.run])?;
        let mut left = ROWS_AT_ONCE;
        for table in TABLES_OF_RUNS {
            left -= remove_some(connection, table, place.namespace, place.run, left)?;
        }
        Ok(left == 0)
    }
}

/// The run that is there under the new one's id.
fn existing(connection: &Connection, run: &NewRun) -> Answer<Option<RunRow>> {
    match read::run_row(connection, &run.key)? {
        Some(existing) if existing.input_digest != run.input_digest => {
            Err(Trouble::Typed(CommitError::OtherInput {
                run: run.key.clone(),
                existing: existing.input_digest,
                given: run.input_digest,
            }))
        }
        existing => Ok(existing),
    }
}

fn gone(run: &RunKey) -> Trouble<CommitError> {
    Trouble::Typed(CommitError::Store(Error::UnknownRun { run: run.clone() }))
}
