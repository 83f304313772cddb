//! Policies as they are decided: what compiling makes of a bundle.
//!
//! A plan holds every policy's condition once, for evaluating all of them, and per environment (type
//! of principal, action, type of resource) a machine that finds the decision and its reason by the
//! least that has to be read.

mod above;
mod alias;
mod around;
mod build;
mod classes;
mod draft;
mod empty;
mod environment;
mod eval;
mod expr;
mod extension;
mod lead;
mod listing;
mod machine;
mod node;
mod program;
mod reach;
mod relation;
mod scope;
mod text;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;

use crate::facts::{
    Around, Classify, Column, EntityUid, IndexKey, Kind, Links, Path, Reading, Rows, Seen, Slot,
    UNCLASSED,
};
use crate::symbol::Symbol;
use above::Aim;
use around::Outlook;
use classes::{Layout, NOT_THERE, TypeClasses, class_of};
use machine::STATES_MAX;
use program::PROGRAMS_MAX;

pub(crate) use environment::{AtStep, Environment, Link, PathInfo, TypePlan};
pub(crate) use eval::{Evaluator, Val};
pub(crate) use expr::{Arena, Binary, EvalError, Expr, ExprId, Pattern, Unary, Var};
pub(crate) use lead::{Entered, Verdict};
pub use listing::{
    PlanClause, PlanCounts, PlanEnvironment, PlanFilter, PlanJoin, PlanListing, PlanPart,
    PlanPolicy, PlanRead, PlanType,
};
pub(crate) use machine::{Half, Items, Machine, Matter, PATHS_MAX};
pub(crate) use node::{
    FAIL, FALSE, Join, JoinOperator, Node, NodeId, Nodes, Operand, PathId, TRUE,
};
pub(crate) use reach::{
    Demand, GuardId, KnownId, PlaceId, Reach, Related, SOUGHT, Sought, Source, SourceId, Way,
};
use scope::NO_SLOT;
pub(crate) use scope::{ActionAt, Local, LocalRow, Scope};
#[cfg(feature = "coverage")]
pub(crate) use {machine::Ask, program::Act, relation::Relation};

/// A bundle of policies, ready to decide with.
pub(crate) struct Plan {
    pub(crate) arena: Arena,
    /// In the order of the bundle.
    pub(crate) rules: Vec<Option<Rule>>,
    literals: Vec<EntityUid>,
    groups: Vec<u32>,
    /// The policies that could not be compiled. Where there is one, the reference evaluator decides.
    pub(crate) uncompiled: Vec<usize>,
    pub(crate) environments: Vec<Environment>,
    keys: HashMap<EnvironmentKey, u32>,
    pub(crate) types: Vec<TypePlan>,
    type_numbers: HashMap<Arc<str>, u32, RandomState>,
    classes: Vec<TypeClasses>,
    outlooks: Vec<Outlook>,
    aims: Vec<Aim>,
    /// The types of which rows may be above those that are asked what they are in.
    above_aimed: BTreeSet<Arc<str>>,
    /// By type: whether the moment says to which class a context belongs.
    tests_now: Vec<bool>,
    /// What rows are looked up by.
    index_keys: Vec<IndexKey>,
    /// By type: the numbers of these by which it and what may lie between are looked up by parents.
    parent_indexes: Box<[Option<Box<[usize]>>]>,
    /// No other plan of this process has it.
    serial: u64,
    /// How many states its machines have made, and how many of them were tried for a program.
    states: AtomicU32,
    programs: AtomicU32,
}

/// One policy.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) kind: RuleKind,
    pub(crate) id: Symbol,
    pub(crate) reason: Option<Symbol>,
    pub(crate) step: Option<u8>,
    pub(crate) step_up: Option<Symbol>,
    pub(crate) rank: u32,
    pub(crate) condition: ExprId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Permit,
    Forbid,
    StepUp,
    Reason,
}

/// What names an environment: types by the plan's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct EnvironmentKey {
    pub(crate) principal: u32,
    pub(crate) action: EntityUid,
    pub(crate) resource: u32,
}

/// The parts that compiling made.
pub(crate) struct Parts {
    pub(crate) arena: Arena,
    pub(crate) rules: Vec<Option<Rule>>,
    pub(crate) literals: Vec<EntityUid>,
    pub(crate) groups: Vec<u32>,
    pub(crate) uncompiled: Vec<usize>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) keys: HashMap<EnvironmentKey, u32>,
    pub(crate) types: Vec<TypePlan>,
}

impl Plan {
    pub(crate) fn new(parts: Parts) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Parts { arena, rules, literals, groups, uncompiled, mut environments, keys, types } =
            parts;
        let mut outlooks = Self::outlooks(types.len(), &mut environments);
        let aims = Self::aims(&environments, &mut outlooks);
        let type_numbers =
            types.iter().zip(0..).map(|(plan, number)| (Arc::clone(&plan.name), number)).collect();
        let own_columns = Self::own_columns(&types, &environments);
        let looked_at = own_columns.into_iter().zip(Self::set_columns(&types, &environments));
        let classes = types
            .iter()
            .zip(looked_at)
            .map(|(plan, (own, sets))| TypeClasses::new(&arena, plan, own, sets))
            .collect();
        let index_keys = Self::index_keys(&types);
        let reads_now = |test: &ExprId| arena.reads_attribute(*test, "now");
        let tests_now = types.iter().map(|plan| plan.tests.iter().any(reads_now)).collect();
        Self {
            rules,
            literals,
            groups,
            uncompiled,
            environments,
            keys,
            type_numbers,
            classes,
            above_aimed: Self::above_aimed(&types, &outlooks),
            outlooks,
            aims,
            tests_now,
            parent_indexes: Self::number_parent_indexes(&types, &index_keys),
            index_keys,
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
            states: AtomicU32::new(0),
            programs: AtomicU32::new(0),
            types,
            arena,
        }
    }

    #[inline]
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Takes the place of one more state, if there is one.
    fn has_room(&self) -> bool {
        self.states.fetch_add(1, Ordering::Relaxed) < STATES_MAX
    }

    /// Takes the place of one more program, if there is one.
    fn has_room_for_program(&self) -> bool {
        self.programs.fetch_add(1, Ordering::Relaxed) < PROGRAMS_MAX
    }

    /// Whether it holds every policy of its bundle.
    pub(crate) fn is_whole(&self) -> bool {
        self.uncompiled.is_empty()
    }

    pub(crate) fn rule(&self, index: u32) -> Option<&Rule> {
        self.rules.get(index as usize)?.as_ref()
    }

    /// A policy's place among reasons: its step, its rank, its place in the bundle.
    fn place(&self, index: u32) -> (u8, u32, u32) {
        let rank = self.rule(index).map_or(u32::MAX, |rule| rule.rank);
        (self.step(index), rank, index)
    }

    fn step(&self, index: u32) -> u8 {
        self.rule(index).and_then(|rule| rule.step).unwrap_or(u8::MAX)
    }

    /// The number for the type of an environment's context.
    pub(crate) fn context_type(&self, environment: u32) -> u32 {
        self.environments.get(environment as usize).map_or(u32::MAX, Environment::context_type)
    }

    /// Whether the class of a context of this type depends on its `now`.
    pub(crate) fn tests_now(&self, context_type: u32) -> bool {
        self.tests_now.get(context_type as usize).is_none_or(|tests| *tests)
    }

    pub(crate) fn literal(&self, number: u32) -> Option<&EntityUid> {
        self.literals.get(number as usize)
    }

    pub(crate) fn type_name(&self, number: u32) -> Arc<str> {
        self.types.get(number as usize).map(|plan| Arc::clone(&plan.name)).unwrap_or_default()
    }

    pub(crate) fn type_number(&self, name: &str) -> Option<u32> {
        self.type_numbers.get(name).copied()
    }

    /// The environment of a request's names.
    pub(crate) fn environment(
        &self,
        principal: &str,
        action: &EntityUid,
        resource: &str,
    ) -> Option<&Environment> {
        let (index, ..) = self.find(principal, action, resource)?;
        self.environments.get(index as usize)
    }

    /// The numbers of an environment and of its types.
    pub(crate) fn find(
        &self,
        principal: &str,
        action: &EntityUid,
        resource: &str,
    ) -> Option<(u32, u32, u32)> {
        let (principal, resource) = (self.type_number(principal)?, self.type_number(resource)?);
        let key = EnvironmentKey { principal, action: action.clone(), resource };
        Some((*self.keys.get(&key)?, principal, resource))
    }

    /// Where rows of a type that keep their columns so keep one of them.
    fn column_in(
        &self,
        type_number: u32,
        layout: Option<&Layout>,
        column: &Path,
    ) -> Option<(u32, Kind)> {
        let number = self.column_number(type_number, column)?;
        layout?.get(number).copied().flatten()
    }

    fn column_number(&self, type_number: u32, column: &Path) -> Option<usize> {
        self.types.get(type_number as usize)?.column_number(column)
    }

    /// Classes of what a request brings along, which no write has looked at.
    pub(crate) fn classify_local(&self, rows: &Rows, local: &mut Local, context: Option<u32>) {
        self.classify_rows(rows, local);
        self.classify_context(rows, local, context.unwrap_or(u32::MAX));
    }

    /// The class of a request's context.
    pub(crate) fn classify_context(&self, rows: &Rows, local: &mut Local, context_type: u32) {
        let class = self.of_type(context_type).and_then(|(plan, classes)| {
            let reading = classes.reading(&self.arena, plan, local.context.columns());
            let scope = Scope::of_row(rows, local, NO_SLOT);
            self.classify(scope, context_type, &reading, &mut Vec::new())
        });
        Arc::make_mut(&mut local.context).set_class(class.unwrap_or(UNCLASSED));
    }

    /// Classes of the rows that a request brings along.
    pub(crate) fn classify_rows(&self, rows: &Rows, local: &mut Local) {
        let (mut key, mut memo) = local.take_memo();
        for at in 0..local.len() {
            let class = local.slot_at(at).and_then(|slot| {
                let number = local.plan_type(at)?;
                let (plan, classes) = self.of_type(number)?;
                let read = |columns: &[Column]| classes.reading(&self.arena, plan, columns);
                let reading = local.reading(at, self.serial, read)?;
                key.clear();
                key.extend([self.serial as u32, (self.serial >> 32) as u32, number]);
                let scope = Scope::of_row(rows, local, slot);
                let evaluator = Evaluator::new(&self.arena, scope);
                Some(classes.classify(&evaluator, plan, &reading, &mut key, Some(&mut memo)))
            });
            local.set_class(at, class.unwrap_or(UNCLASSED));
        }
        local.give_memo((key, memo));
    }

    fn classify(
        &self,
        scope: Scope<'_>,
        number: u32,
        reading: &Reading,
        key: &mut Vec<u32>,
    ) -> Option<u32> {
        let (plan, classes) = self.of_type(number)?;
        let evaluator = Evaluator::new(&self.arena, scope);
        key.clear();
        Some(classes.classify(&evaluator, plan, reading, key, None))
    }

    /// What the tests of a type come to where there is no row, on an entity that is no literal.
    fn nobody(&self, rows: &Rows, number: u32) -> Option<Arc<[NodeId]>> {
        let (plan, _) = self.of_type(number)?;
        let mut local = Local::default();
        let own = local.nobody(&plan.name);
        let scope = Scope::of_row(rows, &local, own);
        Some(classes::outcomes(&Evaluator::new(&self.arena, scope), plan))
    }

    /// What rows of a type come to in each of its tests, by their class word. `None` where that tells
    /// nothing.
    pub(crate) fn outcomes(&self, type_number: u32, class: u32) -> Option<Arc<[NodeId]>> {
        let classes = self.classes.get(type_number as usize)?;
        let class = classes.class(class_of(class)).filter(|_| class != UNCLASSED)?;
        Some(class.outcomes)
    }

    fn of_type(&self, number: u32) -> Option<(&TypePlan, &TypeClasses)> {
        self.types.get(number as usize).zip(self.classes.get(number as usize))
    }
}

thread_local! {
    /// A request that brings nothing along, and room for a class's key.
    static NOTHING: (Local, RefCell<Vec<u32>>) = Default::default();
}

impl Classify for Plan {
    fn type_names(&self) -> Vec<Arc<str>> {
        self.types.iter().map(|plan| Arc::clone(&plan.name)).collect()
    }

    fn literals(&self) -> &[EntityUid] {
        &self.literals
    }

    fn groups(&self) -> &[u32] {
        &self.groups
    }

    fn reading(&self, type_name: &str, columns: &[Column]) -> Reading {
        match self.type_number(type_name).and_then(|number| self.of_type(number)) {
            Some((plan, classes)) => classes.reading(&self.arena, plan, columns),
            None => Reading { layout: classes::NO_LAYOUT, places: Arc::new([]) },
        }
    }

    fn indexes(&self) -> &[IndexKey] {
        &self.index_keys
    }

    fn links(&self, type_name: &str) -> Links {
        let number = self.type_number(type_name);
        let outlook = number.and_then(|number| self.outlooks.get(number as usize));
        let mut trails = self.outlooks.iter().flat_map(|outlook| &outlook.trails);
        Links {
            lead_on: outlook.is_some_and(|it| it.is_aimed || !it.trails.is_empty()),
            are_led_to: trails.any(|trail| Some(trail.type_number) == number),
            are_above: self.above_aimed.contains(type_name),
        }
    }

    fn look_around(&self, rows: &Rows, around: &Around, slot: Slot) -> Option<Seen> {
        NOTHING.with(|(local, _)| self.see(rows, local, around, slot))
    }

    fn class(&self, rows: &Rows, slot: Slot, reading: Option<&Reading>) -> u32 {
        static NOT_READ: LazyLock<Reading> =
            LazyLock::new(|| Reading { layout: NOT_THERE, places: Arc::new([]) });
        let Some(number) = self.type_number(rows.type_name(slot)) else { return UNCLASSED };
        NOTHING.with(|(local, key)| {
            let (scope, reading) = (Scope::of_row(rows, local, slot), reading.unwrap_or(&NOT_READ));
            self.classify(scope, number, reading, &mut key.borrow_mut()).unwrap_or(UNCLASSED)
        })
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("policies", &self.rules.len())
            .field("environments", &self.environments.len())
            .finish_non_exhaustive()
    }
}
