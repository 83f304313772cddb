#![doc = include_str!("../README.md")]
//!
//! # A tour
//!
//! | for | look at |
//! |---|---|
//! | portals: the paved path | [`Portal`], [`Tenant`], [`Caller`], [`Action`], [`Kind`]; commands in [`portal::Tx`] |
//! | answers | [`Decision`], [`Disclosure`], [`Explanation`], [`Determination`] |
//! | policies | [`PolicyBundle`], [`Diagnostic`], [`Limits`]; what they compile to: [`PlanListing`] |
//! | any other schema | [`Engine`], [`Request`], [`Facts`], [`Changes`], [`World`] |
//! | many questions, fast | [`Environment`], [`Context`], [`Id`], [`Checker`], [`Listing`] |
//! | lists of the host's own tables, in SQL | [`Checker::filter`], [`Engine::filter`], [`TableMapping`], [`Filter`], [`Sql`] |
//! | rows of the host's own tables | [`AsEntity`], [`EntityWriter`], [`Engine::check_inline`] |
//! | JSON in AuthZEN's shape | [`wire`] |
//! | who did, saw or was refused what | [`audit`] |
#![cfg_attr(feature = "author", doc = "| tests of policies | [`author`] |")]
//! | errors | [`Error`] over one per phase |

pub mod audit;
#[cfg(feature = "author")]
pub mod author;
mod compile;
#[cfg(feature = "coverage")]
#[doc(hidden)]
pub mod coverage;
mod decide;
mod engine;
mod error;
mod facts;
mod plan;
mod policy;
pub mod portal;
mod query;
mod symbol;
pub mod wire;

pub use decide::{
    ActionName, Clause, ClauseValue, Decision, Determination, Disclosure, ErrorMode, Explanation,
    Outcome, PolicyTrace, Request, codes,
};
pub use engine::{
    Checker, Context, Engine, EngineBuilder, Environment, Resolved, ShadowDivergence, ShadowReport,
    World,
};
pub use error::{Error, RequestError, StoreError};
pub use facts::{
    AsEntity, Change, Changes, Entity, EntityUid, EntityWriter, Facts, Id, Record, Revision,
    Timestamp, Value, ValueError,
};
pub use plan::{
    PlanClause, PlanCounts, PlanEnvironment, PlanFilter, PlanJoin, PlanListing, PlanPart,
    PlanPolicy, PlanRead, PlanType,
};
pub use policy::{
    Diagnostic, Digest, Effect, Limits, PolicyBundle, PolicyBundleBuilder, PolicyError, PolicyInfo,
    Severity,
};
pub use portal::{
    Action, Caller, ClientId, ContactId, DocumentId, Kind, LinkId, Portal, Preset, StaffId, Tenant,
    TenantChecker, WriteError,
};
pub use query::{
    Column, ColumnMapping, Comparison, Dialect, Filter, FilterError, Holds, Listing, Nulls,
    Placeholders, Predicate, Sql, SqlValue, TableMapping,
};
pub use symbol::Symbol;
