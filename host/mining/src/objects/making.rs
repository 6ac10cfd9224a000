//! Object-centric logs out of cases: the host's own runs, and anybody's.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    AttributeOf, FIRST, Object, ObjectEvent, ObjectLog, Relationship, TypeOf, Valued, kind_of,
};
use crate::event::{Case, ProcessEvent};
use crate::log::{Log, Transition};
use crate::timestamp;

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
                time: Some(FIRST.to_owned()),
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
