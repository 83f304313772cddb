//! Random facts, policies and requests, directed by types, with a share of ill-typed ones.

mod expression;
mod model;
mod plain;
mod policy;
mod value;

use std::fmt;

use doorward::{Entity, Record, Request};
use serde_json::{Value as Json, json};

use crate::Choices;
use model::{Model, Name};
pub use policy::{Link, Policy};
pub(crate) use value::cedar_pairs;
pub use value::{Uid, Val};

/// Ids of rows. The last ones have none: no facts hold them.
const IDS: [Name; 7] =
    ["0", "1", "2", "01234567-89ab-cdef-0123-456789abcdef", "q\"ü", "gone", "none"];
const ROWS: usize = 5;
/// How many requests are asked of each world.
pub const QUERIES: usize = 4;

/// Policies, and worlds to try them on.
#[derive(Debug, Clone)]
pub struct Case {
    /// The schema's text, where there is one.
    pub schema: Option<String>,
    /// In the order of the bundle.
    pub policies: Vec<Policy>,
    /// Links of the templates among them.
    pub links: Vec<Link>,
    /// Types whose rows may be passed inline.
    pub hosted: Option<Name>,
    /// Facts and requests.
    pub worlds: Vec<World>,
    /// What a database could keep of the types of rows, in columns.
    pub tables: Vec<(Name, Vec<ColumnOf>)>,
}

/// An attribute, or a member of a record, as a column or a related table.
#[derive(Debug, Clone)]
pub struct ColumnOf {
    /// The attribute, and the members within.
    pub path: String,
    /// What stands there.
    pub holds: Holds,
    /// Whether it is a set of those.
    pub is_set: bool,
    /// Whether it is always there.
    pub required: bool,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A boolean.
    Bool,
    /// An integer.
    Long,
    /// A text.
    Text,
    /// The id of an entity.
    Entity,
    /// Milliseconds.
    Moment,
}

/// Facts, and what is asked of them.
#[derive(Debug, Clone, Hash)]
pub struct World {
    /// Rows that the engine holds.
    pub stored: Vec<Row>,
    /// Rows that requests bring.
    pub inline: Vec<Row>,
    /// Requests.
    pub queries: Vec<Query>,
}

/// An entity with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    pub(crate) uid: Uid,
    pub(crate) attributes: Vec<(Name, Val)>,
    pub(crate) parents: Vec<Uid>,
    pub(crate) tags: Vec<(Name, Val)>,
}

/// A request.
#[derive(Debug, Clone, Hash)]
pub struct Query {
    /// Who asks.
    pub principal: Uid,
    /// What for.
    pub action: Uid,
    /// On what.
    pub resource: Uid,
    pub(crate) context: Vec<(Name, Val)>,
    /// What the engine has to refuse it with, where the types alone say so.
    pub misfit: Option<&'static str>,
}

impl Case {
    /// Makes policies and `worlds` worlds to try them on.
    #[must_use]
    pub fn generate(choices: &mut Choices, worlds: usize) -> Self {
        let schema = choices.chance(50);
        let model = Model::generate(choices);
        // How much of the data and the policies is not of the type that the model says.
        let strays = if schema { 0 } else { *choices.pick(&[0, 2, 8]) };
        let mut maker = Maker { choices, model: &model, schema, strays, fuel: 0 };
        let (policies, links) = maker.policies();
        let hosted =
            maker.choices.chance(35).then(|| model.kinds[maker.choices.below(model.stored)].name);
        let mut made: Vec<World> = Vec::with_capacity(worlds);
        for _ in 0..worlds {
            let world = maker.world(hosted, made.last());
            made.push(world);
        }
        let worlds = made;
        let schema = schema.then(|| model.schema_text());
        let tables = model.tables();
        Self { schema, policies, links, hosted, worlds, tables }
    }
}

/// What all generators share.
struct Maker<'t> {
    choices: &'t mut Choices,
    model: &'t Model,
    schema: bool,
    /// In a hundred.
    strays: usize,
    /// What is left of the size of a policy.
    fuel: usize,
}

impl Maker<'_> {
    /// A world; some are much like the one before, and are asked some of the same.
    fn world(&mut self, hosted: Option<Name>, before: Option<&World>) -> World {
        let mut rows = self.rows();
        let before = before.filter(|_| self.choices.chance(50));
        if let Some(before) = before {
            self.keep_most(&mut rows, before);
        }
        let brought =
            |row: &Row| Some(row.uid.of) == hosted && matches!(row.uid.id, "0" | "2" | "q\"ü");
        let (inline, stored) = rows.into_iter().partition(brought);
        let queries = (0..QUERIES).map(|at| {
            let asked = before.and_then(|before| before.queries.get(at));
            match asked.filter(|_| self.choices.chance(50)) {
                Some(again) => again.clone(),
                None => self.query(),
            }
        });
        World { queries: queries.collect(), stored, inline }
    }

    /// Puts most of the rows before, or all but one or two, in the place of new ones.
    fn keep_most(&mut self, rows: &mut Vec<Row>, before: &World) {
        let share = *self.choices.pick(&[80, 95]);
        for row in before.stored.iter().chain(&before.inline) {
            if self.choices.chance(share) {
                rows.retain(|new| new.uid != row.uid);
                rows.push(row.clone());
            }
        }
    }

    fn query(&mut self) -> Query {
        let model = self.model;
        let asked: Vec<_> =
            model.actions.iter().filter(|action| action.applies.is_some()).collect();
        let action = *self.choices.pick(&asked);
        let applies = action.applies.as_ref().expect("it applies");
        let principal = *self.choices.pick(&applies.principals);
        let resource = *self.choices.pick(&applies.resources);
        let mut query = Query {
            principal: self.uid(principal),
            action: Uid { of: model.kinds[model.action_kind()].name, id: action.id },
            resource: self.uid(resource),
            context: self.attributes(&applies.context, self.strays, 0),
            misfit: None,
        };
        if self.schema && self.choices.chance(3) {
            self.misfit(&mut query, resource);
        } else if !self.schema && self.choices.chance(self.strays) {
            let kind = self.choices.below(model.kinds.len());
            query.principal = self.uid(kind);
        }
        query
    }

    /// Makes a request that does not fit the schema.
    fn misfit(&mut self, query: &mut Query, resource: usize) {
        let model = self.model;
        match self.choices.below(5) {
            0 => {
                query.principal.of = "Nobody";
                query.misfit = Some("UNKNOWN_KIND");
            }
            1 => {
                query.action.id = "nothing";
                query.misfit = Some("UNKNOWN_ACTION");
            }
            2 => {
                let applies = |action: &&model::Action| {
                    let applies = action.applies.as_ref();
                    applies.is_some_and(|applies| applies.resources.contains(&resource))
                };
                // An action that no request may ask for, or not of such a resource.
                if let Some(other) = model.actions.iter().find(|action| !applies(action)) {
                    query.action.id = other.id;
                    query.misfit = Some("UNKNOWN_ACTION");
                }
            }
            3 => {
                query.context.push(("surplus", Val::Bool(true)));
                query.misfit = Some("INVALID_REQUEST");
            }
            _ => {
                if let Some((_, value)) = query.context.first_mut() {
                    // Neither is a type of any attribute of a context's shape.
                    *value = Val::Set(vec![Val::Set(vec![Val::Set(vec![Val::Bool(true)])])]);
                    query.misfit = Some("INVALID_REQUEST");
                }
            }
        }
    }

    fn rows(&mut self) -> Vec<Row> {
        let model = self.model;
        let mut rows = Vec::new();
        // Parents stand later in this order, so that there are no cycles.
        let order: Vec<(usize, Name)> =
            (0..model.stored).flat_map(|of| IDS[..ROWS].iter().map(move |id| (of, *id))).collect();
        for (place, (of, id)) in order.iter().enumerate() {
            if self.choices.chance(12) {
                continue;
            }
            let kind = &model.kinds[*of];
            let may: Vec<_> = order[place + 1..]
                .iter()
                .filter(|(of, _)| !self.schema || kind.parents.contains(of))
                .collect();
            let mut parents = Vec::new();
            if !may.is_empty() {
                for _ in 0..*self.choices.pick(&[0, 1, 1, 2, 3]) {
                    let (of, id) = self.choices.pick(&may);
                    parents.push(Uid { of: model.kinds[*of].name, id });
                }
            }
            let mut tags = Vec::new();
            if let Some(tagged) = &kind.tags {
                for key in ["k", "key two"] {
                    if self.choices.chance(60) {
                        tags.push((key, self.value(tagged, self.strays, 0)));
                    }
                }
            }
            rows.push(Row {
                uid: Uid { of: kind.name, id },
                attributes: self.attributes(&kind.shape, self.strays, 0),
                parents,
                tags,
            });
        }
        if !self.schema {
            self.action_rows(&mut rows);
        }
        rows
    }

    /// Without a schema the facts say how actions are grouped.
    fn action_rows(&mut self, rows: &mut Vec<Row>) {
        let of = self.model.kinds[self.model.action_kind()].name;
        for action in &self.model.actions {
            if !action.groups.is_empty() && self.choices.chance(85) {
                let parent = |group: &usize| Uid { of, id: self.model.actions[*group].id };
                let parents = action.groups.iter().map(parent).collect();
                let uid = Uid { of, id: action.id };
                rows.push(Row { uid, attributes: Vec::new(), parents, tags: Vec::new() });
            }
        }
    }

    /// An entity of a kind; some have no row.
    fn uid(&mut self, kind: usize) -> Uid {
        let model = self.model;
        let of = model.kinds[kind].name;
        if kind == model.action_kind() {
            return Uid { of, id: self.choices.pick(&model.actions).id };
        }
        if let Some(ids) = model.kinds[kind].ids {
            return Uid { of, id: self.choices.word(ids) };
        }
        // Most lie among the first, so that things meet.
        let id = match self.choices.below(20) {
            0..14 => IDS[self.choices.below(3)],
            _ => IDS[self.choices.below(IDS.len())],
        };
        Uid { of, id }
    }
}

impl Row {
    /// As the library has it.
    #[must_use]
    pub fn to_doorward(&self) -> Entity {
        let mut entity = Entity::new(self.uid.to_doorward());
        for (name, value) in &self.attributes {
            entity.set(*name, value.to_doorward());
        }
        entity.set_parents(self.parents.iter().map(Uid::to_doorward));
        self.tags.iter().fold(entity, |entity, (key, value)| entity.tag(*key, value.to_doorward()))
    }

    /// As Cedar has it.
    #[must_use]
    pub fn to_cedar(&self) -> cedar_policy::Entity {
        cedar_policy::Entity::new_with_tags(
            self.uid.to_cedar(),
            cedar_pairs(&self.attributes),
            self.parents.iter().map(Uid::to_cedar),
            cedar_pairs(&self.tags),
        )
        .expect("values that evaluate")
    }

    /// In Cedar's entity JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "uid": self.uid.to_json(),
            "attrs": value::record_json(&self.attributes),
            "parents": self.parents.iter().map(Uid::to_json).collect::<Vec<_>>(),
            "tags": value::record_json(&self.tags),
        })
    }
}

impl Query {
    /// Its circumstances, as the library has them.
    #[must_use]
    pub fn record(&self) -> Record {
        let context = self.context.iter();
        context.map(|(name, value)| ((*name).into(), value.to_doorward())).collect()
    }

    /// As the library has it.
    #[must_use]
    pub fn to_doorward(&self) -> Request {
        let [principal, action, resource] =
            [&self.principal, &self.action, &self.resource].map(Uid::to_doorward);
        Request::new(principal, action, resource).context(self.record())
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = value::record_json(&self.context);
        write!(f, "{} {} {} {context}", self.principal, self.action, self.resource)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            writeln!(f, "--- schema\n{schema}")?;
        }
        writeln!(f, "--- policies")?;
        for policy in &self.policies {
            writeln!(f, "{}", policy.text)?;
        }
        for link in &self.links {
            let slot = |slot: &Option<Uid>| slot.as_ref().map_or("-".to_owned(), Uid::to_string);
            let (principal, resource) = (slot(&link.principal), slot(&link.resource));
            writeln!(f, "// {} = {} with {principal} {resource}", link.id, link.template)?;
        }
        for world in &self.worlds {
            for (name, rows) in [("facts", &world.stored), ("inline", &world.inline)] {
                writeln!(f, "--- {name}")?;
                for row in rows {
                    writeln!(f, "{}", row.to_json())?;
                }
            }
            writeln!(f, "--- requests")?;
            for query in &world.queries {
                writeln!(f, "{query}")?;
            }
        }
        Ok(())
    }
}
