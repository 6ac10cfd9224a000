//! Optimal alignments: the cheapest way to explain a trace by a run of the net.
//!
//! An event without a transition costs one, a visible transition without an event costs one, a silent
//! transition and an event with its transition cost nothing. The answers are exact, or an error.

use schemars::JsonSchema;
use serde::Serialize;

use super::costs::{self, Cost, Row, Scratch, UNIT};
use super::search::Search;
use super::states::{Labels, MOST_STATES, NetError, State, States};
use crate::log::{Activity, Variants};
use crate::net::{PetriNet, TransitionId};

/// The most costs that are held at once: those of the prefixes of one trace.
const MOST_CELLS: usize = 1 << 27;

/// One step of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// An event and its transition.
    Both(Activity, TransitionId),
    /// An event alone.
    Log(Activity),
    /// A visible transition alone.
    Model(TransitionId),
    /// A silent transition.
    Silent(TransitionId),
}

/// The alignment of a variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// Deviations.
    pub cost: u64,
    /// 1 where there are none, 0 where nothing fits at all.
    pub fitness: f64,
    /// The steps.
    pub moves: Vec<Move>,
}

/// Alignments of all variants of a log, in their order, and what they come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignments {
    /// One for each variant.
    pub of_variants: Vec<Alignment>,
    /// The summary.
    pub summary: AlignmentSummary,
}

/// What the alignments of a log come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct AlignmentSummary {
    /// The mean of the fitness of the cases.
    pub average_fitness: f64,
    /// 1 minus all deviations through the most that there could be.
    pub log_fitness: f64,
    /// Cases without deviations.
    pub fitting_traces: u64,
    /// Cases.
    pub traces: u64,
    /// The percentage of cases without deviations.
    pub percent_fitting: f64,
    /// Deviations in all cases, one each.
    pub total_cost: u64,
}

/// The most markings of a net that is not searched, but listed from the start.
const FEW_STATES: usize = 1 << 11;

/// Aligns every variant of a log with a net.
///
/// A net that is unbounded or large is searched marking by marking, within bounds.
///
/// # Errors
/// When the net cannot end, or when it is so large, alone or together with a trace, that no answer is
/// found within the bounds; see [`NetError`].
pub fn align(net: &PetriNet, variants: &Variants) -> Result<Alignments, NetError> {
    match Aligner::within(net, FEW_STATES) {
        Ok(aligner) => aligner.align(variants),
        Err(error @ (NetError::Unbounded { .. } | NetError::TooLarge { .. })) => {
            searched(net, variants).map_err(|found| match (error, found) {
                // That tokens have no end says more than that there are many markings.
                (
                    error @ NetError::Unbounded { .. },
                    NetError::TooLarge { .. } | NetError::TooMany { .. },
                ) => error,
                (_, found) => found,
            })
        }
        Err(error) => Err(error),
    }
}

fn searched(net: &PetriNet, variants: &Variants) -> Result<Alignments, NetError> {
    let labels = Labels::new(net);
    let of_activities = labels.of_activities(variants);
    let mut search = Search::new(net, &labels);
    let (shortest, _) = search.align(&[], &of_activities)?;
    let mut of_variants = Vec::with_capacity(variants.list.len());
    for variant in &variants.list {
        let (cost, moves) = search.align(&variant.path, &of_activities)?;
        let fitness = share(cost, variant.path.len() as u64 + shortest);
        of_variants.push(Alignment {
            cost,
            fitness,
            moves,
        });
    }
    let summary = summary(variants, &of_variants, shortest);
    Ok(Alignments {
        of_variants,
        summary,
    })
}

/// A net whose markings are listed, so that logs are aligned with it quickly.
#[derive(Debug, Clone)]
pub struct Aligner {
    pub(super) states: States,
}

impl Aligner {
    /// Explores the net.
    ///
    /// # Errors
    /// When the net cannot end, is unbounded, or is too large; see [`NetError`].
    pub fn new(net: &PetriNet) -> Result<Self, NetError> {
        Self::within(net, MOST_STATES)
    }

    fn within(net: &PetriNet, most: usize) -> Result<Self, NetError> {
        let states = States::of(net, most)?;
        Ok(Self { states })
    }

    /// How many markings the net has from which it can end.
    #[must_use]
    pub fn markings(&self) -> usize {
        self.states.len()
    }

    /// The fewest visible transitions from the beginning to an end.
    #[must_use]
    pub fn shortest(&self) -> u64 {
        let row = costs::first(&self.states, &mut Scratch::default());
        costs::units(self.cheapest_end(&row).1)
    }

    fn cheapest_end(&self, row: &Row) -> (State, Cost) {
        let ends = self
            .states
            .finals
            .iter()
            .map(|state| (*state, row[*state as usize]));
        // A net without an end was refused.
        ends.min_by_key(|(_, cost)| *cost)
            .unwrap_or((self.states.initial, Cost::MAX))
    }

    /// Aligns every variant.
    ///
    /// Variants with the same beginning share the work for it.
    ///
    /// # Errors
    /// When a trace is too long for a net of this size.
    pub fn align(&self, variants: &Variants) -> Result<Alignments, NetError> {
        let longest = variants
            .list
            .iter()
            .map(|variant| variant.path.len())
            .max()
            .unwrap_or(0);
        if (longest + 1).saturating_mul(self.states.len()) > MOST_CELLS {
            return Err(NetError::TooLong {
                events: longest,
                states: self.states.len(),
            });
        }
        let labels = self.states.labels.of_activities(variants);
        let mut order: Vec<usize> = (0..variants.list.len()).collect();
        order.sort_by(|one, other| variants.list[*one].path.cmp(&variants.list[*other].path));
        let mut scratch = Scratch::default();
        let mut rows: Vec<Row> = vec![costs::first(&self.states, &mut scratch)];
        let shortest = costs::units(self.cheapest_end(&rows[0]).1);
        let mut found: Vec<Option<Alignment>> = vec![None; variants.list.len()];
        let mut before: &[Activity] = &[];
        for place in order {
            let path = &*variants.list[place].path;
            let shared = path
                .iter()
                .zip(before)
                .take_while(|(one, other)| one == other)
                .count();
            rows.truncate(shared + 1);
            for activity in &path[shared..] {
                let label = labels[*activity as usize];
                let row = costs::after(&self.states, &rows[rows.len() - 1], label, &mut scratch);
                rows.push(row);
            }
            found[place] = Some(self.trace_back(&rows, path, &labels, shortest));
            before = path;
        }
        let of_variants: Vec<Alignment> = found.into_iter().flatten().collect();
        let summary = summary(variants, &of_variants, shortest);
        Ok(Alignments {
            of_variants,
            summary,
        })
    }

    /// Walks from the cheapest end to the beginning, each time over a step that explains the cost.
    fn trace_back(
        &self,
        rows: &[Row],
        path: &[Activity],
        labels: &[Option<u32>],
        shortest: u64,
    ) -> Alignment {
        let states = &self.states;
        let (mut state, mut cost) = self.cheapest_end(&rows[path.len()]);
        let deviations = costs::units(cost);
        let mut moves = Vec::with_capacity(path.len());
        let mut at = path.len();
        while at > 0 || state != states.initial || cost > 0 {
            let event = at
                .checked_sub(1)
                .map(|before| (path[before], &rows[before]));
            let both = event.and_then(|(activity, row)| {
                let label = labels[activity as usize]?;
                let fits = states.to(state).find(|step| {
                    states.labels.of[step.transition as usize] == Some(label)
                        && row[step.from as usize] == cost
                });
                fits.map(|step| (activity, *step))
            });
            if let Some((activity, step)) = both {
                moves.push(Move::Both(activity, step.transition));
                (state, at) = (step.from, at - 1);
                continue;
            }
            if let Some((activity, row)) = event
                && row[state as usize].saturating_add(UNIT) == cost
            {
                moves.push(Move::Log(activity));
                (cost, at) = (cost - UNIT, at - 1);
                continue;
            }
            let price = |silent: bool| if silent { 1 } else { UNIT };
            let alone = states.to(state).find(|step| {
                let before = rows[at][step.from as usize];
                before.saturating_add(price(states.is_silent(step))) == cost
            });
            let Some(step) = alone else {
                debug_assert!(false, "a cost without a cause");
                break;
            };
            let silent = states.is_silent(step);
            moves.push(if silent {
                Move::Silent(step.transition)
            } else {
                Move::Model(step.transition)
            });
            (state, cost) = (step.from, cost - price(silent));
        }
        moves.reverse();
        let worst = path.len() as u64 + shortest;
        Alignment {
            cost: deviations,
            fitness: share(deviations, worst),
            moves,
        }
    }
}

/// 1 minus a part of the worst; 1 where nothing could go wrong.
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn share(cost: u64, worst: u64) -> f64 {
    if worst == 0 {
        1.0
    } else {
        1.0 - cost as f64 / worst as f64
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn summary(variants: &Variants, alignments: &[Alignment], shortest: u64) -> AlignmentSummary {
    let (mut total_cost, mut worst, mut fitting, mut sum) = (0, 0, 0, 0.0);
    for (variant, alignment) in variants.list.iter().zip(alignments) {
        total_cost += variant.count * alignment.cost;
        worst += variant.count * (variant.path.len() as u64 + shortest);
        fitting += if alignment.cost == 0 {
            variant.count
        } else {
            0
        };
        sum += variant.count as f64 * alignment.fitness;
    }
    let traces = variants.total();
    let mean = |sum: f64| {
        if traces == 0 {
            1.0
        } else {
            sum / traces as f64
        }
    };
    AlignmentSummary {
        average_fitness: mean(sum),
        log_fitness: share(total_cost, worst),
        fitting_traces: fitting,
        traces,
        percent_fitting: 100.0 * mean(fitting as f64),
        total_cost,
    }
}
