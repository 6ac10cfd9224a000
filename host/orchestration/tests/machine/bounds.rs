//! Every decision ends in an accepted transition or a named error, and no run is longer than its
//! limits say.
//!
//! Without people, crashes and failing strategies a run has at most `max_steps × 4 + 8` events: a
//! unit of `max_steps` is an attempt, a skip, or a decision that nothing new led to, and brings at
//! most four events (it is tried again, it ends, the strategy is asked, the strategy answers).
//! Each event that only a person, a crash or a failing strategy can cause may come on top.

use std::cell::Cell;

use menagerie_orchestration::decision::Decision;
use menagerie_orchestration::event::Event;
use menagerie_orchestration::run::RunStatus;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::properties::cases;
use crate::random::{Act, Wild, act, act_of_guests, decision};

/// The codes that a refused decision may have.
const NAMED: [&str; 16] = [
    "unknown_agent",
    "unknown_aggregator",
    "unknown_kind",
    "bad_id",
    "duplicate_step",
    "unknown_step",
    "joined_twice",
    "empty_join",
    "cycle",
    "too_many_steps",
    "bad_confidence",
    "metadata_too_large",
    "bad_metadata",
    "end_with_start",
    "bad_ending",
    "stalled",
];

const MAX_STEPS: u32 = 12;

fn bound(wild: &Wild) -> usize {
    MAX_STEPS as usize * 4 + 8 + wild.events_from_outside()
}

fn lived(acts: &[Act]) -> Wild {
    let mut wild = Wild::new(MAX_STEPS, json!({}));
    for act in acts {
        wild.act(std::slice::from_ref(act));
        assert!(
            wild.journal.len() <= bound(&wild),
            "{} events: {:#?}",
            wild.journal.len(),
            wild.journal
        );
    }
    wild
}

/// Any decisions and outcomes until the run can go on no further by itself.
fn exhausted(decisions: &[Decision], acts: &[Act]) -> Wild {
    let mut wild = Wild::new(MAX_STEPS, json!({}));
    let mut decisions = decisions.iter().cycle();
    let mut acts = acts.iter().cycle();
    for _ in 0..2_000 {
        if wild.run.outstanding().is_empty() {
            return wild;
        }
        let before = wild.journal.len();
        if let Some(decision) = decisions.next() {
            wild.act(&[Act::Decides(decision.clone())]);
        }
        if let Some(act) = acts.next() {
            wild.act(std::slice::from_ref(act));
        }
        // When the acts lead nowhere, time goes on, and what runs ends.
        if wild.journal.len() == before {
            wild.act(&[Act::Fires(0)]);
        }
        if wild.journal.len() == before {
            wild.act(&[Act::Ends(0, crate::story::completed(json!({})))]);
        }
    }
    panic!("the run goes on for ever: {:#?}", wild.journal);
}

fn check_transitions(wild: &Wild) {
    for recorded in &wild.journal {
        let failure = match &recorded.event {
            Event::DecisionFailed { failure, .. } => failure,
            Event::RunEnded {
                error: Some(error), ..
            } => error,
            _ => continue,
        };
        assert!(!failure.code.is_empty() && !failure.message.is_empty());
    }
}

#[expect(
    clippy::disallowed_macros,
    reason = "whoever runs the nightly test is told how far it is"
)]
fn one_decision(config: Config) {
    let (all, done) = (config.cases, Cell::new(0_u32));
    let mut runner = TestRunner::new(config);
    let property = |decisions: Vec<Decision>| {
        done.set(done.get() + 1);
        if all >= 100_000 && done.get().is_multiple_of(all / 100) {
            eprintln!("decisions: {} of {all}", done.get());
        }
        let mut wild = Wild::new(MAX_STEPS, json!({}));
        for decision in decisions {
            let before = wild.run.decisions();
            wild.act(&[Act::Decides(decision)]);
            let taken = wild
                .journal
                .iter()
                .rev()
                .find_map(|recorded| match &recorded.event {
                    Event::Decided { decision, .. } if *decision == before => Some(Ok(())),
                    Event::DecisionFailed { failure, .. } => Some(Err(failure.code.clone())),
                    _ => None,
                });
            match taken {
                Some(Err(code)) => {
                    prop_assert!(NAMED.contains(&code.as_str()), "{}", code);
                    prop_assert_eq!(wild.run.status(), RunStatus::Failed);
                    break;
                }
                Some(Ok(())) => {}
                None => {
                    prop_assert!(wild.run.status().is_final() || before == wild.run.decisions())
                }
            }
            // Whatever was started ends, so that the next decision is asked for.
            for _ in 0..MAX_STEPS {
                wild.act(&[Act::Ends(0, crate::story::completed(json!({})))]);
            }
        }
        prop_assert!(wild.journal.len() <= bound(&wild));
        Ok(())
    };
    let decisions = proptest::collection::vec(decision(), 1..4);
    runner.run(&decisions, property).unwrap();
}

#[test]
fn a_decision_is_accepted_or_refused_by_name() {
    one_decision(cases(3_000));
}

#[test]
#[ignore = "minutes: run it with --release, or raise MENAGERIE_CASES"]
fn a_million_decisions_are_accepted_or_refused_by_name() {
    let config = cases(1_000_000);
    one_decision(config);
}

#[test]
fn a_run_that_only_guests_drive_ends_or_waits_within_its_bound() {
    let mut runner = TestRunner::new(cases(400));
    let decisions = proptest::collection::vec(decision(), 1..12);
    let acts = proptest::collection::vec(act_of_guests(), 1..30);
    let property = |(decisions, acts): (Vec<Decision>, Vec<Act>)| {
        let wild = exhausted(&decisions, &acts);
        prop_assert!(wild.journal.len() <= bound(&wild), "{:#?}", wild.journal);
        let status = wild.run.status();
        prop_assert!(status.is_final() || status == RunStatus::Waiting);
        check_transitions(&wild);
        Ok(())
    };
    runner.run(&(decisions, acts), property).unwrap();
}

#[test]
fn people_and_crashes_add_no_more_events_than_they_cause() {
    let mut runner = TestRunner::new(cases(800));
    let acts = proptest::collection::vec(act(), 0..200);
    let property = |acts: Vec<Act>| {
        check_transitions(&lived(&acts));
        Ok(())
    };
    runner.run(&acts, property).unwrap();
}
