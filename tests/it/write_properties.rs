//! What every sequence of writes leaves in order, recomputed from the rows.

mod command;
mod invariants;

use doorward::portal::{
    Document, Level, NewContact, NewStaff, Settings, State, TenantConfig, WRITE_CODES,
};
use doorward::{Caller, Facts, Kind, Portal, Preset, Tenant, Timestamp, WriteError};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::codes::place;
use crate::tape::{Tape, config, tapes};
use command::Command;

const TAPE: usize = 1_200;
const WRITES: usize = 45;
const TENANT: &str = "it";

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn portal() -> Portal {
    Portal::builder().clock(now).build().unwrap()
}

fn restore(facts: &Facts) -> Tenant {
    portal().restore_tenant(TENANT, facts.clone()).unwrap()
}

/// A tenant in which most rules are near their bounds.
fn tenant(tape: &mut Tape) -> Tenant {
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Client);
    config.settings.login_names = Some(tape.chance(50));
    config.settings.shared_emails = Some(!tape.chance(20));
    config.settings.registration = Some(tape.chance(70));
    config.settings.recipients_min = Some(u32::from(tape.chance(50)));
    let booking = config.settings.kinds.entry(Kind::BOOKING).or_default();
    (booking.primaries_max, booking.secondaries_max) = (Some(1), Some(2));
    let contract = config.settings.kinds.entry(Kind::CONTRACT).or_default();
    contract.signatories_only = Some(true);
    contract.all_sign = Some(tape.chance(50));
    let sets = [("lead", ["invoice.view", "invoice.pay"]), ("clerk", ["ticket.view", "file.view"])];
    for (set, held) in sets {
        config.sets.insert(set.to_owned(), held.map(str::to_owned).into());
    }
    let tenant = portal().create_tenant(TENANT, config).unwrap();
    let filled = tenant.write_as_system(|tx| {
        for client in command::CLIENTS.iter().take(3) {
            tx.create_client(tenant.client(*client))?;
        }
        tx.set_client_parent(&tenant.client("C3"), Some(&tenant.client("C1")))?;
        for (id, client) in [("adm", "C1"), ("b", "C1"), ("c", "C1"), ("d", "C2"), ("e", "C3")] {
            let new = NewContact::new(tenant.contact(id), tenant.client(client)).login(id);
            let contact = tx.create_contact(new.email(format!("{id}@p.example")))?;
            if id != "c" {
                tx.enable(&contact)?;
                tx.set_password(&contact)?;
            }
        }
        for client_admin in ["adm", "d"] {
            tx.set_admin(&tenant.contact(client_admin), true)?;
        }
        tx.set_permission_sets(&tenant.contact("adm"), ["contact", "lead"])?;
        tx.grant(&tenant.contact("b"), "document.share")?;
        tx.set_signatory(&tenant.contact("b"), true)?;
        for (id, kind, state) in [
            ("B", Kind::BOOKING, State::Open),
            ("I", Kind::INVOICE, State::Sent),
            ("E", Kind::ESTIMATE, State::Sent),
            ("K", Kind::CONTRACT, State::Draft),
        ] {
            let row = Document::new(tenant.document(id), kind).client(tenant.client("C1"));
            let row = if id == "I" { row.container(tenant.document("B")) } else { row };
            tx.put_document(&row.state(state).amount(100, "EUR"))?;
        }
        let file = Document::new(tenant.document("F"), Kind::FILE).client(tenant.client("C1"));
        tx.put_document(&file.parent(tenant.document("I")))?;
        tx.create_staff(NewStaff::new(tenant.staff("uma")).email("uma@biz.example"))?;
        let one = NewStaff::new(tenant.staff("one")).only_clients([tenant.client("C1")]);
        tx.create_staff(one)?;
        tx.set_client_settings(&tenant.client("C2"), Settings::default())
    });
    filled.unwrap();
    tenant
}

/// Who writes: mostly the system and staff, who are refused least.
fn actor(tape: &mut Tape, tenant: &Tenant) -> Option<Caller> {
    let session = |id: &str| {
        let contact = tenant.contact(id);
        let caller = Caller::contact(contact.clone());
        let Some(access) = tenant.access(&contact) else { return caller };
        caller.session(access.epoch, access.credential_version).password().mfa_at(now())
    };
    match tape.below(12) {
        0..=3 => None,
        4 | 5 => Some(Caller::staff(tenant.staff("uma"))),
        6 => Some(Caller::staff(tenant.staff("one"))),
        7 | 8 => Some(session("adm")),
        9 => Some(session(tape.word(command::CONTACTS))),
        10 => Some(Caller::link(tenant.link(tape.word(command::LINKS)))),
        _ => match tape.below(3) {
            0 => Some(Caller::guest(TENANT)),
            1 => Some(Caller::on_behalf(tenant.staff("uma"), tenant.contact("b"))),
            _ => Some(Caller::view_as(tenant.staff("uma"), tenant.contact("b"), now())),
        },
    }
}

fn write(tenant: &Tenant, actor: Option<&Caller>, commands: &[Command]) -> Result<(), WriteError> {
    let run =
        |tx: &mut doorward::portal::Tx<'_>| commands.iter().try_for_each(|command| command.run(tx));
    match actor {
        Some(actor) => tenant.write(actor, run).map(drop),
        None => tenant.write_as_system(run).map(drop),
    }
}

fn same(one: &Facts, other: &Facts) -> bool {
    one.len() == other.len() && one.iter().eq(other.iter())
}

/// What differs, for whoever reads a failure.
fn difference(one: &Facts, other: &Facts) -> Vec<String> {
    let of = |a: &Facts, b: &Facts| -> Vec<String> {
        a.iter()
            .filter(|row| b.entity(row.uid()).as_ref() != Some(row))
            .map(|r| format!("{r:?}"))
            .collect()
    };
    [of(one, other), of(other, one)].concat()
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn writes_leave_the_rules_kept_or_nothing_changed(mut tape in tapes(TAPE)) {
        let tenant = tenant(&mut tape);
        for turn in 0..WRITES {
            let actor = actor(&mut tape, &tenant);
            let count = 1 + tape.below(3);
            let commands: Vec<Command> = (0..count).map(|_| command::random(&mut tape)).collect();
            let (before, revision) = (tenant.facts(), tenant.world().revision());
            let written = write(&tenant, actor.as_ref(), &commands);
            let after = tenant.facts();
            let shown = format!("{turn}: {commands:?} by {actor:?}");
            match written {
                Ok(()) => {
                    let broken = invariants::broken(&before, &after, actor.as_ref(), &commands);
                    prop_assert!(broken.is_empty(), "{}: {:?}", shown, broken);
                }
                Err(error) => {
                    prop_assert!(same(&before, &after), "{}: {}", shown, error);
                    prop_assert_eq!(tenant.world().revision(), revision, "{}", shown);
                    let code = error.code();
                    let known = match error.decision() {
                        Some(_) => place(code.as_str()).is_some() || code == "NO_PERMIT",
                        None => WRITE_CODES.contains(&code.as_str()),
                    };
                    prop_assert!(known, "{}: {}", shown, error);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(config(3))]

    /// Commands that are accepted one after the other are accepted together, and come to the same,
    /// in either order: so where their order makes no difference one by one, it makes none
    /// together. Two rules look at what a write as a whole has sent or completed, and may refuse it
    /// all the same.
    #[test]
    fn a_batch_is_its_commands(mut tape in tapes(TAPE)) {
        const OF_THE_WHOLE: &[&str] = &["NO_SIGNATORY", "SIGNATURES_MISSING"];
        let tenant = tenant(&mut tape);
        for _ in 0..10 {
            let actor = actor(&mut tape, &tenant);
            let pair = [command::random(&mut tape), command::random(&mut tape)];
            let swapped = [pair[1].clone(), pair[0].clone()];
            let facts = tenant.facts();
            for order in [&pair, &swapped] {
                let single = restore(&facts);
                let alone = order.iter().try_for_each(|command| {
                    write(&single, actor.as_ref(), std::slice::from_ref(command))
                });
                if alone.is_err() {
                    continue;
                }
                let batch = restore(&facts);
                let together = write(&batch, actor.as_ref(), order);
                let shown = format!("{order:?} by {actor:?}");
                if let Err(error) = together {
                    let code = error.code();
                    prop_assert!(OF_THE_WHOLE.contains(&code.as_str()), "{}: {}", shown, error);
                    continue;
                }
                let (single, batch) = (single.facts(), batch.facts());
                prop_assert!(same(&single, &batch), "{}: {:?}", shown, difference(&single, &batch));
            }
            // The state goes on with what was accepted.
            let _written = write(&tenant, actor.as_ref(), &pair);
        }
    }
}

/// The properties must not hold because everything is refused.
#[test]
fn the_writes_are_accepted_and_refused() {
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let (mut accepted, mut refused) = (std::collections::BTreeSet::new(), 0);
    let mut codes = std::collections::BTreeSet::new();
    let mut count = 0;
    for _ in 0..4 {
        let mut tape = tapes(TAPE).new_tree(&mut runner).unwrap().current();
        let tenant = tenant(&mut tape);
        for _ in 0..120 {
            let actor = actor(&mut tape, &tenant);
            let command = command::random(&mut tape);
            match write(&tenant, actor.as_ref(), std::slice::from_ref(&command)) {
                Ok(()) => {
                    count += 1;
                    accepted.insert(command.name());
                }
                Err(error) => {
                    refused += 1;
                    codes.insert(error.code().as_str());
                }
            }
        }
    }
    assert!(count * 4 > refused, "{count} accepted, {refused} refused");
    assert!(accepted.len() >= 30, "{accepted:?}");
    let rules = codes.iter().filter(|code| WRITE_CODES.contains(*code)).count();
    assert!(rules >= 14, "{codes:?}");
}
