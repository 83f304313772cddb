//! Questions whose names are looked up already: by ids, and by one principal about many resources.

use std::cell::RefCell;
use std::sync::Arc;

use super::compiled::{decide_by_all, decide_known, forbids_at, known};
use super::{Decision, codes, refused};
use crate::engine::World;
use crate::facts::{IdKey, Look, LookedUp, Record, Row, Rows, SeenAt, Slot, Timestamp};
use crate::plan::{ActionAt, AtStep, Entered, Half, Local, LocalRow, Matter, Scope, Verdict};

/// The plan's numbers for what is asked: an environment, and the types that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The plan's own, by which it is told from others.
    pub(crate) plan: u64,
    pub(crate) environment: u32,
    pub(crate) principal: u32,
    pub(crate) resource: u32,
    pub(crate) context: u32,
}

/// Circumstances as rows.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances(Arc<Local>);

/// Circumstances that were laid out for a world, to be used again.
#[derive(Default)]
struct Kept {
    /// The serials of the world and of the circumstances.
    of: Option<(u64, u64)>,
    local: Local,
}

/// How many of them a thread keeps.
const KEPT: usize = 4;

thread_local! {
    /// With the place that was written last.
    static CIRCUMSTANCES: RefCell<([Kept; KEPT], usize)> = RefCell::default();
}

impl Circumstances {
    pub(crate) fn new(world: &World, context_type: u32, context: &Record) -> Self {
        let mut local = Local::default();
        lay_out(&mut local, world, context_type, context);
        Self(Arc::new(local))
    }

    /// Whether they are laid out alike over all facts: they name no entity and no text.
    pub(crate) fn name_nothing(&self) -> bool {
        self.0.names_nothing()
    }

    pub(super) fn context(&self) -> &Arc<LocalRow> {
        &self.0.context
    }

    /// What they bring along.
    pub(crate) fn local(&self) -> &Local {
        &self.0
    }

    /// Decides by ids.
    #[inline]
    pub(crate) fn decide(&self, world: &World, asked: &Asked, ends: [&IdKey<'_>; 2]) -> Decision {
        decide_by_ids(world, asked, ends, &self.0)
    }

    /// Decides about two rows of the facts.
    pub(crate) fn decide_rows(&self, world: &World, asked: Asked, ends: [Slot; 2]) -> Decision {
        self.slots(world, asked, ends).decide()
    }

    /// Whether a forbid of a step refuses two rows of the facts, or cannot be evaluated on them.
    pub(crate) fn forbids_at(
        &self,
        world: &World,
        asked: Asked,
        ends: [Slot; 2],
        at_step: &AtStep,
    ) -> bool {
        let slots = self.slots(world, asked, ends);
        slots.matter(None).is_none_or(|matter| forbids_at(&matter, at_step))
    }

    fn slots<'w>(&'w self, world: &'w World, asked: Asked, ends: [Slot; 2]) -> Slots<'w> {
        let rows = world.facts().rows();
        let ends = ends.map(|slot| Found::at(rows, slot));
        Slots { world, environment: asked.environment, local: &self.0, ends }
    }
}

/// Decides by ids, in circumstances that have to be laid out for this world or this moment.
///
/// `serial` tells them from all others; `now` is the moment, where they leave it to the engine.
pub(crate) fn decide_in(
    world: &World,
    asked: &Asked,
    ends: [&IdKey<'_>; 2],
    (serial, context, now): (u64, &Record, Option<Timestamp>),
) -> Decision {
    CIRCUMSTANCES.with(|kept| {
        let mut own = Kept::default();
        let mut all = kept.try_borrow_mut();
        let kept = match all.as_deref_mut() {
            // Nothing that is called from here asks again; it would get one of its own.
            Err(_) => &mut own,
            Ok((kept, next)) => {
                let of = Some((world.serial(), serial));
                let at = kept.iter().position(|kept| kept.of == of).unwrap_or_else(|| {
                    *next = (*next + 1) % KEPT;
                    *next
                });
                kept.get_mut(at).unwrap_or(&mut own)
            }
        };
        let of = Some((world.serial(), serial));
        let is_of_now = now.is_none_or(|now| {
            !world.plan().tests_now(asked.context) && kept.local.set_now(now.as_ms())
        });
        if kept.of != of || !is_of_now {
            kept.of = None;
            match now {
                None => lay_out(&mut kept.local, world, asked.context, context),
                Some(now) => {
                    let context = with_now(context, now);
                    lay_out(&mut kept.local, world, asked.context, &context);
                }
            }
            kept.of = of;
        }
        decide_by_ids(world, asked, ends, &kept.local)
    })
}

/// A context with the moment.
pub(crate) fn with_now(context: &Record, now: Timestamp) -> Record {
    let mut context = context.clone();
    context.insert("now".into(), now.into());
    context
}

fn lay_out(local: &mut Local, world: &World, context_type: u32, context: &Record) {
    let rows = world.facts().rows();
    local.clear();
    local.set_context(rows, context);
    world.plan().classify_local(rows, local, Some(context_type));
}

#[inline]
fn decide_by_ids(
    world: &World,
    asked: &Asked,
    [principal, resource]: [&IdKey<'_>; 2],
    local: &Local,
) -> Decision {
    decide_known(world, known_by_ids(world, asked, principal, resource, local), || {
        decide_named(world, asked, [principal, resource], local)
    })
}

/// What a machine says of entities that facts name; `None` also where they are not found at first
/// sight. Takes what fits in registers.
#[inline(never)]
fn known_by_ids(
    world: &World,
    asked: &Asked,
    principal: &IdKey<'_>,
    resource: &IdKey<'_>,
    local: &Local,
) -> Option<Verdict> {
    let wanted = [(asked.principal, *principal), (asked.resource, *resource)];
    let [one, other] = world.facts().rows().look_up_both(wanted)?;
    let ends = [Found::of(&one), Found::of(&other)];
    let slots = Slots { world, environment: asked.environment, local, ends };
    known(&Matter { ends: Some([one.row, other.row]), ..slots.matter(None)? })
}

/// Decides where that was not enough: about what no facts name, about what shares its hash with
/// another, or by all policies.
#[cold]
fn decide_named(world: &World, asked: &Asked, ends: [&IdKey<'_>; 2], local: &Local) -> Decision {
    let rows = world.facts().rows();
    let environment = asked.environment;
    let [principal, resource] = ends;
    let one = Found::by_id(rows, asked.principal, *principal);
    let other = Found::by_id(rows, asked.resource, *resource);
    if let (Some(one), Some(other)) = (one, other) {
        return Slots { world, environment, local, ends: [one, other] }.decide();
    }
    let mut local = local.clone();
    let principal = name(world, &mut local, asked.principal, *principal);
    let resource = name(world, &mut local, asked.resource, *resource);
    let ends = [principal, resource].map(|slot| Found::at(rows, slot));
    Slots { world, environment, local: &local, ends }.decide()
}

/// The slot of an entity, of the request's own where no facts name it.
fn name(world: &World, local: &mut Local, type_number: u32, id: IdKey<'_>) -> Slot {
    let type_name = world.plan().type_name(type_number);
    local.slot(world.facts().rows(), &type_name, id)
}

/// A question whose names are slots.
#[derive(Clone, Copy)]
pub(super) struct Slots<'w> {
    pub(super) world: &'w World,
    /// The environment's number.
    pub(super) environment: u32,
    pub(super) local: &'w Local,
    /// Principal and resource.
    pub(super) ends: [Found; 2],
}

impl<'w> Slots<'w> {
    #[inline]
    pub(super) fn decide(self) -> Decision {
        decide_known(self.world, self.known(), || self.decide_by_all())
    }

    #[inline(never)]
    fn known(self) -> Option<Verdict> {
        known(&self.matter(None)?)
    }

    #[cold]
    fn decide_by_all(self) -> Decision {
        match self.matter(None) {
            Some(matter) => decide_by_all(self.world, &matter),
            None => refused(self.world, Some(codes::UNKNOWN_ACTION)),
        }
    }

    #[inline(always)]
    fn matter(self, entered: Option<(&'w Entered, u32)>) -> Option<Matter<'w>> {
        let (plan, rows) = (self.world.plan(), self.world.facts().rows());
        let environment = plan.environments.get(self.environment as usize)?;
        let action = ActionAt::Literal(environment.action);
        let [Found { slot: principal, look }, Found { slot: resource, look: beside }] = self.ends;
        let looks = [look, beside];
        let scope = Scope { rows, local: self.local, principal, action, resource, own: principal };
        Some(Matter { entered, ..Matter::new((plan, environment), scope, looks) })
    }
}

/// One principal in some circumstances, asked about many resources of one world.
#[derive(Debug)]
pub(crate) struct Asker {
    circumstances: Circumstances,
    principal: Found,
    entered: Entered,
}

/// An entity of one world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    slot: Slot,
    /// Its class word, and what was seen around it.
    look: Look,
}

impl Asker {
    pub(crate) fn new(
        world: &World,
        (type_number, id): (u32, IdKey<'_>),
        circumstances: &Circumstances,
    ) -> Self {
        let rows = world.facts().rows();
        let (circumstances, principal) = match rows.slot_of(rows.plan_type(type_number), id) {
            Some(principal) => (circumstances.clone(), principal),
            None => {
                let mut local = Local::clone(&circumstances.0);
                let principal = name(world, &mut local, type_number, id);
                (Circumstances(Arc::new(local)), principal)
            }
        };
        let principal = Found::at(rows, principal);
        Self { circumstances, principal, entered: Entered::default() }
    }

    /// A resource that facts name.
    #[inline]
    pub(crate) fn find(world: &World, type_number: u32, id: IdKey<'_>) -> Option<Found> {
        let rows = world.facts().rows();
        Found::by_id(rows, type_number, id)
    }

    #[inline]
    pub(crate) fn decide(&self, world: &World, asked: Asked, resource: IdKey<'_>) -> Decision {
        match Self::find(world, asked.resource, resource) {
            Some(found) => self.decide_found(world, asked, found),
            None => self.decide_unnamed(world, asked, resource),
        }
    }

    #[inline]
    pub(crate) fn decide_found(&self, world: &World, asked: Asked, resource: Found) -> Decision {
        let Found { slot, look: (class, at) } = resource;
        let environment = asked.environment;
        decide_known(world, self.known(world, environment, slot, class, at), || {
            self.slots(world, environment, resource).decide_by_all()
        })
    }

    /// Whether each of some resources of the facts is allowed, and no more.
    pub(crate) fn effects<'w>(&'w self, world: &'w World, asked: Asked) -> Effects<'w> {
        let slots = self.slots(world, asked.environment, self.principal);
        let matter = slots.matter(Some((&self.entered, asked.environment)));
        let scope = Scope::of_row(world.facts().rows(), self.local(), self.principal.slot);
        let principal = scope.row(self.principal.slot);
        Effects { asker: self, world, asked, principal, matter, half: None }
    }

    /// What the principal and the circumstances bring along.
    pub(crate) fn local(&self) -> &Local {
        &self.circumstances.0
    }

    pub(crate) fn principal(&self) -> Found {
        self.principal
    }

    /// Takes what fits in registers.
    #[inline(never)]
    fn known(
        &self,
        world: &World,
        environment: u32,
        slot: Slot,
        class: u32,
        at: SeenAt,
    ) -> Option<Verdict> {
        let slots = self.slots(world, environment, Found { slot, look: (class, at) });
        known(&slots.matter(Some((&self.entered, environment)))?)
    }

    #[inline(always)]
    fn slots<'w>(&'w self, world: &'w World, environment: u32, resource: Found) -> Slots<'w> {
        let (local, ends) = (&*self.circumstances.0, [self.principal, resource]);
        Slots { world, environment, local, ends }
    }

    #[cold]
    fn decide_unnamed(&self, world: &World, asked: Asked, resource: IdKey<'_>) -> Decision {
        let mut local = Local::clone(&self.circumstances.0);
        let slot = name(world, &mut local, asked.resource, resource);
        let ends = [self.principal, Found::at(world.facts().rows(), slot)];
        Slots { world, environment: asked.environment, local: &local, ends }.decide()
    }
}

/// Decisions without their reasons, of one asker in one environment.
pub(crate) struct Effects<'w> {
    asker: &'w Asker,
    world: &'w World,
    asked: Asked,
    principal: Row<'w>,
    /// What is asked, but for the resource; `None` where the plan has no such environment.
    matter: Option<Matter<'w>>,
    /// Where it is asked from, once it was asked before.
    half: Option<Half<'w>>,
}

impl<'w> Effects<'w> {
    /// The plan's number for the type of the resources.
    pub(crate) fn resource_type(&self) -> u32 {
        self.asked.resource
    }

    /// Whether a resource is allowed, as [`Asker::decide_found`] says. Takes its row, too.
    #[inline]
    pub(crate) fn allows(&mut self, resource: Found, row: Row<'w>) -> bool {
        if let Some(matter) = &mut self.matter {
            matter.scope.resource = resource.slot;
            matter.looks[1] = resource.look;
            matter.ends = Some([self.principal, row]);
            if let Some(half) = &self.half
                && let Some(allows) = half.allows(matter)
            {
                return allows;
            }
        }
        self.allows_first(resource)
    }

    /// The same of a resource unlike those before.
    #[cold]
    fn allows_first(&mut self, resource: Found) -> bool {
        let known = self.matter.as_ref().and_then(|matter| {
            let machine = matter.environment.machine.as_ref()?;
            let allows = machine.allows(matter);
            self.half = machine.half(matter);
            allows
        });
        known.unwrap_or_else(|| {
            let slots = self.asker.slots(self.world, self.asked.environment, resource);
            slots.decide_by_all().is_allowed()
        })
    }
}

impl Found {
    #[inline]
    fn by_id(rows: &Rows, type_number: u32, id: IdKey<'_>) -> Option<Self> {
        rows.look_up((type_number, id)).map(|found| Self::of(&found))
    }

    #[inline(always)]
    fn of(found: &LookedUp<'_>) -> Self {
        Self { slot: found.slot, look: found.look }
    }

    /// An entity that facts name, with its row.
    #[inline]
    pub(crate) fn with_row<'w>(
        rows: &'w Rows,
        type_number: u32,
        id: IdKey<'_>,
    ) -> Option<(Self, Row<'w>)> {
        rows.look_up((type_number, id)).map(|found| (Self::of(&found), found.row))
    }

    /// The same by its slot.
    #[inline]
    pub(crate) fn row_at(rows: &Rows, slot: Slot) -> (Self, Row<'_>) {
        let (row, look) = rows.look_at(slot);
        (Self { slot, look }, row)
    }

    #[inline]
    fn at(rows: &Rows, slot: Slot) -> Self {
        Self { slot, look: rows.look(slot) }
    }

    /// A row that a request brings along, or that may lead to one.
    pub(super) fn alone(slot: Slot, class: u32) -> Self {
        Self { slot, look: (class, SeenAt::NOTHING) }
    }

    pub(crate) fn slot(self) -> Slot {
        self.slot
    }
}
