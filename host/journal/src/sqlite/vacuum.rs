//! Owns the removal of what nobody needs: ended runs past their time, and all that nothing refers to.
//!
//! # Beside running hosts
//!
//! Rows are looked for and removed within transactions that hold SQLite's write lock, so whatever
//! somebody else commits, he commits before such a transaction or after it. There are three things
//! that he may rely on and that may be gone then:
//!
//! - **A run.** Only one that has ended is removed, and only if nobody living owns it; both are asked
//!   within the removing transaction. Whoever commits to it later finds no run. Its number is never
//!   given again (`removed_runs`), so that no number remembered elsewhere means another run.
//! - **Pins and blobs.** A run that is created, or is to stay on more, looks for its set of pins, and inserts what is missing,
//!   in one transaction. After ours there is no set, so it inserts all of it.
//! - **A file.** It is written before the transaction that refers to it, and that is where another
//!   process can be now. So a file is taken away within a transaction that has looked for rows once
//!   more; and whoever inserts a row that stands for a file makes sure, within his own, that the
//!   file is there ([`Contents::require`]). One of the two transactions is first. If it is his, we
//!   see the row; if it is ours, he misses the file, and writes it again before he tries again. A
//!   file that was not finished belongs to nobody after an hour; should its writer still live, its
//!   renaming fails, and nothing is lost.
//!
//! A fork that is being copied ([`super::fork`]) is listed as a removed run that has an owner, and is left
//! alone as long as he lives.
//!
//! # Killed at any point
//!
//! A run goes in one transaction from `runs` to `removed_runs`, and its other rows follow in small
//! ones, so that nobody waits long for the write lock. What a kill leaves is listed there or nothing
//! refers to it, and the next vacuum collects it.
//!
//! # Back to the file system
//!
//! `VACUUM` would write the whole store anew under one write lock, and hosts beside it would give up
//! waiting. Stores are therefore made with incremental vacuuming: some pages at a time are moved to
//! the front and cut off, which costs a map page now and then when the file grows. A store without
//! it gets it by one `VACUUM`, if no other process has it open.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::SqliteJournal;
use super::contents::{ContentFile, Contents, folder_name};

use super::housekeeping;
use super::opening::{Options, connect};
use super::orphans::{self, Referred, TABLES_OF_RUNS, UNUSED_BLOBS, UNUSED_PIN_SETS, remove_some};
use super::owners::OwnerLock;
use super::read::Answer;
use crate::crash::crash_point;
use crate::error::Error;
use crate::record::RunKey;

/// Runs, or rows of runs, removed in one transaction.
const ROWS_AT_ONCE: usize = 1_000;
/// Files removed in one transaction.
const FILES_AT_ONCE: usize = 64;
/// Pages given back in one transaction.
const PAGES_AT_ONCE: u32 = 256;
/// The list of runs that a dry run takes for removed.
const LEAVING: &str = "temp.leaving";
/// A file that was not finished within that time will not be.
const UNFINISHED_FOR: Duration = Duration::from_secs(3_600);

/// Which ended runs are kept. Unfinished ones always are, and so are ended children of unfinished
/// runs and runs that somebody still owns. Without any bound all are kept.
#[derive(Debug, Clone, Default)]
pub struct Retention {
    /// Those whose last event is not older than this instant, in milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// The newest so many, by their last event.
    pub last: Option<u64>,
}

/// What a vacuum removed, or would remove.
#[derive(Debug, Clone, Default)]
pub struct VacuumReport {
    /// The runs.
    pub runs: Vec<RunKey>,
    /// Contents of pins that no run stays on any more.
    pub blobs: u64,
    /// Content files that nothing referred to, and ones that were not finished.
    pub files: u64,
    /// Their size, in bytes.
    pub file_bytes: u64,
    /// The database's size before, in bytes.
    pub database_before: u64,
    /// And after.
    pub database_after: u64,
    /// Free pages that stay within the database, in bytes: it was made without incremental vacuuming
    /// and is open elsewhere.
    pub free_bytes: u64,
}

impl SqliteJournal {
    /// Removes ended runs past their time, and everything that nothing refers to. Blocks on the disk;
    /// other processes go on meanwhile. With `dry_run` it only says what it would remove, with all that
    /// becomes free with the runs; by how much the database shrinks is not foretold.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a backup goes on for too long.
    pub fn vacuum(&self, retention: &Retention, dry_run: bool) -> Result<VacuumReport, Error> {
        let folder = &self.faults.folder;
        let _alone = housekeeping::lock(folder, &self.faults)?;
        let options = Options {
            busy_timeout: self.faults.busy_timeout,
            ..Options::new("vacuum")
        };
        let path = folder.join("journal.db");
        let mut vacuum = self.vacuum_over(connect(&path, &options, &self.faults)?);
        let done = vacuum.run(retention, dry_run);
        done.map_err(|trouble| self.faults.settle::<Error>("vacuuming", trouble))?;
        Ok(vacuum.report)
    }

    fn vacuum_over(&self, connection: Connection) -> Vacuum<'_> {
        Vacuum {
            connection,
            contents: &self.contents,
            owner: &self.owner,
            report: VacuumReport::default(),
        }
    }
}

struct Vacuum<'store> {
    connection: Connection,
    contents: &'store Contents,
    owner: &'store OwnerLock,
    report: VacuumReport,
}

impl Vacuum<'_> {
    fn run(&mut self, retention: &Retention, dry_run: bool) -> Answer<()> {
        self.report.database_before = self.size()?;
        let candidates = self.past_their_time(retention)?;
        if dry_run {
            return self.foretell(&candidates);
        }
        self.remove_runs(&candidates)?;
        while self.remove_rows()? {}
        self.remove_pins()?;
        let loose = self.loose_files()?;
        self.remove_files(&loose)?;
        self.give_back()?;
        self.report.database_after = self.size()?;
        Ok(())
    }

    /// What would go. Nothing is written but a list of this connection's own, and no lock is held.
    fn foretell(&mut self, candidates: &[(i64, RunKey)]) -> Answer<()> {
        self.connection.execute_batch(&format!(
            "CREATE TEMP TABLE {LEAVING} (run INTEGER PRIMARY KEY) STRICT"
        ))?;
        // Listed first, as by a vacuum: a file that is written and referred to after this is not among them.
        let files = self.contents.files()?;
        let snapshot = self.connection.transaction()?;
        let insert = format!("INSERT OR IGNORE INTO {LEAVING} (run) VALUES (?1)");
        for (_, run) in leaving(&snapshot, self.owner, usize::MAX)? {
            snapshot.prepare_cached(&insert)?.execute([run])?;
        }
        for (run, key) in candidates {
            if !is_free(&snapshot, self.owner, *run)? {
                continue;
            }
            snapshot.prepare_cached(&insert)?.execute([run])?;
            self.report.runs.push(key.clone());
        }
        self.report.blobs = orphans::count(&snapshot, &orphans::blobs_without(LEAVING))?;
        let referred = Referred::without(&snapshot, LEAVING)?;
        snapshot.rollback()?;
        for file in loose(files, &referred) {
            self.report.files += 1;
            self.report.file_bytes += file.size;
        }
        self.report.database_after = self.report.database_before;
        Ok(())
    }

    /// Ended runs that need not be kept, oldest first.
    fn past_their_time(&self, retention: &Retention) -> Answer<Vec<(i64, RunKey)>> {
        if retention.since_ms.is_none() && retention.last.is_none() {
            return Ok(Vec::new());
        }
        let bound = |value: Option<u64>| value.map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let found = self
            .connection
            .prepare(
                "WITH ended AS (
                     SELECT runs.run, name, id, ifnull((SELECT at_ms FROM events
                         WHERE events.namespace = runs.namespace AND events.run = runs.run
                         ORDER BY seq DESC LIMIT 1), created_at_ms) AS at_ms
                     FROM runs JOIN namespaces USING (namespace)
                     WHERE ended AND NOT EXISTS (SELECT 1 FROM runs AS parent
                         WHERE parent.namespace = runs.namespace AND parent.id = runs.parent AND NOT parent.ended)
                     ORDER BY at_ms DESC, runs.run DESC LIMIT -1 OFFSET ifnull(?1, 0))
                 SELECT run, name, id FROM ended WHERE ?2 IS NULL OR at_ms < ?2 ORDER BY at_ms, run",
            )?
            .query_map(params![bound(retention.last), bound(retention.since_ms)], |row| {
                let key = RunKey::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?);
                Ok((row.get(0)?, key))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }

    fn remove_runs(&mut self, candidates: &[(i64, RunKey)]) -> Answer<()> {
        for group in candidates.chunks(ROWS_AT_ONCE) {
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (run, key) in group {
                // It may have been taken up, or removed, since it was found.
                if !is_free(&transaction, self.owner, *run)? {
                    continue;
                }
                for statement in [
                    "INSERT INTO removed_runs (run, namespace) SELECT run, namespace FROM runs WHERE run = ?1",
                    "DELETE FROM runs WHERE run = ?1",
                ] {
                    transaction.prepare_cached(statement)?.execute([run])?;
                }
                self.report.runs.push(key.clone());
            }
            crash_point("vacuum-before-commit");
            transaction.commit()?;
            crash_point("vacuum-after-commit");
        }
        Ok(())
    }

    /// Removes some rows of removed runs. `false` when there was none left.
    fn remove_rows(&mut self) -> Answer<bool> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = leaving(&transaction, self.owner, ROWS_AT_ONCE)?;
        let mut left = ROWS_AT_ONCE;
        let mut changed = false;
        for (namespace, run) in removed {
            for table in TABLES_OF_RUNS {
                left -= remove_some(&transaction, table, namespace, run, left)?;
            }
            if left == 0 {
                changed = true;
                break;
            }
            // The highest number stays, so that it is not given again.
            changed |= transaction
                .prepare_cached(
                    "DELETE FROM removed_runs WHERE run = ?1 AND run < (SELECT max(run) FROM removed_runs)",
                )?
                .execute([run])?
                > 0;
        }
        transaction.commit()?;
        crash_point("vacuum-after-commit");
        Ok(changed)
    }

    fn remove_pins(&mut self) -> Answer<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            &format!("DELETE FROM pins WHERE pin_set IN (SELECT pin_set FROM {UNUSED_PIN_SETS})"),
            [],
        )?;
        transaction.execute(&format!("DELETE FROM {UNUSED_PIN_SETS}"), [])?;
        let blobs = transaction.execute(&format!("DELETE FROM {UNUSED_BLOBS}"), [])?;
        self.report.blobs = blobs as u64;
        transaction.commit()?;
        crash_point("vacuum-after-commit");
        Ok(())
    }

    /// Files that no row stands for at the moment, and old ones that were not finished.
    fn loose_files(&self) -> Answer<Vec<ContentFile>> {
        // Listed first: a file that is written and referred to after this is not among them.
        let files = self.contents.files()?;
        Ok(loose(files, &Referred::read(&self.connection)?))
    }

    /// Removes those of these files that no row stands for now, either.
    fn remove_files(&mut self, files: &[ContentFile]) -> Answer<()> {
        for group in files.chunks(FILES_AT_ONCE) {
            // Nobody commits a reference while this lasts.
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for file in group {
                if is_referred_to(&transaction, file)? {
                    continue;
                }
                self.contents.remove(file)?;
                crash_point("vacuum-file");
                self.report.files += 1;
                self.report.file_bytes += file.size;
            }
            transaction.rollback()?;
        }
        Ok(())
    }

    fn give_back(&mut self) -> Answer<()> {
        if self.pragma::<u32>("auto_vacuum")? == 0 && self.owner.is_alone() {
            self.connection
                .pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            self.connection.execute_batch("VACUUM")?;
        }
        let mut free: u32 = self.pragma("freelist_count")?;
        while free > 0 {
            let some = format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})");
            let mut some = self.connection.prepare(&some)?;
            let mut rows = some.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            drop(some);
            crash_point("vacuum-after-commit");
            let left: u32 = self.pragma("freelist_count")?;
            if left >= free {
                break;
            }
            free = left;
        }
        self.report.free_bytes = u64::from(free) * u64::from(self.pragma::<u32>("page_size")?);
        // The file is cut where the log is written back. A reader in the way delays that, no more:
        // the pragma says so in its row, and is not an error then.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// In bytes, with what is still in the log.
    fn size(&self) -> rusqlite::Result<u64> {
        let (pages, page): (u32, u32) = (self.pragma("page_count")?, self.pragma("page_size")?);
        Ok(u64::from(pages) * u64::from(page))
    }

    fn pragma<T: rusqlite::types::FromSql>(&self, name: &str) -> rusqlite::Result<T> {
        self.connection
            .pragma_query_value(None, name, |row| row.get(0))
    }
}

/// Runs that are on their way out, with their namespaces, oldest first. A fork that somebody living is
/// copying is listed with them, and is none.
fn leaving(
    connection: &Connection,
    owners: &OwnerLock,
    most: usize,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let listed: Vec<(i64, i64, Option<String>)> = connection
        .prepare_cached(
            "SELECT removed_runs.namespace, removed_runs.run, owner FROM removed_runs
             LEFT JOIN owners ON owners.namespace = removed_runs.namespace AND owners.run = removed_runs.run
             ORDER BY removed_runs.run LIMIT ?1",
        )?
        .query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let copied = |owner: &Option<String>| owner.as_ref().is_some_and(|id| owners.is_alive(id));
    let leaving = listed.into_iter().filter(|(_, _, owner)| !copied(owner));
    Ok(leaving
        .map(|(namespace, run, _)| (namespace, run))
        .collect())
}

/// Whether a run is there, has ended, and is owned by nobody who lives.
fn is_free(connection: &Connection, owners: &OwnerLock, run: i64) -> rusqlite::Result<bool> {
    let owner: Option<Option<String>> = connection
        .prepare_cached(
            "SELECT owner FROM runs LEFT JOIN owners USING (namespace, run) WHERE runs.run = ?1 AND ended",
        )?
        .query_row([run], |row| row.get(0))
        .optional()?;
    let owned = |id: Option<String>| id.is_some_and(|id| owners.is_alive(&id));
    Ok(!owner.is_none_or(owned))
}

/// Those that nothing refers to, and old ones that were not finished.
fn loose(mut files: Vec<ContentFile>, referred: &Referred) -> Vec<ContentFile> {
    let now = SystemTime::now();
    let abandoned = |file: &ContentFile| {
        let since = file.modified.and_then(|at| now.duration_since(at).ok());
        since.is_some_and(|since| since > UNFINISHED_FOR)
    };
    files.retain(|file| match file.digest {
        Some(_) => !referred.has(file),
        None => abandoned(file),
    });
    files
}

/// Whether a row stands for the file now.
fn is_referred_to(connection: &Connection, file: &ContentFile) -> rusqlite::Result<bool> {
    let Some(digest) = file.digest else {
        return Ok(false);
    };
    let namespaces: Vec<(i64, String)> = connection
        .prepare_cached("SELECT namespace, name FROM namespaces")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (namespace, name) in namespaces {
        let of_folder = folder_name(&name) == file.folder;
        let referred = of_folder
            && connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM payloads WHERE namespace = ?1 AND digest = ?2 AND bytes IS NULL)
                         OR EXISTS (SELECT 1 FROM blobs WHERE namespace = ?1 AND digest = ?2)
                         OR EXISTS (SELECT 1 FROM calls WHERE namespace = ?1 AND answer_digest = ?2
                             AND answer IS NULL AND answer_digest IS NOT NULL)",
                )?
                .query_row(params![namespace, digest.as_bytes()], |row| row.get(0))?;
        if referred {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::digest::{Content, LARGEST_IN_TABLE};
    use crate::port::{Created, Journal as _};
    use crate::record::{Batch, CallKey, CallRecord, NewRun, Status};

    fn large(byte: u8) -> Content {
        Content::new(vec![byte; LARGEST_IN_TABLE + 1])
    }

    /// Somebody refers to a file between its being listed and its being removed: it was loose when it
    /// was listed, and must be there afterwards.
    #[test]
    fn a_file_that_is_referred_to_after_it_was_listed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new("the test");
        let journal = SqliteJournal::open(folder.path(), &options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let namespace = std::sync::Arc::<str>::from("default");
        let (payload, answer, nobodys) = (large(1), large(2), large(3));
        let all = vec![payload.clone(), answer.clone(), nobodys];
        let run = NewRun {
            key: RunKey::in_default("one"),
            input_digest: crate::digest::Digest::of(b"input"),
            flow: "test".to_owned(),
            parent: None,
            path: String::new(),
            session: None,
            labels: std::collections::BTreeMap::new(),
            status: Status::unfinished("running"),
            created_at_ms: 0,
            pins: Vec::new(),
        };
        let created = runtime.block_on(journal.create(run, Batch::default()));
        let Created::New(claim, _) = created.unwrap() else {
            panic!("the store is new");
        };
        runtime
            .block_on(journal.put_large(&namespace, all))
            .unwrap();

        let path = folder.path().join("journal.db");
        let connection = connect(&path, &options, &journal.faults).unwrap();
        let mut vacuum = journal.vacuum_over(connection);
        let Ok(listed) = vacuum.loose_files() else {
            panic!("the files cannot be listed");
        };
        assert_eq!(listed.len(), 3);
        let batch = Batch {
            payloads: vec![payload.clone()],
            ..Batch::default()
        };
        runtime.block_on(journal.commit(&claim, 0, batch)).unwrap();
        let call = CallKey {
            step: "step".to_owned(),
            attempt: 1,
            ordinal: 0,
        };
        let request = crate::digest::Digest::of(b"request");
        let intent = CallRecord::Intend {
            call: call.clone(),
            execution: 1,
            request,
            effect: "idempotent".into(),
            at_ms: 0,
        };
        let answered = CallRecord::Record {
            call: call.clone(),
            request,
            answer: answer.clone(),
            at_ms: 0,
        };
        let records = vec![intent, answered];
        runtime
            .block_on(journal.record_calls(&claim, records))
            .unwrap();

        assert!(vacuum.remove_files(&listed).is_ok());
        assert_eq!(vacuum.report.files, 1, "nobody's goes");
        let kept = runtime.block_on(journal.payload(claim.key(), payload.digest()));
        assert_eq!(*kept.unwrap(), **payload.bytes());
        let kept = runtime.block_on(journal.call(claim.key(), call)).unwrap();
        assert_eq!(kept.unwrap().answer.unwrap().content, answer);
    }
}
