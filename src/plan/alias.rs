//! Paths that lead to the same row.
//!
//! Rows often name themselves: a contact is its own contact, a document without a parent its own
//! head. That is a matter of the row alone, so its class says it; what is asked of the row at the end
//! of such a path is then asked of the row itself, and is known with it.

use std::collections::BTreeMap;

use super::Plan;
use super::environment::{Environment, Link};
use super::machine::Matter;
use super::node::{Join, Node, Operand, PathId};

/// For paths that lead where a shorter one does: that one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Aliases(BTreeMap<PathId, PathId>);

impl Aliases {
    /// Those that follow from columns in which a root's row names itself, by their numbers.
    pub(super) fn of(matter: &Matter<'_>, root: PathId, own: &[usize]) -> Self {
        let Matter { plan, environment, .. } = matter;
        let mut aliases = Self::default();
        if own.is_empty() {
            return aliases;
        }
        // A path comes after the one that it goes on from.
        for (path, info) in (0..).zip(&environment.paths) {
            let Link::Column(from, column) = &info.link else { continue };
            let from = aliases.path(*from);
            let number = plan.column_number(matter.path_type(from), column);
            if from == root && number.is_some_and(|number| own.contains(&number)) {
                aliases.0.insert(path, root);
                continue;
            }
            let link = Link::Column(from, column.clone());
            let same = environment.paths.iter().position(|known| known.link == link);
            if let Some(same) = same.filter(|same| *same != usize::from(path)) {
                aliases.0.insert(path, same as PathId);
            }
        }
        aliases
    }

    pub(super) fn path(&self, path: PathId) -> PathId {
        self.0.get(&path).copied().unwrap_or(path)
    }

    pub(super) fn extend(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(PathId) -> bool) {
        self.0.retain(|path, _| keep(*path));
    }

    /// The same question, of the shorter paths.
    pub(super) fn shorten(&self, environment: &Environment, node: &Node) -> Node {
        if self.0.is_empty() {
            return node.clone();
        }
        match node {
            Node::Test(path, test) => Node::Test(self.path(*path), *test),
            Node::Group(path, group) => Node::Group(self.path(*path), *group),
            Node::Join(join) => {
                let operand = |of: &Operand| self.operand(environment, of);
                let operator = join.operator.map(operand);
                Node::Join(Join { expr: join.expr, operator })
            }
            other => other.clone(),
        }
    }

    fn operand(&self, environment: &Environment, operand: &Operand) -> Operand {
        match operand {
            Operand::Root(path) => Operand::Root(self.path(*path)),
            Operand::Column(path, column) => {
                // Where the column itself leads to a row with a shorter path, it is that row.
                let link = Link::Column(*path, column.clone());
                let named = environment.paths.iter().position(|known| known.link == link);
                let named = named.map(|named| named as PathId);
                match named.filter(|named| self.path(*named) != *named) {
                    Some(named) if self.path(named) <= 1 => Operand::Root(self.path(named)),
                    _ => Operand::Column(self.path(*path), column.clone()),
                }
            }
        }
    }
}

impl Plan {
    /// By type: the columns in which rows of it may name themselves, where that matters, by their
    /// numbers.
    pub(super) fn own_columns(
        plan: &[super::TypePlan],
        environments: &[Environment],
    ) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = plan.iter().map(|_| Vec::new()).collect();
        for environment in environments {
            for info in &environment.paths {
                let Link::Column(from, column) = &info.link else { continue };
                let of = environment.paths.get(usize::from(*from)).map(|from| from.type_number);
                let type_number = info.type_number as usize;
                if of != Some(info.type_number) {
                    continue;
                }
                let number = plan.get(type_number).and_then(|plan| plan.column_number(column));
                if let (Some(number), Some(found)) = (number, found.get_mut(type_number))
                    && !found.contains(&number)
                {
                    found.push(number);
                }
            }
        }
        found
    }
}
