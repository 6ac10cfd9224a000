//! Where something is in a flow file, and what is wrong there.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// A place in the text of a flow file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Counts from 1.
    pub line: usize,
    /// In characters; counts from 1.
    pub column: usize,
    /// In characters, and never past the end of the line.
    pub length: usize,
    /// The same place in bytes of the text.
    pub span: Range<usize>,
}

/// One mistake in a flow file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Counts from 1.
    pub line: usize,
    /// In characters; counts from 1.
    pub column: usize,
    /// In characters, and never past the end of the line.
    pub length: usize,
    /// The same place in bytes of the text.
    pub span: Range<usize>,
    /// What stands there, with control characters escaped.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    /// What is wrong, and with which key; without what was found and expected.
    pub message: String,
    /// What to do about it, where that can be guessed: `did you mean `agents`?`.
    pub help: Option<String>,
}

impl Problem {
    /// The problem as `file:line:column: message`, for places without colour or boxes.
    #[must_use]
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile {
            problem: self,
            file,
        }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            found,
            expected,
            ..
        } = self;
        write!(
            out,
            "{line}:{column}: {message}: found {found}, expected {expected}"
        )?;
        match &self.help {
            Some(help) => write!(out, "; {help}"),
            None => Ok(()),
        }
    }
}

/// A problem together with the name of its file.
struct InFile<'a> {
    problem: &'a Problem,
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.problem)
    }
}

/// A text and where its lines begin.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            text: text.to_owned(),
            starts,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The position of `span`, cut to the text and to the line on which it begins.
    pub(super) fn position(&self, span: &Range<usize>) -> Position {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line = self.starts.partition_point(|&begin| begin <= start).max(1);
        let line_start = self.starts[line - 1];
        let covered = &self.text[start..end];
        let covered = covered.split(['\n', '\r']).next().unwrap_or(covered);
        Position {
            line,
            column: self.text[line_start..start].chars().count() + 1,
            length: covered.chars().count(),
            span: start..start + covered.len(),
        }
    }
}

/// Collects what is wrong with one text.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    lines: &'t Lines,
    found: Vec<Problem>,
}

/// The parts of a [`Problem`] that are words.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) message: String,
    pub(super) found: String,
    pub(super) expected: String,
    pub(super) help: Option<String>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(lines: &'t Lines) -> Self {
        Self {
            lines,
            found: Vec::new(),
        }
    }

    pub(super) fn lines(&self) -> &'t Lines {
        self.lines
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn report(&mut self, span: &Range<usize>, words: Words) {
        let Position {
            line,
            column,
            length,
            span,
        } = self.lines.position(span);
        let Words {
            message,
            found,
            expected,
            help,
        } = words;
        self.found.push(Problem {
            line,
            column,
            length,
            span,
            found,
            expected,
            message,
            help,
        });
    }

    /// Every problem once, in the order of the text.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by(|left, right| {
            (left.span.start, &left.message).cmp(&(right.span.start, &right.message))
        });
        self.found.dedup();
        self.found
    }
}
