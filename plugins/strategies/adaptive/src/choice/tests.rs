#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use menagerie::host::figures::AgentFigures;
use menagerie::{AgentState, Fault, StepState, View};
use planning::Plan;
use proptest::prelude::*;

use super::{Config, decide, problems};

fn seen(name: &str, completed: u32, failed: u32, mean_ms: f64) -> AgentFigures {
    let times = (completed + failed > 0).then_some(mean_ms);
    AgentFigures {
        name: name.to_owned(),
        completed,
        failed,
        mean_ms: times,
        median_ms: times,
        p95_ms: times,
        waiting_ms: times.map(|_| 0.0),
        running: 0,
        queued: 0,
    }
}

fn config(stages: &[&[&str]], explore: f64) -> Config {
    let names = |stage: &&[&str]| stage.iter().map(|name| (*name).to_owned()).collect();
    Config {
        stages: stages.iter().map(names).collect(),
        explore,
    }
}

fn view(config: Config, names: &[&str]) -> View<Config, ()> {
    View::new(config, (), names.iter().map(|name| AgentState::idle(*name)))
}

/// Who is chosen.
fn chosen(plan: Plan) -> String {
    match plan {
        Plan::Start { mut steps, .. } if steps.len() == 1 => steps.remove(0).agent,
        other => panic!("{other:?}"),
    }
}

fn of_two(a: AgentFigures, b: AgentFigures) -> String {
    let view = view(config(&[&["a", "b"]], 0.0), &["a", "b"]);
    chosen(decide(&view, &[a, b], || 0.5).unwrap())
}

#[test]
fn the_quickest_is_chosen() {
    assert_eq!(of_two(seen("a", 9, 0, 900.0), seen("b", 9, 0, 100.0)), "b");
    assert_eq!(of_two(seen("a", 9, 0, 90.0), seen("b", 9, 0, 100.0)), "a");
}

#[test]
fn quick_failures_are_no_answers() {
    assert_eq!(of_two(seen("a", 1, 20, 50.0), seen("b", 20, 0, 100.0)), "b");
}

#[test]
fn a_queue_is_a_wait() {
    let mut busy = seen("a", 9, 0, 100.0);
    (busy.running, busy.queued) = (1, 4);
    assert_eq!(of_two(busy, seen("b", 9, 0, 300.0)), "b");
}

#[test]
fn who_was_not_tried_of_late_comes_first() {
    assert_eq!(of_two(seen("a", 9, 0, 1.0), seen("b", 0, 0, 0.0)), "b");
    let view = view(config(&[&["a", "b"]], 1.0), &["a", "b"]);
    let plan = decide(&view, &[], || 0.0).unwrap();
    assert_eq!(
        chosen(plan),
        "a",
        "nothing is known of either, so that nothing is explored"
    );
}

#[test]
fn now_and_then_another_is_tried() {
    let view = view(config(&[&["a", "b", "c"]], 0.1), &["a", "b", "c"]);
    let figures = [
        seen("a", 9, 0, 10.0),
        seen("b", 9, 0, 20.0),
        seen("c", 9, 0, 30.0),
    ];
    let with = |draws: [f64; 2]| {
        let mut draws = draws.into_iter();
        chosen(decide(&view, &figures, || draws.next().unwrap()).unwrap())
    };
    assert_eq!(with([0.1, 0.0]), "a");
    assert_eq!(with([0.09, 0.0]), "b");
    assert_eq!(with([0.0, 0.99]), "c");
}

#[test]
fn the_next_best_does_the_work_of_one_that_failed_and_then_nobody() {
    let mut view = view(config(&[&["a", "b"]], 0.0), &["a", "b"]);
    let figures = [seen("a", 9, 0, 10.0), seen("b", 9, 0, 20.0)];
    let fails = |name: &str| StepState {
        id: name.to_owned(),
        agent: name.to_owned(),
        status: "failed".to_owned(),
        error: Some(Fault::permanent("no luck")),
        ..StepState::default()
    };
    view.agents[0].failed = 1;
    view.steps = vec![fails("a")];
    assert_eq!(chosen(decide(&view, &figures, || 0.5).unwrap()), "b");
    view.agents[1].failed = 1;
    view.steps = vec![fails("b")];
    let Plan::Fail { reason } = decide(&view, &figures, || 0.5).unwrap() else {
        panic!("all have failed");
    };
    assert!(reason.contains("no luck"), "{reason}");
}

#[test]
fn what_is_wrong_with_a_configuration_is_told_with_its_place() {
    let wrong = config(&[&["a", "nobody"], &[], &["a"]], 1.5);
    let agents = ["a".to_owned()];
    let pointers: Vec<String> = problems(&wrong, &agents)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    assert_eq!(
        pointers,
        ["/stages/0/1", "/stages/1", "/stages/2/0", "/explore"]
    );
    assert!(decide(&view(wrong, &["a"]), &[], || 0.5).is_err());
}

proptest! {
    /// However the agents fare, a run comes to its end, with one agent done in each stage.
    #[test]
    fn every_run_ends(
        fates in proptest::collection::vec(any::<bool>(), 6),
        means in proptest::collection::vec(0.0..5_000.0_f64, 6),
        draws in proptest::collection::vec(0.0..1.0_f64, 1..20),
    ) {
        let names = ["a", "b", "c", "d", "e", "f"];
        let stages: [&[&str]; 3] = [&["a", "b", "c"], &["d"], &["e", "f"]];
        let mut view = view(config(&stages, 0.3), &names);
        let figures: Vec<_> = names.iter().zip(&means).map(|(name, mean)| seen(name, 5, 0, *mean)).collect();
        let mut draws = draws.iter().copied().cycle();
        for _ in 0..=names.len() {
            match decide(&view, &figures, || draws.next().unwrap()).unwrap() {
                Plan::Start { steps, .. } => {
                    let place = names.iter().position(|name| *name == steps[0].agent).unwrap();
                    let agent = &mut view.agents[place];
                    prop_assert_eq!(agent.completed + agent.failed, 0, "nobody works twice");
                    if fates[place] { agent.completed = 1 } else { agent.failed = 1 }
                }
                Plan::Complete { .. } => {
                    for stage in stages {
                        let done = stage.iter().filter(|name| view.agent(name).unwrap().completed > 0);
                        prop_assert_eq!(done.count(), 1);
                    }
                    return Ok(());
                }
                Plan::Fail { .. } => {
                    let failed = |stage: &&[&str]| stage.iter().all(|name| view.agent(name).unwrap().failed > 0);
                    prop_assert!(stages.iter().any(failed));
                    return Ok(());
                }
                Plan::Wait => prop_assert!(false, "nothing runs"),
            }
        }
        prop_assert!(false, "no end");
    }
}
