//! From a text to a configuration: laid over its preset, then read member by member, so that one
//! wrong member does not hide the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::fields::fields;
use super::{ConfigError, has_errors, lint};
use crate::facts::shorten;
use crate::policy::{Diagnostic, SourceText};
use crate::portal::name::{Action, Kind};
use crate::portal::preset::{KindDeclaration, Owner, Preset, TenantConfig};
use crate::portal::settings::{KindSettings, Settings};

/// Where members stand in a text, by path; a reader that cannot tell knows none.
pub(crate) type Places = BTreeMap<String, Range<usize>>;

/// A text and what it says.
#[derive(Debug)]
pub(crate) struct ConfigText {
    source: SourceText,
    json: Json,
    places: Places,
}

impl ConfigText {
    pub(crate) fn new(name: &str, text: &str, json: Json, places: Places) -> Self {
        Self { source: SourceText::new(name.to_owned(), text.to_owned()), json, places }
    }

    /// Places a finding where its member stands, or else the nearest member around it.
    fn place(&self, finding: Diagnostic, path: &Path) -> Diagnostic {
        let around = path.ancestors().find_map(|path| self.places.get(&path.to_string()));
        match around {
            Some(span) => finding.at(&self.source, span.clone()),
            None => finding.in_file(self.source.name()),
        }
    }
}

/// A way to a member: names, and elements of lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Member(String),
    Index(usize),
    /// The element of a list of names that is this one.
    Named(String),
}

impl Part {
    fn of<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        match self {
            Self::Member(name) | Self::Named(name) => json.get(name),
            Self::Index(index) => json.get(index),
        }
    }
}

impl Path {
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Part::Member((*name).to_owned())).collect())
    }

    pub(crate) fn member(&self, name: &str) -> Self {
        self.with(Part::Member(name.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Part::Index(index))
    }

    pub(super) fn named(&self, name: &str) -> Self {
        self.with(Part::Named(name.to_owned()))
    }

    fn with(&self, part: Part) -> Self {
        let mut path = self.clone();
        path.0.push(part);
        path
    }

    /// Itself, what it lies in, and so on outwards.
    fn ancestors(&self) -> impl Iterator<Item = Self> {
        let parts = &self.0;
        (1..=parts.len()).rev().map(|end| Self(parts.iter().take(end).cloned().collect()))
    }

    /// Whether it ends in a member that may be left out, and not in a name that an author gave.
    fn is_optional(&self) -> bool {
        let names = self.0.iter().map(|part| match part {
            Part::Member(name) | Part::Named(name) => name.as_str(),
            Part::Index(_) => "",
        });
        let names: Vec<&str> = names.collect();
        let (known, last) = match names.as_slice() {
            [last] => (fields::<TenantConfig>(), last),
            ["settings", last] => (fields::<Settings>(), last),
            ["settings", "all_kinds", last] | ["settings", "kinds", _, last] => {
                (fields::<KindSettings>(), last)
            }
            ["kinds", _, last] => (fields::<KindDeclaration>(), last),
            _ => return false,
        };
        known.contains(last)
    }

    fn is_in(&self, root: &Json) -> bool {
        self.0.iter().try_fold(root, |json, part| part.of(json)).is_some()
    }

    /// Says where in its list each named element stands.
    fn located(&self, root: &Json) -> Self {
        let mut at = Some(root);
        let located = self.0.iter().map(|part| {
            let part = match part {
                Part::Named(name) => {
                    let elements = at.and_then(Json::as_array).into_iter().flatten();
                    Part::Index(elements.take_while(|element| *element != name).count())
                }
                part => part.clone(),
            };
            at = at.and_then(|json| part.of(json));
            part
        });
        Self(located.collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            match part {
                Part::Member(name) if position == 0 => write!(f, "{}", shorten(name))?,
                Part::Member(name) => write!(f, ".{}", shorten(name))?,
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Named(name) => write!(f, "[{}]", shorten(name))?,
            }
        }
        Ok(())
    }
}

/// A finding on its way: not placed yet.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: Path,
    pub(super) diagnostic: Diagnostic,
    /// Whether it is about what the author wrote, and no news where a preset said it.
    if_said: bool,
}

impl Finding {
    pub(super) fn error(path: Path, code: &'static str, message: impl AsRef<str>) -> Self {
        Self { path, diagnostic: Diagnostic::error(code, message), if_said: false }
    }

    pub(super) fn warning(path: Path, code: &'static str, message: impl AsRef<str>) -> Self {
        Self { path, diagnostic: Diagnostic::warning(code, message), if_said: false }
    }

    pub(super) fn if_said(mut self) -> Self {
        self.if_said = true;
        self
    }

    pub(super) fn help(mut self, help: impl AsRef<str>) -> Self {
        self.diagnostic = self.diagnostic.with_help(help);
        self
    }

    /// Names what may have been meant, or what there is.
    pub(super) fn known<'n>(self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let near = known
            .iter()
            .map(|known| (strsim::osa_distance(&shorten(name), known), *known))
            .filter(|(distance, known)| *distance <= (known.chars().count() / 5).max(1))
            .min();
        match near {
            Some((_, near)) => self.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => self.help("there are none"),
            None if known.len() <= KNOWN_MAX => {
                self.help(format!("known are {}", known.join(", ")))
            }
            None => self,
        }
    }
}

/// More names than this are no help.
const KNOWN_MAX: usize = 50;

/// Numbers as serde calls them, and as authors do.
const NUMBERS: [(&str, &str); 2] =
    [("u32", "a whole number, 0 or more"), ("i64", "a whole number")];

/// Reads a configuration, with its warnings.
pub(crate) fn read(text: &ConfigText) -> Result<(TenantConfig, Vec<Diagnostic>), ConfigError> {
    let refuse = |finding: Finding| {
        let placed = text.place(finding.diagnostic, &finding.path);
        Err(ConfigError::new(vec![placed.on(finding.path.to_string())]))
    };
    let Json::Object(mut members) = text.json.clone() else {
        let found = Diagnostic::error("invalid-value", "a configuration is a map of its members");
        let found = found.with_help("start with `from`, the name of a preset");
        return Err(ConfigError::new(vec![found.in_file(text.source.name())]));
    };
    let from = Path::of(&["from"]);
    let presets = || Preset::ALL.iter().map(|preset| preset.as_str());
    let preset = match members.remove("from") {
        Some(Json::String(name)) => name.parse::<Preset>().map_err(|_| {
            let message = format!("there is no preset `{}`", shorten(&name));
            Finding::error(from, "unknown-preset", message).known(&name, presets())
        }),
        Some(_) => {
            let finding = Finding::error(from, "unknown-preset", "this is no name of a preset");
            Err(finding.known("", presets()))
        }
        None => {
            let message = "the preset that the configuration starts from is missing";
            Err(Finding::error(from, "missing-preset", message).known("", presets()))
        }
    };
    match preset {
        Ok(preset) => overlay(&preset.into(), Json::Object(members), Some(text)),
        Err(finding) => refuse(finding),
    }
}

/// Lays members over a configuration; gives what comes of it, with warnings.
pub(super) fn overlay(
    base: &TenantConfig,
    members: Json,
    text: Option<&ConfigText>,
) -> Result<(TenantConfig, Vec<Diagnostic>), ConfigError> {
    let mut whole = json(base);
    let mut reading = Reading { findings: Vec::new() };
    reading.vain(&Path::default(), &whole, &members);
    merge(&mut whole, members.clone());
    let config = reading.config(&whole);
    let mut findings = reading.findings;
    findings.extend(lint::findings(&config));
    findings.retain(|finding| !finding.if_said || finding.path.located(&whole).is_in(&members));
    let diagnostics = placed(findings, &whole, text);
    if has_errors(&diagnostics) {
        return Err(ConfigError::new(diagnostics));
    }
    Ok((config, diagnostics))
}

pub(super) fn diagnostics(config: &TenantConfig) -> Vec<Diagnostic> {
    placed(lint::findings(config), &json(config), None)
}

fn json(config: &impl Serialize) -> Json {
    serde_json::to_value(config).unwrap_or_default()
}

fn placed(findings: Vec<Finding>, whole: &Json, text: Option<&ConfigText>) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> = findings
        .into_iter()
        .map(|finding| {
            let path = finding.path.located(whole);
            let diagnostic = match text {
                Some(text) => text.place(finding.diagnostic, &path),
                None => finding.diagnostic,
            };
            diagnostic.on(path.to_string())
        })
        .collect();
    diagnostics.sort_by_key(Diagnostic::order);
    diagnostics
}

/// Lays one value over another: maps member by member, `null` removes, all else replaces.
fn merge(base: &mut Json, over: Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    base.remove(&name);
                } else {
                    merge(base.entry(name).or_insert(Json::Null), value);
                }
            }
        }
        // Nothing to lay it over, but what it removes is no part of it.
        (base, Json::Object(over)) => {
            *base = Json::Object(Map::new());
            merge(base, Json::Object(over));
        }
        (base, over) => *base = over,
    }
}

/// Reads members one by one and keeps what can be read.
struct Reading {
    findings: Vec<Finding>,
}

impl Reading {
    fn config(&mut self, whole: &Json) -> TenantConfig {
        let mut config = TenantConfig::default();
        for (name, value) in self.map(&Path::default(), whole) {
            let path = Path::of(&[name]);
            match name.as_str() {
                "settings" => config.settings = self.settings(&path, value),
                "kinds" => {
                    for (kind, path, value) in self.kinds(&path, value, "invalid-kind-name") {
                        let mut declared: KindDeclaration = self.structure(&path, value);
                        // Said, though not in a way that can be read: no reason to find more.
                        if value.get("owner").is_some() && declared.owner.is_none() {
                            declared.owner = Some(Owner::Client);
                        }
                        let empty = |said: &Json| said.as_array().is_some_and(Vec::is_empty);
                        let said = value.get("actions").is_some_and(|said| !empty(said));
                        if said && declared.actions.is_empty() {
                            let all = Action::ALL.iter().copied();
                            declared.actions = all.filter(|a| a.is_of_documents()).collect();
                        }
                        config.kinds.insert(kind, declared);
                    }
                }
                "sets" => config.sets = self.sets(&path, value),
                "alert_sets" => config.alert_sets = self.sets(&path, value),
                "contact_sets" => config.contact_sets = self.names(&path, value),
                "staff_sets" => config.staff_sets = self.names(&path, value),
                "contact_alert_sets" => config.contact_alert_sets = self.names(&path, value),
                "events" => config.events = self.names(&path, value),
                "contact_receives" => {
                    for name in self.names(&path, value) {
                        match name.parse() {
                            Ok(kind) => {
                                config.contact_receives.insert(kind);
                            }
                            Err(_) => self.no_kind(path.named(&name), &name, "unknown-kind"),
                        }
                    }
                }
                unknown => {
                    self.unknown(path, unknown, fields::<TenantConfig>().iter().copied());
                }
            }
        }
        config
    }

    fn settings(&mut self, path: &Path, value: &Json) -> Settings {
        let mut plain = Map::new();
        let mut settings = Settings::default();
        for (name, value) in self.map(path, value) {
            match name.as_str() {
                "all_kinds" => settings.all_kinds = self.structure(&path.member(name), value),
                "kinds" => {
                    let kinds = self.kinds(&path.member(name), value, "unknown-kind");
                    for (kind, path, value) in kinds {
                        let chosen: KindSettings = self.structure(&path, value);
                        settings.kinds.insert(kind, chosen);
                    }
                }
                _ => {
                    plain.insert(name.clone(), value.clone());
                }
            }
        }
        let plain: Settings = self.structure(path, &Json::Object(plain));
        Settings { all_kinds: settings.all_kinds, kinds: settings.kinds, ..plain }
    }

    /// The members of a map whose names are kinds.
    fn kinds<'j>(
        &mut self,
        path: &Path,
        value: &'j Json,
        code: &'static str,
    ) -> Vec<(Kind, Path, &'j Json)> {
        let mut kinds = Vec::new();
        for (name, value) in self.map(path, value) {
            let path = path.member(name);
            match name.parse() {
                Ok(kind) => kinds.push((kind, path, value)),
                Err(_) => self.no_kind(path, name, code),
            }
        }
        kinds
    }

    fn no_kind(&mut self, path: Path, name: &str, code: &'static str) {
        let message = format!("`{}` is no name of a kind", shorten(name));
        self.findings.push(
            Finding::error(path, code, message)
                .help("use lower case letters, digits and _, at most 64, a letter first"),
        );
    }

    fn sets(&mut self, path: &Path, value: &Json) -> BTreeMap<String, BTreeSet<String>> {
        let sets = self.map(path, value);
        sets.into_iter()
            .map(|(name, value)| (name.clone(), self.names(&path.member(name), value)))
            .collect()
    }

    fn names(&mut self, path: &Path, value: &Json) -> BTreeSet<String> {
        let Some(elements) = value.as_array() else {
            self.invalid(path.clone(), "a list is expected here");
            return BTreeSet::new();
        };
        let mut names = BTreeSet::new();
        for (index, element) in elements.iter().enumerate() {
            match element.as_str() {
                Some(name) => {
                    names.insert(name.to_owned());
                }
                None => self.invalid(path.index(index), "a name is expected here"),
            }
        }
        names
    }

    /// A structure of plain fields; those that cannot be read are left out.
    fn structure<T: DeserializeOwned + Default>(&mut self, path: &Path, value: &Json) -> T {
        let known = fields::<T>();
        let mut read = Map::new();
        for (name, value) in self.map(path, value) {
            let path = path.member(name);
            if !known.contains(&name.as_str()) {
                self.unknown(path, name, known.iter().copied());
                continue;
            }
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            match serde_json::from_value::<T>(Json::Object(alone)) {
                Ok(_) => {
                    read.insert(name.clone(), value.clone());
                }
                Err(error) => self.unreadable(path, value, &error.to_string()),
            }
        }
        serde_json::from_value(Json::Object(read)).unwrap_or_default()
    }

    fn map<'j>(&mut self, path: &Path, value: &'j Json) -> Vec<(&'j String, &'j Json)> {
        let Some(map) = value.as_object() else {
            self.invalid(path.clone(), "a map is expected here");
            return Vec::new();
        };
        map.iter().collect()
    }

    fn unknown<'n>(&mut self, path: Path, name: &str, known: impl IntoIterator<Item = &'n str>) {
        let message = format!("there is no member `{}`", shorten(name));
        self.findings.push(Finding::error(path, "unknown-member", message).known(name, known));
    }

    /// What serde says of a value, in an author's words.
    fn unreadable(&mut self, path: Path, value: &Json, error: &str) {
        let choice = error.strip_prefix("unknown variant `");
        if let Some((name, known)) = choice.and_then(|rest| rest.split_once("`, expected ")) {
            let path = if value.is_array() { path.named(name) } else { path };
            let message = format!("`{}` cannot be chosen here", shorten(name));
            let known = known.split('`').skip(1).step_by(2);
            self.findings.push(Finding::error(path, "invalid-value", message).known(name, known));
            return;
        }
        let told = NUMBERS.iter().find_map(|(number, words)| {
            error.strip_suffix(number).map(|error| format!("{error}{words}"))
        });
        self.invalid(path, told.as_deref().unwrap_or(error));
    }

    /// What `null` should remove and is not there: whatever was meant would stay.
    fn vain(&mut self, path: &Path, base: &Json, members: &Json) {
        for (name, member) in members.as_object().into_iter().flatten() {
            let path = path.member(name);
            let there = base.get(name);
            if !member.is_null() {
                self.vain(&path, there.unwrap_or(&Json::Null), member);
            } else if there.is_none() && !path.is_optional() {
                let message = format!("there is no member `{}` to remove", shorten(name));
                let known = base.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                let finding = Finding::error(path, "unknown-member", message);
                self.findings.push(finding.known(name, known));
            }
        }
    }

    fn invalid(&mut self, path: Path, message: &str) {
        self.findings.push(Finding::error(path, "invalid-value", message));
    }
}
