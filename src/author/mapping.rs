//! Where a host's table keeps what policies read, as a file says it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::SuiteError;
use crate::query::{ColumnMapping, Holds, Nulls, TableMapping};

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
    /// Entities of other tables by attribute.
    #[serde(default)]
    joined: BTreeMap<String, JoinedSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnSpec {
    column: String,
    holds: HoldsSpec,
    #[serde(default)]
    nulls: NullsSpec,
}

/// A row of another table, and how that keeps it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinedSpec {
    column: String,
    holds: HoldsSpec,
    #[serde(default)]
    nulls: NullsSpec,
    table: String,
    mapping: MappingFile,
}

/// Rows of another table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelatedSpec {
    table: String,
    owner: String,
    column: String,
    holds: HoldsSpec,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum HoldsSpec {
    Text,
    Integer,
    Boolean,
    Uuid,
    UuidHex,
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
/// `holds` (`text`, `integer`, `boolean`, `uuid`, `uuid_hex` or `milliseconds`), and what `NULL` means there:
/// `never`, which is the default, `absent` or `refused` (see [`Nulls`]). `related` says for a set
/// which `table` has a row for each element, which column of it names the `owner`, and which the
/// element. `joined` says for an attribute that names an entity of another table's, beside its own
/// column, which `table` that is, and in `mapping` how that keeps its rows.
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
///     joined:
///       shelf:
///         { column: shelf_id, holds: integer, table: shelves, mapping: {
///           type: Shelf, id: { column: id, holds: integer },
///           columns: { closed: { column: closed, holds: boolean } } } }
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
        let members = "a mapping has the members type, id, columns, related and joined";
        error.within(name).with_help(members)
    })?;
    file.mapping().map_err(|error| error.within(name))
}

impl MappingFile {
    fn mapping(&self) -> Result<TableMapping, SuiteError> {
        let Self { type_name, id, columns, related, joined } = self;
        let mut places = BTreeSet::new();
        let mut all = columns.keys().chain(related.keys()).chain(joined.keys());
        if let Some(both) = all.find(|attribute| !places.insert(*attribute)) {
            return Err(SuiteError::new(format!("`{both}` stands in two places")).with_help(
                "sets stand under related, entities of other tables under joined, all else under \
                 columns",
            ));
        }
        let mut mapping = TableMapping::new(type_name, id.mapping());
        for (attribute, spec) in columns {
            mapping = mapping.column(attribute, spec.mapping());
        }
        for (attribute, RelatedSpec { table, owner, column, holds }) in related {
            mapping = mapping.related(attribute, table, owner, holds.column(column));
        }
        for (attribute, JoinedSpec { column, holds, nulls, table, mapping: other }) in joined {
            let other = other.mapping().map_err(|error| error.within(attribute))?;
            let column = holds.column(column).nulls(nulls.nulls());
            mapping = mapping.joined(attribute, column, table, other);
        }
        Ok(mapping)
    }
}

impl ColumnSpec {
    fn mapping(&self) -> ColumnMapping {
        self.holds.column(&self.column).nulls(self.nulls.nulls())
    }
}

impl NullsSpec {
    fn nulls(self) -> Nulls {
        match self {
            Self::Never => Nulls::Never,
            Self::Absent => Nulls::Absent,
            Self::Refused => Nulls::Refused,
        }
    }
}

impl HoldsSpec {
    fn column(self, name: &str) -> ColumnMapping {
        ColumnMapping::new(
            name,
            match self {
                Self::Text => Holds::Text,
                Self::Integer => Holds::Integer,
                Self::Boolean => Holds::Boolean,
                Self::Uuid => Holds::Uuid,
                Self::UuidHex => Holds::UuidHex,
                Self::Milliseconds => Holds::Milliseconds,
            },
        )
    }
}
