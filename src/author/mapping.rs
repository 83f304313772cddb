//! Where a host's table keeps what policies read, as a file says it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SuiteError;
use crate::query::{ColumnMapping, Nulls, TableMapping};

/// A [`TableMapping`] as a file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    #[serde(rename = "type")]
    type_name: String,
    id: ColumnSpec,
    /// By attribute; a member of a record by its path.
    #[serde(default)]
    columns: BTreeMap<String, ColumnSpec>,
    /// Sets by attribute.
    #[serde(default)]
    related: BTreeMap<String, RelatedSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnSpec {
    column: String,
    holds: Holds,
    #[serde(default)]
    nulls: NullsSpec,
}

/// Rows of another table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelatedSpec {
    table: String,
    owner: String,
    column: String,
    holds: Holds,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Holds {
    Text,
    Integer,
    Boolean,
    Uuid,
    Milliseconds,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum NullsSpec {
    #[default]
    Never,
    Absent,
    Refused,
}

/// Reads a [`TableMapping`] from YAML or JSON.
///
/// `type` is the entity type whose rows the table keeps, `id` the column of their ids. `columns` says
/// for an attribute, or for a member of a record by its path, in which `column` it stands, what that
/// `holds` (`text`, `integer`, `boolean`, `uuid` or `milliseconds`), and what `NULL` means there:
/// `never`, which is the default, `absent` or `refused` (see [`Nulls`]). `related` says for a set
/// which `table` has a row for each element, which column of it names the `owner`, and which the
/// element.
///
/// Whether it fits a schema, [`TableMapping::check`] says.
///
/// # Errors
///
/// When it is no YAML, a member is missing or unknown, or an attribute stands in two places. The
/// message names the file, and the line where one is at fault.
///
/// # Example
///
/// ```
/// use doorward::author::read_mapping;
///
/// let books = read_mapping("books.yaml", "
///     type: Book
///     id: { column: id, holds: integer }
///     columns:
///       lent_to: { column: reader_id, holds: integer, nulls: absent }
///     related:
///       authors: { table: book_authors, owner: book_id, column: author, holds: text }
/// ")?;
/// assert_eq!(books.type_name(), "Book");
///
/// let wrong = "type: Book\nid: { column: id, holds: number }\n";
/// let error = read_mapping("books.yaml", wrong).unwrap_err();
/// assert!(error.message().starts_with("books.yaml: line 2 column 26: unknown variant `number`"));
/// # Ok::<(), doorward::author::SuiteError>(())
/// ```
pub fn read_mapping(name: &str, text: &str) -> Result<TableMapping, SuiteError> {
    let file: MappingFile = super::run::parse_yaml(text).map_err(|error| {
        let members = "a mapping has the members type, id, columns and related";
        error.within(name).with_help(members)
    })?;
    if let Some(both) = file.columns.keys().find(|attribute| file.related.contains_key(*attribute))
    {
        return Err(SuiteError::new(format!("`{both}` stands under columns and under related"))
            .with_help("keep it in one place: sets stand under related, all else under columns")
            .within(name));
    }
    let mut mapping = TableMapping::new(&file.type_name, file.id.mapping());
    for (attribute, spec) in &file.columns {
        mapping = mapping.column(attribute, spec.mapping());
    }
    for (attribute, RelatedSpec { table, owner, column, holds }) in &file.related {
        mapping = mapping.related(attribute, table, owner, holds.column(column));
    }
    Ok(mapping)
}

impl ColumnSpec {
    fn mapping(&self) -> ColumnMapping {
        self.holds.column(&self.column).nulls(match self.nulls {
            NullsSpec::Never => Nulls::Never,
            NullsSpec::Absent => Nulls::Absent,
            NullsSpec::Refused => Nulls::Refused,
        })
    }
}

impl Holds {
    fn column(self, name: &str) -> ColumnMapping {
        match self {
            Self::Text => ColumnMapping::text(name),
            Self::Integer => ColumnMapping::integer(name),
            Self::Boolean => ColumnMapping::boolean(name),
            Self::Uuid => ColumnMapping::uuid(name),
            Self::Milliseconds => ColumnMapping::milliseconds(name),
        }
    }
}
