//! ETC precision (Muñoz-Gama, Carmona 2010): how much the net allows, after each beginning of a trace, that
//! never happens there.
//!
//! What it allows is taken over every way in which it can have come so far, silent transitions included. Where a
//! tool follows one way alone, it finds less allowed, and another number.

use rustc_hash::{FxHashMap, FxHashSet};

use super::lazy::Lazy;
use super::states::{Labels, NetError};
use crate::log::{Activity, Variants};
use crate::net::PetriNet;

/// What precision is made of.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Precision {
    /// From 0 to 1: 1 where the net allows nothing else than what happens.
    pub precision: f64,
    /// Activities allowed, over all beginnings, each as often as it occurs.
    pub allowed: u64,
    /// Those among them that never happen there.
    pub escaping: u64,
}

/// What an activity that the net does not know means for the beginning of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// Nothing: it is passed over, as token replay does.
    PassedOver,
    /// The net does not accept it, nor what comes after it; as alignments have it.
    NotAccepted,
}

/// The precision of a net for a log, over those beginnings of traces that the net accepts.
///
/// # Errors
/// When more markings would have to be looked at than is bearable; see [`NetError`].
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
pub fn precision(
    net: &PetriNet,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precision, NetError> {
    let net_labels = Labels::new(net);
    let labels = net_labels.of_activities(variants);
    let mut sets = Sets::new(net, &net_labels);
    let mut tree = PrefixTree::new(variants);
    let (mut allowed, mut escaping) = (0, 0);
    let first = sets.closed(vec![0])?;
    let mut pending: Vec<(usize, usize)> = vec![(0, first)];
    while let Some((node, set)) = pending.pop() {
        let Node { count, next } = std::mem::take(&mut tree.nodes[node]);
        let seen: FxHashSet<u32> = next
            .iter()
            .filter_map(|(activity, _)| labels[*activity as usize])
            .collect();
        // The end of a trace is no activity: a beginning that nothing follows says nothing.
        if count > 0 {
            let enabled = sets.enabled(set)?;
            let unseen = enabled.iter().filter(|label| !seen.contains(label)).count();
            allowed += count * enabled.len() as u64;
            escaping += count * unseen as u64;
        }
        for (activity, child) in next {
            let after = match (labels[activity as usize], unknown) {
                (Some(label), _) => sets.after(set, label)?,
                (None, Unknown::PassedOver) => Some(set),
                (None, Unknown::NotAccepted) => None,
            };
            if let Some(after) = after {
                pending.push((child, after));
            }
        }
    }
    let precision = if allowed == 0 {
        1.0
    } else {
        1.0 - escaping as f64 / allowed as f64
    };
    Ok(Precision {
        precision,
        allowed,
        escaping,
    })
}

/// Beginnings of traces.
struct PrefixTree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// How often the beginning goes on.
    count: u64,
    next: Vec<(Activity, usize)>,
}

impl PrefixTree {
    fn new(variants: &Variants) -> Self {
        let mut nodes = vec![Node::default()];
        for variant in &variants.list {
            let mut at = 0;
            for activity in &variant.path {
                nodes[at].count += variant.count;
                let known = nodes[at].next.iter().find(|(next, _)| next == activity);
                at = match known {
                    Some((_, child)) => *child,
                    None => {
                        let child = nodes.len();
                        nodes[at].next.push((*activity, child));
                        nodes.push(Node::default());
                        child
                    }
                };
            }
        }
        Self { nodes }
    }
}

/// Sets of markings that a net can be in, each kept once.
struct Sets<'net> {
    lazy: Lazy<'net>,
    labels: &'net Labels,
    sets: Vec<Box<[u32]>>,
    numbers: FxHashMap<Box<[u32]>, usize>,
    after: FxHashMap<(usize, u32), Option<usize>>,
    enabled: FxHashMap<usize, Box<[u32]>>,
}

impl<'net> Sets<'net> {
    fn new(net: &'net PetriNet, labels: &'net Labels) -> Self {
        Self {
            lazy: Lazy::new(net),
            labels,
            sets: Vec::new(),
            numbers: FxHashMap::default(),
            after: FxHashMap::default(),
            enabled: FxHashMap::default(),
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
        }
        let mut set: Vec<u32> = seen.into_iter().collect();
        set.sort_unstable();
        let set: Box<[u32]> = set.into();
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        self.sets.push(set.clone());
        self.numbers.insert(set, self.sets.len() - 1);
        Ok(self.sets.len() - 1)
    }

    fn after(&mut self, set: usize, label: u32) -> Result<Option<usize>, NetError> {
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

    fn enabled(&mut self, set: usize) -> Result<&[u32], NetError> {
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
        Ok(&self.enabled[&set])
    }
}
