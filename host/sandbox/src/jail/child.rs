//! The inside of the jail: the order from the command line, bytes from standard input, machine code
//! to standard output.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::process::ExitCode;

use super::{CHILD_ARGUMENT, Order, REFUSED, Refusal, lockdown};
use crate::engine::compiler;
use crate::inspect::validate_code;
use crate::load_error::LoadError;

/// What a probe may take: it compiles nothing.
const PROBE_CPU_S: u64 = 10;
const PROBE_BYTES: u64 = 256 << 20;

/// Does a jail's work and gives the status to end with, if this process was started for that. To be
/// called before `main` does anything else: the fewer descriptors are open, the better.
#[must_use]
pub fn serve_if_child() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(CHILD_ARGUMENT)) {
        return None;
    }
    let order = arguments.next().and_then(|order| order.into_string().ok());
    let done = match order.as_deref().map(serde_json::from_str::<Order>) {
        Some(Ok(order)) => serve(order),
        _ => setup(&"this is no command for people"),
    };
    Some(match done {
        Ok(written) => answer(0, &written),
        Err(refusal) => {
            // A refusal holds nothing that JSON could not.
            let said = serde_json::to_vec(&refusal).unwrap_or_default();
            answer(REFUSED, &said)
        }
    })
}

fn setup<T>(message: &dyn fmt::Display) -> Result<T, Refusal> {
    Err(Refusal::Setup {
        message: message.to_string(),
    })
}

/// A parent that does not read any more does not care about the status either.
fn answer(status: u8, bytes: &[u8]) -> ExitCode {
    match std::io::stdout().lock().write_all(bytes) {
        Ok(()) => ExitCode::from(status),
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(order: Order) -> Result<Vec<u8>, Refusal> {
    match order {
        Order::Probe => {
            // Everything as when a component is compiled, and then some attempts.
            let mut tried = BTreeMap::new();
            let shut = lockdown::shut(PROBE_CPU_S, PROBE_BYTES, |layer| {
                tried.insert(layer, lockdown::Attempts::make());
            });
            let enforced = shut.or_else(|error| setup(&error))?;
            let enforced = lockdown::Enforced { tried, ..enforced };
            serde_json::to_vec(&enforced).or_else(|error| setup(&error))
        }
        Order::Compile {
            engine,
            cpu_s,
            memory_bytes,
        } => {
            let engine = compiler(&engine).or_else(|error| setup(&error))?;
            lockdown::shut(cpu_s, memory_bytes, |_| {}).or_else(|error| setup(&error))?;
            // Nothing untrusted has been seen up to here.
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .or_else(|error| setup(&error))?;
            validate_code(&bytes).map_err(refused)?;
            engine
                .precompile_component(&bytes)
                .map_err(|error| Refusal::Compile {
                    message: format!("{error:#}"),
                })
        }
    }
}

fn refused(error: LoadError) -> Refusal {
    match error {
        LoadError::Malformed { offset, message } => Refusal::Malformed { offset, message },
        other => Refusal::Compile {
            message: other.to_string(),
        },
    }
}
