//! From wasmtime's errors to the ways for a call to end.

use std::str::Utf8Error;

use wasmtime::{Trap, WasmBacktrace};

use crate::engine::EngineConfig;
use crate::limits::Limits;
use crate::linker::cut;
use crate::report::Ended;
use crate::stop::Stop;

/// Functions of a trap's backtrace that are shown.
const FRAMES_SHOWN: usize = 8;

/// Bytes of one function's name, and of a message.
const NAME_SHOWN: usize = 80;
const MESSAGE_SHOWN: usize = 2_000;

/// Texts of wasmtime's errors that have no public type. Tests hold each of them.
const HOST_CALL_BYTES: &str = "fuel allocated for hostcalls has been exhausted";
const HANDLES: &str = "store handle limit exceeded";
const PARTS: [(&str, &str); 3] = [
    ("resource limit exceeded: instance count", "instances"),
    ("resource limit exceeded: table count", "tables"),
    ("resource limit exceeded: memory count", "memories"),
];

/// How a call ended in which wasmtime reported `error`.
pub(crate) fn ended_by_error(
    error: &wasmtime::Error,
    limits: &Limits,
    ceilings: &EngineConfig,
) -> Ended {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return ended_by_stop(stop.clone());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Ended::Fuel { limit: limits.fuel },
        Some(Trap::StackOverflow) => {
            return Ended::Stack {
                limit: ceilings.stack_bytes as u64,
            };
        }
        _ => {}
    }
    if error
        .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
        .is_some()
    {
        return Ended::Host(format!("no place for another instance: {error:#}"));
    }
    let cause = error.root_cause().to_string();
    if cause.contains(HOST_CALL_BYTES) {
        return Ended::HostCallBytes {
            limit: limits.host_call_bytes,
        };
    }
    if cause.contains(HANDLES) {
        return Ended::Handles {
            limit: limits.handles,
        };
    }
    if let Some((_, what)) = PARTS.into_iter().find(|(text, _)| cause.starts_with(text)) {
        let limit = match what {
            "instances" => limits.instances,
            "tables" => limits.tables,
            _ => limits.memories,
        };
        return Ended::Parts { what, limit };
    }
    if error.downcast_ref::<Utf8Error>().is_some() && no_frames(error) {
        return Ended::Output {
            rule: "utf-8",
            message: cause,
        };
    }
    Ended::Trap {
        message: trap_message(error, &cause),
    }
}

/// Whether the guest's code had returned already: then the error lies in its answer.
fn no_frames(error: &wasmtime::Error) -> bool {
    error
        .downcast_ref::<WasmBacktrace>()
        .is_none_or(|backtrace| backtrace.frames().is_empty())
}

/// How a call ended that the host stopped.
pub(crate) fn ended_by_stop(stop: Stop) -> Ended {
    match stop {
        Stop::Memory { limit, asked } => Ended::Memory { limit, asked },
        Stop::Tables { limit, asked } => Ended::Tables { limit, asked },
        Stop::HostCalls { limit } => Ended::HostCalls { limit },
        Stop::CapabilityCalls { meter, limit } => Ended::CapabilityCalls { meter, limit },
        Stop::Bytes { limit, passed } => Ended::Bytes { limit, passed },
        Stop::Nondeterministic { plugin, ordinal } => Ended::Nondeterministic { plugin, ordinal },
        Stop::CallOutcomeUnknown {
            ordinal,
            on_unknown,
        } => Ended::CallOutcomeUnknown {
            ordinal,
            on_unknown,
        },
        // Taken care of before anybody asks how the call ended.
        Stop::Suspended => Ended::Host("a suspended call was not taken up again".to_owned()),
        Stop::Denied(what) => Ended::Denied { what },
        Stop::Exit { code } => Ended::Exit { code },
        Stop::Misuse(message) => Ended::Trap { message },
        Stop::Host(message) => Ended::Host(message),
    }
}

/// The cause and the innermost functions. Their names are the guest's, so they are cut short and
/// escaped.
fn trap_message(error: &wasmtime::Error, cause: &str) -> String {
    let mut message = cause.to_owned();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        let names: Vec<String> = backtrace
            .frames()
            .iter()
            .take(FRAMES_SHOWN)
            .map(|frame| match frame.func_name() {
                Some(name) => cut(format!("{:#}", name.escape_default()), NAME_SHOWN),
                None => format!("function {}", frame.func_index()),
            })
            .collect();
        if !names.is_empty() {
            message = format!("{message} (in {})", names.join(", called by "));
        }
    }
    cut(message, MESSAGE_SHOWN)
}
