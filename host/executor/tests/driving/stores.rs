//! The two journals, as processes see them.

use std::sync::Arc;

use menagerie_journal::{Journal, MemoryJournal, Options, SqliteJournal};

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
