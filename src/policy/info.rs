//! What is known of a policy from its text alone.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::Symbol;

/// What a policy does when it is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Lets the request through, unless a forbid is satisfied.
    Permit,
    /// Refuses the request.
    Forbid,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        })
    }
}

/// A policy of a bundle: its name, its annotations and where it stands.
///
/// A link of a template is a policy as well: it has an id of its own, and everything else from its
/// template.
///
/// # Example
///
/// ```
/// use doorward::{Effect, PolicyBundle};
///
/// let bundle = PolicyBundle::builder()
///     .policies("modules.cedar", r#"
///         @id("module-off") @step("06") @reason("MODULE_OFF") @message("This module is off.")
///         forbid (principal, action, resource) when { resource.off };
///     "#)
///     .build()?;
/// let policy = bundle.policy("module-off").unwrap();
/// assert_eq!((policy.effect(), policy.step(), policy.rank()), (Effect::Forbid, Some(6), 0));
/// assert_eq!(policy.reason().unwrap(), "MODULE_OFF");
/// assert_eq!((policy.file().as_str(), policy.line()), ("modules.cedar", 2));
/// # Ok::<(), doorward::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyInfo {
    pub(super) id: Symbol,
    pub(super) effect: Effect,
    pub(super) step: Option<u8>,
    pub(super) rank: u16,
    pub(super) reason: Option<Symbol>,
    pub(super) message: Option<Symbol>,
    pub(super) step_up: Option<Symbol>,
    pub(super) reason_only: bool,
    pub(super) file: Symbol,
    pub(super) line: u32,
    pub(super) text: Arc<str>,
}

impl PolicyInfo {
    /// The name: `@id`, or `<file>#<n>` for the nth policy of a file that has none, or the name of
    /// the link.
    #[must_use]
    pub const fn id(&self) -> Symbol {
        self.id
    }

    /// Permit or forbid.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    pub(crate) const fn is_permit(&self) -> bool {
        matches!(self.effect, Effect::Permit)
    }

    /// `@step`: where the policy stands in the order of reasons, 0 to 99; lower is reported first.
    #[must_use]
    pub const fn step(&self) -> Option<u8> {
        self.step
    }

    /// `@rank`: the order inside a step, 0 to 9999; 0 unless given.
    #[must_use]
    pub const fn rank(&self) -> u16 {
        self.rank
    }

    /// `@reason`: the stable code that programs read, in SCREAMING_SNAKE_CASE.
    #[must_use]
    pub const fn reason(&self) -> Option<Symbol> {
        self.reason
    }

    /// `@message`: the line that people read.
    #[must_use]
    pub const fn message(&self) -> Option<Symbol> {
        self.message
    }

    /// `@step_up`: the evidence that would lift this forbid, such as `mfa`.
    #[must_use]
    pub const fn step_up(&self) -> Option<Symbol> {
        self.step_up
    }

    /// `@reason_only`: the forbid names a reason and never takes part in the decision.
    #[must_use]
    pub const fn reason_only(&self) -> bool {
        self.reason_only
    }

    /// The source that holds the policy, or the template of this link.
    #[must_use]
    pub const fn file(&self) -> Symbol {
        self.file
    }

    /// The line where the policy starts, annotations included, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The policy's own Cedar text, annotations included; for a link, its template's.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
