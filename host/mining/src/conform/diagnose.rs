//! What deviates, in words that somebody who does not know alignments understands.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::align::{Alignments, Move};
use crate::log::Variants;
use crate::net::PetriNet;

/// What alignments say of one activity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct ActivityDiagnosis {
    /// The activity.
    pub activity: String,
    /// Events that are as the net has them.
    pub as_expected: u64,
    /// Times that the net expects it and it did not happen.
    pub skipped: u64,
    /// Cases in which that is so.
    pub cases_skipped: u64,
    /// Times that it happened where the net does not allow it.
    pub unexpected: u64,
    /// Cases in which that is so.
    pub cases_unexpected: u64,
}

impl ActivityDiagnosis {
    /// The sentences for people; none where all is as expected.
    #[must_use]
    pub fn sentences(&self, cases: u64) -> Vec<String> {
        let Self { activity, .. } = self;
        let mut sentences = Vec::new();
        if self.cases_skipped > 0 {
            sentences.push(format!(
                "`{activity}` skipped in {} of {cases} cases",
                self.cases_skipped
            ));
        }
        if self.cases_unexpected > 0 {
            sentences.push(format!(
                "`{activity}` where it is not expected in {} of {cases} cases",
                self.cases_unexpected
            ));
        }
        sentences
    }
}

/// The diagnosis of each activity of log and net, those with the most deviations first.
#[must_use]
pub fn diagnose(
    net: &PetriNet,
    variants: &Variants,
    alignments: &Alignments,
) -> Vec<ActivityDiagnosis> {
    let mut found: BTreeMap<&str, ActivityDiagnosis> = BTreeMap::new();
    for (variant, alignment) in variants.list.iter().zip(&alignments.of_variants) {
        let mut skipped: Vec<&str> = Vec::new();
        let mut unexpected: Vec<&str> = Vec::new();
        for step in &alignment.moves {
            match step {
                Move::Both(activity, _) => {
                    found
                        .entry(variants.name(*activity))
                        .or_default()
                        .as_expected += variant.count;
                }
                Move::Log(activity) => unexpected.push(variants.name(*activity)),
                Move::Model(transition) => {
                    if let Some(label) = &net.transitions[*transition as usize].label {
                        skipped.push(label);
                    }
                }
                Move::Silent(_) => {}
            }
        }
        for activity in &skipped {
            found.entry(activity).or_default().skipped += variant.count;
        }
        for activity in &unexpected {
            found.entry(activity).or_default().unexpected += variant.count;
        }
        for (list, is_skipped) in [(&mut skipped, true), (&mut unexpected, false)] {
            list.sort_unstable();
            list.dedup();
            for activity in list {
                let diagnosis = found.entry(activity).or_default();
                let cases = if is_skipped {
                    &mut diagnosis.cases_skipped
                } else {
                    &mut diagnosis.cases_unexpected
                };
                *cases += variant.count;
            }
        }
    }
    let mut list: Vec<ActivityDiagnosis> = found
        .into_iter()
        .map(|(activity, diagnosis)| ActivityDiagnosis {
            activity: activity.to_owned(),
            ..diagnosis
        })
        .collect();
    list.sort_by_key(|one| std::cmp::Reverse(one.skipped + one.unexpected));
    list
}
