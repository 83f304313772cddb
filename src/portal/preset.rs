//! Presets: what a tenant starts from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::{Action, Kind, State, words};
use super::rows::{self, Row as _};
use super::settings::Settings;
use crate::error::Error;
use crate::facts::{Entity, Facts, Value, ValueError};
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

words! {
    /// A preset: a trade's way to run a portal.
    Preset("preset") {
        /// An accounting practice: access switched on contact by contact, visible documents,
        /// document requests, letters and proposals to sign, invoices to view, messages both ways.
        Accounting = "accounting",
        /// An agency: nothing is allowed until permissions are chosen, jobs and their alerts are
        /// for their job contacts, work requests, alert sets by channel, names for logging in.
        Agency = "agency",
        /// An events business: bookings with primary and secondary contacts, who see every part
        /// of them, fill in worksheets, pay, sign and attach; only primaries are mailed.
        Bookings = "bookings",
        /// A business that invoices: documents for all contacts or the invited ones, watchers,
        /// personal links, optional password protection.
        Invoicing = "invoicing",
        /// A practice of any trade: modules by client and by contact, downloading apart from
        /// viewing, forced approvals, assigned tasks, own tickets, a second factor.
        Practice = "practice",
    }
}

impl Preset {
    /// What it is for, in a line.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(doorward::Preset::Bookings.summary().starts_with("an events business:"));
    /// ```
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Accounting => {
                "an accounting practice: shared documents, requests, letters to sign, messages"
            }
            Self::Agency => {
                "an agency: nothing until permissions are chosen; jobs are for their job contacts"
            }
            Self::Bookings => {
                "an events business: bookings with primary and secondary contacts who see every part"
            }
            Self::Invoicing => {
                "a business that invoices: all contacts or the invited, watchers, personal links"
            }
            Self::Practice => {
                "a practice of any trade: modules by client and contact, approvals, own tickets"
            }
        }
    }
}

/// What a tenant starts from: settings, permission sets and what contacts hold by default.
///
/// Start from a [`Preset`] and change what differs, here or in a file: [`TenantConfig::read`].
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
    /// Kinds of its own, in addition to the shipped ones.
    pub kinds: BTreeMap<Kind, KindDeclaration>,
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
            Preset::Agency => include_str!("../../policies/presets/agency.json"),
            Preset::Bookings => include_str!("../../policies/presets/bookings.json"),
            Preset::Invoicing => include_str!("../../policies/presets/invoicing.json"),
            Preset::Practice => include_str!("../../policies/presets/practice.json"),
        };
        // INVARIANT (shipped presets): a test reads each; a broken one opens nothing.
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Whom the documents of a kind belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Each to a client, directly or through its container.
    Client,
    /// To the tenant: they are for the contacts of all clients.
    Tenant,
}

/// A kind of document, declared by the library or by a tenant.
///
/// # Example
///
/// ```
/// use std::collections::BTreeMap;
/// use doorward::Action;
/// use doorward::portal::{KindDeclaration, Owner, State};
///
/// let moodboard = KindDeclaration {
///     actions: [Action::View, Action::Comment, Action::Create].into(),
///     owner: Some(Owner::Client),
///     states: BTreeMap::from([("pinned".to_owned(), State::Open)]),
///     ..KindDeclaration::default()
/// };
/// assert!(!moodboard.container);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct KindDeclaration {
    /// What can be done with its documents. Each action is a permission of its own: `invoice.view`.
    pub actions: BTreeSet<Action>,
    /// Whom its documents belong to. A kind that does not say so is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Whether other documents lie in those of this kind: a booking, a job.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub container: bool,
    /// The kind's own names of states, and what they count as.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<String, State>,
}

pub(super) type Catalogue = BTreeMap<Kind, KindDeclaration>;

pub(super) fn catalogue() -> Result<Catalogue, ValueError> {
    serde_json::from_str(KINDS)
        .map_err(|error| ValueError::new(format!("the catalogue of kinds cannot be read: {error}")))
}

/// The kinds that a tenant has declared, as their rows say.
pub(super) fn kinds(facts: &Facts) -> Catalogue {
    let declaration = |row: &Entity| {
        let right = |name: &Arc<str>| {
            let record = row.attribute(name).and_then(Value::as_record).is_some();
            name.parse::<Action>().ok().filter(|_| record)
        };
        let owner = if row.is("tenant_wide") { Owner::Tenant } else { Owner::Client };
        KindDeclaration {
            actions: row.attributes().keys().filter_map(right).collect(),
            owner: Some(owner),
            container: row.is("container"),
            states: rows::kept(row, "states").unwrap_or_default(),
        }
    };
    let kind = |row: Entity| Some((row.uid().id().parse().ok()?, declaration(&row)));
    facts.of_type("Kind").filter_map(kind).collect()
}

/// First parts of permissions that are not a kind's: a kind of such a name would take them over.
pub(super) const RESERVED_KINDS: &[&str] = &["contact", "portal", "privacy"];

/// Permissions of the portal that belong to no kind of document.
pub(super) const PORTAL_PERMISSIONS: &[&str] = &[
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
    use crate::portal::name::{Channel, Level};

    fn held(config: &TenantConfig, set: &str) -> BTreeSet<String> {
        config.sets[set].clone()
    }

    /// What contacts can hold by shipped sets: all but the sets of staff.
    fn for_contacts(config: &TenantConfig) -> BTreeSet<String> {
        let sets = config.sets.iter().filter(|(set, _)| !config.staff_sets.contains(*set));
        sets.flat_map(|(_, held)| held.clone()).collect()
    }

    #[test]
    fn shipped_data_is_read_whole() {
        for preset in Preset::ALL {
            let path = format!("{}/policies/presets/{preset}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let config: TenantConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(config, TenantConfig::from(*preset));
            // Every permission, set, event, channel and kind is known; every event has an alert.
            assert_eq!(config.diagnostics(), [], "{preset}");
            assert!(!config.sets.is_empty() && !config.events.is_empty(), "{preset}");
        }
    }

    #[test]
    fn contacts_hold_no_right_on_what_they_cannot_view() {
        for preset in Preset::ALL {
            let config = TenantConfig::from(*preset);
            let held = for_contacts(&config);
            for permission in &held {
                let (kind, _) = permission.split_once('.').unwrap();
                let viewed = held.contains(&format!("{kind}.view"));
                assert!(
                    viewed || PORTAL_PERMISSIONS.contains(&permission.as_str()),
                    "{permission}"
                );
            }
            // Reminders of payments are about invoices.
            let about = |event: &str| match event.split_once('.').unwrap() {
                ("payment", _) => "invoice.view".to_owned(),
                (kind, _) => format!("{kind}.view"),
            };
            for event in &config.events {
                assert!(held.contains(&about(event)), "{preset}: {event} tells nobody anything");
            }
            for kind in &config.contact_receives {
                assert!(held.contains(&format!("{kind}.view")), "{preset}: {kind}");
            }
        }
    }

    #[test]
    fn contacts_hold_nothing_of_staff() {
        let for_contacts_too = ["contact.edit_own"];
        for preset in Preset::ALL {
            for permission in for_contacts(&TenantConfig::from(*preset)) {
                let (_, right) = permission.split_once('.').unwrap();
                let of_portal = PORTAL_PERMISSIONS.contains(&permission.as_str());
                assert!(!of_portal || for_contacts_too.contains(&permission.as_str()));
                for staff in ["send", "view_internal", "view_staff_fields", "delete"] {
                    assert_ne!(right, staff, "{preset}: {permission}");
                }
                assert!(!right.ends_with("_on_behalf") && permission != "*", "{preset}");
            }
        }
    }

    #[test]
    fn accounting_views_invoices_and_does_not_pay_them() {
        let config = TenantConfig::from(Preset::Accounting);
        let contact = held(&config, "contact");
        for right in ["invoice.view", "document_request.complete", "engagement_letter.sign"] {
            assert!(contact.contains(right), "{right}");
        }
        assert!(contact.contains("message.create") && contact.contains("message.reply"));
        assert!(!contact.iter().any(|right| right.ends_with(".pay") || right.starts_with("task")));
    }

    #[test]
    fn agency_allows_nothing_until_permissions_are_chosen_in_six_sections() {
        let config = TenantConfig::from(Preset::Agency);
        assert!(config.contact_sets.is_empty() && config.contact_alert_sets.is_empty());
        let sections: Vec<&str> =
            config.sets.keys().map(String::as_str).filter(|set| *set != "manager").collect();
        let six = ["approvals", "billing", "details", "files", "jobs", "requests"];
        assert_eq!(sections, six);
        let (views, approves) = (held(&config, "billing"), held(&config, "approvals"));
        assert!(views.contains("estimate.view") && !views.contains("estimate.approve"));
        assert!(approves.contains("estimate.approve") && !approves.contains("estimate.view"));
        // One alert set a channel, and nothing of another channel in it.
        for (set, alerts) in &config.alert_sets {
            assert!(alerts.iter().all(|alert| alert.ends_with(&format!(":{set}"))), "{set}");
        }
        assert_eq!(config.alert_sets.len(), Channel::ALL.len());
        let settings = &config.settings;
        assert_eq!(
            (settings.login_names, settings.force_password_change),
            (Some(true), Some(true))
        );
        for kind in [Kind::JOB, Kind::FILE, Kind::NOTE, Kind::DOCUMENT, Kind::TASK, Kind::MESSAGE] {
            assert_eq!(settings.kind(&kind).level, Some(Level::Container), "{kind}");
        }
        for kind in [Kind::WORK_REQUEST, Kind::ESTIMATE, Kind::INVOICE] {
            assert_eq!(settings.kind(&kind).level, Some(Level::Client), "{kind}");
        }
    }

    #[test]
    fn bookings_show_every_part_and_let_contacts_act() {
        let config = TenantConfig::from(Preset::Bookings);
        let contact = held(&config, "contact");
        for part in [
            "booking",
            "contract",
            "file",
            "image",
            "page",
            "payment",
            "product",
            "proposal",
            "service",
            "survey",
            "video",
            "worksheet",
        ] {
            assert!(contact.contains(&format!("{part}.view")), "{part}");
            assert_eq!(config.settings.kind(&part.parse().unwrap()).level, Some(Level::Container));
        }
        for right in [
            "worksheet.edit",
            "worksheet.submit",
            "invoice.pay",
            "payment.add",
            "contract.sign",
            "file.attach",
        ] {
            assert!(contact.contains(right), "{right}");
        }
        let booking = config.settings.kind(&Kind::BOOKING);
        assert_eq!((booking.primaries_max, booking.secondaries_max), (Some(2), Some(3)));
        // Attaching is on until it is switched off.
        assert_ne!(config.settings.uploads, Some(false));
    }

    #[test]
    fn invoicing_mails_whom_invoices_are_added_to() {
        let config = TenantConfig::from(Preset::Invoicing);
        assert_eq!(config.contact_receives, [Kind::INVOICE].into());
        assert!(held(&config, "contact").contains("task.view"));
        // Mail goes by invitation and watching: a subscription by mail would go around them.
        assert!(!config.alert_sets.values().flatten().any(|alert| alert.ends_with(":email")));
    }

    #[test]
    fn practice_keeps_modules_and_downloads_apart() {
        let config = TenantConfig::from(Preset::Practice);
        let downloads = held(&config, "downloads");
        assert!(downloads.iter().all(|right| right.ends_with(".download")));
        for (set, held) in &config.sets {
            let apart = set == "downloads" || !held.iter().any(|right| right.ends_with("download"));
            assert!(apart, "{set}");
            // Announcements are for every contact, whatever else he was given.
            let module = !["downloads", "manager"].contains(&set.as_str());
            assert_eq!(held.contains("announcement.view"), module, "{set}");
        }
        let shared = held(&config, "finance").intersection(&held(&config, "projects")).count();
        assert_eq!(shared, 1);
        let ticket = config.settings.kind(&Kind::TICKET);
        assert_eq!((ticket.level, ticket.main_exempt), (Some(Level::Own), Some(true)));
        assert_eq!(config.settings.kind(&Kind::TASK).level, Some(Level::Assigned));
        assert!(!config.alert_sets.values().flatten().any(|alert| alert.ends_with(":email")));
    }

    #[test]
    fn embedded_policies_are_those_of_the_folder() {
        let folder = format!("{}/policies", env!("CARGO_MANIFEST_DIR"));
        let loaded = PolicyBundle::load(folder).unwrap();
        assert_eq!(loaded.warnings(), []);
        assert_eq!(shipped_policies().unwrap().digest(), loaded.digest());
    }
}
