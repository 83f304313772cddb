//! Compares the engine with Cedar's authorizer on as many pairs of policies and facts as asked for.
//!
//! `doorward-oracle --pairs 1000000 --seed 1 --threads 2`, or `--case 17` to see one again. With
//! `--filters 1000000` it compares so many filters of tables with checks of their rows instead, and
//! `--filters 1 --case 17` that table's. Ends with 1 where they differ and 2 where the arguments are
//! none.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use doorward_oracle::compare::{Difference, Tally};
use doorward_oracle::coverage::{self, Counts};
use doorward_oracle::run::{Plan, case, compare_caught, run, shrink};
use doorward_oracle::tables::{self, Table};

const USAGE: &str =
    "usage: doorward-oracle [--pairs N | --filters N] [--seed S] [--threads T] [--case K]";
const PROGRESS: Duration = Duration::from_secs(10);

struct Arguments {
    plan: Plan,
    filters: bool,
    case: Option<u64>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // What panics is reported with its case.
    std::panic::set_hook(Box::new(|_| ()));
    match arguments.case {
        Some(number) if arguments.filters => replay_filters(arguments.plan, number),
        Some(number) => replay(arguments.plan, number),
        None if arguments.filters => run_filters(arguments.plan),
        None => run_all(arguments.plan),
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Option<Arguments> {
    let threads = available_parallelism().map_or(1, usize::from);
    let mut plan = Plan { pairs: 10_000, seed: 1, threads };
    let (mut case, mut filters) = (None, false);
    while let Some(name) = given.next() {
        let number: u64 = given.next()?.parse().ok()?;
        match name.as_str() {
            "--pairs" => plan.pairs = number,
            "--filters" => (plan.pairs, filters) = (number, true),
            "--seed" => plan.seed = number,
            "--threads" => plan.threads = usize::try_from(number).ok()?,
            "--case" => case = Some(number),
            _ => return None,
        }
    }
    Some(Arguments { plan, filters, case })
}

fn run_all(plan: Plan) -> ExitCode {
    let started = Instant::now();
    let told = Mutex::new(started);
    let rate = |pairs: u64| u128::from(pairs) * 1_000 / started.elapsed().as_millis().max(1);
    let report = run(plan, |tally, distinct| {
        if let Ok(mut told) = told.lock()
            && told.elapsed() >= PROGRESS
        {
            *told = Instant::now();
            println!("{distinct} pairs, {} a second: {tally}", rate(distinct));
        }
    });
    println!(
        "{} distinct pairs of {} in {:.1} s, {} a second\n{}",
        report.distinct,
        report.tally.pairs,
        started.elapsed().as_secs_f64(),
        rate(report.distinct),
        report.tally
    );
    if let Some((number, difference)) = report.failure {
        tell(plan, number, difference);
        return ExitCode::FAILURE;
    }
    println!("no differences");
    covered(&report.coverage, plan)
}

fn replay(plan: Plan, number: u64) -> ExitCode {
    let mut tally = Tally::default();
    match compare_caught(&case(plan.seed, number), &mut tally) {
        Ok(()) => {
            println!("{}\n{tally}\nno differences", case(plan.seed, number));
            covered(&coverage::take(), Plan { pairs: 0, ..plan })
        }
        Err(difference) => {
            tell(plan, number, difference);
            ExitCode::FAILURE
        }
    }
}

fn run_filters(plan: Plan) -> ExitCode {
    let started = Instant::now();
    let told = Mutex::new(started);
    let report = tables::run(plan, |tally| {
        if let Ok(mut told) = told.lock()
            && told.elapsed() >= PROGRESS
        {
            *told = Instant::now();
            println!("{:.0} s: {tally}", started.elapsed().as_secs_f64());
        }
    });
    println!("{:.1} s: {}", started.elapsed().as_secs_f64(), report.tally);
    let Some((number, fault)) = report.failure else {
        println!("no differences");
        return ExitCode::SUCCESS;
    };
    let seed = plan.seed;
    println!("\nDIFFERENCE: see it again with --filters 1 --seed {seed} --case {number}\n{fault}");
    ExitCode::FAILURE
}

fn replay_filters(plan: Plan, number: u64) -> ExitCode {
    let mut tally = tables::Tally::default();
    let compared = tables::compare(&Table::of(plan.seed, number), &mut tally);
    println!("{tally}");
    if let Err(fault) = compared {
        println!("\nDIFFERENCE: {fault}");
        return ExitCode::FAILURE;
    }
    println!("no differences");
    ExitCode::SUCCESS
}

fn tell(plan: Plan, number: u64, difference: Difference) {
    let seed = plan.seed;
    println!("\nDIFFERENCE: see it again with --seed {seed} --case {number}\n{difference}\n");
    let (smaller, difference) = shrink(&case(seed, number), difference);
    println!("made smaller:\n{difference}\n\n{smaller}");
}

/// Prints what operators came to, and fails where a full run reached something too seldom.
fn covered(counts: &Counts, plan: Plan) -> ExitCode {
    if counts.is_empty() {
        return ExitCode::SUCCESS;
    }
    for (operator, outcome, count) in coverage::table(counts) {
        println!("{operator:<24} {outcome:<32} {count:>12}");
    }
    for (outcome, why) in coverage::UNREACHABLE {
        println!("never: {outcome}, for {why}");
    }
    if plan.pairs < coverage::FULL_PAIRS {
        return ExitCode::SUCCESS;
    }
    let faults = coverage::faults(counts);
    for fault in &faults {
        println!("COVERAGE: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
