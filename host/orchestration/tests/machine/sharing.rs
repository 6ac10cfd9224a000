//! What a run's steps share.

use menagerie_orchestration::input::{Forked, Input};
use menagerie_orchestration::shared::{MOST_BYTES, MOST_CHANGES, MOST_VALUE_BYTES};
use serde_json::{Value, json};

use crate::flows::flow;
use crate::story::{Story, plan};

fn racing() -> Story {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a").route("two", "b"));
    story
}

fn value(story: &Story, key: &str) -> Option<(u32, Value)> {
    let found = story.run.shared(key)?;
    Some((found.version, found.value.value().clone()))
}

#[test]
fn of_two_steps_that_race_one_wins_and_the_other_learns_of_it() {
    let mut story = racing();
    let race = [
        story.change("two", 0, ("claim", None), json!("two")),
        story.change("one", 0, ("claim", None), json!("one")),
    ];
    let lines = story.advance(&race);
    assert_eq!(
        lines,
        ["two set claim to version 1", "one found version 1 of claim"]
    );
    assert_eq!(value(&story, "claim"), Some((1, json!("two"))));
    let second = story.change("one", 1, ("claim", Some(1)), json!("one"));
    assert_eq!(story.advance(&[second]), ["one set claim to version 2"]);
    let absent = story.change("one", 2, ("other", Some(1)), json!(0));
    assert_eq!(story.advance(&[absent]), ["one found no other"]);
    story.is_told_again();
}

#[test]
fn a_value_that_is_taken_away_leaves_its_version_behind() {
    let mut story = racing();
    let nothing = story.change("one", 0, ("n", None), None);
    assert_eq!(story.advance(&[nothing]), ["one found no n"]);
    let set = story.change("one", 1, ("n", None), json!(1));
    story.advance(&[set]);
    let old = story.change("two", 0, ("n", Some(2)), None);
    assert_eq!(story.advance(&[old]), ["two found version 1 of n"]);
    let take = |story: &Story| story.change("two", 1, ("n", Some(1)), None);
    let lines = story.advance(&[take(&story)]);
    assert_eq!(lines, ["two took n away, as version 2"]);
    assert_eq!(value(&story, "n"), None);
    // Not twice, whatever became of the execution.
    story.advance(&[Input::Recovered]);
    assert!(story.advance(&[take(&story)]).is_empty(), "it is gone");
    // Whoever has seen the old value does not take a new one for it.
    let again = story.change("one", 2, ("n", None), json!(null));
    assert_eq!(story.advance(&[again]), ["one set n to version 3"]);
    assert_eq!(value(&story, "n"), Some((3, json!(null))));
    let stale = story.change("two", 2, ("n", Some(1)), json!(7));
    assert_eq!(story.advance(&[stale]), ["two found version 3 of n"]);
    story.is_told_again();
}

/// A run that shares as many of the largest values as there is room for, `key-0000` and so on, and such a value.
fn full() -> (Story, Value) {
    let mut story = racing();
    let most = json!("x".repeat(MOST_VALUE_BYTES - 2));
    let fits = MOST_BYTES / (MOST_VALUE_BYTES + 8);
    for number in 0..fits {
        let key = format!("key-{number:04}");
        let ordinal = u32::try_from(number).unwrap();
        let set = story.change("one", ordinal, (&key, None), most.clone());
        assert_eq!(
            story.advance(&[set]),
            [format!("one set {key} to version 1")]
        );
    }
    (story, most)
}

#[test]
fn what_is_taken_away_makes_room_but_for_its_key() {
    let (mut story, most) = full();
    let more =
        |story: &Story, ordinal| story.change("one", ordinal, ("one-more", None), most.clone());
    let refused = more(&story, 100);
    assert_eq!(
        story.advance(&[refused]),
        ["one found no room for one-more"]
    );
    let take = story.change("one", 101, ("key-0000", Some(1)), None);
    story.advance(&[take]);
    let set = more(&story, 102);
    assert_eq!(story.advance(&[set]), ["one set one-more to version 1"]);
    story.is_told_again();
}

#[test]
fn an_execution_after_a_crash_never_sets_twice() {
    let mut story = racing();
    let set = |story: &Story| story.change("one", 3, ("n", None), json!(1));
    story.advance(&[set(&story)]);
    story.advance(&[Input::Recovered]);
    let id = story.call_ids()[0];
    assert_eq!(story.run.shared_version_made(id, 3), Some(1));
    assert_eq!(story.run.shared_version_made(id, 2), None);
    assert!(story.advance(&[set(&story)]).is_empty(), "it is set");
    // Somebody else may have changed it since: what this attempt made is still version 1.
    let other = story.change("two", 0, ("n", Some(1)), json!(2));
    story.advance(&[other]);
    assert_eq!(story.run.shared_version_made(id, 3), Some(1));
    assert_eq!(value(&story, "n"), Some((2, json!(2))));
    // Another attempt has numbers of its own.
    story.fails("one", "transient");
    story.next_timer();
    let attempt = story.change("one", 3, ("n", None), json!(1));
    assert_eq!(story.advance(&[attempt]), ["one found version 2 of n"]);
    story.is_told_again();
}

#[test]
fn a_change_by_a_call_that_is_not_outstanding_is_none() {
    let mut story = racing();
    let late = story.change("one", 0, ("n", None), json!(1));
    story.advance(&[Input::Recovered]);
    assert!(story.advance(&[late]).is_empty(), "an earlier execution");
    let late = story.change("one", 0, ("n", None), json!(1));
    story.completes("one", json!({}));
    assert!(story.advance(&[late]).is_empty(), "a step that has ended");
    assert_eq!(value(&story, "n"), None);
    story.is_told_again();
}

#[test]
fn a_change_stands_though_its_step_fails() {
    let mut story = racing();
    let set = story.change("one", 0, ("n", None), json!(1));
    story.advance(&[set]);
    story.fails("one", "permanent");
    assert_eq!(value(&story, "n"), Some((1, json!(1))));
    story.is_told_again();
}

#[test]
fn what_a_run_shares_is_bounded_in_bytes() {
    let (mut story, most) = full();
    let set = story.change("one", 100, ("one-more", None), most.clone());
    assert_eq!(story.advance(&[set]), ["one found no room for one-more"]);
    // What is replaced makes room.
    let smaller = story.change("one", 101, ("key-0000", Some(1)), json!(0));
    story.advance(&[smaller]);
    let set = story.change("one", 102, ("one-more", None), most);
    assert_eq!(story.advance(&[set]), ["one set one-more to version 1"]);
}

#[test]
fn what_a_run_shares_is_changed_so_often_and_no_more() {
    let mut story = racing();
    let changes: Vec<Input> = (0..=MOST_CHANGES)
        .map(|number| {
            story.change(
                "one",
                number,
                ("n", number.checked_sub(1).map(|n| n + 1)),
                json!(0),
            )
        })
        .collect();
    let lines = story.advance(&changes);
    let all = usize::try_from(MOST_CHANGES).unwrap();
    assert_eq!(lines.len(), all + 1);
    assert_eq!(
        lines[all - 1],
        format!("one set n to version {MOST_CHANGES}")
    );
    assert_eq!(lines[all], "one found no room for n");
}

#[test]
fn a_fork_keeps_what_is_shared_and_executes_what_was_under_way_afresh() {
    let mut story = racing();
    let set = story.change("one", 0, ("n", None), json!(1));
    story.advance(&[set]);
    let events = story.run.next_seq();
    story.advance(&[Input::Forked(Box::new(Forked {
        run: "run-2".to_owned(),
        from: "run-1".to_owned(),
        events,
        input: None,
        supersedes: false,
        by: "me".to_owned(),
    }))]);
    story.advance(&[Input::Recovered]);
    assert_eq!(value(&story, "n"), Some((1, json!(1))));
    let again = story.change("one", 0, ("n", None), json!(1));
    assert_eq!(story.advance(&[again]), ["one found version 1 of n"]);
    story.is_told_again();
}
