//! Every call of the benches into doorward: what a new way to ask replaces.

use std::error::Error;
use std::sync::Arc;

use doorward::{
    AsEntity, Changes, ColumnMapping, Context, Dialect, Engine, Entity, EntityUid, EntityWriter,
    Environment, Id, PolicyBundle, Record, Resolved, Sql, TableMapping, Value,
};
use uuid::Uuid;

use super::rows::{
    Action, Client, Contact, Document, InlineDocument, Kind, Role, Rows, permissions_of_all,
};

/// Whether the engine answers ten thousand requests under a thousand policies, and holds a million
/// rows, within the time of a bench run. The reference evaluator takes minutes and gigabytes.
pub const AT_SCALE: bool = true;

/// An engine, with what a host would prepare once.
pub struct Ours {
    engine: Engine,
    /// By action.
    environments: Vec<Environment>,
    /// Without a second factor, and with one.
    contexts: [Context; 2],
    /// The host's table of documents, where it keeps them.
    documents: TableMapping,
}

/// One contact's questions, without a second factor and with one.
pub struct Checker<'o> {
    ours: &'o Ours,
    checkers: [doorward::Checker; 2],
}

/// A document that was looked up before.
#[derive(Clone)]
pub struct Resource(Resolved);

/// Parsed and validated policies.
pub fn bundle(schema: &str, policies: &str) -> Result<PolicyBundle, Box<dyn Error>> {
    let bundle = PolicyBundle::builder()
        .schema("schema.cedarschema", schema)
        .policies("policies.cedar", policies)
        .build()?;
    Ok(bundle)
}

impl AsEntity for InlineDocument {
    fn type_name(&self) -> &str {
        "Document"
    }

    fn id(&self) -> Id<'_> {
        self.id.into()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        to.entity("client", "Client", self.client)
            .entity("kind", "Kind", self.kind.name())
            .text("level", self.level.name())
            .text("state", self.state.name())
            .long("amount", self.amount)
            .text("currency", self.currency.name())
            .entities("invited", "Contact", self.invited.iter().copied())
            .entities("assigned", "Contact", self.assigned.iter().copied())
            .parent("Client", self.client);
    }
}

impl Ours {
    fn new(engine: Engine) -> Result<Self, Box<dyn Error>> {
        let environments: Vec<Environment> = Action::ALL
            .into_iter()
            .map(|action| engine.environment("Contact", action.name(), "Document"))
            .collect::<Result<_, _>>()?;
        let first = environments.first().ok_or("no action")?;
        let context =
            |mfa: bool| engine.context(first, Record::from([(Arc::from("mfa"), Value::from(mfa))]));
        let contexts = [context(false)?, context(true)?];
        Ok(Self { engine, environments, contexts, documents: documents() })
    }

    /// From Cedar's entity JSON.
    pub fn from_json(bundle: PolicyBundle, entities: &str) -> Result<Self, Box<dyn Error>> {
        let facts = bundle.read_facts(entities)?;
        Self::new(Engine::builder(bundle).facts(facts).build()?)
    }

    /// From typed rows.
    pub fn from_rows(bundle: PolicyBundle, rows: &Rows) -> Result<Self, Box<dyn Error>> {
        let facts = bundle.facts(all(rows))?;
        Self::new(Engine::builder(bundle).facts(facts).build()?)
    }

    /// Over no facts: what compiling costs.
    pub fn empty(bundle: PolicyBundle) -> Result<Self, Box<dyn Error>> {
        Self::new(Engine::builder(bundle).build()?)
    }

    /// The host keeps the documents.
    pub fn inline_documents(bundle: PolicyBundle, entities: &str) -> Result<Self, Box<dyn Error>> {
        let facts = bundle.read_facts(entities)?;
        Self::new(Engine::builder(bundle).host_owned("Document").facts(facts).build()?)
    }

    pub fn check_by_id(&self, contact: u128, action: Action, document: u128, mfa: bool) -> bool {
        self.check(contact.into(), action, document.into(), mfa)
    }

    pub fn check_by_string(
        &self,
        contact: &str,
        action: Action,
        document: &str,
        mfa: bool,
    ) -> bool {
        self.check(contact.into(), action, document.into(), mfa)
    }

    fn check(&self, contact: Id<'_>, action: Action, document: Id<'_>, mfa: bool) -> bool {
        let [without, with] = &self.contexts;
        let context = if mfa { with } else { without };
        self.environments.get(action as usize).is_some_and(|environment| {
            self.engine.check_in(environment, contact, document, context).is_allowed()
        })
    }

    pub fn checker(&self, contact: u128) -> Result<Checker<'_>, Box<dyn Error>> {
        let first = self.environments.first().ok_or("no action")?;
        let [without, with] = &self.contexts;
        let checker = |context| self.engine.checker(first, contact, context);
        Ok(Checker { ours: self, checkers: [checker(without)?, checker(with)?] })
    }

    pub fn check_inline(
        &self,
        contact: u128,
        action: Action,
        document: &InlineDocument,
        mfa: bool,
    ) -> bool {
        let [without, with] = &self.contexts;
        let context = if mfa { with } else { without };
        self.environments.get(action as usize).is_some_and(|environment| {
            self.engine.check_inline(environment, contact, &[document], context).is_allowed()
        })
    }

    /// A contact's checker, without a second factor or with one, and the environment of an action.
    pub fn asking(
        &self,
        contact: u128,
        action: Action,
        mfa: bool,
    ) -> Result<(doorward::Checker, &Environment), Box<dyn Error>> {
        let environment = self.environments.get(action as usize).ok_or("no such action")?;
        let [without, with] = &self.contexts;
        let context = if mfa { with } else { without };
        Ok((self.engine.checker(environment, contact, context)?, environment))
    }

    /// What a contact may do with each of some documents, in each of some ways.
    pub fn page(
        &self,
        contact: u128,
        actions: &[Action],
        documents: &[u128],
    ) -> Result<Vec<bool>, Box<dyn Error>> {
        let first = self.environments.first().ok_or("no action")?;
        let [_, context] = &self.contexts;
        let environments: Vec<&Environment> =
            actions.iter().filter_map(|it| self.environments.get(*it as usize)).collect();
        let checker = self.engine.checker(first, contact, context)?;
        Ok(checker.allowed(&environments, documents.iter().copied()))
    }

    /// The documents that a contact may view, as a condition on the host's table of them.
    pub fn view_filter(&self, contact: u128) -> Result<Sql, Box<dyn Error>> {
        let (checker, environment) = self.asking(contact, Action::View, true)?;
        let filter = checker.filter(environment, &self.documents)?;
        Ok(filter.to_sql(Dialect::Postgres, "d"))
    }

    /// Stores one row and publishes it.
    pub fn put(&self, row: Entity) -> Result<(), Box<dyn Error>> {
        self.engine.apply(&Changes::new().put(row))?;
        Ok(())
    }
}

impl Checker<'_> {
    pub fn resource(&self, document: u128) -> Option<Resource> {
        let [checker, _] = &self.checkers;
        checker.resolve(self.ours.environments.first()?, document).map(Resource)
    }

    pub fn check(&self, action: Action, document: &Resource, mfa: bool) -> bool {
        let [without, with] = &self.checkers;
        let checker = if mfa { with } else { without };
        self.ours
            .environments
            .get(action as usize)
            .is_some_and(|environment| checker.check_resolved(environment, document.0).is_allowed())
    }
}

fn documents() -> TableMapping {
    TableMapping::new("Document", ColumnMapping::uuid("id"))
        .column("client", ColumnMapping::uuid("client_id"))
        .column("kind", ColumnMapping::text("kind"))
        .column("level", ColumnMapping::text("level"))
        .column("state", ColumnMapping::text("state"))
        .column("amount", ColumnMapping::integer("amount"))
        .column("currency", ColumnMapping::text("currency"))
        .related("invited", "invitations", "document_id", ColumnMapping::uuid("contact_id"))
        .related("assigned", "assignments", "document_id", ColumnMapping::uuid("contact_id"))
}

/// A row of the host's tables.
pub enum Row<'r> {
    Other(Entity),
    Client(&'r Rows, &'r Client),
    Contact(&'r Rows, &'r Contact),
    Document(&'r Rows, &'r Document),
}

/// All rows, tables one after the other.
pub fn all(rows: &Rows) -> impl Iterator<Item = Row<'_>> {
    let tenant = Entity::new(uid("Tenant", rows.tenant)).with("open", rows.open);
    let permissions = permissions_of_all().map(|it| Entity::new(permission(it)));
    let sets = Role::ALL.into_iter().zip(&rows.sets).map(|(role, held)| {
        let mut row = Entity::new(EntityUid::new("PermissionSet", role.name()));
        row.set_parents(held.iter().map(permission));
        row
    });
    let kinds = Kind::ALL.into_iter().map(|kind| {
        let row = Entity::new(EntityUid::new("Kind", kind.name())).with("name", kind.name());
        Action::ALL
            .into_iter()
            .fold(row, |row, action| row.with(action.name(), permission((kind, action))))
    });
    let others = [tenant].into_iter().chain(permissions).chain(sets).chain(kinds);
    others
        .map(Row::Other)
        .chain(rows.clients.iter().map(|row| Row::Client(rows, row)))
        .chain(rows.contacts.iter().map(|row| Row::Contact(rows, row)))
        .chain(rows.documents.iter().map(|row| Row::Document(rows, row)))
}

impl AsEntity for Row<'_> {
    fn type_name(&self) -> &str {
        match self {
            Self::Other(entity) => entity.type_name(),
            Self::Client(..) => "Client",
            Self::Contact(..) => "Contact",
            Self::Document(..) => "Document",
        }
    }

    fn id(&self) -> Id<'_> {
        match self {
            Self::Other(entity) => entity.id(),
            Self::Client(_, row) => row.id.into(),
            Self::Contact(_, row) => row.id.into(),
            Self::Document(_, row) => row.id.into(),
        }
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        match self {
            Self::Other(entity) => entity.write(to),
            Self::Client(rows, row) => row.write(rows, to),
            Self::Contact(rows, row) => row.write(rows, to),
            Self::Document(rows, row) => row.write(rows, to),
        }
    }
}

impl Client {
    fn write(&self, rows: &Rows, to: &mut EntityWriter<'_>) {
        let on = |kind: &Kind| self.modules & kind.bit() != 0;
        to.entity("tenant", "Tenant", rows.tenant)
            .bool("archived", self.archived)
            .texts("modules", Kind::ALL.into_iter().filter(on).map(Kind::name))
            .parent("Tenant", rows.tenant);
    }
}

impl Contact {
    fn write(&self, rows: &Rows, to: &mut EntityWriter<'_>) {
        let client = client_id(rows, self.client);
        let denied: Vec<EntityUid> = self.denied.iter().map(permission).collect();
        to.entity("client", "Client", client)
            .text("role", self.role.name())
            .text("access", self.access.name())
            .bool("must_change", self.must_change)
            .long("limit", self.limit)
            .text("currency", self.currency.name())
            .entities("denied", "Permission", denied.iter().map(EntityUid::id))
            .bool("mail", self.mail)
            .parent("Client", client)
            .parent("PermissionSet", self.role.name());
    }
}

impl Document {
    fn write(&self, rows: &Rows, to: &mut EntityWriter<'_>) {
        let contacts = |places: &[u32]| -> Vec<u128> {
            let found = places.iter().filter_map(|place| rows.contacts.get(*place as usize));
            found.map(|contact| contact.id).collect()
        };
        let client = client_id(rows, self.client);
        to.entity("client", "Client", client)
            .entity("kind", "Kind", self.kind.name())
            .text("level", self.level.name())
            .text("state", self.state.name())
            .long("amount", self.amount)
            .text("currency", self.currency.name())
            .entities("invited", "Contact", contacts(&self.invited))
            .entities("assigned", "Contact", contacts(&self.assigned))
            .parent("Client", client);
    }
}

/// A document as a whole entity, to be written.
pub fn document_entity(rows: &Rows, document: &Document) -> Result<Entity, Box<dyn Error>> {
    Ok(Entity::of(&Row::Document(rows, document))?)
}

fn client_id(rows: &Rows, place: u32) -> u128 {
    rows.clients.get(place as usize).map_or(0, |client| client.id)
}

fn permission((kind, action): (Kind, Action)) -> EntityUid {
    EntityUid::new("Permission", format!("{}.{}", kind.name(), action.name()))
}

fn uid(type_name: &str, id: u128) -> EntityUid {
    EntityUid::new(type_name, Uuid::from_u128(id).to_string())
}
