//! What is left to deviate, at least, from each marking and each event of one trace on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::components::Component;
use super::costs::{Cost, UNIT};

/// The most costs that are held for one trace.
const MOST_CELLS: usize = 1 << 23;

/// A part with its steps in the order in which they are used: backwards.
#[derive(Debug)]
pub(super) struct Backwards {
    part: Component,
    /// Of each state: where steps to it come from, and what they cost without an event.
    before: Vec<Vec<(u32, Cost)>>,
    /// Of each label: from and to.
    with_label: Vec<Vec<(u32, u32)>>,
}

impl Backwards {
    pub(super) fn new(part: Component) -> Self {
        let mut before = vec![Vec::new(); part.places.len()];
        let mut with_label = vec![Vec::new(); part.owns.len()];
        for step in &part.steps {
            let price = match step.label {
                Some(label) if part.owns[label as usize] => UNIT,
                Some(_) => 0,
                None => Cost::from(step.counts),
            };
            before[step.to as usize].push((step.from, price));
            if let Some(label) = step.label {
                with_label[label as usize].push((step.from, step.to));
            }
        }
        Self {
            part,
            before,
            with_label,
        }
    }

    /// The state of the part in a marking.
    pub(super) fn state(&self, marking: &[u32]) -> u32 {
        let held = |place: &u32| marking[*place as usize] > 0;
        let state = self.part.places.iter().position(held);
        state
            .and_then(|state| u32::try_from(state).ok())
            .unwrap_or(self.part.start)
    }

    /// What is left from each event on, the last row first.
    fn rows(&self, path: &[Option<u32>]) -> Vec<Cost> {
        let states = self.part.places.len();
        let mut rows = vec![Cost::MAX; states * (path.len() + 1)];
        let mut pending: BinaryHeap<Reverse<(Cost, u32)>> = BinaryHeap::new();
        for end in &self.part.ends {
            rows[*end as usize] = 0;
            pending.push(Reverse((0, *end)));
        }
        self.settle(&mut pending, &mut rows[..states]);
        for (row, label) in (1..).zip(path.iter().rev()) {
            let (done, rest) = rows.split_at_mut(row * states);
            let (after, now) = (&done[(row - 1) * states..], &mut rest[..states]);
            // An event that the net does not know at all is counted once, outside all parts.
            let owned = label.is_some_and(|label| {
                self.part.owns[label as usize] && !self.part.elsewhere[label as usize]
            });
            let alone = if owned { UNIT } else { 0 };
            for (now, after) in now.iter_mut().zip(after) {
                *now = after.saturating_add(alone);
            }
            if let Some(label) = label {
                for (from, to) in &self.with_label[*label as usize] {
                    if after[*to as usize] < now[*from as usize] {
                        now[*from as usize] = after[*to as usize];
                        pending.push(Reverse((after[*to as usize], *from)));
                    }
                }
                self.settle(&mut pending, now);
            }
        }
        rows
    }

    fn settle(&self, pending: &mut BinaryHeap<Reverse<(Cost, u32)>>, row: &mut [Cost]) {
        while let Some(Reverse((cost, state))) = pending.pop() {
            if cost > row[state as usize] {
                continue;
            }
            for (from, price) in &self.before[state as usize] {
                let reached = cost + price;
                if reached < row[*from as usize] {
                    row[*from as usize] = reached;
                    pending.push(Reverse((reached, *from)));
                }
            }
        }
    }
}

/// The estimates for one trace.
#[derive(Debug)]
pub(super) struct Estimate {
    /// Of each part that there was room for: states, and rows of costs, the last first.
    parts: Vec<(usize, Vec<Cost>)>,
    /// Events that the net does not know, from each event on.
    unknown: Vec<Cost>,
}

impl Estimate {
    pub(super) fn new(parts: &[Backwards], path: &[Option<u32>]) -> Self {
        let mut room = MOST_CELLS;
        let mut tables = Vec::new();
        for part in parts {
            let states = part.part.places.len();
            let Some(left) = room.checked_sub(states * (path.len() + 1)) else {
                break;
            };
            room = left;
            tables.push((states, part.rows(path)));
        }
        let mut unknown = vec![0; path.len() + 1];
        for at in (0..path.len()).rev() {
            unknown[at] = unknown[at + 1] + if path[at].is_none() { UNIT } else { 0 };
        }
        Self {
            parts: tables,
            unknown,
        }
    }

    /// The least that is left from an event on, with each part in a state; nothing where the net cannot end.
    pub(super) fn left(&self, at: usize, states: &[u32]) -> Option<Cost> {
        let row = self.unknown.len() - 1 - at;
        let mut sum = self.unknown[at];
        for ((width, rows), state) in self.parts.iter().zip(states) {
            let cost = rows[row * width + *state as usize];
            if cost == Cost::MAX {
                return None;
            }
            sum += cost;
        }
        Some(sum)
    }
}
