//! Conversion of rows, values and uids into Cedar's own types.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{EntityId, EntityTypeName, RestrictedExpression};

use super::entity::Entity;
use super::json::decimal_text;
use super::time::{datetime_text, duration_text};
use super::uid::{EntityUid, is_type_name, shorten};
use super::value::{Record, Repr, Value, ValueError};

/// Turns rows into Cedar's entities, parsing each type name once.
#[derive(Debug, Default)]
pub(crate) struct Conversion {
    type_names: HashMap<Arc<str>, EntityTypeName>,
}

impl Conversion {
    pub(crate) fn uid(&mut self, uid: &EntityUid) -> Result<cedar_policy::EntityUid, ValueError> {
        let type_name = match self.type_names.get(uid.type_name()) {
            Some(known) => known.clone(),
            None => {
                let name = uid.type_name();
                // Cedar's parser sees names of the right form only: it recurses on what it reads.
                let parsed = is_type_name(name).then(|| EntityTypeName::from_str(name).ok());
                let parsed = parsed.flatten().ok_or_else(|| {
                    ValueError::new(format!("`{}` is no type name", shorten(name)))
                })?;
                self.type_names.insert(name.into(), parsed.clone());
                parsed
            }
        };
        Ok(cedar_policy::EntityUid::from_type_name_and_id(type_name, EntityId::new(uid.id())))
    }

    /// The row as Cedar's entity, with its attributes.
    pub(crate) fn entity(&mut self, row: &Entity) -> Result<cedar_policy::Entity, ValueError> {
        let uid = self.uid(&row.uid)?;
        let attributes: HashMap<_, _> = self.record(&row.attributes)?.collect();
        let tags: Vec<_> = self.record(&row.tags)?.collect();
        let parents = self.parents(row)?;
        cedar_policy::Entity::new_with_tags(uid, attributes, parents, tags)
            .map_err(|error| ValueError::new(error.to_string()).within(&row.uid))
    }

    /// The row as Cedar's entity, with its place in the hierarchy and nothing else.
    pub(crate) fn ancestor(&mut self, row: &Entity) -> Result<cedar_policy::Entity, ValueError> {
        Ok(cedar_policy::Entity::new_no_attrs(self.uid(&row.uid)?, self.parents(row)?))
    }

    fn parents(&mut self, row: &Entity) -> Result<HashSet<cedar_policy::EntityUid>, ValueError> {
        row.parents.iter().map(|parent| self.uid(parent)).collect()
    }

    pub(crate) fn record(
        &mut self,
        record: &Record,
    ) -> Result<impl Iterator<Item = (String, RestrictedExpression)> + use<>, ValueError> {
        let pairs: Result<Vec<_>, ValueError> = record
            .iter()
            .map(|(name, value)| {
                let value = self
                    .value(value)
                    .map_err(|error| error.within(format_args!("attribute `{}`", shorten(name))))?;
                Ok((name.to_string(), value))
            })
            .collect();
        Ok(pairs?.into_iter())
    }

    /// INVARIANT (value nesting): the constructors of [`Value`] bound this recursion.
    fn value(&mut self, value: &Value) -> Result<RestrictedExpression, ValueError> {
        Ok(match &value.0 {
            Repr::Bool(flag) => RestrictedExpression::new_bool(*flag),
            Repr::Long(number) => RestrictedExpression::new_long(*number),
            Repr::String(text) => RestrictedExpression::new_string(text.to_string()),
            Repr::Entity(uid) => RestrictedExpression::new_entity_uid(self.uid(uid)?),
            Repr::Set(elements) => {
                let elements: Result<Vec<_>, _> =
                    elements.iter().map(|element| self.value(element)).collect();
                RestrictedExpression::new_set(elements?)
            }
            Repr::Record(attributes) => RestrictedExpression::new_record(self.record(attributes)?)
                .map_err(|error| ValueError::new(error.to_string()))?,
            Repr::Decimal(number) => RestrictedExpression::new_decimal(decimal_text(*number)),
            Repr::Ip { address, prefix } => {
                RestrictedExpression::new_ip(ip_text(*address, *prefix))
            }
            Repr::Datetime(moment) => {
                let text = datetime_text(*moment).ok_or_else(|| {
                    ValueError::new("a date and time lies outside the years 0 to 9999")
                })?;
                RestrictedExpression::new_datetime(text)
            }
            Repr::Duration(length) => RestrictedExpression::new_duration(duration_text(*length)),
        })
    }
}

impl EntityUid {
    pub(crate) fn from_cedar(uid: &cedar_policy::EntityUid) -> Self {
        Self::new(uid.type_name().to_string(), uid.id().unescaped())
    }
}

/// Cedar reads no dotted quad inside an IPv6 address, which the standard form may hold.
pub(super) fn ip_text(address: IpAddr, prefix: u8) -> String {
    let mut text = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|segment| format!("{segment:x}")).join(":"),
    };
    // Writing to a string never fails.
    let _infallible = write!(text, "/{prefix}");
    text
}
