//! The rows of one tenant or one application, shared between revisions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changes::{Change, Changes};
use super::draft::Draft;
use super::entity::Entity;
use super::json::entity_to_json;
use super::layout::Path;
use super::reader::read_entities;
use super::rows::{Classify, Rows, Slot};
use super::types::Types;
use super::uid::EntityUid;
use super::value::ValueError;
use super::writer::AsEntity;

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
/// Rows are kept as words: a document of eight attributes takes about 100 bytes, its id included. A
/// clone shares all rows with its original and costs one counter, so that a reader keeps the state
/// it started with while writes go on; a write copies the page of 256 rows that it changes. To read
/// an entity builds it.
///
/// Ids and texts that were once named keep their few bytes until the facts are built anew, as
/// publishing policies does.
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
#[derive(Clone, Default)]
pub struct Facts {
    rows: Arc<Rows>,
    /// The policies whose schema all rows are known to fit, by their digest.
    checked_for: Option<[u8; 32]>,
}

impl Facts {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads Cedar's entity JSON; with a schema, `__entity` and `__extn` may be left out.
    pub(crate) fn from_json(
        text: &str,
        schema: Option<(&Types, [u8; 32])>,
    ) -> Result<Self, ValueError> {
        let mut laying = Laying::new(schema);
        let mut all_fit = true;
        read_entities(text, schema.map(|(types, _)| types), |entity| {
            let is_there = |slot| laying.facts.rows.is_fact(slot);
            if laying.facts.rows.slot_named(entity.type_name(), entity.id().0).is_some_and(is_there)
            {
                let uid = EntityUid::new(entity.type_name(), entity.id().0.text());
                return Err(ValueError::new(format!("{uid} stands twice")));
            }
            // The engine that is to hold it says why it does not fit.
            all_fit &= laying.put(entity).is_ok();
            Ok(())
        })?;
        Ok(if all_fit { laying.finish() } else { laying.facts })
    }

    /// Facts of some rows. With a schema they are checked.
    pub(crate) fn from_rows<E: AsEntity>(
        rows: impl IntoIterator<Item = E>,
        schema: Option<(&Types, [u8; 32])>,
    ) -> Result<Self, ValueError> {
        let mut laying = Laying::new(schema);
        rows.into_iter().try_for_each(|row| laying.put(&row))?;
        Ok(laying.finish())
    }

    /// Cedar's entity JSON of all rows, every escape written out.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.iter().map(|entity| entity_to_json(&entity)).collect()
    }

    /// The entity with this name.
    #[must_use]
    pub fn entity(&self, uid: &EntityUid) -> Option<Entity> {
        self.rows.entity(self.rows.slot(uid)?)
    }

    /// Whether there is an entity with this name.
    #[must_use]
    pub fn contains(&self, uid: &EntityUid) -> bool {
        self.rows.slot(uid).is_some_and(|slot| self.rows.is_fact(slot))
    }

    /// The parents of an entity, without reading the rest of it. None where it is not there.
    pub(crate) fn parents(&self, uid: &EntityUid) -> BTreeSet<EntityUid> {
        let row = self.rows.slot(uid).map(|slot| self.rows.row(slot));
        let parents = row.map(|row| row.parents()).unwrap_or_default();
        parents.iter().map(|parent| self.rows.uid_of(*parent)).collect()
    }

    /// All entities, ordered by type and id.
    pub fn iter(&self) -> impl Iterator<Item = Entity> {
        let mut types: Vec<&str> = self.rows.catalog().types().iter().map(|name| &**name).collect();
        types.sort_unstable();
        types.into_iter().flat_map(|name| self.of_type(name))
    }

    /// The entities of one type, ordered by id.
    pub fn of_type(&self, type_name: &str) -> impl Iterator<Item = Entity> {
        self.rows.of_type(type_name).into_iter().filter_map(|slot| self.rows.entity(slot))
    }

    /// The names of the entities of one type, ordered by id.
    pub fn uids_of_type(&self, type_name: &str) -> impl Iterator<Item = EntityUid> {
        self.rows.of_type(type_name).into_iter().map(|slot| self.rows.uid_of(slot))
    }

    /// The entities of one type that have one of these attributes, in no particular order. The others
    /// are not read.
    pub(crate) fn having(
        &self,
        type_name: &str,
        attributes: &[&str],
    ) -> impl Iterator<Item = Entity> {
        let path = |name: &&str| -> Path { Arc::new([Arc::from(*name)]) };
        let paths: Vec<Path> = attributes.iter().map(path).collect();
        let number = self.rows.catalog().type_number(type_name);
        let slots = number.into_iter().flat_map(|number| self.rows.slots_of(number));
        let slots = slots.filter(|slot| self.rows.is_fact(*slot));
        let having = move |slot: &Slot| paths.iter().any(|path| self.rows.has(*slot, path));
        slots.filter(having).filter_map(|slot| self.rows.entity(slot))
    }

    /// The name of some entity of a type, if there is any.
    pub(crate) fn any_of_type(&self, type_name: &str) -> Option<EntityUid> {
        let number = self.rows.catalog().type_number(type_name)?;
        let mut slots = self.rows.slots_of(number);
        slots.find(|slot| self.rows.is_fact(*slot)).map(|slot| self.rows.uid_of(slot))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These facts after some changes. What did not change is shared.
    #[must_use]
    pub fn with(&self, changes: &Changes) -> Self {
        let (mut next, mut draft) = (self.clone(), Draft::default());
        for change in changes {
            match change {
                Change::Put(entity) => next.put_one_of(entity, &mut draft),
                Change::Remove(uid) => next.remove(uid),
            }
        }
        next
    }

    pub(crate) fn was_checked_for(&self, digest: &[u8; 32]) -> bool {
        self.checked_for.as_ref() == Some(digest)
    }

    /// The types that rows are of, or that others name.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.rows.catalog().types().iter().map(|name| &**name)
    }

    /// Whether any row is its own ancestor.
    pub(crate) fn goes_round(&self) -> bool {
        self.rows.goes_round()
    }

    pub(crate) fn put(&mut self, entity: &Entity) {
        self.put_one_of(entity, &mut Draft::default());
    }

    /// Stores one of many rows, with a draft for all of them.
    fn put_one_of(&mut self, entity: &(impl AsEntity + ?Sized), draft: &mut Draft) {
        self.checked_for = None;
        Arc::make_mut(&mut self.rows).put(entity, draft);
    }

    pub(crate) fn remove(&mut self, uid: &EntityUid) {
        Arc::make_mut(&mut self.rows).remove(uid);
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The same facts as a plan sees them, with the entities that its schema declares.
    pub(crate) fn seen_by<P: Classify + 'static>(
        mut self,
        plan: &Arc<P>,
        declared: impl FnOnce() -> Vec<Entity>,
    ) -> Self {
        match self.rows.plan() {
            Some(known) if Arc::as_ptr(known).cast::<()>() == Arc::as_ptr(plan).cast() => {
                return self;
            }
            None => {}
            // Nothing that was made for another plan stays.
            Some(_) => self = self.iter().collect(),
        }
        let rows = Arc::make_mut(&mut self.rows);
        rows.adopt(Arc::clone(plan) as Arc<dyn Classify>);
        for entity in declared() {
            rows.declare(&entity);
        }
        self
    }

    /// A row of `changed` that is its own ancestor, which Cedar's hierarchy must not hold.
    pub(crate) fn cycle<'c>(
        &self,
        changed: impl IntoIterator<Item = &'c EntityUid>,
    ) -> Option<&'c EntityUid> {
        changed.into_iter().find(|uid| {
            self.rows
                .slot(uid)
                .is_some_and(|slot| self.rows.closure(slot).binary_search(&slot).is_ok())
        })
    }
}

impl FromIterator<Entity> for Facts {
    fn from_iter<T: IntoIterator<Item = Entity>>(entities: T) -> Self {
        let (mut facts, mut draft) = (Self::new(), Draft::default());
        for entity in entities {
            facts.put_one_of(&entity, &mut draft);
        }
        facts
    }
}

/// Facts in the making, whose rows are checked while they are at hand.
pub(super) struct Laying<'t> {
    facts: Facts,
    draft: Draft,
    schema: Option<(&'t Types, [u8; 32])>,
}

impl<'t> Laying<'t> {
    pub(super) fn new(schema: Option<(&'t Types, [u8; 32])>) -> Self {
        Self { facts: Facts::new(), draft: Draft::default(), schema }
    }

    pub(super) fn put(&mut self, row: &(impl AsEntity + ?Sized)) -> Result<(), ValueError> {
        self.facts.put_one_of(row, &mut self.draft);
        let Some((types, digest)) = &self.schema else {
            // What came twice is an error with a schema or without.
            return if self.draft.came_twice() { Entity::of(row).map(|_| ()) } else { Ok(()) };
        };
        let type_name = row.type_name();
        let fits = self.draft.fits(digest, type_name, |form| types.fits_form(type_name, form));
        if fits { Ok(()) } else { types.check_stored(&Entity::of(row)?) }
    }

    /// The facts, known to fit.
    fn finish(self) -> Facts {
        Facts { checked_for: self.schema.map(|(_, digest)| digest), ..self.facts }
    }
}

/// The same entities, whatever they were before.
impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
            || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl Eq for Facts {}

/// The number of rows: facts hold personal data.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts({} rows)", self.len())
    }
}
