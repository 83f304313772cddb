//! Values of attributes, tags and contexts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::time::Timestamp;
use super::uid::{EntityUid, shorten};
use crate::error::message_and_help;

/// How deep sets and records may nest in one [`Value`].
pub(crate) const DEPTH_MAX: usize = 32;

/// A value of an attribute, a tag or a context: one of Cedar's types.
///
/// Values are immutable and cheap to clone. Sets and records nest at most 32 deep, which bounds
/// every walk over a value. `Debug` shows the shape of a value and never its text, because facts
/// hold personal data; read it through the accessors or export it on purpose.
///
/// # Example
///
/// ```
/// use doorward::Value;
///
/// let limit = Value::from(50_000);
/// assert_eq!(limit.as_long(), Some(50_000));
///
/// let until = Value::datetime("2026-11-30T23:59:00+01:00")?;
/// assert_eq!(until, Value::datetime("2026-11-30T22:59:00Z")?);
/// assert!(Value::datetime("tomorrow").is_err());
/// # Ok::<(), doorward::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(crate) Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Repr {
    Bool(bool),
    Long(i64),
    String(Arc<str>),
    Entity(EntityUid),
    Set(Arc<BTreeSet<Value>>),
    Record(Arc<Record>),
    /// In ten-thousandths.
    Decimal(i64),
    Ip {
        address: IpAddr,
        prefix: u8,
    },
    /// In milliseconds since 1970, UTC.
    Datetime(i64),
    /// In milliseconds.
    Duration(i64),
}

/// Attributes by name: the body of an entity, of a record value or of a request's context.
pub type Record = BTreeMap<Arc<str>, Value>;

message_and_help! {
/// Why a text or a structure is no [`Value`], [`EntityUid`] or set of facts, and what to do.
///
/// # Example
///
/// ```
/// use doorward::Value;
///
/// let error = Value::datetime("tomorrow").unwrap_err();
/// assert_eq!(error.message(), "`tomorrow` is not a date and time");
/// assert_eq!(error.help(), Some("write it as in 2026-11-30T22:59:00Z"));
/// ```
ValueError
}

impl Value {
    /// A set of any values, deduplicated.
    ///
    /// # Errors
    ///
    /// When sets and records would nest more than 32 deep.
    pub fn set(elements: impl IntoIterator<Item = Self>) -> Result<Self, ValueError> {
        Self::set_of(elements.into_iter().collect())
    }

    /// A set of entities.
    #[must_use]
    pub fn entities(elements: impl IntoIterator<Item = EntityUid>) -> Self {
        Self(Repr::Set(Arc::new(elements.into_iter().map(Self::from).collect())))
    }

    /// A set of strings.
    #[must_use]
    pub fn strings<T: Into<Arc<str>>>(elements: impl IntoIterator<Item = T>) -> Self {
        let strings = elements.into_iter().map(|text| Self(Repr::String(text.into())));
        Self(Repr::Set(Arc::new(strings.collect())))
    }

    /// A record.
    ///
    /// # Errors
    ///
    /// When sets and records would nest more than 32 deep.
    pub fn record(attributes: Record) -> Result<Self, ValueError> {
        nest(attributes.values())?;
        Ok(Self(Repr::Record(Arc::new(attributes))))
    }

    /// A decimal number with one to four digits after the point, as in `12.50`.
    ///
    /// # Errors
    ///
    /// When the text is no such number, or lies outside ±922337203685477.5807.
    pub fn decimal(text: &str) -> Result<Self, ValueError> {
        let malformed = || {
            ValueError::new(format!("`{}` is not a decimal", shorten(text)))
                .with_help("write one to four digits after the point, as in 12.50")
        };
        let (whole, fraction) = text.split_once('.').ok_or_else(malformed)?;
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(digits) || !all_digits(fraction) || fraction.len() > 4 {
            return Err(malformed());
        }
        let scaled: i128 =
            format!("{digits}{fraction:0<4}").parse().map_err(|_error| malformed())?;
        let signed = if whole.starts_with('-') { -scaled } else { scaled };
        i64::try_from(signed)
            .map(|number| Self(Repr::Decimal(number)))
            .map_err(|_error| malformed())
    }

    /// An IP address, or a range of them in CIDR notation: `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
    ///
    /// # Errors
    ///
    /// When the text is no address or range.
    pub fn ip(text: &str) -> Result<Self, ValueError> {
        let malformed = || {
            ValueError::new(format!("`{}` is not an IP address or range", shorten(text)))
                .with_help("write it as in 10.0.0.7 or 10.0.0.0/8")
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let plain = prefix.bytes().all(|b| b.is_ascii_digit())
                    && (prefix.len() == 1 || !prefix.starts_with('0'));
                (
                    address,
                    plain.then_some(prefix).and_then(|p| p.parse().ok()).ok_or_else(malformed)?,
                )
            }
            None => (text, u8::MAX),
        };
        let address: IpAddr = address.parse().map_err(|_error| malformed())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = if prefix == u8::MAX { widest } else { prefix };
        if prefix > widest {
            return Err(malformed());
        }
        Ok(Self(Repr::Ip { address, prefix }))
    }

    /// A moment, from RFC 3339 text (`2026-11-30T22:59:00Z`, `…+01:00`) or a date (midnight UTC).
    /// Kept in milliseconds, UTC.
    ///
    /// # Errors
    ///
    /// When the text is no moment of the years 0 to 9999.
    pub fn datetime(text: &str) -> Result<Self, ValueError> {
        text.parse::<Timestamp>().map(Self::from)
    }

    /// A duration in Cedar's notation: `1d2h30m15s500ms`, units in this order, at least one.
    ///
    /// # Errors
    ///
    /// When the text is no duration, or its milliseconds exceed 64 bits.
    pub fn duration(text: &str) -> Result<Self, ValueError> {
        super::time::parse_duration(text).map(|length| Self(Repr::Duration(length)))
    }

    /// A duration in milliseconds.
    #[must_use]
    pub fn duration_ms(milliseconds: i64) -> Self {
        Self(Repr::Duration(milliseconds))
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Repr::Bool(value) = self.0 { Some(value) } else { None }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_long(&self) -> Option<i64> {
        if let Repr::Long(value) = self.0 { Some(value) } else { None }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Repr::String(value) = &self.0 { Some(value) } else { None }
    }

    /// The entity, if it is one.
    #[must_use]
    pub fn as_entity(&self) -> Option<&EntityUid> {
        if let Repr::Entity(value) = &self.0 { Some(value) } else { None }
    }

    /// The moment, if it is a datetime.
    #[must_use]
    pub fn as_datetime(&self) -> Option<Timestamp> {
        if let Repr::Datetime(value) = self.0 { Some(Timestamp::from_ms(value)) } else { None }
    }

    /// The milliseconds, if it is a duration.
    #[must_use]
    pub fn as_duration_ms(&self) -> Option<i64> {
        if let Repr::Duration(value) = self.0 { Some(value) } else { None }
    }

    /// The number in ten-thousandths, if it is a decimal.
    #[must_use]
    pub fn as_decimal(&self) -> Option<i64> {
        if let Repr::Decimal(value) = self.0 { Some(value) } else { None }
    }

    /// The address and the length of its prefix, in bits, if it is an IP address or range: 32 or 128
    /// for one address.
    #[must_use]
    pub fn as_ip(&self) -> Option<(IpAddr, u8)> {
        if let Repr::Ip { address, prefix } = self.0 { Some((address, prefix)) } else { None }
    }

    pub(crate) fn from_decimal(ten_thousandths: i64) -> Self {
        Self(Repr::Decimal(ten_thousandths))
    }

    pub(crate) fn from_ip(address: IpAddr, prefix: u8) -> Self {
        Self(Repr::Ip { address, prefix })
    }

    /// The elements, if it is a set.
    #[must_use]
    pub fn as_set(&self) -> Option<&BTreeSet<Self>> {
        if let Repr::Set(elements) = &self.0 { Some(elements) } else { None }
    }

    /// The attributes, if it is a record.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        if let Repr::Record(attributes) = &self.0 { Some(attributes) } else { None }
    }

    /// An address of the range, if this is one.
    pub(crate) fn an_ip(&self) -> Option<IpAddr> {
        match self.0 {
            Repr::Ip { address, .. } => Some(address),
            _ => None,
        }
    }

    /// Whether an address lies in the range, if this is one.
    pub(crate) fn contains_ip(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        };
        let Repr::Ip { address: network, prefix } = self.0 else { return false };
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
        network.is_ipv4() == address.is_ipv4() && (bits(network) ^ bits(address)) & mask == 0
    }

    fn depth(&self) -> usize {
        let deepest = |depth: Option<usize>| depth.unwrap_or(0) + 1;
        match &self.0 {
            Repr::Set(elements) => deepest(elements.iter().map(Self::depth).max()),
            Repr::Record(attributes) => deepest(attributes.values().map(Self::depth).max()),
            _ => 0,
        }
    }
}

fn nest<'v>(mut inner: impl Iterator<Item = &'v Value>) -> Result<(), ValueError> {
    if inner.any(|value| value.depth() >= DEPTH_MAX) {
        return Err(ValueError::new(format!("sets and records nest more than {DEPTH_MAX} deep")));
    }
    Ok(())
}

impl Value {
    /// A set of any values that were put in order already.
    pub(super) fn set_of(elements: BTreeSet<Self>) -> Result<Self, ValueError> {
        nest(elements.iter())?;
        Ok(Self(Repr::Set(Arc::new(elements))))
    }

    /// A string that is shared.
    pub(super) fn text(text: Arc<str>) -> Self {
        Self(Repr::String(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(Repr::Bool(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Repr::Long(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(Repr::String(value.into()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self(Repr::String(value.into()))
    }
}

impl From<EntityUid> for Value {
    fn from(value: EntityUid) -> Self {
        Self(Repr::Entity(value))
    }
}

impl From<&EntityUid> for Value {
    fn from(value: &EntityUid) -> Self {
        Self(Repr::Entity(value.clone()))
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self(Repr::Datetime(moment.as_ms()))
    }
}

impl From<IpAddr> for Value {
    fn from(address: IpAddr) -> Self {
        Self(Repr::Ip { address, prefix: if address.is_ipv4() { 32 } else { 128 } })
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Bool(value) => write!(f, "{value}"),
            Repr::Long(_) => f.write_str("Long(…)"),
            Repr::String(_) => f.write_str("String(…)"),
            Repr::Entity(value) => write!(f, "{value}"),
            Repr::Set(elements) => write!(f, "Set({} elements)", elements.len()),
            Repr::Record(attributes) => f.debug_set().entries(attributes.keys()).finish(),
            Repr::Decimal(_) => f.write_str("Decimal(…)"),
            Repr::Ip { .. } => f.write_str("Ip(…)"),
            Repr::Datetime(_) => f.write_str("Datetime(…)"),
            Repr::Duration(_) => f.write_str("Duration(…)"),
        }
    }
}
