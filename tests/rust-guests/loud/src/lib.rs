//! Says what a terminal would act on, wherever a guest may say anything: in its manifest, its log,
//! its progress, its output, its faults and its panics.

use menagerie::host::log;
use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

/// A title for the window, a bell, a cleared screen by either introducer, a return over what is
/// written, a reversal of what follows, a script. The panther says that the rest is there as well.
const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\rover\u{8}\u{7f}\u{202e}<script>🐆\nnext\u{2028}line";

#[derive(Deserialize)]
struct Input {
    /// `answer`, `fault`, `transient`, `escalate` or `panic`.
    way: String,
}

#[derive(Serialize)]
struct Output {
    markdown: String,
}

#[menagerie::agent(
    // The SDK takes no worse name; a test writes one of the same length over it.
    name = "loudloud",
    description = "\u{1b}]0;owned\u{7}\u{9b}2J🐆",
    skills = ["\u{1b}]0;owned\u{7}\u{9b}2J🐆"]
)]
fn process(task: Task<Input>) -> Result<Outcome<Output>, Fault> {
    log::write(log::Level::Info, HOSTILE);
    progress::note(HOSTILE);
    match task.input.way.as_str() {
        "fault" => Err(Fault::permanent(HOSTILE)),
        "transient" => Err(Fault::transient(HOSTILE)),
        "escalate" => Err(Fault::escalate(HOSTILE)),
        "panic" => panic!("{HOSTILE}"),
        _ => Ok(Outcome::new(Output {
            markdown: format!("# {HOSTILE}"),
        })),
    }
}
