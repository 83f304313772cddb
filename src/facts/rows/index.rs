//! Which rows hold a value in a column, or lie right below another: found without a look at each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::{Lane, Rows, Slot};
use crate::facts::heap::{self, View};
use crate::facts::key::Spelling;
use crate::facts::layout::{Column, Path};
use crate::facts::page::{PAGE_ROWS, Page, Row};
use crate::facts::postings::Postings;

/// What rows of a type can be looked up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IndexKey {
    pub(crate) type_name: Arc<str>,
    pub(crate) by: By,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum By {
    /// The entity or text in a column, an element of the set there, or the name of a tag.
    Column(Path),
    /// A parent.
    Parent,
}

/// The rows of a type by what one column of theirs holds, or by their parents.
#[derive(Clone)]
pub(crate) struct Index {
    by_value: Postings,
    /// Of values that many rows hold: those rows by their class, so that who wants some classes alone
    /// need not look at the others.
    many: Arc<BTreeMap<u32, Many>>,
}

#[derive(Clone)]
struct Many {
    by_class: Postings,
    count: usize,
}

/// From how many rows on a value's are kept by their class too. The comparison with Cedar has few.
const MANY: usize = if cfg!(feature = "coverage") { 2 } else { 1024 };

/// What rows can be looked up by, by the plan's numbers. Each is made when it is first asked for,
/// and from then on kept up to date by every write.
#[derive(Clone, Default)]
pub(super) struct Indexes {
    keys: Arc<[Key]>,
    made: Box<[OnceLock<Index>]>,
    wanted: Arc<Wanted>,
    /// How many of them are known to be made of those that are wanted.
    made_count: usize,
}

/// Which indexes were asked for: of one state of the facts, for all that follow.
#[derive(Default)]
struct Wanted {
    each: Box<[AtomicBool]>,
    count: AtomicUsize,
}

struct Key {
    type_number: u32,
    by: By,
}

/// What a row is found by, with the number of the index, and the row's class.
type Entry = (usize, u32, u32);

impl Index {
    /// The rows that hold a value, in ascending order.
    pub(crate) fn of_value(&self, value: u32) -> impl Iterator<Item = Slot> {
        self.by_value.of_value(value)
    }

    /// Adds them to others.
    pub(crate) fn add_to(&self, value: u32, slots: &mut Vec<Slot>) {
        self.by_value.add_to(value, slots);
    }

    /// The same rows by their class word, where they are many.
    pub(crate) fn classes(&self, value: u32) -> Option<&Postings> {
        self.many.get(&value).map(|many| &many.by_class)
    }

    /// How many rows hold a value; `limit` where they are as many or more.
    pub(crate) fn count(&self, value: u32, limit: usize) -> usize {
        match self.many.get(&value) {
            Some(many) => many.count.min(limit),
            None => self.by_value.count(value, limit),
        }
    }

    fn insert(&mut self, value: u32, slot: Slot, class: impl Fn(Slot) -> u32) {
        let may_be_many = self.by_value.insert(value, slot);
        if self.many.contains_key(&value) {
            if let Some(many) = Arc::make_mut(&mut self.many).get_mut(&value) {
                many.by_class.insert(class(slot), slot);
                many.count += 1;
            }
        } else if may_be_many {
            self.keep_many(value, class);
        }
    }

    fn remove(&mut self, value: u32, slot: Slot, class: u32) {
        self.by_value.remove(value, slot);
        if self.many.contains_key(&value)
            && let Some(many) = Arc::make_mut(&mut self.many).get_mut(&value)
        {
            many.by_class.remove(class, slot);
            many.count -= 1;
        }
    }

    fn keep_many(&mut self, value: u32, class: impl Fn(Slot) -> u32) {
        if self.by_value.count(value, MANY) == MANY {
            let rows = self.of_value(value).map(|slot| (class(slot), slot)).collect();
            Arc::make_mut(&mut self.many).insert(value, Many::of(rows));
        }
    }
}

impl Many {
    fn of(rows: Vec<(u32, Slot)>) -> Self {
        Self { count: rows.len(), by_class: Postings::of(rows) }
    }
}

impl Indexes {
    /// Those of a type that are kept up to date, with their numbers.
    fn kept(&self, type_number: u32) -> impl Iterator<Item = (usize, &By)> {
        let all = self.keys.iter().zip(&self.made).enumerate();
        all.filter(move |(_, (key, made))| key.type_number == type_number && made.get().is_some())
            .map(|(number, (key, _))| (number, &key.by))
    }
}

impl Rows {
    /// Takes over what a plan looks rows up by.
    pub(super) fn adopt_indexes(&mut self, keys: &[IndexKey]) {
        // Rows of a type that is not there yet may come.
        let number = |key: &IndexKey| Key {
            type_number: self.type_number_of(&key.type_name),
            by: key.by.clone(),
        };
        let numbered = keys.iter().map(number).collect();
        self.indexes = Arc::new(Indexes {
            keys: numbered,
            made: keys.iter().map(|_| OnceLock::new()).collect(),
            wanted: Arc::new(Wanted {
                each: keys.iter().map(|_| AtomicBool::new(false)).collect(),
                count: AtomicUsize::new(0),
            }),
            made_count: 0,
        });
    }

    /// The rows by one of the things that the plan looks them up by, by its number.
    ///
    /// Who asks first goes through all rows of the type. Nobody waits for him: who asks meanwhile
    /// does the same.
    pub(crate) fn index(&self, number: usize) -> Option<&Index> {
        let made = self.indexes.made.get(number)?;
        if made.get().is_none() {
            let index = self.make_index(number)?;
            let Wanted { each, count } = &*self.indexes.wanted;
            if each.get(number).is_some_and(|it| !it.swap(true, Ordering::Relaxed)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            // Another may have been quicker, with the same.
            let _ = made.set(index);
        }
        made.get()
    }

    #[cold]
    fn make_index(&self, number: usize) -> Option<Index> {
        let key = self.indexes.keys.get(number)?;
        let mut pairs = Vec::new();
        for slot in self.slots_of(key.type_number) {
            self.each_value(slot, &key.by, |value| pairs.push((value, slot)));
        }
        pairs.sort_unstable();
        let of_one = pairs.chunk_by(|(one, _), (other, _)| one == other);
        let many = of_one.filter(|rows| rows.len() >= MANY).map(|rows| {
            let by_class = rows.iter().map(|(_, slot)| (self.row(*slot).class(), *slot)).collect();
            (rows.first().map_or(0, |(value, _)| *value), Many::of(by_class))
        });
        let many = Arc::new(many.collect());
        Some(Index { by_value: Postings::of(pairs), many })
    }

    /// The slots of all entities of a type, by its number: facts, and what is only named.
    pub(crate) fn slots_of(&self, type_number: u32) -> impl Iterator<Item = Slot> {
        let pages = self.lanes_of(type_number).flat_map(|lane| lane.pages.iter().copied());
        pages.flat_map(|page| {
            let rows = self.pages.get(page as usize).map_or(0, Page::len);
            (page * PAGE_ROWS..).take(rows)
        })
    }

    /// How many entities of a type there are, or more.
    pub(crate) fn at_most(&self, type_number: u32) -> usize {
        self.lanes_of(type_number).map(|lane| lane.pages.len() * PAGE_ROWS as usize).sum()
    }

    fn lanes_of(&self, type_number: u32) -> impl Iterator<Item = &Lane> {
        self.lanes.chunks(Spelling::COUNT).nth(type_number as usize).into_iter().flatten()
    }

    /// Visits what a row can be found by in one way.
    fn each_value(&self, slot: Slot, by: &By, mut visit: impl FnMut(u32)) {
        let row = self.row(slot);
        match by {
            By::Parent => row.parents().iter().for_each(|parent| visit(*parent)),
            By::Column(path) => {
                if let Some(column) = self.column(slot, path) {
                    each_found(row, column, visit);
                }
            }
        }
    }

    /// Whether a row holds a value in a column.
    pub(crate) fn holds(&self, slot: Slot, path: &Path, value: u32) -> bool {
        let mut holds = false;
        self.each_held(slot, path, |held| holds |= held == value);
        holds
    }

    /// Visits the entities and texts that a row holds in a column.
    pub(crate) fn each_held(&self, slot: Slot, path: &Path, visit: impl FnMut(u32)) {
        if let Some(column) = self.column(slot, path) {
            each_found(self.row(slot), column, visit);
        }
    }

    /// Whether a row has anything in a column.
    pub(crate) fn has(&self, slot: Slot, path: &Path) -> bool {
        self.column(slot, path).is_some()
    }

    fn column(&self, slot: Slot, path: &Path) -> Option<&Column> {
        let columns = &self.shape(slot)?.columns;
        let at = columns.binary_search_by(|column| column.path.cmp(path)).ok()?;
        columns.get(at)
    }

    /// Lets these rows have indexes of their own before they change, and makes what is wanted and was
    /// not made in the facts before: once, for all that follow.
    ///
    /// Facts that share rows share what is made of them; from the first change on, what is made of
    /// one is wrong for the other.
    pub(super) fn own_indexes(&mut self) {
        if Arc::get_mut(&mut self.indexes).is_none() {
            self.indexes = Arc::new(Indexes::clone(&self.indexes));
        }
        let wanted = Arc::clone(&self.indexes.wanted);
        let count = wanted.count.load(Ordering::Relaxed);
        if count == self.indexes.made_count {
            return;
        }
        for (number, is_wanted) in wanted.each.iter().enumerate() {
            if is_wanted.load(Ordering::Relaxed) {
                self.index(number);
            }
        }
        if let Some(own) = Arc::get_mut(&mut self.indexes) {
            own.made_count = count;
        }
    }

    /// What the indexes that are kept say of a row.
    pub(super) fn entries(&self, slot: Slot) -> Vec<Entry> {
        let (mut entries, class) = (Vec::new(), self.row(slot).class());
        for (number, by) in self.indexes.kept(self.type_number(slot)) {
            self.each_value(slot, by, |value| entries.push((number, value, class)));
        }
        entries
    }

    /// Brings the indexes up to date after a row changed of which they said `before`.
    pub(super) fn update_entries(&mut self, slot: Slot, before: &[Entry]) {
        let after = self.entries(slot);
        if *before == *after {
            return;
        }
        let mut indexes = std::mem::take(&mut self.indexes);
        let own = Arc::get_mut(&mut indexes).map(|own| &mut own.made[..]);
        for (number, made) in own.unwrap_or_default().iter_mut().enumerate() {
            let Some(index) = made.get_mut() else { continue };
            let of = |(of, ..): &&Entry| *of == number;
            for entry in before.iter().filter(of).filter(|entry| !after.contains(entry)) {
                index.remove(entry.1, slot, entry.2);
            }
            for entry in after.iter().filter(of).filter(|entry| !before.contains(entry)) {
                index.insert(entry.1, slot, |slot| self.row(slot).class());
            }
        }
        self.indexes = indexes;
    }
}

fn each_found(row: Row<'_>, column: &Column, mut visit: impl FnMut(u32)) {
    let view = row.view(column);
    match view {
        View::Text(number) | View::Entity(number) => visit(number),
        View::Record(..) => heap::members(view).for_each(|(name, _)| visit(name)),
        _ => heap::each(view, |element| {
            if let View::Text(number) | View::Entity(number) = element {
                visit(number);
            }
        }),
    }
}
