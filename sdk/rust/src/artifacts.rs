//! Files that the steps of a run make and read, as far as the flow file grants it.
//!
//! A plugin that uses any says so: `#[menagerie::agent(grants = ["artifacts"])]`. A step reads the
//! artifacts of its own run alone. Those that an [`Outcome`](crate::Outcome) attaches are given to the steps
//! behind it, with their [`Task`](crate::Task).
//!
//! ```no_run
//! # use menagerie::prelude::*;
//! # fn write(text: &str) -> Result<Outcome<Json>, Fault> {
//! use menagerie::artifacts;
//! let report = artifacts::put("report.md", "text/markdown", text.as_bytes())?;
//! let outcome = Outcome::new(Json::from_text("{}")).attach(report);
//! # Ok(outcome) }
//! ```

use std::fmt;

use crate::agent::Artifact;
use crate::fault::Fault;
use crate::host::port;
use crate::wire;

/// Bytes that are read in one host call.
const AT_ONCE: u32 = 1 << 20;

/// What there is to say of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactInfo {
    /// As tasks and outcomes refer to it.
    pub artifact: Artifact,
    /// As it was given.
    pub name: String,
    /// Counts the artifacts of this name within the run, from 1.
    pub version: u32,
    /// In bytes.
    pub size: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// One of the tokens of `wit/artifacts.wit`: `denied`, `too-large`, `full` …
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Keeps a content under a name. The same name may be given again: that is another version.
///
/// # Errors
/// When the host refuses the name, the media type or the size.
pub fn put(name: &str, media_type: &str, content: &[u8]) -> Result<Artifact, Problem> {
    let put = port::artifacts::put(name, media_type, content);
    put.map(Artifact::from).map_err(problem)
}

/// What there is to say of an artifact of this run.
///
/// # Errors
/// `denied` when the run has none of this id.
pub fn stat(id: &str) -> Result<ArtifactInfo, Problem> {
    let info = port::artifacts::stat(id).map_err(problem)?;
    Ok(ArtifactInfo {
        artifact: info.artifact.into(),
        name: info.name,
        version: info.version,
        size: info.size,
    })
}

/// At most `length` bytes, and at most 1 MiB, from `offset`; fewer only at the end.
///
/// # Errors
/// `denied` when the run has none of this id.
pub fn get(id: &str, offset: u32, length: u32) -> Result<Vec<u8>, Problem> {
    port::artifacts::get(id, offset, length).map_err(problem)
}

/// The whole content of an artifact.
///
/// # Errors
/// `denied` when the run has none of this id.
pub fn read(id: &str) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    loop {
        let offset = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let part = get(id, offset, AT_ONCE)?;
        let ended = part.len() < AT_ONCE as usize;
        content.extend(part);
        if ended {
            return Ok(content);
        }
    }
}

fn problem(problem: wire::artifacts::Problem) -> Problem {
    Problem {
        code: problem.code,
        message: problem.message,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "artifacts {}: {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        match problem.code.as_str() {
            "denied" => Self::denied(problem),
            _ => Self::permanent(problem),
        }
    }
}
