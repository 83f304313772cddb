//! What an expression reads of a resource that is not known.

use std::sync::Arc;

use super::draft::{At, Drafting, Join, Known};
use super::mapping::{Attribute, TableMapping, declared};
use crate::facts::{Attributes, Type, Types};
use crate::plan::{Binary, Expr, ExprId, Var};

/// A step on the way from the resource: the expression that ends with it, and the attribute's name.
pub(super) struct Step {
    expr: ExprId,
    name: Arc<str>,
}

/// A row of the host's, or a record within it.
pub(super) struct RowAt<'d> {
    pub(super) mapping: &'d TableMapping,
    pub(super) table: Option<Arc<Join>>,
    /// The path of the record; empty for the row itself.
    record: String,
    /// Whether it is the row.
    pub(super) is_entity: bool,
    /// Whether the record is in every row.
    pub(super) is_certain: bool,
}

impl<'d> RowAt<'d> {
    /// What an attribute of it is called in the mapping.
    pub(super) fn name(&self, name: &str) -> String {
        if self.record.is_empty() { name.to_owned() } else { format!("{}.{name}", self.record) }
    }

    /// What is declared of an attribute by that name.
    pub(super) fn declared<'t>(&self, types: &'t Types, name: &str) -> Option<(&'t Type, bool)> {
        declared(&types.entity(&self.mapping.type_name)?.attributes, name)
    }
}

/// What is told of an expression by what the schema declares.
enum Told<'t> {
    Entity(&'t str),
    Record(&'t Attributes),
    Neither,
    Nothing,
}

impl<'t> Told<'t> {
    fn of(declared: &'t Type) -> Self {
        match declared {
            Type::Entity(name) => Self::Entity(name),
            Type::Record(members) => Self::Record(members),
            _ => Self::Neither,
        }
    }
}

impl<'d> Drafting<'d> {
    /// The path of attributes from the resource that an expression is. A name that holds a point
    /// would be taken for two.
    pub(super) fn path(&self, mut expr: ExprId) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            match self.plan.arena.get(expr) {
                Expr::Attribute(of, name) if !name.contains('.') => {
                    steps.push(Step { expr, name: Arc::clone(name) });
                    expr = *of;
                }
                Expr::Var(Var::Resource) => {
                    steps.reverse();
                    return Some(steps);
                }
                _ => return None,
            }
        }
    }

    /// Whether a path leads to an entity that is known, or on from there.
    fn is_bound(&self, path: &[Step]) -> bool {
        path.iter().any(|step| self.bound.contains(&step.expr))
    }

    /// The row, or the record in a row, to which a path leads without the facts.
    pub(super) fn row(&self, path: &[Step]) -> Option<RowAt<'d>> {
        let mut at = RowAt {
            mapping: self.mapping,
            table: None,
            record: String::new(),
            is_entity: true,
            is_certain: true,
        };
        for step in path {
            let name = at.name(&step.name);
            match (at.declared(self.types, &name)?, at.mapping.attribute(&name)) {
                ((Type::Record(_), required), _) => {
                    at = RowAt { record: name, is_entity: false, is_certain: required, ..at };
                }
                ((Type::Entity(_), required), Some(Attribute::Joined(column, table, mapping))) => {
                    let join = Join {
                        named_by: At { table: at.table, column: column.column() },
                        is_optional: !required,
                        table: Arc::clone(table),
                        id: mapping.id.column(),
                    };
                    at = RowAt {
                        mapping,
                        table: Some(Arc::new(join)),
                        record: String::new(),
                        is_entity: true,
                        is_certain: true,
                    };
                }
                _ => return None,
            }
        }
        Some(at)
    }

    /// The row that holds what an expression is, what that is called there, and its type.
    pub(super) fn place(&self, expr: ExprId) -> Option<(RowAt<'d>, String, Type)> {
        let path = self.path(expr)?;
        let (last, way) = path.split_last()?;
        let row = self.row(way)?;
        let name = row.name(&last.name);
        let of = row.declared(self.types, &name)?.0.clone();
        Some((row, name, of))
    }

    /// The attribute of a path from which it reads on to an entity of the facts.
    fn hop_of(&self, path: &[Step]) -> Option<ExprId> {
        let (_, way) = path.split_last()?;
        way.iter().enumerate().find_map(|(at, step)| {
            let row = self.row(path.get(..at)?)?;
            let name = row.name(&step.name);
            let is_joined = matches!(row.mapping.attribute(&name), Some(Attribute::Joined(..)));
            match row.declared(self.types, &name)?.0 {
                Type::Entity(_) if !is_joined => Some(step.expr),
                _ => None,
            }
        })
    }

    /// Whether an expression reads what is not known of the resource.
    ///
    /// INVARIANT (expression nesting): policies nest so deep at most, which bounds this and the
    /// recursions below.
    pub(super) fn is_open(&self, expr: ExprId) -> bool {
        if let Some(path) = self.path(expr) {
            return !self.is_bound(&path);
        }
        match self.plan.arena.get(expr) {
            // The type is known, whichever row it is.
            Expr::Is(of, _) if self.path(*of).is_some_and(|path| path.is_empty()) => false,
            expr => expr.any_part(|part| self.is_open(part)),
        }
    }

    /// The first attribute from which an expression reads on to an entity of the facts that is not
    /// known.
    pub(super) fn first_hop(&self, expr: ExprId) -> Option<ExprId> {
        let open = |path: &[Step]| self.hop_of(path).filter(|hop| !self.bound.contains(hop));
        if let Some(path) = self.path(expr) {
            return open(&path);
        }
        // What asks for more than the entity itself reads on as well.
        let on = |of: ExprId| {
            let mut path = self.path(of)?;
            path.push(Step { expr, name: Arc::from("") });
            open(&path)
        };
        let own = match self.plan.arena.get(expr) {
            Expr::Has(of, _) | Expr::Binary(Binary::HasTag | Binary::GetTag, of, _) => on(*of),
            // An entity in others: its own parents are asked for, but where it is a column's and the
            // others are known. Those below them are known, too.
            Expr::Binary(Binary::In, of, above)
                if self.path(*of).is_none() || self.is_open(*above) =>
            {
                on(*of)
            }
            _ => None,
        };
        own.or_else(|| {
            let mut found = None;
            self.plan.arena.get(expr).any_part(|part| {
                found = self.first_hop(part);
                found.is_some()
            });
            found
        })
    }

    /// What is evaluated before the query.
    pub(super) fn known(&self, expr: ExprId) -> Known {
        Known { expr, may_read_rows: self.may_read_rows(expr) }
    }

    /// Whether what is known may read a row of the host's, of which the facts hold none.
    fn may_read_rows(&self, expr: ExprId) -> bool {
        let may_be_row = |of: &ExprId| match self.told(*of) {
            Told::Entity(name) => self.mapping.maps(name),
            Told::Nothing => true,
            Told::Record(_) | Told::Neither => false,
        };
        let may_lie_in_row = |of: &ExprId| match self.told(*of) {
            Told::Entity(name) => {
                let ancestors = self.types.entity(name).map(|it| &it.ancestors);
                ancestors.is_none_or(|it| it.iter().any(|above| self.mapping.maps(above)))
            }
            Told::Nothing => true,
            Told::Record(_) | Told::Neither => false,
        };
        let expr = self.plan.arena.get(expr);
        let may_read = match expr {
            Expr::Attribute(of, _) | Expr::Has(of, _) => {
                // The row itself is not read: what it names is bound.
                !matches!(self.plan.arena.get(*of), Expr::Var(Var::Resource)) && may_be_row(of)
            }
            Expr::Binary(Binary::HasTag | Binary::GetTag, of, _) => may_be_row(of),
            Expr::Binary(Binary::In, of, _) => may_be_row(of) || may_lie_in_row(of),
            _ => false,
        };
        may_read || expr.any_part(|part| self.may_read_rows(part))
    }

    /// What the schema tells of an expression's value.
    fn told(&self, expr: ExprId) -> Told<'_> {
        let attributes_of = |name: &str| self.types.entity(name).map(|it| &it.attributes);
        match self.plan.arena.get(expr) {
            Expr::Var(Var::Principal) => Told::Entity(&self.principal),
            Expr::Var(Var::Resource) => Told::Entity(&self.mapping.type_name),
            Expr::Var(Var::Action) => Told::Entity(self.action.type_name()),
            Expr::Var(Var::Context) => {
                let action = self.types.action(self.action);
                action.map_or(Told::Nothing, |action| Told::Record(&action.context))
            }
            Expr::Literal(literal) => {
                let literal = self.plan.literal(*literal);
                literal.map_or(Told::Nothing, |literal| Told::Entity(literal.type_name()))
            }
            Expr::Attribute(of, name) => {
                let members = match self.told(*of) {
                    Told::Entity(of) => attributes_of(of),
                    Told::Record(members) => Some(members),
                    Told::Neither | Told::Nothing => None,
                };
                let declared = members.and_then(|members| members.get(name));
                declared.map_or(Told::Nothing, |attribute| Told::of(&attribute.of))
            }
            Expr::Constant(_) | Expr::Set(_) | Expr::Has(..) | Expr::Is(..) | Expr::Like(..) => {
                Told::Neither
            }
            _ => Told::Nothing,
        }
    }
}
