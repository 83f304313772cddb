//! What a configuration comes to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::fields::fields;
use crate::portal::name::{Action, Channel, Kind, Level};
use crate::portal::preset::{Owner, PORTAL_PERMISSIONS, TenantConfig, catalogue};
use crate::portal::settings::{KindSettings, Settings, VIEW_AS_MAX_MS};

/// What a [`TenantConfig`] comes to for a client that chooses nothing: settings with their
/// defaults, and for each kind of document what the permission sets allow.
///
/// Serialised, it has the members that the fields name.
///
/// # Example
///
/// ```
/// use doorward::{Kind, Preset, portal::{Level, TenantConfig}};
///
/// let effective = TenantConfig::from(Preset::Practice).effective();
/// let ticket = effective.kinds.iter().find(|each| each.kind == Kind::TICKET).unwrap();
/// assert_eq!(ticket.level, Level::Own);
/// assert!(ticket.sets["tickets"].contains("reply") && !ticket.sets.contains_key("finance"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EffectiveConfig {
    /// The tenant's settings by name; `null` for what is not set and has no default.
    pub settings: Map<String, Json>,
    /// The kinds of documents, shipped ones and the configuration's own, by name.
    pub kinds: Vec<EffectiveKind>,
    /// Permissions that belong to no kind of document, by set; a set that holds everything holds
    /// `*`.
    pub portal: BTreeMap<String, BTreeSet<String>>,
    /// The permission sets of new contacts.
    pub contact_sets: BTreeSet<String>,
    /// The permission sets of new staff.
    pub staff_sets: BTreeSet<String>,
    /// The events that somebody can be alerted of.
    pub events: Vec<EffectiveEvent>,
    /// The alert sets of new contacts.
    pub contact_alert_sets: BTreeSet<String>,
    /// The kinds that are sent to a new contact by default.
    pub contact_receives: BTreeSet<Kind>,
}

/// What is chosen for a kind of document, and what can be done with its documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EffectiveKind {
    /// The kind.
    pub kind: Kind,
    /// Whether the configuration declares it.
    pub own: bool,
    /// Whom its documents belong to.
    pub owner: Option<Owner>,
    /// Whether other documents lie in those of this kind.
    pub container: bool,
    /// What can be done with its documents.
    pub actions: BTreeSet<Action>,
    /// Whether its module is on.
    pub module: bool,
    /// How far its documents reach.
    pub level: Level,
    /// What else is chosen and differs from the default, by name.
    pub settings: Map<String, Json>,
    /// What a new contact may do, by its sets; `*` for everything.
    pub contacts: BTreeSet<String>,
    /// What each set allows: `view`, `pay_on_behalf`; `*` for everything. Sets that allow nothing
    /// are left out.
    pub sets: BTreeMap<String, BTreeSet<String>>,
}

/// An event, and the alert sets that tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EffectiveEvent {
    /// The event: `invoice.sent`.
    pub event: String,
    /// The alert sets by channel.
    pub channels: BTreeMap<Channel, BTreeSet<String>>,
}

impl TenantConfig {
    /// What the configuration comes to: the settings with their defaults, kind by kind what the
    /// permission sets allow, and the alerts.
    #[must_use]
    pub fn effective(&self) -> EffectiveConfig {
        let held = |set: &BTreeSet<String>| -> BTreeSet<String> {
            if set.contains("*") {
                return ["*".to_owned()].into();
            }
            set.iter().filter(|p| PORTAL_PERMISSIONS.contains(&p.as_str())).cloned().collect()
        };
        let mut kinds = catalogue().unwrap_or_default();
        kinds.extend(self.kinds.clone());
        EffectiveConfig {
            settings: self.effective_settings(),
            kinds: kinds
                .into_iter()
                .map(|(kind, declared)| {
                    let settings = self.settings.kind(&kind);
                    let sets = self.rights(&kind);
                    let given = self.contact_sets.iter().filter_map(|set| sets.get(set));
                    EffectiveKind {
                        own: self.kinds.contains_key(&kind),
                        owner: declared.owner,
                        container: declared.container,
                        actions: declared.actions,
                        module: settings.module.unwrap_or(true),
                        level: settings.level.unwrap_or(Level::Invited),
                        settings: differing(settings),
                        contacts: given.flatten().cloned().collect(),
                        sets,
                        kind,
                    }
                })
                .collect(),
            portal: self
                .sets
                .iter()
                .map(|(set, permissions)| (set.clone(), held(permissions)))
                .filter(|(_, held)| !held.is_empty())
                .collect(),
            contact_sets: self.contact_sets.clone(),
            staff_sets: self.staff_sets.clone(),
            events: self.events.iter().map(|event| self.alerts(event)).collect(),
            contact_alert_sets: self.contact_alert_sets.clone(),
            contact_receives: self.contact_receives.clone(),
        }
    }

    fn effective_settings(&self) -> Map<String, Json> {
        let mut settings = default_settings();
        settings.merge(self.settings.clone());
        let mut chosen = members(&settings);
        let names =
            fields::<Settings>().iter().filter(|name| !["all_kinds", "kinds"].contains(name));
        names.map(|name| ((*name).to_owned(), chosen.remove(*name).unwrap_or_default())).collect()
    }

    /// What each set allows on documents of a kind.
    fn rights(&self, kind: &Kind) -> BTreeMap<String, BTreeSet<String>> {
        let right = |permission: &String| {
            if permission == "*" {
                return Some(permission.clone());
            }
            let (named, right) = permission.split_once('.')?;
            let of_kind = named == kind.as_str();
            (of_kind && !PORTAL_PERMISSIONS.contains(&permission.as_str()))
                .then(|| right.to_owned())
        };
        let rights = |held: &BTreeSet<String>| -> BTreeSet<String> {
            let rights: BTreeSet<String> = held.iter().filter_map(right).collect();
            if rights.contains("*") { ["*".to_owned()].into() } else { rights }
        };
        let sets = self.sets.iter().map(|(set, held)| (set.clone(), rights(held)));
        sets.filter(|(_, rights)| !rights.is_empty()).collect()
    }

    fn alerts(&self, event: &str) -> EffectiveEvent {
        let mut channels: BTreeMap<Channel, BTreeSet<String>> = BTreeMap::new();
        for (set, alerts) in &self.alert_sets {
            let of_event = alerts.iter().filter_map(|alert| alert.rsplit_once(':'));
            for (_, channel) in of_event.filter(|(named, _)| *named == event) {
                if let Ok(channel) = channel.parse() {
                    channels.entry(channel).or_default().insert(set.clone());
                }
            }
        }
        EffectiveEvent { event: event.to_owned(), channels }
    }
}

/// What settings come to that nobody chose. A test holds them against what writes make of none.
pub(super) fn default_settings() -> Settings {
    Settings {
        portal: Some(true),
        view_as_max_ms: Some(VIEW_AS_MAX_MS),
        audit_for_admins: Some(false),
        registration: Some(false),
        login_names: Some(false),
        shared_emails: Some(true),
        force_password_change: Some(false),
        recipients_min: Some(0),
        parents_read: Some(false),
        uploads: Some(true),
        link_password: Some(false),
        mfa: Some(false),
        mfa_for: Some(BTreeSet::new()),
        strong_for: Some(BTreeSet::new()),
        backfill: Some(false),
        ..Settings::default()
    }
}

/// Likewise for a kind.
pub(super) fn default_kind_settings() -> KindSettings {
    KindSettings {
        module: Some(true),
        level: Some(Level::Invited),
        roles: Some(BTreeSet::new()),
        members: Some(BTreeSet::new()),
        recipients: Some(BTreeSet::new()),
        main_exempt: Some(false),
        show_cancelled: Some(false),
        hidden_labels: Some(BTreeSet::new()),
        approvers_only: Some(false),
        signatories_only: Some(false),
        approvals_min: Some(1),
        all_sign: Some(false),
        limit_payments: Some(false),
        ..KindSettings::default()
    }
}

/// What is chosen beside module and level, and is not the default.
fn differing(chosen: KindSettings) -> Map<String, Json> {
    let defaults = members(&default_kind_settings());
    let chosen = members(&chosen).into_iter();
    chosen
        .filter(|(name, value)| {
            !["module", "level"].contains(&name.as_str()) && defaults.get(name) != Some(value)
        })
        .collect()
}

fn members(settings: &impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(settings) {
        Ok(Json::Object(members)) => members,
        _ => Map::new(),
    }
}
