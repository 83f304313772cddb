//! A host's portals: policies, and the tenants that they hold for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::base::{require_base, require_types};
use super::error::{Violation, WriteError};
use super::preset::{TenantConfig, shipped_policies};
use super::rows::{self, Row as _};
use super::tenant::{Tenant, TenantInner};
use super::writing::Writer;
use crate::audit::AuditQueue;
use crate::decide::ErrorMode;
use crate::engine::{Engine, Publication, Shadow, ShadowDivergence, ShadowReport, ShadowSetup};
use crate::error::Error;
use crate::facts::{Facts, Timestamp};
use crate::policy::PolicyBundle;

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
pub struct Portal(pub(super) Arc<PortalInner>);

pub(super) struct PortalInner {
    /// Every tenant on the list decides by these, except while they are published.
    pub(super) policies: Publication<PolicyBundle>,
    pub(super) setup: Setup,
    tenants: RwLock<HashMap<Arc<str>, Tenant>>,
}

#[derive(Clone, Default)]
pub(super) struct Setup {
    without_base: bool,
    error_mode: ErrorMode,
    host_owned_documents: bool,
    clock: Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>,
    audit: Option<AuditQueue>,
    /// One for all tenants.
    shadow: Option<Arc<Shadow>>,
}

impl Setup {
    /// Whether these are policies for a portal.
    pub(super) fn require(&self, policies: &PolicyBundle) -> Result<(), Error> {
        require_types(policies)?;
        if self.without_base { Ok(()) } else { require_base(policies) }
    }
}

impl Portal {
    /// Sets up a portal. Without anything it takes the shipped policies.
    pub fn builder() -> PortalBuilder {
        PortalBuilder { policies: None, setup: Setup::default(), shadow: ShadowSetup::default() }
    }

    /// Adds a tenant that starts from a preset or a configuration.
    ///
    /// # Errors
    ///
    /// When the id is empty or there is a tenant of this id; everything that is wrong with the
    /// configuration, as [`TenantConfig::diagnostics`] says it; or when this thread is inside a
    /// write. Nothing is there then.
    pub fn create_tenant(
        &self,
        id: impl Into<Arc<str>>,
        config: impl Into<TenantConfig>,
    ) -> Result<Tenant, Error> {
        let id = id.into();
        self.vacant(&id)?;
        let config = config.into();
        config.checked()?;
        let tenant = self.open(Arc::clone(&id), Facts::new())?;
        tenant.write_as_system(|tx| tx.set_up(&config))?;
        self.admit(id, tenant)
    }

    /// Adds a tenant whose facts were exported before, from [`Tenant::facts`].
    ///
    /// # Errors
    ///
    /// When there is a tenant of this id, the facts are another tenant's, they do not fit the
    /// schema, or this thread is inside a write.
    pub fn restore_tenant(&self, id: impl Into<Arc<str>>, facts: Facts) -> Result<Tenant, Error> {
        let id = id.into();
        self.vacant(&id)?;
        own_facts(&id, &facts)?;
        let tenant = self.open(Arc::clone(&id), facts)?;
        self.admit(id, tenant)
    }

    /// Setting up takes its time, so that it is done before the list of tenants is locked.
    fn admit(&self, id: Arc<str>, tenant: Tenant) -> Result<Tenant, Error> {
        let _writer = Writer::begin()?;
        let turn = self.0.policies.begin();
        // Others may have been published meanwhile. From here on to the list, none are.
        if tenant.world().policies().digest() != turn.latest().digest() {
            tenant.0.engine.publish(turn.latest().clone())?;
        }
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
        let mut engine = Engine::builder(self.policies())
            .facts(facts)
            .error_mode(setup.error_mode)
            .shared_shadow(setup.shadow.clone())
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
        let inner = TenantInner {
            id,
            engine: engine.build()?,
            audit: setup.audit.clone(),
            writing: Mutex::default(),
            environments: Mutex::default(),
        };
        Ok(Tenant(Arc::new(inner)))
    }

    /// A tenant by its id.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<Tenant> {
        self.0.tenants.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The policies of all its tenants, as they are now: see [`publish`](Self::publish).
    #[must_use]
    pub fn policies(&self) -> PolicyBundle {
        PolicyBundle::clone(&self.0.policies.load())
    }

    /// What deciding a share of the requests of all tenants a second time found, since the portal
    /// was built: see [`PortalBuilder::shadow`]. Nothing where there is no shadow.
    #[must_use]
    pub fn shadow_report(&self) -> ShadowReport {
        self.0.setup.shadow.as_ref().map_or_else(ShadowReport::default, |shadow| shadow.report())
    }

    /// Every tenant, in no order.
    pub(super) fn tenants(&self) -> Vec<Tenant> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().cloned().collect()
    }
}

fn duplicate(id: &str) -> WriteError {
    refused("DUPLICATE_ID", format!("there is a tenant {id}"))
}

/// Whether facts are of this tenant: under another id every question would be refused, and every
/// write would mix the two.
fn own_facts(id: &str, facts: &Facts) -> Result<(), WriteError> {
    let tenant = rows::tenant(id);
    if !facts.contains(&tenant) {
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
        f.debug_struct("Portal").field("policies", &self.policies()).finish_non_exhaustive()
    }
}

/// Sets up a [`Portal`].
#[must_use]
pub struct PortalBuilder {
    policies: Option<PolicyBundle>,
    setup: Setup,
    shadow: ShadowSetup,
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

    /// Records every decision, write, view and list in a queue: see [`audit`](crate::audit).
    /// Default: nothing is recorded.
    ///
    /// One record is made of each decision, one of each list, and one of each command of a write,
    /// after the write was published or refused. Explanations, disclosures and requests are not
    /// recorded, nor is a write whose commands panic. Keep a clone of the queue to flush it and to look at its counters.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::audit::{AuditQueue, Event, Memory, Overflow};
    /// use doorward::{Action, Caller, Portal, Preset};
    ///
    /// let memory = Memory::new();
    /// let queue = AuditQueue::builder(memory.clone(), Overflow::Block).start()?;
    /// let portal = Portal::builder().audit(queue.clone()).build()?;
    /// let acme = portal.create_tenant("acme", Preset::Accounting)?;
    ///
    /// let stranger = Caller::contact(acme.contact("gm"));
    /// assert!(!acme.check(&stranger, Action::View, acme.document("I1")).is_allowed());
    ///
    /// queue.flush()?;
    /// let last = memory.records().pop().ok_or("no record")?;
    /// assert_eq!(last.event, Event::Decision);
    /// assert_eq!(last.code.as_deref(), Some("UNKNOWN_ID"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audit(mut self, queue: AuditQueue) -> Self {
        self.setup.audit = Some(queue);
        self
    }

    /// Decides this share of all tenants' decisions a second time, by Cedar's own authorizer, and
    /// compares: see [`EngineBuilder::shadow`](crate::EngineBuilder::shadow). Default: 0, none.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Portal, Preset};
    ///
    /// let portal = Portal::builder().shadow(0.01).build()?;
    /// portal.create_tenant("acme", Preset::Accounting)?;
    /// // Beside the host's other counters.
    /// assert_eq!(portal.shadow_report().diverged, 0);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn shadow(mut self, rate: f64) -> Self {
        self.shadow.rate = rate;
        self
    }

    /// Tells of each divergence that [`shadow`](Self::shadow) finds: see
    /// [`EngineBuilder::on_divergence`](crate::EngineBuilder::on_divergence).
    pub fn on_divergence(
        mut self,
        tell: impl Fn(&ShadowDivergence) + Send + Sync + 'static,
    ) -> Self {
        self.shadow.on_divergence = Some(Arc::new(tell));
        self
    }

    /// Shares a shadow with other portals, instead of one of its own.
    #[cfg(feature = "author")]
    pub(crate) fn shared_shadow(mut self, shadow: Option<Arc<Shadow>>) -> Self {
        self.setup.shadow = shadow;
        self
    }

    /// Takes policies without the base too: for trying out changes of the base.
    #[cfg(feature = "author")]
    pub(crate) fn without_base(mut self) -> Self {
        self.setup.without_base = true;
        self
    }

    /// Builds the portal.
    ///
    /// # Errors
    ///
    /// When the policies have no schema of a portal, or one of the shipped forbids of steps 1 to 11
    /// is not there as it was shipped: nothing that a host adds or leaves out lets anybody cross
    /// tenants, clients or revocations.
    pub fn build(self) -> Result<Portal, Error> {
        let policies = match self.policies {
            Some(policies) => {
                self.setup.require(&policies)?;
                policies
            }
            None => shipped_policies()?,
        };
        let mut setup = self.setup;
        setup.shadow = setup.shadow.or_else(|| self.shadow.build());
        Ok(Portal(Arc::new(PortalInner {
            policies: Publication::new(policies),
            setup,
            tenants: RwLock::default(),
        })))
    }
}

impl fmt::Debug for PortalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalBuilder").field("policies", &self.policies).finish_non_exhaustive()
    }
}
