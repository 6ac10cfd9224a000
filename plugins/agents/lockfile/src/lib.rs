//! `lockfile` reads a `Cargo.lock` of any version into packages and their dependencies.
//!
//! # Input
//! The run's state with the text of a lock file under `lockfile`:
//! ```json
//! {"lockfile": "version = 4\n\n[[package]]\nname = \"app\"\n…"}
//! ```
//!
//! # Output
//! One object under the agent's name; it takes the place of the text in the run's state.
//! ```json
//! {"lockfile": {
//!   "lock_version": 4,
//!   "package_count": 2,
//!   "dependency_count": 1,
//!   "roots": ["app 0.1.0"],
//!   "packages": [
//!     {"name": "app", "version": "0.1.0", "dependencies": ["log 0.4.8"]},
//!     {"name": "log", "version": "0.4.8", "source": "registry+…", "checksum": "14b6…"}
//!   ],
//!   "unused_patches": ["quote 1.0.1"]
//! }}
//! ```
//! `packages` are ordered by name, version and source. What `roots` and `dependencies` call a package is
//! its id: `name version`, or `name version (source)` where two packages differ in their source alone;
//! only those carry it as `id`. `source`, `checksum`, `dependencies` and `unused_patches` are left out
//! where there are none. `roots` are the packages that everything else is there for.
//!
//! # Faults
//! `invalid-input` for a text that is no lock file. The message names line and column of the first
//! problem, what was found and what was expected; `details.problems` lists up to twenty of them. The text
//! itself is not repeated.
//!
//! # Configuration
//! None.

mod document;
mod lock;

use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

use crate::lock::Lock;

/// What this agent reads of the run's state.
#[derive(Debug, Deserialize)]
struct Input {
    lockfile: Value,
}

/// There is nothing to configure; whatever is there is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

/// The answer, under the agent's name so that it meets no other's.
#[derive(Debug, Serialize)]
struct Output {
    lockfile: Lock,
}

#[menagerie::agent(skills = ["rust", "supply-chain", "parsing"], check)]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    let Value::String(text) = task.input.lockfile else {
        return Err(Fault::invalid_input(
            "`lockfile` is no string; expected the text of a Cargo.lock",
        ));
    };
    match lock::read(&text) {
        Ok(lockfile) => Ok(Outcome::new(Output { lockfile })),
        Err(problems) => {
            let first = problems
                .first()
                .map_or_else(String::new, document::Problem::sentence);
            let more = match problems.len() {
                0 | 1 => String::new(),
                count => format!(" (the first of {count} problems)"),
            };
            let details = serde_json::json!({ "problems": problems });
            Err(Fault::invalid_input(format!("{first}{more}")).details(details))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failed expectation in a test is the test's answer"
    )]

    use super::{Config, Input, process};
    use menagerie::prelude::*;

    fn task(text: &str) -> Task<Input, Config> {
        Task::new(
            Input {
                lockfile: Value::String(text.to_owned()),
            },
            Config {},
        )
    }

    #[test]
    fn the_answer_is_one_object_under_the_agents_name() {
        let outcome = process(task(include_str!("../fixtures/v4.lock"))).unwrap();
        let output = serde_json::to_value(outcome.output).unwrap();
        assert_eq!(output["lockfile"]["package_count"], 5);
        assert_eq!(output.as_object().unwrap().len(), 1);
    }

    #[test]
    fn a_broken_lock_file_is_invalid_input_with_every_place() {
        let broken = "[[package]]\nname = \"a\"\n[[package]]\nversion = \"1\"\n";
        let fault = process(task(broken)).unwrap_err();
        assert_eq!(fault.code, "invalid-input");
        assert!(
            fault
                .message
                .starts_with("line 1, column 1: package `a` has no version"),
            "{}",
            fault.message
        );
        assert!(
            fault.message.ends_with("(the first of 2 problems)"),
            "{}",
            fault.message
        );
        let details: Value = fault.details.unwrap().read().unwrap();
        assert_eq!(details["problems"][1]["line"], 3);
        assert_eq!(details["problems"][1]["expected"], "`name = \"…\"`");
    }

    #[test]
    fn a_lock_that_was_read_before_is_refused_with_what_was_expected() {
        let task = Task::new(
            Input {
                lockfile: serde_json::json!({"packages": []}),
            },
            Config {},
        );
        assert_eq!(process(task).unwrap_err().code, "invalid-input");
    }
}
