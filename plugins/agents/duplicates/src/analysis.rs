//! Which crates are there more than once, and the shortest way to each of them; pure.

use std::collections::{BTreeMap, VecDeque};

use lock::{Edges, Lock};
use serde::Serialize;

/// More dependents than this are counted and not named.
const MOST_DEPENDENTS: usize = 20;

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Output {
    pub(crate) duplicates: Duplicates,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Duplicates {
    /// Crates that are there more than once.
    pub(crate) count: usize,
    /// Packages that would go if each crate were there once.
    pub(crate) extra_copies: usize,
    /// The crates, by name.
    pub(crate) crates: Vec<DuplicateCrate>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DuplicateCrate {
    pub(crate) name: String,
    /// Oldest first, by the order of the lock file's packages.
    pub(crate) versions: Vec<CrateVersion>,
}

/// One version of a crate and how it got in.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CrateVersion {
    pub(crate) id: String,
    pub(crate) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Packages that depend on it directly, at most twenty of them.
    pub(crate) dependents: Vec<String>,
    /// How many there are.
    pub(crate) dependent_count: usize,
    /// The shortest path to it, a root first and itself last; empty where no root leads to it.
    pub(crate) path: Vec<String>,
}

/// Finds every crate that is there more than once.
pub(crate) fn duplicates(lock: &Lock) -> Output {
    let packages = &lock.packages;
    let Edges { roots, targets } = lock.edges();
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(index);
    }
    by_name.retain(|_, copies| copies.len() > 1);

    let came_from = shortest_ways(&targets, &roots);
    let dependents = dependents(&targets);
    let crates: Vec<DuplicateCrate> = by_name
        .into_iter()
        .map(|(name, mut copies)| {
            copies.sort_by(|left, right| {
                version_key(&packages[*left].version).cmp(&version_key(&packages[*right].version))
            });
            let copy = |index: usize| CrateVersion {
                id: packages[index].id.clone(),
                version: packages[index].version.clone(),
                source: packages[index].source.clone(),
                dependents: dependents[index]
                    .iter()
                    .take(MOST_DEPENDENTS)
                    .map(|dependent| packages[*dependent].id.clone())
                    .collect(),
                dependent_count: dependents[index].len(),
                path: path(&came_from, index)
                    .into_iter()
                    .map(|step| packages[step].id.clone())
                    .collect(),
            };
            DuplicateCrate {
                name: name.to_owned(),
                versions: copies.into_iter().map(copy).collect(),
            }
        })
        .collect();
    Output {
        duplicates: Duplicates {
            count: crates.len(),
            extra_copies: crates
                .iter()
                .map(|duplicate| duplicate.versions.len() - 1)
                .sum(),
            crates,
        },
    }
}

/// Orders versions by their numbers, a pre-release before its release.
///
/// What follows the numbers is compared as text: the exact order of pre-releases matters to nobody here.
fn version_key(version: &str) -> (Vec<u64>, bool, &str) {
    let version = version
        .split_once('+')
        .map_or(version, |(release, _)| release);
    let (release, pre) = version.split_once('-').unwrap_or((version, ""));
    let numbers = release
        .split('.')
        .map(|part| part.parse().unwrap_or(u64::MAX))
        .collect();
    (numbers, pre.is_empty(), pre)
}

/// Where the shortest way from a root to each package comes from: `Some(itself)` for a root, `None`
/// where no root leads. Breadth first from all roots at once, in the order of the packages, so that
/// the answer is always the same.
fn shortest_ways(edges: &[Vec<usize>], roots: &[usize]) -> Vec<Option<usize>> {
    let mut came_from = vec![None; edges.len()];
    let mut waiting = VecDeque::new();
    for root in roots {
        came_from[*root] = Some(*root);
        waiting.push_back(*root);
    }
    while let Some(index) = waiting.pop_front() {
        for target in &edges[index] {
            if came_from[*target].is_none() {
                came_from[*target] = Some(index);
                waiting.push_back(*target);
            }
        }
    }
    came_from
}

fn path(came_from: &[Option<usize>], target: usize) -> Vec<usize> {
    let mut path = Vec::new();
    let mut at = target;
    while let Some(before) = came_from[at] {
        path.push(at);
        if before == at {
            break;
        }
        at = before;
    }
    path.reverse();
    path
}

fn dependents(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); edges.len()];
    for (index, targets) in edges.iter().enumerate() {
        for target in targets {
            dependents[*target].push(index);
        }
    }
    dependents
}

#[cfg(test)]
mod tests;
