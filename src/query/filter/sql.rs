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

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placeholders {
    /// As the database's own interface has them: see [`Dialect`].
    Native,
    /// `?` each, whatever the database.
    Question,
    /// `%s` each, as many Python drivers have them; `%` in a name is doubled.
    Percent,
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
        self.to_sql_with(dialect, alias, Placeholders::Native)
    }

    /// The same with parameters as a driver wants them. They stand in the order of their values, each
    /// once.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Dialect, Filter, Placeholders};
    ///
    /// let sql = Filter::All.to_sql_with(Dialect::Postgres, "b", Placeholders::Percent);
    /// assert_eq!((sql.condition.as_str(), sql.parameters.len()), ("(1 = 1)", 0));
    /// ```
    #[must_use]
    pub fn to_sql_with(&self, dialect: Dialect, alias: &str, placeholders: Placeholders) -> Sql {
        let mut writer = Writer {
            dialect,
            placeholders,
            alias,
            at: Table::Own,
            text: String::with_capacity(512),
            values: Vec::with_capacity(16),
        };
        match self {
            Self::All => writer.constant(true),
            Self::None => writer.constant(false),
            Self::Predicate(predicate) => writer.in_parentheses(predicate),
        }
        Sql { condition: writer.text, parameters: writer.values }
    }
}

/// A table that a condition names columns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Own,
    /// One with the elements of a set.
    Related,
    /// One that rows lead to, so many steps away.
    Joined(u32),
}

struct Writer<'m> {
    dialect: Dialect,
    placeholders: Placeholders,
    alias: &'m str,
    /// The table whose rows the conditions are about.
    at: Table,
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
                self.operand(self.at, one);
                self.text.push_str(symbol(*comparison));
                self.operand(self.at, other);
            }
            Predicate::In { column, values, negated } => {
                self.is_in(self.at, column, values, *negated);
            }
            Predicate::Null { column, negated } => {
                self.column(self.at, &column.name);
                self.text.push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Predicate::Like { column, pattern, negated } => self.like(column, pattern, *negated),
            Predicate::Exists { table, owner, id, element, negated } => {
                let owner = Column { name: Arc::clone(owner), holds: id.holds };
                self.subquery(*negated, table, (Table::Related, &owner), (self.at, id));
                if let Some((column, values)) = element {
                    self.text.push_str(" AND ");
                    self.is_in(Table::Related, column, values, false);
                }
                self.text.push(')');
            }
            Predicate::Joined { table, id, named_by, condition, negated } => {
                self.joined((table, id), named_by, condition.as_deref(), *negated);
            }
        }
    }

    fn joined(
        &mut self,
        (table, id): (&str, &Column),
        named_by: &Column,
        condition: Option<&Predicate>,
        negated: bool,
    ) {
        let outer = self.at;
        let inner = match outer {
            Table::Joined(steps) => Table::Joined(steps + 1),
            Table::Own | Table::Related => Table::Joined(1),
        };
        self.subquery(negated, table, (inner, id), (outer, named_by));
        if let Some(condition) = condition {
            self.text.push_str(" AND ");
            self.at = inner;
            match condition {
                Predicate::Or(_) => self.in_parentheses(condition),
                condition => self.predicate(condition),
            }
            self.at = outer;
        }
        self.text.push(')');
    }

    /// The beginning of a question for rows of another table, by a column that is equal to one of the
    /// row's. It stays open.
    fn subquery(
        &mut self,
        negated: bool,
        table: &str,
        (inner, column): (Table, &Column),
        (outer, equal): (Table, &Column),
    ) {
        self.text.push_str(if negated {
            "NOT EXISTS (SELECT 1 FROM "
        } else {
            "EXISTS (SELECT 1 FROM "
        });
        self.name(table);
        // Whatever the query calls its tables, this one is the innermost.
        self.text.push_str(" AS ");
        self.alias(inner);
        self.text.push_str(" WHERE ");
        self.operand(inner, column);
        self.text.push_str(" = ");
        self.operand(outer, equal);
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
        self.operand(self.at, column);
        self.text.push_str(symbol(comparison));
        self.value(value, column.holds);
    }

    fn is_in(&mut self, table: Table, column: &Column, values: &[SqlValue], negated: bool) {
        let values: Vec<&SqlValue> = values.iter().filter(|it| !self.cannot_be(it)).collect();
        match &values[..] {
            [] if table == self.at => self.never(column, negated),
            [] => self.text.push_str("1 = 0"),
            [value] => {
                self.operand(table, column);
                self.text.push_str(if negated { " <> " } else { " = " });
                self.value(value, column.holds);
            }
            values => {
                self.operand(table, column);
                self.text.push_str(if negated { " NOT IN (" } else { " IN (" });
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(", ");
                    }
                    self.value(value, column.holds);
                }
                self.text.push(')');
            }
        }
    }

    /// What is never so, or so for whatever stands there.
    fn never(&mut self, column: &Column, negated: bool) {
        if negated {
            self.column(self.at, &column.name);
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
                    self.column(self.at, &column.name);
                    let _ = write!(self.text, "{not} GLOB ");
                    self.value(&value, column.holds);
                    self.text.push_str(" AND ");
                }
                self.text.push_str("instr(");
                self.column(self.at, &column.name);
                self.text.push_str(", char(0)) = 0");
            }
            Dialect::Postgres | Dialect::MySql => {
                self.operand(self.at, column);
                let _ = write!(self.text, "{not} LIKE ");
                self.value(&value, column.holds);
                let _ = write!(self.text, " ESCAPE '{ESCAPE}'");
            }
        }
    }

    /// A column as an operand: text by its characters.
    fn operand(&mut self, table: Table, column: &Column) {
        let is_text = match column.holds {
            Holds::Text => true,
            Holds::Uuid | Holds::UuidHex => self.dialect != Dialect::Postgres,
            Holds::Integer | Holds::Boolean | Holds::Milliseconds => false,
        };
        match self.dialect {
            // MariaDB's own type for UUIDs is a text with hyphens.
            Dialect::MySql if column.holds == Holds::UuidHex => {
                self.text.push_str("BINARY REPLACE(CONVERT(");
                self.column(table, &column.name);
                self.text.push_str(" USING utf8mb4), '-', '')");
            }
            Dialect::MySql if is_text => {
                self.text.push_str("BINARY CONVERT(");
                self.column(table, &column.name);
                self.text.push_str(" USING utf8mb4)");
            }
            Dialect::Sqlite if is_text => {
                self.column(table, &column.name);
                self.text.push_str(" COLLATE BINARY");
            }
            Dialect::Postgres if is_text => {
                self.column(table, &column.name);
                // What takes capitals for small letters is another type.
                self.text.push_str("::text");
            }
            _ => self.column(table, &column.name),
        }
    }

    fn column(&mut self, table: Table, name: &str) {
        self.alias(table);
        self.text.push('.');
        self.name(name);
    }

    /// What a table is called. No other is called like the row's own, in whatever case.
    fn alias(&mut self, table: Table) {
        let is_taken = |name: &str| {
            let start = self.alias.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        match table {
            Table::Own => self.name(self.alias),
            Table::Related => {
                self.name(if is_taken("related") { "set_of_it" } else { "related" });
            }
            Table::Joined(steps) => {
                let name = if is_taken("joined") { "row_of_it" } else { "joined" };
                self.name(&format!("{name}{steps}"));
            }
        }
    }

    /// A name of the host's, quoted.
    fn name(&mut self, name: &str) {
        let quote = if self.dialect == Dialect::MySql { '`' } else { '"' };
        self.text.push(quote);
        for character in name.chars() {
            let is_doubled = character == quote
                || (character == '%' && self.placeholders == Placeholders::Percent);
            if is_doubled {
                self.text.push(character);
            }
            self.text.push(character);
        }
        self.text.push(quote);
    }

    fn value(&mut self, value: &SqlValue, holds: Holds) {
        let bound = match value {
            SqlValue::Uuid(id) if self.dialect != Dialect::Postgres => {
                let id = uuid::Uuid::from_u128(*id);
                SqlValue::Text(match holds {
                    Holds::UuidHex => id.simple().to_string(),
                    _ => id.hyphenated().to_string(),
                })
            }
            value => value.clone(),
        };
        self.values.push(bound);
        let number = self.values.len();
        match (self.placeholders, self.dialect) {
            (Placeholders::Native, Dialect::Sqlite) => {
                let _ = write!(self.text, "?{number}");
            }
            (Placeholders::Native, Dialect::Postgres) => {
                let _ = write!(self.text, "${number}");
            }
            (Placeholders::Native, Dialect::MySql) | (Placeholders::Question, _) => {
                self.text.push('?');
            }
            (Placeholders::Percent, _) => self.text.push_str("%s"),
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
