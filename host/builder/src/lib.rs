//! Turns guest packages into components: one piece of code for `menagerie build`, the demo,
//! tests and benchmarks.
//!
//! A project in JavaScript, TypeScript, Python or C is built by that language's tools, which are installed
//! into a private folder when they are missing. For Rust it finds a standard library for WebAssembly by the first way that works, lets cargo compile all
//! plugins of a workspace at once, and makes a validated component of each. It knows nothing of runs.

mod command;
mod compile;
mod debian;
mod encode;
mod error;
mod languages;
mod lock;
mod metadata;
mod output;
mod progress;
mod project;
mod repository;
mod standard_library;
mod template;
mod toolchain;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

pub use encode::MANIFEST_SECTION;
pub use error::BuildError;
pub use output::Built;
pub use progress::{Event, Progress, Silent};
pub use project::Language;
pub use repository::{bundled, test_guests};
pub use standard_library::{TARGET, WAY_VARIABLE, Way};
pub use template::{NewProject, Written, new_project};

use crate::compile::Compilation;
use crate::lock::lock;
use crate::standard_library::Search;
use crate::toolchain::Tools;

/// How to build. The default suits a workspace of somebody's own.
#[derive(Clone, Debug, Default)]
pub struct BuilderOptions {
    /// Where cargo compiles to; `guests` in the workspace's own target folder when left out. One
    /// folder for several workspaces compiles what they share once.
    pub target_dir: Option<PathBuf>,
    /// Where components go; `components` in the target folder when left out.
    pub components_dir: Option<PathBuf>,
    /// Where downloaded compilers are kept; `menagerie/toolchain` in the user's cache folder when
    /// left out.
    pub toolchain_dir: Option<PathBuf>,
    /// The folder that source paths in panics are told from; the workspace when left out. Workspaces
    /// that share a target folder have to share it too, or each recompiles what the other compiled.
    pub source_root: Option<PathBuf>,
    /// Downloads nothing.
    pub offline: bool,
    /// The one way to have a standard library. When left out, what [`WAY_VARIABLE`] names, else the
    /// first way that works.
    pub way: Option<Way>,
}

/// Builds workspaces and packages.
#[derive(Clone, Debug)]
pub struct Builder {
    options: BuilderOptions,
}

impl Builder {
    /// A builder that has done nothing yet.
    pub fn new(options: BuilderOptions) -> Self {
        Self { options }
    }

    /// Builds every plugin of a workspace, in the order of their packages' names. What has not
    /// changed since the last time is not built again.
    ///
    /// One source in one place gives the same bytes every time. In another folder they may differ:
    /// cargo mixes the absolute path of a package outside of the workspace into its symbols, which
    /// orders them.
    ///
    /// # Errors
    /// See [`BuildError`]; a source that does not compile is [`BuildError::Compile`].
    pub fn build_workspace(
        &self,
        dir: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Built>, BuildError> {
        self.build(dir, false, progress)
    }

    /// Builds the plugin of one package, which may belong to a workspace.
    ///
    /// # Errors
    /// As [`Builder::build_workspace`].
    pub fn build_package(
        &self,
        dir: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Built, BuildError> {
        let mut built = self.build(dir, true, progress)?;
        built.pop().ok_or_else(|| BuildError::NoPlugin {
            dir: dir.to_owned(),
        })
    }

    /// Builds whatever project a folder holds: a plugin in any of the languages, or a cargo workspace of
    /// plugins. Tools of other languages than Rust are installed into the toolchain folder when they
    /// are missing.
    ///
    /// # Errors
    /// [`BuildError::NoProject`] where nothing is recognised; else as [`Builder::build_workspace`].
    pub fn build_project(
        &self,
        dir: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Built>, BuildError> {
        match Language::of(dir) {
            None => Err(BuildError::NoProject {
                dir: dir.to_owned(),
            }),
            Some(Language::Rust) if is_workspace(dir) => self.build_workspace(dir, progress),
            Some(Language::Rust) => self.build_package(dir, progress).map(|built| vec![built]),
            Some(language) => {
                let dir = fs::canonicalize(dir).map_err(BuildError::file(dir))?;
                let toolchain_dir = self.toolchain_dir()?;
                let tools = Tools {
                    dir: &toolchain_dir,
                    offline: self.options.offline,
                };
                let components = self.options.components_dir.as_deref();
                let components = components.map(absolute).transpose()?;
                languages::build(&dir, language, &tools, components.as_deref(), progress)
                    .map(|built| vec![built])
            }
        }
    }

    fn toolchain_dir(&self) -> Result<PathBuf, BuildError> {
        match &self.options.toolchain_dir {
            Some(folder) => absolute(folder),
            None => absolute(&cache_folder()),
        }
    }

    fn build(
        &self,
        dir: &Path,
        one: bool,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Built>, BuildError> {
        // Cargo tells folders in this form.
        let dir = fs::canonicalize(dir).map_err(BuildError::file(dir))?;
        let toolchain_dir = self.toolchain_dir()?;
        let search = Search {
            dir: &dir,
            toolchain_dir: &toolchain_dir,
            offline: self.options.offline,
            only: self.options.way,
        };
        let library = standard_library::find(&search, progress)?;
        let workspace = metadata::read(&dir, self.options.offline, one)?;
        let target_dir = match &self.options.target_dir {
            Some(target_dir) => absolute(target_dir)?,
            None => workspace.target_dir.join("guests"),
        };
        let components_dir = match &self.options.components_dir {
            Some(folder) => absolute(folder)?,
            None => target_dir.join("components"),
        };
        let source_root = self
            .options
            .source_root
            .as_deref()
            .unwrap_or(&workspace.root);
        let source_root = fs::canonicalize(source_root).map_err(BuildError::file(source_root))?;

        let _lock = lock(&target_dir, progress)?;
        let modules = Compilation {
            workspace: &workspace,
            library: &library,
            target_dir: &target_dir,
            source_root: &source_root,
            offline: self.options.offline,
        }
        .run(progress)?;
        output::write_components(&workspace.plugins, &modules, &components_dir, progress)
    }
}

/// A workspace without a package of its own.
fn is_workspace(dir: &Path) -> bool {
    let Ok(text) = fs::read_to_string(dir.join("Cargo.toml")) else {
        return false;
    };
    let Ok(table) = text.parse::<toml::Table>() else {
        return false;
    };
    table.contains_key("workspace") && !table.contains_key("package")
}

/// Cargo and the compiler run in the workspace, where a relative path would mean another folder.
fn absolute(path: &Path) -> Result<PathBuf, BuildError> {
    std::path::absolute(path).map_err(BuildError::file(path))
}

/// The user's cache folder, else one that every user of the machine has.
fn cache_folder() -> PathBuf {
    let set = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    let cache = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => std::env::temp_dir(),
    };
    cache.join("menagerie").join("toolchain")
}
