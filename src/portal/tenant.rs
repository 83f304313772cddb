//! Portals and their tenants: where hosts ask their questions.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, ThreadId};

use super::caller::{Ask, Caller};
use super::document::Resource;
use super::error::{Refused, Violation, WriteError, Written};
use super::id::{ClientGroupId, ClientId, ContactId, DocumentId, LinkId, ShareId, StaffId};
use super::name::{AccessState, Action, Channel, CredentialState, Kind};
use super::preset::{KindDeclaration, TenantConfig, kinds, shipped_policies};
use super::rows::{self, Row as _};
use super::tx::Tx;
use crate::decide::{Decision, Disclosure, ErrorMode, Explanation, Request};
use crate::engine::{Engine, World};
use crate::error::{Error, StoreError};
use crate::facts::{Entity, EntityUid, Facts, Timestamp};
use crate::policy::PolicyBundle;
use crate::symbol::Symbol;

/// A host's portals: the policies, shared, and its tenants, each with facts of its own.
///
/// Nothing crosses tenants: each has an engine of its own, and ids resolve in their tenant only.
/// Clones share everything.
///
/// # Example
///
/// ```
/// use doorward::{Action, Caller, Kind, Portal, Preset};
/// use doorward::portal::{Document, NewContact, State};
///
/// let portal = Portal::builder().build()?;
/// let acme = portal.create_tenant("acme", Preset::Accounting)?;
///
/// let written = acme.write_as_system(|tx| {
///     let client = tx.create_client(acme.client("C1"))?;
///     let gm = tx.create_contact(
///         NewContact::new(acme.contact("gm"), client.clone()).email("gm@client.example"),
///     )?;
///     tx.enable(&gm)?;
///     tx.reset_credential(&gm)?;
///     tx.put_document(
///         &Document::new(acme.document("I1"), Kind::INVOICE).client(client).state(State::Sent),
///     )?;
///     Ok(gm)
/// })?;
///
/// // At login; the session keeps what it was opened with.
/// let gm = written.value;
/// let access = acme.access(&gm).ok_or("no such contact")?;
/// let caller = Caller::contact(gm).session(access.epoch, access.credential_version).password();
/// assert!(acme.check(&caller, Action::View, acme.document("I1")).is_allowed());
///
/// let pay = acme.check(&caller, Action::Pay, acme.document("I1"));
/// assert_eq!(pay.code().unwrap(), "NO_PERMISSION");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Portal(Arc<PortalInner>);

struct PortalInner {
    policies: PolicyBundle,
    setup: Setup,
    tenants: RwLock<HashMap<Arc<str>, Tenant>>,
}

#[derive(Clone, Default)]
struct Setup {
    error_mode: ErrorMode,
    host_owned_documents: bool,
    clock: Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>,
}

impl Portal {
    /// Sets up a portal. Without anything it takes the shipped policies.
    pub fn builder() -> PortalBuilder {
        PortalBuilder { policies: None, setup: Setup::default() }
    }

    /// Adds a tenant that starts from a preset or a configuration.
    ///
    /// # Errors
    ///
    /// When the id is empty or there is a tenant of this id, or the configuration names permissions,
    /// sets or events that are not there.
    pub fn create_tenant(
        &self,
        id: impl Into<Arc<str>>,
        config: impl Into<TenantConfig>,
    ) -> Result<Tenant, Error> {
        let id = id.into();
        self.vacant(&id)?;
        let tenant = self.open(Arc::clone(&id), Facts::new())?;
        let config = config.into();
        tenant.write_as_system(|tx| tx.set_up(&config))?;
        self.admit(id, tenant)
    }

    /// Adds a tenant whose facts were exported before, from [`Tenant::facts`].
    ///
    /// # Errors
    ///
    /// When there is a tenant of this id, the facts are another tenant's, or they do not fit the
    /// schema.
    pub fn restore_tenant(&self, id: impl Into<Arc<str>>, facts: Facts) -> Result<Tenant, Error> {
        let id = id.into();
        self.vacant(&id)?;
        own_facts(&id, &facts)?;
        let tenant = self.open(Arc::clone(&id), facts)?;
        self.admit(id, tenant)
    }

    /// Setting up takes its time, so that it is done before the list of tenants is locked.
    fn admit(&self, id: Arc<str>, tenant: Tenant) -> Result<Tenant, Error> {
        let mut tenants = self.0.tenants.write().unwrap_or_else(PoisonError::into_inner);
        match tenants.entry(id) {
            Entry::Occupied(taken) => Err(duplicate(taken.key()).into()),
            Entry::Vacant(vacant) => Ok(vacant.insert(tenant).clone()),
        }
    }

    fn vacant(&self, id: &str) -> Result<(), WriteError> {
        if id.is_empty() {
            return Err(refused("UNKNOWN_ID", "the id of the tenant is empty"));
        }
        self.tenant(id).map_or(Ok(()), |_| Err(duplicate(id)))
    }

    fn open(&self, id: Arc<str>, facts: Facts) -> Result<Tenant, Error> {
        let setup = &self.0.setup;
        let mut engine = Engine::builder(self.0.policies.clone())
            .facts(facts)
            .error_mode(setup.error_mode)
            .host_owned("ViewAs")
            .host_owned("OnBehalf")
            .host_owned("Guest");
        engine = if setup.host_owned_documents {
            engine.host_owned("Document")
        } else {
            engine.stored_or_inline("Document")
        };
        if let Some(clock) = &setup.clock {
            let clock = Arc::clone(clock);
            engine = engine.clock(move || clock());
        }
        let inner = TenantInner { id, engine: engine.build()?, writing: Writing::default() };
        Ok(Tenant(Arc::new(inner)))
    }

    /// A tenant by its id.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<Tenant> {
        self.0.tenants.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The policies of all its tenants.
    #[must_use]
    pub fn policies(&self) -> &PolicyBundle {
        &self.0.policies
    }
}

fn duplicate(id: &str) -> WriteError {
    refused("DUPLICATE_ID", format!("there is a tenant {id}"))
}

/// Whether facts are of this tenant: under another id every question would be refused, and every
/// write would mix the two.
fn own_facts(id: &str, facts: &Facts) -> Result<(), WriteError> {
    let tenant = rows::tenant(id);
    if facts.entity(&tenant).is_none() {
        return Err(refused("UNKNOWN_ID", format!("the facts hold no {tenant}")));
    }
    let foreign = facts.iter().find(|row| {
        let named = row.entity_at("tenant").filter(|named| named.type_name() == tenant.type_name());
        named.is_some_and(|named| *named != tenant)
    });
    match foreign {
        None => Ok(()),
        Some(row) => Err(refused("CROSS_TENANT", format!("{} is not of {tenant}", row.uid()))),
    }
}

fn refused(code: &'static str, message: impl Into<String>) -> WriteError {
    WriteError::rejected(vec![Violation::new(code, message)])
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("policies", &self.0.policies).finish_non_exhaustive()
    }
}

/// The types of the rows that a portal writes.
const ENTITY_TYPES: [&str; 7] =
    ["Tenant", "Client", "Contact", "Staff", "Link", "Document", "Access"];

/// Sets up a [`Portal`].
#[must_use]
pub struct PortalBuilder {
    policies: Option<PolicyBundle>,
    setup: Setup,
}

impl PortalBuilder {
    /// The policies: the shipped ones with a host's own, over the portal's schema. They replace the
    /// default, the shipped ones alone, so start from
    /// [`shipped_sources`](super::shipped_sources).
    pub fn policies(mut self, policies: PolicyBundle) -> Self {
        self.policies = Some(policies);
        self
    }

    /// What an erroring policy does. Default: [`ErrorMode::FailClosed`].
    pub fn error_mode(mut self, mode: ErrorMode) -> Self {
        self.setup.error_mode = mode;
        self
    }

    /// Documents are the host's: passed inline with each question, none stored.
    pub fn host_owned_documents(mut self) -> Self {
        self.setup.host_owned_documents = true;
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.setup.clock = Some(Arc::new(now));
        self
    }

    /// Builds the portal.
    ///
    /// # Errors
    ///
    /// When the policies have no schema of a portal: they would not be the shipped ones and
    /// others, but others alone.
    pub fn build(self) -> Result<Portal, Error> {
        let policies = match self.policies {
            Some(policies) => {
                policies.require_types(&ENTITY_TYPES, "start from `portal::shipped_sources`")?;
                policies
            }
            None => shipped_policies()?,
        };
        Ok(Portal(Arc::new(PortalInner {
            policies,
            setup: self.setup,
            tenants: RwLock::default(),
        })))
    }
}

impl fmt::Debug for PortalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalBuilder").field("policies", &self.policies).finish_non_exhaustive()
    }
}

/// One tenant of a [`Portal`]: its facts, the questions asked of them and the writes to them.
///
/// Clones share everything; keep one in each request handler.
#[derive(Clone)]
pub struct Tenant(Arc<TenantInner>);

pub(super) struct TenantInner {
    pub(super) id: Arc<str>,
    pub(super) engine: Engine,
    writing: Writing,
}

/// One writer at a time.
#[derive(Default)]
struct Writing {
    lock: Mutex<()>,
    writer: Mutex<Option<ThreadId>>,
}

/// The right to write, until it is dropped.
struct Turn<'w> {
    writing: &'w Writing,
    _lock: MutexGuard<'w, ()>,
}

impl Writing {
    /// Waits for the writer before. A thread that would wait for itself is told so instead.
    fn begin(&self) -> Result<Turn<'_>, StoreError> {
        let own = Some(thread::current().id());
        if *self.writer.lock().unwrap_or_else(PoisonError::into_inner) == own {
            return Err(StoreError::new("a write to this tenant is under way on this thread")
                .with_help("use the `tx` that its closure is given"));
        }
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = own;
        Ok(Turn { writing: self, _lock: lock })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.writing.writer.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $method:ident -> $type:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $method(&self, id: impl Into<Arc<str>>) -> $type {
            $type::new(Arc::clone(&self.0.id), id)
        }
    )*};
}

/// Names. Nothing is looked up.
impl Tenant {
    names! {
        /// Names a client of this tenant.
        client -> ClientId;
        /// Names a client group of this tenant.
        client_group -> ClientGroupId;
        /// Names a contact of this tenant.
        contact -> ContactId;
        /// Names a member of this tenant's staff.
        staff -> StaffId;
        /// Names a document of this tenant.
        document -> DocumentId;
        /// Names a share of this tenant.
        share -> ShareId;
        /// Names a link of this tenant.
        link -> LinkId;
    }

    /// The id of the tenant.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }
}

/// Questions. All are answered by the same policies, from one revision each.
impl Tenant {
    /// Decides whether a caller may do something.
    pub fn check(
        &self,
        caller: &Caller,
        action: Action,
        resource: impl Into<Resource>,
    ) -> Decision {
        self.decide(&self.world(), caller, action, &resource.into(), &[])
    }

    /// Decides whether a caller may change these fields of a contact.
    pub fn check_fields(&self, caller: &Caller, contact: &ContactId, fields: &[&str]) -> Decision {
        self.decide(&self.world(), caller, Action::Edit, &contact.into(), fields)
    }

    /// Decides many questions of one caller on one revision; each answer equals
    /// [`check`](Self::check)'s.
    #[must_use]
    pub fn check_many(&self, caller: &Caller, asked: &[(Action, Resource)]) -> Vec<Decision> {
        let world = self.world();
        let decide = |(action, resource): &(Action, Resource)| {
            self.decide(&world, caller, *action, resource, &[])
        };
        asked.iter().map(decide).collect()
    }

    /// What a caller may do with something: the buttons to show. Every action that the schema has
    /// for the two types, in the order of [`Action`], with its decision.
    #[must_use]
    pub fn actions(
        &self,
        caller: &Caller,
        resource: impl Into<Resource>,
    ) -> Vec<(Action, Decision)> {
        let resource = resource.into();
        let world = self.0.engine.world();
        let Ok(request) = self.request_in(&world, caller, Action::View, &resource, &[]) else {
            return Vec::new();
        };
        let applicable = world
            .policies()
            .actions_between(request.principal().type_name(), request.resource().type_name());
        let mut actions: Vec<Action> = applicable
            .iter()
            .filter_map(|uid| uid.id().parse().ok())
            .filter(|action| !matches!(action, Action::Receive | Action::ReceiveCredential))
            .collect();
        actions.sort_unstable();
        let decide = |action| (action, self.decide(&world, caller, action, &resource, &[]));
        actions.into_iter().map(decide).collect()
    }

    /// The stored documents of a kind that the check allows, ordered by id.
    #[must_use]
    pub fn list(&self, caller: &Caller, action: Action, kind: &Kind) -> Vec<DocumentId> {
        self.list_where(caller, action, kind, |_| true)
    }

    /// As [`list`](Self::list), of those that the caller wants: what a user filters by is asked of
    /// rows that the check allowed, and of no others, so that no filter, however it is joined,
    /// shows or counts anything else.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Action, Caller, Kind, Portal, Preset};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Accounting)?;
    /// let nobody = Caller::contact(acme.contact("nobody"));
    /// // `id = I9 or true`: still his own rows only, and there are none.
    /// let found = acme.list_where(&nobody, Action::View, &Kind::INVOICE, |row| {
    ///     row.uid().id() == "I9" || true
    /// });
    /// assert_eq!(found, []);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn list_where(
        &self,
        caller: &Caller,
        action: Action,
        kind: &Kind,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Vec<DocumentId> {
        let world = self.0.engine.world();
        let kind = kind.uid();
        let rows = world.facts().of_type("Document");
        let of_kind = rows.filter(|row| row.entity_at("kind") == Some(&kind));
        of_kind
            .map(|row| (self.document(row.uid().shared_id()), row))
            .filter(|(document, row)| {
                let request = self.request_in(&world, caller, action, &document.into(), &[]);
                request.is_ok_and(|request| world.check(&request).is_allowed()) && wanted(row)
            })
            .map(|(document, _)| document)
            .collect()
    }

    /// What the caller may be told of a refusal: that it is forbidden, or only that there is no
    /// such thing. Staff and logs get the true code.
    #[must_use]
    pub fn disclosure(
        &self,
        caller: &Caller,
        action: Action,
        resource: impl Into<Resource>,
    ) -> Disclosure {
        let world = self.0.engine.world();
        match self.request_in(&world, caller, action, &resource.into(), &[]) {
            Ok(request) => world.disclosure(&request, "view"),
            Err(_) => Disclosure::NotFound,
        }
    }

    /// Explains a decision to whoever writes policies.
    ///
    /// # Errors
    ///
    /// The refusal, where ids of another tenant are named: no policy is asked then.
    pub fn explain(
        &self,
        caller: &Caller,
        action: Action,
        resource: impl Into<Resource>,
    ) -> Result<Explanation, Refused> {
        let world = self.0.engine.world();
        let request = self.request_in(&world, caller, action, &resource.into(), &[])?;
        Ok(world.explain(&request))
    }

    /// Decides whether a contact may be mailed or alerted about a document.
    ///
    /// This is apart from access: the steps of viewing hold, a login is not needed, and the
    /// contact has to be subscribed. Unknown events refuse.
    pub fn check_mail(
        &self,
        contact: &ContactId,
        event: &str,
        channel: Channel,
        document: impl Into<Resource>,
    ) -> Decision {
        let world = self.0.engine.world();
        let caller = Caller::contact(contact.clone());
        match self.request_in(&world, &caller, Action::Receive, &document.into(), &[]) {
            Ok(request) => world.check(
                &request.with("event", rows::event(event)).with("channel", channel.as_str()),
            ),
            Err(refused) => refused.decision(),
        }
    }

    /// Decides whether mail with a credential (a link to set a password) may go to a contact:
    /// to anyone who is not disabled or deleted.
    pub fn check_credential_mail(&self, contact: &ContactId) -> Decision {
        self.check(&Caller::contact(contact.clone()), Action::ReceiveCredential, contact)
    }

    /// What to tell a person about a decision.
    #[must_use]
    pub fn message(&self, decision: &Decision) -> &'static str {
        self.0.engine.world().message(decision)
    }

    /// A contact's access and what its sessions have to carry, to be kept when a session is opened:
    /// see [`Caller::session`]. `None` for an unknown contact.
    #[must_use]
    pub fn access(&self, contact: &ContactId) -> Option<Access> {
        if contact.tenant() != self.id() {
            return None;
        }
        let world = self.0.engine.world();
        let row = world.facts().entity(&contact.uid())?;
        Some(Access {
            state: row.text_at("access").parse().unwrap_or(AccessState::None),
            credential: row.text_at("credential").parse().unwrap_or(CredentialState::None),
            credential_version: row.long_at("credential_version"),
            epoch: row.long_at("epoch"),
        })
    }

    /// The contacts of the tenant that a search finds, ordered by id.
    ///
    /// # Errors
    ///
    /// The refusal, where the caller may not list contacts, or the search names a client of another
    /// tenant.
    pub fn contacts(
        &self,
        caller: &Caller,
        search: &ContactSearch,
    ) -> Result<Vec<ContactId>, Refused> {
        let world = self.0.engine.world();
        if search.client.as_ref().is_some_and(|client| client.tenant() != self.id()) {
            return Err(cross_tenant(&world));
        }
        let request =
            self.request_in(&world, caller, Action::ListContacts, &Resource::Portal, &[])?;
        let decision = world.check(&request);
        if !decision.is_allowed() {
            return Err(Refused::from(decision));
        }
        let in_scope = |row: &Entity| {
            // A list over the tenant shows the clients that the caller may list one by one.
            row.entity_at("client").is_some_and(|client| {
                world.check(&request.for_resource(client.clone())).is_allowed()
            })
        };
        let found = world.facts().of_type("Contact").filter(|row| search.finds(row));
        Ok(found
            .filter(|row| in_scope(row))
            .map(|row| self.contact(row.uid().shared_id()))
            .collect())
    }

    /// The kinds of documents that there are: the shipped ones and the tenant's own.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<Kind, KindDeclaration> {
        kinds(self.world().facts())
    }

    /// The request that a question comes to, as the policies see it: for logs, and for asking a
    /// [`World`] directly.
    ///
    /// # Errors
    ///
    /// The refusal, where ids of another tenant are named: no policy is asked then.
    pub fn request(
        &self,
        caller: &Caller,
        action: Action,
        resource: impl Into<Resource>,
    ) -> Result<Request, Refused> {
        self.request_in(&self.world(), caller, action, &resource.into(), &[])
    }

    /// The policies and facts of this moment, to ask several questions of the same state.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.0.engine.world()
    }

    /// The facts of this moment, to export or to look at.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.0.engine.world().facts().clone()
    }

    /// The decision on a question, on one world.
    pub(super) fn decide(
        &self,
        world: &World,
        caller: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
    ) -> Decision {
        match self.request_in(world, caller, action, resource, fields) {
            Ok(request) => world.check(&request),
            Err(refused) => refused.decision(),
        }
    }

    /// The request that a question comes to, or the refusal where it names another tenant.
    fn request_in(
        &self,
        world: &World,
        caller: &Caller,
        action: Action,
        resource: &Resource,
        fields: &[&str],
    ) -> Result<Request, Refused> {
        let facts = world.facts();
        let mut ask =
            Ask { via: None, fields: fields.iter().map(|field| (*field).to_owned()).collect() };
        let (uid, inline): (EntityUid, Vec<Entity>) = match resource {
            Resource::Document(document) => (document.uid(), Vec::new()),
            Resource::Child { document, via } => {
                ask.via = Some(via.clone());
                (document.uid(), Vec::new())
            }
            Resource::Inline { document, path } => {
                let rows = std::iter::once(&**document).chain(path).map(|d| d.row(facts, path));
                (document.id().uid(), rows.collect())
            }
            Resource::Prospect(prospect) => {
                let document = prospect.document(self.id(), caller.contact_id());
                (document.id().uid(), vec![document.row(facts, &[])])
            }
            Resource::Contact(contact) => (contact.uid(), Vec::new()),
            Resource::Client(client) => (client.uid(), Vec::new()),
            Resource::Portal => (rows::tenant(self.id()), Vec::new()),
        };
        if caller.tenants().chain(resource.tenants()).any(|tenant| tenant != self.id()) {
            return Err(cross_tenant(world));
        }
        let mut request = caller.request(facts, self.id(), action, uid, &ask);
        request.inline.extend(inline);
        Ok(request)
    }
}

/// Writes. Each is all or nothing, and the next check sees it.
impl Tenant {
    /// Writes for an actor, who is authorised command by command by the same policies.
    ///
    /// Writes of one tenant wait for each other. Questions wait for nothing: those that are asked
    /// of the tenant inside `commands` see the state before the write. Where `commands` panics,
    /// nothing has changed, and the tenant goes on.
    ///
    /// # Errors
    ///
    /// When the actor may not do one of the commands, or the result would break a rule that writes
    /// must keep, or `commands` writes to the tenant itself instead of to its `tx`. Nothing has
    /// changed then.
    pub fn write<T>(
        &self,
        actor: &Caller,
        commands: impl FnOnce(&mut Tx<'_>) -> Result<T, WriteError>,
    ) -> Result<Written<T>, WriteError> {
        self.commit(Some(actor), commands)
    }

    /// Writes for nobody in particular: imports, jobs, what the host has authorised itself. The
    /// rules that writes must keep hold all the same.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), without an actor to refuse.
    pub fn write_as_system<T>(
        &self,
        commands: impl FnOnce(&mut Tx<'_>) -> Result<T, WriteError>,
    ) -> Result<Written<T>, WriteError> {
        self.commit(None, commands)
    }

    fn commit<T>(
        &self,
        actor: Option<&Caller>,
        commands: impl FnOnce(&mut Tx<'_>) -> Result<T, WriteError>,
    ) -> Result<Written<T>, WriteError> {
        let _turn = self.0.writing.begin()?;
        let mut tx = Tx::begin(self, actor);
        let value = commands(&mut tx)?;
        let (changes, findings) = tx.finish()?;
        let revision = self.0.engine.apply(&changes)?;
        Ok(Written { value, findings, revision })
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("id", &self.0.id).field("engine", &self.0.engine).finish()
    }
}

fn cross_tenant(world: &World) -> Refused {
    Refused::from(world.refuse(Symbol::of("CROSS_TENANT"), Some(1)))
}

impl Resource {
    pub(super) fn tenants(&self) -> Vec<&str> {
        match self {
            Self::Document(document) => vec![document.tenant()],
            Self::Child { document, via } => vec![document.tenant(), via.tenant()],
            Self::Inline { document, path } => {
                std::iter::once(&**document).chain(path).flat_map(|d| d.tenants()).collect()
            }
            Self::Prospect(prospect) => prospect.tenants().collect(),
            Self::Contact(contact) => vec![contact.tenant()],
            Self::Client(client) => vec![client.tenant()],
            Self::Portal => Vec::new(),
        }
    }
}

/// A contact's access, and what its sessions have to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Whether the contact may use the portal.
    pub state: AccessState,
    /// The state of its credential.
    pub credential: CredentialState,
    /// Raised by each reset and each new password.
    pub credential_version: i64,
    /// Raised when access is switched off or the contact deleted.
    pub epoch: i64,
}

/// Which contacts to find. Everything that is set has to match.
#[derive(Clone, Default)]
pub struct ContactSearch {
    name: Option<String>,
    state: Option<String>,
    client: Option<ClientId>,
}

/// Without the text that is searched for: it is a name or an e-mail.
impl fmt::Debug for ContactSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactSearch")
            .field("state", &self.state)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl ContactSearch {
    /// Finds all contacts.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Whose name or e-mail holds this text, in any case of its letters.
    #[must_use]
    pub fn name(mut self, part: &str) -> Self {
        self.name = Some(part.to_lowercase());
        self
    }

    /// Whose access is in a state: `none`, `enabled`, `disabled`, `deleted`, or `pending` for
    /// enabled without a credential.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Of one client.
    #[must_use]
    pub fn client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    fn finds(&self, row: &Entity) -> bool {
        let pending = row.text_at("access") == "enabled" && row.text_at("credential") == "none";
        let state = if pending { "pending" } else { row.text_at("access") };
        let named = |part: &String| {
            ["name", "email"].iter().any(|field| row.text_at(field).to_lowercase().contains(part))
        };
        self.name.as_ref().is_none_or(named)
            && self
                .state
                .as_ref()
                .is_none_or(|wanted| wanted == state || (wanted == "enabled" && pending))
            && self.client.as_ref().is_none_or(|c| row.entity_at("client") == Some(&c.uid()))
    }
}
