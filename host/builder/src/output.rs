//! The components' files: written whole or not at all, and only when the module behind one changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compile::Modules;
use crate::encode::{REVISION, encode};
use crate::error::BuildError;
use crate::metadata::Plugin;
use crate::progress::{Event, Progress};

/// A component that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The plugin's name, as its manifest has it; its file's too.
    pub name: String,
    /// `agent`, `strategy`, `group-strategy`, `aggregator` or `arbiter`.
    pub kind: String,
    /// The component.
    pub path: PathBuf,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The component's size in bytes.
    pub size: u64,
    /// The folder of the package.
    pub package_dir: PathBuf,
    /// Whether this build made it; otherwise it had been made before.
    pub fresh: bool,
}

/// What a component was made from, beside it: as long as that is the same, so is the component.
#[derive(Serialize, Deserialize)]
struct Stamp {
    /// Of the module and of everything else that goes into the component.
    source: String,
    name: String,
    kind: String,
    component: String,
}

pub(crate) fn write_components(
    plugins: &[Plugin],
    modules: &Modules,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<Vec<Built>, BuildError> {
    let stamps = folder.join("stamps");
    fs::create_dir_all(&stamps).map_err(BuildError::file(&stamps))?;
    let total = u32::try_from(plugins.len()).unwrap_or(u32::MAX);
    let mut built: Vec<Built> = Vec::with_capacity(plugins.len());
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (plugin, done) in plugins.iter().zip(0..) {
        let Some(module) = modules.get(&plugin.id) else {
            return Err(BuildError::Encode {
                package: plugin.name.clone(),
                reason: "cargo made no WebAssembly module of it".to_owned(),
            });
        };
        let module = fs::read(module).map_err(BuildError::file(module))?;
        let source = source_digest(&module, plugin);
        // Stamps go by package, since a plugin's name is known only from its module.
        let stamp = stamps.join(format!("{}.json", plugin.name));
        let one = match unchanged(&stamp, &source, folder, &plugin.dir) {
            Some(unchanged) => unchanged,
            None => {
                progress.report(Event::Encoding {
                    done,
                    total,
                    name: &plugin.name,
                });
                write_one(&module, source, plugin, folder, &stamp)?
            }
        };
        if let Some(first) = names.insert(one.name.clone(), plugin.dir.clone()) {
            return Err(BuildError::SameName {
                name: one.name,
                first,
                second: plugin.dir.clone(),
            });
        }
        built.push(one);
    }
    Ok(built)
}

fn write_one(
    module: &[u8],
    source: String,
    plugin: &Plugin,
    folder: &Path,
    stamp: &Path,
) -> Result<Built, BuildError> {
    let encoded = encode(module, plugin).map_err(|reason| BuildError::Encode {
        package: plugin.name.clone(),
        reason,
    })?;
    let made = Made {
        name: encoded.name,
        kind: encoded.kind,
        source,
        bytes: encoded.bytes,
    };
    write_made(made, folder, stamp, &plugin.dir)
}

/// A component and what it was made from.
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) bytes: Vec<u8>,
}

/// Writes a component whose project has this name, with its stamp.
pub(crate) fn keep(made: Made, folder: &Path, dir: &Path) -> Result<Built, BuildError> {
    let stamps = folder.join("stamps");
    fs::create_dir_all(&stamps).map_err(BuildError::file(&stamps))?;
    let stamp = stamps.join(format!("{}.json", made.name));
    write_made(made, folder, &stamp, dir)
}

/// The component of an earlier build, if it was made from the same.
pub(crate) fn kept(folder: &Path, name: &str, source: &str, dir: &Path) -> Option<Built> {
    let stamp = folder.join("stamps").join(format!("{name}.json"));
    unchanged(&stamp, source, folder, dir)
}

fn write_made(made: Made, folder: &Path, stamp: &Path, dir: &Path) -> Result<Built, BuildError> {
    let path = folder.join(format!("{}.wasm", made.name));
    let digest = digest(&made.bytes);
    let text = serde_json::to_vec(&Stamp {
        source: made.source,
        name: made.name.clone(),
        kind: made.kind.clone(),
        component: digest.clone(),
    });
    let text = text.map_err(|error| BuildError::file(stamp)(error.into()))?;
    // The stamp last: a component without one is made again.
    replace(&path, &made.bytes)?;
    replace(stamp, &text)?;
    Ok(Built {
        name: made.name,
        kind: made.kind,
        path,
        digest,
        size: made.bytes.len() as u64,
        package_dir: dir.to_owned(),
        fresh: true,
    })
}

/// The component of an earlier build, if it is still the one that this source would become.
fn unchanged(stamp: &Path, source: &str, folder: &Path, dir: &Path) -> Option<Built> {
    let stamp: Stamp = serde_json::from_slice(&fs::read(stamp).ok()?).ok()?;
    let path = folder.join(format!("{}.wasm", stamp.name));
    let bytes = fs::read(&path).ok()?;
    if stamp.source != source || digest(&bytes) != stamp.component {
        return None;
    }
    Some(Built {
        name: stamp.name,
        kind: stamp.kind,
        path,
        digest: stamp.component,
        size: bytes.len() as u64,
        package_dir: dir.to_owned(),
        fresh: false,
    })
}

/// What a whole workspace was made from, and what came of it.
#[derive(Serialize, Deserialize)]
struct WorkspaceStamp {
    source: String,
    made: Vec<WorkspaceMade>,
}

#[derive(Serialize, Deserialize)]
struct WorkspaceMade {
    name: String,
    kind: String,
    digest: String,
    package_dir: PathBuf,
}

/// Not under `stamps`, where names are those of packages.
const WORKSPACE_STAMP: &str = "workspace.json";

/// The components of an earlier build of a workspace, if all of them are there as they were made from this source.
pub(crate) fn kept_workspace(folder: &Path, source: &str) -> Option<Vec<Built>> {
    let stamp = fs::read(folder.join(WORKSPACE_STAMP)).ok()?;
    let stamp: WorkspaceStamp = serde_json::from_slice(&stamp).ok()?;
    if stamp.source != source {
        return None;
    }
    let kept = |made: WorkspaceMade| {
        let path = folder.join(format!("{}.wasm", made.name));
        let bytes = fs::read(&path).ok()?;
        (digest(&bytes) == made.digest).then_some(Built {
            name: made.name,
            kind: made.kind,
            path,
            digest: made.digest,
            size: bytes.len() as u64,
            package_dir: made.package_dir,
            fresh: false,
        })
    };
    stamp.made.into_iter().map(kept).collect()
}

/// Notes what a workspace was made from.
pub(crate) fn keep_workspace(
    folder: &Path,
    source: &str,
    built: &[Built],
) -> Result<(), BuildError> {
    let made = built.iter().map(|one| WorkspaceMade {
        name: one.name.clone(),
        kind: one.kind.clone(),
        digest: one.digest.clone(),
        package_dir: one.package_dir.clone(),
    });
    let stamp = folder.join(WORKSPACE_STAMP);
    let text = serde_json::to_vec(&WorkspaceStamp {
        source: source.to_owned(),
        made: made.collect(),
    });
    let text = text.map_err(|error| BuildError::file(&stamp)(error.into()))?;
    replace(&stamp, &text)
}

fn source_digest(module: &[u8], plugin: &Plugin) -> String {
    let description = plugin.description.as_deref().unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(REVISION.to_le_bytes());
    for part in [plugin.name.as_str(), plugin.version.as_str(), description] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(module);
    hex::encode(hash.finalize())
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A host that is loading the old file goes on with the old file.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let beside = path.with_extension(format!("new.{}", std::process::id()));
    fs::write(&beside, bytes).map_err(BuildError::file(&beside))?;
    fs::rename(&beside, path).map_err(BuildError::file(path))
}
