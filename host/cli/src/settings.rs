//! Settings: flag, then environment, then file, then default; each knows where it comes from.

pub(crate) mod ceilings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use menagerie_executor::SECRET_VARIABLE;
use menagerie_licensing::{Entitlements, TrustedKeys};
use menagerie_sandbox::EngineConfig;
use serde::Serialize;

use crate::arguments::SettingArguments;
use crate::failure::Failure;
use crate::trust::Policy;
use ceilings::CEILINGS;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "place")]
pub(crate) enum Origin {
    /// The command line.
    Flag(String),
    /// A variable.
    Environment(String),
    /// The settings file, with the line.
    File(String),
    /// Nobody set it.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(place) => write!(f, "file {place}"),
            Self::Default => write!(f, "default"),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data: Setting<PathBuf>,
    pub(crate) plugins: Setting<Vec<PathBuf>>,
    pub(crate) cache: Setting<PathBuf>,
    pub(crate) licence: Setting<Option<PathBuf>>,
    pub(crate) slots: Setting<usize>,
    pub(crate) queue: Setting<usize>,
    pub(crate) secrets: Setting<Option<PathBuf>>,
    pub(crate) suspend_after: Setting<Duration>,
    pub(crate) trust: Setting<Policy>,
    pub(crate) keys: Setting<Vec<PathBuf>>,
    pub(crate) watch: Setting<Option<PathBuf>>,
    /// In the order of [`CEILINGS`].
    ceilings: Vec<Setting<u64>>,
}

/// The names of all settings but the node's ceilings.
const NAMES: [&str; 11] = [
    "data",
    "plugins",
    "cache",
    "licence",
    "slots",
    "queue",
    "secrets",
    "suspend_after",
    "trust",
    "keys",
    "watch",
];
/// Variables of the environment that are no settings, and are known all the same.
const OTHER_VARIABLES: &[&str] = &[
    "MENAGERIE_CONFIG",
    "MENAGERIE_OCI_AUTH",
    "MENAGERIE_WASM_STD",
    "MENAGERIE_LOG",
    "MENAGERIE_CRASH_AT",
    "MENAGERIE_STOP_AT",
    "MENAGERIE_TEST_ENTRIES",
    "MENAGERIE_TEST_NO_SOCKETS",
];

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// When a name is unknown or a value cannot be read; nothing falls back to its default then.
    pub(crate) fn gather(flags: &SettingArguments) -> Result<Self, Failure> {
        let environment = environment()?;
        let file = read_file(flags, &environment)?;
        let sources = Sources { environment, file };
        let home = |variable: &str, below: &str| {
            user_folder(variable, below).unwrap_or_else(|| PathBuf::from("."))
        };
        let path = |text: &str| Ok(PathBuf::from(text));
        Ok(Self {
            data: sources.pick("data", flags.data.clone(), path, || {
                home("XDG_DATA_HOME", ".local/share").join("menagerie")
            })?,
            plugins: sources.pick(
                "plugins",
                (!flags.plugins.is_empty()).then(|| flags.plugins.clone()),
                |text| Ok(std::env::split_paths(text).collect()),
                Vec::new,
            )?,
            cache: sources.pick("cache", flags.cache.clone(), path, || {
                home("XDG_CACHE_HOME", ".cache").join("menagerie")
            })?,
            licence: sources.pick(
                "licence",
                flags.licence.clone().map(Some),
                |text| Ok(Some(PathBuf::from(text))),
                || None,
            )?,
            slots: sources.pick("slots", flags.slots, positive, || 10)?,
            queue: sources.pick("queue", flags.queue, positive, || 100)?,
            secrets: sources.pick(
                "secrets",
                flags.secrets.clone().map(Some),
                |text| Ok(Some(PathBuf::from(text))),
                || None,
            )?,
            suspend_after: sources.pick(
                "suspend_after",
                flags.suspend_after,
                |text| {
                    humantime::parse_duration(text)
                        .map_err(|error| format!("{error}, expected a duration such as `1s`"))
                },
                || Duration::from_secs(1),
            )?,
            trust: sources.pick(
                "trust",
                flags
                    .trust
                    .as_deref()
                    .map(Policy::read)
                    .transpose()
                    .map_err(|problem| Failure::usage(format!("--trust: {problem}")))?,
                Policy::read,
                || Policy::Any,
            )?,
            keys: sources.pick(
                "keys",
                (!flags.keys.is_empty()).then(|| flags.keys.clone()),
                |text| Ok(std::env::split_paths(text).collect()),
                Vec::new,
            )?,
            ceilings: CEILINGS
                .iter()
                .map(|ceiling| {
                    let flag = flags.max_memory_mib;
                    let flag = flag.filter(|_| ceiling.name == "max_memory_mib");
                    ceiling.gather(&sources, flag)
                })
                .collect::<Result<_, _>>()?,
            watch: sources.pick(
                "watch",
                flags.watch.clone().map(Some),
                |text| Ok(Some(PathBuf::from(text))),
                || None,
            )?,
        })
    }

    /// Every setting by name, with its value as text.
    pub(crate) fn listed(&self) -> Vec<(&'static str, String, Origin)> {
        let paths = |paths: &[PathBuf]| {
            let shown: Vec<String> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            shown.join(", ")
        };
        let licence = self.licence.value.as_ref();
        let secrets = self.secrets.value.as_ref();
        let watch = self.watch.value.as_ref();
        let mut listed = vec![
            (
                "data",
                self.data.value.display().to_string(),
                self.data.origin.clone(),
            ),
            (
                "plugins",
                paths(&self.plugins.value),
                self.plugins.origin.clone(),
            ),
            (
                "cache",
                self.cache.value.display().to_string(),
                self.cache.origin.clone(),
            ),
            (
                "licence",
                licence.map_or_else(String::new, |path| path.display().to_string()),
                self.licence.origin.clone(),
            ),
            (
                "slots",
                self.slots.value.to_string(),
                self.slots.origin.clone(),
            ),
            (
                "queue",
                self.queue.value.to_string(),
                self.queue.origin.clone(),
            ),
            (
                "secrets",
                secrets.map_or_else(String::new, |path| path.display().to_string()),
                self.secrets.origin.clone(),
            ),
            (
                "suspend_after",
                humantime::format_duration(self.suspend_after.value).to_string(),
                self.suspend_after.origin.clone(),
            ),
            (
                "trust",
                self.trust.value.to_string(),
                self.trust.origin.clone(),
            ),
            ("keys", paths(&self.keys.value), self.keys.origin.clone()),
            (
                "watch",
                watch.map_or_else(String::new, |path| path.display().to_string()),
                self.watch.origin.clone(),
            ),
        ];
        let ceilings = CEILINGS.iter().zip(&self.ceilings);
        listed.extend(ceilings.map(|(ceiling, setting)| {
            let shown = ceiling.shown(setting.value);
            (ceiling.name, shown, setting.origin.clone())
        }));
        listed
    }

    /// What this node gives at the most. A flow that asks for more is refused when it is loaded.
    pub(crate) fn node(&self) -> EngineConfig {
        ceilings::applied(&self.ceilings)
    }

    /// What the licence allows.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what it claims to be. It never widens anything then,
    /// and it is not passed over either.
    pub(crate) fn entitlements(&self) -> Result<Entitlements, Failure> {
        let bytes = match &self.licence.value {
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                Failure::usage(format!(
                    "the licence {} cannot be read: {error}",
                    path.display()
                ))
            })?),
            None => None,
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map(|since| since.as_secs()).unwrap_or_default();
        menagerie_licensing::verify(bytes.as_deref(), now, &TrustedKeys::compiled_in())
            .map_err(|error| Failure::usage(format!("the licence is refused: {error}")))
    }
}

/// A number of which none makes no sense.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("found `{text}`, expected a whole number from 1")),
        Ok(number) => Ok(number),
    }
}

/// The names of all settings.
fn names() -> impl Iterator<Item = &'static str> {
    let ceilings = CEILINGS.iter().map(|ceiling| ceiling.name);
    NAMES.into_iter().chain(ceilings)
}

/// A value of the settings file and its line.
#[derive(Debug)]
struct FileValue {
    text: String,
    place: String,
}

struct Sources {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, FileValue>,
}

impl Sources {
    fn pick<T>(
        &self,
        name: &str,
        flag: Option<T>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: impl FnOnce() -> T,
    ) -> Result<Setting<T>, Failure> {
        if let Some(value) = flag {
            let origin = Origin::Flag(format!("--{}", name.replace('_', "-")));
            return Ok(Setting { value, origin });
        }
        let variable = variable_of(name);
        if let Some(text) = self.environment.get(&variable) {
            let value =
                parse(text).map_err(|problem| Failure::usage(format!("{variable}: {problem}")))?;
            let origin = Origin::Environment(variable);
            return Ok(Setting { value, origin });
        }
        if let Some(found) = self.file.get(name) {
            let value = parse(&found.text)
                .map_err(|problem| Failure::usage(format!("{}: {name}: {problem}", found.place)))?;
            let origin = Origin::File(found.place.clone());
            return Ok(Setting { value, origin });
        }
        let origin = Origin::Default;
        Ok(Setting {
            value: default(),
            origin,
        })
    }
}

fn variable_of(name: &str) -> String {
    format!("MENAGERIE_{}", name.to_uppercase())
}

/// The host's own variables; an unknown one is a mistake that somebody should hear of.
fn environment() -> Result<BTreeMap<String, String>, Failure> {
    let settings: Vec<String> = names().map(variable_of).collect();
    let mut found = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if !name.starts_with("MENAGERIE_") || name.starts_with(SECRET_VARIABLE) {
            // A secret's name is whatever a flow calls it.
            continue;
        }
        let known = settings.iter().any(|known| known == name);
        if !known && !OTHER_VARIABLES.contains(&name) {
            let all = settings
                .iter()
                .map(String::as_str)
                .chain(OTHER_VARIABLES.iter().copied());
            return Err(Failure::usage(unknown("variable", name, all)));
        }
        found.insert(name.to_owned(), value.to_owned());
    }
    Ok(found)
}

fn unknown<'known>(what: &str, name: &str, known: impl Iterator<Item = &'known str>) -> String {
    let best = known
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min();
    let help = match best {
        Some((distance, known)) if distance <= 3 => format!("; did you mean `{known}`?"),
        _ => format!(
            "; known settings are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    format!("unknown {what} `{name}`{help}")
}

/// A folder of the user's by its XDG variable, else below the home folder.
fn user_folder(variable: &str, below: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).filter(|folder| !folder.is_empty());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(below));
    named.map(PathBuf::from).or_else(home)
}

/// The settings file: the one that is named, else the user's if there is one.
fn read_file(
    flags: &SettingArguments,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, FileValue>, Failure> {
    let named = flags
        .config
        .clone()
        .or_else(|| environment.get("MENAGERIE_CONFIG").map(PathBuf::from));
    let path = match &named {
        Some(path) => path.clone(),
        None => {
            let Some(folder) = user_folder("XDG_CONFIG_HOME", ".config") else {
                return Ok(BTreeMap::new());
            };
            folder.join("menagerie").join("config.toml")
        }
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(error) => {
            let message = format!(
                "the settings file {} cannot be read: {error}",
                path.display()
            );
            return Err(Failure::usage(message));
        }
    };
    parse_file(&path, &text)
}

fn parse_file(path: &Path, text: &str) -> Result<BTreeMap<String, FileValue>, Failure> {
    let place = |offset: usize| {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .chars()
            .rev()
            .take_while(|found| *found != '\n')
            .count()
            + 1;
        format!("{}:{line}:{column}", path.display())
    };
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Failure::usage(format!("{}: {}", place(at), error.message()))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        let place = place(key.span().start);
        if !names().any(|known| known == name) {
            let message = unknown("setting", name, names());
            return Err(Failure::usage(format!("{place}: {message}")));
        }
        let text = value_text(value.get_ref()).ok_or_else(|| {
            Failure::usage(format!(
                "{place}: {name}: expected a text, a number or a list of texts"
            ))
        })?;
        values.insert(name.to_owned(), FileValue { text, place });
    }
    Ok(values)
}

fn value_text(value: &toml::de::DeValue<'_>) -> Option<String> {
    match value {
        toml::de::DeValue::String(text) => Some(text.to_string()),
        toml::de::DeValue::Integer(number) => Some(number.to_string()),
        toml::de::DeValue::Array(items) => {
            let texts: Option<Vec<PathBuf>> = items
                .iter()
                .map(|item| match item.get_ref() {
                    toml::de::DeValue::String(text) => Some(PathBuf::from(text.as_ref())),
                    _ => None,
                })
                .collect();
            let joined = std::env::join_paths(texts?).ok()?;
            joined.into_string().ok()
        }
        _ => None,
    }
}
