//! Many cases on several threads, and what came of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::choices::next;
use crate::compare::{Difference, Tally, compare};
use crate::coverage::{self, Counts};
use crate::{Case, Choices};

/// Worlds that policies are tried on: reading and validating policies costs as much as many of
/// them.
pub const WORLDS: usize = 24;
/// Cedar's parser and validator recurse, and unoptimised builds need most of this.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Pairs of policies and facts, at least.
    pub pairs: u64,
    /// The same cases for the same seed.
    pub seed: u64,
    /// At once.
    pub threads: usize,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What was compared.
    pub tally: Tally,
    /// Pairs that are like no other.
    pub distinct: u64,
    /// What the interpreter did, if it counts.
    pub coverage: Counts,
    /// The case and how it differs, if one does.
    pub failure: Option<(u64, Difference)>,
}

/// The case of a number.
#[must_use]
pub fn case(seed: u64, number: u64) -> Case {
    let mut state = seed;
    let mut state = next(&mut state) ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    Case::generate(&mut Choices::from_seed(next(&mut state)), WORLDS)
}

/// Runs until there are enough distinct pairs, or a difference; `progress` is called now and then.
pub fn run(plan: Plan, progress: impl Fn(&Tally, u64) + Sync) -> Report {
    let shared = Mutex::new((Report::default(), HashSet::new()));
    let (number, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        while !done.load(Ordering::Relaxed) {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let case = case(plan.seed, number);
            let mut tally = Tally::default();
            let compared = compare_caught(&case, &mut tally);
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let (report, seen) = &mut *shared;
            report.tally.add(&tally);
            coverage::add(&mut report.coverage, coverage::take());
            let new = hashes(&case).filter(|hash| seen.insert(*hash)).count();
            report.distinct += u64::try_from(new).unwrap_or(0);
            if let Err(difference) = compared {
                report.failure.get_or_insert((number, difference));
            }
            if report.failure.is_some() || report.distinct >= plan.pairs {
                done.store(true, Ordering::Relaxed);
            }
            progress(&report.tally, report.distinct);
        }
    };
    thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner).0
}

/// Compares; a panic is a difference too.
///
/// # Errors
///
/// The first difference.
pub fn compare_caught(case: &Case, tally: &mut Tally) -> Result<(), Difference> {
    catch_unwind(AssertUnwindSafe(|| compare(case, tally))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Difference {
            what: "whether it panics",
            place: None,
            expected: "no panic".to_owned(),
            found: text.unwrap_or_default(),
        })
    })
}

/// The case with what does not matter to its difference left out, and that difference.
#[must_use]
pub fn shrink(case: &Case, difference: Difference) -> (Case, Difference) {
    let (mut case, mut difference) = (case.clone(), difference);
    let try_it = |smaller: Case, case: &mut Case, difference: &mut Difference| {
        let Err(still) = compare_caught(&smaller, &mut Tally::default()) else { return false };
        if still.what != difference.what {
            return false;
        }
        (*case, *difference) = (smaller, still);
        true
    };
    if let Some((world, query)) = difference.place {
        let mut smaller = case.clone();
        smaller.worlds = vec![case.worlds[world].clone()];
        smaller.worlds[0].queries = vec![case.worlds[world].queries[query].clone()];
        try_it(smaller, &mut case, &mut difference);
    }
    let mut shrunk = true;
    while shrunk {
        shrunk = false;
        for part in [Part::Policies, Part::Links, Part::Worlds, Part::Stored, Part::Inline] {
            for place in (0..part.count(&case)).rev() {
                let mut smaller = case.clone();
                part.remove(&mut smaller, place);
                shrunk |= try_it(smaller, &mut case, &mut difference);
            }
        }
    }
    (case, difference)
}

#[derive(Clone, Copy)]
enum Part {
    Policies,
    Links,
    Worlds,
    Stored,
    Inline,
}

impl Part {
    fn count(self, case: &Case) -> usize {
        let first = case.worlds.first();
        match self {
            Self::Policies => case.policies.len(),
            Self::Links => case.links.len(),
            // Rows are left out once there is one world.
            Self::Worlds if case.worlds.len() > 1 => case.worlds.len(),
            Self::Worlds => 0,
            Self::Stored => first.map_or(0, |world| world.stored.len()),
            Self::Inline => first.map_or(0, |world| world.inline.len()),
        }
    }

    fn remove(self, case: &mut Case, place: usize) {
        match self {
            Self::Policies => {
                let gone = case.policies.remove(place);
                case.links.retain(|link| link.template != gone.id);
            }
            Self::Links => drop(case.links.remove(place)),
            Self::Worlds => drop(case.worlds.remove(place)),
            Self::Stored => drop(case.worlds[0].stored.remove(place)),
            Self::Inline => drop(case.worlds[0].inline.remove(place)),
        }
    }
}

/// A hash for each pair of policies and a world.
fn hashes(case: &Case) -> impl Iterator<Item = u64> {
    let mut policies = DefaultHasher::new();
    case.schema.hash(&mut policies);
    for policy in &case.policies {
        policy.text.hash(&mut policies);
    }
    for link in &case.links {
        (&link.id, &link.principal, &link.resource).hash(&mut policies);
    }
    case.worlds.iter().map(move |world| {
        let mut hasher = policies.clone();
        (&world.stored, &world.inline).hash(&mut hasher);
        hasher.finish()
    })
}
