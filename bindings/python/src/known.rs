//! Environments that were asked in before, found by their names.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use doorward::{Engine, Environment, Record};
use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashMap};

use crate::uid::{Name, UNNUMBERED};

/// An environment, with what can be prepared for it.
pub(crate) struct Known {
    pub(crate) environment: Environment,
    /// Circumstances without attributes, where the schema takes them.
    pub(crate) nothing: Option<doorward::Context>,
    /// No other has it.
    pub(crate) number: u64,
}

/// The numbers of the types of principal and resource, and the type and the name of the action.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Names<'n> {
    types: [u32; 2],
    action: (&'n str, &'n str),
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    types: [u32; 2],
    action: (Box<str>, Box<str>),
}

impl Equivalent<Key> for Names<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.types == key.types
            && *self.action.1 == *key.action.1
            && *self.action.0 == *key.action.0
    }
}

/// As many as the schema declares: what is not declared is not kept.
#[derive(Default)]
pub(crate) struct Environments {
    known: RwLock<HashMap<Key, (u64, Arc<Known>), RandomState>>,
    /// How often policies were published: what was found before is of other policies.
    published: AtomicU64,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Environments {
    /// Asks in the environment of these types and this action; `None` where the schema declares none.
    ///
    /// What is asked may be asked while a lock for reading is held: it runs no code of Python's.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        engine: &Engine,
        [principal, resource]: [&Name; 2],
        action: (&str, &str),
        ask: impl FnOnce(Option<&Known>) -> T,
    ) -> T {
        let types = [principal.type_number, resource.type_number];
        if types.contains(&UNNUMBERED) {
            return ask(None);
        }
        let names = Names { types, action };
        let published = self.published.load(Ordering::Acquire);
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, known)) = known.get(&names)
                && *of == published
            {
                return ask(Some(known));
            }
        }
        match self.find(engine, [principal, resource], names, published) {
            Some(known) => ask(Some(&known)),
            None => ask(None),
        }
    }

    #[cold]
    fn find(
        &self,
        engine: &Engine,
        [principal, resource]: [&Name; 2],
        names: Names<'_>,
        published: u64,
    ) -> Option<Arc<Known>> {
        let action = doorward::EntityUid::new(names.action.0, names.action.1);
        let (principal, resource) = (principal.uid.type_name(), resource.uid.type_name());
        let environment = engine.environment(principal, action, resource).ok()?;
        let nothing = engine.context(&environment, Record::new()).ok();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let found = Arc::new(Known { environment, nothing, number });
        let action = (names.action.0.into(), names.action.1.into());
        let key = Key { types: names.types, action };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, (published, Arc::clone(&found)));
        Some(found)
    }

    /// Other policies were published.
    pub(crate) fn forget(&self) {
        self.published.fetch_add(1, Ordering::AcqRel);
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
