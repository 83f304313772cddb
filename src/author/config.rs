//! Configurations of tenants in YAML, with places in the text for the diagnostics.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use serde_saphyr::{Location, Spanned};

use crate::policy::{Diagnostic, SourceText};
use crate::portal::config::{ConfigText, Path, Places, read};
use crate::portal::{ConfigError, TenantConfig};

/// Reads a configuration of a tenant's own, in YAML or JSON, and gives it with its warnings.
///
/// The format is that of [`TenantConfig::read`]; diagnostics also say the line and the column.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
///
/// # Example
///
/// ```
/// let text = "from: bookings\nsets:\n  planner: [booking.vew]\n";
/// let refused = doorward::author::read_config("harbour.yaml", text).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "harbour.yaml:3:13: error[unknown-permission]: sets.planner[0]: no action needs `booking.vew`\n\
///      3 |   planner: [booking.vew]\n  \
///        |             ^^^^^^^^^^^\n\
///      help: did you mean `booking.view`?",
/// );
/// ```
pub fn read_config(name: &str, text: &str) -> Result<(TenantConfig, Vec<Diagnostic>), ConfigError> {
    let root: Node = super::run::yaml(text).map_err(|error| {
        let source = SourceText::new(name.to_owned(), text.to_owned());
        let told = Diagnostic::error("parse", syntax(&error));
        ConfigError::new(vec![match error.location().and_then(|at| place(text, at)) {
            Some(span) => told.at(&source, span),
            None => told.in_file(name),
        }])
    })?;
    let mut places = Places::new();
    let json = root.json(&Path::default(), &mut places);
    read(&ConfigText::new(name, text, json, places))
}

/// What is wrong, without the place, which is told beside it, and without names of the reader's.
fn syntax(error: &serde_saphyr::Error) -> String {
    let told = error.without_snippet().to_string();
    let told = told.trim_start_matches("error: ");
    let told = told.rsplit_once(" at line ").map_or(told, |(told, _)| told);
    told.split_once(", set DuplicateKeyPolicy").map_or(told, |(told, _)| told).to_owned()
}

/// A place in bytes, also where only its line and column are known.
fn place(text: &str, location: Location) -> Option<Range<usize>> {
    let by_line = || {
        let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column()).ok()?.saturating_sub(1);
        let lines = text.split_inclusive('\n');
        let before: usize = lines.clone().take(line).map(str::len).sum();
        let start: usize = lines.clone().nth(line)?.chars().take(column).map(char::len_utf8).sum();
        Some(before + start..before + start)
    };
    span(location).or_else(by_line)
}

fn span(location: Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len().unwrap_or_default()).ok()?;
    Some(start..start.saturating_add(length))
}

/// What a text says, and where.
enum Node {
    Plain(Json),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    fn json(self, path: &Path, places: &mut Places) -> Json {
        match self {
            Self::Plain(value) => value,
            Self::List(elements) => {
                let each = elements.into_iter().enumerate().map(|(index, element)| {
                    let path = path.index(index);
                    if let Some(span) = span(element.referenced) {
                        places.insert(path.to_string(), span);
                    }
                    element.value.json(&path, places)
                });
                Json::Array(each.collect())
            }
            Self::Map(members) => {
                let each = members.into_iter().map(|(name, value)| {
                    let path = path.member(&name.value);
                    if let Some(key) = span(name.referenced) {
                        // All of `level: own`, but only the name of a map or a list.
                        let end = match &value.value {
                            Self::Plain(_) => span(value.referenced).map(|span| span.end),
                            _ => None,
                        };
                        let end = end.filter(|end| *end > key.end).unwrap_or(key.end);
                        places.insert(path.to_string(), key.start..end);
                    }
                    let value = value.value.json(&path, places);
                    (name.value, value)
                });
                Json::Object(each.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Plain(Json::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}
