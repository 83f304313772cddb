//! The share of the comparison that runs with the suite; `make oracle` runs a long one.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use doorward_oracle::compare::{Tally, compare};
use doorward_oracle::run::{Plan, Report, case, run, shrink};
use doorward_oracle::{Case, Choices};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

const PAIRS: u64 = 2_000;
const SEED: u64 = 0x00D0_0A4D;

static REPORT: LazyLock<Report> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, usize::from);
    run(Plan { pairs: PAIRS, seed: SEED, threads }, |_, _| ())
});

#[test]
fn the_engine_decides_as_cedar_does() {
    if let Some((number, difference)) = &REPORT.failure {
        let (smaller, difference) = shrink(&case(SEED, *number), difference.clone());
        panic!("--seed {SEED} --case {number}: {difference}\n\n{smaller}");
    }
    assert!(REPORT.distinct >= PAIRS, "{} pairs of {PAIRS}", REPORT.distinct);
}

/// The comparison must not pass because everything is denied.
#[test]
fn the_generator_reaches_every_kind_of_decision() {
    let tally = &REPORT.tally;
    let permille = |part: usize| part * 1000 / tally.decisions;
    assert!((100..=900).contains(&permille(tally.allows)), "{tally}");
    assert!(permille(tally.forbidden) >= 100, "{tally}");
    assert!(permille(tally.erring) >= 200, "{tally}");
    assert!(permille(tally.closed) >= 10, "{tally}");
    assert!(permille(tally.reasons) >= 10, "{tally}");
    assert!(permille(tally.steps_up) >= 2, "{tally}");
    assert!(permille(tally.misfits) >= 5, "{tally}");
    assert!(tally.kept * 100 / tally.written >= 80, "too many policies do not validate: {tally}");
    assert!(tally.links > 50 && tally.inline > 100 && tally.explained >= 20, "{tally}");
}

#[test]
fn the_generator_reaches_every_operator() {
    let cases: Vec<Case> = (0..1_500).map(|number| case(SEED, number)).collect();
    for schema in [true, false] {
        let texts: String = cases
            .iter()
            .filter(|case| case.schema.is_some() == schema)
            .flat_map(|case| case.policies.iter().map(|policy| policy.text.as_str()))
            .collect();
        for operator in [
            "!",
            " && ",
            " || ",
            "if ",
            " == ",
            " != ",
            " < ",
            " <= ",
            " > ",
            " >= ",
            " + ",
            " - ",
            " * ",
            "(-(",
            " in ",
            " is ",
            " like ",
            " has ",
            " has r.",
            "[\"two words\"]",
            ".contains(",
            ".containsAll(",
            ".containsAny(",
            ".isEmpty()",
            ".hasTag(",
            ".getTag(",
            "{\"",
            "}.x",
            "ip(\"",
            ".isIpv4()",
            ".isIpv6()",
            ".isLoopback()",
            ".isMulticast()",
            ".isInRange(",
            "decimal(\"",
            ".lessThan(",
            ".lessThanOrEqual(",
            ".greaterThan(",
            ".greaterThanOrEqual(",
            "datetime(\"",
            ".offset(",
            ".durationSince(",
            ".toDate()",
            ".toTime()",
            "duration(\"",
            ".toMilliseconds()",
            ".toSeconds()",
            ".toMinutes()",
            ".toHours()",
            ".toDays()",
            "?principal",
            "?resource",
            "(principal == ",
            "(principal in ",
            "(principal is ",
            "action == ",
            "action in [",
            "action in Action::",
            "unless {",
        ] {
            assert!(texts.contains(operator), "{operator:?}, schema: {schema}");
        }
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 100,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        max_shrink_time: 20_000,
        ..Config::default()
    })]

    /// Numbers that run out early make small cases, which a seed never makes.
    #[test]
    fn small_cases_agree(numbers in proptest::collection::vec(any::<u32>(), 1..400)) {
        let case = Case::generate(&mut Choices::from_numbers(numbers), 2);
        if let Err(difference) = compare(&case, &mut Tally::default()) {
            prop_assert!(false, "{}\n\n{}", difference, case);
        }
    }
}
