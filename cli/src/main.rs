//! The `doorward` command.

mod command;
mod failure;
mod output;
mod source;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match command::run(command::Cli::parse()) {
        Ok(status) => status.into(),
        Err(failure) => {
            output::report(&failure);
            ExitCode::from(failure::EXIT_CODE)
        }
    }
}
