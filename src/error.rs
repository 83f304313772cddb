//! The library's errors: one per phase, and one over them all.

use std::fmt;

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
    /// Arguments that form no request.
    #[error(transparent)]
    Request(#[from] RequestError),
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

/// Why a structure forms no request, and what to do.
///
/// A request that is well formed and fits no schema is none of these: it is decided, and refused.
///
/// # Example
///
/// ```
/// use doorward::{PolicyBundle, Request};
/// use serde_json::json;
///
/// let bundle = PolicyBundle::builder().build()?;
/// let body = json!({ "subject": { "type": "Contact", "id": "gm", "role": "admin" } });
/// let error = Request::from_json(&body, &bundle).unwrap_err();
/// assert_eq!(error.message(), "subject: unknown member `role`");
/// assert_eq!(error.help(), Some("known are type, id, properties"));
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct RequestError {
    message: String,
    help: Option<String>,
}

impl RequestError {
    /// What is wrong, and where: `evaluations[2]: subject: member `id` is missing`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says where: `subject: …`.
    pub(crate) fn within(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl From<ValueError> for RequestError {
    fn from(error: ValueError) -> Self {
        let (message, help) = error.into_parts();
        Self { message, help }
    }
}
