//! PNML in: which elements count, and what they say.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{INVISIBLE, Wrong};

/// The most tokens at once, and the highest weight of an arc.
const MOST_TOKENS: u32 = 1 << 20;
/// The most elements within one another.
const MOST_DEPTH: usize = 64;

/// A net as its elements tell it, before references are resolved.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) places: Vec<RawNode>,
    pub(super) transitions: Vec<RawNode>,
    /// Stand-ins for nodes of other pages: their ids, and those that they stand for.
    pub(super) references: Vec<RawReference>,
    pub(super) arcs: Vec<RawArc>,
    pub(super) finals: Vec<Vec<RawTokens>>,
    /// Where the net begins.
    pub(super) offset: usize,
}

#[derive(Debug, Default)]
pub(super) struct RawNode {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) tokens: u32,
    pub(super) invisible: bool,
    pub(super) offset: usize,
}

#[derive(Debug)]
pub(super) struct RawReference {
    pub(super) id: String,
    pub(super) to: String,
    pub(super) offset: usize,
}

#[derive(Debug)]
pub(super) struct RawArc {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) weight: u32,
    pub(super) offset: usize,
}

/// Tokens of a final marking.
#[derive(Debug)]
pub(super) struct RawTokens {
    pub(super) place: String,
    pub(super) count: u32,
    pub(super) offset: usize,
}

struct Parser {
    raw: Raw,
    /// The names of the open elements.
    path: Vec<String>,
    /// Where the element or text is that is looked at.
    offset: usize,
    /// Whether a net was seen.
    seen: bool,
}

pub(super) fn parse(text: &str) -> Result<Raw, Wrong> {
    let mut parser = Parser {
        raw: Raw::default(),
        path: Vec::new(),
        offset: 0,
        seen: false,
    };
    parser.run(text)?;
    Ok(parser.raw)
}

impl Parser {
    fn run(&mut self, text: &str) -> Result<(), Wrong> {
        let mut xml = Reader::from_str(text);
        let position = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        loop {
            self.offset = position(xml.buffer_position());
            let event = xml.read_event().map_err(|error| {
                let problem = format!("not well-formed: {error}");
                (position(xml.error_position()), problem)
            })?;
            match event {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.path.pop();
                }
                Event::End(_) => {
                    self.path.pop();
                }
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
        if self.path.len() >= MOST_DEPTH {
            let problem = format!("more than {MOST_DEPTH} elements within one another");
            return Err((self.offset, problem));
        }
        if !self.within("toolspecific") {
            self.element(&name, tag)?;
        }
        self.path.push(name);
        Ok(())
    }

    fn element(&mut self, name: &str, tag: &BytesStart<'_>) -> Result<(), Wrong> {
        let offset = self.offset;
        let optional = |key: &str| attribute(tag, key, offset);
        let required =
            |key: &str| optional(key)?.ok_or_else(|| (offset, format!("<{name}> has no `{key}`")));
        match name {
            "net" => {
                let kind = optional("type")?;
                self.net(optional("id")?, kind.as_deref().unwrap_or_default())?;
            }
            "place" if self.within("finalmarkings") => {
                let place = required("idref")?;
                if let Some(marking) = self.raw.finals.last_mut() {
                    marking.push(RawTokens {
                        place,
                        count: 1,
                        offset,
                    });
                }
            }
            "marking" if self.within("finalmarkings") => self.raw.finals.push(Vec::new()),
            "place" | "transition" if self.within("net") => {
                let node = RawNode {
                    id: required("id")?,
                    offset,
                    ..RawNode::default()
                };
                match name {
                    "place" => self.raw.places.push(node),
                    _ => self.raw.transitions.push(node),
                }
            }
            "referencePlace" | "referenceTransition" => self.raw.references.push(RawReference {
                id: required("id")?,
                to: required("ref")?,
                offset,
            }),
            "arc" if self.within("net") => self.raw.arcs.push(RawArc {
                source: required("source")?,
                target: required("target")?,
                weight: 1,
                offset,
            }),
            "type" | "arctype" if self.parent(0) == "arc" => {
                if let Some(kind) = optional("value")? {
                    self.kind_of_arc(&kind)?;
                }
            }
            "toolspecific" if self.parent(0) == "transition" => {
                if optional("activity")?.as_deref() == Some(INVISIBLE)
                    && let Some(transition) = self.raw.transitions.last_mut()
                {
                    transition.invisible = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn net(&mut self, id: Option<String>, kind: &str) -> Result<(), Wrong> {
        if self.seen {
            let problem = "found a second <net>, expected one";
            return Err((self.offset, problem.to_owned()));
        }
        // Tokens of these have values, on which it depends what a transition may do.
        let coloured = [
            "highlevel",
            "symmetricnet",
            "pt-hlpng",
            "hlcore",
            "coloured",
        ];
        let lower = kind.to_ascii_lowercase();
        if coloured.iter().any(|coloured| lower.contains(coloured)) {
            let problem = format!("found a net of type `{kind}`, expected a place/transition net");
            return Err((self.offset, problem));
        }
        self.seen = true;
        self.raw.id = id.unwrap_or_default();
        self.raw.offset = self.offset;
        Ok(())
    }

    fn kind_of_arc(&self, kind: &str) -> Result<(), Wrong> {
        match kind.trim() {
            "" | "normal" => Ok(()),
            other => Err((
                self.offset,
                format!("found an arc of type `{other}`, expected a normal one"),
            )),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Wrong> {
        // PIPE writes <value> for <text>.
        let holds_text = matches!(self.parent(0), "text" | "value");
        if !holds_text || self.within("toolspecific") {
            return Ok(());
        }
        match (self.parent(1), self.parent(2)) {
            ("name", "place") if !self.within("finalmarkings") => {
                append(
                    self.raw.places.last_mut().map(|place| &mut place.name),
                    text,
                );
            }
            ("name", "transition") => {
                let transition = self.raw.transitions.last_mut();
                append(transition.map(|transition| &mut transition.name), text);
            }
            ("name", "net") => append(Some(&mut self.raw.name), text),
            _ if text.trim().is_empty() => {}
            ("initialMarking", "place") => {
                let number = self.number(text, 0)?;
                if let Some(place) = self.raw.places.last_mut() {
                    place.tokens = number;
                }
            }
            ("inscription", "arc") => {
                let number = self.number(text, 1)?;
                if let Some(arc) = self.raw.arcs.last_mut() {
                    arc.weight = number;
                }
            }
            ("type" | "arctype", "arc") => self.kind_of_arc(text)?,
            ("place", "marking") => {
                let number = self.number(text, 0)?;
                let marking = self.raw.finals.last_mut();
                if let Some(tokens) = marking.and_then(|marking| marking.last_mut()) {
                    tokens.count = number;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn number(&self, text: &str, least: u32) -> Result<u32, Wrong> {
        let trimmed = text.trim();
        // PIPE writes `Default,1`.
        let last = trimmed.strip_prefix("Default,").unwrap_or(trimmed).trim();
        let number = last.parse::<u32>().ok();
        number
            .filter(|number| (least..=MOST_TOKENS).contains(number))
            .ok_or_else(|| {
                let problem =
                    format!("found `{trimmed}`, expected a number from {least} to {MOST_TOKENS}");
                (self.offset, problem)
            })
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str, offset: usize) -> Result<Option<String>, Wrong> {
    let wrong = |error: &dyn std::fmt::Display| (offset, format!("not well-formed: {error}"));
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| wrong(&error))?;
        if attribute.key.into_inner() == key {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| wrong(&error))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// Text comes in pieces where it holds entities; what lies between two of these may be a space.
fn append(name: Option<&mut Option<String>>, text: &str) {
    if let Some(name) = name {
        name.get_or_insert_default().push_str(text);
    }
}
