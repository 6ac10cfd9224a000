#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use menagerie::{AgentState, Fault, StepState, View};
use planning::{Kind, OnFailure, Plan, PlannedStep};
use proptest::prelude::*;

use super::{Config, decide};

fn view(config: Config, names: &[&str]) -> View<Config, ()> {
    View::new(config, (), names.iter().map(|name| AgentState::idle(*name)))
}

fn ended(agent: &str, kind: &str, status: &str, attempt: u32) -> StepState {
    StepState {
        id: agent.to_owned(),
        agent: agent.to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        attempt,
        error: (status == "failed").then(|| Fault::permanent("no luck")),
        ..StepState::default()
    }
}

fn steps(plan: Plan) -> Vec<PlannedStep> {
    match plan {
        Plan::Start {
            steps,
            joins,
            wake_on_failure: false,
            ..
        } if joins.is_empty() => steps,
        other => panic!("{other:?}"),
    }
}

/// What a plan does, short: each step with those that it waits for.
fn links(plan: Plan) -> Vec<String> {
    let link = |step: PlannedStep| format!("{} < {}", step.id, step.after.join(" "));
    steps(plan).into_iter().map(link).collect()
}

#[test]
fn the_first_decision_plans_every_agent_behind_the_one_before() {
    let plan = decide(&view(Config::default(), &["b", "a", "c"])).unwrap();
    assert_eq!(links(plan), ["b < ", "a < b", "c < a"]);
}

#[test]
fn the_configured_order_wins_and_may_leave_agents_out() {
    let config = Config {
        order: vec!["c".to_owned(), "a".to_owned()],
        ..Config::default()
    };
    assert_eq!(
        links(decide(&view(config, &["a", "b", "c"])).unwrap()),
        ["c < ", "a < c"]
    );
}

#[test]
fn an_order_that_cannot_be_is_refused_by_name() {
    let order = |names: &[&str]| Config {
        order: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Config::default()
    };
    let unknown = decide(&view(order(&["scna"]), &["scan"])).unwrap_err();
    assert!(
        unknown.message.ends_with("did you mean `scan`?"),
        "{unknown}"
    );
    let twice = decide(&view(order(&["scan", "scan"]), &["scan"])).unwrap_err();
    assert!(twice.message.contains("twice"), "{twice}");
    let mut against = view(order(&["late", "early"]), &["early", "late"]);
    against.agents[1].after = vec!["early".to_owned()];
    let against = decide(&against).unwrap_err();
    assert!(
        against.message.contains("`late` comes after `early`"),
        "{against}"
    );
    let never = decide(&view(
        Config {
            repeat: Some(0),
            ..Config::default()
        },
        &["a"],
    ))
    .unwrap_err();
    assert_eq!(never.code, "permanent");
}

#[test]
fn a_run_without_failures_ends_well_at_the_second_decision() {
    let mut second = view(Config::default(), &["a"]);
    second.decision = 2;
    second.steps = vec![ended("a", "route", "completed", 1)];
    assert!(matches!(decide(&second).unwrap(), Plan::Complete { .. }));
}

/// `a` completed, `b` failed, `c` and `d` were held back by it.
fn after_a_failure(on_failure: OnFailure) -> View<Config, ()> {
    let config = Config {
        on_failure,
        ..Config::default()
    };
    let mut second = view(config, &["a", "b", "c", "d"]);
    second.decision = 2;
    second.steps = vec![
        ended("a", "route", "completed", 1),
        ended("b", "route", "failed", 4),
        ended("c", "route", "skipped", 0),
        ended("d", "route", "skipped", 0),
    ];
    second
}

#[test]
fn a_failure_stops_the_run_and_names_the_step() {
    let plan = decide(&after_a_failure(OnFailure::Stop)).unwrap();
    assert_eq!(
        plan,
        Plan::Fail {
            reason: "step `b` failed (permanent: no luck)".to_owned()
        }
    );
}

#[test]
fn continuing_runs_what_the_failure_held_back() {
    let plan = decide(&after_a_failure(OnFailure::Continue)).unwrap();
    assert_eq!(links(plan), ["c#2.2 < ", "d#2.3 < c#2.2"]);
}

#[test]
fn escalating_puts_the_answer_before_the_rest() {
    let planned = steps(decide(&after_a_failure(OnFailure::Escalate)).unwrap());
    let kinds: Vec<Kind> = planned.iter().map(|step| step.kind).collect();
    assert_eq!(kinds, [Kind::Escalate, Kind::Route, Kind::Route]);
    assert!(planned[0].reason.contains("no luck"));
    assert_eq!(planned[1].after, ["b#2.1"]);
}

#[test]
fn nothing_is_planned_twice_while_something_runs() {
    let mut running = view(Config::default(), &["a", "b"]);
    running.decision = 2;
    running.steps = vec![
        ended("a", "route", "completed", 1),
        ended("b", "route", "running", 1),
    ];
    assert_eq!(decide(&running).unwrap(), Plan::Wait);
}

#[test]
fn asked_each_step_an_escalated_agent_is_not_run_beside_its_question() {
    let config = Config {
        ask_each_step: true,
        on_failure: OnFailure::Escalate,
        ..Config::default()
    };
    let mut failed = view(config, &["a", "b"]);
    failed.decision = 2;
    failed.agents[0].failed = 1;
    failed.steps = vec![ended("a", "route", "failed", 1)];
    let planned = steps(decide(&failed).unwrap());
    assert_eq!(
        (planned[0].id.as_str(), planned[0].kind),
        ("a#2", Kind::Escalate)
    );
    failed.decision = 3;
    failed.agents[0].completed = 1;
    failed.steps = vec![ended("a", "escalate", "completed", 1)];
    assert_eq!(links(decide(&failed).unwrap()), ["b < "]);
}

proptest! {
    /// Both ways of deciding run the same agents in the same order, failures or not.
    #[test]
    fn asking_each_step_runs_what_planning_ahead_plans(
        count in 1usize..8, rounds in 1u32..4, failing in prop::collection::vec(any::<bool>(), 8)
    ) {
        let names: Vec<String> = (0..count).map(|index| format!("a{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let config = Config { repeat: Some(rounds), on_failure: OnFailure::Continue, ..Config::default() };
        let ahead: Vec<String> =
            steps(decide(&view(config.clone(), &names)).unwrap()).into_iter().map(|step| step.agent).collect();
        let mut asked = Vec::new();
        let mut ids = Vec::new();
        let mut at = view(Config { ask_each_step: true, ..config }, &names);
        loop {
            let mut planned = match decide(&at).unwrap() {
                Plan::Complete { .. } => break,
                plan => steps(plan),
            };
            prop_assert_eq!(planned.len(), 1);
            prop_assert!(asked.len() < ahead.len(), "the loop never ends");
            let step = planned.remove(0);
            let index: usize = step.agent[1..].parse().unwrap();
            let status = if failing[index] { "failed" } else { "completed" };
            if failing[index] { at.agents[index].failed += 1 } else { at.agents[index].completed += 1 }
            at.steps = vec![ended(&step.agent, "route", status, 1)];
            at.decision += 1;
            asked.push(step.agent);
            ids.push(step.id);
        }
        prop_assert_eq!(asked, ahead);
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), count * rounds as usize);
    }
}
