//! What the steps of a run share, as far as the flow file grants it: values by key, each with a version.
//!
//! A plugin that uses any says so: `#[menagerie::agent(grants = ["shared"])]`. A change is made by
//! compare-and-set, and stands from then on, whatever becomes of the step. Answers are recorded: a call
//! that is executed again sees the same ones, and what it has set is not set twice.
//!
//! ```no_run
//! # use menagerie::prelude::*;
//! # fn claim() -> Result<(), Fault> {
//! use menagerie::shared::{self, Refusal};
//! match shared::compare_and_set("claims/parser", None, "mine") {
//!     Ok(_) => {}
//!     Err(Refusal::Conflict(Some(other))) => menagerie::info!("taken by {}", other.value.as_str()),
//!     Err(refusal) => return Err(refusal.into()),
//! }
//! # Ok(()) }
//! ```

use std::fmt;

use crate::fault::Fault;
use crate::host::port;
use crate::json::{IntoJson, Json};
use crate::wire;

/// A value and how often its key was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned {
    /// 1 for the first value of a key.
    pub version: u32,
    /// The value; [`Json::read`] makes a type of it.
    pub value: Json,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// One of the tokens of `wit/shared.wit`: `denied`, `too-large`, `full` …
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Why a value was not set.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// It is not of the version that was expected: what is there instead, if anything.
    Conflict(Option<Versioned>),
    /// The host does not set it.
    Problem(Problem),
}

/// A value as it is now; none when there is none.
///
/// # Errors
/// When the grant does not allow it, or the key is none.
pub fn get(key: &str) -> Result<Option<Versioned>, Problem> {
    let found = port::shared::get(key).map_err(problem)?;
    Ok(found.map(versioned))
}

/// Sets a value that is of the version `expected`, or not there when none is. Answers with its version
/// from now on.
///
/// # Errors
/// When it is of another version, or the host refuses it.
pub fn compare_and_set(
    key: &str,
    expected: Option<u32>,
    value: impl IntoJson,
) -> Result<u32, Refusal> {
    let value = value.into_json().map_err(|error| {
        Refusal::Problem(Problem {
            code: "invalid-value".to_owned(),
            message: error.to_string(),
        })
    })?;
    port::shared::compare_and_set(key, expected, &value).map_err(refusal)
}

/// Takes a value away that is of the version `expected`. What is set under its key later goes on counting
/// from there, so that nobody takes it for what was there before.
///
/// # Errors
/// When it is of another version, or the host refuses it.
pub fn delete(key: &str, expected: u32) -> Result<(), Refusal> {
    port::shared::delete(key, expected).map_err(refusal)
}

/// Sets what `change` makes of the present value, as often as somebody else was quicker. Answers with
/// what was set.
///
/// # Errors
/// When the host refuses the key or the value.
pub fn update<T: IntoJson>(
    key: &str,
    mut change: impl FnMut(Option<&Versioned>) -> T,
) -> Result<Versioned, Problem> {
    let mut present = get(key)?;
    loop {
        let value = change(present.as_ref()).into_json();
        let value = value.map_err(|error| Problem {
            code: "invalid-value".to_owned(),
            message: error.to_string(),
        })?;
        let value = Json::from_text(value);
        let expected = present.as_ref().map(|present| present.version);
        match compare_and_set(key, expected, value.clone()) {
            Ok(version) => return Ok(Versioned { version, value }),
            Err(Refusal::Conflict(found)) => present = found,
            Err(Refusal::Problem(problem)) => return Err(problem),
        }
    }
}

fn versioned(found: wire::shared::Versioned) -> Versioned {
    Versioned {
        version: found.version,
        value: Json::from_text(found.value),
    }
}

fn refusal(refusal: wire::shared::Refusal) -> Refusal {
    match refusal {
        wire::shared::Refusal::Conflict(found) => Refusal::Conflict(found.map(versioned)),
        wire::shared::Refusal::Problem(refused) => Refusal::Problem(problem(refused)),
    }
}

fn problem(problem: wire::shared::Problem) -> Problem {
    Problem {
        code: problem.code,
        message: problem.message,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shared {}: {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(None) => write!(f, "shared conflict: there is no such value"),
            Self::Conflict(Some(found)) => {
                write!(
                    f,
                    "shared conflict: the value has version {}",
                    found.version
                )
            }
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        match problem.code.as_str() {
            "denied" => Self::denied(problem),
            _ => Self::permanent(problem),
        }
    }
}

impl From<Refusal> for Fault {
    /// A conflict may be none the next time.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict(_) => Self::transient(refusal),
            Refusal::Problem(problem) => problem.into(),
        }
    }
}
