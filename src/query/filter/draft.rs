//! What policies ask of the columns of a table, the same for every caller and every moment.
//!
//! Each condition is taken apart into what reads columns and what is known before the query. What the
//! schema, the action and the mapping tell alone is told here, once for a plan.

use std::sync::Arc;

use super::mapping::{Attribute, Related};
use super::{Column, Comparison, Filter, FilterError, Nulls, TableMapping};
use crate::facts::{EntityUid, Type, Types};
use crate::plan::{Binary, Evaluator, Expr, ExprId, Pattern, Plan, RuleKind, Scope, Unary, Var};
use crate::symbol::Symbol;

/// What filters of one environment and one table have in common.
#[derive(Debug)]
pub(crate) struct Draft {
    /// That nothing is missing which the schema requires.
    pub(super) whole: Filter,
    pub(super) hops: Vec<Hop>,
    /// What has to be false. Those that read the row alone are first: they say of which entities the
    /// others have to be asked.
    pub(super) forbids: Vec<Ruled>,
    /// One of them has to be true.
    pub(super) permits: Vec<Ruled>,
}

/// A column that names an entity of the facts, from which policies read on.
#[derive(Debug)]
pub(super) struct Hop {
    /// What reads it.
    pub(super) expr: ExprId,
    pub(super) at: At,
    pub(super) type_name: Arc<str>,
}

/// A column of the row itself, or of a row that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub(super) table: Option<Arc<Join>>,
    pub(super) column: Column,
}

/// The row of another table that a column names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) named_by: At,
    /// Whether the column may name nothing.
    pub(super) is_optional: bool,
    pub(super) table: Arc<str>,
    pub(super) id: Column,
}

/// The condition of a policy.
#[derive(Debug)]
pub(super) struct Ruled {
    pub(super) id: Symbol,
    pub(super) condition: Condition,
}

#[derive(Debug)]
pub(super) enum Condition {
    Fixed(bool),
    Known(Known),
    Not(Box<Condition>),
    /// `&&`.
    All(Box<[Part]>),
    /// `||`.
    Any(Box<[Part]>),
    If(Box<[Condition; 3]>),
    /// A condition on columns of one table.
    Leaf(Option<Arc<Join>>, ExprId, Leaf),
    /// Whether the row of another table is there, with something in this column.
    HasRow(Arc<Join>, Option<Column>),
    /// A condition on an entity that a column names, asked of each that it may name.
    Linked {
        hop: usize,
        expr: ExprId,
        /// Whether it asks which entity it is as well as what is known of it: then all that are not
        /// there are not alike.
        asks_which: bool,
        condition: Box<Condition>,
    },
    /// What cannot be asked in SQL.
    Refused(FilterError),
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) condition: Condition,
    pub(super) is_linked: bool,
}

/// What is evaluated before the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) expr: ExprId,
    /// Whether it may read a row of the host's, by what the schema declares.
    pub(super) may_read_rows: bool,
}

#[derive(Debug)]
pub(super) enum Leaf {
    /// It cannot but fail.
    Fails,
    /// It is so wherever the row is there.
    Holds,
    Flag(Column),
    Compare {
        column: Column,
        of: Type,
        comparison: Comparison,
        with: Known,
    },
    CompareColumns(Column, Comparison, Column),
    Like(Column, Pattern),
    /// It is so, or not, wherever something stands in the column.
    Is(Column, bool),
    Has(Column),
    /// What stands in the column is one of a known set.
    Among {
        column: Column,
        of: Type,
        set: Known,
    },
    /// What the column names is in what is known.
    In {
        column: Column,
        type_name: Arc<str>,
        above: Known,
        has_above: bool,
    },
    /// Who is known is in what the column names.
    Above {
        known: Known,
        column: Column,
        of: Type,
    },
    /// Who is known is in an element of the set.
    AboveOne(Known, Set),
    IsEmpty(Set),
    Contains(Set, Known),
    ContainsAny(Set, Known),
    ContainsAll(Set, Known),
}

/// A set in a related table.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) related: Related,
    /// What the rows of that table name: the id of the row whose set it is.
    pub(super) id: Column,
    pub(super) of: Type,
}

impl Condition {
    /// Whether it reads on to entities of the facts that a column names.
    pub(super) fn is_linked(&self) -> bool {
        match self {
            Self::Linked { .. } => true,
            Self::Not(of) => of.is_linked(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.is_linked),
            Self::If(parts) => parts.iter().any(Self::is_linked),
            Self::Fixed(_)
            | Self::Known(_)
            | Self::Leaf(..)
            | Self::HasRow(..)
            | Self::Refused(_) => false,
        }
    }
}

pub(super) struct Drafting<'d> {
    pub(super) plan: &'d Plan,
    pub(super) types: &'d Types,
    pub(super) mapping: &'d TableMapping,
    /// For what the action alone says.
    pub(super) scope: Scope<'d>,
    pub(super) principal: Arc<str>,
    pub(super) action: &'d EntityUid,
    pub(super) hops: Vec<Hop>,
    /// The hops that lead to entities which are known.
    pub(super) bound: Vec<ExprId>,
}

impl Drafting<'_> {
    pub(super) fn draft(mut self) -> Draft {
        let plan = self.plan;
        let (mut forbids, mut linked, mut permits) = (Vec::new(), Vec::new(), Vec::new());
        for rule in plan.rules.iter().flatten() {
            let ruled = Ruled { id: rule.id, condition: self.condition(rule.condition) };
            match (rule.kind, &ruled.condition) {
                // What is never true takes nothing away, and gives nothing.
                (_, Condition::Fixed(false)) | (RuleKind::Reason, _) => {}
                (RuleKind::Permit, _) => permits.push(ruled),
                _ if ruled.condition.is_linked() => linked.push(ruled),
                _ => forbids.push(ruled),
            }
        }
        forbids.append(&mut linked);
        Draft { whole: self.mapping.whole(), hops: self.hops, forbids, permits }
    }

    /// INVARIANT (expression nesting): policies nest so deep at most, which bounds this and the
    /// recursions below.
    fn condition(&mut self, expr: ExprId) -> Condition {
        if let Some(is) = self.fixed(expr) {
            return Condition::Fixed(is);
        }
        if !self.is_open(expr) {
            return Condition::Known(self.known(expr));
        }
        let plan = self.plan;
        match plan.arena.get(expr) {
            Expr::Unary(Unary::Not, of) => match self.condition(*of) {
                Condition::Fixed(is) => Condition::Fixed(!is),
                of => Condition::Not(Box::new(of)),
            },
            Expr::All(parts) => self.chain(parts, true),
            Expr::Any(parts) => self.chain(parts, false),
            Expr::If(test, then, other) => match self.condition(*test) {
                Condition::Fixed(is) => self.condition(if is { *then } else { *other }),
                test => {
                    let (then, other) = (self.condition(*then), self.condition(*other));
                    Condition::If(Box::new([test, then, other]))
                }
            },
            leaf => self.leaf(expr, leaf).unwrap_or_else(Condition::Refused),
        }
    }

    /// Parts in order: all of them, or any.
    fn chain(&mut self, parts: &[ExprId], is_all: bool) -> Condition {
        let mut made = Vec::new();
        for part in parts {
            match self.condition(*part) {
                Condition::Fixed(is) if is == is_all => {}
                // What comes later is not looked at; what came before may still fail.
                Condition::Fixed(is) if made.is_empty() => return Condition::Fixed(is),
                condition => {
                    let is_linked = condition.is_linked();
                    made.push(Part { condition, is_linked });
                }
            }
        }
        match (is_all, made.is_empty()) {
            (_, true) => Condition::Fixed(is_all),
            (true, false) => Condition::All(made.into()),
            (false, false) => Condition::Any(made.into()),
        }
    }

    /// What is the same for every caller and row: a type, or a condition on the action alone.
    fn fixed(&self, expr: ExprId) -> Option<bool> {
        match self.plan.arena.get(expr) {
            Expr::Constant(value) => value.as_bool(),
            Expr::Is(of, name) => match self.plan.arena.get(*of) {
                Expr::Var(Var::Principal) => Some(*self.principal == **name),
                Expr::Var(Var::Resource) => Some(self.mapping.type_name == *name),
                _ => None,
            },
            Expr::Binary(Binary::Equal | Binary::In | Binary::Contains, left, right)
                if self.is_of_action(*left) && self.is_of_action(*right) =>
            {
                Evaluator::new(&self.plan.arena, self.scope).holds(expr).ok()
            }
            // An entity that is known is there.
            Expr::Has(of, name) => {
                let names_it = |bound: &ExprId| {
                    matches!(self.plan.arena.get(*bound), Expr::Attribute(from, known)
                        if from == of && known == name)
                };
                self.bound.iter().any(names_it).then_some(true)
            }
            _ => None,
        }
    }

    fn is_of_action(&self, expr: ExprId) -> bool {
        let is_action = |literal: &u32| {
            let literal = self.plan.literal(*literal);
            literal.is_some_and(|literal| literal.type_name() == self.action.type_name())
        };
        match self.plan.arena.get(expr) {
            Expr::Var(Var::Action) => true,
            Expr::Literal(literal) => is_action(literal),
            Expr::Set(elements) => elements.iter().all(|element| self.is_of_action(*element)),
            _ => false,
        }
    }
}

/// The conditions that no others make up.
impl Drafting<'_> {
    fn leaf(&mut self, expr: ExprId, leaf: &Expr) -> Result<Condition, FilterError> {
        if let Expr::Binary(Binary::In, left, right) = leaf
            && self.is_open(*left)
            && self.is_open(*right)
        {
            return Err(self.unsupported(expr, "both are the row's own"));
        }
        match self.first_hop(expr) {
            Some(of) => {
                let hop = self.hop(expr, of)?;
                self.bound.push(of);
                let condition = Box::new(self.condition(expr));
                self.bound.pop();
                let asks_which = self.asks_which(expr, of);
                Ok(Condition::Linked { hop, expr, asks_which, condition })
            }
            None => self.direct(expr, leaf),
        }
    }

    /// Whether an expression compares the entity of a hop itself, and does not only read on from it.
    fn asks_which(&self, expr: ExprId, of: ExprId) -> bool {
        if expr == of {
            return true;
        }
        match self.plan.arena.get(expr) {
            Expr::Attribute(it, _) | Expr::Has(it, _) if *it == of => false,
            Expr::Binary(Binary::HasTag | Binary::GetTag, it, tag) if *it == of => {
                self.asks_which(*tag, of)
            }
            other => other.any_part(|part| self.asks_which(part, of)),
        }
    }

    /// The number of a hop.
    fn hop(&mut self, expr: ExprId, of: ExprId) -> Result<usize, FilterError> {
        if let Some(known) = self.hops.iter().position(|hop| hop.expr == of) {
            return Ok(known);
        }
        let (at, Type::Entity(type_name)) = self.column(of)? else {
            return Err(self.unsupported(expr, "no column tells"));
        };
        if self.mapping.maps(&type_name) {
            return Err(self.unsupported(expr, "it reads another row of the same table"));
        }
        self.hops.push(Hop { expr: of, at, type_name });
        Ok(self.hops.len() - 1)
    }

    /// A condition on columns.
    fn direct(&self, expr: ExprId, leaf: &Expr) -> Result<Condition, FilterError> {
        let (table, leaf) = match leaf {
            Expr::Has(of, name) => return self.has(expr, *of, name),
            Expr::Binary(operator, left, right) => {
                return self.binary(expr, *operator, (*left, *right));
            }
            Expr::Unary(Unary::IsEmpty, of) => {
                let (table, set) = self.set(*of)?;
                (table, Leaf::IsEmpty(set))
            }
            Expr::Attribute(..) => match self.column(expr)? {
                (at, Type::Bool) => (at.table, Leaf::Flag(at.column)),
                (at, _) => (at.table, Leaf::Fails),
            },
            Expr::Like(of, pattern) => match self.column(*of)? {
                (at, Type::String) => (at.table, Leaf::Like(at.column, Arc::clone(pattern))),
                (at, _) => (at.table, Leaf::Fails),
            },
            Expr::Is(of, type_name) => match self.column(*of)? {
                (at, Type::Entity(of)) => (at.table, Leaf::Is(at.column, of == *type_name)),
                (at, _) => (at.table, Leaf::Fails),
            },
            _ => return Err(self.unsupported(expr, "no column tells")),
        };
        Ok(Condition::Leaf(table, expr, leaf))
    }

    fn has(&self, expr: ExprId, of: ExprId, name: &Arc<str>) -> Result<Condition, FilterError> {
        let path = self.path(of).ok_or_else(|| self.unsupported(expr, "no column tells"))?;
        if name.contains('.') {
            return Err(self.unsupported(expr, "the name holds a point"));
        }
        let Some(row) = self.row(&path) else {
            return Err(self.unsupported(expr, "the schema declares no such record"));
        };
        if !row.is_certain {
            return Err(self.unsupported(expr, "the record that it is a member of may be missing"));
        }
        let whole_name = row.name(name);
        let column =
            match (row.declared(self.types, &whole_name), row.mapping.attribute(&whole_name)) {
                (None, _) => {
                    return Ok(match (row.table, row.is_entity) {
                        (None, _) => Condition::Fixed(false),
                        // Where nobody is named, it fails.
                        (Some(join), true) => {
                            let At { table, column } = join.named_by.clone();
                            Condition::Leaf(table, expr, Leaf::Is(column, false))
                        }
                        // Where the row is not there, it fails.
                        (table, false) => {
                            Condition::Not(Box::new(Condition::Leaf(table, expr, Leaf::Holds)))
                        }
                    });
                }
                // Every row has what the schema requires, or is kept out.
                (Some((_, true)), _) | (_, Some(Attribute::Related(_))) => None,
                (
                    Some((_, false)),
                    Some(Attribute::Column(column) | Attribute::Joined(column, ..)),
                ) => (column.nulls == Nulls::Absent).then(|| column.column()),
                (Some((_, false)), None) => return Err(self.unmapped(expr, &whole_name)),
            };
        Ok(match (row.table, column) {
            (None, None) => Condition::Fixed(true),
            (Some(join), column) if row.is_entity => Condition::HasRow(join, column),
            (table, None) => Condition::Leaf(table, expr, Leaf::Holds),
            (table, Some(column)) => Condition::Leaf(table, expr, Leaf::Has(column)),
        })
    }

    fn binary(
        &self,
        expr: ExprId,
        operator: Binary,
        (left, right): (ExprId, ExprId),
    ) -> Result<Condition, FilterError> {
        let (table, leaf) = match operator {
            Binary::Equal => self.compare(expr, Comparison::Equal, (left, right))?,
            Binary::Less => self.compare(expr, Comparison::Less, (left, right))?,
            Binary::LessEqual => self.compare(expr, Comparison::LessOrEqual, (left, right))?,
            Binary::Contains if self.is_open(left) => {
                let ((table, set), element) = (self.set(left)?, self.given(right)?);
                (table, Leaf::Contains(set, element))
            }
            Binary::Contains => {
                let (set, (at, of)) = (self.given(left)?, self.column(right)?);
                (at.table, Leaf::Among { column: at.column, of, set })
            }
            Binary::ContainsAny => {
                let (open, other) = if self.is_open(left) { (left, right) } else { (right, left) };
                let ((table, set), elements) = (self.set(open)?, self.given(other)?);
                (table, Leaf::ContainsAny(set, elements))
            }
            Binary::ContainsAll if self.is_open(left) => {
                let ((table, set), elements) = (self.set(left)?, self.given(right)?);
                (table, Leaf::ContainsAll(set, elements))
            }
            Binary::In if self.is_open(left) => self.is_in(expr, left, self.given(right)?)?,
            Binary::In => self.is_above(self.given(left)?, right)?,
            _ => return Err(self.unsupported(expr, "no column tells")),
        };
        Ok(Condition::Leaf(table, expr, leaf))
    }

    fn compare(
        &self,
        expr: ExprId,
        comparison: Comparison,
        (left, right): (ExprId, ExprId),
    ) -> Result<(Option<Arc<Join>>, Leaf), FilterError> {
        let of_column = |column, known, comparison| {
            let (At { table, column }, of) = self.column(column)?;
            Ok((table, Leaf::Compare { column, of, comparison, with: self.known(known) }))
        };
        match (self.is_open(left), self.is_open(right)) {
            (true, true) => {
                let ((one, of), (other, beside)) = (self.column(left)?, self.column(right)?);
                if of != beside || one.column.holds != other.column.holds {
                    return Err(self.unsupported(expr, "the columns are of two types"));
                }
                if one.table != other.table {
                    return Err(self.unsupported(expr, "the columns are of two tables"));
                }
                Ok((one.table, Leaf::CompareColumns(one.column, comparison, other.column)))
            }
            (true, false) => of_column(left, right, comparison),
            _ => of_column(right, left, comparison.mirrored()),
        }
    }

    /// What a column names is in what is known.
    fn is_in(
        &self,
        expr: ExprId,
        left: ExprId,
        above: Known,
    ) -> Result<(Option<Arc<Join>>, Leaf), FilterError> {
        let (At { table, column }, Type::Entity(type_name)) = self.column(left)? else {
            return Ok((None, Leaf::Fails));
        };
        let ancestors = self.types.entity(&type_name).map(|it| &it.ancestors);
        let has_above = ancestors.is_some_and(|ancestors| !ancestors.is_empty());
        // What a row of the host's is in, the host tells with each.
        let mut above_it = ancestors.into_iter().flatten();
        if has_above && (self.mapping.maps(&type_name) || above_it.any(|it| self.mapping.maps(it)))
        {
            return Err(self.unsupported(expr, "no column tells what the row is in"));
        }
        Ok((table, Leaf::In { column, type_name, above, has_above }))
    }

    /// Who is known is in what a column names, or in one of a set.
    fn is_above(
        &self,
        known: Known,
        right: ExprId,
    ) -> Result<(Option<Arc<Join>>, Leaf), FilterError> {
        let is_set = self.place(right).is_some_and(|(_, _, of)| matches!(of, Type::Set(_)));
        if is_set {
            let (table, set) = self.set(right)?;
            return Ok((table, Leaf::AboveOne(known, set)));
        }
        let (At { table, column }, of) = self.column(right)?;
        Ok((table, Leaf::Above { known, column, of }))
    }

    /// A value that has to be known.
    fn given(&self, expr: ExprId) -> Result<Known, FilterError> {
        if self.is_open(expr) {
            return Err(self.unsupported(expr, "it is no value that is known before"));
        }
        Ok(self.known(expr))
    }

    /// The column that an expression is.
    fn column(&self, expr: ExprId) -> Result<(At, Type), FilterError> {
        if matches!(self.plan.arena.get(expr), Expr::Var(Var::Resource)) {
            let column = self.mapping.id.column();
            return Ok((At { table: None, column }, Type::Entity(self.mapping.type_name.clone())));
        }
        let Some((row, name, of)) = self.place(expr) else {
            return Err(self.unsupported(expr, "no column tells"));
        };
        match row.mapping.attribute(&name) {
            Some(Attribute::Column(column) | Attribute::Joined(column, ..)) => {
                Ok((At { table: row.table, column: column.column() }, of))
            }
            Some(Attribute::Related(_)) => Err(self.unsupported(expr, "a set is no column")),
            None => Err(self.unmapped(expr, &name)),
        }
    }

    /// The set that an expression is.
    fn set(&self, expr: ExprId) -> Result<(Option<Arc<Join>>, Set), FilterError> {
        let Some((row, name, of)) = self.place(expr) else {
            return Err(self.unsupported(expr, "no table tells"));
        };
        match (row.mapping.attribute(&name), of) {
            (Some(Attribute::Related(related)), Type::Set(of)) => {
                let (related, id) = (related.clone(), row.mapping.id.column());
                Ok((row.table, Set { related, id, of: Type::clone(&of) }))
            }
            _ => Err(self.unmapped(expr, &name)),
        }
    }

    pub(super) fn unsupported(&self, expr: ExprId, why: &str) -> FilterError {
        unsupported(self.plan, expr, why)
    }

    fn unmapped(&self, expr: ExprId, name: &str) -> FilterError {
        let text = self.plan.text(expr);
        FilterError::new(format!("`{text}`: no column is declared for {name}"))
            .with_help(format!("map {name} to a column, or, if it is a set, to a related table"))
    }
}

pub(super) fn unsupported(plan: &Plan, expr: ExprId, why: &str) -> FilterError {
    FilterError::new(format!("`{}`: {why}", plan.text(expr)))
        .with_help("ask with `list` or `check`, which decide every clause")
}
