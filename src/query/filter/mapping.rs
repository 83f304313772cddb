//! Where a host's tables keep what policies read of a resource.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::draft::Draft;
use super::{Column, Filter, FilterError, not_null};
use crate::facts::{Attributes, Type, Types};

/// Where the rows of one entity type stand in a host's database, declared once and checked against
/// the schema.
///
/// Names of tables and columns are the host's own and are written into SQL as they are, quoted; no
/// value ever is. What the schema demands of an entity, the columns keep: where a type has only the ids
/// that it lists, no other stands in a column. Declare what policies read; what they read and nobody declared is an error of the
/// filter that needs it, never a wider filter.
///
/// # Example
///
/// ```
/// use doorward::{ColumnMapping, Nulls, PolicyBundle, TableMapping};
///
/// let policies = PolicyBundle::builder()
///     .schema("library.cedarschema", "
///         entity Reader;
///         entity Book = { lent_to?: Reader, shelf: String, reserved_by: Set<Reader> };
///         action read appliesTo { principal: Reader, resource: Book };
///     ")
///     .build()?;
/// let books = TableMapping::new("Book", ColumnMapping::uuid("id"))
///     .column("lent_to", ColumnMapping::integer("reader_id").nulls(Nulls::Absent))
///     .column("shelf", ColumnMapping::text("shelf"))
///     .related("reserved_by", "reservations", "book_id", ColumnMapping::integer("reader_id"));
/// books.check(&policies)?;
///
/// let wrong = TableMapping::new("Book", ColumnMapping::uuid("id"))
///     .column("shelf", ColumnMapping::integer("shelf"));
/// assert!(wrong.check(&policies).unwrap_err().message().contains("shelf"));
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Clone)]
pub struct TableMapping {
    pub(super) type_name: Arc<str>,
    pub(super) id: ColumnMapping,
    /// By the attribute, and the members of records within.
    columns: BTreeMap<Arc<str>, Attribute>,
    drafts: Drafts,
}

#[derive(Clone)]
pub(super) enum Attribute {
    Column(ColumnMapping),
    Related(Related),
    /// A column that names a row of another table.
    Joined(ColumnMapping, Arc<str>, TableMapping),
}

/// What filters of this mapping have in common. Shared by its clones.
#[derive(Clone, Default)]
struct Drafts(Arc<RwLock<Vec<Kept>>>);

type Kept = (DraftKey, Arc<Draft>);

/// A plan's serial number, and an environment of it.
type DraftKey = (u64, u32);

impl Drafts {
    /// More than the actions of one type that one engine is asked for.
    const COUNT_MAX: usize = 256;

    fn find(&self, key: DraftKey) -> Option<Arc<Draft>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| *of == key).map(|(_, draft)| Arc::clone(draft))
    }

    /// Keeps a draft. Where there are too many, as after many plans, all others are forgotten.
    fn keep(&self, key: DraftKey, draft: &Arc<Draft>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::COUNT_MAX {
            known.clear();
        }
        known.push((key, Arc::clone(draft)));
    }
}

/// A set, as rows of another table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Related {
    pub(super) table: Arc<str>,
    /// The column that names the resource.
    pub(super) owner: Arc<str>,
    pub(super) element: ColumnMapping,
}

/// A column, what stands in it, and what it means that nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnMapping {
    name: Arc<str>,
    holds: Holds,
    pub(super) nulls: Nulls,
}

/// What `NULL` in a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Nulls {
    /// There is none: the database declares the column `NOT NULL`. A filter relies on that where it
    /// does not look at the column.
    #[default]
    Never,
    /// The resource does not have the attribute, which has to be optional.
    Absent,
    /// The row is not whole, and no filter shows it: an attribute that the schema requires.
    Refused,
}

/// How a column keeps its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Holds {
    /// Texts.
    Text,
    /// Integers of up to 64 bits.
    Integer,
    /// Booleans.
    Boolean,
    /// UUIDs: PostgreSQL's `uuid`; with hyphens elsewhere. An id that is written otherwise than with
    /// hyphens and in small letters is that of another entity.
    Uuid,
    /// UUIDs: PostgreSQL's `uuid`; without hyphens elsewhere, though ids of entities have them.
    UuidHex,
    /// Milliseconds since 1970, or of a duration.
    Milliseconds,
}

impl Holds {
    /// Whether ids of entities may stand there.
    const fn ids(self) -> bool {
        matches!(self, Self::Text | Self::Integer) || self.uuids()
    }

    /// Whether UUIDs stand there.
    pub(super) const fn uuids(self) -> bool {
        matches!(self, Self::Uuid | Self::UuidHex)
    }
}

impl ColumnMapping {
    /// A column that keeps its values so.
    #[must_use]
    pub fn new(name: &str, holds: Holds) -> Self {
        Self { name: name.into(), holds, nulls: Nulls::default() }
    }

    /// A column of texts: strings, or the ids of entities.
    #[must_use]
    pub fn text(name: &str) -> Self {
        Self::new(name, Holds::Text)
    }

    /// A column of integers of up to 64 bits: numbers, or ids of entities written in decimal.
    #[must_use]
    pub fn integer(name: &str) -> Self {
        Self::new(name, Holds::Integer)
    }

    /// A column of booleans.
    #[must_use]
    pub fn boolean(name: &str) -> Self {
        Self::new(name, Holds::Boolean)
    }

    /// A column of UUIDs, which are ids of entities: PostgreSQL's `uuid`; canonical lower-case text
    /// elsewhere.
    #[must_use]
    pub fn uuid(name: &str) -> Self {
        Self::new(name, Holds::Uuid)
    }

    /// The same where other databases keep UUIDs as 32 small hexadecimal digits: what Django and
    /// SQLAlchemy make of a UUID in SQLite and MySQL.
    #[must_use]
    pub fn uuid_hex(name: &str) -> Self {
        Self::new(name, Holds::UuidHex)
    }

    /// A column of integers that are milliseconds: of a `datetime` since 1970 in UTC, or of a
    /// `duration`.
    #[must_use]
    pub fn milliseconds(name: &str) -> Self {
        Self::new(name, Holds::Milliseconds)
    }

    /// Says what `NULL` means there.
    #[must_use]
    pub fn nulls(self, nulls: Nulls) -> Self {
        Self { nulls, ..self }
    }

    pub(super) fn column(&self) -> Column {
        Column { name: Arc::clone(&self.name), holds: self.holds }
    }

    fn takes(&self, of: &Type) -> bool {
        match of {
            Type::Bool => self.holds == Holds::Boolean,
            Type::Long => self.holds == Holds::Integer,
            Type::String => self.holds == Holds::Text,
            Type::Entity(_) => self.holds.ids(),
            Type::Datetime | Type::Duration => self.holds == Holds::Milliseconds,
            Type::Set(_) | Type::Record(_) | Type::Decimal | Type::Ip => false,
        }
    }
}

impl TableMapping {
    /// A table that holds a row for each entity of a type, and the column of their ids. What the table
    /// is called, each query says: see [`Filter::to_sql`](super::Filter::to_sql).
    #[must_use]
    pub fn new(type_name: &str, id: ColumnMapping) -> Self {
        Self {
            type_name: type_name.into(),
            id,
            columns: BTreeMap::new(),
            drafts: Drafts::default(),
        }
    }

    /// Keeps an attribute in a column. A member of a record is named by its path: `limit.amount`.
    #[must_use]
    pub fn column(self, attribute: &str, column: ColumnMapping) -> Self {
        self.with(attribute, Attribute::Column(column))
    }

    /// Keeps a set in another table: a row for each element, which names the resource in `owner`, by
    /// the id that it has in its own table.
    #[must_use]
    pub fn related(
        self,
        attribute: &str,
        table: &str,
        owner: &str,
        element: ColumnMapping,
    ) -> Self {
        let related = Related { table: table.into(), owner: owner.into(), element };
        self.with(attribute, Attribute::Related(related))
    }

    /// Keeps an attribute that names an entity in a column, and what policies read on from there in
    /// another table of the host's: `resource.shelf.closed` as the column `closed` of the row of
    /// `shelves` that `shelf_id` names. A row that is not there is an entity that is not there.
    ///
    /// The type of the other rows is host-owned as well. What is not joined has to be among the
    /// facts. Where a check would refuse a row of the other table for what is missing in it
    /// ([`Nulls::Refused`]), the mapping is refused: the row may stand where no policy looks.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{ColumnMapping, Dialect, Engine, PolicyBundle, Record, TableMapping};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader;
    ///         entity Shelf = { closed: Bool };
    ///         entity Book = { shelf: Shelf };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         permit (principal, action, resource) unless { resource.shelf.closed };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).host_owned("Book").host_owned("Shelf").build()?;
    /// let shelves = TableMapping::new("Shelf", ColumnMapping::integer("id"))
    ///     .column("closed", ColumnMapping::boolean("closed"));
    /// let books = TableMapping::new("Book", ColumnMapping::integer("id"))
    ///     .joined("shelf", ColumnMapping::integer("shelf_id"), "shelves", shelves);
    ///
    /// let read = engine.environment("Reader", "read", "Book")?;
    /// let context = engine.context(&read, Record::new())?;
    /// let filter = engine.checker(&read, "ada", &context)?.filter(&read, &books)?;
    /// assert_eq!(
    ///     filter.to_sql(Dialect::Sqlite, "b").condition,
    ///     r#"(EXISTS (SELECT 1 FROM "shelves" AS "joined1" "#.to_owned()
    ///         + r#"WHERE "joined1"."id" = "b"."shelf_id" AND "joined1"."closed" = ?1))"#,
    /// );
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn joined(
        self,
        attribute: &str,
        column: ColumnMapping,
        table: &str,
        mapping: Self,
    ) -> Self {
        self.with(attribute, Attribute::Joined(column, table.into(), mapping))
    }

    fn with(mut self, name: &str, attribute: Attribute) -> Self {
        self.columns.insert(name.into(), attribute);
        // What was drafted is of the mapping as it was.
        self.drafts = Drafts::default();
        self
    }

    /// The entity type whose rows these are.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.columns.get(name)
    }

    /// Whether rows of a type stand in this table, or in one that is joined.
    pub(crate) fn maps(&self, type_name: &str) -> bool {
        *self.type_name == *type_name || self.joins().any(|joined| joined.maps(type_name))
    }

    /// The tables that columns of this one lead to.
    pub(super) fn joins(&self) -> impl Iterator<Item = &Self> {
        self.columns.values().filter_map(|attribute| match attribute {
            Attribute::Joined(.., mapping) => Some(mapping),
            Attribute::Column(_) | Attribute::Related(_) => None,
        })
    }

    /// That nothing is missing which the schema requires.
    pub(super) fn whole(&self) -> Filter {
        self.refused().fold(Filter::All, |all, column| all.and(not_null(&column.column())))
    }

    /// The columns that keep a row out where they hold nothing.
    fn refused(&self) -> impl Iterator<Item = &ColumnMapping> {
        let columns = self.columns.values().filter_map(|attribute| match attribute {
            Attribute::Column(column) | Attribute::Joined(column, ..) => Some(column),
            Attribute::Related(_) => None,
        });
        columns.filter(|column| column.nulls == Nulls::Refused)
    }

    /// What filters of one environment have in common, drafted once for a plan.
    pub(super) fn draft(
        &self,
        key: DraftKey,
        draft: impl FnOnce() -> Result<Draft, FilterError>,
    ) -> Result<Arc<Draft>, FilterError> {
        if let Some(known) = self.drafts.find(key) {
            return Ok(known);
        }
        let made = Arc::new(draft()?);
        self.drafts.keep(key, &made);
        Ok(made)
    }

    /// Checks all of it against the types of a schema.
    pub(crate) fn check_types(&self, types: &Types) -> Result<(), FilterError> {
        let of_type = |message: String| FilterError::new(format!("{}: {message}", self.type_name));
        let Some(entity) = types.entity(&self.type_name) else {
            return Err(of_type("the schema declares no such type".to_owned()));
        };
        if !self.id.holds.ids() || self.id.nulls != Nulls::Never {
            return Err(of_type(format!("the column {} cannot be an id", self.id.name))
                .with_help("an id is a text, an integer or a UUID, and never NULL"));
        }
        for (path, attribute) in &self.columns {
            let Some((declared, required)) = declared(&entity.attributes, path) else {
                return Err(of_type(format!("the schema declares no attribute {path}")).with_help(
                    "name attributes as the schema does, and members as `record.member`",
                ));
            };
            let column = match (attribute, declared) {
                (Attribute::Related(related), Type::Set(of)) if related.element.takes(of) => {
                    if related.element.nulls == Nulls::Never {
                        continue;
                    }
                    &related.element
                }
                (Attribute::Column(column), of) if column.takes(of) => column,
                (Attribute::Joined(column, _, joined), Type::Entity(of))
                    if column.takes(declared) =>
                {
                    if joined.type_name != *of {
                        let message =
                            format!("{path} names a {of}, and not a {}", joined.type_name);
                        return Err(of_type(message)
                            .with_help("join the mapping of the type that the schema declares"));
                    }
                    // Rows of this table, joined with itself, are kept out by it as well.
                    let own = self.refused().filter(|_| joined.maps(&self.type_name));
                    if let Some(refused) = joined.refused().chain(own).next() {
                        let message = format!("NULL in {} cannot refuse another row", refused.name);
                        return Err(of_type(message)
                            .with_help("declare the column NOT NULL, or the attribute optional"));
                    }
                    joined.check_types(types).map_err(|error| error.within(path))?;
                    if joined.id.holds != column.holds {
                        let message = format!("{} and its id are kept in two ways", column.name);
                        return Err(of_type(message).with_help(
                            "a column that names rows of a table holds what its id does",
                        ));
                    }
                    column
                }
                (
                    Attribute::Related(Related { element: column, .. })
                    | Attribute::Column(column)
                    | Attribute::Joined(column, ..),
                    _,
                ) => {
                    let message = format!("{path} is not kept in such a column as {}", column.name);
                    return Err(of_type(message).with_help(
                        "texts stand in text columns, numbers in integers, sets in related tables",
                    ));
                }
            };
            let is_told = match column.nulls {
                Nulls::Never => true,
                Nulls::Absent => !required,
                Nulls::Refused => required,
            };
            if !is_told || matches!(attribute, Attribute::Related(_)) {
                return Err(of_type(format!("NULL in {} cannot mean that of {path}", column.name))
                    .with_help(
                        "`Absent` is for optional attributes, `Refused` for required ones, and an \
                         element of a set is never NULL",
                    ));
            }
        }
        Ok(())
    }
}

/// What a schema declares of an attribute, or of a member of records within, and whether it is
/// always there.
///
/// A name that holds a point itself cannot be told from a path, and is no attribute that could be
/// mapped.
pub(super) fn declared<'t>(attributes: &'t Attributes, path: &str) -> Option<(&'t Type, bool)> {
    let Some((first, rest)) = path.split_once('.') else {
        return attributes.get(path).map(|attribute| (&attribute.of, attribute.required));
    };
    let attribute = attributes.get(first)?;
    let Type::Record(members) = &attribute.of else { return None };
    declared(members, rest).map(|(of, required)| (of, required && attribute.required))
}

/// The attributes that are kept.
impl fmt::Debug for TableMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableMapping")
            .field("type", &self.type_name)
            .field("attributes", &self.columns.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
