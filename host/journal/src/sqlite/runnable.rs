//! Owns the search for runs that somebody should drive, and for mail of those that are driven.
//!
//! Each statement walks an index that holds nothing of runs that rest: due timers, unfinished runs
//! by waking time, inbox entries that nobody has taken in.

use rusqlite::{Connection, Row, params};

use super::read::Answer;
use super::rows::WITH_MAIL;
use crate::port::Runnable;
use crate::record::RunKey;

/// No living owner has the run: `?1` lists their lock files.
const FREE: &str = "runs.ended = 0 AND NOT EXISTS (SELECT 1 FROM owners
    WHERE owners.namespace = runs.namespace AND owners.run = runs.run
    AND owners.owner IN (SELECT value FROM json_each(?1)))";

const COLUMNS: &str = "SELECT namespaces.name, runs.id";
const NAMESPACES: &str = "JOIN namespaces ON namespaces.namespace = runs.namespace";

/// Runs that nobody drives and somebody should.
pub(super) fn runnable(
    connection: &Connection,
    living: &[String],
    now_ms: u64,
    limit: usize,
) -> Answer<Runnable> {
    let living = serde_json::json!(living).to_string();
    let now = i64::try_from(now_ms).unwrap_or(i64::MAX).min(WITH_MAIL - 1);
    let limit = limit.min(i64::MAX as usize);
    // A cross join is walked in the order in which it is written. Mail counts whatever the time is.
    let due = format!(
        "{COLUMNS} FROM timers CROSS JOIN runs ON runs.run = timers.run {NAMESPACES}
         WHERE timers.due_at_ms <= ?2 AND runs.wakes_at_ms <= ?2 AND {FREE}
         ORDER BY timers.due_at_ms, timers.namespace, timers.run LIMIT ?3"
    );
    let mail = format!(
        "{COLUMNS} FROM (SELECT DISTINCT namespace, run FROM inbox WHERE acked_seq IS NULL) AS mail
         CROSS JOIN runs ON runs.run = mail.run {NAMESPACES} WHERE ?2 IS NOT NULL AND {FREE} LIMIT ?3"
    );
    let awake = format!(
        "{COLUMNS} FROM runs {NAMESPACES} WHERE runs.wakes_at_ms <= ?2 AND {FREE}
         ORDER BY runs.wakes_at_ms, runs.run LIMIT ?3"
    );
    let mut found = Runnable::default();
    let mut known = std::collections::HashSet::new();
    for statement in [due, mail, awake] {
        let left = limit - found.runs.len();
        if left == 0 {
            break;
        }
        // As many more as are known already, so that none of the new ones is crowded out.
        let wanted = (left + known.len()) as i64;
        let mut statement = connection.prepare_cached(&statement)?;
        let keys = statement.query_map(params![living, now, wanted], key_of)?;
        for key in keys {
            let key = key?;
            if found.runs.len() < limit && known.insert(key.clone()) {
                found.runs.push(key);
            }
        }
    }
    found.next_ms = next(connection, now)?;
    Ok(found)
}

/// When the next run wakes by itself.
fn next(connection: &Connection, now: i64) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "SELECT min(wakes_at_ms) FROM runs WHERE ended = 0 AND wakes_at_ms > ?1 AND wakes_at_ms < ?2",
        )?
        .query_row(params![now, WITH_MAIL], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(|at_ms| at_ms as u64))
        })
}

/// Runs of this owner with something in their inbox.
pub(super) fn mail(connection: &Connection, owner: &str) -> Answer<Vec<RunKey>> {
    let keys = connection
        .prepare_cached(&format!(
            "{COLUMNS} FROM (SELECT DISTINCT namespace, run FROM inbox WHERE acked_seq IS NULL) AS mail
             CROSS JOIN runs ON runs.run = mail.run {NAMESPACES}
             JOIN owners ON owners.namespace = runs.namespace AND owners.run = runs.run
             WHERE owners.owner = ?1"
        ))?
        .query_map([owner], key_of)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(keys)
}

/// Unfinished runs of this owner, and the epochs under which it has them.
pub(super) fn owned_by(connection: &Connection, owner: &str) -> Answer<Vec<(RunKey, u64)>> {
    let runs = connection
        .prepare_cached(&format!(
            "{COLUMNS}, owners.epoch FROM runs {NAMESPACES}
             CROSS JOIN owners ON owners.namespace = runs.namespace AND owners.run = runs.run
             WHERE runs.ended = 0 AND owners.owner = ?1 ORDER BY runs.namespace, runs.run"
        ))?
        .query_map([owner], |row| {
            Ok((key_of(row)?, row.get::<_, i64>(2)?.unsigned_abs()))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(runs)
}

fn key_of(row: &Row<'_>) -> rusqlite::Result<RunKey> {
    Ok(RunKey::new(
        row.get::<_, String>(0)?,
        row.get::<_, String>(1)?,
    ))
}
