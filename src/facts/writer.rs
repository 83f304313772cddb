//! What entities are written with: a host's own structs, and our own.

use std::fmt;
use std::sync::Arc;

use super::draft::{Content, Draft, Name};
use super::entity::Entity;
use super::heap::{self, Numbering};
use super::key::{Id, IdKey};
use super::layout::Kind;
use super::time::{Timestamp, is_in_years};
use super::uid::EntityUid;
use super::value::{Record, Repr, Value, ValueError};

/// A struct of the host's that is an entity to the policies: a row of its own tables.
///
/// [`Entity`] is one too. A struct is written straight into the engine's words, without names and
/// values of its own being made for it: use it for what is passed with each request
/// ([`Engine::check_inline`](crate::Engine::check_inline)) and for loading many rows
/// ([`PolicyBundle::facts`](crate::PolicyBundle::facts)).
///
/// # Example
///
/// ```
/// use doorward::{AsEntity, Entity, EntityUid, EntityWriter, Id};
///
/// struct Invoice {
///     number: u128,
///     client: u128,
///     amount: i64,
///     invited: Vec<u128>,
/// }
///
/// impl AsEntity for Invoice {
///     fn type_name(&self) -> &str {
///         "Document"
///     }
///
///     fn id(&self) -> Id<'_> {
///         self.number.into()
///     }
///
///     fn write(&self, to: &mut EntityWriter<'_>) {
///         to.entity("client", "Client", self.client)
///             .long("amount", self.amount)
///             .entities("invited", "Contact", self.invited.iter().copied())
///             .parent("Client", self.client);
///     }
/// }
///
/// let invoice = Invoice { number: 7, client: 1, amount: 12_000, invited: vec![] };
/// let entity = Entity::of(&invoice)?;
/// assert_eq!(entity.attribute("amount").and_then(|amount| amount.as_long()), Some(12_000));
/// # Ok::<(), doorward::ValueError>(())
/// ```
pub trait AsEntity {
    /// The type, with its namespace: `Document`, `Shop::Document`.
    fn type_name(&self) -> &str;

    /// The id within the type.
    fn id(&self) -> Id<'_>;

    /// Writes attributes, parents and tags, in any order. It is quickest where the order and the
    /// kinds of values are mostly the same.
    ///
    /// It may be called more than once for one question, and has to write the same each time.
    fn write(&self, to: &mut EntityWriter<'_>);
}

/// Takes the attributes, parents and tags of one entity.
///
/// Each attribute may be written once: where a name comes twice, the whole entity is refused.
pub struct EntityWriter<'w>(To<'w>);

enum To<'w> {
    Row { draft: &'w mut Draft, heap: &'w mut Vec<u32>, numbers: &'w mut dyn Numbering },
    Entity { entity: &'w mut Entity, twice: &'w mut Option<Arc<str>> },
}

impl EntityWriter<'_> {
    /// Writes a boolean.
    #[inline]
    pub fn bool(&mut self, name: &'static str, flag: bool) -> &mut Self {
        match &mut self.0 {
            To::Row { draft, .. } => {
                draft.value(Name::Static(name), Kind::Bool, Content::Plain, [u32::from(flag), 0]);
            }
            To::Entity { .. } => self.set(name, flag.into()),
        }
        self
    }

    /// Writes a number.
    #[inline]
    pub fn long(&mut self, name: &'static str, number: i64) -> &mut Self {
        match &mut self.0 {
            To::Row { draft, .. } => {
                let (kind, words) = words_of(number);
                draft.value(Name::Static(name), kind, Content::Plain, words);
            }
            To::Entity { .. } => self.set(name, number.into()),
        }
        self
    }

    /// Writes a text.
    #[inline]
    pub fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        match &mut self.0 {
            To::Row { draft, numbers, .. } => {
                draft.value(
                    Name::Static(name),
                    Kind::Text,
                    Content::Plain,
                    [numbers.text(text), 0],
                );
            }
            To::Entity { .. } => self.set(name, text.into()),
        }
        self
    }

    /// Writes a moment.
    #[inline]
    pub fn datetime(&mut self, name: &'static str, moment: Timestamp) -> &mut Self {
        match &mut self.0 {
            To::Row { draft, .. } => {
                if !is_in_years(moment.as_ms()) {
                    draft.doubt();
                }
                draft.value(
                    Name::Static(name),
                    Kind::Datetime,
                    Content::Plain,
                    halves(moment.as_ms()),
                );
            }
            To::Entity { .. } => self.set(name, moment.into()),
        }
        self
    }

    /// Writes an entity of a type, by its id.
    #[inline]
    pub fn entity<'i>(
        &mut self,
        name: &'static str,
        type_name: &'static str,
        id: impl Into<Id<'i>>,
    ) -> &mut Self {
        let id = id.into();
        match &mut self.0 {
            To::Row { draft, numbers, .. } => {
                let slot = numbers.named_static(type_name, id.0);
                draft.value(
                    Name::Static(name),
                    Kind::Entity,
                    Content::Entities(Name::Static(type_name)),
                    [slot, 0],
                );
            }
            To::Entity { .. } => self.set(name, uid(type_name, id.0).into()),
        }
        self
    }

    /// Writes a set of entities of one type, by their ids.
    #[inline]
    pub fn entities<'i, I: Into<Id<'i>>>(
        &mut self,
        name: &'static str,
        type_name: &'static str,
        ids: impl IntoIterator<Item = I>,
    ) -> &mut Self {
        let ids = ids.into_iter().map(Into::into);
        match &mut self.0 {
            To::Row { draft, heap, numbers } => {
                let slots = ids.map(|id| numbers.named_static(type_name, id.0));
                let at = heap.len();
                let count = heap::write_entities(heap, slots);
                set(
                    draft,
                    heap,
                    Name::Static(name),
                    at,
                    (Content::Entities(Name::Static(type_name)), count),
                );
            }
            To::Entity { .. } => {
                let uids = ids.map(|id| uid(type_name, id.0));
                self.set(name, Value::entities(uids));
            }
        }
        self
    }

    /// Writes a set of texts.
    #[inline]
    pub fn texts<'t>(
        &mut self,
        name: &'static str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> &mut Self {
        let texts = texts.into_iter();
        match &mut self.0 {
            To::Row { draft, heap, numbers } => {
                let numbers = texts.map(|text| numbers.text(text));
                let at = heap.len();
                let count = heap::write_texts(heap, numbers);
                set(draft, heap, Name::Static(name), at, (Content::Texts, count));
            }
            To::Entity { .. } => self.set(name, Value::strings(texts)),
        }
        self
    }

    /// Writes any value.
    pub fn value(&mut self, name: &'static str, value: &Value) -> &mut Self {
        self.named(Name::Static(name), value);
        self
    }

    /// Writes any value under a name that need not stay.
    pub(super) fn any(&mut self, name: &str, value: &Value) {
        self.named(Name::Any(name), value);
    }

    fn named(&mut self, name: Name<'_>, value: &Value) {
        match &mut self.0 {
            To::Row { draft, heap, numbers } => write(draft, heap, *numbers, name, value),
            To::Entity { .. } => self.set(name.text(), value.clone()),
        }
    }

    pub(super) fn any_parent(&mut self, parent: &EntityUid) {
        match &mut self.0 {
            To::Row { draft, numbers, .. } => {
                let slot = numbers.entity(parent);
                draft.parent(Name::Any(parent.type_name()), slot);
            }
            To::Entity { entity, .. } => {
                entity.parents.insert(parent.clone());
            }
        }
    }

    /// Writes a direct parent in the hierarchy.
    #[inline]
    pub fn parent<'i>(&mut self, type_name: &'static str, id: impl Into<Id<'i>>) -> &mut Self {
        let id = id.into();
        match &mut self.0 {
            To::Row { draft, numbers, .. } => {
                let slot = numbers.named_static(type_name, id.0);
                draft.parent(Name::Static(type_name), slot);
            }
            To::Entity { entity, .. } => {
                entity.parents.insert(uid(type_name, id.0));
            }
        }
        self
    }

    /// Writes all tags, once.
    pub fn tags(&mut self, tags: &Record) -> &mut Self {
        match &mut self.0 {
            _ if tags.is_empty() => {}
            To::Row { draft, heap, numbers } => {
                let at = heap.len() as u32;
                heap::write_record(heap, tags, *numbers);
                draft.value(Name::Any(""), Kind::Tags, Content::Any, [at, 0]);
            }
            To::Entity { entity, twice } => {
                if !entity.tags.is_empty() {
                    **twice = Some("tags".into());
                }
                entity.tags.clone_from(tags);
            }
        }
        self
    }

    fn set(&mut self, name: &str, value: Value) {
        if let To::Entity { entity, twice } = &mut self.0 {
            let name: Arc<str> = name.into();
            if entity.attributes.insert(Arc::clone(&name), value).is_some() {
                **twice = Some(name);
            }
        }
    }
}

impl fmt::Debug for EntityWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityWriter").finish_non_exhaustive()
    }
}

/// A number as it stands in its column.
const fn words_of(number: i64) -> (Kind, [u32; 2]) {
    if number as i32 as i64 == number {
        (Kind::Short, [number as u32, 0])
    } else {
        (Kind::Long, halves(number))
    }
}

const fn halves(number: i64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// Adds a set that was written at the end of the heap.
fn set(
    draft: &mut Draft,
    heap: &mut Vec<u32>,
    name: Name<'_>,
    at: usize,
    (content, count): (Content<Name<'_>>, usize),
) {
    // The empty set at the start is everybody's. It has the form of any other of its members, or
    // rows that differ in nothing else would come in many forms.
    if count == 0 {
        heap.truncate(at);
    }
    draft.value(name, Kind::Set, content, [if count == 0 { 0 } else { at as u32 }, 0]);
}

fn uid(type_name: &str, id: IdKey<'_>) -> EntityUid {
    EntityUid::new(type_name, id.text())
}

/// INVARIANT (value nesting): the constructors of [`Value`] bound this recursion.
fn write(
    draft: &mut Draft,
    heap: &mut Vec<u32>,
    numbers: &mut dyn Numbering,
    name: Name<'_>,
    value: &Value,
) {
    let (kind, content, words) = match &value.0 {
        Repr::Bool(flag) => (Kind::Bool, Content::Plain, [u32::from(*flag), 0]),
        Repr::Long(number) => {
            let (kind, words) = words_of(*number);
            (kind, Content::Plain, words)
        }
        Repr::Decimal(number) => (Kind::Decimal, Content::Plain, halves(*number)),
        Repr::Datetime(number) => {
            if !is_in_years(*number) {
                draft.doubt();
            }
            (Kind::Datetime, Content::Plain, halves(*number))
        }
        Repr::Duration(number) => (Kind::Duration, Content::Plain, halves(*number)),
        Repr::String(text) => (Kind::Text, Content::Plain, [numbers.text(text), 0]),
        Repr::Entity(uid) => {
            let content = Content::Entities(Name::Any(uid.type_name()));
            (Kind::Entity, content, [numbers.entity(uid), 0])
        }
        Repr::Set(elements) if elements.is_empty() => (Kind::Set, Content::Nothing, [0; 2]),
        Repr::Set(elements) => {
            let at = heap.len() as u32;
            heap::write(heap, value, numbers);
            let first = elements.first();
            let type_name = first.and_then(Value::as_entity).map(EntityUid::type_name);
            let is_like = |element: &Value| {
                element.as_entity().is_some_and(|uid| Some(uid.type_name()) == type_name)
            };
            let content = match type_name {
                Some(type_name) if elements.iter().all(is_like) => {
                    Content::Entities(Name::Any(type_name))
                }
                None if elements.iter().all(|it| it.as_str().is_some()) => Content::Texts,
                _ => Content::Any,
            };
            (Kind::Set, content, [at, 0])
        }
        Repr::Ip { .. } => {
            let at = heap.len() as u32;
            heap::write(heap, value, numbers);
            (Kind::Ip, Content::Plain, [at, 0])
        }
        Repr::Record(_) => (Kind::Record, Content::Plain, [0; 2]),
    };
    draft.value(name, kind, content, words);
    if let Repr::Record(members) = &value.0 {
        draft.open();
        for (name, value) in &**members {
            write(draft, heap, numbers, Name::Any(name), value);
        }
        draft.close();
    }
}

impl Draft {
    /// Lays out an entity. Places in the heap count from its start.
    pub(crate) fn lay_out(
        &mut self,
        heap: &mut Vec<u32>,
        entity: &(impl AsEntity + ?Sized),
        numbers: &mut dyn Numbering,
    ) {
        self.start();
        entity.write(&mut EntityWriter(To::Row { draft: self, heap, numbers }));
        self.finish(heap);
    }

    /// Lays out a record alone: a request's context.
    pub(crate) fn lay_out_record(
        &mut self,
        heap: &mut Vec<u32>,
        members: &Record,
        numbers: &mut dyn Numbering,
    ) {
        self.start();
        for (name, value) in members {
            write(self, heap, numbers, Name::Any(name), value);
        }
        self.finish(heap);
    }
}

impl AsEntity for Entity {
    fn type_name(&self) -> &str {
        self.uid.type_name()
    }

    fn id(&self) -> Id<'_> {
        self.uid.id().into()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        for parent in &self.parents {
            to.any_parent(parent);
        }
        to.tags(&self.tags);
        for (name, value) in &self.attributes {
            to.any(name, value);
        }
    }
}

impl<E: AsEntity + ?Sized> AsEntity for &E {
    fn type_name(&self) -> &str {
        (**self).type_name()
    }

    fn id(&self) -> Id<'_> {
        (**self).id()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        (**self).write(to);
    }
}

impl<E: AsEntity + ?Sized> AsEntity for Box<E> {
    fn type_name(&self) -> &str {
        (**self).type_name()
    }

    fn id(&self) -> Id<'_> {
        (**self).id()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        (**self).write(to);
    }
}

impl Entity {
    /// The entity that a struct is.
    ///
    /// # Errors
    ///
    /// When it writes an attribute twice.
    pub fn of(from: &(impl AsEntity + ?Sized)) -> Result<Self, ValueError> {
        let mut entity = Self::new(uid(from.type_name(), from.id().0));
        let mut twice = None;
        from.write(&mut EntityWriter(To::Entity { entity: &mut entity, twice: &mut twice }));
        match twice {
            None => Ok(entity),
            Some(name) => Err(written_twice(&name).within(&entity.uid)),
        }
    }
}

pub(super) fn written_twice(name: &str) -> ValueError {
    ValueError::new(format!("`{name}` is written twice")).with_help("write each attribute once")
}
