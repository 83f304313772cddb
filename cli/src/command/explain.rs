//! `doorward explain`: says why requests are decided as they are.

use serde_json::json;

use super::question::{Question, QuestionArguments};
use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// Explain the decision on a request, or on a batch of them
///
/// Prints the decision, the policies that determine it, permits that one clause keeps from being
/// satisfied, and every satisfied policy, clause by clause.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    question: QuestionArguments,

    /// Show every policy, clause by clause
    #[arg(long)]
    all: bool,

    /// What to print; json always has every policy
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let Question { world, evaluations } = arguments.question.read()?;
    let requests = evaluations.requests();
    let explanations: Vec<_> = requests.iter().map(|request| world.explain(request)).collect();
    let text = match (arguments.output, explanations.as_slice()) {
        (Format::Json, [explanation]) if !evaluations.is_batch() => {
            output::json(&explanation.to_json())
        }
        (Format::Json, _) => {
            let each: Vec<_> = explanations.iter().map(|each| each.to_json()).collect();
            output::json(&json!({ "evaluations": each }))
        }
        (Format::Human, _) => {
            let both: Vec<_> = requests.iter().zip(&explanations).collect();
            output::explain::human(&world, &both, arguments.all)
        }
    };
    output::print(&text)?;
    Ok(Status::Clean)
}
