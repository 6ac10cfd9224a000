//! The run's total time: what counts against it and what does not.

use std::collections::BTreeMap;
use std::time::Duration;

use menagerie_orchestration::decision::Wake;
use menagerie_orchestration::event::{Answer, TimerId};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::{Input, Wish};
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{DAWN, Story, plan};

fn ten_seconds() -> Flow {
    flow(&["a", "b"]).limited(|limits| limits.total_timeout = Duration::from_secs(10))
}

fn total(story: &Story) -> Option<i64> {
    story
        .timers()
        .get(&TimerId::Total)
        .map(|due| due.0 - DAWN.0)
}

#[test]
fn a_run_ends_when_its_time_is_up() {
    let mut story = Story::of(ten_seconds());
    assert_eq!(total(&story), Some(10_000));
    story.later(4_000);
    story.decides(plan().route("one", "a"));
    assert_eq!(total(&story), Some(10_000));
    let fired = Input::TimerFired(TimerId::Total);
    story.later(5_999);
    assert!(story.advance(std::slice::from_ref(&fired)).is_empty());
    story.later(1);
    assert_eq!(story.advance(&[fired]), ["run failed"]);
    assert_eq!(story.error(), Some("total_timeout"));
    assert_eq!(story.status_of("one"), "cancelled");
    assert_eq!(
        story.run.ended().unwrap().reason,
        "the run took longer than 10 s (limits.total_timeout)"
    );
}

#[test]
fn back_offs_count() {
    let mut story = Story::of(ten_seconds());
    story.decides(plan().route("one", "a"));
    story.fails("one", "transient");
    assert_eq!(total(&story), Some(10_000));
    story.next_timer();
    assert_eq!(total(&story), Some(10_000));
}

#[test]
fn gates_do_not_count() {
    let mut story = Story::of(ten_seconds());
    story.later(3_000);
    story.decides(plan().step("escalate", "question", "a"));
    assert_eq!(total(&story), None);
    story.later(1_000_000);
    let hints = BTreeMap::new();
    story.answers("question", Answer::Retry { hints });
    assert_eq!(total(&story), Some(1_010_000));
    story.completes("question", json!({}));
    assert_eq!(total(&story), Some(1_010_000));
}

#[test]
fn a_gate_beside_work_does_not_stop_the_clock() {
    let mut story = Story::of(ten_seconds());
    story.decides(
        plan()
            .step("escalate", "question", "a")
            .route("one", "b")
            .wake_these(&["question"]),
    );
    assert_eq!(total(&story), Some(10_000));
    story.later(4_000);
    story.completes("one", json!({}));
    assert_eq!(total(&story), None);
}

#[test]
fn pauses_do_not_count() {
    let mut story = Story::of(ten_seconds());
    story.decides(plan().route("one", "a"));
    story.later(2_000).wish(Wish::Pause);
    assert_eq!(total(&story), None);
    story.later(500_000).wish(Wish::Unpause);
    assert_eq!(total(&story), Some(510_000));
}

#[test]
fn the_clock_of_the_host_may_go_back() {
    let mut story = Story::of(ten_seconds());
    story.decides(plan().route("one", "a"));
    story.later(-5_000);
    story.completes("one", json!({}));
    assert_eq!(story.run.last_at(), DAWN);
    assert_eq!(total(&story), Some(10_000));
    story.decides(plan().end("completed"));
    assert_eq!(story.status(), RunStatus::Completed);
}

#[test]
fn a_wake_timer_outlives_a_pause() {
    let mut story = Story::of(ten_seconds());
    story.decides(plan().route("one", "a").wake(Wake::Timer(1_000)));
    story.wish(Wish::Pause);
    assert!(story.timers().is_empty(), "{:?}", story.timers());
    assert_eq!(
        story.later(5_000).wish(Wish::Unpause),
        ["unpaused", "asked 2 wake"]
    );
}

#[test]
fn a_wish_does_not_hold_up_the_total_time() {
    let mut story = Story::of(ten_seconds());
    story.decides(plan().route("one", "a"));
    for _ in 0..5 {
        story.later(1_000);
        story.answers("one", Answer::Skip);
    }
    assert_eq!(total(&story), Some(10_000));
}
