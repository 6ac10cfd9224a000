//! Every decision of P1 is acted on: route, parallel, retry, skip, escalate, end.

use menagerie_orchestration::command::CallRequest;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::flows::flow;
use crate::story::{Story, plan, start};

#[test]
fn a_routed_step_runs_and_its_output_is_merged_into_the_state() {
    let mut story = Story::with_input(flow(&["a"]), json!({"x": 1, "y": 2}));
    assert_eq!(story.decides(plan().route("s", "a")), ["decided 1"]);
    assert_eq!(story.input_of("s"), json!({"x": 1, "y": 2}));
    let lines = story.completes("s", json!({"y": 3}));
    assert_eq!(lines, ["s completed", "asked 2 wake"]);
    assert_eq!(story.result(), json!({"x": 1, "y": 3}));
    let lines = story.decides(plan().end("completed"));
    assert_eq!(lines, ["decided 2", "run completed"]);
    assert_eq!(story.status(), RunStatus::Completed);
    assert_eq!(story.result(), json!({"x": 1, "y": 3}));
}

#[test]
fn an_output_that_is_no_object_lands_under_the_agents_name() {
    let mut story = Story::with_input(flow(&["a"]), json!([1, 2]));
    story.decides(plan().route("s", "a"));
    assert_eq!(story.input_of("s"), json!({"input": [1, 2]}));
    story.completes("s", json!("text"));
    assert_eq!(story.result(), json!({"input": [1, 2], "a_output": "text"}));
}

#[test]
fn a_step_is_given_what_the_strategy_says_instead_of_the_state() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("s", "a").given(json!({"only": "this"})));
    assert_eq!(story.input_of("s"), json!({"only": "this"}));
}

#[test]
fn steps_in_order_see_the_output_of_the_one_before() {
    let mut story = Story::with_input(flow(&["a", "b"]), json!({"n": 1}));
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .after("two", &["one"]),
    );
    assert_eq!(story.calls(), ["one"]);
    assert_eq!(story.status_of("two"), "pending");
    assert_eq!(story.completes("one", json!({"n": 2})), ["one completed"]);
    assert_eq!(story.input_of("two"), json!({"n": 2}));
}

#[test]
fn parallel_steps_run_on_one_state() {
    let mut story = Story::with_input(flow(&["a", "b"]), json!({"n": 1}));
    story.decides(plan().route("one", "a").route("two", "b"));
    assert_eq!(story.calls(), ["one", "two"]);
    story.completes("one", json!({"n": 2}));
    assert_eq!(story.input_of("two"), json!({"n": 1}));
    story.completes("two", json!({"n": 3}));
    assert_eq!(story.result(), json!({"n": 3}));
}

#[test]
fn a_retry_runs_the_agent_again_and_tells_it_what_went_wrong() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    assert_eq!(
        story.fails("one", "permanent"),
        ["one failed permanent final", "asked 2 wake"]
    );
    story.decides(plan().step("retry", "two", "a"));
    let fault = story.call("two").last_fault.unwrap();
    assert_eq!(fault.code, "permanent");
    assert_eq!(story.run.retries(), 1);
    story.completes("two", json!({}));
    assert_eq!(story.view().retry_count, 1);
    assert_eq!(story.view().agents[0].counts.retries, 1);
    assert_eq!(story.view().agents[0].last_fault, None);
}

#[test]
fn a_skip_is_noted_and_makes_no_call() {
    let mut story = Story::of(flow(&["a", "b"]));
    let lines = story.decides(
        plan()
            .step("skip", "left-out", "a")
            .route("next", "b")
            .after("next", &["left-out"]),
    );
    assert_eq!(lines, ["decided 1", "left-out skipped: skip left-out"]);
    assert_eq!(story.calls(), ["next"], "a skip breaks nothing");
    story.completes("next", json!({}));
    assert_eq!(story.view().agents[0].counts.skipped, 1);
}

#[test]
fn a_skip_waits_for_its_turn() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .route("one", "a")
            .step("skip", "two", "b")
            .after("two", &["one"]),
    );
    assert_eq!(story.status_of("two"), "pending");
    let lines = story.completes("one", json!({}));
    assert_eq!(
        lines,
        ["one completed", "two skipped: skip two", "asked 2 wake"]
    );
}

#[test]
fn an_escalation_waits_for_a_person() {
    let mut story = Story::of(flow(&["a"]));
    let lines = story.decides(plan().step("escalate", "question", "a"));
    assert_eq!(
        lines,
        ["decided 1", "question escalated ambiguous_requirement"]
    );
    assert_eq!(story.status(), RunStatus::Waiting);
    assert!(
        story.run.outstanding().is_empty(),
        "no timer runs at a gate"
    );
}

#[test]
fn an_ending_says_the_result() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().end("completed").output(json!({"only": "this"})));
    assert_eq!(story.result(), json!({"only": "this"}));
    assert_eq!(story.run.ended().unwrap().reason, "to be completed");
}

#[test]
fn an_ending_cancels_what_still_runs() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("fast", "a").route("slow", "b").wake_any());
    let slow = story.completed("slow", json!({"late": true}));
    story.completes("fast", json!({}));
    story.decides(plan().end("completed"));
    assert_eq!(story.status_of("slow"), "cancelled");
    assert!(story.advance(&[slow]).is_empty());
    assert_eq!(story.result(), json!({"input": 1}));
}

#[test]
fn a_failed_ending_blames_the_newest_failed_step() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    story.fails("one", "invalid-input");
    story.decides(plan().end("failed"));
    assert_eq!(story.status(), RunStatus::Failed);
    let error = story.run.ended().unwrap().error.clone().unwrap();
    assert_eq!(error.code, "invalid-input");
    assert_eq!(error.message, "step `one`: as told");
}

#[test]
fn a_failed_ending_without_a_failed_step_has_a_code_of_its_own() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().end("failed"));
    assert_eq!(story.error(), Some("failed"));
}

/// Each decision that cannot be acted on ends the run with a named error.
#[track_caller]
fn refused(plan: crate::story::Plan, code: &str, told: &str) {
    let mut story = Story::of(flow(&["alpha", "beta"]));
    let lines = story.decides(plan);
    assert_eq!(
        lines,
        [
            format!("decision 1 failed {code} final"),
            "run failed".to_owned()
        ]
    );
    let ended = story.run.ended().unwrap();
    assert!(ended.reason.contains(told), "{}", ended.reason);
}

#[test]
fn decisions_that_cannot_be_acted_on_are_named_errors() {
    refused(
        plan().route("s", "alpah"),
        "unknown_agent",
        "did you mean `alpha`?",
    );
    refused(
        plan().route("s", "alpha").join("j", "merg", &["s"]),
        "unknown_aggregator",
        "did you mean `merge`?",
    );
    refused(plan().step("rout", "s", "alpha"), "unknown_kind", "`rout`");
    refused(plan().route("", "alpha"), "bad_id", "\"\"");
    refused(plan().route("a\u{1b}[0m", "alpha"), "bad_id", "\\u{1b}");
    refused(plan().route(&"x".repeat(257), "alpha"), "bad_id", "256");
    refused(
        plan().route("s", "alpha").route("s", "beta"),
        "duplicate_step",
        "`s`",
    );
    refused(
        plan().route("s", "alpha").after("s", &["t"]),
        "unknown_step",
        "`t`",
    );
    refused(
        plan().route("s", "alpha").after("t", &["s"]),
        "unknown_step",
        "`t`",
    );
    refused(
        plan().route("s", "alpha").wake_these(&["t"]),
        "unknown_step",
        "`t`",
    );
    refused(
        plan().route("s", "alpha").join("j", "merge", &["t"]),
        "unknown_step",
        "`t`",
    );
    refused(
        plan()
            .route("s", "alpha")
            .join("j", "merge", &["s"])
            .join("k", "merge", &["s"]),
        "joined_twice",
        "`s`",
    );
    refused(
        plan().route("s", "alpha").join("j", "merge", &[]),
        "empty_join",
        "`j`",
    );
    refused(plan().end("done"), "bad_ending", "`done`");
    refused(
        plan().route("s", "alpha").end("completed"),
        "end_with_start",
        "1 steps",
    );
    refused(plan(), "stalled", "wait for ever");
}

#[test]
fn a_cycle_is_refused_by_its_steps() {
    refused(
        plan().route("s", "alpha").after("s", &["s"]),
        "cycle",
        "s → s",
    );
    refused(
        plan()
            .route("free", "alpha")
            .route("one", "alpha")
            .route("two", "alpha")
            .route("three", "alpha")
            .after("one", &["three", "free"])
            .after("two", &["one"])
            .after("three", &["two"]),
        "cycle",
        "one → three → two → one",
    );
    refused(
        plan()
            .route("s", "alpha")
            .join("j", "merge", &["s"])
            .after("s", &["j"]),
        "cycle",
        "j → s → j",
    );
    refused(
        plan().route("s", "alpha").join("j", "merge", &["s", "j"]),
        "cycle",
        "j → j",
    );
}

#[test]
fn confidence_and_metadata_are_checked() {
    for confidence in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
        let mut bad = plan().end("completed");
        bad.0.confidence = confidence;
        refused(bad, "bad_confidence", "from 0 to 1");
    }
    let mut bad = plan().end("completed");
    bad.0.metadata = json!([1]).into();
    refused(bad, "bad_metadata", "no JSON object");
    let mut bad = plan().end("completed");
    bad.0.metadata = json!({ "m": "x".repeat(64 * 1024) }).into();
    refused(bad, "metadata_too_large", "65544 bytes");
}

#[test]
fn a_strategy_that_fails_for_the_moment_is_asked_three_times() {
    let mut story = Story::of(flow(&["a"]));
    for attempt in [1, 2] {
        let input = story.decided_as(Err(Failure::new("transient", "busy")));
        let lines = story.advance(&[input]);
        assert_eq!(lines, ["decision 1 failed transient retry"]);
        assert_eq!(story.asked(), None);
        let lines = story.next_timer();
        assert_eq!(lines, [format!("retried {}", attempt + 1)]);
        let call = story.call("decision-1");
        assert_eq!(call.last_fault.unwrap().message, "busy");
    }
    let input = story.decided_as(Err(Failure::new("transient", "busy")));
    let lines = story.advance(&[input]);
    assert_eq!(lines, ["decision 1 failed transient final", "run failed"]);
    assert_eq!(story.error(), Some("transient"));
}

#[test]
fn a_strategy_that_traps_fails_the_run_at_once() {
    let mut story = Story::of(flow(&["a"]));
    let input = story.decided_as(Err(Failure::new("trap", "unreachable")));
    story.advance(&[input]);
    assert_eq!(story.error(), Some("trap"));
}

#[test]
fn a_retried_decision_shows_the_view_of_its_request() {
    let mut story = Story::of(flow(&["a"]));
    let before = story.view();
    let input = story.decided_as(Err(Failure::new("host", "gone")));
    story.advance(&[input]);
    story.next_timer();
    assert_eq!(story.view(), before);
}

#[test]
fn a_second_start_and_inputs_before_the_start_change_nothing() {
    let mut story = Story::of(flow(&["a"]));
    let again = start(&story.flow, json!({"other": 1}));
    assert!(story.advance(&[again]).is_empty());
    let idle = menagerie_orchestration::run::Run::new(story.flow.clone());
    let early = story.decided(plan().end("completed"));
    assert!(idle.decide(&[early], story.now).is_empty());
    assert_eq!(idle.status(), RunStatus::Queued);
}

#[test]
fn a_call_that_is_not_outstanding_cannot_be_spelled_out() {
    let mut story = Story::of(flow(&["a"]));
    let asked = story.call("decision-1").id;
    story.decides(plan().route("s", "a"));
    assert!(story.run.call(asked).is_none());
    let call = story.call("s");
    assert!(matches!(call.request, CallRequest::Process { .. }));
    story.completes("s", json!({}));
    assert!(story.run.call(call.id).is_none());
}
