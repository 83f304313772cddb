//! Names from policy text, interned once for the life of the process.

use std::collections::HashSet;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::{Serialize, Serializer};

static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// A name or text from a policy bundle: a policy id, a reason code, a message.
///
/// Symbols are interned once per process and never freed, so that a [`Decision`](crate::Decision)
/// can carry them by value without an allocation or a shared counter. Only policy text makes
/// symbols; requests and facts never do, so their number is bounded by the policies a process
/// has loaded. Compare them with text.
///
/// # Example
///
/// ```
/// use doorward::Symbol;
///
/// const NOT_INVITED: Symbol = Symbol::of("NOT_INVITED");
/// assert_eq!(NOT_INVITED, "NOT_INVITED");
/// assert_eq!(NOT_INVITED.to_string(), NOT_INVITED.as_str());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(&'static str);

impl Symbol {
    /// Interns a name for good: for names that policies hold, never for what a caller sends.
    pub(crate) fn new(name: &str) -> Self {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let kept: &'static str = Box::leak(Box::from(name));
        names.insert(kept);
        Self(kept)
    }

    /// A name known when the library was built; no look-up.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl PartialEq<str> for Symbol {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Symbol {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}
