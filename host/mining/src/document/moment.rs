//! Moments as text: what logs of all kinds have, read exactly.

use crate::log::Moment;

const DAY: i64 = 86_400_000_000;

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected a time such as `2026-01-31T23:59:59.999+01:00`")]
pub struct MomentError {
    /// The text.
    pub found: String,
}

/// A moment, and whether its text said how far its clock is from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) at: Moment,
    pub(crate) has_offset: bool,
}

/// Reads `2026-01-31T23:59:59.123456+01:00` and what people write instead: a space for the `T`, no
/// seconds, no time at all, a comma, `Z`, `+0100`, `+01`. Without an offset it is UTC. Digits
/// below a microsecond are cut off.
pub(crate) fn read(text: &str) -> Result<Read, MomentError> {
    parse(text.trim().as_bytes()).ok_or_else(|| MomentError {
        found: text.chars().take(60).collect(),
    })
}

fn parse(text: &[u8]) -> Option<Read> {
    let mut rest = Rest(text);
    let before_year_zero = rest.skip(b'-');
    let year = rest.number(4)?;
    let year = if before_year_zero { -year } else { year };
    if !rest.skip(b'-') && !rest.skip(b'/') {
        return None;
    }
    let month = rest.number(2)?;
    if !rest.skip(b'-') && !rest.skip(b'/') {
        return None;
    }
    let day = rest.number(2)?;
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    let mut at = days_since_1970(year, month, day) * DAY;
    if rest.skip(b'T') || rest.skip(b't') || rest.skip(b' ') {
        at += time_of_day(&mut rest)?;
    }
    rest.skip(b' ');
    let offset = offset_minutes(&mut rest)?;
    if !rest.0.is_empty() {
        return None;
    }
    let has_offset = offset.is_some();
    at -= offset.unwrap_or(0) * 60_000_000;
    Some(Read { at, has_offset })
}

fn time_of_day(rest: &mut Rest<'_>) -> Option<i64> {
    let hour = rest.number(2)?;
    if !rest.skip(b':') {
        return None;
    }
    let minute = rest.number(2)?;
    let second = if rest.skip(b':') { rest.number(2)? } else { 0 };
    let micros = if rest.skip(b'.') || rest.skip(b',') {
        rest.fraction()?
    } else {
        0
    };
    // 24:00:00 is the end of the day in XML Schema; a leap second is the second after it.
    let end_of_day = hour == 24 && minute == 0 && second == 0 && micros == 0;
    if !(hour < 24 || end_of_day) || minute > 59 || second > 60 {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Minutes east of UTC; nothing where none are given; no answer where they make no sense.
#[allow(
    clippy::option_option,
    reason = "absent and wrong are different things"
)]
fn offset_minutes(rest: &mut Rest<'_>) -> Option<Option<i64>> {
    if rest.skip(b'Z') || rest.skip(b'z') {
        return Some(Some(0));
    }
    let sign = if rest.skip(b'+') {
        1
    } else if rest.skip(b'-') {
        -1
    } else if let Some(after) = rest.0.strip_prefix(b"UTC") {
        rest.0 = after;
        return Some(Some(0));
    } else {
        return Some(None);
    };
    let hours = rest.number(2)?;
    rest.skip(b':');
    let minutes = if rest.0.is_empty() {
        0
    } else {
        rest.number(2)?
    };
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 60 + minutes)))
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + i64::from(digit - b'0'))
        })
    }

    fn fraction(&mut self) -> Option<i64> {
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        let known = fraction.iter().copied().chain(std::iter::repeat(b'0'));
        (digits > 0).then(|| {
            known
                .take(6)
                .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        })
    }
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March as
/// [`timestamp`](crate::timestamp) does.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let from_march = (month + 9) % 12;
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp;

    #[test]
    fn what_is_written_is_read_back_on_every_day() {
        let mut at_ms = timestamp::EARLIEST_MS;
        while at_ms <= timestamp::LATEST_MS {
            let text = timestamp::format(at_ms).expect("within the years");
            let found = read(&text).expect("a moment");
            assert_eq!(
                found,
                Read {
                    at: at_ms * 1000,
                    has_offset: true
                },
                "{text}"
            );
            // A prime near a day, so that all hours and milliseconds have their turn.
            at_ms += 86_399_999 * 17;
        }
    }

    #[test]
    fn people_write_times_in_many_ways() {
        let noon = 1_767_268_800_000_000;
        for text in [
            "2026-01-01T12:00:00.000+00:00",
            "2026-01-01T12:00:00Z",
            "2026-01-01 12:00:00+00",
            "2026-01-01T13:00:00.000+01:00",
            "2026-01-01T17:30:00+0530",
            "2026-01-01T04:00:00-08:00",
            "2026/01/01 12:00 UTC",
            " 2026-01-01T12:00:00,000000000Z ",
        ] {
            assert_eq!(
                read(text),
                Ok(Read {
                    at: noon,
                    has_offset: true
                }),
                "{text}"
            );
        }
        for text in [
            "2026-01-01T12:00:00",
            "2026-01-01 12:00",
            "2026-01-01T12:00:00.0000009",
        ] {
            assert_eq!(
                read(text),
                Ok(Read {
                    at: noon,
                    has_offset: false
                }),
                "{text}"
            );
        }
        assert_eq!(read("2026-01-01").map(|found| found.at), Ok(noon - DAY / 2));
        assert_eq!(
            read("2026-01-01T12:00:00.123456789Z").map(|found| found.at),
            Ok(noon + 123_456)
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026-13-01",
            "2026-02-29",
            "2026-01-32",
            "2026-01-01T25:00:00",
            "2026-01-01T12:60:00",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00+25:00",
            "2026-01-01T12:00:00Zjunk",
            "01.02.2026",
            "1767225600",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
