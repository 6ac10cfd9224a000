//! Object-centric logs, OCEL 2.0: events that belong to several objects at once, as JSON and as XML. As SQLite they
//! are read and written by whoever knows databases, and [`ObjectLog::checked`] makes the same log of each form.
//!
//! A log of cases says of an event which one case it belongs to; whoever looks at it from the agent's side counts an event
//! twice that two runs share. Here an event names all of its objects, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::document;
use crate::log::{Builder, Draft, Log, Transition};

mod making;
mod read_xml;
mod typed;
mod write_xml;

pub use read_xml::XmlProblem;
pub use typed::FIRST;

/// An object-centric log, in the form of its JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectLog {
    /// The types of objects.
    pub object_types: Vec<TypeOf>,
    /// The types of events: activities.
    pub event_types: Vec<TypeOf>,
    /// The objects.
    pub objects: Vec<Object>,
    /// The events in the order of time.
    pub events: Vec<ObjectEvent>,
}

/// A type and the attributes of what is of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeOf {
    /// Its name.
    pub name: String,
    /// The attributes.
    #[serde(default)]
    pub attributes: Vec<AttributeOf>,
}

/// An attribute of a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttributeOf {
    /// Its name.
    pub name: String,
    /// `string`, `integer`, `float`, `boolean` or `time`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its id, unique among objects.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its attributes, each from a time on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Valued>,
    /// Other objects that it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relationships: Vec<Relationship>,
}

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// Its id, unique among events.
    pub id: String,
    /// Its type: the activity.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, as in XES.
    pub time: String,
    /// Its attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Valued>,
    /// The objects that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relationships: Vec<Relationship>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Valued {
    /// Which attribute.
    pub name: String,
    /// From when on; of objects only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The value.
    pub value: serde_json::Value,
}

/// Something's part in something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// The object.
    pub object_id: String,
    /// What it is there.
    #[serde(default)]
    pub qualifier: String,
}

/// Why an object-centric log cannot be read or looked at from one side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The text is no OCEL 2.0 in JSON.
    #[error("no OCEL 2.0 in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no such type.
    #[error("there are no objects of type `{found}`; there are: {known}")]
    Type {
        /// What was asked for.
        found: String,
        /// What there is.
        known: String,
    },
    /// An event or object names an object that is not there.
    #[error("{owner} names object `{object}`, which is not there")]
    Dangling {
        /// The event or object.
        owner: String,
        /// The object.
        object: String,
    },
    /// A time is none.
    #[error("{owner}: {source}")]
    Moment {
        /// The event or object.
        owner: String,
        /// What was found.
        source: document::MomentError,
    },
    /// Something that may be there once.
    #[error("found a second {what}, expected one")]
    Twice {
        /// What.
        what: String,
    },
    /// An attribute is said to have a type that there is not.
    #[error("attribute `{attribute}` of `{of}`: found the type `{found}`, expected {expected}")]
    Kind {
        /// The attribute.
        attribute: String,
        /// The type of events or objects that has it.
        of: String,
        /// Its type.
        found: String,
        /// The types that there are.
        expected: &'static str,
    },
    /// A value is none of its attribute's type.
    #[error("{owner}: attribute `{attribute}`: found `{found}`, expected {expected}")]
    Value {
        /// The event or object.
        owner: String,
        /// The attribute.
        attribute: String,
        /// The value.
        found: String,
        /// What its type takes.
        expected: &'static str,
    },
    /// The bytes of a file are no text.
    #[error(transparent)]
    Bytes(#[from] document::BytesError),
    /// Something in the XML is wrong. Lines and columns count from 1, columns in characters.
    #[error("line {line}, column {column}: {problem}")]
    Xml {
        /// The line.
        line: u64,
        /// The column of the tag that is wrong.
        column: u64,
        /// What is wrong.
        problem: XmlProblem,
    },
}

impl ObjectLog {
    /// Reads OCEL 2.0 in JSON.
    ///
    /// # Errors
    /// When the text is none, or as [`checked`](Self::checked).
    pub fn from_json(text: &str) -> Result<Self, ObjectError> {
        serde_json::from_str::<Self>(text)?.checked()
    }

    /// The log as the objects of one type see it: each is a case, with every event that is about it. An event that is
    /// about two of them is in both cases: do not count events over cases of such a log.
    ///
    /// # Errors
    /// When there is no such type, or a time is none.
    pub fn flattened(&self, kind: &str) -> Result<Log, ObjectError> {
        let mut builder = Builder::new();
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for object in self.objects.iter().filter(|object| object.kind == kind) {
            numbers.insert(&object.id, builder.case(&object.id));
        }
        if numbers.is_empty() {
            let known: Vec<String> = self
                .object_types
                .iter()
                .map(|one| format!("`{}`", one.name))
                .collect();
            return Err(ObjectError::Type {
                found: kind.to_owned(),
                known: known.join(", "),
            });
        }
        for event in &self.events {
            let at = document::moment(&event.time).map_err(|source| ObjectError::Moment {
                owner: format!("event `{}`", event.id),
                source,
            })?;
            let text = |name: &str| {
                let found = event
                    .attributes
                    .iter()
                    .find(|attribute| attribute.name == name);
                found.and_then(|attribute| attribute.value.as_str())
            };
            let draft = Draft {
                activity: &event.kind,
                at: Some(at),
                transition: Transition::parse(text("lifecycle").unwrap_or_default()),
                instance: text("instance"),
                ..Draft::default()
            };
            // One that is named twice by an event has it once.
            let cases: BTreeSet<u32> = event
                .relationships
                .iter()
                .filter_map(|about| numbers.get(about.object_id.as_str()).copied())
                .collect();
            cases
                .into_iter()
                .for_each(|case| builder.event(case, &draft));
        }
        Ok(builder.finish())
    }

    /// Writes OCEL 2.0 in JSON.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write_json<W: Write>(&self, sink: W) -> io::Result<()> {
        serde_json::to_writer(sink, self).map_err(io::Error::from)
    }
}

/// The type that a value has by itself.
fn kind_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(number) if number.is_f64() => "float",
        serde_json::Value::Number(_) => "integer",
        _ => "string",
    }
}
