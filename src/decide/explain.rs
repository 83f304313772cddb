//! Why a request was decided as it was.

use serde::Serialize;

use super::determination::{determining, name};
use super::{Decision, Evaluation, PolicyFailure, Request};
use crate::engine::World;
use crate::symbol::Symbol;

/// A decision with everything that led to it: every policy, clause by clause.
///
/// Explanations are for people who write and check policies. They show what a decision to a
/// contact must not, and are much slower than a check.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision that is explained.
    pub decision: Decision,
    /// What to tell a person, from `@message`.
    pub message: &'static str,
    /// Why no policy was asked, where the request itself is at fault.
    pub fault: Option<String>,
    /// The policies that determine the outcome, as Cedar names them: the satisfied forbids if
    /// there are any, else the satisfied permits.
    pub determining: Vec<Symbol>,
    /// The policies that could not be evaluated, with Cedar's words.
    pub erring: Vec<(Symbol, String)>,
    /// Every policy of the bundle, in its order.
    pub policies: Vec<PolicyTrace>,
}

impl Explanation {
    /// What kept it from being another decision, in lines: what is wrong with the request, policies
    /// that could not be evaluated, and for a refusal the permits that lack a single clause.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.fault.clone().into_iter().collect();
        for (policy, why) in &self.erring {
            lines.push(format!("{policy} could not be evaluated: {why}"));
        }
        if !self.decision.is_allowed() {
            for miss in self.policies.iter().filter(|policy| policy.is_near_miss()) {
                let missing = miss.clauses.iter().find(|clause| !clause.holds());
                let missing = missing.map(|clause| clause.text.as_str()).unwrap_or_default();
                lines.push(format!("{} lacks only: {missing}", miss.id));
            }
        }
        lines
    }
}

/// One policy of an [`Explanation`].
#[derive(Debug, Clone, Serialize)]
pub struct PolicyTrace {
    /// The policy's `@id`.
    pub id: Symbol,
    /// Whether it is a permit; otherwise it is a forbid.
    pub permit: bool,
    /// Whether it only gives a reason and takes no part in the decision.
    pub reason_only: bool,
    /// Its `@step`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// Its `@reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Symbol>,
    /// What came of it.
    pub outcome: Outcome,
    /// Its scope and conditions, split at the outermost `&&` (of `when`) and `||` (of `unless`).
    pub clauses: Vec<Clause>,
}

impl PolicyTrace {
    /// Whether it is a permit that a single clause kept from being satisfied.
    #[must_use]
    pub fn is_near_miss(&self) -> bool {
        let missing = self.clauses.iter().filter(|clause| clause.value != ClauseValue::True);
        self.permit && missing.count() == 1
    }

    /// Whether the policy is about this principal, action and resource: all its scope holds.
    #[must_use]
    pub fn scope_matches(&self) -> bool {
        self.clauses.iter().all(|clause| !clause.scope || clause.value == ClauseValue::True)
    }
}

/// What came of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All its clauses hold.
    Satisfied,
    /// A clause does not hold.
    NotSatisfied,
    /// It could not be evaluated; Cedar's words say why.
    Error(String),
}

/// A part of a policy's scope or condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// The clause in Cedar's words.
    pub text: String,
    /// Whether it stands in the scope, which says whom, what and which the policy is about.
    pub scope: bool,
    /// What it came to for this request.
    pub value: ClauseValue,
    /// Whether Cedar would evaluate it: it stops at the first clause that does not hold.
    pub reached: bool,
}

impl Clause {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.value == ClauseValue::True
    }
}

/// What a clause came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClauseValue {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It could not be evaluated; Cedar's words say why.
    Error(String),
}

pub(crate) fn explain(world: &World, request: &Request) -> Explanation {
    let decision = super::decide(world, request);
    let traced = world
        .evaluator()
        .evaluate(world, request)
        .and_then(|evaluation| Ok((evaluation, world.evaluator().trace(world, request)?)));
    let (evaluation, policies, fault) = match traced {
        Ok((evaluation, policies)) => (evaluation, policies, None),
        Err(fault) => (Evaluation::default(), Vec::new(), Some(fault.message)),
    };
    let determining = determining(world, &evaluation);
    // Cedar's words say what exactly went wrong, where it was asked for them.
    let words = |failure: PolicyFailure| match policies.get(failure.policy)?.outcome {
        Outcome::Error(ref words) => Some((name(world, failure.policy)?, words.clone())),
        _ => Some((name(world, failure.policy)?, failure.message)),
    };
    let erring = evaluation.errors.into_iter().filter_map(words).collect();
    Explanation {
        decision,
        message: world.message(&decision),
        fault,
        determining,
        erring,
        policies,
    }
}
