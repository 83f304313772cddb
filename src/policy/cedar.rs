//! Cedar's own findings as diagnostics.

use std::ops::Range;

use super::diagnostics::{Diagnostic, Severity, SourceText};
use cedar_policy::{ValidationError, ValidationWarning};

/// A stretch of a source that Cedar saw on its own.
#[derive(Debug, Clone)]
pub(super) struct Excerpt<'a> {
    pub(super) source: &'a SourceText,
    pub(super) span: Range<usize>,
}

/// Turns one of Cedar's errors into a diagnostic, with its offsets moved to the source's.
pub(super) fn diagnostic(
    code: &'static str,
    severity: Severity,
    finding: &dyn miette::Diagnostic,
    excerpt: &Excerpt<'_>,
) -> Diagnostic {
    let label = finding.labels().and_then(|mut labels| labels.next());
    let message = without_policy(finding.to_string());
    let mut diagnostic = match severity {
        Severity::Error => Diagnostic::error(code, message),
        Severity::Warning => Diagnostic::warning(code, message),
    };
    let hint = finding.help().map(|help| help.to_string());
    let hint = hint.or_else(|| label.as_ref()?.label().map(str::to_owned));
    if let Some(hint) = hint {
        diagnostic = diagnostic.with_help(hint);
    }
    let span = label.map_or(excerpt.span.start..excerpt.span.start, |label| {
        let start = excerpt.span.start.saturating_add(label.offset()).min(excerpt.span.end);
        start..start.saturating_add(label.len()).min(excerpt.span.end)
    });
    diagnostic.at(excerpt.source, span)
}

/// Validation names the policy first; here the diagnostic does, in a field of its own.
fn without_policy(message: String) -> String {
    let rest = message.strip_prefix("for policy `").and_then(|rest| rest.split_once('`'));
    match rest {
        Some((id, rest)) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
            rest.trim_start_matches([',', ':']).trim_start().to_owned()
        }
        _ => message,
    }
}

/// What a validation error is called here.
pub(super) fn error_code(error: &ValidationError) -> &'static str {
    use ValidationError as E;
    match error {
        E::UnrecognizedEntityType(_) => "unknown-type",
        E::UnrecognizedActionId(_) => "unknown-action",
        E::UnexpectedType(_) => "type",
        E::IncompatibleTypes(_) => "incompatible-types",
        E::UnsafeAttributeAccess(_) => "unknown-attribute",
        E::UnsafeOptionalAttributeAccess(_) => "optional-attribute",
        E::UnsafeTagAccess(_) => "optional-tag",
        E::NoTagsAllowed(_) => "no-tags",
        E::UndefinedFunction(_) => "unknown-function",
        E::WrongNumberArguments(_) => "argument-count",
        E::FunctionArgumentValidation(_) => "argument",
        E::EmptySetForbidden(_) => "empty-set",
        E::NonLitExtConstructor(_) => "extension-literal",
        E::InvalidEnumEntity(_) => "unknown-enum-entity",
        E::EntityDerefLevelViolation(_) => "level",
        E::IncompleteSchema(_) => "incomplete-schema",
        _ => "validation",
    }
}

/// What a validation warning is called here.
pub(super) fn warning_code(warning: &ValidationWarning) -> &'static str {
    use ValidationWarning as W;
    match warning {
        W::MixedScriptString(_) | W::MixedScriptIdentifier(_) => "mixed-script",
        W::BidiCharsInString(_) | W::BidiCharsInIdentifier(_) => "bidi",
        W::ConfusableIdentifier(_) => "confusable",
        W::ImpossiblePolicy(_) => "impossible",
        W::InvalidActionApplication(_) => "never-applies",
        _ => "validation",
    }
}
