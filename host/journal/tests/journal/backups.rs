//! A store as one file: whole or not there, and a store again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use menagerie_journal::{
    Batch, Content, Digest, Error, Journal as _, Options, RunKey, SqliteJournal, check_backup,
    restore,
};

use serde_json::Value;

use crate::backend::{Sqlite, claim, content, create, events, wait};

/// Names the folder and the task of a process that a test starts.
const FOLDER: &str = "MENAGERIE_TEST_BACKUP_FOLDER";
const TASK: &str = "MENAGERIE_TEST_BACKUP_TASK";

fn large(seed: u8) -> Content {
    let mut bytes = vec![seed; menagerie_journal::LARGEST_IN_TABLE];
    bytes.push(seed);
    Content::new(bytes)
}

/// A store with a run that has something large and something small.
fn store_with_contents() -> Sqlite {
    let store = Sqlite::new();
    wait(async {
        let journal = store.open_sqlite("one");
        let claim = create(&journal, &RunKey::in_default("run")).await;
        let batch = Batch {
            payloads: vec![large(1), content(5)],
            ..events(&["1", "2"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
    });
    store
}

fn child(task: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "backups::in_another_process", "--nocapture"])
        .env(FOLDER, folder)
        .env(TASK, task);
    command
}

/// Only the other tests of this module run it, in a process of its own.
#[test]
fn in_another_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    if std::env::var(TASK).unwrap() == "restore" {
        restore(&folder.join("backup.tar"), &folder.join("new")).unwrap();
        return;
    }
    let journal = SqliteJournal::open(folder.join("store"), &Options::new("child")).unwrap();
    if std::env::var(TASK).unwrap() == "backup" {
        journal.backup(&folder.join("backup.tar"), false).unwrap();
        return;
    }
    // A run that goes on until it is killed, with large content all the time.
    wait(async {
        let claim = create(&journal, &RunKey::in_default("busy")).await;
        for seq in 1.. {
            let batch = Batch {
                payloads: vec![large(seq as u8), content(seq as usize % 5_000)],
                ..events(&["{}"])
            };
            journal.commit(&claim, seq, batch).await.unwrap();
            std::fs::write(folder.join("seq"), seq.to_string()).unwrap();
        }
    });
}

#[test]
fn a_backup_is_a_store_again() {
    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    let (file, folder) = (place.path().join("b.tar"), place.path().join("new"));
    let journal = store.open_sqlite("one");
    let made = journal.backup(&file, false).unwrap();
    assert_eq!((made.runs, made.events, made.contents), (1, 3, 1));
    assert_eq!(check_backup(&file).unwrap().bytes, made.bytes);
    restore(&file, &folder).unwrap();
    wait(async {
        let again = SqliteJournal::open(&folder, &Options::new("two")).unwrap();
        let report = again.verify_all().await.unwrap();
        assert!(report.damaged.is_empty() && report.engine.is_empty());
        assert!(report.orphans.is_empty(), "{:?}", report.orphans);
        let key = RunKey::in_default("run");
        let payload = again.payload(&key, large(1).digest()).await.unwrap();
        assert_eq!(payload, *large(1).bytes());
        // It is nobody's there, and goes on.
        let claim = claim(&again, &key).await;
        again.commit(&claim, 3, events(&["3"])).await.unwrap();
    });
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_is_there_is_not_overwritten() {
    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("b.tar");
    let journal = store.open_sqlite("one");
    journal.backup(&file, false).unwrap();
    let again = journal.backup(&file, false);
    assert!(matches!(again, Err(Error::Occupied { .. })), "{again:?}");
    journal.backup(&file, true).unwrap();
    let refused = restore(&file, store.folder.path()).unwrap_err();
    assert!(refused.to_string().contains("holds a store"), "{refused}");
    let refused = restore(&file, place.path()).unwrap_err();
    assert!(refused.to_string().contains("not empty"), "{refused}");
    std::fs::create_dir(place.path().join("empty")).unwrap();
    restore(&file, &place.path().join("empty")).unwrap();
}

#[test]
fn whatever_is_changed_or_cut_off_is_refused_by_name() {
    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("b.tar");
    store.open_sqlite("one").backup(&file, false).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let (bad, folder) = (place.path().join("bad.tar"), place.path().join("new"));
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let error = restore(&bad, &folder).expect_err(what);
        assert!(
            matches!(&error, Error::BadBackup { path, .. } if *path == bad),
            "{what}: {error}"
        );
        assert!(!folder.exists(), "{what} left a folder");
    };
    // The archive ends with its manifest and two blocks of padding, which say nothing.
    for length in [0, 100, 512, 5_000, whole.len() / 2, whole.len() - 1_900] {
        refused(&whole[..length], &format!("cut off at {length}"));
    }
    let step = whole.len() / 97;
    for at in (0..whole.len() - 1_024).step_by(step) {
        // A header's padding is covered by its checksum, an entry's is zero and stands for nothing.
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        std::fs::write(&bad, &changed).unwrap();
        if let Ok(report) = check_backup(&bad) {
            assert!(
                whole[at] == 0,
                "byte {at} was changed unnoticed: {report:?}"
            );
        }
    }
    refused(b"not an archive at all", "a text");
}

/// The entries of a good backup, one after the other with what lies between them.
fn entries(whole: &[u8]) -> Vec<&[u8]> {
    let mut archive = tar::Archive::new(whole);
    let begins: Vec<usize> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().raw_file_position() as usize - 512)
        .collect();
    let ends = begins.iter().skip(1).copied().chain([whole.len()]);
    begins
        .iter()
        .zip(ends)
        .map(|(begin, end)| &whole[*begin..end])
        .collect()
}

/// An archive with its manifest, as a backup ends.
fn closed_by(mut archive: tar::Builder<Vec<u8>>, manifest: &str) -> Vec<u8> {
    let name = format!("manifest-{}.json", Digest::of(manifest.as_bytes()));
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    archive
        .append_data(&mut header, name, manifest.as_bytes())
        .unwrap();
    archive.into_inner().unwrap()
}

#[test]
fn a_file_that_is_there_twice_is_refused_before_anything_is_restored() {
    let store = Sqlite::new();
    let file = store.folder.path().join("b.tar");
    wait(async {
        let journal = store.open_sqlite("one");
        create(&journal, &RunKey::fresh()).await;
        journal.backup(&file, false).unwrap();
    });
    let whole = std::fs::read(&file).unwrap();
    let [database, manifest] = entries(&whole)[..] else {
        panic!("expected a database and a manifest");
    };
    // A manifest that says so, too, as nobody but a forger writes one.
    let mut manifest: Value = serde_json::Deserializer::from_slice(&manifest[512..])
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    let entry = manifest["files"][0].clone();
    manifest["files"].as_array_mut().unwrap().push(entry);
    let text = manifest.to_string();
    let archive = tar::Builder::new([database, database].concat());
    std::fs::write(&file, closed_by(archive, &text)).unwrap();
    let error = check_backup(&file).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn an_archive_without_a_database_is_no_backup() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("b.tar");
    let text = serde_json::json!({
        "format": 1, "menagerie": "0.1.0", "made_at_ms": 5, "runs": 0, "events": 0, "contents": 0,
        "bytes": 0, "files": [],
    });
    let text = text.to_string();
    let archive = tar::Builder::new(Vec::new());
    std::fs::write(&file, closed_by(archive, &text)).unwrap();
    let error = check_backup(&file).unwrap_err();
    assert!(matches!(error, Error::BadBackup { .. }), "{error}");
}

#[test]
fn a_manifest_of_a_few_bytes_that_would_be_read_for_ever_is_refused_unread() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("b.tar");
    let mut header = tar::Header::new_gnu();
    header
        .set_path(format!("manifest-{}.json", Digest::of(b"")))
        .unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    let sparse = header.as_gnu_mut().unwrap();
    // All of it is a hole.
    sparse.realsize = *b"77777777777\0";
    sparse.sparse[0].offset = *b"77777777777\0";
    sparse.sparse[0].numbytes = *b"00000000000\0";
    header.set_cksum();
    let archive = [header.as_bytes().as_slice(), &[0; 1_024]].concat();
    std::fs::write(&file, archive).unwrap();
    let error = check_backup(&file).unwrap_err();
    assert!(
        error.to_string().contains("which no backup does"),
        "{error}"
    );
}

#[test]
fn a_store_that_lacks_a_content_is_not_backed_up() {
    let store = store_with_contents();
    let folder = std::fs::read_dir(store.folder.path().join("contents")).unwrap();
    let namespace = folder.flatten().next().unwrap().path();
    std::fs::remove_dir_all(&namespace).unwrap();
    let file = store.folder.path().join("b.tar");
    let refused = store.open_sqlite("one").backup(&file, false).unwrap_err();
    assert!(matches!(refused, Error::DamagedContent { .. }), "{refused}");
    assert!(!file.exists());
}

#[test]
fn while_another_process_commits_every_content_of_the_copy_is_in_it() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let mut busy = child("commit", place.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let seq = || std::fs::read_to_string(place.path().join("seq")).unwrap_or_default();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while seq().is_empty() {
        assert!(std::time::Instant::now() < deadline, "it does not commit");
        std::thread::yield_now();
    }
    let journal = SqliteJournal::open(&store, &Options::new("backup")).unwrap();
    let mut events = 0;
    for number in 0..4 {
        let file = place.path().join(format!("{number}.tar"));
        let report = journal.backup(&file, false).unwrap();
        assert!(report.events >= events, "the run went on");
        events = report.events;
        let folder = place.path().join(format!("restored-{number}"));
        restore(&file, &folder).unwrap();
        wait(async {
            let restored = SqliteJournal::open(&folder, &Options::new("two")).unwrap();
            let found = restored.verify_all().await.unwrap();
            assert!(found.damaged.is_empty(), "{:?}", found.damaged);
            assert_eq!(found.events, report.events);
        });
    }
    busy.kill().unwrap();
    busy.wait().unwrap();
}

#[cfg(debug_assertions)]
#[test]
fn killed_in_the_middle_there_is_no_backup_and_the_next_one_clears_up() {
    use std::os::unix::process::ExitStatusExt as _;

    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(store.folder.path(), place.path().join("store")).unwrap();
    let file = place.path().join("backup.tar");
    for point in ["backup-copied:1", "backup-content:1", "backup-written:1"] {
        let killed = child("backup", place.path())
            .env("MENAGERIE_CRASH_AT", point)
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
        assert!(!file.exists(), "{point}");
        // What is left is whole or refused, and never has the name.
        for left in std::fs::read_dir(place.path()).unwrap().flatten() {
            let name = left.file_name().into_string().unwrap();
            assert!(
                name == "store" || name.starts_with("backup.tar.unfinished-"),
                "{name}"
            );
            if point != "backup-written:1" && name.ends_with(".tar") {
                assert!(check_backup(&left.path()).is_err(), "{point}");
            }
        }
    }
    let done = child("backup", place.path()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    check_backup(&file).unwrap();
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// The names of all that is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[cfg(debug_assertions)]
#[test]
fn killed_in_the_middle_there_is_no_store_and_the_next_restore_clears_up() {
    use std::os::unix::process::ExitStatusExt as _;

    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup.tar");
    store.open_sqlite("one").backup(&backup, false).unwrap();
    // Of other folders, and of nobody: none of it is a restore's into `new`.
    let others = ["new.restoring-by-hand", "newer.restoring-1"];
    for other in others {
        std::fs::create_dir(place.path().join(other)).unwrap();
    }
    let killed = |point: &str| {
        let killed = child("restore", place.path())
            .env("MENAGERIE_CRASH_AT", point)
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
    };
    for point in ["restore-file:1", "restore-file:2", "restore-written:1"] {
        killed(point);
        assert!(!place.path().join("new").exists(), "{point}");
        // The folder and its lock: one pair, whatever was left the time before.
        let left = names(place.path()).len() - others.len() - 1;
        assert_eq!(left, 2, "{point}: {:?}", names(place.path()));
    }
    // Once it has its name it is whole, and only the lock's file is left.
    killed("restore-named:1");
    let restored = SqliteJournal::open(place.path().join("new"), &Options::new("two")).unwrap();
    let report = wait(restored.verify_all()).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    let again = child("restore", place.path()).output().unwrap();
    assert!(!again.status.success(), "it is taken");
    let expected = ["backup.tar", "new", others[0], others[1]];
    assert_eq!(names(place.path()), expected);
}

#[test]
fn a_restore_that_goes_on_in_another_process_is_left_alone() {
    let store = store_with_contents();
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup.tar");
    store.open_sqlite("one").backup(&backup, false).unwrap();
    // As a restore holds it, and as one that was killed leaves it.
    let [living, dead] = [1, 2].map(|number| {
        let unfinished = format!("new.restoring-00000000-0000-7000-8000-00000000000{number}");
        let folder = place.path().join(unfinished);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("journal.db"), "half").unwrap();
        folder
    });
    let lock = |folder: &Path| {
        let file = std::fs::File::create_new(folder.with_extension(format!(
            "{}.lock",
            folder.extension().unwrap().to_string_lossy()
        )));
        file.unwrap()
    };
    let held = lock(&living);
    held.lock().unwrap();
    drop(lock(&dead));
    let done = child("restore", place.path()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(living.join("journal.db").exists() && !dead.exists());
    assert_eq!(names(place.path()).len(), 4, "{:?}", names(place.path()));
}
