//! When a strategy is asked again: once a state, and never too late.

use menagerie_orchestration::decision::Wake;
use menagerie_orchestration::event::TimerId;
use menagerie_orchestration::input::Input;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{Plan, Story, plan};

fn three() -> Plan {
    plan()
        .route("one", "a")
        .route("two", "b")
        .route("three", "c")
}

#[test]
fn all_finished_asks_when_nothing_runs_any_more() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three());
    assert_eq!(story.completes("two", json!({})), ["two completed"]);
    assert_eq!(story.completes("one", json!({})), ["one completed"]);
    assert_eq!(
        story.completes("three", json!({})),
        ["three completed", "asked 2 wake"]
    );
}

#[test]
fn any_finished_asks_as_soon_as_one_ends() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_any());
    assert_eq!(
        story.completes("two", json!({})),
        ["two completed", "asked 2 wake"]
    );
}

#[test]
fn these_asks_when_each_of_them_has_ended() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_these(&["one", "three"]));
    assert_eq!(story.completes("one", json!({})), ["one completed"]);
    assert_eq!(story.completes("two", json!({})), ["two completed"]);
    assert_eq!(
        story.fails("three", "permanent"),
        ["three failed permanent final", "asked 2 wake"]
    );
}

#[test]
fn a_timer_asks_at_its_time_while_steps_run_on() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake(Wake::Timer(5_000)));
    assert_eq!(story.completes("one", json!({})), ["one completed"]);
    assert_eq!(story.timers()[&TimerId::Wake(1)].0, story.now.0 + 5_000);
    assert_eq!(story.next_timer(), ["asked 2 wake"]);
    assert_eq!(story.calls(), ["decision-2", "two", "three"]);
}

#[test]
fn a_timer_asks_sooner_when_nothing_runs_any_more() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a").wake(Wake::Timer(5_000)));
    assert_eq!(
        story.completes("one", json!({})),
        ["one completed", "asked 2 wake"]
    );
}

#[test]
fn a_timer_alone_may_wake() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().wake(Wake::Timer(5_000)));
    assert_eq!(story.next_timer(), ["asked 2 wake"]);
}

#[test]
fn a_timer_that_fires_early_or_twice_changes_nothing() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a").wake(Wake::Timer(5_000)));
    let fired = Input::TimerFired(TimerId::Wake(1));
    story.later(4_999);
    assert!(story.advance(std::slice::from_ref(&fired)).is_empty());
    story.later(1);
    assert_eq!(
        story.advance(&[fired.clone(), fired.clone()]),
        ["asked 2 wake"]
    );
    assert!(story.advance(&[fired]).is_empty());
}

#[test]
fn a_timer_and_a_step_in_one_advance_are_one_question() {
    for timer_first in [true, false] {
        let mut story = Story::of(flow(&["a", "b"]));
        story.decides(
            plan()
                .route("one", "a")
                .route("two", "b")
                .after("two", &["one"])
                .wake(Wake::Timer(1_000)),
        );
        story.later(1_000);
        let mut inputs = vec![
            Input::TimerFired(TimerId::Wake(1)),
            story.failed("one", "permanent"),
        ];
        if !timer_first {
            inputs.reverse();
        }
        let lines = story.advance(&inputs);
        assert_eq!(
            lines,
            [
                "one failed permanent final",
                "two skipped: dependency_failed: the step `one` failed",
                "asked 2 wake"
            ],
            "timer first: {timer_first}"
        );
        assert_eq!(story.view().steps.len(), 2);
    }
}

#[test]
fn a_failure_asks_at_once_when_the_strategy_wished_so() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_on_failure());
    assert_eq!(story.completes("two", json!({})), ["two completed"]);
    assert_eq!(
        story.fails("one", "permanent"),
        ["one failed permanent final", "asked 2 failure"]
    );
}

#[test]
fn steps_that_end_together_are_one_question() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_any());
    let inputs = [
        story.completed("one", json!({})),
        story.failed("two", "permanent"),
        story.completed("three", json!({})),
    ];
    let lines = story.advance(&inputs);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("asked"))
            .count(),
        1
    );
    assert_eq!(story.view().steps.len(), 3);
}

#[test]
fn what_ends_while_the_strategy_decides_wakes_it_again() {
    // The strategy answers a view in which `two` still ran.
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_any());
    story.completes("one", json!({}));
    assert_eq!(story.completes("two", json!({})), ["two completed"]);
    let lines = story.decides(plan().wake_any());
    assert_eq!(lines, ["decided 2", "asked 3 wake"]);
    let seen: Vec<_> = story.view().steps.iter().map(|s| s.id.clone()).collect();
    assert_eq!(seen, ["two", "three"]);
}

#[test]
fn a_failure_while_the_strategy_decides_is_not_missed() {
    let mut story = Story::of(flow(&["a", "b", "c"]));
    story.decides(three().wake_any());
    story.completes("one", json!({}));
    story.fails("two", "permanent");
    let lines = story.decides(plan().wake_on_failure());
    assert_eq!(lines, ["decided 2", "asked 3 failure"]);
}

#[test]
fn an_empty_answer_is_no_stall_when_the_last_step_ended_meanwhile() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a").route("two", "b").wake_any());
    story.completes("one", json!({}));
    // Asked while `two` ran, the strategy has nothing to start; `two` ends before it says so.
    story.completes("two", json!({}));
    let lines = story.decides(plan());
    assert_eq!(lines, ["decided 2", "asked 3 wake"]);
    assert_eq!(
        story.decides(plan()),
        ["decision 3 failed stalled final", "run failed"]
    );
}

#[test]
fn an_empty_start_is_legal_while_something_runs_or_waits() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .route("one", "a")
            .step("escalate", "two", "b")
            .wake_any(),
    );
    story.completes("one", json!({}));
    assert_eq!(story.decides(plan().wake_any()), ["decided 2"]);
    assert_eq!(story.status().word(), "waiting");
}

#[test]
fn waking_at_once_for_ever_ends_by_name() {
    let flow = flow(&["a"]).limited(|limits| limits.max_steps = 5);
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a").route("two", "a").wake_any());
    story.completes("one", json!({}));
    while story.asked().is_some() {
        story.decides(plan().wake_these(&["one"]));
        assert!(story.journal.len() <= 28, "{}", story.journal.len());
    }
    assert_eq!(story.error(), Some("too_many_steps"));
}

#[test]
fn polling_by_timer_for_ever_ends_by_name() {
    let flow = flow(&["a"]).limited(|limits| limits.max_steps = 5);
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a").wake(Wake::Timer(1)));
    while !story.status().is_final() {
        story.next_timer();
        if story.asked().is_some() {
            story.decides(plan().wake(Wake::Timer(1)));
        }
        assert!(story.journal.len() <= 28, "{}", story.journal.len());
    }
    assert_eq!(story.error(), Some("too_many_steps"));
}
