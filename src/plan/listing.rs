//! A plan to read: what is left of each policy in each environment, and what it reads.
//!
//! The listing of one bundle is always the same: what hash maps hold is sorted.

use std::collections::BTreeSet;

use serde::Serialize;

use super::environment::{Environment, Link};
use super::node::{FAIL, FALSE, JoinOperator, Node, NodeId, Nodes, TRUE};
use super::text::{Words, column_text};
use super::{Items, Plan};
use crate::facts::EntityUid;
use crate::symbol::Symbol;

/// What a bundle was compiled to, for people and programs to read: see
/// [`PolicyBundle::plan_listing`](crate::PolicyBundle::plan_listing).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanListing {
    /// What the whole plan holds, whatever is listed.
    pub counts: PlanCounts,
    /// The policies that could not be compiled, in the order of the bundle. Where there is one, all
    /// requests are decided by Cedar's own authorizer: rightly, and many times slower.
    pub on_reference: Vec<Symbol>,
    /// The types whose rows the listed environments read, by name; the context of an action is one.
    pub types: Vec<PlanType>,
    /// The environments, by principal, action and resource. None without a schema: then every
    /// policy is evaluated for each request.
    pub environments: Vec<PlanEnvironment>,
}

/// How much there is of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanCounts {
    /// Policies, reason-only ones and template links included.
    pub policies: usize,
    /// What can be asked: a type of principal, an action, a type of resource.
    pub environments: usize,
    /// Entities that policies or the schema name.
    pub literals: usize,
    /// Those of the literals that something is asked to be in.
    pub groups: usize,
}

/// What the plan asks of the rows of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanType {
    /// The type's name; `context of Action::"view"` for the context of an action.
    pub name: String,
    /// The tests that a row's class answers, each of a `row` or of the `context`, sorted.
    pub tests: Vec<String>,
    /// What is read of a row when a request is decided, sorted.
    pub columns: Vec<String>,
}

/// What is left of the policies for one type of principal, one action and one type of resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanEnvironment {
    /// The type of the principal.
    pub principal: String,
    /// The action.
    pub action: EntityUid,
    /// The type of the resource.
    pub resource: String,
    /// Whether every policy is evaluated for each request, because together they follow more ways
    /// to rows than the plan keeps apart. `policies` and `dropped` are empty then.
    pub evaluates_all: bool,
    /// The policies that can still apply: forbids, step-ups, permits, reason-only forbids; each
    /// part in the order of reasons, by step, rank and place in the bundle.
    pub policies: Vec<PlanPolicy>,
    /// The policies that can never apply here, in the order of the bundle.
    pub dropped: Vec<Symbol>,
}

impl PlanEnvironment {
    /// How many of its policies have a part.
    #[must_use]
    pub fn count(&self, part: PlanPart) -> usize {
        self.policies.iter().filter(|policy| policy.part == part).count()
    }
}

/// The part that a policy plays in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanPart {
    /// It refuses.
    Forbid,
    /// It refuses, and tells what would lift that: a forbid with `@step_up`.
    StepUp,
    /// It lets through.
    Permit,
    /// It names a reason where no permit is satisfied: a forbid with `@reason_only`.
    ReasonOnly,
}

/// What is left of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanPolicy {
    /// Its `@id`.
    pub id: Symbol,
    /// The part that it plays.
    pub part: PlanPart,
    /// Its `@step`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// Its `@rank`.
    pub rank: u16,
    /// Its `@reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Symbol>,
    /// Whether it can never be satisfied, and is kept because what it reads may fail.
    pub only_fails: bool,
    /// What has to hold for it to be satisfied, in this order. None: it is always satisfied.
    pub clauses: Vec<PlanClause>,
}

/// A part of what is left of a policy's condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanClause {
    /// The condition, close to Cedar's text. `<error>` stands where nothing but an error can come.
    pub text: String,
    /// What is looked at for it, in this order, each once.
    pub reads: Vec<PlanRead>,
}

/// Something that is looked at to know whether a clause holds, from the cheapest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanRead {
    /// A test of one row alone, which the row's class answers: it was made when the row was
    /// written.
    Class {
        /// The way from the request to the row: `resource.client`.
        path: String,
        /// The test.
        test: String,
    },
    /// Whether a row is in an entity that policies name.
    Group {
        /// The way from the request to the row.
        path: String,
        /// The entity.
        group: String,
    },
    /// A condition on several rows, asked for each request.
    Join {
        /// How it is asked.
        operator: PlanJoin,
        /// The condition.
        condition: String,
    },
}

/// How a condition on several rows is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanJoin {
    /// Two values are the same.
    Same,
    /// A number or a moment comes before another, or not after it.
    Less,
    /// A set holds a value.
    Contains,
    /// A set holds any value of another.
    ContainsAny,
    /// An entity is in another.
    In,
    /// An entity is in any of a set.
    InAny,
    /// An entity has a tag. By the evaluator, where it has any.
    HasTag,
    /// By the evaluator, which takes any expression.
    Evaluated,
}

impl PlanJoin {
    /// Its name: `same`, `in-any`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Less => "less",
            Self::Contains => "contains",
            Self::ContainsAny => "contains-any",
            Self::In => "in",
            Self::InAny => "in-any",
            Self::HasTag => "has-tag",
            Self::Evaluated => "evaluated",
        }
    }
}

impl From<&JoinOperator> for PlanJoin {
    fn from(operator: &JoinOperator) -> Self {
        match operator {
            JoinOperator::Equal(..) => Self::Same,
            JoinOperator::Less(..) => Self::Less,
            JoinOperator::Contains(..) => Self::Contains,
            JoinOperator::ContainsAny(..) => Self::ContainsAny,
            JoinOperator::In(..) => Self::In,
            JoinOperator::InAny(..) => Self::InAny,
            JoinOperator::HasTag(..) => Self::HasTag,
            JoinOperator::Other => Self::Evaluated,
        }
    }
}

/// Which environments of a plan to list. Without a choice all of them are; each choice adds those
/// that it names.
///
/// # Example
///
/// ```
/// use doorward::PlanFilter;
/// use doorward::portal::shipped_policies;
///
/// let pay = PlanFilter::new().action("pay").environment("Link", "view", "Document");
/// let listing = shipped_policies()?.plan_listing(&pay);
/// assert!(listing.environments.iter().any(|environment| environment.principal == "Link"));
/// assert!(listing.environments.iter().all(|environment| pay.chooses(environment)));
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct PlanFilter(Vec<Choice>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    action: String,
    /// The types of principal and resource.
    between: Option<(String, String)>,
}

impl PlanFilter {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one environment. The action is a whole entity, as in `Action::"view"`, or its id.
    pub fn environment(
        mut self,
        principal: impl Into<String>,
        action: impl Into<String>,
        resource: impl Into<String>,
    ) -> Self {
        let between = Some((principal.into(), resource.into()));
        self.0.push(Choice { action: action.into(), between });
        self
    }

    /// Adds all environments of an action.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.0.push(Choice { action: action.into(), between: None });
        self
    }

    /// Whether it chooses an environment.
    #[must_use]
    pub fn chooses(&self, environment: &PlanEnvironment) -> bool {
        let PlanEnvironment { principal, action, resource, .. } = environment;
        self.admits(principal, action, resource)
    }

    fn admits(&self, principal: &str, action: &EntityUid, resource: &str) -> bool {
        let admits = |choice: &Choice| {
            (choice.action == action.id() || choice.action == action.to_string())
                && choice.between.as_ref().is_none_or(|(of, on)| of == principal && on == resource)
        };
        self.0.is_empty() || self.0.iter().any(admits)
    }
}

impl Plan {
    /// What `filter` chooses of the plan; `names` are those of all policies.
    pub(crate) fn listing(&self, filter: &PlanFilter, names: &[Symbol]) -> PlanListing {
        let name = |index: &usize| names.get(*index).copied();
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_unstable_by_key(|(_, index)| **index);
        // Each with whether it is the type of a context.
        let mut types = BTreeSet::new();
        let mut environments = Vec::new();
        for (key, index) in keys {
            let (principal, resource) = (
                self.type_name(key.principal).to_string(),
                self.type_name(key.resource).to_string(),
            );
            let environment = self.environments.get(*index as usize);
            let Some(environment) =
                environment.filter(|_| filter.admits(&principal, &key.action, &resource))
            else {
                continue;
            };
            let paths = environment.paths.iter();
            types.extend(paths.map(|info| (info.type_number, info.link == Link::Context)));
            let action = key.action.clone();
            let (policies, dropped) = self.list_policies(environment);
            environments.push(PlanEnvironment {
                principal,
                action,
                resource,
                evaluates_all: environment.machine.is_none(),
                policies,
                dropped,
            });
        }
        let mut types: Vec<PlanType> =
            types.into_iter().filter_map(|(number, is)| self.list_type(number, is)).collect();
        types.sort_by(|one, other| one.name.cmp(&other.name));
        PlanListing {
            counts: PlanCounts {
                policies: self.rules.len(),
                environments: self.environments.len(),
                literals: self.literals.len(),
                groups: self.groups.len(),
            },
            on_reference: self.uncompiled.iter().filter_map(name).collect(),
            types,
            environments,
        }
    }

    /// A type, if anything is asked of its rows.
    fn list_type(&self, number: u32, is_context: bool) -> Option<PlanType> {
        let plan = self.types.get(number as usize)?;
        let mut tests: Vec<String> = plan.tests.iter().map(|test| self.text(*test)).collect();
        let mut columns: Vec<String> =
            plan.columns.iter().map(|column| column_text(column, is_context)).collect();
        tests.sort();
        columns.sort();
        let is_asked = !tests.is_empty() || !columns.is_empty();
        is_asked.then(|| PlanType { name: plan.name.to_string(), tests, columns })
    }

    /// What is left of the policies of an environment, and of which nothing is.
    fn list_policies(&self, environment: &Environment) -> (Vec<PlanPolicy>, Vec<Symbol>) {
        let Some(machine) = &environment.machine else { return (Vec::new(), Vec::new()) };
        machine.at_start(|nodes, items| {
            let Items { forbids, step_ups, permits, reasons } = items;
            let words = Words::new(self, environment, nodes);
            let parts = [
                (PlanPart::Forbid, forbids),
                (PlanPart::StepUp, step_ups),
                (PlanPart::Permit, permits),
                (PlanPart::ReasonOnly, reasons),
            ];
            let mut kept = BTreeSet::new();
            let mut policies = Vec::new();
            for (part, items) in parts {
                for (index, node) in items {
                    kept.insert(*index);
                    let Some(rule) = self.rule(*index) else { continue };
                    policies.push(PlanPolicy {
                        id: rule.id,
                        part,
                        step: rule.step,
                        rank: u16::try_from(rule.rank).unwrap_or(u16::MAX),
                        reason: rule.reason,
                        only_fails: only_fails(nodes, *node),
                        clauses: clauses(&words, nodes, *node),
                    });
                }
            }
            let rules = self.rules.iter().zip(0..);
            let dropped = rules.filter(|(_, index)| !kept.contains(index));
            (policies, dropped.filter_map(|(rule, _)| Some(rule.as_ref()?.id)).collect())
        })
    }
}

/// Whether a condition ends in what does not hold.
fn only_fails(nodes: &Nodes, condition: NodeId) -> bool {
    let last = match nodes.get(condition) {
        Node::All(parts) => parts.last().copied(),
        _ => Some(condition),
    };
    matches!(last, Some(FALSE | FAIL))
}

fn clauses(words: &Words<'_>, nodes: &Nodes, condition: NodeId) -> Vec<PlanClause> {
    let clause =
        |node: &NodeId| PlanClause { text: words.node(*node), reads: reads(words, nodes, *node) };
    match nodes.get(condition) {
        _ if condition == TRUE => Vec::new(),
        Node::All(parts) => parts.iter().map(clause).collect(),
        _ => vec![clause(&condition)],
    }
}

/// What a condition looks at, in the order of its text.
fn reads(words: &Words<'_>, nodes: &Nodes, condition: NodeId) -> Vec<PlanRead> {
    let mut found = Vec::new();
    let (mut seen, mut open) = (BTreeSet::new(), vec![condition]);
    while let Some(node) = open.pop() {
        if !seen.insert(node) {
            continue;
        }
        match nodes.get(node) {
            Node::True | Node::False | Node::Fail => {}
            Node::Not(of) => open.push(*of),
            Node::All(parts) | Node::Any(parts) => open.extend(parts.iter().rev()),
            Node::If(test, then, other) => open.extend([other, then, test]),
            Node::Test(path, _) => found.push(PlanRead::Class {
                path: words.path(*path).to_owned(),
                test: words.node(node),
            }),
            Node::Group(path, bit) => found.push(PlanRead::Group {
                path: words.path(*path).to_owned(),
                group: words.group(*bit),
            }),
            Node::Join(join) => found.push(PlanRead::Join {
                operator: PlanJoin::from(&join.operator),
                condition: words.node(node),
            }),
        }
    }
    found
}
