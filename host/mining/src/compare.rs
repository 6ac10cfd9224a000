//! What differs between two logs, such as two periods or two versions of a plugin, and whether that may be chance.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::log::{Log, Occurrences, ms};
use crate::performance::steps;
use crate::statistics::{fisher, holm, mann_whitney};

/// Differences are called significant below this, after all tests together are taken into account.
const LEVEL: f64 = 0.05;

/// A comparison of two logs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// Cases of the one.
    pub cases_before: u64,
    /// Cases of the other.
    pub cases_after: u64,
    /// Every difference that was looked at, the least likely to be chance first.
    pub differences: Vec<Difference>,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Measure {
    /// The share of cases with an activity.
    CasesWith {
        /// The activity.
        activity: String,
    },
    /// The share of cases in which one activity directly follows another.
    CasesFollowing {
        /// The earlier.
        from: String,
        /// The later.
        to: String,
    },
    /// The share of an activity's attempts that fail.
    Failures {
        /// The activity.
        activity: String,
    },
    /// How long an activity takes, from start to end: medians, in milliseconds.
    Sojourn {
        /// The activity.
        activity: String,
    },
    /// How long a case takes: medians, in milliseconds.
    CaseDuration,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// What is compared.
    #[serde(flatten)]
    pub measure: Measure,
    /// In the one log.
    pub before: f64,
    /// In the other.
    pub after: f64,
    /// How likely so large a difference is by chance.
    pub probability: f64,
    /// The same, as so many differences were looked at.
    pub adjusted: f64,
    /// Whether it is less likely than one in twenty.
    pub significant: bool,
}

/// Compares two logs.
#[must_use]
pub fn compare(before: &Log, after: &Log, occurrences: Occurrences) -> Comparison {
    let (one, other) = (
        Sample::of(before, occurrences),
        Sample::of(after, occurrences),
    );
    let mut found: Vec<(Measure, f64, f64, f64)> = Vec::new();
    for key in one
        .shares
        .keys()
        .chain(other.shares.keys())
        .collect::<BTreeSet<_>>()
    {
        let (yes, of) = one.share(key);
        let (other_yes, other_of) = other.share(key);
        if of > 0 && other_of > 0 {
            let probability = fisher(yes, of, other_yes, other_of);
            found.push((
                key.clone(),
                ratio(yes, of),
                ratio(other_yes, other_of),
                probability,
            ));
        }
    }
    for (key, lengths) in &one.lengths {
        if let Some(others) = other.lengths.get(key)
            && let Some(probability) = mann_whitney(lengths, others)
        {
            found.push((key.clone(), median(lengths), median(others), probability));
        }
    }
    let probabilities: Vec<f64> = found.iter().map(|(.., probability)| *probability).collect();
    let adjusted = holm(&probabilities);
    let mut differences: Vec<Difference> = found
        .into_iter()
        .zip(adjusted)
        .map(
            |((measure, before, after, probability), adjusted)| Difference {
                measure,
                before,
                after,
                probability,
                adjusted,
                significant: adjusted < LEVEL,
            },
        )
        .collect();
    differences.sort_by(|one, other| {
        one.probability
            .total_cmp(&other.probability)
            .then_with(|| one.measure.cmp(&other.measure))
    });
    Comparison {
        cases_before: one.cases,
        cases_after: other.cases,
        differences,
    }
}

/// What is compared of one log.
#[derive(Debug, Default)]
struct Sample {
    cases: u64,
    /// Yes, and of how many where that is not the number of cases.
    shares: BTreeMap<Measure, (u64, Option<u64>)>,
    lengths: BTreeMap<Measure, Vec<f64>>,
}

impl Sample {
    fn of(log: &Log, occurrences: Occurrences) -> Self {
        let mut sample = Self::default();
        let name = |name| log.names().text(name).to_owned();
        for case in log.cases() {
            sample.cases += 1;
            let events = log.events_of(case);
            let path: Vec<_> = events
                .iter()
                .filter(|event| occurrences.take(event))
                .map(|event| event.activity)
                .collect();
            let seen: BTreeSet<_> = path.iter().copied().collect();
            for activity in seen {
                let key = Measure::CasesWith {
                    activity: name(activity),
                };
                sample.shares.entry(key).or_default().0 += 1;
            }
            let edges: BTreeSet<_> = path.windows(2).map(|pair| (pair[0], pair[1])).collect();
            for (from, to) in edges {
                let key = Measure::CasesFollowing {
                    from: name(from),
                    to: name(to),
                };
                sample.shares.entry(key).or_default().0 += 1;
            }
            for step in steps(events) {
                use crate::performance::End;
                if let End::Completed | End::Failed = step.end {
                    let key = Measure::Failures {
                        activity: name(step.activity),
                    };
                    let share = sample.shares.entry(key).or_default();
                    share.0 += u64::from(step.end == End::Failed);
                    *share.1.get_or_insert(0) += 1;
                }
                if let Some(sojourn) = step.sojourn() {
                    let key = Measure::Sojourn {
                        activity: name(step.activity),
                    };
                    sample.lengths.entry(key).or_default().push(ms(sojourn));
                }
            }
            let ends = (
                events.first().and_then(|event| event.at),
                events.last().and_then(|event| event.at),
            );
            if let (Some(first), Some(last)) = ends {
                sample
                    .lengths
                    .entry(Measure::CaseDuration)
                    .or_default()
                    .push(ms(last - first));
            }
        }
        sample
    }

    fn share(&self, key: &Measure) -> (u64, u64) {
        match self.shares.get(key) {
            Some((yes, of)) => (*yes, of.unwrap_or(self.cases)),
            // An activity that never occurs has no attempts that could fail.
            None if matches!(key, Measure::Failures { .. }) => (0, 0),
            None => (0, self.cases),
        }
    }
}

fn median(lengths: &[f64]) -> f64 {
    let mut sorted = lengths.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
