use std::panic;
use std::sync::Mutex as Unscheduled;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, FailurePersistence, Runner};

use crate::protocol::{
    CountsTooLate, LoadsTooEarly, Pinning, Protocol, StoresTooLate, SwapsInHalves, World,
};
use crate::publication::Publication;
use crate::sync::Arc;

/// A few threads and what must hold of them.
type Check = fn();

const SEED: u64 = 0x00D0_0A4D;
const SCHEDULES: usize = 5_000;
/// How often the order of priority changes within one of PCT's schedules.
const PCT_DEPTH: usize = 4;

#[test]
fn readers_never_go_back() {
    holds(never_back::<Publication<World>, 1>, &SEARCHES);
    // Exhaustively, this is millions of schedules, and minutes.
    holds(never_back::<Publication<World>, 2>, &SAMPLES);
}

#[test]
fn a_check_that_starts_after_a_write_returned_sees_it() {
    holds(seen::<Publication<World>>, &SEARCHES);
}

#[test]
fn who_pins_a_world_sees_what_was_published_since() {
    holds(pinned::<Pinning>, &SEARCHES);
    holds(never_back::<Pinning, 1>, &SAMPLES);
    holds(mixed, &SEARCHES);
}

#[test]
fn policies_and_facts_are_never_mixed_and_no_update_is_lost() {
    holds(unmixed::<Publication<World>>, &SEARCHES);
}

#[test]
fn limits_hold_under_races() {
    holds(limited::<Publication<World>>, &SEARCHES);
}

/// A check that cannot fail says nothing. Where there are most steps, only samples are searched: a
/// search in order of all schedules comes late to the wrong ones.
#[test]
fn wrong_protocols_are_caught() {
    let wrong: [(Check, &str, &[Search]); 7] = [
        (never_back::<LoadsTooEarly, 2>, "went back", &SAMPLES),
        (seen::<LoadsTooEarly>, "not seen", &SEARCHES),
        (seen::<StoresTooLate>, "not seen", &SAMPLES),
        (pinned::<CountsTooLate>, "not seen", &SEARCHES),
        (unmixed::<LoadsTooEarly>, "lost", &SEARCHES),
        (unmixed::<SwapsInHalves>, "is no world", &SEARCHES),
        (limited::<LoadsTooEarly>, "too many", &SEARCHES),
    ];
    for (check, says, searches) in wrong {
        for search in searches {
            let failure = failure(check, search).expect(says);
            assert!(failure.contains(says), "{failure}");
        }
    }
}

/// Two writers, one of whom writes so many times, and a reader who loads twice.
fn never_back<P: Protocol, const TIMES: u32>() {
    let worlds = Arc::new(P::new());
    let writers = [write_facts(&worlds, TIMES), write_policies(&worlds)];
    let first = worlds.load();
    let second = worlds.load();
    assert!(first.revision <= second.revision, "{second:?} went back from {first:?}");
    join(writers);
}

/// A writer who says that his write returned, another who writes something else, and a reader who
/// was told.
fn seen<P: Protocol>() {
    let worlds = Arc::new(P::new());
    let (returned, tell) = write_and_tell(&worlds);
    let other = write_policies(&worlds);
    if returned.load(Ordering::SeqCst) {
        let world = worlds.load();
        assert!(world.facts == 1, "not seen in {world:?}");
    }
    join([tell, other]);
}

/// A writer who says that his write returned, and a reader who loaded before he was told.
fn pinned<P: Protocol>() {
    let worlds = Arc::new(P::new());
    let (returned, tell) = write_and_tell(&worlds);
    worlds.load();
    if returned.load(Ordering::SeqCst) {
        let world = worlds.load();
        assert!(world.facts == 1, "not seen in {world:?}");
    }
    join([tell]);
}

/// A writer, and a reader who pins, loads anew, and asks what he pinned.
fn mixed() {
    let worlds: Arc<Pinning> = Arc::new(Protocol::new());
    let writer = write_facts(&worlds, 1);
    let seen = [worlds.load(), worlds.load_anew(), worlds.load()].map(|world| world.revision);
    assert!(seen.is_sorted(), "went back: {seen:?}");
    join([writer]);
}

/// One writer of policies, one of facts, and a reader: whatever he loads, a writer published, and
/// in the end both writes are there.
fn unmixed<P: Protocol>() {
    let worlds = Arc::new(P::new());
    // Unscheduled: noting down is no step of the protocol.
    let published = Arc::new(Unscheduled::new(vec![World::default()]));
    let writer = |next: fn(World) -> World| {
        let (worlds, published) = (Arc::clone(&worlds), Arc::clone(&published));
        thread::spawn(move || {
            worlds.write(|latest| {
                published.lock().unwrap().push(next(latest));
                Some(next(latest))
            });
        })
    };
    let writers = [writer(|latest| latest.with_policies(1)), writer(|latest| latest.with_facts(1))];
    let loaded = worlds.load();
    join(writers);
    assert!(published.lock().unwrap().contains(&loaded), "{loaded:?} is no world");
    let last = worlds.load();
    assert!(last == World { policies: 1, facts: 1, revision: 2 }, "lost an update: {last:?}");
}

/// Two writers who each count one up, where one is the limit.
fn limited<P: Protocol>() {
    const MAX: u32 = 1;
    let worlds = Arc::new(P::new());
    let accepted = Arc::new(Unscheduled::new(0));
    let writers = [(); 2].map(|()| {
        let (worlds, accepted) = (Arc::clone(&worlds), Arc::clone(&accepted));
        thread::spawn(move || {
            worlds.write(|latest| {
                let next = (latest.facts < MAX).then(|| latest.with_facts(latest.facts + 1))?;
                *accepted.lock().unwrap() += 1;
                Some(next)
            });
        })
    });
    join(writers);
    let accepted = *accepted.lock().unwrap();
    assert!(accepted <= MAX, "too many: {accepted}");
    assert_eq!((accepted, worlds.load().facts), (MAX, MAX));
}

/// Writes, and then says that the write returned.
fn write_and_tell<P: Protocol>(worlds: &Arc<P>) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let returned = Arc::new(AtomicBool::new(false));
    let (worlds, tell) = (Arc::clone(worlds), Arc::clone(&returned));
    let writer = thread::spawn(move || {
        worlds.write(|latest| Some(latest.with_facts(1)));
        tell.store(true, Ordering::SeqCst);
    });
    (returned, writer)
}

fn write_facts<P: Protocol>(worlds: &Arc<P>, times: u32) -> JoinHandle<()> {
    let worlds = Arc::clone(worlds);
    thread::spawn(move || {
        for _ in 0..times {
            worlds.write(|latest| Some(latest.with_facts(latest.facts + 1)));
        }
    })
}

fn write_policies<P: Protocol>(worlds: &Arc<P>) -> JoinHandle<()> {
    let worlds = Arc::clone(worlds);
    thread::spawn(move || worlds.write(|latest| Some(latest.with_policies(1))))
}

fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A way to search the schedules of a check for one that fails: it says how many it ran.
type Search = fn(Check, Config) -> usize;

const SEARCHES: [Search; 3] = [at_random, by_priority, exhaustively];
const SAMPLES: [Search; 2] = [at_random, by_priority];

fn at_random(check: Check, config: Config) -> usize {
    Runner::new(RandomScheduler::new_from_seed(SEED, SCHEDULES), config).run(check)
}

fn by_priority(check: Check, config: Config) -> usize {
    Runner::new(PctScheduler::new_from_seed(SEED, PCT_DEPTH, SCHEDULES), config).run(check)
}

/// Runs every schedule there is.
fn exhaustively(check: Check, config: Config) -> usize {
    Runner::new(DfsScheduler::new(None, false), config).run(check)
}

fn holds(check: Check, searches: &[Search]) {
    let schedules = searches.iter().map(|search| search(check, Config::new()));
    println!("schedules: {:?}", schedules.collect::<Vec<_>>());
}

/// What the first schedule that fails says.
fn failure(check: Check, search: &Search) -> Option<String> {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let panic = panic::catch_unwind(|| search(check, config)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}
