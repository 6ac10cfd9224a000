//! The inductive miner: a log is cut into smaller logs until they are trivial. What it finds is sound, and
//! without noise every trace of the log is a trace of the model.

use super::sublog::{Follows, SubLog};
use super::tree::{Operator, Tree};
use super::{cuts, fall_through, split};
use crate::log::Variants;

/// Discovers a process tree.
///
/// `noise` is from 0 to 1. With 0 the tree fits the log. Otherwise, where no cut holds, edges and
/// beginnings whose count is at most that share of their most frequent siblings' are not looked at; what
/// does not fit then is left out (the *infrequent* variant, `IMf`).
///
/// # Panics
/// When `noise` is not from 0 to 1.
#[must_use]
pub fn inductive(variants: &Variants, noise: f64) -> Tree {
    assert!(
        (0.0..=1.0).contains(&noise),
        "noise is a share, and was {noise}"
    );
    mine(SubLog::of(variants), noise).simplified()
}

fn mine(log: SubLog, noise: f64) -> Tree {
    let log = match without_empty(log, noise) {
        Emptied::Skippable(rest) => {
            return Tree::Node(Operator::Choice, vec![Tree::Silent, mine(rest, noise)]);
        }
        Emptied::Rest(log) => log,
    };
    if log.traces.is_empty() {
        return Tree::Silent;
    }
    if let [(path, _)] = &log.traces[..]
        && let [activity] = path[..]
    {
        return Tree::Activity(activity);
    }
    let follows = Follows::of(&log);
    let cut = cuts::find(&follows).or_else(|| {
        // Without noise, the same search would be made again.
        let frequent = (noise > 0.0).then(|| follows.without_noise(noise))?;
        cuts::find(&frequent)
    });
    let (operator, parts) = match cut {
        Some((operator, groups)) => (operator, split::split(&log, &follows, operator, &groups)),
        None => fall_through::find(&log, &follows),
    };
    let parts = parts.into_iter().map(|part| mine(part, noise));
    Tree::Node(operator, parts.collect())
}

enum Emptied {
    /// Empty traces are too many to be noise.
    Skippable(SubLog),
    /// There are none any more.
    Rest(SubLog),
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn without_empty(mut log: SubLog, noise: f64) -> Emptied {
    let total = log.total();
    log.traces.retain(|(path, _)| !path.is_empty());
    let empty = total - log.total();
    if empty > 0 && !log.traces.is_empty() && empty as f64 > noise * total as f64 {
        Emptied::Skippable(log)
    } else {
        Emptied::Rest(log)
    }
}
