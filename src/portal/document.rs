//! Documents as hosts give them, and what questions are asked of.

use std::fmt;

use super::id::{ClientId, ContactId, DocumentId};
use super::name::{Kind, Level, State};
use super::rows::{self, Row as _};
use super::settings::Limit;
use crate::facts::{Entity, EntityUid, Facts};

/// A document of any kind, as a typed row: to store, or to pass inline with a question.
///
/// A document belongs to a client, directly or through its container, or, for tenant-wide kinds,
/// to everyone. New ones are open, shown to the client, and as far as their kind reaches.
///
/// # Example
///
/// ```
/// use doorward::{ClientId, Kind, portal::{Document, State}, DocumentId};
///
/// let invoice = Document::new(DocumentId::new("acme", "I1"), Kind::INVOICE)
///     .client(ClientId::new("acme", "C1"))
///     .state(State::Sent)
///     .amount(12_000, "EUR");
/// assert_eq!(invoice.id().id(), "I1");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    id: DocumentId,
    kind: Kind,
    pub(super) client: Option<ClientId>,
    pub(super) parent: Option<DocumentId>,
    container: Option<DocumentId>,
    owner: Option<ContactId>,
    state: State,
    labels: Vec<String>,
    level: Level,
    internal: bool,
    visible: bool,
    amount: Option<Limit>,
}

impl Document {
    /// An open, visible document that belongs to nobody yet.
    #[must_use]
    pub fn new(id: DocumentId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            client: None,
            parent: None,
            container: None,
            owner: None,
            state: State::Open,
            labels: Vec::new(),
            level: Level::Client,
            internal: false,
            visible: true,
            amount: None,
        }
    }

    /// The client that it belongs to.
    #[must_use]
    pub fn client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// The document that it is a child of: a file of an invoice. Children nest twice at most.
    #[must_use]
    pub fn parent(mut self, parent: DocumentId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The container that it lies in: a booking, a job, a project.
    #[must_use]
    pub fn container(mut self, container: DocumentId) -> Self {
        self.container = Some(container);
        self
    }

    /// The contact who owns it.
    #[must_use]
    pub fn owner(mut self, owner: ContactId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Its state. Default: open.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Adds a label, which a tenant's settings may hide: `invoiced`.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Keeps it to fewer than its kind reaches; [`Level::Own`] makes it private.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// For staff with a permission of its own only.
    #[must_use]
    pub fn internal(mut self, internal: bool) -> Self {
        self.internal = internal;
        self
    }

    /// Whether it is shown to the client at all. Default: yes.
    #[must_use]
    pub fn visible(mut self, visible: bool) -> Self {
        self.visible = visible;
        self
    }

    /// Its amount in minor units (cents) of a currency.
    #[must_use]
    pub fn amount(mut self, minor_units: i64, currency: impl Into<String>) -> Self {
        self.amount = Some(Limit { amount: minor_units, currency: currency.into() });
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What it is a child of, or lies in.
    pub(super) fn place(&self) -> Option<&DocumentId> {
        self.parent.as_ref().or(self.container.as_ref())
    }

    /// The row that policies read. `others` are the documents passed along with it.
    pub(super) fn row(&self, facts: &Facts, others: &[Self]) -> Entity {
        let client = self.client.as_ref().map_or_else(rows::no_client, ClientId::uid);
        let mut row = Entity::new(self.id.uid())
            .with("tenant", rows::tenant(self.id.tenant()))
            .with("client", client)
            .with("kind", self.kind.uid())
            .with("rule", rows::rule(&self.kind, self.client.as_ref()))
            .with("access", rows::access(&self.id))
            .with("head", self.head(facts, others))
            .with("state", self.state.as_str())
            .with("labels", crate::facts::Value::strings(self.labels.iter().map(String::as_str)))
            .with("level", self.level.number())
            .with("internal", self.internal)
            .with("visible", self.visible);
        for (name, id) in [("parent", &self.parent), ("container", &self.container)] {
            if let Some(id) = id {
                row.set(name, id.uid());
            }
        }
        if let Some(owner) = &self.owner {
            row.set("owner", owner.uid());
        }
        if let Some(Limit { amount, currency }) = &self.amount {
            row.set("amount", *amount);
            row.set("currency", currency.as_str());
        }
        row
    }

    /// The document that this one belongs to in the end. A missing parent is taken for its own
    /// head: the policies refuse a parent without a row.
    fn head(&self, facts: &Facts, others: &[Self]) -> EntityUid {
        let Some(parent) = &self.parent else { return self.id.uid() };
        let inline = others.iter().find(|other| other.id == *parent);
        let grandparent = match inline {
            Some(parent) => parent.parent.as_ref().map(DocumentId::uid),
            None => facts.entity(&parent.uid()).and_then(|row| row.entity_at("parent").cloned()),
        };
        grandparent.unwrap_or_else(|| parent.uid())
    }

    /// The tenants of the ids that it names.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.tenant())
            .chain(self.client.as_ref().map(ClientId::tenant))
            .chain(self.parent.as_ref().map(DocumentId::tenant))
            .chain(self.container.as_ref().map(DocumentId::tenant))
            .chain(self.owner.as_ref().map(ContactId::tenant))
    }
}

/// Without labels and amount: they are the client's business.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("client", &self.client)
            .field("parent", &self.parent)
            .field("container", &self.container)
            .field("owner", &self.owner)
            .field("state", &self.state)
            .field("level", &self.level)
            .field("internal", &self.internal)
            .field("visible", &self.visible)
            .finish_non_exhaustive()
    }
}

/// A document that is not there yet: what [`Action::Create`](super::Action::Create) and
/// [`Action::Attach`](super::Action::Attach) are asked of.
///
/// # Example
///
/// ```
/// use doorward::{ClientId, Kind, portal::Prospect};
///
/// let upload = Prospect::at_client(Kind::FILE, ClientId::new("acme", "C1"));
/// assert_eq!(upload.kind(), &Kind::FILE);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    kind: Kind,
    client: ClientId,
    container: Option<DocumentId>,
    parent: Option<DocumentId>,
}

impl Prospect {
    /// A document that would belong to a client directly. Whoever creates it would own it.
    #[must_use]
    pub fn at_client(kind: Kind, client: ClientId) -> Self {
        Self { kind, client, container: None, parent: None }
    }

    /// A document that would lie in a container of a client.
    #[must_use]
    pub fn in_container(kind: Kind, client: ClientId, container: DocumentId) -> Self {
        Self { container: Some(container), ..Self::at_client(kind, client) }
    }

    /// A document that would be a child of another: a file attached to an invoice.
    #[must_use]
    pub fn child_of(kind: Kind, client: ClientId, parent: DocumentId) -> Self {
        Self { parent: Some(parent), ..Self::at_client(kind, client) }
    }

    /// The kind of the new document.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// What it would be a child of, or lie in.
    pub(super) fn place(&self) -> Option<&DocumentId> {
        self.parent.as_ref().or(self.container.as_ref())
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &str> {
        let path = self.container.iter().chain(&self.parent).map(DocumentId::tenant);
        std::iter::once(self.client.tenant()).chain(path)
    }

    /// The document as it would be: its creator's, unless it is a child. Whether he may put it into
    /// its container is asked of the container.
    pub(super) fn document(&self, tenant: &str, creator: Option<&ContactId>) -> Document {
        // No stored document has an empty id: see `Tx::put_document`.
        let mut document = Document::new(DocumentId::new(tenant, ""), self.kind.clone())
            .client(self.client.clone());
        document.container = self.container.clone();
        document.parent = self.parent.clone();
        if self.parent.is_none() {
            document.owner = creator.cloned();
        }
        document
    }
}

/// What a question is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A stored document.
    Document(DocumentId),
    /// A stored document that was asked for through another, its parent: `/invoices/I1/files/F1`.
    Child {
        /// The document.
        document: DocumentId,
        /// The one it was asked for through.
        via: DocumentId,
    },
    /// A document of the host's own tables, with those it belongs to (its parent, its container).
    Inline {
        /// The document.
        document: Box<Document>,
        /// Its parent, its head, its container, as far as they are not stored.
        path: Vec<Document>,
    },
    /// A document that is not there yet.
    Prospect(Prospect),
    /// A contact.
    Contact(ContactId),
    /// A client.
    Client(ClientId),
    /// The portal itself.
    Portal,
}

impl From<DocumentId> for Resource {
    fn from(document: DocumentId) -> Self {
        Self::Document(document)
    }
}

impl From<&DocumentId> for Resource {
    fn from(document: &DocumentId) -> Self {
        Self::Document(document.clone())
    }
}

impl From<Document> for Resource {
    fn from(document: Document) -> Self {
        Self::Inline { document: Box::new(document), path: Vec::new() }
    }
}

impl From<Prospect> for Resource {
    fn from(prospect: Prospect) -> Self {
        Self::Prospect(prospect)
    }
}

impl From<ContactId> for Resource {
    fn from(contact: ContactId) -> Self {
        Self::Contact(contact)
    }
}

impl From<&ContactId> for Resource {
    fn from(contact: &ContactId) -> Self {
        Self::Contact(contact.clone())
    }
}

impl From<ClientId> for Resource {
    fn from(client: ClientId) -> Self {
        Self::Client(client)
    }
}

impl From<&ClientId> for Resource {
    fn from(client: &ClientId) -> Self {
        Self::Client(client.clone())
    }
}
