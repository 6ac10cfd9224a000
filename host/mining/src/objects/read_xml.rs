//! OCEL 2.0 as XML, read element by element.
//!
//! The standard's examples and its schema do not agree on what a relationship is called, and tools have written all
//! of its names; they are all read. What is not known is passed over with whatever is in it, as the schema of a later
//! edition may have it; what is known and stands in a wrong place is an error. There are no entities but XML's own.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{
    AttributeOf, Object, ObjectError, ObjectEvent, ObjectLog, Relationship, TypeOf, Valued, typed,
};
use crate::document::fields::{FieldError, Fields};
use crate::document::read::place;
use crate::document::{MOST_BYTES, text_of};

/// The most elements within one another.
const DEEPEST: usize = 64;
/// The most bytes of a name, an id or a qualifier. Values may be longer.
const LONGEST: usize = 1 << 16;

/// What can be wrong in the XML of an object-centric log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XmlProblem {
    /// It is not well-formed.
    #[error("not well-formed: {0}")]
    Xml(String),
    /// A tag's attributes are not.
    #[error("not well-formed: {0}")]
    Field(#[from] FieldError),
    /// There is a document type, which may define entities.
    #[error(
        "found a document type, expected none: an object-centric log has no entities of its own"
    )]
    DocumentType,
    /// Another element than the one that must be there.
    #[error("found {found}, expected {expected}")]
    Element {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A tag lacks an attribute.
    #[error("<{tag}> has no `{field}`")]
    Missing {
        /// The element.
        tag: String,
        /// What it lacks.
        field: &'static str,
    },
    /// A name, an id or a qualifier is longer than anybody's.
    #[error("`{field}` of <{tag}>: found {found} bytes, expected at most {LONGEST}")]
    Long {
        /// The element.
        tag: String,
        /// Which of its attributes.
        field: String,
        /// Its length.
        found: usize,
    },
    /// A value is none of its attribute's type.
    #[error("attribute `{attribute}`: found `{found}`, expected {expected}")]
    Value {
        /// The attribute.
        attribute: String,
        /// The text.
        found: String,
        /// What its type takes.
        expected: &'static str,
    },
    /// Elements within elements without end.
    #[error("more than {DEEPEST} elements within one another")]
    Deep,
}

/// Which of the two: much is the same for events and objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Objects,
    Events,
}

/// An element that is open.
#[derive(Debug)]
enum Frame {
    Log,
    Types(Of),
    Type(Of, TypeOf),
    Objects,
    Object(Object),
    Events,
    Event(ObjectEvent),
    /// `attributes` or `objects` within one of these.
    Parts,
    /// An event's or object's attribute, its text, and where it begins.
    Value(Valued, String, usize),
    /// Something that is done with, or that is not known.
    Ignored,
}

struct Parser<'text> {
    xml: Reader<&'text [u8]>,
    log: ObjectLog,
    open: Vec<Frame>,
    /// Where the markup begins that is looked at.
    at: usize,
    ended: bool,
}

impl ObjectLog {
    /// Reads OCEL 2.0 in XML from the bytes of a file, plain or compressed.
    ///
    /// # Errors
    /// What is wrong and where, or as [`checked`](Self::checked).
    pub fn from_xml(file: &[u8]) -> Result<Self, ObjectError> {
        let text = text_of(file, MOST_BYTES)?;
        let mut parser = Parser {
            xml: Reader::from_str(&text),
            log: Self::default(),
            open: Vec::new(),
            at: 0,
            ended: false,
        };
        match parser.run() {
            Ok(()) => parser.log.checked(),
            Err(problem) => {
                let (line, column) = place(&text, parser.at);
                Err(ObjectError::Xml {
                    line,
                    column,
                    problem,
                })
            }
        }
    }
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), XmlProblem> {
        let position = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        loop {
            self.at = position(self.xml.buffer_position());
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => {
                    self.at = position(self.xml.error_position());
                    return Err(XmlProblem::Xml(error.to_string()));
                }
            };
            match event {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let reference = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&reference)
                        .map_err(|error| XmlProblem::Xml(error.to_string()))?
                        .into_owned();
                    self.text(&text)?;
                }
                Event::DocType(_) => return Err(XmlProblem::DocumentType),
                Event::Eof => break,
                _ => {}
            }
        }
        if !self.open.is_empty() {
            let problem = "the file ends within an element".to_owned();
            return Err(XmlProblem::Xml(problem));
        }
        if !self.ended {
            return Err(element("no element", "<log>"));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlProblem> {
        match self.open.last_mut() {
            Some(Frame::Value(_, value, _)) => value.push_str(text),
            Some(Frame::Ignored) => {}
            _ if text.trim().is_empty() => {}
            _ => return Err(element("text", "an element")),
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlProblem> {
        let name = tag.local_name().into_inner();
        if self.open.len() >= DEEPEST {
            return Err(XmlProblem::Deep);
        }
        let tag = Tag {
            name,
            fields: Fields::of(tag)?,
        };
        let frame = match self.open.last() {
            None if self.ended => return Err(element(&format!("<{name}>"), "the end")),
            None if name == "log" => Frame::Log,
            None => return Err(element(&format!("<{name}>"), "<log>")),
            Some(Frame::Log) => match name {
                "object-types" => Frame::Types(Of::Objects),
                "event-types" => Frame::Types(Of::Events),
                "objects" => Frame::Objects,
                "events" => Frame::Events,
                _ => Frame::Ignored,
            },
            Some(Frame::Types(of)) => Frame::Type(
                *of,
                TypeOf {
                    name: tag.named(type_tag(*of), "name")?,
                    attributes: Vec::new(),
                },
            ),
            Some(Frame::Objects) => Frame::Object(Object {
                id: tag.named("object", "id")?,
                kind: tag.named("object", "type")?,
                ..Object::default()
            }),
            Some(Frame::Events) => Frame::Event(ObjectEvent {
                id: tag.named("event", "id")?,
                kind: tag.named("event", "type")?,
                time: tag.named("event", "time")?,
                ..ObjectEvent::default()
            }),
            Some(Frame::Type(..) | Frame::Object(_) | Frame::Event(_)) => match name {
                "attributes" | "objects" => Frame::Parts,
                _ => Frame::Ignored,
            },
            Some(Frame::Parts) => self.part(&tag)?,
            Some(Frame::Value(..)) => {
                return Err(element(&format!("<{name}>"), "the text of a value"));
            }
            Some(Frame::Ignored) => Frame::Ignored,
        };
        self.open.push(frame);
        Ok(())
    }

    /// An attribute or a relationship of what is open.
    fn part(&mut self, tag: &Tag<'_>) -> Result<Frame, XmlProblem> {
        let at = self.at;
        let above = self.open.len().saturating_sub(2);
        let (attributes, relationships) = match self.open.get_mut(above) {
            Some(Frame::Type(_, kind)) => {
                kind.attributes.push(AttributeOf {
                    name: tag.named("attribute", "name")?,
                    kind: tag.named("attribute", "type")?,
                });
                return Ok(Frame::Ignored);
            }
            Some(Frame::Object(object)) => (true, &mut object.relationships),
            Some(Frame::Event(event)) => (false, &mut event.relationships),
            _ => return Ok(Frame::Ignored),
        };
        match tag.name {
            "attribute" => {
                let valued = Valued {
                    name: tag.named("attribute", "name")?,
                    time: if attributes { tag.field("time")? } else { None },
                    value: serde_json::Value::Null,
                };
                Ok(Frame::Value(valued, String::new(), at))
            }
            "relationship" | "relobj" | "object" => {
                let qualifier = match tag.field("qualifier")? {
                    Some(qualifier) => Some(qualifier),
                    None => tag.field("relationship")?,
                };
                relationships.push(Relationship {
                    object_id: tag.required("object-id")?,
                    qualifier: qualifier.unwrap_or_default(),
                });
                Ok(Frame::Ignored)
            }
            other => Err(element(
                &format!("<{other}>"),
                "<attribute> or <relationship>",
            )),
        }
    }

    fn end(&mut self) -> Result<(), XmlProblem> {
        match self.open.pop() {
            Some(Frame::Log) => self.ended = true,
            Some(Frame::Type(Of::Objects, kind)) => self.log.object_types.push(kind),
            Some(Frame::Type(Of::Events, kind)) => self.log.event_types.push(kind),
            Some(Frame::Object(object)) => self.log.objects.push(object),
            Some(Frame::Event(event)) => self.log.events.push(event),
            Some(Frame::Value(valued, text, at)) => self.value(valued, &text, at)?,
            _ => {}
        }
        Ok(())
    }

    /// Gives a value to its event or object. Its type is known by now in every log that follows the standard's order;
    /// in others a text it stays, and the whole log's check makes a value of it.
    fn value(&mut self, mut valued: Valued, text: &str, at: usize) -> Result<(), XmlProblem> {
        let above = self.open.len().saturating_sub(2);
        let (types, name) = match self.open.get(above) {
            Some(Frame::Object(object)) => (&self.log.object_types, &object.kind),
            Some(Frame::Event(event)) => (&self.log.event_types, &event.kind),
            _ => return Ok(()),
        };
        let declared = types
            .iter()
            .find(|one| one.name == *name)
            .and_then(|one| one.attributes.iter().find(|one| one.name == valued.name))
            .and_then(|attribute| typed::kind(&attribute.kind));
        let value = match declared {
            None => Some(text.into()),
            Some(kind) => typed::text(kind, text).map_err(|expected| {
                self.at = at;
                XmlProblem::Value {
                    attribute: valued.name.clone(),
                    found: text.chars().take(60).collect(),
                    expected,
                }
            })?,
        };
        let Some(value) = value else {
            return Ok(());
        };
        valued.value = value;
        match self.open.get_mut(above) {
            Some(Frame::Object(object)) => object.attributes.push(valued),
            Some(Frame::Event(event)) => event.attributes.push(valued),
            _ => {}
        }
        Ok(())
    }
}

fn type_tag(of: Of) -> &'static str {
    match of {
        Of::Objects => "object-type",
        Of::Events => "event-type",
    }
}

fn element(found: &str, expected: &'static str) -> XmlProblem {
    XmlProblem::Element {
        found: found.to_owned(),
        expected,
    }
}

/// A tag's name and what it says.
struct Tag<'tag> {
    name: &'tag str,
    fields: Fields<'tag>,
}

impl Tag<'_> {
    fn field(&self, name: &str) -> Result<Option<String>, XmlProblem> {
        let Some(found) = self.fields.other(name) else {
            return Ok(None);
        };
        if found.len() > LONGEST {
            return Err(XmlProblem::Long {
                tag: self.name.to_owned(),
                field: name.to_owned(),
                found: found.len(),
            });
        }
        Ok(Some(found.to_owned()))
    }

    /// A field of a tag that must be one of this name.
    fn named(&self, expected: &'static str, field: &'static str) -> Result<String, XmlProblem> {
        if self.name != expected {
            let expected = match expected {
                "object-type" => "<object-type>",
                "event-type" => "<event-type>",
                "object" => "<object>",
                "event" => "<event>",
                _ => "<attribute>",
            };
            return Err(element(&format!("<{}>", self.name), expected));
        }
        self.required(field)
    }

    fn required(&self, field: &'static str) -> Result<String, XmlProblem> {
        self.field(field)?.ok_or_else(|| XmlProblem::Missing {
            tag: self.name.to_owned(),
            field,
        })
    }
}
