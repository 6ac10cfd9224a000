//! Owns the folder that a backup is restored into before it has its name, and clears away what a
//! restore that was killed has left.
//!
//! Beside the folder lies a file that its maker has locked: made before the folder, removed after it.
//! A folder whose file nobody has locked, or that has no file, is therefore nobody's. The system gives
//! the lock up with the process.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Between the name that is asked for and what makes an unfinished one unique.
const MARK: &str = ".restoring-";

/// The end of the name of the file that is locked.
const LOCK: &str = ".lock";

/// A folder under construction. Taken away again unless it got its name.
pub(super) struct Restoring {
    folder: PathBuf,
    lock: PathBuf,
    _locked: File,
}

impl Restoring {
    /// An empty folder beside the one that is wanted.
    pub(super) fn beside(wanted: &Path) -> io::Result<Self> {
        let begins = begins(wanted)?;
        loop {
            let folder = wanted.with_file_name(format!("{begins}{}", uuid::Uuid::now_v7()));
            let lock = lock_of(&folder);
            let file = File::create_new(&lock)?;
            match file.try_lock() {
                Ok(()) if lock.exists() => {
                    let made = Self {
                        folder,
                        lock,
                        _locked: file,
                    };
                    std::fs::create_dir(&made.folder)?;
                    return Ok(made);
                }
                // Another restore took the file for a dead one's before it was locked.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(&self.lock);
    }
}

/// Takes away what restores into the same folder have left that are no more. What cannot be taken away
/// is in nobody's way.
pub(super) fn clear(wanted: &Path) -> io::Result<()> {
    let begins = begins(wanted)?;
    let beside = std::fs::read_dir(super::backup::parent(wanted))?;
    for entry in beside.flatten() {
        let name = entry.file_name();
        let Some(unique) = name.to_str().and_then(|name| name.strip_prefix(&begins)) else {
            continue;
        };
        let unique = unique.strip_suffix(LOCK).unwrap_or(unique);
        if uuid::Uuid::try_parse(unique).is_ok() {
            let _ = clear_one(&wanted.with_file_name(format!("{begins}{unique}")));
        }
    }
    Ok(())
}

/// Holds the lock while it clears, so that of two that clear one does.
fn clear_one(folder: &Path) -> io::Result<()> {
    let lock = lock_of(folder);
    let locked = match File::open(&lock) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    for removed in [std::fs::remove_dir_all(folder), std::fs::remove_file(&lock)] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    drop(locked);
    Ok(())
}

fn begins(wanted: &Path) -> io::Result<String> {
    let name = wanted.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(format!("{}{MARK}", name.to_string_lossy()))
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut lock = folder.as_os_str().to_owned();
    lock.push(LOCK);
    lock.into()
}
