//! Requests and decisions as JSON, in the shape of the [OpenID AuthZEN Authorization API 1.0].
//!
//! A request names a `subject`, an `action` and a `resource`, and may bring a `context`:
//!
//! ```json
//! {
//!   "subject": { "type": "Contact", "id": "gm" },
//!   "action": { "name": "view" },
//!   "resource": { "type": "Document", "id": "I1", "properties": { "amount": 12000 } },
//!   "context": { "mfa": true }
//! }
//! ```
//!
//! `properties` are attributes: where a subject or a resource has them, the entity is passed inline
//! (see [`Request::inline`]), even if they are empty. Values are written as in Cedar's entity JSON;
//! `__entity` and `__extn` may be left out where the schema tells the type. One member goes beyond
//! AuthZEN: `entities`, an array of Cedar's entity JSON, passes further rows inline.
//!
//! Members that are not known are refused, and so are properties of an action, which Cedar has no
//! place for: a request is decided on all that it says or not at all. Sets and records nest at most
//! 32 deep.
//!
//! # Example: a body in, a body out
//!
//! ```
//! use doorward::{Engine, PolicyBundle, wire::Evaluations};
//! use serde_json::json;
//!
//! let policies = PolicyBundle::builder()
//!     .policies("rules.cedar", r#"
//!         @id("small-amounts") permit (principal, action == Action::"pay", resource)
//!         when { resource.amount < 1000 };
//!     "#)
//!     .build()?;
//! let engine = Engine::builder(policies).host_owned("Invoice").build()?;
//! let world = engine.world();
//!
//! let body = json!({
//!     "subject": { "type": "Contact", "id": "gm" },
//!     "action": { "name": "pay" },
//!     "evaluations": [
//!         { "resource": { "type": "Invoice", "id": "I1", "properties": { "amount": 900 } } },
//!         { "resource": { "type": "Invoice", "id": "I2", "properties": { "amount": 9000 } } },
//!     ],
//! });
//! let evaluations = Evaluations::from_json(&body, world.policies())?;
//! let decisions = evaluations.check(&world);
//! let answer = evaluations.to_json(&world, &decisions);
//! assert_eq!(answer["evaluations"][0]["decision"], true);
//! assert_eq!(answer["evaluations"][1]["context"]["code"], "NO_PERMIT");
//! # Ok::<(), doorward::Error>(())
//! ```
//!
//! [OpenID AuthZEN Authorization API 1.0]: https://openid.net/specs/authorization-api-1_0.html

use serde_json::{Map, Value as Json, json};

use crate::decide::{ActionName, Decision, Disclosure, Explanation, Request};
use crate::engine::World;
use crate::error::RequestError;
use crate::facts::{
    Entity, EntityUid, Types, attributes_from_json, context_from_json, entity_from_json,
    is_type_name, shorten,
};
use crate::policy::PolicyBundle;

/// How many evaluations one body may ask for.
///
/// What they have in common is read for each of them, so a small body could ask for much work.
pub const EVALUATIONS_MAX: usize = 1_000;

const MEMBERS: [&str; 5] = ["subject", "action", "resource", "context", "entities"];
const BATCH_MEMBERS: [&str; 7] =
    ["subject", "action", "resource", "context", "entities", "evaluations", "options"];

impl Request {
    /// Reads one AuthZEN request; see [`wire`](crate::wire) for its shape.
    ///
    /// The action's name is that of one in the default namespace (`view` is `Action::"view"`) or a
    /// whole uid, `Shop::Action::"view"`. The bundle's schema, if it has one, tells the types of
    /// values.
    ///
    /// # Errors
    ///
    /// When a member is missing, unknown or of the wrong shape, or a value is none of Cedar's.
    /// Whether types and attributes fit the schema is for the check to say.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{PolicyBundle, Request};
    /// use serde_json::json;
    ///
    /// let bundle = PolicyBundle::builder().build()?;
    /// let mut body = json!({
    ///     "subject": { "type": "Contact", "id": "gm" },
    ///     "action": { "name": "view" },
    ///     "resource": { "type": "Document", "id": "I1" },
    /// });
    /// let request = Request::from_json(&body, &bundle)?;
    /// assert_eq!(request.action().to_string(), r#"Action::"view""#);
    ///
    /// body["contxt"] = json!({ "mfa": true });
    /// let error = Request::from_json(&body, &bundle).unwrap_err();
    /// assert_eq!(error.message(), "unknown member `contxt`");
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn from_json(body: &Json, bundle: &PolicyBundle) -> Result<Self, RequestError> {
        let own = object(body, "the request")?;
        known(own, &MEMBERS)?;
        read(Members { own, defaults: None }, bundle.types())
    }
}

impl Decision {
    /// The AuthZEN answer: `{"decision": …, "context": {…}}`.
    ///
    /// The context holds `code`, `message`, `policy`, `step`, `step_up` and `disclosure`, each only
    /// where there is one, and always `bundle` (the policies' digest) and `revision` (of both
    /// policies and facts). `world` is the one that decided.
    ///
    /// The answer is for the program that asked. It holds the true code whatever the disclosure:
    /// where that is `not_found`, show the contact none of it.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Disclosure, Engine, EntityUid, PolicyBundle, Request};
    ///
    /// let engine = Engine::builder(PolicyBundle::builder().build()?).build()?;
    /// let world = engine.world();
    /// let (gm, i1) = (EntityUid::new("Contact", "gm"), EntityUid::new("Document", "I1"));
    /// let decision = world.check(&Request::new(gm, "view", i1));
    ///
    /// let answer = decision.to_json(&world, Some(Disclosure::NotFound));
    /// assert_eq!(answer["decision"], false);
    /// assert_eq!(answer["context"]["code"], "NO_PERMIT");
    /// assert_eq!(answer["context"]["disclosure"], "not_found");
    /// assert!(answer["context"].get("step_up").is_none());
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn to_json(&self, world: &World, disclosure: Option<Disclosure>) -> Json {
        answer(self, world.message(self), disclosure)
    }
}

impl Explanation {
    /// The decision as in [`Decision::to_json`], with `fault`, `determining`, `erring` and
    /// `policies`: every policy with its `outcome` and `clauses`.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Engine, EntityUid, PolicyBundle, Request};
    ///
    /// let policies = PolicyBundle::builder()
    ///     .policies("rules.cedar", r#"
    ///         @id("by-day") permit (principal, action, resource) when { context.day };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).build()?;
    /// let (gm, i1) = (EntityUid::new("Contact", "gm"), EntityUid::new("Document", "I1"));
    /// let explanation = engine.explain(&Request::new(gm, "view", i1).with("day", false)).to_json();
    /// assert_eq!(explanation["decision"], false);
    /// assert_eq!(explanation["policies"][0]["id"], "by-day");
    /// assert_eq!(explanation["policies"][0]["clauses"][0]["value"], "false");
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut explanation = answer(&self.decision, self.message, None);
        let erring: Vec<Json> = self
            .erring
            .iter()
            .map(|(policy, message)| json!({ "policy": policy, "message": message }))
            .collect();
        if let Json::Object(members) = &mut explanation {
            if let Some(fault) = &self.fault {
                members.insert("fault".into(), json!(fault));
            }
            members.insert("determining".into(), json!(self.determining));
            members.insert("erring".into(), Json::Array(erring));
            members.insert("policies".into(), json!(self.policies));
        }
        explanation
    }
}

/// What an AuthZEN body asks: one request, or a batch of them under `evaluations`.
///
/// In a batch the members beside `evaluations` are defaults: each evaluation says what differs, and
/// a member that it has stands instead of the default as a whole. A body without evaluations is one
/// request. `options` may hold `evaluations_semantic`; see [`Semantic`].
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluations {
    requests: Vec<Request>,
    semantic: Semantic,
    batch: bool,
}

impl From<Request> for Evaluations {
    /// A single evaluation.
    fn from(request: Request) -> Self {
        Self { requests: vec![request], semantic: Semantic::default(), batch: false }
    }
}

/// How far a batch is decided: AuthZEN's `evaluations_semantic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantic {
    /// `execute_all`: every evaluation.
    #[default]
    ExecuteAll,
    /// `deny_on_first_deny`: up to the first refusal.
    DenyOnFirstDeny,
    /// `permit_on_first_permit`: up to the first allow.
    PermitOnFirstPermit,
}

impl Evaluations {
    /// Reads an AuthZEN body, single or batch.
    ///
    /// # Errors
    ///
    /// As for [`Request::from_json`], with the number of the evaluation; when there are more than
    /// [`EVALUATIONS_MAX`]; when an option is not known. One request that cannot be read refuses
    /// the batch.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{PolicyBundle, wire::Evaluations};
    /// use serde_json::json;
    ///
    /// let bundle = PolicyBundle::builder().build()?;
    /// let body = json!({
    ///     "subject": { "type": "Contact", "id": "gm" },
    ///     "action": { "name": "view" },
    ///     "evaluations": [{ "resource": { "type": "Document", "id": "I1" } }, {}],
    /// });
    /// let error = Evaluations::from_json(&body, &bundle).unwrap_err();
    /// assert_eq!(error.message(), "evaluations[1]: member `resource` is missing");
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn from_json(body: &Json, bundle: &PolicyBundle) -> Result<Self, RequestError> {
        let defaults = object(body, "the request")?;
        known(defaults, &BATCH_MEMBERS)?;
        let semantic = semantic(defaults)?;
        let evaluations = match defaults.get("evaluations") {
            None => &[][..],
            Some(Json::Array(evaluations)) => evaluations,
            Some(_) => return Err(RequestError::new("`evaluations` is an array of objects")),
        };
        if evaluations.len() > EVALUATIONS_MAX {
            let message = format!("more than {EVALUATIONS_MAX} evaluations in one request");
            return Err(RequestError::new(message).with_help("ask in several requests"));
        }
        if evaluations.is_empty() {
            let request = read(Members { own: defaults, defaults: None }, bundle.types())?;
            return Ok(Self { requests: vec![request], semantic, batch: false });
        }
        let read = |(index, evaluation): (usize, &Json)| {
            let place = |error: RequestError| error.within(format_args!("evaluations[{index}]"));
            let own = object(evaluation, "an evaluation").map_err(place)?;
            known(own, &MEMBERS).map_err(place)?;
            read(Members { own, defaults: Some(defaults) }, bundle.types()).map_err(place)
        };
        let requests = evaluations.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { requests, semantic, batch: true })
    }

    /// The requests, in order; never none.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Whether the body had `evaluations`, so that the answer has them too.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.batch
    }

    /// How far the batch is decided.
    #[must_use]
    pub fn semantic(&self) -> Semantic {
        self.semantic
    }

    /// Decides the requests on one world, in order and as far as the [`Semantic`] says.
    #[must_use]
    pub fn check(&self, world: &World) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(self.requests.len());
        for request in &self.requests {
            let decision = world.check(request);
            let last = match self.semantic {
                Semantic::ExecuteAll => false,
                Semantic::DenyOnFirstDeny => !decision.is_allowed(),
                Semantic::PermitOnFirstPermit => decision.is_allowed(),
            };
            decisions.push(decision);
            if last {
                break;
            }
        }
        decisions
    }

    /// The answer: that of [`Decision::to_json`] for a single request, else
    /// `{"evaluations": […]}` with one for each decision.
    #[must_use]
    pub fn to_json(&self, world: &World, decisions: &[Decision]) -> Json {
        let mut answers = decisions.iter().map(|decision| decision.to_json(world, None));
        if self.batch {
            json!({ "evaluations": answers.collect::<Vec<_>>() })
        } else {
            // Without a decision there is none to give: refuse.
            answers.next().unwrap_or_else(|| json!({ "decision": false }))
        }
    }
}

fn semantic(body: &Map<String, Json>) -> Result<Semantic, RequestError> {
    let Some(options) = body.get("options") else { return Ok(Semantic::default()) };
    let place = |error: RequestError| error.within("options");
    let options = object(options, "the member").map_err(place)?;
    known(options, &["evaluations_semantic"]).map_err(place)?;
    match options.get("evaluations_semantic").map(Json::as_str) {
        None | Some(Some("execute_all")) => Ok(Semantic::ExecuteAll),
        Some(Some("deny_on_first_deny")) => Ok(Semantic::DenyOnFirstDeny),
        Some(Some("permit_on_first_permit")) => Ok(Semantic::PermitOnFirstPermit),
        Some(_) => Err(place(
            RequestError::new("`evaluations_semantic` is not known")
                .with_help("known are execute_all, deny_on_first_deny, permit_on_first_permit"),
        )),
    }
}

/// The members of one request: its own, else the defaults of its batch.
#[derive(Clone, Copy)]
struct Members<'j> {
    own: &'j Map<String, Json>,
    defaults: Option<&'j Map<String, Json>>,
}

impl<'j> Members<'j> {
    fn find(self, name: &str) -> Option<&'j Json> {
        self.own.get(name).or_else(|| self.defaults?.get(name))
    }

    fn require(self, name: &str) -> Result<&'j Json, RequestError> {
        self.find(name).ok_or_else(|| missing(name))
    }
}

fn read(members: Members<'_>, types: Option<&Types>) -> Result<Request, RequestError> {
    let (principal, principal_row) =
        party(members.require("subject")?, types).map_err(|error| error.within("subject"))?;
    let action = action(members.require("action")?).map_err(|error| error.within("action"))?;
    let (resource, resource_row) =
        party(members.require("resource")?, types).map_err(|error| error.within("resource"))?;

    let mut request = Request::new(principal, ActionName::from(&action), resource);
    if let Some(context) = members.find("context") {
        object(context, "the member").map_err(|error| error.within("context"))?;
        let declared = types.and_then(|types| types.action(&action));
        let declared = declared.map(|action| &action.context);
        request = request.context(context_from_json(context, declared)?);
    }
    // One entity may be both, and is then one row.
    let same = principal_row == resource_row;
    for row in principal_row.into_iter().chain(resource_row.filter(|_| !same)) {
        request = request.inline(row);
    }
    let entities = match members.find("entities") {
        None => &[][..],
        Some(Json::Array(entities)) => entities,
        Some(_) => return Err(RequestError::new("`entities` is an array of entities")),
    };
    for (index, entity) in entities.iter().enumerate() {
        let row = entity_from_json(entity, types)
            .map_err(|error| error.within(format_args!("entities[{index}]")))?;
        request = request.inline(row);
    }
    Ok(request)
}

/// A subject or resource, and its row if it brings properties.
fn party(party: &Json, types: Option<&Types>) -> Result<(EntityUid, Option<Entity>), RequestError> {
    let party = object(party, "the member")?;
    known(party, &["type", "id", "properties"])?;
    let type_name = text(party, "type")?;
    if !is_type_name(type_name) {
        let message = format!("`{}` is no type name", shorten(type_name));
        return Err(RequestError::new(message).with_help("write it as in Contact or Shop::Contact"));
    }
    let uid = EntityUid::new(type_name, text(party, "id")?);
    let Some(properties) = party.get("properties") else { return Ok((uid, None)) };
    let place = |error: RequestError| error.within("properties");
    object(properties, "the member").map_err(place)?;
    let attributes =
        attributes_from_json(properties, type_name, types).map_err(|error| place(error.into()))?;
    let row = Entity::new(uid.clone());
    let row = attributes.into_iter().fold(row, |row, (name, value)| row.with(name, value));
    Ok((uid, Some(row)))
}

fn action(action: &Json) -> Result<EntityUid, RequestError> {
    let action = object(action, "the member")?;
    known(action, &["name", "properties"])?;
    match action.get("properties") {
        None => {}
        Some(Json::Object(properties)) if properties.is_empty() => {}
        Some(_) => {
            return Err(RequestError::new("an action has no properties")
                .with_help("pass what the action depends on in `context`"));
        }
    }
    let name = text(action, "name")?;
    if !name.contains("::\"") {
        return Ok(EntityUid::action(name));
    }
    let uid: Option<EntityUid> = name.parse().ok();
    uid.filter(|uid| uid.type_name().rsplit("::").next() == Some("Action")).ok_or_else(|| {
        RequestError::new(format!("`{}` is no action", shorten(name)))
            .with_help("write view or Shop::Action::\"view\"")
    })
}

fn object<'j>(value: &'j Json, what: &str) -> Result<&'j Map<String, Json>, RequestError> {
    value.as_object().ok_or_else(|| RequestError::new(format!("{what} is no JSON object")))
}

fn text<'j>(object: &'j Map<String, Json>, name: &str) -> Result<&'j str, RequestError> {
    let member = object.get(name).ok_or_else(|| missing(name))?;
    member.as_str().ok_or_else(|| RequestError::new(format!("`{name}` is no string")))
}

fn missing(name: &str) -> RequestError {
    RequestError::new(format!("member `{name}` is missing"))
}

fn known(object: &Map<String, Json>, names: &[&str]) -> Result<(), RequestError> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(RequestError::new(format!("unknown member `{}`", shorten(unknown)))
            .with_help(format!("known are {}", names.join(", ")))),
    }
}

fn answer(decision: &Decision, message: &str, disclosure: Option<Disclosure>) -> Json {
    let mut context = Map::new();
    let mut put = |name: &str, value: Json| {
        if !value.is_null() {
            context.insert(name.to_owned(), value);
        }
    };
    put("code", json!(decision.code()));
    put("message", json!(message));
    put("policy", json!(decision.policy()));
    put("step", json!(decision.step()));
    put("step_up", json!(decision.step_up()));
    put(
        "disclosure",
        match disclosure {
            None => Json::Null,
            Some(Disclosure::Forbidden) => json!("forbidden"),
            Some(Disclosure::NotFound) => json!("not_found"),
        },
    );
    put("bundle", json!(decision.bundle()));
    put("revision", json!(decision.revision().number()));
    json!({ "decision": decision.is_allowed(), "context": context })
}

#[cfg(test)]
mod tests;
