//! What can be asked about one type of principal, one action and one type of resource.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

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
}

impl Environment {
    /// The plan's number for the type of the context.
    pub(crate) fn context_type(&self) -> u32 {
        self.paths.get(2).map_or(u32::MAX, |info| info.type_number)
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
