//! A new owner: calls that may have been under way are issued again, a bounded number of times.

use menagerie_orchestration::flow::HttpGrant;
use menagerie_orchestration::input::{Input, Wish};
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

#[test]
fn calls_under_way_are_issued_again_as_another_execution() {
    let mut story = Story::of(flow(&["a", "b"]));
    assert_eq!(story.advance(&[Input::Recovered]), ["reissued 2"]);
    assert_eq!(story.call("decision-1").id.execution, 2);
    story.decides(plan().route("one", "a").route("two", "b"));
    let stale = story.completed("one", json!({"stale": true}));
    let before = story.call("one");
    assert_eq!(
        story.advance(&[Input::Recovered]),
        ["reissued 2", "reissued 2"]
    );
    assert!(story.advance(&[stale]).is_empty(), "a stale outcome");
    let after = story.call("one");
    assert_eq!(after.id.attempt, 1);
    assert_eq!(after.id.execution, 2);
    assert_eq!(after.logical_time, before.logical_time);
    story.completes("one", json!({}));
}

#[test]
fn a_step_that_kills_its_host_is_poisoned_after_four_executions() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    for execution in 2..=4 {
        let lines = story.advance(&[Input::Recovered]);
        assert_eq!(lines, [format!("reissued {execution}")]);
    }
    assert_eq!(
        story.advance(&[Input::Recovered]),
        ["one failed poisoned final", "asked 2 wake"]
    );
    assert_eq!(
        story.view().steps[0].error.as_ref().unwrap().code,
        "poisoned"
    );
}

#[test]
fn a_strategy_that_kills_its_host_fails_the_run() {
    let mut story = Story::of(flow(&["a"]));
    for _ in 0..3 {
        story.advance(&[Input::Recovered]);
    }
    assert_eq!(
        story.advance(&[Input::Recovered]),
        ["decision 1 failed poisoned final", "run failed"]
    );
    assert_eq!(story.error(), Some("poisoned"));
}

#[test]
fn a_new_attempt_begins_with_its_first_execution() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    story.advance(&[Input::Recovered]);
    story.fails("one", "transient");
    assert!(
        story.advance(&[Input::Recovered]).is_empty(),
        "nothing is under way between two attempts"
    );
    story.next_timer();
    assert_eq!(story.call("one").id.execution, 1);
}

#[test]
fn only_what_could_have_held_a_slot_is_issued_again() {
    let flow = flow(&["a", "b"])
        .limited(|limits| limits.max_concurrent = 2)
        .with("b", |b| b.priority = 1);
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "a")
            .route("three", "b"),
    );
    story.advance(&[Input::Recovered]);
    let executions = |id: &str| story.call(id).id.execution;
    assert_eq!(executions("three"), 2);
    assert_eq!(executions("one"), 2);
    assert_eq!(executions("two"), 1, "it waited for a slot");
}

#[test]
fn an_agents_own_width_bounds_what_could_have_run() {
    let flow = flow(&["a", "b"])
        .limited(|limits| limits.max_concurrent = 2)
        .with("a", |a| a.max_load = 1);
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "a")
            .route("three", "b"),
    );
    story.advance(&[Input::Recovered]);
    let executions = |id: &str| story.call(id).id.execution;
    assert_eq!(executions("one"), 2);
    assert_eq!(executions("two"), 1, "one of the agent's runs at a time");
    assert_eq!(executions("three"), 2);
}

#[test]
fn what_may_wait_outside_leaves_room_for_others_that_may_have_run() {
    let grant = HttpGrant {
        allow: Vec::new(),
        max_request: 1,
        max_response: 1,
        timeout_ms: 1,
    };
    let flow = flow(&["out", "in"])
        .limited(|limits| limits.max_concurrent = 1)
        .with("out", |out| {
            out.uses.grants.http = Some(grant);
            out.max_load = 1;
        });
    let mut story = Story::of(flow);
    let outside: Vec<String> = (0..20).map(|number| format!("out-{number:02}")).collect();
    let mut plan = plan().route("first", "in").route("second", "in");
    for id in &outside {
        plan = plan.route(id, "out");
    }
    story.decides(plan);
    story.advance(&[Input::Recovered]);
    let again = |id: &str| story.call(id).id.execution == 2;
    assert!(again("first"));
    assert!(!again("second"), "one at a time runs");
    let outside = outside.iter().filter(|id| again(id)).count();
    assert_eq!(outside, 8, "so many wait for each that runs, and no more");
}

#[test]
fn being_resumed_while_paused_poisons_nothing() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    story.wish(Wish::Pause);
    // The call may have been under way when the run was paused: once.
    assert_eq!(story.advance(&[Input::Recovered]), ["reissued 2"]);
    for _ in 0..10 {
        assert!(story.advance(&[Input::Recovered]).is_empty());
    }
    story.wish(Wish::Unpause);
    assert_eq!(story.advance(&[Input::Recovered]), ["reissued 3"]);
}

#[test]
fn a_poisoned_step_falls_back_like_any_other_failure() {
    let flow = flow(&["a", "b"]).with("a", |a| a.fallback = Some("b".to_owned()));
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a"));
    for _ in 0..3 {
        story.advance(&[Input::Recovered]);
    }
    assert_eq!(
        story.advance(&[Input::Recovered]),
        ["one failed poisoned fallback b"]
    );
    assert_eq!(story.call("one").role.to_string(), "agent:b");
}

#[test]
fn duplicates_and_strangers_are_ignored() {
    let mut story = Story::of(flow(&["a"]));
    let decided = story.decided(plan().route("one", "a"));
    story.advance(std::slice::from_ref(&decided));
    assert!(story.advance(&[decided]).is_empty());
    let first = story.completed("one", json!({"n": 1}));
    let mut stranger = first.clone();
    if let Input::StepEnded { call, .. } = &mut stranger {
        call.of = menagerie_orchestration::event::CallOf::Step(
            menagerie_orchestration::event::StepNo(99),
        );
    }
    assert!(story.advance(&[stranger]).is_empty());
    let lines = story.advance(&[first.clone(), first]);
    assert_eq!(lines, ["one completed", "asked 2 wake"]);
}
