//! Running a tool: with a clean environment, its output captured, and for no longer than is allowed.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::BuildError;

/// Set by cargo, clippy or a user for another build than this one.
const FOREIGN: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "MFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// A command in a folder, without what the surrounding build put into the environment.
pub(crate) fn command(program: impl Into<OsString>, dir: &Path) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(dir).stdin(Stdio::null());
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command
}

/// The cargo that runs this process, if one does; else the one on the path.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What a tool that has ended wrote.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The last lines of what it wrote about what went wrong.
    pub(crate) fn complaint(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().map(str::trim_end).collect();
        let text = lines[lines.len().saturating_sub(6)..].join("; ");
        if text.is_empty() {
            self.status.to_string()
        } else {
            text
        }
    }
}

/// Runs a tool to its end.
pub(crate) fn run(command: &mut Command) -> Result<Output, BuildError> {
    run_within(command, None).map(|(output, _)| output)
}

/// Runs a tool; kills it when the time is over, and then says so by the second value.
pub(crate) fn run_within(
    command: &mut Command,
    limit: Option<Duration>,
) -> Result<(Output, bool), BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(BuildError::run(&program))?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let (stdout, timed_out) = match limit {
        None => (stdout.recv().unwrap_or_default(), false),
        Some(limit) => match stdout.recv_timeout(limit) {
            Ok(text) => (text, false),
            Err(RecvTimeoutError::Disconnected) => (String::new(), false),
            Err(RecvTimeoutError::Timeout) => {
                kill(&mut child);
                (String::new(), true)
            }
        },
    };
    let status = child.wait().map_err(BuildError::run(&program))?;
    // A killed tool's own children may keep its pipe open: what they still say is not waited for.
    let stderr = if timed_out {
        String::new()
    } else {
        stderr.recv().unwrap_or_default()
    };
    Ok((
        Output {
            status,
            stdout,
            stderr,
        },
        timed_out,
    ))
}

fn kill(child: &mut Child) {
    // It fails only for a child that has ended, which is what is wanted.
    let _ = child.kill();
}

/// Reads a pipe to its end on a thread of its own, so that no full pipe can block the tool.
pub(crate) fn reader(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
            let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
        });
    }
    receive
}
