//! The rows of one tenant or one application, shared between revisions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use super::changes::{Change, Changes};
use super::entity::Entity;
use super::json::{entities_from_json, entity_to_json};
use super::types::Types;
use super::uid::EntityUid;
use super::value::ValueError;

/// The number of a state of facts and policies: it grows with every write and every publication of
/// policies, and never goes back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Revision(u64);

impl Revision {
    /// The revision as a number; 0 is the state an engine was built with.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Entities as typed rows.
///
/// A clone shares all rows with its original and costs one counter, so that a reader keeps the
/// state it started with while writes go on. Rows are ordered by type, then id.
///
/// # Example
///
/// ```
/// use doorward::{Changes, Entity, EntityUid, Facts};
///
/// let gm = EntityUid::new("Contact", "gm");
/// let before = Facts::new();
/// let after = before.with(&Changes::new().put(Entity::new(gm.clone())));
/// assert!(before.entity(&gm).is_none());
/// assert!(after.entity(&gm).is_some());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Facts {
    rows: RedBlackTreeMapSync<EntityUid, Arc<Entity>>,
}

impl Facts {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads Cedar's entity JSON; with declared types, `__entity` and `__extn` may be left out.
    pub(crate) fn from_json(text: &str, types: Option<&Types>) -> Result<Self, ValueError> {
        let mut facts = Self::new();
        for entity in entities_from_json(text, types)? {
            if facts.entity(entity.uid()).is_some() {
                return Err(ValueError::new(format!("{} stands twice", entity.uid())));
            }
            facts.put(entity);
        }
        Ok(facts)
    }

    /// Cedar's entity JSON of all rows, every escape written out.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.iter().map(entity_to_json).collect()
    }

    /// The row of an entity.
    #[must_use]
    pub fn entity(&self, uid: &EntityUid) -> Option<&Entity> {
        self.rows.get(uid).map(|row| &**row)
    }

    /// All rows, ordered by type and id.
    pub fn iter(&self) -> impl Iterator<Item = &Entity> {
        self.rows.values().map(|row| &**row)
    }

    /// The rows of one type, ordered by id.
    pub fn of_type<'f>(&'f self, type_name: &'f str) -> impl Iterator<Item = &'f Entity> {
        let first = EntityUid::new(type_name, "");
        self.rows
            .range(first..)
            .map(|(_, row)| &**row)
            .take_while(move |row| row.uid().type_name() == type_name)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// These facts after some changes. What did not change is shared.
    #[must_use]
    pub fn with(&self, changes: &Changes) -> Self {
        let mut next = self.clone();
        for change in changes {
            match change {
                Change::Put(entity) => next.put(entity.clone()),
                Change::Remove(uid) => {
                    next.rows.remove_mut(uid);
                }
            }
        }
        next
    }

    pub(crate) fn put(&mut self, entity: Entity) {
        self.rows.insert_mut(entity.uid().clone(), Arc::new(entity));
    }

    pub(crate) fn remove(&mut self, uid: &EntityUid) {
        self.rows.remove_mut(uid);
    }

    /// A row of `changed` that is its own ancestor, which Cedar's hierarchy must not hold.
    pub(crate) fn cycle<'c>(
        &self,
        changed: impl IntoIterator<Item = &'c EntityUid>,
    ) -> Option<&'c EntityUid> {
        changed.into_iter().find(|start| {
            let mut seen = BTreeSet::new();
            let mut above = vec![*start];
            while let Some(uid) = above.pop() {
                for parent in self.entity(uid).map(Entity::parents).into_iter().flatten() {
                    if parent == *start {
                        return true;
                    }
                    if seen.insert(parent) {
                        above.push(parent);
                    }
                }
            }
            false
        })
    }
}

impl FromIterator<Entity> for Facts {
    fn from_iter<T: IntoIterator<Item = Entity>>(entities: T) -> Self {
        let mut facts = Self::new();
        for entity in entities {
            facts.put(entity);
        }
        facts
    }
}

/// The number of rows: facts hold personal data.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts({} rows)", self.len())
    }
}
