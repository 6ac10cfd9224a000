//! The compile jail: untrusted components are compiled by a child process that is this same program,
//! called in another way. It has a limit of processor time, of memory and of time by the clock, one
//! thread, and nothing to open or to connect to.
//!
//! The jail bounds resources. It is no defence against somebody who makes the compiler itself do
//! something else: what the child writes is run as machine code by the host.

mod child;
mod lockdown;
mod parent;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::EngineConfig;

pub use child::serve_if_child;
pub use lockdown::{Attempts, Enforced, Layer};
pub(crate) use parent::Jail;
pub use parent::JailTrouble;

/// What the child's first argument is. No command of a program should have this name.
const CHILD_ARGUMENT: &str = "compile-in-jail";

/// The status by which the child says that it refused the component; the reason is what it wrote.
const REFUSED: u8 = 10;

/// How components are compiled outside of the host's own process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailConfig {
    /// A program whose `main` begins with [`serve_if_child`].
    pub program: PathBuf,
    /// Processor time of one compilation; whole seconds count.
    pub cpu: Duration,
    /// Address space of one compilation, beyond what the program itself takes.
    pub memory_bytes: u64,
    /// Time by the clock of one compilation.
    pub wall: Duration,
    /// Compilations at once; more wait their turn.
    pub at_once: usize,
}

impl JailConfig {
    /// The usual limits: 120 s of processor time, 2 GiB, 300 s by the clock, and as many at once as
    /// there are processors.
    #[must_use]
    pub fn of(program: PathBuf) -> JailConfig {
        JailConfig {
            program,
            cpu: Duration::from_secs(120),
            memory_bytes: 2 << 30,
            wall: Duration::from_secs(300),
            at_once: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// What the parent tells the child on its command line.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Compile what comes by standard input.
    Compile {
        engine: EngineConfig,
        cpu_s: u64,
        memory_bytes: u64,
    },
    /// Say what the kernel enforces here.
    Probe,
}

/// Why the child refused a component, as it writes it.
#[derive(Debug, Serialize, Deserialize)]
enum Refusal {
    /// Validation found something.
    Malformed { offset: u64, message: String },
    /// The compiler found something.
    Compile { message: String },
    /// The jail could not be shut.
    Setup { message: String },
}

/// Looks how far the kernel shuts a jail, by shutting one.
///
/// # Errors
/// [`JailTrouble`] when the program cannot be run, or does not answer.
pub fn probe(config: &JailConfig) -> Result<Enforced, JailTrouble> {
    parent::probe(config)
}
