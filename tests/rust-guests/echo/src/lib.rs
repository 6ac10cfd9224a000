//! Gives back the text that it is given, with its length: reads a document, writes a document.

use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    text: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    text: String,
    length: usize,
    tags: Vec<String>,
}

#[menagerie::agent(skills = ["echo"])]
fn process(task: Task<Input>) -> Result<Outcome<Output>, Fault> {
    let Input { text, tags } = task.input;
    if text.is_empty() {
        return Err(Fault::invalid_input("`text` is empty"));
    }
    Ok(Outcome::new(Output {
        length: text.chars().count(),
        text,
        tags,
    })
    .confidence(1.0))
}
