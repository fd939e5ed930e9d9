//! Points in time as certificates write them: RFC 3339, UTC, whole seconds, `2026-11-21T08:30:00Z`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The last second that has four digits of year: 9999-12-31T23:59:59Z.
pub const MAX_UNIX_SECONDS: u64 = 253_402_300_799;

const DAY_S: u64 = 86_400;

/// A second, from 1970 to 9999. One second has one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Why a text or number is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a time is written YYYY-MM-DDTHH:MM:SSZ, from 1970 to 9999")]
pub struct TimestampError;

impl TimestampError {
    /// A name for the error that never changes, for machines.
    pub fn code(self) -> &'static str {
        "malformed_time"
    }
}

impl Timestamp {
    /// The second `unix_seconds` after 1970-01-01T00:00:00Z, leap seconds not counted.
    pub fn new(unix_seconds: u64) -> Result<Self, TimestampError> {
        if unix_seconds <= MAX_UNIX_SECONDS {
            Ok(Self(unix_seconds))
        } else {
            Err(TimestampError)
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_of(self.0 / DAY_S);
        let second = self.0 % DAY_S;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().map_err(|_| TimestampError)?;
        let punctuation = [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'Z'),
        ];
        if punctuation.iter().any(|&(at, byte)| bytes[at] != byte) {
            return Err(TimestampError);
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_u64, |sum, digit| match digit {
                b'0'..=b'9' => Ok(sum * 10 + u64::from(digit - b'0')),
                _ => Err(TimestampError),
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let in_range = year >= 1970
            && (1..=12).contains(&month)
            && day >= 1
            && day <= days_in(year, month)
            && hour < 24
            && minute < 60
            && second < 60;
        if !in_range {
            return Err(TimestampError);
        }
        Ok(Self(
            days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second,
        ))
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so that
/// the leap day is the last one.
fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// The inverse of [`days_of`].
fn civil_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_seconds_have_their_known_names() {
        for (unix_seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_677_281_798, "2023-02-24T23:36:38Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (MAX_UNIX_SECONDS, "9999-12-31T23:59:59Z"),
        ] {
            let time = Timestamp::new(unix_seconds).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse(), Ok(time));
        }
        assert_eq!(Timestamp::new(MAX_UNIX_SECONDS + 1), Err(TimestampError));
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let mut day = 0;
        for year in 1970..=9999 {
            for month in 1..=12 {
                for day_of_month in 1..=days_in(year, month) {
                    assert_eq!(days_of(year, month, day_of_month), day);
                    assert_eq!(civil_of(day), (year, month, day_of_month));
                    day += 1;
                }
            }
        }
        assert_eq!(day * DAY_S - 1, MAX_UNIX_SECONDS);
    }

    #[test]
    fn other_spellings_and_impossible_dates_are_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T08:30:00",
            "2026-11-21T08:30:00+00:00",
            "2026-11-21T08:30:00.5Z",
            "2026-11-21t08:30:00z",
            "2026-11-21 08:30:00Z",
            "2023-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "+026-01-01T00:00:00Z",
            "2026-01-0éT00:00:0Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }
}
