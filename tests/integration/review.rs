//! The main job, from a lock file to a report.

use serde_json::{Value, json};

use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, review, review_by_rules, root};

fn statuses(shown: &Value) -> Vec<(String, String)> {
    let steps = shown["steps"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps
        .iter()
        .map(|step| (text(&step["id"]), text(&step["status"])))
        .collect()
}

#[test]
fn this_repositorys_own_lock_file_is_reviewed_by_five_agents() {
    let place = Place::new();
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let answer = place.run_review(&review(), &lock, &[]).expect(0).json();
    assert_eq!(answer["status"], "completed");
    let packages = lock.matches("[[package]]").count();
    assert_eq!(
        answer["result"]["lockfile"]["package_count"],
        json!(packages)
    );
    assert!(
        answer["result"]["report"]["markdown"]
            .as_str()
            .unwrap()
            .contains("Supply-chain review")
    );
    let shown = place.run(["show", "last", "--json"]).expect(0).json();
    let expected = ["lockfile", "duplicates", "sources", "graph", "report"];
    let mut completed: Vec<String> = statuses(&shown).into_iter().map(|(id, _)| id).collect();
    completed.sort();
    let mut expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(completed, expected);
    assert!(
        shown["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["call"]["fuel"].as_u64().unwrap() > 0)
    );
    assert_eq!(
        shown["decisions"], 2,
        "a graph costs one decision to plan and one to end"
    );
}

#[test]
fn a_broken_lock_file_is_a_fault_that_names_the_line() {
    let place = Place::new();
    let broken = CLEAN_LOCK.replace("version = \"1.0.0\"", "version = 1.0.0");
    let ended = place.run_review(&review(), &broken, &[]).expect(1);
    let answer = ended.json();
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["error"]["code"], "invalid-input");
    let line = broken
        .lines()
        .position(|line| line == "version = 1.0.0")
        .unwrap()
        + 1;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("line {line}")), "{message}");
}

#[test]
fn rules_leave_the_graph_of_a_small_lock_file_out() {
    let place = Place::new();
    let answer = place
        .run_review(&review_by_rules(), CLEAN_LOCK, &[])
        .expect(0)
        .json();
    assert!(answer["result"].get("graph").is_none());
    let shown = place.run(["show", "last", "--json"]).expect(0).json();
    assert!(
        statuses(&shown)
            .iter()
            .any(|(id, status)| id.starts_with("graph") && status == "skipped")
    );
}

#[test]
fn a_git_source_waits_for_an_answer_and_goes_on_with_it() {
    let place = Place::new();
    let waiting = place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "git"])
        .expect(3)
        .json();
    assert_eq!(waiting["status"], "waiting");
    assert_eq!(waiting["waiting"][0]["agent"], "sources");
    let listed = place
        .run(["runs", "--status", "waiting", "--json"])
        .expect(0)
        .json();
    assert_eq!(listed[0]["run"], "git");
    let refused = place.run(["answer", "git", "reroute", "nobody"]).expect(2);
    assert!(
        refused.stderr.contains("the flow has no agent `nobody`"),
        "{}",
        refused.stderr
    );
    let answer = place
        .run(["answer", "git", "continue", "--json"])
        .expect(0)
        .json();
    assert_eq!(answer["status"], "completed");
    assert!(answer["result"]["report"].is_object());
    let late = place.run(["answer", "git", "continue"]).expect(2);
    assert!(late.stderr.contains("has ended"), "{}", late.stderr);
}

#[test]
fn an_answer_can_end_the_run() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "git"])
        .expect(3);
    let answer = place
        .run(["answer", "git", "abort", "--json"])
        .expect(1)
        .json();
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["error"]["code"], "aborted");
}

#[test]
fn a_waiting_run_can_be_cancelled_and_stays_cancelled() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "git"])
        .expect(3);
    place
        .run(["cancel", "git", "--reason", "not today"])
        .expect(0);
    let shown = place.run(["show", "git", "--json"]).expect(0).json();
    assert_eq!(shown["status"], "cancelled");
    assert!(shown["reason"].as_str().unwrap().ends_with("not today"));
    place.run(["cancel", "git"]).expect(2);
}

#[test]
fn the_same_id_and_input_are_the_same_run_and_another_input_is_refused() {
    let place = Place::new();
    let first = place
        .run_review(&review(), CLEAN_LOCK, &["--id", "mine"])
        .expect(0)
        .json();
    let again = place
        .run_review(&review(), CLEAN_LOCK, &["--id", "mine"])
        .expect(0)
        .json();
    assert_eq!(first["result"], again["result"]);
    assert_eq!(first["fuel"], again["fuel"]);
    let events = place.run(["events", "mine", "--json"]).expect(0);
    assert_eq!(events.stdout.matches("\"run_started\"").count(), 1);
    let other = place
        .run_review(&review(), GIT_LOCK, &["--id", "mine"])
        .expect(2);
    assert!(other.stderr.contains("another input"), "{}", other.stderr);
}

#[test]
fn fuel_is_the_same_in_every_run_of_the_same_input() {
    let place = Place::new();
    let fuel = |id: &str| {
        place
            .run_review(&review(), CLEAN_LOCK, &["--id", id])
            .expect(0);
        let shown = place.run(["show", id, "--json"]).expect(0).json();
        let mut rows: Vec<(String, u64)> = shown["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["agent"] != "orchestrator")
            .map(|row| {
                (
                    row["step"].as_str().unwrap().to_owned(),
                    row["call"]["fuel"].as_u64().unwrap(),
                )
            })
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(fuel("one"), fuel("two"));
}
