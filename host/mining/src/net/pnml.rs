//! PNML (ISO/IEC 15909-2) of place/transition nets, as PM4Py, ProM and others write it.

use std::io::{self, Write};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use rustc_hash::FxHashMap;

use super::{PetriNet, Place, PlaceId, Tokens, Transition, TransitionId, tokens};

/// What ProM, PM4Py and others write for the activity of a silent transition.
const INVISIBLE: &str = "$invisible$";

/// Why a net could not be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PnmlError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

/// A net as its elements tell it, before references are resolved.
#[derive(Debug, Default)]
struct Raw {
    name: String,
    places: Vec<RawNode>,
    transitions: Vec<RawNode>,
    arcs: Vec<RawArc>,
    finals: Vec<Vec<(String, u32, usize)>>,
}

#[derive(Debug, Default)]
struct RawNode {
    id: String,
    name: Option<String>,
    tokens: u32,
    invisible: bool,
    offset: usize,
}

#[derive(Debug, Default)]
struct RawArc {
    source: String,
    target: String,
    weight: u32,
    offset: usize,
}

/// Reads the first net of a file.
///
/// Without `finalmarkings` a net with one place that nothing leaves ends there; without an
/// `initialMarking` a net with one place that nothing enters begins there.
///
/// # Errors
/// What is wrong, with its line: XML that is not well-formed, another root, references to nothing, a net
/// whose beginning or end cannot be told.
pub fn read_pnml(text: &str) -> Result<PetriNet, PnmlError> {
    let mut parser = Parser {
        raw: Raw::default(),
        path: Vec::new(),
        offset: 0,
        seen: false,
    };
    let built = parser.run(text).and_then(|()| parser.raw.build());
    built.map_err(|(offset, problem)| PnmlError {
        line: text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64
            + 1,
        problem,
    })
}

type Wrong = (usize, String);

struct Parser {
    raw: Raw,
    /// The names of the open elements.
    path: Vec<String>,
    offset: usize,
    /// Whether a net was seen; only the first is read.
    seen: bool,
}

impl Parser {
    fn run(&mut self, text: &str) -> Result<(), Wrong> {
        let mut xml = Reader::from_str(text);
        loop {
            self.offset = usize::try_from(xml.buffer_position()).unwrap_or(usize::MAX);
            let event = xml
                .read_event()
                .map_err(|error| (self.offset, format!("not well-formed: {error}")))?;
            match event {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let reference = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&reference)
                        .map_err(|error| (self.offset, format!("not well-formed: {error}")))?
                        .into_owned();
                    self.text(&text)?;
                }
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::Eof => break,
                _ => {}
            }
        }
        if let Some(open) = self.path.last() {
            return Err((self.offset, format!("the file ends within <{open}>")));
        }
        if !self.seen {
            return Err((self.offset, "found no <net> within <pnml>".to_owned()));
        }
        Ok(())
    }

    fn within(&self, name: &str) -> bool {
        self.path.iter().any(|open| open == name)
    }

    fn parent(&self, up: usize) -> &str {
        let place = self.path.len().checked_sub(up + 1);
        place.map_or("", |place| &self.path[place])
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Wrong> {
        let name = tag.local_name().into_inner().to_owned();
        if self.path.is_empty() && name != "pnml" {
            return Err((self.offset, format!("found <{name}>, expected <pnml>")));
        }
        let offset = self.offset;
        let attribute = |key: &str| -> Result<Option<String>, Wrong> {
            for attribute in tag.attributes() {
                let attribute =
                    attribute.map_err(|error| (offset, format!("not well-formed: {error}")))?;
                if attribute.key.into_inner() == key {
                    let value = attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .map_err(|error| (offset, format!("not well-formed: {error}")))?;
                    return Ok(Some(value.into_owned()));
                }
            }
            Ok(None)
        };
        let required =
            |key: &str| attribute(key)?.ok_or_else(|| (offset, format!("<{name}> has no `{key}`")));
        match name.as_str() {
            "net" => {
                if self.seen {
                    return Err((offset, "found a second <net>, expected one".to_owned()));
                }
                self.seen = true;
                self.raw.name = attribute("id")?.unwrap_or_default();
            }
            "place" if self.within("finalmarkings") => {
                let marking = self.raw.finals.last_mut();
                let idref = required("idref")?;
                if let Some(marking) = marking {
                    marking.push((idref, 1, offset));
                }
            }
            "marking" if self.within("finalmarkings") => self.raw.finals.push(Vec::new()),
            "place" | "transition" if self.within("net") => {
                let node = RawNode {
                    id: required("id")?,
                    offset,
                    ..RawNode::default()
                };
                match name.as_str() {
                    "place" => self.raw.places.push(node),
                    _ => self.raw.transitions.push(node),
                }
            }
            "arc" if self.within("net") => self.raw.arcs.push(RawArc {
                source: required("source")?,
                target: required("target")?,
                weight: 1,
                offset,
            }),
            "toolspecific" if self.parent(0) == "transition" => {
                if attribute("activity")?.as_deref() == Some(INVISIBLE)
                    && let Some(transition) = self.raw.transitions.last_mut()
                {
                    transition.invisible = true;
                }
            }
            _ => {}
        }
        self.path.push(name);
        Ok(())
    }

    fn end(&mut self) {
        self.path.pop();
    }

    fn text(&mut self, text: &str) -> Result<(), Wrong> {
        let offset = self.offset;
        let number = |most: u32| -> Result<u32, Wrong> {
            let trimmed = text.trim();
            // CPN-like tools write `Default,1`.
            let last = trimmed.rsplit(',').next().unwrap_or(trimmed).trim();
            let number = last.parse::<u32>().ok().filter(|number| *number <= most);
            number.ok_or_else(|| {
                (
                    offset,
                    format!("found `{trimmed}`, expected a number of at most {most}"),
                )
            })
        };
        if text.trim().is_empty() || self.parent(0) != "text" {
            return Ok(());
        }
        match (self.parent(1), self.parent(2)) {
            ("name", "place") if !self.within("finalmarkings") => {
                append(self.raw.places.last_mut(), text);
            }
            ("name", "transition") => append(self.raw.transitions.last_mut(), text),
            ("name", "net") => text.trim().clone_into(&mut self.raw.name),
            ("initialMarking", "place") => {
                let number = number(1 << 20)?;
                if let Some(place) = self.raw.places.last_mut() {
                    place.tokens = number;
                }
            }
            ("inscription", "arc") => {
                let number = number(1 << 20)?;
                if let Some(arc) = self.raw.arcs.last_mut() {
                    arc.weight = number;
                }
            }
            ("place", "marking") => {
                let number = number(1 << 20)?;
                if let Some((_, tokens, _)) =
                    self.raw.finals.last_mut().and_then(|last| last.last_mut())
                {
                    *tokens = number;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Text comes in pieces where it holds entities.
fn append(node: Option<&mut RawNode>, text: &str) {
    if let Some(node) = node {
        node.name.get_or_insert_default().push_str(text);
    }
}

impl Raw {
    fn build(self) -> Result<PetriNet, Wrong> {
        let mut places: FxHashMap<String, PlaceId> = FxHashMap::default();
        let mut transitions: FxHashMap<String, TransitionId> = FxHashMap::default();
        let mut net = PetriNet {
            name: self.name,
            ..PetriNet::default()
        };
        let mut initial = Vec::new();
        let twice = |node: &RawNode| (node.offset, format!("the id `{}` is there twice", node.id));
        for (id, node) in (0..).zip(&self.places) {
            if places.insert(node.id.clone(), id).is_some() {
                return Err(twice(node));
            }
            initial.push((id, node.tokens));
            net.places.push(Place {
                name: node.id.clone(),
            });
        }
        for (id, node) in (0..).zip(&self.transitions) {
            if places.contains_key(&node.id) || transitions.insert(node.id.clone(), id).is_some() {
                return Err(twice(node));
            }
            let label = node
                .name
                .as_deref()
                .map(str::trim)
                .filter(|name| !name.is_empty());
            net.transitions.push(Transition {
                name: node.id.clone(),
                // A transition without a name is silent, too: it has no activity to be.
                label: label.filter(|_| !node.invisible).map(str::to_owned),
                inputs: Vec::new(),
                outputs: Vec::new(),
            });
        }
        for arc in &self.arcs {
            let ends = (
                places.get(&arc.source),
                transitions.get(&arc.source),
                places.get(&arc.target),
                transitions.get(&arc.target),
            );
            match ends {
                (Some(place), None, None, Some(to)) => {
                    net.transitions[*to as usize]
                        .inputs
                        .push((*place, arc.weight));
                }
                (None, Some(from), Some(place), None) => {
                    net.transitions[*from as usize]
                        .outputs
                        .push((*place, arc.weight));
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
        net.initial = tokens(initial);
        if net.initial.is_empty() {
            net.initial = only_place(&net, "initial marking", "enters", |transition| {
                &transition.outputs
            })?;
        }
        for marking in &self.finals {
            let mut found = Vec::new();
            for (id, count, offset) in marking {
                let place = places.get(id);
                let place = place.ok_or_else(|| (*offset, format!("there is no place `{id}`")))?;
                found.push((*place, *count));
            }
            let found = tokens(found);
            if !found.is_empty() {
                net.finals.push(found);
            }
        }
        if net.finals.is_empty() {
            let only = only_place(&net, "final marking", "leaves", |transition| {
                &transition.inputs
            })?;
            net.finals.push(only);
        }
        Ok(net)
    }
}

/// One token in the only place that no transition enters, or leaves.
fn only_place(
    net: &PetriNet,
    what: &str,
    verb: &str,
    side: impl Fn(&Transition) -> &[(PlaceId, u32)],
) -> Result<Tokens, Wrong> {
    let mut used = vec![false; net.places.len()];
    for (place, _) in net.transitions.iter().flat_map(&side) {
        used[*place as usize] = true;
    }
    let free: Vec<usize> = (0..used.len()).filter(|place| !used[*place]).collect();
    match free[..] {
        [place] => Ok(vec![(PlaceId::try_from(place).unwrap_or(PlaceId::MAX), 1)]),
        _ => Err((
            0,
            format!(
                "the net has no {what}, and {} places that nothing {verb}; expected one",
                free.len()
            ),
        )),
    }
}

/// Writes a net as PM4Py and ProM read it.
///
/// # Errors
/// When the sink fails.
pub fn write_pnml<W: Write>(mut sink: W, net: &PetriNet) -> io::Result<()> {
    let escape = |text: &str| quick_xml::escape::escape(clean(text)).into_owned();
    let name = if net.name.is_empty() {
        "net"
    } else {
        &net.name
    };
    writeln!(sink, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(sink, "<pnml>")?;
    writeln!(
        sink,
        "  <net id=\"net1\" type=\"http://www.pnml.org/version-2009/grammar/pnmlcoremodel\">"
    )?;
    writeln!(sink, "    <name><text>{}</text></name>", escape(name))?;
    writeln!(sink, "    <page id=\"n0\">")?;
    for (id, place) in net.places.iter().enumerate() {
        write!(
            sink,
            "      <place id=\"p{id}\"><name><text>{}</text></name>",
            escape(&place.name)
        )?;
        let tokens = net
            .initial
            .iter()
            .find(|(initial, _)| *initial as usize == id);
        if let Some((_, tokens)) = tokens {
            write!(
                sink,
                "<initialMarking><text>{tokens}</text></initialMarking>"
            )?;
        }
        writeln!(sink, "</place>")?;
    }
    for (id, transition) in net.transitions.iter().enumerate() {
        let shown = transition.label.as_ref().unwrap_or(&transition.name);
        write!(
            sink,
            "      <transition id=\"t{id}\"><name><text>{}</text></name>",
            escape(shown)
        )?;
        if transition.label.is_none() {
            write!(
                sink,
                "<toolspecific tool=\"ProM\" version=\"6.4\" activity=\"{INVISIBLE}\" localNodeID=\"t{id}\"/>"
            )?;
        }
        writeln!(sink, "</transition>")?;
    }
    let mut number = 0;
    for (id, transition) in net.transitions.iter().enumerate() {
        let inputs = transition
            .inputs
            .iter()
            .map(|(place, weight)| (format!("p{place}"), format!("t{id}"), weight));
        let outputs = transition
            .outputs
            .iter()
            .map(|(place, weight)| (format!("t{id}"), format!("p{place}"), weight));
        for (source, target, weight) in inputs.chain(outputs) {
            writeln!(
                sink,
                "      <arc id=\"a{number}\" source=\"{source}\" target=\"{target}\"><inscription><text>{weight}</text></inscription></arc>"
            )?;
            number += 1;
        }
    }
    writeln!(sink, "    </page>")?;
    writeln!(sink, "    <finalmarkings>")?;
    for marking in &net.finals {
        write!(sink, "      <marking>")?;
        for (place, tokens) in marking {
            write!(
                sink,
                "<place idref=\"p{place}\"><text>{tokens}</text></place>"
            )?;
        }
        writeln!(sink, "</marking>")?;
    }
    writeln!(sink, "    </finalmarkings>")?;
    writeln!(sink, "  </net>")?;
    writeln!(sink, "</pnml>")?;
    sink.flush()
}

/// Without the characters that XML cannot hold.
fn clean(text: &str) -> String {
    let held = |character: char| {
        if matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        }
    };
    text.chars().map(held).collect()
}
