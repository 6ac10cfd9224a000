//! Where a replay and a journal part.

use serde::Serialize;
use serde_json::Value;

use crate::event::{CallOf, Event, Recorded, StepNo};

/// The first place in which the machine, or a guest that was executed again, does not give what the
/// journal has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The event's position in the journal.
    pub seq: u64,
    /// The event's type, as recorded; what the machine makes when nothing is.
    pub event: String,
    /// The step's id, or `decision-<number>`; empty for events of the run itself.
    pub step: String,
    /// The agent or aggregator of the step, or `strategy`; empty for events of the run itself.
    pub role: String,
    /// Which field of the event, as a JSON pointer; empty for the whole event.
    pub pointer: String,
    /// What the journal has; absent when it has nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// What was found now; absent when there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// What it means, where the two values do not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Difference {
    /// Two events that are not equal.
    #[must_use]
    pub fn between(seq: u64, recorded: &Recorded, made: &Recorded) -> Box<Self> {
        let mut difference = Self::at(seq, recorded);
        let (one, other) = (json(recorded), json(made));
        // Another type has other fields: naming the first of them would say nothing.
        let kinds = (one.get("type"), other.get("type"));
        if kinds.0 != kinds.1 {
            difference.pointer = "/type".to_owned();
            (difference.recorded, difference.found) = (kinds.0.cloned(), kinds.1.cloned());
        } else if let Some((pointer, recorded, found)) = first_difference(&one, &other) {
            difference.pointer = pointer;
            (difference.recorded, difference.found) = (recorded, found);
        }
        difference
    }

    /// An event that the machine makes, and the journal does not have.
    pub(super) fn missing(seq: u64, made: &Recorded, next: Option<&Recorded>) -> Box<Self> {
        let mut difference = Self::at(seq, made);
        difference.found = Some(json(made));
        difference.recorded = next.map(json);
        difference.note = Some("the machine makes an event here that the journal lacks".to_owned());
        difference
    }

    /// An event that the journal has, and the machine does not make.
    pub(super) fn unexpected(seq: u64, recorded: &Recorded) -> Box<Self> {
        let mut difference = Self::at(seq, recorded);
        difference.recorded = Some(json(recorded));
        difference.note = Some("the machine makes no event here".to_owned());
        difference
    }

    /// A field that makes no sense where it stands.
    pub(super) fn of_field(seq: u64, recorded: &Recorded, pointer: &str, note: &str) -> Box<Self> {
        let mut difference = Self::at(seq, recorded);
        pointer.clone_into(&mut difference.pointer);
        difference.recorded = json(recorded).pointer(pointer).cloned();
        difference.note = Some(note.to_owned());
        difference
    }

    /// A call that, executed again, went another way than the recorded one.
    #[must_use]
    pub fn of_call(seq: u64, recorded: &Recorded, pointer: &str, note: String) -> Box<Self> {
        let mut difference = Self::at(seq, recorded);
        pointer.clone_into(&mut difference.pointer);
        difference.note = Some(note);
        difference
    }

    fn at(seq: u64, recorded: &Recorded) -> Box<Self> {
        let (step, role) = subject(&recorded.event);
        Box::new(Self {
            seq,
            event: recorded.event.kind().to_owned(),
            step,
            role,
            pointer: String::new(),
            recorded: None,
            found: None,
            note: None,
        })
    }
}

fn json(recorded: &Recorded) -> Value {
    serde_json::to_value(recorded).unwrap_or_default()
}

/// Whose event it is: a step and who works on it.
fn subject(event: &Event) -> (String, String) {
    match event {
        Event::StepEnded { id, agent, .. }
        | Event::StepSkipped { id, agent, .. }
        | Event::Escalated { id, agent, .. }
        | Event::Answered { id, agent, .. }
        | Event::SharedSet { id, agent, .. }
        | Event::ArtifactPut { id, agent, .. } => (id.clone(), agent.clone()),
        Event::DecisionRequested { decision, .. }
        | Event::Decided { decision, .. }
        | Event::DecisionFailed { decision, .. } => {
            (format!("decision-{decision}"), "strategy".to_owned())
        }
        Event::CallRetried { call, .. } | Event::CallReissued { call, .. } => match call {
            CallOf::Decision(number) => (format!("decision-{number}"), "strategy".to_owned()),
            CallOf::Step(StepNo(number)) => (format!("step-{number}"), String::new()),
        },
        Event::RunStarted { .. }
        | Event::Paused { .. }
        | Event::Unpaused { .. }
        | Event::Migrated { .. }
        | Event::GrantRevoked { .. }
        | Event::GrantReturned { .. }
        | Event::InputRefused { .. }
        | Event::Checkpointed { .. }
        | Event::RunForked { .. }
        | Event::RunEnded { .. } => (String::new(), String::new()),
    }
}

/// The first place, in the order of keys and items, where two values differ, and both sides there.
pub(super) fn first_difference(
    one: &Value,
    other: &Value,
) -> Option<(String, Option<Value>, Option<Value>)> {
    fn look(
        one: Option<&Value>,
        other: Option<&Value>,
        pointer: &mut String,
    ) -> Option<(Option<Value>, Option<Value>)> {
        if one == other {
            return None;
        }
        let parts: Vec<(String, Option<&Value>, Option<&Value>)> = match (one, other) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
                keys.sort_unstable();
                keys.dedup();
                let part = |key: &String| {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    (escaped, one.get(key), other.get(key))
                };
                keys.into_iter().map(part).collect()
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => (0..one.len().max(other.len()))
                .map(|index| (index.to_string(), one.get(index), other.get(index)))
                .collect(),
            _ => return Some((one.cloned(), other.cloned())),
        };
        for (name, one, other) in parts {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&name);
            if let Some(found) = look(one, other, pointer) {
                return Some(found);
            }
            pointer.truncate(length);
        }
        None
    }
    let mut pointer = String::new();
    let (recorded, found) = look(Some(one), Some(other), &mut pointer)?;
    Some((pointer, recorded, found))
}
