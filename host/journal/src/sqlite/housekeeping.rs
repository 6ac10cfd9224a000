//! Owns the lock between those that keep the store as a whole: a backup and a vacuum.
//!
//! A vacuum that removed a file which a backup has just read about would make the backup lack it, so
//! there is one of them at a time. Hosts that drive runs take no part in it.

use std::fs::File;
use std::path::Path;

use super::fault::Faults;
use super::locks;
use crate::error::Error;

/// Waits for the lock, as long as for a busy database. The system gives it up with the process.
pub(super) fn lock(folder: &Path, faults: &Faults) -> Result<File, Error> {
    locks::wait_for(&folder.join("housekeeping.lock"), faults)
}
