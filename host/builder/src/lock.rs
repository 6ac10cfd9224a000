//! One builder at a time for one folder, across processes.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::error::BuildError;
use crate::progress::{Event, Progress};

/// Held while a build goes on; the operating system lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of a folder, which is created; waits for whoever holds it.
pub(crate) fn lock(folder: &Path, progress: &mut dyn Progress) -> Result<Lock, BuildError> {
    fs::create_dir_all(folder).map_err(BuildError::file(folder))?;
    let path = folder.join(".menagerie-builder.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(BuildError::file(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress.report(Event::Waiting { lock: &path });
            file.lock().map_err(BuildError::file(&path))?;
        }
        Err(TryLockError::Error(source)) => return Err(BuildError::file(&path)(source)),
    }
    Ok(Lock { _file: file })
}
