//! Flows with their plugins, loaded once for all runs that stay on the same bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menagerie_journal::{Digest, Journal, RunKey};
use menagerie_sandbox::Catalogue;
use tokio::sync::{OnceCell, Semaphore};

use crate::assemble::{AssembleError, Assembled};
use crate::error::ExecutorError;
use crate::pinned::Pinned;

/// Compiling takes a whole processor and much memory; more than one, so that a plugin that takes its
/// time does not keep those from their work that are compiled already.
const LOADED_AT_ONCE: usize = 4;

/// What runs stay on, by their pins' names and digests, and the versions they were migrated to.
type Pins = (Vec<(String, Digest)>, BTreeMap<String, String>);
type Cell = Arc<OnceCell<Arc<Assembled>>>;

/// Loads what runs stay on, and keeps what was used last.
pub struct Library {
    catalogue: Catalogue,
    kept: usize,
    /// The one used last is the last.
    shelf: Mutex<Vec<(Pins, Cell)>>,
    loading: Semaphore,
}

impl Library {
    /// A library that keeps so many flows with their plugins. Runs hold on to what they have
    /// themselves.
    #[must_use]
    pub fn new(catalogue: Catalogue, kept: usize) -> Self {
        Self {
            catalogue,
            kept,
            shelf: Mutex::default(),
            loading: Semaphore::new(LOADED_AT_ONCE),
        }
    }

    /// Where plugins are loaded.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What a run stays on. Compiles off the threads that drive runs, and once for all who ask.
    pub(crate) async fn assembled(
        &self,
        journal: &dyn Journal,
        key: &RunKey,
    ) -> Result<Arc<Assembled>, ExecutorError> {
        let pinned = Pinned::of(journal, key).await?;
        let migrated = pinned.migrated().await?;
        let cell = self.cell((pinned.identity(), migrated.clone()));
        let load = async {
            // The semaphore is never closed.
            let _turn = self.loading.acquire().await;
            pinned
                .assembled(&self.catalogue, &migrated)
                .await
                .map(Arc::new)
        };
        let assembled = cell.get_or_try_init(|| load).await?;
        // What is on the shelf was good when it was put there.
        for (role, part) in &assembled.parts {
            let checked = self.catalogue.check_digest(part.plugin.digest());
            checked.map_err(|error| ExecutorError::Assemble {
                run: key.clone(),
                source: Box::new(AssembleError {
                    role: role.clone(),
                    problem: error.into(),
                }),
            })?;
        }
        Ok(Arc::clone(assembled))
    }

    fn cell(&self, pins: Pins) -> Cell {
        let mut shelf = self.shelf();
        let place = shelf.iter().position(|(known, _)| *known == pins);
        let (pins, cell) =
            place.map_or_else(|| (pins, Cell::default()), |place| shelf.remove(place));
        if shelf.len() >= self.kept && !shelf.is_empty() {
            shelf.remove(0);
        }
        shelf.push((pins, Arc::clone(&cell)));
        cell
    }

    fn shelf(&self) -> MutexGuard<'_, Vec<(Pins, Cell)>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
