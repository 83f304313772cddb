//! `doorward validate`: everything that is wrong with a folder of policies, or with tenants' own
//! configurations.

use std::fs;
use std::path::{Path, PathBuf};

use doorward::{Diagnostic, PolicyBundle, Severity};

use super::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// Check policies and their schema, or tenants' own configurations, and print every finding
///
/// Reports what the engine would refuse, what is probably not meant, and policies that are not
/// formatted.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(value_name = "DIR", required_unless_present = "config")]
    dir: Option<PathBuf>,

    /// A tenant's own configuration in YAML or JSON, or - for standard input; may be repeated
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,

    /// Exit with 1 on warnings too
    #[arg(long)]
    deny_warnings: bool,

    /// What to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// What there is to say of policies and configurations.
#[derive(Debug)]
pub(crate) struct Report {
    /// The policies, if they were asked about and can be used.
    pub(crate) bundle: Option<PolicyBundle>,
    /// How many configurations were read.
    pub(crate) config_count: usize,
    /// Errors first, for the policies and for each configuration.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Whether everything that was asked about can be used. What cannot be has errors.
    pub(crate) fn is_valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|finding| finding.severity() == severity).count()
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let mut report = match &arguments.dir {
        Some(dir) => policies(dir)?,
        None => Report { bundle: None, config_count: 0, diagnostics: Vec::new() },
    };
    for path in &arguments.config {
        report.config_count += 1;
        report.diagnostics.extend(match super::preset::read(path)? {
            Ok((_, warnings)) => warnings,
            Err(error) => error.diagnostics().to_vec(),
        });
    }
    output::print(&match arguments.output {
        Format::Human => output::validate::human(&report),
        Format::Json => output::validate::json(&report),
    })?;
    let errors = report.count(Severity::Error);
    let warnings = report.count(Severity::Warning);
    let found = errors > 0 || (arguments.deny_warnings && warnings > 0);
    Ok(if found { Status::Findings } else { Status::Clean })
}

fn policies(dir: &Path) -> Result<Report, Failure> {
    // What is wrong inside the folder is a finding; that there is none is not.
    fs::read_dir(dir).map_err(|error| {
        Failure::at(dir.display(), format_args!("can't be read: {error}"))
            .help("name a folder that holds .cedar files")
    })?;
    let (bundle, mut diagnostics) = match PolicyBundle::load(dir) {
        Ok(bundle) => {
            let warnings = bundle.warnings().to_vec();
            (Some(bundle), warnings)
        }
        Err(error) => (None, error.diagnostics().to_vec()),
    };
    diagnostics.extend(PolicyBundle::unformatted(dir));
    Ok(Report { bundle, config_count: 0, diagnostics })
}
