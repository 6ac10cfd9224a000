//! What follows a failed attempt: retries, fallbacks, skips, escalations, and own contexts.

use std::collections::BTreeMap;
use std::time::Duration;

use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallFacts, CallOf, StepResult, TimerId};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::{OnFailure, RetryPolicy};
use menagerie_orchestration::input::Input;
use menagerie_orchestration::retry;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{SEED, Story, completed, plan};

#[test]
fn a_failure_that_may_pass_is_retried_three_times_by_the_formula() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("s", "a"));
    let no = story.step("s").no;
    for retry in 1..=3_u32 {
        let lines = story.fails("s", "transient");
        assert_eq!(lines, ["s failed transient retry"]);
        let due = story.timers()[&TimerId::Retry(CallOf::Step(no))];
        let waits = due.since(story.now);
        let floor = Duration::from_secs(1 << (retry - 1));
        assert!(waits >= floor && waits <= floor + floor / 10, "{waits:?}");
        let key = format!("step-{}-a", no.0);
        let formula = retry::delay(&RetryPolicy::default(), retry, SEED, &key);
        assert_eq!(waits, formula);
        assert_eq!(story.view_of_agent("a").status, "error");
        assert_eq!(story.next_timer(), [format!("retried {}", retry + 1)]);
        assert_eq!(story.call("s").id.attempt, retry + 1);
        assert_eq!(story.call("s").last_fault.unwrap().code, "transient");
    }
    let lines = story.fails("s", "transient");
    assert_eq!(lines, ["s failed transient final", "asked 2 wake"]);
    assert_eq!(story.view().retry_count, 3);
    assert!((story.view().error_rate - 1.0).abs() < f64::EPSILON);
    assert_eq!(story.view().agents[0].status, "failed");
}

#[test]
fn a_retried_step_ends_like_any_other() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("s", "a"));
    story.fails("s", "deadline");
    story.next_timer();
    story.completes("s", json!({"done": true}));
    assert_eq!(story.result(), json!({"input": 1, "done": true}));
    assert_eq!(story.view().agents[0].status, "idle");
    assert!((story.view().error_rate - 0.5).abs() < f64::EPSILON);
}

#[test]
fn only_what_may_pass_is_retried() {
    for code in ["transient", "deadline", "busy", "host"] {
        let mut story = Story::of(flow(&["a"]));
        story.decides(plan().route("s", "a"));
        assert_eq!(story.fails("s", code), [format!("s failed {code} retry")]);
    }
    let final_codes = [
        "invalid-input",
        "permanent",
        "denied",
        "fuel",
        "memory",
        "trap",
        "output",
        "never-heard-of",
    ];
    for code in final_codes {
        let mut story = Story::of(flow(&["a"]));
        story.decides(plan().route("s", "a"));
        let lines = story.fails("s", code);
        assert_eq!(lines[0], format!("s failed {code} final"));
    }
}

#[test]
fn a_guest_that_asks_for_more_time_gets_it_and_for_less_does_not() {
    for (asked, at_least) in [(90_000_u32, 90_000), (1, 1_000)] {
        let mut story = Story::of(flow(&["a"]));
        story.decides(plan().route("s", "a"));
        let mut failure = Failure::new("transient", "later");
        failure.retry_after_ms = Some(asked);
        let input = story.ended("s", StepResult::Failed(failure));
        story.advance(&[input]);
        let no = story.step("s").no;
        let due = story.timers()[&TimerId::Retry(CallOf::Step(no))];
        let waits = due.since(story.now).as_millis();
        assert!(waits >= at_least && waits <= at_least + 100, "{waits}");
    }
}

#[test]
fn a_fallback_takes_over_when_an_agent_has_failed_for_good() {
    let flow = flow(&["a", "b", "c"])
        .with("a", |a| a.fallback = Some("b".to_owned()))
        .with("a", |a| a.retry.max_retries = 1)
        .with("b", |b| b.fallback = Some("c".to_owned()));
    let mut story = Story::of(flow);
    story.decides(plan().route("s", "a"));
    assert_eq!(story.fails("s", "transient"), ["s failed transient retry"]);
    story.next_timer();
    assert_eq!(
        story.fails("s", "transient"),
        ["s failed transient fallback b"]
    );
    let call = story.call("s");
    assert_eq!(call.role.to_string(), "agent:b");
    assert_eq!(call.id.attempt, 3);
    assert_eq!(call.config.value(), &json!({"plugin": "b"}));
    assert_eq!(
        story.fails("s", "transient"),
        ["s failed transient retry"],
        "the fallback has retries of its own"
    );
    story.next_timer();
    assert_eq!(
        story.fails("s", "permanent"),
        ["s failed permanent fallback c"]
    );
    story.completes("s", json!("by c"));
    assert_eq!(story.result(), json!({"input": 1, "c_output": "by c"}));
    assert_eq!(story.view().agents[2].counts.completed, 1);
}

#[test]
fn on_failure_skip_leaves_the_step_out_and_breaks_nothing() {
    let flow = flow(&["a", "b"]).with("a", |a| a.on_failure = OnFailure::Skip);
    let mut story = Story::of(flow);
    story.decides(plan().route("s", "a").route("t", "b").after("t", &["s"]));
    assert_eq!(story.fails("s", "permanent"), ["s failed permanent skip"]);
    assert_eq!(story.status_of("s"), "skipped");
    assert_eq!(story.calls(), ["t"]);
}

#[test]
fn on_failure_escalate_waits_for_an_answer() {
    let flow = flow(&["a"]).with("a", |a| a.on_failure = OnFailure::Escalate);
    let mut story = Story::of(flow);
    story.decides(plan().route("s", "a"));
    let lines = story.fails("s", "permanent");
    assert_eq!(
        lines,
        [
            "s failed permanent escalate",
            "s escalated error_resolution"
        ]
    );
    assert_eq!(story.status_of("s"), "waiting");
}

#[test]
fn a_guest_may_escalate_by_itself() {
    let flow = flow(&["a", "b"]).with("a", |a| a.fallback = Some("b".to_owned()));
    let mut story = Story::of(flow);
    story.decides(plan().route("s", "a"));
    let lines = story.fails("s", "escalate");
    assert_eq!(
        lines,
        [
            "s failed escalate escalate",
            "s escalated ambiguous_requirement"
        ]
    );
}

#[test]
fn a_failed_dependency_skips_its_dependents_transitively() {
    let mut story = Story::of(flow(&["a", "b", "c", "d"]));
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .route("three", "c")
            .route("apart", "d")
            .step("escalate", "question", "a")
            .after("two", &["one"])
            .after("three", &["two", "apart"])
            .after("question", &["two"]),
    );
    let lines = story.fails("one", "permanent");
    assert_eq!(
        lines,
        [
            "one failed permanent final",
            "two skipped: dependency_failed: the step `one` failed",
            "question skipped: dependency_failed: the step `one` failed",
        ]
    );
    assert_eq!(story.status_of("three"), "pending");
    let lines = story.completes("apart", json!({}));
    assert_eq!(
        lines,
        [
            "apart completed",
            "three skipped: dependency_failed: the step `one` failed",
            "asked 2 wake"
        ]
    );
}

#[test]
fn a_step_after_one_that_failed_earlier_is_skipped() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a"));
    story.fails("one", "permanent");
    let lines = story.decides(plan().route("two", "b").after("two", &["one"]));
    assert_eq!(
        lines,
        [
            "decided 2",
            "two skipped: dependency_failed: the step `one` failed",
            "asked 3 wake"
        ]
    );
}

fn with_context(story: &Story, step: &str, result: StepResult, key: &str) -> Input {
    Input::StepEnded {
        call: story.call(step).id,
        result,
        context: BTreeMap::from([(key.to_owned(), Document::from(json!(step)))]),
        facts: CallFacts::default(),
        log: None,
    }
}

#[test]
fn an_agents_own_context_commits_with_its_success_alone() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a"));
    let failed = StepResult::Failed(Failure::new("permanent", "no"));
    let input = with_context(&story, "one", failed, "of-the-failed");
    story.advance(&[input]);
    story.decides(plan().route("two", "a"));
    assert!(story.call("two").own_context.is_empty());
    let input = with_context(&story, "two", completed(json!({})), "kept");
    story.advance(&[input]);
    story.decides(plan().route("three", "a").route("four", "b"));
    let own = story.call("three").own_context;
    assert_eq!(own.keys().collect::<Vec<_>>(), ["kept"]);
    assert!(story.call("four").own_context.is_empty());
}
