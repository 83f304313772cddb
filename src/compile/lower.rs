//! Cedar's syntax tree to expressions, constants folded.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cedar_policy::pst;

use crate::facts::{EntityUid, Record, Rows, Slot, Value};
use crate::plan::{
    Arena, Binary, EvalError, Evaluator, Expr, ExprId, Local, Scope, Unary, Val, Var,
};

/// What was lowered so far.
#[derive(Default)]
pub(super) struct Lowering {
    pub(super) arena: Arena,
    pub(super) literals: Vec<EntityUid>,
    literal_numbers: HashMap<EntityUid, u32>,
}

impl Lowering {
    /// The condition of a policy, its scope included; `None` where a construct is not known.
    pub(super) fn policy(&mut self, policy: &cedar_policy::Policy) -> Option<ExprId> {
        let body = match policy.to_pst().ok()? {
            pst::Policy::Linked(linked) => linked.into_static_policy().ok()?,
            pst::Policy::Static(policy) => policy,
        };
        let body = pst::Policy::Static(body);
        let body = body.body();
        let mut parts = Vec::new();
        match &body.principal {
            pst::PrincipalConstraint::Any => {}
            pst::PrincipalConstraint::Eq(entity) => {
                parts.push(self.scope(Var::Principal, None, Some((Binary::Equal, entity)))?);
            }
            pst::PrincipalConstraint::In(entity) => {
                parts.push(self.scope(Var::Principal, None, Some((Binary::In, entity)))?);
            }
            pst::PrincipalConstraint::Is(of) => {
                parts.push(self.scope(Var::Principal, Some(of), None)?);
            }
            pst::PrincipalConstraint::IsIn(of, entity) => {
                parts.push(self.scope(Var::Principal, Some(of), Some((Binary::In, entity)))?);
            }
        }
        let action = self.arena.add(Expr::Var(Var::Action));
        match &body.action {
            pst::ActionConstraint::Any => {}
            pst::ActionConstraint::Eq(uid) => {
                let uid = self.literal(uid);
                parts.push(self.arena.add(Expr::Binary(Binary::Equal, action, uid)));
            }
            pst::ActionConstraint::In(uids) => {
                let uids = uids.iter().map(|uid| self.literal(uid)).collect();
                let uids = self.arena.add(Expr::Set(uids));
                parts.push(self.arena.add(Expr::Binary(Binary::In, action, uids)));
            }
        }
        match &body.resource {
            pst::ResourceConstraint::Any => {}
            pst::ResourceConstraint::Eq(entity) => {
                parts.push(self.scope(Var::Resource, None, Some((Binary::Equal, entity)))?);
            }
            pst::ResourceConstraint::In(entity) => {
                parts.push(self.scope(Var::Resource, None, Some((Binary::In, entity)))?);
            }
            pst::ResourceConstraint::Is(of) => {
                parts.push(self.scope(Var::Resource, Some(of), None)?);
            }
            pst::ResourceConstraint::IsIn(of, entity) => {
                parts.push(self.scope(Var::Resource, Some(of), Some((Binary::In, entity)))?);
            }
        }
        for clause in body.clauses() {
            parts.push(match clause {
                pst::Clause::When(condition) => self.expr(condition)?,
                pst::Clause::Unless(condition) => {
                    let condition = self.expr(condition)?;
                    self.fold(Expr::Unary(Unary::Not, condition))
                }
            });
        }
        Some(self.all(parts))
    }

    fn scope(
        &mut self,
        var: Var,
        of_type: Option<&pst::EntityType>,
        related: Option<(Binary, &pst::EntityOrSlot)>,
    ) -> Option<ExprId> {
        let var = self.arena.add(Expr::Var(var));
        let mut parts = Vec::new();
        if let Some(of_type) = of_type {
            parts.push(self.arena.add(Expr::Is(var, of_type.to_string().into())));
        }
        if let Some((operator, related)) = related {
            let related = match related {
                pst::EntityOrSlot::Entity(uid) => self.literal(uid),
                pst::EntityOrSlot::Slot(_) => self.arena.add(Expr::Fail(EvalError::UnlinkedSlot)),
            };
            parts.push(self.arena.add(Expr::Binary(operator, var, related)));
        }
        Some(self.all(parts))
    }

    fn literal(&mut self, uid: &pst::EntityUID) -> ExprId {
        self.literal_of(EntityUid::new(uid.ty.to_string(), uid.eid.as_str()))
    }

    pub(super) fn literal_of(&mut self, uid: EntityUid) -> ExprId {
        let next = self.literals.len() as u32;
        let number = *self.literal_numbers.entry(uid.clone()).or_insert(next);
        if number == next {
            self.literals.push(uid);
        }
        self.arena.add(Expr::Literal(number))
    }

    /// INVARIANT (expression nesting): `policy::limits` bounds how deep policies nest, and with it
    /// this recursion.
    fn expr(&mut self, expr: &pst::Expr) -> Option<ExprId> {
        let expr = match expr {
            pst::Expr::Literal(literal) => match literal {
                pst::Literal::Bool(flag) => Expr::Constant(Value::from(*flag)),
                pst::Literal::Long(number) => Expr::Constant(Value::from(*number)),
                pst::Literal::String(text) => Expr::Constant(Value::from(text.as_str())),
                pst::Literal::EntityUID(uid) => return Some(self.literal(uid)),
                _ => return None,
            },
            pst::Expr::Var(var) => Expr::Var(match var {
                pst::Var::Principal => Var::Principal,
                pst::Var::Action => Var::Action,
                pst::Var::Resource => Var::Resource,
                pst::Var::Context => Var::Context,
            }),
            pst::Expr::Slot(_) => Expr::Fail(EvalError::UnlinkedSlot),
            pst::Expr::UnaryOp { op, expr } => {
                let operator = unary(*op)?;
                Expr::Unary(operator, self.expr(expr)?)
            }
            pst::Expr::BinaryOp { op, left, right } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                return self.binary(*op, left, right);
            }
            pst::Expr::GetAttr { expr, attr } => {
                Expr::Attribute(self.expr(expr)?, attr.as_str().into())
            }
            pst::Expr::HasAttr { expr, attrs } => {
                let mut of = self.expr(expr)?;
                let mut parts = Vec::new();
                for attribute in attrs {
                    let name: Arc<str> = attribute.as_str().into();
                    parts.push(self.fold(Expr::Has(of, Arc::clone(&name))));
                    of = self.fold(Expr::Attribute(of, name));
                }
                return Some(match *parts {
                    [only] => only,
                    _ => self.all(parts),
                });
            }
            pst::Expr::Like { expr, pattern } => {
                let text = self.expr(expr)?;
                let pattern = pattern.iter().map(|piece| match piece {
                    pst::PatternElem::Char(letter) => Some(*letter),
                    pst::PatternElem::Wildcard => None,
                });
                Expr::Like(text, pattern.collect())
            }
            pst::Expr::Is { expr, entity_type, in_expr } => {
                let entity = self.expr(expr)?;
                let is = self.fold(Expr::Is(entity, entity_type.to_string().into()));
                let Some(above) = in_expr else { return Some(is) };
                let above = self.expr(above)?;
                let is_in = self.fold(Expr::Binary(Binary::In, entity, above));
                return Some(self.all([is, is_in]));
            }
            pst::Expr::IfThenElse { cond, then_expr, else_expr } => {
                Expr::If(self.expr(cond)?, self.expr(then_expr)?, self.expr(else_expr)?)
            }
            pst::Expr::Set(elements) => {
                let elements: Option<Box<[_]>> =
                    elements.iter().map(|element| self.expr(element)).collect();
                Expr::Set(elements?)
            }
            pst::Expr::Record(members) => {
                let members: Option<Box<[_]>> = members
                    .iter()
                    .map(|(name, member)| Some((name.as_str().into(), self.expr(member)?)))
                    .collect();
                Expr::Record(members?)
            }
            _ => return None,
        };
        Some(self.fold(expr))
    }

    fn binary(&mut self, op: pst::BinaryOp, left: ExprId, right: ExprId) -> Option<ExprId> {
        use pst::BinaryOp as B;
        let (operator, negated) = match op {
            B::And => return Some(self.all([left, right])),
            B::Or => return Some(self.any([left, right])),
            B::Eq => (Binary::Equal, false),
            B::NotEq => (Binary::Equal, true),
            B::Less => (Binary::Less, false),
            B::LessEq => (Binary::LessEqual, false),
            B::Greater => (Binary::LessEqual, true),
            B::GreaterEq => (Binary::Less, true),
            B::Add => (Binary::Add, false),
            B::Sub => (Binary::Subtract, false),
            B::Mul => (Binary::Multiply, false),
            B::In => (Binary::In, false),
            B::Contains => (Binary::Contains, false),
            B::ContainsAll => (Binary::ContainsAll, false),
            B::ContainsAny => (Binary::ContainsAny, false),
            B::GetTag => (Binary::GetTag, false),
            B::HasTag => (Binary::HasTag, false),
            B::IsInRange => (Binary::IsInRange, false),
            B::Offset => (Binary::Offset, false),
            B::DurationSince => (Binary::DurationSince, false),
            B::DecimalLessThan => (Binary::DecimalLess, false),
            B::DecimalLessEq => (Binary::DecimalLessEqual, false),
            B::DecimalGreater => (Binary::DecimalGreater, false),
            B::DecimalGreaterEq => (Binary::DecimalGreaterEqual, false),
            _ => return None,
        };
        let expr = self.fold(Expr::Binary(operator, left, right));
        Some(if negated { self.fold(Expr::Unary(Unary::Not, expr)) } else { expr })
    }

    /// A conjunction without what is known to hold, and without what is never reached.
    fn all(&mut self, parts: impl IntoIterator<Item = ExprId>) -> ExprId {
        self.chain(parts, true)
    }

    fn any(&mut self, parts: impl IntoIterator<Item = ExprId>) -> ExprId {
        self.chain(parts, false)
    }

    fn chain(&mut self, parts: impl IntoIterator<Item = ExprId>, all: bool) -> ExprId {
        let mut kept = Vec::new();
        for part in parts {
            match self.arena.get(part) {
                Expr::Constant(value) if value.as_bool() == Some(all) => {}
                Expr::Constant(value) if value.as_bool().is_some() => {
                    kept.push(part);
                    break;
                }
                Expr::Fail(_) => {
                    kept.push(part);
                    break;
                }
                _ => kept.push(part),
            }
        }
        match kept.first().map(|first| self.arena.get(*first)) {
            None => self.arena.constant(all),
            // What ends the chain at its start is all there is to it.
            Some(Expr::Constant(value)) if value.as_bool().is_some() => self.arena.constant(!all),
            Some(Expr::Fail(error)) => {
                let error = *error;
                self.arena.add(Expr::Fail(error))
            }
            Some(_) if all => self.arena.all(kept),
            Some(_) => self.arena.any(kept),
        }
    }

    /// The expression, or the constant that it always comes to.
    fn fold(&mut self, expr: Expr) -> ExprId {
        let constant = |id: ExprId| match self.arena.get(id) {
            Expr::Constant(value) => Some(value),
            _ => None,
        };
        let known = match &expr {
            Expr::Unary(_, of)
            | Expr::Attribute(of, _)
            | Expr::Has(of, _)
            | Expr::Like(of, _)
            | Expr::Is(of, _) => constant(*of).is_some(),
            Expr::Binary(_, left, right) => constant(*left).is_some() && constant(*right).is_some(),
            Expr::If(test, then, other) => {
                match constant(*test).map(Value::as_bool) {
                    Some(Some(true)) => return *then,
                    Some(Some(false)) => return *other,
                    Some(None) => return self.arena.add(Expr::Fail(EvalError::Type)),
                    None => {}
                }
                false
            }
            Expr::Set(elements) => {
                let values: Option<Vec<Value>> =
                    elements.iter().map(|element| constant(*element).cloned()).collect();
                if let Some(Ok(set)) = values.map(Value::set) {
                    return self.arena.constant(set);
                }
                false
            }
            Expr::Record(members) => {
                let values: Option<Record> = members
                    .iter()
                    .map(|(name, member)| Some((Arc::clone(name), constant(*member)?.clone())))
                    .collect();
                if let Some(Ok(record)) = values.map(Value::record) {
                    return self.arena.constant(record);
                }
                false
            }
            _ => false,
        };
        let id = self.arena.add(expr);
        if !known {
            return id;
        }
        let folded = match evaluate(&self.arena, id) {
            Ok(Some(value)) => Expr::Constant(value),
            Ok(None) => return id,
            Err(error) => Expr::Fail(error),
        };
        self.arena.add(folded)
    }
}

/// What an expression of constants comes to; `None` where that is no plain value.
fn evaluate(arena: &Arena, id: ExprId) -> Result<Option<Value>, EvalError> {
    static NOTHING: LazyLock<(Rows, Local)> = LazyLock::new(Default::default);
    let (rows, local) = &*NOTHING;
    let scope = Scope::of_row(rows, local, Slot::MAX);
    Evaluator::new(arena, scope).eval(id).map(|value| Val::to_constant(&value))
}

fn unary(op: pst::UnaryOp) -> Option<Unary> {
    use pst::UnaryOp as U;
    Some(match op {
        U::Not => Unary::Not,
        U::Neg => Unary::Negate,
        U::IsEmpty => Unary::IsEmpty,
        U::Datetime => Unary::Datetime,
        U::Decimal => Unary::Decimal,
        U::Duration => Unary::Duration,
        U::Ip => Unary::Ip,
        U::IsIPv4 => Unary::IsIpv4,
        U::IsIPV6 => Unary::IsIpv6,
        U::IsLoopback => Unary::IsLoopback,
        U::IsMulticast => Unary::IsMulticast,
        U::ToDate => Unary::ToDate,
        U::ToTime => Unary::ToTime,
        U::ToMilliseconds => Unary::ToMilliseconds,
        U::ToSeconds => Unary::ToSeconds,
        U::ToMinutes => Unary::ToMinutes,
        U::ToHours => Unary::ToHours,
        U::ToDays => Unary::ToDays,
        _ => return None,
    })
}
