//! Nets with more markings than can be listed: answers are exact, or an error, within bounds.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::conform::{
    Aligner, Move, NetError, PrefixChecker, Unknown, align, precision, replay,
};
use menagerie_mining::discover::{Operator, Tree};
use menagerie_mining::log::Variants;
use menagerie_mining::net::PetriNet;
use proptest::prelude::*;

mod models;
mod seeded;

use models::{letters, log, played, tree};

/// A net that has the same alignments but no end of markings, so that it is searched rather than listed.
fn without_end_of_markings(mut net: PetriNet) -> PetriNet {
    let heap = net.place("heap");
    net.transition("heaps", Some("never happens"), &[], &[heap]);
    net
}

/// Activities side by side, each of which may be left out and done again.
fn wide(width: u32) -> (PetriNet, Vec<String>) {
    let names: Vec<String> = (0..width).map(|number| format!("a{number}")).collect();
    let again = |activity| {
        let body = Tree::Node(Operator::Loop, vec![Tree::Activity(activity), Tree::Silent]);
        Tree::Node(Operator::Choice, vec![body, Tree::Silent])
    };
    let tree = Tree::Node(Operator::Parallel, (0..width).map(again).collect());
    let shared: Vec<Box<str>> = names.iter().map(|name| name.as_str().into()).collect();
    (PetriNet::of_tree(&tree, &shared), names)
}

#[test]
fn thirty_activities_side_by_side_are_aligned_exactly() {
    let (net, names) = wide(30);
    assert!(matches!(Aligner::new(&net), Err(NetError::TooLarge { .. })));
    let mut trace: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    trace.retain(|name| *name != "a3");
    trace.extend(["a7", "a7"]);
    let mut strange = trace.clone();
    strange.insert(4, "what is this?");
    let variants = Variants::from_paths([(trace, 3), (strange, 2)]);
    let found = align(&net, &variants).unwrap();
    let summary = found.summary;
    assert_eq!((summary.total_cost, summary.fitting_traces), (2, 3));
    assert_eq!(replay(&net, &variants).unwrap().summary.fitting_traces, 5);
}

#[test]
fn the_precision_of_thirty_activities_side_by_side_is_exact() {
    let (net, names) = wide(30);
    let trace = names.iter().map(String::as_str);
    let variants = Variants::from_paths([(trace.collect::<Vec<_>>(), 7)]);
    // Each may happen at any time, and one of them does.
    let found = precision(&net, &variants, Unknown::NotAccepted).unwrap();
    assert_eq!((found.allowed, found.escaping), (7 * 30 * 30, 7 * 30 * 29));
}

#[test]
fn a_net_that_is_too_large_to_answer_at_once_is_not_watched() {
    assert!(PrefixChecker::new(&wide(5).0).is_ok());
    let error = PrefixChecker::new(&wide(12).0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the net has more than 8192 reachable markings"
    );
}

#[test]
fn an_end_that_no_token_can_be_in_is_known_at_once() {
    let (mut net, _) = wide(24);
    let (source, sink) = (net.initial[0].0, net.finals[0][0].0);
    net.finals = vec![vec![(source, 1), (sink, 1)]];
    let found = align(&net, &log(&[("ab", 1)]));
    assert_eq!(found.unwrap_err(), NetError::NoEnd);
}

/// Tokens after a transition, if it may happen.
fn fired(net: &PetriNet, tokens: &[u32], transition: usize) -> Option<Vec<u32>> {
    let transition = &net.transitions[transition];
    let mut tokens = tokens.to_vec();
    for (place, weight) in &transition.inputs {
        tokens[*place as usize] = tokens[*place as usize].checked_sub(*weight)?;
    }
    for (place, weight) in &transition.outputs {
        tokens[*place as usize] += weight;
    }
    Some(tokens)
}

fn marked(tokens: &[u32]) -> Vec<(u32, u32)> {
    let held = (0..).zip(tokens).filter(|(_, count)| **count > 0);
    held.map(|(place, count)| (place, *count)).collect()
}

/// A net of no particular form: arcs with weights, places that are taken from and given to, several tokens, labels that
/// several transitions have. It can end, since each end is where some run of it came to.
fn any_net() -> impl Strategy<Value = PetriNet> {
    let label = prop_oneof![1 => Just(None), 2 => (0_usize..4).prop_map(Some)];
    let side = || proptest::collection::vec(0_u32..6, 1..=2);
    let transitions = proptest::collection::vec((label, side(), side()), 2..9);
    let initial =
        proptest::collection::vec(prop_oneof![3 => Just(0_u32), 2 => Just(1), 1 => Just(2)], 6);
    let walks = proptest::collection::vec(proptest::collection::vec(0_usize..9, 0..12), 1..=2);
    (transitions, initial, walks).prop_map(|(transitions, initial, walks)| {
        let mut net = PetriNet::default();
        for number in 0..6 {
            net.place(format!("p{number}"));
        }
        for (number, (label, inputs, outputs)) in transitions.into_iter().enumerate() {
            let label = label.map(|label| ["a", "b", "c", "d"][label]);
            net.transition(format!("t{number}"), label, &inputs, &outputs);
        }
        net.initial = marked(&initial);
        for walk in walks {
            let mut tokens = initial.clone();
            for step in walk {
                tokens = fired(&net, &tokens, step % net.transitions.len()).unwrap_or(tokens);
            }
            net.finals.push(marked(&tokens));
        }
        net
    })
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn the_same_holds_for_nets_of_any_form(net in any_net(), traces in proptest::collection::vec("[a-e]{0,6}", 1..4)) {
        let traces: Vec<(String, u64)> = traces.into_iter().map(|trace| (trace, 1)).collect();
        let variants = log(&traces);
        // One that is unbounded by itself has nothing to compare with.
        if let Ok(listed) = Aligner::new(&net).and_then(|aligner| aligner.align(&variants)) {
            let searched = align(&without_end_of_markings(net), &variants).unwrap();
            prop_assert_eq!(listed.summary, searched.summary);
        }
    }

    #[test]
    fn what_is_searched_costs_what_is_listed(tree in tree(), seed in any::<u64>(), noise in "[a-g]{0,6}") {
        let mut traces = played(&tree, seed, 3);
        traces.push((noise.clone().into_bytes(), 1));
        let mut mixed = traces[0].0.clone();
        mixed.splice(0..mixed.len() / 2, noise.bytes());
        traces.push((mixed, 1));
        let variants = log(&traces);
        let names: Vec<Box<str>> = letters(b"abcdefg").into_iter().map(Into::into).collect();
        let net = PetriNet::of_tree(&tree, &names);
        let listed = Aligner::new(&net).unwrap().align(&variants).unwrap();
        let endless = without_end_of_markings(net);
        let unbounded = matches!(Aligner::new(&endless), Err(NetError::Unbounded { .. }));
        prop_assert!(unbounded);
        let searched = align(&endless, &variants).unwrap();
        prop_assert_eq!(listed.summary, searched.summary);
        for ((one, other), variant) in listed.of_variants.iter().zip(&searched.of_variants).zip(&variants.list) {
            prop_assert_eq!(one.cost, other.cost);
            let events: Vec<u32> = other.moves.iter().filter_map(|step| match step {
                Move::Both(activity, _) | Move::Log(activity) => Some(*activity),
                _ => None,
            }).collect();
            prop_assert_eq!(&events[..], &*variant.path);
        }
    }
}
