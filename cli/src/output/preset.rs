//! What presets and configurations come to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use doorward::portal::{Channel, EffectiveConfig, EffectiveKind, Owner};
use doorward::{Diagnostic, Preset};
use serde_json::{Value as Json, json};

use super::{BOLD, plain};
use crate::failure::Failure;

const WIDTH: u16 = 100;
const ROWS: TableStyle = TableStyle::new();
const HEADED: TableStyle = ROWS.header_separator(LineStyle::none().fill('═').junction('═'));
/// For rows of several lines.
const RULED: TableStyle = HEADED.row_separator(LineStyle::none().fill('─').junction('─'));
/// What a set holds that holds everything.
const ALL: &str = "*";

/// A line for each preset.
pub(crate) fn human_list() -> String {
    let line = |preset: &Preset| format!("{preset:<10}  {}\n", preset.summary());
    Preset::ALL.iter().map(line).collect()
}

pub(crate) fn json_list() -> String {
    let each = |preset: &Preset| json!({ "name": preset, "summary": preset.summary() });
    super::json(&json!({ "presets": Preset::ALL.iter().map(each).collect::<Vec<_>>() }))
}

/// The members of the effective configuration, and `warnings`.
pub(crate) fn json(config: &EffectiveConfig, warnings: &[Diagnostic]) -> Result<String, Failure> {
    let mut whole = serde_json::to_value(config)
        .map_err(|error| Failure::new(format!("no JSON can be written: {error}")))?;
    if let Some(members) = whole.as_object_mut() {
        members.insert("warnings".to_owned(), json!(warnings));
    }
    Ok(super::json(&whole))
}

/// Tables of the settings, the kinds and the alerts.
pub(crate) fn human(title: &str, config: &EffectiveConfig, warnings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for warning in warnings {
        let _ = writeln!(text, "{warning}\n");
    }
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}", plain(title));
    section(&mut text, "Settings", settings(config));
    section(&mut text, "Kinds of documents", kinds(config));
    section(&mut text, "Permission sets", sets(config));
    if !config.events.is_empty() {
        section(&mut text, "Alerts, by alert set", alerts(config));
    }
    text
}

fn section(text: &mut String, title: &str, table: Table) {
    let _ = writeln!(text, "\n{BOLD}{title}{BOLD:#}");
    for row in table.to_string().lines() {
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

fn table(style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table
}

fn settings(config: &EffectiveConfig) -> Table {
    let mut table = table(ROWS);
    for (name, value) in &config.settings {
        table.add_row([plain(name), shown(name, value)]);
    }
    table
}

/// Kinds that some set names, and those that the configuration declares.
fn kinds(config: &EffectiveConfig) -> Table {
    let mut table = table(RULED);
    table.set_header(["Kind", "Level, choices", "New contacts may", "Sets allow"]);
    for kind in config.kinds.iter().filter(|kind| is_shown(kind)) {
        let mut name = vec![plain(kind.kind.as_str())];
        if kind.own {
            name.push("(own kind)".to_owned());
        }
        if kind.container {
            name.push("(container)".to_owned());
        }
        if kind.owner == Some(Owner::Tenant) {
            name.push("(for all clients)".to_owned());
        }
        let mut chosen = vec![kind.level.to_string()];
        if !kind.module {
            chosen.push("module off".to_owned());
        }
        chosen.extend(kind.settings.iter().map(|(name, value)| choice(name, value)));
        let sets = kind
            .sets
            .iter()
            .filter(|(set, rights)| !rights.contains(ALL) && !config.contact_sets.contains(*set));
        let sets: Vec<String> =
            sets.map(|(set, rights)| format!("{}: {}", plain(set), names(rights))).collect();
        let contacts = if kind.contacts.contains(ALL) {
            "everything".to_owned()
        } else {
            names(&kind.contacts)
        };
        table.add_row([name.join("\n"), chosen.join("\n"), contacts, sets.join("\n")]);
    }
    table
}

fn is_shown(kind: &EffectiveKind) -> bool {
    kind.own || kind.sets.values().any(|rights| !rights.contains(ALL))
}

/// What is no row of the kinds: sets that hold everything, kinds that only these name, own kinds
/// in detail, permissions beside documents, and what new contacts and staff start with.
fn sets(config: &EffectiveConfig) -> Table {
    let mut table = table(ROWS);
    let mut row = |what: String, told: String| {
        table.add_row([what, told]);
    };
    row("new contacts hold".to_owned(), names(&config.contact_sets));
    row("new contacts are alerted by".to_owned(), names(&config.contact_alert_sets));
    let receives = config.contact_receives.iter().map(ToString::to_string).collect();
    row("new contacts are sent".to_owned(), names(&receives));
    row("new staff hold".to_owned(), names(&config.staff_sets));
    let whole = config.portal.iter().filter(|(_, held)| held.contains(ALL));
    row("everything is allowed by".to_owned(), names(&whole.map(|(set, _)| set.clone()).collect()));
    for (set, held) in config.portal.iter().filter(|(_, held)| !held.contains(ALL)) {
        row(format!("beside documents, by {}", plain(set)), names(held));
    }
    let others = config.kinds.iter().filter(|kind| !is_shown(kind));
    let others = others.map(|kind| format!("{} ({})", kind.kind, kind.level)).collect();
    row("in no other set".to_owned(), names(&others));
    for kind in config.kinds.iter().filter(|kind| kind.own) {
        let actions = kind.actions.iter().map(ToString::to_string).collect();
        row(format!("actions of {}", kind.kind), names(&actions));
    }
    table
}

fn alerts(config: &EffectiveConfig) -> Table {
    let channels = Channel::ALL.iter().map(|channel| channel.as_str());
    let mut table = table(HEADED);
    table.set_header(["Event"].into_iter().chain(channels));
    for event in &config.events {
        let sets = Channel::ALL
            .iter()
            .map(|channel| event.channels.get(channel).map(names).unwrap_or_default());
        table.add_row([plain(&event.event)].into_iter().chain(sets));
    }
    table
}

/// `secondaries_max: 3`, or the name alone of what is switched on.
fn choice(name: &str, value: &Json) -> String {
    match value {
        Json::Bool(true) => plain(name),
        value => format!("{}: {}", plain(name), shown(name, value)),
    }
}

fn shown(name: &str, value: &Json) -> String {
    match value {
        Json::Null => "not set".to_owned(),
        Json::Bool(on) => if *on { "yes" } else { "no" }.to_owned(),
        Json::String(text) => plain(text),
        Json::Number(number) if name.ends_with("_ms") => length(number.as_i64().unwrap_or(0)),
        Json::Number(number) => number.to_string(),
        Json::Array(list) => names(&list.iter().map(|each| shown(name, each)).collect()),
        Json::Object(members) => {
            let each = members.iter().map(|(name, value)| format!("{name} {}", shown(name, value)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A length of time in the largest unit that tells it whole.
fn length(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let whole = units.iter().find(|(unit, _)| ms != 0 && ms % unit == 0);
    whole.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
}

fn names(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
}
