//! Which rows can come into question at all: read off what every way to a permit demands.
//!
//! A row that a check allows satisfies a permit and no forbid. Written as alternatives ([`Way`]s),
//! each demands things of the row, and of rows that its columns lead to: that one is the row of
//! somebody known (`resource.client == principal.client`), that a set holds him
//! (`resource.invited.contains(principal)`), that two are the same, that a test comes out so. Those
//! tell where to look rows up. Whatever is left out of a way only widens it: every row that is found
//! is checked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::environment::{Environment, Link};
use super::expr::{Expr, ExprId, Var};
use super::machine::Items;
use super::node::{JoinOperator, Node, NodeId, Nodes, Operand, PathId};
use super::{Plan, TypePlan};
use crate::facts::{By, IndexKey, Path, TAGS};

/// How many ways are told apart, and how many alternatives of one condition.
const WAYS_MAX: usize = 160;
const ALTERNATIVES_MAX: usize = 32;

/// The number of a place in a [`Reach`]: the row that is looked for is the first.
pub(crate) type PlaceId = u16;
pub(crate) const SOUGHT: PlaceId = 0;

/// Which end of a request is looked for; the other one is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    Principal,
    Resource,
}

impl Sought {
    const fn path(self) -> PathId {
        match self {
            Self::Principal => 0,
            Self::Resource => 1,
        }
    }
}

/// Where the rows are to be found of which one end of a request can be.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) places: Box<[Place]>,
    pub(crate) knowns: Box<[Known]>,
    pub(crate) sources: Box<[Source]>,
    pub(crate) guards: Box<[Guard]>,
    /// What all ways demand.
    pub(crate) always: Way,
    /// One of these leads to each row that a check allows.
    pub(crate) ways: Box<[Way]>,
}

/// An entity that columns lead to from the row that is looked for, or what else stands in a column.
#[derive(Debug)]
pub(crate) struct Place {
    /// The place whose row has the column.
    from: Option<(PlaceId, Path)>,
    /// The plan's number for the type of its row; none where no row of it is read.
    pub(crate) type_number: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) demands: Box<[Demand]>,
    /// What leads from place to place.
    pub(crate) steps: Box<[Step]>,
    /// It can be gone where all of one of these hold. None of them is part of another.
    pub(crate) guards: Vec<Box<[GuardId]>>,
}

/// A column of a place that leads to another place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) from: PlaceId,
    pub(crate) to: PlaceId,
    pub(crate) column: Path,
    pub(crate) index: usize,
}

/// The number of a [`Guard`] of a [`Reach`].
pub(crate) type GuardId = u16;

/// A test of a row that is known before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guard {
    pub(crate) known: KnownId,
    pub(crate) type_number: u32,
    pub(crate) test: u32,
    pub(crate) want: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Demand {
    /// What stands at a place is one of these.
    Is(PlaceId, SourceId),
    /// A set in a column of a place's row, or its tags' names, found by an index, holds one of these.
    Holds(PlaceId, usize, SourceId),
    /// A test of a place's row comes out so.
    Test(PlaceId, u32, bool),
}

/// The number of a [`Source`] of a [`Reach`].
pub(crate) type SourceId = u16;

/// Values that are known before anything is looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub(crate) known: KnownId,
    /// The column of it that is meant, if not the entity itself.
    pub(crate) column: Option<Path>,
    pub(crate) related: Related,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Related {
    /// What stands there, or each element where it is a set, or each name of tags.
    Same,
    /// It and what it is in.
    Above,
    /// It, or each element, and what is in them: of this type of the plan's.
    Below(u32),
}

/// The number of a [`Known`] of a [`Reach`].
pub(crate) type KnownId = u16;

/// A row that columns lead to from who is known, or from a literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// A literal's number; otherwise the end of the request that is not looked for.
    pub(crate) literal: Option<u32>,
    pub(crate) columns: Vec<Path>,
}

/// A condition that has to come out true, or false.
type Literal = (NodeId, bool);
/// Conditions that have to come out so, all of them.
type Conjunction = BTreeSet<Literal>;

impl Plan {
    /// What rows are looked up by: every column that conditions read, and their parents, which rows of
    /// types between may have, too. Their numbers are those that [`index_number`](Self::index_number)
    /// and [`parent_indexes`](Self::parent_indexes) tell.
    pub(super) fn index_keys(types: &[TypePlan]) -> Vec<IndexKey> {
        let keys = |plan: &TypePlan| {
            let columns = plan.columns.iter().map(|column| By::Column(Path::clone(column)));
            let key = |by| IndexKey { type_name: plan.name.clone(), by };
            [By::Parent].into_iter().chain(columns).map(key).collect::<Vec<_>>()
        };
        let is_read = |name: &Arc<str>| types.iter().any(|plan| plan.name == *name);
        let between: BTreeSet<&Arc<str>> = types.iter().flat_map(|plan| &plan.above).collect();
        let unread = between.into_iter().filter(|name| !is_read(name));
        let parents = unread.map(|name| IndexKey { type_name: name.clone(), by: By::Parent });
        types.iter().flat_map(keys).chain(parents).collect()
    }

    /// The number of what rows of a type are looked up by in a column.
    pub(crate) fn index_number(&self, type_number: u32, column: &Path) -> Option<usize> {
        let before = self.types.get(..type_number as usize)?;
        let start: usize = before.iter().map(|plan| plan.columns.len() + 1).sum();
        // Their parents are the first.
        Some(start + 1 + self.column_number(type_number, column)?)
    }

    /// The same by type.
    pub(super) fn number_parent_indexes(
        types: &[TypePlan],
        keys: &[IndexKey],
    ) -> Box<[Option<Box<[usize]>>]> {
        let by_parent = keys.iter().enumerate().filter(|(_, key)| key.by == By::Parent);
        let numbers: HashMap<&str, usize> =
            by_parent.map(|(number, key)| (&*key.type_name, number)).collect();
        let number = |name: &Arc<str>| numbers.get(&**name).copied();
        let of =
            |plan: &TypePlan| [&plan.name].into_iter().chain(&plan.above).map(number).collect();
        types.iter().map(of).collect()
    }

    /// The numbers by which rows of a type, and of types that may lie between, are looked up by their
    /// parents.
    pub(crate) fn parent_indexes(&self, type_number: u32) -> Option<&[usize]> {
        self.parent_indexes.get(type_number as usize)?.as_deref()
    }

    /// Where to find the rows that one end of a request of an environment can be. `forbids_count`
    /// says whether a forbid that cannot be evaluated refuses. `None` where the plan cannot tell.
    pub(crate) fn reach(
        &self,
        environment: u32,
        sought: Sought,
        forbids_count: bool,
    ) -> Option<&Reach> {
        let environment = self.environments.get(environment as usize)?;
        let cell =
            environment.reaches.get(sought.path() as usize * 2 + usize::from(forbids_count))?;
        cell.get_or_init(|| {
            environment.machine.as_ref().and_then(|machine| {
                machine.at_start(|nodes, items| {
                    Reading {
                        plan: self,
                        environment,
                        nodes,
                        sought,
                        places: Vec::new(),
                        knowns: Vec::new(),
                        sources: Vec::new(),
                        guards: Vec::new(),
                    }
                    .reach(items, forbids_count)
                })
            })
        })
        .as_ref()
    }
}

/// An environment while its ways are read.
struct Reading<'p> {
    plan: &'p Plan,
    environment: &'p Environment,
    nodes: &'p Nodes,
    sought: Sought,
    places: Vec<Place>,
    knowns: Vec<Known>,
    sources: Vec<Source>,
    guards: Vec<Guard>,
}

/// What an operand is.
enum Side {
    /// A place, if it is a value that stands in it or the entity there.
    Sought(PlaceId),
    Known(KnownId, Option<Path>),
    /// The circumstances, or what no columns lead to.
    Neither,
}

impl Reading<'_> {
    /// `None` where there is more than can be numbered.
    fn reach(mut self, items: &Items, forbids_count: bool) -> Option<Reach> {
        let type_number = self.type_of(self.sought.path());
        self.places.push(Place { from: None, type_number });
        let mut always = Conjunction::new();
        let mut choices: Vec<Vec<Conjunction>> = Vec::new();
        let refusing = items.forbids.iter().chain(&items.step_ups).filter(|_| forbids_count);
        for (_, forbid) in refusing {
            let mut alternatives = self.alternatives(*forbid, false);
            match &mut alternatives[..] {
                [only] => always.append(only),
                _ => choices.push(alternatives),
            }
        }
        choices.sort_by_key(Vec::len);
        let mut ways: Vec<Conjunction> = Vec::new();
        for (_, permit) in &items.permits {
            for mut way in self.alternatives(*permit, true) {
                way.extend(always.iter().copied());
                if self.can_be(&way) && !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        for alternatives in &choices {
            ways = self.split(ways, alternatives);
        }
        let mut told: Vec<Way> = Vec::new();
        for way in ways {
            let way = self.way(&way);
            let is_same = |it: &&mut Way| it.demands == way.demands && it.steps == way.steps;
            match told.iter_mut().find(is_same) {
                Some(same) => way.guards.into_iter().for_each(|guards| same.open_by(guards)),
                None => told.push(way),
            }
        }
        let always = self.way(&always);
        let counts = [self.places.len(), self.knowns.len(), self.sources.len(), self.guards.len()];
        let are_numbered = counts.into_iter().all(|count| count <= usize::from(u16::MAX));
        are_numbered.then(|| Reach {
            always,
            ways: told.into(),
            places: self.places.into(),
            knowns: self.knowns.into(),
            sources: self.sources.into(),
            guards: self.guards.into(),
        })
    }

    /// Tells ways apart by which of some alternatives holds, as far as that says more.
    fn split(&self, ways: Vec<Conjunction>, alternatives: &[Conjunction]) -> Vec<Conjunction> {
        let mut split = Vec::new();
        let mut rest = ways.len();
        for way in ways {
            rest -= 1;
            if alternatives.iter().any(|it| it.is_subset(&way)) {
                split.push(way);
                continue;
            }
            let joined = alternatives.iter().map(|it| it.union(&way).copied().collect());
            let possible: Vec<Conjunction> = joined.filter(|it| self.can_be(it)).collect();
            let leads = |it: &Conjunction| it.difference(&way).any(|it| self.leads(*it));
            let is_told = possible.iter().all(leads) || possible.len() < 2;
            if is_told && split.len() + possible.len() + rest <= WAYS_MAX {
                split.extend(possible);
            } else {
                split.push(way);
            }
        }
        split
    }

    /// Whether a condition says where to look, rather than what a row has to be like.
    fn leads(&self, (node, want): Literal) -> bool {
        match self.nodes.get(node) {
            Node::Join(join) => want && join.operator != JoinOperator::Other,
            Node::Test(path, _) | Node::Group(path, _) => self.root_of(*path) != self.sought.path(),
            _ => false,
        }
    }

    /// When a condition comes out so, without failing: one of these has to hold. More may be allowed
    /// for than can be.
    ///
    /// INVARIANT (expression nesting): conditions nest as deep as policies, which bounds this.
    fn alternatives(&self, node: NodeId, want: bool) -> Vec<Conjunction> {
        let all = |parts: &[NodeId], want: bool| {
            parts.iter().fold(vec![Conjunction::new()], |known, part| {
                self.product(known, self.alternatives(*part, want))
            })
        };
        // The first part that settles it, after others that do not.
        let any = |parts: &[NodeId], want: bool| {
            let (mut before, mut found) = (vec![Conjunction::new()], Vec::new());
            for part in parts {
                found.extend(self.product(before.clone(), self.alternatives(*part, want)));
                if let [_] = &before[..]
                    && let [otherwise] = &self.alternatives(*part, !want)[..]
                {
                    before = self.product(before, vec![otherwise.clone()]);
                }
            }
            self.limited(found)
        };
        match self.nodes.get(node) {
            Node::True if want => vec![Conjunction::new()],
            Node::False if !want => vec![Conjunction::new()],
            Node::True | Node::False | Node::Fail => Vec::new(),
            Node::Not(of) => self.alternatives(*of, !want),
            Node::All(parts) if want => all(parts, true),
            Node::All(parts) => any(parts, false),
            Node::Any(parts) if want => any(parts, true),
            Node::Any(parts) => all(parts, false),
            Node::If(test, then, other) => {
                let branch = |came: bool, then: NodeId| {
                    self.product(self.alternatives(*test, came), self.alternatives(then, want))
                };
                let mut found = branch(true, *then);
                found.extend(branch(false, *other));
                self.limited(found)
            }
            Node::Test(..) | Node::Group(..) | Node::Join(_) => {
                vec![Conjunction::from([(node, want)])]
            }
        }
    }

    /// Both of one and one of the other, where that can be. The first alone where it would be too
    /// many.
    fn product(&self, one: Vec<Conjunction>, other: Vec<Conjunction>) -> Vec<Conjunction> {
        if one.len() * other.len() > ALTERNATIVES_MAX {
            return one;
        }
        let pairs = one.iter().flat_map(|one| other.iter().map(move |other| one | other));
        pairs.filter(|it| self.can_be(it)).collect()
    }

    fn limited(&self, found: Vec<Conjunction>) -> Vec<Conjunction> {
        if found.len() > ALTERNATIVES_MAX { vec![Conjunction::new()] } else { found }
    }

    /// Whether these do not contradict each other, nor what has to be there for them to be asked.
    fn can_be(&self, all: &Conjunction) -> bool {
        let mut absent = all.iter().filter(|(_, want)| !want).peekable();
        if absent.peek().is_none() {
            return true;
        }
        let present = self.present(all);
        !absent.any(|(node, _)| all.contains(&(*node, true)) || present.contains(node))
    }

    /// The tests for attributes that have to be there, since what they lead to is asked about.
    fn present(&self, all: &Conjunction) -> BTreeSet<NodeId> {
        let mut columns = BTreeSet::new();
        for (node, _) in all {
            match self.nodes.get(*node) {
                Node::Test(path, _) | Node::Group(path, _) => self.on_the_way(*path, &mut columns),
                Node::Join(join) => join.operator.operands().for_each(|operand| match operand {
                    Operand::Root(path) => self.on_the_way(*path, &mut columns),
                    Operand::Column(path, column) => {
                        self.on_the_way(*path, &mut columns);
                        columns.insert((*path, Path::clone(column)));
                    }
                }),
                _ => {}
            }
        }
        let has = |path: PathId, column: &Path| {
            let name = column.first()?;
            let tests = &self.plan.types.get(self.type_of(path) as usize)?.tests;
            let test = tests.iter().position(|test| match self.plan.arena.get(*test) {
                Expr::Has(of, known) => {
                    known == name && matches!(self.plan.arena.get(*of), Expr::Var(Var::Own))
                }
                _ => false,
            })?;
            self.nodes.known(&Node::Test(path, test as u32))
        };
        columns.iter().filter_map(|(path, column)| has(*path, column)).collect()
    }

    /// The columns that lead to a path.
    fn on_the_way(&self, path: PathId, columns: &mut BTreeSet<(PathId, Path)>) {
        let mut at = path;
        while let Some(Link::Column(from, column)) = self.link(at) {
            columns.insert((*from, Path::clone(column)));
            at = *from;
        }
    }

    fn link(&self, path: PathId) -> Option<&Link> {
        self.environment.paths.get(path as usize).map(|info| &info.link)
    }

    fn type_of(&self, path: PathId) -> u32 {
        self.environment.paths.get(path as usize).map_or(u32::MAX, |info| info.type_number)
    }

    fn root_of(&self, path: PathId) -> PathId {
        let mut at = path;
        while let Some(Link::Column(from, _)) = self.link(at) {
            at = *from;
        }
        at
    }

    fn side(&mut self, operand: &Operand) -> Side {
        let (path, column) = match operand {
            Operand::Root(path) => (*path, None),
            Operand::Column(path, column) => (*path, Some(column)),
        };
        let root = self.root_of(path);
        if root == self.sought.path() {
            let place = self.place(path);
            return Side::Sought(match column {
                None => place,
                Some(column) => self.step(place, column, u32::MAX),
            });
        }
        match self.known(path) {
            Some(known) => Side::Known(known, column.cloned()),
            None => Side::Neither,
        }
    }

    fn known(&mut self, path: PathId) -> Option<KnownId> {
        let (mut at, mut columns) = (path, Vec::new());
        while let Some(Link::Column(from, column)) = self.link(at) {
            columns.push(Path::clone(column));
            at = *from;
        }
        columns.reverse();
        let literal = match self.link(at)? {
            Link::Literal(literal) => Some(*literal),
            Link::Principal | Link::Resource => None,
            Link::Context | Link::Column(..) => return None,
        };
        Some(number_of(&mut self.knowns, Known { literal, columns }))
    }

    fn place(&mut self, path: PathId) -> PlaceId {
        match self.link(path).cloned() {
            Some(Link::Column(from, column)) => {
                let from = self.place(from);
                self.step(from, &column, self.type_of(path))
            }
            _ => SOUGHT,
        }
    }

    fn step(&mut self, from: PlaceId, column: &Path, type_number: u32) -> PlaceId {
        let is = |place: &Place| {
            place.from.as_ref().is_some_and(|(known, of)| *known == from && of == column)
        };
        if let Some(at) = self.places.iter().position(is) {
            if let Some(place) = self.places.get_mut(at)
                && place.type_number == u32::MAX
            {
                place.type_number = type_number;
            }
            return at as PlaceId;
        }
        self.places.push(Place { from: Some((from, Path::clone(column))), type_number });
        (self.places.len() - 1) as PlaceId
    }

    /// What some conditions demand.
    fn way(&mut self, all: &Conjunction) -> Way {
        let (mut demands, mut guards, mut same) = (Vec::new(), Vec::new(), Vec::new());
        for (node, want) in all {
            match self.nodes.get(*node) {
                Node::Test(path, test) => {
                    if self.root_of(*path) == self.sought.path() {
                        demands.push(Demand::Test(self.place(*path), *test, *want));
                    } else if let Some(known) = self.known(*path) {
                        let type_number = self.type_of(*path);
                        let guard = Guard { known, type_number, test: *test, want: *want };
                        guards.push(number_of(&mut self.guards, guard));
                    }
                }
                Node::Group(path, group) if *want && self.root_of(*path) == self.sought.path() => {
                    let literal = self.plan.groups.get(*group as usize).copied();
                    if literal.is_some() {
                        let known = Known { literal, columns: Vec::new() };
                        let known = number_of(&mut self.knowns, known);
                        let related = Related::Below(self.type_of(*path));
                        let source = Source { known, column: None, related };
                        let source = number_of(&mut self.sources, source);
                        demands.push(Demand::Is(self.place(*path), source));
                    }
                }
                Node::Join(join) if *want => self.join(&join.operator, &mut demands, &mut same),
                _ => {}
            }
        }
        let canonical = self.canonical(&same);
        for place in 0..self.places.len() {
            let of = canonical.get(place).map_or(place, |of| *of as usize);
            let known = self.places.get(place).map_or(u32::MAX, |it| it.type_number);
            if let Some(stands_in) = self.places.get_mut(of)
                && stands_in.type_number == u32::MAX
            {
                stands_in.type_number = known;
            }
        }
        let of = |place: PlaceId| canonical.get(place as usize).copied().unwrap_or(place);
        for demand in &mut demands {
            match demand {
                Demand::Is(place, _) | Demand::Holds(place, ..) | Demand::Test(place, ..) => {
                    *place = of(*place);
                }
            }
        }
        let step = |(place, to): (&Place, PlaceId)| {
            let (from, column) = place.from.as_ref()?;
            let index = self.plan.index_number(self.type_at(*from)?, column)?;
            Some(Step { from: of(*from), to: of(to), column: Path::clone(column), index })
        };
        let mut steps: Vec<Step> = self.places.iter().zip(0..).filter_map(step).collect();
        steps.retain(|step| step.from != step.to);
        steps.sort_unstable();
        steps.dedup();
        // What leads to nothing that is demanded is no help.
        loop {
            let before = steps.len();
            let leads: Vec<bool> = steps
                .iter()
                .map(|step| {
                    steps.iter().any(|next| next.from == step.to && next != step)
                        || demands.iter().any(|demand| match demand {
                            Demand::Is(at, _) | Demand::Holds(at, ..) | Demand::Test(at, ..) => {
                                *at == step.to
                            }
                        })
                })
                .collect();
            let mut leads = leads.into_iter();
            steps.retain(|_| leads.next().unwrap_or_default());
            if steps.len() == before {
                break;
            }
        }
        demands.dedup();
        guards.sort_unstable();
        guards.dedup();
        Way { demands: demands.into(), steps: steps.into(), guards: vec![guards.into()] }
    }

    fn type_at(&self, place: PlaceId) -> Option<u32> {
        type_at(&self.places, place)
    }

    fn join(
        &mut self,
        operator: &JoinOperator,
        demands: &mut Vec<Demand>,
        same: &mut Vec<(PlaceId, PlaceId)>,
    ) {
        let mut operands = operator.operands();
        let (Some(one), Some(other)) = (operands.next(), operands.next()) else { return };
        let (left, right) = (self.side(one), self.side(other));
        let sources = &mut self.sources;
        let mut source =
            |known, column, related| number_of(sources, Source { known, column, related });
        match (operator, left, right) {
            (JoinOperator::Equal(..), Side::Sought(one), Side::Sought(other)) => {
                same.push((one, other));
            }
            (JoinOperator::Equal(..), Side::Known(known, column), Side::Sought(place))
            | (JoinOperator::Equal(..), Side::Sought(place), Side::Known(known, column))
            | (JoinOperator::Contains(..), Side::Known(known, column), Side::Sought(place)) => {
                demands.push(Demand::Is(place, source(known, column, Related::Same)));
            }
            (JoinOperator::In(..), Side::Known(known, column), Side::Sought(place)) => {
                demands.push(Demand::Is(place, source(known, column, Related::Above)));
            }
            (
                JoinOperator::In(..) | JoinOperator::InAny(..),
                Side::Sought(place),
                Side::Known(known, column),
            ) => {
                if let Some(of) = type_at(&self.places, place) {
                    demands.push(Demand::Is(place, source(known, column, Related::Below(of))));
                }
            }
            (JoinOperator::InAny(..), Side::Known(known, column), Side::Sought(set)) => {
                let source = source(known, column, Related::Above);
                self.holds(set, source, demands);
            }
            (JoinOperator::Contains(..), Side::Sought(set), Side::Known(known, column))
            | (JoinOperator::ContainsAny(..), Side::Sought(set), Side::Known(known, column))
            | (JoinOperator::ContainsAny(..), Side::Known(known, column), Side::Sought(set)) => {
                let source = source(known, column, Related::Same);
                self.holds(set, source, demands);
            }
            (JoinOperator::HasTag(..), Side::Known(known, None), Side::Sought(place)) => {
                let names = source(known, Some(TAGS.into()), Related::Same);
                demands.push(Demand::Is(place, names));
            }
            (JoinOperator::HasTag(..), Side::Sought(place), Side::Known(known, column)) => {
                let source = source(known, column, Related::Same);
                let tags = self.step(place, &TAGS.into(), u32::MAX);
                self.holds(tags, source, demands);
            }
            _ => {}
        }
    }

    fn holds(&self, set: PlaceId, source: SourceId, demands: &mut Vec<Demand>) {
        let Some((from, column)) = self.places.get(set as usize).and_then(|it| it.from.as_ref())
        else {
            return;
        };
        let index = self.type_at(*from).and_then(|it| self.plan.index_number(it, column));
        if let Some(index) = index {
            demands.push(Demand::Holds(*from, index, source));
        }
    }

    /// Each place's stand-in where some are the same: the first that is. The same columns of the same
    /// row lead to the same.
    fn canonical(&self, same: &[(PlaceId, PlaceId)]) -> Vec<PlaceId> {
        let mut canonical: Vec<PlaceId> = (0..self.places.len() as PlaceId).collect();
        let unite = |canonical: &mut Vec<PlaceId>, one: PlaceId, other: PlaceId| {
            let of = |place: PlaceId| canonical.get(place as usize).copied().unwrap_or(place);
            let (one, other) = (of(one), of(other));
            let (first, last) = (one.min(other), one.max(other));
            canonical.iter_mut().filter(|it| **it == last).for_each(|it| *it = first);
            first != last
        };
        for (one, other) in same {
            unite(&mut canonical, *one, *other);
        }
        loop {
            let mut changed = false;
            for (one, at) in self.places.iter().zip(0..) {
                for (other, beside) in self.places.iter().zip(0..at) {
                    if let (Some((from, column)), Some((of, name))) = (&one.from, &other.from)
                        && column == name
                        && canonical.get(*from as usize) == canonical.get(*of as usize)
                    {
                        changed |= unite(&mut canonical, at, beside);
                    }
                }
            }
            if !changed {
                return canonical;
            }
        }
    }
}

/// The number of one of these, which it is added to where it is new.
fn number_of<T: PartialEq>(all: &mut Vec<T>, one: T) -> u16 {
    let number = all.iter().position(|it| *it == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    });
    number as u16
}

impl Way {
    /// Opens it where all of these hold, too.
    fn open_by(&mut self, guards: Box<[GuardId]>) {
        let is_part = |one: &[GuardId], of: &[GuardId]| one.iter().all(|it| of.contains(it));
        if !self.guards.iter().any(|it| is_part(it, &guards)) {
            self.guards.retain(|it| !is_part(&guards, it));
            self.guards.push(guards);
        }
    }
}

impl Reach {
    /// The plan's number for the type of a place's row.
    pub(crate) fn type_at(&self, place: PlaceId) -> Option<u32> {
        type_at(&self.places, place)
    }
}

fn type_at(places: &[Place], place: PlaceId) -> Option<u32> {
    places.get(place as usize).map(|place| place.type_number).filter(|it| *it != u32::MAX)
}

impl Plan {
    /// A test of the rows of a type, by its number.
    pub(crate) fn test(&self, type_number: u32, test: u32) -> Option<ExprId> {
        self.types.get(type_number as usize)?.tests.get(test as usize).copied()
    }
}
