//! Questions about many rows. Each is answered by the check of one row: what is looked up only says
//! which rows are worth a check.

mod filter;
mod listing;
mod search;

pub use filter::{
    Column, ColumnMapping, Comparison, Dialect, Filter, FilterError, Holds, Nulls, Placeholders,
    Predicate, Sql, SqlValue, TableMapping,
};
pub use listing::Listing;

pub(crate) use filter::filter;

use search::Search;

use crate::decide::{self, Asked, Asker, ErrorMode, Found, Request};
use crate::engine::World;
use crate::facts::{EntityUid, Path, Rows, Slot};
use crate::plan::{Local, Scope, Sought};

/// An entity that rows have to name in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within<'q> {
    pub(crate) column: &'q Path,
    pub(crate) entity: &'q EntityUid,
}

impl Within<'_> {
    /// The facts of a type that name the entity, each looked at.
    pub(crate) fn rows_of(self, rows: &Rows, type_name: &str) -> impl Iterator<Item = Slot> {
        facts_holding(rows, type_name, self.column, rows.slot(self.entity))
    }
}

/// The facts of a type that name an entity in a column, found by an index where the plan has one.
pub(crate) fn naming(world: &World, type_name: &str, column: &Path, entity: Slot) -> Vec<Slot> {
    let (plan, rows) = (world.plan(), world.facts().rows());
    let number = plan.type_number(type_name);
    let index = number.and_then(|number| plan.index_number(number, column));
    match index.and_then(|number| rows.index(number)) {
        Some(index) => index.of_value(entity).collect(),
        None => facts_holding(rows, type_name, column, Some(entity)).collect(),
    }
}

/// The facts of a type that name an entity in a column, each looked at.
fn facts_holding(
    rows: &Rows,
    type_name: &str,
    column: &Path,
    entity: Option<Slot>,
) -> impl Iterator<Item = Slot> {
    let number = rows.catalog().type_number(type_name);
    let all = number.into_iter().flat_map(|number| rows.slots_of(number));
    all.filter(move |slot| {
        rows.is_fact(*slot) && entity.is_some_and(|it| rows.holds(*slot, column, it))
    })
}

/// The rows that one end of a request can be, as far as the other end tells: facts, in ascending
/// order of their slots.
pub(crate) fn candidates(
    world: &World,
    asked: Asked,
    sought: Sought,
    known: Slot,
    local: &Local,
    within: Option<Within<'_>>,
) -> Vec<Slot> {
    let (plan, rows) = (world.plan(), world.facts().rows());
    let number = match sought {
        Sought::Principal => asked.principal,
        Sought::Resource => asked.resource,
    };
    let forbids_count = world.error_mode() != ErrorMode::Cedar;
    let within = match within {
        None => None,
        Some(Within { column, entity }) => {
            // What nothing names is named by no row.
            let Some(slot) = rows.slot(entity) else { return Vec::new() };
            Some((slot, column, plan.index_number(number, column)))
        }
    };
    let is_by_plan = world.evaluator().is_by_plan();
    let reach = is_by_plan.then(|| plan.reach(asked.environment, sought, forbids_count)).flatten();
    let found = reach.and_then(|reach| {
        let scope = Scope::of_row(rows, local, known);
        let indexed = within.and_then(|(slot, _, index)| Some((index?, slot)));
        Search::new(plan, scope, reach, known, indexed).rows()
    });
    let sought_type = rows.plan_type(number);
    let mut found = found
        .unwrap_or_else(|| rows.slots_of(sought_type).filter(|slot| rows.is_fact(*slot)).collect());
    if let Some((entity, column, _)) = within {
        found.retain(|slot| rows.holds(*slot, column, entity));
    }
    found
}

/// The stored resources that an asker is allowed, each by the check of it alone, or as `decided`
/// says.
pub(crate) fn listed(
    world: &World,
    asked: Asked,
    asker: &Asker,
    within: Option<Within<'_>>,
    decided: Option<impl Fn(Slot) -> Option<bool>>,
) -> Vec<Slot> {
    let local = asker.local();
    let mut found =
        candidates(world, asked, Sought::Resource, asker.principal().slot(), local, within);
    let (mut effects, rows) = (asker.effects(world, asked), world.facts().rows());
    let mut allows = |slot: Slot| {
        let (found, row) = Found::row_at(rows, slot);
        effects.allows(found, row)
    };
    match decided {
        None => found.retain(|slot| allows(*slot)),
        Some(decided) => {
            found.retain(|slot| decided(*slot).unwrap_or_else(|| allows(*slot)));
        }
    }
    found
}

/// The rows that one end of a request can be, in whose place the request names any of the type.
/// `None` where the request does not fit the schema, or there is none.
pub(crate) fn candidates_of(world: &World, request: &Request, sought: Sought) -> Option<Vec<Slot>> {
    let asked = asked_of(world, request)?;
    decide::laid_out(world, request, |local, [principal, resource]| {
        let known = match sought {
            Sought::Principal => resource,
            Sought::Resource => principal,
        };
        candidates(world, asked, sought, known, local, None)
    })
}

/// The rows of a host's table that a request allows, in whose place the request names any of the type.
/// `None` where the request does not fit the schema, or there is none.
pub(crate) fn filter_of(
    world: &World,
    request: &Request,
    mapping: &TableMapping,
) -> Option<Result<Filter, FilterError>> {
    let (asked, types) = (asked_of(world, request)?, world.policies().types()?);
    decide::laid_out(world, request, |local, [principal, _]| {
        filter(world, types, asked, principal, local, mapping)
    })
}

/// What the schema knows a request's types and its action by.
fn asked_of(world: &World, request: &Request) -> Option<Asked> {
    let plan = world.plan();
    let (principal, resource) = (request.principal().type_name(), request.resource().type_name());
    let (environment, principal, resource) = plan.find(principal, request.action(), resource)?;
    let context = plan.context_type(environment);
    Some(Asked { plan: plan.serial(), environment, principal, resource, context })
}
