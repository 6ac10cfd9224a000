//! Group commit, as the disk sees it.

use futures_util::future::{join_all, poll_immediate};
use menagerie_journal::{Journal as _, Options, RunKey, SqliteJournal};
use menagerie_power::{Disk, Step};

use crate::backend::{create, event, events, wait};
use crate::life::Below;

const RUNS: u64 = 32;
/// The mark behind an answer is this and the run's number.
const ANSWERED: u64 = 1_000;

const TOGETHER: &str = r#"{"type":"together"}"#;

/// How many syncs stand in a part of the record.
fn syncs(record: &[Step]) -> usize {
    let synced = record.iter().filter(|step| matches!(step, Step::Sync(_)));
    synced.count()
}

#[test]
fn appends_that_wait_together_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::watch(folder.path()).unwrap();
    let store = disk.folder().join("store");
    let options = Options {
        files: Below::careful(&disk),
        ..Options::new("many runs")
    };
    let journal = SqliteJournal::open(&store, &options).unwrap();
    wait(async {
        let mut claims = Vec::new();
        for number in 0..RUNS {
            let key = RunKey::in_default(format!("run-{number}"));
            claims.push(create(&journal, &key).await);
        }
        // One after the other: each has a sync of its own.
        let alone = disk.record().len();
        for claim in &claims[..4] {
            journal
                .commit(claim, 1, events(&[r#"{"type":"alone"}"#]))
                .await
                .unwrap();
        }
        assert_eq!(syncs(&disk.record()[alone..]), 4);

        // Together: all reach the writer while it cannot begin. The first of them may have a
        // transaction to itself, since it was there before the others.
        let raw = rusqlite::Connection::open(store.join("journal.db")).unwrap();
        raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        let together = disk.record().len();
        let commits = claims.iter().enumerate().map(|(number, claim)| {
            let next = if number < 4 { 2 } else { 1 };
            let committed = journal.commit(claim, next, events(&[TOGETHER]));
            let disk = &disk;
            async move {
                committed.await.unwrap();
                disk.mark(ANSWERED + number as u64);
            }
        });
        let mut commits = join_all(commits);
        assert!(poll_immediate(&mut commits).await.is_none());
        raw.execute_batch("ROLLBACK").unwrap();
        commits.await;
        let record = disk.record();
        let record = &record[together..];
        let synced = syncs(record);
        assert!(
            (1..=2).contains(&synced),
            "{RUNS} appends had {synced} syncs"
        );
        let first_answer = record.iter().position(|step| matches!(step, Step::Mark(_)));
        let before = &record[..first_answer.unwrap()];
        assert!(syncs(before) >= 1, "an answer came before the sync");
        let marks = record.iter().filter(|step| matches!(step, Step::Mark(_)));
        assert_eq!(marks.count() as u64, RUNS);
        for claim in &claims {
            let told = journal.events(claim.key(), 0, 10).await.unwrap();
            assert_eq!(*told.last().unwrap().json, *event(TOGETHER, 7).json);
        }
    });
}
