//! What policies leave open of a resource that is not known, as a condition on its columns.
//!
//! A check that fails closed allows what satisfies a permit and makes every forbid false, none of
//! them failing. So each condition is asked for twice: when it is true, and when it is false; where
//! it fails it is neither. Written so, without a negation over anything that may fail, a `NULL` that
//! makes a comparison neither true nor false keeps its row out, as a failing policy does.
//!
//! What reads nothing of the resource is evaluated, by the evaluator that decides. What reads on from
//! a column that names an entity (`resource.client.archived`) is asked of each entity that the column
//! may name: of those that the rest of the condition leaves, or all of the type where they are few.
//!
//! Of the table's other rows, and of what they are in, the facts know nothing, while a check has the
//! one row that the host passes: what reads or goes through such a row is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::mapping::{Attribute, Holds, Related};
use super::{
    Column, ColumnMapping, Comparison, Filter, FilterError, Nulls, Predicate, SqlValue,
    TableMapping,
};
use crate::decide::{Asked, ErrorMode};
use crate::engine::World;
use crate::facts::{Entity, EntityUid, Naming as _, Slot, Type, Types, Value};
use crate::plan::{
    ActionAt, Binary, Evaluator, Expr, ExprId, Local, Plan, RuleKind, Scope, Unary, Val,
};
use crate::query::search;

/// How many entities a column may name, where what they say is asked of each.
const LINKED_MAX: usize = 1000;

/// The id of the resource that stands for all: what is asked of its id is asked of the column.
const ANY: &str = "doorward: whichever row";
/// The id of an entity that no facts hold.
const NOBODY: &str = "doorward: nobody";

/// The rows that a check of this environment allows.
pub(crate) fn filter(
    world: &World,
    types: &Types,
    asked: Asked,
    principal: Slot,
    local: &Local,
    mapping: &TableMapping,
) -> Result<Filter, FilterError> {
    let plan = world.plan();
    let name = plan.type_name(asked.resource);
    if *name != *mapping.type_name {
        let message = format!("the table holds a {}, and a {name} is asked for", mapping.type_name);
        return Err(FilterError::new(message).with_help("take the mapping of the resource's type"));
    }
    if world.error_mode() == ErrorMode::Cedar {
        return Err(FilterError::new(
            "a forbid that fails has to refuse, and `ErrorMode::Cedar` skips it",
        )
        .with_help("build the engine with `ErrorMode::FailClosed`, or ask with `list`"));
    }
    if !world.may_be_inline(&name) || world.facts().any_of_type(&name).is_some() {
        return Err(FilterError::new(format!(
            "rows of {name} are stored, and not in a table of the host's"
        ))
        .with_help("declare the type host-owned, or ask with `list`"));
    }
    if !world.evaluator().is_by_plan() {
        return Err(FilterError::new("a policy could not be compiled")
            .with_help("`doorward plan` tells which"));
    }
    mapping.check_types(types)?;
    let Some(environment) = plan.environments.get(asked.environment as usize) else {
        return Ok(Filter::None);
    };
    let mut residual = Residual {
        world,
        plan,
        types,
        mapping,
        action: environment.action,
        resource_type: asked.resource,
        principal,
        base: local,
        local: local.clone(),
        resource: Slot::MAX,
        bound: BTreeMap::new(),
    };
    residual.lay_out();
    residual.whole()
}

/// By attributes of the resource, the entities that may stand there.
type Candidates = BTreeMap<Arc<str>, Vec<EntityUid>>;

pub(super) struct Residual<'w> {
    pub(super) world: &'w World,
    pub(super) plan: &'w Plan,
    pub(super) types: &'w Types,
    pub(super) mapping: &'w TableMapping,
    action: u32,
    resource_type: u32,
    principal: Slot,
    /// The circumstances.
    base: &'w Local,
    /// The same, with a resource of which some attributes are known.
    local: Local,
    resource: Slot,
    pub(super) bound: BTreeMap<Arc<str>, EntityUid>,
}

/// One side of a comparison.
enum Term {
    Known(Known),
    /// It cannot be evaluated.
    Fails,
    Column(Column, Type),
}

/// A value that is known.
#[derive(Clone)]
enum Known {
    Bool(bool),
    Long(i64),
    Text(String),
    Entity(Slot),
    /// A moment or a duration.
    Datetime(i64),
    Duration(i64),
    Set(Vec<Known>),
    Other,
}

type Found = Result<Filter, FilterError>;

impl Residual<'_> {
    /// The whole condition: no forbid is satisfied, and a permit is.
    fn whole(&mut self) -> Found {
        let plan = self.plan;
        let of_kind = |wanted: fn(RuleKind) -> bool| {
            let rules = plan.rules.iter().flatten();
            rules.filter(move |rule| wanted(rule.kind)).collect::<Vec<_>>()
        };
        let named = |id: crate::symbol::Symbol| move |error: FilterError| error.within(id);
        let forbids = of_kind(|kind| matches!(kind, RuleKind::Forbid | RuleKind::StepUp));
        // What is simple says of which entities the rest has to be asked.
        let (mut found, mut candidates, mut later) =
            (self.whole_rows(), Candidates::new(), Vec::new());
        for forbid in forbids {
            if self.reads_on(forbid.condition) {
                later.push(forbid);
            } else {
                let is = self.holds(forbid.condition, false, &candidates);
                found = found.and(is.map_err(named(forbid.id))?);
                self.narrow(&found, &mut candidates);
            }
            if found == Filter::None {
                return Ok(found);
            }
        }
        for forbid in later {
            let is = self.holds(forbid.condition, false, &candidates);
            found = found.and(is.map_err(named(forbid.id))?);
            if found == Filter::None {
                return Ok(found);
            }
            self.narrow(&found, &mut candidates);
        }
        let mut permitted = Filter::None;
        for permit in of_kind(|kind| kind == RuleKind::Permit) {
            let is = self.holds(permit.condition, true, &candidates);
            permitted = permitted.or(is.map_err(named(permit.id))?);
        }
        Ok(found.and(permitted))
    }

    /// That nothing is missing which the schema requires.
    fn whole_rows(&self) -> Filter {
        let columns = self.mapping.columns.values().filter_map(|attribute| match attribute {
            Attribute::Column(column) if column.nulls == Nulls::Refused => Some(column),
            _ => None,
        });
        columns.fold(Filter::All, |all, column| all.and(not_null(&column_of(column))))
    }

    /// Lays out the resource as far as it is known.
    fn lay_out(&mut self) {
        let rows = self.world.facts().rows();
        let type_name = self.plan.type_name(self.resource_type);
        let mut entity = Entity::new(EntityUid::new(&*type_name, ANY));
        for (path, uid) in &self.bound {
            let (first, within) = path.split_once('.').unwrap_or((path, ""));
            let known = entity.attribute(first).cloned();
            entity.set(first, with_member(known, within, uid));
        }
        self.local.clone_from(self.base);
        self.resource = self.local.add(rows, self.resource_type, &entity).unwrap_or(Slot::MAX);
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            rows: self.world.facts().rows(),
            local: &self.local,
            principal: self.principal,
            action: ActionAt::Literal(self.action),
            resource: self.resource,
            own: self.principal,
        }
    }

    pub(super) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { arena: &self.plan.arena, scope: self.scope() }
    }

    /// When a condition is true, or false.
    fn holds(&mut self, expr: ExprId, want: bool, candidates: &Candidates) -> Found {
        if !self.is_open(expr) {
            if self.reads_rows(expr) {
                return Err(self.unsupported(expr, "it reads a row of the same table"));
            }
            let is = self.evaluator().holds(expr);
            return Ok(Filter::of(is == Ok(want)));
        }
        match self.plan.arena.get(expr).clone() {
            Expr::Unary(Unary::Not, of) => self.holds(of, !want, candidates),
            Expr::All(parts) if want => self.all(&parts, true, candidates),
            Expr::Any(parts) if !want => self.all(&parts, false, candidates),
            Expr::All(parts) => self.any(&parts, false, candidates),
            Expr::Any(parts) => self.any(&parts, true, candidates),
            Expr::If(test, then, other) => {
                let mut found = Filter::None;
                for (came, then) in [(true, then), (false, other)] {
                    let test = self.holds(test, came, candidates)?;
                    if test != Filter::None {
                        let mut candidates = candidates.clone();
                        self.narrow(&test, &mut candidates);
                        found = found.or(test.and(self.holds(then, want, &candidates)?));
                    }
                }
                Ok(found)
            }
            leaf => self.leaf(expr, &leaf, want, candidates),
        }
    }

    /// When all parts are true, or all false.
    fn all(&mut self, parts: &[ExprId], want: bool, candidates: &Candidates) -> Found {
        let (mut found, mut candidates, mut later) = (Filter::All, candidates.clone(), Vec::new());
        for part in parts {
            if self.reads_on(*part) {
                later.push(*part);
                continue;
            }
            found = found.and(self.holds(*part, want, &candidates)?);
            if found == Filter::None {
                return Ok(found);
            }
            self.narrow(&found, &mut candidates);
        }
        for part in later {
            found = found.and(self.holds(part, want, &candidates)?);
            if found == Filter::None {
                return Ok(found);
            }
            self.narrow(&found, &mut candidates);
        }
        Ok(found)
    }

    /// When one part is true, or false, and those before it are not, without failing.
    fn any(&mut self, parts: &[ExprId], want: bool, candidates: &Candidates) -> Found {
        let (mut found, mut before) = (Filter::None, Filter::All);
        let mut candidates = candidates.clone();
        for part in parts {
            let is = self.holds(*part, want, &candidates)?;
            found = found.or(before.clone().and(is));
            if found == Filter::All {
                break;
            }
            if self.may_fail(*part) {
                before = before.and(self.holds(*part, !want, &candidates)?);
                if before == Filter::None {
                    break;
                }
                self.narrow(&before, &mut candidates);
            }
        }
        Ok(found)
    }

    /// Whether a condition may be neither true nor false.
    fn may_fail(&self, expr: ExprId) -> bool {
        if !self.is_open(expr) {
            return self.evaluator().holds(expr).is_err();
        }
        match self.plan.arena.get(expr) {
            Expr::Unary(Unary::Not, of) => self.may_fail(*of),
            Expr::All(parts) | Expr::Any(parts) => parts.iter().any(|part| self.may_fail(*part)),
            Expr::Has(of, _) => self.path(*of).is_none_or(|path| !path.is_empty()),
            _ => true,
        }
    }

    /// What a condition that was found says of the entities that columns name.
    fn narrow(&self, found: &Filter, candidates: &mut Candidates) {
        let Filter::Predicate(predicate) = found else { return };
        let parts = match predicate {
            Predicate::And(parts) => &parts[..],
            one => std::slice::from_ref(one),
        };
        for (name, attribute) in &self.mapping.columns {
            let Attribute::Column(column) = attribute else { continue };
            let Some((Type::Entity(type_name), _)) = self.declared(&[Arc::clone(name)]) else {
                continue;
            };
            let own = column_of(column);
            for part in parts {
                let values = match part {
                    Predicate::Compare(of, Comparison::Equal, value) if *of == own => {
                        std::slice::from_ref(value)
                    }
                    Predicate::In { column: of, values, negated: false } if *of == own => values,
                    _ => continue,
                };
                let uid = |value| EntityUid::new(&**type_name, id_of(value));
                let uids: Vec<EntityUid> = values.iter().map(uid).collect();
                match candidates.get_mut(name) {
                    Some(known) => known.retain(|uid| uids.contains(uid)),
                    None => {
                        candidates.insert(Arc::clone(name), uids);
                    }
                }
            }
        }
    }

    /// A condition that no others make up.
    fn leaf(&mut self, expr: ExprId, leaf: &Expr, want: bool, candidates: &Candidates) -> Found {
        if let Expr::Binary(Binary::In, left, right) = leaf
            && self.is_open(*left)
            && self.is_open(*right)
        {
            return Err(self.unsupported(expr, "both are the row's own"));
        }
        let mut hops = Vec::new();
        self.hops(expr, &mut hops);
        match hops.first() {
            Some(hop) => self.linked(expr, hop, want, candidates),
            None => self.direct(expr, leaf, want),
        }
    }

    /// A condition on an entity that a column names: what comes of each that it may name.
    fn linked(
        &mut self,
        expr: ExprId,
        hop: &Arc<str>,
        want: bool,
        candidates: &Candidates,
    ) -> Found {
        let (column, type_name) = self.entity_column(expr, hop)?;
        if type_name == self.mapping.type_name {
            return Err(self.unsupported(expr, "it reads another row of the same table"));
        }
        let told = candidates.get(hop);
        let is_told = told.is_some();
        let known = told.cloned().or_else(|| self.linked_rows(&type_name));
        let Some(known) = known.filter(|known| known.len() <= LINKED_MAX) else {
            return Err(self.unsupported(expr, &format!("it is asked of every {type_name}")).with_help(
                format!("a filter asks at most {LINKED_MAX}: let a policy say which `resource.{hop}` it may be"),
            ));
        };
        let mut found: Vec<(Filter, Vec<SqlValue>)> = Vec::new();
        let mut all = Vec::new();
        for uid in known {
            let Some(value) = id_value(uid.id(), column.holds) else { continue };
            all.push(value.clone());
            let is = self.holds_of(hop, uid, expr, want, candidates)?;
            match found.iter_mut().find(|(known, _)| *known == is) {
                _ if is == Filter::None => {}
                Some((_, values)) => values.push(value),
                None => found.push((is, vec![value])),
            }
        }
        let own = column_of(&column);
        let mut found = found
            .into_iter()
            .fold(Filter::None, |all, (is, values)| all.or(is_one_of(&own, values).and(is)));
        if !is_told {
            // Others may be named that no facts hold.
            let nobody = EntityUid::new(&*type_name, NOBODY);
            let is = self.holds_of(hop, nobody, expr, want, candidates)?;
            if is != Filter::None {
                let other = match all.is_empty() {
                    true => not_null(&own),
                    false => {
                        Filter::Predicate(Predicate::In { column: own, values: all, negated: true })
                    }
                };
                found = found.or(other.and(is));
            }
        }
        Ok(found)
    }

    /// The same where a column names this entity.
    fn holds_of(
        &mut self,
        hop: &Arc<str>,
        uid: EntityUid,
        expr: ExprId,
        want: bool,
        candidates: &Candidates,
    ) -> Found {
        self.bound.insert(Arc::clone(hop), uid);
        self.lay_out();
        let is = self.holds(expr, want, candidates);
        self.bound.remove(hop);
        self.lay_out();
        is
    }

    /// The facts of a type, where they are few.
    fn linked_rows(&self, type_name: &str) -> Option<Vec<EntityUid>> {
        let rows = self.world.facts().rows();
        let number = rows.catalog().type_number(type_name)?;
        let slots = rows.slots_of(number).filter(|slot| rows.is_fact(*slot));
        Some(slots.take(LINKED_MAX + 1).map(|slot| rows.uid_of(slot)).collect())
    }

    /// A condition on the row's own columns.
    fn direct(&mut self, expr: ExprId, leaf: &Expr, want: bool) -> Found {
        match leaf {
            Expr::Attribute(..) => match self.term(expr)? {
                Term::Column(column, Type::Bool) => {
                    let value = SqlValue::Boolean(want);
                    Ok(Filter::Predicate(Predicate::Compare(column, Comparison::Equal, value)))
                }
                Term::Known(Known::Bool(flag)) => Ok(Filter::of(flag == want)),
                _ => Ok(Filter::None),
            },
            Expr::Binary(operator, left, right) => {
                self.binary(expr, *operator, (*left, *right), want)
            }
            Expr::Has(of, name) => self.has(expr, *of, name, want),
            Expr::Like(of, pattern) => match self.term(*of)? {
                Term::Column(column, Type::String) => {
                    let pattern = Arc::clone(pattern);
                    Ok(Filter::Predicate(Predicate::Like { column, pattern, negated: !want }))
                }
                _ => Ok(Filter::None),
            },
            Expr::Is(of, type_name) => match self.term(*of)? {
                Term::Column(column, Type::Entity(declared)) => {
                    let is = (declared == *type_name) == want;
                    Ok(if is { not_null(&column) } else { Filter::None })
                }
                _ => Ok(Filter::None),
            },
            Expr::Unary(Unary::IsEmpty, of) => {
                let related = self.related(*of)?;
                Ok(exists(&column_of(&self.mapping.id), &related, None, !want))
            }
            _ => Err(self.unsupported(expr, "no column tells")),
        }
    }

    fn has(&self, expr: ExprId, of: ExprId, name: &Arc<str>, want: bool) -> Found {
        let Some(mut path) = self.path(of) else {
            return Err(self.unsupported(expr, "no column tells"));
        };
        if !path.is_empty() && self.declared(&path).is_none_or(|(_, required)| !required) {
            return Err(self.unsupported(expr, "the record that it is a member of may be missing"));
        }
        if name.contains('.') {
            return Err(self.unsupported(expr, "the name holds a point"));
        }
        path.push(Arc::clone(name));
        if self.hop(&path).is_some() {
            return Err(self.unsupported(expr, "it reads on from an entity"));
        }
        match self.declared(&path) {
            // Every row has what the schema requires, or is kept out.
            Some((_, true)) => Ok(Filter::of(want)),
            None => Ok(Filter::of(!want)),
            Some((_, false)) => {
                let (column, nulls) = match self.mapping.columns.get(&*path.join(".")) {
                    Some(Attribute::Column(column)) => (column_of(column), column.nulls),
                    // The set is there, and may be empty.
                    Some(Attribute::Related(_)) => return Ok(Filter::of(want)),
                    None => return Err(self.unmapped(expr, &path)),
                };
                Ok(match nulls {
                    Nulls::Absent => Filter::Predicate(Predicate::Null { column, negated: want }),
                    Nulls::Never | Nulls::Refused => Filter::of(want),
                })
            }
        }
    }

    fn binary(
        &mut self,
        expr: ExprId,
        operator: Binary,
        (left, right): (ExprId, ExprId),
        want: bool,
    ) -> Found {
        match operator {
            Binary::Equal => self.compare(expr, Comparison::Equal, (left, right), want),
            Binary::Less => self.compare(expr, Comparison::Less, (left, right), want),
            Binary::LessEqual => self.compare(expr, Comparison::LessOrEqual, (left, right), want),
            Binary::Contains if self.is_open(left) => {
                let (related, element) = (self.related(left)?, self.known(right)?);
                let Some(element) = element else { return Ok(Filter::None) };
                Ok(self.holds_one(&related, std::slice::from_ref(&element), want))
            }
            Binary::Contains => {
                let (set, element) = (self.known(left)?, self.term(right)?);
                let (Some(Known::Set(set)), Term::Column(column, of)) = (set, element) else {
                    return Ok(Filter::None);
                };
                Ok(self.among(&column, &of, &set, want))
            }
            Binary::ContainsAny => {
                let (open, other) = if self.is_open(left) { (left, right) } else { (right, left) };
                let (related, elements) = (self.related(open)?, self.known(other)?);
                let Some(Known::Set(elements)) = elements else { return Ok(Filter::None) };
                Ok(self.holds_one(&related, &elements, want))
            }
            Binary::ContainsAll if self.is_open(left) => {
                let (related, elements) = (self.related(left)?, self.known(right)?);
                let Some(Known::Set(elements)) = elements else { return Ok(Filter::None) };
                let each = elements
                    .iter()
                    .map(|it| self.holds_one(&related, std::slice::from_ref(it), want));
                Ok(if want {
                    each.fold(Filter::All, Filter::and)
                } else {
                    each.fold(Filter::None, Filter::or)
                })
            }
            Binary::In => self.is_in(expr, left, right, want),
            _ => Err(self.unsupported(expr, "no column tells")),
        }
    }

    fn is_in(&mut self, expr: ExprId, left: ExprId, right: ExprId, want: bool) -> Found {
        let rows = self.world.facts().rows();
        if !self.is_open(left) {
            // Somebody known, in what a column names, or in one of a set.
            let Some(Known::Entity(slot)) = self.known(left)? else { return Ok(Filter::None) };
            if self.lies_in_rows(slot) {
                return Err(self.unsupported(expr, "it lies in a row of the same table"));
            }
            let mut above = Vec::new();
            rows.each_above(slot, |it| above.push(Known::Entity(it)));
            let is_set = self.path(right).and_then(|path| Some(self.declared(&path)?.0.clone()));
            if let Some(Type::Set(_)) = is_set {
                let related = self.related(right)?;
                return Ok(self.holds_one(&related, &above, want));
            }
            return match self.term(right)? {
                Term::Column(column, of) => Ok(self.among(&column, &of, &above, want)),
                _ => Ok(Filter::None),
            };
        }
        let above = match self.known(right)? {
            Some(Known::Entity(slot)) => vec![slot],
            Some(Known::Set(set)) => {
                let slots = set.iter().map(|it| match it {
                    Known::Entity(slot) => Some(*slot),
                    _ => None,
                });
                // A set of anything else fails.
                let Some(slots) = slots.collect::<Option<Vec<_>>>() else {
                    return Ok(Filter::None);
                };
                slots
            }
            _ => return Ok(Filter::None),
        };
        let Term::Column(column, Type::Entity(type_name)) = self.term(left)? else {
            return Ok(Filter::None);
        };
        let number = self.plan.type_number(&type_name);
        let has_above = self.types.entity(&type_name).is_some_and(|it| !it.ancestors.is_empty());
        // What the rows of the table are in, the host tells with each.
        let may_be_above = |own: &Arc<str>| {
            self.types.entity(&type_name).is_some_and(|it| it.ancestors.contains(own))
        };
        let own = &self.mapping.type_name;
        if has_above && (type_name == *own || may_be_above(own)) {
            return Err(self.unsupported(expr, "no column tells what the row is in"));
        }
        let mut below: Vec<Known> = above.iter().map(|slot| Known::Entity(*slot)).collect();
        if has_above {
            let found =
                number.and_then(|number| search::below(self.plan, rows, above, number, LINKED_MAX));
            let Some(found) = found else {
                return Err(self.unsupported(expr, "what lies below is not known"));
            };
            if found.len() > LINKED_MAX {
                return Err(self
                    .unsupported(expr, "too many lie below")
                    .with_help(format!("a filter names at most {LINKED_MAX}")));
            }
            below = found.into_iter().map(Known::Entity).collect();
        }
        Ok(self.among(&column, &Type::Entity(type_name), &below, want))
    }

    /// A column holds one of some values, or none of them.
    fn among(&self, column: &Column, of: &Type, values: &[Known], want: bool) -> Filter {
        let mut values: Vec<SqlValue> =
            values.iter().filter_map(|value| self.value(value, column.holds, of)).collect();
        values.sort_unstable();
        values.dedup();
        match (values.is_empty(), want) {
            (true, true) => Filter::None,
            (true, false) => not_null(column),
            (false, true) => is_one_of(column, values),
            (false, false) => {
                Filter::Predicate(Predicate::In { column: column.clone(), values, negated: true })
            }
        }
    }

    fn holds_one(&self, (related, of): &(Related, Type), elements: &[Known], want: bool) -> Filter {
        let element = &related.element;
        let mut values: Vec<SqlValue> =
            elements.iter().filter_map(|it| self.value(it, element.holds, of)).collect();
        values.sort_unstable();
        values.dedup();
        if values.is_empty() {
            return Filter::of(!want);
        }
        exists(
            &column_of(&self.mapping.id),
            &(related.clone(), of.clone()),
            Some((column_of(element), values)),
            want,
        )
    }

    fn compare(
        &mut self,
        expr: ExprId,
        comparison: Comparison,
        (left, right): (ExprId, ExprId),
        want: bool,
    ) -> Found {
        let (one, other) = (self.term(left)?, self.term(right)?);
        let (column, of, comparison, known) = match (one, other) {
            (Term::Fails, _) | (_, Term::Fails) => return Ok(Filter::None),
            (Term::Column(column, of), Term::Known(known)) => (column, of, comparison, known),
            (Term::Known(known), Term::Column(column, of)) => {
                (column, of, comparison.mirrored(), known)
            }
            (Term::Column(one, of), Term::Column(other, beside)) => {
                return self.compare_columns(expr, comparison, (one, of), (other, beside), want);
            }
            (Term::Known(_), Term::Known(_)) => {
                let is = self.evaluator().holds(expr);
                return Ok(Filter::of(is == Ok(want)));
            }
        };
        let is_equal = comparison == Comparison::Equal;
        let Some(value) = self.value(&known, column.holds, &of) else {
            // Nothing there is like it; and what has no order fails.
            return Ok(if is_equal && !want { not_null(&column) } else { Filter::None });
        };
        let is_ordered = matches!(of, Type::Long | Type::Datetime | Type::Duration);
        if !is_equal && !is_ordered {
            return Ok(Filter::None);
        }
        let comparison = if want { comparison } else { comparison.negated() };
        Ok(Filter::Predicate(Predicate::Compare(column, comparison, value)))
    }

    fn compare_columns(
        &self,
        expr: ExprId,
        comparison: Comparison,
        (one, of): (Column, Type),
        (other, beside): (Column, Type),
        want: bool,
    ) -> Found {
        if of != beside || one.holds != other.holds {
            return Err(self.unsupported(expr, "the columns are of two types"));
        }
        let comparison = if want { comparison } else { comparison.negated() };
        Ok(Filter::Predicate(Predicate::CompareColumns(one, comparison, other)))
    }

    /// One side of a comparison.
    fn term(&self, expr: ExprId) -> Result<Term, FilterError> {
        if !self.is_open(expr) {
            return Ok(self.known(expr)?.map_or(Term::Fails, Term::Known));
        }
        let Some(path) = self.path(expr) else {
            return Err(self.unsupported(expr, "no column tells"));
        };
        if path.is_empty() {
            let of = Type::Entity(Arc::clone(&self.mapping.type_name));
            return Ok(Term::Column(column_of(&self.mapping.id), of));
        }
        let Some((of, _)) = self.declared(&path) else {
            return Err(self.unsupported(expr, "the schema declares no such attribute"));
        };
        match self.mapping.columns.get(&*path.join(".")) {
            Some(Attribute::Column(column)) => Ok(Term::Column(column_of(column), of.clone())),
            Some(Attribute::Related(_)) => Err(self.unsupported(expr, "a set is no column")),
            None => Err(self.unmapped(expr, &path)),
        }
    }

    /// The set that an attribute of the resource is.
    fn related(&self, expr: ExprId) -> Result<(Related, Type), FilterError> {
        let path = self.path(expr).ok_or_else(|| self.unsupported(expr, "no table tells"))?;
        let of = self.declared(&path).map(|(of, _)| of);
        match (self.mapping.columns.get(&*path.join(".")), of) {
            (Some(Attribute::Related(related)), Some(Type::Set(of))) => {
                Ok((related.clone(), Type::clone(of)))
            }
            _ => Err(self.unmapped(expr, &path)),
        }
    }

    /// A value that has to be known; `None` where it fails.
    fn known(&self, expr: ExprId) -> Result<Option<Known>, FilterError> {
        if self.is_open(expr) {
            return Err(self.unsupported(expr, "it is no value that is known before"));
        }
        if self.reads_rows(expr) {
            return Err(self.unsupported(expr, "it reads a row of the same table"));
        }
        Ok(self.known_of(expr))
    }

    fn known_of(&self, expr: ExprId) -> Option<Known> {
        let evaluator = self.evaluator();
        let value = evaluator.eval(expr).ok()?;
        Some(known_value(&evaluator, &value))
    }

    /// A value as it stands in a column; `None` where nothing there can be equal to it.
    fn value(&self, known: &Known, holds: Holds, of: &Type) -> Option<SqlValue> {
        match (known, of) {
            (Known::Bool(flag), Type::Bool) => Some(SqlValue::Boolean(*flag)),
            (Known::Long(number), Type::Long) => Some(SqlValue::Integer(*number)),
            (Known::Text(text), Type::String) => Some(SqlValue::Text(text.clone())),
            (Known::Datetime(ms), Type::Datetime) | (Known::Duration(ms), Type::Duration) => {
                Some(SqlValue::Integer(*ms))
            }
            (Known::Entity(slot), Type::Entity(type_name)) => {
                let uid = self.scope().uid(*slot);
                (*uid.type_name() == **type_name).then(|| id_value(uid.id(), holds)).flatten()
            }
            _ => None,
        }
    }

    /// The column of an attribute that names an entity, and the type of that.
    fn entity_column(
        &self,
        expr: ExprId,
        name: &Arc<str>,
    ) -> Result<(ColumnMapping, Arc<str>), FilterError> {
        let path = [Arc::clone(name)];
        match (self.mapping.columns.get(name), self.declared(&path)) {
            (Some(Attribute::Column(column)), Some((Type::Entity(of), _))) => {
                Ok((column.clone(), Arc::clone(of)))
            }
            _ => Err(self.unmapped(expr, &path)),
        }
    }

    fn unsupported(&self, expr: ExprId, why: &str) -> FilterError {
        FilterError::new(format!("`{}`: {why}", self.plan.text(expr)))
            .with_help("ask with `list` or `check`, which decide every clause")
    }

    fn unmapped(&self, expr: ExprId, path: &[Arc<str>]) -> FilterError {
        let path = path.join(".");
        FilterError::new(format!("`{}`: no column is declared for {path}", self.plan.text(expr)))
            .with_help(format!("map {path} to a column, or, if it is a set, to a related table"))
    }
}

/// A record that has an entity as a member, beside what it has already; the entity where no path leads
/// on.
fn with_member(known: Option<Value>, path: &str, uid: &EntityUid) -> Value {
    if path.is_empty() {
        return uid.clone().into();
    }
    let mut record = known.as_ref().and_then(Value::as_record).cloned().unwrap_or_default();
    let (first, within) = path.split_once('.').unwrap_or((path, ""));
    let member = with_member(record.get(first).cloned(), within, uid);
    record.insert(first.into(), member);
    Value::record(record).unwrap_or_else(|_| uid.clone().into())
}

fn column_of(column: &ColumnMapping) -> Column {
    Column { name: Arc::clone(&column.name), holds: column.holds }
}

/// That something stands in a column that is compared with nothing.
fn not_null(column: &Column) -> Filter {
    Filter::Predicate(Predicate::Null { column: column.clone(), negated: true })
}

fn is_one_of(column: &Column, mut values: Vec<SqlValue>) -> Filter {
    let column = column.clone();
    match (values.len(), values.pop()) {
        (1, Some(value)) => Filter::Predicate(Predicate::Compare(column, Comparison::Equal, value)),
        (_, Some(value)) => {
            values.push(value);
            Filter::Predicate(Predicate::In { column, values, negated: false })
        }
        (_, None) => Filter::None,
    }
}

fn exists(
    id: &Column,
    (related, _): &(Related, Type),
    element: Option<(Column, Vec<SqlValue>)>,
    want: bool,
) -> Filter {
    Filter::Predicate(Predicate::Exists {
        table: Arc::clone(&related.table),
        owner: Arc::clone(&related.owner),
        id: id.clone(),
        element,
        negated: !want,
    })
}

/// An id as it stands in a column; `None` where the column holds none like it.
fn id_value(id: &str, holds: Holds) -> Option<SqlValue> {
    match holds {
        Holds::Text => Some(SqlValue::Text(id.to_owned())),
        Holds::Integer => {
            let number: i64 = id.parse().ok()?;
            (number.to_string() == id).then_some(SqlValue::Integer(number))
        }
        Holds::Uuid => {
            let uuid = Uuid::try_parse(id).ok()?;
            (uuid.hyphenated().to_string() == id).then_some(SqlValue::Uuid(uuid.as_u128()))
        }
        Holds::Boolean | Holds::Milliseconds => None,
    }
}

/// The id that a column's value is.
fn id_of(value: &SqlValue) -> String {
    match value {
        SqlValue::Text(text) => text.clone(),
        SqlValue::Integer(number) => number.to_string(),
        SqlValue::Uuid(id) => Uuid::from_u128(*id).hyphenated().to_string(),
        SqlValue::Boolean(flag) => flag.to_string(),
    }
}

fn known_value(evaluator: &Evaluator<'_>, value: &Val<'_>) -> Known {
    match value {
        Val::Bool(flag) => Known::Bool(*flag),
        Val::Long(number) => Known::Long(*number),
        Val::Text(text) => Known::Text((*text).to_owned()),
        Val::Entity(slot) => Known::Entity(*slot),
        Val::Datetime(ms) => Known::Datetime(*ms),
        Val::Duration(ms) => Known::Duration(*ms),
        other => match evaluator.elements(other) {
            Ok(elements) => {
                Known::Set(elements.iter().map(|it| known_value(evaluator, it)).collect())
            }
            Err(_) => Known::Other,
        },
    }
}
