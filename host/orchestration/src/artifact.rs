//! Files that the steps of a run make. The machine knows of each what it is called and how its content
//! is found; the content itself stands in the run's journal.

use serde::{Deserialize, Serialize};

use crate::event::CallId;
use crate::made::Made;

/// Bytes of one artifact.
pub const MOST_ARTIFACT_BYTES: u64 = 8 << 20;
/// Bytes of all artifacts of a run.
pub const MOST_BYTES: u64 = 256 << 20;
/// Artifacts of a run.
pub const MOST_ARTIFACTS: usize = 1_024;

/// A file that a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// `artifact-` and a number, counted from 1 within the run.
    pub id: String,
    /// What the step called it.
    pub name: String,
    /// How many of this name there are in the run by now, this one included.
    pub version: u32,
    /// An RFC 6838 media type.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// An artifact, as a step's outcome refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Its id within the run.
    pub id: String,
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
}

/// An artifact that a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// The call.
    pub call: CallId,
    /// The number of the host call within the attempt, from 0.
    pub ordinal: u32,
    /// What it is to be.
    pub artifact: GivenArtifact,
}

/// An artifact that a run is given when it starts, or that a call makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenArtifact {
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Of its content.
    pub digest: String,
    /// Of its content.
    pub size: u64,
}

/// The artifacts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Artifacts {
    all: Vec<Artifact>,
    bytes: u64,
    pub(crate) made: Made,
}

impl Artifacts {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn all(&self) -> &[Artifact] {
        &self.all
    }

    /// By its number, from 1.
    pub(crate) fn numbered(&self, number: u32) -> Option<&Artifact> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.all.get(index)
    }

    /// An artifact and its number, by its id.
    pub(crate) fn named(&self, id: &str) -> Option<(u32, &Artifact)> {
        let number = id.strip_prefix("artifact-")?.parse().ok()?;
        let found = self.numbered(number)?;
        (found.id == id).then_some((number, found))
    }

    /// Takes what the run is given: the first artifacts that it has.
    pub(crate) fn give(&mut self, given: &[GivenArtifact]) {
        for given in given {
            if let Some(artifact) = self.admit(given) {
                self.take(&artifact);
            }
        }
    }

    /// What a new artifact would be; none when there is no room for it.
    pub(crate) fn admit(&self, new: &GivenArtifact) -> Option<Artifact> {
        let fits = new.size <= MOST_ARTIFACT_BYTES && self.bytes + new.size <= MOST_BYTES;
        if !fits || self.all.len() >= MOST_ARTIFACTS {
            return None;
        }
        let before = self.all.iter().filter(|known| known.name == new.name);
        Some(Artifact {
            id: format!("artifact-{}", self.all.len() + 1),
            name: new.name.clone(),
            version: u32::try_from(before.count() + 1).unwrap_or(u32::MAX),
            media_type: new.media_type.clone(),
            digest: new.digest.clone(),
            size: new.size,
        })
    }

    /// Takes a new artifact; gives its number.
    pub(crate) fn take(&mut self, artifact: &Artifact) -> u32 {
        self.bytes = self.bytes.saturating_add(artifact.size);
        self.all.push(artifact.clone());
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }
}
