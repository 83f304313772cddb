//! Embeddable authorization for client portals.
mod symbol;

pub use symbol::Symbol;
