//! Why the registry refuses.

use std::io;
use std::path::PathBuf;

use menagerie_journal::LockError;
use menagerie_sandbox::TrustError;

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
    /// Another process keeps it locked, and nothing was changed.
    #[error("the registry of plugins {}: {source}", path.display())]
    Locked {
        /// The file that is locked.
        path: PathBuf,
        /// Who has it, and for how long this one waited.
        source: LockError,
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
    /// What flows know by that name is something else.
    #[error(
        "`{name}` is the name of a plugin of the kind {before}, and this is one of the kind {found}: add it under another name, or take `{name}` out before"
    )]
    OtherKind {
        /// The name.
        name: String,
        /// The kind of the versions that have it.
        before: String,
        /// The kind of what was to be added.
        found: String,
    },
    /// Other bytes are that version already.
    #[error(
        "`{name}@{version}` is {digest} already, and this is {found}: give it another version in its manifest"
    )]
    VersionTaken {
        /// The plugin.
        name: String,
        /// The version of both.
        version: String,
        /// The bytes that have it.
        digest: String,
        /// The bytes that were to be added.
        found: String,
    },
    /// It was added under another policy.
    #[error("`{name}` in the registry, {digest}: {source}; then add it again")]
    Untrusted {
        /// How it was asked for.
        name: String,
        /// Its digest.
        digest: String,
        /// What is wrong with its signature.
        source: TrustError,
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
