//! What a request can reach: the facts, and what it brings along itself.

use std::sync::{Arc, LazyLock};

use crate::facts::{
    CLASS, Column, Draft, Entity, EntityUid, Kind, Naming, Numbering, Record, Row, Rows, Shape,
    Slot, View,
};

/// The bit that says that a slot or the number of a text is the request's own.
pub(crate) const LOCAL: u32 = 1 << 31;

/// What a request brings along: entities, its context, and names that the facts do not hold.
///
/// Kept between requests, it allocates nothing once it has grown to what they need.
#[derive(Debug, Default, Clone)]
pub(crate) struct Local {
    rows: Vec<LocalRow>,
    /// The slots that stand for these rows: local ones, and those of entities that facts name.
    slots: Vec<(Slot, u32)>,
    uids: Vec<EntityUid>,
    texts: Vec<Arc<str>>,
    key: Vec<u32>,
    /// Whether facts place anything below one of these rows.
    shadows: bool,
    pub(crate) context: LocalRow,
}

/// A row that no facts hold.
#[derive(Debug, Default, Clone)]
pub(crate) struct LocalRow {
    draft: Draft,
    heap: Vec<u32>,
}

impl LocalRow {
    pub(crate) fn row(&self) -> Row<'_> {
        Row { words: &self.draft.words, heap: &self.heap }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        self.draft.columns()
    }

    pub(super) fn set_class(&mut self, class: u32) {
        if let Some(word) = self.draft.words.get_mut(CLASS) {
            *word = class;
        }
    }
}

impl Local {
    /// Forgets the request before.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.uids.clear();
        self.texts.clear();
        self.shadows = false;
    }

    /// The slot of an entity, among the facts or of the request's own.
    pub(crate) fn slot(&mut self, rows: &Rows, uid: &EntityUid) -> Slot {
        if let Some(slot) = rows.slot(uid) {
            return slot;
        }
        let known = self.uids.iter().position(|known| known == uid);
        let at = known.unwrap_or_else(|| {
            self.uids.push(uid.clone());
            self.uids.len() - 1
        });
        // A request names fewer than 2³¹ entities.
        LOCAL | at as u32
    }

    /// The slot of an entity that nothing else names.
    pub(crate) fn nobody(&mut self, type_name: &Arc<str>) -> Slot {
        static NO_ID: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));
        self.uids.push(EntityUid::new(Arc::clone(type_name), Arc::clone(&NO_ID)));
        LOCAL | (self.uids.len() - 1) as u32
    }

    /// Takes along the context.
    pub(crate) fn set_context(&mut self, rows: &Rows, context: &Record) {
        let mut entity = std::mem::take(&mut self.context);
        entity.lay_out(&mut Numbers { rows, local: self }, |draft, heap, numbers| {
            draft.lay_out_record(heap, context, numbers);
        });
        self.context = entity;
    }

    /// Whether it is a context alone that holds no entity and no text, and so no number of some
    /// facts.
    pub(crate) fn names_nothing(&self) -> bool {
        let is_number = |column: &Column| {
            !matches!(column.kind, Kind::Text | Kind::Entity | Kind::Set | Kind::Tags)
        };
        self.slots.is_empty()
            && self.uids.is_empty()
            && self.texts.is_empty()
            && self.context.columns().iter().all(is_number)
    }

    /// Moves the context on to another moment, in milliseconds since 1970; false where it has none.
    /// Its class stays.
    pub(crate) fn set_now(&mut self, now: i64) -> bool {
        let draft = &mut self.context.draft;
        let is_now = |column: &Column| {
            column.kind == Kind::Datetime && matches!(&*column.path, [name] if **name == *"now")
        };
        let column = draft.columns().iter().find(|column| is_now(column));
        let place = column.map(|column| column.offset as usize);
        match place.and_then(|at| draft.words.get_mut(at..at + 2)) {
            Some([low, high]) => {
                (*low, *high) = (now as u32, (now >> 32) as u32);
                true
            }
            _ => false,
        }
    }

    /// Takes along an entity with its attributes.
    pub(crate) fn add(&mut self, rows: &Rows, entity: &Entity) {
        let at = self.slots.len();
        if self.rows.len() <= at {
            self.rows.push(LocalRow::default());
        }
        let mut row = self.rows.get_mut(at).map(std::mem::take).unwrap_or_default();
        row.lay_out(&mut Numbers { rows, local: self }, |draft, heap, numbers| {
            draft.lay_out(heap, entity, numbers);
        });
        if let Some(place) = self.rows.get_mut(at) {
            *place = row;
        }
        let slot = self.slot(rows, entity.uid());
        self.shadows |= rows.has_below(slot);
        self.slots.push((slot, at as u32));
    }

    #[inline]
    fn row(&self, slot: Slot) -> Option<&LocalRow> {
        let (_, at) = self.slots.iter().find(|(known, _)| *known == slot)?;
        self.rows.get(*at as usize)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot and the columns of one of its rows.
    pub(super) fn place(&self, at: usize) -> Option<(Slot, &[Column])> {
        let (slot, row) = self.slots.get(at)?;
        Some((*slot, self.rows.get(*row as usize)?.columns()))
    }

    pub(super) fn set_class(&mut self, at: usize, class: u32) {
        if let Some((_, row)) = self.slots.get(at)
            && let Some(row) = self.rows.get_mut(*row as usize)
        {
            row.set_class(class);
        }
    }

    /// Room for a class's key, kept between requests.
    pub(super) fn take_key(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.key)
    }

    pub(super) fn give_key(&mut self, key: Vec<u32>) {
        self.key = key;
    }
}

impl LocalRow {
    fn lay_out(
        &mut self,
        numbers: &mut Numbers<'_>,
        fill: impl FnOnce(&mut Draft, &mut Vec<u32>, &mut Numbers<'_>),
    ) {
        self.heap.clear();
        self.heap.push(crate::facts::EMPTY_SET);
        fill(&mut self.draft, &mut self.heap, numbers);
    }
}

struct Numbers<'l> {
    rows: &'l Rows,
    local: &'l mut Local,
}

impl Numbering for Numbers<'_> {
    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.rows.text_number(text) {
            return number;
        }
        let known = self.local.texts.iter().position(|known| **known == *text);
        let at = known.unwrap_or_else(|| {
            self.local.texts.push(text.into());
            self.local.texts.len() - 1
        });
        LOCAL | at as u32
    }

    fn entity(&mut self, uid: &EntityUid) -> Slot {
        self.local.slot(self.rows, uid)
    }
}

/// Facts and a request's own rows, seen as one.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'w> {
    pub(crate) rows: &'w Rows,
    pub(crate) local: &'w Local,
    pub(crate) principal: Slot,
    pub(crate) action: Slot,
    pub(crate) resource: Slot,
    /// The row that is looked at alone.
    pub(crate) own: Slot,
}

impl<'w> Scope<'w> {
    /// A scope of facts alone, for looking at one row.
    pub(crate) fn of_row(rows: &'w Rows, local: &'w Local, own: Slot) -> Self {
        Self { rows, local, principal: own, action: own, resource: own, own }
    }

    #[inline]
    pub(crate) fn row(&self, slot: Slot) -> Row<'w> {
        if self.local.is_empty() { self.rows.row(slot) } else { self.local_row(slot) }
    }

    #[inline(never)]
    fn local_row(&self, slot: Slot) -> Row<'w> {
        self.local.row(slot).map_or_else(|| self.rows.row(slot), LocalRow::row)
    }

    /// The columns of an entity; `None` where it is not there.
    pub(crate) fn columns(&self, slot: Slot) -> Option<&'w [Column]> {
        if let Some(row) = self.local.row(slot) {
            return Some(row.columns());
        }
        if !self.rows.exists(slot) {
            return None;
        }
        self.rows.shape(slot).map(|shape: &Arc<Shape>| &*shape.columns)
    }

    pub(crate) fn type_name(&self, slot: Slot) -> &'w str {
        match self.local_uid(slot) {
            Some(uid) => uid.type_name(),
            None => self.rows.type_name(slot),
        }
    }

    fn local_uid(&self, slot: Slot) -> Option<&'w EntityUid> {
        (slot & LOCAL != 0).then(|| self.local.uids.get((slot & !LOCAL) as usize))?
    }

    pub(crate) fn text(&self, number: u32) -> &'w str {
        if number & LOCAL == 0 {
            return self.rows.text_at(number);
        }
        self.local.texts.get((number & !LOCAL) as usize).map_or("", |text| text)
    }

    /// Whether an entity is in another: itself, or an ancestor of it.
    #[inline]
    pub(crate) fn is_in(&self, slot: Slot, above: Slot) -> bool {
        if self.local.is_empty() {
            return self.rows.is_in(slot, above);
        }
        self.is_in_local(slot, above)
    }

    /// Whether an entity whose row is this one is in another.
    #[inline]
    pub(crate) fn is_row_in(&self, slot: Slot, row: Row<'w>, above: Slot) -> bool {
        if self.local.is_empty() {
            return slot == above || self.rows.row_is_below(row, above);
        }
        self.is_in_local(slot, above)
    }

    fn is_in_local(&self, slot: Slot, above: Slot) -> bool {
        if !self.local.shadows {
            // Above a row of the facts there are none of the request's.
            let Some(row) = self.local.row(slot) else { return self.rows.is_in(slot, above) };
            let parents = row.row().parents();
            if parents.iter().all(|parent| self.local.row(*parent).is_none()) {
                return slot == above
                    || parents.iter().any(|parent| self.rows.is_in(*parent, above));
            }
        }
        // Rows of the request may lie anywhere on the way.
        let mut seen = vec![slot];
        let mut next = 0;
        while let Some(at) = seen.get(next).copied() {
            if at == above {
                return true;
            }
            next += 1;
            for parent in self.row(at).parents() {
                if !seen.contains(parent) {
                    seen.push(*parent);
                }
            }
        }
        false
    }

    /// Which of 64 of the plan's groups an entity is in, a bit each.
    #[inline]
    pub(crate) fn groups(&self, slot: Slot, row: Row<'w>, word: usize) -> u64 {
        if self.local.is_empty() || (!self.local.shadows && self.local.row(slot).is_none()) {
            return self.rows.groups(row, word);
        }
        self.rows
            .group_slots(word)
            .iter()
            .zip(0..)
            .fold(0, |bits, (group, bit)| bits | (u64::from(self.is_in_local(slot, *group)) << bit))
    }

    /// The name of a member, to keep.
    pub(crate) fn name_of(&self, number: u32) -> Arc<str> {
        Naming::text(self, number)
    }
}

impl Naming for Scope<'_> {
    fn text(&self, number: u32) -> Arc<str> {
        if number & LOCAL == 0 {
            return self.rows.text(number);
        }
        let local = self.local.texts.get((number & !LOCAL) as usize);
        local.cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn uid(&self, slot: Slot) -> EntityUid {
        self.local_uid(slot).cloned().unwrap_or_else(|| self.rows.uid_of(slot))
    }
}

/// The members of a record that stands in columns of a row: those whose path is longer by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'w> {
    pub(crate) row: Row<'w>,
    /// The columns below the record, and no others.
    pub(crate) columns: &'w [Column],
    /// How many names lead to the record.
    pub(crate) depth: usize,
}

impl<'w> Members<'w> {
    /// The columns of one member: its own, and those below it where it is a record.
    pub(crate) fn member(self, name: &str) -> Option<(&'w Column, Self)> {
        fn at(column: &Column, depth: usize) -> Option<&str> {
            column.path.get(depth).map(|name| &**name)
        }
        let depth = self.depth;
        let start = self.columns.partition_point(|column| at(column, depth) < Some(name));
        let rest = self.columns.get(start..)?;
        let end = rest.partition_point(|column| at(column, depth) <= Some(name));
        let (own, below) = rest.get(..end)?.split_first()?;
        Some((own, Self { columns: below, depth: self.depth + 1, ..self }))
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'w Arc<str>> {
        let depth = self.depth;
        self.columns
            .iter()
            .filter(move |column| column.path.len() == depth + 1)
            .filter_map(|column| column.path.last())
    }

    pub(crate) fn view(self, column: &Column) -> View<'w> {
        self.row.view(column)
    }
}
