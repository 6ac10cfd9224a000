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
use super::estimate::{Backwards, Estimate, Goal};
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
    pub(super) parts: Vec<Backwards>,
    /// Of each marking that was met: the state of each part.
    states: Vec<Box<[u32]>>,
    nodes: usize,
}

/// What is told of an event, and its label, if the net has it.
type Event = (Activity, Option<u32>);
/// A place of the search: events that are explained, and the marking.
type Node = (u32, u32);
/// Of each place: the least cost so far, and the move that it came by.
type Best = FxHashMap<Node, (Cost, Option<(Node, Move)>)>;
/// What is looked at next: the fewest deviations so far and to come; of equal ones, what explains more events;
/// of these, what has the fewest silent transitions too, and of these, what has least to come. Silent transitions
/// come after events, since orders of them are many and to find the fewest of all would take all of them; the
/// deviations alone must be the fewest.
type Pending = BinaryHeap<Reverse<(u64, Reverse<u32>, Cost, Cost, u32)>>;

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
        let events: Vec<Event> = path
            .iter()
            .map(|activity| (*activity, label_of_activity[*activity as usize]))
            .collect();
        let (trace, node) = self.run(0, &events, Goal::End)?.ok_or(NetError::NoEnd)?;
        Ok((units(trace.best[&node].0), moves(&trace.best, node)))
    }

    /// A marking to which a path of labels leads from another one, with silent transitions before each of
    /// them; nothing where there is none.
    pub(super) fn follow(&mut self, from: u32, path: &[u32]) -> Result<Option<u32>, NetError> {
        let events: Vec<Event> = path.iter().map(|label| (*label, Some(*label))).collect();
        let found = self.run(from, &events, Goal::AllEventsFit)?;
        Ok(found.map(|(_, (_, marking))| marking))
    }

    fn run(
        &mut self,
        from: u32,
        events: &[Event],
        goal: Goal,
    ) -> Result<Option<(Trace, Node)>, NetError> {
        let labels: Vec<Option<u32>> = events.iter().map(|(_, label)| *label).collect();
        let mut trace = Trace {
            estimate: Estimate::new(&self.parts, &labels, goal),
            best: FxHashMap::default(),
            pending: BinaryHeap::new(),
        };
        self.reach(&mut trace, (0, from), 0, None);
        let length = u32::try_from(events.len()).unwrap_or(u32::MAX);
        while let Some(Reverse((_, Reverse(at), sum, left, state))) = trace.pending.pop() {
            let node = (at, state);
            let cost = sum - left;
            if trace.best[&node].0 < cost {
                continue;
            }
            if at == length && self.is_goal(state, goal) {
                self.nodes += trace.best.len();
                return Ok(Some((trace, node)));
            }
            if trace.best.len() > MOST_NODES {
                return Err(NetError::TooMany { most: MOST_NODES });
            }
            if self.nodes + trace.best.len() > MOST_NODES_IN_ALL {
                return Err(NetError::TooMany {
                    most: MOST_NODES_IN_ALL,
                });
            }
            self.expand(&mut trace, node, cost, events.get(at as usize), goal)?;
        }
        self.nodes += trace.best.len();
        Ok(None)
    }

    fn is_goal(&self, state: u32, goal: Goal) -> bool {
        goal == Goal::AllEventsFit || self.finals.contains(&self.lazy.markings[state as usize])
    }

    fn expand(
        &mut self,
        trace: &mut Trace,
        node: Node,
        cost: Cost,
        event: Option<&Event>,
        goal: Goal,
    ) -> Result<(), NetError> {
        let (at, state) = node;
        let may_deviate = goal == Goal::End;
        if let (Some((activity, _)), true) = (event, may_deviate) {
            let log = Move::Log(*activity);
            self.reach(trace, (at + 1, state), cost + UNIT, Some((node, log)));
        }
        let steps = self.lazy.steps(state)?.to_vec();
        for (transition, to) in steps {
            let label = self.labels.of[transition as usize];
            if let Some((activity, wanted)) = event
                && label.is_some()
                && label == *wanted
            {
                let both = Move::Both(*activity, transition);
                self.reach(trace, (at + 1, to), cost, Some((node, both)));
            }
            if label.is_none() {
                let silent = Move::Silent(transition);
                self.reach(trace, (at, to), cost + 1, Some((node, silent)));
            } else if may_deviate {
                let model = Move::Model(transition);
                self.reach(trace, (at, to), cost + UNIT, Some((node, model)));
            }
        }
        Ok(())
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
        let sum = cost + left;
        let next = (units(sum), Reverse(to.0), sum, left, to.1);
        trace.pending.push(Reverse(next));
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
