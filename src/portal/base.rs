//! The policies that no portal goes without.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::preset::shipped_policies;
use crate::error::Error;
use crate::facts::EntityUid;
use crate::policy::{Diagnostic, Effect, PolicyBundle, PolicyError, PolicyInfo};

/// The last step whose shipped forbids are the base: what is known, live, in its place, shown and
/// open, reached and permitted. Limits, circumstances and mail after it are a host's to change.
const BASE_STEP_MAX: u8 = 11;

/// The types of the rows that a portal writes.
const ENTITY_TYPES: [&str; 7] =
    ["Tenant", "Client", "Contact", "Staff", "Link", "Document", "Access"];

/// Whether a bundle is over the schema of a portal.
pub(super) fn require_types(policies: &PolicyBundle) -> Result<(), Error> {
    Ok(policies.require_types(&ENTITY_TYPES, "start from `portal::shipped_sources`")?)
}

/// Whether a bundle holds the shipped forbids of steps 1 to 11 as they are, over actions in the
/// groups that these name. Permits, later steps and reasons may differ: what they give, the base
/// still takes.
pub(super) fn require_base(policies: &PolicyBundle) -> Result<(), Error> {
    static SHIPPED: OnceLock<PolicyBundle> = OnceLock::new();
    let shipped = match SHIPPED.get() {
        Some(shipped) => shipped,
        None => {
            let loaded = shipped_policies()?;
            SHIPPED.get_or_init(|| loaded)
        }
    };
    let mut problems: Vec<Diagnostic> = shipped
        .policies()
        .iter()
        .filter(|policy| is_base(policy))
        .filter_map(|policy| problem(policy, policies.policy(policy.id().as_str())))
        .collect();
    problems.extend(regrouped(shipped, policies));
    if problems.is_empty() { Ok(()) } else { Err(PolicyError::new(problems).into()) }
}

fn is_base(policy: &PolicyInfo) -> bool {
    policy.effect() == Effect::Forbid
        && !policy.reason_only()
        && policy.step().is_some_and(|step| step <= BASE_STEP_MAX)
}

fn problem(shipped: &PolicyInfo, found: Option<&PolicyInfo>) -> Option<Diagnostic> {
    let id = shipped.id();
    let (code, what) = match found {
        None => ("base-policy-missing", format!("the base policy `{id}` is missing")),
        Some(found) if found.text() != shipped.text() => {
            ("base-policy-changed", format!("the policy `{id}` is not the shipped one"))
        }
        Some(_) => return None,
    };
    let help = "start from `portal::shipped_sources`, and add a forbid of your own instead";
    Some(Diagnostic::error(code, what).with_help(help))
}

/// The shipped actions that are in other shipped groups than they were: a forbid on a group says
/// nothing of an action that was taken out of it, and spares one that was put in.
fn regrouped(shipped: &PolicyBundle, policies: &PolicyBundle) -> Vec<Diagnostic> {
    let (shipped, found) = (shipped.action_groups(), policies.action_groups());
    let known = |groups: &BTreeSet<EntityUid>| -> BTreeSet<EntityUid> {
        groups.iter().filter(|group| shipped.contains_key(group)).cloned().collect()
    };
    shipped
        .iter()
        .filter(|(action, groups)| found.get(action).is_none_or(|found| known(found) != **groups))
        .map(|(action, _)| {
            let what = format!("the schema has the action `{}` not in its groups", action.id());
            let help = "start from `portal::shipped_sources`, and add groups of your own instead";
            Diagnostic::error("base-action-changed", what).with_help(help)
        })
        .collect()
}
