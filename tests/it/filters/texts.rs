//! Texts that databases take for one another, and Cedar does not.

use std::fmt::Write as _;

use doorward::{
    ColumnMapping, Dialect, Engine, Entity, EntityUid, PolicyBundle, Record, Request, SqlValue,
    TableMapping, Value,
};
use uuid::Uuid;

use super::databases::Database;

const SCHEMA: &str = "
    entity Badge;
    entity Word = { text: String, badge: Badge };
    entity Line = { text: String, other: String, named: Word, badge: Badge, words: Set<String> };
    action equal, unequal, named, unnamed, badge, unlike, among, holds, columns, begins, ends, differs
        appliesTo { principal: Word, resource: Line };";

const POLICIES: &str = r#"
    @id("equal") permit (principal, action == Action::"equal", resource)
        when { resource.text == principal.text };
    @id("unequal") permit (principal, action == Action::"unequal", resource)
        when { resource.text != principal.text };
    @id("named") permit (principal, action == Action::"named", resource)
        when { resource.named == principal };
    @id("unnamed") permit (principal, action == Action::"unnamed", resource)
        unless { resource.named == principal };
    @id("badge") permit (principal, action == Action::"badge", resource)
        when { resource.badge == principal.badge };
    @id("unlike") permit (principal, action == Action::"unlike", resource)
        when { resource.badge != principal.badge };
    @id("among") permit (principal, action == Action::"among", resource)
        when { ["the other", principal.text].contains(resource.text) };
    @id("holds") permit (principal, action == Action::"holds", resource)
        when { resource.words.containsAny(["the other", principal.text]) };
    @id("columns") permit (principal, action == Action::"columns", resource)
        when { resource.text == resource.other };
"#;

const TEXTS: [&str; 58] = [
    "",
    " ",
    "a",
    "A",
    "a ",
    "a  ",
    " a",
    "a\t",
    "a\n",
    "a\u{a0}",
    "á",
    "a\u{301}",
    "à",
    "ä",
    "ae",
    "æ",
    "ß",
    "ss",
    "ẞ",
    "SS",
    "i",
    "I",
    "ı",
    "İ",
    "K",
    "\u{212a}",
    "ﬁ",
    "fi",
    "ａ",
    "😀",
    "😁",
    "a\u{200b}",
    "\u{feff}a",
    "\u{fffd}",
    "a\0",
    "a\0b",
    "\0",
    "%",
    "_",
    "!",
    "!%",
    "\\",
    "\\%",
    "\\\\",
    "*",
    "?",
    "[a]",
    "[",
    "'",
    "''",
    "\"",
    "`",
    "0",
    "00",
    "0.0",
    "0x61",
    "true",
    "NULL",
];

/// As a literal of a policy; `*` and all else that is special stands for itself.
fn literal(text: &str, pattern: bool) -> String {
    text.chars().fold(String::new(), |mut literal, character| {
        match character {
            '*' if pattern => literal.push_str("\\*"),
            other => write!(literal, "\\u{{{:x}}}", u32::from(other)).unwrap(),
        }
        literal
    })
}

fn policies() -> String {
    TEXTS.iter().enumerate().fold(POLICIES.to_owned(), |mut policies, (at, text)| {
        let (id, pattern) = (literal(text, false), literal(text, true));
        for (action, kind, pattern) in [
            ("begins", "when", format!("{pattern}*")),
            ("ends", "when", format!("*{pattern}")),
            ("differs", "unless", pattern.clone()),
        ] {
            write!(
                policies,
                r#"@id("{action}-{at}")
                permit (principal == Word::"{id}", action == Action::"{action}", resource)
                {kind} {{ resource.text like "{pattern}" }};"#
            )
            .unwrap();
        }
        policies
    })
}

/// One of a dozen.
fn uuid(at: usize) -> Uuid {
    Uuid::from_u128(0x00c0_ffee_f00d_4000_8000_0000_0000_0000 | u128::try_from(at % 12).unwrap())
}

/// A text with a UUID; every third in capitals, which is another id.
fn word(at: usize) -> Entity {
    let badge = uuid(at).hyphenated().to_string();
    let badge = if at.is_multiple_of(3) { badge.to_uppercase() } else { badge };
    Entity::new(EntityUid::new("Word", TEXTS[at]))
        .with("text", TEXTS[at])
        .with("badge", EntityUid::new("Badge", badge))
}

fn line(at: usize) -> Entity {
    let (text, next) = (TEXTS[at], TEXTS[(at + 1) % TEXTS.len()]);
    Entity::new(EntityUid::new("Line", at.to_string()))
        .with("text", text)
        // Every third is like its neighbour.
        .with("other", if at.is_multiple_of(3) { text } else { next })
        .with("named", EntityUid::new("Word", text))
        .with("badge", EntityUid::new("Badge", uuid(at).hyphenated().to_string()))
        .with("words", Value::strings([text, next]))
}

/// Each text is asked for in every way that a filter has, in a table that holds them all.
pub(super) fn compare_by_their_characters(database: &mut dyn Database) {
    let bundle = PolicyBundle::builder().schema("s", SCHEMA).policies("p", policies());
    let words = (0..TEXTS.len()).map(word);
    let engine = Engine::builder(bundle.build().unwrap()).host_owned("Line");
    let engine = engine.facts(words.collect()).build().unwrap();
    let mapping = |badge: ColumnMapping| {
        TableMapping::new("Line", ColumnMapping::integer("id"))
            .column("text", ColumnMapping::text("text"))
            .column("other", ColumnMapping::text("other"))
            .column("named", ColumnMapping::text("named"))
            .column("badge", badge)
            .related("words", "words", "line", ColumnMapping::text("word"))
    };
    let (hyphenated, hex) = (ColumnMapping::uuid("badge"), ColumnMapping::uuid_hex("hex"));
    // MariaDB has a type for UUIDs, too, which tells them with hyphens.
    let own = ColumnMapping::uuid_hex("own");
    let mappings = [hyphenated, hex, own].map(mapping);

    // PostgreSQL keeps no text with a NUL.
    let is_kept = |text: &str| database.dialect() != Dialect::Postgres || !text.contains('\0');
    let is_line = |at: &usize| is_kept(TEXTS[*at]) && is_kept(TEXTS[(at + 1) % TEXTS.len()]);
    let lines: Vec<usize> = (0..TEXTS.len()).filter(is_line).collect();
    let (hex, own) = match database.dialect() {
        Dialect::Postgres => ("uuid", "uuid"),
        Dialect::MySql => ("CHAR(32)", "uuid"),
        _ => ("CHAR(32)", "CHAR(32)"),
    };
    database.run(&format!(
        "CREATE TABLE texts
             (id BIGINT, text TEXT, other TEXT, named TEXT, badge UUID, hex {hex}, own {own});
         CREATE TABLE words (line BIGINT, word TEXT);"
    ));
    let kept = |at: usize| match database.dialect() {
        Dialect::Postgres => SqlValue::Uuid(uuid(at).as_u128()),
        _ => SqlValue::Text(uuid(at).simple().to_string()),
    };
    let text = |text: &Value| Some(SqlValue::Text(text.as_str().unwrap().to_owned()));
    let id = |at: usize| Some(SqlValue::Integer(i64::try_from(at).unwrap()));
    let rows = lines.iter().map(|at| {
        let row = line(*at);
        let own = |name| text(row.attribute(name).unwrap());
        vec![
            id(*at),
            own("text"),
            own("other"),
            own("text"),
            Some(SqlValue::Uuid(uuid(*at).as_u128())),
            Some(kept(*at)),
            Some(kept(*at)),
        ]
    });
    let rows: Vec<_> = rows.collect();
    database.insert("texts", &rows);
    let words = lines.iter().flat_map(|at| {
        let row = line(*at);
        let set = row.attribute("words").unwrap().as_set().unwrap();
        set.iter().map(|word| vec![id(*at), text(word)]).collect::<Vec<_>>()
    });
    database.insert("words", &words.collect::<Vec<_>>());

    let (mut listed, mut asked) = (0, 0);
    for action in [
        "equal", "unequal", "named", "unnamed", "badge", "unlike", "among", "holds", "columns",
        "begins", "ends", "differs",
    ] {
        let environment = engine.environment("Word", action, "Line").unwrap();
        let context = engine.context(&environment, Record::new()).unwrap();
        // SQLite's patterns end at a NUL: what has one is neither like them nor not.
        let is_pattern = ["begins", "ends", "differs"].contains(&action);
        let hides = is_pattern && database.dialect() == Dialect::Sqlite;
        for word in TEXTS {
            let checker = engine.checker(&environment, word, &context).unwrap();
            let allowed = lines.iter().filter(|at| {
                let line = line(**at);
                let request =
                    Request::new(EntityUid::new("Word", word), action, line.uid().clone());
                engine.check(&request.inline(line)).is_allowed()
                    && !(hides && TEXTS[**at].contains('\0'))
            });
            let allowed: Vec<i64> = allowed.map(|at| i64::try_from(*at).unwrap()).collect();
            let is_badge = ["badge", "unlike"].contains(&action);
            for mapping in mappings.iter().take(if is_badge { 3 } else { 1 }) {
                let filter = checker.filter(&environment, mapping).unwrap();
                let sql = filter.to_sql(database.dialect(), "l");
                let query =
                    format!("SELECT l.id FROM texts AS l WHERE {} ORDER BY l.id", sql.condition);
                let found = database.ids(&query, &sql.parameters);
                assert_eq!(found, allowed, "{action} {word:?}: {query}");
            }
            (listed, asked) = (listed + allowed.len(), asked + lines.len());
        }
    }
    assert!(listed * 10 > asked && listed * 2 < asked, "{listed} of {asked}");
}
