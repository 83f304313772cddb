//! Rows, seen with what they lead to and with what they are in.

use std::sync::Arc;

use super::{Lane, Links, Look, Rows, Slot};
use crate::facts::around::{Around, Seen, SeenAt};
use crate::facts::key::Spelling;
use crate::facts::layout::ABSENT;
use crate::facts::page::{PAGE_ROWS, Page};

impl Rows {
    /// What is seen in a row and around it.
    #[inline]
    pub(crate) fn look(&self, slot: Slot) -> Look {
        match self.page(slot) {
            Some(page) => self.look_in(page, slot),
            None => (ABSENT, SeenAt::NOTHING),
        }
    }

    #[inline]
    pub(super) fn look_in(&self, page: &Page, slot: Slot) -> Look {
        let class = page.row(slot).class();
        if !page.leads_on {
            return (class, SeenAt::NOTHING);
        }
        match self
            .around
            .get()
            .and_then(|around| page.seen.get(around, slot).map(|at| (at, around)))
        {
            Some((at, around)) => (around.seen(at).map_or(class, |seen| seen.class), at),
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
        (around.seen(at).map_or(class, |seen| seen.class), at)
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
