//! What medians of single checks don't show.
//!
//! | case                          | what                                                             |
//! |-------------------------------|------------------------------------------------------------------|
//! | `spread/workload-26/p50` …    | quantiles of checks, in batches of 16; the clock adds about 2 ns |
//! | `spread/portal/p50` …         | the same for a tenant under the shipped policies                 |
//! | `spread/threads`              | checks by two threads on one engine, to those by one             |
//! | `spread/quiet`, `/writes`     | p99 at a million documents, without and with 1,000 writes a second |
//! | `spread/bytes`                | heap per stored document, its id included                        |
//! | `spread/allocations`          | per check                                                        |
//! | `spread/adversarial-heap`     | heap grown while the adversarial requests run                    |
//! | `load/json`                   | Cedar's loading, once                                            |
//!
//! Writes its findings to `spread.json` in the target folder, for `ratios.py` to print.

mod findings;
#[allow(dead_code, reason = "each bench uses its part")]
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
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use doorward::{Action, DocumentId, TenantChecker};

use findings::Findings;
use floor::{FloorById, FloorByIndex};
use selection::is_selected;
use turns::{ById, Turns};
use workload::Workload;
use workload::adversarial::Adversarial;
use workload::ours::{self, Ours};
use workload::rows::Rows;

const BATCH: usize = 16;
const BATCH_COUNT: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut findings = Findings::default();
    let any = |cases: &[&str]| cases.iter().any(|case| is_selected(case));
    let workload = Workload::read()?;
    if any(&["spread/workload-26", "spread/threads", "spread/allocations", "load/json"]) {
        stored(&mut findings, &workload)?;
    }
    if any(&["spread/bytes"]) {
        bytes(&mut findings, &workload)?;
    }
    if ours::AT_SCALE && any(&["spread/adversarial-heap"]) {
        adversarial(&mut findings, &workload)?;
    }
    if ours::AT_SCALE && any(&["spread/quiet", "spread/writes"]) {
        writes(&mut findings, &workload)?;
    }
    if any(&["spread/portal"]) {
        portal(&mut findings)?;
    }
    findings.write("spread")
}

fn stored(findings: &mut Findings, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let (rows, asked) = (&workload.rows, &workload.asked);
    let floor = FloorByIndex::new(rows);
    let by_place = asked.iter().map(|it| (*it, it.allowed));
    observe(findings, "floor-index", by_place, turns::floor_index(&floor))?;
    let floor = FloorById::new(rows);
    observe(findings, "floor-hash", turns::ids(rows, asked), turns::floor_hash(&floor))?;
    observe(findings, "floor-string", turns::texts(workload), turns::floor_string(&floor))?;
    threads(findings, "floor-hash", rows, workload, turns::floor_hash(&floor))?;

    let ours = workload.ours(&workload.small)?;
    let checkers = turns::checkers(&ours, rows)?;
    let handles = turns::handles(&checkers, rows, asked);
    observe(findings, "doorward-checker", handles, turns::by_checker())?;
    observe(findings, "doorward-id", turns::ids(rows, asked), turns::by_id(&ours))?;
    observe(findings, "doorward-string", turns::texts(workload), turns::by_string(&ours))?;
    threads(findings, "doorward-id", rows, workload, turns::by_id(&ours))?;
    inline(findings, workload)?;

    let started = Instant::now();
    let cedar = workload.cedar(&workload.small)?;
    findings.add("load/json", "cedar-policy", started.elapsed().as_nanos() as f64, "ns");
    let requests = turns::cedar_requests(&cedar, workload, asked)?;
    observe(findings, "cedar-policy", requests, turns::by_cedar(&cedar))
}

/// Documents passed as structs of the host's.
fn inline(findings: &mut Findings, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let (rows, asked) = (&workload.rows, &workload.asked);
    let documents: Vec<_> = rows.documents.iter().map(|row| rows.inline(row)).collect();
    let turns =
        asked.iter().zip(turns::ids(rows, asked)).filter_map(|(asked, (by_id, allowed))| {
            Some(((by_id, documents.get(asked.document as usize)?), allowed))
        });
    let ours =
        Ours::inline_documents(workload.small.bundle()?, &workload.entities_but_documents())?;
    observe(findings, "doorward-inline", turns, |(it, document)| {
        ours.check_inline(it.contact, it.action, document, it.mfa)
    })
}

/// Quantiles and allocations.
fn observe<T>(
    findings: &mut Findings,
    engine: &str,
    turns: impl IntoIterator<Item = (T, bool)>,
    allows: impl Fn(&T) -> bool,
) -> Result<(), Box<dyn Error>> {
    let mut turns = Turns::proven(engine, turns, &allows)?;
    quantiles(findings, "spread/workload-26", engine, &mut turns, &allows);
    let checks = turns.len() as u64;
    let counted = measure(|| {
        turns.time(checks, &allows);
    });
    let each = counted.count_total as f64 / checks as f64;
    findings.add("spread/allocations", engine, each, "");
    Ok(())
}

fn quantiles<T>(
    findings: &mut Findings,
    case: &str,
    engine: &str,
    turns: &mut Turns<T>,
    allows: impl Fn(&T) -> bool,
) {
    let times = batches(turns, allows, || false);
    for (name, per_mille) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
        findings.add(&format!("{case}/{name}"), engine, quantile(&times, per_mille), "ns");
    }
}

/// The nanoseconds per check of each batch, sorted; for five seconds at most.
fn batches<T>(
    turns: &mut Turns<T>,
    allows: impl Fn(&T) -> bool,
    is_over: impl Fn() -> bool,
) -> Vec<f64> {
    let until = Instant::now() + Duration::from_secs(5);
    // The first ones warm up.
    turns.time((BATCH * 100) as u64, &allows);
    let mut times = Vec::with_capacity(BATCH_COUNT);
    while times.len() < BATCH_COUNT && Instant::now() < until && !is_over() {
        times.push(turns.time(BATCH as u64, &allows).as_nanos() as f64 / BATCH as f64);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn quantile(sorted: &[f64], per_mille: usize) -> f64 {
    let at = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The median of rounds in which one thread's rate is taken just before two threads'.
fn threads(
    findings: &mut Findings,
    engine: &str,
    rows: &Rows,
    workload: &Workload,
    allows: impl Fn(&ById) -> bool + Sync,
) -> Result<(), Box<dyn Error>> {
    let mut one = Turns::proven(engine, turns::ids(rows, &workload.asked), &allows)?;
    let mut other = Turns::proven(engine, turns::ids(rows, &workload.asked), &allows)?;
    // For about a tenth of a second.
    let sample = one.time(2_000, &allows).as_nanos().max(1) as u64 / 2_000;
    let checks = (100_000_000 / sample.max(1)).max(1);
    let mut gains: Vec<f64> = (0..7)
        .map(|_| {
            let alone = one.time(checks, &allows).as_secs_f64();
            let start = Barrier::new(2);
            let run = |turns: &mut Turns<ById>| {
                start.wait();
                turns.time(checks, &allows).as_secs_f64()
            };
            let (a, b) = thread::scope(|scope| {
                let second = scope.spawn(|| run(&mut other));
                (run(&mut one), second.join().unwrap_or(f64::NAN))
            });
            alone / a + alone / b
        })
        .collect();
    gains.sort_by(f64::total_cmp);
    findings.add("spread/threads", engine, quantile(&gains, 500), "x");
    Ok(())
}

/// What documents add to the heap. Loads that use more threads than this one would not be seen.
fn bytes(findings: &mut Findings, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let count = workload.rows.documents.len() as f64;
    let others = workload.entities_but_documents();
    let small = &workload.small;
    let read = |entities: &str| Rows::read(entities).ok();
    let (all, few) = (read(&workload.entities), read(&others));
    let floor =
        kept(|| all.as_ref().map(FloorById::new)) - kept(|| few.as_ref().map(FloorById::new));
    findings.add("spread/bytes", "floor-hash", floor / count, "B");
    let ours = |entities: &str| Ours::from_json(small.bundle().ok()?, entities).ok();
    let bytes = kept(|| ours(&workload.entities)) - kept(|| ours(&others));
    findings.add("spread/bytes", "doorward-id", bytes / count, "B");
    let cedar = |entities: &str| {
        workload::cedar::Cedar::read(&small.schema, &small.policies, entities).ok()
    };
    let bytes = kept(|| cedar(&workload.entities)) - kept(|| cedar(&others));
    findings.add("spread/bytes", "cedar-policy", bytes / count, "B");
    Ok(())
}

/// The heap that a value holds. On a thread of its own: a thread goes on holding the world that it
/// asked last, and may not let go of one while another is counted.
fn kept<T>(make: impl FnOnce() -> T + Send) -> f64 {
    let count = || {
        let mut value = None;
        let counted = measure(|| value = Some(make()));
        drop(value);
        counted.bytes_current as f64
    };
    thread::scope(|scope| scope.spawn(count).join().unwrap_or(f64::NAN))
}

fn adversarial(findings: &mut Findings, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let Adversarial { rules, asked } = Adversarial::over(workload);
    let ours = workload.ours(&rules)?;
    let turns: Vec<_> = turns::ids(&workload.rows, &asked).collect();
    let allows = turns::by_id(&ours);
    let counted = measure(|| {
        for (request, expected) in &turns {
            assert_eq!(allows(request), *expected);
        }
    });
    findings.add("spread/adversarial-heap", "doorward-id", counted.bytes_max as f64, "B");
    Ok(())
}

fn writes(findings: &mut Findings, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let rows = Rows::million();
    let floor = FloorByIndex::new(&rows);
    let asked = rows.questions(rows.documents.len(), turns::floor_index(&floor));
    let ours = Ours::from_rows(workload.small.bundle()?, &rows)?;
    let allows = turns::by_id(&ours);
    let mut turns = Turns::proven("doorward-id", turns::ids(&rows, &asked), &allows)?;
    let quiet = batches(&mut turns, &allows, || false);
    findings.add("spread/quiet", "doorward-id", quantile(&quiet, 990), "ns");
    let is_over = AtomicBool::new(false);
    let busy = thread::scope(|scope| {
        // Each row is put as it was, so that the answers stay.
        let writer = scope.spawn(|| {
            let mut due = Instant::now();
            for row in rows.documents.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let is_put =
                    ours::document_entity(&rows, row).is_ok_and(|row| ours.put(row).is_ok());
                if !is_put {
                    is_over.store(true, Ordering::Relaxed);
                }
                due += Duration::from_millis(1);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        let busy = batches(&mut turns, &allows, || is_over.load(Ordering::Relaxed));
        is_over.store(true, Ordering::Relaxed);
        (busy, writer.join().is_ok())
    });
    findings.add("spread/writes", "doorward-id", quantile(&busy.0, 990), "ns");
    Ok(())
}

fn portal(findings: &mut Findings) -> Result<(), Box<dyn Error>> {
    let tenant = tenant::accountancy()?;
    let questions = tenant::questions(&tenant);
    let turns = questions.iter().map(|asked| {
        let turn = (tenant.checker(&asked.caller), asked.action, &asked.document);
        (turn, asked.allowed)
    });
    let allows = |(checker, action, document): &(TenantChecker, Action, &DocumentId)| {
        checker.check_document(*action, document).is_allowed()
    };
    let mut turns = Turns::proven("doorward-checker", turns, allows)?;
    quantiles(findings, "spread/portal", "doorward-checker", &mut turns, allows);
    Ok(())
}
