//! What an expression comes to, exactly as in Cedar.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::expr::{Arena, Binary, EvalError, Expr, ExprId, Unary, Var};
use super::extension;
use super::scope::{Members, Scope};
use crate::facts::{Kind, Slot, Value, View, each, members, value_of};

/// A value while a policy is evaluated: mostly borrowed from where it stands.
#[derive(Debug, Clone)]
pub(crate) enum Val<'w> {
    Bool(bool),
    Long(i64),
    Decimal(i64),
    Datetime(i64),
    Duration(i64),
    Ip(IpAddr, u8),
    Text(&'w str),
    Entity(Slot),
    /// A set or a record in a heap.
    Stored(View<'w>),
    /// A record whose members stand in columns.
    Members(Members<'w>),
    /// A set or a record of the plan, which holds no entity.
    Constant(&'w Value),
    Set(Arc<[Val<'w>]>),
    Record(Arc<BTreeMap<&'w str, Val<'w>>>),
}

pub(crate) type Result<T> = std::result::Result<T, EvalError>;

/// Evaluates expressions of one arena in one scope.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'w> {
    arena: &'w Arena,
    pub(crate) scope: Scope<'w>,
    /// Attributes that are taken to name these entities, of a row that is not there.
    bound: &'w [(ExprId, Slot)],
}

impl<'w> Evaluator<'w> {
    pub(crate) fn new(arena: &'w Arena, scope: Scope<'w>) -> Self {
        Self { arena, scope, bound: &[] }
    }

    pub(crate) fn bound(self, bound: &'w [(ExprId, Slot)]) -> Self {
        Self { bound, ..self }
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, id: ExprId) -> Result<bool> {
        self.eval(id)?.bool()
    }

    /// INVARIANT (expression nesting): `policy::limits` bounds how deep policies nest, and with it
    /// this recursion.
    pub(crate) fn eval(&self, id: ExprId) -> Result<Val<'w>> {
        let result = self.eval_expr(id);
        #[cfg(feature = "coverage")]
        crate::coverage::count(self.arena.get(id), &result);
        result
    }

    fn eval_expr(&self, id: ExprId) -> Result<Val<'w>> {
        Ok(match self.arena.get(id) {
            Expr::Constant(value) => Val::of(value),
            Expr::Literal(index) => Val::Entity(self.literal(*index)),
            Expr::Var(var) => match var {
                Var::Principal => Val::Entity(self.scope.principal),
                Var::Action => Val::Entity(self.scope.action()),
                Var::Resource => Val::Entity(self.scope.resource),
                Var::Own => Val::Entity(self.scope.own),
                Var::Context => {
                    let context = &self.scope.local.context;
                    Val::Members(Members {
                        row: context.row(),
                        columns: context.columns(),
                        depth: 0,
                    })
                }
            },
            Expr::Unary(operator, operand) => self.unary(*operator, self.eval(*operand)?)?,
            Expr::Binary(Binary::Contains, set, element)
                if let Expr::Set(elements) = self.arena.get(*set) =>
            {
                // Sets that are written out are the rule here: none needs to be made.
                let elements: Vec<Val<'w>> =
                    elements.iter().map(|element| self.eval(*element)).collect::<Result<_>>()?;
                let wanted = self.eval(*element)?;
                Val::Bool(elements.iter().any(|element| self.equal(element, &wanted)))
            }
            Expr::Binary(operator, left, right) => {
                let left = self.eval(*left)?;
                self.binary(*operator, left, self.eval(*right)?)?
            }
            Expr::All(parts) => {
                for part in parts {
                    if !self.eval(*part)?.bool()? {
                        return Ok(Val::Bool(false));
                    }
                }
                Val::Bool(true)
            }
            Expr::Any(parts) => {
                for part in parts {
                    if self.eval(*part)?.bool()? {
                        return Ok(Val::Bool(true));
                    }
                }
                Val::Bool(false)
            }
            Expr::If(test, then, other) => {
                let branch = if self.eval(*test)?.bool()? { then } else { other };
                self.eval(*branch)?
            }
            Expr::Attribute(of, name) => match self.bound.iter().find(|(known, _)| *known == id) {
                Some((_, slot)) => Val::Entity(*slot),
                None => self.attribute(self.eval(*of)?, name)?,
            },
            Expr::Has(of, name) => Val::Bool(self.has(&self.eval(*of)?, name)?),
            Expr::Like(text, pattern) => {
                Val::Bool(extension::is_like(self.eval(*text)?.text()?, pattern))
            }
            Expr::Is(entity, type_name) => {
                Val::Bool(self.scope.type_name(self.eval(*entity)?.entity()?) == &**type_name)
            }
            Expr::Set(elements) => {
                Val::Set(elements.iter().map(|element| self.eval(*element)).collect::<Result<_>>()?)
            }
            Expr::Record(members) => Val::Record(Arc::new(
                members
                    .iter()
                    .map(|(name, member)| Ok((&**name, self.eval(*member)?)))
                    .collect::<Result<_>>()?,
            )),
            Expr::Fail(error) => return Err(*error),
        })
    }

    fn literal(&self, index: u32) -> Slot {
        self.scope.rows.literals().get(index as usize).copied().unwrap_or(Slot::MAX)
    }

    fn unary(&self, operator: Unary, operand: Val<'w>) -> Result<Val<'w>> {
        let made =
            |value: Option<i64>, of: fn(i64) -> Val<'w>| value.map(of).ok_or(EvalError::Extension);
        let days = |milliseconds: i64, scale: i64| Val::Long(milliseconds / scale);
        Ok(match operator {
            Unary::Not => Val::Bool(!operand.bool()?),
            Unary::Negate => Val::Long(operand.long()?.checked_neg().ok_or(EvalError::Overflow)?),
            Unary::IsEmpty => Val::Bool(self.elements(&operand)?.is_empty()),
            Unary::Datetime => made(extension::datetime(operand.text()?), Val::Datetime)?,
            Unary::Decimal => made(extension::decimal(operand.text()?), Val::Decimal)?,
            Unary::Duration => made(extension::duration(operand.text()?), Val::Duration)?,
            Unary::Ip => {
                let (address, prefix) =
                    extension::ip(operand.text()?).ok_or(EvalError::Extension)?;
                Val::Ip(address, prefix)
            }
            Unary::IsIpv4 => Val::Bool(operand.ip()?.0.is_ipv4()),
            Unary::IsIpv6 => Val::Bool(operand.ip()?.0.is_ipv6()),
            Unary::IsLoopback => {
                let (address, prefix) = operand.ip()?;
                Val::Bool(extension::is_loopback(address, prefix))
            }
            Unary::IsMulticast => {
                let (address, prefix) = operand.ip()?;
                Val::Bool(extension::is_multicast(address, prefix))
            }
            Unary::ToDate => made(extension::to_date(operand.datetime()?), Val::Datetime)?,
            Unary::ToTime => Val::Duration(extension::to_time(operand.datetime()?)),
            Unary::ToMilliseconds => Val::Long(operand.duration()?),
            Unary::ToSeconds => days(operand.duration()?, 1_000),
            Unary::ToMinutes => days(operand.duration()?, 60_000),
            Unary::ToHours => days(operand.duration()?, 3_600_000),
            Unary::ToDays => days(operand.duration()?, 86_400_000),
        })
    }

    fn binary(&self, operator: Binary, left: Val<'w>, right: Val<'w>) -> Result<Val<'w>> {
        Ok(match operator {
            Binary::Equal => Val::Bool(self.equal(&left, &right)),
            Binary::Less => Val::Bool(compare(&left, &right)?.is_lt()),
            Binary::LessEqual => Val::Bool(compare(&left, &right)?.is_le()),
            Binary::Add | Binary::Subtract | Binary::Multiply => {
                let (left, right) = (left.long()?, right.long()?);
                let result = match operator {
                    Binary::Add => left.checked_add(right),
                    Binary::Subtract => left.checked_sub(right),
                    _ => left.checked_mul(right),
                };
                Val::Long(result.ok_or(EvalError::Overflow)?)
            }
            Binary::In => Val::Bool(self.is_in(left.entity()?, &right)?),
            Binary::Contains => Val::Bool(self.contains(&left, &right)?),
            Binary::ContainsAll => {
                let (left, right) = (self.elements(&left)?, self.elements(&right)?);
                Val::Bool(right.iter().all(|wanted| self.has_element(&left, wanted)))
            }
            Binary::ContainsAny => {
                let (left, right) = (self.elements(&left)?, self.elements(&right)?);
                Val::Bool(right.iter().any(|wanted| self.has_element(&left, wanted)))
            }
            Binary::GetTag => {
                let (entity, tag) = (left.entity()?, right.text()?);
                if self.scope.columns(entity).is_none() {
                    return Err(EvalError::MissingEntity);
                }
                self.tag(entity, tag).ok_or(EvalError::MissingTag)?
            }
            Binary::HasTag => {
                let (entity, tag) = (left.entity()?, right.text()?);
                Val::Bool(self.tag(entity, tag).is_some())
            }
            Binary::IsInRange => {
                let inner = left.ip()?;
                Val::Bool(extension::is_in_range(inner, right.ip()?))
            }
            Binary::Offset => {
                let moment = left.datetime()?;
                let moved = moment.checked_add(right.duration()?);
                Val::Datetime(moved.ok_or(EvalError::Extension)?)
            }
            Binary::DurationSince => {
                let moment = left.datetime()?;
                let passed = moment.checked_sub(right.datetime()?);
                Val::Duration(passed.ok_or(EvalError::Extension)?)
            }
            Binary::DecimalLess
            | Binary::DecimalLessEqual
            | Binary::DecimalGreater
            | Binary::DecimalGreaterEqual => {
                let order = left.decimal()?.cmp(&right.decimal()?);
                Val::Bool(match operator {
                    Binary::DecimalLess => order.is_lt(),
                    Binary::DecimalLessEqual => order.is_le(),
                    Binary::DecimalGreater => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
        })
    }

    fn attribute(&self, of: Val<'w>, name: &str) -> Result<Val<'w>> {
        match of {
            Val::Entity(slot) => {
                let columns = self.scope.columns(slot).ok_or(EvalError::MissingEntity)?;
                let members = Members { row: self.scope.row(slot), columns, depth: 0 };
                self.member(members, name).ok_or(EvalError::MissingAttribute)
            }
            Val::Members(members) => self.member(members, name).ok_or(EvalError::MissingMember),
            Val::Stored(view @ View::Record(..)) => members(view)
                .find(|(known, _)| self.scope.text(*known) == name)
                .map(|(_, member)| self.stored(member))
                .ok_or(EvalError::MissingMember),
            Val::Constant(value) if let Some(record) = value.as_record() => {
                record.get(name).map(Val::of).ok_or(EvalError::MissingMember)
            }
            Val::Record(members) => members.get(name).cloned().ok_or(EvalError::MissingMember),
            _ => Err(EvalError::Type),
        }
    }

    fn has(&self, of: &Val<'w>, name: &str) -> Result<bool> {
        match self.attribute(of.clone(), name) {
            Ok(_) => Ok(true),
            Err(EvalError::Type) => Err(EvalError::Type),
            Err(_) => Ok(false),
        }
    }

    fn member(&self, members: Members<'w>, name: &str) -> Option<Val<'w>> {
        let (column, below) = members.member(name)?;
        Some(match column.kind {
            Kind::Record => Val::Members(below),
            _ => self.stored(members.view(column)),
        })
    }

    fn stored(&self, view: View<'w>) -> Val<'w> {
        match view {
            View::Bool(flag) => Val::Bool(flag),
            View::Long(number) => Val::Long(number),
            View::Decimal(number) => Val::Decimal(number),
            View::Datetime(number) => Val::Datetime(number),
            View::Duration(number) => Val::Duration(number),
            View::Text(number) => Val::Text(self.scope.text(number)),
            View::Entity(slot) => Val::Entity(slot),
            View::Ip(address, prefix) => Val::Ip(address, prefix),
            View::Entities(_) | View::Texts(_) | View::Mixed(..) | View::Record(..) => {
                Val::Stored(view)
            }
        }
    }

    fn tag(&self, entity: Slot, tag: &str) -> Option<Val<'w>> {
        let columns = self.scope.columns(entity)?;
        let column = columns.first().filter(|column| column.kind == Kind::Tags)?;
        members(self.scope.row(entity).view(column))
            .find(|(known, _)| self.scope.text(*known) == tag)
            .map(|(_, value)| self.stored(value))
    }

    fn is_in(&self, entity: Slot, above: &Val<'w>) -> Result<bool> {
        match above {
            Val::Entity(above) => Ok(self.scope.is_in(entity, *above)),
            Val::Stored(View::Entities(slots)) => {
                Ok(slots.iter().any(|above| self.scope.is_in(entity, *above)))
            }
            _ => {
                // Any element that is no entity is an error, even where another matches.
                let above = self.elements(above)?;
                let above: Vec<Slot> = above.iter().map(Val::entity).collect::<Result<_>>()?;
                Ok(above.into_iter().any(|above| self.scope.is_in(entity, above)))
            }
        }
    }

    fn contains(&self, set: &Val<'w>, element: &Val<'w>) -> Result<bool> {
        match (set, element) {
            (Val::Stored(View::Entities(slots)), Val::Entity(slot)) => {
                Ok(slots.binary_search(slot).is_ok())
            }
            (Val::Stored(View::Entities(_)), _) => Ok(false),
            (Val::Stored(View::Texts(texts)), element) => Ok(match element {
                Val::Text(text) => texts.iter().any(|known| self.scope.text(*known) == *text),
                _ => false,
            }),
            _ => Ok(self.has_element(&self.elements(set)?, element)),
        }
    }

    fn has_element(&self, elements: &[Val<'w>], wanted: &Val<'w>) -> bool {
        elements.iter().any(|element| self.equal(element, wanted))
    }

    /// The elements of a set, some of them perhaps twice.
    pub(crate) fn elements(&self, set: &Val<'w>) -> Result<Arc<[Val<'w>]>> {
        match set {
            Val::Set(elements) => Ok(Arc::clone(elements)),
            Val::Stored(view @ (View::Entities(_) | View::Texts(_) | View::Mixed(..))) => {
                let mut elements = Vec::new();
                each(*view, |element| elements.push(self.stored(element)));
                Ok(elements.into())
            }
            Val::Constant(value) => {
                let elements = value.as_set().ok_or(EvalError::Type)?;
                Ok(elements.iter().map(Val::of).collect())
            }
            _ => Err(EvalError::Type),
        }
    }

    /// Values of different types are not equal, which is no error.
    fn equal(&self, left: &Val<'w>, right: &Val<'w>) -> bool {
        match (left, right) {
            (Val::Bool(left), Val::Bool(right)) => left == right,
            (Val::Long(left), Val::Long(right))
            | (Val::Decimal(left), Val::Decimal(right))
            | (Val::Datetime(left), Val::Datetime(right))
            | (Val::Duration(left), Val::Duration(right)) => left == right,
            (Val::Ip(left, one), Val::Ip(right, other)) => left == right && one == other,
            (Val::Text(left), Val::Text(right)) => left == right,
            (Val::Entity(left), Val::Entity(right)) => left == right,
            (Val::Stored(View::Entities(left)), Val::Stored(View::Entities(right))) => {
                left == right
            }
            (left, right) if left.is_whole() || right.is_whole() => false,
            _ => self.value(left) == self.value(right),
        }
    }

    /// The value by itself, borrowed from nowhere.
    fn value(&self, val: &Val<'w>) -> Whole {
        match val {
            Val::Set(_) | Val::Stored(View::Entities(_) | View::Texts(_) | View::Mixed(..)) => {
                let elements = self.elements(val).unwrap_or_default();
                Whole::Set(elements.iter().map(|element| self.value(element)).collect())
            }
            Val::Record(members) => Whole::Record(
                members.iter().map(|(name, member)| ((*name).into(), self.value(member))).collect(),
            ),
            Val::Members(members) => Whole::Record(
                members
                    .names()
                    .filter_map(|name| {
                        let member = self.member(*members, name)?;
                        Some((Arc::clone(name), self.value(&member)))
                    })
                    .collect(),
            ),
            Val::Stored(view @ View::Record(..)) => Whole::Record(
                members(*view)
                    .map(|(name, member)| {
                        (self.scope.name_of(name), self.value(&self.stored(member)))
                    })
                    .collect(),
            ),
            Val::Constant(value) => match (value.as_set(), value.as_record()) {
                (Some(elements), _) => Whole::Set(
                    elements.iter().map(|element| self.value(&Val::of(element))).collect(),
                ),
                (_, Some(record)) => Whole::Record(
                    record
                        .iter()
                        .map(|(name, member)| (Arc::clone(name), self.value(&Val::of(member))))
                        .collect(),
                ),
                _ => Whole::Of((*value).clone()),
            },
            Val::Entity(slot) => Whole::Entity(*slot),
            Val::Bool(flag) => Whole::Of(Value::from(*flag)),
            Val::Long(number) => Whole::Of(Value::from(*number)),
            Val::Text(text) => Whole::Of(Value::from(*text)),
            Val::Decimal(_) | Val::Datetime(_) | Val::Duration(_) | Val::Ip(..) => {
                Whole::Of(val.extension_value())
            }
            Val::Stored(view) => Whole::Of(value_of(*view, &self.scope)),
        }
    }
}

/// A value with all that is in it, for comparing sets and records.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whole {
    Of(Value),
    Entity(Slot),
    Set(BTreeSet<Whole>),
    Record(BTreeMap<Arc<str>, Whole>),
}

fn compare(left: &Val<'_>, right: &Val<'_>) -> Result<std::cmp::Ordering> {
    match (left, right) {
        (Val::Long(left), Val::Long(right))
        | (Val::Datetime(left), Val::Datetime(right))
        | (Val::Duration(left), Val::Duration(right)) => Ok(left.cmp(right)),
        _ => Err(EvalError::Type),
    }
}

impl<'w> Val<'w> {
    pub(crate) fn of(value: &'w Value) -> Self {
        if let Some(flag) = value.as_bool() {
            Self::Bool(flag)
        } else if let Some(number) = value.as_long() {
            Self::Long(number)
        } else if let Some(text) = value.as_str() {
            Self::Text(text)
        } else if let Some(moment) = value.as_datetime() {
            Self::Datetime(moment.as_ms())
        } else if let Some(length) = value.as_duration_ms() {
            Self::Duration(length)
        } else if let Some(number) = value.as_decimal() {
            Self::Decimal(number)
        } else if let Some((address, prefix)) = value.as_ip() {
            Self::Ip(address, prefix)
        } else {
            Self::Constant(value)
        }
    }

    fn extension_value(&self) -> Value {
        match self {
            Self::Decimal(number) => Value::from_decimal(*number),
            Self::Datetime(moment) => Value::from(crate::facts::Timestamp::from_ms(*moment)),
            Self::Ip(address, prefix) => Value::from_ip(*address, *prefix),
            Self::Duration(length) => Value::duration_ms(*length),
            _ => Value::from(false),
        }
    }

    /// The value as one that a plan may keep; `None` for sets, records and entities.
    pub(crate) fn to_constant(&self) -> Option<Value> {
        Some(match self {
            Self::Bool(flag) => Value::from(*flag),
            Self::Long(number) => Value::from(*number),
            Self::Text(text) => Value::from(*text),
            Self::Constant(value) => (*value).clone(),
            Self::Decimal(_) | Self::Datetime(_) | Self::Duration(_) | Self::Ip(..) => {
                self.extension_value()
            }
            _ => return None,
        })
    }

    #[cfg(feature = "coverage")]
    pub(crate) fn is_set(&self) -> bool {
        match self {
            Self::Set(_) | Self::Stored(View::Entities(_) | View::Texts(_) | View::Mixed(..)) => {
                true
            }
            Self::Constant(value) => value.as_set().is_some(),
            _ => false,
        }
    }

    /// Whether it is no set and no record.
    const fn is_whole(&self) -> bool {
        !matches!(
            self,
            Self::Stored(_) | Self::Members(_) | Self::Constant(_) | Self::Set(_) | Self::Record(_)
        )
    }

    pub(crate) fn bool(&self) -> Result<bool> {
        if let Self::Bool(flag) = self { Ok(*flag) } else { Err(EvalError::Type) }
    }

    fn long(&self) -> Result<i64> {
        if let Self::Long(number) = self { Ok(*number) } else { Err(EvalError::Type) }
    }

    fn decimal(&self) -> Result<i64> {
        if let Self::Decimal(number) = self { Ok(*number) } else { Err(EvalError::Type) }
    }

    fn datetime(&self) -> Result<i64> {
        if let Self::Datetime(moment) = self { Ok(*moment) } else { Err(EvalError::Type) }
    }

    fn duration(&self) -> Result<i64> {
        if let Self::Duration(length) = self { Ok(*length) } else { Err(EvalError::Type) }
    }

    fn ip(&self) -> Result<(IpAddr, u8)> {
        if let Self::Ip(address, prefix) = self {
            Ok((*address, *prefix))
        } else {
            Err(EvalError::Type)
        }
    }

    fn text(&self) -> Result<&'w str> {
        if let Self::Text(text) = self { Ok(text) } else { Err(EvalError::Type) }
    }

    fn entity(&self) -> Result<Slot> {
        if let Self::Entity(slot) = self { Ok(*slot) } else { Err(EvalError::Type) }
    }
}
