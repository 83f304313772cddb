//! Tenants: where hosts ask their questions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::caller::{Ask, Caller};
use super::checker::{Environments, TenantChecker};
use super::document::Resource;
use super::error::{Refused, WriteError, Written};
use super::id::{ClientGroupId, ClientId, ContactId, DocumentId, LinkId, ShareId, StaffId};
use super::name::{AccessState, Action, CredentialState, Kind};
use super::preset::{KindDeclaration, kinds};
use super::rows::{self, Row as _};
use super::tx::Tx;
use super::writing::Writer;
use crate::audit::AuditQueue;
use crate::decide::{Decision, Disclosure, Explanation, Request};
use crate::engine::{Engine, World};
use crate::facts::{Entity, EntityUid, Facts};
use crate::symbol::Symbol;

/// One tenant of a [`Portal`](crate::Portal): its facts, the questions asked of them and the
/// writes to them.
///
/// Clones share everything; keep one in each request handler.
#[derive(Clone)]
pub struct Tenant(pub(super) Arc<TenantInner>);

pub(super) struct TenantInner {
    pub(super) id: Arc<str>,
    pub(super) engine: Engine,
    pub(super) audit: Option<AuditQueue>,
    /// Held by the one who writes: see [`Writer`].
    pub(super) writing: Mutex<()>,
    /// What can be asked under the policies that were asked last.
    pub(super) environments: Mutex<Option<Arc<Environments>>>,
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
        self.decide_on_record(&self.world(), caller, action, &resource.into(), &[])
    }

    /// Decides whether a caller may change these fields of a contact.
    pub fn check_fields(&self, caller: &Caller, contact: &ContactId, fields: &[&str]) -> Decision {
        self.decide_on_record(&self.world(), caller, Action::Edit, &contact.into(), fields)
    }

    /// Decides many questions of one caller on one revision; each answer equals
    /// [`check`](Self::check)'s.
    #[must_use]
    pub fn check_many(&self, caller: &Caller, asked: &[(Action, Resource)]) -> Vec<Decision> {
        let checker = self.checker(caller);
        asked.iter().map(|(action, resource)| checker.check(*action, resource.clone())).collect()
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
        let checker = self.checker(caller);
        let actions = self.actions_of(&checker, caller, &resource);
        self.record_list(checker.world(), caller, None, &resource, actions.len());
        actions
    }

    fn actions_of(
        &self,
        checker: &TenantChecker,
        caller: &Caller,
        resource: &Resource,
    ) -> Vec<(Action, Decision)> {
        let world = checker.world();
        let Ok(request) = self.request_in(world, caller, Action::View, resource, &[]) else {
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
        let decide = |action| (action, checker.decide(action, resource));
        actions.into_iter().map(decide).collect()
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
        let (world, resource) = (self.0.engine.world(), resource.into());
        let Ok(request) = self.request_in(&world, caller, action, &resource, &[]) else {
            return Disclosure::NotFound;
        };
        // Who would create a document may view it, and not always what he would put it into.
        let hidden = action == Action::Create || matches!(resource, Resource::Prospect(_));
        let hidden = hidden
            && resource.place().is_some_and(|place| {
                !self.decide(&world, caller, Action::View, &place, &[]).is_allowed()
            });
        if hidden && world.check(&request).step_up().is_none() {
            return Disclosure::NotFound;
        }
        world.disclosure(&request, "view")
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
        self.access_in(&self.0.engine.world(), contact)
    }

    pub(super) fn access_in(&self, world: &World, contact: &ContactId) -> Option<Access> {
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
        let found = self.contacts_in(&world, caller, search);
        self.record_contacts(&world, caller, search.client.as_ref(), &found);
        found
    }

    fn contacts_in(
        &self,
        world: &World,
        caller: &Caller,
        search: &ContactSearch,
    ) -> Result<Vec<ContactId>, Refused> {
        if search.client.as_ref().is_some_and(|client| client.tenant() != self.id()) {
            return Err(cross_tenant(world));
        }
        let request =
            self.request_in(world, caller, Action::ListContacts, &Resource::Portal, &[])?;
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

    /// What can be asked under a world's policies; `None` where they are not such as portals have.
    pub(super) fn environments(&self, world: &World) -> Option<Arc<Environments>> {
        let mut kept = self.0.environments.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().filter(|kept| kept.are_of(world)) {
            Some(kept) => Some(Arc::clone(kept)),
            None => {
                let found = Arc::new(Environments::under(world)?);
                *kept = Some(Arc::clone(&found));
                Some(found)
            }
        }
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
    pub(super) fn request_in(
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
    /// Writes of one tenant wait for each other, and for
    /// [`Portal::publish`](crate::Portal::publish). Questions wait for nothing: those that are asked
    /// of the tenant inside `commands` see the state before the write. Where `commands` panics,
    /// nothing has changed, and the tenant goes on.
    ///
    /// A thread does one write at a time. Inside `commands`, another write is refused: to this
    /// tenant or to any other, of whatever portal, the publication of policies and the addition of
    /// a tenant included. Threads that held one tenant and waited for the next could wait for each
    /// other forever. For the same reason `commands` should not wait for a thread that writes.
    ///
    /// # Errors
    ///
    /// When the actor may not do one of the commands, or the result would break a rule that writes
    /// must keep, or this thread is inside a write. Nothing has changed then.
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
        let writer = Writer::begin()?;
        let turn = writer.turn(&self.0.writing);
        let mut tx = Tx::begin(self, actor);
        let value = commands(&mut tx);
        let journal = tx.take_journal();
        let written = value.and_then(|value| {
            let (changes, findings) = tx.finish()?;
            let revision = self.0.engine.apply(&changes)?;
            Ok(Written { value, findings, revision })
        });
        // A full queue may have to be waited for, which is no reason for others not to write.
        drop(turn);
        drop(writer);
        self.record_write(journal, &written);
        written
    }

    pub(super) fn audit(&self) -> Option<&AuditQueue> {
        self.0.audit.as_ref()
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
    /// What a document is a child of, or lies in.
    fn place(&self) -> Option<Self> {
        match self {
            Self::Prospect(prospect) => prospect.place().map(Self::from),
            Self::Inline { document, path } => {
                let place = document.place()?;
                Some(match path.iter().find(|above| above.id() == place) {
                    Some(above) => {
                        Self::Inline { document: Box::new(above.clone()), path: path.clone() }
                    }
                    None => Self::from(place),
                })
            }
            _ => None,
        }
    }

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
    state: Option<AccessState>,
    pending: bool,
    client: Option<ClientId>,
}

/// Without the text that is searched for: it is a name or an e-mail.
impl fmt::Debug for ContactSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactSearch")
            .field("state", &self.state)
            .field("pending", &self.pending)
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

    /// Whose access is in a state. Enabled contacts without a credential are among the enabled; to
    /// find them alone, ask for the [`pending`](Self::pending).
    #[must_use]
    pub fn state(mut self, state: AccessState) -> Self {
        self.state = Some(state);
        self
    }

    /// Who is enabled and has no credential yet.
    #[must_use]
    pub fn pending(mut self) -> Self {
        self.pending = true;
        self
    }

    /// Of one client.
    #[must_use]
    pub fn client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    fn finds(&self, row: &Entity) -> bool {
        let access = row.text_at("access");
        let pending = access == AccessState::Enabled.as_str()
            && row.text_at("credential") == CredentialState::None.as_str();
        let named = |part: &String| {
            ["name", "email"].iter().any(|field| row.text_at(field).to_lowercase().contains(part))
        };
        self.name.as_ref().is_none_or(named)
            && self.state.is_none_or(|wanted| wanted.as_str() == access)
            && (pending || !self.pending)
            && self.client.as_ref().is_none_or(|c| row.entity_at("client") == Some(&c.uid()))
    }
}
