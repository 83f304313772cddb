//! Decisions as states: each asks one thing of one row or of two, and leads on by the answer.
//!
//! States are made when a request first comes to them, by specialising the policies that are left to
//! what was answered so far ([`Builder`]), and kept. So a request that goes a known way reads a
//! handful of words, whatever the number of policies.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use super::Plan;
use super::RuleKind;
use super::around::SEEN_ROW;
use super::build::{Builder, Made};
use super::classes::{CLASS_BITS, class_of};
use super::environment::Environment;
use super::eval::Evaluator;
use super::expr::ExprId;
use super::node::{NodeId, Nodes, PathId};
use super::program::Program;
use super::relation::{Place, Reached, Relation};
use super::scope::Scope;
use crate::facts::{Chunks, Row, SeenAt, Slot, UNCLASSED};

/// How many paths a machine follows.
pub(crate) const PATHS_MAX: usize = 64;
/// How many of their rows a frame keeps; the others are looked up each time.
const ROWS_KEPT: usize = 8;
/// How many states one check makes at most; all policies together decide it then. So no check waits
/// long, and a question that is asked once costs little. The comparison with Cedar asks too few
/// questions of one plan for that.
const EXPANSIONS_MAX: usize = if cfg!(feature = "coverage") { 1_000_000 } else { 4 };
/// How many requests may come to rows over which no program can be written for a state.
const TRIES_MAX: u8 = 4;

/// The policies of one environment by the part they play, each in the order of reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Items {
    pub(crate) forbids: Vec<(u32, NodeId)>,
    pub(crate) step_ups: Vec<(u32, NodeId)>,
    pub(crate) permits: Vec<(u32, NodeId)>,
    pub(crate) reasons: Vec<(u32, NodeId)>,
}

impl Items {
    pub(crate) fn of(&mut self, kind: RuleKind) -> &mut Vec<(u32, NodeId)> {
        match kind {
            RuleKind::Forbid => &mut self.forbids,
            RuleKind::StepUp => &mut self.step_ups,
            RuleKind::Permit => &mut self.permits,
            RuleKind::Reason => &mut self.reasons,
        }
    }
}

/// What came of a request, with the policy that says so: a number for each, from 0 on, in the order
/// of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict(u32);

impl Verdict {
    pub(crate) const NO_PERMIT: Self = Self(0);

    pub(crate) const fn allow(rule: u32) -> Self {
        Self(1 + rule * 3)
    }

    /// Denied by a forbid, or for a reason.
    pub(crate) const fn deny(rule: u32) -> Self {
        Self(2 + rule * 3)
    }

    pub(crate) const fn step_up(rule: u32) -> Self {
        Self(3 + rule * 3)
    }

    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub(super) const fn of_number(number: u32) -> Self {
        Self(number)
    }

    #[cfg(test)]
    pub(crate) const fn allows(self) -> bool {
        self.0 % 3 == 1
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The class of the principal's row; so are the next two.
    Principal,
    Resource,
    Context,
    /// The class of the row of one of the plan's literals.
    Literal {
        literal: u32,
        path: u8,
        by_layout: bool,
    },
    /// The class of the row that a column names.
    Follow {
        from: Place,
        path: u8,
        by_layout: bool,
    },
    /// Whether the row is in any of these groups: a word of them, and which bits.
    AnyGroup {
        path: u8,
        word: u16,
        mask: u64,
    },
    /// What two places say of each other, and the condition that it stands for.
    Relation(Relation, ExprId),
    Other(ExprId),
}

/// Where an answer leads, as a word: to a state, by its number, or to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next(u32);

impl Next {
    /// Nobody went there yet.
    pub(super) const NOWHERE: Self = Self(0);
    /// Something fails, or no machine asks what is left: only all policies together tell what comes
    /// of it.
    pub(super) const GIVE_UP: Self = Self(u32::MAX);
    /// The bit that says that a word is no state's number.
    const END: u32 = 1 << 31;

    pub(super) const fn of_state(number: u32) -> Self {
        Self(number)
    }

    pub(super) const fn of_verdict(verdict: Verdict) -> Self {
        Self(Self::END | verdict.number())
    }

    #[inline]
    fn state(self) -> Option<u32> {
        (self.0.wrapping_sub(1) < Self::END - 1).then_some(self.0)
    }

    #[inline]
    fn verdict(self) -> Option<Verdict> {
        let is_one = self.0 >= Self::END && self != Self::GIVE_UP;
        is_one.then_some(Verdict::of_number(self.0 & !Self::END))
    }
}

/// A [`Next`] that is written when somebody first goes there.
struct Lead(AtomicU32);

impl Lead {
    fn new() -> Self {
        Self(AtomicU32::new(Next::NOWHERE.0))
    }

    #[inline]
    fn get(&self) -> Next {
        Next(self.0.load(Ordering::Acquire))
    }

    fn set(&self, next: Next) {
        self.0.store(next.0, Ordering::Release);
    }
}

pub(crate) struct State {
    /// Where each answer leads, by number: 0 and 1 are no and yes.
    leads: Box<[Lead]>,
    /// What answers at once all that is left to ask when the rows that every request has are known.
    program: OnceLock<Box<Programmed>>,
    /// Apart, since who goes a known way reads none of it.
    question: Box<Question>,
}

struct Question {
    ask: Ask,
    /// The same question with room for more classes, where there are more by now.
    wider: Lead,
    /// How often a program was tried to be written.
    tries: AtomicU8,
}

/// Where a state's program is.
enum Programmed {
    Ready(Program),
    /// Its policies are no matter for one.
    Never,
}

impl State {
    /// A state whose question has so many answers.
    pub(crate) fn new(ask: Ask, answers: usize) -> Self {
        Self {
            leads: (0..answers).map(|_| Lead::new()).collect(),
            program: OnceLock::new(),
            question: Box::new(Question { ask, wider: Lead::new(), tries: AtomicU8::new(0) }),
        }
    }

    /// Where it is kept where an answer leads.
    #[inline]
    fn lead(&self, answer: u32) -> &Lead {
        self.leads.get(answer as usize).unwrap_or(&self.question.wider)
    }

    fn has_room(&self, answer: u32) -> bool {
        (answer as usize) < self.leads.len()
    }

    #[inline]
    fn ready(&self) -> Option<&Program> {
        match self.program.get().map(|program| &**program) {
            Some(Programmed::Ready(program)) => Some(program),
            _ => None,
        }
    }
}

/// States by number, in the order in which they were made.
type States = Chunks<State, 256, 256>;

/// The states of one environment.
pub(crate) struct Machine {
    start: Lead,
    states: States,
    builder: Mutex<Builder>,
}

/// The rows that a request has come to so far.
struct Frame<'w> {
    slots: [Slot; PATHS_MAX],
    /// Those of the first of them that were looked up.
    rows: [Option<Row<'w>>; ROWS_KEPT],
    /// What was seen around principal and resource.
    seen: [Row<'w>; 2],
}

/// What a machine did on its way.
#[derive(Debug, Default)]
struct Walk {
    /// How many states it made.
    expansions: usize,
    /// Whether it asked anything that a program would rather not.
    asked_dear: bool,
    /// Whether it asked the evaluator, as no program does.
    evaluated: bool,
}

/// Where the machines of some environments were entered by one principal in one set of
/// circumstances, to go on from there. Small, since there may be one for each principal.
#[derive(Default)]
pub(crate) struct Entered([AtomicU32; ENTERED]);

/// How many are kept. An environment's place is that of its number, for as long as no other's is.
const ENTERED: usize = 4;
/// The bits of what is kept that say where it leads; those above are the environment's number.
const NEXT_BITS: u32 = 20;

impl Entered {
    #[inline]
    fn get(&self, environment: u32) -> Option<Next> {
        let kept = self.0.get(environment as usize % ENTERED)?.load(Ordering::Acquire);
        let end = kept << (u32::BITS - NEXT_BITS) & Next::END;
        let next = Next(end | kept & ((1 << (NEXT_BITS - 1)) - 1));
        (kept >> NEXT_BITS == environment && next != Next::NOWHERE).then_some(next)
    }

    /// Keeps where a machine was entered, if both numbers have room.
    fn set(&self, environment: u32, next: Next) {
        let (end, number) = (next.0 & Next::END, next.0 & !Next::END);
        if let Some(place) = self.0.get(environment as usize % ENTERED)
            && environment < 1 << (u32::BITS - NEXT_BITS)
            && number < 1 << (NEXT_BITS - 1)
        {
            let next = end >> (u32::BITS - NEXT_BITS) | number;
            place.store(environment << NEXT_BITS | next, Ordering::Release);
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// What a machine decides about.
#[derive(Clone, Copy)]
pub(crate) struct Matter<'w> {
    pub(crate) plan: &'w Plan,
    pub(crate) environment: &'w Environment,
    /// Where its principal entered machines before, and the environment's number there.
    pub(crate) entered: Option<(&'w Entered, u32)>,
    pub(crate) scope: Scope<'w>,
    /// The class words of principal and resource, and what was seen around them where those say so.
    pub(crate) looks: [(u32, SeenAt); 2],
}

impl Machine {
    pub(crate) fn new(nodes: Nodes, items: Items) -> Self {
        Self {
            start: Lead::new(),
            states: States::default(),
            builder: Mutex::new(Builder::new(nodes, items)),
        }
    }

    /// The policies before anything is asked, to look at. Who decides meanwhile does without what
    /// it would add to the machine.
    pub(super) fn at_start<T>(&self, look: impl FnOnce(&Nodes, &Items) -> T) -> T {
        let builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        let (nodes, items) = builder.all();
        look(nodes, items)
    }

    /// Decides; `None` where only all policies together tell.
    #[inline]
    pub(crate) fn decide(&self, matter: &Matter<'_>) -> Option<Verdict> {
        let next = self.enter(matter);
        if let Some(at) = next.state()
            && let Some(program) = self.known(at).and_then(State::ready)
            && let Some(verdict) = program.run(matter)
        {
            #[cfg(feature = "coverage")]
            {
                let walked = self.walk(matter, next);
                crate::coverage::count_program(walked.map(|(it, _)| it), verdict);
            }
            return Some(verdict);
        }
        next.verdict().or_else(|| self.ask(matter, next))
    }

    /// Where it leads that the classes of the rows are known that every request has: nowhere yet,
    /// where the way there was not gone.
    #[inline]
    fn enter(&self, matter: &Matter<'_>) -> Next {
        let [(principal, _), (resource, _)] = matter.looks;
        let known = matter.entered.and_then(|(entered, number)| entered.get(number));
        let (half, lead) = match known {
            Some(half) => (half, None),
            None => self.enter_half(matter, principal),
        };
        let widen = |wider: Next| match (lead, matter.entered) {
            (Some(lead), _) => lead.set(wider),
            (None, Some((entered, number))) => entered.set(number, wider),
            (None, None) => {}
        };
        self.pass(half, resource, widen).0
    }

    /// The same where the resource is not known yet, and where that is kept.
    #[inline]
    fn enter_half(&self, matter: &Matter<'_>, principal: u32) -> (Next, Option<&Lead>) {
        let context = matter.scope.local.context.row().class();
        let (next, lead) = self.pass(self.start.get(), principal, |wider| self.start.set(wider));
        let half = self.pass(next, context, |wider| {
            if let Some(lead) = lead {
                lead.set(wider);
            }
        });
        if let Some((entered, number)) = matter.entered {
            entered.set(number, half.0);
        }
        half
    }

    /// Where a class leads from a state that asks for it, and where that is kept. `widen` is told of
    /// the state with more room that is there by now, if this one has too little.
    #[inline]
    fn pass(&self, from: Next, class: u32, widen: impl FnOnce(Next)) -> (Next, Option<&Lead>) {
        let Some(at) = from.state() else { return (from, None) };
        let Some(state) = self.known(at).filter(|_| class != UNCLASSED) else {
            return (Next::NOWHERE, None);
        };
        match state.leads.get(class_of(class) as usize) {
            Some(lead) => (lead.get(), Some(lead)),
            None => self.pass_beside(state, class_of(class), widen),
        }
    }

    /// Where a class leads that a state has no room for.
    #[cold]
    fn pass_beside(
        &self,
        state: &State,
        class: u32,
        widen: impl FnOnce(Next),
    ) -> (Next, Option<&Lead>) {
        let mut wider = state.question.wider.get();
        loop {
            let Some(at) = wider.state() else { return (wider, None) };
            let Some(state) = self.known(at) else { return (Next::NOWHERE, None) };
            if let Some(lead) = state.leads.get(class as usize) {
                widen(wider);
                return (lead.get(), Some(lead));
            }
            wider = state.question.wider.get();
        }
    }

    /// Asks one thing after the other, and keeps what a program would have to know of it.
    #[cold]
    fn ask(&self, matter: &Matter<'_>, from: Next) -> Option<Verdict> {
        let from = if from == Next::NOWHERE { self.start(matter)? } else { from };
        let (verdict, walk) = self.walk(matter, from)?;
        // Who made states has done enough.
        if walk.expansions == 0
            && let Some(at) = self.enter(matter).state()
        {
            self.write(matter, at);
            if !walk.evaluated
                && let Some(program) = self.known(at).and_then(State::ready)
            {
                program.learn(matter, verdict, !walk.asked_dear);
            }
        }
        Some(verdict)
    }

    /// Writes the program of a state, the first times that this is wanted.
    fn write(&self, matter: &Matter<'_>, at: u32) {
        let Some(state) = self.known(at) else { return };
        let tries = &state.question.tries;
        if state.program.get().is_some() || tries.load(Ordering::Relaxed) >= TRIES_MAX {
            return;
        }
        let Some(builder) = self.builder() else { return };
        tries.fetch_add(1, Ordering::Relaxed);
        if !matter.plan.has_room_for_program() {
            return;
        }
        if let Some(program) = builder.program(matter, at) {
            let made = program.map_or(Programmed::Never, Programmed::Ready);
            let _already_there = state.program.set(Box::new(made));
        }
    }

    fn walk(&self, matter: &Matter<'_>, from: Next) -> Option<(Verdict, Walk)> {
        let scope = &matter.scope;
        let (slots, rows) = ([0; PATHS_MAX], [None; ROWS_KEPT]);
        let mut frame =
            Frame { slots, rows, seen: [0, 1].map(|at| matter.seen_row(SEEN_ROW + at)) };
        if let ([principal, resource, ..], [_, _, context, ..]) =
            (&mut frame.slots[..], &mut frame.rows[..])
        {
            (*principal, *resource) = (scope.principal, scope.resource);
            *context = Some(scope.local.context.row());
        }
        let mut next = from;
        let mut walk = Walk::default();
        loop {
            let Some(at) = next.state() else {
                return next.verdict().map(|verdict| (verdict, walk));
            };
            let state = self.known(at)?;
            let ask = &state.question.ask;
            let answer = frame.answer(matter, ask);
            #[cfg(feature = "coverage")]
            crate::coverage::count_answer(ask, answer);
            walk.asked_dear |= match ask {
                Ask::Relation(relation, _) => relation.is_dear(),
                ask => matches!(ask, Ask::AnyGroup { .. }),
            };
            walk.evaluated |= matches!(ask, Ask::Other(_));
            let answer = answer?;
            next = match state.lead(answer).get() {
                Next::NOWHERE => {
                    walk.expansions += 1;
                    if walk.expansions > EXPANSIONS_MAX {
                        return None;
                    }
                    self.expand(matter, at, state, answer)?
                }
                next => next,
            };
        }
    }

    /// Where all requests start.
    #[cold]
    fn start(&self, matter: &Matter<'_>) -> Option<Next> {
        if self.start.get() == Next::NOWHERE {
            let mut builder = self.builder()?;
            if self.start.get() == Next::NOWHERE {
                let made = builder.start(matter)?;
                self.add(made, &self.start);
            }
        }
        Some(self.start.get())
    }

    #[inline]
    fn known(&self, at: u32) -> Option<&State> {
        self.states.get(at as usize)
    }

    /// Finds where an answer leads, the first time that it is given.
    #[cold]
    fn expand(&self, matter: &Matter<'_>, at: u32, state: &State, answer: u32) -> Option<Next> {
        let mut builder = self.builder()?;
        let made = if state.has_room(answer) {
            builder.expand(matter, at, &state.question.ask, answer)?
        } else {
            builder.widen(matter, at)?
        };
        Some(self.add(made, state.lead(answer)))
    }

    /// Whoever comes while another adds to the machine does without it.
    fn builder(&self) -> Option<std::sync::MutexGuard<'_, Builder>> {
        match self.builder.try_lock() {
            Ok(builder) => Some(builder),
            // What a panic left is whole: states are added when they are made.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Adds a state, if one was made, and lets a lead lead on.
    fn add(&self, (next, made): Made, lead: &Lead) -> Next {
        if let (Some(at), Some(state)) = (next.state(), made) {
            let _is_new = self.states.put(at as usize, state);
        }
        lead.set(next);
        next
    }
}

/// How many states a plan has room for.
pub(crate) const STATES_MAX: u32 = States::ROOM as u32;

impl<'w> Frame<'w> {
    #[inline]
    fn answer(&mut self, matter: &Matter<'w>, ask: &Ask) -> Option<u32> {
        let scope = &matter.scope;
        let class = |word: u32, by_layout: bool| {
            if word == UNCLASSED {
                None
            } else if by_layout {
                Some(word >> CLASS_BITS)
            } else {
                Some(class_of(word))
            }
        };
        Some(match *ask {
            Ask::Follow { from, path, by_layout } => {
                let slot = self.word(scope, from);
                let row = scope.row(slot);
                self.keep(path, slot, row);
                class(row.class(), by_layout)?
            }
            Ask::Principal => class(matter.looks[0].0, false)?,
            Ask::Resource => class(matter.looks[1].0, false)?,
            Ask::Context => class(scope.local.context.row().class(), false)?,
            Ask::Literal { literal, path, by_layout } => {
                let slot = scope.rows.literals().get(literal as usize).copied()?;
                let row = scope.row(slot);
                self.keep(path, slot, row);
                class(row.class(), by_layout)?
            }
            Ask::AnyGroup { path, word, mask } => {
                let slot = self.slots.get(path as usize).copied().unwrap_or_default();
                u32::from(scope.groups(slot, self.row(scope, path), word as usize) & mask != 0)
            }
            Ask::Relation(ref relation, expr) => u32::from(match relation.holds(scope, self) {
                Some(flag) => flag,
                None => matter.holds(expr)?,
            }),
            Ask::Other(expr) => u32::from(matter.holds(expr)?),
        })
    }

    #[inline]
    fn keep(&mut self, path: u8, slot: Slot, row: Row<'w>) {
        if let Some(known) = self.slots.get_mut(path as usize) {
            *known = slot;
        }
        if let Some(kept) = self.rows.get_mut(path as usize) {
            *kept = Some(row);
        }
    }

    #[inline]
    fn look_up(&mut self, scope: &Scope<'w>, path: u8) -> Row<'w> {
        let row = self.slots.get(path as usize).map_or(Row::NONE, |slot| scope.row(*slot));
        if let Some(known) = self.rows.get_mut(path as usize) {
            *known = Some(row);
        }
        row
    }
}

impl<'w> Reached<'w> for Frame<'w> {
    #[inline]
    fn row(&mut self, scope: &Scope<'w>, path: u8) -> Row<'w> {
        match (self.rows.get(path as usize), path) {
            (Some(Some(row)), _) => *row,
            (_, SEEN_ROW..) => {
                self.seen.get(usize::from(path - SEEN_ROW)).copied().unwrap_or(Row::NONE)
            }
            _ => self.look_up(scope, path),
        }
    }

    #[inline]
    fn slot(&self, path: u8) -> Slot {
        self.slots.get(path as usize).copied().unwrap_or_default()
    }
}

impl<'w> Matter<'w> {
    /// What is asked in a scope that holds the rows of principal and resource.
    pub(crate) fn in_scope(plan: &'w Plan, environment: &'w Environment, scope: Scope<'w>) -> Self {
        let looks = [scope.principal, scope.resource].map(|slot| match scope.local.is_empty() {
            true => scope.rows.look(slot),
            // What a request brings along may be around others, too.
            false => (scope.row(slot).class(), SeenAt::NOTHING),
        });
        Self::new((plan, environment), scope, looks)
    }

    /// What is asked of rows of these class words, around which this was seen.
    #[inline]
    pub(crate) fn new(
        (plan, environment): (&'w Plan, &'w Environment),
        scope: Scope<'w>,
        looks: [(u32, SeenAt); 2],
    ) -> Self {
        Self { plan, environment, entered: None, scope, looks }
    }

    /// The words that were seen around principal or resource, by the number of their place.
    #[inline]
    pub(super) fn seen_row(&self, row: u8) -> Row<'w> {
        let look = self.looks.get(usize::from(row.wrapping_sub(SEEN_ROW)));
        let seen = look.and_then(|(_, at)| self.scope.rows.seen(*at));
        seen.map_or(Row::NONE, Row::of_seen)
    }

    /// What the evaluator says of a condition; `None` where it fails.
    fn holds(&self, expr: ExprId) -> Option<bool> {
        Evaluator { arena: &self.plan.arena, scope: self.scope }.holds(expr).ok()
    }

    pub(super) fn path_type(&self, path: PathId) -> u32 {
        self.environment.paths.get(path as usize).map_or(u32::MAX, |info| info.type_number)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}
