//! Looking at a configuration before any run starts.

use crate::json::JsonError;
use crate::wire;

/// One thing that is wrong with a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: an RFC 6901 JSON pointer, such as `/rules/0/when`.
    pub pointer: String,
    /// Where within the string at `pointer`, in bytes, when that is known.
    pub offset: Option<u32>,
    /// What was found and what was expected.
    pub message: String,
}

impl Problem {
    /// A problem with the value at a JSON pointer; the empty pointer is the whole configuration.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            offset: None,
            message: message.into(),
        }
    }

    /// Says where within the string at the pointer, in bytes.
    #[must_use]
    pub fn offset(mut self, bytes: usize) -> Self {
        self.offset = u32::try_from(bytes).ok();
        self
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::at(error.pointer, error.message)
    }
}

impl From<Problem> for wire::config_check::ConfigProblem {
    fn from(problem: Problem) -> Self {
        Self {
            pointer: problem.pointer,
            offset: problem.offset,
            message: problem.message,
        }
    }
}
