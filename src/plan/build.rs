//! Policies specialised to what was answered so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Plan;
use super::alias::Aliases;
use super::classes::{Layout, TypeClasses};
use super::environment::Link;
use super::machine::{Ask, Items, Matter, STATES_MAX, State, Verdict};
use super::node::{FAIL, FALSE, Join, JoinOperator, Node, NodeId, Nodes, Operand, PathId, TRUE};
use super::relation::{Place, Relation, Width};
use crate::facts::{ABSENT, Kind, TAGS};

const FIRST: u32 = 1;
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
    /// The groups that were asked for together, where the answer was yes.
    probed: BTreeSet<(PathId, u32)>,
}

/// Rows by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Known {
    /// Where they keep their columns; `None` for those that are not there.
    rows: BTreeMap<PathId, Option<Layout>>,
    /// What leads to rows that shorter paths lead to. Rows are known by the shorter ones alone.
    pub(super) aliases: Aliases,
}

impl Known {
    fn has(&self, path: PathId) -> bool {
        self.rows.contains_key(&self.aliases.path(path))
    }

    pub(super) fn insert(&mut self, path: PathId, layout: Option<Layout>) {
        self.rows.insert(path, layout);
    }

    fn get(&self, path: PathId) -> Option<&Option<Layout>> {
        self.rows.get(&self.aliases.path(path))
    }

    /// The path that a path goes on from.
    fn parent(&self, matter: &Matter<'_>, path: PathId) -> Option<PathId> {
        matter.parent(path).map(|parent| self.aliases.path(parent))
    }
}

/// What was answered.
enum Answer {
    /// The row of a path was found, and its tests come to these; what else leads to it.
    Class(PathId, Arc<[NodeId]>, Aliases),
    /// Only where a path's row keeps its columns is known.
    Layout,
    /// The row is in none of these groups.
    NoGroup(PathId, u32, u64),
    /// The row is in this group.
    Group(PathId, u32),
    Join(Join, bool),
    /// Some of the groups, one does not know which.
    Some,
}

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

    /// The first state.
    pub(crate) fn start(&mut self, matter: &Matter<'_>) -> Option<(u32, State)> {
        let residual = Residual {
            items: self.all.clone(),
            known: Known::default(),
            roots: 0,
            probed: BTreeSet::new(),
        };
        self.state(matter, residual).and_then(|(_, made)| made)
    }

    /// Where an answer leads, and the state there if it is new.
    pub(crate) fn expand(
        &mut self,
        matter: &Matter<'_>,
        from: u32,
        ask: &Ask,
        answer: u32,
    ) -> Option<(u32, Option<(u32, State)>)> {
        let mut residual = Residual::clone(self.residuals.get(from.checked_sub(FIRST)? as usize)?);
        let answer = match *ask {
            Ask::Principal | Ask::Context | Ask::Resource => {
                let path = ROOTS.get(residual.roots as usize)?.0;
                residual.roots += 1;
                self.found(matter, &mut residual, path, answer, false)?
            }
            Ask::Literal { path, by_layout, .. } | Ask::Follow { path, by_layout, .. } => {
                let path = PathId::from(path);
                self.found(matter, &mut residual, path, answer, by_layout)?
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
            Ask::Done(_) | Ask::GiveUp => return None,
            _ => {
                let join = self.asked(matter.plan, &residual)?;
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
    pub(crate) fn widen(
        &mut self,
        matter: &Matter<'_>,
        from: u32,
    ) -> Option<(u32, Option<(u32, State)>)> {
        let residual = Arc::clone(self.residuals.get(from.checked_sub(FIRST)? as usize)?);
        let wider = *self.states.get(&residual)?;
        if wider != from {
            return Some((wider, None));
        }
        let step = self.step(matter.plan, &residual);
        self.make(matter, residual, step)
    }

    /// Takes in where a row keeps its columns.
    fn found(
        &self,
        matter: &Matter<'_>,
        residual: &mut Residual,
        path: PathId,
        answer: u32,
        by_layout: bool,
    ) -> Option<Answer> {
        let classes = matter.plan.classes.get(matter.path_type(path) as usize)?;
        if by_layout {
            residual.known.insert(path, classes.layout(answer));
            return Some(Answer::Layout);
        }
        if answer == ABSENT {
            residual.known.insert(path, None);
            let nobody = matter.plan.nobody(matter.scope.rows, matter.path_type(path))?;
            return Some(Answer::Class(path, nobody, Aliases::default()));
        }
        let class = classes.class(answer)?;
        residual.known.insert(path, class.layout.clone());
        let mut aliases = Aliases::default();
        // Of other rows nothing is known yet at that time.
        if ROOTS.iter().any(|(root, _)| *root == path) {
            aliases = Aliases::of(matter, path, &class.own);
            residual.known.aliases.extend(&aliases);
        }
        Some(Answer::Class(path, class.outcomes, aliases))
    }

    /// The join that a state asks: the one that it chose when it was made.
    fn asked(&self, plan: &Plan, residual: &Residual) -> Option<Join> {
        let Step::Ask(node) = self.step(plan, residual) else { return None };
        match self.nodes.get(self.atom(node)) {
            Node::Join(join) => Some(join.clone()),
            _ => None,
        }
    }

    fn state(
        &mut self,
        matter: &Matter<'_>,
        mut residual: Residual,
    ) -> Option<(u32, Option<(u32, State)>)> {
        residual.items.normalise();
        let step = self.step(matter.plan, &residual);
        if !matches!(step, Step::Ask(_)) {
            // How it came to this is of no more interest.
            residual.known = Known::default();
            residual.roots = 0;
            residual.probed.clear();
            if let Step::Done(verdict) = step {
                residual.items = Items::of_verdict(verdict);
            } else {
                residual.items = Items::default();
                residual.probed.insert((PathId::MAX, 0));
            }
        } else {
            self.prune(matter, &mut residual);
        }
        if let Some(known) = self.states.get(&residual) {
            return Some((*known, None));
        }
        self.make(matter, Arc::new(residual), step)
    }

    fn make(
        &mut self,
        matter: &Matter<'_>,
        residual: Arc<Residual>,
        step: Step,
    ) -> Option<(u32, Option<(u32, State)>)> {
        let number = FIRST + self.residuals.len() as u32;
        if number >= STATES_MAX || !matter.plan.has_room() {
            return None;
        }
        let state = match step {
            Step::Done(verdict) => State::new(Ask::Done(verdict)),
            Step::GiveUp => State::new(Ask::GiveUp),
            Step::Ask(node) => self.question(matter, &residual, node),
        };
        self.states.insert(Arc::clone(&residual), number);
        self.residuals.push(residual);
        Some((number, Some((number, state))))
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
                    first.map_or(Verdict::Allow(*permit), |(rule, _)| Verdict::StepUp(*rule)),
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
        Step::Done(reason.map_or(Verdict::NoPermit, Verdict::Deny))
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
            return Step::Done(Verdict::Deny(forbid));
        }
        if permits.iter().any(|(_, node)| *node == TRUE) {
            return Step::Done(Verdict::Deny(forbid));
        }
        match permits.first() {
            Some((_, FAIL)) => return Step::GiveUp,
            Some((_, node)) => return Step::Ask(*node),
            None => {}
        }
        match first {
            None => Step::Done(Verdict::Deny(forbid)),
            Some((reason, TRUE)) => Step::Done(Verdict::Deny(*reason)),
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

    /// The state that asks what is needed to know more of a condition.
    fn question(&self, matter: &Matter<'_>, residual: &Residual, node: NodeId) -> State {
        if let Some((path, ask)) = ROOTS.get(residual.roots as usize) {
            return State::with_table(*ask, self.answers(matter, *path, false));
        }
        let mentioned = self.mentioned(residual);
        let atom = self.atom(node);
        let needed: Vec<PathId> = match self.nodes.get(atom) {
            Node::Test(path, _) | Node::Group(path, _) => vec![*path],
            Node::Join(join) => join.operator.operands().filter_map(Operand::row).collect(),
            _ => Vec::new(),
        };
        let first = needed.iter().find_map(|path| self.first_unknown(matter, residual, *path));
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
                State::new(ask)
            }
            Node::Join(join) => {
                let relation = relation(matter, residual, join);
                let ask = |relation| Ask::Relation(relation, join.expr);
                State::new(relation.map_or(Ask::Other(join.expr), ask))
            }
            _ => State::new(Ask::GiveUp),
        }
    }

    fn ask_class(
        &self,
        matter: &Matter<'_>,
        residual: &Residual,
        mentioned: &Mentioned,
        path: PathId,
    ) -> State {
        let by_layout = !mentioned.tested.contains(&path);
        let ask = match matter.link(path) {
            Some(Link::Column(from, column)) => {
                let place = column_place(matter, residual, *from, column);
                let Some((place, Kind::Entity)) = place else { return State::new(Ask::GiveUp) };
                Ask::Follow { from: place, path: path as u8, by_layout }
            }
            Some(Link::Literal(literal)) => {
                Ask::Literal { literal: *literal, path: path as u8, by_layout }
            }
            _ => return State::new(Ask::GiveUp),
        };
        State::with_table(ask, self.answers(matter, path, by_layout))
    }

    /// How many answers a state has room for that asks about a path's row.
    fn answers(&self, matter: &Matter<'_>, path: PathId, by_layout: bool) -> usize {
        if by_layout {
            return 256;
        }
        let classes = matter.plan.classes.get(matter.path_type(path) as usize);
        classes.map_or(0, room)
    }

    /// The first row on the way to a path's that is not known.
    fn first_unknown(
        &self,
        matter: &Matter<'_>,
        residual: &Residual,
        path: PathId,
    ) -> Option<PathId> {
        let mut first = None;
        let mut at = Some(path);
        while let Some(path) = at {
            if !residual.known.has(path) {
                first = Some(path);
            }
            at = residual.known.parent(matter, path);
        }
        first
    }

    /// Forgets what no condition that is left depends on.
    fn prune(&self, matter: &Matter<'_>, residual: &mut Residual) {
        let mentioned = self.mentioned(residual);
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
        residual.probed.retain(|probed| mentioned.groups.contains_key(probed));
    }

    fn mentioned(&self, residual: &Residual) -> Mentioned {
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
            Node::Join(join) => mentioned.paths.extend(join.operator.operands().map(Operand::path)),
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

    fn substitute_all(&mut self, matter: &Matter<'_>, residual: &mut Residual, answer: &Answer) {
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

    /// Items that stand for a verdict, so that all ways to it lead to one state.
    fn of_verdict(verdict: Verdict) -> Self {
        let mut items = Self::default();
        match verdict {
            Verdict::Allow(rule) => items.permits.push((rule, TRUE)),
            Verdict::Deny(rule) => items.forbids.push((rule, TRUE)),
            Verdict::StepUp(rule) => items.step_ups.push((rule, TRUE)),
            Verdict::NoPermit => {}
        }
        items
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

/// What comes of a join, where that is a matter of what its operands are: a value is itself, and
/// what has no tags has none of this name.
pub(super) fn settled(matter: &Matter<'_>, known: &Known, operator: &JoinOperator) -> Option<bool> {
    let is_there = |operand: &Operand| match operand {
        Operand::Root(path) => *path <= 1,
        Operand::Column(path, column) => has_column(matter, known, *path, column) == Some(true),
    };
    match operator {
        JoinOperator::Equal(left, right) => (left == right && is_there(left)).then_some(true),
        JoinOperator::HasTag(Operand::Root(path), tag) => {
            let tags = matter.plan.column_number(matter.path_type(*path), &TAGS.into())?;
            let has_none = match known.get(*path)? {
                Some(layout) => layout.get(tags)?.is_none(),
                None => true,
            };
            (has_none && is_there(tag)).then_some(false)
        }
        _ => None,
    }
}

/// Whether a row has a column, if the row is known.
pub(super) fn has_column(
    matter: &Matter<'_>,
    known: &Known,
    path: PathId,
    column: &crate::facts::Path,
) -> Option<bool> {
    let layout = known.get(path)?;
    let number = matter.plan.column_number(matter.path_type(path), column)?;
    Some(layout.as_ref().is_some_and(|layout| layout.get(number).is_some_and(Option::is_some)))
}

pub(super) fn column_place(
    matter: &Matter<'_>,
    residual: &Residual,
    path: PathId,
    column: &crate::facts::Path,
) -> Option<(Place, Kind)> {
    let path = residual.known.aliases.path(path);
    let layout = residual.known.get(path)?.as_ref()?;
    let number = matter.plan.column_number(matter.path_type(path), column)?;
    let (offset, kind) = layout.get(number).copied().flatten()?;
    let path = path as u8;
    Some((Place { row: path, offset: u16::try_from(offset).ok()? }, kind))
}

/// The question that a join is, where the evaluator need not answer it.
pub(super) fn relation(matter: &Matter<'_>, residual: &Residual, join: &Join) -> Option<Relation> {
    let place = |operand: &Operand| match operand {
        Operand::Root(path) => {
            let row = residual.known.aliases.path(*path) as u8;
            Some((Place { row, offset: 0 }, Kind::Entity))
        }
        Operand::Column(path, column) => column_place(matter, residual, *path, column),
    };
    let number = |(place, kind): (Place, Kind)| match kind {
        Kind::Short => Some((place, Width::Short)),
        Kind::Long | Kind::Datetime | Kind::Duration => Some((place, Width::Long)),
        _ => None,
    };
    let pair = |left: &Operand, right: &Operand| Some((place(left)?, place(right)?));
    match &join.operator {
        JoinOperator::Equal(left, right) => {
            let (one, two) = pair(left, right)?;
            let is_word = matches!(one.1, Kind::Bool | Kind::Short | Kind::Text | Kind::Entity);
            if one.1 == two.1 && is_word {
                return Some(Relation::SameWord(one.0, two.0));
            }
            Some(Relation::SameNumber(number(one)?, number(two)?))
        }
        JoinOperator::Less(left, right, or_equal) => {
            let (one, two) = pair(left, right)?;
            Some(Relation::Less(number(one)?, number(two)?, *or_equal))
        }
        JoinOperator::Contains(set, element) => match pair(set, element)? {
            ((set, Kind::Set), (element, kind @ (Kind::Entity | Kind::Text))) => {
                Some(Relation::Contains { set, element, texts: kind == Kind::Text })
            }
            _ => None,
        },
        JoinOperator::ContainsAny(left, right) => match pair(left, right)? {
            ((left, Kind::Set), (right, Kind::Set)) => Some(Relation::ContainsAny(left, right)),
            _ => None,
        },
        JoinOperator::In(entity, above) => match pair(entity, above)? {
            ((entity, Kind::Entity), (above, Kind::Entity)) => Some(Relation::In(entity, above)),
            _ => None,
        },
        JoinOperator::InAny(entity, set) => match pair(entity, set)? {
            ((entity, Kind::Entity), (set, Kind::Set)) => Some(Relation::InAny { entity, set }),
            _ => None,
        },
        JoinOperator::HasTag(..) | JoinOperator::Other => None,
    }
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
