//! What tables are made of: the schema, the columns of the rows, and the facts around them.

use std::fmt::Write as _;

use doorward::Nulls;

use crate::generate::{Row, Uid, Val};
use crate::{Choices, Query};

type Name = &'static str;

/// What stands in a column, or in each row of a related table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Bool,
    Long,
    Text,
    Moment,
    Span,
    /// Kept by ids that are texts.
    Client,
    Person,
    /// Kept by ids that are integers.
    Team,
    /// Kept by ids that are UUIDs.
    Desk,
}

/// An attribute of the table's type, and where it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// The attribute, and maybe a member of it.
    pub(super) path: Name,
    pub(super) of: Of,
    pub(super) is_set: bool,
    pub(super) required: bool,
    pub(super) nulls: Nulls,
}

/// The type of the table's rows.
pub(super) const SHEET: Name = "Sheet";
pub(super) const PERSON: Name = "Person";
pub(super) const ACTIONS: [Name; 2] = ["view", "edit"];
const SHEETS: [Name; 16] =
    ["0", "1", "2", "s", "S", "s ", "", "'", "\"", "%", "*", "ß", "ss", "😀", "\u{301}", "NULL"];
const COLUMNS: [(Name, Of, bool); 25] = [
    ("text", Of::Text, false),
    ("two words", Of::Text, false),
    ("n", Of::Long, false),
    ("m", Of::Long, false),
    ("open", Of::Bool, false),
    ("paid", Of::Bool, false),
    ("client", Of::Client, false),
    ("payer", Of::Client, false),
    ("owner", Of::Person, false),
    ("editor", Of::Person, false),
    ("team", Of::Team, false),
    ("desk", Of::Desk, false),
    ("due", Of::Moment, false),
    ("made", Of::Moment, false),
    ("span", Of::Span, false),
    ("box.n", Of::Long, false),
    ("box.text", Of::Text, false),
    ("box.owner", Of::Person, false),
    ("words", Of::Text, true),
    ("numbers", Of::Long, true),
    ("people", Of::Person, true),
    ("teams", Of::Team, true),
    ("desks", Of::Desk, true),
    ("dues", Of::Moment, true),
    ("flags", Of::Bool, true),
];

/// Texts that a careless comparison takes for one another.
pub(super) const TEXTS: [Name; 24] = [
    "a", "A", "a ", "", " ", "b", "ab", "aB", "abc", "á", "a\u{301}", "ß", "ss", "😀", "%", "_",
    "a_b", "a%", "*", "?", "[a]", "'", "\\", "\"",
];
/// What no row has: databases keep it in ways of their own.
pub(super) const ZERO: Name = "a\0";
pub(super) const LONGS: [i64; 10] = [0, 1, -1, 2, 3, 10, 100, i64::MAX, i64::MIN, i64::MAX - 1];
pub(super) const MOMENTS: [Name; 6] = [
    "2026-11-30T12:00:00Z",
    "2026-11-30",
    "2026-12-01",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01",
    "9999-12-31T23:59:59.999Z",
];
pub(super) const SPANS: [Name; 5] = ["1h", "0ms", "60m", "-1ms", "1d2h"];
const CLIENTS: [Name; 6] = ["c", "C", "c'", "%", "", "gone"];
const PEOPLE: [Name; 7] = ["p", "P", "o'b", "ü", "p ", "c", "gone"];
/// No column of integers holds the last one but one, and no facts the last.
const TEAMS: [Name; 6] = ["1", "2", "-3", "10", "01", "99"];
const DESKS: [Name; 4] = [
    "01234567-89ab-cdef-0123-456789abcdef",
    "11234567-89ab-cdef-0123-456789abcdef",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "01234567-89AB-CDEF-0123-456789ABCDEF",
];

impl Of {
    fn declared(self) -> Name {
        match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::Text => "String",
            Self::Moment => "datetime",
            Self::Span => "duration",
            Self::Client => "Client",
            Self::Person => PERSON,
            Self::Team => "Team",
            Self::Desk => "Desk",
        }
    }

    /// Some value; for a row, one that its column can hold.
    pub(super) fn value(self, choices: &mut Choices, of_row: bool) -> Val {
        let uid = |ids: &[Name], choices: &mut Choices| {
            // Most lie among the first, so that things meet.
            let among = if choices.chance(70) { &ids[..ids.len().min(3)] } else { ids };
            Val::Entity(Uid { of: self.declared(), id: choices.word(among) })
        };
        let few = |count: usize, choices: &mut Choices| {
            if choices.chance(60) { 5.min(count) } else { count }
        };
        match self {
            Self::Bool => Val::Bool(choices.chance(50)),
            Self::Long => {
                let among = few(LONGS.len(), choices);
                Val::Long(*choices.pick(&LONGS[..among]))
            }
            Self::Text if !of_row && choices.chance(3) => Val::Str(ZERO),
            Self::Text => {
                let among = few(TEXTS.len(), choices);
                Val::Str(choices.word(&TEXTS[..among]))
            }
            Self::Moment => {
                let among = few(MOMENTS.len(), choices);
                Val::Extension("datetime", choices.word(&MOMENTS[..among]))
            }
            Self::Span => Val::Extension("duration", choices.word(&SPANS)),
            Self::Client => uid(&CLIENTS, choices),
            Self::Person => uid(&PEOPLE, choices),
            Self::Team if of_row => uid(&["1", "2", "-3", "10", "99"], choices),
            Self::Team => uid(&TEAMS, choices),
            Self::Desk if of_row => uid(&DESKS[..3], choices),
            Self::Desk => uid(&DESKS, choices),
        }
    }

    pub(super) fn set(self, choices: &mut Choices, of_row: bool) -> Val {
        let length = *choices.pick(&[0, 1, 1, 2, 3]);
        Val::Set((0..length).map(|_| self.value(choices, of_row)).collect())
    }
}

impl Column {
    /// Some of all that there are, in one way or another.
    pub(super) fn some(choices: &mut Choices) -> Vec<Self> {
        let mut columns = Vec::new();
        for (path, of, is_set) in COLUMNS {
            if !choices.chance(70) {
                continue;
            }
            let required = is_set || choices.chance(60);
            let nulls = match choices.below(10) {
                _ if is_set => Nulls::Never,
                0..3 => Nulls::Never,
                3..5 if required => Nulls::Refused,
                _ if required => Nulls::Never,
                _ => Nulls::Absent,
            };
            columns.push(Self { path, of, is_set, required, nulls });
        }
        columns
    }

    /// The attribute, and the member of it that this is.
    pub(super) fn names(&self) -> (Name, Option<Name>) {
        self.path.split_once('.').map_or((self.path, None), |(first, member)| (first, Some(member)))
    }

    /// As a policy reads it.
    pub(super) fn text(&self) -> String {
        match self.names() {
            (first, Some(member)) => format!("resource.{first}.{member}"),
            (first, None) if first.contains(' ') => format!("resource[{first:?}]"),
            (first, None) => format!("resource.{first}"),
        }
    }

    /// How a policy asks whether it is there.
    pub(super) fn has(&self) -> String {
        match self.names() {
            (first, Some(member)) => format!("resource.{first} has {member}"),
            (first, None) if first.contains(' ') => format!("resource has {first:?}"),
            (first, None) => format!("resource has {first}"),
        }
    }

    fn declaration(&self) -> String {
        let (first, member) = self.names();
        let (name, mark) = (member.unwrap_or(first), if self.required { "" } else { "?" });
        let of = self.of.declared();
        let of = if self.is_set { format!("Set<{of}>") } else { of.to_owned() };
        format!("{name:?}{mark}: {of}")
    }
}

pub(super) fn schema(columns: &[Column]) -> String {
    let of = |is_member: bool| {
        let those = columns.iter().filter(|column| column.names().1.is_some() == is_member);
        those.map(Column::declaration).collect::<Vec<_>>().join(", ")
    };
    let mut schema = String::from(
        "entity Team in [Team];
entity Desk = { room: Long };
entity Client = { archived: Bool, name: String, tier?: Long };
entity Person in [Team] = {
  client: Client, desk: Desk, limit: Long, nick: String, boss?: Person,
  words: Set<String>, numbers: Set<Long>, friends: Set<Person>
};
",
    );
    let comma = if of(false).is_empty() { "" } else { ", " };
    let _ = write!(
        schema,
        "entity Sheet = {{ {}{comma}box: {{ {} }} }};
action view, edit appliesTo {{
  principal: Person, resource: Sheet,
  context: {{ day: datetime, word: String, number: Long, flag: Bool, who?: Person }}
}};",
        of(false),
        of(true)
    );
    schema
}

/// Everybody but the rows.
pub(super) fn facts(choices: &mut Choices) -> Vec<Row> {
    let row = |of: Of, id: Name, attributes: Vec<(Name, Val)>, parents: Vec<Uid>| Row {
        uid: Uid { of: of.declared(), id },
        attributes,
        parents,
        tags: Vec::new(),
    };
    let mut rows = Vec::new();
    for id in DESKS {
        rows.push(row(Of::Desk, id, vec![("room", Of::Long.value(choices, false))], vec![]));
    }
    for id in &CLIENTS[..5] {
        let mut attributes = vec![
            ("archived", Of::Bool.value(choices, false)),
            ("name", Of::Text.value(choices, false)),
        ];
        if choices.chance(50) {
            attributes.push(("tier", Of::Long.value(choices, false)));
        }
        rows.push(row(Of::Client, id, attributes, vec![]));
    }
    // Each may be in those before it.
    for (at, id) in TEAMS[..5].iter().enumerate() {
        let above = TEAMS[..at].iter().filter(|_| choices.chance(35));
        let above = above.map(|id| Uid { of: Of::Team.declared(), id }).collect();
        rows.push(row(Of::Team, id, vec![], above));
    }
    for id in &PEOPLE[..6] {
        let mut attributes = vec![
            ("client", Of::Client.value(choices, false)),
            ("desk", Of::Desk.value(choices, false)),
            ("limit", Of::Long.value(choices, false)),
            ("nick", Of::Text.value(choices, false)),
            ("words", Of::Text.set(choices, false)),
            ("numbers", Of::Long.set(choices, false)),
            ("friends", Of::Person.set(choices, false)),
        ];
        if choices.chance(50) {
            attributes.push(("boss", Of::Person.value(choices, false)));
        }
        let teams = TEAMS.iter().filter(|_| choices.chance(25));
        let teams = teams.map(|id| Uid { of: Of::Team.declared(), id }).collect();
        rows.push(row(Of::Person, id, attributes, teams));
    }
    rows
}

/// The rows of the table.
pub(super) fn rows(choices: &mut Choices, columns: &[Column]) -> Vec<Row> {
    let mut rows = Vec::new();
    for id in SHEETS {
        let (mut attributes, mut members) = (Vec::new(), Vec::new());
        for column in columns {
            let is_absent = match column.nulls {
                Nulls::Absent => choices.chance(35),
                Nulls::Refused => choices.chance(10),
                _ => false,
            };
            if is_absent {
                continue;
            }
            let value = if column.is_set {
                column.of.set(choices, true)
            } else {
                column.of.value(choices, true)
            };
            match column.names() {
                (_, Some(member)) => members.push((member, value)),
                (name, None) => attributes.push((name, value)),
            }
        }
        attributes.push(("box", Val::Record(members)));
        let uid = Uid { of: SHEET, id };
        rows.push(Row { uid, attributes, parents: Vec::new(), tags: Vec::new() });
    }
    rows
}

/// Everybody, in some circumstances, about each action.
pub(super) fn questions(choices: &mut Choices) -> Vec<Query> {
    let mut questions = Vec::new();
    for action in ACTIONS {
        for _ in 0..2 {
            let mut context = vec![
                ("day", Of::Moment.value(choices, false)),
                ("word", Of::Text.value(choices, false)),
                ("number", Of::Long.value(choices, false)),
                ("flag", Of::Bool.value(choices, false)),
            ];
            if choices.chance(50) {
                context.push(("who", Of::Person.value(choices, false)));
            }
            questions.extend(PEOPLE.map(|id| Query {
                principal: Uid { of: PERSON, id },
                action: Uid { of: "Action", id: action },
                // Whichever row.
                resource: Uid { of: SHEET, id: SHEETS[0] },
                context: context.clone(),
                misfit: None,
            }));
        }
    }
    questions
}
