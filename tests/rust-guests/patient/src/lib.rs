//! Takes its time, or fails at first, as its configuration says: for runs that are under way while
//! something happens to their host.

use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    text: String,
}

#[derive(Deserialize)]
struct Config {
    /// Attempts that fail and may be made again.
    #[serde(default)]
    failures: u32,
    /// How long after a failure the next attempt may come, in milliseconds.
    #[serde(default)]
    retry_after_ms: u32,
    /// Turns of a loop that does nothing else.
    #[serde(default)]
    turns: u64,
}

#[derive(Serialize)]
struct Output {
    text: String,
    attempt: u32,
}

#[menagerie::agent(skills = ["patience"])]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    let attempt = invocation::attempt();
    if attempt <= task.config.failures {
        return Err(Fault::transient("not yet").retry_after_ms(task.config.retry_after_ms));
    }
    for turn in 0..task.config.turns {
        std::hint::black_box(turn);
    }
    Ok(Outcome::new(Output {
        text: task.input.text,
        attempt,
    }))
}
