//! The plugins and guests of Menagerie's own repository.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::output::Built;
use crate::progress::Progress;
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
    let builder = Builder::new(BuilderOptions {
        components_dir: Some(target_dir.join(components)),
        target_dir: Some(target_dir),
        source_root: Some(root.to_owned()),
        ..BuilderOptions::default()
    });
    builder.build_workspace(&root.join(workspace), progress)
}

/// Where the host is compiled to as well.
fn target_folder(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root.join(folder),
        _ => root.join("target"),
    }
}
