//! Sets of markings: everywhere that a net can be after some events.

use rustc_hash::{FxHashMap, FxHashSet};

use super::lazy::Lazy;
use super::precision::Follow;
use super::states::{Labels, NetError};

/// The most markings in one set, and in all sets together.
const MOST_MEMBERS: usize = 1 << 15;
const MOST_MEMBERS_IN_ALL: usize = 1 << 21;

/// Sets of markings that a net can be in, each kept once.
pub(super) struct Sets<'net, 'one> {
    lazy: &'one mut Lazy<'net>,
    labels: &'one Labels,
    sets: Vec<Box<[u32]>>,
    numbers: FxHashMap<Box<[u32]>, usize>,
    after: FxHashMap<(usize, u32), Option<usize>>,
    enabled: FxHashMap<usize, Box<[u32]>>,
    members: usize,
}

impl<'net, 'one> Sets<'net, 'one> {
    pub(super) fn new(lazy: &'one mut Lazy<'net>, labels: &'one Labels) -> Self {
        Self {
            lazy,
            labels,
            sets: Vec::new(),
            numbers: FxHashMap::default(),
            after: FxHashMap::default(),
            enabled: FxHashMap::default(),
            members: 0,
        }
    }

    /// The set of what silent transitions reach, too.
    fn closed(&mut self, from: Vec<u32>) -> Result<usize, NetError> {
        let mut seen: FxHashSet<u32> = from.iter().copied().collect();
        let mut pending = from;
        while let Some(marking) = pending.pop() {
            for (transition, to) in self.lazy.steps(marking)? {
                if self.labels.of[*transition as usize].is_none() && seen.insert(*to) {
                    pending.push(*to);
                }
            }
            if seen.len() > MOST_MEMBERS || self.members > MOST_MEMBERS_IN_ALL {
                return Err(NetError::TooLarge { most: MOST_MEMBERS });
            }
        }
        let mut set: Vec<u32> = seen.into_iter().collect();
        set.sort_unstable();
        let set: Box<[u32]> = set.into();
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        self.members += set.len();
        self.sets.push(set.clone());
        self.numbers.insert(set, self.sets.len() - 1);
        Ok(self.sets.len() - 1)
    }

    fn reached(&mut self, set: usize, label: u32) -> Result<Option<usize>, NetError> {
        if let Some(known) = self.after.get(&(set, label)) {
            return Ok(*known);
        }
        let mut reached = Vec::new();
        for marking in &self.sets[set] {
            let steps = self.lazy.steps(*marking)?.iter();
            let fitting =
                steps.filter(|(transition, _)| self.labels.of[*transition as usize] == Some(label));
            reached.extend(fitting.map(|(_, to)| *to));
        }
        let after = if reached.is_empty() {
            None
        } else {
            Some(self.closed(reached)?)
        };
        self.after.insert((set, label), after);
        Ok(after)
    }
}

impl Follow for Sets<'_, '_> {
    type Place = usize;

    fn first(&mut self) -> Result<usize, NetError> {
        self.closed(vec![0])
    }

    fn after(&mut self, set: &usize, label: u32) -> Result<Option<usize>, NetError> {
        self.reached(*set, label)
    }

    fn enabled(&mut self, set: &usize) -> Result<Vec<u32>, NetError> {
        let set = *set;
        if !self.enabled.contains_key(&set) {
            let mut enabled = Vec::new();
            for marking in &self.sets[set] {
                let steps = self.lazy.steps(*marking)?.iter();
                enabled.extend(
                    steps.filter_map(|(transition, _)| self.labels.of[*transition as usize]),
                );
            }
            enabled.sort_unstable();
            enabled.dedup();
            self.enabled.insert(set, enabled.into());
        }
        Ok(self.enabled[&set].to_vec())
    }
}
