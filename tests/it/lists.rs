//! Lists beside checks, where other states of the facts are about.

use std::sync::Arc;

use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Record, Request, Value, World};

const SCHEMA: &str = "
    entity Reader = { levels: Set<Long> };
    entity Book = { lent_to?: Reader, levels: Set<Long> };
    action read, rate appliesTo { principal: Reader, resource: Book };";

const POLICIES: &str = r#"
    @id("lent") permit (principal, action == Action::"read", resource)
        when { resource has lent_to && resource.lent_to == principal };
    @id("level") permit (principal, action == Action::"rate", resource)
        when { resource.levels.containsAny(principal.levels) };"#;

fn numbers(numbers: &[i64]) -> Value {
    Value::set(numbers.iter().map(|number| Value::from(*number))).unwrap()
}

fn book(id: &str, lent_to: Option<&str>) -> Entity {
    let row = Entity::new(EntityUid::new("Book", id)).with("levels", numbers(&[2, 3]));
    match lent_to {
        Some(reader) => row.with("lent_to", EntityUid::new("Reader", reader)),
        None => row,
    }
}

fn engine() -> Engine {
    let policies = PolicyBundle::builder().schema("s", SCHEMA).policies("p", POLICIES).build();
    let reader = |id: &str, levels: &[i64]| {
        Entity::new(EntityUid::new("Reader", id)).with("levels", numbers(levels))
    };
    let books = (0..300).map(|at| book(&format!("b{at}"), (at % 100 == 0).then_some("ada")));
    let readers = [reader("ada", &[1, 2]), reader("eve", &[7])];
    Engine::builder(policies.unwrap())
        .facts(readers.into_iter().chain(books).collect())
        .build()
        .unwrap()
}

fn listed(world: &Arc<World>, action: &str, reader: &str) -> Vec<String> {
    let environment = world.environment("Reader", action, "Book").unwrap();
    let context = world.context(&environment, Record::new()).unwrap();
    let listing = world.checker(&environment, reader, &context).unwrap().list(&environment);
    listing.uids().iter().map(|uid| uid.id().to_owned()).collect()
}

/// An index is made of the rows of one state, while others that share rows with it are about.
#[test]
fn a_list_is_of_its_own_state_whichever_is_asked_first() {
    let before = ["b0", "b100", "b200"];
    let after = ["b100", "b200", "new"];
    for first_is_older in [true, false] {
        let engine = engine();
        let older = engine.world();
        let changes = Changes::new().put(book("new", Some("ada"))).put(book("b0", None));
        engine.apply(&changes).unwrap();
        let newer = engine.world();
        for turn in 0..2 {
            if (turn == 0) == first_is_older {
                assert_eq!(listed(&older, "read", "ada"), before);
            } else {
                assert_eq!(listed(&newer, "read", "ada"), after);
            }
        }
        // What follows keeps what was made, and goes on from there.
        engine.apply(&Changes::new().put(book("b0", Some("eve")))).unwrap();
        engine.apply(&Changes::new().remove(EntityUid::new("Book", "b100"))).unwrap();
        assert_eq!(listed(&engine.world(), "read", "ada"), ["b200", "new"]);
        assert_eq!(listed(&engine.world(), "read", "eve"), ["b0"]);
        assert_eq!(listed(&older, "read", "ada"), before);
    }
}

#[test]
fn what_no_index_knows_is_listed_all_the_same() {
    let world = engine().world();
    assert_eq!(listed(&world, "rate", "ada").len(), 300);
    assert_eq!(listed(&world, "rate", "eve").len(), 0);
}

/// Rows are looked up through what lies between, which may come later, and by the names of tags.
#[test]
fn who_may_is_found_through_what_lies_between_and_by_tags() {
    let schema = "
        entity House;
        entity Team in [House];
        entity Person in [Team] = { key: String };
        entity Room = { house: House } tags Long;
        action enter, book appliesTo { principal: Person, resource: Room };";
    let policies = r#"
        @id("house") permit (principal, action == Action::"enter", resource)
            when { principal in resource.house };
        @id("tag") permit (principal, action == Action::"book", resource)
            when { resource.hasTag(principal.key) && resource.getTag(principal.key) > 1 };"#;
    let policies = PolicyBundle::builder().schema("s", schema).policies("p", policies).build();
    let house = |id: &str| EntityUid::new("House", id);
    let room = Entity::new(EntityUid::new("Room", "r")).with("house", house("h"));
    let room = room.tag("k1", 2_i64).tag("k2", 1_i64).tag("nobody", 2_i64);
    let engine =
        Engine::builder(policies.unwrap()).facts([room].into_iter().collect()).build().unwrap();
    let who = |action: &str| -> Vec<String> {
        let uid = |name: &str, id: &str| EntityUid::new(name, id);
        let request = Request::new(uid("Person", ""), uid("Action", action), uid("Room", "r"));
        engine.who(&request, "Person").iter().map(|uid| uid.id().to_owned()).collect()
    };
    assert!(who("enter").is_empty() && who("book").is_empty());

    let team = |id: &str, of: &str| Entity::new(EntityUid::new("Team", id)).parent(house(of));
    let person = |id: &str, team: &str, key: &str| {
        Entity::new(EntityUid::new("Person", id))
            .parent(EntityUid::new("Team", team))
            .with("key", key)
    };
    let others = (0..200).map(|at| person(&format!("o{at}"), "other", &format!("k{at}0")));
    let rows =
        [team("t", "h"), team("other", "i"), person("ann", "t", "k1"), person("bob", "t", "k2")];
    let changes = rows.into_iter().chain(others).fold(Changes::new(), Changes::put);
    engine.apply(&changes).unwrap();
    assert_eq!(who("enter"), ["ann", "bob"]);
    assert_eq!(who("book"), ["ann"]);

    // A team moves, and with it who is in it.
    engine.apply(&Changes::new().put(team("t", "i")).put(team("other", "h"))).unwrap();
    assert_eq!(who("enter").len(), 200);
}
