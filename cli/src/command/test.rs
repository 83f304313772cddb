//! `doorward test`: scenarios with expected answers.

use std::path::PathBuf;

use doorward::author::{Suite, json_schema};

use super::Status;
use crate::failure::Failure;
use crate::output;

/// Run scenario files against policies
///
/// Reads every .yaml file under DIR/tests, or those that --scenarios names, and compares what
/// comes of each step with what it expects.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(value_name = "DIR", required_unless_present = "print_schema")]
    dir: Option<PathBuf>,

    /// A scenario file or a folder of them, instead of DIR/tests
    #[arg(long, value_name = "PATH")]
    scenarios: Option<PathBuf>,

    /// Only scenarios whose id holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// What to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,

    /// Print the JSON Schema of scenario files, for editors, and do nothing else
    #[arg(long)]
    print_schema: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// Text to read.
    #[default]
    Human,
    /// JSON for programs.
    Json,
    /// JUnit's XML, for CI servers.
    Junit,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    if arguments.print_schema {
        output::print(&output::json(&json_schema()))?;
        return Ok(Status::Clean);
    }
    let dir = arguments.dir.clone().unwrap_or_default();
    let policies = super::load_policies(&dir)?;
    let scenarios = arguments.scenarios.clone().unwrap_or_else(|| dir.join("tests"));
    let suite = Suite::load(&scenarios).map_err(|error| {
        let format = "`doorward test --print-schema` prints the format of scenario files";
        Failure::new(error.message()).help(error.help().unwrap_or(format))
    })?;
    let report = suite.run(&policies, arguments.filter.as_deref());
    if report.scenarios.is_empty() {
        return Err(Failure::at(scenarios.display(), "no scenario was run")
            .help("name a file or folder that holds some, and mind --filter"));
    }
    output::print(&match arguments.output {
        Format::Human => output::test::human(&report),
        Format::Json => output::test::json(&report),
        Format::Junit => output::test::junit(&report)?,
    })?;
    Ok(if report.failed() > 0 { Status::Findings } else { Status::Clean })
}
