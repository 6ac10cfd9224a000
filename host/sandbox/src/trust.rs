//! Whose plugins are taken: signatures in the format of minisign, which are Ed25519 over the bytes of a
//! component, its manifest with them.

use std::fmt;

use minisign_verify::{Error, PublicKey, Signature};

/// A key whose holder is trusted.
#[derive(Clone)]
pub struct TrustedKey {
    text: String,
    key: PublicKey,
}

impl TrustedKey {
    /// Reads a key: its base64 line, or the whole file that `minisign -G` writes.
    ///
    /// # Errors
    /// [`TrustError::Key`] with what was found.
    pub fn read(text: &str) -> Result<TrustedKey, TrustError> {
        let mut lines = text.lines().map(str::trim);
        let line = lines.rfind(|line| !line.is_empty()).unwrap_or_default();
        match PublicKey::from_base64(line) {
            Ok(key) => Ok(TrustedKey {
                text: line.to_owned(),
                key,
            }),
            Err(_) => Err(TrustError::Key {
                found: line.chars().take(80).collect(),
            }),
        }
    }
}

impl fmt::Display for TrustedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TrustedKey({})", self.text)
    }
}

/// What is asked of a plugin's signature. Nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Whether a plugin must be signed by one of the keys.
    pub required: bool,
    /// The keys that count.
    pub keys: Vec<TrustedKey>,
}

/// Why a plugin is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A key that is none.
    #[error(
        "found `{found}`, expected a public key as minisign writes it: base64 of 42 bytes, beginning with `RW`"
    )]
    Key {
        /// What was there.
        found: String,
    },
    /// There has to be a signature, and there is none.
    #[error(
        "the plugin is not signed, and by the setting `trust` {} expected as its signer: sign it with `minisign -Sm FILE`, which writes FILE.minisig",
        keys(expected)
    )]
    Unsigned {
        /// The keys that would do.
        expected: Vec<String>,
    },
    /// A signature that cannot be read.
    #[error("the signature is none in the format of minisign")]
    Unreadable,
    /// A good signature, perhaps, by somebody else.
    #[error(
        "the plugin is signed with another key, and {} expected as its signer",
        keys(expected)
    )]
    OtherKey {
        /// The keys that would do.
        expected: Vec<String>,
    },
    /// The signature is one of a trusted key's, and not of these bytes.
    #[error("the signature by {key} does not fit: the plugin or the signature was altered")]
    Forged {
        /// The key.
        key: String,
    },
}

fn keys(expected: &[String]) -> String {
    match expected {
        [] => "no key at all is".to_owned(),
        [one] => format!("{one} is"),
        several => format!("one of {} is", several.join(", ")),
    }
}

impl Trust {
    /// Checks the bytes of a plugin against its signature and says by whom it was signed, if that is
    /// somebody known. A signature that a known key did not make of these bytes is refused even where
    /// none is asked for.
    ///
    /// # Errors
    /// A [`TrustError`] with what was found and what was expected.
    pub fn check(
        &self,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<String>, TrustError> {
        let expected = || self.keys.iter().map(ToString::to_string).collect();
        let Some(signature) = signature else {
            return match self.required {
                true => Err(TrustError::Unsigned {
                    expected: expected(),
                }),
                false => Ok(None),
            };
        };
        let signature = Signature::decode(signature).map_err(|_| TrustError::Unreadable)?;
        for trusted in &self.keys {
            match trusted.key.verify(bytes, &signature, true) {
                Ok(()) => return Ok(Some(trusted.text.clone())),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => {
                    return Err(TrustError::Forged {
                        key: trusted.text.clone(),
                    });
                }
            }
        }
        match self.required {
            true => Err(TrustError::OtherKey {
                expected: expected(),
            }),
            false => Ok(None),
        }
    }
}
