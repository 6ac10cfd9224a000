//! Damage is found, named, and stays where it is.

use menagerie_journal::{
    Batch, CallKey, CallRecord, Content, Digest, Error, Journal as _, LARGEST_IN_TABLE, Page,
    RunFilter, RunKey, Snapshot, SqliteJournal, Status, Timer,
};

use crate::backend::{Backend, Sqlite, claim, content, create, events, on_both, wait};

on_both!(a_damaged_event_is_named_and_other_runs_go_on);

async fn a_damaged_event_is_named_and_other_runs_go_on(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (damaged, sound) = (RunKey::fresh(), RunKey::fresh());
    for key in [&damaged, &sound] {
        let claim = create(&*journal, key).await;
        journal
            .commit(&claim, 1, events(&["1", "2", "3"]))
            .await
            .unwrap();
    }
    backend.damage(&damaged, 2);
    for error in [
        journal.load(&damaged, 1).await.unwrap_err(),
        journal.events(&damaged, 0, 10).await.unwrap_err(),
        journal.verify(&damaged).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Damaged { run, seq: 2, .. } if *run == damaged),
            "{error}"
        );
    }
    // What comes before it can still be read.
    assert_eq!(journal.events(&damaged, 0, 2).await.unwrap().len(), 2);
    assert_eq!(journal.load(&sound, 1).await.unwrap().events.len(), 4);
    let report = journal.verify_all().await.unwrap();
    assert_eq!((report.runs, report.events, report.engine.len()), (2, 4, 0));
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].0, damaged);
    create(&*journal, &RunKey::fresh()).await;
}

/// Does something to the store behind the journal's back and tells what reading the run yields then.
fn load_after(sql: &str) -> Error {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let end = Batch {
            status: Some(Status::ended("completed")),
            ..events(&["1", "2", "3"])
        };
        journal.commit(&claim, 1, end).await.unwrap();
        assert_eq!(store.raw().execute(sql, []).unwrap(), 1, "{sql}");
        journal.verify(&key).await.unwrap_err();
        journal.load(&key, 1).await.unwrap_err()
    })
}

#[test]
fn every_kind_of_damage_names_its_event() {
    for (sql, expected) in [
        ("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 1", 1),
        ("UPDATE events SET type = 'other' WHERE seq = 2", 2),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 1", 1),
        ("UPDATE events SET hash = zeroblob(31) WHERE seq = 1", 1),
        (
            "UPDATE events SET json = CAST(x'ff' AS TEXT) WHERE seq = 1",
            1,
        ),
        ("DELETE FROM events WHERE seq = 0", 0),
        ("DELETE FROM events WHERE seq = 2", 2),
        // The last one of a run that has ended is missed as well.
        ("DELETE FROM events WHERE seq = 3", 3),
        ("UPDATE runs SET input_digest = zeroblob(32)", 0),
    ] {
        let error = load_after(sql);
        assert!(
            matches!(error, Error::Damaged { seq, .. } if seq == expected),
            "{sql}: {error}"
        );
    }
}

#[test]
fn events_lost_below_a_snapshot_are_missed() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let batch = Batch {
            snapshot: Some(Snapshot {
                state_version: 1,
                body: content(10),
            }),
            ..events(&["1", "2", "3"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
        let lost = store.raw().execute("DELETE FROM events WHERE seq >= 2", []);
        assert_eq!(lost.unwrap(), 2);
        for error in [
            journal.load(&key, 1).await.unwrap_err(),
            journal.verify(&key).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Damaged { seq: 2, .. }), "{error}");
        }
    });
}

#[test]
fn a_damaged_snapshot_is_no_loss() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let batch = Batch {
            snapshot: Some(Snapshot {
                state_version: 1,
                body: content(10),
            }),
            ..events(&["1"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
        assert!(journal.load(&key, 1).await.unwrap().snapshot.is_some());
        store
            .raw()
            .execute("UPDATE snapshots SET body = x'00'", [])
            .unwrap();
        let loaded = journal.load(&key, 1).await.unwrap();
        assert_eq!((loaded.snapshot, loaded.events.len()), (None, 2));
    });
}

#[test]
fn damaged_content_is_named_by_its_digest() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let (small, large) = (content(100), content(LARGEST_IN_TABLE + 1));
        let batch = Batch {
            payloads: vec![small.clone(), large.clone()],
            ..events(&["1"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
        store
            .raw()
            .execute("UPDATE payloads SET bytes = x'00' WHERE size = 100", [])
            .unwrap();
        let error = journal.payload(&key, small.digest()).await.unwrap_err();
        assert!(matches!(error, Error::DamagedContent { digest, .. } if digest == small.digest()));
        let file = large_files(&store).remove(0);
        std::fs::write(&file, "cut").unwrap();
        let error = journal.payload(&key, large.digest()).await.unwrap_err();
        assert!(matches!(error, Error::DamagedContent { digest, .. } if digest == large.digest()));
        std::fs::remove_file(&file).unwrap();
        let error = journal.payload(&key, large.digest()).await.unwrap_err();
        assert!(matches!(error, Error::DamagedContent { digest, .. } if digest == large.digest()));
        // The events themselves are as they were.
        assert_eq!(journal.load(&key, 1).await.unwrap().events.len(), 2);
    });
}

/// A run with a snapshot, a timer and something in its inbox, and another one, of which something was changed
/// behind the journal's back.
fn changed(sql: &str, then: &impl AsyncFn(&SqliteJournal, &RunKey, &RunKey)) {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let keys = ["one", "other"].map(RunKey::in_default);
        for key in &keys {
            let claim = create(&journal, key).await;
            let batch = Batch {
                snapshot: Some(Snapshot {
                    state_version: 1,
                    body: Content::new(key.run.as_bytes()),
                }),
                timers_set: vec![Timer {
                    due_at_ms: 5,
                    id: "t".to_owned(),
                }],
                ..events(&["1", "2"])
            };
            journal.commit(&claim, 1, batch).await.unwrap();
            journal.commit(&claim, 3, events(&["3"])).await.unwrap();
            journal.put_inbox(key, "i", "{}", 6).await.unwrap();
            journal.release(claim).await.unwrap();
        }
        assert!(store.raw().execute(sql, []).unwrap() > 0, "{sql}");
        then(&journal, &keys[0], &keys[1]).await;
    });
}

#[test]
fn what_is_changed_beside_the_events_is_named_with_its_run_and_found_by_a_check() {
    for sql in [
        "UPDATE timers SET due_at_ms = -5 WHERE run = 1",
        "UPDATE inbox SET at_ms = -5 WHERE run = 1",
        "UPDATE runs SET created_at_ms = -5 WHERE run = 1",
        "UPDATE runs SET flow = CAST(x'ff' AS TEXT) WHERE run = 1",
    ] {
        changed(sql, &async |journal, damaged, sound| {
            for error in [
                journal.load(damaged, 1).await.unwrap_err(),
                journal.verify(damaged).await.unwrap_err(),
            ] {
                let named = matches!(&error, Error::DamagedRun { run, .. } if run == damaged);
                assert!(named, "{sql}: {error}");
            }
            assert_eq!(journal.load(sound, 1).await.unwrap().timers.len(), 1);
            let report = journal.verify_all().await.unwrap();
            assert_eq!((report.damaged.len(), report.engine.len()), (1, 0), "{sql}");
        });
    }
}

#[test]
fn labels_that_cannot_be_read_are_found_by_a_check_and_hide_no_run() {
    let sql = "UPDATE runs SET labels = '{' WHERE run = 1";
    changed(sql, &async |journal, damaged, _| {
        let error = journal.verify(damaged).await.unwrap_err();
        assert!(matches!(error, Error::DamagedRun { .. }), "{error}");
        let listed = journal.runs(RunFilter::default(), Page::default()).await;
        assert_eq!(listed.unwrap().rows.len(), 2);
    });
}

#[test]
fn a_number_that_no_event_has_is_no_panic() {
    let sql = "UPDATE events SET seq = -1 - seq WHERE run = 1";
    changed(sql, &async |journal, damaged, sound| {
        for error in [
            journal.run(damaged).await.unwrap_err(),
            journal.load(damaged, 1).await.unwrap_err(),
        ] {
            let named = matches!(
                error,
                Error::DamagedRun { .. } | Error::Damaged { seq: 0, .. }
            );
            assert!(named, "{error}");
        }
        journal.load(sound, 1).await.unwrap();
    });
}

#[test]
fn a_run_whose_claims_were_counted_to_their_end_is_not_claimed() {
    for sql in [
        "UPDATE owners SET epoch = 9223372036854775807 WHERE run = 1",
        "DELETE FROM owners WHERE run = 1",
    ] {
        changed(sql, &async |journal, damaged, sound| {
            let error = journal.claim(damaged).await.unwrap_err();
            assert!(matches!(error, Error::DamagedStore { .. }), "{error}");
            let error = journal.verify(damaged).await.unwrap_err();
            assert!(matches!(error, Error::DamagedRun { .. }), "{error}");
            // Whoever commits goes on doing so.
            let claim = claim(journal, sound).await;
            journal.commit(&claim, 4, events(&["4"])).await.unwrap();
        });
    }
}

#[test]
fn a_recorded_answer_is_not_taken_for_none() {
    for sql in [
        "UPDATE calls SET answered_at_ms = NULL",
        "UPDATE calls SET answered_at_ms = -1",
        "UPDATE calls SET answer_digest = NULL",
        "UPDATE calls SET attempt = 4294967297",
    ] {
        wait(async {
            let store = Sqlite::new();
            let journal = store.open_sqlite("one");
            let key = RunKey::fresh();
            let claim = create(&journal, &key).await;
            let call = CallKey {
                step: "s".to_owned(),
                attempt: 1,
                ordinal: 0,
            };
            let request = Digest::of(b"request");
            let intend = CallRecord::Intend {
                call: call.clone(),
                execution: 1,
                request,
                effect: "at-most-once".into(),
                at_ms: 3,
            };
            let record = CallRecord::Record {
                call,
                request,
                answer: content(5),
                at_ms: 4,
            };
            journal
                .record_calls(&claim, vec![intend, record])
                .await
                .unwrap();
            assert_eq!(store.raw().execute(sql, []).unwrap(), 1, "{sql}");
            if !sql.contains("attempt") {
                let error = journal.calls(&key, "s", 1).await.unwrap_err();
                assert!(matches!(error, Error::DamagedRun { .. }), "{sql}: {error}");
            }
            let error = journal.verify(&key).await.unwrap_err();
            assert!(matches!(error, Error::DamagedRun { .. }), "{sql}: {error}");
        });
    }
}

#[test]
fn an_owner_that_is_no_name_of_a_lock_file_is_nobody() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let held = create(&journal, &key).await;
        journal.release(held).await.unwrap();
        let locked = std::fs::File::open(store.folder.path().join("opening.lock")).unwrap();
        locked.lock().unwrap();
        for owner in ["../opening.lock", "", "."] {
            let sql = "UPDATE owners SET owner = ?1";
            store.raw().execute(sql, [owner]).unwrap();
            let claim = claim(&journal, &key).await;
            journal.release(claim).await.unwrap();
        }
    });
}

#[test]
fn a_snapshot_is_that_of_its_run_after_its_events_and_of_no_others() {
    for sql in [
        "UPDATE snapshots SET next_seq = next_seq - 1",
        "UPDATE snapshots SET next_seq = 4",
        "UPDATE snapshots SET next_seq = -1",
        "UPDATE snapshots SET state_version = 2",
        "DELETE FROM snapshots WHERE run = 1",
        // The other run's.
        "UPDATE snapshots SET (digest, body) = (SELECT digest, body FROM snapshots WHERE run = 2) WHERE run = 1",
    ] {
        changed(sql, &async |journal, one, _| {
            let version = if sql.contains("state_version") { 2 } else { 1 };
            let loaded = journal.load(one, version).await.unwrap();
            assert_eq!((loaded.snapshot, loaded.events.len()), (None, 4), "{sql}");
        });
    }
}

#[test]
fn what_cannot_be_read_keeps_no_check_from_the_runs() {
    for (sql, runs, damaged) in [
        (
            "UPDATE payloads SET digest = zeroblob(3), bytes = NULL",
            2,
            1,
        ),
        (
            "UPDATE runs SET id = CAST(x'ff' AS TEXT) WHERE run = 1",
            1,
            0,
        ),
        ("DELETE FROM namespaces", 0, 0),
    ] {
        wait(async {
            let store = Sqlite::new();
            let journal = store.open_sqlite("one");
            let keys = [RunKey::fresh(), RunKey::fresh()];
            let claim = create(&journal, &keys[0]).await;
            let batch = Batch {
                payloads: vec![content(10)],
                ..events(&["1"])
            };
            journal.commit(&claim, 1, batch).await.unwrap();
            create(&journal, &keys[1]).await;
            assert!(store.raw().execute(sql, []).unwrap() > 0, "{sql}");
            let report = journal.verify_all().await.unwrap();
            assert!(!report.engine.is_empty(), "{sql}");
            assert_eq!(
                (report.runs, report.damaged.len()),
                (runs, damaged),
                "{sql}"
            );
        });
    }
}

/// The files in which large content is.
pub(crate) fn large_files(store: &Sqlite) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(store.folder.path().join("contents")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}
