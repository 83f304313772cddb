//! Values of any size, as words of a page's heap.
//!
//! A value is a word of {tag, count} and what the tag says: nothing, words, or values again. Values
//! that hold values say in their second word how many words they take, so that each can be skipped.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::key::IdKey;
use super::uid::EntityUid;
use super::value::{Record, Repr, Value};

const BOOL: u32 = 0;
const LONG: u32 = 1;
const DECIMAL: u32 = 2;
const DATETIME: u32 = 3;
const DURATION: u32 = 4;
const TEXT: u32 = 5;
const ENTITY: u32 = 6;
const IPV4: u32 = 7;
const IPV6: u32 = 8;
/// A set of entities alone: their slots in ascending order.
const ENTITIES: u32 = 9;
/// A set of texts alone: their numbers in ascending order.
const TEXTS: u32 = 10;
/// A set of anything.
const MIXED: u32 = 11;
/// Names' numbers and values in turn. Also the tags of an entity.
const RECORD: u32 = 12;
/// A row's parents: their slots in ascending order, then their numbers among the inner rows.
const PARENTS: u32 = 13;

/// What a page's heap begins with: the empty set, at place 0.
pub(crate) const EMPTY_SET: u32 = ENTITIES;

/// Numbers for the texts and entities that values name.
pub(crate) trait Numbering {
    fn text(&mut self, text: &str) -> u32;
    fn named(&mut self, type_name: &str, id: IdKey<'_>) -> u32;

    /// As [`named`](Self::named), of a type whose name stays where it is in memory.
    fn named_static(&mut self, type_name: &'static str, id: IdKey<'_>) -> u32 {
        self.named(type_name, id)
    }

    fn entity(&mut self, uid: &EntityUid) -> u32 {
        self.named(uid.type_name(), IdKey::of(uid.id()))
    }
}

/// What a word of {tag, count} and the words after it say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'h> {
    Bool(bool),
    Long(i64),
    Decimal(i64),
    Datetime(i64),
    Duration(i64),
    Text(u32),
    Entity(u32),
    Ip(IpAddr, u8),
    Entities(&'h [u32]),
    Texts(&'h [u32]),
    /// The values one after the other, and how many.
    Mixed(&'h [u32], usize),
    /// Names' numbers and values in turn, and how many pairs.
    Record(&'h [u32], usize),
}

const fn head(tag: u32, count: u32) -> u32 {
    tag | (count << 8)
}

/// The value at the start of these words, and the words after it.
#[inline]
pub(crate) fn read(words: &[u32]) -> (View<'_>, &[u32]) {
    let Some((head, rest)) = words.split_first() else { return (View::Entities(&[]), &[]) };
    let (tag, count) = (head & 0xff, (head >> 8) as usize);
    let number = || {
        let (pair, rest) = rest.split_at_checked(2).unwrap_or_default();
        (i64_of(pair), rest)
    };
    let one = || rest.split_first().map_or((0, rest), |(word, rest)| (*word, rest));
    match tag {
        BOOL => (View::Bool(count != 0), rest),
        LONG => (View::Long(number().0), number().1),
        DECIMAL => (View::Decimal(number().0), number().1),
        DATETIME => (View::Datetime(number().0), number().1),
        DURATION => (View::Duration(number().0), number().1),
        TEXT => (View::Text(one().0), one().1),
        ENTITY => (View::Entity(one().0), one().1),
        IPV4 => {
            let (address, rest) = one();
            (View::Ip(IpAddr::from(address.to_be_bytes()), count as u8), rest)
        }
        IPV6 => {
            let (words, rest) = rest.split_at_checked(4).unwrap_or_default();
            (View::Ip(IpAddr::from(u128_of(words).to_be_bytes()), count as u8), rest)
        }
        TEXTS => {
            let (members, rest) = rest.split_at_checked(count).unwrap_or_default();
            (View::Texts(members), rest)
        }
        PARENTS => {
            let (slots, rest) = rest.split_at_checked(count).unwrap_or_default();
            // As many numbers of inner rows follow.
            (View::Entities(slots), rest.get(count..).unwrap_or_default())
        }
        MIXED | RECORD => {
            let (size, rest) = one();
            let (members, rest) = rest.split_at_checked(size as usize).unwrap_or_default();
            let view = if tag == MIXED { View::Mixed } else { View::Record };
            (view(members, count), rest)
        }
        _ => {
            let (members, rest) = rest.split_at_checked(count).unwrap_or_default();
            (View::Entities(members), rest)
        }
    }
}

/// The members of a set of entities alone, or of texts alone. None of them is the empty set.
#[inline]
pub(super) fn members_of(words: &[u32], texts: bool) -> Option<&[u32]> {
    let Some((head, rest)) = words.split_first() else { return Some(&[]) };
    let (tag, count) = (head & 0xff, (head >> 8) as usize);
    let wanted = if texts { TEXTS } else { ENTITIES };
    if tag == wanted { rest.get(..count) } else { None }
}

/// A row's parents, and their numbers among the inner rows.
#[inline]
pub(super) fn parents(words: &[u32]) -> (&[u32], &[u32]) {
    let Some((head, rest)) = words.split_first() else { return (&[], &[]) };
    let count = (head >> 8) as usize;
    let (slots, rest) = rest.split_at_checked(count).unwrap_or_default();
    (slots, rest.get(..count).unwrap_or_default())
}

#[inline]
pub(crate) fn i64_of(words: &[u32]) -> i64 {
    match words {
        [low, high, ..] => (i64::from(*high) << 32) | i64::from(*low),
        _ => 0,
    }
}

#[inline]
pub(crate) fn u128_of(words: &[u32]) -> u128 {
    let [first, second, third, fourth, ..] = words else { return 0 };
    let high = (u64::from(*first) << 32) | u64::from(*second);
    let low = (u64::from(*third) << 32) | u64::from(*fourth);
    (u128::from(high) << 64) | u128::from(low)
}

pub(crate) fn u128_words(value: u128) -> [u32; 4] {
    [(value >> 96) as u32, (value >> 64) as u32, (value >> 32) as u32, value as u32]
}

/// How many words the value at the start of these takes.
pub(super) fn size(words: &[u32]) -> usize {
    words.len() - read(words).1.len()
}

/// Writes a value at the end of a heap.
///
/// INVARIANT (value nesting): the constructors of [`Value`] bound this recursion.
pub(super) fn write(heap: &mut Vec<u32>, value: &Value, numbering: &mut dyn Numbering) {
    let mut number = |tag, number: i64| {
        heap.extend([head(tag, 0), number as u32, (number >> 32) as u32]);
    };
    match &value.0 {
        Repr::Bool(flag) => heap.push(head(BOOL, u32::from(*flag))),
        Repr::Long(value) => number(LONG, *value),
        Repr::Decimal(value) => number(DECIMAL, *value),
        Repr::Datetime(value) => number(DATETIME, *value),
        Repr::Duration(value) => number(DURATION, *value),
        Repr::String(text) => heap.extend([TEXT, numbering.text(text)]),
        Repr::Entity(uid) => heap.extend([ENTITY, numbering.entity(uid)]),
        Repr::Ip { address: IpAddr::V4(address), prefix } => {
            heap.extend([head(IPV4, u32::from(*prefix)), u32::from(*address)]);
        }
        Repr::Ip { address: IpAddr::V6(address), prefix } => {
            heap.push(head(IPV6, u32::from(*prefix)));
            heap.extend(u128_words(u128::from(*address)));
        }
        Repr::Set(elements) => write_set(heap, elements, numbering),
        Repr::Record(members) => write_record(heap, members, numbering),
    }
}

fn write_set(heap: &mut Vec<u32>, elements: &BTreeSet<Value>, numbering: &mut dyn Numbering) {
    if elements.iter().all(|element| element.as_entity().is_some()) {
        let uids = elements.iter().filter_map(Value::as_entity);
        write_entities(heap, uids.map(|uid| numbering.entity(uid)));
    } else if elements.iter().all(|element| element.as_str().is_some()) {
        let texts = elements.iter().filter_map(Value::as_str);
        write_texts(heap, texts.map(|text| numbering.text(text)));
    } else {
        let start = open(heap, head(MIXED, elements.len() as u32));
        for element in elements {
            write(heap, element, numbering);
        }
        close(heap, start);
    }
}

pub(super) fn write_record(heap: &mut Vec<u32>, members: &Record, numbering: &mut dyn Numbering) {
    let start = open(heap, head(RECORD, members.len() as u32));
    for (name, value) in members {
        let name = numbering.text(name);
        heap.push(name);
        write(heap, value, numbering);
    }
    close(heap, start);
}

/// Whether a number is among these, which ascend. Few are compared all at once, without a branch.
#[inline]
pub(crate) fn contains(numbers: &[u32], wanted: u32) -> bool {
    const FEW: usize = 64;
    if numbers.len() <= FEW {
        return numbers.iter().fold(false, |found, number| found | (*number == wanted));
    }
    numbers.binary_search(&wanted).is_ok()
}

/// Writes a set of entities alone, in any order: how many they are.
pub(super) fn write_entities(heap: &mut Vec<u32>, slots: impl Iterator<Item = u32>) -> usize {
    write_numbers(heap, ENTITIES, slots)
}

/// Writes a set of texts alone, in any order: how many they are.
pub(super) fn write_texts(heap: &mut Vec<u32>, texts: impl Iterator<Item = u32>) -> usize {
    write_numbers(heap, TEXTS, texts)
}

fn write_numbers(heap: &mut Vec<u32>, tag: u32, numbers: impl Iterator<Item = u32>) -> usize {
    let at = heap.len();
    heap.push(tag);
    heap.extend(numbers);
    let Some((first, members)) = heap.get_mut(at..).unwrap_or_default().split_first_mut() else {
        return 0;
    };
    members.sort_unstable();
    let mut count = 0;
    for next in 0..members.len() {
        let number = members.get(next).copied();
        if count == 0 || number != members.get(count - 1).copied() {
            if let (Some(place), Some(number)) = (members.get_mut(count), number) {
                *place = number;
            }
            count += 1;
        }
    }
    *first = head(tag, count as u32);
    heap.truncate(at + 1 + count);
    count
}

/// Writes parents, in ascending order.
pub(super) fn write_parents(heap: &mut Vec<u32>, slots: &[u32]) {
    heap.push(head(PARENTS, slots.len() as u32));
    heap.extend(slots);
    heap.resize(heap.len() + slots.len(), 0);
}

fn open(heap: &mut Vec<u32>, head: u32) -> usize {
    heap.extend([head, 0]);
    heap.len()
}

fn close(heap: &mut [u32], start: usize) {
    let size = heap.len() - start;
    if let Some(word) = heap.get_mut(start - 1) {
        *word = size as u32;
    }
}

/// Texts and names for the numbers in values.
pub(crate) trait Naming {
    fn text(&self, number: u32) -> Arc<str>;
    fn uid(&self, slot: u32) -> EntityUid;
}

/// The value that a view shows.
pub(crate) fn value(view: View<'_>, naming: &impl Naming) -> Value {
    Value(match view {
        View::Bool(flag) => Repr::Bool(flag),
        View::Long(number) => Repr::Long(number),
        View::Decimal(number) => Repr::Decimal(number),
        View::Datetime(number) => Repr::Datetime(number),
        View::Duration(number) => Repr::Duration(number),
        View::Text(number) => Repr::String(naming.text(number)),
        View::Entity(slot) => Repr::Entity(naming.uid(slot)),
        View::Ip(address, prefix) => Repr::Ip { address, prefix },
        View::Record(..) => Repr::Record(Arc::new(record(view, naming))),
        View::Entities(_) | View::Texts(_) | View::Mixed(..) => {
            let mut elements = BTreeSet::new();
            each(view, |element| {
                elements.insert(value(element, naming));
            });
            Repr::Set(Arc::new(elements))
        }
    })
}

/// The members of a record, or the tags of an entity.
pub(crate) fn record(view: View<'_>, naming: &impl Naming) -> Record {
    members(view).map(|(name, member)| (naming.text(name), value(member, naming))).collect()
}

/// The members of a record, with their names' numbers.
pub(crate) fn members(view: View<'_>) -> impl Iterator<Item = (u32, View<'_>)> {
    let (mut words, count) =
        if let View::Record(words, count) = view { (words, count) } else { (&[][..], 0) };
    (0..count).filter_map(move |_| {
        let (name, rest) = words.split_first()?;
        let (member, rest) = read(rest);
        words = rest;
        Some((*name, member))
    })
}

/// Calls with each element of a set.
pub(crate) fn each<'h>(view: View<'h>, mut visit: impl FnMut(View<'h>)) {
    match view {
        View::Entities(slots) => slots.iter().for_each(|slot| visit(View::Entity(*slot))),
        View::Texts(texts) => texts.iter().for_each(|text| visit(View::Text(*text))),
        View::Mixed(mut words, count) => {
            for _ in 0..count {
                let (element, rest) = read(words);
                visit(element);
                words = rest;
            }
        }
        _ => {}
    }
}
