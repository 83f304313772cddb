//! What a schema declares: the types of entities, attributes, tags and contexts, and the actions.
//!
//! Cedar's entity JSON may leave out the escapes (`__entity`, `__extn`) where the schema tells what
//! is meant, so reading facts and contexts needs the declared types. So does checking rows and
//! requests against them, which `check` does as Cedar would.

mod check;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::Value as Json;

pub(crate) use check::{
    ApplicationError, check_type_name, check_untyped_entity, check_untyped_record,
};

use super::uid::EntityUid;

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Long,
    String,
    Entity(Arc<str>),
    Set(Arc<Type>),
    Record(Arc<Attributes>),
    Decimal,
    Ip,
    Datetime,
    Duration,
}

/// What is declared of one attribute of an entity, a record or a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) of: Type,
    pub(crate) required: bool,
}

pub(crate) type Attributes = BTreeMap<Arc<str>, Attribute>;

#[derive(Debug, Clone, Default)]
pub(crate) struct EntityTypes {
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Type>,
    /// The types that a row of this type may have above it, at any distance.
    pub(crate) ancestors: BTreeSet<Arc<str>>,
    /// The only ids there are, if the type is an enumeration.
    pub(crate) ids: Option<BTreeSet<Arc<str>>>,
    /// Whether the schema leaves the definition to another: no row of it can be checked.
    external: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ActionTypes {
    pub(crate) principals: BTreeSet<Arc<str>>,
    pub(crate) resources: BTreeSet<Arc<str>>,
    pub(crate) context: Attributes,
    /// The groups that the action is in, at any distance.
    groups: BTreeSet<EntityUid>,
}

/// The declared types of a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Types {
    entities: HashMap<Arc<str>, EntityTypes, RandomState>,
    actions: HashMap<EntityUid, ActionTypes, RandomState>,
}

impl Types {
    /// Reads the JSON form of a schema whose names Cedar has resolved.
    ///
    /// # Errors
    ///
    /// Names a type that is none of those known here, or a section of another form.
    pub(crate) fn from_schema_json(schema: &Json) -> Result<Self, String> {
        let mut types = Self::default();
        let namespaces = schema.as_object().ok_or("the schema is no JSON object")?;
        let mut commons = Commons::new();
        for (namespace, body) in namespaces {
            for (name, common) in members(body, "commonTypes") {
                commons.insert(qualified(namespace, name), common);
            }
        }
        let mut parents = HashMap::new();
        let mut groups = HashMap::new();
        for (namespace, body) in namespaces {
            for (name, declared) in members(body, "entityTypes") {
                let name: Arc<str> = qualified(namespace, name).into();
                parents.insert(Arc::clone(&name), names(declared.get("memberOfTypes")).collect());
                types.entities.insert(name, entity_types(declared, &commons)?);
            }
            for (id, declared) in members(body, "actions") {
                let action_type = qualified(namespace, "Action");
                groups.insert(
                    EntityUid::new(action_type.as_str(), id.as_str()),
                    groups_of(declared, &action_type),
                );
                types.actions.insert(
                    EntityUid::new(action_type, id.as_str()),
                    action_types(declared, &commons)?,
                );
            }
        }
        for (name, entity) in &mut types.entities {
            entity.ancestors = all_above(name, &parents);
        }
        for (uid, action) in &mut types.actions {
            action.groups = all_above(uid, &groups);
        }
        Ok(types)
    }

    /// Whether this is an entity type of the schema, enumerations included. Those of its actions
    /// are none.
    pub(crate) fn declares(&self, type_name: &str) -> bool {
        self.entities.contains_key(type_name)
    }

    /// The names of entity types, in order.
    #[cfg(feature = "author")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entities.keys().collect::<BTreeSet<_>>().into_iter()
    }

    pub(crate) fn entity(&self, type_name: &str) -> Option<&EntityTypes> {
        self.entities.get(type_name)
    }

    pub(crate) fn action(&self, action: &EntityUid) -> Option<&ActionTypes> {
        self.actions.get(action)
    }

    /// Every action, groups that apply to nothing included, in no order.
    pub(crate) fn actions(&self) -> impl Iterator<Item = (&EntityUid, &ActionTypes)> {
        self.actions.iter()
    }

    /// Whether the context of an action declares the engine's clock, `now: datetime`.
    pub(crate) fn reads_now(&self, action: &EntityUid) -> bool {
        let now = self.action(action).and_then(|action| action.context.get("now"));
        now.is_some_and(|now| now.of == Type::Datetime)
    }
}

/// As people name it: `a Bool`, `a set of Long`, `an entity of type Contact`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a Bool"),
            Self::Long => f.write_str("a Long"),
            Self::String => f.write_str("a String"),
            Self::Entity(name) => write!(f, "an entity of type `{name}`"),
            Self::Set(_) => f.write_str("a set"),
            Self::Record(_) => f.write_str("a record"),
            Self::Decimal => f.write_str("a decimal"),
            Self::Ip => f.write_str("an ipaddr"),
            Self::Datetime => f.write_str("a datetime"),
            Self::Duration => f.write_str("a duration"),
        }
    }
}

type Commons<'j> = HashMap<String, &'j Json>;

fn members<'j>(body: &'j Json, section: &str) -> impl Iterator<Item = (&'j String, &'j Json)> {
    body.get(section).and_then(Json::as_object).into_iter().flatten()
}

fn elements(list: Option<&Json>) -> impl Iterator<Item = &Json> {
    list.and_then(Json::as_array).into_iter().flatten()
}

fn names(list: Option<&Json>) -> impl Iterator<Item = Arc<str>> {
    elements(list).filter_map(Json::as_str).map(Arc::from)
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

fn is_external(declared: &Json) -> bool {
    declared.get("external").and_then(Json::as_bool) == Some(true)
}

fn entity_types(declared: &Json, commons: &Commons<'_>) -> Result<EntityTypes, String> {
    Ok(EntityTypes {
        attributes: shape(declared.get("shape"), commons)?,
        tags: declared.get("tags").map(|tags| type_of(tags, commons)).transpose()?,
        ancestors: BTreeSet::new(),
        ids: declared.get("enum").map(|ids| names(Some(ids)).collect()),
        external: is_external(declared),
    })
}

fn action_types(declared: &Json, commons: &Commons<'_>) -> Result<ActionTypes, String> {
    let applies = declared.get("appliesTo");
    let section = |name: &str| applies.and_then(|applies| applies.get(name));
    Ok(ActionTypes {
        principals: names(section("principalTypes")).collect(),
        resources: names(section("resourceTypes")).collect(),
        context: shape(section("context"), commons)?,
        groups: BTreeSet::new(),
    })
}

fn groups_of(declared: &Json, action_type: &str) -> Vec<EntityUid> {
    let group = |group: &Json| {
        let id = group.get("id").and_then(Json::as_str)?;
        let type_name = group.get("type").and_then(Json::as_str).unwrap_or(action_type);
        Some(EntityUid::new(type_name, id))
    };
    elements(declared.get("memberOf")).filter_map(group).collect()
}

/// All that stands above a start, which is among it where a way leads back.
fn all_above<N: Clone + Ord + std::hash::Hash>(
    start: &N,
    parents: &HashMap<N, Vec<N>>,
) -> BTreeSet<N> {
    let mut above = BTreeSet::new();
    let mut open: Vec<&N> = parents.get(start).into_iter().flatten().collect();
    while let Some(name) = open.pop() {
        if above.insert(name.clone()) {
            open.extend(parents.get(name).into_iter().flatten());
        }
    }
    above
}

fn shape(declared: Option<&Json>, commons: &Commons<'_>) -> Result<Attributes, String> {
    let Some(declared) = declared else { return Ok(Attributes::new()) };
    match type_of(declared, commons)? {
        Type::Record(attributes) => Ok(Arc::unwrap_or_clone(attributes)),
        other => Err(format!("attributes are declared as {other}")),
    }
}

/// INVARIANT (schema nesting): the schema passed the nesting limit of `policy::limits` and Cedar has
/// refused common types that name themselves, so this recursion ends early.
fn type_of(declared: &Json, commons: &Commons<'_>) -> Result<Type, String> {
    let text = |key: &str| declared.get(key).and_then(Json::as_str).unwrap_or_default();
    let name = text("type");
    // A common type may have the name of one of Cedar's own, which `__cedar::` then still means.
    if let Some(common) = commons.get(name) {
        return type_of(common, commons);
    }
    let name = if name == "Extension" { text("name") } else { name };
    Ok(match name.trim_start_matches("__cedar::") {
        "Bool" | "Boolean" => Type::Bool,
        "Long" => Type::Long,
        "String" => Type::String,
        "decimal" => Type::Decimal,
        "ipaddr" => Type::Ip,
        "datetime" => Type::Datetime,
        "duration" => Type::Duration,
        "Entity" => Type::Entity(text("name").into()),
        "Set" => {
            let element = declared.get("element").ok_or("a set declares no type of elements")?;
            Type::Set(Arc::new(type_of(element, commons)?))
        }
        "Record" => {
            let attributes = members(declared, "attributes").map(|(name, attribute)| {
                let required = attribute.get("required").and_then(Json::as_bool) != Some(false);
                Ok((name.as_str().into(), Attribute { of: type_of(attribute, commons)?, required }))
            });
            Type::Record(Arc::new(attributes.collect::<Result<_, String>>()?))
        }
        unknown => return Err(format!("`{unknown}` is no type that is known here")),
    })
}
