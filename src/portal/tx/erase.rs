//! Erasing a client, and every trace of it.

use std::collections::BTreeSet;

use super::Tx;
use super::contacts::member;
use crate::facts::{Entity, EntityUid, Value};
use crate::portal::error::WriteError;
use crate::portal::id::ClientId;
use crate::portal::name::Action;
use crate::portal::rows::{self, Row as _};

/// The types of rows that belong to a client and go with it.
const OF_CLIENT: [&str; 6] = ["Contact", "Document", "Link", "Rule", "Access", "Share"];

impl Tx<'_> {
    /// Erases an archived client for good: its contacts, documents, links and shares, and whom they
    /// were given to. Whoever asks for them is told that they are not there, and who takes their
    /// ids later finds nothing of theirs.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`; `NOT_ARCHIVED` for a client that was not archived first.
    pub fn erase_client(&mut self, client: &ClientId) -> Result<(), WriteError> {
        self.authorise(Action::Configure, client, &[])?;
        if !self.row(&client.uid())?.is("archived") {
            self.violate("NOT_ARCHIVED", format!("archive {client} first"));
        }
        let uid = client.uid();
        let of_client = |type_name: &str| -> BTreeSet<EntityUid> {
            let rows = self.facts.of_type(type_name);
            let rows = rows.filter(|row| row.entity_at("client") == Some(&uid));
            rows.map(|row| row.uid().clone()).collect()
        };
        let (contacts, documents) = (of_client("Contact"), of_client("Document"));
        let people: BTreeSet<EntityUid> = contacts
            .iter()
            .filter_map(|contact| self.facts.entity(contact)?.entity_at("identity").cloned())
            .collect();
        let goes = |row: &Entity| {
            let is_in = |name, gone: &BTreeSet<EntityUid>| {
                row.entity_at(name).is_some_and(|uid| gone.contains(uid))
            };
            let keyed = || rows::document_of(row.uid());
            row.entity_at("client") == Some(&uid)
                || is_in("document", &documents)
                || is_in("contact", &contacts)
                || row.uid().type_name() == "Access" && documents.contains(&keyed())
        };
        let rows: Vec<EntityUid> = OF_CLIENT
            .into_iter()
            .flat_map(|type_name| self.facts.of_type(type_name))
            .filter(goes)
            .map(|row| row.uid().clone())
            .collect();
        for share in rows.iter().filter(|row| row.type_name() == "Share") {
            self.end_share(share)?;
        }
        for row in rows.iter().chain([&uid]) {
            self.remove(row);
        }
        self.forget_people(&people);
        self.forget_client(&uid);
        self.forget_contacts(&contacts);
        self.forget_chosen(&contacts)
    }

    /// Takes contacts out of the settings that name them, and from among those who watch a kind.
    fn forget_chosen(&mut self, contacts: &BTreeSet<EntityUid>) -> Result<(), WriteError> {
        let mut found = false;
        for type_name in ["Tenant", "ClientGroup", "Client"] {
            for mut row in self.facts.of_type(type_name).collect::<Vec<_>>() {
                let mut settings = self.settings_of(row.uid())?;
                let chosen = settings.kinds.values_mut().chain([&mut settings.all_kinds]);
                let mut changed = false;
                for ids in chosen.flat_map(|kind| [&mut kind.members, &mut kind.recipients]) {
                    let Some(ids) = ids else { continue };
                    let before = ids.len();
                    ids.retain(|id| !contacts.contains(&EntityUid::new("Contact", id.as_str())));
                    changed |= ids.len() < before;
                }
                if changed {
                    row.set("settings", settings.to_text());
                    self.put(row);
                    found = true;
                }
            }
        }
        for mut row in self.facts.of_type("Rule").collect::<Vec<_>>() {
            let watching = row.entities_at("watchers");
            if watching.iter().any(|watcher| contacts.contains(watcher)) {
                let kept = watching.into_iter().filter(|watcher| !contacts.contains(watcher));
                row.set("watchers", Value::entities(kept));
                self.put(row);
            }
        }
        if found { self.resolve_tenant() } else { Ok(()) }
    }

    /// Removes identities that own no contact any more.
    fn forget_people(&mut self, people: &BTreeSet<EntityUid>) {
        let contacts = self.facts.of_type("Contact");
        let owning: BTreeSet<EntityUid> =
            contacts.filter_map(|row| row.entity_at("identity").cloned()).collect();
        for person in people.difference(&owning) {
            self.remove(person);
        }
    }

    /// Takes a client from above others, and from the staff it was assigned to.
    fn forget_client(&mut self, client: &EntityUid) {
        let below = self.facts.of_type("Client").filter(|row| row.parents().contains(client));
        for mut row in below.collect::<Vec<_>>() {
            row.set_parents([]);
            self.put(row);
        }
        let assigned = self.facts.of_type("Staff");
        let assigned = assigned.filter(|row| row.entities_at("clients").contains(client));
        for mut row in assigned.collect::<Vec<_>>() {
            self.edit_set(&mut row, "clients", |clients| member(clients, client.clone(), false));
            self.put(row);
        }
    }

    /// Takes contacts off the documents that stay: tenant-wide ones, and those of clients below.
    fn forget_contacts(&mut self, contacts: &BTreeSet<EntityUid>) {
        let owned = self.facts.of_type("Document");
        let owned =
            owned.filter(|row| row.entity_at("owner").is_some_and(|o| contacts.contains(o)));
        for mut row in owned.collect::<Vec<_>>() {
            row.unset("owner");
            self.put(row);
        }
        let given = self.facts.of_type("Share");
        let given =
            given.filter(|row| row.entity_at("giver").is_some_and(|g| contacts.contains(g)));
        for mut row in given.collect::<Vec<_>>() {
            row.unset("giver");
            self.put(row);
        }
        for row in self.facts.of_type("Access").collect::<Vec<_>>() {
            let mut kept = row.clone();
            for (name, value) in row.attributes() {
                if value.as_set().is_none() {
                    continue;
                }
                let elements = row.entities_at(name).into_iter();
                let elements = elements.filter(|element| !contacts.contains(element));
                kept.set(name.clone(), Value::entities(elements));
            }
            for contact in contacts {
                kept.unset_tag(contact.id());
            }
            if kept != row {
                self.put(kept);
            }
        }
    }
}
