//! What the author of policies or of a configuration did wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::Symbol;

const SNIPPET_CHARS_MAX: usize = 160;
const MESSAGE_CHARS_MAX: usize = 1_000;
const SHOWN_MAX: usize = 20;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The bundle, or the configuration, is refused.
    Error,
    /// It can be used, but probably doesn't mean what its author thinks.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One finding about the text of a bundle, or about a tenant's configuration.
///
/// `Display` renders `file:line:column: error[code]: path: message`, the source line with a caret,
/// and the help. Serialised, it is an object with the fields that the accessors name.
///
/// # Example
///
/// ```
/// use doorward::{PolicyBundle, Severity};
///
/// let refused = PolicyBundle::builder()
///     .policies("pay.cedar", "permit (principal, action, resource)\nwhen { principal. };")
///     .build()
///     .unwrap_err();
/// let finding = &refused.diagnostics()[0];
/// assert_eq!(finding.severity(), Severity::Error);
/// assert_eq!((finding.code(), finding.line(), finding.column()), ("parse", Some(2), Some(19)));
/// assert_eq!(finding.snippet(), Some("when { principal. };"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    code: &'static str,
    severity: Severity,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Range<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Symbol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl Diagnostic {
    /// The kind of finding, stable and in kebab-case: `parse`, `unknown-attribute`, `duplicate-id`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the finding refuses the bundle.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, for people; at most 1,000 characters.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The source that the finding is about: a path relative to the folder that was loaded, or the
    /// name given to the builder.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column, in characters and counted from 1.
    #[must_use]
    pub const fn column(&self) -> Option<u32> {
        self.column
    }

    /// The place in bytes of the source (after a byte order mark, if it has one).
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// The source line, cut to 160 characters; control characters are replaced.
    #[must_use]
    pub fn snippet(&self) -> Option<&str> {
        self.snippet.as_deref()
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The policy that the finding is about.
    #[must_use]
    pub const fn policy(&self) -> Option<Symbol> {
        self.policy
    }

    /// The member of a configuration that the finding is about: `sets.finance[2]`.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub(crate) fn error(code: &'static str, message: impl AsRef<str>) -> Self {
        Self::new(code, Severity::Error, message.as_ref())
    }

    pub(crate) fn warning(code: &'static str, message: impl AsRef<str>) -> Self {
        Self::new(code, Severity::Warning, message.as_ref())
    }

    fn new(code: &'static str, severity: Severity, message: &str) -> Self {
        Self {
            code,
            severity,
            message: presentable(message, MESSAGE_CHARS_MAX),
            file: None,
            line: None,
            column: None,
            span: None,
            snippet: None,
            help: None,
            policy: None,
            path: None,
        }
    }

    /// Places the finding in a source.
    pub(crate) fn at(mut self, source: &SourceText, span: Range<usize>) -> Self {
        let place = source.place(span.start);
        self.file = Some(source.name().to_owned());
        self.line = Some(place.line);
        self.column = Some(place.column);
        self.snippet = Some(presentable(place.text, SNIPPET_CHARS_MAX));
        self.span = Some(span);
        self
    }

    /// Names the source, without a place in it.
    pub(crate) fn in_file(mut self, name: impl Into<String>) -> Self {
        self.file = Some(name.into());
        self
    }

    pub(crate) fn with_help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(presentable(help.as_ref(), MESSAGE_CHARS_MAX));
        self
    }

    pub(super) fn about(mut self, policy: &str) -> Self {
        self.policy = Some(Symbol::new(policy));
        self
    }

    pub(crate) fn on(mut self, path: impl Into<String>) -> Self {
        self.path = Some(presentable(&path.into(), SNIPPET_CHARS_MAX));
        self
    }

    /// Errors first, then by place.
    pub(crate) fn order(&self) -> impl Ord + use<> {
        let start = self.span.as_ref().map(|span| span.start);
        (self.severity, self.file.clone(), start, self.code)
    }

    fn write_snippet(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(snippet), Some(line), Some(column)) = (&self.snippet, self.line, self.column)
        else {
            return Ok(());
        };
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "\n{number} | {snippet}")?;
        let before = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        let shown = snippet.chars().count();
        if before > shown {
            return Ok(());
        }
        let marked = self.span.as_ref().map_or(1, |span| span.len());
        let carets = marked.clamp(1, (shown - before).max(1));
        write!(f, "\n{margin} | {}{}", " ".repeat(before), "^".repeat(carets))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", presentable(file, MESSAGE_CHARS_MAX))?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
        }
        write!(f, "{}[{}]: ", self.severity, self.code)?;
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        self.write_snippet(f)?;
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

/// Why a bundle was refused: everything that is wrong with it, not only the first finding.
///
/// `Display` lists the first 20 findings, errors first.
///
/// # Example
///
/// ```
/// use doorward::PolicyBundle;
///
/// let refused = PolicyBundle::builder()
///     .policies("a.cedar", "permit (principal, action, resource;")
///     .policies("b.cedar", "forbid (principal, action);")
///     .build()
///     .unwrap_err();
/// let files: Vec<_> = refused.diagnostics().iter().filter_map(|d| d.file()).collect();
/// assert!(files.contains(&"a.cedar") && files.contains(&"b.cedar"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub struct PolicyError {
    diagnostics: Vec<Diagnostic>,
}

impl PolicyError {
    /// INVARIANT (not-empty): at least one diagnostic, and it is an error. The caller upholds it.
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// Every finding, errors first and then warnings, each in the order of the sources; never
    /// empty.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(&self.diagnostics, f)
    }
}

/// The first 20 findings, and how many more there are.
pub(crate) fn list(diagnostics: &[Diagnostic], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, diagnostic) in diagnostics.iter().take(SHOWN_MAX).enumerate() {
        if index > 0 {
            f.write_str("\n\n")?;
        }
        write!(f, "{diagnostic}")?;
    }
    match diagnostics.len().saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => write!(f, "\n\nand {more} more"),
    }
}

/// A named text whose bytes can be turned into lines and columns.
#[derive(Debug, Clone)]
pub(crate) struct SourceText {
    name: String,
    text: String,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
}

struct Place<'a> {
    line: u32,
    column: u32,
    text: &'a str,
}

impl SourceText {
    pub(crate) fn new(name: String, text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(index, _)| index + 1)).collect();
        Self { name, text, lines }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    fn place(&self, offset: usize) -> Place<'_> {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let before = rest.char_indices().take_while(|(at, _)| start + at < offset).count();
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before + 1).unwrap_or(u32::MAX),
            text,
        }
    }
}

/// Text from a source, fit for a terminal: cut, one character for each that it had, and without
/// what would move the cursor or the reading direction.
fn presentable(text: &str, chars_max: usize) -> String {
    text.chars()
        .take(chars_max)
        .map(|c| match c {
            '\t' => ' ',
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() && c != '\n' => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}
