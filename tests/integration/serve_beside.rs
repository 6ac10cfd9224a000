//! Commands beside a host that stays: what they wish is folded in there, and what it makes is seen.

use std::time::Instant;

use serde_json::Value;

use crate::program::{GIT_LOCK, Place, ended, review_by_rules};
use crate::running::{Running, backing_off, echo_flow, taking_its_time, until};

#[test]
fn a_run_beside_a_host_is_paused_let_go_on_and_cancelled() {
    let place = Place::new();
    let mut serve = Running::serve(&place, &[]);
    place.detach(&backing_off(1_500), "one");
    until("the first attempt has failed", || {
        place
            .call(&["events", "one", "--json"])
            .stdout
            .contains(r#""step_ended""#)
    });
    let asked = Instant::now();
    place.call(&["pause", "one"]).expect(0);
    println!(
        "a pause beside a host took {:?}, the process included",
        asked.elapsed()
    );
    place.until_status("one", "paused");
    serve.until_said("rests", |line| line["status"] == "paused");
    let refused = place.call(&["pause", "one"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    place.call(&["unpause", "one"]).expect(0);
    serve.until_said("ended", |line| {
        line["run"] == "one" && line["status"] == "completed"
    });
    assert_eq!(place.entries().len(), 2);

    place.detach(&taking_its_time(), "two");
    place.until_entered("two");
    let asked = Instant::now();
    place
        .call(&["cancel", "two", "--reason", "enough"])
        .expect(0);
    println!(
        "a cancel beside a host took {:?}, the process included",
        asked.elapsed()
    );
    serve.until_said("ended", |line| {
        line["run"] == "two" && line["status"] == "cancelled"
    });
    assert_eq!(place.call(&["unpause", "two"]).code, Some(2));
}

#[test]
fn a_checkpoint_of_a_run_beside_a_host_is_noted_there_and_never_an_older_one_of_the_name() {
    let place = Place::new();
    let mut serve = Running::serve(&place, &[]);
    place.detach(&taking_its_time(), "one");
    place.until_entered("one");
    let noted = || {
        let answer = place.call(&["checkpoint", "one", "--label", "here", "--json"]);
        answer.expect(0).json()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (noted(), noted()),
        ("checkpoint-1".to_owned(), "checkpoint-2".to_owned())
    );
    let owner = place.call(&["show", "one", "--json"]).expect(0).json();
    assert_eq!(
        owner["driven_by"]["pid"],
        serve.child.id(),
        "the host has it still"
    );
    let listed = place
        .call(&["checkpoints", "one", "--json"])
        .expect(0)
        .json();
    let labels = listed.as_array().unwrap().iter().map(|one| &one["label"]);
    assert_eq!(labels.collect::<Vec<_>>(), ["here", "here"]);
    place.call(&["cancel", "one"]).expect(0);
    serve.until_said("ended", |line| line["run"] == "one");
    let late = place.call(&["checkpoint", "one", "--label", "late"]);
    assert_eq!(late.code, Some(2), "{}", late.stderr);
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn a_run_that_nobody_drives_is_paused_and_cancelled_without_its_plugins() {
    let place = Place::new();
    place.detach(&taking_its_time(), "one");
    place.call(&["pause", "one"]).expect(0);
    assert_eq!(place.status("one"), "paused");
    // A host finds nothing to do in it.
    let serve = Running::serve(&place, &[]);
    place.detach(&echo_flow(), "two");
    place.until_status("two", "completed");
    assert!(
        !place
            .entries()
            .keys()
            .any(|entry| entry.starts_with("one "))
    );
    drop(serve);
    place.call(&["cancel", "one"]).expect(0);
    assert_eq!(place.status("one"), "cancelled");
}

#[test]
fn an_escalation_beside_a_host_is_answered_and_goes_on_there() {
    let place = Place::new();
    let mut serve = Running::serve(&place, &[]);
    let lock = place.write("Cargo.lock", GIT_LOCK);
    let mut run = place.menagerie();
    run.arg("run")
        .arg(review_by_rules())
        .args(["--id", "git", "--detach"]);
    ended(run.arg("--input").arg(format!("@{}", lock.display()))).expect(0);
    serve.until_said("rests", |line| {
        line["run"] == "git" && line["status"] == "waiting"
    });
    let shown = place.call(&["show", "git", "--json"]).expect(0).json();
    assert_eq!(shown["driven_by"], Value::Null, "nobody holds what waits");
    place.call(&["answer", "git", "continue"]).expect(0);
    serve.until_said("ended", |line| {
        line["run"] == "git" && line["status"] == "completed"
    });
}

#[test]
fn events_are_followed_beside_the_host_that_makes_them_until_the_run_ends() {
    let place = Place::new();
    place.detach(&echo_flow(), "one");
    let mut follower = Running::start(
        place
            .menagerie()
            .args(["events", "one", "--follow", "--json"]),
    );
    let _serve = Running::serve(&place, &[]);
    let followed = follower.ended().expect(0).stdout;
    assert!(
        followed.lines().last().unwrap().contains("run_ended"),
        "{followed}"
    );
    assert_eq!(
        followed,
        place.call(&["events", "one", "--json"]).stdout.trim_end()
    );
}
