//! Input that makes no sense: a clear message and exit code 2, or a refusal. Never a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::{Run, command, folder, run, run_with_input};

const GM: &str = r#"Contact::"gm""#;
const I1: &str = r#"Document::"I1""#;

/// Runs `check` on the shop, with arguments that replace or add to the usual ones.
fn check(changes: &[(&str, &str)], input: &str) -> Run {
    let mut arguments = vec![
        ("--policies", "shop"),
        ("--facts", "facts.json"),
        ("--principal", GM),
        ("--action", "view"),
        ("--resource", I1),
    ];
    if changes.iter().any(|(name, _)| *name == "--request") {
        arguments.truncate(2);
    }
    for (name, value) in changes {
        match arguments.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => arguments.push((name, value)),
        }
    }
    let arguments = arguments.iter().flat_map(|(name, value)| [*name, *value]);
    run_with_input(&["check"].into_iter().chain(arguments).collect::<Vec<_>>(), input)
}

fn assert_could_not_run(run: &Run, expected: &str) {
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains(expected), "{}", run.stderr);
    assert!(run.stderr.len() < 5_000, "{} bytes of message", run.stderr.len());
}

fn deep(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(100_000), close.repeat(100_000))
}

#[test]
fn arguments_that_form_no_request() {
    let cases = [
        (("--principal", "gm"), "--principal: `gm` is not an entity"),
        (("--principal", "Contact::\"g\u{1b}[31mm"), "write the type and the quoted id"),
        (("--resource", ""), "--resource: `` is not an entity"),
        (("--action", r#"Contact::"gm""#), "is no action"),
        (("--context", "{"), "--context: no JSON: EOF"),
        (("--context", "[]"), "context: the member is no JSON object"),
        (("--context", r#"{"mfa": null}"#), "null is no value"),
        (("--context", "@nothing.json"), "nothing.json: can't be read"),
        (("--facts", "nothing.json"), "nothing.json: can't be read"),
        (("--facts", "shop"), "shop: can't be read"),
        (("--policies", "nothing"), "nothing: the policies can't be used"),
        (("--policies", "broken"), "doorward validate broken"),
        (("--error-mode", "open"), "invalid value 'open'"),
        (("--request", "nothing.json"), "nothing.json: can't be read"),
    ];
    for (change, expected) in cases {
        let run = check(&[change], "");
        assert_could_not_run(&run, expected);
        assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    }
    assert_could_not_run(&run(&["check"]), "--policies <DIR>");
    assert_could_not_run(&run(&["validate", "nothing"]), "nothing: can't be read");
    assert_could_not_run(&run(&["validate", "facts.json"]), "facts.json: can't be read");
    assert_could_not_run(&check(&[("--request", "-"), ("--facts", "-")], ""), "standard input");
}

#[test]
fn facts_that_cannot_be_read() {
    let long = "x".repeat(1 << 20);
    let row = |uid: &str, attributes: &str| format!(r#"[{{"uid": {uid}, "attrs": {attributes}}}]"#);
    let gm = r#"{"type": "Contact", "id": "gm"}"#;
    let cases = [
        (String::new(), "EOF while parsing"),
        ("{}".to_owned(), "no JSON array of entities"),
        ("[{}]".to_owned(), "entity 0: member `uid` is missing"),
        (deep("[", "]"), "recursion limit exceeded"),
        (deep(r#"[{"uid":"#, "}]"), "recursion limit exceeded"),
        (row(gm, &deep("[", "]")), "recursion limit exceeded"),
        (
            row(gm, &format!(r#"{{"limit": {}1{}}}"#, "[".repeat(60), "]".repeat(60))),
            "more than 32",
        ),
        (row(gm, r#"{"limit": 1e99}"#), "no 64-bit integer"),
        (row(gm, "{}"), "Contact::\"gm\""),
        (row(r#"{"type": "Ghost", "id": "g"}"#, "{}"), "Ghost"),
        (row(r#"{"type": "Action", "id": "view"}"#, "{}"), "leave actions out of the facts"),
        (row(&format!(r#"{{"type": "Contact", "id": "{long}"}}"#), "{}"), "xxx"),
        (row(&format!(r#"{{"type": "{long}", "id": "x"}}"#), "{}"), "xxx"),
        (row(gm, &format!(r#"{{"{long}": 1}}"#)), "Contact::\"gm\""),
        (
            row(
                gm,
                &format!(
                    r#"{{"limit": "{long}", "access": "",
                        "client": {{"type": "Client", "id": "C1"}}}}"#
                ),
            ),
            "`limit`",
        ),
    ];
    for (facts, expected) in cases {
        assert_could_not_run(&check(&[("--facts", "-")], &facts), expected);
    }
}

#[test]
fn files_that_are_no_text() {
    let folder = folder("no-text");
    let file = folder.join("facts.json");
    fs::write(&file, b"[\xff]").unwrap();
    let path = file.to_str().unwrap();
    assert_could_not_run(&check(&[("--facts", path)], ""), "not UTF-8 from byte 1 on");
    fs::write(&file, "\u{FEFF}[]").unwrap();
    assert_eq!(check(&[("--facts", path)], "").code, Some(0), "a byte order mark is no harm");
}

#[test]
fn requests_that_cannot_be_read() {
    let cases = [
        (String::new(), "standard input: no JSON: EOF"),
        ("[]".to_owned(), "the request is no JSON object"),
        (deep("[", "]"), "recursion limit exceeded"),
        (r#"{"subject": 1, "action": {"name": "view"}}"#.to_owned(), "subject: the member is no"),
        (r#"{"subjct": 1}"#.to_owned(), "unknown member `subjct`"),
        (format!(r#"{{"{}": 1}}"#, "x".repeat(1 << 20)), "unknown member `xxx"),
    ];
    for (request, expected) in cases {
        assert_could_not_run(&check(&[("--request", "-")], &request), expected);
    }
}

#[test]
fn requests_that_fit_no_schema_are_refused() {
    let long = "x".repeat(1 << 20);
    let request = |subject: &str, context: &str| {
        format!(
            r#"{{"subject": {{"type": "Contact", "id": {subject}}}, "action": {{"name": "view"}},
                "resource": {{"type": "Document", "id": "I1"}}, "context": {context}}}"#
        )
    };
    let cases = [
        (
            request(r#""gm""#, r#"{"mfa": "yes"}"#),
            "deny INVALID_REQUEST",
            "`mfa`: it is a String; the schema declares a Bool",
        ),
        (request(r#""gm""#, r#"{"mfa": [[true]]}"#), "deny INVALID_REQUEST", "it is a set"),
        (request(r#""gm""#, r#"{"other": 1}"#), "deny INVALID_REQUEST", "other"),
        (request(r#""gm""#, &format!(r#"{{"mfa": "{long}"}}"#)), "deny INVALID_REQUEST", "`mfa`"),
        (request(&format!("\"{long}\""), "{}"), "deny ", ""),
        (request(r#""gm""#, "{}").replace("Contact", "Ghost"), "deny UNKNOWN_KIND", "`Ghost`"),
        (request(r#""gm""#, "{}").replace("Contact", &long), "deny UNKNOWN_KIND", "xxx"),
        (request(r#""gm""#, "{}").replace("view", "fly"), "deny UNKNOWN_ACTION", "fly"),
        (request(r#""gm""#, "{}").replace("Contact", "Team"), "deny UNKNOWN_ACTION", "Team"),
    ];
    for (request, decision, fault) in cases {
        let run = check(&[("--request", "-")], &request);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(run.stdout.starts_with(decision) && run.stdout.contains(fault), "{}", run.stdout);
        assert!(run.stdout.len() < 5_000, "{} bytes of output", run.stdout.len());
    }
}

#[test]
fn policies_that_cannot_be_read() {
    let long = "x".repeat(1 << 19);
    let policy = |condition: &str| {
        format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};\n")
    };
    let cases = [
        ("nesting", policy(&deep("(", ")"))),
        ("nesting", policy(&deep("[", "]"))),
        ("chain", policy(&"!".repeat(100_000))),
        ("chain", policy(&format!("true{}", " && true".repeat(100_000)))),
        ("nesting", format!("// fine so far\n{}", "(".repeat(100_000))),
        ("", policy(&format!("context.a == \"{long}"))),
        ("", policy(&format!("context.{long}x."))),
    ];
    for (index, (code, text)) in cases.iter().enumerate() {
        let folder = folder(&format!("bad-policies-{index}"));
        fs::write(folder.join("p.cedar"), text).unwrap();
        let path = folder.to_str().unwrap();
        let Run { code: exit, stdout, stderr } = run(&["validate", path]);
        assert_eq!((exit, stderr.as_str()), (Some(1), ""));
        assert!(stdout.contains(&format!("error[{code}")), "{stdout}");
        assert!(stdout.len() < 10_000, "{} bytes of output", stdout.len());
        let run = check(&[("--policies", path), ("--facts", "facts.json")], "");
        assert_eq!(run.code, Some(2), "{run:?}");
    }
}

#[test]
fn a_large_formatted_policy_is_no_finding() {
    let folder = folder("large-policy");
    let text = "x".repeat(1 << 19);
    let policy = format!(
        "@id(\"p\")\npermit (principal, action, resource)\nwhen {{ context.a == \"{text}\" }};\n"
    );
    fs::write(folder.join("p.cedar"), policy).unwrap();
    let run = run(&["validate", folder.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.len() < 5_000, "{} bytes of output", run.stdout.len());
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = command()
        .args(["explain", "--policies", "shop", "--request", "request.json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command().args(["validate", "shop"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: standard output"));
}

#[test]
fn plans_of_what_is_not_there() {
    let plan = |arguments: &[&str]| run(&[&["plan"], arguments].concat());
    let cases: [(&[&str], &str); 5] = [
        (&["nothing"], "nothing: the policies can't be used"),
        (&["shop", "--action", "veiw"], "veiw: the schema declares no such environment"),
        (
            &["shop", "--action", "pay", "--environment", "Contact view Client"],
            "Contact view Client: the schema declares no such environment",
        ),
        (&["shop", "--environment", "Contact view"], "as in Contact view Document"),
        (&["shop", "--environment", " "], "as in Contact view Document"),
    ];
    for (arguments, expected) in cases {
        assert_could_not_run(&plan(arguments), expected);
    }
}
