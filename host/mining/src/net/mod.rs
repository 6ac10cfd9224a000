//! Petri nets: places, transitions that may be silent, and where a case begins and ends.
//!
//! Nets come from process trees ([`PetriNet::of_tree`]), from alpha ([`PetriNet::of_alpha`]), from
//! heuristics nets ([`PetriNet::of_heuristics`]), from declared flows, and from PNML of any tool ([`read_pnml`]). [`write_pnml`] and [`PetriNet::dot`] give them to others.

use std::fmt::Write as _;

use serde::Serialize;

mod bpmn;
mod from_heuristics;
mod from_models;
mod pnml;
mod reduce;

pub use bpmn::{write_bpmn, write_bpmn_of_heuristics};
pub use from_models::Task;
pub use pnml::{PnmlError, read_pnml, write_pnml};

/// The index of a place.
pub type PlaceId = u32;
/// The index of a transition.
pub type TransitionId = u32;

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What it is called; unique in its net.
    pub name: String,
}

/// A transition with what it takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// What it is called; unique in its net.
    pub name: String,
    /// The activity; a silent transition has none.
    pub label: Option<String>,
    /// Places and the tokens taken from each, by place.
    pub inputs: Vec<(PlaceId, u32)>,
    /// Places and the tokens given to each, by place.
    pub outputs: Vec<(PlaceId, u32)>,
}

/// Tokens by place; places without one are left out, the others ascend.
pub type Tokens = Vec<(PlaceId, u32)>;

/// A Petri net with its beginning and its ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PetriNet {
    /// Its name.
    pub name: String,
    /// The places.
    pub places: Vec<Place>,
    /// The transitions.
    pub transitions: Vec<Transition>,
    /// Where each case begins.
    pub initial: Tokens,
    /// Where a case may end; most nets have one.
    pub finals: Vec<Tokens>,
}

impl PetriNet {
    /// Adds a place.
    ///
    /// # Panics
    /// Beyond four thousand million places.
    pub fn place(&mut self, name: impl Into<String>) -> PlaceId {
        let id = PlaceId::try_from(self.places.len()).expect("fewer places than 2^32");
        self.places.push(Place { name: name.into() });
        id
    }

    /// Adds a transition that takes and gives one token at each of the places; a place that is named twice
    /// has two.
    ///
    /// # Panics
    /// Beyond four thousand million transitions.
    pub fn transition(
        &mut self,
        name: impl Into<String>,
        label: Option<&str>,
        inputs: &[PlaceId],
        outputs: &[PlaceId],
    ) -> TransitionId {
        let id = TransitionId::try_from(self.transitions.len()).expect("fewer than 2^32");
        let weighted = |places: &[PlaceId]| tokens(places.iter().map(|place| (*place, 1)));
        self.transitions.push(Transition {
            name: name.into(),
            label: label.map(str::to_owned),
            inputs: weighted(inputs),
            outputs: weighted(outputs),
        });
        id
    }

    /// How many arcs there are.
    #[must_use]
    pub fn arcs(&self) -> usize {
        let of_one = |transition: &Transition| transition.inputs.len() + transition.outputs.len();
        self.transitions.iter().map(of_one).sum()
    }

    /// The net in the language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text =
            String::from("digraph net {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
        let has =
            |tokens: &Tokens, place: usize| tokens.iter().any(|(id, _)| *id as usize == place);
        for (index, place) in self.places.iter().enumerate() {
            let begins = has(&self.initial, index);
            let ends = self.finals.iter().any(|tokens| has(tokens, index));
            let shape = if ends { "doublecircle" } else { "circle" };
            let label = if begins { "●" } else { "" };
            let _ = writeln!(
                text,
                "  p{index} [shape={shape}, label=\"{label}\", tooltip={}];",
                quoted(&place.name)
            );
        }
        for (index, transition) in self.transitions.iter().enumerate() {
            let _ = match &transition.label {
                Some(label) => writeln!(text, "  t{index} [shape=box, label={}];", quoted(label)),
                None => writeln!(
                    text,
                    "  t{index} [shape=box, style=filled, fillcolor=black, label=\"\", width=0.1];"
                ),
            };
            let weight = |weight: u32| match weight {
                1 => String::new(),
                more => format!(" [label=\"{more}\"]"),
            };
            for (place, tokens) in &transition.inputs {
                let _ = writeln!(text, "  p{place} -> t{index}{};", weight(*tokens));
            }
            for (place, tokens) in &transition.outputs {
                let _ = writeln!(text, "  t{index} -> p{place}{};", weight(*tokens));
            }
        }
        text.push_str("}\n");
        text
    }
}

/// Tokens by place, those of one place added up, in ascending order.
pub(crate) fn tokens(all: impl IntoIterator<Item = (PlaceId, u32)>) -> Tokens {
    let mut tokens: Tokens = all.into_iter().filter(|(_, count)| *count > 0).collect();
    tokens.sort_unstable();
    tokens.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    tokens
}

/// A text as Graphviz quotes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            other if other.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
