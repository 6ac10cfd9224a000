//! Owns the check of whole runs and of the whole store.

use rusqlite::{Connection, params};

use super::fault::{Faults, Trouble, is_corruption, of_run};
use super::orphans;
use super::read::{self, Answer};
use super::stored::Stored;
use crate::chain::ChainCheck;
use crate::checkpoints::Untold;
use crate::digest::Digest;
use crate::error::Error;
use crate::port::{Committed, Place, StoreReport, Verified};
use crate::record::RunKey;

/// How many events are held in memory at a time.
const PAGE: usize = 1000;

/// Checks one run: its chain, its seal and every content that it refers to.
pub(super) fn run(stored: &Stored<'_>, key: &RunKey) -> Answer<Verified> {
    let connection = stored.connection;
    let place = read::place(connection, key)?;
    read::check_seal(connection, place, key)?;
    let mut head = read::origin(connection, place, key)?;
    let mut untold = Untold::new(read::checkpoints(connection, place)?);
    loop {
        let page = read::events(connection, place, key, head.next_seq, PAGE)?;
        let Some(last) = page.last() else {
            break;
        };
        page.iter().for_each(|event| untold.pass(event));
        head = Committed {
            next_seq: last.seq + 1,
            head_hash: last.hash,
        };
    }
    let end = read::head(connection, place, key)?;
    if end != head {
        return Err(ChainCheck::new(key, head)
            .damaged("it is missing".to_owned())
            .into());
    }
    let mut contents = 0;
    for digest in payloads(connection, place.namespace, place.run)? {
        stored.payload(key, digest)?;
        contents += 1;
    }
    for (step, attempt) in attempts(connection, place.namespace, place.run)? {
        let calls = stored.calls(key, &step, attempt)?;
        contents += calls.iter().filter(|call| call.answer.is_some()).count() as u64;
    }
    for pin in stored.pins(key)? {
        stored.blob(&key.namespace, pin.digest)?;
        contents += 1;
    }
    untold.finish(key, head.next_seq)?;
    check_fork(connection, key, head)?;
    check_beside(connection, place)?;
    if read::last_snapshot(connection, place)? > head.next_seq {
        return Err(read::lost_below_a_snapshot(key, head).into());
    }
    Ok(Verified {
        events: head.next_seq,
        contents,
        head_hash: head.head_hash,
    })
}

/// What no hash speaks for can at least be read: a run that was found good can be loaded and claimed.
fn check_beside(connection: &Connection, place: Place) -> rusqlite::Result<()> {
    read::timers(connection, place)?;
    read::inbox(connection, place, 0)?;
    read::owner(connection, place)?;
    read::labels(connection, place)?;
    Ok(())
}

/// The point of a fork lies within the run.
fn check_fork(connection: &Connection, key: &RunKey, head: Committed) -> Answer<()> {
    match read::run(connection, key)?.forked_from {
        Some(from) if from.events == 0 || from.events > head.next_seq => {
            let (events, there) = (from.events, head.next_seq);
            let reason = format!(
                "the fork from {} lies behind {events} events, and there are {there}",
                from.run
            );
            Err(ChainCheck::new(key, head).damaged(reason).into())
        }
        _ => Ok(()),
    }
}

fn payloads(connection: &Connection, namespace: i64, run: i64) -> rusqlite::Result<Vec<Digest>> {
    connection
        .prepare_cached("SELECT digest FROM payloads WHERE namespace = ?1 AND run = ?2")?
        .query_map(params![namespace, run], |row| read::digest(row, 0))?
        .collect()
}

fn attempts(
    connection: &Connection,
    namespace: i64,
    run: i64,
) -> rusqlite::Result<Vec<(String, u32)>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT step, attempt FROM calls WHERE namespace = ?1 AND run = ?2",
        )?
        .query_map(params![namespace, run], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

/// Checks every run, and SQLite's own structure.
pub(super) fn store(stored: &Stored<'_>, faults: &Faults) -> Answer<StoreReport> {
    let connection = stored.connection;
    let mut report = StoreReport {
        engine: engine(connection)?,
        checkpoints: orphans::count(connection, "checkpoints")?,
        forks: orphans::count(connection, "runs WHERE forked_from IS NOT NULL")?,
        ..StoreReport::default()
    };
    report.engine.extend(orphans::strays(connection)?);
    match orphans::harmless(stored) {
        Ok(orphans) => report.orphans = orphans,
        // Whatever cannot be read there is no reason not to look at the runs.
        Err(Trouble::Sql(error)) if is_corruption(&error) => {
            let finding = format!("it cannot be told what belongs to nothing: {error}");
            report.engine.push(finding);
        }
        Err(trouble) => return Err(trouble),
    }
    let (keys, unnamed) = keys(connection)?;
    if unnamed > 0 {
        let finding = format!("{unnamed} runs have no name that can be read");
        report.engine.push(finding);
    }
    for key in keys {
        report.runs += 1;
        match run(stored, &key).map_err(|trouble| of_run(&key, trouble)) {
            Ok(verified) => {
                report.events += verified.events;
                report.contents += verified.contents;
            }
            Err(trouble) => {
                let error: Error = faults.settle("checking a run", trouble);
                report.damaged.push((key, error));
            }
        }
    }
    Ok(report)
}

/// The names of all runs, and how many have none.
fn keys(connection: &Connection) -> rusqlite::Result<(Vec<RunKey>, u64)> {
    let (mut keys, mut unnamed) = (Vec::new(), 0);
    let mut statement = connection.prepare_cached(
        "SELECT namespaces.name, runs.id FROM runs LEFT JOIN namespaces ON namespaces.namespace = runs.namespace
         ORDER BY runs.run",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match (row.get::<_, String>(0), row.get::<_, String>(1)) {
            (Ok(namespace), Ok(run)) => keys.push(RunKey::new(namespace, run)),
            _ => unnamed += 1,
        }
    }
    Ok((keys, unnamed))
}

/// What SQLite finds wrong with its pages and indexes.
fn engine(connection: &Connection) -> Result<Vec<String>, Trouble<Error>> {
    let mut findings: Vec<String> = connection
        .prepare("PRAGMA integrity_check")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    findings.retain(|finding| finding != "ok");
    Ok(findings)
}
