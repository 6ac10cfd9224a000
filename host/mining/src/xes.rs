//! Logs as XES (IEEE 1849-2016), written so that tools read them.
//!
//! The order, the names, the globals and the times are those that OpenXES, PM4Py (all three of its
//! readers) and the schema agree on. Three choices are not obvious:
//!
//! - **One element per line**, since PM4Py's line reader finds no event otherwise, and nothing
//!   that its block reader, the default where lxml is missing, would stumble over.
//! - **A list** has its items directly within it, followed by an empty `values`. The schema wants
//!   `values` to have a key, and PM4Py's block reader loses the rest of the trace after a
//!   `values` that has both a key and content. As children of `list` the items are valid, if
//!   strictly its attributes rather than its values, and both readers that know lists keep them.
//! - **Characters that XML 1.0 cannot hold** become the picture that Unicode has for them (`␀`), or
//!   `U+FFFD`; [`Written::replaced_characters`] counts them. Keys become XML names: anything else
//!   than ASCII letters, digits and `_-.:` is written as `_xHHHH_`.
//!
//! Memory does not grow with the log: at most one event and 64 KiB of text are held.

use std::borrow::{Borrow, Cow};
use std::io::{self, Write};

use crate::event::{Attributes, Case, CaseState, ProcessEvent};
use crate::xml::XmlText;

use elements::{OutsideTime, attribute_line, date_line, number_line, text_line};

mod elements;

pub(crate) use elements::float_text;

/// What stands before the traces. The names of the extensions are those that OpenXES knows.
const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="nested-attributes">
	<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
	<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
	<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
	<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
	<extension name="Cost" prefix="cost" uri="http://www.xes-standard.org/cost.xesext"/>
	<extension name="Identity" prefix="identity" uri="http://www.xes-standard.org/identity.xesext"/>
	<global scope="trace">
		<string key="concept:name" value="UNKNOWN"/>
	</global>
	<global scope="event">
		<string key="concept:name" value="UNKNOWN"/>
		<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
		<string key="lifecycle:transition" value="complete"/>
	</global>
	<classifier name="Activity" scope="event" keys="concept:name"/>
	<classifier name="ActivityLifecycle" scope="event" keys="concept:name lifecycle:transition"/>
"#;

/// The keys that the writer itself gives to a log, a trace or an event.
const OWN_KEYS: [&str; 15] = [
    "concept:name",
    "concept:instance",
    "lifecycle:model",
    "lifecycle:transition",
    "org:resource",
    "org:group",
    "time:timestamp",
    "cost:total",
    "cost:currency",
    "identity:id",
    "attempt",
    "duration_ms",
    "fuel",
    "status",
    "tokens",
];

/// What an attribute's key begins with where it would clash with one of the writer's own.
const ASIDE: &str = "attribute:";

/// What is said of the log as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogHead {
    /// The log's name: the flow's, or the store's.
    pub name: String,
    /// Anything else.
    pub attributes: Attributes,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Traces.
    pub cases: u64,
    /// Events in all of them.
    pub events: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Characters that XML cannot hold and that are shown by another one.
    pub replaced_characters: u64,
}

/// Why a log could not be written. What the sink has by then is no whole log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XesError {
    /// The sink failed.
    #[error("the log could not be written after {bytes} bytes")]
    Sink {
        /// How far it came, counting what was not yet handed over.
        bytes: u64,
        /// What the sink said.
        source: io::Error,
    },
    /// A time that not every reader can hold.
    #[error(
        "{owner}: `{key}` is {at_ms} ms from 1970, which is not within the years 1 to 9999 that readers of XES can hold"
    )]
    Time {
        /// The event or the case.
        owner: String,
        /// The attribute.
        key: String,
        /// Its value.
        at_ms: i64,
    },
    /// A count that XES's integers cannot hold.
    #[error("{owner}: `{key}` is {value}, more than XES's largest integer, 2^63 - 1")]
    Count {
        /// The event.
        owner: String,
        /// The attribute.
        key: &'static str,
        /// Its value.
        value: u64,
    },
    /// An event that belongs to another case than the one being written.
    #[error("event `{event_id}` belongs to case `{belongs}`, not to `{case}`")]
    OtherCase {
        /// The event.
        event_id: String,
        /// The case that it names.
        belongs: String,
        /// The case being written.
        case: String,
    },
    /// An event before any case.
    #[error("event `{event_id}` comes before any case")]
    NoCase {
        /// The event.
        event_id: String,
    },
}

/// Writes a whole log: `sink` may be a file without a buffer of its own.
///
/// # Errors
/// The first thing that went wrong, see [`XesError`].
pub fn write_xes<W, E>(
    sink: W,
    head: &LogHead,
    cases: impl IntoIterator<Item = Case<E>>,
) -> Result<Written, XesError>
where
    W: Write,
    E: IntoIterator<Item: Borrow<ProcessEvent>>,
{
    let mut writer = XesWriter::new(sink, head)?;
    for case in cases {
        writer.case(&case.id, case.state, &case.attributes)?;
        for event in case.events {
            writer.event(event.borrow())?;
        }
    }
    writer.finish()
}

/// Writes a log piece by piece, for a source that can fail in between.
#[derive(Debug)]
pub struct XesWriter<W> {
    out: XmlText<W>,
    written: Written,
    case: Option<String>,
}

impl<W: Write> XesWriter<W> {
    /// Begins the log. The first byte for `sink` must be the first of its file.
    ///
    /// # Errors
    /// As [`write_xes`].
    pub fn new(sink: W, head: &LogHead) -> Result<Self, XesError> {
        let mut writer = Self {
            out: XmlText::new(sink),
            written: Written::default(),
            case: None,
        };
        writer.out.markup(HEAD);
        text_line(&mut writer.out, 1, "concept:name", &head.name);
        text_line(&mut writer.out, 1, "lifecycle:model", "standard");
        writer.attributes(1, &head.attributes, || "the log".to_owned())?;
        writer.flush_if_full()?;
        Ok(writer)
    }

    /// Begins a case and ends the one before it.
    ///
    /// # Errors
    /// As [`write_xes`].
    pub fn case(
        &mut self,
        id: &str,
        state: CaseState,
        attributes: &Attributes,
    ) -> Result<(), XesError> {
        self.end_case();
        self.out.markup("\t<trace>\n");
        self.case = Some(id.to_owned());
        self.written.cases += 1;
        text_line(&mut self.out, 2, "concept:name", id);
        text_line(&mut self.out, 2, "status", state.as_str());
        self.attributes(2, attributes, || format!("case `{id}`"))?;
        self.flush_if_full()
    }

    /// Writes an event of the case that was begun last.
    ///
    /// # Errors
    /// As [`write_xes`].
    pub fn event(&mut self, event: &ProcessEvent) -> Result<(), XesError> {
        match &self.case {
            Some(case) if *case == event.case => {}
            Some(case) => {
                return Err(XesError::OtherCase {
                    event_id: event.event_id.clone(),
                    belongs: event.case.clone(),
                    case: case.clone(),
                });
            }
            None => {
                let event_id = event.event_id.clone();
                return Err(XesError::NoCase { event_id });
            }
        }
        let owner = || format!("event `{}`", event.event_id);
        self.out.markup("\t\t<event>\n");
        text_line(&mut self.out, 3, "concept:name", &event.activity);
        text_line(&mut self.out, 3, "concept:instance", &event.instance);
        text_line(
            &mut self.out,
            3,
            "lifecycle:transition",
            event.lifecycle.as_str(),
        );
        if let Some(resource) = &event.resource {
            text_line(&mut self.out, 3, "org:resource", resource);
        }
        if let Some(group) = &event.group {
            text_line(&mut self.out, 3, "org:group", group);
        }
        date_line(&mut self.out, 3, "time:timestamp", event.at_ms)
            .map_err(|outside| outside.of(owner()))?;
        if let Some(cost) = &event.cost {
            number_line(&mut self.out, 3, ("float", "cost:total"), &cost.amount());
            text_line(&mut self.out, 3, "cost:currency", &cost.currency);
        }
        text_line(&mut self.out, 3, "identity:id", &event.event_id);
        for (key, value) in [
            ("attempt", Some(u64::from(event.attempt))),
            ("duration_ms", event.duration_ms),
            ("fuel", event.fuel),
            ("tokens", event.tokens),
        ] {
            if let Some(value) = value {
                self.count(key, value, owner)?;
            }
        }
        self.attributes(3, &event.attributes, owner)?;
        self.out.markup("\t\t</event>\n");
        self.written.events += 1;
        self.flush_if_full()
    }

    /// Ends the log and flushes the sink.
    ///
    /// # Errors
    /// As [`write_xes`].
    pub fn finish(mut self) -> Result<Written, XesError> {
        self.end_case();
        self.out.markup("</log>\n");
        let bytes = self.out.position();
        self.out
            .finish()
            .map_err(|source| XesError::Sink { bytes, source })?;
        Ok(Written {
            bytes,
            replaced_characters: self.out.replaced(),
            ..self.written
        })
    }

    fn end_case(&mut self) {
        if self.case.take().is_some() {
            self.out.markup("\t</trace>\n");
        }
    }

    fn flush_if_full(&mut self) -> Result<(), XesError> {
        let bytes = self.out.position();
        self.out
            .flush_if_full()
            .map_err(|source| XesError::Sink { bytes, source })
    }

    fn attributes(
        &mut self,
        depth: usize,
        attributes: &Attributes,
        owner: impl Fn() -> String,
    ) -> Result<(), XesError> {
        for (key, value) in attributes {
            // Without this a component that names its own datum `concept:name` could rename events.
            let taken = OWN_KEYS.contains(&key.as_str()) || key.starts_with(ASIDE);
            let key = if taken {
                Cow::Owned(format!("{ASIDE}{key}"))
            } else {
                Cow::Borrowed(key)
            };
            attribute_line(&mut self.out, depth, &key, value)
                .map_err(|outside| outside.of(owner()))?;
        }
        Ok(())
    }

    fn count(
        &mut self,
        key: &'static str,
        value: u64,
        owner: impl Fn() -> String,
    ) -> Result<(), XesError> {
        if i64::try_from(value).is_err() {
            let owner = owner();
            return Err(XesError::Count { owner, key, value });
        }
        number_line(&mut self.out, 3, ("int", key), &value.to_string());
        Ok(())
    }
}

impl OutsideTime {
    fn of(self, owner: String) -> XesError {
        let Self { key, at_ms } = self;
        XesError::Time { owner, key, at_ms }
    }
}
