//! Presets: what a tenant starts from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::name::{Action, Kind};
use super::settings::Settings;
use crate::error::Error;
use crate::facts::ValueError;
use crate::policy::{PolicyBundle, PolicyBundleBuilder};

macro_rules! shipped {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../policies/", $file)))),*]
    };
}

/// The shipped policies, file by file.
const POLICIES: &[(&str, &str)] = shipped![
    "01-known.cedar",
    "03-principal.cedar",
    "04-client.cedar",
    "05-module.cedar",
    "06-owner.cedar",
    "07-visibility.cedar",
    "08-state.cedar",
    "09-denial.cedar",
    "10-reach.cedar",
    "11-permission.cedar",
    "12-approval.cedar",
    "13-circumstances.cedar",
    "14-mail.cedar",
    "portal.cedar",
    "reasons.cedar",
];
const SCHEMA: (&str, &str) =
    ("portal.cedarschema", include_str!("../../policies/portal.cedarschema"));
const KINDS: &str = include_str!("../../policies/presets/kinds.json");

/// The policies that the library ships, embedded.
///
/// # Errors
///
/// None in a released library: a test loads them.
///
/// # Example
///
/// ```
/// let policies = doorward::portal::shipped_policies()?;
/// assert!(policies.policy("client-archived").is_some());
/// assert!(policies.warnings().is_empty());
/// # Ok::<(), doorward::Error>(())
/// ```
pub fn shipped_policies() -> Result<PolicyBundle, Error> {
    Ok(shipped_sources().build()?)
}

/// The shipped schema and policies as sources, to add a host's own policies to.
///
/// # Example: a rule of one's own
///
/// ```
/// use doorward::Portal;
/// use doorward::portal::shipped_sources;
///
/// let policies = shipped_sources()
///     .policies("own.cedar", r#"
///         @id("large-payments-by-phone")
///         @step("12")
///         @rank("9")
///         @reason("TOO_LARGE")
///         @message("Please call us to pay as much as this.")
///         forbid (principal is Contact, action == Action::"pay", resource is Document)
///         when { resource has amount && resource.amount > 1000000 };
///     "#)
///     .build()?;
/// assert!(policies.policy("client-archived").is_some());
/// let portal = Portal::builder().policies(policies).build()?;
/// assert!(portal.policies().policy("large-payments-by-phone").is_some());
/// # Ok::<(), doorward::Error>(())
/// ```
#[must_use]
pub fn shipped_sources() -> PolicyBundleBuilder {
    let schema = PolicyBundle::builder().schema(SCHEMA.0, SCHEMA.1);
    POLICIES.iter().fold(schema, |sources, (name, text)| sources.policies(*name, *text))
}

/// A preset: a trade's way to run a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// An accounting practice: access switched on contact by contact, visible documents, document
    /// requests, letters and proposals to sign, invoices to view, messages both ways.
    Accounting,
    /// A business that invoices: documents for all contacts or the invited ones, watchers,
    /// personal links, optional password protection.
    Invoicing,
}

/// What a tenant starts from: settings, permission sets and what contacts hold by default.
///
/// Start from a [`Preset`] and change what differs.
///
/// # Example
///
/// ```
/// use doorward::{Kind, Preset, portal::{Level, TenantConfig}};
///
/// let mut config = TenantConfig::from(Preset::Invoicing);
/// config.settings.kinds.entry(Kind::INVOICE).or_default().level = Some(Level::Invited);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantConfig {
    /// The tenant's settings.
    pub settings: Settings,
    /// Permission sets by name: names of permissions, or `*` for all of documents and the portal.
    pub sets: BTreeMap<String, BTreeSet<String>>,
    /// The sets that a new contact holds.
    pub contact_sets: BTreeSet<String>,
    /// The sets that a new member of staff holds.
    pub staff_sets: BTreeSet<String>,
    /// Alert sets by name: `invoice.sent:email`.
    pub alert_sets: BTreeMap<String, BTreeSet<String>>,
    /// The alert sets that a new contact holds.
    pub contact_alert_sets: BTreeSet<String>,
    /// The kinds that are sent to a new contact by default.
    pub contact_receives: BTreeSet<Kind>,
    /// Events that contacts can be alerted of.
    pub events: BTreeSet<String>,
}

impl From<Preset> for TenantConfig {
    fn from(preset: Preset) -> Self {
        let text = match preset {
            Preset::Accounting => include_str!("../../policies/presets/accounting.json"),
            Preset::Invoicing => include_str!("../../policies/presets/invoicing.json"),
        };
        // INVARIANT (shipped presets): a test reads each; a broken one opens nothing.
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A kind as the catalogue declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KindDeclaration {
    pub(super) actions: BTreeSet<Action>,
    #[serde(default)]
    pub(super) tenant_wide: bool,
}

pub(super) type Catalogue = BTreeMap<Kind, KindDeclaration>;

pub(super) fn catalogue() -> Result<Catalogue, ValueError> {
    serde_json::from_str(KINDS)
        .map_err(|error| ValueError::new(format!("the catalogue of kinds cannot be read: {error}")))
}

/// Permissions of the portal that belong to no kind of document.
const PORTAL_PERMISSIONS: &[&str] = &[
    "contact.edit_own",
    "document.share",
    "portal.act_on_behalf",
    "portal.activity_log",
    "portal.audit",
    "portal.configure",
    "portal.list_contacts",
    "portal.manage",
    "portal.relate",
    "portal.set_alerts",
    "portal.share",
    "portal.view_as",
];

/// Every permission that there is: `invoice.view` and `invoice.view_on_behalf` for each action of
/// each kind, `invoice.view_internal` for what is internal, and those of the portal.
pub(super) fn permissions(catalogue: &Catalogue) -> BTreeSet<String> {
    let of_kinds = catalogue.iter().flat_map(|(kind, declared)| {
        declared
            .actions
            .iter()
            .flat_map(move |action| {
                [format!("{kind}.{action}"), format!("{kind}.{action}_on_behalf")]
            })
            .chain([format!("{kind}.view_internal")])
    });
    of_kinds.chain(PORTAL_PERMISSIONS.iter().map(|name| (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_data_is_read_whole() {
        for preset in ["accounting", "invoicing"] {
            let path = format!("{}/policies/presets/{preset}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let config: TenantConfig = serde_json::from_str(&text).unwrap();
            let known = permissions(&catalogue().unwrap());
            for permission in config.sets.values().flatten().filter(|name| *name != "*") {
                assert!(known.contains(permission), "{preset}: {permission}");
            }
            let sets = config.contact_sets.iter().chain(&config.staff_sets);
            assert!(sets.into_iter().all(|set| config.sets.contains_key(set)), "{preset}");
            assert!(config.contact_alert_sets.iter().all(|s| config.alert_sets.contains_key(s)));
            for alert in config.alert_sets.values().flatten() {
                assert!(config.events.contains(alert.split(':').next().unwrap()), "{alert}");
            }
        }
    }

    #[test]
    fn embedded_policies_are_those_of_the_folder() {
        let folder = format!("{}/policies", env!("CARGO_MANIFEST_DIR"));
        let loaded = PolicyBundle::load(folder).unwrap();
        assert_eq!(loaded.warnings(), []);
        assert_eq!(shipped_policies().unwrap().digest(), loaded.digest());
    }
}
