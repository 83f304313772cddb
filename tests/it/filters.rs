//! Filters on real databases: SQLite always, PostgreSQL and MariaDB where `make test` has them.

mod databases;
mod texts;

use doorward::{
    ColumnMapping, Dialect, Engine, Entity, EntityUid, Filter, Nulls, PolicyBundle, Record,
    Request, Sql, SqlValue, TableMapping, Timestamp, Value,
};

use databases::{Database, MariaDb, Postgres, Sqlite};

const SCHEMA: &str = "
    entity Role;
    entity Client = { archived: Bool };
    entity Contact in [Role] = { client: Client, limit: Long };
    entity Document = {
        client: Client, owner?: Contact, state: String, note?: String, amount?: Long,
        visible: Bool, due?: datetime, invited: Set<Contact>, labels: Set<String>,
    };
    action view appliesTo {
        principal: Contact, resource: Document, context: { now: datetime },
    };";

const POLICIES: &str = r#"
    @id("own-client") forbid (principal, action, resource)
        unless { principal.client == resource.client };
    @id("archived") forbid (principal, action, resource) when { resource.client.archived };
    @id("hidden") forbid (principal, action, resource) unless { resource.visible };
    @id("state") forbid (principal, action, resource)
        when { ["draft", "o'brien", "100%"].contains(resource.state) };
    @id("secret") forbid (principal, action, resource) when { resource.labels.contains("secret") };
    @id("overdue") forbid (principal, action, resource)
        when { resource has due && resource.due < context.now };
    @id("internal") forbid (principal, action, resource)
        when { resource has note && resource.note like "in*nal_50%[x]!" };
    @id("owner") permit (principal, action, resource)
        when { resource has owner && principal in resource.owner };
    @id("invited") permit (principal, action, resource)
        when { resource.invited.contains(principal) };
    @id("small") permit (principal, action, resource)
        when { resource has amount && resource.amount <= principal.limit };
    @id("boss") permit (principal in Role::"boss", action, resource)
        unless { resource.labels.containsAny(["Secret", "ü"]) };
    @id("debts") forbid (principal in Role::"careful", action, resource)
        when { resource.visible && resource has amount && 0 > resource.amount };
"#;

const CONTACTS: [(&str, &str, &[&str]); 6] = [
    ("gm", "C1", &[]),
    ("o'brien", "C1", &[]),
    ("boss", "C1", &["boss"]),
    ("careful", "C1", &["careful", "boss"]),
    ("gone", "C2", &["boss"]),
    ("lost", "nowhere", &["boss"]),
];

fn engine() -> Engine {
    let policies = PolicyBundle::builder().schema("s", SCHEMA).policies("p", POLICIES).build();
    let client = |id: &str, archived: bool| {
        Entity::new(EntityUid::new("Client", id)).with("archived", archived)
    };
    let contacts = CONTACTS.iter().map(|(id, client, roles)| {
        let row = Entity::new(EntityUid::new("Contact", *id))
            .with("client", EntityUid::new("Client", *client))
            .with("limit", 100);
        roles.iter().fold(row, |row, role| row.parent(EntityUid::new("Role", *role)))
    });
    let facts = [client("C1", false), client("C2", true)].into_iter().chain(contacts).collect();
    Engine::builder(policies.unwrap()).host_owned("Document").facts(facts).build().unwrap()
}

fn mapping() -> TableMapping {
    TableMapping::new("Document", ColumnMapping::integer("id"))
        .column("client", ColumnMapping::text("client id").nulls(Nulls::Refused))
        .column("owner", ColumnMapping::text("owner").nulls(Nulls::Absent))
        .column("state", ColumnMapping::text("state"))
        .column("note", ColumnMapping::text("note").nulls(Nulls::Absent))
        .column("amount", ColumnMapping::integer("amount").nulls(Nulls::Absent))
        .column("visible", ColumnMapping::boolean("visible").nulls(Nulls::Refused))
        .column("due", ColumnMapping::milliseconds("due_ms").nulls(Nulls::Absent))
        .related("invited", "invitations", "document", ColumnMapping::text("contact"))
        .related("labels", "labels", "document", ColumnMapping::text("label"))
}

/// A row of the host's table.
#[derive(Clone, Debug)]
struct Document {
    id: i64,
    client: Option<&'static str>,
    owner: Option<&'static str>,
    state: &'static str,
    note: Option<&'static str>,
    amount: Option<i64>,
    visible: Option<bool>,
    due: Option<i64>,
    invited: &'static [&'static str],
    labels: &'static [&'static str],
}

const NOW: i64 = 1_796_000_000_000;

fn documents() -> Vec<Document> {
    let mut seed = 7_u64;
    let mut next = |count: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % count
    };
    let mut one = |all: &[&'static str]| all[next(all.len())];
    let some = |text: &'static str| (text != "NULL").then_some(text);
    let mut rows = Vec::new();
    for id in 0..1500 {
        rows.push(Document {
            id,
            client: some(one(&["C1", "C1", "C1", "c1", "C2", "nowhere", "NULL", "C1' OR '1'='1"])),
            owner: some(one(&["NULL", "gm", "GM", "o'brien", "other"])),
            state: one(&[
                "sent",
                "sent",
                "draft",
                "Draft",
                "o'brien",
                "100%",
                "100 percent",
                "",
                "ünï",
            ]),
            note: some(one(&[
                "NULL",
                "NULL",
                "internal_50%[x]!",
                "inXnalY50Zx!",
                "INTERNAL_50%[X]!",
                "%",
                "\\",
                "*",
                "innal_50%[x]!",
                "in\nnal_50%[x]!",
            ])),
            amount: match one(&["NULL", "0", "100", "101", "-1", "max", "min"]) {
                "max" => Some(i64::MAX),
                "min" => Some(i64::MIN),
                text => text.parse().ok(),
            },
            visible: match one(&["yes", "yes", "yes", "no", "NULL"]) {
                "NULL" => None,
                text => Some(text == "yes"),
            },
            due: match one(&["NULL", "NULL", "before", "now", "after"]) {
                "before" => Some(NOW - 1),
                "now" => Some(NOW),
                "after" => Some(NOW + 1),
                _ => None,
            },
            invited: match one(&["none", "gm", "two", "case"]) {
                "gm" => &["gm", "gm"],
                "two" => &["o'brien", "gm", "lost"],
                "case" => &["GM", "gm "],
                _ => &[],
            },
            labels: match one(&["none", "none", "secret", "case", "percent"]) {
                "secret" => &["a", "secret"],
                "case" => &["Secret"],
                "percent" => &["%", "secre_", "ü"],
                _ => &[],
            },
        });
    }
    rows
}

impl Document {
    /// As the host would pass it inline.
    fn entity(&self) -> Entity {
        let contact = |id: &str| EntityUid::new("Contact", id);
        let mut row = Entity::new(EntityUid::new("Document", self.id.to_string()))
            .with("state", self.state)
            .with("invited", Value::set(self.invited.iter().map(|id| contact(id).into())).unwrap())
            .with("labels", Value::strings(self.labels.iter().copied()));
        let optional: [(&str, Option<Value>); 6] = [
            ("client", self.client.map(|id| EntityUid::new("Client", id).into())),
            ("owner", self.owner.map(|id| contact(id).into())),
            ("note", self.note.map(Value::from)),
            ("amount", self.amount.map(Value::from)),
            ("visible", self.visible.map(Value::from)),
            ("due", self.due.map(|ms| Timestamp::from_ms(ms).into())),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                row.set(name, value);
            }
        }
        row
    }
}

/// What each contact may view, by a check of each row; and the filter.
fn asked(engine: &Engine, rows: &[Document]) -> Vec<(&'static str, Vec<i64>, Filter)> {
    let now = || Record::from([("now".into(), Value::from(Timestamp::from_ms(NOW)))]);
    let view = engine.environment("Contact", "view", "Document").unwrap();
    let context = engine.context(&view, now()).unwrap();
    let of = |(id, ..): &(&'static str, &str, &[&str])| {
        let allowed = rows.iter().filter(|row| {
            let resource = EntityUid::new("Document", row.id.to_string());
            let request = Request::new(EntityUid::new("Contact", *id), "view", resource);
            engine.check(&request.context(now()).inline(row.entity())).is_allowed()
        });
        let filter = engine.checker(&view, *id, &context).unwrap().filter(&view, &mapping());
        let any = EntityUid::new("Document", "");
        let request = Request::new(EntityUid::new("Contact", *id), "view", any).context(now());
        assert_eq!(engine.filter(&request, &mapping()), filter, "{id}");
        (*id, allowed.map(|row| row.id).collect(), filter.unwrap())
    };
    CONTACTS.iter().map(of).collect()
}

/// The query of a host that keeps deleted rows, and joins the condition with one of its own.
fn query(sql: &Sql, table: &str) -> String {
    format!("SELECT d.id FROM {table} AS d WHERE d.deleted = 0 AND {} ORDER BY d.id", sql.condition)
}

const TABLES: &str = r#"
    CREATE TABLE "Documents ""of"" it" (
        id BIGINT, "client id" TEXT, owner TEXT, state TEXT, note TEXT, amount BIGINT,
        visible BOOLEAN, due_ms BIGINT, deleted BIGINT
    );
    CREATE TABLE invitations (document BIGINT, contact TEXT);
    CREATE TABLE labels (document BIGINT, label TEXT);
"#;

/// Fills the tables; the contacts' filters have to select what checks allow.
fn selects_what_checks_allow(database: &mut dyn Database) {
    const DOCUMENTS: &str = r#""Documents ""of"" it""#;
    let text = |text: &str| Some(SqlValue::Text(text.to_owned()));
    let number = |number: i64| Some(SqlValue::Integer(number));
    let rows = documents();
    database.run(TABLES);
    // Each row stands twice, and was once deleted.
    let stored = rows.iter().flat_map(|row| {
        [0, 1].map(|deleted| {
            vec![
                number(row.id),
                row.client.and_then(text),
                row.owner.and_then(text),
                text(row.state),
                row.note.and_then(text),
                row.amount.and_then(number),
                row.visible.map(SqlValue::Boolean),
                row.due.and_then(number),
                number(deleted),
            ]
        })
    });
    database.insert(DOCUMENTS, &stored.collect::<Vec<_>>());
    let of_each = |names: fn(&Document) -> &'static [&'static str]| {
        let named = |row| names(row).iter().map(move |name| vec![number(row.id), text(name)]);
        rows.iter().flat_map(named).collect::<Vec<_>>()
    };
    database.insert("invitations", &of_each(|row| row.invited));
    database.insert("labels", &of_each(|row| row.labels));
    let mut listed = 0;
    for (contact, allowed, filter) in asked(&engine(), &rows) {
        let sql = filter.to_sql(database.dialect(), "d");
        let found = database.ids(&query(&sql, &database.quoted(DOCUMENTS)), &sql.parameters);
        assert_eq!(found, allowed, "{contact}: {}", sql.condition);
        listed += found.len();
    }
    assert!(listed > 300, "{listed}");
}

#[test]
fn filters_select_in_sqlite_what_checks_allow() {
    selects_what_checks_allow(&mut Sqlite::new());
    texts::compare_by_their_characters(&mut Sqlite::new());
}

#[test]
fn filters_select_in_postgres_what_checks_allow() {
    let Some(mut database) = Postgres::start() else { return };
    selects_what_checks_allow(&mut database);
    texts::compare_by_their_characters(&mut database);
}

#[test]
fn filters_select_in_mariadb_what_checks_allow() {
    let Some(mut database) = MariaDb::start() else { return };
    selects_what_checks_allow(&mut database);
    texts::compare_by_their_characters(&mut database);
}

#[test]
fn each_dialect_has_words_of_its_own() {
    let engine = engine();
    let (.., filter) = asked(&engine, &[]).swap_remove(1);
    let written = |dialect| {
        let sql = filter.to_sql(dialect, "d");
        let values = sql.parameters.iter().map(|value| format!("{value:?}"));
        let values: Vec<String> = values.collect();
        format!("{}\n-- {}\n", sql.condition, values.join(", "))
    };
    let all = [
        ("sqlite", written(Dialect::Sqlite)),
        ("postgres", written(Dialect::Postgres)),
        ("mysql", written(Dialect::MySql)),
    ];
    for (name, text) in all {
        let golden = format!("{}/tests/golden/filter.{name}.sql", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&golden).unwrap();
        assert_eq!(text, kept, "{golden}: run with UPDATE_GOLDEN=1 if this is meant");
    }
}

#[test]
fn what_columns_cannot_tell_is_an_error_that_names_the_clause() {
    let engine = engine();
    let view = engine.environment("Contact", "view", "Document").unwrap();
    let now = Record::from([("now".into(), Value::from(Timestamp::from_ms(NOW)))]);
    let context = engine.context(&view, now).unwrap();
    let checker = engine.checker(&view, "gm", &context).unwrap();
    let bare = TableMapping::new("Document", ColumnMapping::integer("id"))
        .column("client", ColumnMapping::text("client"));
    let error = checker.filter(&view, &bare).unwrap_err();
    assert_eq!(error.message(), "hidden: `resource.visible`: no column is declared for visible");
    assert!(error.help().unwrap().starts_with("map visible to a column"));
    let other = TableMapping::new("Contact", ColumnMapping::integer("id"));
    assert!(checker.filter(&view, &other).is_err());
}

#[test]
fn a_request_that_none_could_ask_has_no_filter() {
    let (engine, any) = (engine(), EntityUid::new("Document", ""));
    let now = Value::from(Timestamp::from_ms(NOW));
    let ask = |action: &str| {
        Request::new(EntityUid::new("Contact", "gm"), action, any.clone()).with("now", now.clone())
    };
    let row = Entity::new(EntityUid::new("Document", "1"));
    for (request, at_fault) in [
        (ask("veiw"), "veiw"),
        (ask("view").with("now", "noon"), "now"),
        (ask("view").for_principal(EntityUid::new("Client", "C1")), "Client"),
        (ask("view").for_resource(EntityUid::new("Client", "C1")), "Client"),
        (ask("view").inline(row), "the request brings a Document along"),
    ] {
        let error = engine.filter(&request, &mapping()).unwrap_err();
        assert!(error.message().contains(at_fault), "{error}");
        assert!(error.help().is_some(), "{error}");
    }
    assert!(engine.filter(&ask("view"), &mapping()).is_ok());
}

#[test]
fn a_mapping_that_does_not_fit_the_schema_is_refused() {
    let policies = PolicyBundle::builder().schema("s", SCHEMA).build().unwrap();
    let documents = || TableMapping::new("Document", ColumnMapping::integer("id"));
    let text = || ColumnMapping::text("x");
    for (mapping, at_fault) in [
        (TableMapping::new("Nothing", ColumnMapping::integer("id")), "no such type"),
        (TableMapping::new("Document", ColumnMapping::boolean("id")), "cannot be an id"),
        (documents().column("nothing", text()), "no attribute nothing"),
        (documents().column("amount", text()), "amount is not kept in such a column"),
        (documents().column("labels", text()), "labels is not kept"),
        (documents().column("state", text().nulls(Nulls::Absent)), "NULL in x cannot mean"),
        (documents().column("note", text().nulls(Nulls::Refused)), "NULL in x cannot mean"),
        (documents().related("state", "t", "d", text()), "state is not kept"),
        (documents().related("labels", "t", "d", text().nulls(Nulls::Absent)), "NULL in x"),
    ] {
        let error = mapping.check(&policies).unwrap_err();
        assert!(error.message().contains(at_fault), "{error}");
        assert!(error.help().is_some() || at_fault.starts_with("no "), "{error}");
    }
    mapping().check(&policies).unwrap();
}

/// A check has the row that the host passes, with what it lies in; a filter has none of the rows.
#[test]
fn what_goes_through_a_row_of_the_table_is_refused() {
    let schema = "
        entity Folder;
        entity Sheet in [Folder] = { up?: Sheet, holder: Person, open?: Bool };
        entity Person in [Sheet, Folder] = { pinned?: Sheet };
        action view appliesTo { principal: [Person, Sheet], resource: Sheet };";
    let sheets = TableMapping::new("Sheet", ColumnMapping::text("id"))
        .column("up", ColumnMapping::text("up").nulls(Nulls::Absent))
        .column("holder", ColumnMapping::text("holder"));
    let person = Entity::new(EntityUid::new("Person", "ada"))
        .with("pinned", EntityUid::new("Sheet", "7"))
        .parent(EntityUid::new("Sheet", "7"));
    for clause in [
        r#"principal in Folder::"secret""#,
        r#"resource in Folder::"secret""#,
        r#"resource.holder in Folder::"secret""#,
        "resource has up && resource.up has open",
        "principal has pinned && principal.pinned has open",
    ] {
        let policies = format!(
            r#"@id("all") permit (principal, action, resource);
               @id("kept") forbid (principal, action, resource) when {{ {clause} }};"#
        );
        let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
        let engine = Engine::builder(bundle.build().unwrap()).host_owned("Sheet");
        let engine = engine.facts([person.clone()].into_iter().collect()).build().unwrap();
        let view = engine.environment("Person", "view", "Sheet").unwrap();
        let context = engine.context(&view, Record::new()).unwrap();
        let checker = engine.checker(&view, "ada", &context).unwrap();
        let refused = checker.filter(&view, &sheets);
        assert!(
            refused.as_ref().is_err_and(|it| it.message().starts_with("kept: ")),
            "{refused:?}"
        );
    }
    // Who asks may be a row himself, and is in what the host says when it passes that row.
    let policies = "permit (principal, action, resource) when { principal in resource.within };";
    let schema = schema.replace("open?: Bool", "open?: Bool, within: Folder");
    let bundle = PolicyBundle::builder().schema("s", schema).policies("p", policies);
    let engine = Engine::builder(bundle.build().unwrap()).host_owned("Sheet").build().unwrap();
    let view = engine.environment("Sheet", "view", "Sheet").unwrap();
    let context = engine.context(&view, Record::new()).unwrap();
    let sheets = sheets.column("within", ColumnMapping::text("folder"));
    let refused = engine.checker(&view, "7", &context).unwrap().filter(&view, &sheets);
    assert!(refused.is_err_and(|it| it.message().contains("it is a row of the same table")));
}

#[test]
fn no_alias_is_hidden_by_a_related_table() {
    let (.., filter) = asked(&engine(), &[]).swap_remove(1);
    for alias in ["related", "Related"] {
        let condition = filter.to_sql(Dialect::Sqlite, alias).condition;
        assert!(condition.contains(r#"AS "set_of_it""#), "{condition}");
    }
}
