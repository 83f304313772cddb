//! Many questions of one principal.

use std::fmt;
use std::sync::Arc;

use super::asking::{Context, Environment, Id};
use super::{Engine, World};
use crate::decide::{Asker, Decision, codes};
use crate::error::RequestError;
use crate::facts::Slot;

/// One principal in one set of circumstances, looked up once for many checks.
///
/// A checker answers from the [`World`] of the moment when it was made: what is written later it does
/// not see. Make one for a page or a job, not for a session. Where the schema declares `now`, it is
/// that moment too.
///
/// # Example: which of some books
///
/// ```
/// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Record};
///
/// # let policies = PolicyBundle::builder()
/// #     .schema("library.cedarschema", "
/// #         entity Reader;
/// #         entity Book = { lent_to?: Reader };
/// #         action read appliesTo { principal: Reader, resource: Book };
/// #     ")
/// #     .policies("library.cedar", r#"
/// #         @id("lent") permit (principal, action, resource)
/// #         when { resource has lent_to && resource.lent_to == principal };
/// #     "#)
/// #     .build()?;
/// # let engine = Engine::builder(policies).build()?;
/// # let ada = EntityUid::new("Reader", "ada");
/// # engine.apply(
/// #     &Changes::new()
/// #         .put(Entity::new(ada.clone()))
/// #         .put(Entity::new(EntityUid::new("Book", "emma")).with("lent_to", ada))
/// #         .put(Entity::new(EntityUid::new("Book", "dune"))),
/// # )?;
/// let read = engine.environment("Reader", "read", "Book")?;
/// let context = engine.context(&read, Record::new())?;
/// let checker = engine.checker(&read, "ada", &context)?;
/// let readable: Vec<&str> = ["dune", "emma", "ulysses"]
///     .into_iter()
///     .filter(|book| checker.check(&read, *book).is_allowed())
///     .collect();
/// assert_eq!(readable, ["emma"]);
/// # Ok::<(), doorward::Error>(())
/// ```
pub struct Checker {
    world: Arc<World>,
    /// Of this type the principal is, and of this one the circumstances.
    environment: Environment,
    asker: Asker,
}

/// A stored entity, or one that others name, as one checker has found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    slot: Slot,
    /// The plan's number for its type.
    type_number: u32,
}

impl Engine {
    /// Looks up a principal in some circumstances, for many checks.
    ///
    /// The environment says of which type the principal is; the checker serves all environments of
    /// that type whose circumstances are declared alike.
    ///
    /// # Errors
    ///
    /// When policies were published since the environment and the context were made: make them
    /// anew.
    pub fn checker<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        context: &Context,
    ) -> Result<Checker, RequestError> {
        let world = self.world();
        if !environment.takes(context, &world) {
            let message = "the environment or the context was made for other policies";
            return Err(RequestError::new(message)
                .with_help("ask the engine for both anew, and for one environment"));
        }
        let principal = (environment.principal_type(), principal.into().0);
        let asker = Asker::new(&world, principal, environment.context_type(), &context.now(&world));
        Ok(Checker { world, environment: environment.clone(), asker })
    }
}

impl Checker {
    /// Decides about one resource. An environment of another type of principal, or of other
    /// circumstances, refuses with [`codes::UNKNOWN_ACTION`].
    #[inline]
    pub fn check<'i>(&self, environment: &Environment, resource: impl Into<Id<'i>>) -> Decision {
        if !environment.is_like(&self.environment) {
            return self.world.refuse(codes::UNKNOWN_ACTION, Some(1));
        }
        self.asker.decide(&self.world, &environment.question(resource.into()))
    }

    /// Finds a resource, for [`check_resolved`](Self::check_resolved). `None` where nothing is
    /// known by this id.
    #[must_use]
    pub fn resolve<'i>(
        &self,
        environment: &Environment,
        resource: impl Into<Id<'i>>,
    ) -> Option<Resolved> {
        let resource = (environment.resource_type(), resource.into().0);
        let slot = self.asker.find(&self.world, resource)?;
        Some(Resolved { slot, type_number: resource.0 })
    }

    /// Decides about one resource that was found before, for an environment of its type.
    #[inline]
    pub fn check_resolved(&self, environment: &Environment, resource: Resolved) -> Decision {
        let is_like = environment.is_like(&self.environment)
            && environment.resource_type() == resource.type_number;
        if !is_like {
            return self.world.refuse(codes::UNKNOWN_ACTION, Some(1));
        }
        self.asker.decide_found(&self.world, &environment.question(Id::from(0)), resource.slot)
    }

    /// What it answers from.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("world", &self.world).finish_non_exhaustive()
    }
}
