//! Bad input of every sort is refused with words, on a small stack: no panic, no abort.

use std::thread;

use doorward::portal::{
    Archive, ContactEdit, Document, NewContact, NewStaff, Recipients, Relation, Role, Settings,
    Watch,
};
use doorward::{
    Action, Caller, Changes, Engine, Entity, EntityUid, Kind, PolicyBundle, Portal, Preset, Record,
    Request, Tenant, Value, WriteError,
};

const STACK_BYTES: usize = 2 << 20;
const DEEP: usize = 100_000;
const LONG: usize = 1 << 20;

const SCHEMA: &str = r#"
    entity Group;
    entity User in [Group, User] = {
      n: Long, s: String, b?: Bool, u?: User, d?: decimal, a?: ipaddr, t?: datetime, l?: duration,
      set?: Set<Long>, r?: { n: Long }
    };
    action view appliesTo { principal: User, resource: User, context: { n?: Long } };
"#;

/// A name, what to do, and the words that its error must hold.
type Row = (&'static str, Box<dyn Fn() -> String + Send>, &'static str);

/// Runs rows, each on a thread with a small stack.
fn table(rows: Vec<Row>) {
    for (name, act, words) in rows {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(act).unwrap();
        let told = thread.join().unwrap_or_else(|_panic| panic!("{name}: it panicked"));
        let shown: String = told.chars().take(400).collect();
        assert!(told.contains(words), "{name}: `{words}` is not in `{shown}`");
        assert!(told.len() < 10_000, "{name}: {} bytes of message: {shown}", told.len());
    }
}

macro_rules! rows {
    ($($name:literal: $act:expr => $words:literal;)*) => {
        table(vec![$(($name, Box::new(move || $act), $words)),*])
    };
}

fn policy(text: impl Into<String>) -> String {
    told(PolicyBundle::builder().policies("p.cedar", text.into()).build())
}

fn schema(text: impl Into<String>) -> String {
    let policies = r#"@id("p") permit (principal, action, resource);"#;
    let builder = PolicyBundle::builder().schema("s.cedarschema", text.into());
    told(builder.policies("p.cedar", policies).build())
}

fn bundle() -> PolicyBundle {
    PolicyBundle::builder()
        .schema("s.cedarschema", SCHEMA)
        .policies("p.cedar", r#"@id("all") permit (principal, action, resource);"#)
        .build()
        .unwrap()
}

fn facts(json: impl AsRef<str>) -> String {
    match bundle().read_facts(json.as_ref()) {
        Ok(facts) => told(Engine::builder(bundle()).facts(facts).build()),
        Err(error) => error.to_string(),
    }
}

/// The facts of one user with this attribute beside the required ones.
fn attribute(json: &str) -> String {
    let row = r#"[{"uid":{"type":"User","id":"u"},"attrs":{"n":1,"s":"x",HERE}}]"#;
    facts(row.replace("HERE", json))
}

fn changes(json: &str) -> String {
    match serde_json::from_str::<Changes>(json) {
        Ok(changes) => told(Engine::builder(bundle()).build().unwrap().apply(&changes)),
        Err(error) => error.to_string(),
    }
}

fn put(entity: Entity) -> String {
    told(Engine::builder(bundle()).build().unwrap().apply(&Changes::new().put(entity)))
}

fn user(id: &str) -> Entity {
    Entity::new(EntityUid::new("User", id)).with("n", 1).with("s", "x")
}

fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

/// The decision on a request over two stored users.
fn check(request: Request) -> String {
    let changes = Changes::new().put(user("u")).put(user("v"));
    let engine = Engine::builder(bundle()).build().unwrap();
    engine.apply(&changes).unwrap();
    let explained = engine.explain(&request);
    let decision = engine.check(&request);
    assert_eq!(decision, explained.decision);
    format!("{decision} {}", explained.fault.unwrap_or_default())
}

/// What becomes of a request that brings its rows along.
fn inline(rows: [Entity; 2]) -> String {
    let engine = Engine::builder(bundle()).all_inline().build().unwrap();
    let request = rows.into_iter().fold(view(), Request::inline);
    let decision = engine.check(&request);
    format!("{decision} {}", engine.explain(&request).fault.unwrap_or_default())
}

fn view() -> Request {
    Request::new(EntityUid::new("User", "u"), "view", EntityUid::new("User", "v"))
}

fn when(condition: &str) -> String {
    policy(format!("permit (principal, action, resource) when {{ {condition} }};"))
}

#[test]
fn policies_and_schemas() {
    rows! {
        "no policy": policy("permit") => "p.cedar";
        "an unknown word": policy("allow (principal, action, resource);") => "p.cedar";
        "an open string": policy("@id(\"x) permit (principal, action, resource);") => "p.cedar";
        "a NUL": policy("\0") => "p.cedar";
        "two of one id": policy("@id(\"x\") permit (principal, action, resource);".repeat(2)) => "x";
        "an empty id": policy("@id(\"\") permit (principal, action, resource);") => "@id";
        "an id of two lines": policy("@id(\"a\\nb\") permit (principal, action, resource);") => "@id";
        "a long id": policy(format!("@id(\"{}\") permit (principal, action, resource);", "x".repeat(1 << 19))) => "@id";
        "a long message": policy(format!("@message(\"{}\") permit (principal, action, resource);", "x".repeat(1 << 19))) => "@message";
        "a step of letters": policy("@step(\"one\") forbid (principal, action, resource);") => "@step";
        "too long a source": policy(" ".repeat(LONG + 1)) => "1048576";
        "deep brackets": when(&format!("{}true{}", "(".repeat(DEEP), ")".repeat(DEEP))) => "32";
        "deep records": when(&format!("{}1{}", "{a:".repeat(DEEP), "}".repeat(DEEP))) => "32";
        "deep sets": when(&"[".repeat(DEEP)) => "32";
        "many negations": when(&format!("{}true", "!".repeat(DEEP))) => "128";
        "a long chain": when(&"true && ".repeat(DEEP)) => "128";
        "many attributes": when(&format!("principal{}", ".a".repeat(DEEP))) => "128";
        "many ifs": when(&"if true then true else ".repeat(20_000)) => "128";
        "too large a number": when("9223372036854775808 == 1") => "p.cedar";
        "no schema": schema("entity") => "s.cedarschema";
        "an unknown type": schema("entity A = { b: B };") => "B";
        "a type of itself": schema("type A = A; entity U = { a: A };") => "A";
        "a deep schema": schema(format!("entity A = {}Long{};", "Set<".repeat(DEEP), ">".repeat(DEEP))) => "32";
        "a deep record": schema(format!("entity A = {}", "{ a: ".repeat(DEEP))) => "32";
        "a NUL in a schema": schema("\0") => "s.cedarschema";
        "a link of nothing": told(PolicyBundle::builder().link("t", "t/1", Some("User::\"u\"".into()), None).build()) => "t";
        "a link to no entity": told(
            PolicyBundle::builder()
                .policies("p.cedar", "@id(\"t\") permit (principal == ?principal, action, resource);")
                .link("t", "t/1", Some("x".repeat(LONG)), None)
                .build()
        ) => "error[entity]";
        "no folder": told(PolicyBundle::load("no/such/folder\0")) => "no/such/folder";
    }
}

#[test]
fn facts_and_changes() {
    rows! {
        "no JSON": facts("{") => "no JSON array";
        "no array": facts("{}") => "no JSON array";
        "deep JSON": facts("[".repeat(DEEP)) => "recursion limit";
        "deep objects": facts(format!("[{}", "{\"uid\":".repeat(DEEP))) => "recursion limit";
        "deep values": attribute(&format!("\"r\":{}1{}", "[".repeat(60), "]".repeat(60))) => "32 deep";
        "no uid": facts("[{}]") => "`uid` is missing";
        "an unknown member": facts(r#"[{"uid":{"type":"User","id":"u"},"attributes":{}}]"#) => "unknown member `attributes`";
        "an unknown type": facts(r#"[{"uid":{"type":"Nobody","id":"u"}}]"#) => "Nobody";
        "an ill-formed type": facts(r#"[{"uid":{"type":"User::","id":"u"}}]"#) => "no type name";
        "an empty type": facts(r#"[{"uid":{"type":"","id":"u"}}]"#) => "no type name";
        "a NUL in a type": facts("[{\"uid\":{\"type\":\"Us\\u0000er\",\"id\":\"u\"}}]") => "no type name";
        "a long type": facts(format!("[{{\"uid\":{{\"type\":\"{}\",\"id\":\"u\"}}}}]", "x::".repeat(LONG / 3))) => "no type name";
        "another type after good rows": facts(r#"[{"uid":{"type":"Group","id":"g"}},{"uid":{"type":"User","id":"u"},"attrs":{"n":null}}]"#) => "entity 1: User::\"u\": attribute `n`: null is no value";
        "duplicates": facts(r#"[{"uid":{"type":"Group","id":"g"}},{"uid":{"type":"Group","id":"g"}}]"#) => "stands twice";
        "null": attribute(r#""b":null"#) => "null is no value";
        "an expression": attribute(r#""u":{"__expr":"User::\"u\""}"#) => "`__expr` is not read";
        "another type": attribute(r#""b":"yes""#) => "attribute `b`: it is a String; the schema declares a Bool";
        "another type inside": attribute(r#""r":{"n":true}"#) => "attribute `r`: attribute `n`: it is a Bool; the schema declares a Long";
        "another type in a set": attribute(r#""set":[1,"one"]"#) => "attribute `set`: an element: it is a String";
        "an entity of another type": attribute(r#""u":{"type":"Group","id":"g"}"#) => "an entity of type `Group`; the schema declares an entity of type `User`";
        "an undeclared attribute": attribute(r#""zzz":1"#) => "zzz";
        "a missing attribute": facts(r#"[{"uid":{"type":"User","id":"u"},"attrs":{"n":1}}]"#) => "attribute `s` is missing; it is a String";
        "a fraction": attribute(r#""n":1.5"#) => "no 64-bit integer";
        "too large": attribute(r#""n":9223372036854775808"#) => "no 64-bit integer";
        "far too large": attribute(r#""n":1e400"#) => "no JSON array";
        "no decimal": attribute(r#""d":"1.23456""#) => "is not a decimal";
        "a decimal out of range": attribute(r#""d":"922337203685477.5808""#) => "is not a decimal";
        "a long decimal": attribute(&format!("\"d\":\"{}.0\"", "9".repeat(LONG))) => "is not a decimal";
        "no address": attribute(r#""a":"10.0.0.256""#) => "is not an IP address";
        "too wide a range": attribute(r#""a":"10.0.0.0/33""#) => "is not an IP address";
        "no moment": attribute(r#""t":"2026-02-30""#) => "is not a date";
        "a moment too late": attribute(r#""t":"10000-01-01T00:00:00Z""#) => "is not a date";
        "no duration": attribute(r#""l":"1m1h""#) => "is not a duration";
        "a duration too long": attribute(r#""l":"106751991168d""#) => "is not a duration";
        "an empty duration": attribute(r#""l":"-""#) => "is not a duration";
        "an unknown function": attribute(r#""d":{"__extn":{"fn":"exec","arg":"1"}}"#) => "unknown extension function";
        "a call without argument": attribute(r#""d":{"__extn":{"fn":"decimal"}}"#) => "one string";
        "half an entity": attribute(r#""u":{"__entity":{"type":"User"}}"#) => "lacks the string `id`";
        "parents of another type": facts(r#"[{"uid":{"type":"Group","id":"g"},"parents":[{"type":"User","id":"u"}]}]"#) => "of type `User`, which is none that `Group` may be in; leave its parents out";
        "parents that are none": facts(r#"[{"uid":{"type":"Group","id":"g"},"parents":"x"}]"#) => "`parents` is an array";
        "tags where none are declared": facts(r#"[{"uid":{"type":"Group","id":"g"},"tags":{"k":1}}]"#) => "tag, `k`, and `Group` declares no tags";
        "an action among the facts": facts(r#"[{"uid":{"type":"Action","id":"view"}}]"#) => "Action::\"view\"";
        "no changes": changes("{}") => "invalid type";
        "a change of nothing": changes("[{}]") => "either `put` or `remove`";
        "a change of both": changes(r#"[{"put":{},"remove":{}}]"#) => "either `put` or `remove`";
        "deep changes": changes(&"[".repeat(DEEP)) => "recursion limit";
        "a row of its own": put(user("u").parent(EntityUid::new("User", "u"))) => "its own ancestor";
        "a long type name": put(Entity::new(EntityUid::new("x".repeat(LONG), "u"))) => "xxx";
        "a type name with quotes": put(Entity::new(EntityUid::new("User::\"", "u"))) => "no type name";
        "a moment out of range": put(user("u").with("t", doorward::Timestamp::from_ms(i64::MAX))) => "years 0 to 9999";
        "a circle of changes": {
            let [one, two, three] = ["1", "2", "3"].map(|id| EntityUid::new("User", id));
            let changes = Changes::new()
                .put(user("1").parent(two.clone()))
                .put(user("2").parent(three))
                .put(user("3").parent(one));
            told(Engine::builder(bundle()).build().unwrap().apply(&changes))
        } => "its own ancestor";
    }
}

#[test]
fn values() {
    rows! {
        "deep sets": {
            let mut value = Value::from(1);
            loop {
                match Value::set([value.clone()]) {
                    Ok(deeper) => value = deeper,
                    Err(error) => break error.to_string(),
                }
            }
        } => "32 deep";
        "deep records": {
            let mut value = Value::from(1);
            loop {
                match Value::record(Record::from([("a".into(), value.clone())])) {
                    Ok(deeper) => value = deeper,
                    Err(error) => break error.to_string(),
                }
            }
        } => "32 deep";
        "an unquoted entity": told("User::u".parse::<EntityUid>()) => "is not an entity";
        "an open entity": told("User::\"u".parse::<EntityUid>()) => "is not an entity";
        "an inner quote": told("User::\"a\"b\"".parse::<EntityUid>()) => "is not an entity";
        "a bad escape": told("User::\"\\u{110000}\"".parse::<EntityUid>()) => "is not an entity";
        "a long entity": told(format!("User{}", "x".repeat(LONG)).parse::<EntityUid>()) => "is not an entity";
        "a long kind": told("x".repeat(LONG).parse::<Kind>()) => "is no name of a kind";
        "an empty kind": told("".parse::<Kind>()) => "is no name of a kind";
        "a kind with an @": told("a@b".parse::<Kind>()) => "is no name of a kind";
        "an unknown action": told("frobnicate".parse::<Action>()) => "is no action";
    }
}

#[test]
fn requests() {
    rows! {
        "an unknown type": check(view().for_resource(EntityUid::new("Nobody", "x"))) => "deny UNKNOWN_KIND";
        "a type with a NUL": check(view().for_resource(EntityUid::new("Us\0er", "x"))) => "deny UNKNOWN_KIND";
        "a long type": check(view().for_resource(EntityUid::new("x".repeat(LONG), "x"))) => "deny UNKNOWN_KIND";
        "a type of many parts": check(view().for_resource(EntityUid::new(format!("a{}", "::a".repeat(DEEP)), "x"))) => "deny UNKNOWN_KIND";
        "an unknown action": check(view().for_action("frobnicate")) => "deny UNKNOWN_ACTION";
        "an empty action": check(view().for_action("")) => "deny UNKNOWN_ACTION";
        "a long action": check(view().for_action("x".repeat(1000).as_str())) => "deny UNKNOWN_ACTION";
        "an action with quotes": check(view().for_action("a\"::\n@b\0")) => "deny UNKNOWN_ACTION";
        "an action of another type": check(view().for_action(EntityUid::new("User", "view"))) => "deny UNKNOWN_ACTION";
        "for other types": check(view().for_resource(EntityUid::new("Group", "g"))) => "deny UNKNOWN_ACTION";
        "a context of another type": check(view().with("n", "one")) => "deny INVALID_REQUEST";
        "an undeclared context": check(view().with("zzz", 1)) => "deny INVALID_REQUEST";
        "a long context": check(view().with("n", "x".repeat(LONG))) => "deny INVALID_REQUEST";
        "a moment out of range": check(view().with("n", doorward::Timestamp::from_ms(i64::MIN))) => "deny INVALID_REQUEST";
        "a stored type inline": check(view().inline(user("x"))) => "deny INVALID_REQUEST";
        "a row of another shape inline": inline([user("u").with("n", "one"), user("v")]) => "attribute `n`: it is a String; the schema declares a Long";
        "a circle inline": inline(["u", "v"].map(|id| {
            let other = if id == "u" { "v" } else { "u" };
            user(id).parent(EntityUid::new("User", other))
        })) => "its own ancestor";
        "no circle inline": inline([user("u").parent(EntityUid::new("User", "v")), user("v")]) => "allow";
    }
}

/// Odd ids name what they name, and nothing else.
#[test]
fn odd_ids() {
    let odd = ["", "@", "a::b", "\"", "\\", "\n", "\0", "é😀", "User::\"u\"", "null"];
    let long = "x".repeat(LONG);
    for id in odd.into_iter().chain([long.as_str()]) {
        let uid = EntityUid::new("User", id);
        assert_eq!(uid.to_string().parse::<EntityUid>().unwrap(), uid);
        let engine = Engine::builder(bundle()).build().unwrap();
        engine.apply(&Changes::new().put(user(id)).put(user("v"))).unwrap();
        let text = engine.world().facts().to_json().to_string();
        assert_eq!(&bundle().read_facts(&text).unwrap(), engine.world().facts());
        let request = Request::new(uid.clone(), "view", EntityUid::new("User", "v"));
        assert!(engine.check(&request).is_allowed());
    }
}

fn tenants() -> (Tenant, Tenant) {
    let portal = Portal::builder().build().unwrap();
    let [one, other] =
        ["one", "other"].map(|id| portal.create_tenant(id, Preset::Invoicing).unwrap());
    for tenant in [&one, &other] {
        tenant
            .write_as_system(|tx| {
                tx.create_client(tenant.client("C"))?;
                for id in ["live", "gone"] {
                    let new = NewContact::new(tenant.contact(id), tenant.client("C"));
                    tx.create_contact(new.email(format!("{id}@c.example")))?;
                }
                tx.set_group_settings(&tenant.client_group("G"), Settings::default())?;
                tx.put_document(
                    &Document::new(tenant.document("I"), Kind::INVOICE).client(tenant.client("C")),
                )?;
                tx.delete_contact(&tenant.contact("gone"))
            })
            .unwrap();
    }
    (one, other)
}

type Command = fn(&mut doorward::portal::Tx<'_>, &Tenant, &Tenant) -> Result<(), WriteError>;

/// Commands with ids that are not there, of another tenant, or of a deleted contact.
#[test]
fn commands() {
    let rows: &[(&str, Command)] = &[
        ("UNKNOWN_CONTACT", |tx, own, _| tx.enable(&own.contact("nobody"))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.enable(&own.contact(""))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.enable(&own.contact("x".repeat(LONG)))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.enable(&own.contact("gone"))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.revoke(&own.contact("gone"))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.reset_credential(&own.contact("gone")).map(drop)),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.set_password(&own.contact("gone")).map(drop)),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.grant(&own.contact("gone"), "invoice.view")),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.delete_contact(&own.contact("gone"))),
        ("UNKNOWN_CONTACT", |tx, own, _| tx.invite(own.document("I"), &own.contact("gone"), None)),
        ("UNKNOWN_CONTACT", |tx, own, _| {
            tx.relate(own.document("I"), &own.contact("no\none"), Relation::new(Role::Participant))
        }),
        ("UNKNOWN_CONTACT", |tx, own, _| {
            tx.watch_document(&own.contact("gone"), &own.document("I"), Watch::WithMail)
        }),
        ("UNKNOWN_CONTACT", |tx, own, _| {
            let recipients = Recipients::Only(vec![own.contact("gone")]);
            tx.send_document(&own.document("I"), recipients).map(drop)
        }),
        ("UNKNOWN_CONTACT", |tx, own, _| {
            tx.create_activation_link(own.link("L"), &own.contact("gone"), None).map(drop)
        }),
        ("UNKNOWN_CONTACT", |tx, own, _| {
            tx.edit_contact(&own.contact("gone"), &ContactEdit::default().name("\0"))
        }),
        ("NOT_ENABLED", |tx, own, _| tx.revoke(&own.contact("live"))),
        ("UNKNOWN_PERMISSION", |tx, own, _| tx.grant(&own.contact("live"), "a\"::@\n")),
        ("UNKNOWN_PERMISSION", |tx, own, _| tx.grant(&own.contact("live"), &"x".repeat(LONG))),
        ("UNKNOWN_ID", |tx, own, _| tx.set_permission_sets(&own.contact("live"), ["nothing"])),
        ("UNKNOWN_ID", |tx, own, _| tx.set_archived(&own.client("nowhere"), Archive::Closed)),
        ("UNKNOWN_ID", |tx, own, _| tx.create_client(own.client("")).map(drop)),
        ("DUPLICATE_ID", |tx, own, _| tx.create_client(own.client("C")).map(drop)),
        ("UNKNOWN_ID", |tx, own, _| tx.remove_document(&own.document("nothing"))),
        ("UNKNOWN_ID", |tx, own, _| tx.revoke_link(&own.link("nothing"))),
        ("UNKNOWN_ID", |tx, own, _| {
            tx.put_document(&Document::new(own.document(""), Kind::INVOICE).client(own.client("C")))
        }),
        ("UNKNOWN_KIND", |tx, own, _| {
            let kind = "riddle".parse()?;
            tx.put_document(&Document::new(own.document("R"), kind).client(own.client("C")))
        }),
        ("NO_OWNER_PATH", |tx, own, _| {
            tx.put_document(&Document::new(own.document("R"), Kind::INVOICE))
        }),
        ("NO_OWNER_PATH", |tx, own, _| {
            let circle = Document::new(own.document("I"), Kind::INVOICE).client(own.client("C"));
            tx.put_document(&circle.parent(own.document("I")))
        }),
        ("INVALID_REQUEST", |tx, _, _| {
            let networks = Some(vec!["nowhere".to_owned()]);
            tx.set_settings(Settings { networks, ..Settings::default() })
        }),
        ("CROSS_TENANT", |tx, _, other| tx.enable(&other.contact("live"))),
        ("CROSS_TENANT", |tx, _, other| tx.create_client(other.client("D")).map(drop)),
        ("CROSS_TENANT", |tx, _, other| tx.set_archived(&other.client("C"), Archive::Closed)),
        ("CROSS_TENANT", |tx, _, other| tx.remove_document(&other.document("I"))),
        ("CROSS_TENANT", |tx, _, other| tx.revoke_link(&other.link("L"))),
        ("CROSS_TENANT", |tx, own, other| {
            tx.invite(own.document("I"), &other.contact("live"), None)
        }),
        ("CROSS_TENANT", |tx, own, other| {
            tx.invite(own.document("I"), &own.contact("live"), Some(&other.link("L")))
        }),
        ("CROSS_TENANT", |tx, own, other| {
            tx.deny_document(&own.contact("live"), &other.document("I"), true)
        }),
        ("CROSS_TENANT", |tx, own, other| {
            let document = Document::new(own.document("R"), Kind::INVOICE);
            tx.put_document(&document.client(own.client("C")).owner(other.contact("live")))
        }),
        ("CROSS_TENANT", |tx, own, other| {
            let new = NewContact::new(own.contact("new"), other.client("C"));
            tx.create_contact(new).map(drop)
        }),
        ("CROSS_TENANT", |tx, own, other| {
            tx.withdraw_invitation(own.document("I"), &other.contact("live"))
        }),
        ("CROSS_TENANT", |tx, own, other| {
            let new = NewStaff::new(own.staff("s")).only_clients([other.client("C")]);
            tx.create_staff(new).map(drop)
        }),
        ("CROSS_TENANT", |tx, own, other| {
            tx.set_client_group(&own.client("C"), Some(&other.client_group("G")))
        }),
    ];
    let (own, other) = tenants();
    for (index, (code, command)) in rows.iter().enumerate() {
        let before = own.facts();
        let written = thread::scope(|scope| {
            let write = || own.write_as_system(|tx| command(tx, &own, &other));
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, write)
                .unwrap()
                .join()
                .unwrap_or_else(|_panic| panic!("command {index} panicked"))
        });
        let Err(refused) = written else { panic!("command {index} is accepted, not {code}") };
        assert_eq!(refused.code(), *code, "command {index}: {:.300}", refused.to_string());
        assert!(own.facts() == before, "command {index} left something behind");
    }
}

#[test]
fn questions_of_nobody_about_nothing() {
    let (own, _) = tenants();
    let ids = ["", "nobody", "a\"b", "@", "\0", "a::b"];
    for id in ids {
        let callers = [
            Caller::contact(own.contact(id)).session(i64::MIN, i64::MAX),
            Caller::link(own.link(id)),
            Caller::staff(own.staff(id)),
            Caller::on_behalf(own.staff(id), own.contact(id)),
            Caller::view_as(own.staff(id), own.contact(id), doorward::Timestamp::from_ms(0)),
        ];
        for caller in callers {
            for action in Action::ALL {
                let told = own.check(&caller, *action, own.document("I"));
                assert!(!told.is_allowed(), "{caller:?} {action}: {told}");
                let told = own.check(&caller, *action, own.document(id));
                assert!(!told.is_allowed(), "{caller:?} {action}: {told}");
            }
            assert_eq!(own.list(&caller, Action::View, &Kind::INVOICE), []);
        }
        assert!(own.access(&own.contact(id)).is_none());
    }
}
