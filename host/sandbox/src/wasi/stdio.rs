//! The command line's side of WASI: standard streams, an empty environment, no folders, no sockets, and
//! an exit that is a trap.

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::sockets::instance_network;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, Network};

use super::io::{STDERR, STDOUT};
use crate::state::CallState;
use crate::stop::Stop;
use crate::types::Level;

/// Bytes of a line that are kept together; a longer one goes into the log in pieces.
const LONGEST_LINE: usize = 16 << 10;

/// What was written to the standard streams and is not a whole line yet.
#[derive(Debug, Default)]
pub(crate) struct Standard {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl CallState {
    /// Passes whole lines on to the log: of standard output as `info`, of standard error as `warn`.
    pub(super) fn write_standard(&mut self, is_error: bool, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let kept = self.unfinished(is_error);
            kept.extend_from_slice(piece);
            if piece.ends_with(b"\n") || kept.len() >= LONGEST_LINE {
                self.end_line(is_error);
            }
        }
    }

    /// Passes on what is left when the call has ended.
    pub(crate) fn flush_standard(&mut self) {
        for is_error in [false, true] {
            if !self.unfinished(is_error).is_empty() {
                self.end_line(is_error);
            }
        }
    }

    fn unfinished(&mut self, is_error: bool) -> &mut Vec<u8> {
        if is_error {
            &mut self.standard.err
        } else {
            &mut self.standard.out
        }
    }

    fn end_line(&mut self, is_error: bool) {
        let line = std::mem::take(self.unfinished(is_error));
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line).into_owned();
        let level = if is_error { Level::Warn } else { Level::Info };
        if let Some(line) = self.log.write(self.meters.limits(), level, text) {
            self.observer.log(line);
        }
    }
}

impl environment::Host for CallState {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.meters.host_call(0)?;
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        self.meters.host_call(0)?;
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        self.meters.host_call(0)?;
        Ok(None)
    }
}

impl exit::Host for CallState {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(Stop::Exit {
            code: u8::from(status.is_err()),
        }
        .into())
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(Stop::Exit { code }.into())
    }
}

impl stdin::Host for CallState {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(0))
    }
}

impl stdout::Host for CallState {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(STDOUT))
    }
}

impl stderr::Host for CallState {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(STDERR))
    }
}

impl terminal_input::Host for CallState {}

impl terminal_input::HostTerminalInput for CallState {
    fn drop(&mut self, _: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl terminal_output::Host for CallState {}

impl terminal_output::HostTerminalOutput for CallState {
    fn drop(&mut self, _: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl terminal_stdin::Host for CallState {
    fn get_terminal_stdin(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        self.meters.host_call(0)?;
        Ok(None)
    }
}

impl terminal_stdout::Host for CallState {
    fn get_terminal_stdout(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.meters.host_call(0)?;
        Ok(None)
    }
}

impl terminal_stderr::Host for CallState {
    fn get_terminal_stderr(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.meters.host_call(0)?;
        Ok(None)
    }
}

impl preopens::Host for CallState {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.meters.host_call(0)?;
        Ok(Vec::new())
    }
}

impl instance_network::Host for CallState {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<Network>> {
        self.meters.host_call(0)?;
        Ok(Resource::new_own(0))
    }
}
