//! What the registry's index holds, and the rules over it that need no file.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use super::upgrade::Wants;

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What its bytes are.
    pub digest: String,
    /// What its manifest says.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// When it was added, in milliseconds since 1970.
    pub added_at_ms: i64,
    /// What it asks for.
    pub wants: Wants,
    /// By whom it was signed, if by somebody known.
    pub signer: Option<String>,
    /// Its signature as minisign writes it, whoever it is by, so that another policy can be held against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Why it is here though a gate was shut, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// Where it came from; hosts before this one did not write that down.
    #[serde(default)]
    pub source: Option<Source>,
}

/// Where a version came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file, as it was named.
    File(String),
    /// A registry that others share.
    Oci {
        /// What was asked for, `oci://…`.
        reference: String,
        /// The digest of the manifest that it was then.
        manifest: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => out.write_str(path),
            Source::Oci {
                reference,
                manifest,
            } if reference.ends_with(manifest.as_str()) => out.write_str(reference),
            Source::Oci {
                reference,
                manifest,
            } => write!(out, "{reference} ({manifest})"),
        }
    }
}

/// Why a version is live though a gate was shut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// What whoever added it said.
    pub reason: String,
    /// What the gate found.
    pub found: String,
}

/// A name and its versions, in the order in which they went live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest that new runs take; none after all of them were revoked.
    pub live: Option<String>,
    /// All versions.
    pub versions: Vec<Version>,
}

impl Entry {
    /// Refuses a component of another kind than those that had the name before, and one that says of itself that it is
    /// a version which other bytes are. Neither has a way around it: flows rely on both.
    pub(super) fn admits(&self, name: &str, added: &Version) -> Result<(), RegistryError> {
        let before = self.live().or_else(|| self.versions.last());
        if let Some(before) = before.filter(|before| before.kind != added.kind) {
            return Err(RegistryError::OtherKind {
                name: name.to_owned(),
                before: before.kind.clone(),
                found: added.kind.clone(),
            });
        }
        let mut versions = self.versions.iter();
        let taken =
            versions.find(|known| known.version == added.version && known.digest != added.digest);
        match taken {
            None => Ok(()),
            Some(known) => Err(RegistryError::VersionTaken {
                name: name.to_owned(),
                version: known.version.clone(),
                digest: known.digest.clone(),
                found: added.digest.clone(),
            }),
        }
    }

    /// The version that new runs take.
    #[must_use]
    pub fn live(&self) -> Option<&Version> {
        let live = self.live.as_ref()?;
        self.versions.iter().find(|known| known.digest == *live)
    }
}

/// A digest that is not loaded any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When.
    pub at_ms: i64,
    /// Why.
    pub reason: String,
}

/// Everything that the registry knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    pub(super) format: u32,
    /// By name.
    pub plugins: BTreeMap<String, Entry>,
    /// By digest.
    pub revoked: BTreeMap<String, Revocation>,
}

impl Contents {
    pub(super) fn check(&self, digest: &str) -> Result<(), RegistryError> {
        match self.revoked.get(digest) {
            None => Ok(()),
            Some(revocation) => Err(RegistryError::Revoked {
                digest: digest.to_owned(),
                reason: revocation.reason.clone(),
            }),
        }
    }

    pub(super) fn unknown(&self, name: &str) -> RegistryError {
        RegistryError::UnknownName {
            name: name.to_owned(),
            known: self.plugins.keys().cloned().collect(),
        }
    }
}

impl Entry {
    /// Lets the newest version before the live one go live that was not revoked.
    pub(super) fn step_back(&mut self, revoked: &BTreeMap<String, Revocation>) {
        let live = self.live.take();
        let place = self
            .versions
            .iter()
            .position(|known| Some(&known.digest) == live.as_ref());
        let before = &self.versions[..place.unwrap_or(0)];
        let good = before
            .iter()
            .rfind(|known| !revoked.contains_key(&known.digest));
        self.live = good.map(|known| known.digest.clone());
    }
}
