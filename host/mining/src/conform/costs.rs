//! How cheaply each state can be reached after a beginning of a trace: one row of costs per prefix.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::states::{State, States};

/// A cost: deviations times [`UNIT`], and silent transitions. Of the alignments with the fewest
/// deviations it is one with the fewest silent transitions that is found.
pub(super) type Cost = u64;

/// One deviation. No shortest way has as many silent transitions.
pub(super) const UNIT: Cost = 1 << 24;

/// For each state, the cheapest way there.
pub(super) type Row = Box<[Cost]>;

pub(super) fn units(cost: Cost) -> u64 {
    cost / UNIT
}

/// The row before any event.
pub(super) fn first(states: &States, scratch: &mut Scratch) -> Row {
    let mut row = vec![Cost::MAX; states.len()].into_boxed_slice();
    row[states.initial as usize] = 0;
    scratch.pending.push(Reverse((0, states.initial)));
    scratch.settle(states, &mut row);
    row
}

/// The row after one more event, with a label that the net may not know.
///
/// The event is a move of the log alone, at one unit wherever the net is; or it is one with a transition of
/// its label. What is cheaper by the latter then makes moves of the model alone.
pub(super) fn after(
    states: &States,
    before: &Row,
    label: Option<u32>,
    scratch: &mut Scratch,
) -> Row {
    let mut row: Row = before
        .iter()
        .map(|cost| cost.saturating_add(UNIT))
        .collect();
    if let Some(label) = label {
        for step in states.with_label(label) {
            let cost = before[step.from as usize];
            if cost < row[step.to as usize] {
                row[step.to as usize] = cost;
                scratch.pending.push(Reverse((cost, step.to)));
            }
        }
        scratch.settle(states, &mut row);
    }
    row
}

/// What is used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pending: BinaryHeap<Reverse<(Cost, State)>>,
}

impl Scratch {
    /// Moves of the model from everything that became cheaper.
    fn settle(&mut self, states: &States, row: &mut Row) {
        while let Some(Reverse((cost, state))) = self.pending.pop() {
            if cost > row[state as usize] {
                continue;
            }
            for step in states.from(state) {
                let price = if states.is_silent(step) { 1 } else { UNIT };
                let reached = cost + price;
                if reached < row[step.to as usize] {
                    row[step.to as usize] = reached;
                    self.pending.push(Reverse((reached, step.to)));
                }
            }
        }
    }
}
