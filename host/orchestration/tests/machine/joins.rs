//! Joins: an aggregator over parallel steps, those that failed or were skipped included.

use menagerie_orchestration::command::{CallRequest, Member};
use menagerie_orchestration::event::Answer;
use menagerie_orchestration::flow::OnFailure;
use serde_json::json;

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

fn members(story: &Story, join: &str) -> Vec<Member> {
    match story.call(join).request {
        CallRequest::Aggregate { members } => members,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_join_sees_every_member_in_declared_order() {
    let flow = flow(&["a", "b", "c"]).with("c", |c| c.on_failure = OnFailure::Skip);
    let mut story = Story::of(flow);
    story.decides(plan().route("x", "a").route("y", "b").route("z", "c").join(
        "j",
        "vote",
        &["z", "x", "y"],
    ));
    story.completes("y", json!({"vote": "yes"}));
    story.fails("x", "permanent");
    assert_eq!(story.fails("z", "denied"), ["z failed denied skip"]);
    assert_eq!(story.calls(), ["j"]);
    let found = members(&story, "j");
    let told: Vec<_> = found
        .iter()
        .map(|member| (member.member.as_str(), member.status.as_str()))
        .collect();
    assert_eq!(
        told,
        [("z", "skipped"), ("x", "failed"), ("y", "completed")]
    );
    assert_eq!(found[1].error.as_ref().unwrap().code, "permanent");
    assert_eq!(found[0].error, None);
    assert_eq!(found[2].output, Some(json!({"vote": "yes"}).into()));
    story.completes("j", json!({"verdict": "yes"}));
    assert_eq!(
        story.result(),
        json!({"input": 1, "verdict": "yes"}),
        "members' own outputs are not merged"
    );
}

#[test]
fn a_joins_configuration_is_laid_over_the_flows() {
    let mut story = Story::of(flow(&["a"]));
    let mut decision = plan().route("x", "a").join("j", "vote", &["x"]);
    decision.0.joins[0].config = Some(json!({"quorum": 1}).into());
    story.decides(decision);
    story.completes("x", json!({}));
    let config = story.call("j").config;
    assert_eq!(config.value(), &json!({"plugin": "vote", "quorum": 1}));
}

#[test]
fn a_step_after_a_join_sees_what_it_made() {
    let mut story = Story::with_input(flow(&["a", "b", "c"]), json!({"n": 0}));
    story.decides(
        plan()
            .route("x", "a")
            .route("y", "b")
            .route("last", "c")
            .join("j", "merge", &["x", "y"])
            .after("last", &["j"]),
    );
    story.completes("x", json!({"n": 1}));
    story.completes("y", json!({"n": 2}));
    story.completes("j", json!({"n": 3}));
    assert_eq!(story.input_of("last"), json!({"n": 3}));
    story.completes("last", json!({"n": 4}));
    assert_eq!(story.result(), json!({"n": 4}), "what ran later stands");
}

#[test]
fn a_join_of_joins_sees_its_members_in_whatever_order_they_are_declared() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(
        plan()
            .route("x", "a")
            .route("y", "a")
            .join("outer", "merge", &["inner", "y"])
            .join("inner", "vote", &["x"]),
    );
    story.completes("y", json!({"y": 1}));
    story.completes("x", json!({"x": 1}));
    story.completes("inner", json!({"inner": 1}));
    let told: Vec<_> = members(&story, "outer")
        .into_iter()
        .map(|member| (member.member, member.output))
        .collect();
    assert_eq!(
        told,
        [
            ("inner".to_owned(), Some(json!({"inner": 1}).into())),
            ("y".to_owned(), Some(json!({"y": 1}).into()))
        ]
    );
}

#[test]
fn a_join_after_a_failed_step_that_is_no_member_is_skipped() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .route("x", "a")
            .route("gate", "b")
            .join("j", "merge", &["x"])
            .after("j", &["gate"]),
    );
    story.completes("x", json!({}));
    let lines = story.fails("gate", "permanent");
    assert_eq!(
        lines,
        [
            "gate failed permanent final",
            "j skipped: dependency_failed: the step `gate` failed",
            "asked 2 wake"
        ]
    );
}

#[test]
fn a_failed_aggregator_fails_its_step_and_skips_what_follows() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .route("x", "a")
            .route("last", "b")
            .join("j", "merge", &["x"])
            .after("last", &["j"]),
    );
    story.completes("x", json!({}));
    let lines = story.fails("j", "invalid-input");
    assert_eq!(
        lines,
        [
            "j failed invalid-input final",
            "last skipped: dependency_failed: the step `j` failed",
            "asked 2 wake"
        ]
    );
}

#[test]
fn an_aggregator_that_escalates_can_be_answered_by_another_aggregator_only() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("x", "a").join("j", "vote", &["x"]));
    story.completes("x", json!({"n": 1}));
    story.fails("j", "escalate");
    let reroute = |agent: &str| Answer::Reroute {
        agent: agent.to_owned(),
    };
    assert_eq!(
        story.answers("j", reroute("a")),
        ["refused: the flow has no aggregator `a`; it has merge, vote"]
    );
    story.answers("j", reroute("merge"));
    assert_eq!(story.call("j").role.to_string(), "aggregator:merge");
    assert_eq!(members(&story, "j").len(), 1);
}

#[test]
fn a_join_keeps_its_members_however_much_ends_meanwhile() {
    let flow = flow(&["a", "b"]).limited(|limits| limits.max_decisions = 2_000);
    let mut story = Story::of(flow);
    story.decides(
        plan()
            .route("x", "a")
            .step("escalate", "slow", "a")
            .join("j", "merge", &["x", "slow"])
            .wake_any(),
    );
    story.completes("x", json!({"early": true}));
    for round in 0..400 {
        let id = format!("round-{round}");
        story.decides(plan().route(&id, "b").wake_any());
        story.completes(&id, json!({}));
    }
    assert!(story.run.steps().count() < 300, "ended steps are forgotten");
    story.answers("slow", Answer::Skip);
    let told = members(&story, "j");
    assert_eq!(told[0].output, Some(json!({"early": true}).into()));
    story.decides(plan().wake_any());
    story.completes("j", json!({"joined": true}));
    story.decides(plan().end("completed"));
    assert_eq!(story.result()["joined"], json!(true));
}
