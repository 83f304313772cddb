//! The codes of the domain: their order, and that each is reported where it should be.

use std::collections::BTreeSet;

use doorward::author::{ScenarioReport, Suite};
use doorward::portal::{
    Channel, Document, Level, Limit, NewContact, NewShare, Relation, Role, Settings, State,
    TenantConfig, WRITE_CODES, shipped_policies, shipped_sources,
};
use doorward::{
    Action, Caller, Engine, EntityUid, ErrorMode, Explanation, Kind, Outcome, PolicyBundle, Portal,
    Preset, Request, Tenant, Timestamp,
};

use crate::write_codes::BREAKING;

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

/// A portal with a rule of the host's own that overflows on the largest amounts.
fn overflowing(mode: ErrorMode) -> Tenant {
    const OWN: &str = r#"
        @id("own-large")
        @step("12")
        @rank("0")
        @reason("TOO_LARGE")
        @message("Please call us to pay as much as this.")
        forbid (principal is Contact, action == Action::"pay", resource is Document)
        when { resource has amount && resource.amount * 2 > 1000000 };

        @id("own-reach")
        @step("10")
        @reason("REACHED_BY_SIZE")
        @message("It is large.")
        permit (principal is Contact, action == Action::"download", resource is Document)
        when { resource has amount && resource.amount + 1 > 0 };
    "#;
    let policies = shipped_sources().policies("own.cedar", OWN).build().unwrap();
    let portal = Portal::builder().policies(policies).error_mode(mode).build().unwrap();
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Invited);
    config.settings.all_kinds.limit_payments = Some(true);
    let tenant = portal.create_tenant("it", config).unwrap();
    let filled = tenant.write_as_system(|tx| {
        let client = tx.create_client(tenant.client("C1"))?;
        for id in ["gm", "limited", "denied"] {
            let new = NewContact::new(tenant.contact(id), client.clone());
            let contact = tx.create_contact(new.email(format!("{id}@c.example")))?;
            tx.enable(&contact)?;
            tx.set_password(&contact)?;
        }
        for (id, amount) in [("huge", i64::MAX), ("small", 1)] {
            let invoice = Document::new(tenant.document(id), Kind::INVOICE).state(State::Sent);
            tx.put_document(&invoice.client(client.clone()).amount(amount, "EUR"))?;
            for contact in ["gm", "limited", "denied"] {
                tx.invite(tenant.document(id), &tenant.contact(contact), None)?;
            }
        }
        let unseen = Document::new(tenant.document("unseen"), Kind::INVOICE).state(State::Sent);
        tx.put_document(&unseen.client(client.clone()).amount(i64::MAX, "EUR"))?;
        let limit = Limit { amount: 100, currency: "EUR".to_owned() };
        tx.set_limit(&tenant.contact("limited"), Some(&limit))?;
        tx.deny_document(&tenant.contact("denied"), &tenant.document("huge"), true)
    });
    filled.unwrap();
    tenant
}

fn session(tenant: &Tenant, contact: &str) -> Caller {
    let contact = tenant.contact(contact);
    let access = tenant.access(&contact).unwrap();
    Caller::contact(contact).session(access.epoch, access.credential_version).password()
}

#[test]
fn a_rule_that_cannot_be_evaluated_refuses() {
    let closed = overflowing(ErrorMode::FailClosed);
    let asked = |tenant: &Tenant, contact: &str, action, document: &str| {
        tenant.check(&session(tenant, contact), action, tenant.document(document))
    };
    let refused = asked(&closed, "gm", Action::Pay, "huge");
    assert_eq!((refused.to_string(), refused.step()), ("deny EVAL_ERROR".to_owned(), Some(12)));
    let explained = closed.explain(&session(&closed, "gm"), Action::Pay, closed.document("huge"));
    assert!(!explained.unwrap().erring.is_empty());
    assert!(asked(&closed, "gm", Action::Pay, "small").is_allowed());
    // Cedar passes over what it cannot evaluate.
    let open = overflowing(ErrorMode::Cedar);
    assert!(asked(&open, "gm", Action::Pay, "huge").is_allowed());

    // The last of its step, after the reasons of lower ones.
    for tenant in [&closed, &open] {
        for (contact, told) in [("limited", "deny OVER_LIMIT"), ("denied", "deny EXPLICIT_DENY")] {
            assert_eq!(asked(tenant, contact, Action::Pay, "huge").to_string(), told);
        }
    }
    // And before those of higher ones.
    let weak = Settings { strong_for: Some([Action::Pay].into()), ..Settings::default() };
    closed.write_as_system(|tx| tx.set_settings(weak)).unwrap();
    let access = closed.access(&closed.contact("gm")).unwrap();
    let caller = Caller::contact(closed.contact("gm"))
        .session(access.epoch, access.credential_version)
        .magic_link();
    let small = closed.check(&caller, Action::Pay, closed.document("small"));
    assert_eq!(small.to_string(), "step up AUTH_TOO_WEAK (password)");
    let huge = closed.check(&caller, Action::Pay, closed.document("huge"));
    assert_eq!(huge.to_string(), "deny EVAL_ERROR");
}

#[test]
fn a_permit_that_cannot_be_evaluated_permits_nothing() {
    for mode in [ErrorMode::FailClosed, ErrorMode::Cedar] {
        let tenant = overflowing(mode);
        let caller = session(&tenant, "gm");
        let decide =
            |document: &str| tenant.check(&caller, Action::Download, tenant.document(document));
        // Reached by an invitation all the same.
        assert!(decide("huge").is_allowed());
        let explained = tenant.explain(&caller, Action::Download, tenant.document("huge"));
        assert!(!explained.unwrap().erring.is_empty());
        // Nothing reaches it, and why not comes before what could not be evaluated.
        assert_eq!(decide("unseen").to_string(), "deny NOT_INVITED");
    }
}

#[test]
fn what_shares_and_relations_refuse() {
    let portal = Portal::builder().clock(now).build().unwrap();
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Client);
    config.settings.kinds.entry(Kind::ESTIMATE).or_default().level = Some(Level::Own);
    config.settings.parents_read = Some(true);
    let tenant = portal.create_tenant("it", config).unwrap();
    let document = |id: &str, kind| {
        Document::new(tenant.document(id), kind).client(tenant.client("C1")).state(State::Sent)
    };
    let filled = tenant.write_as_system(|tx| {
        for (client, contacts) in [("C1", ["gm", "acc"]), ("above", ["head", "other"])] {
            let client = tx.create_client(tenant.client(client))?;
            for id in contacts {
                let new = NewContact::new(tenant.contact(id), client.clone());
                let contact = tx.create_contact(new.email(format!("{id}@c.example")))?;
                tx.enable(&contact)?;
                tx.set_password(&contact)?;
            }
        }
        tx.set_client_parent(&tenant.client("C1"), Some(&tenant.client("above")))?;
        tx.put_document(&document("invoice", Kind::INVOICE))?;
        tx.put_document(&document("estimate", Kind::ESTIMATE))?;
        let view = |contact: &str| NewShare::new(tenant.contact(contact), [Action::View]);
        let estimate = tenant.document("estimate");
        let early = view("gm").from(now().plus_ms(1));
        tx.share(tenant.share("early"), estimate.clone(), early)?;
        let late = view("acc").until(now());
        tx.share(tenant.share("late"), estimate.clone(), late)?;
        let parent = tx.share(tenant.share("parent"), estimate.clone(), view("head"))?;
        let child = view("other").made_from(parent.clone()).by_link(tenant.link("L"));
        tx.share(tenant.share("child"), estimate, child)?;
        tx.revoke_share(&parent)?;
        let silent = Relation::new(Role::Secondary);
        tx.relate(tenant.document("invoice"), &tenant.contact("gm"), silent)
    });
    filled.unwrap();
    let decide = |caller: &Caller, action, document: &str| {
        tenant.check(caller, action, tenant.document(document)).to_string()
    };
    let [gm, acc, head] = ["gm", "acc", "head"].map(|contact| session(&tenant, contact));
    assert_eq!(decide(&gm, Action::View, "estimate"), "deny NOT_YET_VALID");
    assert_eq!(decide(&acc, Action::View, "estimate"), "deny GRANT_EXPIRED");
    assert_eq!(decide(&head, Action::Pay, "invoice"), "deny HIERARCHY_VIEW_ONLY");
    let bearer = Caller::link(tenant.link("L"));
    assert_eq!(decide(&bearer, Action::View, "estimate"), "deny PARENT_REVOKED");
    let (contact, invoice) = (tenant.contact("gm"), tenant.document("invoice"));
    let mail = tenant.check_mail(&contact, "invoice.sent", Channel::Email, invoice);
    assert_eq!(mail.to_string(), "deny ROLE_NO_NOTIFY");
}

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

#[test]
fn what_no_step_explains_has_no_permit() {
    let policies = PolicyBundle::builder()
        .policies("own.cedar", r#"@id("own") permit (principal, action, resource) when { false };"#)
        .build()
        .unwrap();
    let engine = Engine::builder(policies).build().unwrap();
    let [reader, book] = [EntityUid::new("Reader", "ada"), EntityUid::new("Book", "1")];
    let refused = engine.check(&Request::new(reader, "borrow", book));
    assert_eq!((refused.to_string(), refused.step()), ("deny NO_PERMIT".to_owned(), None));
}

#[test]
fn codes_of_writes_stand_as_the_domain_has_them() {
    assert_eq!(WRITE_CODES, [WRITES_BEFORE, WRITES, WRITES_AFTER].concat());
}

/// Codes that a Rust test shows, by its name.
const SHOWN_HERE: &[(&str, &str)] = &[
    ("EVAL_ERROR", "a_rule_that_cannot_be_evaluated_refuses"),
    ("GRANT_EXPIRED", "what_shares_and_relations_refuse"),
    ("HIERARCHY_VIEW_ONLY", "what_shares_and_relations_refuse"),
    ("NOT_YET_VALID", "what_shares_and_relations_refuse"),
    ("NO_PERMIT", "what_no_step_explains_has_no_permit"),
    ("PARENT_REVOKED", "what_shares_and_relations_refuse"),
    ("ROLE_NO_NOTIFY", "what_shares_and_relations_refuse"),
];

#[test]
fn every_code_is_shown() {
    let report = suite().run(&shipped_policies().unwrap(), None);
    let passed = report.scenarios.iter().filter(|scenario| ScenarioReport::passed(scenario));
    let mut shown: BTreeSet<&str> =
        passed.flat_map(|scenario| scenario.codes.iter().map(String::as_str)).collect();
    shown.extend(BREAKING.iter().map(|(code, _)| code));
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

/// Whether a test of this name stands here and names the code.
fn shows(test: &str, code: &str) -> bool {
    const SOURCES: &[&str] = &[include_str!("codes.rs")];
    let head = format!("#[test]\nfn {test}() {{\n");
    let body = SOURCES.iter().find_map(|source| source.split_once(&head));
    let body = body.and_then(|(_, rest)| rest.split_once("\n}\n"));
    body.is_some_and(|(body, _)| body.contains(code))
}
