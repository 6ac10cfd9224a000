//! Reads and changes what the run shares as it is told, and answers with what came of that.

use menagerie::prelude::*;
use menagerie::shared::{self, Problem, Refusal, Versioned};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    /// One after the other.
    #[serde(default)]
    asks: Vec<Ask>,
}

/// What agents are told by the flow beside their input.
#[derive(Deserialize, Default)]
struct Config {
    /// Counted up so often by each step of the agent, under the key `count`.
    #[serde(default)]
    counts: u32,
    /// A key that is to be claimed, once.
    #[serde(default)]
    claims: Option<String>,
}

#[derive(Deserialize)]
struct Ask {
    key: String,
    /// Absent, the value is read.
    #[serde(default)]
    set: Option<Value>,
    #[serde(default)]
    expected: Option<u32>,
    /// Take it away instead.
    #[serde(default)]
    delete: bool,
    /// So many bytes of text instead.
    #[serde(default)]
    bytes: usize,
}

#[derive(Serialize)]
struct Output {
    answers: Vec<Answer>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Found(Option<(u32, Value)>),
    Set(u32),
    Deleted,
    Conflict(Option<(u32, Value)>),
    Problem(String, String),
}

#[menagerie::agent(skills = ["shares"], grants = ["shared"])]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    let mut answers: Vec<Answer> = task.input.asks.into_iter().map(answer).collect();
    for _ in 0..task.config.counts {
        let counted = shared::update("count", |present| {
            let present = present.and_then(|present| present.value.read::<u32>().ok());
            present.unwrap_or(0) + 1
        })?;
        answers.push(Answer::Set(counted.version));
    }
    if let Some(key) = task.config.claims {
        answers.push(changed(&key, None, invocation::step().into()));
    }
    Ok(Outcome::new(Output { answers }))
}

fn answer(ask: Ask) -> Answer {
    let set = match ask.bytes {
        0 => ask.set,
        bytes => Some("x".repeat(bytes).into()),
    };
    if ask.delete {
        return match shared::delete(&ask.key, ask.expected.unwrap_or(0)) {
            Ok(()) => Answer::Deleted,
            Err(refusal) => refused_change(refusal),
        };
    }
    match set {
        Some(value) => changed(&ask.key, ask.expected, value),
        None => match shared::get(&ask.key) {
            Ok(found) => Answer::Found(found.map(told)),
            Err(problem) => refused(problem),
        },
    }
}

fn changed(key: &str, expected: Option<u32>, value: Value) -> Answer {
    match shared::compare_and_set(key, expected, value) {
        Ok(version) => Answer::Set(version),
        Err(refusal) => refused_change(refusal),
    }
}

fn refused_change(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Conflict(found) => Answer::Conflict(found.map(told)),
        Refusal::Problem(problem) => refused(problem),
    }
}

fn told(found: Versioned) -> (u32, Value) {
    (found.version, found.value.read().unwrap_or_default())
}

fn refused(problem: Problem) -> Answer {
    Answer::Problem(problem.code, problem.message)
}
