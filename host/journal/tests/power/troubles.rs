//! A disk that is full, read-only, or fails: the commit is refused with a clear error, what was there
//! can be read, and when the disk is well again the same journal goes on.

use std::sync::Arc;

use menagerie_journal::{
    Batch, CommitError, Error, Journal as _, LARGEST_IN_TABLE, Options, RunKey, SqliteJournal,
};
use menagerie_power::{Cut, Disk, Platter, Trouble};

use crate::backend::{content, create, events, wait};
use crate::life::{Below, PLACE};

/// Meets some trouble with a commit, with large content, with a new run and with an inbox.
fn rides_out(trouble: Trouble, is_named: fn(&Error) -> bool) {
    wait(async {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::watch(folder.path()).unwrap();
        let options = Options {
            files: Below::careful(&disk),
            ..Options::new("the one in trouble")
        };
        let store = disk.folder().join(PLACE);
        let journal = SqliteJournal::open(&store, &options).unwrap();
        let (one, two) = (RunKey::in_default("one"), RunKey::in_default("two"));
        let claims = [create(&journal, &one).await, create(&journal, &two).await];
        let before = journal.load(&one, 1).await.unwrap();

        disk.trouble(Some(trouble));
        let batch = |length: usize| Batch {
            payloads: vec![content(length)],
            ..events(&["1"])
        };
        let mut refusals = Vec::new();
        for length in [100, 200_000, LARGEST_IN_TABLE + 1] {
            refusals.push(
                journal
                    .commit(&claims[0], 1, batch(length))
                    .await
                    .unwrap_err(),
            );
        }
        let inbox = journal.put_inbox(&one, "cancel", "{}", 1).await;
        refusals.push(inbox.unwrap_err());
        for refusal in refusals {
            let CommitError::Store(error) = &refusal else {
                panic!("{trouble:?}: {refusal}");
            };
            assert!(is_named(error), "{trouble:?}: {error:?}");
            let said = error.to_string();
            assert!(
                said.contains(store.to_str().unwrap()),
                "{trouble:?}: {said}"
            );
        }
        assert_eq!(journal.load(&one, 1).await.unwrap(), before);

        disk.trouble(None);
        for claim in &claims {
            let committed = journal.commit(claim, 1, batch(LARGEST_IN_TABLE + 1)).await;
            assert_eq!(committed.unwrap().next_seq, 2);
        }
        let report = journal.verify_all().await.unwrap();
        assert!(
            report.damaged.is_empty() && report.engine.is_empty(),
            "{report:?}"
        );
        assert_eq!((report.runs, report.events), (2, 4));
        drop(journal);
        survives_a_cut(&disk).await;
    });
}

/// What was answered after the trouble is as durable as anything.
async fn survives_a_cut(disk: &Arc<Disk>) {
    let mut platter = Platter::new(disk.folder());
    disk.record().iter().for_each(|step| platter.pass(step));
    let after = tempfile::tempdir().unwrap();
    platter.cut(&mut Cut::Lost).write_to(after.path()).unwrap();
    let store = after.path().join(PLACE);
    let journal = SqliteJournal::open(&store, &Options::new("after the cut")).unwrap();
    let report = journal.verify_all().await.unwrap();
    assert!(report.damaged.is_empty(), "{report:?}");
    assert_eq!((report.runs, report.events), (2, 4));
}

#[test]
fn a_full_disk_is_named_and_ridden_out() {
    rides_out(Trouble::Full, |error| matches!(error, Error::Full { .. }));
}

#[test]
fn a_disk_that_has_become_read_only_is_named_and_ridden_out() {
    rides_out(Trouble::ReadOnly, |error| {
        matches!(error, Error::ReadOnly { .. })
    });
}

#[test]
fn a_disk_that_does_not_write_is_named_and_ridden_out() {
    rides_out(Trouble::Writes, |error| {
        matches!(error, Error::Failing { .. } | Error::Io { .. })
    });
}

#[test]
fn a_disk_that_does_not_sync_is_named_and_ridden_out() {
    rides_out(Trouble::Syncs, |error| {
        matches!(error, Error::Failing { .. } | Error::Io { .. })
    });
}
