//! What must hold in every state of a portal, on random ones.

mod expiring;
mod state;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use doorward::portal::{AccessState, Channel, MailClass, Recipient, Resource};
use doorward::{
    Action, Caller, ContactId, Decision, Engine, Entity, EntityUid, ErrorMode, Explanation, Facts,
    Outcome, Request, Tenant, Value, codes,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::codes::expected;
use crate::tape::{Tape, config, tapes};
use state::{ALIEN, POLICIES, TENANT, now};

const TAPE: usize = 4_000;
/// What is asked of documents, most often what most kinds have.
const ACTIONS: &[Action] = &[
    Action::View,
    Action::Pay,
    Action::View,
    Action::Comment,
    Action::Download,
    Action::View,
    Action::Share,
    Action::ViewPrices,
    Action::Edit,
    Action::View,
    Action::Accept,
    Action::Create,
    Action::View,
    Action::Attach,
    Action::Download,
    Action::Sign,
    Action::View,
    Action::Manage,
    Action::Preview,
    Action::Comment,
    Action::View,
    Action::Approve,
    Action::Send,
    Action::Relate,
    Action::View,
    Action::Audit,
    Action::Complete,
];
/// What is asked of contacts.
const OF_CONTACTS: &[Action] = &[
    Action::View,
    Action::Edit,
    Action::Disable,
    Action::Grant,
    Action::SwitchClient,
    Action::Export,
    Action::SetPassword,
    Action::Enable,
];
const READING: &[Action] =
    &[Action::View, Action::Download, Action::Preview, Action::ViewPrices, Action::ViewStaffFields];
const EVENTS: &[&str] = &["invoice.sent", "estimate.sent", "contract.sent", "nothing"];

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn nothing_crosses_tenants_or_clients(mut tape in tapes(TAPE)) {
        // The tenant's facts mixed with another's, which a portal would not take: the policies
        // keep them apart all the same.
        let facts = state::facts(&mut tape);
        let mixed = engine(&facts, ErrorMode::FailClosed);
        let tenant = state::restore(&facts);
        let callers = state::callers(&tenant);
        for caller in some(&mut tape, &callers, 10) {
            for resource in state::resources(&tenant) {
                for action in some(&mut tape, ACTIONS, 2) {
                    let request = tenant.request(&caller, action, resource.clone()).unwrap();
                    if mixed.check(&request).is_allowed() {
                        isolated(&facts, &caller, action, &resource, &request)?;
                    }
                }
            }
            for contact in state::contacts(&tenant) {
                for action in some(&mut tape, OF_CONTACTS, 2) {
                    let request = tenant.request(&caller, action, &contact).unwrap();
                    if mixed.check(&request).is_allowed() {
                        isolated_from(&facts, &caller, action, &contact)?;
                    }
                }
            }
        }
    }

    #[test]
    fn lists_and_batches_are_single_checks(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        let callers = state::callers(&tenant);
        for caller in some(&mut tape, &callers, 4) {
            for action in some(&mut tape, ACTIONS, 1) {
                let asked: Vec<(Action, Resource)> =
                    state::resources(&tenant).into_iter().map(|resource| (action, resource)).collect();
                let single: Vec<Decision> = asked
                    .iter()
                    .map(|(action, resource)| tenant.check(&caller, *action, resource.clone()))
                    .collect();
                prop_assert_eq!(&tenant.check_many(&caller, &asked), &single);
                let facts = tenant.facts();
                let stored = || asked.iter().zip(&single).filter_map(|((_, resource), decision)| {
                    let Resource::Document(document) = resource else { return None };
                    Some((document, facts.entity(&document.uid())?, decision.is_allowed()))
                });
                for kind in state::kinds() {
                    let of_kind = |row: &Entity| {
                        attribute(row, "kind") == EntityUid::new("Kind", kind.as_str())
                    };
                    let mut allowed: Vec<_> = stored()
                        .filter(|(_, row, allowed)| *allowed && of_kind(row))
                        .map(|(document, ..)| document.clone())
                        .collect();
                    allowed.sort();
                    prop_assert_eq!(tenant.list(&caller, action, &kind), allowed.clone());
                    let (mut paged, mut after) = (Vec::new(), None);
                    loop {
                        let page = tenant.page(&caller, action, &kind, after.as_ref(), 2);
                        prop_assert_eq!(page.total, allowed.len());
                        paged.extend(page.documents);
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    prop_assert_eq!(&paged, &allowed);
                    // A filter sees what the check allowed, and nothing else.
                    let seen = std::cell::RefCell::new(BTreeSet::new());
                    let visible = |row: &Entity| {
                        seen.borrow_mut().insert(row.uid().clone());
                        row.attribute("visible") == Some(&Value::from(true))
                    };
                    let found = tenant.list_where(&caller, action, &kind, visible);
                    let uids: BTreeSet<EntityUid> = allowed.iter().map(|id| id.uid()).collect();
                    prop_assert_eq!(seen.into_inner(), uids);
                    prop_assert!(found.iter().all(|document| allowed.contains(document)));
                }
            }
            let resources = state::resources(&tenant);
            let page = some(&mut tape, &resources, 2);
            let decided = tenant.actions_many(&caller, &page, &ACTIONS[..3]);
            for (resource, decisions) in page.iter().zip(decided) {
                let each = ACTIONS[..3].iter();
                let single: Vec<Decision> =
                    each.map(|action| tenant.check(&caller, *action, resource.clone())).collect();
                prop_assert_eq!(decisions, single);
            }
            for resource in some(&mut tape, &resources, 3) {
                let single = |action: Action| tenant.check(&caller, action, resource.clone());
                let is_seen = single(Action::View).is_allowed();
                // Of what may be viewed, the groups that its kind keeps apart.
                let told = Action::FIELD_GROUPS.iter().map(|group| (*group, single(*group)));
                let told: Vec<_> = told
                    .filter(|(_, it)| !is_seen || it.code() != Some(codes::UNKNOWN_ACTION))
                    .collect();
                prop_assert_eq!(&tenant.field_groups(&caller, resource.clone()), &told);
                let checker = tenant.checker(&caller);
                prop_assert_eq!(checker.field_groups(resource.clone()), told);
            }
            for resource in some(&mut tape, &resources, 1) {
                let buttons = tenant.actions(&caller, resource.clone());
                prop_assert!(!buttons.is_empty());
                for (action, decision) in buttons {
                    prop_assert_eq!(decision, tenant.check(&caller, action, resource.clone()));
                }
            }
        }
    }

    #[test]
    fn a_reason_is_that_of_the_lowest_step(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        let (callers, resources) = (state::callers(&tenant), state::resources(&tenant));
        for caller in some(&mut tape, &callers, 8) {
            for resource in some(&mut tape, &resources, 2) {
                for action in some(&mut tape, ACTIONS, 1) {
                    let explained = tenant.explain(&caller, action, resource.clone()).unwrap();
                    let shown = format!("{caller:?} {action} {resource:?}");
                    if explained.fault.is_some() {
                        // Codes of step 1 that the request itself earns, before any policy.
                        prop_assert_eq!(explained.decision.code(), Some(codes::UNKNOWN_ACTION));
                        continue;
                    }
                    let decision = explained.decision;
                    let told = (!decision.is_allowed()).then(|| {
                        (decision.code().unwrap().as_str(), decision.step_up().is_some())
                    });
                    prop_assert_eq!(told, expected(&explained), "{}", shown);
                    let permits = explained.policies.iter().filter(|policy| policy.permit);
                    let mut reached = permits.filter(|p| p.outcome == Outcome::Satisfied);
                    prop_assert!(
                        told.is_some() || reached.any(|permit| permit.reason == decision.code()),
                        "{}", shown
                    );
                }
            }
        }
    }

    #[test]
    fn whom_viewing_refuses_is_not_mailed(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        for contact in state::contacts(&tenant) {
            for document in state::documents(&tenant) {
                let mailed = || EVENTS.iter().find_map(|event| {
                    let mail = |channel: &&Channel| {
                        tenant.check_mail(&contact, event, **channel, &document).is_allowed()
                    };
                    Some((*event, Channel::ALL.iter().find(mail)?))
                });
                if !tape.chance(70) {
                    continue;
                }
                let Some((event, channel)) = mailed() else { continue };
                let shown = format!("{contact} is mailed {event} by {channel} about {document}");
                prop_assert!(event != "nothing", "{}", shown);
                let caller = state::session(&tenant, contact.id());
                let viewing = tenant.explain(&caller, Action::View, &document).unwrap();
                let refusing: Vec<_> = viewing
                    .policies
                    .iter()
                    .filter(|policy| !policy.permit && !policy.reason_only)
                    .filter(|policy| !matches!(policy.step, Some(3 | 13)))
                    .filter(|policy| policy.outcome != Outcome::NotSatisfied)
                    .map(|policy| policy.id)
                    .collect();
                prop_assert!(refusing.is_empty(), "{}: {:?}", shown, refusing);
                prop_assert!(permitted(&viewing), "{}", shown);
                let row = tenant.facts().entity(&contact.uid()).unwrap();
                let access = row.attribute("access").unwrap().as_str().unwrap().to_owned();
                prop_assert!(["none", "enabled"].contains(&access.as_str()), "{}", shown);
            }
        }
    }

    #[test]
    fn audiences_and_who_may_are_single_checks(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        let contacts: Vec<ContactId> = tenant
            .facts()
            .uids_of_type("Contact")
            .map(|uid| tenant.contact(uid.id()))
            .collect();
        let channels = Channel::ALL;
        for document in some(&mut tape, &state::documents(&tenant), 2) {
            for event in EVENTS {
                let audience = tenant.audience(&document, event, channels).unwrap();
                let mut mailed = Vec::new();
                for contact in &contacts {
                    for channel in channels {
                        let decision = tenant.check_mail(contact, event, *channel, &document);
                        if decision.is_allowed() {
                            mailed.push((contact.clone(), *channel, decision));
                        }
                    }
                }
                let told = |it: &Recipient| (it.contact.clone(), it.channel, it.decision);
                let found: Vec<_> = audience.recipients.iter().map(told).collect();
                prop_assert_eq!(found, mailed);
                for missed in &audience.near_misses {
                    let (contact, channel) = (&missed.contact, missed.channel);
                    let decision = tenant.check_mail(contact, event, channel, &document);
                    prop_assert!(!decision.is_allowed());
                    prop_assert_eq!(decision, missed.decision);
                }
            }
            let refused = tenant.audience(&document, "password.reset", channels).unwrap_err();
            prop_assert_eq!(refused.decision().code(), Some(codes::UNKNOWN_ACTION));
            for action in some(&mut tape, ACTIONS, 1) {
                let who = tenant.who(action, &document).unwrap();
                for contact in &contacts {
                    let Some(access) = tenant.access(contact) else { continue };
                    let caller = Caller::contact(contact.clone())
                        .session(access.epoch, access.credential_version)
                        .password()
                        .at(now())
                        .mfa_at(now())
                        .last_seen(now());
                    let is_allowed = [None, "10.0.0.1".parse().ok()].into_iter().any(|address| {
                        let caller = address.map_or(caller.clone(), |it| caller.clone().address(it));
                        tenant.check(&caller, action, &document).is_allowed()
                    });
                    prop_assert_eq!(who.contains(contact), is_allowed, "{} {}", contact, action);
                }
            }
        }
    }

    #[test]
    fn credentials_are_mailed_to_their_contact_alone(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        let channels = [Channel::Email, Channel::Sms];
        for contact in state::contacts(&tenant) {
            let access = tenant.access(&contact).unwrap().state;
            let may = [AccessState::None, AccessState::Enabled].contains(&access);
            prop_assert_eq!(tenant.check_credential_mail(&contact).is_allowed(), may);
            let audience = tenant.audience(&contact, "password.reset", &channels).unwrap();
            let told = if may { &audience.recipients } else { &audience.near_misses };
            prop_assert_eq!(audience.recipients.len() + audience.near_misses.len(), told.len());
            let told: Vec<_> =
                told.iter().map(|it| (&it.contact, it.class, it.channel, it.decision)).collect();
            let expected = channels.map(|channel| {
                let decision = tenant.check_mail(&contact, "password.reset", channel, &contact);
                (&contact, MailClass::Credential, channel, decision)
            });
            prop_assert_eq!(told, expected);
            for other in state::contacts(&tenant).iter().filter(|other| **other != contact) {
                let mail = tenant.check_mail(&contact, "password.reset", Channel::Email, other);
                prop_assert!(!mail.is_allowed(), "{} is mailed the credential of {}", contact, other);
            }
            // What is about documents is not about contacts.
            let business = tenant.audience(&contact, "invoice.sent", &channels).unwrap_err();
            prop_assert_eq!(business.decision().code(), Some(codes::UNKNOWN_ACTION));
        }
        let nobody = tenant.audience(tenant.contact("x"), "password.reset", &channels).unwrap();
        prop_assert!(nobody.recipients.is_empty() && nobody.near_misses.is_empty());
    }

    #[test]
    fn who_was_revoked_may_do_nothing(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        for contact in state::contacts(&tenant) {
            let before = state::session(&tenant, contact.id());
            let links: Vec<Caller> = state::links(&tenant)
                .into_iter()
                .filter(|link| bears(&tenant, link, &contact))
                .collect();
            let staff = Caller::on_behalf(tenant.staff("all"), contact.clone());
            let enabled = tenant.access(&contact).unwrap().state.as_str() == "enabled";
            let deletes = !enabled || tape.chance(30);
            let returns = !deletes && tape.chance(40);
            let written = tenant.write_as_system(|tx| {
                if deletes { tx.delete_contact(&contact) } else { tx.revoke(&contact) }
            });
            if written.is_err() {
                continue;
            }
            if returns && tenant.write_as_system(|tx| tx.enable(&contact)).is_err() {
                continue;
            }
            // With the session that he had, and with one that says what is current.
            let sessions = [before, state::session(&tenant, contact.id())];
            let behalf = (!returns).then_some(staff);
            for caller in sessions.iter().chain(&links).chain(&behalf) {
                let resources = state::resources(&tenant);
                for resource in some(&mut tape, &resources, 6) {
                    for action in some(&mut tape, ACTIONS, 2) {
                        let decision = tenant.check(caller, action, resource.clone());
                        prop_assert!(!decision.is_allowed(), "{:?} {} {:?}", caller, action, resource);
                        prop_assert!(decision.step_up().is_none(), "{:?} {}", caller, decision);
                    }
                }
                let portal = [Action::LogIn, Action::SwitchClient, Action::SetPassword, Action::Export];
                for action in portal {
                    let resource = match action {
                        Action::LogIn => Resource::Portal,
                        _ => Resource::from(&contact),
                    };
                    let decision = tenant.check(caller, action, resource);
                    prop_assert!(!decision.is_allowed(), "{:?} {}", caller, action);
                }
            }
            if !returns {
                for document in some(&mut tape, &state::documents(&tenant), 4) {
                    let mail = tenant.check_mail(&contact, "invoice.sent", Channel::Email, &document);
                    prop_assert!(!mail.is_allowed());
                }
                prop_assert!(!tenant.check_credential_mail(&contact).is_allowed());
            }
        }
    }
}

/// Whether a link is a contact's.
fn bears(tenant: &Tenant, link: &Caller, contact: &ContactId) -> bool {
    let row = principal_row(&tenant.facts(), link);
    attribute(&row, "contact") == contact.uid()
}

proptest! {
    #![proptest_config(config(5))]

    #[test]
    fn a_missing_row_opens_nothing(mut tape in tapes(TAPE)) {
        let facts = state::facts(&mut tape);
        // What Cedar's mode refuses the closed one refuses too: see `oracle`.
        let [closed, open] =
            [ErrorMode::FailClosed, ErrorMode::Cedar].map(|mode| engine(&facts, mode));
        // The refusals that most holds for: what fails late, one row less may open.
        let mut refused: Vec<(EntityUid, Request, Decision)> = (0..40)
            .map(|_| request(&mut tape, &facts))
            .map(|(contact, request)| {
                let decision = open.check(&request);
                let decision = if decision.is_allowed() { closed.check(&request) } else { decision };
                (contact, request, decision)
            })
            .filter(|(.., decision)| !decision.is_allowed())
            .collect();
        refused.sort_by_key(|(.., decision)| std::cmp::Reverse(decision.step()));
        for (turn, (contact, request, before)) in refused.iter().take(6).enumerate() {
            let engine = if open.check(request).is_allowed() { &closed } else { &open };
            let ends = [request.principal().clone(), request.resource().clone(), contact.clone()];
            let named = [EntityUid::new("Staff", "all"), EntityUid::new("Event", "invoice.sent")];
            // What nothing leads to is not read: once, every row of the state shows it.
            let rows = match turn {
                0 => facts.iter().collect(),
                _ => state::reachable(&facts, &[&ends[..], &named[..]].concat()),
            };
            for row in rows {
                engine.apply(&state::removal(&row)).unwrap();
                let without = engine.check(request);
                engine.apply(&state::repair(&row)).unwrap();
                prop_assert!(
                    !without.is_allowed(),
                    "{:?} opens without {}: {} before", request, row.uid(), before
                );
            }
        }
    }
}

/// A contact who wants an event in the portal only is not mailed where the event's row is gone.
#[test]
fn mail_about_an_unknown_event_refuses() {
    let facts = state::facts(&mut Tape::new(Vec::new()));
    let event = EntityUid::new("Event", "invoice.sent");
    let asked = |event: &EntityUid, channel: &str| {
        let [contact, invoice] = ["b", "invoice"];
        Request::new(
            EntityUid::new("Contact", contact),
            "receive",
            EntityUid::new("Document", invoice),
        )
        .with("event", event.clone())
        .with("channel", channel)
    };
    for mode in [ErrorMode::FailClosed, ErrorMode::Cedar] {
        let engine = engine(&facts, mode);
        assert!(engine.check(&asked(&event, "in_app")).is_allowed());
        assert_eq!(engine.check(&asked(&event, "sms")).to_string(), "deny CHANNEL_OFF");
        let unknown = EntityUid::new("Event", "nothing");
        assert_eq!(engine.check(&asked(&unknown, "sms")).to_string(), "deny NOT_SUBSCRIBED");
        engine.apply(&state::removal(&facts.entity(&event).unwrap())).unwrap();
        assert_eq!(engine.check(&asked(&event, "sms")).to_string(), "deny NOT_SUBSCRIBED");
    }
}

/// The properties must not hold because everything is refused.
#[test]
fn the_states_open_and_refuse() {
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let (mut allowed, mut refused, mut mailed) = (0, 0, 0);
    let (mut codes, mut crossing) = (BTreeSet::new(), 0);
    for _ in 0..4 {
        let mut tape = tapes(TAPE).new_tree(&mut runner).unwrap().current();
        let facts = state::facts(&mut tape);
        let (tenant, mixed) = (state::restore(&facts), engine(&facts, ErrorMode::FailClosed));
        let callers = state::callers(&tenant);
        for caller in some(&mut tape, &callers, 12) {
            for document in state::documents(&tenant) {
                for action in some(&mut tape, ACTIONS, 2) {
                    let request = tenant.request(&caller, action, &document).unwrap();
                    let decision = mixed.check(&request);
                    if decision.is_allowed() {
                        allowed += 1;
                        crossing += usize::from(crosses(&facts, &caller, &document.uid()));
                    } else {
                        refused += 1;
                        codes.insert(decision.code().unwrap());
                    }
                }
            }
        }
        for contact in state::contacts(&tenant) {
            for document in state::documents(&tenant) {
                let mail = tenant.check_mail(&contact, "invoice.sent", Channel::InApp, &document);
                mailed += usize::from(mail.is_allowed());
            }
        }
    }
    assert!(allowed * 16 > refused, "{allowed} allowed, {refused} refused");
    assert!(mailed >= 10 && crossing >= 5, "{mailed} mailed, {crossing} at another client");
    assert!(codes.len() >= 25, "{codes:?}");
}

#[test]
fn a_check_after_a_revocation_refuses() {
    const ROUNDS: u64 = 15;
    let tenant = state::restore(&state::facts(&mut Tape::new(Vec::new())));
    let (contact, document) = (tenant.contact("b"), tenant.document("invoice"));
    for round in 1..=ROUNDS {
        let access = tenant.access(&contact).unwrap();
        let session = Caller::contact(contact.clone())
            .session(access.epoch, access.credential_version)
            .password();
        assert!(tenant.check(&session, Action::View, &document).is_allowed(), "round {round}");
        let revoked = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        let before = revoked.load(Ordering::SeqCst);
                        let decision = tenant.check(&session, Action::View, &document);
                        assert!(before == 0 || !decision.is_allowed(), "{decision}");
                    }
                    while revoked.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                    assert!(!tenant.check(&session, Action::View, &document).is_allowed());
                });
            }
            tenant.write_as_system(|tx| tx.revoke(&contact)).unwrap();
            revoked.store(1, Ordering::SeqCst);
        });
        let back = tenant.write_as_system(|tx| {
            tx.enable(&contact)?;
            tx.reset_credential(&contact)
        });
        back.unwrap();
        assert!(
            !tenant.check(&session, Action::View, &document).is_allowed(),
            "it is an old session"
        );
    }
}

#[test]
fn ids_of_another_tenant_are_refused_without_a_look() {
    let own = state::restore(&state::facts(&mut Tape::new(Vec::new())));
    let other = state::portal().create_tenant("other", doorward::Preset::Invoicing).unwrap();
    for caller in state::callers(&own) {
        for document in state::documents(&own).into_iter().take(4) {
            for (tenant, document) in
                [(&other, document.clone()), (&own, other.document(document.id()))]
            {
                let decision = tenant.check(&caller, Action::View, &document);
                assert_eq!(decision.to_string(), "deny CROSS_TENANT", "{caller:?}");
                assert_eq!(decision.step(), Some(1));
            }
        }
    }
}

/// Some of many, none twice in a row.
fn some<T: Clone>(tape: &mut Tape, among: &[T], count: usize) -> Vec<T> {
    let start = tape.below(among.len());
    let stride = 1 + tape.below(3);
    (0..count).map(|turn| among[(start + turn * stride) % among.len()].clone()).collect()
}

fn attribute(row: &Entity, name: &str) -> EntityUid {
    row.attribute(name).and_then(Value::as_entity).unwrap().clone()
}

/// The row of whoever is asked for: the contact, the link's, or the staff's.
fn principal_row(facts: &Facts, caller: &Caller) -> Entity {
    let shown = format!("{caller:?}");
    let named = |of: &str| {
        let (_, rest) = shown.split_once(&format!("{of}Id({TENANT}/"))?;
        let id = rest.split(')').next()?;
        facts.entity(&EntityUid::new(of, id))
    };
    named("Contact").or_else(|| named("Link")).or_else(|| named("Staff")).unwrap()
}

/// The row of the staff who ask, for themselves or for a contact.
fn staff_row(facts: &Facts, caller: &Caller) -> Option<Entity> {
    let shown = format!("{caller:?}");
    let (_, rest) = shown.split_once(&format!("StaffId({TENANT}/"))?;
    facts.entity(&EntityUid::new("Staff", rest.split(')').next()?))
}

fn crosses(facts: &Facts, caller: &Caller, document: &EntityUid) -> bool {
    let (who, what) = (principal_row(facts, caller), facts.entity(document).unwrap());
    who.attribute("client").is_some() && attribute(&who, "client") != attribute(&what, "client")
}

/// That an allowed request stays in its tenant and, but for what the domain lets cross, its client.
fn isolated(
    facts: &Facts,
    caller: &Caller,
    action: Action,
    resource: &Resource,
    request: &Request,
) -> Result<(), TestCaseError> {
    let who = principal_row(facts, caller);
    let shown = format!("{caller:?} {action} {resource:?}");
    one_tenant(facts, caller, &shown)?;
    let tenant = attribute(&who, "tenant");
    let Some(what) = facts.entity(request.resource()) else {
        // A prospect: at one's own client, or below it to read what is not there yet.
        let named = format!("{resource:?}");
        let (_, rest) = named.split_once(&format!("ClientId({TENANT}/")).unwrap();
        let client = EntityUid::new("Client", rest.split(')').next().unwrap());
        let own = who.attribute("client").and_then(Value::as_entity);
        let below = own.is_some_and(|own| ancestors(facts, &client).contains(own));
        prop_assert!(
            own.is_none_or(|own| *own == client || below && READING.contains(&action)),
            "{}",
            shown
        );
        return Ok(());
    };
    // Everything on the path is of one tenant.
    for name in ["head", "parent", "container", "client"] {
        let named = what.attribute(name).and_then(Value::as_entity);
        if let Some(row) = named.and_then(|uid| facts.entity(uid)) {
            prop_assert_eq!(attribute(&row, "tenant"), tenant.clone(), "{}: {}", shown, name);
        }
    }
    prop_assert_eq!(attribute(&what, "tenant"), tenant, "{}", shown);
    let client = attribute(&what, "client");
    let kind = facts.entity(&attribute(&what, "kind")).unwrap();
    let tenant_wide = kind.attribute("tenant_wide") == Some(&Value::from(true));
    prop_assert!(
        tenant_wide || facts.contains(&client),
        "{}: an empty owner equals nothing",
        shown
    );
    if who.attribute("client").is_none() || tenant_wide {
        return Ok(());
    }
    let own = attribute(&who, "client");
    if own == client {
        return Ok(());
    }
    let own_row = facts.entity(&own).unwrap();
    prop_assert_eq!(own_row.attribute("parents_read"), Some(&Value::from(true)), "{}", shown);
    let above: Vec<_> = ancestors(facts, &client);
    prop_assert!(above.contains(&own), "{}: {} is no descendant of {}", shown, client, own);
    prop_assert!(
        READING.contains(&action) || is_named(facts, &who, action, &what),
        "{}: it does more than read",
        shown
    );
    Ok(())
}

/// Whether a document was given to whoever asks: by an invitation, a part in it or in its
/// container, a share, a link, or by naming him for its kind.
fn is_named(facts: &Facts, who: &Entity, action: Action, what: &Entity) -> bool {
    let contact = who.attribute("contact").and_then(Value::as_entity).unwrap_or(who.uid()).clone();
    let head = facts.entity(&attribute(what, "head")).unwrap();
    let among = |row: Option<&Entity>, name: &str| {
        let set = row.and_then(|row| row.attribute(name)).and_then(Value::as_set);
        set.into_iter().flatten().any(|one| {
            let one = one.as_entity().unwrap();
            *one == contact || who.parents().contains(one)
        })
    };
    let access = |row: &Entity| facts.entity(&attribute(row, "access"));
    let given = access(&head);
    let shared = given.as_ref().and_then(|row| row.tags().get(contact.id())?.as_entity());
    let shares = |share: &EntityUid| {
        let actions = facts.entity(share).and_then(|row| row.attribute("actions").cloned());
        actions.is_some_and(|actions| {
            let action = EntityUid::action(action.as_str());
            actions.as_set().unwrap().iter().any(|one| one.as_entity() == Some(&action))
        })
    };
    let container = head.attribute("container").and_then(Value::as_entity);
    let container = container.and_then(|uid| access(&facts.entity(uid)?));
    let rule = facts.entity(&attribute(&head, "rule"));
    among(given.as_ref(), "invited")
        || among(given.as_ref(), "involved")
        || among(container.as_ref(), "involved")
        || among(rule.as_ref(), "members")
        || shared.is_some_and(shares)
        || who.attribute("document").and_then(Value::as_entity) == Some(head.uid())
}

/// That everything a caller stands for is of one tenant: the contact, its client, the staff.
fn one_tenant(facts: &Facts, caller: &Caller, shown: &str) -> Result<(), TestCaseError> {
    let who = principal_row(facts, caller);
    let tenant = attribute(&who, "tenant");
    let named = ["contact", "client"].map(|name| who.attribute(name).and_then(Value::as_entity));
    let staff = staff_row(facts, caller);
    let named = named.into_iter().flatten().filter_map(|uid| facts.entity(uid)).chain(staff);
    for row in named {
        prop_assert_eq!(attribute(&row, "tenant"), tenant.clone(), "{}: {}", shown, row.uid());
    }
    let alien = format!("{caller:?}").contains(ALIEN);
    prop_assert!(!alien || tenant.id() == ALIEN, "{}", shown);
    Ok(())
}

/// That what is allowed with a contact stays in the tenant and, but for switching, the client.
fn isolated_from(
    facts: &Facts,
    caller: &Caller,
    action: Action,
    contact: &ContactId,
) -> Result<(), TestCaseError> {
    let (who, what) = (principal_row(facts, caller), facts.entity(&contact.uid()).unwrap());
    let shown = format!("{caller:?} {action} {contact}");
    one_tenant(facts, caller, &shown)?;
    prop_assert_eq!(attribute(&who, "tenant"), attribute(&what, "tenant"), "{}", shown);
    if let Some(client) = facts.entity(&attribute(&what, "client")) {
        prop_assert_eq!(attribute(&who, "tenant"), attribute(&client, "tenant"), "{}", shown);
    }
    if who.attribute("client").is_some() && action != Action::SwitchClient {
        prop_assert_eq!(attribute(&who, "client"), attribute(&what, "client"), "{}", shown);
    }
    Ok(())
}

fn ancestors(facts: &Facts, of: &EntityUid) -> Vec<EntityUid> {
    let mut above = Vec::new();
    let mut open = vec![of.clone()];
    while let Some(uid) = open.pop() {
        let Some(row) = facts.entity(&uid) else { continue };
        above.extend(row.parents().iter().cloned());
        open.extend(row.parents().iter().cloned());
    }
    above
}

fn permitted(explained: &Explanation) -> bool {
    explained.policies.iter().any(|p| p.permit && p.outcome == Outcome::Satisfied)
}

/// The portal's engine, without its portal.
fn engine(facts: &Facts, mode: ErrorMode) -> Engine {
    Engine::builder(POLICIES.clone())
        .facts(facts.clone())
        .error_mode(mode)
        .host_owned("ViewAs")
        .host_owned("OnBehalf")
        .host_owned("Guest")
        .stored_or_inline("Document")
        .clock(now)
        .build()
        .unwrap()
}

/// A contact, and a request as the portal makes it, mostly his.
fn request(tape: &mut Tape, facts: &Facts) -> (EntityUid, Request) {
    let (id, client) = *tape.pick(state::CONTACTS);
    let contact = EntityUid::new("Contact", id);
    (contact.clone(), request_of(tape, facts, contact, client))
}

fn request_of(tape: &mut Tape, facts: &Facts, contact: EntityUid, client: &str) -> Request {
    let row = facts.entity(&contact).unwrap();
    let documents: Vec<_> = facts.uids_of_type("Document").collect();
    let document = tape.pick(&documents).clone();
    let action = *tape.pick(&[
        "view", "view", "download", "pay", "comment", "accept", "sign", "attach", "receive",
    ]);
    let session = |request: Request| {
        request
            .with("epoch", row.attribute("epoch").unwrap().clone())
            .with("credential_version", row.attribute("credential_version").unwrap().clone())
            .with("authenticated_by", "password")
    };
    if action == "receive" {
        return Request::new(contact, "receive", document)
            .with("event", EntityUid::new("Event", "invoice.sent"))
            .with("channel", *tape.pick(&["email", "in_app"]));
    }
    let stand_in = |of: &str| {
        Entity::new(EntityUid::new(of, "stand-in"))
            .with("tenant", EntityUid::new("Tenant", TENANT))
            .with("client", EntityUid::new("Client", client))
            .with("contact", contact.clone())
            .with("staff", EntityUid::new("Staff", "all"))
            .parent(contact.clone())
    };
    match tape.below(9) {
        0 => {
            let row = stand_in("ViewAs").with("started", now());
            Request::new(row.uid().clone(), action, document).inline(row)
        }
        1 => {
            let row = stand_in("OnBehalf");
            Request::new(row.uid().clone(), action, document).inline(row)
        }
        2 => Request::new(EntityUid::new("Staff", *tape.pick(state::STAFF)), action, document),
        3 => Request::new(EntityUid::new("Link", tape.below(8).to_string()), action, document),
        4 => {
            let action = *tape.pick(&[
                "edit",
                "disable",
                "grant",
                "switch_client",
                "export",
                "set_password",
            ]);
            let whom = EntityUid::new("Contact", tape.pick(state::CONTACTS).0);
            session(Request::new(contact, action, whom))
        }
        5 => session(Request::new(contact, "log_in", EntityUid::new("Tenant", TENANT))),
        6 => session(Request::new(contact, *tape.pick(&["share", "relate", "audit"]), document)),
        _ => session(Request::new(contact, action, document)),
    }
}
