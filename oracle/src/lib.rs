//! Random policies, facts and requests, and the comparison of doorward with Cedar over them.
//!
//! [`Case::generate`] reads [`Choices`], which a seed, a fuzzer's bytes or a property test's numbers
//! feed. [`compare`](compare::compare) asks `cedar_policy::Authorizer` over all entities and the
//! engine over its facts, and says where they differ.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a tool for tests: a fault of its own has to stop it"
)]

mod choices;
pub mod compare;
pub mod coverage;
mod filters;
mod generate;
mod lists;
pub mod run;
pub mod tables;

pub use choices::Choices;
pub use generate::{Case, ColumnOf, Holds, Link, Policy, Query, Row, Uid, Val, World};

/// A part of a whole, in per cent.
fn share(part: usize, whole: usize) -> String {
    let permille = part * 1_000 / whole.max(1);
    format!("{}.{} %", permille / 10, permille % 10)
}
