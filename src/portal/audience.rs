//! Who is mailed about something, and who nearly is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use super::caller::Caller;
use super::document::Resource;
use super::error::Refused;
use super::id::ContactId;
use super::name::{Action, Channel, MailClass};
use super::rows::{self, Row as _};
use super::tenant::Tenant;
use crate::decide::{Decision, Request, codes};
use crate::engine::{Pairs, World};
use crate::facts::{Entity, EntityUid, Path, Record, Slot, Value};
use crate::query;
use crate::symbol::Symbol;

/// The step of mail, after those of viewing.
const MAIL_STEP: u8 = 14;

// Columns of documents and of whom they were given to.
static CLIENT: LazyLock<Path> = LazyLock::new(|| path("client"));
static HEAD: LazyLock<Path> = LazyLock::new(|| path("head"));
static ACCESS: LazyLock<Path> = LazyLock::new(|| path("access"));
static INVITED: LazyLock<Path> = LazyLock::new(|| path("invited"));
static INVOLVED: LazyLock<Path> = LazyLock::new(|| path("involved"));
static WATCHERS: LazyLock<Path> = LazyLock::new(|| path("watchers"));

fn path(column: &str) -> Path {
    Arc::new([Arc::from(column)])
}

/// Whom an event reaches, on some channels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Audience {
    /// Who is sent something, by contact and channel.
    pub recipients: Vec<Recipient>,
    /// Who nearly is, by contact and channel, of the document's client or of those it was given to:
    /// who may view it and is not sent the event, and who is subscribed to the event and may not
    /// view it. Of mail about a credential, the contact himself.
    pub near_misses: Vec<Recipient>,
}

/// A contact and a channel, and why something is sent there or not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recipient {
    /// The contact.
    pub contact: ContactId,
    /// The class of the mail, by whose rules it is decided.
    pub class: MailClass,
    /// The channel.
    pub channel: Channel,
    /// As [`Tenant::check_mail`] decides it: its code is the reason.
    pub decision: Decision,
}

/// One event on some channels, asked of many contacts and documents of one world.
struct Mailing<'t> {
    tenant: &'t Tenant,
    world: &'t Arc<World>,
    event: &'t str,
    class: MailClass,
    channels: &'t [Channel],
    /// What stored documents are asked by, channel by channel. `None` where each question has to be
    /// asked as a whole request.
    by_rows: Option<Vec<(Channel, Pairs)>>,
}

impl Tenant {
    /// Decides whether a contact may be mailed or alerted, by the rules of the event's
    /// [class](MailClass::of).
    ///
    /// This is apart from access, and needs no login. For business mail, which is about a document,
    /// the steps of viewing hold and the contact has to be subscribed; unknown events refuse. For
    /// credential mail, which is about the contact himself, see
    /// [`check_credential_mail`](Self::check_credential_mail): all channels are alike. Mail about
    /// anything else is refused as `UNKNOWN_ACTION`.
    pub fn check_mail(
        &self,
        contact: &ContactId,
        event: &str,
        channel: Channel,
        about: impl Into<Resource>,
    ) -> Decision {
        let (world, about) = (self.world(), about.into());
        let caller = Caller::contact(contact.clone());
        let decision = match self.mail(&world, &caller, event, &about) {
            Ok(mail) => world.check(&mail.to(contact, channel)),
            Err(refused) => refused.decision(),
        };
        self.record_mail(&world, &caller, event, channel, &about, &decision);
        decision
    }

    /// Decides whether mail with a credential (a link to set a password) may go to a contact:
    /// to anyone who is not disabled or deleted.
    pub fn check_credential_mail(&self, contact: &ContactId) -> Decision {
        self.check(&Caller::contact(contact.clone()), Action::ReceiveCredential, contact)
    }

    /// What is asked of a contact who would be mailed, by the class of the event.
    fn mail(
        &self,
        world: &World,
        contact: &Caller,
        event: &str,
        about: &Resource,
    ) -> Result<Mail, Refused> {
        let class = MailClass::of(event);
        let request = self.request_in(world, contact, class.action(), about, &[])?;
        let request = match class {
            MailClass::Credential => request,
            MailClass::Business => request.with("event", rows::event(event)),
        };
        Ok(Mail { request, class })
    }

    /// Whom an event reaches on some channels, and who nearly is, each with the reason: what a mail
    /// job asks before it sends.
    ///
    /// Each contact is decided as [`check_mail`](Self::check_mail) decides him, so nobody is in the
    /// audience of a document who may not view it, sign-in aside. Asked are the contacts of the
    /// document's client, those that it was given to, and whoever else the policies let come to it.
    /// Mail about a credential (see [`MailClass`]) is asked for with its contact in the place of the
    /// document, and has him alone in its audience.
    ///
    /// # Errors
    ///
    /// The refusal, where the document is another tenant's (`CROSS_TENANT`), or the class of the
    /// event has no mail about such a thing (`UNKNOWN_ACTION`): no policy is asked then.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Channel, Document, MailClass, NewContact, State};
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
    ///
    /// // Whoever wants no invoices can still set a password.
    /// let manager = acme.contact("manager");
    /// let reset = acme.audience(&manager, "password.reset", &[Channel::Email])?;
    /// assert_eq!(reset.recipients[0].contact, manager);
    /// assert_eq!(reset.recipients[0].class, MailClass::Credential);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audience(
        &self,
        about: impl Into<Resource>,
        event: &str,
        channels: &[Channel],
    ) -> Result<Audience, Refused> {
        let mut audiences = self.audiences(&[about.into()], event, channels)?;
        Ok(audiences.pop().unwrap_or(Audience { recipients: Vec::new(), near_misses: Vec::new() }))
    }

    /// The audiences of many documents, in their order: a send-out. Each equals
    /// [`audience`](Self::audience)'s at that moment; contacts are looked up once.
    ///
    /// # Errors
    ///
    /// As [`audience`](Self::audience), where one of them is refused.
    pub fn audiences(
        &self,
        about: &[Resource],
        event: &str,
        channels: &[Channel],
    ) -> Result<Vec<Audience>, Refused> {
        let world = self.world();
        let mailing = Mailing::new(self, &world, event, channels);
        about.iter().map(|about| mailing.audience(about)).collect()
    }
}

/// What is asked of a contact who would be mailed, but for the channel.
struct Mail {
    request: Request,
    class: MailClass,
}

impl Mail {
    fn to(&self, contact: &ContactId, channel: Channel) -> Request {
        on(self.request.for_principal(contact.uid()), self.class, channel)
    }
}

fn on(request: Request, class: MailClass, channel: Channel) -> Request {
    match class {
        MailClass::Credential => request,
        MailClass::Business => request.with("channel", channel.as_str()),
    }
}

impl<'t> Mailing<'t> {
    fn new(
        tenant: &'t Tenant,
        world: &'t Arc<World>,
        event: &'t str,
        channels: &'t [Channel],
    ) -> Self {
        let class = MailClass::of(event);
        let by_rows = || {
            let environment =
                world.environment("Contact", class.action().uid(), "Document").ok()?;
            let now = world.now();
            let pairs = |channel: &Channel| {
                let record = Record::from([
                    (Arc::from("now"), Value::from(now)),
                    (Arc::from("event"), Value::from(rows::event(event))),
                    (Arc::from("channel"), Value::from(channel.as_str())),
                ]);
                let context = world.context(&environment, record).ok()?;
                Some((*channel, Pairs::new(world, &environment, &context, MAIL_STEP)?))
            };
            channels.iter().map(pairs).collect()
        };
        Self { tenant, world, event, class, channels, by_rows: by_rows() }
    }

    fn audience(&self, about: &Resource) -> Result<Audience, Refused> {
        let audience = match self.audience_by_rows(about) {
            Some(audience) => audience,
            None => self.audience_by_requests(about)?,
        };
        if self.tenant.audit().is_some() {
            for recipient in &audience.recipients {
                let caller = Caller::contact(recipient.contact.clone());
                let (channel, decision) = (recipient.channel, &recipient.decision);
                self.tenant.record_mail(self.world, &caller, self.event, channel, about, decision);
            }
        }
        Ok(audience)
    }

    /// Of a stored document, without a request for each question.
    fn audience_by_rows(&self, about: &Resource) -> Option<Audience> {
        let (by_rows, Resource::Document(document)) = (self.by_rows.as_ref()?, about) else {
            return None;
        };
        let rows = self.world.facts().rows();
        let is_stored = |slot: &Slot| document.tenant() == self.tenant.id() && rows.is_fact(*slot);
        let document = rows.slot(&document.uid()).filter(is_stored)?;
        let mut audience = Audience { recipients: Vec::new(), near_misses: Vec::new() };
        for (slot, is_its) in self.asked_rows(by_rows, document) {
            let contact = self.tenant.contact(rows.uid_of(slot).shared_id());
            for (channel, pairs) in by_rows {
                let decision = pairs.check(slot, document);
                let told = if decision.is_allowed() {
                    &mut audience.recipients
                } else if is_its
                    && (decision.step() == Some(MAIL_STEP)
                        || !pairs.forbids_at_step(slot, document))
                {
                    &mut audience.near_misses
                } else {
                    continue;
                };
                let (contact, class) = (contact.clone(), self.class);
                told.push(Recipient { contact, class, channel: *channel, decision });
            }
        }
        Some(audience)
    }

    /// The contacts who are asked about a stored document, in the order of their ids, and whether
    /// they are its client's or were given it: nobody else nearly gets what is about it.
    fn asked_rows(&self, by_rows: &[(Channel, Pairs)], document: Slot) -> Vec<(Slot, bool)> {
        let rows = self.world.facts().rows();
        let held = |slot: Slot, column: &Path| {
            let mut held = None;
            rows.each_held(slot, column, |value| held = Some(value));
            held
        };
        let mut found = match held(document, &CLIENT) {
            Some(client) => query::naming(self.world, "Contact", &CLIENT, client),
            None => Vec::new(),
        };
        // A child is given to whom its head was given to.
        let head = held(document, &HEAD).filter(|head| *head != document);
        for document in [Some(document), head].into_iter().flatten() {
            let Some(access) = held(document, &ACCESS) else { continue };
            for given in [&INVITED, &INVOLVED, &WATCHERS] {
                rows.each_held(access, given, |contact| found.push(contact));
            }
        }
        found.sort_unstable();
        found.dedup();
        let its = found.clone();
        // Which contacts come to a document is the same on all channels.
        if let Some((_, pairs)) = by_rows.first() {
            found.extend(pairs.principals(document));
        }
        found.retain(|contact| rows.is_fact(*contact));
        found.sort_unstable_by(|one, other| rows.by_id(*one, *other));
        found.dedup();
        let is_its = |contact: Slot| its.binary_search(&contact).is_ok();
        found.into_iter().map(|contact| (contact, is_its(contact))).collect()
    }

    fn audience_by_requests(&self, about: &Resource) -> Result<Audience, Refused> {
        let anybody = Caller::contact(self.tenant.contact(""));
        let mail = self.tenant.mail(self.world, &anybody, self.event, about)?;
        let (action, about_type) = (self.class.action().uid(), mail.request.resource().type_name());
        if self.world.environment("Contact", action, about_type).is_err() {
            return Err(Refused::from(self.world.refuse(codes::UNKNOWN_ACTION, Some(1))));
        }
        let asked = match about {
            Resource::Contact(contact) => {
                let is_known = self.world.facts().contains(&contact.uid());
                is_known.then(|| (contact.clone(), true)).into_iter().collect()
            }
            _ => self.asked(&mail),
        };
        let mut audience = Audience { recipients: Vec::new(), near_misses: Vec::new() };
        for (contact, is_its) in asked {
            for channel in self.channels {
                let request = mail.to(&contact, *channel);
                let decision = self.world.check(&request);
                let told = if decision.is_allowed() {
                    &mut audience.recipients
                } else if is_its && self.is_near_miss(&decision, &request) {
                    &mut audience.near_misses
                } else {
                    continue;
                };
                let (contact, class) = (contact.clone(), self.class);
                told.push(Recipient { contact, class, channel: *channel, decision });
            }
        }
        Ok(audience)
    }

    /// The same of a document wherever it is kept.
    fn asked(&self, mail: &Mail) -> BTreeMap<ContactId, bool> {
        let (tenant, facts, request) = (self.tenant, self.world.facts(), &mail.request);
        let is_it = |row: &&Entity| row.uid() == request.resource();
        let row = request.inline.iter().find(is_it).cloned();
        let row = row.or_else(|| facts.entity(request.resource()));
        let mut found: BTreeSet<EntityUid> = BTreeSet::new();
        if let Some(row) = row {
            let client = row.entity_at("client").and_then(|client| facts.rows().slot(client));
            if let Some(client) = client {
                let slots = query::naming(self.world, "Contact", &CLIENT, client);
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
        let mut found: BTreeMap<ContactId, bool> = found
            .iter()
            .filter(|uid| facts.contains(uid))
            .map(|uid| (tenant.contact(uid.shared_id()), true))
            .collect();
        // Which contacts come to a document is the same on all channels.
        if let Some(channel) = self.channels.first() {
            let request = on(request.clone(), mail.class, *channel);
            for contact in tenant.candidates(self.world, &request) {
                found.entry(contact).or_insert(false);
            }
        }
        found
    }

    /// Whether either viewing or mail alone is in the way.
    fn is_near_miss(&self, decision: &Decision, request: &Request) -> bool {
        if decision.step() == Some(MAIL_STEP) {
            return true;
        }
        let policies = self.world.policies();
        let step = |id: &Symbol| policies.policy(id.as_str()).and_then(|policy| policy.step());
        let determined = self.world.determine(request);
        let mut forbids = determined.determining.iter().chain(&determined.erring);
        !forbids.any(|id| step(id) == Some(MAIL_STEP))
    }
}
