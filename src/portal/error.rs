//! Why a write was refused.

use std::fmt;

use crate::decide::{Decision, codes};
use crate::error::{StoreError, bounded};
use crate::facts::{Revision, ValueError};
use crate::symbol::Symbol;

/// Codes of rules that a write must keep, in the order in which they are reported: what is named
/// has to be there, then the rules of the domain in its order.
pub const WRITE_CODES: &[&str] = &[
    "CROSS_TENANT",
    "UNKNOWN_KIND",
    "UNKNOWN_ACTION",
    "UNKNOWN_ID",
    "DUPLICATE_ID",
    "LIMIT_PRIMARY",
    "LIMIT_SECONDARY",
    "DUPLICATE_RELATION",
    "EMAIL_REQUIRED",
    "LOGIN_REQUIRED",
    "DUPLICATE_LOGIN",
    "DUPLICATE_EMAIL",
    "STAFF_IS_NO_CONTACT",
    "UNKNOWN_CONTACT",
    "NO_ESCALATION",
    "LAST_ADMIN",
    "PARENT_CYCLE",
    "SHARE_EXCEEDS_PARENT",
    "SET_IN_USE",
    "UNKNOWN_PERMISSION",
    "NO_OWNER_PATH",
    "MIN_RECIPIENTS",
    "NO_SIGNATORY",
    "SIGNATURES_MISSING",
    "SAME_APPROVER",
    "NOT_ENABLED",
    "PASSWORD_ALREADY_SET",
    "FORCE_RESET_REQUIRED",
    "REGISTRATION_OFF",
    "TOKEN_SCOPE",
    "TOKEN_USED",
    "NOT_ARCHIVED",
];

/// A rule that a write would break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub(super) code: Symbol,
    pub(super) message: String,
}

impl Violation {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Symbol::of(code), message: bounded(message.into()) }
    }

    /// The stable code, one of [`WRITE_CODES`].
    #[must_use]
    pub const fn code(&self) -> Symbol {
        self.code
    }

    /// What would be broken, and by what.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn order(&self) -> usize {
        let position = WRITE_CODES.iter().position(|code| self.code == *code);
        position.unwrap_or(WRITE_CODES.len())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Why a write was refused. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct WriteError(Box<Kind>);

#[derive(Debug, Clone, thiserror::Error)]
enum Kind {
    #[error("{action} on {resource} is not permitted: {decision}")]
    Denied { action: String, resource: String, decision: Decision },
    #[error("{}", listed(.0))]
    Rejected(Vec<Violation>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Value(#[from] ValueError),
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl WriteError {
    /// A refusal of the host's own, from within a write: nothing of it is written.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Portal, Preset, WriteError};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Invoicing)?;
    /// let refused = acme.write_as_system(|tx| {
    ///     tx.create_client(acme.client("C1"))?;
    ///     Err::<(), _>(WriteError::of_host("the quota is used up"))
    /// });
    /// assert_eq!(refused.unwrap_err().to_string(), "the quota is used up");
    /// assert!(!acme.facts().contains(&acme.client("C1").uid()));
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn of_host(message: impl Into<String>) -> Self {
        ValueError::new(message).into()
    }

    pub(super) fn denied(
        action: impl fmt::Display,
        resource: impl fmt::Display,
        decision: Decision,
    ) -> Self {
        let (action, resource) = (action.to_string(), bounded(resource.to_string()));
        Self::of(Kind::Denied { action, resource, decision })
    }

    /// Refused for these reasons, of which there is at least one.
    pub(super) fn rejected(mut violations: Vec<Violation>) -> Self {
        violations.sort_by_key(Violation::order);
        Self::of(Kind::Rejected(violations))
    }

    fn of(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    /// The reason code: of the decision on the actor, or else of the first rule that would be
    /// broken. `INVALID_REQUEST` for values that the schema does not take.
    #[must_use]
    pub fn code(&self) -> Symbol {
        match &*self.0 {
            Kind::Denied { decision, .. } => decision.code().unwrap_or(codes::NO_PERMIT),
            Kind::Rejected(violations) => {
                violations.first().map_or(codes::INVALID_REQUEST, Violation::code)
            }
            Kind::Store(_) | Kind::Value(_) => codes::INVALID_REQUEST,
        }
    }

    /// The decision on the actor, where he may not do this.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        if let Kind::Denied { decision, .. } = &*self.0 { Some(*decision) } else { None }
    }

    /// The rules that would be broken, in the order of [`WRITE_CODES`].
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        if let Kind::Rejected(violations) = &*self.0 { violations } else { &[] }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::of(Kind::Store(error))
    }
}

impl From<ValueError> for WriteError {
    fn from(error: ValueError) -> Self {
        Self::of(Kind::Value(error))
    }
}

/// A question that was refused instead of answered: with the decision that says why.
///
/// # Example
///
/// ```
/// use doorward::{Action, Caller, Portal, Preset};
///
/// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Accounting)?;
/// let stranger = Caller::contact(doorward::ContactId::new("other", "gm"));
/// let refused = acme.explain(&stranger, Action::View, acme.document("I1")).unwrap_err();
/// assert_eq!(refused.decision().code().unwrap(), "CROSS_TENANT");
/// assert_eq!(refused.to_string(), "refused: deny CROSS_TENANT");
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused: {0}")]
pub struct Refused(Decision);

impl Refused {
    /// The refusal.
    pub const fn decision(&self) -> Decision {
        self.0
    }
}

impl From<Decision> for Refused {
    fn from(decision: Decision) -> Self {
        Self(decision)
    }
}

/// A write that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// What the commands returned.
    pub value: T,
    /// What somebody should look at, though it was accepted.
    pub findings: Vec<Finding>,
    /// The revision that shows the write.
    pub revision: Revision,
}

/// Something that an accepted write leaves to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The contact is enabled and has no credential: issue one, or send an activation link.
    CredentialNeeded(super::ContactId),
    /// A container has more contacts in a role than the limit, which was lowered: they stay, and
    /// none can be added.
    OverLimit {
        /// The container.
        document: super::DocumentId,
        /// The role.
        role: super::Role,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
}

impl Finding {
    /// The stable code: `CREDENTIAL_NEEDED`, `OVER_LIMIT`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CredentialNeeded(_) => "CREDENTIAL_NEEDED",
            Self::OverLimit { .. } => "OVER_LIMIT",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialNeeded(contact) => {
                write!(f, "{contact} is enabled and has no credential; issue one")
            }
            Self::OverLimit { document, role, count, max } => {
                write!(f, "{document} has {count} {role} contacts, and {max} are allowed")
            }
        }
    }
}
