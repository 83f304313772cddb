//! The protocol of publication, and ways to get it wrong.

use crate::publication::{Pinned, Publication};
use crate::sync::{Arc, ArcSwap, AtomicU64, Mutex, Ordering};

/// What a world stands for here: which policies and facts writers published, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct World {
    pub(crate) policies: u32,
    pub(crate) facts: u32,
    pub(crate) revision: u32,
}

impl World {
    pub(crate) fn with_policies(self, policies: u32) -> Self {
        Self { policies, revision: self.revision + 1, ..self }
    }

    pub(crate) fn with_facts(self, facts: u32) -> Self {
        Self { facts, revision: self.revision + 1, ..self }
    }
}

/// How a world is read and replaced.
pub(crate) trait Protocol: Send + Sync + 'static {
    fn new() -> Self;

    fn load(&self) -> World;

    /// Publishes what `next` makes of the latest world, if it makes anything.
    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>);
}

/// The engine's own.
impl Protocol for Publication<World> {
    fn new() -> Self {
        Self::new(World::default())
    }

    fn load(&self) -> World {
        **Self::load(self)
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let turn = self.begin();
        if let Some(next) = next(*turn.latest()) {
            turn.publish(next);
        }
    }
}

/// The engine's own, read by a thread that pins what it loaded.
pub(crate) struct Pinning {
    worlds: Publication<World>,
    pinned: Mutex<Option<Pinned<World>>>,
}

impl Pinning {
    /// Reads as a thread that pinned nothing.
    pub(crate) fn load_anew(&self) -> World {
        **self.worlds.load()
    }
}

impl Protocol for Pinning {
    fn new() -> Self {
        Self { worlds: Protocol::new(), pinned: Mutex::new(None) }
    }

    fn load(&self) -> World {
        let mut pinned = self.pinned.lock().unwrap();
        match &*pinned {
            Some(pinned) if self.worlds.is_latest(pinned) => **pinned.value(),
            _ => {
                *pinned = self.worlds.pin();
                pinned.as_ref().map_or_else(|| self.load_anew(), |pinned| **pinned.value())
            }
        }
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let turn = self.worlds.begin();
        if let Some(next) = next(*turn.latest()) {
            turn.publish(next);
        }
    }
}

/// Counts a world after it was loaded, and so takes an old one for the latest.
pub(crate) struct CountsTooLate {
    current: ArcSwap<World>,
    count: AtomicU64,
    writing: Mutex<()>,
    pinned: Mutex<Option<(u64, World)>>,
}

impl Protocol for CountsTooLate {
    fn new() -> Self {
        Self {
            current: ArcSwap::new(Arc::default()),
            count: AtomicU64::new(0),
            writing: Mutex::new(()),
            pinned: Mutex::new(None),
        }
    }

    fn load(&self) -> World {
        let mut pinned = self.pinned.lock().unwrap();
        match *pinned {
            Some((count, world)) if count == self.count.load(Ordering::SeqCst) => world,
            _ => {
                let world = **self.current.load();
                pinned.insert((self.count.load(Ordering::SeqCst), world)).1
            }
        }
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let _turn = self.writing.lock().unwrap();
        if let Some(next) = next(**self.current.load()) {
            self.current.store(Arc::new(next));
            self.count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Derives the next world from one that was loaded before the turn began.
pub(crate) struct LoadsTooEarly {
    current: ArcSwap<World>,
    writing: Mutex<()>,
}

impl Protocol for LoadsTooEarly {
    fn new() -> Self {
        Self { current: ArcSwap::new(Arc::default()), writing: Mutex::new(()) }
    }

    fn load(&self) -> World {
        **self.current.load()
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let latest = Protocol::load(&**self);
        let _turn = self.writing.lock().unwrap();
        if let Some(next) = next(latest) {
            self.current.store(Arc::new(next));
        }
    }
}

/// Returns from a write before the world is there to load.
pub(crate) struct StoresTooLate(Publication<World>);

impl Protocol for StoresTooLate {
    fn new() -> Self {
        Self(Protocol::new())
    }

    fn load(&self) -> World {
        Protocol::load(&self.0)
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let turn = self.0.begin();
        let next = next(*turn.latest());
        drop(turn);
        let own = Arc::clone(self);
        shuttle::thread::spawn(move || {
            if let Some(next) = next {
                own.0.begin().publish(next);
            }
        });
    }
}

/// Keeps policies and facts apart, each swapped on its own.
pub(crate) struct SwapsInHalves {
    policies: ArcSwap<u32>,
    facts: ArcSwap<u32>,
    revision: ArcSwap<u32>,
    writing: Mutex<()>,
}

impl Protocol for SwapsInHalves {
    fn new() -> Self {
        let zero = || ArcSwap::new(Arc::new(0));
        Self { policies: zero(), facts: zero(), revision: zero(), writing: Mutex::new(()) }
    }

    fn load(&self) -> World {
        World {
            policies: **self.policies.load(),
            facts: **self.facts.load(),
            revision: **self.revision.load(),
        }
    }

    fn write(self: &Arc<Self>, next: impl FnOnce(World) -> Option<World>) {
        let _turn = self.writing.lock().unwrap();
        if let Some(next) = next(Protocol::load(&**self)) {
            self.policies.store(Arc::new(next.policies));
            self.facts.store(Arc::new(next.facts));
            self.revision.store(Arc::new(next.revision));
        }
    }
}
