//! Questions about many: what `list`, `who`, `audience` and `filter` print, and that they say what
//! `check` says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Run, folder, run, run_with_input};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const SHOP: [&str; 4] = ["--policies", "shop", "--facts", "facts.json"];
const STUDIO: [&str; 4] =
    ["--policies", "../../../policies", "--facts", "../../../examples/studio.yaml"];
const GM: [&str; 2] = ["--principal", r#"Contact::"gm""#];
const VIEW: [&str; 2] = ["--action", "view"];
const I1: [&str; 2] = ["--resource", r#"Document::"I1""#];
const MFA: [&str; 2] = ["--context", r#"{"mfa": true}"#];
const MAPPING: [&str; 2] = ["--mapping", "documents.yaml"];
const JSON: [&str; 2] = ["--output", "json"];

fn asked(command: &str, arguments: &[&[&str]]) -> String {
    let Run { code, stdout, stderr } = run(&[&[command], &arguments.concat()[..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{command} {arguments:?}");
    stdout
}

fn asked_json(command: &str, arguments: &[&[&str]]) -> Json {
    serde_json::from_str(&asked(command, &[&arguments.concat(), &JSON])).unwrap()
}

/// The shipped policies change more often than what the commands say of them: without their lines
/// and their digest.
fn without_places(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = match line.split_once(".cedar:") {
            Some((start, rest)) => {
                format!("{start}.cedar:…{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line.to_owned(),
        };
        lines.push(match line.split_once(r#""bundle": "#) {
            Some((start, _)) => format!(r#"{start}"bundle": …"#),
            None => line,
        });
    }
    lines.join("\n")
}

#[test]
fn list_human() {
    assert_snapshot!(asked("list", &[&SHOP, &GM, &VIEW]));
}

#[test]
fn list_human_page() {
    assert_snapshot!(asked("list", &[&SHOP, &GM, &VIEW, &["--limit", "1"]]));
}

#[test]
fn list_json() {
    assert_snapshot!(asked("list", &[&SHOP, &GM, &VIEW, &["--limit", "1"], &JSON]));
}

#[test]
fn list_human_of_a_kind() {
    let dh = ["--principal", "dh", "--kind", "invoice"];
    assert_snapshot!(asked("list", &[&STUDIO, &dh, &VIEW]));
}

#[test]
fn who_human() {
    assert_snapshot!(asked("who", &[&STUDIO, &VIEW, &["--resource", "I1"]]));
}

#[test]
fn who_json() {
    assert_snapshot!(asked("who", &[&SHOP, &["--action", "pay"], &I1, &MFA, &JSON]));
}

#[test]
fn audience_human() {
    let sent = ["--event", "invoice.sent", "--resource", "I1"];
    assert_snapshot!(without_places(&asked("audience", &[&STUDIO, &sent])));
}

#[test]
fn audience_json() {
    let sent = ["--event", "invoice.sent", "--resource", "I1", "--channel", "email"];
    assert_snapshot!(without_places(&asked("audience", &[&STUDIO, &sent, &JSON])));
}

#[test]
fn filter_human_sqlite() {
    assert_snapshot!(asked("filter", &[&SHOP, &GM, &VIEW, &MAPPING, &["--dialect", "sqlite"]]));
}

#[test]
fn filter_human_postgres() {
    assert_snapshot!(asked("filter", &[&SHOP, &GM, &VIEW, &MAPPING, &["--dialect", "postgres"]]));
}

#[test]
fn filter_human_mysql() {
    let mysql = ["--dialect", "mysql", "--alias", "d"];
    assert_snapshot!(asked("filter", &[&SHOP, &GM, &VIEW, &MAPPING, &mysql]));
}

#[test]
fn filter_json() {
    let sqlite = ["--dialect", "sqlite"];
    assert_snapshot!(asked("filter", &[&SHOP, &GM, &VIEW, &MAPPING, &sqlite, &JSON]));
}

#[test]
fn a_filter_says_where_all_rows_or_none_are_meant() {
    let folder = folder("all-or-none");
    fs::write(
        folder.join("s.cedarschema"),
        "entity U; entity D; action read, write appliesTo { principal: U, resource: D };",
    )
    .unwrap();
    fs::write(
        folder.join("p.cedar"),
        "@id(\"p\") permit (principal, action == Action::\"read\", resource);",
    )
    .unwrap();
    fs::write(folder.join("m.yaml"), "{ type: D, id: { column: id, holds: uuid } }").unwrap();
    let (policies, mapping) = (folder.to_str().unwrap(), folder.join("m.yaml"));
    let table = ["--policies", policies, "--mapping", mapping.to_str().unwrap()];
    for (action, rows, condition) in [("read", "all", "(1 = 1)"), ("write", "no", "(1 = 0)")] {
        let who = ["--principal", r#"U::"u""#, "--action", action, "--dialect", "postgres"];
        let answer = asked_json("filter", &[&table, &who]);
        assert_eq!((&answer["rows"], &answer["condition"]), (&json!(rows), &json!(condition)));
        assert_eq!(answer["parameters"], json!([]));
    }
}

#[test]
fn pages_hold_all_of_a_list_once() {
    let whole = asked_json("list", &[&STUDIO, &["--principal", "uma"], &VIEW]);
    let (mut results, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut page = vec!["--limit", "4"];
        page.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
        let answer = asked_json("list", &[&STUDIO, &["--principal", "uma"], &VIEW, &page]);
        assert_eq!(answer["page"]["total"], whole["page"]["total"]);
        let shown = answer["results"].as_array().unwrap();
        assert_eq!(answer["page"]["count"], shown.len());
        results.extend(shown.clone());
        match answer["page"]["next_token"].as_str().unwrap() {
            "" => break,
            next => after = Some(next.to_owned()),
        }
    }
    assert_eq!(results.len(), 6);
    assert_eq!(json!(results), whole["results"]);
}

/// The uids that a search answered with.
fn results(answer: &Json) -> BTreeSet<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|uid| format!("{}::{}", uid["type"].as_str().unwrap(), uid["id"])).collect()
}

#[test]
fn list_and_who_agree_with_check_over_all_facts() {
    let facts = include_str!("data/facts.json");
    let facts: Vec<Json> = serde_json::from_str(facts).unwrap();
    let of = |type_name: &str| -> Vec<Json> {
        let rows = facts.iter().map(|row| row["uid"].clone());
        rows.filter(|uid| uid["type"] == type_name).collect()
    };
    let (contacts, documents) = (of("Contact"), of("Document"));
    let word = |uid: &Json| format!("{}::{}", uid["type"].as_str().unwrap(), uid["id"]);
    let mut allowed = 0;
    for (action, context) in [("view", "{}"), ("pay", "{}"), ("pay", r#"{"mfa": true}"#)] {
        let pairs = || contacts.iter().flat_map(|one| documents.iter().map(move |it| (one, it)));
        let evaluations: Vec<Json> =
            pairs().map(|(one, it)| json!({ "subject": one, "resource": it })).collect();
        let context: Json = serde_json::from_str(context).unwrap();
        let body =
            json!({ "action": { "name": action }, "context": context, "evaluations": evaluations });
        let batch = [&["check"], &SHOP[..], &["--request", "-"], &JSON].concat();
        let answers = run_with_input(&batch, &body.to_string()).stdout;
        let answers: Json = serde_json::from_str(&answers).unwrap();
        let answers = answers["evaluations"].as_array().unwrap();
        let may: BTreeSet<(String, String)> = pairs()
            .zip(answers)
            .filter(|(_, answer)| answer["decision"] == true)
            .map(|((one, it), _)| (word(one), word(it)))
            .collect();
        allowed += may.len();

        let context = context.to_string();
        let asked = |command: &str, flag: &str, end: &str| {
            let about = ["--action", action, "--context", &context, flag, end];
            results(&asked_json(command, &[&SHOP, &about]))
        };
        let lists = contacts.iter().map(word).flat_map(|one| {
            let listed = asked("list", "--principal", &one);
            listed.into_iter().map(move |it| (one.clone(), it))
        });
        assert_eq!(lists.collect::<BTreeSet<_>>(), may, "list {action}");
        let who = documents.iter().map(word).flat_map(|it| {
            let found = asked("who", "--resource", &it);
            found.into_iter().map(move |one| (one, it.clone()))
        });
        assert_eq!(who.collect::<BTreeSet<_>>(), may, "who {action}");
    }
    assert!((5..24).contains(&allowed), "{allowed}");
}

#[test]
fn a_fixture_is_asked_alike_from_both_ends() {
    let names = ["acc", "dh", "gm", "mailed", "uma", "zoe"];
    let lists: BTreeSet<(String, String)> = names
        .into_iter()
        .flat_map(|name| {
            let may = results(&asked_json("list", &[&STUDIO, &["--principal", name], &VIEW]));
            may.into_iter().map(move |uid| (name.to_owned(), uid))
        })
        .collect();
    let mut who = BTreeSet::new();
    for (name, uid) in
        [("I1", r#"Document::"I1""#), ("I2", r#"Document::"I2""#), ("gm", r#"Contact::"gm""#)]
    {
        let found = asked_json("who", &[&STUDIO, &["--resource", name], &VIEW]);
        for one in found["results"].as_array().unwrap() {
            who.insert((one["id"].as_str().unwrap().to_owned(), uid.to_owned()));
        }
    }
    let asked: BTreeSet<&String> = who.iter().map(|(_, uid)| uid).collect();
    let of_these: BTreeSet<_> =
        lists.iter().filter(|(_, uid)| asked.contains(uid)).cloned().collect();
    assert_eq!(of_these, who);
    assert!(who.len() > 5, "{who:?}");
    for name in names {
        let (about, uid) = (["--principal", name, "--resource", "I1"], r#"Document::"I1""#);
        let may = asked_json("check", &[&STUDIO, &about, &VIEW])["decision"] == true;
        assert_eq!(may, who.contains(&(name.to_owned(), uid.to_owned())), "{name}");
    }
}

fn assert_could_not_run(arguments: &[&[&str]], expected: &str) {
    let Run { code, stdout, stderr } = run(&arguments.concat());
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
    assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{stderr}");
    assert!(!stderr.contains('\u{1b}') && stderr.len() < 5_000, "{stderr:?}");
}

#[test]
fn searches_that_make_no_sense() {
    let long = "x".repeat(1 << 16);
    let shop = |more: &[&str], expected: &str| {
        assert_could_not_run(&[&["list"], &SHOP, more], expected);
    };
    shop(&["--action", "view"], "--principal <UID>");
    shop(&["--principal", "gm", "--action", "view"], "the principal: `gm` is not an entity");
    shop(&["--principal", "Contact::\"g\u{1b}[31mm", "--action", "view"], "is not an entity");
    shop(&[&GM[..], &["--action", "fly"]].concat(), "the schema declares no action `fly`");
    shop(&[&GM[..], &["--action", &long]].concat(), "the schema declares no action `xxx");
    shop(
        &["--principal", r#"Ghost::"g""#, "--action", "view"],
        "`view` is not declared for a Ghost",
    );
    shop(
        &[&GM[..], &VIEW, &["--type", "Client"]].concat(),
        "and a `Client`\nhelp: known are Document",
    );
    shop(&[&GM[..], &VIEW, &["--type", &long]].concat(), "and a `xxx");
    shop(
        &[&GM[..], &VIEW, &["--kind", "invoice"]].concat(),
        "only documents of a portal are of kinds",
    );
    shop(&[&GM[..], &VIEW, &["--kind", "a", "--type", "b"]].concat(), "cannot be used with");
    shop(&[&GM[..], &VIEW, &["--context", "[]"]].concat(), "--context: it is no JSON object");
    shop(&[&GM[..], &VIEW, &["--context", r#"{"mfa": 1}"#]].concat(), "the context: ");
    shop(&[&GM[..], &VIEW, &["--limit", "0"]].concat(), "invalid value '0'");
    shop(&[&GM[..], &VIEW, &["--after", "I1"]].concat(), "`I1` is not an entity");
    let no_facts = ["list", "--policies", "shop", "--facts", "nothing.json"];
    assert_could_not_run(&[&no_facts, &GM, &VIEW], "nothing.json: can't be read");
    let no_policies = ["list", "--policies", "nothing"];
    assert_could_not_run(&[&no_policies, &GM, &VIEW], "nothing: the policies can't be used");
    let untidy = ["list", "--policies", "untidy"];
    assert_could_not_run(&[&untidy, &GM, &VIEW], "there is no schema");
    assert_could_not_run(&[&["who"], &SHOP, &VIEW, &["--resource", "I1"]], "the resource: `I1`");
    assert_could_not_run(
        &[&["who"], &SHOP, &VIEW, &["--resource", r#"Client::"C1""#]],
        "for a Client",
    );
    assert_could_not_run(&[&["who"], &SHOP, &VIEW, &I1, &["--type", "Team"]], "and a `Team`");
}

#[test]
fn searches_of_a_fixture_that_make_no_sense() {
    let studio = |command: &str, more: &[&str], expected: &str| {
        assert_could_not_run(&[&[command], &STUDIO, more], expected);
    };
    let gm = ["--principal", "gm", "--action", "view"];
    studio("list", &["--principal", "nobody", "--action", "view"], "link `nobody`");
    studio(
        "list",
        &["--principal", "gm", "--action", "fly"],
        "`fly` is no action\nhelp: known are",
    );
    studio("list", &["--principal", "gm", "--action", "register"], "help: known are Guest");
    studio("list", &[&gm[..], &["--kind", "invoise"]].concat(), "there is no kind `invoise`");
    studio(
        "list",
        &[&gm[..], &["--type", "Documents"]].concat(),
        "help: known are Contact, Document",
    );
    studio("list", &[&gm[..], &MFA].concat(), "a portal makes the context itself");
    studio("list", &[&gm[..], &["--error-mode", "cedar"]].concat(), "fail-closed");
    let check = ["--resource", "I1", "--error-mode", "cedar"];
    studio("check", &[&gm[..], &check].concat(), "fail-closed");
    studio("who", &["--resource", "I9", "--action", "view"], "no document, contact or client `I9`");
    studio("who", &["--resource", "I1", "--action", "view", "--type", "ViewAs"], "ask for one of");
    studio("audience", &["--resource", "I9", "--event", "invoice.sent"], "help: known are I1, I2");
    studio(
        "audience",
        &["--resource", "gm", "--event", "invoice.sent"],
        "there is no document `gm`",
    );
    studio("audience", &["--resource", "I1", "--event", "invoice.snet"], "no event `invoice.snet`");
    let fax = ["--resource", "I1", "--event", "invoice.sent", "--channel", "fax"];
    studio("audience", &fax, "known are email, sms, push, in_app");
    let about = ["--resource", "I1", "--event", "invoice.sent"];
    assert_could_not_run(&[&["audience"], &SHOP, &about], "facts.json: ");
}

#[test]
fn filters_that_cannot_be_written() {
    let folder = folder("mappings");
    let file = folder.join("m.yaml");
    let path = file.to_str().unwrap();
    let filter = |mapping: &str, action: &str, expected: &str| {
        let about = ["--action", action, "--mapping", mapping, "--dialect", "sqlite"];
        assert_could_not_run(&[&["filter"], &SHOP, &GM, &about], expected);
    };
    let read = |text: &str, expected: &str| {
        fs::write(&file, text).unwrap();
        filter(path, "view", expected);
    };
    filter("nothing.yaml", "view", "nothing.yaml: can't be read");
    filter("documents.yaml", "fly", "the schema declares no action `fly`");
    filter("documents.yaml", "pay", "over-limit: `resource.amount + 1`: ");
    read("", "m.yaml: ");
    read("type: Document\nid: { column: id, holds: number }\n", "m.yaml: line 2 column 26: ");
    read("type: Document\nid: { colum: id }\n", "unknown field `colum`");
    read("type: Documnt\nid: { column: id, holds: text }\n", "the schema declares no such type");
    let columns = "type: Document\nid: { column: id, holds: text }\ncolumns:\n";
    read(columns.trim_end_matches("columns:\n"), "no column is declared for");
    let column = |line: &str, expected: &str| read(&format!("{columns}  {line}\n"), expected);
    column(
        "clint: { column: c, holds: text }",
        "m.yaml: Document: the schema declares no attribute clint",
    );
    column("client: { column: c, holds: boolean }", "client is not kept in such a column as c");
    column("client: { column: c, holds: text, nulls: absent }", "NULL in c cannot mean that");
    column("client: { column: c, holds: text }", "open-to-client: `resource.open`: no column");
    let both = ["filter", "--policies", "shop", "--facts", "-", "--mapping", "-"];
    assert_could_not_run(
        &[&both, &GM, &VIEW, &["--dialect", "sqlite"]],
        "both --facts and --mapping",
    );
    let oracle = ["--dialect", "oracle"];
    assert_could_not_run(
        &[&["filter"], &SHOP, &GM, &VIEW, &MAPPING, &oracle],
        "invalid value 'oracle'",
    );
    let untidy = ["filter", "--policies", "untidy", "--dialect", "sqlite"];
    assert_could_not_run(&[&untidy, &GM, &VIEW, &MAPPING], "there is no schema");
}

/// Those that go through all scenarios or all findings have tests of their own.
#[test]
fn the_readmes_questions_run_as_they_stand() {
    const CARGO: &str = "cargo run -p doorward-cli -- ";
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let readme = readme.replace("\\\n", "");
    let lines = readme.lines().filter_map(|line| line.strip_prefix(CARGO));
    let words = ["list ", "who ", "audience ", "filter ", "explain ", "plan "];
    let commands: Vec<&str> =
        lines.filter(|line| words.iter().any(|word| line.starts_with(word))).collect();
    assert_eq!(commands.len(), words.len(), "{commands:?}");
    for command in commands {
        let shell = format!("{} {command}", env!("CARGO_BIN_EXE_doorward"));
        let output = Command::new("sh").args(["-c", &shell]).current_dir(ROOT).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    }
    let mapping = include_str!("data/documents.yaml");
    let mapping = mapping.split_once('\n').unwrap().1;
    assert!(readme.contains(mapping), "the README's mapping is another than its command's");
}
