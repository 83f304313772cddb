//! `doorward test`, and fixtures as facts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{folder, run};
use insta::assert_snapshot;

const MIXED: [&str; 4] = ["test", "shop", "--scenarios", "scenarios/mixed.yaml"];
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
const STUDIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/studio.yaml");

/// What failing scenarios print: exit code 1, nothing on standard error.
fn findings(more: &[&str]) -> String {
    let run = run(&[&MIXED[..], more].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
    run.stdout
}

#[test]
fn human() {
    assert_snapshot!(findings(&[]));
}

#[test]
fn json() {
    assert_snapshot!(findings(&["--output", "json"]));
}

#[test]
fn junit() {
    assert_snapshot!(findings(&["--output", "junit"]));
}

#[test]
fn a_filter_picks_scenarios_by_their_id() {
    let run = run(&[&MIXED[..], &["--filter", "view"]].concat());
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("1 passed, 0 failed"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_run_exits_with_2() {
    let scratch = folder("test-command");
    let write = |name: &str, text: &str| {
        let path = scratch.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nested = format!("scenarios: {}", "[".repeat(100_000));
    for (scenarios, told) in [
        ("nowhere.yaml".to_owned(), "nowhere.yaml"),
        (write("empty.yaml", "scenarios: []"), "no scenario was run"),
        (write("typo.yaml", "scenarios: [{ id: a, exepct: allow }]"), "exepct"),
        (write("nested.yaml", &nested), "nested.yaml"),
        (write("binary.yaml", "\u{0}"), "binary.yaml"),
        (write("twice.yaml", "scenarios: [{ id: a }, { id: a }]"), "an id of its own"),
        (write("uses.yaml", "use: [none.yaml]\nscenarios: []"), "none.yaml"),
        (write("own.yaml", "fixtures: { a: { config: none.yaml } }\nscenarios: []"), "none.yaml"),
        (
            write("list.yaml", "fixtures: { a: { config: empty.yaml } }\nscenarios: []"),
            "missing-preset",
        ),
    ] {
        let run = run(&["test", "shop", "--scenarios", &scenarios]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{scenarios}: {run:?}");
        assert!(run.stderr.contains(told), "{scenarios}: {}", run.stderr);
    }
    let nothing_left = run(&[&MIXED[..], &["--filter", "nothing"]].concat());
    assert_eq!(nothing_left.code, Some(2));
    assert!(nothing_left.stderr.contains("mind --filter"), "{}", nothing_left.stderr);
    assert_eq!(run(&["test", "broken"]).code, Some(2));
    assert_eq!(run(&["test"]).code, Some(2));
}

#[test]
fn the_schema_of_scenario_files_is_printed() {
    let run = run(&["test", "--print-schema"]);
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("\"ScenarioFile\""), "{}", run.stdout);
}

#[test]
fn a_fixture_serves_as_facts() {
    let asked = |principal: &str, resource: &str| {
        run(&[
            "check",
            "--policies",
            POLICIES,
            "--facts",
            STUDIO,
            "--principal",
            principal,
            "--action",
            "view",
            "--resource",
            resource,
        ])
    };
    assert!(asked("dh", "I1").stdout.starts_with("allow (REACHED_BY_INVITATION)"));
    assert!(asked("mailed", "I1").stdout.starts_with("allow"));
    assert!(asked("acc", "I1").stdout.starts_with("deny NOT_INVITED"));
    assert!(asked("zoe", "I1").stdout.starts_with("deny CROSS_CLIENT"));
    let unknown = asked("nobody", "I1");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no contact, staff or link `nobody`"), "{}", unknown.stderr);
}
