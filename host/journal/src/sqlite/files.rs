//! Owns what the store asks of the file system beside what SQLite does with its own files.

use std::fmt::Debug;
use std::fs::File;
use std::io::{Result, Write as _};
use std::path::Path;

/// The file system, as far as the store relies on what a power cut leaves of it.
///
/// A seam for tests: they put a disk below the store that loses power, is full or fails.
pub trait Files: Debug + Send + Sync {
    /// Makes one folder; its name is durable once the folder around it was synced. One that is
    /// there already is fine.
    fn create_folder(&self, path: &Path) -> Result<()>;
    /// Makes a file with these bytes and returns when they are durable, though its name is not.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()>;
    /// Makes the bytes of a file durable that somebody else wrote.
    fn sync_file(&self, path: &Path) -> Result<()>;
    /// Gives a file another name within its folder, in place of a file that had it.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Takes a file away.
    fn remove_file(&self, path: &Path) -> Result<()>;
    /// Makes the names within a folder durable.
    fn sync_folder(&self, path: &Path) -> Result<()>;
}

/// The system's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn create_folder(&self, path: &Path) -> Result<()> {
        match std::fs::create_dir(path) {
            // Another process may have been faster, or somebody put a link there.
            Err(_) if path.is_dir() => Ok(()),
            made => made,
        }
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        File::open(path)?.sync_all()
    }
}
