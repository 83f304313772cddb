//! Explanations for the author of the policies.

use std::fmt::Write as _;

use anstyle::Style;
use doorward::{Clause, ClauseValue, Explanation, Outcome, PolicyTrace, Request, Symbol, World};

use super::{BAD, BOLD, DIM, GOOD, NOTE, plain, question, verdict};

/// The decisions with what led to them; only satisfied policies and near misses, unless `all`.
pub(crate) fn human(world: &World, explained: &[(&Request, &Explanation)], all: bool) -> String {
    let each = explained.iter().map(|(request, explanation)| {
        let page = Page { world, explanation, text: String::new() };
        page.render(request, all)
    });
    each.collect::<Vec<_>>().join("\n")
}

struct Page<'e> {
    world: &'e World,
    explanation: &'e Explanation,
    text: String,
}

impl Page<'_> {
    fn render(mut self, request: &Request, all: bool) -> String {
        self.line(0, &question(request));
        self.line(0, &verdict(self.world, &self.explanation.decision));
        if let Some(fault) = &self.explanation.fault {
            self.line(2, &format!("no policy was asked: {}", plain(fault)));
            return self.text;
        }
        self.determining();
        self.erring();
        self.near_misses();
        self.policies(all);
        self.text
    }

    fn determining(&mut self) {
        self.title("Determining policies");
        let determining: Vec<_> = self
            .explanation
            .policies
            .iter()
            .filter(|trace| self.explanation.determining.contains(&trace.id))
            .collect();
        if determining.is_empty() {
            self.line(2, "none: no permit and no forbid is satisfied");
        }
        for trace in determining {
            self.policy(trace);
        }
    }

    fn erring(&mut self) {
        if self.explanation.erring.is_empty() {
            return;
        }
        self.title("Policies that could not be evaluated");
        for (policy, message) in &self.explanation.erring {
            let place = self.place(*policy);
            self.line(2, &format!("{NOTE}!{NOTE:#} {}{place}", plain(policy.as_str())));
            self.line(6, &plain(message));
        }
    }

    fn near_misses(&mut self) {
        let explanation = self.explanation;
        // A permit that lacks its scope is about something else.
        let near: Vec<_> = explanation
            .policies
            .iter()
            .filter(|trace| trace.is_near_miss() && trace.scope_matches())
            .collect();
        if near.is_empty() || explanation.decision.is_allowed() {
            return;
        }
        self.title("Near misses: permits that lack one clause");
        for trace in near {
            self.policy(trace);
            for clause in trace.clauses.iter().filter(|c| c.value != ClauseValue::True) {
                self.clause(trace, clause);
            }
        }
    }

    fn policies(&mut self, all: bool) {
        let explanation = self.explanation;
        let total = explanation.policies.len();
        let shown: Vec<_> = explanation
            .policies
            .iter()
            .filter(|trace| all || trace.outcome == Outcome::Satisfied)
            .collect();
        if all {
            self.title(&format!("All {total} policies"));
        } else {
            let count = shown.len();
            self.title(&format!("Satisfied policies: {count} of {total} (--all shows all)"));
        }
        for trace in shown {
            self.policy(trace);
            for clause in &trace.clauses {
                self.clause(trace, clause);
            }
        }
    }

    /// `✗ permit open-to-all · step 10 · OPEN · rules.cedar:9`
    fn policy(&mut self, trace: &PolicyTrace) {
        let mark = match &trace.outcome {
            Outcome::Satisfied if trace.permit => mark('✓', GOOD),
            Outcome::Satisfied => mark('✓', BAD),
            Outcome::NotSatisfied => mark('✗', DIM),
            Outcome::Error(_) => mark('!', NOTE),
        };
        let effect = match (trace.permit, trace.reason_only) {
            (true, _) => "permit",
            (false, false) => "forbid",
            (false, true) => "forbid (reason only)",
        };
        let mut text = format!("{mark} {effect} {BOLD}{}{BOLD:#}", plain(trace.id.as_str()));
        if let Some(step) = trace.step {
            let _ = write!(text, " · step {step}");
        }
        if let Some(reason) = trace.reason {
            let _ = write!(text, " · {}", plain(reason.as_str()));
        }
        text.push_str(&self.place(trace.id));
        self.line(2, &text);
    }

    fn clause(&mut self, trace: &PolicyTrace, clause: &Clause) {
        let text = plain(&clause.text);
        let (holds, fails) = if trace.permit { (GOOD, BAD) } else { (BAD, DIM) };
        let line = match &clause.value {
            ClauseValue::True => format!("{} {text}", mark('✓', holds)),
            ClauseValue::False => format!("{} {text}", mark('✗', fails)),
            ClauseValue::Error(message) => {
                format!("{} {text} {DIM}({}){DIM:#}", mark('!', NOTE), plain(message))
            }
        };
        let unreached = if clause.reached { "" } else { " (not reached)" };
        self.line(6, &format!("{line}{DIM}{unreached}{DIM:#}"));
    }

    /// ` · rules.cedar:9`
    fn place(&self, policy: Symbol) -> String {
        let info = self.world.policies().policy(policy.as_str());
        info.map(|info| format!(" {DIM}· {}:{}{DIM:#}", plain(info.file().as_str()), info.line()))
            .unwrap_or_default()
    }

    fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{BOLD}{title}{BOLD:#}");
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }
}

fn mark(mark: char, style: Style) -> String {
    format!("{style}{mark}{style:#}")
}
