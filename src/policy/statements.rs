//! Parts a file into its policies, each measured, so that one broken policy hides no other.

use std::ops::Range;

use super::lexer::{Kind, Lexer, Token};
use super::limits::{Excess, Gauge, Limits};

/// One policy's text in its file: from its first token to its `;`, or to the end of the file.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) span: Range<usize>,
    /// Whether it mentions a slot such as `?principal`.
    pub(super) template: bool,
    pub(super) annotations: Vec<AnnotationSpan>,
    /// Where it is too deep for Cedar's parser, if it is.
    pub(super) excess: Option<(Excess, Range<usize>)>,
}

/// Where an annotation's name stands in the file.
#[derive(Debug)]
pub(super) struct AnnotationSpan {
    pub(super) name: Range<usize>,
}

/// Parts a text at each `;`, which no Cedar expression can hold, up to `count_max` statements.
pub(super) fn statements(text: &str, limits: Limits, count_max: usize) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut current: Option<Reader> = None;
    for token in Lexer::new(text) {
        let ends = token.kind == Kind::Semicolon;
        let reader = current.get_or_insert_with(|| Reader::new(token.span.start, limits));
        reader.add(&token, text.get(token.span.clone()).unwrap_or_default());
        if ends {
            found.extend(current.take().map(|reader| reader.statement));
            if found.len() >= count_max {
                return found;
            }
        }
    }
    found.extend(current.map(|reader| reader.statement));
    found
}

struct Reader {
    statement: Statement,
    gauge: Gauge,
    after_at: bool,
}

impl Reader {
    fn new(start: usize, limits: Limits) -> Self {
        let statement = Statement {
            span: start..start,
            template: false,
            annotations: Vec::new(),
            excess: None,
        };
        Self { statement, gauge: Gauge::policy(limits), after_at: false }
    }

    fn add(&mut self, token: &Token, text: &str) {
        self.statement.span.end = token.span.end;
        self.statement.template |= token.kind == Kind::Slot;
        if self.after_at && token.kind == Kind::Word {
            self.statement.annotations.push(AnnotationSpan { name: token.span.clone() });
        }
        self.after_at = token.kind == Kind::At;
        if self.statement.excess.is_none()
            && let Err(excess) = self.gauge.add(token.kind, text)
        {
            self.statement.excess = Some((excess, token.span.clone()));
        }
    }
}
