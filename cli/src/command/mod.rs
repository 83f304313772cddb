//! The subcommands: a file each, and what they share.

mod audience;
mod check;
mod codegen;
mod explain;
mod filter;
mod list;
mod plan;
mod preset;
mod question;
mod state;
mod test;
mod validate;
mod who;

use std::path::Path;

use doorward::PolicyBundle;

use crate::failure::Failure;

pub(crate) use state::Page;
pub(crate) use validate::Report;

/// Checks, explains, tests and validates access policies written in Cedar, lists who may do what
/// under them, and shows what they compile to, and presets.
#[derive(Debug, clap::Parser)]
#[command(name = "doorward", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; a refused check is done too
  1  there are findings
  2  it could not run: wrong arguments, unreadable or malformed files";

#[derive(Debug, clap::Subcommand)]
enum Command {
    Audience(audience::Arguments),
    Check(check::Arguments),
    Codegen(codegen::Arguments),
    Explain(explain::Arguments),
    Filter(filter::Arguments),
    List(list::Arguments),
    Plan(plan::Arguments),
    Preset(preset::Arguments),
    Test(test::Arguments),
    Validate(validate::Arguments),
    Who(who::Arguments),
}

/// How a command that ran came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Clean,
    Findings,
}

impl Status {
    /// The code to exit with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings => 1,
        }
    }
}

/// What a command writes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// Text to read.
    #[default]
    Human,
    /// JSON for programs.
    Json,
}

pub(crate) fn run(cli: Cli) -> Result<Status, Failure> {
    match cli.command {
        Command::Audience(arguments) => audience::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Codegen(arguments) => codegen::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Filter(arguments) => filter::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Preset(arguments) => preset::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Who(arguments) => who::run(&arguments),
    }
}

fn load_policies(dir: &Path) -> Result<PolicyBundle, Failure> {
    PolicyBundle::load(dir).map_err(|error| {
        let place = dir.display();
        Failure::new(format!("{place}: the policies can't be used\n\n{error}\n"))
            .help(format!("see all findings with `doorward validate {place}`"))
    })
}
