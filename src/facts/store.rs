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
/// assert!(!before.contains(&gm));
/// assert!(after.contains(&gm));
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
            if facts.contains(entity.uid()) {
                return Err(ValueError::new(format!("{} stands twice", entity.uid())));
            }
            facts.put(entity);
        }
        Ok(facts)
    }

    /// Cedar's entity JSON of all rows, every escape written out.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.iter().map(|row| entity_to_json(&row)).collect()
    }

    /// The row of an entity.
    ///
    /// # Cost
    ///
    /// The row is built: where only its existence matters, ask [`contains`](Self::contains).
    #[must_use]
    pub fn entity(&self, uid: &EntityUid) -> Option<Entity> {
        self.rows.get(uid).map(|row| Entity::clone(row))
    }

    /// Whether there is a row of an entity.
    #[must_use]
    pub fn contains(&self, uid: &EntityUid) -> bool {
        self.rows.contains_key(uid)
    }

    /// The direct parents of an entity; none where it has no row.
    pub(crate) fn parents(&self, uid: &EntityUid) -> BTreeSet<EntityUid> {
        self.rows.get(uid).map(|row| row.parents.clone()).unwrap_or_default()
    }

    /// All rows, ordered by type and id.
    ///
    /// # Cost
    ///
    /// Every row is built.
    pub fn iter(&self) -> impl Iterator<Item = Entity> {
        self.rows.values().map(|row| Entity::clone(row))
    }

    /// The rows of one type, ordered by id.
    ///
    /// # Cost
    ///
    /// Every row of the type is built: where their names will do, ask
    /// [`uids_of_type`](Self::uids_of_type).
    pub fn of_type(&self, type_name: &str) -> impl Iterator<Item = Entity> {
        self.range_of_type(type_name).map(|(_, row)| Entity::clone(row))
    }

    /// The names of the rows of one type, ordered by id.
    pub fn uids_of_type(&self, type_name: &str) -> impl Iterator<Item = EntityUid> {
        self.range_of_type(type_name).map(|(uid, _)| uid.clone())
    }

    fn range_of_type(&self, type_name: &str) -> impl Iterator<Item = (&EntityUid, &Arc<Entity>)> {
        let first = EntityUid::new(type_name, "");
        self.rows.range(first..).take_while(move |(uid, _)| uid.type_name() == type_name)
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
    ) -> Option<EntityUid> {
        changed.into_iter().find(|start| self.is_above_itself(start)).cloned()
    }

    fn is_above_itself(&self, start: &EntityUid) -> bool {
        let mut seen = BTreeSet::new();
        let mut above: Vec<EntityUid> = self.parents(start).into_iter().collect();
        while let Some(uid) = above.pop() {
            if uid == *start {
                return true;
            }
            if !seen.contains(&uid) {
                above.extend(self.parents(&uid));
                seen.insert(uid);
            }
        }
        false
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
