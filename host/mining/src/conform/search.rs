//! Alignments over nets whose markings are too many to be listed: only those are looked at that a cheap
//! alignment may pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::align::Move;
use super::lazy::Lazy;
use super::states::{Marking, NetError, marking};
use crate::log::Activity;
use crate::net::{PetriNet, TransitionId};

/// The most places of the search that are looked at for one trace.
const MOST_NODES: usize = 1 << 20;
/// As in [`costs`](super::costs).
const UNIT: u64 = super::costs::UNIT;

/// A net that is searched for alignments.
#[derive(Debug)]
pub(super) struct Search<'net> {
    lazy: Lazy<'net>,
    finals: Vec<Marking>,
}

/// A place of the search: events that are explained, and the marking.
type Node = (u32, u32);
/// Of each place: the least cost so far, and the move that it came by.
type Best = FxHashMap<Node, (u64, Option<(Node, Move)>)>;

impl<'net> Search<'net> {
    pub(super) fn new(net: &'net PetriNet) -> Self {
        Self {
            lazy: Lazy::new(net),
            finals: net
                .finals
                .iter()
                .map(|tokens| marking(net, tokens))
                .collect(),
        }
    }

    /// The cheapest alignment of a path: its cost and its moves.
    pub(super) fn align(
        &mut self,
        path: &[Activity],
        label_of: impl Fn(TransitionId) -> Option<u32>,
        label_of_activity: &[Option<u32>],
    ) -> Result<(u64, Vec<Move>), NetError> {
        let mut best: Best = FxHashMap::default();
        // Of equal costs, what explains more events comes first.
        let mut pending: BinaryHeap<Reverse<(u64, Reverse<u32>, u32)>> = BinaryHeap::new();
        let first: Node = (0, 0);
        best.insert(first, (0, None));
        pending.push(Reverse((0, Reverse(0), 0)));
        let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
        while let Some(Reverse((cost, Reverse(at), state))) = pending.pop() {
            let node = (at, state);
            if best[&node].0 < cost {
                continue;
            }
            if at == length && self.finals.contains(&self.lazy.markings[state as usize]) {
                return Ok((cost / UNIT, moves(&best, node)));
            }
            if best.len() > MOST_NODES {
                return Err(NetError::TooLarge { most: MOST_NODES });
            }
            let event = path.get(at as usize).copied();
            let wanted = event.and_then(|activity| label_of_activity[activity as usize]);
            let mut reach = |to: Node, cost: u64, step: Move| {
                let known = best.get(&to).map(|(known, _)| *known);
                if known.is_none_or(|known| cost < known) {
                    best.insert(to, (cost, Some((node, step))));
                    pending.push(Reverse((cost, Reverse(to.0), to.1)));
                }
            };
            if let Some(activity) = event {
                reach((at + 1, state), cost + UNIT, Move::Log(activity));
            }
            for (transition, to) in self.lazy.steps(state)?.iter().copied() {
                match (label_of(transition), event) {
                    (None, _) => reach((at, to), cost + 1, Move::Silent(transition)),
                    (Some(label), Some(activity)) if Some(label) == wanted => {
                        reach((at + 1, to), cost, Move::Both(activity, transition));
                        reach((at, to), cost + UNIT, Move::Model(transition));
                    }
                    _ => reach((at, to), cost + UNIT, Move::Model(transition)),
                }
            }
        }
        Err(NetError::NoEnd)
    }
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
