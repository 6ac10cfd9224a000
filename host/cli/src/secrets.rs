//! The operator's secrets: variables of the environment, and a file that nobody else can read.

use std::collections::BTreeMap;
use std::path::Path;

use menagerie_executor::secret_variable;
use menagerie_sandbox::{Secret, Secrets};

use crate::failure::Failure;
use crate::settings::Settings;

/// Secrets by name. The environment goes before the file.
pub(crate) struct OperatorSecrets {
    file: BTreeMap<String, Secret>,
}

impl OperatorSecrets {
    /// Reads the file that the settings name.
    ///
    /// # Errors
    /// When it cannot be read, others can read it, or it holds anything but texts. Nothing of what it
    /// holds is repeated.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let file = match &settings.secrets.value {
            Some(path) => read(path)?,
            None => BTreeMap::new(),
        };
        Ok(Self { file })
    }
}

impl Secrets for OperatorSecrets {
    fn get(&self, name: &str) -> Option<Secret> {
        let variable = std::env::var(secret_variable(name)).ok();
        let set = variable.filter(|value| !value.is_empty()).map(Secret::new);
        set.or_else(|| self.file.get(name).cloned())
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Secret>, Failure> {
    let shown = path.display();
    let failed = |what: String| Failure::usage(format!("the secrets file {shown} {what}"));
    check_private(path).map_err(failed)?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // The message of the parser would quote the line.
        let offset = error.span().map_or(0, |span| span.start);
        let line = text.get(..offset).unwrap_or(&text).matches('\n').count() + 1;
        failed(format!("is no TOML at line {line}"))
    })?;
    table
        .into_iter()
        .map(|(name, value)| match value {
            toml::Value::String(text) if !text.contains(char::is_control) => {
                Ok((name, Secret::new(text)))
            }
            _ => Err(failed(format!(
                "has for `{}` something else than one line of text: expected `name = \"…\"`",
                name.escape_default()
            ))),
        })
        .collect()
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;

    let found = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "may be read by others (mode {mode:o}): take that away with `chmod 600`"
    ))
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<(), String> {
    Ok(())
}
