//! What time alone changes is foretold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use doorward::portal::{
    Document, Expiring, NewContact, NewShare, Resource, State as DocumentState, TimeChange,
};
use doorward::{
    Action, Caller, ContactId, Decision, EntityUid, Kind, Portal, Preset, Tenant, Timestamp,
};
use proptest::prelude::*;

use super::state::{self, POLICIES, now};
use super::{TAPE, attribute, principal_row};
use crate::tape::{config, tapes};

const ACTIONS: [Action; 2] = [Action::View, Action::Pay];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A portal with a clock to turn.
fn clocked() -> (Portal, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(now().as_ms()));
    let read = Arc::clone(&clock);
    let portal = Portal::builder()
        .policies(POLICIES.clone())
        .clock(move || Timestamp::from_ms(read.load(Ordering::Relaxed)))
        .build()
        .unwrap();
    (portal, clock)
}

/// Whoever time may do something to, and whose contact he is.
fn callers(tenant: &Tenant) -> Vec<(Caller, EntityUid)> {
    let contacts = state::contacts(tenant).into_iter().flat_map(|contact| {
        let staff = tenant.staff("all");
        let looking = Caller::view_as(staff, contact.clone(), now());
        [state::session(tenant, contact.id()), looking].map(|caller| (caller, contact.uid()))
    });
    let facts = tenant.facts();
    let links = state::links(tenant).into_iter().map(|link| {
        let contact = attribute(&principal_row(&facts, &link), "contact");
        (link, contact)
    });
    contacts.chain(links).collect()
}

/// What a caller is told of everything: whether, and whether signing in again would do.
fn answers(tenant: &Tenant, caller: &Caller, contact: &EntityUid) -> Vec<(bool, bool)> {
    let resources = state::resources(tenant);
    let asked = resources.iter().flat_map(|it| ACTIONS.map(|action| (action, it.clone())));
    let own = tenant.contact(contact.id());
    let portal = [(Action::LogIn, Resource::Portal), (Action::SetPassword, own.into())];
    let asked: Vec<(Action, Resource)> = asked.chain(portal).collect();
    let told = |decision: &Decision| (decision.is_allowed(), decision.step_up().is_some());
    tenant.check_many(caller, &asked).iter().map(told).collect()
}

proptest! {
    #![proptest_config(config(5))]

    #[test]
    fn what_time_alone_changes_was_foretold(mut tape in tapes(TAPE)) {
        let (portal, clock) = clocked();
        let tenant = state::restore_in(&portal, &state::facts(&mut tape));
        let foretold = tenant.expiring(Duration::from_secs(3_600));
        prop_assert!(foretold.is_sorted());
        let moments: BTreeSet<Timestamp> = foretold.iter().map(|it| it.at).collect();
        let callers = callers(&tenant);
        let told = || -> Vec<_> {
            callers.iter().map(|(caller, contact)| answers(&tenant, caller, contact)).collect()
        };
        let mut before = told();
        for later in [999, 1_000, 1_999, 2_000, 2_999, 3_000, 3_500] {
            let at = now().plus_ms(later);
            clock.store(at.as_ms(), Ordering::Relaxed);
            let after = told();
            for (((caller, contact), before), after) in callers.iter().zip(&before).zip(&after) {
                if before == after {
                    continue;
                }
                prop_assert!(moments.contains(&at), "{:?} at {}: {:?}", caller, at, foretold);
                let is_his = |it: &Expiring| it.at == at && it.contact.uid() == *contact;
                let is_link = caller.contact_id().is_none();
                prop_assert!(is_link || foretold.iter().any(is_his), "{:?} at {}", caller, at);
            }
            before = after;
        }
    }
}

/// A client with an invoice that only he sees to whom it was given, and contacts of its own.
fn tenant(portal: &Portal) -> Tenant {
    let tenant = portal.create_tenant("it", Preset::Invoicing).unwrap();
    let filled = tenant.write_as_system(|tx| {
        let client = tx.create_client(tenant.client("C1"))?;
        for id in ["giver", "holder", "gone", "linked", "off"] {
            let new = NewContact::new(tenant.contact(id), client.clone());
            let contact = tx.create_contact(new.email(format!("{id}@c.example")))?;
            tx.enable(&contact)?;
            tx.set_password(&contact)?;
        }
        let invoice = Document::new(tenant.document("I"), Kind::INVOICE).client(client);
        let invoice = invoice.level(doorward::portal::Level::Own).state(DocumentState::Sent);
        tx.put_document(&invoice.amount(100, "EUR"))
    });
    filled.unwrap();
    tenant
}

fn fresh(tenant: &Tenant, contact: &ContactId) -> Caller {
    let access = tenant.access(contact).unwrap();
    Caller::contact(contact.clone()).session(access.epoch, access.credential_version).password()
}

#[test]
fn each_change_is_told_and_happens_at_its_moment() {
    let (portal, clock) = clocked();
    let tenant = tenant(&portal);
    let days = |count: i64| now().plus_ms(count * 86_400_000);
    let [holder, linked] = ["holder", "linked"].map(|id| tenant.contact(id));
    let invoice = tenant.document("I");
    let given = tenant.write_as_system(|tx| {
        let share = |contact: &ContactId| NewShare::new(contact.clone(), [Action::View]);
        let own = share(&holder).from(days(1)).until(days(3));
        tx.share(tenant.share("own"), &invoice, own)?;
        let by_link = share(&linked).until(days(2)).by_link(tenant.link("shared"));
        tx.share(tenant.share("by link"), &invoice, by_link)?;
        tx.create_personal_link(tenant.link("personal"), &linked, &invoice, Some(days(4)))?;
        tx.create_magic_link(tenant.link("magic"), &linked, days(5))?;
        tx.create_activation_link(tenant.link("activation"), &linked, Some(days(6)))?;
        tx.create_personal_link(tenant.link("late"), &linked, &invoice, Some(days(9)))
    });
    given.unwrap();
    let [shared, own] = ["by link", "own"].map(|id| tenant.share(id));
    let changes = [
        (1, &holder, TimeChange::ShareBegins { share: own.clone(), document: invoice.clone() }),
        (2, &linked, TimeChange::ShareEnds { share: shared, document: invoice.clone() }),
        (3, &holder, TimeChange::ShareEnds { share: own, document: invoice.clone() }),
        (
            4,
            &linked,
            TimeChange::LinkExpires {
                link: tenant.link("personal"),
                document: Some(invoice.clone()),
            },
        ),
        (5, &linked, TimeChange::LinkExpires { link: tenant.link("magic"), document: None }),
        (6, &linked, TimeChange::LinkExpires { link: tenant.link("activation"), document: None }),
    ];
    let told = tenant.expiring(6 * DAY);
    let told: Vec<_> =
        told.iter().map(|it| (it.at, it.contact.clone(), it.change.clone())).collect();
    let expected: Vec<_> = changes
        .iter()
        .map(|(day, contact, change)| (days(*day), (*contact).clone(), change.clone()))
        .collect();
    assert_eq!(told, expected);
    // A millisecond less than the last, and what is later than that.
    assert_eq!(tenant.expiring(6 * DAY - Duration::from_millis(1)).len(), 5);
    assert_eq!(tenant.expiring(Duration::MAX).len(), 7);
    assert_eq!(tenant.expiring(Duration::ZERO), []);
    // Each is so from its moment on, and not before.
    let view = |caller: Caller| tenant.check(&caller, Action::View, &invoice).is_allowed();
    let link = |id: &str| Caller::link(tenant.link(id));
    let may = |day: usize| match day {
        1 | 3 => view(fresh(&tenant, &holder)),
        2 => view(link("shared")),
        4 => view(link("personal")),
        5 => tenant.check(&link("magic"), Action::LogIn, Resource::Portal).is_allowed(),
        _ => tenant.check(&link("activation"), Action::SetPassword, &linked).is_allowed(),
    };
    for day in 1..=6 {
        let moment = days(i64::try_from(day).unwrap()).as_ms();
        let answers = [moment - 1, moment].map(|at| {
            clock.store(at, Ordering::Relaxed);
            may(day)
        });
        assert_eq!(answers, [day != 1, day == 1], "day {day}");
    }
}

#[test]
fn what_is_over_changes_no_more() {
    let (portal, _) = clocked();
    let tenant = tenant(&portal);
    let soon = now().plus_ms(1_000);
    let invoice = tenant.document("I");
    let [giver, holder, gone, linked] =
        ["giver", "holder", "gone", "linked"].map(|id| tenant.contact(id));
    let over = tenant.write_as_system(|tx| {
        let share =
            |contact: &ContactId| NewShare::new(contact.clone(), [Action::View]).until(soon);
        let given = |id: &str| tenant.share(id);
        // Withdrawn, and with it what was made from it; replaced; used up; withdrawn with its link.
        tx.share(given("withdrawn"), &invoice, share(&giver))?;
        tx.share(given("made from"), &invoice, share(&holder).made_from(given("withdrawn")))?;
        tx.revoke_share(&given("withdrawn"))?;
        tx.share(given("replaced"), &invoice, share(&linked))?;
        tx.share(given("used up"), &invoice, share(&linked).uses(1))?;
        tx.use_share(&given("used up"), Action::View)?;
        let by_link = share(&linked).by_link(tenant.link("shared"));
        tx.share(given("by a dead link"), &invoice, by_link)?;
        tx.revoke_link(&tenant.link("shared"))?;
        // Never opens.
        tx.share(given("empty"), &invoice, share(&tenant.contact("off")).from(soon))?;
        // Superseded, used, of an epoch that is over, a deleted contact's.
        let link = |id: &str| tenant.link(id);
        tx.create_activation_link(link("superseded"), &linked, Some(soon))?;
        tx.create_activation_link(link("newer"), &linked, None)?;
        tx.create_magic_link(link("used"), &linked, soon)?;
        tx.use_link(&link("used"))?;
        tx.create_personal_link(link("of the deleted"), &gone, &invoice, Some(soon))?;
        tx.share(given("of the deleted"), &invoice, share(&gone))?;
        tx.delete_contact(&gone)?;
        tx.create_personal_link(link("ended"), &giver, &invoice, Some(soon))?;
        tx.revoke(&giver)
    });
    over.unwrap();
    assert_eq!(tenant.expiring(DAY), []);
    // A share of a contact who is switched off is there for staff who look at it as him, and for him
    // when he comes back.
    let off = tenant.contact("off");
    let given = tenant.write_as_system(|tx| {
        let share = NewShare::new(off.clone(), [Action::View]).until(soon);
        tx.share(tenant.share("of the disabled"), &invoice, share)?;
        tx.revoke(&off)
    });
    given.unwrap();
    let told = tenant.expiring(DAY);
    assert_eq!(told.iter().map(|it| &it.contact).collect::<Vec<_>>(), [&off]);
}

/// The moments that policies compare with the clock are those that `expiring` looks at, and what a
/// request brings along.
#[test]
fn no_moment_of_the_schema_is_left_out() {
    let schema = include_str!("../../../policies/portal.cedarschema");
    let mut moments = Vec::new();
    let mut of = "";
    for line in schema.lines() {
        let mut words =
            line.split([' ', ':', '?', ',', ';', '=', '{', '}']).filter(|w| !w.is_empty());
        match (words.next(), words.next()) {
            (Some("entity" | "type" | "action"), Some(name)) => of = name,
            (Some(name), Some("datetime")) => moments.push((of, name)),
            _ => {}
        }
        if !line.trim_start().starts_with("//") && line.matches("datetime").count() > 1 {
            panic!("one attribute a line: {line}");
        }
    }
    let brought =
        |of: &str| ["ViewAs", "Circumstances", "Delivery", "receive_credential"].contains(&of);
    moments.retain(|(of, _)| !brought(of));
    assert_eq!(moments, [("Link", "expires"), ("Share", "from"), ("Share", "until")]);
}
