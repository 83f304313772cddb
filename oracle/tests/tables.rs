//! The share of the comparison of filters that runs with the suite; `make filters` runs a long one.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use doorward_oracle::run::Plan;
use doorward_oracle::tables::{Report, Table, run};

const FILTERS: u64 = 4_000;
const SEED: u64 = 0x00D0_0F17;

static REPORT: LazyLock<Report> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, usize::from);
    run(Plan { pairs: FILTERS, seed: SEED, threads }, |_| ())
});

#[test]
fn filters_select_what_checks_allow() {
    if let Some((number, fault)) = &REPORT.failure {
        panic!("--filters 1 --seed {SEED} --case {number}: {fault}");
    }
    assert!(REPORT.tally.filters as u64 >= FILTERS, "{}", REPORT.tally);
}

/// The comparison must not pass because there is nothing to tell apart.
#[test]
fn most_filters_are_conditions() {
    let tally = &REPORT.tally;
    let permille = |part: usize, whole: usize| part * 1_000 / whole;
    let refused: usize = tally.refused.values().sum();
    assert!(permille(tally.predicates, tally.filters) >= 550, "{tally}");
    assert!(permille(tally.none, tally.filters) <= 300, "{tally}");
    assert!(permille(refused, tally.filters) <= 250, "{tally}");
    assert!((100..=900).contains(&permille(tally.selected, tally.rows)), "{tally}");
    assert!(permille(tally.authorized, tally.rows) >= 10, "{tally}");
    assert!(permille(tally.invalid, tally.sets) <= 150, "{tally}");
}

#[test]
fn policies_ask_columns_in_every_way() {
    let tables = (0..100).map(|number| Table::of(SEED, number));
    let texts: String = tables.flat_map(|table| table.sets).flatten().collect();
    for operator in [
        "unless",
        "!(",
        " && ",
        " || ",
        "(if ",
        " == ",
        " != ",
        " < ",
        " <= ",
        " > ",
        " >= ",
        " like ",
        " in ",
        " is ",
        " has ",
        ".contains(",
        ".containsAny(",
        ".containsAll(",
        ".isEmpty()",
        "resource.box.",
        "resource[\"two words\"]",
        "resource in Sheet::",
        "principal in resource.",
        ".client.archived",
        ".boss == principal",
        "datetime(",
        "duration(",
        "].contains(resource",
    ] {
        assert!(texts.contains(operator), "{operator:?}");
    }
}
