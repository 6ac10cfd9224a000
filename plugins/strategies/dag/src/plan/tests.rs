#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use std::collections::BTreeMap;

use menagerie::{AgentState, Fault, Json, StepState, View};
use planning::{Kind, OnFailure, Plan, PlannedStep};
use proptest::prelude::*;

use super::{Config, decide};

/// The review: one agent, three in parallel after it, one after those.
fn review(config: Config) -> View<Config, ()> {
    let after = |name: &str, before: &[&str]| AgentState::idle(name).after(before.iter().copied());
    View::new(
        config,
        (),
        [
            after("lockfile", &[]),
            after("duplicates", &["lockfile"]),
            after("sources", &["lockfile"]),
            after("graph", &["lockfile"]),
            after("report", &["duplicates", "sources", "graph"]),
        ],
    )
}

fn config(text: &str) -> Config {
    Json::from_text(text).read().unwrap()
}

fn joined() -> Config {
    config(
        r#"{"joins": [{"id": "findings", "members": ["duplicates", "sources", "graph"], "aggregator": "merge", "config": {"a": 1}}]}"#,
    )
}

fn ended(agent: &str, status: &str, attempt: u32) -> StepState {
    StepState {
        id: agent.to_owned(),
        agent: agent.to_owned(),
        kind: "route".to_owned(),
        status: status.to_owned(),
        attempt,
        error: (status == "failed").then(|| Fault::permanent("no luck")),
        ..StepState::default()
    }
}

fn steps(plan: Plan) -> Vec<PlannedStep> {
    match plan {
        Plan::Start { steps, .. } => steps,
        other => panic!("{other:?}"),
    }
}

fn links(plan: Plan) -> Vec<String> {
    steps(plan)
        .into_iter()
        .map(|step| format!("{} < {}", step.id, step.after.join(" ")))
        .collect()
}

/// The review at its second decision: `sources` failed and held `report` back.
fn after_a_failure(config: Config) -> View<Config, ()> {
    let mut view = review(config);
    view.decision = 2;
    view.steps = vec![
        ended("lockfile", "completed", 1),
        ended("duplicates", "completed", 1),
        ended("graph", "completed", 1),
        ended("sources", "failed", 4),
        ended("report", "skipped", 0),
    ];
    view
}

#[test]
fn one_decision_plans_the_whole_graph() {
    let plan = decide(&review(Config::default())).unwrap();
    assert_eq!(
        links(plan),
        [
            "lockfile < ",
            "duplicates < lockfile",
            "graph < lockfile",
            "sources < lockfile",
            "report < duplicates sources graph",
        ]
    );
}

#[test]
fn the_longest_chain_of_estimates_goes_first_then_priority_then_name() {
    let mut view = review(Config::default());
    view.agents[3].estimated_ms = Some(500);
    view.agents[2].priority = 5;
    let order: Vec<String> = steps(decide(&view).unwrap())
        .into_iter()
        .map(|step| step.id)
        .collect();
    assert_eq!(
        order,
        ["lockfile", "graph", "sources", "duplicates", "report"]
    );
}

#[test]
fn what_comes_after_a_member_comes_after_its_join() {
    let plan = decide(&review(joined())).unwrap();
    let Plan::Start { steps, joins, .. } = plan else {
        panic!("{plan:?}")
    };
    assert_eq!(joins[0].members, ["duplicates", "sources", "graph"]);
    assert_eq!(
        (joins[0].id.as_str(), joins[0].aggregator.as_str()),
        ("findings", "merge")
    );
    assert_eq!(joins[0].config.as_ref().unwrap().as_str(), "{\"a\":1}");
    assert_eq!(steps.last().unwrap().after, ["findings"]);
    assert_eq!(steps.last().unwrap().id, "report");
}

#[test]
fn circles_are_refused_and_named() {
    let mut view = review(Config::default());
    view.agents[0].after = vec!["report".to_owned()];
    let fault = decide(&view).unwrap_err();
    assert!(
        fault
            .message
            .ends_with("lockfile after report after duplicates after lockfile"),
        "{fault}"
    );
    let mut view = review(joined());
    view.agents[1].after = vec!["graph".to_owned()];
    let fault = decide(&view).unwrap_err();
    assert!(
        fault
            .message
            .contains("duplicates after findings after duplicates"),
        "{fault}"
    );
}

#[test]
fn joins_that_cannot_be_are_refused() {
    let cases = [
        (
            r#"{"joins": [{"id": "j", "members": [], "aggregator": "merge"}]}"#,
            "no members",
        ),
        (
            r#"{"joins": [{"id": "graph", "members": ["sources"], "aggregator": "merge"}]}"#,
            "name of an agent",
        ),
        (
            r#"{"joins": [{"id": "j", "members": ["soruces"], "aggregator": "merge"}]}"#,
            "did you mean `sources`?",
        ),
        (
            r#"{"joins": [{"id": "j", "members": ["graph", "graph"], "aggregator": "merge"}]}"#,
            "twice",
        ),
        (
            r#"{"fail_fast": true, "on_failure": "continue"}"#,
            "fail_fast",
        ),
    ];
    for (text, part) in cases {
        let fault = decide(&review(config(text))).unwrap_err();
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[test]
fn a_run_without_failures_ends_well_at_the_second_decision() {
    let mut view = review(Config::default());
    view.decision = 2;
    view.steps = vec![
        ended("lockfile", "completed", 1),
        ended("report", "completed", 1),
    ];
    assert!(matches!(decide(&view).unwrap(), Plan::Complete { .. }));
}

#[test]
fn a_failure_ends_the_run_once_everything_else_has_ended() {
    let mut view = after_a_failure(Config::default());
    let reason = "step `sources` failed (permanent: no luck)".to_owned();
    assert_eq!(decide(&view).unwrap(), Plan::Fail { reason });
    view.steps[1].status = "running".to_owned();
    assert_eq!(decide(&view).unwrap(), Plan::Wait);
}

#[test]
fn fail_fast_wakes_on_failure_and_does_not_wait() {
    let fast = config(r#"{"fail_fast": true}"#);
    let plan = decide(&review(fast.clone())).unwrap();
    assert!(matches!(
        plan,
        Plan::Start {
            wake_on_failure: true,
            ..
        }
    ));
    let mut view = after_a_failure(fast);
    view.steps[1].status = "running".to_owned();
    assert!(matches!(decide(&view).unwrap(), Plan::Fail { .. }));
}

#[test]
fn continuing_runs_what_was_held_back_once() {
    let continuing = Config {
        on_failure: OnFailure::Continue,
        ..Config::default()
    };
    let mut view = after_a_failure(continuing);
    assert_eq!(links(decide(&view).unwrap()), ["report#2 < "]);
    view.decision = 3;
    view.steps = vec![ended("report", "completed", 1)];
    assert!(matches!(decide(&view).unwrap(), Plan::Complete { .. }));
}

#[test]
fn escalating_asks_about_the_failure_before_what_it_held_back() {
    let escalating = Config {
        on_failure: OnFailure::Escalate,
        ..Config::default()
    };
    let planned = steps(decide(&after_a_failure(escalating)).unwrap());
    assert_eq!(
        (planned[0].id.as_str(), planned[0].kind),
        ("sources#2", Kind::Escalate)
    );
    assert!(planned[0].reason.contains("no luck"));
    assert_eq!(
        (planned[1].id.as_str(), planned[1].after.as_slice()),
        ("report#2", ["sources#2".to_owned()].as_slice())
    );
}

#[test]
fn a_failed_member_is_the_joins_to_judge_and_a_failed_join_the_runs() {
    let mut view = after_a_failure(joined());
    view.steps[4] = ended("report", "completed", 1);
    assert!(matches!(decide(&view).unwrap(), Plan::Complete { .. }));
    let mut join = ended("merge", "failed", 1);
    join.kind = "join".to_owned();
    view.steps.push(join.clone());
    assert!(matches!(decide(&view).unwrap(), Plan::Fail { .. }));
    view.config.on_failure = OnFailure::Escalate;
    assert!(
        matches!(decide(&view).unwrap(), Plan::Fail { .. }),
        "nobody can be asked about a join"
    );
}

proptest! {
    /// Whatever fails, every plan is made of steps that may start, and the run comes to an end.
    #[test]
    fn every_graph_comes_to_an_end_whatever_fails(
        picks in prop::collection::vec((prop::collection::vec(0usize..100, 0..3), any::<bool>()), 1..12),
        continues in any::<bool>(),
    ) {
        let name = |index: usize| format!("a{index:02}");
        let agents = picks.iter().enumerate().map(|(index, (before, _))| {
            let before = before.iter().filter(|_| index > 0).map(|pick| name(pick % index));
            AgentState::idle(name(index)).after(before)
        });
        let on_failure = if continues { OnFailure::Continue } else { OnFailure::Stop };
        let mut view = View::new(Config { on_failure, ..Config::default() }, (), agents);
        let fails: BTreeMap<String, bool> =
            picks.iter().enumerate().map(|(index, (_, fails))| (name(index), *fails)).collect();
        let mut ran = Vec::new();
        loop {
            let planned = match decide(&view).unwrap() {
                Plan::Start { steps, .. } => steps,
                Plan::Complete { .. } => {
                    prop_assert!(continues || !fails.values().any(|fails| *fails));
                    break;
                }
                Plan::Fail { .. } => {
                    prop_assert!(!continues);
                    return Ok(());
                }
                Plan::Wait => panic!("nothing runs"),
            };
            prop_assert!(view.decision < 20, "the run never ends");
            // The host's part: each step ends, is held back by a failure, or fails.
            let mut ends: BTreeMap<String, StepState> = BTreeMap::new();
            while ends.len() < planned.len() {
                let next = planned.iter().find(|step| {
                    !ends.contains_key(&step.id) && step.after.iter().all(|before| ends.contains_key(before))
                });
                let step = next.expect("a step that may start");
                let held_back = step.after.iter().any(|before| ends[before].status != "completed");
                let state = match (held_back, fails[&step.agent]) {
                    (true, _) => ended(&step.agent, "skipped", 0),
                    (false, true) => ended(&step.agent, "failed", 1),
                    (false, false) => ended(&step.agent, "completed", 1),
                };
                if !held_back {
                    ran.push(step.agent.clone());
                }
                ends.insert(step.id.clone(), state);
            }
            view.steps = ends.into_values().collect();
            view.decision += 1;
        }
        ran.sort_unstable();
        prop_assert_eq!(ran, fails.into_keys().collect::<Vec<_>>(), "each agent runs once");
    }
}
