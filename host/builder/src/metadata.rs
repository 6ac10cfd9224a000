//! What cargo knows of a workspace: its plugins, and every folder whose path must not be part of a component.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::command::{cargo, command, run};
use crate::error::BuildError;
use crate::standard_library::TARGET;

/// A package that becomes a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// Cargo's id, which its messages name.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) dir: PathBuf,
}

/// A workspace as a build needs it.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_dir: PathBuf,
    pub(crate) plugins: Vec<Plugin>,
    /// Packages beside the workspace, by name.
    pub(crate) local: Vec<(String, PathBuf)>,
    /// The folders that hold the registries' packages.
    pub(crate) registries: BTreeSet<PathBuf>,
}

#[derive(Deserialize)]
struct Answer {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    description: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Package {
    fn dir(&self) -> PathBuf {
        self.manifest_path
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default()
    }

    fn is_plugin(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
    }
}

/// Asks cargo. With `one` only the package of that folder counts, which may be a member of a workspace.
pub(crate) fn read(dir: &Path, offline: bool, one: bool) -> Result<Workspace, BuildError> {
    let mut ask = command(cargo(), dir);
    ask.args([
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        TARGET,
    ]);
    if offline {
        ask.arg("--offline");
    }
    let output = run(&mut ask)?;
    if !output.status.success() {
        return Err(BuildError::Compile {
            dir: dir.to_owned(),
            output: output.stderr,
        });
    }
    let answer: Answer =
        serde_json::from_str(&output.stdout).map_err(|error| BuildError::Answer {
            program: "cargo metadata".to_owned(),
            found: error.to_string(),
        })?;
    let wanted = |package: &Package| {
        answer.workspace_members.contains(&package.id) && (!one || package.dir() == dir)
    };
    let mut plugins: Vec<Plugin> = answer
        .packages
        .iter()
        .filter(|package| wanted(package) && package.is_plugin())
        .map(|package| Plugin {
            id: package.id.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            description: package.description.clone(),
            dir: package.dir(),
        })
        .collect();
    if plugins.is_empty() {
        return Err(BuildError::NoPlugin {
            dir: dir.to_owned(),
        });
    }
    plugins.sort_by(|left, right| left.name.cmp(&right.name));
    let (local, fetched): (Vec<&Package>, Vec<&Package>) = answer
        .packages
        .iter()
        .partition(|package| package.source.is_none());
    Ok(Workspace {
        root: answer.workspace_root,
        target_dir: answer.target_directory,
        plugins,
        local: local
            .iter()
            .map(|package| (package.name.clone(), package.dir()))
            .collect(),
        registries: fetched
            .iter()
            .filter_map(|package| package.dir().parent().map(Path::to_owned))
            .collect(),
    })
}
