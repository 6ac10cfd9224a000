//! Checkpoints, forks and rewinds of real runs.

use serde_json::Value;

use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, ended, review, review_by_rules, tamper};

/// Steps that entered their guest, out of the sandbox's side file.
fn entered(place: &Place, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(place.path(file)).unwrap_or_default();
    let step = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words.get(3), Some(&("process" | "aggregate"))).then(|| words[1].to_owned())
    };
    let mut steps: Vec<String> = text.lines().filter_map(step).collect();
    steps.sort();
    steps
}

/// Runs a command with guest entries counted.
fn counted(place: &Place, file: &str, arguments: &[&str]) -> crate::program::Ended {
    let mut command = place.command();
    command
        .args(arguments)
        .env("MENAGERIE_TEST_ENTRIES", place.path(file));
    ended(&mut command)
}

#[test]
fn a_fork_goes_on_behind_a_step_and_repeats_nothing() {
    let place = Place::new();
    let flow = review();
    let first = place
        .run_review(&flow, CLEAN_LOCK, &["--id", "first"])
        .expect(0)
        .json();
    let at = [
        "fork", "first", "--at", "lockfile", "--id", "second", "--json",
    ];
    let second = counted(&place, "entries", &at).expect(0).json();
    assert_eq!(second["run"], "second");
    assert_eq!(second["result"], first["result"]);
    let again = entered(&place, "entries");
    assert!(!again.contains(&"lockfile".to_owned()), "{again:?}");
    assert!(again.contains(&"report".to_owned()), "{again:?}");
    // The same fork is the same run, and the run that it came from is as it was.
    let same = counted(&place, "entries-same", &at).expect(0).json();
    assert_eq!(same["result"], second["result"]);
    assert!(entered(&place, "entries-same").is_empty());
    let shown = place.run(["show", "first", "--json"]).expect(0).json();
    assert_eq!(shown["status"], "completed");
    place.run(["replay", "second"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
}

#[test]
fn a_fork_with_another_input_gives_it_to_what_is_still_to_be_done() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "first"])
        .expect(3);
    let waits = place.run(["show", "first", "--json"]).expect(0).json();
    assert_eq!(waits["status"], "waiting");
    let noted = place
        .run([
            "checkpoint",
            "first",
            "--label",
            "before <the> answer",
            "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(noted["id"], "checkpoint-1");
    let input = serde_json::json!({"lockfile": CLEAN_LOCK}).to_string();
    place
        .run([
            "fork",
            "first",
            "--at",
            "checkpoint-1",
            "--input",
            &input,
            "--id",
            "second",
        ])
        .expect(3);
    let event = |run: &str| -> Vec<Value> {
        let text = place.run(["events", run, "--json"]).expect(0).stdout;
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone())
            .collect()
    };
    let forked = event("second");
    let forked = forked
        .iter()
        .find(|one| one["type"] == "run_forked")
        .unwrap();
    assert_eq!(forked["from"], "first");
    // The original waits as before; the answer goes to the fork.
    place.run(["answer", "second", "continue"]).expect(0);
    assert_eq!(
        place.run(["show", "first", "--json"]).expect(0).json()["status"],
        "waiting"
    );
    place.run(["replay", "second"]).expect(0);
}

#[test]
fn a_rewind_takes_the_place_of_the_run_that_it_came_from() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "first"])
        .expect(3);
    place
        .run(["checkpoint", "first", "--label", "here"])
        .expect(0);
    let list = place
        .run(["checkpoints", "first", "--json"])
        .expect(0)
        .json();
    let one = &list[0];
    assert_eq!(one["label"], "here");
    for field in [
        "id",
        "run_id",
        "run_state",
        "task_states",
        "artifacts",
        "agent_contexts",
        "created_at_ms",
    ] {
        assert!(!one[field].is_null(), "{field} is missing: {one}");
    }
    assert_eq!(one["run_state"]["status"], "waiting");
    let back = [
        "resume",
        "first",
        "--from",
        "checkpoint-1",
        "--id",
        "second",
        "--json",
    ];
    let second = counted(&place, "entries", &back).expect(3).json();
    assert_eq!(second["run"], "second");
    assert!(
        entered(&place, "entries").is_empty(),
        "nothing is executed again"
    );
    let first = place.run(["show", "first", "--json"]).expect(0).json();
    assert_eq!(first["status"], "cancelled");
    assert!(
        first["reason"]
            .as_str()
            .unwrap()
            .contains("superseded by run second"),
        "{first}"
    );
    place.run(["answer", "second", "continue"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
    let late = place
        .run(["checkpoint", "first", "--label", "too late"])
        .expect(2);
    assert!(late.stderr.contains("has ended"), "{}", late.stderr);
}

#[test]
fn a_place_that_is_not_there_is_refused_by_name() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "first"])
        .expect(0);
    let refused = place.run(["fork", "first", "--at", "nowhere"]).expect(2);
    assert!(refused.stderr.contains("`nowhere`"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("no checkpoint yet"),
        "{}",
        refused.stderr
    );
    let gone = place.run(["fork", "missing", "--at", "lockfile"]).expect(2);
    assert!(gone.stderr.contains("there is no run"), "{}", gone.stderr);
}

#[test]
fn the_doctor_counts_checkpoints_forks_and_orphans_and_names_a_changed_checkpoint() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "first"])
        .expect(3);
    place
        .run(["checkpoint", "first", "--label", "here"])
        .expect(0);
    place
        .run(["fork", "first", "--at", "checkpoint-1", "--id", "second"])
        .expect(3);
    let sound = place.run(["doctor", "--store", "--json"]).expect(0).json();
    let store = &sound["store"];
    // The fork took the checkpoint over.
    assert_eq!(
        (&store["runs"], &store["forks"], &store["checkpoints"]),
        (&2.into(), &1.into(), &2.into()),
        "{sound}"
    );
    assert_eq!(store["orphans"], serde_json::json!([]));

    let contents = place.path("store/contents").join("0".repeat(32));
    std::fs::create_dir_all(&contents).unwrap();
    std::fs::write(contents.join("0".repeat(64)), "left by a crash").unwrap();
    let told = place.run(["doctor", "--store"]).expect(0).stdout;
    for expected in [
        "2 runs (1 of them forks)",
        "2 checkpoints read, 0 runs damaged",
        "1 content files that nothing refers to (15 bytes): harmless",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    place.run(["vacuum", "--keep-last", "9"]).expect(0);
    let clean = place.run(["doctor", "--store", "--json"]).expect(0).json();
    assert_eq!(clean["store"]["orphans"], serde_json::json!([]), "{clean}");

    tamper(
        &place,
        "assert db.execute(\"update checkpoints set label = 'there' where run = (select run from runs where id = 'first')\").rowcount == 1",
    );
    let found = place.run(["doctor", "--store", "--json"]).expect(2).json();
    let damaged = &found["store"]["damaged"];
    assert_eq!(damaged.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(damaged[0]["run"], "first");
    let problem = damaged[0]["problem"].as_str().unwrap();
    assert!(problem.contains("the checkpoint checkpoint-1"), "{problem}");
}
