//! What rows lead to, kept beside them.
//!
//! Many rows lead to few: documents to their client, its tenant, their kind. What a plan makes of a
//! row together with the few that it leads to is worked out when somebody first asks, and kept in
//! the row's page under a stamp; so is what a row is in. A write to one of the few, or to a row that may
//! be above others, gives the facts another stamp, so that nothing that was kept before is found any
//! more; a write to the row itself forgets its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};

use foldhash::fast::RandomState;

use super::chunks::Chunks;
use super::layout::UNCLASSED;
use super::page::PAGE_ROWS;
use super::rows::Slot;

/// The bits of what a page keeps that number what was found; those above are the stamp.
const NUMBER_BITS: u32 = 16;
/// The number of rows around which nothing is kept.
const NOTHING: u64 = (1 << NUMBER_BITS) - 1;
/// A type has few rows if there are so many times as many of all types: they are much read and
/// little written. The comparison with Cedar has three types or four, of as many rows each: a third is
/// few there, or hardly any would be.
const FEW: usize = if cfg!(feature = "coverage") { 3 } else { 4 };
/// What stands in the rows of a type is kept if they are no more than so many. The comparison with
/// Cedar makes too few rows to have more of any type.
const HANDFUL_MAX: usize = if cfg!(feature = "coverage") { 6 } else { 64 };

/// What a plan sees in a row together with the rows that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// The class word of the row as one that has these around it.
    pub(crate) class: u32,
    /// What stands in them, where the plan compares it with what stands elsewhere: words in an order
    /// of the plan's own.
    pub(crate) words: Box<[u32]>,
}

/// The number of what was seen around a row, in the facts of one stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenAt(u32);

impl SeenAt {
    pub(crate) const NOTHING: Self = Self(NOTHING as u32);
}

/// How many rows of a type there are, beside those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    /// Or nobody looks from others to them.
    Many,
    /// They are looked at.
    Few,
    /// So few that what stands in them is kept, too.
    Handful,
}

type AllSeen = Chunks<Seen, 64, 64>;

/// What was seen around the rows of some facts.
pub(crate) struct Around {
    stamp: u64,
    /// By type.
    counts: Box<[Count]>,
    seen: AllSeen,
    /// The class words of what was seen, by number: each question asks for two of them. Beside what was
    /// seen, since that stands two lines of the processor's cache further on.
    classes: Box<[AtomicU32; AllSeen::ROOM]>,
    /// What rows are asked to be in.
    aims: OnceLock<Box<[Slot]>>,
    numbers: Mutex<HashMap<Seen, u32, RandomState>>,
}

impl Around {
    /// `counts` are the numbers of rows by type; `is_wanted` says which types rows lead to.
    pub(super) fn new(counts: &[usize], is_wanted: impl Fn(usize) -> bool) -> Self {
        static STAMPS: AtomicU64 = AtomicU64::new(1);
        let all: usize = counts.iter().sum();
        let count = |(number, count): (usize, &usize)| match *count {
            count if !is_wanted(number) || count * FEW > all => Count::Many,
            ..=HANDFUL_MAX => Count::Handful,
            _ => Count::Few,
        };
        Self {
            stamp: STAMPS.fetch_add(1, Ordering::Relaxed),
            counts: counts.iter().enumerate().map(count).collect(),
            seen: AllSeen::default(),
            classes: Box::new([const { AtomicU32::new(UNCLASSED) }; AllSeen::ROOM]),
            aims: OnceLock::new(),
            numbers: Mutex::default(),
        }
    }

    fn count(&self, type_number: u32) -> Count {
        self.counts.get(type_number as usize).copied().unwrap_or(Count::Many)
    }

    /// Whether rows of a type are looked at from others.
    pub(crate) fn is_few(&self, type_number: u32) -> bool {
        self.count(type_number) != Count::Many
    }

    /// Whether what stands in them is kept, too.
    pub(crate) fn is_handful(&self, type_number: u32) -> bool {
        self.count(type_number) == Count::Handful
    }

    /// What rows are asked to be in, ascending; found the first time.
    pub(crate) fn aims(&self, find: impl FnOnce() -> Box<[Slot]>) -> &[Slot] {
        self.aims.get_or_init(find)
    }

    #[inline]
    pub(crate) fn seen(&self, at: SeenAt) -> Option<&Seen> {
        self.seen.get(at.0 as usize)
    }

    /// The class word of what was seen; `None` at [`SeenAt::NOTHING`].
    #[inline(always)]
    pub(super) fn class(&self, at: SeenAt) -> Option<u32> {
        self.classes.get(at.0 as usize).map(|class| class.load(Ordering::Relaxed))
    }

    /// Keeps what was seen. `None` while somebody else does.
    pub(super) fn keep(&self, seen: Seen) -> Option<SeenAt> {
        let mut numbers = match self.numbers.try_lock() {
            Ok(numbers) => numbers,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if let Some(known) = numbers.get(&seen) {
            return Some(SeenAt(*known));
        }
        let at = numbers.len();
        // When they are too many, the rows that come last go without.
        let Some(class) = self.classes.get(at) else { return Some(SeenAt::NOTHING) };
        class.store(seen.class, Ordering::Relaxed);
        let _is_new = self.seen.put(at, seen.clone());
        numbers.insert(seen, at as u32);
        Some(SeenAt(at as u32))
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Around({})", self.stamp)
    }
}

/// What was seen around each row of a page.
#[derive(Default)]
pub(super) struct SeenInPage(OnceLock<Box<OfRows>>);

type OfRows = [AtomicU64; PAGE_ROWS as usize];

impl SeenInPage {
    #[inline]
    pub(super) fn get(&self, around: &Around, slot: Slot) -> Option<SeenAt> {
        let kept = self.0.get()?.get((slot % PAGE_ROWS) as usize)?.load(Ordering::Acquire);
        (kept >> NUMBER_BITS == around.stamp).then_some(SeenAt((kept & NOTHING) as u32))
    }

    pub(super) fn set(&self, around: &Around, slot: Slot, at: SeenAt) {
        let kept = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; _]));
        if let Some(kept) = kept.get((slot % PAGE_ROWS) as usize) {
            kept.store(around.stamp << NUMBER_BITS | u64::from(at.0), Ordering::Release);
        }
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        if let Some(kept) = self.0.get_mut().and_then(|it| it.get_mut((slot % PAGE_ROWS) as usize))
        {
            *kept.get_mut() = 0;
        }
    }
}

impl Clone for SeenInPage {
    fn clone(&self) -> Self {
        let copy =
            |all: &OfRows| all.each_ref().map(|kept| AtomicU64::new(kept.load(Ordering::Acquire)));
        Self(self.0.get().map_or_else(OnceLock::new, |all| OnceLock::from(Box::new(copy(all)))))
    }
}
