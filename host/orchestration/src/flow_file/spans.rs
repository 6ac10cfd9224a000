//! From a place in a plugin's configuration to a place in the flow file.

use super::position::{Lines, Position};
use super::tree::{Kind, Node};

/// One use of a plugin within a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginUseRef<'a> {
    /// The agent of that name.
    Agent(&'a str),
    /// The strategy.
    Strategy,
    /// The aggregator of that name.
    Aggregator(&'a str),
}

/// Where everything stands in the text of a flow file.
#[derive(Debug, Clone)]
pub struct Spans {
    lines: Lines,
    root: Node,
}

impl Spans {
    pub(super) fn new(lines: Lines, root: Node) -> Self {
        Self { lines, root }
    }

    /// Where the value is that `pointer` (RFC 6901) leads to within a plugin's `config`, and with
    /// an `offset`, where that byte of the string there is.
    ///
    /// Where the pointer leads further than the file does, the last value on its way is meant.
    /// Nothing only if the flow has no such use of a plugin, or leaves it to the default.
    #[must_use]
    pub fn locate(
        &self,
        plugin: PluginUseRef<'_>,
        pointer: &str,
        offset: Option<usize>,
    ) -> Option<Position> {
        self.locate_key(plugin, &format!("/config{pointer}"), offset)
    }

    /// The same within the whole table that uses the plugin: `/plugin`, `/grants/0`,
    /// `/limits/memory`.
    #[must_use]
    pub fn locate_key(
        &self,
        plugin: PluginUseRef<'_>,
        pointer: &str,
        offset: Option<usize>,
    ) -> Option<Position> {
        let table = match plugin {
            PluginUseRef::Agent(name) => self.root.member("agents")?.member(name)?,
            PluginUseRef::Strategy => self.root.member("strategy")?,
            PluginUseRef::Aggregator(name) => self.root.member("aggregators")?.member(name)?,
        };
        let (node, _) = table.follow(pointer);
        if let (Some(offset), Kind::String(value)) = (offset, &node.kind) {
            let raw = self.lines.text().get(node.span.clone())?;
            if let Some(within) = raw_offset(raw, value, offset) {
                let start = node.span.start + within;
                let rest = self.lines.text().get(start..)?;
                let next = rest.chars().next().map_or(0, char::len_utf8);
                return Some(self.lines.position(&(start..start + next)));
            }
        }
        Some(self.lines.position(&node.place()))
    }
}

/// Where in the TOML text `raw` of the string `value` the byte `offset` of `value` is written.
/// Past the end it is the closing quote. Nothing if `raw` does not read as `value`.
fn raw_offset(raw: &str, value: &str, offset: usize) -> Option<usize> {
    let (quotes, escapes) = if raw.starts_with("\"\"\"") {
        (3, true)
    } else if raw.starts_with("'''") {
        (3, false)
    } else {
        (1, raw.starts_with('"'))
    };
    let mut at = quotes;
    let end = raw.len().checked_sub(quotes).filter(|end| *end >= quotes)?;
    if quotes == 3 {
        // A newline right after the opening quotes is not part of the string.
        let body = raw.get(at..)?;
        at += match body {
            body if body.starts_with("\r\n") => 2,
            body if body.starts_with('\n') => 1,
            _ => 0,
        };
    }
    let offset = (0..=offset.min(value.len()))
        .rev()
        .find(|offset| value.is_char_boundary(*offset))?;
    let mut read = 0;
    while read < offset {
        let rest = raw.get(at..end)?;
        let piece = Piece::read(rest, escapes)?;
        if !value.get(read..)?.starts_with(piece.means?) {
            // What a line-ending backslash swallows means nothing and moves only in the text.
            return None;
        }
        read += piece.means?.len_utf8();
        at += piece.length;
        at += skipped(raw.get(at..end)?, escapes);
    }
    Some(at)
}

/// One character of a string as it is written.
struct Piece {
    /// In bytes of the TOML text.
    length: usize,
    /// The character that it stands for.
    means: Option<char>,
}

impl Piece {
    fn read(rest: &str, escapes: bool) -> Option<Self> {
        let mut characters = rest.chars();
        let first = characters.next()?;
        if first != '\\' || !escapes {
            return Some(Self {
                length: first.len_utf8(),
                means: Some(first),
            });
        }
        let digits = |count: usize| -> Option<Self> {
            let code = u32::from_str_radix(rest.get(2..2 + count)?, 16).ok()?;
            Some(Self {
                length: 2 + count,
                means: char::from_u32(code),
            })
        };
        let means = match characters.next()? {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            'x' => return digits(2),
            'u' => return digits(4),
            'U' => return digits(8),
            other => other,
        };
        Some(Self {
            length: 2,
            means: Some(means),
        })
    }
}

/// The length of a backslash at a line's end with the whitespace that it swallows.
fn skipped(rest: &str, escapes: bool) -> usize {
    let Some(after) = rest.strip_prefix('\\').filter(|_| escapes) else {
        return 0;
    };
    let line_end = after.trim_start_matches([' ', '\t']);
    if !line_end.starts_with(['\n', '\r']) {
        return 0;
    }
    rest.len() - line_end.trim_start_matches([' ', '\t', '\n', '\r']).len()
}
