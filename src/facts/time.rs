//! Moments and durations, read and written in the forms that Cedar and RFC 3339 know.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use super::uid::shorten;
use super::value::ValueError;

/// Milliseconds since 1970 from RFC 3339 text or a date.
pub(super) fn parse_datetime(text: &str) -> Result<i64, ValueError> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let date: Date = (text.len() == "2026-11-30".len()).then(|| text.parse().ok()).flatten()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    moment.filter(in_four_digit_years).map(Timestamp::as_millisecond).ok_or_else(|| {
        ValueError::new(format!("`{}` is not a date and time", shorten(text)))
            .help("write it as in 2026-11-30T22:59:00Z")
    })
}

/// The text that Cedar's `datetime` constructor reads. `None` outside the years 0 to 9999, which
/// that constructor cannot name.
pub(crate) fn datetime_text(milliseconds: i64) -> Option<String> {
    let moment = Timestamp::from_millisecond(milliseconds).ok().filter(in_four_digit_years)?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

fn in_four_digit_years(moment: &Timestamp) -> bool {
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
