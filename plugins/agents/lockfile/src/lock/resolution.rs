//! Which package a dependency means, what each package is called, and which of them are roots.

use std::collections::{HashMap, HashSet};

use super::Entry;
use crate::document::{Places, Problem, quoted};

/// For each entry the indices of those that it depends on, ascending.
pub(super) fn resolve_all(
    places: &Places<'_>,
    entries: &[Entry<'_>],
    problems: &mut Vec<Problem>,
) -> Vec<Vec<usize>> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        by_name.entry(entry.name).or_default().push(index);
    }
    let mut resolved = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut targets = Vec::with_capacity(entry.dependencies.len());
        for (text, span) in &entry.dependencies {
            match resolve(entries, &by_name, text) {
                Ok(target) => targets.push(target),
                Err((trouble, expected)) => {
                    let finding = format!(
                        "package {} depends on {}, {trouble}",
                        quoted(&format!("{} {}", entry.name, entry.version)),
                        quoted(text),
                    );
                    problems.push(places.problem(span, finding, expected));
                }
            }
        }
        targets.sort_unstable();
        targets.dedup();
        resolved.push(targets);
    }
    resolved
}

/// Finds the package that `name`, `name version` or `name version (source)` means.
fn resolve(
    entries: &[Entry<'_>],
    by_name: &HashMap<&str, Vec<usize>>,
    text: &str,
) -> Result<usize, (&'static str, &'static str)> {
    const MISSING: (&str, &str) = ("which is not in the file", "a `[[package]]` table for it");
    let mut words = text.splitn(3, ' ');
    let name = words.next().unwrap_or_default();
    let version = words.next();
    let source = match words.next() {
        None => None,
        Some(source) => Some(
            source
                .strip_prefix('(')
                .and_then(|source| source.strip_suffix(')'))
                .ok_or((
                    "which is no package id",
                    "\"name\", \"name version\" or \"name version (source)\"",
                ))?,
        ),
    };
    let candidates = by_name.get(name).ok_or(MISSING)?;
    let matching: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|index| version.is_none_or(|version| entries[*index].version == version))
        .filter(|index| source.is_none_or(|source| is_source(entries[*index].source, source)))
        .collect();
    match matching.as_slice() {
        [] => Err(MISSING),
        [only] => Ok(*only),
        several => {
            // Without a source in the id a package from a path is meant, as Cargo has it.
            let mut from_path = several
                .iter()
                .filter(|index| entries[**index].source.is_none());
            match (version, source, from_path.next(), from_path.next()) {
                (Some(_), None, Some(only), None) => Ok(*only),
                _ => Err((
                    "which fits several packages",
                    "an id that fits one, with version and source",
                )),
            }
        }
    }
}

/// Whether a package's source is the one that a dependency names: the commit of a git source stands
/// in the package alone.
fn is_source(of_package: Option<&str>, named: &str) -> bool {
    of_package.is_some_and(|source| {
        source == named
            || (!named.contains('#')
                && source
                    .split_once('#')
                    .is_some_and(|(address, _)| address == named))
    })
}

/// The id that is enough for almost every package.
pub(super) fn plain_id(entry: &Entry<'_>) -> String {
    format!("{} {}", entry.name, entry.version)
}

/// The id that format 1 uses everywhere.
pub(super) fn full_id(entry: &Entry<'_>) -> String {
    match entry.source {
        Some(source) => format!("{} {} ({source})", entry.name, entry.version),
        None => plain_id(entry),
    }
}

pub(super) fn ids(entries: &[Entry<'_>]) -> Vec<String> {
    let mut uses: HashMap<(&str, &str), usize> = HashMap::new();
    for entry in entries {
        *uses.entry((entry.name, entry.version)).or_default() += 1;
    }
    let id = |entry: &Entry<'_>| match uses.get(&(entry.name, entry.version)) {
        Some(1) => plain_id(entry),
        _ => full_id(entry),
    };
    entries.iter().map(id).collect()
}

/// The packages that everything else is there for.
///
/// These are the packages from paths that no other package depends on. Members of a workspace may
/// depend on each other in a circle (for their tests), and a lock file does not say which packages
/// are members; so what is still out of reach adds a root, packages from paths first.
pub(super) fn roots(entries: &[Entry<'_>], resolved: &[Vec<usize>]) -> Vec<usize> {
    let mut depended_on = vec![false; entries.len()];
    for (index, targets) in resolved.iter().enumerate() {
        for target in targets {
            depended_on[*target] |= *target != index;
        }
    }
    let all = 0..entries.len();
    let from_path = |index: &usize| entries[*index].is_root || entries[*index].source.is_none();
    let mut order: Vec<usize> = all
        .clone()
        .filter(|index| from_path(index) && !depended_on[*index])
        .collect();
    order.extend(
        all.clone()
            .filter(|index| from_path(index) && depended_on[*index]),
    );
    order.extend(
        all.clone()
            .filter(|index| !from_path(index) && !depended_on[*index]),
    );
    order.extend(all.filter(|index| !from_path(index) && depended_on[*index]));

    let mut reached = HashSet::new();
    let mut roots = Vec::new();
    for candidate in order {
        if reached.contains(&candidate) {
            continue;
        }
        roots.push(candidate);
        let mut waiting = vec![candidate];
        while let Some(index) = waiting.pop() {
            if reached.insert(index) {
                waiting.extend(&resolved[index]);
            }
        }
    }
    roots.sort_unstable();
    roots
}
