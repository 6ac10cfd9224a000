//! Parts of a net that hold exactly one token at all times: small automata that the net moves through in step.
//!
//! Whatever the whole net does, each of them does its share. The deviations that a part cannot avoid by itself
//! are therefore deviations of the whole, and as long as no activity counts in two parts, they add up: that is
//! the estimate by which [`Search`](super::search::Search) finds its way through nets with more markings than
//! can be listed. Branches side by side are parts of their own, so that for most nets the estimate is exact.

use super::states::Labels;
use crate::net::{PetriNet, PlaceId, Tokens, TransitionId};

/// The most parts that are looked for.
const MOST_COMPONENTS: usize = 256;
/// The most places that are tried for one part, dead ends included.
const MOST_TRIES: usize = 1 << 12;
/// The most places that are tried for all parts together.
const MOST_TRIES_IN_ALL: usize = 1 << 18;

/// A part that holds one token.
#[derive(Debug)]
pub(super) struct Component {
    /// In ascending order; a state of the part is an index into it.
    pub(super) places: Vec<PlaceId>,
    pub(super) steps: Vec<LocalStep>,
    /// Whether deviations of a label count here, by label.
    pub(super) owns: Vec<bool>,
    /// Whether a label has a transition that does not touch this part, by label.
    pub(super) elsewhere: Vec<bool>,
    /// The states that a final marking has its token in.
    pub(super) ends: Vec<u32>,
    pub(super) start: u32,
}

/// What a transition does to the token of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalStep {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) label: Option<u32>,
    /// Whether a silent transition is counted here.
    pub(super) counts: bool,
}

/// Finds parts that together touch as many transitions as can be, and shares the activities out among them.
pub(super) fn components(net: &PetriNet, labels: &Labels) -> Vec<Component> {
    let found = found(net);
    let count = labels.len();
    let touched: Vec<Vec<bool>> = found.iter().map(|places| touched(net, places)).collect();
    let mut owner_of_label: Vec<Option<usize>> = vec![None; count];
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut order = Vec::new();
    // The part with the most activities takes them all, so that what depends on one another stays together.
    loop {
        let gain = |part: &usize| {
            let mut mine = vec![false; count];
            for (transition, _) in touched[*part].iter().enumerate().filter(|(_, is)| **is) {
                if let Some(label) = labels.of[transition] {
                    mine[label as usize] |= owner_of_label[label as usize].is_none();
                }
            }
            mine.iter().filter(|mine| **mine).count()
        };
        let Some((gained, place)) = left
            .iter()
            .enumerate()
            .map(|(place, part)| (gain(part), place))
            .max_by_key(|(gained, place)| (*gained, std::cmp::Reverse(*place)))
        else {
            break;
        };
        if gained == 0 {
            order.append(&mut left);
            break;
        }
        let part = left.swap_remove(place);
        order.push(part);
        for (transition, _) in touched[part].iter().enumerate().filter(|(_, is)| **is) {
            if let Some(label) = labels.of[transition] {
                owner_of_label[label as usize].get_or_insert(part);
            }
        }
    }
    let mut counted = vec![false; net.transitions.len()];
    order
        .into_iter()
        .map(|part| {
            let owns = owner_of_label
                .iter()
                .map(|owner| *owner == Some(part))
                .collect();
            component(net, labels, &found[part], owns, &mut counted)
        })
        .filter(|part| part.owns.contains(&true) || part.steps.iter().any(|step| step.counts))
        .collect()
}

fn touched(net: &PetriNet, places: &[PlaceId]) -> Vec<bool> {
    let touches = |(place, _): &(PlaceId, u32)| places.binary_search(place).is_ok();
    net.transitions
        .iter()
        .map(|transition| transition.inputs.iter().any(touches))
        .collect()
}

fn component(
    net: &PetriNet,
    labels: &Labels,
    places: &[PlaceId],
    owns: Vec<bool>,
    counted: &mut [bool],
) -> Component {
    let local = |tokens: &Tokens| {
        let mut states = tokens
            .iter()
            .filter(|(_, count)| *count == 1)
            .filter_map(|(place, _)| places.binary_search(place).ok())
            .filter_map(|place| u32::try_from(place).ok());
        states.next().filter(|_| states.next().is_none())
    };
    let mut steps = Vec::new();
    let mut elsewhere = vec![false; labels.len()];
    for (index, transition) in net.transitions.iter().enumerate() {
        let label = labels.of[index];
        match (local(&transition.inputs), local(&transition.outputs)) {
            (Some(from), Some(to)) => {
                let counts = label.is_none() && !std::mem::replace(&mut counted[index], true);
                steps.push(LocalStep {
                    from,
                    to,
                    label,
                    counts,
                });
            }
            _ => {
                if let Some(label) = label {
                    elsewhere[label as usize] = true;
                }
            }
        }
    }
    Component {
        places: places.to_vec(),
        steps,
        owns,
        elsewhere,
        ends: net.finals.iter().filter_map(local).collect(),
        start: local(&net.initial).unwrap_or(0),
    }
}

/// The places of each part that was found.
fn found(net: &PetriNet) -> Vec<Vec<PlaceId>> {
    let mut growing = Growing::new(net);
    let mut reached = vec![false; net.transitions.len()];
    let mut tries = MOST_TRIES_IN_ALL;
    let mut found: Vec<Vec<PlaceId>> = Vec::new();
    // Activities first: they are what deviations are counted in.
    let mut order: Vec<usize> = (0..net.transitions.len()).collect();
    order.sort_by_key(|transition| net.transitions[*transition].label.is_none());
    for transition in order {
        if reached[transition] || found.len() >= MOST_COMPONENTS {
            continue;
        }
        for (place, _) in &net.transitions[transition].inputs {
            if let Some(places) = growing.from(*place, &mut tries) {
                let touched = touched(net, &places);
                for (reached, touched) in reached.iter_mut().zip(touched) {
                    *reached |= touched;
                }
                found.push(places);
                break;
            }
        }
    }
    found
}

/// Search for one part: places are added until each transition that touches it takes one token from it and
/// gives one back.
struct Growing<'net> {
    net: &'net PetriNet,
    /// The transitions at each place.
    at: Vec<Vec<TransitionId>>,
    initial: Vec<u32>,
    inside: Vec<bool>,
    /// Of each transition: arcs from the part, and to it.
    taken: Vec<u32>,
    given: Vec<u32>,
    /// Whether a part that was found before has the place.
    covered: Vec<bool>,
}

/// A choice of places, to come back to.
struct Choice {
    /// Places that were there before.
    held: usize,
    /// How far places were looked at.
    looked: usize,
    candidates: Vec<PlaceId>,
}

impl<'net> Growing<'net> {
    fn new(net: &'net PetriNet) -> Self {
        let places = net.places.len();
        let mut at = vec![Vec::new(); places];
        for (id, transition) in (0..).zip(&net.transitions) {
            for (place, _) in transition.inputs.iter().chain(&transition.outputs) {
                let list: &mut Vec<TransitionId> = &mut at[*place as usize];
                if list.last() != Some(&id) {
                    list.push(id);
                }
            }
        }
        let mut initial = vec![0; places];
        for (place, count) in &net.initial {
            initial[*place as usize] = *count;
        }
        Self {
            net,
            at,
            initial,
            inside: vec![false; places],
            taken: vec![0; net.transitions.len()],
            given: vec![0; net.transitions.len()],
            covered: vec![false; places],
        }
    }

    fn from(&mut self, seed: PlaceId, tries: &mut usize) -> Option<Vec<PlaceId>> {
        let mut held: Vec<PlaceId> = Vec::new();
        let mut choices = vec![Choice {
            held: 0,
            looked: 0,
            candidates: vec![seed],
        }];
        let most = MOST_TRIES.min(*tries);
        let mut tried = 0;
        let mut found = None;
        while let Some(choice) = choices.last_mut() {
            for place in held.drain(choice.held..) {
                Self::put(
                    self.net,
                    &self.at,
                    place,
                    false,
                    &mut self.taken,
                    &mut self.given,
                );
                self.inside[place as usize] = false;
            }
            let Some(place) = choice.candidates.pop() else {
                choices.pop();
                continue;
            };
            tried += 1;
            if tried > most {
                break;
            }
            let mut looked = choice.looked;
            Self::put(
                self.net,
                &self.at,
                place,
                true,
                &mut self.taken,
                &mut self.given,
            );
            self.inside[place as usize] = true;
            held.push(place);
            if !self.is_possible(&held) {
                continue;
            }
            match self.next_choice(&held, &mut looked) {
                Some(candidates) => choices.push(Choice {
                    held: held.len(),
                    looked,
                    candidates,
                }),
                None if self.tokens(&held) == 1 => {
                    found = Some(held.clone());
                    break;
                }
                None => {}
            }
        }
        *tries -= tried.min(*tries);
        for place in held {
            Self::put(
                self.net,
                &self.at,
                place,
                false,
                &mut self.taken,
                &mut self.given,
            );
            self.inside[place as usize] = false;
        }
        let mut found = found?;
        found.sort_unstable();
        for place in &found {
            self.covered[*place as usize] = true;
        }
        Some(found)
    }

    /// Counts the arcs of a place in or out.
    fn put(
        net: &PetriNet,
        at: &[Vec<TransitionId>],
        place: PlaceId,
        is_in: bool,
        taken: &mut [u32],
        given: &mut [u32],
    ) {
        for id in &at[place as usize] {
            let transition = &net.transitions[*id as usize];
            let weight = |tokens: &Tokens| {
                let arc = tokens.iter().find(|(other, _)| *other == place);
                arc.map_or(0, |(_, weight)| (*weight).min(2))
            };
            for (count, weight) in [
                (&mut taken[*id as usize], weight(&transition.inputs)),
                (&mut given[*id as usize], weight(&transition.outputs)),
            ] {
                *count = if is_in {
                    *count + weight
                } else {
                    *count - weight
                };
            }
        }
    }

    fn tokens(&self, held: &[PlaceId]) -> u32 {
        held.iter()
            .map(|place| self.initial[*place as usize].min(2))
            .sum()
    }

    /// Whether the last place leaves each transition with one token at most to take and to give.
    fn is_possible(&self, held: &[PlaceId]) -> bool {
        let last = held
            .last()
            .map_or(&[][..], |place| &self.at[*place as usize]);
        self.tokens(held) <= 1
            && last
                .iter()
                .all(|id| self.taken[*id as usize] <= 1 && self.given[*id as usize] <= 1)
    }

    /// Places of which one must come in next, the best last; none when nothing is missing.
    fn next_choice(&self, held: &[PlaceId], looked: &mut usize) -> Option<Vec<PlaceId>> {
        while let Some(place) = held.get(*looked) {
            for id in &self.at[*place as usize] {
                let transition = &self.net.transitions[*id as usize];
                let side = match (self.taken[*id as usize], self.given[*id as usize]) {
                    (0, 1) => &transition.inputs,
                    (1, 0) => &transition.outputs,
                    _ => continue,
                };
                let fits = |arc: &&(PlaceId, u32)| arc.1 == 1 && !self.inside[arc.0 as usize];
                let mut candidates: Vec<PlaceId> =
                    side.iter().filter(fits).map(|(place, _)| *place).collect();
                candidates.sort_by_key(|place| !self.covered[*place as usize]);
                return Some(candidates);
            }
            *looked += 1;
        }
        None
    }
}
