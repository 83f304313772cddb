//! Whom documents were given to and what contacts hold, for hosts to show.

use std::collections::{BTreeMap, BTreeSet};

use super::id::{ClientId, ContactId, DocumentId, LinkId, ShareId};
use super::name::{Action, Role};
use super::rows::{self, Row as _};
use super::settings::Settings;
use super::tenant::Tenant;
use crate::facts::{Entity, EntityUid, Facts, Timestamp, Value, ValueError};

/// A contact's part in a document: see [`Tenant::relations`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Related {
    /// The contact.
    pub contact: ContactId,
    /// The role.
    pub role: Role,
    /// Whether the contact may attach files there, as far as permissions go.
    pub attach: bool,
    /// Whether the contact wants mail about it: off, too, where it watches silently. Secondary
    /// contacts never get any.
    pub mail: bool,
}

impl Related {
    /// A contact's part in a document, by the rows of both, if it has one.
    pub(super) fn of(tenant: &Tenant, access: &Entity, contact: &Entity) -> Option<Self> {
        let is_among = |name: &str| access.entities_at(name).contains(contact.uid());
        if !is_among("involved") {
            return None;
        }
        let held = |role: &Role| role.attribute().is_some_and(is_among);
        let document = rows::document_of(access.uid());
        let without = |name: &str| contact.entities_at(name).contains(&document);
        Some(Self {
            contact: tenant.contact(contact.uid().shared_id()),
            role: Role::ALL.iter().copied().find(held).unwrap_or(Role::Participant),
            attach: !without("no_attach"),
            mail: !without("muted"),
        })
    }
}

/// A document given to a contact: see [`Tenant::shares`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shared {
    /// The share.
    pub share: ShareId,
    /// Whom it was given to.
    pub contact: ContactId,
    /// The link that it was given by, instead of to the contact's own sessions.
    pub link: Option<LinkId>,
    /// What it was given for.
    pub actions: BTreeSet<Action>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment only.
    pub until: Option<Timestamp>,
    /// How often it can still be used; any number of times where there is none.
    pub uses_left: Option<i64>,
    /// The share that it was made from.
    pub made_from: Option<ShareId>,
    /// Whether it was withdrawn or replaced, or one that it was made from was.
    pub revoked: bool,
}

impl Shared {
    pub(super) fn of(tenant: &Tenant, share: &Entity) -> Option<Self> {
        let moment = |name: &str| share.attribute(name).and_then(Value::as_datetime);
        let actions = share.entities_at("actions");
        Some(Self {
            share: tenant.share(share.uid().shared_id()),
            contact: tenant.contact(share.entity_at("contact")?.shared_id()),
            link: None,
            actions: actions.iter().filter_map(|action| action.id().parse().ok()).collect(),
            from: moment("from"),
            until: moment("until"),
            uses_left: share.attribute("uses_left").and_then(Value::as_long),
            made_from: share.entity_at("parent").map(|parent| tenant.share(parent.shared_id())),
            revoked: share.is("revoked") || share.is("parent_revoked"),
        })
    }
}

/// Who has to sign a document, and who signed and approved it: see [`Tenant::signatures`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Signatures {
    /// Those named by [`set_signers`](super::Tx::set_signers). Where all signatories of the client
    /// have to sign, they are not repeated here.
    pub signers: BTreeSet<ContactId>,
    /// Who signed.
    pub signed: BTreeSet<ContactId>,
    /// Who approved.
    pub approved: BTreeSet<ContactId>,
}

/// What a contact holds: see [`Tenant::holdings`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// Its client.
    pub client: ClientId,
    /// The permission sets that it holds.
    pub sets: BTreeSet<String>,
    /// The permissions that it was given beside them.
    pub grants: BTreeSet<String>,
    /// The permissions that were taken from it, whatever its sets hold.
    pub denials: BTreeSet<String>,
    /// The alert sets that it holds.
    pub alert_sets: BTreeSet<String>,
}

/// What was given, as the host wrote it.
///
/// These answer the host and ask no policy, so that nothing here is on record. Whether somebody may
/// see the answer is asked first: [`Action::Relate`] or [`Action::Share`] of the document,
/// [`Action::Grant`] of the contact, [`Action::Configure`] of the portal. Ids of another tenant find
/// nothing.
impl Tenant {
    /// Who has a part in a document, ordered by contact.
    ///
    /// Deleted contacts, who hold no place any more, are left out. Whoever lost a part has none
    /// here; watchers and the invited have parts only where they were also related.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, Relation, Role};
    /// use doorward::{Kind, Portal, Preset};
    ///
    /// let hall = Portal::builder().build()?.create_tenant("hall", Preset::Bookings)?;
    /// let booking = hall.document("B1");
    /// hall.write_as_system(|tx| {
    ///     let client = tx.create_client(hall.client("C1"))?;
    ///     let eve = tx.create_contact(NewContact::new(hall.contact("eve"), client.clone()))?;
    ///     tx.put_document(&Document::new(booking.clone(), Kind::BOOKING).client(client))?;
    ///     tx.relate(&booking, &eve, Relation::new(Role::Primary).attach(false))
    /// })?;
    ///
    /// let relations = hall.relations(&booking);
    /// assert_eq!(relations[0].contact, hall.contact("eve"));
    /// assert_eq!((relations[0].role, relations[0].attach), (Role::Primary, false));
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn relations(&self, document: &DocumentId) -> Vec<Related> {
        let world = self.world();
        let Some(access) = self.access_of(world.facts(), document) else { return Vec::new() };
        let involved = access.entities_at("involved");
        let live = involved.iter().filter_map(|contact| world.facts().entity(contact));
        let live = live.filter(rows::is_live);
        live.filter_map(|contact| Related::of(self, &access, &contact)).collect()
    }

    /// The contacts that a document was sent to, ordered by id.
    #[must_use]
    pub fn invited(&self, document: &DocumentId) -> BTreeSet<ContactId> {
        self.contacts_at(document, "invited")
    }

    /// The contacts who watch a document itself, ordered by id. Who watches its kind at the client
    /// is not among them.
    #[must_use]
    pub fn watchers(&self, document: &DocumentId) -> BTreeSet<ContactId> {
        self.contacts_at(document, "watchers")
    }

    /// The shares of a document, ordered by id: also those that are over.
    ///
    /// Costs a look at every share and link of the tenant.
    #[must_use]
    pub fn shares(&self, document: &DocumentId) -> Vec<Shared> {
        if document.tenant() != self.id() {
            return Vec::new();
        }
        let world = self.world();
        let links: BTreeMap<EntityUid, LinkId> = world
            .facts()
            .of_type("Link")
            .filter_map(|row| {
                Some((row.entity_at("share")?.clone(), self.link(row.uid().shared_id())))
            })
            .collect();
        let uid = document.uid();
        let rows = world.facts().of_type("Share");
        let rows = rows.filter(|row| row.entity_at("document") == Some(&uid));
        let shared = rows.filter_map(|row| {
            let link = links.get(row.uid()).cloned();
            Some(Shared { link, ..Shared::of(self, &row)? })
        });
        shared.collect()
    }

    /// Who has to sign a document, and who signed and approved it.
    #[must_use]
    pub fn signatures(&self, document: &DocumentId) -> Signatures {
        let named = |name| self.contacts_at(document, name);
        Signatures {
            signers: named("signers"),
            signed: named("signed"),
            approved: named("approved"),
        }
    }

    /// What a contact holds of its own. `None` for an unknown contact.
    #[must_use]
    pub fn holdings(&self, contact: &ContactId) -> Option<Holdings> {
        if contact.tenant() != self.id() {
            return None;
        }
        let world = self.world();
        let row = world.facts().entity(&contact.uid())?;
        Some(Holdings {
            client: self.client(row.entity_at("client")?.shared_id()),
            sets: rows::parents_of(&row, "PermissionSet"),
            grants: rows::parents_of(&row, "Permission"),
            denials: rows::parents_of(&row, "Denial"),
            alert_sets: rows::parents_of(&row, "AlertSet"),
        })
    }

    /// The permission sets and what they hold. A set that was defined to hold everything holds `*`
    /// beside every permission.
    #[must_use]
    pub fn permission_sets(&self) -> BTreeMap<String, BTreeSet<String>> {
        let world = self.world();
        let sets = world.facts().of_type("PermissionSet");
        sets.map(|set| (set.uid().id().to_owned(), rows::parents_of(&set, "Permission"))).collect()
    }

    /// What was chosen for the tenant: what its clients have not chosen otherwise.
    ///
    /// # Errors
    ///
    /// When settings were restored from an export of another version that this one cannot read.
    pub fn settings(&self) -> Result<Settings, ValueError> {
        self.settings_at(&rows::tenant(self.id())).map(Option::unwrap_or_default)
    }

    /// What was chosen for a client itself: what its group or the tenant chose is not repeated.
    /// `None` for an unknown client.
    ///
    /// # Errors
    ///
    /// As [`settings`](Self::settings).
    pub fn client_settings(&self, client: &ClientId) -> Result<Option<Settings>, ValueError> {
        if client.tenant() != self.id() {
            return Ok(None);
        }
        self.settings_at(&client.uid())
    }

    fn settings_at(&self, uid: &EntityUid) -> Result<Option<Settings>, ValueError> {
        let row = self.world().facts().entity(uid);
        row.as_ref().map(Settings::from_row).transpose()
    }

    fn access_of(&self, facts: &Facts, document: &DocumentId) -> Option<Entity> {
        facts.entity(&rows::access(document)).filter(|_| document.tenant() == self.id())
    }

    fn contacts_at(&self, document: &DocumentId, name: &str) -> BTreeSet<ContactId> {
        let world = self.world();
        let access = self.access_of(world.facts(), document);
        let named = access.map(|row| row.entities_at(name)).unwrap_or_default();
        named.iter().map(|contact| self.contact(contact.shared_id())).collect()
    }
}
