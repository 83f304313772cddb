//! What a schema says of the types of attributes, tags and contexts.
//!
//! Cedar's entity JSON may leave out the escapes (`__entity`, `__extn`) where the schema tells what
//! is meant, so reading facts and contexts needs the declared types.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Boolean, integer or string: JSON says the same without help.
    Plain,
    Entity(Arc<str>),
    Set(Arc<Type>),
    Record(Arc<BTreeMap<String, Type>>),
    Decimal,
    Ip,
    Datetime,
    Duration,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct EntityTypes {
    pub(crate) attributes: BTreeMap<String, Type>,
    pub(crate) tags: Option<Type>,
}

/// The declared types of a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Types {
    entities: HashMap<String, EntityTypes>,
    /// By action, as `Namespace::Action::"id"`.
    contexts: HashMap<String, BTreeMap<String, Type>>,
}

impl Types {
    /// Reads the JSON form of a schema whose names Cedar has resolved.
    pub(crate) fn from_schema_json(schema: &Json) -> Self {
        let mut types = Self::default();
        let Some(namespaces) = schema.as_object() else { return types };
        let mut commons = HashMap::new();
        for (namespace, body) in namespaces {
            for (name, common) in members(body, "commonTypes") {
                commons.insert(qualified(namespace, name), common);
            }
        }
        for (namespace, body) in namespaces {
            for (name, declared) in members(body, "entityTypes") {
                let entity = EntityTypes {
                    attributes: declared
                        .get("shape")
                        .map(|s| attributes(s, &commons))
                        .unwrap_or_default(),
                    tags: declared.get("tags").map(|tags| type_of(tags, &commons)),
                };
                types.entities.insert(qualified(namespace, name), entity);
            }
            for (name, declared) in members(body, "actions") {
                let context = declared.get("appliesTo").and_then(|a| a.get("context"));
                let context = context.map(|c| attributes(c, &commons)).unwrap_or_default();
                let action = format!("{}::{name:?}", qualified(namespace, "Action"));
                types.contexts.insert(action, context);
            }
        }
        types
    }

    pub(crate) fn entity(&self, type_name: &str) -> Option<&EntityTypes> {
        self.entities.get(type_name)
    }

    /// The declared attributes of an action's context.
    pub(crate) fn context(&self, type_name: &str, id: &str) -> Option<&BTreeMap<String, Type>> {
        self.contexts.get(&format!("{type_name}::{id:?}"))
    }

    /// Whether the context of an action declares the engine's clock, `now: datetime`.
    pub(crate) fn reads_now(&self, type_name: &str, id: &str) -> bool {
        self.context(type_name, id).and_then(|context| context.get("now")) == Some(&Type::Datetime)
    }
}

fn members<'j>(body: &'j Json, section: &str) -> impl Iterator<Item = (&'j String, &'j Json)> {
    body.get(section).and_then(Json::as_object).into_iter().flatten()
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

fn attributes(declared: &Json, commons: &HashMap<String, &Json>) -> BTreeMap<String, Type> {
    match type_of(declared, commons) {
        Type::Record(attributes) => (*attributes).clone(),
        _ => BTreeMap::new(),
    }
}

/// INVARIANT (schema nesting): the schema passed the nesting limit of `policy::limits` and Cedar has
/// refused common types that name themselves, so this recursion ends early.
fn type_of(declared: &Json, commons: &HashMap<String, &Json>) -> Type {
    let text = |key: &str| declared.get(key).and_then(Json::as_str).unwrap_or_default();
    let name = text("type");
    // A common type may have the name of one of Cedar's own, which `__cedar::` then still means.
    if let Some(common) = commons.get(name) {
        return type_of(common, commons);
    }
    match name.trim_start_matches("__cedar::") {
        "Bool" | "Boolean" | "Long" | "String" => Type::Plain,
        "decimal" => Type::Decimal,
        "ipaddr" => Type::Ip,
        "datetime" => Type::Datetime,
        "duration" => Type::Duration,
        "Entity" => Type::Entity(text("name").into()),
        "Set" => match declared.get("element") {
            Some(element) => Type::Set(Arc::new(type_of(element, commons))),
            None => Type::Plain,
        },
        "Record" => {
            let attributes = members(declared, "attributes")
                .map(|(name, attribute)| (name.clone(), type_of(attribute, commons)));
            Type::Record(Arc::new(attributes.collect()))
        }
        "Extension" => type_of(&serde_json::json!({ "type": text("name") }), commons),
        _ => Type::Plain,
    }
}
