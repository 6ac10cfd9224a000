//! A run's journal as a file that stands for itself: the flow, the events as they were written, and
//! the documents beside them.
//!
//! One JSON object a line. The first is the head; a document stands before the first event that
//! refers to it; events are the journal's own text, byte for byte. Such files are kept under
//! `tests/histories`, and every later version of the machine must tell them again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::document::Document;
use crate::event::Recorded;
use crate::wire::{self, WireError};

/// The version of the file's shape.
pub const VERSION: u32 = 1;

/// A run's journal, and what it needs to be told again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFile {
    /// For people: what the run shows.
    pub about: String,
    /// The version of the host that wrote it.
    pub host: String,
    /// The flow's text.
    pub flow: String,
    /// The documents beside the events, as JSON text, by digest (`sha256:…`).
    pub payloads: BTreeMap<String, String>,
    /// The events' text, in order.
    pub events: Vec<String>,
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A line is not what it should be.
    #[error("line {line} is no line of a history")]
    Line {
        /// Counts from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Not a history, or one of a newer host.
    #[error("the first line says `history`: {found}; this host reads up to {VERSION}")]
    Version {
        /// What was found.
        found: u64,
    },
    /// A document is not the one that its digest names.
    #[error("line {line}: the document has the digest {found}, not {expected}")]
    Digest {
        /// Counts from 1.
        line: usize,
        /// As the line says.
        expected: String,
        /// Of its text.
        found: String,
    },
    /// Neither a document nor the next event.
    #[error("line {line}: found {}, expected event {expected} or a document", .found.map_or("neither".to_owned(), |seq| format!("event {seq}")))]
    Order {
        /// Counts from 1.
        line: usize,
        /// The next position.
        expected: usize,
        /// The event's position, if it is one.
        found: Option<usize>,
    },
    /// An event cannot be read.
    #[error("event {seq} cannot be read")]
    Event {
        /// Its position.
        seq: usize,
        /// Why.
        #[source]
        source: WireError,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    history: u64,
    host: String,
    about: String,
    flow: String,
}

/// A document (`payload`, `text`) or an event (`seq`, `event`).
#[derive(Default, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

/// The digests that an event's text refers to.
///
/// # Errors
/// When the text is no event's.
pub fn digests(event: &str) -> Result<Vec<String>, WireError> {
    let mut found = Vec::new();
    wire::decode(event, &mut |digest: &str| {
        found.push(digest.to_owned());
        Ok(Document::empty_object())
    })?;
    Ok(found)
}

impl HistoryFile {
    /// The file's text.
    ///
    /// # Errors
    /// When an event's text is no event's.
    pub fn to_text(&self) -> Result<String, WireError> {
        let head = Head {
            history: VERSION.into(),
            host: self.host.clone(),
            about: self.about.clone(),
            flow: self.flow.clone(),
        };
        let mut lines = vec![serde_json::to_string(&head)?];
        let mut written = BTreeSet::new();
        for (seq, event) in self.events.iter().enumerate() {
            for digest in digests(event)? {
                if let Some(text) = self.payloads.get(&digest)
                    && written.insert(digest.clone())
                {
                    lines.push(serde_json::to_string(&Line {
                        payload: Some(digest),
                        text: Some(text.clone()),
                        ..Line::default()
                    })?);
                }
            }
            lines.push(serde_json::to_string(&Line {
                seq: Some(seq),
                event: Some(RawValue::from_string(event.clone())?),
                ..Line::default()
            })?);
        }
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Where it is no history, or a damaged one.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let mut lines = text.lines().enumerate();
        let head = lines.next().map_or("", |(_, head)| head);
        let wrong = |index: usize| {
            move |source| HistoryError::Line {
                line: index + 1,
                source,
            }
        };
        let head: Head = serde_json::from_str(head).map_err(wrong(0))?;
        if head.history != u64::from(VERSION) {
            return Err(HistoryError::Version {
                found: head.history,
            });
        }
        let mut history = Self {
            about: head.about,
            host: head.host,
            flow: head.flow,
            ..Self::default()
        };
        for (index, line) in lines {
            let read: Line = serde_json::from_str(line).map_err(wrong(index))?;
            let line = index + 1;
            let expected = history.events.len();
            match read {
                Line {
                    payload: Some(expected),
                    text: Some(text),
                    ..
                } => {
                    let found = wire::digest(text.as_bytes());
                    if found != expected {
                        return Err(HistoryError::Digest {
                            line,
                            expected,
                            found,
                        });
                    }
                    history.payloads.insert(expected, text);
                }
                Line {
                    seq: Some(found),
                    event: Some(event),
                    ..
                } if found == expected => history.events.push(event.get().to_owned()),
                Line { seq, .. } => {
                    return Err(HistoryError::Order {
                        line,
                        expected,
                        found: seq,
                    });
                }
            }
        }
        Ok(history)
    }

    /// The events, with the documents beside them.
    ///
    /// # Errors
    /// When one cannot be read, or a document is missing.
    pub fn recorded(&self) -> Result<Vec<Recorded>, HistoryError> {
        let mut payload = |digest: &str| {
            let text = self.payloads.get(digest).ok_or("it is not in the file")?;
            let value: serde_json::Value =
                serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Document::from(value))
        };
        let events = self.events.iter().enumerate();
        events
            .map(|(seq, event)| {
                wire::decode(event, &mut payload)
                    .map_err(|source| HistoryError::Event { seq, source })
            })
            .collect()
    }
}
