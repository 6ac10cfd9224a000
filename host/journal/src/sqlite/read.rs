//! Owns what is read from the tables, by readers and within the writer's transaction alike.

use std::collections::BTreeMap;

use rusqlite::types::{ToSql, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::{Trouble, is_corruption};
use super::rows::wakes_of;
use crate::chain::{self, ChainCheck};
use crate::digest::Digest;
use crate::error::Error;
use crate::port::{Committed, Loaded, Owner, Page, Place, RunFilter, RunPage};
use crate::record::{
    Checkpoint, ForkedFrom, InboxEntry, RunKey, RunRow, Status, StoredEvent, StoredSnapshot, Timer,
};

/// What reading yields.
pub(super) type Answer<T> = Result<T, Trouble<Error>>;

/// All columns of [`run_of`]. A run's last event says when it changed and how many there are.
const RUN_COLUMNS: &str = "SELECT runs.run, namespaces.name, id, flow, input_digest, parent, path, session, labels, status,
        ended, created_at_ms, last.seq, last.at_ms, forked_from, forked_events, wakes_at_ms
    FROM runs JOIN namespaces ON namespaces.namespace = runs.namespace
    LEFT JOIN events AS last ON last.event = (SELECT event FROM events
        WHERE events.namespace = runs.namespace AND events.run = runs.run ORDER BY seq DESC LIMIT 1)";

/// Events that are read in far less time than anybody's patience lasts.
const EVENTS_BETWEEN_SIGNS: usize = 1_024;

/// No claim has ever come near: an epoch can still rise by two, for a claim and its release.
const LAST_EPOCH: u64 = i64::MAX as u64 - 2;

/// Labels as they are stored.
pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    // A map from text to text always has a JSON form.
    serde_json::to_string(labels).unwrap_or_default()
}

/// A digest in a column.
pub(super) fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

/// A number that was never negative.
pub(super) fn natural(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The same, where there need not be one.
pub(super) fn natural_if_any(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => natural(row, column).map(Some),
    }
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let namespace: String = row.get(1)?;
    let run: String = row.get(2)?;
    let labels: String = row.get(8)?;
    let created_at_ms = natural(row, 11)?;
    let last = natural_if_any(row, 12)?;
    let updated = natural_if_any(row, 13)?;
    let forked_from: Option<String> = row.get(14)?;
    let forked_events = natural_if_any(row, 15)?;
    Ok(RunRow {
        key: RunKey::new(namespace, run),
        flow: row.get(3)?,
        input_digest: digest(row, 4)?,
        parent: row.get(5)?,
        path: row.get(6)?,
        session: row.get(7)?,
        labels: serde_json::from_str(&labels).unwrap_or_default(),
        status: Status {
            text: row.get::<_, String>(9)?.into(),
            ended: row.get(10)?,
            wakes: wakes_of(row.get(16)?),
        },
        created_at_ms,
        updated_at_ms: updated.unwrap_or(created_at_ms),
        next_seq: last.map_or(0, |last| last + 1),
        forked_from: forked_from.map(|run| ForkedFrom {
            run,
            events: forked_events.unwrap_or_default(),
        }),
    })
}

/// A run as it is listed, if there is one.
pub(super) fn run_row(connection: &Connection, run: &RunKey) -> rusqlite::Result<Option<RunRow>> {
    connection
        .prepare_cached(&format!(
            "{RUN_COLUMNS} WHERE namespaces.name = ?1 AND runs.id = ?2"
        ))?
        .query_row(params![run.namespace, run.run], run_of)
        .optional()
}

/// A run's labels. A listing takes those that cannot be read for none, since it is about other runs, too.
pub(super) fn labels(
    connection: &Connection,
    place: Place,
) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare_cached("SELECT labels FROM runs WHERE run = ?1")?
        .query_row([place.run], |row| {
            let text: String = row.get(0)?;
            serde_json::from_str(&text).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
            })
        })
}

fn unknown(run: &RunKey) -> Error {
    Error::UnknownRun { run: run.clone() }
}

/// A run as it is listed.
pub(super) fn run(connection: &Connection, key: &RunKey) -> Answer<RunRow> {
    let row = run_row(connection, key)?;
    Ok(row.ok_or_else(|| unknown(key))?)
}

/// Where a run is kept.
pub(super) fn place(connection: &Connection, run: &RunKey) -> Answer<Place> {
    let place = connection
        .prepare_cached(
            "SELECT namespace, run FROM runs
             WHERE namespace = (SELECT namespace FROM namespaces WHERE name = ?1) AND id = ?2",
        )?
        .query_row(params![run.namespace, run.run], |row| {
            Ok(Place {
                namespace: row.get(0)?,
                run: row.get(1)?,
            })
        })
        .optional()?;
    Ok(place.ok_or_else(|| unknown(run))?)
}

/// Where a run's chain stands before its first event.
pub(super) fn origin(
    connection: &Connection,
    place: Place,
    key: &RunKey,
) -> rusqlite::Result<Committed> {
    let input_digest = connection
        .prepare_cached("SELECT input_digest FROM runs WHERE run = ?1")?
        .query_row([place.run], |row| digest(row, 0))?;
    Ok(Committed {
        next_seq: 0,
        head_hash: chain::genesis(key, &input_digest),
    })
}

/// Where a run's chain stands.
pub(super) fn head(
    connection: &Connection,
    place: Place,
    key: &RunKey,
) -> rusqlite::Result<Committed> {
    head_before(connection, place, key, i64::MAX as u64)
}

/// Where it stood before an event.
fn head_before(
    connection: &Connection,
    place: Place,
    key: &RunKey,
    seq: u64,
) -> rusqlite::Result<Committed> {
    let last = connection
        .prepare_cached(
            "SELECT seq, hash FROM events WHERE namespace = ?1 AND run = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![place.namespace, place.run, seq as i64], |row| {
            Ok(Committed {
                next_seq: natural(row, 0)? + 1,
                head_hash: digest(row, 1)?,
            })
        })
        .optional()?;
    match last {
        Some(last) => Ok(last),
        None => origin(connection, place, key),
    }
}

/// The run's epoch, the lock file of its owner if it has one, and what that owner is called.
pub(super) fn owner(
    connection: &Connection,
    place: Place,
) -> rusqlite::Result<(u64, Option<String>, Owner)> {
    connection
        .prepare_cached(
            "SELECT epoch, owner, name, pid FROM owners WHERE namespace = ?1 AND run = ?2",
        )?
        .query_row([place.namespace, place.run], |row| {
            let epoch = natural(row, 0)?;
            if epoch > LAST_EPOCH {
                return Err(rusqlite::Error::IntegralValueOutOfRange(0, epoch as i64));
            }
            let owner = Owner {
                name: row.get(2)?,
                pid: row.get(3)?,
                epoch,
                own: false,
            };
            Ok((epoch, row.get(1)?, owner))
        })
}

/// Which events to read.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) from_seq: u64,
    pub(super) limit: usize,
}

/// A page of events that is soon read; see [`events_of`].
pub(super) fn events(
    connection: &Connection,
    place: Place,
    key: &RunKey,
    from_seq: u64,
    limit: usize,
) -> Answer<Vec<StoredEvent>> {
    let range = Range { from_seq, limit };
    events_of(connection, place, key, range, &|| ())
}

/// Events, each checked against its predecessor. Whatever is wrong with one of them is
/// [`Error::Damaged`] with its number. There may be very many: `advanced` is called from time to time.
pub(super) fn events_of(
    connection: &Connection,
    place: Place,
    key: &RunKey,
    Range { from_seq, limit }: Range,
    advanced: &dyn Fn(),
) -> Answer<Vec<StoredEvent>> {
    let before = head_before(connection, place, key, from_seq)?;
    if before.next_seq < from_seq {
        // Past the end, or a hole: the row before the first one asked for must be there.
        let more: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE namespace = ?1 AND run = ?2 AND seq >= ?3)")?
            .query_row(params![place.namespace, place.run, from_seq as i64], |row| row.get(0))?;
        return match more {
            true => Err(ChainCheck::new(key, before)
                .damaged("it is missing".to_owned())
                .into()),
            false => Ok(Vec::new()),
        };
    }
    let mut check = ChainCheck::new(key, before);
    let mut page = Vec::new();
    let damaged = |check: &ChainCheck<'_>, error: rusqlite::Error| match is_corruption(&error) {
        true => check.damaged(error.to_string()).into(),
        false => Trouble::Sql(error),
    };
    let mut statement = connection.prepare_cached(
        "SELECT seq, type, json, at_ms, hash FROM events
         WHERE namespace = ?1 AND run = ?2 AND seq >= ?3 ORDER BY seq LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![place.namespace, place.run, from_seq as i64, limit])?;
    while let Some(row) = rows.next().map_err(|error| damaged(&check, error))? {
        let event = event_of(row).map_err(|error| damaged(&check, error))?;
        check.pass(&event)?;
        page.push(event);
        if page.len().is_multiple_of(EVENTS_BETWEEN_SIGNS) {
            advanced();
        }
    }
    Ok(page)
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        seq: natural(row, 0)?,
        event_type: row.get(1)?,
        json: row.get(2)?,
        at_ms: natural(row, 3)?,
        hash: digest(row, 4)?,
    })
}

/// The run was as long as this at the last change of its status, with this hash at its end.
pub(super) fn check_seal(connection: &Connection, place: Place, key: &RunKey) -> Answer<()> {
    let (sealed_seq, sealed_hash) = connection
        .prepare_cached("SELECT sealed_seq, sealed_hash FROM runs WHERE run = ?1")?
        .query_row([place.run], |row| Ok((natural(row, 0)?, digest(row, 1)?)))?;
    let found = head_before(connection, place, key, sealed_seq)?;
    let reason = if found.next_seq < sealed_seq {
        "it is missing, and so is all that followed"
    } else if found.head_hash != sealed_hash {
        "the event before it is not the one that the run's status was set with"
    } else {
        return Ok(());
    };
    Err(ChainCheck::new(key, found)
        .damaged(reason.to_owned())
        .into())
}

/// Everything needed to go on with a run. The caller holds a read transaction. As for [`events_of`],
/// `advanced` is called from time to time.
pub(super) fn load(
    connection: &Connection,
    key: &RunKey,
    state_version: u32,
    advanced: &dyn Fn(),
) -> Answer<Loaded> {
    let place = place(connection, key)?;
    check_seal(connection, place, key)?;
    let snapshot = snapshot(connection, place, key, state_version)?;
    let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.next_seq);
    let all = Range {
        from_seq: from,
        limit: usize::MAX,
    };
    let events = events_of(connection, place, key, all, advanced)?;
    let head = head(connection, place, key)?;
    Ok(Loaded {
        row: run(connection, key)?,
        snapshot,
        events,
        timers: timers(connection, place)?,
        inbox: inbox(connection, place, 0)?,
        head_hash: head.head_hash,
    })
}

/// How many events lie before the last snapshot, of whatever version.
pub(super) fn last_snapshot(connection: &Connection, place: Place) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT max(next_seq) FROM snapshots WHERE namespace = ?1 AND run = ?2")?
        .query_row([place.namespace, place.run], |row| {
            Ok(natural_if_any(row, 0)?.unwrap_or_default())
        })
}

/// There are no more events than `head` has, and a snapshot that holds more.
pub(super) fn lost_below_a_snapshot(key: &RunKey, head: Committed) -> Error {
    let reason = "it is missing, though there is a snapshot of the state after it";
    ChainCheck::new(key, head).damaged(reason.to_owned())
}

/// The last snapshot that can be used. A damaged one is no loss, since the events are there; nor is one that
/// was sealed for other events, as those of hosts before the seal are.
fn snapshot(
    connection: &Connection,
    place: Place,
    key: &RunKey,
    state_version: u32,
) -> Answer<Option<StoredSnapshot>> {
    let found = connection
        .prepare_cached(
            "SELECT next_seq, digest, body FROM snapshots
             WHERE namespace = ?1 AND run = ?2 AND state_version = ?3 ORDER BY next_seq DESC LIMIT 1",
        )?
        .query_row(params![place.namespace, place.run, state_version], |row| {
            let body: Vec<u8> = row.get(2)?;
            Ok((natural(row, 0)?, digest(row, 1)?, body))
        })
        .optional();
    let found = match found {
        Err(error) if is_corruption(&error) => None,
        other => other?,
    };
    let Some((next_seq, seal, body)) = found else {
        return Ok(None);
    };
    let before = head_before(connection, place, key, next_seq)?;
    if before.next_seq < next_seq {
        return Err(lost_below_a_snapshot(key, before).into());
    }
    let expected = chain::snapshot_seal(&before, state_version, &Digest::of(&body));
    Ok((expected == seal).then(|| StoredSnapshot {
        next_seq,
        body: body.into(),
    }))
}

pub(super) fn timers(connection: &Connection, place: Place) -> rusqlite::Result<Vec<Timer>> {
    connection
        .prepare_cached("SELECT due_at_ms, id FROM timers WHERE namespace = ?1 AND run = ?2 ORDER BY due_at_ms, id")?
        .query_map([place.namespace, place.run], |row| {
            Ok(Timer {
                due_at_ms: natural(row, 0)?,
                id: row.get(1)?,
            })
        })?
        .collect()
}

/// What waits in a run's inbox.
pub(super) fn inbox(
    connection: &Connection,
    place: Place,
    after: u64,
) -> rusqlite::Result<Vec<InboxEntry>> {
    connection
        .prepare_cached(
            "SELECT position, input_id, json, at_ms FROM inbox
             WHERE namespace = ?1 AND run = ?2 AND acked_seq IS NULL AND position > ?3 ORDER BY position",
        )?
        .query_map(params![place.namespace, place.run, after as i64], |row| {
            Ok(InboxEntry {
                position: natural(row, 0)?,
                input_id: row.get(1)?,
                json: row.get(2)?,
                at_ms: natural(row, 3)?,
            })
        })?
        .collect()
}

/// The places that a run can be forked at by name.
pub(super) fn checkpoints(
    connection: &Connection,
    place: Place,
) -> rusqlite::Result<Vec<Checkpoint>> {
    connection
        .prepare_cached(
            "SELECT id, label, automatic, next_seq, at_ms FROM checkpoints
             WHERE namespace = ?1 AND run = ?2 ORDER BY next_seq",
        )?
        .query_map([place.namespace, place.run], |row| {
            Ok(Checkpoint {
                id: row.get(0)?,
                label: row.get(1)?,
                automatic: row.get(2)?,
                next_seq: natural(row, 3)?,
                at_ms: natural(row, 4)?,
            })
        })?
        .collect()
}

/// Runs, the newest first.
pub(super) fn runs(
    connection: &Connection,
    filter: &RunFilter,
    page: Page,
) -> rusqlite::Result<RunPage> {
    let limit = i64::try_from(page.limit)
        .unwrap_or(i64::MAX)
        .saturating_sub(1)
        + 1;
    let after = page
        .after
        .map(|after| i64::try_from(after).unwrap_or(i64::MAX));
    let mut sql = format!("{RUN_COLUMNS} WHERE ?1");
    let mut values: Vec<&dyn ToSql> = vec![&true];
    let mut also = |condition: &str, value| {
        values.push(value);
        sql.push_str(&format!(" AND {condition} ?{}", values.len()));
    };
    let texts = [
        ("namespaces.name =", &filter.namespace),
        ("flow =", &filter.flow),
        ("status =", &filter.status),
        ("parent =", &filter.parent),
        ("session =", &filter.session),
    ];
    for (condition, value) in &texts {
        if let Some(value) = value {
            also(condition, value);
        }
    }
    if let Some(ended) = &filter.ended {
        also("ended =", ended);
    }
    if let Some(after) = &after {
        also("runs.run <", after);
    }
    if filter.topmost {
        sql.push_str(" AND parent IS NULL");
    }
    // One more than asked for tells whether there is a next page.
    sql.push_str(&format!(
        " ORDER BY runs.run DESC LIMIT {}",
        limit.saturating_add(1)
    ));
    let mut rows: Vec<(u64, RunRow)> = connection
        .prepare_cached(&sql)?
        .query_map(&*values, |row| Ok((natural(row, 0)?, run_of(row)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    Ok(RunPage {
        next: rows.last().filter(|_| more).map(|(run, _)| *run),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    })
}
