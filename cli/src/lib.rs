//! The `doorward` command, for its own program and for the one that the Python package brings.

mod command;
mod failure;
mod output;
mod source;

use std::ffi::OsString;

use clap::Parser as _;

/// Runs the command; the code to exit with: 0 done, 1 findings, 2 it could not run.
///
/// `arguments` begin with the name of the program. What it has to say goes to standard output and
/// standard error, help and wrong arguments included.
///
/// # Example
///
/// ```
/// assert_eq!(doorward_cli::run(["doorward", "--version"]), 0);
/// assert_eq!(doorward_cli::run(["doorward", "open"]), 2);
/// ```
pub fn run<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> u8 {
    let cli = match command::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // Where it cannot be told, nothing can.
            let _is_told = told.print();
            return if told.use_stderr() { failure::EXIT_CODE } else { 0 };
        }
    };
    match command::run(cli) {
        Ok(status) => status.code(),
        Err(failure) => {
            output::report(&failure);
            failure::EXIT_CODE
        }
    }
}
