//! Python: componentize-py puts the project and CPython into a component.

use std::fs;

use super::{Work, compiling};
use crate::command::command;
use crate::error::BuildError;
use crate::progress::Progress;
use crate::toolchain::compile;
use crate::world::{self, WORLD};

const PACKAGES: [&str; 1] = ["componentize-py==0.25.1"];

const SDK: [(&str, &str); 8] = [
    (
        "__init__.py",
        include_str!("../../../../sdk/python/menagerie/__init__.py"),
    ),
    (
        "_host.py",
        include_str!("../../../../sdk/python/menagerie/_host.py"),
    ),
    (
        "_entry.py",
        include_str!("../../../../sdk/python/menagerie/_entry.py"),
    ),
    (
        "http.py",
        include_str!("../../../../sdk/python/menagerie/http.py"),
    ),
    (
        "artifacts.py",
        include_str!("../../../../sdk/python/menagerie/artifacts.py"),
    ),
    (
        "shared.py",
        include_str!("../../../../sdk/python/menagerie/shared.py"),
    ),
    (
        "history.py",
        include_str!("../../../../sdk/python/menagerie/history.py"),
    ),
    (
        "figures.py",
        include_str!("../../../../sdk/python/menagerie/figures.py"),
    ),
];

/// The classes that the world's exports ask for, by export.
const EXPORTS: [(&str, &str); 7] = [
    (
        "agent",
        include_str!("../../../../sdk/python/exports/agent.py"),
    ),
    (
        "strategy",
        include_str!("../../../../sdk/python/exports/strategy.py"),
    ),
    (
        "group-strategy",
        include_str!("../../../../sdk/python/exports/group-strategy.py"),
    ),
    (
        "aggregator",
        include_str!("../../../../sdk/python/exports/aggregator.py"),
    ),
    (
        "arbiter",
        include_str!("../../../../sdk/python/exports/arbiter.py"),
    ),
    (
        "compensate",
        include_str!("../../../../sdk/python/exports/compensate.py"),
    ),
    (
        "config-check",
        include_str!("../../../../sdk/python/exports/config-check.py"),
    ),
];

/// What a component depends on beside the project.
pub(super) fn parts() -> Vec<&'static str> {
    let texts = SDK.iter().chain(&EXPORTS).map(|(_, text)| *text);
    texts.chain(PACKAGES).collect()
}

pub(super) fn component(
    work: &Work<'_>,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, BuildError> {
    let project = work.project;
    let main = project.main(&["plugin.py", "src/plugin.py"])?;
    let tools = work.tools.pip("python", &PACKAGES, progress)?;
    compiling(work, "componentize-py", progress);
    let sdk = work.folder.join("sdk");
    let package = sdk.join("menagerie");
    fs::create_dir_all(&package).map_err(BuildError::file(&package))?;
    for (name, text) in SDK {
        let path = package.join(name);
        fs::write(&path, text).map_err(BuildError::file(&path))?;
    }
    let main = project.dir.join(main);
    let module = main
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("plugin");
    let entry = sdk.join("menagerie_plugin.py");
    fs::write(&entry, entry_module(work, module)).map_err(BuildError::file(&entry))?;
    let output = work.folder.join("component.wasm");
    let mut build = command(tools.join("bin").join("componentize-py"), &project.dir);
    build
        .arg("--wit-path")
        .arg(world::write(project, work.folder)?)
        .args(["--world", WORLD, "componentize", "menagerie_plugin"])
        .arg("--python-path")
        .arg(&sdk)
        .arg("--python-path")
        .arg(main.parent().unwrap_or(&project.dir))
        .arg("--output")
        .arg(&output);
    compile(&mut build, &project.dir)?;
    fs::read(&output).map_err(BuildError::file(&output))
}

/// Imports the author's module, checks that it has what the world exports, and has the classes.
fn entry_module(work: &Work<'_>, module: &str) -> String {
    let settings = &work.project.settings;
    let mut text =
        format!("import {module}\nfrom menagerie import _entry\nfrom wit_world import exports\n");
    text.push_str(&format!("_entry.complete({:?})\n", settings.exports));
    for export in std::iter::once(&settings.kind).chain(&settings.exports) {
        text.push_str(&format!("\n_entry.function({export:?})\n\n\n"));
        let found = EXPORTS.iter().find(|(name, _)| name == export);
        text.push_str(found.map_or("", |(_, class)| class));
    }
    text
}
