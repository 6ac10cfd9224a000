//! Owns the files of content too large for the table.
//!
//! A file is complete and synced, and so is its folder, before any transaction refers to it. One
//! that nothing refers to is left by a crash in between and does no harm.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::fault::Faults;
use super::files::Files;
use crate::digest::{Content, Digest};
use crate::error::Error;

/// The folder of large content.
pub(super) struct Contents {
    folder: PathBuf,
    files: Arc<dyn Files>,
    faults: Faults,
    /// Folders of namespaces whose names this process has made durable. That one is there says
    /// nothing: whoever made it may have died before syncing the folder around it.
    durable_folders: Mutex<HashSet<PathBuf>>,
}

impl Contents {
    /// Makes the folder if need be.
    pub(super) fn open(
        folder: PathBuf,
        files: Arc<dyn Files>,
        faults: Faults,
    ) -> Result<Self, Error> {
        let made = files.create_folder(&folder);
        made.map_err(|error| faults.io(&folder, error))?;
        Ok(Self {
            folder,
            files,
            faults,
            durable_folders: Mutex::default(),
        })
    }

    /// Each namespace has a folder of its own, called by a digest since its name may be no file name.
    fn folder_of(&self, namespace: &str) -> PathBuf {
        self.folder.join(folder_name(namespace))
    }

    /// Everything in the folders, finished or not.
    pub(super) fn files(&self) -> Result<Vec<ContentFile>, Error> {
        let mut found = Vec::new();
        let failed = |error| self.faults.io(&self.folder, error);
        for folder in std::fs::read_dir(&self.folder).map_err(failed)? {
            let folder = folder.map_err(failed)?;
            if !folder.path().is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder.path()).map_err(failed)? {
                let file = file.map_err(failed)?;
                // A file that goes away meanwhile is nobody's any more.
                let Ok(metadata) = file.metadata() else {
                    continue;
                };
                found.push(ContentFile {
                    folder: folder.file_name().to_string_lossy().into_owned(),
                    digest: file.file_name().to_string_lossy().parse().ok(),
                    path: file.path(),
                    size: metadata.len(),
                    modified: metadata.modified().ok(),
                });
            }
        }
        Ok(found)
    }

    /// Writes content and returns when it is durable. Content that is there already is synced once
    /// more, since whoever wrote it may have died before doing so.
    pub(super) fn put(&self, namespace: &str, content: &Content) -> Result<(), Error> {
        let folder = self.folder_of(namespace);
        let path = folder.join(content.digest().to_string());
        let failed = |error| self.faults.io(&path, error);
        self.make_durable_folder(&folder).map_err(failed)?;
        let existing = std::fs::metadata(&path).ok();
        if existing.is_some_and(|it| it.len() == content.bytes().len() as u64) {
            self.files.sync_file(&path).map_err(failed)?;
        } else {
            self.write_whole(&folder, &path, content.bytes())
                .map_err(failed)?;
        }
        self.files.sync_folder(&folder).map_err(failed)
    }

    /// Makes sure that content which was put is still there, name and all. Asked within the
    /// transaction that inserts a row which stands for the file: a vacuum takes files away within
    /// such transactions too, so it has either seen that row or done so before this.
    pub(super) fn require(&self, namespace: &str, content: &Content) -> Result<(), Error> {
        let folder = self.folder_of(namespace);
        let path = folder.join(content.digest().to_string());
        let found = std::fs::metadata(&path).ok();
        if found.is_none_or(|found| found.len() != content.bytes().len() as u64) {
            return Err(Error::VanishedContent {
                digest: content.digest(),
            });
        }
        // Somebody else may have put it there again, and not come to syncing its name.
        let synced = self.files.sync_folder(&folder);
        synced.map_err(|error| self.faults.io(&folder, error))
    }

    /// Takes a file away. The caller knows that no row stands for it, and that none will.
    pub(super) fn remove(&self, file: &ContentFile) -> Result<(), Error> {
        match self.files.remove_file(&file.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(self.faults.io(&file.path, error))
            }
            _ => Ok(()),
        }
    }

    fn make_durable_folder(&self, folder: &Path) -> std::io::Result<()> {
        let durable = || {
            let folders = self.durable_folders.lock();
            folders.unwrap_or_else(PoisonError::into_inner)
        };
        if durable().contains(folder) {
            return Ok(());
        }
        self.files.create_folder(folder)?;
        self.files.sync_folder(&self.folder)?;
        durable().insert(folder.to_owned());
        Ok(())
    }

    /// Under a name of its own first, so that a name made of a digest never holds half of the bytes.
    fn write_whole(&self, folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let unfinished = folder.join(format!("unfinished-{}", uuid::Uuid::now_v7()));
        let written = self
            .files
            .write_new(&unfinished, bytes)
            .and_then(|()| self.files.rename(&unfinished, path));
        if written.is_err() {
            let _ = self.files.remove_file(&unfinished);
        }
        written
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

/// The name of a namespace's folder.
pub(super) fn folder_name(namespace: &str) -> String {
    let mut digest = Digest::of(namespace.as_bytes()).to_string();
    digest.truncate(32);
    digest
}

/// A file of the folder of contents.
pub(super) struct ContentFile {
    /// The name of its namespace's folder.
    pub(super) folder: String,
    /// What it is called by; none for one that was not finished.
    pub(super) digest: Option<Digest>,
    pub(super) path: PathBuf,
    /// In bytes.
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
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
