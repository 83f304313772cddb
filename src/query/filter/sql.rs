//! A filter as SQL, its values bound.

use std::fmt::Write as _;
use std::sync::Arc;

use super::mapping::Holds;
use super::{Column, Comparison, Filter, Predicate, SqlValue};

/// The SQL of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3.23 or later: parameters are `?1`, `?2`, …
    Sqlite,
    /// PostgreSQL: parameters are `$1`, `$2`, … and UUIDs are bound as `uuid`.
    Postgres,
    /// MariaDB and MySQL: parameters are `?`. The connection's character set has to be `utf8mb4`.
    MySql,
}

/// A condition for a `WHERE`, and what its parameters are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sql {
    /// The condition; the row's columns are named as those of `alias`.
    pub condition: String,
    /// The values of the parameters, in their order.
    pub parameters: Vec<SqlValue>,
}

impl Filter {
    /// Writes the condition for one database. `alias` is what the query calls the resource's table;
    /// the table's own name where it has no other.
    ///
    /// It stands in parentheses of its own, so that whatever it is joined with cannot reach into it.
    /// Text compares by its characters, whatever the collation of a column in SQLite, MariaDB and
    /// MySQL; PostgreSQL's own collations do so unless they were made non-deterministic.
    #[must_use]
    pub fn to_sql(&self, dialect: Dialect, alias: &str) -> Sql {
        // What the related tables are called must not hide the row's own, in whatever case.
        let is_taken = alias.eq_ignore_ascii_case("related");
        let related = if is_taken { "related_to_it" } else { "related" };
        let mut writer =
            Writer { dialect, alias, related, text: String::new(), values: Vec::new() };
        match self {
            Self::All => writer.constant(true),
            Self::None => writer.constant(false),
            Self::Predicate(predicate) => writer.in_parentheses(predicate),
        }
        Sql { condition: writer.text, parameters: writer.values }
    }
}

struct Writer<'m> {
    dialect: Dialect,
    alias: &'m str,
    /// What related tables are called within.
    related: &'static str,
    text: String,
    values: Vec<SqlValue>,
}

impl Writer<'_> {
    fn constant(&mut self, is: bool) {
        self.text.push_str(if is { "(1 = 1)" } else { "(1 = 0)" });
    }

    fn in_parentheses(&mut self, predicate: &Predicate) {
        self.text.push('(');
        self.predicate(predicate);
        self.text.push(')');
    }

    /// INVARIANT (expression nesting): predicates nest as deep as policies, which bounds this.
    fn predicate(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::And(parts) => self.chain(parts, " AND "),
            Predicate::Or(parts) => self.chain(parts, " OR "),
            Predicate::Compare(column, comparison, value) => {
                self.compare(column, *comparison, value);
            }
            Predicate::CompareColumns(one, comparison, other) => {
                self.operand(self.alias, one);
                self.text.push_str(symbol(*comparison));
                self.operand(self.alias, other);
            }
            Predicate::In { column, values, negated } => {
                self.is_in(self.alias, column, values, *negated);
            }
            Predicate::Null { column, negated } => {
                self.column(self.alias, &column.name);
                self.text.push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Predicate::Like { column, pattern, negated } => self.like(column, pattern, *negated),
            Predicate::Exists { table, owner, id, element, negated } => {
                if *negated {
                    self.text.push_str("NOT ");
                }
                self.text.push_str("EXISTS (SELECT 1 FROM ");
                self.name(table);
                // Whatever the query calls its tables, this one is the innermost.
                self.text.push_str(" AS ");
                self.name(self.related);
                self.text.push_str(" WHERE ");
                let owner = Column { name: Arc::clone(owner), holds: id.holds };
                self.operand(self.related, &owner);
                self.text.push_str(" = ");
                self.operand(self.alias, id);
                if let Some((column, values)) = element {
                    self.text.push_str(" AND ");
                    self.is_in(self.related, column, values, false);
                }
                self.text.push(')');
            }
        }
    }

    fn chain(&mut self, parts: &[Predicate], between: &str) {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.text.push_str(between);
            }
            match part {
                Predicate::And(_) | Predicate::Or(_) => {
                    self.in_parentheses(part);
                }
                part => self.predicate(part),
            }
        }
    }

    fn compare(&mut self, column: &Column, comparison: Comparison, value: &SqlValue) {
        if self.cannot_be(value) {
            // Nothing in the column is like it.
            self.never(column, comparison == Comparison::NotEqual);
            return;
        }
        self.operand(self.alias, column);
        self.text.push_str(symbol(comparison));
        self.value(value);
    }

    fn is_in(&mut self, alias: &str, column: &Column, values: &[SqlValue], negated: bool) {
        let values: Vec<&SqlValue> = values.iter().filter(|it| !self.cannot_be(it)).collect();
        match &values[..] {
            [] if alias == self.alias => self.never(column, negated),
            [] => self.text.push_str("1 = 0"),
            [value] => {
                self.operand(alias, column);
                self.text.push_str(if negated { " <> " } else { " = " });
                self.value(value);
            }
            values => {
                self.operand(alias, column);
                self.text.push_str(if negated { " NOT IN (" } else { " IN (" });
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(", ");
                    }
                    self.value(value);
                }
                self.text.push(')');
            }
        }
    }

    /// What is never so, or so for whatever stands there.
    fn never(&mut self, column: &Column, negated: bool) {
        if negated {
            self.column(self.alias, &column.name);
            self.text.push_str(" IS NOT NULL");
        } else {
            self.text.push_str("1 = 0");
        }
    }

    /// PostgreSQL keeps no text with a NUL, and takes no parameter with one.
    fn cannot_be(&self, value: &SqlValue) -> bool {
        matches!(value, SqlValue::Text(text) if self.dialect == Dialect::Postgres && text.contains('\0'))
    }

    fn like(&mut self, column: &Column, pattern: &[Option<char>], negated: bool) {
        const ESCAPE: char = '!';
        let mut text = String::new();
        for piece in pattern {
            match (piece, self.dialect) {
                (None, Dialect::Sqlite) => text.push('*'),
                (None, _) => text.push('%'),
                // GLOB, since SQLite's LIKE takes capitals for small letters.
                (Some(special @ ('*' | '?' | '[')), Dialect::Sqlite) => {
                    text.extend(['[', *special, ']']);
                }
                (Some(other), Dialect::Sqlite) => text.push(*other),
                (Some(special @ ('%' | '_' | ESCAPE)), _) => text.extend([ESCAPE, *special]),
                (Some(other), _) => text.push(*other),
            }
        }
        let value = SqlValue::Text(text);
        if self.cannot_be(&value) {
            self.never(column, negated);
            return;
        }
        let not = if negated { " NOT" } else { "" };
        match self.dialect {
            Dialect::Sqlite => {
                // GLOB ends a pattern, and a text, at a NUL. So a text that has one is neither like
                // a pattern nor not; and no other text is like a pattern that has one.
                if pattern.contains(&Some('\0')) {
                    if !negated {
                        self.never(column, false);
                        return;
                    }
                } else {
                    self.column(self.alias, &column.name);
                    let _ = write!(self.text, "{not} GLOB ");
                    self.value(&value);
                    self.text.push_str(" AND ");
                }
                self.text.push_str("instr(");
                self.column(self.alias, &column.name);
                self.text.push_str(", char(0)) = 0");
            }
            Dialect::Postgres | Dialect::MySql => {
                self.operand(self.alias, column);
                let _ = write!(self.text, "{not} LIKE ");
                self.value(&value);
                let _ = write!(self.text, " ESCAPE '{ESCAPE}'");
            }
        }
    }

    /// A column as an operand: text by its characters.
    fn operand(&mut self, alias: &str, column: &Column) {
        let is_text = match column.holds {
            Holds::Text => true,
            Holds::Uuid => self.dialect != Dialect::Postgres,
            Holds::Integer | Holds::Boolean | Holds::Milliseconds => false,
        };
        match self.dialect {
            Dialect::MySql if is_text => {
                self.text.push_str("BINARY CONVERT(");
                self.column(alias, &column.name);
                self.text.push_str(" USING utf8mb4)");
            }
            Dialect::Sqlite if is_text => {
                self.column(alias, &column.name);
                self.text.push_str(" COLLATE BINARY");
            }
            Dialect::Postgres if is_text => {
                self.column(alias, &column.name);
                // What takes capitals for small letters is another type.
                self.text.push_str("::text");
            }
            _ => self.column(alias, &column.name),
        }
    }

    fn column(&mut self, alias: &str, name: &str) {
        self.name(alias);
        self.text.push('.');
        self.name(name);
    }

    /// A name of the host's, quoted.
    fn name(&mut self, name: &str) {
        let quote = if self.dialect == Dialect::MySql { '`' } else { '"' };
        self.text.push(quote);
        for character in name.chars() {
            if character == quote {
                self.text.push(quote);
            }
            self.text.push(character);
        }
        self.text.push(quote);
    }

    fn value(&mut self, value: &SqlValue) {
        let bound = match (value, self.dialect) {
            (SqlValue::Uuid(_), Dialect::Postgres) => value.clone(),
            (SqlValue::Uuid(id), _) => {
                SqlValue::Text(uuid::Uuid::from_u128(*id).hyphenated().to_string())
            }
            _ => value.clone(),
        };
        self.values.push(bound);
        let number = self.values.len();
        match self.dialect {
            Dialect::Sqlite => {
                let _ = write!(self.text, "?{number}");
            }
            Dialect::Postgres => {
                let _ = write!(self.text, "${number}");
            }
            Dialect::MySql => self.text.push('?'),
        }
    }
}

const fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
    }
}
