//! Relations: a contact's part in a container or a document, with its role and flags.

use std::collections::BTreeSet;

use super::Tx;
use super::contacts::member;
use crate::facts::{Entity, EntityUid, Facts};
use crate::portal::document::Resource;
use crate::portal::error::{Finding, WriteError};
use crate::portal::id::{ClientId, ContactId, DocumentId};
use crate::portal::name::{Action, Role};
use crate::portal::rows::{self, Row as _};

/// A contact's part in a container or a document.
///
/// # Example
///
/// ```
/// use doorward::portal::{Relation, Role};
///
/// let silent_partner = Relation::new(Role::Participant).attach(false).mail(false);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Relation {
    role: Role,
    attach: bool,
    mail: bool,
}

impl Relation {
    /// A part in this role, with mail and attaching files.
    pub fn new(role: Role) -> Self {
        Self { role, attach: true, mail: true }
    }

    /// Whether the contact may attach files here. Default: yes, as far as permissions go.
    pub fn attach(mut self, attach: bool) -> Self {
        self.attach = attach;
        self
    }

    /// Whether the contact wants mail about this. Default: yes. Secondary contacts never get any.
    pub fn mail(mut self, mail: bool) -> Self {
        self.mail = mail;
        self
    }
}

/// Roles of which a container has only so many.
const LIMITED: [(Role, &str); 2] =
    [(Role::Primary, "LIMIT_PRIMARY"), (Role::Secondary, "LIMIT_SECONDARY")];

/// Relations.
impl Tx<'_> {
    /// Gives a contact a part in a container or a document, which it then reaches at every level.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`, `UNKNOWN_ID` for a document that is neither stored nor passed inline;
    /// `UNKNOWN_CONTACT` for a contact who was not set up at its client first; at the end of the
    /// write `DUPLICATE_RELATION` where the contact has a part already, `LIMIT_PRIMARY` and
    /// `LIMIT_SECONDARY`.
    pub fn relate(
        &mut self,
        document: impl Into<Resource>,
        contact: &ContactId,
        relation: Relation,
    ) -> Result<(), WriteError> {
        let Some((mut access, related)) = self.related(document.into(), contact)? else {
            return Ok(());
        };
        if access.entities_at("involved").contains(&contact.uid()) {
            self.duplicates.insert((related.uid(), contact.uid()));
            return Ok(());
        }
        self.edit_set(&mut access, "involved", |set| member(set, contact.uid(), true));
        self.put_role(access, contact, Some(relation.role));
        self.put_flags(&related, contact, Some(relation));
        Ok(())
    }

    /// Changes the role and the flags of a contact's part in a container or a document.
    ///
    /// # Errors
    ///
    /// As [`relate`](Self::relate); `UNKNOWN_ID` where the contact has no part in it.
    pub fn set_relation(
        &mut self,
        document: impl Into<Resource>,
        contact: &ContactId,
        relation: Relation,
    ) -> Result<(), WriteError> {
        let Some((access, related)) = self.related(document.into(), contact)? else {
            return Ok(());
        };
        if !access.entities_at("involved").contains(&contact.uid()) {
            return Err(self.reject("UNKNOWN_ID", format!("{contact} has no part in {related}")));
        }
        self.put_role(access, contact, Some(relation.role));
        self.put_flags(&related, contact, Some(relation));
        Ok(())
    }

    /// Ends a contact's part in a container or a document.
    ///
    /// # Errors
    ///
    /// As [`relate`](Self::relate).
    pub fn unrelate(
        &mut self,
        document: impl Into<Resource>,
        contact: &ContactId,
    ) -> Result<(), WriteError> {
        let (row, related) = self.asked_relation(document.into(), contact)?;
        let mut access = self.related_row(&row, &related)?;
        // Who was deleted, or is of another client since the document moved, can be taken off.
        let involved = access.entities_at("involved").contains(&contact.uid());
        if !involved && !self.is_contact_for(contact, &row) {
            return Ok(());
        }
        self.duplicates.remove(&(related.uid(), contact.uid()));
        self.edit_set(&mut access, "involved", |set| member(set, contact.uid(), false));
        self.put_role(access, contact, None);
        self.put_flags(&related, contact, None);
        Ok(())
    }

    /// The access row of what is to be related, if the contact can have a part in it.
    fn related(
        &mut self,
        document: Resource,
        contact: &ContactId,
    ) -> Result<Option<(Entity, DocumentId)>, WriteError> {
        let (row, id) = self.asked_relation(document, contact)?;
        if !self.is_contact_for(contact, &row) {
            return Ok(None);
        }
        Ok(Some((self.related_row(&row, &id)?, id)))
    }

    /// What a contact is to be related to, if the actor may.
    fn asked_relation(
        &mut self,
        document: Resource,
        contact: &ContactId,
    ) -> Result<(Entity, DocumentId), WriteError> {
        let id = self.asked_document(Action::Relate, &document)?;
        self.own(&contact.into())?;
        Ok((self.document_row(&document, &id)?, id))
    }

    fn related_row(&mut self, document: &Entity, id: &DocumentId) -> Result<Entity, WriteError> {
        let mut access = self.access_row(id)?;
        // The limits of documents that the host keeps are found by it.
        if let Some(rule) = document.entity_at("rule") {
            access.set("rule", rule.clone());
        }
        Ok(access)
    }

    /// Whether a contact is one of the client of a document, or may come to read it as one of a
    /// client above it.
    pub(super) fn is_contact_for(&mut self, contact: &ContactId, document: &Entity) -> bool {
        let wide = document.entity_at("kind").and_then(|kind| self.facts.entity(kind));
        let at = document.entity_at("client");
        let wide = wide.is_some_and(|kind| kind.is("tenant_wide"));
        let at = at.filter(|_| !wide);
        let belongs = (wide || at.is_some()) && self.may_take_part(&contact.uid(), at);
        // Whether there is such a contact elsewhere is not for everybody to know.
        if !belongs {
            let message = format!("{contact} is no contact of the client of {}", document.uid());
            self.violate("UNKNOWN_CONTACT", message);
        }
        belongs
    }

    /// Whether a contact is there, and of a client or of one above it, if one is named.
    fn may_take_part(&self, contact: &EntityUid, at: Option<&EntityUid>) -> bool {
        let row = self.facts.entity(contact).filter(rows::is_live);
        let own = row.as_ref().and_then(|row| row.entity_at("client"));
        let Some(own) = own else { return false };
        at.is_none_or(|at| own == at || self.clients_above(at).contains(own))
    }

    fn put_role(&mut self, mut access: Entity, contact: &ContactId, role: Option<Role>) {
        for each in Role::ALL {
            let Some(name) = each.attribute() else { continue };
            self.edit_set(&mut access, name, |set| member(set, contact.uid(), Some(*each) == role));
        }
        self.put(access);
    }

    /// What a relation takes away lies on the contact.
    fn put_flags(
        &mut self,
        document: &DocumentId,
        contact: &ContactId,
        relation: Option<Relation>,
    ) {
        let Some(mut row) = self.facts.entity(&contact.uid()) else { return };
        let silent = relation.is_some_and(|relation| relation.role == Role::Secondary);
        let muted = relation.is_some_and(|relation| !relation.mail);
        let no_attach = relation.is_some_and(|relation| !relation.attach);
        for (name, present) in [("silent", silent), ("muted", muted), ("no_attach", no_attach)] {
            self.edit_set(&mut row, name, |set| member(set, document.uid(), present));
        }
        self.put(row);
    }

    /// Rules on the relations that were touched, in their final state.
    pub(super) fn check_relations(&mut self) -> Result<(), WriteError> {
        for (document, contact) in std::mem::take(&mut self.duplicates) {
            let message = format!("{} has a part in {} already", contact.id(), document.id());
            self.violate("DUPLICATE_RELATION", message);
        }
        let moved = self.moved_documents();
        let mut touched: Vec<Entity> = self.touched_rows("Access");
        let of_moved = moved.iter().map(rows::access_of);
        let of_moved = of_moved.filter(|uid| !self.touched.contains(uid));
        touched.extend(of_moved.filter_map(|uid| self.facts.entity(&uid)));
        for row in touched {
            let moved = moved.contains(&rows::document_of(row.uid()));
            for (role, code) in LIMITED {
                let (held, Some(max)) = self.limited(&row, role)? else { continue };
                if held.len() > max && (moved || self.is_more(&row, role, &held)?) {
                    let message = format!(
                        "{} would have {} {role} contacts of {max}",
                        row.uid().id(),
                        held.len()
                    );
                    self.violate(code, message);
                }
            }
        }
        Ok(())
    }

    /// The documents for which other limits hold than before: those of another kind or client.
    fn moved_documents(&self) -> BTreeSet<EntityUid> {
        let touched = self.touched.iter().filter(|uid| uid.type_name() == "Document");
        let moved = touched.filter(|uid| {
            let rule = |facts: &Facts| facts.entity(uid)?.entity_at("rule").cloned();
            let before = rule(self.world.facts());
            before.is_some() && before != rule(&self.facts)
        });
        moved.cloned().collect()
    }

    /// Above a limit that was lowered, those who are there may stay and change places, and nobody
    /// comes.
    fn is_more(
        &mut self,
        access: &Entity,
        role: Role,
        held: &[EntityUid],
    ) -> Result<bool, WriteError> {
        let Some(before) = self.world.facts().entity(access.uid()) else {
            return Ok(true);
        };
        let involved = before.entities_at("involved");
        let grows = held.len() > self.limited(&before, role)?.0.len();
        Ok(grows || held.iter().any(|contact| !involved.contains(contact)))
    }

    /// What lies above a limit after settings have changed: it stays, and is reported.
    pub(super) fn find_excess(&mut self) -> Result<(), WriteError> {
        let limits_touched = ["Tenant", "ClientGroup", "Client"];
        if !self.touched.iter().any(|uid| limits_touched.contains(&uid.type_name())) {
            return Ok(());
        }
        let related: Vec<Entity> = self
            .facts
            .of_type("Access")
            .filter(|row| LIMITED.iter().any(|(role, _)| !role_holders(row, *role).is_empty()))
            .collect();
        for row in related {
            for (role, _) in LIMITED {
                let (held, Some(max)) = self.limited(&row, role)? else { continue };
                if held.len() > max {
                    self.findings.push(Finding::OverLimit {
                        document: self.tenant.document(row.uid().shared_id()),
                        role,
                        count: held.len(),
                        max,
                    });
                }
            }
        }
        Ok(())
    }

    /// Who holds a role in a document, and how many may.
    fn limited(
        &mut self,
        access: &Entity,
        role: Role,
    ) -> Result<(Vec<EntityUid>, Option<usize>), WriteError> {
        let held = role_holders(access, role);
        if held.is_empty() {
            return Ok((held, None));
        }
        let document = rows::document_of(access.uid());
        let row = self.facts.entity(&document);
        let rule = row.as_ref().and_then(|row| row.entity_at("rule"));
        let Some(rule) = rule.or_else(|| access.entity_at("rule")) else { return Ok((held, None)) };
        let Some((kind, client)) = rows::rule_of(rule, self.tenant) else {
            return Ok((held, None));
        };
        // Who was deleted, or is of another client since the document moved, holds no place.
        let at = client.as_ref().map(ClientId::uid);
        let held: Vec<EntityUid> =
            held.into_iter().filter(|contact| self.may_take_part(contact, at.as_ref())).collect();
        let chosen = self.cascade(client.as_ref())?.kind(&kind);
        let max = match role {
            Role::Primary => chosen.primaries_max,
            Role::Secondary => chosen.secondaries_max,
            Role::JobContact | Role::Assignee | Role::Participant => None,
        };
        Ok((held, max.and_then(|max| usize::try_from(max).ok())))
    }
}

fn role_holders(access: &Entity, role: Role) -> Vec<EntityUid> {
    role.attribute().map(|name| access.entities_at(name)).unwrap_or_default()
}
