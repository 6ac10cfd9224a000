//! A component's file, read within bounds: what it is and how long it is are known before anything of it is in memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::inspect::LARGEST_COMPONENT;

/// Why a component's file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system does not give it.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A pipe, a device or a folder, of which nobody knows how long it is.
    #[error("it is no regular file, and a component was expected")]
    NoFile,
    /// More bytes than a component may have.
    #[error("the file has {found} bytes, and a component has at most {LARGEST_COMPONENT}")]
    TooLarge {
        /// Bytes found, or as many as were read of a file that grows.
        found: u64,
    },
}

/// Reads a component. Never blocks on a pipe that nobody writes to, and never takes more memory than a component may.
///
/// # Errors
/// [`ReadError`] with what was found.
pub fn read_component(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    // Asked of what is open: what the path names may be another thing by now.
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(ReadError::NoFile);
    }
    if about.len() > LARGEST_COMPONENT {
        return Err(ReadError::TooLarge { found: about.len() });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    file.take(LARGEST_COMPONENT + 1).read_to_end(&mut bytes)?;
    // It has grown meanwhile.
    if bytes.len() as u64 > LARGEST_COMPONENT {
        let found = bytes.len() as u64;
        return Err(ReadError::TooLarge { found });
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Opening a pipe waits for whoever writes to it, unless it is opened so.
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
