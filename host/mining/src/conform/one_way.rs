//! What a net allows after labels, as other tools have it: over one way through its silent transitions.
//!
//! The net is where a way with the fewest silent transitions has led it. From there each silent transition is
//! tried once, depth first, in the marking in which it is first met; so what several enable together can be missed. PM4Py's precision goes this way, and to be held against it, so can ours.

use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::lazy::Lazy;
use super::precision::Follow;
use super::states::{Labels, NetError};
use crate::net::TransitionId;

/// The most markings that are looked at for one event.
const MOST_TO_LOOK_AT: usize = 1 << 14;

/// Markings in which the last label can have left the net, ascending, each with how many silent transitions
/// more than the fewest a way to it has. Ways that are longer now may be the only ones to go on.
type Place = Rc<[(u32, u32)]>;

/// One marking after the other.
pub(super) struct OneWay<'net, 'one> {
    lazy: &'one mut Lazy<'net>,
    labels: &'one Labels,
    /// The place of each transition in the order of names, in which those of one marking are tried.
    order: Vec<usize>,
    after: FxHashMap<(Place, u32), Option<Place>>,
    enabled: FxHashMap<u32, Vec<u32>>,
}

impl<'net, 'one> OneWay<'net, 'one> {
    pub(super) fn new(lazy: &'one mut Lazy<'net>, labels: &'one Labels) -> Self {
        let net = lazy.net;
        let mut named: Vec<usize> = (0..net.transitions.len()).collect();
        named.sort_by_key(|number| &net.transitions[*number].name);
        let mut order = vec![0; named.len()];
        for (place, number) in named.into_iter().enumerate() {
            order[number] = place;
        }
        Self {
            lazy,
            labels,
            order,
            after: FxHashMap::default(),
            enabled: FxHashMap::default(),
        }
    }

    fn steps(&mut self, from: u32) -> Result<Vec<(TransitionId, u32)>, NetError> {
        let mut steps = self.lazy.steps(from)?.to_vec();
        steps.sort_by_key(|(transition, _)| self.order[*transition as usize]);
        Ok(steps)
    }

    fn label(&self, transition: TransitionId) -> Option<u32> {
        self.labels.of[transition as usize]
    }

    /// Where silent transitions, and then the label, lead, each marking by its shortest way.
    fn follow(&mut self, from: &Place, label: u32) -> Result<Option<Place>, NetError> {
        let mut from: Vec<(u32, u32)> = from.to_vec();
        from.sort_by_key(|(_, silent)| *silent);
        let mut from = from.into_iter().peekable();
        let (mut seen, mut reached) = (FxHashSet::default(), FxHashMap::default());
        let mut pending: VecDeque<(u32, u32)> = VecDeque::new();
        // By ascending length: what begins further on joins when the others have come as far.
        loop {
            let next = match (pending.front(), from.peek()) {
                (Some((_, here)), Some((_, there))) if there < here => from.next(),
                (None, _) => from.next(),
                _ => pending.pop_front(),
            };
            let Some((marking, silent)) = next else {
                break;
            };
            if !seen.insert(marking) {
                continue;
            }
            for (transition, to) in self.steps(marking)? {
                match self.label(transition) {
                    None => pending.push_back((to, silent + 1)),
                    Some(found) if found == label => {
                        reached.entry(to).or_insert(silent);
                    }
                    Some(_) => {}
                }
            }
            if seen.len() > MOST_TO_LOOK_AT {
                let most = MOST_TO_LOOK_AT;
                return Err(NetError::TooLarge { most });
            }
        }
        let Some(least) = reached.values().min().copied() else {
            return Ok(None);
        };
        let reached = reached.into_iter();
        let mut place: Vec<(u32, u32)> = reached.map(|(to, silent)| (to, silent - least)).collect();
        place.sort_unstable();
        Ok(Some(place.into()))
    }

    fn allowed(&mut self, from: u32) -> Result<Vec<u32>, NetError> {
        let (mut tried, mut allowed) = (FxHashSet::default(), Vec::new());
        // Depth first: the last in is the first out, and the first of a marking's is put in last.
        let mut pending: Vec<(TransitionId, u32)> = self.steps(from)?;
        pending.reverse();
        while let Some((transition, to)) = pending.pop() {
            if !tried.insert(transition) {
                continue;
            }
            match self.label(transition) {
                Some(label) => allowed.push(label),
                None => pending.extend(self.steps(to)?.into_iter().rev()),
            }
        }
        allowed.sort_unstable();
        allowed.dedup();
        Ok(allowed)
    }
}

impl Follow for OneWay<'_, '_> {
    type Place = Place;

    fn first(&mut self) -> Result<Place, NetError> {
        Ok(Rc::new([(0, 0)]))
    }

    fn after(&mut self, place: &Place, label: u32) -> Result<Option<Place>, NetError> {
        let key = (place.clone(), label);
        if let Some(known) = self.after.get(&key) {
            return Ok(known.clone());
        }
        let after = self.follow(place, label)?;
        self.after.insert(key, after.clone());
        Ok(after)
    }

    fn enabled(&mut self, place: &Place) -> Result<Vec<u32>, NetError> {
        let shortest = place.iter().find(|(_, silent)| *silent == 0);
        let marking = shortest.map_or(0, |(marking, _)| *marking);
        if let Some(known) = self.enabled.get(&marking) {
            return Ok(known.clone());
        }
        let allowed = self.allowed(marking)?;
        self.enabled.insert(marking, allowed.clone());
        Ok(allowed)
    }
}
