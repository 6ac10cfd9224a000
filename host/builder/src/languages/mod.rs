//! From a project in another language than Rust to its component: the same steps for each, of which
//! only one, the language's own tools, differs.

mod c;
mod go;
mod javascript;
mod python;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmparser::Validator;

use crate::encode::{MANIFEST_SECTION, REVISION, append_custom_section};
use crate::error::BuildError;
use crate::lock::lock;
use crate::output::{Built, Made, digest, keep, kept};
use crate::progress::{Event, Progress};
use crate::project::{Language, Project};
use crate::toolchain::Tools;
use crate::world;

/// Folders of a project that are no source.
const NO_SOURCE: [&str; 7] = [
    "target",
    "tests",
    "node_modules",
    "__pycache__",
    ".git",
    ".venv",
    "venv",
];

/// One build of one project.
pub(crate) struct Work<'work> {
    pub(crate) project: &'work Project,
    /// Where intermediate files go.
    pub(crate) folder: &'work Path,
    pub(crate) tools: &'work Tools<'work>,
}

/// Builds the project of a folder, unless nothing has changed since the last time.
pub(crate) fn build(
    dir: &Path,
    language: Language,
    tools: &Tools<'_>,
    components_dir: Option<&Path>,
    progress: &mut dyn Progress,
) -> Result<Built, BuildError> {
    let project = Project::read(dir, language)?;
    let target = dir.join("target").join("guests");
    let components = components_dir.map_or_else(|| target.join("components"), Path::to_owned);
    let folder = target.join(&project.name);
    fs::create_dir_all(&folder).map_err(BuildError::file(&folder))?;
    let _lock = lock(&folder, progress)?;
    let source = source_digest(&project, language)?;
    if let Some(built) = kept(&components, &project.name, &source, dir) {
        return Ok(built);
    }
    let work = Work {
        project: &project,
        folder: &folder,
        tools,
    };
    let component = match language {
        Language::JavaScript => javascript::component(&work, progress)?,
        Language::Python => python::component(&work, progress)?,
        Language::C => c::component(&work, progress)?,
        Language::Go => go::component(&work, progress)?,
        Language::Rust => {
            return Err(BuildError::NoPlugin {
                dir: dir.to_owned(),
            });
        }
    };
    let bytes = finished(&project, component)?;
    let made = Made {
        name: project.name.clone(),
        kind: project.settings.kind.clone(),
        source,
        bytes,
    };
    keep(made, &components, dir)
}

/// Adds the manifest, and checks the whole.
fn finished(project: &Project, mut component: Vec<u8>) -> Result<Vec<u8>, BuildError> {
    append_custom_section(
        &mut component,
        MANIFEST_SECTION,
        project.manifest().as_bytes(),
    );
    let checked = Validator::new().validate_all(&component);
    checked.map_err(|error| BuildError::Encode {
        package: project.name.clone(),
        reason: error.to_string(),
    })?;
    Ok(component)
}

/// Reports that a language's own tools are at work.
pub(crate) fn compiling(work: &Work<'_>, tool: &str, progress: &mut dyn Progress) {
    let crates = format!("{} by {tool}", work.project.name);
    progress.report(Event::Compiling {
        done: 0,
        total: 1,
        crates: &crates,
    });
}

/// Everything that the component depends on: the project's files, the contract, the SDK, the tools.
fn source_digest(project: &Project, language: Language) -> Result<String, BuildError> {
    let mut files = Vec::new();
    collect(&project.dir, &mut files)?;
    files.sort();
    let contract = world::CONTRACT
        .iter()
        .flat_map(|(name, text)| [*name, *text]);
    let parts: Vec<&str> = match language {
        Language::JavaScript => javascript::parts(),
        Language::Python => python::parts(),
        Language::C => c::parts(),
        Language::Go => go::parts(),
        Language::Rust => Vec::new(),
    };
    let more: Vec<&str> = contract.chain(parts).collect();
    files_digest(&project.dir, &files, &more)
}

/// Files by name and content, and whatever else counts.
pub(crate) fn files_digest(
    dir: &Path,
    files: &[PathBuf],
    more: &[&str],
) -> Result<String, BuildError> {
    let mut hash = Sha256::new();
    hash.update(REVISION.to_le_bytes());
    for path in files {
        let bytes = fs::read(path).map_err(BuildError::file(path))?;
        let name = path.strip_prefix(dir).unwrap_or(path);
        hash.update(name.to_string_lossy().as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    for part in more {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(digest(&hash.finalize()))
}

/// The files of a folder, but for what tools write and tests.
pub(crate) fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    for entry in fs::read_dir(dir).map_err(BuildError::file(dir))? {
        let entry = entry.map_err(BuildError::file(dir))?;
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type().map_err(BuildError::file(&path))?;
        if kind.is_dir() {
            if !NO_SOURCE.iter().any(|skipped| name == *skipped) {
                collect(&path, files)?;
            }
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
