//! `doorward validate`: everything that is wrong with a folder of policies.

use std::fs;
use std::path::PathBuf;

use doorward::{Diagnostic, PolicyBundle, Severity};

use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// Check policies and their schema, and print every finding
///
/// Reports what the engine would refuse, what is probably not meant, and files that are not
/// formatted.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Exit with 1 on warnings too
    #[arg(long)]
    deny_warnings: bool,

    /// What to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// What there is to say of a folder.
#[derive(Debug)]
pub(crate) struct Report {
    /// The policies, if they can be used.
    pub(crate) bundle: Option<PolicyBundle>,
    /// Errors first.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|finding| finding.severity() == severity).count()
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    // What is wrong inside the folder is a finding; that there is none is not.
    fs::read_dir(&arguments.dir).map_err(|error| {
        Failure::at(arguments.dir.display(), format_args!("can't be read: {error}"))
            .help("name a folder that holds .cedar files")
    })?;
    let (bundle, mut diagnostics) = match PolicyBundle::load(&arguments.dir) {
        Ok(bundle) => {
            let warnings = bundle.warnings().to_vec();
            (Some(bundle), warnings)
        }
        Err(error) => (None, error.diagnostics().to_vec()),
    };
    diagnostics.extend(PolicyBundle::unformatted(&arguments.dir));
    let report = Report { bundle, diagnostics };
    output::print(&match arguments.output {
        Format::Human => output::validate::human(&report),
        Format::Json => output::validate::json(&report),
    })?;
    let errors = report.count(Severity::Error);
    let warnings = report.count(Severity::Warning);
    let found = errors > 0 || (arguments.deny_warnings && warnings > 0);
    Ok(if found { Status::Findings } else { Status::Clean })
}
