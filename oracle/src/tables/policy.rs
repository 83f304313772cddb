//! Policies whose conditions are mostly on the columns of a table's rows, in the ways that filters
//! express.

use std::fmt::Write as _;

use super::model::{ACTIONS, Column, Of, SHEET, TEXTS, ZERO};
use crate::Choices;

/// How deep conditions nest.
const DEPTH: usize = 3;

pub(super) struct Writer<'t> {
    pub(super) choices: &'t mut Choices,
    pub(super) columns: &'t [Column],
}

/// A test of a column, and what has to be asked before.
struct Test {
    text: String,
    guards: Vec<String>,
}

impl Writer<'_> {
    /// Permits and forbids, each a policy of its own.
    pub(super) fn policies(&mut self) -> Vec<String> {
        let permits = 1 + self.choices.below(3);
        let forbids = self.choices.below(4);
        let permits = (0..permits).map(|at| self.policy("permit", at)).collect::<Vec<_>>();
        permits.into_iter().chain((0..forbids).map(|at| self.policy("forbid", at))).collect()
    }

    fn policy(&mut self, effect: &str, at: usize) -> String {
        let principal = match self.choices.below(12) {
            0 => format!("principal in {}", self.literal(Of::Team)),
            1 => "principal is Person".to_owned(),
            2 => format!("principal == {}", self.literal(Of::Person)),
            _ => "principal".to_owned(),
        };
        let action = match self.choices.below(6) {
            0 => format!("action == Action::{:?}", self.choices.word(&ACTIONS)),
            _ => "action".to_owned(),
        };
        let resource = match self.choices.below(12) {
            0 => format!("resource is {SHEET}"),
            1 => format!("resource == {}", self.sheet()),
            _ => "resource".to_owned(),
        };
        let mut policy =
            format!("@id(\"{effect}-{at}\") {effect} ({principal}, {action}, {resource})");
        for _ in 0..1 + self.choices.below(2) {
            let kind = if self.choices.chance(60) { "when" } else { "unless" };
            let depth = self.choices.below(DEPTH + 1);
            let _ = write!(policy, "\n  {kind} {{ {} }}", self.condition(depth));
        }
        policy.push(';');
        policy
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.choices.chance(20) {
            return self.leaf();
        }
        let depth = depth - 1;
        match self.choices.below(9) {
            0..3 => format!("({} && {})", self.condition(depth), self.condition(depth)),
            3..6 => format!("({} || {})", self.condition(depth), self.condition(depth)),
            6..8 => format!("!({})", self.condition(depth)),
            _ => {
                let (then, other) = (self.condition(depth), self.condition(depth));
                format!("(if {} then {then} else {other})", self.condition(depth))
            }
        }
    }

    fn leaf(&mut self) -> String {
        if self.columns.is_empty() || self.choices.chance(8) {
            return self.known();
        }
        if self.choices.chance(4) {
            return self.of_row();
        }
        let column = *self.choices.pick(self.columns);
        let test = self.test(&column);
        let guarded = |test: Test| {
            let parts = test.guards.into_iter().chain([test.text]).collect::<Vec<_>>();
            if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" && ")) }
        };
        if column.required {
            return guarded(test);
        }
        let has = column.has();
        match self.choices.below(6) {
            0 => has,
            1 => format!("!({has})"),
            2 => format!("(if {has} then {} else {})", guarded(test), self.known()),
            _ => format!("({has} && {})", guarded(test)),
        }
    }

    /// A test of who asks, in which circumstances, and nothing else.
    fn known(&mut self) -> String {
        match self.choices.below(8) {
            0 => format!("principal.limit {} {}", self.order(), self.long()),
            1 => "context.flag".to_owned(),
            2 => format!("principal in {}", self.literal(Of::Team)),
            3 => format!("principal.nick like {}", self.pattern()),
            4 => format!("(context has who && {})", "context.who == principal"),
            5 => "principal.client.archived".to_owned(),
            6 => format!("(principal has boss && principal.boss.limit {} 1)", self.order()),
            _ => self.choices.chance(50).to_string(),
        }
    }

    /// A test of which row it is.
    fn of_row(&mut self) -> String {
        match self.choices.below(4) {
            0 => format!("resource == {}", self.sheet()),
            1 => format!("resource != {}", self.sheet()),
            2 => format!("resource in {}", self.sheet()),
            _ => format!("[{}, {}].contains(resource)", self.sheet(), self.sheet()),
        }
    }

    fn sheet(&mut self) -> String {
        let id = self.choices.word(&["0", "1", "s", "S", "s ", "SS", "ss", "gone", "😀"]);
        format!("{SHEET}::{id:?}")
    }

    fn test(&mut self, column: &Column) -> Test {
        let own = column.text();
        if column.is_set {
            return Test { text: self.test_of_set(column, &own), guards: Vec::new() };
        }
        if self.choices.chance(12)
            && let Some(test) = self.beside_another(column, &own)
        {
            return test;
        }
        let text = match column.of {
            Of::Bool => match self.choices.below(4) {
                0 => format!("{own} == {}", self.operand(Of::Bool)),
                1 => format!("{own} != {}", self.operand(Of::Bool)),
                2 => format!("!{own}"),
                _ => own,
            },
            Of::Text => match self.choices.below(6) {
                0 | 1 => format!("{own} like {}", self.pattern()),
                2 => self.among(column.of, &own),
                _ => self.equal(column.of, &own),
            },
            Of::Long => match self.choices.below(8) {
                0 => self.among(column.of, &own),
                1 | 2 => self.equal(column.of, &own),
                3 => format!("{} {} {own}", self.long(), self.order()),
                _ => format!("{own} {} {}", self.order(), self.long()),
            },
            Of::Moment | Of::Span => match self.choices.below(5) {
                0 => self.among(column.of, &own),
                1 => self.equal(column.of, &own),
                2 => format!("{} {} {own}", self.operand(column.of), self.order()),
                _ => format!("{own} {} {}", self.order(), self.operand(column.of)),
            },
            Of::Client | Of::Person | Of::Team | Of::Desk => {
                return self.test_of_entity(column, own);
            }
        };
        Test { text, guards: Vec::new() }
    }

    fn test_of_entity(&mut self, column: &Column, own: String) -> Test {
        let of = column.of;
        let mut guards = Vec::new();
        let text = match (self.choices.below(16), of) {
            (0 | 1, _) => self.among(of, &own),
            (2, _) => format!("{own} in {}", self.operand(of)),
            (3, _) => format!("{own} in [{}, {}]", self.literal(of), self.literal(of)),
            (4, _) => {
                format!("{own} is {}", self.choices.word(&["Client", "Person", "Team", "Desk"]))
            }
            (5 | 6, Of::Person) => format!("{own} in {}", self.literal(Of::Team)),
            (5 | 6, Of::Team) => format!("principal in {own}"),
            (5, Of::Client) => format!("{own}.archived"),
            (6, Of::Client) => format!("{own}.name == {}", self.operand(Of::Text)),
            (7, Of::Client) => {
                guards.push(format!("{own} has tier"));
                format!("{own}.tier {} {}", self.order(), self.long())
            }
            (7, Of::Person) => format!("{own}.client == principal.client"),
            (8, Of::Person) => {
                guards.push(format!("{own} has boss"));
                format!("{own}.boss == principal")
            }
            (9, Of::Person) => format!("{own}.limit {} {}", self.order(), self.long()),
            (10, Of::Person) => format!("{own}.friends.contains(principal)"),
            (7, Of::Desk) => format!("{own}.room == {}", self.long()),
            _ => self.equal(of, &own),
        };
        Test { text, guards }
    }

    fn test_of_set(&mut self, column: &Column, own: &str) -> String {
        let of = column.of;
        match self.choices.below(9) {
            0 | 1 => format!("{own}.contains({})", self.operand(of)),
            2 => format!("{own}.containsAny([{}, {}])", self.operand(of), self.literal(of)),
            3 => format!("{own}.containsAll([{}, {}])", self.operand(of), self.literal(of)),
            4 => format!("{own}.isEmpty()"),
            5 => format!("[{}, {}].containsAny({own})", self.literal(of), self.literal(of)),
            6 if matches!(of, Of::Person | Of::Team) => format!("principal in {own}"),
            _ => match of {
                Of::Text => format!("{own}.containsAny(principal.words)"),
                Of::Long => format!("{own}.containsAll(principal.numbers)"),
                Of::Person => format!("principal.friends.containsAny({own})"),
                _ => format!("{own}.contains({})", self.operand(of)),
            },
        }
    }

    fn beside_another(&mut self, column: &Column, own: &str) -> Option<Test> {
        let like_it = |it: &&Column| it.of == column.of && !it.is_set && it.path != column.path;
        let others: Vec<Column> = self.columns.iter().filter(like_it).copied().collect();
        if others.is_empty() {
            return None;
        }
        let other = *self.choices.pick(&others);
        let order = match column.of {
            Of::Long | Of::Moment | Of::Span => self.order(),
            _ => self.choices.word(&["==", "!="]),
        };
        let guards = if other.required { Vec::new() } else { vec![other.has()] };
        Some(Test { text: format!("{own} {order} {}", other.text()), guards })
    }

    fn equal(&mut self, of: Of, own: &str) -> String {
        let (operand, operator) = (self.operand(of), self.choices.word(&["==", "!="]));
        if self.choices.chance(25) {
            return format!("{operand} {operator} {own}");
        }
        format!("{own} {operator} {operand}")
    }

    fn among(&mut self, of: Of, own: &str) -> String {
        let more =
            if self.choices.chance(50) { format!(", {}", self.literal(of)) } else { String::new() };
        format!("[{}, {}{more}].contains({own})", self.literal(of), self.operand(of))
    }

    fn order(&mut self) -> &'static str {
        self.choices.word(&["<", "<=", ">", ">=", "==", "!="])
    }

    fn long(&mut self) -> String {
        self.operand(Of::Long)
    }

    /// What is known before any row is.
    fn operand(&mut self, of: Of) -> String {
        let known: &[&'static str] = match of {
            Of::Bool => &["context.flag", "principal.client.archived"],
            // The sum may overflow, which fails.
            Of::Long => &["principal.limit", "context.number", "principal.limit + 1"],
            Of::Text => &["principal.nick", "context.word", "principal.client.name"],
            Of::Moment => &["context.day", "context.day.offset(duration(\"1d\"))"],
            Of::Span => &["context.day.toTime()"],
            Of::Client => &["principal.client"],
            Of::Person => &["principal"],
            Of::Team => &[],
            Of::Desk => &["principal.desk"],
        };
        if known.is_empty() || self.choices.chance(55) {
            return self.literal(of);
        }
        self.choices.word(known).to_owned()
    }

    fn literal(&mut self, of: Of) -> String {
        of.value(self.choices, false).to_policy()
    }

    fn pattern(&mut self) -> String {
        let mut pattern = String::new();
        for _ in 0..1 + self.choices.below(3) {
            if self.choices.chance(50) {
                pattern.push('*');
            } else {
                let text = if self.choices.chance(3) { ZERO } else { self.choices.word(&TEXTS) };
                for character in text.chars() {
                    match character {
                        '*' => pattern.push_str("\\*"),
                        other => {
                            let _ = write!(pattern, "\\u{{{:x}}}", u32::from(other));
                        }
                    }
                }
            }
        }
        format!("\"{pattern}\"")
    }
}
