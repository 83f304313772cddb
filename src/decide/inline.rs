//! Questions about what hosts keep in tables of their own, passed as structs.

use std::cell::RefCell;

use super::Decision;
use super::asker::{Asked, Circumstances, Found, Slots};
use crate::engine::World;
use crate::facts::{AsEntity, IdKey, Outline, Record};
use crate::plan::Local;

thread_local! {
    /// Where structs are laid out, one request after the other.
    static SCRATCH: RefCell<Local> = RefCell::default();
}

/// The circumstances of a question.
pub(crate) enum Given<'c> {
    /// Laid out before, alike for all facts.
    LaidOut(&'c Circumstances),
    Record(&'c Record),
}

/// Decides about the first of some rows that no facts hold. `None` where anything of it needs a
/// closer look: all that [`admit`](super::reference::admit) refuses, and rows whose form does not
/// tell that they fit.
pub(crate) fn decide_inline(
    world: &World,
    asked: Asked,
    principal: IdKey<'_>,
    rows: &[&dyn AsEntity],
    circumstances: &Given<'_>,
) -> Option<Decision> {
    SCRATCH.with(|scratch| {
        // A struct that asks again while it is written goes the long way.
        let local = &mut *scratch.try_borrow_mut().ok()?;
        let (plan, facts) = (world.plan(), world.facts().rows());
        let types = world.policies().types()?;
        let digest = world.policies().digest();
        local.clear();
        for (at, row) in rows.iter().enumerate() {
            let type_name = row.type_name();
            let plan_type = if at == 0 { asked.resource } else { plan.type_number(type_name)? };
            if !world.may_be_inline(type_name) {
                return None;
            }
            let slot = local.add(facts, plan_type, *row)?;
            let fits = |form: Outline<'_>| types.fits_form(type_name, form);
            if facts.is_fact(slot) || !local.fits(digest.as_bytes(), type_name, fits) {
                return None;
            }
        }
        if local.has_parents_of_its_own() {
            return None;
        }
        match circumstances {
            Given::LaidOut(circumstances) => local.share_context(circumstances.context()),
            Given::Record(record) => {
                local.set_context(facts, record);
                plan.classify_context(facts, local, asked.context);
            }
        }
        plan.classify_rows(facts, local);
        let principal = match facts.slot_of(facts.plan_type(asked.principal), principal) {
            Some(principal) => principal,
            None => local.slot(facts, &plan.type_name(asked.principal), principal),
        };
        let resource = local.slot_at(0)?;
        let ends = [principal, resource].map(|it| Found::alone(it, local.class(facts, it)));
        Some(Slots { world, environment: asked.environment, local, ends }.decide())
    })
}
