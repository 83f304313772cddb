//! What is wrong with a configuration, or doubtful, once it has been read.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{Finding, Path};
use crate::facts::{Value, shorten};
use crate::portal::name::{Action, Channel, Kind, Level, MailClass};
use crate::portal::preset::{
    Catalogue, KindDeclaration, PORTAL_PERMISSIONS, RESERVED_KINDS, TenantConfig, catalogue,
    permissions,
};
use crate::portal::settings::{KindSettings, Limit};

pub(super) fn findings(config: &TenantConfig) -> Vec<Finding> {
    let shipped = catalogue().unwrap_or_default();
    let mut kinds = shipped.clone();
    // A kind that takes a shipped one's name is refused for that, and hides no permission of it.
    for (kind, declared) in &config.kinds {
        kinds.entry(kind.clone()).or_insert_with(|| declared.clone());
    }
    let mut lint =
        Lint { config, permissions: permissions(&kinds), shipped, kinds, findings: Vec::new() };
    lint.kinds();
    lint.settings();
    lint.sets();
    lint.alerts();
    lint.contacts();
    lint.findings
}

struct Lint<'c> {
    config: &'c TenantConfig,
    shipped: Catalogue,
    /// The shipped kinds and the configuration's own.
    kinds: Catalogue,
    permissions: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl<'c> Lint<'c> {
    fn error(&mut self, path: Path, code: &'static str, message: impl AsRef<str>, help: &str) {
        self.findings.push(Finding::error(path, code, message).help(help));
    }

    fn warn(&mut self, path: Path, code: &'static str, message: impl AsRef<str>, help: &str) {
        self.findings.push(Finding::warning(path, code, message).help(help));
    }

    fn kinds(&mut self) {
        for (kind, declared) in &self.config.kinds {
            let path = Path::of(&["kinds", kind.as_str()]);
            if RESERVED_KINDS.contains(&kind.as_str()) {
                let message = format!("permissions of the name `{kind}` are the portal's own");
                self.error(path.clone(), "reserved-kind", message, "choose another name");
            } else if self.shipped.contains_key(kind) {
                let message = format!("the kind `{kind}` is the library's");
                let help =
                    format!("choose another name, or choose for it in settings.kinds.{kind}");
                self.error(path.clone(), "shipped-kind", message, &help);
            }
            self.declaration(kind, &path, declared);
        }
    }

    fn declaration(&mut self, kind: &Kind, path: &Path, declared: &KindDeclaration) {
        if declared.owner.is_none() {
            let message = format!("the kind `{kind}` does not say whom its documents belong to");
            self.error(path.clone(), "kind-without-owner", message, "say `owner: client`");
        }
        for action in declared.actions.iter().filter(|action| !action.is_of_documents()) {
            let message = format!("`{action}` is no action on documents");
            let known = Action::ALL.iter().filter(|action| action.is_of_documents());
            let path = path.member("actions").named(action.as_str());
            let finding = Finding::error(path, "unknown-action", message);
            self.findings.push(finding.known(action.as_str(), known.map(|action| action.as_str())));
        }
        if !declared.actions.contains(&Action::View) {
            let message = format!("nobody can view documents of the kind `{kind}`");
            let help = "add `view` to its actions; what is not visible cannot be acted on either";
            self.warn(path.clone(), "kind-without-view", message, help);
        }
        if declared.states.contains_key("") {
            let path = path.member("states");
            self.error(path, "empty-name", "a state has an empty name", "give it a name");
        }
        if self.is_off(kind) {
            let message = format!("the module of `{kind}` is off for all clients");
            self.warn(path.clone(), "module-off", message, "switch it on, or drop the kind");
        }
    }

    fn is_off(&self, kind: &Kind) -> bool {
        self.config.settings.kind(kind).module == Some(false)
    }

    fn settings(&mut self) {
        let settings = &self.config.settings;
        let root = Path::of(&["settings"]);
        for range in settings.networks.iter().flatten() {
            if Value::ip(range).is_err() {
                let message = format!("`{}` is no network", shorten(range));
                let path = root.member("networks").named(range);
                self.error(path, "invalid-network", message, "write it as 192.0.2.0/24");
            }
        }
        let durations = [
            ("view_as_max_ms", settings.view_as_max_ms),
            ("mfa_max_age_ms", settings.mfa_max_age_ms),
            ("idle_max_ms", settings.idle_max_ms),
        ];
        for (name, _) in durations.iter().filter(|(_, length)| length.is_some_and(|ms| ms < 0)) {
            let help = "write milliseconds, 0 or more; null removes the setting";
            let path = root.member(name);
            self.error(path, "invalid-duration", "a length of time is not negative", help);
        }
        if settings.mfa_max_age_ms.is_some()
            && settings.mfa_for.as_ref().is_none_or(BTreeSet::is_empty)
        {
            let message = "no action needs a second factor, so that its age does not matter";
            let path = root.member("mfa_max_age_ms");
            self.warn(path, "no-effect", message, "name the actions in `mfa_for`");
        }
        self.kind_settings(&root.member("all_kinds"), None, &settings.all_kinds);
        for (kind, chosen) in &settings.kinds {
            let path = root.member("kinds").member(kind.as_str());
            if self.known_kind(&path, kind) {
                self.kind_settings(&path, Some(kind), chosen);
            }
        }
    }

    /// What is chosen for one kind, or for all of them.
    fn kind_settings(&mut self, path: &Path, kind: Option<&Kind>, chosen: &KindSettings) {
        for set in chosen.roles.iter().flatten() {
            self.known_set(path.member("roles"), set, &self.config.sets);
        }
        if let Some(limit) = &chosen.limit {
            self.limit(&path.member("limit"), limit);
        }
        let Some(kind) = kind else { return };
        if !self.kinds.get(kind).is_some_and(|declared| declared.container) {
            let counts = [
                ("primaries_max", chosen.primaries_max),
                ("secondaries_max", chosen.secondaries_max),
            ];
            for (name, _) in counts.iter().filter(|(_, count)| count.is_some()) {
                let message = format!("`{kind}` is no container, so that this limits nothing");
                self.warn(path.member(name), "no-effect", message, "choose it for a container");
            }
        }
        let level = self.config.settings.kind(kind).level;
        let message = match level {
            Some(Level::Own) => "the level `own` reaches the owner alone, whomever this names",
            Some(Level::Client) => "the level `client` reaches all contacts, whomever this names",
            _ => return,
        };
        let named = [("roles", chosen.roles.as_ref()), ("members", chosen.members.as_ref())];
        for (name, _) in named.iter().filter(|(_, named)| named.is_some_and(|n| !n.is_empty())) {
            let help = format!("set the level to `{}`", name.trim_end_matches('s'));
            self.warn(path.member(name), "no-effect", message, &help);
        }
    }

    fn limit(&mut self, path: &Path, limit: &Limit) {
        if limit.amount < 0 {
            let help = "write minor units, 0 or more; null removes the limit";
            let path = path.member("amount");
            self.error(path, "invalid-limit", "an approval limit is not negative", help);
        }
        let code = limit.currency.as_bytes();
        if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
            let message = "a currency is a code of three capitals";
            self.error(path.member("currency"), "invalid-limit", message, "write it as `EUR`");
        }
    }

    fn sets(&mut self) {
        for (set, held) in &self.config.sets {
            let path = Path::of(&["sets", set]);
            self.set_name(&path, set, held);
            for permission in held.iter().filter(|permission| *permission != "*") {
                self.permission(path.named(permission), permission);
            }
        }
        let (contacts, staff) = (&self.config.contact_sets, &self.config.staff_sets);
        for (name, given) in [("contact_sets", contacts), ("staff_sets", staff)] {
            for set in given {
                self.known_set(Path::of(&[name]), set, &self.config.sets);
            }
        }
    }

    fn set_name(&mut self, path: &Path, set: &str, held: &BTreeSet<String>) {
        if set.is_empty() {
            self.error(path.clone(), "empty-name", "a set has an empty name", "give it a name");
        }
        if held.is_empty() {
            let message = format!("the set `{}` holds nothing", shorten(set));
            self.warn(path.clone(), "empty-set", message, "null removes a set of the preset");
        }
    }

    fn permission(&mut self, path: Path, permission: &str) {
        if !self.permissions.contains(permission) {
            let message = format!("no action needs `{}`", shorten(permission));
            let kind = permission.split_once('.').and_then(|(kind, _)| kind.parse::<Kind>().ok());
            let known = self.permissions.iter().map(String::as_str);
            let finding = Finding::error(path, "unknown-permission", message);
            // A known kind narrows down what may be meant.
            let of_kind = kind.filter(|kind| self.kinds.contains_key(kind));
            let prefix = of_kind.map(|kind| format!("{kind}.")).unwrap_or_default();
            let known = known.filter(|known| known.starts_with(&prefix));
            self.findings.push(finding.known(permission, known));
            return;
        }
        if PORTAL_PERMISSIONS.contains(&permission) {
            return;
        }
        let kind = permission.split_once('.').and_then(|(kind, _)| kind.parse().ok());
        if let Some(kind) = kind.filter(|kind| self.is_off(kind)) {
            let message = format!("the module of `{kind}` is off for all clients");
            let help = "switch it on, or take its permissions out of the set";
            let finding = Finding::warning(path, "module-off", message).help(help);
            self.findings.push(finding.if_said());
        }
    }

    fn known_set(&mut self, path: Path, set: &str, sets: &BTreeMap<String, BTreeSet<String>>) {
        if sets.contains_key(set) {
            return;
        }
        let message = format!("there is no set `{}`", shorten(set));
        let finding = Finding::error(path.named(set), "unknown-set", message);
        self.findings.push(finding.known(set, sets.keys().map(String::as_str)));
    }

    fn known_kind(&mut self, path: &Path, kind: &Kind) -> bool {
        let known = self.kinds.contains_key(kind);
        if !known {
            let message = format!("no kind `{kind}` is declared");
            let finding = Finding::error(path.clone(), "unknown-kind", message);
            let kinds = self.kinds.keys().map(Kind::as_str);
            self.findings.push(finding.known(kind.as_str(), kinds));
        }
        known
    }

    fn alerts(&mut self) {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (set, alerts) in &self.config.alert_sets {
            let path = Path::of(&["alert_sets", set]);
            self.set_name(&path, set, alerts);
            for alert in alerts {
                told.extend(self.alert(path.named(alert), alert));
            }
        }
        for event in &self.config.events {
            let path = Path::of(&["events"]).named(event);
            if event.is_empty() {
                self.error(path, "empty-name", "an event has an empty name", "give it a name");
            } else if MailClass::of(event) == MailClass::Credential {
                let message = format!("`{}` is mail about credentials", shorten(event));
                let help = "leave it out: it goes to the contact himself, and to no subscribers";
                self.error(path, "reserved-event", message, help);
            } else if !told.contains(event.as_str()) {
                let message = format!("no alert set tells of `{}`", shorten(event));
                let help = "add it to one; without, only who is invited, watches or is on the \
                            kind's list is told";
                let finding = Finding::warning(path, "event-without-alert", message).help(help);
                self.findings.push(finding.if_said());
            }
        }
    }

    /// The event of an alert: `invoice.sent:email`.
    fn alert(&mut self, path: Path, alert: &'c str) -> Option<&'c str> {
        let Some((event, channel)) = alert.rsplit_once(':') else {
            let message = format!("`{}` names no channel", shorten(alert));
            let help = "write an event and a channel: `invoice.sent:email`";
            self.error(path, "unknown-channel", message, help);
            return None;
        };
        if channel.parse::<Channel>().is_err() {
            let message = format!("there is no channel `{}`", shorten(channel));
            let finding = Finding::error(path.clone(), "unknown-channel", message);
            let channels = Channel::ALL.iter().map(|channel| channel.as_str());
            self.findings.push(finding.known(channel, channels));
        }
        if !self.config.events.contains(event) {
            let message = format!("there is no event `{}`", shorten(event));
            let finding = Finding::error(path, "unknown-event", message);
            let events = self.config.events.iter().map(String::as_str);
            self.findings.push(finding.known(event, events));
        }
        Some(event)
    }

    fn contacts(&mut self) {
        for set in &self.config.contact_sets {
            if self.config.sets.get(set).is_some_and(|held| held.contains("*")) {
                let message = format!("every new contact holds all permissions by `{set}`");
                let path = Path::of(&["contact_sets"]).named(set);
                self.warn(path, "all-for-contacts", message, "name what contacts may do");
            }
        }
        for set in &self.config.contact_alert_sets {
            let path = Path::of(&["contact_alert_sets"]);
            self.known_set(path, set, &self.config.alert_sets);
        }
        for kind in &self.config.contact_receives {
            let path = Path::of(&["contact_receives"]).named(kind.as_str());
            if self.known_kind(&path, kind) && self.is_off(kind) {
                let message = format!("the module of `{kind}` is off for all clients");
                self.warn(path, "module-off", message, "switch it on, or do not send it");
            }
        }
    }
}
