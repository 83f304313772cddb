//! A request and a world to a decision.

mod asker;
mod compiled;
mod decision;
mod determination;
mod explain;
mod inline;
mod reference;
mod request;
mod resolve;

pub use decision::{Decision, Disclosure, ErrorMode, codes};
pub use determination::Determination;
pub use explain::{Clause, ClauseValue, Explanation, Outcome, PolicyTrace};
pub use request::{ActionName, Request};

pub(crate) use asker::{Asked, Asker, Circumstances, Effects, Found, decide_in, with_now};
pub(crate) use compiled::{Compiled, Decisions};
pub(crate) use determination::determine;
pub(crate) use explain::explain;
pub(crate) use inline::{Given, decide_inline};
pub(crate) use reference::Reference;
pub(crate) use resolve::laid_out;

use crate::engine::World;
use crate::error::bounded;
use crate::facts::Revision;
use crate::policy::{Digest, PolicyInfo};
use crate::symbol::Symbol;

/// How requests are evaluated. All evaluators give the same [`Evaluation`] for the same world and
/// request; [`verdict`] alone turns it into a decision.
pub(crate) trait Evaluator: Send + Sync {
    /// Evaluates every policy that decides and, where no permit is satisfied, the reason-only ones.
    fn evaluate(&self, world: &World, request: &Request) -> Result<Evaluation, Fault>;

    /// Decides, by whatever way is the fastest; the answer is that of [`verdict`].
    fn decide(&self, world: &World, request: &Request) -> Result<Decision, Fault> {
        self.evaluate(world, request).map(|evaluation| verdict(world, &evaluation))
    }

    /// Whether it decides by the world's plan, so that the plan tells what it may allow.
    fn is_by_plan(&self) -> bool {
        false
    }

    /// Every policy, clause by clause.
    fn trace(&self, world: &World, request: &Request) -> Result<Vec<PolicyTrace>, Fault>;
}

/// What came of the policies. Indexes are those of [`PolicyBundle::policies`].
///
/// [`PolicyBundle::policies`]: crate::PolicyBundle::policies
#[derive(Debug, Default)]
pub(crate) struct Evaluation {
    /// Cedar's own decision.
    pub(crate) allowed: bool,
    pub(crate) permits: Vec<usize>,
    pub(crate) forbids: Vec<usize>,
    pub(crate) reasons: Vec<usize>,
    pub(crate) errors: Vec<PolicyFailure>,
}

/// A policy that could not be evaluated, and why.
#[derive(Debug, Clone)]
pub(crate) struct PolicyFailure {
    pub(crate) policy: usize,
    pub(crate) message: String,
}

/// A request that no policy was asked about.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Symbol,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(code: Symbol, message: impl Into<String>) -> Self {
        Self { code, message: bounded(message.into()) }
    }
}

pub(crate) fn decide(world: &World, request: &Request) -> Decision {
    decide_by(world.evaluator(), world, request)
}

/// Decides by another evaluator than the world's own.
pub(crate) fn decide_by(evaluator: &dyn Evaluator, world: &World, request: &Request) -> Decision {
    match evaluator.decide(world, request) {
        Ok(decision) => decision,
        // Validation is the first step.
        Err(fault) => Decision { step: Some(1), ..refused(world, Some(fault.code)) },
    }
}

/// A refusal, of a world or of its parts.
pub(crate) fn refused(world: &World, code: Option<Symbol>) -> Decision {
    refusal(world.policies().digest(), world.revision(), code)
}

const fn refusal(bundle: Digest, revision: Revision, code: Option<Symbol>) -> Decision {
    Decision { allowed: false, code, policy: None, step: None, step_up: None, bundle, revision }
}

/// A reason to refuse, ordered as reported: by step, by rank within the step, errors last within
/// it, then by place in the bundle. Policies without a step come after those with one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    step: u8,
    rank: u32,
    policy: usize,
    code: Symbol,
}

fn verdict(world: &World, evaluation: &Evaluation) -> Decision {
    let policies = world.policies().policies();
    let info = |index: &usize| policies.get(*index);
    let permitted = !evaluation.permits.is_empty();
    let erring_forbids = || {
        evaluation.errors.iter().map(|error| error.policy).filter(|policy| {
            info(policy).is_some_and(|info| !info.is_permit() && !info.reason_only())
        })
    };
    let mut decision = refused(world, None);

    if evaluation.allowed
        && (world.error_mode() == ErrorMode::Cedar || erring_forbids().next().is_none())
    {
        let permit = evaluation.permits.iter().filter_map(info).min_by_key(|p| place(p));
        decision.allowed = true;
        decision.policy = permit.map(PolicyInfo::id);
        decision.code = permit.and_then(PolicyInfo::reason);
        return decision;
    }

    let steps_up = permitted
        && erring_forbids().next().is_none()
        && evaluation.forbids.iter().filter_map(info).all(|forbid| forbid.step_up().is_some());
    let satisfied = evaluation
        .forbids
        .iter()
        .chain(evaluation.reasons.iter().filter(|_| !permitted))
        .filter(|index| steps_up || info(index).is_some_and(|policy| policy.step_up().is_none()))
        .filter_map(|index| Some((*index, info(index)?)))
        .map(|(index, policy)| {
            let (step, rank) = place(policy);
            Reason { step, rank, policy: index, code: policy.reason().unwrap_or(codes::FORBIDDEN) }
        });
    let failed = evaluation
        .errors
        .iter()
        .filter_map(|error| Some((error.policy, info(&error.policy)?)))
        .filter(|(_, policy)| !permitted || !(policy.is_permit() || policy.reason_only()))
        .map(|(index, policy)| Reason {
            step: place(policy).0,
            rank: u32::MAX,
            policy: index,
            code: codes::EVAL_ERROR,
        });
    let Some(lowest) = satisfied.chain(failed).min() else {
        decision.code = Some(codes::NO_PERMIT);
        return decision;
    };
    let policy = info(&lowest.policy);
    decision.code = Some(lowest.code);
    decision.policy = policy.map(PolicyInfo::id);
    decision.step = policy.and_then(PolicyInfo::step);
    decision.step_up = if steps_up { policy.and_then(PolicyInfo::step_up) } else { None };
    decision
}

fn place(policy: &PolicyInfo) -> (u8, u32) {
    (policy.step().unwrap_or(u8::MAX), u32::from(policy.rank()))
}
