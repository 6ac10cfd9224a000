//! The answer of this agent: verdict, reasons, summary and Markdown in one object; pure.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::markdown;
use crate::parts::Parts;
use crate::verdict::{Config, Reason, Verdict, weigh};

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub(crate) report: Report,
}

/// One review.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    /// Worst first.
    pub(crate) reasons: Vec<Reason>,
    pub(crate) summary: Summary,
    /// The parts that nobody examined.
    pub(crate) missing: Vec<Missing>,
    pub(crate) markdown: String,
}

/// The figures of a review; those of a missing part are absent.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packages: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duplicates: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) git_sources: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing_checksums: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_depth: Option<usize>,
}

/// A part that did not come.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    pub(crate) part: String,
    pub(crate) why: String,
}

/// Sums up whatever parts the run's state holds.
pub(crate) fn review(state: &Map<String, Value>, config: &Config) -> Output {
    let parts = Parts::find(state);
    let (verdict, reasons) = weigh(&parts, config);
    let title = config.title.as_deref().unwrap_or("Supply-chain review");
    let markdown = markdown::write(title, verdict, &reasons, &parts);
    let summary = Summary {
        lock_version: parts.lockfile.as_ref().map(|lock| lock.lock_version),
        packages: parts.lockfile.as_ref().map(|lock| lock.package_count),
        duplicates: parts.duplicates.as_ref().map(|duplicates| duplicates.count),
        git_sources: parts.sources.as_ref().map(|sources| sources.git.len()),
        missing_checksums: parts
            .sources
            .as_ref()
            .map(|sources| sources.missing_checksums.len()),
        max_depth: parts.graph.as_ref().map(|graph| graph.max_depth),
    };
    let missing = parts
        .missing
        .into_iter()
        .map(|(part, why)| Missing { part, why })
        .collect();
    Output {
        report: Report {
            verdict,
            reasons,
            summary,
            missing,
            markdown,
        },
    }
}

#[cfg(test)]
mod tests;
