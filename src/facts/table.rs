//! Hash tables in pages that revisions share.

use super::paged::Paged;

const PAGE_ENTRIES: usize = 512;

/// A place in a table: a hash, and one more than what it leads to (none is 0).
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    hash: u32,
    next: u32,
}

/// Finds numbers by hash; who asks compares the keys. At most half full, with linear probing within
/// a page. Nothing is removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pages: Paged<[Entry; PAGE_ENTRIES]>,
    /// How many pages there are: asked for in each search.
    page_count: usize,
    len: usize,
}

impl Table {
    /// The number kept under this hash that `is` knows, and what it says of it.
    #[inline]
    pub(crate) fn find<T>(
        &self,
        hash: u32,
        mut is: impl FnMut(u32) -> Option<T>,
    ) -> Option<(u32, T)> {
        let page = self.pages.get(self.page_of(hash))?;
        let mut at = hash as usize % PAGE_ENTRIES;
        loop {
            let entry = page.get(at)?;
            let number = entry.next.checked_sub(1)?;
            if entry.hash == hash
                && let Some(found) = is(number)
            {
                return Some((number, found));
            }
            at = (at + 1) % PAGE_ENTRIES;
        }
    }

    /// The first number kept under this hash, be it what is looked for or not.
    #[inline]
    pub(crate) fn first(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| Some(())).map(|(number, ())| number)
    }

    /// Keeps a number under a hash. The key must not be there yet.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        if self.len >= self.page_count * PAGE_ENTRIES / 2 {
            self.grow(1);
        }
        let mut entry = Entry { hash, next: number + 1 };
        // One page can fill up before the whole: its hashes are the owner's, not at random.
        while let Some(refused) = self.place(entry) {
            entry = refused;
            self.grow(1);
        }
        self.len += 1;
    }

    fn place(&mut self, entry: Entry) -> Option<Entry> {
        let number = self.page_of(entry.hash);
        let Some(page) = self.pages.get_mut(number) else { return Some(entry) };
        let start = entry.hash as usize % PAGE_ENTRIES;
        let (before, after) = page.split_at_mut(start);
        // One place stays empty, so that every search ends.
        let mut free = after.iter_mut().chain(before).filter(|place| place.next == 0);
        match (free.next(), free.next()) {
            (Some(place), Some(_)) => {
                *place = entry;
                None
            }
            _ => Some(entry),
        }
    }

    /// Doubles the table as often as asked, or starts it.
    fn grow(&mut self, doublings: u32) {
        let count = (self.page_count << doublings).max(1);
        let mut pages = vec![[Entry::default(); PAGE_ENTRIES]; count];
        for entry in self.pages.iter().flat_map(|page| page.iter()).filter(|e| e.next != 0) {
            let start = entry.hash as usize % PAGE_ENTRIES;
            let free = pages.get_mut(page_of(entry.hash, count)).and_then(|page| {
                let (before, after) = page.split_at_mut(start);
                after.iter_mut().chain(before).find(|place| place.next == 0)
            });
            if let Some(place) = free {
                *place = *entry;
            }
        }
        let mut grown = Paged::default();
        for page in pages {
            grown.push(page);
        }
        self.pages = grown;
        self.page_count = count;
    }

    #[inline]
    fn page_of(&self, hash: u32) -> usize {
        page_of(hash, self.page_count)
    }
}

/// The upper bits of the hash choose the page, of a count that is a power of two.
#[inline]
fn page_of(hash: u32, count: usize) -> usize {
    ((u64::from(hash) * count as u64) >> 32) as usize
}
