//! A process killed while it copies a run: the fork is there whole, or there is nothing to be seen.

#![cfg(debug_assertions)]

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use menagerie_journal::{
    Batch, CallKey, CallRecord, Content, Created, Digest, Fork, Journal, Options, Retention,
    RunKey, SqliteJournal, Status,
};

use crate::backend::{Sqlite, content, events, new_run, wait};

/// Names the folder of the process that is to be killed.
const FOLDER: &str = "MENAGERIE_TEST_FORK_FOLDER";
/// More than two pieces of a copy.
const MANY: u64 = 600;

/// One in the table, one in a file.
fn payloads() -> Vec<Content> {
    vec![content(3), content(1024 * 1024 + 1)]
}

/// All of the run.
fn everything() -> Fork {
    Fork {
        from: "from".to_owned(),
        events: MANY,
        payloads: payloads().iter().map(Content::digest).collect(),
        attempts: vec![("step-1".to_owned(), 1)],
    }
}

/// A run of many events, with a payload in the table, one in a file, and a call.
async fn original(journal: &dyn Journal) {
    let call = CallRecord::Intend {
        call: CallKey {
            step: "step-1".to_owned(),
            attempt: 1,
            ordinal: 0,
        },
        execution: 1,
        request: Digest::of(b"request"),
        effect: "idempotent".into(),
        at_ms: 3,
    };
    let texts: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batch = Batch {
        payloads: payloads(),
        call_records: vec![call],
        status: Some(Status::unfinished("waiting")),
        ..events(&texts)
    };
    let created = journal
        .create(new_run(&RunKey::in_default("from")), batch)
        .await
        .unwrap();
    let Created::New(claim, _) = created else {
        panic!("it is new");
    };
    journal.release(claim).await.unwrap();
}

/// Only the other tests of this module run it, in a process of its own.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let journal = SqliteJournal::open(Path::new(&folder), &Options::new("victim"));
    let journal = journal.unwrap();
    wait(async {
        let to = new_run(&RunKey::in_default("to"));
        journal
            .fork(to, everything(), events(&["0"]))
            .await
            .unwrap();
    });
}

/// A store in which a process was killed at a point while it forked a run, if it came to that.
fn killed_while_forking(point: &str) -> Option<Sqlite> {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("the test");
        original(&journal).await;
    });
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fork_kills::victim"])
        .env(FOLDER, store.folder.path())
        .env("MENAGERIE_CRASH_AT", point)
        .output()
        .unwrap();
    match ended.status.signal() {
        Some(9) => Some(store),
        _ => {
            assert!(ended.status.success(), "{point}: {ended:?}");
            None
        }
    }
}

#[test]
fn killed_anywhere_a_fork_is_there_whole_or_nobody_sees_anything_of_it() {
    let to = RunKey::in_default("to");
    let (mut kills, mut whole) = (0, 0);
    for name in ["before-commit", "after-commit", "fork-copied"] {
        for number in 1.. {
            let point = format!("{name}:{number}");
            let Some(store) = killed_while_forking(&point) else {
                break;
            };
            kills += 1;
            wait(async {
                let journal = store.open_sqlite("survivor");
                let report = journal.verify_all().await.unwrap();
                assert!(report.damaged.is_empty(), "{point}: {:?}", report.damaged);
                assert!(report.engine.is_empty(), "{point}: {:?}", report.engine);
                let there = journal.run(&to).await.is_ok();
                assert_eq!(report.forks, u64::from(there), "{point}");
                whole += u64::from(there);
                let listed = journal.runnable(u64::MAX / 2, 10).await.unwrap().runs;
                assert_eq!(listed.contains(&to), there, "{point}");
                journal.vacuum(&Retention::default(), false).unwrap();
                let rows: i64 = store
                    .raw()
                    .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
                    .unwrap();
                let of_fork = if there { MANY as i64 + 1 } else { 0 };
                assert_eq!(
                    rows,
                    MANY as i64 + of_fork,
                    "{point}: half of a run is left"
                );
                let again = journal
                    .fork(new_run(&to), everything(), events(&["0"]))
                    .await;
                assert_eq!(
                    matches!(again.unwrap(), Created::Existing(_)),
                    there,
                    "{point}"
                );
                assert_eq!(journal.verify(&to).await.unwrap().events, MANY + 1);
                let report = journal.verify_all().await.unwrap();
                assert!(report.orphans.is_empty(), "{point}: {:?}", report.orphans);
            });
        }
    }
    assert!(kills >= 15, "only {kills} points were found to kill at");
    assert_eq!(whole, 1, "the run is there after the last commit alone");
}
