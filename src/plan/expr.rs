//! Conditions as a plan keeps them: expressions in one arena, equal ones once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::facts::Value;

/// An expression's place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExprId(pub(crate) u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Var {
    Principal,
    Action,
    Resource,
    Context,
    /// The row that is looked at alone.
    Own,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    Not,
    Negate,
    IsEmpty,
    Datetime,
    Decimal,
    Duration,
    Ip,
    IsIpv4,
    IsIpv6,
    IsLoopback,
    IsMulticast,
    ToDate,
    ToTime,
    ToMilliseconds,
    ToSeconds,
    ToMinutes,
    ToHours,
    ToDays,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Equal,
    Less,
    LessEqual,
    Add,
    Subtract,
    Multiply,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
    GetTag,
    HasTag,
    IsInRange,
    Offset,
    DurationSince,
    DecimalLess,
    DecimalLessEqual,
    DecimalGreater,
    DecimalGreaterEqual,
}

/// What keeps a policy from being evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EvalError {
    Type,
    MissingEntity,
    MissingAttribute,
    MissingMember,
    MissingTag,
    Overflow,
    Extension,
    UnlinkedSlot,
}

/// A piece of a `like` pattern; `None` stands for any text.
pub(crate) type Pattern = Arc<[Option<char>]>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Expr {
    /// A value that holds no entity.
    Constant(Value),
    /// An entity of the plan's literals.
    Literal(u32),
    Var(Var),
    Unary(Unary, ExprId),
    Binary(Binary, ExprId, ExprId),
    /// `&&`, as many as there are, in order.
    All(Box<[ExprId]>),
    /// `||`, as many as there are, in order.
    Any(Box<[ExprId]>),
    If(ExprId, ExprId, ExprId),
    Attribute(ExprId, Arc<str>),
    Has(ExprId, Arc<str>),
    Like(ExprId, Pattern),
    Is(ExprId, Arc<str>),
    Set(Box<[ExprId]>),
    Record(Box<[(Arc<str>, ExprId)]>),
    /// What cannot but fail.
    Fail(EvalError),
}

impl Expr {
    /// Whether something holds of one of the expressions that it is made of.
    pub(crate) fn any_part(&self, mut is: impl FnMut(ExprId) -> bool) -> bool {
        match self {
            Self::Constant(_) | Self::Literal(_) | Self::Var(_) | Self::Fail(_) => false,
            Self::Attribute(of, _)
            | Self::Has(of, _)
            | Self::Unary(_, of)
            | Self::Like(of, _)
            | Self::Is(of, _) => is(*of),
            Self::Binary(_, left, right) => is(*left) || is(*right),
            Self::All(parts) | Self::Any(parts) | Self::Set(parts) => {
                parts.iter().any(|part| is(*part))
            }
            Self::If(test, then, other) => [test, then, other].into_iter().any(|part| is(*part)),
            Self::Record(members) => members.iter().any(|(_, member)| is(*member)),
        }
    }
}

/// Expressions, each distinct one kept once: equal ids are equal expressions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arena {
    exprs: Vec<Expr>,
    ids: HashMap<Expr, ExprId>,
}

impl Arena {
    pub(crate) fn add(&mut self, expr: Expr) -> ExprId {
        if let Some(known) = self.ids.get(&expr) {
            return *known;
        }
        // Fewer than 2³² expressions: policy text is limited.
        let id = ExprId(self.exprs.len() as u32);
        self.exprs.push(expr.clone());
        self.ids.insert(expr, id);
        id
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Expr> {
        self.exprs.iter()
    }

    pub(crate) fn constant(&mut self, value: impl Into<Value>) -> ExprId {
        self.add(Expr::Constant(value.into()))
    }

    #[inline]
    pub(crate) fn get(&self, id: ExprId) -> &Expr {
        const FAIL: &Expr = &Expr::Fail(EvalError::Type);
        self.exprs.get(id.0 as usize).unwrap_or(FAIL)
    }

    /// Whether an attribute of this name is read anywhere in an expression.
    ///
    /// INVARIANT (expression nesting): `policy::limits` bounds how deep policies nest, and with it
    /// this recursion.
    pub(crate) fn reads_attribute(&self, id: ExprId, name: &str) -> bool {
        let expr = self.get(id);
        matches!(expr, Expr::Attribute(_, attribute) if **attribute == *name)
            || expr.any_part(|part| self.reads_attribute(part, name))
    }

    /// A conjunction, flattened; its order is kept.
    pub(crate) fn all(&mut self, parts: impl IntoIterator<Item = ExprId>) -> ExprId {
        let mut flat = Vec::new();
        for part in parts {
            match self.get(part) {
                Expr::All(inner) => flat.extend(inner.iter().copied()),
                _ => flat.push(part),
            }
        }
        self.add(Expr::All(flat.into()))
    }

    /// A disjunction, flattened; its order is kept.
    pub(crate) fn any(&mut self, parts: impl IntoIterator<Item = ExprId>) -> ExprId {
        let mut flat = Vec::new();
        for part in parts {
            match self.get(part) {
                Expr::Any(inner) => flat.extend(inner.iter().copied()),
                _ => flat.push(part),
            }
        }
        self.add(Expr::Any(flat.into()))
    }
}
