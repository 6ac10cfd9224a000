//! What is removed, what is kept, and that nobody beside it loses anything.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use menagerie_journal::{
    Batch, Claimed, CommitError, Content, Created, Error, Files, Fork, Journal as _, NewRun,
    Options, Pin, Retention, RunKey, SqliteJournal, Status, SystemFiles, VacuumReport,
};

use crate::backend::{Sqlite, content, create, events, new_run, wait};

/// Names the folder of the process that is to be killed.
const FOLDER: &str = "MENAGERIE_TEST_VACUUM_FOLDER";

fn large(seed: u8) -> Content {
    Content::new(vec![seed; menagerie_journal::LARGEST_IN_TABLE + 1])
}

fn everything() -> Retention {
    Retention {
        since_ms: None,
        last: Some(0),
    }
}

/// A run that has ended, with a large payload, a large pin and many events.
async fn ended(journal: &SqliteJournal, id: &str, seed: u8) -> RunKey {
    let key = RunKey::in_default(id);
    let run = NewRun {
        pins: vec![Pin {
            name: "plugin".to_owned(),
            content: large(seed + 100),
        }],
        ..new_run(&key)
    };
    let Created::New(claim, _) = journal.create(run, events(&["0"])).await.unwrap() else {
        panic!("{id} is new");
    };
    let batch = Batch {
        payloads: vec![large(seed), content(usize::from(seed))],
        status: Some(Status::ended("completed")),
        ..events(&["1"; 300])
    };
    journal.commit(&claim, 1, batch).await.unwrap();
    journal.release(claim).await.unwrap();
    key
}

async fn assert_sound(journal: &SqliteJournal) {
    let report = journal.verify_all().await.unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    assert!(report.engine.is_empty(), "{:?}", report.engine);
    assert!(report.orphans.is_empty(), "{:?}", report.orphans);
}

fn content_files(store: &Path) -> usize {
    let folders = std::fs::read_dir(store.join("contents")).unwrap().flatten();
    folders
        .map(|folder| std::fs::read_dir(folder.path()).unwrap().count())
        .sum()
}

#[test]
fn ended_runs_past_their_time_go_with_all_that_was_theirs() {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
            ended(&journal, id, number as u8).await;
        }
        let unfinished = create(&journal, &RunKey::in_default("unfinished")).await;
        journal.release(unfinished).await.unwrap();
        assert_eq!(content_files(store.folder.path()), 6);
        let wanted = Retention {
            since_ms: None,
            last: Some(1),
        };
        let foretold = journal.vacuum(&wanted, true).unwrap();
        let ids = |runs: &[RunKey]| -> Vec<String> {
            runs.iter().map(|key| key.run.to_string()).collect()
        };
        assert_eq!(ids(&foretold.runs), ["a", "b"]);
        assert_eq!(
            content_files(store.folder.path()),
            6,
            "a dry run removes nothing"
        );
        let report = journal.vacuum(&wanted, false).unwrap();
        assert_eq!(ids(&report.runs), ["a", "b"]);
        assert_eq!((report.blobs, report.files), (2, 4));
        assert_eq!(report.free_bytes, 0);
        assert!(report.database_after < report.database_before, "{report:?}");
        assert_eq!(content_files(store.folder.path()), 2);
        assert!(matches!(
            journal.run(&RunKey::in_default("a")).await,
            Err(Error::UnknownRun { .. })
        ));
        assert_sound(&journal).await;
        // Without a bound all runs are kept.
        assert!(
            journal
                .vacuum(&Retention::default(), false)
                .unwrap()
                .runs
                .is_empty()
        );
        assert_eq!(journal.verify_all().await.unwrap().runs, 2);
    });
}

#[test]
fn a_dry_run_foretells_what_becomes_free_with_the_runs() {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        // The second and the third have their large payload and their pin in common.
        for (id, seed) in [("a", 0), ("b", 1), ("kept", 1)] {
            ended(&journal, id, seed).await;
        }
        let owned = ended(&journal, "owned", 2).await;
        let Claimed::Yours(claim) = journal.claim(&owned).await.unwrap() else {
            panic!("nobody has it");
        };
        let figures = |report: VacuumReport| {
            let runs: Vec<String> = report.runs.iter().map(ToString::to_string).collect();
            (runs, report.blobs, report.files, report.file_bytes)
        };
        for (last, runs, files) in [(2, 2, 2), (0, 1, 2)] {
            let wanted = Retention {
                since_ms: None,
                last: Some(last),
            };
            let before = content_files(store.folder.path());
            let foretold = figures(journal.vacuum(&wanted, true).unwrap());
            assert_eq!(content_files(store.folder.path()), before);
            assert_eq!(
                (foretold.0.len(), foretold.2),
                (runs, files),
                "{foretold:?}"
            );
            let done = figures(journal.vacuum(&wanted, false).unwrap());
            assert_eq!(foretold, done);
        }
        journal.release(claim).await.unwrap();
        assert_sound(&journal).await;
    });
}

#[test]
fn a_run_is_kept_that_is_young_enough_owned_or_an_unfinished_runs_child() {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        create(&journal, &RunKey::in_default("parent")).await;
        let child = NewRun {
            parent: Some("parent".to_owned()),
            status: Status::ended("completed"),
            ..new_run(&RunKey::in_default("child"))
        };
        let Created::New(claim, _) = journal.create(child, events(&["1"])).await.unwrap() else {
            panic!("it is new");
        };
        journal.release(claim).await.unwrap();
        let owned = NewRun {
            status: Status::ended("completed"),
            ..new_run(&RunKey::in_default("owned"))
        };
        let _claim = journal.create(owned, events(&["1"])).await.unwrap();
        assert!(
            journal
                .vacuum(&everything(), false)
                .unwrap()
                .runs
                .is_empty()
        );
        ended(&journal, "young", 1).await;
        // Its last event is of the time 7.
        let since = |since_ms| Retention {
            since_ms: Some(since_ms),
            last: None,
        };
        assert!(journal.vacuum(&since(7), false).unwrap().runs.is_empty());
        assert_eq!(journal.vacuum(&since(8), false).unwrap().runs.len(), 1);
        assert_sound(&journal).await;
    });
}

#[test]
fn a_fork_outlives_the_run_that_it_came_from() {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        let from = ended(&journal, "from", 1).await;
        let fork = Fork {
            from: "from".to_owned(),
            events: 2,
            payloads: vec![large(1).digest()],
            attempts: Vec::new(),
        };
        let key = RunKey::in_default("fork");
        journal
            .fork(new_run(&key), fork, events(&["2"]))
            .await
            .unwrap();
        assert_eq!(journal.vacuum(&everything(), false).unwrap().runs, [from]);
        assert_eq!(
            journal.payload(&key, large(1).digest()).await.unwrap(),
            *large(1).bytes()
        );
        let pin = &journal.pins(&key).await.unwrap()[0];
        journal.blob("default", pin.digest).await.unwrap();
        assert_sound(&journal).await;
    });
}

#[test]
fn no_number_of_a_run_is_given_twice() {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        ended(&journal, "first", 1).await;
        journal.vacuum(&everything(), false).unwrap();
        ended(&journal, "second", 2).await;
        let number: i64 = store
            .raw()
            .query_row("SELECT run FROM runs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(number, 2);
    });
}

/// A vacuum, by another process, between the writing of a file and the commit that refers to it.
#[derive(Debug, Default)]
struct Interfering {
    /// The store, and how often.
    vacuums: Mutex<Option<(std::path::PathBuf, u32)>>,
}

impl Files for Interfering {
    fn create_folder(&self, path: &Path) -> std::io::Result<()> {
        SystemFiles.create_folder(path)
    }
    fn write_new(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        SystemFiles.write_new(path, bytes)
    }
    fn sync_file(&self, path: &Path) -> std::io::Result<()> {
        SystemFiles.sync_file(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        SystemFiles.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        SystemFiles.remove_file(path)
    }
    fn sync_folder(&self, path: &Path) -> std::io::Result<()> {
        SystemFiles.sync_folder(path)?;
        // The last thing before the commit is the syncing of the namespace's folder.
        let in_contents = path
            .parent()
            .is_some_and(|parent| parent.ends_with("contents"));
        let mut vacuums = self.vacuums.lock().unwrap();
        if let (true, Some((store, left))) = (in_contents, &mut *vacuums)
            && *left > 0
        {
            *left -= 1;
            let other = SqliteJournal::open(store, &Options::new("vacuum")).unwrap();
            drop(other.vacuum(&everything(), false).unwrap());
        }
        Ok(())
    }
}

#[test]
fn content_that_is_collected_before_its_commit_is_written_again() {
    let store = Sqlite::new();
    wait(async {
        let files = Arc::new(Interfering::default());
        let options = Options {
            files: files.clone(),
            ..Options::new("host")
        };
        let journal = SqliteJournal::open(store.folder.path(), &options).unwrap();
        let interfere = |times| {
            *files.vacuums.lock().unwrap() = Some((store.folder.path().to_owned(), times));
        };
        let claim = create(&journal, &RunKey::in_default("run")).await;
        let paying = || Batch {
            payloads: vec![large(1)],
            ..events(&["1"])
        };
        interfere(3);
        journal.commit(&claim, 1, paying()).await.unwrap();
        let key = RunKey::in_default("run");
        assert_eq!(
            journal.payload(&key, large(1).digest()).await.unwrap(),
            *large(1).bytes()
        );
        // Of pins this process believes to know that they are there.
        ended(&journal, "one", 7).await;
        interfere(1);
        let pinned = ended(&journal, "two", 7).await;
        assert!(journal.run(&pinned).await.is_ok());
        interfere(0);
        let other = store.open_sqlite("vacuum");
        drop(other.vacuum(&everything(), false).unwrap());
        let again = ended(&journal, "three", 7).await;
        let pin = &journal.pins(&again).await.unwrap()[0];
        journal.blob("default", pin.digest).await.unwrap();
        assert_sound(&journal).await;
        // One that never comes through says why.
        interfere(1_000);
        let refused = Batch {
            payloads: vec![large(99)],
            ..events(&["1"])
        };
        let refused = journal.commit(&claim, 2, refused).await.unwrap_err();
        assert!(
            matches!(refused, CommitError::Store(Error::VanishedContent { .. })),
            "{refused}"
        );
    });
}

/// Only the other tests of this module run it, in a process of its own.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let journal = SqliteJournal::open(Path::new(&folder), &Options::new("victim")).unwrap();
    journal.vacuum(&everything(), false).unwrap();
}

#[cfg(debug_assertions)]
#[test]
fn killed_at_each_point_the_next_vacuum_goes_on() {
    use std::os::unix::process::ExitStatusExt as _;

    let store = Sqlite::new();
    let folder = store.folder.path();
    let fill = || {
        wait(async {
            let journal = store.open_sqlite("one");
            for number in 0..3 {
                let id = uuid_like(number);
                ended(&journal, &id, number).await;
            }
            let kept = create(&journal, &RunKey::fresh()).await;
            journal.release(kept).await.unwrap();
        });
    };
    let mut kills = 0;
    for point in ["vacuum-before-commit", "vacuum-after-commit", "vacuum-file"] {
        for number in 1..20 {
            fill();
            let ended = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "vacuums::victim"])
                .env(FOLDER, folder)
                .env("MENAGERIE_CRASH_AT", format!("{point}:{number}"))
                .output()
                .unwrap();
            let killed = ended.status.signal() == Some(9);
            wait(async {
                let journal = store.open_sqlite("survivor");
                let report = journal.verify_all().await.unwrap();
                assert!(
                    report.damaged.is_empty(),
                    "{point}:{number}: {:?}",
                    report.damaged
                );
                assert!(
                    report.engine.is_empty(),
                    "{point}:{number}: {:?}",
                    report.engine
                );
                journal.vacuum(&everything(), false).unwrap();
                assert_sound(&journal).await;
            });
            if !killed {
                assert!(ended.status.success(), "{ended:?}");
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 8, "only {kills} points were found to kill at");
}

/// Ids of their own each time.
#[cfg(debug_assertions)]
fn uuid_like(number: u8) -> String {
    format!("{}-{number}", RunKey::fresh().run)
}
