//! Nets, alignments, token replay and precision: answers worked out by hand, and what must hold for any model
//! and log. Larger comparisons are made with PM4Py by `tests/pm4py`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::conform::{
    Aligner, Move, NetError, PrefixChecker, TokenCounts, Unknown, align, diagnose, precision,
    replay,
};
use menagerie_mining::discover::{Operator, Tree, alpha, inductive};
use menagerie_mining::net::PetriNet;
use proptest::prelude::*;

mod models;
mod seeded;

use models::{ALPHABET, diamond, letters, log, played, tree};

#[test]
fn an_alignment_says_the_fewest_deviations_and_where_they_are() {
    let net = diamond();
    let variants = log(&[("abcd", 3), ("acbd", 2), ("abd", 1), ("abxcd", 1), ("", 1)]);
    let found = align(&net, &variants).unwrap();
    let told: Vec<(String, u64)> = variants
        .list
        .iter()
        .zip(&found.of_variants)
        .map(|(variant, alignment)| {
            (
                variant.path.iter().map(|one| variants.name(*one)).collect(),
                alignment.cost,
            )
        })
        .collect();
    for (trace, cost) in [("abcd", 0), ("acbd", 0), ("abd", 1), ("abxcd", 1), ("", 4)] {
        assert!(told.contains(&(trace.to_owned(), cost)), "{told:?}");
    }
    let summary = found.summary;
    assert_eq!(
        (summary.total_cost, summary.fitting_traces, summary.traces),
        (6, 5, 8)
    );
    // The worst: each event a deviation, and the four transitions of the shortest run.
    assert!((summary.log_fitness - (1.0 - 6.0 / (28.0 + 32.0))).abs() < 1e-12);
    let empty = variants
        .list
        .iter()
        .position(|variant| variant.path.is_empty())
        .unwrap();
    assert!(found.of_variants[empty].fitness.abs() < 1e-12);
    assert!(
        found.of_variants[empty]
            .moves
            .iter()
            .all(|step| matches!(step, Move::Model(_)))
    );
}

#[test]
fn what_deviates_is_said_by_activity() {
    let net = diamond();
    let variants = log(&[("abcd", 297), ("abd", 2), ("abxcdx", 1)]);
    let found = diagnose(&net, &variants, &align(&net, &variants).unwrap());
    let sentences: Vec<String> = found
        .iter()
        .flat_map(|one| one.sentences(variants.total()))
        .collect();
    assert_eq!(
        sentences,
        [
            "`c` skipped in 2 of 300 cases",
            "`x` where it is not expected in 1 of 300 cases"
        ]
    );
    let unexpected = found.iter().find(|one| one.activity == "x").unwrap();
    assert_eq!((unexpected.unexpected, unexpected.cases_unexpected), (2, 1));
}

#[test]
fn token_replay_counts_as_its_paper_does() {
    let net = diamond();
    let variants = log(&[("abcd", 1)]);
    let counts = replay(&net, &variants).unwrap().of_variants[0];
    assert_eq!(
        counts,
        TokenCounts {
            missing: 0,
            consumed: 6,
            remaining: 0,
            produced: 6
        }
    );
    // Without `c`, its token remains and that for `d` is missing.
    let counts = replay(&net, &log(&[("abd", 1)])).unwrap().of_variants[0];
    assert_eq!(
        counts,
        TokenCounts {
            missing: 1,
            consumed: 5,
            remaining: 1,
            produced: 5
        }
    );
    assert!((counts.fitness() - 0.8).abs() < 1e-12);
    // What the net does not know is passed over.
    assert!(replay(&net, &log(&[("axbcd", 1)])).unwrap().of_variants[0].fits());
}

#[test]
fn precision_is_what_happens_of_what_is_allowed() {
    let net = diamond();
    let both = precision(&net, &log(&[("abcd", 1), ("acbd", 1)]), Unknown::PassedOver).unwrap();
    assert!((both.precision - 1.0).abs() < 1e-12);
    // After `a`, `c` is allowed and never happens: one of five.
    let one = precision(&net, &log(&[("abcd", 1)]), Unknown::PassedOver).unwrap();
    assert_eq!((one.allowed, one.escaping), (5, 1));
    let passed = precision(&net, &log(&[("axbcd", 1)]), Unknown::PassedOver).unwrap();
    let stopped = precision(&net, &log(&[("axbcd", 1)]), Unknown::NotAccepted).unwrap();
    assert_eq!((passed.allowed, stopped.allowed), (7, 3));
}

#[test]
fn a_deviation_is_flagged_on_its_event() {
    let mut checker = PrefixChecker::new(&diamond()).unwrap();
    let mut case = checker.begin();
    let told: Vec<u64> = ["a", "c", "c", "b", "x", "d", "d"]
        .iter()
        .map(|activity| checker.observe(&mut case, activity))
        .collect();
    assert_eq!(told, [0, 0, 1, 0, 1, 0, 1]);
    assert_eq!(case.cost(), 3);
    // `d` before `c`: the cheapest way on is that `c` was skipped.
    let mut case = checker.begin();
    assert_eq!(
        ["a", "b", "d"].map(|activity| checker.observe(&mut case, activity)),
        [0, 0, 1]
    );
}

#[test]
fn nets_that_cannot_be_checked_are_refused() {
    let mut dead = diamond();
    dead.transitions.pop();
    assert_eq!(Aligner::new(&dead).unwrap_err(), NetError::NoEnd);
    assert_eq!(
        align(&dead, &log(&[("a", 1)])).unwrap_err(),
        NetError::NoEnd
    );
    let mut growing = diamond();
    let more = growing.place("more");
    growing.transition("grow", None, &[0], &[0, more]);
    assert_eq!(
        Aligner::new(&growing).unwrap_err().to_string(),
        "the net is unbounded: it can put more and more tokens on place `more`"
    );
    // What holds one token never holds two.
    let mut twice = growing.clone();
    twice.finals = vec![vec![(0, 2)]];
    let found = align(&twice, &log(&[("abcd", 1)]));
    assert_eq!(found.unwrap_err(), NetError::NoEnd);
    // Here the end cannot be reached either, but that is not seen: the search ends at its bound.
    let mut endless = growing.clone();
    endless.transition("grow", None, &[0], &[0, more, more]);
    endless.transitions.remove(4);
    endless.finals = vec![vec![(5, 1), (more, 1)]];
    let found = align(&endless, &log(&[("abcd", 1)]));
    assert!(
        matches!(found, Err(NetError::Unbounded { .. })),
        "{found:?}"
    );
    // Twenty things side by side have more markings than are looked at.
    let wide = Tree::Node(Operator::Parallel, (0..20).map(Tree::Activity).collect());
    let names: Vec<Box<str>> = letters(&ALPHABET.as_bytes()[..20])
        .into_iter()
        .map(Into::into)
        .collect();
    let wide = PetriNet::of_tree(&wide, &names);
    assert!(matches!(
        Aligner::new(&wide),
        Err(NetError::TooLarge { .. })
    ));
}

#[test]
fn an_unbounded_net_is_searched_where_an_answer_is_near() {
    let mut growing = diamond();
    let more = growing.place("more");
    growing.transition("grow", Some("g"), &[0], &[0, more]);
    growing.transition("shrink", Some("s"), &[more], &[]);
    let found = align(&growing, &log(&[("gabcsd", 1), ("ggabcsd", 1)])).unwrap();
    assert_eq!(found.summary.total_cost, 1);
}

#[test]
fn the_nets_of_alpha_replay_their_logs() {
    let variants = log(&[("abcd", 3), ("acbd", 2), ("aed", 1)]);
    let net = PetriNet::of_alpha(&alpha(&variants), &variants.activities);
    assert_eq!(align(&net, &variants).unwrap().summary.total_cost, 0);
    assert!((replay(&net, &variants).unwrap().summary.log_fitness - 1.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn a_trees_net_accepts_what_the_tree_plays(tree in tree(), seed in any::<u64>()) {
        let traces = played(&tree, seed, 8);
        let variants = log(&traces);
        let names: Vec<Box<str>> = letters(b"abcdef").into_iter().map(Into::into).collect();
        for tree in [tree.clone(), tree.simplified()] {
            let net = PetriNet::of_tree(&tree, &names);
            let found = align(&net, &variants).unwrap();
            prop_assert_eq!(found.summary.total_cost, 0, "{}", tree.named(&names));
            let replayed = replay(&net, &variants).unwrap();
            prop_assert!(replayed.of_variants.iter().all(TokenCounts::fits));
        }
    }

    #[test]
    fn the_inductive_miners_net_accepts_its_log(traces in proptest::collection::vec("[a-e]{0,7}", 1..20)) {
        let traces: Vec<(String, u64)> = traces.into_iter().map(|trace| (trace, 1)).collect();
        let variants = log(&traces);
        let net = PetriNet::of_tree(&inductive(&variants, 0.0), &variants.activities);
        prop_assert_eq!(align(&net, &variants).unwrap().summary.total_cost, 0);
    }

    #[test]
    fn alignments_replay_and_prefixes_agree(tree in tree(), seed in any::<u64>(), noise in "[a-g]{0,6}") {
        let mut traces = played(&tree, seed, 4);
        traces.push((noise.clone().into_bytes(), 1));
        let mut mixed = traces[0].0.clone();
        mixed.extend(noise.bytes());
        traces.push((mixed, 1));
        let variants = log(&traces);
        let names: Vec<Box<str>> = letters(b"abcdefg").into_iter().map(Into::into).collect();
        let net = PetriNet::of_tree(&tree, &names);
        let found = align(&net, &variants).unwrap();
        let replayed = replay(&net, &variants).unwrap();
        let mut checker = PrefixChecker::new(&net).unwrap();
        for ((variant, alignment), counts) in variants.list.iter().zip(&found.of_variants).zip(&replayed.of_variants) {
            // The moves are a way through both the trace and the net, and cost what is said.
            let events: Vec<u32> = alignment.moves.iter().filter_map(|step| match step {
                Move::Both(activity, _) | Move::Log(activity) => Some(*activity),
                _ => None,
            }).collect();
            prop_assert_eq!(&events[..], &*variant.path);
            let cost = alignment.moves.iter().filter(|step| matches!(step, Move::Log(_) | Move::Model(_))).count();
            prop_assert_eq!(cost as u64, alignment.cost);
            let known = |activity: &u32| net.transitions.iter().any(|one| one.label.as_deref() == Some(variants.name(*activity)));
            if variant.path.iter().all(known) {
                prop_assert_eq!(counts.fits(), alignment.cost == 0);
            }
            // A beginning never deviates more than the whole, and an event by one at most.
            let mut case = checker.begin();
            for activity in &variant.path {
                prop_assert!(checker.observe(&mut case, variants.name(*activity)) <= 1);
            }
            prop_assert!(case.cost() <= alignment.cost);
        }
    }
}
