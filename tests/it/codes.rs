//! The codes of the domain: their order, and that each is reported where it should be.

use std::collections::BTreeSet;

use doorward::author::{ScenarioReport, Suite};
use doorward::portal::{WRITE_CODES, shipped_policies};
use doorward::{Explanation, Outcome};

/// The decision table of the domain: each step with its codes in their order. The order of a
/// code within its step is its rank.
pub(crate) const STEPS: &[(u8, &[&str])] = &[
    (1, &["UNKNOWN_KIND", "UNKNOWN_ACTION", "UNKNOWN_ID", "CROSS_TENANT"]),
    (2, &["PORTAL_OFF"]),
    (
        3,
        &[
            "CONTACT_DELETED",
            "ACCESS_DISABLED",
            "NO_ACCESS",
            "PENDING_ACTIVATION",
            "SESSION_EPOCH",
            "CREDENTIAL_ROTATED",
            "TOKEN_REVOKED",
            "TOKEN_SUPERSEDED",
            "TOKEN_USED",
            "TOKEN_EXPIRED",
            "PARENT_REVOKED",
            "VIEW_AS_EXPIRED",
        ],
    ),
    (4, &["CLIENT_ARCHIVED"]),
    (5, &["MODULE_OFF"]),
    (6, &["PARENT_MISMATCH", "NULL_OWNER", "STAFF_SCOPE", "CROSS_CLIENT"]),
    (7, &["INTERNAL", "NOT_CLIENT_VISIBLE"]),
    (
        8,
        &[
            "STATE_DELETED",
            "STATE_DRAFT",
            "STATE_CANCELLED",
            "STATE_FILTERED",
            "STATE_EXPIRED",
            "STATE_CLOSED",
            "STATE_PAID",
            "STATE_SIGNED",
            "STATE_LOCKED",
        ],
    ),
    (9, &["EXPLICIT_DENY"]),
    (
        10,
        &[
            "TOKEN_SCOPE",
            "NOT_YET_VALID",
            "GRANT_EXPIRED",
            "HIERARCHY_VIEW_ONLY",
            "NOT_SELF",
            "OWN_ONLY",
            "NOT_ASSIGNED",
            "NOT_INVITED",
            "NO_RELATION",
        ],
    ),
    (
        11,
        &[
            "STAFF_ONLY",
            "STAFF_PERMISSION",
            "VIEW_AS_READ_ONLY",
            "FIELD_PROTECTED",
            "PRIMARY_PROTECTED",
            "WATCHER_VIEWS_ONLY",
            "CAPABILITY_OFF",
            "NO_PERMISSION",
        ],
    ),
    (12, &["CURRENCY_MISMATCH", "OVER_LIMIT", "APPROVAL_REQUIRED", "NOT_SIGNATORY"]),
    (
        13,
        &[
            "IP_NOT_ALLOWED",
            "PASSWORD_REQUIRED",
            "MUST_CHANGE_PASSWORD",
            "MFA_REQUIRED",
            "MFA_STALE",
            "AUTH_TOO_WEAK",
            "SESSION_IDLE",
        ],
    ),
    // After the steps: mail and alerts.
    (14, &["ROLE_NO_NOTIFY", "OPT_OUT", "NOT_SUBSCRIBED", "CHANNEL_OFF"]),
];

/// Codes of step 13 that are no step up.
const PLAIN_REFUSALS: &[&str] = &["IP_NOT_ALLOWED"];

/// Codes of refusals that no step names.
const UNPLACED: &[&str] = &["EVAL_ERROR", "NO_PERMIT"];

/// What a write must keep, in the order of the domain.
const WRITES: &[&str] = &[
    "LIMIT_PRIMARY",
    "LIMIT_SECONDARY",
    "DUPLICATE_RELATION",
    "EMAIL_REQUIRED",
    "LOGIN_REQUIRED",
    "DUPLICATE_LOGIN",
    "DUPLICATE_EMAIL",
    "STAFF_IS_NO_CONTACT",
    "UNKNOWN_CONTACT",
    "NO_ESCALATION",
    "LAST_ADMIN",
    "PARENT_CYCLE",
    "SHARE_EXCEEDS_PARENT",
    "SET_IN_USE",
    "UNKNOWN_PERMISSION",
    "NO_OWNER_PATH",
    "MIN_RECIPIENTS",
    "NO_SIGNATORY",
    "SIGNATURES_MISSING",
    "SAME_APPROVER",
    "NOT_ENABLED",
    "PASSWORD_ALREADY_SET",
    "FORCE_RESET_REQUIRED",
    "REGISTRATION_OFF",
    "TOKEN_SCOPE",
];

/// Codes of ours before the domain's: what is named has to be there, and what is new has not.
const WRITES_BEFORE: &[&str] =
    &["CROSS_TENANT", "UNKNOWN_KIND", "UNKNOWN_ACTION", "UNKNOWN_ID", "DUPLICATE_ID"];

/// Codes of ours after the domain's.
const WRITES_AFTER: &[&str] = &["TOKEN_USED", "NOT_ARCHIVED"];

/// Where a code stands: its step, and its place within it.
pub(crate) fn place(code: &str) -> Option<(u8, usize)> {
    STEPS
        .iter()
        .find_map(|(step, codes)| Some((*step, codes.iter().position(|known| *known == code)?)))
}

/// Whether the contact himself can lift what a code refuses.
pub(crate) fn is_step_up(code: &str) -> bool {
    place(code).is_some_and(|(step, _)| step == 13) && !PLAIN_REFUSALS.contains(&code)
}

/// What the traces of an explanation come to, by the table above: `None` for an allow, else the
/// code and whether it is a step up.
pub(crate) fn expected(explained: &Explanation) -> Option<(&'static str, bool)> {
    let permitted = explained.policies.iter().any(|p| p.permit && p.outcome == Outcome::Satisfied);
    let code = |policy: &doorward::PolicyTrace| policy.reason.unwrap().as_str();
    let forbids = || explained.policies.iter().filter(|policy| !policy.permit);
    let standing: Vec<&'static str> = forbids()
        .filter(|policy| policy.outcome == Outcome::Satisfied)
        .filter(|policy| !policy.reason_only || !permitted)
        .map(code)
        .collect();
    let erring = forbids().any(|p| !p.reason_only && matches!(p.outcome, Outcome::Error(_)));
    if permitted && standing.is_empty() && !erring {
        return None;
    }
    let lifts = permitted && !erring && standing.iter().all(|code| is_step_up(code));
    // A policy that could not be evaluated counts with its step, after all codes of it.
    let failed = explained
        .policies
        .iter()
        .filter(|policy| matches!(policy.outcome, Outcome::Error(_)))
        .filter(|policy| !permitted || !(policy.permit || policy.reason_only))
        .map(|policy| ((policy.step.unwrap(), usize::MAX), "EVAL_ERROR"));
    let lowest = standing
        .iter()
        .filter(|code| lifts || !is_step_up(code))
        .map(|code| (place(code).unwrap_or_else(|| panic!("{code} has no step")), *code))
        .chain(failed)
        .min();
    Some((lowest.map_or("NO_PERMIT", |(_, code)| code), lifts))
}

fn suite() -> Suite {
    Suite::load(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests")).unwrap()
}

#[test]
fn scenarios_report_the_lowest_step() {
    let (mut refused, mut wrong) = (0, Vec::new());
    let _report = suite().run_with(&shipped_policies().unwrap(), None, |asked| {
        let decision = asked.world.check(asked.request);
        if decision.is_allowed() {
            return;
        }
        let explained = asked.world.explain(asked.request);
        if explained.fault.is_some() {
            let first = ["UNKNOWN_KIND", "UNKNOWN_ACTION", "INVALID_REQUEST"];
            assert!(first.contains(&decision.code().unwrap().as_str()), "{decision}");
            return;
        }
        refused += 1;
        let told = Some((decision.code().unwrap().as_str(), decision.step_up().is_some()));
        let expected = expected(&explained);
        if told != expected {
            wrong.push(format!("{}, {}: {told:?}, not {expected:?}", asked.scenario, asked.step));
        }
    });
    assert_eq!(wrong, Vec::<String>::new());
    assert!(refused > 400, "{refused}");
}

#[test]
fn codes_of_writes_stand_as_the_domain_has_them() {
    assert_eq!(WRITE_CODES, [WRITES_BEFORE, WRITES, WRITES_AFTER].concat());
}

/// Codes that a Rust test shows, by its name: what takes a policy of the host's own, or more
/// commands in one write than a scenario would want.
const SHOWN_HERE: &[(&str, &str)] = &[];

#[test]
fn every_code_is_shown() {
    let report = suite().run(&shipped_policies().unwrap(), None);
    let passed = report.scenarios.iter().filter(|scenario| ScenarioReport::passed(scenario));
    let mut shown: BTreeSet<&str> =
        passed.flat_map(|scenario| scenario.codes.iter().map(String::as_str)).collect();
    for (code, test) in SHOWN_HERE {
        assert!(shows(test, code), "no test `{test}` expects {code}");
        shown.insert(code);
    }
    let steps = STEPS.iter().flat_map(|(_, codes)| codes.iter());
    let missing: Vec<&str> = steps
        .chain(UNPLACED)
        .chain(WRITE_CODES)
        .filter(|code| !shown.contains(**code))
        .copied()
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "no scenario and no test shows these codes");
}

/// Whether a test of this name stands in this folder and names the code.
fn shows(test: &str, code: &str) -> bool {
    const SOURCES: &[&str] = &[include_str!("codes.rs")];
    let head = format!("#[test]\nfn {test}() {{\n");
    let body = SOURCES.iter().find_map(|source| source.split_once(&head));
    let body = body.and_then(|(_, rest)| rest.split_once("\n}\n"));
    body.is_some_and(|(body, _)| body.contains(code))
}
