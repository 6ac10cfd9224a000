//! Nets of heuristics nets: they do what the splits and joins say, no less and no more.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use std::collections::BTreeSet;

use menagerie_mining::conform::{NetError, align, soundness};
use menagerie_mining::discover::{HeuristicsNet, Thresholds, heuristics};
use menagerie_mining::net::{PetriNet, write_bpmn_of_heuristics, write_pnml};
use proptest::prelude::*;

mod models;
mod seeded;

use models::log;
use seeded::seeded;

fn found(traces: &[(&str, u64)]) -> HeuristicsNet {
    heuristics(&log(traces), &Thresholds::default())
}

fn cost(net: &PetriNet, trace: &str) -> Result<u64, NetError> {
    align(net, &log(&[(trace, 1)])).map(|found| found.summary.total_cost)
}

#[test]
fn parts_side_by_side_loops_and_choices_become_a_sound_net() {
    let found = found(&[("abcd", 40), ("acbd", 40), ("aed", 30), ("aeed", 20)]);
    let net = PetriNet::of_heuristics(&found);
    assert_eq!(soundness(&net).unwrap(), []);
    for (trace, expected) in [
        ("abcd", 0),
        ("acbd", 0),
        ("aed", 0),
        ("aeeeed", 0),
        ("abd", 1),
        ("abced", 1),
        ("ad", 1),
        ("abcdd", 1),
    ] {
        assert_eq!(cost(&net, trace).unwrap(), expected, "{trace}");
    }
    let mut bytes = Vec::new();
    write_pnml(&mut bytes, &net).unwrap();
    let again = menagerie_mining::net::read_pnml(std::str::from_utf8(&bytes).unwrap()).unwrap();
    assert_eq!(cost(&again, "acbd").unwrap(), 0);
    bytes.clear();
    write_bpmn_of_heuristics(&mut bytes, &found).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let count = |tag: &str| text.matches(&format!("<bpmn:{tag} ")).count();
    assert_eq!(count("task"), 5, "{text}");
    assert_eq!(count("parallelGateway"), 2, "{text}");
    // Of what follows `a`, what comes before `d`, and `e` again.
    assert_eq!(count("exclusiveGateway"), 4, "{text}");
}

#[test]
fn what_lies_on_no_way_is_left_out_and_nothing_is_a_net_of_its_own() {
    // Nothing depends on `x`: it comes before and after all others as often.
    let found = found(&[("axb", 1), ("xab", 1), ("abx", 1), ("ab", 50)]);
    let kept = found.on_a_way();
    let net = PetriNet::of_heuristics(&found);
    let labels: BTreeSet<&str> = net
        .transitions
        .iter()
        .filter_map(|transition| transition.label.as_deref())
        .collect();
    for (name, kept) in found.activities.iter().zip(kept) {
        assert_eq!(labels.contains(&**name), kept, "{name}");
    }
    assert_eq!(cost(&net, "ab").unwrap(), 0);
    let empty = PetriNet::of_heuristics(&heuristics(&log::<&str>(&[]), &Thresholds::default()));
    assert_eq!(cost(&empty, "").unwrap(), 0);
}

/// Whether a trace is a valid sequence of the causal net, by its definition: obligations that are made by splits and
/// met by joins, with none left at the end.
fn is_valid(net: &HeuristicsNet, trace: &[u8]) -> bool {
    type State = (bool, Vec<(u32, u32)>);
    let mut states: BTreeSet<State> = BTreeSet::from([(false, Vec::new())]);
    for (place, letter) in trace.iter().enumerate() {
        let name = (*letter as char).to_string();
        let Some(activity) = net.activities.iter().position(|one| **one == *name) else {
            return false;
        };
        let number = u32::try_from(activity).unwrap();
        let mut next = BTreeSet::new();
        for (ended, owed) in states {
            if ended {
                continue;
            }
            let mut begun: Vec<Vec<(u32, u32)>> = Vec::new();
            if place == 0 {
                if net.starts[activity] > 0 {
                    begun.push(owed.clone());
                }
            } else {
                for join in &net.joins[activity] {
                    let mut left = owed.clone();
                    let met = join.iter().all(|from| {
                        let at = left.iter().position(|edge| *edge == (*from, number));
                        at.map(|at| left.remove(at)).is_some()
                    });
                    if met {
                        begun.push(left);
                    }
                }
                // A loop of one is an obligation of its own.
                let own = owed.iter().position(|edge| *edge == (number, number));
                if let Some(at) = own {
                    let mut left = owed.clone();
                    left.remove(at);
                    begun.push(left);
                }
            }
            for left in begun {
                if net.ends[activity] > 0 {
                    next.insert((true, left.clone()));
                }
                let again = net
                    .edges
                    .iter()
                    .any(|edge| (edge.from, edge.to) == (number, number));
                let own = again.then(|| vec![number]);
                for split in net.splits[activity].iter().chain(own.iter()) {
                    let mut owing = left.clone();
                    owing.extend(split.iter().map(|to| (number, *to)));
                    owing.sort_unstable();
                    next.insert((false, owing));
                }
            }
        }
        states = next;
    }
    states.contains(&(true, Vec::new()))
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn the_net_takes_the_valid_sequences_and_no_other(
        traces in proptest::collection::vec(("[a-d]{1,6}", 1_u64..20), 1..6),
        asked in proptest::collection::vec("[a-d]{1,6}", 24),
    ) {
        let traces: Vec<(&str, u64)> = traces.iter().map(|(trace, count)| (trace.as_str(), *count)).collect();
        let mut found = heuristics(&log(&traces), &Thresholds::default());
        let net = PetriNet::of_heuristics(&found);
        let kept = found.on_a_way();
        for groups in found.splits.iter_mut().chain(&mut found.joins) {
            groups.iter_mut().for_each(|group| group.retain(|one| kept[*one as usize]));
            groups.retain(|group| !group.is_empty());
        }
        for trace in traces.iter().map(|(trace, _)| *trace).chain(asked.iter().map(String::as_str)) {
            let valid = is_valid(&found, trace.as_bytes());
            match cost(&net, trace) {
                Ok(cost) => prop_assert_eq!(cost == 0, valid, "{} in {:?}", trace, found),
                Err(NetError::NoEnd) => prop_assert!(!valid, "{} in {:?}", trace, found),
                // Nets that make tokens without end are refused, not guessed at.
                Err(_) => {}
            }
        }
    }
}
