//! What a portal records of its questions and writes, and of what its callers were shown.

use std::borrow::Cow;

use super::caller::{Ask, Caller};
use super::document::Resource;
use super::error::{Refused, WriteError, Written};
use super::id::{ClientId, ContactId};
use super::name::{AccessState, Action, Channel, MailClass, State};
use super::rows::{self, Row as _};
use super::tenant::Tenant;
use crate::audit::{Event, Fate, Record};
use crate::decide::Decision;
use crate::engine::World;
use crate::facts::{EntityUid, Facts};

/// What was shown.
impl Tenant {
    /// Decides whether a caller may view something, and records that he was shown it.
    ///
    /// For hosts to call when they show a document. An allowed view is recorded as a view, with the
    /// one who really looked: a contact as himself, whoever's link he opened; staff in a contact's
    /// place with both names, and as a rehearsal where the contact's access is not enabled. A
    /// refusal is recorded as a decision.
    ///
    /// Where a contact or the bearer of his link looked, and nobody in his place, a stored document
    /// in the state *sent* moves to *viewed*, in a write of the system. The decision is that of the
    /// moment before. A write that cannot be published, and one inside another write of the same
    /// thread, leaves the state as it is.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::{Document, NewContact, NewStaff, State};
    /// use doorward::{Caller, Kind, Portal, Preset};
    ///
    /// # let portal = Portal::builder().build()?;
    /// # let acme = portal.create_tenant("acme", Preset::Accounting)?;
    /// # acme.write_as_system(|tx| {
    /// #     let client = tx.create_client(acme.client("C1"))?;
    /// #     tx.create_contact(NewContact::new(acme.contact("gm"), client.clone()).email("gm@c.example"))?;
    /// #     tx.enable(&acme.contact("gm"))?;
    /// #     tx.reset_credential(&acme.contact("gm"))?;
    /// #     let invoice = Document::new(acme.document("I1"), Kind::INVOICE).client(client);
    /// #     tx.put_document(&invoice.state(State::Sent))
    /// # })?;
    /// # let access = acme.access(&acme.contact("gm")).ok_or("no such contact")?;
    /// # let (epoch, version) = (access.epoch, access.credential_version);
    /// let invoice = acme.document("I1");
    /// let gm = Caller::contact(acme.contact("gm")).session(epoch, version).password();
    /// assert!(acme.viewed(&gm, &invoice).is_allowed());
    ///
    /// let row = acme.facts().entity(&invoice.uid()).ok_or("no such document")?;
    /// assert_eq!(row.attribute("state").and_then(|state| state.as_str()), Some("viewed"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn viewed(&self, caller: &Caller, resource: impl Into<Resource>) -> Decision {
        let (world, resource) = (self.world(), resource.into());
        let decision = self.decide(&world, caller, Action::View, &resource, &[]);
        let event = if decision.is_allowed() { Event::View } else { Event::Decision };
        self.record(|| {
            let mut record = self.asked(event, &world, caller, Action::View, &resource, &[]);
            record.set_decision(&decision);
            record
        });
        if decision.is_allowed() && caller.is_contact() {
            self.mark_viewed(world.facts(), &resource);
        }
        decision
    }

    fn mark_viewed(&self, facts: &Facts, resource: &Resource) {
        let (Resource::Document(document) | Resource::Child { document, .. }) = resource else {
            return;
        };
        // Most views are not the first: those wait for no writer.
        let sent = facts
            .entity(&document.uid())
            .is_some_and(|row| row.text_at("state") == State::Sent.as_str());
        if sent {
            // What was refused is on record, and the view was allowed all the same.
            let _written = self.write_as_system(|tx| tx.mark_viewed(document));
        }
    }
}

/// Records, made only where there is a queue.
impl Tenant {
    fn record(&self, record: impl FnOnce() -> Record) {
        if let Some(audit) = self.audit() {
            audit.send(record());
        }
    }

    pub(super) fn decide_on_record(
        &self,
        world: &World,
        caller: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
    ) -> Decision {
        let decision = self.decide(world, caller, action, resource, fields);
        self.record_decision(world, caller, action, resource, fields, &decision);
        decision
    }

    pub(super) fn record_decision(
        &self,
        world: &World,
        caller: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
        decision: &Decision,
    ) {
        self.record(|| {
            let mut record = self.asked(Event::Decision, world, caller, action, resource, fields);
            record.set_decision(decision);
            record
        });
    }

    pub(super) fn record_mail(
        &self,
        world: &World,
        contact: &Caller,
        event: &str,
        channel: Channel,
        about: &Resource,
        decision: &Decision,
    ) {
        self.record(|| {
            let action = MailClass::of(event).action();
            let mut record = self.asked(Event::Decision, world, contact, action, about, &[]);
            record.evidence.insert("event".into(), event.into());
            record.evidence.insert("channel".into(), channel.as_str().into());
            record.set_decision(decision);
            record
        });
    }

    /// A list of what may be done with something, or of what the resource stands for.
    pub(super) fn record_list(
        &self,
        world: &World,
        caller: &Caller,
        action: Option<Action>,
        resource: &Resource,
        count: usize,
    ) {
        self.record(|| self.listed(world, caller, action, resource, count));
    }

    pub(super) fn record_documents(
        &self,
        world: &World,
        caller: &Caller,
        action: Action,
        kind: EntityUid,
        count: usize,
    ) {
        self.record(|| {
            let mut record = self.listed(world, caller, Some(action), &Resource::Portal, count);
            record.resource = Some(kind);
            record
        });
    }

    pub(super) fn record_contacts(
        &self,
        world: &World,
        caller: &Caller,
        client: Option<&ClientId>,
        found: &Result<Vec<ContactId>, Refused>,
    ) {
        self.record(|| {
            let resource = client.map_or(Resource::Portal, Resource::from);
            let count = found.as_ref().map_or(0, Vec::len);
            let action = Some(Action::ListContacts);
            let mut record = self.listed(world, caller, action, &resource, count);
            if let Err(refused) = found {
                record.set_decision(&refused.decision());
            }
            record
        });
    }

    fn listed(
        &self,
        world: &World,
        caller: &Caller,
        action: Option<Action>,
        resource: &Resource,
        count: usize,
    ) -> Record {
        let asked = action.unwrap_or(Action::View);
        let mut record = self.asked(Event::List, world, caller, asked, resource, &[]);
        if let Err(refused) = self.request_in(world, caller, asked, resource, &[]) {
            record.set_decision(&refused.decision());
        }
        record.action = action.map(Action::uid);
        record.bundle = Some(world.policies().digest());
        record.revision = Some(world.revision());
        record.count = u64::try_from(count).ok();
        record
    }

    /// The record of a command of a write, should there be records.
    pub(super) fn command(
        &self,
        world: &World,
        actor: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
        decision: &Decision,
    ) -> Option<Record> {
        self.audit()?;
        let mut record = self.asked(Event::Write, world, actor, action, resource, fields);
        record.set_decision(decision);
        Some(record)
    }

    /// The same for the system, whom no policy is asked about.
    pub(super) fn system_command(
        &self,
        world: &World,
        action: Action,
        resource: &Resource,
    ) -> Option<Record> {
        self.audit()?;
        let mut record = Record::new(Event::Write, world.now());
        record.principal = Some(EntityUid::new("System", "system"));
        record.action = Some(action.uid());
        record.revision = Some(world.revision());
        self.place(&mut record, resource);
        Some(record)
    }

    /// Records the commands of a write, now that it is known what came of it.
    pub(super) fn record_write<T>(
        &self,
        journal: Vec<Record>,
        written: &Result<Written<T>, WriteError>,
    ) {
        for mut record in journal {
            match written {
                Ok(written) => {
                    record.write = Some(Fate::Accepted);
                    record.published = Some(written.revision);
                }
                Err(error) => {
                    record.write = Some(Fate::Refused);
                    record.write_code = Some(Cow::Borrowed(error.code().as_str()));
                }
            }
            self.record(|| record);
        }
    }

    /// Who asked for what, with what evidence. Made of what the caller said, so that questions
    /// that no policy was asked are recorded too.
    fn asked(
        &self,
        event: Event,
        world: &World,
        caller: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
    ) -> Record {
        let facts = world.facts();
        let via = if let Resource::Child { via, .. } = resource { Some(via.clone()) } else { None };
        let ask = Ask { via, fields: fields.iter().map(|field| (*field).to_owned()).collect() };
        let request = caller.request(facts, self.id(), action, self.named(resource), &ask);
        let time = caller.now().unwrap_or_else(|| world.now());
        let mut record = Record::asked(event, &request, time);
        self.place(&mut record, resource);
        self.seat(&mut record, facts, caller);
        record
    }

    /// In whose place the caller stands.
    fn seat(&self, record: &mut Record, facts: &Facts, caller: &Caller) {
        if let Some(staff) = caller.stand_in() {
            record.staff = Some(staff.uid());
            record.contact = caller.contact_id().map(ContactId::uid);
        }
        if let Some(started) = caller.views_as_since() {
            record.evidence.insert("started".into(), started.to_string().into());
        }
        if let Some(foreign) = caller.tenants().find(|tenant| *tenant != self.id()) {
            // Within this tenant his ids name somebody else: nothing is looked up by them.
            record.evidence.insert("caller_tenant".into(), foreign.into());
            return;
        }
        if let Some(link) = caller.link_id().and_then(|link| facts.entity(&link.uid())) {
            record.contact = link.entity_at("contact").cloned();
        }
        if caller.views_as_since().is_some() {
            let contact = record.contact.as_ref().and_then(|contact| facts.entity(contact));
            let access = contact.as_ref().map_or("", |row| row.text_at("access"));
            record.rehearsal = access != AccessState::Enabled.as_str();
        }
    }

    /// Where it was asked, and of what.
    fn place(&self, record: &mut Record, resource: &Resource) {
        record.tenant = Some(self.id().to_owned());
        record.resource = Some(self.named(resource));
        if let Resource::Prospect(prospect) = resource {
            let client = prospect.client();
            record.evidence.insert("client".into(), serde_json::json!(client.uid()));
        }
        if let Some(foreign) = resource.tenants().into_iter().find(|tenant| *tenant != self.id()) {
            record.evidence.insert("resource_tenant".into(), foreign.into());
        }
    }

    fn named(&self, resource: &Resource) -> EntityUid {
        match resource {
            Resource::Document(document) | Resource::Child { document, .. } => document.uid(),
            Resource::Inline { document, .. } => document.id().uid(),
            Resource::Prospect(prospect) => prospect.kind().uid(),
            Resource::Contact(contact) => contact.uid(),
            Resource::Client(client) => client.uid(),
            Resource::Portal => rows::tenant(self.id()),
        }
    }
}
