//! The tenant itself: its kinds, settings, permission sets, staff and clients.

use std::collections::BTreeSet;

use super::Tx;
use crate::facts::{Entity, EntityUid, Value};
use crate::portal::caller::Caller;
use crate::portal::document::Resource;
use crate::portal::error::WriteError;
use crate::portal::id::{ClientGroupId, ClientId, StaffId};
use crate::portal::name::{Action, Channel, Kind};
use crate::portal::preset::{
    KindDeclaration, Owner, PORTAL_PERMISSIONS, RESERVED_KINDS, TenantConfig, catalogue, kinds,
    permissions,
};
use crate::portal::rows::{self, Row as _};
use crate::portal::settings::Settings;

/// A member of the staff to create.
#[derive(Clone)]
#[must_use]
pub struct NewStaff {
    id: StaffId,
    email: Option<String>,
    sets: Option<BTreeSet<String>>,
    clients: Option<Vec<ClientId>>,
}

/// Without the e-mail: it is personal.
impl std::fmt::Debug for NewStaff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewStaff")
            .field("id", &self.id)
            .field("sets", &self.sets)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}

impl NewStaff {
    /// Staff for all clients, with the tenant's sets for new staff.
    pub fn new(id: StaffId) -> Self {
        Self { id, email: None, sets: None, clients: None }
    }

    /// The e-mail, by which staff who are contacts are found out. It is kept normalised.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into().trim().to_lowercase()).filter(|email| !email.is_empty());
        self
    }

    /// The permission sets, instead of the tenant's for new staff.
    pub fn sets<T: Into<String>>(mut self, sets: impl IntoIterator<Item = T>) -> Self {
        self.sets = Some(sets.into_iter().map(Into::into).collect());
        self
    }

    /// Only these clients, instead of all.
    pub fn only_clients(mut self, clients: impl IntoIterator<Item = ClientId>) -> Self {
        self.clients = Some(clients.into_iter().collect());
        self
    }
}

/// What new contacts and staff start with.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Defaults {
    pub(super) sets: BTreeSet<String>,
    pub(super) staff_sets: BTreeSet<String>,
    pub(super) alert_sets: BTreeSet<String>,
    pub(super) receives: BTreeSet<Kind>,
}

/// Settings, permission sets, staff and clients.
impl Tx<'_> {
    /// Writes all rows of a new tenant.
    pub(in crate::portal) fn set_up(&mut self, config: &TenantConfig) -> Result<(), WriteError> {
        let uid = rows::tenant(self.tenant.id());
        let defaults = Defaults {
            sets: config.contact_sets.clone(),
            staff_sets: config.staff_sets.clone(),
            alert_sets: config.contact_alert_sets.clone(),
            receives: config.contact_receives.clone(),
        };
        let tenant = Entity::new(uid.clone())
            .with("tenant", uid)
            .with("defaults", serde_json::to_string(&defaults).unwrap_or_default());
        self.put(tenant);
        let catalogue = catalogue().map_err(|error| self.refuse(error.into()))?;
        for (kind, declared) in &catalogue {
            self.put(kind_row(kind, declared));
        }
        for (kind, declared) in &config.kinds {
            self.put_kind(kind, declared)?;
        }
        for event in &config.events {
            self.put_event(event);
        }
        for (set, held) in &config.sets {
            self.put_permission_set(set, held)?;
        }
        for (set, alerts) in &config.alert_sets {
            self.put_alert_set(set, alerts)?;
        }
        for set in config.contact_sets.iter().chain(&config.staff_sets) {
            self.row(&rows::permission_set(set))?;
        }
        for set in &config.contact_alert_sets {
            self.row(&rows::alert_set(set))?;
        }
        self.set_settings(config.settings.clone())
    }

    /// Declares a kind of the tenant's own, or changes one: its documents go through the same rules
    /// as all others. Sets that hold everything (`*`) hold its permissions at once.
    ///
    /// # Errors
    ///
    /// `DUPLICATE_ID` for a kind that the library ships; `UNKNOWN_ACTION` for an action that
    /// documents do not have; `NO_OWNER_PATH` where the declaration does not say whom its documents
    /// belong to.
    pub fn declare_kind(
        &mut self,
        kind: &Kind,
        declaration: &KindDeclaration,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        self.put_kind(kind, declaration)?;
        let all = self.facts.of_type("PermissionSet");
        let all = all.filter(|set| set.parents().contains(&rows::permission("*")));
        for set in all.collect::<Vec<Entity>>() {
            self.put_permission_set(set.uid().id(), &BTreeSet::from(["*".to_owned()]))?;
        }
        self.resolve_tenant()
    }

    fn put_kind(&mut self, kind: &Kind, declared: &KindDeclaration) -> Result<(), WriteError> {
        let shipped = catalogue().map_err(|error| self.refuse(error.into()))?;
        if shipped.contains_key(kind) || RESERVED_KINDS.contains(&kind.as_str()) {
            return Err(self.reject("DUPLICATE_ID", format!("the kind `{kind}` is the library's")));
        }
        if let Some(action) = declared.actions.iter().find(|action| !action.is_of_documents()) {
            let message = format!("`{action}` is no action on documents, so not one of `{kind}`");
            return Err(self.reject("UNKNOWN_ACTION", message));
        }
        if declared.owner.is_none() {
            let message = format!("the kind `{kind}` does not say whom its documents belong to");
            self.violate("NO_OWNER_PATH", message);
        }
        self.put(kind_row(kind, declared));
        Ok(())
    }

    pub(super) fn defaults(&mut self) -> Result<Defaults, WriteError> {
        let row = self.row(&rows::tenant(self.tenant.id()))?;
        rows::kept(&row, "defaults").map_err(|error| self.refuse(error.into()))
    }

    /// Changes settings of the tenant. What `settings` leaves out stays.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_KIND`; when a network is none.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let mut row = self.row(&rows::tenant(self.tenant.id()))?;
        self.merge_into(&mut row, settings)?;
        self.put(row);
        self.resolve_tenant()
    }

    /// Changes settings of a client group, which is created if it is not there.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`, `UNKNOWN_KIND`.
    pub fn set_group_settings(
        &mut self,
        group: &ClientGroupId,
        settings: Settings,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        self.own_tenant(group.tenant())?;
        let uid = group.uid();
        self.not_empty(uid.id())?;
        let mut row = self
            .facts
            .entity(&uid)
            .unwrap_or_else(|| Entity::new(uid).with("tenant", rows::tenant(self.tenant.id())));
        self.merge_into(&mut row, settings)?;
        self.put(row);
        self.resolve_clients(|client| client.entity_at("group") == Some(&group.uid()))
    }

    /// Changes settings of a client.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `UNKNOWN_KIND`.
    pub fn set_client_settings(
        &mut self,
        client: &ClientId,
        settings: Settings,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, client, &[])?;
        let mut row = self.row(&client.uid())?;
        self.merge_into(&mut row, settings)?;
        self.put(row);
        self.resolve_clients(|row| *row.uid() == client.uid())
    }

    /// Lays settings over those of a row. A kind that is not there would be restricted in vain.
    fn merge_into(&mut self, row: &mut Entity, settings: Settings) -> Result<(), WriteError> {
        if let Some(kind) = settings.kinds.keys().find(|kind| !self.is_declared(kind)) {
            return Err(self.reject("UNKNOWN_KIND", format!("no kind `{kind}` is declared")));
        }
        let mut merged = Settings::from_row(row).map_err(|error| self.refuse(error.into()))?;
        merged.merge(settings);
        row.set("settings", merged.to_text());
        Ok(())
    }

    pub(super) fn resolve_tenant(&mut self) -> Result<(), WriteError> {
        let cascade = self.cascade(None)?;
        let networks = match &cascade.tenant.networks {
            Some(ranges) => Some(self.put_networks(ranges)?),
            None => None,
        };
        let mut row = self.row(&rows::tenant(self.tenant.id()))?;
        cascade.resolve_tenant(&mut row, networks);
        self.put(row);
        self.resolve_rules(None)?;
        self.resolve_clients(|_| true)
    }

    fn put_networks(&mut self, ranges: &[String]) -> Result<Vec<EntityUid>, WriteError> {
        let mut networks = Vec::new();
        for range in ranges {
            let uid = EntityUid::new("Network", range.as_str());
            let range = Value::ip(range).map_err(|error| self.refuse(error.into()))?;
            self.put(Entity::new(uid.clone()).with("range", range));
            networks.push(uid);
        }
        Ok(networks)
    }

    /// Writes what the settings come to for some clients.
    fn resolve_clients(&mut self, which: impl Fn(&Entity) -> bool) -> Result<(), WriteError> {
        let clients: Vec<Entity> = self.facts.of_type("Client").filter(|row| which(row)).collect();
        for mut row in clients {
            let client = self.tenant.client(row.uid().shared_id());
            let kinds = kinds(&self.facts);
            self.cascade(Some(&client))?.resolve_client(&mut row, kinds.keys());
            self.put(row);
            self.resolve_rules(Some(&client))?;
        }
        Ok(())
    }

    /// Writes what the settings come to for each kind at a client, or at the tenant.
    fn resolve_rules(&mut self, client: Option<&ClientId>) -> Result<(), WriteError> {
        let cascade = self.cascade(client)?;
        for kind in kinds(&self.facts).into_keys() {
            let uid = rows::rule(&kind, client);
            let mut row = self.facts.entity(&uid).unwrap_or_else(|| {
                Entity::new(uid)
                    .with("client", client.map_or_else(rows::no_client, ClientId::uid))
                    .with("kind", kind.uid())
                    .with("watchers", Value::entities([]))
            });
            cascade.resolve_rule(&kind, &mut row)?;
            self.put(row);
        }
        Ok(())
    }

    /// Defines a permission set, or changes what it holds, for all its holders at once.
    ///
    /// # Errors
    ///
    /// At the end of the write `NO_ESCALATION` where the actor adds what he lacks, and
    /// `UNKNOWN_PERMISSION`.
    pub fn define_permission_set<T: Into<String>>(
        &mut self,
        set: &str,
        held: impl IntoIterator<Item = T>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let uid = rows::permission_set(set);
        let before = self.facts.parents(&uid);
        self.put_permission_set(set, &held.into_iter().map(Into::into).collect())?;
        let after = self.facts.parents(&uid);
        let added: Vec<EntityUid> = after.difference(&before).cloned().collect();
        self.check_escalation(format!("the set {set}"), &added);
        Ok(())
    }

    fn put_permission_set(&mut self, set: &str, held: &BTreeSet<String>) -> Result<(), WriteError> {
        self.not_empty(set)?;
        let mut row = Entity::new(rows::permission_set(set));
        if held.contains("*") {
            // No policy asks for this one: it says that the set holds what is declared later, too.
            row = row.parent(rows::permission("*"));
            for permission in permissions(&kinds(&self.facts)) {
                row = row.parent(rows::permission(&permission));
            }
        }
        for permission in held.iter().filter(|permission| *permission != "*") {
            self.name_permission(permission);
            row = row.parent(rows::permission(permission));
        }
        self.put(row);
        Ok(())
    }

    /// A permission that a command names; where it is not there in the end, the write fails.
    pub(super) fn name_permission(&mut self, permission: &str) {
        self.permissions.insert(permission.to_owned());
    }

    /// The permissions that no action needs, not even one of a kind that the write declares; and
    /// what was given by those who lack it, which nobody does of what is not there.
    pub(super) fn check_permissions(&mut self) {
        for permission in std::mem::take(&mut self.permissions) {
            if !self.is_permission(&permission) {
                let message = format!("no action needs `{}`", crate::facts::shorten(&permission));
                self.violate("UNKNOWN_PERMISSION", message);
            }
        }
        for (permission, message) in std::mem::take(&mut self.lacking) {
            if permission == "*" || self.is_permission(&permission) {
                self.violate("NO_ESCALATION", format!("{message}: {permission}"));
            }
        }
    }

    fn is_permission(&self, permission: &str) -> bool {
        let of_kind = |(kind, right): (&str, &str)| {
            let right = right.strip_suffix("_on_behalf").unwrap_or(right);
            let kind = self.facts.entity(&EntityUid::new("Kind", kind));
            kind.is_some_and(|kind| kind.attribute(right).and_then(Value::as_record).is_some())
        };
        PORTAL_PERMISSIONS.contains(&permission) || permission.split_once('.').is_some_and(of_kind)
    }

    /// Removes a permission set that nobody holds, and that nobody new would.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`; at the end of the write `SET_IN_USE`.
    pub fn remove_permission_set(&mut self, set: &str) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let uid = rows::permission_set(set);
        self.row(&uid)?;
        self.remove(&uid);
        Ok(())
    }

    /// Defines an alert set, or changes what it holds, for all its holders at once: events with
    /// their channels, `invoice.sent:email`.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID` for an event or a channel that is not there.
    pub fn define_alert_set<T: Into<String>>(
        &mut self,
        set: &str,
        alerts: impl IntoIterator<Item = T>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        self.put_alert_set(set, &alerts.into_iter().map(Into::into).collect())
    }

    fn put_alert_set(&mut self, set: &str, alerts: &BTreeSet<String>) -> Result<(), WriteError> {
        let mut row = Entity::new(rows::alert_set(set));
        for alert in alerts {
            let uid = EntityUid::new("Alert", alert.as_str());
            self.row(&uid)?;
            row = row.parent(uid);
        }
        self.put(row);
        Ok(())
    }

    fn put_event(&mut self, event: &str) {
        let uid = rows::event(event);
        let mut row = Entity::new(uid.clone());
        for channel in Channel::ALL {
            let alert = EntityUid::new("Alert", format!("{event}:{channel}"));
            self.put(Entity::new(alert.clone()).parent(uid.clone()));
            row.set(channel.as_str(), alert);
        }
        self.put(row);
    }

    /// Adds a member of the staff.
    ///
    /// # Errors
    ///
    /// `DUPLICATE_ID`, `CROSS_TENANT`, `UNKNOWN_ID` for a set or client that is not there.
    pub fn create_staff(&mut self, new: NewStaff) -> Result<StaffId, WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let NewStaff { id, email, sets, clients } = new;
        self.own_tenant(id.tenant())?;
        self.new_id(&id.uid())?;
        let mut row = Entity::new(id.uid())
            .with("tenant", rows::tenant(self.tenant.id()))
            .with("active", true);
        if let Some(email) = email {
            row.set("email", email);
        }
        self.put(row);
        let sets = match sets {
            Some(sets) => {
                self.check_sets(&id, &sets)?;
                sets
            }
            None => self.defaults()?.staff_sets,
        };
        self.put_staff_sets(&id, &sets)?;
        self.put_staff_clients(&id, clients.as_deref())?;
        Ok(id)
    }

    /// Replaces the permission sets of a member of the staff.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`.
    pub fn set_staff_sets<T: Into<String>>(
        &mut self,
        staff: &StaffId,
        sets: impl IntoIterator<Item = T>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let sets = sets.into_iter().map(Into::into).collect();
        let added = self.added_sets(&staff.uid(), &sets);
        self.check_sets(staff, &added)?;
        self.put_staff_sets(staff, &sets)
    }

    fn put_staff_sets(
        &mut self,
        staff: &StaffId,
        sets: &BTreeSet<String>,
    ) -> Result<(), WriteError> {
        let mut row = self.staff_row(staff)?;
        let sets: Vec<EntityUid> = sets.iter().map(|set| rows::permission_set(set)).collect();
        for set in &sets {
            self.row(set)?;
        }
        row.set_parents(sets);
        self.put(row);
        Ok(())
    }

    /// Assigns clients to a member of the staff, who sees no others; `None` for all.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`.
    pub fn set_staff_clients(
        &mut self,
        staff: &StaffId,
        clients: Option<&[ClientId]>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        self.put_staff_clients(staff, clients)
    }

    fn put_staff_clients(
        &mut self,
        staff: &StaffId,
        clients: Option<&[ClientId]>,
    ) -> Result<(), WriteError> {
        let mut row = self.staff_row(staff)?;
        for client in clients.into_iter().flatten() {
            self.own_tenant(client.tenant())?;
            self.row(&client.uid())?;
        }
        let assigned = clients.into_iter().flatten().map(ClientId::uid);
        row.set("all_clients", clients.is_none());
        row.set("clients", Value::entities(assigned));
        self.check_scope(staff, &row);
        self.put(row);
        Ok(())
    }

    /// Whose own clients are assigned assigns no others.
    fn check_scope(&mut self, staff: &StaffId, given: &Entity) {
        for giver in self.actor.into_iter().flat_map(Caller::givers) {
            let Some(own) = self.facts.entity(&giver).filter(|row| !row.is("all_clients")) else {
                continue;
            };
            let own = own.entities_at("clients");
            let within = given.entities_at("clients").iter().all(|client| own.contains(client));
            if given.is("all_clients") || !within {
                let message = format!("{} gives {staff} clients that are not his", giver.id());
                self.violate("NO_ESCALATION", message);
            }
        }
    }

    fn staff_row(&mut self, staff: &StaffId) -> Result<Entity, WriteError> {
        self.own_tenant(staff.tenant())?;
        self.row(&staff.uid())
    }

    /// Lets a member of the staff work, or not.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`.
    pub fn set_staff_active(&mut self, staff: &StaffId, active: bool) -> Result<(), WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        let mut row = self.staff_row(staff)?;
        row.set("active", active);
        self.put(row);
        Ok(())
    }

    /// Adds a client.
    ///
    /// # Errors
    ///
    /// `DUPLICATE_ID`, `CROSS_TENANT`.
    pub fn create_client(&mut self, client: ClientId) -> Result<ClientId, WriteError> {
        self.authorise(Action::Configure, Resource::Portal, &[])?;
        self.put_client(&client)?;
        Ok(client)
    }

    pub(super) fn put_client(&mut self, client: &ClientId) -> Result<(), WriteError> {
        self.own(&client.into())?;
        self.new_id(&client.uid())?;
        let row = Entity::new(client.uid())
            .with("tenant", rows::tenant(self.tenant.id()))
            .with("client", client.uid())
            .with("settings", Settings::default().to_text())
            .with("archived", false)
            .with("read_only", false);
        self.put(row);
        self.resolve_clients(|row| *row.uid() == client.uid())
    }

    /// Puts a client below another, whose contacts may read what it sees where the tenant lets
    /// parents read; or below none.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`; at the end of the write `PARENT_CYCLE` where a client would be
    /// above itself, and at once where an actor goes on while one is: take it out first.
    pub fn set_client_parent(
        &mut self,
        client: &ClientId,
        parent: Option<&ClientId>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, client, &[])?;
        let mut row = self.row(&client.uid())?;
        if let Some(parent) = parent {
            self.authorise(Action::Configure, parent, &[])?;
            self.row(&parent.uid())?;
        }
        let parent = parent.map(ClientId::uid);
        let round = parent.as_ref().is_some_and(|parent| {
            parent == row.uid() || self.clients_above(parent).contains(row.uid())
        });
        // Clients that go round answer no question; a later command may part them.
        match parent.clone().filter(|_| round) {
            Some(parent) => drop(self.rounds.insert(client.uid(), parent)),
            None => {
                self.rounds.remove(&client.uid());
                row.set_parents(parent);
                self.put(row);
            }
        }
        Ok(())
    }

    /// Puts a client into a group, or into none.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`; `UNKNOWN_ID`, also for a group without settings: see
    /// [`set_group_settings`](Self::set_group_settings).
    pub fn set_client_group(
        &mut self,
        client: &ClientId,
        group: Option<&ClientGroupId>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Configure, client, &[])?;
        let mut row = self.row(&client.uid())?;
        match group {
            Some(group) => {
                self.own_tenant(group.tenant())?;
                self.row(&group.uid())?;
                row.set("group", group.uid());
            }
            None => row.unset("group"),
        }
        self.put(row);
        self.resolve_clients(|row| *row.uid() == client.uid())
    }

    /// Archives a client, takes it out of the archive, or keeps the archive readable.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`.
    pub fn set_archived(&mut self, client: &ClientId, archive: Archive) -> Result<(), WriteError> {
        self.authorise(Action::Configure, client, &[])?;
        let mut row = self.row(&client.uid())?;
        row.set("archived", archive != Archive::No);
        row.set("read_only", archive == Archive::ReadOnly);
        self.put(row);
        Ok(())
    }
}

/// What is judged, or settled, at the end of a write.
impl Tx<'_> {
    /// Sets that were removed have no holders, and are not what new contacts and staff start with.
    pub(super) fn check_removed_sets(&mut self) -> Result<(), WriteError> {
        let removed: Vec<EntityUid> = self
            .touched
            .iter()
            .filter(|uid| uid.type_name() == "PermissionSet" && !self.facts.contains(uid))
            .cloned()
            .collect();
        if removed.is_empty() {
            return Ok(());
        }
        let defaults = self.defaults()?;
        for set in removed {
            let holders = ["Contact", "Staff"]
                .into_iter()
                .flat_map(|holder| self.facts.of_type(holder))
                .filter(|row| row.parents().contains(&set) && rows::is_live(row))
                .count();
            let name = set.id();
            if holders > 0 {
                self.violate("SET_IN_USE", format!("{holders} hold the set {name}"));
            }
            if defaults.sets.contains(name) || defaults.staff_sets.contains(name) {
                self.violate("SET_IN_USE", format!("new contacts or staff hold the set {name}"));
            }
        }
        Ok(())
    }

    /// Puts clients below the parents that they could not have when it was asked for.
    pub(super) fn settle_parents(&mut self) {
        for (client, parent) in std::mem::take(&mut self.rounds) {
            let Some(mut row) = self.facts.entity(&client) else { continue };
            row.set_parents([parent]);
            self.put(row);
        }
    }
}

/// Whether a client is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Archive {
    /// It is active.
    No,
    /// Its contacts can read, and do nothing else.
    ReadOnly,
    /// Its contacts see nothing.
    Closed,
}

/// The row of a kind: an action of the kind has a right of the same name.
fn kind_row(kind: &Kind, declared: &KindDeclaration) -> Entity {
    let mut actions: BTreeSet<Action> = declared.actions.clone();
    let rights: Vec<String> = actions
        .iter()
        .map(|action| action.as_str().to_owned())
        .chain(["view_internal".to_owned()])
        .collect();
    actions.extend([Action::Receive, Action::Manage, Action::Share, Action::Relate, Action::Audit]);
    let mut row = Entity::new(kind.uid())
        .with("name", kind.as_str())
        .with("tenant_wide", declared.owner == Some(Owner::Tenant))
        .with("container", declared.container)
        .with("states", serde_json::to_string(&declared.states).unwrap_or_default())
        .with("actions", Value::entities(actions.into_iter().map(Action::uid)));
    for right in rights {
        let name = format!("{kind}.{right}");
        let members = [
            ("held".into(), Value::from(rows::permission(&name))),
            ("denied".into(), Value::from(rows::denial(&name))),
            ("on_behalf".into(), Value::from(rows::permission(&format!("{name}_on_behalf")))),
        ];
        if let Ok(record) = Value::record(members.into()) {
            row.set(right, record);
        }
    }
    row
}
