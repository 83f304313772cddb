//! Whether policy text is laid out as Cedar's formatter lays it out.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::diagnostics::{Diagnostic, SourceText};
use super::limits::Limits;
use super::statements::statements;
use super::{PolicyBundle, Source, load, with_deep_stack};

const LINE_WIDTH: usize = 100;
const INDENT_WIDTH: usize = 2;

/// A longer statement is passed over: formatting it would take seconds.
const STATEMENT_BYTES_MAX: usize = 32 << 10;

impl PolicyBundle {
    /// The policy files of a folder that Cedar's formatter would write otherwise, at a line width
    /// of 100 and an indent of 2: a warning `unformatted` for each, at the first line that differs.
    ///
    /// Files are found as by [`load`](Self::load). Those that don't parse or exceed the default
    /// [`Limits`] are passed over, because loading reports them, and so are policies of more than
    /// 32 KiB. Costs several times as much as loading.
    ///
    /// # Example
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("doorward-unformatted-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use doorward::PolicyBundle;
    ///
    /// std::fs::write(dir.join("a.cedar"), "permit(principal,action,resource);\n")?;
    /// let findings = PolicyBundle::unformatted(&dir);
    /// assert_eq!((findings[0].code(), findings[0].line()), ("unformatted", Some(1)));
    ///
    /// std::fs::write(dir.join("a.cedar"), "permit (principal, action, resource);\n")?;
    /// assert!(PolicyBundle::unformatted(&dir).is_empty());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn unformatted(dir: impl AsRef<Path>) -> Vec<Diagnostic> {
        let limits = Limits::default();
        let folder = load::read(dir.as_ref(), limits);
        let policies = folder.sources.into_iter().filter(Source::holds_policies);
        policies
            .filter_map(|Source { name, text, .. }| {
                let offset = with_deep_stack(|| first_difference(&text, limits))?;
                let source = SourceText::new(name, text);
                Some(
                    Diagnostic::warning("unformatted", "Cedar's formatter writes this otherwise")
                        .at(&source, offset..offset)
                        .with_help(format!(
                            "run `cedar format --line-width {LINE_WIDTH} --indent-width \
                             {INDENT_WIDTH} --write --policies <file>`"
                        )),
                )
            })
            .collect()
    }
}

/// Where the text first differs from what Cedar's formatter makes of it.
///
/// The formatter's cost grows with the square of the number of tokens that it is given, so it is
/// given one statement at a time. It writes each for itself, with a blank line between them.
fn first_difference(text: &str, limits: Limits) -> Option<usize> {
    if text.len() > limits.source_bytes_max {
        return None;
    }
    let statements = statements(text, limits, usize::MAX);
    if statements.iter().any(|statement| statement.excess.is_some()) {
        return None;
    }
    let mut start = 0;
    for (index, statement) in statements.iter().enumerate() {
        let next = statements.get(index + 1).map(|next| next.span.start);
        let end = next.map_or(text.len(), |next| line_end(text, statement.span.end, next));
        let part = text.get(start..end).unwrap_or_default();
        if part.len() <= STATEMENT_BYTES_MAX {
            let separator = if index == 0 { "" } else { "\n" };
            let expected = format!("{separator}{}", formatted(part)?);
            if part != expected {
                return Some(start + first_other_line(part, &expected));
            }
        }
        start = end;
    }
    None
}

/// The end of the line, up to which a comment belongs to the statement that ends on it; or where
/// the next statement starts, if that is on the same line.
fn line_end(text: &str, end: usize, next: usize) -> usize {
    let between = text.get(end..next).unwrap_or_default();
    between.find('\n').map_or(end, |newline| end + newline + 1)
}

/// A statement as Cedar formats it; `None` where it doesn't parse.
fn formatted(statement: &str) -> Option<String> {
    let call = json!({
        "policyText": statement,
        "lineWidth": LINE_WIDTH,
        "indentWidth": INDENT_WIDTH,
    });
    let answer = cedar_policy::ffi::format_json(call).ok()?;
    answer.get("formatted_policy").and_then(Json::as_str).map(str::to_owned)
}

/// Where the first line starts that differs.
fn first_other_line(text: &str, expected: &str) -> usize {
    let lines = text.split_inclusive('\n').zip(expected.split_inclusive('\n'));
    lines.take_while(|(line, other)| line == other).map(|(line, _)| line.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(text: &str) -> Option<usize> {
        first_difference(text, Limits::default())
    }

    /// What the formatter makes of a whole text, however long that takes.
    fn whole(text: &str) -> String {
        formatted(text).unwrap()
    }

    #[test]
    fn statement_by_statement_is_as_the_whole() {
        let texts = [
            "// head\n\n// more\n@id(\"a\") permit(principal,action,resource); // after\n// own\n\
             forbid(principal, action, resource) when { // why\n true }; // last\n// end\n// of it",
            "permit(principal,action,resource);forbid(principal,action,resource);",
            "permit(principal,action,resource); // a\n\n\n\n// b\n\npermit(principal,action,resource)\n;\n",
        ];
        for text in texts {
            assert_eq!(difference(text).is_some(), text != whole(text), "{text}");
            let formatted = whole(text);
            assert_eq!(difference(&formatted), None, "{formatted}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let text =
            "permit (principal, action, resource);\n\nforbid (principal, action, resource);\n";
        assert_eq!(difference(text), None);
        let second = text.find("forbid").unwrap();
        assert_eq!(difference(&text.replace("forbid (", "forbid(")), Some(second));
        assert_eq!(difference(&text.replace("\n\n", "\n")), Some(second - 1));
        assert_eq!(difference(&text.replace('\n', "\r\n")), Some(0));
        assert_eq!(difference(text.trim_end()), Some(second));
    }

    #[test]
    fn what_is_no_policy_is_passed_over() {
        assert_eq!(difference(""), None);
        assert_eq!(difference("// only a comment"), None);
        assert_eq!(difference("permit (principal"), None);
        let deep = format!("permit(principal,action,resource) when {{ {} }};", "(".repeat(100_000));
        assert_eq!(difference(&deep), None);
    }
}
