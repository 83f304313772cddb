//! The policies and facts of one revision.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

use super::shadow::Shadow;
use crate::compile;
use crate::decide::{
    self, ActionName, Compiled, Decision, Decisions, Determination, Disclosure, ErrorMode,
    Evaluator, Explanation, Reference, Request, codes,
};
use crate::facts::{EntityUid, Facts, Record, Revision, Timestamp};
use crate::plan::{Plan, Sought};
use crate::policy::PolicyBundle;
use crate::query;
use crate::symbol::Symbol;

/// The policies and facts of one revision: what one decision, list or page is made from.
///
/// An [`Engine`](super::Engine) answers every call from the world of that moment; hold one with
/// [`Engine::world`](super::Engine::world) to ask several questions of the same state.
pub struct World {
    policies: PolicyBundle,
    facts: Facts,
    revision: Revision,
    rules: Arc<Rules>,
    plan: Arc<Plan>,
    decisions: Arc<Decisions>,
    /// No other world has it.
    serial: u64,
    evaluator: Arc<dyn Evaluator>,
    shadow: Option<Arc<Shadow>>,
}

/// How an engine was set up; the same for all its worlds.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) error_mode: ErrorMode,
    pub(super) hosting: HashMap<String, Hosting, RandomState>,
    /// What is declared of every type, whatever `hosting` says.
    pub(super) all: Option<Hosting>,
    pub(super) clock: Clock,
}

impl Rules {
    fn hosting(&self, type_name: &str) -> Option<Hosting> {
        self.all.or_else(|| self.hosting.get(type_name).copied())
    }
}

/// Where the rows of a type live, if not among the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hosting {
    Inline,
    Either,
}

#[derive(Clone)]
pub(super) struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub(super) fn system() -> Self {
        Self::new(Timestamp::now)
    }

    pub(super) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl World {
    pub(super) fn first(
        policies: PolicyBundle,
        facts: Facts,
        rules: Rules,
        shadow: Option<Arc<Shadow>>,
    ) -> Self {
        Self::new(policies, facts, Revision::default(), Arc::new(rules), shadow)
    }

    fn new(
        policies: PolicyBundle,
        facts: Facts,
        revision: Revision,
        rules: Arc<Rules>,
        shadow: Option<Arc<Shadow>>,
    ) -> Self {
        let plan = compile::plan(&policies);
        let facts = facts.seen_by(&plan, || policies.declared_actions());
        // What the plan does not know, Cedar does.
        let evaluator: Arc<dyn Evaluator> =
            if plan.is_whole() { Arc::new(Compiled) } else { Arc::new(Reference) };
        let decisions = Arc::new(Decisions::of(&plan, policies.digest()));
        Self {
            policies,
            facts,
            revision,
            rules,
            plan,
            decisions,
            serial: serial(),
            evaluator,
            shadow,
        }
    }

    /// The world after this one, with other facts.
    pub(super) fn succeed(&self, facts: Facts) -> Self {
        Self { revision: self.revision.next(), ..self.with_facts(facts) }
    }

    /// The world after this one, with other policies.
    pub(super) fn succeed_under(&self, policies: PolicyBundle) -> Self {
        let (revision, rules) = (self.revision.next(), Arc::clone(&self.rules));
        Self::new(policies, self.facts.clone(), revision, rules, self.shadow.clone())
    }

    /// The same world over other facts, for looking at a change before it is published.
    pub(crate) fn with_facts(&self, facts: Facts) -> Self {
        Self {
            policies: self.policies.clone(),
            facts: facts.seen_by(&self.plan, || self.policies.declared_actions()),
            revision: self.revision,
            rules: Arc::clone(&self.rules),
            plan: Arc::clone(&self.plan),
            decisions: Arc::clone(&self.decisions),
            serial: serial(),
            evaluator: Arc::clone(&self.evaluator),
            shadow: self.shadow.clone(),
        }
    }

    /// The same world, decided by an evaluator that a test brings.
    #[cfg(test)]
    pub(super) fn decided_by(self, evaluator: impl Evaluator + 'static) -> Self {
        Self { evaluator: Arc::new(evaluator), ..self }
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &PolicyBundle {
        &self.policies
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The revision of the policies and facts.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Decides one request.
    pub fn check(&self, request: &Request) -> Decision {
        match &self.shadow {
            None => decide::decide(self, request),
            Some(shadow) => shadow.check(self, request),
        }
    }

    /// Decides many requests; each answer equals [`check`](Self::check)'s.
    #[must_use]
    pub fn check_many(&self, requests: &[Request]) -> Vec<Decision> {
        requests.iter().map(|request| self.check(request)).collect()
    }

    /// Which of the schema's actions the principal may do on the resource, with each decision.
    #[must_use]
    pub fn actions(&self, request: &Request) -> Vec<(EntityUid, Decision)> {
        let principal = request.principal().type_name();
        let resource = request.resource().type_name();
        let actions = self.policies.actions_between(principal, resource);
        let decide = |action: EntityUid| {
            let decision = self.check(&request.for_action(&action));
            (action, decision)
        };
        actions.into_iter().map(decide).collect()
    }

    /// The stored entities of one type that the check allows, ordered by id: see
    /// [`Engine::list`](super::Engine::list).
    #[must_use]
    pub fn list(&self, request: &Request, type_name: &str) -> Vec<EntityUid> {
        let candidates = self.candidates(request, Sought::Resource, type_name);
        let allows = |uid: &EntityUid| self.check(&request.for_resource(uid.clone())).is_allowed();
        candidates.into_iter().filter(allows).collect()
    }

    /// The stored entities of one type that the check allows as principals, ordered by id: see
    /// [`Engine::who`](super::Engine::who).
    #[must_use]
    pub fn who(&self, request: &Request, type_name: &str) -> Vec<EntityUid> {
        let candidates = self.candidates(request, Sought::Principal, type_name);
        let allows = |uid: &EntityUid| self.check(&request.for_principal(uid.clone())).is_allowed();
        candidates.into_iter().filter(allows).collect()
    }

    /// The stored entities that one end of a request can be, ordered by id.
    pub(crate) fn candidates(
        &self,
        request: &Request,
        sought: Sought,
        type_name: &str,
    ) -> Vec<EntityUid> {
        // The request has to be one that can be asked: of any row of the type.
        let Some(one) = self.facts.any_of_type(type_name) else { return Vec::new() };
        let request = match sought {
            Sought::Principal => request.for_principal(one),
            Sought::Resource => request.for_resource(one),
        };
        let rows = self.facts.rows();
        match query::candidates_of(self, &request, sought) {
            None => self.facts.uids_of_type(type_name).collect(),
            Some(mut found) => {
                found.sort_unstable_by(|one, other| rows.by_id(*one, *other));
                found.into_iter().map(|slot| rows.uid_of(slot)).collect()
            }
        }
    }

    /// Explains a decision, clause by clause.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        decide::explain(self, request)
    }

    /// What Cedar's response to a request says: see [`Determination`].
    #[must_use]
    pub fn determine(&self, request: &Request) -> Determination {
        decide::determine(self, request)
    }

    /// What the principal may be told about a refusal of this request: see [`Disclosure`].
    ///
    /// A step up is always told: it is reported only where signing in again would allow.
    #[must_use]
    pub fn disclosure(&self, request: &Request, view: impl Into<ActionName>) -> Disclosure {
        let told = self.check(&request.for_action(view)).is_allowed()
            || self.check(request).step_up().is_some();
        if told { Disclosure::Forbidden } else { Disclosure::NotFound }
    }

    /// What to tell a person about a decision: the policy's `@message`, or words for the code.
    #[must_use]
    pub fn message(&self, decision: &Decision) -> &'static str {
        // The message of a policy that could not be evaluated says what nobody knows.
        let policy = decision
            .policy()
            .filter(|_| decision.code() != Some(codes::EVAL_ERROR))
            .and_then(|id| self.policies.policy(id.as_str()));
        match policy.and_then(|policy| policy.message()) {
            Some(message) => message.as_str(),
            None if decision.is_allowed() => "This is permitted.",
            None => codes::message(decision.code().unwrap_or(codes::NO_PERMIT)),
        }
    }

    /// A refusal that no policy was asked about.
    pub(crate) fn refuse(&self, code: Symbol, step: Option<u8>) -> Decision {
        Decision { step, ..decide::refused(self, Some(code)) }
    }

    /// The moment of the engine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.rules.clock.0)()
    }

    pub(crate) fn error_mode(&self) -> ErrorMode {
        self.rules.error_mode
    }

    #[inline]
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    #[inline]
    pub(crate) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// A number that no other world of this process has.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_deref()
    }

    pub(crate) fn evaluator(&self) -> &dyn Evaluator {
        &*self.evaluator
    }

    pub(crate) fn may_be_inline(&self, type_name: &str) -> bool {
        self.rules.hosting(type_name).is_some()
    }

    pub(crate) fn may_be_stored(&self, type_name: &str) -> bool {
        self.rules.hosting(type_name) != Some(Hosting::Inline)
    }

    /// The context of a request, with `now` where the schema asks for it and the request has none.
    pub(crate) fn context_of<'r>(&self, request: &'r Request) -> Cow<'r, Record> {
        let types = self.policies.types();
        let reads_now = types.is_some_and(|types| types.reads_now(request.action()));
        if !reads_now || request.context.contains_key("now") {
            return Cow::Borrowed(&request.context);
        }
        Cow::Owned(decide::with_now(&request.context, self.now()))
    }
}

fn serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("policies", &self.policies)
            .field("facts", &self.facts)
            .field("revision", &self.revision)
            .field("evaluator", &if self.plan.is_whole() { "plan" } else { "reference" })
            .finish()
    }
}
