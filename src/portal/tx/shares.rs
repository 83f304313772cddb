//! Shares: one document given to one contact, for some actions and some time.

use std::collections::BTreeSet;

use super::Tx;
use crate::facts::{Entity, EntityUid, Timestamp, Value};
use crate::portal::document::Resource;
use crate::portal::error::WriteError;
use crate::portal::id::{ContactId, DocumentId, LinkId, ShareId};
use crate::portal::name::Action;
use crate::portal::rows::{self, Row as _};

/// One document to give to one contact.
///
/// A share stands for the reach of the document and for the held permission of its actions; what
/// else refuses (an archived client, a module that is off, a draft) still does.
///
/// # Example
///
/// ```
/// use doorward::{Action, ContactId, Timestamp};
/// use doorward::portal::NewShare;
///
/// let until: Timestamp = "2026-12-31T23:00:00Z".parse()?;
/// let share = NewShare::new(ContactId::new("acme", "auditor"), [Action::View, Action::Download])
///     .until(until)
///     .uses(10);
/// # Ok::<(), doorward::ValueError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct NewShare {
    contact: ContactId,
    actions: BTreeSet<Action>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    uses: Option<u32>,
    parent: Option<ShareId>,
    link: Option<LinkId>,
}

impl NewShare {
    /// Gives a contact these actions, from now on and for good.
    pub fn new(contact: ContactId, actions: impl IntoIterator<Item = Action>) -> Self {
        let actions = actions.into_iter().collect();
        Self { contact, actions, from: None, until: None, uses: None, parent: None, link: None }
    }

    /// Not before this moment.
    pub fn from(mut self, moment: Timestamp) -> Self {
        self.from = Some(moment);
        self
    }

    /// Before this moment only.
    pub fn until(mut self, moment: Timestamp) -> Self {
        self.until = Some(moment);
        self
    }

    /// So many times, as [`Tx::use_share`] counts them.
    pub fn uses(mut self, times: u32) -> Self {
        self.uses = Some(times);
        self
    }

    /// Made from another share of the document, which it cannot exceed and ends with. Who shares
    /// what was shared with him makes it from that share, whether he says so or not.
    pub fn made_from(mut self, parent: ShareId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// To whoever bears this link of the contact, and not to the contact's own sessions.
    pub fn by_link(mut self, link: LinkId) -> Self {
        self.link = Some(link);
        self
    }
}

/// Shares.
impl Tx<'_> {
    /// Gives one document to one contact. A contact has one direct share of a document: a new one
    /// replaces it.
    ///
    /// # Errors
    ///
    /// `CROSS_TENANT`, `DUPLICATE_ID`, `UNKNOWN_ACTION` for what cannot be shared; `UNKNOWN_ID`
    /// for a document or parent share that is not there; `UNKNOWN_CONTACT` for a contact of another
    /// client; `NO_ESCALATION` where a contact gives what he may not do himself, or would replace
    /// what others gave; `SHARE_EXCEEDS_PARENT` where the share would give more, or longer, than the
    /// one it is made from.
    pub fn share(
        &mut self,
        id: ShareId,
        document: impl Into<Resource>,
        new: NewShare,
    ) -> Result<ShareId, WriteError> {
        let resource = document.into();
        let document = self.asked_document(Action::Share, &resource)?;
        self.own_tenant(id.tenant())?;
        self.own(&(&new.contact).into())?;
        self.new_id(&id.uid())?;
        if let Some(action) = new.actions.iter().find(|action| !is_shareable(**action)) {
            return Err(self.reject("UNKNOWN_ACTION", format!("`{action}` cannot be shared")));
        }
        let row = self.document_row(&resource, &document)?;
        if !self.is_contact_for(&new.contact, &row) {
            return Ok(id);
        }
        let parent = self.parent_share(&document, &new)?;
        self.check_shared(&resource, &new);
        if let Some(parent) = &parent {
            self.check_within(&id, &new, parent);
        }
        self.put(self.share_row(&id, &document, &new, parent.as_ref()));
        let uid = id.uid();
        match &new.link {
            Some(link) => {
                let Some(contact) = self.known_contact(&new.contact) else { return Ok(id) };
                let link = self.new_link(link, &contact, "share")?;
                self.put(link.with("document", document.uid()).with("share", uid));
            }
            None => self.put_direct(&document, &new.contact, uid)?,
        }
        Ok(id)
    }

    fn share_row(
        &self,
        id: &ShareId,
        document: &DocumentId,
        new: &NewShare,
        parent: Option<&Entity>,
    ) -> Entity {
        let mut row = Entity::new(id.uid())
            .with("tenant", rows::tenant(self.tenant.id()))
            .with("contact", new.contact.uid())
            .with("document", document.uid())
            .with("actions", Value::entities(new.actions.iter().map(|action| action.uid())))
            .with("revoked", false)
            .with("parent_revoked", parent.is_some_and(is_over));
        for (name, moment) in [("from", new.from), ("until", new.until)] {
            if let Some(moment) = moment {
                row.set(name, moment);
            }
        }
        if let Some(uses) = new.uses {
            row.set("uses_left", i64::from(uses));
        }
        if let Some(parent) = parent {
            row.set("parent", parent.uid().clone());
        }
        if let Some(giver) = self.actor.and_then(|actor| actor.contact_id()) {
            row.set("giver", giver.uid());
        }
        row
    }

    /// Puts a share where the contact's own sessions find it, in the place of an earlier one.
    fn put_direct(
        &mut self,
        document: &DocumentId,
        contact: &ContactId,
        share: EntityUid,
    ) -> Result<(), WriteError> {
        let mut access = self.access_row(document)?;
        let earlier = access.tags().get(contact.id()).and_then(Value::as_entity).cloned();
        let row = earlier.as_ref().and_then(|earlier| self.facts.entity(earlier));
        // Giving less in the place of what others gave would be withdrawing that.
        if row.is_some_and(|row| !self.is_spent(&row) && !self.may_withdraw(&row)) {
            let message = format!("{contact} has a share of {document} that was given by others");
            self.violate("NO_ESCALATION", message);
        }
        access.set_tag(contact.id(), share);
        self.put(access);
        match earlier {
            Some(earlier) => self.end_share(&earlier),
            None => Ok(()),
        }
    }

    /// The share that a new one is made from: the one named, or the one that its giver has.
    fn parent_share(
        &mut self,
        document: &DocumentId,
        new: &NewShare,
    ) -> Result<Option<Entity>, WriteError> {
        let borne = self.borne_share();
        let uid = match &new.parent {
            Some(parent) => {
                self.own_tenant(parent.tenant())?;
                parent.uid()
            }
            None => match borne.clone().or_else(|| self.direct_share(document)) {
                Some(own) => own,
                None => return Ok(None),
            },
        };
        let parent = self.row(&uid)?;
        let of_giver = match (&borne, self.actor.and_then(|actor| actor.contact_id())) {
            (Some(borne), _) => uid == *borne,
            (None, Some(giver)) => parent.entity_at("contact") == Some(&giver.uid()),
            (None, None) => true,
        };
        if !of_giver || parent.entity_at("document") != Some(&document.uid()) {
            let message = format!("{uid} is not the giver's share of this document");
            self.violate("SHARE_EXCEEDS_PARENT", message);
        }
        Ok(Some(parent))
    }

    /// The share that the actor's link was made for.
    fn borne_share(&self) -> Option<EntityUid> {
        let link = self.actor?.link_id()?;
        self.facts.entity(&link.uid())?.entity_at("share").cloned()
    }

    /// The share of a document that the actor has as a contact. One that was revoked opens nothing:
    /// who still gives has it from elsewhere.
    fn direct_share(&self, document: &DocumentId) -> Option<EntityUid> {
        let giver = self.actor?.contact_id()?;
        let access = self.facts.entity(&rows::access(document))?;
        let own = self.facts.entity(access.tags().get(giver.id())?.as_entity()?)?;
        (!is_over(&own) && !self.is_past(&own)).then(|| own.uid().clone())
    }

    fn is_past(&self, share: &Entity) -> bool {
        let until = share.attribute("until").and_then(Value::as_datetime);
        until.is_some_and(|until| until <= self.world.now())
    }

    /// Whether a share will never open anything again.
    fn is_spent(&self, share: &Entity) -> bool {
        let left = share.attribute("uses_left").and_then(Value::as_long);
        is_over(share) || self.is_past(share) || left.is_some_and(|left| left <= 0)
    }

    /// A contact, or the bearer of his link, gives only what he may do himself.
    fn check_shared(&mut self, document: &Resource, new: &NewShare) {
        let Some(actor) = self.actor else { return };
        if actor.contact_id().is_none() && actor.link_id().is_none() {
            return;
        }
        let world = self.world.with_facts(self.facts.clone());
        let lacks = |action: &&Action| {
            !self.tenant.decide(&world, actor, **action, document, &[]).is_allowed()
        };
        let lacking: Vec<&str> =
            new.actions.iter().filter(lacks).map(|action| action.as_str()).collect();
        if !lacking.is_empty() {
            let message = format!("the giver may not do it himself: {}", lacking.join(", "));
            self.violate("NO_ESCALATION", message);
        }
    }

    fn check_within(&mut self, id: &ShareId, new: &NewShare, parent: &Entity) {
        let given = parent.entities_at("actions");
        let moment = |name: &str| parent.attribute(name).and_then(Value::as_datetime);
        let uses_left = parent.attribute("uses_left").and_then(Value::as_long);
        let exceeds = [
            ("it gives more actions", new.actions.iter().any(|a| !given.contains(&a.uid()))),
            ("it starts earlier", moment("from").is_some_and(|at| new.from.is_none_or(|n| n < at))),
            ("it ends later", moment("until").is_some_and(|at| new.until.is_none_or(|n| n > at))),
            (
                "it may be used more often",
                uses_left.is_some_and(|left| new.uses.is_none_or(|n| i64::from(n) > left)),
            ),
            ("that one was revoked", is_over(parent)),
        ];
        for (why, _) in exceeds.into_iter().filter(|(_, exceeds)| *exceeds) {
            let message = format!("{id} exceeds {}: {why}", parent.uid().id());
            self.violate("SHARE_EXCEEDS_PARENT", message);
        }
    }

    /// Withdraws a share, and what was made from it, for good. A contact withdraws his own, those
    /// that he made from it, and those that he gave.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`; `NO_ESCALATION` where a contact withdraws what others gave.
    pub fn revoke_share(&mut self, share: &ShareId) -> Result<(), WriteError> {
        self.own_tenant(share.tenant())?;
        let row = self.row(&share.uid())?;
        let document = row.entity_at("document").map(EntityUid::shared_id).unwrap_or_default();
        self.authorise(Action::Share, self.tenant.document(document), &[])?;
        if !self.may_withdraw(&row) {
            self.violate("NO_ESCALATION", format!("{share} was given by others"));
        }
        self.end_share(&share.uid())
    }

    /// A contact withdraws his own shares, those that he made from them and those that he gave;
    /// staff any.
    fn may_withdraw(&self, share: &Entity) -> bool {
        let parent = share.entity_at("parent").and_then(|parent| self.facts.entity(parent));
        let own = |share: &Entity| match self.actor {
            Some(actor) if actor.link_id().is_some() => {
                self.borne_share().as_ref() == Some(share.uid())
            }
            Some(actor) => actor
                .contact_id()
                .is_none_or(|contact| share.entity_at("contact") == Some(&contact.uid())),
            None => true,
        };
        let given = self
            .actor
            .and_then(|actor| actor.contact_id())
            .is_some_and(|giver| share.entity_at("giver") == Some(&giver.uid()));
        own(share) || given || parent.as_ref().is_some_and(own)
    }

    pub(super) fn end_share(&mut self, share: &EntityUid) -> Result<(), WriteError> {
        let mut row = self.row(share)?;
        row.set("revoked", true);
        self.put(row);
        for mut below in self.shares_below(share) {
            below.set("parent_revoked", true);
            self.put(below);
        }
        Ok(())
    }

    /// Counts a use of a share: after the actor's check, and before what it allowed is done, so
    /// that of two who race for the last use one is refused. A use counts for the shares that it
    /// was made from, too, and none below them is left more.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_ID`, `CROSS_TENANT`; the actor's refusal where he may not do it (any more);
    /// `TOKEN_SCOPE` for a share that does not give the action, or is not the actor's to use;
    /// `TOKEN_USED` where nothing is left.
    pub fn use_share(&mut self, share: &ShareId, action: Action) -> Result<(), WriteError> {
        self.own_tenant(share.tenant())?;
        let row = self.row(&share.uid())?;
        let document = row.entity_at("document").map(EntityUid::shared_id).unwrap_or_default();
        self.authorise(action, self.tenant.document(document), &[])?;
        if !row.entities_at("actions").contains(&action.uid()) || !self.is_bearer(&row) {
            let message = format!("{share} does not give the actor `{action}`");
            return Err(self.reject("TOKEN_SCOPE", message));
        }
        let mut chain = vec![row];
        while let Some(parent) = chain.last().and_then(|row| row.entity_at("parent")).cloned() {
            // No command makes shares of each other; restored facts may hold anything.
            if chain.iter().any(|row| *row.uid() == parent) {
                break;
            }
            chain.push(self.row(&parent)?);
        }
        for mut row in chain {
            let Some(left) = row.attribute("uses_left").and_then(Value::as_long) else { continue };
            if left <= 0 {
                self.violate("TOKEN_USED", format!("{share} was used up"));
                continue;
            }
            let left = left.saturating_sub(1);
            row.set("uses_left", left);
            let uid = row.uid().clone();
            self.put(row);
            for mut below in self.shares_below(&uid) {
                let own = below.attribute("uses_left").and_then(Value::as_long);
                if own.is_none_or(|own| own > left) {
                    below.set("uses_left", left);
                    self.put(below);
                }
            }
        }
        Ok(())
    }

    /// Whether a share is the actor's to use: by the link that it was given by, else as its
    /// contact. Staff who view as him use nothing up.
    fn is_bearer(&self, share: &Entity) -> bool {
        let Some(actor) = self.actor else { return true };
        if actor.link_id().is_some() {
            return self.borne_share().as_ref() == Some(share.uid());
        }
        let contact = actor.contact_id().filter(|_| !actor.is_view_as()).map(ContactId::uid);
        let by_link = |link: Entity| link.entity_at("share") == Some(share.uid());
        contact.is_some_and(|contact| share.entity_at("contact") == Some(&contact))
            && !self.facts.of_type("Link").any(by_link)
    }

    /// The shares that were made from one, and from those.
    fn shares_below(&self, share: &EntityUid) -> Vec<Entity> {
        let mut below: Vec<Entity> = Vec::new();
        let mut parents = BTreeSet::from([share.clone()]);
        loop {
            let made_from = |row: &Entity| {
                row.entity_at("parent").is_some_and(|parent| parents.contains(parent))
                    && !parents.contains(row.uid())
            };
            let next: Vec<Entity> = self.facts.of_type("Share").filter(made_from).collect();
            if next.is_empty() {
                return below;
            }
            parents.extend(next.iter().map(|row| row.uid().clone()));
            below.extend(next);
        }
    }
}

/// What contacts do with documents, and sharing them on.
fn is_shareable(action: Action) -> bool {
    action == Action::Share || action.is_of_documents() && action != Action::Send
}

/// Whether a share, or one that it was made from, was revoked.
pub(in crate::portal) fn is_over(share: &Entity) -> bool {
    share.is("revoked") || share.is("parent_revoked")
}
