//! `doorward who`: which principals may do something with a resource.

use doorward::author::Search;

use super::state::{self, ContextArguments, ModeArguments, PageArguments, StateArguments};
use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// List the stored principals that may do something with a resource
///
/// Prints them in the order of their types and ids, and how many there are. Each is decided as
/// `doorward check` decides it, in the circumstances of --context. In a fixture, contacts are asked
/// about as if they had just signed in, from a network that the tenant lets in; staff and links
/// too.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: StateArguments,

    /// What for: a name, as in view, or a uid, as in 'Shop::Action::"view"'
    #[arg(long, value_name = "NAME")]
    action: String,

    /// On what, as in 'Document::"I1"', or a name of the fixture
    #[arg(long, value_name = "UID")]
    resource: String,

    /// Only principals of this type, as in Contact; else of all that the schema declares the action
    /// for
    #[arg(long = "type", value_name = "NAME")]
    type_name: Option<String>,

    #[command(flatten)]
    context: ContextArguments,

    #[command(flatten)]
    mode: ModeArguments,

    #[command(flatten)]
    page: PageArguments,

    /// What to print; json is the answer to AuthZEN's search for subjects
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let search = Search::new(&arguments.resource, &arguments.action);
    let search = search.context(arguments.context.read()?);
    let search = match &arguments.type_name {
        Some(type_name) => search.of_type(type_name),
        None => search,
    };
    let found = arguments.state.stage(&arguments.mode)?.who(&search).map_err(state::told)?;
    let page = arguments.page.of(&found.uids);
    output::print(&match arguments.output {
        Format::Human => output::found::human_who(&found, &page),
        Format::Json => output::found::json(&found, &page),
    })?;
    Ok(Status::Clean)
}
