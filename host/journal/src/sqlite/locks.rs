//! Owns waiting for the lock of a file, and the answer to who holds one.
//!
//! A process that is stopped, or hangs, within a commit keeps the store's write lock, and nobody can
//! take it from it: the lock is what makes commits safe. What can be done is to wait for no longer
//! than a bounded time, and then to name the process, so that somebody lets it go on or ends it.
//!
//! Linux lists all locks in `/proc/locks`. The file is never opened to ask about it: whoever closes
//! any descriptor of a file loses all POSIX locks that his process has on it, and those on the file
//! beside the database are SQLite's. Elsewhere nobody is named.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::fault::Faults;
use super::owners;
use crate::error::{Error, Holder, told};

/// How long is waited for what another process has locked, unless somebody says otherwise. It may be stopped or hang.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often a lock is asked for that another process has.
const LOOK: Duration = Duration::from_millis(20);

/// SQLite's locks on the file beside a database in WAL mode: to write, to check in, to recover. Whoever
/// has one of these keeps others from writing.
const SQLITES: std::ops::RangeInclusive<u64> = 120..=122;

/// How a file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// For whoever changes what the file stands for.
    Alone,
    /// Beside others that read, too.
    Shared,
}

/// Why a file's lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file could not be opened or locked at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another process kept it.
    #[error("it was busy for {waited:?}{}", told(holder.as_ref()))]
    Busy {
        /// How long this one waited.
        waited: Duration,
        /// Who has the lock, where the system says so.
        holder: Option<Holder>,
    },
}

/// Waits for the lock of a file, which is made when it is not there, and no longer than `patience`. It is given
/// up with the file, and by the system with the process. `store` is the folder whose processes have names.
///
/// # Errors
/// When the file cannot be opened, or another process has the lock all that time.
pub fn lock_file(
    path: &Path,
    lock: Lock,
    patience: Duration,
    store: &Path,
) -> Result<File, LockError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let begun = Instant::now();
    loop {
        let tried = match lock {
            Lock::Alone => file.try_lock(),
            Lock::Shared => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if begun.elapsed() > patience => {
                return Err(LockError::Busy {
                    waited: patience,
                    holder: holder(path, "FLOCK", 0..=u64::MAX, store),
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}

/// Waits for the lock of a file of the store, as long as for a busy database.
pub(super) fn wait_for(path: &Path, faults: &Faults) -> Result<File, Error> {
    let locked = lock_file(path, Lock::Alone, faults.busy_timeout, &faults.folder);
    locked.map_err(|error| match error {
        LockError::Io(error) => faults.io(path, error),
        LockError::Busy { waited, holder } => Error::Busy {
            path: faults.folder.clone(),
            waited,
            holder,
        },
    })
}

/// Who keeps others from writing to the database of a store.
pub(super) fn writing(folder: &Path) -> Option<Holder> {
    holder(&folder.join("journal.db-shm"), "POSIX", SQLITES, folder)
}

fn holder(
    path: &Path,
    kind: &str,
    range: std::ops::RangeInclusive<u64>,
    folder: &Path,
) -> Option<Holder> {
    let file = std::fs::metadata(path).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let wanted = Wanted {
        kind,
        file: format!("{}:{}", device(file.dev()), file.ino()),
        range,
    };
    let pid = locks.lines().find_map(|line| wanted.held_in(line))?;
    Some(Holder {
        pid,
        name: owners::name_of(folder, pid),
        stopped: is_stopped(pid),
    })
}

/// A device as the kernel writes it there.
fn device(device: u64) -> String {
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    format!("{major:02x}:{minor:02x}")
}

/// The lock that is looked for.
struct Wanted<'a> {
    kind: &'a str,
    file: String,
    range: std::ops::RangeInclusive<u64>,
}

impl Wanted<'_> {
    /// The process that has it, if the line says so: `1: POSIX  ADVISORY  WRITE 77 fe:00:2049 120 120`. One
    /// that waits for a lock has `->` behind the number, and a process of elsewhere no number above 0.
    fn held_in(&self, line: &str) -> Option<u32> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, mode, pid, file, first, last] = words[..] else {
            return None;
        };
        // Who reads a database keeps nobody from writing. Who reads what a file's lock stands for does.
        if mode != "WRITE" && kind != "FLOCK" {
            return None;
        }
        let first: u64 = first.parse().ok()?;
        let last: u64 = last.parse().unwrap_or(u64::MAX);
        let meant = kind == self.kind
            && file == self.file
            && first <= *self.range.end()
            && last >= *self.range.start();
        pid.parse().ok().filter(|pid| meant && *pid > 0)
    }
}

/// Whether a signal has stopped the process.
fn is_stopped(pid: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program stands in brackets and may hold anything, brackets too.
    let state = text.rsplit(") ").next().unwrap_or_default();
    state.starts_with(['T', 't'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_in(line: &str) -> Option<u32> {
        let wanted = Wanted {
            kind: "POSIX",
            file: format!("{}:2049", device(0xfe00)),
            range: SQLITES,
        };
        wanted.held_in(line)
    }

    #[test]
    fn the_lock_is_found_by_its_file_and_its_bytes() {
        let held = "12: POSIX  ADVISORY  WRITE 77 fe:00:2049 120 120";
        assert_eq!(held_in(held), Some(77));
        assert_eq!(held_in(&held.replace("120 120", "0 EOF")), Some(77));
        for other in [
            held.replace("POSIX", "FLOCK"),
            held.replace("WRITE", "READ "),
            held.replace("fe:00:2049", "fe:00:2050"),
            held.replace("fe:00:2049", "fe:01:2049"),
            // A reader's mark keeps nobody from writing.
            held.replace("120 120", "124 124"),
            held.replace("12:", "12: ->"),
            // Of another namespace of processes.
            held.replace("77", "0"),
            held.replace("77", "-1"),
            String::new(),
        ] {
            assert_eq!(held_in(&other), None, "{other}");
        }
    }

    #[test]
    fn devices_are_written_as_the_kernel_does() {
        assert_eq!(device(0xfe00), "fe:00");
        assert_eq!(device(0x801), "08:01");
        assert_eq!(device(0x12_3045), "230:145");
    }

    #[test]
    fn whoever_runs_is_not_stopped() {
        assert!(!is_stopped(std::process::id()));
        assert!(!is_stopped(u32::MAX));
    }
}
