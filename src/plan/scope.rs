//! What a request can reach: the facts, and what it brings along itself.

use std::sync::Arc;

use super::classes::Memo;
use crate::facts::{
    AsEntity, CLASS, Column, Draft, EntityUid, IdKey, Kind, Naming, Numbering, Outline, Reading,
    Record, Row, Rows, Shape, Slot, View,
};

/// The bit that says that a slot or the number of a text is the request's own.
pub(crate) const LOCAL: u32 = 1 << 31;
/// The slot of what has none.
pub(super) const NO_SLOT: Slot = Slot::MAX;

/// What a request brings along: entities, its context, and names that the facts do not hold.
///
/// Kept between requests, it allocates nothing once it has grown to what they need.
#[derive(Debug, Default, Clone)]
pub(crate) struct Local {
    rows: Vec<LocalRow>,
    /// The slots that stand for the first of these rows, local ones and those of entities that facts
    /// name, with the plan's numbers for their types.
    slots: Vec<(Slot, u32)>,
    types: TypeNames,
    names: Kept<Name>,
    texts: Kept<String>,
    key: Vec<u32>,
    memo: Memo,
    /// Whether facts place anything below one of these rows.
    shadows: bool,
    /// Shared where it is the same for many requests.
    pub(crate) context: Arc<LocalRow>,
}

/// The name of an entity that no facts name.
#[derive(Debug, Default, Clone)]
struct Name {
    type_name: String,
    uuid: Option<u128>,
    /// Empty where it is a UUID.
    text: String,
}

impl Name {
    fn id(&self) -> IdKey<'_> {
        self.uuid.map_or(IdKey::Text(&self.text), IdKey::Uuid)
    }

    fn set(&mut self, type_name: &str, id: IdKey<'_>) {
        self.type_name.clear();
        self.type_name.push_str(type_name);
        self.text.clear();
        self.uuid = match id {
            IdKey::Uuid(key) => Some(key),
            IdKey::Text(text) => {
                self.text.push_str(text);
                None
            }
        };
    }
}

/// The numbers of types that requests name in their own text, in one family of facts.
#[derive(Debug, Default, Clone)]
struct TypeNames {
    family: u64,
    /// By where the name stands in memory: no two do in one place.
    known: Vec<((usize, usize), u32)>,
}

impl TypeNames {
    /// How many are kept: who names more looks them up.
    const COUNT_MAX: usize = 8;

    #[inline]
    fn number(&mut self, rows: &Rows, name: &'static str) -> Option<u32> {
        let place = (name.as_ptr() as usize, name.len());
        if self.family == rows.family()
            && let Some((_, number)) = self.known.iter().find(|(known, _)| *known == place)
        {
            return Some(*number);
        }
        self.look_up(rows, name, place)
    }

    #[cold]
    fn look_up(&mut self, rows: &Rows, name: &str, place: (usize, usize)) -> Option<u32> {
        let number = rows.catalog().type_number(name)?;
        if self.family != rows.family() {
            self.known.clear();
            self.family = rows.family();
        }
        if self.known.len() < Self::COUNT_MAX {
            self.known.push((place, number));
        }
        Some(number)
    }
}

/// A list that is written again and again: what it held goes on holding its memory.
#[derive(Debug, Default, Clone)]
struct Kept<T> {
    all: Vec<T>,
    count: usize,
}

impl<T: Default> Kept<T> {
    fn clear(&mut self) {
        self.count = 0;
    }

    fn held(&self) -> &[T] {
        self.all.get(..self.count).unwrap_or_default()
    }

    /// The number of the one for which `is` holds: a new one, set by `set`, where there is none.
    fn number(&mut self, is: impl Fn(&T) -> bool, set: impl FnOnce(&mut T)) -> u32 {
        let known = self.held().iter().position(is);
        known.unwrap_or_else(|| {
            if self.all.len() == self.count {
                self.all.push(T::default());
            }
            if let Some(next) = self.all.get_mut(self.count) {
                set(next);
            }
            self.count += 1;
            self.count - 1
        }) as u32
    }
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
        self.names.clear();
        self.texts.clear();
        self.shadows = false;
    }

    /// The slot of an entity, among the facts or of the request's own.
    ///
    /// INVARIANT (numbers): a request names fewer than 2³¹ entities and texts.
    pub(crate) fn slot(&mut self, rows: &Rows, type_name: &str, id: IdKey<'_>) -> Slot {
        if let Some(slot) = rows.slot_named(type_name, id) {
            return slot;
        }
        let is = |known: &Name| known.id() == id && known.type_name == *type_name;
        LOCAL | self.names.number(is, |name| name.set(type_name, id))
    }

    /// The slot of an entity that nothing else names.
    pub(crate) fn nobody(&mut self, type_name: &str) -> Slot {
        LOCAL | self.names.number(|_| false, |name| name.set(type_name, IdKey::Text("")))
    }

    /// Takes along the context.
    pub(crate) fn set_context(&mut self, rows: &Rows, context: &Record) {
        let mut row = std::mem::take(Arc::make_mut(&mut self.context));
        row.lay_out(&mut Numbers { rows, local: self }, |draft, heap, numbers| {
            draft.lay_out_record(heap, context, numbers);
        });
        *Arc::make_mut(&mut self.context) = row;
    }

    /// Takes along a context that was laid out before, and names nothing. No counter is touched
    /// where it is that of the request before.
    pub(crate) fn share_context(&mut self, context: &Arc<LocalRow>) {
        if !Arc::ptr_eq(&self.context, context) {
            self.context = Arc::clone(context);
        }
    }

    /// Whether it is a context alone that holds no entity and no text, and so no number of some
    /// facts.
    pub(crate) fn names_nothing(&self) -> bool {
        let is_number = |column: &Column| {
            !matches!(column.kind, Kind::Text | Kind::Entity | Kind::Set | Kind::Tags)
        };
        self.slots.is_empty()
            && self.names.count == 0
            && self.texts.count == 0
            && self.context.columns().iter().all(is_number)
    }

    /// Moves the context on to another moment, in milliseconds since 1970; false where it has none.
    /// Its class stays.
    pub(crate) fn set_now(&mut self, now: i64) -> bool {
        let draft = &mut Arc::make_mut(&mut self.context).draft;
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

    /// Takes along an entity with its attributes, of a type by the plan's number.
    ///
    /// `None` where it is there already.
    pub(crate) fn add(
        &mut self,
        rows: &Rows,
        plan_type: u32,
        entity: &(impl AsEntity + ?Sized),
    ) -> Option<Slot> {
        let at = self.slots.len();
        // What the row names may be new to the request too.
        let mut all = std::mem::take(&mut self.rows);
        if all.len() <= at {
            all.push(LocalRow::default());
        }
        if let Some(row) = all.get_mut(at) {
            row.lay_out(&mut Numbers { rows, local: self }, |draft, heap, numbers| {
                draft.lay_out(heap, entity, numbers);
            });
        }
        self.rows = all;
        let slot = self.slot(rows, entity.type_name(), entity.id().0);
        if self.row(slot).is_some() {
            return None;
        }
        self.shadows |= rows.has_below(slot);
        self.slots.push((slot, plan_type));
        Some(slot)
    }

    /// Whether the row that was added last fits what a schema declares, as far as its form tells.
    pub(crate) fn fits(
        &mut self,
        schema: &[u8; 32],
        type_name: &str,
        look: impl FnOnce(Outline<'_>) -> bool,
    ) -> bool {
        let last = self.slots.len().checked_sub(1).and_then(|at| self.rows.get_mut(at));
        last.is_some_and(|row| row.draft.fits(schema, type_name, look))
    }

    /// Whether one of its rows is above another, or above itself.
    pub(crate) fn has_parents_of_its_own(&self) -> bool {
        self.rows
            .iter()
            .take(self.slots.len())
            .any(|row| row.row().parents().iter().any(|parent| self.row(*parent).is_some()))
    }

    /// Whether any of its rows lies in another entity.
    pub(crate) fn has_parents(&self) -> bool {
        self.rows.iter().take(self.slots.len()).any(|row| !row.row().parents().is_empty())
    }

    /// The slots of its rows.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.slots.iter().map(|(slot, _)| *slot)
    }

    /// The class word of one of its rows, or of one of the facts'.
    pub(crate) fn class(&self, rows: &Rows, slot: Slot) -> u32 {
        self.row(slot).map_or_else(|| rows.row(slot), LocalRow::row).class()
    }

    #[inline]
    fn row(&self, slot: Slot) -> Option<&LocalRow> {
        self.rows.get(self.slots.iter().position(|(known, _)| *known == slot)?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot of one of its rows.
    pub(crate) fn slot_at(&self, at: usize) -> Option<Slot> {
        self.slots.get(at).map(|(slot, _)| *slot)
    }

    pub(super) fn set_class(&mut self, at: usize, class: u32) {
        if let Some(row) = self.rows.get_mut(at) {
            row.set_class(class);
        }
    }

    /// Room for a class's key, and the classes found before, kept between requests.
    pub(super) fn take_memo(&mut self) -> (Vec<u32>, Memo) {
        (std::mem::take(&mut self.key), std::mem::take(&mut self.memo))
    }

    pub(super) fn give_memo(&mut self, (key, memo): (Vec<u32>, Memo)) {
        (self.key, self.memo) = (key, memo);
    }

    /// How a plan reads one of its rows, asked once for each form of them.
    pub(super) fn reading(
        &mut self,
        at: usize,
        plan: u64,
        read: impl FnOnce(&[Column]) -> Reading,
    ) -> Option<Reading> {
        let of_type = self.plan_type(at)?;
        self.rows.get_mut(at)?.draft.reading((plan, of_type), read)
    }

    /// The plan's number for the type of one of its rows.
    pub(super) fn plan_type(&self, at: usize) -> Option<u32> {
        self.slots.get(at).map(|(_, plan_type)| *plan_type)
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
    fn named(&mut self, type_name: &str, id: IdKey<'_>) -> Slot {
        self.local.slot(self.rows, type_name, id)
    }

    #[inline]
    fn named_static(&mut self, type_name: &'static str, id: IdKey<'_>) -> Slot {
        let known = self.local.types.number(self.rows, type_name);
        match known.and_then(|number| self.rows.slot_of(number, id)) {
            Some(slot) => slot,
            None => self.local.slot(self.rows, type_name, id),
        }
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.rows.text_number(text) {
            return number;
        }
        let set = |kept: &mut String| {
            kept.clear();
            kept.push_str(text);
        };
        LOCAL | self.local.texts.number(|known| *known == *text, set)
    }
}

/// Where the entity of an action is to be found, which few conditions look at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ActionAt {
    Slot(Slot),
    /// One of the plan's literals.
    Literal(u32),
}

/// Facts and a request's own rows, seen as one.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'w> {
    pub(crate) rows: &'w Rows,
    pub(crate) local: &'w Local,
    pub(crate) principal: Slot,
    pub(crate) action: ActionAt,
    pub(crate) resource: Slot,
    /// The row that is looked at alone.
    pub(crate) own: Slot,
}

impl<'w> Scope<'w> {
    /// A scope of facts alone, for looking at one row.
    pub(crate) fn of_row(rows: &'w Rows, local: &'w Local, own: Slot) -> Self {
        Self { rows, local, principal: own, action: ActionAt::Slot(own), resource: own, own }
    }

    pub(super) fn action(&self) -> Slot {
        match self.action {
            ActionAt::Slot(slot) => slot,
            ActionAt::Literal(literal) => {
                self.rows.literals().get(literal as usize).copied().unwrap_or(NO_SLOT)
            }
        }
    }

    #[inline]
    pub(crate) fn row(self, slot: Slot) -> Row<'w> {
        if self.local.is_empty() { self.rows.row(slot) } else { self.local_row(slot) }
    }

    /// The row that is looked at: a context has no slot of its own.
    #[inline]
    pub(super) fn own_row(self) -> Row<'w> {
        if self.own == NO_SLOT { self.local.context.row() } else { self.row(self.own) }
    }

    #[inline(never)]
    fn local_row(self, slot: Slot) -> Row<'w> {
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
        match self.local_name(slot) {
            Some(name) => &name.type_name,
            None => self.rows.type_name(slot),
        }
    }

    fn local_name(&self, slot: Slot) -> Option<&'w Name> {
        let local = self.local;
        (slot & LOCAL != 0).then(|| local.names.held().get((slot & !LOCAL) as usize))?
    }

    pub(crate) fn text(&self, number: u32) -> &'w str {
        if number & LOCAL == 0 {
            return self.rows.text_at(number);
        }
        let local = self.local;
        local.texts.held().get((number & !LOCAL) as usize).map_or("", |text| text)
    }

    /// Whether an entity is in another: itself, or an ancestor of it.
    #[inline]
    pub(crate) fn is_in(self, slot: Slot, above: Slot) -> bool {
        if self.local.is_empty() {
            return self.rows.is_in(slot, above);
        }
        self.is_in_local(slot, above)
    }

    /// Whether an entity whose row is this one is in another.
    #[inline]
    pub(crate) fn is_row_in(self, slot: Slot, row: Row<'w>, above: Slot) -> bool {
        if self.local.is_empty() {
            return slot == above || self.rows.row_is_below(row, above);
        }
        self.is_in_local(slot, above)
    }

    fn is_in_local(self, slot: Slot, above: Slot) -> bool {
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
    pub(crate) fn groups(self, slot: Slot, row: Row<'w>, word: usize) -> u64 {
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
        Scope::text(self, number).into()
    }

    fn uid(&self, slot: Slot) -> EntityUid {
        match self.local_name(slot) {
            Some(name) => EntityUid::new(name.type_name.as_str(), name.id().text()),
            None => self.rows.uid_of(slot),
        }
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
