//! Answers to escalations, and those that are refused.

use std::collections::BTreeMap;

use menagerie_orchestration::event::Answer;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

/// A run in which the step `s` of the agent `a` waits for an answer, and `t` waits for `s`.
fn waiting() -> Story {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("s", "a").route("t", "b").after("t", &["s"]));
    story.fails("s", "escalate");
    assert_eq!(story.status(), RunStatus::Waiting);
    story
}

fn retry() -> Answer {
    Answer::Retry {
        hints: BTreeMap::from([("say".to_owned(), json!("please").into())]),
    }
}

fn reroute(agent: &str) -> Answer {
    Answer::Reroute {
        agent: agent.to_owned(),
    }
}

#[test]
fn retry_makes_another_attempt_that_is_told_the_hints() {
    let mut story = waiting();
    assert_eq!(story.answers("s", retry()), ["s answered retry"]);
    let call = story.call("s");
    assert_eq!(call.id.attempt, 2);
    assert_eq!(call.hints["say"].value(), "please");
    assert_eq!(call.last_fault.unwrap().code, "escalate");
    story.completes("s", json!({"ok": 1}));
    assert_eq!(story.input_of("t"), json!({"input": 1, "ok": 1}));
}

#[test]
fn a_call_of_which_nobody_knows_what_came_waits_for_a_person_whatever_the_flow_says_of_failures() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("s", "a"));
    story.fails("s", "call-outcome-unknown");
    assert_eq!(story.status(), RunStatus::Waiting);
    story.answers("s", retry());
    assert_eq!(story.call("s").id.attempt, 2);
    // Where the grant says that it is to fail, it fails, and is not tried again.
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("s", "a"));
    story.fails("s", "call-outcome-unknown-failed");
    assert_eq!(story.status_of("s"), "failed");
}

#[test]
fn retry_of_a_question_runs_its_agent() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().step("escalate", "s", "a"));
    story.answers("s", retry());
    assert_eq!(story.call("s").id.attempt, 1);
    assert_eq!(story.call("s").role.to_string(), "agent:a");
}

#[test]
fn skip_leaves_the_step_out_and_goes_on() {
    let mut story = waiting();
    assert_eq!(story.answers("s", Answer::Skip), ["s answered skip"]);
    assert_eq!(story.status_of("s"), "skipped");
    assert_eq!(story.calls(), ["t"]);
}

#[test]
fn reroute_lets_another_agent_do_it() {
    let mut story = waiting();
    story.answers("s", reroute("b"));
    assert_eq!(story.call("s").role.to_string(), "agent:b");
    story.completes("s", json!(1));
    assert_eq!(story.result(), json!({"input": 1, "b_output": 1}));
}

#[test]
fn continue_goes_on_without_an_output() {
    let mut story = waiting();
    story.answers("s", Answer::Continue);
    assert_eq!(story.status_of("s"), "completed");
    assert_eq!(story.input_of("t"), json!({"input": 1}));
}

#[test]
fn abort_ends_the_run() {
    let mut story = waiting();
    assert_eq!(
        story.answers("s", Answer::Abort),
        ["s answered abort", "run failed"]
    );
    assert_eq!(story.error(), Some("aborted"));
}

#[test]
fn an_answer_without_a_step_is_for_the_only_one_that_waits() {
    let mut story = waiting();
    let wish = Wish::Answer {
        step: None,
        answer: Answer::Skip,
    };
    assert_eq!(story.wish(wish), ["s answered skip"]);
}

#[test]
fn answers_that_cannot_be_followed_are_refused_with_the_reason() {
    let mut story = waiting();
    let lines = story.answers("s", reroute("nobody"));
    assert_eq!(
        lines,
        ["refused: the flow has no agent `nobody`; it has a, b"]
    );
    let lines = story.answers("t", Answer::Skip);
    assert_eq!(
        lines,
        ["refused: the step `t` does not wait for an answer; waiting: s"]
    );
    story.answers("s", Answer::Skip);
    let lines = story.answers("s", Answer::Skip);
    assert_eq!(lines, ["refused: no step of the run waits for an answer"]);
}

#[test]
fn an_answer_must_name_one_of_several() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(
        plan()
            .step("escalate", "one", "a")
            .step("escalate", "two", "a"),
    );
    let wish = Wish::Answer {
        step: None,
        answer: Answer::Skip,
    };
    let lines = story.wish(wish);
    assert_eq!(
        lines,
        ["refused: several steps wait for an answer, name one of them: one, two"]
    );
}

#[test]
fn an_answer_cannot_exceed_the_runs_steps() {
    let flow = flow(&["a"]).limited(|limits| limits.max_steps = 1);
    let mut story = Story::of(flow);
    story.decides(plan().step("escalate", "s", "a"));
    let lines = story.answers("s", retry());
    assert_eq!(
        lines,
        ["refused: the run has used all of its 1 steps (limits.max_steps)"]
    );
    assert_eq!(story.answers("s", Answer::Skip)[0], "s answered skip");
}

#[test]
fn one_advance_may_answer_several() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(
        plan()
            .step("escalate", "one", "a")
            .step("escalate", "two", "a"),
    );
    let answer = |step: &str| {
        crate::story::wished(Wish::Answer {
            step: Some(step.to_owned()),
            answer: Answer::Skip,
        })
    };
    let lines = story.advance(&[answer("one"), answer("two"), answer("two")]);
    assert_eq!(
        lines,
        [
            "one answered skip",
            "two answered skip",
            "refused: no step of the run waits for an answer",
            "asked 2 wake"
        ]
    );
}

#[test]
fn what_does_not_depend_on_the_answer_goes_on() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .step("escalate", "question", "a")
            .route("apart", "b")
            .wake_any(),
    );
    assert_eq!(story.status(), RunStatus::Running);
    assert_eq!(story.calls(), ["apart"]);
    story.completes("apart", json!({}));
    story.decides(plan().route("more", "b").wake_any());
    assert_eq!(story.calls(), ["more"]);
}
