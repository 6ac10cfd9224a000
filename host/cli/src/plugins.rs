//! Where component files come from: the flow's own folder, the folders that are set, and the
//! plugins that ship with the host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use menagerie_executor::PluginFinder;
use menagerie_orchestration::flow::PluginSource;

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
    /// Searched by name, in this order.
    folders: Vec<PathBuf>,
}

impl Folders {
    /// The folders for a flow file: `plugins` beside it, those that are set, the bundled ones.
    pub(crate) fn of(settings: &Settings, flow_file: &Path, bundled: Option<PathBuf>) -> Self {
        let beside = flow_file.parent().unwrap_or(Path::new("."));
        let mut folders = vec![beside.join("plugins")];
        folders.extend(settings.plugins.value.iter().cloned());
        folders.extend(bundled);
        Self {
            flow: beside.to_owned(),
            folders,
        }
    }

    /// Whether every plugin that is looked for by name is in one of the folders.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path_of(name).is_some()
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
            PluginSource::Named(name) => self.path_of(name).ok_or_else(|| {
                let folders: Vec<String> =
                    self.folders.iter().map(|folder| folder.display().to_string()).collect();
                format!(
                    "there is no plugin `{name}`: no {name}.wasm in {}; build it with `menagerie build DIR`, or name its folder with --plugins",
                    folders.join(", ")
                )
            })?,
            PluginSource::File(file) => self.flow.join(file),
        };
        let bytes = std::fs::read(&path)
            .map_err(|error| format!("the component {} cannot be read: {error}", path.display()))?;
        Ok(bytes.into())
    }
}
