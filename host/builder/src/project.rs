//! A plugin's project in a language other than Rust: what it says of itself in the file that its
//! language has for this.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::encode::KINDS;
use crate::error::BuildError;

/// The languages that plugins are built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A cargo package, or a workspace of them.
    Rust,
    /// `package.json`: JavaScript or TypeScript.
    JavaScript,
    /// `pyproject.toml`.
    Python,
    /// `menagerie.toml`.
    C,
    /// `menagerie.toml`, beside a `go.mod`.
    Go,
}

impl Language {
    const ALL: [Language; 5] = [
        Language::Rust,
        Language::JavaScript,
        Language::Python,
        Language::Go,
        Language::C,
    ];

    /// The file that makes a folder a project of this language.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::JavaScript => "package.json",
            Language::Python => "pyproject.toml",
            Language::C | Language::Go => "menagerie.toml",
        }
    }

    /// The language of a folder, by the file that it holds.
    #[must_use]
    pub fn of(dir: &Path) -> Option<Language> {
        Language::ALL.into_iter().find(|language| {
            let beside = *language != Language::Go || dir.join("go.mod").is_file();
            beside && dir.join(language.marker()).is_file()
        })
    }
}

/// Exports that a plugin may have beside that of its kind.
const MORE_EXPORTS: [&str; 2] = ["compensate", "config-check"];

/// What JavaScript may be run by.
pub(crate) const ENGINES: [&str; 2] = ["quickjs", "starlingmonkey"];

/// Interfaces that a project may ask for.
const GRANTS: [&str; 3] = ["http", "artifacts", "shared"];

/// A project, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) settings: Settings,
}

/// What a project says under `menagerie`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What it is for.
    pub(crate) kind: String,
    /// The source that everything begins with; each language has its usual place.
    pub(crate) main: Option<String>,
    /// Of JavaScript: what runs it, `quickjs` where nothing is said, or `starlingmonkey`.
    pub(crate) engine: Option<String>,
    /// `compensate` and `config-check`.
    #[serde(default)]
    pub(crate) exports: Vec<String>,
    #[serde(default)]
    skills: Vec<String>,
    #[serde(default)]
    pub(crate) grants: Vec<String>,
    fuel: Option<u64>,
    memory_mib: Option<u64>,
    #[serde(default)]
    schemas: Map<String, Value>,
}

#[derive(Deserialize)]
struct PackageJson {
    name: String,
    version: String,
    description: Option<String>,
    menagerie: Settings,
}

#[derive(Deserialize)]
struct PyProject {
    project: Named,
    tool: Tool,
}

#[derive(Deserialize)]
struct Tool {
    menagerie: Settings,
}

#[derive(Deserialize)]
struct PluginToml {
    plugin: Named,
    menagerie: Settings,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    version: String,
    description: Option<String>,
}

impl Project {
    /// Reads the project of a folder.
    ///
    /// # Errors
    /// [`BuildError::Project`] with the file and what is wrong in it.
    pub(crate) fn read(dir: &Path, language: Language) -> Result<Project, BuildError> {
        let file = dir.join(language.marker());
        let text = fs::read_to_string(&file).map_err(BuildError::file(&file))?;
        let wrong = |reason: String| BuildError::Project {
            file: file.clone(),
            reason,
        };
        let (named, settings) = match language {
            Language::JavaScript => {
                let package: PackageJson =
                    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
                let named = Named {
                    name: package.name,
                    version: package.version,
                    description: package.description,
                };
                (named, package.menagerie)
            }
            Language::Python => {
                let project: PyProject =
                    toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
                (project.project, project.tool.menagerie)
            }
            Language::C | Language::Go | Language::Rust => {
                let plugin: PluginToml =
                    toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
                (plugin.plugin, plugin.menagerie)
            }
        };
        check(language, &named, &settings).map_err(wrong)?;
        Ok(Project {
            dir: dir.to_owned(),
            name: named.name,
            version: named.version,
            description: named.description,
            settings,
        })
    }

    /// The manifest that its component carries.
    pub(crate) fn manifest(&self) -> String {
        let settings = &self.settings;
        let mut limits = Map::new();
        if let Some(fuel) = settings.fuel {
            limits.insert("fuel".to_owned(), fuel.into());
        }
        if let Some(memory) = settings.memory_mib {
            limits.insert("memory_mib".to_owned(), memory.into());
        }
        let mut manifest = json!({
            "name": self.name,
            "version": self.version,
            "kind": settings.kind,
            "skills": settings.skills,
            "schemas": settings.schemas,
            "limits": limits,
            "grants": settings.grants,
        });
        if let Some(description) = &self.description {
            manifest["description"] = description.as_str().into();
        }
        manifest.to_string()
    }

    /// The source that everything begins with: the one that is named, or the first of the usual ones
    /// that is there.
    pub(crate) fn main(&self, usual: &[&str]) -> Result<String, BuildError> {
        let named = self.settings.main.as_deref();
        let candidates: Vec<&str> = named.map_or_else(|| usual.to_vec(), |main| vec![main]);
        let found = candidates
            .iter()
            .find(|candidate| self.dir.join(candidate).is_file());
        match found {
            Some(main) => Ok((*main).to_owned()),
            None => Err(BuildError::Project {
                file: self.dir.clone(),
                reason: format!("found no source, expected {}", candidates.join(" or ")),
            }),
        }
    }
}

fn check(language: Language, named: &Named, settings: &Settings) -> Result<(), String> {
    check_words(&named.name, &settings.kind, &settings.grants)?;
    if let Some(engine) = &settings.engine {
        if language != Language::JavaScript {
            return Err("`engine` is for JavaScript and TypeScript".to_owned());
        }
        one_of("engine", engine, &ENGINES)?;
    }
    for export in &settings.exports {
        one_of("exports", export, &MORE_EXPORTS)?;
    }
    for schema in settings.schemas.keys() {
        one_of("schemas", schema, &["config", "input", "output"])?;
    }
    Ok(())
}

/// Whether a plugin may be called so, and be of that kind, and ask for that.
pub(crate) fn check_words(name: &str, kind: &str, grants: &[String]) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    if !begins || !name.bytes().all(plain) {
        return Err(format!(
            "the name is `{name}`; expected lower-case letters, digits and hyphens, a letter first"
        ));
    }
    one_of("kind", kind, &KINDS)?;
    grants
        .iter()
        .try_for_each(|grant| one_of("grants", grant, &GRANTS))
}

fn one_of(what: &str, found: &str, expected: &[&str]) -> Result<(), String> {
    if expected.contains(&found) {
        return Ok(());
    }
    Err(format!(
        "`{what}` has `{found}`; expected {}",
        expected.join(", ")
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{Language, Project};

    fn read(package: &str) -> Result<Project, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("package.json"), package).unwrap();
        assert_eq!(Language::of(folder.path()), Some(Language::JavaScript));
        Project::read(folder.path(), Language::JavaScript).map_err(|error| error.to_string())
    }

    #[test]
    fn a_manifest_says_what_the_project_says() {
        let project = read(
            r#"{"name":"shout","version":"1.2.3","description":"Shouts.","type":"module",
                "menagerie":{"kind":"agent","skills":["shouting"],"grants":["http"],"memory_mib":128}}"#,
        )
        .unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&project.manifest()).unwrap();
        assert_eq!(manifest["name"], "shout");
        assert_eq!(manifest["limits"]["memory_mib"], 128);
        assert_eq!(manifest["grants"][0], "http");
        assert_eq!(manifest["description"], "Shouts.");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (package, expected) in [
            ("{", "EOF"),
            (r#"{"name":"a","version":"1"}"#, "missing field `menagerie`"),
            (
                r#"{"name":"A b","version":"1","menagerie":{"kind":"agent"}}"#,
                "lower-case letters",
            ),
            (
                r#"{"name":"a","version":"1","menagerie":{"kind":"wizard"}}"#,
                "expected agent, strategy",
            ),
            (
                r#"{"name":"a","version":"1","menagerie":{"kind":"agent","grants":["root"]}}"#,
                "`grants` has `root`; expected http",
            ),
            (
                r#"{"name":"a","version":"1","menagerie":{"kind":"agent","engine":"v8"}}"#,
                "`engine` has `v8`; expected quickjs, starlingmonkey",
            ),
            (
                r#"{"name":"a","version":"1","menagerie":{"kind":"agent","skill":[]}}"#,
                "unknown field `skill`",
            ),
        ] {
            let refused = read(package).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
