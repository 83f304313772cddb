//! The fast way to ask: names resolved ahead, ids as numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Engine, World};
use crate::decide::{self, ActionName, Asked, Circumstances, Decision, Given, codes};
use crate::error::RequestError;
use crate::facts::{EntityUid, Id, Record, Timestamp};

/// What Cedar calls a request environment: a type of principal, an action and a type of resource,
/// looked up once for any number of checks.
///
/// It goes on to be good when facts and policies are written: under other policies its names are
/// looked up again, check by check, until the host asks for it anew.
#[derive(Clone)]
pub struct Environment {
    asked: Asked,
    /// Whether the types of principal and resource list their ids.
    enumerated: [bool; 2],
    names: Arc<Names>,
}

struct Names {
    principal: String,
    action: EntityUid,
    resource: String,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { principal, action, resource } = &*self.names;
        write!(f, "Environment({principal}, {action}, {resource})")
    }
}

/// The circumstances of requests, checked once for any number of them.
///
/// They serve every environment whose action declares its context alike. Where the schema declares
/// `now: datetime` and the record has none, each check adds the time of the engine's clock.
#[derive(Clone)]
pub struct Context {
    environment: Environment,
    record: Arc<Record>,
    /// Where they are the same over all facts, and at all times.
    laid_out: Option<Circumstances>,
    /// No other context has it: what was laid out for it can be found again.
    serial: u64,
    reads_now: bool,
}

/// Circumstances may be personal.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("environment", &self.environment)
            .field("attributes", &self.record.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Engine {
    /// Looks up an environment for [`check_in`](Self::check_in).
    ///
    /// # Errors
    ///
    /// When there is no schema, or it does not declare the action for these types.
    pub fn environment(
        &self,
        principal_type: &str,
        action: impl Into<ActionName>,
        resource_type: &str,
    ) -> Result<Environment, RequestError> {
        self.ask(|world| world.environment(principal_type, action, resource_type))
    }

    /// Checks circumstances against an environment, for [`check_in`](Self::check_in).
    ///
    /// # Errors
    ///
    /// When they do not fit the schema, or when the environment was made for other policies.
    pub fn context(
        &self,
        environment: &Environment,
        record: Record,
    ) -> Result<Context, RequestError> {
        self.ask(|world| world.context(environment, record))
    }

    /// Decides about stored entities, by their ids. The answer is that of [`check`](Self::check).
    ///
    /// About entities that facts hold or name, nothing is allocated, locked or counted on the way,
    /// once the policies were asked the like before. A context that names entities or texts is laid
    /// out once for each thread and state of the facts. One that leaves `now` to the engine is laid
    /// out for each check where policies compare `now` with a constant.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Record};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader;
    ///         entity Book = { lent_to?: Reader };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         @id("lent") permit (principal, action, resource)
    ///         when { resource has lent_to && resource.lent_to == principal };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).build()?;
    /// let (ada, book) = (1_u128, "0451450523");
    /// let reader = EntityUid::new("Reader", "00000000-0000-0000-0000-000000000001");
    /// engine.apply(
    ///     &Changes::new()
    ///         .put(Entity::new(reader.clone()))
    ///         .put(Entity::new(EntityUid::new("Book", book)).with("lent_to", reader)),
    /// )?;
    ///
    /// let read = engine.environment("Reader", "read", "Book")?;
    /// let context = engine.context(&read, Record::new())?;
    /// assert!(engine.check_in(&read, ada, book, &context).is_allowed());
    /// assert!(!engine.check_in(&read, 2_u128, book, &context).is_allowed());
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[inline]
    pub fn check_in<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        resource: impl Into<Id<'i>>,
        context: &Context,
    ) -> Decision {
        let (principal, resource) = (principal.into(), resource.into());
        // What it takes by reference is not copied on the way.
        self.ask(|world| world.check_ids(environment, [&principal, &resource], context))
    }
}

impl Environment {
    fn find(
        world: &World,
        principal: &str,
        action: &EntityUid,
        resource: &str,
    ) -> Result<Self, RequestError> {
        let plan = world.plan();
        let found = plan.find(principal, action, resource);
        let Some((environment, principal_type, resource_type)) = found else {
            let message = if world.policies().has_schema() {
                format!("{action} is not declared for a {principal} and a {resource}")
            } else {
                "there is no schema to know environments".to_owned()
            };
            return Err(RequestError::new(message)
                .with_help("see the schema's `appliesTo`, or ask with a whole `Request`"));
        };
        let names = Names {
            principal: principal.to_owned(),
            action: action.clone(),
            resource: resource.to_owned(),
        };
        let types = world.policies().types();
        let is_enumerated = |name| types.is_some_and(|types| types.is_enumerated(name));
        Ok(Self {
            enumerated: [principal, resource].map(is_enumerated),
            asked: Asked {
                plan: plan.serial(),
                environment,
                principal: principal_type,
                resource: resource_type,
                context: plan.context_type(environment),
            },
            names: Arc::new(names),
        })
    }

    /// Whether a world's plan can decide in these circumstances without looking names up again.
    #[inline]
    pub(super) fn takes(&self, context: &Context, world: &World) -> bool {
        let context = context.environment.asked;
        (context.plan, context.context) == (self.asked.plan, self.asked.context)
            && self.asked_of(world).is_some()
            && world.plan().is_whole()
    }

    /// Whether there can be such a principal: an enumeration has the ids that it lists.
    #[inline]
    pub(super) fn may_ask(&self, world: &World, id: &Id<'_>) -> bool {
        !self.enumerated[0] || is_listed(world, &self.names.principal, id)
    }

    /// Whether there can be such a resource.
    #[inline]
    pub(super) fn may_be_asked(&self, world: &World, id: &Id<'_>) -> bool {
        !self.enumerated[1] || is_listed(world, &self.names.resource, id)
    }

    /// Whether it is of a world's policies.
    pub(crate) fn is_of(&self, world: &World) -> bool {
        self.asked_of(world).is_some()
    }

    /// The plan's numbers for what is asked, if it is asked of that plan.
    #[inline]
    pub(super) fn asked_of(&self, world: &World) -> Option<Asked> {
        (self.asked.plan == world.plan().serial()).then_some(self.asked)
    }

    /// The question as a whole request: under other policies than the environment was looked up for,
    /// in the circumstances of another, or to be decided twice.
    #[cold]
    pub(super) fn request(
        &self,
        principal: Id<'_>,
        resource: Id<'_>,
        context: &Context,
    ) -> decide::Request {
        let (principal, resource) = (self.principal(principal), self.resource(resource));
        let action = self.action();
        decide::Request::new(principal, action, resource).context(context.record())
    }

    /// Whether rows of this type are its resources.
    pub(super) fn is_about(&self, type_name: &str) -> bool {
        self.names.resource == type_name
    }

    #[inline]
    pub(super) fn asked(&self) -> Asked {
        self.asked
    }

    pub(super) fn principal(&self, id: Id<'_>) -> EntityUid {
        EntityUid::new(self.names.principal.as_str(), id.0.text())
    }

    pub(super) fn resource(&self, id: Id<'_>) -> EntityUid {
        EntityUid::new(self.names.resource.as_str(), id.0.text())
    }

    pub(super) fn action(&self) -> &EntityUid {
        &self.names.action
    }
}

#[cold]
fn is_listed(world: &World, type_name: &str, id: &Id<'_>) -> bool {
    let types = world.policies().types();
    types.is_some_and(|types| types.may_be_id(type_name, &id.0.text()))
}

impl Context {
    fn new(world: &World, environment: &Environment, record: Record) -> Result<Self, RequestError> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        if !environment.is_of(world) {
            return Err(RequestError::new("the environment was made for other policies")
                .with_help("ask the engine for it anew"));
        }
        let action = &environment.names.action;
        let types = world.policies().types();
        let reads_now =
            !record.contains_key("now") && types.is_some_and(|types| types.reads_now(action));
        if let Some(types) = types {
            let whole =
                if reads_now { decide::with_now(&record, world.now()) } else { record.clone() };
            types
                .check_context(action, &whole)
                .map_err(|error| RequestError::new(error.to_string()))?;
        }
        let mut laid_out = None;
        if !reads_now {
            let circumstances = Circumstances::new(world, environment.asked.context, &record);
            laid_out = Some(circumstances).filter(Circumstances::name_nothing);
        }
        Ok(Self {
            environment: environment.clone(),
            record: Arc::new(record),
            laid_out,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            reads_now,
        })
    }

    /// As an inline check takes them, at this moment.
    pub(super) fn given<T>(&self, world: &World, take: impl FnOnce(&Given<'_>) -> T) -> T {
        match &self.laid_out {
            Some(laid_out) => take(&Given::LaidOut(laid_out)),
            None if self.reads_now => take(&Given::Record(&self.record_at(world.now()))),
            None => take(&Given::Record(&self.record)),
        }
    }

    /// As the host gave them.
    pub(super) fn record(&self) -> Record {
        Record::clone(&self.record)
    }

    /// As a checker takes them: of this world, and of one moment.
    pub(super) fn laid_out(&self, world: &World, now: Timestamp) -> Circumstances {
        let context_type = self.environment.asked.context;
        match &self.laid_out {
            Some(laid_out) => laid_out.clone(),
            None => Circumstances::new(world, context_type, &self.record_at(now)),
        }
    }

    /// As a request at a moment has them.
    pub(super) fn record_at(&self, now: Timestamp) -> Record {
        if self.reads_now { decide::with_now(&self.record, now) } else { self.record() }
    }
}

impl World {
    /// Looks up an environment: see [`Engine::environment`].
    ///
    /// # Errors
    ///
    /// When there is no schema, or it does not declare the action for these types.
    pub fn environment(
        &self,
        principal_type: &str,
        action: impl Into<ActionName>,
        resource_type: &str,
    ) -> Result<Environment, RequestError> {
        Environment::find(self, principal_type, action.into().uid(), resource_type)
    }

    /// Checks circumstances against an environment: see [`Engine::context`].
    ///
    /// # Errors
    ///
    /// When they do not fit the schema, or when the environment was made for other policies.
    pub fn context(
        &self,
        environment: &Environment,
        record: Record,
    ) -> Result<Context, RequestError> {
        Context::new(self, environment, record)
    }

    /// Decides about stored entities, by their ids: see [`Engine::check_in`].
    #[inline]
    pub fn check_in<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        resource: impl Into<Id<'i>>,
        context: &Context,
    ) -> Decision {
        self.check_ids(environment, [&principal.into(), &resource.into()], context)
    }

    #[inline]
    fn check_ids(
        &self,
        environment: &Environment,
        [principal, resource]: [&Id<'_>; 2],
        context: &Context,
    ) -> Decision {
        if !environment.takes(context, self) {
            let request = environment.request(*principal, *resource, context);
            return self.check(&request);
        }
        if let Some(shadow) = self.shadow()
            && shadow.wants_one()
        {
            return shadow.check_twice(self, &environment.request(*principal, *resource, context));
        }
        if !environment.may_ask(self, principal) || !environment.may_be_asked(self, resource) {
            return self.refuse(codes::INVALID_REQUEST, Some(1));
        }
        let (asked, ends) = (&environment.asked, [&principal.0, &resource.0]);
        match &context.laid_out {
            Some(laid_out) => laid_out.decide(self, asked, ends),
            None => {
                let now = context.reads_now.then(|| self.now());
                decide::decide_in(self, asked, ends, (context.serial, &*context.record, now))
            }
        }
    }
}
