//! What must hold in every state of a portal, on random ones.

mod state;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use doorward::portal::{Channel, Resource};
use doorward::{
    Action, Caller, Decision, Engine, Entity, EntityUid, ErrorMode, Explanation, Facts, Outcome,
    Request, Value, codes,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::tape::{Tape, config, tapes};
use state::{ALIEN, POLICIES, TENANT, now};

const TAPE: usize = 2_500;
const ACTIONS: &[Action] = &[
    Action::View,
    Action::Download,
    Action::Pay,
    Action::Comment,
    Action::Accept,
    Action::Sign,
    Action::Edit,
    Action::Attach,
    Action::Relate,
    Action::Share,
];
const READING: &[Action] = &[Action::View, Action::Download, Action::Preview, Action::ViewPrices];

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
        for caller in some(&mut tape, &callers, 12) {
            for document in state::documents(&tenant) {
                for action in some(&mut tape, ACTIONS, 2) {
                    let request = tenant.request(&caller, action, &document).unwrap();
                    if mixed.check(&request).is_allowed() {
                        isolated(&facts, &caller, action, &document.uid())?;
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
                let documents = state::documents(&tenant);
                let asked: Vec<_> =
                    documents.iter().map(|document| (action, Resource::from(document))).collect();
                let single: Vec<Decision> =
                    documents.iter().map(|one| tenant.check(&caller, action, one)).collect();
                prop_assert_eq!(&tenant.check_many(&caller, &asked), &single);
                for kind in state::kinds() {
                    let listed = tenant.list(&caller, action, &kind);
                    let facts = tenant.facts();
                    let of_kind = |uid: &EntityUid| {
                        let row = facts.entity(uid);
                        row.is_some_and(|row| attribute(row, "kind") == EntityUid::new("Kind", kind.as_str()))
                    };
                    let mut allowed: Vec<_> = documents
                        .iter()
                        .zip(&single)
                        .filter(|(document, decision)| decision.is_allowed() && of_kind(&document.uid()))
                        .map(|(document, _)| document.clone())
                        .collect();
                    allowed.sort();
                    prop_assert_eq!(listed, allowed);
                }
            }
            let documents = state::documents(&tenant);
            for document in some(&mut tape, &documents, 1) {
                let buttons = tenant.actions(&caller, &document);
                prop_assert!(!buttons.is_empty());
                for (action, decision) in buttons {
                    prop_assert_eq!(decision, tenant.check(&caller, action, &document));
                }
            }
        }
    }

    #[test]
    fn a_reason_is_that_of_the_lowest_step(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        let (callers, documents) = (state::callers(&tenant), state::documents(&tenant));
        for caller in some(&mut tape, &callers, 6) {
            for document in some(&mut tape, &documents, 2) {
                for action in some(&mut tape, ACTIONS, 1) {
                    let explained = tenant.explain(&caller, action, &document).unwrap();
                    if explained.fault.is_some() {
                        // Codes of step 1 that the request itself earns, before any policy.
                        prop_assert_eq!(explained.decision.code(), Some(codes::UNKNOWN_ACTION));
                        continue;
                    }
                    let shown = explained.decision.to_string();
                    prop_assert_eq!(shown, expected(&explained), "{:?} {} {}", caller, action, document);
                }
            }
        }
    }

    #[test]
    fn whom_viewing_refuses_is_not_mailed(mut tape in tapes(TAPE)) {
        let tenant = state::restore(&state::facts(&mut tape));
        for contact in state::contacts(&tenant) {
            for document in state::documents(&tenant) {
                for channel in [Channel::Email, Channel::InApp] {
                    if !tenant.check_mail(&contact, "invoice.sent", channel, &document).is_allowed() {
                        continue;
                    }
                    let caller = Caller::contact(contact.clone());
                    let viewing = tenant.explain(&caller, Action::View, &document).unwrap();
                    let refusing: Vec<_> = viewing
                        .policies
                        .iter()
                        .filter(|policy| !policy.permit && !policy.reason_only)
                        .filter(|policy| !matches!(policy.step, Some(3 | 13)))
                        .filter(|policy| policy.outcome != Outcome::NotSatisfied)
                        .map(|policy| policy.id)
                        .collect();
                    prop_assert!(refusing.is_empty(), "{} {}: {:?}", contact, document, refusing);
                    prop_assert!(permitted(&viewing), "{contact} is mailed about {document}");
                    let row = tenant.facts().entity(&contact.uid()).unwrap().clone();
                    let access = row.attribute("access").unwrap().as_str().unwrap().to_owned();
                    prop_assert!(["none", "enabled"].contains(&access.as_str()), "{}", access);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(config(3))]

    #[test]
    fn a_missing_row_opens_nothing(mut tape in tapes(TAPE)) {
        let facts = state::facts(&mut tape);
        // What Cedar's mode refuses the closed one refuses too: see `oracle`.
        let [closed, open] =
            [ErrorMode::FailClosed, ErrorMode::Cedar].map(|mode| engine(&facts, mode));
        let mut asked = 0;
        while asked < 10 {
            asked += 1;
            let (contact, request) = request(&mut tape, &facts);
            let engine = if open.check(&request).is_allowed() { &closed } else { &open };
            let before = engine.check(&request);
            if before.is_allowed() {
                continue;
            }
            let ends = [request.principal().clone(), request.resource().clone(), contact];
            let named = [EntityUid::new("Staff", "all"), EntityUid::new("Event", "invoice.sent")];
            for row in state::reachable(&facts, &[&ends[..], &named[..]].concat()) {
                engine.apply(&state::removal(&row)).unwrap();
                let without = engine.check(&request);
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
        engine.apply(&state::removal(facts.entity(&event).unwrap())).unwrap();
        assert_eq!(engine.check(&asked(&event, "sms")).to_string(), "deny NOT_SUBSCRIBED");
    }
}

/// The properties must not hold because everything is refused.
#[test]
fn the_states_open_and_refuse() {
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let (mut allowed, mut refused, mut mailed) = (0, 0, 0);
    let (mut codes, mut crossing) = (BTreeSet::new(), 0);
    for _ in 0..3 {
        let mut tape = tapes(TAPE).new_tree(&mut runner).unwrap().current();
        let facts = state::facts(&mut tape);
        let (tenant, mixed) = (state::restore(&facts), engine(&facts, ErrorMode::FailClosed));
        let callers = state::callers(&tenant);
        for caller in some(&mut tape, &callers, 14) {
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
    assert!(allowed * 20 > refused, "{allowed} allowed, {refused} refused");
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
        for document in state::documents(&own) {
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
        facts.entity(&EntityUid::new(of, id)).cloned()
    };
    named("Contact").or_else(|| named("Link")).or_else(|| named("Staff")).unwrap()
}

fn crosses(facts: &Facts, caller: &Caller, document: &EntityUid) -> bool {
    let (who, what) = (principal_row(facts, caller), facts.entity(document).unwrap());
    who.attribute("client").is_some() && attribute(&who, "client") != attribute(what, "client")
}

/// That an allowed request stays in its tenant and, but for what the domain lets cross, its client.
fn isolated(
    facts: &Facts,
    caller: &Caller,
    action: Action,
    document: &EntityUid,
) -> Result<(), TestCaseError> {
    let (who, what) = (principal_row(facts, caller), facts.entity(document).unwrap());
    let shown = format!("{caller:?} {action} {document}");
    prop_assert_eq!(attribute(&who, "tenant"), attribute(what, "tenant"), "{}", shown);
    prop_assert!(!document.id().contains(ALIEN) || who.uid().id().contains(ALIEN), "{}", shown);
    let client = attribute(what, "client");
    let kind = facts.entity(&attribute(what, "kind")).unwrap();
    let tenant_wide = kind.attribute("tenant_wide") == Some(&Value::from(true));
    if let Some(row) = facts.entity(&client) {
        prop_assert_eq!(attribute(row, "tenant"), attribute(what, "tenant"), "{}", shown);
    } else {
        prop_assert!(tenant_wide, "{}: an empty owner equals nothing", shown);
    }
    if who.attribute("client").is_none() || tenant_wide {
        return Ok(());
    }
    let own = attribute(&who, "client");
    if own == client {
        return Ok(());
    }
    let parents_read = facts.entity(&own).unwrap().attribute("parents_read");
    prop_assert_eq!(parents_read, Some(&Value::from(true)), "{}", shown);
    let above: Vec<_> = ancestors(facts, &client);
    prop_assert!(above.contains(&own), "{}: {} is no descendant of {}", shown, client, own);
    let reads = READING.contains(&action) || action == Action::Relate || action == Action::Share;
    let given = facts.entity(&attribute(what, "access"));
    prop_assert!(
        reads || given.is_some() || what.attribute("owner").is_some(),
        "{}: it does more than read",
        shown
    );
    Ok(())
}

fn ancestors(facts: &Facts, of: &EntityUid) -> Vec<EntityUid> {
    let mut above = Vec::new();
    let mut open = vec![of.clone()];
    while let Some(uid) = open.pop() {
        let parents = facts.entity(&uid).into_iter().flat_map(|row| row.parents().iter().cloned());
        for parent in parents.collect::<Vec<_>>() {
            above.push(parent.clone());
            open.push(parent);
        }
    }
    above
}

fn permitted(explained: &Explanation) -> bool {
    explained.policies.iter().any(|p| p.permit && p.outcome == Outcome::Satisfied)
}

/// The decision that the traces of an explanation come to, in the words of its `Display`.
fn expected(explained: &Explanation) -> String {
    let info = |id: &str| POLICIES.policy(id).unwrap();
    let permitted = permitted(explained);
    let forbids = || explained.policies.iter().filter(|policy| !policy.permit);
    let erring = forbids().any(|p| !p.reason_only && matches!(p.outcome, Outcome::Error(_)));
    let standing: Vec<_> = forbids()
        .filter(|policy| policy.outcome == Outcome::Satisfied)
        .filter(|policy| !policy.reason_only || !permitted)
        .map(|policy| info(policy.id.as_str()))
        .collect();
    if permitted && standing.is_empty() && !erring {
        let permits = explained.policies.iter().filter(|policy| policy.permit);
        let first = permits
            .filter(|policy| policy.outcome == Outcome::Satisfied)
            .map(|policy| info(policy.id.as_str()))
            .min_by_key(|policy| (policy.step(), policy.rank()));
        return format!("allow ({})", first.unwrap().reason().unwrap());
    }
    let steps_up = permitted && !erring && standing.iter().all(|policy| policy.step_up().is_some());
    let failed = explained
        .policies
        .iter()
        .filter(|policy| matches!(policy.outcome, Outcome::Error(_)))
        .filter(|policy| !permitted || !(policy.permit || policy.reason_only))
        .map(|policy| (policy.step.unwrap(), u32::MAX, "EVAL_ERROR", None));
    let lowest = standing
        .iter()
        .filter(|policy| steps_up || policy.step_up().is_none())
        .map(|policy| {
            let code = policy.reason().unwrap().as_str();
            (policy.step().unwrap(), u32::from(policy.rank()), code, policy.step_up())
        })
        .chain(failed)
        .min_by_key(|(step, rank, ..)| (*step, *rank));
    match lowest {
        Some((_, _, code, Some(how))) => format!("step up {code} ({how})"),
        Some((_, _, code, None)) => format!("deny {code}"),
        None => "deny NO_PERMIT".to_owned(),
    }
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
    let documents: Vec<_> = facts.of_type("Document").map(Entity::uid).collect();
    let document = (*tape.pick(&documents)).clone();
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
        2 => Request::new(EntityUid::new("Staff", *tape.pick(&["all", "one"])), action, document),
        3 => Request::new(EntityUid::new("Link", tape.below(6).to_string()), action, document),
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
