//! Cedar's extension values, read and computed exactly as Cedar 4.14 does: what policies make of
//! texts while they run is Cedar's to say, and stricter than what facts are read from.

use std::net::IpAddr;

use jiff::civil::{Date, DateTime, Time};

const DAY_MS: i64 = 86_400_000;

/// `-?digits.digits`, at most four after the point.
pub(super) fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if !all_digits(digits) || !all_digits(fraction) || fraction.len() > 4 {
        return None;
    }
    let whole_part = whole.parse::<i64>().ok()?.checked_mul(10_000)?;
    let fraction: i64 = format!("{fraction:0<4}").parse().ok()?;
    if whole.starts_with('-') {
        whole_part.checked_sub(fraction)
    } else {
        whole_part.checked_add(fraction)
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An address or a range in CIDR notation.
pub(super) fn ip(text: &str) -> Option<(IpAddr, u8)> {
    const LENGTH_MAX: usize = 43;
    let twice = |what: char| text.matches(what).nth(1).is_some();
    if text.len() > LENGTH_MAX || (twice(':') && twice('.')) {
        return None;
    }
    let widest = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    let Some((address, prefix)) = text.split_once('/') else {
        let address: IpAddr = text.parse().ok()?;
        return Some((address, widest(address)));
    };
    let address: IpAddr = address.parse().ok()?;
    let length_max = if address.is_ipv4() { 2 } else { 3 };
    let leading_zero = prefix.starts_with('0') && prefix != "0";
    if prefix.len() > length_max || !all_digits(prefix) || leading_zero {
        return None;
    }
    let prefix: u8 = prefix.parse().ok()?;
    (prefix <= widest(address)).then_some((address, prefix))
}

/// `YYYY-MM-DD`, or with `Thh:mm:ss`, milliseconds if wanted, and `Z` or `±hhmm`. In milliseconds
/// since 1970, UTC.
pub(super) fn datetime(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = date else { return None };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let (month, day) = (number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let date = || Date::new(year as i16, month as i8, day as i8).ok();
    if rest.is_empty() {
        return since_1970(date()?.to_datetime(Time::midnight()), 0);
    }
    let (time, rest) = rest.split_at_checked(9)?;
    let [b'T', h0, h1, b':', n0, n1, b':', s0, s1] = time else { return None };
    let (hour, minute, second) = (number(&[*h0, *h1])?, number(&[*n0, *n1])?, number(&[*s0, *s1])?);
    let (milliseconds, rest) = match rest {
        [b'.', f0, f1, f2, rest @ ..] => (number(&[*f0, *f1, *f2])?, rest),
        _ => (0, rest),
    };
    let offset_minutes = match rest {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, m0, m1] => {
            let (hours, minutes) = (number(&[*h0, *h1])?, number(&[*m0, *m1])?);
            if hours >= 24 || minutes >= 60 {
                return None;
            }
            let offset = i64::from(hours * 60 + minutes);
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let time = Time::new(hour as i8, minute as i8, second as i8, milliseconds * 1_000_000).ok()?;
    since_1970(date()?.to_datetime(time), offset_minutes)
}

fn since_1970(moment: DateTime, offset_minutes: i64) -> Option<i64> {
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let elapsed = i64::try_from(moment.duration_since(EPOCH).as_millis()).ok()?;
    elapsed.checked_sub(offset_minutes * 60_000)
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i32::from(digit - b'0'))
    })
}

/// Days to milliseconds in this order, none needed but one, with one sign for all.
pub(super) fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 5] =
        [("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut units = UNITS.iter();
    let mut parts: Vec<i64> = Vec::new();
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at_checked(letters)?;
        let (_, scale) = units.find(|(unit, _)| *unit == name)?;
        if !all_digits(digits) {
            return None;
        }
        let number = i128::from(digits.parse::<u64>().ok()?);
        // The smallest number of milliseconds has no positive twin.
        let part = if *scale == 1 {
            i64::try_from(i128::from(sign) * number).ok()?
        } else {
            i64::try_from(number).ok()?.checked_mul(*scale)?.checked_mul(sign)?
        };
        parts.push(part);
        rest = tail;
    }
    // Milliseconds first, as Cedar adds them up: a sum may overflow on the way.
    parts.into_iter().rev().try_fold(0_i64, i64::checked_add)
}

pub(super) fn is_loopback(address: IpAddr, prefix: u8) -> bool {
    address.is_loopback() && prefix >= if address.is_ipv4() { 8 } else { 128 }
}

pub(super) fn is_multicast(address: IpAddr, prefix: u8) -> bool {
    address.is_multicast() && prefix >= if address.is_ipv4() { 4 } else { 8 }
}

/// Whether all addresses of one range are in the other.
pub(super) fn is_in_range(inner: (IpAddr, u8), outer: (IpAddr, u8)) -> bool {
    let ends = |(address, prefix): (IpAddr, u8)| {
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let all = u128::MAX >> (128 - width);
        let host = all.checked_shr(u32::from(prefix)).unwrap_or(0);
        (bits & !host, bits | host)
    };
    let (first, last) = ends(inner);
    let (outer_first, outer_last) = ends(outer);
    inner.0.is_ipv4() == outer.0.is_ipv4() && outer_first <= first && last <= outer_last
}

pub(super) fn to_date(moment: i64) -> Option<i64> {
    moment.checked_sub(moment.rem_euclid(DAY_MS))
}

pub(super) fn to_time(moment: i64) -> i64 {
    moment.rem_euclid(DAY_MS)
}

/// Whether a text is of a pattern's form, in Unicode's scalars.
pub(super) fn is_like(text: &str, pattern: &[Option<char>]) -> bool {
    let mut text = text.chars();
    let mut pattern = pattern;
    // Where to go on from if what follows a wildcard does not fit here.
    let mut retry: Option<(std::str::Chars<'_>, &[Option<char>])> = None;
    loop {
        match pattern.split_first() {
            Some((None, rest)) => {
                retry = Some((text.clone(), rest));
                pattern = rest;
                continue;
            }
            Some((Some(letter), rest)) => {
                let mut here = text.clone();
                if here.next() == Some(*letter) {
                    (text, pattern) = (here, rest);
                    continue;
                }
            }
            None if text.as_str().is_empty() => return true,
            None => {}
        }
        let Some((from, rest)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (text, pattern) = (from.clone(), rest);
    }
}
