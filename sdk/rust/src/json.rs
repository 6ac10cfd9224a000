//! JSON at the border of a plugin: reading it into the author's types, and saying where it does not fit.
//!
//! serde_json names a line and a column. A document that a host made is one line long, so the path
//! to the value is found as well, by walking the text once more; only a failure pays for that.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Any JSON value, read into a tree.
pub type Value = serde_json::Value;

/// A JSON document as text, neither read nor checked until it is asked for.
///
/// Take it instead of a typed input, state or configuration where the value is only passed on, or
/// where reading all of it would cost more than it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Wraps text that is one JSON document; the host checks it when it is handed over.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Writes a value. The error says why the value has no JSON form.
    pub fn new(value: &(impl Serialize + ?Sized)) -> Result<Self, JsonError> {
        serde_json::to_string(value)
            .map(Self)
            .map_err(|error| JsonError {
                message: error.to_string(),
                pointer: String::new(),
                line: 0,
                column: 0,
            })
    }

    /// The document's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document's text, given away.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Reads the document into a type of the author's.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        read(&self.0)
    }
}

/// Why a document could not be read, or a value could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What was found and what was expected.
    pub message: String,
    /// An RFC 6901 pointer to the value that does not fit; empty for the whole document.
    pub pointer: String,
    /// Counts from 1; 0 when the position is unknown.
    pub line: usize,
    /// In bytes, counts from 1; 0 when the position is unknown.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.message);
        }
        let pointer = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        write!(
            f,
            "at {} (line {}, column {}): {}",
            shortened(pointer, SHOWN_BYTES),
            self.line,
            self.column,
            self.message
        )
    }
}

impl std::error::Error for JsonError {}

/// What can be made out of a JSON document: every type that serde reads, and [`Json`] itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON",
    label = "this type has to be readable",
    note = "add `#[derive(serde::Deserialize)]` to `{Self}`, without a lifetime: the document does not outlive the call"
)]
pub trait FromJson: Sized {
    /// Reads the document.
    fn from_json(text: String) -> Result<Self, JsonError>;
}

impl<T: DeserializeOwned> FromJson for T {
    fn from_json(text: String) -> Result<Self, JsonError> {
        read(&text)
    }
}

impl FromJson for Json {
    fn from_json(text: String) -> Result<Self, JsonError> {
        Ok(Self(text))
    }
}

/// What can be handed over as a JSON document: every type that serde writes, and [`Json`] itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as JSON",
    label = "this type has to be writable",
    note = "add `#[derive(serde::Serialize)]` to `{Self}`"
)]
pub trait IntoJson {
    /// Writes the document.
    fn into_json(self) -> Result<String, JsonError>;
}

impl<T: Serialize> IntoJson for T {
    fn into_json(self) -> Result<String, JsonError> {
        Json::new(&self).map(Json::into_text)
    }
}

impl IntoJson for Json {
    fn into_json(self) -> Result<String, JsonError> {
        Ok(self.0)
    }
}

/// How much is shown of what was found in a document, in bytes.
const SHOWN_BYTES: usize = 512;

/// A text with its middle left out when it is longer than `most` bytes, which stay at most as many: its end says
/// what was expected.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let left_out = format!(" … (of {} bytes) … ", text.len());
    let room = most.saturating_sub(left_out.len());
    let head = text.floor_char_boundary(room / 2);
    let tail = text.ceil_char_boundary(text.len() - room / 2);
    format!("{}{left_out}{}", &text[..head], &text[tail..])
}

pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|error| locate(text, &error))
}

#[cold]
#[inline(never)]
fn locate(text: &str, error: &serde_json::Error) -> JsonError {
    let full = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    JsonError {
        // serde quotes what it found, however long that is.
        message: shortened(full.strip_suffix(&suffix).unwrap_or(&full), SHOWN_BYTES),
        pointer: pointer_at(
            text.as_bytes(),
            offset_of(text, error.line(), error.column()),
        ),
        line: error.line(),
        column: error.column(),
    }
}

/// How many bytes serde_json had read when it stopped.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    before + column
}

/// One container that the walk is inside of.
enum Level {
    Object { key: Option<String> },
    Array { index: usize },
}

/// The pointer to the value that the first `end` bytes end in, or have just finished.
fn pointer_at(text: &[u8], end: usize) -> String {
    let end = end.min(text.len());
    let mut levels: Vec<Level> = Vec::new();
    let mut expects_key = false;
    let mut at = 0;
    while at < end {
        match text[at] {
            b'{' => {
                levels.push(Level::Object { key: None });
                expects_key = true;
            }
            b'[' => levels.push(Level::Array { index: 0 }),
            b'}' | b']' => {
                levels.pop();
                expects_key = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::Array { index }) => *index += 1,
                Some(Level::Object { key }) => {
                    *key = None;
                    expects_key = true;
                }
                None => {}
            },
            b'"' => {
                let close = string_end(text, at);
                if expects_key && let Some(Level::Object { key }) = levels.last_mut() {
                    // A string that the reader stopped inside of is no key yet.
                    *key = serde_json::from_slice(&text[at..close.min(end)]).ok();
                    expects_key = false;
                }
                at = close - 1;
            }
            _ => {}
        }
        at += 1;
    }
    let mut pointer = String::new();
    for level in levels {
        match level {
            Level::Object { key: None } => {}
            Level::Object { key: Some(key) } => {
                pointer.push('/');
                for character in key.chars() {
                    match character {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        _ => pointer.push(character),
                    }
                }
            }
            Level::Array { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
    }
    pointer
}

/// One past the closing quote of the string that opens at `start`; the text's end if it has none.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}
