//! The worked decisions of the domain stand among the shipped scenarios, with the answers that the
//! domain gives them.

use std::collections::BTreeSet;

use doorward::author::{ScenarioReport, Suite};
use doorward::portal::shipped_policies;

/// The decisions of the presets, and those that hold under every one.
const WORKED: &[(&str, &str)] = &[
    ("IN01", "allow"),
    ("IN03", "allow"),
    ("IN04", "suppress OPT_OUT"),
    ("IN11", "step_up PASSWORD_REQUIRED"),
    ("IN13", "deny NOT_INVITED"),
    ("IN15", "deny ACCESS_DISABLED"),
    ("IN17", "deny CONTACT_DELETED"),
    ("IN18", "reject PASSWORD_ALREADY_SET"),
    ("IN19", "deny TOKEN_SCOPE"),
    ("IN20", "deny CROSS_CLIENT"),
    ("IN21", "deny CROSS_CLIENT"),
    ("IN24", "deny STATE_DRAFT"),
    ("IN25", "deny MODULE_OFF"),
    ("IN27", "deny CAPABILITY_OFF"),
    ("IN28", "step_up PASSWORD_REQUIRED"),
    ("IN29", "allow"),
    ("IN30", "allow"),
    ("IN31", "allow"),
    ("IN32", "allow"),
    ("IN34", "deny CROSS_TENANT"),
    ("IN36", "deny NOT_INVITED"),
    ("IN37", "deny NOT_INVITED"),
    ("IN40", "deny NOT_INVITED"),
    ("IN42", "deny NOT_INVITED"),
    ("AP02", "accept"),
    ("AP03", "reject EMAIL_REQUIRED"),
    ("AP05", "deny CREDENTIAL_ROTATED"),
    ("AP06", "deny ACCESS_DISABLED"),
    ("AP08", "accept"),
    ("AP09", "deny CREDENTIAL_ROTATED"),
    ("AP10", "deny SESSION_EPOCH"),
    ("AP11", "reject NOT_ENABLED"),
    ("AP14", "deny NOT_CLIENT_VISIBLE"),
    ("AP15", "allow"),
    ("AP16", "deny STATE_CLOSED"),
    ("AP19", "deny STATE_SIGNED"),
    ("AP20", "allow"),
    ("AP21", "deny NO_PERMISSION"),
    ("AP22", "allow"),
    ("AP26", "deny STAFF_PERMISSION"),
    ("AP27", "deny CROSS_TENANT"),
    ("AP28", "reject NOT_ENABLED"),
    ("BB01", "allow"),
    ("BB03", "suppress ROLE_NO_NOTIFY"),
    ("BB04", "notify"),
    ("BB05", "allow"),
    ("BB08", "allow"),
    ("BB09", "allow"),
    ("BB10", "deny CAPABILITY_OFF"),
    ("BB12", "allow"),
    ("BB13", "reject LIMIT_PRIMARY"),
    ("BB15", "accept"),
    ("BB17", "accept"),
    ("BB18", "accept"),
    ("BB21", "suppress ROLE_NO_NOTIFY"),
    ("BB22", "notify"),
    ("BB23", "reject DUPLICATE_RELATION"),
    ("BB25", "allow"),
    ("BB28", "allow"),
    ("BB29", "allow"),
    ("BB30", "allow"),
    ("BB31", "allow"),
    ("BB32", "allow"),
    ("BB35", "deny PENDING_ACTIVATION"),
    ("FP03", "reject LOGIN_REQUIRED"),
    ("FP05", "allow"),
    ("FP06", "deny NO_PERMISSION"),
    ("FP07", "deny NO_PERMISSION"),
    ("FP09", "step_up MUST_CHANGE_PASSWORD"),
    ("FP15", "suppress NO_PERMISSION"),
    ("FP16", "allow"),
    ("FP17", "allow"),
    ("FP19", "deny FIELD_PROTECTED"),
    ("FP20", "deny NOT_CLIENT_VISIBLE"),
    ("FP21", "deny NO_RELATION"),
    ("FP24", "deny ACCESS_DISABLED"),
    ("FP25", "allow"),
    ("FP29", "deny NO_PERMISSION"),
    ("BX04", "deny CROSS_CLIENT"),
    ("BX05", "deny MODULE_OFF"),
    ("BX13", "allow"),
    ("BX16", "allow"),
    ("BX17", "allow"),
    ("BX18", "allow"),
    ("BX19", "deny STATE_EXPIRED"),
    ("BX20", "allow"),
    ("BX22", "allow"),
    ("BX23", "deny NOT_ASSIGNED"),
    ("BX24", "allow"),
    ("BX25", "deny CROSS_CLIENT"),
    ("BX28", "step_up MFA_REQUIRED"),
    ("BX32", "deny STATE_DRAFT"),
    ("BX35", "notify"),
    ("BX36", "deny OWN_ONLY"),
    ("BX37", "allow"),
    ("BX38", "deny NO_PERMISSION"),
    // Under every preset.
    ("AD03", "deny PARENT_MISMATCH"),
    ("AD04", "deny CROSS_CLIENT"),
    ("AD05", "allow"),
    ("AD08", "deny CLIENT_ARCHIVED"),
    ("AD09", "allow"),
    ("AD13", "deny STATE_DELETED"),
    ("AD17", "deny INTERNAL"),
    ("AD20", "deny INTERNAL"),
    ("AD24", "deny TOKEN_SUPERSEDED"),
    ("AD25", "deny TOKEN_SCOPE"),
    ("AD26", "reject SHARE_EXCEEDS_PARENT"),
    ("AD27", "deny PARENT_REVOKED"),
    ("AD28", "deny NOT_YET_VALID"),
    ("AD29", "deny GRANT_EXPIRED"),
    ("AD31", "deny OVER_LIMIT"),
    ("AD32", "deny CURRENCY_MISMATCH"),
    ("AD35", "deny VIEW_AS_READ_ONLY"),
    ("AD36", "deny VIEW_AS_READ_ONLY"),
    ("AD38", "deny VIEW_AS_EXPIRED"),
    ("AD40", "allow"),
    ("AD41", "accept"),
    ("AD42", "reject NO_ESCALATION"),
    ("AD43", "deny CROSS_CLIENT"),
    ("AD44", "reject LAST_ADMIN"),
    ("AD45", "deny PRIMARY_PROTECTED"),
    ("AD46", "reject LIMIT_SECONDARY"),
    ("AD48", "deny CROSS_CLIENT"),
    ("AD49", "deny CROSS_CLIENT"),
    ("AD51", "deny CROSS_CLIENT"),
    ("AD53", "deny EXPLICIT_DENY"),
    ("AD54", "allow"),
    ("AD56", "deny OWN_ONLY"),
    ("AD57", "deny UNKNOWN_ACTION"),
    ("AD58", "deny UNKNOWN_KIND"),
    ("AD60", "deny NULL_OWNER"),
    ("AD69", "accept"),
    ("AD74", "deny NOT_SELF"),
    ("AD76", "deny STAFF_ONLY"),
    ("AD77", "allow"),
    ("AD79", "deny OWN_ONLY"),
    ("AD80", "allow"),
    ("AD81", "deny OWN_ONLY"),
    ("AD82", "allow"),
    ("AD84", "deny CROSS_CLIENT"),
    ("AD88", "reject NO_SIGNATORY"),
    ("AD89", "reject SIGNATURES_MISSING"),
    ("AD91", "deny NO_ACCESS"),
    ("AD92", "reject MIN_RECIPIENTS"),
    ("AD93", "deny IP_NOT_ALLOWED"),
    ("AD94", "step_up MFA_STALE"),
    ("AD95", "step_up AUTH_TOO_WEAK"),
    ("AD97", "accept"),
    ("AD98", "allow"),
    ("AD100", "deny CROSS_CLIENT"),
    ("AD101", "deny CROSS_CLIENT"),
    ("AD105", "deny STATE_LOCKED"),
];

/// The files that hold them.
const FILES: &[&str] = &[
    "accounting.yaml",
    "agency.yaml",
    "any.yaml",
    "bookings.yaml",
    "invoicing.yaml",
    "practice.yaml",
];

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests");

/// And plan and reference decide alike, every question and every command of them.
#[test]
fn worked_decisions_come_out_as_the_domain_says() {
    let policies = shipped_policies().unwrap();
    let (report, shadow) = Suite::load(TESTS).unwrap().run_shadowed(&policies, None);
    assert_eq!(shadow.diverged, 0, "{}", shadow.last.unwrap());
    assert_eq!(shadow.skipped, 0);
    // Writes are decided too, so that there are more decisions than questions.
    let compared = shadow.compared;
    assert!(compared > report.compared() as u64, "{compared} decisions");
    let failed: Vec<&ScenarioReport> =
        report.scenarios.iter().filter(|scenario| !scenario.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for (id, _) in WORKED {
        assert!(report.scenarios.iter().any(|scenario| scenario.id == *id), "{id} is missing");
    }
}

#[test]
fn scenarios_expect_what_the_domain_says() {
    let text: String = FILES
        .iter()
        .map(|file| std::fs::read_to_string(format!("{TESTS}/{file}")).unwrap())
        .collect();
    for (id, expected) in WORKED {
        let scenario = text.split(&format!("- id: {id}\n")).nth(1).unwrap();
        let scenario = scenario.split("\n  - id: ").next().unwrap();
        assert!(scenario.contains(&format!("expect: {expected}\n")), "{id}: {expected}");
    }
}

/// Worked decisions that say what holds, instead of one answer: tests of their own.
const PROPERTIES: &[&str] = &["AD61", "AD63", "AD64", "AD65", "AD70", "AD73", "AD85", "AD86"];

#[test]
fn all_160_worked_decisions_are_there() {
    let ids: BTreeSet<&str> =
        WORKED.iter().map(|(id, _)| *id).chain(PROPERTIES.iter().copied()).collect();
    assert_eq!((ids.len(), WORKED.len() + PROPERTIES.len()), (160, 160));
    let sources = [include_str!("worked.rs"), include_str!("threads.rs")].concat();
    for id in PROPERTIES {
        let test = format!("#[test]\nfn {}_", id.to_lowercase());
        assert!(sources.contains(&test), "{id} has no test");
    }
    let any = std::fs::read_to_string(format!("{TESTS}/any.yaml")).unwrap();
    let scenarios: Vec<&str> = any.split("\n  - id: ").skip(1).collect();
    assert_eq!(scenarios.len(), 56);
    for scenario in scenarios {
        assert!(scenario.contains("presets: any"), "{}", scenario.lines().next().unwrap());
    }
}
