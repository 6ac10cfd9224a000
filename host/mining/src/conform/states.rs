//! Everything that a net can do, as numbered markings and what leads from one to another.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::log::Variants;
use crate::net::{PetriNet, Tokens, TransitionId};

/// The number of a marking.
pub(super) type State = u32;

/// The most markings that are listed.
pub const MOST_STATES: usize = 1 << 17;
/// The most numbers of tokens that are listed: markings of nets with many places are large.
const MOST_TOKENS: usize = 1 << 24;
/// The most transitions that are tried, each in each marking: half a second's work.
pub(super) const MOST_TRIED: usize = 1 << 26;

/// Why a net cannot be checked against.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// From its beginning, no end of the net can be reached.
    #[error("the net cannot end: no final marking can be reached from the initial one")]
    NoEnd,
    /// Tokens can be made without end.
    #[error("the net is unbounded: it can put more and more tokens on place `{place}`")]
    Unbounded {
        /// One of the places that grow.
        place: String,
    },
    /// There is more to it than is looked at.
    #[error("the net has more than {most} reachable markings")]
    TooLarge {
        /// The bound.
        most: usize,
    },
    /// A trace, or all of a log together, takes more work than is done.
    #[error("no alignment was found within {most} steps of search")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// A trace and a net that are large together.
    #[error("a trace of {events} events over a net of {states} markings is more than is computed")]
    TooLong {
        /// The length of the trace.
        events: usize,
        /// The markings of the net.
        states: usize,
    },
}

/// An edge of the reachability graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) transition: TransitionId,
}

/// The labels of a net, as numbers.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    /// In ascending order.
    names: Vec<String>,
    /// Of each transition.
    pub(super) of: Vec<Option<u32>>,
}

impl Labels {
    pub(super) fn new(net: &PetriNet) -> Self {
        let labels = net
            .transitions
            .iter()
            .filter_map(|transition| transition.label.clone());
        let mut names: Vec<String> = labels.collect();
        names.sort_unstable();
        names.dedup();
        let mut labels = Self {
            names,
            of: Vec::new(),
        };
        let number =
            |transition: &crate::net::Transition| labels.number(transition.label.as_deref()?);
        labels.of = net.transitions.iter().map(number).collect();
        labels
    }

    /// The number of a label.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let place = self
            .names
            .binary_search_by(|label| label.as_str().cmp(name))
            .ok()?;
        u32::try_from(place).ok()
    }

    /// The numbers of all labels.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// How many labels there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The number of each activity's label; nothing for one that the net does not know.
    pub(super) fn of_activities(&self, variants: &Variants) -> Vec<Option<u32>> {
        variants
            .activities
            .iter()
            .map(|name| self.number(name))
            .collect()
    }
}

/// The markings from which the net can still end, and what leads from one to another.
#[derive(Debug, Clone)]
pub(super) struct States {
    pub(super) labels: Labels,
    /// By `from`.
    steps: Vec<Step>,
    from_starts: Vec<u32>,
    /// Indexes into `steps`, by `to`.
    back: Vec<u32>,
    back_starts: Vec<u32>,
    /// Indexes into `steps`, by label.
    by_label: Vec<Vec<u32>>,
    pub(super) initial: State,
    pub(super) finals: Vec<State>,
    count: usize,
}

/// A marking: tokens by place. Shared by the list of markings and the index over it.
pub(super) type Marking = Arc<[u32]>;

pub(super) fn marking(net: &PetriNet, tokens: &Tokens) -> Marking {
    let mut marking = vec![0; net.places.len()];
    for (place, count) in tokens {
        marking[*place as usize] = *count;
    }
    marking.into()
}

/// The marking after a transition that is enabled.
pub(super) fn fire(net: &PetriNet, marking: &Marking, transition: usize) -> Option<Marking> {
    let transition = &net.transitions[transition];
    let enabled = transition
        .inputs
        .iter()
        .all(|(place, weight)| marking[*place as usize] >= *weight);
    enabled.then(|| {
        let mut reached: Marking = Arc::from(&marking[..]);
        let next = Arc::make_mut(&mut reached);
        for (place, weight) in &transition.inputs {
            next[*place as usize] -= weight;
        }
        for (place, weight) in &transition.outputs {
            next[*place as usize] = next[*place as usize].saturating_add(*weight);
        }
        reached
    })
}

/// Every transition that a marking enables, and the marking after it.
pub(super) fn enabled_after(net: &PetriNet, marking: &Marking) -> Vec<(TransitionId, Marking)> {
    let transitions = (0..).take(net.transitions.len());
    transitions
        .filter_map(|transition: TransitionId| {
            fire(net, marking, transition as usize).map(|reached| (transition, reached))
        })
        .collect()
}

impl States {
    /// Explores a net.
    pub(super) fn of(net: &PetriNet, most: usize) -> Result<Self, NetError> {
        let (markings, steps) = explore(net, most)?;
        let finals: Vec<State> = net
            .finals
            .iter()
            .filter_map(|tokens| markings.get(&marking(net, tokens)).copied())
            .collect();
        let count = markings.len();
        let back = sorted(&steps, count, |step| step.to);
        let alive = alive(&steps, &back, &finals, count);
        if !alive[0] {
            return Err(NetError::NoEnd);
        }
        // What cannot end any more is in no alignment: the others are numbered anew.
        let mut numbers = vec![State::MAX; count];
        let mut kept = 0;
        for (state, _) in alive.iter().enumerate().filter(|(_, alive)| **alive) {
            numbers[state] = kept;
            kept += 1;
        }
        let renumbered = |step: &Step| Step {
            from: numbers[step.from as usize],
            to: numbers[step.to as usize],
            transition: step.transition,
        };
        let living = |step: &&Step| alive[step.from as usize] && alive[step.to as usize];
        let mut steps: Vec<Step> = steps.iter().filter(living).map(renumbered).collect();
        steps.sort_by_key(|step| (step.from, step.transition));
        let finals = finals
            .iter()
            .map(|state| numbers[*state as usize])
            .collect();
        Ok(Self::indexed(net, steps, finals, kept as usize))
    }

    fn indexed(net: &PetriNet, steps: Vec<Step>, finals: Vec<State>, count: usize) -> Self {
        let labels = Labels::new(net);
        let mut by_label = vec![Vec::new(); labels.names.len()];
        for (index, step) in (0_u32..).zip(&steps) {
            if let Some(label) = labels.of[step.transition as usize] {
                by_label[label as usize].push(index);
            }
        }
        let Index {
            order: _,
            starts: from_starts,
        } = sorted(&steps, count, |step| step.from);
        let Index {
            order: back,
            starts: back_starts,
        } = sorted(&steps, count, |step| step.to);
        Self {
            labels,
            steps,
            from_starts,
            back,
            back_starts,
            by_label,
            initial: 0,
            finals,
            count,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// What can be done in a state.
    pub(super) fn from(&self, state: State) -> &[Step] {
        let state = state as usize;
        &self.steps[self.from_starts[state] as usize..self.from_starts[state + 1] as usize]
    }

    /// What leads to a state.
    pub(super) fn to(&self, state: State) -> impl Iterator<Item = &Step> {
        let state = state as usize;
        let range = self.back_starts[state] as usize..self.back_starts[state + 1] as usize;
        self.back[range]
            .iter()
            .map(|step| &self.steps[*step as usize])
    }

    /// Every step with a label.
    pub(super) fn with_label(&self, label: u32) -> impl Iterator<Item = &Step> {
        self.by_label[label as usize]
            .iter()
            .map(|step| &self.steps[*step as usize])
    }

    pub(super) fn is_silent(&self, step: &Step) -> bool {
        self.labels.of[step.transition as usize].is_none()
    }
}

/// All markings from the initial one, numbered in the order of their discovery, and all steps.
pub(super) fn explore(
    net: &PetriNet,
    most: usize,
) -> Result<(FxHashMap<Marking, State>, Vec<Step>), NetError> {
    let most = most
        .min(MOST_TOKENS / net.places.len().max(1))
        .min(MOST_TRIED / net.transitions.len().max(1))
        .max(1);
    let first = marking(net, &net.initial);
    let mut numbers: FxHashMap<Marking, State> = FxHashMap::default();
    let mut markings: Vec<Marking> = vec![first.clone()];
    let mut parents: Vec<State> = vec![0];
    numbers.insert(first, 0);
    let mut steps = Vec::new();
    let mut next = 0;
    while next < markings.len() {
        let from = State::try_from(next).unwrap_or(State::MAX);
        for (transition, reached) in enabled_after(net, &markings[next]) {
            let to = if let Some(known) = numbers.get(&reached) {
                *known
            } else {
                if markings.len() >= most {
                    return Err(NetError::TooLarge { most });
                }
                grows(net, &markings, &parents, next, &reached)?;
                let number = State::try_from(markings.len()).unwrap_or(State::MAX);
                numbers.insert(reached.clone(), number);
                markings.push(reached);
                parents.push(from);
                number
            };
            steps.push(Step {
                from,
                to,
                transition,
            });
        }
        next += 1;
    }
    Ok((numbers, steps))
}

/// A marking that covers one on its way, and has more somewhere, can be covered again and again: then
/// the net is unbounded. Only the nearest markings on the way are looked at, so that this costs little; what
/// is missed meets the bound on markings.
fn grows(
    net: &PetriNet,
    markings: &[Marking],
    parents: &[State],
    from: usize,
    reached: &Marking,
) -> Result<(), NetError> {
    const NEAREST: usize = 64;
    let mut at = from;
    for _ in 0..NEAREST {
        let before = &markings[at];
        if before
            .iter()
            .zip(reached.iter())
            .all(|(before, now)| before <= now)
            && let Some(place) = before
                .iter()
                .zip(reached.iter())
                .position(|(before, now)| before < now)
        {
            let place = net.places[place].name.clone();
            return Err(NetError::Unbounded { place });
        }
        if at == 0 {
            break;
        }
        at = parents[at] as usize;
    }
    Ok(())
}

/// Indexes of steps by a state, and where each state's begin.
struct Index {
    order: Vec<u32>,
    starts: Vec<u32>,
}

fn sorted(steps: &[Step], count: usize, key: impl Fn(&Step) -> State) -> Index {
    let mut starts = vec![0_u32; count + 1];
    for step in steps {
        starts[key(step) as usize + 1] += 1;
    }
    for state in 0..count {
        starts[state + 1] += starts[state];
    }
    let mut next = starts.clone();
    let mut order = vec![0; steps.len()];
    for (index, step) in (0..).zip(steps) {
        let place = &mut next[key(step) as usize];
        order[*place as usize] = index;
        *place += 1;
    }
    Index { order, starts }
}

/// The states from which one of some others can be reached.
pub(super) fn reaching(steps: &[Step], others: &[State], count: usize) -> Vec<bool> {
    alive(steps, &sorted(steps, count, |step| step.to), others, count)
}

fn alive(steps: &[Step], back: &Index, finals: &[State], count: usize) -> Vec<bool> {
    let mut alive = vec![false; count];
    let mut pending: Vec<State> = finals.to_vec();
    while let Some(state) = pending.pop() {
        let state = state as usize;
        if std::mem::replace(&mut alive[state], true) {
            continue;
        }
        let range = back.starts[state] as usize..back.starts[state + 1] as usize;
        pending.extend(
            back.order[range]
                .iter()
                .map(|step| steps[*step as usize].from),
        );
    }
    alive
}
