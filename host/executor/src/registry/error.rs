//! Why the registry refuses.

use std::io;
use std::path::PathBuf;

use super::upgrade::More;

/// Why the registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The folder or a file in it.
    #[error("the registry of plugins {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The index cannot be understood.
    #[error("the registry's index {} cannot be read: {message}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A name that no flow file could use.
    #[error("found the name `{0}`, expected at most 64 letters, digits, `-` and `_`")]
    Name(String),
    /// Nobody has that name.
    #[error("there is no plugin `{name}` in the registry; there are [{}]", known.join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The name has no such version.
    #[error("`{name}` has no version `{version}` in the registry; it has [{}]", known.join(", "))]
    UnknownVersion {
        /// The plugin.
        name: String,
        /// What was asked for.
        version: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is nothing before the version that is live.
    #[error("`{name}` has no version before the live one that was not revoked")]
    NothingBefore {
        /// The plugin.
        name: String,
    },
    /// It was good once.
    #[error("the plugin {digest} was revoked: {reason}")]
    Revoked {
        /// Its digest.
        digest: String,
        /// Why.
        reason: String,
    },
    /// No digest.
    #[error(
        "found `{0}`, expected `sha256:` and 64 hexadecimal digits, as `plugins ls` shows them"
    )]
    Digest(String),
    /// The bytes are not those that were added.
    #[error("the plugin {digest} in the registry is damaged; add it again")]
    Damaged {
        /// Its digest.
        digest: String,
    },
    /// It asks for more than the version before it.
    #[error(
        "`{name}` asks for more than its live version {before}: {}; see to it, and add it with --grant",
        more.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    AsksForMore {
        /// The plugin.
        name: String,
        /// The version that is live.
        before: String,
        /// The difference.
        more: Vec<More>,
    },
}
