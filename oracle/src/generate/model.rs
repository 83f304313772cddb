//! What a case is about: types of entities with their attributes, actions, and how a schema says so.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{ColumnOf, Holds};
use crate::Choices;

pub(super) type Name = &'static str;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ty {
    Bool,
    Long,
    Str,
    Decimal,
    Ip,
    Datetime,
    Duration,
    /// Into the kinds of the model.
    Entity(usize),
    Set(Arc<Ty>),
    Record(Arc<Shape>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: Name,
    pub(super) of: Ty,
    pub(super) required: bool,
}

/// The attributes of something.
pub(super) type Shape = Vec<Attribute>;

/// A type of entities.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) name: Name,
    /// None stands before its kind, so that there are no cycles among different ones.
    pub(super) parents: Vec<usize>,
    pub(super) shape: Shape,
    pub(super) tags: Option<Ty>,
    /// The only ids that there are.
    pub(super) ids: Option<&'static [Name]>,
}

#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) id: Name,
    pub(super) groups: Vec<usize>,
    pub(super) applies: Option<Applies>,
}

#[derive(Debug, Clone)]
pub(super) struct Applies {
    pub(super) principals: Vec<usize>,
    pub(super) resources: Vec<usize>,
    pub(super) context: Shape,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    /// The last one are the actions.
    pub(super) kinds: Vec<Kind>,
    pub(super) actions: Vec<Action>,
    /// Those that facts have rows of.
    pub(super) stored: usize,
}

const PLAIN: [Ty; 7] =
    [Ty::Bool, Ty::Long, Ty::Str, Ty::Decimal, Ty::Ip, Ty::Datetime, Ty::Duration];

pub(super) fn set(of: Ty) -> Ty {
    Ty::Set(Arc::new(of))
}

fn record(shape: Shape) -> Ty {
    Ty::Record(Arc::new(shape))
}

fn add_columns(shape: &Shape, before: &str, required: bool, columns: &mut Vec<ColumnOf>) {
    for attribute in shape {
        let path = format!("{before}{}", attribute.name);
        let required = required && attribute.required;
        let (of, is_set) = match &attribute.of {
            Ty::Set(of) => (&**of, true),
            of => (of, false),
        };
        let holds = match of {
            Ty::Bool => Holds::Bool,
            Ty::Long => Holds::Long,
            Ty::Str => Holds::Text,
            Ty::Entity(_) => Holds::Entity,
            Ty::Datetime | Ty::Duration => Holds::Moment,
            Ty::Record(members) if !is_set => {
                add_columns(members, &format!("{path}."), required, columns);
                continue;
            }
            Ty::Record(_) | Ty::Set(_) | Ty::Decimal | Ty::Ip => continue,
        };
        // A set that may be missing is another than an empty one.
        if !is_set || required {
            columns.push(ColumnOf { path, holds, is_set, required });
        }
    }
}

/// `name` or, where it may be absent, `name?`.
fn attribute(name: Name, of: Ty) -> Attribute {
    let bare = name.trim_end_matches('?');
    Attribute { name: bare, of, required: bare == name }
}

fn shape<const N: usize>(attributes: [(Name, Ty); N]) -> Shape {
    attributes.into_iter().map(|(name, of)| attribute(name, of)).collect()
}

fn kind(name: Name, parents: &[usize], shape: Shape, tags: Option<Ty>) -> Kind {
    Kind { name, parents: parents.to_vec(), shape, tags, ids: None }
}

fn enumerated(name: Name, ids: &'static [Name]) -> Kind {
    Kind { name, parents: Vec::new(), shape: Vec::new(), tags: None, ids: Some(ids) }
}

fn actions(name: Name) -> Kind {
    kind(name, &[], Vec::new(), None)
}

fn group(id: Name, groups: &[usize]) -> Action {
    Action { id, groups: groups.to_vec(), applies: None }
}

fn applied(
    id: Name,
    groups: &[usize],
    principals: &[usize],
    resources: &[usize],
    context: &Shape,
) -> Action {
    let applies = Applies {
        principals: principals.to_vec(),
        resources: resources.to_vec(),
        context: context.clone(),
    };
    Action { id, groups: groups.to_vec(), applies: Some(applies) }
}

impl Model {
    /// One of a few models, as it is or with other types in places.
    pub(super) fn generate(choices: &mut Choices) -> Self {
        let mut model = match choices.below(3) {
            0 => portal(),
            1 => shop(),
            _ => clock(),
        };
        if choices.chance(60) {
            model.vary(choices);
        }
        model
    }

    /// What a database could keep of each type of rows.
    pub(super) fn tables(&self) -> Vec<(Name, Vec<ColumnOf>)> {
        let stored = self.kinds.iter().take(self.stored);
        let table = |kind: &Kind| {
            let mut columns = Vec::new();
            add_columns(&kind.shape, "", true, &mut columns);
            (kind.name, columns)
        };
        stored.map(table).collect()
    }

    pub(super) fn action_kind(&self) -> usize {
        self.kinds.len() - 1
    }

    fn vary(&mut self, choices: &mut Choices) {
        for kind in 0..self.stored {
            let mut shape = std::mem::take(&mut self.kinds[kind].shape);
            self.vary_shape(choices, &mut shape);
            self.kinds[kind].shape = shape;
            if choices.chance(50) {
                let seldom = [Ty::Bool, Ty::Decimal, Ty::Ip, Ty::Duration];
                let of = if choices.chance(50) {
                    choices.pick(&seldom).clone()
                } else {
                    self.any_type(choices, 1)
                };
                self.kinds[kind].tags = choices.chance(90).then_some(of);
            }
        }
        for action in 0..self.actions.len() {
            let Some(mut applies) = self.actions[action].applies.take() else { continue };
            self.vary_shape(choices, &mut applies.context);
            self.actions[action].applies = Some(applies);
        }
    }

    fn vary_shape(&self, choices: &mut Choices, shape: &mut Shape) {
        for attribute in shape {
            if choices.chance(15) {
                attribute.of = self.any_type(choices, 2);
            }
            if choices.chance(15) {
                attribute.required = !attribute.required;
            }
        }
    }

    pub(super) fn any_type(&self, choices: &mut Choices, depth: usize) -> Ty {
        match choices.below(if depth == 0 { 12 } else { 17 }) {
            number @ 0..7 => PLAIN[number].clone(),
            7..12 => Ty::Entity(choices.below(self.kinds.len())),
            12..15 => set(self.any_type(choices, depth - 1)),
            _ => {
                let names = ["n", "s", "u", "in1", "two words"];
                let first = choices.below(names.len() - 1);
                let count = 1 + choices.below(names.len() - first);
                let attributes = names[first..].iter().take(count).map(|name| Attribute {
                    name,
                    of: self.any_type(choices, depth - 1),
                    required: !choices.chance(30),
                });
                record(attributes.collect())
            }
        }
    }

    /// All that an action is in, itself included.
    pub(super) fn groups(&self, action: usize) -> Vec<usize> {
        let mut found = vec![action];
        let mut at = 0;
        while at < found.len() {
            for group in &self.actions[found[at]].groups {
                if !found.contains(group) {
                    found.push(*group);
                }
            }
            at += 1;
        }
        found
    }

    pub(super) fn schema_text(&self) -> String {
        let namespace = |name: Name| name.rsplit_once("::").map_or("", |(namespace, _)| namespace);
        let own = |name: Name| name.rsplit("::").next().unwrap_or(name);
        let mut namespaces: Vec<Name> =
            self.kinds.iter().map(|kind| namespace(kind.name)).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        let mut text = String::new();
        for space in namespaces {
            let mut body = String::new();
            let here = |kind: &&Kind| namespace(kind.name) == space;
            for kind in self.kinds[..self.action_kind()].iter().filter(here) {
                body += &self.kind_text(own(kind.name), kind);
            }
            if namespace(self.kinds[self.action_kind()].name) == space {
                for action in &self.actions {
                    body += &self.action_text(action);
                }
            }
            text +=
                &if space.is_empty() { body } else { format!("namespace {space} {{\n{body}}}\n") };
        }
        text
    }

    fn kind_text(&self, own: Name, kind: &Kind) -> String {
        if let Some(ids) = kind.ids {
            return format!("entity {own} enum {ids:?};\n");
        }
        let mut text = format!("entity {own}");
        if !kind.parents.is_empty() {
            text += &format!(" in [{}]", self.names(&kind.parents));
        }
        text += &format!(" = {}", self.shape_text(&kind.shape));
        if let Some(tags) = &kind.tags {
            text += &format!(" tags {}", self.type_text(tags));
        }
        text + ";\n"
    }

    fn action_text(&self, action: &Action) -> String {
        let mut text = format!("action {:?}", action.id);
        if !action.groups.is_empty() {
            let groups: Vec<_> =
                action.groups.iter().map(|group| self.actions[*group].id).collect();
            text += &format!(" in {groups:?}");
        }
        if let Some(applies) = &action.applies {
            text += &format!(
                " appliesTo {{ principal: [{}], resource: [{}], context: {} }}",
                self.names(&applies.principals),
                self.names(&applies.resources),
                self.shape_text(&applies.context)
            );
        }
        text + ";\n"
    }

    fn names(&self, kinds: &[usize]) -> String {
        kinds.iter().map(|kind| self.kinds[*kind].name).collect::<Vec<_>>().join(", ")
    }

    fn shape_text(&self, shape: &Shape) -> String {
        let mut text = String::from("{");
        for attribute in shape {
            let mark = if attribute.required { "" } else { "?" };
            // Writing to a string never fails.
            let _infallible =
                write!(text, " {:?}{mark}: {},", attribute.name, self.type_text(&attribute.of));
        }
        text + " }"
    }

    fn type_text(&self, of: &Ty) -> String {
        match of {
            Ty::Bool => "Bool".to_owned(),
            Ty::Long => "Long".to_owned(),
            Ty::Str => "String".to_owned(),
            Ty::Decimal => "decimal".to_owned(),
            Ty::Ip => "ipaddr".to_owned(),
            Ty::Datetime => "datetime".to_owned(),
            Ty::Duration => "duration".to_owned(),
            Ty::Entity(kind) => self.kinds[*kind].name.to_owned(),
            Ty::Set(of) => format!("Set<{}>", self.type_text(of)),
            Ty::Record(shape) => self.shape_text(shape),
        }
    }
}

/// Documents of users in groups.
fn portal() -> Model {
    let [doc, user, team, color, action] = [0, 1, 2, 3, 4].map(Ty::Entity);
    let inner = record(shape([
        ("g", team.clone()),
        ("d?", doc.clone()),
        ("us", set(user.clone())),
        ("n?", Ty::Long),
    ]));
    let outer = record(shape([
        ("n", Ty::Long),
        ("s?", Ty::Str),
        ("u", user.clone()),
        ("in1", inner.clone()),
        ("in2?", inner),
    ]));
    let element = record(shape([("u", user.clone()), ("n", Ty::Long)]));
    let context = shape([
        ("n", Ty::Long),
        ("b?", Ty::Bool),
        ("s", Ty::Str),
        ("u", user.clone()),
        ("a?", action.clone()),
        ("ds", set(doc.clone())),
        ("r", outer.clone()),
        ("ip?", Ty::Ip),
        ("at", Ty::Datetime),
        ("dec", Ty::Decimal),
    ]);
    Model {
        kinds: vec![
            kind(
                "Doc",
                &[0, 1, 2],
                shape([
                    ("n", Ty::Long),
                    ("s", Ty::Str),
                    ("b", Ty::Bool),
                    ("u", user.clone()),
                    ("d?", doc.clone()),
                    ("us", set(user.clone())),
                    ("ss?", set(Ty::Str)),
                    ("r", outer),
                    ("dec", Ty::Decimal),
                    ("at?", Ty::Datetime),
                    ("color", color.clone()),
                ]),
                Some(set(user.clone())),
            ),
            kind(
                "User",
                &[1, 2],
                shape([
                    ("n", Ty::Long),
                    ("s", Ty::Str),
                    ("boss?", user.clone()),
                    ("g", team.clone()),
                    ("gs", set(team.clone())),
                    ("a", action.clone()),
                    ("acts", set(action)),
                    ("ns", set(Ty::Long)),
                    ("rs", set(element.clone())),
                    ("ip", Ty::Ip),
                    ("len?", Ty::Duration),
                    ("two words?", Ty::Long),
                ]),
                Some(user),
            ),
            kind(
                "Team",
                &[2],
                shape([("n", Ty::Long), ("s", Ty::Str), ("up?", team), ("colors", set(color))]),
                Some(element),
            ),
            enumerated("Color", &["red", "green", "blue"]),
            actions("Action"),
        ],
        actions: vec![
            applied("view", &[3], &[1], &[0, 1], &context),
            applied("edit", &[4], &[1], &[0, 1], &context),
            applied("drop", &[], &[1, 2], &[0], &context),
            group("touching", &[4]),
            group("reading", &[]),
            group("other", &[]),
        ],
        stored: 3,
    }
}

/// Items on shelves in shops, in namespaces, with a context per action.
fn shop() -> Model {
    let [item, shelf, staff, area, grade] = [0, 1, 2, 3, 4].map(Ty::Entity);
    let place = record(shape([("shelf", shelf.clone()), ("n", Ty::Long), ("note?", Ty::Str)]));
    let order = record(shape([
        ("of", item.clone()),
        ("by", staff.clone()),
        ("place?", place.clone()),
        ("at", Ty::Datetime),
    ]));
    let base = shape([("n", Ty::Long), ("s", Ty::Str), ("b?", Ty::Bool)]);
    let with = |more: Shape| -> Shape { base.iter().cloned().chain(more).collect() };
    Model {
        kinds: vec![
            kind(
                "Stock::Item",
                &[0, 1, 3],
                with(shape([
                    ("place", place.clone()),
                    ("price", Ty::Decimal),
                    ("due?", Ty::Datetime),
                    ("grade", grade.clone()),
                    ("grades", set(grade)),
                    ("kin", set(item.clone())),
                    ("places", set(place)),
                    ("keeper?", staff.clone()),
                ])),
                Some(Ty::Str),
            ),
            kind(
                "Stock::Shelf",
                &[1, 3],
                with(shape([("area", area.clone()), ("size", Ty::Long), ("net", Ty::Ip)])),
                Some(Ty::Long),
            ),
            kind(
                "Shop::Staff",
                &[2, 3],
                with(shape([
                    ("area", area.clone()),
                    ("last?", order.clone()),
                    ("shift", Ty::Duration),
                    ("desk", Ty::Ip),
                    ("likes", set(item.clone())),
                    ("limit", Ty::Decimal),
                    ("ss", set(Ty::Str)),
                ])),
                Some(order.clone()),
            ),
            kind("Shop::Area", &[3], with(shape([("up?", area), ("nets", set(Ty::Ip))])), None),
            enumerated("Stock::Grade", &["A", "B", "C c"]),
            actions("Shop::Action"),
        ],
        actions: vec![
            applied("look", &[3], &[2], &[0, 1], &shape([("from", Ty::Ip), ("n?", Ty::Long)])),
            applied(
                "order one",
                &[4],
                &[2],
                &[0],
                &shape([("order", order), ("n", Ty::Long), ("at?", Ty::Datetime)]),
            ),
            applied("count", &[3, 4], &[2, 3], &[1, 3], &Vec::new()),
            group("quiet", &[5]),
            group("loud", &[5]),
            group("any", &[]),
        ],
        stored: 4,
    }
}

/// Few attributes, most of them of extension types and in sets and records.
fn clock() -> Model {
    let [node, root] = [0, 1].map(Ty::Entity);
    let span = record(shape([("from", Ty::Datetime), ("len?", Ty::Duration)]));
    let context = shape([
        ("time", Ty::Datetime),
        ("len", Ty::Duration),
        ("ip?", Ty::Ip),
        ("dec?", Ty::Decimal),
        ("span?", span.clone()),
        ("b", Ty::Bool),
        ("nodes?", set(node.clone())),
        ("n", Ty::Long),
    ]);
    let all = shape([
        ("n", Ty::Long),
        ("m?", Ty::Long),
        ("time", Ty::Datetime),
        ("len?", Ty::Duration),
        ("ip", Ty::Ip),
        ("dec", Ty::Decimal),
        ("span", span),
        ("up?", node.clone()),
        ("key", Ty::Str),
    ]);
    let more = shape([("nested", set(set(Ty::Long))), ("lens", set(Ty::Duration))]);
    let more: Shape = all.iter().cloned().chain(more).collect();
    Model {
        kinds: vec![
            kind("Node", &[0, 1], all, Some(Ty::Datetime)),
            kind("Root", &[1], more, Some(node)),
            kind("Leaf::Bud", &[], shape([("root", root), ("if", Ty::Bool)]), None),
            actions("Action"),
        ],
        actions: vec![
            applied("tick", &[2], &[0], &[0, 1], &context),
            applied("tock", &[2], &[0], &[0, 2], &context),
            group("all", &[]),
        ],
        stored: 3,
    }
}
