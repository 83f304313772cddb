//! `doorward audience`: whom an event about a document reaches.

use std::path::PathBuf;

use doorward::author::Stage;
use doorward::portal::Channel;

use super::{Format, Status, state};
use crate::failure::Failure;
use crate::output::{self, audience::Sent};
use crate::source::Source;

/// List whom an event about a document reaches, and who nearly is reached
///
/// Prints the recipients on each channel with the reason, then near misses with theirs: of the
/// document's client and of those it was given to, who may view it and is not sent the event, and
/// who is subscribed to the event and may not view it. Mail goes to contacts whether or not they
/// are signed in.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,

    /// A portal's fixture in YAML, as in scenario files, or - for standard input
    #[arg(long, value_name = "FILE")]
    facts: PathBuf,

    /// The event, as in invoice.sent
    #[arg(long, value_name = "NAME")]
    event: String,

    /// The document that it is about: a name of the fixture
    #[arg(long, value_name = "NAME")]
    resource: String,

    /// Only this channel: email, sms, push or in_app; may be repeated
    #[arg(long, value_name = "NAME")]
    channel: Vec<Channel>,

    /// What to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let Arguments { event, resource, channel, .. } = arguments;
    let source = Source::of(&arguments.facts);
    let policies = super::load_policies(&arguments.policies)?;
    let stage = Stage::from_yaml(&source.read()?, &policies)
        .map_err(|error| Failure::at(&source, error))?;
    let is_asked = |one: &&Channel| channel.is_empty() || channel.contains(one);
    let channels: Vec<Channel> = Channel::ALL.iter().filter(is_asked).copied().collect();
    let audience = stage.audience(resource, event, &channels).map_err(state::told)?;
    let world = stage.world();
    let sent = Sent { world: &world, event, resource, channels: &channels };
    output::print(&match arguments.output {
        Format::Human => output::audience::human(&sent, &audience),
        Format::Json => output::audience::json(&sent, &audience),
    })?;
    Ok(Status::Clean)
}
