//! A request to the rows that it is about, checked on the way.

use std::cell::RefCell;
use std::sync::Arc;

use super::reference;
use super::{Fault, Request};
use crate::engine::World;
use crate::facts::{EntityUid, IdKey, Record, Rows, Slot};
use crate::plan::{Environment, Local, Scope};

/// A request whose names were found.
pub(super) struct Resolved<'r> {
    local: &'r Local,
    principal: Slot,
    action: Slot,
    resource: Slot,
    /// `None` where there is no schema to know it.
    pub(super) environment: Option<&'r Environment>,
}

/// A question whose names were resolved ahead.
pub(crate) struct Question<'q> {
    /// The plan's number of its environment.
    pub(crate) environment: u32,
    /// The plan's number of its type, and its id; so is the resource.
    pub(crate) principal: (u32, IdKey<'q>),
    pub(crate) resource: (u32, IdKey<'q>),
    /// What its context is known by, if it is the same each time.
    pub(crate) serial: Option<u64>,
}

/// Where what requests bring along is laid out, one request after the other.
#[derive(Default)]
struct Scratch {
    local: Local,
    /// The world and the context that it was laid out for last.
    laid_out: Option<(u64, u64)>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Question<'_> {
    /// Finds what the question names and has a scope of it decided.
    #[inline]
    pub(super) fn with_scope<T>(
        &self,
        world: &World,
        environment: &Environment,
        context: impl FnOnce() -> Arc<Record>,
        decide: impl FnOnce(Scope<'_>) -> T,
    ) -> T {
        let rows = world.facts().rows();
        let find =
            |(type_number, id): (u32, IdKey<'_>)| rows.slot_of(rows.plan_type(type_number), id);
        SCRATCH.with(|scratch| {
            let mut own = None;
            let mut kept = scratch.try_borrow_mut();
            let scratch = match kept.as_deref_mut() {
                Ok(kept) => kept,
                Err(_) => own.insert(Scratch::default()),
            };
            let wanted = self.serial.map(|serial| (world.serial(), serial));
            if wanted.is_none() || scratch.laid_out != wanted {
                scratch.lay_out(world, environment, &context());
                scratch.laid_out = wanted;
            }
            let (principal, resource) = match (find(self.principal), find(self.resource)) {
                (Some(principal), Some(resource)) => (principal, resource),
                (principal, resource) => {
                    // What no facts name: the request's own.
                    scratch.laid_out = None;
                    let local = &mut scratch.local;
                    let mut uid = |(type_number, id): (u32, IdKey<'_>), known: Option<Slot>| {
                        known.unwrap_or_else(|| {
                            let type_name = world.plan().type_name(type_number);
                            local.slot(rows, &EntityUid::new(type_name, id.text()))
                        })
                    };
                    (uid(self.principal, principal), uid(self.resource, resource))
                }
            };
            decide(Scope {
                rows,
                local: &scratch.local,
                principal,
                action: environment.action(rows),
                resource,
                own: principal,
            })
        })
    }
}

impl Scratch {
    #[cold]
    fn lay_out(&mut self, world: &World, environment: &Environment, context: &Record) {
        let rows = world.facts().rows();
        self.local.clear();
        self.local.set_context(rows, context);
        let context = Some(environment.context_type());
        world.plan().classify_local(rows, &mut self.local, context);
    }
}

impl Resolved<'_> {
    /// Checks a request and finds what it names.
    pub(super) fn with<T>(
        world: &World,
        request: &Request,
        decide: impl FnOnce(&Resolved<'_>) -> T,
    ) -> Result<T, Fault> {
        let admitted = reference::admit(world, request)?;
        let rows = world.facts().rows();
        SCRATCH.with(|scratch| {
            // A clock or a policy that asks again while it is asked gets a scratch of its own.
            let mut own = Scratch::default();
            let mut kept = scratch.try_borrow_mut();
            let scratch = kept.as_deref_mut().unwrap_or(&mut own);
            scratch.laid_out = None;
            let local = &mut scratch.local;
            local.clear();
            for row in admitted.inline.values() {
                local.add(rows, row);
            }
            local.set_context(rows, &admitted.context);
            let environment = world.plan().environment(
                request.principal().type_name(),
                request.action(),
                request.resource().type_name(),
            );
            world.plan().classify_local(rows, local, environment.map(Environment::context_type));
            let principal = local.slot(rows, request.principal());
            let action = local.slot(rows, request.action());
            let resource = local.slot(rows, request.resource());
            Ok(decide(&Resolved { local, principal, action, resource, environment }))
        })
    }

    pub(super) fn scope<'w>(&'w self, rows: &'w Rows) -> Scope<'w> {
        let own = self.principal;
        Scope {
            rows,
            local: self.local,
            principal: self.principal,
            action: self.action,
            resource: self.resource,
            own,
        }
    }
}
