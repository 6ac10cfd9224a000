//! Reads XES: whatever is well-formed XML and a log.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rustc_hash::FxHashSet;

use super::fields::Fields;
use super::problem::{DEEPEST, Problem, ReadError};
use super::{
    Attribute, Classifier, Document, Extension, Global, NoticeKind, Trace, Value, bytes, moment,
    unusual,
};
use crate::log::Name;

/// Reads a log from the bytes of a file.
///
/// # Errors
/// What is wrong and where; see [`ReadError`]. Nothing is guessed.
pub fn read_xes(file: &[u8]) -> Result<Document, ReadError> {
    let text = bytes::text_of(file, bytes::MOST_BYTES)?;
    let mut parser = Parser::new(&text);
    match parser.run() {
        Ok(()) => Ok(parser.document),
        Err(problem) => {
            let (line, column) = place(&text, parser.at);
            Err(ReadError::At {
                line,
                column,
                problem,
            })
        }
    }
}

fn line_of(text: &str, offset: usize) -> u64 {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// The line and column of a byte, both from 1.
pub(crate) fn place(text: &str, offset: usize) -> (u64, u64) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[line_start..].chars().count() as u64 + 1;
    (line_of(text, offset), column)
}

/// An element that is open.
#[derive(Debug)]
enum Frame {
    Log,
    Trace(Trace),
    Event(Vec<Attribute>),
    Global(Global),
    Attribute(Attribute),
    /// The wrapper of a list's items.
    Values,
    /// Something without meaning here: an extension's inside, an unknown element.
    Ignored,
}

impl Frame {
    fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Trace(_) => "trace",
            Self::Event(_) => "event",
            Self::Global(_) => "global",
            Self::Attribute(_) => "an attribute",
            Self::Values => "values",
            Self::Ignored => "an unknown element",
        }
    }
}

struct Parser<'text> {
    xml: Reader<&'text [u8]>,
    text: &'text str,
    document: Document,
    open: Vec<Frame>,
    /// Where the markup begins that is looked at.
    at: usize,
    ended: bool,
    name: Name,
    time: Name,
    /// The names of the traces so far.
    cases: FxHashSet<Box<str>>,
}

impl<'text> Parser<'text> {
    fn new(text: &'text str) -> Self {
        let mut document = Document::default();
        let name = document.keys.intern("concept:name");
        let time = document.keys.intern("time:timestamp");
        Self {
            xml: Reader::from_str(text),
            text,
            document,
            open: Vec::new(),
            at: 0,
            ended: false,
            name,
            time,
            cases: FxHashSet::default(),
        }
    }

    fn run(&mut self) -> Result<(), Problem> {
        loop {
            self.at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => {
                    self.at = usize::try_from(self.xml.error_position()).unwrap_or(self.at);
                    return Err(Problem::Xml(error.to_string()));
                }
            };
            match event {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) if !text.trim_ascii().is_empty() => self.stray("text")?,
                Event::GeneralRef(_) => self.stray("an entity")?,
                Event::CData(_) => self.stray("a CDATA section")?,
                Event::Eof => break,
                _ => {}
            }
        }
        match self.open.last() {
            Some(frame) => Err(Problem::Xml(format!(
                "the file ends within <{}>",
                frame.name()
            ))),
            None if !self.ended => Err(Problem::Nothing),
            None => Ok(()),
        }
    }

    /// Text between elements has no meaning in XES; outside of the root it has none in XML.
    fn stray(&mut self, what: &str) -> Result<(), Problem> {
        let Some(frame) = self.open.last() else {
            return Err(Problem::Xml(format!("{what} outside of <log>")));
        };
        let within = frame.name();
        self.schema(format!("{what} within <{within}>, left out"));
        Ok(())
    }

    fn schema(&mut self, what: String) {
        self.notice(NoticeKind::Schema(what));
    }

    fn notice(&mut self, kind: NoticeKind) {
        // The line is counted only where it is told: for the first of a kind.
        let known = self
            .document
            .notices
            .iter()
            .any(|notice| notice.kind == kind);
        let line = if known {
            0
        } else {
            line_of(self.text, self.at)
        };
        self.document.notice(kind, line);
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Problem> {
        let name = tag.local_name();
        let name = name.into_inner();
        let fields = Fields::of(tag)?;
        let Some(parent) = self.open.last() else {
            return self.root(name, &fields);
        };
        if matches!(parent, Frame::Ignored) {
            self.open.push(Frame::Ignored);
            return Ok(());
        }
        let frame = match name {
            "string" | "date" | "int" | "float" | "boolean" | "id" | "list" | "container" => {
                if self.open.len() > DEEPEST {
                    return Err(Problem::Deep);
                }
                Frame::Attribute(self.attribute(name, fields)?)
            }
            "event" | "trace" if matches!(parent, Frame::Log) => {
                if !fields.others.is_empty() || fields.key.is_some() {
                    self.schema(format!("<{name}> has XML attributes of its own, left out"));
                }
                match name {
                    "event" => Frame::Event(Vec::new()),
                    _ => Frame::Trace(Trace::default()),
                }
            }
            "event" if matches!(parent, Frame::Trace(_)) => Frame::Event(Vec::new()),
            "event" | "trace" | "log" => {
                return Err(Problem::Misplaced {
                    found: name.to_owned(),
                    within: parent.name(),
                });
            }
            "values" if self.in_list() => Frame::Values,
            "global" if matches!(parent, Frame::Log) => self.global(&fields),
            "extension" if matches!(parent, Frame::Log) => self.extension(&fields),
            "classifier" if matches!(parent, Frame::Log) => self.classifier(&fields),
            other => {
                let within = parent.name();
                self.schema(format!("<{other}> within <{within}>, left out"));
                Frame::Ignored
            }
        };
        self.open.push(frame);
        Ok(())
    }

    fn in_list(&self) -> bool {
        let Some(Frame::Attribute(parent)) = self.open.last() else {
            return false;
        };
        matches!(parent.value, Value::List(_))
    }

    fn root(&mut self, name: &str, fields: &Fields<'_>) -> Result<(), Problem> {
        if self.ended {
            return Err(Problem::Xml(format!("<{name}> after the end of <log>")));
        }
        if name != "log" {
            let found = name.to_owned();
            return Err(Problem::Root { found });
        }
        if fields.other("xes.version").is_none() {
            self.schema("<log> has no `xes.version`".to_owned());
        }
        let namespaced = fields
            .others
            .iter()
            .any(|(key, _)| key.starts_with("xmlns"));
        if namespaced {
            self.schema("<log> has a namespace, and the schema's elements are in none".to_owned());
        }
        self.open.push(Frame::Log);
        Ok(())
    }

    fn global(&mut self, fields: &Fields<'_>) -> Frame {
        self.order("global");
        // Without a scope a global is one of events: the standard's default.
        let scope = fields.other("scope").unwrap_or("event").to_owned();
        Frame::Global(Global {
            scope,
            attributes: Vec::new(),
        })
    }

    fn extension(&mut self, fields: &Fields<'_>) -> Frame {
        self.order("extension");
        let text = |name| fields.other(name).unwrap_or_default().to_owned();
        self.document.head.extensions.push(Extension {
            name: text("name"),
            prefix: text("prefix"),
            uri: text("uri"),
        });
        Frame::Ignored
    }

    fn classifier(&mut self, fields: &Fields<'_>) -> Frame {
        self.order("classifier");
        self.document.head.classifiers.push(Classifier {
            name: fields.other("name").unwrap_or_default().to_owned(),
            scope: fields.other("scope").map(str::to_owned),
            keys: fields.other("keys").unwrap_or_default().to_owned(),
        });
        Frame::Ignored
    }

    /// The schema has extensions, globals, classifiers, attributes, traces and events in this order.
    fn order(&mut self, tag: &str) {
        let head = &self.document.head;
        let late = !self.document.traces.is_empty()
            || !head.attributes.is_empty()
            || (tag != "classifier" && !head.classifiers.is_empty())
            || (tag == "extension" && !head.globals.is_empty());
        if late {
            self.schema(format!("<{tag}> stands after what should follow it"));
        }
    }

    fn attribute(&mut self, tag: &str, fields: Fields<'_>) -> Result<Attribute, Problem> {
        let missing = |field| Problem::Missing {
            tag: tag.to_owned(),
            field,
        };
        let key = fields.key.ok_or_else(|| missing("key"))?;
        let value = if tag == "list" || tag == "container" {
            if tag == "container" {
                self.schema("<container> is of an earlier standard, read as <list>".to_owned());
            }
            Value::List(Vec::new())
        } else {
            let text = fields.value.ok_or_else(|| missing("value"))?;
            let typed = typed(tag, &key, &text)?;
            if let (Value::Date(_), false) = &typed {
                self.notice(NoticeKind::NaiveTime);
            }
            typed.0
        };
        Ok(Attribute {
            key: self.document.keys.intern(&key),
            value,
            children: Vec::new(),
        })
    }

    fn end(&mut self) {
        let Some(frame) = self.open.pop() else {
            return;
        };
        match frame {
            Frame::Log => self.ended = true,
            Frame::Trace(trace) => self.trace(trace),
            Frame::Global(global) => self.document.head.globals.push(global),
            Frame::Event(attributes) => self.event(attributes),
            Frame::Attribute(attribute) => self.give(attribute),
            Frame::Values | Frame::Ignored => {}
        }
    }

    fn repeated(&mut self, attributes: &[Attribute]) {
        for _ in 0..unusual::repeated(attributes) {
            self.notice(NoticeKind::RepeatedKey);
        }
    }

    fn trace(&mut self, trace: Trace) {
        self.repeated(&trace.attributes);
        let key = self.name;
        let name = trace.attributes.iter().find_map(|attribute| {
            let text = match &attribute.value {
                Value::String(text) if attribute.key == key => text,
                _ => return None,
            };
            Some(text.clone())
        });
        if name.is_some_and(|name| !self.cases.insert(name)) {
            self.notice(NoticeKind::SameCase);
        }
        self.document.traces.push(trace);
    }

    fn event(&mut self, attributes: Vec<Attribute>) {
        let has = |key: Name, fits: fn(&Value) -> bool| {
            attributes
                .iter()
                .any(|attribute| attribute.key == key && fits(&attribute.value))
        };
        if !has(self.time, |value| matches!(value, Value::Date(_))) {
            self.notice(NoticeKind::NoTime);
        }
        if !has(self.name, unusual::names) {
            self.notice(NoticeKind::NoName);
        }
        self.repeated(&attributes);
        match self.open.last_mut() {
            Some(Frame::Trace(trace)) => trace.events.push(attributes),
            _ => {
                self.notice(NoticeKind::LooseEvent);
                self.document.loose.push(attributes);
            }
        }
    }

    /// Puts an attribute where it belongs. Items of a list stand within `values`, or, in earlier
    /// standards, directly within the list.
    fn give(&mut self, attribute: Attribute) {
        let above = self.open.len().saturating_sub(1);
        let owner = match self.open.get(above) {
            Some(Frame::Values) => above.saturating_sub(1),
            _ => above,
        };
        match self.open.get_mut(owner) {
            Some(Frame::Log) => self.document.head.attributes.push(attribute),
            Some(Frame::Trace(trace)) => trace.attributes.push(attribute),
            Some(Frame::Event(attributes)) => attributes.push(attribute),
            Some(Frame::Global(global)) => global.attributes.push(attribute),
            Some(Frame::Attribute(parent)) => match &mut parent.value {
                Value::List(items) => items.push(attribute),
                _ => parent.children.push(attribute),
            },
            Some(Frame::Values | Frame::Ignored) | None => {}
        }
    }
}

/// A value of a type, and whether it is whole: a time without an offset is not.
fn typed(tag: &str, key: &str, text: &str) -> Result<(Value, bool), Problem> {
    let wrong = |expected| Problem::Value {
        key: key.to_owned(),
        found: text.chars().take(60).collect(),
        expected,
    };
    let trimmed = text.trim_ascii();
    let value = match tag {
        "string" => Value::String(text.into()),
        "id" => Value::Id(text.into()),
        "int" => Value::Int(
            trimmed
                .parse()
                .map_err(|_| wrong("a whole number between -2^63 and 2^63 - 1"))?,
        ),
        "float" => Value::Float(float(trimmed).ok_or_else(|| wrong("a number"))?),
        "boolean" => Value::Bool(match trimmed {
            "1" => true,
            "0" => false,
            word if word.eq_ignore_ascii_case("true") => true,
            word if word.eq_ignore_ascii_case("false") => false,
            _ => return Err(wrong("`true` or `false`")),
        }),
        _ => {
            let read = moment::read(text).map_err(|source| Problem::Moment {
                key: key.to_owned(),
                source,
            })?;
            return Ok((Value::Date(read.at), read.has_offset));
        }
    };
    Ok((value, true))
}

/// A `double` of XML Schema.
pub(super) fn float(text: &str) -> Option<f64> {
    match text {
        "INF" | "+INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}
