//! How a value is replaced while others read it.
//!
//! `tests/model` compiles this file a second time, over primitives whose threads a model checker
//! schedules: it names `super::sync` and nothing else of the crate.

use super::sync::{Arc, ArcSwap, AtomicU64, Guard, Mutex, MutexGuard, Ordering, PoisonError};

/// A value that readers load without a lock, and writers replace one after the other.
///
/// INVARIANT (latest): what a turn publishes follows on the value that it replaces. `begin` upholds
/// it: it loads the value when it holds the lock, and only a turn replaces one.
pub(crate) struct Publication<T> {
    current: ArcSwap<T>,
    /// How often a publication began or ended: odd in between.
    count: Arc<AtomicU64>,
    writing: Mutex<()>,
}

/// A value that was loaded, to be used for as long as no other is published: to find that out costs
/// a reader one load, of a word that only writers write.
pub(crate) struct Pinned<T> {
    /// Whose it is.
    of: Arc<AtomicU64>,
    /// The count before it was loaded.
    count: u64,
    value: Arc<T>,
}

impl<T> Pinned<T> {
    pub(crate) fn value(&self) -> &Arc<T> {
        &self.value
    }
}

impl<T> Publication<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            current: ArcSwap::new(Arc::new(value)),
            count: Arc::new(AtomicU64::new(0)),
            writing: Mutex::new(()),
        }
    }

    /// The value of this moment, to keep until another is published. `None` while one is: nobody can
    /// say then which of the two others see.
    ///
    /// INVARIANT (latest): counted before the value is loaded, so that one that is published in
    /// between is taken for missed, and not the other way round.
    pub(crate) fn pin(&self) -> Option<Pinned<T>> {
        let count = self.count.load(Ordering::Acquire);
        count.is_multiple_of(2).then(|| Pinned {
            of: Arc::clone(&self.count),
            count,
            value: self.latest(),
        })
    }

    /// Whether a value is one of these.
    pub(crate) fn has_pinned(&self, pinned: &Pinned<T>) -> bool {
        Arc::ptr_eq(&self.count, &pinned.of)
    }

    /// Whether a value is that of this moment.
    #[inline]
    pub(crate) fn is_latest(&self, pinned: &Pinned<T>) -> bool {
        self.has_pinned(pinned) && self.count.load(Ordering::Acquire) == pinned.count
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
        Turn { of: self, latest: self.latest(), _lock: lock }
    }
}

/// The right to replace a value, until it is used or dropped.
#[must_use]
pub(crate) struct Turn<'p, T> {
    of: &'p Publication<T>,
    latest: Arc<T>,
    _lock: MutexGuard<'p, ()>,
}

impl<T> Turn<'_, T> {
    /// The value that this turn may replace.
    pub(crate) fn latest(&self) -> &T {
        &self.latest
    }

    /// Replaces the value: every load that starts once this returned sees the next.
    pub(crate) fn publish(self, next: T) {
        // Before anybody can load the next, nobody goes on with the one before.
        self.of.count.fetch_add(1, Ordering::AcqRel);
        self.of.current.store(Arc::new(next));
        self.of.count.fetch_add(1, Ordering::Release);
    }
}
