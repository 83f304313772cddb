//! Embeddable authorization for client portals.
mod policy;
mod symbol;

pub use policy::{
    Diagnostic, Digest, Effect, Limits, PolicyBundle, PolicyBundleBuilder, PolicyError, PolicyInfo,
    Severity,
};
pub use symbol::Symbol;
