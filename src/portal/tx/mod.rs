//! Commands of a write, and what they must keep.

mod access;
mod acts;
mod contacts;
mod documents;
mod erase;
mod relations;
mod rules;
mod shares;
mod tenancy;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use contacts::{ContactEdit, NewContact};
pub use documents::{Recipients, Sent, Watch};
pub use relations::Relation;
pub use shares::NewShare;
pub use tenancy::{Archive, NewStaff};

pub(super) use access::is_final;
pub(super) use shares::is_over;

use super::caller::Caller;
use super::document::Resource;
use super::error::{Finding, Violation, WriteError};
use super::id::{ClientId, ContactId, DocumentId};
use super::name::{Action, Kind};
use super::rows::{self, Row as _};
use super::settings::{Cascade, KindSettings, Settings};
use super::tenant::Tenant;
use crate::audit;
use crate::engine::World;
use crate::facts::{Change, Changes, Entity, EntityUid, Facts, Value};

/// A write under way: commands on a copy of the facts, published together or not at all.
///
/// Each command authorises the actor against the facts as the commands before it left them; a
/// command that is refused fails the whole write, even if its error is dropped. Rules on the
/// result (an enabled contact has an e-mail) are judged once, on the final state, so that the
/// order of commands does not matter.
#[derive(Debug)]
pub struct Tx<'t> {
    tenant: &'t Tenant,
    actor: Option<&'t Caller>,
    world: Arc<World>,
    facts: Facts,
    touched: BTreeSet<EntityUid>,
    violations: Vec<Violation>,
    refused: Option<WriteError>,
    findings: Vec<Finding>,
    /// Who was given a part in a document that he had one in: pairs of document and contact.
    duplicates: BTreeSet<(EntityUid, EntityUid)>,
    /// Documents that were completed.
    completed: BTreeSet<EntityUid>,
    /// The permissions that commands named.
    permissions: BTreeSet<String>,
    /// Permissions that were given by who lacks them, each with what to say of it.
    lacking: Vec<(String, String)>,
    /// The commands so far, where they are recorded.
    journal: Vec<audit::Record>,
    /// Documents that were sent while they could still be signed.
    sent: BTreeSet<EntityUid>,
    /// Clients that were put below others who are below them, with these.
    rounds: BTreeMap<EntityUid, EntityUid>,
}

impl<'t> Tx<'t> {
    pub(super) fn begin(tenant: &'t Tenant, actor: Option<&'t Caller>) -> Self {
        let world = tenant.world();
        let facts = world.facts().clone();
        Self {
            tenant,
            actor,
            world,
            facts,
            touched: BTreeSet::new(),
            violations: Vec::new(),
            refused: None,
            findings: Vec::new(),
            duplicates: BTreeSet::new(),
            completed: BTreeSet::new(),
            permissions: BTreeSet::new(),
            lacking: Vec::new(),
            journal: Vec::new(),
            sent: BTreeSet::new(),
            rounds: BTreeMap::new(),
        }
    }

    /// The commands so far, to be recorded once it is known what came of them.
    pub(super) fn take_journal(&mut self) -> Vec<audit::Record> {
        std::mem::take(&mut self.journal)
    }

    /// The changes to publish, if the final state keeps every rule.
    pub(super) fn finish(mut self) -> Result<(Changes, Vec<Finding>), WriteError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.settle_heads();
        self.settle_parents();
        self.judge()?;
        if !self.violations.is_empty() {
            return Err(WriteError::rejected(self.violations));
        }
        let before = self.world.facts();
        let changes = self.touched.into_iter().filter_map(|uid| match self.facts.entity(&uid) {
            Some(row) if before.entity(&uid).as_ref() == Some(&row) => None,
            Some(row) => Some(Change::Put(row)),
            None => before.contains(&uid).then_some(Change::Remove(uid)),
        });
        Ok((changes.collect(), self.findings))
    }

    /// The tenant that is written to, for naming ids.
    #[must_use]
    pub fn tenant(&self) -> &'t Tenant {
        self.tenant
    }

    /// Asks the policies whether the actor may do this, on the facts as they are now.
    fn authorise(
        &mut self,
        action: Action,
        resource: impl Into<Resource>,
        fields: &[&str],
    ) -> Result<(), WriteError> {
        let resource = resource.into();
        let Some(actor) = self.actor else {
            self.journal.extend(self.tenant.system_command(&self.world, action, &resource));
            return self.own(&resource);
        };
        let world = self.world.with_facts(self.facts.clone());
        let decision = self.tenant.decide(&world, actor, action, &resource, fields);
        let command = self.tenant.command(&world, actor, action, &resource, fields, &decision);
        self.journal.extend(command);
        if decision.is_allowed() {
            return Ok(());
        }
        Err(self.refuse(WriteError::denied(action, described(&resource), decision)))
    }

    /// The system may do everything, to this tenant alone.
    fn own(&mut self, resource: &Resource) -> Result<(), WriteError> {
        resource.tenants().into_iter().try_for_each(|tenant| self.own_tenant(tenant))
    }

    /// Every id that a command takes is of this tenant: within it, only the rest of an id is looked
    /// up.
    fn own_tenant(&mut self, tenant: &str) -> Result<(), WriteError> {
        if tenant == self.tenant.id() {
            return Ok(());
        }
        let message = format!("{tenant} is another tenant than {}", self.tenant.id());
        Err(self.reject("CROSS_TENANT", message))
    }

    /// Fails the write at once.
    fn reject(&mut self, code: &'static str, message: impl Into<String>) -> WriteError {
        self.refuse(WriteError::rejected(vec![Violation::new(code, message)]))
    }

    /// The first refusal is the one that the write reports.
    fn refuse(&mut self, error: WriteError) -> WriteError {
        self.refused.get_or_insert(error).clone()
    }

    /// Fails the write at its end, where it is ranked among all violations.
    fn violate(&mut self, code: &'static str, message: impl Into<String>) {
        self.violations.push(Violation::new(code, message));
    }

    fn put(&mut self, row: Entity) {
        self.touched.insert(row.uid().clone());
        self.facts.put(&row);
    }

    fn remove(&mut self, uid: &EntityUid) {
        self.touched.insert(uid.clone());
        self.facts.remove(uid);
    }

    /// A row that a command is about.
    fn row(&mut self, uid: &EntityUid) -> Result<Entity, WriteError> {
        match self.facts.entity(uid) {
            Some(row) => Ok(row),
            None => Err(self.reject("UNKNOWN_ID", format!("there is no {uid}"))),
        }
    }

    /// A contact that a command is about; where it is not there, the write fails at its end.
    fn known_contact(&mut self, contact: &ContactId) -> Option<Entity> {
        let row = self.facts.entity(&contact.uid());
        let known = row.filter(rows::is_live);
        if known.is_none() {
            self.violate("UNKNOWN_CONTACT", format!("there is no contact {contact}"));
        }
        known
    }

    /// An empty id stands for what is not there: see [`rows::no_client`] and `Prospect::document`.
    fn not_empty(&mut self, id: &str) -> Result<(), WriteError> {
        if id.is_empty() { Err(self.reject("UNKNOWN_ID", "an id is empty")) } else { Ok(()) }
    }

    fn is_declared(&self, kind: &Kind) -> bool {
        self.facts.contains(&kind.uid())
    }

    fn new_id(&mut self, uid: &EntityUid) -> Result<(), WriteError> {
        self.not_empty(uid.id())?;
        if self.facts.contains(uid) {
            return Err(self.reject("DUPLICATE_ID", format!("there is {uid} already")));
        }
        Ok(())
    }

    /// Adds entities to, or takes them from, a set on a row.
    fn edit_set(&self, row: &mut Entity, name: &str, edit: impl FnOnce(&mut BTreeSet<EntityUid>)) {
        let mut elements = row.entities_at(name).into_iter().collect();
        edit(&mut elements);
        row.set(name, Value::entities(elements));
    }

    /// The row of whom a document was given to, empty where there is none yet.
    fn access_row(&mut self, document: &DocumentId) -> Result<Entity, WriteError> {
        // The row of the empty id would give every prospect away.
        self.not_empty(document.id())?;
        let uid = rows::access(document);
        Ok(self.facts.entity(&uid).unwrap_or_else(|| {
            let nobody = || Value::entities([]);
            Entity::new(uid)
                .with("invited", nobody())
                .with("involved", nobody())
                .with("watchers", nobody())
        }))
    }

    /// The settings that hold for a client, or for the tenant alone.
    fn cascade(&mut self, client: Option<&ClientId>) -> Result<Cascade, WriteError> {
        let tenant = self.settings_of(&rows::tenant(self.tenant.id()))?;
        let Some(client) = client.map(ClientId::uid) else {
            let (group, client) = (Settings::default(), Settings::default());
            return Ok(Cascade { tenant, group, client });
        };
        let group = match self.row(&client)?.entity_at("group") {
            Some(group) => self.settings_of(group)?,
            None => Settings::default(),
        };
        Ok(Cascade { tenant, group, client: self.settings_of(&client)? })
    }

    /// What is chosen for the kind of a document, where the document is.
    fn chosen_for(&mut self, document: &Entity) -> Result<KindSettings, WriteError> {
        match document.entity_at("rule").and_then(|rule| rows::rule_of(rule, self.tenant)) {
            Some((kind, client)) => Ok(self.cascade(client.as_ref())?.kind(&kind)),
            None => Ok(KindSettings::default()),
        }
    }

    fn settings_of(&mut self, uid: &EntityUid) -> Result<Settings, WriteError> {
        let row = self.row(uid)?;
        Settings::from_row(&row).map_err(|error| self.refuse(error.into()))
    }
}

fn described(resource: &Resource) -> String {
    match resource {
        Resource::Document(document) | Resource::Child { document, .. } => document.to_string(),
        Resource::Inline { document, .. } => document.id().to_string(),
        Resource::Prospect(prospect) => format!("a new {}", prospect.kind()),
        Resource::Contact(contact) => contact.to_string(),
        Resource::Client(client) => client.to_string(),
        Resource::Portal => "the portal".to_owned(),
    }
}
