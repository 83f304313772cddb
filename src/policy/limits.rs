//! How much text, and how deep, a bundle may be: checked on tokens before Cedar's parser runs.
//!
//! Cedar's parser, validator, converters and destructors recurse on the syntax tree, so a text that
//! nests too deep overflows the stack and aborts the process. Depth grows in two ways: with open
//! brackets, and with links of a chain (`a && b && c` is a tree as deep as it is long). Both are
//! bounded along the deepest path of a statement.

use serde::{Deserialize, Serialize};

use super::diagnostics::Diagnostic;
use super::lexer::{Kind, Lexer, Token};

/// How large and how deep the text of a bundle may be.
///
/// The defaults leave room for policies written by people and by generators. Loading happens on a
/// stack of its own; the depths also bound what others do with the policies later. On a thread
/// with a stack of 2 MB, what the defaults let through evaluates, converts and drops with a margin
/// of two or more when Cedar is built with `opt-level = 1` or higher. Larger depths need larger
/// stacks.
///
/// # Example
///
/// ```
/// use doorward::{Limits, PolicyBundle};
///
/// let mut limits = Limits::default();
/// limits.nesting_max = 2;
/// let refused = PolicyBundle::builder()
///     .limits(limits)
///     .policies("deep.cedar", r#"@id("deep") permit(principal, action, resource) when { ((true)) };"#)
///     .build()
///     .unwrap_err();
/// assert_eq!(refused.diagnostics()[0].code(), "nesting");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in one source; 1 MiB by default.
    pub source_bytes_max: usize,
    /// Bytes in all sources together; 16 MiB by default.
    pub total_bytes_max: usize,
    /// Open brackets at once, of any kind, in a policy or a schema; 32 by default.
    pub nesting_max: usize,
    /// Links of chains along the deepest path of one policy: operators, `.`, `!`, `if`, calls,
    /// indexes and conditions; 128 by default.
    pub chain_max: usize,
    /// Policies, templates and template links in all sources together; 10,000 by default.
    pub policy_count_max: usize,
}

// Measured with Cedar 4.14.1 on a stack of 2 MB, the deepest that survives:
//
//                                        opt-level 0    opt-level 1
//   parse: nested (), [], {}, calls      34             132 to 152
//   convert (`to_pst`): a chain           60             more than 512
//   evaluate: a chain; nested calls                     464; 320
//
// The evaluator gives up with an error of its own before it overflows; that error depends on the
// stack that is left, so it is kept out of reach as well.
impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes_max: 1 << 20,
            total_bytes_max: 16 << 20,
            nesting_max: 32,
            chain_max: 128,
            policy_count_max: 10_000,
        }
    }
}

/// Which depth limit a text exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Nesting,
    Chain,
}

/// Measures the depth of one statement or schema, token by token.
///
/// A group is what stands between two brackets. It is read at three levels, loosest first: parts
/// joined by `&&`, `||`, `if` or a further condition; terms of a part, joined by the other binary
/// operators; steps of a term (`!`, `-`, `.`, a call, an index). A level is as deep as the number
/// of its links plus the deepest thing that it joins. That bounds the syntax tree from above,
/// whichever way a chain leans; commas start afresh.
#[derive(Debug)]
pub(super) struct Gauge {
    limits: Limits,
    angles: bool,
    after_operand: bool,
    open: Vec<Group>,
    current: Group,
}

#[derive(Debug, Default, Clone, Copy)]
struct Level {
    links: usize,
    deepest: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.links + self.deepest
    }

    fn joins(&mut self, depth: usize) {
        self.deepest = self.deepest.max(depth);
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Group {
    step: Level,
    term: Level,
    part: Level,
    deepest_segment: usize,
}

impl Group {
    fn depth(mut self) -> usize {
        self.end_segment();
        self.deepest_segment
    }

    fn end_term(&mut self) {
        self.term.joins(self.step.depth());
        self.step = Level::default();
    }

    fn end_part(&mut self) {
        self.end_term();
        self.part.joins(self.term.depth());
        self.term = Level::default();
    }

    fn end_segment(&mut self) {
        self.end_part();
        self.deepest_segment = self.deepest_segment.max(self.part.depth());
        self.part = Level::default();
    }
}

impl Gauge {
    pub(super) fn policy(limits: Limits) -> Self {
        Self {
            limits,
            angles: false,
            after_operand: false,
            open: Vec::new(),
            current: Group::default(),
        }
    }

    /// In a schema `<` and `>` are brackets.
    pub(super) fn schema(limits: Limits) -> Self {
        Self { angles: true, ..Self::policy(limits) }
    }

    /// Takes the next token in.
    pub(super) fn add(&mut self, kind: Kind, text: &str) -> Result<(), Excess> {
        let after_operand = std::mem::replace(&mut self.after_operand, ends_operand(kind, text));
        match kind {
            Kind::Open => return self.push(text == "{" && after_operand),
            Kind::Less if self.angles => return self.push(false),
            Kind::Close => self.pop(),
            Kind::Greater if self.angles => self.pop(),
            Kind::Comma | Kind::At | Kind::Semicolon => self.current.end_segment(),
            Kind::Operator if matches!(text, "." | "!") || (text == "-" && !after_operand) => {
                self.current.step.links += 1;
            }
            Kind::Operator if matches!(text, "&&" | "||") => self.add_part(),
            Kind::Operator | Kind::Less | Kind::Greater => self.add_term(),
            Kind::Word if matches!(text, "in" | "has" | "like" | "is") => self.add_term(),
            Kind::Word if matches!(text, "if" | "then" | "else") => self.add_part(),
            Kind::Word | Kind::Text | Kind::Slot | Kind::Other => {}
        }
        self.check_chain()
    }

    fn add_term(&mut self) {
        self.current.end_term();
        self.current.term.links += 1;
    }

    fn add_part(&mut self) {
        self.current.end_part();
        self.current.part.links += 1;
    }

    fn push(&mut self, is_condition: bool) -> Result<(), Excess> {
        // A call or an index is a step of its term; a further condition is one more `&&`.
        if is_condition {
            self.add_part()
        } else {
            self.current.step.links += 1
        }
        self.check_chain()?;
        if self.open.len() >= self.limits.nesting_max {
            return Err(Excess::Nesting);
        }
        self.open.push(std::mem::take(&mut self.current));
        Ok(())
    }

    fn pop(&mut self) {
        let inner = self.current.depth();
        if let Some(outer) = self.open.pop() {
            self.current = outer;
            self.current.step.joins(inner);
        }
    }

    fn check_chain(&self) -> Result<(), Excess> {
        if self.current.depth() > self.limits.chain_max { Err(Excess::Chain) } else { Ok(()) }
    }
}

/// Whether what follows can't be the start of an operand: a `-` there is a subtraction, and a `{`
/// opens a condition.
fn ends_operand(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Word => !matches!(text, "if" | "then" | "else" | "in" | "has" | "like" | "is"),
        Kind::Text | Kind::Slot | Kind::Close => true,
        _ => false,
    }
}

/// The first place where a schema is too deep.
pub(super) fn schema_excess(text: &str, limits: Limits) -> Option<(Excess, Token)> {
    let mut gauge = Gauge::schema(limits);
    Lexer::new(text).find_map(|token| {
        let word = text.get(token.span.clone()).unwrap_or_default();
        gauge.add(token.kind, word).err().map(|excess| (excess, token))
    })
}

impl Excess {
    pub(super) fn diagnostic(self, limits: Limits) -> Diagnostic {
        match self {
            Self::Nesting => Diagnostic::error(
                "nesting",
                format!("more than {} brackets are open at once", limits.nesting_max),
            )
            .with_help("give parts of it a policy, or a type, of their own"),
            Self::Chain => Diagnostic::error(
                "chain",
                format!("a chain has more than {} links on one path", limits.chain_max),
            )
            .with_help("split it into several policies, or test membership in a set"),
        }
    }
}
