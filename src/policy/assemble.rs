//! Sources to a bundle: every step reports what it finds and leaves the rest to go on.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{
    EntityUid, Policy, PolicyId, PolicySet, SlotId, Template, ValidationMode, Validator,
};

use crate::Symbol;

use super::annotations::{Linted, Marks, Reader, lint};
use super::cedar::{self, Excerpt};
use super::diagnostics::{Diagnostic, PolicyError, Severity, SourceText};
use super::digest::Digest;
use super::info::{Effect, PolicyInfo};
use super::lexer::{Kind, Lexer, Token};
use super::limits::Limits;
use super::schema::{self, SchemaInfo};
use super::statements::{Statement, statements};
use super::{Inner, Link, PolicyBundleBuilder, Sets, Source, SourceKind};

/// Findings that are kept; a file of nothing but mistakes needn't fill the memory.
const FINDINGS_MAX: usize = 1_000;
const ENTITY_BYTES_MAX: usize = 4_096;

/// Builds a bundle, or says everything that stands against it.
pub(super) fn assemble(
    made_of: &PolicyBundleBuilder,
    mut findings: Vec<Diagnostic>,
) -> Result<Inner, PolicyError> {
    let PolicyBundleBuilder { sources, links, limits } = made_of;
    let limits = *limits;
    let mut sources: Vec<&Source> = sources.iter().collect();
    sources.sort_by(|one, other| (&one.name, one.kind).cmp(&(&other.name, other.kind)));
    let digest = digest(&sources, links);
    let texts = admitted(&sources, limits, &mut findings);
    let of_kind = |kind| texts.iter().filter(move |(k, _)| *k == kind).map(|(_, text)| text);

    let schemas: Vec<&SourceText> = of_kind(SourceKind::Schema).collect();
    let schema = schema::read(&schemas, limits, &mut findings);

    let mut room = Room { limits, findings, policies: Vec::new(), links: Vec::new() };
    for text in of_kind(SourceKind::Policies) {
        room.parse(text);
    }
    room.link(links);
    room.check_ids();
    room.lint();
    if let Some(info) = &schema {
        room.validate(info);
    }
    room.finish(made_of, digest, schema)
}

fn digest(sources: &[&Source], links: &[Link]) -> Digest {
    let texts = sources.iter().map(|source| {
        let kind = match source.kind {
            SourceKind::Policies => "policies",
            SourceKind::Schema => "schema",
        };
        vec![kind, &*source.name, &*source.text]
    });
    let mut links: Vec<_> = links.iter().map(Link::record).collect();
    links.sort_unstable();
    Digest::of(texts.chain(links))
}

/// The sources within the size limits and with a name of their own.
fn admitted(
    sources: &[&Source],
    limits: Limits,
    findings: &mut Vec<Diagnostic>,
) -> Vec<(SourceKind, SourceText)> {
    let total: usize = sources.iter().map(|source| source.text.len()).sum();
    if total > limits.total_bytes_max {
        let message = format!("the sources have more than {} bytes", limits.total_bytes_max);
        findings.push(Diagnostic::error("too-large", message));
        return Vec::new();
    }
    let mut names = HashSet::new();
    let mut admitted = Vec::new();
    for source in sources {
        if !names.insert(&source.name) {
            let finding = Diagnostic::error("duplicate-source", "two sources have this name");
            findings.push(finding.in_file(&source.name));
        } else if source.text.len() > limits.source_bytes_max {
            let message = format!("more than {} bytes", limits.source_bytes_max);
            findings.push(Diagnostic::error("too-large", message).in_file(&source.name));
        } else {
            let text = SourceText::new(source.name.clone(), source.text.clone());
            admitted.push((source.kind, text));
        }
    }
    admitted
}

/// The bundle in the making.
struct Room<'a> {
    limits: Limits,
    findings: Vec<Diagnostic>,
    policies: Vec<Parsed<'a>>,
    links: Vec<Linked>,
}

struct Parsed<'a> {
    id: String,
    body: Body,
    effect: Effect,
    marks: Marks,
    source: &'a SourceText,
    statement: Statement,
}

enum Body {
    Static(Policy),
    Template(Template),
}

struct Linked {
    id: String,
    /// Into the parsed policies: its template.
    template: usize,
    values: HashMap<SlotId, EntityUid>,
}

impl<'a> Room<'a> {
    fn parse(&mut self, source: &'a SourceText) {
        let room_left = self.limits.policy_count_max.saturating_sub(self.policies.len());
        let statements = statements(source.text(), self.limits, room_left.saturating_add(1));
        if statements.len() > room_left {
            self.findings.push(self.too_many().in_file(source.name()));
            return;
        }
        for (index, statement) in statements.into_iter().enumerate() {
            if self.findings.len() >= FINDINGS_MAX {
                return;
            }
            self.parse_statement(source, statement, index + 1);
        }
    }

    fn too_many(&self) -> Diagnostic {
        let message = format!("the bundle has more than {} policies", self.limits.policy_count_max);
        Diagnostic::error("too-many-policies", message)
    }

    fn parse_statement(&mut self, source: &'a SourceText, statement: Statement, number: usize) {
        if let Some((excess, span)) = &statement.excess {
            self.findings.push(excess.diagnostic(self.limits).at(source, span.clone()));
            return;
        }
        let text = source.text().get(statement.span.clone()).unwrap_or_default();
        let parsed = if statement.template {
            Template::parse(None, text).map(Body::Template)
        } else {
            Policy::parse(None, text).map(Body::Static)
        };
        let body = match parsed {
            Ok(body) => body,
            Err(errors) => {
                let excerpt = Excerpt { source, span: statement.span };
                self.findings.extend(
                    errors.iter().map(|e| cedar::diagnostic("parse", Severity::Error, e, &excerpt)),
                );
                return;
            }
        };
        let effect = body.effect();
        let mut reader = Reader { source, statement: &statement, effect, findings: Vec::new() };
        let marks = reader.read(body.annotations());
        let id = marks.id.clone().unwrap_or_else(|| format!("{}#{number}", source.name()));
        self.findings.extend(reader.findings.into_iter().map(|finding| finding.about(&id)));
        if !body.annotations().any(|(name, _)| name == "id") {
            let start = statement.span.start;
            self.findings.push(
                Diagnostic::warning(
                    "missing-id",
                    format!("this policy has no `@id`: `{id}` it is"),
                )
                .at(source, start..start)
                .about(&id)
                .with_help("name it, so that moving it doesn't rename it"),
            );
        }
        self.policies.push(Parsed { id, body, effect, marks, source, statement });
    }

    fn link(&mut self, links: &[Link]) {
        if self.policies.len().saturating_add(links.len()) > self.limits.policy_count_max {
            self.findings.push(self.too_many());
            return;
        }
        let mut by_id = HashMap::new();
        for (index, policy) in self.policies.iter().enumerate() {
            by_id.entry(policy.id.as_str()).or_insert(index);
        }
        let mut linked = Vec::new();
        for link in links {
            let template = by_id.get(link.template.as_str()).copied();
            match self.resolved(link, template) {
                Ok(link) => linked.push(link),
                Err(finding) => self.findings.push(finding.about(&link.id)),
            }
        }
        let used: HashSet<usize> = linked.iter().map(|link| link.template).collect();
        let unused = |(index, policy): &(usize, &Parsed<'_>)| {
            matches!(policy.body, Body::Template(_)) && !used.contains(index)
        };
        for (_, policy) in self.policies.iter().enumerate().filter(unused) {
            let message = "this template has no link: it decides nothing".to_owned();
            self.findings.push(policy.warning("unlinked-template", message));
        }
        self.links = linked;
    }

    fn resolved(&self, link: &Link, template: Option<usize>) -> Result<Linked, Box<Diagnostic>> {
        let found = template.and_then(|index| Some((index, self.policies.get(index)?)));
        let Some((template, policy)) = found else {
            let message = format!("`{}` links `{}`, which isn't there", link.id, link.template);
            return Err(Diagnostic::error("unknown-template", message).into());
        };
        let Body::Template(body) = &policy.body else {
            let message = format!("`{}` links `{}`, which has no slot", link.id, link.template);
            return Err(policy.place(Diagnostic::error("unknown-template", message)).into());
        };
        let mut values = HashMap::new();
        let given = [
            (SlotId::principal(), "?principal", &link.principal),
            (SlotId::resource(), "?resource", &link.resource),
        ];
        for (slot, name, value) in given {
            let wanted = body.slots().any(|known| *known == slot);
            match value {
                Some(text) if wanted => {
                    let entity = entity(text).map_err(|finding| policy.place(*finding))?;
                    values.insert(slot, entity);
                }
                None if !wanted => {}
                _ => {
                    let verb = if wanted { "needs" } else { "has no slot for" };
                    let message =
                        format!("`{}`: template `{}` {verb} `{name}`", link.id, policy.id);
                    return Err(policy.place(Diagnostic::error("link", message)).into());
                }
            }
        }
        Ok(Linked { id: link.id.clone(), template, values })
    }

    /// INVARIANT (unique-ids): past this point without an error, every policy, template and link
    /// has an id of its own.
    fn check_ids(&mut self) {
        let mut seen: HashMap<&str, &Parsed<'_>> = HashMap::new();
        let mut findings = Vec::new();
        let links = self.links.iter().filter_map(|l| Some((&l.id, self.policies.get(l.template)?)));
        for (id, policy) in self.policies.iter().map(|policy| (&policy.id, policy)).chain(links) {
            if let Some(first) = seen.get(id.as_str()) {
                let line = first.source.line(first.statement.span.start);
                let span = policy.statement.annotation(policy.source, "id");
                findings.push(
                    Diagnostic::error("duplicate-id", format!("two policies are named `{id}`"))
                        .at(policy.source, span)
                        .about(id)
                        .with_help(format!("the first is at {}:{line}", first.source.name())),
                );
            } else {
                seen.insert(id, policy);
            }
        }
        self.findings.extend(findings);
    }

    fn lint(&mut self) {
        let policies: Vec<_> = self.policies.iter().map(Parsed::linted).collect();
        self.findings.extend(lint(&policies));
    }

    /// Validates everything at once. The set's ids are positions, so that a duplicate id, reported
    /// by itself, hides nothing.
    fn validate(&mut self, info: &SchemaInfo) {
        let mut set = PolicySet::new();
        for (index, policy) in self.policies.iter().enumerate() {
            let added = policy.body.add_to(&mut set, PolicyId::new(index.to_string()));
            self.findings.extend(added.err().map(|finding| policy.place(*finding)));
        }
        for (index, link) in self.links.iter().enumerate() {
            let id = PolicyId::new((self.policies.len() + index).to_string());
            let template = PolicyId::new(link.template.to_string());
            let linked = set.link(template, id, link.values.clone());
            self.findings.extend(linked.err().map(|e| Diagnostic::error("link", e.to_string())));
        }
        let result = Validator::new(info.schema.clone()).validate(&set, ValidationMode::Strict);
        let errors = result.validation_errors().take(FINDINGS_MAX);
        let errors =
            errors.map(|e| (cedar::error_code(e), Severity::Error, e.policy_id(), as_dyn(e)));
        let warnings = result.validation_warnings().take(FINDINGS_MAX);
        let warnings =
            warnings.map(|w| (cedar::warning_code(w), Severity::Warning, w.policy_id(), as_dyn(w)));
        let findings: Vec<_> = errors
            .chain(warnings)
            .map(|(code, severity, id, finding)| self.placed(code, severity, id, finding))
            .collect();
        self.findings.extend(findings);
    }

    fn placed(
        &self,
        code: &'static str,
        severity: Severity,
        position: &PolicyId,
        finding: &dyn miette::Diagnostic,
    ) -> Diagnostic {
        let position: Option<usize> = position.to_string().parse().ok();
        let link = position.and_then(|p| self.links.get(p.checked_sub(self.policies.len())?));
        let index = link.map(|link| link.template).or(position);
        let Some(policy) = index.and_then(|index| self.policies.get(index)) else {
            return Diagnostic::error(code, finding.to_string());
        };
        let excerpt = Excerpt { source: policy.source, span: policy.statement.span.clone() };
        let id = link.map_or(&policy.id, |link| &link.id);
        cedar::diagnostic(code, severity, finding, &excerpt).about(id)
    }

    fn finish(
        mut self,
        made_of: &PolicyBundleBuilder,
        digest: Digest,
        schema: Option<SchemaInfo>,
    ) -> Result<Inner, PolicyError> {
        if !self.refused() {
            match self.sets() {
                Ok(sets) => return Ok(self.inner(made_of.clone(), digest, schema, sets)),
                Err(finding) => self.findings.push(*finding),
            }
        }
        Err(PolicyError::new(in_order(self.findings)))
    }

    fn refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity() == Severity::Error)
    }

    fn inner(
        self,
        made_of: PolicyBundleBuilder,
        digest: Digest,
        schema: Option<SchemaInfo>,
        sets: Sets,
    ) -> Inner {
        let infos = self.infos();
        Inner {
            made_of,
            by_id: infos.iter().enumerate().map(|(i, info)| (info.id.as_str(), i)).collect(),
            literals: literals(&sets, &infos, &self.links)
                .iter()
                .map(crate::facts::EntityUid::from_cedar)
                .collect(),
            warnings: in_order(self.findings),
            infos,
            digest,
            schema,
            sets,
            plan: OnceLock::new(),
        }
    }

    /// Static policies and links, in the order of the sources; a link stands where its template
    /// does.
    fn infos(&self) -> Vec<PolicyInfo> {
        let mut links: Vec<_> = self.links.iter().collect();
        links.sort_by_key(|link| link.template);
        let mut links = links.into_iter().peekable();
        let mut infos = Vec::new();
        for (index, policy) in self.policies.iter().enumerate() {
            match policy.body {
                Body::Static(_) => infos.push(policy.info(&policy.id)),
                Body::Template(_) => {
                    while let Some(link) = links.next_if(|link| link.template == index) {
                        infos.push(policy.info(&link.id));
                    }
                }
            }
        }
        infos
    }

    fn sets(&self) -> Result<Sets, Box<Diagnostic>> {
        let mut sets = Sets::default();
        for (index, policy) in self.policies.iter().enumerate() {
            let links = self.links.iter().filter(|link| link.template == index);
            let links: Vec<_> = match policy.body {
                Body::Static(_) => Vec::new(),
                Body::Template(_) => links.collect(),
            };
            for set in sets.holding(policy) {
                policy
                    .add_to(set, &links)
                    .map_err(|finding| policy.place(*finding).about(&policy.id))?;
            }
        }
        Ok(sets)
    }
}

/// The entities that policies name, each once, in the order of the policies.
fn literals(sets: &Sets, infos: &[PolicyInfo], links: &[Linked]) -> Vec<EntityUid> {
    let policies = infos.iter().filter_map(|info| {
        let id = PolicyId::new(info.id);
        sets.all.policy(&id).or_else(|| sets.reasons.policy(&id))
    });
    let mut in_links: Vec<_> =
        links.iter().flat_map(|link| link.values.values()).cloned().collect();
    in_links.sort_by_cached_key(ToString::to_string);
    let mut seen = HashSet::new();
    policies
        .flat_map(Policy::entity_literals)
        .chain(in_links)
        .filter(|literal| seen.insert(literal.clone()))
        .collect()
}

impl Sets {
    /// The sets that a policy belongs to.
    fn holding(&mut self, policy: &Parsed<'_>) -> Vec<&mut PolicySet> {
        match (policy.marks.reason_only, policy.effect) {
            (true, _) => vec![&mut self.reasons],
            (false, Effect::Permit) => vec![&mut self.all, &mut self.permits],
            (false, Effect::Forbid) => vec![&mut self.all],
        }
    }
}

impl Parsed<'_> {
    fn info(&self, id: &str) -> PolicyInfo {
        let symbol = |text: &Option<String>| text.as_deref().map(Symbol::new);
        let text = self.source.text().get(self.statement.span.clone()).unwrap_or_default();
        PolicyInfo {
            id: Symbol::new(id),
            effect: self.effect,
            step: self.marks.step,
            rank: self.marks.rank.unwrap_or(0),
            reason: symbol(&self.marks.reason),
            message: symbol(&self.marks.message),
            step_up: symbol(&self.marks.step_up),
            reason_only: self.marks.reason_only,
            file: Symbol::new(self.source.name()),
            line: self.source.line(self.statement.span.start),
            text: text.into(),
        }
    }

    fn linted(&self) -> Linted<'_> {
        Linted {
            id: &self.id,
            effect: self.effect,
            marks: &self.marks,
            source: self.source,
            statement: &self.statement,
        }
    }

    fn place(&self, finding: Diagnostic) -> Diagnostic {
        let start = self.statement.span.start;
        finding.at(self.source, start..start)
    }

    fn warning(&self, code: &'static str, message: String) -> Diagnostic {
        self.place(Diagnostic::warning(code, message)).about(&self.id)
    }

    /// Adds the policy, or the template and its links, under their own ids. A template without a
    /// link stays out: it decides nothing.
    fn add_to(&self, set: &mut PolicySet, links: &[&Linked]) -> Result<(), Box<Diagnostic>> {
        let template = matches!(self.body, Body::Template(_));
        if template && links.is_empty() {
            return Ok(());
        }
        self.body.add_to(set, PolicyId::new(&self.id))?;
        for link in links {
            set.link(PolicyId::new(&self.id), PolicyId::new(&link.id), link.values.clone())
                .map_err(|error| Diagnostic::error("link", error.to_string()))?;
        }
        Ok(())
    }
}

impl Body {
    fn effect(&self) -> Effect {
        let effect = match self {
            Self::Static(policy) => policy.effect(),
            Self::Template(template) => template.effect(),
        };
        match effect {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        }
    }

    fn annotations(&self) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
        match self {
            Self::Static(policy) => Box::new(policy.annotations()),
            Self::Template(template) => Box::new(template.annotations()),
        }
    }

    fn add_to(&self, set: &mut PolicySet, id: PolicyId) -> Result<(), Box<Diagnostic>> {
        match self {
            Self::Static(policy) => set.add(policy.new_id(id)),
            Self::Template(template) => set.add_template(template.new_id(id)),
        }
        .map_err(|error| Diagnostic::error("policy-set", error.to_string()).into())
    }
}

impl Link {
    fn record(&self) -> Vec<&str> {
        let given = |value: &Option<String>| if value.is_some() { "some" } else { "none" };
        vec![
            "link",
            &self.template,
            &self.id,
            given(&self.principal),
            self.principal.as_deref().unwrap_or_default(),
            given(&self.resource),
            self.resource.as_deref().unwrap_or_default(),
        ]
    }
}

/// Reads `Type::"id"`. No brackets are let through to Cedar's parser, so that it can't recurse.
fn entity(text: &str) -> Result<EntityUid, Box<Diagnostic>> {
    let refused = |why: &str| {
        Diagnostic::error("entity", format!("`{text}` is not an entity: {why}"))
            .with_help("write `Type::\"id\"`")
    };
    let plain = |token: Token| matches!(token.kind, Kind::Word | Kind::Text | Kind::Other);
    if text.len() > ENTITY_BYTES_MAX || !Lexer::new(text).all(plain) {
        return Err(refused("it has the wrong form").into());
    }
    EntityUid::from_str(text).map_err(|error| refused(&error.to_string()).into())
}

fn as_dyn<D: miette::Diagnostic>(finding: &D) -> &dyn miette::Diagnostic {
    finding
}

fn in_order(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.sort_by_cached_key(Diagnostic::order);
    findings.dedup();
    findings.truncate(FINDINGS_MAX);
    findings
}
