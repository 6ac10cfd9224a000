//! TOML text to a table with places, and the parser's complaints in our words.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::position::{Problems, Words};
use super::words::quoted;

/// The longest flow file, in bytes. It is read into memory several times over.
const LONGEST_FILE: usize = 1 << 20;
/// How many parts a dotted key may have. Each is a table within a table. The TOML parser bounds
/// brackets and keys each by itself; with keys as long as it allows within as many brackets, the
/// tables lie so deep that to drop them overflows a thread's stack.
const LONGEST_KEY: usize = 16;
/// How many brackets may be open. The TOML parser bounds them where it reads a file that is right, and
/// goes on into any depth where it recovers from mistakes.
const MOST_OPEN: usize = 64;
/// After that many syntax errors the rest is noise.
const MOST_ERRORS: usize = 20;

/// The table that `text` is, or nothing when it is none and that has been reported.
pub(super) fn read<'t>(text: &'t str, problems: &mut Problems<'_>) -> Option<Spanned<DeTable<'t>>> {
    if text.len() > LONGEST_FILE {
        let found = format!("{} bytes", text.len());
        let expected = format!("at most {LONGEST_FILE} bytes");
        report(problems, &(0..0), "the file is too long", found, expected);
        return None;
    }
    if let Some(span) = overlong_key(text) {
        let found = format!("a key of more than {LONGEST_KEY} parts");
        let expected = format!("at most {LONGEST_KEY} parts between dots");
        report(problems, &span, "a key is too deep", found, expected);
        return None;
    }
    if let Some(span) = overdeep_bracket(text) {
        let found = format!("more than {MOST_OPEN} brackets that are open");
        let expected = format!("at most {MOST_OPEN} within one another");
        report(problems, &span, "a value is too deep", found, expected);
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MOST_ERRORS) {
        let span = error.span().unwrap_or(0..0);
        let (message, expected) = match error.message().split_once(", expected ") {
            Some((message, expected)) => (message, expected),
            None if error.message() == "duplicate key" => ("duplicate key", "each key once"),
            None => (error.message(), "TOML"),
        };
        let found = text.get(span.clone()).unwrap_or_default();
        let found = match found {
            "" if span.start >= text.len() => "the end of the file".to_owned(),
            "" | "\n" | "\r\n" => "the end of the line".to_owned(),
            found => quoted(found),
        };
        report(problems, &span, message, found, expected.to_owned());
    }
    errors.is_empty().then_some(table)
}

fn report(
    problems: &mut Problems<'_>,
    span: &Range<usize>,
    message: &str,
    found: String,
    expected: String,
) {
    problems.report(
        span,
        Words {
            message: message.to_owned(),
            found,
            expected,
            help: None,
        },
    );
}

/// The first bracket with too many open ones around it. One that closes another than the last that was
/// opened closes none: whoever recovers from it may think so, too.
fn overdeep_bracket(text: &str) -> Option<Range<usize>> {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        let closing = match token.kind() {
            TokenKind::LeftSquareBracket => TokenKind::RightSquareBracket,
            TokenKind::LeftCurlyBracket => TokenKind::RightCurlyBracket,
            kind => {
                open.pop_if(|closing| *closing == kind);
                continue;
            }
        };
        open.push(closing);
        if open.len() > MOST_OPEN {
            return Some(token.span().start()..token.span().end());
        }
    }
    None
}

/// The first key that has too many parts.
fn overlong_key(text: &str) -> Option<Range<usize>> {
    let mut dots = 0;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom
            | TokenKind::Whitespace
            | TokenKind::LiteralString
            | TokenKind::BasicString => {}
            _ => dots = 0,
        }
        if dots >= LONGEST_KEY {
            return Some(token.span().start()..token.span().end());
        }
    }
    None
}
