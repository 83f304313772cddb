//! The engine: policies and facts, published together, and the questions asked of them.

mod asking;
mod checker;
mod inline;
mod pairs;
mod pin;
mod publication;
mod shadow;
mod sync;
mod tables;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

pub use asking::{Context, Environment};
pub use checker::{Checker, Resolved};
pub(crate) use pairs::Pairs;
pub(crate) use publication::Publication;
pub(crate) use shadow::{Shadow, ShadowSetup};
pub use shadow::{ShadowDivergence, ShadowReport};
pub use world::World;

use crate::decide::{
    ActionName, Decision, Determination, Disclosure, ErrorMode, Explanation, Request,
};
use crate::error::{Error, StoreError};
use crate::facts::{Change, Changes, Entity, EntityUid, Facts, Revision, Timestamp};
use crate::policy::PolicyBundle;
use publication::Turn;
use world::{Clock, Hosting, Rules};

/// Policies and facts behind one door: answers who may do what.
///
/// An engine knows no portal. It takes any Cedar schema (or none), policies and entities, keeps
/// the entities as [`Facts`], and answers from one [`World`] at a time: the policies and facts of
/// one revision, swapped atomically by [`apply`](Self::apply) and [`publish`](Self::publish).
/// Checks take no lock, and a check that starts after one of them returned sees what it changed.
///
/// Engines are `Send + Sync`; share one behind an [`Arc`].
///
/// A thread that asks goes on holding the world that it asked last, with its clock and what it tells
/// of divergences, until it asks after a write, asks another engine twice in a row, or ends: though
/// the engine be dropped.
///
/// # Example: a decision on stored facts
///
/// ```
/// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Request};
///
/// let policies = PolicyBundle::builder()
///     .policies(
///         "rules.cedar",
///         r#"
///         @id("own-client")
///         permit (principal, action == Action::"view", resource)
///         when { resource.client == principal.client };
///         "#,
///     )
///     .build()?;
/// let engine = Engine::builder(policies).build()?;
///
/// let client = EntityUid::new("Client", "C1");
/// let gm = EntityUid::new("Contact", "gm");
/// let invoice = EntityUid::new("Document", "I1");
/// engine.apply(
///     &Changes::new()
///         .put(Entity::new(gm.clone()).with("client", client.clone()))
///         .put(Entity::new(invoice.clone()).with("client", client)),
/// )?;
///
/// assert!(engine.check(&Request::new(gm.clone(), "view", invoice.clone())).is_allowed());
/// assert!(!engine.check(&Request::new(gm, "pay", invoice)).is_allowed());
/// # Ok::<(), doorward::Error>(())
/// ```
pub struct Engine {
    world: Publication<World>,
}

impl Engine {
    /// Starts an engine over these policies.
    pub fn builder(policies: PolicyBundle) -> EngineBuilder {
        EngineBuilder {
            policies,
            facts: Facts::new(),
            shadow: ShadowSetup::default(),
            shared_shadow: None,
            rules: Rules {
                error_mode: ErrorMode::FailClosed,
                hosting: HashMap::default(),
                all: None,
                clock: Clock::system(),
            },
        }
    }

    /// The policies and facts of this moment. They stay as they are for as long as they are held.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.world.latest()
    }

    /// Decides one request. Cost: mostly to check it against the schema and to look its names up;
    /// [`check_in`](Self::check_in) asks with names that were looked up before.
    pub fn check(&self, request: &Request) -> Decision {
        self.ask(|world| world.check(request))
    }

    /// Decides many requests on one world; each answer equals [`check`](Self::check)'s.
    #[must_use]
    pub fn check_many(&self, requests: &[Request]) -> Vec<Decision> {
        self.ask(|world| world.check_many(requests))
    }

    /// Which of the schema's actions the principal may do on the resource, with each decision.
    ///
    /// The action of `request` is not used. Only actions that apply to the two types are listed,
    /// in the order of their names; without a schema there are none.
    #[must_use]
    pub fn actions(&self, request: &Request) -> Vec<(EntityUid, Decision)> {
        self.ask(|world| world.actions(request))
    }

    /// The stored entities of one type that the check allows, ordered by id.
    ///
    /// The resource of `request` is not used. Rows passed inline are not listed. Cost: one check of
    /// each stored row that the principal can come to, as the policies tell; of each of the type
    /// where they do not, or where the request brings entities along. [`Checker::list`] checks
    /// faster.
    #[must_use]
    pub fn list(&self, request: &Request, type_name: &str) -> Vec<EntityUid> {
        self.ask(|world| world.list(request, type_name))
    }

    /// The stored entities of one type that could do what the request asks, ordered by id: each is
    /// checked in its principal's place.
    ///
    /// The principal of `request` is not used; its context is everybody's, so it has to say what
    /// the policies ask of each. [`Tenant::who`](crate::Tenant::who) asks as if each had just
    /// signed in. Cost: as [`list`](Self::list).
    #[must_use]
    pub fn who(&self, request: &Request, type_name: &str) -> Vec<EntityUid> {
        self.ask(|world| world.who(request, type_name))
    }

    /// Explains a decision, clause by clause. For people, not for the path of a request.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        self.ask(|world| world.explain(request))
    }

    /// What Cedar's response to a request says: see [`Determination`].
    #[must_use]
    pub fn determine(&self, request: &Request) -> Determination {
        self.ask(|world| world.determine(request))
    }

    /// What the principal may be told about a refusal of this request: see [`Disclosure`].
    ///
    /// `view` names the action whose permission shows that the resource is there.
    #[must_use]
    pub fn disclosure(&self, request: &Request, view: impl Into<ActionName>) -> Disclosure {
        self.ask(|world| world.disclosure(request, view))
    }

    /// What deciding a share of the requests a second time found, since the engine was built: see
    /// [`EngineBuilder::shadow`]. Nothing where there is no shadow.
    #[must_use]
    pub fn shadow_report(&self) -> ShadowReport {
        self.world.load().shadow().map_or_else(ShadowReport::default, Shadow::report)
    }

    /// Applies changes all together and publishes them. Applying none publishes nothing.
    ///
    /// # Errors
    ///
    /// When a row does not fit the schema, is of a host-owned type or of the type `Action` of a
    /// schema, or would become its own ancestor. Then nothing has changed.
    pub fn apply(&self, changes: &Changes) -> Result<Revision, StoreError> {
        let turn = self.world.begin();
        let world = turn.latest();
        if changes.is_empty() {
            return Ok(world.revision());
        }
        let facts = world.facts().with(changes);
        // What comes last of an entity is what will be there.
        let last: BTreeMap<&EntityUid, &Change> =
            changes.iter().map(|change| (change.uid(), change)).collect();
        let put = last.into_values().filter_map(|change| match change {
            Change::Put(entity) => Some(entity),
            Change::Remove(_) => None,
        });
        world.admit(&facts, &put.collect::<Vec<_>>())?;
        let next = world.succeed(facts);
        let revision = next.revision();
        turn.publish(next);
        Ok(revision)
    }

    /// Replaces the policies, and publishes them with the facts.
    ///
    /// Nothing lies between the old and the new: a check is decided by all of one bundle, a list,
    /// or a [`World`] that is held, goes on with the one it began with. Changes that are applied
    /// at the same time come before or after, and are kept. Cost: every row is checked against the
    /// new schema, while [`apply`](Self::apply) waits and checks do not.
    ///
    /// # Errors
    ///
    /// When the facts do not fit the schema of the new policies. The old ones stay then.
    ///
    /// # Example: a rule is added, and a schema refused
    ///
    /// ```
    /// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Request};
    ///
    /// let version = |schema: &str, policies: &str| {
    ///     PolicyBundle::builder().schema("s", schema).policies("p", policies).build()
    /// };
    /// let schema = "entity Reader, Book;
    ///     action read appliesTo { principal: Reader, resource: Book };";
    /// let open = r#"@id("open") permit (principal, action, resource);"#;
    /// let engine = Engine::builder(version(schema, open)?).build()?;
    /// let (ada, book) = (EntityUid::new("Reader", "ada"), EntityUid::new("Book", "1"));
    /// engine.apply(&Changes::new().put(Entity::new(book.clone())))?;
    /// let read = Request::new(ada, "read", book);
    /// assert!(engine.check(&read).is_allowed());
    ///
    /// engine.publish(version(schema, "// Nothing is permitted.")?)?;
    /// assert!(!engine.check(&read).is_allowed());
    ///
    /// let titled = schema.replace("Reader, Book", "Reader; entity Book = { title: String }");
    /// let refused = engine.publish(version(&titled, open)?).unwrap_err();
    /// assert!(refused.to_string().contains(r#"Book::"1""#), "it has no title");
    /// assert!(!engine.check(&read).is_allowed());
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn publish(&self, policies: PolicyBundle) -> Result<Revision, Error> {
        Ok(self.prepare(policies)?.publish())
    }

    /// Makes the world that other policies lead to, for publishing several engines' together. Until
    /// it is published or dropped, changes wait.
    pub(crate) fn prepare(&self, policies: PolicyBundle) -> Result<Prepared<'_>, StoreError> {
        let turn = self.world.begin();
        let next = turn.latest().succeed_under(policies);
        next.admit_all(turn.latest().facts())?;
        Ok(Prepared { turn, next })
    }
}

/// A world that may be published.
#[must_use]
pub(crate) struct Prepared<'e> {
    turn: Turn<'e, World>,
    next: World,
}

impl Prepared<'_> {
    pub(crate) fn publish(self) -> Revision {
        let revision = self.next.revision();
        self.turn.publish(self.next);
        revision
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("world", &*self.world.load()).finish()
    }
}

/// Sets up an [`Engine`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EngineBuilder {
    policies: PolicyBundle,
    facts: Facts,
    rules: Rules,
    shadow: ShadowSetup,
    /// One that several engines share, instead of an own.
    shared_shadow: Option<Arc<Shadow>>,
}

impl EngineBuilder {
    /// The facts of revision 0. Default: none.
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// What an erroring policy does. Default: [`ErrorMode::FailClosed`].
    pub fn error_mode(mut self, mode: ErrorMode) -> Self {
        self.rules.error_mode = mode;
        self
    }

    /// Declares a type whose rows the host keeps: they are passed inline and never stored.
    pub fn host_owned(mut self, type_name: impl Into<String>) -> Self {
        self.rules.hosting.insert(type_name.into(), Hosting::Inline);
        self
    }

    /// Declares a type whose rows may be stored or passed inline; one row is never both.
    pub fn stored_or_inline(mut self, type_name: impl Into<String>) -> Self {
        self.rules.hosting.insert(type_name.into(), Hosting::Either);
        self
    }

    /// Declares every type host-owned: each request brings all it needs and nothing is stored.
    ///
    /// This is right for hosts of many worker processes, which share no facts.
    pub fn all_inline(mut self) -> Self {
        self.rules.all = Some(Hosting::Inline);
        self
    }

    /// Declares that rows of every type may be stored or passed inline; one row is never both.
    ///
    /// This is right for tools and tests, where a request may bring a row that no facts hold.
    pub fn all_stored_or_inline(mut self) -> Self {
        self.rules.all = Some(Hosting::Either);
        self
    }

    /// The clock that gives `now` to requests without one.
    ///
    /// It is asked only where the schema declares `now: datetime` in the context of the action.
    /// Default: the system's clock.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.rules.clock = Clock::new(now);
        self
    }

    /// Decides this share of the requests a second time, by Cedar's own authorizer, and compares:
    /// 0.01 is one in a hundred. Default: 0, none.
    ///
    /// The plan is held to Cedar's answers by tests; this watches the same in production, on the
    /// policies and facts that are there. Every decision counts: of checks, batches, actions, lists
    /// and, in a portal, of commands. The answer is always the one that was decided first: a
    /// divergence is counted in [`Engine::shadow_report`] and told to
    /// [`on_divergence`](Self::on_divergence).
    ///
    /// A share outside 0 to 1 is taken for the nearest of them, and not a number for 0.
    ///
    /// Cost: nothing at 0. Above, drawing takes a few nanoseconds per decision, on the thread's own
    /// generator of random numbers. A decision that is drawn waits for Cedar's authorizer, about a
    /// microsecond per policy of the bundle, and a copy of the request.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Engine, EntityUid, PolicyBundle, Request};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .policies("rules.cedar", "permit (principal, action, resource);")
    ///     .build()?;
    /// let engine = Engine::builder(policies)
    ///     .shadow(1.0)
    ///     .on_divergence(|divergence| eprintln!("doorward and Cedar disagree: {divergence}"))
    ///     .build()?;
    /// let gm = EntityUid::new("Contact", "gm");
    /// assert!(engine.check(&Request::new(gm.clone(), "view", gm)).is_allowed());
    /// let report = engine.shadow_report();
    /// assert_eq!((report.compared, report.diverged), (1, 0));
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn shadow(mut self, rate: f64) -> Self {
        self.shadow.rate = rate;
        self
    }

    /// Tells of each divergence that [`shadow`](Self::shadow) finds. Default: nobody is told.
    ///
    /// It is called on the thread that asked, before it gets its answer: hand on what takes time.
    /// What is asked of the engine meanwhile, on that thread, is not decided a second time.
    pub fn on_divergence(
        mut self,
        tell: impl Fn(&ShadowDivergence) + Send + Sync + 'static,
    ) -> Self {
        self.shadow.on_divergence = Some(Arc::new(tell));
        self
    }

    /// Shares a shadow with other engines.
    pub(crate) fn shared_shadow(mut self, shadow: Option<Arc<Shadow>>) -> Self {
        self.shared_shadow = shadow;
        self
    }

    /// Checks the facts and builds the engine.
    ///
    /// # Errors
    ///
    /// When the facts do not fit the schema or are of a host-owned type.
    pub fn build(self) -> Result<Engine, Error> {
        let shadow = self.shared_shadow.or_else(|| self.shadow.build());
        let world = World::first(self.policies, self.facts.clone(), self.rules, shadow);
        world.admit_all(&self.facts)?;
        Ok(Engine { world: Publication::new(world) })
    }
}

impl World {
    /// Whether all of some facts may be published.
    fn admit_all(&self, facts: &Facts) -> Result<(), StoreError> {
        let is_inline = |name: &str| !self.may_be_stored(name);
        if facts.was_checked_for(self.policies().digest().as_bytes())
            && !facts.types().any(is_inline)
            && !facts.goes_round()
        {
            return Ok(());
        }
        let rows: Vec<Entity> = facts.iter().collect();
        self.admit(facts, &rows.iter().collect::<Vec<_>>())
    }

    /// Whether `facts`, which were led to by putting some rows, may be published.
    fn admit(&self, facts: &Facts, put: &[&Entity]) -> Result<(), StoreError> {
        for row in put {
            if !self.may_be_stored(row.uid().type_name()) {
                return Err(StoreError::new(format!("{} is of a host-owned type", row.uid()))
                    .with_help("pass it inline with each request, and store nothing of it"));
            }
            if row.uid().is_action() && self.policies().has_schema() {
                return Err(StoreError::new(format!("{} is declared by the schema", row.uid()))
                    .with_help("leave actions out of the facts"));
            }
        }
        if let Some(uid) = facts.cycle(put.iter().map(|row| row.uid())) {
            return Err(StoreError::new(format!("{uid} would be its own ancestor"))
                .with_help("remove one of the parents on the way"));
        }
        put.iter().try_for_each(|row| self.policies().check_entity(row)).map_err(StoreError::from)
    }
}

#[cfg(test)]
mod around_tests;
#[cfg(test)]
mod tests;
