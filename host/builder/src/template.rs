//! A new project: a plugin that builds and passes its tests, to be changed into one's own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BuildError;

/// The languages that a project can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// C.
    C,
    /// Go.
    Go,
}

/// What a new project is to be.
#[derive(Clone, Debug)]
pub struct NewProject<'project> {
    /// The plugin's name, and its folder's.
    pub name: &'project str,
    /// `agent`, `strategy`, `group-strategy`, `aggregator` or `arbiter`.
    pub kind: &'project str,
    /// What it is written in.
    pub written: Written,
    /// What it asks for, such as `http`.
    pub grants: &'project [String],
    /// Where the SDK for Rust is, and beside it that for Go; the others come with the builder.
    pub rust_sdk: Option<&'project Path>,
}

macro_rules! of_every_kind {
    ($folder:literal, $end:literal) => {
        [
            (
                "agent",
                include_str!(concat!("../../../sdk/", $folder, "/agent.", $end)),
            ),
            (
                "strategy",
                include_str!(concat!("../../../sdk/", $folder, "/strategy.", $end)),
            ),
            (
                "group-strategy",
                include_str!(concat!("../../../sdk/", $folder, "/group-strategy.", $end)),
            ),
            (
                "aggregator",
                include_str!(concat!("../../../sdk/", $folder, "/aggregator.", $end)),
            ),
            (
                "arbiter",
                include_str!(concat!("../../../sdk/", $folder, "/arbiter.", $end)),
            ),
        ]
    };
}

type OfEveryKind = [(&'static str, &'static str); 5];

const RUST: OfEveryKind = of_every_kind!("rust/template", "rs");
const PYTHON: OfEveryKind = of_every_kind!("python/template", "py");
const C: OfEveryKind = of_every_kind!("c/template", "c");
const GO: OfEveryKind = of_every_kind!("go/template", "go");
const TYPESCRIPT: OfEveryKind = of_every_kind!("js/template", "ts");
const CASES: OfEveryKind = of_every_kind!("cases", "toml");

const TYPES: &str = include_str!("../../../sdk/js/index.d.ts");

/// Writes a project into the folder of its name below `parent`, and gives the files.
///
/// # Errors
/// [`BuildError::Project`] for a name or kind that cannot be one; [`BuildError::File`] when the folder exists.
pub fn new_project(parent: &Path, new: &NewProject<'_>) -> Result<Vec<PathBuf>, BuildError> {
    let dir = parent.join(new.name);
    let wrong = |reason: String| BuildError::Project {
        file: dir.clone(),
        reason,
    };
    crate::project::check_words(new.name, new.kind, new.grants).map_err(wrong)?;
    let files = files(new).map_err(wrong)?;
    // Refuses a folder that is there: nobody's work is written over.
    fs::create_dir(&dir).map_err(BuildError::file(&dir))?;
    let mut written = Vec::with_capacity(files.len());
    for (name, text) in files {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(BuildError::file(folder))?;
        }
        fs::write(&path, text).map_err(BuildError::file(&path))?;
        written.push(path);
    }
    Ok(written)
}

fn files(new: &NewProject<'_>) -> Result<Vec<(&'static str, String)>, String> {
    let source = |sources: &OfEveryKind| of_kind(sources, new.kind);
    let grants = serde_json::to_string(new.grants).map_err(|error| error.to_string())?;
    let (name, kind) = (new.name, new.kind);
    let mut files = vec![
        ("tests/cases.toml", of_kind(&CASES, kind)),
        (
            ".gitignore",
            "/target\n__pycache__\nnode_modules\n".to_owned(),
        ),
    ];
    match new.written {
        Written::Go => {
            files.push(("menagerie.toml", menagerie_toml(name, kind, &grants)));
            files.push(("go.mod", go_mod(name, new.rust_sdk)));
            files.push(("plugin.go", source(&GO)));
        }
        Written::C => {
            files.push(("menagerie.toml", menagerie_toml(name, kind, &grants)));
            files.push(("plugin.c", source(&C)));
        }
        Written::Rust => {
            let sdk = new
                .rust_sdk
                .ok_or("the SDK for Rust lies in the repository that this program was built from, which is not there any more")?;
            files.push(("Cargo.toml", cargo_manifest(name, sdk)));
            files.push((
                "src/lib.rs",
                with_grants(source(&RUST), kind, &grants, new.grants),
            ));
        }
        Written::Python => {
            files.push((
                "pyproject.toml",
                format!(
                    "[project]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"\"\n\n\
                     [tool.menagerie]\nkind = \"{kind}\"\nskills = []\ngrants = {grants}\nmemory_mib = 64\n"
                ),
            ));
            files.push(("plugin.py", source(&PYTHON)));
        }
        Written::JavaScript | Written::TypeScript => {
            files.push((
                "package.json",
                format!(
                    "{{\n  \"name\": \"{name}\",\n  \"version\": \"0.1.0\",\n  \"description\": \"\",\n  \"private\": true,\n  \"type\": \"module\",\n  \
                     \"menagerie\": {{ \"kind\": \"{kind}\", \"skills\": [], \"grants\": {grants} }}\n}}\n"
                ),
            ));
            let main = match new.written {
                Written::TypeScript => "index.ts",
                _ => "index.js",
            };
            files.push((main, source(&TYPESCRIPT)));
            files.push(("menagerie.d.ts", TYPES.to_owned()));
            files.push(("tsconfig.json", TSCONFIG.to_owned()));
        }
    }
    Ok(files)
}

const TSCONFIG: &str = "{\n  \"compilerOptions\": { \"target\": \"es2023\", \"module\": \"esnext\", \"moduleResolution\": \"bundler\", \"lib\": [\"es2023\"],\n    \
                        \"allowJs\": true, \"noEmit\": true },\n  \"exclude\": [\"target\", \"node_modules\"]\n}\n";

fn of_kind(sources: &OfEveryKind, kind: &str) -> String {
    let found = sources.iter().find(|(of, _)| *of == kind);
    found.map_or("", |(_, text)| text).to_owned()
}

/// In Rust the attribute says what is asked for.
fn with_grants(source: String, kind: &str, list: &str, grants: &[String]) -> String {
    if grants.is_empty() {
        return source;
    }
    let attribute = format!("#[menagerie::{}", kind.replace('-', "_"));
    source.replace(
        &format!("{attribute}]"),
        &format!("{attribute}(grants = {list})]"),
    )
}

fn menagerie_toml(name: &str, kind: &str, grants: &str) -> String {
    format!(
        "[plugin]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"\"\n\n\
         [menagerie]\nkind = \"{kind}\"\nskills = []\ngrants = {grants}\n"
    )
}

/// The build finds the SDK by itself; editors and `go test` do by the last line, where it is there.
fn go_mod(name: &str, rust_sdk: Option<&Path>) -> String {
    let mut text = format!("module example.com/{name}\n\ngo 1.25\n");
    let sdk = rust_sdk.and_then(Path::parent).map(|sdks| sdks.join("go"));
    if let Some(sdk) = sdk {
        text.push_str(&format!(
            "\nrequire menagerie v0.0.0\n\nreplace menagerie => {sdk:?}\n"
        ));
    }
    text
}

fn cargo_manifest(name: &str, sdk: &Path) -> String {
    let sdk = sdk.display();
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\ndescription = \"\"\n\n\
         [workspace]\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\nmenagerie-sdk = {{ path = '{sdk}' }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n\
         [profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::path::Path;

    use super::{NewProject, Written, new_project};
    use crate::encode::KINDS;
    use crate::project::{Language, Project};

    const ALL: [Written; 6] = [
        Written::Rust,
        Written::Python,
        Written::JavaScript,
        Written::TypeScript,
        Written::C,
        Written::Go,
    ];

    #[test]
    fn every_kind_in_every_language_is_a_project_with_cases() {
        for kind in KINDS {
            for written in ALL {
                let parent = tempfile::tempdir().unwrap();
                let new = NewProject {
                    name: "mine",
                    kind,
                    written,
                    grants: &["http", "shared", "artifacts"].map(str::to_owned),
                    rust_sdk: Some(Path::new("/sdk/rust")),
                };
                let files = new_project(parent.path(), &new).unwrap();
                assert!(files.iter().any(|file| file.ends_with("tests/cases.toml")));
                for file in &files {
                    assert!(
                        !std::fs::read(file).unwrap().is_empty(),
                        "{}",
                        file.display()
                    );
                }
                let dir = parent.path().join("mine");
                let language = Language::of(&dir).unwrap();
                if language != Language::Rust {
                    let project = Project::read(&dir, language).unwrap();
                    assert_eq!(project.settings.kind, kind);
                    assert_eq!(project.settings.grants, ["http", "shared", "artifacts"]);
                }
                // A second one would write over the first.
                assert!(new_project(parent.path(), &new).is_err());
            }
        }
    }

    #[test]
    fn a_name_that_cannot_be_one_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["", "../up", "Upper", "a b", "9lives"] {
            let new = NewProject {
                name,
                kind: "agent",
                written: Written::Python,
                grants: &[],
                rust_sdk: None,
            };
            let refused = new_project(parent.path(), &new).unwrap_err();
            assert!(refused.to_string().contains("lower-case"), "{refused}");
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
