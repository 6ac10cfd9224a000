//! Where each package comes from, and what is remarkable about it; pure.

use std::collections::BTreeMap;

use lock::{Lock, Package};
use serde::{Deserialize, Serialize};

/// The ways in which lock files have written the public registry.
const PUBLIC_REGISTRY: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
];

/// What the flow file may say to this agent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Registries beside the public one that are nothing remarkable, as the lock file writes them.
    pub(crate) allowed_registries: Vec<String>,
    /// Git addresses that are nothing remarkable, by how they begin, such as `https://example.org/team/`.
    pub(crate) allowed_git: Vec<String>,
}

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Output {
    pub(crate) sources: Sources,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sources {
    /// Packages by kind of source: `registry`, `other_registry`, `git`, `path`, `unknown`.
    pub(crate) by_kind: BTreeMap<&'static str, usize>,
    /// Packages from git, but for allowed addresses.
    pub(crate) git: Vec<GitSource>,
    /// Packages from paths, but for the roots.
    pub(crate) path: Vec<String>,
    /// Packages from registries that are neither the public one nor allowed.
    pub(crate) other_registries: Vec<Placed>,
    /// Packages from a registry whose content nothing verifies.
    pub(crate) missing_checksums: Vec<String>,
    /// Packages fetched over a connection that nobody authenticates.
    pub(crate) insecure: Vec<Placed>,
    /// Packages whose source is of no known kind.
    pub(crate) unknown: Vec<Placed>,
}

/// A package and its source.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) source: String,
}

/// A package from git.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GitSource {
    pub(crate) id: String,
    pub(crate) url: String,
    /// `branch=…`, `tag=…` or `rev=…`, where the manifest names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// Absent where the lock file pins nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
}

/// Judges every package of the lock, in its order.
pub(crate) fn judge(lock: &Lock, config: &Config) -> Output {
    let mut sources = Sources::default();
    for kind in ["registry", "other_registry", "git", "path", "unknown"] {
        sources.by_kind.insert(kind, 0);
    }
    for package in &lock.packages {
        let kind = judge_package(package, lock, config, &mut sources);
        *sources.by_kind.entry(kind).or_default() += 1;
    }
    Output { sources }
}

fn judge_package(
    package: &Package,
    lock: &Lock,
    config: &Config,
    sources: &mut Sources,
) -> &'static str {
    let Some(source) = package.source.as_deref() else {
        if !lock.roots.contains(&package.id) {
            sources.path.push(package.id.clone());
        }
        return "path";
    };
    let (kind, address) = source.split_once('+').unwrap_or(("", source));
    let placed = || Placed {
        id: package.id.clone(),
        source: without_password(source),
    };
    if ["http://", "git://", "ftp://"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
    {
        sources.insecure.push(placed());
    }
    match kind {
        "git" => {
            if !config
                .allowed_git
                .iter()
                .any(|allowed| address.starts_with(allowed.as_str()))
            {
                sources.git.push(git_source(package, address));
            }
            "git"
        }
        "path" => {
            sources.path.push(package.id.clone());
            "path"
        }
        "registry" | "sparse" => {
            if package.checksum.is_none() {
                sources.missing_checksums.push(package.id.clone());
            }
            if PUBLIC_REGISTRY.contains(&source) {
                return "registry";
            }
            if !config
                .allowed_registries
                .iter()
                .any(|allowed| allowed == source)
            {
                sources.other_registries.push(placed());
            }
            "other_registry"
        }
        _ => {
            sources.unknown.push(placed());
            "unknown"
        }
    }
}

fn git_source(package: &Package, address: &str) -> GitSource {
    let (address, commit) = match address.split_once('#') {
        Some((address, commit)) if !commit.is_empty() => (address, Some(commit.to_owned())),
        Some((address, _)) => (address, None),
        None => (address, None),
    };
    let (url, reference) = match address.split_once('?') {
        Some((url, reference)) => (url, Some(reference.to_owned())),
        None => (address, None),
    };
    GitSource {
        id: package.id.clone(),
        url: without_password(url),
        reference,
        commit,
    }
}

/// An address without what stands between `//` and `@`: a lock file may hold somebody's password,
/// and a report travels further than a lock file.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://…@{}", &rest[at + 1..]),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests;
