//! The databases that filters are tried in: SQLite always, the others where `make test` has set them
//! up or found them.

use doorward::{Dialect, SqlValue};
use mysql::prelude::Queryable as _;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type};
use uuid::Uuid;

use crate::servers::Server;

/// What stands in a column of a row.
pub(super) type Stored = Option<SqlValue>;

pub(super) trait Database {
    fn dialect(&self) -> Dialect;

    /// Runs statements as PostgreSQL takes them.
    fn run(&mut self, statements: &str);

    /// Fills a table, whose name is quoted as PostgreSQL takes it.
    fn insert(&mut self, table: &str, rows: &[Vec<Stored>]);

    /// The ids that a query selects, its parameters bound.
    fn ids(&mut self, query: &str, parameters: &[SqlValue]) -> Vec<i64>;

    /// A name as PostgreSQL quotes it, as this one does.
    fn quoted(&self, name: &str) -> String {
        name.to_owned()
    }
}

pub(super) struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub(super) fn new() -> Self {
        Self(rusqlite::Connection::open_in_memory().unwrap())
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn run(&mut self, statements: &str) {
        // A column that takes capitals for small letters must not let a filter do so.
        let statements =
            statements.replace(" UUID", " TEXT").replace(" TEXT", " TEXT COLLATE NOCASE");
        self.0.execute_batch(&statements).unwrap();
    }

    fn insert(&mut self, table: &str, rows: &[Vec<Stored>]) {
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let values = rusqlite::params_from_iter(row.iter().map(in_sqlite));
            self.0.execute(&format!("INSERT INTO {table} VALUES ({places})"), values).unwrap();
        }
    }

    fn ids(&mut self, query: &str, parameters: &[SqlValue]) -> Vec<i64> {
        let parameters = parameters.iter().cloned().map(Some).collect::<Vec<_>>();
        let mut statement = self.0.prepare_cached(query).unwrap();
        let values = rusqlite::params_from_iter(parameters.iter().map(in_sqlite));
        let found = statement.query_map(values, |row| row.get(0)).unwrap();
        found.map(Result::unwrap).collect()
    }
}

fn in_sqlite(value: &Stored) -> rusqlite::types::Value {
    match value {
        None => rusqlite::types::Value::Null,
        Some(SqlValue::Text(text)) => text.clone().into(),
        Some(SqlValue::Integer(number)) => (*number).into(),
        Some(SqlValue::Boolean(flag)) => (*flag).into(),
        Some(SqlValue::Uuid(id)) => canonical(*id).into(),
        Some(other) => panic!("{other:?}"),
    }
}

/// As databases keep it that have no type for it.
fn canonical(id: u128) -> String {
    Uuid::from_u128(id).hyphenated().to_string()
}

pub(super) struct Postgres {
    client: postgres::Client,
    _server: Server,
}

impl Postgres {
    pub(super) fn start() -> Option<Self> {
        let Some(server) = Server::start("postgres").unwrap() else {
            eprintln!("skipped: no PostgreSQL; `make test` sets one up");
            return None;
        };
        let client = postgres::Client::connect(&server.address, postgres::NoTls).unwrap();
        Some(Self { client, _server: server })
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn run(&mut self, statements: &str) {
        self.client.batch_execute(statements).unwrap();
    }

    fn insert(&mut self, table: &str, rows: &[Vec<Stored>]) {
        let mut writing = self.client.transaction().unwrap();
        for row in rows {
            let places = (1..=row.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
            let values: Vec<InPostgres<'_>> =
                row.iter().map(|it| InPostgres(it.as_ref())).collect();
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| it as _).collect();
            writing.execute(&format!("INSERT INTO {table} VALUES ({places})"), &values).unwrap();
        }
        writing.commit().unwrap();
    }

    fn ids(&mut self, query: &str, parameters: &[SqlValue]) -> Vec<i64> {
        let values: Vec<_> = parameters.iter().map(|it| InPostgres(Some(it))).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| it as _).collect();
        let found = self.client.query(query, &values).unwrap();
        found.iter().map(|row| row.get(0)).collect()
    }
}

/// A value as the type that it is: a query that wants a parameter of another is at fault.
#[derive(Debug)]
struct InPostgres<'v>(Option<&'v SqlValue>);

impl ToSql for InPostgres<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            None => Ok(IsNull::Yes),
            Some(SqlValue::Text(text)) => text.to_sql_checked(of, out),
            Some(SqlValue::Integer(number)) => number.to_sql_checked(of, out),
            Some(SqlValue::Boolean(flag)) => flag.to_sql_checked(of, out),
            Some(SqlValue::Uuid(id)) => Uuid::from_u128(*id).to_sql_checked(of, out),
            Some(other) => panic!("{other:?}"),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

pub(super) struct MariaDb {
    client: mysql::Conn,
    _server: Server,
}

impl MariaDb {
    /// Where `DOORWARD_TEST_MARIADB` is `required`, it has to be there.
    pub(super) fn start() -> Option<Self> {
        let Some(server) = Server::start("mariadb").unwrap() else {
            let is_required =
                std::env::var("DOORWARD_TEST_MARIADB").is_ok_and(|it| it == "required");
            assert!(!is_required, "no MariaDB, and DOORWARD_TEST_MARIADB requires one");
            eprintln!("skipped: no MariaDB; see `make test`");
            return None;
        };
        let address = mysql::Opts::from_url(&server.address).unwrap();
        let mut client = mysql::Conn::new(address).unwrap();
        // Small letters are capitals here, accents are nothing, and so are spaces at the end.
        client.query_drop("CREATE DATABASE filters COLLATE utf8mb4_general_ci").unwrap();
        client.query_drop("USE filters").unwrap();
        Some(Self { client, _server: server })
    }
}

impl Database for MariaDb {
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }

    fn run(&mut self, statements: &str) {
        // A column need not know all characters.
        let statements =
            self.quoted(statements).replace("owner TEXT", "owner TEXT CHARACTER SET latin1");
        let statements = statements.replace(" UUID", " CHAR(36)");
        for statement in statements.split(';').filter(|it| !it.trim().is_empty()) {
            self.client.query_drop(statement).unwrap();
        }
    }

    fn insert(&mut self, table: &str, rows: &[Vec<Stored>]) {
        let mut writing = self.client.start_transaction(mysql::TxOpts::default()).unwrap();
        let table = backticked(table);
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let values: Vec<mysql::Value> = row.iter().map(in_mysql).collect();
            writing.exec_drop(format!("INSERT INTO {table} VALUES ({places})"), values).unwrap();
        }
        writing.commit().unwrap();
    }

    fn ids(&mut self, query: &str, parameters: &[SqlValue]) -> Vec<i64> {
        let values: Vec<_> = parameters.iter().map(|it| in_mysql(&Some(it.clone()))).collect();
        self.client.exec(query, values).unwrap()
    }

    fn quoted(&self, name: &str) -> String {
        backticked(name)
    }
}

fn backticked(name: &str) -> String {
    name.replace('"', "`")
}

fn in_mysql(value: &Stored) -> mysql::Value {
    match value {
        None => mysql::Value::NULL,
        Some(SqlValue::Text(text)) => text.into(),
        Some(SqlValue::Integer(number)) => number.into(),
        Some(SqlValue::Boolean(flag)) => flag.into(),
        Some(SqlValue::Uuid(id)) => canonical(*id).into(),
        Some(other) => panic!("{other:?}"),
    }
}
