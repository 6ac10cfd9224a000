//! C: bindings by wit-bindgen, compiled by the clang that zig carries, made into a component.

use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::ComponentEncoder;

use super::{Work, compiling};
use crate::command::command;
use crate::error::BuildError;
use crate::progress::Progress;
use crate::project::{Language, Project};
use crate::toolchain::compile;
use crate::world::{self, WORLD};

const PACKAGES: [&str; 1] = ["ziglang==0.17.1"];

const HEADERS: [(&str, &str); 3] = [
    ("menagerie.h", include_str!("../../../../sdk/c/menagerie.h")),
    ("kinds.h", include_str!("../../../../sdk/c/kinds.h")),
    ("grants.h", include_str!("../../../../sdk/c/grants.h")),
];

/// What an undefined function of the world means, by the macro that defines it.
const EXPORTS: [(&str, &str); 7] = [
    ("agent_process", "AGENT"),
    ("compensate_compensate", "COMPENSATE"),
    ("config_check_check", "CHECK"),
    ("aggregator_aggregate", "AGGREGATOR"),
    ("arbiter_arbitrate", "ARBITER"),
    ("group_strategy_decide", "GROUP_STRATEGY"),
    ("strategy_decide", "STRATEGY"),
];

/// What a component depends on beside the project.
pub(super) fn parts() -> Vec<&'static str> {
    let headers = HEADERS.iter().map(|(_, text)| *text);
    headers.chain(PACKAGES).collect()
}

pub(super) fn component(
    work: &Work<'_>,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, BuildError> {
    let project = work.project;
    let main = project.main(&["plugin.c", "src/plugin.c"])?;
    let tools = work.tools.pip("c", &PACKAGES, progress)?;
    let unusable = |reason: String| BuildError::Encode {
        package: project.name.clone(),
        reason,
    };
    let bindings = work.folder.join("bindings");
    let wit = world::write(project, work.folder)?;
    write_bindings(project, &wit, &bindings)?.map_err(unusable)?;
    compiling(work, "zig cc", progress);
    let module = work.folder.join("module.wasm");
    let source = project.dir.join(main);
    let mut build = command(tools.join("bin").join("python3"), &project.dir);
    build
        .args(["-m", "ziglang", "cc", "-target", "wasm32-wasi"])
        .args([
            "-mexec-model=reactor",
            "-Os",
            "-std=c17",
            "-Wall",
            "-Wextra",
        ])
        .args(["-Wl,--strip-all", "-Wl,-z,stack-size=65536"])
        .arg("-I")
        .arg(&bindings)
        .arg("-o")
        .arg(&module)
        .args(sources(&source)?)
        .arg(bindings.join("plugin.c"))
        .arg(bindings.join("plugin_component_type.o"))
        .env("ZIG_GLOBAL_CACHE_DIR", tools.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", work.folder.join("zig-cache"));
    compile(&mut build, &project.dir).map_err(|error| with_missing(error, project))?;
    let bytes = fs::read(&module).map_err(BuildError::file(&module))?;
    encoded(&bytes).map_err(unusable)
}

/// Every source beside the one that is named.
fn sources(main: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let dir = main.parent().unwrap_or(main);
    let entries = fs::read_dir(dir).map_err(BuildError::file(dir))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut sources: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "c"))
        .collect();
    sources.sort();
    Ok(sources)
}

/// Writes the bindings and the header of the SDK; the inner error says why the world has none.
fn write_bindings(
    project: &Project,
    wit: &Path,
    folder: &Path,
) -> Result<Result<(), String>, BuildError> {
    fs::create_dir_all(folder).map_err(BuildError::file(folder))?;
    let files = match bindings(wit) {
        Ok(files) => files,
        Err(reason) => return Ok(Err(reason)),
    };
    let own = project_header(project);
    let headers = HEADERS.iter().map(|(name, text)| (*name, text.as_bytes()));
    let own = [("project.h", own.as_bytes())];
    for (name, contents) in files.iter().chain(headers).chain(own) {
        let path = folder.join(name);
        fs::write(&path, contents).map_err(BuildError::file(&path))?;
    }
    Ok(Ok(()))
}

/// Says to the headers of the SDK what the project is, what it exports beside, and what it asks for.
fn project_header(project: &Project) -> String {
    let settings = &project.settings;
    let names = std::iter::once(&settings.kind).chain(&settings.exports);
    let grants = settings.grants.iter().map(|grant| format!("with-{grant}"));
    names
        .cloned()
        .chain(grants)
        .map(|name| {
            let name = name.replace('-', "_").to_uppercase();
            format!("#define MENAGERIE_{name} 1\n")
        })
        .collect()
}

/// A function of the world that the source lacks is named as the source would have it.
fn with_missing(error: BuildError, project: &Project) -> BuildError {
    let BuildError::Compile { dir, mut output } = error else {
        return error;
    };
    for (function, word) in EXPORTS {
        if output.contains(&format!(
            "undefined symbol: exports_menagerie_plugin_{function}"
        )) {
            let marker = Language::C.marker();
            output.push_str(&format!(
                "`{}` has no {word}: {marker} says that it is there (`kind`, `exports`)\n",
                project.name
            ));
        }
    }
    BuildError::Compile { dir, output }
}

fn bindings(wit: &Path) -> Result<Files, String> {
    let told = |error: &dyn std::fmt::Display| format!("{error:#}");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|error| told(&error))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|error| told(&error))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| told(&error))?;
    Ok(files)
}

fn encoded(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| {
            let text = format!("{error:#}");
            if text.contains("wasi_snapshot_preview1") {
                return format!(
                    "it uses a part of the C library that needs an operating system, such as printf, files or time; \
                     menagerie.h has the host's own functions instead: {text}"
                );
            }
            text
        })
}
