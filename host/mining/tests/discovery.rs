//! What the miners find, on logs whose answers the literature gives or that can be worked out by hand. Larger
//! comparisons are made with PM4Py by `tests/pm4py`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::discover::{Graph, Thresholds, alpha, heuristics, inductive};

mod models;

use models::log;

fn tree(traces: &[(&str, u64)], noise: f64) -> String {
    let variants = log(traces);
    let tree = inductive(&variants, noise).sorted();
    tree.named(&variants.activities).to_string()
}

#[test]
fn the_inductive_miner_finds_each_operator() {
    assert_eq!(tree(&[("abc", 1)], 0.0), "->( 'a', 'b', 'c' )");
    assert_eq!(tree(&[("a", 3), ("b", 1)], 0.0), "X( 'a', 'b' )");
    assert_eq!(tree(&[("ab", 1), ("ba", 1)], 0.0), "+( 'a', 'b' )");
    assert_eq!(
        tree(&[("a", 1), ("aba", 1), ("ababa", 1)], 0.0),
        "*( 'a', 'b' )"
    );
    assert_eq!(
        tree(&[("abcd", 3), ("acbd", 2), ("aed", 1)], 0.0),
        "->( 'a', X( 'e', +( 'b', 'c' ) ), 'd' )"
    );
    assert_eq!(
        tree(&[("a", 1), ("aba", 1), ("aca", 1)], 0.0),
        "*( 'a', X( 'b', 'c' ) )"
    );
}

#[test]
fn the_inductive_miner_falls_through_where_no_cut_holds() {
    assert_eq!(tree(&[], 0.0), "tau");
    assert_eq!(tree(&[("", 2)], 0.0), "tau");
    assert_eq!(tree(&[("a", 2), ("", 1)], 0.0), "X( tau, 'a' )");
    assert_eq!(tree(&[("aa", 1), ("a", 1)], 0.0), "*( 'a', tau )");
    assert_eq!(
        tree(&[("ac", 1), ("abc", 1)], 0.0),
        "->( 'a', X( tau, 'b' ), 'c' )"
    );
    assert_eq!(
        tree(&[("abab", 1), ("ab", 1)], 0.0),
        "*( ->( 'a', 'b' ), tau )"
    );
    // Each trace has one `x`, anywhere.
    assert_eq!(
        tree(&[("xab", 1), ("axb", 1), ("abx", 1)], 0.0),
        "+( 'x', ->( 'a', 'b' ) )"
    );
}

#[test]
fn a_part_that_can_be_skipped_takes_along_what_is_there_only_with_it() {
    assert_eq!(
        tree(&[("abcd", 1), ("ad", 1)], 0.0),
        "->( 'a', X( tau, ->( 'b', 'c' ) ), 'd' )"
    );
}

#[test]
fn noise_is_left_out_as_far_as_it_is_asked_for() {
    let noisy = [("abcd", 50), ("acbd", 50), ("abd", 1), ("dabc", 1)];
    assert_eq!(tree(&noisy, 0.2), "->( 'a', +( 'b', 'c' ), 'd' )");
    assert_ne!(tree(&noisy, 0.0), tree(&noisy, 0.2));
    assert_eq!(tree(&[("a", 99), ("", 1)], 0.1), "'a'");
}

#[test]
fn alpha_finds_the_nets_of_its_paper() {
    let variants = log(&[("abcd", 3), ("acbd", 2), ("aed", 1)]);
    let net = alpha(&variants);
    let letters = |set: &[u32]| -> String { set.iter().map(|one| variants.name(*one)).collect() };
    let places: Vec<String> = net
        .places
        .iter()
        .map(|(from, to)| format!("{}>{}", letters(from), letters(to)))
        .collect();
    assert_eq!(places, ["a>be", "a>ce", "be>d", "ce>d"]);
    assert_eq!(
        (letters(&net.starts), letters(&net.ends)),
        ("a".to_owned(), "d".to_owned())
    );
    // What follows itself is in no place.
    assert!(alpha(&log(&[("abb", 1)])).places.is_empty());
}

#[test]
fn heuristics_believe_what_was_seen_often() {
    let variants = log(&[("abd", 40), ("acd", 40), ("adb", 1)]);
    let net = heuristics(&variants, &Thresholds::default());
    // `db`, seen once, is below the share that counts as noise.
    let edges: Vec<String> = net
        .edges
        .iter()
        .map(|edge| {
            format!(
                "{}{} {:.3}",
                variants.name(edge.from),
                variants.name(edge.to),
                edge.dependency
            )
        })
        .collect();
    assert_eq!(edges, ["ab 0.976", "ac 0.976", "bd 0.976", "cd 0.976"]);
    assert_eq!(net.splits[0], [[1], [2]], "one of the two");
    let parallel = heuristics(&log(&[("abcd", 20), ("acbd", 20)]), &Thresholds::default());
    assert_eq!(parallel.splits[0], [[1, 2]], "both together");
    assert_eq!(parallel.joins[3], [[1, 2]]);
    let looped = heuristics(&log(&[("abac", 20), ("ac", 20)]), &Thresholds::default());
    assert!(
        looped
            .edges
            .iter()
            .any(|edge| (edge.from, edge.to) == (1, 0)),
        "a loop of two"
    );
}

#[test]
fn the_graph_counts_and_keeps_everything_connected_when_simplified() {
    let graph = Graph::of_variants(&log(&[("abc", 90), ("ac", 9), ("adc", 1)]));
    assert_eq!(
        (graph.starts[0], graph.ends[2], graph.cases),
        (100, 100, 100)
    );
    let counts = |graph: &Graph| -> Vec<(u32, u32, u64)> {
        graph
            .edges
            .iter()
            .map(|edge| (edge.from, edge.to, edge.count))
            .collect()
    };
    assert_eq!(
        counts(&graph),
        [(0, 1, 90), (0, 2, 9), (0, 3, 1), (1, 2, 90), (3, 2, 1)]
    );
    assert_eq!(
        counts(&graph.simplified(50)),
        [(0, 1, 90), (0, 3, 1), (1, 2, 90), (3, 2, 1)]
    );
}
