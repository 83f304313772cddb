//! `doorward filter`: a list as a condition on a table of the host's.

use std::path::PathBuf;

use doorward::Dialect;
use doorward::author::read_mapping;

use super::state::{self, AskerArguments, ContextArguments, ModeArguments, StateArguments};
use super::{Format, Status};
use crate::failure::Failure;
use crate::output::{self, filter::Written};
use crate::source::Source;

/// Write what a principal may do something with as a condition in SQL
///
/// Prints the condition for the WHERE of a query on the table that the mapping describes, and the
/// values to bind. It holds for this principal, these circumstances and the facts of this moment.
/// Facts of the table's type are left out: the table stands for them. What SQL can't tell is an
/// error that names policy and clause.
///
/// A mapping, in YAML or JSON, says which column keeps which attribute:
///
///   type: Document
///   id: { column: id, holds: integer }
///   columns:
///     owner: { column: owner_id, holds: text, nulls: absent }
///   related:
///     labels: { table: labels, owner: document_id, column: label, holds: text }
///   joined:
///     client: { column: client_id, holds: uuid, table: clients, mapping: { type: Client, ... } }
///
/// A column holds text, integer, boolean, uuid, uuid_hex or milliseconds. Its nulls are never (the
/// default), absent (an optional attribute) or refused (the row is shown to nobody).
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: StateArguments,

    #[command(flatten)]
    asker: AskerArguments,

    #[command(flatten)]
    context: ContextArguments,

    /// Where the table keeps what policies read, in YAML or JSON, or - for standard input
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,

    /// Whose SQL to write
    #[arg(long, value_name = "NAME", value_enum)]
    dialect: DialectName,

    /// What the query calls the table
    #[arg(long, value_name = "NAME", default_value = "resource")]
    alias: String,

    /// What to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DialectName {
    /// SQLite 3.23 or later
    Sqlite,
    /// PostgreSQL
    Postgres,
    /// MariaDB and MySQL
    Mysql,
}

impl DialectName {
    fn dialect(self) -> Dialect {
        match self {
            Self::Sqlite => Dialect::Sqlite,
            Self::Postgres => Dialect::Postgres,
            Self::Mysql => Dialect::MySql,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let source = Source::of(&arguments.mapping);
    if source == Source::Stdin && arguments.state.source() == Some(Source::Stdin) {
        return Err(Failure::new("both --facts and --mapping read standard input")
            .help("put one of them in a file"));
    }
    let mapping = read_mapping(&source.to_string(), &source.read()?).map_err(state::told)?;
    let stage = arguments.state.stage(&ModeArguments::default())?;
    mapping
        .check(stage.world().policies())
        .map_err(|error| Failure::at(&source, error.message()).help_of(error.help()))?;
    let search = arguments.asker.search().context(arguments.context.read()?);
    let filtered = stage.filter(&search, &mapping).map_err(state::told)?;
    let dialect = arguments.dialect.dialect();
    let sql = filtered.filter.to_sql(dialect, &arguments.alias);
    let written =
        Written { filtered: &filtered, type_name: mapping.type_name(), dialect, sql: &sql };
    output::print(&match arguments.output {
        Format::Human => output::filter::human(&written),
        Format::Json => output::filter::json(&written),
    })?;
    Ok(Status::Clean)
}
