//! Owns the lock that tells living owners from dead ones.
//!
//! Each open journal holds an exclusive lock on a file of its own under `owners/`. The system gives
//! the lock up when the process dies, however it dies. A run's row names the file, so one lock
//! stands for all runs of a process. The file says who it is; beside it may be sockets, called by
//! its name with an ending. When the file was last modified is when its process last gave a sign of
//! life: a process that is stopped keeps its lock, and gives none.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::fault::Faults;
use crate::error::Error;
use crate::port::{Owner, Pulse};

/// This journal's own lock, held until it is dropped.
pub(super) struct OwnerLock {
    pub(super) folder: PathBuf,
    /// The name of the file: unique for ever.
    pub(super) id: String,
    /// What others are told.
    pub(super) name: String,
    pub(super) pid: u32,
    locked: File,
}

/// What a lock file says.
#[derive(Serialize, Deserialize)]
struct Card {
    name: String,
    pid: u32,
}

impl OwnerLock {
    /// Takes a new lock and clears away those of the dead. The caller holds the lock on opening, so
    /// that no file is looked at between its making and its locking.
    pub(super) fn take(folder: PathBuf, name: &str, faults: &Faults) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder).map_err(|error| faults.io(&folder, error))?;
        clear_dead(&folder);
        let id = uuid::Uuid::now_v7().to_string();
        let path = folder.join(&id);
        let mut locked = File::create_new(&path).map_err(|error| faults.io(&path, error))?;
        locked.lock().map_err(|error| faults.io(&path, error))?;
        let card = Card {
            name: name.to_owned(),
            pid: std::process::id(),
        };
        // For people and for lists of processes: nothing is decided by it.
        let _ = serde_json::to_string(&card).map(|text| locked.write_all(text.as_bytes()));
        Ok(Self {
            folder,
            id,
            name: card.name,
            pid: card.pid,
            locked,
        })
    }

    /// Whether the owner with this id lives. One that cannot be asked counts as alive: taking a run
    /// from a living owner is worse than waiting for a dead one.
    pub(super) fn is_alive(&self, id: &str) -> bool {
        // An id comes out of a table. What is no name of a lock file is nobody's, and is not opened: it could
        // be the database, and whoever closes that loses SQLite's locks on it.
        let is_name = !id.is_empty() && !id.contains(['/', '.', '\0']);
        id == self.id || is_name && is_locked(&self.folder.join(id))
    }

    /// The ids of all that live.
    pub(super) fn living(&self) -> Vec<String> {
        let ids = lock_files(&self.folder).into_iter();
        ids.filter(|id| self.is_alive(id)).collect()
    }

    /// All that live, as their files say.
    pub(super) fn processes(&self) -> Vec<Owner> {
        let living = self.living();
        living.iter().filter_map(|id| self.owner(id)).collect()
    }

    fn owner(&self, id: &str) -> Option<Owner> {
        let text = std::fs::read_to_string(self.folder.join(id)).ok()?;
        let card: Card = serde_json::from_str(&text).ok()?;
        Some(Owner {
            name: card.name,
            pid: card.pid,
            epoch: 0,
            own: id == self.id,
        })
    }

    /// Gives a sign of life.
    pub(super) fn beat(&self) {
        // Without one, others may take runs away at worst, which the epoch makes safe.
        let _ = self.locked.set_modified(SystemTime::now());
    }

    /// The last signs of life of the others that live.
    pub(super) fn pulses(&self) -> Vec<Pulse> {
        let pulse = |process: String| {
            let file = std::fs::metadata(self.folder.join(&process)).ok()?;
            let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(Pulse {
                owner: self.owner(&process)?,
                process,
                beat: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
            })
        };
        let living = self.living().into_iter();
        let others = living.filter(|id| *id != self.id);
        others.filter_map(pulse).collect()
    }
}

impl OwnerLock {
    /// Whether no other living process has the store open.
    pub(super) fn is_alone(&self) -> bool {
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return false;
        };
        let mut others = files.flatten().filter(|file| *file.file_name() != *self.id);
        others.all(|file| !is_locked(&file.path()))
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // A file that stays behind is unlocked, which means the same.
        let _ = std::fs::remove_file(self.folder.join(&self.id));
    }
}

/// What a living process was called when it opened the store.
pub(super) fn name_of(folder: &Path, pid: u32) -> Option<String> {
    let owners = folder.join("owners");
    let mut cards = lock_files(&owners).into_iter().filter_map(|id| {
        let path = owners.join(id);
        let card: Card = serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?;
        (card.pid == pid && is_locked(&path)).then_some(card.name)
    });
    cards.next_back()
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

/// The names of the lock files, without what else is in the folder.
fn lock_files(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = files
        .flatten()
        .filter_map(|file| file.file_name().into_string().ok());
    names.filter(|name| !name.contains('.')).collect()
}

/// Clears away what the dead have left: lock files, and sockets without a lock file.
fn clear_dead(folder: &Path) {
    for id in lock_files(folder) {
        let path = folder.join(id);
        if !is_locked(&path) {
            let _ = std::fs::remove_file(path);
        }
    }
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if path.extension().is_some() && !path.with_extension("").exists() {
            let _ = std::fs::remove_file(path);
        }
    }
}
