//! From elements to a net: references are resolved, and what is not said is told from the net.

use rustc_hash::FxHashMap;

use super::Wrong;
use super::parse::{Raw, RawArc, RawNode};
use crate::net::{PetriNet, Place, PlaceId, Tokens, Transition, TransitionId, tokens};

/// The most references that stand for one another until a node comes.
const MOST_STEPS: usize = 64;

/// A place or a transition.
#[derive(Debug, Clone, Copy)]
enum Node {
    Place(PlaceId),
    Transition(TransitionId),
}

pub(super) fn build(raw: &Raw) -> Result<PetriNet, Wrong> {
    let nodes = nodes(raw)?;
    let mut net = PetriNet {
        name: raw
            .name
            .as_deref()
            .map_or(raw.id.as_str(), str::trim)
            .to_owned(),
        places: named_places(&raw.places),
        transitions: raw.transitions.iter().map(transition).collect(),
        ..PetriNet::default()
    };
    connect(&mut net, &raw.arcs, &nodes)?;
    net.initial = tokens((0..).zip(raw.places.iter().map(|place| place.tokens)));
    if net.initial.is_empty() {
        let inputs = |transition: &Transition| transition.outputs.clone();
        let only = only_place(&net, "initial marking", "enters", inputs);
        net.initial = only.map_err(|problem| (raw.offset, problem))?;
    }
    for marking in &raw.finals {
        let mut found = Vec::new();
        for one in marking {
            let Some(Node::Place(place)) = nodes.get(one.place.as_str()) else {
                return Err((one.offset, format!("there is no place `{}`", one.place)));
            };
            found.push((*place, one.count));
        }
        let found = tokens(found);
        if !found.is_empty() {
            net.finals.push(found);
        }
    }
    if net.finals.is_empty() {
        let outputs = |transition: &Transition| transition.inputs.clone();
        let only = only_place(&net, "final marking", "leaves", outputs);
        net.finals
            .push(only.map_err(|problem| (raw.offset, problem))?);
    }
    Ok(net)
}

/// What each id stands for.
fn nodes(raw: &Raw) -> Result<FxHashMap<&str, Node>, Wrong> {
    let mut nodes: FxHashMap<&str, Node> = FxHashMap::default();
    let places = (0..)
        .zip(&raw.places)
        .map(|(id, raw)| (Node::Place(id), raw));
    let transitions = (0..)
        .zip(&raw.transitions)
        .map(|(id, raw)| (Node::Transition(id), raw));
    for (node, RawNode { id, offset, .. }) in places.chain(transitions) {
        if nodes.insert(id, node).is_some() {
            return Err((*offset, format!("the id `{id}` is there twice")));
        }
    }
    let mut references: FxHashMap<&str, &str> = FxHashMap::default();
    for reference in &raw.references {
        let id = reference.id.as_str();
        if nodes.contains_key(id) || references.insert(id, &reference.to).is_some() {
            return Err((reference.offset, format!("the id `{id}` is there twice")));
        }
    }
    for reference in &raw.references {
        // A reference may stand for another one; those that stand for one another stand for nothing.
        let steps = std::iter::successors(Some(reference.to.as_str()), |to| {
            references.get(to).copied()
        });
        let node = steps.take(MOST_STEPS).find_map(|to| nodes.get(to).copied());
        let node = node.ok_or_else(|| {
            let problem = format!("a reference to `{}`, which is no node", reference.to);
            (reference.offset, problem)
        })?;
        nodes.insert(&reference.id, node);
    }
    Ok(nodes)
}

/// Places by their names, where these tell them apart; by their ids otherwise.
fn named_places(raw: &[RawNode]) -> Vec<Place> {
    let shown = |node: &RawNode| node.name.as_deref().unwrap_or_default().trim().to_owned();
    let mut times: FxHashMap<String, usize> = FxHashMap::default();
    for node in raw {
        *times.entry(shown(node)).or_default() += 1;
        *times.entry(node.id.clone()).or_default() += usize::from(shown(node) != node.id);
    }
    let name = |node: &RawNode| {
        let name = shown(node);
        let is_clear = !name.is_empty() && times.get(&name) == Some(&1);
        Place {
            name: if is_clear { name } else { node.id.clone() },
        }
    };
    raw.iter().map(name).collect()
}

fn transition(node: &RawNode) -> Transition {
    let label = node.name.as_deref().map(outer);
    Transition {
        name: node.id.clone(),
        // A transition without a name is silent, too: it has no activity to be.
        label: label
            .filter(|name| !name.trim().is_empty() && !node.invisible)
            .map(str::to_owned),
        inputs: Vec::new(),
        outputs: Vec::new(),
    }
}

/// A name without what was put around it to make the file look well: line breaks and what is beside them. An
/// activity may end with a space, and then its transition does.
fn outer(name: &str) -> &str {
    let trimmed = name.trim();
    let (before, after) = (name.len() - name.trim_start().len(), name.trim_end().len());
    if name[..before].contains('\n') || name[after..].contains('\n') {
        trimmed
    } else {
        name
    }
}

fn connect(
    net: &mut PetriNet,
    arcs: &[RawArc],
    nodes: &FxHashMap<&str, Node>,
) -> Result<(), Wrong> {
    for arc in arcs {
        let node = |id: &String| {
            let node = nodes.get(id.as_str()).copied();
            node.ok_or_else(|| (arc.offset, format!("an arc at `{id}`, which is not there")))
        };
        match (node(&arc.source)?, node(&arc.target)?) {
            (Node::Place(place), Node::Transition(to)) => {
                let inputs = &mut net.transitions[to as usize].inputs;
                inputs.push((place, arc.weight));
            }
            (Node::Transition(from), Node::Place(place)) => {
                let outputs = &mut net.transitions[from as usize].outputs;
                outputs.push((place, arc.weight));
            }
            _ => {
                let RawArc { source, target, .. } = arc;
                let problem = format!(
                    "an arc from `{source}` to `{target}`, expected one between a place and a transition"
                );
                return Err((arc.offset, problem));
            }
        }
    }
    for transition in &mut net.transitions {
        transition.inputs = tokens(std::mem::take(&mut transition.inputs));
        transition.outputs = tokens(std::mem::take(&mut transition.outputs));
    }
    Ok(())
}

/// One token in the only place that no transition enters, or leaves.
fn only_place(
    net: &PetriNet,
    what: &str,
    verb: &str,
    side: impl Fn(&Transition) -> Tokens,
) -> Result<Tokens, String> {
    let mut used = vec![false; net.places.len()];
    for (place, _) in net.transitions.iter().flat_map(side) {
        used[place as usize] = true;
    }
    let mut free = (0..).zip(&used).filter(|(_, used)| !**used);
    match (free.next(), free.count()) {
        (Some((place, _)), 0) => Ok(vec![(place, 1)]),
        (first, others) => Err(format!(
            "the net has no {what}, and {} places that nothing {verb}; expected one",
            usize::from(first.is_some()) + others
        )),
    }
}
