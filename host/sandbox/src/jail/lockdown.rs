//! Takes everything from the present process but what it has in hand: by limits, which every kernel knows, by Landlock
//! and by seccomp where the kernel has them. The order is not free: Landlock needs a descriptor to be set up, of which
//! the limits leave none, and seccomp admits no setting of limits.

use std::collections::BTreeMap;
use std::fmt;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde::{Deserialize, Serialize};

/// How far the kernel shuts a jail beyond its resource limits, with which nothing can be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// Whether Landlock denies files and network: `fully`, `partly`, or why it does not.
    pub landlock: String,
    /// Whether seccomp denies system calls: `fully`, or why it does not.
    pub seccomp: String,
    /// What a jailed process then tried, after each of its layers.
    pub tried: BTreeMap<Layer, Attempts>,
}

/// A layer of the jail, each shut on top of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Landlock alone.
    Landlock,
    /// Landlock and the limits of resources.
    Limits,
    /// All of the jail.
    Seccomp,
}

/// By which error of the system each attempt ended; none where it succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// To read a file that everybody may read.
    pub file: Option<i32>,
    /// To listen for connections.
    pub listen: Option<i32>,
    /// To make a socket of which the kernel asks nobody.
    pub datagram: Option<i32>,
    /// To begin another thread.
    pub thread: Option<i32>,
}

impl Attempts {
    /// Tries everything.
    pub(super) fn make() -> Attempts {
        let thread = std::thread::Builder::new().spawn(|| {});
        Attempts {
            file: Self::file(),
            listen: errno(std::net::TcpListener::bind("127.0.0.1:0")),
            datagram: Self::datagram(),
            thread: errno(thread.map(std::thread::JoinHandle::join)),
        }
    }

    fn file() -> Option<i32> {
        errno(std::fs::File::open("/proc/self/exe"))
    }

    fn datagram() -> Option<i32> {
        errno(std::net::UdpSocket::bind("127.0.0.1:0"))
    }
}

/// An error that is none of the system's is 0.
fn errno<Made>(tried: std::io::Result<Made>) -> Option<i32> {
    tried
        .err()
        .map(|error| error.raw_os_error().unwrap_or_default())
}

impl Enforced {
    /// What an [`Enforced`] says of a part that is all there.
    const FULLY: &str = "fully";

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.landlock == Enforced::FULLY && self.seccomp == Enforced::FULLY
    }
}

impl fmt::Display for Enforced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Landlock {}, seccomp {}", self.landlock, self.seccomp)
    }
}

/// Shuts the jail around this process, and calls `after` behind each layer.
///
/// # Errors
/// When the limits cannot be set, or a file or a socket can be opened after all: then nothing untrusted must be read.
pub(super) fn shut(
    cpu_s: u64,
    memory_bytes: u64,
    mut after: impl FnMut(Layer),
) -> std::io::Result<Enforced> {
    // Read while there are files.
    let space = own_address_space()?.saturating_add(memory_bytes);
    let landlock = kernel::landlock().unwrap_or_else(|why| format!("not at all: {why}"));
    after(Layer::Landlock);
    limit(cpu_s, space)?;
    after(Layer::Limits);
    let seccomp = kernel::seccomp().map_or_else(
        |why| format!("not at all: {why}"),
        |()| Enforced::FULLY.to_owned(),
    );
    after(Layer::Seccomp);
    if Attempts::file().is_none() || Attempts::datagram().is_none() {
        return Err(std::io::Error::other(
            "it was shut, and a file or a socket can be opened all the same",
        ));
    }
    Ok(Enforced {
        landlock,
        seccomp,
        tried: BTreeMap::new(),
    })
}

/// Limits of resources. From here on nothing can be opened: there is no descriptor left for it.
fn limit(cpu_s: u64, space: u64) -> std::io::Result<()> {
    let exactly = |value: u64| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    // A jail without a parent has nobody to answer.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::As, exactly(space))?;
    // The signal at the first limit names it; the second one ends whoever would not hear.
    let cpu = Rlimit {
        current: Some(cpu_s),
        maximum: Some(cpu_s.saturating_add(1)),
    };
    setrlimit(Resource::Cpu, cpu)?;
    setrlimit(Resource::Core, exactly(0))?;
    setrlimit(Resource::Fsize, exactly(0))?;
    setrlimit(Resource::Nofile, exactly(0))?;
    Ok(())
}

/// Bytes of address space that the program takes before it has done anything.
#[cfg(target_os = "linux")]
fn own_address_space() -> std::io::Result<u64> {
    let figures = std::fs::read_to_string("/proc/self/statm")?;
    let pages = figures.split_whitespace().next();
    let pages = pages.and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| std::io::Error::other("/proc/self/statm has no figure"))?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

#[cfg(not(target_os = "linux"))]
fn own_address_space() -> std::io::Result<u64> {
    Ok(1 << 30)
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::collections::BTreeMap;

    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

    use super::Enforced;

    /// No file, no port, no abstract socket and no signal to others: rules are what would allow, and
    /// there are none.
    pub(super) fn landlock() -> Result<String, String> {
        let abi = ABI::V6;
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
            .and_then(|rules| rules.scope(Scope::from_all(abi)))
            .and_then(Ruleset::create)
            .and_then(landlock::RulesetCreated::restrict_self)
            .map_err(|error| error.to_string())?;
        match status.ruleset {
            RulesetStatus::FullyEnforced => Ok(Enforced::FULLY.to_owned()),
            RulesetStatus::PartiallyEnforced => Ok("partly, the kernel is older".to_owned()),
            RulesetStatus::NotEnforced => Err("the kernel has none".to_owned()),
        }
    }

    /// What a compiler needs once it has its input: memory, its open pipes, an end. Everything else
    /// fails as not permitted.
    const ALLOWED: [i64; 31] = [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_tgkill,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_nanosleep,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    pub(super) fn seccomp() -> Result<(), String> {
        let arch =
            TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
        let rules: BTreeMap<i64, Vec<_>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        let otherwise = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, arch)
            .map_err(|error| error.to_string())?;
        let program = BpfProgram::try_from(filter).map_err(|error| error.to_string())?;
        apply_filter(&program).map_err(|error| error.to_string())
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    pub(super) fn landlock() -> Result<String, String> {
        Err("it is of Linux".to_owned())
    }

    pub(super) fn seccomp() -> Result<(), String> {
        Err("it is of Linux".to_owned())
    }
}
