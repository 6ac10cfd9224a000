//! Milliseconds since 1970 as the text that every XES reader takes: three fraction digits and an
//! explicit offset.
//!
//! Six or nine digits are misread by OpenXES, and without an offset it takes local time.

/// 0001-01-01T00:00:00.000Z, the first moment that every reader can hold.
pub const EARLIEST_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z, the last one.
pub const LATEST_MS: i64 = 253_402_300_799_999;

const DAY_MS: i64 = 86_400_000;

/// `2026-01-01T00:00:00.000+00:00`, or nothing where the year is not between 1 and 9999.
#[must_use]
pub fn format(at_ms: i64) -> Option<String> {
    if !(EARLIEST_MS..=LATEST_MS).contains(&at_ms) {
        return None;
    }
    let (year, month, day) = date_of_day(at_ms.div_euclid(DAY_MS));
    let within = at_ms.rem_euclid(DAY_MS);
    let (hour, minute) = (within / 3_600_000, within / 60_000 % 60);
    let (second, milli) = (within / 1_000 % 60, within % 1_000);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}+00:00"
    ))
}

/// Year, month and day in the Gregorian calendar of a day counted from 1970-01-01.
///
/// The count is moved to begin on a first of March, so that the leap day is the last day of a year
/// and the lengths of the months before it follow the line (153·m + 2) ÷ 5.
fn date_of_day(day_since_1970: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const MARCH_OF_YEAR_0: i64 = -719_468;
    let day = day_since_1970 - MARCH_OF_YEAR_0;
    let era = day.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = day.rem_euclid(DAYS_OF_400_YEARS);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_with_three_digits_and_an_offset() {
        for (at_ms, text) in [
            (0, "1970-01-01T00:00:00.000+00:00"),
            (-1, "1969-12-31T23:59:59.999+00:00"),
            (1_767_225_600_123, "2026-01-01T00:00:00.123+00:00"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000+00:00"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000+00:00"),
            (951_782_400_000, "2000-02-29T00:00:00.000+00:00"),
            (EARLIEST_MS, "0001-01-01T00:00:00.000+00:00"),
            (LATEST_MS, "9999-12-31T23:59:59.999+00:00"),
        ] {
            assert_eq!(format(at_ms).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_day_follows_the_one_before_it() {
        let length = |year: i64, month: i64| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1, 1, 1);
        for day in EARLIEST_MS.div_euclid(DAY_MS)..=LATEST_MS.div_euclid(DAY_MS) {
            assert_eq!(date_of_day(day), expected);
            let (year, month, day_of_month) = expected;
            expected = if day_of_month < length(year, month) {
                (year, month, day_of_month + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }

    #[test]
    fn years_that_readers_cannot_hold_are_refused() {
        for at_ms in [EARLIEST_MS - 1, LATEST_MS + 1, i64::MIN, i64::MAX] {
            assert_eq!(format(at_ms), None);
        }
    }
}
