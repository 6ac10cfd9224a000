//! Owns the check of whole runs and of the whole store.

use rusqlite::{Connection, params};

use super::fault::{Faults, Trouble};
use super::orphans;
use super::read::{self, Answer};
use super::stored::Stored;
use crate::chain::ChainCheck;
use crate::checkpoints::Untold;
use crate::digest::Digest;
use crate::error::Error;
use crate::port::{Committed, StoreReport, Verified};
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
    Ok(Verified {
        events: head.next_seq,
        contents,
        head_hash: head.head_hash,
    })
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
        orphans: orphans::harmless(stored)?,
        ..StoreReport::default()
    };
    report.engine.extend(orphans::strays(connection)?);
    for key in keys(connection)? {
        report.runs += 1;
        match run(stored, &key) {
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

fn keys(connection: &Connection) -> rusqlite::Result<Vec<RunKey>> {
    connection
        .prepare_cached(
            "SELECT namespaces.name, runs.id FROM runs JOIN namespaces ON namespaces.namespace = runs.namespace
             ORDER BY runs.run",
        )?
        .query_map([], |row| Ok(RunKey::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect()
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
