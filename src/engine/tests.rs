use super::*;
use crate::decide::{Evaluation, Evaluator, Fault, PolicyTrace, Reference, codes};
use crate::facts::{Entity, Value};

const SCHEMA: &str = "
    entity Client;
    entity Contact in [Team] = { client: Client, limit: Long };
    entity Team in [Team];
    entity Document = { client: Client, amount: Long, open: Bool };
    action read;
    action view, download in [read] appliesTo {
      principal: [Contact], resource: [Document], context: { now: datetime, mfa?: Bool } };
    action pay appliesTo {
      principal: [Contact], resource: [Document], context: { mfa?: Bool } };
";

const POLICIES: &str = r#"
    @id("own-client") @step("06") @reason("CROSS_CLIENT") @message("This does not exist.")
    forbid (principal, action, resource) unless { principal.client == resource.client };

    @id("limit") @step("12") @reason("OVER_LIMIT") @message("Too much.")
    forbid (principal, action == Action::"pay", resource)
    when { resource.amount - principal.limit > 0 };

    @id("mfa") @step("13") @reason("MFA_REQUIRED") @message("Confirm.") @step_up("mfa")
    forbid (principal, action == Action::"pay", resource)
    unless { context has mfa && context.mfa };

    @id("open") @step("10") @reason("OPEN") @message("Open to all.")
    permit (principal, action, resource) when { resource.open };

    @id("team") @step("10") @reason("TEAM") @message("Your team.")
    permit (principal in Team::"finance", action in Action::"read", resource);

    @id("why-closed") @step("10") @reason("NOT_INVITED") @message("Not for you.") @reason_only
    forbid (principal, action, resource) unless { resource.open };
"#;

fn uid(type_name: &str, id: &str) -> EntityUid {
    EntityUid::new(type_name, id)
}

fn contact(id: &str, client: &str) -> Entity {
    Entity::new(uid("Contact", id)).with("client", uid("Client", client)).with("limit", 100)
}

fn document(id: &str, client: &str, open: bool) -> Entity {
    Entity::new(uid("Document", id))
        .with("client", uid("Client", client))
        .with("amount", 100)
        .with("open", open)
}

fn bundle() -> PolicyBundle {
    PolicyBundle::builder()
        .schema("test.cedarschema", SCHEMA)
        .policies("test.cedar", POLICIES)
        .build()
        .unwrap()
}

fn facts() -> Facts {
    [
        contact("gm", "C1"),
        contact("acc", "C1").with("limit", i64::MIN).parent(uid("Team", "ap")),
        contact("other", "C2"),
        Entity::new(uid("Team", "ap")).parent(uid("Team", "finance")),
        document("open", "C1", true),
        document("closed", "C1", false),
    ]
    .into_iter()
    .collect()
}

fn engine() -> Engine {
    Engine::builder(bundle()).facts(facts()).clock(|| Timestamp::from_ms(0)).build().unwrap()
}

fn ask(principal: &str, action: &str, resource: &str) -> Request {
    Request::new(uid("Contact", principal), action, uid("Document", resource))
}

fn answer(engine: &Engine, request: &Request) -> String {
    engine.check(request).to_string()
}

#[test]
fn the_reason_is_the_lowest_step_that_fails() {
    let engine = engine();
    let pay = |who: &str, what: &str| answer(&engine, &ask(who, "pay", what));
    assert_eq!(pay("gm", "open"), "step up MFA_REQUIRED (mfa)");
    assert_eq!(pay("other", "open"), "deny CROSS_CLIENT");
    assert_eq!(pay("gm", "closed"), "deny NOT_INVITED");
    let with_mfa = ask("gm", "pay", "open").with("mfa", true);
    assert_eq!(answer(&engine, &with_mfa), "allow (OPEN)");
    let decision = engine.check(&with_mfa);
    assert_eq!(decision.policy().unwrap(), "open");
    assert_eq!(engine.world().message(&decision), "Open to all.");
}

#[test]
fn a_step_up_is_told_only_where_it_would_open_the_door() {
    let policies = r#"
        @id("mfa") @step("13") @reason("MFA_REQUIRED") @message("Confirm.") @step_up("mfa")
        forbid (principal, action, resource) unless { context has mfa };
    "#;
    let bundle = PolicyBundle::builder().policies("p.cedar", policies).build().unwrap();
    let engine = Engine::builder(bundle).build().unwrap();
    let decision = engine.check(&ask("gm", "view", "open"));
    assert_eq!(decision.to_string(), "deny NO_PERMIT");
    assert_eq!(decision.step_up(), None);
}

#[test]
fn ancestors_count_through_several_levels() {
    assert_eq!(answer(&engine(), &ask("acc", "view", "closed")), "allow (TEAM)");
    assert_eq!(answer(&engine(), &ask("acc", "pay", "closed")), "deny NOT_INVITED");
}

#[test]
fn an_erring_forbid_fails_closed_unless_cedar_is_asked_for() {
    // The subtraction in `limit` overflows for `acc`.
    let request = ask("acc", "pay", "open").with("mfa", true);
    let decision = engine().check(&request);
    assert_eq!(decision.to_string(), "deny EVAL_ERROR");
    assert_eq!(engine().world().message(&decision), "The request could not be decided.");
    assert_eq!(decision.policy().unwrap(), "limit");
    assert_eq!(decision.step(), Some(12));
    let erring = |engine: &Engine| engine.determine(&request).erring.len();
    assert_eq!(erring(&engine()), 1);

    let lenient =
        Engine::builder(bundle()).facts(facts()).error_mode(ErrorMode::Cedar).build().unwrap();
    let decision = lenient.check(&request);
    assert!(decision.is_allowed());
    assert_eq!(erring(&lenient), 1);
}

#[test]
fn what_the_schema_does_not_know_refuses() {
    let engine = engine();
    let unknown_action = engine.check(&ask("gm", "frobnicate", "open"));
    assert_eq!(unknown_action.code(), Some(codes::UNKNOWN_ACTION));
    let unknown_kind = Request::new(uid("Contact", "gm"), "view", uid("Spaceship", "1"));
    assert_eq!(engine.check(&unknown_kind).code(), Some(codes::UNKNOWN_KIND));
    let not_applicable = Request::new(uid("Document", "open"), "view", uid("Document", "open"));
    assert_eq!(engine.check(&not_applicable).code(), Some(codes::UNKNOWN_ACTION));
    let bad_context = ask("gm", "view", "open").with("mfa", "yes");
    assert_eq!(engine.check(&bad_context).code(), Some(codes::INVALID_REQUEST));
    let missing = ask("nobody", "view", "open");
    assert!(!engine.check(&missing).is_allowed());
    assert!(engine.explain(&unknown_action_request()).fault.unwrap().contains("frobnicate"));
}

fn unknown_action_request() -> Request {
    ask("gm", "frobnicate", "open")
}

#[test]
fn inline_rows_are_of_declared_types_and_not_stored() {
    let row = document("I9", "C1", true);
    let request = ask("gm", "view", "I9").inline(row.clone());
    assert_eq!(engine().check(&request).code(), Some(codes::INVALID_REQUEST));

    let hosting = Engine::builder(bundle()).stored_or_inline("Document").facts(facts());
    let hosting = hosting.build().unwrap();
    assert!(hosting.check(&request).is_allowed());
    let twice = request.clone().inline(row);
    assert_eq!(hosting.check(&twice).code(), Some(codes::INVALID_REQUEST));
    let stored_too = ask("gm", "view", "open").inline(document("open", "C1", true));
    assert_eq!(hosting.check(&stored_too).code(), Some(codes::INVALID_REQUEST));
    let ill_typed = document("I9", "C1", true).with("amount", "much");
    let ill_typed = ask("gm", "view", "I9").inline(ill_typed);
    assert_eq!(hosting.check(&ill_typed).code(), Some(codes::INVALID_REQUEST));
}

#[test]
fn all_inline_needs_no_facts() {
    let engine = Engine::builder(bundle()).all_inline().build().unwrap();
    let request =
        ask("gm", "view", "open").inline(contact("gm", "C1")).inline(document("open", "C1", true));
    assert!(engine.check(&request).is_allowed());
    let refused = engine.apply(&Changes::new().put(contact("gm", "C1"))).unwrap_err();
    assert!(refused.to_string().contains("host-owned"), "{refused}");
}

#[test]
fn a_write_is_seen_by_the_next_check_and_held_worlds_stay() {
    let engine = engine();
    let before = engine.world();
    let request = ask("gm", "view", "open");
    let revision = engine.apply(&Changes::new().put(document("open", "C2", true))).unwrap();
    assert_eq!(revision.number(), 1);
    assert!(!engine.check(&request).is_allowed());
    assert!(before.check(&request).is_allowed());
    assert_eq!(engine.apply(&Changes::new()).unwrap(), revision);
}

#[test]
fn a_refused_write_changes_nothing() {
    let engine = engine();
    let good = contact("new", "C1");
    for (bad, told) in [
        (contact("bad", "C1").with("limit", "high"), "limit"),
        (Entity::new(uid("Spaceship", "1")), "Spaceship"),
        (Entity::new(uid("Action", "view")), "declared by the schema"),
        (contact("bad", "C1").parent(uid("Client", "C1")), "Contact::\"bad\""),
        (Entity::new(uid("Team", "finance")).parent(uid("Team", "ap")), "own ancestor"),
        (Entity::new(uid("bad type", "1")), "no type name"),
    ] {
        let refused = engine.apply(&Changes::new().put(good.clone()).put(bad)).unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        assert_eq!(engine.world().facts(), &facts());
        assert_eq!(engine.world().revision().number(), 0);
    }
}

#[test]
fn batches_buttons_and_lists_agree_with_single_checks() {
    let engine = engine();
    let requests: Vec<Request> = ["gm", "acc", "other"]
        .iter()
        .flat_map(|who| ["open", "closed"].map(|what| ask(who, "view", what)))
        .collect();
    let singles: Vec<Decision> = requests.iter().map(|request| engine.check(request)).collect();
    assert_eq!(engine.check_many(&requests), singles);

    let buttons = engine.actions(&ask("gm", "view", "open"));
    let shown: Vec<String> =
        buttons.iter().map(|(action, decision)| format!("{} {decision}", action.id())).collect();
    assert_eq!(
        shown,
        ["download allow (OPEN)", "pay step up MFA_REQUIRED (mfa)", "view allow (OPEN)"]
    );

    let listed = engine.list(&ask("gm", "view", "any"), "Document");
    assert_eq!(listed, [uid("Document", "open")]);
    let listed = engine.list(&ask("acc", "view", "any"), "Document");
    assert_eq!(listed, [uid("Document", "closed"), uid("Document", "open")]);
}

#[test]
fn policies_are_published_with_the_facts_and_bad_ones_are_not() {
    let engine = engine();
    let build = |schema: &str, policies: &str| {
        PolicyBundle::builder().schema("s", schema).policies("p", policies).build().unwrap()
    };
    let held = engine.world();
    let before = engine.apply(&Changes::new().put(document("late", "C1", true))).unwrap();
    let closed = build(SCHEMA, &POLICIES.replace("resource.open };", "!resource.open };"));
    let revision = engine.publish(closed.clone()).unwrap();
    assert_eq!(revision.number(), before.number() + 1);
    let decision = engine.check(&ask("gm", "view", "closed"));
    assert!(decision.is_allowed());
    assert_eq!((decision.bundle(), decision.revision()), (closed.digest(), revision));
    assert!(!engine.check(&ask("gm", "view", "late")).is_allowed());
    assert!(!held.check(&ask("gm", "view", "closed")).is_allowed(), "a world stays as it is");

    let narrow =
        SCHEMA.replace("amount: Long", "amount: Bool").replace("limit: Long", "limit: Bool");
    let refused = engine.publish(build(&narrow, "// Nothing.")).unwrap_err().to_string();
    assert!(refused.starts_with(r#"Contact::"acc": "#) && refused.contains("limit"), "{refused}");
    let world = engine.world();
    assert_eq!((world.revision(), world.policies().digest()), (revision, closed.digest()));

    // With a schema, actions are declared by it.
    let loose = Engine::builder(PolicyBundle::builder().build().unwrap()).build().unwrap();
    loose.apply(&Changes::new().put(Entity::new(uid("Action", "view")))).unwrap();
    let refused = loose.publish(bundle()).unwrap_err().to_string();
    assert!(refused.contains("is declared by the schema"), "{refused}");
}

/// Decides as Cedar does, and lets everybody pay.
#[derive(Debug)]
struct Generous;

impl Evaluator for Generous {
    fn evaluate(&self, world: &World, request: &Request) -> Result<Evaluation, Fault> {
        Reference.evaluate(world, request)
    }

    fn decide(&self, world: &World, request: &Request) -> Result<Decision, Fault> {
        let decision = Reference.decide(world, request)?;
        let pays = request.action().id() == "pay";
        Ok(if pays { Decision { allowed: true, code: None, ..decision } } else { decision })
    }

    fn trace(&self, world: &World, request: &Request) -> Result<Vec<PolicyTrace>, Fault> {
        Reference.trace(world, request)
    }
}

fn generous(builder: EngineBuilder) -> Engine {
    let shadow = builder.shadow.build();
    let world = World::first(builder.policies, builder.facts, builder.rules, shadow);
    Engine { world: Publication::new(world.decided_by(Generous)) }
}

#[test]
fn a_shadow_finds_what_cedar_decides_otherwise_and_changes_nothing() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let builder =
        Engine::builder(bundle()).facts(facts()).shadow(1.0).on_divergence(move |found| {
            teller.lock().unwrap().push(found.clone());
        });
    let engine = generous(builder);
    let [view, pay] = ["view", "pay"].map(|action| ask("other", action, "open"));
    assert_eq!(engine.check(&view).code().unwrap(), "CROSS_CLIENT");
    let report = engine.shadow_report();
    assert_eq!((report.compared, report.diverged, report.skipped, report.last), (1, 0, 0, None));

    let revision = engine.apply(&Changes::new().put(document("new", "C1", true))).unwrap();
    assert!(engine.check(&pay).is_allowed(), "the answer is the live one");
    assert!(engine.check_many(&[pay.clone(), view.clone()])[0].is_allowed());
    assert_eq!(engine.actions(&view).len(), 3);
    assert_eq!(engine.list(&pay, "Document").len(), 3);
    let report = engine.shadow_report();
    assert_eq!((report.compared, report.diverged), (1 + 1 + 2 + 3 + 3, 1 + 1 + 1 + 3));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 6);
    assert_eq!(report.last.as_ref(), told.last());
    let last = told.last().unwrap();
    assert_eq!(
        (last.principal_type.as_str(), last.resource_type.as_str()),
        ("Contact", "Document")
    );
    assert!(last.live.is_allowed());
    assert_eq!(last.reference.code().unwrap(), "CROSS_CLIENT");
    assert_eq!((last.live.bundle(), last.live.revision()), (bundle().digest(), revision));
    let words = last.to_string();
    let digest = bundle().digest().short();
    assert_eq!(
        words,
        format!(
            r#"Contact Action::"pay" Document: allow, and by the reference deny CROSS_CLIENT (bundle {digest}, revision 1)"#
        )
    );
    assert!(!format!("{last:?}").contains("other"), "it names nobody");
}

#[test]
fn without_a_shadow_nothing_is_compared() {
    for builder in [Engine::builder(bundle()), Engine::builder(bundle()).shadow(0.0)] {
        let engine = generous(builder.facts(facts()));
        assert!(engine.check(&ask("other", "pay", "open")).is_allowed());
        assert_eq!(engine.shadow_report(), ShadowReport::default());
    }
}

#[test]
fn what_is_asked_when_told_of_a_divergence_is_decided_once() {
    let asking: Arc<std::sync::OnceLock<Engine>> = Arc::default();
    let asked = Arc::clone(&asking);
    let builder = Engine::builder(bundle()).facts(facts()).shadow(1.0).on_divergence(move |_| {
        let again = asked.get().map(|engine| engine.check(&ask("other", "pay", "open")));
        assert!(again.unwrap().is_allowed());
    });
    let engine = asking.get_or_init(|| generous(builder));
    for round in 1..=3 {
        let _live = engine.check(&ask("other", "pay", "open"));
        assert_eq!(engine.shadow_report().diverged, round);
    }
}

/// The clock goes on with every look at it, across the moment that decides.
#[test]
fn both_deciders_look_at_one_moment() {
    let looks = std::sync::atomic::AtomicI64::new(0);
    let bundle = PolicyBundle::builder()
        .schema(
            "s",
            "entity Reader;
             action read appliesTo { principal: Reader, resource: Reader, context: { now: datetime } };",
        )
        .policies(
            "p",
            r#"permit (principal, action, resource) when { context.now <= datetime("1970-01-01") };"#,
        )
        .build()
        .unwrap();
    let engine = Engine::builder(bundle)
        .clock(move || {
            Timestamp::from_ms(looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2)
        })
        .shadow(1.0)
        .build()
        .unwrap();
    let read = Request::new(uid("Reader", "ada"), "read", uid("Reader", "ada"));
    let allowed = (0..10).filter(|_| engine.check(&read).is_allowed()).count();
    assert_eq!(allowed, 5);
    let report = engine.shadow_report();
    assert_eq!((report.compared, report.diverged), (10, 0));
}

#[test]
fn a_refusal_shows_only_what_may_be_viewed() {
    let engine = engine();
    let told = |request: Request| engine.disclosure(&request, "view");
    assert_eq!(told(ask("other", "pay", "open")), Disclosure::NotFound);
    assert_eq!(told(ask("gm", "pay", "missing")), Disclosure::NotFound);
    assert_eq!(told(ask("acc", "pay", "closed")), Disclosure::Forbidden);
}

#[test]
fn explanations_show_every_policy_and_the_near_miss() {
    let engine = engine();
    let explanation = engine.explain(&ask("gm", "view", "closed"));
    assert_eq!(explanation.decision.code().unwrap(), "NOT_INVITED");
    assert_eq!(explanation.policies.len(), 6);
    let misses: Vec<&str> = explanation
        .policies
        .iter()
        .filter(|policy| policy.is_near_miss())
        .map(|policy| policy.id.as_str())
        .collect();
    assert_eq!(misses, ["open", "team"]);
    let limit = explanation.policies.iter().find(|policy| policy.id == "limit").unwrap();
    assert_eq!(limit.outcome, crate::decide::Outcome::NotSatisfied);
    assert!(!limit.clauses[0].reached || limit.clauses[0].value != crate::ClauseValue::True);
}

#[test]
fn the_clock_gives_now_only_where_the_schema_asks_for_it() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let engine = Engine::builder(bundle())
        .facts(facts())
        .clock(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Timestamp::from_ms(0)
        })
        .build()
        .unwrap();
    let times = || asked.load(std::sync::atomic::Ordering::Relaxed);
    let _pay = engine.check(&ask("gm", "pay", "open"));
    assert_eq!(times(), 0);
    let _view = engine.check(&ask("gm", "view", "open"));
    assert_eq!(times(), 1);
    let _at = engine.check(&ask("gm", "view", "open").with("now", Timestamp::from_ms(1)));
    assert_eq!(times(), 1);
}

#[test]
fn every_extension_value_reaches_cedar() {
    let policies = r#"
        @id("all") permit (principal, action, resource) when {
          resource.price.lessThan(decimal("1.5")) &&
          resource.address.isInRange(ip("2001:db8::/32")) &&
          resource.until == datetime("2026-11-30T22:59:00.123Z") &&
          resource.length == duration("1d1ms") &&
          resource.nested.inner.contains("x\"y")
        };
    "#;
    let bundle = PolicyBundle::builder().policies("p.cedar", policies).build().unwrap();
    let nested = Value::record([("inner".into(), Value::strings(["x\"y"]))].into()).unwrap();
    let row = Entity::new(uid("Document", "d"))
        .with("price", Value::decimal("-1.25").unwrap())
        .with("address", Value::ip("2001:db8::1.2.3.4").unwrap())
        .with("until", Value::datetime("2026-11-30T23:59:00.123+01:00").unwrap())
        .with("length", Value::duration("1d1ms").unwrap())
        .with("nested", nested);
    let facts: Facts = [row].into_iter().collect();
    let text = facts.to_json().to_string();
    let engine = Engine::builder(bundle.clone()).facts(facts.clone()).build().unwrap();
    assert!(engine.check(&ask("gm", "view", "d")).is_allowed());
    assert_eq!(bundle.read_facts(&text).unwrap(), facts);
}

#[test]
fn errors_name_attributes_and_no_values() {
    let policies = PolicyBundle::builder()
        .schema(
            "s.cedarschema",
            "entity Reader = { admin: Bool };
             action read appliesTo
               { principal: Reader, resource: Reader, context: { day: Bool } };",
        )
        .build()
        .unwrap();
    let ada = || EntityUid::new("Reader", "ada");
    let row = |value: Value| Entity::new(ada()).with("admin", value);
    let engine = Engine::builder(policies).stored_or_inline("Reader").build().unwrap();
    let secrets = [
        Value::from("ada@secret.example"),
        Value::strings(["ada@secret.example"]),
        Value::record([("mail".into(), "ada@secret.example".into())].into()).unwrap(),
    ];
    for secret in secrets {
        let error = engine.apply(&Changes::new().put(row(secret.clone()))).unwrap_err();
        let inline =
            Request::new(ada(), "read", ada()).with("day", true).inline(row(secret.clone()));
        let context = Request::new(ada(), "read", ada()).with("day", secret);
        for text in [
            error.to_string(),
            engine.explain(&inline).fault.unwrap(),
            engine.explain(&context).fault.unwrap(),
        ] {
            assert!(!text.contains("secret"), "{text}");
            assert!(text.contains("`admin`") || text.contains("`day`"), "{text}");
        }
    }
}
