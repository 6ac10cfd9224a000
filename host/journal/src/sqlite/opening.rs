//! Owns how a store is opened: its options, its folder, its connections.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::Faults;
use super::files::{Files, SystemFiles};
use super::locks::{self, PATIENCE};
use crate::crash::crash_point;
use crate::error::Error;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// What others are told of who owns a run, such as `menagerie run`.
    pub owner_name: String,
    /// How long to wait for another process that is writing.
    pub busy_timeout: Duration,
    /// Refuse to open a folder that holds no store yet, rather than making one.
    pub must_exist: bool,
    /// The most that the database file may grow to, in bytes. Beyond it commits are refused as if
    /// the disk were full.
    pub size_limit: Option<u64>,
    /// The file system beneath; the system's own but in tests.
    pub files: Arc<dyn Files>,
}

impl Options {
    /// The defaults: 10 s of patience, and a store is made where there is none.
    pub fn new(owner_name: impl Into<String>) -> Self {
        Self {
            owner_name: owner_name.into(),
            busy_timeout: PATIENCE,
            must_exist: false,
            size_limit: None,
            files: Arc::new(SystemFiles),
        }
    }
}

/// The folder, if it may hold a store.
pub(super) fn prepare_folder(
    folder: &Path,
    path: &Path,
    options: &Options,
    faults: &Faults,
) -> Result<(), Error> {
    let no_store = |reason: &str| Error::NotAStore {
        path: folder.to_owned(),
        reason: reason.to_owned(),
    };
    if folder.exists() && !folder.is_dir() {
        return Err(no_store("it is no folder"));
    }
    if options.must_exist && !path.exists() {
        return Err(no_store("it holds no journal.db"));
    }
    if path.exists() {
        // Whoever made the database had made its folder durable before.
        return Ok(());
    }
    make_durable(folder, &*options.files).map_err(|error| faults.io(folder, error))
}

/// Makes a folder and all that are missing around it, each name durable. One that is there may have
/// been made by a process that died before syncing the folder around it, so that is done again.
fn make_durable(folder: &Path, files: &dyn Files) -> std::io::Result<()> {
    let folder = std::path::absolute(folder)?;
    if folder.exists() {
        return match files.sync_folder(folder.parent().unwrap_or(&folder)) {
            // Whoever may not even read the folder around this one has not made it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    let around = folder.parent().unwrap_or(&folder);
    if !around.exists() {
        make_durable(around, files)?;
    }
    files.create_folder(&folder)?;
    files.sync_folder(around)
}

/// Held while a store is being opened, by one process at a time.
pub(super) fn lock_opening(folder: &Path, faults: &Faults) -> Result<File, Error> {
    let locked = locks::wait_for(&folder.join("opening.lock"), faults)?;
    crash_point("opening");
    Ok(locked)
}

/// A connection as the writer needs it.
pub(super) fn connect(
    path: &Path,
    options: &Options,
    faults: &Faults,
) -> Result<Connection, Error> {
    let sql = |error: rusqlite::Error| faults.error("opening the store", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(options.busy_timeout).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(64);
    // FULL syncs the log at every commit; anything less would answer before the commit is durable.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(sql)?;
    connection
        .pragma_update(None, "temp_store", "MEMORY")
        .map_err(sql)?;
    // In KiB, as SQLite has it for negative numbers.
    connection
        .pragma_update(None, "cache_size", -16 * 1024)
        .map_err(sql)?;
    if let Some(limit) = options.size_limit {
        let page: u64 = connection
            .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))
            .map_err(sql)?
            .into();
        connection
            .query_row(
                &format!("PRAGMA max_page_count = {}", limit / page),
                [],
                |_| Ok(()),
            )
            .map_err(sql)?;
    }
    Ok(connection)
}

/// One that cannot write.
pub(super) fn connect_reader(
    path: &Path,
    options: &Options,
    faults: &Faults,
) -> Result<Connection, Error> {
    let connection = connect(path, options, faults)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| faults.error("opening the store", &error))?;
    Ok(connection)
}
