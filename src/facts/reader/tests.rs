//! What is read front to back is what is read by way of a tree.

use std::cell::Cell;

use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value as Json;

use super::*;
use crate::facts::json::entity_to_json;
use crate::facts::types::tests::tape::{Tape, config, tapes};
use crate::facts::types::tests::{row, schema, types_of};
use crate::facts::{Entity, IdKey};

/// What stands, seldom, in place of a value.
const JUNK: [&str; 14] = [
    "null",
    "1.5",
    "-0",
    "9223372036854775808",
    "{}",
    "[]",
    "\"\\u00e9\"",
    "[[1]]",
    "{\"__entity\":{\"type\":\"A\",\"id\":\"1\"},\"x\":1}",
    "{\"__entity\":{\"__entity\":{\"type\":\"A\",\"id\":\"1\"}}}",
    "{\"__extn\":{\"fn\":\"decimal\",\"args\":[\"1.5\"]}}",
    "{\"fn\":\"decimal\",\"arg\":\"1.5\"}",
    "{\"a\":1,\"__expr\":\"1\"}",
    "]",
];

/// The JSON in any order of members, with few escapes, and seldom with something else in it.
fn write(tape: &mut Tape, json: &Json, text: &mut String) {
    if tape.below(200) == 199 {
        *text += tape.word(&JUNK);
        return;
    }
    match json {
        Json::Object(members) => {
            let alone = members.iter().next().filter(|_| members.len() == 1);
            let escaped = |name| alone.filter(|(key, _)| *key == name).map(|(_, inner)| inner);
            if let Some(uid) = escaped("__entity").filter(|_| tape.chance(50)) {
                return write(tape, uid, text);
            }
            let argument = escaped("__extn").and_then(|call| call.get("arg"));
            if let Some(argument) = argument.filter(|_| tape.chance(50)) {
                return write(tape, argument, text);
            }
            let mut members: Vec<_> = members.iter().collect();
            let turned = tape.below(members.len().max(1));
            members.rotate_left(turned);
            if tape.chance(1) {
                members.extend(members.first().cloned());
            }
            let mut between = "{";
            for (name, value) in members {
                *text += &format!("{between}{}:", Json::from(name.as_str()));
                write(tape, value, text);
                between = ", ";
            }
            *text += if between == "{" { "{}" } else { "}" };
        }
        Json::Array(elements) => {
            *text += "[";
            for (index, element) in elements.iter().enumerate() {
                *text += if index > 0 { "," } else { "" };
                write(tape, element, text);
            }
            *text += "]";
        }
        plain => *text += &plain.to_string(),
    }
}

fn case(tape: &mut Tape, plain: &Cell<usize>, refused: &Cell<usize>) -> Result<(), TestCaseError> {
    let schema = schema(tape);
    let types = types_of(&schema);
    for _ in 0..20 {
        let rows: Json = (0..tape.below(3)).map(|_| entity_to_json(&row(tape, &types))).collect();
        let mut text = String::new();
        write(tape, &rows, &mut text);
        for types in [Some(&types), None] {
            let tree = entities_from_json(&text, types, 0)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let mut read = Vec::new();
            let outcome = read_plain(&text, types, |row| {
                read.push(Entity::of(&row).unwrap());
                true
            });
            if outcome.is_ok() {
                plain.set(plain.get() + 1);
                proptest::prop_assert_eq!(Ok(&read), tree.as_ref(), "{}\n{}", text, schema);
            }
            let mut read = Vec::new();
            let outcome = read_entities(&text, types, |row| {
                read.push(Entity::of(row)?);
                Ok(())
            });
            refused.set(refused.get() + usize::from(outcome.is_err()));
            proptest::prop_assert_eq!(outcome.map(|()| read), tree, "{}\n{}", text, schema);
        }
    }
    Ok(())
}

#[test]
fn both_ways_read_the_same() {
    let (plain, refused) = (Cell::new(0), Cell::new(0));
    let cases = |mut tape| case(&mut tape, &plain, &refused);
    if let Err(error) = TestRunner::new(config(60)).run(&tapes(3_000), cases) {
        panic!("{error}");
    }
    println!("{} read front to back, {} refused", plain.get(), refused.get());
    assert!(plain.get() > 1_000 && refused.get() > 100, "{plain:?} {refused:?}");
}

/// A row that is not taken ends the reading, whichever way it is read.
#[test]
fn a_refusal_ends_the_reading() {
    let row = |id: &str, more: &str| format!(r#"{{"uid":{{"type":"A","id":"{id}"}}{more}}}"#);
    for more in ["", r#","attrs":{"a":1,"a":2}"#] {
        let text = format!("[{},{},{}]", row("1", ""), row("2", more), row("3", ""));
        let mut seen = Vec::new();
        let refused = read_entities(&text, None, |row| {
            seen.push(row.id().0.text());
            if row.id().0 == IdKey::Text("2") { Err(ValueError::new("enough")) } else { Ok(()) }
        });
        assert_eq!(refused.unwrap_err().message(), "enough");
        assert_eq!(seen, ["1", "2"]);
    }
}
