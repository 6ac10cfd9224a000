//! The text of a lock file as TOML, every value with its place; knows nothing of what a lock file means.

use std::ops::Range;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with the lock file, and where.
///
/// It quotes names out of the file, shortened, and never whole lines: a lock file may hold private
/// addresses that have no place in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Counts from 1.
    pub(crate) line: usize,
    /// In characters, counts from 1.
    pub(crate) column: usize,
    /// What is there.
    pub(crate) found: String,
    /// What should be there.
    pub(crate) expected: String,
}

impl Problem {
    /// For a person: place, finding and expectation in one sentence.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "line {}, column {}: {}; expected {}",
            self.line, self.column, self.found, self.expected
        )
    }
}

/// Finds line and column of byte offsets in one text.
pub(crate) struct Places<'text> {
    text: &'text str,
    line_starts: Vec<usize>,
}

impl<'text> Places<'text> {
    /// Remembers where each line of `text` begins, so that a look-up need not read it again.
    pub(crate) fn of(text: &'text str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(offset, _)| offset + 1))
            .collect();
        Self { text, line_starts }
    }

    /// A problem at the beginning of `span`.
    pub(crate) fn problem(
        &self,
        span: &Range<usize>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        let offset = span.start.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let before = &self.text.as_bytes()[start..offset];
        // Continuation bytes of UTF-8 begin with the bits 10: everything else begins a character.
        let column = 1 + before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Problem {
            line,
            column,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// A name out of the lock file, fit for a message: shortened and free of control characters.
pub(crate) fn quoted(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut short: String = name
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// Parses `text` as TOML.
///
/// # Errors
/// Every place where it is no TOML, at most `most` of them.
pub(crate) fn parse<'text>(
    places: &Places<'text>,
    most: usize,
) -> Result<DeTable<'text>, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(places.text);
    if errors.is_empty() {
        return Ok(table.into_inner());
    }
    let problems = errors.iter().take(most).map(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        // The parser says `<what is wrong>, expected <what belongs there>` where it knows both.
        let (found, expected) = message
            .split_once(", expected ")
            .unwrap_or((message, "TOML as Cargo writes it"));
        places.problem(&span, format!("broken TOML, {found}"), expected)
    });
    Err(problems.collect())
}

/// The kind of a value, with its article, for a message.
pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The value of `key`, if the table has it.
pub(crate) fn value_of<'table, 'text>(
    table: &'table DeTable<'text>,
    key: &str,
) -> Option<&'table Spanned<DeValue<'text>>> {
    table.get(key)
}

/// The string under `key`.
///
/// # Errors
/// The key is there and holds something else.
pub(crate) fn string_of<'table, 'text>(
    places: &Places<'_>,
    table: &'table DeTable<'text>,
    key: &str,
) -> Result<Option<&'table str>, Problem> {
    let Some(value) = value_of(table, key) else {
        return Ok(None);
    };
    match value.get_ref() {
        DeValue::String(text) => Ok(Some(text)),
        other => Err(places.problem(
            &value.span(),
            format!("`{key}` is {}", kind_of(other)),
            "a string",
        )),
    }
}
