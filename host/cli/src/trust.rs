//! Whose plugins are taken: the setting `trust`, and the keys that it counts on.

use menagerie_sandbox::{Trust, TrustedKey};

use crate::failure::Failure;
use crate::settings::Settings;

/// Whose plugins are taken.
#[derive(Debug, Clone)]
pub(crate) enum Policy {
    /// Everybody's.
    Any,
    /// Those that one of the keys signed.
    Signed,
    /// Those that this key signed.
    SignedBy(TrustedKey),
}

impl Policy {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match text.split_once(' ') {
            None if text == "any" => Ok(Self::Any),
            None if text == "signed" => Ok(Self::Signed),
            Some(("signed-by", key)) => TrustedKey::read(key)
                .map(Self::SignedBy)
                .map_err(|error| error.to_string()),
            _ => Err(format!(
                "found `{text}`, expected `any`, `signed` or `signed-by KEY`"
            )),
        }
    }
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => write!(f, "any"),
            Self::Signed => write!(f, "signed"),
            Self::SignedBy(key) => write!(f, "signed-by {key}"),
        }
    }
}

impl Settings {
    /// Whose plugins are taken.
    ///
    /// # Errors
    /// When a key cannot be read, or a signature is asked for and no key would do.
    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        let mut keys = Vec::new();
        for path in &self.keys.value {
            let shown = path.display();
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("the key {shown} cannot be read: {error}"))
            })?;
            let key = TrustedKey::read(&text);
            keys.push(key.map_err(|error| Failure::usage(format!("the key {shown}: {error}")))?);
        }
        let required = !matches!(self.trust.value, Policy::Any);
        if let Policy::SignedBy(key) = &self.trust.value {
            keys = vec![key.clone()];
        }
        if required && keys.is_empty() {
            return Err(Failure::usage(
                "the setting `trust` is `signed`, and `keys` names no key that could have signed",
            ));
        }
        Ok(Trust { required, keys })
    }
}
