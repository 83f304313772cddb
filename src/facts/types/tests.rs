//! What is accepted here is what Cedar accepts: on random schemas, rows, contexts and requests, of
//! which some fit and some are spoilt in every way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use cedar_policy::{Context, Entities, Request, Schema, schema_str_to_json_with_resolved_types};
use proptest::test_runner::{TestCaseError, TestRunner};

use super::*;
use crate::facts::cedar::Conversion;
use crate::facts::store::Laying;
use crate::facts::value::Repr;
use crate::facts::{Entity, Record, Value, ValueError};
use tape::{Tape, config, tapes};

#[path = "../../../tests/it/tape.rs"]
pub(in crate::facts) mod tape;

const PRIMITIVES: [&str; 10] = [
    "Bool",
    "Long",
    "String",
    "__cedar::String",
    "datetime",
    "__cedar::datetime",
    "decimal",
    "ipaddr",
    "duration",
    "Common",
];
const ENTITIES: [&str; 7] = ["A", "B", "N::D", "N::C", "Color", "N::Mood", "Far"];
/// What an attribute may name besides.
const ACTION_TYPES: [&str; 2] = ["Action", "N::Action"];
const NAMES: [&str; 6] = ["a", "b", "if", "now", "x y", "ü"];
const ACTIONS: [(&str, &str); 7] = [
    ("Action", "all"),
    ("Action", "view"),
    ("Action", "pay it"),
    ("N::Action", "see"),
    ("N::Action", "go"),
    ("Action", "far"),
    ("Action", "none"),
];
/// Names that no schema here declares, some of which no schema could.
const STRANGE: [&str; 10] =
    ["Stranger", "N::B", "Action", "if", "N::in", "A::", "", "__cedar", "x y", "permit"];

/// A schema in Cedar's words: types and actions in two namespaces, of random shapes.
pub(in crate::facts) fn schema(tape: &mut Tape) -> String {
    let mut text = String::from("entity Color enum [\"red\", \"green\", \"\"];\n");
    if tape.chance(50) {
        text += "external entity Far;\nexternal action far;\n";
    } else {
        text += "entity Far;\naction far in [all];\n";
    }
    text += &format!("type Common = {};\n", shape(tape, 2));
    for name in ["A", "B"] {
        text += &format!("entity {name}{};\n", entity(tape));
    }
    text += "action all;\n";
    text += &format!("action view in [all]{};\n", applies(tape));
    text += &format!("action \"pay it\" in [view]{};\n", applies(tape));
    text += "action none;\nnamespace N {\nentity Mood enum [\"good\"];\n";
    // A name of Cedar's own, and one of the outer namespace.
    text += &format!("type datetime = {};\n", *tape.pick(&["Long", "__cedar::datetime", "Set<A>"]));
    text += &format!("type Inner = {{ a?: {} }};\n", type_text(tape, 2));
    for name in ["C", "D"] {
        text += &format!("entity {name}{};\n", entity(tape));
    }
    text += &format!("action go{};\n", applies(tape));
    text += &format!("action see in [go, Action::\"view\"]{};\n}}\n", applies(tape));
    text
}

fn entity(tape: &mut Tape) -> String {
    let mut text = String::new();
    let parents: Vec<_> = ENTITIES
        .iter()
        .filter(|_| tape.chance(30))
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if !parents.is_empty() {
        text += &format!(" in [{}]", parents.join(", "));
    }
    text += &format!(" = {}", shape(tape, 0));
    if tape.chance(50) {
        text += &format!(" tags {}", type_text(tape, 1));
    }
    text
}

fn applies(tape: &mut Tape) -> String {
    if tape.chance(10) {
        return String::new();
    }
    let mut list = || {
        let first = tape.word(&ENTITIES);
        let more: Vec<_> =
            ENTITIES.iter().filter(|name| **name != first && tape.chance(30)).collect();
        more.into_iter().fold(first.to_owned(), |list, name| list + ", " + name)
    };
    let (principals, resources) = (list(), list());
    let context = if tape.chance(10) { "Common".to_owned() } else { shape(tape, 0) };
    format!(
        " appliesTo {{ principal: [{principals}], resource: [{resources}], context: {context} }}"
    )
}

/// A record's shape.
fn shape(tape: &mut Tape, depth: usize) -> String {
    let attributes: Vec<_> = NAMES
        .iter()
        .filter_map(|name| {
            let mark = *tape.pick(&["", "", "?"]);
            tape.chance(40).then(|| format!("{name:?}{mark}: {}", type_text(tape, depth + 1)))
        })
        .collect();
    format!("{{ {} }}", attributes.join(", "))
}

fn type_text(tape: &mut Tape, depth: usize) -> String {
    match tape.below(if depth < 3 { 10 } else { 7 }) {
        // `Common` in `Common` would go round.
        0..4 => tape.word(if depth < 2 { &PRIMITIVES } else { &PRIMITIVES[..9] }).to_owned(),
        4 | 5 => tape.word(&ENTITIES).to_owned(),
        6 => tape.word(&ACTION_TYPES).to_owned(),
        7 | 8 => format!("Set<{}>", type_text(tape, depth + 1)),
        _ => shape(tape, depth),
    }
}

/// What is spoilt, in per cent, of each part of a case.
const SPOILT: usize = 3;

/// A row of some type, mostly as it is declared.
pub(in crate::facts) fn row(tape: &mut Tape, types: &Types) -> Entity {
    if tape.chance(10) {
        return action_row(tape, types);
    }
    let uid = reference(tape, types, None);
    let Some(declared) = types.entity(uid.type_name()) else {
        return Entity::new(uid).with("a", anything(tape, types, 1));
    };
    let mut row = Entity::new(uid.clone());
    for (name, value) in record(tape, types, &declared.attributes, 0) {
        row.set(name, value);
    }
    let allowed: Vec<_> = declared.ancestors.iter().collect();
    for _ in 0..tape.below(3) {
        let wanted = (!allowed.is_empty()).then(|| &***tape.pick(&allowed));
        if wanted.is_some() || tape.chance(SPOILT) {
            // Its own parent is a circle, which is not looked at here.
            row = Some(reference(tape, types, wanted))
                .filter(|parent| *parent != uid)
                .map_or(row.clone(), |parent| row.parent(parent));
        }
    }
    for _ in 0..tape.below(3) {
        match &declared.tags {
            Some(tag) => row.set_tag(tape.word(&NAMES), value(tape, types, tag, 0)),
            None if tape.chance(SPOILT) => row.set_tag("a", anything(tape, types, 1)),
            None => {}
        }
    }
    row
}

fn action_row(tape: &mut Tape, types: &Types) -> Entity {
    let uid = action(tape);
    let mut row = Entity::new(uid.clone());
    let groups: BTreeSet<_> = types.action(&uid).map(|a| a.groups.clone()).unwrap_or_default();
    row.set_parents(groups.into_iter().filter(|_| !tape.chance(20)));
    if tape.chance(20) {
        row = Some(action(tape)).filter(|p| *p != uid).map_or(row.clone(), |p| row.parent(p));
    }
    if tape.chance(10) {
        row.set("a", 1);
    }
    if tape.chance(10) {
        row.set_tag("a", 1);
    }
    row
}

fn action(tape: &mut Tape) -> EntityUid {
    let (type_name, id) = *tape.pick(&ACTIONS);
    let id = if tape.chance(SPOILT) { "stray" } else { id };
    let type_name = if tape.chance(SPOILT) { tape.word(&STRANGE) } else { type_name };
    EntityUid::new(type_name, id)
}

/// An entity of the wanted type, or of any.
fn reference(tape: &mut Tape, types: &Types, wanted: Option<&str>) -> EntityUid {
    let type_name = match wanted {
        _ if tape.chance(SPOILT) => tape.word(&STRANGE),
        Some(wanted) if !tape.chance(SPOILT) => wanted,
        _ => tape.word(&ENTITIES),
    };
    if ACTION_TYPES.contains(&type_name) {
        return Some(action(tape)).filter(|uid| uid.type_name() == type_name).unwrap_or_else(
            || EntityUid::new(type_name, tape.word(&["view", "see", "all", "far", "go"])),
        );
    }
    let ids = types.entity(type_name).and_then(|declared| declared.ids.as_ref());
    match ids {
        Some(ids) if !tape.chance(5) => {
            EntityUid::new(type_name, Arc::clone(*tape.pick(&ids.iter().collect::<Vec<_>>())))
        }
        _ => EntityUid::new(type_name, tape.word(&["1", "2", "red", "view", ""])),
    }
}

fn record(tape: &mut Tape, types: &Types, declared: &Attributes, depth: usize) -> Record {
    let mut record = Record::new();
    for (name, attribute) in declared {
        if !tape.chance(if attribute.required { SPOILT } else { 40 }) {
            record.insert(Arc::clone(name), value(tape, types, &attribute.of, depth));
        }
    }
    if tape.chance(SPOILT) {
        record.insert(tape.word(&NAMES).into(), anything(tape, types, depth));
    }
    record
}

fn value(tape: &mut Tape, types: &Types, of: &Type, depth: usize) -> Value {
    if tape.chance(SPOILT) {
        return anything(tape, types, depth);
    }
    match of {
        Type::Bool => Value::from(tape.chance(50)),
        Type::Long => Value::from(number(tape)),
        Type::String => Value::from(tape.word(&NAMES)),
        Type::Entity(name) => Value::from(reference(tape, types, Some(name))),
        Type::Set(of) => {
            let elements: Vec<_> =
                (0..tape.below(4)).map(|_| value(tape, types, of, depth + 1)).collect();
            Value::set(elements).unwrap()
        }
        Type::Record(declared) => Value::record(record(tape, types, declared, depth + 1)).unwrap(),
        Type::Decimal => Value(Repr::Decimal(number(tape))),
        Type::Ip => {
            let address: IpAddr =
                tape.word(&["10.0.0.7", "::", "::ffff:1.2.3.4", "2001:db8::1"]).parse().unwrap();
            let widest = if address.is_ipv4() { 32 } else { 128 };
            Value(Repr::Ip { address, prefix: *tape.pick(&[0, 7, widest]) })
        }
        Type::Datetime => Value(Repr::Datetime(moment(tape))),
        Type::Duration => Value(Repr::Duration(number(tape))),
    }
}

fn number(tape: &mut Tape) -> i64 {
    *tape.pick(&[0, 1, -1, 12_345, i64::MIN, i64::MIN + 1, i64::MAX])
}

fn moment(tape: &mut Tape) -> i64 {
    const ENDS: [i64; 2] = [-62_167_219_200_000, 253_402_300_799_999];
    match tape.below(30) {
        0 => ENDS[0] - 1,
        1 => ENDS[1] + 1,
        2 => number(tape),
        3 => ENDS[0],
        4 => ENDS[1],
        within => i64::try_from(within).unwrap() * 86_400_001,
    }
}

/// A value of any type.
fn anything(tape: &mut Tape, types: &Types, depth: usize) -> Value {
    let of = match tape.below(if depth < 3 { 10 } else { 8 }) {
        0 => Type::Bool,
        1 => Type::Long,
        2 => Type::String,
        3 => Type::Decimal,
        4 => Type::Ip,
        5 => Type::Datetime,
        6 => Type::Duration,
        7 => Type::Entity(tape.word(&ENTITIES).into()),
        8 => {
            let elements: Vec<_> =
                (0..tape.below(3)).map(|_| anything(tape, types, depth + 1)).collect();
            return Value::set(elements).unwrap();
        }
        _ => {
            let names = (0..tape.below(3)).map(|_| tape.word(&NAMES)).collect::<Vec<_>>();
            let attributes =
                names.into_iter().map(|n| (n.into(), anything(tape, types, depth + 1)));
            return Value::record(attributes.collect()).unwrap();
        }
    };
    value(tape, types, &of, depth)
}

/// How often each sort of case was accepted and refused.
type Counts = RefCell<HashMap<&'static str, [u32; 2]>>;

fn agree<E: fmt::Debug, C>(
    counts: &Counts,
    sort: &'static str,
    ours: Result<(), E>,
    cedar: Result<C, String>,
    case: &dyn Fn() -> String,
) -> Result<(), TestCaseError> {
    let count = &mut counts.borrow_mut();
    count.entry(sort).or_default()[usize::from(cedar.is_ok())] += 1;
    if ours.is_ok() == cedar.is_ok() {
        return Ok(());
    }
    let message = format!("{sort}: ours {ours:?}, Cedar's {:?}\n{}", cedar.err(), case());
    Err(TestCaseError::fail(message))
}

fn cedar_row(row: &Entity, schema: Option<&Schema>) -> Result<Entities, String> {
    let row = Conversion::default().entity(row).map_err(|error| error.to_string())?;
    Entities::from_entities([row], schema).map_err(|error| format!("{error:?}"))
}

fn cedar_request(
    [principal, action, resource]: [&EntityUid; 3],
    context: &Record,
    schema: Option<&Schema>,
) -> Result<Request, String> {
    let mut conversion = Conversion::default();
    let mut uid = |uid| conversion.uid(uid).map_err(|error: ValueError| error.to_string());
    let (principal, action, resource) = (uid(principal)?, uid(action)?, uid(resource)?);
    let pairs = conversion.record(context).map_err(|error| error.to_string())?;
    let context = Context::from_pairs(pairs).map_err(|error| format!("{error:?}"))?;
    Request::new(principal, action, resource, context, schema).map_err(|e| format!("{e:?}"))
}

/// What Cedar's schema says of the types and the action of a request.
fn cedar_knows(schema: &Schema, parties: [&EntityUid; 3]) -> &'static str {
    let mut conversion = Conversion::default();
    let [Ok(principal), Ok(action), Ok(resource)] = parties.map(|uid| conversion.uid(uid)) else {
        return "unknown type";
    };
    let (principal, resource) = (principal.type_name(), resource.type_name());
    let declared = |name| schema.entity_types().any(|known| known == name);
    if !declared(principal) || !declared(resource) {
        return "unknown type";
    }
    let mut applying = schema.actions_for_principal_and_resource(principal, resource);
    if applying.any(|known| *known == action) { "" } else { "unknown action" }
}

pub(in crate::facts) fn types_of(schema: &str) -> Types {
    let (json, _warnings) = schema_str_to_json_with_resolved_types(schema).unwrap();
    Types::from_schema_json(&json).unwrap()
}

fn case(tape: &mut Tape, counts: &Counts) -> Result<(), TestCaseError> {
    let text = schema(tape);
    let parsed = Schema::from_cedarschema_str(&text);
    let schema = match parsed {
        Ok((schema, _warnings)) => schema,
        Err(error) => {
            return Err(TestCaseError::fail(format!("{:?}\n{text}", miette::Report::new(error))));
        }
    };
    let types = types_of(&text);
    let mut laying = Laying::new(Some((&types, [0; 32])));
    for _ in 0..15 {
        let row = row(tape, &types);
        let shown = || format!("{row:?} {:?} {:?}\n{text}", row.attributes(), row.tags());
        let sort = if is_action(row.uid()) { "action rows" } else { "rows" };
        agree(counts, sort, types.check_entity(&row), cedar_row(&row, Some(&schema)), &shown)?;
        // As many rows are stored: by their forms, which later rows may share.
        if sort == "rows" {
            let stored = laying.put(&row).is_ok();
            proptest::prop_assert_eq!(stored, types.check_entity(&row).is_ok(), "{}", shown());
        }
        agree(counts, "bare rows", check_untyped_entity(&row), cedar_row(&row, None), &shown)?;
    }
    for _ in 0..15 {
        let action = action(tape);
        let known = types.action(&action);
        let mut party = |names: Option<&BTreeSet<Arc<str>>>| {
            let names: Vec<_> = names.into_iter().flatten().collect();
            let wanted = (!names.is_empty()).then(|| &***tape.pick(&names));
            reference(tape, &types, wanted)
        };
        let principal = party(known.map(|known| &known.principals));
        let resource = party(known.map(|known| &known.resources));
        let none = Attributes::new();
        let context = record(tape, &types, known.map_or(&none, |known| &known.context), 0);
        let shown = || format!("{principal} {action} {resource} {context:?}\n{text}");

        let parties = [&principal, &action, &resource];
        let ours = types.check_request(&principal, &action, &resource);
        let told = match &ours {
            Err(ApplicationError::UndeclaredType(_)) => "unknown type",
            Err(ApplicationError::InapplicableAction(_)) => "unknown action",
            _ => "",
        };
        if told != cedar_knows(&schema, parties) {
            return Err(TestCaseError::fail(shown()));
        }
        let ours = ours
            .map_err(|error| format!("{error:?}"))
            .and_then(|()| types.check_context(&action, &context).map_err(|e| e.to_string()));
        let cedar = cedar_request(parties, &context, Some(&schema));
        agree(counts, "requests", ours, cedar, &shown)?;
        let ours = parties.into_iter().try_for_each(check_type_name);
        let ours = ours.and_then(|()| check_untyped_record(&context));
        agree(counts, "bare requests", ours, cedar_request(parties, &context, None), &shown)?;
    }
    Ok(())
}

fn is_action(uid: &EntityUid) -> bool {
    uid.type_name().rsplit("::").next() == Some("Action")
}

#[test]
fn what_is_accepted_is_what_cedar_accepts() {
    let counts = Counts::default();
    let tapes = tapes(2_000);
    let result = TestRunner::new(config(60)).run(&tapes, |mut tape| case(&mut tape, &counts));
    if let Err(error) = result {
        panic!("{error}");
    }
    for (sort, [refused, accepted]) in counts.into_inner() {
        let total = refused + accepted;
        println!("{sort}: {refused} refused, {accepted} accepted");
        assert!(refused * 40 > total && accepted * 40 > total, "{sort}: {refused} of {total}");
    }
}
