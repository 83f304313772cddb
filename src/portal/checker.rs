//! Many questions of one caller.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use super::caller::{Ask, Caller};
use super::document::Resource;
use super::id::DocumentId;
use super::name::Action;
use super::tenant::Tenant;
use crate::decide::Decision;
use crate::engine::{Checker, Environment, World};
use crate::facts::{EntityUid, Path, Slot};
use crate::query::{Listing, Within};

/// One caller, looked up once for the many questions of a page or a job.
///
/// It answers from the policies and facts of the moment when it was made, and that moment is its
/// `now`, where the caller brings none: what is written later it does not see. So make one for a
/// request, not for a session. Each answer equals that of [`Tenant::check`] at that moment.
///
/// # Example: which of some documents
///
/// ```
/// use doorward::portal::{Document, NewContact, State};
/// use doorward::{Action, Caller, Kind, Portal, Preset};
///
/// # let portal = Portal::builder().build()?;
/// # let acme = portal.create_tenant("acme", Preset::Accounting)?;
/// # acme.write_as_system(|tx| {
/// #     let client = tx.create_client(acme.client("C1"))?;
/// #     tx.create_contact(NewContact::new(acme.contact("gm"), client.clone()).email("gm@c.example"))?;
/// #     tx.enable(&acme.contact("gm"))?;
/// #     tx.reset_credential(&acme.contact("gm"))?;
/// #     let document = |id: &str| Document::new(acme.document(id), Kind::INVOICE).client(client.clone());
/// #     tx.put_document(&document("I1").state(State::Sent))?;
/// #     tx.put_document(&document("I2").state(State::Draft))
/// # })?;
/// # let access = acme.access(&acme.contact("gm")).ok_or("no such contact")?;
/// # let (epoch, version) = (access.epoch, access.credential_version);
/// let gm = Caller::contact(acme.contact("gm")).session(epoch, version).password();
/// let checker = acme.checker(&gm);
/// let visible: Vec<&str> = ["I1", "I2", "I3"]
///     .into_iter()
///     .filter(|id| checker.check_document(Action::View, &acme.document(*id)).is_allowed())
///     .collect();
/// assert_eq!(visible, ["I1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TenantChecker {
    tenant: Tenant,
    caller: Caller,
    world: Arc<World>,
    /// `None` where each question has to be asked as a whole request.
    ready: Option<Ready>,
}

struct Ready {
    checker: Checker,
    environments: Arc<Environments>,
    /// Its type's place among [`PRINCIPALS`].
    principal: usize,
}

/// What can be asked under some policies, found when it is asked first.
pub(super) struct Environments {
    /// One of them, which tells under which policies they are.
    probe: Environment,
    /// By type of principal, type of resource and action.
    all: Box<[OnceLock<Option<Environment>>]>,
}

const PRINCIPALS: [&str; 3] = ["Contact", "Link", "Staff"];
const RESOURCES: [&str; 4] = ["Document", "Contact", "Client", "Tenant"];
// Their places there.
const DOCUMENT: usize = 0;
const CONTACT: usize = 1;
const CLIENT: usize = 2;
const TENANT: usize = 3;

impl Environments {
    /// Those under a world's policies.
    pub(super) fn under(world: &World) -> Option<Self> {
        let probe = world.environment("Contact", Action::View.uid(), "Document").ok()?;
        let count = PRINCIPALS.len() * RESOURCES.len() * Action::ALL.len();
        Some(Self { probe, all: (0..count).map(|_| OnceLock::new()).collect() })
    }

    pub(super) fn are_of(&self, world: &World) -> bool {
        self.probe.is_of(world)
    }

    /// The environment of two types by their places among [`PRINCIPALS`] and [`RESOURCES`].
    #[inline]
    fn find(
        &self,
        world: &World,
        principal: usize,
        action: Action,
        resource: usize,
    ) -> Option<&Environment> {
        let at = (principal * RESOURCES.len() + resource) * Action::ALL.len() + action as usize;
        let place = self.all.get(at)?;
        place
            .get_or_init(|| {
                let (of, on) = (PRINCIPALS.get(principal)?, RESOURCES.get(resource)?);
                world.environment(of, action.uid(), on).ok()
            })
            .as_ref()
    }
}

impl Tenant {
    /// Looks up a caller for many questions, answered from this moment's policies and facts.
    #[must_use]
    pub fn checker(&self, caller: &Caller) -> TenantChecker {
        self.checker_of(self.world(), caller)
    }

    pub(super) fn checker_of(&self, world: Arc<World>, caller: &Caller) -> TenantChecker {
        let now = caller.now().unwrap_or_else(|| world.now());
        let caller = caller.clone().at(now);
        let ready = self.ready(&world, &caller);
        TenantChecker { tenant: self.clone(), caller, world, ready }
    }

    fn ready(&self, world: &Arc<World>, caller: &Caller) -> Option<Ready> {
        let environments = self.environments(world)?;
        if caller.tenants().any(|tenant| tenant != self.id()) {
            return None;
        }
        // Of what is asked, only the caller matters here.
        let portal = super::rows::tenant(self.id());
        let request =
            caller.request(world.facts(), self.id(), Action::View, portal, &Ask::default());
        if !request.inline.is_empty() {
            return None;
        }
        let name = request.principal().type_name();
        let principal = PRINCIPALS.iter().position(|known| *known == name)?;
        let environment = environments.find(world, principal, Action::View, DOCUMENT)?;
        let context = world.context(environment, request.context.clone()).ok()?;
        let checker = world.checker(environment, request.principal().id(), &context).ok()?;
        Some(Ready { checker, environments, principal })
    }
}

impl TenantChecker {
    /// Decides whether the caller may do something.
    pub fn check(&self, action: Action, resource: impl Into<Resource>) -> Decision {
        let resource = resource.into();
        let decision = self.decide(action, &resource);
        self.tenant.record_decision(&self.world, &self.caller, action, &resource, &[], &decision);
        decision
    }

    /// Decides whether the caller may do something with a stored document: as
    /// [`check`](Self::check), without a copy of its id.
    pub fn check_document(&self, action: Action, document: &DocumentId) -> Decision {
        let decision = self.decide_document(action, document);
        if self.tenant.audit().is_some() {
            let resource = Resource::from(document);
            let (world, caller) = (&self.world, &self.caller);
            self.tenant.record_decision(world, caller, action, &resource, &[], &decision);
        }
        decision
    }

    /// Who asks, at the checker's moment.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What it answers from.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Records that so much of what may be done with something was told.
    pub(super) fn record_list(&self, resource: &Resource, count: usize) {
        self.tenant.record_list(&self.world, &self.caller, None, resource, count);
    }

    pub(super) fn decide(&self, action: Action, resource: &Resource) -> Decision {
        let (number, tenant, id) = match resource {
            Resource::Document(document) => (DOCUMENT, document.tenant(), document.id()),
            Resource::Contact(contact) => (CONTACT, contact.tenant(), contact.id()),
            Resource::Client(client) => (CLIENT, client.tenant(), client.id()),
            Resource::Portal => (TENANT, self.tenant.id(), self.tenant.id()),
            Resource::Child { .. } | Resource::Inline { .. } | Resource::Prospect(_) => {
                return self.decide_request(action, resource);
            }
        };
        match self.known(action, number, tenant) {
            Some((checker, environment)) => checker.check(environment, id),
            None => self.decide_request(action, resource),
        }
    }

    /// The stored documents of a kind that are allowed.
    pub(super) fn listing(&self, action: Action, kind: &EntityUid) -> Listing {
        static KIND: LazyLock<Path> = LazyLock::new(|| Arc::new([Arc::from("kind")]));
        let within = Within { column: &KIND, entity: kind };
        if let Some((checker, environment)) = self.known(action, DOCUMENT, self.tenant.id()) {
            return checker.list_within(environment, Some(within));
        }
        // Who brings rows along, as staff in the place of a contact do, is asked row by row.
        let facts = self.world.facts();
        let allowed = |slot: &Slot| {
            let document = self.tenant.document(facts.rows().uid_of(*slot).shared_id());
            self.decide(action, &document.into()).is_allowed()
        };
        let found = within.rows_of(facts.rows(), "Document").filter(allowed).collect();
        Listing::new(Arc::clone(&self.world), found)
    }

    fn decide_document(&self, action: Action, document: &DocumentId) -> Decision {
        match self.known(action, DOCUMENT, document.tenant()) {
            Some((checker, environment)) => checker.check(environment, document.id()),
            None => self.decide_request(action, &Resource::from(document)),
        }
    }

    /// Who decides about a resource by its name; `None` where that takes a whole request.
    #[inline]
    fn known(
        &self,
        action: Action,
        resource: usize,
        tenant: &str,
    ) -> Option<(&Checker, &Environment)> {
        let Ready { checker, environments, principal } = self.ready.as_ref()?;
        if tenant != self.tenant.id() {
            return None;
        }
        let environment = environments.find(&self.world, *principal, action, resource)?;
        checker.serves(environment).then_some((checker, environment))
    }

    #[cold]
    fn decide_request(&self, action: Action, resource: &Resource) -> Decision {
        self.tenant.decide(&self.world, &self.caller, action, resource, &[])
    }
}

/// Who asks and from what, without what any evidence says.
impl fmt::Debug for TenantChecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantChecker")
            .field("caller", &self.caller)
            .field("world", &self.world)
            .finish_non_exhaustive()
    }
}
