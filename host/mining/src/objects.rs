//! Object-centric logs, OCEL 2.0: events that belong to several objects at once, as JSON and as XML.
//!
//! A log of cases says of an event which one case it belongs to; whoever looks at it from the agent's side counts an event
//! twice that two runs share. Here an event names all of its objects, once.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::event::{Case, ProcessEvent};
use crate::log::{Builder, Draft, Log, Transition};
use crate::{document, timestamp};

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
    /// An event names an object that is not there.
    #[error("event `{event}` names object `{object}`, which is not there")]
    Dangling {
        /// The event.
        event: String,
        /// The object.
        object: String,
    },
    /// A time is none.
    #[error("event `{event}`: {source}")]
    Moment {
        /// The event.
        event: String,
        /// What was found.
        source: document::MomentError,
    },
}

impl ObjectLog {
    /// The log of a host's runs: runs, the agents that work in them, the pipelines that they follow.
    pub fn of_cases<E>(cases: impl IntoIterator<Item = Case<E>>) -> Self
    where
        E: IntoIterator<Item: Borrow<ProcessEvent>>,
    {
        let mut making = Making::default();
        for case in cases {
            let run = making.object("run", &case.id);
            let state = Valued {
                name: "status".to_owned(),
                time: Some(time(0)),
                value: case.state.as_str().into(),
            };
            making
                .objects
                .entry(run.clone())
                .and_modify(|object| object.attributes.push(state));
            for event in case.events {
                let event = event.borrow();
                let mut about = vec![relationship(&run, "run")];
                if let Some(agent) = &event.resource {
                    about.push(relationship(&making.object("agent", agent), "worked on by"));
                }
                if let Some(group) = &event.group {
                    let pipeline = making.object("pipeline", group);
                    making.belongs(&run, &pipeline, "follows");
                    about.push(relationship(&pipeline, "pipeline"));
                }
                let attributes = [
                    ("lifecycle", Some(event.lifecycle.as_str().into())),
                    ("instance", Some(event.instance.clone().into())),
                    ("attempt", Some(event.attempt.into())),
                    ("cost", event.cost.as_ref().map(|cost| cost.amount().into())),
                    (
                        "currency",
                        event.cost.as_ref().map(|cost| cost.currency.clone().into()),
                    ),
                    ("tokens", event.tokens.map(Into::into)),
                    ("fuel", event.fuel.map(Into::into)),
                ];
                making.event(
                    &event.event_id,
                    &event.activity,
                    event.at_ms,
                    &attributes,
                    about,
                );
            }
        }
        making.finish()
    }

    /// A log of cases as it is: cases, and the resources that work in them. Events without a time are left out, since an
    /// object-centric event has one.
    #[must_use]
    pub fn of_log(log: &Log) -> Self {
        let mut making = Making::default();
        let text = |name| log.names().text(name);
        let mut number = 0_u64;
        for case in log.cases() {
            let id = making.object("case", text(case.id));
            for event in log.events_of(case) {
                let Some(at) = event.at else {
                    continue;
                };
                number += 1;
                let mut about = vec![relationship(&id, "case")];
                if let Some(resource) = event.resource {
                    about.push(relationship(
                        &making.object("resource", text(resource)),
                        "worked on by",
                    ));
                }
                let lifecycle = match event.transition {
                    Transition::Standard(lifecycle) => Some(lifecycle.as_str().into()),
                    Transition::Absent | Transition::Other => None,
                };
                let attributes = [("lifecycle", lifecycle)];
                making.event(
                    &format!("e{number}"),
                    text(event.activity),
                    at.div_euclid(1000),
                    &attributes,
                    about,
                );
            }
        }
        making.finish()
    }

    /// Reads OCEL 2.0 in JSON.
    ///
    /// # Errors
    /// When the text is none, or an event names what is not there.
    pub fn from_json(text: &str) -> Result<Self, ObjectError> {
        let log: Self = serde_json::from_str(text)?;
        let known: BTreeSet<&str> = log
            .objects
            .iter()
            .map(|object| object.id.as_str())
            .collect();
        for event in &log.events {
            let missing = event
                .relationships
                .iter()
                .find(|about| !known.contains(about.object_id.as_str()));
            if let Some(missing) = missing {
                return Err(ObjectError::Dangling {
                    event: event.id.clone(),
                    object: missing.object_id.clone(),
                });
            }
        }
        Ok(log)
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
                event: event.id.clone(),
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

    /// Writes OCEL 2.0 in XML.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write_xml<W: Write>(&self, mut sink: W) -> io::Result<()> {
        writeln!(sink, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>")?;
        for (many, one, types) in [
            ("object-types", "object-type", &self.object_types),
            ("event-types", "event-type", &self.event_types),
        ] {
            writeln!(sink, "  <{many}>")?;
            for kind in types {
                writeln!(
                    sink,
                    "    <{one} name=\"{}\"><attributes>",
                    escaped(&kind.name)
                )?;
                for attribute in &kind.attributes {
                    writeln!(
                        sink,
                        "      <attribute name=\"{}\" type=\"{}\"/>",
                        escaped(&attribute.name),
                        escaped(&attribute.kind)
                    )?;
                }
                writeln!(sink, "    </attributes></{one}>")?;
            }
            writeln!(sink, "  </{many}>")?;
        }
        writeln!(sink, "  <objects>")?;
        for object in &self.objects {
            writeln!(
                sink,
                "    <object id=\"{}\" type=\"{}\">",
                escaped(&object.id),
                escaped(&object.kind)
            )?;
            write_parts(&mut sink, &object.attributes, &object.relationships)?;
            writeln!(sink, "    </object>")?;
        }
        writeln!(sink, "  </objects>\n  <events>")?;
        for event in &self.events {
            writeln!(
                sink,
                "    <event id=\"{}\" type=\"{}\" time=\"{}\">",
                escaped(&event.id),
                escaped(&event.kind),
                event.time
            )?;
            write_parts(&mut sink, &event.attributes, &event.relationships)?;
            writeln!(sink, "    </event>")?;
        }
        writeln!(sink, "  </events>\n</log>")?;
        sink.flush()
    }
}

fn write_parts<W: Write>(
    sink: &mut W,
    attributes: &[Valued],
    relationships: &[Relationship],
) -> io::Result<()> {
    write!(sink, "      <attributes>")?;
    for attribute in attributes {
        let time = attribute
            .time
            .as_ref()
            .map(|time| format!(" time=\"{time}\""))
            .unwrap_or_default();
        let value = match &attribute.value {
            serde_json::Value::String(text) => escaped(text),
            other => escaped(&other.to_string()),
        };
        write!(
            sink,
            "<attribute name=\"{}\"{time}>{value}</attribute>",
            escaped(&attribute.name)
        )?;
    }
    write!(sink, "</attributes>\n      <objects>")?;
    for about in relationships {
        write!(
            sink,
            "<relationship object-id=\"{}\" qualifier=\"{}\"/>",
            escaped(&about.object_id),
            escaped(&about.qualifier)
        )?;
    }
    writeln!(sink, "</objects>")
}

/// As in pictures: whatever XML cannot hold is replaced.
fn escaped(text: &str) -> String {
    crate::picture::escaped(text)
}

fn time(at_ms: i64) -> String {
    let held = at_ms.clamp(timestamp::EARLIEST_MS, timestamp::LATEST_MS);
    timestamp::format(held).unwrap_or_default()
}

fn relationship(object: &str, qualifier: &str) -> Relationship {
    Relationship {
        object_id: object.to_owned(),
        qualifier: qualifier.to_owned(),
    }
}

/// A log that is being made.
#[derive(Debug, Default)]
struct Making {
    objects: BTreeMap<String, Object>,
    events: Vec<(i64, ObjectEvent)>,
    event_types: BTreeMap<String, BTreeSet<AttributeOf>>,
    object_types: BTreeMap<String, BTreeSet<AttributeOf>>,
}

impl Making {
    /// The id of an object; ids of different types are different, whatever the objects are called.
    fn object(&mut self, kind: &str, name: &str) -> String {
        let id = format!("{kind}:{name}");
        self.object_types.entry(kind.to_owned()).or_default();
        self.objects.entry(id.clone()).or_insert_with(|| Object {
            id: id.clone(),
            kind: kind.to_owned(),
            ..Object::default()
        });
        id
    }

    fn belongs(&mut self, object: &str, to: &str, qualifier: &str) {
        let about = relationship(to, qualifier);
        if let Some(object) = self.objects.get_mut(object)
            && !object.relationships.contains(&about)
        {
            object.relationships.push(about);
        }
    }

    fn event(
        &mut self,
        id: &str,
        activity: &str,
        at_ms: i64,
        attributes: &[(&str, Option<serde_json::Value>)],
        relationships: Vec<Relationship>,
    ) {
        let known = self.event_types.entry(activity.to_owned()).or_default();
        let mut valued = Vec::new();
        for (name, value) in attributes {
            if let Some(value) = value {
                known.insert(AttributeOf {
                    name: (*name).to_owned(),
                    kind: kind_of(value).to_owned(),
                });
                valued.push(Valued {
                    name: (*name).to_owned(),
                    time: None,
                    value: value.clone(),
                });
            }
        }
        let event = ObjectEvent {
            id: id.to_owned(),
            kind: activity.to_owned(),
            time: time(at_ms),
            attributes: valued,
            relationships,
        };
        self.events.push((at_ms, event));
    }

    fn finish(mut self) -> ObjectLog {
        for object in self.objects.values() {
            let known = self.object_types.entry(object.kind.clone()).or_default();
            for attribute in &object.attributes {
                let kind = kind_of(&attribute.value).to_owned();
                known.insert(AttributeOf {
                    name: attribute.name.clone(),
                    kind,
                });
            }
        }
        let types = |types: BTreeMap<String, BTreeSet<AttributeOf>>| {
            let one = |(name, attributes): (String, BTreeSet<AttributeOf>)| TypeOf {
                name,
                attributes: attributes.into_iter().collect(),
            };
            types.into_iter().map(one).collect()
        };
        self.events.sort_by_key(|(at, _)| *at);
        ObjectLog {
            object_types: types(self.object_types),
            event_types: types(self.event_types),
            objects: self.objects.into_values().collect(),
            events: self.events.into_iter().map(|(_, event)| event).collect(),
        }
    }
}

fn kind_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(number) if number.is_f64() => "float",
        serde_json::Value::Number(_) => "integer",
        _ => "string",
    }
}
