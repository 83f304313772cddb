//! `doorward codegen`: a schema's types for the host's own language.

use std::path::PathBuf;

use doorward::author::python_types;

use super::{Status, state};
use crate::failure::Failure;
use crate::output;
use crate::source::Source;

/// Write the types of a schema for the host's own language
///
/// The names of entity types, actions and reasons, the attributes of each entity type, and the
/// context of each action, so that the host's type checker finds what is misspelt.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The language
    #[arg(value_name = "LANGUAGE", value_enum)]
    language: Language,

    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Print nothing, and exit with 1 where this file does not hold what would be printed
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// A module with Literals and TypedDicts
    Python,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let policies = super::load_policies(&arguments.dir)?;
    let module = match arguments.language {
        Language::Python => python_types(&policies).map_err(state::told)?,
    };
    let Some(file) = &arguments.check else {
        output::print(&module)?;
        return Ok(Status::Clean);
    };
    if Source::of(file).read()? == module {
        return Ok(Status::Clean);
    }
    let dir = arguments.dir.display();
    output::print(&format!(
        "{}: out of date; write it with `doorward codegen python {dir}`\n",
        file.display()
    ))?;
    Ok(Status::Findings)
}
