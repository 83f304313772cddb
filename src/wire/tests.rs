use super::*;
use crate::decide::codes;
use crate::engine::Engine;
use crate::facts::Value;

const SCHEMA: &str = "
    entity Client;
    entity Contact = { client: Client };
    entity Invoice = { client: Client, amount: decimal, due?: datetime };
    action view, pay appliesTo {
      principal: Contact, resource: [Invoice, Contact], context: { mfa?: Bool, ip?: ipaddr } };
";

const POLICIES: &str = r#"
    @id("small") @step("10") @reason("SMALL") @message("Small enough.")
    permit (principal, action, resource is Invoice)
    when { resource.client == principal.client && resource.amount.lessThan(decimal("100.0")) };

    @id("self") permit (principal, action, resource is Contact) when { principal == resource };

    @id("mfa") @step("13") @reason("MFA_REQUIRED") @message("Confirm.") @step_up("mfa")
    forbid (principal, action == Action::"pay", resource)
    unless { context has mfa && context.mfa };
"#;

fn world() -> std::sync::Arc<World> {
    let bundle =
        PolicyBundle::builder().schema("s.cedarschema", SCHEMA).policies("p.cedar", POLICIES);
    Engine::builder(bundle.build().unwrap()).all_stored_or_inline().build().unwrap().world()
}

fn body() -> Json {
    json!({
        "subject": { "type": "Contact", "id": "gm",
            "properties": { "client": { "type": "Client", "id": "C1" } } },
        "action": { "name": "pay" },
        "resource": { "type": "Invoice", "id": "I1", "properties": {
            "client": { "__entity": { "type": "Client", "id": "C1" } },
            "amount": "99.5",
            "due": "2026-12-01T00:00:00Z",
        } },
        "context": { "mfa": true, "ip": "10.0.0.7" },
    })
}

fn with(path: &str, value: Json) -> Json {
    let mut body = body();
    let (parent, name) = path.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn refused(body: &Json) -> String {
    Evaluations::from_json(body, world().policies()).unwrap_err().to_string()
}

#[test]
fn properties_and_context_are_read_with_the_declared_types() {
    let world = world();
    let request = Request::from_json(&body(), world.policies()).unwrap();
    assert_eq!(request.context["ip"], Value::ip("10.0.0.7").unwrap());
    let invoice = &request.inline[1];
    assert_eq!(invoice.attribute("amount"), Some(&Value::decimal("99.5").unwrap()));
    assert_eq!(
        world.check(&request).to_json(&world, None),
        json!({ "decision": true, "context": {
            "code": "SMALL", "message": "Small enough.", "policy": "small",
            "bundle": world.policies().digest().to_string(), "revision": 0,
        } })
    );
}

#[test]
fn a_step_up_and_a_disclosure_are_told() {
    let world = world();
    let request =
        Request::from_json(&with("/context/mfa", json!(false)), world.policies()).unwrap();
    let answer = world.check(&request).to_json(&world, Some(Disclosure::Forbidden));
    assert_eq!(answer["decision"], false);
    assert_eq!(answer["context"]["code"], "MFA_REQUIRED");
    assert_eq!(answer["context"]["step"], 13);
    assert_eq!(answer["context"]["step_up"], "mfa");
    assert_eq!(answer["context"]["disclosure"], "forbidden");
}

#[test]
fn an_action_is_a_name_or_a_uid() {
    let bundle = PolicyBundle::builder().build().unwrap();
    let action = |name: &str| {
        let body = with("/action/name", json!(name));
        Request::from_json(&body, &bundle).map(|request| request.action().to_string())
    };
    assert_eq!(action("view").unwrap(), r#"Action::"view""#);
    assert_eq!(action(r#"Shop::Action::"view""#).unwrap(), r#"Shop::Action::"view""#);
    assert_eq!(action("view::all").unwrap(), r#"Action::"view::all""#);
    assert!(action(r#"Contact::"gm""#).is_err());
    assert!(action(r#"Action::"view"#).is_err());
}

#[test]
fn one_entity_as_subject_and_resource_is_one_row() {
    let world = world();
    let mut body = with("/action/name", json!("view"));
    body["resource"] = body["subject"].clone();
    let request = Request::from_json(&body, world.policies()).unwrap();
    assert!(world.check(&request).is_allowed());

    body["resource"]["properties"]["client"]["id"] = json!("C2");
    let request = Request::from_json(&body, world.policies()).unwrap();
    assert_eq!(world.check(&request).code(), Some(codes::INVALID_REQUEST));
}

#[test]
fn entities_are_passed_inline() {
    let world = world();
    let mut body = with("/entities", json!([]));
    let subject = body["subject"]["properties"].take();
    body["subject"].as_object_mut().unwrap().remove("properties");
    let check = |body: &Json| {
        world.check(&Request::from_json(body, world.policies()).unwrap()).is_allowed()
    };
    assert!(!check(&body));
    body["entities"] =
        json!([{ "uid": { "type": "Contact", "id": "gm" }, "attrs": subject, "parents": [] }]);
    assert!(check(&body));
}

#[test]
fn an_evaluation_replaces_defaults_as_a_whole() {
    let world = world();
    let mut body = body();
    body["evaluations"] = json!([
        {},
        { "context": { "ip": "10.0.0.7" } },
        { "action": { "name": "view" }, "context": {} },
    ]);
    let evaluations = Evaluations::from_json(&body, world.policies()).unwrap();
    assert!(evaluations.is_batch());
    let decisions = evaluations.check(&world);
    let allowed: Vec<bool> = decisions.iter().map(Decision::is_allowed).collect();
    assert_eq!(allowed, [true, false, true], "no mfa is left of the default context");
    let answer = evaluations.to_json(&world, &decisions);
    assert_eq!(answer["evaluations"][1]["context"]["code"], "MFA_REQUIRED");
}

#[test]
fn a_batch_may_stop_early() {
    let world = world();
    let decided = |semantic: &str| {
        let mut body = body();
        body["evaluations"] = json!([{}, { "context": {} }, {}]);
        body["options"] = json!({ "evaluations_semantic": semantic });
        Evaluations::from_json(&body, world.policies()).unwrap().check(&world).len()
    };
    assert_eq!(decided("execute_all"), 3);
    assert_eq!(decided("deny_on_first_deny"), 2);
    assert_eq!(decided("permit_on_first_permit"), 1);
}

#[test]
fn no_evaluations_are_one_request() {
    let world = world();
    let evaluations =
        Evaluations::from_json(&with("/evaluations", json!([])), world.policies()).unwrap();
    assert!(!evaluations.is_batch());
    let answer = evaluations.to_json(&world, &evaluations.check(&world));
    assert_eq!(answer["decision"], true);
    assert_eq!(evaluations.to_json(&world, &[])["decision"], false);
}

#[test]
fn what_is_not_understood_is_refused() {
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (json!([]), "the request is no JSON object"),
        (json!({}), "member `subject` is missing"),
        (with("/extra", json!(1)), "unknown member `extra`; known are subject, action"),
        (
            with("/subject/properties/client", json!(null)),
            "subject: properties: attribute `client`",
        ),
        (with("/subject/id", json!(7)), "subject: `id` is no string"),
        (with("/subject/type", json!("no type")), "subject: `no type` is no type name"),
        (with("/resource/properties", json!([])), "resource: properties: the member is no JSON"),
        (with("/resource/properties/amount", json!("much")), "`much` is not a decimal"),
        (with("/resource/properties/amount", json!(1.5)), "`1.5` is no 64-bit integer"),
        (with("/action/properties", json!({ "soft": true })), "action: an action has no"),
        (with("/context", json!(null)), "context: the member is no JSON object"),
        (with("/context/mfa", deep), "nest more than 32 deep"),
        (with("/entities", json!({})), "`entities` is an array"),
        (with("/entities", json!([{}])), "entities[0]: member `uid` is missing"),
        (with("/evaluations", json!({})), "`evaluations` is an array"),
        (with("/evaluations", json!([{}, 1])), "evaluations[1]: an evaluation is no JSON object"),
        (with("/evaluations", json!([{ "evaluations": [] }])), "evaluations[0]: unknown member"),
        (with("/evaluations", json!(vec![json!({}); 1_001])), "more than 1000 evaluations"),
        (with("/options", json!({ "page": 1 })), "options: unknown member `page`"),
        (with("/options", json!({ "evaluations_semantic": "any" })), "options: `evaluations_sem"),
    ];
    for (body, expected) in cases {
        let error = refused(&body);
        assert!(error.contains(expected), "{error} lacks {expected}");
    }
}

#[test]
fn a_message_carries_little_of_a_long_input() {
    let long = "x ".repeat(1 << 20);
    for body in [with("/subject/type", json!(long)), with("/resource/properties/due", json!(long))]
    {
        assert!(refused(&body).len() < 1_000);
    }
    let mut body = body();
    body[&long] = json!(1);
    assert!(refused(&body).len() < 1_000);
}

#[test]
fn an_explanation_names_what_failed() {
    let world = world();
    let request = Request::from_json(&with("/context", json!({})), world.policies()).unwrap();
    let explanation = world.explain(&request).to_json();
    assert_eq!(explanation["context"]["code"], "MFA_REQUIRED");
    assert_eq!(explanation["determining"], json!(["mfa"]));
    let mfa = &explanation["policies"][2];
    assert_eq!(mfa["outcome"], "satisfied");
    assert_eq!(mfa["clauses"][0]["text"], r#"action == Action::"pay""#);
    assert_eq!(
        (&mfa["clauses"][0]["scope"], &mfa["clauses"][1]["scope"]),
        (&json!(true), &json!(false))
    );
    assert!(mfa.get("reason").is_some() && explanation["policies"][1].get("reason").is_none());

    let request = Request::from_json(&with("/action/name", json!("fly")), world.policies());
    let explanation = world.explain(&request.unwrap()).to_json();
    assert_eq!(explanation["context"]["code"], "UNKNOWN_ACTION");
    assert!(explanation["fault"].as_str().unwrap().contains("fly"));
}
