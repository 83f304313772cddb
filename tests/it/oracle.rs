//! What the random comparison of `oracle/` does not hit upon often enough.

use std::str::FromStr;

use doorward::{Engine, Facts, PolicyBundle, Request};

/// An entity reached in every way that policies have, beside one that no policy can read.
#[test]
fn entities_are_found_wherever_policies_look() {
    let bundle = PolicyBundle::builder()
        .schema(
            "s.cedarschema",
            r#"
            entity Group in [Group] = { n: Long };
            entity User in [Group] = { a: Action, boss?: User } tags User;
            action all;
            action reading in [all];
            action view, edit in [reading] appliesTo {
              principal: User, resource: User, context: { a?: Action, who?: User }
            };
            "#,
        )
        .policies(
            "p.cedar",
            r#"
            @id("literal") forbid (principal, action == Action::"view", resource)
              when { Action::"edit" in Action::"all" };
            @id("attribute") forbid (principal, action == Action::"view", resource)
              when { principal.a in Action::"reading" };
            @id("context") forbid (principal, action == Action::"view", resource)
              when { context has a && context.a in [Action::"all"] };
            @id("tag") forbid (principal, action == Action::"view", resource)
              when { resource.hasTag("k") && resource.getTag("k") in Group::"g" };
            @id("who") forbid (principal, action == Action::"view", resource)
              when { context has who && context.who has boss && context.who.boss in Group::"g" };
            "#,
        )
        .build()
        .unwrap();
    let uid = |text: &str| doorward::EntityUid::from_str(text).unwrap();
    let row = |name: &str| doorward::Entity::new(uid(name)).with("a", uid(r#"Action::"edit""#));
    let facts: Facts = [
        row(r#"User::"p""#),
        row(r#"User::"r""#).tag("k", uid(r#"User::"t""#)),
        row(r#"User::"t""#).parent(uid(r#"Group::"h""#)),
        row(r#"User::"w""#).with("boss", uid(r#"User::"t""#)),
        doorward::Entity::new(uid(r#"Group::"h""#)).with("n", 1).parent(uid(r#"Group::"g""#)),
    ]
    .into_iter()
    .collect();
    let engine = Engine::builder(bundle).facts(facts).build().unwrap();
    let request = Request::new(uid(r#"User::"p""#), "view", uid(r#"User::"r""#))
        .with("a", uid(r#"Action::"edit""#))
        .with("who", uid(r#"User::"w""#));
    let explained = engine.explain(&request);
    let found: Vec<&str> = explained.determining.iter().map(|id| id.as_str()).collect();
    assert_eq!(found, ["literal", "attribute", "context", "tag", "who"]);
}
