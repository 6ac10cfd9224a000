//! Backups, vacuums and the doctor, by the program itself.

use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, ended, review, review_by_rules};

#[test]
fn an_unfinished_run_goes_on_in_a_restored_store() {
    let place = Place::new();
    let lock = place.write("Cargo.lock", CLEAN_LOCK);
    let mut killed = place.command();
    killed.arg("run").arg(review()).args(["--id", "cut"]);
    killed.arg("--input").arg(format!("@{}", lock.display()));
    killed.env("MENAGERIE_CRASH_AT", "after-commit:3");
    assert_eq!(ended(&mut killed).code, None);
    let waits = ["--id", "waits"];
    place
        .run_review(&review_by_rules(), GIT_LOCK, &waits)
        .expect(3);
    let file = place.path("store.backup").display().to_string();
    place.run(["backup", &file]).expect(0);
    place.run(["restore", &file, "--check"]).expect(0);
    let taken = place.run(["restore", &file]).expect(2);
    assert!(taken.stderr.contains("holds a store"), "{}", taken.stderr);
    let new = place.path("new").display().to_string();
    place.run(["restore", &file, "--data", &new]).expect(0);
    place.run(["doctor", "--store", "--data", &new]).expect(0);
    place.run(["resume", "cut", "--data", &new]).expect(0);
    place
        .run(["answer", "waits", "continue", "--data", &new])
        .expect(0);
    // Both go on by themselves.
    place.run(["resume", "cut"]).expect(0);
    let damaged = place.path("damaged.backup");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let damaged = damaged.display().to_string();
    let refused = place.run(["restore", &damaged, "--check"]).expect(2);
    assert!(
        refused.stderr.contains("damaged.backup"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_vacuum_says_what_it_removed_and_keeps_what_is_unfinished() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "one"])
        .expect(0);
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "two"])
        .expect(0);
    let waits = ["--id", "waits"];
    place
        .run_review(&review_by_rules(), GIT_LOCK, &waits)
        .expect(3);
    let none = place
        .run(["vacuum", "--keep", "1h", "--json"])
        .expect(0)
        .json();
    assert_eq!(none["runs"].as_array().unwrap().len(), 0);
    let dry = ["vacuum", "--keep-last", "1", "--dry-run", "--json"];
    let foretold = place.run(dry).expect(0).json();
    assert_eq!(foretold["runs"], serde_json::json!(["one"]));
    let done = place
        .run(["vacuum", "--keep-last", "1", "--json"])
        .expect(0)
        .json();
    for figure in ["runs", "blobs", "files", "file_bytes"] {
        assert_eq!(foretold[figure], done[figure], "{figure}");
    }
    place.run(["show", "one"]).expect(2);
    place.run(["show", "two"]).expect(0);
    let all = place
        .run(["vacuum", "--keep-last", "0", "--json"])
        .expect(0)
        .json();
    assert_eq!(all["runs"], serde_json::json!(["two"]));
    // The plugins that the waiting run stays on are still there.
    place.run(["answer", "waits", "continue"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
}
