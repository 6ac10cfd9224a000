//! Owns the tables and the way from any older version of them to the present one.
//!
//! Every key begins with a namespace, and most go on with a run. Both are small integers here: the
//! texts stand once, in `namespaces` and `runs`, and each index entry of an event is a few bytes
//! rather than sixty. Rows are appended in rowid order beside a unique index, since a primary key on
//! texts would scatter the writes.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Faults;
use crate::error::Error;

/// What SQLite's `application_id` says of a store: "Mngr".
const APPLICATION_ID: i32 = 0x4d6e_6772;

/// Each takes the schema from the version of its index to the next.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3];

const VERSION_1: &str = "
CREATE TABLE namespaces (
    namespace INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- `sealed_seq` and `sealed_hash` are the head of the chain at the last change of status: a run that
-- has ended cannot lose its last events unnoticed.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    id TEXT NOT NULL,
    flow TEXT NOT NULL,
    input_digest BLOB NOT NULL,
    parent TEXT,
    path TEXT NOT NULL,
    session TEXT,
    labels TEXT NOT NULL,
    status TEXT NOT NULL,
    ended INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    pin_set INTEGER,
    sealed_seq INTEGER NOT NULL,
    sealed_hash BLOB NOT NULL,
    UNIQUE (namespace, id)
) STRICT;
CREATE INDEX runs_of_parent ON runs (namespace, parent) WHERE parent IS NOT NULL;
CREATE INDEX runs_of_session ON runs (namespace, session) WHERE session IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (namespace, run) WHERE ended = 0;

-- `owner` names the lock file of the process that claimed the run; null when it was given up. The
-- epoch rises with every claim and every release.
CREATE TABLE owners (
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT,
    name TEXT NOT NULL,
    pid INTEGER NOT NULL,
    claimed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    event INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    json TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_of_run ON events (namespace, run, seq);

-- Content without bytes is in a file.
CREATE TABLE payloads (
    payload INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB
) STRICT;
CREATE UNIQUE INDEX payloads_of_run ON payloads (namespace, run, digest);

CREATE TABLE blobs (
    blob INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB
) STRICT;
CREATE UNIQUE INDEX blobs_by_digest ON blobs (namespace, digest);

-- Runs of one flow mostly stay on the same bytes, so they share one set of pins.
CREATE TABLE pin_sets (
    pin_set INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (namespace, digest)
) STRICT;
CREATE TABLE pins (
    namespace INTEGER NOT NULL,
    pin_set INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (namespace, pin_set, name)
) STRICT, WITHOUT ROWID;

-- An answer with a digest and without bytes is in a file.
CREATE TABLE calls (
    call INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    request BLOB NOT NULL,
    effect TEXT NOT NULL,
    intended_at_ms INTEGER NOT NULL,
    answered_at_ms INTEGER,
    answer_digest BLOB,
    answer BLOB
) STRICT;
CREATE UNIQUE INDEX calls_of_attempt ON calls (namespace, run, step, attempt, ordinal);

CREATE TABLE timers (
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    due_at_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, run, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (namespace, due_at_ms);

-- What a run has sent; delivered into the receiver's inbox by the same commit.
CREATE TABLE messages (
    message INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    target TEXT NOT NULL,
    input_id TEXT NOT NULL,
    json TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_of_run ON messages (namespace, run, target, input_id);

CREATE TABLE inbox (
    position INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    input_id TEXT NOT NULL,
    json TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    acked_seq INTEGER
) STRICT;
CREATE UNIQUE INDEX inbox_of_run ON inbox (namespace, run, input_id);
CREATE INDEX inbox_waiting ON inbox (namespace, run, position) WHERE acked_seq IS NULL;

CREATE TABLE snapshots (
    snapshot INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    state_version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX snapshots_of_run ON snapshots (namespace, run, next_seq);
";

/// Checkpoints, forks, and what removing runs needs.
const VERSION_2: &str = "
ALTER TABLE runs ADD COLUMN forked_from TEXT;
ALTER TABLE runs ADD COLUMN forked_events INTEGER;

-- `next_seq` is the number of events before and at the checkpoint; the last of them is the event
-- that tells of it.
CREATE TABLE checkpoints (
    checkpoint INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    label TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX checkpoints_of_run ON checkpoints (namespace, run, id);

-- Runs that are gone from `runs` and whose other rows are being removed. The highest number stays
-- for ever: no number is given to two runs, of which one may still be on its way out.
CREATE TABLE removed_runs (
    run INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL
) STRICT;

-- Who refers to a file is asked by digest when files are collected.
CREATE INDEX payloads_in_files ON payloads (namespace, digest) WHERE bytes IS NULL;
CREATE INDEX calls_in_files ON calls (namespace, answer_digest) WHERE answer IS NULL AND answer_digest IS NOT NULL;
";

/// `wakes_at_ms` says when a run that nobody drives has something to do: 0 is at once, the largest number
/// only when something comes into its inbox. Runs from before are looked at once each. Timers are
/// looked for by due time over all namespaces.
const VERSION_3: &str = "
ALTER TABLE runs ADD COLUMN wakes_at_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_by_waking ON runs (wakes_at_ms, run) WHERE ended = 0;
DROP INDEX timers_due;
CREATE INDEX timers_by_due ON timers (due_at_ms, namespace, run);
";

/// Brings a database to the present version, or says why it is not ours to touch.
///
/// The caller holds the lock on opening, so nobody else migrates at the same time.
pub(super) fn prepare(
    connection: &mut Connection,
    path: &Path,
    must_exist: bool,
    faults: &Faults,
) -> Result<(), Error> {
    let sql = |error: rusqlite::Error| faults.error("opening the store", &error);
    let application: i32 = pragma(connection, "application_id").map_err(sql)?;
    let version: u32 = pragma(connection, "user_version").map_err(sql)?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sql)?;
    let fresh = application == 0 && version == 0 && tables == 0;
    if application != APPLICATION_ID && !fresh {
        return Err(Error::NotAStore {
            path: path.to_owned(),
            reason: "it is the database of another program".to_owned(),
        });
    }
    if fresh && must_exist {
        // Whoever expects a store has lost one, and an empty one in its place would hide that.
        return Err(Error::NotAStore {
            path: path.to_owned(),
            reason: "it is empty".to_owned(),
        });
    }
    let supported = MIGRATIONS.len() as u32;
    if version > supported {
        return Err(Error::NewerStore {
            path: path.to_owned(),
            found: version,
            supported,
        });
    }
    if fresh {
        // Can only be set before there is a table. It lets `vacuum` give pages back to the file
        // system in small steps, while hosts go on committing.
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .map_err(sql)?;
    }
    // The mode stays with the file, and must be set outside of any transaction.
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(sql)?;
    if mode != "wal" {
        return Err(Error::Engine {
            context: "opening the store".to_owned(),
            message: format!(
                "the journal mode is {mode}, and the file system allows no write-ahead log"
            ),
        });
    }
    for (from, migration) in MIGRATIONS.iter().enumerate().skip(version as usize) {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql)?;
        transaction.execute_batch(migration).map_err(sql)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(sql)?;
        transaction
            .pragma_update(None, "user_version", from as u32 + 1)
            .map_err(sql)?;
        transaction.commit().map_err(sql)?;
    }
    Ok(())
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
