//! `doorward list`: what a principal may do something with.

use doorward::author::Search;

use super::state::{self, ContextArguments, ModeArguments, PageArguments, StateArguments};
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

    /// Who asks, as in 'Contact::"gm"', or a name of the fixture
    #[arg(long, value_name = "UID")]
    principal: String,

    /// What for: a name, as in view, or a uid, as in 'Shop::Action::"view"'
    #[arg(long, value_name = "NAME")]
    action: String,

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
    let search = Search::new(&arguments.principal, &arguments.action);
    let search = search.context(arguments.context.read()?);
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
