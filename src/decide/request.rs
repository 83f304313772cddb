//! A question to the engine.

use std::sync::Arc;

use crate::facts::{Entity, EntityUid, Record, Value};

/// A question: may this principal do this action on this resource, in this context?
///
/// Entities that the host keeps in its own tables come along *inline*, with their attributes;
/// everything else is named and found among the engine's facts.
///
/// # Example
///
/// ```
/// use doorward::{Entity, EntityUid, Request};
///
/// let invoice = EntityUid::new("Document", "I1");
/// let request = Request::new(EntityUid::new("Contact", "gm"), "view", invoice.clone())
///     .with("mfa", true)
///     .inline(Entity::new(invoice).with("amount", 12_000));
/// assert_eq!(request.action().to_string(), r#"Action::"view""#);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    pub(crate) context: Record,
    pub(crate) inline: Vec<Entity>,
}

impl Request {
    /// Asks whether `principal` may do `action` on `resource`.
    ///
    /// The action is the name of one in the default namespace (`"view"` is `Action::"view"`), or a
    /// whole [`EntityUid`].
    #[must_use]
    pub fn new(principal: EntityUid, action: impl Into<ActionName>, resource: EntityUid) -> Self {
        Self {
            principal,
            action: action.into().0,
            resource,
            context: Record::new(),
            inline: Vec::new(),
        }
    }

    /// Sets an attribute of the context.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.context.insert(name.into(), value.into());
        self
    }

    /// Replaces the whole context.
    #[must_use]
    pub fn context(mut self, context: Record) -> Self {
        self.context = context;
        self
    }

    /// Passes an entity that the host owns, with its attributes. It serves this request only.
    #[must_use]
    pub fn inline(mut self, entity: Entity) -> Self {
        self.inline.push(entity);
        self
    }

    /// The same question about another action.
    #[must_use]
    pub fn for_action(&self, action: impl Into<ActionName>) -> Self {
        Self { action: action.into().0, ..self.clone() }
    }

    /// The same question about another resource.
    #[must_use]
    pub fn for_resource(&self, resource: EntityUid) -> Self {
        Self { resource, ..self.clone() }
    }

    /// The same question of another principal.
    #[must_use]
    pub fn for_principal(&self, principal: EntityUid) -> Self {
        Self { principal, ..self.clone() }
    }

    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &EntityUid {
        &self.principal
    }

    /// What for.
    #[must_use]
    pub fn action(&self) -> &EntityUid {
        &self.action
    }

    /// On what.
    #[must_use]
    pub fn resource(&self) -> &EntityUid {
        &self.resource
    }
}

/// The action of a [`Request`], by name or as a whole uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionName(EntityUid);

impl ActionName {
    pub(crate) fn uid(&self) -> &EntityUid {
        &self.0
    }
}

impl From<&str> for ActionName {
    fn from(name: &str) -> Self {
        Self(EntityUid::action(name))
    }
}

impl From<EntityUid> for ActionName {
    fn from(uid: EntityUid) -> Self {
        Self(uid)
    }
}

impl From<&EntityUid> for ActionName {
    fn from(uid: &EntityUid) -> Self {
        Self(uid.clone())
    }
}
