//! Sets that are empty.
//!
//! Most rows keep most of their sets empty: nothing is denied, nobody is invited. That is a matter of
//! the row alone, so its class says it, and what is asked of such a set is answered with the class.

use std::collections::BTreeSet;

use super::Plan;
use super::build::{Known, is_there};
use super::environment::{Environment, TypePlan};
use super::machine::Matter;
use super::node::{JoinOperator, Node, Operand, PathId};
use crate::facts::{Kind, Row};

/// Columns of rows whose paths are known that are empty sets, by the plan's number for the column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Empties(BTreeSet<(PathId, usize)>);

impl Empties {
    pub(super) fn extend(&mut self, path: PathId, columns: &[usize]) {
        self.0.extend(columns.iter().map(|column| (path, *column)));
    }

    /// Forgets those that no join asks about.
    pub(super) fn retain_asked(&mut self, asked: &BTreeSet<(PathId, usize)>) {
        self.0.retain(|empty| asked.contains(empty));
    }
}

/// The operands that have to be sets.
pub(super) fn sets(operator: &JoinOperator) -> impl Iterator<Item = &Operand> {
    let (one, other) = match operator {
        JoinOperator::Contains(set, _) | JoinOperator::InAny(_, set) => (Some(set), None),
        JoinOperator::ContainsAny(one, other) => (Some(one), Some(other)),
        _ => (None, None),
    };
    one.into_iter().chain(other)
}

/// Whether a join asks about an empty set, and the other operand is there.
pub(super) fn is_of_empty_set(matter: &Matter<'_>, known: &Known, operator: &JoinOperator) -> bool {
    sets(operator).any(|set| is_empty(matter, known, set))
        && operator.operands().all(|operand| is_there(matter, known, operand))
}

fn is_empty(matter: &Matter<'_>, known: &Known, set: &Operand) -> bool {
    column_of(matter, known, set).is_some_and(|empty| known.empties.0.contains(&empty))
}

/// The column that an operand is, by the path that its row is known by.
pub(super) fn column_of(
    matter: &Matter<'_>,
    known: &Known,
    operand: &Operand,
) -> Option<(PathId, usize)> {
    let Operand::Column(path, column) = operand else { return None };
    let path = known.aliases.path(*path);
    Some((path, matter.plan.column_number(matter.path_type(path), column)?))
}

/// Whether a row keeps an empty set in this place.
pub(super) fn is_empty_in(row: Row<'_>, (offset, kind): (u32, Kind)) -> bool {
    let members = |texts: bool| row.members(offset as usize, texts);
    kind == Kind::Set && (members(false) == Some(&[]) || members(true) == Some(&[]))
}

impl Plan {
    /// By type: the columns whose sets joins ask about, by their numbers.
    pub(super) fn set_columns(types: &[TypePlan], environments: &[Environment]) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = types.iter().map(|_| Vec::new()).collect();
        let mut add = |environment: &Environment, set: &Operand| {
            let Operand::Column(path, column) = set else { return };
            let Some(info) = environment.paths.get(usize::from(*path)) else { return };
            let of_type = types.get(info.type_number as usize);
            let number = of_type.and_then(|plan| plan.column_number(column));
            if let (Some(number), Some(found)) = (number, found.get_mut(info.type_number as usize))
                && !found.contains(&number)
            {
                found.push(number);
            }
        };
        for environment in environments {
            let Some(machine) = &environment.machine else { continue };
            machine.at_start(|nodes, _| {
                for node in nodes.iter() {
                    if let Node::Join(join) = node {
                        sets(&join.operator).for_each(|set| add(environment, set));
                    }
                }
            });
        }
        found
    }
}
