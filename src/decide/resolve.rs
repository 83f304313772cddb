//! A request to the rows that it is about, checked on the way.

use std::cell::RefCell;

use super::reference;
use super::{Fault, Request};
use crate::engine::World;
use crate::facts::{EntityUid, IdKey, Rows, Slot};
use crate::plan::{ActionAt, Environment, Local, Scope};

/// A request whose names were found.
pub(super) struct Resolved<'r> {
    local: &'r Local,
    principal: Slot,
    action: Slot,
    resource: Slot,
    /// `None` where there is no schema to know it.
    pub(super) environment: Option<&'r Environment>,
}

thread_local! {
    /// Where what requests bring along is laid out, one request after the other.
    static SCRATCH: RefCell<Local> = RefCell::default();
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
            // Nothing that is called from here asks again; it would get a scratch of its own.
            let mut own = Local::default();
            let mut kept = scratch.try_borrow_mut();
            let local = kept.as_deref_mut().unwrap_or(&mut own);
            local.clear();
            for row in admitted.inline.values() {
                let plan_type = world.plan().type_number(row.uid().type_name());
                let _slot = local.add(rows, plan_type.unwrap_or(u32::MAX), *row);
            }
            local.set_context(rows, &admitted.context);
            let environment = world.plan().environment(
                request.principal().type_name(),
                request.action(),
                request.resource().type_name(),
            );
            world.plan().classify_local(rows, local, environment.map(Environment::context_type));
            let mut slot = |uid: &EntityUid| local.slot(rows, uid.type_name(), IdKey::of(uid.id()));
            let principal = slot(request.principal());
            let action = slot(request.action());
            let resource = slot(request.resource());
            Ok(decide(&Resolved { local, principal, action, resource, environment }))
        })
    }

    pub(super) fn scope<'w>(&'w self, rows: &'w Rows) -> Scope<'w> {
        let own = self.principal;
        Scope {
            rows,
            local: self.local,
            principal: self.principal,
            action: ActionAt::Slot(self.action),
            resource: self.resource,
            own,
        }
    }
}

/// What a request brings along, and the slots of its principal and of its resource. `None` where it
/// does not fit the schema.
pub(crate) fn laid_out<T>(
    world: &World,
    request: &Request,
    look: impl FnOnce(&Local, [Slot; 2]) -> T,
) -> Option<T> {
    Resolved::with(world, request, |it| look(it.local, [it.principal, it.resource])).ok()
}
