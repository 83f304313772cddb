//! Plans as text and JSON.

use std::fmt::Write as _;

use doorward::{
    PlanEnvironment, PlanListing, PlanPart, PlanPolicy, PlanRead, PolicyBundle, Symbol,
};
use serde_json::{Value as Json, json as value};

use super::{BOLD, DIM, GOOD, NOTE, plain};
use crate::failure::Failure;

const PARTS: [(PlanPart, &str); 4] = [
    (PlanPart::Forbid, "forbid"),
    (PlanPart::StepUp, "step up"),
    (PlanPart::Permit, "permit"),
    (PlanPart::ReasonOnly, "reason only"),
];

/// The members of the listing, and `digest`.
pub(crate) fn json(policies: &PolicyBundle, listing: &PlanListing) -> Result<String, Failure> {
    let mut whole = serde_json::to_value(listing)
        .map_err(|error| Failure::new(format!("no JSON can be written: {error}")))?;
    if let Some(members) = whole.as_object_mut() {
        members.insert("digest".to_owned(), value!(policies.digest()));
    }
    Ok(super::json(&whole))
}

/// `{"digest", "counts", "on_reference", "environments"}`, these with counts of their policies.
pub(crate) fn json_summary(policies: &PolicyBundle, listing: &PlanListing) -> String {
    let each = |environment: &PlanEnvironment| {
        value!({
            "principal": environment.principal,
            "action": environment.action,
            "resource": environment.resource,
            "evaluates_all": environment.evaluates_all,
            "forbid": environment.count(PlanPart::Forbid),
            "step_up": environment.count(PlanPart::StepUp),
            "permit": environment.count(PlanPart::Permit),
            "reason_only": environment.count(PlanPart::ReasonOnly),
            "dropped": environment.dropped.len(),
        })
    };
    super::json(&value!({
        "digest": policies.digest(),
        "counts": listing.counts,
        "on_reference": listing.on_reference,
        "environments": listing.environments.iter().map(each).collect::<Vec<Json>>(),
    }))
}

/// What the plan holds, then types and environments, or a line for each environment.
pub(crate) fn human(policies: &PolicyBundle, listing: &PlanListing, summary: bool) -> String {
    let mut page = Page { policies, text: String::new() };
    page.head(listing);
    if summary {
        page.summary(&listing.environments);
        return page.text;
    }
    if !listing.types.is_empty() {
        page.line(0, "");
        page.title("Types");
    }
    for of_type in &listing.types {
        page.line(2, &plain(&of_type.name));
        for test in &of_type.tests {
            page.line(4, &format!("{DIM}class{DIM:#}   {}", plain(test)));
        }
        for column in &of_type.columns {
            page.line(4, &format!("{DIM}column{DIM:#}  {}", plain(column)));
        }
    }
    for environment in &listing.environments {
        page.line(0, "");
        page.environment(environment);
    }
    page.text
}

struct Page<'p> {
    policies: &'p PolicyBundle,
    text: String,
}

impl Page<'_> {
    fn head(&mut self, listing: &PlanListing) {
        let counts = listing.counts;
        let counted = [
            (counts.policies, "policy", "policies"),
            (counts.environments, "environment", "environments"),
            (counts.literals, "literal", "literals"),
            (counts.groups, "group", "groups"),
        ];
        let counted: Vec<String> = counted
            .iter()
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        self.line(0, &format!("{}; digest {}", counted.join(", "), self.policies.digest()));
        let reference = if listing.on_reference.is_empty() {
            format!("{GOOD}none{GOOD:#}")
        } else {
            let all = "so that Cedar's authorizer decides every request";
            format!("{NOTE}{}{NOTE:#}, {all}", names(&listing.on_reference))
        };
        self.line(0, &format!("on the reference evaluator: {reference}"));
        if !self.policies.has_schema() {
            self.line(0, "no schema: every policy is evaluated for each request");
        }
    }

    fn summary(&mut self, environments: &[PlanEnvironment]) {
        let names: Vec<String> = environments.iter().map(name).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (environment, name) in environments.iter().zip(names) {
            let counts = if environment.evaluates_all {
                ALL.to_owned()
            } else {
                let counts =
                    PARTS.map(|(part, word)| format!("{} {word}", environment.count(part)));
                format!("{}, {} never", counts.join(", "), environment.dropped.len())
            };
            self.line(0, &format!("{name:<width$}  {counts}"));
        }
    }

    fn environment(&mut self, environment: &PlanEnvironment) {
        self.title(&name(environment));
        if environment.evaluates_all {
            self.line(2, ALL);
            return;
        }
        for policy in &environment.policies {
            self.policy(policy);
        }
        if !environment.dropped.is_empty() {
            let never = names(&environment.dropped);
            self.line(2, &format!("{DIM}never applies:{DIM:#} {never}"));
        }
    }

    /// `forbid own-client · step 4 · CROSS_CLIENT · rules.cedar:1`
    fn policy(&mut self, policy: &PlanPolicy) {
        let part = PARTS.iter().find(|(part, _)| *part == policy.part).map_or("", |(_, word)| word);
        let mut text = format!("{part} {BOLD}{}{BOLD:#}", plain(policy.id.as_str()));
        if let Some(step) = policy.step {
            let _ = write!(text, " · step {step}");
        }
        if policy.rank > 0 {
            let _ = write!(text, " · rank {}", policy.rank);
        }
        if let Some(reason) = policy.reason {
            let _ = write!(text, " · {}", plain(reason.as_str()));
        }
        if let Some(info) = self.policies.policy(policy.id.as_str()) {
            let (file, line) = (plain(info.file().as_str()), info.line());
            let _ = write!(text, " {DIM}· {file}:{line}{DIM:#}");
        }
        if policy.only_fails {
            let _ = write!(text, " · {NOTE}can only fail{NOTE:#}");
        }
        self.line(2, &text);
        if policy.clauses.is_empty() {
            self.line(4, "always");
        }
        for clause in &policy.clauses {
            let text = plain(&clause.text);
            match clause.reads.as_slice() {
                [read] => self.line(4, &format!("{} {text}", mark(read))),
                reads => {
                    self.line(4, &text);
                    for read in reads {
                        self.line(6, &format!("{} {}", mark(read), plain(&condition(read))));
                    }
                }
            }
        }
    }

    fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "{BOLD}{title}{BOLD:#}");
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }
}

const ALL: &str = "every policy is evaluated: they follow too many ways to rows";

/// `Contact view Document`
fn name(environment: &PlanEnvironment) -> String {
    let PlanEnvironment { principal, action, resource, .. } = environment;
    format!("{} {} {}", plain(principal), super::action(action), plain(resource))
}

/// `class resource.client:`
fn mark(read: &PlanRead) -> String {
    let mark = match read {
        PlanRead::Class { path, .. } => format!("class {}", plain(path)),
        PlanRead::Group { path, .. } => format!("group {}", plain(path)),
        PlanRead::Join { operator, .. } => format!("join {}", operator.as_str()),
    };
    format!("{DIM}{mark}:{DIM:#}")
}

fn condition(read: &PlanRead) -> String {
    match read {
        PlanRead::Class { test, .. } => test.clone(),
        PlanRead::Group { path, group } => format!("{path} in {group}"),
        PlanRead::Join { condition, .. } => condition.clone(),
    }
}

fn names(names: &[Symbol]) -> String {
    let names: Vec<String> = names.iter().map(|name| plain(name.as_str())).collect();
    names.join(", ")
}
