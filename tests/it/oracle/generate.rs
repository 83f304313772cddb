//! Random facts, policies and requests, directed by types, with a share of ill-typed ones.

mod policy;
mod value;

use std::fmt;

use doorward::{Entity, EntityUid, Record, Request};
use serde_json::{Map, Value as Json, json};

pub(super) use policy::{Link, Policy};
pub(super) use value::{Uid, Val};

use crate::tape::Tape;

pub(super) const SCHEMA_NAME: &str = "s.cedarschema";

/// The types of entities; the last one are the actions.
const TYPES: [&str; 4] = ["User", "Group", "Doc", "Action"];
const USER: usize = 0;
const GROUP: usize = 1;
const DOC: usize = 2;
const ACTION: usize = 3;
/// `view` is in `touching`, which is in `reading`.
const ACTIONS: [&str; 6] = ["view", "edit", "drop", "touching", "reading", "other"];
const ASKED: [&str; 3] = ["view", "edit", "drop"];
const ROWS: usize = 6;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ty {
    Bool,
    Long,
    Str,
    Decimal,
    Ip,
    Datetime,
    Duration,
    Entity(usize),
    Set(Box<Ty>),
    Record(Shape),
}

/// The attributes of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Entity,
    Context,
    Outer,
    Inner,
    Element,
}

impl Shape {
    const ALL: [Self; 5] = [Self::Entity, Self::Context, Self::Outer, Self::Inner, Self::Element];

    /// Name, type, and whether it is always there.
    fn attributes(self) -> Vec<(&'static str, Ty, bool)> {
        let set = |of: Ty| Ty::Set(Box::new(of));
        match self {
            Self::Entity => vec![
                ("b", Ty::Bool, true),
                ("n", Ty::Long, true),
                ("m", Ty::Long, false),
                ("s", Ty::Str, true),
                ("u", Ty::Entity(USER), true),
                ("g", Ty::Entity(GROUP), false),
                ("d", Ty::Entity(DOC), true),
                ("a", Ty::Entity(ACTION), true),
                ("us", set(Ty::Entity(USER)), true),
                ("gs", set(Ty::Entity(GROUP)), true),
                ("acts", set(Ty::Entity(ACTION)), true),
                ("ns", set(Ty::Long), true),
                ("ss", set(Ty::Str), false),
                ("rs", set(Ty::Record(Self::Element)), true),
                ("r", Ty::Record(Self::Outer), true),
                ("dec", Ty::Decimal, true),
                ("ip", Ty::Ip, true),
                ("at", Ty::Datetime, true),
                ("len", Ty::Duration, false),
            ],
            Self::Context => vec![
                ("n", Ty::Long, true),
                ("b", Ty::Bool, false),
                ("s", Ty::Str, true),
                ("u", Ty::Entity(USER), true),
                ("a", Ty::Entity(ACTION), false),
                ("ds", set(Ty::Entity(DOC)), true),
                ("r", Ty::Record(Self::Outer), true),
                ("ip", Ty::Ip, false),
                ("at", Ty::Datetime, true),
                ("len", Ty::Duration, true),
                ("dec", Ty::Decimal, true),
            ],
            Self::Outer => vec![
                ("n", Ty::Long, true),
                ("s", Ty::Str, false),
                ("u", Ty::Entity(USER), true),
                ("in1", Ty::Record(Self::Inner), true),
            ],
            Self::Inner => vec![
                ("g", Ty::Entity(GROUP), true),
                ("d", Ty::Entity(DOC), false),
                ("us", set(Ty::Entity(USER)), true),
                ("n", Ty::Long, false),
            ],
            Self::Element => vec![("u", Ty::Entity(USER), true), ("n", Ty::Long, true)],
        }
    }
}

/// The type of the tags of each type of entity.
fn tags_of(entity: usize) -> Ty {
    match entity {
        USER => Ty::Entity(USER),
        GROUP => Ty::Record(Shape::Element),
        _ => Ty::Set(Box::new(Ty::Entity(USER))),
    }
}

pub(super) fn schema_text() -> String {
    let entity = shape_text(Shape::Entity);
    let [user, group, doc] = [USER, GROUP, DOC].map(|own| type_text(&tags_of(own)));
    let applies = format!(
        "appliesTo {{ principal: [User], resource: [Doc, User], context: {} }};",
        shape_text(Shape::Context)
    );
    format!(
        "entity User in [User, Group] = {entity} tags {user};\n\
         entity Group in [Group] = {entity} tags {group};\n\
         entity Doc in [Doc, User, Group] = {entity} tags {doc};\n\
         action reading, other;\n\
         action touching in [reading];\n\
         action view in [touching] {applies}\n\
         action edit in [reading] {applies}\n\
         action drop {applies}"
    )
}

fn shape_text(shape: Shape) -> String {
    let attributes = shape.attributes().into_iter().map(|(name, of, required)| {
        format!("{name}{}: {}", if required { "" } else { "?" }, type_text(&of))
    });
    format!("{{ {} }}", attributes.collect::<Vec<_>>().join(", "))
}

fn type_text(of: &Ty) -> String {
    match of {
        Ty::Bool => "Bool".to_owned(),
        Ty::Long => "Long".to_owned(),
        Ty::Str => "String".to_owned(),
        Ty::Decimal => "decimal".to_owned(),
        Ty::Ip => "ipaddr".to_owned(),
        Ty::Datetime => "datetime".to_owned(),
        Ty::Duration => "duration".to_owned(),
        Ty::Entity(entity) => TYPES[*entity].to_owned(),
        Ty::Set(of) => format!("Set<{}>", type_text(of)),
        Ty::Record(shape) => shape_text(*shape),
    }
}

/// A world and what is asked of it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) schema: bool,
    pub(super) policies: Vec<Policy>,
    pub(super) links: Vec<Link>,
    pub(super) stored: Vec<Row>,
    pub(super) inline: Vec<Row>,
    pub(super) queries: Vec<Query>,
}

#[derive(Debug)]
pub(super) struct Row {
    uid: Uid,
    attributes: Vec<(&'static str, Val)>,
    parents: Vec<Uid>,
    tags: Vec<(&'static str, Val)>,
}

#[derive(Debug)]
pub(super) struct Query {
    pub(super) principal: Uid,
    pub(super) action: Uid,
    pub(super) resource: Uid,
    context: Vec<(&'static str, Val)>,
}

impl Case {
    pub(super) fn generate(tape: &mut Tape) -> Self {
        let schema = tape.chance(50);
        // How much of the data is not of the type that policies expect.
        let strays = if schema { 0 } else { *tape.pick(&[0, 2, 8]) };
        let mut maker = Maker { tape, schema, strays };
        let queries = (0..4).map(|_| maker.query()).collect();
        let (policies, links) = maker.policies();
        let rows = maker.rows();
        let hosted = maker.tape.chance(30);
        let (inline, stored) =
            rows.into_iter().partition(|row| hosted && row.uid.is_doc() && row.uid.id_is_even());
        Self { schema, policies, links, stored, inline, queries }
    }
}

/// What all generators share.
pub(super) struct Maker<'t> {
    tape: &'t mut Tape,
    schema: bool,
    /// In a hundred.
    strays: usize,
}

impl Maker<'_> {
    fn query(&mut self) -> Query {
        let principal = self.uid(USER);
        let resource = *self.tape.pick(&[DOC, DOC, DOC, USER]);
        let stray = self.stray();
        let principal = if stray { self.any_uid() } else { principal };
        Query {
            principal,
            action: Uid::new(ACTION, *self.tape.pick(&ASKED)),
            resource: self.uid(resource),
            context: self.attributes(Shape::Context, if self.schema { 1 } else { self.strays }),
        }
    }

    fn rows(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        // Parents stand later in this order, so that there are no cycles.
        let order: Vec<(usize, usize)> =
            [DOC, USER, GROUP].into_iter().flat_map(|of| (0..ROWS).map(move |n| (of, n))).collect();
        for (place, (of, number)) in order.iter().enumerate() {
            if self.tape.chance(12) {
                continue;
            }
            let mut parents = Vec::new();
            for _ in 0..*self.tape.pick(&[0, 1, 1, 2, 3]) {
                let later = &order[place + 1..];
                if !later.is_empty() {
                    let (of, number) = *self.tape.pick(later);
                    parents.push(Uid::new(of, number.to_string()));
                }
            }
            let mut tags = Vec::new();
            for key in ["k", "key two"] {
                if self.tape.chance(60) {
                    tags.push((key, self.value(&tags_of(*of), self.strays, 0)));
                }
            }
            rows.push(Row {
                uid: Uid::new(*of, number.to_string()),
                attributes: self.attributes(Shape::Entity, self.strays),
                parents,
                tags,
            });
        }
        if !self.schema {
            for (action, groups) in [
                ("view", &["touching", "other"][..]),
                ("touching", &["reading"]),
                ("edit", &["reading"]),
            ] {
                if self.tape.chance(80) {
                    let parents = groups.iter().map(|group| Uid::new(ACTION, *group)).collect();
                    let uid = Uid::new(ACTION, action);
                    rows.push(Row { uid, attributes: Vec::new(), parents, tags: Vec::new() });
                }
            }
        }
        rows
    }

    /// Attributes of a shape; of every hundred some `strays` are left out or of another type.
    fn attributes(&mut self, shape: Shape, strays: usize) -> Vec<(&'static str, Val)> {
        self.attributes_at(shape, strays, 0)
    }

    fn attributes_at(
        &mut self,
        shape: Shape,
        strays: usize,
        depth: usize,
    ) -> Vec<(&'static str, Val)> {
        let mut attributes = Vec::new();
        for (name, of, required) in shape.attributes() {
            let absent = if required { self.tape.chance(strays) } else { self.tape.chance(50) };
            if !absent {
                attributes.push((name, self.value(&of, strays, depth + 1)));
            }
        }
        attributes
    }

    fn stray(&mut self) -> bool {
        self.tape.chance(self.strays)
    }

    /// An entity of a type; some have no row.
    fn uid(&mut self, of: usize) -> Uid {
        if of == ACTION {
            return Uid::new(ACTION, *self.tape.pick(&ACTIONS));
        }
        let number = self.tape.below(ROWS * 3);
        // Most lie among the first, so that things meet.
        let number = if number >= ROWS { number % 3 } else { number };
        Uid::new(of, if self.tape.chance(2) { "none".to_owned() } else { number.to_string() })
    }

    fn any_uid(&mut self) -> Uid {
        let of = self.tape.below(TYPES.len());
        self.uid(of)
    }

    fn any_type(&mut self) -> Ty {
        let set = |of: Ty| Ty::Set(Box::new(of));
        let types = [
            Ty::Bool,
            Ty::Long,
            Ty::Str,
            Ty::Decimal,
            Ty::Ip,
            Ty::Datetime,
            Ty::Duration,
            Ty::Entity(USER),
            Ty::Entity(GROUP),
            Ty::Entity(DOC),
            Ty::Entity(ACTION),
            set(Ty::Entity(USER)),
            set(Ty::Entity(ACTION)),
            set(Ty::Long),
            set(Ty::Str),
            set(Ty::Record(Shape::Element)),
            Ty::Record(Shape::Outer),
            Ty::Record(Shape::Inner),
            Ty::Record(Shape::Element),
        ];
        self.tape.pick(&types).clone()
    }
}

impl Row {
    pub(super) fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(self.uid.to_doorward());
        for (name, value) in &self.attributes {
            entity.set(*name, value.to_doorward());
        }
        entity.set_parents(self.parents.iter().map(Uid::to_doorward));
        self.tags.iter().fold(entity, |entity, (key, value)| entity.tag(*key, value.to_doorward()))
    }

    pub(super) fn to_json(&self) -> Json {
        json!({
            "uid": self.uid.to_json(),
            "attrs": record_json(&self.attributes),
            "parents": self.parents.iter().map(Uid::to_json).collect::<Vec<_>>(),
            "tags": record_json(&self.tags),
        })
    }
}

fn record_json(attributes: &[(&'static str, Val)]) -> Json {
    let members = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.to_json()));
    Json::Object(members.collect::<Map<_, _>>())
}

impl Query {
    pub(super) fn to_request(&self) -> Request {
        let [principal, action, resource]: [EntityUid; 3] =
            [&self.principal, &self.action, &self.resource].map(Uid::to_doorward);
        let context: Record = self
            .context
            .iter()
            .map(|(name, value)| ((*name).into(), value.to_doorward()))
            .collect();
        Request::new(principal, action, resource).context(context)
    }

    pub(super) fn context_json(&self) -> Json {
        record_json(&self.context)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.principal, self.action, self.resource, self.context_json())
    }
}
