//! The watched folder of a host that stays: components that come into it are admitted to the registry
//! by the same way as `plugins add`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use menagerie_executor::{Host, Registry};
use menagerie_sandbox::{Catalogue, digest_of, read_component};

use crate::admission::{Admission, Admitted, Named, Offer};
use crate::failure::Failure;
use crate::settings::Settings;

/// How often the folder is looked at. A file is taken when two looks in a row find it the same.
const INTERVAL: Duration = Duration::from_millis(500);

/// What is known of a file by its outside: when it and its signature were written, and its size.
type Mark = (SystemTime, u64, Option<SystemTime>);

/// A folder, and what was seen in it.
pub(crate) struct Watch {
    folder: PathBuf,
    settings: Settings,
    host: Host,
    catalogue: Catalogue,
    registry: Registry,
    /// Each file as it was seen last, and whether it was dealt with.
    seen: HashMap<PathBuf, (Mark, bool)>,
}

/// What came of a file.
pub(crate) type Outcome<'file> = (&'file Path, Result<Admitted, Failure>);

impl Watch {
    /// The folder of the settings, if they name one.
    pub(crate) fn of(settings: &Settings, host: &Host, catalogue: &Catalogue) -> Option<Self> {
        Some(Self {
            folder: settings.watch.value.clone()?,
            settings: settings.clone(),
            host: host.clone(),
            catalogue: catalogue.clone(),
            registry: Registry::of_store(&settings.data.value),
            seen: HashMap::new(),
        })
    }

    /// Looks for ever, and tells what comes of each file.
    pub(crate) async fn look(mut self, tell: impl Fn(Outcome<'_>)) {
        loop {
            for file in self.settled() {
                if self.is_known(&file) {
                    continue;
                }
                let admission = Admission {
                    settings: &self.settings,
                    host: &self.host,
                    catalogue: &self.catalogue,
                    registry: &self.registry,
                };
                let outcome = match Offer::of_file(&file, None) {
                    Err(failure) => Err(failure),
                    Ok(offer) => {
                        let named = Named {
                            offer,
                            name: None,
                            // Nobody is there to see the difference.
                            granted: false,
                        };
                        Box::pin(admission.admit(&named, None)).await
                    }
                };
                tell((&file, outcome));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Files that are whole, as far as can be seen, and were not dealt with.
    fn settled(&mut self) -> Vec<PathBuf> {
        // A folder that is not there, or not any more, has nothing in it.
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut present: Vec<PathBuf> = paths
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "wasm")
            })
            .collect();
        present.sort();
        self.seen.retain(|path, _| present.contains(path));
        let mut settled = Vec::new();
        for path in present {
            let Some(mark) = mark(&path) else {
                continue;
            };
            match self.seen.get_mut(&path) {
                Some((before, done)) if *before == mark => {
                    if !std::mem::replace(done, true) {
                        settled.push(path);
                    }
                }
                _ => {
                    self.seen.insert(path, (mark, false));
                }
            }
        }
        settled
    }

    /// What the registry has, or has refused, it is not given again: a version that somebody went back
    /// from stays where it is.
    fn is_known(&self, path: &Path) -> bool {
        let (Ok(bytes), Ok(contents)) = (read_component(path), self.registry.read()) else {
            return false;
        };
        let digest = digest_of(&bytes);
        let mut versions = contents.plugins.values().flat_map(|entry| &entry.versions);
        contents.revoked.contains_key(&digest) || versions.any(|known| known.digest == digest)
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let about = fs::metadata(path).ok()?;
    let mut signature = path.as_os_str().to_owned();
    signature.push(".minisig");
    let signed = fs::metadata(signature)
        .and_then(|about| about.modified())
        .ok();
    Some((about.modified().ok()?, about.len(), signed))
}
