use super::*;
use crate::decide::Disclosure;
use crate::facts::{Changes, Entity, EntityUid, Facts, Timestamp};
use crate::policy::PolicyBundle;

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

/// Client C1 with a general manager, an accountant and a department head, all with a password;
/// invoice I1 was sent to the department head, with a link.
fn invoicing(level: Level) -> Tenant {
    let portal = Portal::builder().clock(now).build().unwrap();
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(level);
    let tenant = portal.create_tenant("it", config).unwrap();
    tenant
        .write_as_system(|tx| {
            for client in ["C1", "C2"] {
                tx.create_client(tenant.client(client))?;
            }
            for (id, client) in [("gm", "C1"), ("acc", "C1"), ("dh", "C1"), ("other", "C2")] {
                let contact = NewContact::new(tenant.contact(id), tenant.client(client))
                    .email(format!("{id}@{client}.example"));
                let contact = tx.create_contact(contact)?;
                tx.enable(&contact)?;
                tx.reset_credential(&contact)?;
            }
            let invoice = Document::new(tenant.document("I1"), Kind::INVOICE)
                .client(tenant.client("C1"))
                .state(State::Sent)
                .amount(12_000, "EUR");
            tx.put_document(&invoice)?;
            tx.invite(invoice.id(), &tenant.contact("dh"), Some(&tenant.link("L")))?;
            tx.create_staff(NewStaff::new(tenant.staff("u")))
        })
        .unwrap();
    tenant
}

fn session(tenant: &Tenant, contact: &str) -> Caller {
    let contact = tenant.contact(contact);
    let access = tenant.access(&contact).unwrap();
    Caller::contact(contact).session(access.epoch, access.credential_version).password()
}

fn answer(
    tenant: &Tenant,
    caller: &Caller,
    action: Action,
    resource: impl Into<Resource>,
) -> String {
    tenant.check(caller, action, resource).to_string()
}

#[test]
fn an_invoice_reaches_whom_it_was_sent_to() {
    let tenant = invoicing(Level::Invited);
    let invoice = tenant.document("I1");
    let view = |who: &str| answer(&tenant, &session(&tenant, who), Action::View, &invoice);
    assert_eq!(view("dh"), "allow (REACHED_BY_INVITATION)");
    assert_eq!(view("acc"), "deny NOT_INVITED");
    assert_eq!(view("other"), "deny CROSS_CLIENT");
    let bearer = Caller::link(tenant.link("L"));
    assert_eq!(answer(&tenant, &bearer, Action::View, &invoice), "allow (REACHED_BY_INVITATION)");

    let tenant = invoicing(Level::Client);
    assert_eq!(
        answer(&tenant, &session(&tenant, "acc"), Action::View, &invoice),
        "allow (REACHED_THROUGH_CLIENT)"
    );
}

#[test]
fn a_manager_watches_without_mail() {
    let tenant = invoicing(Level::Invited);
    let (gm, invoice) = (tenant.contact("gm"), tenant.document("I1"));
    tenant.write_as_system(|tx| tx.watch_kind(&gm, &Kind::INVOICE, Watch::Silently)).unwrap();
    let gm_session = session(&tenant, "gm");
    assert_eq!(answer(&tenant, &gm_session, Action::View, &invoice), "allow (REACHED_BY_WATCHING)");
    assert_eq!(answer(&tenant, &gm_session, Action::Pay, &invoice), "deny WATCHER_VIEWS_ONLY");
    let mail =
        |contact| tenant.check_mail(&contact, "invoice.sent", Channel::Email, &invoice).to_string();
    assert_eq!(mail(gm.clone()), "deny OPT_OUT");
    assert_eq!(mail(tenant.contact("dh")), "allow (REACHED_BY_INVITATION)");
    assert_eq!(mail(tenant.contact("acc")), "deny NOT_INVITED");
    tenant.write_as_system(|tx| tx.watch_kind(&gm, &Kind::INVOICE, Watch::WithMail)).unwrap();
    assert_eq!(mail(gm), "allow (REACHED_BY_WATCHING)");
}

#[test]
fn revoking_ends_sessions_and_enabling_revives_none() {
    let tenant = invoicing(Level::Client);
    let (acc, invoice) = (tenant.contact("acc"), tenant.document("I1"));
    let staff = Caller::staff(tenant.staff("u"));
    let old = session(&tenant, "acc");
    let view = |caller: &Caller| answer(&tenant, caller, Action::View, &invoice);
    tenant.write(&staff, |tx| tx.revoke(&acc)).unwrap();
    assert_eq!(view(&old), "deny ACCESS_DISABLED");
    let refused = tenant.write(&staff, |tx| tx.revoke(&acc)).unwrap_err();
    assert_eq!(refused.code(), "NOT_ENABLED");
    let enabled = tenant.write(&staff, |tx| tx.enable(&acc)).unwrap();
    assert_eq!(enabled.findings, [Finding::CredentialNeeded(acc.clone())]);
    assert_eq!(view(&old), "deny PENDING_ACTIVATION");
    let enabled =
        tenant.write(&staff, |tx| tx.enable(&acc).and(tx.reset_credential(&acc))).unwrap();
    assert_eq!(enabled.findings, []);
    assert_eq!(view(&old), "deny SESSION_EPOCH");
    assert_eq!(view(&session(&tenant, "acc")), "allow (REACHED_THROUGH_CLIENT)");
}

#[test]
fn a_write_is_all_or_nothing_even_when_its_error_is_dropped() {
    let tenant = invoicing(Level::Client);
    let staff = Caller::staff(tenant.staff("u"));
    let before = tenant.facts();
    let refused = tenant.write(&staff, |tx| {
        tx.revoke(&tenant.contact("gm"))?;
        let _dropped = tx.grant(&tenant.contact("gm"), "invoice.frobnicate");
        Ok(())
    });
    assert_eq!(refused.unwrap_err().code(), "UNKNOWN_PERMISSION");
    assert_eq!(tenant.facts(), before);
}

#[test]
fn a_contact_is_told_no_more_than_he_may_see() {
    let tenant = invoicing(Level::Client);
    let told = |who: &str, document: &str| {
        tenant.disclosure(&session(&tenant, who), Action::Sign, tenant.document(document))
    };
    assert_eq!(told("other", "I1"), Disclosure::NotFound);
    assert_eq!(told("other", "missing"), Disclosure::NotFound);
    assert_eq!(told("acc", "I1"), Disclosure::Forbidden);
}

#[test]
fn nobody_is_told_of_the_container_that_he_asks_to_create_in() {
    let tenant = invoicing(Level::Container);
    tenant
        .write_as_system(|tx| {
            for job in ["J", "J2"] {
                let job = Document::new(tenant.document(job), Kind::JOB);
                tx.put_document(&job.client(tenant.client("C1")))?;
            }
            tx.grant(&tenant.contact("acc"), "job.view")?;
            tx.relate(
                tenant.document("J"),
                &tenant.contact("acc"),
                Relation::new(Role::Participant),
            )
        })
        .unwrap();
    let acc = session(&tenant, "acc");
    let asked = |container: &str| {
        let (client, container) = (tenant.client("C1"), tenant.document(container));
        let new = Document::new(tenant.document("new"), Kind::TASK)
            .client(client.clone())
            .container(container.clone())
            .owner(tenant.contact("acc"));
        let prospect = Prospect::in_container(Kind::TASK, client, container);
        let told = [prospect.into(), new.into()].map(|resource: Resource| {
            assert!(!tenant.check(&acc, Action::Create, resource.clone()).is_allowed());
            tenant.disclosure(&acc, Action::Create, resource)
        });
        assert_eq!(told[0], told[1]);
        told[0]
    };
    assert_eq!(asked("J"), Disclosure::Forbidden, "he may view it");
    assert_eq!(asked("J2"), Disclosure::NotFound, "he may not");
    assert_eq!(asked("missing"), Disclosure::NotFound);
}

#[test]
fn whom_a_document_is_denied_lifts_that_for_nobody() {
    let tenant = invoicing(Level::Client);
    let (gm, invoice) = (tenant.contact("gm"), tenant.document("I1"));
    tenant
        .write_as_system(|tx| {
            tx.set_admin(&gm, true)?;
            for contact in ["gm", "dh"] {
                tx.deny_document(&tenant.contact(contact), &invoice, true)?;
            }
            Ok(())
        })
        .unwrap();
    let lift = |who: &Caller, contact: &str| {
        tenant.write(who, |tx| tx.deny_document(&tenant.contact(contact), &invoice, false))
    };
    for contact in ["gm", "dh"] {
        let refused = lift(&session(&tenant, "gm"), contact).unwrap_err();
        assert_eq!(refused.code(), "NO_ESCALATION", "{contact}");
    }
    lift(&Caller::staff(tenant.staff("u")), "gm").unwrap();
    lift(&session(&tenant, "gm"), "dh").unwrap();
}

#[test]
fn no_refusal_tells_of_the_contacts_of_others() {
    let tenant = invoicing(Level::Client);
    let mut config = Settings { shared_emails: Some(false), ..Settings::default() };
    config.login_names = Some(false);
    tenant
        .write_as_system(|tx| {
            tx.set_settings(config)?;
            tx.put_document(
                &Document::new(tenant.document("J"), Kind::JOB).client(tenant.client("C1")),
            )?;
            tx.set_admin(&tenant.contact("gm"), true)
        })
        .unwrap();
    let gm = session(&tenant, "gm");
    let relate = |contact: &str| {
        let relation = Relation::new(Role::Participant);
        let written = tenant
            .write(&gm, |tx| tx.relate(tenant.document("J"), &tenant.contact(contact), relation));
        written.unwrap_err().to_string().replace(contact, "…")
    };
    assert_eq!(relate("other"), relate("missing"));
    let taken = tenant.write(&gm, |tx| {
        let new = NewContact::new(tenant.contact("n"), tenant.client("C1"));
        tx.create_contact(new.email("other@C2.example"))
    });
    let taken = taken.unwrap_err();
    assert_eq!(taken.code(), "DUPLICATE_EMAIL");
    assert_eq!(taken.to_string(), "DUPLICATE_EMAIL: n and another contact share an e-mail");
}

#[test]
fn documents_of_the_host_are_decided_inline() {
    let portal = Portal::builder().clock(now).host_owned_documents().build().unwrap();
    let tenant = portal.create_tenant("it", Preset::Invoicing).unwrap();
    let invoice = Document::new(tenant.document("I9"), Kind::INVOICE)
        .client(tenant.client("C1"))
        .state(State::Sent);
    tenant
        .write_as_system(|tx| {
            tx.create_client(tenant.client("C1"))?;
            let gm =
                NewContact::new(tenant.contact("gm"), tenant.client("C1")).email("gm@x.example");
            let gm = tx.create_contact(gm)?;
            tx.enable(&gm)?;
            tx.reset_credential(&gm)?;
            tx.invite(invoice.clone(), &gm, None)
        })
        .unwrap();
    let gm = session(&tenant, "gm");
    assert!(tenant.check(&gm, Action::View, invoice.clone()).is_allowed());
    assert_eq!(
        answer(&tenant, &gm, Action::View, invoice.clone().state(State::Draft)),
        "deny STATE_DRAFT"
    );
    let file = Document::new(tenant.document("F1"), Kind::FILE)
        .client(tenant.client("C1"))
        .parent(tenant.document("I9"));
    let asked = |path: Vec<Document>| Resource::Inline { document: Box::new(file.clone()), path };
    assert_eq!(
        answer(&tenant, &gm, Action::Download, asked(vec![invoice.clone()])),
        "allow (REACHED_BY_INVITATION)"
    );
    assert_eq!(answer(&tenant, &gm, Action::Download, asked(vec![])), "deny PARENT_MISMATCH");
    let stored = tenant.write_as_system(|tx| tx.put_document(&invoice)).unwrap_err();
    assert!(stored.to_string().contains("host-owned"), "{stored}");
}

#[test]
fn facts_come_back_from_their_export() {
    let tenant = invoicing(Level::Invited);
    let portal = Portal::builder().clock(now).build().unwrap();
    let text = tenant.facts().to_json().to_string();
    let facts = portal.policies().read_facts(&text).unwrap();
    let restored = portal.restore_tenant("it", facts).unwrap();
    assert_eq!(restored.facts(), tenant.facts());
    let dh = session(&restored, "dh");
    assert!(restored.check(&dh, Action::View, restored.document("I1")).is_allowed());
}

#[test]
fn no_personal_data_shows_in_debug() {
    let tenant = invoicing(Level::Invited);
    let new = NewContact::new(tenant.contact("x"), tenant.client("C1")).email("secret@x.example");
    let row = tenant.facts().entity(&tenant.contact("dh").uid()).unwrap();
    let caller = session(&tenant, "dh").address([203, 0, 113, 9].into());
    let document = Document::new(tenant.document("I2"), Kind::INVOICE)
        .label("secret.example")
        .amount(47_114_711_471, "EUR");
    let request = tenant.request(&caller, Action::View, document.clone()).unwrap();
    let search = ContactSearch::all().name("secret@x.example");
    let mut shown = format!("{new:?} {row:?} {tenant:?} {:?}", tenant.facts());
    shown += &format!("{caller:?} {document:?} {request:?} {search:?}");
    for personal in ["example", "203.0.113", "47114711471"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[test]
fn ids_of_another_tenant_name_nothing_here() {
    let tenant = invoicing(Level::Invited);
    let (invoice, dh) = (tenant.document("I1"), tenant.contact("dh"));
    let foreign = ContactId::new("other", "dh");
    let code = |written: Result<Written<()>, WriteError>| written.unwrap_err().code();
    let client = ClientId::new("other", "C1");
    let group = ClientGroupId::new("other", "G");
    let before = tenant.facts();
    assert_eq!(
        code(tenant.write_as_system(|tx| tx.withdraw_invitation(&invoice, &foreign))),
        "CROSS_TENANT"
    );
    assert_eq!(
        code(tenant.write_as_system(|tx| {
            let staff = NewStaff::new(tenant.staff("v")).only_clients([client.clone()]);
            tx.create_staff(staff).map(drop)
        })),
        "CROSS_TENANT"
    );
    assert_eq!(
        code(tenant.write_as_system(|tx| {
            tx.set_group_settings(&tenant.client_group("G"), Settings::default())?;
            tx.set_client_group(&tenant.client("C1"), Some(&group))
        })),
        "CROSS_TENANT"
    );
    let staff = Caller::staff(tenant.staff("u"));
    let found = tenant.contacts(&staff, &ContactSearch::all().client(client));
    assert_eq!(found.unwrap_err().decision().code().unwrap(), "CROSS_TENANT");
    assert_eq!(tenant.facts(), before);
    assert!(tenant.check(&session(&tenant, "dh"), Action::View, &invoice).is_allowed());
    tenant.write_as_system(|tx| tx.withdraw_invitation(&invoice, &dh)).unwrap();
}

#[test]
fn nothing_is_given_to_the_empty_id() {
    let tenant = invoicing(Level::Client);
    let (empty, dh) = (tenant.document(""), tenant.contact("dh"));
    let inline = || Document::new(tenant.document(""), Kind::INVOICE).client(tenant.client("C1"));
    let refused = [
        tenant.write_as_system(|tx| tx.invite(&empty, &dh, None)),
        tenant.write_as_system(|tx| tx.invite(inline(), &dh, None)),
        tenant.write_as_system(|tx| tx.relate(&empty, &dh, Relation::new(Role::Participant))),
        tenant.write_as_system(|tx| tx.watch_document(&dh, &empty, Watch::WithMail)),
        tenant.write_as_system(|tx| tx.put_document(&inline())),
        tenant.write_as_system(|tx| tx.create_client(tenant.client("")).map(drop)),
    ];
    for written in refused {
        assert_eq!(written.unwrap_err().code(), "UNKNOWN_ID");
    }
    let portal = Portal::builder().build().unwrap();
    assert!(portal.create_tenant("", Preset::Invoicing).is_err());
}

#[test]
fn a_link_is_used_up_by_its_bearer() {
    let tenant = invoicing(Level::Client);
    let (link, dh) = (tenant.link("M"), tenant.contact("dh"));
    let soon = now().plus_ms(60_000);
    tenant.write_as_system(|tx| tx.create_magic_link(link.clone(), &dh, soon)).unwrap();
    let other = tenant.write(&session(&tenant, "acc"), |tx| tx.use_link(&link));
    assert_eq!(other.unwrap_err().code(), "TOKEN_SCOPE");
    let bearer = Caller::link(link.clone());
    tenant.write(&bearer, |tx| tx.use_link(&link)).unwrap();
    let again = tenant.write(&bearer, |tx| tx.use_link(&link));
    assert_eq!(again.unwrap_err().code(), "TOKEN_USED");
}

#[test]
fn settings_name_kinds_that_are_there() {
    let tenant = invoicing(Level::Client);
    let own = KindSettings { level: Some(Level::Own), ..KindSettings::default() };
    let mut settings = Settings::default();
    settings.kinds.insert("invioce".parse().unwrap(), own);
    let refused = tenant.write_as_system(|tx| tx.set_settings(settings.clone()));
    assert_eq!(refused.unwrap_err().code(), "UNKNOWN_KIND");
    let client = tenant.client("C1");
    let refused = tenant.write_as_system(|tx| tx.set_client_settings(&client, settings.clone()));
    assert_eq!(refused.unwrap_err().code(), "UNKNOWN_KIND");
}

#[test]
fn facts_are_restored_as_the_tenant_that_they_are_of() {
    let facts = invoicing(Level::Client).facts();
    let portal = Portal::builder().build().unwrap();
    let other = portal.restore_tenant("other", facts.clone()).unwrap_err();
    assert_eq!(other.to_string(), "UNKNOWN_ID: the facts hold no Tenant::\"other\"");
    assert!(portal.restore_tenant("none", Facts::new()).is_err());
    let row = Entity::new(rows::tenant("other")).with("tenant", rows::tenant("other"));
    let mixed = facts.with(&Changes::new().put(row));
    assert!(portal.restore_tenant("other", mixed.clone()).is_err());
    assert!(portal.restore_tenant("it", mixed).is_err());
    assert!(portal.restore_tenant("it", facts).is_ok());
}

#[test]
fn a_write_inside_a_write_is_refused_and_a_question_answered() {
    let tenant = invoicing(Level::Client);
    let gm = session(&tenant, "gm");
    let inner = tenant.write_as_system(|tx| {
        assert!(tenant.check(&gm, Action::View, tenant.document("I1")).is_allowed());
        tx.create_client(tenant.client("C3"))?;
        tenant.write_as_system(|tx| tx.create_client(tenant.client("C4")))
    });
    let inner = inner.unwrap_err().to_string();
    assert!(inner.starts_with("a write is under way on this thread; "), "{inner}");
    tenant.write_as_system(|tx| tx.create_client(tenant.client("C3"))).unwrap();
}

#[test]
fn a_panic_inside_a_write_changes_nothing_and_locks_nothing() {
    let tenant = invoicing(Level::Client);
    let before = tenant.facts();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let written: Result<Written<()>, WriteError> = tenant.write_as_system(|tx| {
            tx.create_client(tenant.client("C3"))?;
            std::panic::resume_unwind(Box::new("the host's own"))
        });
        drop(written);
    }));
    assert!(panicked.is_err());
    assert_eq!(tenant.facts(), before);
    tenant.write_as_system(|tx| tx.create_client(tenant.client("C3"))).unwrap();
}

#[test]
fn policies_without_the_shipped_schema_are_no_portal() {
    let alone = PolicyBundle::builder()
        .policies("all.cedar", "@id(\"all\") permit (principal, action, resource);")
        .build()
        .unwrap();
    let refused = Portal::builder().policies(alone).build().unwrap_err().to_string();
    assert!(refused.contains("help: start from `portal::shipped_sources`"), "{refused}");
}

#[test]
fn what_hosts_share_between_threads_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<(Portal, Tenant, Caller, Resource, TenantConfig, Prospect)>();
    shared::<(crate::Engine, crate::World, PolicyBundle, Facts, Changes)>();
    shared::<(crate::Request, crate::Decision, crate::Explanation, crate::Error)>();
}

/// Read as none, they would turn every restriction back to its default with the next write.
#[test]
fn settings_that_cannot_be_read_fail_the_write() {
    let tenant = invoicing(Level::Invited);
    let tenant_uid = EntityUid::new("Tenant", "it");
    let client_uid = tenant.client("C1").uid();
    for (uid, attribute) in
        [(&tenant_uid, "settings"), (&tenant_uid, "defaults"), (&client_uid, "settings")]
    {
        let mut row = tenant.facts().entity(uid).unwrap();
        row.set(attribute, r#"{"from_a_later_version": true}"#);
        let facts = tenant.facts().with(&Changes::new().put(row));
        let portal = Portal::builder().clock(now).build().unwrap();
        let restored = portal.restore_tenant("it", facts.clone()).unwrap();
        let refused = restored.write_as_system(|tx| {
            tx.create_contact(NewContact::new(tenant.contact("new"), tenant.client("C1")))?;
            tx.set_settings(Settings { mfa: Some(true), ..Settings::default() })
        });
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(&format!("the {attribute} of {uid} cannot be read")), "{refused}");
        assert_eq!(restored.facts(), facts);
    }
}

/// What a host adds or leaves out lets nobody cross tenants, clients or revocations.
#[test]
fn policies_without_the_base_are_no_portal() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let without = |left_out: &str, change: fn(String) -> String| {
        let schema = read("portal.cedarschema");
        let mut sources = PolicyBundle::builder().schema("portal.cedarschema", schema);
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".cedar") && name != left_out {
                sources = sources.policies(name.as_str(), change(read(&name)));
            }
        }
        Portal::builder().policies(sources.build().unwrap()).build()
    };
    assert!(without("", |text| text).is_ok());
    assert!(without("13-circumstances.cedar", |text| text).is_ok(), "circumstances are the host's");
    let missing = without("06-owner.cedar", |text| text).unwrap_err().to_string();
    assert!(missing.contains("base-policy-missing"), "{missing}");
    assert!(missing.contains("`cross-client`"), "{missing}");
    let weaker = |text: String| text.replace("principal.epoch == principal.contact.epoch", "true");
    let changed = without("", weaker).unwrap_err().to_string();
    assert!(changed.contains("base-policy-changed"), "{changed}");
    assert!(changed.contains("`link-epoch`"), "{changed}");
}

/// A contact with something of everything, and colleagues with as much.
fn exporting() -> Tenant {
    let tenant = invoicing(Level::Invited);
    let filled = tenant.write_as_system(|tx| {
        let (dh, acc) = (tenant.contact("dh"), tenant.contact("acc"));
        let document = |id: &str, kind| {
            Document::new(tenant.document(id), kind).client(tenant.client("C1")).state(State::Sent)
        };
        tx.put_document(&document("B1", Kind::BOOKING).state(State::Open))?;
        tx.put_document(&document("hidden", Kind::NOTE).internal(true))?;
        tx.put_document(&document("draft", Kind::INVOICE).state(State::Draft))?;
        tx.put_document(&document("theirs", Kind::INVOICE))?;
        tx.put_document(&document("S1", Kind::STATEMENT).amount(7, "EUR"))?;
        for (id, contact) in [("B1", &dh), ("hidden", &dh), ("B1", &acc)] {
            let silent = Relation::new(Role::Secondary).attach(false);
            tx.relate(tenant.document(id), contact, silent)?;
        }
        for id in ["draft", "theirs", "S1"] {
            tx.invite(tenant.document(id), &acc, Some(&tenant.link(format!("secret acc {id}"))))?;
        }
        for id in ["draft", "S1"] {
            tx.invite(tenant.document(id), &dh, Some(&tenant.link(format!("secret dh {id}"))))?;
        }
        for (id, document) in [("g1", "theirs"), ("g2", "hidden")] {
            let share = NewShare::new(dh.clone(), [Action::View]).until(now().plus_ms(60_000));
            tx.share(tenant.share(id), tenant.document(document), share)?;
        }
        tx.revoke_link(&tenant.link("secret dh S1"))?;
        tx.create_magic_link(tenant.link("secret magic"), &dh, now())?;
        tx.edit_contact(&dh, &ContactEdit::default().name("Dee Head"))?;
        tx.set_limit(&dh, Some(&Limit { amount: 500, currency: "EUR".to_owned() }))?;
        tx.grant(&dh, "statement.view")?;
        tx.grant(&dh, "booking.view")?;
        tx.deny(&dh, "invoice.view_prices")?;
        tx.watch_kind(&dh, &Kind::INVOICE, Watch::Silently)
    });
    filled.unwrap();
    tenant
}

#[test]
fn an_export_is_of_oneself_and_what_one_may_view() {
    let tenant = exporting();
    let dh = tenant.contact("dh");
    let export = tenant.export(&session(&tenant, "dh"), &dh).unwrap();
    assert_eq!(export.name.as_deref(), Some("Dee Head"));
    assert_eq!(export.limit.as_ref().map(|limit| limit.amount), Some(500));
    assert!(export.grants.contains("statement.view"));
    assert!(export.denials.contains("invoice.view_prices"));
    assert!(export.watches.contains(&Kind::INVOICE));
    let documents: Vec<(&str, Option<i64>)> = export
        .documents
        .iter()
        .map(|document| (&*document.id, document.amount.as_ref().map(|limit| limit.amount)))
        .collect();
    // The prices of invoices were taken from him; statements do not keep them apart.
    assert_eq!(documents, [("B1", None), ("I1", None), ("S1", Some(7)), ("theirs", None)]);
    let relation = export.relations.first().unwrap();
    assert_eq!(
        (&*relation.document, relation.role, export.relations.len()),
        ("B1", Role::Secondary, 1)
    );
    assert!(!relation.attach && !relation.mail);
    assert_eq!(export.invitations, ["I1", "S1"].map(str::to_owned).into());
    let shared: Vec<&str> = export.shares.iter().map(|share| &*share.document).collect();
    assert_eq!(shared, ["theirs"]);
    let links: Vec<(&str, &str)> =
        export.links.iter().map(|link| (&*link.purpose, link.state)).collect();
    assert_eq!(links, [("personal", "active"), ("personal", "revoked"), ("magic", "expired")]);

    let text = serde_json::to_string(&export).unwrap();
    for foreign in ["hidden", "draft", "secret", "acc@", "\"acc\"", "gm@", "other@"] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
    let shown = format!("{export:?}");
    for personal in ["Dee", "@", "500"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[test]
fn an_export_is_for_oneself_alone() {
    let tenant = exporting();
    let dh = tenant.contact("dh");
    let refused = |caller: &Caller| {
        let refused = tenant.export(caller, &dh).unwrap_err();
        refused.decision().code().unwrap().as_str()
    };
    assert_eq!(refused(&session(&tenant, "acc")), "NOT_SELF");
    assert_eq!(refused(&session(&tenant, "other")), "CROSS_CLIENT");
    let staff = tenant.staff("u");
    assert_eq!(refused(&Caller::staff(staff.clone())), "UNKNOWN_ACTION");
    assert_eq!(refused(&Caller::view_as(staff.clone(), dh.clone(), now())), "VIEW_AS_READ_ONLY");
    assert_eq!(refused(&Caller::on_behalf(staff, dh.clone())), "NO_PERMISSION");
    assert_eq!(refused(&Caller::link(tenant.link("secret dh draft"))), "TOKEN_SCOPE");
    assert_eq!(refused(&Caller::contact(dh.clone())), "SESSION_EPOCH");
    assert_eq!(refused(&Caller::contact(ContactId::new("else", "dh"))), "CROSS_TENANT");
    let stranger = tenant.export(&session(&tenant, "dh"), &ContactId::new("else", "dh"));
    assert_eq!(stranger.unwrap_err().decision().code().unwrap(), "CROSS_TENANT");

    // An archive that can be read can be taken along; one that is closed cannot.
    let client = tenant.client("C1");
    tenant.write_as_system(|tx| tx.set_archived(&client, Archive::ReadOnly)).unwrap();
    assert_eq!(tenant.export(&session(&tenant, "dh"), &dh).unwrap().documents.len(), 4);
    tenant.write_as_system(|tx| tx.set_archived(&client, Archive::Closed)).unwrap();
    assert_eq!(refused(&session(&tenant, "dh")), "CLIENT_ARCHIVED");
}

#[test]
fn nothing_is_left_behind_without_an_owner() {
    let tenant = invoicing(Level::Client);
    let (job, task, file) = (tenant.document("J"), tenant.document("T"), tenant.document("F"));
    let put = tenant.write_as_system(|tx| {
        let new =
            |id: &DocumentId, kind| Document::new(id.clone(), kind).client(tenant.client("C1"));
        tx.put_document(&new(&job, Kind::JOB))?;
        tx.put_document(&new(&task, Kind::TASK).container(job.clone()))?;
        tx.put_document(&new(&file, Kind::FILE).parent(task.clone()))
    });
    put.unwrap();
    // What lies in a container is decided for itself; in whichever order, the final state counts.
    let alone = tenant.write_as_system(|tx| tx.remove_document(&job));
    assert_eq!(alone.unwrap_err().code(), "NO_OWNER_PATH");
    let both = tenant.write_as_system(|tx| {
        tx.remove_document(&job)?;
        tx.remove_document(&task)
    });
    both.unwrap();
    // A child goes with what it belongs to.
    let left: Vec<_> = [&job, &task, &file]
        .into_iter()
        .filter(|document| tenant.facts().contains(&document.uid()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_end_of_a_link_is_final() {
    let tenant = invoicing(Level::Invited);
    let (link, dh) = (tenant.link("A"), tenant.contact("dh"));
    tenant.write_as_system(|tx| tx.create_activation_link(link.clone(), &dh, None)).unwrap();
    let state = |tenant: &Tenant, id: &str| {
        let row = tenant.facts().entity(&EntityUid::new("Link", id)).unwrap();
        ["revoked", "superseded", "used"].map(|end| row.attribute(end) == Some(&true.into()))
    };
    let next = tenant.link("A2");
    tenant.write_as_system(|tx| tx.create_activation_link(next, &dh, None)).unwrap();
    tenant.write_as_system(|tx| tx.revoke_link(&link)).unwrap();
    assert_eq!(state(&tenant, "A"), [false, true, false]);
    // A document's going ends its links that are not over.
    tenant.write_as_system(|tx| tx.remove_document(&tenant.document("I1"))).unwrap();
    assert_eq!(state(&tenant, "L"), [true, false, false]);
}

#[test]
fn nothing_is_asked_of_clients_that_go_round() {
    let tenant = invoicing(Level::Client);
    let staff = Caller::staff(tenant.staff("u"));
    let [one, two] = ["C1", "C2"].map(|client| tenant.client(client));
    tenant.write(&staff, |tx| tx.set_client_parent(&one, Some(&two))).unwrap();
    let round = tenant.write(&staff, |tx| {
        tx.set_client_parent(&two, Some(&one))?;
        tx.revoke(&tenant.contact("acc"))
    });
    let refused = round.unwrap_err();
    assert_eq!(refused.code(), "PARENT_CYCLE");
    assert!(refused.decision().is_none(), "the actor may");
    let swapped = tenant.write(&staff, |tx| {
        tx.set_client_parent(&one, None)?;
        tx.set_client_parent(&two, Some(&one))
    });
    swapped.unwrap();
}

#[test]
fn a_portal_keeps_its_actions_in_their_groups() {
    let with = |change: fn(String) -> String| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let schema = change(read("portal.cedarschema"));
        let mut sources = PolicyBundle::builder().schema("portal.cedarschema", schema);
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".cedar") {
                sources = sources.policies(name.as_str(), read(&name));
            }
        }
        Portal::builder().policies(sources.build().unwrap()).build().map(drop)
    };
    let grouped = |text: String| {
        text.replace(
            "action send, manage in [",
            "action of_the_host;\naction send, manage in [of_the_host, ",
        )
    };
    with(grouped).unwrap();
    // What is for staff only would be for everyone who holds the permission.
    let freed = |text: String| text.replace("in [on_document, staff_only]", "in [on_document]");
    let error = with(freed).unwrap_err().to_string();
    assert!(error.contains("base-action-changed") && error.contains("`manage`"), "{error}");
    // And what counts as mail asks for no session.
    let mailed = |text: String| {
        text.replace("action download, preview in [", "action download, preview in [mail, ")
    };
    let error = with(mailed).unwrap_err().to_string();
    assert!(error.contains("base-action-changed") && error.contains("`download`"), "{error}");
}

#[test]
fn what_was_given_is_read_back_as_it_was_written() {
    let tenant = invoicing(Level::Invited);
    let (invoice, share) = (tenant.document("I1"), tenant.share("S"));
    let (gm, acc, dh) = (tenant.contact("gm"), tenant.contact("acc"), tenant.contact("dh"));
    let until: Timestamp = "2026-12-31T00:00:00Z".parse().unwrap();
    tenant
        .write_as_system(|tx| {
            tx.relate(&invoice, &gm, Relation::new(Role::Secondary).attach(false))?;
            tx.relate(&invoice, &acc, Relation::new(Role::Participant).mail(false))?;
            tx.relate(&invoice, &dh, Relation::new(Role::Assignee))?;
            tx.delete_contact(&dh)?;
            tx.watch_document(&gm, &invoice, Watch::WithMail)?;
            tx.set_signers(&invoice, &[gm.clone(), acc.clone()])?;
            let direct = NewShare::new(gm.clone(), [Action::View, Action::Download]).uses(2);
            tx.share(share.clone(), &invoice, direct)?;
            let below = NewShare::new(acc.clone(), [Action::View]).until(until).uses(1);
            let below = below.made_from(share.clone()).by_link(tenant.link("SL"));
            tx.share(tenant.share("T"), &invoice, below)?;
            tx.use_share(&share, Action::View)?;
            tx.revoke_share(&share)?;
            tx.define_permission_set("payer", ["invoice.view", "invoice.pay"])?;
            tx.set_permission_sets(&acc, ["payer"])?;
            tx.grant(&acc, "invoice.download")?;
            tx.deny(&acc, "invoice.pay")
        })
        .unwrap();

    // Who was deleted holds no place any more.
    let related = |contact: &ContactId, role, attach, mail| Related {
        contact: contact.clone(),
        role,
        attach,
        mail,
    };
    let expected =
        [related(&acc, Role::Participant, true, false), related(&gm, Role::Secondary, false, true)];
    assert_eq!(tenant.relations(&invoice), expected);
    assert_eq!(tenant.invited(&invoice), [dh].into());
    assert_eq!(tenant.watchers(&invoice), [gm.clone()].into());
    assert_eq!(tenant.signatures(&invoice).signers, [gm.clone(), acc.clone()].into());
    assert_eq!(tenant.signatures(&invoice).signed, [].into());

    let shares = tenant.shares(&invoice);
    let [direct, below] = shares.as_slice() else { panic!("{shares:?}") };
    assert_eq!((&direct.share, &direct.contact, &direct.link), (&share, &gm, &None));
    assert_eq!(direct.actions, [Action::View, Action::Download].into());
    assert_eq!((direct.uses_left, direct.until, direct.revoked), (Some(1), None, true));
    assert_eq!((&below.contact, &below.link), (&acc, &Some(tenant.link("SL"))));
    assert_eq!((&below.made_from, below.until), (&Some(share), Some(until)));
    assert!(below.revoked, "with what it was made from");

    let holdings = tenant.holdings(&acc).unwrap();
    assert_eq!(holdings.client, tenant.client("C1"));
    assert_eq!(holdings.sets, ["payer".to_owned()].into());
    assert_eq!(holdings.grants, ["invoice.download".to_owned()].into());
    assert_eq!(holdings.denials, ["invoice.pay".to_owned()].into());
    let payer = ["invoice.pay".to_owned(), "invoice.view".to_owned()].into();
    assert_eq!(tenant.permission_sets()["payer"], payer);
}

#[test]
fn settings_are_read_back_where_they_were_chosen() {
    let tenant = invoicing(Level::Invited);
    let client = tenant.client("C1");
    let chosen = Settings { uploads: Some(false), ..Settings::default() };
    tenant.write_as_system(|tx| tx.set_client_settings(&client, chosen.clone())).unwrap();
    assert_eq!(tenant.client_settings(&client).unwrap(), Some(chosen));
    assert_eq!(tenant.settings().unwrap().all_kinds.level, Some(Level::Invited));
    assert_eq!(tenant.settings().unwrap().uploads, None);
    assert_eq!(tenant.client_settings(&tenant.client("C9")).unwrap(), None);
}

#[test]
fn nothing_of_another_tenant_is_read_back() {
    let tenant = invoicing(Level::Invited);
    let invoice = DocumentId::new("other", "I1");
    assert_eq!(tenant.relations(&invoice), []);
    assert_eq!(tenant.invited(&invoice), [].into());
    assert_eq!(tenant.shares(&invoice), []);
    assert_eq!(tenant.holdings(&ContactId::new("other", "gm")), None);
    assert_eq!(tenant.client_settings(&ClientId::new("other", "C1")).unwrap(), None);
    assert!(!tenant.invited(&tenant.document("I1")).is_empty());
}

#[test]
fn contacts_are_searched_by_name_and_filtered_by_state() {
    let tenant = invoicing(Level::Client);
    let (gm, acc) = (tenant.contact("gm"), tenant.contact("acc"));
    let write = tenant.write_as_system(|tx| {
        tx.edit_contact(&gm, &ContactEdit::default().name("Gil Moor"))?;
        tx.revoke(&acc)?;
        for id in ["new", "asked"] {
            let new = NewContact::new(tenant.contact(id), tenant.client("C1"));
            tx.create_contact(new.email(format!("{id}@moor.example")))?;
        }
        tx.enable(&tenant.contact("asked"))
    });
    write.unwrap();
    let staff = Caller::staff(tenant.staff("u"));
    let found = |search: ContactSearch| -> Vec<String> {
        let found = tenant.contacts(&staff, &search).unwrap();
        found.iter().map(|contact| contact.id().to_owned()).collect()
    };
    let all = ContactSearch::all;
    assert_eq!(found(all().name("MOOR")), ["asked", "gm", "new"], "by name and e-mail");
    assert_eq!(found(all().state(AccessState::Enabled)), ["asked", "dh", "gm", "other"]);
    assert_eq!(found(all().pending()), ["asked"]);
    assert_eq!(found(all().state(AccessState::Disabled)), ["acc"]);
    assert_eq!(found(all().state(AccessState::None).name("moor")), ["new"]);
    assert_eq!(found(all().client(tenant.client("C2"))), ["other"]);
    let contact = session(&tenant, "gm");
    let refused = tenant.contacts(&contact, &all()).unwrap_err();
    assert_eq!(refused.decision().code().unwrap(), "STAFF_ONLY");
}
