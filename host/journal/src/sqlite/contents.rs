//! Owns the files of content too large for the table.
//!
//! A file is complete and synced, and so is its folder, before any transaction refers to it. One
//! that nothing refers to is left by a crash in between and does no harm.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Faults;
use crate::digest::{Content, Digest};
use crate::error::Error;

/// The folder of large content.
pub(super) struct Contents {
    folder: PathBuf,
    faults: Faults,
}

impl Contents {
    /// Makes the folder if need be.
    pub(super) fn open(folder: PathBuf, faults: Faults) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder).map_err(|error| faults.io(&folder, error))?;
        Ok(Self { folder, faults })
    }

    /// Each namespace has a folder of its own, called by a digest since its name may be no file name.
    fn folder_of(&self, namespace: &str) -> PathBuf {
        let digest = Digest::of(namespace.as_bytes()).to_string();
        self.folder.join(&digest[..32])
    }

    /// Writes content and returns when it is durable. Content that is there already is synced once
    /// more, since whoever wrote it may have died before doing so.
    pub(super) fn put(&self, namespace: &str, content: &Content) -> Result<(), Error> {
        let folder = self.folder_of(namespace);
        let path = folder.join(content.digest().to_string());
        let failed = |error| self.faults.io(&path, error);
        if !folder.exists() {
            std::fs::create_dir_all(&folder).map_err(failed)?;
            sync_folder(&self.folder).map_err(failed)?;
        }
        let existing = File::open(&path).ok();
        let existing = existing.filter(|file| {
            file.metadata()
                .is_ok_and(|it| it.len() == content.bytes().len() as u64)
        });
        match existing {
            Some(file) => file.sync_all().map_err(failed)?,
            None => write_whole(&folder, &path, content.bytes()).map_err(failed)?,
        }
        sync_folder(&folder).map_err(failed)
    }

    /// Reads content back and checks it.
    pub(super) fn get(&self, namespace: &str, digest: Digest) -> Result<Arc<[u8]>, Error> {
        let path = self.folder_of(namespace).join(digest.to_string());
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::DamagedContent {
                digest,
                reason: "its file is missing".to_owned(),
            },
            _ => self.faults.io(&path, error),
        })?;
        checked(digest, bytes.into())
    }
}

/// The bytes, if they are what their digest says.
pub(super) fn checked(digest: Digest, bytes: Arc<[u8]>) -> Result<Arc<[u8]>, Error> {
    if Digest::of(&bytes) == digest {
        return Ok(bytes);
    }
    Err(Error::DamagedContent {
        digest,
        reason: "its bytes have another digest".to_owned(),
    })
}

/// Under a name of its own first, so that a name made of a digest never holds half of the bytes.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = folder.join(format!("unfinished-{}", uuid::Uuid::now_v7()));
    let written = (|| {
        let mut file = File::create_new(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

/// Makes the names within a folder durable.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
