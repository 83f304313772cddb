//! Worked decisions of the domain that are properties, by their ids, under every preset.

use std::collections::BTreeSet;

use doorward::portal::{
    Document, Level, NewContact, NewShare, NewStaff, Relation, Resource, Role, State, TenantConfig,
};
use doorward::{
    Action, Caller, Decision, Disclosure, DocumentId, Kind, Portal, Preset, Tenant, Timestamp,
};

/// The actions of a list page of invoices.
const PAGE: [Action; 5] =
    [Action::View, Action::Download, Action::Pay, Action::Comment, Action::ViewPrices];

/// A tenant of a preset, with what the cases need beside it: contact `c` of C1 and `d` of C2 who
/// may view and pay invoices at the level `client`, staff, and invoices of both clients.
fn tenant(preset: Preset) -> Tenant {
    let mut config = TenantConfig::from(preset);
    let held = ["booking.view", "invoice.comment", "invoice.pay", "invoice.view", "note.view"];
    let held = held.into_iter().chain(["statement.view", "ticket.view"]).map(str::to_owned);
    config.sets.insert("reader".to_owned(), held.collect());
    config.contact_sets = ["reader".to_owned()].into();
    config.settings.mfa = Some(false);
    for kind in [Kind::BOOKING, Kind::INVOICE, Kind::NOTE, Kind::STATEMENT, Kind::TICKET] {
        config.settings.kinds.entry(kind).or_default().level = Some(Level::Client);
    }
    let portal = Portal::builder().clock(now).build().unwrap();
    let tenant = portal.create_tenant("it", config).unwrap();
    let filled = tenant.write_as_system(|tx| {
        for (client, contacts) in [("C1", ["c", "m"]), ("C2", ["d", "e"])] {
            let client = tx.create_client(tenant.client(client))?;
            for id in contacts {
                let new = NewContact::new(tenant.contact(id), client.clone()).login(id);
                let contact = tx.create_contact(new.email(format!("{id}@person.example")))?;
                tx.enable(&contact)?;
                tx.set_password(&contact)?;
            }
            for number in 0..3 {
                let id = tenant.document(format!("{}-{number}", client.id()));
                let invoice = Document::new(id, Kind::INVOICE).client(client.clone());
                tx.put_document(&invoice.state(State::Sent).amount(number, "EUR"))?;
            }
        }
        tx.create_staff(NewStaff::new(tenant.staff("uma")))
    });
    filled.unwrap();
    tenant
}

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

/// A fresh session with everything that could be asked for.
fn session(tenant: &Tenant, contact: &str) -> Caller {
    let contact = tenant.contact(contact);
    let access = tenant.access(&contact).unwrap();
    Caller::contact(contact)
        .session(access.epoch, access.credential_version)
        .password()
        .mfa_at(now())
        .last_seen(now())
}

fn ids(documents: &[DocumentId]) -> Vec<&str> {
    documents.iter().map(DocumentId::id).collect()
}

#[test]
fn ad61_a_filter_stays_inside_the_scope() {
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let (c, uma) = (session(&tenant, "c"), Caller::staff(tenant.staff("uma")));
        let shown = std::cell::RefCell::new(BTreeSet::new());
        // `amount = 1 or id = C2-0`, as a user joins it.
        let joined = |row: &doorward::Entity| {
            shown.borrow_mut().insert(row.uid().id().to_owned());
            row.attribute("amount") == Some(&1.into()) || row.uid().id() == "C2-0"
        };
        let found = tenant.list_where(&c, Action::View, &Kind::INVOICE, joined);
        assert_eq!(ids(&found), ["C1-1"], "{preset}");
        // The filter is not even asked about the others: it counts and times nothing.
        let own = tenant.list(&c, Action::View, &Kind::INVOICE);
        assert_eq!(ids(&own), ["C1-0", "C1-1", "C1-2"], "{preset}");
        assert_eq!(shown.take().iter().collect::<Vec<_>>(), ids(&own), "{preset}");
        let found = tenant.list_where(&uma, Action::View, &Kind::INVOICE, joined);
        assert_eq!(ids(&found), ["C1-1", "C2-0", "C2-1"], "{preset}");
    }
}

#[test]
fn ad63_a_foreign_id_and_a_missing_one_look_alike() {
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let (c, uma) = (session(&tenant, "c"), Caller::staff(tenant.staff("uma")));
        let (foreign, missing) = (tenant.document("C2-0"), tenant.document("C2-9"));
        for action in Action::ALL.iter().copied().filter(|action| *action != Action::Receive) {
            // What a contact is shown: whether, the disclosure, the sentence.
            let shown = |document: &DocumentId| {
                let decision = tenant.check(&c, action, document);
                let told = tenant.disclosure(&c, action, document);
                let message = match told {
                    Disclosure::Forbidden => tenant.message(&decision),
                    Disclosure::NotFound => "",
                };
                (decision.is_allowed(), decision.step_up(), told, message)
            };
            assert_eq!(shown(&foreign), shown(&missing), "{preset} {action}");
            assert_eq!(shown(&foreign).2, Disclosure::NotFound, "{preset} {action}");
        }
        let buttons = |document: &DocumentId| -> Vec<(Action, bool)> {
            let buttons = tenant.actions(&c, document).into_iter();
            buttons.map(|(action, decision)| (action, decision.is_allowed())).collect()
        };
        assert_eq!(buttons(&foreign), buttons(&missing), "{preset}");
        // Logs and staff get the true code.
        let code = |caller: &Caller, document: &DocumentId| {
            tenant.check(caller, Action::View, document).code().unwrap().as_str()
        };
        assert_eq!((code(&c, &foreign), code(&c, &missing)), ("CROSS_CLIENT", "UNKNOWN_ID"));
        assert!(tenant.check(&uma, Action::View, &foreign).is_allowed());
        assert_eq!(code(&uma, &missing), "UNKNOWN_ID");
        // A contact of one's own client gets the true answer, too.
        let pay = tenant.disclosure(&c, Action::Sign, tenant.document("C1-0"));
        assert_eq!(pay, Disclosure::Forbidden, "{preset}");
    }
}

/// Invoices of both clients in all states, some of them kept to fewer.
fn many(tenant: &Tenant, count: usize) -> Vec<DocumentId> {
    let written = tenant.write_as_system(|tx| {
        let invoice = |number: usize| {
            let state = State::ALL[number % State::ALL.len()];
            let client = if number.is_multiple_of(5) { "C2" } else { "C1" };
            let level = if number.is_multiple_of(7) { Level::Invited } else { Level::Client };
            Document::new(tenant.document(format!("N{number:03}")), Kind::INVOICE)
                .client(tenant.client(client))
                .state(state)
                .level(level)
                .visible(!number.is_multiple_of(11))
        };
        let mut written = Vec::new();
        for number in 0..count {
            let invoice = invoice(number);
            tx.put_document(&invoice)?;
            if number.is_multiple_of(14) && !number.is_multiple_of(5) {
                tx.invite(invoice.id(), &tenant.contact("c"), None)?;
            }
            written.push(invoice.id().clone());
        }
        Ok(written)
    });
    written.unwrap().value
}

#[test]
fn ad64_a_batch_of_2_500_is_its_singles() {
    // The size once, and less of it under the other presets.
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let count = if *preset == Preset::Invoicing { 500 } else { 40 };
        let invoices = many(&tenant, count);
        let c = session(&tenant, "c");
        let asked: Vec<(Action, Resource)> = invoices
            .iter()
            .flat_map(|invoice| PAGE.map(|action| (action, Resource::from(invoice))))
            .collect();
        assert_eq!(asked.len(), count * 5);
        let batch = tenant.check_many(&c, &asked);
        let single = |(action, resource): &(Action, Resource)| -> Decision {
            tenant.check(&c, *action, resource.clone())
        };
        let singles: Vec<Decision> = asked.iter().map(single).collect();
        assert_eq!(batch, singles, "{preset}");
        let allowed = batch.iter().filter(|decision| decision.is_allowed()).count();
        assert!(allowed * 10 > asked.len() && allowed * 2 < asked.len(), "{preset}: {allowed}");
    }
}

#[test]
fn ad65_a_list_is_what_the_check_allows() {
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let _invoices = many(&tenant, 60);
        let all: Vec<DocumentId> = (0..60)
            .map(|number| format!("N{number:03}"))
            .chain((0..3).flat_map(|n| [format!("C1-{n}"), format!("C2-{n}")]))
            .map(|id| tenant.document(id))
            .collect();
        for contact in ["c", "d"] {
            let caller = session(&tenant, contact);
            for action in PAGE {
                let listed: BTreeSet<DocumentId> =
                    tenant.list(&caller, action, &Kind::INVOICE).into_iter().collect();
                let allowed = |id: &&DocumentId| tenant.check(&caller, action, *id).is_allowed();
                let checked: BTreeSet<DocumentId> = all.iter().filter(allowed).cloned().collect();
                assert_eq!(listed, checked, "{preset} {contact} {action}");
                assert!(action != Action::View || (5..60).contains(&listed.len()), "{preset}");
            }
        }
    }
}

#[test]
fn ad73_an_export_is_of_oneself() {
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let c = tenant.contact("c");
        let filled = tenant.write_as_system(|tx| {
            let client = tenant.client("C1");
            let note = Document::new(tenant.document("note"), Kind::NOTE).client(client.clone());
            tx.put_document(&note.clone().internal(true))?;
            let booking = Document::new(tenant.document("B1"), Kind::BOOKING).client(client);
            tx.put_document(&booking)?;
            for id in ["c", "m"] {
                let part = Relation::new(Role::Primary);
                tx.relate(booking.id(), &tenant.contact(id), part)?;
                let share = NewShare::new(tenant.contact(id), [Action::View]);
                tx.share(tenant.share(id), note.id(), share)?;
            }
            Ok(())
        });
        filled.unwrap();
        let export = tenant.export(&session(&tenant, "c"), &c).unwrap();
        assert_eq!(export.email.as_deref(), Some("c@person.example"), "{preset}");
        let documents: Vec<&str> = export.documents.iter().map(|document| &*document.id).collect();
        assert_eq!(documents, ["B1", "C1-0", "C1-1", "C1-2"], "{preset}");
        // He may not see prices, which invoices keep apart.
        assert!(export.documents.iter().all(|document| document.amount.is_none()), "{preset}");
        assert_eq!(export.relations.len(), 1, "{preset}");
        let text = serde_json::to_string(&export).unwrap();
        for foreign in ["note", "m@", "d@", "\"m\"", "C2"] {
            let foreign = if foreign == "note" { "\"note\"" } else { foreign };
            assert!(!text.contains(foreign), "{preset}: {foreign} in {text}");
        }
        for (contact, code) in [("m", "NOT_SELF"), ("d", "CROSS_CLIENT")] {
            let refused = tenant.export(&session(&tenant, "c"), &tenant.contact(contact));
            assert_eq!(refused.unwrap_err().decision().code().unwrap(), code, "{preset}");
        }
    }
}

/// A field group is an action of its own: whoever sees the document is refused the group, and is
/// given it with the permission and with nothing less; what is for staff, not even then.
fn field_group(kind: &Kind, group: Action, for_staff: bool) {
    let refused = if for_staff { "deny STAFF_ONLY" } else { "deny NO_PERMISSION" };
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let document = tenant.document("hiding");
        let put = tenant.write_as_system(|tx| {
            let row = Document::new(document.clone(), kind.clone()).client(tenant.client("C1"));
            tx.put_document(&row)
        });
        put.unwrap();
        let c = session(&tenant, "c");
        assert!(tenant.check(&c, Action::View, &document).is_allowed(), "{preset}");
        let hidden = tenant.check(&c, group, &document);
        assert_eq!(hidden.to_string(), refused, "{preset}");
        // He knows of the document, so that he may be told.
        assert_eq!(tenant.disclosure(&c, group, &document), Disclosure::Forbidden, "{preset}");
        let uma = Caller::staff(tenant.staff("uma"));
        assert!(tenant.check(&uma, group, &document).is_allowed(), "{preset}");
        let m = tenant.contact("m");
        tenant.write_as_system(|tx| tx.grant(&m, &format!("{kind}.{group}"))).unwrap();
        let given = tenant.check(&session(&tenant, "m"), group, &document);
        assert_eq!(given.is_allowed(), !for_staff, "{preset}");
        tenant.write_as_system(|tx| tx.deny(&m, &format!("{kind}.view"))).unwrap();
        let view = tenant.check(&session(&tenant, "m"), Action::View, &document);
        assert_eq!(view.to_string(), "deny NO_PERMISSION", "{preset}");
    }
}

#[test]
fn ad85_a_ticket_shows_without_its_staff_fields() {
    field_group(&Kind::TICKET, Action::ViewStaffFields, true);
}

#[test]
fn ad86_a_booking_shows_without_its_prices() {
    field_group(&Kind::BOOKING, Action::ViewPrices, false);
}

/// The tenth mistake of real portals: a count or a sum over what is not shown tells that it is there.
#[test]
fn totals_are_over_what_is_seen() {
    for preset in Preset::ALL {
        let tenant = tenant(*preset);
        let hidden = tenant.write_as_system(|tx| {
            let invoice = |id: &str| {
                let new = Document::new(tenant.document(id), Kind::INVOICE).amount(1_000, "EUR");
                new.client(tenant.client("C1"))
            };
            tx.put_document(&invoice("draft").state(State::Draft))?;
            tx.put_document(&invoice("hidden").state(State::Sent).visible(false))
        });
        hidden.unwrap();
        let totals = |caller: &Caller| {
            let totals = tenant.totals(caller, Action::View, &Kind::INVOICE);
            (totals.count, totals.amounts.get("EUR").copied())
        };
        let c = tenant.contact("c");
        assert_eq!(totals(&session(&tenant, "c")), (3, None), "{preset}: no prices for him");
        tenant.write_as_system(|tx| tx.grant(&c, "invoice.view_prices")).unwrap();
        assert_eq!(totals(&session(&tenant, "c")), (3, Some(3)), "{preset}");
        tenant.write_as_system(|tx| tx.deny_document(&c, &tenant.document("C1-2"), true)).unwrap();
        assert_eq!(totals(&session(&tenant, "c")), (2, Some(1)), "{preset}");
        let uma = Caller::staff(tenant.staff("uma"));
        assert_eq!(totals(&uma), (8, Some(2_006)), "{preset}");
    }
}
