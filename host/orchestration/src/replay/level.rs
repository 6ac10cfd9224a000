//! Another version of a plugin, judged by what it answers in the surroundings of a recorded run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::first_difference;
use super::shape::Shape;
use crate::decision::Decision;
use crate::event::{Event, Recorded, StepResult};
use crate::flow_file::compile_schema;

/// How alike two versions must be. Each level asks for what those before it ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing fails that did not fail.
    Fails,
    /// The output has the same shape: what the recorded version's manifest says of it, else the
    /// types and keys of the recorded output.
    Schema,
    /// The same routes and endings. Of a strategy: steps, agents, kinds, given inputs, dependencies,
    /// joins, wakes and the ending's status; not its reasons, confidence, metadata and the ending's
    /// output. Of an agent or aggregator: it ends alike, and the same follows from it.
    Decision,
    /// The same output, bit for bit, with its confidence and what the agent keeps.
    Output,
}

/// What became of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer is the recorded one.
    Same,
    /// It is another one.
    Differs,
    /// It failed, and the recorded one did not.
    NewFailure,
    /// It asked the host for something that the recorded one did not ask for: what it would have
    /// answered cannot be known.
    Diverged,
}

/// One call of both versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What became of it.
    pub verdict: Verdict,
    /// Whether the level is kept.
    pub holds: bool,
    /// Where: a JSON pointer into the event. The place that breaks the level, if one does, else the
    /// first that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is there in the recorded event, or what is expected there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
}

/// A manifest's output schema that is none.
#[derive(Debug, thiserror::Error)]
#[error("the output schema in the plugin's manifest cannot be used: {0}")]
pub struct SchemaError(String);

/// Compares events of two versions of a plugin at one level.
#[derive(Debug)]
pub struct Judge {
    level: Level,
    schema: Option<jsonschema::Validator>,
}

impl Judge {
    /// A judge at a level; `schema` is that of the recorded version's output, if it has one.
    ///
    /// # Errors
    /// When the schema is none, and the level asks for it.
    pub fn new(level: Level, schema: Option<&Value>) -> Result<Self, SchemaError> {
        let wanted = schema.filter(|_| level >= Level::Schema);
        // It comes from a plugin: patterns take linear time, and nothing is fetched.
        let schema = wanted.map(compile_schema).transpose();
        Ok(Self {
            level,
            schema: schema.map_err(|error| SchemaError(error.to_string()))?,
        })
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Compares the recorded event of a call's end with what follows from the other version's
    /// answer to the same call.
    #[must_use]
    pub fn compare(&self, recorded: &Recorded, found: &Recorded) -> Comparison {
        let (one, other) = (answer_of(recorded), answer_of(found));
        let Some((pointer, was, is)) = first_difference(&one, &other) else {
            return Comparison {
                verdict: Verdict::Same,
                holds: true,
                pointer: None,
                recorded: None,
                found: None,
            };
        };
        let new_failure = succeeded(recorded) && !succeeded(found);
        let broken = if new_failure {
            Some((pointer.clone(), was.clone(), is.clone()))
        } else {
            self.broken(recorded, found, &one, &other)
        };
        let holds = broken.is_none();
        let (pointer, recorded, found) = broken.unwrap_or((pointer, was, is));
        Comparison {
            verdict: if new_failure {
                Verdict::NewFailure
            } else {
                Verdict::Differs
            },
            holds,
            pointer: Some(pointer),
            recorded,
            found,
        }
    }

    /// The place that breaks the level, where nothing failed that did not fail before.
    fn broken(
        &self,
        recorded: &Recorded,
        found: &Recorded,
        one: &Value,
        other: &Value,
    ) -> Option<Place> {
        if self.level >= Level::Output {
            return first_difference(one, other);
        }
        if self.level >= Level::Decision
            && let Some(place) = first_difference(&route_of(recorded), &route_of(found))
        {
            return Some(place);
        }
        if self.level >= Level::Schema {
            return self.misshapen(recorded, found);
        }
        None
    }

    fn misshapen(&self, recorded: &Recorded, found: &Recorded) -> Option<Place> {
        let found = output_of(found)?;
        let under = |pointer: &str| format!("{OUTPUT}{pointer}");
        if let Some(schema) = &self.schema {
            let error = schema.iter_errors(found).next()?;
            let expected = Value::String(error.to_string());
            let place = error.instance_path().as_str();
            return Some((under(place), Some(expected), found.pointer(place).cloned()));
        }
        let misfit = Shape::of(output_of(recorded)?).admits(found).err()?;
        let is = found.pointer(&misfit.pointer).cloned();
        Some((
            under(&misfit.pointer),
            Some(Value::String(misfit.expected)),
            is,
        ))
    }
}

/// A JSON pointer and what two documents have there.
type Place = (String, Option<Value>, Option<Value>);

/// Where an output stands in its event.
const OUTPUT: &str = "/result/completed/output";

fn succeeded(recorded: &Recorded) -> bool {
    match &recorded.event {
        Event::StepEnded { result, .. } => matches!(result, StepResult::Completed { .. }),
        event => matches!(event, Event::Decided { .. }),
    }
}

fn output_of(recorded: &Recorded) -> Option<&Value> {
    match &recorded.event {
        Event::StepEnded {
            result: StepResult::Completed { output, .. },
            ..
        } => Some(output.value()),
        _ => None,
    }
}

/// What the plugin answered, at its place in the event.
fn answer_of(recorded: &Recorded) -> Value {
    let event = serde_json::to_value(&recorded.event).unwrap_or_default();
    kept(event, &["type", "answer", "failure", "result", "context"])
}

/// What the run does because of the answer, at its place in the event.
fn route_of(recorded: &Recorded) -> Value {
    match &recorded.event {
        Event::Decided { answer, .. } => {
            let mut event = kept(
                serde_json::to_value(&recorded.event).unwrap_or_default(),
                &["type"],
            );
            event["answer"] = route_of_decision(answer);
            event
        }
        Event::StepEnded { result, next, .. } => {
            let end = match result {
                StepResult::Completed { .. } => serde_json::json!({"completed": {}}),
                StepResult::Failed(failure) => {
                    serde_json::json!({"failed": {"code": failure.code}})
                }
            };
            serde_json::json!({"result": end, "next": next})
        }
        Event::DecisionFailed { failure, .. } => {
            serde_json::json!({"type": recorded.event.kind(), "failure": {"code": failure.code}})
        }
        _ => Value::Null,
    }
}

fn route_of_decision(answer: &Decision) -> Value {
    let route = serde_json::to_value(answer).unwrap_or_default();
    let keys = ["start", "joins", "after", "wake", "wake_on_failure", "end"];
    let mut route = kept(route, &keys);
    for list in ["start", "joins"] {
        let items = route.get_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            take(item, &["reason"]);
        }
    }
    if let Some(end) = route.get_mut("end") {
        take(end, &["reason", "output"]);
    }
    route
}

fn kept(mut value: Value, keys: &[&str]) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|key, _| keys.contains(&key.as_str()));
    }
    value
}

fn take(value: &mut Value, keys: &[&str]) {
    if let Value::Object(object) = value {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
}
