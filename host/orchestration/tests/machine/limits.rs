//! Bounds on a run, and ways to stop it.

use menagerie_orchestration::event::TimerId;
use menagerie_orchestration::input::{Input, Wish};
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

#[test]
fn a_decision_beyond_max_steps_is_refused_with_the_figures() {
    let flow = flow(&["a"]).limited(|limits| limits.max_steps = 3);
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a").route("two", "a"));
    story.completes("one", json!({}));
    story.completes("two", json!({}));
    assert_eq!(story.view().steps_left, 1);
    let plan = plan().route("three", "a").join("j", "merge", &["three"]);
    assert_eq!(
        story.decides(plan),
        ["decision 2 failed too_many_steps final", "run failed"]
    );
    let reason = &story.run.ended().unwrap().reason;
    assert!(reason.contains("2 more steps are asked for, 1 of 3 are left"));
}

#[test]
fn a_run_may_use_exactly_its_steps() {
    let flow = flow(&["a"]).limited(|limits| limits.max_steps = 2);
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a").route("two", "a").wake_any());
    story.completes("one", json!({}));
    story.decides(plan().wake_any());
    story.completes("two", json!({}));
    story.decides(plan().end("completed"));
    assert_eq!(story.status(), RunStatus::Completed);
}

#[test]
fn retries_and_fallbacks_use_steps_and_never_more_than_there_are() {
    let flow = flow(&["a", "b"])
        .with("a", |a| a.fallback = Some("b".to_owned()))
        .limited(|limits| limits.max_steps = 5);
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "a")
            .route("three", "a"),
    );
    assert_eq!(story.run.steps_left(), 2);
    assert_eq!(
        story.fails("one", "transient"),
        ["one failed transient retry"]
    );
    assert_eq!(
        story.fails("two", "permanent"),
        ["two failed permanent fallback b"]
    );
    assert_eq!(story.run.steps_left(), 0);
    assert_eq!(
        story.fails("three", "transient"),
        ["three failed transient final"]
    );
    story.next_timer();
    assert_eq!(story.run.steps_left(), 0);
}

#[test]
fn asking_for_ever_ends_at_max_decisions() {
    let flow = flow(&["a"]).limited(|limits| limits.max_decisions = 3);
    let mut story = Story::of(flow);
    for round in 0..3 {
        let id = format!("round-{round}");
        story.decides(plan().route(&id, "a"));
        story.completes(&id, json!({}));
    }
    assert_eq!(story.error(), Some("too_many_decisions"));
    assert_eq!(story.run.decisions(), 3);
}

#[test]
fn no_decisions_at_all_end_the_run_at_its_start() {
    let flow = flow(&["a"]).limited(|limits| limits.max_decisions = 0);
    let story = Story::of(flow);
    assert_eq!(story.error(), Some("too_many_decisions"));
}

#[test]
fn a_cancelled_run_has_nothing_outstanding_and_ignores_what_comes_late() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a").route("two", "b"));
    story.fails("two", "transient");
    let late = [
        story.completed("one", json!({"late": 1})),
        Input::TimerFired(TimerId::Total),
        Input::Recovered,
        crate::story::wished(Wish::Pause),
    ];
    let lines = story.wish(Wish::Cancel {
        reason: "enough".to_owned(),
    });
    assert_eq!(lines, ["run cancelled"]);
    assert_eq!(
        story.run.ended().unwrap().reason,
        "cancelled by ann: enough"
    );
    assert!(story.run.outstanding().is_empty());
    story.later(10_000_000);
    assert!(story.advance(&late).is_empty());
    assert_eq!(story.result(), json!({"input": 1}));
}

#[test]
fn a_cancel_in_the_same_advance_as_an_outcome_keeps_the_outcome() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    let inputs = [
        story.completed("one", json!({"done": 1})),
        crate::story::wished(Wish::Cancel {
            reason: String::new(),
        }),
    ];
    assert_eq!(story.advance(&inputs), ["one completed", "run cancelled"]);
    assert_eq!(story.result(), json!({"input": 1, "done": 1}));
}

#[test]
fn a_paused_run_starts_nothing_and_takes_what_was_under_way() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a").route("two", "b").wake_any());
    assert_eq!(story.wish(Wish::Pause), ["paused"]);
    assert_eq!(story.status(), RunStatus::Paused);
    assert!(story.wish(Wish::Pause).is_empty());
    assert_eq!(story.completes("one", json!({})), ["one completed"]);
    assert_eq!(story.asked(), None);
    assert_eq!(story.wish(Wish::Unpause), ["unpaused", "asked 2 wake"]);
    assert!(story.wish(Wish::Unpause).is_empty());
    assert_eq!(story.view().steps.len(), 2);
}

#[test]
fn a_decision_under_way_when_the_run_is_paused_is_taken_but_starts_nothing() {
    let mut story = Story::of(flow(&["a"]));
    story.wish(Wish::Pause);
    story.decides(plan().route("one", "a"));
    let commands = story.run.outstanding();
    assert!(commands.iter().all(|command| matches!(
        command,
        menagerie_orchestration::command::Command::Call {
            may_start: false,
            ..
        }
    )));
    story.wish(Wish::Unpause);
    story.completes("one", json!({}));
}
