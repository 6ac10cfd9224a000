//! Owns the search for what belongs to nothing.
//!
//! Most of it is harmless, and comes of a crash between two steps that are safe one by one: a file
//! that was written and never referred to, rows of a run that was being removed. A row of a run that
//! was never removed is not harmless: somebody has been at the tables.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::contents::ContentFile;
use super::read::{self, Answer};
use super::stored::Stored;
use crate::digest::Digest;

/// Every table whose rows belong to a run, beside `runs`.
pub(super) const TABLES_OF_RUNS: [&str; 9] = [
    "events",
    "payloads",
    "calls",
    "timers",
    "messages",
    "inbox",
    "snapshots",
    "checkpoints",
    "owners",
];

/// Removes at most so many rows of a run; answers how many count against that.
pub(super) fn remove_some(
    connection: &Connection,
    table: &str,
    namespace: i64,
    run: i64,
    most: usize,
) -> rusqlite::Result<usize> {
    let of_run = "namespace = ?1 AND run = ?2";
    let sql = match table {
        // Without row numbers, and few.
        "timers" | "owners" => format!("DELETE FROM {table} WHERE {of_run} AND ?3 > 0"),
        _ => format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {of_run} LIMIT ?3)"
        ),
    };
    let removed = connection
        .prepare_cached(&sql)?
        .execute(params![namespace, run, most as i64])?;
    Ok(removed.min(most))
}

/// Sets of pins that no run stays on.
pub(super) const UNUSED_PIN_SETS: &str =
    "pin_sets WHERE pin_set NOT IN (SELECT pin_set FROM runs WHERE pin_set IS NOT NULL)";

/// Blobs that no pin names.
pub(super) const UNUSED_BLOBS: &str = "blobs WHERE NOT EXISTS
    (SELECT 1 FROM pins WHERE pins.namespace = blobs.namespace AND pins.digest = blobs.digest)";

/// Blobs that no pin would name, were the runs in a table gone.
pub(super) fn blobs_without(gone: &str) -> String {
    format!(
        "blobs WHERE NOT EXISTS (SELECT 1 FROM pins JOIN runs ON runs.pin_set = pins.pin_set
             WHERE pins.namespace = blobs.namespace AND pins.digest = blobs.digest
             AND runs.run NOT IN (SELECT run FROM {gone}))"
    )
}

/// How many rows there are; `of` is a table and what else stands behind it.
pub(super) fn count(connection: &Connection, of: &str) -> rusqlite::Result<u64> {
    connection.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| {
        read::natural(row, 0)
    })
}

/// What `vacuum` would collect, in words.
pub(super) fn harmless(stored: &Stored<'_>) -> Answer<Vec<String>> {
    let connection = stored.connection;
    let mut found = Vec::new();
    let mut note = |count: u64, what: &str| {
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    };
    for table in TABLES_OF_RUNS {
        let rows = count(
            connection,
            &format!("{table} WHERE run IN (SELECT run FROM removed_runs)"),
        )?;
        note(
            rows,
            &format!(
                "rows in {table} of runs that were removed, or of forks that are not finished"
            ),
        );
    }
    note(
        count(connection, UNUSED_PIN_SETS)?,
        "sets of pins that no run stays on",
    );
    note(
        count(connection, UNUSED_BLOBS)?,
        "blobs that no run is pinned to",
    );
    let referred = Referred::read(connection)?;
    let files = stored.contents.files()?;
    let (whole, unfinished): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.digest.is_some());
    let loose = || whole.iter().filter(|file| !referred.has(file));
    let bytes: u64 = loose().map(|file| file.size).sum();
    note(
        loose().count() as u64,
        &format!("content files that nothing refers to ({bytes} bytes)"),
    );
    note(
        unfinished.len() as u64,
        "content files that were not finished",
    );
    Ok(found)
}

/// Rows of runs that are not there and were not removed.
pub(super) fn strays(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for table in TABLES_OF_RUNS {
        let rows = count(
            connection,
            &format!(
                "{table} WHERE run NOT IN (SELECT run FROM runs) AND run NOT IN (SELECT run FROM removed_runs)"
            ),
        )?;
        if rows > 0 {
            found.push(format!("{rows} rows in {table} belong to no run"));
        }
    }
    Ok(found)
}

/// All files that some row stands for.
pub(super) struct Referred(HashSet<(String, Digest)>);

impl Referred {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Self::found(connection, "", "")
    }

    /// All that there would be, were the runs in a table gone, and the blobs that they alone stay on.
    pub(super) fn without(connection: &Connection, gone: &str) -> rusqlite::Result<Self> {
        let runs = format!("AND run NOT IN (SELECT run FROM {gone})");
        let blobs = format!(
            "AND blobs.rowid NOT IN (SELECT blobs.rowid FROM {})",
            blobs_without(gone)
        );
        Self::found(connection, &runs, &blobs)
    }

    fn found(connection: &Connection, of_runs: &str, of_blobs: &str) -> rusqlite::Result<Self> {
        let found = connection
            .prepare(&format!(
                "SELECT name, digest FROM namespaces JOIN payloads USING (namespace)
                     WHERE bytes IS NULL {of_runs}
                 UNION SELECT name, digest FROM namespaces JOIN blobs USING (namespace)
                     WHERE bytes IS NULL {of_blobs}
                 UNION SELECT name, answer_digest FROM namespaces JOIN calls USING (namespace)
                     WHERE answer IS NULL AND answer_digest IS NOT NULL {of_runs}"
            ))?
            .query_map(params![], |row| {
                let namespace: String = row.get(0)?;
                Ok((
                    super::contents::folder_name(&namespace),
                    read::digest(row, 1)?,
                ))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self(found))
    }

    /// How many files there must be.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.0.iter().map(|(_, digest)| *digest)
    }

    /// Whether some row stands for the file.
    pub(super) fn has(&self, file: &ContentFile) -> bool {
        let known = |digest| self.0.contains(&(file.folder.clone(), digest));
        file.digest.is_some_and(known)
    }
}
