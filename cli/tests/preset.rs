//! What presets and tenants' own configurations come to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Run, folder, run, run_with_input};
use insta::assert_snapshot;

const HARBOUR: &str = "../../../examples/harbour.yaml";
const BROKEN: &str = "configs/broken.yaml";
const DOUBTFUL: &str = "configs/doubtful.json";

fn clean(arguments: &[&str]) -> String {
    let Run { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout
}

fn findings(arguments: &[&str]) -> String {
    let Run { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    stdout
}

fn could_not_run(arguments: &[&str], expected: &str) {
    let Run { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn list_human() {
    assert_snapshot!(clean(&["preset"]));
}

#[test]
fn list_json() {
    assert_snapshot!(clean(&["preset", "--format", "json"]));
}

#[test]
fn practice_human() {
    assert_snapshot!(clean(&["preset", "practice"]));
}

#[test]
fn harbour_human() {
    assert_snapshot!(clean(&["preset", "--config", HARBOUR]));
}

/// Two kinds stand for all.
#[test]
fn harbour_json() {
    let told = clean(&["preset", "--config", HARBOUR, "--format", "json"]);
    let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let kinds = told["kinds"].as_array_mut().unwrap();
    assert!(kinds.len() > 30);
    kinds.retain(|kind| kind["kind"] == "booking" || kind["kind"] == "moodboard");
    assert_snapshot!(format!("{told:#}"));
}

#[test]
fn tables_fit_a_hundred_columns() {
    for preset in ["accounting", "agency", "bookings", "invoicing", "practice"] {
        let text = clean(&["preset", preset]);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 100, "{preset}: {longest}");
    }
}

#[test]
fn a_broken_configuration_is_told_as_validate_tells_it() {
    let told = findings(&["preset", "--config", BROKEN]);
    assert_eq!(told, findings(&["validate", "--config", BROKEN]));
    assert_snapshot!(told);
    let json = ["--config", BROKEN, "--output", "json"];
    let told = findings(&[&["preset"], &json[..]].concat());
    assert_eq!(told, findings(&[&["validate"], &json[..]].concat()));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["valid"], &told["configurations"]), (&false.into(), &1.into()));
    let found = told["diagnostics"].as_array().unwrap();
    assert!(found.iter().any(|d| d["path"] == "sets.planner[0]" && d["line"] == 3), "{told}");
}

#[test]
fn doubts_are_told_and_refuse_nothing() {
    let told = clean(&["preset", "--config", DOUBTFUL]);
    assert!(told.contains("warning[all-for-contacts]: contact_sets[0]"), "{told}");
    assert!(told.contains("New contacts may") && told.contains("module off"), "{told}");
    let told = clean(&["validate", "--config", DOUBTFUL]);
    assert!(told.ends_with("1 configuration; no errors, 1 warning\n"), "{told}");
    findings(&["validate", "--config", DOUBTFUL, "--deny-warnings"]);
}

#[test]
fn policies_and_configurations_are_validated_together() {
    let told = clean(&["validate", "shop", "--config", HARBOUR, "--config", DOUBTFUL]);
    assert!(told.contains("2 configurations; no errors, 1 warning; digest"), "{told}");
    let told = findings(&["validate", "shop", "--config", HARBOUR, "--config", BROKEN]);
    assert!(told.contains("broken.yaml:3:13: error[unknown-permission]"), "{told}");
    assert!(told.contains("\nrefused: "), "{told}");
}

#[test]
fn a_configuration_may_come_from_stdin() {
    let told = run_with_input(&["preset", "--config", "-"], "from: accounting\n");
    let preset = clean(&["preset", "accounting"]);
    let below_the_title = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(below_the_title(&told.stdout), below_the_title(&preset));
    assert!(told.stdout.starts_with("standard input\n"));
}

#[test]
fn bad_input() {
    could_not_run(&["preset", "booking"], "known are accounting, agency, bookings");
    could_not_run(&["preset", "bookings", "--config", HARBOUR], "cannot be used with");
    could_not_run(&["preset", "--config", "nothing.yaml"], "nothing.yaml: can't be read");
    could_not_run(&["preset", "--config", "shop"], "shop: can't be read");
    could_not_run(&["validate", "--config", "nothing.yaml"], "nothing.yaml: can't be read");
    could_not_run(&["validate"], "<DIR>");
    let folder = folder("preset_bad_input");
    let path = folder.join("latin1.yaml");
    std::fs::write(&path, b"from: b\xfcro").unwrap();
    could_not_run(&["preset", "--config", path.to_str().unwrap()], "not UTF-8 from byte 7 on");
}

#[test]
fn texts_that_are_no_configuration() {
    let bomb: String = std::iter::once("a0: &a0 x\n".to_owned())
        .chain(
            (1..30)
                .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","))),
        )
        .collect();
    let cases = [
        (String::new(), "error["),
        ("[]".to_owned(), "invalid-value"),
        ("bookings".to_owned(), "invalid-value"),
        ("from: [".to_owned(), "1:7: error[parse]"),
        (
            "from: agency\nfrom: agency".to_owned(),
            "2:1: error[parse]: duplicate mapping key: from\n",
        ),
        ("from: agency\n---\nfrom: agency".to_owned(), "error[parse]"),
        ("{}".to_owned(), "missing-preset"),
        (format!("from: {}", "x".repeat(1 << 20)), "unknown-preset"),
        (format!("from: agency\nsets: {}", "[".repeat(100_000)), "error[parse]"),
        (format!("from: agency\nsets: {}", "{a: ".repeat(100_000)), "error[parse]"),
        (bomb, "error["),
        ("from: agency\nsets: !!binary aGk=".to_owned(), "sets: a map is expected"),
        ("from: agency\nsettings: { 1: 2 }".to_owned(), "unknown-member"),
        ("from: agency\nsettings: { idle_max_ms: 1e400 }".to_owned(), "2:26: error[parse]"),
        ("from: agency\nsettings: { idle_max_ms: 99999999999999999999 }".to_owned(), "idle_max_ms"),
        ("from: agency\n\"\u{1b}[31m\": 1".to_owned(), "error[parse]"),
        ("from: agency\n\"\\e[31m\": 1".to_owned(), "unknown-member"),
    ];
    for (text, expected) in cases {
        let start: String = text.chars().take(60).collect();
        let Run { code, stdout, stderr } = run_with_input(&["preset", "--config", "-"], &text);
        assert_eq!((code, stderr.as_str()), (Some(1), ""), "{start}");
        assert!(
            stdout.contains(expected),
            "{start}: {}",
            stdout.chars().take(500).collect::<String>()
        );
        assert!(stdout.len() < 5_000 && !stdout.contains('\u{1b}'), "{start}");
    }
}
