//! Owns the record of what was done to the files of a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::platter::Image;
use crate::shim;

/// A file, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(pub(crate) u32);

/// One thing that was done, or noted. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A folder was made.
    CreateFolder(PathBuf),
    /// An empty file was made.
    Create(PathBuf, Inode),
    /// Bytes were written into a file.
    Write {
        /// Which.
        inode: Inode,
        /// Where in it, in bytes.
        at: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A file was cut, or made longer, to so many bytes.
    Resize(Inode, u64),
    /// All of a file's bytes became durable.
    Sync(Inode),
    /// A file got another name within its folder.
    Rename(PathBuf, PathBuf),
    /// A file was taken away.
    Remove(PathBuf),
    /// All names of a folder became durable.
    SyncFolder(PathBuf),
    /// What the test wants to remember at this point, such as that a commit was answered.
    Mark(u64),
}

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing more fits on it.
    Full,
    /// It can be read only.
    ReadOnly,
    /// Writes fail.
    Writes,
    /// Syncs fail.
    Syncs,
}

/// A watched folder, from [`Disk::watch`] until it is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    state: Mutex<State>,
    synchronous_off: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    record: Vec<Step>,
    names: BTreeMap<PathBuf, Inode>,
    inodes: u32,
    trouble: Option<Trouble>,
}

/// The watched folders of this process.
static WATCHED: Mutex<Vec<std::sync::Weak<Disk>>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What panicked here was an assertion of a test.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// Watches an empty folder. The first call in a process puts the shim below SQLite.
    ///
    /// # Errors
    /// When the folder's path cannot be told.
    pub fn watch(folder: &Path) -> Result<Arc<Self>> {
        shim::install();
        let disk = Arc::new(Self {
            folder: folder.canonicalize()?,
            state: Mutex::default(),
            synchronous_off: AtomicBool::new(false),
        });
        let mut watched = lock(&WATCHED);
        watched.retain(|disk| disk.strong_count() > 0);
        watched.push(Arc::downgrade(&disk));
        Ok(disk)
    }

    /// Makes the empty folder what a cut has left of another: all of it is durable.
    ///
    /// # Errors
    /// As the system has them.
    pub fn begin_with(&self, image: &Image) -> Result<()> {
        image.write_to(&self.folder)?;
        let mut state = lock(&self.state);
        for folder in &image.folders {
            let step = Step::CreateFolder(self.folder.join(folder));
            state.record.push(step);
        }
        for (path, bytes) in &image.files {
            let inode = state.inode(&self.folder.join(path));
            let bytes = bytes.as_slice().into();
            state.record.push(Step::Write {
                inode,
                at: 0,
                bytes,
            });
            state.record.push(Step::Sync(inode));
        }
        let folders = image.folders.iter().map(|folder| self.folder.join(folder));
        let all = folders.chain([self.folder.clone()]);
        state.record.extend(all.map(Step::SyncFolder));
        Ok(())
    }

    /// The disk that a file lies on, if it is watched.
    pub(crate) fn of(path: &Path) -> Option<Arc<Self>> {
        let watched = lock(&WATCHED);
        let mut disks = watched.iter().filter_map(std::sync::Weak::upgrade);
        disks.find(|disk| path.starts_with(&disk.folder))
    }

    /// The folder that is watched.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A mutation of the store: from now on SQLite's connections to files of this folder have
    /// `PRAGMA synchronous = OFF`, whatever they ask for.
    pub fn turn_synchronous_off(&self) {
        self.synchronous_off.store(true, Ordering::SeqCst);
    }

    pub(crate) fn synchronous_is_off(&self) -> bool {
        self.synchronous_off.load(Ordering::SeqCst)
    }

    /// Something goes wrong with the disk, or nothing any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        lock(&self.state).trouble = trouble;
    }

    /// Notes something at this point of the record.
    pub fn mark(&self, mark: u64) {
        lock(&self.state).record.push(Step::Mark(mark));
    }

    /// Everything that was done so far.
    pub fn record(&self) -> Vec<Step> {
        lock(&self.state).record.clone()
    }

    /// Makes a folder; one that is there already is fine.
    ///
    /// # Errors
    /// As the system has them, or as the disk's trouble wants it.
    pub fn create_folder(&self, path: &Path) -> Result<()> {
        let mut state = lock(&self.state);
        if path.is_dir() {
            return Ok(());
        }
        state.refuse_write()?;
        std::fs::create_dir(path)?;
        state.record.push(Step::CreateFolder(path.to_owned()));
        Ok(())
    }

    /// Makes a file with these bytes, synced or, as a mutation, not.
    ///
    /// # Errors
    /// As [`create_folder`](Self::create_folder).
    pub fn write_new(&self, path: &Path, bytes: &[u8], synced: bool) -> Result<()> {
        let mut state = lock(&self.state);
        state.refuse_write()?;
        File::create_new(path)?.write_all(bytes)?;
        let inode = state.inode(path);
        state.record.push(Step::Write {
            inode,
            at: 0,
            bytes: bytes.into(),
        });
        if synced {
            state.refuse_sync()?;
            state.record.push(Step::Sync(inode));
        }
        Ok(())
    }

    /// Syncs a file's bytes.
    ///
    /// # Errors
    /// As [`create_folder`](Self::create_folder).
    pub fn sync_file(&self, path: &Path) -> Result<()> {
        let mut state = lock(&self.state);
        state.refuse_sync()?;
        let inode = state.inode(path);
        state.record.push(Step::Sync(inode));
        Ok(())
    }

    /// Gives a file another name within its folder.
    ///
    /// # Errors
    /// As [`create_folder`](Self::create_folder).
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut state = lock(&self.state);
        state.refuse_write()?;
        std::fs::rename(from, to)?;
        let inode = state.inode(from);
        state.names.remove(from);
        state.names.insert(to.to_owned(), inode);
        let step = Step::Rename(from.to_owned(), to.to_owned());
        state.record.push(step);
        Ok(())
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// As [`create_folder`](Self::create_folder).
    pub fn remove_file(&self, path: &Path) -> Result<()> {
        let mut state = lock(&self.state);
        state.refuse_write()?;
        std::fs::remove_file(path)?;
        state.forget(path);
        Ok(())
    }

    /// Syncs the names within a folder.
    ///
    /// # Errors
    /// As [`create_folder`](Self::create_folder).
    pub fn sync_folder(&self, path: &Path) -> Result<()> {
        let mut state = lock(&self.state);
        state.refuse_sync()?;
        state.record.push(Step::SyncFolder(path.to_owned()));
        Ok(())
    }

    /// Does something to a file of SQLite's and, if it was done, records it. Both under one lock:
    /// the record has the order in which things happened.
    pub(crate) fn perform(
        &self,
        wanted: Wanted,
        work: impl FnOnce() -> i32,
        steps: impl FnOnce(&mut Recorder<'_>),
    ) -> i32 {
        let mut state = lock(&self.state);
        if let Some(refusal) = state.refusal(wanted) {
            return refusal;
        }
        let code = work();
        if code == rusqlite::ffi::SQLITE_OK {
            steps(&mut Recorder(&mut state));
        }
        code
    }
}

/// What SQLite wants to do, as far as a trouble makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Write,
    Sync,
    Names,
}

/// Writes steps of SQLite's into the record.
pub(crate) struct Recorder<'state>(&'state mut State);

impl Recorder<'_> {
    /// The file at this path; a new one is recorded as made.
    pub(crate) fn inode(&mut self, path: &Path) -> Inode {
        self.0.inode(path)
    }

    pub(crate) fn note(&mut self, step: Step) {
        self.0.record.push(step);
    }

    pub(crate) fn removed(&mut self, path: &Path) {
        self.0.forget(path);
    }
}

impl State {
    fn inode(&mut self, path: &Path) -> Inode {
        if let Some(inode) = self.names.get(path) {
            return *inode;
        }
        self.inodes += 1;
        let inode = Inode(self.inodes);
        self.names.insert(path.to_owned(), inode);
        self.record.push(Step::Create(path.to_owned(), inode));
        inode
    }

    fn forget(&mut self, path: &Path) {
        self.names.remove(path);
        self.record.push(Step::Remove(path.to_owned()));
    }

    fn refuse_write(&self) -> Result<()> {
        match self.trouble {
            Some(Trouble::Full) => Err(ErrorKind::StorageFull.into()),
            Some(Trouble::ReadOnly) => Err(ErrorKind::ReadOnlyFilesystem.into()),
            Some(Trouble::Writes) => Err(Error::other("the disk does not write")),
            Some(Trouble::Syncs) | None => Ok(()),
        }
    }

    fn refuse_sync(&self) -> Result<()> {
        match self.trouble {
            Some(Trouble::Syncs) => Err(Error::other("the disk does not sync")),
            _ => Ok(()),
        }
    }

    fn refusal(&self, wanted: Wanted) -> Option<i32> {
        use rusqlite::ffi;
        match (self.trouble?, wanted) {
            (Trouble::Full, Wanted::Write) => Some(ffi::SQLITE_FULL),
            (Trouble::ReadOnly, Wanted::Write) => Some(ffi::SQLITE_READONLY),
            (Trouble::Writes, Wanted::Write) => Some(ffi::SQLITE_IOERR_WRITE),
            (Trouble::Syncs, Wanted::Sync) => Some(ffi::SQLITE_IOERR_FSYNC),
            _ => None,
        }
    }
}
