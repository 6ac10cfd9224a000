//! How few deviations lead to each state after a beginning of a trace, for cases that go on: as
//! [`costs`](super::costs), without the silent transitions that an alignment counts as well. Costs are then small
//! whole numbers, and states are settled level by level, without a heap.

use super::states::{State, States};

/// For each state, the fewest deviations on a way there.
pub(super) type Row = Box<[u32]>;

/// The moves of a net, as close together as they can lie.
#[derive(Debug)]
pub(super) struct Moves {
    /// Where the moves from each state begin, and behind the last of them.
    starts: Box<[u32]>,
    /// Where each leads, and what it costs as a move of the model alone.
    moves: Box<[(State, u32)]>,
    /// From where to where each label leads.
    of_label: Vec<Vec<(State, State)>>,
    /// States to be settled, by deviations beyond the fewest. Empty between uses.
    levels: Vec<Vec<State>>,
}

impl Moves {
    pub(super) fn of(states: &States) -> Self {
        let count = State::try_from(states.len()).unwrap_or(State::MAX);
        let (mut starts, mut moves) = (Vec::with_capacity(states.len() + 1), Vec::new());
        for state in 0..count {
            starts.push(u32::try_from(moves.len()).unwrap_or(u32::MAX));
            let from = states.from(state).iter();
            moves.extend(from.map(|step| (step.to, u32::from(!states.is_silent(step)))));
        }
        starts.push(u32::try_from(moves.len()).unwrap_or(u32::MAX));
        let of_label = states.labels.all().map(|label| {
            let steps = states.with_label(label);
            steps.map(|step| (step.from, step.to)).collect()
        });
        Self {
            of_label: of_label.collect(),
            starts: starts.into(),
            moves: moves.into(),
            levels: Vec::new(),
        }
    }

    /// The row before any event.
    pub(super) fn first(&mut self, states: &States) -> Row {
        let mut row = vec![u32::MAX; states.len()].into_boxed_slice();
        row[states.initial as usize] = 0;
        self.put(0, states.initial);
        self.settle(&mut row, 0);
        row
    }

    /// The row after one more event, with a label that the net may not know: a move of the log alone, at one
    /// deviation wherever the net is, or one with a transition of its label; and then moves of the model.
    pub(super) fn after(&mut self, before: &Row, label: Option<u32>) -> Row {
        let mut row: Row = before.iter().map(|cost| cost.saturating_add(1)).collect();
        let Some(label) = label else {
            return row;
        };
        let of_label = std::mem::take(&mut self.of_label[label as usize]);
        let from = of_label.iter().map(|(from, _)| before[*from as usize]);
        if let Some(least) = from.min() {
            for (from, to) in &of_label {
                let cost = before[*from as usize];
                if cost < row[*to as usize] {
                    row[*to as usize] = cost;
                    self.put(cost - least, *to);
                }
            }
            self.settle(&mut row, least);
        }
        self.of_label[label as usize] = of_label;
        row
    }

    fn put(&mut self, level: u32, state: State) {
        let level = level as usize;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(state);
    }

    /// Moves of the model from everything that became cheaper. `least` is the cost of level 0.
    fn settle(&mut self, row: &mut Row, least: u32) {
        let mut level = 0;
        while level < self.levels.len() {
            let cost = least + u32::try_from(level).unwrap_or(u32::MAX);
            let mut here = std::mem::take(&mut self.levels[level]);
            let mut dearer = self
                .levels
                .get_mut(level + 1)
                .map(std::mem::take)
                .unwrap_or_default();
            while let Some(state) = here.pop() {
                // It was settled at a lower level since it was put here.
                if row[state as usize] < cost {
                    continue;
                }
                let state = state as usize;
                let moves = self.starts[state] as usize..self.starts[state + 1] as usize;
                for (to, price) in &self.moves[moves] {
                    let reached = cost + price;
                    if reached < row[*to as usize] {
                        row[*to as usize] = reached;
                        if *price == 0 { &mut here } else { &mut dearer }.push(*to);
                    }
                }
            }
            // Both rooms are used again.
            self.levels[level] = here;
            if level + 1 < self.levels.len() {
                self.levels[level + 1] = dearer;
            } else if !dearer.is_empty() {
                self.levels.push(dearer);
            }
            level += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::costs::{self, Scratch};
    use super::super::states::States;
    use super::Moves;
    use crate::discover::{Operator, Tree};
    use crate::net::PetriNet;

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![1 => Just(Tree::Silent), 5 => (0_u32..5).prop_map(Tree::Activity)];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let operator = prop_oneof![
                Just(Operator::Sequence),
                Just(Operator::Choice),
                Just(Operator::Parallel),
                Just(Operator::Loop)
            ];
            (operator, proptest::collection::vec(inner, 2..=3))
                .prop_map(|(operator, parts)| Tree::Node(operator, parts))
        })
    }

    proptest! {
        /// Whatever happens in whatever net: the deviations are those of the costs that alignments go by.
        #[test]
        fn each_state_costs_what_alignments_say(
            tree in tree(),
            trace in proptest::collection::vec(proptest::option::of(0_u32..5), 0..12),
        ) {
            let names: Vec<Box<str>> = ["a", "b", "c", "d", "e"].map(Into::into).to_vec();
            let states = States::of(&PetriNet::of_tree(&tree, &names), 1 << 12).expect("a sound net");
            let (mut moves, mut scratch) = (Moves::of(&states), Scratch::default());
            let mut dear = costs::first(&states, &mut scratch);
            let mut row = moves.first(&states);
            for activity in trace {
                let label = activity.and_then(|one| states.labels.number(&names[one as usize]));
                dear = costs::after(&states, &dear, label, &mut scratch);
                row = moves.after(&row, label);
                let units: Vec<u64> = dear.iter().map(|cost| costs::units(*cost)).collect();
                let found: Vec<u64> = row.iter().map(|cost| u64::from(*cost)).collect();
                prop_assert_eq!(found, units);
            }
        }
    }
}
