//! A decision as the host sees it, in JSON: what a strategy's tests compare.

use serde_json::{Map, Value, json};

use crate::decision::Decision;
use crate::fault::Fault;
use crate::group::GroupDecision;
use crate::wire;

/// What the host is told by a decision, under the contract's names, in snake case. Ids are filled in as for the
/// decision of that number; what is absent or empty is left out.
///
/// ```
/// use menagerie::prelude::*;
/// use serde_json::json;
///
/// let decided = menagerie::testing::decided(Decision::route(["parse", "report"]), 1)?;
/// assert_eq!(decided["start"][0], json!({"id": "parse", "agent": "parse", "kind": "route"}));
/// assert_eq!(decided["after"], json!({"report": ["parse"]}));
/// # Ok::<(), Fault>(())
/// ```
///
/// # Errors
/// The fault that the host would get, when something in the decision has no JSON form.
pub fn decided(decision: Decision, number: u32) -> Result<Value, Fault> {
    let decision = decision.into_wire(number)?;
    let start = decision.start.into_iter().map(|step| {
        let start = json!({ "id": step.id, "agent": step.agent, "kind": step.kind });
        with(
            start,
            [
                ("reason", step.reason.into()),
                ("input", document(step.input)),
                ("extra", named(step.extra)),
            ],
        )
    });
    let joins = decision.joins.into_iter().map(|join| {
        let start =
            json!({ "id": join.id, "aggregator": join.aggregator, "members": join.members });
        with(
            start,
            [
                ("reason", join.reason.into()),
                ("config", document(join.config)),
                ("extra", named(join.extra)),
            ],
        )
    });
    Ok(with(
        json!({
            "wake": wake(decision.wake),
            "wake_on_failure": decision.wake_on_failure,
            "reason": decision.reason,
            "confidence": decision.confidence,
        }),
        [
            ("start", start.collect()),
            ("joins", joins.collect()),
            ("after", after(decision.after)),
            ("end", ending(decision.end)),
            ("metadata", document(Some(decision.metadata))),
            ("extra", named(decision.extra)),
        ],
    ))
}

/// What the host is told by a group's decision; see [`decided`].
///
/// # Errors
/// As [`decided`].
pub fn group_decided(decision: GroupDecision, number: u32) -> Result<Value, Fault> {
    let decision = decision.into_wire(number)?;
    let start = decision.start.into_iter().map(|request| {
        let start = json!({ "id": request.id, "pipeline": request.pipeline, "kind": request.kind });
        with(
            start,
            [
                ("reason", request.reason.into()),
                ("input", document(request.input)),
                ("extra", named(request.extra)),
            ],
        )
    });
    Ok(with(
        json!({
            "wake": wake(decision.wake),
            "wake_on_failure": decision.wake_on_failure,
            "reason": decision.reason,
            "confidence": decision.confidence,
        }),
        [
            ("start", start.collect()),
            ("after", after(decision.after)),
            (
                "aggregator",
                decision.aggregator.map_or(Value::Null, Value::String),
            ),
            ("end", ending(decision.end)),
            ("metadata", document(Some(decision.metadata))),
            ("extra", named(decision.extra)),
        ],
    ))
}

/// Adds what is there.
fn with<const COUNT: usize>(mut object: Value, parts: [(&str, Value); COUNT]) -> Value {
    for (name, part) in parts {
        let is_absent = match &part {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_absent {
            object[name] = part;
        }
    }
    object
}

fn document(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null)
}

fn named(extra: Vec<(String, String)>) -> Value {
    extra
        .into_iter()
        .map(|(name, text)| (name, document(Some(text))))
        .collect::<Map<_, _>>()
        .into()
}

fn after(dependencies: Vec<wire::Dependency>) -> Value {
    dependencies
        .into_iter()
        .map(|dependency| (dependency.step, Value::from(dependency.after)))
        .collect::<Map<_, _>>()
        .into()
}

fn wake(wake: wire::Wake) -> Value {
    match wake {
        wire::Wake::AnyFinished => "any_finished".into(),
        wire::Wake::AllFinished => "all_finished".into(),
        wire::Wake::These(steps) => json!({ "these": steps }),
        wire::Wake::Timer(milliseconds) => json!({ "timer": milliseconds }),
    }
}

fn ending(end: Option<wire::Ending>) -> Value {
    match end {
        None => Value::Null,
        Some(end) => with(
            json!({ "status": end.status }),
            [
                ("reason", end.reason.into()),
                ("output", document(end.output)),
            ],
        ),
    }
}
