//! One principal in one set of circumstances, asked about many resources.

use std::sync::OnceLock;

use super::compiled::{decision, evaluate};
use super::resolve::Question;
use super::{Decision, verdict};
use crate::engine::World;
use crate::facts::{EntityUid, IdKey, Record, Slot};
use crate::plan::{self, Local, Matter, Scope, Start};

/// What is looked up and laid out once.
pub(crate) struct Asker {
    local: Local,
    principal: Slot,
    /// An entity of each of the plan's types that nothing names.
    nobodies: Box<[Slot]>,
    /// What each environment's machine knows of the principal.
    starts: Box<[OnceLock<Start>]>,
}

impl Asker {
    pub(crate) fn new(
        world: &World,
        principal: (u32, IdKey<'_>),
        context_type: u32,
        context: &Record,
    ) -> Self {
        let (rows, plan) = (world.facts().rows(), world.plan());
        let mut local = Local::default();
        local.set_context(rows, context);
        let (type_number, id) = principal;
        let principal = local.slot(rows, &EntityUid::new(plan.type_name(type_number), id.text()));
        plan.classify_local(rows, &mut local, Some(context_type));
        let nobodies = plan.types.iter().map(|plan| local.nobody(&plan.name)).collect();
        let starts = plan.environments.iter().map(|_| OnceLock::new()).collect();
        Self { local, principal, nobodies, starts }
    }

    /// The slot of an entity that is there, or that facts or the circumstances name.
    #[inline]
    pub(crate) fn find(&self, world: &World, (type_number, id): (u32, IdKey<'_>)) -> Option<Slot> {
        let rows = world.facts().rows();
        let known = rows.slot_of(rows.plan_type(type_number), id);
        known.or_else(|| self.local.find(&world.plan().type_name(type_number), &id.text()))
    }

    #[inline]
    pub(crate) fn decide(&self, world: &World, question: &Question<'_>) -> Decision {
        match self.find(world, question.resource) {
            Some(resource) => self.decide_found(world, question, resource),
            None => {
                let nobody = self.nobodies.get(question.resource.0 as usize).copied();
                self.decide_found(world, question, nobody.unwrap_or(Slot::MAX))
            }
        }
    }

    #[inline]
    pub(crate) fn decide_found(
        &self,
        world: &World,
        question: &Question<'_>,
        resource: Slot,
    ) -> Decision {
        let plan = world.plan();
        let index = question.environment as usize;
        let (Some(environment), Some(start)) =
            (plan.environments.get(index), self.starts.get(index))
        else {
            return super::refusal(world, Some(super::codes::UNKNOWN_ACTION));
        };
        let scope = Scope {
            rows: world.facts().rows(),
            local: &self.local,
            principal: self.principal,
            action: environment.action(world.facts().rows()),
            resource,
            own: self.principal,
        };
        let matter = Matter { plan, environment, scope };
        let known = environment.machine.as_ref().and_then(|machine| {
            let start = start.get_or_init(|| machine.begin(&matter));
            machine.resume(&matter, start)
        });
        #[cfg(feature = "coverage")]
        crate::coverage::count_check(known.is_some());
        match known {
            Some(known) => decision(world, known),
            None => {
                let evaluator = plan::Evaluator { arena: &plan.arena, scope };
                verdict(world, &evaluate(plan, evaluator))
            }
        }
    }
}
