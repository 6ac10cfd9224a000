//! Owns the lock between those that keep the store as a whole: a backup and a vacuum.
//!
//! A vacuum that removed a file which a backup has just read about would make the backup lack it, so
//! there is one of them at a time. Hosts that drive runs take no part in it.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::fault::Faults;
use crate::error::Error;

/// How often a lock is asked for that another process has.
const LOOK: Duration = Duration::from_millis(20);

/// Waits for the lock, as long as for a busy database. The system gives it up with the process.
pub(super) fn lock(folder: &Path, faults: &Faults) -> Result<File, Error> {
    let path = folder.join("housekeeping.lock");
    let failed = |error| faults.io(&path, error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if begun.elapsed() > faults.busy_timeout => {
                return Err(Error::Busy {
                    path: folder.to_owned(),
                    waited: faults.busy_timeout,
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}
