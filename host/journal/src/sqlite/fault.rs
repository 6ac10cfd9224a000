//! Owns the translation of SQLite's and the system's refusals into our own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::ErrorCode;

use super::locks;
use crate::error::{CommitError, Error};
use crate::record::RunKey;

/// What an error message needs to know of the store.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    pub(super) folder: PathBuf,
    pub(super) busy_timeout: Duration,
}

impl Faults {
    /// An error of SQLite while doing something.
    pub(super) fn error(&self, context: &str, error: &rusqlite::Error) -> Error {
        let path = self.folder.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy {
                path,
                waited: self.busy_timeout,
                holder: locks::writing(&self.folder),
            },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::ReadOnly {
                path,
                reason: error.to_string(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Error::DamagedStore {
                path,
                reason: error.to_string(),
            },
            Some(ErrorCode::SystemIoFailure) => Error::Failing {
                path,
                // The number says what failed: a read, a write, a sync.
                reason: match error {
                    rusqlite::Error::SqliteFailure(failure, _) => failure.to_string(),
                    other => other.to_string(),
                },
            },
            Some(ErrorCode::NotADatabase) => Error::NotAStore {
                path,
                reason: "its file is not a database".to_owned(),
            },
            None if is_misread(error) => Error::DamagedStore {
                path,
                reason: format!("{context}: {error}"),
            },
            _ => Error::Engine {
                context: context.to_owned(),
                message: error.to_string(),
            },
        }
    }

    /// An error of the system at some path.
    pub(super) fn io(&self, path: &Path, error: std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full {
                path: self.folder.clone(),
            },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly {
                path: self.folder.clone(),
                reason: format!("{}: {error}", path.display()),
            },
            _ => Error::Io {
                path: path.to_owned(),
                source: Arc::new(error),
            },
        }
    }

    /// Settles a [`Trouble`].
    pub(super) fn settle<E: From<Error>>(&self, context: &str, trouble: Trouble<E>) -> E {
        match trouble {
            Trouble::Typed(error) => error,
            Trouble::Sql(error) => self.error(context, &error).into(),
        }
    }
}

/// Whether SQLite says that the file itself is damaged.
pub(super) fn is_corruption(error: &rusqlite::Error) -> bool {
    let of_pages = error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt);
    of_pages || is_misread(error)
}

/// Whether a column no longer holds what was written there, or a row is gone that others need.
fn is_misread(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows
    )
}

/// Says whose row it is that was misread.
pub(super) fn of_run(run: &RunKey, trouble: Trouble<Error>) -> Trouble<Error> {
    match trouble {
        Trouble::Sql(error) if is_misread(&error) => Trouble::Typed(Error::DamagedRun {
            run: run.clone(),
            reason: error.to_string(),
        }),
        other => other,
    }
}

/// Either an answer of ours or a failure of SQLite that is yet to be translated.
pub(super) enum Trouble<E> {
    Typed(E),
    Sql(rusqlite::Error),
}

impl<E> From<rusqlite::Error> for Trouble<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl<E: From<Error>> From<Error> for Trouble<E> {
    fn from(error: Error) -> Self {
        Self::Typed(error.into())
    }
}

impl From<CommitError> for Trouble<CommitError> {
    fn from(error: CommitError) -> Self {
        Self::Typed(error)
    }
}

impl From<Trouble<Error>> for Trouble<CommitError> {
    fn from(trouble: Trouble<Error>) -> Self {
        match trouble {
            Trouble::Typed(error) => Self::Typed(error.into()),
            Trouble::Sql(error) => Self::Sql(error),
        }
    }
}
