//! What a filter costs in PostgreSQL, beside the same condition written by hand.
//!
//! | group/case      | what                                                    | rows that are found         |
//! |-----------------|---------------------------------------------------------|-----------------------------|
//! | `sql/client`    | a contact's client's documents that are open to clients | 140 of 200 of his client's  |
//! | `sql/page`      | the newest 50 of these                                  | 50                          |
//! | `sql/invited`   | those that a contact is invited to, whose client's ever | 30, through a related table |
//! | `sql/owned`     | those of a large client that he owns or is invited to   | 20 of 20,000                |
//!
//! | engine         | what                                                                            |
//! |----------------|---------------------------------------------------------------------------------|
//! | `by-hand`      | the query as somebody writes it who knows PostgreSQL and these tables           |
//! | `by-constants` | the same with the policies' own values in the text (`sql/page` alone)           |
//! | `by-union`     | the same as a union of two, which no condition can be (`sql/owned` alone)       |
//! | `doorward`     | the query with the filter's condition                                           |
//!
//! `by-constants` shows what binding costs, by hand or not: PostgreSQL keeps one plan for a prepared
//! query whose constants it knows, and plans the page anew each time where it does not
//! (`plan_cache_mode = force_generic_plan` undoes that).
//!
//! A million documents of 5,000 clients, with the indexes that such queries need. Both engines are
//! prepared, warm, and ask by turns for contacts in a random order, each of which has to be given the
//! same rows by both. Prints the plans of both. Needs `DOORWARD_TEST_PYTHON`, as `make bench-sql` sets
//! it; writes its findings to `sql.json` in the target folder, for `ratios.py` to print.
#![expect(clippy::print_stdout, reason = "plans are to be read")]

mod findings;
mod selection;
#[path = "../tests/servers/mod.rs"]
mod servers;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::{Duration, Instant};

use doorward::{
    ColumnMapping, Dialect, Engine, Entity, EntityUid, Nulls, PolicyBundle, Record, SqlValue,
    TableMapping,
};
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type};
use postgres::{Client, Statement};
use uuid::Uuid;

use findings::Findings;
use selection::is_selected;
use servers::Server;

const SCHEMA: &str = "
    entity Client = { archived: Bool };
    entity Contact = { client: Client };
    entity Document = {
        client: Client, owner?: Contact, state: String, visible: Bool, due?: datetime,
        invited: Set<Contact>, labels: Set<String>,
    };
    action view, follow, keep appliesTo { principal: Contact, resource: Document };";

const POLICIES: &str = r#"
    @id("own-client") forbid (principal, action in [Action::"view", Action::"keep"], resource)
        unless { principal.client == resource.client };
    @id("archived") forbid (principal, action == Action::"view", resource)
        when { resource.client.archived };
    @id("hidden") forbid (principal, action, resource) unless { resource.visible };
    @id("state") forbid (principal, action, resource)
        when { ["draft", "void"].contains(resource.state) };
    @id("secret") forbid (principal, action == Action::"follow", resource)
        when { resource.labels.contains("secret") };
    @id("client") permit (principal, action == Action::"view", resource);
    @id("invited") permit (principal, action in [Action::"follow", Action::"keep"], resource)
        when { resource.invited.contains(principal) };
    @id("owner") permit (principal, action == Action::"keep", resource)
        when { resource has owner && resource.owner == principal };
"#;

const TABLES: &str = "
    CREATE TABLE documents (
        id uuid PRIMARY KEY, client_id varchar(40) NOT NULL, owner_id uuid, state varchar(20) NOT NULL,
        visible boolean NOT NULL, due_ms bigint, created_ms bigint NOT NULL, title text NOT NULL
    );
    CREATE TABLE invitations (document_id uuid NOT NULL, contact_id uuid NOT NULL);
    CREATE TABLE labels (document_id uuid NOT NULL, label text NOT NULL);

    CREATE FUNCTION number_uuid(kind int, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
        $$ SELECT md5(kind || '/' || number)::uuid $$;
    -- The first 20,000 are one client's; the others are 200 each.
    INSERT INTO documents
        SELECT number_uuid(1, n),
            'C' || CASE WHEN n < 20000 THEN 0 ELSE n % 4900 + 1 END,
            CASE n % 4 WHEN 0 THEN NULL ELSE number_uuid(2, n * 7919 % 10000) END,
            (ARRAY['sent', 'sent', 'sent', 'paid', 'paid', 'overdue', 'draft', 'void'])[n * 31 % 8 + 1],
            n * 17 % 20 <> 0, CASE n % 3 WHEN 0 THEN NULL ELSE n * 1000 END, n * 7001 % 1000003,
            'Document no. ' || n
        FROM generate_series(0::bigint, 999999) AS n;
    INSERT INTO invitations
        SELECT number_uuid(1, n * 13 % 1000000), number_uuid(2, n * 7907 % 10000)
        FROM generate_series(0::bigint, 399999) AS n;
    INSERT INTO invitations
        SELECT number_uuid(1, n * 1999 % 20000), number_uuid(2, n % 10) FROM generate_series(0::bigint, 99) AS n;
    INSERT INTO labels
        SELECT number_uuid(1, n * 3), CASE n % 7 WHEN 0 THEN 'secret' ELSE 'label ' || n % 7 END
        FROM generate_series(0::bigint, 299999) AS n;
    CREATE INDEX ON documents (client_id, created_ms DESC);
    CREATE INDEX ON documents (owner_id);
    CREATE INDEX ON invitations (contact_id);
    CREATE INDEX ON invitations (document_id, contact_id);
    CREATE INDEX ON labels (document_id, label);
    ANALYZE;";

const CONTACTS: i64 = 10_000;
/// The contacts of the large client.
const LARGE: i64 = 10;

/// What somebody asks by hand, and what the filter's condition is put into.
struct Case {
    name: &'static str,
    action: &'static str,
    by_hand: &'static [ByHand],
    filtered: &'static str,
    /// Asks for the large client's contacts, or for the others.
    of_large: bool,
    turns: usize,
}

struct ByHand {
    engine: &'static str,
    text: &'static str,
    /// What is bound.
    values: fn(&Contact) -> Vec<SqlValue>,
}

const CASES: [Case; 4] = [
    Case {
        name: "sql/client",
        action: "view",
        by_hand: &[ByHand {
            engine: "by-hand",
            text: "SELECT d.id FROM documents d
                WHERE d.client_id = $1 AND d.visible AND d.state NOT IN ($2, $3)",
            values: |contact| vec![contact.client(), text("draft"), text("void")],
        }],
        filtered: "SELECT d.id FROM documents AS d WHERE {}",
        of_large: false,
        turns: 2_000,
    },
    Case {
        name: "sql/page",
        action: "view",
        by_hand: &[
            ByHand {
                engine: "by-hand",
                text: "SELECT d.id FROM documents d
                    WHERE d.client_id = $1 AND d.visible AND d.state NOT IN ($2, $3)
                    ORDER BY d.created_ms DESC LIMIT 50",
                values: |contact| vec![contact.client(), text("draft"), text("void")],
            },
            ByHand {
                engine: "by-constants",
                text: "SELECT d.id FROM documents d
                    WHERE d.client_id = $1 AND d.visible AND d.state NOT IN ('draft', 'void')
                    ORDER BY d.created_ms DESC LIMIT 50",
                values: |contact| vec![contact.client()],
            },
        ],
        filtered: "SELECT d.id FROM documents AS d WHERE {} ORDER BY d.created_ms DESC LIMIT 50",
        of_large: false,
        turns: 2_000,
    },
    Case {
        name: "sql/invited",
        action: "follow",
        by_hand: &[ByHand {
            engine: "by-hand",
            text: "SELECT d.id FROM documents d JOIN invitations i ON i.document_id = d.id
                WHERE i.contact_id = $1 AND d.visible AND d.state NOT IN ($2, $3) AND NOT EXISTS (
                    SELECT 1 FROM labels l WHERE l.document_id = d.id AND l.label = $4)",
            values: |contact| vec![contact.id(), text("draft"), text("void"), text("secret")],
        }],
        filtered: "SELECT d.id FROM documents AS d WHERE {}",
        of_large: false,
        turns: 2_000,
    },
    Case {
        name: "sql/owned",
        action: "keep",
        by_hand: &[
            ByHand {
                engine: "by-hand",
                text: "SELECT d.id FROM documents d
                    WHERE d.client_id = $1 AND d.visible AND d.state NOT IN ($3, $4)
                    AND (d.owner_id = $2 OR EXISTS (SELECT 1 FROM invitations i
                        WHERE i.document_id = d.id AND i.contact_id = $2))",
                values: |contact| vec![contact.client(), contact.id(), text("draft"), text("void")],
            },
            ByHand {
                engine: "by-union",
                text: "SELECT d.id FROM documents d WHERE d.owner_id = $2
                    AND d.client_id = $1 AND d.visible AND d.state NOT IN ($3, $4)
                    UNION
                    SELECT d.id FROM documents d JOIN invitations i ON i.document_id = d.id
                    WHERE i.contact_id = $2
                    AND d.client_id = $1 AND d.visible AND d.state NOT IN ($3, $4)",
                values: |contact| vec![contact.client(), contact.id(), text("draft"), text("void")],
            },
        ],
        filtered: "SELECT d.id FROM documents AS d WHERE {}",
        of_large: true,
        turns: 100,
    },
];

fn text(text: &str) -> SqlValue {
    SqlValue::Text(text.to_owned())
}

struct Contact {
    id: Uuid,
    client: String,
}

impl Contact {
    fn id(&self) -> SqlValue {
        SqlValue::Uuid(self.id.as_u128())
    }

    fn client(&self) -> SqlValue {
        text(&self.client)
    }

    fn uid(&self) -> EntityUid {
        EntityUid::new("Contact", self.id.hyphenated().to_string())
    }
}

/// A query and its parameters.
type Asked = (String, Vec<SqlValue>);

fn main() -> Result<(), Box<dyn Error>> {
    let cases: Vec<&Case> = CASES.iter().filter(|case| is_selected(case.name)).collect();
    if cases.is_empty() {
        return Ok(());
    }
    let Some(server) = Server::start("postgres")? else {
        println!("skipped: no PostgreSQL; `make bench-sql` sets one up");
        return Ok(());
    };
    let mut client = Client::connect(&server.address, postgres::NoTls)?;
    client.batch_execute(TABLES)?;
    let numbered = client.query(
        "SELECT number_uuid(2, n) FROM generate_series(0::bigint, $1) AS n",
        &[&(CONTACTS - 1)],
    )?;
    let contacts: Vec<Contact> = (0..)
        .zip(&numbered)
        .map(|(number, row)| Contact {
            id: row.get(0),
            client: format!("C{}", if number < LARGE { 0 } else { number % 4_900 + 1 }),
        })
        .collect();
    let engine = engine(&contacts)?;
    let mut findings = Findings::default();
    for case in cases {
        run(case, &mut client, &engine, &contacts, &mut findings)?;
    }
    findings.write("sql")
}

fn engine(contacts: &[Contact]) -> Result<Engine, Box<dyn Error>> {
    let policies = PolicyBundle::builder().schema("s", SCHEMA).policies("p", POLICIES).build()?;
    let client = |contact: &Contact| EntityUid::new("Client", contact.client.as_str());
    let clients = contacts.iter().map(|it| Entity::new(client(it)).with("archived", false));
    let people = contacts.iter().map(|it| Entity::new(it.uid()).with("client", client(it)));
    let facts = clients.chain(people).collect();
    Ok(Engine::builder(policies).host_owned("Document").facts(facts).build()?)
}

fn mapping() -> TableMapping {
    TableMapping::new("Document", ColumnMapping::uuid("id"))
        .column("client", ColumnMapping::text("client_id"))
        .column("owner", ColumnMapping::uuid("owner_id").nulls(Nulls::Absent))
        .column("state", ColumnMapping::text("state"))
        .column("visible", ColumnMapping::boolean("visible"))
        .column("due", ColumnMapping::milliseconds("due_ms").nulls(Nulls::Absent))
        .related("invited", "invitations", "document_id", ColumnMapping::uuid("contact_id"))
        .related("labels", "labels", "document_id", ColumnMapping::text("label"))
}

fn run(
    case: &Case,
    client: &mut Client,
    engine: &Engine,
    contacts: &[Contact],
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let (large, others) = contacts.split_at(usize::try_from(LARGE)?);
    let asking = if case.of_large { large } else { others };
    let mut prepared: HashMap<String, Statement> = HashMap::new();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut rows_found = 0;
    for turn in 0..case.turns {
        // A step that shares no factor with either number of contacts.
        let contact = asking.get(turn * 7_919 % asking.len()).ok_or("no contacts")?;
        let mut asked: Vec<(&str, Asked)> = Vec::new();
        for hand in case.by_hand {
            asked.push((hand.engine, (hand.text.to_owned(), (hand.values)(contact))));
        }
        asked.push(("doorward", filtered(case, engine, contact)?));
        // Who asks second finds the pages warm.
        let first = turn % asked.len();
        asked.rotate_left(first);
        let mut seen: Option<Vec<Uuid>> = None;
        for (name, (text, parameters)) in &asked {
            let values: Vec<Bound<'_>> = parameters.iter().map(Bound).collect();
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| it as _).collect();
            if !prepared.contains_key(text) {
                prepared.insert(text.clone(), client.prepare(text)?);
            }
            let statement = prepared.get(text).ok_or("it was prepared")?;
            let started = Instant::now();
            let rows = client.query(statement, &values)?;
            let elapsed = started.elapsed();
            // The first turns plan and read.
            if turn >= case.turns / 10 {
                times.entry(*name).or_default().push(elapsed);
            }
            let mut found: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            found.sort_unstable();
            rows_found += found.len();
            if *seen.get_or_insert_with(|| found.clone()) != found {
                return Err(format!("{}: {name} finds other rows", case.name).into());
            }
            if turn + 1 == case.turns {
                explain(client, &format!("{}/{name}", case.name), text, &values)?;
            }
        }
        if turn + 1 == case.turns {
            let rows = rows_found / case.turns / asked.len();
            println!("{}: {rows} rows, {} texts prepared", case.name, prepared.len());
        }
    }
    for (engine, mut times) in times {
        times.sort_unstable();
        let median = times.get(times.len() / 2).ok_or("no turns")?;
        findings.add(case.name, engine, median.as_nanos() as f64, "ns");
    }
    Ok(())
}

/// The host's query with what the contact may see of it.
fn filtered(case: &Case, engine: &Engine, contact: &Contact) -> Result<Asked, Box<dyn Error>> {
    let environment = engine.environment("Contact", case.action, "Document")?;
    let context = engine.context(&environment, Record::new())?;
    let checker = engine.checker(&environment, contact.uid().id(), &context)?;
    let sql = checker.filter(&environment, &mapping())?.to_sql(Dialect::Postgres, "d");
    Ok((case.filtered.replace("{}", &sql.condition), sql.parameters))
}

fn explain(
    client: &mut Client,
    what: &str,
    text: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), Box<dyn Error>> {
    println!("--- {what}\n{text}");
    for row in client.query(&format!("EXPLAIN (ANALYZE, BUFFERS) {text}"), values)? {
        println!("    {}", row.get::<_, &str>(0));
    }
    Ok(())
}

/// A value as the type that it is.
#[derive(Debug)]
struct Bound<'v>(&'v SqlValue);

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            SqlValue::Text(text) => text.to_sql_checked(of, out),
            SqlValue::Integer(number) => number.to_sql_checked(of, out),
            SqlValue::Boolean(flag) => flag.to_sql_checked(of, out),
            SqlValue::Uuid(id) => Uuid::from_u128(*id).to_sql_checked(of, out),
            other => Err(format!("{other:?} is of no type that is known").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}
