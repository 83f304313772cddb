//! What can be asked about one type of principal, one action and one type of resource.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Rule;
use super::machine::Machine;
use super::node::PathId;
use super::reach::Reach;
use crate::facts::Path;

/// The questions and policies of one environment.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The action, among the plan's literals.
    pub(crate) action: u32,
    pub(crate) paths: Box<[PathInfo]>,
    /// The numbers of the paths from the principal among the trails of its type, and of those from
    /// the resource.
    pub(crate) numbers: [Box<[Option<PathId>]>; 2],
    /// `None` where there are more paths than a machine follows.
    pub(crate) machine: Option<Machine>,
    /// Where rows are found that can be one end of a request: of principals and of resources, with
    /// forbids that refuse where they fail and without. Read off when first asked for.
    pub(crate) reaches: [OnceLock<Option<Reach>>; 4],
    /// The forbids of single steps, as far as somebody asked for them.
    pub(crate) at_steps: Mutex<BTreeMap<u8, Arc<AtStep>>>,
}

/// The forbids of one step, apart from all other policies.
#[derive(Debug)]
pub(crate) struct AtStep {
    pub(crate) step: u8,
    /// Allows what none of them refuses.
    pub(crate) machine: Option<Machine>,
}

impl Environment {
    /// The plan's number for the type of the context.
    pub(crate) fn context_type(&self) -> u32 {
        self.paths.get(2).map_or(u32::MAX, |info| info.type_number)
    }

    /// The forbids of a step.
    pub(crate) fn at_step(&self, rules: &[Option<Rule>], step: u8) -> Arc<AtStep> {
        let mut known = self.at_steps.lock().unwrap_or_else(PoisonError::into_inner);
        let at_step = known.entry(step).or_insert_with(|| {
            let of = |number: u32| rules.get(number as usize).and_then(Option::as_ref);
            let is_of_step = |number| of(number).is_some_and(|rule| rule.step == Some(step));
            let machine = self.machine.as_ref().map(|machine| machine.of_forbids(is_of_step));
            Arc::new(AtStep { step, machine })
        });
        Arc::clone(at_step)
    }
}

/// A way from a request to a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PathInfo {
    pub(crate) link: Link,
    /// The plan's number for the type of the rows there.
    pub(crate) type_number: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Link {
    Principal,
    Resource,
    Context,
    /// One of the plan's literals.
    Literal(u32),
    /// What a column of another path's row names.
    Column(PathId, Path),
}

/// What the plan asks of the rows of one type.
#[derive(Debug, Default)]
pub(crate) struct TypePlan {
    pub(crate) name: Arc<str>,
    /// Conditions on one row alone.
    pub(crate) tests: Vec<super::expr::ExprId>,
    /// The columns that joins and links read.
    pub(crate) columns: Vec<Path>,
    /// The types that rows of it may have above them, at any distance.
    pub(crate) above: BTreeSet<Arc<str>>,
}

impl TypePlan {
    pub(super) fn column_number(&self, column: &Path) -> Option<usize> {
        self.columns.iter().position(|known| known == column)
    }
}
