//! The plan's evaluator: what the policies come to on the rows of the facts.

use super::resolve::Resolved;
use super::{
    Decision, Evaluation, Evaluator, Fault, PolicyFailure, PolicyTrace, Reference, Request, codes,
    refusal, verdict,
};
use crate::engine::World;
use crate::facts::Revision;
use crate::plan::{self, AtStep, EvalError, Matter, Plan, RuleKind, Verdict};
use crate::policy::Digest;

/// Evaluates the plan of a bundle, every policy of it.
#[derive(Debug, Default)]
pub(crate) struct Compiled;

impl Evaluator for Compiled {
    fn evaluate(&self, world: &World, request: &Request) -> Result<Evaluation, Fault> {
        Resolved::with(world, request, |resolved| {
            let scope = resolved.scope(world.facts().rows());
            evaluate(world.plan(), plan::Evaluator::new(&world.plan().arena, scope))
        })
    }

    fn is_by_plan(&self) -> bool {
        true
    }

    fn decide(&self, world: &World, request: &Request) -> Result<Decision, Fault> {
        Resolved::with(world, request, |resolved| {
            let (plan, scope) = (world.plan(), resolved.scope(world.facts().rows()));
            match resolved.environment {
                Some(environment) => {
                    decide_matter(world, &Matter::in_scope(plan, environment, scope))
                }
                None => {
                    let evaluator = plan::Evaluator::new(&plan.arena, scope);
                    verdict(world, &evaluate(plan, evaluator))
                }
            }
        })
    }

    fn trace(&self, world: &World, request: &Request) -> Result<Vec<PolicyTrace>, Fault> {
        // Cedar's own words and clauses: for people, who have the time.
        Reference.trace(world, request)
    }
}

#[inline]
pub(super) fn decide_matter(world: &World, matter: &Matter<'_>) -> Decision {
    decide_known(world, known(matter), || decide_by_all(world, matter))
}

/// What the machine of an environment says.
#[inline(always)]
pub(super) fn known(matter: &Matter<'_>) -> Option<Verdict> {
    // No closure, which would have the matter stand in memory.
    let known = match &matter.environment.machine {
        Some(machine) => machine.decide(matter),
        None => None,
    };
    #[cfg(feature = "coverage")]
    crate::coverage::count_check(known.is_some());
    known
}

/// The decision that goes with what a machine said, if it said anything. Who looks at one part of it
/// copies no more.
#[inline]
pub(super) fn decide_known(
    world: &World,
    known: Option<Verdict>,
    otherwise: impl FnOnce() -> Decision,
) -> Decision {
    match known {
        Some(known) => world.decisions().decision(world, known),
        None => otherwise(),
    }
}

#[cold]
pub(super) fn decide_by_all(world: &World, matter: &Matter<'_>) -> Decision {
    let evaluator = plan::Evaluator::new(&matter.plan.arena, matter.scope);
    verdict(world, &evaluate(matter.plan, evaluator))
}

/// Whether a forbid of a step is satisfied, or cannot be evaluated.
pub(super) fn forbids_at(matter: &Matter<'_>, at_step: &AtStep) -> bool {
    let known = at_step.machine.as_ref().and_then(|machine| machine.decide(matter));
    known.map_or_else(|| forbids_by_all(matter, at_step.step), |known| !known.allows())
}

#[cold]
fn forbids_by_all(matter: &Matter<'_>, step: u8) -> bool {
    let evaluator = plan::Evaluator::new(&matter.plan.arena, matter.scope);
    let is_forbid = |kind| matches!(kind, RuleKind::Forbid | RuleKind::StepUp);
    let of_step = |rule: &&plan::Rule| rule.step == Some(step) && is_forbid(rule.kind);
    let mut rules = matter.plan.rules.iter().flatten().filter(of_step);
    rules.any(|rule| !matches!(evaluator.holds(rule.condition), Ok(false)))
}

/// The decision of each verdict, by its number, ready but for the revision.
#[derive(Debug)]
pub(crate) struct Decisions(Box<[Decision]>);

impl Decisions {
    pub(crate) fn of(plan: &Plan, bundle: Digest) -> Self {
        let refused = refusal(bundle, Revision::default(), None);
        let each = plan.rules.iter().flat_map(|rule| {
            let rule = rule.as_ref();
            let policy = rule.map(|rule| rule.id);
            let reason = rule.and_then(|rule| rule.reason);
            let allow = Decision { allowed: true, policy, code: reason, ..refused };
            let deny = Decision {
                code: Some(reason.unwrap_or(codes::FORBIDDEN)),
                policy,
                step: rule.and_then(|rule| rule.step),
                ..refused
            };
            [allow, deny, Decision { step_up: rule.and_then(|rule| rule.step_up), ..deny }]
        });
        let none = Decision { code: Some(codes::NO_PERMIT), ..refused };
        Self([none].into_iter().chain(each).collect())
    }

    #[inline]
    fn decision(&self, world: &World, verdict: Verdict) -> Decision {
        let revision = world.revision();
        match self.0.get(verdict.number() as usize) {
            Some(ready) => Decision { revision, ..*ready },
            None => super::refused(world, Some(codes::NO_PERMIT)),
        }
    }
}

/// Every policy that decides and, where no permit is satisfied, the reason-only ones.
pub(super) fn evaluate(plan: &Plan, evaluator: plan::Evaluator<'_>) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let mut ask = |wanted: fn(RuleKind) -> bool| {
        for (index, rule) in plan.rules.iter().enumerate() {
            let Some(rule) = rule.as_ref().filter(|rule| wanted(rule.kind)) else { continue };
            match evaluator.holds(rule.condition) {
                Ok(false) => {}
                Ok(true) => match rule.kind {
                    RuleKind::Permit => evaluation.permits.push(index),
                    RuleKind::Forbid | RuleKind::StepUp => evaluation.forbids.push(index),
                    RuleKind::Reason => evaluation.reasons.push(index),
                },
                Err(error) => evaluation
                    .errors
                    .push(PolicyFailure { policy: index, message: words(error).to_owned() }),
            }
        }
        evaluation.permits.is_empty()
    };
    if ask(|kind| kind != RuleKind::Reason) {
        ask(|kind| kind == RuleKind::Reason);
    }
    evaluation.allowed = evaluation.forbids.is_empty() && !evaluation.permits.is_empty();
    evaluation.errors.sort_by_key(|error| error.policy);
    evaluation
}

fn words(error: EvalError) -> &'static str {
    match error {
        EvalError::Type => "a value is not of the type that an operator takes",
        EvalError::MissingEntity => "an entity that is read is not there",
        EvalError::MissingAttribute => "an entity does not have an attribute that is read",
        EvalError::MissingMember => "a record does not have an attribute that is read",
        EvalError::MissingTag => "an entity does not have a tag that is read",
        EvalError::Overflow => "a number exceeds 64 bits",
        EvalError::Extension => "an extension function takes no such value",
        EvalError::UnlinkedSlot => "a template was not linked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::facts::{Entity, EntityUid, Value};
    use crate::policy::PolicyBundle;

    const SCHEMA: &str = "
        entity Area = { open?: Bool };
        entity Staff in [Area] = { area?: Area };
        action enter appliesTo { principal: Staff, resource: Area };
    ";

    fn staff(id: &str) -> EntityUid {
        EntityUid::new("Staff", id)
    }

    fn area(id: &str) -> EntityUid {
        EntityUid::new("Area", id)
    }

    fn engine(policies: &str, facts: impl IntoIterator<Item = Entity>) -> Engine {
        let policies = PolicyBundle::builder().schema("s", SCHEMA).policies("p", policies);
        let engine = Engine::builder(policies.build().unwrap());
        engine.facts(facts.into_iter().collect()).build().unwrap()
    }

    /// Whether the machine allows; `None` where it leaves the question to all policies.
    fn by_machine(engine: &Engine, who: &str) -> Option<bool> {
        let world = engine.world();
        let request = Request::new(staff(who), "enter", area("hall"));
        let allowed = Resolved::with(&world, &request, |resolved| {
            let (plan, scope) = (world.plan(), resolved.scope(world.facts().rows()));
            let environment = resolved.environment?;
            let matter = Matter::in_scope(plan, environment, scope);
            let verdict = environment.machine.as_ref()?.decide(&matter)?;
            Some(verdict.allows())
        });
        let allowed = allowed.unwrap();
        assert!(allowed.is_none_or(|allowed| allowed == engine.determine(&request).allowed));
        allowed
    }

    #[test]
    fn an_entity_that_nothing_names_is_none_of_the_literals() {
        let engine =
            engine(r#"@id("ada") permit (principal == Staff::"ada", action, resource);"#, []);
        assert_eq!(by_machine(&engine, "ada"), Some(true));
        assert_eq!(by_machine(&engine, "eve"), Some(false));
    }

    #[test]
    fn a_list_that_names_one_twice_keeps_others_apart() {
        let engine = engine(
            r#"
            @id("all") permit (principal, action, resource);
            @id("some") forbid (principal, action, resource)
                unless { [Staff::"ada", Staff::"ada"].contains(principal) };
            @id("eve") permit (principal == Staff::"eve", action, resource);
            "#,
            ["ada", "eve"].map(|id| Entity::new(staff(id))),
        );
        assert_eq!(by_machine(&engine, "ada"), Some(true));
        assert_eq!(by_machine(&engine, "eve"), Some(false));
    }

    #[test]
    fn what_a_branch_leads_to_is_read_there() {
        let engine = engine(
            r#"@id("open") permit (principal, action, resource) when {
                (if principal has area then principal.area else Area::"hall") has open
            };"#,
            ["ada", "eve"].map(|id| Entity::new(staff(id)).with("area", area(id))),
        );
        assert_eq!(by_machine(&engine, "ada"), Some(false));
        let opened = Entity::new(area("ada")).with("open", true);
        engine.apply(&crate::facts::Changes::new().put(opened)).unwrap();
        assert_eq!(by_machine(&engine, "ada"), Some(true));
        assert_eq!(by_machine(&engine, "eve"), Some(false));
    }

    const OFFICES: &str = "
        entity Site = { lead?: Site, open?: Bool };
        entity Office = {
            head?: Office, site?: Site, open?: Bool, name: String, also?: Set<String>,
        } tags Long;
        entity Clerk = { office?: Office, key: String };
        action enter appliesTo { principal: Clerk, resource: Office };
    ";

    /// Asks about each office again and again, so that machines, programs and rows that are no
    /// longer as they were have their say, and compares with all policies together.
    fn stays_the_same(policies: &str, changes: &[Entity]) {
        let bundle = PolicyBundle::builder().schema("s", OFFICES).policies("p", policies);
        let engine = Engine::builder(bundle.build().unwrap()).build().unwrap();
        let office = |id: &str| EntityUid::new("Office", id);
        let clerk = EntityUid::new("Clerk", "ada");
        let mut allowed = 0;
        for change in changes {
            engine.apply(&crate::facts::Changes::new().put(change.clone())).unwrap();
            for _ in 0..8 {
                for id in ["a", "b", "c", "nowhere"] {
                    let request = Request::new(clerk.clone(), "enter", office(id));
                    let decision = engine.check(&request);
                    let all = engine.determine(&request);
                    assert_eq!(decision.allowed, all.allowed, "{id} after {change:?}");
                    allowed += usize::from(decision.allowed);
                }
            }
        }
        assert!((1..changes.len() * 32).contains(&allowed), "{allowed}");
    }

    fn offices() -> Vec<Entity> {
        let office = |id: &str| EntityUid::new("Office", id);
        let row = |id: &str, head: &str| {
            Entity::new(office(id)).with("name", id).with("head", office(head))
        };
        let clerk = |office_id: &str| {
            Entity::new(EntityUid::new("Clerk", "ada"))
                .with("key", "k")
                .with("office", office(office_id))
        };
        vec![
            clerk("a"),
            row("a", "a").with("open", true),
            row("b", "a").with("also", Value::strings(["a", "b"])),
            row("c", "b").with("also", Value::strings(["c"])).tag("k", 3),
            clerk("b"),
            row("a", "b").with("open", false).tag("k", 1),
            row("b", "b").with("open", true).with("also", Value::strings(["c"])),
            row("c", "c").with("also", Value::strings(["a"])),
            Entity::new(office("a")).with("name", "b"),
            Entity::new(EntityUid::new("Clerk", "ada")).with("key", "k"),
        ]
    }

    #[test]
    fn what_names_itself_is_itself_until_it_names_another() {
        stays_the_same(
            r#"
            @id("head") permit (principal, action, resource) when {
                resource has head && resource.head has open && resource.head.open
            };
            @id("head-of-head") permit (principal, action, resource) when {
                resource has head && resource.head has head && resource.head.head == resource &&
                resource.head.name == resource.name
            };
            @id("not-his") forbid (principal, action, resource) when {
                principal has office && principal.office has head &&
                principal.office.head.name != principal.office.name
            };
            "#,
            &offices(),
        );
    }

    #[test]
    fn what_lies_beyond_a_row_that_names_itself_is_found_from_there() {
        let site = |id: &str| EntityUid::new("Site", id);
        let office = |id: &str, head: &str, at: &str| {
            Entity::new(EntityUid::new("Office", id))
                .with("name", id)
                .with("head", EntityUid::new("Office", head))
                .with("site", site(at))
        };
        stays_the_same(
            r#"
            @id("closed-site") forbid (principal, action, resource) when {
                resource has site && resource.site has open && !resource.site.open
            };
            @id("open-lead") permit (principal, action, resource) when {
                resource has head && resource.head has site && resource.head.site has lead &&
                resource.head.site.lead has open && resource.head.site.lead.open
            };
            "#,
            &[
                Entity::new(site("led")).with("lead", site("leads")),
                Entity::new(site("leads")).with("open", true),
                office("a", "a", "led"),
                office("b", "a", "leads"),
                office("c", "b", "led"),
                Entity::new(site("leads")).with("open", false),
                Entity::new(site("led")).with("lead", site("led")).with("open", true),
                office("b", "b", "led"),
            ],
        );
    }

    #[test]
    fn sets_that_meet_and_tags_that_are_there_are_seen() {
        stays_the_same(
            r#"
            @id("meet") permit (principal, action, resource) when {
                resource has also && resource has head && resource.head has also &&
                resource.also.containsAny(resource.head.also)
            };
            @id("tag") permit (principal, action, resource) when {
                resource has head && resource.head.hasTag(principal.key) &&
                resource.head.getTag(principal.key) > 2
            };
            "#,
            &offices(),
        );
    }

    /// What leads on from a row that a shorter path leads to may not be carried along.
    #[test]
    fn what_a_row_that_names_itself_leads_to_is_found_by_a_machine() {
        let schema = "
            entity Tenant = { open: Bool };
            entity Client = { tenant: Tenant, archived: Bool };
            entity Document = { head: Document, client: Client };
            entity Staff;
            action enter appliesTo { principal: Staff, resource: Document };";
        let policies = r#"
            @id("all") permit (principal, action, resource);
            @id("archived") forbid (principal, action, resource) when { resource.client.archived };
            @id("closed") forbid (principal, action, resource)
                unless { resource.head.client.tenant.open };"#;
        let uid = |type_name: &str, id: &str| EntityUid::new(type_name, id);
        let document = |at: usize| {
            let own = uid("Document", &at.to_string());
            let head = if at.is_multiple_of(2) { own.clone() } else { uid("Document", "0") };
            Entity::new(own).with("head", head).with("client", uid("Client", "c"))
        };
        let client = Entity::new(uid("Client", "c"))
            .with("tenant", uid("Tenant", "t"))
            .with("archived", false);
        let others = [Entity::new(uid("Tenant", "t")).with("open", true), client];
        let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
        let engine = Engine::builder(bundle.build().unwrap())
            .facts(others.into_iter().chain((0..40).map(document)).collect())
            .build()
            .unwrap();
        let world = engine.world();
        for id in ["1", "2"] {
            let request = Request::new(staff("ada"), "enter", uid("Document", id));
            let by_machine = || {
                let found = Resolved::with(&world, &request, |resolved| {
                    let scope = resolved.scope(world.facts().rows());
                    let environment = resolved.environment?;
                    let matter = Matter::in_scope(world.plan(), environment, scope);
                    environment.machine.as_ref()?.decide(&matter)
                });
                found.unwrap().map(Verdict::allows)
            };
            let asked: Vec<Option<bool>> = (0..6).map(|_| by_machine()).collect();
            assert_eq!(asked.last(), Some(&Some(true)), "{id}: {asked:?}");
        }
    }
}
