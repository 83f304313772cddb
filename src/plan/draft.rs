//! Writing a state's program.

use std::collections::BTreeMap;

use super::around::SEEN_ROW;
use super::build::{
    Builder, Residual, Sight, column_place, has_column, lacks, leads_on, relation, room, settled,
    sight_of,
};
use super::classes::{CLASS_BITS, NOT_THERE};
use super::empty;
use super::environment::Link;
use super::machine::Matter;
use super::node::{Node, PathId};
use super::program::{AskedOfRow, Drafting, Program};
use super::relation::Place;
use super::scope::Scope;
use crate::facts::{Kind, Slot, UNCLASSED};

/// A program's number for the row of the context.
const CONTEXT_ROW: u8 = 2;

impl Builder {
    /// A program for a state, over rows like those that this request comes to.
    pub(super) fn program(&self, matter: &Matter<'_>, at: u32) -> Result<Program, Obstacle> {
        let residual = self.residual(at).ok_or(Obstacle::Here)?;
        let mut atoms: Vec<Node> = Vec::new();
        self.each_atom(residual, |atom| {
            let is_known = |known: &Node| match (known, atom) {
                (Node::Join(known), Node::Join(join)) => known.is_like(join),
                _ => false,
            };
            if !atoms.iter().any(is_known) {
                atoms.push(atom.clone());
            }
        });
        let mut writer = Writer::new(matter, Residual::clone(residual), &atoms);
        atoms.iter().try_for_each(|atom| writer.write(atom))?;
        writer.drafting.finish().ok_or(Obstacle::Always)
    }
}

/// What keeps a program from being written.
pub(super) enum Obstacle {
    /// The rows that this request comes to: others may do.
    Here,
    /// The conditions that are left.
    Always,
}

/// A program in the making, over the rows that one request comes to.
struct Writer<'b> {
    matter: &'b Matter<'b>,
    /// With the rows that it has come to.
    residual: Residual,
    drafting: Drafting,
    /// The program's number for each path's row, and the row's slot.
    rows: BTreeMap<PathId, (u8, Slot)>,
    /// What of each path's row matters.
    asked: BTreeMap<PathId, AskedOfRow>,
}

impl<'b> Writer<'b> {
    fn new(matter: &'b Matter<'b>, residual: Residual, atoms: &[Node]) -> Self {
        let mut asked: BTreeMap<PathId, AskedOfRow> = BTreeMap::new();
        for atom in atoms {
            match atom {
                Node::Test(path, test) => asked.entry(*path).or_default().tests.push(*test),
                Node::Join(join) => {
                    for set in empty::sets(&join.operator) {
                        if let Some((path, set)) = empty::column_of(matter, &residual.known, set) {
                            asked.entry(path).or_default().sets.push(set);
                        }
                    }
                }
                _ => {}
            }
        }
        let Scope { principal, resource, .. } = matter.scope;
        let none = Slot::MAX;
        let seen = PathId::from(SEEN_ROW);
        let rows = [
            (0, (0, principal)),
            (1, (1, resource)),
            (2, (CONTEXT_ROW, none)),
            (seen, (3, none)),
            (seen + 1, (4, none)),
        ];
        Self { matter, residual, drafting: Drafting::new(), rows: BTreeMap::from(rows), asked }
    }

    fn write(&mut self, atom: &Node) -> Result<(), Obstacle> {
        match atom {
            Node::Test(path, _) => self.row(*path).map(|_| ()),
            Node::Group(path, bit) => {
                if let Some((row, _)) = self.row(*path)? {
                    self.drafting.group(row, *bit);
                }
                Ok(())
            }
            Node::Join(join) => {
                for operand in join.operator.operands() {
                    let known = &self.residual.known;
                    if known.sight(operand.path()) < Some(sight_of(self.matter, known, operand)) {
                        self.row(operand.path())?;
                    }
                }
                let known = &self.residual.known;
                // The same for all rows like these.
                if join.operator.operands().any(|operand| lacks(self.matter, known, operand))
                    || settled(self.matter, known, &join.operator).is_some()
                {
                    return Ok(());
                }
                let rows = &self.rows;
                let number = |path: u8| rows.get(&PathId::from(path)).map(|(row, _)| *row);
                // What only the evaluator answers is left to the machine, should it come to that.
                let relation = relation(self.matter, &self.residual, join);
                if let Some(relation) = relation {
                    let relation = relation.renumbered(number).ok_or(Obstacle::Always)?;
                    self.drafting.relation(relation);
                }
                Ok(())
            }
            _ => Err(Obstacle::Always),
        }
    }

    /// The program's number for a path's row, and its slot here; `None` where rows like these lead
    /// to none.
    ///
    /// INVARIANT (expression nesting): `policy::limits` bounds how long paths are, and with it this
    /// recursion.
    fn row(&mut self, path: PathId) -> Result<Option<(u8, Slot)>, Obstacle> {
        let path = self.residual.known.aliases.path(path);
        if let Some(known) = self.rows.get(&path) {
            return Ok(Some(*known));
        }
        let Matter { plan, scope, .. } = self.matter;
        let (from, slot) = match self.matter.link(path) {
            Some(Link::Column(above, column)) => {
                let above = self.residual.known.aliases.path(*above);
                // What is carried along leads on without the row.
                let known = &self.residual.known;
                let above_row = match known.sight(above) {
                    Some(Sight::Carried)
                        if leads_on(self.matter, known, above, column) == Sight::Carried =>
                    {
                        None
                    }
                    _ => match self.row(above)? {
                        Some(row) => Some(row),
                        None => return Ok(None),
                    },
                };
                if has_column(self.matter, &self.residual.known, above, column) == Some(false) {
                    return Ok(None);
                }
                let place = column_place(self.matter, &self.residual, above, column);
                let Some((place, Kind::Entity)) = place else { return Err(Obstacle::Here) };
                match above_row {
                    Some((row, slot)) => {
                        // The context is nobody's row.
                        let above = if row == CONTEXT_ROW {
                            scope.local.context.row()
                        } else {
                            scope.row(slot)
                        };
                        (Ok(Place { row, ..place }), above.word(place.offset as usize))
                    }
                    None => {
                        let (row, _) = self.rows.get(&place.row.into()).ok_or(Obstacle::Always)?;
                        let seen = self.matter.seen_row(place.row);
                        (Ok(Place { row: *row, ..place }), seen.word(place.offset as usize))
                    }
                }
            }
            Some(Link::Literal(literal)) => {
                let slot = scope.rows.literals().get(*literal as usize);
                (Err(*literal), *slot.ok_or(Obstacle::Always)?)
            }
            _ => return Err(Obstacle::Always),
        };
        let (type_number, layout) =
            (self.matter.path_type(path), scope.row(slot).class() >> CLASS_BITS);
        let classes = plan.classes.get(type_number as usize).ok_or(Obstacle::Always)?;
        let columns = classes.layout(layout);
        if scope.row(slot).class() == UNCLASSED || (columns.is_none() && layout != NOT_THERE) {
            return Err(Obstacle::Here);
        }
        let asked = self.asked.remove(&path).unwrap_or_default();
        let row = self
            .drafting
            .go(from, (type_number, layout), asked, room(classes))
            .ok_or(Obstacle::Always)?;
        self.residual.known.insert(path, Sight::Row, columns);
        self.rows.insert(path, (row, slot));
        Ok(Some((row, slot)))
    }
}
