//! The verdict and its reasons: which finding weighs how much; pure.

use serde::{Deserialize, Serialize};

use crate::parts::Parts;

/// More names than this are counted and not repeated in a reason.
const MOST_ITEMS: usize = 10;

/// What the flow file may say to this agent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Crates that may be there in several versions before it is worth attention.
    pub(crate) allowed_duplicates: usize,
    /// The deepest chain of dependencies that is nothing remarkable; unlimited when absent.
    pub(crate) allowed_depth: Option<usize>,
    /// The head of the Markdown report.
    pub(crate) title: Option<String>,
}

/// How a review ends, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Nothing remarkable.
    Pass,
    /// Somebody should look.
    Attention,
    /// Should not be built before it is changed.
    Fail,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Attention => "attention",
            Self::Fail => "fail",
        }
    }
}

/// One finding that moved the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    pub(crate) verdict: Verdict,
    /// The agent whose answer it comes from.
    pub(crate) part: &'static str,
    pub(crate) message: String,
    /// The packages that it is about, at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<String>,
    /// How many there are; 0 where the finding is not about so many packages.
    pub(crate) count: usize,
}

/// Weighs what was found; the worst reason is the verdict.
pub(crate) fn weigh(parts: &Parts, config: &Config) -> (Verdict, Vec<Reason>) {
    let mut reasons = Vec::new();
    weigh_missing(parts, &mut reasons);
    weigh_sources(parts, &mut reasons);
    weigh_duplicates(parts, config, &mut reasons);
    weigh_graph(parts, config, &mut reasons);
    if let Some(lock) = &parts.lockfile {
        add(
            &mut reasons,
            Verdict::Attention,
            "lockfile",
            "patches that nothing uses",
            &lock.unused_patches,
        );
    }
    // Worst first; the sort is stable, so that equals stay in the order of the parts.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    let verdict = reasons
        .first()
        .map_or(Verdict::Pass, |reason| reason.verdict);
    (verdict, reasons)
}

/// What nobody examined cannot pass. The graph alone is for information: its absence weighs nothing.
fn weigh_missing(parts: &Parts, reasons: &mut Vec<Reason>) {
    for (name, why) in &parts.missing {
        let (verdict, part) = match name.as_str() {
            "lockfile" => (Verdict::Fail, "lockfile"),
            "sources" => (Verdict::Attention, "sources"),
            "duplicates" => (Verdict::Attention, "duplicates"),
            _ => continue,
        };
        let message = format!("no answer of `{part}`: {why}");
        reasons.push(Reason {
            verdict,
            part,
            message,
            items: Vec::new(),
            count: 0,
        });
    }
}

fn weigh_sources(parts: &Parts, reasons: &mut Vec<Reason>) {
    let Some(sources) = &parts.sources else {
        return;
    };
    let from = |placed: &[crate::parts::Placed]| -> Vec<String> {
        placed
            .iter()
            .map(|placed| format!("{} from {}", placed.id, placed.source))
            .collect()
    };
    let unpinned = sources.git.iter().filter(|git| git.commit.is_none());
    let unpinned: Vec<String> = unpinned
        .map(|git| format!("{} from {}", git.id, git.url))
        .collect();
    let git: Vec<String> = sources
        .git
        .iter()
        .map(|git| format!("{} from {}", git.id, git.url))
        .collect();
    let findings = [
        (
            Verdict::Fail,
            "registry packages without a checksum",
            sources.missing_checksums.clone(),
        ),
        (
            Verdict::Fail,
            "packages over a connection that nobody authenticates",
            from(&sources.insecure),
        ),
        (Verdict::Fail, "git packages without a commit", unpinned),
        (
            Verdict::Fail,
            "packages from a source of no known kind",
            from(&sources.unknown),
        ),
        (Verdict::Attention, "packages from git", git),
        (
            Verdict::Attention,
            "packages from other registries",
            from(&sources.other_registries),
        ),
    ];
    for (verdict, message, items) in findings {
        add(reasons, verdict, "sources", message, &items);
    }
}

fn weigh_duplicates(parts: &Parts, config: &Config, reasons: &mut Vec<Reason>) {
    let Some(duplicates) = &parts.duplicates else {
        return;
    };
    if duplicates.count <= config.allowed_duplicates {
        return;
    }
    let items: Vec<String> = duplicates
        .crates
        .iter()
        .map(|duplicate| duplicate.name.clone())
        .collect();
    add(
        reasons,
        Verdict::Attention,
        "duplicates",
        "crates in several versions",
        &items,
    );
}

fn weigh_graph(parts: &Parts, config: &Config, reasons: &mut Vec<Reason>) {
    let (Some(graph), Some(allowed)) = (&parts.graph, config.allowed_depth) else {
        return;
    };
    if graph.max_depth > allowed {
        let message = format!("dependencies {} deep, more than {allowed}", graph.max_depth);
        let items = graph
            .deepest_path
            .iter()
            .take(MOST_ITEMS)
            .cloned()
            .collect();
        reasons.push(Reason {
            verdict: Verdict::Attention,
            part: "graph",
            message,
            items,
            count: 0,
        });
    }
}

fn add(
    reasons: &mut Vec<Reason>,
    verdict: Verdict,
    part: &'static str,
    message: &str,
    items: &[String],
) {
    if items.is_empty() {
        return;
    }
    reasons.push(Reason {
        verdict,
        part,
        message: message.to_owned(),
        items: items.iter().take(MOST_ITEMS).cloned().collect(),
        count: items.len(),
    });
}
