//! The reference evaluator: Cedar's own, on the slice of entities that a request reaches.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, Context, Entities, PolicySet, pst};

use super::explain::{Clause, ClauseValue, Outcome, PolicyTrace};
use super::{Evaluation, Evaluator, Fault, PolicyFailure, Request, codes};
use crate::engine::World;
use crate::facts::{
    ApplicationError, Conversion, Entity, EntityUid, Facts, Record, Value, check_type_name,
    check_untyped_record,
};
use crate::policy::PolicyBundle;

/// Decides with `cedar_policy::Authorizer`: slow, and right by definition.
#[derive(Debug, Default)]
pub(crate) struct Reference;

impl Evaluator for Reference {
    fn evaluate(&self, world: &World, request: &Request) -> Result<Evaluation, Fault> {
        let (request, entities) = prepare(world, request)?;
        let bundle = world.policies();
        let sets = bundle.sets();
        let mut evaluation = Evaluation::default();
        let ask = |set: &PolicySet, errors: &mut Vec<PolicyFailure>| {
            let response = Authorizer::new().is_authorized(&request, set, &entities);
            errors.extend(response.diagnostics().errors().filter_map(|error| {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                Some(PolicyFailure {
                    policy: bundle.index_of(error.policy_id())?,
                    message: error.inner().to_string(),
                })
            }));
            let mut satisfied: Vec<usize> =
                response.diagnostics().reason().filter_map(|id| bundle.index_of(id)).collect();
            satisfied.sort_unstable();
            (response.decision() == cedar_policy::Decision::Allow, satisfied)
        };
        let (allowed, determining) = ask(&sets.all, &mut evaluation.errors);
        evaluation.allowed = allowed;
        if allowed {
            evaluation.permits = determining;
        } else {
            evaluation.forbids = determining;
            // Cedar names the satisfied permits of an allow only; their errors are known already.
            (_, evaluation.permits) = ask(&sets.permits, &mut Vec::new());
        }
        if evaluation.permits.is_empty() {
            (_, evaluation.reasons) = ask(&sets.reasons, &mut evaluation.errors);
        }
        evaluation.errors.sort_by_key(|error| error.policy);
        Ok(evaluation)
    }

    fn trace(&self, world: &World, request: &Request) -> Result<Vec<PolicyTrace>, Fault> {
        let (request, entities) = prepare(world, request)?;
        let bundle = world.policies();
        let sets = bundle.sets();
        let mut traces: Vec<(usize, PolicyTrace)> = Vec::new();
        for policy in sets.all.policies().chain(sets.reasons.policies()) {
            let Some(index) = bundle.index_of(policy.id()) else { continue };
            let Some(info) = bundle.policies().get(index) else { continue };
            let policy = &standing_alone(policy);
            let outcome = match evaluate_alone(policy.clone(), &request, &entities) {
                ClauseValue::True => Outcome::Satisfied,
                ClauseValue::False => Outcome::NotSatisfied,
                ClauseValue::Error(message) => Outcome::Error(message),
            };
            let mut reached = true;
            let clauses = clauses(policy).into_iter().map(|Part { text, scope, policy }| {
                let value = evaluate_alone(policy, &request, &entities);
                let here = reached;
                reached &= value == ClauseValue::True;
                Clause { text, scope, value, reached: here }
            });
            let trace = PolicyTrace {
                id: info.id(),
                permit: info.is_permit(),
                reason_only: info.reason_only(),
                step: info.step(),
                reason: info.reason(),
                outcome,
                clauses: clauses.collect(),
            };
            traces.push((index, trace));
        }
        traces.sort_by_key(|(index, _)| *index);
        Ok(traces.into_iter().map(|(_, trace)| trace).collect())
    }
}

/// Whether one policy, taken alone, is satisfied.
fn evaluate_alone(
    policy: cedar_policy::Policy,
    request: &cedar_policy::Request,
    entities: &Entities,
) -> ClauseValue {
    let Ok(set) = PolicySet::from_policies([policy]) else {
        return ClauseValue::Error("the clause is no policy of its own".to_owned());
    };
    let response = Authorizer::new().is_authorized(request, &set, entities);
    if let Some(error) = response.diagnostics().errors().next() {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        return ClauseValue::Error(error.inner().to_string());
    }
    if response.diagnostics().reason().next().is_some() {
        ClauseValue::True
    } else {
        ClauseValue::False
    }
}

/// The policy, with the entities of its link in place of its template's slots.
fn standing_alone(policy: &cedar_policy::Policy) -> cedar_policy::Policy {
    let filled = || {
        policy.template_id()?;
        let filled = match policy.to_pst().ok()? {
            pst::Policy::Linked(linked) => linked.into_static_policy().ok()?,
            pst::Policy::Static(filled) => filled,
        };
        cedar_policy::Policy::from_pst(pst::Policy::Static(filled)).ok()
    };
    filled().unwrap_or_else(|| policy.clone())
}

/// A clause with its text and as a permit of its own.
struct Part {
    text: String,
    scope: bool,
    policy: cedar_policy::Policy,
}

/// The scope and the conditions of a policy.
fn clauses(policy: &cedar_policy::Policy) -> Vec<Part> {
    let Ok(tree) = policy.to_pst() else { return Vec::new() };
    let body = tree.body().clone();
    let any = pst::Template::new(
        pst::PolicyID::from(policy.id().as_ref()),
        pst::Effect::Permit,
        pst::PrincipalConstraint::Any,
        pst::ActionConstraint::Any,
        pst::ResourceConstraint::Any,
    );
    let mut parts = Vec::new();
    if body.principal != pst::PrincipalConstraint::Any {
        let mut part = any.clone();
        part.principal = body.principal.clone();
        parts.push((format!("principal {}", body.principal), true, part));
    }
    if body.action != pst::ActionConstraint::Any {
        let mut part = any.clone();
        part.action = body.action.clone();
        parts.push((format!("action {}", body.action), true, part));
    }
    if body.resource != pst::ResourceConstraint::Any {
        let mut part = any.clone();
        part.resource = body.resource.clone();
        parts.push((format!("resource {}", body.resource), true, part));
    }
    for clause in body.clauses() {
        let (expression, split, negated) = match clause {
            pst::Clause::When(expression) => (expression, pst::BinaryOp::And, false),
            pst::Clause::Unless(expression) => (expression, pst::BinaryOp::Or, true),
        };
        for part in flatten(expression, &split) {
            let (text, clause) = if negated {
                (format!("unless {part}"), pst::Clause::Unless(Arc::clone(part)))
            } else {
                (part.to_string(), pst::Clause::When(Arc::clone(part)))
            };
            if let Ok(part) = any.clone().try_with_clauses([clause]) {
                parts.push((text, false, part));
            }
        }
    }
    parts
        .into_iter()
        .filter_map(|(text, scope, part)| {
            let part = pst::StaticPolicy::try_from(part).ok()?;
            let policy = cedar_policy::Policy::from_pst(pst::Policy::Static(part)).ok()?;
            Some(Part { text, scope, policy })
        })
        .collect()
}

/// The operands of a chain of one operator, left to right.
fn flatten<'e>(
    expression: &'e Arc<pst::Expr>,
    operator: &pst::BinaryOp,
) -> Vec<&'e Arc<pst::Expr>> {
    let mut operands = Vec::new();
    let mut open = vec![expression];
    while let Some(expression) = open.pop() {
        match &**expression {
            pst::Expr::BinaryOp { op, left, right } if op == operator => {
                open.push(right);
                open.push(left);
            }
            _ => operands.push(expression),
        }
    }
    operands
}

/// A request that fits the schema and the facts.
pub(super) struct Admitted<'r> {
    pub(super) inline: BTreeMap<&'r EntityUid, &'r Entity>,
    pub(super) context: Cow<'r, Record>,
}

/// Checks a request: what it names, its context, and what it passes inline.
pub(super) fn admit<'r>(world: &World, request: &'r Request) -> Result<Admitted<'r>, Fault> {
    let context = world.context_of(request);
    check(world.policies(), request, &context)?;
    Ok(Admitted { inline: inline_rows(world, request)?, context })
}

/// Cedar's request, checked against the schema, and the entities that it reaches.
fn prepare(world: &World, request: &Request) -> Result<(cedar_policy::Request, Entities), Fault> {
    let invalid = |message: String| Fault::new(codes::INVALID_REQUEST, message);
    let Admitted { inline, context } = admit(world, request)?;
    let (bundle, mut conversion) = (world.policies(), Conversion::default());
    let mut uid = |uid| conversion.uid(uid).map_err(|error| invalid(error.to_string()));
    let principal = uid(request.principal())?;
    let action = uid(request.action())?;
    let resource = uid(request.resource())?;
    let pairs = conversion.record(&context).map_err(|error| invalid(error.to_string()))?;
    let cedar_context = Context::from_pairs(pairs).map_err(|error| invalid(error.to_string()))?;
    let cedar_request =
        cedar_policy::Request::new(principal, action, resource, cedar_context, None)
            .map_err(|error| invalid(error.to_string()))?;

    let slice = Slice::reach(bundle, world.facts(), &inline, request, &context);
    let mut entities = slice.convert(&mut conversion).map_err(invalid)?;
    if bundle.has_schema() {
        let actions: Result<_, _> = slice.actions.iter().map(|uid| conversion.uid(uid)).collect();
        let actions = actions.map_err(|error| invalid(error.to_string()))?;
        add_actions(bundle, actions, &mut entities);
    }
    let entities =
        Entities::from_entities(entities, None).map_err(|error| invalid(with_causes(&error)))?;
    Ok((cedar_request, entities))
}

/// Whether the request fits the schema; without one, whether Cedar knows its names and values.
fn check(bundle: &PolicyBundle, request: &Request, context: &Record) -> Result<(), Fault> {
    let (principal, action, resource) = (request.principal(), request.action(), request.resource());
    let checked = match bundle.types() {
        Some(types) => {
            types.check_request(principal, action, resource).map_err(|error| match error {
                ApplicationError::UndeclaredType(message) => {
                    Fault::new(codes::UNKNOWN_KIND, message)
                }
                ApplicationError::InapplicableAction(message) => {
                    Fault::new(codes::UNKNOWN_ACTION, message)
                }
                ApplicationError::NotEnumerated(message) => {
                    Fault::new(codes::INVALID_REQUEST, message)
                }
            })?;
            types.check_context(action, context)
        }
        None => {
            for uid in [principal, action, resource] {
                check_type_name(uid)
                    .map_err(|error| Fault::new(codes::UNKNOWN_KIND, error.to_string()))?;
            }
            check_untyped_record(context).map_err(|error| error.within("context"))
        }
    };
    checked.map_err(|error| Fault::new(codes::INVALID_REQUEST, error.to_string()))
}

/// The inline rows by uid, none of them stored, all of types that may be passed inline and as the
/// schema declares them.
fn inline_rows<'r>(
    world: &World,
    request: &'r Request,
) -> Result<BTreeMap<&'r EntityUid, &'r Entity>, Fault> {
    let mut rows = BTreeMap::new();
    for row in &request.inline {
        let refuse = |why: &str| {
            Err(Fault::new(
                codes::INVALID_REQUEST,
                format!("{} is passed inline, {why}", row.uid()),
            ))
        };
        if !world.may_be_inline(row.uid().type_name()) {
            return refuse("but its type is not declared host-owned");
        }
        if world.facts().contains(row.uid()) {
            return refuse("but it is stored too");
        }
        if rows.insert(row.uid(), row).is_some() {
            return refuse("twice");
        }
        world.policies().check_entity(row).map_err(|error| {
            Fault::new(codes::INVALID_REQUEST, error.within("inline").to_string())
        })?;
    }
    if let Some(uid) = circle(&rows) {
        let message = format!("{uid} is passed inline, and would be its own ancestor");
        return Err(Fault::new(codes::INVALID_REQUEST, message));
    }
    Ok(rows)
}

/// A row that is its own ancestor by way of other inline rows.
fn circle<'r>(rows: &BTreeMap<&'r EntityUid, &'r Entity>) -> Option<&'r EntityUid> {
    let mut done = BTreeSet::new();
    for start in rows.values().filter(|row| !row.parents().is_empty()) {
        if done.contains(start.uid()) {
            continue;
        }
        // The way up from the start: each row with those of its parents that are still to be seen.
        let mut way = vec![(*start, start.parents().iter())];
        let mut on_way = BTreeSet::from([start.uid()]);
        while let Some((row, parents)) = way.last_mut() {
            let Some(parent) = parents.next() else {
                on_way.remove(row.uid());
                done.insert(row.uid());
                way.pop();
                continue;
            };
            if on_way.contains(parent) {
                return Some(row.uid());
            }
            if let Some(above) = rows.get(parent).filter(|_| !done.contains(parent)) {
                on_way.insert(above.uid());
                way.push((above, above.parents().iter()));
            }
        }
    }
    None
}

/// Adds actions with their groups, which the schema holds.
fn add_actions(
    bundle: &PolicyBundle,
    mut open: Vec<cedar_policy::EntityUid>,
    entities: &mut Vec<cedar_policy::Entity>,
) {
    let known = bundle.action_entities();
    let mut seen = HashSet::new();
    while let Some(uid) = open.pop() {
        let Some(entity) = known.get(&uid) else { continue };
        if seen.insert(uid) {
            let (_, _, parents) = entity.clone().into_inner();
            open.extend(parents);
            entities.push(entity.clone());
        }
    }
}

/// The rows that a request can reach.
///
/// A policy reads attributes and tags of an entity that it names, of the principal, action or
/// resource, and of what it reaches from there through attributes, records and tags. The elements
/// of a set are compared, never read; of ancestors only their own parents count. So this slice
/// gives every policy the answer that all facts would.
#[derive(Default)]
struct Slice<'r> {
    whole: BTreeMap<EntityUid, Cow<'r, Entity>>,
    ancestors: BTreeMap<EntityUid, Cow<'r, Entity>>,
    /// The actions among what is reached: not the request's alone may be asked for its groups.
    actions: Vec<EntityUid>,
}

impl<'r> Slice<'r> {
    fn reach(
        bundle: &PolicyBundle,
        facts: &Facts,
        inline: &BTreeMap<&EntityUid, &'r Entity>,
        request: &Request,
        context: &Record,
    ) -> Self {
        let row = |uid: &EntityUid| match inline.get(uid) {
            Some(row) => Some(Cow::Borrowed(*row)),
            None => facts.entity(uid).map(Cow::Owned),
        };
        let mut slice = Self::default();
        let mut open = vec![request.principal(), request.action(), request.resource()];
        open.extend(bundle.literals());
        let mut open: Vec<EntityUid> = open.into_iter().cloned().collect();
        let mut seen = BTreeSet::new();
        for value in context.values() {
            named_entities(value, &mut open);
        }
        while let Some(uid) = open.pop() {
            if !seen.insert(uid.clone()) {
                continue;
            }
            if uid.type_name().rsplit("::").next() == Some("Action") {
                slice.actions.push(uid.clone());
            }
            let Some(row) = row(&uid) else { continue };
            for value in row.attributes().values().chain(row.tags().values()) {
                named_entities(value, &mut open);
            }
            slice.whole.insert(uid, row);
        }
        let mut above: Vec<EntityUid> =
            slice.whole.values().flat_map(|row| row.parents()).cloned().collect();
        while let Some(uid) = above.pop() {
            if slice.whole.contains_key(&uid) || slice.ancestors.contains_key(&uid) {
                continue;
            }
            let Some(row) = row(&uid) else { continue };
            above.extend(row.parents().iter().cloned());
            slice.ancestors.insert(uid, row);
        }
        slice
    }

    fn convert(&self, conversion: &mut Conversion) -> Result<Vec<cedar_policy::Entity>, String> {
        let whole = self.whole.values().map(|row| (row, true));
        let ancestors = self.ancestors.values().map(|row| (row, false));
        whole
            .chain(ancestors)
            .map(|(row, whole)| {
                let entity = if whole { conversion.entity(row) } else { conversion.ancestor(row) };
                entity.map_err(|error| error.to_string())
            })
            .collect()
    }
}

/// The entities that a value names outside of sets.
fn named_entities(value: &Value, found: &mut Vec<EntityUid>) {
    if let Some(uid) = value.as_entity() {
        found.push(uid.clone());
    }
    for value in value.as_record().into_iter().flat_map(Record::values) {
        named_entities(value, found);
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
