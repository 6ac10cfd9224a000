//! Figures and foreign text, fit for a terminal.

/// One line of text from outside, with everything escaped that a terminal would act on.
pub(crate) fn safe_line(text: &str) -> String {
    escape(text, false)
}

/// Text from outside that may have several lines.
pub(crate) fn safe_text(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, keep_newlines: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' if keep_newlines => safe.push(character),
            // Controls, and the marks that reorder what is shown.
            _ if character.is_control()
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                safe.extend(character.escape_unicode());
            }
            _ => safe.push(character),
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
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_escaped() {
        assert_eq!(
            safe_line("a\x1b[31mred\nb\u{202e}"),
            "a\\u{1b}[31mred\\u{a}b\\u{202e}"
        );
        assert_eq!(safe_text("a\nb\r"), "a\nb\\u{d}");
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
