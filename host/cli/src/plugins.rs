//! Where component files come from: the store's registry, the flow's own folder, the folders that are set, and the
//! plugins that ship with the host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use menagerie_executor::{PluginFinder, Registry};
use menagerie_orchestration::flow::PluginSource;
use menagerie_sandbox::Trust;

use crate::admission::signature_of;
use crate::failure::Failure;
use crate::settings::Settings;

/// The repository that this binary was built from, if it is still there.
pub(crate) fn repository() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.join("plugins/Cargo.toml")
        .is_file()
        .then(|| root.to_owned())
}

/// Looks for components in folders.
pub(crate) struct Folders {
    /// What files are relative to.
    flow: PathBuf,
    /// Searched first: what somebody added is meant.
    registry: Registry,
    /// Searched by name, in this order.
    folders: Vec<PathBuf>,
    /// The host's own, whose plugins need no signature.
    bundled: Option<PathBuf>,
    trust: Trust,
}

impl Folders {
    /// The folders for a flow file: `plugins` beside it, those that are set, the bundled ones.
    ///
    /// # Errors
    /// When it cannot be said whose plugins are trusted.
    pub(crate) fn of(
        settings: &Settings,
        flow_file: &Path,
        bundled: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let beside = flow_file.parent().unwrap_or(Path::new("."));
        let mut folders = vec![beside.join("plugins")];
        folders.extend(settings.plugins.value.iter().cloned());
        folders.extend(bundled.clone());
        Ok(Self {
            flow: beside.to_owned(),
            registry: Registry::of_store(&settings.data.value),
            folders,
            bundled,
            trust: settings.trust()?,
        })
    }

    /// Whether a plugin of that name is in the registry or one of the folders.
    pub(crate) fn has(&self, name: &str) -> bool {
        // A registry that cannot be read has an error to tell when the plugin is looked for.
        !matches!(self.registry.find(name, &self.trust), Ok(None)) || self.path_of(name).is_some()
    }

    fn path_of(&self, name: &str) -> Option<PathBuf> {
        let paths = self
            .folders
            .iter()
            .map(|folder| folder.join(format!("{name}.wasm")));
        paths.into_iter().find(|path| path.is_file())
    }
}

impl PluginFinder for Folders {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let path = match source {
            PluginSource::Named(name) => {
                if let Some(bytes) = self
                    .registry
                    .find(name, &self.trust)
                    .map_err(|error| error.to_string())?
                {
                    return Ok(bytes);
                }
                self.path_of(name).ok_or_else(|| self.nowhere(name))?
            }
            PluginSource::File(file) => self.flow.join(file),
            // Added by somebody who looked at what it asks for; whether it is trusted is asked again. A flow file makes this
            // host speak to nobody.
            PluginSource::Oci(reference) => {
                let (_, manifest) = reference.rsplit_once('@').unwrap_or_default();
                let found = self.registry.find_manifest(manifest, &self.trust);
                let found = found.map_err(|error| error.to_string())?;
                return found.ok_or_else(|| {
                    format!("`{reference}` was not added here; `menagerie plugins add {reference}` does it")
                });
            }
        };
        let bytes = menagerie_sandbox::read_component(&path)
            .map_err(|error| format!("the component {}: {error}", path.display()))?;
        if path.parent() != self.bundled.as_deref() || self.bundled.is_none() {
            let signature = signature_of(&path, None)?;
            let checked = self.trust.check(&bytes, signature.as_deref());
            checked.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(bytes.into())
    }
}

impl Folders {
    fn nowhere(&self, name: &str) -> String {
        let folders: Vec<String> = self
            .folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        format!(
            "there is no plugin `{name}`: not in the registry, and no {name}.wasm in {}; build it with `menagerie build DIR`, add it with `menagerie plugins add FILE`, or name its folder with --plugins",
            folders.join(", ")
        )
    }
}
