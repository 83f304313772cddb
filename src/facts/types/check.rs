//! Whether rows, contexts and requests fit the schema: what Cedar's validation accepts is accepted
//! here, and nothing else, for a fraction of its cost. Nothing is allocated on success.
//!
//! Messages name rows and attributes, and quote no values: they may be personal, and these words
//! end up in logs.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Attribute, Attributes, EntityTypes, Type, Types};
use crate::facts::draft::{Content, Outline};
use crate::facts::entity::Entity;
use crate::facts::layout::{Column, Kind};
use crate::facts::time::is_in_years;
use crate::facts::uid::{EntityUid, is_type_name, shorten};
use crate::facts::value::{Record, Repr, Value, ValueError};

/// Why a principal, an action and a resource form no request under a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApplicationError {
    /// The type of the principal or the resource is not declared.
    UndeclaredType(String),
    /// The action is not declared, or not for these types.
    InapplicableAction(String),
    /// The principal or the resource is none of its enumeration.
    NotEnumerated(String),
}

impl Types {
    /// Whether a row is of a declared type, with the attributes, parents and tags that are declared.
    ///
    /// A row of an action is accepted where it says what the schema does: no attributes, and every
    /// group that the action is in.
    pub(crate) fn check_entity(&self, entity: &Entity) -> Result<(), ValueError> {
        self.fits(entity).map_err(|error| error.within(&entity.uid))
    }

    /// As [`check_entity`](Self::check_entity), of a row to be stored: no action.
    pub(crate) fn check_stored(&self, entity: &Entity) -> Result<(), ValueError> {
        if entity.uid.is_action() {
            return Err(ValueError::new("the schema declares it")
                .with_help("leave actions out of the facts")
                .within(&entity.uid));
        }
        self.check_entity(entity)
    }

    /// Whether every entity of a form fits what is declared of a type, as its form shows. Where
    /// false, the entity itself has to be checked.
    pub(crate) fn fits_form(&self, type_name: &str, form: Outline<'_>) -> bool {
        let Some(declared) = self.entity(type_name) else { return false };
        if declared.external || declared.ids.is_some() {
            return false;
        }
        let mut parents = form.parents();
        if !parents.all(|name| declared.ancestors.contains(name) && self.has_any_id(name)) {
            return false;
        }
        let columns: Vec<_> = form.columns.iter().zip(form.contents).collect();
        self.fits_columns(&columns, 0, &declared.attributes)
    }

    /// Whether columns are those declared of a record: those of its members follow on its own.
    ///
    /// INVARIANT (value nesting): the constructors of [`Value`] bound how deep paths are, and with
    /// it this recursion.
    fn fits_columns(
        &self,
        columns: &[(&Column, &Content<Arc<str>>)],
        depth: usize,
        declared: &Attributes,
    ) -> bool {
        fn name_at(column: &Column, depth: usize) -> Option<&Arc<str>> {
            column.path.get(depth)
        }
        let mut found = 0;
        let mut rest = columns;
        while let Some(((column, content), after)) = rest.split_first() {
            let name = name_at(column, depth).filter(|_| column.path.len() == depth + 1);
            let Some(name) = name else {
                return false;
            };
            let members = after.partition_point(|(it, _)| name_at(it, depth) == Some(name));
            let (members, next) = after.split_at_checked(members).unwrap_or_default();
            rest = next;
            let Some(attribute) = declared.get(name) else { return false };
            found += usize::from(attribute.required);
            let fits = match (column.kind, &attribute.of) {
                (Kind::Record, Type::Record(declared)) => {
                    self.fits_columns(members, depth + 1, declared)
                }
                (kind, of) => members.is_empty() && self.fits_column(kind, content, of),
            };
            if !fits {
                return false;
            }
        }
        found == declared.values().filter(|attribute| attribute.required).count()
    }

    fn fits_column(&self, kind: Kind, content: &Content<Arc<str>>, declared: &Type) -> bool {
        match (kind, declared) {
            (Kind::Bool, Type::Bool)
            | (Kind::Short | Kind::Long, Type::Long)
            | (Kind::Text, Type::String)
            | (Kind::Decimal, Type::Decimal)
            | (Kind::Ip, Type::Ip)
            | (Kind::Datetime, Type::Datetime)
            | (Kind::Duration, Type::Duration) => true,
            (Kind::Entity, of) => self.fits_content(content, of),
            (Kind::Set, Type::Set(of)) => {
                *content == Content::Nothing || self.fits_content(content, of)
            }
            _ => false,
        }
    }

    fn fits_content(&self, content: &Content<Arc<str>>, declared: &Type) -> bool {
        match (content, declared) {
            (Content::Texts, Type::String) => true,
            (Content::Entities(name), Type::Entity(declared)) => {
                name == declared && self.has_any_id(name)
            }
            _ => false,
        }
    }

    /// Whether a type lists its ids.
    pub(crate) fn is_enumerated(&self, type_name: &str) -> bool {
        self.entity(type_name).is_some_and(|declared| declared.ids.is_some())
    }

    /// Whether a text may be an id of a type, for all that is declared.
    pub(crate) fn may_be_id(&self, type_name: &str, id: &str) -> bool {
        let ids = self.entity(type_name).and_then(|declared| declared.ids.as_ref());
        ids.is_none_or(|ids| ids.contains(id))
    }

    /// Whether a type is declared, and any text may be an id of it.
    fn has_any_id(&self, type_name: &str) -> bool {
        self.entity(type_name).is_some_and(|declared| declared.ids.is_none())
    }

    fn fits(&self, entity: &Entity) -> Result<(), ValueError> {
        let type_name = entity.uid.type_name();
        let Some(declared) = self.entity(type_name) else { return self.fits_action(entity) };
        if declared.external {
            return Err(ValueError::new(format!("`{type_name}` is declared `external`"))
                .with_help("define the type in the schema: no row of it can be checked"));
        }
        check_enumerated(&entity.uid, declared)?;
        self.check_record(&entity.attributes, &declared.attributes)?;
        for parent in &entity.parents {
            self.check_parent(&entity.uid, parent, declared)?;
        }
        let Some(tag) = &declared.tags else {
            return match entity.tags.keys().next() {
                None => Ok(()),
                Some(name) => Err(ValueError::new(format!(
                    "it has a tag, `{}`, and `{type_name}` declares no tags",
                    shorten(name)
                ))
                .with_help("leave its tags out")),
            };
        };
        for (name, value) in &entity.tags {
            self.check_value(value, tag).map_err(|error| within("tag", name, error))?;
        }
        Ok(())
    }

    fn check_parent(
        &self,
        uid: &EntityUid,
        parent: &EntityUid,
        declared: &EntityTypes,
    ) -> Result<(), ValueError> {
        if declared.ancestors.contains(parent.type_name()) {
            return self.check_reference(parent).map_err(|error| error.within("parents"));
        }
        check_type_name(parent)?;
        let allowed: Vec<_> = declared.ancestors.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "parents: one is of type `{}`, which is none that `{}` may be in",
            shorten(parent.type_name()),
            uid.type_name()
        );
        Err(ValueError::new(message).with_help(match &*allowed {
            [] => "leave its parents out: its type declares none".to_owned(),
            _ => format!("its parents may be of {}", allowed.join(", ")),
        }))
    }

    fn fits_action(&self, entity: &Entity) -> Result<(), ValueError> {
        let uid = &entity.uid;
        let Some(action) = self.action(uid) else {
            check_type_name(uid)?;
            let help = "see the schema for what it declares";
            return Err(if is_action_type(uid.type_name()) {
                ValueError::new("the schema declares no such action").with_help(help)
            } else {
                let message = format!("the schema declares no type `{}`", shorten(uid.type_name()));
                ValueError::new(message).with_help(help)
            });
        };
        let bare = entity.attributes.is_empty() && entity.tags.is_empty();
        if bare && entity.parents == action.groups {
            return Ok(());
        }
        Err(ValueError::new("it differs from the action that the schema declares")
            .with_help("leave actions out: the schema brings them"))
    }

    /// Whether a context holds what is declared for the action.
    pub(crate) fn check_context(
        &self,
        action: &EntityUid,
        context: &Record,
    ) -> Result<(), ValueError> {
        let Some(declared) = self.action(action) else {
            return Err(ValueError::new(format!("the schema declares no action {action}")));
        };
        self.check_record(context, &declared.context)
            .map_err(|error| error.within(format_args!("context of {action}")))
    }

    /// Whether the action is declared, and applies to these two.
    pub(crate) fn check_request(
        &self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
    ) -> Result<(), ApplicationError> {
        let parties = [principal, resource];
        for uid in parties {
            if !self.declares(uid.type_name()) {
                return Err(ApplicationError::UndeclaredType(not_declared(uid)));
            }
        }
        let Some(declared) = self.action(action) else {
            return Err(match check_type_name(action) {
                Err(error) => ApplicationError::UndeclaredType(error.to_string()),
                Ok(()) => ApplicationError::InapplicableAction(format!(
                    "action {action} is not declared in the schema"
                )),
            });
        };
        let applies = declared.principals.contains(principal.type_name())
            && declared.resources.contains(resource.type_name());
        if !applies {
            return Err(ApplicationError::InapplicableAction(format!(
                "action {action} does not apply to a principal of type `{}` and a resource of \
                 type `{}`",
                principal.type_name(),
                resource.type_name()
            )));
        }
        for (uid, place) in parties.into_iter().zip(["principal", "resource"]) {
            self.check_reference(uid).map_err(|error| {
                ApplicationError::NotEnumerated(error.within(place).to_string())
            })?;
        }
        Ok(())
    }

    /// INVARIANT (value nesting): the constructors of [`Value`] bound this recursion.
    fn check_value(&self, value: &Value, declared: &Type) -> Result<(), ValueError> {
        match (&value.0, declared) {
            (Repr::Bool(_), Type::Bool)
            | (Repr::Long(_), Type::Long)
            | (Repr::String(_), Type::String)
            | (Repr::Decimal(_), Type::Decimal)
            | (Repr::Ip { .. }, Type::Ip)
            | (Repr::Duration(_), Type::Duration) => Ok(()),
            (Repr::Datetime(moment), Type::Datetime) => check_moment(*moment),
            (Repr::Entity(uid), Type::Entity(name)) if uid.type_name() == &**name => {
                self.check_reference(uid)
            }
            (Repr::Set(elements), Type::Set(of)) => elements
                .iter()
                .try_for_each(|element| self.check_value(element, of))
                .map_err(|error| error.within("an element")),
            (Repr::Record(attributes), Type::Record(declared)) => {
                self.check_record(attributes, declared)
            }
            _ => Err(mismatch(value, declared)),
        }
    }

    /// Both are ordered by name, so one walk over the two finds what is missing in either.
    fn check_record(&self, record: &Record, declared: &Attributes) -> Result<(), ValueError> {
        let mut expected = declared.iter().peekable();
        for (name, value) in record {
            let attribute = loop {
                let Some((next, attribute)) = expected.peek() else { break None };
                match next.cmp(&name) {
                    Ordering::Less if attribute.required => return Err(missing(next, attribute)),
                    Ordering::Less => drop(expected.next()),
                    Ordering::Equal => break expected.next(),
                    Ordering::Greater => break None,
                }
            };
            let Some((_, attribute)) = attribute else { return Err(undeclared(name)) };
            self.check_value(value, &attribute.of)
                .map_err(|error| within("attribute", name, error))?;
        }
        match expected.find(|(_, attribute)| attribute.required) {
            Some((name, attribute)) => Err(missing(name, attribute)),
            None => Ok(()),
        }
    }

    /// Whether there can be an entity of this name: one of its enumeration, if its type is one, and
    /// a declared action.
    fn check_reference(&self, uid: &EntityUid) -> Result<(), ValueError> {
        match self.entity(uid.type_name()) {
            Some(declared) => check_enumerated(uid, declared),
            None if self.actions.contains_key(uid) => Ok(()),
            None if is_action_type(uid.type_name()) => {
                Err(ValueError::new("it is an action that the schema does not declare"))
            }
            None => Err(ValueError::new(not_declared(uid))),
        }
    }
}

/// What can be said of a row without a schema: whether Cedar knows such names and values.
pub(crate) fn check_untyped_entity(entity: &Entity) -> Result<(), ValueError> {
    check_type_name(&entity.uid)?;
    let rest = || {
        check_untyped_record(&entity.attributes)?;
        entity.parents.iter().try_for_each(check_type_name)?;
        entity.tags.iter().try_for_each(|(name, value)| {
            check_untyped_value(value).map_err(|error| within("tag", name, error))
        })
    };
    rest().map_err(|error| error.within(&entity.uid))
}

/// What can be said of a context without a schema.
pub(crate) fn check_untyped_record(record: &Record) -> Result<(), ValueError> {
    record.iter().try_for_each(|(name, value)| {
        check_untyped_value(value).map_err(|error| within("attribute", name, error))
    })
}

fn check_untyped_value(value: &Value) -> Result<(), ValueError> {
    match &value.0 {
        Repr::Entity(uid) => check_type_name(uid),
        Repr::Set(elements) => elements.iter().try_for_each(check_untyped_value),
        Repr::Record(attributes) => check_untyped_record(attributes),
        Repr::Datetime(moment) => check_moment(*moment),
        _ => Ok(()),
    }
}

/// Whether the type of an entity has the form of a name.
pub(crate) fn check_type_name(uid: &EntityUid) -> Result<(), ValueError> {
    // Words of Cedar's grammar.
    const RESERVED: [&str; 10] =
        ["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"];
    let name = uid.type_name();
    if is_type_name(name) && !name.split("::").any(|part| RESERVED.contains(&part)) {
        return Ok(());
    }
    Err(ValueError::new(format!("`{}` is no type name", shorten(name))))
}

fn is_action_type(type_name: &str) -> bool {
    type_name.rsplit("::").next() == Some("Action")
}

fn check_enumerated(uid: &EntityUid, declared: &EntityTypes) -> Result<(), ValueError> {
    let Some(ids) = declared.ids.as_ref().filter(|ids| !ids.contains(uid.id())) else {
        return Ok(());
    };
    let known: Vec<_> = ids.iter().map(|id| format!("`{}`", shorten(id))).collect();
    let message = format!("`{}` is an enumeration without this id", uid.type_name());
    Err(ValueError::new(message).with_help(format!("its ids are {}", known.join(", "))))
}

fn check_moment(milliseconds: i64) -> Result<(), ValueError> {
    if is_in_years(milliseconds) {
        return Ok(());
    }
    Err(ValueError::new("a date and time lies outside the years 0 to 9999"))
}

#[cold]
fn within(what: &str, name: &str, error: ValueError) -> ValueError {
    error.within(format_args!("{what} `{}`", shorten(name)))
}

#[cold]
fn missing(name: &str, attribute: &Attribute) -> ValueError {
    ValueError::new(format!("attribute `{}` is missing", shorten(name)))
        .with_help(format!("it is {}", attribute.of))
}

#[cold]
fn undeclared(name: &str) -> ValueError {
    ValueError::new(format!("attribute `{}` is not declared", shorten(name)))
        .with_help("leave it out, or declare it in the schema")
}

#[cold]
fn not_declared(uid: &EntityUid) -> String {
    match check_type_name(uid) {
        Err(error) => error.to_string(),
        Ok(()) => format!("type `{}` is not declared in the schema", shorten(uid.type_name())),
    }
}

#[cold]
fn mismatch(value: &Value, declared: &Type) -> ValueError {
    let found = match &value.0 {
        Repr::Bool(_) => "a Bool",
        Repr::Long(_) => "a Long",
        Repr::String(_) => "a String",
        Repr::Entity(uid) => {
            let type_name = shorten(uid.type_name());
            return ValueError::new(format!("it is an entity of type `{type_name}`"))
                .with_help(format!("the schema declares {declared}"));
        }
        Repr::Set(_) => "a set",
        Repr::Record(_) => "a record",
        Repr::Decimal(_) => "a decimal",
        Repr::Ip { .. } => "an ipaddr",
        Repr::Datetime(_) => "a datetime",
        Repr::Duration(_) => "a duration",
    };
    ValueError::new(format!("it is {found}")).with_help(format!("the schema declares {declared}"))
}
