//! Which operators gave which outcomes.

use std::collections::{BTreeMap, BTreeSet};

/// How often an operator gave an outcome.
pub type Counts = BTreeMap<(&'static str, &'static str), u64>;

/// From so many pairs on, every cell that can be reached has to be.
pub const FULL_PAIRS: u64 = 1_000_000;
/// How often in such a run.
pub const COUNT_MIN: u64 = 10_000;

const FLAG: &[&str] = &["true", "false"];
const VALUES: &[&str] = &[
    "true", "false", "long", "string", "entity", "set", "record", "decimal", "ip", "datetime",
    "duration",
];
const YES_OR_NO: &[&str] = &["yes", "no"];
const THERE_OR_NOT: &[&str] = &["there", "not there"];

/// What operators can come to themselves, by the names that the engine counts under; an error is
/// that of the operator that it arises in.
const REACHABLE: &[(&[&str], &[&[&str]])] = &[
    (&["variable"], &[&["entity", "record"]]),
    (&[".attribute of entity"], &[VALUES, &["missing entity", "missing attribute"]]),
    (&[".attribute of record"], &[VALUES, &["missing record attribute"]]),
    (&[".attribute", "has"], &[&["type error"]]),
    (&["has of entity", "has of record"], &[FLAG]),
    (&["getTag"], &[VALUES, &["type error", "missing entity", "missing tag"]]),
    (
        &[
            "hasTag",
            "like",
            "is",
            "in",
            "&&",
            "||",
            "!",
            "<",
            "<=",
            "contains",
            "containsAll",
            "containsAny",
            "isEmpty",
            "isIpv4",
            "isIpv6",
            "isLoopback",
            "isMulticast",
            "isInRange",
            "lessThan",
            "lessThanOrEqual",
            "greaterThan",
            "greaterThanOrEqual",
        ],
        &[FLAG, &["type error"]],
    ),
    (&["=="], &[FLAG]),
    (&["if"], &[VALUES, &["type error"]]),
    (&["+", "-", "*", "-x"], &[&["long", "overflow", "type error"]]),
    (&["[set]"], &[&["set"]]),
    (&["{record}"], &[&["record"]]),
    (&["decimal"], &[&["decimal", "extension error", "type error"]]),
    (&["ip"], &[&["ip", "extension error", "type error"]]),
    (&["datetime", "offset", "toDate"], &[&["datetime", "extension error", "type error"]]),
    (&["duration", "durationSince"], &[&["duration", "extension error", "type error"]]),
    (&["toTime"], &[&["duration", "type error"]]),
    (
        &["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"],
        &[&["long", "type error"]],
    ),
    (&["check"], &[&["by a program", "by a machine", "by all policies"]]),
    (&["step follow", "step literal"], &[&["as expected"]]),
    (
        &[
            "step group",
            "step same word",
            "step same number",
            "step less",
            "step contains",
            "step contains any",
            "step in",
            "step among",
            "step in any",
        ],
        &[YES_OR_NO],
    ),
    (
        &[
            "ask principal",
            "ask resource",
            "ask literal, by layout",
            "ask follow, by class",
            "ask follow, by layout",
        ],
        &[THERE_OR_NOT],
    ),
    (
        &[
            "ask group",
            "ask any group",
            "ask group beyond 64",
            "ask same word",
            "ask same number",
            "ask less",
            "ask less or equal",
            "ask contains, texts",
            "ask contains, entities",
            "ask contains any",
            "ask in",
            "ask among",
            "ask in any",
        ],
        &[YES_OR_NO],
    ),
    (&["gate"], &[YES_OR_NO]),
    (&["row around"], &[&["not seen", "class", "class and words"]]),
    (&["join around"], &[YES_OR_NO, &["no answer"]]),
    (&["ask context"], &[&["there"]]),
    (&["ask literal, by class"], &[&["found"]]),
    (&["ask other"], &[YES_OR_NO, &["no answer"]]),
];

/// What no evaluation comes to, and why.
pub const UNREACHABLE: &[(&str, &str)] = &[
    ("unlinked slot", "a bundle evaluates templates by their links, which fill every slot"),
    ("recursion limit", "a bundle refuses policies that nest so deep"),
];

/// Of a hundred checks that a machine might decide, so many it has to.
const BY_MACHINE_MIN: u64 = 50;

/// What this thread's evaluations added since the last call; nothing without the feature
/// `coverage`.
#[must_use]
pub fn take() -> Counts {
    #[cfg(feature = "coverage")]
    return doorward::coverage::take();
    #[cfg(not(feature = "coverage"))]
    Counts::new()
}

/// Adds what another thread counted.
pub fn add(counts: &mut Counts, more: Counts) {
    for (cell, count) in more {
        *counts.entry(cell).or_default() += count;
    }
}

/// Every cell that can be reached, with its count.
pub fn table(counts: &Counts) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    cells().map(|(operator, outcome)| {
        (operator, outcome, counts.get(&(operator, outcome)).copied().unwrap_or(0))
    })
}

/// What is wrong with the counts of a full run, a line each. Nothing where nothing counts.
#[must_use]
pub fn faults(counts: &Counts) -> Vec<String> {
    if counts.is_empty() {
        return Vec::new();
    }
    let seldom = table(counts)
        .filter(|(.., count)| *count < COUNT_MIN)
        .map(|(operator, outcome, count)| format!("{operator} to {outcome}: only {count} times"));
    let known: BTreeSet<_> = cells().collect();
    let undeclared = counts
        .iter()
        .filter(|(cell, _)| !known.contains(*cell))
        .map(|((operator, outcome), count)| format!("{operator} to {outcome}: {count} times"))
        .map(|fault| format!("{fault}, which was taken for impossible"));
    let checks = |by| counts.get(&("check", by)).copied().unwrap_or(0);
    let (known, fell_back) = (checks("by a machine"), checks("by all policies"));
    let few = (known * 100 < (known + fell_back) * BY_MACHINE_MIN)
        .then(|| format!("machines decided {known} checks and left {fell_back}"));
    seldom.chain(undeclared).chain(few).collect()
}

fn cells() -> impl Iterator<Item = (&'static str, &'static str)> {
    REACHABLE.iter().flat_map(|(operators, outcomes)| {
        operators.iter().flat_map(|operator| {
            outcomes.iter().copied().flatten().map(|outcome| (*operator, *outcome))
        })
    })
}
