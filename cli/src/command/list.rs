//! `doorward list`: what a principal may do something with.

use super::state::{
    self, AskerArguments, ContextArguments, ModeArguments, PageArguments, StateArguments,
};
use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// List the stored resources that a principal may do something with
///
/// Prints them in the order of their types and ids, and how many there are. Each is decided as
/// `doorward check` decides it. In a fixture, the names of contacts, staff and links ask.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: StateArguments,

    #[command(flatten)]
    asker: AskerArguments,

    /// Only resources of this type, as in Document; else of all that the schema declares the action
    /// for
    #[arg(long = "type", value_name = "NAME", conflicts_with = "kind")]
    type_name: Option<String>,

    /// Only documents of this kind, as in invoice, of a portal's fixture
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,

    #[command(flatten)]
    context: ContextArguments,

    #[command(flatten)]
    mode: ModeArguments,

    #[command(flatten)]
    page: PageArguments,

    /// What to print; json is the answer to AuthZEN's search for resources
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let search = arguments.asker.search().context(arguments.context.read()?);
    let search = match (&arguments.kind, &arguments.type_name) {
        (Some(kind), _) => search.of_kind(kind),
        (None, Some(type_name)) => search.of_type(type_name),
        (None, None) => search,
    };
    let found = arguments.state.stage(&arguments.mode)?.list(&search).map_err(state::told)?;
    let page = arguments.page.of(&found.uids);
    output::print(&match arguments.output {
        Format::Human => output::found::human_list(&found, arguments.kind.as_deref(), &page),
        Format::Json => output::found::json(&found, &page),
    })?;
    Ok(Status::Clean)
}
