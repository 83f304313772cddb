//! Policies specialised to what was answered so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Plan;
use super::alias::Aliases;
use super::around::SEEN_ROW;
use super::classes::{Class, Layout, TypeClasses};
use super::empty::{self, Empties, is_of_empty_set};
use super::environment::Link;
use super::lead::{Next, Verdict};
use super::machine::{Ask, Items, Matter, STATES_MAX, State};
use super::node::{FAIL, FALSE, Join, JoinOperator, Node, NodeId, Nodes, Operand, PathId, TRUE};
use super::relation::{Place, Relation};
use crate::facts::{ABSENT, Kind, TAGS};

const FIRST: u32 = 1;
/// How many joins are asked before the resource is known.
const EARLY_MAX: u8 = 4;
/// The rows that every request has, in the order in which they are asked about: the one that differs
/// most from request to request is the last.
const ROOTS: [(PathId, Ask); 3] = [(0, Ask::Principal), (2, Ask::Context), (1, Ask::Resource)];

/// What is left of the policies of one environment in each state.
pub(crate) struct Builder {
    pub(super) nodes: Nodes,
    all: Items,
    residuals: Vec<Arc<Residual>>,
    states: HashMap<Arc<Residual>, u32>,
}

/// What is left to decide, and what is known that it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Residual {
    pub(super) items: Items,
    /// The rows that were found: where they keep their columns, or that they are not there.
    pub(super) known: Known,
    /// How many of the rows that every request has were asked about.
    roots: u8,
    /// How many joins were asked before the last of them.
    early: u8,
    /// The groups that were asked for together, where the answer was yes.
    probed: BTreeSet<(PathId, u32)>,
}

/// How much is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Sight {
    /// Its class: another's said it.
    Class,
    /// What stands in its columns, too, but for what is in heaps.
    Carried,
    /// It was come to.
    Row,
}

/// Rows by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Known {
    /// How they are seen, and where they keep their columns; `None` for those that are not there.
    rows: BTreeMap<PathId, (Sight, Option<Layout>)>,
    /// What leads to rows that shorter paths lead to. Rows are known by the shorter ones alone.
    pub(super) aliases: Aliases,
    /// Their columns that are empty sets.
    pub(super) empties: Empties,
}

impl Known {
    fn has(&self, path: PathId) -> bool {
        self.sight(path).is_some()
    }

    pub(super) fn sight(&self, path: PathId) -> Option<Sight> {
        self.rows.get(&self.aliases.path(path)).map(|(sight, _)| *sight)
    }

    pub(super) fn insert(&mut self, path: PathId, sight: Sight, layout: Option<Layout>) {
        self.rows.insert(path, (sight, layout));
    }

    /// Where a row that is known keeps its columns; `None` within for one that is not there.
    fn layout(&self, path: PathId) -> Option<&Option<Layout>> {
        self.rows.get(&self.aliases.path(path)).map(|(_, layout)| layout)
    }

    /// The path that a path goes on from.
    fn parent(&self, matter: &Matter<'_>, path: PathId) -> Option<PathId> {
        matter.parent(path).map(|parent| self.aliases.path(parent))
    }
}

/// What was answered.
pub(super) enum Answer {
    /// The row of a path was found, and its tests come to these; what else leads to it.
    Class(PathId, Arc<[NodeId]>, Aliases),
    /// Only where a path's row keeps its columns is known.
    Layout,
    /// The row is in none of these groups.
    NoGroup(PathId, u32, u64),
    /// The row is in this group.
    Group(PathId, u32),
    /// The row is in these groups, and in no others that are asked for.
    Groups(PathId, Arc<[u32]>),
    Join(Join, bool),
    /// Some of the groups, one does not know which.
    Some,
}

/// Where something leads, and the state there if it is new.
pub(super) type Made = (Next, Option<State>);

enum Step {
    Ask(NodeId),
    Done(Verdict),
    GiveUp,
}

impl Builder {
    pub(crate) fn new(nodes: Nodes, all: Items) -> Self {
        Self { nodes, all, residuals: Vec::new(), states: HashMap::new() }
    }

    /// The conditions, and those of all policies before anything is asked.
    pub(crate) fn all(&self) -> (&Nodes, &Items) {
        (&self.nodes, &self.all)
    }

    /// Where all requests start.
    pub(crate) fn start(&mut self, matter: &Matter<'_>) -> Option<Made> {
        let residual = Residual {
            items: self.all.clone(),
            known: Known::default(),
            roots: 0,
            early: 0,
            probed: BTreeSet::new(),
        };
        self.state(matter, residual)
    }

    /// Where an answer leads, and the state there if it is new.
    pub(crate) fn expand(
        &mut self,
        matter: &Matter<'_>,
        from: u32,
        ask: &Ask,
        answer: u32,
    ) -> Option<Made> {
        let mut residual = Residual::clone(self.residuals.get(from.checked_sub(FIRST)? as usize)?);
        let answer = match *ask {
            Ask::Principal | Ask::Context | Ask::Resource => {
                let path = ROOTS.get(residual.roots as usize)?.0;
                residual.roots += 1;
                residual.early = 0;
                let found = self.found(matter, &mut residual, path, answer, Sight::Row)?;
                self.substitute_all(matter, &mut residual, &found);
                if let Some(around) = self.class(matter, path, answer).and_then(|it| it.around) {
                    self.take_in(matter, &mut residual, path, &around)?;
                }
                return self.state(matter, residual);
            }
            Ask::Literal { path, by_layout: false, .. }
            | Ask::Follow { path, by_layout: false, .. } => {
                self.found(matter, &mut residual, PathId::from(path), answer, Sight::Row)?
            }
            Ask::Literal { path, .. } | Ask::Follow { path, .. } => {
                let classes = matter.plan.classes.get(matter.path_type(path.into()) as usize)?;
                residual.known.insert(path.into(), Sight::Row, classes.layout(answer));
                Answer::Layout
            }
            Ask::AnyGroup { path, word, mask } => {
                let path = PathId::from(path);
                let base = u32::from(word) * 64;
                if answer == 0 {
                    Answer::NoGroup(path, base, mask)
                } else if mask.is_power_of_two() {
                    Answer::Group(path, base + mask.trailing_zeros())
                } else {
                    residual.probed.insert((path, base));
                    Answer::Some
                }
            }
            _ => {
                let join = self.asked(matter, &residual)?;
                residual.early += u8::from(usize::from(residual.roots) < ROOTS.len());
                Answer::Join(join, answer == 1)
            }
        };
        self.substitute_all(matter, &mut residual, &answer);
        self.state(matter, residual)
    }

    /// What is left in a state.
    pub(super) fn residual(&self, at: u32) -> Option<&Residual> {
        self.residuals.get(at.checked_sub(FIRST)? as usize).map(|residual| &**residual)
    }

    /// A state with room for more classes, in the place of one.
    pub(crate) fn widen(&mut self, matter: &Matter<'_>, from: u32) -> Option<Made> {
        let residual = Arc::clone(self.residuals.get(from.checked_sub(FIRST)? as usize)?);
        let wider = *self.states.get(&residual)?;
        if wider != from {
            return Some((Next::of_state(wider), None));
        }
        let Step::Ask(node) = self.step(matter.plan, &residual) else { return None };
        self.make(matter, residual, node)
    }

    fn class(&self, matter: &Matter<'_>, path: PathId, class: u32) -> Option<Class> {
        matter.plan.classes.get(matter.path_type(path) as usize)?.class(class)
    }

    /// Takes in where a row keeps its columns.
    pub(super) fn found(
        &self,
        matter: &Matter<'_>,
        residual: &mut Residual,
        path: PathId,
        class: u32,
        sight: Sight,
    ) -> Option<Answer> {
        if class == ABSENT {
            residual.known.insert(path, sight, None);
            let nobody = matter.plan.nobody(matter.scope.rows, matter.path_type(path))?;
            return Some(Answer::Class(path, nobody, Aliases::default()));
        }
        let class = self.class(matter, path, class)?;
        residual.known.insert(path, sight, class.layout.clone());
        residual.known.empties.extend(path, &class.empty);
        let mut aliases = Aliases::default();
        // Rows beyond a root are known after it, and only its own row says that it names itself.
        if ROOTS.iter().any(|(root, _)| *root == path) {
            aliases = Aliases::of(matter, path, &class.own);
            residual.known.aliases.extend(&aliases);
        }
        Some(Answer::Class(path, class.outcomes, aliases))
    }

    /// The join that a state asks: the one that it chose when it was made.
    fn asked(&self, matter: &Matter<'_>, residual: &Residual) -> Option<Join> {
        if let Some((join, _)) = self.early(matter, residual) {
            return Some(join);
        }
        let Step::Ask(node) = self.step(matter.plan, residual) else { return None };
        match self.nodes.get(self.atom(node)) {
            Node::Join(join) => Some(join.clone()),
            _ => None,
        }
    }

    fn state(&mut self, matter: &Matter<'_>, mut residual: Residual) -> Option<Made> {
        residual.items.normalise();
        let node = match self.step(matter.plan, &residual) {
            Step::Ask(node) => node,
            Step::Done(verdict) => return Some((Next::of_verdict(verdict), None)),
            Step::GiveUp => return Some((Next::GIVE_UP, None)),
        };
        self.prune(matter, &mut residual);
        if let Some(known) = self.states.get(&residual) {
            return Some((Next::of_state(*known), None));
        }
        self.make(matter, Arc::new(residual), node)
    }

    fn make(&mut self, matter: &Matter<'_>, residual: Arc<Residual>, node: NodeId) -> Option<Made> {
        let number = FIRST + self.residuals.len() as u32;
        let Some(state) = self.question(matter, &residual, node) else {
            return Some((Next::GIVE_UP, None));
        };
        if number >= STATES_MAX || !matter.plan.has_room() {
            return None;
        }
        let state = state.with_effect(residual.items.effect());
        self.states.insert(Arc::clone(&residual), number);
        self.residuals.push(residual);
        Some((Next::of_state(number), Some(state)))
    }

    /// What has to be known next, or what came of it. The order is that of reasons, so that the
    /// first that is satisfied is the one to report; see `decide::verdict`.
    fn step(&self, plan: &Plan, residual: &Residual) -> Step {
        let Items { forbids, step_ups, permits, reasons } = &residual.items;
        match forbids.first() {
            Some((rule, TRUE)) => return self.refused(plan, residual, *rule),
            Some((_, FAIL)) => return Step::GiveUp,
            Some((_, node)) => return Step::Ask(*node),
            None => {}
        }
        match permits.first() {
            Some((permit, TRUE)) => {
                if let Some(step) = unsettled(step_ups.iter()) {
                    return step;
                }
                let first = step_ups.first();
                return Step::Done(
                    first.map_or(Verdict::allow(*permit), |(rule, _)| Verdict::step_up(*rule)),
                );
            }
            Some((_, FAIL)) => return Step::GiveUp,
            Some((_, node)) => return Step::Ask(*node),
            None => {}
        }
        let reason = match reasons.first() {
            Some((rule, TRUE)) => Some(*rule),
            Some((_, FAIL)) => return Step::GiveUp,
            Some((_, node)) => return Step::Ask(*node),
            None => None,
        };
        let before = |rule: &u32| reason.is_none_or(|reason| plan.step(*rule) < plan.step(reason));
        if let Some(step) = unsettled(step_ups.iter().filter(|(rule, _)| before(rule))) {
            return step;
        }
        Step::Done(reason.map_or(Verdict::NO_PERMIT, Verdict::deny))
    }

    /// A forbid is satisfied: whether anything is to be reported before it.
    fn refused(&self, plan: &Plan, residual: &Residual, forbid: u32) -> Step {
        let Items { step_ups, permits, reasons, .. } = &residual.items;
        let earlier = step_ups.iter().filter(|(rule, _)| plan.step(*rule) < plan.step(forbid));
        if let Some(step) = unsettled(earlier) {
            return step;
        }
        let first = reasons.first().filter(|(rule, _)| plan.place(*rule) < plan.place(forbid));
        let may_fail = permits.iter().any(|(rule, _)| plan.step(*rule) < plan.step(forbid));
        if first.is_none() && !may_fail {
            return Step::Done(Verdict::deny(forbid));
        }
        if permits.iter().any(|(_, node)| *node == TRUE) {
            return Step::Done(Verdict::deny(forbid));
        }
        match permits.first() {
            Some((_, FAIL)) => return Step::GiveUp,
            Some((_, node)) => return Step::Ask(*node),
            None => {}
        }
        match first {
            None => Step::Done(Verdict::deny(forbid)),
            Some((reason, TRUE)) => Step::Done(Verdict::deny(*reason)),
            Some((_, FAIL)) => Step::GiveUp,
            Some((_, node)) => Step::Ask(*node),
        }
    }

    /// The first part of a condition that is not known.
    fn atom(&self, mut node: NodeId) -> NodeId {
        loop {
            node = match self.nodes.get(node) {
                Node::Not(of) => *of,
                Node::All(parts) | Node::Any(parts) => match parts.first() {
                    Some(first) => *first,
                    None => return node,
                },
                Node::If(test, ..) => *test,
                _ => return node,
            };
        }
    }

    /// The state that asks what is needed to know more of a condition, if a machine can.
    fn question(&self, matter: &Matter<'_>, residual: &Residual, node: NodeId) -> Option<State> {
        if let Some((join, relation)) = self.early(matter, residual) {
            return Some(State::new(Ask::Relation(relation, join.expr), 2).early());
        }
        if let Some((path, ask)) = ROOTS.get(residual.roots as usize) {
            return Some(State::new(*ask, self.answers(matter, *path, false)));
        }
        let mentioned = self.mentioned(matter, residual);
        let atom = self.atom(node);
        let needed: Vec<(PathId, Sight)> = match self.nodes.get(atom) {
            Node::Test(path, _) => vec![(*path, Sight::Class)],
            Node::Group(path, _) => vec![(*path, Sight::Row)],
            Node::Join(join) => {
                let sight = |it: &Operand| Some((it.row()?, sight_of(matter, &residual.known, it)));
                join.operator.operands().filter_map(sight).collect()
            }
            _ => Vec::new(),
        };
        let first = needed
            .iter()
            .find_map(|(path, sight)| self.first_unknown(matter, residual, *path, *sight));
        if let Some(path) = first {
            return self.ask_class(matter, residual, &mentioned, path);
        }
        match self.nodes.get(atom) {
            Node::Group(path, bit) => {
                let base = bit / 64 * 64;
                let alone = 1_u64 << (bit % 64);
                let together = mentioned.groups.get(&(*path, base)).copied().unwrap_or(alone);
                let mask = if residual.probed.contains(&(*path, base)) { alone } else { together };
                let ask = Ask::AnyGroup { path: *path as u8, word: (bit / 64) as u16, mask };
                Some(State::new(ask, 2))
            }
            Node::Join(join) => {
                let relation = relation(matter, residual, join);
                let ask = |relation| Ask::Relation(relation, join.expr);
                Some(State::new(relation.map_or(Ask::Other(join.expr), ask), 2))
            }
            _ => None,
        }
    }

    /// A join of principal and circumstances alone, which need not be asked anew for each resource.
    fn early(&self, matter: &Matter<'_>, residual: &Residual) -> Option<(Join, Relation)> {
        let is_time = usize::from(residual.roots) == ROOTS.len() - 1;
        if !is_time || residual.early >= EARLY_MAX {
            return None;
        }
        let mut found = None;
        self.each_atom(residual, |atom| {
            if let (Node::Join(join), None) = (atom, &found)
                && let Some(relation) = relation(matter, residual, join)
                && relation.is_of([0, 2, SEEN_ROW])
            {
                found = Some((join.clone(), relation));
            }
        });
        found
    }

    fn ask_class(
        &self,
        matter: &Matter<'_>,
        residual: &Residual,
        mentioned: &Mentioned,
        path: PathId,
    ) -> Option<State> {
        let by_layout = !mentioned.tested.contains(&path);
        let ask = match matter.link(path) {
            Some(Link::Column(from, column)) => {
                let place = column_place(matter, residual, *from, column);
                let Some((place, Kind::Entity)) = place else { return None };
                Ask::Follow { from: place, path: path as u8, by_layout }
            }
            Some(Link::Literal(literal)) => {
                Ask::Literal { literal: *literal, path: path as u8, by_layout }
            }
            _ => return None,
        };
        Some(State::new(ask, self.answers(matter, path, by_layout)))
    }

    /// How many answers a state has room for that asks about a path's row.
    fn answers(&self, matter: &Matter<'_>, path: PathId, by_layout: bool) -> usize {
        if by_layout {
            return 256;
        }
        let classes = matter.plan.classes.get(matter.path_type(path) as usize);
        classes.map_or(0, room)
    }

    /// The first row on the way to a path's of which too little is known.
    fn first_unknown(
        &self,
        matter: &Matter<'_>,
        residual: &Residual,
        path: PathId,
        mut sight: Sight,
    ) -> Option<PathId> {
        let mut first = None;
        let mut at = Some(path);
        while let Some(path) = at.filter(|path| residual.known.sight(*path) < Some(sight)) {
            first = Some(path);
            at = residual.known.parent(matter, path);
            sight = match matter.link(path) {
                Some(Link::Column(from, column)) => {
                    leads_on(matter, &residual.known, *from, column)
                }
                _ => Sight::Row,
            };
        }
        first
    }

    /// Forgets what no condition that is left depends on.
    fn prune(&self, matter: &Matter<'_>, residual: &mut Residual) {
        let mentioned = self.mentioned(matter, residual);
        let (mut needed, mut longer) = (BTreeSet::new(), BTreeSet::new());
        for path in &mentioned.paths {
            let mut at = Some(*path);
            while let Some(path) = at {
                needed.insert(path);
                longer.extend(matter.parent(path));
                at = residual.known.parent(matter, path);
            }
        }
        residual.known.rows.retain(|path, _| needed.contains(path));
        residual.known.aliases.retain(|path| longer.contains(&path));
        residual.known.empties.retain_asked(&mentioned.sets);
        residual.probed.retain(|probed| mentioned.groups.contains_key(probed));
    }

    fn mentioned(&self, matter: &Matter<'_>, residual: &Residual) -> Mentioned {
        let mut mentioned = Mentioned::default();
        self.each_atom(residual, |atom| match atom {
            Node::Test(path, _) => {
                mentioned.tested.insert(*path);
                mentioned.paths.insert(*path);
            }
            Node::Group(path, bit) => {
                mentioned.paths.insert(*path);
                let mask = mentioned.groups.entry((*path, bit / 64 * 64)).or_default();
                *mask |= 1 << (bit % 64);
            }
            Node::Join(join) => {
                mentioned.paths.extend(join.operator.operands().map(Operand::path));
                let sets = empty::sets(&join.operator);
                let column = |set| empty::column_of(matter, &residual.known, set);
                mentioned.sets.extend(sets.filter_map(column));
            }
            _ => {}
        });
        mentioned
    }

    /// Shows each question that the conditions which are left are made of once, in their order.
    pub(super) fn each_atom<'b>(&'b self, residual: &Residual, mut see: impl FnMut(&'b Node)) {
        let Items { forbids, step_ups, permits, reasons } = &residual.items;
        let lists = [forbids, step_ups, permits, reasons];
        let mut open: Vec<NodeId> = lists.into_iter().flatten().map(|(_, node)| *node).collect();
        open.reverse();
        let mut seen = BTreeSet::new();
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            match self.nodes.get(node) {
                Node::True | Node::False | Node::Fail => {}
                Node::Not(of) => open.push(*of),
                Node::All(parts) | Node::Any(parts) => open.extend(parts.iter().rev()),
                Node::If(test, then, other) => open.extend([other, then, test]),
                atom => see(atom),
            }
        }
    }

    pub(super) fn substitute_all(
        &mut self,
        matter: &Matter<'_>,
        residual: &mut Residual,
        answer: &Answer,
    ) {
        let known = std::mem::take(&mut residual.known);
        let mut done = HashMap::new();
        let items = &mut residual.items;
        let lists =
            [&mut items.forbids, &mut items.step_ups, &mut items.permits, &mut items.reasons];
        for (_, node) in lists.into_iter().flatten() {
            *node = self.substitute(matter, &known, answer, *node, &mut done);
        }
        residual.known = known;
    }

    /// A condition with an answer put into it.
    ///
    /// INVARIANT (expression nesting): `policy::limits` bounds how deep policies nest, and with it
    /// this recursion.
    fn substitute(
        &mut self,
        matter: &Matter<'_>,
        known: &Known,
        answer: &Answer,
        node: NodeId,
        done: &mut HashMap<NodeId, NodeId>,
    ) -> NodeId {
        if let Some(known) = done.get(&node) {
            return *known;
        }
        let each = |builder: &mut Self, of: NodeId, done: &mut _| {
            builder.substitute(matter, known, answer, of, done)
        };
        let asked = match answer {
            Answer::Class(_, _, aliases) => {
                aliases.shorten(matter.environment, self.nodes.get(node))
            }
            _ => self.nodes.get(node).clone(),
        };
        let result = match asked {
            Node::True | Node::False | Node::Fail => node,
            Node::Not(of) => {
                let of = each(self, of, done);
                self.nodes.not(of)
            }
            Node::All(parts) => {
                let parts: Vec<NodeId> = parts.iter().map(|part| each(self, *part, done)).collect();
                self.nodes.all(parts, &|nodes, node| is_safe(nodes, known, node))
            }
            Node::Any(parts) => {
                let parts: Vec<NodeId> = parts.iter().map(|part| each(self, *part, done)).collect();
                self.nodes.any(parts, &|nodes, node| is_safe(nodes, known, node))
            }
            Node::If(test, then, other) => {
                let test = each(self, test, done);
                let (then, other) = (each(self, then, done), each(self, other, done));
                self.nodes.choice(test, then, other)
            }
            Node::Test(path, test) => match answer {
                Answer::Class(found, outcomes, _) if *found == path => {
                    outcomes.get(test as usize).copied().unwrap_or(FAIL)
                }
                _ if is_nowhere(matter, known, path) => FAIL,
                _ => self.nodes.add(Node::Test(path, test)),
            },
            Node::Group(path, bit) => match answer {
                Answer::NoGroup(of, base, mask)
                    if *of == path && bit / 64 * 64 == *base && mask >> (bit % 64) & 1 == 1 =>
                {
                    FALSE
                }
                Answer::Group(of, known) if *of == path && *known == bit => TRUE,
                Answer::Groups(of, known) if *of == path && matter.asks_group(path, bit) => {
                    if known.contains(&bit) { TRUE } else { FALSE }
                }
                _ if is_nowhere(matter, known, path) => FAIL,
                _ => self.nodes.add(Node::Group(path, bit)),
            },
            Node::Join(join) => match answer {
                Answer::Join(asked, flag) if asked.is_like(&join) => {
                    if *flag {
                        TRUE
                    } else {
                        FALSE
                    }
                }
                _ if join.operator.operands().any(|operand| lacks(matter, known, operand)) => FAIL,
                _ => match settled(matter, known, &join.operator) {
                    Some(true) => TRUE,
                    Some(false) => FALSE,
                    None => self.nodes.add(Node::Join(join)),
                },
            },
        };
        done.insert(node, result);
        result
    }
}

/// How many classes a table has room for: those that are there, and half as many to come.
pub(super) fn room(classes: &TypeClasses) -> usize {
    (classes.count() * 3 / 2).next_multiple_of(64)
}

/// What the conditions that are left name.
#[derive(Default)]
struct Mentioned {
    /// Rows that are tested alone.
    tested: BTreeSet<PathId>,
    paths: BTreeSet<PathId>,
    groups: BTreeMap<(PathId, u32), u64>,
    /// Columns that have to be sets.
    sets: BTreeSet<(PathId, usize)>,
}

impl Items {
    fn normalise(&mut self) {
        for list in [&mut self.forbids, &mut self.step_ups, &mut self.permits, &mut self.reasons] {
            list.retain(|(_, node)| *node != FALSE);
        }
        // Nothing after the first that is satisfied is asked.
        for list in [&mut self.forbids, &mut self.permits, &mut self.reasons] {
            if let Some(at) = list.iter().position(|(_, node)| *node == TRUE) {
                list.truncate(at + 1);
            }
        }
    }
}

/// What has to be known of conditions whose failing alone would matter.
fn unsettled<'i>(mut items: impl Iterator<Item = &'i (u32, NodeId)>) -> Option<Step> {
    items.find_map(|(_, node)| match *node {
        TRUE | FALSE => None,
        FAIL => Some(Step::GiveUp),
        node => Some(Step::Ask(node)),
    })
}

/// Whether a condition cannot fail, with what is known of the rows.
fn is_safe(nodes: &Nodes, known: &Known, node: NodeId) -> bool {
    match nodes.get(node) {
        Node::True | Node::False => true,
        Node::Fail | Node::Test(..) => false,
        Node::Not(of) => is_safe(nodes, known, *of),
        Node::All(parts) | Node::Any(parts) => {
            parts.iter().all(|part| is_safe(nodes, known, *part))
        }
        Node::If(test, then, other) => {
            [test, then, other].into_iter().all(|part| is_safe(nodes, known, *part))
        }
        Node::Group(path, _) => known.has(*path),
        Node::Join(join) => {
            join.operator != JoinOperator::Other
                && join.operator.operands().filter_map(Operand::row).all(|path| known.has(path))
        }
    }
}

/// Whether the way to a path's row ends early: a row on it is not there, or lacks the column.
fn is_nowhere(matter: &Matter<'_>, known: &Known, path: PathId) -> bool {
    let mut at = path;
    while let Some(Link::Column(from, column)) = matter.link(at) {
        if has_column(matter, known, *from, column) == Some(false) {
            return true;
        }
        at = known.aliases.path(*from);
    }
    false
}

pub(super) fn lacks(matter: &Matter<'_>, known: &Known, operand: &Operand) -> bool {
    match operand {
        Operand::Root(path) => is_nowhere(matter, known, *path),
        Operand::Column(path, column) => {
            has_column(matter, known, *path, column) == Some(false)
                || is_nowhere(matter, known, *path)
        }
    }
}

/// What comes of a join, where that is a matter of what its operands are: a value is itself, what
/// has no tags has none of this name, and an empty set holds nothing.
pub(super) fn settled(matter: &Matter<'_>, known: &Known, operator: &JoinOperator) -> Option<bool> {
    match operator {
        JoinOperator::Equal(left, right) => {
            (left == right && is_there(matter, known, left)).then_some(true)
        }
        JoinOperator::HasTag(Operand::Root(path), tag) => {
            let tags = matter.plan.column_number(matter.path_type(*path), &TAGS.into())?;
            let has_none = match known.layout(*path)? {
                Some(layout) => layout.get(tags)?.is_none(),
                None => true,
            };
            (has_none && is_there(matter, known, tag)).then_some(false)
        }
        operator => is_of_empty_set(matter, known, operator).then_some(false),
    }
}

/// Whether an operand's value is known to be there.
pub(super) fn is_there(matter: &Matter<'_>, known: &Known, operand: &Operand) -> bool {
    match operand {
        Operand::Root(path) => *path <= 1,
        Operand::Column(path, column) => has_column(matter, known, *path, column) == Some(true),
    }
}

/// Whether a row has a column, if the row is known.
pub(super) fn has_column(
    matter: &Matter<'_>,
    known: &Known,
    path: PathId,
    column: &crate::facts::Path,
) -> Option<bool> {
    let layout = known.layout(path)?;
    let number = matter.plan.column_number(matter.path_type(path), column)?;
    Some(layout.as_ref().is_some_and(|layout| layout.get(number).is_some_and(Option::is_some)))
}

/// How a row has to be seen for an operand to be read.
pub(super) fn sight_of(matter: &Matter<'_>, known: &Known, operand: &Operand) -> Sight {
    let path = known.aliases.path(operand.path());
    let is_in_heap = match operand {
        Operand::Root(_) => false,
        Operand::Column(_, column) => {
            column_of(matter, known, path, column).is_some_and(|(_, kind)| kind.in_heap())
        }
    };
    let is_left_behind = || {
        known.sight(path) == Some(Sight::Carried) && matter.seen_place(&operand.at(path)).is_none()
    };
    if is_in_heap || is_left_behind() { Sight::Row } else { Sight::Carried }
}

/// How a row has to be seen for one of its columns to lead on.
pub(super) fn leads_on(
    matter: &Matter<'_>,
    known: &Known,
    from: PathId,
    column: &crate::facts::Path,
) -> Sight {
    sight_of(matter, known, &Operand::Column(known.aliases.path(from), column.clone()))
}

/// Where a row that is known keeps a column.
fn column_of(
    matter: &Matter<'_>,
    known: &Known,
    path: PathId,
    column: &crate::facts::Path,
) -> Option<(u32, Kind)> {
    matter.plan.column_in(matter.path_type(path), known.layout(path)?.as_ref(), column)
}

pub(super) fn column_place(
    matter: &Matter<'_>,
    residual: &Residual,
    path: PathId,
    column: &crate::facts::Path,
) -> Option<(Place, Kind)> {
    let path = residual.known.aliases.path(path);
    let (offset, kind) = column_of(matter, &residual.known, path, column)?;
    let place = match residual.known.sight(path)? {
        Sight::Row => Place { row: path as u8, offset: u16::try_from(offset).ok()? },
        Sight::Carried if !kind.in_heap() => {
            matter.seen_place(&Operand::Column(path, column.clone()))?
        }
        Sight::Carried | Sight::Class => return None,
    };
    Some((place, kind))
}

/// Where the entity of a path's row stands.
fn root_place(matter: &Matter<'_>, residual: &Residual, path: PathId) -> Option<Place> {
    let path = residual.known.aliases.path(path);
    match residual.known.sight(path) {
        Some(Sight::Carried) => matter.seen_place(&Operand::Root(path)),
        Some(Sight::Class) => None,
        _ => Some(Place { row: path as u8, offset: 0 }),
    }
}

/// The question that a join is, where the evaluator need not answer it.
pub(super) fn relation(matter: &Matter<'_>, residual: &Residual, join: &Join) -> Option<Relation> {
    let relation = Relation::of(&join.operator, |operand| match operand {
        Operand::Root(path) => root_place(matter, residual, *path).map(|it| (it, Kind::Entity)),
        Operand::Column(path, column) => column_place(matter, residual, *path, column),
    });
    relation.map(|relation| relation.numbered(|root| matter.is_aimed(root)))
}

impl Matter<'_> {
    pub(super) fn link(&self, path: PathId) -> Option<&Link> {
        self.environment.paths.get(path as usize).map(|info| &info.link)
    }

    fn parent(&self, path: PathId) -> Option<PathId> {
        match self.link(path)? {
            Link::Column(from, _) => Some(*from),
            _ => None,
        }
    }
}
