//! What a portal records: the true code, whoever really acted, and only what really happened.

use super::*;
use crate::audit::{
    AuditError, AuditQueue, AuditSink, Effect, Event, Fate, JsonLines, Masking, Memory, Overflow,
    Record, read, views_of,
};
use crate::decide::{Decision, Disclosure};
use crate::facts::{EntityUid, Timestamp};

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

/// A tenant whose records are kept in memory.
struct Recorded {
    tenant: Tenant,
    queue: AuditQueue,
    memory: Memory,
}

/// Client C1 with two contacts who have access and one who has none, C2 with one; invoice I1 was
/// sent to `dh`, with a link; draft I2; staff with every permission.
fn recorded() -> Recorded {
    let memory = Memory::new();
    let queue = AuditQueue::builder(memory.clone(), Overflow::Block).start().unwrap();
    let recorded = Recorded { tenant: invoicing(Some(queue.clone())), queue, memory };
    recorded.take();
    recorded
}

fn invoicing(audit: Option<AuditQueue>) -> Tenant {
    let mut portal = Portal::builder().clock(now);
    if let Some(audit) = audit {
        portal = portal.audit(audit);
    }
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Invited);
    let tenant = portal.build().unwrap().create_tenant("it", config).unwrap();
    let set_up = tenant.write_as_system(|tx| {
        for client in ["C1", "C2"] {
            tx.create_client(tenant.client(client))?;
        }
        for (id, client) in [("dh", "C1"), ("acc", "C1"), ("new", "C1"), ("other", "C2")] {
            let contact = NewContact::new(tenant.contact(id), tenant.client(client));
            let contact = tx.create_contact(contact.email(format!("{id}@{client}.example")))?;
            if id != "new" {
                tx.enable(&contact)?;
                tx.reset_credential(&contact)?;
            }
        }
        for (id, state) in [("I1", State::Sent), ("I2", State::Draft)] {
            let invoice = Document::new(tenant.document(id), Kind::INVOICE);
            tx.put_document(&invoice.client(tenant.client("C1")).state(state))?;
        }
        tx.invite(tenant.document("I1"), &tenant.contact("dh"), Some(&tenant.link("L")))?;
        tx.invite(tenant.document("I1"), &tenant.contact("new"), None)?;
        tx.create_staff(NewStaff::new(tenant.staff("u")))
    });
    set_up.unwrap();
    tenant
}

impl Recorded {
    fn take(&self) -> Vec<Record> {
        self.queue.flush().unwrap();
        self.memory.take()
    }

    /// The one record that something left.
    fn only(&self) -> Record {
        let mut records = self.take();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    fn session(&self, contact: &str) -> Caller {
        let contact = self.tenant.contact(contact);
        let access = self.tenant.access(&contact).unwrap();
        Caller::contact(contact).session(access.epoch, access.credential_version).password()
    }

    fn uma(&self) -> Caller {
        Caller::staff(self.tenant.staff("u"))
    }

    fn view_as(&self, contact: &str) -> Caller {
        Caller::view_as(self.tenant.staff("u"), self.tenant.contact(contact), now())
    }

    fn on_behalf(&self, contact: &str) -> Caller {
        Caller::on_behalf(self.tenant.staff("u"), self.tenant.contact(contact))
    }

    fn invoice(&self) -> DocumentId {
        self.tenant.document("I1")
    }

    fn state(&self) -> String {
        let row = self.tenant.facts().entity(&self.invoice().uid()).unwrap();
        row.attribute("state").unwrap().as_str().unwrap().to_owned()
    }

    fn staff_uid(&self) -> Option<EntityUid> {
        Some(self.tenant.staff("u").uid())
    }

    fn contact_uid(&self, id: &str) -> Option<EntityUid> {
        Some(self.tenant.contact(id).uid())
    }
}

fn same_decision(record: &Record, decision: &Decision) {
    assert_eq!(record.code.as_deref(), decision.code().as_ref().map(|code| code.as_str()));
    assert_eq!(record.policy.as_deref(), decision.policy().as_ref().map(|id| id.as_str()));
    assert_eq!(record.effect == Some(Effect::Allow), decision.is_allowed());
    assert_eq!((record.step, record.bundle), (decision.step(), Some(decision.bundle())));
    assert_eq!(record.revision, Some(decision.revision()));
}

#[test]
fn the_true_code_is_recorded_of_what_is_shown_as_missing() {
    let it = recorded();
    let other = it.session("other");
    assert_eq!(it.tenant.disclosure(&other, Action::Pay, it.invoice()), Disclosure::NotFound);
    let decision = it.tenant.check(&other, Action::Pay, it.invoice());
    let record = it.only();
    same_decision(&record, &decision);
    assert_eq!(record.code.as_deref(), Some("CROSS_CLIENT"));
    assert_eq!((record.event, record.effect), (Event::Decision, Some(Effect::Deny)));
    assert_eq!(record.tenant.as_deref(), Some("it"));
    assert_eq!((record.time, record.rehearsal), (now(), false));
    assert_eq!(record.principal, it.contact_uid("other"));
    assert_eq!((record.staff, record.contact), (None, None));
    assert_eq!(record.action, Some(EntityUid::action("pay")));
    assert_eq!(record.resource, Some(it.invoice().uid()));
    let evidence: Vec<&str> = record.evidence.keys().map(String::as_str).collect();
    assert_eq!(evidence, ["authenticated_by", "credential_version", "epoch"]);
}

#[test]
fn what_no_policy_was_asked_about_is_recorded_with_its_tenant() {
    let it = recorded();
    let stranger =
        Caller::view_as(StaffId::new("elsewhere", "u"), ContactId::new("elsewhere", "new"), now());
    let decision = it.tenant.check(&stranger, Action::View, it.invoice());
    let record = it.only();
    same_decision(&record, &decision);
    assert_eq!(record.code.as_deref(), Some("CROSS_TENANT"));
    assert_eq!(record.evidence["caller_tenant"], "elsewhere");
    assert!(!record.rehearsal);
    let bearer = Caller::link(LinkId::new("elsewhere", "L"));
    let _refused = it.tenant.check(&bearer, Action::View, it.invoice());
    assert_eq!(it.only().contact, None);
    let foreign = DocumentId::new("elsewhere", "I1");
    let _refused = it.tenant.check(&it.session("dh"), Action::View, &foreign);
    assert_eq!(it.only().evidence["resource_tenant"], "elsewhere");
}

#[test]
fn every_question_leaves_a_record_for_each_decision() {
    let it = recorded();
    let (dh, contact) = (it.session("dh"), it.tenant.contact("dh"));
    let asked = [(Action::View, it.invoice().into()), (Action::Pay, it.invoice().into())];
    let decisions = it.tenant.check_many(&dh, &asked);
    let records = it.take();
    assert_eq!(records.len(), 2);
    records.iter().zip(&decisions).for_each(|(record, decision)| same_decision(record, decision));

    let decision = it.tenant.check_fields(&dh, &contact, &["email"]);
    let record = it.only();
    same_decision(&record, &decision);
    assert_eq!(record.evidence["fields"], serde_json::json!(["email"]));

    let decision = it.tenant.check_mail(&contact, "invoice.sent", Channel::Email, it.invoice());
    let record = it.only();
    same_decision(&record, &decision);
    assert_eq!(record.evidence["event"], "invoice.sent");
    assert_eq!(record.evidence["channel"], "email");

    let decision = it.tenant.check_credential_mail(&contact);
    same_decision(&it.only(), &decision);

    let prospect = Prospect::at_client(Kind::FILE, it.tenant.client("C1"));
    let decision = it.tenant.check(&dh, Action::Create, prospect);
    let record = it.only();
    same_decision(&record, &decision);
    assert_eq!(record.resource, Some(EntityUid::new("Kind", "file")));
    assert_eq!(record.evidence["client"]["id"], "C1");
}

#[test]
fn a_list_is_recorded_once_with_what_it_showed() {
    let it = recorded();
    let dh = it.session("dh");
    let record_of = |event: (usize, Option<&str>, EntityUid)| {
        let record = it.only();
        assert_eq!(record.event, Event::List);
        assert_eq!(record.count, u64::try_from(event.0).ok());
        assert_eq!(record.action, event.1.map(EntityUid::action));
        assert_eq!(record.resource, Some(event.2));
        record
    };
    assert_eq!(it.tenant.list(&dh, Action::View, &Kind::INVOICE).len(), 1);
    let record = record_of((1, Some("view"), EntityUid::new("Kind", "invoice")));
    assert_eq!((record.effect, record.principal), (None, it.contact_uid("dh")));

    let buttons = it.tenant.actions(&dh, it.invoice());
    record_of((buttons.len(), None, it.invoice().uid()));

    let found = it.tenant.contacts(&it.uma(), &ContactSearch::all()).unwrap();
    let record = record_of((found.len(), Some("list_contacts"), EntityUid::new("Tenant", "it")));
    assert_eq!((found.len(), record.effect), (4, None));

    let search = ContactSearch::all().client(it.tenant.client("C1"));
    let refused = it.tenant.contacts(&dh, &search).unwrap_err();
    let record = record_of((0, Some("list_contacts"), EntityUid::new("Client", "C1")));
    same_decision(&record, &refused.decision());

    let stranger = Caller::contact(ContactId::new("elsewhere", "dh"));
    assert!(it.tenant.list(&stranger, Action::View, &Kind::INVOICE).is_empty());
    assert_eq!(it.only().code.as_deref(), Some("CROSS_TENANT"));
}

#[test]
fn staff_in_a_contacts_place_leave_both_names() {
    let it = recorded();
    for (caller, rehearsal, event) in [
        (it.view_as("dh"), false, Event::View),
        (it.view_as("new"), true, Event::View),
        (it.view_as("acc"), false, Event::Decision),
        (it.on_behalf("dh"), false, Event::View),
        (it.on_behalf("acc"), false, Event::Decision),
    ] {
        let contact = caller.contact_id().unwrap().uid();
        let decision = it.tenant.viewed(&caller, it.invoice());
        let record = it.only();
        same_decision(&record, &decision);
        assert_eq!(record.event, event, "{caller:?}: {decision}");
        assert_eq!((record.staff, record.contact), (it.staff_uid(), Some(contact)));
        assert_eq!(record.rehearsal, rehearsal, "{caller:?}");
        assert_eq!(it.state(), "sent");
    }
    let written =
        it.tenant.write(&it.on_behalf("dh"), |tx| tx.set_state(&it.invoice(), State::Viewed));
    let record = it.only();
    assert_eq!(record.write.is_some_and(|fate| fate == Fate::Accepted), written.is_ok());
    assert_eq!((record.staff, record.contact), (it.staff_uid(), it.contact_uid("dh")));
}

#[test]
fn a_view_moves_what_was_sent_only_where_a_contact_looked() {
    let it = recorded();
    assert!(it.tenant.viewed(&it.uma(), it.invoice()).is_allowed());
    assert_eq!(it.only().event, Event::View);
    assert_eq!(it.state(), "sent");
    // A refused view moves nothing.
    assert!(!it.tenant.viewed(&it.session("acc"), it.invoice()).is_allowed());
    assert_eq!((it.only().event, it.state()), (Event::Decision, "sent".to_owned()));

    assert!(it.tenant.viewed(&it.session("dh"), it.invoice()).is_allowed());
    assert_eq!(it.state(), "viewed");
    let [view, write] = it.take().try_into().unwrap();
    assert_eq!((view.event, view.principal), (Event::View, it.contact_uid("dh")));
    assert_eq!(write.principal, Some(EntityUid::new("System", "system")));
    assert_eq!((write.write, write.effect), (Some(Fate::Accepted), None));
    assert_eq!(write.published, Some(it.tenant.world().revision()));
    // The second view writes nothing.
    let revision = it.tenant.world().revision();
    assert!(it.tenant.viewed(&it.session("dh"), it.invoice()).is_allowed());
    assert_eq!((it.only().event, it.tenant.world().revision()), (Event::View, revision));
}

/// Somebody else's write may come between the decision and the lock.
#[test]
fn a_document_that_moved_on_meanwhile_stays_where_it_is() {
    let it = recorded();
    let moved = it.tenant.write_as_system(|tx| {
        tx.set_state(&it.invoice(), State::Paid)?;
        tx.mark_viewed(&it.invoice())
    });
    moved.unwrap();
    assert_eq!(it.state(), "paid");
    it.tenant.write_as_system(|tx| tx.mark_viewed(&it.tenant.document("gone"))).unwrap();
    assert_eq!(it.state(), "paid");
}

#[test]
fn of_many_first_views_one_moves_the_document() {
    let it = recorded();
    let dh = it.session("dh");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(it.tenant.viewed(&dh, it.invoice()).is_allowed()));
        }
    });
    let events: Vec<Event> = it.take().iter().map(|record| record.event).collect();
    assert_eq!(events.iter().filter(|event| **event == Event::View).count(), 4);
    assert_eq!(events.iter().filter(|event| **event == Event::Write).count(), 1);
}

#[test]
fn a_link_is_recorded_with_whose_it_is_and_a_session_as_itself() {
    let it = recorded();
    // `acc` is signed in and opens the link of `dh`: the link adds nothing.
    let decision = it.tenant.viewed(&it.session("acc"), it.invoice());
    assert!(!decision.is_allowed());
    let record = it.only();
    assert_eq!((record.principal, record.contact), (it.contact_uid("acc"), None));
    it.tenant
        .write_as_system(|tx| tx.invite(it.invoice(), &it.tenant.contact("acc"), None))
        .unwrap();
    it.take();
    assert!(it.tenant.viewed(&it.session("acc"), it.invoice()).is_allowed());
    assert_eq!(it.take()[0].principal, it.contact_uid("acc"));

    let it = recorded();
    assert!(it.tenant.viewed(&Caller::link(it.tenant.link("L")), it.invoice()).is_allowed());
    let view = it.take().remove(0);
    assert_eq!(view.principal, Some(it.tenant.link("L").uid()));
    assert_eq!(view.contact, it.contact_uid("dh"));
    assert_eq!(it.state(), "viewed");
}

#[test]
fn a_refused_write_leaves_nothing_that_looks_accepted() {
    let it = recorded();
    let fates = |records: &[Record]| -> Vec<(Option<Fate>, Option<String>, Option<Effect>)> {
        let fate = |record: &Record| {
            let code = record.write_code.as_deref().map(str::to_owned);
            assert_eq!(record.event, Event::Write);
            (record.write, code, record.effect)
        };
        records.iter().map(fate).collect()
    };
    let refused = |code: &str, effect| (Some(Fate::Refused), Some(code.to_owned()), effect);
    let allow = Some(Effect::Allow);
    // The second command breaks a rule.
    let written = it.tenant.write(&it.uma(), |tx| {
        tx.enable(&it.tenant.contact("new"))?;
        tx.revoke(&it.tenant.contact("nobody"))
    });
    let code = written.unwrap_err().code();
    let records = it.take();
    assert_eq!(fates(&records)[0], refused(code.as_str(), allow));
    assert_eq!(fates(&records)[1].0, Some(Fate::Refused));
    assert_eq!(records[0].published, None);
    // The actor may not: the command's own code is the write's.
    let written = it.tenant.write(&it.session("dh"), |tx| tx.enable(&it.tenant.contact("new")));
    let (code, record) = (written.unwrap_err().code(), it.only());
    assert_eq!(record.code.as_deref(), Some(code.as_str()));
    assert_eq!(fates(&[record]), [refused(code.as_str(), Some(Effect::Deny))]);
    // Refused at its end, by a rule on the result.
    let written = it.tenant.write_as_system(|tx| {
        let contact = NewContact::new(it.tenant.contact("mute"), it.tenant.client("C1"));
        let contact = tx.create_contact(contact)?;
        tx.enable(&contact)
    });
    assert_eq!(written.unwrap_err().code(), "EMAIL_REQUIRED");
    let records = it.take();
    assert_eq!(fates(&records), vec![refused("EMAIL_REQUIRED", None); records.len()]);
    // Accepted: every command, with the revision that shows it.
    let written = it.tenant.write(&it.uma(), |tx| {
        tx.enable(&it.tenant.contact("new"))?;
        tx.revoke(&it.tenant.contact("acc"))
    });
    let records = it.take();
    assert_eq!(fates(&records), vec![(Some(Fate::Accepted), None, allow); 2]);
    let published = written.unwrap().revision;
    assert!(records.iter().all(|record| record.published == Some(published)));
    let actions = records.iter().map(|record| record.action.as_ref().unwrap().id().to_owned());
    assert_eq!(actions.collect::<Vec<_>>(), ["enable", "revoke"]);
}

#[test]
fn the_address_is_hidden_unless_it_is_chosen_to_show() {
    let it = recorded();
    let caller = it.session("dh").address([203, 0, 113, 9].into());
    let _decision = it.tenant.check(&caller, Action::View, it.invoice());
    let record = it.only();
    assert_eq!(record.evidence["address"], "***");
    assert!(!format!("{record:?} {:?}", it.queue).contains("203"));

    let memory = Memory::new();
    let shown = Masking::new().show("address").unwrap();
    let queue = AuditQueue::builder(memory.clone(), Overflow::Block).masking(shown).start();
    let queue = queue.unwrap();
    let tenant = invoicing(Some(queue.clone()));
    let _decision = tenant.check(&caller, Action::View, tenant.document("I1"));
    queue.flush().unwrap();
    let record = memory.records().pop().unwrap();
    assert_eq!(record.evidence["address"], "203.0.113.9");
    assert!(!format!("{record:?}").contains("203"));
}

#[test]
fn the_lines_tell_who_saw_a_document() {
    let path = std::env::temp_dir().join(format!("doorward-{}.jsonl", uuid::Uuid::new_v4()));
    let sink = JsonLines::append(&path).unwrap();
    let queue = AuditQueue::builder(sink, Overflow::Block).start().unwrap();
    let (tenant, memory) = (invoicing(Some(queue.clone())), Memory::new());
    let it = Recorded { tenant, queue, memory };
    for caller in [it.session("dh"), it.session("acc"), it.view_as("new"), it.uma()] {
        let _decision = it.tenant.viewed(&caller, it.invoice());
    }
    it.take();
    let file = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let invoice = it.invoice().uid();
    let seen = views_of(read(&*file), Some("it"), &invoice);
    let seen: Vec<String> = seen.map(|view| view.unwrap().principal.unwrap().to_string()).collect();
    assert_eq!(seen, [r#"Contact::"dh""#, r#"ViewAs::"u:new""#, r#"Staff::"u""#]);
}

/// A record that cannot be kept changes no answer.
#[test]
fn a_broken_sink_is_counted_and_nothing_else() {
    struct Broken;
    impl AuditSink for Broken {
        fn write(&mut self, _record: &Record) -> Result<(), AuditError> {
            Err(AuditError::other("broken"))
        }
        fn flush(&mut self) -> Result<(), AuditError> {
            Ok(())
        }
    }
    let queue = AuditQueue::builder(Broken, Overflow::Drop).start().unwrap();
    let it = Recorded { tenant: invoicing(Some(queue.clone())), queue, memory: Memory::new() };
    assert!(it.tenant.viewed(&it.session("dh"), it.invoice()).is_allowed());
    it.queue.flush().unwrap();
    assert_eq!((it.queue.written(), it.state()), (0, "viewed".to_owned()));
    assert!(it.queue.failed() > 0);
}

#[test]
fn without_a_queue_views_move_documents_all_the_same() {
    let (queue, memory) = (recorded().queue, Memory::new());
    let it = Recorded { tenant: invoicing(None), queue, memory };
    assert!(it.tenant.viewed(&it.session("dh"), it.invoice()).is_allowed());
    assert_eq!(it.state(), "viewed");
}
