//! Entities as rows of words, shared between revisions.

mod index;
mod look;

use std::cmp::Ordering;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::atomic::{self, AtomicU64};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::around::{Around, Seen, SeenAt, SeenInPage};
use super::draft::Draft;
use super::entity::Entity;
use super::heap::{self, Naming, Numbering};
use super::key::{IdKey, RowKey, Spelling, short_text, uuid_text};
use super::layout::{
    ABSENT, CLASS, Catalog, Column, HEADER, ID, INNER, Kind, NO_SHAPE, Reading, SHAPE, Shape,
    UNCLASSED,
};
use super::page::{PAGE_ROWS, Page, Row, Words};
use super::paged::Paged;
use super::table::Table;
use super::uid::EntityUid;
use super::value::{Record, Repr, Value};
use super::writer::AsEntity;

pub(crate) use index::{By, Index, IndexKey};
pub(crate) use look::LookedUp;

use index::Indexes;

const TEXTS_PER_PAGE: usize = 128;
const INNER_PER_PAGE: usize = 64;

/// The number of an entity within some facts, for as long as they and those made from them last.
pub(crate) type Slot = u32;

/// What looks at rows when they are written, and says what it sees in them: the plan.
pub(crate) trait Classify: Send + Sync {
    /// The types that it knows, by its own numbers.
    fn type_names(&self) -> Vec<Arc<str>>;
    /// The entities that it names.
    fn literals(&self) -> &[EntityUid];
    /// Which of these it asks whether others are in.
    fn groups(&self) -> &[u32];
    /// How it reads the rows of a shape.
    fn reading(&self, type_name: &str, columns: &[Column]) -> Reading;
    /// The class of a row that is read so, or of an entity that is not there.
    fn class(&self, rows: &Rows, slot: Slot, reading: Option<&Reading>) -> u32;
    /// What it looks rows up by.
    fn indexes(&self) -> &[IndexKey];
    /// What matters of how the rows of a type are linked.
    fn links(&self, type_name: &str) -> Links;
    /// What it sees in a row together with the rows of these facts that it leads to; `None` for
    /// nothing more than in the row alone.
    fn look_around(&self, rows: &Rows, around: &Around, slot: Slot) -> Option<Seen>;
}

/// A row's class word as one that has around it what is there, and where that is to be found.
pub(crate) type Look = (u32, SeenAt);

/// What matters to a plan of how rows of one type are linked with others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Links {
    /// It looks at what they lead to.
    pub(crate) lead_on: bool,
    /// It looks at them from others.
    pub(crate) are_led_to: bool,
    /// It looks at them from below.
    pub(crate) are_above: bool,
}

/// The rows of some facts, with the names and texts in them.
#[derive(Clone)]
pub(crate) struct Rows {
    catalog: Arc<Catalog>,
    texts: Texts,
    ids: Table,
    pages: Paged<Page>,
    lanes: Arc<Vec<Lane>>,
    inner: Paged<Vec<Ancestry>>,
    inner_count: u32,
    live: usize,
    hash: RandomState,
    /// Those that have this in common number all types alike.
    family: u64,
    plan: Option<Arc<dyn Classify>>,
    /// The numbers here of the plan's types, by its own.
    plan_types: Arc<[u32]>,
    /// The slots of the plan's literals, and of its groups.
    literals: Arc<[Slot]>,
    literal_order: Arc<[(Slot, u32)]>,
    groups: Arc<[Slot]>,
    /// How the plan reads the rows of each shape, by its number; those that were asked for.
    readings: Arc<Vec<Option<Reading>>>,
    /// By type.
    links: Arc<[Links]>,
    /// Made when it is first asked for.
    around: Arc<OnceLock<Around>>,
    indexes: Arc<Indexes>,
}

/// Texts by number.
#[derive(Clone, Default)]
struct Texts {
    pages: Paged<Vec<Arc<str>>>,
    numbers: Table,
    len: u32,
}

/// The pages of one type, whose ids are all kept alike.
#[derive(Clone, Default)]
struct Lane {
    pages: Arc<Vec<u32>>,
    /// The words of its longest row so far.
    words: usize,
}

/// What lies above a row that has others below it.
#[derive(Clone, Default)]
pub(crate) struct Ancestry {
    slot: Slot,
    /// Its ancestors' slots, ascending; itself is none of them.
    above: Box<[Slot]>,
    /// Which of the plan's groups it is in, a bit each; itself counts. Empty is none.
    groups: Box<[u64]>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            catalog: Arc::default(),
            texts: Texts::default(),
            ids: Table::default(),
            pages: Paged::default(),
            lanes: Arc::default(),
            inner: Paged::default(),
            inner_count: 0,
            live: 0,
            hash: RandomState::default(),
            family: family(),
            plan: None,
            plan_types: Arc::new([]),
            literals: Arc::new([]),
            literal_order: Arc::new([]),
            groups: Arc::new([]),
            readings: Arc::default(),
            links: Arc::new([]),
            around: Arc::default(),
            indexes: Arc::default(),
        }
    }
}

/// Reading.
impl Rows {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn slot(&self, uid: &EntityUid) -> Option<Slot> {
        self.slot_named(uid.type_name(), IdKey::of(uid.id()))
    }

    /// What tells their numbers of types from those of others.
    pub(crate) fn family(&self) -> u64 {
        self.family
    }

    pub(crate) fn slot_named(&self, type_name: &str, id: IdKey<'_>) -> Option<Slot> {
        self.slot_of(self.catalog.type_number(type_name)?, id)
    }

    /// The number here of one of the plan's types.
    #[inline]
    pub(crate) fn plan_type(&self, number: u32) -> u32 {
        self.plan_types.get(number as usize).copied().unwrap_or(u32::MAX)
    }

    /// The slot of an entity that is there, or that others name.
    #[inline]
    pub(crate) fn slot_of(&self, type_number: u32, id: IdKey<'_>) -> Option<Slot> {
        let id = RowKey::of(id);
        self.find(self.hash_of(type_number, id), type_number, id).map(|(slot, _)| slot)
    }

    #[inline]
    fn find(
        &self,
        hash: u32,
        type_number: u32,
        id: RowKey<'_>,
    ) -> Option<(Slot, (&Page, Row<'_>))> {
        self.ids.find(hash, |slot| self.at_if(slot, type_number, id))
    }

    /// What stands in a slot, if it is this entity's.
    #[inline(always)]
    fn at_if(&self, slot: Slot, type_number: u32, id: RowKey<'_>) -> Option<(&Page, Row<'_>)> {
        let page = self.page(slot)?;
        if page.type_number != type_number || page.spelling != id.spelling() {
            return None;
        }
        let row = page.row(slot);
        let is_its = match id {
            RowKey::Number(_, key) => row.id() == key,
            RowKey::Text(text) => self.text_at(row.word(ID)) == text,
        };
        is_its.then_some((page, row))
    }

    #[inline]
    fn hash_of(&self, type_number: u32, id: RowKey<'_>) -> u32 {
        let hash = match id {
            RowKey::Number(_, key) => self.hash.hash_one(key ^ u128::from(type_number)),
            RowKey::Text(text) => self.hash.hash_one((type_number, text)),
        };
        hash as u32
    }

    #[inline]
    fn page(&self, slot: Slot) -> Option<&Page> {
        self.pages.get((slot / PAGE_ROWS) as usize)
    }

    #[inline]
    pub(crate) fn row(&self, slot: Slot) -> Row<'_> {
        self.page(slot).map_or(Row::NONE, |page| page.row(slot))
    }

    /// Whether the entity is there: a fact, or declared by the schema.
    #[inline]
    pub(crate) fn exists(&self, slot: Slot) -> bool {
        self.row(slot).word(SHAPE) != NO_SHAPE
    }

    pub(crate) fn is_fact(&self, slot: Slot) -> bool {
        self.exists(slot) && self.page(slot).is_some_and(|page| !page.declared)
    }

    pub(crate) fn shape(&self, slot: Slot) -> Option<&Arc<Shape>> {
        self.catalog.shape(self.row(slot).word(SHAPE))
    }

    pub(crate) fn type_number(&self, slot: Slot) -> u32 {
        self.page(slot).map_or(u32::MAX, |page| page.type_number)
    }

    pub(crate) fn type_name(&self, slot: Slot) -> &Arc<str> {
        self.catalog.type_name(self.type_number(slot))
    }

    #[inline]
    pub(crate) fn text_at(&self, number: u32) -> &str {
        self.texts.shared(number).map_or("", |text| text)
    }

    pub(crate) fn text_number(&self, text: &str) -> Option<u32> {
        self.texts.find(self.hash.hash_one(text) as u32, text)
    }

    pub(super) fn plan(&self) -> Option<&Arc<dyn Classify>> {
        self.plan.as_ref()
    }

    pub(crate) fn literals(&self) -> &[Slot] {
        &self.literals
    }

    pub(crate) fn uid_of(&self, slot: Slot) -> EntityUid {
        EntityUid::new(Arc::clone(self.type_name(slot)), self.id(slot))
    }

    /// The id of an entity, where it is a UUID.
    pub(crate) fn uuid_of(&self, slot: Slot) -> Option<u128> {
        (self.spelling(slot) == Spelling::Uuid).then(|| self.row(slot).id())
    }

    fn id(&self, slot: Slot) -> Arc<str> {
        let row = self.row(slot);
        match self.spelling(slot) {
            Spelling::Uuid => uuid_text(row.id()).into(),
            Spelling::Short => short_text(row.id()).into(),
            Spelling::Text => {
                self.texts.shared(row.word(ID)).cloned().unwrap_or_else(|| Arc::from(""))
            }
        }
    }

    fn spelling(&self, slot: Slot) -> Spelling {
        self.page(slot).map_or(Spelling::Text, |page| page.spelling)
    }

    /// What lies above a row, if others lie below it.
    #[inline]
    pub(crate) fn ancestry(&self, row: Row<'_>) -> Option<&Ancestry> {
        let number = row.word(INNER).checked_sub(1)? as usize;
        self.inner.get(number / INNER_PER_PAGE)?.get(number % INNER_PER_PAGE)
    }

    /// What lies above a parent, by its number where that is known.
    #[inline]
    fn numbered(&self, parent: Slot, number: u32) -> Option<&Ancestry> {
        match number.checked_sub(1) {
            Some(number) => self.inner_at(number),
            None => self.ancestry(self.row(parent)),
        }
    }

    /// Visits an entity and all its ancestors, some of them more than once.
    pub(crate) fn each_above(&self, slot: Slot, mut visit: impl FnMut(Slot)) {
        visit(slot);
        let (parents, numbers) = self.row(slot).parents_and_numbers();
        for (parent, number) in parents.iter().zip(numbers) {
            visit(*parent);
            let above = self.numbered(*parent, *number).map(|parent| &parent.above[..]);
            above.unwrap_or_default().iter().for_each(|above| visit(*above));
        }
    }

    /// Whether an entity is in another: itself, or an ancestor of it.
    #[inline]
    pub(crate) fn is_in(&self, slot: Slot, above: Slot) -> bool {
        slot == above || self.row_is_below(self.row(slot), above)
    }

    #[inline]
    pub(crate) fn row_is_below(&self, row: Row<'_>, above: Slot) -> bool {
        let (parents, numbers) = row.parents_and_numbers();
        parents.iter().zip(numbers).any(|(parent, number)| {
            *parent == above
                || self
                    .numbered(*parent, *number)
                    .is_some_and(|parent| heap::contains(&parent.above, above))
        })
    }

    /// Which of 64 of the plan's groups a row is in, a bit each.
    #[inline]
    pub(crate) fn groups(&self, row: Row<'_>, word: usize) -> u64 {
        let of = |ancestry: Option<&Ancestry>| {
            ancestry.and_then(|it| it.groups.get(word)).copied().unwrap_or_default()
        };
        let (parents, numbers) = row.parents_and_numbers();
        parents.iter().zip(numbers).fold(of(self.ancestry(row)), |bits, (parent, number)| {
            bits | of(self.numbered(*parent, *number))
        })
    }

    /// The slots of these 64 groups.
    pub(crate) fn group_slots(&self, word: usize) -> &[Slot] {
        let rest = self.groups.get(word * 64..).unwrap_or_default();
        rest.get(..64).unwrap_or(rest)
    }

    /// Whether facts place anything below an entity.
    pub(crate) fn has_below(&self, slot: Slot) -> bool {
        self.row(slot).word(INNER) != 0
    }

    /// Which of the plan's literals an entity is.
    pub(crate) fn literal_of(&self, slot: Slot) -> Option<u32> {
        let at = self.literal_order.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        self.literal_order.get(at).map(|(_, literal)| *literal)
    }

    /// The entity in a slot, if it is a fact.
    pub(crate) fn entity(&self, slot: Slot) -> Option<Entity> {
        if !self.is_fact(slot) {
            return None;
        }
        let row = self.row(slot);
        let shape = self.shape(slot)?;
        let mut entity = Entity::new(self.uid_of(slot));
        entity.set_parents(row.parents().iter().map(|parent| self.uid_of(*parent)));
        self.fill(&mut entity, row, &shape.columns);
        Some(entity)
    }

    fn fill(&self, entity: &mut Entity, row: Row<'_>, columns: &[Column]) {
        let mut columns = columns.iter().peekable();
        while let Some(column) = columns.next() {
            let view = row.view(column);
            match (column.kind, &*column.path) {
                (Kind::Tags, _) => entity.tags = heap::record(view, self),
                (Kind::Record, [name]) => {
                    let members = self.members(row, column, &mut columns);
                    entity.set(Arc::clone(name), Value(Repr::Record(Arc::new(members))));
                }
                (_, [name]) => entity.set(Arc::clone(name), heap::value(view, self)),
                _ => {}
            }
        }
    }

    /// The members of a record, whose columns follow on its own.
    ///
    /// INVARIANT (value nesting): rows are written from values, which bound this recursion.
    fn members<'c>(
        &self,
        row: Row<'_>,
        record: &Column,
        columns: &mut std::iter::Peekable<impl Iterator<Item = &'c Column>>,
    ) -> Record {
        let mut members = Record::new();
        while let Some(column) = columns.next_if(|column| column.path.starts_with(&record.path)) {
            let Some(name) = column.path.last() else { continue };
            let value = if column.kind == Kind::Record {
                Value(Repr::Record(Arc::new(self.members(row, column, columns))))
            } else {
                heap::value(row.view(column), self)
            };
            members.insert(Arc::clone(name), value);
        }
        members
    }

    /// The slots of all facts of a type, ordered by id.
    pub(crate) fn of_type(&self, type_name: &str) -> Vec<Slot> {
        let Some(number) = self.catalog.type_number(type_name) else { return Vec::new() };
        let mut slots: Vec<Slot> =
            self.slots_of(number).filter(|slot| self.is_fact(*slot)).collect();
        slots.sort_unstable_by(|one, other| self.by_id(*one, *other));
        slots
    }

    /// The order of two entities' ids.
    pub(crate) fn by_id(&self, one: Slot, other: Slot) -> Ordering {
        match [self.spelling(one), self.spelling(other)] {
            // Numbers are in the order of their texts.
            [Spelling::Uuid, Spelling::Uuid] | [Spelling::Short, Spelling::Short] => {
                self.row(one).id().cmp(&self.row(other).id())
            }
            [Spelling::Text, Spelling::Text] => self.id_text(one).cmp(self.id_text(other)),
            _ => self.id(one).cmp(&self.id(other)),
        }
    }

    /// Whether an entity's id comes after another id.
    pub(crate) fn is_after(&self, slot: Slot, id: IdKey<'_>) -> bool {
        match (self.spelling(slot), RowKey::of(id)) {
            (own, RowKey::Number(spelling, key)) if own == spelling => self.row(slot).id() > key,
            (Spelling::Text, RowKey::Text(text)) => self.id_text(slot) > text,
            _ => *self.id(slot) > *id.text(),
        }
    }

    fn id_text(&self, slot: Slot) -> &str {
        self.text_at(self.row(slot).word(ID))
    }
}

/// Writing.
impl Rows {
    /// Writes a whole row, laid out in a draft of these rows' own.
    pub(crate) fn put(&mut self, entity: &(impl AsEntity + ?Sized), draft: &mut Draft) {
        let slot = self.place(entity.type_name(), entity.id().0, false);
        self.put_at(slot, entity, draft);
    }

    /// Writes the row of an entity that the schema declares.
    pub(crate) fn declare(&mut self, entity: &Entity) {
        let slot = self.place(entity.type_name(), entity.id().0, true);
        self.put_at(slot, entity, &mut Draft::default());
    }

    fn put_at(&mut self, slot: Slot, entity: &(impl AsEntity + ?Sized), draft: &mut Draft) {
        self.own_indexes();
        let (was_there, entries) = (self.is_fact(slot), self.entries(slot));
        // The heap is taken out, since laying out may make rows for what is named.
        let mut heap = self.page_mut(slot).map(|page| std::mem::take(&mut page.heap));
        let Some(heap) = heap.as_mut() else { return };
        draft.lay_out(heap, entity, self);
        let shape =
            draft.shape(self.type_number(slot), |shape| match self.catalog.shape_number(&shape) {
                Some(number) => number,
                None => Arc::make_mut(&mut self.catalog).add_shape(shape),
            });
        let catalog = Arc::clone(&self.catalog);
        let lane = lane_of(self.type_number(slot), self.spelling(slot));
        if self.lanes.get(lane).is_some_and(|lane| lane.words < draft.words.len())
            && let Some(lane) = Arc::make_mut(&mut self.lanes).get_mut(lane)
        {
            lane.words = draft.words.len();
        }
        let Some(page) = self.page_mut(slot) else { return };
        page.heap = std::mem::take(heap);
        page.discard(slot, &catalog);
        page.write(slot, shape, &draft.words);
        page.compact(&catalog);
        self.live += usize::from(!was_there && self.is_fact(slot));
        self.relate(slot);
        self.classify(slot);
        self.update_entries(slot, &entries);
        self.forget_around(slot);
    }

    /// Removes a row. What names it goes on naming it.
    pub(crate) fn remove(&mut self, uid: &EntityUid) {
        let Some(slot) = self.slot(uid).filter(|slot| self.is_fact(*slot)) else { return };
        self.own_indexes();
        let (catalog, entries) = (Arc::clone(&self.catalog), self.entries(slot));
        let Some(page) = self.page_mut(slot) else { return };
        page.discard(slot, &catalog);
        page.write(slot, NO_SHAPE, &[0; HEADER]);
        page.compact(&catalog);
        self.live -= 1;
        self.relate(slot);
        self.classify(slot);
        self.update_entries(slot, &entries);
        self.forget_around(slot);
    }

    /// Lets a plan look at all rows, now and as they are written.
    pub(super) fn adopt(&mut self, plan: Arc<dyn Classify>) {
        self.plan_types = plan.type_names().iter().map(|name| self.type_number_of(name)).collect();
        let literals: Vec<Slot> = plan.literals().iter().map(|uid| self.entity(uid)).collect();
        let group = |index: &u32| literals.get(*index as usize).copied();
        self.groups = plan.groups().iter().filter_map(group).collect();
        let mut order: Vec<(Slot, u32)> = literals.iter().copied().zip(0..).collect();
        order.sort_unstable();
        self.literal_order = order.into();
        self.literals = literals.into();
        self.adopt_indexes(plan.indexes());
        self.links = self.catalog.types().iter().map(|name| plan.links(name)).collect();
        self.plan = Some(plan);
        let groups = Arc::clone(&self.groups);
        for group in groups.iter().copied() {
            self.make_inner(group);
        }
        for number in 0..self.inner_count {
            self.refresh_groups(number);
        }
        self.around = Arc::default();
        let links = Arc::clone(&self.links);
        for page in 0..self.pages.len() as u32 {
            if let Some(page) = self.pages.get_mut(page as usize) {
                page.leads_on = links.get(page.type_number as usize).is_some_and(|it| it.lead_on);
            }
            let rows = self.pages.get(page as usize).map_or(0, Page::len);
            for slot in (page * PAGE_ROWS..).take(rows) {
                self.classify(slot);
            }
        }
    }

    fn classify(&mut self, slot: Slot) {
        let Some(plan) = &self.plan else { return };
        let class = if self.exists(slot) {
            let shape = self.row(slot).word(SHAPE);
            if !matches!(self.readings.get(shape as usize), Some(Some(_))) {
                let plan = Arc::clone(plan);
                self.ask_reading(&*plan, shape);
            }
            match (self.readings.get(shape as usize), &self.plan) {
                (Some(Some(reading)), Some(plan)) => plan.class(self, slot, Some(reading)),
                _ => UNCLASSED,
            }
        } else if self.literal_of(slot).is_none() {
            ABSENT
        } else {
            plan.class(self, slot, None)
        };
        if self.row(slot).class() != class
            && let Some(page) = self.page_mut(slot)
        {
            page.set(slot, CLASS, class);
        }
    }

    /// Asks the plan how it reads the rows of a shape.
    #[cold]
    fn ask_reading(&mut self, plan: &dyn Classify, shape: u32) {
        let Some(of) = self.catalog.shape(shape) else { return };
        let reading = plan.reading(self.catalog.type_name(of.type_number), &of.columns);
        let readings = Arc::make_mut(&mut self.readings);
        if readings.len() <= shape as usize {
            readings.resize(shape as usize + 1, None);
        }
        if let Some(known) = readings.get_mut(shape as usize) {
            *known = Some(reading);
        }
    }

    fn page_mut(&mut self, slot: Slot) -> Option<&mut Page> {
        self.pages.get_mut((slot / PAGE_ROWS) as usize)
    }

    /// The slot of an entity; made if nothing named it before.
    fn place(&mut self, type_name: &str, key: IdKey<'_>, declared: bool) -> Slot {
        let number = self.type_number_of(type_name);
        let key = RowKey::of(key);
        let hash = self.hash_of(number, key);
        if let Some((slot, _)) = self.find(hash, number, key) {
            if declared && let Some(page) = self.page_mut(slot) {
                page.declared = true;
            }
            return slot;
        }
        let id = match key {
            RowKey::Number(_, key) => heap::u128_words(key),
            RowKey::Text(text) => [self.text(text), 0, 0, 0],
        };
        let slot = self.open_row(number, key.spelling(), declared);
        if let Some(page) = self.page_mut(slot) {
            page.add(id);
        }
        self.ids.insert(hash, slot);
        slot
    }

    fn type_number_of(&mut self, name: &str) -> u32 {
        match self.catalog.type_number(name) {
            Some(number) => number,
            None => {
                // Another that was made from the same facts may give the number to another type.
                self.family = family();
                // A type that no plan names may be between two that it does.
                if let Some(plan) = &self.plan {
                    let links = plan.links(name);
                    self.links = self.links.iter().copied().chain([links]).collect();
                }
                Arc::make_mut(&mut self.catalog).add_type(name)
            }
        }
    }

    /// A slot for the next row of a type, in its last page or a new one.
    fn open_row(&mut self, number: u32, spelling: Spelling, declared: bool) -> Slot {
        let at = lane_of(number, spelling);
        if self.lanes.len() <= at {
            Arc::make_mut(&mut self.lanes).resize_with(at + 1, Lane::default);
        }
        let lane = self.lanes.get(at).cloned().unwrap_or_default();
        if let Some(last) = lane.pages.last()
            && let Some(page) = self.pages.get(*last as usize)
            && page.len() < PAGE_ROWS as usize
        {
            return last * PAGE_ROWS + page.len() as u32;
        }
        let number_of_page = self.pages.len() as u32;
        let words = lane.words.max(HEADER + 1).next_multiple_of(8);
        // Another page of a type will most likely be as full as the one before.
        let before = lane.pages.last().and_then(|last| self.pages.get(*last as usize));
        let (row_words, heap_words) =
            before.map_or((0, 0), |page| (words * PAGE_ROWS as usize, page.heap.len()));
        let mut heap = Vec::with_capacity(heap_words + 1);
        heap.push(heap::EMPTY_SET);
        self.pages.push(Page {
            type_number: number,
            spelling,
            declared,
            stride: words as u32,
            words: Words::with_capacity(0, row_words),
            heap,
            left: 0,
            long: None,
            leads_on: self.links_of(number as usize).lead_on,
            seen: SeenInPage::default(),
        });
        if let Some(lane) = Arc::make_mut(&mut self.lanes).get_mut(at) {
            Arc::make_mut(&mut lane.pages).push(number_of_page);
        }
        number_of_page * PAGE_ROWS
    }

    /// Brings the ancestries up to date after a row's parents changed.
    fn relate(&mut self, slot: Slot) {
        let mut at = 0;
        while let Some(parent) = self.row(slot).parents().get(at).copied() {
            self.make_inner(parent);
            let number = self.row(parent).word(INNER);
            if let Some(page) = self.page_mut(slot) {
                page.number_parent(slot, at, number);
            }
            at += 1;
        }
        let row = self.row(slot);
        if let Some(ancestry) = self.ancestry(row)
            && *ancestry.above != *self.closure(slot)
        {
            let below: Vec<u32> = (0..self.inner_count)
                .filter(|number| {
                    self.inner_at(*number)
                        .is_some_and(|it| it.slot == slot || it.above.binary_search(&slot).is_ok())
                })
                .collect();
            for number in below {
                self.refresh(number);
            }
        }
    }

    #[inline]
    fn inner_at(&self, number: u32) -> Option<&Ancestry> {
        self.inner.get(number as usize / INNER_PER_PAGE)?.get(number as usize % INNER_PER_PAGE)
    }

    /// Gives a row an ancestry of its own, and all above it.
    fn make_inner(&mut self, slot: Slot) {
        if self.row(slot).word(INNER) != 0 {
            return;
        }
        let mut open = vec![slot];
        while let Some(slot) = open.pop() {
            if self.row(slot).word(INNER) != 0 {
                continue;
            }
            let number = self.inner_count;
            self.inner_count += 1;
            let ancestry = Ancestry { slot, ..Ancestry::default() };
            if (number as usize).is_multiple_of(INNER_PER_PAGE) {
                self.inner.push(Vec::with_capacity(INNER_PER_PAGE));
            }
            if let Some(page) = self.inner.get_mut(number as usize / INNER_PER_PAGE) {
                page.push(ancestry);
            }
            if let Some(page) = self.page_mut(slot) {
                page.set(slot, INNER, number + 1);
            }
            open.extend(self.row(slot).parents());
            self.refresh(number);
        }
    }

    /// Whether any row is its own ancestor: only one that others are below can be.
    pub(super) fn goes_round(&self) -> bool {
        (0..self.inner_count)
            .filter_map(|number| self.inner_at(number))
            .any(|ancestry| ancestry.above.binary_search(&ancestry.slot).is_ok())
    }

    /// All ancestors of a row, whatever the ancestries say.
    pub(super) fn closure(&self, slot: Slot) -> Box<[Slot]> {
        let mut found: Vec<Slot> = Vec::new();
        let mut open: Vec<Slot> = self.row(slot).parents().to_vec();
        while let Some(above) = open.pop() {
            if let Err(at) = found.binary_search(&above) {
                found.insert(at, above);
                open.extend(self.row(above).parents());
            }
        }
        found.into()
    }

    fn refresh(&mut self, number: u32) {
        let Some(slot) = self.inner_at(number).map(|ancestry| ancestry.slot) else { return };
        let above = self.closure(slot);
        if let Some(page) = self.inner.get_mut(number as usize / INNER_PER_PAGE)
            && let Some(ancestry) = page.get_mut(number as usize % INNER_PER_PAGE)
        {
            ancestry.above = above;
        }
        self.refresh_groups(number);
    }

    fn refresh_groups(&mut self, number: u32) {
        let Some(ancestry) = self.inner_at(number) else { return };
        let mut groups = vec![0_u64; self.groups.len().div_ceil(64)];
        for (bit, group) in self.groups.iter().enumerate() {
            let is_in = ancestry.slot == *group || ancestry.above.binary_search(group).is_ok();
            if is_in && let Some(word) = groups.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        if groups.iter().all(|word| *word == 0) {
            groups.clear();
        }
        if let Some(page) = self.inner.get_mut(number as usize / INNER_PER_PAGE)
            && let Some(ancestry) = page.get_mut(number as usize % INNER_PER_PAGE)
        {
            ancestry.groups = groups.into();
        }
    }
}

/// A number that no other facts of this process have.
fn family() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, atomic::Ordering::Relaxed)
}

const fn lane_of(type_number: u32, spelling: Spelling) -> usize {
    type_number as usize * Spelling::COUNT + spelling as usize
}

impl Texts {
    #[inline]
    fn shared(&self, number: u32) -> Option<&Arc<str>> {
        self.pages.get(number as usize / TEXTS_PER_PAGE)?.get(number as usize % TEXTS_PER_PAGE)
    }

    fn find(&self, hash: u32, text: &str) -> Option<u32> {
        let is = |number| self.shared(number).filter(|known| ***known == *text);
        self.numbers.find(hash, is).map(|(number, _)| number)
    }

    fn add(&mut self, hash: u32, text: &str) -> u32 {
        let number = self.len;
        self.len += 1;
        if (number as usize).is_multiple_of(TEXTS_PER_PAGE) {
            self.pages.push(Vec::with_capacity(1));
        }
        if let Some(page) = self.pages.get_mut(number as usize / TEXTS_PER_PAGE) {
            page.push(text.into());
        }
        self.numbers.insert(hash, number);
        number
    }
}

impl Numbering for Rows {
    fn text(&mut self, text: &str) -> u32 {
        let hash = self.hash.hash_one(text) as u32;
        self.texts.find(hash, text).unwrap_or_else(|| self.texts.add(hash, text))
    }

    fn named(&mut self, type_name: &str, id: IdKey<'_>) -> Slot {
        self.place(type_name, id, false)
    }
}

impl Naming for Rows {
    fn text(&self, number: u32) -> Arc<str> {
        self.texts.shared(number).cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn uid(&self, slot: Slot) -> EntityUid {
        self.uid_of(slot)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.live)
    }
}
