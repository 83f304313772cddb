//! Rows, seen with what they lead to and with what they are in.

use std::sync::Arc;

use super::{Lane, Links, Look, Rows, Slot};
use crate::facts::around::{Around, Seen, SeenAt};
use crate::facts::key::{IdKey, RowKey, Spelling};
use crate::facts::layout::ABSENT;
use crate::facts::page::{PAGE_ROWS, Page, Row};

/// A row that was looked up by its entity's name.
#[derive(Clone, Copy)]
pub(crate) struct LookedUp<'w> {
    pub(crate) slot: Slot,
    pub(crate) row: Row<'w>,
    pub(crate) look: Look,
}

/// The hash of a type's number in these rows and of an id, and the two.
type Hashed<'i> = (u32, u32, RowKey<'i>);

/// A type by its number in the plan, and an id of it.
pub(crate) type Wanted<'i> = (u32, IdKey<'i>);

impl Rows {
    /// Two entities that are there, or that others name. `None` also where another has the hash of
    /// one of them: [`look_up`](Self::look_up) finds it.
    #[inline(always)]
    pub(crate) fn look_up_both(&self, [one, other]: [Wanted<'_>; 2]) -> Option<[LookedUp<'_>; 2]> {
        let (one, other) = (self.hashed(one), self.hashed(other));
        // Where they stand is asked before they are looked at: what each has to be fetched from memory
        // for is waited for once.
        let (first, second) = (self.ids.first(one.0)?, self.ids.first(other.0)?);
        let around = self.around.get();
        Some([self.look_if(first, one, around)?, self.look_if(second, other, around)?])
    }

    /// What is seen in a slot, if it is this entity's.
    #[inline(always)]
    fn look_if(
        &self,
        slot: Slot,
        (_, type_number, id): Hashed<'_>,
        around: Option<&Around>,
    ) -> Option<LookedUp<'_>> {
        let (page, row) = self.at_if(slot, type_number, id)?;
        let look = self.look_in(page, slot, row.class(), around);
        Some(LookedUp { slot, row, look })
    }

    /// An entity that is there, or that others name.
    #[inline]
    pub(crate) fn look_up(&self, wanted: Wanted<'_>) -> Option<LookedUp<'_>> {
        let (hash, type_number, id) = self.hashed(wanted);
        let (slot, (page, row)) = self.find(hash, type_number, id)?;
        let look = self.look_in(page, slot, row.class(), self.around.get());
        Some(LookedUp { slot, row, look })
    }

    #[inline(always)]
    fn hashed<'i>(&self, (type_number, id): Wanted<'i>) -> Hashed<'i> {
        let (type_number, id) = (self.plan_type(type_number), RowKey::of(id));
        (self.hash_of(type_number, id), type_number, id)
    }

    /// What is seen in a row and around it.
    #[inline]
    pub(crate) fn look(&self, slot: Slot) -> Look {
        self.look_at(slot).1
    }

    /// The same, with the row.
    #[inline(always)]
    pub(crate) fn look_at(&self, slot: Slot) -> (Row<'_>, Look) {
        match self.page(slot) {
            Some(page) => {
                let row = page.row(slot);
                (row, self.look_in(page, slot, row.class(), self.around.get()))
            }
            None => (Row::NONE, (ABSENT, SeenAt::NOTHING)),
        }
    }

    #[inline(always)]
    fn look_in(&self, page: &Page, slot: Slot, class: u32, around: Option<&Around>) -> Look {
        if !page.leads_on {
            return (class, SeenAt::NOTHING);
        }
        match around.and_then(|around| page.seen.get(around, slot).map(|at| (at, around))) {
            Some((at, around)) => (around.class(at).unwrap_or(class), at),
            None => self.look_around(page, slot, class),
        }
    }

    /// What was seen around a row of these facts.
    #[inline]
    pub(crate) fn seen(&self, at: SeenAt) -> Option<&Seen> {
        self.around.get()?.seen(at)
    }

    #[cold]
    fn look_around(&self, page: &Page, slot: Slot, class: u32) -> Look {
        let around = self
            .around
            .get_or_init(|| Around::new(&self.counts(), |number| self.links_of(number).are_led_to));
        let seen = self.plan.as_ref().and_then(|plan| plan.look_around(self, around, slot));
        let at = match seen {
            None => Some(SeenAt::NOTHING),
            Some(seen) => around.keep(seen),
        };
        if let Some(at) = at {
            page.seen.set(around, slot, at);
        }
        let at = at.unwrap_or(SeenAt::NOTHING);
        (around.class(at).unwrap_or(class), at)
    }

    pub(super) fn links_of(&self, type_number: usize) -> Links {
        self.links.get(type_number).copied().unwrap_or_default()
    }

    /// How many rows there are of each type.
    fn counts(&self) -> Vec<usize> {
        let of_lane = |lane: &Lane| {
            let (full, last) = lane
                .pages
                .split_last()
                .map_or((0, None), |(last, full)| (full.len(), self.pages.get(*last as usize)));
            full * PAGE_ROWS as usize + last.map_or(0, Page::len)
        };
        self.lanes.chunks(Spelling::COUNT).map(|lanes| lanes.iter().map(of_lane).sum()).collect()
    }

    /// Forgets what was seen around rows if a row that changed may be among it.
    pub(super) fn forget_around(&mut self, changed: Slot) {
        // What nobody else has, and nobody asked for yet, keeps nothing.
        if Arc::get_mut(&mut self.around).is_some_and(|around| around.get().is_none()) {
            return;
        }
        let type_number = self.type_number(changed);
        let is_above = self.links_of(type_number as usize).are_above && self.has_below(changed);
        if is_above || self.around.get().is_none_or(|around| around.is_few(type_number)) {
            self.around = Arc::default();
        }
    }
}
