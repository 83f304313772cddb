//! A list as a condition on the host's own tables.

mod draft;
mod mapping;
mod reading;
mod residual;
mod sql;

use std::sync::Arc;

pub use mapping::{ColumnMapping, Holds, Nulls, TableMapping};
pub use sql::{Dialect, Placeholders, Sql};

pub(crate) use residual::filter;

use crate::error::message_and_help;

message_and_help! {
/// Why a question cannot be asked of the host's tables, and what to do. It names the policy and the
/// clause, or what is wrong with a mapping.
///
/// # Example
///
/// ```
/// use doorward::{ColumnMapping, PolicyBundle, TableMapping};
///
/// let policies = PolicyBundle::builder().schema("s", "entity Book = { shelf: String };").build()?;
/// let books = TableMapping::new("Book", ColumnMapping::integer("id"))
///     .column("shelve", ColumnMapping::text("shelf"));
/// let error = books.check(&policies).unwrap_err();
/// assert_eq!(error.message(), "Book: the schema declares no attribute shelve");
/// assert!(error.help().is_some());
/// # Ok::<(), doorward::Error>(())
/// ```
FilterError
}

/// Which rows of a host's table a check allows.
///
/// It is made of what the policies leave open once everything known is folded in: who asks, the
/// circumstances, and the engine's facts. So it is good for one caller, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// All rows.
    All,
    /// None.
    None,
    /// Those for which a condition is true.
    Predicate(Predicate),
}

/// A condition on a row of a host's table. What is neither true nor false, as what compares with
/// `NULL`, is not true.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Predicate {
    /// All of them are true.
    And(Vec<Predicate>),
    /// One of them is true.
    Or(Vec<Predicate>),
    /// A column compares so with a value.
    Compare(Column, Comparison, SqlValue),
    /// A column compares so with another.
    CompareColumns(Column, Comparison, Column),
    /// What stands in a column is one of these, or none of them and not `NULL`.
    In {
        /// The column.
        column: Column,
        /// Values; at least one.
        values: Vec<SqlValue>,
        /// Whether it is none of them.
        negated: bool,
    },
    /// Nothing stands in a column, or something does.
    Null {
        /// The column.
        column: Column,
        /// Whether something does.
        negated: bool,
    },
    /// A text has this shape: pieces of it, and `None` for any text.
    Like {
        /// The column.
        column: Column,
        /// Characters; `None` stands for any number of any.
        pattern: Arc<[Option<char>]>,
        /// Whether it is there and has another.
        negated: bool,
    },
    /// Another table has a row that names this one, or has none.
    Exists {
        /// The other table.
        table: Arc<str>,
        /// Its column that names this row's id.
        owner: Arc<str>,
        /// This row's id.
        id: Column,
        /// A column of it, and what stands there: one of these values. None for any row.
        element: Option<(Column, Vec<SqlValue>)>,
        /// Whether there is none.
        negated: bool,
    },
    /// The row of another table that a column of this one names is there, and meets a condition, or
    /// is not there.
    Joined {
        /// The other table.
        table: Arc<str>,
        /// Its id.
        id: Column,
        /// The column of this row that names it.
        named_by: Column,
        /// A condition on the other row; none where it has only to be there.
        condition: Option<Box<Predicate>>,
        /// Whether there is none.
        negated: bool,
    },
}

/// A column by its name, and how its values are bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    name: Arc<str>,
    holds: Holds,
}

impl Column {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands there.
    #[must_use]
    pub fn holds(&self) -> Holds {
        self.holds
    }
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// What is true where this is false.
    const fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// The same of the operands the other way round.
    const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

/// A value to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SqlValue {
    /// A text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// A UUID.
    Uuid(u128),
}

impl Filter {
    fn of(is: bool) -> Self {
        if is { Self::All } else { Self::None }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, it) | (it, Self::All) => it,
            (Self::Predicate(one), Self::Predicate(other)) => {
                let parts = |of| match of {
                    Predicate::And(parts) => parts,
                    one => vec![one],
                };
                let mut all = parts(one);
                for part in parts(other) {
                    if !all.contains(&part) && !narrowed(&mut all, &part) {
                        all.push(part);
                    }
                }
                if all.iter().any(|part| part.among().is_some_and(|(_, values)| values.is_empty()))
                {
                    return Self::None;
                }
                // What is true of a column alone says that something stands there.
                let told: Vec<Column> =
                    all.iter().filter_map(Predicate::tells_of).cloned().collect();
                all.retain(|part| {
                    !matches!(part, Predicate::Null { column, negated: true } if told.contains(column))
                });
                Self::chain(all, Predicate::And)
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, it) | (it, Self::None) => it,
            (Self::Predicate(one), Self::Predicate(other)) => {
                let parts = |of| match of {
                    Predicate::Or(parts) => parts,
                    one => vec![one],
                };
                let mut any = parts(one);
                for part in parts(other) {
                    if !any.contains(&part) {
                        any.push(part);
                    }
                }
                Self::chain(any, Predicate::Or)
            }
        }
    }

    fn chain(parts: Vec<Predicate>, of: fn(Vec<Predicate>) -> Predicate) -> Self {
        Self::Predicate(match <[Predicate; 1]>::try_from(parts) {
            Ok([one]) => one,
            Err(parts) => of(parts),
        })
    }
}

/// That something stands in a column that is compared with nothing.
fn not_null(column: &Column) -> Filter {
    Filter::Predicate(Predicate::Null { column: column.clone(), negated: true })
}

/// Leaves of a column's values only those that a part allows as well; false where neither lists them.
fn narrowed(all: &mut [Predicate], part: &Predicate) -> bool {
    let Some((column, values)) = part.among() else { return false };
    let known = all.iter_mut().find(|it| it.among().is_some_and(|(known, _)| known == column));
    let Some(known) = known else { return false };
    match known {
        Predicate::In { values: known, .. } => known.retain(|value| values.contains(value)),
        Predicate::Compare(column, _, value) if !values.contains(value) => {
            *known = Predicate::In { column: column.clone(), values: Vec::new(), negated: false };
        }
        _ => {}
    }
    true
}

impl Predicate {
    /// The only values that a column may hold where this is true, if they are listed.
    fn among(&self) -> Option<(&Column, &[SqlValue])> {
        match self {
            Self::Compare(column, Comparison::Equal, value) => {
                Some((column, std::slice::from_ref(value)))
            }
            Self::In { column, values, negated: false } => Some((column, values)),
            _ => None,
        }
    }

    /// The column in which something stands where this is true.
    fn tells_of(&self) -> Option<&Column> {
        match self {
            Self::Compare(column, ..) | Self::In { column, .. } | Self::Like { column, .. } => {
                Some(column)
            }
            _ => None,
        }
    }
}
