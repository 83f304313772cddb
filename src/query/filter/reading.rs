//! What an expression reads of a resource that is not known.

use std::sync::Arc;

use super::mapping::declared;
use super::residual::Residual;
use crate::facts::{Slot, Type};
use crate::plan::{Binary, Expr, ExprId, Val, Var};

impl Residual<'_> {
    /// The path of attributes from the resource that an expression is. A name that holds a point
    /// would be taken for two.
    pub(super) fn path(&self, mut expr: ExprId) -> Option<Vec<Arc<str>>> {
        let mut names = Vec::new();
        loop {
            match self.plan.arena.get(expr) {
                Expr::Attribute(of, name) if !name.contains('.') => {
                    names.push(Arc::clone(name));
                    expr = *of;
                }
                Expr::Var(Var::Resource) => {
                    names.reverse();
                    return Some(names);
                }
                _ => return None,
            }
        }
    }

    /// Whether a path leads to an entity that is known, or on from there.
    pub(super) fn is_bound(&self, path: &[Arc<str>]) -> bool {
        (1..=path.len()).any(|len| {
            path.get(..len).is_some_and(|start| self.bound.contains_key(&*start.join(".")))
        })
    }

    /// What is declared of a path from the resource, while it stays in the row itself.
    pub(super) fn declared(&self, path: &[Arc<str>]) -> Option<(&Type, bool)> {
        let attributes = &self.types.entity(&self.mapping.type_name)?.attributes;
        declared(attributes, &path.join("."))
    }

    /// The attribute, or the member of a record, from which a path reads on to another entity.
    pub(super) fn hop(&self, path: &[Arc<str>]) -> Option<Arc<str>> {
        (1..path.len()).find_map(|len| {
            let start = path.get(..len)?;
            match self.declared(start)?.0 {
                Type::Entity(_) => Some(start.join(".").into()),
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
            Expr::Has(of, name) if self.path(*of).is_some_and(|path| path.is_empty()) => {
                !self.bound.contains_key(name)
            }
            expr => expr.any_part(|part| self.is_open(part)),
        }
    }

    /// The attributes from which an expression reads on to other entities, which are not known.
    pub(super) fn hops(&self, expr: ExprId, found: &mut Vec<Arc<str>>) {
        let mut add = |hop: Option<Arc<str>>| {
            if let Some(hop) =
                hop.filter(|hop| !self.bound.contains_key(hop) && !found.contains(hop))
            {
                found.push(hop);
            }
        };
        if let Some(path) = self.path(expr) {
            add(self.hop(&path));
            return;
        }
        // What asks for more than the entity itself reads on as well.
        let on = |of: ExprId| {
            let mut path = self.path(of)?;
            path.push(Arc::from(""));
            self.hop(&path)
        };
        match self.plan.arena.get(expr) {
            Expr::Has(of, _) => add(on(*of)),
            Expr::Binary(Binary::HasTag | Binary::GetTag, of, _) => add(on(*of)),
            // An entity in others: its own parents are asked for.
            Expr::Binary(Binary::In, of, above) if !self.is_below(*of, *above) => add(on(*of)),
            _ => {}
        }
        let _all_are_visited = self.plan.arena.get(expr).any_part(|part| {
            self.hops(part, found);
            false
        });
    }

    /// Whether it asks if a column's entity is in what is known: those below it are.
    pub(super) fn is_below(&self, of: ExprId, above: ExprId) -> bool {
        self.path(of).is_some() && !self.is_open(above)
    }

    /// Whether an expression reads on from the row to entities that are not known.
    pub(super) fn reads_on(&self, expr: ExprId) -> bool {
        let mut hops = Vec::new();
        self.hops(expr, &mut hops);
        !hops.is_empty()
    }

    /// Whether what is known reads a row of the table, of which the facts hold none.
    pub(super) fn reads_rows(&self, expr: ExprId) -> bool {
        let is_row = |of: &ExprId| {
            let is_resource = self.path(*of).is_some_and(|path| path.is_empty());
            let evaluator = self.evaluator();
            !is_resource
                && matches!(evaluator.eval(*of), Ok(Val::Entity(slot))
                    if *evaluator.scope.type_name(slot) == *self.mapping.type_name)
        };
        let expr = self.plan.arena.get(expr);
        let is_read = match expr {
            Expr::Attribute(of, _) | Expr::Has(of, _) => is_row(of),
            Expr::Binary(operator, left, _) => {
                let asks = matches!(operator, Binary::HasTag | Binary::GetTag | Binary::In);
                let lies_in_rows = || match self.evaluator().eval(*left) {
                    Ok(Val::Entity(slot)) => self.lies_in_rows(slot),
                    _ => false,
                };
                (asks && is_row(left)) || (*operator == Binary::In && lies_in_rows())
            }
            _ => false,
        };
        is_read || expr.any_part(|part| self.reads_rows(part))
    }

    /// Whether an entity is in a row of the table, whose own parents the host tells with it.
    pub(super) fn lies_in_rows(&self, slot: Slot) -> bool {
        let scope = self.evaluator().scope;
        let mut lies = false;
        scope.rows.each_above(slot, |above| {
            lies |= above != slot && *scope.type_name(above) == *self.mapping.type_name;
        });
        lies
    }
}
