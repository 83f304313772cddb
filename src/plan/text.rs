//! Conditions as text, close to Cedar's.

use super::Plan;
use super::environment::{Environment, Link};
use super::expr::{Binary, Expr, ExprId, Unary, Var};
use super::node::{Node, NodeId, Nodes, PathId};
use crate::facts::{Path, cedar_text, is_identifier, member_name, quoted};

/// What stands where nothing but an error can come of it.
const ERROR: &str = "<error>";
/// What a row is called in tests of its type.
const ROW: &str = "row";
const CONTEXT: &str = "context";

/// How tightly the outermost operator of a text binds, the loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Choice,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Sign,
    Member,
}

struct Phrase {
    text: String,
    binding: Binding,
}

impl Phrase {
    fn new(binding: Binding, text: impl Into<String>) -> Self {
        Self { text: text.into(), binding }
    }

    fn member(text: impl Into<String>) -> Self {
        Self::new(Binding::Member, text)
    }

    /// The text as an operand, in parentheses if it binds less than that.
    fn at(self, least: Binding) -> String {
        if self.binding < least { format!("({})", self.text) } else { self.text }
    }
}

/// The words for the conditions of one environment.
///
/// INVARIANT (expression nesting): `policy::limits` bounds how deep policies nest, and with it the
/// recursions here.
pub(super) struct Words<'p> {
    plan: &'p Plan,
    environment: &'p Environment,
    nodes: &'p Nodes,
    paths: Vec<String>,
}

impl<'p> Words<'p> {
    pub(super) fn new(plan: &'p Plan, environment: &'p Environment, nodes: &'p Nodes) -> Self {
        let mut paths: Vec<String> = Vec::new();
        for info in &environment.paths {
            paths.push(match &info.link {
                Link::Principal => "principal".to_owned(),
                Link::Resource => "resource".to_owned(),
                Link::Context => CONTEXT.to_owned(),
                Link::Literal(literal) => plan.literal_text(*literal),
                // A path comes after the one that it leads on from.
                Link::Column(from, column) => {
                    let from = paths.get(*from as usize).map_or(ERROR, String::as_str);
                    column.iter().fold(from.to_owned(), |of, name| attribute(&of, name))
                }
            });
        }
        Self { plan, environment, nodes, paths }
    }

    pub(super) fn path(&self, path: PathId) -> &str {
        self.paths.get(path as usize).map_or(ERROR, String::as_str)
    }

    pub(super) fn group(&self, bit: u32) -> String {
        self.plan.group_text(bit)
    }

    pub(super) fn node(&self, node: NodeId) -> String {
        self.phrase(node).text
    }

    fn phrase(&self, node: NodeId) -> Phrase {
        match self.nodes.get(node) {
            Node::True => Phrase::member("true"),
            Node::False => Phrase::member("false"),
            Node::Fail => Phrase::member(ERROR),
            Node::Not(of) => match self.leaf(*of) {
                Some((expr, own)) => negated(self.plan, expr, own),
                None => not(self.phrase(*of)),
            },
            Node::All(parts) => chain(Binding::And, parts.iter().map(|part| self.phrase(*part))),
            Node::Any(parts) => chain(Binding::Or, parts.iter().map(|part| self.phrase(*part))),
            Node::If(test, then, other) => {
                choice([test, then, other].map(|part| self.phrase(*part)))
            }
            Node::Group(path, bit) => {
                let text = format!("{} in {}", self.path(*path), self.plan.group_text(*bit));
                Phrase::new(Binding::Relation, text)
            }
            Node::Test(..) | Node::Join(_) => match self.leaf(node) {
                Some((expr, own)) => phrase(self.plan, expr, own),
                None => Phrase::member(ERROR),
            },
        }
    }

    /// The expression of a test or a join, and what the row that it is asked of is called.
    fn leaf(&self, node: NodeId) -> Option<(ExprId, &str)> {
        match self.nodes.get(node) {
            Node::Test(path, test) => {
                let info = self.environment.paths.get(*path as usize)?;
                let of_type = self.plan.types.get(info.type_number as usize)?;
                Some((*of_type.tests.get(*test as usize)?, self.path(*path)))
            }
            Node::Join(join) => Some((join.expr, ROW)),
            _ => None,
        }
    }
}

impl Plan {
    fn literal_text(&self, literal: u32) -> String {
        self.literals.get(literal as usize).map_or_else(|| ERROR.to_owned(), ToString::to_string)
    }

    /// A group by its number.
    fn group_text(&self, bit: u32) -> String {
        let literal = self.groups.get(bit as usize);
        literal.map_or_else(|| ERROR.to_owned(), |literal| self.literal_text(*literal))
    }

    /// A test of a type's rows, each of them called `row`.
    /// An expression as text; what it asks of one row alone, it asks of `row`.
    pub(crate) fn text(&self, expr: ExprId) -> String {
        phrase(self, expr, ROW).text
    }
}

/// A column as it is read from a row, or from a context.
pub(super) fn column_text(column: &Path, is_context: bool) -> String {
    let from = if is_context { CONTEXT } else { ROW };
    column.iter().fold(from.to_owned(), |of, name| attribute(&of, name))
}

fn phrase(plan: &Plan, expr: ExprId, own: &str) -> Phrase {
    let each = |of: ExprId| phrase(plan, of, own);
    match plan.arena.get(expr) {
        Expr::Constant(value) => {
            let is_negative = value.as_long().is_some_and(|number| number < 0);
            let binding = if is_negative { Binding::Sign } else { Binding::Member };
            Phrase::new(binding, cedar_text(value))
        }
        Expr::Literal(literal) => Phrase::member(plan.literal_text(*literal)),
        Expr::Var(var) => Phrase::member(match var {
            Var::Principal => "principal",
            Var::Action => "action",
            Var::Resource => "resource",
            Var::Context => CONTEXT,
            Var::Own => own,
        }),
        Expr::Unary(Unary::Not, of) => negated(plan, *of, own),
        Expr::Unary(operator, of) => unary(*operator, each(*of)),
        Expr::Binary(operator, left, right) => binary(*operator, each(*left), each(*right)),
        Expr::All(parts) => chain(Binding::And, parts.iter().map(|part| each(*part))),
        Expr::Any(parts) => chain(Binding::Or, parts.iter().map(|part| each(*part))),
        Expr::If(test, then, other) => choice([test, then, other].map(|part| each(*part))),
        Expr::Attribute(of, name) => {
            Phrase::member(attribute(&each(*of).at(Binding::Member), name))
        }
        Expr::Has(of, name) => relation(each(*of), "has", &member_name(name)),
        Expr::Like(of, pattern) => {
            let piece = |piece: &Option<char>| match piece {
                Some('*') => "\\*".to_owned(),
                Some(letter) => letter.escape_debug().to_string(),
                None => "*".to_owned(),
            };
            let pattern: String = pattern.iter().map(piece).collect();
            relation(each(*of), "like", &format!("\"{pattern}\""))
        }
        Expr::Is(of, type_name) => relation(each(*of), "is", type_name),
        Expr::Set(elements) => {
            let elements: Vec<String> = elements.iter().map(|it| each(*it).text).collect();
            Phrase::member(format!("[{}]", elements.join(", ")))
        }
        Expr::Record(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, it)| format!("{}: {}", member_name(name), each(*it).text))
                .collect();
            Phrase::member(format!("{{{}}}", members.join(", ")))
        }
        Expr::Fail(_) => Phrase::member(ERROR),
    }
}

/// What is not so, in the word for it where there is one.
fn negated(plan: &Plan, expr: ExprId, own: &str) -> Phrase {
    let each = |of: ExprId| phrase(plan, of, own);
    match plan.arena.get(expr) {
        Expr::Binary(Binary::Equal, left, right) => compared(each(*left), "!=", each(*right)),
        Expr::Binary(Binary::Less, left, right) => compared(each(*left), ">=", each(*right)),
        Expr::Binary(Binary::LessEqual, left, right) => compared(each(*left), ">", each(*right)),
        _ => not(phrase(plan, expr, own)),
    }
}

fn not(of: Phrase) -> Phrase {
    Phrase::new(Binding::Sign, format!("!{}", of.at(Binding::Member)))
}

fn chain(binding: Binding, parts: impl Iterator<Item = Phrase>) -> Phrase {
    // Parts of the same operator were joined into one chain; what binds as loosely is another's.
    let tighter = if binding == Binding::And { Binding::Relation } else { Binding::And };
    let parts: Vec<String> = parts.map(|part| part.at(tighter)).collect();
    Phrase::new(binding, parts.join(if binding == Binding::And { " && " } else { " || " }))
}

fn choice([test, then, other]: [Phrase; 3]) -> Phrase {
    let text = format!("if {} then {} else {}", test.text, then.text, other.text);
    Phrase::new(Binding::Choice, text)
}

fn relation(left: Phrase, operator: &str, right: &str) -> Phrase {
    Phrase::new(Binding::Relation, format!("{} {operator} {right}", left.at(Binding::Sum)))
}

fn compared(left: Phrase, operator: &str, right: Phrase) -> Phrase {
    relation(left, operator, &right.at(Binding::Sum))
}

fn call(of: Phrase, method: &str, argument: &str) -> Phrase {
    Phrase::member(format!("{}.{method}({argument})", of.at(Binding::Member)))
}

fn attribute(of: &str, name: &str) -> String {
    if is_identifier(name) { format!("{of}.{name}") } else { format!("{of}[{}]", quoted(name)) }
}

fn unary(operator: Unary, of: Phrase) -> Phrase {
    let method = match operator {
        Unary::Not => return not(of),
        Unary::Negate => {
            return Phrase::new(Binding::Sign, format!("-{}", of.at(Binding::Member)));
        }
        Unary::Datetime => return Phrase::member(format!("datetime({})", of.text)),
        Unary::Decimal => return Phrase::member(format!("decimal({})", of.text)),
        Unary::Duration => return Phrase::member(format!("duration({})", of.text)),
        Unary::Ip => return Phrase::member(format!("ip({})", of.text)),
        Unary::IsEmpty => "isEmpty",
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
    };
    call(of, method, "")
}

fn binary(operator: Binary, left: Phrase, right: Phrase) -> Phrase {
    let method = match operator {
        Binary::Equal => return compared(left, "==", right),
        Binary::Less => return compared(left, "<", right),
        Binary::LessEqual => return compared(left, "<=", right),
        Binary::In => return compared(left, "in", right),
        Binary::Add | Binary::Subtract => {
            let sign = if operator == Binary::Add { "+" } else { "-" };
            let (left, right) = (left.at(Binding::Sum), right.at(Binding::Product));
            return Phrase::new(Binding::Sum, format!("{left} {sign} {right}"));
        }
        Binary::Multiply => {
            let (left, right) = (left.at(Binding::Product), right.at(Binding::Sign));
            return Phrase::new(Binding::Product, format!("{left} * {right}"));
        }
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
    };
    call(left, method, &right.text)
}
