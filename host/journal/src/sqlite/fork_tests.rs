//! A copy piece by piece, and what others may do and see between two of them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the right answer")]

use std::time::Duration;

use super::*;
use crate::digest::LARGEST_IN_TABLE;
use crate::port::{Claim, RunFilter};
use crate::record::{Batch, NewEvent, RunKey, Status};
use crate::sqlite::orphans::TABLES_OF_RUNS;
use crate::sqlite::{Options, Retention};

struct Store {
    folder: tempfile::TempDir,
    journal: SqliteJournal,
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(future)
}

fn new_run(id: &str) -> NewRun {
    NewRun {
        key: RunKey::in_default(id),
        input_digest: Digest::of(b"input"),
        flow: "test".to_owned(),
        parent: None,
        path: String::new(),
        session: None,
        labels: std::collections::BTreeMap::new(),
        status: Status::unfinished("running"),
        created_at_ms: 0,
        pins: Vec::new(),
    }
}

fn events(count: u64) -> Batch {
    let event = |number: u64| NewEvent {
        event_type: "tested".into(),
        json: number.to_string(),
        at_ms: 7,
    };
    Batch {
        events: (0..count).map(event).collect(),
        ..Batch::default()
    }
}

/// So many bytes, unlike those of another seed.
fn content(seed: u8, length: usize) -> Content {
    Content::new(vec![seed; length])
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path(), &Options::new("the test")).unwrap();
        Self { folder, journal }
    }

    /// Another host, which does not wait for a lock at all.
    fn impatient(&self) -> SqliteJournal {
        let options = Options {
            busy_timeout: Duration::ZERO,
            ..Options::new("a neighbour")
        };
        SqliteJournal::open(self.folder.path(), &options).unwrap()
    }

    async fn original(&self, count: u64, payloads: &[Content]) -> Claim {
        let batch = Batch {
            payloads: payloads.to_vec(),
            ..events(count)
        };
        match self.journal.create(new_run("from"), batch).await.unwrap() {
            Created::New(claim, _) => claim,
            Created::Existing(row) => panic!("{row:?} is there"),
        }
    }

    async fn begin(&self, events: u64, payloads: &[Content]) -> Copying {
        let fork = Fork {
            from: "from".to_owned(),
            events,
            payloads: payloads.iter().map(Content::digest).collect(),
            attempts: Vec::new(),
        };
        let begun = self.journal.begin_fork(new_run("to"), fork).await.unwrap();
        begun.unwrap_or_else(|row| panic!("{row:?} is there"))
    }

    /// The rows of all tables, and the bytes of the payloads among them.
    fn rows(&self) -> (i64, i64) {
        let connection = Connection::open(self.folder.path().join("journal.db")).unwrap();
        let count = |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let tables = TABLES_OF_RUNS.iter().chain(&["runs", "removed_runs"]);
        let sql = "SELECT ifnull(sum(length(bytes)), 0) FROM payloads";
        let bytes = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        (tables.map(|table| count(table)).sum(), bytes)
    }
}

fn prepared(fork: &Fork) -> Prepared {
    let batch = events(1);
    Prepared {
        bodies: chain::body_digests(&batch.events, fork.events),
        batch,
    }
}

async fn finish(store: &Store, copying: &Copying) -> Result<Created, CommitError> {
    let prepared = prepared(&copying.staging.fork);
    store.journal.finish_fork(copying, &prepared, &[]).await
}

/// A run of so many events is forked while a neighbour without any patience commits between all
/// pieces. Answers how many pieces there were, and how many rows the last transaction had.
async fn fork_beside_a_neighbour(count: u64, payloads: &[Content]) -> (u64, i64) {
    let store = Store::new();
    let _claim = store.original(count, payloads).await;
    let neighbour = store.impatient();
    let of_neighbour = new_run("of the neighbour");
    let created = neighbour.create(of_neighbour, events(0)).await.unwrap();
    let Created::New(claim, _) = created else {
        panic!("it is new");
    };
    let mut copying = store.begin(count, payloads).await;
    let mut pieces = 0;
    let mut before = store.rows();
    while store.journal.copy_piece(&mut copying).await.unwrap() {
        let after = store.rows();
        assert!(after.0 - before.0 <= ROWS_AT_ONCE as i64, "piece {pieces}");
        assert!(after.1 - before.1 <= BYTES_AT_ONCE as i64, "piece {pieces}");
        neighbour.commit(&claim, pieces, events(1)).await.unwrap();
        pieces += 1;
        before = store.rows();
        let to = RunKey::in_default("to");
        let seen = neighbour.run(&to).await;
        assert!(matches!(seen, Err(Error::UnknownRun { .. })), "{seen:?}");
    }
    assert!(matches!(
        finish(&store, &copying).await,
        Ok(Created::New(..))
    ));
    let last = store.rows().0 - before.0;
    let report = neighbour.verify_all().await.unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    assert_eq!(report.events, 2 * count + 1 + pieces);
    assert!(report.engine.is_empty() && report.orphans.is_empty());
    (pieces, last)
}

#[test]
fn a_neighbours_commit_waits_for_a_bounded_number_of_rows() {
    wait(async {
        let contents: Vec<Content> = (0..12).map(|seed| content(seed, 300_000)).collect();
        let (few, last_of_few) = fork_beside_a_neighbour(300, &[]).await;
        let (many, last_of_many) = fork_beside_a_neighbour(3_000, &contents).await;
        assert_eq!(few, 2);
        assert_eq!(many, 12 + 4, "of the events, and of three payloads each");
        assert_eq!(last_of_few, last_of_many, "the last one does not grow");
        assert_eq!(
            last_of_few, 1,
            "the event; the run's row was a removed one's"
        );
    });
}

#[test]
fn a_single_content_may_be_larger_than_a_piece_and_files_are_shared() {
    wait(async {
        let contents = [
            content(1, LARGEST_IN_TABLE),
            content(2, LARGEST_IN_TABLE),
            content(3, LARGEST_IN_TABLE + 1),
        ];
        let (pieces, _) = fork_beside_a_neighbour(1, &contents).await;
        assert!((3..=4).contains(&pieces), "{pieces}");
    });
}

#[test]
fn what_somebody_living_copies_is_left_alone_by_a_vacuum_and_is_nobodys_when_he_is_dead() {
    wait(async {
        let mut store = Store::new();
        let file = [content(9, LARGEST_IN_TABLE + 1)];
        let _claim = store.original(600, &file).await;
        let mut copying = store.begin(600, &file).await;
        while store.journal.copy_piece(&mut copying).await.unwrap() {}
        let copied = store.rows();
        let other = store.impatient();
        let report = other.vacuum(&Retention::default(), true).unwrap();
        assert_eq!(report.files, 0);
        other.vacuum(&Retention::default(), false).unwrap();
        assert_eq!(store.rows(), copied);
        assert!(other.verify_all().await.unwrap().engine.is_empty());
        // As if its process had died: the lock goes with the handle.
        drop(copying);
        store.journal = store.impatient();
        other.vacuum(&Retention::default(), false).unwrap();
        let runs = other.runs(RunFilter::default(), crate::port::Page::default());
        assert_eq!(runs.await.unwrap().rows.len(), 1);
        // The original's events, payload and owner, its row, and the number that is not given again.
        assert_eq!(store.rows().0, 600 + 1 + 1 + 1 + 1);
        assert!(other.verify_all().await.unwrap().orphans.is_empty());
    });
}

#[test]
fn of_two_that_fork_under_one_id_the_first_to_finish_has_it_and_the_other_leaves_nothing() {
    wait(async {
        let store = Store::new();
        let _claim = store.original(600, &[]).await;
        let mut slow = store.begin(600, &[]).await;
        assert!(store.journal.copy_piece(&mut slow).await.unwrap());
        let fork = slow.staging.fork.clone();
        let quick = store.journal.fork(new_run("to"), fork, events(1)).await;
        assert!(matches!(quick, Ok(Created::New(..))));
        let before = store.rows();
        while store.journal.copy_piece(&mut slow).await.unwrap() {}
        let late = finish(&store, &slow).await.unwrap();
        assert!(matches!(late, Created::Existing(_)));
        store.journal.unstage(slow.staging.to).await;
        // All but the number: what was copied before the other was done, and the owner, are gone, too.
        assert_eq!(store.rows().0, before.0 - ROWS_AT_ONCE as i64 - 1);
        assert_eq!(store.journal.verify_all().await.unwrap().events, 1_201);
    });
}

#[test]
fn a_run_that_is_removed_while_it_is_copied_is_named_and_nothing_is_left() {
    wait(async {
        let store = Store::new();
        let claim = store.original(600, &[]).await;
        let mut copying = store.begin(600, &[]).await;
        while store.journal.copy_piece(&mut copying).await.unwrap() {}
        let over = Batch {
            status: Some(Status::ended("completed")),
            ..Batch::default()
        };
        store.journal.commit(&claim, 600, over).await.unwrap();
        store.journal.release(claim).await.unwrap();
        let all = Retention {
            last: Some(0),
            ..Retention::default()
        };
        store.journal.vacuum(&all, false).unwrap();
        let late = finish(&store, &copying).await.unwrap_err();
        assert!(
            matches!(&late, CommitError::Store(Error::UnknownRun { run }) if &*run.run == "from"),
            "{late}"
        );
        store.journal.unstage(copying.staging.to).await;
        assert_eq!(store.rows().0, 1, "the number that is not given again");
    });
}

#[test]
fn a_copy_that_nobody_waits_for_any_more_belongs_to_the_next_vacuum() {
    wait(async {
        let store = Store::new();
        let _claim = store.original(600, &[]).await;
        // With two runs of its own, all that a journal is asked for goes to its thread, in order.
        let second = store.journal.create(new_run("second"), events(0)).await;
        assert!(matches!(second, Ok(Created::New(..))));
        let before = store.rows().0;
        let mut copying = store.begin(600, &[]).await;
        assert!(store.journal.copy_piece(&mut copying).await.unwrap());
        drop(Guard {
            journal: &store.journal,
            place: Some(copying.staging.to),
        });
        // Whatever is asked for now is served behind that.
        let other = store.journal.create(new_run("another"), events(0)).await;
        assert!(matches!(other, Ok(Created::New(..))));
        store.journal.vacuum(&Retention::default(), false).unwrap();
        assert_eq!(
            store.rows().0,
            before + 3,
            "another run, its owner, and the number"
        );
        let late = finish(&store, &copying).await.unwrap_err();
        assert!(late.to_string().contains("fork again"), "{late}");
    });
}
