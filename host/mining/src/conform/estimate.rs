//! What is left to deviate, at least, from each marking and each event of one trace on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::components::Component;
use super::costs::{Cost, UNIT};

/// The most costs that are held for one trace.
const MOST_CELLS: usize = 1 << 23;

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// An end of the net after all events, with the fewest deviations.
    End,
    /// All events, without any deviation, wherever that leads.
    AllEventsFit,
}

/// A part with its steps in the order in which they are used: backwards.
#[derive(Debug)]
pub(super) struct Backwards {
    part: Component,
    /// Of each state: where steps to it come from, and what they cost without an event.
    before: Vec<Vec<(u32, Cost)>>,
    /// The same, of silent steps alone.
    silently_before: Vec<Vec<(u32, Cost)>>,
    /// Of each label: from and to.
    with_label: Vec<Vec<(u32, u32)>>,
}

impl Backwards {
    pub(super) fn new(part: Component) -> Self {
        let mut before = vec![Vec::new(); part.places.len()];
        let mut silently_before = before.clone();
        let mut with_label = vec![Vec::new(); part.owns.len()];
        for step in &part.steps {
            let price = match step.label {
                Some(label) if part.owns[label as usize] => UNIT,
                Some(_) => 0,
                None => Cost::from(step.counts),
            };
            before[step.to as usize].push((step.from, price));
            match step.label {
                Some(label) => with_label[label as usize].push((step.from, step.to)),
                None => silently_before[step.to as usize].push((step.from, price)),
            }
        }
        Self {
            part,
            before,
            silently_before,
            with_label,
        }
    }

    /// The states that silent steps lead to from the state at the beginning, as flags.
    pub(super) fn first(&self) -> Box<[bool]> {
        let mut states = vec![false; self.part.places.len()].into_boxed_slice();
        states[self.part.start as usize] = true;
        self.close(&mut states);
        states
    }

    /// Whether one of the states, at most, allows a label.
    pub(super) fn allows(&self, states: &[bool], label: u32) -> bool {
        let mut steps = self.with_label[label as usize].iter();
        self.part.elsewhere[label as usize] || steps.any(|(from, _)| states[*from as usize])
    }

    /// The states that there can be after a label and silent steps.
    pub(super) fn after(&self, states: &[bool], label: u32) -> Box<[bool]> {
        let mut after: Box<[bool]> = if self.part.elsewhere[label as usize] {
            states.into()
        } else {
            vec![false; states.len()].into()
        };
        for (from, to) in &self.with_label[label as usize] {
            after[*to as usize] |= states[*from as usize];
        }
        self.close(&mut after);
        after
    }

    fn close(&self, states: &mut [bool]) {
        let mut changes = true;
        while std::mem::take(&mut changes) {
            for step in self.part.steps.iter().filter(|step| step.label.is_none()) {
                if states[step.from as usize] && !states[step.to as usize] {
                    states[step.to as usize] = true;
                    changes = true;
                }
            }
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
    fn rows(&self, path: &[Option<u32>], goal: Goal) -> Vec<Cost> {
        let states = self.part.places.len();
        let mut rows = vec![Cost::MAX; states * (path.len() + 1)];
        let mut pending: BinaryHeap<Reverse<(Cost, u32)>> = BinaryHeap::new();
        if goal == Goal::AllEventsFit {
            rows[..states].fill(0);
        } else {
            for end in &self.part.ends {
                rows[*end as usize] = 0;
                pending.push(Reverse((0, *end)));
            }
        }
        let before = match goal {
            Goal::End => &self.before,
            Goal::AllEventsFit => &self.silently_before,
        };
        settle(before, &mut pending, &mut rows[..states]);
        for (row, label) in (1..).zip(path.iter().rev()) {
            let (done, rest) = rows.split_at_mut(row * states);
            let (after, now) = (&done[(row - 1) * states..], &mut rest[..states]);
            let touches = |label: u32| !self.part.elsewhere[label as usize];
            let alone = match (label, goal) {
                (Some(label), Goal::AllEventsFit) if touches(*label) => Cost::MAX,
                (Some(label), Goal::End) if touches(*label) && self.part.owns[*label as usize] => {
                    UNIT
                }
                // An event that the net does not know at all is counted once, outside all parts.
                _ => 0,
            };
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
                settle(before, &mut pending, now);
            }
        }
        rows
    }
}

fn settle(
    before: &[Vec<(u32, Cost)>],
    pending: &mut BinaryHeap<Reverse<(Cost, u32)>>,
    row: &mut [Cost],
) {
    while let Some(Reverse((cost, state))) = pending.pop() {
        if cost > row[state as usize] {
            continue;
        }
        for (from, price) in &before[state as usize] {
            let reached = cost + price;
            if reached < row[*from as usize] {
                row[*from as usize] = reached;
                pending.push(Reverse((reached, *from)));
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
    pub(super) fn new(parts: &[Backwards], path: &[Option<u32>], goal: Goal) -> Self {
        let mut room = MOST_CELLS;
        let mut tables = Vec::new();
        for part in parts {
            let states = part.part.places.len();
            let Some(left) = room.checked_sub(states * (path.len() + 1)) else {
                break;
            };
            room = left;
            tables.push((states, part.rows(path, goal)));
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
