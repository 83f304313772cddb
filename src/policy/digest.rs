//! What a bundle was made of, as a hash.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a bundle's sources and template links.
///
/// Two bundles with the same digest were built from the same names and texts, in whatever order
/// they were given. `Display` gives 64 lower-case hexadecimal digits.
///
/// # Example
///
/// ```
/// use doorward::PolicyBundle;
///
/// let build = |text: &str| PolicyBundle::builder().policies("a.cedar", text).build().unwrap();
/// let (one, other) = (build("permit(principal, action, resource);"), build("// nothing"));
/// assert_ne!(one.digest(), other.digest());
/// assert_eq!(one.digest().to_string().len(), 64);
/// assert!(one.digest().to_string().starts_with(&one.digest().short()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The first 12 hexadecimal digits, for logs and screens.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes records of fields. Every length is hashed before what it measures, so that no two
    /// lists of records give the same bytes.
    pub(super) fn of<'a>(records: impl IntoIterator<Item = Vec<&'a str>>) -> Self {
        let mut hash = Sha256::new();
        for record in records {
            hash.update(length(record.len()));
            for field in record {
                hash.update(length(field.len()));
                hash.update(field.as_bytes());
            }
        }
        Self(hash.finalize().into())
    }
}

fn length(length: usize) -> [u8; 8] {
    u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes()
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the 64 hexadecimal digits.
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text).ok_or_else(|| de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

fn from_hex(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|d| u8::try_from(d).ok());
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? * 16 + digit(*low)?;
    }
    Some(Digest(bytes))
}
