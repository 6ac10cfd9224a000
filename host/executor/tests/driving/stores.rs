//! The two journals, as processes see them.

use std::io::Result;
use std::path::Path;
use std::sync::Arc;

use menagerie_journal::{Files, Journal, MemoryJournal, Options, SqliteJournal};
use menagerie_power::Disk;

/// A store that processes may open, crash and open again.
pub(crate) enum Store {
    Memory(MemoryJournal),
    Sqlite(tempfile::TempDir),
}

impl Store {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryJournal::new("the store itself"))
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// An empty store of the same kind.
    pub(crate) fn fresh(&self) -> Self {
        match self {
            Self::Memory(_) => Self::memory(),
            Self::Sqlite(_) => Self::sqlite(),
        }
    }

    /// A process that opens the store: when the last clone is dropped, it has died.
    pub(crate) fn process(&self, name: &str) -> Arc<dyn Journal> {
        match self {
            Self::Memory(memory) => Arc::new(memory.another_process(name)),
            Self::Sqlite(folder) => {
                Arc::new(SqliteJournal::open(folder.path(), &Options::new(name)).unwrap())
            }
        }
    }
}

/// The file system below a store on a disk that is watched.
#[derive(Debug)]
pub(crate) struct Below(pub(crate) Arc<Disk>);

impl Files for Below {
    fn create_folder(&self, path: &Path) -> Result<()> {
        self.0.create_folder(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.0.write_new(path, bytes, true)
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        self.0.sync_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.0.remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        self.0.sync_folder(path)
    }
}

/// Each test twice, in virtual time: over the fake and over the real store.
macro_rules! on_both_stores {
    ($($(#[doc = $doc:literal])* async fn $name:ident($store:ident) $body:block)*) => {$(
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all")]
            use super::*;

            async fn test($store: $crate::stores::Store) $body

            #[tokio::test(start_paused = true)]
            async fn in_memory() {
                test($crate::stores::Store::memory()).await;
            }

            #[tokio::test(start_paused = true)]
            async fn in_sqlite() {
                test($crate::stores::Store::sqlite()).await;
            }
        }
    )*};
}
pub(crate) use on_both_stores;
