//! A process killed at a commit: what was answered is there, and its runs are free.

#![cfg(debug_assertions)]

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use menagerie_journal::{Journal as _, Options, RunKey, SqliteJournal};

use crate::backend::{Sqlite, claim, create, events, wait};

/// Names the folder of the process that is to be killed.
const FOLDER: &str = "MENAGERIE_TEST_CRASH_FOLDER";

/// Only the other tests of this module run it, in a process of its own.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    wait(async {
        let journal = SqliteJournal::open(Path::new(&folder), &Options::new("victim")).unwrap();
        let claim = create(&journal, &RunKey::in_default("victim")).await;
        for seq in 1..10 {
            let committed = journal.commit(&claim, seq, events(&["1"])).await.unwrap();
            std::fs::write(
                Path::new(&folder).join("answered"),
                committed.next_seq.to_string(),
            )
            .unwrap();
        }
    });
}

fn events_after_a_crash_at(point: &str) -> (u64, u64) {
    let store = Sqlite::new();
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crashes::victim"])
        .env(FOLDER, store.folder.path())
        .env("MENAGERIE_CRASH_AT", point)
        .output()
        .unwrap();
    assert_eq!(outcome.status.signal(), Some(9), "{outcome:?}");
    wait(async {
        let journal = store.open_sqlite("survivor");
        let key = RunKey::in_default("victim");
        let found = journal.verify(&key).await.unwrap().events;
        let answered = std::fs::read_to_string(store.folder.path().join("answered")).unwrap();
        assert_eq!(journal.owner(&key).await.unwrap(), None);
        let claim = claim(&journal, &key).await;
        journal.commit(&claim, found, events(&["1"])).await.unwrap();
        (answered.parse().unwrap(), found)
    })
}

#[test]
fn killed_before_a_commit_it_is_as_if_nobody_had_asked() {
    assert_eq!(events_after_a_crash_at("before-commit:5"), (4, 4));
}

#[test]
fn killed_after_a_commit_it_is_there_though_nobody_was_told() {
    assert_eq!(events_after_a_crash_at("commit:5"), (4, 5));
}
