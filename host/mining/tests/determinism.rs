//! One log, whatever else runs beside: the same bytes.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use std::fmt::Write as _;

use menagerie_mining::conform::{Unknown, align, precision, replay};
use menagerie_mining::discover::{Graph, Thresholds, alpha, heuristics, inductive};
use menagerie_mining::document::read_xes;
use menagerie_mining::log::{Occurrences, Variants};
use menagerie_mining::net::{PetriNet, write_pnml};
use menagerie_mining::performance::Performance;
use menagerie_mining::picture::{Show, petri_net, process_map, process_tree};

/// Cases over a dozen activities, with loops, choices and parts in any order; times of every length.
fn made() -> String {
    let mut text = String::from("<log xes.version=\"1849.2016\">");
    let mut state = 42_u64;
    let mut chance = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    for case in 0..300_u64 {
        let _ = write!(
            text,
            "<trace><string key=\"concept:name\" value=\"case-{case}\"/>"
        );
        let mut at = case * 1_000;
        for _ in 0..2 + chance(12) {
            at += 1 + chance(40);
            let (second, millisecond) = (at / 1_000 % 60, at % 1_000);
            let (activity, minute) = (chance(12), at / 60_000 % 60);
            let _ = write!(
                text,
                "<event><string key=\"concept:name\" value=\"a{activity}\"/>\
                 <date key=\"time:timestamp\" value=\"2026-01-01T00:{minute:02}:{second:02}.{millisecond:03}Z\"/></event>"
            );
        }
        text.push_str("</trace>");
    }
    text.push_str("</log>");
    text
}

/// Everything that is answered over a log, one answer after the other.
fn everything(text: &str) -> String {
    let log = read_xes(text.as_bytes()).unwrap().log("concept:name");
    let variants = Variants::of(&log, Occurrences::Completed);
    let graph = Graph::of(&log, &variants, Occurrences::Completed);
    let tree = inductive(&variants, 0.2);
    let net = PetriNet::of_tree(&tree, &variants.activities);
    let mut pnml = Vec::new();
    write_pnml(&mut pnml, &net).unwrap();
    [
        format!("{graph:?}"),
        process_map(&graph, Show::Frequency),
        process_map(&graph, Show::Time),
        format!("{:?}", alpha(&variants)),
        format!("{:?}", heuristics(&variants, &Thresholds::default())),
        process_tree(&tree, &variants.activities),
        petri_net(&net),
        String::from_utf8(pnml).unwrap(),
        format!("{:?}", align(&net, &variants).unwrap()),
        format!("{:?}", replay(&net, &variants).unwrap()),
        format!(
            "{:?}",
            precision(&net, &variants, Unknown::PassedOver).unwrap()
        ),
        format!("{:?}", Performance::of(&log)),
    ]
    .join("\n")
}

#[test]
fn one_log_gives_the_same_bytes_in_one_thread_and_in_eight() {
    let text = made();
    let alone = everything(&text);
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..8).map(|_| scope.spawn(|| everything(&text))).collect();
        for other in others {
            let other = other.join().unwrap();
            let place = alone
                .lines()
                .zip(other.lines())
                .position(|(one, two)| one != two);
            assert_eq!((place, alone.len()), (None, other.len()));
        }
    });
}
