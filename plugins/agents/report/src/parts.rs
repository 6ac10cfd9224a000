//! What the other agents found, as far as a review needs it; every part may be missing.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The agents whose answers make a review, in the order in which it speaks of them.
pub(crate) const PARTS: [&str; 4] = ["lockfile", "duplicates", "sources", "graph"];

/// The parts that came, and what became of the others.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) lockfile: Option<Lock>,
    pub(crate) duplicates: Option<Duplicates>,
    pub(crate) sources: Option<Sources>,
    pub(crate) graph: Option<Graph>,
    /// Of each part that is not there, its name and what is known about why.
    pub(crate) missing: Vec<(String, String)>,
}

/// Of the answer of `lockfile`.
#[derive(Debug, Deserialize)]
pub(crate) struct Lock {
    pub(crate) lock_version: u8,
    pub(crate) package_count: usize,
    #[serde(default)]
    pub(crate) dependency_count: usize,
    #[serde(default)]
    pub(crate) roots: Vec<String>,
    #[serde(default)]
    pub(crate) unused_patches: Vec<String>,
}

/// Of the answer of `duplicates`.
#[derive(Debug, Deserialize)]
pub(crate) struct Duplicates {
    pub(crate) count: usize,
    pub(crate) extra_copies: usize,
    pub(crate) crates: Vec<DuplicateCrate>,
}

/// A crate in several versions.
#[derive(Debug, Deserialize)]
pub(crate) struct DuplicateCrate {
    pub(crate) name: String,
    pub(crate) versions: Vec<CrateVersion>,
}

/// One version of it.
#[derive(Debug, Deserialize)]
pub(crate) struct CrateVersion {
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) path: Vec<String>,
}

/// Of the answer of `sources`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sources {
    pub(crate) by_kind: Map<String, Value>,
    pub(crate) git: Vec<GitSource>,
    pub(crate) path: Vec<String>,
    pub(crate) other_registries: Vec<Placed>,
    pub(crate) missing_checksums: Vec<String>,
    pub(crate) insecure: Vec<Placed>,
    pub(crate) unknown: Vec<Placed>,
}

/// A package from git.
#[derive(Debug, Deserialize)]
pub(crate) struct GitSource {
    pub(crate) id: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) commit: Option<String>,
}

/// A package and where it comes from.
#[derive(Debug, Deserialize)]
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) source: String,
}

/// Of the answer of `graph`.
#[derive(Debug, Deserialize)]
pub(crate) struct Graph {
    pub(crate) max_depth: usize,
    #[serde(default)]
    pub(crate) direct: usize,
    #[serde(default)]
    pub(crate) deepest_path: Vec<String>,
    #[serde(default)]
    pub(crate) most_depended_transitive: Vec<Ranked>,
    #[serde(default)]
    pub(crate) cycles: Vec<Vec<String>>,
}

/// A package and how many depend on it.
#[derive(Debug, Deserialize)]
pub(crate) struct Ranked {
    pub(crate) id: String,
    pub(crate) dependents: usize,
}

impl Parts {
    /// Finds the parts in the run's state.
    ///
    /// They stand at its top, where a step or the aggregator `merge` put them, or one level down, under
    /// a member's name, where `collect` did, or in `results`, where `all` did.
    pub(crate) fn find(state: &Map<String, Value>) -> Self {
        let mut parts = Self::default();
        parts.lockfile = parts.take(state, "lockfile");
        parts.duplicates = parts.take(state, "duplicates");
        parts.sources = parts.take(state, "sources");
        parts.graph = parts.take(state, "graph");
        parts
    }

    /// How many of the parts came.
    pub(crate) fn present(&self) -> usize {
        PARTS.len() - self.missing.len()
    }

    fn take<T: for<'de> Deserialize<'de>>(
        &mut self,
        state: &Map<String, Value>,
        name: &str,
    ) -> Option<T> {
        let mut trouble = None;
        for candidate in candidates(state, name) {
            match T::deserialize(candidate) {
                Ok(part) => return Some(part),
                // The text that the review began with stands where its parsed form belongs.
                Err(_) if candidate.is_string() => {}
                Err(error) => trouble = Some(format!("it cannot be read: {error}")),
            }
        }
        let why = trouble
            .or_else(|| failure(state, name))
            .unwrap_or_else(|| "it was skipped or did not answer".to_owned());
        self.missing.push((name.to_owned(), why));
        None
    }
}

fn candidates<'state>(state: &'state Map<String, Value>, name: &str) -> Vec<&'state Value> {
    let results = state
        .get("results")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let outputs = results.filter_map(|result| result.get("output"));
    let nested = state.values().chain(outputs).filter_map(|value| {
        let inner = value.as_object()?.get(name)?;
        // The answers nest objects: a number that happens to have a part's name is none.
        inner.is_object().then_some(inner)
    });
    state.get(name).into_iter().chain(nested).collect()
}

/// What an aggregator noted about a member that failed: in `_failed`, or in `results`.
fn failure(state: &Map<String, Value>, name: &str) -> Option<String> {
    let lists = ["_failed", "results"]
        .iter()
        .filter_map(|key| state.get(*key)?.as_array());
    let note = lists.flatten().find(|note| {
        note.get("member").and_then(Value::as_str) == Some(name)
            && note.get("status").and_then(Value::as_str) != Some("completed")
    })?;
    let status = note
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or("failed");
    let message = note
        .get("error")
        .and_then(|error| error.get("message"))
        .and_then(Value::as_str);
    Some(match message {
        Some(message) => format!("{status}: {message}"),
        None => status.to_owned(),
    })
}
