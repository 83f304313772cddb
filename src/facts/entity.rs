//! One row of facts.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::uid::EntityUid;
use super::value::{Record, Value};

/// One row of facts: a named entity with its attributes, its parents in the hierarchy and its tags.
///
/// # Example
///
/// ```
/// use doorward::{Entity, EntityUid};
///
/// let invoice = Entity::new(EntityUid::new("Document", "I1"))
///     .with("amount", 12_000)
///     .parent(EntityUid::new("Client", "C1"));
/// assert_eq!(invoice.attribute("amount").and_then(|v| v.as_long()), Some(12_000));
/// assert!(invoice.attribute("currency").is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Entity {
    pub(super) uid: EntityUid,
    pub(super) attributes: Record,
    pub(super) parents: BTreeSet<EntityUid>,
    pub(super) tags: Record,
}

impl Entity {
    /// A row without attributes, parents or tags.
    #[must_use]
    pub fn new(uid: EntityUid) -> Self {
        Self { uid, attributes: Record::new(), parents: BTreeSet::new(), tags: Record::new() }
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a direct parent in the hierarchy.
    #[must_use]
    pub fn parent(mut self, parent: EntityUid) -> Self {
        self.parents.insert(parent);
        self
    }

    /// Sets a tag.
    #[must_use]
    pub fn tag(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// The name of the entity.
    #[must_use]
    pub fn uid(&self) -> &EntityUid {
        &self.uid
    }

    /// An attribute by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// All attributes, by name.
    #[must_use]
    pub fn attributes(&self) -> &Record {
        &self.attributes
    }

    /// The direct parents.
    #[must_use]
    pub fn parents(&self) -> &BTreeSet<EntityUid> {
        &self.parents
    }

    /// All tags, by name.
    #[must_use]
    pub fn tags(&self) -> &Record {
        &self.tags
    }

    /// Sets an attribute in place.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        self.attributes.insert(name.into(), value.into());
    }

    /// Removes an attribute in place.
    pub fn unset(&mut self, name: &str) {
        self.attributes.remove(name);
    }

    /// Sets a tag in place.
    pub fn set_tag(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        self.tags.insert(name.into(), value.into());
    }

    /// Removes a tag in place.
    pub fn unset_tag(&mut self, name: &str) {
        self.tags.remove(name);
    }

    /// Replaces the direct parents in place.
    pub fn set_parents(&mut self, parents: impl IntoIterator<Item = EntityUid>) {
        self.parents = parents.into_iter().collect();
    }
}

/// The uid and the names of what it holds, without any value: facts hold personal data.
impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entity")
            .field("uid", &self.uid)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("parents", &self.parents)
            .field("tags", &self.tags.len())
            .finish()
    }
}
