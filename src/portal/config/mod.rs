//! A tenant's own configuration: read over a preset, and checked as policies are.

mod effective;
mod fields;
mod lint;
mod read;

use std::fmt;

use serde_json::Value as Json;

use super::preset::TenantConfig;
use crate::policy::{self, Diagnostic, Severity};

pub use effective::{EffectiveConfig, EffectiveEvent, EffectiveKind};
#[cfg(feature = "author")]
pub(crate) use read::Path;
pub(crate) use read::{ConfigText, Places, read};

impl TenantConfig {
    /// Reads a configuration of a tenant's own, in JSON: a preset's name and what differs.
    ///
    /// The text is an object with the members of this type, and `from`, the preset. Objects are
    /// laid over those of the preset member by member, `null` removes a member, and a list stands
    /// instead of the preset's. `name` is what the diagnostics call the text.
    ///
    /// The same format in YAML, with lines and columns in the diagnostics, is read by
    /// `doorward::author::read_config` (feature `author`).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, at once.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Kind, portal::{Level, TenantConfig}};
    ///
    /// let config = TenantConfig::read("harbour.json", r#"{
    ///     "from": "bookings",
    ///     "settings": { "kinds": { "booking": { "secondaries_max": 1 } } }
    /// }"#)?;
    /// let booking = &config.settings.kinds[&Kind::BOOKING];
    /// assert_eq!((booking.primaries_max, booking.secondaries_max), (Some(2), Some(1)));
    ///
    /// let refused = TenantConfig::read("harbour.json", r#"{
    ///     "from": "bookings",
    ///     "sets": { "planner": ["booking.vew"] },
    ///     "contact_sets": ["planer"]
    /// }"#).unwrap_err();
    /// let found: Vec<_> = refused.diagnostics().iter().map(|d| (d.code(), d.path())).collect();
    /// assert!(found.contains(&("unknown-permission", Some("sets.planner[0]"))));
    /// assert!(found.contains(&("unknown-set", Some("contact_sets[0]"))));
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn read(name: &str, text: &str) -> Result<Self, ConfigError> {
        let json = serde_json::from_str(text).map_err(|error| {
            let unreadable = Diagnostic::error("parse", format!("no JSON: {error}"));
            ConfigError::new(vec![unreadable.in_file(name)])
        })?;
        read(&ConfigText::new(name, text, json, Places::default())).map(|(config, _)| config)
    }

    /// Lays members of a configuration over this one, as [`read`](Self::read) lays a text over its
    /// preset.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with what comes of it, at once.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Preset, portal::TenantConfig};
    ///
    /// let config = TenantConfig::from(Preset::Practice);
    /// let strict = config.overlay(serde_json::json!({ "settings": { "mfa": true } }))?;
    /// assert_eq!(strict.settings.mfa, Some(true));
    ///
    /// let refused = config.overlay(serde_json::json!({ "settings": { "idle_max_ms": -1 } }));
    /// assert_eq!(refused.unwrap_err().diagnostics()[0].code(), "invalid-duration");
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn overlay(&self, members: Json) -> Result<Self, ConfigError> {
        read::overlay(self, members, None).map(|(config, _)| config)
    }

    /// Everything that is wrong with the configuration, errors first; what is only doubtful is a
    /// warning.
    ///
    /// [`Portal::create_tenant`](crate::Portal::create_tenant) refuses a configuration with errors.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Preset, Severity, portal::TenantConfig};
    ///
    /// let mut config = TenantConfig::from(Preset::Agency);
    /// assert!(config.diagnostics().is_empty());
    ///
    /// config.contact_sets.insert("manager".to_owned());
    /// let finding = &config.diagnostics()[0];
    /// assert_eq!((finding.code(), finding.severity()), ("all-for-contacts", Severity::Warning));
    /// assert_eq!(finding.path(), Some("contact_sets[0]"));
    /// ```
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        read::diagnostics(self)
    }

    /// Whether it can be used.
    pub(super) fn checked(&self) -> Result<(), ConfigError> {
        let found = self.diagnostics();
        if has_errors(&found) { Err(ConfigError::new(found)) } else { Ok(()) }
    }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|finding| finding.severity() == Severity::Error)
}

/// Why a configuration was refused: everything that is wrong with it, not only the first finding.
///
/// `Display` lists the first 20 findings, errors first.
///
/// # Example
///
/// ```
/// use doorward::portal::TenantConfig;
///
/// let refused = TenantConfig::read("own.json", r#"{ "from": "booking" }"#).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "own.json: error[unknown-preset]: from: there is no preset `booking`\n\
///      help: did you mean `bookings`?",
/// );
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub struct ConfigError {
    diagnostics: Vec<Diagnostic>,
}

impl ConfigError {
    /// INVARIANT (not-empty): at least one diagnostic, and it is an error. The caller upholds it.
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// Every finding, errors first and then warnings; never empty.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        policy::list(&self.diagnostics, f)
    }
}

#[cfg(test)]
mod tests;
