//! Many principals asked about many resources.

use std::sync::Arc;

use super::World;
use super::asking::{Context, Environment};
use crate::decide::{Asked, Circumstances, Decision};
use crate::facts::Slot;
use crate::plan::{AtStep, Sought};
use crate::query;

/// Rows of one world, any of which may be asked about any other in circumstances that were laid out
/// ahead: where a [`Checker`](super::Checker) for each principal would cost more than its questions.
pub(crate) struct Pairs {
    world: Arc<World>,
    asked: Asked,
    circumstances: Circumstances,
    at_step: Option<Arc<AtStep>>,
}

impl Pairs {
    /// `None` where each question has to be asked as a whole request: it is to be decided twice, or
    /// the policies are other ones or not all compiled. `step` is that of [`forbids_at_step`].
    ///
    /// [`forbids_at_step`]: Self::forbids_at_step
    pub(crate) fn new(
        world: &Arc<World>,
        environment: &Environment,
        context: &Context,
        step: u8,
    ) -> Option<Self> {
        if world.shadow().is_some() || !environment.takes(context, world) {
            return None;
        }
        let circumstances = context.laid_out(world, world.now());
        let (plan, asked) = (world.plan(), environment.asked());
        let at_step = plan
            .environments
            .get(asked.environment as usize)
            .map(|it| it.at_step(&plan.rules, step));
        Some(Self { world: Arc::clone(world), asked, circumstances, at_step })
    }

    pub(crate) fn check(&self, principal: Slot, resource: Slot) -> Decision {
        self.circumstances.decide_rows(&self.world, self.asked, [principal, resource])
    }

    /// Whether a forbid of the step refuses, or cannot be evaluated, whatever else does.
    pub(crate) fn forbids_at_step(&self, principal: Slot, resource: Slot) -> bool {
        self.at_step.as_ref().is_none_or(|at_step| {
            self.circumstances.forbids_at(&self.world, self.asked, [principal, resource], at_step)
        })
    }

    /// The principals that may come to a resource, and others.
    pub(crate) fn principals(&self, resource: Slot) -> Vec<Slot> {
        let (sought, local) = (Sought::Principal, self.circumstances.local());
        query::candidates(&self.world, self.asked, sought, resource, local, None)
    }
}
