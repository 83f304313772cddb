//! Documents, whom they were sent to, and who watches them.

use std::collections::BTreeSet;

use super::Tx;
use super::access::is_final;
use super::contacts::member;
use crate::facts::{Entity, EntityUid, Timestamp};
use crate::portal::document::{Document, Resource};
use crate::portal::error::WriteError;
use crate::portal::id::{ClientId, ContactId, DocumentId, LinkId};
use crate::portal::name::{Action, Kind, Level, State};
use crate::portal::rows::{self, Row as _};

/// Whom a document is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// The contacts of the client whom this kind is sent to by default.
    Default,
    /// These contacts.
    Only(Vec<ContactId>),
}

/// An invitation that a sending made, with its personal link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The recipient.
    pub contact: ContactId,
    /// The link that opens the document for him.
    pub link: LinkId,
}

/// States in which there is something to do yet.
const OPEN_STATES: &[State] =
    &[State::Open, State::Sent, State::Viewed, State::Partial, State::Reopened, State::Submitted];

/// What places a document.
const PLACE: &[&str] = &["client", "container", "kind", "parent"];

/// The attributes in which two rows differ.
fn changed<'r>(before: &'r Entity, after: &'r Entity) -> BTreeSet<&'r str> {
    let names = before.attributes().keys().chain(after.attributes().keys());
    names.map(|name| &**name).filter(|n| before.attribute(n) != after.attribute(n)).collect()
}

/// Documents.
impl Tx<'_> {
    /// Creates or replaces a stored document. Whom it was sent to stays.
    ///
    /// The actor needs `create` for a new one, else `edit` for what was there, and `create` again
    /// to move it. Only staff say where a document stands, whose it is and how far it got
    /// (`FIELD_PROTECTED`).
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`, `UNKNOWN_KIND`; at the end of the write `NO_OWNER_PATH` where it belongs to
    /// no client, and its kind is not tenant-wide, or where its parent or container is not there
    /// or of another client.
    pub fn put_document(&mut self, document: &Document) -> Result<(), WriteError> {
        let stored = self.facts.entity(&document.id().uid());
        let row = document.row(&self.facts, &[]);
        // Which of the fields only staff change is the policies' to say.
        let fields = stored.as_ref().map(|stored| changed(stored, &row));
        match &fields {
            Some(fields) => {
                let fields: Vec<&str> = fields.iter().copied().collect();
                self.authorise(Action::Edit, document.id(), &fields)?;
            }
            None => self.authorise(Action::Create, document.clone(), &self.chosen(&row))?,
        }
        self.own(&Resource::from(document.clone()))?;
        self.not_empty(document.id().id())?;
        if !self.is_declared(document.kind()) {
            let message = format!("no kind `{}` is declared", document.kind());
            return Err(self.reject("UNKNOWN_KIND", message));
        }
        let moved = fields.map(|fields| PLACE.iter().any(|name| fields.contains(name)));
        self.put(row);
        let Some(moved) = moved else { return Ok(()) };
        // Nobody moves a document to where he could not create it.
        if moved {
            self.authorise(Action::Create, document.id(), &[])?;
        }
        self.authorise(Action::View, document.id(), &[])
    }

    /// What a new document says of itself that its author may not be the one to say.
    fn chosen(&self, row: &Entity) -> Vec<&'static str> {
        let author = self.actor.and_then(|actor| actor.contact_id()).map(ContactId::uid);
        let foreign = row.entity_at("owner").is_some_and(|owner| Some(owner) != author.as_ref());
        let advanced = row.text_at("state") != State::Open.as_str();
        [("owner", foreign), ("state", advanced)]
            .into_iter()
            .filter_map(|(field, chosen)| chosen.then_some(field))
            .collect()
    }

    /// Changes the state of a document, also of one that is closed, signed or locked: staff move it
    /// along its lifecycle. What a contact's own act leads to (paid, signed) the host records as
    /// the system, after the check.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`.
    pub fn set_state(&mut self, document: &DocumentId, state: State) -> Result<(), WriteError> {
        self.manage_document(document, |row| row.set("state", state.as_str()))
    }

    /// Shows a document to its client, or hides it.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`.
    pub fn set_visible(&mut self, document: &DocumentId, visible: bool) -> Result<(), WriteError> {
        self.manage_document(document, |row| row.set("visible", visible))
    }

    fn manage_document(
        &mut self,
        document: &DocumentId,
        edit: impl FnOnce(&mut Entity),
    ) -> Result<(), WriteError> {
        self.authorise(Action::Manage, document, &[])?;
        let mut row = self.row(&document.uid())?;
        edit(&mut row);
        self.put(row);
        Ok(())
    }

    /// Removes a document with its children, and whom they were given to. Their links find nothing
    /// from then on.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`; at the end of the write `NO_OWNER_PATH` where what lies in it is left behind.
    pub fn remove_document(&mut self, document: &DocumentId) -> Result<(), WriteError> {
        self.authorise(Action::Delete, document, &[])?;
        self.row(&document.uid())?;
        // Should the id be given again, no link opens what it was not made for, and no child is
        // its.
        let mut removed = BTreeSet::from([document.uid()]);
        let mut parents = removed.clone();
        while !parents.is_empty() {
            let child = |row: &Entity| row.entity_at("parent").is_some_and(|p| parents.contains(p));
            let children = self.facts.of_type("Document").filter(child);
            let children: BTreeSet<EntityUid> = children.map(|row| row.uid().clone()).collect();
            parents = children.into_iter().filter(|child| removed.insert(child.clone())).collect();
        }
        let opens = |link: &Entity| {
            link.entity_at("document").is_some_and(|d| removed.contains(d)) && !is_final(link)
        };
        for mut link in self.facts.of_type("Link").filter(opens).collect::<Vec<_>>() {
            link.set("revoked", true);
            self.put(link);
        }
        for uid in removed {
            self.remove(&rows::access_of(&uid));
            self.remove(&uid);
        }
        Ok(())
    }

    /// Sends a document: a draft becomes sent, each recipient is invited and has a personal link.
    ///
    /// Sending to others revokes nothing of those it was sent to before. Links are named by
    /// random ids.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`; `UNKNOWN_CONTACT`, also for a contact of another client; at the end of the
    /// write `NO_SIGNATORY` where only signatories could sign it, and its client has none.
    pub fn send_document(
        &mut self,
        document: &DocumentId,
        recipients: Recipients,
    ) -> Result<Vec<Sent>, WriteError> {
        self.authorise(Action::Send, document, &[])?;
        let mut row = self.row(&document.uid())?;
        let recipients = match recipients {
            Recipients::Only(contacts) => contacts,
            Recipients::Default => self.default_recipients(&row),
        };
        let state = row.text_at("state");
        let draft = state == State::Draft.as_str();
        if draft || OPEN_STATES.iter().any(|open| state == open.as_str()) {
            self.sent.insert(document.uid());
        }
        if draft {
            row.set("state", State::Sent.as_str());
        }
        self.put(row);
        let invite = |contact: ContactId| {
            let link = self.tenant.link(uuid::Uuid::new_v4().to_string());
            self.put_invitation(document, &contact, Some(&link))?;
            Ok(Sent { contact, link })
        };
        recipients.into_iter().map(invite).collect()
    }

    /// Records a recipient of a document, with a personal link if one is named.
    ///
    /// For hosts that keep documents in their own tables, and for imports: the document need not
    /// be stored.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`; `UNKNOWN_CONTACT`, also for a contact of another client than that of a stored
    /// document; `UNKNOWN_ID` where the id of the document is empty; `DUPLICATE_ID` where there is a
    /// link of this id.
    pub fn invite(
        &mut self,
        document: impl Into<Resource>,
        contact: &ContactId,
        link: Option<&LinkId>,
    ) -> Result<(), WriteError> {
        let document = self.asked_document(Action::Send, &document.into())?;
        self.put_invitation(&document, contact, link)
    }

    /// Makes a personal link of a contact for a document that he was invited to before.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`; `UNKNOWN_CONTACT`, also for a contact of another client than that of a stored
    /// document; `UNKNOWN_ID` where the id of the document is empty; `DUPLICATE_ID` where there is a
    /// link of this id.
    pub fn create_personal_link(
        &mut self,
        link: LinkId,
        contact: &ContactId,
        document: impl Into<Resource>,
        expires: Option<Timestamp>,
    ) -> Result<LinkId, WriteError> {
        let document = self.asked_document(Action::Send, &document.into())?;
        self.not_empty(document.id())?;
        self.own(&contact.into())?;
        let Some(contact_row) = self.known_contact(contact) else { return Ok(link) };
        if !self.may_receive(contact, &document) {
            return Ok(link);
        }
        let mut row = self.new_link(&link, &contact_row, "personal")?;
        row.set("document", document.uid());
        if let Some(expires) = expires {
            row.set("expires", expires);
        }
        self.put(row);
        Ok(link)
    }

    /// Takes a recipient off a document. Links are revoked by an act of their own.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`.
    pub fn withdraw_invitation(
        &mut self,
        document: impl Into<Resource>,
        contact: &ContactId,
    ) -> Result<(), WriteError> {
        let document = self.asked_document(Action::Send, &document.into())?;
        self.own(&contact.into())?;
        let mut row = self.access_row(&document)?;
        self.edit_set(&mut row, "invited", |set| member(set, contact.uid(), false));
        self.put(row);
        Ok(())
    }

    /// The document that a command is about, if the actor may.
    pub(super) fn asked_document(
        &mut self,
        action: Action,
        resource: &Resource,
    ) -> Result<DocumentId, WriteError> {
        self.authorise(action, resource.clone(), &[])?;
        match resource {
            Resource::Document(document) | Resource::Child { document, .. } => Ok(document.clone()),
            Resource::Inline { document, .. } => Ok(document.id().clone()),
            _ => Err(self.reject("UNKNOWN_ID", "this is no document")),
        }
    }

    /// The row of such a document, stored or passed inline.
    pub(super) fn document_row(
        &mut self,
        resource: &Resource,
        id: &DocumentId,
    ) -> Result<Entity, WriteError> {
        match resource {
            Resource::Inline { document, path } => Ok(document.row(&self.facts, path)),
            _ => self.row(&id.uid()),
        }
    }

    fn put_invitation(
        &mut self,
        document: &DocumentId,
        contact: &ContactId,
        link: Option<&LinkId>,
    ) -> Result<(), WriteError> {
        self.own(&contact.into())?;
        let Some(contact_row) = self.known_contact(contact) else { return Ok(()) };
        if !self.may_receive(contact, document) {
            return Ok(());
        }
        let mut row = self.access_row(document)?;
        self.edit_set(&mut row, "invited", |set| member(set, contact.uid(), true));
        self.put(row);
        if let Some(link) = link {
            let row = self.new_link(link, &contact_row, "personal")?;
            self.put(row.with("document", document.uid()));
        }
        Ok(())
    }

    /// Whether a contact is one whom a document can be sent to; the client of one that the host keeps
    /// is the host's to know. Who could not open it now would, once it moved to his client.
    fn may_receive(&mut self, contact: &ContactId, document: &DocumentId) -> bool {
        let stored = self.facts.entity(&document.uid());
        stored.is_none_or(|stored| self.is_contact_for(contact, &stored))
    }

    fn default_recipients(&self, document: &Entity) -> Vec<ContactId> {
        let (client, kind) = (document.entity_at("client"), document.entity_at("kind"));
        self.facts
            .of_type("Contact")
            .filter(|row| row.entity_at("client") == client && rows::is_live(row))
            .filter(|row| kind.is_some_and(|kind| row.entities_at("recipient_of").contains(kind)))
            .map(|row| self.tenant.contact(row.uid().shared_id()))
            .collect()
    }

    /// Invites a new contact to what is open at its client and of a kind that it is sent. What is
    /// kept to fewer than the invited, by itself or by its kind, stays so.
    pub(super) fn backfill(
        &mut self,
        contact: &ContactId,
        client: &ClientId,
    ) -> Result<(), WriteError> {
        let Some(row) = self.known_contact(contact) else { return Ok(()) };
        let kinds = row.entities_at("recipient_of");
        let open = |row: &Entity| {
            row.entity_at("client") == Some(&client.uid())
                && row.entity_at("kind").is_some_and(|kind| kinds.contains(kind))
                && OPEN_STATES.iter().any(|state| row.text_at("state") == state.as_str())
                && row.entity_at("parent").is_none()
                && row.long_at("level") >= Level::Invited.number()
                && row
                    .entity_at("rule")
                    .and_then(|rule| self.facts.entity(rule))
                    .is_some_and(|rule| rule.long_at("level") >= Level::Invited.number())
        };
        let documents: Vec<DocumentId> = self
            .facts
            .of_type("Document")
            .filter(open)
            .map(|row| self.tenant.document(row.uid().shared_id()))
            .collect();
        for document in documents {
            self.put_invitation(&document, contact, None)?;
        }
        Ok(())
    }

    /// Lets a contact watch a document: view it where its kind reaches the invited, and be mailed
    /// about it or not.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`, `UNKNOWN_CONTACT`.
    pub fn watch_document(
        &mut self,
        contact: &ContactId,
        document: &DocumentId,
        watch: Watch,
    ) -> Result<(), WriteError> {
        self.authorise(Action::SetAlerts, contact, &[])?;
        self.own(&document.into())?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        self.edit_set(&mut row, "watched_silently", |set| {
            member(set, document.uid(), watch == Watch::Silently);
        });
        self.put(row);
        let mut row = self.access_row(document)?;
        self.edit_set(&mut row, "watchers", |set| {
            member(set, contact.uid(), watch != Watch::No);
        });
        self.put(row);
        Ok(())
    }

    /// Lets a contact watch all documents of a kind at its client, or for everyone where the kind
    /// is, and be mailed about them or not.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_KIND`.
    pub fn watch_kind(
        &mut self,
        contact: &ContactId,
        kind: &Kind,
        watch: Watch,
    ) -> Result<(), WriteError> {
        self.authorise(Action::SetAlerts, contact, &[])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        let wide = self.facts.entity(&kind.uid()).is_some_and(|kind| kind.is("tenant_wide"));
        let client = row.entity_at("client").filter(|_| !wide);
        let client = client.map(|uid| self.tenant.client(uid.shared_id()));
        self.edit_set(&mut row, "muted_kinds", |set| {
            member(set, kind.uid(), watch == Watch::Silently);
        });
        self.put(row);
        let rule = rows::rule(kind, client.as_ref());
        let Some(mut rule) = self.facts.entity(&rule) else {
            return Err(self.reject("UNKNOWN_KIND", format!("no kind `{kind}` is declared")));
        };
        self.edit_set(&mut rule, "watchers", |set| {
            member(set, contact.uid(), watch != Watch::No);
        });
        self.put(rule);
        Ok(())
    }

    /// Finds the heads of the documents that were touched, and of the children of those that were
    /// moved, whichever of them was written first.
    pub(super) fn settle_heads(&mut self) {
        let touched = self.touched.iter().filter(|uid| uid.type_name() == "Document");
        let mut settling: Vec<Entity> = touched.filter_map(|uid| self.facts.entity(uid)).collect();
        let moved: BTreeSet<EntityUid> = settling
            .iter()
            .filter(|row| {
                let before = self.world.facts().entity(row.uid());
                before.is_some_and(|before| before.entity_at("parent") != row.entity_at("parent"))
            })
            .map(|row| row.uid().clone())
            .collect();
        if !moved.is_empty() {
            let children = self
                .facts
                .of_type("Document")
                .filter(|row| row.entity_at("parent").is_some_and(|parent| moved.contains(parent)));
            settling.extend(children);
        }
        for mut row in settling {
            let Some(parent) = row.entity_at("parent") else { continue };
            let above = self.facts.entity(parent);
            let above = above.as_ref().and_then(|row| row.entity_at("parent"));
            let head = above.unwrap_or(parent).clone();
            if row.entity_at("head") != Some(&head) {
                row.set("head", head);
                self.put(row);
            }
        }
    }

    /// Rules on the documents that were touched, in their final state, and on those that belong to
    /// one that went away: whatever is given its id next would take them in. What a document leaves
    /// behind where it moves elsewhere stays where it is, and no check opens it.
    pub(super) fn check_documents(&mut self) {
        let touched: BTreeSet<&EntityUid> =
            self.touched.iter().filter(|uid| uid.type_name() == "Document").collect();
        let before = self.world.facts();
        let gone = |uid: &&EntityUid| before.contains(uid) && !self.facts.contains(uid);
        let gone: BTreeSet<&EntityUid> = touched.iter().copied().filter(gone).collect();
        let behind = self.facts.of_type("Document").filter(|row| {
            let above = |name| row.entity_at(name).is_some_and(|uid| gone.contains(uid));
            above("parent") || above("container")
        });
        let behind = (!gone.is_empty()).then_some(behind).into_iter().flatten();
        let behind = behind.filter(|row| !touched.contains(row.uid()));
        let problems: Vec<String> = touched
            .iter()
            .filter_map(|uid| self.facts.entity(uid))
            .chain(behind)
            .filter_map(|row| Some(format!("{}: {}", row.uid(), self.owner_problem(&row)?)))
            .collect();
        for problem in problems {
            self.violate("NO_OWNER_PATH", problem);
        }
    }

    /// What is wrong with the path from a document to its client.
    fn owner_problem(&self, row: &Entity) -> Option<&'static str> {
        let kind = row.entity_at("kind").and_then(|kind| self.facts.entity(kind));
        let client = row.entity_at("client");
        let tenant_wide = kind.is_some_and(|kind| kind.is("tenant_wide"));
        if !tenant_wide && !client.is_some_and(|client| self.facts.contains(client)) {
            return Some("it belongs to no client");
        }
        // Whoever names a client means it for that one, and everyone would see it.
        let owned = client.is_some_and(|client| *client != rows::no_client());
        if tenant_wide && owned && row.entity_at("parent").is_none() {
            return Some("its kind is for all clients: it belongs to no single one");
        }
        let stands = |name: &str| {
            let Some(uid) = row.entity_at(name) else { return true };
            self.facts.entity(uid).is_some_and(|above| above.entity_at("client") == client)
        };
        if !stands("container") {
            return Some("its container is not there, or of another client");
        }
        if !stands("parent") {
            return Some("its parent is not there, or of another client");
        }
        let above = |uid: &EntityUid| self.facts.entity(uid)?.entity_at("parent").cloned();
        let great_grandparent = row.entity_at("parent").and_then(above).and_then(|uid| above(&uid));
        great_grandparent.is_some().then_some("children nest more than twice")
    }
}

/// Whether a contact watches, and is mailed about what it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Watch {
    /// Not at all.
    No,
    /// It sees, and gets no mail.
    Silently,
    /// It sees, and is mailed.
    WithMail,
}
