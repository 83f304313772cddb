use super::*;
use crate::engine::Engine;
use crate::facts::EntityUid;
use crate::policy::PolicyBundle;
use crate::portal::shipped_policies;

const STUDIO: &str = r#"
fixtures:
  studio:
    preset: invoicing
    settings: { kinds: { invoice: { level: invited } } }
    staff: { uma: {} }
    clients:
      C1:
        contacts: { gm: {}, acc: {} }
        documents: { I1: { kind: invoice, state: sent, invited: [gm] } }
"#;

fn suite(scenarios: &str) -> Result<Suite, SuiteError> {
    Suite::from_text("test.yaml", &format!("{STUDIO}\nscenarios:\n{scenarios}"))
}

fn report(scenarios: &str) -> SuiteReport {
    suite(scenarios).unwrap().run(&shipped_policies().unwrap(), None)
}

/// The one failure of a suite of one scenario.
fn failure(scenarios: &str) -> Failure {
    let report = report(scenarios);
    assert_eq!((report.passed(), report.failed()), (0, 1), "{report:?}");
    report.scenarios[0].failures[0].clone()
}

#[test]
fn a_wrong_expectation_fails_and_says_what_was_missing() {
    let failure = failure(
        "  - { id: a, fixtures: [studio], check: { principal: acc, action: view, resource: I1 }, \
         expect: allow }",
    );
    assert_eq!((failure.expected.as_str(), failure.actual.as_str()), ("allow", "deny NOT_INVITED"));
    let details = failure.details.join("\n");
    assert!(
        details.contains("reach-invited lacks only: principal in resource.head.access.invited")
    );
    assert!(details.contains("policy why-not-invited"), "{details}");
}

#[test]
fn a_wrong_code_fails_and_a_missing_one_does_not() {
    let scenario = |expect: &str| {
        report(&format!(
            "  - {{ id: a, fixtures: [studio], check: {{ principal: acc, action: view, resource: \
             I1 }}, expect: {expect} }}"
        ))
        .passed()
    };
    assert_eq!(scenario("deny NOT_INVITED"), 1);
    assert_eq!(scenario("deny"), 1);
    assert_eq!(scenario("deny CROSS_CLIENT"), 0);
    assert_eq!(scenario("step_up NOT_INVITED"), 0);
}

#[test]
fn scenarios_do_not_see_each_other() {
    let report = report(
        "
  - id: revoke
    fixtures: [studio]
    steps:
      - { write: { actor: uma, do: [{ revoke: gm }] }, expect: accept }
      - { check: { principal: gm, action: view, resource: I1 }, expect: deny ACCESS_DISABLED }
  - id: still-there
    fixtures: [studio]
    check: { principal: gm, action: view, resource: I1 }
    expect: allow
",
    );
    assert_eq!((report.passed(), report.compared()), (2, 3), "{report:?}");
}

#[test]
fn what_a_matrix_does_not_list_is_refused() {
    let matrix = |allow: &str| {
        report(&format!(
            "
  - id: m
    fixtures: [studio]
    matrix:
      principals: [gm, acc]
      actions: [view, pay, sign]
      resources: [I1]
      allow: {allow}
      deny: [{{ principals: [acc], actions: [view], code: NOT_INVITED }}]
"
        ))
    };
    let right = matrix("[{ principals: [gm], actions: [view, pay] }]");
    assert_eq!((right.passed(), right.compared()), (1, 6), "{right:?}");
    let too_few = matrix("[{ principals: [gm], actions: [view] }]");
    assert_eq!(too_few.scenarios[0].failures.len(), 1);
    assert_eq!(too_few.scenarios[0].failures[0].actual, "allow");
    let too_many = matrix("[{ actions: [view, pay] }]");
    assert_eq!(too_many.scenarios[0].failures.len(), 2);
    let unknown = matrix("[{ principals: [zoe] }]");
    assert!(unknown.scenarios[0].failures[0].actual.contains("no principal `zoe`"));
}

#[test]
fn the_clock_stands_still_until_it_is_moved() {
    let report = report(
        "
  - id: view-as
    fixtures: [studio]
    now: '2026-11-30T12:00:00Z'
    steps:
      - check: { principal: { staff: uma, view_as: gm, started: '2026-11-30T11:31:00Z' }, action: view, resource: I1 }
        expect: allow
      - now: '2026-11-30T12:02:00Z'
      - check: { principal: { staff: uma, view_as: gm, started: '2026-11-30T11:31:00Z' }, action: view, resource: I1 }
        expect: deny VIEW_AS_EXPIRED
",
    );
    assert_eq!(report.passed(), 1, "{report:?}");
}

#[test]
fn given_is_laid_over_the_fixture_and_null_removes() {
    let report = report(
        "
  - id: over
    fixtures: [studio]
    given: { settings: { kinds: { invoice: null } }, clients: { C1: { contacts: { zoe: {} } } } }
    check: { principal: zoe, action: view, resource: I1 }
    expect: allow
",
    );
    assert_eq!(report.passed(), 1, "{report:?}");
}

#[test]
fn plain_entities_serve_other_schemas() {
    let policies = PolicyBundle::builder()
        .policies(
            "p.cedar",
            r#"@id("old") permit (principal, action == Action::"borrow", resource)
               when { principal.age >= context.minimum };"#,
        )
        .build()
        .unwrap();
    let suite = Suite::from_text(
        "library.yaml",
        r#"
fixtures:
  library: { entities: [{ uid: { type: Reader, id: ada }, attrs: { age: 12 } }] }
scenarios:
  - id: old-enough
    fixtures: [library]
    check: { principal: 'Reader::"ada"', action: borrow, resource: 'Book::"1"', context: { minimum: 12 } }
    expect: allow
  - id: too-young
    fixtures: [library]
    check: { principal: 'Reader::"ada"', action: borrow, resource: 'Book::"1"', context: { minimum: 13 } }
    expect: deny NO_PERMIT
  - id: no-writes
    fixtures: [library]
    write: { do: [{ revoke: ada }] }
    expect: accept
"#,
    )
    .unwrap();
    let report = suite.run(&policies, None);
    assert_eq!(report.passed(), 2, "{report:?}");
    assert!(report.scenarios[2].failures[0].actual.contains("need the fixture of a portal"));
    assert_eq!(suite.run(&policies, Some("young")).scenarios.len(), 1);
}

#[test]
fn what_cannot_be_run_says_why() {
    let ask = "check: { principal: gm, action: view, resource: I1 }, expect: allow";
    for (scenario, told) in [
        (format!("{{ id: a, fixtures: [nowhere], {ask} }}"), "no fixture `nowhere`; known are studio"),
        (format!("{{ id: a, fixtures: [studio], given: {{ clinets: {{}} }}, {ask} }}"), "clinets"),
        (format!("{{ id: a, fixtures: [studio], given: {{ preset: bakery }}, {ask} }}"), "bakery"),
        ("{ id: a, fixtures: [studio] }".into(), "compares nothing"),
        (
            "{ id: a, fixtures: [studio], check: { principal: zoe, action: view, resource: I1 }, \
             expect: allow }"
                .into(),
            "no contact, staff or link `zoe`",
        ),
        (
            "{ id: a, fixtures: [studio], check: { principal: gm, action: frobnicate, resource: I1 }, \
             expect: allow }"
                .into(),
            "`frobnicate` is no action",
        ),
        (
            "{ id: a, fixtures: [studio], check: { principal: gm, action: view, resource: I2 }, \
             expect: allow }"
                .into(),
            "no document, contact or client `I2`",
        ),
        (
            "{ id: a, fixtures: [studio], steps: [{ check: { principal: gm, action: view, \
             resource: I1 }, now: 2026-01-01, expect: allow }] }"
                .into(),
            "not exactly one of",
        ),
        (
            "{ id: a, fixtures: [studio], steps: [{ check: { principal: gm, action: view, \
             resource: I1 } }] }"
                .into(),
            "`expect` is missing",
        ),
        (
            "{ id: a, fixtures: [studio], check: { principal: { contact: gm, session: s }, action: \
             view, resource: I1 }, expect: allow }"
                .into(),
            "no step opened the session `s`",
        ),
        (format!("{{ id: a, fixtures: [studio], now: noon, {ask} }}"), "`noon` is not a date"),
        (
            format!(
                "{{ id: a, fixtures: [studio], given: {{ clients: {{ C1: {{ documents: {{ X: {{ \
                 kind: invoice, parent: Y }} }} }} }} }}, {ask} }}"
            ),
            "NO_OWNER_PATH",
        ),
    ] {
        let failure = failure(&format!("  - {scenario}"));
        assert_eq!(failure.step, "set-up");
        assert!(failure.actual.contains(told), "{scenario}\n{}", failure.actual);
    }
}

#[test]
fn what_is_no_scenario_file_says_where() {
    for (scenarios, told) in [
        ("  - { id: a, exepct: allow }", "exepct"),
        ("  - { id: a, expect: perhaps }", "`perhaps` is no expectation"),
        ("  - { id: a, expect: allow NOT_INVITED }", "a code follows a refusal"),
        ("  - { id: a, expect: deny not_invited }", "in capitals"),
        ("  - { note: no id }", "id"),
        ("  - { id: a }\n  - { id: a }", "give each an id of its own"),
        ("  - [", "test.yaml"),
        ("  - { id: a, write: { do: [{ frobnicate: gm }] }, expect: accept }", "frobnicate"),
    ] {
        let refused = suite(scenarios).unwrap_err().to_string();
        assert!(refused.contains(told), "{scenarios}\n{refused}");
    }
    let nested = format!("scenarios: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("scenarios: [{{ id: {}, expect: allow }}]", "x".repeat(1 << 20));
    let bomb = format!("a: &a [x,x,x,x,x,x,x,x,x]\n{}", {
        let next = |n: u8| {
            format!(
                "{0}: &{0} [*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1}]\n",
                char::from(b'a' + n + 1),
                char::from(b'a' + n)
            )
        };
        (0..12).map(next).collect::<String>()
    });
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            for text in [nested, bomb, "\0".into(), "scenarios: null".into(), "7".into()] {
                assert!(Suite::from_text("bad.yaml", &text).is_err());
            }
            let report = Suite::from_text("long.yaml", &long).unwrap();
            let report = report.run(&shipped_policies().unwrap(), None);
            assert_eq!(report.failed(), 1);
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn the_shipped_schema_is_the_format() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests/scenarios.schema.json");
    let shipped: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(shipped == json_schema(), "write it anew with `doorward test --print-schema`");
}

#[test]
fn what_is_wrong_with_a_caller_is_told_by_its_name() {
    let scenario = |principal: &str| {
        format!(
            "  - {{ id: a, fixtures: [studio], check: {{ principal: {principal}, action: view, \
             resource: I1 }}, expect: allow }}"
        )
    };
    let typo = suite(&scenario("{ contact: gm, sesion: old }")).unwrap_err();
    assert!(typo.message().contains("unknown field `sesion`"), "{typo}");
    let both = failure(&scenario("{ contact: gm, session: none, mfa_at: never }")).actual;
    assert!(both.contains("leave out authenticated_by, mfa_at and last_seen"), "{both}");
    let both = failure(&scenario("{ staff: uma, view_as: gm, on_behalf_of: gm }")).actual;
    assert!(both.contains("view as a contact or act on behalf of one"), "{both}");
}

#[test]
fn steps_are_told_without_personal_data() {
    let failure = failure(
        "  - { id: a, fixtures: [studio], write: { do: [{ create_contact: { id: z, client: C1, \
         email: zoe@secret.example } }, { revoke: z }] }, expect: accept }",
    );
    assert_eq!(failure.step, "step 1: write create_contact, revoke");
    let suite = suite(
        "  - { id: a, fixtures: [studio], given: { clients: { C1: { contacts: { zoe: { name: \
         Secret } } } } }, check: { principal: { contact: gm, address: 203.0.113.9 }, action: \
         view, resource: I1 }, expect: allow }",
    );
    let shown = format!("{suite:?}");
    assert!(!shown.contains("Secret") && !shown.contains("203"), "{shown}");
}

#[test]
fn a_magic_link_without_an_end_lasts() {
    let report = report(
        "
  - id: magic
    fixtures: [studio]
    given: { links: { M: { contact: gm, purpose: magic } } }
    check: { principal: M, action: log_in, resource: portal }
    expect: allow
",
    );
    assert_eq!(report.passed(), 1, "{report:?}");
}

/// A command that is not asked of the policies is a way around them.
#[test]
fn every_command_stands_among_those_that_are_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests/steps.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let scenario = text.split("- id: D-15-routes\n").nth(1).unwrap();
    let scenario = scenario.split("\n  - id: ").next().unwrap();
    let schema = json_schema();
    let commands = schema["$defs"]["Command"]["oneOf"].as_array().unwrap();
    assert!(commands.len() > 50);
    for command in commands {
        let name = command["properties"].as_object().unwrap().keys().next().unwrap();
        assert!(scenario.contains(&format!("do: [{{ {name}: ")), "{name} is not refused there");
    }
}

#[test]
fn a_fixture_starts_from_a_configuration() {
    let told = |config: &str| {
        let text = format!(
            "fixtures: {{ own: {{ {config}, clients: {{ C1: {{ contacts: {{ gm: {{}} }}, \
             documents: {{ B1: {{ kind: booking, relations: {{ gm: primary }} }} }} }} }} }} }}\n\
             scenarios: [{{ id: a, fixtures: [own], expect: allow, \
             check: {{ principal: gm, action: view, resource: B1 }} }}]"
        );
        let suite = Suite::from_text("own.yaml", &text).unwrap();
        let report = suite.run(&shipped_policies().unwrap(), None);
        let failures = report.scenarios[0].failures.iter().map(|failure| failure.actual.clone());
        failures.collect::<Vec<String>>()
    };
    assert_eq!(told("config: { from: bookings }"), [""; 0]);
    // `null` takes away, as in a file of its own.
    let without = "config: { from: bookings, sets: { contact: null }, contact_sets: [] }";
    assert_eq!(told(without), ["deny NO_PERMISSION"]);
    let unknown = told("config: { from: bookings, contact_sets: [contcat] }");
    assert!(unknown[0].contains("contact_sets[0]: there is no set `contcat`"), "{unknown:?}");
    let both = told("preset: agency, config: { from: bookings }");
    assert_eq!(both, ["a fixture starts from a preset or from a configuration"]);
    let file = told("config: own.yaml");
    assert!(file[0].contains("own.yaml has to be named in a file's own `fixtures`"), "{file:?}");
}

#[test]
fn a_configuration_in_a_file_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/harbour.scenarios.yaml");
    let report = Suite::load(path).unwrap().run(&shipped_policies().unwrap(), None);
    assert_eq!((report.passed(), report.failed()), (2, 0), "{report:?}");
}

/// The fixtures of all shipped scenario files that stand on their own.
fn shipped_stages() -> Vec<Stage> {
    let policies = shipped_policies().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fixtures =
        files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).flat_map(|path| {
            let file: ScenarioFile =
                run::parse_yaml(&std::fs::read_to_string(path).unwrap()).unwrap();
            file.fixtures.into_values()
        });
    fixtures.filter_map(|fixture| Stage::build(&fixture, &policies).ok()).collect()
}

/// Of reading, of changing, of staff, and of others than documents.
const ASKED: [&str; 8] =
    ["view", "pay", "comment", "edit", "share", "send", "invite", "list_contacts"];

#[test]
fn lists_and_who_find_what_checks_allow_over_all_shipped_fixtures() {
    let (mut allowed, mut refused) = (0, 0);
    for stage in shipped_stages() {
        let world = stage.world();
        let of = |types: &[&str]| -> Vec<EntityUid> {
            types.iter().flat_map(|name| world.facts().uids_of_type(name)).collect()
        };
        let (principals, resources) =
            (of(&["Contact", "Link", "Staff"]), of(&["Client", "Contact", "Document"]));
        for action in ASKED {
            let may = |principal: &EntityUid, resource: &EntityUid| {
                let asked = Question::new(principal.id(), action, resource.id());
                let request = stage.request(&asked).unwrap();
                assert_eq!((request.principal(), request.resource()), (principal, resource));
                world.check(&request).is_allowed()
            };
            // An action that is not declared for them is an error, and allows nothing.
            let found = |found: Result<Found, SuiteError>| {
                found.map_or_else(|_| Vec::new(), |found| found.uids)
            };
            for principal in &principals {
                let listed = found(stage.list(&Search::new(principal.id(), action)));
                let listed = listed.iter().filter(|uid| resources.contains(uid));
                let checked: Vec<_> =
                    resources.iter().filter(|resource| may(principal, resource)).collect();
                assert_eq!(listed.collect::<Vec<_>>(), checked, "{principal} {action}");
                allowed += checked.len();
                refused += resources.len() - checked.len();
            }
            for resource in &resources {
                let who = found(stage.who(&Search::new(resource.id(), action)));
                let checked: Vec<_> =
                    principals.iter().filter(|principal| may(principal, resource)).collect();
                assert_eq!(who.iter().collect::<Vec<_>>(), checked, "{action} {resource}");
            }
        }
    }
    assert!(allowed > 50 && refused > 500, "{allowed} allowed, {refused} refused");
}

const LIBRARY: &str = "
    entity Reader; entity Guest;
    entity Book = { lent_to?: Reader, shelf: String, authors: Set<String>, limit: { pages?: Long } };
    action read appliesTo { principal: Reader, resource: Book, context: { day?: Bool } };
    action enter appliesTo { principal: Guest, resource: Book };";

fn library(facts: &str) -> Stage {
    let policies = PolicyBundle::builder()
        .schema("s", LIBRARY)
        .policies(
            "p",
            r#"@id("lent") permit (principal, action, resource)
                when { resource has lent_to && resource.lent_to == principal };
            @id("short") forbid (principal, action, resource)
                when { resource.limit has pages && resource.limit.pages * 2 > 9 };"#,
        )
        .build()
        .unwrap();
    let facts = policies.read_facts(facts).unwrap();
    Stage::from(Engine::builder(policies).facts(facts).all_stored_or_inline().build().unwrap())
}

#[test]
fn what_a_state_cannot_be_asked_is_an_error_that_says_what_there_is() {
    let stage = library("[]");
    let ada = r#"Reader::"ada""#;
    let read = || Search::new(ada, "read");
    let context = serde_json::json!({ "day": 1 }).as_object().cloned().unwrap();
    let of_book = |action| Search::new(r#"Book::"1""#, action);
    let cases = [
        (stage.list(&Search::new("ada", "read")), "the principal: `ada` is not an entity"),
        (stage.list(&Search::new(ada, "raed")), "the schema declares no action `raed`"),
        (
            stage.list(&Search::new(ada, "enter")),
            "`enter` is not declared for a Reader; known are Guest",
        ),
        (stage.list(&read().of_type("Reader")), "for a Reader and a `Reader`; known are Book"),
        (stage.list(&read().of_kind("invoice")), "only documents of a portal are of kinds"),
        (stage.list(&read().context(context.clone())), "the context: "),
        (stage.who(&of_book("read").context(context)), "the context: "),
        (stage.who(&of_book("raed")), "the schema declares no action `raed`"),
        (
            stage.who(&Search::new(ada, "read")),
            "`read` is not declared for a Reader; known are Book",
        ),
        (stage.who(&of_book("read").of_kind("invoice")), "only documents of a portal are of kinds"),
    ];
    for (asked, expected) in cases {
        let error = asked.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
    let error = stage.audience("I1", "invoice.sent", &[]).unwrap_err();
    assert_eq!(error.message(), "only a portal sends mail");
}

#[test]
fn a_filter_leaves_stored_rows_of_the_table_out() {
    let stage = library(
        r#"[{ "uid": { "type": "Book", "id": "1" }, "attrs": { "shelf": "a", "authors": [], "limit": {} } },
            { "uid": { "type": "Reader", "id": "ada" } }]"#,
    );
    let columns = "
        type: Book
        id: { column: id, holds: uuid }
        columns:
          lent_to: { column: reader, holds: text, nulls: absent }
          shelf: { column: shelf, holds: text, nulls: refused }
          limit.pages: { column: pages, holds: integer, nulls: absent }
        related:
          authors: { table: authors, owner: book, column: name, holds: text }";
    let mapping = read_mapping("m.yaml", columns).unwrap();
    mapping.check(stage.world().policies()).unwrap();
    let ada = Search::new(r#"Reader::"ada""#, "read");
    let error = stage.filter(&ada, &mapping).unwrap_err();
    assert!(error.message().starts_with("short: `resource.limit.pages * 2`: "), "{error}");

    let without = read_mapping("m.yaml", &columns.replace("limit.pages", "limit.page")).unwrap();
    let error = stage.filter(&ada, &without).unwrap_err();
    assert_eq!(error.message(), "Book: the schema declares no attribute limit.page");

    let guest = Search::new(r#"Guest::"g""#, "enter");
    let filtered = stage.filter(&guest, &mapping);
    assert_eq!(filtered.unwrap_err().message().split(':').next(), Some("short"));
    // The state itself still has them.
    assert_eq!(stage.list(&ada).unwrap().stored, 1);
}

#[test]
fn mappings_that_cannot_be_read_say_the_line() {
    let id = "type: Book\nid: { column: id, holds: integer }\n";
    let cases = [
        (String::new(), "m.yaml: "),
        ("type: Book\n".to_owned(), "missing field `id`"),
        (format!("{id}colums: {{}}\n"), "line 3 column 1: unknown field `colums`"),
        (
            format!("{id}columns:\n  a: {{ column: a, holds: txt }}\n"),
            "line 4 column 26: unknown variant `txt`",
        ),
        (
            format!("{id}columns:\n  a: {{ holds: text }}\n"),
            "line 4 column 8: missing field `column`",
        ),
        (
            format!("{id}columns:\n  a: {{ column: a, holds: text, nulls: maybe }}\n"),
            "line 4 column 39: unknown variant `maybe`",
        ),
        (
            format!("{id}related:\n  a: {{ table: t, column: a, holds: text }}\n"),
            "missing field `owner`",
        ),
        (
            format!(
                "{id}related:\n  a: {{ table: t, owner: o, column: a, holds: text, nulls: absent }}\n"
            ),
            "line 4 column 52: unknown field `nulls`",
        ),
        (
            format!(
                "{id}columns: {{ a: {{ column: a, holds: text }} }}\nrelated: {{ a: {{ table: t, owner: o, column: a, holds: text }} }}\n"
            ),
            "`a` stands in two places",
        ),
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), "m.yaml: "),
    ];
    for (text, expected) in cases {
        let error = read_mapping("m.yaml", &text).unwrap_err();
        assert!(error.message().contains(expected), "{error}, not {expected}");
        assert!(error.help().is_some());
    }
}

#[test]
fn types_for_python_have_names_that_python_takes() {
    let policies = |schema: &str, rules: &str| {
        let builder = PolicyBundle::builder().policies("rules.cedar", rules);
        let builder = if schema.is_empty() { builder } else { builder.schema("s", schema) };
        builder.build().unwrap()
    };
    let schema = r#"
        namespace Shop {
            entity Contact, Client;
            entity Colour enum ["red", "a \"b\" \\", "\u{1b}[31m\u{202e}é"];
            entity Order = {
                "class": Long, "due-on"?: datetime, inner: { str: String, deep: { a: Set<Contact> } },
            };
            entity Order_Inner = { datetime: datetime, share: decimal, from: ipaddr };
            action "set password", pay appliesTo {
                principal: Contact, resource: Order, context: { "now": datetime, mfa?: Bool },
            };
            action view appliesTo { principal: Contact, resource: [Order, Client], context: {} };
        }
    "#;
    let rules = r#"@id("late") @reason("TOO_LATE") forbid (principal, action, resource);"#;
    let module = python_types(&policies(schema, rules)).unwrap();
    let has = |text: &str| assert!(module.contains(text), "{text}\n{module}");
    has("ActionName = Literal[\n    \"pay\",\n    \"set password\",\n    \"view\",\n]");
    has("class PayContext(TypedDict):\n    \"\"\"The context of `pay`.\"\"\"");
    has("\nSetPasswordContext = PayContext\n");
    has("ReasonCode = Literal[\n    \"EVAL_ERROR\",");
    has("    \"TOO_LATE\",\n");
    has(
        "ShopColourId = Literal[\n    \"\\U0000001b[31m\\U0000202eé\",\n    \"a \\\"b\\\" \\\\\",\n    \"red\",\n]",
    );
    has("\nShopOrder = TypedDict(\n    \"ShopOrder\",\n    {\n        \"class\": int,\n");
    has("        \"due-on\": NotRequired[datetime],\n");
    // Of two things with one name the second has a number.
    has("ShopOrderInner = TypedDict(");
    has("class ShopOrderInnerDeep(TypedDict):");
    has("ShopOrderInner2 = TypedDict(");
    has(
        "import sys\nfrom datetime import datetime\nfrom decimal import Decimal\nfrom typing import",
    );
    assert!(!module.contains("timedelta"), "{module}");

    let error = python_types(&policies("", rules)).unwrap_err();
    assert_eq!(error.message(), "the policies have no schema");
}
