//! The library's errors: one per phase, and one over them all.

use crate::audit::AuditError;
use crate::facts::ValueError;
use crate::policy::PolicyError;
use crate::portal::{ConfigError, WriteError};
use crate::query::FilterError;

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
    /// A tenant's configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
    /// A question that cannot be asked of a host's tables.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A record that was not kept or cannot be read, or a queue that was not set up.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// An error that says what is wrong and where, and what to do about it: `message; help`.
macro_rules! message_and_help {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
        pub struct $name {
            message: String,
            help: Option<String>,
        }

        impl $name {
            /// What is wrong, and where: places are joined by colons, the outermost first.
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
                Self { message: $crate::error::bounded(message.into()), help: None }
            }

            pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
                self.help = Some(help.into());
                self
            }

            /// Says where: `subject: …`.
            pub(crate) fn within(mut self, place: impl std::fmt::Display) -> Self {
                self.message = $crate::error::bounded(format!("{place}: {}", self.message));
                self
            }
        }
    };
}
pub(crate) use message_and_help;

/// The beginning of a text that may quote input of any length.
pub(crate) fn bounded(mut text: String) -> String {
    const CHARS_MAX: usize = 1_000;
    if let Some((end, _)) = text.char_indices().nth(CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

message_and_help! {
/// Why facts cannot be kept, and what to do. It names rows and attributes, and no values.
///
/// # Example
///
/// ```
/// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle};
///
/// let policies = PolicyBundle::builder().schema("s", "entity Reader;").build()?;
/// let stray = Changes::new().put(Entity::new(EntityUid::new("Book", "1")));
/// let error = Engine::builder(policies).build()?.apply(&stray).unwrap_err();
/// assert!(error.message().starts_with(r#"Book::"1": "#));
/// assert_eq!(error.help(), Some("see the schema for what it declares"));
/// # Ok::<(), doorward::Error>(())
/// ```
StoreError
}

impl From<ValueError> for StoreError {
    fn from(error: ValueError) -> Self {
        let (message, help) = (error.message().to_owned(), error.help().map(str::to_owned));
        Self { message, help }
    }
}

message_and_help! {
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
RequestError
}

impl From<ValueError> for RequestError {
    fn from(error: ValueError) -> Self {
        let (message, help) = (error.message().to_owned(), error.help().map(str::to_owned));
        Self { message, help }
    }
}
