#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use std::collections::BTreeSet;

use lock::{Lock, Package};
use proptest::prelude::*;

use super::{Config, Graph, measure};

fn graph_of(edges: &[Vec<usize>]) -> Graph {
    let id = |index: usize| format!("p{index:04}");
    let packages = edges
        .iter()
        .enumerate()
        .map(|(index, targets)| Package {
            id: id(index),
            name: format!("p{index:04}"),
            version: "1.0.0".to_owned(),
            source: None,
            checksum: None,
            dependencies: targets.iter().map(|target| id(*target)).collect(),
        })
        .collect();
    let config = Config {
        top: Some(usize::MAX),
    };
    measure(
        &Lock {
            roots: vec![id(0)],
            packages,
        },
        &config,
    )
    .graph
}

#[test]
fn a_diamond_is_two_deep_and_its_bottom_is_depended_on_by_all() {
    let graph = graph_of(&[vec![1, 2], vec![3], vec![3], vec![]]);
    assert_eq!(
        (graph.packages, graph.edges, graph.max_depth, graph.direct),
        (4, 4, 2, 2)
    );
    assert_eq!(graph.deepest_path, ["p0000", "p0001", "p0003"]);
    let transitive: Vec<_> = graph
        .most_depended_transitive
        .iter()
        .map(|ranked| (ranked.id.as_str(), ranked.dependents))
        .collect();
    assert_eq!(transitive, [("p0003", 3), ("p0001", 1), ("p0002", 1)]);
    assert_eq!(graph.most_depended_direct.first().unwrap().dependents, 2);
    assert!(graph.cycles.is_empty());
}

#[test]
fn a_circle_is_named_and_counts_as_one_link() {
    let graph = graph_of(&[vec![1], vec![2, 0], vec![3], vec![]]);
    assert_eq!(graph.cycles, [["p0000", "p0001"]]);
    assert_eq!(graph.max_depth, 2);
    let bottom = graph.most_depended_transitive.first().unwrap();
    assert_eq!((bottom.id.as_str(), bottom.dependents), ("p0003", 3));
}

#[test]
fn a_chain_deeper_than_any_stack_is_measured() {
    let edges: Vec<Vec<usize>> = (0..9_999usize)
        .map(|index| vec![index + 1])
        .chain([vec![]])
        .collect();
    let graph = graph_of(&edges);
    assert_eq!(graph.max_depth, 9_999);
    assert_eq!(
        graph.most_depended_transitive.first().unwrap().dependents,
        9_999
    );
}

#[test]
fn an_empty_lock_has_an_empty_graph() {
    let graph = graph_of(&[]);
    assert_eq!((graph.packages, graph.edges, graph.max_depth), (0, 0, 0));
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let error = serde_json::from_str::<Config>("{\"topp\": 3}").unwrap_err();
    assert!(error.to_string().contains("topp"), "{error}");
}

/// Everything that `from` reaches in one step or more, by the plainest search.
fn reachable(edges: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = edges[from].clone();
    while let Some(node) = waiting.pop() {
        if reached.insert(node) {
            waiting.extend(&edges[node]);
        }
    }
    reached
}

proptest! {
    #[test]
    fn dependents_and_circles_equal_those_of_the_plainest_search(
        picks in prop::collection::vec(prop::collection::vec(0usize..1_000, 0..4), 1..40)
    ) {
        let edges: Vec<Vec<usize>> = picks
            .iter()
            .map(|targets| targets.iter().map(|pick| pick % picks.len()).collect())
            .collect();
        let graph = graph_of(&edges);
        let reached: Vec<BTreeSet<usize>> = (0..edges.len()).map(|node| reachable(&edges, node)).collect();
        for node in 0..edges.len() {
            let expected = (0..edges.len()).filter(|other| *other != node && reached[*other].contains(&node)).count();
            let id = format!("p{node:04}");
            let found = graph.most_depended_transitive.iter().find(|ranked| ranked.id == id);
            prop_assert_eq!(found.map_or(0, |ranked| ranked.dependents), expected);
            let in_circle = (0..edges.len()).any(|other| {
                other != node && reached[node].contains(&other) && reached[other].contains(&node)
            });
            prop_assert_eq!(graph.cycles.iter().flatten().any(|member| *member == id), in_circle);
        }
        for pair in graph.deepest_path.windows(2) {
            let numbers: Vec<usize> = pair.iter().map(|id| id[1..].parse().unwrap()).collect();
            prop_assert!(reached[numbers[0]].contains(&numbers[1]));
        }
        prop_assert_eq!(graph.max_depth + 1, graph.deepest_path.len());
    }
}
