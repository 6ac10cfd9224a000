//! Arbitrary inputs in arbitrary order. The invariants themselves are in `invariants`; a failing case
//! is printed, and before it the seed that repeats it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::wire::{decode, encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use crate::random::{Act, Wild, act};

fn fold(flow: &Arc<Flow>, events: &[Recorded]) -> Run {
    let mut run = Run::new(flow.clone());
    for event in events {
        run.apply(event);
    }
    run
}

/// Cases, or as many as `MENAGERIE_CASES` says, out of a new seed, which is printed when a test fails.
/// `PROPTEST_RNG_SEED` sets it, and repeats the same cases.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "the longer run, and the repeated one, are asked for by whoever starts the tests"
)]
pub(crate) fn cases(default: u32) -> Config {
    let told = std::env::var("MENAGERIE_CASES").ok();
    let cases = told.and_then(|cases| cases.parse().ok());
    let mut config = Config {
        cases: cases.unwrap_or(default),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if config.rng_seed == RngSeed::Random {
        let drawn = std::hash::RandomState::new().build_hasher().finish();
        config.rng_seed = RngSeed::Fixed(drawn);
    }
    println!("PROPTEST_RNG_SEED={}", config.rng_seed);
    config
}

fn batches() -> impl Strategy<Value = Vec<Vec<Act>>> {
    proptest::collection::vec(proptest::collection::vec(act(), 1..3), 0..60)
}

fn input() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(json!({"k0": 1})), Just(json!(0.1))]
}

fn lived(batches: &[Vec<Act>], input: Value) -> Wild {
    let mut wild = Wild::new(30, input);
    for acts in batches {
        wild.act(acts);
    }
    wild
}

#[test]
fn arbitrary_inputs_keep_the_invariants_and_two_folds_are_equal() {
    let mut runner = TestRunner::new(cases(1_500));
    let property = |(batches, input): (Vec<Vec<Act>>, Value)| {
        let wild = lived(&batches, input);
        let one = fold(&wild.flow, &wild.journal);
        prop_assert_eq!(&one, &fold(&wild.flow, &wild.journal));
        prop_assert_eq!(&one, &wild.run, "the fold is the run that made the journal");
        Ok(())
    };
    runner.run(&(batches(), input()), property).unwrap();
}

#[test]
fn every_event_survives_its_text() {
    let mut runner = TestRunner::new(cases(500));
    let property = |(batches, input): (Vec<Vec<Act>>, Value)| {
        let wild = lived(&batches, input);
        let mut decoded = Vec::new();
        for event in &wild.journal {
            let encoded = encode(event).unwrap();
            let beside: BTreeMap<_, _> = encoded.payloads.iter().cloned().collect();
            let mut payload = |digest: &str| {
                let text = beside.get(digest).ok_or("missing")?;
                let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
                Ok(Document::from(value))
            };
            let back = decode(&encoded.text, &mut payload).unwrap();
            prop_assert_eq!(&back, event);
            prop_assert_eq!(encode(&back).unwrap(), encoded);
            decoded.push(back);
        }
        prop_assert_eq!(fold(&wild.flow, &decoded), wild.run);
        Ok(())
    };
    runner.run(&(batches(), input()), property).unwrap();
}

#[test]
fn for_every_prefix_a_snapshot_and_the_rest_are_the_full_fold() {
    let mut runner = TestRunner::new(cases(200));
    let property = |(batches, input): (Vec<Vec<Act>>, Value)| {
        let wild = lived(&batches, input);
        let mut run = Run::new(wild.flow.clone());
        for prefix in 0..=wild.journal.len() {
            if let Some(event) = prefix
                .checked_sub(1)
                .and_then(|last| wild.journal.get(last))
            {
                run.apply(event);
            }
            let bytes = run.snapshot().unwrap();
            let mut restored = Run::restore(wild.flow.clone(), &bytes).unwrap();
            prop_assert_eq!(&restored, &run);
            prop_assert_eq!(restored.outstanding(), run.outstanding());
            // The whole rest is folded for some prefixes only: it is quadratic.
            if prefix % 7 == 0 {
                for event in &wild.journal[prefix..] {
                    restored.apply(event);
                }
                prop_assert_eq!(&restored, &wild.run);
                prop_assert_eq!(restored.outstanding(), wild.run.outstanding());
            }
        }
        Ok(())
    };
    runner.run(&(batches(), input()), property).unwrap();
}

#[test]
fn decide_foretells_advance_and_the_same_inputs_make_the_same_events() {
    let mut runner = TestRunner::new(cases(300));
    let property = |(batches, input): (Vec<Vec<Act>>, Value)| {
        let one = lived(&batches, input.clone());
        let other = lived(&batches, input);
        prop_assert_eq!(one.journal, other.journal);
        Ok(())
    };
    runner.run(&(batches(), input()), property).unwrap();
}

#[test]
fn events_that_do_not_fit_are_no_panic() {
    // A damaged journal is found by its hashes; should one slip through, a fold must not fail.
    let mut runner = TestRunner::new(cases(300));
    let order = proptest::collection::vec(any::<usize>(), 0..80);
    let property = |(batches, order): (Vec<Vec<Act>>, Vec<usize>)| {
        let wild = lived(&batches, json!({}));
        let mut run = Run::new(wild.flow.clone());
        for index in order {
            run.apply(&wild.journal[index % wild.journal.len()]);
            let _ = run.outstanding();
            let _ = run.status();
        }
        Ok(())
    };
    runner.run(&(batches(), order), property).unwrap();
}
