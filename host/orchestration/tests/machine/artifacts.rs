//! Artifacts of a run: made, attached, given.

use menagerie_orchestration::artifact::{MOST_ARTIFACT_BYTES, MOST_ARTIFACTS, MOST_BYTES};
use menagerie_orchestration::command::CallRequest;
use menagerie_orchestration::input::Input;
use menagerie_orchestration::run::Run;
use serde_json::json;

use crate::flows::flow;
use crate::story::{DAWN, Story, given, plan, start};

fn begun() -> Story {
    let mut story = Story::of(flow(&["a", "b"]));
    let plan = plan().route("one", "a").route("two", "b");
    story.decides(plan.route("three", "a").after("three", &["one"]).wake_any());
    story
}

#[test]
fn an_artifact_has_an_id_and_a_version_of_its_name() {
    let mut story = begun();
    let put = [
        story.put("one", 0, "notes", "1"),
        story.put("two", 0, "other", "2"),
        story.put("two", 1, "notes", "3"),
    ];
    assert_eq!(
        story.advance(&put),
        [
            "one put artifact-1 notes 1",
            "two put artifact-2 other 1",
            "two put artifact-3 notes 2"
        ]
    );
    for id in [
        "artifact-0",
        "artifact-4",
        "artifact-01",
        "artifact-",
        "1",
        "artifact-+1",
    ] {
        assert_eq!(story.run.artifact(id), None, "{id}");
    }
    assert_eq!(story.run.artifact("artifact-3").unwrap().version, 2);
    story.is_told_again();
}

#[test]
fn an_execution_after_a_crash_makes_nothing_twice() {
    let mut story = begun();
    let asked = story.put("one", 4, "notes", "1");
    story.advance(&[asked]);
    story.advance(&[Input::Recovered]);
    let id = story.call_ids()[0];
    assert_eq!(story.run.artifact_made(id, 4).unwrap().id, "artifact-1");
    assert_eq!(story.run.artifact_made(id, 3), None);
    let again = story.put("one", 4, "notes", "1");
    assert!(story.advance(&[again]).is_empty());
    story.fails("one", "transient");
    story.next_timer();
    let another_attempt = story.put("one", 4, "notes", "1");
    let lines = story.advance(&[another_attempt]);
    assert_eq!(lines, ["one put artifact-2 notes 2"]);
    story.is_told_again();
}

#[test]
fn what_a_step_attaches_is_given_to_those_behind_it_and_to_all_that_is_asked_for_later() {
    let mut story = begun();
    let put = [
        story.put("one", 0, "notes", "1"),
        story.put("one", 1, "draft", "2"),
        story.put("two", 0, "other", "3"),
    ];
    story.advance(&put);
    assert!(story.given("one").is_empty() && story.given("two").is_empty());
    let ended = story.attaching("one", &["artifact-1"]);
    story.advance(&[ended]);
    assert_eq!(story.given("three"), ["artifact-1"]);
    assert!(story.given("two").is_empty(), "it was under way");
    let ended = story.attaching("two", &["artifact-3", "artifact-1"]);
    story.advance(&[ended]);
    assert_eq!(story.given("three"), ["artifact-1"], "it had begun");
    story.decides(plan().route("four", "b"));
    assert_eq!(story.given("four"), ["artifact-1", "artifact-3"]);
    story.is_told_again();
}

#[test]
fn an_outcome_that_attaches_what_the_run_does_not_have_is_no_outcome() {
    let forged = |story: &Story| {
        let mut input = story.attaching("one", &["artifact-1"]);
        if let Input::StepEnded {
            result: menagerie_orchestration::event::StepResult::Completed { attachments, .. },
            ..
        } = &mut input
        {
            attachments[0].digest = format!("sha256:{}", "0".repeat(64));
        }
        input
    };
    let unknown = |story: &Story| story.attaching("one", &["artifact-2"]);
    let cases: [&dyn Fn(&Story) -> Input; 2] = [&forged, &unknown];
    for case in cases {
        let mut story = begun();
        let asked = story.put("one", 0, "notes", "1");
        story.advance(&[asked]);
        let ended = case(&story);
        let lines = story.advance(&[ended]);
        assert_eq!(lines[0], "one failed output final");
        story.is_told_again();
    }
}

#[test]
fn a_run_has_so_many_artifacts_and_so_many_bytes_of_them() {
    let mut story = begun();
    let puts: Vec<Input> = (0..=MOST_ARTIFACTS)
        .map(|number| story.put("one", u32::try_from(number).unwrap(), "notes", "x"))
        .collect();
    assert_eq!(story.advance(&puts).len(), MOST_ARTIFACTS);

    let mut story = begun();
    let sized = |story: &Story, ordinal, size| {
        let mut input = story.put("one", ordinal, "notes", "x");
        if let Input::ArtifactPut(new) = &mut input {
            new.artifact.size = size;
        }
        input
    };
    let too_large = sized(&story, 0, MOST_ARTIFACT_BYTES + 1);
    assert!(story.advance(&[too_large]).is_empty());
    let fits = u32::try_from(MOST_BYTES / MOST_ARTIFACT_BYTES).unwrap();
    let puts: Vec<Input> = (1..=fits + 1)
        .map(|ordinal| sized(&story, ordinal, MOST_ARTIFACT_BYTES))
        .collect();
    assert_eq!(story.advance(&puts).len(), fits as usize);
}

#[test]
fn a_put_by_a_call_that_is_not_outstanding_makes_nothing() {
    let mut story = begun();
    let late = story.put("one", 0, "notes", "1");
    story.completes("one", json!({}));
    assert!(story.advance(&[late]).is_empty());
    assert!(story.run.artifacts().is_empty());
}

/// A run that is given two versions of a file.
fn begun_with_files() -> Story {
    let flow = std::sync::Arc::new(flow(&["a", "b"]));
    let mut begin = start(&flow, json!({}));
    if let Input::Start(start) = &mut begin {
        start.artifacts = vec![given("notes", "1"), given("notes", "2")];
    }
    let mut story = Story {
        run: Run::new(flow.clone()),
        now: DAWN,
        journal: Vec::new(),
        flow,
    };
    story.advance(&[begin]);
    story
}

#[test]
fn what_a_run_is_given_are_its_first_artifacts_and_go_with_its_input() {
    let mut story = begun_with_files();
    assert_eq!(story.run.artifact("artifact-2").unwrap().version, 2);
    story.decides(plan().route("one", "a"));
    assert_eq!(story.given("one"), ["artifact-1", "artifact-2"]);
    let put = story.put("one", 0, "more", "3");
    assert_eq!(story.advance(&[put]), ["one put artifact-3 more 1"]);
    story.is_told_again();
}

#[test]
fn a_strategy_is_neither_given_what_is_attached_nor_told_of_it() {
    let mut story = begun_with_files();
    let asked = |story: &Story, decision: &str| {
        assert!(story.given(decision).is_empty(), "{decision}");
        let CallRequest::Decide { view } = story.call(decision).request else {
            panic!("{decision} is a strategy's");
        };
        let shown = serde_json::to_string(&view).unwrap();
        for word in ["artifact", "attach", "notes"] {
            assert!(!shown.contains(word), "{shown}");
        }
    };
    asked(&story, "decision-1");
    story.decides(plan().route("one", "a"));
    let ended = story.attaching("one", &["artifact-2"]);
    story.advance(&[ended]);
    asked(&story, "decision-2");
    story.is_told_again();
}

#[test]
fn what_a_member_attaches_goes_past_the_join_to_those_behind_it() {
    let mut story = Story::of(flow(&["a", "b"]));
    let parallel = plan().route("one", "a").route("two", "b");
    let parallel = parallel.join("joined", "merge", &["one", "two"]);
    story.decides(parallel.route("last", "a").after("last", &["joined"]));
    let put = story.put("one", 0, "notes", "1");
    story.advance(&[put]);
    let ended = story.attaching("one", &["artifact-1"]);
    story.advance(&[ended]);
    story.completes("two", json!({}));
    let CallRequest::Aggregate { members } = story.call("joined").request else {
        panic!("an aggregator is asked");
    };
    let shown = format!("{members:?}");
    assert!(!shown.contains("artifact"), "{shown}");
    story.completes("joined", json!({}));
    assert_eq!(story.given("last"), ["artifact-1"]);
    story.is_told_again();
}
