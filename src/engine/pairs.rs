//! Many principals asked about many resources.

use std::sync::Arc;

use super::World;
use super::asking::{Context, Environment};
use crate::decide::{Asked, Circumstances, Decision};
use crate::facts::Slot;
use crate::plan::Sought;
use crate::query;

/// Rows of one world, any of which may be asked about any other in circumstances that were laid out
/// ahead: where a [`Checker`](super::Checker) for each principal would cost more than its questions.
pub(crate) struct Pairs {
    world: Arc<World>,
    asked: Asked,
    circumstances: Circumstances,
}

impl Pairs {
    /// `None` where each question has to be asked as a whole request: it is to be decided twice, or
    /// the policies are other ones or not all compiled.
    pub(crate) fn new(
        world: &Arc<World>,
        environment: &Environment,
        context: &Context,
    ) -> Option<Self> {
        if world.shadow().is_some() || !environment.takes(context, world) {
            return None;
        }
        let circumstances = context.laid_out(world, world.now());
        Some(Self { world: Arc::clone(world), asked: environment.asked(), circumstances })
    }

    pub(crate) fn check(&self, principal: Slot, resource: Slot) -> Decision {
        self.circumstances.decide_rows(&self.world, self.asked, [principal, resource])
    }

    /// Whether a forbid of a step refuses, or cannot be evaluated, whatever else does.
    pub(crate) fn forbids_at(&self, principal: Slot, resource: Slot, step: u8) -> bool {
        self.circumstances.forbids_at(&self.world, self.asked, [principal, resource], step)
    }

    /// The principals that may come to a resource, and others.
    pub(crate) fn principals(&self, resource: Slot) -> Vec<Slot> {
        let (sought, local) = (Sought::Principal, self.circumstances.local());
        query::candidates(&self.world, self.asked, sought, resource, local, None)
    }
}
