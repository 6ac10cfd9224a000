//! Owns how a run begins with another one's events.
//!
//! They are copied, and chained anew from the new run's own genesis, in the transaction that makes
//! the run. A fork costs as much as the events that it takes over; for that it depends on nothing:
//! it is loaded, verified, replayed, backed up and removed like any other run, and the run that it
//! came from may be removed without asking who was forked from it.

use rusqlite::{Connection, params};

use super::append::Ledger;
use super::fault::Trouble;
use super::read;
use super::rows::Answer;
use super::writer::Prepared;
use crate::chain;
use crate::error::{CommitError, Error};
use crate::port::{Committed, Created, Place};
use crate::record::{Fork, NewRun, RunKey};

/// Events held in memory at a time.
const PAGE: usize = 1_000;

impl Ledger {
    pub(super) fn fork(
        &mut self,
        connection: &Connection,
        run: &NewRun,
        fork: &Fork,
        prepared: &Prepared,
    ) -> Answer<Created> {
        if let Some(existing) = read::run_row(connection, &run.key)? {
            return match existing.input_digest == run.input_digest {
                true => Ok(Created::Existing(existing)),
                false => Err(Trouble::Typed(CommitError::OtherInput {
                    run: run.key.clone(),
                    existing: existing.input_digest,
                    given: run.input_digest,
                })),
            };
        }
        let from_key = RunKey::new(run.key.namespace.clone(), &*fork.from);
        let from = read::place(connection, &from_key)?;
        let namespace = self.namespace(connection, &run.key.namespace)?;
        let origin = Committed {
            next_seq: 0,
            head_hash: chain::genesis(&run.key, &run.input_digest),
        };
        let pins = connection.query_row(
            "SELECT pin_set FROM runs WHERE run = ?1",
            [from.run],
            |row| row.get(0),
        )?;
        let claim = self.insert_run(connection, namespace, run, pins, &origin)?;
        connection.execute(
            "UPDATE runs SET forked_from = ?2, forked_events = ?3 WHERE run = ?1",
            params![claim.place.run, fork.from, fork.events as i64],
        )?;
        let head = copy_events(
            connection,
            from,
            &from_key,
            claim.place,
            origin,
            fork.events,
        )?;
        if head.next_seq != fork.events {
            return Err(Trouble::Typed(chain::fork_beyond_end(
                run,
                fork,
                head.next_seq,
            )));
        }
        copy_contents(connection, from, &from_key, claim.place, fork)?;
        let committed = self.append(connection, &claim, head, prepared)?;
        Ok(Created::New(claim, committed))
    }
}

/// Each event is checked against the chain that it comes out of.
fn copy_events(
    connection: &Connection,
    from: Place,
    from_key: &RunKey,
    to: Place,
    mut head: Committed,
    events: u64,
) -> Answer<Committed> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (namespace, run, seq, at_ms, type, json, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    while head.next_seq < events {
        let wanted = (events - head.next_seq).min(PAGE as u64) as usize;
        let page = read::events(connection, from, from_key, head.next_seq, wanted)?;
        if page.is_empty() {
            break;
        }
        for event in page {
            let hash = chain::link(&head.head_hash, &chain::body_of(&event));
            insert.execute(params![
                to.namespace,
                to.run,
                event.seq as i64,
                event.at_ms as i64,
                event.event_type,
                event.json,
                hash.as_bytes(),
            ])?;
            head = Committed {
                next_seq: event.seq + 1,
                head_hash: hash,
            };
        }
    }
    Ok(head)
}

/// What the events refer to. A file is shared: it belongs to the namespace.
fn copy_contents(
    connection: &Connection,
    from: Place,
    from_key: &RunKey,
    to: Place,
    fork: &Fork,
) -> Answer<()> {
    let mut payload = connection.prepare_cached(
        "INSERT INTO payloads (namespace, run, digest, size, bytes)
         SELECT ?1, ?2, digest, size, bytes FROM payloads WHERE namespace = ?1 AND run = ?3 AND digest = ?4
         ON CONFLICT DO NOTHING",
    )?;
    for digest in &fork.payloads {
        let copied = payload.execute(params![to.namespace, to.run, from.run, digest.as_bytes()])?;
        if copied == 0 && !has_payload(connection, to, digest.as_bytes())? {
            return Err(Trouble::Typed(CommitError::Store(Error::UnknownContent {
                digest: *digest,
                place: format!("run {from_key}"),
            })));
        }
    }
    let mut calls = connection.prepare_cached(
        "INSERT INTO calls (namespace, run, step, attempt, ordinal, execution, request, effect, intended_at_ms,
             answered_at_ms, answer_digest, answer)
         SELECT namespace, ?2, step, attempt, ordinal, execution, request, effect, intended_at_ms,
             answered_at_ms, answer_digest, answer
         FROM calls WHERE namespace = ?1 AND run = ?3 AND step = ?4 AND attempt = ?5",
    )?;
    for (step, attempt) in &fork.attempts {
        calls.execute(params![to.namespace, to.run, from.run, step, attempt])?;
    }
    connection.execute(
        "INSERT INTO checkpoints (namespace, run, id, next_seq, label, automatic, at_ms)
         SELECT namespace, ?2, id, next_seq, label, automatic, at_ms FROM checkpoints
         WHERE namespace = ?1 AND run = ?3 AND next_seq <= ?4",
        params![to.namespace, to.run, from.run, fork.events as i64],
    )?;
    Ok(())
}

fn has_payload(connection: &Connection, place: Place, digest: &[u8]) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM payloads WHERE namespace = ?1 AND run = ?2 AND digest = ?3)",
        )?
        .query_row(params![place.namespace, place.run, digest], |row| row.get(0))
}
