//! The answer of a plugin that did not succeed.

use std::fmt;

use crate::json::{IntoJson, Json, JsonError, shortened};
use crate::wire;

/// The host takes no message that is longer, in bytes.
const MESSAGE_BYTES: usize = 64 << 10;

/// What a plugin answers when it did not succeed: a code for the host, a message for a person.
///
/// A fault is an answer; a panic is a crash. Use `?` on a `Result` with another error by mapping it
/// to the constructor that says what the host should do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The token that decides what happens next; see the constructors.
    pub code: String,
    /// What happened and, where there is one, the line in the input. Beyond 64 KiB its middle is left out,
    /// since the host would refuse the whole fault.
    pub message: String,
    /// For `transient`: the earliest next attempt, in milliseconds from now.
    pub retry_after_ms: Option<u32>,
    /// Anything else that a program may want to know.
    pub details: Option<Json>,
}

impl Fault {
    /// A fault with a code of its own. The host treats a code that it does not know as `permanent`.
    pub fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            code: code.into(),
            message: message.to_string(),
            retry_after_ms: None,
            details: None,
        }
    }

    /// The input is not what this plugin takes. Never retried.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::new("invalid-input", message)
    }

    /// It may work later: the host tries again, as the flow's retry settings say.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new("transient", message)
    }

    /// It will not work, however often it is tried.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::new("permanent", message)
    }

    /// The host refused something that this plugin needs.
    pub fn denied(message: impl fmt::Display) -> Self {
        Self::new("denied", message)
    }

    /// A person, or another authority, must decide.
    pub fn escalate(message: impl fmt::Display) -> Self {
        Self::new("escalate", message)
    }

    /// Asks for no attempt before so many milliseconds from now.
    #[must_use]
    pub fn retry_after_ms(mut self, milliseconds: u32) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Attaches a value for programs to read. One that has no JSON form is left out: the fault itself
    /// matters more.
    #[must_use]
    pub fn details(mut self, details: impl IntoJson) -> Self {
        self.details = details.into_json().map(Json::from_text).ok();
        self
    }

    /// The fault of a document of the host's that does not fit the author's type.
    pub(crate) fn unreadable(what: &str, error: &JsonError) -> Self {
        Self::invalid_input(format_args!("{what} {error}")).details(Json::from_text(format!(
            r#"{{"pointer":{},"line":{},"column":{}}}"#,
            Json::new(&error.pointer).map_or_else(|_| "null".to_owned(), Json::into_text),
            error.line,
            error.column,
        )))
    }

    /// The fault of a value of the author's that has no JSON form.
    pub(crate) fn unwritable(what: &str, error: &JsonError) -> Self {
        Self::permanent(format_args!("{what} cannot be written as JSON: {error}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for wire::Fault {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code,
            message: shortened(&fault.message, MESSAGE_BYTES),
            retry_after_ms: fault.retry_after_ms,
            details: fault.details.map(Json::into_text),
            extra: Vec::new(),
        }
    }
}

impl From<wire::Fault> for Fault {
    fn from(fault: wire::Fault) -> Self {
        Self {
            code: fault.code,
            message: fault.message,
            retry_after_ms: fault.retry_after_ms,
            details: fault.details.map(Json::from_text),
        }
    }
}
