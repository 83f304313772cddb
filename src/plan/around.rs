//! What a row leads to, seen with it.
//!
//! A condition on a document's client is one on the document, as long as the client stays as it is.
//! So a class may say, beside what a row is alone, of which classes the rows are that it leads to,
//! and what comes of the joins among them. It says so of types that have few rows, which change
//! rarely (see `facts/around.rs`); others are followed in each check.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Plan;
use super::above::AIM_WORDS;
use super::build::{Answer, Builder, Residual, Sight};
use super::classes::{CLASS_BITS, Layout, class_of};
use super::environment::{Environment, Link};
use super::machine::Matter;
use super::node::{Join, JoinOperator, Node, Operand, PathId};
use super::relation::{Place, Reached, Relation};
use super::scope::{Local, Scope};
use crate::facts::{Around, Kind, Path, Row, Rows, Seen, Slot, UNCLASSED};

/// The number that places have for a row of words that were seen around the principal; the one after
/// it is the resource's.
pub(super) const SEEN_ROW: u8 = u8::MAX - 1;
/// Where the first of these words stands. Before them stands which of the plan's aims the row is in,
/// where that is asked of rows of its type.
const WORDS_START: usize = AIM_WORDS;
/// How many words each has room for.
const WORDS_EACH: usize = 2;

/// What the environments look at around the rows of one type, from a principal or a resource.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// Rows that one may come to, after those that they are come to from. A row's own number is 0,
    /// theirs follow.
    pub(super) trails: Vec<Trail>,
    /// Joins among these rows and the row itself.
    pub(super) joins: Vec<JoinOperator>,
    /// What is compared with values that stand elsewhere.
    carried: Vec<Operand>,
    /// Whether rows of the type are asked what they are in.
    pub(super) is_aimed: bool,
    /// The groups among that, by number.
    groups: BTreeSet<u32>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trail {
    from: PathId,
    column: Path,
    /// The plan's number for the type of the rows there.
    pub(super) type_number: u32,
}

/// What a class says of the rows around.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Surroundings {
    /// The class words at the end of each trail; [`UNCLASSED`] where nothing is known.
    pub(super) classes: Box<[u32]>,
    /// Whether the words of the row there that matter are carried along.
    pub(super) carried: Box<[bool]>,
    /// What comes of each join, where that is known.
    pub(super) joins: Box<[Option<bool>]>,
    /// Which of the plan's groups the row itself is in, of those that are asked for; `None` where that
    /// is not known.
    pub(super) groups: Option<Arc<[u32]>>,
}

/// A row that was come to.
struct Come<'w> {
    slot: Slot,
    row: Row<'w>,
    type_number: u32,
    layout: Option<Layout>,
}

/// The rows that trails came to, by their numbers.
struct Visited<'w>(Vec<Option<Come<'w>>>);

impl<'w> Reached<'w> for Visited<'w> {
    fn row(&mut self, _scope: &Scope<'w>, row: u8) -> Row<'w> {
        self.come(row.into()).map_or(Row::NONE, |come| come.row)
    }

    fn slot(&self, row: u8) -> Slot {
        self.come(row.into()).map_or(0, |come| come.slot)
    }
}

impl<'w> Visited<'w> {
    fn come(&self, at: PathId) -> Option<&Come<'w>> {
        self.0.get(usize::from(at))?.as_ref()
    }

    /// Where a column stands.
    fn column(&self, plan: &Plan, at: PathId, column: &Path) -> Option<(u32, Kind)> {
        let come = self.come(at)?;
        plan.column_in(come.type_number, come.layout.as_ref(), column)
    }

    fn place(&self, plan: &Plan, operand: &Operand) -> Option<(Place, Kind)> {
        let row = u8::try_from(operand.path()).ok()?;
        match operand {
            Operand::Root(at) => self.come(*at).map(|_| (Place { row, offset: 0 }, Kind::Entity)),
            Operand::Column(at, column) => {
                let (offset, kind) = self.column(plan, *at, column)?;
                Some((Place { row, offset: u16::try_from(offset).ok()? }, kind))
            }
        }
    }
}

impl Outlook {
    /// How many trails a type has at most.
    const TRAILS_MAX: usize = 64;

    /// Adds what an environment looks at from its principal or its resource. Returns the numbers
    /// here of its paths.
    fn add(&mut self, environment: &Environment, root: PathId) -> Box<[Option<PathId>]> {
        let Some(machine) = &environment.machine else { return Box::default() };
        let mut numbers: Vec<Option<PathId>> = Vec::new();
        for (path, info) in (0..).zip(&environment.paths) {
            let number = match &info.link {
                _ if path == root => Some(0),
                Link::Column(from, column) => {
                    let from = numbers.get(usize::from(*from)).copied().flatten();
                    from.and_then(|from| self.trail(from, column, info.type_number))
                }
                _ => None,
            };
            numbers.push(number);
        }
        let type_of =
            |path: PathId| environment.paths.get(usize::from(path)).map(|info| info.type_number);
        machine.at_start(|nodes, _| {
            for node in nodes.iter() {
                // Other paths to rows of the type may lead to the row itself.
                if let Node::Group(path, group) = node
                    && type_of(*path) == type_of(root)
                {
                    self.groups.insert(*group);
                    self.is_aimed |= *path == root;
                }
                let Node::Join(join) = node else { continue };
                if let Some(within) = within(&join.operator, &numbers) {
                    if !self.joins.contains(&within) {
                        self.joins.push(within);
                    }
                } else if !matches!(join.operator, JoinOperator::HasTag(..)) {
                    let operands = join.operator.operands();
                    operands
                        .filter_map(|it| renumbered(it, &numbers))
                        .for_each(|it| self.carry(it));
                }
            }
        });
        numbers.into()
    }

    fn trail(&mut self, from: PathId, column: &Path, type_number: u32) -> Option<PathId> {
        let trail = Trail { from, column: Arc::clone(column), type_number };
        let known = self.trails.iter().position(|known| *known == trail);
        let at = known.unwrap_or(self.trails.len());
        if at >= Self::TRAILS_MAX {
            return None;
        }
        if known.is_none() {
            self.carry(Operand::Column(from, Arc::clone(column)));
            self.trails.push(trail);
        }
        Some(at as PathId + 1)
    }

    /// Whether rows are asked whether they are in a group, by its number.
    pub(super) fn asks_group(&self, group: u32) -> bool {
        self.groups.contains(&group)
    }

    /// Which of the groups a row is in.
    fn groups_of(&self, rows: &Rows, slot: Slot) -> Vec<u32> {
        let row = rows.row(slot);
        let is_in =
            |group: &&u32| rows.groups(row, (**group / 64) as usize) >> (**group % 64) & 1 == 1;
        self.groups.iter().filter(is_in).copied().collect()
    }

    /// What stands in the row itself need not be carried.
    fn carry(&mut self, operand: Operand) {
        if operand.path() != 0 && !self.carried.contains(&operand) {
            self.carried.push(operand);
        }
    }

    /// Where a value stands among the words that were seen around a row.
    fn offset(&self, operand: &Operand) -> Option<u16> {
        let at = self.carried.iter().position(|known| known == operand)?;
        u16::try_from(WORDS_START + at * WORDS_EACH).ok()
    }
}

/// An operand by the numbers of its root's trails, if it is one of them.
fn renumbered(operand: &Operand, numbers: &[Option<PathId>]) -> Option<Operand> {
    let number = numbers.get(usize::from(operand.path())).copied().flatten()?;
    Some(operand.at(number))
}

/// A join by the numbers of a root's trails, if it is one among them that only their rows decide.
fn within(operator: &JoinOperator, numbers: &[Option<PathId>]) -> Option<JoinOperator> {
    use JoinOperator::{Contains, ContainsAny, Equal, Less};
    let is_of_rows = matches!(operator, Equal(..) | Less(..) | Contains(..) | ContainsAny(..));
    let is_within = operator.operands().all(|it| renumbered(it, numbers).is_some());
    (is_of_rows && is_within)
        .then(|| operator.map(|it| renumbered(it, numbers).unwrap_or_else(|| it.clone())))
}

impl Plan {
    /// What is looked at around the rows of each type. Tells the environments the numbers of their
    /// paths there.
    pub(super) fn outlooks(types: usize, environments: &mut [Environment]) -> Vec<Outlook> {
        let mut outlooks: Vec<Outlook> = (0..types).map(|_| Outlook::default()).collect();
        for environment in environments {
            environment.numbers = [0, 1].map(|root| {
                let of = environment.paths.get(usize::from(root)).map(|info| info.type_number);
                let outlook = of.and_then(|of| outlooks.get_mut(of as usize));
                outlook.map(|outlook| outlook.add(environment, root)).unwrap_or_default()
            });
        }
        outlooks
    }

    /// What is seen in a row together with the few that it leads to.
    pub(super) fn see(
        &self,
        rows: &Rows,
        nothing: &Local,
        around: &Around,
        slot: Slot,
    ) -> Option<Seen> {
        let number = self.type_number(rows.type_name(slot))?;
        let (outlook, classes) =
            (self.outlooks.get(number as usize)?, self.classes.get(number as usize)?);
        let class = rows.row(slot).class();
        let root = self.come(rows, slot, number)?;
        let mut visited = Visited(vec![Some(root)]);
        let mut carried = Vec::new();
        for trail in &outlook.trails {
            let come = self.follow(rows, around, &visited, trail);
            let is_handful = |come: &Come<'_>| around.is_handful(rows.type_number(come.slot));
            carried.push(come.as_ref().is_some_and(is_handful));
            visited.0.push(come);
        }
        let seen_class =
            |come: &Option<Come<'_>>| come.as_ref().map_or(UNCLASSED, |it| it.row.class());
        let trodden = visited.0.get(1..).unwrap_or_default();
        if !outlook.is_aimed && trodden.iter().all(Option::is_none) {
            return None;
        }
        let classes_seen = trodden.iter().map(seen_class).collect();
        let scope = Scope::of_row(rows, nothing, slot);
        let joins = outlook
            .joins
            .iter()
            .map(|join| {
                let relation = Relation::of(join, |operand| visited.place(self, operand))?;
                relation.holds(&scope, &mut visited)
            })
            .collect::<Box<[Option<bool>]>>();
        let number = |slot: Slot| self.aim_number(rows, around, slot);
        let mut words = self.carried_words(outlook, &mut visited, &carried, (&scope, &number));
        if outlook.is_aimed {
            let within = self.aims_of(rows, around, slot);
            words.iter_mut().zip(within).for_each(|(word, within)| *word = within);
        }
        #[cfg(feature = "coverage")]
        crate::coverage::count_around(
            visited.0.iter().skip(1).map(Option::is_some).zip(carried.iter().copied()),
            joins.iter().copied(),
        );
        // Only these are seen again when what is above them changes.
        let groups = outlook.is_aimed.then(|| outlook.groups_of(rows, slot));
        let groups = groups.and_then(|groups| classes.known_groups(groups));
        let carried = carried.into();
        let surroundings = Surroundings { classes: classes_seen, carried, joins, groups };
        let class = classes.surrounded(class, surroundings)?;
        Some(Seen { class, words: words.into() })
    }

    /// What stands in the rows of which there are a handful, each operand in its place. An entity is
    /// followed by its number among the aims.
    fn carried_words<'w>(
        &self,
        outlook: &Outlook,
        visited: &mut Visited<'w>,
        is_carried: &[bool],
        (scope, number): (&Scope<'w>, &dyn Fn(Slot) -> u32),
    ) -> Vec<u32> {
        let mut words = vec![0; WORDS_START + outlook.carried.len() * WORDS_EACH];
        let homes = words.chunks_exact_mut(WORDS_EACH).skip(WORDS_START / WORDS_EACH);
        for (operand, home) in outlook.carried.iter().zip(homes) {
            let trail = usize::from(operand.path()).checked_sub(1);
            let is_carried = trail.and_then(|trail| is_carried.get(trail)) == Some(&true);
            let place = visited.place(self, operand).filter(|_| is_carried);
            if let (Some((place, kind)), [low, high]) = (place, home)
                && !kind.in_heap()
            {
                *low = visited.word(scope, place);
                if kind == Kind::Entity {
                    *high = number(*low);
                } else if kind.words() == 2 {
                    *high = visited.row(scope, place.row).word(usize::from(place.offset) + 1);
                }
            }
        }
        words
    }

    /// Where a row keeps its columns.
    pub(super) fn layout_of(&self, rows: &Rows, slot: Slot, type_number: u32) -> Option<Layout> {
        self.come(rows, slot, type_number)?.layout
    }

    fn come<'w>(&self, rows: &'w Rows, slot: Slot, type_number: u32) -> Option<Come<'w>> {
        let row = rows.row(slot);
        let layout = self.classes.get(type_number as usize)?.layout(row.class() >> CLASS_BITS);
        (row.class() != UNCLASSED).then_some(Come { slot, row, type_number, layout })
    }

    fn follow<'w>(
        &self,
        rows: &'w Rows,
        around: &Around,
        visited: &Visited<'w>,
        trail: &Trail,
    ) -> Option<Come<'w>> {
        let (offset, kind) = visited.column(self, trail.from, &trail.column)?;
        let slot = visited.come(trail.from)?.row.word(offset as usize);
        let type_number = rows.type_number(slot);
        let is_seen = kind == Kind::Entity
            && around.is_few(type_number)
            && type_number == rows.plan_type(trail.type_number);
        if is_seen { self.come(rows, slot, trail.type_number) } else { None }
    }
}

impl Matter<'_> {
    /// Whether it is seen around rows of a path's type whether they are in a group.
    pub(super) fn asks_group(&self, path: PathId, group: u32) -> bool {
        let outlook = self.plan.outlooks.get(self.path_type(path) as usize);
        outlook.is_some_and(|outlook| outlook.asks_group(group))
    }

    /// Whether it is seen around principal or resource what they are in.
    pub(super) fn is_aimed(&self, root: u8) -> bool {
        let outlook = self.plan.outlooks.get(self.path_type(root.into()) as usize);
        outlook.is_some_and(|outlook| outlook.is_aimed)
    }

    /// Where an operand stands among the words that were seen around principal or resource.
    pub(super) fn seen_place(&self, operand: &Operand) -> Option<Place> {
        let roots = [(0, SEEN_ROW), (1, SEEN_ROW + 1)];
        roots.into_iter().zip(&self.environment.numbers).find_map(|((root, row), numbers)| {
            let operand = renumbered(operand, numbers)?;
            let outlook = self.plan.outlooks.get(self.path_type(root) as usize)?;
            Some(Place { row, offset: outlook.offset(&operand)? })
        })
    }
}

impl Builder {
    /// Takes in what a class says of the rows around a root.
    pub(super) fn take_in(
        &mut self,
        matter: &Matter<'_>,
        residual: &mut Residual,
        root: PathId,
        around: &Surroundings,
    ) -> Option<()> {
        let numbers = matter.environment.numbers.get(usize::from(root))?;
        if let Some(groups) = &around.groups {
            let answer = Answer::Groups(root, Arc::clone(groups));
            self.substitute_all(matter, residual, &answer);
        }
        for (path, number) in (0..).zip(numbers) {
            let at = number.and_then(|number| usize::from(number).checked_sub(1));
            let class = at.and_then(|at| around.classes.get(at).copied());
            let Some((at, class)) = at.zip(class.filter(|class| *class != UNCLASSED)) else {
                continue;
            };
            if residual.known.aliases.path(path) != path {
                continue;
            }
            let sight = match around.carried.get(at) {
                Some(true) => Sight::Carried,
                _ => Sight::Class,
            };
            let answer = self.found(matter, residual, path, class_of(class), sight)?;
            self.substitute_all(matter, residual, &answer);
        }
        let outlook = matter.plan.outlooks.get(matter.path_type(root) as usize)?;
        let mut known: Vec<(Join, bool)> = Vec::new();
        self.each_atom(residual, |atom| {
            if let Node::Join(join) = atom
                && let Some(join_within) = within(&join.operator, numbers)
                && let Some(at) = outlook.joins.iter().position(|known| *known == join_within)
                && let Some(Some(flag)) = around.joins.get(at)
            {
                known.push((join.clone(), *flag));
            }
        });
        for (join, flag) in known {
            self.substitute_all(matter, residual, &Answer::Join(join, flag));
        }
        Some(())
    }
}
