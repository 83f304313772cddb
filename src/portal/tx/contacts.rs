//! Contacts: who they are, what they hold and what they want to be mailed.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::Tx;
use crate::facts::{Entity, EntityUid, Facts, Value};
use crate::portal::caller::Caller;
use crate::portal::document::Resource;
use crate::portal::error::WriteError;
use crate::portal::id::{ClientId, ContactId, DocumentId};
use crate::portal::name::{Action, Kind};
use crate::portal::rows::{self, Row as _};
use crate::portal::settings::Limit;

/// A contact to create: somebody's seat at one client.
///
/// # Example
///
/// ```
/// use doorward::{ClientId, ContactId, portal::NewContact};
///
/// let seat = NewContact::new(ContactId::new("acme", "gm"), ClientId::new("acme", "C1"))
///     .name("Gil Moor")
///     .email("Gil.Moor@client.example ")
///     .main();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct NewContact {
    id: ContactId,
    client: ClientId,
    edit: ContactEdit,
    main: bool,
    sets: Option<BTreeSet<String>>,
}

impl NewContact {
    /// A contact of a client, without access yet.
    pub fn new(id: ContactId, client: ClientId) -> Self {
        Self { id, client, edit: ContactEdit::default(), main: false, sets: None }
    }

    /// The name, for searching.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.edit = self.edit.name(name);
        self
    }

    /// The e-mail. It is kept normalised: without outer space, in lower case.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.edit = self.edit.email(email);
        self
    }

    /// The name for logging in, where the tenant has such. It is kept normalised, like e-mails.
    pub fn login(mut self, login: impl Into<String>) -> Self {
        self.edit = self.edit.login(login);
        self
    }

    /// The client's main contact.
    pub fn main(mut self) -> Self {
        self.main = true;
        self
    }

    /// The permission sets, instead of the tenant's for new contacts.
    pub fn sets<T: Into<String>>(mut self, sets: impl IntoIterator<Item = T>) -> Self {
        self.sets = Some(sets.into_iter().map(Into::into).collect());
        self
    }
}

/// Details of a contact to change. What is not set stays.
#[derive(Clone, Default)]
#[must_use]
pub struct ContactEdit {
    name: Option<String>,
    email: Option<Option<String>>,
    login: Option<String>,
}

impl ContactEdit {
    /// Changes the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Changes the e-mail. Links to the old one that set a password or sign in no longer work.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        let email = email.into().trim().to_lowercase();
        self.email = Some(Some(email).filter(|email| !email.is_empty()));
        self
    }

    /// Removes the e-mail.
    pub fn no_email(mut self) -> Self {
        self.email = Some(None);
        self
    }

    /// Changes the name for logging in. It is kept normalised, like e-mails.
    pub fn login(mut self, login: impl Into<String>) -> Self {
        self.login = Some(login.into().trim().to_lowercase());
        self
    }

    fn fields(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            ("email", self.email.is_some()),
            ("login", self.login.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, set)| set.then_some(field))
        .collect()
    }
}

/// The names of the fields only: what they hold is personal.
impl std::fmt::Debug for ContactEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ContactEdit").field(&self.fields()).finish()
    }
}

/// The identity of a normalised e-mail within its tenant. The id does not show the address.
pub(super) fn identity_of(email: &str) -> EntityUid {
    let digest = Sha256::digest(email.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    EntityUid::new("Identity", hex)
}

/// Contacts.
impl Tx<'_> {
    /// Creates a contact without access. It holds the tenant's sets for new contacts, is sent what
    /// they are sent, and with the setting `backfill` is invited to what is open at its client.
    ///
    /// # Errors
    ///
    /// `DUPLICATE_ID`, `UNKNOWN_ID` for a client or set that is not there; the actor's refusal
    /// `FIELD_PROTECTED` where a client admin adds a main contact; at the end of the write
    /// `DUPLICATE_EMAIL` where a contact of the client has the same e-mail, `NO_ESCALATION` where a
    /// contact gives what he lacks.
    pub fn create_contact(&mut self, new: NewContact) -> Result<ContactId, WriteError> {
        self.authorise(Action::Invite, &new.client, &[])?;
        let main = new.main;
        let id = self.put_contact(new)?;
        if main {
            self.authorise(Action::Edit, &id, &["main"])?;
        }
        Ok(id)
    }

    /// Registers somebody as a client of his own: a new client with its main contact, who is
    /// enabled and sets a password with the activation link that the host sends him as the system.
    ///
    /// It joins no client that is there, whatever e-mail is given. The actor is a
    /// [guest](crate::Caller::guest).
    ///
    /// # Errors
    ///
    /// `DUPLICATE_ID` where there is a client or contact of this id, `NO_ESCALATION` where the
    /// permission sets are named; at the end of the write `REGISTRATION_OFF`, `EMAIL_REQUIRED`.
    pub fn register(&mut self, new: NewContact) -> Result<ContactId, WriteError> {
        self.authorise(Action::Register, Resource::Portal, &[])?;
        if self.cascade(None)?.tenant.registration != Some(true) {
            self.violate("REGISTRATION_OFF", "nobody registers by himself");
        }
        if new.sets.is_some() {
            self.violate("NO_ESCALATION", "who registers holds what new contacts do");
        }
        self.put_client(&new.client)?;
        let id = self.put_contact(NewContact { sets: None, ..new.main() })?;
        self.switch_on(&id);
        Ok(id)
    }

    fn put_contact(&mut self, new: NewContact) -> Result<ContactId, WriteError> {
        let NewContact { id, client, edit, main, sets } = new;
        self.own(&(&id).into())?;
        self.own(&(&client).into())?;
        self.new_id(&id.uid())?;
        self.row(&client.uid())?;
        if main {
            self.drop_main(&client);
        }
        let defaults = self.defaults()?;
        let none = || Value::entities([]);
        let row = Entity::new(id.uid())
            .with("tenant", rows::tenant(self.tenant.id()))
            .with("client", client.uid())
            .with("contact", id.uid())
            .with("verified", false)
            .with("key", id.id())
            .with("access", "none")
            .with("credential", "none")
            .with("credential_version", 0)
            .with("epoch", 0)
            .with("main", main)
            .with("admin", false)
            .with("approver", false)
            .with("signatory", false)
            .with("uploads", true)
            .with("mail", true)
            .with("recipient_of", Value::entities(defaults.receives.iter().map(Kind::uid)))
            .with("denied", none())
            .with("muted", none())
            .with("watched_silently", none())
            .with("muted_kinds", none())
            .with("silent", none())
            .with("no_attach", none());
        self.put(row);
        self.apply_edit(&id, &edit);
        if let Some(sets) = &sets {
            self.check_sets(&id, sets)?;
        }
        self.put_sets(&id, &sets.unwrap_or(defaults.sets))?;
        self.put_alert_sets(&id, &defaults.alert_sets)?;
        if self.cascade(Some(&client))?.backfill() {
            self.backfill(&id, &client)?;
        }
        Ok(id)
    }

    /// Changes a contact's details: one's own, a colleague's as client admin, anybody's as staff.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`; at the end of the write `EMAIL_REQUIRED` and `DUPLICATE_EMAIL`.
    pub fn edit_contact(
        &mut self,
        contact: &ContactId,
        edit: &ContactEdit,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Edit, contact, &edit.fields())?;
        self.apply_edit(contact, edit);
        Ok(())
    }

    fn apply_edit(&mut self, contact: &ContactId, edit: &ContactEdit) {
        let Some(mut row) = self.known_contact(contact) else { return };
        if let Some(name) = &edit.name {
            row.set("name", name.as_str());
        }
        if let Some(login) = &edit.login {
            if login.is_empty() {
                row.unset("login");
            } else {
                row.set("login", login.as_str());
            }
        }
        if let Some(email) = &edit.email {
            if email.as_deref().unwrap_or_default() != row.text_at("email") {
                // Whoever writes an e-mail down has not shown that it is his.
                for purpose in ["activation", "magic"] {
                    self.supersede_links(contact, purpose);
                }
                row.set("verified", false);
            }
            match email {
                Some(email) => {
                    let identity = self.identity(email);
                    row.set("email", email.as_str());
                    row.set("identity", identity);
                }
                None => {
                    row.unset("email");
                    row.unset("identity");
                }
            }
        }
        self.put(row);
    }

    /// Makes a contact the main one of its client, in the place of the one who was.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`; the actor's refusal `FIELD_PROTECTED` for contacts.
    pub fn set_main(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Edit, contact, &["main"])?;
        let Some(row) = self.known_contact(contact) else { return Ok(()) };
        if let Some(client) = row.entity_at("client") {
            self.drop_main(&self.tenant.client(client.shared_id()));
        }
        self.put(row.with("main", true));
        Ok(())
    }

    /// A client has one main contact.
    fn drop_main(&mut self, client: &ClientId) {
        let main = |row: &Entity| row.entity_at("client") == Some(&client.uid()) && row.is("main");
        for row in self.facts.of_type("Contact").filter(main).collect::<Vec<_>>() {
            self.put(row.with("main", false));
        }
    }

    /// Replaces the permission sets of a contact. Its own grants and denials stay.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_ID` for a set that is not there; `NO_ESCALATION` where a
    /// contact gives what he lacks.
    pub fn set_permission_sets<T: Into<String>>(
        &mut self,
        contact: &ContactId,
        sets: impl IntoIterator<Item = T>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Grant, contact, &[])?;
        let sets: BTreeSet<String> = sets.into_iter().map(Into::into).collect();
        let added = self.added_sets(&contact.uid(), &sets);
        self.check_sets(contact, &added)?;
        self.put_sets(contact, &sets)
    }

    /// The sets that somebody does not hold yet: keeping one is giving nothing.
    pub(super) fn added_sets(
        &self,
        holder: &EntityUid,
        sets: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let held = self.facts.parents(holder);
        sets.iter().filter(|set| !held.contains(&rows::permission_set(set))).cloned().collect()
    }

    /// Nor a set of it.
    pub(super) fn check_sets(
        &mut self,
        to: impl std::fmt::Display,
        sets: &BTreeSet<String>,
    ) -> Result<(), WriteError> {
        for set in sets {
            let held: Vec<EntityUid> =
                self.row(&rows::permission_set(set))?.parents().iter().cloned().collect();
            self.check_escalation(&to, &held);
        }
        Ok(())
    }

    fn put_sets(&mut self, contact: &ContactId, sets: &BTreeSet<String>) -> Result<(), WriteError> {
        let sets: BTreeSet<EntityUid> = sets.iter().map(|set| rows::permission_set(set)).collect();
        self.put_parents(contact, "PermissionSet", sets)
    }

    fn put_alert_sets(
        &mut self,
        contact: &ContactId,
        sets: &BTreeSet<String>,
    ) -> Result<(), WriteError> {
        self.put_parents(contact, "AlertSet", sets.iter().map(|set| rows::alert_set(set)).collect())
    }

    /// Replaces the alert sets of a contact: what it is alerted of, and on which channels.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_ID` for a set that is not there.
    pub fn set_alert_sets<T: Into<String>>(
        &mut self,
        contact: &ContactId,
        sets: impl IntoIterator<Item = T>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::SetAlerts, contact, &[])?;
        self.put_alert_sets(contact, &sets.into_iter().map(Into::into).collect())
    }

    fn put_parents(
        &mut self,
        contact: &ContactId,
        type_name: &str,
        sets: BTreeSet<EntityUid>,
    ) -> Result<(), WriteError> {
        for set in &sets {
            self.row(set)?;
        }
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        let kept = row.parents().iter().filter(|uid| uid.type_name() != type_name).cloned();
        let parents: Vec<EntityUid> = kept.chain(sets).collect();
        row.set_parents(parents);
        self.put(row);
        Ok(())
    }

    /// Gives a contact a permission of its own, and lifts a denial of it.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_PERMISSION`, `NO_ESCALATION`.
    pub fn grant(&mut self, contact: &ContactId, permission: &str) -> Result<(), WriteError> {
        self.authorise(Action::Grant, contact, &[])?;
        self.name_permission(permission);
        self.check_escalation(contact, &[rows::permission(permission)]);
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        let denial = rows::denial(permission);
        let kept = row.parents().iter().filter(|uid| **uid != denial).cloned();
        let parents: Vec<EntityUid> = kept.chain([rows::permission(permission)]).collect();
        row.set_parents(parents);
        self.put(row);
        Ok(())
    }

    /// Takes a permission from a contact, whatever its sets hold.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_PERMISSION`.
    pub fn deny(&mut self, contact: &ContactId, permission: &str) -> Result<(), WriteError> {
        self.authorise(Action::Grant, contact, &[])?;
        self.name_permission(permission);
        let Some(row) = self.known_contact(contact) else { return Ok(()) };
        self.put(row.parent(rows::denial(permission)));
        Ok(())
    }

    /// Leaves a permission to a contact's sets again: neither given nor taken away.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `UNKNOWN_PERMISSION`; `NO_ESCALATION` where it was taken away, and the actor
    /// lacks it himself.
    pub fn unset_permission(
        &mut self,
        contact: &ContactId,
        permission: &str,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Grant, contact, &[])?;
        self.name_permission(permission);
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        let (held, denied) = (rows::permission(permission), rows::denial(permission));
        if row.parents().contains(&denied) {
            self.check_escalation(contact, std::slice::from_ref(&held));
        }
        let kept = row.parents().iter().filter(|uid| **uid != held && **uid != denied).cloned();
        let kept: Vec<EntityUid> = kept.collect();
        row.set_parents(kept);
        self.put(row);
        Ok(())
    }

    /// Denies a contact one document, or lifts that. It beats whatever reaches the document.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `CROSS_TENANT`; `NO_ESCALATION` where a contact lifts it whom the document
    /// is denied.
    pub fn deny_document(
        &mut self,
        contact: &ContactId,
        document: &DocumentId,
        denied: bool,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Grant, contact, &[])?;
        self.own(&document.into())?;
        if !denied && self.is_denied_to_actor(document) {
            self.violate("NO_ESCALATION", format!("{document} is denied to who lifts that"));
        }
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        self.edit_set(&mut row, "denied", |set| member(set, document.uid(), denied));
        self.put(row);
        Ok(())
    }

    /// Whether a document, or what it belongs to, is denied to the actor or was before this write.
    fn is_denied_to_actor(&self, document: &DocumentId) -> bool {
        let givers: Vec<EntityUid> = self.actor.into_iter().flat_map(Caller::givers).collect();
        let row = self.facts.entity(&document.uid());
        let above = ["parent", "head"]
            .into_iter()
            .filter_map(|name| row.as_ref()?.entity_at(name).cloned());
        let path: Vec<EntityUid> = above.chain([document.uid()]).collect();
        [self.world.facts(), &self.facts].into_iter().any(|facts| {
            let rows = givers.iter().filter_map(|giver| facts.entity(giver));
            rows.flat_map(|row| row.entities_at("denied")).any(|denied| path.contains(&denied))
        })
    }

    /// Switches all mail about documents to a contact on or off. Access stays.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_mail(&mut self, contact: &ContactId, mail: bool) -> Result<(), WriteError> {
        self.edit_flag(contact, "mail", mail)
    }

    /// Lets a contact attach files, or not.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_uploads(&mut self, contact: &ContactId, uploads: bool) -> Result<(), WriteError> {
        self.edit_flag(contact, "uploads", uploads)
    }

    /// Lets a contact accept and approve where only approvers do.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_approver(&mut self, contact: &ContactId, approver: bool) -> Result<(), WriteError> {
        self.edit_flag(contact, "approver", approver)
    }

    /// Lets a contact sign where only signatories do.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_signatory(&mut self, contact: &ContactId, signs: bool) -> Result<(), WriteError> {
        self.edit_flag(contact, "signatory", signs)
    }

    /// Makes a contact an admin of its client, or not.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_admin(&mut self, contact: &ContactId, admin: bool) -> Result<(), WriteError> {
        self.edit_flag(contact, "admin", admin)
    }

    fn edit_flag(
        &mut self,
        contact: &ContactId,
        flag: &'static str,
        value: bool,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Edit, contact, &[flag])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        row.set(flag, value);
        self.put(row);
        Ok(())
    }

    /// Sets the approval limit of a contact; `None` for the one of the kind at its client.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_limit(
        &mut self,
        contact: &ContactId,
        limit: Option<&Limit>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::Edit, contact, &["limit"])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        Limit::set_on(limit, &mut row)?;
        self.put(row);
        Ok(())
    }

    /// Chooses the kinds that are sent to a contact by default. Documents that were sent before
    /// stay with whom they were sent to.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn set_recipient_of(
        &mut self,
        contact: &ContactId,
        kinds: impl IntoIterator<Item = Kind>,
    ) -> Result<(), WriteError> {
        self.authorise(Action::SetAlerts, contact, &[])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        row.set("recipient_of", Value::entities(kinds.into_iter().map(|kind| kind.uid())));
        self.put(row);
        Ok(())
    }

    /// Nobody gives what he lacks, contact or staff. He has to have held it when the write began,
    /// or he would give it to himself first, and to hold it still.
    pub(super) fn check_escalation(&mut self, to: impl std::fmt::Display, given: &[EntityUid]) {
        for giver in self.actor.into_iter().flat_map(Caller::givers) {
            let (before, now) = (held(self.world.facts(), &giver), held(&self.facts, &giver));
            let lacks = |permission: &EntityUid| {
                [&before, &now].into_iter().any(|held| {
                    let everything = held.contains(&rows::permission("*"));
                    !(everything || held.contains(permission))
                        || held.contains(&rows::denial(permission.id()))
                })
            };
            for permission in given.iter().filter(|permission| lacks(permission)) {
                let message = format!("{} gives {to} what he lacks", giver.id());
                self.lacking.push((permission.id().to_owned(), message));
            }
        }
    }
}

/// The permissions and denials that somebody holds, through sets or of his own.
fn held(facts: &Facts, holder: &EntityUid) -> BTreeSet<EntityUid> {
    let own = facts.parents(holder);
    let through_sets: BTreeSet<EntityUid> = own.iter().flat_map(|set| facts.parents(set)).collect();
    own.into_iter().chain(through_sets).collect()
}

/// Puts an element into a set, or takes it out.
pub(super) fn member(set: &mut BTreeSet<EntityUid>, element: EntityUid, present: bool) {
    if present {
        set.insert(element);
    } else {
        set.remove(&element);
    }
}
