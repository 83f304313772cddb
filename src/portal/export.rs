//! What a contact is given of its own data.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::caller::Caller;
use super::error::Refused;
use super::given::{Related, Shared};
use super::id::ContactId;
use super::name::{AccessState, Action, CredentialState, Kind, Role, State};
use super::rows::{self, Row as _};
use super::settings::Limit;
use super::tenant::Tenant;
use crate::engine::World;
use crate::facts::{Entity, EntityUid, Timestamp, Value};

/// A contact's own data, for himself: what he is, what he holds and what he may view now.
///
/// Of documents, it names those that he may view at the moment of the export, and no others: a part
/// in a draft, or a link to what was hidden, would tell that it is there. Nobody else is in it, no
/// note of the staff, and no secret.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Export {
    /// The contact's id.
    pub contact: String,
    /// Its client's id.
    pub client: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its name for logging in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Whether it may use the portal.
    pub access: AccessState,
    /// The state of its credential.
    pub credential: CredentialState,
    /// What is on or off for it: `admin`, `approver`, `mail`, `main`, `signatory`, `uploads`,
    /// `verified`. Those that are on.
    pub flags: BTreeSet<&'static str>,
    /// Its own approval limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// The permission sets that it holds.
    pub sets: BTreeSet<String>,
    /// The permissions that it was given beside them.
    pub grants: BTreeSet<String>,
    /// The permissions that were taken from it.
    pub denials: BTreeSet<String>,
    /// The alert sets that it holds.
    pub alert_sets: BTreeSet<String>,
    /// The kinds that it is sent by default.
    pub receives: BTreeSet<Kind>,
    /// The kinds that it watches at its client.
    pub watches: BTreeSet<Kind>,
    /// Its part in documents.
    pub relations: Vec<ExportedRelation>,
    /// The documents that were sent to it, by id.
    pub invitations: BTreeSet<String>,
    /// What was given to it.
    pub shares: Vec<ExportedShare>,
    /// Its links.
    pub links: Vec<ExportedLink>,
    /// The documents that it may view.
    pub documents: Vec<ExportedDocument>,
}

/// A contact's part in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedRelation {
    /// The document's id.
    pub document: String,
    /// The role.
    pub role: Role,
    /// Whether the contact may attach files there.
    pub attach: bool,
    /// Whether it is mailed about it.
    pub mail: bool,
}

/// A document given to the contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedShare {
    /// The document's id.
    pub document: String,
    /// What it was given for.
    pub actions: BTreeSet<Action>,
    /// Not before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Before this moment only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How often it can still be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<i64>,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// A link of the contact. Its id stays with the host, which may keep the secret under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedLink {
    /// What it is for: `personal`, `share`, `activation`, `magic`.
    pub purpose: String,
    /// `active`, or how it came to its end: `revoked`, `superseded`, `used`, `expired`.
    pub state: &'static str,
    /// The document that it opens, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A document that the contact may view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedDocument {
    /// The id.
    pub id: String,
    /// The kind.
    pub kind: Kind,
    /// The state.
    pub state: State,
    /// The amount, where the contact may see prices, or the kind does not keep them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Limit>,
}

/// How much there is of what, and whose it is by id alone: the rest is personal.
impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("contact", &self.contact)
            .field("client", &self.client)
            .field("relations", &self.relations.len())
            .field("invitations", &self.invitations.len())
            .field("shares", &self.shares.len())
            .field("links", &self.links.len())
            .field("documents", &self.documents.len())
            .finish_non_exhaustive()
    }
}

/// What the contact is, by flags of its row.
const FLAGS: [&str; 7] = ["admin", "approver", "mail", "main", "signatory", "uploads", "verified"];

impl Tenant {
    /// A contact's own data, for himself, as of one revision and moment: also while his client's archive is
    /// kept readable. Staff read the tables.
    ///
    /// Documents that the host keeps in its own tables are not stored here, so that the host adds
    /// those. Costs a check for each stored document.
    ///
    /// # Errors
    ///
    /// The refusal, where the caller may not export this: for anybody but the contact himself.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, State};
    /// use doorward::{Caller, Kind, Portal, Preset};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Accounting)?;
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     for id in ["gm", "acc"] {
    ///         let new = NewContact::new(acme.contact(id), client.clone());
    ///         let contact = tx.create_contact(new.email(format!("{id}@client.example")))?;
    ///         tx.enable(&contact)?;
    ///         tx.reset_credential(&contact)?;
    ///     }
    ///     let invoice = Document::new(acme.document("I1"), Kind::INVOICE).client(client.clone());
    ///     tx.put_document(&invoice.state(State::Sent).amount(12_000, "EUR"))?;
    ///     tx.put_document(&Document::new(acme.document("I2"), Kind::INVOICE).client(client)
    ///         .state(State::Draft))
    /// })?;
    /// let gm = acme.contact("gm");
    /// let access = acme.access(&gm).ok_or("no such contact")?;
    /// let caller = Caller::contact(gm.clone()).session(access.epoch, access.credential_version);
    ///
    /// let export = acme.export(&caller, &gm)?;
    /// assert_eq!(export.email.as_deref(), Some("gm@client.example"));
    /// assert_eq!(export.documents.len(), 1, "no draft");
    /// assert!(!serde_json::to_string(&export)?.contains("acc@"), "nobody else");
    ///
    /// let refused = acme.export(&caller, &acme.contact("acc")).unwrap_err();
    /// assert_eq!(refused.decision().code().unwrap(), "NOT_SELF");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, caller: &Caller, contact: &ContactId) -> Result<Export, Refused> {
        let world = self.world();
        let now = caller.now().unwrap_or_else(|| world.now());
        let caller = &caller.clone().at(now);
        let decision = self.decide(&world, caller, Action::Export, &contact.into(), &[]);
        if !decision.is_allowed() {
            return Err(Refused::from(decision));
        }
        let row = world.facts().entity(&contact.uid());
        // A contact without a row is refused above.
        let row = row.unwrap_or_else(|| Entity::new(contact.uid()));
        Ok(Exporter { tenant: self, world: &world, caller, now, row: &row }.export())
    }
}

/// An export under way: of one contact, from one world.
struct Exporter<'e> {
    tenant: &'e Tenant,
    world: &'e World,
    caller: &'e Caller,
    now: Timestamp,
    row: &'e Entity,
}

impl Exporter<'_> {
    fn export(&self) -> Export {
        let facts = self.world.facts();
        let viewed = facts.uids_of_type("Document").filter(|document| self.views(document));
        let documents: Vec<Entity> =
            viewed.filter_map(|document| facts.entity(&document)).collect();
        let viewed: BTreeSet<&EntityUid> = documents.iter().map(Entity::uid).collect();
        let text = |name: &str| self.row.attribute(name).and_then(Value::as_str).map(str::to_owned);
        Export {
            contact: self.row.uid().id().to_owned(),
            client: self.row.entity_at("client").map(|uid| uid.id().to_owned()).unwrap_or_default(),
            name: text("name"),
            email: text("email"),
            login: text("login"),
            access: self.row.text_at("access").parse().unwrap_or(AccessState::None),
            credential: self.row.text_at("credential").parse().unwrap_or(CredentialState::None),
            flags: FLAGS.into_iter().filter(|flag| self.row.is(flag)).collect(),
            limit: self.row.attribute("limit").and_then(Limit::of),
            sets: rows::parents_of(self.row, "PermissionSet"),
            grants: rows::parents_of(self.row, "Permission"),
            denials: rows::parents_of(self.row, "Denial"),
            alert_sets: rows::parents_of(self.row, "AlertSet"),
            receives: self.row.entities_at("recipient_of").iter().filter_map(kind).collect(),
            watches: self.watches(),
            relations: self.relations(&viewed),
            invitations: self.invitations(&viewed),
            shares: self.shares(&viewed),
            links: self.links(&viewed),
            documents: documents.iter().filter_map(|row| self.document(row)).collect(),
        }
    }

    fn may(&self, action: Action, document: &EntityUid) -> bool {
        let document = self.tenant.document(document.shared_id());
        self.tenant.decide(self.world, self.caller, action, &document.into(), &[]).is_allowed()
    }

    fn views(&self, document: &EntityUid) -> bool {
        self.may(Action::View, document)
    }

    /// The rows of a type that name the contact.
    fn own(&self, type_name: &str) -> impl Iterator<Item = Entity> {
        let rows = self.world.facts().of_type(type_name);
        rows.filter(|row| row.entity_at("contact") == Some(self.row.uid()))
    }

    fn watches(&self) -> BTreeSet<Kind> {
        let client = self.row.entity_at("client");
        let rules = self.world.facts().of_type("Rule");
        let watched = rules
            .filter(|rule| rule.entity_at("client") == client && self.is_among(rule, "watchers"));
        watched.filter_map(|rule| rule.entity_at("kind").and_then(kind)).collect()
    }

    fn is_among(&self, row: &Entity, name: &str) -> bool {
        row.entities_at(name).contains(self.row.uid())
    }

    /// Whom each viewed document was given to.
    fn given<'v>(
        &self,
        viewed: &'v BTreeSet<&EntityUid>,
    ) -> impl Iterator<Item = (&'v EntityUid, Entity)> {
        viewed.iter().filter_map(|document| {
            let access = rows::access(&self.tenant.document(document.shared_id()));
            Some((*document, self.world.facts().entity(&access)?))
        })
    }

    fn relations(&self, viewed: &BTreeSet<&EntityUid>) -> Vec<ExportedRelation> {
        let related = self.given(viewed).filter_map(|(document, access)| {
            let Related { role, attach, mail, .. } = Related::of(self.tenant, &access, self.row)?;
            // Whatever he wants, as secondary contact he gets none.
            let mail = mail && role != Role::Secondary;
            Some(ExportedRelation { document: document.id().to_owned(), role, attach, mail })
        });
        related.collect()
    }

    fn invitations(&self, viewed: &BTreeSet<&EntityUid>) -> BTreeSet<String> {
        let invited = self.given(viewed).filter(|(_, row)| self.is_among(row, "invited"));
        invited.map(|(document, _)| document.id().to_owned()).collect()
    }

    fn shares(&self, viewed: &BTreeSet<&EntityUid>) -> Vec<ExportedShare> {
        let share = |row: Entity| {
            let document = row.entity_at("document").filter(|uid| viewed.contains(uid))?;
            let shared = Shared::of(self.tenant, &row)?;
            Some(ExportedShare {
                document: document.id().to_owned(),
                actions: shared.actions,
                from: shared.from.map(|moment| moment.to_string()),
                until: shared.until.map(|moment| moment.to_string()),
                uses_left: shared.uses_left,
                revoked: shared.revoked,
            })
        };
        self.own("Share").filter_map(share).collect()
    }

    fn links(&self, viewed: &BTreeSet<&EntityUid>) -> Vec<ExportedLink> {
        let shown = |row: &Entity| row.entity_at("document").is_none_or(|d| viewed.contains(d));
        let link = |row: Entity| ExportedLink {
            purpose: row.text_at("purpose").to_owned(),
            state: self.link_state(&row),
            document: row.entity_at("document").map(|uid| uid.id().to_owned()),
        };
        self.own("Link").filter(shown).map(link).collect()
    }

    fn link_state(&self, link: &Entity) -> &'static str {
        let ends = ["revoked", "superseded", "used"];
        if let Some(end) = ends.into_iter().find(|end| link.is(end)) {
            return end;
        }
        let expires = link.attribute("expires").and_then(Value::as_datetime);
        if expires.is_some_and(|expires| expires <= self.now) { "expired" } else { "active" }
    }

    fn document(&self, row: &Entity) -> Option<ExportedDocument> {
        let kind = kind(row.entity_at("kind")?)?;
        let apart = self
            .world
            .facts()
            .entity(&kind.uid())
            .is_none_or(|row| row.attribute(Action::ViewPrices.as_str()).is_some());
        let shown = !apart || self.may(Action::ViewPrices, row.uid());
        let amount = row.attribute("amount").and_then(Value::as_long).filter(|_| shown);
        let limit = |amount| Limit { amount, currency: row.text_at("currency").to_owned() };
        Some(ExportedDocument {
            id: row.uid().id().to_owned(),
            kind,
            state: row.text_at("state").parse().ok()?,
            amount: amount.map(limit),
        })
    }
}

fn kind(uid: &EntityUid) -> Option<Kind> {
    uid.id().parse().ok()
}
