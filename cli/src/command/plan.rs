//! `doorward plan`: what policies compile to.

use std::path::PathBuf;
use std::str::FromStr;

use doorward::PlanFilter;

use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// Show what policies compile to, and what each of their clauses reads
///
/// Prints, for each type of principal, action and type of resource, the policies that can still
/// apply, in the order in which reasons are reported, and those that never can. Each clause says
/// what it reads: the class of a row, whose tests were made when the row was written; a group; or a
/// join of several rows, which is asked for each request.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Only this type of principal, action and type of resource, as in 'Contact view Document';
    /// may be repeated
    #[arg(long, value_name = "WHICH")]
    environment: Vec<Environment>,

    /// Only this action, with whomever and on whatever; may be repeated
    #[arg(long, value_name = "NAME")]
    action: Vec<String>,

    /// A line for each environment
    #[arg(long)]
    summary: bool,

    /// What to print
    #[arg(long, visible_alias = "format", value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// A type of principal, an action, a type of resource.
#[derive(Debug, Clone)]
struct Environment {
    principal: String,
    action: String,
    resource: String,
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // The id of an action may hold spaces, names of types do not.
        let parts = text.split_once(' ').and_then(|(principal, rest)| {
            let (action, resource) = rest.rsplit_once(' ')?;
            Some((principal, action.trim(), resource))
        });
        match parts {
            Some((principal, action, resource)) if !action.is_empty() => Ok(Self {
                principal: principal.to_owned(),
                action: action.to_owned(),
                resource: resource.to_owned(),
            }),
            _ => {
                Err("write the principal, the action and the resource, as in Contact view Document")
            }
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let policies = super::load_policies(&arguments.dir)?;
    let mut filter = PlanFilter::new();
    let mut chosen = Vec::new();
    for Environment { principal, action, resource } in &arguments.environment {
        filter = filter.environment(principal, action, resource);
        let alone = PlanFilter::new().environment(principal, action, resource);
        chosen.push((format!("{principal} {action} {resource}"), alone));
    }
    for action in &arguments.action {
        filter = filter.action(action);
        chosen.push((action.clone(), PlanFilter::new().action(action)));
    }
    let listing = policies.plan_listing(&filter);
    let is_there = |filter: &PlanFilter| listing.environments.iter().any(|it| filter.chooses(it));
    if let Some((name, _)) = chosen.iter().find(|(_, alone)| !is_there(alone)) {
        let all = format!("`doorward plan --summary {}` names all", arguments.dir.display());
        return Err(Failure::at(name, "the schema declares no such environment").help(all));
    }
    output::print(&match (arguments.output, arguments.summary) {
        (Format::Human, summary) => output::plan::human(&policies, &listing, summary),
        (Format::Json, false) => output::plan::json(&policies, &listing)?,
        (Format::Json, true) => output::plan::json_summary(&policies, &listing),
    })?;
    Ok(Status::Clean)
}
