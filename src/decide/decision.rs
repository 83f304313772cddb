//! The answer to a request.

use std::fmt;

use crate::facts::Revision;
use crate::policy::Digest;
use crate::symbol::Symbol;

/// Codes that the engine itself reports; all others come from `@reason` in policies.
pub mod codes {
    use crate::symbol::Symbol;

    /// The action is not declared, or not for these types of principal and resource.
    pub const UNKNOWN_ACTION: Symbol = Symbol::of("UNKNOWN_ACTION");
    /// The type of the principal or of the resource is not declared.
    pub const UNKNOWN_KIND: Symbol = Symbol::of("UNKNOWN_KIND");
    /// The context or an inline entity does not fit the schema, or an inline entity is stored too.
    pub const INVALID_REQUEST: Symbol = Symbol::of("INVALID_REQUEST");
    /// No policy permits it, and none says why.
    pub const NO_PERMIT: Symbol = Symbol::of("NO_PERMIT");
    /// A policy could not be evaluated.
    pub const EVAL_ERROR: Symbol = Symbol::of("EVAL_ERROR");
    /// A forbid without a `@reason` of its own.
    pub const FORBIDDEN: Symbol = Symbol::of("FORBIDDEN");

    /// All of them.
    #[cfg(feature = "author")]
    pub(crate) const ALL: [Symbol; 6] =
        [UNKNOWN_ACTION, UNKNOWN_KIND, INVALID_REQUEST, NO_PERMIT, EVAL_ERROR, FORBIDDEN];

    /// What to tell a person about one of these codes.
    pub(crate) fn message(code: Symbol) -> &'static str {
        match code.as_str() {
            "UNKNOWN_ACTION" => "This action is not known here.",
            "UNKNOWN_KIND" => "This kind of thing is not known here.",
            "INVALID_REQUEST" => "The request could not be understood.",
            "EVAL_ERROR" => "The request could not be decided.",
            _ => "This is not permitted.",
        }
    }
}

/// The answer to one request, with its reason.
///
/// A decision has no `bool` conversion: [`is_allowed`](Self::is_allowed) is the only way to read
/// it as one, so that a refusal is never taken for "some value". Problems on the way (an unknown
/// action, a policy that cannot be evaluated) are data here, and refuse. Decisions are plain
/// values of about 100 bytes; nothing is allocated for one.
///
/// # Example
///
/// ```
/// use doorward::{Engine, EntityUid, PolicyBundle, Request};
///
/// let policies = PolicyBundle::builder()
///     .policies("rules.cedar", r#"@id("anyone") permit (principal, action, resource);"#)
///     .build()?;
/// let engine = Engine::builder(policies).build()?;
/// let decision = engine.check(&Request::new(
///     EntityUid::new("Contact", "gm"),
///     "view",
///     EntityUid::new("Document", "I1"),
/// ));
/// assert!(decision.is_allowed());
/// assert_eq!(decision.policy().map(|id| id.as_str()), Some("anyone"));
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use = "a decision that is not looked at protects nothing"]
pub struct Decision {
    pub(crate) allowed: bool,
    pub(crate) code: Option<Symbol>,
    pub(crate) policy: Option<Symbol>,
    pub(crate) step: Option<u8>,
    pub(crate) step_up: Option<Symbol>,
    pub(crate) bundle: Digest,
    pub(crate) revision: Revision,
}

impl Decision {
    /// Whether the request is allowed.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// The reason code. Every refusal has one; an allow has that of its permit, where it has one.
    ///
    /// This is the true code, for logs and staff: what a contact may be told depends on
    /// [`Disclosure`].
    #[must_use]
    pub const fn code(&self) -> Option<Symbol> {
        self.code
    }

    /// The policy that decided: the permit of an allow, the forbid (or reason-only forbid) that
    /// gave a refusal its code. `None` where no policy did.
    #[must_use]
    pub const fn policy(&self) -> Option<Symbol> {
        self.policy
    }

    /// The step of the order of a decision that failed, from `@step`.
    #[must_use]
    pub const fn step(&self) -> Option<u8> {
        self.step
    }

    /// What would turn this refusal into an allow: `mfa`, `password`… from `@step_up`.
    ///
    /// Set only when nothing but step-up forbids stands in the way and a permit is satisfied.
    #[must_use]
    pub const fn step_up(&self) -> Option<Symbol> {
        self.step_up
    }

    /// The digest of the policies that decided.
    #[must_use]
    pub const fn bundle(&self) -> Digest {
        self.bundle
    }

    /// The revision of the policies and facts that decided.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `allow (INVITED)`, `deny NOT_INVITED`, `step up MFA_REQUIRED (mfa)`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.allowed, self.step_up, self.code) {
            (true, _, Some(code)) => write!(f, "allow ({code})"),
            (true, _, None) => f.write_str("allow"),
            (false, Some(how), Some(code)) => write!(f, "step up {code} ({how})"),
            (false, _, code) => {
                write!(f, "deny {}", code.unwrap_or(codes::NO_PERMIT))
            }
        }
    }
}

/// What the one who asked may be told of a refusal.
///
/// A document that somebody may not view must look the same as one that is not there, or ids could
/// be tried until one answers differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disclosure {
    /// He may view the resource: show the refusal (HTTP 403) with its code.
    Forbidden,
    /// He may not: show it as missing (HTTP 404), without the code.
    NotFound,
}

/// What an erroring policy does to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ErrorMode {
    /// A forbid that cannot be evaluated refuses, with [`codes::EVAL_ERROR`].
    #[default]
    FailClosed,
    /// Cedar's own semantics: a policy that cannot be evaluated is skipped, permit or forbid.
    Cedar,
}
