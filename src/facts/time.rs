//! Moments and durations, read and written in the forms that Cedar and RFC 3339 know.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;

use super::uid::shorten;
use super::value::ValueError;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, as Cedar's `datetime` counts.
///
/// # Example
///
/// ```
/// use doorward::Timestamp;
///
/// let sent: Timestamp = "2026-11-30T23:59:00+01:00".parse()?;
/// assert_eq!(sent.to_string(), "2026-11-30T22:59:00.000Z");
/// assert_eq!(sent.plus_ms(60_000).as_ms() - sent.as_ms(), 60_000);
/// # Ok::<(), doorward::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment by its milliseconds since 1970, UTC.
    #[must_use]
    pub const fn from_ms(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The moment of the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    /// The milliseconds since 1970, UTC.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// The moment some milliseconds later, or at the end of time.
    #[must_use]
    pub const fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// RFC 3339 in UTC with milliseconds, or the plain number outside the years 0 to 9999.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match datetime_text(self.0) {
            Some(text) => f.write_str(&text),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

/// Reads RFC 3339 text (`2026-11-30T22:59:00Z`, `…+01:00`) or a date (midnight UTC).
impl FromStr for Timestamp {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_datetime(text).map(Self)
    }
}

/// The years 0 to 9999, all that Cedar's `datetime` constructor can name, in milliseconds. Moments
/// are counted on the calendar: `jiff::Timestamp` ends a day before the year 9999 does.
const YEARS: RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Whether a moment lies in the years that Cedar's `datetime` constructor can name.
pub(super) fn is_in_years(milliseconds: i64) -> bool {
    YEARS.contains(&milliseconds)
}

/// Milliseconds since 1970 from RFC 3339 text or a date.
fn parse_datetime(text: &str) -> Result<i64, ValueError> {
    calendar_ms(text).filter(|moment| YEARS.contains(moment)).ok_or_else(|| {
        ValueError::new(format!("`{}` is not a date and time", shorten(text)))
            .with_help("write it as in 2026-11-30T22:59:00Z")
    })
}

fn calendar_ms(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok()?;
    let (time, offset) = match (pieces.time(), pieces.to_numeric_offset()) {
        (Some(time), Some(offset)) => (time, offset.seconds()),
        (None, None) if text.len() == "2026-11-30".len() => (Time::midnight(), 0),
        _ => return None,
    };
    let elapsed = pieces.date().to_datetime(time).duration_since(EPOCH).as_millis();
    i64::try_from(elapsed - i128::from(offset) * 1_000).ok()
}

/// The text that Cedar's `datetime` constructor reads. `None` outside the years 0 to 9999, which
/// that constructor cannot name.
pub(crate) fn datetime_text(milliseconds: i64) -> Option<String> {
    let elapsed = is_in_years(milliseconds).then(|| SignedDuration::from_millis(milliseconds));
    let moment = EPOCH.checked_add(elapsed?).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// Milliseconds from Cedar's notation, `1d2h30m15s500ms`.
pub(super) fn parse_duration(text: &str) -> Result<i64, ValueError> {
    const UNITS: [(&str, i128); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let malformed = || {
        ValueError::new(format!("`{}` is not a duration", shorten(text)))
            .with_help("write days to milliseconds in this order, as in 1d2h30m15s500ms")
    };
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut units = UNITS.iter();
    let mut total: i128 = 0;
    if rest.is_empty() {
        return Err(malformed());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(malformed)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at_checked(letters).ok_or_else(malformed)?;
        let (_, scale) = units.find(|(unit, _)| *unit == name).ok_or_else(malformed)?;
        let number: u64 = number.parse().map_err(|_error| malformed())?;
        total += i128::from(number) * scale;
        rest = tail;
    }
    i64::try_from(sign * total).map_err(|_error| malformed())
}

/// The text that Cedar's `duration` constructor reads.
pub(crate) fn duration_text(milliseconds: i64) -> String {
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_reach_as_far_as_cedars() {
        for ms in [i64::MIN, i64::MAX] {
            assert_eq!(parse_duration(&duration_text(ms)), Ok(ms));
        }
        for text in ["-9223372036854775809ms", "9223372036854775808ms", "106751991168d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_years_0_to_9999_are_known_to_their_last_millisecond() {
        let ends = ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"];
        for (text, ms) in ends.into_iter().zip([*YEARS.start(), *YEARS.end()]) {
            assert_eq!(parse_datetime(text), Ok(ms), "{text}");
            assert_eq!(datetime_text(ms).as_deref(), Some(text));
        }
        assert_eq!(parse_datetime("9999-12-31"), Ok(253_402_214_400_000));
        let beyond = ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01", "-000001-01-01"];
        for text in beyond {
            assert!(parse_datetime(text).is_err(), "{text}");
        }
        assert_eq!(datetime_text(YEARS.end() + 1), None);
        assert_eq!(datetime_text(YEARS.start() - 1), None);
    }
}
