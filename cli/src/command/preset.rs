//! `doorward preset`: what a tenant starts from, and what its own configuration comes to.

use std::path::{Path, PathBuf};

use doorward::author::read_config;
use doorward::portal::{ConfigError, TenantConfig};
use doorward::{Diagnostic, Preset};

use super::validate::Report;
use super::{Format, Status};
use crate::failure::Failure;
use crate::output;
use crate::source::Source;

/// Show what a preset, or a tenant's own configuration, comes to
///
/// Prints the settings, how far each kind of document reaches, what each permission set allows on
/// it, and the alerts. Without arguments it lists the presets.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The preset
    #[arg(value_name = "NAME", conflicts_with = "config")]
    name: Option<Preset>,

    /// A tenant's own configuration in YAML or JSON, or - for standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// What to print
    #[arg(long, visible_alias = "format", value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let (title, config, warnings) = match (&arguments.config, arguments.name) {
        (Some(path), _) => match read(path)? {
            Ok((config, warnings)) => (Source::of(path).to_string(), config, warnings),
            Err(error) => return refused(error.diagnostics().to_vec(), arguments.output),
        },
        (None, Some(preset)) => {
            (format!("{preset}: {}", preset.summary()), TenantConfig::from(preset), Vec::new())
        }
        (None, None) => {
            output::print(&match arguments.output {
                Format::Human => output::preset::human_list(),
                Format::Json => output::preset::json_list(),
            })?;
            return Ok(Status::Clean);
        }
    };
    let effective = config.effective();
    output::print(&match arguments.output {
        Format::Human => output::preset::human(&title, &effective, &warnings),
        Format::Json => output::preset::json(&effective, &warnings)?,
    })?;
    Ok(Status::Clean)
}

/// A configuration with its warnings, or what is wrong with it.
pub(super) fn read(
    path: &Path,
) -> Result<Result<(TenantConfig, Vec<Diagnostic>), ConfigError>, Failure> {
    let source = Source::of(path);
    let text = source.read()?;
    Ok(read_config(&source.to_string(), &text))
}

/// As `doorward validate` says it.
fn refused(diagnostics: Vec<Diagnostic>, format: Format) -> Result<Status, Failure> {
    let report = Report { bundle: None, config_count: 1, diagnostics };
    output::print(&match format {
        Format::Human => output::validate::human(&report),
        Format::Json => output::validate::json(&report),
    })?;
    Ok(Status::Findings)
}
