//! Is a net sound: whatever happens in a case, it can end, it ends with nothing left over, and nothing in the net
//! is there for show (van der Aalst 1997).

use super::states::{MOST_STATES, Marking, NetError, Step, explore, marking, reaching};
use crate::net::{PetriNet, PlaceId, Tokens, Transition};

/// A reason for which a net is not sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsound {
    /// It is no workflow net: one place where each case begins, one where it ends, everything between the two.
    #[error("it is no workflow net: {why}")]
    NotWorkflow {
        /// What is otherwise.
        why: String,
    },
    /// Tokens can be made without end.
    #[error("it can put more and more tokens on place `{place}`")]
    Unbounded {
        /// One of the places that grow.
        place: String,
    },
    /// A case can come to where it cannot end.
    #[error("a case can come to {marking}, from where it cannot end")]
    Stuck {
        /// The first such marking that was found, as in `{a, 2 × b}`.
        marking: String,
    },
    /// A case can end with tokens left over.
    #[error("a case can end with tokens left over: {marking}")]
    LeftOver {
        /// The first such marking that was found.
        marking: String,
    },
    /// A transition can never happen.
    #[error("transition `{transition}` can never happen")]
    Dead {
        /// Its label, or its name if it is silent.
        transition: String,
    },
}

/// Every reason for which a net is not sound; none if it is.
///
/// A net that is unbounded is not explored further, so that other reasons may be missing.
///
/// # Errors
/// When the net has more markings than are looked at: then nothing is known.
pub fn soundness(net: &PetriNet) -> Result<Vec<Unsound>, NetError> {
    let mut reasons = Vec::new();
    if let Err(why) = workflow(net) {
        reasons.push(Unsound::NotWorkflow { why });
    }
    let (numbers, steps) = match explore(net, MOST_STATES) {
        Ok(explored) => explored,
        Err(NetError::Unbounded { place }) => {
            reasons.push(Unsound::Unbounded { place });
            return Ok(reasons);
        }
        Err(error) => return Err(error),
    };
    let mut markings: Vec<(&Marking, u32)> = numbers
        .iter()
        .map(|(marking, number)| (marking, *number))
        .collect();
    markings.sort_unstable_by_key(|(_, number)| *number);
    let finals: Vec<Marking> = net.finals.iter().map(|end| marking(net, end)).collect();
    let ends: Vec<u32> = finals
        .iter()
        .filter_map(|end| numbers.get(end).copied())
        .collect();
    let can_end = reaching(&steps, &ends, markings.len());
    if let Some(stuck) = can_end.iter().position(|can_end| !can_end) {
        reasons.push(Unsound::Stuck {
            marking: shown(net, markings[stuck].0),
        });
    }
    let is_more = |marking: &Marking| {
        finals.iter().any(|end| {
            let covers = end
                .iter()
                .zip(marking.iter())
                .all(|(end, there)| end <= there);
            covers && end != marking
        })
    };
    if let Some((marking, _)) = markings.iter().find(|(marking, _)| is_more(marking)) {
        reasons.push(Unsound::LeftOver {
            marking: shown(net, marking),
        });
    }
    reasons.extend(dead(net, &steps));
    Ok(reasons)
}

fn dead<'net>(net: &'net PetriNet, steps: &[Step]) -> impl Iterator<Item = Unsound> + 'net {
    let mut happens = vec![false; net.transitions.len()];
    for step in steps {
        happens[step.transition as usize] = true;
    }
    let dead = net.transitions.iter().zip(happens);
    dead.filter(|(_, happens)| !happens)
        .map(|(transition, _)| Unsound::Dead {
            transition: transition
                .label
                .as_ref()
                .unwrap_or(&transition.name)
                .clone(),
        })
}

/// Whether the net has the form of a workflow net, or why not.
fn workflow(net: &PetriNet) -> Result<(), String> {
    let single = |tokens: &Tokens, what: &str| match tokens[..] {
        [(place, 1)] => Ok(place),
        _ => Err(format!("its {what} marking is not one token in one place")),
    };
    let source = single(&net.initial, "initial")?;
    let [end] = &net.finals[..] else {
        return Err(format!("it has {} final markings", net.finals.len()));
    };
    let sink = single(end, "final")?;
    let name = |place: PlaceId| &net.places[place as usize].name;
    let holds = |tokens: &Tokens, place| tokens.iter().any(|(other, _)| *other == place);
    for transition in &net.transitions {
        if holds(&transition.outputs, source) {
            return Err(format!(
                "something enters its first place `{}`",
                name(source)
            ));
        }
        if holds(&transition.inputs, sink) {
            return Err(format!("something leaves its last place `{}`", name(sink)));
        }
    }
    let after = connected(net, source, |one| (&one.inputs, &one.outputs));
    let before = connected(net, sink, |one| (&one.outputs, &one.inputs));
    let apart = (0..).zip(&net.places).find(|(place, _)| {
        let place: usize = *place;
        !(after.0[place] && before.0[place])
    });
    if let Some((_, place)) = apart {
        return Err(format!("place `{}` lies on no way through it", place.name));
    }
    let apart = (net.transitions.iter().zip(after.1).zip(before.1))
        .find(|((_, after), before)| !(*after && *before));
    match apart {
        Some(((transition, _), _)) => Err(format!(
            "transition `{}` lies on no way through it",
            transition.label.as_ref().unwrap_or(&transition.name)
        )),
        None => Ok(()),
    }
}

/// The places and transitions that arcs lead to from a place.
fn connected(
    net: &PetriNet,
    from: PlaceId,
    sides: impl Fn(&Transition) -> (&Tokens, &Tokens),
) -> (Vec<bool>, Vec<bool>) {
    let mut places = vec![false; net.places.len()];
    let mut transitions = vec![false; net.transitions.len()];
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); net.places.len()];
    for (index, transition) in net.transitions.iter().enumerate() {
        for (place, _) in sides(transition).0 {
            next[*place as usize].push(index);
        }
    }
    let mut pending = vec![from];
    places[from as usize] = true;
    while let Some(place) = pending.pop() {
        for index in &next[place as usize] {
            if std::mem::replace(&mut transitions[*index], true) {
                continue;
            }
            for (reached, _) in sides(&net.transitions[*index]).1 {
                if !std::mem::replace(&mut places[*reached as usize], true) {
                    pending.push(*reached);
                }
            }
        }
    }
    (places, transitions)
}

/// A marking for people, as in `{a, 2 × b}`.
fn shown(net: &PetriNet, marking: &Marking) -> String {
    let held = net.places.iter().zip(marking.iter());
    let parts: Vec<String> = held
        .filter(|(_, count)| **count > 0)
        .map(|(place, count)| match count {
            1 => place.name.clone(),
            more => format!("{more} × {}", place.name),
        })
        .collect();
    format!("{{{}}}", parts.join(", "))
}
