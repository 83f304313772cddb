//! Many questions of one principal.

use std::fmt;
use std::sync::Arc;

use super::asking::{Context, Environment};
use super::{Engine, World};
use crate::decide::{Asked, Asker, Decision, Effects, Found, Request, codes};
use crate::error::RequestError;
use crate::facts::{EntityUid, Id, Record};
use crate::query::{self, Filter, FilterError, Listing, TableMapping, Within};

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
    asker: Asker,
    /// What tells its plan and its world from all others: compared in each check, and so at hand.
    plan: u64,
    serial: u64,
    /// The plan's numbers for the types of the principal and of the circumstances.
    principal_type: u32,
    context_type: u32,
    /// What names the principal and the circumstances, to ask twice.
    asked_as: Option<Box<(EntityUid, Record)>>,
}

/// An entity that facts hold or name, found once for many checks.
///
/// It serves all checkers of one [`World`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    found: Found,
    /// The plan's number for its type.
    type_number: u32,
    world: u64,
}

impl Engine {
    /// Looks up a principal in some circumstances, for many checks: [`World::checker`] on the world
    /// of this moment.
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
        self.world().checker(environment, principal, context)
    }
}

impl World {
    /// Looks up a principal in some circumstances, for many checks of this world.
    ///
    /// The environment says of which type the principal is; the checker serves all environments of
    /// that type whose circumstances are declared alike.
    ///
    /// # Errors
    ///
    /// When the environment or the context was made for other policies than this world's, or when
    /// the principal's type is an enumeration without this id.
    pub fn checker<'i>(
        self: &Arc<Self>,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        context: &Context,
    ) -> Result<Checker, RequestError> {
        let principal = principal.into();
        if !environment.takes(context, self) {
            let message = "the environment or the context was made for other policies";
            return Err(RequestError::new(message)
                .with_help("ask the engine for both anew, and for one environment"));
        }
        if !environment.may_ask(self, &principal) {
            return Err(RequestError::new("the principal is none of those that its type lists")
                .with_help("see the schema for its ids"));
        }
        // One moment for both ways to decide.
        let (asked, now) = (environment.asked(), self.now());
        let asked_as = self
            .shadow()
            .map(|_| Box::new((environment.principal(principal), context.record_at(now))));
        Ok(Checker {
            world: Arc::clone(self),
            asker: Asker::new(self, (asked.principal, principal.0), &context.laid_out(self, now)),
            plan: self.plan().serial(),
            serial: self.serial(),
            principal_type: asked.principal,
            context_type: asked.context,
            asked_as,
        })
    }
}

impl Checker {
    /// Decides about one resource. An environment of another type of principal, or of other
    /// circumstances, refuses with [`codes::UNKNOWN_ACTION`].
    #[inline]
    pub fn check<'i>(&self, environment: &Environment, resource: impl Into<Id<'i>>) -> Decision {
        let resource = resource.into();
        let Some(asked) = self.asked(environment) else {
            return self.world.refuse(codes::UNKNOWN_ACTION, Some(1));
        };
        if let Some(asked_as) = &self.asked_as
            && let Some(shadow) = self.world.shadow()
            && shadow.wants_one()
        {
            return self.check_twice(asked_as, environment, environment.resource(resource));
        }
        if !environment.may_be_asked(&self.world, &resource) {
            return self.world.refuse(codes::INVALID_REQUEST, Some(1));
        }
        self.asker.decide(&self.world, asked, resource.0)
    }

    /// Finds a resource, for [`check_resolved`](Self::check_resolved). `None` where facts neither
    /// hold nor name it, or where its type is an enumeration without this id.
    #[must_use]
    pub fn resolve<'i>(
        &self,
        environment: &Environment,
        resource: impl Into<Id<'i>>,
    ) -> Option<Resolved> {
        let (asked, resource) = (environment.asked(), resource.into());
        if asked.plan != self.plan {
            return None;
        }
        if !environment.may_be_asked(&self.world, &resource) {
            return None;
        }
        let found = Asker::find(&self.world, asked.resource, resource.0)?;
        Some(Resolved { found, type_number: asked.resource, world: self.serial })
    }

    /// Decides about one resource that was found before, for an environment of its type. One that was
    /// found in another world refuses with [`codes::INVALID_REQUEST`].
    #[inline]
    pub fn check_resolved(&self, environment: &Environment, resource: Resolved) -> Decision {
        let asked = self.asked(environment).filter(|asked| asked.resource == resource.type_number);
        let Some(asked) = asked else {
            return self.world.refuse(codes::UNKNOWN_ACTION, Some(1));
        };
        if resource.world != self.serial {
            return self.world.refuse(codes::INVALID_REQUEST, Some(1));
        }
        if let Some(asked_as) = &self.asked_as
            && let Some(shadow) = self.world.shadow()
            && shadow.wants_one()
        {
            let uid = self.world.facts().rows().uid_of(resource.found.slot());
            return self.check_twice(asked_as, environment, uid);
        }
        self.asker.decide_found(&self.world, asked, resource.found)
    }

    /// Tells what may be done with each of some resources: the buttons of a page.
    ///
    /// For each resource, in their order, whether [`check`](Self::check) allows what each of the
    /// environments asks, in theirs: the answers of resource `n` begin at `n` times the number of
    /// environments. A resource is looked up once. What a button that is not shown was refused for
    /// is `check`'s to tell.
    #[must_use]
    pub fn allowed<'i, I: Into<Id<'i>>>(
        &self,
        environments: &[&Environment],
        resources: impl IntoIterator<Item = I>,
    ) -> Vec<bool> {
        let (resources, rows) = (resources.into_iter(), self.world.facts().rows());
        let effects = |environment: &&Environment| {
            let asked = self.asked(environment).filter(|_| self.asked_as.is_none());
            asked.map(|asked| self.asker.effects(&self.world, asked))
        };
        let mut effects: Vec<Option<Effects<'_>>> = environments.iter().map(effects).collect();
        let mut allowed = Vec::with_capacity(resources.size_hint().0 * environments.len());
        for resource in resources {
            let resource = resource.into();
            // Of which type it was looked up, and what was found.
            let mut known = None;
            for (environment, effects) in environments.iter().zip(&mut effects) {
                let found = effects.as_mut().and_then(|effects| {
                    let of = effects.resource_type();
                    let found = match known {
                        Some((type_number, found)) if type_number == of => found,
                        _ => {
                            let may_be_asked = environment.may_be_asked(&self.world, &resource);
                            let found = may_be_asked.then(|| Found::with_row(rows, of, resource.0));
                            known = Some((of, found.flatten()));
                            found.flatten()
                        }
                    };
                    found.map(|found| (effects, found))
                });
                allowed.push(match found {
                    Some((effects, (found, row))) => effects.allows(found, row),
                    // Named by nothing, or to be decided twice.
                    None => self.check(environment, resource).is_allowed(),
                });
            }
        }
        allowed
    }

    /// The stored resources of an environment that the check allows.
    ///
    /// Looked up by what the policies demand of a resource, each is decided as
    /// [`check`](Self::check) decides it: whoever is told apart by a client, a relation or an
    /// invitation costs what he may see, whatever else is stored. Where the policies demand nothing
    /// that rows can be looked up by, each row of the type is checked. The first list after an
    /// engine was built, or other policies were published, goes through the rows to index them; a
    /// write keeps the index up to date. An environment of another type of principal, or of other
    /// circumstances, lists nothing.
    #[must_use]
    pub fn list(&self, environment: &Environment) -> Listing {
        self.list_within(environment, None)
    }

    pub(crate) fn list_within(
        &self,
        environment: &Environment,
        within: Option<Within<'_>>,
    ) -> Listing {
        let rows = self.world.facts().rows();
        let shadow = self.world.shadow().zip(self.asked_as.as_ref());
        let twice = shadow.map(|(shadow, asked_as)| {
            move |slot| {
                let ask = || Self::request(asked_as, environment, rows.uid_of(slot));
                let decision = |request: Request| shadow.check_twice(&self.world, &request);
                shadow.wants_one().then(|| decision(ask()).is_allowed())
            }
        });
        let asked = self.asked(environment);
        let slots = asked
            .map(|asked| query::listed(&self.world, asked, &self.asker, within, twice))
            .unwrap_or_default();
        Listing::new(Arc::clone(&self.world), slots)
    }

    /// The rows of a host's table that the check allows, as a condition for the host's own queries.
    ///
    /// A row is one that a check of a resource allows which the host passes inline with what stands
    /// in the row. The filter holds for this principal, these circumstances and the facts of this
    /// moment: make one for each query. What cannot be asked in SQL is an error that names policy and
    /// clause, and never a wider filter.
    ///
    /// # Errors
    ///
    /// When the mapping does not fit the schema or the environment, when a policy reads what is not
    /// mapped or asks what columns cannot tell, or when the environment is of another type of
    /// principal.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{
    ///     ColumnMapping, Dialect, Engine, EntityUid, PolicyBundle, Record, SqlValue, TableMapping,
    /// };
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader;
    ///         entity Book = { lent_to: Reader, lost: Bool };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         @id("lent") permit (principal, action, resource)
    ///         when { resource.lent_to == principal } unless { resource.lost };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).host_owned("Book").build()?;
    /// let books = TableMapping::new("Book", ColumnMapping::integer("id"))
    ///     .column("lent_to", ColumnMapping::text("reader"))
    ///     .column("lost", ColumnMapping::boolean("lost"));
    ///
    /// let read = engine.environment("Reader", "read", "Book")?;
    /// let context = engine.context(&read, Record::new())?;
    /// let filter = engine.checker(&read, "ada", &context)?.filter(&read, &books)?;
    /// let sql = filter.to_sql(Dialect::Postgres, "b");
    /// assert_eq!(sql.condition, r#"("b"."reader"::text = $1 AND "b"."lost" = $2)"#);
    /// let ada = SqlValue::Text("ada".to_owned());
    /// assert_eq!(sql.parameters, [ada, SqlValue::Boolean(false)]);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn filter(
        &self,
        environment: &Environment,
        mapping: &TableMapping,
    ) -> Result<Filter, FilterError> {
        let types = self.world.policies().types();
        let (Some(asked), Some(types)) = (self.asked(environment), types) else {
            return Err(FilterError::new("the environment is not of this checker")
                .with_help("ask for one of its type of principal and its circumstances"));
        };
        let (principal, local) = (self.asker.principal().slot(), self.asker.local());
        query::filter(&self.world, types, asked, principal, local, mapping)
    }

    /// What it answers from.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Whether an environment is of its type of principal and of its circumstances.
    #[inline]
    pub(crate) fn serves(&self, environment: &Environment) -> bool {
        self.asked(environment).is_some()
    }

    #[inline]
    fn asked(&self, environment: &Environment) -> Option<Asked> {
        let asked = environment.asked();
        let of = (asked.plan, asked.principal, asked.context);
        (of == (self.plan, self.principal_type, self.context_type)).then_some(asked)
    }

    #[cold]
    fn check_twice(
        &self,
        asked_as: &(EntityUid, Record),
        environment: &Environment,
        resource: EntityUid,
    ) -> Decision {
        let request = Self::request(asked_as, environment, resource);
        match self.world.shadow() {
            Some(shadow) => shadow.check_twice(&self.world, &request),
            None => self.world.check(&request),
        }
    }

    fn request(
        (principal, context): &(EntityUid, Record),
        environment: &Environment,
        resource: EntityUid,
    ) -> Request {
        Request::new(principal.clone(), environment.action().clone(), resource)
            .context(context.clone())
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("world", &self.world).finish_non_exhaustive()
    }
}
