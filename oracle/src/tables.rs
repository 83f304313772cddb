//! Filters beside checks, on tables that are made for them: what a real SQLite selects are the rows
//! that checks allow, and on a share of them what Cedar's own authorizer does.
//!
//! Random policies about all kinds of types seldom come to a condition that columns can tell. These
//! read little else: columns of every kind that is mapped, compared in every way that is expressed
//! with values that databases like to confuse.

mod model;
mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cedar_policy::{Authorizer, Context, Effect, Entities, PolicyId, PolicySet};
use doorward::{
    AsEntity, ColumnMapping, Dialect, Engine, Entity, Facts, Filter, PolicyBundle, TableMapping,
    Value,
};
use rusqlite::Connection;
use rusqlite::types::Value as Stored;

use crate::choices::next;
use crate::compare::{Difference, Struct, same};
use crate::filters::{at_path, bound, stored};
use crate::generate::{Query, Row, cedar_pairs};
use crate::run::{Plan, STACK_BYTES};
use crate::{Choices, share};
use model::{Column, Of, PERSON, SHEET};
use policy::Writer;

/// Policies that are tried on a table: to read and validate them costs as much as many filters.
const SETS: usize = 8;
/// Of so many filters, the rows of one are checked by Cedar as well.
const AUTHORIZED: usize = 61;
const TABLE: &str = "rows_of_it";

/// A table, the facts around it, and policies and questions about its rows.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    schema: String,
    facts: Vec<Row>,
    rows: Vec<Row>,
    /// Sets of policies.
    pub sets: Vec<Vec<String>>,
    questions: Vec<Query>,
}

/// How often what came up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Filters that were asked for.
    pub filters: usize,
    /// Those that let every row through.
    pub all: usize,
    /// Those that let none through.
    pub none: usize,
    /// Those that are conditions.
    pub predicates: usize,
    /// Those that could not be made, by why.
    pub refused: BTreeMap<String, usize>,
    /// Rows that were asked of filters.
    pub rows: usize,
    /// Those among them that were selected.
    pub selected: usize,
    /// Those that were asked of Cedar, too.
    pub authorized: usize,
    /// Sets of policies.
    pub sets: usize,
    /// Those among them that do not validate.
    pub invalid: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.filters += other.filters;
        self.all += other.all;
        self.none += other.none;
        self.predicates += other.predicates;
        for (why, count) in &other.refused {
            *self.refused.entry(why.clone()).or_default() += count;
        }
        self.rows += other.rows;
        self.selected += other.selected;
        self.authorized += other.authorized;
        self.sets += other.sets;
        self.invalid += other.invalid;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: usize| share(part, self.filters);
        let refused: usize = self.refused.values().sum();
        write!(
            f,
            "{} filters: {} conditions, {} all, {} none, {} refused; {} of {} rows selected, {} of \
             the rows asked of Cedar; {} sets of policies, {} invalid",
            self.filters,
            of(self.predicates),
            of(self.all),
            of(self.none),
            of(refused),
            share(self.selected, self.rows),
            self.rows,
            share(self.authorized, self.rows),
            self.sets,
            share(self.invalid, self.sets),
        )?;
        self.refused.iter().try_for_each(|(why, count)| write!(f, "\n  refused {count}: {why}"))
    }
}

/// A difference, and all that it takes to see it again.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What differs.
    pub difference: Difference,
    /// The schema, the policies that matter, the question, facts and rows.
    pub case: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.difference, self.case)
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What was compared.
    pub tally: Tally,
    /// The table's number and how it differs, if one does.
    pub failure: Option<(u64, Fault)>,
}

/// Compares tables, one after the other, until so many filters were asked for or one differs;
/// `progress` is called now and then.
pub fn run(plan: Plan, progress: impl Fn(&Tally) + Sync) -> Report {
    let shared = Mutex::new(Report::default());
    let (number, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        while !done.load(Ordering::Relaxed) {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let mut tally = Tally::default();
            let compared = compare(&Table::of(plan.seed, number), &mut tally);
            let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
            report.tally.add(&tally);
            if let Err(fault) = compared {
                report.failure.get_or_insert((number, fault));
            }
            let is_enough = u64::try_from(report.tally.filters).is_ok_and(|it| it >= plan.pairs);
            if report.failure.is_some() || is_enough {
                done.store(true, Ordering::Relaxed);
            }
            progress(&report.tally);
        }
    };
    thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// The table of a number.
    #[must_use]
    pub fn of(seed: u64, number: u64) -> Self {
        let mut state = seed;
        let mut state = next(&mut state) ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self::generate(&mut Choices::from_seed(next(&mut state)))
    }

    /// Makes one.
    #[must_use]
    pub fn generate(choices: &mut Choices) -> Self {
        let columns = Column::some(choices);
        let facts = model::facts(choices);
        let rows = model::rows(choices, &columns);
        let questions = model::questions(choices);
        let sets = (0..SETS).map(|_| Writer { choices, columns: &columns }.policies()).collect();
        Self { schema: model::schema(&columns), columns, facts, rows, sets, questions }
    }
}

/// Asks every question of every set of policies.
///
/// # Errors
///
/// The first difference.
pub fn compare(table: &Table, tally: &mut Tally) -> Result<(), Fault> {
    let laid_out = LaidOut::new(table);
    for policies in &table.sets {
        tally.sets += 1;
        let Some(asked) = Asked::of(&laid_out, policies) else {
            tally.invalid += 1;
            continue;
        };
        for question in &table.questions {
            if let Err(difference) = asked.compare(&laid_out, question, tally) {
                return Err(laid_out.shrink(policies, question, difference));
            }
        }
    }
    Ok(())
}

/// A table in a database.
struct LaidOut<'t> {
    table: &'t Table,
    mapping: TableMapping,
    database: Connection,
    facts: Facts,
    rows: Vec<Struct>,
    /// By rows, all that Cedar has to know about each; those that miss what is required have none.
    entities: Vec<Option<Entities>>,
}

impl<'t> LaidOut<'t> {
    fn new(table: &'t Table) -> Self {
        let mapping = table.columns.iter().zip(0..).fold(
            TableMapping::new(SHEET, ColumnMapping::text("id")),
            |mapping, (column, at)| {
                if column.is_set {
                    let element = column.mapping("element");
                    return mapping.related(column.path, &related(at), "owner", element);
                }
                let own = column.mapping(&format!("column \"{at}\"")).nulls(column.nulls);
                mapping.column(column.path, own)
            },
        );
        let is_whole = |row: &Entity| {
            let mut required = table.columns.iter().filter(|column| column.required);
            required.all(|column| at_path(row, column.path).is_some())
        };
        let rows: Vec<Entity> = table.rows.iter().map(Row::to_doorward).collect();
        let entities = table.rows.iter().zip(&rows).map(|(row, entity)| {
            let all = table.facts.iter().chain([row]).map(Row::to_cedar);
            is_whole(entity).then(|| Entities::from_entities(all, None).expect("no cycles"))
        });
        Self {
            mapping,
            database: database(&table.columns, &rows),
            facts: table.facts.iter().map(Row::to_doorward).collect(),
            entities: entities.collect(),
            rows: rows.into_iter().map(Struct).collect(),
            table,
        }
    }

    /// Leaves out what policies do not matter.
    fn shrink(&self, policies: &[String], question: &Query, difference: Difference) -> Fault {
        let (mut policies, mut difference) = (policies.to_vec(), difference);
        for at in (0..policies.len()).rev() {
            let mut fewer = policies.clone();
            fewer.remove(at);
            let again = Asked::of(self, &fewer)
                .map(|asked| asked.compare(self, question, &mut Tally::default()));
            if let Some(Err(still)) = again {
                (policies, difference) = (fewer, still);
            }
        }
        let json = |rows: &[Row]| {
            rows.iter().map(|row| row.to_json().to_string()).collect::<Vec<_>>().join("\n")
        };
        let case = format!(
            "--- schema\n{}\n--- policies\n{}\n--- question\n{question}\n--- facts\n{}\n--- rows\n{}\n\
             --- mapping\n{:?}",
            self.table.schema,
            policies.join("\n"),
            json(&self.table.facts),
            json(&self.table.rows),
            self.table.columns,
        );
        Fault { difference, case }
    }
}

/// An engine with some policies, and Cedar with the same.
struct Asked {
    engine: Engine,
    policies: PolicySet,
}

impl Asked {
    /// `None` where the policies do not validate.
    fn of(laid_out: &LaidOut<'_>, policies: &[String]) -> Option<Self> {
        let bundle = PolicyBundle::builder()
            .schema("s.cedarschema", laid_out.table.schema.as_str())
            .policies("p.cedar", policies.join("\n"))
            .build()
            .ok()?;
        let engine = Engine::builder(bundle).facts(laid_out.facts.clone()).host_owned(SHEET);
        let parsed = policies.iter().zip(0..).map(|(text, number)| {
            let id = PolicyId::new(format!("policy {number}"));
            cedar_policy::Policy::parse(Some(id), text).expect("it validates")
        });
        Some(Self {
            engine: engine.build().expect("facts that fit the schema"),
            policies: PolicySet::from_policies(parsed).expect("ids differ"),
        })
    }

    fn compare(
        &self,
        laid_out: &LaidOut<'_>,
        question: &Query,
        tally: &mut Tally,
    ) -> Result<(), Difference> {
        let engine = &self.engine;
        let environment = engine.environment(PERSON, question.action.to_doorward(), SHEET);
        let environment = environment.expect("the schema declares it");
        let context = engine.context(&environment, question.record()).expect("it fits");
        let principal = question.principal.id;
        let checker = engine.checker(&environment, principal, &context).expect("it is of them");
        tally.filters += 1;
        let filter = match checker.filter(&environment, &laid_out.mapping) {
            Ok(filter) => filter,
            Err(error) => {
                *tally.refused.entry(reason(error.message())).or_default() += 1;
                return Ok(());
            }
        };
        match &filter {
            Filter::All => tally.all += 1,
            Filter::None => tally.none += 1,
            _ => tally.predicates += 1,
        }
        let sql = filter.to_sql(Dialect::Sqlite, "t");
        let text = format!("SELECT t.id FROM {TABLE} AS t WHERE {}", sql.condition);
        let mut statement = laid_out.database.prepare(&text).expect("SQLite takes it");
        let parameters = rusqlite::params_from_iter(sql.parameters.iter().map(bound));
        let found = statement.query_map(parameters, |row| row.get::<_, String>(0));
        let mut found: Vec<String> =
            found.expect("it runs").collect::<Result<_, _>>().expect("ids are texts");
        found.sort_unstable();
        let is_allowed = |row: &&Struct| {
            let inline = [*row as &dyn AsEntity];
            engine.check_inline(&environment, principal, &inline, &context).is_allowed()
        };
        let id = |row: &Struct| row.0.uid().id().to_owned();
        let mut allowed: Vec<String> = laid_out.rows.iter().filter(is_allowed).map(id).collect();
        allowed.sort_unstable();
        tally.rows += laid_out.rows.len();
        tally.selected += found.len();
        let asked = || format!("{text} with {:?}", sql.parameters);
        if found != allowed {
            same("a filter", &(asked(), &allowed), &(asked(), &found))?;
        }
        if tally.filters.is_multiple_of(AUTHORIZED) {
            tally.authorized += laid_out.rows.len();
            let of_cedar = laid_out.rows.iter().zip(&laid_out.entities);
            let of_cedar = of_cedar.filter(|(row, entities)| {
                let entities = entities.as_ref();
                entities.is_some_and(|entities| self.authorizes(question, row, entities))
            });
            let mut of_cedar: Vec<String> = of_cedar.map(|(row, _)| id(row)).collect();
            of_cedar.sort_unstable();
            same("a filter beside Cedar", &(asked(), of_cedar), &(asked(), found))?;
        }
        Ok(())
    }

    /// Whether Cedar allows it, and no forbid fails.
    fn authorizes(&self, question: &Query, row: &Struct, entities: &Entities) -> bool {
        let context = Context::from_pairs(cedar_pairs(&question.context)).expect("it evaluates");
        let uid = |text: String| text.parse().expect("a uid");
        let request = cedar_policy::Request::new(
            question.principal.to_cedar(),
            question.action.to_cedar(),
            uid(row.0.uid().to_string()),
            context,
            None,
        );
        let response = Authorizer::new().is_authorized(
            &request.expect("no schema to differ from"),
            &self.policies,
            entities,
        );
        let fails = response.diagnostics().errors().any(|error| {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            let policy = self.policies.policy(error.policy_id());
            policy.is_some_and(|policy| policy.effect() == Effect::Forbid)
        });
        response.decision() == cedar_policy::Decision::Allow && !fails
    }
}

/// Why a filter was refused, without the clause that was.
fn reason(message: &str) -> String {
    let why = message.rsplit("`: ").next().unwrap_or(message);
    why.split(" for ").next().unwrap_or(why).to_owned()
}

fn related(at: usize) -> String {
    format!("related {at}")
}

impl Column {
    fn mapping(&self, name: &str) -> ColumnMapping {
        match self.of {
            Of::Bool => ColumnMapping::boolean(name),
            Of::Long | Of::Team => ColumnMapping::integer(name),
            Of::Text | Of::Client | Of::Person => ColumnMapping::text(name),
            Of::Desk => ColumnMapping::uuid(name),
            Of::Moment | Of::Span => ColumnMapping::milliseconds(name),
        }
    }

    fn stored(&self, value: Option<&Value>) -> Stored {
        match (self.of, value.and_then(Value::as_entity)) {
            (Of::Team, Some(team)) => Stored::from(team.id().parse::<i64>().expect("a number")),
            _ => stored(value),
        }
    }
}

fn database(columns: &[Column], rows: &[Entity]) -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    let own: Vec<(usize, &Column)> =
        columns.iter().enumerate().filter(|(_, column)| !column.is_set).collect();
    // Capitals are small letters to a careless comparison.
    let names: String =
        own.iter().map(|(at, _)| format!(", \"column \"\"{at}\"\"\" COLLATE NOCASE")).collect();
    let mut script = format!("BEGIN; CREATE TABLE {TABLE} (id TEXT COLLATE NOCASE{names});");
    let sets = || columns.iter().enumerate().filter(|(_, column)| column.is_set);
    for (at, _) in sets() {
        script += &format!("CREATE TABLE \"{}\" (owner, element COLLATE NOCASE);", related(at));
    }
    database.execute_batch(&script).expect("tables");
    for row in rows {
        let id = Stored::from(row.uid().id().to_owned());
        let values = own.iter().map(|(_, of)| of.stored(at_path(row, of.path).as_ref()));
        let values: Vec<Stored> = [id.clone()].into_iter().chain(values).collect();
        let places = vec!["?"; values.len()].join(", ");
        let insert = format!("INSERT INTO {TABLE} VALUES ({places})");
        database.execute(&insert, rusqlite::params_from_iter(values)).expect("a row");
        for (at, column) in sets() {
            let insert = format!("INSERT INTO \"{}\" VALUES (?, ?)", related(at));
            let set = at_path(row, column.path);
            for element in set.as_ref().and_then(Value::as_set).into_iter().flatten() {
                let values = [id.clone(), column.stored(Some(element))];
                database.execute(&insert, values).expect("an element");
            }
        }
    }
    database.execute_batch("COMMIT").expect("what was begun");
    database
}
