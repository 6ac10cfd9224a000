//! What strategies are shown of how agents have fared in other runs, and what they can do with it.

use std::sync::{Arc, Mutex};

use menagerie_executor::{Began, Host, Nobody};
use menagerie_journal::RunKey;
use menagerie_orchestration::decision::Decision;
use menagerie_orchestration::event::{Event, StepResult};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::RunStatus;
use menagerie_orchestration::view::{AgentFigures, View};
use serde_json::json;

use crate::guests::*;
use crate::stores::on_both_stores;

/// One of the agents, whichever has been quickest of late; those of which nothing is known come first.
fn quickest(view: &View) -> Decision {
    if view.decision > 1 {
        return end();
    }
    let quickest = view
        .figures
        .iter()
        .min_by_key(|agent| agent.took.map(|took| took.mean_ms));
    let name = quickest.map_or("a", |agent| &agent.name);
    let mut decision = nothing();
    decision.start = vec![route("work", name)];
    decision
}

/// Runs one case and says who worked on it.
async fn case(host: &Host, flow: &Flow, script: &Arc<Script>, number: usize) -> String {
    let key = RunKey::in_default(format!("case-{number}"));
    let began = host
        .begin_with(
            Arc::new(flow.clone()),
            script.clone(),
            begin_of(key.clone()),
            Arc::new(Nobody),
        )
        .await
        .unwrap();
    let Began::Driven(run, _) = began else {
        panic!("{key} was there already");
    };
    assert_eq!(run.status(), RunStatus::Completed);
    let events = host.events(&key, 0, usize::MAX).await.unwrap();
    let worked = events
        .into_iter()
        .find_map(|(_, recorded)| match recorded.event {
            Event::StepEnded {
                agent,
                result: StepResult::Completed { .. },
                ..
            } => Some(agent),
            _ => None,
        });
    worked.unwrap()
}

/// `a` takes two seconds, the others a tenth of it.
fn slow_a() -> Arc<Script> {
    let works = |call: &menagerie_orchestration::command::Call| {
        let slow = call.role.to_string() == "agent:a";
        Work::Answer(ms(if slow { 2_000 } else { 200 }), json!({}))
    };
    Script::new(quickest, works).reading_figures()
}

on_both_stores! {
    async fn a_planted_slow_agent_is_avoided_within_twenty_cases(store) {
        let host = host(store.process("one"));
        let (flow, script) = (flow(&["a", "b", "c"]), slow_a());
        let mut workers = Vec::new();
        for number in 0..20 {
            workers.push(case(&host, &flow, &script, number).await);
        }
        // Each is tried once, and the slow one never again.
        assert_eq!(workers[..3], ["a", "b", "c"]);
        assert!(workers[3..].iter().all(|agent| agent != "a"), "{workers:?}");
    }

    async fn a_host_that_has_seen_nothing_itself_knows_the_latest_runs_of_the_store(store) {
        let flow = flow(&["a", "b", "c"]);
        let mut workers = Vec::new();
        for number in 0..6 {
            // As one process for each run does.
            let host = host(store.process(&format!("process {number}")));
            workers.push(case(&host, &flow, &slow_a(), number).await);
        }
        assert_eq!(workers[..3], ["a", "b", "c"]);
        assert!(workers[3..].iter().all(|agent| agent != "a"), "{workers:?}");
    }

    async fn other_flows_are_none_of_its_business(store) {
        let host = host(store.process("one"));
        let (mut first, script) = (flow(&["a"]), slow_a());
        case(&host, &first, &script, 1).await;
        first.name = "another".to_owned();
        let seen = seen_in(&host, &first, 2).await;
        assert_eq!(seen, [AgentFigures { name: "a".to_owned(), ..AgentFigures::default() }]);
    }

    async fn failures_and_what_runs_and_waits_now_are_counted(store) {
        let gate = menagerie_executor::GateConfig { slots: 4, queue: 10 };
        let host = host_with(store.process("one"), gate);
        let flow = flow(&["a"]);
        let permits = Arc::new(tokio::sync::Semaphore::new(0));
        let held = permits.clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let decides = move |view: &View| {
            told.lock().unwrap().push(view.figures[0].clone());
            match view.decision {
                // One that fails, and then four, of which three may run at once.
                1 => Decision { start: vec![route("fails", "a")], ..nothing() },
                2 => Decision {
                    start: ["w", "x", "y", "z"].map(|id| route(id, "a")).to_vec(),
                    wake: menagerie_orchestration::decision::Wake::Timer(1_000),
                    ..nothing()
                },
                _ => { held.add_permits(4); end() }
            }
        };
        let script = Script::new(decides, move |call| match call.step.as_str() {
            "fails" => Work::Fail(ms(30), failure("permanent")),
            _ => Work::When(permits.clone(), json!({})),
        });
        let mut flow = flow;
        flow.agents[0].on_failure = menagerie_orchestration::flow::OnFailure::Skip;
        begin(&host, &flow, &script.reading_figures()).await.unwrap();
        let seen = seen.lock().unwrap().clone();
        let counts = |at: usize| {
            let AgentFigures { completed, failed, running, queued, .. } = seen[at].clone();
            (completed, failed, running, queued)
        };
        assert_eq!(counts(0), (0, 0, 0, 0));
        assert_eq!(counts(1), (0, 1, 0, 0));
        assert_eq!(counts(2), (0, 1, 3, 1));
        assert_eq!(seen[1].took.map(|took| took.mean_ms), Some(30));
    }
}

/// What the first decision of a run of this flow is shown.
async fn seen_in(host: &Host, flow: &Flow, number: usize) -> Vec<AgentFigures> {
    case(host, flow, &slow_a(), number).await;
    let key = RunKey::in_default(format!("case-{number}"));
    let events = host.events(&key, 0, usize::MAX).await.unwrap();
    let asked = events
        .into_iter()
        .find_map(|(_, recorded)| match recorded.event {
            Event::DecisionRequested { figures, .. } => Some(figures),
            _ => None,
        });
    asked.unwrap()
}
