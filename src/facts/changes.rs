//! What a write does to facts.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::entity::Entity;
use super::json::{entity_from_json, entity_to_json, uid_from_json, uid_to_json};
use super::uid::EntityUid;

/// A row to write or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Writes the whole row, whether it is there or not.
    Put(Entity),
    /// Removes the row, whether it is there or not.
    Remove(EntityUid),
}

impl Change {
    /// The row that is written or removed.
    #[must_use]
    pub fn uid(&self) -> &EntityUid {
        match self {
            Self::Put(entity) => entity.uid(),
            Self::Remove(uid) => uid,
        }
    }
}

/// Changes to facts, applied together or not at all, in order.
///
/// Changes write and remove whole rows, so applying them twice equals applying them once: a host
/// may commit them in a transaction of its own and hand them to any number of engines. They are
/// serialised as `[{"put": <Cedar's entity JSON>}, {"remove": {"type": …, "id": …}}]`.
///
/// # Example
///
/// ```
/// use doorward::{Changes, Entity, EntityUid};
///
/// let gm = EntityUid::new("Contact", "gm");
/// let changes = Changes::new().put(Entity::new(gm.clone()).with("enabled", true));
/// let text = serde_json::to_string(&changes)?;
/// assert_eq!(serde_json::from_str::<Changes>(&text)?, changes);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// No change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row to write.
    #[must_use]
    pub fn put(mut self, entity: Entity) -> Self {
        self.push(Change::Put(entity));
        self
    }

    /// Adds a row to remove.
    #[must_use]
    pub fn remove(mut self, uid: EntityUid) -> Self {
        self.push(Change::Remove(uid));
        self
    }

    /// Adds a change in place.
    pub fn push(&mut self, change: Change) {
        self.0.push(change);
    }

    /// The changes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.0.iter()
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Change> for Changes {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> Self {
        Self(changes.into_iter().collect())
    }
}

impl<'c> IntoIterator for &'c Changes {
    type Item = &'c Change;
    type IntoIter = std::slice::Iter<'c, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|change| match change {
            Change::Put(entity) => json!({ "put": entity_to_json(entity) }),
            Change::Remove(uid) => json!({ "remove": uid_to_json(uid) }),
        }))
    }
}

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Json>::deserialize(deserializer)?
            .iter()
            .map(|change| match (change.get("put"), change.get("remove")) {
                (Some(row), None) => {
                    entity_from_json(row, None).map(Change::Put).map_err(D::Error::custom)
                }
                (None, Some(uid)) => {
                    uid_from_json(uid).map(Change::Remove).map_err(D::Error::custom)
                }
                _ => Err(D::Error::custom("a change is either `put` or `remove`")),
            })
            .collect()
    }
}
