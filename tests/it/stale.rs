//! No answer is older than what had returned before it was asked for, and none mixes two revisions.
//!
//! A share of it runs in the suite. For a long run, give the number of checks per test:
//!
//! ```sh
//! DOORWARD_STALE_CHECKS=10000000 cargo test --release --features author --test it stale -- --nocapture
//! ```

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use doorward::{
    Action, Caller, Changes, Digest, Engine, Entity, EntityUid, PolicyBundle, Portal, Request,
    Revision,
};

use crate::threads::{add_contact, add_invoices, session, tenant};

const CHECKERS: usize = 4;
/// So many checks begin after each write before the next, so that each of them is seen, whatever
/// the scheduler does: counted from the start, two writes in a row would hide the first of them.
const CHECKS_PER_WRITE: usize = 32;
/// About how many writes there are at least, however few the checks.
const WRITES_MIN: usize = 40;

/// How many checks were asked for, or `count` of them.
fn check_count(count: usize) -> usize {
    let wanted = std::env::var("DOORWARD_STALE_CHECKS").ok();
    wanted.map_or(count, |wanted| wanted.parse().unwrap())
}

/// Runs `check` so many times, on several threads, while `write` is called again and again on
/// another. `check` is told its number.
fn while_writing(count: usize, mut write: impl FnMut(usize) + Send, check: impl Fn(usize) + Sync) {
    assert!(count >= 2 * WRITES_MIN * CHECKS_PER_WRITE, "too few checks to write beside them");
    let started = Instant::now();
    let [begun, written] = [const { AtomicUsize::new(0) }; 2];
    let writes = thread::scope(|scope| {
        let work = || {
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    break;
                }
                // Checks take so much less than writes that they would be over before these.
                while number > (written.load(Ordering::Relaxed) + 1) * (count / WRITES_MIN) {
                    thread::yield_now();
                }
                check(number);
            }
        };
        let checkers: Vec<_> = (0..CHECKERS).map(|_| scope.spawn(work)).collect();
        let (mut writes, mut next) = (0, 0);
        while checkers.iter().any(|checker| !checker.is_finished()) {
            if begun.load(Ordering::Relaxed) < next {
                thread::yield_now();
                continue;
            }
            write(writes);
            writes += 1;
            next = begun.load(Ordering::Relaxed) + CHECKS_PER_WRITE;
            written.store(writes, Ordering::Relaxed);
        }
        writes
    });
    assert!(writes >= WRITES_MIN - 1, "only {writes} writes");
    println!("{count} checks beside {writes} writes in {:.1?}", started.elapsed());
}

/// A contact is revoked and let in again, round after round, with a new session each time.
#[test]
fn a_revoked_session_is_refused_from_then_on() {
    let tenant = tenant(&Portal::builder().build().unwrap(), "acme");
    add_contact(&tenant, "k", "k@c1.example").unwrap();
    add_invoices(&tenant, 1);
    let (contact, invoice) = (tenant.contact("k"), tenant.document("I0"));
    // Sessions by number; how many of them are being revoked, and how many were.
    let sessions: RwLock<Vec<Caller>> = RwLock::new(vec![session(&tenant, "k")]);
    let [revoking, revoked, allowed, refused] = [const { AtomicUsize::new(0) }; 4];
    let write = |number: usize| {
        if number.is_multiple_of(2) {
            revoking.fetch_add(1, Ordering::SeqCst);
            tenant.write_as_system(|tx| tx.revoke(&contact)).unwrap();
            revoked.fetch_add(1, Ordering::SeqCst);
        } else {
            let again = tenant.write_as_system(|tx| {
                tx.enable(&contact)?;
                tx.reset_credential(&contact)
            });
            again.unwrap();
            sessions.write().unwrap().push(session(&tenant, "k"));
        }
    };
    let count = check_count(4_000);
    while_writing(count, write, |number| {
        // The last session, or the one before it.
        let (session, caller) = {
            let sessions = sessions.read().unwrap();
            let session = (sessions.len() - 1).saturating_sub(number % 2);
            (session, sessions[session].clone())
        };
        let before = revoked.load(Ordering::SeqCst);
        let decision = tenant.check(&caller, Action::View, invoice.clone());
        let after = revoking.load(Ordering::SeqCst);
        if session < before {
            assert!(!decision.is_allowed(), "session {session} of {before} that were revoked");
            refused.fetch_add(1, Ordering::Relaxed);
        } else if session >= after {
            assert!(decision.is_allowed(), "session {session} after {after} revocations");
            allowed.fetch_add(1, Ordering::Relaxed);
        }
    });
    // What came about while it was written says nothing; the most did not.
    let told = [&allowed, &refused].map(|count| count.load(Ordering::Relaxed));
    println!("{} had to be allowed, {} refused", told[0], told[1]);
    assert!(told.iter().all(|told| *told > count / 50), "{told:?}");
}

const SCHEMA: &str = "
    entity Reader = { enabled: Bool };
    entity Book;
    action read appliesTo { principal: Reader, resource: Book };
";

/// The `number`th policies: no two have one digest, and each reads the facts the other way round
/// than the one before.
fn policies(number: usize) -> PolicyBundle {
    let is_turned = number % 2 == 1;
    let policies = format!(
        r#"
        @id("number-{number}") @reason("CLOSED")
        forbid (principal, action, resource) unless {{ principal.enabled != {is_turned} }};
        @id("anyone") permit (principal, action, resource);
        "#
    );
    PolicyBundle::builder().schema("s", SCHEMA).policies("p", policies).build().unwrap()
}

/// Facts and policies change in turn, so that the old of one with the new of the other is wrong.
#[test]
fn a_check_is_decided_by_one_revision_that_was_there_when_it_was_asked() {
    const WRITES_PER_PUBLICATION: usize = 8;
    let readers = ["on", "off"].map(|id| EntityUid::new("Reader", id));
    let facts = |is_turned: bool| {
        let [on, off] = readers.clone();
        Changes::new()
            .put(Entity::new(on).with("enabled", !is_turned))
            .put(Entity::new(off).with("enabled", is_turned))
    };
    let mut bundle = policies(0);
    let engine = Engine::builder(bundle.clone()).build().unwrap();
    let first = engine.apply(&facts(false)).unwrap();
    // By number: the policies of the nth revision from the first on, and whether `on` may read.
    let revisions: RwLock<Vec<(Digest, bool)>> = RwLock::new(vec![(bundle.digest(), true)]);
    let number = |revision: Revision| (revision.number() - first.number()) as usize;
    let published = AtomicUsize::new(0);
    let (mut is_turned, mut publications) = (false, 0);
    let write = |write: usize| {
        let reads = revisions.read().unwrap().last().unwrap().1;
        let revision = if write.is_multiple_of(WRITES_PER_PUBLICATION) {
            publications += 1;
            bundle = policies(publications);
            revisions.write().unwrap().push((bundle.digest(), !reads));
            engine.publish(bundle.clone()).unwrap()
        } else {
            is_turned = !is_turned;
            revisions.write().unwrap().push((bundle.digest(), !reads));
            engine.apply(&facts(is_turned)).unwrap()
        };
        published.store(number(revision), Ordering::SeqCst);
    };
    let ask =
        |reader: &EntityUid| Request::new(reader.clone(), "read", EntityUid::new("Book", "1"));
    let [on, off] = readers.each_ref().map(ask);
    let both = [on.clone(), off.clone()];
    while_writing(check_count(40_000), write, |asked| {
        let before = published.load(Ordering::SeqCst);
        let decisions = match asked % 4 {
            0 => engine.check_many(&both),
            _ => vec![engine.check(&on)],
        };
        // What is being written has its place already, and may have been seen.
        let revisions = revisions.read().unwrap();
        let revision = number(decisions[0].revision());
        assert!((before..revisions.len()).contains(&revision), "{revision} after {before}");
        let (digest, reads) = revisions[revision];
        assert_eq!((decisions[0].bundle(), decisions[0].is_allowed()), (digest, reads));
        if let [on, off] = decisions[..] {
            assert_eq!((off.bundle(), off.revision()), (on.bundle(), on.revision()));
            assert_eq!(off.is_allowed(), !on.is_allowed());
        }
        for refused in decisions.iter().filter(|decision| !decision.is_allowed()) {
            assert_eq!(refused.code().unwrap(), "CLOSED");
        }
    });
}
