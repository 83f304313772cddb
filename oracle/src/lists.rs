//! Lists beside checks: whoever is listed is allowed, and nobody else.

use doorward::{
    Checker, Context as Circumstances, Engine, EntityUid, Environment, ErrorMode, Request,
};

use crate::compare::{Difference, same};
use crate::generate::{Query, World};

/// Lists what a request could be about, and who could ask it.
///
/// # Errors
///
/// The first difference.
pub(crate) fn compare_requests(
    mode: &ErrorMode,
    engine: &Engine,
    world: &World,
    query: &Query,
    request: &Request,
) -> Result<usize, Difference> {
    let those = |type_name: &str, of: &dyn Fn(EntityUid) -> Request| -> Vec<EntityUid> {
        let mut all = stored(world, type_name);
        all.retain(|uid| engine.check(&of(uid.clone())).is_allowed());
        all
    };
    let about = those(query.resource.of, &|uid| request.for_resource(uid));
    let what = match mode {
        ErrorMode::Cedar => "the list",
        _ => "the list that fails closed",
    };
    same(what, &about, &engine.list(request, query.resource.of))?;
    let who = those(query.principal.of, &|uid| request.for_principal(uid));
    let what = match mode {
        ErrorMode::Cedar => "who may",
        _ => "who may where errors refuse",
    };
    same(what, &who, &engine.who(request, query.principal.of))?;
    Ok(about.len() + who.len())
}

/// Lists what a checker's principal may do it with.
///
/// # Errors
///
/// The first difference.
pub(crate) fn compare_checker(
    engine: &Engine,
    world: &World,
    query: &Query,
    (environment, checker, context): (&Environment, &Checker, &Circumstances),
) -> Result<(), Difference> {
    let principal = query.principal.id;
    let allowed: Vec<EntityUid> = stored(world, query.resource.of)
        .into_iter()
        .filter(|uid| engine.check_in(environment, principal, uid.id(), context).is_allowed())
        .collect();
    let listing = checker.list(environment);
    same("a checker's list", &allowed, &listing.uids())?;
    let mut pages = Vec::new();
    loop {
        let after = pages.last().map(|last: &EntityUid| last.id().to_owned());
        let page = listing.page(after.as_deref().map(Into::into), 2);
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    same("a checker's pages", &allowed, &pages)?;
    // Any id may stand in a page, each asked about twice.
    let mut ids: Vec<&str> = world.stored.iter().map(|row| row.uid.id).collect();
    ids.push("no such");
    let environments = [environment, environment];
    let buttons = checker.allowed(&environments, ids.iter().copied());
    let checked = |id: &&str| engine.check_in(environment, principal, *id, context).is_allowed();
    let expected: Vec<bool> = ids.iter().map(checked).flat_map(|it| [it, it]).collect();
    same("a page's buttons", &expected, &buttons)
}

/// The stored entities of a type, ordered by id.
fn stored(world: &World, type_name: &str) -> Vec<EntityUid> {
    let all = world.stored.iter().map(|row| row.uid.to_doorward());
    let mut found: Vec<EntityUid> = all.filter(|uid| uid.type_name() == type_name).collect();
    found.sort();
    found
}
