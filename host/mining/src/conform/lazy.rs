//! The markings of a net, found as they are needed.

use rustc_hash::FxHashMap;

use super::states::{MOST_TRIED, Marking, NetError, enabled_after, marking};
use crate::net::{PetriNet, TransitionId};

/// The most markings that are remembered.
const MOST_MARKINGS: usize = 1 << 18;
/// The most numbers of tokens that are remembered: markings of nets with many places are large.
const MOST_TOKENS: usize = 1 << 25;

/// Markings by number, and what leads from one to another, once it was asked for.
#[derive(Debug)]
pub(super) struct Lazy<'net> {
    pub(super) net: &'net PetriNet,
    pub(super) markings: Vec<Marking>,
    numbers: FxHashMap<Marking, u32>,
    steps: Vec<Option<Vec<(TransitionId, u32)>>>,
    /// Of how many it was looked for what leads from them.
    #[cfg(test)]
    pub(super) explored: usize,
}

impl<'net> Lazy<'net> {
    /// The initial marking alone; its number is 0.
    pub(super) fn new(net: &'net PetriNet) -> Self {
        let mut lazy = Self {
            net,
            markings: Vec::new(),
            numbers: FxHashMap::default(),
            steps: Vec::new(),
            #[cfg(test)]
            explored: 0,
        };
        lazy.number(marking(net, &net.initial));
        lazy
    }

    fn number(&mut self, marking: Marking) -> u32 {
        if let Some(number) = self.numbers.get(&marking) {
            return *number;
        }
        let number = u32::try_from(self.markings.len()).unwrap_or(u32::MAX);
        self.numbers.insert(marking.clone(), number);
        self.markings.push(marking);
        self.steps.push(None);
        number
    }

    /// What leads from a marking.
    pub(super) fn steps(&mut self, from: u32) -> Result<&[(TransitionId, u32)], NetError> {
        if self.steps[from as usize].is_none() {
            let most = MOST_MARKINGS
                .min(MOST_TOKENS / self.net.places.len().max(1))
                .min(MOST_TRIED / self.net.transitions.len().max(1));
            if self.markings.len() > most {
                return Err(NetError::TooLarge { most });
            }
            #[cfg(test)]
            {
                self.explored += 1;
            }
            let reached = enabled_after(self.net, &self.markings[from as usize]);
            let steps = reached
                .into_iter()
                .map(|(transition, marking)| (transition, self.number(marking)))
                .collect();
            self.steps[from as usize] = Some(steps);
        }
        Ok(self.steps[from as usize].as_deref().unwrap_or_default())
    }
}
