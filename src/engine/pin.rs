//! The world that a thread asks.
//!
//! To take a world out of a place that writers change costs an exchange between processors, more than
//! a whole decision. So each thread keeps the world that it asked last, and looks whether another was
//! published since: a read of a word that only writers write.

use std::cell::RefCell;

use super::publication::Pinned;
use super::{Engine, World};

/// What one thread holds.
#[derive(Default)]
struct Pin {
    pinned: Option<Pinned<World>>,
    /// The engine that was asked last of those whose world was not at hand, by its address.
    passed: usize,
}

thread_local! {
    static PIN: RefCell<Pin> = RefCell::default();
}

impl Engine {
    /// Asks the world of this moment.
    ///
    /// The thread goes on holding it, until it asks this engine after a write, or another engine
    /// twice in a row, or ends: though the engine be dropped.
    #[inline]
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&World) -> T) -> T {
        // A thread that ends may have let go of it already.
        if PIN.try_with(|_| ()).is_err() {
            return ask(&self.world.load());
        }
        PIN.with(|cell| {
            // Who asks while it asks, from a struct that it passes, may find it taken.
            let pin = cell.try_borrow();
            if let Ok(pin) = &pin
                && let Some(pinned) = &pin.pinned
                && self.world.is_latest(pinned)
            {
                return ask(pinned.value());
            }
            drop(pin);
            self.pin(cell);
            ask(&self.world.load())
        })
    }

    #[cold]
    fn pin(&self, cell: &RefCell<Pin>) {
        let Ok(mut pin) = cell.try_borrow_mut() else { return };
        let address = std::ptr::from_ref(self).addr();
        let is_known = pin.pinned.as_ref().is_some_and(|it| self.world.has_pinned(it));
        // Who goes round many engines keeps none: that would cost more than it spares.
        if is_known || pin.passed == address {
            pin.pinned = self.world.pin();
        }
        pin.passed = address;
    }
}
