//! What only the store in a folder promises.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, poll_immediate};
use menagerie_journal::{
    Batch, Bell, Claimed, CommitError, Error, Hears, Journal as _, LARGEST_IN_TABLE, Options,
    RunKey, SqliteJournal,
};

use crate::backend::{Sqlite, claim, content, create, events, wait};
use crate::damage::large_files;

#[test]
fn only_payloads_over_a_mebibyte_live_in_files() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let batch = Batch {
            payloads: vec![content(LARGEST_IN_TABLE), content(LARGEST_IN_TABLE + 1)],
            ..events(&["{}"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
        let files = large_files(&store);
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(
            std::fs::read(&files[0]).unwrap(),
            **content(LARGEST_IN_TABLE + 1).bytes()
        );
        let in_table: i64 = store
            .raw()
            .query_row(
                "SELECT count(*) FROM payloads WHERE bytes IS NOT NULL",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(in_table, 1);
    });
}

#[test]
fn a_batch_is_invisible_until_it_is_committed() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let key = RunKey::fresh();
        let claim = create(&journal, &key).await;
        let before = journal.load(&key, 1).await.unwrap();
        let mut notices = journal.subscribe();
        // Another process is writing, so that the commit has to wait.
        let raw = store.raw();
        raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut commit = journal.commit(&claim, 1, events(&["{}"]));
        assert!(poll_immediate(&mut commit).await.is_none());
        assert_eq!(journal.load(&key, 1).await.unwrap(), before);
        assert!(notices.try_recv().is_err());
        raw.execute_batch("ROLLBACK").unwrap();
        assert_eq!(commit.await.unwrap().next_seq, 2);
        assert_eq!(journal.load(&key, 1).await.unwrap().events.len(), 2);
        assert!(notices.try_recv().is_ok());
    });
}

#[test]
fn one_bad_append_in_a_group_fails_alone() {
    wait(async {
        let store = Sqlite::new();
        let journal = store.open_sqlite("one");
        let keys: Vec<RunKey> = (0..20).map(|_| RunKey::fresh()).collect();
        let mut claims = Vec::new();
        for key in &keys {
            claims.push(create(&journal, key).await);
        }
        let raw = store.raw();
        raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        // All of them reach the writer while it cannot begin, so they share a transaction or two.
        let commits = claims.iter().enumerate().map(|(index, claim)| {
            let mut batch = events(&["1", "2"]);
            if index == 10 {
                // Found out only after its events were inserted.
                batch.acks = vec!["never-sent".to_owned()];
            }
            journal.commit(claim, if index == 15 { 9 } else { 1 }, batch)
        });
        let mut commits = join_all(commits);
        assert!(poll_immediate(&mut commits).await.is_none());
        raw.execute_batch("ROLLBACK").unwrap();
        for (index, outcome) in commits.await.into_iter().enumerate() {
            let events = journal.verify(&keys[index]).await.unwrap().events;
            match (index, outcome) {
                (10, Err(CommitError::UnknownInput { .. }))
                | (15, Err(CommitError::Sequence { .. })) => {
                    assert_eq!(events, 1);
                    assert_eq!(
                        journal
                            .commit(&claims[index], 1, crate::backend::events(&["1"]))
                            .await
                            .unwrap()
                            .next_seq,
                        2
                    );
                }
                (_, outcome) => assert_eq!((outcome.unwrap().next_seq, events), (3, 3), "{index}"),
            }
        }
    });
}

#[test]
fn two_processes_write_to_one_store_at_the_same_time() {
    wait(async {
        let store = Sqlite::new();
        let (one, two) = (store.open_sqlite("one"), store.open_sqlite("two"));
        let write = async |journal: &SqliteJournal| {
            let key = RunKey::fresh();
            let claim = create(journal, &key).await;
            for seq in 1..50 {
                journal.commit(&claim, seq, events(&["{}"])).await.unwrap();
            }
            key
        };
        let (first, second) = tokio::join!(write(&one), write(&two));
        assert_eq!(two.load(&first, 1).await.unwrap().events.len(), 50);
        assert_eq!(one.load(&second, 1).await.unwrap().events.len(), 50);
        assert!(
            matches!(two.claim(&first).await.unwrap(), Claimed::OwnedBy(owner) if owner.name == "one")
        );
        let report = one.verify_all().await.unwrap();
        assert!(
            report.damaged.is_empty() && report.engine.is_empty(),
            "{report:?}"
        );
    });
}

#[test]
fn a_full_disk_refuses_the_commit_and_keeps_the_rest() {
    wait(async {
        let store = Sqlite::new();
        let limit = Options {
            size_limit: Some(1 << 20),
            ..Options::new("one")
        };
        let journal = SqliteJournal::open(store.folder.path(), &limit).unwrap();
        let key = RunKey::fresh();
        let held = create(&journal, &key).await;
        let batch = |index: usize| Batch {
            payloads: vec![content(200_000 + index)],
            ..events(&["{}"])
        };
        let mut next_seq = 1;
        let error = loop {
            match journal
                .commit(&held, next_seq, batch(next_seq as usize))
                .await
            {
                Ok(committed) => next_seq = committed.next_seq,
                Err(error) => break error,
            }
            assert!(
                next_seq < 10,
                "a limit of 1 MiB took {next_seq} payloads of 200 kB"
            );
        };
        assert!(
            matches!(error, CommitError::Store(Error::Full { .. })),
            "{error}"
        );
        let verified = journal.verify(&key).await.unwrap();
        assert_eq!(
            (verified.events, verified.contents),
            (next_seq, next_seq - 1)
        );
        // With room again, the same run goes on.
        drop(journal);
        let journal = store.open_sqlite("two");
        let held = claim(&journal, &key).await;
        journal
            .commit(&held, next_seq, batch(next_seq as usize))
            .await
            .unwrap();
    });
}

fn refused(store: &Sqlite, options: &Options) -> Error {
    match SqliteJournal::open(store.folder.path(), options) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_by_number() {
    let store = Sqlite::new();
    drop(store.open_sqlite("one"));
    store.raw().pragma_update(None, "user_version", 99).unwrap();
    let error = refused(&store, &Options::new("one"));
    assert!(
        matches!(
            error,
            Error::NewerStore {
                found: 99,
                supported: 1..99,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("use a newer Menagerie"));
}

#[test]
fn what_is_not_a_store_is_refused_and_left_alone() {
    let store = Sqlite::new();
    let path = store.folder.path().join("journal.db");
    let must_exist = Options {
        must_exist: true,
        ..Options::new("one")
    };
    assert!(matches!(
        refused(&store, &must_exist),
        Error::NotAStore { .. }
    ));
    assert!(!path.exists());

    let text =
        "This is a text and no database, and it is long enough for SQLite to see that. ".repeat(20);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(
        refused(&store, &must_exist),
        Error::NotAStore { .. }
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    std::fs::remove_file(&path).unwrap();
    store
        .raw()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let error = refused(&store, &must_exist);
    assert!(matches!(error, Error::NotAStore { .. }), "{error}");

    let file = store.folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let Err(error) = SqliteJournal::open(&file, &Options::new("one")) else {
        panic!("a file was opened as a folder");
    };
    assert!(matches!(error, Error::NotAStore { .. }), "{error}");
}

#[test]
fn opening_at_the_same_time_makes_one_store() {
    let store = Sqlite::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let journal = store.open_sqlite("one of many");
                wait(create(&journal, &RunKey::fresh()));
            });
        }
    });
    let report = wait(store.open_sqlite("last").verify_all()).unwrap();
    assert_eq!((report.runs, report.damaged.len()), (4, 0));
    // The lock files of those who have gone are gone as well.
    assert_eq!(
        std::fs::read_dir(store.folder.path().join("owners"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = Sqlite::new();
    let inner = store.folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions bind everyone but the superuser, for whom a folder of the kernel does instead.
    let folder = if std::fs::write(inner.join("probe"), "").is_err() {
        inner
    } else {
        "/proc".into()
    };
    let Err(error) = SqliteJournal::open(&folder, &Options::new("one")) else {
        panic!("{} was opened", folder.display());
    };
    let named = matches!(error, Error::ReadOnly { .. } | Error::Io { .. });
    assert!(
        named && error.to_string().contains(folder.to_str().unwrap()),
        "{error}"
    );
}

/// Nothing but the socket tells here: nobody looks from time to time.
#[test]
fn a_ring_is_heard_in_another_process_by_whoever_listens() {
    let store = Sqlite::new();
    let (rings, hears) = (store.open_sqlite("rings"), store.open_sqlite("hears"));
    let heard = |bell: &mut Bell, what: &str| {
        let give_up = Instant::now() + Duration::from_secs(60);
        while !bell.rung.has_changed().unwrap() {
            assert!(Instant::now() < give_up, "nobody heard {what}");
            std::thread::yield_now();
        }
        bell.rung.mark_unchanged();
    };
    let mut mail = hears.listen(Hears::Mail);
    assert!(mail.wired, "there can be sockets in the tests' folders");
    rings.ring();
    heard(&mut mail, "of mail");
    // Whoever commits must have an ear itself to learn that somebody wants to hear of commits.
    let _ear = rings.listen(Hears::Mail);
    let mut commits = hears.listen(Hears::Commits);
    rings.ring();
    heard(&mut commits, "the ring");
    wait(async {
        let key = RunKey::fresh();
        let claim = create(&rings, &key).await;
        let mut next_seq = 1;
        // The first commits may come before it is known that somebody listens.
        let give_up = Instant::now() + Duration::from_secs(60);
        while !commits.rung.has_changed().unwrap() {
            assert!(Instant::now() < give_up, "nobody heard of the commits");
            let batch = events(&[r#"{"type":"next"}"#]);
            let committed = rings.commit(&claim, next_seq, batch).await;
            next_seq = committed.unwrap().next_seq;
        }
    });
}

#[test]
fn a_process_that_reads_a_long_run_gives_signs_of_life_as_it_advances() {
    wait(async {
        let store = Sqlite::new();
        let (one, two) = (store.open_sqlite("one"), store.open_sqlite("two"));
        let beat = async || {
            let pulses = two.pulses().await.unwrap();
            let pulse = pulses.into_iter().find(|pulse| pulse.owner.name == "one");
            pulse.expect("the other one lives").beat
        };
        let (short, long) = (RunKey::fresh(), RunKey::fresh());
        create(&one, &short).await;
        let claim = create(&one, &long).await;
        one.commit(&claim, 1, events(&["1"; 1_024])).await.unwrap();
        let before = beat().await;
        one.load(&short, 1).await.unwrap();
        assert_eq!(beat().await, before, "that takes no time");
        one.load(&long, 1).await.unwrap();
        let loaded = beat().await;
        assert!(loaded > before);
        one.events(&long, 0, usize::MAX).await.unwrap();
        let read = beat().await;
        assert!(read > loaded);
        one.beat();
        assert!(beat().await > read);
    });
}

#[test]
fn a_store_that_was_emptied_is_not_taken_for_a_new_one_by_whoever_expects_one() {
    let store = Sqlite::new();
    wait(async {
        create(&store.open_sqlite("one"), &RunKey::fresh()).await;
    });
    std::fs::write(store.folder.path().join("journal.db"), "").unwrap();
    let options = Options {
        must_exist: true,
        ..Options::new("two")
    };
    let error = SqliteJournal::open(store.folder.path(), &options).err();
    assert!(matches!(error, Some(Error::NotAStore { .. })), "{error:?}");
    // A host that makes one where there is none, as after a crash in the middle of doing so, may.
    store.open_sqlite("three");
}
