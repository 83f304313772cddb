//! What annotations mean here: names, steps, reasons. Read strictly, so that a slip shows.

use std::collections::HashMap;
use std::ops::Range;

use super::diagnostics::{Diagnostic, SourceText};
use super::info::Effect;
use super::statements::Statement;

const ID_CHARS_MAX: usize = 200;
const REASON_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 300;
const STEP_UP_CHARS_MAX: usize = 64;
const NAMES: [&str; 7] = ["id", "step", "rank", "reason", "message", "step_up", "reason_only"];

/// The annotations of one policy that mean something here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) id: Option<String>,
    pub(super) step: Option<u8>,
    pub(super) rank: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) step_up: Option<String>,
    pub(super) reason_only: bool,
}

/// Reads one policy's annotations; findings go to `findings`.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceText,
    pub(super) statement: &'a Statement,
    pub(super) effect: Effect,
    pub(super) findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn read<'p>(&mut self, pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Marks {
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        let mut marks = Marks::default();
        let mut refused = Vec::new();
        for (name, value) in pairs {
            if !self.take(&mut marks, name, value) {
                refused.push(name);
            }
        }
        self.check_company(&marks, &refused);
        marks
    }

    /// Takes one annotation in; false if its value is refused.
    fn take(&mut self, marks: &mut Marks, name: &str, value: &str) -> bool {
        let rule = match name {
            "id" => {
                marks.id = Some(value).filter(|id| is_line(id, ID_CHARS_MAX)).map(str::to_owned);
                marks.id.is_some().then_some(()).ok_or("must be one line of 1 to 200 characters")
            }
            "step" => {
                marks.step = digits(value, 2..=2);
                marks.step.is_some().then_some(()).ok_or("must be two digits, \"00\" to \"99\"")
            }
            "rank" => {
                marks.rank = digits(value, 1..=4);
                marks.rank.is_some().then_some(()).ok_or("must be a number, \"0\" to \"9999\"")
            }
            "reason" => {
                marks.reason = Some(value).filter(|code| is_code(code)).map(str::to_owned);
                marks
                    .reason
                    .is_some()
                    .then_some(())
                    .ok_or("must be a code in SCREAMING_SNAKE_CASE of at most 64 characters")
            }
            "message" => {
                marks.message =
                    Some(value).filter(|line| is_line(line, MESSAGE_CHARS_MAX)).map(str::to_owned);
                marks
                    .message
                    .is_some()
                    .then_some(())
                    .ok_or("must be one line of 1 to 300 characters")
            }
            "step_up" => {
                marks.step_up = Some(value).filter(|name| is_snake(name)).map(str::to_owned);
                marks.step_up.is_some().then_some(()).ok_or(
                    "must be a name in lower_snake_case of at most 64 characters, such as \"mfa\"",
                )
            }
            "reason_only" => {
                marks.reason_only = true;
                value.is_empty().then_some(()).ok_or("takes no value")
            }
            _ => {
                self.warn_of_typo(name);
                Ok(())
            }
        };
        if let Err(rule) = rule {
            let message = format!("`@{name}` {rule}, not `{value}`");
            self.report(Diagnostic::error("bad-annotation", message), name);
        }
        rule.is_ok()
    }

    /// Which annotations need which others. One that is there but refused has been reported.
    fn check_company(&mut self, marks: &Marks, refused: &[&str]) {
        let step = marks.step.is_some() || refused.contains(&"step");
        let reason = marks.reason.is_some() || refused.contains(&"reason");
        let step_up = marks.step_up.is_some() || refused.contains(&"step_up");
        for name in [("reason_only", marks.reason_only), ("step_up", step_up)]
            .into_iter()
            .filter_map(|(name, there)| there.then_some(name))
        {
            if self.effect == Effect::Permit {
                self.misplaced(name, "belongs on a forbid, not on a permit");
            } else if !step || !reason {
                self.misplaced(name, "needs `@step` and `@reason` beside it");
            }
        }
        if marks.reason_only && step_up {
            self.misplaced("step_up", "can't stand beside `@reason_only`: nothing would be lifted");
        }
    }

    fn misplaced(&mut self, name: &str, why: &str) {
        let finding = Diagnostic::error("misplaced-annotation", format!("`@{name}` {why}"));
        self.report(finding, name);
    }

    fn warn_of_typo(&mut self, name: &str) {
        let lower = name.to_ascii_lowercase();
        // Short names are near too much; one slip is a typo there, two are another word.
        let near = |known: &&&str| {
            let slips_max = if known.len() > 4 { 2 } else { 1 };
            distance(&lower, known) <= slips_max
        };
        if let Some(meant) = NAMES.iter().filter(near).min_by_key(|known| distance(&lower, known)) {
            let finding =
                Diagnostic::warning("unknown-annotation", format!("`@{name}` means nothing here"))
                    .with_help(format!("did you mean `@{meant}`?"));
            self.report(finding, name);
        }
    }

    fn report(&mut self, finding: Diagnostic, name: &str) {
        self.findings.push(finding.at(self.source, self.statement.annotation(self.source, name)));
    }
}

impl Statement {
    /// Where an annotation's name stands, or where the policy starts.
    pub(super) fn annotation(&self, source: &SourceText, name: &str) -> Range<usize> {
        self.annotations
            .iter()
            .find(|known| source.text().get(known.name.clone()) == Some(name))
            .map_or(self.span.start..self.span.start, |known| known.name.clone())
    }
}

fn digits<T: std::str::FromStr>(
    value: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Option<T> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    (plain && lengths.contains(&value.len())).then(|| value.parse().ok()).flatten()
}

fn is_line(value: &str, chars_max: usize) -> bool {
    !value.trim().is_empty()
        && value.chars().take(chars_max + 1).count() <= chars_max
        && !value.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

fn is_code(value: &str) -> bool {
    value.len() <= REASON_CHARS_MAX
        && value.split('_').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
        && value.starts_with(|c: char| c.is_ascii_uppercase())
}

fn is_snake(value: &str) -> bool {
    value.len() <= STEP_UP_CHARS_MAX
        && value.split('_').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
        && value.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Insertions, deletions, replacements and swaps of neighbours between two names; names of very
/// different length are simply far.
fn distance(one: &str, other: &str) -> usize {
    const FAR: usize = usize::MAX / 2;
    if one.len().abs_diff(other.len()) > 2 {
        return FAR;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(FAR);
            let replaced = at(&last, column) + usize::from(a != b);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            let swapped = row > 0
                && column > 0
                && one.get(row - 1) == Some(b)
                && other.get(column - 1) == Some(a);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            next.push(best);
        }
        before_last = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(FAR)
}

/// A policy as the lints over the whole bundle see it.
pub(super) struct Linted<'a> {
    pub(super) id: &'a str,
    pub(super) effect: Effect,
    pub(super) marks: &'a Marks,
    pub(super) source: &'a SourceText,
    pub(super) statement: &'a Statement,
}

impl Linted<'_> {
    fn warning(&self, code: &'static str, message: String) -> Diagnostic {
        let start = self.statement.span.start;
        Diagnostic::warning(code, message).at(self.source, start..start).about(self.id)
    }
}

/// Findings that need the whole bundle: forbids without a step or a reason in a bundle that uses
/// them, and codes whose place in the order is ambiguous.
pub(super) fn lint(policies: &[Linted<'_>]) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let uses_reasons = policies.iter().any(|p| p.marks.step.is_some() || p.marks.reason.is_some());
    let mut places: HashMap<&str, (u8, u16)> = HashMap::new();
    for policy in policies.iter().filter(|policy| policy.effect == Effect::Forbid) {
        let marks = policy.marks;
        // On a reason-only forbid their absence is an error, reported before.
        if uses_reasons && !marks.reason_only {
            if marks.step.is_none() {
                let message = "this forbid has no `@step`: its reason has no place in the order";
                findings.push(policy.warning("missing-step", message.to_owned()));
            }
            if marks.reason.is_none() {
                let message = "this forbid has no `@reason`: programs can't tell why it refuses";
                findings.push(policy.warning("missing-reason", message.to_owned()));
            }
        }
        let (Some(code), Some(step)) = (marks.reason.as_deref(), marks.step) else { continue };
        let place = (step, marks.rank.unwrap_or(0));
        let first = *places.entry(code).or_insert(place);
        if first != place {
            let message = format!(
                "code `{code}` stands at step {step:02}, rank {} here but at step {:02}, rank {} before",
                place.1, first.0, first.1
            );
            findings.push(policy.warning("code-order", message));
        }
    }
    findings
}
