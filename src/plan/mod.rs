//! Policies as they are decided: what compiling makes of a bundle.

mod eval;
mod expr;
mod extension;
mod scope;

use std::sync::Arc;

use crate::facts::{Classify, EntityUid, Rows, Slot, UNCLASSED};
use crate::symbol::Symbol;

pub(crate) use eval::{Evaluator, Val};
pub(crate) use expr::{Arena, Binary, EvalError, Expr, ExprId, Unary, Var};
pub(crate) use scope::{Local, Scope};

/// A bundle of policies, ready to decide with.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) arena: Arena,
    /// In the order of the bundle.
    pub(crate) rules: Vec<Option<Rule>>,
    pub(crate) literals: Vec<EntityUid>,
    pub(crate) groups: Vec<u32>,
    /// The policies that could not be compiled. Where there is one, the reference evaluator decides.
    pub(crate) uncompiled: Vec<usize>,
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

impl Plan {
    pub(crate) fn new(
        arena: Arena,
        rules: Vec<Option<Rule>>,
        literals: Vec<EntityUid>,
        groups: Vec<u32>,
        uncompiled: Vec<usize>,
    ) -> Self {
        Self { arena, rules, literals, groups, uncompiled }
    }

    /// Whether it holds every policy of its bundle.
    pub(crate) fn is_whole(&self) -> bool {
        self.uncompiled.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Permit,
    Forbid,
    StepUp,
    Reason,
}

impl Classify for Plan {
    fn literals(&self) -> &[EntityUid] {
        &self.literals
    }

    fn groups(&self) -> &[u32] {
        &self.groups
    }

    fn class(&self, _rows: &Rows, _slot: Slot) -> u32 {
        UNCLASSED
    }
}

pub(crate) type SharedPlan = Arc<Plan>;
