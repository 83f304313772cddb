//! Policies to a plan.

mod environments;
mod lower;

use std::sync::Arc;

use crate::plan::{Arena, Binary, Expr, Parts, Plan, Rule, RuleKind};
use crate::policy::{PolicyBundle, PolicyInfo, with_deep_stack};
use environments::{Environments, Lowered};
use lower::Lowering;

/// The plan of a bundle: compiled the first time, shared by all who decide with the bundle.
pub(crate) fn plan(bundle: &PolicyBundle) -> Arc<Plan> {
    bundle.plan_once(|| with_deep_stack(|| compile(bundle)))
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
