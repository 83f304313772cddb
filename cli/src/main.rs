//! The `doorward` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(doorward_cli::run(std::env::args_os()))
}
