//! SIGKILL at every commit, and what is left to do afterwards.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::program::{CLEAN_LOCK, Ended, GIT_LOCK, Place, ended, review, review_by_rules};

/// More commits than any flow here makes.
const FAR_BEYOND: u32 = 60;

/// Steps that entered their guest, out of the side file that the sandbox's test hook writes: one
/// line `run step attempt function name` an entry. A strategy's is `decide`.
fn entered(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let step = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words.get(3), Some(&("process" | "aggregate"))).then(|| words[1].to_owned())
    };
    text.lines().filter_map(step).collect()
}

/// Steps whose end is in the journal.
fn committed(place: &Place, run: &str) -> BTreeSet<String> {
    let events = place.run(["events", run, "--json"]);
    if events.code != Some(0) {
        // Killed before the run itself was committed.
        return BTreeSet::new();
    }
    let ended = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let event = &event["event"];
        (event["type"] == "step_ended").then(|| event["id"].as_str().unwrap().to_owned())
    };
    events.stdout.lines().filter_map(ended).collect()
}

/// Begins a run that is killed at a commit. None when it came to its end before.
fn killed_at(place: &Place, flow: &Path, lock: &str, point: &str) -> (Ended, Vec<String>) {
    let lock = place.write("Cargo.lock", lock);
    let entries = place.path("entries-first");
    let mut command = place.command();
    command
        .arg("run")
        .arg(flow)
        .args(["--json", "--id", "killed"]);
    command.arg("--input").arg(format!("@{}", lock.display()));
    command
        .env("MENAGERIE_CRASH_AT", point)
        .env("MENAGERIE_TEST_ENTRIES", &entries);
    (ended(&mut command), entered(&entries))
}

/// Kills a flow at each of its commits in turn; after each, resuming must give `expected`, and no
/// step whose end was committed may enter its guest again.
fn survives_a_kill_at_every_commit(flow: &Path, lock: &str, code: i32, when: &str) {
    let undisturbed = Place::new();
    let expected = undisturbed
        .run_review(flow, lock, &["--id", "killed"])
        .expect(code)
        .json();
    let (mut kills, mut entries_before) = (0, 0);
    for number in 1..FAR_BEYOND {
        let place = Place::new();
        let point = format!("{when}:{number}");
        let (first, before) = killed_at(&place, flow, lock, &point);
        if first.code.is_some() {
            assert_eq!(first.code, Some(code), "{}", first.stderr);
            break;
        }
        kills += 1;
        let done = committed(&place, "killed");
        entries_before += before.len();
        let entries = place.path("entries-second");
        let mut resume = place.command();
        resume.env("MENAGERIE_TEST_ENTRIES", &entries);
        if place.run(["show", "killed", "--json"]).code == Some(0) {
            resume.args(["resume", "killed", "--json"]);
        } else {
            // The kill came before the run was there: nothing is lost by starting it again.
            let lock = place.path("Cargo.lock");
            resume
                .arg("run")
                .arg(flow)
                .args(["--json", "--id", "killed"]);
            resume.arg("--input").arg(format!("@{}", lock.display()));
        }
        let answer = ended(&mut resume).expect(code).json();
        assert_eq!(answer["status"], expected["status"], "{point}");
        assert_eq!(answer["result"], expected["result"], "{point}");
        for step in entered(&entries) {
            assert!(
                !done.contains(&step),
                "{point}: {step} was committed and ran again"
            );
        }
        place.run(["doctor", "--store"]).expect(0);
    }
    assert!(kills >= 5, "only {kills} commits were found to kill at");
    assert!(
        entries_before > 0,
        "no guest was entered before any kill: nothing was shown"
    );
}

#[test]
fn a_review_killed_after_each_commit_ends_the_same() {
    survives_a_kill_at_every_commit(&review(), CLEAN_LOCK, 0, "after-commit");
}

#[test]
fn a_review_killed_before_each_commit_ends_the_same() {
    survives_a_kill_at_every_commit(&review(), CLEAN_LOCK, 0, "before-commit");
}

#[test]
fn a_run_that_comes_to_wait_survives_a_kill_at_each_commit() {
    survives_a_kill_at_every_commit(&review_by_rules(), GIT_LOCK, 3, "after-commit");
}

#[test]
fn guest_entries_are_counted_outside_of_the_journal() {
    let place = Place::new();
    let (first, entries) = killed_at(&place, &review(), CLEAN_LOCK, "after-commit:1000");
    first.expect(0);
    let mut sorted = entries;
    sorted.sort();
    assert_eq!(
        sorted,
        ["duplicates", "graph", "lockfile", "report", "sources"]
    );
}

#[test]
fn a_plain_resume_takes_up_everything_that_was_cut_off() {
    let place = Place::new();
    let (first, _) = killed_at(&place, &review(), CLEAN_LOCK, "after-commit:3");
    assert_eq!(first.code, None, "{}", first.stderr);
    place.run(["resume"]).expect(0);
    let shown = place.run(["show", "killed", "--json"]).expect(0).json();
    assert_eq!(shown["status"], "completed");
    let nothing = place.run(["resume"]).expect(0);
    assert!(
        nothing.stderr.contains("nothing was cut off"),
        "{}",
        nothing.stderr
    );
}
