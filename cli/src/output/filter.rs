//! Filters as SQL.

use std::fmt::Write as _;

use doorward::author::Filtered;
use doorward::{Dialect, Filter, Sql, SqlValue};
use serde_json::{Value as Json, json as value};
use uuid::Uuid;

use super::{BOLD, DIM, action, entity, harmless, plain};

/// A filter, and its words in one dialect.
#[derive(Debug)]
pub(crate) struct Written<'w> {
    pub(crate) filtered: &'w Filtered,
    pub(crate) type_name: &'w str,
    pub(crate) dialect: Dialect,
    pub(crate) sql: &'w Sql,
}

/// The condition, and a line for each value that is bound.
pub(crate) fn human(written: &Written<'_>) -> String {
    let Written { filtered, sql, .. } = written;
    let (principal, action) = (entity(&filtered.principal), action(&filtered.action));
    let type_name = plain(written.type_name);
    let mut text = format!("{principal} {action} {type_name}: {} rows\n", rows(&filtered.filter));
    if filtered.left_out > 0 {
        let left_out = filtered.left_out;
        let _ = writeln!(text, "{DIM}{left_out} stored of type {type_name} left out{DIM:#}");
    }
    // Not cut: a part of a condition says something else.
    let _ = writeln!(text, "\n{BOLD}Condition{BOLD:#}\n  {}", harmless(&sql.condition));
    if !sql.parameters.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Parameters{BOLD:#}");
    }
    for (at, parameter) in sql.parameters.iter().enumerate() {
        let (type_name, value) = bound(parameter);
        let name = parameter_name(written.dialect, at + 1);
        let _ = writeln!(text, "  {name}  {type_name:7}  {}", plain(&value.to_string()));
    }
    text
}

/// `{"rows", "condition", "parameters", "context"}`; `rows` are `all`, `some` or `no`.
pub(crate) fn json(written: &Written<'_>) -> String {
    let Written { filtered, sql, .. } = written;
    let parameters = sql.parameters.iter().map(|parameter| {
        let (type_name, value) = bound(parameter);
        value!({ "type": type_name, "value": value })
    });
    super::json(&value!({
        "rows": rows(&filtered.filter),
        "condition": sql.condition,
        "parameters": parameters.collect::<Vec<Json>>(),
        "context": {
            "left_out": filtered.left_out,
            "bundle": filtered.world.policies().digest(),
            "revision": filtered.world.revision().number(),
        },
    }))
}

fn rows(filter: &Filter) -> &'static str {
    match filter {
        Filter::All => "all",
        Filter::None => "no",
        _ => "some",
    }
}

fn parameter_name(dialect: Dialect, number: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("?{number}"),
        Dialect::Postgres => format!("${number}"),
        _ => format!("{number}"),
    }
}

/// How a value is bound, and the value.
fn bound(value: &SqlValue) -> (&'static str, Json) {
    match value {
        SqlValue::Text(text) => ("text", value!(text)),
        SqlValue::Integer(number) => ("integer", value!(number)),
        SqlValue::Boolean(flag) => ("boolean", value!(flag)),
        SqlValue::Uuid(id) => ("uuid", value!(Uuid::from_u128(*id).to_string())),
        // Whatever else may come to be bound.
        other => ("other", value!(format!("{other:?}"))),
    }
}
