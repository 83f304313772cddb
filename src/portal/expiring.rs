//! What changes by time alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::id::{ContactId, DocumentId, LinkId, ShareId};
use super::rows::{self, Row as _};
use super::tenant::Tenant;
use super::tx::{is_final, is_over};
use crate::facts::{Entity, EntityUid, Facts, Timestamp, Value};

/// Something of a contact's that begins or ends by time alone: see [`Tenant::expiring`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Expiring {
    /// The first moment at which it is so.
    pub at: Timestamp,
    /// Whose it is.
    pub contact: ContactId,
    /// What happens.
    pub change: TimeChange,
}

/// What time alone does to what a contact was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TimeChange {
    /// A share opens its document.
    ShareBegins {
        /// The share.
        share: ShareId,
        /// The document that it gives.
        document: DocumentId,
    },
    /// A share opens its document no more.
    ShareEnds {
        /// The share.
        share: ShareId,
        /// The document that it gives.
        document: DocumentId,
    },
    /// A link opens nothing any more.
    LinkExpires {
        /// The link.
        link: LinkId,
        /// The document that it opens; `None` for a link that signs in or sets a password.
        document: Option<DocumentId>,
    },
}

impl Tenant {
    /// What begins or ends by time alone in the coming days: after now, and no later than `within`
    /// from now, ordered by its moment.
    ///
    /// For reminders, and for answers that a host keeps: as long as nobody writes, what any contact
    /// or bearer of a link may do changes at these moments and at no others. Left out is what is over
    /// whatever the clock says: revoked, used up, superseded or withdrawn with what it was made from,
    /// or given to a contact who was deleted. Other reasons may still refuse: what is listed of a
    /// closed portal or a disabled contact opens nothing before it ends.
    ///
    /// Moments that a request brings along are the host's to watch: how long a session may idle, a
    /// second factor counts, or staff view as a contact. So are dates that a tenant's own policies
    /// name.
    ///
    /// Like [`shares`](Self::shares), it asks no policy. Costs a glance at every share and link of
    /// the tenant, and a look at those that have a moment.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use doorward::portal::{Document, NewContact, NewShare, TimeChange};
    /// use doorward::{Action, Kind, Portal, Preset, Timestamp};
    ///
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let now: Timestamp = "2026-11-28T09:00:00Z".parse()?;
    /// let portal = Portal::builder().clock(move || now).build()?;
    /// let acme = portal.create_tenant("acme", Preset::Invoicing)?;
    /// let gm = acme.contact("gm");
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     tx.create_contact(NewContact::new(gm.clone(), client.clone()).email("gm@c.example"))?;
    ///     tx.put_document(&Document::new(acme.document("I1"), Kind::INVOICE).client(client))?;
    ///     let share = NewShare::new(gm.clone(), [Action::View]);
    ///     let share = share.until("2026-12-01T00:00:00Z".parse()?);
    ///     tx.share(acme.share("S1"), acme.document("I1"), share)
    /// })?;
    ///
    /// let soon = acme.expiring(7 * day);
    /// assert_eq!(soon.len(), 1);
    /// assert_eq!((&soon[0].contact, soon[0].at), (&gm, "2026-12-01T00:00:00Z".parse()?));
    /// let (share, document) = (acme.share("S1"), acme.document("I1"));
    /// assert_eq!(soon[0].change, TimeChange::ShareEnds { share, document });
    /// assert!(acme.expiring(day).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expiring(&self, within: Duration) -> Vec<Expiring> {
        let world = self.world();
        let (facts, now) = (world.facts(), world.now());
        let length = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let span = Span { tenant: self, facts, after: now, last: now.plus_ms(length) };
        let mut found = Vec::new();
        let mut bearers: BTreeMap<EntityUid, bool> = BTreeMap::new();
        for link in facts.having("Link", &["expires", "share"]) {
            let is_live = span.is_live_link(&link);
            if let Some(share) = link.entity_at("share") {
                *bearers.entry(share.clone()).or_default() |= is_live;
            }
            found.extend(is_live.then(|| span.link(&link)).flatten());
        }
        for share in facts.having("Share", &["from", "until"]) {
            let is_borne = bearers.get(share.uid()).is_some_and(|is_live| *is_live);
            if is_live_share(&share) {
                found.extend(span.share(&share, is_borne));
            }
        }
        found.sort_unstable();
        found
    }
}

/// A span of time in which things begin and end.
struct Span<'t> {
    tenant: &'t Tenant,
    facts: &'t Facts,
    after: Timestamp,
    last: Timestamp,
}

impl Span<'_> {
    fn is_coming(&self, at: Timestamp) -> bool {
        self.after < at && at <= self.last
    }

    /// The contact of a share or a link, unless he was deleted.
    fn contact_of(&self, row: &Entity) -> Option<Entity> {
        self.facts.entity(row.entity_at("contact")?).filter(rows::is_live)
    }

    fn change(&self, at: Timestamp, contact: &EntityUid, change: TimeChange) -> Option<Expiring> {
        let contact = self.tenant.contact(contact.shared_id());
        self.is_coming(at).then_some(Expiring { at, contact, change })
    }

    /// What becomes of a share that is not over. A link's bearer, who may come to the document in
    /// another way, is refused from its end on, whether it ever began or not.
    fn share(&self, row: &Entity, is_borne: bool) -> Vec<Expiring> {
        let (begins, ends) = (moment(row, "from"), moment(row, "until"));
        let never_opens = begins.zip(ends).is_some_and(|(begins, ends)| ends <= begins);
        let opens = !never_opens && (is_borne || self.is_direct(row));
        let named = row.entity_at("contact").zip(row.entity_at("document"));
        let Some((contact, document)) = named.filter(|_| opens || is_borne) else {
            return Vec::new();
        };
        let share = self.tenant.share(row.uid().shared_id());
        let document = self.tenant.document(document.shared_id());
        let begin = TimeChange::ShareBegins { share: share.clone(), document: document.clone() };
        let end = TimeChange::ShareEnds { share, document };
        let changes = [(begins.filter(|_| opens), begin), (ends, end)].into_iter();
        changes.filter_map(|(at, change)| self.change(at?, contact, change)).collect()
    }

    /// What becomes of a link that is not over.
    fn link(&self, row: &Entity) -> Option<Expiring> {
        let (expires, contact) = (moment(row, "expires")?, row.entity_at("contact")?);
        let share = row.entity_at("share").and_then(|share| self.facts.entity(share));
        let ends_before = share.and_then(|share| moment(&share, "until"));
        if ends_before.is_some_and(|ends| ends <= expires) {
            return None;
        }
        let document = row.entity_at("document").map(EntityUid::shared_id);
        let document = document.map(|document| self.tenant.document(document));
        let link = self.tenant.link(row.uid().shared_id());
        self.change(expires, contact, TimeChange::LinkExpires { link, document })
    }

    fn is_live_link(&self, link: &Entity) -> bool {
        let share = link.entity_at("share").map(|share| self.facts.entity(share));
        let is_of_now = self
            .contact_of(link)
            .is_some_and(|contact| contact.long_at("epoch") == link.long_at("epoch"));
        !is_final(link)
            && is_of_now
            && moment(link, "expires").is_none_or(|expires| self.after < expires)
            && share.is_none_or(|share| share.as_ref().is_some_and(is_live_share))
    }

    /// Whether a share is where its contact's own sessions find it.
    fn is_direct(&self, share: &Entity) -> bool {
        let found = || {
            let document = share.entity_at("document")?;
            // Documents of the host's own tables have no row.
            let row = self.facts.entity(document);
            let access = row.as_ref().and_then(|row| row.entity_at("access").cloned());
            let access = self.facts.entity(&access.unwrap_or_else(|| rows::access_of(document)))?;
            let key = self.contact_of(share)?;
            access.tags().get(key.text_at("key"))?.as_entity().cloned()
        };
        found().as_ref() == Some(share.uid())
    }
}

/// Whether a share may open something at some moment.
fn is_live_share(share: &Entity) -> bool {
    let left = share.attribute("uses_left").and_then(Value::as_long);
    !is_over(share) && left.is_none_or(|left| left > 0)
}

fn moment(row: &Entity, name: &str) -> Option<Timestamp> {
    row.attribute(name).and_then(Value::as_datetime)
}
