//! What policy authors run: scenarios with expected answers.
//!
//! A scenario file (YAML) describes states of a portal in *fixtures* and asks *scenarios* of them:
//! single questions, steps with writes and a moving clock, or whole matrices. Each scenario starts
//! from its fixtures alone and sees nothing of the others. A [`Stage`] is one such state, to ask what
//! somebody may do, who may do something, and whom an event reaches.
//!
//! ```
//! use doorward::author::Suite;
//! use doorward::portal::shipped_policies;
//!
//! let suite = Suite::from_text("invoices.yaml", r#"
//! fixtures:
//!   studio:
//!     preset: invoicing
//!     clients:
//!       C1:
//!         contacts: { gm: {}, acc: {} }
//!         documents: { I1: { kind: invoice, state: sent, invited: [gm] } }
//! scenarios:
//!   - id: invited-only
//!     fixtures: [studio]
//!     given: { settings: { kinds: { invoice: { level: invited } } } }
//!     steps:
//!       - { check: { principal: gm, action: view, resource: I1 }, expect: allow }
//!       - { check: { principal: acc, action: view, resource: I1 }, expect: deny NOT_INVITED }
//! "#)?;
//! let report = suite.run(&shipped_policies()?, None);
//! assert_eq!((report.passed(), report.failed()), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod codegen;
mod commands;
mod config;
mod format;
mod mapping;
mod run;
mod search;
mod stage;

pub use codegen::python_types;
pub use commands::{Command, EditContactSpec, NewContactSpec, WatchKindSpec};
pub use config::read_config;
pub use format::{
    ArchivedFixture, CallerSpec, Cells, ClientFixture, ContactFixture, DocumentFixture,
    Expectation, Fixture, LinkFixture, LinkPurpose, Mail, Matrix, Open, Principal, Question,
    ResourceSpec, Scenario, ScenarioFile, StaffFixture, Step, Target, WatchFixture, Write,
};
pub use mapping::read_mapping;
pub use run::{Asked, Failure, Reached, ScenarioReport, Suite, SuiteReport};
pub use search::{Filtered, Found, Search};
pub use stage::Stage;

use crate::error::{RequestError, message_and_help};

message_and_help! {
/// Why scenario files, fixtures or mappings cannot be used, or a question in words not asked.
SuiteError
}

impl From<RequestError> for SuiteError {
    fn from(error: RequestError) -> Self {
        let (message, help) = (error.message().to_owned(), error.help().map(str::to_owned));
        Self { message, help }
    }
}

/// The JSON Schema of scenario files, for editors.
///
/// # Example
///
/// ```
/// let schema = doorward::author::json_schema();
/// assert!(schema["properties"]["scenarios"].is_object());
/// ```
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(ScenarioFile).to_value()
}

#[cfg(test)]
mod tests;
