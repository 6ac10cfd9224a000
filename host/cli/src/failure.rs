//! Kinds of failure and their exit codes, known to the binary alone.

use std::process::ExitCode;

use menagerie_orchestration::flow_file::Problem;
use serde_json::json;

use crate::output::err_in_colours;
use crate::terminal::diagnostics::render_problems;
use crate::terminal::text::safe_text;

/// The run failed.
pub(crate) const FAILED: u8 = 1;
/// Wrong use, or a file that is not what it should be.
pub(crate) const WRONG_USE: u8 = 2;
/// The run waits for somebody.
pub(crate) const WAITING: u8 = 3;
/// Interrupted: the run goes on when it is resumed.
pub(crate) const INTERRUPTED: u8 = 130;

/// Something that ends the command without a run's own outcome.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// For a person; nothing in it acts on a terminal but colours of the host's own.
    text: String,
    /// What is wrong in a file, place by place.
    problems: Vec<Problem>,
}

impl Failure {
    /// Wrong use, or a file that is not what it should be.
    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self {
            code: WRONG_USE,
            text: format!("error: {}", safe_text(&message.to_string())),
            problems: Vec::new(),
        }
    }

    /// Somebody has interrupted the command.
    pub(crate) fn interrupted(message: impl std::fmt::Display) -> Self {
        Self {
            code: INTERRUPTED,
            text: format!("interrupted: {}", safe_text(&message.to_string())),
            problems: Vec::new(),
        }
    }

    /// Problems of a file, shown at their places.
    pub(crate) fn in_file(name: &str, text: &str, problems: Vec<Problem>) -> Self {
        Self {
            code: WRONG_USE,
            text: render_problems(name, text, &problems),
            problems,
        }
    }

    /// The host, or what it stands on, failed.
    pub(crate) fn host(what: &str, error: impl Into<anyhow::Error>) -> Self {
        Self::usage(format!("{what}: {}", chain(error.into().as_ref())))
    }

    /// What is printed, as part of something else.
    pub(crate) fn message(&self) -> &str {
        let text = self.text.trim_end();
        text.strip_prefix("error: ").unwrap_or(text)
    }

    /// What is wrong in a file; empty when the failure is about something else.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Prints it on standard error, and for a program one document on standard output as well.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        err_in_colours(self.text.trim_end());
        if json {
            let mut error = json!({"exit_code": self.code});
            if self.problems.is_empty() {
                error["message"] = json!(self.message());
            } else {
                error["message"] = json!("the file is not what it should be");
                error["problems"] = json!(self.problems);
            }
            println!("{}", json!({"error": error}));
        }
        ExitCode::from(self.code)
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors say their cause themselves.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<menagerie_executor::ExecutorError> for Failure {
    fn from(error: menagerie_executor::ExecutorError) -> Self {
        if let menagerie_executor::ExecutorError::Owned { run, .. } = &error {
            return Self::usage(format!(
                "{error}; if that process hangs, take the run from it with: menagerie resume {run} --take-over"
            ));
        }
        Self::usage(chain(&error))
    }
}

impl From<menagerie_journal::Error> for Failure {
    fn from(error: menagerie_journal::Error) -> Self {
        Self::usage(chain(&error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::usage(chain(&error))
    }
}
