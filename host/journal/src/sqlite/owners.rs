//! Owns the lock that tells living owners from dead ones.
//!
//! Each open journal holds an exclusive lock on a file of its own under `owners/`. The system gives
//! the lock up when the process dies, however it dies. A run's row names the file, so one lock
//! stands for all runs of a process.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::fault::Faults;
use crate::error::Error;
use crate::port::Owner;

/// This journal's own lock, held until it is dropped.
pub(super) struct OwnerLock {
    folder: PathBuf,
    /// The name of the file: unique for ever.
    pub(super) id: String,
    /// What others are told.
    pub(super) owner: Owner,
    _locked: File,
}

impl OwnerLock {
    /// Takes a new lock and clears away those of the dead. The caller holds the lock on opening, so
    /// that no file is looked at between its making and its locking.
    pub(super) fn take(folder: PathBuf, name: &str, faults: &Faults) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder).map_err(|error| faults.io(&folder, error))?;
        clear_dead(&folder);
        let id = uuid::Uuid::now_v7().to_string();
        let path = folder.join(&id);
        let locked = File::create_new(&path).map_err(|error| faults.io(&path, error))?;
        locked.lock().map_err(|error| faults.io(&path, error))?;
        Ok(Self {
            folder,
            id,
            owner: Owner {
                name: name.to_owned(),
                pid: std::process::id(),
            },
            _locked: locked,
        })
    }

    /// Whether the owner with this id lives. One that cannot be asked counts as alive: taking a run
    /// from a living owner is worse than waiting for a dead one.
    pub(super) fn is_alive(&self, id: &str) -> bool {
        id == self.id || is_locked(&self.folder.join(id))
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // A file that stays behind is unlocked, which means the same.
        let _ = std::fs::remove_file(self.folder.join(&self.id));
    }
}

/// A shared lock is asked for, so that two who ask at once do not take each other for the owner.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        },
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

fn clear_dead(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files.flatten() {
        if !is_locked(&file.path()) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}
