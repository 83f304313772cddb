//! One principal in one set of circumstances, asked about many resources.

use super::compiled::{decision, evaluate};
use super::resolve::Question;
use super::{Decision, verdict};
use crate::engine::World;
use crate::facts::{EntityUid, IdKey, Record, Slot};
use crate::plan::{self, Environment, Local, Matter, Scope, Started};

/// What is looked up and laid out once.
pub(crate) struct Asker {
    local: Local,
    environment: u32,
    resource_type: u32,
    principal: Slot,
    action: Slot,
    /// Stands for every resource that nothing names.
    unknown: Slot,
}

/// An asker that has looked at the principal.
pub(crate) struct Asking<'a> {
    matter: Option<Matter<'a>>,
    started: Started<'a>,
}

impl Asker {
    pub(crate) fn new(world: &World, question: &Question<'_>, context: &Record) -> Self {
        let rows = world.facts().rows();
        let plan = world.plan();
        let mut local = Local::default();
        local.set_context(rows, context);
        let uid = |(type_number, id): (u32, IdKey<'_>)| {
            EntityUid::new(plan.type_name(type_number), id.text())
        };
        let principal = local.slot(rows, &uid(question.principal));
        let action = local.slot(rows, question.action);
        let resource_type = question.resource.0;
        let unknown = local.nobody(&plan.type_name(resource_type));
        let context = plan.environments.get(question.environment as usize);
        plan.classify_local(rows, &mut local, context.map(Environment::context_type));
        Self { local, environment: question.environment, resource_type, principal, action, unknown }
    }

    #[inline]
    pub(crate) fn find(&self, world: &World, id: IdKey<'_>) -> Option<Slot> {
        let rows = world.facts().rows();
        let known = rows.slot_of(rows.plan_type(self.resource_type), id);
        known.or_else(|| {
            // What the circumstances name, and no facts do.
            self.local.find(&world.plan().type_name(self.resource_type), &id.text())
        })
    }

    #[inline]
    pub(crate) fn slot(&self, world: &World, id: IdKey<'_>) -> Slot {
        self.find(world, id).unwrap_or(self.unknown)
    }

    pub(crate) fn begin<'a>(&'a self, world: &'a World) -> Asking<'a> {
        let plan = world.plan();
        let scope = Scope {
            rows: world.facts().rows(),
            local: &self.local,
            principal: self.principal,
            action: self.action,
            resource: self.unknown,
            own: self.principal,
        };
        let environment = plan.environments.get(self.environment as usize);
        let matter = environment.map(|environment| Matter { plan, environment, scope });
        let started = Started::new(matter.as_ref());
        Asking { matter, started }
    }
}

impl Asking<'_> {
    #[inline]
    pub(crate) fn decide(&mut self, world: &World, resource: Slot) -> Decision {
        let Some(matter) = &mut self.matter else {
            return super::refusal(world, Some(super::codes::UNKNOWN_ACTION));
        };
        matter.scope.resource = resource;
        let known = self.started.decide(matter);
        #[cfg(feature = "coverage")]
        crate::coverage::count_check(known.is_some());
        match known {
            Some(known) => decision(world, known),
            None => {
                let evaluator = plan::Evaluator { arena: &matter.plan.arena, scope: matter.scope };
                verdict(world, &evaluate(matter.plan, evaluator))
            }
        }
    }
}
