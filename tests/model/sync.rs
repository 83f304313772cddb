//! What `src/engine/sync.rs` names, made of threads that shuttle schedules.
//!
//! Shuttle's world is sequentially consistent: it finds wrong orders of right steps, not missing
//! barriers. Those are arc-swap's and the standard library's.

use std::ops::Deref;

use shuttle::sync::RwLock;
pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// arc-swap's cell: a load and a store are one step each, at which other threads may come between.
pub(crate) struct ArcSwap<T>(RwLock<Arc<T>>);

impl<T> ArcSwap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(RwLock::new(value))
    }

    pub(crate) fn load(&self) -> Guard<T> {
        Guard(self.load_full())
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap())
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.write().unwrap() = value;
    }
}

pub(crate) struct Guard<T>(Arc<T>);

impl<T> Deref for Guard<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}
