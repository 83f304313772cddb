//! What a decision costs, and what it costs to get ready for the first.
//!
//! | group/case                | what                                       | size                                         |
//! |---------------------------|--------------------------------------------|----------------------------------------------|
//! | `check/workload-26`       | one decision, hot                          | 26 policies, 100 clients, 5,000 documents    |
//! | `check/workload-26-large` | one decision, hot                          | 26 policies, 1,000 clients, 50,000 documents |
//! | `portal/check`            | one decision of a tenant, shipped policies | 100 clients, 500 contacts, 2,000 documents   |
//! | `load/workload-26`        | from texts to the first decision, cold     | 26 policies, 100 clients, 5,000 documents    |
//!
//! *doorward* is `Engine::check` on stored facts. *cedar-policy* is `Authorizer::is_authorized` over
//! the entities of the same JSON, all in memory; *cedar-policy-slice* is the same over just the
//! entities that the request needs. Finding those entities and checking the request against the
//! schema is done ahead for Cedar, and is part of what doorward is timed for: the ratio is against
//! us, not for us. Beyond yes or no, doorward's answer also names the reason of a refusal.
//!
//! Requests take turns, one an iteration, and each iteration asserts its answer: that of the
//! generator's own oracle, or one the case is built to have. Everything is seeded, so that two runs
//! decide the same. `make bench` prints medians and ratios of one run.

mod tenant;
mod workload;

use std::error::Error;

use cedar_policy::Entities;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

use workload::Workload;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    check_workload(&mut criterion, "workload-26", 100)?;
    check_workload(&mut criterion, "workload-26-large", 1_000)?;
    check_portal(&mut criterion)?;
    load_workload(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn check_workload(
    criterion: &mut Criterion,
    case: &str,
    client_count: u32,
) -> Result<(), Box<dyn Error>> {
    let workload = Workload::read(client_count)?;
    let expected = || workload.expected.iter().copied();
    let mut group = criterion.benchmark_group(format!("check/{case}"));

    let engine = workload.engine()?;
    let requests = workload.requests.iter().map(|asked| asked.for_doorward());
    let turns: Vec<_> = requests.zip(expected()).collect();
    decide(&mut group, "doorward", &turns, |request| engine.check(request).is_allowed());
    drop(engine);

    let cedar = workload.cedar()?;
    let requests: Vec<_> =
        workload.requests.iter().map(|asked| cedar.request(asked)).collect::<Result<_, _>>()?;
    let turns: Vec<_> = requests.iter().zip(expected()).collect();
    decide(&mut group, "cedar-policy", &turns, |request| cedar.allows(request, &cedar.entities));

    let slices: Vec<Entities> =
        requests.iter().map(|request| cedar.slice(request)).collect::<Result<_, _>>()?;
    let turns: Vec<_> = requests.iter().zip(&slices).zip(expected()).collect();
    decide(&mut group, "cedar-policy-slice", &turns, |(request, slice)| {
        cedar.allows(request, slice)
    });
    group.finish();
    Ok(())
}

fn check_portal(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let tenant = tenant::accountancy()?;
    let turns: Vec<_> = tenant::questions(&tenant)
        .into_iter()
        .map(|asked| (asked.clone(), asked.allowed))
        .collect();
    let mut group = criterion.benchmark_group("portal/check");
    decide(&mut group, "doorward", &turns, |asked| {
        tenant.check(&asked.caller, asked.action, &asked.document).is_allowed()
    });
    group.finish();
    Ok(())
}

/// Times one decision an iteration, the requests taking turns.
fn decide<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    engine: &str,
    turns: &[(T, bool)],
    allows: impl Fn(&T) -> bool,
) {
    group.bench_function(engine, |bencher| {
        let mut turns = turns.iter().cycle();
        bencher.iter(|| {
            if let Some((request, expected)) = turns.next() {
                assert_eq!(allows(request), *expected);
            }
        });
    });
}

fn load_workload(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let workload = Workload::read(100)?;
    let (Some(first), Some(expected)) = (workload.requests.first(), workload.expected.first())
    else {
        return Err("the workload has no requests".into());
    };
    let mut group = criterion.benchmark_group("load/workload-26");
    group.sample_size(10);
    group.bench_function("doorward", |bencher| {
        bencher.iter_with_large_drop(|| {
            let engine = workload.engine().ok();
            let answer = engine.as_ref().map(|it| it.check(&first.for_doorward()).is_allowed());
            assert_eq!(answer, Some(*expected));
            engine
        });
    });
    group.bench_function("cedar-policy", |bencher| {
        bencher.iter_with_large_drop(|| {
            let cedar = workload.cedar().ok();
            let answer = cedar.as_ref().and_then(|cedar| {
                let request = cedar.request(first).ok()?;
                Some(cedar.allows(&request, &cedar.entities))
            });
            assert_eq!(answer, Some(*expected));
            cedar
        });
    });
    group.finish();
    Ok(())
}
