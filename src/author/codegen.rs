//! Types of a schema for the host's own language, to be checked where the host is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::SuiteError;
use crate::decide::codes;
use crate::facts::{ActionTypes, Attributes, EntityUid, Type, Types};
use crate::policy::PolicyBundle;

/// Names that Python keeps to itself, or that mean something in the module.
#[rustfmt::skip]
const TAKEN: &[&str] = &[
    "ActionName", "Decimal", "EntityType", "EntityUid", "False", "IpAddress", "Literal", "None",
    "NotRequired", "ReasonCode", "SetOf", "TYPE_CHECKING", "True", "TypedDict", "and", "annotations",
    "as", "assert", "async", "await", "bool", "break", "class", "continue",
    "datetime", "def", "del", "elif", "else", "except", "finally", "for",
    "from", "global", "if", "import", "in", "int", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "str", "timedelta",
    "try", "while", "with", "yield",
];

const TITLE: &str =
    r#""""Types of the policies' schema. Made by `doorward codegen python`; do not edit.""""#;

/// Since Python 3.11 it is Python's own.
const NOT_REQUIRED: &str = "
if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired
";

/// What modules there are for types, and what they are taken from.
const IMPORTS: [(&str, &str); 6] = [
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("decimal", "Decimal"),
    ("doorward", "EntityUid"),
    ("doorward.types", "IpAddress"),
    ("doorward.types", "SetOf"),
];

/// Writes a Python module with the types of a schema: the names of its entity types, actions and
/// reasons as `Literal`s, the attributes of each entity type and the context of each action as
/// `TypedDict`s.
///
/// Equal policies give equal text, so that a test can tell whether a module is out of date. Python
/// 3.11 or newer runs it, and 3.10 with the package `typing_extensions`.
///
/// # Errors
///
/// When the policies have no schema.
///
/// # Example
///
/// ```
/// use doorward::PolicyBundle;
/// use doorward::author::python_types;
///
/// let policies = PolicyBundle::builder()
///     .schema("library.cedarschema", "
///         entity Reader;
///         entity Book = { lent_to?: Reader, pages: Long };
///         action read appliesTo { principal: Reader, resource: Book, context: { mfa: Bool } };
///     ")
///     .build()?;
/// let module = python_types(&policies)?;
/// assert!(module.contains("ActionName = Literal[\n    \"read\",\n]"));
/// assert!(module.contains("class Book(TypedDict):"));
/// assert!(module.contains("    lent_to: NotRequired[EntityUid]\n    pages: int\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn python_types(policies: &PolicyBundle) -> Result<String, SuiteError> {
    let types = policies.types().ok_or_else(|| {
        SuiteError::new("the policies have no schema")
            .with_help("put a .cedarschema file into their folder")
    })?;
    let mut module = Module::default();
    module.names(policies, types);
    module.entities(types);
    module.contexts(types);
    Ok(module.head() + &module.text)
}

#[derive(Default)]
struct Module {
    text: String,
    /// The names so far.
    taken: BTreeSet<String>,
    /// Classes of records, which serve all records alike.
    records: Vec<(Arc<Attributes>, String)>,
    /// What is used of [`IMPORTS`].
    used: BTreeSet<&'static str>,
}

impl Module {
    /// The imports of what is used.
    fn head(&self) -> String {
        let mut imports: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (module, name) in IMPORTS.iter().filter(|(_, name)| self.used.contains(name)) {
            imports.entry(module).or_default().push(name);
        }
        let takes_less = self.used.contains("NotRequired");
        let mut head = format!("{TITLE}\n\n{}", if takes_less { "import sys\n" } else { "" });
        for (module, names) in imports.range(.."doorward") {
            let _ = writeln!(head, "from {module} import {}", names.join(", "));
        }
        head.push_str("from typing import Literal, TypedDict\n\n");
        for (module, names) in imports.range("doorward"..) {
            let _ = writeln!(head, "from {module} import {}", names.join(", "));
        }
        if takes_less {
            head.push_str(NOT_REQUIRED);
        }
        head
    }

    fn names(&mut self, policies: &PolicyBundle, types: &Types) {
        self.literals("EntityType", types.names().map(|name| &**name), "What entities are.");
        let applying = applying(types);
        let actions = applying.keys().map(|action| action.id());
        self.literals("ActionName", actions, "The ids of actions that may be asked for.");
        let infos = policies.policies().iter();
        let own = infos.filter_map(|info| info.reason());
        let reasons = own.chain(codes::ALL).map(|code| code.as_str());
        self.literals(
            "ReasonCode",
            reasons,
            "The codes of decisions: the `@reason`s of the policies, and the engine's own.",
        );
        let mut on: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (action, of) in &applying {
            for resource in &of.resources {
                on.entry(resource).or_default().insert(action.id());
            }
        }
        for (resource, actions) in on {
            let name = self.free_name(&format!("{}Action", class_name(resource)));
            let told = format!("What may be asked for on the type `{resource}`.");
            self.literals(&name, actions.iter(), &told);
        }
    }

    fn literals(&mut self, name: &str, words: impl Iterator<Item = impl AsRef<str>>, told: &str) {
        let words: BTreeSet<String> = words.map(|word| text_of(word.as_ref())).collect();
        if words.is_empty() {
            return;
        }
        let _ = write!(self.text, "\n{name} = Literal[\n");
        for word in words {
            let _ = writeln!(self.text, "    {word},");
        }
        let _ = write!(self.text, "]\n{}\n", docstring(told));
    }

    fn entities(&mut self, types: &Types) {
        for name in types.names() {
            let Some(entity) = types.entity(name) else { continue };
            if let Some(ids) = &entity.ids {
                let class = self.free_name(&format!("{}Id", class_name(name)));
                let told = format!("The only ids of the type `{name}`.");
                self.literals(&class, ids.iter(), &told);
                continue;
            }
            let told = format!("Attributes of the type `{name}`.");
            self.class(&class_name(name), &entity.attributes, &told);
        }
    }

    /// A name for each action: those of one context are names of one class.
    fn contexts(&mut self, types: &Types) {
        let mut known: Vec<(&Attributes, String)> = Vec::new();
        for (action, of) in applying(types) {
            let wanted = format!("{}Context", class_name(action.id()));
            match known.iter().find(|(context, _)| **context == of.context) {
                Some((_, class)) => {
                    let class = class.clone();
                    let name = self.free_name(&wanted);
                    let _ = write!(self.text, "\n{name} = {class}\n");
                }
                None => {
                    let told = format!("The context of `{}`.", action.id());
                    let class = self.class(&wanted, &of.context, &told);
                    known.push((&of.context, class));
                }
            }
        }
    }

    /// Writes a class, those of records within before it, and returns its name.
    ///
    /// INVARIANT (type nesting): the limits of a bundle bound how deep a schema nests.
    fn class(&mut self, name: &str, attributes: &Attributes, told: &str) -> String {
        let name = self.free_name(name);
        let mut members = Vec::new();
        for (attribute, of) in attributes {
            let within = format!("{name}{}", class_name(attribute));
            let of_type = self.type_name(&of.of, &within);
            let whole = if of.required {
                of_type
            } else {
                format!("{}[{of_type}]", self.used("NotRequired"))
            };
            members.push((Arc::clone(attribute), whole));
        }
        if members.iter().all(|(attribute, _)| is_identifier(attribute)) {
            let _ = write!(self.text, "\n\nclass {name}(TypedDict):\n    {}\n", docstring(told));
            if !members.is_empty() {
                self.text.push('\n');
            }
            for (attribute, of) in members {
                let _ = writeln!(self.text, "    {attribute}: {of}");
            }
        } else {
            // Names that are none in Python.
            let _ = write!(self.text, "\n\n{name} = TypedDict(\n    {},\n    {{\n", text_of(&name));
            for (attribute, of) in members {
                let attribute = text_of(&attribute);
                let _ = writeln!(self.text, "        {attribute}: {of},");
            }
            let _ = write!(self.text, "    }},\n)\n{}\n", docstring(told));
        }
        name
    }

    fn type_name(&mut self, of: &Type, within: &str) -> String {
        match of {
            Type::Bool => "bool".to_owned(),
            Type::Long => "int".to_owned(),
            Type::String => "str".to_owned(),
            Type::Set(element) => {
                let element = self.type_name(element, within);
                format!("{}[{element}]", self.used("SetOf"))
            }
            Type::Record(members) => self.record(members, within),
            Type::Entity(_) => self.used("EntityUid").to_owned(),
            Type::Decimal => self.used("Decimal").to_owned(),
            Type::Ip => self.used("IpAddress").to_owned(),
            Type::Datetime => self.used("datetime").to_owned(),
            Type::Duration => self.used("timedelta").to_owned(),
        }
    }

    fn used(&mut self, name: &'static str) -> &'static str {
        self.used.insert(name);
        name
    }

    fn record(&mut self, members: &Arc<Attributes>, within: &str) -> String {
        if let Some((_, name)) = self.records.iter().find(|(known, _)| known == members) {
            return name.clone();
        }
        let name = self.class(within, members, "The members of a record.");
        self.records.push((Arc::clone(members), name.clone()));
        name
    }

    /// A name of the module that is not taken yet, which it takes.
    fn free_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while TAKEN.contains(&name.as_str()) || !self.taken.insert(name.clone()) {
            name = format!("{wanted}{number}");
            number += 1;
        }
        name
    }
}

/// The actions that may be asked for, in order.
fn applying(types: &Types) -> BTreeMap<&EntityUid, &ActionTypes> {
    types.actions().filter(|(_, of)| !of.principals.is_empty()).collect()
}

/// `set_password` and `Portal::Contact` as names of classes.
fn class_name(name: &str) -> String {
    let parts = name.split(|character: char| !character.is_ascii_alphanumeric());
    let name: String = parts
        .flat_map(|part| {
            let mut characters = part.chars();
            characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters)
        })
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("T{name}"),
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    // Two underscores at the start are mangled in a class.
    starts
        && !name.starts_with("__")
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !TAKEN.contains(&name)
}

/// A text of Python's: what JSON escapes, Python reads alike.
fn text_of(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn docstring(text: &str) -> String {
    format!("\"\"\"{}\"\"\"", escaped(text))
}

/// What Python reads as the text. Whatever a terminal or an editor might take for more than a character
/// is told by its number.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut told, character| {
        match character {
            '\\' | '"' => told.extend(['\\', character]),
            character if character.is_ascii_graphic() || character == ' ' => told.push(character),
            character if character.is_alphanumeric() => told.push(character),
            other => {
                let _ = write!(told, "\\U{:08x}", u32::from(other));
            }
        }
        told
    })
}
