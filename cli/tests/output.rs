//! What the commands print, one snapshot per subcommand and format.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{Run, folder, run, run_with_input};
use insta::assert_snapshot;

const SHOP: [&str; 4] = ["--policies", "shop", "--facts", "facts.json"];

/// The output of a command that runs and finds nothing.
fn clean(arguments: &[&str]) -> String {
    let Run { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout
}

fn asked(command: &str, more: &[&str]) -> String {
    clean(&[&[command], &SHOP[..], more].concat())
}

#[test]
fn check_human() {
    assert_snapshot!(asked("check", &["--request", "request.json"]));
}

#[test]
fn check_json() {
    assert_snapshot!(asked("check", &["--request", "request.json", "--output", "json"]));
}

#[test]
fn check_human_batch() {
    assert_snapshot!(asked("check", &["--request", "batch.json"]));
}

#[test]
fn check_json_batch() {
    assert_snapshot!(asked("check", &["--request", "batch.json", "--output", "json"]));
}

#[test]
fn explain_human() {
    assert_snapshot!(asked("explain", &["--request", "request.json"]));
}

#[test]
fn explain_human_all() {
    let question = [
        "--principal",
        r#"Contact::"clerk""#,
        "--action",
        "pay",
        "--resource",
        r#"Document::"I4""#,
    ];
    assert_snapshot!(asked("explain", &[&question[..], &["--all"]].concat()));
}

#[test]
fn explain_json() {
    assert_snapshot!(asked("explain", &["--request", "request.json", "--output", "json"]));
}

#[test]
fn plan_human() {
    assert_snapshot!(clean(&["plan", "kinds"]));
}

#[test]
fn plan_json() {
    let chosen = ["--environment", "Contact pay Document", "--output", "json"];
    assert_snapshot!(clean(&[&["plan", "shop"], &chosen[..]].concat()));
}

#[test]
fn plan_human_summary() {
    assert_snapshot!(clean(&["plan", "kinds", "--summary"]));
}

#[test]
fn plan_json_summary() {
    let chosen = ["--summary", "--action", "view", "--format", "json"];
    assert_snapshot!(clean(&[&["plan", "shop"], &chosen[..]].concat()));
}

#[test]
fn plan_lists_what_is_chosen() {
    let heads = |arguments: &[&str]| -> Vec<String> {
        let text = clean(&[&["plan", "kinds", "--summary"], arguments].concat());
        text.lines().skip(2).map(|line| line.split("  ").next().unwrap().to_owned()).collect()
    };
    let pays = ["Contact pay Document", "Guest pay Document"];
    assert_eq!(heads(&["--action", "pay"]), pays);
    assert_eq!(heads(&["--action", r#"Action::"pay""#]), pays);
    let both = heads(&["--action", "pay", "--environment", "Guest view Document"]);
    assert_eq!(both, ["Contact pay Document", "Guest pay Document", "Guest view Document"]);
    assert_eq!(
        heads(&["--environment", r#"Guest Action::"pay" Document"#]),
        ["Guest pay Document"]
    );
}

#[test]
fn plan_says_that_there_are_no_environments_without_a_schema() {
    let text = clean(&["plan", "untidy"]);
    assert!(text.contains("no schema: every policy is evaluated"), "{text}");
}

#[test]
fn validate_human() {
    assert_snapshot!(clean(&["validate", "shop"]));
}

#[test]
fn validate_json() {
    assert_snapshot!(clean(&["validate", "untidy", "--output", "json"]));
}

#[test]
fn validate_human_refused() {
    let Run { code, stdout, stderr } = run(&["validate", "broken"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    assert_snapshot!(stdout);
}

#[test]
fn validate_denies_warnings_on_demand() {
    assert_eq!(run(&["validate", "untidy"]).code, Some(0));
    assert_eq!(run(&["validate", "untidy", "--deny-warnings"]).code, Some(1));
    assert_eq!(run(&["validate", "shop", "--deny-warnings"]).code, Some(0));
}

#[test]
fn arguments_and_a_request_file_ask_the_same() {
    let by_arguments = asked(
        "check",
        &[
            "--principal",
            r#"Contact::"gm""#,
            "--action",
            r#"Action::"pay""#,
            "--resource",
            r#"Document::"I1""#,
            "--context",
            r#"{"mfa": true}"#,
        ],
    );
    let request = r#"{ "subject": { "type": "Contact", "id": "gm" }, "action": { "name": "pay" },
        "resource": { "type": "Document", "id": "I1" }, "context": { "mfa": true } }"#;
    let by_stdin = run_with_input(&[&["check"], &SHOP[..], &["--request", "-"]].concat(), request);
    assert_eq!(by_arguments, by_stdin.stdout);
    assert!(by_arguments.starts_with("allow (OPEN)"), "{by_arguments}");
}

#[test]
fn facts_may_come_from_stdin() {
    let facts = include_str!("data/facts.json");
    let arguments = ["check", "--policies", "shop", "--facts", "-", "--request", "request.json"];
    assert_eq!(
        run_with_input(&arguments, facts).stdout,
        asked("check", &["--request", "request.json"])
    );
}

#[test]
fn an_erring_forbid_is_skipped_where_cedars_way_is_asked_for() {
    let question = [
        "--principal",
        r#"Contact::"gm""#,
        "--action",
        "pay",
        "--resource",
        r#"Document::"I4""#,
        "--context",
        r#"{"mfa": true}"#,
    ];
    assert!(asked("check", &question).starts_with("deny EVAL_ERROR"));
    let cedar = asked("check", &[&question[..], &["--error-mode", "cedar"]].concat());
    assert!(cedar.starts_with("allow (OPEN)"), "{cedar}");
    assert!(cedar.contains("could not be evaluated"), "{cedar}");
}

#[test]
fn codegen_python() {
    let told = run(&["codegen", "python", "shop"]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(told.stdout);

    let folder = folder("codegen");
    let file = folder.join("types.py");
    let check = ["codegen", "python", "shop", "--check", file.to_str().unwrap()];
    let missing = run(&check);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    fs::write(&file, &told.stdout).unwrap();
    assert_eq!((run(&check).code, run(&check).stdout.as_str()), (Some(0), ""));
    fs::write(&file, told.stdout.replace("view", "veiw")).unwrap();
    let differs = run(&check);
    assert_eq!(differs.code, Some(1));
    assert!(differs.stdout.contains("out of date"), "{}", differs.stdout);
}
