//! Whether policy text is laid out as Cedar's formatter lays it out.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::diagnostics::{Diagnostic, SourceText};
use super::limits::Limits;
use super::statements::statements;
use super::{PolicyBundle, Source, load, with_deep_stack};

const LINE_WIDTH: usize = 100;
const INDENT_WIDTH: usize = 2;

impl PolicyBundle {
    /// The policy files of a folder that Cedar's formatter would write otherwise, at a line width
    /// of 100 and an indent of 2: a warning `unformatted` for each, at the first line that differs.
    ///
    /// Files are found as by [`load`](Self::load). Those that don't parse or exceed the default
    /// [`Limits`] are passed over, because loading reports them. Costs about as much as loading.
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
                let formatted = formatted(&text, limits)?;
                let offset = first_difference(&text, &formatted)?;
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

/// The text as Cedar formats it; `None` where it is too large or too deep to parse, or doesn't.
fn formatted(text: &str, limits: Limits) -> Option<String> {
    if text.len() > limits.source_bytes_max {
        return None;
    }
    // Every statement is measured: what is passed over here would be parsed below.
    let statements = statements(text, limits, usize::MAX);
    if statements.iter().any(|statement| statement.excess.is_some()) {
        return None;
    }
    let call = json!({
        "policyText": text,
        "lineWidth": LINE_WIDTH,
        "indentWidth": INDENT_WIDTH,
    });
    let answer =
        with_deep_stack(|| cedar_policy::ffi::format_json(call.clone()).ok().unwrap_or_default());
    answer.get("formatted_policy").and_then(Json::as_str).map(str::to_owned)
}

/// Where the first line starts that differs.
fn first_difference(text: &str, formatted: &str) -> Option<usize> {
    if text == formatted {
        return None;
    }
    let same = text
        .split_inclusive('\n')
        .zip(formatted.split_inclusive('\n'))
        .take_while(|(line, other)| line == other);
    Some(same.map(|(line, _)| line.len()).sum())
}
