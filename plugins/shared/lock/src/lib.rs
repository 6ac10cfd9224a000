//! A lock file as the agent `lockfile` answers it, for the agents that read it. No plugin by itself.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

/// What these agents read of the run's state.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The answer of `lockfile`.
    pub lockfile: Lock,
}

/// The packages of a lock file.
#[derive(Debug, Deserialize)]
pub struct Lock {
    /// Ids of the packages that nobody depends on.
    #[serde(default)]
    pub roots: Vec<String>,
    /// In the order of the file.
    pub packages: Vec<Package>,
}

/// One package.
#[derive(Debug, Deserialize)]
#[serde(from = "CarriedPackage")]
pub struct Package {
    /// `name version`, with the source behind it where that is not enough to tell packages apart.
    pub id: String,
    /// The crate.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from, as the file writes it; none for what lies in the workspace.
    pub source: Option<String>,
    /// The digest of its archive.
    pub checksum: Option<String>,
    /// Ids of what it depends on, in the order of the file.
    pub dependencies: Vec<String>,
}

/// A package as the lock carries it: an id of its own only where `name version` is not enough.
#[derive(Deserialize)]
struct CarriedPackage {
    #[serde(default)]
    id: Option<String>,
    name: String,
    version: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl From<CarriedPackage> for Package {
    fn from(carried: CarriedPackage) -> Self {
        let plain = || format!("{} {}", carried.name, carried.version);
        Self {
            id: carried.id.unwrap_or_else(plain),
            name: carried.name,
            version: carried.version,
            source: carried.source,
            checksum: carried.checksum,
            dependencies: carried.dependencies,
        }
    }
}

/// Who depends on whom, by position in the list of packages.
#[derive(Debug, PartialEq, Eq)]
pub struct Edges {
    /// The packages that nobody depends on, in the order in which the lock names them.
    pub roots: Vec<usize>,
    /// For each package what it depends on, in the order of the file: each once, never itself, and
    /// nothing that the lock does not hold.
    pub targets: Vec<Vec<usize>>,
}

impl Lock {
    /// The ids as positions, found once.
    pub fn edges(&self) -> Edges {
        let positions: HashMap<&str, usize> = self
            .packages
            .iter()
            .enumerate()
            .map(|(position, package)| (package.id.as_str(), position))
            .collect();
        let position = |id: &String| positions.get(id.as_str()).copied();
        let targets = self.packages.iter().enumerate().map(|(own, package)| {
            let mut seen = HashSet::from([own]);
            let found = package.dependencies.iter().filter_map(position);
            found.filter(|target| seen.insert(*target)).collect()
        });
        Edges {
            roots: self.roots.iter().filter_map(position).collect(),
            targets: targets.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use serde_json::json;

    use super::*;

    fn read(lock: serde_json::Value) -> Lock {
        serde_json::from_value(lock).unwrap()
    }

    #[test]
    fn a_package_without_an_id_is_called_by_name_and_version() {
        let lock = read(json!({"packages": [
            {"name": "a", "version": "1.0.0"},
            {"id": "a 1.0.0 (git)", "name": "a", "version": "1.0.0", "source": "git+x", "checksum": "c"},
        ]}));
        let ids: Vec<&str> = lock.packages.iter().map(|package| &*package.id).collect();
        assert_eq!(ids, ["a 1.0.0", "a 1.0.0 (git)"]);
        assert_eq!(lock.packages[1].source.as_deref(), Some("git+x"));
        assert_eq!(lock.packages[1].checksum.as_deref(), Some("c"));
        assert!(lock.roots.is_empty() && lock.packages[0].dependencies.is_empty());
    }

    #[test]
    fn edges_are_positions_each_once_in_the_files_order() {
        let lock = read(json!({"roots": ["b 1.0.0", "gone 1.0.0"], "packages": [
            {"name": "a", "version": "1.0.0", "dependencies": ["a 1.0.0"]},
            {"name": "b", "version": "1.0.0", "dependencies": ["c 1.0.0", "gone 1.0.0", "a 1.0.0", "c 1.0.0"]},
            {"name": "c", "version": "1.0.0"},
        ]}));
        let expected = Edges {
            roots: vec![1],
            targets: vec![vec![], vec![2, 0], vec![]],
        };
        assert_eq!(lock.edges(), expected);
    }
}
