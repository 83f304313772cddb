//! `doorward check`: decides requests.

use super::question::{Question, QuestionArguments};
use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// Decide a request, or a batch of them
///
/// Prints allow, deny or step up with the reason code, its message and the policy that decided.
/// A refusal is an answer: the exit code is 0.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    question: QuestionArguments,

    /// What to print; json is AuthZEN's answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let Question { world, evaluations } = arguments.question.read()?;
    let decisions = evaluations.check(&world);
    let text = match arguments.output {
        Format::Json => output::json(&evaluations.to_json(&world, &decisions)),
        Format::Human => output::check::human(&world, &evaluations, &decisions),
    };
    output::print(&text)?;
    Ok(Status::Clean)
}
