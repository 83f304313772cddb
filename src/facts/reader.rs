//! Reading many entities fast, from Cedar's entity JSON.
//!
//! The text is read once, front to back, into the rows themselves; no tree of it is made. Only the
//! plain forms are understood here. At anything else, faulty or merely unusual, the reader gives up
//! and `json` reads on from that row by way of a tree: it knows every form, and has the words for
//! what is wrong. So what is read here has to mean the same there, and nothing more.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::entities_from_json;
use super::key::Id;
use super::types::{Attributes, Type, Types};
use super::uid::{EntityUid, is_type_name};
use super::value::{DEPTH_MAX, Record, Value, ValueError};
use super::writer::{AsEntity, EntityWriter};

/// Reads an array of `{uid, attrs, parents, tags}` and hands over its rows, one by one and in its
/// order. With declared types, `__entity` and `__extn` may be left out.
///
/// # Errors
///
/// When the text is no such array, or when a row is refused. Rows before were handed over then.
pub(super) fn read_entities(
    text: &str,
    types: Option<&Types>,
    mut each: impl FnMut(&dyn AsEntity) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let (mut read, mut refused) = (0, None);
    let outcome = read_plain(text, types, |row| {
        refused = each(&row).err();
        read += 1;
        refused.is_none()
    });
    match (refused, outcome) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(_unread)) => {
            let mut rows = entities_from_json(text, types, read)?;
            rows.try_for_each(|row| each(&row?))
        }
    }
}

/// Reads plain forms, up to where another stands or a row is not taken.
fn read_plain(
    text: &str,
    types: Option<&Types>,
    mut hand_over: impl FnMut(PlainRow) -> bool,
) -> Result<(), serde_json::Error> {
    let reader = Reader { types, texts: RefCell::default(), nothing: Value::entities([]) };
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_seq(Rows { reader: &reader, hand_over: &mut hand_over })?;
    json.end()
}

/// A row in the order of its text.
struct PlainRow {
    uid: EntityUid,
    attributes: Vec<(Arc<str>, Value)>,
    parents: Vec<EntityUid>,
    tags: Record,
}

impl AsEntity for PlainRow {
    fn type_name(&self) -> &str {
        self.uid.type_name()
    }

    fn id(&self) -> Id<'_> {
        self.uid.id().into()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        for (name, value) in &self.attributes {
            to.any(name, value);
        }
        for parent in &self.parents {
            to.any_parent(parent);
        }
        to.tags(&self.tags);
    }
}

#[derive(Clone, Copy)]
struct Within<'r, T> {
    reader: &'r Reader<'r>,
    of: T,
}

struct Reader<'t> {
    types: Option<&'t Types>,
    texts: RefCell<Texts>,
    /// The empty set, shared.
    nothing: Value,
}

impl<'t> Reader<'t> {
    fn share(&self, text: &str) -> Arc<str> {
        // UUIDs repeat too seldom to be looked for.
        const LONG: usize = 36;
        if text.len() >= LONG { text.into() } else { self.texts.borrow_mut().share(text) }
    }

    fn at<T>(&self, of: T) -> Within<'_, T> {
        Within { reader: self, of }
    }
}

/// The texts seen last: facts repeat the same few kinds, states and names again and again. What is
/// not found is kept in place of what was there, so that this never grows.
struct Texts(Vec<Option<Arc<str>>>);

impl Texts {
    const SLOTS: usize = 1 << 12;

    fn share(&mut self, text: &str) -> Arc<str> {
        let slot = self.0.get_mut(Self::slot(text));
        let Some(slot) = slot else { return text.into() };
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }

    fn slot(text: &str) -> usize {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        let mut last = [0; 8];
        for (byte, letter) in last.iter_mut().zip(rest) {
            *byte = *letter;
        }
        let mix = |hash: u64, word: &[u8; 8]| {
            (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95)
        };
        let hash = mix(words.iter().fold(text.len() as u64, mix), &last);
        // The upper bits are the mixed ones.
        usize::try_from(hash >> 52).unwrap_or(0) % Self::SLOTS
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self(vec![None; Self::SLOTS])
    }
}

fn unread<E: Error>() -> E {
    E::custom("no plain form")
}

/// A text, borrowed where no escape is in it.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Rows<'r, F> {
    reader: &'r Reader<'r>,
    hand_over: &'r mut F,
}

impl<'de, F: FnMut(PlainRow) -> bool> Visitor<'de> for Rows<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element_seed(self.reader.at(Row))? {
            if !(self.hand_over)(row) {
                return Err(unread());
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Row;

impl<'de> DeserializeSeed<'de> for Within<'_, Row> {
    type Value = PlainRow;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<PlainRow, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, Row> {
    type Value = PlainRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<PlainRow, A::Error> {
        let mut uid = None;
        let mut parents = None;
        // What stands before the uid waits for the type that it names.
        let (mut early_attributes, mut early_tags): (Option<&RawValue>, Option<&RawValue>) =
            (None, None);
        let (mut attributes, mut tags) = (None, None);
        let reader = self.reader;
        let declared = |uid: &EntityUid| reader.types?.entity(uid.type_name());
        let fields = |uid: &EntityUid| {
            reader.at(Flat(Fields::Of(declared(uid).map(|declared| &declared.attributes), 0)))
        };
        let all =
            |uid: &EntityUid| reader.at(Fields::All(declared(uid).and_then(|d| d.tags.as_ref())));
        while let Some(member) = members.next_key_seed(Text)? {
            match (&*member, &uid) {
                ("uid", None) => uid = Some(members.next_value_seed(reader.at(UNKNOWN))?),
                ("attrs", None) if early_attributes.is_none() => {
                    early_attributes = Some(members.next_value()?);
                }
                ("tags", None) if early_tags.is_none() => early_tags = Some(members.next_value()?),
                ("attrs", Some(uid)) if attributes.is_none() && early_attributes.is_none() => {
                    attributes = Some(members.next_value_seed(fields(uid))?);
                }
                ("tags", Some(uid)) if tags.is_none() && early_tags.is_none() => {
                    tags = Some(members.next_value_seed(all(uid))?);
                }
                ("parents", _) if parents.is_none() => {
                    parents = Some(members.next_value_seed(reader.at(Parents))?);
                }
                _ => return Err(unread()),
            }
        }
        let Some(uid) = uid else { return Err(unread()) };
        if let Some(raw) = early_attributes {
            attributes = Some(fields(&uid).deserialize(raw).map_err(Error::custom)?);
        }
        if let Some(raw) = early_tags {
            tags = Some(all(&uid).deserialize(raw).map_err(Error::custom)?);
        }
        Ok(PlainRow {
            uid,
            attributes: attributes.unwrap_or_default(),
            parents: parents.unwrap_or_default(),
            tags: tags.unwrap_or_default(),
        })
    }
}

#[derive(Clone, Copy)]
struct Parents;

impl<'de> DeserializeSeed<'de> for Within<'_, Parents> {
    type Value = Vec<EntityUid>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, Parents> {
    type Value = Vec<EntityUid>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of parents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut uids: A) -> Result<Self::Value, A::Error> {
        let mut parents = Vec::new();
        while let Some(uid) = uids.next_element_seed(self.reader.at(UNKNOWN))? {
            parents.push(uid);
        }
        Ok(parents)
    }
}

/// `{type, id}`, most likely of the given type; inside `__entity` or bare.
#[derive(Clone, Copy)]
struct Uid<'t> {
    likely: Option<&'t Arc<str>>,
    may_be_escaped: bool,
}

const BARE: Uid<'_> = Uid { likely: None, may_be_escaped: false };
const UNKNOWN: Uid<'_> = Uid { likely: None, may_be_escaped: true };

impl<'de> DeserializeSeed<'de> for Within<'_, Uid<'_>> {
    type Value = EntityUid;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<EntityUid, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, Uid<'_>> {
    type Value = EntityUid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity's name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<EntityUid, A::Error> {
        let (mut type_name, mut id) = (None, None);
        while let Some(member) = members.next_key_seed(Text)? {
            match &*member {
                "type" if type_name.is_none() => {
                    let name = members.next_value_seed(Text)?;
                    type_name = Some(match self.of.likely {
                        Some(likely) if **likely == *name => Arc::clone(likely),
                        _ if is_type_name(&name) => self.reader.share(&name),
                        _ => return Err(unread()),
                    });
                }
                "id" if id.is_none() => {
                    id = Some(self.reader.share(&members.next_value_seed(Text)?));
                }
                "__entity" if self.of.may_be_escaped && type_name.is_none() && id.is_none() => {
                    let bare = Uid { may_be_escaped: false, ..self.of };
                    let uid = members.next_value_seed(self.reader.at(bare))?;
                    return alone(members, uid);
                }
                _ => return Err(unread()),
            }
        }
        match (type_name, id) {
            (Some(type_name), Some(id)) => Ok(EntityUid::new(type_name, id)),
            _ => Err(unread()),
        }
    }
}

/// What was read, if it is the only member.
fn alone<'de, A: MapAccess<'de>, T>(mut members: A, read: T) -> Result<T, A::Error> {
    match members.next_key::<IgnoredAny>()? {
        None => Ok(read),
        Some(_) => Err(unread()),
    }
}

/// A record: its attributes of the types declared, at some depth; or tags, all of one type.
#[derive(Clone, Copy)]
enum Fields<'t> {
    Of(Option<&'t Attributes>, usize),
    All(Option<&'t Type>),
}

impl<'de> DeserializeSeed<'de> for Within<'_, Fields<'_>> {
    type Value = Record;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Record, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, Fields<'_>> {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Record, A::Error> {
        let first = members.next_key_seed(Text)?;
        self.read_from(first, members)
    }
}

impl Within<'_, Fields<'_>> {
    fn read_from<'de, A: MapAccess<'de>>(
        self,
        first: Option<Cow<'de, str>>,
        mut members: A,
    ) -> Result<Record, A::Error> {
        let mut record = Record::new();
        let mut next = first;
        while let Some(name) = next {
            let (name, value) = self.read_member(&name, &mut members)?;
            if record.insert(name, value).is_some() {
                return Err(unread());
            }
            next = members.next_key_seed(Text)?;
        }
        Ok(record)
    }

    fn read_member<'de, A: MapAccess<'de>>(
        self,
        name: &str,
        members: &mut A,
    ) -> Result<(Arc<str>, Value), A::Error> {
        let (name, expected, depth) = match self.of {
            Fields::Of(declared, depth) => {
                match declared.and_then(|declared| declared.get_key_value(name)) {
                    Some((name, attribute)) => (Arc::clone(name), Some(&attribute.of), depth),
                    None => (self.reader.share(name), None, depth),
                }
            }
            Fields::All(declared) => (self.reader.share(name), declared, 0),
        };
        let value = members.next_value_seed(self.reader.at(Any { expected, depth }))?;
        Ok((name, value))
    }
}

/// Whether two attributes have one name.
fn comes_twice(attributes: &[(Arc<str>, Value)]) -> bool {
    const FEW: usize = 32;
    if attributes.len() > FEW {
        let mut names = BTreeSet::new();
        return !attributes.iter().all(|(name, _)| names.insert(name));
    }
    // Most names are one text each, so that they differ at a glance.
    let is_same = |one: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(one, other) || one == other;
    attributes
        .iter()
        .enumerate()
        .any(|(at, (name, _))| attributes.iter().take(at).any(|(before, _)| is_same(before, name)))
}

/// The attributes of a row, in their order.
#[derive(Clone, Copy)]
struct Flat<'t>(Fields<'t>);

impl<'de> DeserializeSeed<'de> for Within<'_, Flat<'_>> {
    type Value = Vec<(Arc<str>, Value)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, Flat<'_>> {
    type Value = Vec<(Arc<str>, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let fields = self.reader.at(self.of.0);
        let mut read: Self::Value = Vec::new();
        while let Some(name) = members.next_key_seed(Text)? {
            let (name, value) = fields.read_member(&name, &mut members)?;
            read.push((name, value));
        }
        if comes_twice(&read) { Err(unread()) } else { Ok(read) }
    }
}

/// A value, of a declared type if one is.
#[derive(Clone, Copy)]
struct Any<'t> {
    expected: Option<&'t Type>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Within<'_, Any<'_>> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        if self.of.depth > DEPTH_MAX { Err(unread()) } else { json.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Within<'_, Any<'_>> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::from(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::from).map_err(|_error| unread())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let read = match self.of.expected {
            Some(Type::Decimal) => Value::decimal(text),
            Some(Type::Ip) => Value::ip(text),
            Some(Type::Datetime) => Value::datetime(text),
            Some(Type::Duration) => Value::duration(text),
            _ => return Ok(Value::text(self.reader.share(text))),
        };
        read.map_err(|_error| unread())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let expected = match self.of.expected {
            Some(Type::Set(element)) => Some(&**element),
            _ => None,
        };
        let depth = self.of.depth + 1;
        let mut read = BTreeSet::new();
        while let Some(element) =
            elements.next_element_seed(self.reader.at(Any { expected, depth }))?
        {
            read.insert(element);
        }
        if read.is_empty() {
            return Ok(self.reader.nothing.clone());
        }
        Value::set_of(read).map_err(|_error| unread())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let declared = match self.of.expected {
            Some(Type::Entity(name)) => {
                return self
                    .reader
                    .at(Uid { likely: Some(name), may_be_escaped: true })
                    .visit_map(members)
                    .map(Value::from);
            }
            Some(Type::Record(declared)) => Some(&**declared),
            _ => None,
        };
        let first = members.next_key_seed(Text)?;
        match first.as_deref() {
            Some("__entity") => {
                let uid = members.next_value_seed(self.reader.at(BARE))?;
                return alone(members, Value::from(uid));
            }
            Some("__extn") => {
                let value = members.next_value_seed(Extension)?;
                return alone(members, value);
            }
            _ => {}
        }
        if matches!(
            self.of.expected,
            Some(Type::Decimal | Type::Ip | Type::Datetime | Type::Duration)
        ) {
            return Err(unread());
        }
        let fields = self.reader.at(Fields::Of(declared, self.of.depth + 1));
        let record = fields.read_from(first, members)?;
        if record.contains_key("__expr") {
            return Err(unread());
        }
        Value::record(record).map_err(|_error| unread())
    }
}

/// `{fn, arg}`.
struct Extension;

impl<'de> DeserializeSeed<'de> for Extension {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Extension {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (mut function, mut argument) = (None, None);
        while let Some(member) = members.next_key_seed(Text)? {
            match &*member {
                "fn" if function.is_none() => function = Some(members.next_value_seed(Text)?),
                "arg" if argument.is_none() => argument = Some(members.next_value_seed(Text)?),
                _ => return Err(unread()),
            }
        }
        let (Some(function), Some(argument)) = (function, argument) else { return Err(unread()) };
        let read = match &*function {
            "decimal" => Value::decimal(&argument),
            "ip" => Value::ip(&argument),
            "datetime" => Value::datetime(&argument),
            "duration" => Value::duration(&argument),
            _ => return Err(unread()),
        };
        read.map_err(|_error| unread())
    }
}

#[cfg(test)]
mod tests;
