//! Moments and durations, read and written in the forms that Cedar and RFC 3339 know.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use jiff::tz::TimeZone;

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

/// Milliseconds since 1970 from RFC 3339 text or a date.
fn parse_datetime(text: &str) -> Result<i64, ValueError> {
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date: Date = (text.len() == "2026-11-30".len()).then(|| text.parse().ok()).flatten()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    moment.filter(in_four_digit_years).map(jiff::Timestamp::as_millisecond).ok_or_else(|| {
        ValueError::new(format!("`{}` is not a date and time", shorten(text)))
            .help("write it as in 2026-11-30T22:59:00Z")
    })
}

/// The text that Cedar's `datetime` constructor reads. `None` outside the years 0 to 9999, which
/// that constructor cannot name.
pub(crate) fn datetime_text(milliseconds: i64) -> Option<String> {
    let moment =
        jiff::Timestamp::from_millisecond(milliseconds).ok().filter(in_four_digit_years)?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

fn in_four_digit_years(moment: &jiff::Timestamp) -> bool {
    (0..=9999).contains(&moment.to_zoned(TimeZone::UTC).year())
}

/// Milliseconds from Cedar's notation, `1d2h30m15s500ms`.
pub(super) fn parse_duration(text: &str) -> Result<i64, ValueError> {
    const UNITS: [(&str, i128); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let malformed = || {
        ValueError::new(format!("`{}` is not a duration", shorten(text)))
            .help("write days to milliseconds in this order, as in 1d2h30m15s500ms")
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
        let number: i64 = number.parse().map_err(|_error| malformed())?;
        total += i128::from(number) * scale;
        rest = tail;
    }
    i64::try_from(sign * total).map_err(|_error| malformed())
}

/// The text that Cedar's `duration` constructor reads.
pub(crate) fn duration_text(milliseconds: i64) -> String {
    format!("{milliseconds}ms")
}
