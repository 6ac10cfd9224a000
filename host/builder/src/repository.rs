//! The plugins and guests of Menagerie's own repository.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::languages::{collect, files_digest};
use crate::output::{Built, keep_workspace, kept_workspace};
use crate::progress::Progress;
use crate::standard_library::WAY_VARIABLE;
use crate::{Builder, BuilderOptions};

/// Builds the plugins that ship with Menagerie: `plugins/` of the repository at that root.
///
/// # Errors
/// As [`Builder::build_workspace`].
pub fn bundled(root: &Path, progress: &mut dyn Progress) -> Result<Vec<Built>, BuildError> {
    build(root, "plugins", "components", progress)
}

/// Builds the Rust guests that tests and benchmarks call: `tests/rust-guests/` of the repository.
///
/// # Errors
/// As [`Builder::build_workspace`].
pub fn test_guests(root: &Path, progress: &mut dyn Progress) -> Result<Vec<Built>, BuildError> {
    build(root, "tests/rust-guests", "test-components", progress)
}

/// Both share a target folder, in which the SDK and what it needs is compiled once. Their components
/// are apart, so that no flow finds a test's guest among the plugins.
fn build(
    root: &Path,
    workspace: &str,
    components: &str,
    progress: &mut dyn Progress,
) -> Result<Vec<Built>, BuildError> {
    let target_dir = target_folder(root).join("guests");
    let components_dir = target_dir.join(components);
    let sources = [workspace, "sdk/rust", "wit", "rust-toolchain.toml"].map(|name| root.join(name));
    let source = tree_digest(root, &sources)?;
    if let Some(built) = kept_workspace(&components_dir, &source) {
        return Ok(built);
    }
    let builder = Builder::new(BuilderOptions {
        components_dir: Some(components_dir.clone()),
        target_dir: Some(target_dir),
        source_root: Some(root.to_owned()),
        ..BuilderOptions::default()
    });
    let built = builder.build_workspace(&root.join(workspace), progress)?;
    keep_workspace(&components_dir, &source, &built)?;
    Ok(built)
}

/// What all components of these workspaces are made from, apart from the compiler: asking cargo instead takes as
/// long as a whole run.
fn tree_digest(root: &Path, sources: &[PathBuf]) -> Result<String, BuildError> {
    let mut files = Vec::new();
    for source in sources {
        if source.is_dir() {
            collect(source, &mut files)?;
        } else if source.is_file() {
            files.push(source.clone());
        }
    }
    files.sort();
    files_digest(root, &files, &[&env::var(WAY_VARIABLE).unwrap_or_default()])
}

/// Where the host is compiled to as well.
fn target_folder(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root.join(folder),
        _ => root.join("target"),
    }
}
