#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use menagerie::{AgentState, Fault, HistoryEntry, Json, StepState, View};
use planning::{Kind, Plan, PlannedStep};

use super::{Decided, decide};
use crate::rule::Config;

pub(super) fn config(text: &str) -> Config {
    Json::from_text(text).read().unwrap()
}

pub(super) fn view(rules: &str, state: &str, names: &[&str]) -> View<Config, Json> {
    let config = config(&format!("{{\"rules\": [{rules}]}}"));
    View::new(
        config,
        Json::from_text(state),
        names.iter().map(|name| AgentState::idle(*name)),
    )
}

fn decided(view: &View<Config, Json>) -> Decided {
    decide(view, &mut |_, _| Vec::new()).unwrap()
}

fn steps(plan: Plan) -> Vec<PlannedStep> {
    match plan {
        Plan::Start { steps, .. } => steps,
        other => panic!("{other:?}"),
    }
}

fn links(view: &View<Config, Json>) -> Vec<String> {
    let link =
        |step: PlannedStep| format!("{:?} {} < {}", step.kind, step.id, step.after.join(" "));
    steps(decided(view).plan).into_iter().map(link).collect()
}

fn ended(agent: &str, kind: &str, status: &str, attempt: u32) -> StepState {
    StepState {
        id: agent.to_owned(),
        agent: agent.to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        attempt,
        error: (status == "failed").then(|| Fault::transient("cut")),
        ..StepState::default()
    }
}

fn decision_entry(id: u32, reason: &str) -> HistoryEntry {
    HistoryEntry {
        id,
        step: format!("decision-{id}"),
        agent: "orchestrator".to_owned(),
        kind: "route".to_owned(),
        status: "decided".to_owned(),
        reason: reason.to_owned(),
        at_ms: 0.0,
    }
}

/// What a host would make of a plan: every step ends as `ends` says, and the view moves on.
pub(super) fn play(view: &mut View<Config, Json>, plan: Plan, ends: &dyn Fn(&str) -> bool) {
    let Plan::Start {
        steps,
        joins,
        reason,
        ..
    } = plan
    else {
        panic!("{plan:?}")
    };
    view.history.push(decision_entry(view.decision, &reason));
    let mut states: Vec<StepState> = Vec::new();
    for step in steps {
        let fine = |id: &String| {
            states
                .iter()
                .any(|state| state.id == *id && state.status == "completed")
        };
        let held_back = !step.after.iter().all(fine);
        let (kind, status, attempt) = match step.kind {
            Kind::Skip => ("skip", "skipped", 0),
            Kind::Escalate => ("escalate", "completed", 0),
            _ if held_back => ("route", "skipped", 0),
            _ if ends(&step.agent) => ("route", "completed", 1),
            _ => ("route", "failed", 1),
        };
        let agent = view
            .agents
            .iter_mut()
            .find(|agent| agent.name == step.agent)
            .unwrap();
        match status {
            "completed" => agent.completed += 1,
            "failed" => agent.failed += 1,
            _ => agent.skipped += 1,
        }
        view.current_step = Some(step.id.clone());
        states.push(StepState {
            id: step.id,
            ..ended(&step.agent, kind, status, attempt)
        });
    }
    states.extend(joins.into_iter().map(|join| StepState {
        id: join.id,
        ..ended(&join.aggregator, "join", "completed", 1)
    }));
    view.steps = states;
    view.decision += 1;
    view.trigger = "wake".to_owned();
}

#[test]
fn without_rules_every_agent_runs_once_in_the_order_of_the_file_and_the_run_ends() {
    let mut view = view("", "{}", &["b", "a"]);
    view.agents[0].after = vec!["a".to_owned()];
    let mut ran = Vec::new();
    loop {
        let Decided { plan, confidence } = decided(&view);
        assert!((confidence - 1.0).abs() < f64::EPSILON);
        match &plan {
            Plan::Start { steps, reason, .. } => {
                assert_eq!(reason, "default_sequence");
                ran.push(steps[0].agent.clone());
            }
            Plan::Complete { .. } => break,
            other => panic!("{other:?}"),
        }
        play(&mut view, plan, &|_| true);
    }
    assert_eq!(ran, ["a", "b"]);
}

#[test]
fn the_first_rule_that_matches_decides_once() {
    let mut view = view(
        r#"{"when": "false", "then": "end"},
           {"when": "true", "then": "route", "targets": ["b"], "reason": "why", "confidence": 0.5},
           {"when": "true", "then": "route", "targets": ["a"]}"#,
        "{}",
        &["a", "b", "c"],
    );
    let first = decided(&view);
    let Plan::Start { reason, .. } = &first.plan else {
        panic!("{first:?}")
    };
    assert_eq!((reason.as_str(), first.confidence), ("rule 1: why", 0.5));
    play(&mut view, first.plan, &|_| true);
    assert_eq!(links(&view), ["Route a < "]);
    let plan = decided(&view).plan;
    play(&mut view, plan, &|_| true);
    assert_eq!(links(&view), ["Route c < "], "both rules are used up");
}

#[test]
fn a_rule_that_always_holds_does_not_keep_the_run_going() {
    let mut view = view(
        r#"{"when": "true", "then": "route", "targets": ["a"], "times": 3}"#,
        "{}",
        &["a", "b"],
    );
    let mut ids = Vec::new();
    for _ in 0..10 {
        let plan = decided(&view).plan;
        if matches!(plan, Plan::Complete { .. }) {
            assert_eq!(ids, ["a", "a#2", "a#3", "b"]);
            return;
        }
        ids.extend(steps(plan.clone()).into_iter().map(|step| step.id));
        play(&mut view, plan, &|_| true);
    }
    panic!("the run goes on: {ids:?}");
}

#[test]
fn matches_are_counted_in_history_that_the_view_no_longer_holds() {
    let mut view = view(
        r#"{"when": "true", "then": "route", "targets": ["a"], "times": 2}, {"when": "true", "then": "end"}"#,
        "{}",
        &["a"],
    );
    view.decision = 9;
    view.history = vec![
        decision_entry(900, "rule 0: x"),
        decision_entry(901, "rule 01"),
    ];
    let mut pages = 0;
    let plan = decide(&view, &mut |id, count| {
        pages += 1;
        assert_eq!(count, 256);
        match id {
            900 => vec![
                decision_entry(899, "rule 10"),
                decision_entry(700, "default_sequence"),
            ],
            700 => vec![decision_entry(699, "rule 0")],
            _ => Vec::new(),
        }
    });
    assert!(matches!(plan.unwrap().plan, Plan::Complete { .. }));
    assert_eq!(pages, 2, "an end need not be counted");
}

#[test]
fn route_chains_and_parallel_does_not() {
    let chain = view(
        r#"{"when": "true", "then": "route", "targets": ["b", "a", "b"]}"#,
        "{}",
        &["a", "b"],
    );
    assert_eq!(
        links(&chain),
        ["Route b < ", "Route a < b", "Route b#1.2 < a"]
    );
    let parallel = view(
        r#"{"when": "true", "then": "parallel", "targets": ["a", "b"], "join": "merge", "join_config": {"k": 1}, "fail_fast": true}"#,
        "{}",
        &["a", "b"],
    );
    let plan = decided(&parallel).plan;
    let Plan::Start {
        steps,
        joins,
        wake_on_failure,
        ..
    } = plan
    else {
        panic!("{plan:?}")
    };
    assert!(wake_on_failure && steps.iter().all(|step| step.after.is_empty()));
    assert_eq!((joins[0].id.as_str(), joins[0].members.len()), ("merge", 2));
    assert_eq!(joins[0].config.as_ref().unwrap().as_str(), "{\"k\":1}");
}

#[test]
fn no_targets_end_the_run_and_so_does_end() {
    for rule in [
        r#"{"when": "true", "then": "route"}"#,
        r#"{"when": "true", "then": "end", "reason": "done"}"#,
    ] {
        assert!(
            matches!(
                decided(&view(rule, "{}", &["a"])).plan,
                Plan::Complete { .. }
            ),
            "{rule}"
        );
    }
    let fails = view(
        r#"{"when": "true", "then": "end", "status": "failed", "reason": "no"}"#,
        "{}",
        &["a"],
    );
    assert_eq!(
        decided(&fails).plan,
        Plan::Fail {
            reason: "rule 0: no".to_owned()
        }
    );
}

#[test]
fn a_rule_may_be_about_what_failed() {
    let rules = |then: &str| {
        format!(
            r#"{{"when": "has(error.code) && error.code == 'transient' && error.agent == 'a'", "then": "{then}"}}"#
        )
    };
    for (then, expected) in [("retry", "Retry a#2 < "), ("escalate", "Escalate a#2 < ")] {
        let mut view = view(&rules(then), "{}", &["a", "b"]);
        let plan = decided(&view).plan;
        play(&mut view, plan, &|_| false);
        assert_eq!(links(&view), [expected]);
    }
    let skip = view(
        r#"{"when": "decision == 1", "then": "skip"}"#,
        "{}",
        &["a", "b"],
    );
    assert_eq!(links(&skip), ["Skip a < "]);
}

#[test]
fn a_failure_that_no_rule_matches_does_what_is_configured() {
    let mut stopping = view(
        r#"{"when": "decision == 1", "then": "route", "targets": ["a", "b", "c"]}"#,
        "{}",
        &["a", "b", "c"],
    );
    let plan = decided(&stopping).plan;
    play(&mut stopping, plan, &|agent| agent != "a");
    assert_eq!(
        decided(&stopping).plan,
        Plan::Fail {
            reason: "step `a` failed (transient: cut)".to_owned()
        }
    );
    stopping.config.on_failure = planning::OnFailure::Continue;
    assert_eq!(links(&stopping), ["Route b#2 < ", "Route c#2 < b#2"]);
    stopping.config.on_failure = planning::OnFailure::Escalate;
    assert_eq!(
        links(&stopping),
        ["Escalate a#2 < ", "Route b#2 < a#2", "Route c#2 < b#2"]
    );
}

#[test]
fn a_join_has_judged_the_failures_of_its_members() {
    let rule =
        r#"{"when": "decision == 1", "then": "parallel", "targets": ["a", "b"], "join": "merge"}"#;
    let mut view = view(rule, "{}", &["a", "b", "c"]);
    let plan = decided(&view).plan;
    play(&mut view, plan, &|agent| agent != "a");
    assert_eq!(links(&view), ["Route c < "]);
    view.steps.last_mut().unwrap().status = "failed".to_owned();
    assert!(matches!(decided(&view).plan, Plan::Fail { .. }));
}

#[test]
fn the_review_skips_the_graph_of_a_small_lock_and_escalates_on_a_git_source() {
    let rules = r#"
        {"when": "current_step == 'lockfile' && state.lockfile.package_count < environment.small",
         "then": "parallel", "targets": ["duplicates", "sources"], "reason": "few packages"},
        {"when": "current_step == 'lockfile'", "then": "parallel", "targets": ["duplicates", "sources", "graph"]},
        {"when": "agents.sources.completed > 0 && size(state.sources.git) > 0", "then": "escalate", "targets": ["report"]},
        {"when": "agents.sources.completed > 0 && agents.report.completed + agents.report.skipped == 0", "then": "route", "targets": ["report"]},
        {"when": "agents.report.completed > 0", "then": "end"}"#;
    let names = ["lockfile", "duplicates", "sources", "graph", "report"];
    let mut run = view(rules, r#"{"lockfile": "text"}"#, &names);
    run.config.environment.insert("small".to_owned(), 50.into());
    assert_eq!(links(&run), ["Route lockfile < "]);
    let plan = decided(&run).plan;
    play(&mut run, plan, &|_| true);

    run.state = Json::from_text(r#"{"lockfile": {"package_count": 51}}"#);
    assert_eq!(steps(decided(&run).plan).len(), 3);
    run.state = Json::from_text(r#"{"lockfile": {"package_count": 49}}"#);
    let plan = decided(&run).plan;
    assert_eq!(steps(plan.clone()).len(), 2);
    play(&mut run, plan, &|_| true);

    run.state = Json::from_text(r#"{"lockfile": {}, "sources": {"git": [{"id": "g"}]}}"#);
    assert_eq!(links(&run), ["Escalate report < "]);
    run.state = Json::from_text(r#"{"lockfile": {}, "sources": {"git": []}}"#);
    let plan = decided(&run).plan;
    assert_eq!(steps(plan.clone())[0].id, "report");
    play(&mut run, plan, &|_| true);
    assert!(matches!(decided(&run).plan, Plan::Complete { .. }));
}

#[test]
fn an_error_in_a_condition_is_a_fault_that_names_rule_and_column() {
    let broken = view(
        r#"{"when": "false", "then": "end"}, {"when": "1 < 2 && state.missing > 1", "then": "end"}"#,
        "{}",
        &["a"],
    );
    let fault = decide(&broken, &mut |_, _| Vec::new()).unwrap_err();
    assert_eq!(fault.code, "permanent");
    assert!(
        fault
            .message
            .starts_with("rule 1, column 16: there is no `missing` here"),
        "{fault}"
    );
    let unknown = view(
        r#"{"when": "true", "then": "route", "targets": ["aa"]}"#,
        "{}",
        &["a"],
    );
    let fault = decide(&unknown, &mut |_, _| Vec::new()).unwrap_err();
    assert!(
        fault
            .message
            .contains("/rules/0/targets/0: the flow has no agent `aa`"),
        "{fault}"
    );
}

#[test]
fn what_the_last_step_did_can_be_asked() {
    let rule = r#"{"when": "decision > 1 && task.agent == 'a' && task.output.x == artifact.x && artifact.x == 7 && has(task.confidence)", "then": "end"}"#;
    let mut view = view(rule, "{}", &["a", "b"]);
    let plan = decided(&view).plan;
    play(&mut view, plan, &|_| true);
    view.steps[0].output = Some(Json::from_text(r#"{"x": 7}"#));
    assert_eq!(links(&view), ["Route b < "], "there is no confidence");
    view.steps[0].confidence = Some(0.5);
    assert!(matches!(decided(&view).plan, Plan::Complete { .. }));
}

#[test]
fn nothing_is_decided_while_all_goes_well() {
    let mut view = view(r#"{"when": "true", "then": "end"}"#, "{}", &["a", "b"]);
    view.decision = 2;
    view.steps = vec![ended("a", "route", "running", 1)];
    assert_eq!(decided(&view).plan, Plan::Wait);
}
