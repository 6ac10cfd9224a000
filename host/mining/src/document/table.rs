//! Tables with a header: one row an event, cases told apart by a column.

use std::io::Write;

use rustc_hash::FxHashMap;

use super::columns::{ColumnError, Columns, Places};
use super::read::float;
use super::{
    Attribute, BytesError, Document, MomentError, NoticeKind, Trace, Value, bytes, moment,
};
use crate::log::Name;
use crate::timestamp;
use crate::xes::float_text;

/// What columns of a case's own attributes begin with, here and in PM4Py's tables.
const OF_CASE: &str = "case:";

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The bytes are no text.
    #[error(transparent)]
    Bytes(#[from] BytesError),
    /// A row is no row: another number of fields, an open quote.
    #[error("the table: {0}")]
    Row(#[from] csv::Error),
    /// A column is not there.
    #[error("line 1: {0}")]
    Column(#[from] ColumnError),
    /// A time is none.
    #[error("line {line}: {source}")]
    Moment {
        /// The line.
        line: u64,
        /// What was found.
        source: MomentError,
    },
    /// A time cannot be written so that it is read again.
    #[error(
        "a time lies {micros} microseconds from 1970; a table tells those of the years 1 to 9999"
    )]
    Year {
        /// The time.
        micros: i64,
    },
    /// A row belongs to no case.
    #[error("line {line}: the case is empty")]
    NoCase {
        /// The line.
        line: u64,
    },
}

/// Reads a table. The separator is the one of comma, semicolon and tab that the header has most of.
///
/// Columns without a meaning of their own become attributes, of whole numbers or numbers where
/// each of their values is one; a column called `case:…` belongs to the case. Empty fields are absent.
///
/// # Errors
/// What is wrong and where; see [`CsvError`].
pub fn document_of_csv(file: &[u8], columns: &Columns) -> Result<Document, CsvError> {
    let text = bytes::text_of(file, bytes::MOST_BYTES)?;
    let mut table = csv::ReaderBuilder::new()
        .delimiter(separator(&text))
        .from_reader(text.as_bytes());
    let header = table.headers()?.clone();
    let places = columns.places(&header)?;
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>()?;
    let mut document = Document::default();
    let meanings = meanings(&mut document, &header, places, &rows);
    let mut traces: FxHashMap<&str, usize> = FxHashMap::default();
    let case_name = document.keys.intern("concept:name");
    for row in &rows {
        let line = row.position().map_or(0, |place| line_of(&text, place));
        let case = &row[places.case];
        if case.is_empty() {
            return Err(CsvError::NoCase { line });
        }
        let trace = *traces.entry(case).or_insert_with(|| {
            let name = Value::String(case.into());
            document.traces.push(Trace {
                attributes: vec![attribute(case_name, name)],
                events: Vec::new(),
            });
            document.traces.len() - 1
        });
        let mut event = Vec::with_capacity(row.len());
        for (field, meaning) in row
            .iter()
            .zip(&meanings)
            .filter(|(field, _)| !field.is_empty())
        {
            let (value, whole) = meaning
                .kind
                .value(field)
                .map_err(|source| CsvError::Moment { line, source })?;
            if !whole {
                document.notice(NoticeKind::NaiveTime, line);
            }
            match meaning.owner {
                Owner::Event => event.push(attribute(meaning.key, value)),
                Owner::Case => {
                    let attributes = &mut document.traces[trace].attributes;
                    if !attributes.iter().any(|known| known.key == meaning.key) {
                        attributes.push(attribute(meaning.key, value));
                    }
                }
                Owner::Nobody => {}
            }
        }
        let lacks = |place: usize| row[place].is_empty();
        if places.time.is_none_or(lacks) {
            document.notice(NoticeKind::NoTime, line);
        }
        if lacks(places.activity) {
            document.notice(NoticeKind::NoName, line);
        }
        document.traces[trace].events.push(event);
    }
    Ok(document)
}

fn attribute(key: Name, value: Value) -> Attribute {
    Attribute {
        key,
        value,
        children: Vec::new(),
    }
}

/// Whose attribute a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Event,
    Case,
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Int,
    Float,
    Time,
}

impl Kind {
    fn value(self, field: &str) -> Result<(Value, bool), MomentError> {
        let text = || Value::String(field.into());
        let value = match self {
            Self::Time => {
                let read = moment::read(field)?;
                return Ok((Value::Date(read.at), read.has_offset));
            }
            Self::String => text(),
            Self::Int => field.parse().map_or_else(|_| text(), Value::Int),
            Self::Float => float(field).map_or_else(text, Value::Float),
        };
        Ok((value, true))
    }
}

#[derive(Debug, Clone, Copy)]
struct Meaning {
    owner: Owner,
    key: Name,
    kind: Kind,
}

fn meanings(
    document: &mut Document,
    header: &csv::StringRecord,
    places: Places,
    rows: &[csv::StringRecord],
) -> Vec<Meaning> {
    let column = |(place, name): (usize, &str)| {
        let at = Some(place);
        let (owner, key, kind) = if place == places.case {
            (Owner::Nobody, "concept:name", Kind::String)
        } else if place == places.activity {
            (Owner::Event, "concept:name", Kind::String)
        } else if at == places.time {
            (Owner::Event, "time:timestamp", Kind::Time)
        } else if at == places.resource {
            (Owner::Event, "org:resource", Kind::String)
        } else if at == places.lifecycle {
            (Owner::Event, "lifecycle:transition", Kind::String)
        } else {
            let kind = kind_of(place, rows);
            match name.strip_prefix(OF_CASE) {
                Some(name) => (Owner::Case, name, kind),
                None => (Owner::Event, name, kind),
            }
        };
        let key = document.keys.intern(key);
        Meaning { owner, key, kind }
    };
    header.iter().enumerate().map(column).collect()
}

/// The narrowest type that each value of a column has.
fn kind_of(place: usize, rows: &[csv::StringRecord]) -> Kind {
    let values = || {
        rows.iter()
            .map(|row| &row[place])
            .filter(|field| !field.is_empty())
    };
    // A number with a zero before it is a name: `007` would lose something.
    let is_name = |field: &str| {
        let digits = field.strip_prefix('-').unwrap_or(field);
        digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
    };
    let is_int = |field: &str| field.parse::<i64>().is_ok();
    if values().next().is_none() || values().any(is_name) {
        Kind::String
    } else if values().all(is_int) {
        Kind::Int
    } else if values().all(|field| float(field).is_some()) {
        Kind::Float
    } else {
        Kind::String
    }
}

/// The line in which a row begins. A row's place lies before the ends of lines that are still to be passed: the
/// second half of a `\r\n`, and empty lines.
fn line_of(text: &str, place: &csv::Position) -> u64 {
    let at = usize::try_from(place.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    place.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

fn separator(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |separator: u8| header.bytes().filter(|byte| *byte == separator).count();
    let candidates = [b'\t', b';', b','];
    let most = candidates
        .into_iter()
        .max_by_key(|separator| count(*separator));
    most.filter(|separator| count(*separator) > 0)
        .unwrap_or(b',')
}

/// Writes the traces as a table: the case first, then its own attributes as `case:…`, then those of
/// events, each in the order of its first mention. Says how many values no table can hold: lists,
/// attributes of attributes, and what a key says a second time.
///
/// # Errors
/// When the sink fails, or a time lies in a year that cannot be written.
pub fn write_csv<W: Write>(sink: W, document: &Document) -> Result<u64, CsvError> {
    let mut of_case = Vec::new();
    let mut of_event = Vec::new();
    let name = document.keys.find("concept:name");
    for trace in &document.traces {
        let attributes = trace.attributes.iter().chain(trace.events.iter().flatten());
        for attribute in attributes {
            if let Value::Date(micros) = attribute.value
                && timestamp::format(micros.div_euclid(1000)).is_none()
            {
                return Err(CsvError::Year { micros });
            }
        }
        let case = trace
            .attributes
            .iter()
            .filter(|attribute| Some(attribute.key) != name);
        collect(&mut of_case, case);
        trace
            .events
            .iter()
            .for_each(|event| collect(&mut of_event, event.iter()));
    }
    // A table in which no event has a name is one of events all the same.
    if let Some(name) = name.filter(|name| !of_event.contains(name)) {
        of_event.push(name);
    }
    let mut table = csv::Writer::from_writer(sink);
    let text = |key: &Name| document.keys.text(*key);
    let mut row: Vec<String> = vec![format!("{OF_CASE}concept:name")];
    row.extend(of_case.iter().map(|key| format!("{OF_CASE}{}", text(key))));
    row.extend(of_event.iter().map(|key| text(key).to_owned()));
    table.write_record(&row)?;
    let mut left_out = 0;
    for (index, trace) in document.traces.iter().enumerate() {
        let id = document
            .find(&trace.attributes, "concept:name")
            .and_then(cell);
        let mut case = vec![id.unwrap_or_else(|| format!("trace {}", index + 1))];
        cells(&mut case, &of_case, &trace.attributes);
        left_out += lost(&trace.attributes);
        for event in &trace.events {
            row.clone_from(&case);
            cells(&mut row, &of_event, event);
            left_out += lost(event);
            table.write_record(&row)?;
        }
    }
    table.flush().map_err(csv::Error::from)?;
    Ok(left_out)
}

fn collect<'a>(keys: &mut Vec<Name>, attributes: impl Iterator<Item = &'a Attribute>) {
    for attribute in attributes {
        let is_list = matches!(attribute.value, Value::List(_));
        if !is_list && !keys.contains(&attribute.key) {
            keys.push(attribute.key);
        }
    }
}

fn cells(row: &mut Vec<String>, keys: &[Name], attributes: &[Attribute]) {
    for key in keys {
        let found = attributes.iter().find(|attribute| attribute.key == *key);
        row.push(
            found
                .and_then(|found| cell(&found.value))
                .unwrap_or_default(),
        );
    }
}

fn cell(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) | Value::Id(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float_text(*number),
        Value::Bool(truth) => truth.to_string(),
        Value::Date(at) => timestamp::format(at.div_euclid(1000))?,
        Value::List(_) => return None,
    })
}

fn lost(attributes: &[Attribute]) -> u64 {
    let of_one = |(index, attribute): (usize, &Attribute)| {
        let again = attributes[..index]
            .iter()
            .any(|before| before.key == attribute.key);
        let is_list = matches!(attribute.value, Value::List(_));
        u64::from(again || is_list) + attribute.children.len() as u64
    };
    attributes.iter().enumerate().map(of_one).sum()
}
