//! Decisions as states: each asks one thing of one row or of two, and leads on by the answer.
//!
//! States are made when a request first comes to them, by specialising the policies that are left to
//! what was answered so far ([`Builder`]), and kept. So a request that goes a known way reads a
//! handful of words, whatever the number of policies.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};

use super::Plan;
use super::RuleKind;
use super::build::Builder;
use super::classes::{CLASS_BITS, class_of};
use super::environment::Environment;
use super::eval::Evaluator;
use super::expr::ExprId;
use super::node::{NodeId, Nodes, PathId};
use super::scope::Scope;
use crate::facts::{Row, Slot, UNCLASSED, View};

/// How many paths a machine follows.
pub(crate) const PATHS_MAX: usize = 64;
/// How many of them a small frame has room for.
const PATHS_FEW: usize = 12;
const CHUNK_STATES: usize = 256;
const CHUNKS: usize = 256;
/// No state: the way there was not gone yet.
const NOWHERE: u32 = 0;
const START: u32 = 1;

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

/// What came of a request, with the policy that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow(u32),
    /// Denied by a forbid, or for a reason.
    Deny(u32),
    StepUp(u32),
    NoPermit,
}

/// A value's place: a column of a path's row, or, at offset 0, the path's entity itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: u8,
    pub(crate) offset: u16,
}

/// How a number stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Short,
    Long,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The class of a root's row.
    Root {
        path: u8,
        literal: Option<u32>,
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
    SameWord(Place, Place),
    SameNumber((Place, Width), (Place, Width)),
    Less((Place, Width), (Place, Width), bool),
    Contains {
        set: Place,
        element: Place,
        texts: bool,
        expr: ExprId,
    },
    In(Place, Place),
    InAny {
        entity: Place,
        set: Place,
        expr: ExprId,
    },
    Other(ExprId),
    Done(Verdict),
    /// Something fails: only all policies together tell what comes of it.
    GiveUp,
}

pub(crate) struct State {
    pub(crate) ask: Ask,
    /// The answer that came first, and where it leads: most come again.
    expected: AtomicU32,
    next: AtomicU32,
    /// Where each answer leads: classes or layouts by number, or no and yes.
    table: Box<[AtomicU32]>,
}

impl State {
    pub(crate) fn new(ask: Ask, answers: usize) -> Self {
        Self {
            ask,
            expected: AtomicU32::new(u32::MAX),
            next: AtomicU32::new(NOWHERE),
            table: (0..answers).map(|_| AtomicU32::new(NOWHERE)).collect(),
        }
    }

    #[inline]
    fn leads(&self, answer: u32) -> u32 {
        if self.expected.load(Ordering::Relaxed) == answer {
            return self.next.load(Ordering::Acquire);
        }
        self.table.get(answer as usize).map_or(NOWHERE, |next| next.load(Ordering::Acquire))
    }

    fn lead(&self, answer: u32, next: u32) {
        if let Some(place) = self.table.get(answer as usize) {
            place.store(next, Ordering::Release);
        }
        if self.next.load(Ordering::Relaxed) == NOWHERE {
            self.next.store(next, Ordering::Release);
            self.expected.store(answer, Ordering::Release);
        }
    }
}

/// States that are made one after the other, where they stay.
type Chunk = Box<[OnceLock<State>]>;

/// The states of one environment.
pub(crate) struct Machine {
    chunks: Box<[OnceLock<Chunk>]>,
    builder: Mutex<Builder>,
}

/// How far a request has come: the rows that it found.
pub(crate) struct Frame<'w, const N: usize> {
    rows: [Row<'w>; N],
    slots: [Slot; N],
    state: u32,
}

/// What a machine knows of a principal when it has asked all that it asks of him alone.
#[derive(Debug)]
pub(crate) struct Start {
    from: u32,
    /// The rows that it found, by path.
    kept: Box<[(u8, Slot)]>,
}

/// What a machine decides about.
#[derive(Clone, Copy)]
pub(crate) struct Matter<'w> {
    pub(crate) plan: &'w Plan,
    pub(crate) environment: &'w Environment,
    pub(crate) scope: Scope<'w>,
}

impl Machine {
    pub(crate) fn new(nodes: Nodes, items: Items) -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            builder: Mutex::new(Builder::new(nodes, items)),
        }
    }

    /// Decides; `None` where only all policies together tell.
    pub(crate) fn decide(&self, matter: &Matter<'_>) -> Option<Verdict> {
        if matter.environment.paths.len() <= PATHS_FEW {
            self.run(matter, &mut Frame::<PATHS_FEW>::start(matter))
        } else {
            self.run(matter, &mut Frame::<PATHS_MAX>::start(matter))
        }
    }

    /// Asks what is asked of the principal alone.
    pub(crate) fn begin(&self, matter: &Matter<'_>) -> Start {
        let mut frame = Frame::<PATHS_MAX>::start(matter);
        let mut kept = Vec::new();
        let from = self.advance(matter, &mut frame, &mut kept);
        let found = |path: u8| Some((path, *frame.slots.get(path as usize)?));
        Start { from, kept: kept.into_iter().filter_map(found).collect() }
    }

    /// Decides from there on.
    #[inline]
    pub(crate) fn resume(&self, matter: &Matter<'_>, start: &Start) -> Option<Verdict> {
        if matter.environment.paths.len() <= PATHS_FEW {
            self.run(matter, &mut Frame::<PATHS_FEW>::resume(matter, start))
        } else {
            self.run(matter, &mut Frame::<PATHS_MAX>::resume(matter, start))
        }
    }

    fn run<'w, const N: usize>(
        &self,
        matter: &Matter<'w>,
        frame: &mut Frame<'w, N>,
    ) -> Option<Verdict> {
        let first = self.chunks.first().and_then(OnceLock::get).map_or(&[][..], |chunk| chunk);
        let mut at = frame.state;
        loop {
            let state = match first.get(at as usize).and_then(OnceLock::get) {
                Some(state) => state,
                None => self.state(matter, at)?,
            };
            let answer = match state.ask {
                Ask::Done(verdict) => return Some(verdict),
                Ask::GiveUp => return None,
                ref ask => {
                    let answer = frame.answer(matter, ask);
                    #[cfg(feature = "coverage")]
                    crate::coverage::count_answer(ask, answer);
                    answer?
                }
            };
            at = match state.leads(answer) {
                NOWHERE => self.expand(matter, at, state, answer)?,
                next => next,
            };
        }
    }

    /// Goes on as long as the resource does not matter; where that ends.
    fn advance<'w, const N: usize>(
        &self,
        matter: &Matter<'w>,
        frame: &mut Frame<'w, N>,
        kept: &mut Vec<u8>,
    ) -> u32 {
        let mut at = START;
        loop {
            let Some(state) = self.state(matter, at) else { return at };
            let path = match state.ask {
                Ask::Root { path, .. } | Ask::Follow { path, .. } => PathId::from(path),
                _ => return at,
            };
            if matter.root(path) == Some(1) {
                return at;
            }
            let Some(answer) = frame.answer(matter, &state.ask) else { return at };
            kept.push(path as u8);
            at = match state.leads(answer) {
                NOWHERE => match self.expand(matter, at, state, answer) {
                    Some(next) => next,
                    None => return at,
                },
                next => next,
            };
        }
    }

    fn state(&self, matter: &Matter<'_>, at: u32) -> Option<&State> {
        if at == START && self.known(START).is_none() {
            let mut builder = self.builder()?;
            let states = builder.start(matter);
            self.add(states);
        }
        self.known(at)
    }

    fn known(&self, at: u32) -> Option<&State> {
        self.chunks.get(at as usize / CHUNK_STATES)?.get()?.get(at as usize % CHUNK_STATES)?.get()
    }

    /// Finds where an answer leads, the first time that it is given.
    fn expand(&self, matter: &Matter<'_>, at: u32, state: &State, answer: u32) -> Option<u32> {
        let (next, made) = self.builder()?.expand(matter, at, &state.ask, answer)?;
        self.add(made);
        state.lead(answer, next);
        Some(next)
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

    fn add(&self, made: Option<(u32, State)>) {
        let Some((at, state)) = made else { return };
        let Some(chunk) = self.chunks.get(at as usize / CHUNK_STATES) else { return };
        let chunk = chunk.get_or_init(|| (0..CHUNK_STATES).map(|_| OnceLock::new()).collect());
        if let Some(place) = chunk.get(at as usize % CHUNK_STATES) {
            let _already_there = place.set(state);
        }
    }
}

/// How many states a machine has room for.
pub(crate) const STATES_MAX: u32 = (CHUNK_STATES * CHUNKS) as u32;

impl<'w, const N: usize> Frame<'w, N> {
    #[inline]
    fn start(matter: &Matter<'w>) -> Self {
        let scope = &matter.scope;
        let mut frame =
            Self { rows: [Row { words: &[], heap: &[] }; N], slots: [0; N], state: START };
        if let [principal, resource, ..] = frame.slots.as_mut_slice() {
            (*principal, *resource) = (scope.principal, scope.resource);
        }
        frame
    }

    #[inline]
    fn resume(matter: &Matter<'w>, start: &Start) -> Self {
        let mut frame = Self::start(matter);
        frame.state = start.from;
        for (path, slot) in &start.kept {
            let row =
                if *path == 2 { matter.scope.local.context.row() } else { matter.scope.row(*slot) };
            frame.keep(*path, *slot, row);
        }
        frame
    }

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
                let slot = self.word(from);
                let row = scope.row(slot);
                self.keep(path, slot, row);
                class(row.class(), by_layout)?
            }
            Ask::Root { path, literal, by_layout } => {
                let row = match (path, literal) {
                    (_, Some(literal)) => {
                        let slot = scope.rows.literals().get(literal as usize).copied()?;
                        let row = scope.row(slot);
                        self.keep(path, slot, row);
                        row
                    }
                    (2, None) => {
                        let row = scope.local.context.row();
                        self.keep(path, 0, row);
                        row
                    }
                    _ => {
                        let slot = self.slots.get(path as usize).copied()?;
                        let row = scope.row(slot);
                        self.keep(path, slot, row);
                        row
                    }
                };
                class(row.class(), by_layout)?
            }
            Ask::AnyGroup { path, word, mask } => {
                let slot = self.slots.get(path as usize).copied().unwrap_or_default();
                u32::from(scope.groups(slot, self.row(path), word as usize) & mask != 0)
            }
            Ask::SameWord(left, right) => u32::from(self.word(left) == self.word(right)),
            Ask::SameNumber(left, right) => u32::from(self.number(left) == self.number(right)),
            Ask::Less(left, right, or_equal) => {
                let (left, right) = (self.number(left), self.number(right));
                u32::from(left < right || (or_equal && left == right))
            }
            Ask::Contains { set, element, texts, expr } => {
                let wanted = self.word(element);
                u32::from(match self.row(set.path).blob(set.offset as usize) {
                    View::Entities(slots) if !texts => contains(slots, wanted),
                    View::Texts(numbers) if texts => contains(numbers, wanted),
                    View::Entities([]) => false,
                    _ => matter.holds(expr)?,
                })
            }
            Ask::In(entity, above) => {
                let slot = self.word(entity);
                u32::from(scope.is_in(slot, self.word(above)))
            }
            Ask::InAny { entity, set, expr } => {
                let slot = self.word(entity);
                u32::from(match self.row(set.path).blob(set.offset as usize) {
                    View::Entities(above) => above.iter().any(|above| scope.is_in(slot, *above)),
                    _ => matter.holds(expr)?,
                })
            }
            Ask::Other(expr) => u32::from(matter.holds(expr)?),
            Ask::Done(_) | Ask::GiveUp => return None,
        })
    }

    #[inline]
    fn keep(&mut self, path: u8, slot: Slot, row: Row<'w>) {
        if let (Some(kept), Some(known)) =
            (self.rows.get_mut(path as usize), self.slots.get_mut(path as usize))
        {
            *kept = row;
            *known = slot;
        }
    }

    #[inline]
    fn row(&self, path: u8) -> Row<'w> {
        self.rows.get(path as usize).copied().unwrap_or(Row { words: &[], heap: &[] })
    }

    #[inline]
    fn word(&self, place: Place) -> u32 {
        if place.offset == 0 {
            return self.slots.get(place.path as usize).copied().unwrap_or_default();
        }
        self.row(place.path).word(place.offset as usize)
    }

    #[inline]
    fn number(&self, (place, width): (Place, Width)) -> i64 {
        match width {
            Width::Short => i64::from(self.word(place).cast_signed()),
            Width::Long => self.row(place.path).long(place.offset as usize),
        }
    }
}

/// Whether a number is among these, in ascending order.
#[inline]
fn contains(numbers: &[u32], wanted: u32) -> bool {
    const FEW: usize = 16;
    if numbers.len() <= FEW {
        return numbers.contains(&wanted);
    }
    numbers.binary_search(&wanted).is_ok()
}

impl Matter<'_> {
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
