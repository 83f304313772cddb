//! Values, kept apart from the library's own so that Cedar reads them without its help.

use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{EntityId, EntityTypeName, RestrictedExpression};
use doorward::{EntityUid, Value};
use serde_json::{Map, Value as Json, json};

use super::Maker;
use super::model::{Name, Shape, Ty};

/// An entity's type and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uid {
    pub(crate) of: Name,
    pub(crate) id: Name,
}

impl Uid {
    /// As the library has it.
    #[must_use]
    pub fn to_doorward(&self) -> EntityUid {
        EntityUid::new(self.of, self.id)
    }

    /// As Cedar has it.
    #[must_use]
    pub fn to_cedar(&self) -> cedar_policy::EntityUid {
        let of = EntityTypeName::from_str(self.of).expect("a type name");
        cedar_policy::EntityUid::from_type_name_and_id(of, EntityId::new(self.id))
    }

    pub(super) fn to_json(&self) -> Json {
        json!({ "type": self.of, "id": self.id })
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{:?}", self.of, self.id)
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Val {
    /// True or false.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A text.
    Str(Name),
    /// An entity.
    Entity(Uid),
    /// A set, maybe with duplicates.
    Set(Vec<Val>),
    /// A record.
    Record(Vec<(Name, Val)>),
    /// A constructor and its argument.
    Extension(Name, Name),
}

pub(super) const LONGS: &[i64] =
    &[0, 1, 2, 3, -1, 7, 10, 1_000_000, i64::MAX, i64::MIN, i64::MAX - 1];
/// Some are what constructors take, so that policies can build values of texts.
pub(super) const STRINGS: &[Name] = &[
    "k",
    "key two",
    "",
    "a*b",
    "abc",
    "nä😀",
    "n",
    "q\"uote",
    "a\\b",
    "10.0.0.7",
    "1.5",
    "2026-11-30",
    "1h",
    "abcabc",
    "***",
];
const KEYS: &[Name] = &["k", "k", "key two", "abc", "", "n"];
const DECIMALS: &[Name] = &[
    "0.0",
    "1.5",
    "1.50",
    "-1.5",
    "-0.25",
    "922337203685477.5807",
    "-922337203685477.5808",
    "2.0001",
    "10.0",
];
const IPS: &[Name] = &[
    "10.0.0.7",
    "10.0.0.7/32",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "127.0.0.1",
    "224.0.0.1",
    "::1",
    "2001:db8::/32",
    "2001:db8::7",
    "ff02::1",
    "127.0.0.1/8",
    "10.0.0.0/31",
    "::/0",
    "224.0.0.0/3",
    "255.255.255.255",
];
const DATETIMES: &[Name] = &[
    "2026-11-30T12:00:00Z",
    "2026-11-30",
    "1969-12-31T23:59:59.999Z",
    "2026-11-30T13:00:00+0100",
    "9999-12-31T23:59:59.999Z",
    "0000-01-01",
    "1970-01-01",
    "1969-12-31T00:00:00.001Z",
    "2024-02-29T23:59:59.500-0530",
];
const DURATIONS: &[Name] = &[
    "1h",
    "0ms",
    "-1d2h",
    "3600s",
    "106751991167d",
    "-9223372036854775808ms",
    "9223372036854775807ms",
    "1d2h3m4s5ms",
    "-59m59s999ms",
    "60m",
    "-1ms",
];

impl Maker<'_> {
    pub(super) fn value(&mut self, of: &Ty, strays: usize, depth: usize) -> Val {
        if self.choices.chance(strays) {
            let other = self.model.any_type(self.choices, 1);
            return self.well_typed(&other, 0, depth);
        }
        self.well_typed(of, strays, depth)
    }

    fn well_typed(&mut self, of: &Ty, strays: usize, depth: usize) -> Val {
        match of {
            Ty::Bool => Val::Bool(self.choices.chance(50)),
            Ty::Long => Val::Long(self.long()),
            // Often one of a few, so that texts meet.
            Ty::Str if self.choices.chance(50) => Val::Str(self.choices.word(&STRINGS[..3])),
            Ty::Str => Val::Str(self.choices.word(STRINGS)),
            Ty::Decimal => Val::Extension("decimal", self.choices.word(DECIMALS)),
            Ty::Ip => Val::Extension("ip", self.choices.word(IPS)),
            Ty::Datetime => Val::Extension("datetime", self.choices.word(DATETIMES)),
            Ty::Duration => Val::Extension("duration", self.choices.word(DURATIONS)),
            Ty::Entity(kind) => Val::Entity(self.uid(*kind)),
            Ty::Set(of) => {
                let length = *self.choices.pick(&[0, 1, 2, 3]);
                Val::Set((0..length).map(|_| self.value(of, strays, depth + 1)).collect())
            }
            Ty::Record(shape) => Val::Record(self.attributes(shape, strays, depth + 1)),
        }
    }

    /// Attributes of a shape; of every hundred some `strays` are left out or of another type.
    pub(super) fn attributes(
        &mut self,
        shape: &Shape,
        strays: usize,
        depth: usize,
    ) -> Vec<(Name, Val)> {
        let mut attributes = Vec::with_capacity(shape.len());
        for attribute in shape {
            let absent = self.choices.chance(if attribute.required { strays } else { 45 });
            if !absent {
                attributes.push((attribute.name, self.value(&attribute.of, strays, depth)));
            }
        }
        attributes
    }

    /// Mostly small, so that numbers meet and add up.
    pub(super) fn long(&mut self) -> i64 {
        let edge = self.choices.chance(25);
        LONGS[self.choices.below(if edge { LONGS.len() } else { 7 })]
    }

    pub(super) fn key(&mut self) -> Name {
        self.choices.word(KEYS)
    }
}

impl Val {
    /// As the library has it.
    #[must_use]
    pub fn to_doorward(&self) -> Value {
        match self {
            Self::Bool(flag) => Value::from(*flag),
            Self::Long(number) => Value::from(*number),
            Self::Str(text) => Value::from(*text),
            Self::Entity(uid) => Value::from(uid.to_doorward()),
            Self::Set(elements) => {
                Value::set(elements.iter().map(Self::to_doorward)).expect("a shallow set")
            }
            Self::Record(attributes) => {
                let attributes = attributes.iter();
                let attributes =
                    attributes.map(|(name, value)| ((*name).into(), value.to_doorward()));
                Value::record(attributes.collect()).expect("a shallow record")
            }
            Self::Extension("decimal", text) => Value::decimal(text).expect("a decimal"),
            Self::Extension("ip", text) => Value::ip(text).expect("an address"),
            Self::Extension("datetime", text) => Value::datetime(text).expect("a moment"),
            Self::Extension(_, text) => Value::duration(text).expect("a duration"),
        }
    }

    /// As Cedar has it.
    #[must_use]
    pub fn to_cedar(&self) -> RestrictedExpression {
        match self {
            Self::Bool(flag) => RestrictedExpression::new_bool(*flag),
            Self::Long(number) => RestrictedExpression::new_long(*number),
            Self::Str(text) => RestrictedExpression::new_string((*text).to_owned()),
            Self::Entity(uid) => RestrictedExpression::new_entity_uid(uid.to_cedar()),
            Self::Set(elements) => {
                RestrictedExpression::new_set(elements.iter().map(Self::to_cedar))
            }
            Self::Record(attributes) => {
                RestrictedExpression::new_record(cedar_pairs(attributes)).expect("names differ")
            }
            Self::Extension("decimal", text) => RestrictedExpression::new_decimal(text),
            Self::Extension("ip", text) => RestrictedExpression::new_ip(text),
            Self::Extension("datetime", text) => RestrictedExpression::new_datetime(text),
            Self::Extension(_, text) => RestrictedExpression::new_duration(text),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Bool(flag) => json!(flag),
            Self::Long(number) => json!(number),
            Self::Str(text) => json!(text),
            Self::Entity(uid) => json!({ "__entity": uid.to_json() }),
            Self::Set(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Record(attributes) => record_json(attributes),
            Self::Extension(function, text) => json!({ "__extn": { "fn": function, "arg": text } }),
        }
    }

    /// As an expression of a policy.
    pub(crate) fn to_policy(&self) -> String {
        match self {
            Self::Bool(flag) => flag.to_string(),
            Self::Long(number) => format!("({number})"),
            Self::Str(text) => format!("{text:?}"),
            Self::Entity(uid) => uid.to_string(),
            Self::Set(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::to_policy).collect();
                format!("[{}]", elements.join(", "))
            }
            Self::Record(attributes) => {
                let attributes: Vec<_> = attributes
                    .iter()
                    .map(|(name, value)| format!("{name:?}: {}", value.to_policy()))
                    .collect();
                format!("{{{}}}", attributes.join(", "))
            }
            Self::Extension(function, text) => format!("{function}({text:?})"),
        }
    }
}

pub(crate) fn cedar_pairs(attributes: &[(Name, Val)]) -> Vec<(String, RestrictedExpression)> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.to_cedar())).collect()
}

pub(super) fn record_json(attributes: &[(Name, Val)]) -> Json {
    let members = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.to_json()));
    Json::Object(members.collect::<Map<_, _>>())
}
