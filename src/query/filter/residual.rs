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
//! Of the host's other rows, and of what they are in, the facts know nothing, while a check has the
//! rows that the host passes: what reads or goes through such a row is refused, but for what a join
//! tells.

use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use super::draft::{Condition, Draft, Drafting, Hop, Join, Known, Leaf, Part, Set, unsupported};
use super::mapping::Holds;
use super::{Column, Comparison, Filter, FilterError, Predicate, SqlValue, TableMapping, not_null};
use crate::decide::{Asked, ErrorMode};
use crate::engine::World;
use crate::facts::{IdKey, Naming as _, Rows, Slot, Type, Types};
use crate::plan::{ActionAt, Binary, Evaluator, Expr, ExprId, Local, Plan, Scope, Val, Var};
use crate::query::search;

/// How many entities a column may name, where what they say is asked of each.
const LINKED_MAX: usize = 1000;

/// The id of the resource that stands for all: what is asked of its id is asked of the column.
const ANY: IdKey<'static> = IdKey::Text("doorward: whichever row");
/// The id of an entity that no facts hold.
const NOBODY: IdKey<'static> = IdKey::Text("doorward: nobody");

/// The rows that a check of this environment allows.
pub(crate) fn filter(
    world: &World,
    types: &Types,
    asked: Asked,
    principal: Slot,
    local: &Local,
    mapping: &TableMapping,
) -> Result<Filter, FilterError> {
    let (plan, rows) = (world.plan(), world.facts().rows());
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
    are_hosts(world, mapping)?;
    if !world.evaluator().is_by_plan() {
        return Err(FilterError::new("a policy could not be compiled")
            .with_help("`doorward plan` tells which"));
    }
    let found = plan.environments.get(asked.environment as usize);
    let action = found.and_then(|it| Some((it.action, plan.literal(it.action)?)));
    let Some((number, action)) = action else { return Ok(Filter::None) };
    let mut local = local.clone();
    let resource = local.slot(rows, &mapping.type_name, ANY);
    let action_at = ActionAt::Literal(number);
    let draft = mapping.draft((plan.serial(), asked.environment), || {
        mapping.check_types(types)?;
        let drafting = Drafting {
            plan,
            types,
            mapping,
            scope: Scope {
                rows,
                local: &local,
                principal,
                action: action_at,
                resource,
                own: resource,
            },
            principal: plan.type_name(asked.principal),
            action,
            hops: Vec::new(),
            bound: Vec::new(),
        };
        Ok(drafting.draft())
    })?;
    let draft = &*draft;
    let bound = Vec::with_capacity(draft.hops.len());
    Residual { plan, rows, mapping, draft, principal, action: action_at, resource, local, bound }
        .whole()
}

/// Refuses where rows of the tables are among the facts.
fn are_hosts(world: &World, mapping: &TableMapping) -> Result<(), FilterError> {
    let name = mapping.type_name();
    if !world.may_be_inline(name) || world.facts().any_of_type(name).is_some() {
        return Err(FilterError::new(format!(
            "rows of {name} are stored, and not in a table of the host's"
        ))
        .with_help("declare the type host-owned, or ask with `list`"));
    }
    mapping.joins().try_for_each(|joined| are_hosts(world, joined))
}

/// By hops, what may stand in their columns, where a condition tells.
type Told = Vec<Option<Rc<[SqlValue]>>>;

struct Residual<'w> {
    plan: &'w Plan,
    rows: &'w Rows,
    mapping: &'w TableMapping,
    draft: &'w Draft,
    principal: Slot,
    action: ActionAt,
    resource: Slot,
    /// The circumstances, and names of what no facts hold.
    local: Local,
    /// The hops that lead to entities which are known.
    bound: Vec<(ExprId, Slot)>,
}

type Found = Result<Filter, FilterError>;

impl<'w> Residual<'w> {
    /// The whole condition: no forbid is satisfied, and a permit is.
    fn whole(&mut self) -> Found {
        let draft = self.draft;
        let mut found = draft.whole.clone();
        let mut told: Told = vec![None; draft.hops.len()];
        for forbid in &draft.forbids {
            let is = self.holds(&forbid.condition, false, &told);
            let is = is.map_err(|error| error.within(forbid.id))?;
            self.narrow(&is, &mut told);
            found = found.and(is);
            if found == Filter::None {
                return Ok(found);
            }
        }
        let mut permitted = Filter::None;
        for permit in &draft.permits {
            let is = self.holds(&permit.condition, true, &told);
            permitted = permitted.or(is.map_err(|error| error.within(permit.id))?);
            if permitted == Filter::All {
                break;
            }
        }
        Ok(found.and(permitted))
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            rows: self.rows,
            local: &self.local,
            principal: self.principal,
            action: self.action,
            resource: self.resource,
            own: self.principal,
        }
    }

    fn evaluator(&self) -> Evaluator<'_> {
        Evaluator::new(&self.plan.arena, self.scope()).bound(&self.bound)
    }

    /// When a condition is true, or false.
    ///
    /// INVARIANT (expression nesting): drafts nest as deep as policies, which bounds this and the
    /// recursions below.
    fn holds(&mut self, condition: &'w Condition, want: bool, told: &Told) -> Found {
        match condition {
            Condition::Fixed(is) => Ok(Filter::of(*is == want)),
            Condition::Known(known) => Ok(Filter::of(self.decided(*known)? == Some(want))),
            Condition::Not(of) => self.holds(of, !want, told),
            Condition::All(parts) if want => self.all(parts, true, told),
            Condition::Any(parts) if !want => self.all(parts, false, told),
            Condition::All(parts) => self.any(parts, false, told),
            Condition::Any(parts) => self.any(parts, true, told),
            Condition::If(parts) => {
                let [test, then, other] = &**parts;
                let mut found = Filter::None;
                for (came, then) in [(true, then), (false, other)] {
                    let test = self.holds(test, came, told)?;
                    if test != Filter::None {
                        let mut told = told.clone();
                        self.narrow(&test, &mut told);
                        found = found.or(test.and(self.holds(then, want, &told)?));
                    }
                }
                Ok(found)
            }
            Condition::Leaf(table, expr, leaf) => {
                Ok(within(table.as_ref(), self.leaf(*expr, leaf, want)?))
            }
            Condition::HasRow(join, column) => Ok(has_row(join, column.as_ref(), want)),
            Condition::Linked { hop, expr, asks_which, condition } => {
                if *asks_which && told.get(*hop).is_none_or(Option::is_none) {
                    return Err(unsupported(
                        self.plan,
                        *expr,
                        "it asks which one it is, there or not",
                    ));
                }
                self.linked((*hop, *expr), condition, want, told)
            }
            Condition::Refused(error) => Err(error.clone()),
        }
    }

    /// When all parts are true, or all false.
    fn all(&mut self, parts: &'w [Part], want: bool, told: &Told) -> Found {
        let (mut found, mut told) = (Filter::All, told.clone());
        // What reads the row alone says of which entities the rest has to be asked.
        for is_linked in [false, true] {
            for part in parts.iter().filter(|part| part.is_linked == is_linked) {
                let is = self.holds(&part.condition, want, &told)?;
                self.narrow(&is, &mut told);
                found = found.and(is);
                if found == Filter::None {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// When one part is true, or false, and those before it are not, without failing.
    fn any(&mut self, parts: &'w [Part], want: bool, told: &Told) -> Found {
        let (mut found, mut before, mut told) = (Filter::None, Filter::All, told.clone());
        for Part { condition, .. } in parts {
            let is = self.holds(condition, want, &told)?;
            found = found.or(before.clone().and(is));
            if found == Filter::All {
                break;
            }
            if self.may_fail(condition) {
                let is_not = self.holds(condition, !want, &told)?;
                self.narrow(&is_not, &mut told);
                before = before.and(is_not);
                if before == Filter::None {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Whether a condition may be neither true nor false.
    fn may_fail(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Fixed(_) | Condition::Leaf(None, _, Leaf::Has(_)) => false,
            Condition::Known(known) => self.evaluator().holds(known.expr).is_err(),
            Condition::Not(of) => self.may_fail(of),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().any(|part| self.may_fail(&part.condition))
            }
            _ => true,
        }
    }

    /// What a condition that was found says of the entities that columns name.
    fn narrow(&self, found: &Filter, told: &mut Told) {
        let Filter::Predicate(predicate) = found else { return };
        let parts = match predicate {
            Predicate::And(parts) => &parts[..],
            one => std::slice::from_ref(one),
        };
        for (column, values) in parts.iter().filter_map(Predicate::among) {
            for (hop, told) in self.draft.hops.iter().zip(&mut *told) {
                if hop.at.table.is_none() && hop.at.column == *column {
                    *told = Some(match told {
                        Some(known) => {
                            known.iter().filter(|it| values.contains(it)).cloned().collect()
                        }
                        None => values.into(),
                    });
                }
            }
        }
    }

    /// A condition on an entity that a column names: what comes of each that it may name.
    fn linked(
        &mut self,
        (number, expr): (usize, ExprId),
        condition: &'w Condition,
        want: bool,
        told: &Told,
    ) -> Found {
        let Some(hop) = self.draft.hops.get(number) else { return Ok(Filter::None) };
        let told_of = told.get(number).and_then(Option::as_ref);
        let known = match told_of {
            Some(values) => {
                values.iter().map(|value| (self.slot_of(hop, value), value.clone())).collect()
            }
            None => self.few_rows(hop),
        };
        if known.len() > LINKED_MAX {
            let name = &hop.type_name;
            let attribute = self.plan.text(hop.expr);
            return Err(unsupported(self.plan, expr, &format!("it is asked of every {name}"))
                .with_help(format!(
                    "a filter asks at most {LINKED_MAX}: let a policy say which `{attribute}` it may be"
                )));
        }
        let mut found: Vec<(Filter, Vec<SqlValue>)> = Vec::new();
        for (slot, value) in &known {
            let is = self.holds_of(hop, *slot, condition, want, told)?;
            match found.iter_mut().find(|(known, _)| *known == is) {
                _ if is == Filter::None => {}
                Some((_, values)) => values.push(value.clone()),
                None => found.push((is, vec![value.clone()])),
            }
        }
        let (table, column) = (hop.at.table.as_ref(), &hop.at.column);
        let mut found = found.into_iter().fold(Filter::None, |all, (is, values)| {
            all.or(within(table, is_one_of(column, values)).and(is))
        });
        if told_of.is_none() {
            // Others may be named that no facts hold.
            let nobody = self.local.slot(self.rows, &hop.type_name, NOBODY);
            let is = self.holds_of(hop, nobody, condition, want, told)?;
            if is != Filter::None {
                let values = known.into_iter().map(|(_, value)| value).collect();
                found = found.or(within(table, is_none_of(column, values)).and(is));
            }
        }
        Ok(found)
    }

    /// The same where a column names this entity.
    fn holds_of(
        &mut self,
        hop: &Hop,
        slot: Slot,
        condition: &'w Condition,
        want: bool,
        told: &Told,
    ) -> Found {
        self.bound.push((hop.expr, slot));
        let is = self.holds(condition, want, told);
        self.bound.pop();
        is
    }

    /// The entity that a column names with a value.
    fn slot_of(&mut self, hop: &Hop, value: &SqlValue) -> Slot {
        let text;
        let id = match value {
            SqlValue::Uuid(id) => IdKey::Uuid(*id),
            SqlValue::Text(id) => IdKey::of(id),
            SqlValue::Integer(number) => {
                text = number.to_string();
                IdKey::Text(&text)
            }
            // No id is kept so.
            SqlValue::Boolean(_) => NOBODY,
        };
        self.local.slot(self.rows, &hop.type_name, id)
    }

    /// The facts of a type, as their columns name them; more than can be asked where they are not few.
    fn few_rows(&self, hop: &Hop) -> Vec<(Slot, SqlValue)> {
        let number = self.rows.catalog().type_number(&hop.type_name);
        let slots = number.into_iter().flat_map(|number| self.rows.slots_of(number));
        let is_its = |slot: &Slot| *self.scope().type_name(*slot) == *hop.type_name;
        let slots = slots.filter(|slot| self.rows.is_fact(*slot));
        let slots = slots.chain(self.local.slots().filter(is_its)).take(LINKED_MAX + 1);
        slots.filter_map(|slot| Some((slot, self.id_value(slot, hop.at.column.holds)?))).collect()
    }

    /// A condition on columns of one row.
    fn leaf(&self, expr: ExprId, leaf: &Leaf, want: bool) -> Found {
        Ok(match leaf {
            Leaf::Fails => Filter::None,
            Leaf::Holds => Filter::of(want),
            Leaf::Flag(column) => {
                let value = SqlValue::Boolean(want);
                Filter::Predicate(Predicate::Compare(column.clone(), Comparison::Equal, value))
            }
            Leaf::Compare { column, of, comparison, with } => {
                self.compare((column, of), *comparison, *with, want)?
            }
            Leaf::CompareColumns(one, comparison, other) => {
                let comparison = if want { *comparison } else { comparison.negated() };
                let (one, other) = (one.clone(), other.clone());
                Filter::Predicate(Predicate::CompareColumns(one, comparison, other))
            }
            Leaf::Like(column, pattern) => {
                let (column, pattern) = (column.clone(), Arc::clone(pattern));
                Filter::Predicate(Predicate::Like { column, pattern, negated: !want })
            }
            Leaf::Is(column, is) => {
                if *is == want {
                    not_null(column)
                } else {
                    Filter::None
                }
            }
            Leaf::Has(column) => {
                Filter::Predicate(Predicate::Null { column: column.clone(), negated: want })
            }
            Leaf::Among { column, of, set } => match self.elements(*set)? {
                Some(set) => self.among(column, of, &set, want),
                None => Filter::None,
            },
            Leaf::In { column, type_name, above, has_above } => {
                self.is_in(expr, (column, type_name), (*above, *has_above), want)?
            }
            Leaf::Above { known, column, of } => match self.above(expr, *known)? {
                Some(above) => self.among(column, of, &above, want),
                None => Filter::None,
            },
            Leaf::AboveOne(known, set) => match self.above(expr, *known)? {
                Some(above) => self.holds_one(set, &above, want),
                None => Filter::None,
            },
            Leaf::IsEmpty(set) => exists(set, None, !want),
            Leaf::Contains(set, element) => match self.known(*element)? {
                Some(element) => self.holds_one(set, std::slice::from_ref(&element), want),
                None => Filter::None,
            },
            Leaf::ContainsAny(set, elements) => match self.elements(*elements)? {
                Some(elements) => self.holds_one(set, &elements, want),
                None => Filter::None,
            },
            Leaf::ContainsAll(set, elements) => match self.elements(*elements)? {
                Some(elements) => {
                    let one = |element| self.holds_one(set, std::slice::from_ref(element), want);
                    let each = elements.iter().map(one);
                    if want {
                        each.fold(Filter::All, Filter::and)
                    } else {
                        each.fold(Filter::None, Filter::or)
                    }
                }
                None => Filter::None,
            },
        })
    }

    fn compare(
        &self,
        (column, of): (&Column, &Type),
        comparison: Comparison,
        with: Known,
        want: bool,
    ) -> Found {
        let Some(known) = self.known(with)? else { return Ok(Filter::None) };
        let is_equal = comparison == Comparison::Equal;
        let Some(value) = self.value(&known, column.holds, of) else {
            // Nothing there is like it; and what has no order fails.
            return Ok(if is_equal && !want { not_null(column) } else { Filter::None });
        };
        let is_ordered = matches!(of, Type::Long | Type::Datetime | Type::Duration);
        if !is_equal && !is_ordered {
            return Ok(Filter::None);
        }
        let comparison = if want { comparison } else { comparison.negated() };
        Ok(Filter::Predicate(Predicate::Compare(column.clone(), comparison, value)))
    }

    /// What a column names is in an entity, or in one of some.
    fn is_in(
        &self,
        expr: ExprId,
        (column, type_name): (&Column, &Arc<str>),
        (above, has_above): (Known, bool),
        want: bool,
    ) -> Found {
        let slots = match self.known(above)? {
            Some(Val::Entity(slot)) => vec![slot],
            Some(set) => {
                let elements = self.evaluator().elements(&set);
                let slots = elements.map(|elements| elements.iter().map(entity).collect());
                // What is no set, and a set of anything else, fails.
                let Ok(Some(slots)) = slots else { return Ok(Filter::None) };
                slots
            }
            None => return Ok(Filter::None),
        };
        let mut below = slots;
        if has_above && self.local.has_parents() {
            return Err(unsupported(
                self.plan,
                expr,
                "what the request brings along may lie between",
            ));
        }
        if has_above {
            let number = self.plan.type_number(type_name);
            let found = number
                .and_then(|number| search::below(self.plan, self.rows, below, number, LINKED_MAX));
            below = found
                .ok_or_else(|| unsupported(self.plan, expr, "what lies below is not known"))?;
            if below.len() > LINKED_MAX {
                return Err(unsupported(self.plan, expr, "too many lie below")
                    .with_help(format!("a filter names at most {LINKED_MAX}")));
            }
        }
        let below: Vec<Val<'_>> = below.into_iter().map(Val::Entity).collect();
        Ok(self.among(column, &Type::Entity(Arc::clone(type_name)), &below, want))
    }

    /// An entity and all that it is in; `None` where it is none.
    fn above(&self, expr: ExprId, known: Known) -> Result<Option<Vec<Val<'_>>>, FilterError> {
        let Some(Val::Entity(slot)) = self.known(known)? else { return Ok(None) };
        if self.lies_in_rows(slot) {
            return Err(unsupported(
                self.plan,
                expr,
                "it is a row of the same table, or lies in one",
            ));
        }
        Ok(Some(self.above_of(slot).into_iter().map(Val::Entity).collect()))
    }

    /// A column holds one of some values, or none of them.
    fn among(&self, column: &Column, of: &Type, values: &[Val<'_>], want: bool) -> Filter {
        let values = self.values(values, column.holds, of);
        if want { is_one_of(column, values) } else { is_none_of(column, values) }
    }

    fn holds_one(&self, set: &Set, elements: &[Val<'_>], want: bool) -> Filter {
        let element = set.related.element.column();
        let values = self.values(elements, element.holds, &set.of);
        if values.is_empty() {
            return Filter::of(!want);
        }
        exists(set, Some((element, values)), want)
    }

    /// Values as they stand in a column, each once, in order.
    fn values(&self, values: &[Val<'_>], holds: Holds, of: &Type) -> Vec<SqlValue> {
        let mut values: Vec<SqlValue> =
            values.iter().filter_map(|value| self.value(value, holds, of)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Whether a condition that reads nothing of the resource holds; `None` where it fails.
    fn decided(&self, known: Known) -> Result<Option<bool>, FilterError> {
        self.readable(known)?;
        Ok(self.evaluator().holds(known.expr).ok())
    }

    /// A value that is known; `None` where it fails.
    fn known(&self, known: Known) -> Result<Option<Val<'_>>, FilterError> {
        self.readable(known)?;
        Ok(self.evaluator().eval(known.expr).ok())
    }

    /// The elements of a set that is known; `None` where it fails, or is none.
    fn elements(&self, known: Known) -> Result<Option<Arc<[Val<'_>]>>, FilterError> {
        Ok(self.known(known)?.and_then(|set| self.evaluator().elements(&set).ok()))
    }

    fn readable(&self, known: Known) -> Result<(), FilterError> {
        if known.may_read_rows && self.reads_rows(known.expr) {
            return Err(unsupported(self.plan, known.expr, "it reads a row of the same table"));
        }
        Ok(())
    }

    /// Whether what is known reads a row of the host's, of which the facts hold none.
    fn reads_rows(&self, expr: ExprId) -> bool {
        let evaluator = self.evaluator();
        let is_row = |of: ExprId| {
            // What the row itself names is bound.
            !matches!(self.plan.arena.get(of), Expr::Var(Var::Resource))
                && matches!(evaluator.eval(of), Ok(Val::Entity(slot))
                    if self.mapping.maps(evaluator.scope.type_name(slot)))
        };
        let lies_in_rows = |of: ExprId| match evaluator.eval(of) {
            Ok(Val::Entity(slot)) => self.lies_in_rows(slot),
            _ => false,
        };
        let expr = self.plan.arena.get(expr);
        let is_read = match expr {
            Expr::Attribute(of, _) | Expr::Has(of, _) => is_row(*of),
            Expr::Binary(Binary::HasTag | Binary::GetTag, of, _) => is_row(*of),
            Expr::Binary(Binary::In, of, _) => lies_in_rows(*of),
            _ => false,
        };
        is_read || expr.any_part(|part| self.reads_rows(part))
    }

    /// Whether an entity is a row of the host's, or in one: the host tells with it what it is in.
    fn lies_in_rows(&self, slot: Slot) -> bool {
        let scope = self.scope();
        self.above_of(slot).into_iter().any(|above| self.mapping.maps(scope.type_name(above)))
    }

    /// An entity and all that it is in, by what the request brings along as by the facts.
    fn above_of(&self, slot: Slot) -> Vec<Slot> {
        let (scope, mut found, mut next) = (self.scope(), vec![slot], 0);
        while let Some(at) = found.get(next).copied() {
            next += 1;
            for parent in scope.row(at).parents() {
                if !found.contains(parent) {
                    found.push(*parent);
                }
            }
        }
        found
    }

    /// A value as it stands in a column; `None` where nothing there can be equal to it.
    fn value(&self, known: &Val<'_>, holds: Holds, of: &Type) -> Option<SqlValue> {
        match (known, of) {
            (Val::Bool(flag), Type::Bool) => Some(SqlValue::Boolean(*flag)),
            (Val::Long(number), Type::Long) => Some(SqlValue::Integer(*number)),
            (Val::Text(text), Type::String) => Some(SqlValue::Text((*text).to_owned())),
            (Val::Datetime(ms), Type::Datetime) | (Val::Duration(ms), Type::Duration) => {
                Some(SqlValue::Integer(*ms))
            }
            (Val::Entity(slot), Type::Entity(type_name)) => {
                let is_its = *self.scope().type_name(*slot) == **type_name;
                is_its.then(|| self.id_value(*slot, holds)).flatten()
            }
            _ => None,
        }
    }

    /// An id as it stands in a column; `None` where the column holds none like it.
    fn id_value(&self, slot: Slot, holds: Holds) -> Option<SqlValue> {
        let uuid = self.rows.uuid_of(slot);
        if let (Some(id), true) = (uuid, holds.uuids()) {
            return Some(SqlValue::Uuid(id));
        }
        let uid = self.scope().uid(slot);
        let id = uid.id();
        match holds {
            Holds::Text => Some(SqlValue::Text(id.to_owned())),
            Holds::Integer => {
                let number: i64 = id.parse().ok()?;
                (number.to_string() == id).then_some(SqlValue::Integer(number))
            }
            Holds::Uuid | Holds::UuidHex => {
                let uuid = Uuid::try_parse(id).ok()?;
                (uuid.hyphenated().to_string() == id).then_some(SqlValue::Uuid(uuid.as_u128()))
            }
            Holds::Boolean | Holds::Milliseconds => None,
        }
    }
}

fn entity(value: &Val<'_>) -> Option<Slot> {
    match value {
        Val::Entity(slot) => Some(*slot),
        _ => None,
    }
}

/// A condition on a row that others lead to: it is there, and meets it.
fn within(table: Option<&Arc<Join>>, filter: Filter) -> Filter {
    let Some(join) = table else { return filter };
    let condition = match filter {
        Filter::None => return Filter::None,
        Filter::All => None,
        Filter::Predicate(condition) => Some(Box::new(condition)),
    };
    within(join.named_by.table.as_ref(), joined(join, condition, false))
}

fn joined(join: &Join, condition: Option<Box<Predicate>>, negated: bool) -> Filter {
    Filter::Predicate(Predicate::Joined {
        table: Arc::clone(&join.table),
        id: join.id.clone(),
        named_by: join.named_by.column.clone(),
        condition,
        negated,
    })
}

/// The row that a column names is there, with something in a column of it; or it is not so of one
/// that is named.
fn has_row(join: &Arc<Join>, column: Option<&Column>, want: bool) -> Filter {
    let is = |there: bool| match column {
        Some(column) => {
            let column = column.clone();
            within(Some(join), Filter::Predicate(Predicate::Null { column, negated: there }))
        }
        None if there => within(Some(join), Filter::All),
        None => Filter::None,
    };
    if want {
        return is(true);
    }
    // Who names nobody fails.
    let names = if join.is_optional { not_null(&join.named_by.column) } else { Filter::All };
    let is_missing = names.and(joined(join, None, true));
    within(join.named_by.table.as_ref(), is_missing).or(is(false))
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

fn is_none_of(column: &Column, values: Vec<SqlValue>) -> Filter {
    if values.is_empty() {
        return not_null(column);
    }
    Filter::Predicate(Predicate::In { column: column.clone(), values, negated: true })
}

fn exists(set: &Set, element: Option<(Column, Vec<SqlValue>)>, want: bool) -> Filter {
    Filter::Predicate(Predicate::Exists {
        table: Arc::clone(&set.related.table),
        owner: Arc::clone(&set.related.owner),
        id: set.id.clone(),
        element,
        negated: !want,
    })
}
