use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    text: String,
}

#[derive(Serialize)]
struct Output {
    words: usize,
}

/// Replace this by your own work: a task in, an outcome or a fault out.
#[menagerie::agent]
fn process(task: Task<Input>) -> Result<Outcome<Output>, Fault> {
    let words = task.input.text.split_whitespace().count();
    menagerie::info!("{words} words");
    Ok(Outcome::new(Output { words }).confidence(1.0))
}
