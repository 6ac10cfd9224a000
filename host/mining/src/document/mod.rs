//! A log as a file says it: everything in it is kept, known or not.
//!
//! [`read_xes`] takes any XES that is well-formed, plain or compressed, in any common encoding;
//! what is unusual but readable becomes a [`Notice`]. [`write_xes_document`] writes what every reader
//! takes. [`Document::log`] makes of it what mining needs.

use std::fmt;

use crate::log::{Moment, Name, Names};

mod bytes;
mod columns;
pub(crate) mod fields;
mod log;
pub(crate) mod moment;
mod problem;
pub(crate) mod read;
mod table;
mod unusual;
mod write;

pub use bytes::{BytesError, MOST_BYTES, text_of};
pub use columns::{ColumnError, Columns};
pub use fields::FieldError;
pub use moment::MomentError;

pub use problem::{Problem, ReadError};
pub use read::read_xes;
pub use table::{CsvError, document_of_csv, write_csv};
pub use write::write_xes_document;

/// A whole log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The keys of all attributes.
    pub keys: Names,
    /// What is declared before the data.
    pub head: Head,
    /// The traces in order.
    pub traces: Vec<Trace>,
    /// Events that stand in no trace.
    pub loose: Vec<Vec<Attribute>>,
    /// What is unusual, each kind once.
    pub notices: Vec<Notice>,
}

/// What a log declares before its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// Such as `Concept`.
    pub name: String,
    /// What its keys begin with.
    pub prefix: String,
    /// Where it is defined.
    pub uri: String,
}

/// How events are told apart by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classifier {
    /// Its name.
    pub name: String,
    /// `event` or `trace`, where it is said.
    pub scope: Option<String>,
    /// The keys, as the file has them: by spaces, and with quotes around keys that hold some.
    pub keys: String,
}

/// Attributes that each trace or event is said to have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Global {
    /// `trace` or `event`.
    pub scope: String,
    /// The attributes with the values that stand for a missing one.
    pub attributes: Vec<Attribute>,
}

/// Everything before the first trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    /// Extensions in order.
    pub extensions: Vec<Extension>,
    /// Globals in order.
    pub globals: Vec<Global>,
    /// Classifiers in order.
    pub classifiers: Vec<Classifier>,
    /// The log's own attributes.
    pub attributes: Vec<Attribute>,
}

/// A trace: one case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// The attributes of each of its events.
    pub events: Vec<Vec<Attribute>>,
}

/// A key and a value, with attributes of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// In [`Document::keys`].
    pub key: Name,
    /// The value.
    pub value: Value,
    /// Attributes of the attribute; seldom any.
    pub children: Vec<Attribute>,
}

/// A value of one of the types of XES.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    String(Box<str>),
    /// A moment.
    Date(Moment),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// An identifier.
    Id(Box<str>),
    /// Attributes in order.
    List(Vec<Attribute>),
}

/// Something unusual in a file that was read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Where it was seen first, from 1.
    pub line: u64,
    /// How often.
    pub count: u64,
}

/// The kinds of what is unusual.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// Times that do not say where they were measured: they were taken as UTC.
    NaiveTime,
    /// Events without a time.
    NoTime,
    /// Events without a name.
    NoName,
    /// Events outside of any trace.
    LooseEvent,
    /// Attributes whose key their event or trace has already. Readers differ in which of them counts; here the first.
    RepeatedKey,
    /// Traces with the name of an earlier one. Some readers make one case of them; here each is a case of its own.
    SameCase,
    /// Something that the schema of XES does not allow.
    Schema(String),
}

impl NoticeKind {
    /// Whether the file is at odds with the standard, rather than poor.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Schema(_) | Self::RepeatedKey)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, line, count } = self;
        let times = if *count == 1 { "" } else { "s" };
        match kind {
            NoticeKind::NaiveTime => write!(
                formatter,
                "line {line}: {count} time{times} without an offset, taken as UTC"
            ),
            NoticeKind::NoTime => write!(
                formatter,
                "line {line}: {count} event{times} without `time:timestamp`; what needs times leaves their cases out"
            ),
            NoticeKind::NoName => write!(
                formatter,
                "line {line}: {count} event{times} without a name, left out"
            ),
            NoticeKind::LooseEvent => write!(
                formatter,
                "line {line}: {count} event{times} outside of any trace, left out of what is mined"
            ),
            NoticeKind::RepeatedKey => write!(
                formatter,
                "line {line}: {count} attribute{times} with a key that their event or trace has already; the first counts"
            ),
            NoticeKind::SameCase => write!(
                formatter,
                "line {line}: {count} trace{times} with the name of an earlier one, each taken as a case of its own"
            ),
            NoticeKind::Schema(what) if *count == 1 => write!(formatter, "line {line}: {what}"),
            NoticeKind::Schema(what) => {
                write!(formatter, "line {line}: {what} ({count} times)")
            }
        }
    }
}

/// Reads a moment as logs have them; without an offset it is UTC.
///
/// # Errors
/// When the text is none.
pub fn moment(text: &str) -> Result<Moment, MomentError> {
    moment::read(text).map(|read| read.at)
}

impl Document {
    /// The first attribute of a key.
    #[must_use]
    pub fn find<'a>(&self, attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
        let key = self.keys.find(key)?;
        let found = attributes.iter().find(|attribute| attribute.key == key)?;
        Some(&found.value)
    }

    /// How many events the traces have.
    #[must_use]
    pub fn events(&self) -> usize {
        self.traces.iter().map(|trace| trace.events.len()).sum()
    }

    pub(crate) fn notice(&mut self, kind: NoticeKind, line: u64) {
        match self.notices.iter_mut().find(|notice| notice.kind == kind) {
            Some(notice) => notice.count += 1,
            None => self.notices.push(Notice {
                kind,
                line,
                count: 1,
            }),
        }
    }
}
