//! Which nets are sound, and why others are not.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::conform::{NetError, soundness};
use menagerie_mining::discover::{Operator, Tree};
use menagerie_mining::net::PetriNet;
use proptest::prelude::*;

mod models;
mod seeded;

use models::{diamond, letters, tree};

fn reasons(net: &PetriNet) -> Vec<String> {
    let reasons = soundness(net).unwrap();
    reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn a_net_without_fault_has_no_reasons() {
    assert_eq!(reasons(&diamond()), [""; 0]);
}

#[test]
fn each_fault_is_told() {
    // `b` may also end the case, past `c`.
    let mut early = diamond();
    early.transition("tx", Some("x"), &[1], &[5]);
    assert_eq!(
        reasons(&early),
        [
            "a case can come to {c?, end}, from where it cannot end",
            "a case can end with tokens left over: {c?, end}",
        ]
    );
    let mut choice = diamond();
    choice.transitions[0].outputs.pop();
    assert_eq!(
        reasons(&choice),
        [
            "it is no workflow net: place `c?` lies on no way through it",
            "a case can come to {start}, from where it cannot end",
            "transition `c` can never happen",
            "transition `d` can never happen",
        ]
    );
    let mut growing = diamond();
    growing.transition("grow", None, &[3], &[1, 3]);
    assert_eq!(
        reasons(&growing),
        ["it can put more and more tokens on place `b?`"]
    );
    let mut back = diamond();
    back.transition("back", None, &[5], &[0]);
    assert_eq!(
        reasons(&back),
        ["it is no workflow net: something enters its first place `start`"]
    );
    let mut twice = diamond();
    twice.initial = vec![(0, 2)];
    assert_eq!(
        reasons(&twice)[0],
        "it is no workflow net: its initial marking is not one token in one place"
    );
    assert!(
        reasons(&twice)[1..]
            .iter()
            .all(|one| one.starts_with("a case can"))
    );
}

#[test]
fn of_a_net_that_is_too_large_nothing_is_said() {
    let wide = Tree::Node(Operator::Parallel, (0..20).map(Tree::Activity).collect());
    let names: Vec<Box<str>> = letters(&models::ALPHABET.as_bytes()[..20])
        .into_iter()
        .map(Into::into)
        .collect();
    let found = soundness(&PetriNet::of_tree(&wide, &names));
    assert!(matches!(found, Err(NetError::TooLarge { .. })));
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn the_net_of_a_tree_is_sound(tree in tree()) {
        let names: Vec<Box<str>> = letters(b"abcdef").into_iter().map(Into::into).collect();
        prop_assert_eq!(reasons(&PetriNet::of_tree(&tree, &names)), [""; 0], "{}", tree.named(&names));
        let simple = tree.simplified();
        prop_assert_eq!(reasons(&PetriNet::of_tree(&simple, &names)), [""; 0], "{}", simple.named(&names));
    }
}
