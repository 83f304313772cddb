//! What a tenant chooses, and how choices at the client, its group and the tenant become one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{Action, Kind, Level};
use super::rows;
use crate::facts::{Entity, EntityUid, Value, ValueError};

/// An amount in minor units (cents) of a currency, such as an approval limit.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// In minor units: 500000 are 5,000.00 EUR.
    pub amount: i64,
    /// The code of the currency: `EUR`.
    pub currency: String,
}

/// The currency alone: amounts are the client's business.
impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("currency", &self.currency).finish_non_exhaustive()
    }
}

impl Limit {
    fn record(&self) -> Result<Value, ValueError> {
        let amount = ("amount".into(), Value::from(self.amount));
        let currency = ("currency".into(), Value::from(self.currency.as_str()));
        Value::record([amount, currency].into())
    }

    /// The limit that a row keeps.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let record = value.as_record()?;
        let amount = record.get("amount")?.as_long()?;
        Some(Self { amount, currency: record.get("currency")?.as_str()?.to_owned() })
    }

    pub(super) fn set_on(limit: Option<&Self>, row: &mut Entity) -> Result<(), ValueError> {
        match limit {
            Some(limit) => row.set("limit", limit.record()?),
            None => row.unset("limit"),
        }
        Ok(())
    }
}

/// What may be chosen, for a tenant, a client group or a client.
///
/// What is left out is taken from the next scope: client, client group, tenant, and last the
/// default given with each field. Settings marked *tenant* count there only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// *Tenant*: whether the portal is on. Default: on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<bool>,
    /// *Tenant*: how long staff may view as a contact, in milliseconds. Default: half an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_as_max_ms: Option<i64>,
    /// *Tenant*: the networks that contacts may come from, in CIDR notation. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// *Tenant*: whether client admins may ask who did what. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_for_admins: Option<bool>,
    /// *Tenant*: whether anyone may register as a client of his own. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<bool>,
    /// *Tenant*: whether contacts log in with a name, which an enabled contact then has to have.
    /// Default: no, with the e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_names: Option<bool>,
    /// *Tenant*: whether one e-mail may be that of contacts at several clients. Default: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_emails: Option<bool>,
    /// *Tenant*: whether a credential that staff issue has to be changed by the contact before
    /// anything else. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_password_change: Option<bool>,
    /// How many contacts of a client have to be reachable by mail. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients_min: Option<u32>,
    /// Whether contacts of a parent client may read what its descendants see. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parents_read: Option<bool>,
    /// Whether contacts may attach files. Default: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads: Option<bool>,
    /// Whether the bearer of a link has to sign in. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_password: Option<bool>,
    /// Whether every session needs a second factor. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// Actions that need a second factor. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_for: Option<BTreeSet<Action>>,
    /// How old the second factor may be for these actions, in milliseconds. Default: any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_max_age_ms: Option<i64>,
    /// Actions that a magic link alone is too weak for. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strong_for: Option<BTreeSet<Action>>,
    /// How long a session may be idle, in milliseconds. Default: any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_max_ms: Option<i64>,
    /// Whether a new contact is invited to what is open when it is created. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<bool>,
    /// For every kind that has no choice of its own in this scope.
    pub all_kinds: KindSettings,
    /// By kind.
    pub kinds: BTreeMap<Kind, KindSettings>,
}

/// What may be chosen for a kind of document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct KindSettings {
    /// Whether the kind's module is on. It has to be on for the tenant *and* for the client.
    /// Default: on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<bool>,
    /// How far its documents reach. Default: invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The permission sets whose holders are reached at the level `role`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeSet<String>>,
    /// The contacts who are reached at the level `member`, by id. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeSet<String>>,
    /// The contacts on the kind's e-mail list, by id. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<BTreeSet<String>>,
    /// Whether the main contact sees what others own. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_exempt: Option<bool>,
    /// Whether cancelled documents are shown. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_cancelled: Option<bool>,
    /// Labels whose documents are hidden: `uninvoiced`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_labels: Option<BTreeSet<String>>,
    /// Whether only approvers accept and approve. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvers_only: Option<bool>,
    /// Whether only signatories sign. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatories_only: Option<bool>,
    /// How many different people have to approve a document. Default: one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_min: Option<u32>,
    /// Whether all signatories of the client have to sign before staff complete a document, and
    /// not only those that it names. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_sign: Option<bool>,
    /// How many primary contacts a container may have. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primaries_max: Option<u32>,
    /// How many secondary contacts a container may have. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondaries_max: Option<u32>,
    /// The approval limit of contacts without one of their own. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Whether approval limits hold for payments too. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_payments: Option<bool>,
}

pub(super) const VIEW_AS_MAX_MS: i64 = 30 * 60 * 1000;

/// Lays one choice over another, field by field. A field that is not named here, or in `rest`,
/// does not compile.
macro_rules! overlay {
    ($base:expr, $over:expr, Self { $($field:ident),* $(,)? }, rest { $($rest:ident),* }) => {
        let Self { $($field,)* $($rest,)* } = $over;
        $(if $field.is_some() { $base.$field = $field; })*
    };
}

impl KindSettings {
    pub(super) fn overlay(&mut self, over: Self) {
        overlay!(
            self,
            over,
            Self {
                module,
                level,
                roles,
                members,
                recipients,
                main_exempt,
                show_cancelled,
                hidden_labels,
                approvers_only,
                signatories_only,
                approvals_min,
                all_sign,
                primaries_max,
                secondaries_max,
                limit,
                limit_payments,
            },
            rest {}
        );
    }
}

impl Settings {
    /// Takes over what `over` chooses and keeps the rest.
    pub fn merge(&mut self, over: Self) {
        overlay!(
            self,
            over,
            Self {
                portal,
                view_as_max_ms,
                networks,
                audit_for_admins,
                registration,
                login_names,
                shared_emails,
                force_password_change,
                recipients_min,
                parents_read,
                uploads,
                link_password,
                mfa,
                mfa_for,
                mfa_max_age_ms,
                strong_for,
                idle_max_ms,
                backfill,
            },
            rest { all_kinds, kinds }
        );
        // A choice for all kinds replaces what was chosen for single ones before.
        for kind in self.kinds.values_mut() {
            kind.overlay(all_kinds.clone());
        }
        self.all_kinds.overlay(all_kinds);
        for (kind, chosen) in kinds {
            self.kinds.entry(kind).or_default().overlay(chosen);
        }
    }

    /// What was chosen on a row: nothing yet, where it keeps no settings.
    ///
    /// Text that cannot be read (of another version, or edited by hand) is an error: taken for
    /// nothing, it would turn every restriction back to its default.
    pub(super) fn from_row(row: &Entity) -> Result<Self, ValueError> {
        rows::kept(row, "settings")
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn kind(&self, kind: &Kind) -> KindSettings {
        let mut settings = self.all_kinds.clone();
        settings.overlay(self.kinds.get(kind).cloned().unwrap_or_default());
        settings
    }
}

/// The settings of the scopes that hold for something, the most general first.
#[derive(Debug, Clone)]
pub(super) struct Cascade {
    pub(super) tenant: Settings,
    pub(super) group: Settings,
    pub(super) client: Settings,
}

impl Cascade {
    fn choice<T: Clone>(&self, field: impl Fn(&Settings) -> &Option<T>) -> Option<T> {
        [&self.client, &self.group, &self.tenant]
            .into_iter()
            .find_map(|settings| field(settings).clone())
    }

    pub(super) fn backfill(&self) -> bool {
        self.choice(|s| &s.backfill).unwrap_or(false)
    }

    pub(super) fn recipients_min(&self) -> u32 {
        self.choice(|s| &s.recipients_min).unwrap_or(0)
    }

    /// What is chosen for a kind at the client, its group or the tenant.
    pub(super) fn kind(&self, kind: &Kind) -> KindSettings {
        let mut chosen = self.tenant.kind(kind);
        chosen.overlay(self.group.kind(kind));
        chosen.overlay(self.client.kind(kind));
        chosen
    }

    /// Writes what the tenant's own settings come to.
    pub(super) fn resolve_tenant(&self, row: &mut Entity, networks: Option<Vec<EntityUid>>) {
        row.set("portal_on", self.tenant.portal.unwrap_or(true));
        row.set("audit_for_admins", self.tenant.audit_for_admins.unwrap_or(false));
        let view_as_max = self.tenant.view_as_max_ms.unwrap_or(VIEW_AS_MAX_MS);
        row.set("view_as_max", Value::duration_ms(view_as_max));
        match networks {
            Some(networks) => row.set("networks", Value::entities(networks)),
            None => row.unset("networks"),
        }
    }

    /// Whether a kind's module is on: for the tenant, and for the client.
    fn module_on(&self, kind: &Kind) -> bool {
        let [client, group, tenant] =
            [&self.client, &self.group, &self.tenant].map(|settings| settings.kind(kind).module);
        tenant.unwrap_or(true) && client.or(group).unwrap_or(true)
    }

    /// Writes what the settings come to for a client.
    pub(super) fn resolve_client<'k>(
        &self,
        row: &mut Entity,
        kinds: impl Iterator<Item = &'k Kind>,
    ) {
        let off = kinds.filter(|kind| !self.module_on(kind)).map(Kind::uid);
        row.set("modules_off", Value::entities(off));
        let actions = |chosen: Option<BTreeSet<Action>>| {
            Value::entities(chosen.unwrap_or_default().into_iter().map(Action::uid))
        };
        let mut set_duration = |name: &str, chosen: Option<i64>| match chosen {
            Some(length) => row.set(name, Value::duration_ms(length)),
            None => row.unset(name),
        };
        set_duration("mfa_max_age", self.choice(|s| &s.mfa_max_age_ms));
        set_duration("idle_max", self.choice(|s| &s.idle_max_ms));
        row.set("parents_read", self.choice(|s| &s.parents_read).unwrap_or(false));
        row.set("uploads", self.choice(|s| &s.uploads).unwrap_or(true));
        row.set("link_password", self.choice(|s| &s.link_password).unwrap_or(false));
        row.set("mfa", self.choice(|s| &s.mfa).unwrap_or(false));
        row.set("mfa_for", actions(self.choice(|s| &s.mfa_for)));
        row.set("strong_for", actions(self.choice(|s| &s.strong_for)));
    }

    /// Writes what the settings come to for a kind. Who watches is kept.
    pub(super) fn resolve_rule(&self, kind: &Kind, row: &mut Entity) -> Result<(), ValueError> {
        let chosen = self.kind(kind);
        let contacts = |ids: Option<BTreeSet<String>>| {
            let ids = ids.unwrap_or_default().into_iter();
            Value::entities(ids.map(|id| EntityUid::new("Contact", id)))
        };
        let roles = chosen.roles.unwrap_or_default();
        row.set("module_on", self.module_on(kind));
        row.set("level", chosen.level.unwrap_or(Level::Invited).number());
        row.set("roles", Value::entities(roles.iter().map(|role| rows::permission_set(role))));
        row.set("members", contacts(chosen.members));
        row.set("recipients", contacts(chosen.recipients));
        row.set("main_exempt", chosen.main_exempt.unwrap_or(false));
        row.set("show_cancelled", chosen.show_cancelled.unwrap_or(false));
        row.set("hidden_labels", Value::strings(chosen.hidden_labels.unwrap_or_default()));
        row.set("approvers_only", chosen.approvers_only.unwrap_or(false));
        row.set("signatories_only", chosen.signatories_only.unwrap_or(false));
        row.set("limit_payments", chosen.limit_payments.unwrap_or(false));
        Limit::set_on(chosen.limit.as_ref(), row)
    }
}
