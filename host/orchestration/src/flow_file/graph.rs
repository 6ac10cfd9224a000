//! Cycles among named things.

use std::collections::BTreeMap;

/// Every group of nodes that lead back to themselves, as one cycle each: the first node in
/// `order` that lies on it, the way round, and that first node again.
pub(super) fn cycles<'a>(
    order: &[&'a str],
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for &start in order {
        // A cycle that shares a node with one already named would mostly repeat it.
        if found.iter().any(|cycle| cycle.contains(&start)) {
            continue;
        }
        if let Some(cycle) = shortest_way_back(start, edges) {
            found.push(cycle);
        }
    }
    found
}

/// The shortest way from `start` to itself, breadth first.
fn shortest_way_back<'a>(
    start: &'a str,
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut front = vec![start];
    while !front.is_empty() {
        let mut next = Vec::new();
        for &node in &front {
            for &target in edges.get(node).map_or(&[][..], Vec::as_slice) {
                if target == start {
                    return Some(way(start, node, &came_from));
                }
                if !came_from.contains_key(target) {
                    came_from.insert(target, node);
                    next.push(target);
                }
            }
        }
        front = next;
    }
    None
}

/// From `start` over `last`, whose predecessors are known, back to `start`.
fn way<'a>(start: &'a str, last: &'a str, came_from: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let mut backwards = vec![start];
    let mut node = last;
    while node != start {
        backwards.push(node);
        match came_from.get(node) {
            Some(before) => node = before,
            None => break,
        }
    }
    backwards.push(start);
    backwards.reverse();
    backwards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[(&'static str, &[&'static str])], expected: &[&str]) {
        let order: Vec<&str> = edges.iter().map(|(node, _)| *node).collect();
        let edges = edges
            .iter()
            .map(|(node, targets)| (*node, targets.to_vec()))
            .collect();
        let found: Vec<String> = cycles(&order, &edges)
            .iter()
            .map(|cycle| cycle.join(" "))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_cycle_is_named_once_and_in_full() {
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &[])], &[]);
        check(&[("a", &["a"])], &["a a"]);
        check(&[("a", &["b"]), ("b", &["a"])], &["a b a"]);
        check(
            &[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])],
            &["a b c a"],
        );
        check(
            &[
                ("a", &["b"]),
                ("b", &["a"]),
                ("c", &["d", "a"]),
                ("d", &["c"]),
            ],
            &["a b a", "c d c"],
        );
        check(
            &[("a", &["b", "c"]), ("b", &[]), ("c", &["a", "nobody"])],
            &["a c a"],
        );
    }
}
