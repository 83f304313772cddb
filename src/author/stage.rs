//! A state to ask questions of, made from fixtures.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::Serialize;
use serde_json::Value as Json;

use super::SuiteError;
use super::format::{CallerSpec, Expectation};
use super::format::{
    ClientFixture, ContactFixture, DocumentFixture, Fixture, LinkPurpose, Mail, Outcome, Principal,
    Question, ResourceSpec, Target, Write,
};
use crate::decide::{Decision, Request};
use crate::engine::{Engine, Shadow, World};
use crate::error::RequestError;
use crate::facts::{EntityUid, Timestamp, Value};
use crate::policy::PolicyBundle;
use crate::portal::{
    AccessState, Action, Caller, ClientId, ContactId, CredentialState, Document, DocumentId,
    Finding, Kind, NewContact, Portal, Prospect, Refused, Resource, State, Tenant, TenantConfig,
    Tx, WriteError,
};

const START: &str = "2026-01-01T00:00:00Z";
/// The last moment that Cedar can name.
const NEVER: &str = "9999-12-31T23:59:59.999Z";

/// A state to ask questions of: a portal's tenant, or an engine over plain entities.
///
/// Made from a fixture of a scenario file, or of an engine that there is.
#[derive(Debug)]
pub struct Stage(pub(super) Kept);

#[derive(Debug)]
pub(super) enum Kept {
    Portal(Box<PortalStage>),
    Engine(Box<EngineStage>),
}

/// A portal whose clock stands still, with the names of its fixture.
#[derive(Debug)]
pub(super) struct PortalStage {
    pub(super) tenant: Tenant,
    clock: Arc<AtomicI64>,
    sessions: HashMap<String, Caller>,
}

#[derive(Debug)]
pub(super) struct EngineStage {
    engine: Engine,
    /// `None` where the engine has its own.
    clock: Option<Arc<AtomicI64>>,
}

impl From<Engine> for Stage {
    /// The facts of an engine, to ask questions in words of.
    fn from(engine: Engine) -> Self {
        Self(Kept::Engine(Box::new(EngineStage { engine, clock: None })))
    }
}

/// What came of a step.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    pub(super) actual: Expectation,
    /// What there is to say of it, in lines.
    pub(super) details: Vec<String>,
    /// The request behind it, for explaining what was not expected.
    pub(super) request: Option<Request>,
}

fn told(world: &World, decision: &Decision) -> Vec<String> {
    let policy = decision.policy().map(|policy| format!("policy {policy}"));
    std::iter::once(world.message(decision).to_owned()).chain(policy).collect()
}

/// What a fixture or a step gets wrong, so that it cannot be run.
type Broken = String;

impl Stage {
    /// Builds the state of a fixture, over these policies.
    ///
    /// # Errors
    ///
    /// When the fixture is none, names what is not there, or breaks a rule that writes must keep.
    pub fn build(fixture: &Json, policies: &PolicyBundle) -> Result<Self, SuiteError> {
        let fixture: Fixture = serde_json::from_value(fixture.clone()).map_err(|error| {
            SuiteError::new(format!("the fixture cannot be read: {error}"))
                .with_help("write what stands under a name of `fixtures` in a scenario file")
        })?;
        Self::of(&fixture, policies, None).map_err(SuiteError::new)
    }

    /// Builds the state of a fixture in YAML: what stands under a name of `fixtures` in a scenario
    /// file, in a file of its own.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and for YAML that cannot be read, with its line.
    pub fn from_yaml(text: &str, policies: &PolicyBundle) -> Result<Self, SuiteError> {
        let fixture = super::run::parse_yaml(text)?;
        Self::build(&fixture, policies)
    }

    /// Decides a second time what `shadow` draws.
    pub(super) fn of(
        fixture: &Fixture,
        policies: &PolicyBundle,
        shadow: Option<Arc<Shadow>>,
    ) -> Result<Self, Broken> {
        let start = fixture.now.as_deref().unwrap_or(START);
        let clock = Arc::new(AtomicI64::new(moment(start)?.as_ms()));
        match &fixture.entities {
            Some(entities) => EngineStage::of(entities, policies, clock, shadow)
                .map(|stage| Self(Kept::Engine(Box::new(stage)))),
            None => PortalStage::of(fixture, policies, clock, shadow)
                .map(|stage| Self(Kept::Portal(Box::new(stage)))),
        }
    }

    /// The policies and facts that questions are asked of.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        match &self.0 {
            Kept::Portal(stage) => stage.tenant.world(),
            Kept::Engine(stage) => stage.engine.world(),
        }
    }

    /// The tenant of a portal, and the moment of its clock.
    pub(super) fn tenant(&self) -> Option<(&Tenant, Timestamp)> {
        match &self.0 {
            Kept::Portal(stage) => Some((&stage.tenant, stage.now())),
            Kept::Engine(_) => None,
        }
    }

    /// The request that a question in words comes to: names of the fixture, or entities.
    ///
    /// # Errors
    ///
    /// When the question names what is not there, or something of another tenant, on which no
    /// policy is asked.
    pub fn request(&self, question: &Question) -> Result<Request, SuiteError> {
        match self.asked(question) {
            Ok(Ok(request)) => Ok(request),
            Ok(Err(refused)) => {
                Err(SuiteError::new(format!("no policy was asked: {}", refused.decision())))
            }
            Err(broken) => Err(SuiteError::new(broken)),
        }
    }

    /// The request, or the refusal that needs none.
    fn asked(&self, question: &Question) -> Result<Result<Request, Refused>, Broken> {
        match &self.0 {
            Kept::Portal(stage) => stage.request(question),
            Kept::Engine(stage) => stage.request(question).map(Ok),
        }
    }

    pub(super) fn decide(&self, question: &Question) -> Result<Observed, Broken> {
        let world = self.world();
        let (decision, request) = match self.asked(question)? {
            Ok(request) => (world.check(&request), Some(request)),
            Err(refused) => (refused.decision(), None),
        };
        let details = told(&world, &decision);
        Ok(Observed { actual: outcome_of(&decision), details, request })
    }

    /// Why a request was decided as it was, in lines for whoever reads a failure.
    pub(super) fn explain(&self, request: &Request) -> Vec<String> {
        self.world().explain(request).findings()
    }

    pub(super) fn mail(&self, mail: &Mail) -> Result<Observed, Broken> {
        let stage = self.portal()?;
        let document = stage.resource(&mail.document)?;
        let contact = stage.contact_id(&mail.contact);
        let decision =
            stage.tenant.check_mail(&contact, &mail.event, mail.channel, document.clone());
        let caller = Caller::contact(contact);
        let request = stage.tenant.request(&caller, Action::Receive, document).ok();
        let request = request.map(|request| {
            let event = EntityUid::new("Event", mail.event.as_str());
            request.with("event", event).with("channel", mail.channel.as_str())
        });
        Ok(self.observe_mail(&decision, request))
    }

    pub(super) fn credential_mail(&self, contact: &str) -> Result<Observed, Broken> {
        let stage = self.portal()?;
        let contact = stage.contact_id(contact);
        let decision = stage.tenant.check_credential_mail(&contact);
        let caller = Caller::contact(contact.clone());
        let request = stage.tenant.request(&caller, Action::ReceiveCredential, contact).ok();
        Ok(self.observe_mail(&decision, request))
    }

    fn observe_mail(&self, decision: &Decision, request: Option<Request>) -> Observed {
        let code = decision.code().map(|code| code.as_str());
        let actual = if decision.is_allowed() {
            Expectation::new(Outcome::Notify, None)
        } else {
            Expectation::new(Outcome::Suppress, code)
        };
        Observed { actual, details: told(&self.world(), decision), request }
    }

    pub(super) fn write(&self, write: &Write) -> Result<Observed, Broken> {
        let stage = self.portal()?;
        let actor = match &write.actor {
            Some(principal) => Some(stage.caller(principal)?),
            None => None,
        };
        let run = |tx: &mut Tx<'_>| -> Result<(), WriteError> {
            write.commands.iter().try_for_each(|command| command.run(tx, stage))
        };
        let written = match &actor {
            Some(actor) => stage.tenant.write(actor, run),
            None => stage.tenant.write_as_system(run),
        };
        Ok(match written {
            Ok(written) => {
                let codes: Vec<&str> = written.findings.iter().map(Finding::code).collect();
                if let Some(expected) = write.findings.as_ref().filter(|e| **e != codes) {
                    let (expected, found) = (expected.join(", "), codes.join(", "));
                    return Err(format!("it leaves to do [{found}], not [{expected}]"));
                }
                let findings = written.findings.iter().map(ToString::to_string);
                let actual = Expectation::new(Outcome::Accept, None);
                Observed { actual, details: findings.collect(), request: None }
            }
            Err(error) => {
                let outcome =
                    if error.decision().is_some() { Outcome::Deny } else { Outcome::Reject };
                let actual = Expectation::new(outcome, Some(error.code().as_str()));
                Observed { actual, details: vec![error.to_string()], request: None }
            }
        })
    }

    pub(super) fn open_session(&mut self, name: &str, contact: &str) -> Result<(), Broken> {
        let Kept::Portal(stage) = &mut self.0 else {
            return Err("only a portal has sessions".to_owned());
        };
        let session = stage.session(contact)?;
        stage.sessions.insert(name.to_owned(), session);
        Ok(())
    }

    pub(super) fn set_now(&self, now: &str) -> Result<(), Broken> {
        let clock = match &self.0 {
            Kept::Portal(stage) => &stage.clock,
            Kept::Engine(stage) => {
                stage.clock.as_ref().ok_or("the engine has a clock of its own")?
            }
        };
        clock.store(moment(now)?.as_ms(), Ordering::Relaxed);
        Ok(())
    }

    fn portal(&self) -> Result<&PortalStage, Broken> {
        match &self.0 {
            Kept::Portal(stage) => Ok(stage),
            Kept::Engine(_) => Err("mail and writes need the fixture of a portal".to_owned()),
        }
    }
}

impl EngineStage {
    fn of(
        entities: &[Json],
        policies: &PolicyBundle,
        clock: Arc<AtomicI64>,
        shadow: Option<Arc<Shadow>>,
    ) -> Result<Self, Broken> {
        let text = Json::from(entities.to_vec()).to_string();
        let facts = policies.read_facts(&text).map_err(|error| error.to_string())?;
        let now = Arc::clone(&clock);
        let engine = Engine::builder(policies.clone())
            .facts(facts)
            .all_stored_or_inline()
            .shared_shadow(shadow)
            .clock(move || Timestamp::from_ms(now.load(Ordering::Relaxed)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { engine, clock: Some(clock) })
    }

    fn request(&self, question: &Question) -> Result<Request, Broken> {
        let entity = |name: Option<&str>| -> Result<EntityUid, Broken> {
            let name = name.ok_or("a request on entities names them as in Contact::\"gm\"")?;
            name.parse().map_err(|error: crate::ValueError| error.to_string())
        };
        let (principal, resource) =
            (entity(question.principal.name())?, entity(question.resource.name())?);
        self.request_between(&principal, &question.action, &resource, &question.context)
            .map_err(|error| error.to_string())
    }

    pub(super) fn request_between(
        &self,
        principal: &EntityUid,
        action: &str,
        resource: &EntityUid,
        context: &impl Serialize,
    ) -> Result<Request, RequestError> {
        let body = serde_json::json!({
            "subject": principal,
            "action": { "name": action },
            "resource": resource,
            "context": context,
        });
        Request::from_json(&body, self.engine.world().policies())
    }
}

impl Principal {
    fn name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }
}

impl Target {
    fn name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }
}

impl PortalStage {
    fn of(
        fixture: &Fixture,
        policies: &PolicyBundle,
        clock: Arc<AtomicI64>,
        shadow: Option<Arc<Shadow>>,
    ) -> Result<Self, Broken> {
        let now = Arc::clone(&clock);
        let portal = Portal::builder()
            .policies(policies.clone())
            .without_base()
            .shared_shadow(shadow)
            .clock(move || Timestamp::from_ms(now.load(Ordering::Relaxed)))
            .build()
            .map_err(|error| error.to_string())?;
        let tenant = build_tenant(&portal, fixture.tenant.as_deref().unwrap_or("tenant"), fixture)?;
        for (id, other) in &fixture.other_tenants {
            build_tenant(&portal, id, other)?;
        }
        Ok(Self { tenant, clock, sessions: HashMap::new() })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.clock.load(Ordering::Relaxed))
    }

    fn request(&self, question: &Question) -> Result<Result<Request, Refused>, Broken> {
        let caller = self.caller(&question.principal)?;
        let action: Action =
            question.action.parse().map_err(|error: crate::ValueError| error.to_string())?;
        let request = self.tenant.request(&caller, action, self.resource(&question.resource)?);
        let fields = question.fields.iter().map(String::as_str);
        Ok(match question.fields.as_slice() {
            [] => request,
            _ => request.map(|request| request.with("fields", Value::strings(fields))),
        })
    }

    /// `gm`, or `other/gm` for a contact of another tenant.
    pub(super) fn contact_id(&self, name: &str) -> ContactId {
        match name.split_once('/') {
            Some((tenant, id)) => ContactId::new(tenant, id),
            None => self.tenant.contact(name),
        }
    }

    /// A session that a contact opens now, with everything that could be asked for.
    fn session(&self, contact: &str) -> Result<Caller, Broken> {
        let id = self.contact_id(contact);
        let caller = Caller::contact(id.clone());
        // A contact of another tenant has no session here; he is refused for his id alone.
        let Some(access) = self.tenant.access(&id) else { return Ok(caller) };
        let now = self.now();
        Ok(caller
            .session(access.epoch, access.credential_version)
            .password()
            .mfa_at(now)
            .last_seen(now))
    }

    fn stands(&self, type_name: &str, id: &str) -> bool {
        self.tenant.facts().contains(&EntityUid::new(type_name, id))
    }

    fn caller(&self, principal: &Principal) -> Result<Caller, Broken> {
        match principal {
            Principal::Name(name) => self.named_caller(name),
            Principal::Caller(spec) => self.described_caller(spec),
        }
    }

    pub(super) fn named_caller(&self, name: &str) -> Result<Caller, Broken> {
        if name.contains('/') {
            let (tenant, id) = name.split_once('/').unwrap_or_default();
            let staff = crate::portal::StaffId::new(tenant, id);
            return Ok(Caller::staff(staff));
        }
        let found: Vec<&str> = ["Contact", "Staff", "Link"]
            .into_iter()
            .filter(|kind| self.stands(kind, name))
            .collect();
        match found.as_slice() {
            ["Contact"] => self.session(name),
            ["Staff"] => Ok(Caller::staff(self.tenant.staff(name))),
            ["Link"] => Ok(Caller::link(self.tenant.link(name))),
            [] => Err(format!("the fixture has no contact, staff or link `{name}`")),
            _ => Err(format!("`{name}` is a {}: say which", found.join(" and a "))),
        }
    }

    fn described_caller(&self, spec: &CallerSpec) -> Result<Caller, Broken> {
        let CallerSpec {
            contact,
            link,
            staff,
            guest,
            view_as,
            started,
            on_behalf_of,
            session,
            authenticated_by,
            mfa_at,
            last_seen,
            address,
        } = spec;
        let mut caller = match (contact, link, staff, guest) {
            (Some(contact), None, None, false) => {
                let fresh = || self.session(contact);
                match session.as_deref() {
                    None => self.refine(fresh()?, contact, authenticated_by, mfa_at, last_seen)?,
                    Some(_)
                        if authenticated_by.is_some()
                            || mfa_at.is_some()
                            || last_seen.is_some() =>
                    {
                        return Err("a caller of a `session` has the evidence of that session: \
                                    leave out authenticated_by, mfa_at and last_seen"
                            .to_owned());
                    }
                    Some("none") => Caller::contact(self.contact_id(contact)),
                    Some(name) => self
                        .sessions
                        .get(name)
                        .cloned()
                        .ok_or_else(|| format!("no step opened the session `{name}`"))?,
                }
            }
            (None, Some(link), None, false) => Caller::link(self.tenant.link(&**link)),
            (None, None, Some(staff), false) => {
                let staff = match staff.split_once('/') {
                    Some((tenant, id)) => crate::portal::StaffId::new(tenant, id),
                    None => self.tenant.staff(&**staff),
                };
                match (view_as, on_behalf_of) {
                    (Some(_), Some(_)) => {
                        return Err("staff view as a contact or act on behalf of one".to_owned());
                    }
                    (Some(contact), None) => {
                        let started = match started {
                            Some(text) => moment(text)?,
                            None => self.now(),
                        };
                        Caller::view_as(staff, self.contact_id(contact), started)
                    }
                    (None, Some(contact)) => Caller::on_behalf(staff, self.contact_id(contact)),
                    (None, None) => Caller::staff(staff),
                }
            }
            (None, None, None, true) => Caller::guest(self.tenant.id()),
            _ => return Err("a caller is one of contact, link, staff or guest".to_owned()),
        };
        if let Some(address) = address {
            let address = address.parse().map_err(|_error| format!("`{address}` is no address"))?;
            caller = caller.address(address);
        }
        Ok(caller)
    }

    fn refine(
        &self,
        fresh: Caller,
        contact: &str,
        authenticated_by: &Option<String>,
        mfa_at: &Option<String>,
        last_seen: &Option<String>,
    ) -> Result<Caller, Broken> {
        let id = self.contact_id(contact);
        let Some(access) = self.tenant.access(&id) else { return Ok(fresh) };
        let caller = Caller::contact(id).session(access.epoch, access.credential_version);
        let caller = match authenticated_by.as_deref() {
            None | Some("password") => caller.password(),
            Some("magic_link") => caller.magic_link(),
            Some("sso") => caller.single_sign_on(),
            Some(other) => return Err(format!("`{other}` is no way to sign in")),
        };
        let given = |text: &Option<String>| match text.as_deref() {
            None => Ok(Some(self.now())),
            Some("never") => Ok(None),
            Some(text) => moment(text).map(Some),
        };
        let caller = match given(mfa_at)? {
            Some(moment) => caller.mfa_at(moment),
            None => caller,
        };
        Ok(match given(last_seen)? {
            Some(moment) => caller.last_seen(moment),
            None => caller,
        })
    }

    fn resource(&self, target: &Target) -> Result<Resource, Broken> {
        match target {
            Target::Name(name) => self.named_resource(name),
            Target::Resource(spec) => self.described_resource(spec),
        }
    }

    pub(super) fn named_resource(&self, name: &str) -> Result<Resource, Broken> {
        if name == "portal" {
            return Ok(Resource::Portal);
        }
        let found: Vec<&str> = ["Document", "Contact", "Client"]
            .into_iter()
            .filter(|kind| self.stands(kind, name))
            .collect();
        match found.as_slice() {
            ["Document"] => Ok(self.tenant.document(name).into()),
            ["Contact"] => Ok(self.tenant.contact(name).into()),
            ["Client"] => Ok(self.tenant.client(name).into()),
            [] => Err(format!("the fixture has no document, contact or client `{name}`")),
            _ => Err(format!("`{name}` is a {}: say which", found.join(" and a "))),
        }
    }

    fn described_resource(&self, spec: &ResourceSpec) -> Result<Resource, Broken> {
        let tenant = spec.tenant.as_deref().unwrap_or(self.tenant.id());
        let document = |id: &String| DocumentId::new(tenant, id.as_str());
        let ResourceSpec { document: named, new, contact, client, inline, .. } = spec;
        match (named, new, contact, inline) {
            (Some(id), None, None, None) => Ok(match &spec.via {
                Some(via) => Resource::Child { document: document(id), via: document(via) },
                None => document(id).into(),
            }),
            (None, Some(kind), None, None) => {
                let client = client.as_ref().ok_or("a new document needs its client")?;
                let client = ClientId::new(tenant, client.as_str());
                let kind: Kind = kind.clone();
                Ok(Resource::Prospect(match (&spec.container, &spec.parent) {
                    (Some(container), _) => {
                        Prospect::in_container(kind, client, document(container))
                    }
                    (None, Some(parent)) => Prospect::child_of(kind, client, document(parent)),
                    (None, None) => Prospect::at_client(kind, client),
                }))
            }
            (None, None, Some(id), None) => Ok(ContactId::new(tenant, id.as_str()).into()),
            (None, None, None, Some(id)) => {
                let is = spec.is.as_ref().ok_or("say what the inline document `is`")?;
                Ok(is.document(&self.tenant, id, client.as_deref()).into())
            }
            (None, None, None, None) => match client {
                Some(id) => Ok(ClientId::new(tenant, id.as_str()).into()),
                None => Err("a resource is one of document, new, contact, client, inline".into()),
            },
            _ => Err("a resource is only one of document, new, contact, inline".into()),
        }
    }
}

fn moment(text: &str) -> Result<Timestamp, Broken> {
    text.parse().map_err(|error: crate::ValueError| error.to_string())
}

/// What a tenant starts from, before the fixture's own members.
fn start_of(fixture: &Fixture) -> Result<TenantConfig, Broken> {
    match (&fixture.config, fixture.preset) {
        (None, preset) => Ok(preset.map(TenantConfig::from).unwrap_or_default()),
        (Some(Json::String(file)), None) => {
            Err(format!("the configuration {file} has to be named in a file's own `fixtures`"))
        }
        (Some(members), None) => TenantConfig::read("config", &members.to_string())
            .map_err(|error| format!("the configuration is refused: {error}")),
        (Some(_), Some(_)) => {
            Err("a fixture starts from a preset or from a configuration".to_owned())
        }
    }
}

fn build_tenant(portal: &Portal, id: &str, fixture: &Fixture) -> Result<Tenant, Broken> {
    let mut config = start_of(fixture)?;
    config.settings.merge(fixture.settings.clone());
    for (set, held) in &fixture.permission_sets {
        config.sets.insert(set.clone(), held.iter().cloned().collect());
    }
    config.events.extend(fixture.events.iter().cloned());
    config.kinds.extend(fixture.kinds.clone());
    for (set, alerts) in &fixture.alert_sets {
        config.alert_sets.insert(set.clone(), alerts.iter().cloned().collect());
    }
    let tenant = portal
        .create_tenant(id, config)
        .map_err(|error| format!("tenant {id} cannot be set up: {error}"))?;
    tenant
        .write_as_system(|tx| fill(tx, fixture))
        .map_err(|error| format!("the fixture of tenant {id} is refused: {error}"))?;
    Ok(tenant)
}

fn fill(tx: &mut Tx<'_>, fixture: &Fixture) -> Result<(), WriteError> {
    let tenant = tx.tenant();
    for (group, settings) in &fixture.groups {
        tx.set_group_settings(&tenant.client_group(&**group), settings.clone())?;
    }
    for (id, client) in &fixture.clients {
        let client_id = tx.create_client(tenant.client(&**id))?;
        tx.set_client_settings(&client_id, client.settings.clone())?;
        if let Some(group) = &client.group {
            tx.set_client_group(&client_id, Some(&tenant.client_group(&**group)))?;
        }
        for (name, contact) in &client.contacts {
            add_contact(tx, name, &client_id, contact)?;
        }
    }
    for (id, client) in &fixture.clients {
        let parent = client.parent.as_ref().map(|parent| tenant.client(&**parent));
        tx.set_client_parent(&tenant.client(&**id), parent.as_ref())?;
    }
    for (id, staff) in &fixture.staff {
        staff.create(tx, id)?;
    }
    let owned = fixture.clients.iter().flat_map(|(client, ClientFixture { documents, .. })| {
        documents.iter().map(move |(id, document)| (Some(client.as_str()), id, document))
    });
    let wide = fixture.documents.iter().map(|(id, document)| (None, id, document));
    let documents: Vec<_> = owned.chain(wide).collect();
    for (client, id, document) in &documents {
        tx.put_document(&document.document(tenant, id, *client))?;
    }
    for (_, id, document) in &documents {
        add_relations(tx, &tenant.document(&***id), document)?;
    }
    for (id, link) in &fixture.links {
        add_link(tx, id, link)?;
    }
    for (id, share) in &fixture.shares {
        share.put(tx, tenant.contact(&*share.contact), id)?;
    }
    // The last of all: contacts of an archived client can still be set up.
    for (id, client) in &fixture.clients {
        tx.set_archived(&tenant.client(&**id), client.archived.into())?;
    }
    Ok(())
}

fn add_contact(
    tx: &mut Tx<'_>,
    name: &str,
    client: &ClientId,
    fixture: &ContactFixture,
) -> Result<(), WriteError> {
    let name_of_its_own = name;
    let mut new = NewContact::new(tx.tenant().contact(name), client.clone());
    new = match fixture.email.as_deref() {
        Some("") => new,
        Some(email) => new.email(email),
        None => new.email(format!("{name}@{}.example", client.id())),
    };
    if let Some(name) = &fixture.name {
        new = new.name(name);
    }
    new = match fixture.login.as_deref() {
        Some("") => new,
        Some(login) => new.login(login),
        None => new.login(name_of_its_own),
    };
    if let Some(sets) = &fixture.sets {
        new = new.sets(sets.iter().map(String::as_str));
    }
    let contact = tx.create_contact(if fixture.main { new.main() } else { new })?;
    let access = fixture.access.unwrap_or(AccessState::Enabled);
    if access != AccessState::None {
        tx.enable(&contact)?;
        match fixture.credential.unwrap_or(CredentialState::Active) {
            CredentialState::None => {}
            CredentialState::Issued => drop(tx.reset_credential(&contact)?),
            CredentialState::MustChange => drop(tx.force_password_change(&contact)?),
            CredentialState::Active => drop(tx.set_password(&contact)?),
        }
    }
    tx.set_admin(&contact, fixture.admin)?;
    tx.set_approver(&contact, fixture.approver)?;
    tx.set_signatory(&contact, fixture.signatory)?;
    tx.set_uploads(&contact, fixture.uploads.unwrap_or(true))?;
    tx.set_mail(&contact, fixture.mail.unwrap_or(true))?;
    tx.set_limit(&contact, fixture.limit.as_ref())?;
    for permission in &fixture.grants {
        tx.grant(&contact, permission)?;
    }
    for permission in &fixture.denials {
        tx.deny(&contact, permission)?;
    }
    if let Some(sets) = &fixture.alert_sets {
        tx.set_alert_sets(&contact, sets.iter().map(String::as_str))?;
    }
    if let Some(kinds) = &fixture.receives {
        tx.set_recipient_of(&contact, kinds.iter().cloned())?;
    }
    for (kind, watch) in &fixture.watches {
        tx.watch_kind(&contact, kind, (*watch).into())?;
    }
    match access {
        AccessState::Disabled => tx.revoke(&contact),
        AccessState::Deleted => tx.delete_contact(&contact),
        AccessState::None | AccessState::Enabled => Ok(()),
    }
}

fn add_relations(
    tx: &mut Tx<'_>,
    document: &DocumentId,
    fixture: &DocumentFixture,
) -> Result<(), WriteError> {
    let tenant = tx.tenant();
    for name in &fixture.invited {
        tx.invite(document, &tenant.contact(&**name), None)?;
    }
    for (name, relation) in &fixture.relations {
        tx.relate(document, &tenant.contact(&**name), relation.relation()?)?;
    }
    if !fixture.signers.is_empty() {
        let signers: Vec<ContactId> =
            fixture.signers.iter().map(|name| tenant.contact(&**name)).collect();
        tx.set_signers(document, &signers)?;
    }
    for (name, watch) in &fixture.watchers {
        tx.watch_document(&tenant.contact(&**name), document, (*watch).into())?;
    }
    for name in &fixture.denied {
        tx.deny_document(&tenant.contact(&**name), document, true)?;
    }
    Ok(())
}

fn add_link(
    tx: &mut Tx<'_>,
    id: &str,
    fixture: &super::format::LinkFixture,
) -> Result<(), WriteError> {
    let tenant = tx.tenant();
    let (link, contact) = (tenant.link(id), tenant.contact(&*fixture.contact));
    let expires = match &fixture.expires {
        Some(text) => Some(text.parse::<Timestamp>()?),
        None => None,
    };
    match fixture.purpose {
        LinkPurpose::Personal => {
            let document = tenant.document(fixture.document.as_deref().unwrap_or_default());
            tx.create_personal_link(link.clone(), &contact, document, expires)?;
        }
        LinkPurpose::Activation => {
            tx.create_activation_link(link.clone(), &contact, expires)?;
        }
        LinkPurpose::Magic => {
            let expires = match expires {
                Some(expires) => expires,
                None => NEVER.parse()?,
            };
            tx.create_magic_link(link.clone(), &contact, expires)?;
        }
    }
    if fixture.revoked { tx.revoke_link(&link) } else { Ok(()) }
}

impl DocumentFixture {
    pub(super) fn document(&self, tenant: &Tenant, id: &str, client: Option<&str>) -> Document {
        let mut document = Document::new(tenant.document(id), self.kind.clone())
            .state(self.state.unwrap_or(State::Open))
            .internal(self.internal)
            .visible(!self.hidden);
        if let Some(client) = self.client.as_deref().or(client) {
            document = document.client(tenant.client(client));
        }
        if let Some(amount) = self.amount {
            document = document.amount(amount, self.currency.as_deref().unwrap_or("EUR"));
        }
        if let Some(level) = self.level {
            document = document.level(level);
        }
        if let Some(owner) = &self.owner {
            document = document.owner(tenant.contact(&**owner));
        }
        if let Some(parent) = &self.parent {
            document = document.parent(tenant.document(&**parent));
        }
        if let Some(container) = &self.container {
            document = document.container(tenant.document(&**container));
        }
        self.labels.iter().fold(document, |document, label| document.label(label))
    }
}

impl Question {
    /// A question in words, as a command line gives it.
    #[must_use]
    pub fn new(principal: &str, action: &str, resource: &str) -> Self {
        Self {
            principal: Principal::Name(principal.to_owned()),
            action: action.to_owned(),
            resource: Target::Name(resource.to_owned()),
            context: std::collections::BTreeMap::new(),
            fields: Vec::new(),
        }
    }
}

/// What a decision comes to in a scenario's words.
fn outcome_of(decision: &Decision) -> Expectation {
    let code = decision.code().map(|code| code.as_str());
    if decision.is_allowed() {
        Expectation::new(Outcome::Allow, None)
    } else if decision.step_up().is_some() {
        Expectation::new(Outcome::StepUp, code)
    } else {
        Expectation::new(Outcome::Deny, code)
    }
}
