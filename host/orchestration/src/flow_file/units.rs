//! Durations and sizes as people write them.

use std::time::Duration;

/// What a duration looks like.
pub(super) const DURATION: &str =
    "a duration in `ms`, `s`, `m`, `h` or `d`, such as \"300s\" or \"1h 30m\"";
/// What a size looks like.
pub(super) const SIZE: &str = "a size in bytes or in `KiB`, `MiB`, `GiB`, such as \"64 MiB\"";

const DURATION_UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const SIZE_UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// `1h 30m`, `300s`, `1.5s`: numbers with a unit, added up. Whole milliseconds, or nothing.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (quantity, after) = quantity(rest, &DURATION_UNITS)?;
        total = total.checked_add(quantity)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(total))
}

/// `64 MiB`, `1.5 GiB`, `512`: one number, in bytes where it has no unit. Whole bytes, or nothing.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(bytes) = text.replace('_', "").parse::<u64>()
        && text.starts_with(|character: char| character.is_ascii_digit())
    {
        return Some(bytes);
    }
    let (bytes, rest) = quantity(text, &SIZE_UNITS)?;
    rest.is_empty().then_some(bytes)
}

/// The first number with its unit, in the smallest unit, and what follows it.
fn quantity<'t>(text: &'t str, units: &[(&str, u64)]) -> Option<(u64, &'t str)> {
    let number_end = text
        .find(|character: char| !character.is_ascii_digit() && !matches!(character, '.' | '_'))?;
    let (number, rest) = text.split_at(number_end);
    let rest = rest.trim_start();
    let unit_end = rest
        .find(|character: char| !character.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some((scaled(number, *factor)?, rest))
}

/// `number × factor`, exact: a fraction that does not come out whole is refused, not rounded.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
    let digits = u32::try_from(fraction.len()).ok()?;
    let below = u128::from(10_u64.checked_pow(digits)?);
    let parts = whole.parse::<u64>().ok()?;
    let parts = u128::from(parts) * below + u128::from(fraction.parse::<u64>().ok()?);
    let product = parts.checked_mul(u128::from(factor))?;
    (product % below == 0)
        .then_some(product / below)
        .and_then(|total| u64::try_from(total).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up_and_are_exact() {
        for (text, milliseconds) in [
            ("300s", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30min", 5_400_000),
            ("1.5s", 1_500),
            ("0.001s", 1),
            ("0s", 0),
            (" 2 d ", 172_800_000),
            ("1_000ms", 1_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            " ",
            "5",
            "s",
            "-1s",
            "1e3s",
            "1.s",
            ".5s",
            "1..5s",
            "1.5.5s",
            "0.0001s",
            "1 fortnight",
            "1s,2s",
            "99999999999999999999d",
            "١s",
            "1s 2",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_whole_bytes() {
        for (text, bytes) in [
            ("64 MiB", 64 << 20),
            ("64MiB", 64 << 20),
            ("1.5 KiB", 1_536),
            ("512", 512),
            ("1_024", 1_024),
            ("2 kB", 2_000),
            ("0 B", 0),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "+1",
            "0.3 B",
            "64 mb",
            "64 Mib",
            "1 MiB 1 KiB",
            "99999999999 GiB",
            "1e9",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
