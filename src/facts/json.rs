//! Facts as Cedar's entity JSON, and contexts as JSON objects.

use serde_json::{Map, Value as Json, json};

use super::entity::Entity;
use super::time::{datetime_text, duration_text};
use super::types::{Attributes, Type, Types};
use super::uid::{EntityUid, is_type_name, shorten};
use super::value::{DEPTH_MAX, Record, Repr, Value, ValueError};

/// Reads Cedar's entity JSON: an array of `{uid, attrs, parents, tags}`, of which the first `read`
/// were read already.
pub(super) fn entities_from_json(
    text: &str,
    types: Option<&Types>,
    read: usize,
) -> Result<impl Iterator<Item = Result<Entity, ValueError>>, ValueError> {
    let rows: Vec<Json> = serde_json::from_str(text).map_err(|error| {
        ValueError::new(format!("facts are no JSON array of entities: {error}")).with_help(
            "write [{\"uid\": {\"type\": …, \"id\": …}, \"attrs\": {…}, \"parents\": […]}]",
        )
    })?;
    Ok(rows.into_iter().enumerate().skip(read).map(move |(index, row)| {
        entity_from_json(&row, types).map_err(|error| error.within(format_args!("entity {index}")))
    }))
}

pub(crate) fn entity_from_json(row: &Json, types: Option<&Types>) -> Result<Entity, ValueError> {
    const MEMBERS: [&str; 4] = ["uid", "attrs", "parents", "tags"];
    let row = row.as_object().ok_or_else(|| ValueError::new("an entity is a JSON object"))?;
    if let Some(unknown) = row.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(ValueError::new(format!("unknown member `{}`", shorten(unknown)))
            .with_help(format!("an entity has {}", MEMBERS.join(", "))));
    }
    let uid = row.get("uid").ok_or_else(|| ValueError::new("member `uid` is missing"))?;
    let uid = uid_from_json(uid)?;
    let place = uid.clone();
    let declared = types.and_then(|types| types.entity(uid.type_name()));
    let attributes = attributes_from_json(
        row.get("attrs").unwrap_or(&Json::Object(Map::new())),
        place.type_name(),
        types,
    );
    let mut entity = Entity::new(uid);
    entity.attributes = attributes.map_err(|error| error.within(&place))?;
    if let Some(parents) = row.get("parents") {
        let parents = parents
            .as_array()
            .ok_or_else(|| ValueError::new("`parents` is an array").within(&place))?;
        let parents: Result<_, _> = parents.iter().map(uid_from_json).collect();
        entity.parents = parents.map_err(|error| error.within(&place))?;
    }
    if let Some(tags) = row.get("tags") {
        let tags = tags
            .as_object()
            .ok_or_else(|| ValueError::new("`tags` is an object").within(&place))?;
        let declared = declared.and_then(|declared| declared.tags.as_ref());
        for (name, tag) in tags {
            let value = value_from_json(tag, declared, 0)
                .map_err(|error| error.within(format_args!("{place}, tag `{}`", shorten(name))))?;
            entity.tags.insert(name.as_str().into(), value);
        }
    }
    Ok(entity)
}

/// Reads `{"type": …, "id": …}`, bare or inside `__entity`.
pub(crate) fn uid_from_json(uid: &Json) -> Result<EntityUid, ValueError> {
    let uid = uid.get("__entity").unwrap_or(uid);
    let member = |name: &str| {
        uid.get(name).and_then(Json::as_str).ok_or_else(|| {
            ValueError::new(format!("an entity's name lacks the string `{name}`"))
                .with_help("write {\"type\": \"Contact\", \"id\": \"gm\"}")
        })
    };
    let type_name = member("type")?;
    if !is_type_name(type_name) {
        return Err(ValueError::new(format!("`{}` is no type name", shorten(type_name))));
    }
    Ok(EntityUid::new(type_name, member("id")?))
}

/// Reads the attributes of an entity of this type.
pub(crate) fn attributes_from_json(
    attributes: &Json,
    type_name: &str,
    types: Option<&Types>,
) -> Result<Record, ValueError> {
    let declared = types.and_then(|types| types.entity(type_name));
    record_from_json(attributes, declared.map(|declared| &declared.attributes), 0)
}

/// Reads the context of a request.
pub(crate) fn context_from_json(
    context: &Json,
    declared: Option<&Attributes>,
) -> Result<Record, ValueError> {
    record_from_json(context, declared, 0).map_err(|error| error.within("context"))
}

fn record_from_json(
    record: &Json,
    declared: Option<&Attributes>,
    depth: usize,
) -> Result<Record, ValueError> {
    let record = record.as_object().ok_or_else(|| ValueError::new("attributes are an object"))?;
    let mut attributes = Record::new();
    for (name, value) in record {
        let expected = declared.and_then(|declared| declared.get(name.as_str()));
        let expected = expected.map(|attribute| &attribute.of);
        let value = value_from_json(value, expected, depth)
            .map_err(|error| error.within(format_args!("attribute `{}`", shorten(name))))?;
        attributes.insert(name.as_str().into(), value);
    }
    Ok(attributes)
}

fn value_from_json(
    value: &Json,
    expected: Option<&Type>,
    depth: usize,
) -> Result<Value, ValueError> {
    if depth > DEPTH_MAX {
        return Err(ValueError::new(format!("values nest more than {DEPTH_MAX} deep")));
    }
    match value {
        Json::Null => Err(ValueError::new("null is no value").with_help("leave the attribute out")),
        Json::Bool(flag) => Ok(Value::from(*flag)),
        Json::Number(number) => number.as_i64().map(Value::from).ok_or_else(|| {
            ValueError::new(format!("`{number}` is no 64-bit integer")).with_help(
                "write a decimal as {\"__extn\": {\"fn\": \"decimal\", \"arg\": \"1.50\"}}",
            )
        }),
        Json::String(text) => match expected {
            Some(Type::Decimal) => Value::decimal(text),
            Some(Type::Ip) => Value::ip(text),
            Some(Type::Datetime) => Value::datetime(text),
            Some(Type::Duration) => Value::duration(text),
            _ => Ok(Value::from(text.as_str())),
        },
        Json::Array(elements) => {
            let expected =
                if let Some(Type::Set(element)) = expected { Some(&**element) } else { None };
            let elements: Result<Vec<_>, _> = elements
                .iter()
                .map(|element| value_from_json(element, expected, depth + 1))
                .collect();
            Value::set(elements?)
        }
        Json::Object(members) => {
            if let (1, Some(uid)) = (members.len(), members.get("__entity")) {
                return uid_from_json(uid).map(Value::from);
            }
            if let (1, Some(call)) = (members.len(), members.get("__extn")) {
                return extension_from_json(call);
            }
            if members.contains_key("__expr") {
                return Err(ValueError::new("`__expr` is not read")
                    .with_help("write entities with __entity and extension values with __extn"));
            }
            match expected {
                Some(Type::Entity(_)) => uid_from_json(value).map(Value::from),
                Some(Type::Decimal | Type::Ip | Type::Datetime | Type::Duration) => {
                    extension_from_json(value)
                }
                Some(Type::Record(declared)) => {
                    Value::record(record_from_json(value, Some(declared), depth + 1)?)
                }
                _ => Value::record(record_from_json(value, None, depth + 1)?),
            }
        }
    }
}

fn extension_from_json(call: &Json) -> Result<Value, ValueError> {
    let function = call.get("fn").and_then(Json::as_str).unwrap_or_default();
    let argument = match (call.get("arg"), call.get("args").and_then(Json::as_array)) {
        (Some(argument), _) => Some(argument),
        (None, Some(arguments)) if arguments.len() == 1 => arguments.first(),
        _ => None,
    };
    let argument = argument.and_then(Json::as_str).ok_or_else(|| {
        ValueError::new("an extension value is written with one string")
            .with_help("write {\"__extn\": {\"fn\": \"decimal\", \"arg\": \"1.50\"}}")
    })?;
    match function {
        "decimal" => Value::decimal(argument),
        "ip" => Value::ip(argument),
        "datetime" => Value::datetime(argument),
        "duration" => Value::duration(argument),
        _ => Err(ValueError::new(format!("unknown extension function `{}`", shorten(function)))
            .with_help("known are decimal, ip, datetime and duration")),
    }
}

/// Cedar's entity JSON of one row, with every escape written out.
pub(super) fn entity_to_json(entity: &Entity) -> Json {
    let mut row = Map::new();
    row.insert("uid".into(), uid_to_json(&entity.uid));
    row.insert("attrs".into(), record_to_json(&entity.attributes));
    row.insert("parents".into(), entity.parents.iter().map(uid_to_json).collect());
    if !entity.tags.is_empty() {
        row.insert("tags".into(), record_to_json(&entity.tags));
    }
    Json::Object(row)
}

pub(crate) fn uid_to_json(uid: &EntityUid) -> Json {
    json!({ "type": uid.type_name(), "id": uid.id() })
}

pub(crate) fn record_to_json(record: &Record) -> Json {
    let members = record.iter().map(|(name, value)| (name.to_string(), value_to_json(value)));
    Json::Object(members.collect())
}

fn value_to_json(value: &Value) -> Json {
    let extension =
        |function: &str, argument: String| json!({ "__extn": { "fn": function, "arg": argument } });
    match &value.0 {
        Repr::Bool(flag) => json!(flag),
        Repr::Long(number) => json!(number),
        Repr::String(text) => json!(text),
        Repr::Entity(uid) => json!({ "__entity": uid_to_json(uid) }),
        Repr::Set(elements) => elements.iter().map(value_to_json).collect(),
        Repr::Record(attributes) => record_to_json(attributes),
        Repr::Decimal(number) => extension("decimal", decimal_text(*number)),
        Repr::Ip { address, prefix } => extension("ip", format!("{address}/{prefix}")),
        Repr::Datetime(moment) => {
            extension("datetime", datetime_text(*moment).unwrap_or_else(|| moment.to_string()))
        }
        Repr::Duration(length) => extension("duration", duration_text(*length)),
    }
}

/// A value as plain JSON, for people: what tells the types apart is left out.
pub(crate) fn plain_json(value: &Value) -> Json {
    match &value.0 {
        Repr::Bool(flag) => json!(flag),
        Repr::Long(number) => json!(number),
        Repr::String(text) => json!(text),
        Repr::Entity(uid) => uid_to_json(uid),
        Repr::Set(elements) => elements.iter().map(plain_json).collect(),
        Repr::Record(attributes) => {
            let members =
                attributes.iter().map(|(name, value)| (name.to_string(), plain_json(value)));
            Json::Object(members.collect())
        }
        Repr::Decimal(number) => json!(decimal_text(*number)),
        Repr::Ip { address, prefix } => {
            let single = *prefix == if address.is_ipv4() { 32 } else { 128 };
            json!(if single { address.to_string() } else { format!("{address}/{prefix}") })
        }
        Repr::Datetime(moment) => {
            json!(datetime_text(*moment).unwrap_or_else(|| moment.to_string()))
        }
        Repr::Duration(length) => json!(duration_text(*length)),
    }
}

pub(super) fn decimal_text(ten_thousandths: i64) -> String {
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    let magnitude = ten_thousandths.unsigned_abs();
    format!("{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
}
