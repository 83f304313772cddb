//! The worked decisions of the domain stand among the shipped scenarios, with the answers that the
//! domain gives them.

use doorward::author::{ScenarioReport, Suite};
use doorward::portal::shipped_policies;

/// The decisions of the presets.
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
];

/// The files that hold them.
const FILES: &[&str] =
    &["accounting.yaml", "agency.yaml", "bookings.yaml", "invoicing.yaml", "practice.yaml"];

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests");

#[test]
fn worked_decisions_come_out_as_the_domain_says() {
    let report = Suite::load(TESTS).unwrap().run(&shipped_policies().unwrap(), None);
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
