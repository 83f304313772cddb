//! What people do with documents that writes have to keep count of: sign, approve, complete.

use std::collections::BTreeSet;

use super::Tx;
use super::contacts::member;
use crate::facts::{Entity, EntityUid, Value};
use crate::portal::caller::Caller;
use crate::portal::error::WriteError;
use crate::portal::id::{ContactId, DocumentId, StaffId};
use crate::portal::name::{Action, State};
use crate::portal::rows::{self, Row as _};

/// Signatures and approvals.
impl Tx<'_> {
    /// Names the contacts who have to sign a document before it can be completed.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`, `UNKNOWN_CONTACT` for a contact of another client.
    pub fn set_signers(
        &mut self,
        document: &DocumentId,
        signers: &[ContactId],
    ) -> Result<(), WriteError> {
        self.authorise(Action::Manage, document, &[])?;
        let row = self.row(&document.uid())?;
        for signer in signers {
            self.own(&signer.into())?;
            self.is_contact_for(signer, &row);
        }
        let mut access = self.access_row(document)?;
        access.set("signers", Value::entities(signers.iter().map(ContactId::uid)));
        self.put(access);
        Ok(())
    }

    /// Records that a contact signed a document, which is signed once all have who have to.
    ///
    /// The actor is the contact, or the bearer of his link. Returns how many are still to sign.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `UNKNOWN_CONTACT`; `NO_ESCALATION` where one signs for another.
    pub fn sign(
        &mut self,
        document: &DocumentId,
        contact: &ContactId,
    ) -> Result<usize, WriteError> {
        self.authorise(Action::Sign, document, &[])?;
        let mut row = self.row(&document.uid())?;
        self.acts_himself(contact, &row)?;
        let mut access = self.access_row(document)?;
        self.edit_set(&mut access, "signed", |set| member(set, contact.uid(), true));
        self.put(access);
        let missing = self.signatures_missing(&row)?.len();
        if missing == 0 {
            row.set("state", State::Signed.as_str());
            self.put(row);
        }
        Ok(missing)
    }

    /// Records that a contact approved a document.
    ///
    /// Returns how many more have to: see
    /// [`KindSettings::approvals_min`](crate::portal::KindSettings::approvals_min).
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `UNKNOWN_CONTACT`; `NO_ESCALATION` where one approves for another;
    /// `SAME_APPROVER` where the person has approved it before, as this or another contact.
    pub fn approve(
        &mut self,
        document: &DocumentId,
        contact: &ContactId,
    ) -> Result<usize, WriteError> {
        self.authorise(Action::Approve, document, &[])?;
        let row = self.row(&document.uid())?;
        self.acts_himself(contact, &row)?;
        let mut access = self.access_row(document)?;
        let identity =
            |contact: &EntityUid| self.facts.entity(contact)?.entity_at("identity").cloned();
        let person = identity(&contact.uid());
        let approved = access.entities_at("approved");
        let mut people = access.entities_at("approvers");
        people.extend(approved.iter().filter_map(identity));
        // Nor are two contacts two people where the same member of the staff acts for both.
        let staff = self.actor.and_then(Caller::stand_in).map(StaffId::uid);
        let acted = access.entities_at("approving_staff");
        let same = person.as_ref().is_some_and(|person| people.contains(person))
            || staff.as_ref().is_some_and(|staff| acted.contains(staff));
        if same || approved.contains(&contact.uid()) {
            self.violate("SAME_APPROVER", format!("{contact} approved {document} before"));
        }
        self.edit_set(&mut access, "approved", |set| member(set, contact.uid(), true));
        // Another e-mail later makes nobody another person.
        self.edit_set(&mut access, "approvers", |set| set.extend(person));
        self.edit_set(&mut access, "approving_staff", |set| set.extend(staff));
        let approvals = access.entities_at("approved").len();
        self.put(access);
        let min = self.chosen_for(&row)?.approvals_min;
        let min = usize::try_from(min.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok(min.saturating_sub(approvals))
    }

    /// Completes a document: what is signed is locked, what was asked for is submitted.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`; at the end of the write `SIGNATURES_MISSING` where not all have signed who
    /// have to.
    pub fn complete(&mut self, document: &DocumentId) -> Result<(), WriteError> {
        self.authorise(Action::Complete, document, &[])?;
        let mut row = self.row(&document.uid())?;
        let state = if self.is_signed(&row) { State::Locked } else { State::Submitted };
        row.set("state", state.as_str());
        self.put(row);
        self.completed.insert(document.uid());
        Ok(())
    }

    /// The signatures that completed documents lack in the final state.
    pub(super) fn check_completed(&mut self) -> Result<(), WriteError> {
        let mut completed = std::mem::take(&mut self.completed);
        // Locking what is not signed yet is completing it by another name.
        let locked = |row: &Entity| row.text_at("state") == State::Locked.as_str();
        let signed = |row: &Entity| row.text_at("state") == State::Signed.as_str();
        let before = self.world.facts().clone();
        let touched = self.touched_rows("Document").into_iter().filter(locked);
        completed.extend(touched.map(|row| row.uid().clone()).filter(|uid| {
            before.entity(uid).is_some_and(|before| !locked(&before) && !signed(&before))
        }));
        for document in completed {
            let Some(row) = self.facts.entity(&document) else { continue };
            let missing = self.signatures_missing(&row)?.len();
            if missing > 0 {
                let message = format!("{} have to sign {} first", missing, document.id());
                self.violate("SIGNATURES_MISSING", message);
            }
        }
        Ok(())
    }

    /// Who has to sign a document and has not: those it names, and all signatories of its client
    /// where all of them have to.
    fn signatures_missing(&mut self, row: &Entity) -> Result<BTreeSet<EntityUid>, WriteError> {
        if !self.is_signed(row) {
            return Ok(BTreeSet::new());
        }
        let access = self.facts.entity(&rows::access_of(row.uid()));
        let named = |name| access.as_ref().map(|row| row.entities_at(name)).unwrap_or_default();
        let mut missing: BTreeSet<EntityUid> = named("signers").into_iter().collect();
        if self.chosen_for(row)?.all_sign == Some(true)
            && let Some(client) = row.entity_at("client")
        {
            missing.extend(self.signatories(client));
        }
        for signed in named("signed") {
            missing.remove(&signed);
        }
        Ok(missing)
    }

    /// Whether documents of this one's kind are signed.
    pub(super) fn is_signed(&self, row: &Entity) -> bool {
        let kind = row.entity_at("kind").and_then(|kind| self.facts.entity(kind));
        kind.is_some_and(|kind| kind.attribute(Action::Sign.as_str()).is_some())
    }

    /// A contact, or the bearer of his link, acts for himself. The system records for all whom the
    /// document may reach.
    fn acts_himself(&mut self, contact: &ContactId, document: &Entity) -> Result<(), WriteError> {
        self.own(&contact.into())?;
        self.is_contact_for(contact, document);
        let Some(actor) = self.actor else { return Ok(()) };
        let link = actor.link_id().and_then(|link| self.facts.entity(&link.uid()));
        let acting = match link {
            Some(link) => link.entity_at("contact").cloned(),
            None => actor.contact_id().map(ContactId::uid),
        };
        if acting != Some(contact.uid()) {
            self.violate("NO_ESCALATION", format!("the actor is not {contact}"));
        }
        Ok(())
    }
}
