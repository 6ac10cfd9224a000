//! What went wrong with a call, and what kind of failure that is.

use serde::{Deserialize, Serialize};

use crate::document::Document;

/// Why a call, a step or a run did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure<D = Document> {
    /// A stable token: a fault's code (`invalid-input`, `transient`, …), a meter (`fuel`, `busy`,
    /// `deadline`, `memory`, …), `trap`, `host`, `poisoned`, or a [`DecisionError`](crate::plan::DecisionError)'s.
    pub code: String,
    /// For a person.
    pub message: String,
    /// The earliest next attempt, in milliseconds from the failure, as the guest asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
    /// What the guest said beyond the message.
    #[serde(
        default = "Option::default",
        bound(deserialize = "D: Deserialize<'de>"),
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub details: Option<D>,
}

/// A call that must not be repeated was cut off, and somebody has to find out what came of it.
pub const OUTCOME_UNKNOWN: &str = "call-outcome-unknown";

/// The same where the grant says that the step is to fail.
pub const OUTCOME_UNKNOWN_FAILED: &str = "call-outcome-unknown-failed";

/// The classes of R6, which later rules of recovery are keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The outside did not answer.
    Network,
    /// A meter or a timeout ended the call.
    Resource,
    /// The input is not what the agent takes.
    Validation,
    /// Something was refused.
    Security,
    /// Everything else.
    Unknown,
}

impl<D> Failure<D> {
    /// A failure of this code, with a sentence for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retry_after_ms: None,
            details: None,
        }
    }

    /// The class of the code.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self.code.as_str() {
            "transient" => FailureClass::Network,
            "invalid-input" => FailureClass::Validation,
            "denied" | "wasi-denied" => FailureClass::Security,
            "fuel" | "busy" | "deadline" | "memory" | "tables" | "stack" | "output" | "bytes"
            | "handles" | "host-calls" | "total_timeout" => FailureClass::Resource,
            _ => FailureClass::Unknown,
        }
    }

    /// Whether somebody has to look at it before anything else is done, whatever the flow says of
    /// failures: the guest asks for it, or something may have been done that must not be done twice.
    #[must_use]
    pub fn wants_review(&self) -> bool {
        self.code == "escalate" || self.code == OUTCOME_UNKNOWN
    }

    /// Whether another attempt may end otherwise.
    ///
    /// Fuel, memory, traps and bad output are deterministic: the same call would end the same way.
    /// Deadlines, the host's own failures and what a guest calls transient are facts of the moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self.code.as_str(),
            "transient" | "deadline" | "busy" | "host"
        )
    }
}
