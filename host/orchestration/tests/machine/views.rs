//! What a strategy is shown.

use menagerie_orchestration::event::Trigger;
use menagerie_orchestration::input::Input;
use menagerie_orchestration::replay::Replay;
use menagerie_orchestration::view::{AgentFigures, Took};
use serde_json::json;

use crate::flows::flow;
use crate::story::{DAWN, Story, plan};

#[test]
fn the_first_view_holds_the_input_and_idle_agents() {
    let story = Story::with_input(flow(&["a", "b"]), json!({"x": 1}));
    let view = story.view();
    assert_eq!((view.decision, view.trigger), (1, Trigger::Start));
    assert_eq!(view.state.to_document().value(), &json!({"x": 1}));
    let agents: Vec<_> = view
        .agents
        .iter()
        .map(|agent| (agent.name.as_str(), agent.status.as_str()))
        .collect();
    assert_eq!(agents, [("a", "idle"), ("b", "idle")]);
    assert!(view.steps.is_empty() && view.history.is_empty());
    assert_eq!(view.current_step, None);
    assert!(view.error_rate.abs() < f64::EPSILON);
}

#[test]
fn a_view_tells_how_each_agent_and_step_has_fared() {
    let mut story = Story::of(flow(&["done", "runs", "retries", "failed", "waits"]));
    let mut decision = plan().wake_these(&["done", "failed"]);
    for name in ["done", "runs", "retries", "failed", "waits"] {
        decision = decision.route(name, name);
    }
    story.decides(decision);
    story.later(250).completes("done", json!({"n": 1}));
    story.fails("retries", "transient");
    story.fails("waits", "escalate");
    story.later(500).fails("failed", "permanent");
    let view = story.view();
    let agents: Vec<_> = view.agents.iter().map(|a| a.status.as_str()).collect();
    assert_eq!(agents, ["idle", "running", "error", "failed", "idle"]);
    let steps: Vec<_> = view
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.status.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("done", "completed"),
            ("runs", "running"),
            ("retries", "running"),
            ("failed", "failed"),
            ("waits", "waiting"),
        ]
    );
    assert_eq!(view.steps[0].output, Some(json!({"n": 1}).into()));
    assert_eq!(view.steps[0].duration_ms, Some(250.0));
    assert_eq!(view.steps[3].error.as_ref().unwrap().code, "permanent");
    assert_eq!(view.current_step.as_deref(), Some("failed"));
    assert_eq!(view.step_duration_ms, Some(750.0));
    assert!((view.error_rate - 0.75).abs() < f64::EPSILON);
    assert_eq!(view.agents[0].last_duration_ms, Some(250.0));
    assert_eq!(view.steps_left, 994, "five steps and a retry");
}

#[test]
fn a_step_that_has_been_shown_as_ended_is_not_shown_again() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    story.completes("one", json!({}));
    story.decides(plan().route("two", "a"));
    story.completes("two", json!({}));
    let shown: Vec<_> = story.view().steps.iter().map(|s| s.id.clone()).collect();
    assert_eq!(shown, ["two"]);
}

#[test]
fn everything_that_ended_since_the_last_decision_is_shown_with_its_output() {
    // More than a run keeps of what a strategy has seen, and all of it while the strategy decides.
    let mut story = Story::of(flow(&["a"]));
    let mut decision = plan().wake_any();
    for step in 0..400 {
        decision = decision.route(&format!("s{step}"), "a");
    }
    story.decides(decision);
    story.completes("s0", json!({}));
    for step in 1..400 {
        story.completes(&format!("s{step}"), json!({"n": step}));
    }
    story.decides(plan());
    let view = story.view();
    assert_eq!(view.steps.len(), 399);
    assert!(view.steps.iter().all(|step| step.output.is_some()));
}

#[test]
fn history_tells_every_decision_and_every_end() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(
        plan()
            .route("one", "a")
            .step("skip", "two", "b")
            .join("j", "merge", &["one"]),
    );
    story.later(5);
    story.fails("one", "invalid-input");
    story.completes("j", json!({}));
    let view = story.view();
    let told: Vec<_> = view
        .history
        .iter()
        .map(|entry| {
            format!(
                "{} {} {} {} {:?} +{}",
                entry.step,
                entry.agent,
                entry.kind,
                entry.status,
                entry.reason,
                entry.at.0 - DAWN.0
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"decision-1 orchestrator route decided "because" +0"#,
            r#"two b skip skipped "skip two" +0"#,
            r#"one a route failed "invalid-input: as told" +5"#,
            r#"j merge join completed "" +5"#,
        ]
    );
    let ids: Vec<_> = view.history.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [2, 3, 4, 5], "the position in the journal");
}

#[test]
fn a_view_holds_the_last_thirty_two_entries() {
    let mut story = Story::of(flow(&["a"]));
    for round in 0..40 {
        let id = format!("round-{round}");
        story.decides(plan().route(&id, "a"));
        story.completes(&id, json!({}));
    }
    let view = story.view();
    assert_eq!(view.history.len(), 32);
    assert_eq!(view.history[31].step, "round-39");
    assert_eq!(view.history[0].step, "decision-25");
}

#[test]
fn ended_steps_can_be_named_for_a_while_and_then_their_ids_are_free_again() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("again", "a"));
    let first = story.call("again").call_log_name();
    story.completes("again", json!({}));
    for round in 0..300 {
        let id = format!("round-{round}");
        story.decides(plan().route(&id, "a"));
        story.completes(&id, json!({}));
    }
    assert!(story.run.steps().count() <= 258);
    story.decides(plan().route("again", "a"));
    assert_eq!(story.calls(), ["again"]);
    // Not so in the call log: the answers of the one are nothing to the other.
    assert_eq!(first, "again");
    assert_ne!(story.call("again").call_log_name(), first);
}

fn figures(name: &str, mean_ms: u64) -> AgentFigures {
    AgentFigures {
        name: name.to_owned(),
        completed: 3,
        failed: 1,
        took: Some(Took {
            mean_ms,
            median_ms: mean_ms,
            p95_ms: 2 * mean_ms,
            waiting_ms: 1,
        }),
        running: 2,
        queued: 1,
    }
}

#[test]
fn a_decision_is_shown_what_was_seen_when_it_was_asked_for_and_never_anything_else() {
    let mut story = Story::of(flow(&["a", "b"]));
    assert!(story.view().figures.is_empty(), "nobody looked");
    story.decides(plan().route("one", "a"));
    let then = vec![figures("a", 20), figures("b", 900)];
    story.run.see(then.clone());
    story.completes("one", json!({}));
    assert_eq!(story.view().figures, then);

    // The host dies. What its successor sees is for the decisions that come.
    story.run.see(vec![figures("a", 1)]);
    story.advance(&[Input::Recovered]);
    assert_eq!(story.view().figures, then);
    let mut replay = Replay::new(story.flow.clone());
    for recorded in &story.journal {
        replay.take(recorded).unwrap();
    }
    assert_eq!(replay.finish().unwrap(), story.run);

    story.decides(plan().route("two", "b"));
    story.completes("two", json!({}));
    assert!(story.view().figures.is_empty(), "seen once, shown once");
}
