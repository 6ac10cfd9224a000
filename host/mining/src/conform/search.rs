//! Alignments over nets whose markings are too many to be listed: only those are looked at that a cheap
//! alignment may pass.
//!
//! This is A*: what is looked at next has the least cost so far and left to come, of which the latter is an
//! [`Estimate`] that is never too high. So the first end that is reached is one of the cheapest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::align::Move;
use super::components::components;
use super::costs::{Cost, UNIT, units};
use super::estimate::{Backwards, Estimate};
use super::lazy::Lazy;
use super::states::{Labels, Marking, NetError, marking};
use crate::log::Activity;
use crate::net::PetriNet;

/// The most places of the search that are looked at for one trace.
const MOST_NODES: usize = 1 << 18;
/// The most of them for all traces together: about half a minute's work.
const MOST_NODES_IN_ALL: usize = 1 << 26;

/// A net that is searched for alignments.
#[derive(Debug)]
pub(super) struct Search<'net> {
    lazy: Lazy<'net>,
    labels: &'net Labels,
    finals: Vec<Marking>,
    parts: Vec<Backwards>,
    /// Of each marking that was met: the state of each part.
    states: Vec<Box<[u32]>>,
    nodes: usize,
}

/// A place of the search: events that are explained, and the marking.
type Node = (u32, u32);
/// Of each place: the least cost so far, and the move that it came by.
type Best = FxHashMap<Node, (Cost, Option<(Node, Move)>)>;
/// What is looked at next: the least cost so far and to come; then what explains more events; then what has
/// least to come, so that of equal ones the search goes on with the one that it has followed.
type Pending = BinaryHeap<Reverse<(Cost, Reverse<u32>, Cost, u32)>>;

impl<'net> Search<'net> {
    pub(super) fn new(net: &'net PetriNet, labels: &'net Labels) -> Self {
        Self {
            lazy: Lazy::new(net),
            labels,
            finals: net
                .finals
                .iter()
                .map(|tokens| marking(net, tokens))
                .collect(),
            parts: components(net, labels)
                .into_iter()
                .map(Backwards::new)
                .collect(),
            states: Vec::new(),
            nodes: 0,
        }
    }

    /// The cheapest alignment of a path: its cost and its moves.
    pub(super) fn align(
        &mut self,
        path: &[Activity],
        label_of_activity: &[Option<u32>],
    ) -> Result<(u64, Vec<Move>), NetError> {
        let labels: Vec<Option<u32>> = path
            .iter()
            .map(|activity| label_of_activity[*activity as usize])
            .collect();
        let mut trace = Trace {
            estimate: Estimate::new(&self.parts, &labels),
            best: FxHashMap::default(),
            pending: BinaryHeap::new(),
        };
        self.reach(&mut trace, (0, 0), 0, None);
        let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
        while let Some(Reverse((sum, Reverse(at), left, state))) = trace.pending.pop() {
            let node = (at, state);
            let cost = sum - left;
            if trace.best[&node].0 < cost {
                continue;
            }
            if at == length && self.finals.contains(&self.lazy.markings[state as usize]) {
                self.nodes += trace.best.len();
                return Ok((units(cost), moves(&trace.best, node)));
            }
            if trace.best.len() > MOST_NODES {
                return Err(NetError::TooLarge { most: MOST_NODES });
            }
            if self.nodes + trace.best.len() > MOST_NODES_IN_ALL {
                return Err(NetError::TooMany {
                    most: MOST_NODES_IN_ALL,
                });
            }
            let event = path.get(at as usize).copied();
            let wanted = labels.get(at as usize).copied().flatten();
            if let Some(activity) = event {
                let log = Move::Log(activity);
                self.reach(&mut trace, (at + 1, state), cost + UNIT, Some((node, log)));
            }
            let steps = self.lazy.steps(state)?.to_vec();
            for (transition, to) in steps {
                let label = self.labels.of[transition as usize];
                if let (Some(activity), true) = (event, label.is_some() && label == wanted) {
                    let both = Move::Both(activity, transition);
                    self.reach(&mut trace, (at + 1, to), cost, Some((node, both)));
                }
                let (step, price) = match label {
                    None => (Move::Silent(transition), 1),
                    Some(_) => (Move::Model(transition), UNIT),
                };
                self.reach(&mut trace, (at, to), cost + price, Some((node, step)));
            }
        }
        Err(NetError::NoEnd)
    }

    fn reach(&mut self, trace: &mut Trace, to: Node, cost: Cost, by: Option<(Node, Move)>) {
        let known = trace.best.get(&to);
        if known.is_some_and(|(known, _)| *known <= cost) {
            return;
        }
        for marking in &self.lazy.markings[self.states.len()..] {
            let states = self.parts.iter().map(|part| part.state(marking));
            self.states.push(states.collect());
        }
        let Some(left) = trace
            .estimate
            .left(to.0 as usize, &self.states[to.1 as usize])
        else {
            return;
        };
        trace.best.insert(to, (cost, by));
        trace
            .pending
            .push(Reverse((cost + left, Reverse(to.0), left, to.1)));
    }
}

/// The search for one trace.
struct Trace {
    estimate: Estimate,
    best: Best,
    pending: Pending,
}

fn moves(best: &Best, mut node: Node) -> Vec<Move> {
    let mut moves = Vec::new();
    while let Some((before, step)) = best[&node].1 {
        moves.push(step);
        node = before;
    }
    moves.reverse();
    moves
}
