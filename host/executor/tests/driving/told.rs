//! What a run has told, without all that may differ between two ways of the same run.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_orchestration::run::Run;
use serde_json::{Value, json};

/// What must be equal: how the run ended, and every event but for what may differ, sorted.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    status: &'static str,
    result: Value,
    events: Vec<String>,
}

impl Told {
    pub(crate) fn of(run: &Run, mut events: Vec<Value>) -> Self {
        name_all_that_broke(&mut events);
        blame_all_that_failed(&mut events);
        let told = events
            .into_iter()
            .filter(|event| event["type"] != "call_reissued");
        let mut texts: Vec<String> = told
            .map(|mut event| {
                without_what_may_differ(&mut event);
                event.to_string()
            })
            .collect();
        texts.sort();
        Self {
            status: run.status().word(),
            result: run.result().value().clone(),
            events: texts,
        }
    }

    pub(crate) fn must_equal(&self, expected: &Self) {
        let missing = expected
            .events
            .iter()
            .filter(|event| !self.events.contains(event));
        let added = self
            .events
            .iter()
            .filter(|event| !expected.events.contains(event));
        assert!(
            self == expected,
            "{} {} instead of {} {}\nmissing: {:#?}\nadded: {:#?}",
            self.status,
            self.result,
            expected.status,
            expected.result,
            missing.collect::<Vec<_>>(),
            added.collect::<Vec<_>>(),
        );
    }
}

/// A step that is skipped for its dependencies names the one that failed first. Of several that do not
/// depend on each other that is for their interleaving to say, so all are named, if the one is among them.
fn name_all_that_broke(events: &mut [Value]) {
    let mut after: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut failed = BTreeSet::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for event in &*events {
        match event["type"].as_str() {
            Some("decided") => {
                for edge in event["answer"]["after"].as_array().into_iter().flatten() {
                    let these = edge["after"].as_array().into_iter().flatten().map(text);
                    after.entry(text(&edge["step"])).or_default().extend(these);
                }
            }
            Some("step_ended") => {
                match event["result"].get("failed") {
                    Some(_) => failed.insert(text(&event["id"])),
                    None => failed.remove(&text(&event["id"])),
                };
            }
            _ => {}
        }
    }
    for event in events.iter_mut() {
        let named = event["reason"].as_str().and_then(|reason| {
            let named = reason.strip_prefix("dependency_failed: the step `")?;
            named.strip_suffix("` failed").map(str::to_owned)
        });
        if let Some(named) = named {
            let mut broke = BTreeSet::new();
            let mut waits_for = vec![text(&event["id"])];
            while let Some(step) = waits_for.pop() {
                for dependency in after.get(&step).into_iter().flatten() {
                    match failed.contains(dependency) {
                        true => drop(broke.insert(dependency.clone())),
                        // One that was skipped for the same reason.
                        false => waits_for.push(dependency.clone()),
                    }
                }
            }
            if broke.contains(&named) {
                event["reason"] = json!(format!("dependency_failed: {broke:?}"));
            }
        }
    }
}

#[test]
fn of_several_dependencies_that_failed_any_may_be_the_one_that_is_named() {
    let story = |named: &str| {
        let failed = |id| json!({"type": "step_ended", "id": id, "result": {"failed": {}}});
        let mut events = vec![
            json!({"type": "decided", "answer": {"after": [{"step": "d", "after": ["c"]}, {"step": "c", "after": ["a", "b", "e"]}]}}),
            failed("a"),
            failed("b"),
            json!({"type": "step_ended", "id": "e", "result": {"completed": {}}}),
            json!({"type": "step_skipped", "id": "d", "reason": format!("dependency_failed: the step `{named}` failed")}),
        ];
        name_all_that_broke(&mut events);
        events.pop().unwrap()["reason"].clone()
    };
    assert_eq!(story("a"), story("b"));
    assert_ne!(story("a"), story("e"), "it did not fail");
}

/// A run that its strategy ends as failed is told with the failure of the step that failed last: of several
/// that is for their interleaving to say, so all are told, if the one is among them.
fn blame_all_that_failed(events: &mut [Value]) {
    let mut failures: BTreeMap<String, Value> = BTreeMap::new();
    for event in &*events {
        if event["type"] == "step_ended" {
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            match event["result"].get("failed") {
                Some(failure) => failures.insert(id, failure.clone()),
                None => failures.remove(&id),
            };
        }
    }
    let as_blamed = |(id, failure): (&String, &Value)| {
        let message = failure["message"].as_str().unwrap_or_default();
        json!({"code": failure["code"], "message": format!("step `{id}`: {message}")})
    };
    let blamed: Vec<Value> = failures.iter().map(as_blamed).collect();
    for event in events
        .iter_mut()
        .filter(|event| event["type"] == "run_ended")
    {
        let told = json!({"code": event["error"]["code"], "message": event["error"]["message"]});
        if blamed.contains(&told) {
            event["error"] = json!(blamed);
        }
    }
}

#[test]
fn of_several_steps_that_failed_any_may_be_the_one_that_is_blamed() {
    let story = |blamed: &str, code: &str| {
        let failed = |id: &str| json!({"type": "step_ended", "id": id, "result": {"failed": {"code": id, "message": "no"}}});
        let message = format!("step `{blamed}`: no");
        let mut events = vec![
            failed("a"),
            failed("b"),
            json!({"type": "run_ended", "error": {"code": code, "message": message}}),
        ];
        blame_all_that_failed(&mut events);
        events.pop().unwrap()["error"].clone()
    };
    assert_eq!(story("a", "a"), story("b", "b"));
    assert_ne!(story("a", "a"), story("a", "b"), "it failed otherwise");
    assert_ne!(story("a", "a"), story("c", "c"), "it did not fail");
}

/// Takes away times, the facts of calls, executions, causes, and which events came together.
fn without_what_may_differ(value: &mut Value) {
    let Value::Object(object) = value else {
        return;
    };
    for key in ["at", "retry_at", "execution", "cause", "continues"] {
        object.remove(key);
    }
    if object
        .get("call")
        .is_some_and(|call| call.get("queued").is_some())
    {
        object.remove("call");
    }
    object.values_mut().for_each(without_what_may_differ);
}
