//! Fewer places and silent transitions, for the same language.

use super::{PetriNet, PlaceId, Tokens, Transition, tokens};

impl PetriNet {
    /// The net without silent transitions that only move a token on from a place that it cannot leave
    /// otherwise, or to a place that it cannot reach otherwise: such two places are one.
    #[must_use]
    pub(super) fn reduced(mut self) -> Self {
        while let Some((transition, gone, kept)) = self.fusion() {
            self.transitions.remove(transition);
            for transition in &mut self.transitions {
                replace(&mut transition.inputs, gone, kept);
                replace(&mut transition.outputs, gone, kept);
            }
            replace(&mut self.initial, gone, kept);
            self.finals
                .iter_mut()
                .for_each(|tokens| replace(tokens, gone, kept));
            self.remove(gone);
        }
        for (number, transition) in self.transitions.iter_mut().enumerate() {
            let kind = if transition.label.is_some() {
                "t"
            } else {
                "tau"
            };
            transition.name = format!("{kind}{number}");
        }
        self
    }

    /// A transition that can go, the place that goes with it, and the one that stands for both.
    fn fusion(&self) -> Option<(usize, PlaceId, PlaceId)> {
        let holds =
            |tokens: &[(PlaceId, u32)], place: PlaceId| tokens.iter().any(|(id, _)| *id == place);
        let is_final = |place| self.finals.iter().any(|tokens| holds(tokens, place));
        self.transitions
            .iter()
            .enumerate()
            .find_map(|(index, transition)| {
                let (Transition { label: None, .. }, [(from, 1)], [(to, 1)]) =
                    (transition, &transition.inputs[..], &transition.outputs[..])
                else {
                    return None;
                };
                let (from, to) = (*from, *to);
                let others = || {
                    let others = self.transitions.iter().enumerate();
                    others
                        .filter(|(other, _)| *other != index)
                        .map(|(_, other)| other)
                };
                let leaves_only_here = !others().any(|other| holds(&other.inputs, from));
                let enters_only_here = !others().any(|other| holds(&other.outputs, to));
                // A case begins where nothing comes back to and ends where nothing leaves from, as in every
                // workflow net.
                let begins = holds(&self.initial, from);
                let ends = is_final(to);
                if (begins && (ends || !enters_only_here)) || (ends && !leaves_only_here) {
                    return None;
                }
                if from == to || (leaves_only_here && !is_final(from)) {
                    Some((index, from, to))
                } else if enters_only_here && !holds(&self.initial, to) && !is_final(from) {
                    Some((index, to, from))
                } else {
                    None
                }
            })
    }

    fn remove(&mut self, gone: PlaceId) {
        // A transition from a place to itself takes no place with it.
        let used = |tokens: &Tokens| tokens.iter().any(|(place, _)| *place == gone);
        let still = self
            .transitions
            .iter()
            .any(|other| used(&other.inputs) || used(&other.outputs));
        if still || used(&self.initial) || self.finals.iter().any(used) {
            return;
        }
        self.places.remove(gone as usize);
        let lower = |tokens: &mut Tokens| {
            for (place, _) in tokens {
                *place -= PlaceId::from(*place > gone);
            }
        };
        for transition in &mut self.transitions {
            lower(&mut transition.inputs);
            lower(&mut transition.outputs);
        }
        lower(&mut self.initial);
        self.finals.iter_mut().for_each(lower);
    }
}

fn replace(list: &mut Tokens, gone: PlaceId, kept: PlaceId) {
    let all = std::mem::take(list);
    *list = tokens(
        all.into_iter()
            .map(|(place, count)| (if place == gone { kept } else { place }, count)),
    );
}
