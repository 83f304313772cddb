//! Decisions as states: each asks one thing of one row or of two, and leads on by the answer.
//!
//! States are made when a request first comes to them, by specialising the policies that are left to
//! what was answered so far ([`Builder`]), and kept. So a request that goes a known way reads a
//! handful of words, whatever the number of policies.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use super::Plan;
use super::RuleKind;
use super::around::SEEN_ROW;
use super::build::{Builder, Made};
use super::classes::{CLASS_BITS, class_of};
use super::draft::Obstacle;
use super::environment::Environment;
use super::eval::Evaluator;
use super::expr::ExprId;
use super::lead::{Entered, Gate, Halves, Lead, Next, Verdict};
use super::node::{NodeId, Nodes, PathId, TRUE};
use super::program::Program;
use super::relation::{Place, Reached, Relation};
use super::scope::{NO_SLOT, Scope};
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
    /// Whether these allow, where that is certain whatever else they come to.
    pub(super) fn effect(&self) -> Option<bool> {
        let holds = |items: &[(u32, NodeId)]| items.iter().any(|(_, node)| *node == TRUE);
        if holds(&self.forbids) || holds(&self.step_ups) || self.permits.is_empty() {
            return Some(false);
        }
        let is_free = self.forbids.is_empty() && self.step_ups.is_empty();
        (is_free && holds(&self.permits)).then_some(true)
    }

    pub(crate) fn of(&mut self, kind: RuleKind) -> &mut Vec<(u32, NodeId)> {
        match kind {
            RuleKind::Forbid => &mut self.forbids,
            RuleKind::StepUp => &mut self.step_ups,
            RuleKind::Permit => &mut self.permits,
            RuleKind::Reason => &mut self.reasons,
        }
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

pub(crate) struct State {
    /// Where each answer leads, by number: 0 and 1 are no and yes.
    leads: Box<[Lead]>,
    /// What answers at once all that is left to ask when the rows that every request has are known.
    program: OnceLock<Box<Program>>,
    /// Whether it asks about principal and circumstances alone, before the resource is known.
    is_early: bool,
    /// Whether requests are allowed that come here, where no more than the reason is open.
    effect: Option<bool>,
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

impl State {
    /// A state whose question has so many answers.
    pub(crate) fn new(ask: Ask, answers: usize) -> Self {
        Self {
            leads: (0..answers).map(|_| Lead::new()).collect(),
            program: OnceLock::new(),
            is_early: false,
            effect: None,
            question: Box::new(Question { ask, wider: Lead::new(), tries: AtomicU8::new(0) }),
        }
    }

    pub(super) fn with_effect(self, effect: Option<bool>) -> Self {
        Self { effect, ..self }
    }

    pub(super) fn early(self) -> Self {
        Self { is_early: true, ..self }
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
    fn program(&self) -> Option<&Program> {
        self.program.get().map(|program| &**program)
    }
}

/// States by number, in the order in which they were made.
type States = Chunks<State, 256, 256>;

/// The states of one environment.
pub(crate) struct Machine {
    start: Lead,
    halves: Halves,
    states: States,
    builder: Mutex<Builder>,
}

/// A machine that one principal entered in one set of circumstances.
#[derive(Clone, Copy)]
pub(crate) struct Half<'m> {
    machine: &'m Machine,
    next: Next,
    state: Option<&'m State>,
}

/// The rows that a request has come to so far.
struct Frame<'w> {
    slots: [Slot; PATHS_MAX],
    /// Those of the first of them that were looked up.
    rows: [Option<Row<'w>>; ROWS_KEPT],
    /// What was seen around principal and resource.
    seen: [Row<'w>; 2],
}

/// The rows that are known before the resource is.
struct Early<'w> {
    principal: Row<'w>,
    context: Row<'w>,
    seen: Row<'w>,
}

impl<'w> Reached<'w> for Early<'w> {
    fn row(&mut self, _scope: &Scope<'w>, row: u8) -> Row<'w> {
        match row {
            0 => self.principal,
            2 => self.context,
            _ => self.seen,
        }
    }

    /// None of its questions is about an entity itself.
    fn slot(&self, _row: u8) -> Slot {
        NO_SLOT
    }
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
    /// Their rows, where somebody has them at hand.
    pub(crate) ends: Option<[Row<'w>; 2]>,
}

impl Machine {
    pub(crate) fn new(nodes: Nodes, items: Items) -> Self {
        Self {
            start: Lead::new(),
            halves: Halves::default(),
            states: States::default(),
            builder: Mutex::new(Builder::new(nodes, items)),
        }
    }

    /// One that allows what no forbid refuses of those that are told.
    pub(super) fn of_forbids(&self, is_told: impl Fn(u32) -> bool) -> Self {
        self.at_start(|nodes, items| {
            let told = |items: &[(u32, NodeId)]| {
                items.iter().copied().filter(|(rule, _)| is_told(*rule)).collect()
            };
            let (forbids, step_ups) = (told(&items.forbids), told(&items.step_ups));
            let permits = vec![(0, TRUE)];
            Self::new(nodes.clone(), Items { forbids, step_ups, permits, reasons: Vec::new() })
        })
    }

    /// The policies before anything is asked, to look at. Who decides meanwhile does without what
    /// it would add to the machine.
    pub(super) fn at_start<T>(&self, look: impl FnOnce(&Nodes, &Items) -> T) -> T {
        let builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        let (nodes, items) = builder.all();
        look(nodes, items)
    }

    /// Decides; `None` where only all policies together tell.
    #[inline(always)]
    pub(crate) fn decide(&self, matter: &Matter<'_>) -> Option<Verdict> {
        let (next, gate, _) = self.enter(matter);
        if gate.is_none()
            && let Some(verdict) = next.verdict()
        {
            return Some(verdict);
        }
        let decided = self.go_on(matter, next, gate);
        #[cfg(feature = "coverage")]
        if let Some(verdict) = decided {
            crate::coverage::count_program(self.walk_undisturbed(matter), verdict);
        }
        match decided {
            // A copy, so that who got so far already has it in no memory.
            None => self.ask(&{ *matter }),
            decided => decided,
        }
    }

    /// Whether it allows, without a reason: as [`decide`](Self::decide), by less.
    #[inline(always)]
    pub(crate) fn allows(&self, matter: &Matter<'_>) -> Option<bool> {
        let (next, gate, _) = self.enter(matter);
        self.effect(matter, next, gate).or_else(|| self.decide(matter).map(Verdict::allows))
    }

    /// Where requests of one principal stand in one set of circumstances, to ask about many resources
    /// from there. `None` where none came so far yet.
    pub(crate) fn half(&self, matter: &Matter<'_>) -> Option<Half<'_>> {
        let (entered, number) = matter.entered?;
        let next = entered.get(number)?;
        let state = match next.state() {
            Some(at) => Some(self.known(at)?),
            None => None,
        };
        Some(Half { machine: self, next, state })
    }

    /// The effect behind a gate, by what is ready there.
    #[inline(always)]
    fn effect(&self, matter: &Matter<'_>, next: Next, gate: Gate) -> Option<bool> {
        if next == Next::NOWHERE {
            return None;
        }
        if !gate.is_none() && !gate.passes(matter.ends()) {
            return Some(gate.otherwise().allows());
        }
        let Some(at) = next.state() else { return next.verdict().map(Verdict::allows) };
        let state = self.known(at)?;
        if state.effect.is_some() {
            return state.effect;
        }
        state.program()?.run(matter, matter.ends()).map(Verdict::allows)
    }

    /// Goes through a gate, and decides by what is ready behind it.
    #[inline(always)]
    fn go_on(&self, matter: &Matter<'_>, next: Next, gate: Gate) -> Option<Verdict> {
        if next == Next::NOWHERE {
            return None;
        }
        let ends = matter.ends();
        if !gate.passes(ends) {
            return Some(gate.otherwise());
        }
        match next.state() {
            Some(at) => self.known(at)?.program()?.run(matter, ends),
            None => next.verdict(),
        }
    }

    /// Where it leads that the classes of the rows are known that every request has, and where that
    /// is kept: nowhere yet, where the way there was not gone.
    #[inline(always)]
    fn enter(&self, matter: &Matter<'_>) -> (Next, Gate, Option<&Lead>) {
        let Matter { entered, looks: [_, (resource, _)], .. } = *matter;
        let known = match entered {
            Some((entered, number)) => entered.get(number),
            None => self.halves.get(matter.first_classes().map(class_of)),
        };
        let (half, lead) = match known {
            Some(half) => (half, None),
            None => self.enter_half(matter),
        };
        let widen = |wider: Next| match lead {
            Some(lead) => lead.set(wider),
            None => self.widen(*matter, wider),
        };
        // Loaded once: what is behind a gate may not be taken without it.
        match self.pass(half, resource, widen) {
            Ok(lead) => {
                let (next, gate) = lead.get_gated();
                (next, gate, Some(lead))
            }
            Err(next) => (next, Gate::NONE, None),
        }
    }

    /// Keeps that a state was replaced by a wider one, where it was come to by what was kept of
    /// before: there, and where others come to it.
    #[cold]
    fn widen(&self, matter: Matter<'_>, wider: Next) {
        if let (_, Some(lead)) = self.enter_half(&matter) {
            lead.set(wider);
        }
        match matter.entered {
            Some((entered, number)) => entered.set(number, wider),
            None => self.halves.set(matter.first_classes().map(class_of), wider),
        }
    }

    /// The same where the resource is not known yet, and where that is kept.
    #[inline(always)]
    fn enter_half(&self, matter: &Matter<'_>) -> (Next, Option<&Lead>) {
        let [principal, context] = matter.first_classes();
        let (next, lead) =
            led(self.pass(self.start.get(), principal, |wider| self.start.set(wider)));
        let mut half = led(self.pass(next, context, |wider| {
            if let Some(lead) = lead {
                lead.set(wider);
            }
        }));
        let is_early =
            half.0.state().and_then(|at| self.known(at)).is_some_and(|state| state.is_early);
        if is_early {
            half = self.go_early(*matter, half.0);
        }
        match matter.entered {
            Some((entered, number)) => entered.set(number, half.0),
            // What is asked early is of more than classes.
            None if !is_early && half.0 != Next::NOWHERE => {
                self.halves.set([principal, context].map(class_of), half.0);
            }
            None => {}
        }
        half
    }

    /// Asks what is asked of principal and circumstances alone.
    #[inline(never)]
    fn go_early(&self, matter: Matter<'_>, mut next: Next) -> (Next, Option<&Lead>) {
        let scope = &matter.scope;
        let mut rows = Early {
            principal: scope.row(scope.principal),
            context: scope.local.context.row(),
            seen: matter.seen_row(SEEN_ROW),
        };
        let mut lead = None;
        while let Some(state) = next.state().and_then(|at| self.known(at))
            && state.is_early
        {
            let answer = match &state.question.ask {
                Ask::Relation(relation, _) => relation.holds(scope, &mut rows),
                _ => None,
            };
            let Some(answer) = answer else { return (Next::NOWHERE, None) };
            let led = state.lead(answer.into());
            (next, lead) = (led.get(), Some(led));
        }
        (next, lead)
    }

    /// Where it is kept where a class leads from a state that asks for it; where one gets without that,
    /// if it is kept nowhere. `widen` is told of the state with more room that is there by now, if this
    /// one has too little.
    #[inline(always)]
    fn pass(&self, from: Next, class: u32, widen: impl FnOnce(Next)) -> Result<&Lead, Next> {
        let Some(at) = from.state() else { return Err(from) };
        let Some(state) = self.known(at).filter(|_| class != UNCLASSED) else {
            return Err(Next::NOWHERE);
        };
        if let Some(lead) = state.leads.get(class_of(class) as usize) {
            return Ok(lead);
        }
        let (lead, wider) = self.pass_beside(state, class_of(class))?;
        // Called here, and not from there: what it takes along need not stand in memory for it.
        widen(wider);
        Ok(lead)
    }

    /// Where a class leads that a state has no room for, and the wider state that has.
    #[cold]
    fn pass_beside(&self, state: &State, class: u32) -> Result<(&Lead, Next), Next> {
        let mut wider = state.question.wider.get();
        loop {
            let Some(at) = wider.state() else { return Err(wider) };
            let Some(state) = self.known(at) else { return Err(Next::NOWHERE) };
            if let Some(lead) = state.leads.get(class as usize) {
                return Ok((lead, wider));
            }
            wider = state.question.wider.get();
        }
    }

    /// Asks one thing after the other, and keeps what a program would have to know of it.
    #[cold]
    fn ask(&self, matter: &Matter<'_>) -> Option<Verdict> {
        let start = self.start(matter)?;
        let (verdict, walk) = self.walk(matter, start)?;
        // What was kept may have led to a state that was replaced by a wider one.
        self.enter_half(matter);
        // Who made states has done enough.
        if walk.expansions == 0
            && let (next, gate, Some(lead)) = self.enter(matter)
            && let Some(at) = next.state()
            // Who does not pass says nothing of what is behind a gate.
            && gate.passes(matter.ends())
            && !(gate.is_none() && self.put_gate(matter, lead, at))
        {
            self.write(matter, at);
            if !walk.evaluated
                && let Some(program) = self.known(at).and_then(State::program)
            {
                program.learn(matter, verdict, !walk.asked_dear);
            }
        }
        Some(verdict)
    }

    /// Puts a gate before what follows on a state, if all that it asks can be one.
    fn put_gate(&self, matter: &Matter<'_>, lead: &Lead, at: u32) -> bool {
        let put = || {
            let state = self.known(at)?;
            let relation = match &state.question.ask {
                Ask::Relation(relation, _) if Gate::can_be(relation) => relation,
                _ => return None,
            };
            let leads = |answer: u32| match state.lead(answer).get() {
                Next::NOWHERE => self.expand(matter, at, state, answer),
                next => Some(next),
            };
            let gate = Gate::of(relation, leads(0)?.verdict()?)?;
            lead.set_gated(leads(1)?, gate);
            Some(())
        };
        put().is_some()
    }

    /// Writes the program of a state, the first times that this is wanted.
    fn write(&self, matter: &Matter<'_>, at: u32) {
        let Some(state) = self.known(at) else { return };
        let tries = &state.question.tries;
        if state.program().is_some() || tries.load(Ordering::Relaxed) >= TRIES_MAX {
            return;
        }
        let Some(builder) = self.builder() else { return };
        tries.fetch_add(1, Ordering::Relaxed);
        if !matter.plan.has_room_for_program() {
            return;
        }
        match builder.program(matter, at) {
            Ok(program) => {
                let _already_there = state.program.set(Box::new(program));
            }
            Err(Obstacle::Always) => tries.store(TRIES_MAX, Ordering::Relaxed),
            Err(Obstacle::Here) => {}
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
                // A program may have to look where the machine need not.
                Ask::Relation(relation, _) => relation.is_of_ancestors(),
                ask => matches!(ask, Ask::AnyGroup { .. }),
            };
            walk.evaluated |= matches!(ask, Ask::Other(_));
            let answer = answer?;
            next = match state.lead(answer).get_gated() {
                (Next::NOWHERE, _) => {
                    walk.expansions += 1;
                    if walk.expansions > EXPANSIONS_MAX {
                        return None;
                    }
                    self.expand(matter, at, state, answer)?
                }
                (next, gate) if gate.passes(matter.ends()) => next,
                (_, gate) => return Some((gate.otherwise(), walk)),
            };
        }
    }

    /// What the machine says without its programs. Who adds to it is waited for: till then it may have
    /// no say.
    #[cfg(feature = "coverage")]
    fn walk_undisturbed(&self, matter: &Matter<'_>) -> Option<Verdict> {
        const WAITS: usize = 100;
        (0..WAITS).find_map(|_| {
            let walked = self.walk(matter, self.start.get());
            if walked.is_none() {
                drop(self.builder.lock());
            }
            walked.map(|(verdict, _)| verdict)
        })
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

/// Where one gets, and where that is kept if it is.
#[inline]
fn led(passed: Result<&Lead, Next>) -> (Next, Option<&Lead>) {
    match passed {
        Ok(lead) => (lead.get(), Some(lead)),
        Err(next) => (next, None),
    }
}

/// How many states a plan has room for.
pub(crate) const STATES_MAX: u32 = States::ROOM as u32;

impl Half<'_> {
    /// Whether a machine [allows](Machine::allows), where that is ready.
    #[inline(always)]
    pub(crate) fn allows(&self, matter: &Matter<'_>) -> Option<bool> {
        let Some(state) = self.state else { return self.next.verdict().map(Verdict::allows) };
        let (resource, _) = matter.looks[1];
        if resource == UNCLASSED {
            return None;
        }
        let (next, gate) = state.leads.get(class_of(resource) as usize)?.get_gated();
        self.machine.effect(matter, next, gate)
    }
}

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
        Self { plan, environment, entered: None, scope, looks, ends: None }
    }

    /// The class words of principal and context, which are asked for first.
    #[inline(always)]
    fn first_classes(&self) -> [u32; 2] {
        [self.looks[0].0, self.scope.local.context.row().class()]
    }

    /// The rows of principal and resource.
    #[inline(always)]
    fn ends(&self) -> [Row<'w>; 2] {
        let Scope { principal, resource, .. } = self.scope;
        match self.ends {
            Some(ends) => ends,
            None => [self.scope.row(principal), self.scope.row(resource)],
        }
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
        Evaluator::new(&self.plan.arena, self.scope).holds(expr).ok()
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
