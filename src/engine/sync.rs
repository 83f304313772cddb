//! The primitives that [`publication`](super::publication) is made of, by one name each, so that
//! `tests/model` can put a model checker's in their place.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use arc_swap::ArcSwap;

/// A value as it was when it was loaded.
pub(crate) type Guard<T> = arc_swap::Guard<Arc<T>>;
