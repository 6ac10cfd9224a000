//! Kinds of failure and their exit codes, known to the binary alone.

use std::process::ExitCode;

/// Something that ends the command without a run's own outcome.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Printed as it stands.
    text: String,
}

impl Failure {
    /// Wrong use, or a file that is not what it should be.
    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self {
            code: 2,
            text: format!("error: {message}"),
        }
    }

    /// A rendered diagnostic about a file.
    pub(crate) fn rendered(text: String) -> Self {
        Self { code: 2, text }
    }

    /// The host, or what it stands on, failed.
    pub(crate) fn host(what: &str, error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: 2,
            text: format!("error: {what}: {}", chain(error.into().as_ref())),
        }
    }

    /// What is printed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Prints it on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("{}", self.text.trim_end());
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
