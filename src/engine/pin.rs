//! The world that a thread asks.
//!
//! To take a world out of a place that writers change costs an exchange between processors, more than
//! a whole decision. So each thread keeps the world that it asked last, and looks whether another was
//! published since: a read of a word that only writers write.

use std::cell::RefCell;

use super::publication::Pinned;
use super::{Engine, World};

#[derive(Default)]
struct Kept {
    pinned: Option<Pinned<World>>,
    /// The engine that was asked last without being kept, by its address.
    passed: usize,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

impl Engine {
    /// Asks the world of this moment.
    ///
    /// The thread goes on holding it, until it asks this engine after a write, or another engine
    /// twice in a row, or ends: though the engine be dropped.
    #[inline]
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&World) -> T) -> T {
        // A thread that ends may have let go of it already.
        if KEPT.try_with(|_| ()).is_err() {
            return ask(&self.world.load());
        }
        KEPT.with(|cell| {
            // Who asks while it asks, from a struct that it passes, may find it taken.
            let kept = cell.try_borrow();
            if let Ok(kept) = &kept
                && let Some(pinned) = &kept.pinned
                && self.world.is_latest(pinned)
            {
                return ask(pinned.value());
            }
            drop(kept);
            self.keep(cell);
            ask(&self.world.load())
        })
    }

    #[cold]
    fn keep(&self, cell: &RefCell<Kept>) {
        let Ok(mut kept) = cell.try_borrow_mut() else { return };
        let address = std::ptr::from_ref(self).addr();
        let is_known = kept.pinned.as_ref().is_some_and(|it| self.world.has_pinned(it));
        // Who goes round many engines keeps none: that would cost more than it spares.
        if is_known || kept.passed == address {
            kept.pinned = self.world.pin();
        }
        kept.passed = address;
    }
}
