//! Which operators gave which outcomes.

use std::collections::BTreeMap;

/// How often an operator gave an outcome.
pub type Counts = BTreeMap<(&'static str, &'static str), u64>;

/// From so many pairs on, every cell that can be reached has to be.
pub const FULL_PAIRS: u64 = 1_000_000;
/// How often in such a run.
pub const COUNT_MIN: u64 = 10_000;

/// What an operator can come to. A name of an operator is that of Cedar's syntax tree, in snake
/// case.
const REACHABLE: &[(&[&str], &[&str])] = &[
    (&["literal", "variable"], &["true", "false", "long", "string", "entity", "record"]),
    (
        &["get_attr_entity"],
        &[
            "true",
            "false",
            "long",
            "string",
            "entity",
            "set",
            "record",
            "decimal",
            "ip",
            "datetime",
            "duration",
            "missing_entity",
            "missing_attribute",
        ],
    ),
    (
        &["get_attr_record"],
        &[
            "true",
            "false",
            "long",
            "string",
            "entity",
            "set",
            "record",
            "decimal",
            "ip",
            "datetime",
            "duration",
            "missing_record_attribute",
        ],
    ),
    (&["get_attr"], &["type_error"]),
    (
        &["get_tag"],
        &[
            "long",
            "string",
            "entity",
            "set",
            "record",
            "datetime",
            "type_error",
            "missing_entity",
            "missing_tag",
        ],
    ),
    (
        &[
            "has",
            "has_tag",
            "like",
            "is",
            "is_in",
            "in",
            "and",
            "or",
            "not",
            "less",
            "less_eq",
            "greater",
            "greater_eq",
            "contains",
            "contains_all",
            "contains_any",
            "is_empty",
            "is_ipv4",
            "is_ipv6",
            "is_loopback",
            "is_multicast",
            "is_in_range",
            "decimal_less_than",
            "decimal_less_eq",
            "decimal_greater",
            "decimal_greater_eq",
        ],
        &["true", "false", "type_error"],
    ),
    (&["eq", "not_eq"], &["true", "false"]),
    (
        &["if"],
        &[
            "true",
            "false",
            "long",
            "string",
            "entity",
            "set",
            "record",
            "decimal",
            "ip",
            "datetime",
            "duration",
            "type_error",
        ],
    ),
    (&["add", "sub", "mul", "neg"], &["long", "overflow", "type_error"]),
    (&["set"], &["set"]),
    (&["record"], &["record"]),
    (&["decimal"], &["decimal", "extension_error", "type_error"]),
    (&["ip"], &["ip", "extension_error", "type_error"]),
    (&["datetime"], &["datetime", "extension_error", "type_error"]),
    (&["duration"], &["duration", "extension_error", "type_error"]),
    (&["offset", "to_date"], &["datetime", "extension_error", "type_error"]),
    (&["duration_since"], &["duration", "extension_error", "type_error"]),
    (&["to_time"], &["duration", "type_error"]),
    (
        &["to_milliseconds", "to_seconds", "to_minutes", "to_hours", "to_days"],
        &["long", "type_error"],
    ),
];

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

/// The cells that can be reached and were so less than [`COUNT_MIN`] times, with their counts.
/// None where nothing counts.
#[must_use]
pub fn seldom(counts: &Counts) -> Vec<(&'static str, &'static str, u64)> {
    if counts.is_empty() {
        return Vec::new();
    }
    let cells = REACHABLE.iter().flat_map(|(operators, outcomes)| {
        operators.iter().flat_map(|operator| outcomes.iter().map(|outcome| (*operator, *outcome)))
    });
    cells
        .map(|cell| (cell.0, cell.1, counts.get(&cell).copied().unwrap_or(0)))
        .filter(|(.., count)| *count < COUNT_MIN)
        .collect()
}
