//! The client portal: typed commands and questions over the engine.

mod caller;
mod document;
mod error;
mod id;
mod name;
mod preset;
mod rows;
mod settings;
mod tenant;
mod tx;

pub use caller::Caller;
pub use document::{Document, Prospect, Resource};
pub use error::{Finding, Violation, WRITE_CODES, WriteError, Written};
pub use id::{ClientGroupId, ClientId, ContactId, DocumentId, LinkId, StaffId};
pub use name::{AccessState, Action, Channel, CredentialState, Kind, Level, State};
pub use preset::{Preset, TenantConfig, shipped_policies};
pub use settings::{KindSettings, Limit, Settings};
pub use tenant::{Access, ContactSearch, Portal, PortalBuilder, Tenant};
pub use tx::{Archive, ContactEdit, NewContact, NewStaff, Recipients, Sent, Tx, Watch};

#[cfg(test)]
mod tests;
