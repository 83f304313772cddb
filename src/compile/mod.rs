//! Policies to a plan.

mod environments;
mod lower;

use std::sync::Arc;

use crate::plan::{Arena, Binary, Expr, Parts, Plan, PlanFilter, PlanListing, Rule, RuleKind};
use crate::policy::{PolicyBundle, PolicyInfo, with_deep_stack};
use environments::{Environments, Lowered};
use lower::Lowering;

/// The plan of a bundle: compiled the first time, shared by all who decide with the bundle.
pub(crate) fn plan(bundle: &PolicyBundle) -> Arc<Plan> {
    bundle.plan_once(|| with_deep_stack(|| compile(bundle)))
}

impl PolicyBundle {
    /// What the policies were compiled to: per environment those that can still apply, each with
    /// what is left of its condition and with what that reads.
    ///
    /// Equal bundles have equal listings. Compiles the bundle if nothing did before, in
    /// milliseconds; an engine that is made of it then shares the plan.
    ///
    /// # Example: what a check costs, and a policy that never applies
    ///
    /// ```
    /// use doorward::{PlanFilter, PlanJoin, PlanRead, PolicyBundle};
    ///
    /// let bundle = PolicyBundle::builder()
    ///     .schema("s.cedarschema", r#"
    ///         entity Client;
    ///         entity Contact = { client: Client };
    ///         entity Invoice = { client: Client, amount: Long };
    ///         action view, pay appliesTo { principal: Contact, resource: Invoice };
    ///     "#)
    ///     .policies("rules.cedar", r#"
    ///         @id("own-client") permit (principal, action, resource)
    ///         when { resource.client == principal.client };
    ///         @id("large") forbid (principal, action == Action::"pay", resource)
    ///         when { resource.amount > 50000 };
    ///     "#)
    ///     .build()?;
    /// let listing = bundle.plan_listing(&PlanFilter::new());
    /// assert!(listing.on_reference.is_empty());
    ///
    /// let [pay, view] = &listing.environments[..] else { panic!("two actions") };
    /// let [large, own_client] = &pay.policies[..] else { panic!("a forbid and a permit") };
    /// assert_eq!(large.clauses[0].text, "resource.amount > 50000");
    /// assert!(matches!(&large.clauses[0].reads[..], [PlanRead::Class { path, .. }] if path == "resource"));
    /// let [PlanRead::Join { operator, .. }] = &own_client.clauses[0].reads[..] else { panic!() };
    /// assert_eq!(*operator, PlanJoin::Same);
    /// assert_eq!(view.dropped[0].as_str(), "large");
    /// # Ok::<(), doorward::PolicyError>(())
    /// ```
    #[must_use]
    pub fn plan_listing(&self, filter: &PlanFilter) -> PlanListing {
        let plan = plan(self);
        let names: Vec<_> = self.policies().iter().map(PolicyInfo::id).collect();
        with_deep_stack(|| plan.listing(filter, &names))
    }
}

fn compile(bundle: &PolicyBundle) -> Plan {
    let mut lowering = Lowering::default();
    let mut rules: Vec<Option<Rule>> = vec![None; bundle.policies().len()];
    let sets = bundle.sets();
    for policy in sets.all.policies().chain(sets.reasons.policies()) {
        let Some(index) = bundle.index_of(policy.id()) else { continue };
        let Some(info) = bundle.policies().get(index) else { continue };
        if let Some(rule) = rules.get_mut(index) {
            *rule = lowering.policy(policy).map(|condition| Rule {
                kind: kind(info),
                id: info.id(),
                reason: info.reason(),
                step: info.step(),
                step_up: info.step_up(),
                rank: u32::from(info.rank()),
                condition,
            });
        }
    }
    let uncompiled = rules.iter().enumerate().filter(|(_, rule)| rule.is_none());
    let uncompiled = uncompiled.map(|(index, _)| index).collect();
    let actions = bundle.action_groups();
    for action in actions.keys() {
        lowering.literal_of(action.clone());
    }
    let Lowering { mut arena, literals, .. } = lowering;
    let groups = groups(&arena);
    let lowered = bundle.types().map(|types| {
        Environments::new(&mut arena, &literals, &groups, types, &actions)
            .lower(bundle.environments(), &rules)
    });
    let Lowered { environments, keys, types } = lowered.unwrap_or_default();
    Plan::new(Parts { arena, rules, literals, groups, uncompiled, environments, keys, types })
}

fn kind(info: &PolicyInfo) -> RuleKind {
    if info.is_permit() {
        RuleKind::Permit
    } else if info.reason_only() {
        RuleKind::Reason
    } else if info.step_up().is_some() {
        RuleKind::StepUp
    } else {
        RuleKind::Forbid
    }
}

/// The literals that anything is asked to be in.
fn groups(arena: &Arena) -> Vec<u32> {
    let mut groups: Vec<u32> = arena
        .iter()
        .filter_map(|expr| match expr {
            Expr::Binary(Binary::In, _, above) => Some(*above),
            _ => None,
        })
        .flat_map(|above| match arena.get(above) {
            Expr::Set(elements) => elements.to_vec(),
            _ => vec![above],
        })
        .filter_map(|above| match arena.get(above) {
            Expr::Literal(index) => Some(*index),
            _ => None,
        })
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}
