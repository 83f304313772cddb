//! The client portal: typed commands and questions over the engine.
//!
//! - A [`Portal`] holds the policies and its [`Tenant`]s; nothing crosses tenants. Others take the
//!   place of the policies by [`Portal::publish`].
//! - A [`Caller`] says who asks and with what evidence: a contact with a session, the bearer of a
//!   link, staff, staff viewing or acting as a contact.
//! - Questions are methods of [`Tenant`]: [`check`](Tenant::check), [`list`](Tenant::list),
//!   [`page`](Tenant::page), [`totals`](Tenant::totals), [`who`](Tenant::who),
//!   [`actions`](Tenant::actions), [`actions_many`](Tenant::actions_many),
//!   [`field_groups`](Tenant::field_groups), [`check_mail`](Tenant::check_mail),
//!   [`audience`](Tenant::audience), [`export`](Tenant::export). A [`Resource`] is what they are asked of: a stored document, one of
//!   the host's own tables, one that is not there yet, a contact, a client, the portal.
//! - What was given is read back by the host, for its own pages: [`relations`](Tenant::relations),
//!   [`shares`](Tenant::shares), [`signatures`](Tenant::signatures), [`holdings`](Tenant::holdings),
//!   [`permission_sets`](Tenant::permission_sets), [`settings`](Tenant::settings); and, of what was
//!   given for a time, what begins and ends: [`expiring`](Tenant::expiring).
//! - Writes are commands on a [`Tx`], in [`Tenant::write`]: all or nothing, authorised by the same
//!   policies as everything else, kept to the rules whose codes are [`WRITE_CODES`].
//! - A tenant starts from a [`Preset`], or from a [`TenantConfig`] of its own over one, which is
//!   checked as policies are; its [`Settings`] cascade from client to client group to tenant.
//!
//! The rules are data: [`shipped_policies`], over a schema in which documents of all kinds are one
//! type and what has been chosen for a kind at a client is a row.

mod audience;
mod base;
mod caller;
mod checker;
pub(crate) mod config;
mod document;
mod error;
mod expiring;
mod export;
mod given;
mod id;
mod lists;
mod name;
mod preset;
mod record;
mod rows;
mod settings;
mod tenant;
mod tenants;
mod totals;
mod tx;
mod writing;

pub use audience::{Audience, Recipient};
pub use caller::Caller;
pub use checker::TenantChecker;
pub use config::{ConfigError, EffectiveConfig, EffectiveEvent, EffectiveKind};
pub use document::{Document, Prospect, Resource};
pub use error::{Finding, Refused, Violation, WRITE_CODES, WriteError, Written};
pub use expiring::{Expiring, TimeChange};
pub use export::{Export, ExportedDocument, ExportedLink, ExportedRelation, ExportedShare};
pub use given::{Holdings, Related, Shared, Signatures};
pub use id::{ClientGroupId, ClientId, ContactId, DocumentId, LinkId, ShareId, StaffId};
pub use lists::Page;
pub use name::{
    AccessState, Action, Channel, CredentialState, Kind, Level, MailClass, Role, State,
};
pub use preset::{KindDeclaration, Owner, Preset, TenantConfig, shipped_policies, shipped_sources};
pub use settings::{KindSettings, Limit, Settings};
pub use tenant::{Access, ContactSearch, Tenant};
pub use tenants::{Portal, PortalBuilder};
pub use totals::Totals;
pub use tx::{
    Archive, ContactEdit, NewContact, NewShare, NewStaff, Recipients, Relation, Sent, Tx, Watch,
};

#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod tests;
