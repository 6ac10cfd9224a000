//! Owns the statements that write rows, and the rules that only the table can judge.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::contents::Contents;
use super::fault::Trouble;
use super::read;
use super::stored;
use super::writer::Prepared;
use crate::call_log::{self, Change};
use crate::chain;
use crate::digest::{Content, Digest};
use crate::error::{CommitError, Error};
use crate::port::{Claim, Committed, Place};
use crate::record::{CallRecord, Checkpoint, Message, Pin, RunKey, Snapshot, Status, Timer, Wakes};

/// What writing yields.
pub(super) type Answer<T> = Result<T, Trouble<CommitError>>;

/// The claim's epoch must be the run's: it rises with every claim and release, so it says both that
/// the run is owned and by whom.
pub(super) fn check_epoch(connection: &Connection, claim: &Claim) -> Answer<()> {
    let current: Option<i64> = connection
        .prepare_cached("SELECT epoch FROM owners WHERE namespace = ?1 AND run = ?2")?
        .query_row([claim.place.namespace, claim.place.run], |row| row.get(0))
        .optional()?;
    match current {
        Some(current) if current as u64 == claim.epoch => Ok(()),
        Some(current) => Err(Trouble::Typed(CommitError::StaleEpoch {
            run: claim.key.clone(),
            held: claim.epoch,
            current: current as u64,
        })),
        None => Err(Trouble::Typed(CommitError::Store(Error::UnknownRun {
            run: claim.key.clone(),
        }))),
    }
}

/// Appends events and answers where the chain stands then.
pub(super) fn insert_events(
    connection: &Connection,
    place: Place,
    mut head: Committed,
    prepared: &Prepared,
) -> rusqlite::Result<Committed> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (namespace, run, seq, at_ms, type, json, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (event, body) in prepared.batch.events.iter().zip(&prepared.bodies) {
        let hash = chain::link(&head.head_hash, body);
        insert.execute(params![
            place.namespace,
            place.run,
            head.next_seq as i64,
            event.at_ms as i64,
            event.event_type,
            event.json,
            hash.as_bytes(),
        ])?;
        head = Committed {
            next_seq: head.next_seq + 1,
            head_hash: hash,
        };
    }
    Ok(head)
}

/// The bytes for the table, or none when they are in a file.
fn in_table(content: &Content) -> Option<&[u8]> {
    (!content.is_large()).then_some(&**content.bytes())
}

/// The files of a run's namespace, which rows without bytes stand for.
#[derive(Clone, Copy)]
pub(super) struct InFiles<'a> {
    pub(super) contents: &'a Contents,
    pub(super) namespace: &'a str,
}

impl InFiles<'_> {
    /// A row was inserted for the content: if it stands for a file, that must be there.
    fn require(&self, content: &Content) -> Answer<()> {
        if content.is_large() {
            self.contents.require(self.namespace, content)?;
        }
        Ok(())
    }
}

/// Content that is there already stays.
pub(super) fn insert_payload(
    connection: &Connection,
    files: InFiles<'_>,
    place: Place,
    payload: &Content,
) -> Answer<()> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO payloads (namespace, run, digest, size, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            place.namespace,
            place.run,
            payload.digest().as_bytes(),
            payload.bytes().len() as i64,
            in_table(payload),
        ])?;
    match inserted {
        0 => Ok(()),
        _ => files.require(payload),
    }
}

/// The number of the set of pins, which is written when no run had it before.
pub(super) fn pin(
    connection: &Connection,
    files: InFiles<'_>,
    namespace: i64,
    set: &Digest,
    pins: &[Pin],
) -> Answer<i64> {
    let (pin_set, new) = pin_set(connection, namespace, set)?;
    if !new {
        return Ok(pin_set);
    }
    put_blobs(connection, files, namespace, pins)?;
    for pin in pins {
        name_pin(
            connection,
            namespace,
            pin_set,
            &pin.name,
            pin.content.digest(),
        )?;
    }
    Ok(pin_set)
}

/// The number of a set of pins, and whether nobody had it before: then its pins are to be named.
fn pin_set(connection: &Connection, namespace: i64, set: &Digest) -> rusqlite::Result<(i64, bool)> {
    let existing = connection
        .prepare_cached("SELECT pin_set FROM pin_sets WHERE namespace = ?1 AND digest = ?2")?
        .query_row(params![namespace, set.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(existing) = existing {
        return Ok((existing, false));
    }
    connection.execute(
        "INSERT INTO pin_sets (namespace, digest) VALUES (?1, ?2)",
        params![namespace, set.as_bytes()],
    )?;
    Ok((connection.last_insert_rowid(), true))
}

fn name_pin(
    connection: &Connection,
    namespace: i64,
    pin_set: i64,
    name: &str,
    digest: Digest,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO pins (namespace, pin_set, name, digest) VALUES (?1, ?2, ?3, ?4)",
        params![namespace, pin_set, name, digest.as_bytes()],
    )?;
    Ok(())
}

fn put_blobs(
    connection: &Connection,
    files: InFiles<'_>,
    namespace: i64,
    pins: &[Pin],
) -> Answer<()> {
    for pin in pins {
        let digest = pin.content.digest();
        let inserted = connection.execute(
            "INSERT INTO blobs (namespace, digest, size, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![
                namespace,
                digest.as_bytes(),
                pin.content.bytes().len() as i64,
                in_table(&pin.content),
            ],
        )?;
        if inserted > 0 {
            files.require(&pin.content)?;
        }
    }
    Ok(())
}

/// What a run stays on, by name.
pub(super) fn pins_of(
    connection: &Connection,
    place: Place,
) -> rusqlite::Result<BTreeMap<String, Digest>> {
    connection
        .prepare_cached(
            "SELECT pins.name, pins.digest FROM runs
             JOIN pins ON pins.namespace = runs.namespace AND pins.pin_set = runs.pin_set
             WHERE runs.run = ?1",
        )?
        .query_map([place.run], |row| Ok((row.get(0)?, read::digest(row, 1)?)))?
        .collect()
}

/// Has a run stay on all of these pins; the contents of those that are new to it are given.
pub(super) fn stay_on(
    connection: &Connection,
    files: InFiles<'_>,
    place: Place,
    all: &BTreeMap<String, Digest>,
    contents: &[Pin],
) -> Answer<()> {
    let named = all.iter().map(|(name, digest)| (&**name, *digest));
    let Some(set) = super::named_set(named.collect()) else {
        return Ok(());
    };
    let (pin_set, new) = pin_set(connection, place.namespace, &set)?;
    put_blobs(connection, files, place.namespace, contents)?;
    if new {
        for (name, digest) in all {
            name_pin(connection, place.namespace, pin_set, name, *digest)?;
        }
    }
    connection.execute(
        "UPDATE runs SET pin_set = ?2 WHERE run = ?1",
        params![place.run, pin_set],
    )?;
    Ok(())
}

/// Writes to the call log what its rules allow.
pub(super) fn fold_calls(
    connection: &Connection,
    files: InFiles<'_>,
    claim: &Claim,
    records: &[CallRecord],
) -> Answer<()> {
    for record in records {
        let existing = stored::call_entry(connection, claim.place, call_log::key(record))?;
        match call_log::judge(&claim.key, existing, record)? {
            Change::Nothing => {}
            Change::Intend | Change::Answer => write_call(connection, claim.place, record)?,
        }
        if let CallRecord::Record { answer, .. } = record {
            files.require(answer)?;
        }
    }
    Ok(())
}

fn write_call(connection: &Connection, place: Place, record: &CallRecord) -> rusqlite::Result<()> {
    match record {
        CallRecord::Intend {
            call,
            execution,
            request,
            effect,
            at_ms,
        } => connection
            .prepare_cached(
                "INSERT INTO calls (namespace, run, step, attempt, ordinal, execution, request, effect, intended_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (namespace, run, step, attempt, ordinal) DO UPDATE SET execution = excluded.execution,
                     effect = excluded.effect, intended_at_ms = excluded.intended_at_ms",
            )?
            .execute(params![
                place.namespace,
                place.run,
                call.step,
                call.attempt,
                call.ordinal,
                execution,
                request.as_bytes(),
                effect,
                *at_ms as i64,
            ])?,
        CallRecord::Record {
            call, answer, at_ms, ..
        } => connection
            .prepare_cached(
                "UPDATE calls SET answered_at_ms = ?6, answer_digest = ?7, answer = ?8
                 WHERE namespace = ?1 AND run = ?2 AND step = ?3 AND attempt = ?4 AND ordinal = ?5",
            )?
            .execute(params![
                place.namespace,
                place.run,
                call.step,
                call.attempt,
                call.ordinal,
                *at_ms as i64,
                answer.digest().as_bytes(),
                in_table(answer),
            ])?,
    };
    Ok(())
}

/// Clears before it sets, so that a batch can do both to one timer.
pub(super) fn change_timers(
    connection: &Connection,
    place: Place,
    set: &[Timer],
    clear: &[String],
) -> rusqlite::Result<()> {
    for id in clear {
        connection
            .prepare_cached("DELETE FROM timers WHERE namespace = ?1 AND run = ?2 AND id = ?3")?
            .execute(params![place.namespace, place.run, id])?;
    }
    for timer in set {
        connection
            .prepare_cached(
                "INSERT INTO timers (namespace, run, id, due_at_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET due_at_ms = excluded.due_at_ms",
            )?
            .execute(params![
                place.namespace,
                place.run,
                timer.id,
                timer.due_at_ms as i64
            ])?;
    }
    Ok(())
}

/// Delivers a message and keeps a record of it with the sender.
pub(super) fn send(
    connection: &Connection,
    claim: &Claim,
    next_seq: u64,
    message: &Message,
) -> Answer<()> {
    let target = RunKey::new(Arc::clone(&claim.key.namespace), &*message.to);
    let place = read::place(connection, &target)?;
    deliver(
        connection,
        place,
        &target,
        &message.input_id,
        &message.json,
        message.at_ms,
    )?;
    connection
        .prepare_cached(
            "INSERT INTO messages (namespace, run, next_seq, target, input_id, json, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            claim.place.namespace,
            claim.place.run,
            next_seq as i64,
            message.to,
            message.input_id,
            message.json,
            message.at_ms as i64,
        ])?;
    Ok(())
}

/// Whether the input was new.
pub(super) fn deliver(
    connection: &Connection,
    place: Place,
    run: &RunKey,
    input_id: &str,
    json: &str,
    at_ms: u64,
) -> Answer<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO inbox (namespace, run, input_id, json, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            place.namespace,
            place.run,
            input_id,
            json,
            at_ms as i64
        ])?;
    if inserted == 1 {
        return Ok(true);
    }
    let existing: String = connection
        .prepare_cached(
            "SELECT json FROM inbox WHERE namespace = ?1 AND run = ?2 AND input_id = ?3",
        )?
        .query_row(params![place.namespace, place.run, input_id], |row| {
            row.get(0)
        })?;
    if existing == json {
        return Ok(false);
    }
    Err(Trouble::Typed(CommitError::OtherInboxText {
        run: run.clone(),
        input_id: input_id.to_owned(),
    }))
}

/// An input is acknowledged once.
pub(super) fn acknowledge(
    connection: &Connection,
    claim: &Claim,
    next_seq: u64,
    input_id: &str,
) -> Answer<()> {
    let acknowledged = connection
        .prepare_cached(
            "UPDATE inbox SET acked_seq = ?4
             WHERE namespace = ?1 AND run = ?2 AND input_id = ?3 AND acked_seq IS NULL",
        )?
        .execute(params![
            claim.place.namespace,
            claim.place.run,
            input_id,
            next_seq as i64
        ])?;
    if acknowledged == 1 {
        return Ok(());
    }
    Err(Trouble::Typed(CommitError::UnknownInput {
        run: claim.key.clone(),
        input_id: input_id.to_owned(),
    }))
}

/// For people who look into the table; nothing is decided by it.
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// One that is there already stays: its event was committed with it.
pub(super) fn note_checkpoints(
    connection: &Connection,
    place: Place,
    checkpoints: &[Checkpoint],
) -> rusqlite::Result<()> {
    for checkpoint in checkpoints {
        connection
            .prepare_cached(
                "INSERT INTO checkpoints (namespace, run, id, next_seq, label, automatic, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                place.namespace,
                place.run,
                checkpoint.id,
                checkpoint.next_seq as i64,
                checkpoint.label,
                checkpoint.automatic,
                checkpoint.at_ms as i64,
            ])?;
    }
    Ok(())
}

/// Only the last snapshot is of use. `head` is where the chain stands with what it holds.
pub(super) fn replace_snapshot(
    connection: &Connection,
    place: Place,
    head: &Committed,
    snapshot: &Snapshot,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM snapshots WHERE namespace = ?1 AND run = ?2")?
        .execute(params![place.namespace, place.run])?;
    let seal = chain::snapshot_seal(head, snapshot.state_version, &snapshot.body.digest());
    connection
        .prepare_cached(
            "INSERT INTO snapshots (namespace, run, next_seq, state_version, digest, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            place.namespace,
            place.run,
            head.next_seq as i64,
            snapshot.state_version,
            seal.as_bytes(),
            &**snapshot.body.bytes(),
        ])?;
    Ok(())
}

/// Seals the chain along with the status.
pub(super) fn set_status(
    connection: &Connection,
    place: Place,
    head: &Committed,
    status: &Status,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE runs SET status = ?2, ended = ?3, sealed_seq = ?4, sealed_hash = ?5, wakes_at_ms = ?6
             WHERE run = ?1",
        )?
        .execute(params![
            place.run,
            status.text,
            status.ended,
            head.next_seq as i64,
            head.head_hash.as_bytes(),
            wakes_column(status.wakes),
        ])?;
    Ok(())
}

/// A run with this in its column wakes with mail alone.
pub(super) const WITH_MAIL: i64 = i64::MAX;

fn wakes_column(wakes: Wakes) -> i64 {
    match wakes {
        Wakes::Now => 0,
        // The two ends mean something else.
        Wakes::At(at_ms) => i64::try_from(at_ms)
            .unwrap_or(i64::MAX)
            .clamp(1, WITH_MAIL - 1),
        Wakes::WithMail => WITH_MAIL,
    }
}

/// What the column says.
pub(super) fn wakes_of(column: i64) -> Wakes {
    match column {
        WITH_MAIL => Wakes::WithMail,
        at_ms if at_ms > 0 => Wakes::At(at_ms as u64),
        _ => Wakes::Now,
    }
}
