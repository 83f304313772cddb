//! Who asks, and with what evidence.

use std::fmt;
use std::net::IpAddr;

use super::id::{ContactId, DocumentId, LinkId, StaffId};
use super::rows::{self, Row as _};
use crate::decide::Request;
use crate::facts::{Entity, EntityUid, Facts, Timestamp, Value};

/// Who asks, and with what evidence: a session, a link, an authentication, an address.
///
/// What a caller does not bring counts as not given: without a session a contact is refused, and
/// without a second factor he is asked for one where it is needed. The host has verified what it
/// passes on (that the session cookie is genuine, that the link's secret is right); the engine
/// decides what it is good for *now*.
///
/// # Example
///
/// ```
/// use doorward::{Caller, ContactId, Timestamp};
///
/// let now = Timestamp::now();
/// let caller = Caller::contact(ContactId::new("acme", "gm"))
///     .session(3, 1)
///     .password()
///     .mfa_at(now.plus_ms(-60_000));
/// assert_eq!(caller.contact_id().unwrap().id(), "gm");
/// ```
#[derive(Clone)]
pub struct Caller {
    who: Who,
    epoch: Option<i64>,
    credential_version: Option<i64>,
    authenticated_by: Option<&'static str>,
    mfa_at: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    address: Option<IpAddr>,
    now: Option<Timestamp>,
}

/// Who asks and which evidence came along, without what it says: an address is personal.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evidence = [
            ("epoch", self.epoch.is_some()),
            ("credential_version", self.credential_version.is_some()),
            ("authenticated_by", self.authenticated_by.is_some()),
            ("mfa_at", self.mfa_at.is_some()),
            ("last_seen", self.last_seen.is_some()),
            ("address", self.address.is_some()),
            ("now", self.now.is_some()),
        ];
        let given: Vec<_> = evidence.iter().filter(|(_, given)| *given).map(|(n, _)| *n).collect();
        f.debug_struct("Caller").field("who", &self.who).field("evidence", &given).finish()
    }
}

#[derive(Debug, Clone)]
enum Who {
    Contact(ContactId),
    Link(LinkId),
    Staff(StaffId),
    ViewAs { staff: StaffId, contact: ContactId, started: Timestamp },
    OnBehalf { staff: StaffId, contact: ContactId },
    Guest { tenant: String },
}

impl Caller {
    /// A contact, so far without a session.
    #[must_use]
    pub fn contact(contact: ContactId) -> Self {
        Self::of(Who::Contact(contact))
    }

    /// The bearer of a link who has no session. A signed-in contact who opens a link is a
    /// [`contact`](Self::contact): the link adds nothing.
    #[must_use]
    pub fn link(link: LinkId) -> Self {
        Self::of(Who::Link(link))
    }

    /// A member of the staff.
    #[must_use]
    pub fn staff(staff: StaffId) -> Self {
        Self::of(Who::Staff(staff))
    }

    /// Staff looking at the portal as a contact, since a moment: read-only, and for as long as the
    /// tenant's `view_as_max_ms`.
    #[must_use]
    pub fn view_as(staff: StaffId, contact: ContactId, started: Timestamp) -> Self {
        Self::of(Who::ViewAs { staff, contact, started })
    }

    /// Staff acting for a contact: the permission is the staff member's, the reach the contact's.
    #[must_use]
    pub fn on_behalf(staff: StaffId, contact: ContactId) -> Self {
        Self::of(Who::OnBehalf { staff, contact })
    }

    /// Somebody who is not signed in.
    #[must_use]
    pub fn guest(tenant: impl Into<String>) -> Self {
        Self::of(Who::Guest { tenant: tenant.into() })
    }

    fn of(who: Who) -> Self {
        Self {
            who,
            epoch: None,
            credential_version: None,
            authenticated_by: None,
            mfa_at: None,
            last_seen: None,
            address: None,
            now: None,
        }
    }

    /// The session: the epoch and the credential version of the contact when it was opened, from
    /// [`Tenant::access`](crate::Tenant::access), kept by the host with the session.
    ///
    /// Never ask for them anew for each request: what is current is always right, so that no
    /// session would ever end.
    #[must_use]
    pub fn session(mut self, epoch: i64, credential_version: i64) -> Self {
        self.epoch = Some(epoch);
        self.credential_version = Some(credential_version);
        self
    }

    /// The credential that a login presents, by its version.
    #[must_use]
    pub fn credential(mut self, version: i64) -> Self {
        self.credential_version = Some(version);
        self
    }

    /// The session was opened with a password.
    #[must_use]
    pub fn password(mut self) -> Self {
        self.authenticated_by = Some("password");
        self
    }

    /// The session was opened by single sign-on.
    #[must_use]
    pub fn single_sign_on(mut self) -> Self {
        self.authenticated_by = Some("sso");
        self
    }

    /// The session was opened with a magic link.
    #[must_use]
    pub fn magic_link(mut self) -> Self {
        self.authenticated_by = Some("magic_link");
        self
    }

    /// A second factor was given at a moment.
    #[must_use]
    pub fn mfa_at(mut self, moment: Timestamp) -> Self {
        self.mfa_at = Some(moment);
        self
    }

    /// The moment of the session's last request.
    #[must_use]
    pub fn last_seen(mut self, moment: Timestamp) -> Self {
        self.last_seen = Some(moment);
        self
    }

    /// The address the request comes from.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// The moment of the request. Default: the portal's clock.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// The contact who asks, or for whom is asked; for a link, see its row.
    #[must_use]
    pub fn contact_id(&self) -> Option<&ContactId> {
        match &self.who {
            Who::Contact(contact) | Who::ViewAs { contact, .. } | Who::OnBehalf { contact, .. } => {
                Some(contact)
            }
            Who::Link(_) | Who::Staff(_) | Who::Guest { .. } => None,
        }
    }

    pub(super) const fn is_view_as(&self) -> bool {
        matches!(self.who, Who::ViewAs { .. })
    }

    /// Who gives what the caller gives away, and has to hold it: the contact, the staff, and both
    /// where staff act for a contact.
    pub(super) fn givers(&self) -> impl Iterator<Item = EntityUid> {
        let staff = match &self.who {
            Who::Staff(staff) => Some(staff),
            _ => self.stand_in(),
        };
        self.contact_id().map(ContactId::uid).into_iter().chain(staff.map(StaffId::uid))
    }

    /// The moment of the request, where it is not the portal's clock.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.now
    }

    pub(super) fn link_id(&self) -> Option<&LinkId> {
        if let Who::Link(link) = &self.who { Some(link) } else { None }
    }

    /// The member of the staff who stands in a contact's place.
    pub(super) fn stand_in(&self) -> Option<&StaffId> {
        match &self.who {
            Who::ViewAs { staff, .. } | Who::OnBehalf { staff, .. } => Some(staff),
            Who::Contact(_) | Who::Link(_) | Who::Staff(_) | Who::Guest { .. } => None,
        }
    }

    /// Since when staff view as a contact.
    pub(super) fn views_as_since(&self) -> Option<Timestamp> {
        if let Who::ViewAs { started, .. } = &self.who { Some(*started) } else { None }
    }

    /// Whether a contact asks, or the bearer of his link, and nobody in his place.
    pub(super) fn is_contact(&self) -> bool {
        matches!(self.who, Who::Contact(_) | Who::Link(_))
    }

    /// The tenants that the caller's ids name.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match &self.who {
            Who::Contact(contact) => (contact.tenant(), None),
            Who::Link(link) => (link.tenant(), None),
            Who::Staff(staff) => (staff.tenant(), None),
            Who::ViewAs { staff, contact, .. } | Who::OnBehalf { staff, contact } => {
                (staff.tenant(), Some(contact.tenant()))
            }
            Who::Guest { tenant } => (tenant.as_str(), None),
        };
        std::iter::once(first).chain(second)
    }

    /// The request of this caller. Rows that stand for the caller alone come inline.
    pub(super) fn request(
        &self,
        facts: &Facts,
        tenant: &str,
        action: super::Action,
        resource: EntityUid,
        ask: &Ask,
    ) -> Request {
        let (principal, row) = self.principal(facts, tenant);
        let mut request = Request::new(principal, action.uid(), resource);
        request.inline.extend(row);
        if let Some(now) = self.now {
            request = request.with("now", now);
        }
        if matches!(action, super::Action::Receive | super::Action::ReceiveCredential) {
            return request;
        }
        for (name, number) in
            [("epoch", self.epoch), ("credential_version", self.credential_version)]
        {
            if let Some(number) = number {
                request = request.with(name, number);
            }
        }
        if let Some(method) = self.authenticated_by {
            request = request.with("authenticated_by", method);
        }
        for (name, moment) in [("mfa_at", self.mfa_at), ("last_seen", self.last_seen)] {
            if let Some(moment) = moment {
                request = request.with(name, moment);
            }
        }
        if let Some(address) = self.address {
            request = request.with("address", address);
            // The policy checks the network again: this only finds the one to look at.
            if let Some(network) = rows::network_of(facts, tenant, address) {
                request = request.with("network", network);
            }
        }
        if let Some(via) = &ask.via {
            request = request.with("via", via.uid());
        }
        if !ask.fields.is_empty() {
            request = request.with("fields", Value::strings(ask.fields.iter().map(String::as_str)));
        }
        request
    }

    fn principal(&self, facts: &Facts, tenant: &str) -> (EntityUid, Option<Entity>) {
        match &self.who {
            Who::Contact(contact) => (contact.uid(), None),
            Who::Link(link) => (link.uid(), None),
            Who::Staff(staff) => (staff.uid(), None),
            Who::ViewAs { staff, contact, started } => {
                let row =
                    stand_in(facts, tenant, "ViewAs", staff, contact).with("started", *started);
                (row.uid().clone(), Some(row))
            }
            Who::OnBehalf { staff, contact } => {
                let row = stand_in(facts, tenant, "OnBehalf", staff, contact);
                (row.uid().clone(), Some(row))
            }
            Who::Guest { .. } => {
                let row = Entity::new(EntityUid::new("Guest", "guest"))
                    .with("tenant", rows::tenant(tenant));
                (row.uid().clone(), Some(row))
            }
        }
    }
}

/// Staff in the place of a contact: a principal of the contact's client, in the contact.
fn stand_in(
    facts: &Facts,
    tenant: &str,
    type_name: &str,
    staff: &StaffId,
    contact: &ContactId,
) -> Entity {
    let client = facts
        .entity(&contact.uid())
        .and_then(|row| row.entity_at("client").cloned())
        .unwrap_or_else(rows::no_client);
    Entity::new(EntityUid::new(type_name, format!("{}:{}", staff.id(), contact.id())))
        .with("tenant", rows::tenant(tenant))
        .with("client", client)
        .with("contact", contact.uid())
        .with("staff", staff.uid())
        .parent(contact.uid())
}

/// What a question is about, beside its resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    pub(super) via: Option<DocumentId>,
    pub(super) fields: Vec<String>,
}
