//! Ids as keys: a canonical UUID is a number, everything else is its text.

use std::fmt;

/// An id of an entity, ready for looking it up.
///
/// Only a lower-case UUID in its usual form (`8-4-4-4-12`) is a number: any other spelling is
/// another id to Cedar, and stays text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKey<'i> {
    Uuid(u128),
    Text(&'i str),
}

impl<'i> IdKey<'i> {
    /// The id as text.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Uuid(key) => uuid_text(key),
            Self::Text(text) => text.to_owned(),
        }
    }

    #[inline]
    pub(crate) fn of(id: &'i str) -> Self {
        uuid(id.as_bytes()).map_or(Self::Text(id), Self::Uuid)
    }
}

/// How rows keep their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Uuid,
    /// A text of no more than [`SHORT_MAX`] bytes, as a number.
    Short,
    /// The number of a text.
    Text,
}

impl Spelling {
    pub(super) const COUNT: usize = 3;
}

/// How long a text may be that is kept as a number: its length takes the last byte.
const SHORT_MAX: usize = 15;

/// An id as rows keep it.
#[derive(Debug, Clone, Copy)]
pub(super) enum RowKey<'i> {
    Number(Spelling, u128),
    Text(&'i str),
}

impl<'i> RowKey<'i> {
    #[inline]
    pub(super) fn of(id: IdKey<'i>) -> Self {
        match id {
            IdKey::Uuid(key) => Self::Number(Spelling::Uuid, key),
            IdKey::Text(text) => match short(text) {
                Some(key) => Self::Number(Spelling::Short, key),
                None => Self::Text(text),
            },
        }
    }

    pub(super) fn spelling(&self) -> Spelling {
        match self {
            Self::Number(spelling, _) => *spelling,
            Self::Text(_) => Spelling::Text,
        }
    }
}

/// A short text as a number. Such numbers are in the order of their texts.
#[inline]
fn short(text: &str) -> Option<u128> {
    let (bytes, count) = (text.as_bytes(), text.len() as u32);
    if text.len() > SHORT_MAX {
        return None;
    }
    // Read from both ends, in registers: a copy of so many bytes would have to be waited for.
    let number = if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (head, tail) = (u64::from_be_bytes(*head), u64::from_be_bytes(*tail));
        let rest = tail.checked_shl(u128::BITS - u8::BITS * count).unwrap_or_default();
        u128::from(head) << u64::BITS | u128::from(rest)
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (head, tail) = (u32::from_be_bytes(*head), u32::from_be_bytes(*tail));
        let rest = tail.checked_shl(u64::BITS - u8::BITS * count).unwrap_or_default();
        u128::from(head) << 96 | u128::from(rest) << u64::BITS
    } else {
        let place = |at: usize| 120 - 8 * at;
        bytes
            .iter()
            .enumerate()
            .fold(0, |number, (at, byte)| number | u128::from(*byte) << place(at))
    };
    Some(number | u128::from(count))
}

/// The text that a number stands for.
pub(super) fn short_text(key: u128) -> String {
    let bytes = key.to_be_bytes();
    let text = bytes.get(..usize::from(key as u8)).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The id of an entity, of a type that is known already.
///
/// A UUID goes in as a number, and so does its canonical text (lower case, with hyphens): both name
/// the same entity. Any other text is itself.
///
/// # Example
///
/// ```
/// use doorward::Id;
///
/// let number = Id::from(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128);
/// assert_eq!(Id::from("01234567-89ab-cdef-0123-456789abcdef"), number);
/// assert_ne!(Id::from("01234567-89AB-CDEF-0123-456789ABCDEF"), number);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Id<'i>(pub(crate) IdKey<'i>);

impl From<u128> for Id<'_> {
    #[inline]
    fn from(uuid: u128) -> Self {
        Self(IdKey::Uuid(uuid))
    }
}

impl<'i> From<&'i str> for Id<'i> {
    #[inline]
    fn from(text: &'i str) -> Self {
        Self(IdKey::of(text))
    }
}

/// Ids may name people.
impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(…)")
    }
}

/// The text of a UUID key.
pub(crate) fn uuid_text(key: u128) -> String {
    uuid::Uuid::from_u128(key).hyphenated().to_string()
}

#[inline]
fn uuid(text: &[u8]) -> Option<u128> {
    let (a, rest) = text.split_first_chunk::<8>()?;
    let [b'-', b0, b1, b2, b3, b'-', b4, b5, b6, b7, b'-', c0, c1, c2, c3, b'-', rest @ ..] = rest
    else {
        return None;
    };
    let (c, d) = rest.split_first_chunk::<4>()?;
    let d: &[u8; 8] = d.try_into().ok()?;
    let [c4, c5, c6, c7] = c;
    let word = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
    let high = word(digits(*a)?, digits([*b0, *b1, *b2, *b3, *b4, *b5, *b6, *b7])?);
    let low = word(digits([*c0, *c1, *c2, *c3, *c4, *c5, *c6, *c7])?, digits(*d)?);
    Some((u128::from(high) << 64) | u128::from(low))
}

/// Eight lower-case hexadecimal digits, all at once: each byte of a word is one digit.
#[inline]
fn digits(text: [u8; 8]) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(text);
    // A letter has bit 6 set, and its low half counts from 1.
    let nibbles = (text & (0x0f * ONES)) + ((text >> 6) & ONES) * 9;
    // Writing the digits again gives the same text, for `g` and what follows it too.
    let letters = ((nibbles + 6 * ONES) >> 4) & ONES;
    let written = nibbles.wrapping_add(0x30 * ONES).wrapping_add(letters.wrapping_mul(0x27));
    if written != text || nibbles & (0xf0 * ONES) != 0 {
        return None;
    }
    let pairs = (nibbles | (nibbles >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    Some(((fours | (fours >> 16)) & 0xffff_ffff) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_uuid_is_a_number_and_writes_back_the_same() {
        for key in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let text = uuid_text(key);
            assert_eq!(IdKey::of(&text), IdKey::Uuid(key), "{text}");
        }
    }

    #[test]
    fn a_short_text_is_a_number_in_the_order_of_texts() {
        let mut texts = ["", "a", "a\0", "a\0b", "b", "ab", "C1-D2", "C10-D1", "äöü", "\u{10ffff}"];
        for text in texts {
            let RowKey::Number(Spelling::Short, key) = RowKey::of(IdKey::of(text)) else {
                panic!("{text} is short");
            };
            assert_eq!(short_text(key), text);
        }
        texts.sort_unstable();
        assert!(texts.is_sorted_by_key(|text| short(text)));
        let long = ["0123456789abcdef", "äöüäöüäö"];
        assert!(long.iter().all(|text| matches!(RowKey::of(IdKey::of(text)), RowKey::Text(_))));
        let fifteen = "0123456789abcde";
        for count in 0..=fifteen.len() {
            let text = fifteen.get(..count).unwrap_or_default();
            assert_eq!(short(text).map(short_text).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_other_spelling_is_text() {
        let canonical = "01234567-89ab-cdef-0123-456789abcdef";
        assert!(matches!(IdKey::of(canonical), IdKey::Uuid(_)));
        // Every place, every byte: only the sixteen digits, and hyphens where they belong.
        for place in 0..canonical.len() {
            for byte in 0..=127_u8 {
                let mut text = canonical.as_bytes().to_vec();
                *text.get_mut(place).unwrap() = byte;
                let text = String::from_utf8(text).unwrap();
                let hyphen = [8, 13, 18, 23].contains(&place);
                let same_form = if hyphen {
                    byte == b'-'
                } else {
                    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
                };
                assert_eq!(matches!(IdKey::of(&text), IdKey::Uuid(_)), same_form, "{text:?}");
            }
        }
        for text in [
            "",
            "I1",
            "01234567-89AB-cdef-0123-456789abcdef",
            "{01234567-89ab-cdef-0123-456789abcdef}",
        ] {
            assert_eq!(IdKey::of(text), IdKey::Text(text));
        }
        let fullwidth = "０1234567-89ab-cdef-0123-456789abcd";
        assert_eq!(IdKey::of(fullwidth), IdKey::Text(fullwidth));
    }
}
