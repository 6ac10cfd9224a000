//! Depth, fan-in and circles of a dependency graph; pure.

use lock::{Edges, Lock};
use serde::{Deserialize, Serialize};

use crate::components::components;

/// How many of the crates most depended on are named, unless the configuration says otherwise.
const DEFAULT_TOP: usize = 10;

/// How many packages are counted through the graph at once: bounds the memory, whatever the graph.
const BLOCK_WORDS: usize = 16;

/// What the flow file may say to this agent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How many of the crates most depended on are named.
    pub(crate) top: Option<usize>,
}

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Output {
    pub(crate) graph: Graph,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Graph {
    pub(crate) packages: usize,
    pub(crate) edges: usize,
    pub(crate) roots: usize,
    /// Packages that a root depends on itself.
    pub(crate) direct: usize,
    /// Dependencies on the longest chain; a circle counts as one link.
    pub(crate) max_depth: usize,
    /// The longest chain, its first package first; of a circle one package stands for all.
    pub(crate) deepest_path: Vec<String>,
    /// Dependents of a package, on average.
    pub(crate) mean_fan_in: f64,
    /// The packages that most others depend on directly, most first, then by name.
    pub(crate) most_depended_direct: Vec<Ranked>,
    /// The same, with dependents of dependents.
    pub(crate) most_depended_transitive: Vec<Ranked>,
    /// Packages that depend on each other in a circle: development dependencies may.
    pub(crate) cycles: Vec<Vec<String>>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Ranked {
    pub(crate) id: String,
    pub(crate) dependents: usize,
}

/// Measures the graph.
pub(crate) fn measure(lock: &Lock, config: &Config) -> Output {
    let ids: Vec<&str> = lock
        .packages
        .iter()
        .map(|package| package.id.as_str())
        .collect();
    let Edges {
        roots,
        targets: mut edges,
    } = lock.edges();
    edges.iter_mut().for_each(|targets| targets.sort_unstable());
    let mut is_root = vec![false; ids.len()];
    for root in roots {
        is_root[root] = true;
    }
    let mut is_direct = vec![false; ids.len()];
    let mut fan_in = vec![0usize; ids.len()];
    for (index, targets) in edges.iter().enumerate() {
        for target in targets {
            fan_in[*target] += 1;
            is_direct[*target] |= is_root[index];
        }
    }

    let groups = components(&edges);
    let deepest = deepest_chain(&edges, &groups);
    let transitive = transitive_dependents(&edges, &groups);
    let edge_count: usize = edges.iter().map(Vec::len).sum();
    let top = config.top.unwrap_or(DEFAULT_TOP);
    let mut cycles: Vec<Vec<String>> = groups
        .iter()
        .filter(|members| members.len() > 1)
        .map(|members| {
            let mut named: Vec<String> =
                members.iter().map(|index| ids[*index].to_owned()).collect();
            named.sort_unstable();
            named
        })
        .collect();
    cycles.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of packages are far below 2^52"
    )]
    let mean_fan_in = if ids.is_empty() {
        0.0
    } else {
        (edge_count as f64 / ids.len() as f64 * 100.0).round() / 100.0
    };
    Output {
        graph: Graph {
            packages: ids.len(),
            edges: edge_count,
            roots: is_root.iter().filter(|root| **root).count(),
            direct: is_direct.iter().filter(|direct| **direct).count(),
            max_depth: deepest.len().saturating_sub(1),
            deepest_path: deepest
                .into_iter()
                .map(|index| ids[index].to_owned())
                .collect(),
            mean_fan_in,
            most_depended_direct: ranked(&ids, &fan_in, top),
            most_depended_transitive: ranked(&ids, &transitive, top),
            cycles,
        },
    }
}

fn ranked(ids: &[&str], counts: &[usize], top: usize) -> Vec<Ranked> {
    let mut order: Vec<usize> = (0..ids.len()).filter(|index| counts[*index] > 0).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(counts[*index]), ids[*index]));
    order.truncate(top);
    order
        .into_iter()
        .map(|index| Ranked {
            id: ids[index].to_owned(),
            dependents: counts[index],
        })
        .collect()
}

/// The longest chain of dependencies, one package for each circle on it.
///
/// `groups` comes with every group behind those that it depends on, so that one pass is enough.
fn deepest_chain(edges: &[Vec<usize>], groups: &[Vec<usize>]) -> Vec<usize> {
    let group_of = group_of(edges.len(), groups);
    // Of each group: links below it, and the package that it leaves by and the group that it leaves to.
    let mut depth: Vec<(usize, Option<usize>)> = Vec::with_capacity(groups.len());
    for (group, members) in groups.iter().enumerate() {
        let mut best = (0, None);
        for target in members.iter().flat_map(|member| &edges[*member]) {
            let below = group_of[*target];
            if below != group && depth[below].0 + 1 > best.0 {
                best = (depth[below].0 + 1, Some(below));
            }
        }
        depth.push(best);
    }
    let mut chain = Vec::new();
    // `max_by_key` would take the last of equals; the first is the one nearest to the leaves' order.
    let mut at = (0..groups.len()).rev().max_by_key(|group| depth[*group].0);
    while let Some(group) = at {
        chain.extend(groups[group].iter().min());
        at = depth[group].1;
    }
    chain
}

fn group_of(packages: usize, groups: &[Vec<usize>]) -> Vec<usize> {
    let mut group_of = vec![0; packages];
    for (group, members) in groups.iter().enumerate() {
        for member in members {
            group_of[*member] = group;
        }
    }
    group_of
}

/// For each package how many others depend on it, through however many steps.
///
/// Each pass carries a block of packages through the graph as bits, so that memory stays at
/// 128 bytes a package and time at one word operation for 64 packages and edge.
fn transitive_dependents(edges: &[Vec<usize>], groups: &[Vec<usize>]) -> Vec<usize> {
    let group_of = group_of(edges.len(), groups);
    let mut counts = vec![0usize; edges.len()];
    let block = BLOCK_WORDS * 64;
    for first in (0..edges.len()).step_by(block) {
        let mut reached_by = vec![[0u64; BLOCK_WORDS]; groups.len()];
        for package in first..edges.len().min(first + block) {
            let bit = package - first;
            reached_by[group_of[package]][bit / 64] |= 1 << (bit % 64);
        }
        // Dependents before what they depend on: the groups backwards.
        for (group, members) in groups.iter().enumerate().rev() {
            let bits = reached_by[group];
            for target in members.iter().flat_map(|member| &edges[*member]) {
                let below = group_of[*target];
                if below != group {
                    for (into, from) in reached_by[below].iter_mut().zip(bits) {
                        *into |= from;
                    }
                }
            }
        }
        for (members, bits) in groups.iter().zip(&reached_by) {
            let reaching: u32 = bits.iter().map(|word| word.count_ones()).sum();
            for member in members {
                counts[*member] += reaching as usize;
            }
        }
    }
    // Each package has been counted as its own dependent once.
    counts.iter_mut().for_each(|count| *count -= 1);
    counts
}

#[cfg(test)]
mod tests;
