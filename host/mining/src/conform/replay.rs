//! Token replay: what is missing and what remains when the events of a trace are fired one after the other.
//!
//! Without silent transitions the counts are those that everybody has (Rozinat, van der Aalst 2008). With
//! them, a trace that the net accepts has nothing missing and nothing remaining, always: whether it is
//! accepted is decided by its alignment, not by trying one way. In a trace that is not accepted, those
//! silent transitions are fired, few of them, after which the next event lacks the fewest tokens; other tools
//! choose otherwise, so that such traces have other counts there.

use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;

use super::align::{Alignment, Move, align};
use super::states::{Labels, Marking, NetError, fire, marking};
use crate::log::{Activity, Variants};
use crate::net::{PetriNet, TransitionId};

/// The most markings that are looked at for silent transitions before one event. Tokens that were missing
/// can make a net unbounded, so that there is no end of them.
const MOST_SILENT: usize = 256;

/// Tokens of one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct TokenCounts {
    /// Tokens that were not there.
    pub missing: u64,
    /// Tokens taken.
    pub consumed: u64,
    /// Tokens left behind.
    pub remaining: u64,
    /// Tokens given.
    pub produced: u64,
}

impl TokenCounts {
    /// ½(1 − missing ÷ consumed) + ½(1 − remaining ÷ produced).
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
    pub fn fitness(&self) -> f64 {
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                1.0
            } else {
                1.0 - part as f64 / whole as f64
            }
        };
        0.5 * share(self.missing, self.consumed) + 0.5 * share(self.remaining, self.produced)
    }

    /// Whether nothing is missing and nothing remains.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.missing == 0 && self.remaining == 0
    }
}

/// The replay of a log: one count for each variant, and what they come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// For each variant, in their order.
    pub of_variants: Vec<TokenCounts>,
    /// The summary.
    pub summary: ReplaySummary,
}

/// What a replay comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ReplaySummary {
    /// The mean of the fitness of the cases.
    pub average_fitness: f64,
    /// The fitness of the tokens of all cases together.
    pub log_fitness: f64,
    /// Cases with nothing missing and nothing remaining.
    pub fitting_traces: u64,
    /// Cases.
    pub traces: u64,
    /// The percentage of fitting cases.
    pub percent_fitting: f64,
    /// The tokens of all cases.
    #[serde(flatten)]
    pub tokens: TokenCounts,
}

/// Replays every variant of a log. Events of activities that the net does not have are passed over, as in
/// other tools: only an alignment counts them.
///
/// # Errors
/// Where silent transitions or equal labels leave a choice: as [`align`]. Otherwise none.
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
pub fn replay(net: &PetriNet, variants: &Variants) -> Result<Replay, NetError> {
    let mut replayer = Replayer::new(net, variants);
    let alignments = if replayer.has_choices() {
        align(net, variants)?.of_variants
    } else {
        Vec::new()
    };
    let mut of_variants = Vec::with_capacity(variants.list.len());
    for (index, variant) in variants.list.iter().enumerate() {
        let accepted = alignments
            .get(index)
            .and_then(|alignment| replayer.run(&variant.path, alignment));
        of_variants.push(match accepted {
            Some(run) => replayer.count(&run),
            None => replayer.replay(&variant.path),
        });
    }
    let mut tokens = TokenCounts::default();
    let (mut sum, mut fitting_traces) = (0.0, 0);
    for (variant, counts) in variants.list.iter().zip(&of_variants) {
        tokens.missing += counts.missing * variant.count;
        tokens.consumed += counts.consumed * variant.count;
        tokens.remaining += counts.remaining * variant.count;
        tokens.produced += counts.produced * variant.count;
        sum += counts.fitness() * variant.count as f64;
        fitting_traces += if counts.fits() { variant.count } else { 0 };
    }
    let traces = variants.total();
    let mean = |sum: f64| {
        if traces == 0 {
            1.0
        } else {
            sum / traces as f64
        }
    };
    Ok(Replay {
        of_variants,
        summary: ReplaySummary {
            average_fitness: mean(sum),
            log_fitness: tokens.fitness(),
            fitting_traces,
            traces,
            percent_fitting: 100.0 * mean(fitting_traces as f64),
            tokens,
        },
    })
}

struct Replayer<'net> {
    net: &'net PetriNet,
    /// The transitions of each activity.
    of_activity: Vec<Vec<TransitionId>>,
    silent: Vec<TransitionId>,
    finals: Vec<Marking>,
    /// What enables an activity after silent transitions, by marking: asked for again and again.
    ways: FxHashMap<(Marking, Activity), Vec<TransitionId>>,
}

impl<'net> Replayer<'net> {
    fn new(net: &'net PetriNet, variants: &Variants) -> Self {
        let labels = Labels::new(net);
        let with_label = |label: Option<u32>| {
            let transitions = (0..).take(net.transitions.len());
            transitions
                .filter(|transition: &TransitionId| labels.of[*transition as usize] == label)
                .collect()
        };
        let of_activities = labels.of_activities(variants);
        let of_activity = of_activities
            .into_iter()
            .map(|label| {
                if label.is_some() {
                    with_label(label)
                } else {
                    Vec::new()
                }
            })
            .collect();
        Self {
            net,
            of_activity,
            silent: with_label(None),
            finals: net
                .finals
                .iter()
                .map(|tokens| marking(net, tokens))
                .collect(),
            ways: FxHashMap::default(),
        }
    }

    /// Whether events alone do not say what is fired.
    fn has_choices(&self) -> bool {
        !self.silent.is_empty() || self.of_activity.iter().any(|with| with.len() > 1)
    }

    fn is_known(&self, activity: Activity) -> bool {
        !self.of_activity[activity as usize].is_empty()
    }

    /// The transitions that explain a trace, if all its events that the net knows are explained.
    fn run(&self, path: &[Activity], alignment: &Alignment) -> Option<Vec<TransitionId>> {
        let unknown = path
            .iter()
            .filter(|activity| !self.is_known(**activity))
            .count();
        let fired = |step: &Move| match step {
            Move::Both(_, transition) | Move::Silent(transition) | Move::Model(transition) => {
                Some(*transition)
            }
            Move::Log(_) => None,
        };
        (alignment.cost == unknown as u64)
            .then(|| alignment.moves.iter().filter_map(fired).collect())
    }

    fn replay(&mut self, path: &[Activity]) -> TokenCounts {
        let mut fired = Fired::new(self.net);
        for activity in path {
            if self.is_known(*activity) {
                let transition = self.enable(&mut fired, *activity);
                fired.fire(self.net, transition);
            }
        }
        self.finish(&mut fired);
        fired.counts
    }

    /// The tokens of a run that the net allows.
    fn count(&self, run: &[TransitionId]) -> TokenCounts {
        let mut fired = Fired::new(self.net);
        run.iter()
            .for_each(|transition| fired.fire(self.net, *transition));
        fired.end(&self.finals);
        fired.counts
    }

    /// Fires the silent transitions after which one of the activity's lacks fewest tokens, and gives that one.
    fn enable(&mut self, fired: &mut Fired, activity: Activity) -> TransitionId {
        let transitions = &self.of_activity[activity as usize];
        let lacks = |marking: &Marking| {
            transitions
                .iter()
                .map(|transition| lacking(self.net, marking, *transition))
                .min()
                .unwrap_or(0)
        };
        let key = (fired.marking.clone(), activity);
        let way = match self.ways.get(&key) {
            Some(way) => way.clone(),
            None => {
                let way = self.silent_way(&fired.marking, lacks);
                self.ways.insert(key, way.clone());
                way
            }
        };
        way.iter()
            .for_each(|transition| fired.fire(self.net, *transition));
        let transitions = &self.of_activity[activity as usize];
        let least = transitions
            .iter()
            .min_by_key(|transition| lacking(self.net, &fired.marking, **transition));
        *least.expect("only activities that the net knows are replayed")
    }

    fn finish(&self, fired: &mut Fired) {
        let off = |marking: &Marking| {
            let from = |end: &Marking| {
                end.iter()
                    .zip(marking.iter())
                    .map(|(end, there)| u64::from(end.abs_diff(*there)))
                    .sum()
            };
            self.finals.iter().map(from).min().unwrap_or(0)
        };
        let way = self.silent_way(&fired.marking, off);
        way.iter()
            .for_each(|transition| fired.fire(self.net, *transition));
        fired.end(&self.finals);
    }

    /// The fewest silent transitions after which a number of tokens is the least that was found.
    fn silent_way(&self, from: &Marking, tokens: impl Fn(&Marking) -> u64) -> Vec<TransitionId> {
        let mut least = (tokens(from), Vec::new());
        if least.0 == 0 || self.silent.is_empty() {
            return least.1;
        }
        let mut seen: FxHashSet<Marking> = FxHashSet::default();
        let mut pending = VecDeque::from([(from.clone(), Vec::new())]);
        seen.insert(from.clone());
        while let Some((at, way)) = pending.pop_front() {
            for transition in &self.silent {
                let Some(reached) = fire(self.net, &at, *transition as usize) else {
                    continue;
                };
                if seen.len() >= MOST_SILENT || !seen.insert(reached.clone()) {
                    continue;
                }
                let mut longer: Vec<TransitionId> = way.clone();
                longer.push(*transition);
                let lacks = tokens(&reached);
                if lacks < least.0 {
                    least = (lacks, longer.clone());
                    if lacks == 0 {
                        return least.1;
                    }
                }
                pending.push_back((reached, longer));
            }
        }
        least.1
    }
}

/// How many tokens a transition lacks.
fn lacking(net: &PetriNet, marking: &Marking, transition: TransitionId) -> u64 {
    let inputs = net.transitions[transition as usize].inputs.iter();
    inputs
        .map(|(place, weight)| u64::from(weight.saturating_sub(marking[*place as usize])))
        .sum()
}

/// A marking under way, with its counts.
struct Fired {
    marking: Marking,
    counts: TokenCounts,
}

impl Fired {
    fn new(net: &PetriNet) -> Self {
        let produced = net.initial.iter().map(|(_, count)| u64::from(*count)).sum();
        Self {
            marking: marking(net, &net.initial),
            counts: TokenCounts {
                produced,
                ..TokenCounts::default()
            },
        }
    }

    /// Fires a transition; tokens that are not there are made, and counted.
    fn fire(&mut self, net: &PetriNet, transition: TransitionId) {
        let transition = &net.transitions[transition as usize];
        for (place, weight) in &transition.inputs {
            self.take(*place as usize, *weight);
        }
        for (place, weight) in &transition.outputs {
            Arc::make_mut(&mut self.marking)[*place as usize] += weight;
            self.counts.produced += u64::from(*weight);
        }
    }

    fn take(&mut self, place: usize, weight: u32) {
        let there = self.marking[place].min(weight);
        Arc::make_mut(&mut self.marking)[place] -= there;
        self.counts.missing += u64::from(weight - there);
        self.counts.consumed += u64::from(weight);
    }

    /// Takes the tokens of the end that lacks fewest.
    fn end(&mut self, finals: &[Marking]) {
        let lacks = |end: &Marking| -> u64 {
            let pairs = end.iter().zip(self.marking.iter());
            pairs
                .map(|(end, there)| u64::from(end.saturating_sub(*there)))
                .sum()
        };
        if let Some(end) = finals.iter().min_by_key(|end| lacks(end)).cloned() {
            for (place, weight) in end.iter().enumerate() {
                self.take(place, *weight);
            }
        }
        self.counts.remaining = self.marking.iter().map(|count| u64::from(*count)).sum();
    }
}
