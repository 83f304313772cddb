//! Policies and templates: scopes, annotations and links around generated conditions.

use std::sync::Arc;

use super::Maker;
use super::model::{Attribute, Model, Shape, Ty};
use super::value::Uid;

/// About as many operators as one condition has at most.
const FUEL: usize = 40;

/// A policy or template, and what its annotations say.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `@id`.
    pub id: String,
    /// Whether it is a forbid.
    pub forbid: bool,
    /// Whether it has slots.
    pub template: bool,
    /// `@step`.
    pub step: Option<u8>,
    /// `@rank`, 0 without.
    pub rank: u16,
    /// `@reason`.
    pub reason: Option<String>,
    /// `@step_up`.
    pub step_up: Option<&'static str>,
    /// `@reason_only`.
    pub reason_only: bool,
    /// All of it.
    pub text: String,
}

/// A link of a template. Its id is the template's, an `@` and a number.
#[derive(Debug, Clone)]
pub struct Link {
    /// The template's id.
    pub template: String,
    /// Its own.
    pub id: String,
    /// For `?principal`.
    pub principal: Option<Uid>,
    /// For `?resource`.
    pub resource: Option<Uid>,
}

/// What a policy may take its variables for.
pub(super) struct Scope {
    pub(super) principals: Vec<usize>,
    pub(super) resources: Vec<usize>,
    /// What has attributes, each with one of them.
    pub(super) holders: Vec<(Holder, Attribute)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Holder {
    Principal,
    Resource,
    Context,
    Kind(usize),
    Record(Arc<Shape>),
}

/// An action with the types of a principal and a resource.
type Environment = (usize, usize, usize);

impl Policy {
    /// A policy that is neither a template nor annotated.
    fn unannotated(id: String, forbid: bool, text: String) -> Self {
        Self {
            id,
            forbid,
            template: false,
            step: None,
            rank: 0,
            reason: None,
            step_up: None,
            reason_only: false,
            text,
        }
    }
}

impl Maker<'_> {
    pub(super) fn policies(&mut self) -> (Vec<Policy>, Vec<Link>) {
        let count = *self.choices.pick(&[4, 1, 2, 3, 6, 8, 12]);
        let mut links = Vec::new();
        let crowd = self.choices.chance(6).then(|| self.crowd());
        let mut first: Vec<Policy> = crowd.into_iter().collect();
        if self.schema && self.choices.chance(30) {
            first.extend(["nearby 0", "nearby 1"].into_iter().filter_map(|id| self.neighbours(id)));
        }
        let others = (0..count).map(|number| self.policy(number, &mut links));
        (first.into_iter().chain(others).collect(), links)
    }

    /// Asks how principal and resource belong together, in one environment. Its id has to stand before
    /// those of the others, as it does among them: a bundle takes files in the order of their names.
    fn neighbours(&mut self, id: &str) -> Option<Policy> {
        let environments = self.environments();
        let environment = *self.choices.pick(&environments);
        let (action, principal, resource) = environment;
        let scope = Scope::new(self.model, &[environment]);
        let accesses = self.accesses(&scope);
        let condition = self.between(&scope, &accesses)?;
        let forbid = self.choices.chance(50);
        let (effect, word) = if forbid { ("forbid", "unless") } else { ("permit", "when") };
        let Model { kinds, actions, .. } = self.model;
        let action_kind = kinds[self.model.action_kind()].name;
        let text = format!(
            "@id({id:?})\n{effect} (principal is {}, action == {action_kind}::{:?}, resource is {})\n\
             {word} {{ {condition} }};\n",
            kinds[principal].name, actions[action].id, kinds[resource].name,
        );
        Some(Policy::unannotated(id.to_owned(), forbid, text))
    }

    /// Asks for so many groups that those of the other policies are beyond one word of them.
    fn crowd(&mut self) -> Policy {
        const GROUPS: usize = 70;
        let id = "crowd".to_owned();
        let name = self.model.kinds[self.choices.below(self.model.stored)].name;
        let groups: Vec<_> =
            (0..GROUPS).map(|group| format!("{name}::\"crowd {group}\"")).collect();
        let text = format!(
            "@id({id:?})\npermit (principal, action, resource)\nwhen {{ principal in [{}] }};\n",
            groups.join(", ")
        );
        Policy::unannotated(id, false, text)
    }

    fn policy(&mut self, number: usize, links: &mut Vec<Link>) -> Policy {
        let id = format!("p{number:02}");
        let forbid = self.choices.chance(35);
        let mut policy = Policy::unannotated(id.clone(), forbid, format!("@id({id:?})\n"));
        self.annotate(&mut policy);
        let mut environments = self.environments();
        let [by_principal, by_resource] = [(); 2].map(|()| self.choices.chance(10));
        policy.template = by_principal || by_resource;
        let action = self.action_scope(&mut environments);
        let principal = self.scope("principal", by_principal, &mut environments, |e| e.1);
        let resource = self.scope("resource", by_resource, &mut environments, |e| e.2);
        let effect = if forbid { "forbid" } else { "permit" };
        policy.text += &format!("{effect} ({principal}, {action}, {resource})");
        let scope = Scope::new(self.model, &environments);
        let accesses = self.choices.chance(if self.schema { 65 } else { 20 });
        let accesses = if accesses { self.accesses(&scope) } else { Vec::new() };
        for _ in 0..*self.choices.pick(&[1, 1, 2, 0]) {
            let word = *self.choices.pick(&["when", "when", "unless"]);
            self.fuel = FUEL;
            let condition = if accesses.is_empty() {
                self.condition(&scope)
            } else {
                let depth = self.choices.below(3);
                self.plain(&scope, &accesses, depth)
            };
            policy.text += &format!("\n{word} {{ {condition} }}");
        }
        policy.text += ";\n";
        if policy.template {
            for link in 0..self.choices.below(4) {
                links.push(Link {
                    template: id.clone(),
                    id: format!("{id}@{link}"),
                    principal: by_principal.then(|| self.link_target(&scope.principals)),
                    resource: by_resource.then(|| self.link_target(&scope.resources)),
                });
            }
        }
        policy
    }

    fn annotate(&mut self, policy: &mut Policy) {
        let [step, rank, reason] = [70, 50, 70]
            .map(|percent| self.choices.chance(if policy.forbid { percent } else { 15 }));
        // A reason-only forbid and a step up have both.
        let special = if policy.forbid { self.choices.below(10) } else { 0 };
        if step || special > 7 {
            let step = u8::try_from(self.choices.below(5)).unwrap_or(0);
            policy.step = Some(step);
            policy.text += &format!("@step(\"{step:02}\")\n");
        }
        if rank {
            policy.rank = u16::try_from(self.choices.below(3)).unwrap_or(0);
            policy.text += &format!("@rank(\"{}\")\n", policy.rank);
        }
        if reason || special > 7 {
            let reason = format!("R{}", self.choices.below(6));
            policy.text += &format!("@reason({reason:?})\n");
            policy.reason = Some(reason);
        }
        if special == 8 {
            policy.reason_only = true;
            policy.text += "@reason_only\n";
        }
        if special == 9 {
            policy.step_up = Some(self.choices.word(&["mfa", "fresh"]));
            policy.text += &format!("@step_up({:?})\n", policy.step_up.unwrap_or_default());
        }
    }

    fn environments(&self) -> Vec<Environment> {
        let mut environments = Vec::new();
        for (number, action) in self.model.actions.iter().enumerate() {
            let Some(applies) = &action.applies else { continue };
            for principal in &applies.principals {
                let of = |resource: &usize| (number, *principal, *resource);
                environments.extend(applies.resources.iter().map(of));
            }
        }
        environments
    }

    fn action_scope(&mut self, environments: &mut Vec<Environment>) -> String {
        let of = self.model.kinds[self.model.action_kind()].name;
        let [one, two] = [(); 2].map(|()| self.choices.below(self.model.actions.len()));
        let uid = |action: usize| Uid { of, id: self.model.actions[action].id };
        let (text, kept): (String, Vec<usize>) = match self.choices.below(12) {
            1 => (format!("action == {}", uid(one)), vec![one]),
            2 | 3 => (format!("action in {}", uid(one)), self.within(&[one])),
            4 => (format!("action in [{}, {}]", uid(one), uid(two)), self.within(&[one, two])),
            5 => {
                let asked = environments[self.choices.below(environments.len())].0;
                (format!("action == {}", uid(asked)), vec![asked])
            }
            6 if self.choices.chance(20) => ("action in []".to_owned(), Vec::new()),
            _ => return "action".to_owned(),
        };
        narrow(environments, |environment| kept.contains(&environment.0));
        text
    }

    /// The actions in one of some groups.
    fn within(&self, groups: &[usize]) -> Vec<usize> {
        let actions = 0..self.model.actions.len();
        let inside = |action: &usize| self.model.groups(*action).iter().any(|g| groups.contains(g));
        actions.filter(inside).collect()
    }

    fn link_target(&mut self, kinds: &[usize]) -> Uid {
        let kind = *self.choices.pick(kinds);
        let kind = self.above(kind);
        self.uid(kind)
    }

    /// The kind or one that it may be in.
    pub(super) fn above(&mut self, kind: usize) -> usize {
        if !self.schema && self.choices.chance(self.strays) {
            return self.choices.below(self.model.kinds.len());
        }
        let parents = &self.model.kinds[kind].parents;
        if parents.is_empty() || self.choices.chance(35) {
            kind
        } else {
            *self.choices.pick(parents)
        }
    }

    fn scope(
        &mut self,
        variable: &str,
        slot: bool,
        environments: &mut Vec<Environment>,
        of: fn(&Environment) -> usize,
    ) -> String {
        let kind = of(&environments[self.choices.below(environments.len())]);
        let name = self.model.kinds[kind].name;
        let above = self.above(kind);
        let [same, whom] = [kind, above]
            .map(|kind| if slot { format!("?{variable}") } else { self.uid(kind).to_string() });
        let what = if slot { 1 + self.choices.below(4) } else { self.choices.below(13) };
        let is = |environment: &Environment| of(environment) == kind;
        match what {
            1 => {
                if !slot {
                    narrow(environments, is);
                }
                format!("{variable} == {same}")
            }
            2 | 3 => format!("{variable} in {whom}"),
            4 | 5 => {
                narrow(environments, is);
                let of = if slot || self.choices.chance(50) {
                    format!(" in {whom}")
                } else {
                    String::new()
                };
                format!("{variable} is {name}{of}")
            }
            _ => variable.to_owned(),
        }
    }
}

/// Keeps what fits; where nothing does, a condition is never evaluated and may be any.
fn narrow(environments: &mut Vec<Environment>, fits: impl Fn(&Environment) -> bool) {
    if environments.iter().any(&fits) {
        environments.retain(fits);
    }
}

impl Scope {
    fn new(model: &Model, environments: &[Environment]) -> Self {
        let kinds = |of: fn(&Environment) -> usize| {
            let mut kinds: Vec<usize> = environments.iter().map(of).collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        let (principals, resources) = (kinds(|e| e.1), kinds(|e| e.2));
        let shapes = |kinds: &[usize]| -> Vec<&Shape> {
            kinds.iter().map(|kind| &model.kinds[*kind].shape).collect()
        };
        let contexts = environments
            .iter()
            .filter_map(|(action, ..)| Some(&model.actions[*action].applies.as_ref()?.context));
        let context = common(&contexts.collect::<Vec<_>>());
        let mut holders: Vec<(Holder, Attribute)> = Vec::new();
        let mut hold = |holder: Holder, shape: &Shape| {
            holders.extend(shape.iter().map(|attribute| (holder.clone(), attribute.clone())));
        };
        hold(Holder::Context, &context);
        hold(Holder::Principal, &common(&shapes(&principals)));
        hold(Holder::Resource, &common(&shapes(&resources)));
        for (number, kind) in model.kinds.iter().enumerate() {
            hold(Holder::Kind(number), &kind.shape);
        }
        let mut at = 0;
        while at < holders.len() {
            if let Ty::Record(shape) = holders[at].1.of.clone() {
                let holder = Holder::Record(Arc::clone(&shape));
                if !holders.iter().any(|(known, _)| *known == holder) {
                    let inner = shape.iter().map(|inner| (holder.clone(), inner.clone()));
                    holders.extend(inner.collect::<Vec<_>>());
                }
            }
            at += 1;
        }
        Self { principals, resources, holders }
    }

    pub(super) fn variable(&self, kind: usize) -> Vec<&'static str> {
        let mut variables = Vec::new();
        if self.principals == [kind] {
            variables.push("principal");
        }
        if self.resources == [kind] {
            variables.push("resource");
        }
        variables
    }
}

/// The attributes that all shapes have.
fn common(shapes: &[&Shape]) -> Shape {
    let Some((first, others)) = shapes.split_first() else { return Vec::new() };
    let everywhere = |a: &&Attribute| others.iter().all(|shape| shape.contains(a));
    first.iter().filter(everywhere).cloned().collect()
}
