//! Lists as conditions on the host's own tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use doorward::author::read_mapping;
use doorward::{Comparison, Dialect, Holds, Nulls, Placeholders, Predicate, SqlValue};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use uuid::Uuid;

use crate::bundle::PolicyBundle;
use crate::class::Class;
use crate::error::{IntoPython, filter_error};

/// More than any query joins: what is made of a mapping goes through its joins by recursion.
const JOINS_MAX: usize = 32;

const HOLDS: [(&str, Holds); 6] = [
    ("text", Holds::Text),
    ("integer", Holds::Integer),
    ("boolean", Holds::Boolean),
    ("uuid", Holds::Uuid),
    ("uuid_hex", Holds::UuidHex),
    ("milliseconds", Holds::Milliseconds),
];
const NULLS: [(&str, Nulls); 3] =
    [("never", Nulls::Never), ("absent", Nulls::Absent), ("refused", Nulls::Refused)];
const DIALECTS: [(&str, Dialect); 4] = [
    ("sqlite", Dialect::Sqlite),
    ("postgresql", Dialect::Postgres),
    ("mysql", Dialect::MySql),
    ("mariadb", Dialect::MySql),
];
const PLACEHOLDERS: [(&str, Placeholders); 3] = [
    ("native", Placeholders::Native),
    ("question", Placeholders::Question),
    ("percent", Placeholders::Percent),
];

/// What a word stands for.
fn chosen<T: Copy>(what: &str, words: &[(&'static str, T)], word: &str) -> PyResult<T> {
    let found = words.iter().find(|(known, _)| *known == word);
    found.map(|(_, it)| *it).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        PyValueError::new_err(format!("{what} is one of {}, and not {word:?}", known.join(", ")))
    })
}

fn named<T: PartialEq>(words: &[(&'static str, T)], of: &T) -> &'static str {
    words.iter().find(|(_, it)| it == of).map_or("", |(word, _)| word)
}

/// A column, what stands in it, and what it means that nothing does.
#[pyclass(frozen, eq, hash, module = "doorward")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct ColumnMapping {
    name: String,
    holds: Holds,
    nulls: Nulls,
}

impl ColumnMapping {
    fn mapping(&self) -> doorward::ColumnMapping {
        doorward::ColumnMapping::new(&self.name, self.holds).nulls(self.nulls)
    }
}

#[pymethods]
impl ColumnMapping {
    #[new]
    #[pyo3(signature = (name, holds, nulls = "never"))]
    fn new(name: String, holds: &str, nulls: &str) -> PyResult<Self> {
        let holds = chosen("what a column holds", &HOLDS, holds)?;
        Ok(Self { name, holds, nulls: chosen("what NULL means", &NULLS, nulls)? })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn holds(&self) -> &'static str {
        named(&HOLDS, &self.holds)
    }

    #[getter]
    fn nulls(&self) -> &'static str {
        named(&NULLS, &self.nulls)
    }

    fn __repr__(&self) -> String {
        format!("ColumnMapping({:?}, {:?}, nulls={:?})", self.name, self.holds(), self.nulls())
    }

    fn __getnewargs__(&self) -> (&str, &'static str, &'static str) {
        (&self.name, self.holds(), self.nulls())
    }
}

/// Where the rows of one entity type stand in a host's database.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct TableMapping {
    pub(crate) mapping: doorward::TableMapping,
    /// How many tables joins lead through.
    joins: usize,
}

type Columns<'py> = BTreeMap<String, Bound<'py, ColumnMapping>>;
/// The table, the column that names the resource, and that of the elements.
type Related<'py> = BTreeMap<String, (String, String, Bound<'py, ColumnMapping>)>;
/// The column, the table that it leads to, and how that keeps its rows.
type Joined<'py> = BTreeMap<String, (Bound<'py, ColumnMapping>, String, Bound<'py, TableMapping>)>;

#[pymethods]
impl TableMapping {
    #[new]
    #[pyo3(signature = (r#type, id, *, columns = None, related = None, joined = None))]
    fn new(
        py: Python<'_>,
        r#type: &str,
        id: &ColumnMapping,
        columns: Option<Columns<'_>>,
        related: Option<Related<'_>>,
        joined: Option<Joined<'_>>,
    ) -> PyResult<Self> {
        let (columns, related) = (columns.unwrap_or_default(), related.unwrap_or_default());
        let joined = joined.unwrap_or_default();
        let both = related.keys().find(|it| columns.contains_key(*it)).or_else(|| {
            joined.keys().find(|it| columns.contains_key(*it) || related.contains_key(*it))
        });
        if let Some(both) = both {
            let message = format!("{}: {both} stands in two places", r#type);
            return Err(filter_error(py, &message, "say once where an attribute is kept"));
        }
        let mut mapping = doorward::TableMapping::new(r#type, id.mapping());
        for (attribute, column) in columns {
            mapping = mapping.column(&attribute, column.get().mapping());
        }
        for (attribute, (table, owner, element)) in related {
            mapping = mapping.related(&attribute, &table, &owner, element.get().mapping());
        }
        let mut joins = 0;
        for (attribute, (column, table, other)) in joined {
            let other = other.get();
            joins = joins.max(other.joins + 1);
            if joins > JOINS_MAX {
                let message = format!("{}: {attribute} leads through too many tables", r#type);
                return Err(filter_error(py, &message, "join what policies read, and no more"));
            }
            let column = column.get().mapping();
            mapping = mapping.joined(&attribute, column, &table, other.mapping.clone());
        }
        Ok(Self { mapping, joins })
    }

    /// Reads one from YAML or JSON.
    #[staticmethod]
    #[pyo3(signature = (text, name = "mapping.yaml"))]
    fn from_text(py: Python<'_>, text: &str, name: &str) -> PyResult<Self> {
        let read = read_mapping(name, text);
        // The reader of files bounds how deep they nest.
        read.map(|mapping| Self { mapping, joins: JOINS_MAX })
            .map_err(|error| filter_error(py, error.message(), error.help()))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            filter_error(py, &message, "name a mapping's file, in YAML or JSON")
        })?;
        Self::from_text(py, &text, &path.display().to_string())
    }

    fn check(&self, py: Python<'_>, policies: &PolicyBundle) -> PyResult<()> {
        self.mapping.check(&policies.0).map_err(|error| error.into_python(py))
    }

    #[getter]
    fn r#type(&self) -> &str {
        self.mapping.type_name()
    }

    fn __repr__(&self) -> String {
        format!("<TableMapping of {}>", self.mapping.type_name())
    }
}

/// Which rows of a host's table a check allows.
#[pyclass(frozen, eq, module = "doorward")]
#[derive(PartialEq)]
pub(crate) struct Filter(pub(crate) doorward::Filter);

#[pymethods]
impl Filter {
    #[getter]
    fn is_all(&self) -> bool {
        matches!(self.0, doorward::Filter::All)
    }

    #[getter]
    fn is_none(&self) -> bool {
        matches!(self.0, doorward::Filter::None)
    }

    #[getter]
    fn predicate<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &self.0 {
            doorward::Filter::Predicate(predicate) => tree(py, predicate).map(Some),
            _ => Ok(None),
        }
    }

    #[pyo3(signature = (dialect, alias, *, placeholders = "native"))]
    fn to_sql<'py>(
        &self,
        py: Python<'py>,
        dialect: &str,
        alias: &str,
        placeholders: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let dialect = chosen("a dialect", &DIALECTS, dialect)?;
        let placeholders = chosen("placeholders", &PLACEHOLDERS, placeholders)?;
        let sql = self.0.to_sql_with(dialect, alias, placeholders);
        SQL.make(py, (sql.condition, values(py, &sql.parameters)?))
    }

    /// Nothing of what it compares with: ids may name people.
    fn __repr__(&self) -> &'static str {
        match self.0 {
            doorward::Filter::All => "<Filter of all rows>",
            doorward::Filter::None => "<Filter of no row>",
            _ => "<Filter by a condition>",
        }
    }
}

static SQL: Class = Class::of("doorward.filters", "Sql");
static COLUMN: Class = Class::of("doorward.filters", "Column");
static AND: Class = Class::of("doorward.filters", "And");
static OR: Class = Class::of("doorward.filters", "Or");
static COMPARE: Class = Class::of("doorward.filters", "Compare");
static COMPARE_COLUMNS: Class = Class::of("doorward.filters", "CompareColumns");
static IN: Class = Class::of("doorward.filters", "In");
static NULL: Class = Class::of("doorward.filters", "Null");
static LIKE: Class = Class::of("doorward.filters", "Like");
static EXISTS: Class = Class::of("doorward.filters", "Exists");
static JOINED: Class = Class::of("doorward.filters", "Joined");

/// A condition in Python's classes.
///
/// INVARIANT (expression nesting): predicates nest as deep as policies, which bounds this.
fn tree<'py>(py: Python<'py>, predicate: &Predicate) -> PyResult<Bound<'py, PyAny>> {
    let all = |parts: &[Predicate]| {
        let parts = parts.iter().map(|part| tree(py, part)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, parts)
    };
    match predicate {
        Predicate::And(parts) => AND.make(py, (all(parts)?,)),
        Predicate::Or(parts) => OR.make(py, (all(parts)?,)),
        Predicate::Compare(of, comparison, with) => {
            COMPARE.make(py, (column(py, of)?, operator(py, *comparison)?, value(py, with)?))
        }
        Predicate::CompareColumns(one, comparison, other) => {
            let ends = (column(py, one)?, operator(py, *comparison)?, column(py, other)?);
            COMPARE_COLUMNS.make(py, ends)
        }
        Predicate::In { column: of, values: among, negated } => {
            IN.make(py, (column(py, of)?, values(py, among)?, *negated))
        }
        Predicate::Null { column: of, negated } => NULL.make(py, (column(py, of)?, *negated)),
        Predicate::Like { column: of, pattern, negated } => {
            LIKE.make(py, (column(py, of)?, pieces(py, pattern)?, *negated))
        }
        Predicate::Exists { table, owner, id, element, negated } => {
            let element = match element {
                Some((of, among)) => Some((column(py, of)?, values(py, among)?)),
                None => None,
            };
            EXISTS.make(py, (&**table, &**owner, column(py, id)?, element, *negated))
        }
        Predicate::Joined { table, id, named_by, condition, negated } => {
            let condition = condition.as_deref().map(|it| tree(py, it)).transpose()?;
            let (id, named_by) = (column(py, id)?, column(py, named_by)?);
            JOINED.make(py, (&**table, id, named_by, condition, *negated))
        }
        _ => Err(filter_error(py, "the condition is of no kind that is known here", None)),
    }
}

fn column<'py>(py: Python<'py>, of: &doorward::Column) -> PyResult<Bound<'py, PyAny>> {
    COLUMN.make(py, (of.name(), named(&HOLDS, &of.holds())))
}

fn operator(py: Python<'_>, comparison: Comparison) -> PyResult<&'static str> {
    Ok(match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        _ => return Err(filter_error(py, "a comparison is of no kind that is known here", None)),
    })
}

/// The texts of a pattern, and `None` for any text between.
fn pieces<'py>(py: Python<'py>, pattern: &[Option<char>]) -> PyResult<Bound<'py, PyTuple>> {
    let mut pieces: Vec<Option<String>> = Vec::new();
    for piece in pattern {
        match (piece, pieces.last_mut()) {
            (Some(character), Some(Some(text))) => text.push(*character),
            (piece, _) => pieces.push(piece.map(String::from)),
        }
    }
    PyTuple::new(py, pieces)
}

fn values<'py>(py: Python<'py>, of: &[SqlValue]) -> PyResult<Bound<'py, PyTuple>> {
    let values = PyList::empty(py);
    for one in of {
        values.append(value(py, one)?)?;
    }
    Ok(values.to_tuple())
}

fn value<'py>(py: Python<'py>, of: &SqlValue) -> PyResult<Bound<'py, PyAny>> {
    Ok(match of {
        SqlValue::Text(text) => text.into_pyobject(py)?.into_any(),
        SqlValue::Integer(number) => number.into_pyobject(py)?.into_any(),
        SqlValue::Boolean(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        SqlValue::Uuid(id) => {
            static UUID: Class = Class::of("uuid", "UUID");
            UUID.make(py, (Uuid::from_u128(*id).hyphenated().to_string(),))?
        }
        _ => return Err(filter_error(py, "a value is of no kind that is known here", None)),
    })
}
