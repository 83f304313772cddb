//! The lifecycle of access and of credentials.

use super::{Tx, contacts::identity_of};
use crate::facts::{Entity, Timestamp};
use crate::portal::error::{Finding, WriteError};
use crate::portal::id::{ContactId, LinkId};
use crate::portal::name::Action;
use crate::portal::rows::{self, Row as _};

/// Access: none → enabled → disabled → enabled; any → deleted.
impl Tx<'_> {
    /// Switches a contact's access on. Enabling an enabled contact changes nothing.
    ///
    /// Re-enabling asks for a new credential and revives no session. The write reports a
    /// [`Finding::CredentialNeeded`] where the contact has none.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`; at the end of the write `EMAIL_REQUIRED` where the contact has no e-mail.
    pub fn enable(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Enable, contact, &[])?;
        self.switch_on(contact);
        Ok(())
    }

    pub(super) fn switch_on(&mut self, contact: &ContactId) {
        let Some(mut row) = self.known_contact(contact) else { return };
        match row.text_at("access") {
            "enabled" => {}
            "disabled" => {
                row.set("access", "enabled");
                row.set("credential", "none");
                raise(&mut row, "credential_version");
            }
            _ => row.set("access", "enabled"),
        }
        if row.text_at("credential") == "none" {
            self.findings.push(Finding::CredentialNeeded(contact.clone()));
        }
        self.put(row);
    }

    /// Switches a contact's access off, sessions and links included, from the very next check on.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, or `NOT_ENABLED` where there is nothing to revoke.
    pub fn revoke(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Revoke, contact, &[])?;
        self.switch_off(contact);
        Ok(())
    }

    /// Switches a colleague's access off: what [`revoke`](Self::revoke) is for staff, for client
    /// admins.
    ///
    /// # Errors
    ///
    /// As [`revoke`](Self::revoke).
    pub fn disable(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Disable, contact, &[])?;
        self.switch_off(contact);
        Ok(())
    }

    fn switch_off(&mut self, contact: &ContactId) {
        let Some(mut row) = self.known_contact(contact) else { return };
        if row.text_at("access") != "enabled" {
            self.violate("NOT_ENABLED", format!("{contact} is not enabled"));
        }
        row.set("access", "disabled");
        raise(&mut row, "epoch");
        self.put(row);
    }

    /// Deletes a contact for good. Its row stays, so that its sessions, links and documents are
    /// refused for what they are.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`.
    pub fn delete_contact(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Revoke, contact, &[])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        row.set("access", "deleted");
        raise(&mut row, "epoch");
        self.put(row);
        Ok(())
    }

    /// Issues a new credential, which the host shows once; the one before is no good any more.
    ///
    /// Returns the credential version that the host stores with the secret.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, or `NOT_ENABLED`; `FORCE_RESET_REQUIRED` where the tenant wants what staff
    /// issue to be changed: see [`force_password_change`](Self::force_password_change).
    pub fn reset_credential(&mut self, contact: &ContactId) -> Result<i64, WriteError> {
        self.authorise(Action::Reset, contact, &[])?;
        if self.cascade(None)?.tenant.force_password_change == Some(true) {
            self.violate("FORCE_RESET_REQUIRED", format!("{contact} has to change the credential"));
        }
        self.issue(contact, "issued")
    }

    /// As [`reset_credential`](Self::reset_credential), and the contact has to change it before
    /// anything else.
    ///
    /// # Errors
    ///
    /// As [`reset_credential`](Self::reset_credential).
    pub fn force_password_change(&mut self, contact: &ContactId) -> Result<i64, WriteError> {
        self.authorise(Action::Reset, contact, &[])?;
        self.issue(contact, "must_change")
    }

    /// Has a contact change his password before anything else, in the sessions that he has open too.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`; `NOT_ENABLED`, also where there is no credential to change yet.
    pub fn require_password_change(&mut self, contact: &ContactId) -> Result<(), WriteError> {
        self.authorise(Action::Reset, contact, &[])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(()) };
        if row.text_at("access") != "enabled" || row.text_at("credential") == "none" {
            self.violate("NOT_ENABLED", format!("{contact} has no credential in use"));
        }
        row.set("credential", "must_change");
        self.put(row);
        Ok(())
    }

    fn issue(&mut self, contact: &ContactId, state: &'static str) -> Result<i64, WriteError> {
        let Some(mut row) = self.known_contact(contact) else { return Ok(0) };
        if row.text_at("access") != "enabled" {
            self.violate("NOT_ENABLED", format!("{contact} is not enabled"));
        }
        row.set("credential", state);
        let version = raise(&mut row, "credential_version");
        self.findings.retain(|finding| *finding != Finding::CredentialNeeded(contact.clone()));
        self.put(row);
        Ok(version)
    }

    /// Records that a contact chose a password: by the link that was mailed to him, or signed in.
    ///
    /// An activation link works once, and only where there is no password yet; it proves the
    /// e-mail. Returns the new credential version.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, `PASSWORD_ALREADY_SET`; the actor's refusal `TOKEN_SCOPE` for a link
    /// that is no activation link of this contact.
    pub fn set_password(&mut self, contact: &ContactId) -> Result<i64, WriteError> {
        self.authorise(Action::SetPassword, contact, &[])?;
        let Some(mut row) = self.known_contact(contact) else { return Ok(0) };
        let link = self.actor.and_then(|actor| actor.link_id().cloned());
        if let Some(link) = &link {
            if ["active", "must_change"].contains(&row.text_at("credential")) {
                self.violate("PASSWORD_ALREADY_SET", format!("{contact} has a password"));
            }
            let mut link_row = self.row(&link.uid())?;
            link_row.set("used", true);
            self.put(link_row);
            row.set("verified", true);
        }
        row.set("credential", "active");
        let version = raise(&mut row, "credential_version");
        self.put(row);
        Ok(version)
    }

    /// Makes a link by which a contact sets a first password. Links made before are superseded.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_CONTACT`, or `DUPLICATE_ID` where there is a link of this id.
    pub fn create_activation_link(
        &mut self,
        link: LinkId,
        contact: &ContactId,
        expires: Option<Timestamp>,
    ) -> Result<LinkId, WriteError> {
        self.create_login_link(link, contact, "activation", expires)
    }

    /// Makes a link that signs a contact in, once. The host records the login with
    /// [`use_link`](Self::use_link); a mere look at the address (a mail scanner's) uses nothing.
    ///
    /// # Errors
    ///
    /// As [`create_activation_link`](Self::create_activation_link).
    pub fn create_magic_link(
        &mut self,
        link: LinkId,
        contact: &ContactId,
        expires: Timestamp,
    ) -> Result<LinkId, WriteError> {
        self.create_login_link(link, contact, "magic", Some(expires))
    }

    fn create_login_link(
        &mut self,
        link: LinkId,
        contact: &ContactId,
        purpose: &'static str,
        expires: Option<Timestamp>,
    ) -> Result<LinkId, WriteError> {
        self.authorise(Action::Notify, contact, &[])?;
        self.supersede_links(contact, purpose);
        let Some(contact_row) = self.known_contact(contact) else { return Ok(link) };
        let mut row = self.new_link(&link, &contact_row, purpose)?;
        if let Some(expires) = expires {
            row.set("expires", expires);
        }
        self.put(row);
        Ok(link)
    }

    /// Records that a link was used up: a magic link after the login it gave. The actor is the
    /// link's bearer.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`; the actor's refusal where the link does not sign in (any
    /// more); `TOKEN_SCOPE` for an actor who is not the bearer of this link.
    pub fn use_link(&mut self, link: &LinkId) -> Result<(), WriteError> {
        let mut row = self.link_row(link)?;
        if self.actor.is_some_and(|actor| actor.link_id() != Some(link)) {
            self.violate("TOKEN_SCOPE", format!("the actor does not bear {link}"));
            return Ok(());
        }
        self.authorise(Action::LogIn, crate::portal::Resource::Portal, &[])?;
        if !is_final(&row) {
            row.set("used", true);
            self.put(row);
        }
        Ok(())
    }

    /// Withdraws a link for good. One that was used up or superseded before stays what it is.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`.
    pub fn revoke_link(&mut self, link: &LinkId) -> Result<(), WriteError> {
        let mut row = self.link_row(link)?;
        let contact = row.entity_at("contact").map(|uid| uid.shared_id());
        let contact = self.tenant.contact(contact.unwrap_or_default());
        self.authorise(Action::Revoke, &contact, &[])?;
        if !is_final(&row) {
            row.set("revoked", true);
            self.put(row);
        }
        Ok(())
    }

    fn link_row(&mut self, link: &LinkId) -> Result<Entity, WriteError> {
        self.own_tenant(link.tenant())?;
        self.row(&link.uid())
    }

    /// A link in its contact, for one purpose.
    pub(super) fn new_link(
        &mut self,
        link: &LinkId,
        contact: &Entity,
        purpose: &'static str,
    ) -> Result<Entity, WriteError> {
        self.own_tenant(link.tenant())?;
        self.new_id(&link.uid())?;
        let client = contact.entity_at("client").cloned().unwrap_or_else(rows::no_client);
        Ok(Entity::new(link.uid())
            .with("tenant", rows::tenant(self.tenant.id()))
            .with("client", client)
            .with("contact", contact.uid())
            .with("purpose", purpose)
            .with("epoch", contact.long_at("epoch"))
            .with("revoked", false)
            .with("superseded", false)
            .with("used", false)
            .parent(contact.uid().clone()))
    }

    pub(super) fn supersede_links(&mut self, contact: &ContactId, purpose: &str) {
        let uid = contact.uid();
        let earlier: Vec<Entity> = self
            .facts
            .of_type("Link")
            .filter(|row| row.entity_at("contact") == Some(&uid))
            .filter(|row| row.text_at("purpose") == purpose && !is_final(row))
            .collect();
        for mut row in earlier {
            row.set("superseded", true);
            self.put(row);
        }
    }

    /// The identity of an e-mail, made where there is none yet.
    pub(super) fn identity(&mut self, email: &str) -> crate::facts::EntityUid {
        let uid = identity_of(email);
        if !self.facts.contains(&uid) {
            let tenant = rows::tenant(self.tenant.id());
            self.put(Entity::new(uid.clone()).with("tenant", tenant));
        }
        uid
    }
}

/// Whether a link came to an end that it keeps.
pub(in crate::portal) fn is_final(link: &Entity) -> bool {
    ["revoked", "superseded", "used"].into_iter().any(|end| link.is(end))
}

/// Raises a counter of a row and returns its new value.
fn raise(row: &mut Entity, counter: &str) -> i64 {
    let next = row.long_at(counter).saturating_add(1);
    row.set(counter, next);
    next
}
