//! How a value is replaced while others read it.
//!
//! `tests/model` compiles this file a second time, over primitives whose threads a model checker
//! schedules: it names `super::sync` and nothing else of the crate.

use super::sync::{Arc, ArcSwap, Guard, Mutex, MutexGuard, PoisonError};

/// A value that readers load without a lock, and writers replace one after the other.
///
/// INVARIANT (latest): what a turn publishes follows on the value that it replaces. `begin` upholds
/// it: it loads the value when it holds the lock, and only a turn replaces one.
pub(crate) struct Publication<T> {
    current: ArcSwap<T>,
    writing: Mutex<()>,
}

impl<T> Publication<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { current: ArcSwap::new(Arc::new(value)), writing: Mutex::new(()) }
    }

    /// The value of this moment, for a short while: many guards at a time make loads slower.
    pub(crate) fn load(&self) -> Guard<T> {
        self.current.load()
    }

    /// The value of this moment, to keep.
    pub(crate) fn latest(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Waits for the writer before, then holds off the next.
    pub(crate) fn begin(&self) -> Turn<'_, T> {
        // A writer that panicked has published all of a value or nothing.
        let lock = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { current: &self.current, latest: self.latest(), _lock: lock }
    }
}

/// The right to replace a value, until it is used or dropped.
#[must_use]
pub(crate) struct Turn<'p, T> {
    current: &'p ArcSwap<T>,
    latest: Arc<T>,
    _lock: MutexGuard<'p, ()>,
}

impl<T> Turn<'_, T> {
    /// The value that this turn may replace.
    pub(crate) fn latest(&self) -> &T {
        &self.latest
    }

    /// Replaces the value: every load that starts from now on sees the next.
    pub(crate) fn publish(self, next: T) {
        self.current.store(Arc::new(next));
    }
}
