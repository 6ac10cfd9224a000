//! XML text that even the readers which are no XML parsers understand.
//!
//! PM4Py reads XES in three ways. One is a parser, its default where lxml is installed. Its default
//! otherwise takes blocks of 4 096 bytes, decodes each by itself and splits at quotes; the third
//! takes lines and splits them at quotes. So here: one element per line, double quotes, attributes
//! in a fixed order, and no character of several bytes across the border of a block. A general XML
//! writer promises none of that, hence this one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::terminals::acts_on_terminals;

/// What PM4Py's block reader decodes at once. A character across its border ends that reader.
const BLOCK: u64 = 4096;
/// When to hand the text over to the sink.
const FULL: usize = 64 * 1024;

/// A sink for XML that knows its position in the file.
#[derive(Debug)]
pub(crate) struct XmlText<W> {
    sink: W,
    pending: String,
    /// Bytes that the sink already has.
    handed_over: u64,
    /// Characters that XML 1.0 cannot hold, shown by another one.
    replaced: u64,
}

impl<W: Write> XmlText<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self {
            sink,
            pending: String::with_capacity(FULL + FULL / 4),
            handed_over: 0,
            replaced: 0,
        }
    }

    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    pub(crate) fn position(&self) -> u64 {
        self.handed_over + self.pending.len() as u64
    }

    /// ASCII that is already XML: tags, names, numbers.
    pub(crate) fn markup(&mut self, text: &str) {
        debug_assert!(text.is_ascii(), "markup is ASCII: {text}");
        self.pending.push_str(text);
    }

    /// Any text, as the value of an attribute between double quotes.
    pub(crate) fn value(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(needs_care) {
            let (plain, tail) = rest.split_at(at);
            self.pending.push_str(plain);
            let mut characters = tail.chars();
            if let Some(character) = characters.next() {
                self.careful(character);
            }
            rest = characters.as_str();
        }
        self.pending.push_str(rest);
    }

    fn careful(&mut self, character: char) {
        match character {
            '&' => self.pending.push_str("&amp;"),
            '<' => self.pending.push_str("&lt;"),
            '>' => self.pending.push_str("&gt;"),
            '"' => self.pending.push_str("&quot;"),
            '\'' => self.pending.push_str("&apos;"),
            // A parser would make spaces of these three if they stood as they are.
            '\n' => self.pending.push_str("&#10;"),
            '\t' => self.pending.push_str("&#9;"),
            '\r' => self.pending.push_str("&#13;"),
            '\0'..='\u{1f}' => {
                self.replaced += 1;
                self.wide(picture_of_control(character));
            }
            '\u{fffe}' | '\u{ffff}' => {
                self.replaced += 1;
                self.wide(char::REPLACEMENT_CHARACTER);
            }
            other if acts_on_terminals(other) => self.by_number(other),
            other => self.wide(other),
        }
    }

    /// A character of several bytes: as itself where it fits into the block, else by number.
    fn wide(&mut self, character: char) {
        let used = self.position() % BLOCK;
        if used + character.len_utf8() as u64 > BLOCK {
            self.by_number(character);
        } else {
            self.pending.push(character);
        }
    }

    fn by_number(&mut self, character: char) {
        // Writing to a string cannot fail.
        let _ = write!(self.pending, "&#{};", u32::from(character));
    }

    /// Hands over what is pending once there is enough of it.
    pub(crate) fn flush_if_full(&mut self) -> io::Result<()> {
        if self.pending.len() >= FULL {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Hands over everything and flushes the sink.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.hand_over()?;
        self.sink.flush()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.sink.write_all(self.pending.as_bytes())?;
        self.handed_over += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

fn needs_care(character: char) -> bool {
    !matches!(character, ' '..='~') || matches!(character, '&' | '<' | '>' | '"' | '\'')
}

/// The picture that Unicode has for a control character: `␀` for U+0000.
fn picture_of_control(character: char) -> char {
    char::from_u32(0x2400 + u32::from(character)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A text as an XML name, such that different texts give different names.
///
/// ASCII letters, digits, `_`, `-`, `.` and `:` stay; anything else, and what may not stand first,
/// becomes `_xHHHH_` with its number in hexadecimal. A `_` before an `x` is written like that too,
/// and an empty text is `_x_`.
pub(crate) fn name(text: &str) -> Cow<'_, str> {
    let stands_as_it_is = |index: usize, character: char, next: Option<char>| match character {
        'a'..='z' | 'A'..='Z' | ':' => true,
        '_' => next != Some('x'),
        '0'..='9' | '-' | '.' => index > 0,
        _ => false,
    };
    let with_next = || {
        let following = text.chars().skip(1).map(Some).chain([None]);
        text.chars().zip(following).enumerate()
    };
    if text.is_empty() {
        return Cow::Borrowed("_x_");
    }
    if with_next().all(|(index, (character, next))| stands_as_it_is(index, character, next)) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for (index, (character, next)) in with_next() {
        if stands_as_it_is(index, character, next) {
            encoded.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "_x{:04X}_", u32::from(character));
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::*;

    fn escaped(text: &str) -> (String, u64) {
        let mut bytes = Vec::new();
        let mut out = XmlText::new(&mut bytes);
        out.value(text);
        out.finish().unwrap();
        let replaced = out.replaced();
        (String::from_utf8(bytes).unwrap(), replaced)
    }

    #[test]
    fn what_xml_reserves_is_escaped_and_the_newline_kept() {
        let (text, replaced) = escaped("plan & <go> \"q\" 's' é 日本 \nnl\t\r");
        assert_eq!(
            text,
            "plan &amp; &lt;go&gt; &quot;q&quot; &apos;s&apos; é 日本 &#10;nl&#9;&#13;"
        );
        assert_eq!(replaced, 0);
    }

    #[test]
    fn what_xml_cannot_hold_is_shown_and_counted() {
        let (text, replaced) = escaped("a\0b\u{1b}c\u{1f}d\u{fffe}e\u{ffff}f\u{7f}\u{85}");
        assert_eq!(text, "a␀b␛c␟d\u{fffd}e\u{fffd}f&#127;&#133;");
        assert_eq!(replaced, 5);
    }

    #[test]
    fn no_character_crosses_the_border_of_a_block() {
        for shift in 0..5 {
            let text = format!("{}{}", "a".repeat(shift), "日é𝄞".repeat(9_000));
            let (escaped, _) = escaped(&text);
            let bytes = escaped.as_bytes();
            assert!(bytes.len() > 10 * BLOCK as usize);
            for block in bytes.chunks(BLOCK as usize) {
                assert!(std::str::from_utf8(block).is_ok());
            }
            assert!(escaped.contains("&#"), "shift {shift} meets no border");
        }
    }

    #[test]
    fn names_stay_apart_and_are_names() {
        for (text, encoded) in [
            ("cost:total", "cost:total"),
            ("step_name", "step_name"),
            ("a b", "a_x0020_b"),
            ("a_x0020_b", "a_x005F_x0020_b"),
            ("1st", "_x0031_st"),
            ("-", "_x002D_"),
            ("é\"", "_x00E9__x0022_"),
            ("", "_x_"),
            ("_x_", "_x005F_x_"),
        ] {
            assert_eq!(name(text), encoded, "{text}");
        }
    }
}
