//! Filters over rows that lead to other tables of the host's, in SQLite.

use doorward::{
    ColumnMapping, Dialect, Engine, Entity, EntityUid, Nulls, PolicyBundle, Record, Request,
    SqlValue, TableMapping, Value,
};

const SCHEMA: &str = "
    entity Reader;
    entity Wing = { open: Bool, name?: String };
    entity Shelf = {
        wing: Wing, closed: Bool, keeper?: Reader, near?: Shelf, marks: Set<String>,
        limit: { most?: Long, least: Long },
    };
    entity Book = { shelf?: Shelf, home: Shelf, price: Long };
    action read appliesTo { principal: Reader, resource: Book };";

/// Each is asked when it is true, and when it is false.
const CLAUSES: [&str; 24] = [
    "resource.home.limit has nope",
    "resource.home has nope",
    "resource.home.closed",
    "resource has shelf && resource.shelf.closed",
    "!resource.home.closed || resource.price < 5",
    "resource.price < 5 || resource.home.closed",
    "resource.home has keeper",
    "resource.home has closed",
    "resource has shelf && resource.shelf has closed",
    "resource has shelf && resource.shelf has keeper",
    "resource has shelf && resource.shelf has keeper && resource.shelf.keeper == principal",
    "resource.home has keeper && resource.home.keeper == principal",
    "resource.home.wing.open",
    "resource has shelf && resource.shelf.wing.open",
    r#"resource.home.wing has name && resource.home.wing.name == "east""#,
    r#"resource.home.wing == Wing::"2""#,
    r#"resource.home.marks.contains("x")"#,
    r#"resource.home.marks.containsAll(["x", "y'"])"#,
    "resource.home.marks.isEmpty()",
    "resource.home.limit has most && resource.home.limit.most < 5",
    "resource.home.limit has most && resource.home.limit.least < resource.home.limit.most",
    "resource.home has near && resource.home.near.closed",
    "resource.home has near && resource.home.near has near && resource.home.near.near has keeper",
    r#"if resource has shelf then resource.shelf.closed else resource.home == Shelf::"3""#,
];

fn shelves(joined: usize) -> TableMapping {
    let near = ColumnMapping::integer("near_id").nulls(Nulls::Absent);
    let mapping = TableMapping::new("Shelf", ColumnMapping::integer("id"))
        .column("wing", ColumnMapping::text("wing"))
        .column("closed", ColumnMapping::boolean("closed"))
        .column("keeper", ColumnMapping::text("keeper").nulls(Nulls::Absent))
        .column("limit.most", ColumnMapping::integer("most").nulls(Nulls::Absent))
        .column("limit.least", ColumnMapping::integer("least"))
        .related("marks", "marks", "shelf_id", ColumnMapping::text("mark"));
    match joined {
        0 => mapping.column("near", near),
        more => mapping.joined("near", near, "shelves", shelves(more - 1)),
    }
}

fn books() -> TableMapping {
    let shelf = ColumnMapping::integer("shelf_id").nulls(Nulls::Absent);
    TableMapping::new("Book", ColumnMapping::integer("id"))
        .column("price", ColumnMapping::integer("price"))
        .joined("shelf", shelf, "shelves", shelves(0))
        .joined("home", ColumnMapping::integer("home_id"), "shelves", shelves(2))
}

/// The columns of a row of `shelves`, and what it is marked with.
type Shelf = (
    i64,
    &'static str,
    bool,
    Option<&'static str>,
    Option<i64>,
    Option<i64>,
    &'static [&'static str],
);

/// Shelves 7 to 9 are named, and not there.
const SHELVES: [Shelf; 6] = [
    (1, "1", false, None, None, None, &["x"]),
    (2, "2", true, Some("ada"), Some(1), Some(4), &["x", "y'"]),
    (3, "1", true, Some("Ada"), Some(7), Some(5), &[]),
    (4, "3", false, Some("ada"), Some(2), Some(2), &["X"]),
    (5, "gone", false, None, Some(3), None, &["y'"]),
    (6, "2", false, Some("bob"), Some(6), Some(9), &["x", "x"]),
];

fn shelf(id: i64) -> EntityUid {
    EntityUid::new("Shelf", id.to_string())
}

fn inline_shelves() -> impl Iterator<Item = Entity> {
    SHELVES.iter().map(|(id, wing, closed, keeper, near, most, marks)| {
        let limit = [("least".into(), Value::from(3))];
        let most = most.map(|most| ("most".into(), Value::from(most)));
        let mut row = Entity::new(shelf(*id))
            .with("wing", EntityUid::new("Wing", *wing))
            .with("closed", *closed)
            .with(
                "limit",
                Value::record(limit.into_iter().chain(most).collect::<Record>()).unwrap(),
            )
            .with("marks", Value::strings(marks.iter().copied()));
        if let Some(keeper) = keeper {
            row.set("keeper", EntityUid::new("Reader", *keeper));
        }
        if let Some(near) = near {
            row.set("near", shelf(*near));
        }
        row
    })
}

/// Ids, shelves, homes and prices.
fn rows() -> Vec<(i64, Option<i64>, i64, i64)> {
    let shelves = || (1..=9).map(Some).chain([None]);
    let places = shelves().flat_map(|shelf| (1..=9).map(move |home| (shelf, home)));
    (0..).zip(places).map(|(id, (shelf, home))| (id, shelf, home, id % 10)).collect()
}

fn database() -> rusqlite::Connection {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database
        .execute_batch(
            "CREATE TABLE books (id INTEGER, shelf_id INTEGER, home_id INTEGER, price INTEGER);
             CREATE TABLE shelves (id INTEGER, wing TEXT, closed BOOLEAN, keeper TEXT,
                 near_id INTEGER, most INTEGER, least INTEGER);
             CREATE TABLE marks (shelf_id INTEGER, mark TEXT);",
        )
        .unwrap();
    for row in rows() {
        database.execute("INSERT INTO books VALUES (?, ?, ?, ?)", row).unwrap();
    }
    for (id, wing, closed, keeper, near, most, marks) in SHELVES {
        let row = (id, wing, closed, keeper, near, most, 3);
        database.execute("INSERT INTO shelves VALUES (?, ?, ?, ?, ?, ?, ?)", row).unwrap();
        for mark in marks {
            database.execute("INSERT INTO marks VALUES (?, ?)", (id, mark)).unwrap();
        }
    }
    database
}

fn engine(clause: &str, is_true: bool) -> Engine {
    let policies = match is_true {
        true => format!("permit (principal, action, resource) when {{ {clause} }};"),
        false => format!(
            "permit (principal, action, resource);
             forbid (principal, action, resource) when {{ {clause} }};"
        ),
    };
    let bundle = PolicyBundle::builder().schema("s", SCHEMA).policies("p", policies).build();
    let wing = |id: &str, open: bool| Entity::new(EntityUid::new("Wing", id)).with("open", open);
    let facts = [
        wing("1", true),
        wing("2", false).with("name", "east"),
        wing("3", true).with("name", "EAST"),
        Entity::new(EntityUid::new("Reader", "ada")),
    ];
    Engine::builder(bundle.unwrap())
        .host_owned("Book")
        .host_owned("Shelf")
        .facts(facts.into_iter().collect())
        .build()
        .unwrap()
}

#[test]
fn a_filter_over_joined_rows_selects_what_checks_with_these_rows_allow() {
    let (database, rows, books) = (database(), rows(), books());
    let mut told_apart = 0;
    for (clause, is_true) in CLAUSES.iter().flat_map(|clause| [(clause, true), (clause, false)]) {
        let engine = engine(clause, is_true);
        let allowed = rows.iter().filter(|(id, at, home, price)| {
            let resource = EntityUid::new("Book", id.to_string());
            let mut book = Entity::new(resource.clone()).with("home", shelf(*home));
            book.set("price", *price);
            if let Some(at) = at {
                book.set("shelf", shelf(*at));
            }
            let request = Request::new(EntityUid::new("Reader", "ada"), "read", resource);
            let request = request.inline(book);
            let request = inline_shelves().fold(request, Request::inline);
            engine.check(&request).is_allowed()
        });
        let allowed: Vec<i64> = allowed.map(|row| row.0).collect();
        let read = engine.environment("Reader", "read", "Book").unwrap();
        let context = engine.context(&read, Record::new()).unwrap();
        let filter = engine.checker(&read, "ada", &context).unwrap().filter(&read, &books);
        // A host may call its table as the writer would call another.
        for alias in ["b", "joined1"] {
            let sql = filter.as_ref().unwrap().to_sql(Dialect::Sqlite, alias);
            let query = format!(r#"SELECT id FROM books AS {alias} WHERE {}"#, sql.condition);
            let bound = sql.parameters.iter().map(|value| match value {
                SqlValue::Text(text) => rusqlite::types::Value::from(text.clone()),
                SqlValue::Integer(number) => rusqlite::types::Value::from(*number),
                SqlValue::Boolean(flag) => rusqlite::types::Value::from(*flag),
                other => panic!("{other:?}"),
            });
            let mut statement = database.prepare(&query).unwrap();
            let found = statement.query_map(rusqlite::params_from_iter(bound), |row| row.get(0));
            let found: Vec<i64> = found.unwrap().map(Result::unwrap).collect();
            assert_eq!(found, allowed, "{clause} ({is_true}): {query}");
        }
        told_apart += usize::from((1..rows.len()).contains(&allowed.len()));
    }
    assert!(told_apart > 35, "{told_apart}");
}

#[test]
fn what_joins_cannot_tell_is_an_error() {
    let ask = |clause: &str, books: &TableMapping| {
        let engine = engine(clause, true);
        let read = engine.environment("Reader", "read", "Book").unwrap();
        let context = engine.context(&read, Record::new()).unwrap();
        let filter = engine.checker(&read, "ada", &context).unwrap().filter(&read, books);
        filter.unwrap_err().message().to_owned()
    };
    let two = ask("resource.price < resource.home.limit.least", &books());
    assert!(two.ends_with("the columns are of two tables"), "{two}");
    let near = "resource.home has near && resource.home.near has near &&
        resource.home.near.near has near && resource.home.near.near.near.closed";
    let deep = ask(near, &books());
    assert!(deep.ends_with("it reads another row of the same table"), "{deep}");
    let unmapped = TableMapping::new("Shelf", ColumnMapping::integer("id"));
    let books = books().joined("home", ColumnMapping::integer("home_id"), "shelves", unmapped);
    let unmapped = ask("resource.home.closed", &books);
    assert!(unmapped.ends_with("no column is declared for closed"), "{unmapped}");
}

#[test]
fn a_join_that_does_not_fit_the_schema_is_refused() {
    let policies = PolicyBundle::builder().schema("s", SCHEMA).build().unwrap();
    let shelf = || TableMapping::new("Shelf", ColumnMapping::integer("id"));
    let book = |column, shelves| {
        TableMapping::new("Book", ColumnMapping::integer("id"))
            .joined("home", column, "shelves", shelves)
    };
    let home = || ColumnMapping::integer("home_id");
    let wings = TableMapping::new("Wing", ColumnMapping::integer("id"));
    let refused = ColumnMapping::text("wing").nulls(Nulls::Refused);
    for (mapping, at_fault) in [
        (book(home(), wings), "home names a Shelf, and not a Wing"),
        (book(ColumnMapping::text("home"), shelf()), "home and its id are kept in two ways"),
        (book(home().nulls(Nulls::Absent), shelf()), "NULL in home_id cannot mean"),
        (book(home(), shelf().column("nothing", home())), "no attribute nothing"),
        (book(home(), shelf().column("wing", refused)), "NULL in wing cannot refuse"),
        (
            TableMapping::new("Book", ColumnMapping::integer("id")).joined(
                "price",
                home(),
                "shelves",
                shelf(),
            ),
            "price is not kept in such a column",
        ),
    ] {
        let error = mapping.check(&policies).unwrap_err();
        assert!(error.message().contains(at_fault), "{error}");
    }
    books().check(&policies).unwrap();
}

/// What a request brings along counts for a filter as it does for a check.
#[test]
fn a_filter_goes_by_what_its_request_brings_along() {
    let schema = "
        entity Group;
        entity User in [Group] = { client: Client };
        entity Client in [Group] = { archived: Bool, vip?: Bool, boss?: Client };
        entity Doc = { group: Group, client: Client };
        action view appliesTo { principal: User, resource: Doc };";
    let docs = TableMapping::new("Doc", ColumnMapping::integer("id"))
        .column("group", ColumnMapping::text("team"))
        .column("client", ColumnMapping::text("client"));
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch("CREATE TABLE docs (id INTEGER, team TEXT, client TEXT);").unwrap();
    let rows = [(1, "g", "c"), (2, "h", "d"), (3, "g", "gone"), (4, "h", "absent")];
    for row in rows {
        database.execute("INSERT INTO docs VALUES (?, ?, ?)", row).unwrap();
    }
    let (group, client) =
        (|id: &str| EntityUid::new("Group", id), |id: &str| EntityUid::new("Client", id));
    let user = EntityUid::new("User", "u");
    let brought = [
        Entity::new(user.clone()).with("client", client("gone")).parent(group("g")),
        Entity::new(client("c")).with("archived", false).with("vip", true).parent(group("g")),
        Entity::new(client("d")).with("archived", true),
    ];
    let mut made = 0;
    for clause in [
        "principal in resource.group",
        r#"resource.client in Group::"g""#,
        "resource.client has vip",
        "resource.client has archived && resource.client.archived",
        "(if resource.client has boss then resource.client.boss else resource.client)
            == principal.client",
    ] {
        let policies = format!(
            "permit (principal, action, resource);
             forbid (principal, action, resource) when {{ {clause} }};"
        );
        let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies).build();
        let engine = Engine::builder(bundle.unwrap()).all_inline().build().unwrap();
        let request = |id: &str| {
            let request = Request::new(user.clone(), "view", EntityUid::new("Doc", id));
            brought.iter().cloned().fold(request, Request::inline)
        };
        let allowed = rows.iter().filter(|(id, team, of)| {
            let id = id.to_string();
            let row = Entity::new(EntityUid::new("Doc", id.as_str()));
            let row = row.with("group", group(team)).with("client", client(of));
            engine.check(&request(&id).inline(row)).is_allowed()
        });
        let allowed: Vec<i64> = allowed.map(|row| row.0).collect();
        let Ok(filter) = engine.filter(&request(""), &docs) else { continue };
        made += 1;
        let sql = filter.to_sql(Dialect::Sqlite, "d");
        let query = format!("SELECT id FROM docs AS d WHERE {} ORDER BY id", sql.condition);
        let bound = sql.parameters.iter().map(|value| match value {
            SqlValue::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        });
        let mut statement = database.prepare(&query).unwrap();
        let found = statement.query_map(rusqlite::params_from_iter(bound), |row| row.get(0));
        let found: Vec<i64> = found.unwrap().map(Result::unwrap).collect();
        assert_eq!(found, allowed, "{clause}: {query}");
    }
    // What lies between, and which of those that are not there it is, no filter tells.
    assert_eq!(made, 3);
}
