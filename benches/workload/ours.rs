//! Every call of the benches into doorward: what a new way to ask replaces.

use std::error::Error;
use std::sync::Arc;

use doorward::{
    AsEntity, Changes, Context, Engine, Entity, EntityUid, EntityWriter, Environment, Id,
    PolicyBundle, Record, Resolved, Value,
};
use uuid::Uuid;

use super::rows::{
    Action, Contact, Document, InlineDocument, Kind, Role, Rows, permissions_of_all,
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
        Ok(Self { engine, environments, contexts })
    }

    /// From Cedar's entity JSON.
    pub fn from_json(bundle: PolicyBundle, entities: &str) -> Result<Self, Box<dyn Error>> {
        let facts = bundle.read_facts(entities)?;
        Self::new(Engine::builder(bundle).facts(facts).build()?)
    }

    /// From typed rows.
    pub fn from_rows(bundle: PolicyBundle, rows: Vec<Entity>) -> Result<Self, Box<dyn Error>> {
        let facts = bundle.facts(rows)?;
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

/// The rows as doorward takes them.
pub fn entities(rows: &Rows) -> Vec<Entity> {
    let tenant = uid("Tenant", rows.tenant);
    let permission = |(kind, action)| permission(kind, action);
    let mut entities = vec![Entity::new(tenant.clone()).with("open", rows.open)];
    entities.extend(permissions_of_all().map(|it| Entity::new(permission(it))));
    for (role, held) in Role::ALL.into_iter().zip(&rows.sets) {
        let mut row = Entity::new(EntityUid::new("PermissionSet", role.name()));
        row.set_parents(held.iter().map(permission));
        entities.push(row);
    }
    entities.extend(Kind::ALL.into_iter().map(|kind| {
        let row = Entity::new(EntityUid::new("Kind", kind.name())).with("name", kind.name());
        Action::ALL
            .into_iter()
            .fold(row, |row, action| row.with(action.name(), self::permission(kind, action)))
    }));
    entities.extend(rows.clients.iter().map(|client| {
        let on = |kind: &Kind| client.modules & kind.bit() != 0;
        Entity::new(uid("Client", client.id))
            .with("tenant", tenant.clone())
            .with("archived", client.archived)
            .with("modules", Value::strings(Kind::ALL.into_iter().filter(on).map(Kind::name)))
            .parent(tenant.clone())
    }));
    entities.extend(rows.contacts.iter().map(|row| contact_entity(rows, row)));
    entities.extend(rows.documents.iter().map(|row| document_entity(rows, row)));
    entities
}

fn contact_entity(rows: &Rows, contact: &Contact) -> Entity {
    let client = client_uid(rows, contact.client);
    let denied = contact.denied.iter().map(|(kind, action)| permission(kind, action));
    Entity::new(uid("Contact", contact.id))
        .with("client", client.clone())
        .with("role", contact.role.name())
        .with("access", contact.access.name())
        .with("must_change", contact.must_change)
        .with("limit", contact.limit)
        .with("currency", contact.currency.name())
        .with("denied", Value::entities(denied))
        .with("mail", contact.mail)
        .parent(client)
        .parent(EntityUid::new("PermissionSet", contact.role.name()))
}

pub fn document_entity(rows: &Rows, document: &Document) -> Entity {
    let contacts = |places: &[u32]| {
        let found = places.iter().filter_map(|place| rows.contacts.get(*place as usize));
        Value::entities(found.map(|contact| uid("Contact", contact.id)))
    };
    let client = client_uid(rows, document.client);
    Entity::new(uid("Document", document.id))
        .with("client", client.clone())
        .with("kind", EntityUid::new("Kind", document.kind.name()))
        .with("level", document.level.name())
        .with("state", document.state.name())
        .with("amount", document.amount)
        .with("currency", document.currency.name())
        .with("invited", contacts(&document.invited))
        .with("assigned", contacts(&document.assigned))
        .parent(client)
}

fn client_uid(rows: &Rows, place: u32) -> EntityUid {
    uid("Client", rows.clients.get(place as usize).map_or(0, |client| client.id))
}

fn permission(kind: Kind, action: Action) -> EntityUid {
    EntityUid::new("Permission", format!("{}.{}", kind.name(), action.name()))
}

fn uid(type_name: &str, id: u128) -> EntityUid {
    EntityUid::new(type_name, Uuid::from_u128(id).to_string())
}
