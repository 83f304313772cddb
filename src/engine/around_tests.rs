//! What rows lead to is seen with them, and seen again when it changes.

use super::*;
use crate::facts::{Entity, Record, Value};

const SCHEMA: &str = "
    entity Tenant = { open: Bool };
    entity Client = { tenant: Tenant, archived: Bool, kinds: Set<String> };
    entity Kind = { name: String, owner: Contact };
    entity Contact;
    entity Document = { client: Client, kind: Kind };
    action view appliesTo { principal: Contact, resource: Document };
";

const POLICIES: &str = r#"
    @id("open") forbid (principal, action, resource) unless { resource.client.tenant.open };
    @id("archived") forbid (principal, action, resource) when { resource.client.archived };
    @id("kind") forbid (principal, action, resource)
        unless { resource.client.kinds.contains(resource.kind.name) };
    @id("owner") permit (principal, action, resource) when { principal == resource.kind.owner };
"#;

fn uid(type_name: &str, id: &str) -> EntityUid {
    EntityUid::new(type_name, id)
}

fn tenant(open: bool) -> Entity {
    Entity::new(uid("Tenant", "t")).with("open", open)
}

fn client(archived: bool, kinds: &[&str]) -> Entity {
    Entity::new(uid("Client", "c"))
        .with("tenant", uid("Tenant", "t"))
        .with("archived", archived)
        .with("kinds", Value::set(kinds.iter().copied().map(Value::from)).unwrap())
}

fn kind(owner: &str) -> Entity {
    Entity::new(uid("Kind", "k")).with("name", "invoice").with("owner", uid("Contact", owner))
}

fn document(id: usize) -> Entity {
    Entity::new(uid("Document", &format!("d{id}")))
        .with("client", uid("Client", "c"))
        .with("kind", uid("Kind", "k"))
}

/// Enough documents that the others are few.
fn facts() -> Facts {
    let others = [tenant(true), client(false, &["invoice"]), kind("ada")];
    let people = ["ada", "eve"].map(|id| Entity::new(uid("Contact", id)));
    others.into_iter().chain(people).chain((0..100).map(document)).collect()
}

fn engine(facts: Facts) -> Engine {
    let bundle = PolicyBundle::builder().schema("s", SCHEMA).policies("p", POLICIES);
    Engine::builder(bundle.build().unwrap()).facts(facts).build().unwrap()
}

/// Asks often enough that all ways to decide are known, and asks Cedar too.
fn ask(world: &Arc<World>, who: &str) -> bool {
    let request = Request::new(uid("Contact", who), "view", uid("Document", "d7"));
    let environment = world.environment("Contact", "view", "Document").unwrap();
    let context = world.context(&environment, Record::new()).unwrap();
    let checker = world.checker(&environment, who, &context).unwrap();
    let determined = world.determine(&request);
    // Forbids that err refuse.
    let expected = determined.allowed && determined.erring.is_empty();
    for _ in 0..8 {
        assert_eq!(world.check(&request).is_allowed(), expected);
        assert_eq!(checker.check(&environment, "d7").is_allowed(), expected);
        let resolved = checker.resolve(&environment, "d7").unwrap();
        assert_eq!(checker.check_resolved(&environment, resolved).is_allowed(), expected);
    }
    expected
}

#[test]
fn a_change_of_what_many_rows_lead_to_is_seen_at_once() {
    let engine = engine(facts());
    let steps = [
        (Changes::new(), true),
        (Changes::new().put(client(true, &["invoice"])), false),
        (Changes::new().put(client(false, &["ticket"])), false),
        (Changes::new().put(client(false, &["invoice", "ticket"])), true),
        (Changes::new().put(tenant(false)), false),
        (Changes::new().remove(uid("Tenant", "t")), false),
        (Changes::new().put(tenant(true)), true),
        (Changes::new().put(kind("eve")), false),
        (Changes::new().remove(uid("Client", "c")), false),
        (Changes::new().put(kind("ada")).put(client(false, &["invoice"])), true),
    ];
    let mut worlds: Vec<(Arc<World>, bool)> = Vec::new();
    for (changes, expected) in steps {
        engine.apply(&changes).unwrap();
        worlds.push((engine.world(), expected));
        // The worlds before go on answering from what they hold.
        for (world, expected) in &worlds {
            assert_eq!(ask(world, "ada"), *expected);
        }
    }
}

#[test]
fn forks_of_the_same_facts_see_their_own_rows_around() {
    let engine = engine(facts());
    assert!(ask(&engine.world(), "ada"));
    let facts = engine.world().facts().clone();
    let fork = self::engine(facts.clone());
    assert!(ask(&fork.world(), "ada"));
    fork.apply(&Changes::new().put(client(true, &["invoice"]))).unwrap();
    engine.apply(&Changes::new().put(kind("eve"))).unwrap();
    assert!(!ask(&fork.world(), "ada"));
    assert!(!ask(&engine.world(), "ada"));
    assert!(ask(&engine.world(), "eve"));
    assert!(!ask(&fork.world(), "eve"));
}

#[test]
fn a_row_that_changes_itself_leads_elsewhere() {
    let engine = engine(facts());
    let mine = Entity::new(uid("Kind", "mine"))
        .with("name", "invoice")
        .with("owner", uid("Contact", "eve"));
    engine.apply(&Changes::new().put(mine)).unwrap();
    assert!(ask(&engine.world(), "ada"));
    let moved = document(7).with("kind", uid("Kind", "mine"));
    engine.apply(&Changes::new().put(moved)).unwrap();
    assert!(!ask(&engine.world(), "ada"));
    assert!(ask(&engine.world(), "eve"));
    let nowhere = document(7).with("kind", uid("Kind", "nobody-knows"));
    engine.apply(&Changes::new().put(nowhere)).unwrap();
    assert!(!ask(&engine.world(), "eve"));
}

/// More rows around than are looked at: what is beyond is followed in each check.
#[test]
fn rows_beyond_those_that_are_looked_at_are_read_right() {
    let links: Vec<String> = (0..300).map(|link| format!("l{link}: Site")).collect();
    let actions = (0..6)
        .map(|it| format!("action a{it} appliesTo {{ principal: [One, Other], resource: Map }};"));
    let schema = format!(
        "entity One; entity Other; entity Site = {{ name: String }};
         entity Map = {{ {} }}; {}",
        links.join(", "),
        actions.collect::<String>(),
    );
    // Fifty links of its own for each action.
    let policy = |action: usize| {
        let pairs = (action * 50..action * 50 + 50).step_by(2);
        let pair = |at: usize| format!("resource.l{at}.name == resource.l{}.name", at + 1);
        let all: Vec<String> = pairs.map(pair).collect();
        let scope = format!("principal, action == Action::\"a{action}\", resource");
        format!("@id(\"p{action}\") permit ({scope}) when {{ {} }};\n", all.join(" && "))
    };
    let policies: String = (0..6).map(policy).collect();
    let site = |at: usize| uid("Site", if at < 100 && at % 2 == 1 { "east" } else { "west" });
    let map =
        (0..300).fold(Entity::new(uid("Map", "m")), |map, at| map.with(format!("l{at}"), site(at)));
    let sites = ["east", "west"].map(|name| Entity::new(uid("Site", name)).with("name", name));
    let people = (0..20).map(|at| Entity::new(uid("One", &at.to_string())));
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    let engine = Engine::builder(bundle.build().unwrap())
        .facts([map].into_iter().chain(sites).chain(people).collect())
        .build()
        .unwrap();
    for _ in 0..4 {
        for (principal, action) in
            ["One", "Other"].into_iter().flat_map(|it| (0..6).map(move |a| (it, a)))
        {
            let action = format!("a{action}");
            let request = Request::new(uid(principal, "0"), &*action, uid("Map", "m"));
            let expected = engine.determine(&request).allowed;
            assert_eq!(engine.check(&request).is_allowed(), expected, "{principal} {action}");
        }
    }
}

/// Asks what a principal is in, by a dynamic group and by a literal one, after each of these changes.
#[test]
fn a_change_above_a_row_is_seen_at_once() {
    let schema = "
        entity Permission;
        entity Set in [Set, Permission];
        entity Kind = { view: Permission };
        entity Contact in [Set];
        entity Document = { kind: Kind };
        action view, edit appliesTo { principal: Contact, resource: Document };
    ";
    let policies = r#"
        @id("view") permit (principal, action == Action::"view", resource)
            when { principal in resource.kind.view };
        @id("edit") permit (principal in Permission::"edit", action == Action::"edit", resource);
    "#;
    let set = |id: &str, above: &[(&str, &str)]| {
        let mut set = Entity::new(uid("Set", id));
        set.set_parents(above.iter().map(|(of, id)| uid(of, id)));
        set
    };
    let contact = |id: &str, sets: &[&str]| {
        let mut contact = Entity::new(uid("Contact", id));
        contact.set_parents(sets.iter().map(|id| uid("Set", id)));
        contact
    };
    let kind = |named: &str| Entity::new(uid("Kind", "k")).with("view", uid("Permission", named));
    let document =
        |id: usize| Entity::new(uid("Document", &format!("d{id}"))).with("kind", uid("Kind", "k"));
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    // The engine knows nothing of sets before it is told.
    let engine = Engine::builder(bundle.build().unwrap()).build().unwrap();
    let rows = [contact("ada", &["inner"]), kind("view")].into_iter().chain((0..100).map(document));
    engine.apply(&rows.fold(Changes::new(), Changes::put)).unwrap();
    let steps = [
        // What names `inner` named it before it was there.
        (Changes::new(), false, false),
        (Changes::new().put(set("inner", &[("Permission", "view")])), true, false),
        (Changes::new().put(set("inner", &[("Set", "outer")])), false, false),
        (
            Changes::new().put(set("outer", &[("Permission", "view"), ("Permission", "edit")])),
            true,
            true,
        ),
        (Changes::new().put(set("outer", &[("Permission", "edit")])), false, true),
        (Changes::new().put(kind("edit")), true, true),
        (Changes::new().remove(uid("Set", "outer")), false, false),
        (Changes::new().put(contact("ada", &["other"])), false, false),
        (Changes::new().put(set("other", &[("Permission", "edit")])), true, true),
        (Changes::new().put(contact("ada", &[])), false, false),
    ];
    let mut worlds = Vec::new();
    for (changes, view, edit) in steps {
        engine.apply(&changes).unwrap();
        worlds.push((engine.world(), view, edit));
        for (world, view, edit) in &worlds {
            for (action, expected) in [("view", *view), ("edit", *edit)] {
                let environment = world.environment("Contact", action, "Document").unwrap();
                let context = world.context(&environment, Record::new()).unwrap();
                let request = Request::new(uid("Contact", "ada"), action, uid("Document", "d7"));
                assert_eq!(world.determine(&request).allowed, expected);
                let checker = world.checker(&environment, "ada", &context).unwrap();
                for _ in 0..8 {
                    let by_id = world.check_in(&environment, "ada", "d7", &context);
                    assert_eq!(by_id.is_allowed(), expected, "{action}");
                    assert_eq!(checker.check(&environment, "d7").is_allowed(), expected);
                }
            }
        }
    }
}

/// What a machine takes for one bit may be a look at ancestors in a program, which then may not leave
/// it out.
#[test]
fn what_a_row_is_in_is_never_left_out() {
    let schema = "
        entity Permission;
        entity Set in [Permission];
        entity Kind = { view: Permission, blocked: Set<String> };
        entity Contact in [Set] = { name: String, level: Long };
        entity Document = { kind: Kind, level: Long };
        action view appliesTo { principal: Contact, resource: Document };
    ";
    let policies = r#"
        @id("blocked") forbid (principal, action, resource) when {
            resource.level < principal.level && resource.kind.blocked.contains(principal.name)
        };
        @id("view") permit (principal, action, resource)
            when { principal in resource.kind.view };
    "#;
    let contact = |id: &str, sets: &[&str]| {
        let mut contact = Entity::new(uid("Contact", id)).with("name", id).with("level", 1_i64);
        contact.set_parents(sets.iter().map(|id| uid("Set", id)));
        contact
    };
    let mut set = Entity::new(uid("Set", "s"));
    set.set_parents([uid("Permission", "p")]);
    let kind = Entity::new(uid("Kind", "k"))
        .with("view", uid("Permission", "p"))
        .with("blocked", Value::set([Value::from("x")]).unwrap());
    let document = |id: usize| {
        Entity::new(uid("Document", &format!("d{id}")))
            .with("kind", uid("Kind", "k"))
            .with("level", 5_i64)
    };
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    let bundle = bundle.build().unwrap();
    let facts: Facts = [contact("ada", &["s"]), contact("bob", &[]), set, kind]
        .into_iter()
        .chain((0..100).map(document))
        .collect();
    for order in [["ada", "bob"], ["bob", "ada"]] {
        let engine = Engine::builder(bundle.clone()).facts(facts.clone()).build().unwrap();
        let environment = engine.environment("Contact", "view", "Document").unwrap();
        let context = engine.context(&environment, Record::new()).unwrap();
        for who in order {
            for _ in 0..8 {
                let decision = engine.check_in(&environment, who, "d7", &context);
                assert_eq!(decision.is_allowed(), who == "ada", "{who} of {order:?}");
            }
        }
    }
}

/// Rows in more combinations of groups than classes tell apart.
#[test]
fn rows_in_many_combinations_of_groups_are_told_apart() {
    const GROUPS: usize = 10;
    let schema = "
        entity Group;
        entity Contact in [Group];
        entity Document;
        action view appliesTo { principal: Contact, resource: Document };
    ";
    let of = |group: usize| {
        format!("@id(\"g{group}\") forbid (principal in Group::\"{group}\", action, resource);\n")
    };
    let policies: String = (1..GROUPS).map(of).collect();
    let policies = policies + "@id(\"all\") permit (principal in Group::\"0\", action, resource);";
    let contact = |number: usize| {
        let mut contact = Entity::new(uid("Contact", &number.to_string()));
        let groups = (0..GROUPS).filter(|group| number >> group & 1 == 1);
        contact.set_parents(groups.map(|group| uid("Group", &group.to_string())));
        contact
    };
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    let facts: Facts = (0..1 << GROUPS).map(contact).collect();
    let engine = Engine::builder(bundle.build().unwrap()).facts(facts).build().unwrap();
    let environment = engine.environment("Contact", "view", "Document").unwrap();
    let context = engine.context(&environment, Record::new()).unwrap();
    for _ in 0..4 {
        for number in 0..1_usize << GROUPS {
            let decision =
                engine.check_in(&environment, number.to_string().as_str(), "d", &context);
            let policy = match (number & 1, number.trailing_zeros(), (number & !1).trailing_zeros())
            {
                (_, _, first) if (first as usize) < GROUPS => Some(format!("g{first}")),
                (1, ..) => Some("all".to_owned()),
                _ => None,
            };
            assert_eq!(decision.policy().map(|id| id.to_string()), policy, "{number}");
            assert_eq!(decision.is_allowed(), number == 1);
        }
    }
}
