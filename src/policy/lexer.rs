//! Tokens of Cedar policies and schemas: just enough to find statements and measure their depth.
//!
//! INVARIANT (lexer-sees-more): wherever Cedar's own lexer sees a bracket or an operator, so does
//! this one, up to the first place where Cedar's gives up. Strings and comments follow the same
//! regular expressions as Cedar's grammar, so neither can hide structure here that shows there.

use std::ops::Range;

/// What a token is, as far as the gate and the splitter care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// A string literal with its quotes; the rest of the text if it is never closed.
    Text,
    /// `?principal` and its like.
    Slot,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `<` alone: a comparison in a policy, a bracket in a schema.
    Less,
    /// `>` alone.
    Greater,
    /// `;`
    Semicolon,
    /// `,`
    Comma,
    /// `@`
    At,
    /// `.`, or an operator that is not a word.
    Operator,
    /// Anything else: `:`, `::`, or what no Cedar text may hold.
    Other,
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Walks over a text once, without recursion and without failing.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            let rest = self.rest();
            if !rest.starts_with("//") {
                return;
            }
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let (kind, length) = match first {
            '"' => (Kind::Text, text_length(rest)),
            '?' => match word_length(rest.get(1..).unwrap_or_default()) {
                0 => (Kind::Other, 1),
                length => (Kind::Slot, 1 + length),
            },
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            ';' => (Kind::Semicolon, 1),
            ',' => (Kind::Comma, 1),
            '@' => (Kind::At, 1),
            c if c == '_' || c.is_ascii_alphanumeric() => (Kind::Word, word_length(rest)),
            _ => operator(rest, first),
        };
        let start = self.at;
        self.at += length;
        Some(Token { kind, span: start..self.at })
    }
}

fn operator(rest: &str, first: char) -> (Kind, usize) {
    const PAIRS: [&str; 6] = ["==", "!=", "<=", ">=", "||", "&&"];
    if PAIRS.iter().any(|pair| rest.starts_with(pair)) {
        return (Kind::Operator, 2);
    }
    match first {
        '<' => (Kind::Less, 1),
        '>' => (Kind::Greater, 1),
        '.' | '+' | '-' | '*' | '/' | '%' | '!' | '=' => (Kind::Operator, 1),
        _ => (Kind::Other, first.len_utf8()),
    }
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len())
}

/// The length of the string literal that `text` begins with.
fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}
