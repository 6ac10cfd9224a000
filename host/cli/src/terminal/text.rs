//! Figures and foreign text, fit for a terminal.

use std::fmt::Write as _;

/// One line of text from outside, with everything escaped that a terminal would act on.
pub(crate) fn safe_line(text: &str) -> String {
    escape(text, is_harmful)
}

/// Text from outside that may have several lines.
pub(crate) fn safe_text(text: &str) -> String {
    escape(text, |character| {
        is_harmful(character) && !matches!(character, '\n' | '\t')
    })
}

/// The first characters of a text, made one line; `…` stands for the rest.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let safe = safe_line(text);
    if safe.chars().count() <= most {
        return safe;
    }
    let shown: String = safe.chars().take(most.saturating_sub(1)).collect();
    format!("{shown}…")
}

/// Controls, the marks that reorder what is shown, and what breaks lines unseen.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Writes what is harmful as `\u001b`, which is also how JSON writes it.
fn escape(text: &str, harmful: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if harmful(character) {
            // All of them are below U+10000. Writing to a string cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A time in milliseconds, as short as is useful.
pub(crate) fn duration_ms(milliseconds: f64) -> String {
    if milliseconds < 1.0 {
        format!("{:.0} µs", milliseconds * 1_000.0)
    } else if milliseconds < 1_000.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 60_000.0 {
        format!("{:.2} s", milliseconds / 1_000.0)
    } else {
        let minutes = (milliseconds / 60_000.0).floor();
        format!(
            "{minutes:.0} min {:.0} s",
            (milliseconds - minutes * 60_000.0) / 1_000.0
        )
    }
}

/// A time in microseconds, as short as is useful.
#[expect(clippy::cast_precision_loss, reason = "shown rounded")]
pub(crate) fn microseconds(microseconds: u64) -> String {
    duration_ms(microseconds as f64 / 1_000.0)
}

/// Units of fuel.
#[expect(clippy::cast_precision_loss, reason = "shown rounded")]
pub(crate) fn fuel(units: u64) -> String {
    match units {
        0..1_000 => units.to_string(),
        1_000..1_000_000 => format!("{:.1} k", units as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", units as f64 / 1e6),
        _ => format!("{:.2} G", units as f64 / 1e9),
    }
}

/// A size.
#[expect(clippy::cast_precision_loss, reason = "shown rounded")]
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1_024 => format!("{size} B"),
        1_024..1_048_576 => format!("{:.1} KiB", size as f64 / 1_024.0),
        _ => format!("{:.1} MiB", size as f64 / 1_048_576.0),
    }
}

/// An instant in UTC, to the millisecond.
pub(crate) fn instant(milliseconds: i64) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    let at = std::time::UNIX_EPOCH + since;
    humantime::format_rfc3339_millis(at).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_escaped() {
        assert_eq!(
            safe_line("a\x1b[31mred\nb\u{202e}\u{9b}2J\x7f"),
            "a\\u001b[31mred\\u000ab\\u202e\\u009b2J\\u007f"
        );
        assert_eq!(safe_text("a\nb\r\tc"), "a\nb\\u000d\tc");
        assert_eq!(
            safe_line("Ünïcode stays, 日本 too: →"),
            "Ünïcode stays, 日本 too: →"
        );
    }

    #[test]
    fn a_json_document_made_safe_is_the_same_document() {
        let document = serde_json::json!({"na\u{9b}me": "\u{202e}\x1b[2J\x7f\n\u{2028}\"\\"});
        for text in [document.to_string(), format!("{document:#}")] {
            let safe = safe_text(&text);
            assert!(!safe.contains(['\u{9b}', '\u{202e}', '\x7f']), "{safe}");
            let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
            assert_eq!(read, document);
        }
    }

    #[test]
    fn a_long_text_is_cut_to_its_column() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("longer", 5), "long…");
        assert_eq!(shortened("a\nb", 20), "a\\u000ab");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(duration_ms(0.25), "250 µs");
        assert_eq!(duration_ms(61_500.0), "1 min 2 s");
        assert_eq!(fuel(1_234), "1.2 k");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(instant(0), "1970-01-01T00:00:00.000Z");
    }
}
