//! The guest of `tests/languages/cases.toml` in Rust: what the other languages are compared with.

use menagerie::prelude::*;
use serde_json::{Map, json};

fn unknown() -> Fault {
    Fault::invalid_input("`do` has to be one of those in cases.toml")
}

fn value(value: Value) -> Result<Outcome<Value>, Fault> {
    Ok(Outcome::new(json!({ "value": value })))
}

/// Undoes what a step made, if it made anything.
fn undo(task: Task<Value, Value>, outcome: Outcome<Value>) -> Result<(), Fault> {
    let made = outcome.output.get("made").and_then(Value::as_str);
    let made = made.ok_or_else(|| Fault::permanent("there is nothing to undo"))?;
    let thing = task.input.get("value").and_then(Value::as_str);
    let sure = match outcome.confidence == Some(0.25) {
        true => "sure",
        false => "unsure",
    };
    let (thing, attached) = (thing.unwrap_or_default(), outcome.attachments.len());
    menagerie::info!("undid {thing}: {made}, {sure}, {attached}");
    Ok(())
}

fn look(config: Value, agents: Vec<String>) -> Vec<Problem> {
    let text = |name: &str| config.get(name).and_then(Value::as_str);
    let least = text("least").map(|_| Problem::at("/least", "expected a number"));
    let needs = text("needs").filter(|needs| !agents.iter().any(|agent| agent == needs));
    let needs = needs.map(|_| Problem::at("/needs", "expected an agent of the flow"));
    least.into_iter().chain(needs).collect()
}

#[menagerie::agent(compensate = undo, check = look)]
fn process(task: Task<Value, Value>) -> Result<Outcome<Value>, Fault> {
    let input = task.input.as_object().ok_or_else(unknown)?;
    let given = || input.get("value").cloned().unwrap_or_default();
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("do") {
        "echo" => value(given()),
        "config" => value(task.config),
        "sure" => Ok(Outcome::new(json!({"value": "sure"})).confidence(0.25)),
        "fault" => Err(Fault::new(text("code"), "as it was asked for")),
        // There is no standard output in this target: the log stands for it.
        "log" | "print" => {
            menagerie::info!("{}", text("value"));
            value(json!(if text("do") == "log" {
                "logged"
            } else {
                "printed"
            }))
        }
        "random" => {
            let whole = f64::from(random::next_u32()) / 4_294_967_296.0;
            let drawn = [random::next_f64(), random::next_f64(), whole];
            let within = drawn.iter().all(|one| (0.0..1.0).contains(one));
            let unlike = drawn[0] != drawn[1] && drawn[1] != drawn[2];
            value(json!([within, unlike, random::bytes(8).len() == 8]))
        }
        "time" => value(json!([clock::now_ms(), clock::now()])),
        "invocation" => value(json!([
            invocation::run(),
            invocation::step(),
            invocation::name(),
            invocation::attempt()
        ])),
        "limits" => {
            let before = invocation::fuel_left();
            let within = invocation::deadline_ms() > 0;
            value(json!([within, before > invocation::fuel_left()]))
        }
        "progress" => {
            progress::fraction(0.5);
            progress::note("half of it");
            progress::chunk("a piece");
            value(json!("shown"))
        }
        "hints" => {
            let hints = invocation::hints().into_iter();
            let read = hints.map(|(name, hint)| Some((name, hint.read::<Value>().ok()?)));
            value(Value::Object(read.flatten().collect::<Map<_, _>>()))
        }
        "context" => {
            let before: Option<Value> = invocation::context_get("before")?;
            invocation::context_put("now", json!({"n": 2}))?;
            let now: Option<Value> = invocation::context_get("now")?;
            let never: Option<Value> = invocation::context_get("never")?;
            value(json!([before, now, never.is_none()]))
        }
        "attach" => {
            let outcome = Outcome::new(json!({ "value": task.attachments.len() }));
            let attachments = task.attachments.into_iter();
            Ok(attachments.fold(outcome, Outcome::attach))
        }
        "extra" => {
            let note = Json::from_text(r#"{"n":[1]}"#);
            Ok(Outcome::new(json!({"value": "extra"})).extra("note", note))
        }
        "later" => Err(Fault::transient("not yet")
            .retry_after_ms(1500)
            .details(json!({"place": [1, 2]}))),
        "last" => {
            let last = invocation::last_fault().ok_or_else(unknown)?;
            value(json!([last.code, last.message, invocation::attempt()]))
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        _ => Err(unknown()),
    }
}
