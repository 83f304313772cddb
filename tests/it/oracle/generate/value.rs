//! Values, kept apart from the library's own so that Cedar reads them without its help.

use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{EntityId, EntityTypeName};
use doorward::{EntityUid, Value};
use serde_json::{Value as Json, json};

use super::{DOC, Maker, Shape, TYPES, Ty};

#[derive(Debug, Clone, PartialEq)]
pub(in crate::oracle) struct Uid {
    of: usize,
    id: String,
}

impl Uid {
    pub(super) fn new(of: usize, id: impl Into<String>) -> Self {
        Self { of, id: id.into() }
    }

    pub(super) fn is_doc(&self) -> bool {
        self.of == DOC
    }

    pub(super) fn id_is_even(&self) -> bool {
        self.id.parse::<u32>().is_ok_and(|number| number.is_multiple_of(2))
    }

    pub(super) fn to_doorward(&self) -> EntityUid {
        EntityUid::new(TYPES[self.of], self.id.as_str())
    }

    pub(in crate::oracle) fn to_cedar(&self) -> cedar_policy::EntityUid {
        let of = EntityTypeName::from_str(TYPES[self.of]).unwrap();
        cedar_policy::EntityUid::from_type_name_and_id(of, EntityId::new(&self.id))
    }

    pub(super) fn to_json(&self) -> Json {
        json!({ "type": TYPES[self.of], "id": self.id })
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::\"{}\"", TYPES[self.of], self.id)
    }
}

#[derive(Debug, Clone)]
pub(in crate::oracle) enum Val {
    Bool(bool),
    Long(i64),
    Str(&'static str),
    Entity(Uid),
    Set(Vec<Val>),
    Record(Vec<(&'static str, Val)>),
    /// A constructor and its argument.
    Extension(&'static str, &'static str),
}

pub(super) const LONGS: &[i64] = &[0, 1, 2, 3, -1, 7, 1_000_000, i64::MAX, i64::MIN];
pub(super) const STRINGS: &[&str] = &["k", "key two", "", "a*b", "abc", "nä😀", "n", "q\"uote"];
pub(super) const DECIMALS: &[&str] =
    &["0.0", "1.5", "1.50", "-1.5", "-0.25", "922337203685477.5807", "2.0001"];
pub(super) const IPS: &[&str] =
    &["10.0.0.7", "10.0.0.7/32", "10.0.0.0/8", "127.0.0.1", "224.0.0.1", "::1", "2001:db8::/32"];
pub(super) const DATETIMES: &[&str] = &[
    "2026-11-30T12:00:00Z",
    "2026-11-30",
    "1969-12-31T23:59:59.999Z",
    "2026-11-30T13:00:00+0100",
    "9999-12-31T23:59:59Z",
];
pub(super) const DURATIONS: &[&str] = &["1h", "0ms", "-1d2h", "3600s", "106751991167d"];

impl Maker<'_> {
    pub(super) fn value(&mut self, of: &Ty, strays: usize, depth: usize) -> Val {
        if self.tape.chance(strays) {
            let other = self.any_type();
            return self.well_typed(&other, 0, depth);
        }
        self.well_typed(of, strays, depth)
    }

    fn well_typed(&mut self, of: &Ty, strays: usize, depth: usize) -> Val {
        match of {
            Ty::Bool => Val::Bool(self.tape.chance(50)),
            Ty::Long => Val::Long(*self.tape.pick(LONGS)),
            Ty::Str => Val::Str(self.tape.word(STRINGS)),
            Ty::Decimal => Val::Extension("decimal", self.tape.word(DECIMALS)),
            Ty::Ip => Val::Extension("ip", self.tape.word(IPS)),
            Ty::Datetime => Val::Extension("datetime", self.tape.word(DATETIMES)),
            Ty::Duration => Val::Extension("duration", self.tape.word(DURATIONS)),
            Ty::Entity(of) => Val::Entity(self.uid(*of)),
            Ty::Set(of) => {
                let length = *self.tape.pick(&[0, 1, 2, 3]);
                Val::Set((0..length).map(|_| self.value(of, strays, depth + 1)).collect())
            }
            Ty::Record(shape) if depth < 8 => {
                Val::Record(self.attributes_at(*shape, strays, depth))
            }
            Ty::Record(_) => Val::Record(Vec::new()),
        }
    }
}

impl Val {
    pub(super) fn to_doorward(&self) -> Value {
        match self {
            Self::Bool(flag) => Value::from(*flag),
            Self::Long(number) => Value::from(*number),
            Self::Str(text) => Value::from(*text),
            Self::Entity(uid) => Value::from(uid.to_doorward()),
            Self::Set(elements) => Value::set(elements.iter().map(Self::to_doorward)).unwrap(),
            Self::Record(attributes) => {
                let attributes = attributes.iter();
                let attributes =
                    attributes.map(|(name, value)| ((*name).into(), value.to_doorward()));
                Value::record(attributes.collect()).unwrap()
            }
            Self::Extension("decimal", text) => Value::decimal(text).unwrap(),
            Self::Extension("ip", text) => Value::ip(text).unwrap(),
            Self::Extension("datetime", text) => Value::datetime(text).unwrap(),
            Self::Extension(_, text) => Value::duration(text).unwrap(),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Bool(flag) => json!(flag),
            Self::Long(number) => json!(number),
            Self::Str(text) => json!(text),
            Self::Entity(uid) => json!({ "__entity": uid.to_json() }),
            Self::Set(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Record(attributes) => super::record_json(attributes),
            Self::Extension(function, text) => json!({ "__extn": { "fn": function, "arg": text } }),
        }
    }

    /// As an expression of a policy.
    pub(super) fn to_policy(&self) -> String {
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
                    .map(|(name, value)| format!("{name}: {}", value.to_policy()))
                    .collect();
                format!("{{{}}}", attributes.join(", "))
            }
            Self::Extension(function, text) => format!("{function}(\"{text}\")"),
        }
    }
}

impl Shape {
    /// Whether a value of this shape has the attribute.
    pub(super) fn of_record(self) -> bool {
        !matches!(self, Self::Entity | Self::Context)
    }
}
