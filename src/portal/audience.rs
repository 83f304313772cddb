//! Who is mailed about something, and who nearly is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use super::caller::Caller;
use super::document::Resource;
use super::error::Refused;
use super::id::{ContactId, DocumentId};
use super::name::{Action, Channel};
use super::rows::{self, Row as _};
use super::tenant::Tenant;
use crate::decide::{Decision, Request};
use crate::engine::{Checker, Context, Environment, World};
use crate::facts::{Entity, EntityUid, Path, Record, Value};
use crate::query::{self, Within};

/// The step of mail, after those of viewing.
const MAIL_STEP: u8 = 14;

/// Whom an event about a document reaches, on some channels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Audience {
    /// Who is sent something, by contact and channel.
    pub recipients: Vec<Recipient>,
    /// Who nearly is: those who may view the document and are not sent the event, and those who are
    /// subscribed to it and may not view the document; by contact and channel.
    pub near_misses: Vec<Recipient>,
}

/// A contact and a channel, and why something is sent there or not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recipient {
    /// The contact.
    pub contact: ContactId,
    /// The channel.
    pub channel: Channel,
    /// As [`Tenant::check_mail`] decides it: its code is the reason.
    pub decision: Decision,
}

/// One event on some channels, asked of many contacts and documents of one world.
struct Mailing<'t> {
    tenant: &'t Tenant,
    world: &'t Arc<World>,
    event: EntityUid,
    channels: &'t [Channel],
    /// `None` where each question has to be asked as a whole request.
    ready: Option<(Environment, Vec<Context>)>,
    /// By contact, one for each channel.
    checkers: BTreeMap<ContactId, Vec<Checker>>,
}

impl Tenant {
    /// Whom an event about a document reaches on some channels, and who nearly is, each with the
    /// reason: what a mail job asks before it sends.
    ///
    /// Each contact is decided as [`check_mail`](Self::check_mail) decides him, so nobody is in an
    /// audience who may not view the document, sign-in aside. Asked are the contacts of the
    /// document's client, those that it was given to, and whoever else the policies let come to it.
    ///
    /// # Errors
    ///
    /// The refusal, where the document is another tenant's: no policy is asked then.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Channel, Document, NewContact, State};
    /// use doorward::{Kind, Portal, Preset};
    ///
    /// # let portal = Portal::builder().build()?;
    /// let acme = portal.create_tenant("acme", Preset::Invoicing)?;
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     for id in ["accountant", "manager"] {
    ///         let email = format!("{id}@c.example");
    ///         tx.create_contact(NewContact::new(acme.contact(id), client.clone()).email(&email))?;
    ///     }
    ///     let invoice = Document::new(acme.document("I1"), Kind::INVOICE).client(client);
    ///     let invoice = invoice.state(State::Sent).amount(12_000, "EUR");
    ///     tx.put_document(&invoice)?;
    ///     tx.invite(acme.document("I1"), &acme.contact("accountant"), None)
    /// })?;
    /// let audience = acme.audience(&acme.document("I1"), "invoice.sent", &[Channel::Email])?;
    /// assert_eq!(audience.recipients[0].contact, acme.contact("accountant"));
    /// let missed = &audience.near_misses[0];
    /// assert_eq!(missed.contact, acme.contact("manager"));
    /// assert_eq!(missed.decision.code().unwrap().as_str(), "CHANNEL_OFF");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audience(
        &self,
        document: impl Into<Resource>,
        event: &str,
        channels: &[Channel],
    ) -> Result<Audience, Refused> {
        let mut audiences = self.audiences(&[document.into()], event, channels)?;
        Ok(audiences.pop().unwrap_or(Audience { recipients: Vec::new(), near_misses: Vec::new() }))
    }

    /// The audiences of many documents, in their order: a send-out. Each equals
    /// [`audience`](Self::audience)'s at that moment; contacts are looked up once.
    ///
    /// # Errors
    ///
    /// The refusal, where one of the documents is another tenant's.
    pub fn audiences(
        &self,
        documents: &[Resource],
        event: &str,
        channels: &[Channel],
    ) -> Result<Vec<Audience>, Refused> {
        let world = self.world();
        let mut mailing = Mailing::new(self, &world, event, channels);
        documents.iter().map(|document| mailing.audience(document)).collect()
    }
}

impl<'t> Mailing<'t> {
    fn new(
        tenant: &'t Tenant,
        world: &'t Arc<World>,
        event: &str,
        channels: &'t [Channel],
    ) -> Self {
        let event = rows::event(event);
        let now = world.now();
        let environment = world.environment("Contact", Action::Receive.uid(), "Document").ok();
        let ready = environment.and_then(|environment| {
            let context = |channel: &Channel| {
                let record = Record::from([
                    (Arc::from("now"), Value::from(now)),
                    (Arc::from("event"), Value::from(event.clone())),
                    (Arc::from("channel"), Value::from(channel.as_str())),
                ]);
                world.context(&environment, record).ok()
            };
            let contexts: Option<Vec<Context>> = channels.iter().map(context).collect();
            Some((environment.clone(), contexts?))
        });
        Self { tenant, world, event, channels, ready, checkers: BTreeMap::new() }
    }

    fn audience(&mut self, document: &Resource) -> Result<Audience, Refused> {
        let anybody = Caller::contact(self.tenant.contact(""));
        let request =
            self.tenant.request_in(self.world, &anybody, Action::Receive, document, &[])?;
        let request = request.with("event", self.event.clone());
        let mut audience = Audience { recipients: Vec::new(), near_misses: Vec::new() };
        for contact in self.asked(&request) {
            for (at, channel) in self.channels.iter().enumerate() {
                let request =
                    || request.for_principal(contact.uid()).with("channel", channel.as_str());
                let decision = self.decide(&contact, at, document, request);
                let recipient = Recipient { contact: contact.clone(), channel: *channel, decision };
                if decision.is_allowed() {
                    audience.recipients.push(recipient);
                } else if self.is_near_miss(&decision, request) {
                    audience.near_misses.push(recipient);
                }
            }
        }
        let world = self.world;
        for recipient in &audience.recipients {
            let caller = Caller::contact(recipient.contact.clone());
            let (channel, decision) = (recipient.channel, &recipient.decision);
            self.tenant.record_mail(world, &caller, self.event.id(), channel, document, decision);
        }
        Ok(audience)
    }

    /// The contacts who are asked about, in the order of their ids.
    fn asked(&self, request: &Request) -> BTreeSet<ContactId> {
        static CLIENT: LazyLock<Path> = LazyLock::new(|| Arc::new([Arc::from("client")]));
        let (tenant, facts) = (self.tenant, self.world.facts());
        let is_it = |row: &&Entity| row.uid() == request.resource();
        let row = request.inline.iter().find(is_it).cloned();
        let row = row.or_else(|| facts.entity(request.resource()));
        let mut found: BTreeSet<EntityUid> = BTreeSet::new();
        if let Some(row) = row {
            if let Some(client) = row.entity_at("client") {
                let within = Within { column: &CLIENT, entity: client };
                let slots = query::naming(self.world, "Contact", within);
                found.extend(slots.into_iter().map(|slot| facts.rows().uid_of(slot)));
            }
            // A child is given to whom its head was given to; an access row has its document's id.
            for access in ["access", "head"].into_iter().filter_map(|name| row.entity_at(name)) {
                let access = rows::access_of(access);
                if let Some(access) = facts.entity(&access) {
                    for given in ["invited", "involved", "watchers"] {
                        found.extend(access.entities_at(given));
                    }
                }
            }
        }
        let mut found: BTreeSet<ContactId> = found
            .iter()
            .filter(|uid| facts.contains(uid))
            .map(|uid| tenant.contact(uid.shared_id()))
            .collect();
        // Which contacts come to a document is the same on all channels.
        if let Some(channel) = self.channels.first() {
            let request = request.clone().with("channel", channel.as_str());
            found.extend(tenant.candidates(self.world, &request));
        }
        found
    }

    fn decide(
        &mut self,
        contact: &ContactId,
        channel: usize,
        document: &Resource,
        request: impl FnOnce() -> Request,
    ) -> Decision {
        if let (Some((environment, contexts)), Resource::Document(document)) =
            (&self.ready, document)
        {
            let checkers = self.checkers.entry(contact.clone()).or_insert_with(|| {
                let checker = |context| self.world.checker(environment, contact.id(), context).ok();
                contexts.iter().filter_map(checker).collect()
            });
            if let Some(checker) = checkers.get(channel) {
                return checker.check(environment, DocumentId::id(document));
            }
        }
        self.world.check(&request())
    }

    /// Whether either viewing or mail alone is in the way.
    fn is_near_miss(&self, decision: &Decision, request: impl FnOnce() -> Request) -> bool {
        let policies = self.world.policies();
        let step = |id: &str| policies.policy(id).and_then(|policy| policy.step());
        let decided_by = decision.policy().and_then(|id| step(id.as_str()));
        if decided_by == Some(MAIL_STEP) {
            return true;
        }
        let determined = self.world.determine(&request());
        let mut forbids = determined.determining.iter().chain(&determined.erring);
        !forbids.any(|id| step(id.as_str()) == Some(MAIL_STEP))
    }
}
