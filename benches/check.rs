//! What a decision costs, beside what it costs by hand and by Cedar, and what it costs to get ready.
//!
//! | group/case            | what                                            | size                          |
//! |-----------------------|-------------------------------------------------|-------------------------------|
//! | `check/workload-26`   | one decision on stored facts                    | 26 policies, 56,000 entities  |
//! | `check/workload-1000` | the same rules among many                       | 1,000 policies                |
//! | `check/adversarial`   | a threshold or a contact for each policy        | 1,000 policies                |
//! | `check/inline`        | the document passed as a struct of the host's   | 26 policies, 6,000 entities   |
//! | `check/million`       | documents of a million in random order          | 26 policies, 1.1 M entities   |
//! | `portal/check`        | a tenant under the shipped policies, and why    | 2,500 contacts, 150,000 documents |
//! | `write/million`       | one row stored and published                    | 1.1 M entities                |
//! | `load/json`           | Cedar's entity JSON to an engine                | 56,000 entities               |
//! | `load/rows`           | typed rows to an engine                         | 1.1 M entities                |
//! | `load/validate`       | texts to a bundle                               | 1,000 policies                |
//! | `load/compile`        | a bundle to an engine                           | 1,000 policies                |
//!
//! | engine                | what                                                                    |
//! |-----------------------|-------------------------------------------------------------------------|
//! | `floor-…`             | written by hand for these rules: see `floor/mod.rs`                     |
//! | `doorward-checker`    | a checker per contact, documents looked up before: as `floor-index`; in `portal/check`, a checker per caller |
//! | `doorward-id`         | 128-bit ids: as `floor-hash`                                            |
//! | `doorward-string`     | ids as text: as `floor-string`                                          |
//! | `doorward`            | where there is one way to ask; in `portal/check`, a whole `Tenant::check` |
//! | `cedar-policy`        | `Authorizer::is_authorized`, all entities in memory                     |
//!
//! Cedar's requests are made and checked against the schema ahead, and so are the slices of entities
//! that it takes beside an inline document: the ratios to it are against us.
//!
//! Before an engine is timed it answers all requests, and one wrong answer ends the run; the
//! workload's answers are its generator's oracle's. Then requests take turns, in a random order that
//! is new each round, and each check asserts its answer. Everything is seeded. What is no median of
//! single checks is measured by `spread.rs`. `make bench` prints both in one table.

mod floor;
#[allow(dead_code, reason = "each bench uses its part")]
mod selection;
#[allow(dead_code, reason = "each bench uses its part")]
mod tenant;
#[allow(dead_code, reason = "each bench uses its part")]
mod turns;
#[allow(dead_code, reason = "each bench uses its part")]
mod workload;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};

use floor::{FloorById, FloorByIndex};
use selection::is_selected;
use turns::Turns;
use workload::adversarial::Adversarial;
use workload::ours::{self, Ours};
use workload::rows::Rows;
use workload::{Rules, Workload};

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50);
    let criterion = &mut criterion;
    let workload = Workload::read()?;
    if is_selected("check/workload-26") {
        check_small(criterion, &workload)?;
    }
    if is_selected("check/workload-1000") {
        check_large(criterion, &workload)?;
    }
    if is_selected("check/adversarial") {
        check_adversarial(criterion, &workload)?;
    }
    if is_selected("check/inline") {
        check_inline(criterion, &workload)?;
    }
    if is_selected("check/million") || is_selected("write/million") {
        million(criterion, &workload.small)?;
    }
    if is_selected("portal/check") {
        check_portal(criterion)?;
    }
    if is_selected("load/") {
        load(criterion, &workload)?;
    }
    criterion.final_summary();
    Ok(())
}

fn check_small(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("check/workload-26");
    check_floors(&mut group, workload)?;
    check_ours_and_cedar(&mut group, workload, &workload.small)?;
    group.finish();
    Ok(())
}

/// The floors' rules are the same, however many policies they stand among.
fn check_large(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("check/workload-1000");
    check_ours_and_cedar(&mut group, workload, &workload.large)?;
    group.finish();
    Ok(())
}

fn check_floors(group: &mut Group<'_>, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let (rows, asked) = (&workload.rows, &workload.asked);
    let by_place = asked.iter().map(|it| (*it, it.allowed));
    let floor = FloorByIndex::new(rows);
    decide(group, "floor-index", by_place, turns::floor_index(&floor))?;
    let floor = FloorById::new(rows);
    decide(group, "floor-hash", turns::ids(rows, asked), turns::floor_hash(&floor))?;
    decide(group, "floor-string", turns::texts(workload), turns::floor_string(&floor))
}

fn check_ours_and_cedar(
    group: &mut Group<'_>,
    workload: &Workload,
    rules: &Rules,
) -> Result<(), Box<dyn Error>> {
    let (rows, asked) = (&workload.rows, &workload.asked);
    if ours::AT_SCALE || std::ptr::eq(rules, &workload.small) {
        let ours = workload.ours(rules)?;
        let checkers = turns::checkers(&ours, rows)?;
        let handles = turns::handles(&checkers, rows, asked);
        decide(group, "doorward-checker", handles, turns::by_checker())?;
        decide(group, "doorward-id", turns::ids(rows, asked), turns::by_id(&ours))?;
        decide(group, "doorward-string", turns::texts(workload), turns::by_string(&ours))?;
    }
    let cedar = workload.cedar(rules)?;
    let requests = turns::cedar_requests(&cedar, workload, asked)?;
    decide(group, "cedar-policy", requests, turns::by_cedar(&cedar))
}

fn check_adversarial(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let Adversarial { rules, asked } = Adversarial::over(workload);
    let mut group = criterion.benchmark_group("check/adversarial");
    if ours::AT_SCALE {
        let ours = workload.ours(&rules)?;
        decide(&mut group, "doorward-id", turns::ids(&workload.rows, &asked), turns::by_id(&ours))?;
    }
    let cedar = workload.cedar(&rules)?;
    let requests = turns::cedar_requests(&cedar, workload, &asked)?;
    decide(&mut group, "cedar-policy", requests, turns::by_cedar(&cedar))?;
    group.finish();
    Ok(())
}

fn check_inline(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let (rows, asked) = (&workload.rows, &workload.asked);
    let documents: Vec<_> = rows.documents.iter().map(|row| rows.inline(row)).collect();
    let turns = || {
        asked.iter().zip(turns::ids(rows, asked)).filter_map(|(asked, turn)| {
            Some(((turn.0, documents.get(asked.document as usize)?), turn.1))
        })
    };
    let mut group = criterion.benchmark_group("check/inline");
    let floor = FloorById::new(rows);
    decide(&mut group, "floor-hash", turns(), |(it, document)| {
        floor.check_inline(it.contact, it.action, document, it.mfa)
    })?;
    let ours =
        Ours::inline_documents(workload.small.bundle()?, &workload.entities_but_documents())?;
    decide(&mut group, "doorward-id", turns(), |(it, document)| {
        ours.check_inline(it.contact, it.action, document, it.mfa)
    })?;
    let cedar = workload.cedar(&workload.small)?;
    let requests = turns::cedar_requests(&cedar, workload, asked)?;
    let slices: Result<Vec<_>, _> = requests
        .iter()
        .zip(turns())
        .map(|((request, allowed), ((_, document), _))| {
            let others = cedar.slice_but_resource(request)?;
            Ok::<_, Box<dyn Error>>(((request, others, document), *allowed))
        })
        .collect();
    decide(&mut group, "cedar-policy", slices?, |(request, others, document)| {
        cedar.allows_inline(request, others, document)
    })?;
    group.finish();
    Ok(())
}

fn million(criterion: &mut Criterion, rules: &Rules) -> Result<(), Box<dyn Error>> {
    let rows = Rows::million();
    let floor = FloorByIndex::new(&rows);
    let answer = turns::floor_index(&floor);
    // As many as there are documents: fewer would leave theirs in the cache.
    let asked = rows.questions(rows.documents.len(), &answer);
    let mut group = criterion.benchmark_group("check/million");
    decide(&mut group, "floor-index", asked.iter().map(|it| (*it, it.allowed)), &answer)?;
    {
        let floor = FloorById::new(&rows);
        let turns = turns::ids(&rows, &asked);
        decide(&mut group, "floor-hash", turns, turns::floor_hash(&floor))?;
    }
    if !ours::AT_SCALE {
        return Ok(());
    }
    let ours = Ours::from_rows(rules.bundle()?, &rows)?;
    decide(&mut group, "doorward-id", turns::ids(&rows, &asked), turns::by_id(&ours))?;
    group.finish();
    let mut writes = rows.documents.iter().cycle();
    let mut group = criterion.benchmark_group("write/million");
    group.bench_function("doorward", |bencher| {
        let row = || writes.next().map(|row| ours::document_entity(&rows, row));
        bencher.iter_batched(
            row,
            |row| row.map(|row| row.is_ok_and(|row| ours.put(row).is_ok())),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    Ok(())
}

fn check_portal(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let tenant = tenant::accountancy()?;
    let questions = tenant::questions(&tenant);
    let mut group = criterion.benchmark_group("portal/check");
    let checkers: Vec<_> = questions.iter().map(|asked| tenant.checker(&asked.caller)).collect();
    let turns = questions.iter().zip(&checkers).map(|(asked, checker)| {
        let turn = (checker, asked.action, &asked.document);
        (turn, asked.allowed)
    });
    decide(&mut group, "doorward-checker", turns, |(checker, action, document)| {
        let decision = checker.check_document(*action, document);
        black_box(decision.code());
        decision.is_allowed()
    })?;
    let turns = questions.iter().map(|asked| (asked, asked.allowed));
    decide(&mut group, "doorward", turns, |asked| {
        let decision = tenant.check(&asked.caller, asked.action, &asked.document);
        black_box(decision.code());
        decision.is_allowed()
    })?;
    group.finish();
    Ok(())
}

/// Times single checks, once all answers are proven.
fn decide<T>(
    group: &mut Group<'_>,
    engine: &str,
    turns: impl IntoIterator<Item = (T, bool)>,
    allows: impl Fn(&T) -> bool,
) -> Result<(), Box<dyn Error>> {
    let mut turns = Turns::proven(engine, turns, &allows)?;
    group.bench_function(engine, |bencher| {
        bencher.iter_custom(|checks| turns.time(checks, &allows));
    });
    Ok(())
}

/// Cedar's own loads take seconds, and are timed once by `spread.rs`.
fn load(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let bundle = workload.small.bundle()?;
    time_load(
        criterion,
        "load/json",
        || bundle.clone(),
        |bundle| Ours::from_json(bundle, &workload.entities),
    );
    time_load(criterion, "load/validate", || (), |()| workload.large.bundle());
    // A bundle keeps its plan: each time takes another.
    let fresh = || workload.large.bundle().ok();
    time_load(criterion, "load/compile", fresh, |bundle| Ours::empty(bundle.ok_or("no bundle")?));
    if ours::AT_SCALE && is_selected("load/rows") {
        let bundle = workload.small.bundle()?;
        let rows = Rows::million();
        time_load(
            criterion,
            "load/rows",
            || bundle.clone(),
            |bundle| Ours::from_rows(bundle, &rows),
        );
    }
    Ok(())
}

fn time_load<I, O>(
    criterion: &mut Criterion,
    case: &str,
    given: impl Fn() -> I,
    load: impl Fn(I) -> Result<O, Box<dyn Error>>,
) {
    let mut group = criterion.benchmark_group(case);
    group.sample_size(10);
    group.bench_function("doorward", |bencher| {
        let loaded = |input| {
            let loaded = load(input).ok();
            assert!(loaded.is_some());
            loaded
        };
        bencher.iter_batched(&given, loaded, BatchSize::PerIteration);
    });
    group.finish();
}
