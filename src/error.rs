//! The library's errors: one per phase, and one over them all.

use crate::facts::ValueError;
use crate::policy::PolicyError;
use crate::portal::WriteError;

/// Any error of the library, for hosts that handle all of them in one place.
///
/// Nothing that goes wrong inside a decision is an error: it refuses, and shows in the
/// [`Decision`](crate::Decision).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Policies or a schema that cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A text or structure that is no value, uid or set of facts.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Facts that cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A portal command that was refused.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why facts cannot be kept, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct StoreError {
    message: String,
    help: Option<String>,
}

impl StoreError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
