//! Questions about many of a state's resources or principals, and about a host's table.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::SuiteError;
use super::format::debug_in_part;
use super::stage::{Kept, PortalStage, Stage};
use crate::decide::Request;
use crate::engine::World;
use crate::facts::{Changes, EntityUid, Value, ValueError, shorten};
use crate::portal::{Action, Audience, Caller, Channel, Kind, Refused, Resource};
use crate::query::{Filter, FilterError, TableMapping};

/// More names than this are no help.
const KNOWN_MAX: usize = 50;

/// A question about many: one end of it, by name or as in `Contact::"gm"`, and an action.
///
/// [`Stage::list`] and [`Stage::filter`] take the end as the principal, [`Stage::who`] as the
/// resource.
#[derive(Clone)]
pub struct Search {
    known: String,
    action: String,
    context: Map<String, Json>,
    among: Among,
}

debug_in_part! {
    Search { action, among }
    Found { action, types, stored }
    Filtered { action, left_out }
}

/// What is looked among.
#[derive(Debug, Clone)]
enum Among {
    /// Every type that the schema declares the action for.
    All,
    Type(String),
    Kind(String),
}

impl Search {
    /// Asks about everything that the schema declares the action for.
    #[must_use]
    pub fn new(known: &str, action: &str) -> Self {
        let (known, action) = (known.to_owned(), action.to_owned());
        Self { known, action, context: Map::new(), among: Among::All }
    }

    /// Asks about entities of one type alone.
    #[must_use]
    pub fn of_type(self, name: &str) -> Self {
        Self { among: Among::Type(name.to_owned()), ..self }
    }

    /// Asks about a portal's documents of one kind alone.
    #[must_use]
    pub fn of_kind(self, kind: &str) -> Self {
        Self { among: Among::Kind(kind.to_owned()), ..self }
    }

    /// The circumstances, as in a request's JSON. A portal makes its own.
    #[must_use]
    pub fn context(self, context: Map<String, Json>) -> Self {
        Self { context, ..self }
    }
}

/// What is stored of which a check allows what was asked.
#[derive(Clone)]
#[non_exhaustive]
pub struct Found {
    /// The end that was named.
    pub known: EntityUid,
    /// The action.
    pub action: EntityUid,
    /// The types that were looked among, in order; for documents of a kind `Document`.
    pub types: Vec<String>,
    /// Those that are allowed, ordered by type and id.
    pub uids: Vec<EntityUid>,
    /// How many there are to look among.
    pub stored: usize,
    /// What was asked.
    pub world: Arc<World>,
}

/// The rows of a host's table that a check allows.
#[derive(Clone)]
#[non_exhaustive]
pub struct Filtered {
    /// Who asks.
    pub principal: EntityUid,
    /// The action.
    pub action: EntityUid,
    /// The condition on the table's rows.
    pub filter: Filter,
    /// How many stored rows of the table's type were left out, since the table stands for them.
    pub left_out: usize,
    /// What was asked, without them.
    pub world: Arc<World>,
}

/// A portal, and who asks there.
type PortalCaller<'s> = (&'s PortalStage, Caller);

impl Stage {
    /// Which stored resources a principal may do something with: each as a check decides it.
    ///
    /// # Errors
    ///
    /// When a name is not known, or the schema does not declare the action for such a principal or
    /// for the type that was asked for. Without a schema a type has to be.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::{Search, Stage};
    /// use doorward::portal::shipped_policies;
    ///
    /// let stage = Stage::from_yaml("
    ///     preset: invoicing
    ///     clients:
    ///       C1:
    ///         contacts: { gm: {} }
    ///         documents:
    ///           I1: { kind: invoice, state: sent }
    ///           I2: { kind: invoice, state: draft }
    /// ", &shipped_policies()?)?;
    /// let found = stage.list(&Search::new("gm", "view").of_kind("invoice"))?;
    /// assert_eq!((found.uids.len(), found.stored), (1, 2));
    /// assert_eq!(found.uids[0].id(), "I1");
    ///
    /// let error = stage.list(&Search::new("gm", "view").of_kind("invoise")).unwrap_err();
    /// assert_eq!(error.message(), "there is no kind `invoise`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(&self, search: &Search) -> Result<Found, SuiteError> {
        let world = self.world();
        let (request, caller) = self.asker(search)?;
        let (principal, action) = (request.principal(), request.action());
        let wanted = match (&search.among, &caller) {
            (Among::All, _) => None,
            (Among::Type(name), _) => Some(name.as_str()),
            (Among::Kind(_), Some(_)) => Some("Document"),
            (Among::Kind(_), None) => return Err(no_kinds()),
        };
        let types = types_between(&world, (Some(principal.type_name()), action, None), wanted)?;
        fits(&world, principal.type_name(), &request, types.first())?;
        let (mut uids, stored) = match (&search.among, caller) {
            (Among::Kind(kind), Some((stage, caller))) => stage.of_kind(&caller, action, kind)?,
            _ => {
                let listed = types.iter().flat_map(|name| world.list(&request, name)).collect();
                (listed, stored(&world, &types))
            }
        };
        uids.sort_unstable();
        let (known, action) = (principal.clone(), action.clone());
        Ok(Found { known, action, types, uids, stored, world })
    }

    /// Which stored principals may do something with a resource.
    ///
    /// In a portal these are contacts, each as [`Tenant::who`](crate::Tenant::who) asks (he has just
    /// signed in, from a network that the tenant lets in), staff, and bearers of links.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::{Search, Stage};
    /// use doorward::portal::shipped_policies;
    ///
    /// let stage = Stage::from_yaml("
    ///     preset: invoicing
    ///     settings: { kinds: { invoice: { level: invited } } }
    ///     clients:
    ///       C1:
    ///         contacts: { gm: {}, acc: {} }
    ///         documents: { I1: { kind: invoice, state: sent, invited: [gm] } }
    /// ", &shipped_policies()?)?;
    /// let found = stage.who(&Search::new("I1", "view"))?;
    /// assert_eq!(found.types, ["Contact", "Link", "Staff"]);
    /// assert_eq!(found.uids[0].to_string(), r#"Contact::"gm""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn who(&self, search: &Search) -> Result<Found, SuiteError> {
        let world = self.world();
        let wanted = match &search.among {
            Among::All => None,
            Among::Type(name) => Some(name.as_str()),
            Among::Kind(_) => return Err(no_kinds()),
        };
        let mut found = match &self.0 {
            Kept::Engine(stage) => {
                let known = entity("the resource", &search.known)?;
                let request =
                    stage.request_between(&known, &search.action, &known, &search.context)?;
                let ends = (None, request.action(), Some(known.type_name()));
                let types = types_between(&world, ends, wanted)?;
                let of_principal = types.first().map_or("", String::as_str);
                fits(&world, of_principal, &request, Some(known.type_name()))?;
                let uids = types.iter().flat_map(|name| world.who(&request, name)).collect();
                let (action, stored) = (request.action().clone(), stored(&world, &types));
                Found { known, action, types, uids, stored, world }
            }
            Kept::Portal(stage) => stage.who(world, search, wanted)?,
        };
        found.uids.sort_unstable();
        Ok(found)
    }

    /// Whom an event about a document reaches on some channels, and who nearly is, each with the
    /// reason: see [`Tenant::audience`](crate::Tenant::audience).
    ///
    /// # Errors
    ///
    /// When the state is none of a portal, or has no such document or event.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::Stage;
    /// use doorward::portal::{Channel, shipped_policies};
    ///
    /// let stage = Stage::from_yaml("
    ///     preset: invoicing
    ///     clients:
    ///       C1:
    ///         contacts: { gm: {} }
    ///         documents: { I1: { kind: invoice, state: sent, invited: [gm] } }
    /// ", &shipped_policies()?)?;
    /// let audience = stage.audience("I1", "invoice.sent", &[Channel::Email])?;
    /// assert_eq!(audience.recipients.len(), 1);
    /// assert!(stage.audience("I1", "invoice.snet", Channel::ALL).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audience(
        &self,
        document: &str,
        event: &str,
        channels: &[Channel],
    ) -> Result<Audience, SuiteError> {
        let Kept::Portal(stage) = &self.0 else {
            return Err(SuiteError::new("only a portal sends mail")
                .with_help("ask of a portal's fixture in YAML"));
        };
        let facts = stage.tenant.facts();
        for (type_name, what, id) in [("Document", "document", document), ("Event", "event", event)]
        {
            if !facts.contains(&EntityUid::new(type_name, id)) {
                let known: Vec<EntityUid> = facts.uids_of_type(type_name).collect();
                let message = format!("there is no {what} `{}`", shorten(id));
                return Err(known_are(message, known.iter().map(EntityUid::id)));
            }
        }
        stage.tenant.audience(stage.tenant.document(document), event, channels).map_err(refused)
    }

    /// Which rows of a host's table a principal may do something with: see
    /// [`Engine::filter`](crate::Engine::filter). Stored rows of the table's type are left out, as if
    /// they stood in the table.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list), and those of [`Engine::filter`](crate::Engine::filter), which name
    /// the policy and the clause.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::{Search, Stage};
    /// use doorward::{ColumnMapping, Dialect, Engine, PolicyBundle, TableMapping};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader;
    ///         entity Book = { lent_to: Reader };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         @id("lent") permit (principal, action, resource)
    ///         when { resource.lent_to == principal };
    ///     "#)
    ///     .build()?;
    /// let books = TableMapping::new("Book", ColumnMapping::integer("id"))
    ///     .column("lent_to", ColumnMapping::integer("reader"));
    /// let stage = Stage::from(Engine::builder(policies).all_stored_or_inline().build()?);
    /// let filtered = stage.filter(&Search::new(r#"Reader::"7""#, "read"), &books)?;
    /// let sql = filtered.filter.to_sql(Dialect::Sqlite, "b");
    /// assert_eq!(sql.condition, r#"("b"."reader" = ?1)"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&self, search: &Search, mapping: &TableMapping) -> Result<Filtered, SuiteError> {
        let world = self.world();
        mapping.check(world.policies()).map_err(no_filter)?;
        let (request, _) = self.asker(search)?;
        let (principal, action) = (request.principal().clone(), request.action().clone());
        let ends = (Some(principal.type_name()), &action, None);
        let _is_declared = types_between(&world, ends, Some(mapping.type_name()))?;
        let rows: Vec<EntityUid> = world.facts().uids_of_type(mapping.type_name()).collect();
        let left_out = rows.len();
        let changes = rows.into_iter().fold(Changes::new(), Changes::remove);
        let world = Arc::new(world.with_facts(world.facts().with(&changes)));
        let request = request.for_resource(EntityUid::new(mapping.type_name(), ""));
        let filter = world.filter(&request, mapping).map_err(no_filter)?;
        Ok(Filtered { principal, action, filter, left_out, world })
    }

    /// A request of the principal, whichever its resource is, and in a portal who asks.
    fn asker(&self, search: &Search) -> Result<(Request, Option<PortalCaller<'_>>), SuiteError> {
        match &self.0 {
            Kept::Engine(stage) => {
                let known = entity("the principal", &search.known)?;
                let request =
                    stage.request_between(&known, &search.action, &known, &search.context)?;
                Ok((request, None))
            }
            Kept::Portal(stage) => {
                let action = search.portal_action()?;
                let caller = stage.named_caller(&search.known).map_err(SuiteError::new)?;
                let request = stage.tenant.request(&caller, action, Resource::Portal);
                Ok((request.map_err(refused)?, Some((&**stage, caller))))
            }
        }
    }
}

impl Search {
    fn portal_action(&self) -> Result<Action, SuiteError> {
        if !self.context.is_empty() {
            return Err(SuiteError::new("a portal makes the context itself")
                .with_help("leave the context out, or ask of plain entities"));
        }
        self.action.parse().map_err(no_value)
    }
}

impl PortalStage {
    /// The documents of a kind that are allowed, and how many there are.
    fn of_kind(
        &self,
        caller: &Caller,
        action: &EntityUid,
        name: &str,
    ) -> Result<(Vec<EntityUid>, usize), SuiteError> {
        let kinds = self.tenant.kinds();
        let Some((kind, _)) = kinds.iter().find(|(kind, _)| kind.as_str() == name) else {
            let message = format!("there is no kind `{}`", shorten(name));
            return Err(known_are(message, kinds.keys().map(Kind::as_str)));
        };
        let action: Action = action.id().parse().map_err(no_value)?;
        let checker = self.tenant.checker(caller);
        let uid = EntityUid::new("Kind", name);
        let documents = checker.world().facts().of_type("Document");
        let stored = documents
            .filter(|row| row.attribute("kind").and_then(Value::as_entity) == Some(&uid))
            .count();
        Ok((checker.list(action, kind).uids(), stored))
    }

    fn who(
        &self,
        world: Arc<World>,
        search: &Search,
        wanted: Option<&str>,
    ) -> Result<Found, SuiteError> {
        const ASKED: [&str; 3] = ["Contact", "Link", "Staff"];
        let action = search.portal_action()?;
        let resource = self.named_resource(&search.known).map_err(SuiteError::new)?;
        let tenant = &self.tenant;
        let anybody = Caller::guest(tenant.id());
        let request = tenant.request(&anybody, action, resource.clone()).map_err(refused)?;
        let ends = (None, request.action(), Some(request.resource().type_name()));
        let mut types = types_between(&world, ends, wanted)?;
        types.retain(|name| ASKED.contains(&name.as_str()));
        if types.is_empty() {
            return Err(SuiteError::new("in a portal contacts, links and staff are asked about")
                .with_help(format!("ask for one of {}", ASKED.join(", "))));
        }
        let mut uids = Vec::new();
        for name in &types {
            let callers = world.facts().uids_of_type(name);
            let may = |caller: Caller| tenant.check(&caller, action, resource.clone()).is_allowed();
            match name.as_str() {
                "Contact" => {
                    let contacts = tenant.who(action, resource.clone()).map_err(refused)?;
                    uids.extend(contacts.iter().map(|contact| contact.uid()));
                }
                "Link" => {
                    uids.extend(callers.filter(|uid| may(Caller::link(tenant.link(uid.id())))));
                }
                _ => uids.extend(callers.filter(|uid| may(Caller::staff(tenant.staff(uid.id()))))),
            }
        }
        let (known, action) = (request.resource().clone(), request.action().clone());
        let stored = stored(&world, &types);
        Ok(Found { known, action, types, uids, stored, world })
    }
}

/// The types at the open end of a question, as the schema declares them: the one that is wanted, or
/// all.
fn types_between(
    world: &World,
    (principal, action, resource): (Option<&str>, &EntityUid, Option<&str>),
    wanted: Option<&str>,
) -> Result<Vec<String>, SuiteError> {
    let policies = world.policies();
    if !policies.has_schema() {
        let type_name = wanted.ok_or_else(|| {
            SuiteError::new("there is no schema that says which types there are")
                .with_help("say which type is asked about")
        })?;
        return Ok(vec![type_name.to_owned()]);
    }
    let environments = policies.environments();
    let name = if action.type_name() == "Action" { action.id() } else { &action.to_string() };
    let name = shorten(name);
    let of_action = || environments.iter().filter(|(_, declared, _)| declared == action);
    if of_action().next().is_none() {
        let names = environments.iter().map(|(_, declared, _)| declared.id());
        return Err(known_are(
            format!("the schema declares no action `{name}` for anything"),
            names,
        ));
    }
    let is = |given: Option<&str>, declared: &str| given.is_none_or(|given| given == declared);
    let types: BTreeSet<&str> = of_action()
        .filter(|(from, _, on)| is(principal, from) && is(resource, on))
        .map(|(from, _, on)| if principal.is_some() { &**on } else { &**from })
        .collect();
    let known = principal.or(resource).unwrap_or_default();
    if types.is_empty() {
        let others = of_action().map(|(from, _, on)| if principal.is_some() { from } else { on });
        let message = format!("`{name}` is not declared for a {known}");
        return Err(known_are(message, others.map(|other| &**other)));
    }
    match wanted {
        None => Ok(types.into_iter().map(str::to_owned).collect()),
        Some(wanted) if types.contains(wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => {
            let wanted = shorten(wanted);
            let message = format!("`{name}` is not declared for a {known} and a `{wanted}`");
            Err(known_are(message, types))
        }
    }
}

/// Circumstances that fit no schema would refuse every check, and show as nothing found.
fn fits(
    world: &World,
    principal: &str,
    request: &Request,
    resource: Option<impl AsRef<str>>,
) -> Result<(), SuiteError> {
    let Some(resource) = resource.filter(|_| world.policies().has_schema()) else { return Ok(()) };
    let environment = world.environment(principal, request.action(), resource.as_ref())?;
    match world.context(&environment, request.context.clone()) {
        Ok(_) => Ok(()),
        Err(error) => Err(SuiteError::from(error).within("the context")),
    }
}

fn stored(world: &World, types: &[String]) -> usize {
    types.iter().map(|name| world.facts().uids_of_type(name).count()).sum()
}

/// What is not known, and what is.
fn known_are<'n>(message: String, known: impl IntoIterator<Item = &'n str>) -> SuiteError {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let error = SuiteError::new(message);
    match known.len() {
        0 => error.with_help("there are none"),
        1..=KNOWN_MAX => {
            let known: Vec<&str> = known.into_iter().collect();
            error.with_help(format!("known are {}", known.join(", ")))
        }
        _ => error,
    }
}

fn no_kinds() -> SuiteError {
    SuiteError::new("only documents of a portal are of kinds")
        .with_help("ask for a type, or of a portal's fixture")
}

fn entity(what: &str, name: &str) -> Result<EntityUid, SuiteError> {
    name.parse().map_err(|error| no_value(error).within(what))
}

fn refused(refused: Refused) -> SuiteError {
    SuiteError::new(format!("no policy was asked: {}", refused.decision()))
}

fn no_value(error: ValueError) -> SuiteError {
    with_help(error.message(), error.help())
}

fn no_filter(error: FilterError) -> SuiteError {
    with_help(error.message(), error.help())
}

fn with_help(message: impl Display, help: Option<&str>) -> SuiteError {
    let error = SuiteError::new(message.to_string());
    help.map(str::to_owned).into_iter().fold(error, SuiteError::with_help)
}
