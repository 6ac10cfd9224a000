//! Models and logs for tests: letters as activities, trees by chance and what they play.
#![allow(dead_code, reason = "each test uses some of it")]

use menagerie_mining::discover::{Operator, Tree};
use menagerie_mining::log::Variants;
use menagerie_mining::net::PetriNet;
use proptest::prelude::*;

pub(crate) const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";

pub(crate) fn letters(trace: &[u8]) -> Vec<&'static str> {
    let at = |letter: &u8| usize::from(letter - b'a');
    trace
        .iter()
        .map(|letter| &ALPHABET[at(letter)..=at(letter)])
        .collect()
}

pub(crate) fn log<T: AsRef<[u8]>>(traces: &[(T, u64)]) -> Variants {
    Variants::from_paths(
        traces
            .iter()
            .map(|(trace, count)| (letters(trace.as_ref()), *count)),
    )
}

/// `a`, then `b` and `c` in any order, then `d`.
pub(crate) fn diamond() -> PetriNet {
    let mut net = PetriNet::default();
    let place = ["start", "b?", "c?", "b!", "c!", "end"].map(|name| net.place(name));
    net.transition("ta", Some("a"), &[place[0]], &[place[1], place[2]]);
    net.transition("tb", Some("b"), &[place[1]], &[place[3]]);
    net.transition("tc", Some("c"), &[place[2]], &[place[4]]);
    net.transition("td", Some("d"), &[place[3], place[4]], &[place[5]]);
    net.initial = vec![(place[0], 1)];
    net.finals = vec![vec![(place[5], 1)]];
    net
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![1 => Just(Tree::Silent), 6 => (0_u32..6).prop_map(Tree::Activity)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let operator = prop_oneof![
            Just(Operator::Sequence),
            Just(Operator::Choice),
            Just(Operator::Parallel),
            Just(Operator::Loop)
        ];
        (operator, proptest::collection::vec(inner, 2..=3))
            .prop_map(|(operator, parts)| Tree::Node(operator, parts))
    })
}

/// A trace of a tree, chosen by a sequence of numbers that repeats.
fn play(tree: &Tree, chance: &mut impl FnMut(usize) -> usize, trace: &mut Vec<u8>) {
    match tree {
        Tree::Silent => {}
        Tree::Activity(activity) => trace.push(b'a' + u8::try_from(*activity).unwrap()),
        Tree::Node(Operator::Sequence, parts) => {
            parts.iter().for_each(|part| play(part, chance, trace))
        }
        Tree::Node(Operator::Choice, parts) => play(&parts[chance(parts.len())], chance, trace),
        Tree::Node(Operator::Parallel, parts) => {
            let mut pieces: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let mut piece = Vec::new();
                    play(part, chance, &mut piece);
                    piece.reverse();
                    piece
                })
                .collect();
            while pieces.iter().any(|piece| !piece.is_empty()) {
                pieces.retain(|piece| !piece.is_empty());
                let next = chance(pieces.len());
                trace.extend(pieces[next].pop());
            }
        }
        Tree::Node(Operator::Loop, parts) => {
            play(&parts[0], chance, trace);
            while trace.len() < 30 && chance(5) < 2 {
                play(&parts[1 + chance(parts.len() - 1)], chance, trace);
                play(&parts[0], chance, trace);
            }
        }
    }
}

pub(crate) fn played(tree: &Tree, seed: u64, count: usize) -> Vec<(Vec<u8>, u64)> {
    let mut state = seed | 1;
    let mut chance = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % bound
    };
    (0..count)
        .map(|_| {
            let mut trace = Vec::new();
            play(tree, &mut chance, &mut trace);
            (trace, 1)
        })
        .collect()
}
