//! Tables of the host's, against the schema of policies.

use super::{Engine, World};
use crate::decide::Request;
use crate::policy::PolicyBundle;
use crate::query::{self, Filter, FilterError, TableMapping};

impl TableMapping {
    /// Checks all of it against the schema, as each filter does: for when a program starts.
    ///
    /// # Errors
    ///
    /// When the schema declares no such type or attribute, when a column does not hold what the
    /// attribute is, or when its `NULL` cannot mean what is said of it.
    pub fn check(&self, policies: &PolicyBundle) -> Result<(), FilterError> {
        match policies.types() {
            Some(types) => self.check_types(types),
            None => Err(FilterError::new("there is no schema to check the mapping against")
                .with_help("load the policies with their schema")),
        }
    }
}

impl Engine {
    /// The rows of a host's table that the check of a request allows, as a condition for the host's
    /// own queries: what [`Checker::filter`](crate::Checker::filter) tells of a principal that was
    /// looked up, with its promises and limits.
    ///
    /// Of the resource of `request` the type alone is used. The request may bring rows of other types
    /// inline, as of a principal that the host owns.
    ///
    /// # Errors
    ///
    /// As [`Checker::filter`](crate::Checker::filter), and when the request does not fit the schema
    /// or brings rows of the table along.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{
    ///     ColumnMapping, Dialect, Engine, Entity, EntityUid, PolicyBundle, Request, TableMapping,
    /// };
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader = { branch: String };
    ///         entity Book = { branch: String };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         @id("branch") permit (principal, action, resource)
    ///         when { resource.branch == principal.branch };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).all_inline().build()?;
    /// let books = TableMapping::new("Book", ColumnMapping::integer("id"))
    ///     .column("branch", ColumnMapping::text("branch"));
    ///
    /// let ada = EntityUid::new("Reader", "ada");
    /// let request = Request::new(ada.clone(), "read", EntityUid::new("Book", ""))
    ///     .inline(Entity::new(ada).with("branch", "north"));
    /// let sql = engine.filter(&request, &books)?.to_sql(Dialect::Sqlite, "b");
    /// assert_eq!(sql.condition, r#"("b"."branch" COLLATE BINARY = ?1)"#);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn filter(&self, request: &Request, mapping: &TableMapping) -> Result<Filter, FilterError> {
        self.world().filter(request, mapping)
    }
}

impl World {
    /// The rows of a host's table that the check of a request allows: see [`Engine::filter`].
    ///
    /// # Errors
    ///
    /// As [`Engine::filter`].
    pub fn filter(&self, request: &Request, mapping: &TableMapping) -> Result<Filter, FilterError> {
        mapping.check(self.policies())?;
        let mut inline = request.inline.iter().map(|row| row.uid().type_name());
        if let Some(of) = inline.find(|of| mapping.maps(of)) {
            let message = format!("the request brings a {of} along");
            return Err(FilterError::new(message)
                .with_help("leave rows of the table out: what stands in it, the filter asks"));
        }
        query::filter_of(self, request, mapping).unwrap_or_else(|| {
            let fault = self.explain(request).fault;
            Err(FilterError::new(fault.unwrap_or_else(|| "the request is none".to_owned()))
                .with_help("see the schema's `appliesTo`, and what it declares of the context"))
        })
    }
}
