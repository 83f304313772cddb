//! What the operators of policies came to: for the differential test, which has to have seen all of
//! it. Feature `coverage`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::plan::{Binary, EvalError, Expr, Unary, Val};

/// How often an operator came to an outcome: a kind of value, or an error.
pub type Counts = BTreeMap<(&'static str, &'static str), u64>;

thread_local! {
    static COUNTS: RefCell<Counts> = const { RefCell::new(Counts::new()) };
}

/// What this thread counted since it last took.
#[must_use]
pub fn take() -> Counts {
    COUNTS.with_borrow_mut(std::mem::take)
}

pub(crate) fn count(expr: &Expr, result: &Result<Val<'_>, EvalError>) {
    let Some(operator) = operator(expr) else { return };
    COUNTS.with_borrow_mut(|counts| *counts.entry((operator, outcome(result))).or_default() += 1);
}

fn outcome(result: &Result<Val<'_>, EvalError>) -> &'static str {
    match result {
        Ok(Val::Bool(true)) => "true",
        Ok(Val::Bool(false)) => "false",
        Ok(Val::Long(_)) => "long",
        Ok(Val::Decimal(_)) => "decimal",
        Ok(Val::Datetime(_)) => "datetime",
        Ok(Val::Duration(_)) => "duration",
        Ok(Val::Ip(..)) => "ip",
        Ok(Val::Text(_)) => "string",
        Ok(Val::Entity(_)) => "entity",
        Ok(set) if set.is_set() => "set",
        Ok(_) => "record",
        Err(EvalError::Type) => "type error",
        Err(EvalError::MissingEntity) => "missing entity",
        Err(EvalError::MissingAttribute) => "missing attribute",
        Err(EvalError::MissingMember) => "missing record attribute",
        Err(EvalError::MissingTag) => "missing tag",
        Err(EvalError::Overflow) => "overflow",
        Err(EvalError::Extension) => "extension error",
        Err(EvalError::UnlinkedSlot) => "unlinked slot",
    }
}

const fn operator(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::Constant(_) | Expr::Literal(_) | Expr::Fail(_) => return None,
        Expr::Var(_) => "variable",
        Expr::All(_) => "&&",
        Expr::Any(_) => "||",
        Expr::If(..) => "if",
        Expr::Attribute(..) => ".attribute",
        Expr::Has(..) => "has",
        Expr::Like(..) => "like",
        Expr::Is(..) => "is",
        Expr::Set(_) => "[set]",
        Expr::Record(_) => "{record}",
        Expr::Unary(operator, _) => match operator {
            Unary::Not => "!",
            Unary::Negate => "-x",
            Unary::IsEmpty => "isEmpty",
            Unary::Datetime => "datetime",
            Unary::Decimal => "decimal",
            Unary::Duration => "duration",
            Unary::Ip => "ip",
            Unary::IsIpv4 => "isIpv4",
            Unary::IsIpv6 => "isIpv6",
            Unary::IsLoopback => "isLoopback",
            Unary::IsMulticast => "isMulticast",
            Unary::ToDate => "toDate",
            Unary::ToTime => "toTime",
            Unary::ToMilliseconds => "toMilliseconds",
            Unary::ToSeconds => "toSeconds",
            Unary::ToMinutes => "toMinutes",
            Unary::ToHours => "toHours",
            Unary::ToDays => "toDays",
        },
        Expr::Binary(operator, ..) => match operator {
            Binary::Equal => "==",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::In => "in",
            Binary::Contains => "contains",
            Binary::ContainsAll => "containsAll",
            Binary::ContainsAny => "containsAny",
            Binary::GetTag => "getTag",
            Binary::HasTag => "hasTag",
            Binary::IsInRange => "isInRange",
            Binary::Offset => "offset",
            Binary::DurationSince => "durationSince",
            Binary::DecimalLess => "lessThan",
            Binary::DecimalLessEqual => "lessThanOrEqual",
            Binary::DecimalGreater => "greaterThan",
            Binary::DecimalGreaterEqual => "greaterThanOrEqual",
        },
    })
}
