//! Questions about many: what a caller may see, who may see it, the buttons of a page.

use super::TenantChecker;
use super::caller::Caller;
use super::document::Resource;
use super::error::Refused;
use super::id::{ContactId, DocumentId};
use super::name::{AccessState, Action, CredentialState, Kind};
use super::rows;
use super::tenant::Tenant;
use crate::decide::{Decision, Request, codes};
use crate::engine::World;
use crate::facts::{Entity, Id};
use crate::plan::Sought;
use crate::query::Listing;

/// A page of a list, and how long the whole list is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The documents of the page, ordered by id.
    pub documents: Vec<DocumentId>,
    /// How many documents the whole list has: those that the caller may see, and no others.
    pub total: usize,
    /// The cursor of the page after this one; `None` on the last.
    pub next: Option<DocumentId>,
}

impl Tenant {
    /// The stored documents of a kind that the check allows, ordered by id.
    ///
    /// Cost: that of the documents that the caller can come to (those of his client, those that he
    /// was invited to, …), not of all that are stored.
    #[must_use]
    pub fn list(&self, caller: &Caller, action: Action, kind: &Kind) -> Vec<DocumentId> {
        let checker = self.checker(caller);
        let listing = checker.list(action, kind);
        let found: Vec<DocumentId> =
            listing.uids().iter().map(|uid| self.document(uid.shared_id())).collect();
        self.record_documents(checker.world(), caller, action, kind.uid(), found.len());
        found
    }

    /// At most `limit` documents of [`list`](Self::list): the first ones, or those that come after
    /// `after`, the [`next`](Page::next) of the page before.
    ///
    /// The cursor is an id, so it is good for as long as anybody cares to keep it: documents that
    /// come and go meanwhile neither repeat nor skip others.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, State};
    /// use doorward::{Action, Caller, Kind, Portal, Preset};
    ///
    /// # let portal = Portal::builder().build()?;
    /// # let acme = portal.create_tenant("acme", Preset::Accounting)?;
    /// # acme.write_as_system(|tx| {
    /// #     let client = tx.create_client(acme.client("C1"))?;
    /// #     tx.create_contact(NewContact::new(acme.contact("gm"), client.clone()).email("gm@c.example"))?;
    /// #     tx.enable(&acme.contact("gm"))?;
    /// #     tx.reset_credential(&acme.contact("gm"))?;
    /// #     for id in ["I1", "I2", "I3"] {
    /// #         let document = Document::new(acme.document(id), Kind::INVOICE).client(client.clone());
    /// #         tx.put_document(&document.state(State::Sent))?;
    /// #     }
    /// #     Ok(())
    /// # })?;
    /// # let access = acme.access(&acme.contact("gm")).ok_or("no such contact")?;
    /// # let (epoch, version) = (access.epoch, access.credential_version);
    /// let gm = Caller::contact(acme.contact("gm")).session(epoch, version).password();
    /// let first = acme.page(&gm, Action::View, &Kind::INVOICE, None, 2);
    /// assert_eq!((first.documents.len(), first.total), (2, 3));
    /// let rest = acme.page(&gm, Action::View, &Kind::INVOICE, first.next.as_ref(), 2);
    /// assert_eq!((rest.documents, rest.next), (vec![acme.document("I3")], None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn page(
        &self,
        caller: &Caller,
        action: Action,
        kind: &Kind,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> Page {
        let checker = self.checker(caller);
        let listing = checker.list(action, kind);
        let after = after.map(|after| Id::from(after.id()));
        // One more tells whether another page follows.
        let found = listing.page(after, limit.saturating_add(1));
        let documents: Vec<DocumentId> =
            found.iter().take(limit).map(|uid| self.document(uid.shared_id())).collect();
        let next = documents.last().filter(|_| found.len() > limit).cloned();
        self.record_documents(checker.world(), caller, action, kind.uid(), documents.len());
        Page { documents, total: listing.len(), next }
    }

    /// As [`list`](Self::list), of those that the caller wants: what a user filters by is asked of
    /// rows that the check allowed, and of no others, so that no filter, however it is joined,
    /// shows or counts anything else.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Action, Caller, Kind, Portal, Preset};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Accounting)?;
    /// let nobody = Caller::contact(acme.contact("nobody"));
    /// // `id = I9 or true`: still his own rows only, and there are none.
    /// let found = acme.list_where(&nobody, Action::View, &Kind::INVOICE, |row| {
    ///     row.uid().id() == "I9" || true
    /// });
    /// assert_eq!(found, []);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn list_where(
        &self,
        caller: &Caller,
        action: Action,
        kind: &Kind,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Vec<DocumentId> {
        let checker = self.checker(caller);
        let facts = checker.world().facts();
        let allowed = checker.list(action, kind).uids();
        let found = allowed.iter().filter(|uid| facts.entity(uid).is_some_and(|row| wanted(&row)));
        let found: Vec<DocumentId> = found.map(|uid| self.document(uid.shared_id())).collect();
        self.record_documents(checker.world(), caller, action, kind.uid(), found.len());
        found
    }

    /// The contacts who may do something with a document, ordered by id: each as if he had just
    /// signed in, with his password and a second factor, from a network that the tenant lets in.
    ///
    /// Who has to change his password first, or was never enabled, is not among them. Cost: that of
    /// the contacts who can come to the document.
    ///
    /// # Errors
    ///
    /// The refusal, where the resource is another tenant's: no policy is asked then.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, State};
    /// use doorward::{Action, Kind, Portal, Preset};
    ///
    /// # let portal = Portal::builder().build()?;
    /// let acme = portal.create_tenant("acme", Preset::Invoicing)?;
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     for id in ["accountant", "manager"] {
    ///         let email = format!("{id}@c.example");
    ///         let contact = NewContact::new(acme.contact(id), client.clone()).email(&email);
    ///         let contact = tx.create_contact(contact)?;
    ///         tx.enable(&contact)?;
    ///         tx.set_password(&contact)?;
    ///     }
    ///     let invoice = Document::new(acme.document("I1"), Kind::INVOICE).client(client);
    ///     tx.put_document(&invoice.state(State::Sent).amount(12_000, "EUR"))
    /// })?;
    /// let invoice = acme.document("I1");
    /// let who = acme.who(Action::View, &invoice)?;
    /// assert_eq!(who, [acme.contact("accountant"), acme.contact("manager")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn who(
        &self,
        action: Action,
        resource: impl Into<Resource>,
    ) -> Result<Vec<ContactId>, Refused> {
        let (world, resource) = (self.world(), resource.into());
        let anybody = Caller::contact(self.contact(""));
        let request = self.request_in(&world, &anybody, action, &resource, &[])?;
        let candidates = self.candidates(&world, &request);
        let allows = |contact: &ContactId| {
            self.fresh(&world, contact).is_some_and(|caller| {
                self.decide(&world, &caller, action, &resource, &[]).is_allowed()
            })
        };
        Ok(candidates.into_iter().filter(allows).collect())
    }

    /// The contacts who can come to a request's resource at all, ordered by id.
    pub(super) fn candidates(&self, world: &World, request: &Request) -> Vec<ContactId> {
        let found = world.candidates(request, Sought::Principal, "Contact");
        found.iter().map(|uid| self.contact(uid.shared_id())).collect()
    }

    /// A contact who signed in this moment; `None` who cannot.
    fn fresh(&self, world: &World, contact: &ContactId) -> Option<Caller> {
        let access = self.access_in(world, contact)?;
        if access.state != AccessState::Enabled || access.credential == CredentialState::None {
            return None;
        }
        let now = world.now();
        let caller = Caller::contact(contact.clone())
            .session(access.epoch, access.credential_version)
            .password()
            .at(now)
            .mfa_at(now)
            .last_seen(now);
        Some(match rows::some_address(world.facts(), self.id()) {
            Some(address) => caller.address(address),
            None => caller,
        })
    }

    /// What a caller may do with each of many resources: the buttons of a page. A row for each
    /// resource, in their order, with a decision for each action, in theirs.
    ///
    /// Each equals [`check`](Self::check)'s at that moment. The caller is looked up once.
    #[must_use]
    pub fn actions_many(
        &self,
        caller: &Caller,
        resources: &[Resource],
        actions: &[Action],
    ) -> Vec<Vec<Decision>> {
        let checker = self.checker(caller);
        let row = |resource: &Resource| {
            let decisions: Vec<Decision> =
                actions.iter().map(|action| checker.decide(*action, resource)).collect();
            let count = decisions.iter().filter(|decision| decision.is_allowed()).count();
            self.record_list(checker.world(), caller, None, resource, count);
            decisions
        };
        resources.iter().map(row).collect()
    }

    /// Which parts of a document a caller sees: each field group that its kind keeps apart, in the
    /// order of [`Action::FIELD_GROUPS`], with the decision of [`check`](Self::check) for it.
    ///
    /// What a kind has no group for is seen with the document: the prices of a kind without
    /// `view_prices`. Of a document that the caller may not view every group is told, none of them
    /// shown, whatever its kind: so a foreign one and a missing one look the same.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, Relation, Role, State};
    /// use doorward::{Action, Caller, Kind, Portal, Preset};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Bookings)?;
    /// # let contact = acme.contact("planner");
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     # tx.create_contact(NewContact::new(contact.clone(), client.clone()).email("p@c.example"))?;
    ///     # tx.enable(&contact)?;
    ///     # tx.set_password(&contact)?;
    ///     let proposal = Document::new(acme.document("E1"), Kind::ESTIMATE).client(client);
    ///     tx.put_document(&proposal.state(State::Sent).amount(90_000, "EUR"))?;
    ///     tx.relate(&acme.document("E1"), &contact, Relation::new(Role::Participant))?;
    ///     tx.grant(&contact, "estimate.view")
    /// })?;
    /// # let access = acme.access(&contact).ok_or("no such contact")?;
    /// # let (epoch, version) = (access.epoch, access.credential_version);
    /// let planner = Caller::contact(contact).session(epoch, version).password();
    /// assert!(acme.check(&planner, Action::View, acme.document("E1")).is_allowed());
    ///
    /// // An estimate keeps its prices apart, and nothing else.
    /// let groups = acme.field_groups(&planner, acme.document("E1"));
    /// assert_eq!(groups.len(), 1);
    /// assert_eq!(groups[0].0, Action::ViewPrices);
    /// assert_eq!(groups[0].1.code().unwrap(), "NO_PERMISSION");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn field_groups(
        &self,
        caller: &Caller,
        resource: impl Into<Resource>,
    ) -> Vec<(Action, Decision)> {
        self.checker(caller).field_groups(resource)
    }
}

impl TenantChecker {
    /// Which parts of a document the caller sees: see [`Tenant::field_groups`].
    #[must_use]
    pub fn field_groups(&self, resource: impl Into<Resource>) -> Vec<(Action, Decision)> {
        let resource = resource.into();
        let is_seen = self.decide(Action::View, &resource).is_allowed();
        let groups =
            Action::FIELD_GROUPS.iter().map(|group| (*group, self.decide(*group, &resource)));
        // Policies refuse what a kind does not have before they ask anything else.
        let has = |decision: &Decision| decision.code() != Some(codes::UNKNOWN_ACTION);
        let groups: Vec<_> = groups.filter(|(_, decision)| !is_seen || has(decision)).collect();
        let seen = groups.iter().filter(|(_, decision)| decision.is_allowed()).count();
        self.record_list(&resource, seen);
        groups
    }

    /// The stored documents of a kind that the caller may do something with, of the checker's
    /// moment. Nothing is recorded: [`Tenant::list`] and [`Tenant::page`] record what they show.
    #[must_use]
    pub fn list(&self, action: Action, kind: &Kind) -> Listing {
        self.listing(action, &kind.uid())
    }
}
