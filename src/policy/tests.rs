//! What the room promises: each finding, hostile text, and depths up to the limits.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Decision, Entities, Request, Schema};

use super::*;

const SCHEMA: &str = r#"
entity User in [User] { flag: Bool, n: Long, s: String, set: Set<Long>, boss: User, maybe?: Long };
entity Doc;
action read, write appliesTo { principal: [User], resource: [User], context: { b: Bool, n: Long } };
action edit in [read] appliesTo { principal: User, resource: Doc };
"#;

fn build(text: &str) -> Result<PolicyBundle, PolicyError> {
    PolicyBundle::builder().policies("a.cedar", text).build()
}

fn build_validated(text: &str) -> Result<PolicyBundle, PolicyError> {
    PolicyBundle::builder().schema("s.cedarschema", SCHEMA).policies("a.cedar", text).build()
}

fn findings(result: &Result<PolicyBundle, PolicyError>) -> &[Diagnostic] {
    match result {
        Ok(bundle) => bundle.warnings(),
        Err(error) => error.diagnostics(),
    }
}

fn codes(result: &Result<PolicyBundle, PolicyError>) -> Vec<&'static str> {
    findings(result).iter().map(Diagnostic::code).collect()
}

fn when(condition: &str) -> String {
    format!("@id(\"p\") permit(principal, action, resource) when {{ {condition} }};")
}

/// Runs a test where the stack is as small as a thread's usually is.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn each_finding_has_its_code_and_place() {
    type Case = (&'static str, &'static [&'static str], Option<(u32, u32)>);
    let unvalidated: &[Case] = &[
        ("permit(principal, action, resource) when { 1 + };", &["parse"], Some((1, 48))),
        (";", &["parse"], Some((1, 1))),
        ("permit(principal, action, resource)", &["parse"], Some((1, 36))),
        ("permit(principal, action, resource);", &["missing-id"], Some((1, 1))),
        (
            "\n  @id(\"a\") permit(principal,action,resource);\n @id(\"a\")permit(principal,action,resource);",
            &["duplicate-id"],
            Some((3, 3)),
        ),
        ("@id(\"\") permit(principal,action,resource);", &["bad-annotation"], Some((1, 2))),
        (
            "@id(\"a\") @step(\"6\") permit(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @rank(\"10000\") permit(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @reason(\"Off\") permit(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @message(\"a\\nb\") permit(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") @step_up(\"MFA\") forbid(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 36)),
        ),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") @reason_only(\"yes\") forbid(principal,action,resource);",
            &["bad-annotation"],
            Some((1, 36)),
        ),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") @reason_only permit(principal,action,resource);",
            &["misplaced-annotation"],
            Some((1, 36)),
        ),
        (
            "@id(\"a\") @reason_only forbid(principal,action,resource);",
            &["misplaced-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") @step_up(\"mfa\") @reason_only forbid(principal,action,resource);",
            &["misplaced-annotation"],
            Some((1, 36)),
        ),
        (
            "@id(\"a\") @raeson(\"A\") permit(principal,action,resource);",
            &["unknown-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @Step(\"01\") permit(principal,action,resource);",
            &["unknown-annotation"],
            Some((1, 11)),
        ),
        (
            "@id(\"a\") @owner(\"x\") @link(\"y\") @doc(\"z\") permit(principal,action,resource);",
            &[],
            None,
        ),
        (
            "@id(\"a\") @step(\"01\") forbid(principal,action,resource);",
            &["missing-reason"],
            Some((1, 1)),
        ),
        (
            "@id(\"a\") @reason(\"A\") forbid(principal,action,resource);",
            &["missing-step"],
            Some((1, 1)),
        ),
        ("@id(\"a\") forbid(principal,action,resource);", &[], None),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") forbid(principal,action,resource);
@id(\"b\") @step(\"01\") @rank(\"1\") @reason(\"A\") forbid(principal,action,resource);",
            &["code-order"],
            Some((2, 1)),
        ),
        (
            "@id(\"a\") @step(\"01\") @reason(\"A\") forbid(principal,action,resource);
@id(\"b\") @step(\"01\") @reason(\"B\") forbid(principal,action,resource);",
            &[],
            None,
        ),
        (
            "@id(\"a\") permit(principal == ?principal,action,resource);",
            &["unlinked-template"],
            Some((1, 1)),
        ),
    ];
    for (text, expected, place) in unvalidated {
        let result = build(text);
        assert_eq!(codes(&result), *expected, "{text}\n{result:?}");
        if let (Some(first), Some(place)) = (findings(&result).first(), place) {
            assert_eq!((first.line().unwrap(), first.column().unwrap()), *place, "{text}\n{first}");
            assert_eq!(first.file(), Some("a.cedar"));
        }
    }
}

#[test]
fn validation_is_strict_and_placed() {
    let cases: &[(&str, &[&str])] = &[
        ("principal.flga", &["unknown-attribute"]),
        ("principal.maybe == 1", &["optional-attribute"]),
        ("principal.getTag(\"a\") == 1", &["optional-tag"]),
        ("principal.n == \"1\"", &["incompatible-types"]),
        ("principal.n", &["type"]),
        ("principal in Usr::\"a\"", &["unknown-type"]),
        ("action == Action::\"raed\"", &["unknown-action"]),
        ("[] == [1]", &["empty-set"]),
        ("decimal(principal.s) == decimal(\"1.0\")", &["extension-literal"]),
        ("ip(\"300.1.1.1\").isIpv4()", &["argument"]),
        ("false", &["impossible"]),
        ("principal.s == \"аdmin\"", &["mixed-script"]),
        ("principal.s == \"\u{202E}x\"", &["bidi"]),
    ];
    for (condition, expected) in cases {
        let result = build_validated(&format!("\n\n  {}", when(condition)));
        let found = codes(&result);
        assert!(expected.iter().all(|code| found.contains(code)), "{condition}: {result:?}");
        let first = &findings(&result)[0];
        assert_eq!(first.line(), Some(3), "{condition}: {first}");
        assert_eq!(first.policy().unwrap(), "p");
        assert!(!first.message().contains("for policy"), "{first}");
    }
    let attribute =
        build_validated("\n\n permit(principal, action, resource)\nwhen { principal.flga };");
    let first = &findings(&attribute)[0];
    assert_eq!((first.line(), first.column()), (Some(4), Some(8)));
    assert_eq!(first.help(), Some("did you mean `flag`?"));
    let never = "@id(\"p\") permit(principal is Doc, action, resource);";
    assert_eq!(codes(&build_validated(never)), ["impossible", "never-applies"]);
}

#[test]
fn reason_only_policies_and_templates_are_validated() {
    let only = "@id(\"p\") @step(\"01\") @reason(\"A\") @reason_only
        forbid(principal, action, resource) when { principal.nope };";
    assert_eq!(codes(&build_validated(only)), ["unknown-attribute"]);
    let template =
        "@id(\"t\") permit(principal == ?principal, action, resource) when { principal.nope };";
    assert!(codes(&build_validated(template)).contains(&"unknown-attribute"));
}

#[test]
fn one_mistake_hides_no_other() {
    let result = PolicyBundle::builder()
        .schema("bad.cedarschema", "entity User = {")
        .policies("a.cedar", "permit(principal, action, resource) when { ( };\n@id(\"b\") @step(\"x\") permit(principal, action, resource);")
        .policies("b.cedar", "forbid(;")
        .build();
    let places: Vec<_> = findings(&result)
        .iter()
        .map(|d| (d.file().unwrap(), d.line().unwrap(), d.code()))
        .collect();
    assert_eq!(
        places,
        [
            ("a.cedar", 1, "parse"),
            ("a.cedar", 2, "bad-annotation"),
            ("b.cedar", 1, "parse"),
            ("bad.cedarschema", 1, "schema")
        ]
    );
    assert!(result.unwrap_err().to_string().contains("error[bad-annotation]"));
}

#[test]
fn schemas_join_over_files() {
    let bundle = PolicyBundle::builder()
        .schema("1", "namespace P { type When = datetime; entity U in [G]; action a appliesTo { principal: U, resource: Q::R, context: { now: When } }; }")
        .schema("2", "namespace P { entity G; action b in [a] appliesTo { principal: U, resource: U, context: Q::C }; action c appliesTo { principal: U, resource: U, context: { now: Q::datetime } }; } namespace Q { entity R; type datetime = Long; type C = { now?: __cedar::datetime }; }")
        .policies("p", "@id(\"p\") permit(principal in P::G::\"g\", action == P::Action::\"a\", resource);")
        .build()
        .unwrap();
    let action =
        |id: &str| format!("P::Action::\"{id}\"").parse::<cedar_policy::EntityUid>().unwrap();
    let reads_now = |id: &str| bundle.types().unwrap().reads_now(&EntityUid::new("P::Action", id));
    assert!(reads_now("a") && reads_now("b"));
    assert!(!reads_now("c") && !reads_now("z"));
    assert_eq!(bundle.action_entities().len(), 3);
    assert!(bundle.action_entities()[&action("b")].is_ancestor_or(&action("a")));
    assert!(bundle.types().unwrap().declares("P::G"));
    assert_eq!(bundle.literals().len(), 2);
    assert_eq!(bundle.schema().unwrap().request_envs().count(), 3);

    let undeclared =
        PolicyBundle::builder().schema("1", "entity A;").schema("2", "\nentity B in [C];").build();
    let first = &findings(&undeclared)[0];
    assert_eq!((first.code(), first.severity()), ("schema", Severity::Error));
    assert!(first.message().contains('C'), "{first}");
}

trait Ancestry {
    fn is_ancestor_or(&self, of: &cedar_policy::EntityUid) -> bool;
}

impl Ancestry for Entity {
    fn is_ancestor_or(&self, ancestor: &cedar_policy::EntityUid) -> bool {
        self.to_json_string().unwrap().contains(ancestor.id().unescaped())
    }
}

#[test]
fn sets_part_what_decides_from_what_explains() {
    let bundle = PolicyBundle::builder()
        .policies("b.cedar", "@id(\"f\") @step(\"02\") @reason(\"F\") forbid(principal == U::\"x\", action, resource);
            @id(\"r\") @step(\"10\") @rank(\"7\") @reason(\"R\") @reason_only forbid(principal, action, resource == ?resource);")
        .policies("a.cedar", "@id(\"t\") permit(principal in ?principal, action, resource); @id(\"p\") permit(principal, action, resource);")
        .link("r", "r1", None, Some("D::\"1\"".to_owned()))
        .link("t", "t2", Some("T::\"2\"".to_owned()), None)
        .link("t", "t1", Some("T::\"1\"".to_owned()), None)
        .build()
        .unwrap();
    let ids: Vec<_> = bundle.policies().iter().map(|info| info.id().as_str()).collect();
    assert_eq!(ids, ["t2", "t1", "p", "f", "r1"]);
    let sorted = |set: &PolicySet| {
        let mut ids: Vec<_> = set.policies().map(|policy| policy.id().to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(sorted(&bundle.sets().all), ["f", "p", "t1", "t2"]);
    assert_eq!(sorted(&bundle.sets().permits), ["p", "t1", "t2"]);
    assert_eq!(sorted(&bundle.sets().reasons), ["r1"]);
    let reason = bundle.policy("r1").unwrap();
    assert!(reason.reason_only() && reason.rank() == 7 && reason.step() == Some(10));
    assert_eq!(bundle.index_of(&PolicyId::new("p")), Some(2));
    assert_eq!(bundle.literals().len(), 4, "{:?}", bundle.literals());
    assert!(format!("{bundle:?}").len() < 200);
}

#[test]
fn bad_links_are_told_apart() {
    let text = "@id(\"t\") permit(principal in ?principal, action, resource); @id(\"p\") permit(principal, action, resource);";
    let team = || Some("T::\"1\"".to_owned());
    let link = |template: &str, id: &str, principal, resource| {
        let ok = PolicyBundle::builder().policies("a", text).link("t", "ok", team(), None);
        codes(&ok.link(template, id, principal, resource).build())
    };
    assert_eq!(link("x", "l", team(), None), ["unknown-template"]);
    assert_eq!(link("p", "l", team(), None), ["unknown-template"]);
    assert_eq!(link("t", "l", None, None), ["link"]);
    assert_eq!(link("t", "l", team(), team()), ["link"]);
    assert_eq!(link("t", "p", team(), None), ["duplicate-id"]);
    assert_eq!(link("t", "ok", team(), None), ["duplicate-id"]);
    for entity in ["T", "T::1", "((T::\"1\"))", "T::\"1\" ", ""] {
        let expected: &[&str] = if entity == "T::\"1\" " { &[] } else { &["entity"] };
        let found = link("t", "l", Some(entity.to_owned()), None);
        assert!(found == expected || found == ["entity"], "{entity}: {found:?}");
    }
}

#[test]
fn the_digest_covers_names_texts_and_links() {
    let digest = |builder: PolicyBundleBuilder| builder.build().unwrap().digest();
    let base = || PolicyBundle::builder().policies("a", "// x").policies("b", "// y");
    let swapped = PolicyBundle::builder().policies("b", "// y").policies("a", "// x");
    assert_eq!(digest(base()), digest(swapped));
    assert_ne!(digest(base()), digest(PolicyBundle::builder().policies("a", "// x")));
    assert_ne!(digest(base()), digest(base().policies("c", "")));
    assert_ne!(
        digest(PolicyBundle::builder().policies("a", "")),
        digest(PolicyBundle::builder().schema("a", ""))
    );
    assert_eq!(digest(base()).short().len(), 12);
    assert!(digest(base()).to_string().starts_with(&digest(base()).short()));
}

#[test]
fn limits_refuse_by_name() {
    let limited = |change: fn(&mut Limits), text: &str| {
        let mut limits = Limits::default();
        change(&mut limits);
        codes(&PolicyBundle::builder().limits(limits).policies("a", text).build())
    };
    assert_eq!(limited(|l| l.source_bytes_max = 3, "// x"), ["too-large"]);
    assert_eq!(limited(|l| l.total_bytes_max = 3, "// x"), ["too-large"]);
    assert_eq!(limited(|l| l.policy_count_max = 0, &when("true")), ["too-many-policies"]);
    assert_eq!(limited(|l| l.chain_max = 4, &when("1 + 1 + 1 + 1 + 1 == 1")), ["chain"]);
    assert_eq!(limited(|l| l.nesting_max = 2, &when("[[1]] == 1")), ["nesting"]);
    let many = "permit(principal, action, resource);".repeat(10_001);
    assert_eq!(codes(&build(&many)), ["too-many-policies"]);
    let twice = PolicyBundle::builder().policies("a", "").policies("a", "").build();
    assert_eq!(codes(&twice), ["duplicate-source"]);
}

#[test]
fn display_points_at_the_place_whatever_the_text() {
    let result =
        build("// ünï\r\n@id(\"日本\")\tpermit(principal, action, resource) when { \"日本\" ++ };");
    let shown = findings(&result)[0].to_string();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("a.cedar:2:60: error[parse]: "), "{shown}");
    assert_eq!(lines[1].chars().nth(4 + 59), lines[2].chars().nth(4 + 59).map(|_| '+'), "{shown}");
    let long =
        build(&format!("permit(principal, action, resource) when {{ {} + }};", "é".repeat(500)));
    assert_eq!(findings(&long)[0].snippet().unwrap().chars().count(), 160);
    let hostile = build(&format!("@id(\"\u{1b}[2J\") {}", when("true")));
    assert!(!hostile.unwrap_err().to_string().contains('\u{1b}'));
    let many = ";".repeat(25);
    assert!(build(&many).unwrap_err().to_string().ends_with("and 5 more"));
}

#[test]
fn unicode_bom_and_crlf_are_text_like_any_other() {
    let bundle = build(
        "\u{FEFF}// c\r\n@id(\"políticas/日本 ✓\")\r\npermit(principal, action, resource);\r\n",
    )
    .unwrap();
    let info = &bundle.policies()[0];
    assert_eq!((info.id().as_str(), info.line()), ("políticas/日本 ✓", 2));
    assert!(bundle.warnings().is_empty());
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("doorward-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn load(&self) -> Result<PolicyBundle, PolicyError> {
        PolicyBundle::load(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn load_takes_files_in_order_and_skips_tests() {
    let folder = Folder::new("order")
        .with("z.cedar", "@id(\"z\") permit(principal, action, resource);")
        .with("presets/a.cedar", "@id(\"a\") permit(principal, action, resource);")
        .with("tests/broken.cedar", "nonsense")
        .with(".hidden.cedar", "nonsense")
        .with("README.md", "nonsense")
        .with("s.cedarschema", SCHEMA);
    let bundle = folder.load().unwrap();
    let files: Vec<_> = bundle.policies().iter().map(|info| info.file().as_str()).collect();
    assert_eq!(files, ["presets/a.cedar", "z.cedar"]);
    assert!(bundle.has_schema());
    let in_memory = PolicyBundle::builder()
        .schema("s.cedarschema", SCHEMA)
        .policies("z.cedar", "@id(\"z\") permit(principal, action, resource);")
        .policies("presets/a.cedar", "@id(\"a\") permit(principal, action, resource);")
        .build()
        .unwrap();
    assert_eq!(bundle.digest(), in_memory.digest());
}

#[test]
fn load_reports_what_it_cannot_read() {
    assert_eq!(codes(&Folder::new("empty").load()), ["empty"]);
    assert_eq!(codes(&PolicyBundle::load("/no/such/folder")), ["unreadable"]);
    let bytes = Folder::new("bytes").with("a.cedar", b"// \xff").with("b.cedar", ";");
    assert_eq!(codes(&bytes.load()), ["not-utf8", "parse"]);
    let large = Folder::new("large").with("a.cedar", "é".repeat(600_000));
    assert_eq!(codes(&large.load()), ["too-large"]);
    let folder = Folder::new("folder").with("a.cedar/b.cedar", when("true"));
    assert_eq!(folder.load().unwrap().policies().len(), 1);
}

#[cfg(unix)]
#[test]
fn load_stays_inside_the_folder() {
    use std::os::unix::fs::symlink;
    let outside = Folder::new("outside").with("o.cedar", when("true"));
    let folder = Folder::new("inside").with("..data/a.cedar", when("true"));
    symlink("..data/a.cedar", folder.0.join("a.cedar")).unwrap();
    symlink(".", folder.0.join("again")).unwrap();
    assert_eq!(folder.load().unwrap().policies().len(), 1);
    symlink(outside.0.join("o.cedar"), folder.0.join("b.cedar")).unwrap();
    symlink(&outside.0, folder.0.join("more")).unwrap();
    symlink("gone", folder.0.join("c.cedar")).unwrap();
    assert_eq!(codes(&folder.load()), ["symlink", "unreadable", "symlink"]);
}

/// Texts that no one would write, each of which must come back with findings, soon and without
/// touching the bottom of a small stack.
#[test]
fn hostile_text_is_refused_in_time() {
    const N: usize = 100_000;
    let mut texts = vec![
        ("string", when(&format!("principal.s == \"{}\"", "x".repeat((1 << 20) - 200)))),
        ("nul", when("\0")),
        ("unclosed string", when("\"abc")),
        ("unclosed escape", when("\"abc\\")),
        ("slashes", "/".repeat(1 << 20)),
        ("semicolons", ";".repeat(1 << 20)),
        ("at signs", "@".repeat(1 << 20)),
        ("quotes", "\"".repeat(1 << 20)),
        ("question marks", "?".repeat(1 << 20)),
        ("bang", when(&format!("{}true", "!".repeat(N)))),
        ("minus", when(&format!("{}1 == 1", "-".repeat(N)))),
        ("minus apart", when(&format!("{}1 == 1", "- ".repeat(N)))),
        ("dots", when(&format!("principal{} == 1", ".a".repeat(N)))),
        ("has", when(&format!("principal has a{}", ".a".repeat(N)))),
        ("ifs", when(&format!("{}true", "if true then true else ".repeat(N / 4)))),
        ("if if", when(&format!("{}true", "if ".repeat(N)))),
        (
            "conditions",
            format!("permit(principal, action, resource) {};", "when { true } ".repeat(N / 2)),
        ),
        ("indexes", when(&format!("principal{}", "[\"a\"]".repeat(N)))),
        ("calls", when(&format!("principal{}", ".a()".repeat(N)))),
        ("closers", ")".repeat(N)),
        ("annotations", "@a".repeat(N)),
        ("path", when(&format!("principal is {}U", "A::".repeat(N)))),
    ];
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{", "}"), ("{a:", "}"), ("!(", ")"), ("a(", ")")]
    {
        texts.push((open, when(&format!("{}1{}", open.repeat(N), close.repeat(N)))));
        texts.push((open, open.repeat(N)));
    }
    for operator in ["&&", "||", "+", "-", "*", "==", "<", "in", "has", "like", "is", "/", "%", "="]
    {
        texts.push((operator, when(&format!("1{}", format!(" {operator} 1").repeat(N)))));
    }
    on_small_stack(move || {
        for (name, text) in texts {
            let start = Instant::now();
            let _ = PolicyBundle::builder()
                .policies("a", text.as_str())
                .schema("s", text.as_str())
                .build();
            let result = build_validated(&text);
            assert!(
                !findings(&result).is_empty() || ["string", "slashes"].contains(&name),
                "{name}"
            );
            // What a debug build needs on a busy machine; quadratic work would take far longer.
            assert!(start.elapsed() < Duration::from_secs(60), "{name}: {:?}", start.elapsed());
        }
    });
}

#[test]
fn hostile_schemas_are_refused() {
    const N: usize = 100_000;
    on_small_stack(|| {
        for text in [
            format!("entity U {{ a: {}Long{} }};", "Set<".repeat(N), ">".repeat(N)),
            format!("entity U {{ a: {}Long{} }};", "{a:".repeat(N), "}".repeat(N)),
            "namespace A {".repeat(N / 2),
            "@a(".repeat(N),
            "entity U in [".to_owned(),
            "\0".to_owned(),
            "entity U = \"".to_owned(),
        ] {
            let result = PolicyBundle::builder().schema("s", text.as_str()).build();
            let head: String = text.chars().take(40).collect();
            assert!(result.is_err(), "{head}");
        }
    });
}

/// Short texts that grow once their names are resolved.
#[test]
fn schemas_that_grow_are_weighed_first() {
    let chain = |n: usize, link: &dyn Fn(usize) -> String| (1..=n).map(link).collect::<String>();
    let laughs = chain(30, &|i| format!("type T{i} = {{ a: T{0}, b: T{0} }};", i - 1));
    let aliases = chain(5_000, &|i| format!("type T{i} = Set<T{}>;", i - 1));
    let types = chain(5_000, &|i| format!("entity E{i} in [E{}];", i - 1));
    let actions = chain(5_000, &|i| format!("action a{i} in [a{}];", i - 1));
    let wide: Vec<_> = (0..400).map(|i| format!("W{i}")).collect();
    let wide = wide.join(", ");
    let cases = [
        ("schema-size", format!("type T0 = Long; entity U {{ a: T30 }}; {laughs}")),
        ("nesting", format!("type T0 = Long; entity U {{ a: T5000 }}; {aliases}")),
        (
            "nesting",
            format!("namespace A::B {{ type T0 = Long; entity U {{ a: T5000 }}; {aliases} }}"),
        ),
        ("schema-size", format!("entity E0; {types}")),
        ("schema-size", format!("action a0; {actions}")),
        ("schema-size", format!("namespace N {{ action a0; {actions} }}")),
        (
            "schema-size",
            format!(
                "entity {wide}; action a appliesTo {{ principal: [{wide}], resource: [{wide}] }};"
            ),
        ),
        ("schema", "type A = B; type B = A; entity U { a: A };".to_owned()),
    ];
    on_small_stack(move || {
        for (code, text) in cases {
            let result = PolicyBundle::builder().schema("s", text.as_str()).build();
            assert!(codes(&result).contains(&code), "{code}: {:?}", codes(&result));
        }
    });
}

#[test]
fn nothing_in_a_bundle_is_no_error_in_memory() {
    for text in ["", "\n", "// only a comment", "\u{FEFF}"] {
        assert_eq!(build(text).unwrap().policies().len(), 0);
    }
}

/// The deepest texts of every shape that the default limits let through, found by growing them
/// until they are refused.
fn at_the_limit(shape: impl Fn(usize) -> String) -> (usize, PolicyBundle) {
    let refused_for_depth = |result: &Result<PolicyBundle, PolicyError>| {
        codes(result).iter().any(|code| ["nesting", "chain"].contains(code))
    };
    let (mut allowed, mut refused) = (0, 1_000);
    while refused - allowed > 1 {
        let middle = usize::midpoint(allowed, refused);
        if refused_for_depth(&build(&shape(middle))) { refused = middle } else { allowed = middle }
    }
    (allowed, build(&shape(allowed)).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn whatever_passes_the_limits_is_safe_on_a_small_stack() {
    type Shape = (&'static str, fn(usize) -> String, usize);
    let shapes: &[Shape] = &[
        ("parens", |n| when(&format!("{}context.b{}", "(".repeat(n), ")".repeat(n))), 30),
        ("not parens", |n| when(&format!("{}context.b{}", "!(".repeat(n), ")".repeat(n))), 30),
        ("negated", |n| when(&format!("{}context.n{} == 1", "-(".repeat(n), ")".repeat(n))), 30),
        (
            "and parens",
            |n| when(&format!("{}context.b{}", "context.b && (".repeat(n), ")".repeat(n))),
            30,
        ),
        (
            "parens and",
            |n| when(&format!("{}context.b{}", "(".repeat(n), " && context.b)".repeat(n))),
            30,
        ),
        (
            "ands in parens",
            |n| {
                when(&format!(
                    "{}context.b{}",
                    "(context.b && context.b && ".repeat(n),
                    ")".repeat(n)
                ))
            },
            30,
        ),
        ("lists", |n| when(&format!("{}1{} == 1", "[".repeat(n), "]".repeat(n))), 30),
        ("records", |n| when(&format!("{}1{} == 1", "{a: ".repeat(n), "}".repeat(n))), 30),
        ("ands", |n| when(&format!("context.b{}", " && context.b".repeat(n))), 120),
        ("ors", |n| when(&format!("context.b{}", " || context.b".repeat(n))), 120),
        (
            "ands of members",
            |n| when(&format!("context.b{}", " && principal.boss.boss.flag == true".repeat(n))),
            115,
        ),
        ("sums", |n| when(&format!("1{} == 1", " + 1".repeat(n))), 120),
        ("products", |n| when(&format!("1{} == 1", " * context.n".repeat(n))), 120),
        (
            "else ifs",
            |n| when(&format!("{}context.b", "if context.b then context.b else ".repeat(n))),
            40,
        ),
        (
            "ifs in ifs",
            |n| {
                when(&format!(
                    "{}context.b{}",
                    "if ".repeat(n),
                    " then context.b else context.b".repeat(n)
                ))
            },
            40,
        ),
        ("members", |n| when(&format!("principal{}.flag", ".boss".repeat(n))), 120),
        ("indexes", |n| when(&format!("principal{}.flag", "[\"boss\"]".repeat(n))), 120),
        ("has", |n| when(&format!("principal has boss{}", ".boss".repeat(n))), 120),
        (
            "conditions",
            |n| {
                format!(
                    "@id(\"p\") permit(principal, action, resource) {};",
                    "when { context.b } ".repeat(n)
                )
            },
            120,
        ),
        (
            "calls",
            |n| {
                when(&format!(
                    "{}principal.set{}",
                    "principal.set.containsAll(".repeat(n),
                    ")".repeat(n)
                ))
            },
            30,
        ),
        (
            "methods",
            |n| {
                when(&format!(
                    "datetime(\"2020-01-01\"){} == 1",
                    ".offset(duration(\"1h\"))".repeat(n)
                ))
            },
            60,
        ),
    ];
    on_small_stack(move || {
        for (name, shape, least) in shapes {
            let (size, bundle) = at_the_limit(shape);
            assert!(size >= *least, "{name}: only {size} pass");
            let schema = Schema::from_cedarschema_str(SCHEMA).unwrap().0;
            let result = cedar_policy::Validator::new(schema)
                .validate(&bundle.sets().all, cedar_policy::ValidationMode::Strict);
            let _ = result.to_string();
            assert_evaluates(name, &bundle);
            for policy in bundle.sets().all.policies() {
                let converted = policy.to_pst().unwrap();
                assert!(!converted.to_string().is_empty() && !policy.to_string().is_empty());
                policy.to_json().unwrap();
                policy.entity_literals();
            }
            drop(build_validated(&shape(size)));
        }
    });
}

fn assert_evaluates(name: &str, bundle: &PolicyBundle) {
    let user = || "User::\"u\"".parse().unwrap();
    let context = serde_json::json!({ "b": true, "n": 1 });
    let context = Context::from_json_value(context, None).unwrap();
    let action = "Action::\"read\"".parse().unwrap();
    let request = Request::new(user(), action, user(), context, None).unwrap();
    let itself = serde_json::json!({ "__entity": { "type": "User", "id": "u" } });
    let entities = serde_json::json!([{
        "uid": { "type": "User", "id": "u" },
        "attrs": { "flag": true, "n": 1, "s": "s", "set": [1], "boss": itself },
        "parents": []
    }]);
    let entities = Entities::from_json_value(entities, None).unwrap();
    let answer = Authorizer::new().is_authorized(&request, &bundle.sets().all, &entities);
    let errors: Vec<_> = answer.diagnostics().errors().map(ToString::to_string).collect();
    assert!(!errors.iter().any(|error| error.contains("recursion")), "{name}: {errors:?}");
    if name.contains("ands") {
        assert_eq!(answer.decision(), Decision::Allow, "{name}: {errors:?}");
    }
}

#[test]
fn schemas_at_the_limit_are_safe_on_a_small_stack() {
    on_small_stack(|| {
        let n = Limits::default().nesting_max - 1;
        for text in [
            format!("entity U {{ a: {}Long{} }};", "Set<".repeat(n), ">".repeat(n)),
            format!("entity U {{ a: {}Long{} }};", "{a: ".repeat(n), "}".repeat(n)),
        ] {
            let bundle = PolicyBundle::builder().schema("s", text.as_str()).build().unwrap();
            assert!(bundle.types().is_some());
            assert!(Schema::from_cedarschema_str(&text).is_ok());
            let deeper = text.replace("Long", "Set<Set<Long>>");
            assert_eq!(codes(&PolicyBundle::builder().schema("s", deeper).build()), ["nesting"]);
        }
    });
}

#[test]
fn types_are_shared_between_threads() {
    fn assert_shared<T: Send + Sync + Clone>() {}
    assert_shared::<PolicyBundle>();
    assert_shared::<PolicyBundleBuilder>();
    assert_shared::<PolicyError>();
}
