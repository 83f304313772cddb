//! What Cedar's response to a request says.

use super::{Evaluation, Request};
use crate::engine::World;
use crate::symbol::Symbol;

/// What Cedar's response to a request says: its decision, and every policy behind it.
///
/// A [`Decision`](crate::Decision) names one policy, the one that gives its reason, and may stop
/// where that is known. This holds the complete sets, for tests and tools that compare them with
/// Cedar's own; an [`Explanation`](crate::Explanation) adds why.
///
/// # Example: what else forbids, and what could not be evaluated
///
/// ```
/// use doorward::{Engine, EntityUid, PolicyBundle, Request};
///
/// let policies = PolicyBundle::builder()
///     .policies(
///         "rules.cedar",
///         r#"
///         @id("anyone") permit (principal, action, resource);
///         @id("closed") forbid (principal, action, resource);
///         @id("locked") forbid (principal, action, resource);
///         @id("secret") forbid (principal, action, resource) when { resource.secret };
///         "#,
///     )
///     .build()?;
/// let engine = Engine::builder(policies).build()?;
/// let [gm, invoice] = [EntityUid::new("Contact", "gm"), EntityUid::new("Document", "I1")];
/// let determination = engine.determine(&Request::new(gm, "view", invoice));
/// assert!(!determination.allowed);
/// let [closed, locked] = determination.determining[..] else { panic!("both forbid") };
/// assert_eq!([closed.as_str(), locked.as_str()], ["closed", "locked"]);
/// let [secret] = determination.erring[..] else { panic!("there is no such row") };
/// assert_eq!(secret.as_str(), "secret");
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determination {
    /// Cedar's own decision: one that [`ErrorMode::FailClosed`](crate::ErrorMode::FailClosed) may
    /// still refuse.
    pub allowed: bool,
    /// The policies that determine it, in the order of the bundle: the satisfied forbids if there
    /// are any, else the satisfied permits.
    pub determining: Vec<Symbol>,
    /// The policies that could not be evaluated, in the order of the bundle. Reason-only ones, which
    /// decide nothing, are not among them.
    pub erring: Vec<Symbol>,
    /// The code of what is wrong with the request itself. No policy was asked then.
    pub fault: Option<Symbol>,
}

pub(crate) fn determine(world: &World, request: &Request) -> Determination {
    let (evaluation, fault) = match world.evaluator().evaluate(world, request) {
        Ok(evaluation) => (evaluation, None),
        Err(fault) => (Evaluation::default(), Some(fault.code)),
    };
    let decides = |policy: usize| {
        let info = world.policies().policies().get(policy)?;
        (!info.reason_only()).then(|| info.id())
    };
    let erring = evaluation.errors.iter().filter_map(|error| decides(error.policy));
    Determination {
        allowed: evaluation.allowed,
        determining: determining(world, &evaluation),
        erring: erring.collect(),
        fault,
    }
}

/// The policies that determine the outcome, as Cedar names them.
pub(super) fn determining(world: &World, evaluation: &Evaluation) -> Vec<Symbol> {
    let Evaluation { permits, forbids, .. } = evaluation;
    let determining = if forbids.is_empty() { permits } else { forbids };
    determining.iter().filter_map(|policy| name(world, *policy)).collect()
}

pub(super) fn name(world: &World, policy: usize) -> Option<Symbol> {
    world.policies().policies().get(policy).map(|info| info.id())
}
