//! JavaScript and TypeScript: esbuild bundles, componentize-qjs puts the bundle into QuickJS.

use std::fs;

use serde_json::json;

use super::{Work, compiling};
use crate::command::command;
use crate::error::BuildError;
use crate::progress::Progress;
use crate::project::ENGINES;
use crate::toolchain::compile;
use crate::world;

const PACKAGES: [&str; 2] = ["componentize-qjs@0.4.5", "esbuild@0.28.2"];

/// For projects that say `"engine": "starlingmonkey"`: some 400 MB.
const STARLINGMONKEY: [&str; 2] = ["@bytecodealliance/componentize-js@0.23.0", "esbuild@0.28.2"];

const SDK: [(&str, &str); 7] = [
    ("index.js", include_str!("../../../../sdk/js/index.js")),
    ("http.js", include_str!("../../../../sdk/js/http.js")),
    (
        "artifacts.js",
        include_str!("../../../../sdk/js/artifacts.js"),
    ),
    ("shared.js", include_str!("../../../../sdk/js/shared.js")),
    ("history.js", include_str!("../../../../sdk/js/history.js")),
    ("figures.js", include_str!("../../../../sdk/js/figures.js")),
    ("index.d.ts", include_str!("../../../../sdk/js/index.d.ts")),
];

const BUILD: &str = include_str!("../../../../sdk/js/build.mjs");

/// What a component depends on beside the project.
pub(super) fn parts() -> Vec<&'static str> {
    let sdk = SDK.iter().map(|(_, text)| *text);
    let packages = PACKAGES.into_iter().chain(STARLINGMONKEY);
    sdk.chain(packages).chain([BUILD]).collect()
}

pub(super) fn component(
    work: &Work<'_>,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, BuildError> {
    let main = work
        .project
        .main(&["index.ts", "index.js", "src/index.ts", "src/index.js"])?;
    let engine = work.project.settings.engine.as_deref();
    let engine = engine.unwrap_or(ENGINES[0]);
    let tools = if engine == ENGINES[0] {
        work.tools.npm("js", &PACKAGES, progress)?
    } else {
        work.tools
            .npm("js-starlingmonkey", &STARLINGMONKEY, progress)?
    };
    compiling(work, engine, progress);
    let sdk = work.folder.join("sdk");
    fs::create_dir_all(&sdk).map_err(BuildError::file(&sdk))?;
    for (name, text) in SDK {
        let path = sdk.join(name);
        fs::write(&path, text).map_err(BuildError::file(&path))?;
    }
    // Beside the packages that it imports; one process may write it while another reads it.
    let script = tools.join(format!("build-{}.mjs", std::process::id()));
    fs::write(&script, BUILD).map_err(BuildError::file(&script))?;
    let settings = &work.project.settings;
    let kinds = std::iter::once(&settings.kind).chain(&settings.exports);
    let output = work.folder.join("component.wasm");
    let wanted = json!({
        "project": work.project.dir,
        "main": format!("./{main}"),
        "kind": settings.kind,
        "exports": kinds.map(|name| camel(name)).collect::<Vec<_>>(),
        "beside": settings.exports,
        "engine": engine,
        "sdk": sdk,
        "wit": world::write(work.project, work.folder)?,
        "bundle": work.folder.join("bundle.js"),
        "output": output,
    });
    let built = compile(
        command("node", &work.project.dir)
            .arg(&script)
            .arg(wanted.to_string()),
        &work.project.dir,
    );
    // It is of no use any more, and whether it can be removed decides nothing.
    let _ = fs::remove_file(&script);
    built?;
    fs::read(&output).map_err(BuildError::file(&output))
}

/// `group-strategy` is `groupStrategy`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut joined, word| {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
        joined
    })
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn names_of_the_contract_are_written_as_javascript_writes_them() {
        assert_eq!(camel("agent"), "agent");
        assert_eq!(camel("group-strategy"), "groupStrategy");
        assert_eq!(camel("config-check"), "configCheck");
    }
}
