//! What a run comes to does not depend on which parallel step ends first; what waits for a slot
//! is ordered by priority, then by the work behind it.

use std::time::Duration;

use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Collision;
use serde_json::{Value, json};

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

fn four_at_once(order: [usize; 4]) -> (Value, Vec<Collision>, Value) {
    let agents = ["a", "b", "c", "d"];
    let mut story = Story::with_input(flow(&agents), json!({"key": 0}));
    let mut decision = plan();
    for agent in agents {
        decision = decision.route(agent, agent);
    }
    story.decides(decision.route("last", "a").after("last", &agents));
    for index in order {
        let name = agents[index];
        let output = if index == 3 {
            json!([index])
        } else {
            json!({"key": index + 1, name: index})
        };
        story.completes(name, output);
    }
    let seen = story.input_of("last");
    story.completes("last", json!({}));
    let mut collisions = story.run.collisions().to_vec();
    collisions.sort_by_key(|found| (found.dropped, found.kept));
    (story.result(), collisions, seen)
}

#[test]
fn the_state_does_not_depend_on_the_order_in_which_parallel_steps_end() {
    let (state, collisions, seen) = four_at_once([0, 1, 2, 3]);
    assert_eq!(
        state,
        json!({"key": 3, "a": 0, "b": 1, "c": 2, "d_output": [3]})
    );
    assert_eq!(seen, state);
    assert_eq!(collisions.len(), 2);
    for first in 0..4 {
        for second in 0..4 {
            for third in 0..4 {
                let Some(last) = (0..4).find(|n| ![first, second, third].contains(n)) else {
                    continue;
                };
                if first == second || second == third || first == third {
                    continue;
                }
                let (other, noted, sees) = four_at_once([first, second, third, last]);
                assert_eq!(other, state);
                assert_eq!(sees, state);
                assert!(!noted.is_empty(), "a collision is noted");
            }
        }
    }
}

#[test]
fn a_step_overwrites_what_it_saw_wherever_the_decision_names_it() {
    let mut story = Story::with_input(flow(&["a", "b"]), json!({"n": 0}));
    story.decides(
        plan()
            .route("second", "b")
            .route("first", "a")
            .after("second", &["first"]),
    );
    story.completes("first", json!({"n": 1}));
    assert_eq!(story.input_of("second"), json!({"n": 1}));
    story.completes("second", json!({"n": 2}));
    assert_eq!(story.result(), json!({"n": 2}));
    assert!(story.run.collisions().is_empty());
}

#[test]
fn of_parallel_steps_the_one_named_later_stands() {
    let mut story = Story::with_input(flow(&["a", "b"]), json!({}));
    story.decides(plan().route("one", "a").route("two", "b"));
    story.completes("two", json!({"n": "two"}));
    story.completes("one", json!({"n": "one"}));
    assert_eq!(story.result(), json!({"n": "two"}));
    let noted = &story.run.collisions()[0];
    assert_eq!(noted.key, "n");
    assert_eq!(noted.kept, story.step("two").no);
    assert_eq!(noted.dropped, story.step("one").no);
}

fn estimated(flow: Flow, agent: &str, seconds: u64) -> Flow {
    flow.with(agent, |agent| {
        agent.estimated = Some(Duration::from_secs(seconds));
    })
}

#[test]
fn the_longest_chain_of_work_goes_first() {
    let mut flow = flow(&["short", "long", "tail", "wide"]);
    for (agent, seconds) in [("short", 1), ("long", 5), ("tail", 10), ("wide", 7)] {
        flow = estimated(flow, agent, seconds);
    }
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("lonely", "long")
            .route("wide", "wide")
            .route("head", "short")
            .route("tail", "tail")
            .after("tail", &["head"]),
    );
    assert_eq!(story.step("head").critical_path_ms, 11_000);
    assert_eq!(story.step("tail").critical_path_ms, 10_000);
    assert_eq!(story.calls(), ["head", "wide", "lonely"]);
}

#[test]
fn priority_goes_before_the_critical_path_and_the_order_of_the_decision_breaks_ties() {
    let flow = estimated(flow(&["a", "b"]), "a", 60).with("b", |b| b.priority = 1);
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("slow-1", "a")
            .route("slow-2", "a")
            .route("urgent", "b"),
    );
    assert_eq!(story.calls(), ["urgent", "slow-1", "slow-2"]);
}

#[test]
fn steps_run_in_the_order_of_their_dependencies_alone() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(
        plan()
            .route("bottom", "a")
            .route("left", "a")
            .route("right", "a")
            .route("top", "a")
            .after("left", &["top"])
            .after("right", &["top"])
            .after("bottom", &["left", "right"])
            .after("bottom", &["left"]),
    );
    assert_eq!(story.calls(), ["top"]);
    story.completes("top", json!({}));
    assert_eq!(story.calls(), ["left", "right"]);
    story.completes("right", json!({}));
    assert_eq!(story.calls(), ["left"]);
    story.completes("left", json!({}));
    assert_eq!(story.calls(), ["bottom"]);
}

#[test]
fn a_step_may_wait_for_one_that_an_earlier_decision_started() {
    let mut story = Story::with_input(flow(&["a", "b", "c"]), json!({}));
    story.decides(plan().route("slow", "a").route("fast", "b").wake_any());
    story.completes("fast", json!({"fast": 1}));
    story.decides(plan().route("next", "c").after("next", &["slow", "fast"]));
    assert_eq!(story.calls(), ["slow"]);
    story.completes("slow", json!({"slow": 1}));
    assert_eq!(story.input_of("next"), json!({"fast": 1, "slow": 1}));
}
