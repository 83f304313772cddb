//! Many questions of one principal.

use std::fmt;
use std::sync::Arc;

use super::asking::{Context, Id};
use super::{Engine, World};
use crate::decide::{Asker, Asking, Decision};
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
/// let checker = engine.checker(&context, "ada")?;
/// let mut checks = checker.begin();
/// let readable: Vec<&str> = ["dune", "emma", "ulysses"]
///     .into_iter()
///     .filter(|book| checks.check(*book).is_allowed())
///     .collect();
/// assert_eq!(readable, ["emma"]);
/// # Ok::<(), doorward::Error>(())
/// ```
pub struct Checker {
    world: Arc<World>,
    asker: Asker,
}

/// A checker that has begun: what it knows of the principal is kept from check to check.
pub struct Checks<'c> {
    checker: &'c Checker,
    asking: Asking<'c>,
}

/// A stored entity, or one that others name, as one checker has found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved(Slot);

impl Engine {
    /// Looks up a principal in some circumstances, for many checks.
    ///
    /// # Errors
    ///
    /// When the policies have changed since the context was made, and declare its environment no
    /// more.
    pub fn checker<'i>(
        &self,
        context: &Context,
        principal: impl Into<Id<'i>>,
    ) -> Result<Checker, RequestError> {
        let world = self.world();
        let context = context.under(&world)?;
        let asker = Asker::new(
            &world,
            &context.question(principal.into(), Id::from(0)),
            &context.now(&world),
        );
        Ok(Checker { world, asker })
    }
}

impl Checker {
    /// Finds a resource, for [`Checks::check_resolved`]. `None` where nothing is known by this id.
    #[must_use]
    pub fn resolve<'i>(&self, resource: impl Into<Id<'i>>) -> Option<Resolved> {
        self.asker.find(&self.world, resource.into().0).map(Resolved)
    }

    /// Starts to check.
    #[must_use]
    pub fn begin(&self) -> Checks<'_> {
        Checks { checker: self, asking: self.asker.begin(&self.world) }
    }

    /// What it answers from.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl Checks<'_> {
    /// Decides about one resource.
    #[inline]
    pub fn check<'i>(&mut self, resource: impl Into<Id<'i>>) -> Decision {
        let checker = self.checker;
        let slot = checker.asker.slot(&checker.world, resource.into().0);
        self.asking.decide(&checker.world, slot)
    }

    /// Decides about one resource that was found before.
    #[inline]
    pub fn check_resolved(&mut self, resource: Resolved) -> Decision {
        self.asking.decide(&self.checker.world, resource.0)
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("world", &self.world).finish_non_exhaustive()
    }
}

impl fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("checker", self.checker).finish_non_exhaustive()
    }
}
