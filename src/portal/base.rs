//! The policies that no portal goes without.

use std::sync::OnceLock;

use super::preset::shipped_policies;
use crate::error::Error;
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

/// Whether a bundle holds the shipped forbids of steps 1 to 11 as they are. Permits, later steps and
/// reasons may differ: what they give, the base still takes.
pub(super) fn require_base(policies: &PolicyBundle) -> Result<(), Error> {
    static SHIPPED: OnceLock<PolicyBundle> = OnceLock::new();
    let shipped = match SHIPPED.get() {
        Some(shipped) => shipped,
        None => {
            let loaded = shipped_policies()?;
            SHIPPED.get_or_init(|| loaded)
        }
    };
    let problems: Vec<Diagnostic> = shipped
        .policies()
        .iter()
        .filter(|policy| is_base(policy))
        .filter_map(|policy| problem(policy, policies.policy(policy.id().as_str())))
        .collect();
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
