//! How a call ended and what it used.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call_log::OnUnknown;
use crate::spec::Reply;
use crate::types::{Fault, Level};

/// A line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How urgent the guest thinks it is.
    pub level: Level,
    /// As the guest wrote it: whoever shows it escapes it.
    pub message: String,
}

/// What a call used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel; compared only under equal engine fingerprints.
    pub fuel: u64,
    /// Microseconds in which guest code ran.
    pub busy_us: u64,
    /// Microseconds from the beginning to the end, waits included.
    pub wall_us: u64,
    /// The most memory it had at once, all its memories together.
    pub peak_memory_bytes: u64,
    /// Elements of all its tables together, which only grow.
    pub table_elements: u64,
    /// Calls from the guest to the host.
    pub host_calls: u32,
    /// Bytes that came from the guest, the answer included.
    pub bytes_to_host: u64,
    /// Bytes of the answer.
    pub output_bytes: u64,
    /// Host calls that a grant did not allow.
    pub denied_host_calls: u32,
    /// Host calls that may have been made twice.
    pub repeated_host_calls: u32,
    /// Microseconds in which the call waited for the host, and held no slot.
    pub host_wait_us: u64,
    /// How often the instance was given up while a host call went on. What is executed again up to
    /// there counts once in every figure of this record.
    pub suspensions: u32,
}

/// Everything that is known of a call when it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct CallReport {
    /// How it ended.
    pub ended: Ended,
    /// What it used.
    pub usage: Usage,
    /// The lines that were kept.
    pub log: Vec<LogLine>,
    /// The lines that were not.
    pub log_lines_dropped: u64,
    /// What it put into its own context. They count only if the step completes.
    pub context_writes: BTreeMap<String, String>,
}

/// How a call ended. A fault is the guest's answer; everything below it is not.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Ended {
    /// It answered.
    #[error("the guest answered")]
    Value(Reply),
    /// It answered that it did not succeed.
    #[error("the guest reported the fault `{}`: {}", .0.code, .0.message)]
    Fault(Fault),
    /// Its code trapped: a panic, an access out of bounds, a break of the component model's rules.
    #[error("the guest trapped: {message}")]
    Trap {
        /// The trap and the functions it happened in, shortened and escaped.
        message: String,
    },
    /// It asked for something of WASI that no guest can have: to sleep, a file, a socket.
    #[error("the guest asked for what is not to be had here: {what}")]
    Denied {
        /// What it was.
        what: String,
    },
    /// It ended its process instead of answering.
    #[error("the guest ended its process with the code {code} instead of answering")]
    Exit {
        /// As a process would have given it: 0 for success.
        code: u8,
    },
    /// It used up its fuel.
    #[error("the guest used all of its {limit} units of fuel (the limit `fuel`)")]
    Fuel {
        /// The meter's setting.
        limit: u64,
    },
    /// Its own code ran for too long.
    #[error("the guest's code ran for more than {} ms (the limit `busy`)", limit.as_millis())]
    Busy {
        /// The meter's setting.
        limit: Duration,
    },
    /// The whole call took too long.
    #[error("the call took more than {} ms", limit.as_millis())]
    Deadline {
        /// The call's timeout.
        limit: Duration,
    },
    /// It asked for more memory than it may have.
    #[error("the guest asked for {asked} bytes of memory, and its limit `memory` is {limit}")]
    Memory {
        /// The meter's setting.
        limit: u64,
        /// What all its memories together would have had.
        asked: u64,
    },
    /// It asked for more table elements than it may have.
    #[error(
        "the guest asked for {asked} table elements, and its limit `table_elements` is {limit}"
    )]
    Tables {
        /// The meter's setting.
        limit: u64,
        /// What all its tables together would have had.
        asked: u64,
    },
    /// It is made of more parts than it may have.
    #[error("the guest has more than {limit} {what} (the limit `{what}`)")]
    Parts {
        /// `instances`, `tables` or `memories`.
        what: &'static str,
        /// The meter's setting.
        limit: u32,
    },
    /// Its calls were nested too deeply.
    #[error("the guest's stack of {limit} bytes was exhausted")]
    Stack {
        /// The engine's setting.
        limit: u64,
    },
    /// Its answer breaks a rule.
    #[error("the guest's answer breaks the rule `{rule}`: {message}")]
    Output {
        /// The rule, as a token.
        rule: &'static str,
        /// Where, what was found and what was expected.
        message: String,
    },
    /// It passed too much to the host in all.
    #[error("the guest passed {passed} bytes to the host, and its limit `guest_bytes` is {limit}")]
    Bytes {
        /// The meter's setting.
        limit: u64,
        /// What it had passed when it was stopped.
        passed: u64,
    },
    /// It passed too much to the host at once: in one host call, or as its answer.
    #[error(
        "the guest passed more than {limit} bytes to the host at once (the limit `host_call_bytes`)"
    )]
    HostCallBytes {
        /// The meter's setting.
        limit: u64,
    },
    /// It called the host too often.
    #[error("the guest called the host more than {limit} times (the limit `host_calls`)")]
    HostCalls {
        /// The meter's setting.
        limit: u32,
    },
    /// It called one capability too often.
    #[error("the guest called the capability more than {limit} times (the limit `{meter}`)")]
    CapabilityCalls {
        /// The meter, as flow files call it.
        meter: &'static str,
        /// The meter's setting.
        limit: u32,
    },
    /// It held too many handles.
    #[error("the guest held more than {limit} handles (the limit `handles`)")]
    Handles {
        /// The meter's setting.
        limit: u32,
    },
    /// Somebody ended it.
    #[error("the call was cancelled")]
    Cancelled,
    /// It did something else than when it was executed before.
    #[error("`{plugin}` is nondeterministic: host call {ordinal} differs from the recorded one")]
    Nondeterministic {
        /// The plugin's name.
        plugin: String,
        /// The host call's number within the attempt.
        ordinal: u32,
    },
    /// A host call that must not be repeated was cut off before its answer was recorded.
    #[error("nobody knows what came of host call {ordinal}")]
    CallOutcomeUnknown {
        /// The host call's number within the attempt.
        ordinal: u32,
        /// What is to become of the step.
        on_unknown: OnUnknown,
    },
    /// It was never made: the request does not suit the plugin, or a limit exceeds a ceiling.
    #[error("the call was refused: {0}")]
    Refused(String),
    /// The host failed, not the guest: trying again may help.
    #[error("the host failed: {0}")]
    Host(String),
}

impl Ended {
    /// A stable token, for events and for other programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Ended::Value(_) => "value",
            Ended::Fault(_) => "fault",
            Ended::Trap { .. } => "trap",
            Ended::Denied { .. } => "wasi-denied",
            Ended::Exit { .. } => "exit",
            Ended::Fuel { .. } => "fuel",
            Ended::Busy { .. } => "busy",
            Ended::Deadline { .. } => "deadline",
            Ended::Memory { .. } => "memory",
            Ended::Tables { .. } => "tables",
            Ended::Parts { .. } => "parts",
            Ended::Stack { .. } => "stack",
            Ended::Output { .. } => "output",
            Ended::Bytes { .. } | Ended::HostCallBytes { .. } => "bytes",
            Ended::HostCalls { .. } | Ended::CapabilityCalls { .. } => "host-calls",
            Ended::Handles { .. } => "handles",
            Ended::Cancelled => "cancelled",
            Ended::Nondeterministic { .. } => "nondeterministic",
            Ended::CallOutcomeUnknown { .. } => "call-outcome-unknown",
            Ended::Refused(_) => "refused",
            Ended::Host(_) => "host",
        }
    }
}
