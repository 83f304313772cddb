//! Filters beside checks: the rows of a real SQLite that a filter selects are those that are allowed.

use doorward::{
    ColumnMapping, Dialect, Engine, Entity, EntityUid, Nulls, PolicyBundle, SqlValue, TableMapping,
    Value,
};
use rusqlite::Connection;
use rusqlite::types::Value as Stored;

use crate::compare::{Difference, same};
use crate::generate::{Case, ColumnOf, Holds, Query, Row, World};

/// How often what came up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Filters that could be made.
    pub(crate) made: usize,
    /// Those among them that are conditions.
    pub(crate) conditions: usize,
    /// What columns cannot tell.
    pub(crate) refused: usize,
}

/// Filters a table of the resource's type, which the facts hold nothing of, and checks each of its
/// rows as one that the host passes.
///
/// # Errors
///
/// The first difference.
pub(crate) fn compare_filter(
    case: &Case,
    bundle: &PolicyBundle,
    world: &World,
    query: &Query,
) -> Result<Asked, Difference> {
    let mut asked = Asked::default();
    let type_name = query.resource.of;
    let Some((_, columns)) = case.tables.iter().find(|(of, _)| *of == type_name) else {
        return Ok(asked);
    };
    let mapping = columns.iter().zip(0..).fold(
        TableMapping::new(type_name, ColumnMapping::text("id")),
        |mapping, (column, at)| {
            let nulls = if column.required { Nulls::Never } else { Nulls::Absent };
            if column.is_set {
                let element = column_mapping(column.holds, "element");
                return mapping.related(&column.path, &related_table(at), "owner", element);
            }
            let own = column_mapping(column.holds, &column_name(at)).nulls(nulls);
            mapping.column(&column.path, own)
        },
    );
    let is_row = |row: &&Row| row.uid.of == type_name;
    let facts = world.stored.iter().filter(|row| !is_row(row)).map(Row::to_doorward).collect();
    let engine = Engine::builder(bundle.clone()).facts(facts).host_owned(type_name).build();
    let engine = engine.expect("facts that fit the schema");
    let environment = engine.environment(query.principal.of, query.action.to_doorward(), type_name);
    let environment = environment.expect("it was asked before");
    let context = engine.context(&environment, query.record()).expect("it fitted before");
    let checker = engine.checker(&environment, query.principal.id, &context);
    let filter = match checker.expect("policies did not change").filter(&environment, &mapping) {
        Ok(filter) => filter,
        Err(_) => {
            asked.refused = 1;
            return Ok(asked);
        }
    };
    asked.made = 1;
    asked.conditions = usize::from(matches!(filter, doorward::Filter::Predicate(_)));
    let rows: Vec<Entity> = world.stored.iter().filter(is_row).map(Row::to_doorward).collect();
    let database = database(columns, &rows);
    let sql = filter.to_sql(Dialect::Sqlite, "t");
    let text = format!("SELECT t.id FROM {TABLE} AS t WHERE {} ORDER BY t.id", sql.condition);
    let mut statement = database.prepare(&text).expect("SQLite takes the condition");
    let parameters = rusqlite::params_from_iter(sql.parameters.iter().map(bound));
    let found = statement.query_map(parameters, |row| row.get::<_, String>(0));
    let found: Vec<String> =
        found.expect("it runs").collect::<Result<_, _>>().expect("ids are texts");
    let request = query.to_doorward();
    let is_allowed = |row: &&Entity| {
        let request = request.for_resource(row.uid().clone()).inline(Entity::clone(row));
        engine.check(&request).is_allowed()
    };
    let mut allowed: Vec<String> =
        rows.iter().filter(is_allowed).map(|row| row.uid().id().to_owned()).collect();
    allowed.sort();
    same("a filter", &(text.clone(), allowed), &(text, found))?;
    Ok(asked)
}

const TABLE: &str = "rows_of_it";

/// A name that has to be quoted.
fn column_name(at: usize) -> String {
    format!("column \"{at}\"")
}

fn related_table(at: usize) -> String {
    format!("related {at}")
}

fn column_mapping(holds: Holds, name: &str) -> ColumnMapping {
    match holds {
        Holds::Bool => ColumnMapping::boolean(name),
        Holds::Long => ColumnMapping::integer(name),
        Holds::Text | Holds::Entity => ColumnMapping::text(name),
        Holds::Moment => ColumnMapping::milliseconds(name),
    }
}

fn database(columns: &[ColumnOf], rows: &[Entity]) -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    let quoted = |name: String| format!("\"{}\"", name.replace('"', "\"\""));
    let own: Vec<(usize, &ColumnOf)> =
        columns.iter().enumerate().filter(|(_, column)| !column.is_set).collect();
    let names: String =
        own.iter().map(|(at, _)| format!(", {}", quoted(column_name(*at)))).collect();
    // Capitals are small letters to a careless comparison.
    let mut script = format!("CREATE TABLE {TABLE} (id TEXT COLLATE NOCASE{names});");
    for (at, _) in columns.iter().enumerate().filter(|(_, column)| column.is_set) {
        script += &format!("CREATE TABLE {} (owner, element);", quoted(related_table(at)));
    }
    database.execute_batch(&script).expect("tables");
    for row in rows {
        let id = Stored::from(row.uid().id().to_owned());
        let values = own.iter().map(|(_, column)| stored(at_path(row, &column.path).as_ref()));
        let values: Vec<Stored> = [id.clone()].into_iter().chain(values).collect();
        let places = vec!["?"; values.len()].join(", ");
        let insert = format!("INSERT INTO {TABLE} VALUES ({places})");
        database.execute(&insert, rusqlite::params_from_iter(values)).expect("a row");
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.is_set) {
            let insert = format!("INSERT INTO {} VALUES (?, ?)", quoted(related_table(at)));
            let set = at_path(row, &column.path);
            for element in set.as_ref().and_then(Value::as_set).into_iter().flatten() {
                let values = [id.clone(), stored(Some(element))];
                // Twice is as once.
                for _ in 0..2 {
                    database.execute(&insert, values.clone()).expect("an element");
                }
            }
        }
    }
    database
}

pub(crate) fn at_path(row: &Entity, path: &str) -> Option<Value> {
    let mut names = path.split('.');
    let first = row.attribute(names.next()?)?.clone();
    names.try_fold(first, |value, name| value.as_record()?.get(name).cloned())
}

pub(crate) fn stored(value: Option<&Value>) -> Stored {
    let Some(value) = value else { return Stored::Null };
    let number = value
        .as_long()
        .or_else(|| value.as_bool().map(i64::from))
        .or_else(|| value.as_datetime().map(|moment| moment.as_ms()))
        .or_else(|| value.as_duration_ms());
    let text = || value.as_str().or_else(|| value.as_entity().map(EntityUid::id));
    match number {
        Some(number) => Stored::from(number),
        None => text().map_or(Stored::Null, |text| Stored::from(text.to_owned())),
    }
}

pub(crate) fn bound(value: &SqlValue) -> Stored {
    match value {
        SqlValue::Text(text) => Stored::from(text.clone()),
        SqlValue::Integer(number) => Stored::from(*number),
        SqlValue::Boolean(flag) => Stored::from(*flag),
        other => panic!("{other:?} is not bound for SQLite"),
    }
}
