//! Rows of words, a page of them at a time.

use aligned_vec::{AVec, ConstAlign};

use super::around::{Seen, SeenInPage};
use super::heap;
use super::key::Spelling;
use super::layout::{ABSENT, CLASS, Catalog, Column, HEADER, ID, Kind, PARENTS, SHAPE, UNCLASSED};
use super::rows::Slot;

/// How many rows a page holds: what a write of one row copies.
pub(super) const PAGE_ROWS: u32 = 256;

/// A row is kept apart from its page's others if it is more than so many times as long as they are,
/// and if fewer than one in so many are so long.
const LONG_MIN: usize = 4;

/// Words that start where a line of the processor's cache does: rows whose stride is a line's length
/// take one each.
pub(super) type Words = AVec<u32, ConstAlign<64>>;

/// Rows of one type, each of `stride` words. What every look at a row reads stands first, in one line
/// of the processor's cache.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Page {
    pub(super) words: Words,
    pub(super) stride: u32,
    pub(super) type_number: u32,
    /// Rows that outgrew the stride, by their place.
    pub(super) long: Option<Box<LongRows>>,
    pub(super) spelling: Spelling,
    /// Of entities that the schema declares, which are no facts: actions.
    pub(super) declared: bool,
    /// Whether the plan looks at what these rows lead to.
    pub(super) leads_on: bool,
    /// What it saw there.
    pub(super) seen: SeenInPage,
    pub(super) heap: Vec<u32>,
    /// How many words of the heap no row leads to any more.
    pub(super) left: u32,
}

/// Rows that outgrew their page's stride, by their place.
pub(super) type LongRows = Vec<(u32, Box<[u32]>)>;

/// One row. Its words may be followed by those of others: its shape says which are its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'w> {
    pub(crate) words: &'w [u32],
    pub(crate) heap: &'w Vec<u32>,
}

static NO_HEAP: Vec<u32> = Vec::new();

impl<'w> Row<'w> {
    /// The row of what is not there.
    pub(crate) const NONE: Self = Self { words: &[], heap: &NO_HEAP };

    /// The words that were seen around a row.
    #[inline]
    pub(crate) fn of_seen(seen: &'w Seen) -> Self {
        Self { words: &seen.words, heap: &NO_HEAP }
    }

    #[inline]
    pub(crate) fn word(self, offset: usize) -> u32 {
        self.words.get(offset).copied().unwrap_or_default()
    }

    /// The number that its id is, or is written as.
    #[inline]
    pub(super) fn id(self) -> u128 {
        self.words.get(ID..CLASS).map_or(0, heap::u128_of)
    }

    /// A bit of the words; `None` where there are none.
    #[inline]
    pub(crate) fn bit(self, at: u32) -> Option<bool> {
        let word = self.word((at / u32::BITS) as usize);
        (!self.words.is_empty()).then_some(word >> (at % u32::BITS) & 1 == 1)
    }

    #[inline]
    pub(crate) fn class(self) -> u32 {
        self.word(CLASS)
    }

    #[inline]
    pub(crate) fn parents(self) -> &'w [Slot] {
        self.parents_and_numbers().0
    }

    /// The parents' slots, and their numbers among the inner rows, 0 where that is not known.
    #[inline]
    pub(super) fn parents_and_numbers(self) -> (&'w [Slot], &'w [u32]) {
        heap::parents(self.at(PARENTS))
    }

    #[inline]
    pub(crate) fn blob(self, offset: usize) -> heap::View<'w> {
        heap::read(self.at(offset)).0
    }

    /// The slots of a set of entities, or the numbers of one of texts; `None` for any other set.
    #[inline]
    pub(crate) fn members(self, offset: usize, texts: bool) -> Option<&'w [u32]> {
        heap::members_of(self.at(offset), texts)
    }

    /// Where a word of the row leads in the heap.
    #[inline]
    fn at(self, offset: usize) -> &'w [u32] {
        match self.word(offset) {
            // The empty set at the start is everybody's, and need not be looked at.
            0 => &[],
            at => self.heap.get(at as usize..).unwrap_or_default(),
        }
    }

    #[inline]
    pub(crate) fn long(self, offset: usize) -> i64 {
        heap::i64_of(self.words.get(offset..).unwrap_or_default())
    }

    /// The value of a column of one of its shape's.
    pub(crate) fn view(self, column: &Column) -> heap::View<'w> {
        let at = column.offset as usize;
        match column.kind {
            Kind::Bool => heap::View::Bool(self.word(at) != 0),
            Kind::Short => heap::View::Long(i64::from(self.word(at).cast_signed())),
            Kind::Long => heap::View::Long(self.long(at)),
            Kind::Decimal => heap::View::Decimal(self.long(at)),
            Kind::Datetime => heap::View::Datetime(self.long(at)),
            Kind::Duration => heap::View::Duration(self.long(at)),
            Kind::Text => heap::View::Text(self.word(at)),
            Kind::Entity => heap::View::Entity(self.word(at)),
            Kind::Ip | Kind::Set | Kind::Tags => self.blob(at),
            Kind::Record => heap::View::Record(&[], 0),
        }
    }
}

impl Page {
    pub(super) fn len(&self) -> usize {
        self.words.len() / self.stride.max(1) as usize
    }

    #[inline(always)]
    pub(super) fn row(&self, slot: Slot) -> Row<'_> {
        let (place, stride) = (slot % PAGE_ROWS, self.stride as usize);
        let words = self.words.get(place as usize * stride..).unwrap_or_default();
        let words = if self.long.is_none() { words } else { self.long_or(place, words) };
        Row { words, heap: &self.heap }
    }

    #[cold]
    fn long_or<'p>(&'p self, place: u32, short: &'p [u32]) -> &'p [u32] {
        let mut long = self.long.iter().flat_map(|long| long.iter());
        long.find(|(at, _)| *at == place).map_or(short, |(_, words)| words)
    }

    pub(super) fn add(&mut self, id: [u32; 4]) {
        let start = self.words.len();
        if start == 0 {
            // Most types have either few rows or many.
            self.words.reserve_exact(self.stride as usize);
        }
        self.words.extend_from_slice(&id);
        self.words.resize(start + self.stride as usize, 0);
    }

    pub(super) fn set(&mut self, slot: Slot, offset: usize, value: u32) {
        let (place, stride) = (slot % PAGE_ROWS, self.stride as usize);
        if offset < stride
            && let Some(word) = self.words.get_mut(place as usize * stride + offset)
        {
            *word = value;
        }
        if let Some(long) = &mut self.long
            && let Some((_, long)) = long.iter_mut().find(|(at, _)| *at == place)
            && let Some(word) = long.get_mut(offset)
        {
            *word = value;
        }
    }

    /// Replaces all of a row but its id, its class and its number among the inner rows.
    pub(super) fn write(&mut self, slot: Slot, shape: u32, words: &[u32]) {
        self.seen.forget(slot);
        let (place, stride) = (slot % PAGE_ROWS, self.stride as usize);
        let mut header = [0; HEADER];
        header.iter_mut().zip(self.row(slot).words).for_each(|(word, kept)| *word = *kept);
        header[SHAPE] = shape;
        header[PARENTS] = words.get(PARENTS).copied().unwrap_or_default();
        if header[CLASS] == ABSENT {
            header[CLASS] = UNCLASSED;
        }
        if let Some(long) = &mut self.long {
            long.retain(|(at, _)| *at != place);
        }
        let columns = words.get(HEADER..).unwrap_or_default();
        let start = place as usize * stride;
        let home = self.words.get_mut(start..start + stride);
        if let Some((head, rest)) = home.and_then(|home| home.split_first_chunk_mut()) {
            *head = header;
            // A row that does not fit keeps its header here too.
            let fit = columns.get(..rest.len()).unwrap_or(columns);
            let (own, spare) = rest.split_at_mut(fit.len());
            own.copy_from_slice(fit);
            spare.fill(0);
        }
        if HEADER + columns.len() > stride {
            self.long.get_or_insert_default().push((place, [&header, columns].concat().into()));
            self.widen();
        }
    }

    /// Makes room for its long rows, unless few are much longer than the others.
    fn widen(&mut self) {
        let Some(long) = &self.long else { return };
        let wanted = long.iter().map(|(_, words)| words.len()).max().unwrap_or_default();
        let (stride, wanted) = (self.stride as usize, wanted.next_multiple_of(8));
        if wanted > stride * LONG_MIN && long.len() * LONG_MIN < self.len() {
            return;
        }
        let mut words = Words::with_capacity(0, self.len() * wanted);
        for place in 0..self.len() as u32 {
            let row = self.row(place).words;
            words.extend_from_slice(row.get(..wanted).unwrap_or(row));
            words.resize((place as usize + 1) * wanted, 0);
        }
        (self.words, self.stride, self.long) = (words, wanted as u32, None);
    }

    /// Notes the number of one of a row's parents among the inner rows.
    pub(super) fn number_parent(&mut self, slot: Slot, parent: usize, number: u32) {
        let row = self.row(slot);
        let (at, count) = (row.word(PARENTS) as usize, row.parents().len());
        if let Some(place) = self.heap.get_mut(at + 1 + count + parent) {
            *place = number;
        }
    }

    /// Where a row's words lead into the heap.
    fn heap_places(&self, place: u32, catalog: &Catalog) -> impl Iterator<Item = usize> + use<> {
        let shape = catalog.shape(self.row(place).word(SHAPE)).cloned();
        let columns = shape.as_ref().map_or(0, |shape| shape.columns.len());
        let offset = move |at: usize| {
            let column = shape.as_ref()?.columns.get(at)?;
            column.kind.in_heap().then_some(column.offset as usize)
        };
        (0..columns).filter_map(offset).chain([PARENTS])
    }

    fn blob<'h>(&self, heap: &'h [u32], place: u32, offset: usize) -> &'h [u32] {
        let from = self.row(place).word(offset) as usize;
        let words = heap.get(from..).unwrap_or_default();
        // The empty set at the start is everybody's.
        if from == 0 { &[] } else { words.get(..heap::size(words)).unwrap_or_default() }
    }

    /// Counts what a row leads to as left behind.
    pub(super) fn discard(&mut self, slot: Slot, catalog: &Catalog) {
        let place = slot % PAGE_ROWS;
        let left: usize = self
            .heap_places(place, catalog)
            .map(|offset| self.blob(&self.heap, place, offset).len())
            .sum();
        self.left += left as u32;
    }

    /// Drops from the heap what was left behind, when that is most of it.
    pub(super) fn compact(&mut self, catalog: &Catalog) {
        const SMALL: u32 = 256;
        if self.left < SMALL || (self.left as usize) < self.heap.len() / 2 {
            return;
        }
        let old = std::mem::replace(&mut self.heap, vec![heap::EMPTY_SET]);
        self.left = 0;
        for place in 0..self.len() as u32 {
            for offset in self.heap_places(place, catalog) {
                let blob = self.blob(&old, place, offset);
                if !blob.is_empty() {
                    self.set(place, offset, self.heap.len() as u32);
                    self.heap.extend(blob);
                }
            }
        }
    }
}
