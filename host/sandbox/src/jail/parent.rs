//! The outside of the jail: starts the child, feeds it, reads it, and ends it when its time is up.

use std::fmt;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{CHILD_ARGUMENT, Enforced, JailConfig, Order, REFUSED, Refusal};
use crate::engine::EngineConfig;
use crate::load_error::LoadError;

/// What is kept of what a child says on standard error.
const STDERR_BYTES: u64 = 16 << 10;

/// How Rust begins to say that there is no memory left.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Why a jail gave neither machine code nor a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the compile jail {}: {message}", program)]
pub struct JailTrouble {
    /// The program that was to be it.
    pub program: String,
    /// What happened.
    pub message: String,
}

/// Compiles components, each in a child process of its own.
#[derive(Debug)]
pub(crate) struct Jail {
    config: JailConfig,
    turns: Turns,
}

impl Jail {
    pub(crate) fn new(config: JailConfig) -> Jail {
        let turns = Turns::new(config.at_once.max(1));
        Jail { config, turns }
    }

    /// Machine code for an engine of that configuration. Blocks until the child has ended.
    pub(crate) fn compile(
        &self,
        engine: &EngineConfig,
        bytes: &[u8],
    ) -> Result<Vec<u8>, LoadError> {
        let _turn = self.turns.take();
        let config = &self.config;
        let order = Order::Compile {
            engine: engine.clone(),
            cpu_s: config.cpu.as_secs().max(1),
            memory_bytes: config.memory_bytes,
        };
        let end = run(config, &order, bytes).map_err(|error| trouble(config, &error))?;
        outcome(config, end)
    }
}

pub(super) fn probe(config: &JailConfig) -> Result<Enforced, JailTrouble> {
    let end = run(config, &Order::Probe, &[]).map_err(|error| trouble(config, &error))?;
    if let Ok(Refusal::Setup { message }) = serde_json::from_slice(&end.stdout) {
        return Err(trouble(config, &message));
    }
    serde_json::from_slice(&end.stdout).map_err(|_| {
        let message = "it does not answer as one: does its `main` begin with `serve_if_child`?";
        trouble(config, &message)
    })
}

fn trouble(config: &JailConfig, message: &dyn fmt::Display) -> JailTrouble {
    JailTrouble {
        program: config.program.display().to_string(),
        message: message.to_string(),
    }
}

/// How a child ended.
struct End {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
    too_late: bool,
}

/// What the end of a child means.
fn outcome(config: &JailConfig, end: End) -> Result<Vec<u8>, LoadError> {
    if end.too_late {
        return Err(LoadError::CompileTime {
            limit: config.wall,
            clock: "time by the clock",
        });
    }
    if end.status.success() {
        return Ok(end.stdout);
    }
    if end.status.code() == Some(i32::from(REFUSED)) {
        return match serde_json::from_slice(&end.stdout) {
            Ok(Refusal::Malformed { offset, message }) => {
                Err(LoadError::Malformed { offset, message })
            }
            Ok(Refusal::Compile { message }) => Err(LoadError::Compile { message }),
            Ok(Refusal::Setup { message }) => Err(trouble(config, &message).into()),
            Err(error) => Err(trouble(config, &error).into()),
        };
    }
    if ended_by(end.status, rustix::process::Signal::XCPU) {
        return Err(LoadError::CompileTime {
            limit: config.cpu.max(Duration::from_secs(1)),
            clock: "processor time",
        });
    }
    if end.stderr.contains(OUT_OF_MEMORY) {
        return Err(LoadError::CompileMemory {
            limit: config.memory_bytes,
        });
    }
    // The compiler gave up in a way of its own: a panic, its stack, a killer of the system.
    let said: String = end.stderr.lines().take(4).collect::<Vec<_>>().join(" ");
    Err(LoadError::Compile {
        message: format!("the compiler ended with {}: {}", end.status, said.trim()),
    })
}

#[cfg(unix)]
fn ended_by(status: ExitStatus, signal: rustix::process::Signal) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(signal.as_raw())
}

/// Starts the child and stays until it has ended, by itself or by the clock.
fn run(config: &JailConfig, order: &Order, bytes: &[u8]) -> io::Result<End> {
    let order = serde_json::to_string(order).map_err(io::Error::other)?;
    let mut child = Command::new(&config.program)
        .args([CHILD_ARGUMENT, &order])
        .env_clear()
        // The allocator of the program, if it is that one, is not to set aside a gigabyte of addresses
        // before it is needed: it would count as taken, and be had beyond the limit.
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::Error::other("a child without its pipes"));
    };
    std::thread::scope(|scope| {
        // A child that refuses early does not read to the end, which is its right.
        scope.spawn(move || {
            let _ = stdin.write_all(bytes);
        });
        let complaints = scope.spawn(move || read(stderr, STDERR_BYTES));
        let (done, written) = channel();
        // More than its memory can hold it cannot have compiled.
        scope.spawn(move || {
            let _ = done.send(read(stdout, config.memory_bytes));
        });
        let (stdout, too_late) = match written.recv_timeout(config.wall) {
            Ok(stdout) => (stdout, false),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => (Vec::new(), true),
        };
        let status = end(&mut child, too_late)?;
        // Whoever panicked while it read has nothing to say.
        let stderr = complaints.join().unwrap_or_default();
        Ok(End {
            status,
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            too_late,
        })
    })
}

/// What has shut its standard output is about to end: there is nothing else for it to do.
fn end(child: &mut Child, too_late: bool) -> io::Result<ExitStatus> {
    if too_late {
        child.kill()?;
    }
    child.wait()
}

/// At most `limit` bytes; whatever broke off is judged by the child's status.
fn read(from: impl Read, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.take(limit).read_to_end(&mut bytes);
    bytes
}

/// So many at once.
#[derive(Debug)]
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    fn new(free: usize) -> Turns {
        Turns {
            free: Mutex::new(free),
            freed: Condvar::new(),
        }
    }

    fn take(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

/// A turn, given back when it is dropped.
struct Turn<'turns>(&'turns Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
