//! What the operators of policies came to: for the differential test, which has to have seen all of
//! it. Feature `coverage`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::plan::{Act, Ask, Binary, EvalError, Expr, Relation, Unary, Val, Verdict};

/// How often an operator came to an outcome: a kind of value, or an error.
pub type Counts = BTreeMap<(&'static str, &'static str), u64>;

thread_local! {
    static COUNTS: RefCell<Counts> = const { RefCell::new(Counts::new()) };
    /// What the expression came to that was evaluated last: the last operand of the next operator.
    static OPERAND: Cell<(&'static str, bool)> = const { Cell::new(("", false)) };
}

/// What this thread counted since it last took.
#[must_use]
pub fn take() -> Counts {
    COUNTS.with_borrow_mut(std::mem::take)
}

/// An error is counted for the operator that it arose in, not for those that pass it on.
pub(crate) fn count(expr: &Expr, result: &Result<Val<'_>, EvalError>) {
    let (operand, failed) = OPERAND.replace((outcome(result), result.is_err()));
    if failed && result.is_err() {
        return;
    }
    if let Some(operator) = operator(expr, operand) {
        add(operator, outcome(result));
    }
}

/// Counts what a machine asked and was answered; 0 is no.
pub(crate) fn count_answer(ask: &Ask, answer: Option<u32>) {
    let answer = match (ask, answer) {
        (_, None) => "no answer",
        // One that is not there has a class of its own.
        (Ask::Literal { by_layout: false, .. }, Some(_)) => "found",
        (asked, Some(0)) if is_of_row(asked) => "not there",
        (asked, Some(_)) if is_of_row(asked) => "there",
        (_, Some(0)) => "no",
        (_, Some(_)) => "yes",
    };
    add(question(ask), answer);
}

/// Counts what a program decided, which has to be what its machine says.
pub(crate) fn count_program(machine: Option<Verdict>, verdict: Verdict) {
    assert_eq!(machine, Some(verdict), "a program and its machine differ");
    add("check", "by a program");
}

/// Counts what was seen around a row: of each row that it may lead to, and of joins among them.
pub(crate) fn count_around(
    rows: impl IntoIterator<Item = (bool, bool)>,
    joins: impl IntoIterator<Item = Option<bool>>,
) {
    for (is_seen, is_carried) in rows {
        let came_to = match (is_seen, is_carried) {
            (false, _) => "not seen",
            (true, false) => "class",
            (true, true) => "class and words",
        };
        add("row around", came_to);
    }
    for join in joins {
        add("join around", join.map_or("no answer", |flag| if flag { "yes" } else { "no" }));
    }
}

/// Counts what one step of a program came to; 0 is no.
pub(crate) fn count_step(act: &Act, answer: u64) {
    let step = match act {
        Act::Follow(..) => "step follow",
        Act::Literal(..) => "step literal",
        Act::Groups(..) => "step group",
        Act::Relation(relation) => match relation {
            Relation::SameWord(..) => "step same word",
            Relation::SameNumber(..) => "step same number",
            Relation::Less(..) => "step less",
            Relation::Contains { .. } => "step contains",
            Relation::ContainsAny(..) => "step contains any",
            Relation::In(..) => "step in",
            Relation::Among(..) => "step among",
            Relation::InAny { .. } => "step in any",
        },
    };
    let goes = matches!(act, Act::Follow(..) | Act::Literal(..));
    let came_to = match answer {
        _ if goes => "as expected",
        0 => "no",
        _ => "yes",
    };
    add(step, came_to);
}

/// Counts what a comparison on the way came to.
pub(crate) fn count_gate(passes: bool) {
    add("gate", if passes { "yes" } else { "no" });
}

/// Counts whether a machine decided what it might.
pub(crate) fn count_check(known: bool) {
    add("check", if known { "by a machine" } else { "by all policies" });
}

fn add(what: &'static str, outcome: &'static str) {
    COUNTS.with_borrow_mut(|counts| *counts.entry((what, outcome)).or_default() += 1);
}

const fn is_of_row(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::Principal | Ask::Context | Ask::Resource | Ask::Literal { .. } | Ask::Follow { .. }
    )
}

const fn question(ask: &Ask) -> &'static str {
    match ask {
        Ask::Principal => "ask principal",
        Ask::Context => "ask context",
        Ask::Resource => "ask resource",
        Ask::Literal { by_layout: true, .. } => "ask literal, by layout",
        Ask::Literal { .. } => "ask literal, by class",
        Ask::Follow { by_layout: true, .. } => "ask follow, by layout",
        Ask::Follow { .. } => "ask follow, by class",
        Ask::AnyGroup { word: 1.., .. } => "ask group beyond 64",
        Ask::AnyGroup { mask, .. } if mask.is_power_of_two() => "ask group",
        Ask::AnyGroup { .. } => "ask any group",
        Ask::Relation(relation, _) => match relation {
            Relation::SameWord(..) => "ask same word",
            Relation::SameNumber(..) => "ask same number",
            Relation::Less(.., false) => "ask less",
            Relation::Less(..) => "ask less or equal",
            Relation::Contains { texts: true, .. } => "ask contains, texts",
            Relation::Contains { .. } => "ask contains, entities",
            Relation::ContainsAny(..) => "ask contains any",
            Relation::In(..) => "ask in",
            Relation::Among(..) => "ask among",
            Relation::InAny { .. } => "ask in any",
        },
        Ask::Other(_) => "ask other",
    }
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

/// The operator, told apart by what kind its operand is where that makes it another.
fn operator(expr: &Expr, operand: &'static str) -> Option<&'static str> {
    Some(match expr {
        Expr::Constant(_) | Expr::Literal(_) | Expr::Fail(_) => return None,
        Expr::Var(_) => "variable",
        Expr::All(_) => "&&",
        Expr::Any(_) => "||",
        Expr::If(..) => "if",
        Expr::Attribute(..) => match operand {
            "entity" => ".attribute of entity",
            "record" => ".attribute of record",
            _ => ".attribute",
        },
        Expr::Has(..) => match operand {
            "entity" => "has of entity",
            "record" => "has of record",
            _ => "has",
        },
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
