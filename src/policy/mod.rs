//! Policy text to a validated [`PolicyBundle`].
//!
//! A bundle is what one revision of the policies says: the schema, the policies, and what their
//! annotations mean. Loading reports everything that is wrong at once, and never panics or
//! overflows the stack, whatever the text: [`Limits`] are checked on tokens before Cedar parses.

mod annotations;
mod assemble;
mod cedar;
mod diagnostics;
mod digest;
mod format;
mod info;
mod lexer;
mod limits;
mod load;
mod schema;
mod statements;
#[cfg(test)]
mod tests;
mod weigh;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;

use cedar_policy::{Entity, PolicyId, PolicySet};
use serde::{Deserialize, Serialize};

pub use diagnostics::{Diagnostic, PolicyError, Severity};
pub(crate) use diagnostics::{SourceText, list};
pub use digest::Digest;
pub use info::{Effect, PolicyInfo};
pub use limits::Limits;

use crate::facts::{self, AsEntity, EntityUid, Facts, Types, ValueError, check_untyped_entity};
use crate::plan::Plan;

/// Policies that parsed, validated and have their names and reasons in order.
///
/// Cloning costs one counter; a bundle never changes.
///
/// # Example
///
/// ```
/// use doorward::PolicyBundle;
///
/// let bundle = PolicyBundle::builder()
///     .schema("portal.cedarschema", r#"
///         entity Contact, Invoice = { owner: Contact };
///         action view appliesTo { principal: Contact, resource: Invoice };
///     "#)
///     .policies("own.cedar", r#"
///         @id("own-invoices")
///         permit (principal, action == Action::"view", resource)
///         when { resource.owner == principal };
///     "#)
///     .build()?;
/// assert_eq!(bundle.policies().len(), 1);
/// assert!(bundle.has_schema() && bundle.warnings().is_empty());
/// # Ok::<(), doorward::PolicyError>(())
/// ```
#[derive(Clone)]
pub struct PolicyBundle(Arc<Inner>);

struct Inner {
    made_of: PolicyBundleBuilder,
    digest: Digest,
    infos: Vec<PolicyInfo>,
    by_id: HashMap<&'static str, usize>,
    warnings: Vec<Diagnostic>,
    schema: Option<schema::SchemaInfo>,
    sets: Sets,
    literals: Vec<EntityUid>,
    plan: OnceLock<Arc<Plan>>,
}

/// The policies of a bundle by the part they play; every id is that of a [`PolicyInfo`].
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// Permits and forbids that decide.
    pub(crate) all: PolicySet,
    /// The permits among them.
    pub(crate) permits: PolicySet,
    /// Reason-only forbids, which never decide.
    pub(crate) reasons: PolicySet,
}

impl PolicyBundle {
    /// Loads every `.cedarschema` and `.cedar` file of a folder and its sub-folders.
    ///
    /// The schema files together are one schema; without any, nothing is validated. Files are
    /// taken in the order of their paths. Folders named `tests` and names that start with a dot
    /// are skipped. A symbolic link to a file inside the folder is read, one to a folder is not
    /// followed, and one that leads out is an error.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] lists everything that is wrong: a folder or file that can't be read, that
    /// isn't UTF-8 or exceeds the default [`Limits`], a folder without policies, and all that
    /// [`PolicyBundleBuilder::build`] refuses.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::PolicyBundle;
    ///
    /// let refused = PolicyBundle::load("no/such/folder").unwrap_err();
    /// assert_eq!(refused.diagnostics()[0].code(), "unreadable");
    /// ```
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let limits = Limits::default();
        let folder = load::read(dir.as_ref(), limits);
        let made_of = PolicyBundleBuilder { sources: folder.sources, links: Vec::new(), limits };
        build(made_of, &folder.findings)
    }

    /// Starts a bundle from texts in memory.
    #[must_use]
    pub fn builder() -> PolicyBundleBuilder {
        PolicyBundleBuilder::default()
    }

    /// What the bundle was made of: to add to it, or, as JSON, to build it in another process.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{PolicyBundle, PolicyBundleBuilder};
    ///
    /// let policies = r#"@id("readers") permit (principal, action == Action::"read", resource);"#;
    /// let bundle = PolicyBundle::builder().policies("readers.cedar", policies).build()?;
    ///
    /// let sent = serde_json::to_string(bundle.made_of())?;
    /// let received: PolicyBundleBuilder = serde_json::from_str(&sent)?;
    /// assert_eq!(received.build()?.digest(), bundle.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn made_of(&self) -> &PolicyBundleBuilder {
        &self.0.made_of
    }

    /// What the bundle was made of, as a hash.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Every policy, reason-only ones and template links included, in the order of the files and
    /// of their text; a link stands where its template does.
    #[must_use]
    pub fn policies(&self) -> &[PolicyInfo] {
        &self.0.infos
    }

    /// The policy of this id.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&PolicyInfo> {
        self.0.by_id.get(id).and_then(|index| self.0.infos.get(*index))
    }

    /// What loads but probably isn't meant, in the order of the files.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.0.warnings
    }

    /// Reads facts: Cedar's entity JSON, an array of `{"uid", "attrs", "parents", "tags"}`.
    ///
    /// Where the schema declares a type, `__entity` and `__extn` may be left out, as in Cedar. Rows
    /// are checked against the schema when an engine takes them.
    ///
    /// # Errors
    ///
    /// When the text is no such JSON, a value is none of Cedar's, or two rows have one uid. The
    /// message names the entity and the attribute.
    pub fn read_facts(&self, json: &str) -> Result<Facts, ValueError> {
        Facts::from_json(json, self.types_and_digest())
    }

    /// Facts of these rows, entities or structs of the host's own, checked against the schema while
    /// they are at hand: an engine over these policies takes them without looking at each again. Of
    /// rows of one name the last stays.
    ///
    /// # Errors
    ///
    /// When a row does not fit the schema, or writes an attribute twice. Without a schema,
    /// [`EngineBuilder::build`](crate::EngineBuilder::build) checks the names.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Engine, Entity, EntityUid, PolicyBundle};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "entity Book = { title: String };")
    ///     .build()?;
    /// let books = ["Emma", "Dune"].map(|title| {
    ///     Entity::new(EntityUid::new("Book", title.to_lowercase())).with("title", title)
    /// });
    /// let facts = policies.facts(books)?;
    /// assert_eq!(facts.len(), 2);
    /// let engine = Engine::builder(policies).facts(facts).build()?;
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn facts<E: AsEntity>(
        &self,
        rows: impl IntoIterator<Item = E>,
    ) -> Result<Facts, ValueError> {
        Facts::from_rows(rows, self.types_and_digest())
    }

    fn types_and_digest(&self) -> Option<(&Types, [u8; 32])> {
        self.types().map(|types| (types, *self.digest().as_bytes()))
    }

    /// Whether the policies were validated against a schema.
    #[must_use]
    pub fn has_schema(&self) -> bool {
        self.0.schema.is_some()
    }
}

impl PolicyBundle {
    #[cfg(test)]
    pub(crate) fn schema(&self) -> Option<&cedar_policy::Schema> {
        self.0.schema.as_ref().map(|info| &info.schema)
    }

    pub(crate) fn sets(&self) -> &Sets {
        &self.0.sets
    }

    /// The types of principal, actions and types of resource that the schema knows together.
    pub(crate) fn environments(&self) -> Vec<(Arc<str>, EntityUid, Arc<str>)> {
        let mut all: Vec<_> = self
            .types()
            .into_iter()
            .flat_map(Types::actions)
            .flat_map(|(action, of)| {
                let between = |principal: &Arc<str>| {
                    let resources = of.resources.iter();
                    let one =
                        |it: &Arc<str>| (Arc::clone(principal), action.clone(), Arc::clone(it));
                    resources.map(one).collect::<Vec<_>>()
                };
                of.principals.iter().flat_map(between).collect::<Vec<_>>()
            })
            .collect();
        all.sort();
        all
    }

    /// The actions that the schema declares, in their groups, as entities.
    pub(crate) fn declared_actions(&self) -> Vec<facts::Entity> {
        let actions = self.action_groups().into_iter();
        actions
            .map(|(uid, groups)| {
                let mut action = facts::Entity::new(uid);
                action.set_parents(groups);
                action
            })
            .collect()
    }

    /// What the bundle was compiled to, by whoever asks first.
    pub(crate) fn plan_once(&self, compile: impl FnOnce() -> Plan) -> Arc<Plan> {
        Arc::clone(self.0.plan.get_or_init(|| Arc::new(compile())))
    }

    /// The position of a policy in [`PolicyBundle::policies`].
    pub(crate) fn index_of(&self, id: &PolicyId) -> Option<usize> {
        let id: &str = id.as_ref();
        self.0.by_id.get(id).copied()
    }

    /// What the schema says of attributes, tags and contexts.
    pub(crate) fn types(&self) -> Option<&Types> {
        self.0.schema.as_ref().map(|info| &info.types)
    }

    /// Whether a row fits the schema; without one, whether Cedar knows its names and values.
    pub(crate) fn check_entity(&self, entity: &facts::Entity) -> Result<(), ValueError> {
        match self.types() {
            Some(types) => types.check_entity(entity),
            None => check_untyped_entity(entity),
        }
    }

    /// Whether the schema declares these entity types; `help` says what to do where it does not.
    pub(crate) fn require_types(&self, types: &[&str], help: &str) -> Result<(), PolicyError> {
        let declared = |name: &str| self.types().is_some_and(|types| types.declares(name));
        match types.iter().find(|name| !declared(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("the schema declares no entity type `{name}`");
                Err(PolicyError::new(vec![
                    Diagnostic::error("missing-type", message).with_help(help),
                ]))
            }
        }
    }

    /// The entities that policies and links name, each once.
    pub(crate) fn literals(&self) -> &[EntityUid] {
        &self.0.literals
    }

    /// The schema's actions with their groups as ancestors; empty without a schema.
    pub(crate) fn action_entities(&self) -> &HashMap<cedar_policy::EntityUid, Entity> {
        static NONE: LazyLock<HashMap<cedar_policy::EntityUid, Entity>> =
            LazyLock::new(HashMap::new);
        self.0.schema.as_ref().map_or(&NONE, |info| &info.action_entities)
    }

    /// The schema's actions, each with all groups that it is in.
    pub(crate) fn action_groups(&self) -> BTreeMap<EntityUid, BTreeSet<EntityUid>> {
        let actions = self.action_entities().values().cloned().map(Entity::into_inner);
        actions
            .map(|(uid, _, groups)| {
                (EntityUid::from_cedar(&uid), groups.iter().map(EntityUid::from_cedar).collect())
            })
            .collect()
    }

    /// The schema's actions that apply between two types, by name; empty without a schema.
    pub(crate) fn actions_between(&self, principal: &str, resource: &str) -> Vec<EntityUid> {
        let mut actions: Vec<EntityUid> = self
            .types()
            .into_iter()
            .flat_map(Types::actions)
            .filter(|(_, action)| {
                action.principals.contains(principal) && action.resources.contains(resource)
            })
            .map(|(uid, _)| uid.clone())
            .collect();
        actions.sort();
        actions
    }
}

impl fmt::Debug for PolicyBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyBundle")
            .field("digest", &self.digest())
            .field("policies", &self.policies().len())
            .field("warnings", &self.warnings().len())
            .finish()
    }
}

/// Collects the sources of a [`PolicyBundle`] from memory.
///
/// The order of the calls doesn't matter: sources are taken in the order of their names.
///
/// # Example: a template and its links
///
/// ```
/// use doorward::PolicyBundle;
///
/// let bundle = PolicyBundle::builder()
///     .policies("teams.cedar", r#"
///         @id("team-reads") permit (principal in ?principal, action, resource);
///     "#)
///     .link("team-reads", "team-reads/sales", Some(r#"Team::"sales""#.into()), None)
///     .build()?;
/// assert!(bundle.policy("team-reads/sales").is_some());
/// assert!(bundle.policy("team-reads").is_none(), "a template is no policy");
/// # Ok::<(), doorward::PolicyError>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyBundleBuilder {
    sources: Vec<Source>,
    links: Vec<Link>,
    limits: Limits,
}

impl PolicyBundleBuilder {
    /// Adds schema text under a name that diagnostics show; a leading byte order mark is dropped.
    #[must_use]
    pub fn schema(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.source(SourceKind::Schema, name.into(), text.into())
    }

    /// Adds policy text under a name that diagnostics show; a leading byte order mark is dropped.
    #[must_use]
    pub fn policies(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.source(SourceKind::Policies, name.into(), text.into())
    }

    /// Links a template: `?principal` and `?resource` stand for these entities, written
    /// `Team::"a"`.
    #[must_use]
    pub fn link(
        mut self,
        template_id: impl Into<String>,
        new_id: impl Into<String>,
        principal: Option<String>,
        resource: Option<String>,
    ) -> Self {
        let (template, id) = (template_id.into(), new_id.into());
        self.links.push(Link { template, id, principal, resource });
        self
    }

    /// Replaces the default limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Parses, validates and checks everything that was given.
    ///
    /// Costs a few milliseconds per hundred policies, most of it validation. The work is done on a
    /// thread of its own with a large stack, so that the caller's stack doesn't matter.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] lists everything that is wrong, over all sources: limits, syntax,
    /// validation in Cedar's strict mode, annotations, duplicate ids, links.
    pub fn build(self) -> Result<PolicyBundle, PolicyError> {
        build(self, &[])
    }

    fn source(mut self, kind: SourceKind, name: String, text: String) -> Self {
        self.sources.push(Source::new(kind, name, text));
        self
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    kind: SourceKind,
    name: String,
    text: String,
}

impl Source {
    fn new(kind: SourceKind, name: String, text: String) -> Self {
        let text = match text.strip_prefix('\u{FEFF}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Self { kind, name, text }
    }

    fn holds_policies(&self) -> bool {
        self.kind == SourceKind::Policies
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceKind {
    Policies,
    Schema,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    template: String,
    id: String,
    principal: Option<String>,
    resource: Option<String>,
}

fn build(
    made_of: PolicyBundleBuilder,
    findings: &[Diagnostic],
) -> Result<PolicyBundle, PolicyError> {
    with_deep_stack(|| assemble::assemble(&made_of, findings.to_vec()))
        .map(|inner| PolicyBundle(Arc::new(inner)))
}

/// Runs work that recurses on syntax trees where the stack is large whatever the caller's is, and
/// right here if no thread can be had: the default [`Limits`] are safe without it too, in an
/// optimised build.
pub(crate) fn with_deep_stack<T: Send>(work: impl Fn() -> T + Sync) -> T {
    const STACK_BYTES: usize = 64 << 20;
    let result = thread::scope(|scope| {
        let thread = thread::Builder::new().name("doorward-policy".to_owned());
        let spawned = thread.stack_size(STACK_BYTES).spawn_scoped(scope, &work);
        spawned.ok().map(|handle| handle.join())
    });
    match result {
        Some(Ok(value)) => value,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => work(),
    }
}
