//! Why a file of XES could not be read.

use super::fields::FieldError;
use super::{BytesError, MomentError};

/// How deep attributes may lie within attributes.
pub(super) const DEEPEST: usize = 128;

/// Why a file could not be read. Lines and columns count from 1, columns in characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes are no text.
    #[error(transparent)]
    Bytes(#[from] BytesError),
    /// Something in the text is wrong.
    #[error("line {line}, column {column}: {problem}")]
    At {
        /// The line.
        line: u64,
        /// The column of the tag that is wrong.
        column: u64,
        /// What is wrong.
        problem: Problem,
    },
}

/// What can be wrong in the text of a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is not well-formed XML.
    #[error("not well-formed: {0}")]
    Xml(String),
    /// A tag's attributes are not.
    #[error("not well-formed: {0}")]
    Field(#[from] FieldError),
    /// The first element is another one.
    #[error("found <{found}>, expected <log>")]
    Root {
        /// What it is.
        found: String,
    },
    /// There is no element.
    #[error("found no element, expected <log>")]
    Nothing,
    /// A trace within a trace, and the like.
    #[error("found <{found}> within <{within}>")]
    Misplaced {
        /// The element.
        found: String,
        /// Where it stands.
        within: &'static str,
    },
    /// An attribute without a key or value.
    #[error("<{tag}> has no `{field}`")]
    Missing {
        /// The element.
        tag: String,
        /// What it lacks.
        field: &'static str,
    },
    /// A value that is none of its type.
    #[error("`{key}`: found `{found}`, expected {expected}")]
    Value {
        /// The attribute's key.
        key: String,
        /// The text.
        found: String,
        /// What its type takes.
        expected: &'static str,
    },
    /// A time that is none.
    #[error("`{key}`: {source}")]
    Moment {
        /// The attribute's key.
        key: String,
        /// What was found.
        source: MomentError,
    },
    /// Attributes within attributes without end.
    #[error("attributes lie within attributes more than {DEEPEST} deep")]
    Deep,
}
