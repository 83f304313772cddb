//! What holds while many threads ask, write and publish at once.
//!
//! Nothing here waits for time to pass: threads go on until those that they watch have ended.
//! `tests/model` looks at the protocol below in every order of its steps.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use doorward::portal::{
    Document, Level, NewContact, NewShare, Relation, Role, State, TenantConfig, shipped_sources,
};
use doorward::{
    Action, Caller, Changes, Engine, Entity, EntityUid, Kind, PolicyBundle, Portal, Preset, Record,
    Tenant, WriteError,
};

const THREADS: usize = 8;
const ROUNDS: usize = 16;

#[test]
fn one_thread_of_many_gets_an_id() {
    let tenant = tenant(&Portal::builder().build().unwrap(), "acme");
    for round in 0..ROUNDS {
        let won = race(|thread| {
            add_contact(&tenant, &format!("k{round}"), &format!("{round}.{thread}@c1.example"))
        });
        one_wins(won, "DUPLICATE_ID");
    }
    assert_eq!(tenant.facts().uids_of_type("Contact").count(), ROUNDS);
}

#[test]
fn one_thread_of_many_gets_an_email() {
    let tenant = tenant(&Portal::builder().build().unwrap(), "acme");
    for round in 0..ROUNDS {
        let won = race(|thread| {
            add_contact(&tenant, &format!("k{round}.{thread}"), &format!("{round}@c1.example"))
        });
        one_wins(won, "DUPLICATE_EMAIL");
    }
    assert_eq!(tenant.facts().uids_of_type("Contact").count(), ROUNDS);
}

/// Limits of relations, under races, for whoever adds.
#[test]
fn as_many_threads_get_a_place_as_there_are_places() {
    let portal = Portal::builder().build().unwrap();
    let tenant = portal.create_tenant("hall", Preset::Bookings).unwrap();
    tenant.write_as_system(|tx| tx.create_client(tenant.client("C1"))).unwrap();
    for thread in 0..THREADS {
        add_contact(&tenant, &format!("k{thread}"), &format!("{thread}@c1.example")).unwrap();
    }
    for (role, places, code) in
        [(Role::Primary, 2, "LIMIT_PRIMARY"), (Role::Secondary, 3, "LIMIT_SECONDARY")]
    {
        for round in 0..ROUNDS {
            let booking = tenant.document(format!("B{role}{round}"));
            let row = Document::new(booking.clone(), Kind::BOOKING).client(tenant.client("C1"));
            tenant.write_as_system(|tx| tx.put_document(&row)).unwrap();
            let results = race(|thread| {
                let contact = tenant.contact(format!("k{thread}"));
                let relation = Relation::new(role);
                let related = tenant.write_as_system(|tx| tx.relate(&booking, &contact, relation));
                related.map(drop)
            });
            let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (places, THREADS - places));
            assert!(lost.into_iter().all(|lost| lost.unwrap_err().code() == code));
            let access = EntityUid::new("Access", booking.id());
            let involved = tenant.facts().entity(&access).unwrap().attribute("involved").cloned();
            assert_eq!(involved.unwrap().as_set().unwrap().len(), places);
        }
    }
}

/// A share is used as often as it may be, whoever comes first.
#[test]
fn as_many_threads_use_a_share_as_it_has_uses() {
    let tenant = tenant(&Portal::builder().build().unwrap(), "acme");
    add_contact(&tenant, "k", "k@c1.example").unwrap();
    add_invoices(&tenant, 1);
    let caller = session(&tenant, "k");
    for round in 0..ROUNDS {
        let uses = round % THREADS;
        let share = tenant.share(format!("S{round}"));
        let new = NewShare::new(tenant.contact("k"), [Action::View]);
        let new = new.uses(u32::try_from(uses).unwrap());
        tenant.write_as_system(|tx| tx.share(share.clone(), tenant.document("I0"), new)).unwrap();
        let used = race(|_| tenant.write(&caller, |tx| tx.use_share(&share, Action::View)).is_ok());
        assert_eq!(used.into_iter().filter(|used| *used).count(), uses);
    }
}

#[test]
fn no_check_that_starts_after_a_revocation_returned_allows() {
    let tenant = tenant(&Portal::builder().build().unwrap(), "acme");
    let contacts: Vec<String> = (0..ROUNDS).map(|round| format!("k{round}")).collect();
    for id in &contacts {
        add_contact(&tenant, id, &format!("{id}@c1.example")).unwrap();
    }
    add_invoices(&tenant, 1);
    let callers: Vec<Caller> = contacts.iter().map(|id| session(&tenant, id)).collect();
    let view = |caller| tenant.check(caller, Action::View, tenant.document("I0"));
    assert!(callers.iter().all(|caller| view(caller).is_allowed()));

    let revoked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for id in &contacts {
                tenant.write_as_system(|tx| tx.revoke(&tenant.contact(id.as_str()))).unwrap();
                revoked.fetch_add(1, Ordering::SeqCst);
            }
        });
        until_ended(&writer, || {
            let known = revoked.load(Ordering::SeqCst);
            // The last of them is the one that a stale world would let through.
            for caller in callers[..known].iter().rev().take(2) {
                assert_eq!(view(caller).to_string(), "deny ACCESS_DISABLED");
            }
        });
    });
}

/// One version hides the cheap half, the other the dear half: a list that two of them decided holds
/// a row of each, or too few.
#[test]
fn ad70_all_rows_of_a_list_are_decided_by_one_version() {
    const INVOICES: usize = 8;
    let versions = [hiding("<= 4"), hiding("> 4")];
    let shown = [5..=8, 1..=4].map(|amounts| amounts.map(|a| format!("I{}", a - 1)));
    let shown = shown.map(BTreeSet::from_iter);

    let portal = Portal::builder().policies(versions[0].clone()).build().unwrap();
    let tenants = ["acme", "bold"].map(|id| tenant(&portal, id));
    for tenant in &tenants {
        add_contact(tenant, "k", "k@c1.example").unwrap();
        add_invoices(tenant, INVOICES);
    }
    let listed = |tenant: &Tenant| -> BTreeSet<String> {
        let found = tenant.list(&session(tenant, "k"), Action::View, &Kind::INVOICE);
        found.iter().map(|document| document.id().to_owned()).collect()
    };
    // Versions take turns: the one that is numbered n is the (n % 2)th.
    let (begun, published) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            for number in 1..=ROUNDS {
                begun.store(number, Ordering::SeqCst);
                portal.publish(versions[number % 2].clone()).unwrap();
                published.store(number, Ordering::SeqCst);
            }
        });
        until_ended(&publisher, || {
            for tenant in &tenants {
                let first = published.load(Ordering::SeqCst);
                let list = listed(tenant);
                let last = begun.load(Ordering::SeqCst);
                let by = (first..=last).find(|number| list == shown[number % 2]);
                assert!(by.is_some(), "{list:?} between {first} and {last}");
            }
        });
    });
    for tenant in &tenants {
        assert_eq!(listed(tenant), shown[ROUNDS % 2]);
    }
}

#[test]
fn publishing_loses_no_write_and_misses_no_tenant() {
    let versions = [hiding("<= 4"), hiding("> 4")];
    let portal = Portal::builder().policies(versions[0].clone()).build().unwrap();
    let tenants = ["acme", "bold"].map(|id| tenant(&portal, id));
    thread::scope(|scope| {
        for tenant in &tenants {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    add_contact(tenant, &format!("k{round}"), &format!("{round}@c1.example"))
                        .unwrap();
                }
            });
        }
        scope.spawn(|| {
            for round in 0..ROUNDS {
                portal.create_tenant(format!("t{round}"), Preset::Accounting).unwrap();
            }
        });
        for version in &versions {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    portal.publish(version.clone()).unwrap();
                }
            });
        }
    });
    let last = portal.policies().digest();
    assert!(versions.iter().any(|version| version.digest() == last));
    for tenant in &tenants {
        assert_eq!(tenant.facts().uids_of_type("Contact").count(), ROUNDS);
    }
    let added = (0..ROUNDS).map(|round| portal.tenant(&format!("t{round}")).unwrap());
    for tenant in added.chain(tenants.clone()) {
        assert_eq!(tenant.world().policies().digest(), last, "{}", tenant.id());
    }
}

/// What an actor was permitted by the old policies is not written under the new.
#[test]
fn policies_wait_for_a_write_that_is_under_way() {
    const QUESTIONS: usize = 200;
    let portal = Portal::builder().build().unwrap();
    let tenant = tenant(&portal, "acme");
    add_contact(&tenant, "k", "k@c1.example").unwrap();
    add_invoices(&tenant, 1);
    let caller = session(&tenant, "k");
    let before = portal.policies().digest();
    let (version, inside) = (hiding("> 0"), Barrier::new(2));
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            inside.wait();
            portal.publish(version.clone()).unwrap();
        });
        let ask = || tenant.check(&caller, Action::View, tenant.document("I0"));
        let written = tenant.write_as_system(|tx| {
            inside.wait();
            // Far more of them than a publication takes that does not wait.
            let mut decisions = (0..QUESTIONS).map(|_| ask());
            assert!(decisions.all(|decision| decision.bundle() == before));
            tx.create_client(tenant.client("C2"))
        });
        written.unwrap();
        publisher.join().unwrap();
        assert_eq!(ask().bundle(), version.digest());
    });
}

#[test]
fn writes_nested_in_opposite_order_do_not_wait_for_each_other() {
    let portal = Portal::builder().build().unwrap();
    let [acme, bold] = ["acme", "bold"].map(|id| tenant(&portal, id));
    let both_inside = Barrier::new(2);
    let nested = |outer: &Tenant, inner: &Tenant| {
        let written = outer.write_as_system(|tx| {
            both_inside.wait();
            let refused = add_contact(inner, "k", "k@c1.example").unwrap_err();
            tx.create_client(outer.client("C2"))?;
            Ok(refused.to_string())
        });
        assert!(written.unwrap().value.starts_with("a write is under way on this thread"));
    };
    thread::scope(|scope| {
        scope.spawn(|| nested(&acme, &bold));
        scope.spawn(|| nested(&bold, &acme));
    });
}

/// Runs the watch on several threads, again and again while another thread works, and once more
/// when that one has ended.
fn until_ended(worker: &ScopedJoinHandle<'_, ()>, watch: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS / 2 {
            scope.spawn(|| {
                loop {
                    let ended = worker.is_finished();
                    watch();
                    if ended {
                        break;
                    }
                }
            });
        }
    });
}

/// Runs the same work on many threads that start together.
fn race<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, work) = (&Barrier::new(THREADS), &work);
    thread::scope(|scope| {
        let run = |number| {
            scope.spawn(move || {
                start.wait();
                work(number)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn one_wins(results: Vec<Result<(), WriteError>>, code: &str) {
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, THREADS - 1));
    for lost in lost {
        assert_eq!(lost.unwrap_err().code(), code);
    }
}

/// A tenant whose documents all contacts of a client see, with one client.
pub(crate) fn tenant(portal: &Portal, id: &str) -> Tenant {
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Client);
    let tenant = portal.create_tenant(id, config).unwrap();
    tenant.write_as_system(|tx| tx.create_client(tenant.client("C1"))).unwrap();
    tenant
}

pub(crate) fn add_contact(tenant: &Tenant, id: &str, email: &str) -> Result<(), WriteError> {
    let new = NewContact::new(tenant.contact(id), tenant.client("C1")).email(email);
    let written = tenant.write_as_system(|tx| {
        let contact = tx.create_contact(new)?;
        tx.enable(&contact)?;
        tx.reset_credential(&contact)
    });
    written.map(drop)
}

/// Invoices I0, I1… of 1, 2… cents.
pub(crate) fn add_invoices(tenant: &Tenant, count: usize) {
    let add = |index: usize| {
        Document::new(tenant.document(format!("I{index}")), Kind::INVOICE)
            .client(tenant.client("C1"))
            .state(State::Sent)
            .amount(i64::try_from(index + 1).unwrap(), "EUR")
    };
    tenant
        .write_as_system(|tx| (0..count).map(add).try_for_each(|invoice| tx.put_document(&invoice)))
        .unwrap();
}

pub(crate) fn session(tenant: &Tenant, contact: &str) -> Caller {
    let contact = tenant.contact(contact);
    let access = tenant.access(&contact).unwrap();
    Caller::contact(contact).session(access.epoch, access.credential_version).password()
}

/// The shipped policies, and one that hides documents of some amounts.
fn hiding(amounts: &str) -> PolicyBundle {
    let policy = format!(
        r#"
        @id("hidden-for-now") @step("07") @rank("9") @reason("HIDDEN") @message("Not now.")
        forbid (principal is Contact, action == Action::"view", resource is Document)
        when {{ resource has amount && resource.amount {amounts} }};
        "#
    );
    shipped_sources().policies("own.cedar", policy).build().unwrap()
}

/// Policies that nobody asked yet, so that nothing is known of them: a contact views documents of its
/// own client whose number is less than its own, unless both have one of so many bits.
fn new_policies(bits: u32) -> PolicyBundle {
    let bits_of =
        |name: &str| (0..bits).map(|bit| format!("{name}{bit}: Bool, ")).collect::<String>();
    let schema = format!(
        "entity Client;
        entity Contact = {{ {}client: Client, number: Long }};
        entity Document = {{ {}client: Client, number: Long }};
        action view appliesTo {{ principal: Contact, resource: Document }};",
        bits_of("is"),
        bits_of("not")
    );
    let kept_out = (0..bits).map(|bit| {
        let both = format!("principal.is{bit} && resource.not{bit}");
        format!("forbid (principal, action, resource) when {{ {both} }};")
    });
    let others = r#"
        forbid (principal, action, resource) unless { principal.client == resource.client };
        permit (principal, action, resource) when { resource.number < principal.number };"#;
    let policies: String = kept_out.chain([others.to_owned()]).collect();
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    bundle.build().unwrap()
}

/// A contact or a document.
#[derive(Clone, Copy)]
struct Numbered {
    id: u32,
    bits: u32,
    client: u32,
    number: u32,
}

impl Numbered {
    fn row(self, type_name: &str, bit_name: &str, bits: u32) -> Entity {
        let row = Entity::new(EntityUid::new(type_name, self.id.to_string()))
            .with("client", EntityUid::new("Client", self.client.to_string()))
            .with("number", i64::from(self.number));
        (0..bits)
            .fold(row, |row, bit| row.with(format!("{bit_name}{bit}"), self.bits >> bit & 1 == 1))
    }

    fn may_view(self, document: Self) -> bool {
        self.bits & document.bits == 0
            && self.client == document.client
            && document.number < self.number
    }
}

/// All threads ask each contact about each document so often, each in an order of its own.
fn ask_all(engine: &Engine, contacts: &[Numbered], documents: &[Numbered], times: usize) {
    let view = engine.environment("Contact", "view", "Document").unwrap();
    let context = engine.context(&view, Record::new()).unwrap();
    let pairs: Vec<(&Numbered, &Numbered)> =
        contacts.iter().flat_map(|who| documents.iter().map(move |what| (who, what))).collect();
    race(|thread| {
        for turn in 0..pairs.len() * times {
            let (who, what) = pairs[turn * (2 * thread + 1) % pairs.len()];
            let (contact, document) = (who.id.to_string(), what.id.to_string());
            let decision = match turn % 3 {
                0 => {
                    let checker = engine.checker(&view, &*contact, &context).unwrap();
                    checker.check(&view, &*document)
                }
                _ => engine.check_in(&view, &*contact, &*document, &context),
            };
            assert_eq!(decision.is_allowed(), who.may_view(*what), "{contact} about {document}");
        }
    });
}

fn engine(bits: u32, contacts: &[Numbered], documents: &[Numbered]) -> Engine {
    let engine = Engine::builder(new_policies(bits)).build().unwrap();
    let contacts = contacts.iter().map(|row| row.row("Contact", "is", bits));
    let rows = contacts.chain(documents.iter().map(|row| row.row("Document", "not", bits)));
    engine.apply(&rows.fold(Changes::new(), Changes::put)).unwrap();
    engine
}

/// More classes than the tables of a machine have room for at first.
#[test]
fn tables_that_are_outgrown_while_threads_ask_lead_where_they_led() {
    const BITS: u32 = 7;
    let rows: Vec<Numbered> =
        (0..1 << BITS).map(|id| Numbered { id, bits: id, client: id % 3, number: id }).collect();
    for _ in 0..2 {
        ask_all(&engine(BITS, &rows, &rows), &rows, &rows, 2);
    }
}

/// Who asks for the first time may meet others who put a comparison in the way, or learn from them.
#[test]
fn threads_that_ask_for_the_first_time_learn_nothing_wrong_of_each_other() {
    let of = |number: u32| move |id| Numbered { id, bits: 0, client: id % 2, number };
    let (contacts, documents): (Vec<_>, Vec<_>) =
        ((0..4).map(of(2)).collect(), (0..4).map(of(1)).collect());
    for _ in 0..ROUNDS * 16 {
        ask_all(&engine(0, &contacts, &documents), &contacts, &documents, 8);
    }
}
