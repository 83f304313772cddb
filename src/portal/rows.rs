//! Where things stand among the facts: uids and attributes of the portal's schema.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::de::DeserializeOwned;

use super::id::{ClientId, DocumentId};
use super::name::{AccessState, Kind};
use super::tenant::Tenant;
use crate::facts::{Entity, EntityUid, Facts, Value, ValueError};

pub(super) fn tenant(id: &str) -> EntityUid {
    EntityUid::new("Tenant", id)
}

/// The owner of what has none: a client whose row is always missing.
pub(super) fn no_client() -> EntityUid {
    EntityUid::new("Client", "")
}

/// The rule of a kind at a client, or at the tenant for what has no client. Names of kinds hold
/// no `@`, so that two rules never share an id.
pub(super) fn rule(kind: &Kind, client: Option<&ClientId>) -> EntityUid {
    EntityUid::new("Rule", format!("{kind}@{}", client.map_or("", ClientId::id)))
}

/// The kind and the client of a rule; no client for what is the tenant's.
pub(super) fn rule_of(rule: &EntityUid, tenant: &Tenant) -> Option<(Kind, Option<ClientId>)> {
    let (kind, client) = rule.id().split_once('@')?;
    let client = Some(client).filter(|client| !client.is_empty());
    Some((kind.parse().ok()?, client.map(|client| tenant.client(client))))
}

/// Whom a document was given to.
pub(super) fn access(document: &DocumentId) -> EntityUid {
    access_of(&document.uid())
}

pub(super) fn access_of(document: &EntityUid) -> EntityUid {
    EntityUid::new("Access", document.shared_id())
}

/// The document that an access row is about.
pub(super) fn document_of(access: &EntityUid) -> EntityUid {
    EntityUid::new("Document", access.shared_id())
}

/// Whether a contact is somebody's: a deleted one's e-mail and login are free again.
pub(super) fn is_live(contact: &Entity) -> bool {
    contact.text_at("access") != AccessState::Deleted.as_str()
}

/// Whether a contact was neither switched off nor deleted; he need not be enabled.
pub(super) fn is_in(contact: &Entity) -> bool {
    is_live(contact) && contact.text_at("access") != AccessState::Disabled.as_str()
}

pub(super) fn permission(name: &str) -> EntityUid {
    EntityUid::new("Permission", name)
}

pub(super) fn denial(name: &str) -> EntityUid {
    EntityUid::new("Denial", name)
}

pub(super) fn permission_set(name: &str) -> EntityUid {
    EntityUid::new("PermissionSet", name)
}

pub(super) fn alert_set(name: &str) -> EntityUid {
    EntityUid::new("AlertSet", name)
}

pub(super) fn event(name: &str) -> EntityUid {
    EntityUid::new("Event", name)
}

/// What a row keeps as JSON under a name; the default where it keeps nothing.
pub(super) fn kept<T: DeserializeOwned + Default>(
    row: &Entity,
    name: &str,
) -> Result<T, ValueError> {
    let Some(text) = row.attribute(name).and_then(Value::as_str) else { return Ok(T::default()) };
    serde_json::from_str(text).map_err(|error| {
        ValueError::new(format!("the {name} of {} cannot be read: {error}", row.uid()))
            .with_help("restore them from an export of this version")
    })
}

/// The ids of what a row was put into directly, of one type.
pub(super) fn parents_of(row: &Entity, type_name: &str) -> BTreeSet<String> {
    let of_type = row.parents().iter().filter(|uid| uid.type_name() == type_name);
    of_type.map(|uid| uid.id().to_owned()).collect()
}

/// Reading attributes whose types the schema has checked.
pub(super) trait Row {
    fn text_at(&self, name: &str) -> &str;
    fn long_at(&self, name: &str) -> i64;
    fn is(&self, name: &str) -> bool;
    fn entity_at(&self, name: &str) -> Option<&EntityUid>;
    fn entities_at(&self, name: &str) -> Vec<EntityUid>;
}

impl Row for Entity {
    fn text_at(&self, name: &str) -> &str {
        self.attribute(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn long_at(&self, name: &str) -> i64 {
        self.attribute(name).and_then(Value::as_long).unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.attribute(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn entity_at(&self, name: &str) -> Option<&EntityUid> {
        self.attribute(name).and_then(Value::as_entity)
    }

    fn entities_at(&self, name: &str) -> Vec<EntityUid> {
        let elements = self.attribute(name).and_then(Value::as_set);
        elements.into_iter().flatten().filter_map(Value::as_entity).cloned().collect()
    }
}

/// An address that the tenant lets in, if it keeps others out.
pub(super) fn some_address(facts: &Facts, tenant_id: &str) -> Option<IpAddr> {
    let networks = facts.entity(&tenant(tenant_id))?.entities_at("networks");
    let addresses = networks
        .iter()
        .filter_map(|network| facts.entity(network)?.attribute("range").and_then(Value::an_ip));
    addresses.min()
}

/// The tenant's network that an address lies in.
pub(super) fn network_of(facts: &Facts, tenant_id: &str, address: IpAddr) -> Option<EntityUid> {
    facts.entity(&tenant(tenant_id))?.entities_at("networks").into_iter().find(|network| {
        let row = facts.entity(network);
        let range = row.as_ref().and_then(|row| row.attribute("range"));
        range.is_some_and(|range| range.contains_ip(address))
    })
}
