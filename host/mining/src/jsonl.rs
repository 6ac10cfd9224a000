//! The same events as JSON, one object per line, for scripts and data frames.
//!
//! Times are the text that XES has, money is a decimal text, and numbers that JSON lacks are `"NaN"`,
//! `"INF"` and `"-INF"`. A list is an array of `{"key": …, "value": …}`. What an event lacks is
//! left out. Memory does not grow with the log.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::event::{AttributeValue, ProcessEvent};
use crate::terminals::acts_on_terminals;
use crate::timestamp;
use crate::xes::float_text;

/// Why the events could not be written. The lines before `line` are whole.
#[derive(Debug, thiserror::Error)]
#[error("event `{event_id}`, line {line}, could not be written")]
pub struct JsonlError {
    /// The line, from 1.
    pub line: u64,
    /// The event.
    pub event_id: String,
    /// What the sink said, or that a time is outside of the years 1 to 9999.
    pub source: io::Error,
}

/// Writes every event on a line of its own and says how many there were.
///
/// `sink` should have a buffer: each line is written at once.
///
/// # Errors
/// When the sink fails, or when a time is not within the years 1 to 9999.
pub fn write_jsonl<W: Write, E: Borrow<ProcessEvent>>(
    mut sink: W,
    events: impl IntoIterator<Item = E>,
) -> Result<u64, JsonlError> {
    let mut lines = 0;
    let mut text = Vec::new();
    for event in events {
        let event = event.borrow();
        text.clear();
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, Harmless);
        let written = JsonEvent::of(event)
            .serialize(&mut serializer)
            .map_err(io::Error::from)
            .and_then(|()| {
                text.push(b'\n');
                sink.write_all(&text)
            });
        written.map_err(|source| JsonlError {
            line: lines + 1,
            event_id: event.event_id.clone(),
            source,
        })?;
        lines += 1;
    }
    Ok(lines)
}

/// Compact, with everything in texts escaped that a terminal would act on; serde escapes the rest.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(acts_on_terminals) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = tail.chars();
            // All of them are below U+10000, so that four digits are enough.
            if let Some(character) = characters.next() {
                write!(writer, "\\u{:04x}", u32::from(character))?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// An event as JSON has it; the order of the fields is the order in the line.
#[derive(Serialize)]
struct JsonEvent<'a> {
    event_id: &'a str,
    timestamp: JsonTime,
    case_id: &'a str,
    activity: &'a str,
    instance: &'a str,
    lifecycle: &'a str,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<JsonCost<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'a str, JsonValue<'a>>,
}

impl<'a> JsonEvent<'a> {
    fn of(event: &'a ProcessEvent) -> Self {
        let attributes = event.attributes.iter();
        Self {
            event_id: &event.event_id,
            timestamp: JsonTime(event.at_ms),
            case_id: &event.case,
            activity: &event.activity,
            instance: &event.instance,
            lifecycle: event.lifecycle.as_str(),
            attempt: event.attempt,
            resource: event.resource.as_deref(),
            group: event.group.as_deref(),
            duration_ms: event.duration_ms,
            cost: event.cost.as_ref().map(|cost| JsonCost {
                amount: cost.amount(),
                currency: &cost.currency,
            }),
            tokens: event.tokens,
            fuel: event.fuel,
            attributes: attributes
                .map(|(key, value)| (key.as_str(), JsonValue(value)))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonCost<'a> {
    amount: String,
    currency: &'a str,
}

struct JsonTime(i64);

impl Serialize for JsonTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match timestamp::format(self.0) {
            Some(text) => serializer.serialize_str(&text),
            None => Err(serde::ser::Error::custom(format_args!(
                "{} ms from 1970 is not within the years 1 to 9999",
                self.0
            ))),
        }
    }
}

#[derive(Serialize)]
struct JsonItem<'a> {
    key: &'a str,
    value: JsonValue<'a>,
}

struct JsonValue<'a>(&'a AttributeValue);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::String(text) | AttributeValue::Id(text) => {
                serializer.serialize_str(text)
            }
            AttributeValue::Int(number) => serializer.serialize_i64(*number),
            AttributeValue::Float(number) if number.is_finite() => {
                serializer.serialize_f64(*number)
            }
            AttributeValue::Float(number) => serializer.serialize_str(&float_text(*number)),
            AttributeValue::Bool(truth) => serializer.serialize_bool(*truth),
            AttributeValue::Date(at_ms) => JsonTime(*at_ms).serialize(serializer),
            AttributeValue::List(items) => {
                serializer.collect_seq(items.iter().map(|(key, value)| JsonItem {
                    key,
                    value: JsonValue(value),
                }))
            }
        }
    }
}
