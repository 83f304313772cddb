//! Findings about policies and configurations.

use std::fmt::Write as _;

use doorward::{Effect, PolicyBundle, Severity};
use serde_json::{Map, Value as Json, json as value};

use crate::command::Report;

/// Every finding with its line of source, and a summary.
pub(crate) fn human(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.diagnostics {
        let _ = writeln!(text, "{finding}\n");
    }
    let errors = counted(report.count(Severity::Error), "error");
    let warnings = counted(report.count(Severity::Warning), "warning");
    if !report.is_valid() {
        let _ = writeln!(text, "refused: {errors}, {warnings}");
        return text;
    }
    let counts = report.bundle.as_ref().map(Counts::of);
    let mut parts = Vec::new();
    if let Some(Counts { permits, forbids, reasons, schema, .. }) = &counts {
        parts.push(counted(*permits, "permit"));
        parts.push(counted(*forbids, "forbid"));
        parts.push(counted(*reasons, "reason-only forbid"));
        if !schema {
            parts.push("no schema".to_owned());
        }
    }
    if report.config_count > 0 {
        parts.push(counted(report.config_count, "configuration"));
    }
    let digest = counts.map(|counts| format!("; digest {}", counts.digest)).unwrap_or_default();
    let _ = writeln!(text, "{}; {errors}, {warnings}{digest}", parts.join(", "));
    text
}

/// `{"valid", "policies", "digest", "configurations", "errors", "warnings", "diagnostics"}`
pub(crate) fn json(report: &Report) -> String {
    let mut members = Map::new();
    members.insert("valid".to_owned(), value!(report.is_valid()));
    if let Some(Counts { permits, forbids, reasons, schema, digest }) =
        report.bundle.as_ref().map(Counts::of)
    {
        let policies = value!({ "permit": permits, "forbid": forbids, "reason_only": reasons });
        members.insert("policies".to_owned(), policies);
        members.insert("schema".to_owned(), value!(schema));
        members.insert("digest".to_owned(), value!(digest));
    }
    if report.config_count > 0 {
        members.insert("configurations".to_owned(), value!(report.config_count));
    }
    members.insert("errors".to_owned(), value!(report.count(Severity::Error)));
    members.insert("warnings".to_owned(), value!(report.count(Severity::Warning)));
    members.insert("diagnostics".to_owned(), value!(report.diagnostics));
    super::json(&Json::Object(members))
}

struct Counts {
    permits: usize,
    /// Those that decide.
    forbids: usize,
    reasons: usize,
    schema: bool,
    digest: String,
}

impl Counts {
    fn of(bundle: &PolicyBundle) -> Self {
        let count = |effect: Effect, reason_only: bool| {
            let policies = bundle.policies().iter();
            policies.filter(|p| p.effect() == effect && p.reason_only() == reason_only).count()
        };
        Self {
            permits: count(Effect::Permit, false),
            forbids: count(Effect::Forbid, false),
            reasons: count(Effect::Forbid, true),
            schema: bundle.has_schema(),
            digest: bundle.digest().to_string(),
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
