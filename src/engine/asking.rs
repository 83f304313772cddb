//! The fast way to ask: names resolved ahead, ids as numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Engine, World};
use crate::decide::{self, ActionName, Decision, Question};
use crate::error::RequestError;
use crate::facts::{EntityUid, IdKey, Record, Value};
use crate::plan::Plan;

/// The id of an entity, of a type that is known already.
///
/// A UUID goes in as a number, and so does its canonical text (lower case, with hyphens): both name
/// the same entity. Any other text is itself.
///
/// # Example
///
/// ```
/// use doorward::Id;
///
/// let number = Id::from(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128);
/// assert_eq!(Id::from("01234567-89ab-cdef-0123-456789abcdef"), number);
/// assert_ne!(Id::from("01234567-89AB-CDEF-0123-456789ABCDEF"), number);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Id<'i>(pub(crate) IdKey<'i>);

impl From<u128> for Id<'_> {
    #[inline]
    fn from(uuid: u128) -> Self {
        Self(IdKey::Uuid(uuid))
    }
}

impl<'i> From<&'i str> for Id<'i> {
    #[inline]
    fn from(text: &'i str) -> Self {
        Self(IdKey::of(text))
    }
}

/// Ids may name people.
impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(…)")
    }
}

/// What Cedar calls a request environment: a type of principal, an action and a type of resource,
/// looked up once for any number of checks.
///
/// It goes on to be good when facts and policies are written: under other policies its names are
/// looked up again, check by check, until the host asks for it anew.
#[derive(Clone)]
pub struct Environment {
    plan: Arc<Plan>,
    index: u32,
    principal_type: u32,
    resource_type: u32,
    context_type: u32,
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
        Environment::find(&self.world.load(), principal_type, action.into().uid(), resource_type)
    }

    /// Checks circumstances against an environment, for [`check_in`](Self::check_in).
    ///
    /// # Errors
    ///
    /// When they do not fit the schema.
    pub fn context(
        &self,
        environment: &Environment,
        record: Record,
    ) -> Result<Context, RequestError> {
        Context::new(&self.world.load(), environment, record)
    }

    /// Decides about stored entities, by their ids. The answer is that of [`check`](Self::check).
    ///
    /// Nothing is allocated, locked or counted on the way, once the policies were asked the like
    /// before on this thread.
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
        self.world.load().check_in(environment, principal.into(), resource.into(), context)
    }
}

impl Environment {
    fn find(
        world: &World,
        principal: &str,
        action: &EntityUid,
        resource: &str,
    ) -> Result<Self, RequestError> {
        let plan = world.shared_plan();
        let found = plan.find(principal, action, resource);
        let Some((index, principal_type, resource_type)) = found else {
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
        Ok(Self {
            plan: Arc::clone(plan),
            index,
            principal_type,
            resource_type,
            context_type: plan.context_type(index),
            names: Arc::new(names),
        })
    }
}

impl Environment {
    /// Whether a world's plan can decide in these circumstances without looking names up again.
    #[inline]
    pub(super) fn takes(&self, context: &Context, world: &World) -> bool {
        Arc::ptr_eq(&self.plan, world.shared_plan())
            && Arc::ptr_eq(&context.environment.plan, &self.plan)
            && context.environment.context_type == self.context_type
            && self.plan.is_whole()
    }

    /// Whether a principal and circumstances for one serve the other.
    #[inline]
    pub(super) fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan)
            && self.principal_type == other.principal_type
            && self.context_type == other.context_type
    }

    #[inline]
    pub(super) fn question<'q>(&self, resource: Id<'q>) -> Question<'q> {
        Question {
            environment: self.index,
            principal: (self.principal_type, IdKey::Uuid(0)),
            resource: (self.resource_type, resource.0),
            serial: None,
        }
    }

    pub(super) fn resource_type(&self) -> u32 {
        self.resource_type
    }

    pub(super) fn principal_type(&self) -> u32 {
        self.principal_type
    }

    pub(super) fn context_type(&self) -> u32 {
        self.context_type
    }
}

impl Context {
    fn new(world: &World, environment: &Environment, record: Record) -> Result<Self, RequestError> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let action = &environment.names.action;
        let mut reads_now = false;
        if let Some(types) = world.policies().types() {
            reads_now = types.reads_now(action) && !record.contains_key("now");
            let whole = |mut record: Record| {
                if reads_now {
                    record.insert("now".into(), Value::from(world.now()));
                }
                record
            };
            types
                .check_context(action, &whole(record.clone()))
                .map_err(|error| RequestError::new(error.to_string()))?;
        }
        Ok(Self {
            environment: environment.clone(),
            record: Arc::new(record),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            reads_now,
        })
    }

    pub(super) fn now(&self, world: &World) -> Arc<Record> {
        if !self.reads_now {
            return Arc::clone(&self.record);
        }
        let mut record = Record::clone(&self.record);
        record.insert("now".into(), Value::from(world.now()));
        Arc::new(record)
    }
}

impl World {
    /// Decides about stored entities, by their ids: see [`Engine::check_in`].
    #[inline]
    pub fn check_in<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        resource: impl Into<Id<'i>>,
        context: &Context,
    ) -> Decision {
        let (principal, resource) = (principal.into(), resource.into());
        if !environment.takes(context, self) {
            return self.check_anew(environment, principal.0, resource.0, context);
        }
        let mut question = environment.question(resource);
        question.principal.1 = principal.0;
        // What was laid out for another moment is of no use.
        question.serial = if context.reads_now { None } else { Some(context.serial) };
        decide::decide_in(self, &question, || context.now(self))
    }

    /// Under other policies than the environment was looked up for, or in the circumstances of
    /// another.
    #[cold]
    fn check_anew(
        &self,
        environment: &Environment,
        principal: IdKey<'_>,
        resource: IdKey<'_>,
        context: &Context,
    ) -> Decision {
        let Names { principal: principal_type, action, resource: resource_type } =
            &*environment.names;
        let uid = |type_name: &str, id: IdKey<'_>| EntityUid::new(type_name, id.text());
        let request = decide::Request::new(
            uid(principal_type, principal),
            action,
            uid(resource_type, resource),
        );
        self.check(&request.context(Record::clone(&context.record)))
    }
}
