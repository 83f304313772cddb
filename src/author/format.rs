//! The format of scenario files.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::commands::Command;
use crate::portal::{
    AccessState, Action, Channel, CredentialState, Kind, KindDeclaration, Level, Limit, Preset,
    Role, Settings, State,
};

/// Reads a text as a name and a map in detail, so that what is wrong with a map is told in full.
macro_rules! name_or_detail {
    ($($type:ident::$detail:ident, $expected:literal;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                        Ok($type::Name(name.to_owned()))
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        let detail = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                        Ok($type::$detail(Box::new(detail)))
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    )*};
}

/// A file of scenarios for `doorward test`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScenarioFile {
    /// Files whose fixtures can be used here, relative to this one.
    #[serde(rename = "use")]
    pub uses: Vec<String>,
    /// Fixtures by name.
    #[schemars(with = "BTreeMap<String, Fixture>")]
    pub fixtures: BTreeMap<String, Json>,
    /// The scenarios, in the order in which they are run. Each starts from its fixtures alone.
    pub scenarios: Vec<Scenario>,
}

/// One scenario: a state, questions and writes, and what has to come of them.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The id, unique in the suite.
    pub id: String,
    /// What it shows.
    #[serde(default)]
    pub note: Option<String>,
    /// The presets that it is run under, instead of the fixture's: `any`, or a list of them.
    #[serde(default)]
    pub presets: Option<Presets>,
    /// The fixtures it starts from, each laid over the one before.
    #[serde(default)]
    pub fixtures: Vec<String>,
    /// What is different here: laid over the fixtures.
    #[serde(default)]
    #[schemars(with = "Option<Fixture>")]
    pub given: Option<Json>,
    /// The moment at which it starts: RFC 3339. Default: the fixture's.
    #[serde(default)]
    pub now: Option<String>,
    /// A single question; `expect` says its answer.
    #[serde(default)]
    pub check: Option<Question>,
    /// A single question about mail; `expect` says its answer.
    #[serde(default)]
    pub mail: Option<Mail>,
    /// A single write; `expect` says what comes of it.
    #[serde(default)]
    pub write: Option<Write>,
    /// What `check`, `mail` or `write` has to come to.
    #[serde(default)]
    pub expect: Option<Expectation>,
    /// Several questions and writes, one after the other.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Principals × actions × resources; what is not listed is refused.
    #[serde(default)]
    pub matrix: Option<Matrix>,
}

/// The presets that a scenario is run under.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`any` or a list of presets")]
pub enum Presets {
    /// All of them.
    All(Any),
    /// These.
    These(Vec<Preset>),
}

/// `any`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Any {
    /// All of them.
    Any,
}

impl Presets {
    pub(super) fn each(&self) -> &[Preset] {
        match self {
            Self::All(Any::Any) => Preset::ALL,
            Self::These(presets) => presets,
        }
    }
}

/// One step of a scenario: exactly one of its members beside `expect`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A question.
    pub check: Option<Question>,
    /// May mail about a document go to a contact?
    pub mail: Option<Mail>,
    /// May mail with a credential go to a contact? The contact.
    pub credential_mail: Option<String>,
    /// A write.
    pub write: Option<Write>,
    /// Signs a contact in, to ask with this session later.
    pub open: Option<Open>,
    /// Moves the clock to this moment.
    pub now: Option<String>,
    /// What the question or the write has to come to.
    pub expect: Option<Expectation>,
}

/// A question to the policies.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who asks.
    pub principal: Principal,
    /// What for: the name of an action.
    pub action: String,
    /// On what.
    pub resource: Target,
    /// The context of a request on entities; a portal makes its own.
    #[serde(default)]
    pub context: BTreeMap<String, Json>,
    /// The fields that are to be edited.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// A question about mail or an alert.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Whom it would go to.
    pub contact: String,
    /// The event it tells of: `invoice.sent`.
    pub event: String,
    /// The channel. Default: e-mail.
    #[serde(default = "email")]
    pub channel: Channel,
    /// The document it is about.
    pub document: Target,
}

const fn email() -> Channel {
    Channel::Email
}

/// A write to the portal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Who writes. Default: the system.
    #[serde(default)]
    pub actor: Option<Principal>,
    /// The commands, accepted or refused together.
    #[serde(rename = "do")]
    pub commands: Vec<Command>,
    /// The codes of what an accepted write leaves to do. Default: any.
    #[serde(default)]
    pub findings: Option<Vec<String>>,
}

/// A session to open.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The name by which it is asked with.
    pub session: String,
    /// The contact who signs in.
    pub contact: String,
}

/// Who asks: a name of the fixture (a contact with a fresh session, a member of the staff, the
/// bearer of a link), an entity such as `Contact::"gm"`, or a caller in detail.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum Principal {
    /// A name or an entity.
    Name(String),
    /// A caller in detail.
    Caller(Box<CallerSpec>),
}

/// A caller in detail. One of `contact`, `link`, `staff` or `guest` has to be given.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallerSpec {
    /// A contact, with a fresh session unless `session` says otherwise.
    pub contact: Option<String>,
    /// The bearer of a link.
    pub link: Option<String>,
    /// A member of the staff.
    pub staff: Option<String>,
    /// Nobody known.
    pub guest: bool,
    /// The contact as whom staff view the portal.
    pub view_as: Option<String>,
    /// When viewing began. Default: now.
    pub started: Option<String>,
    /// The contact for whom staff act.
    pub on_behalf_of: Option<String>,
    /// A session that was opened by a step, or `none`.
    pub session: Option<String>,
    /// `password` (the default), `magic_link` or `sso`.
    pub authenticated_by: Option<String>,
    /// When a second factor was given, or `never`. Default: now.
    pub mfa_at: Option<String>,
    /// The moment of the session's last request, or `never`. Default: now.
    pub last_seen: Option<String>,
    /// The address that the request comes from.
    pub address: Option<String>,
}

/// What is asked of: a name of the fixture, `portal`, an entity such as `Document::"I1"`, or a
/// resource in detail.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum Target {
    /// A name or an entity.
    Name(String),
    /// A resource in detail.
    Resource(Box<ResourceSpec>),
}

/// A resource in detail. One of `document`, `new`, `contact`, `client` or `inline` has to be given.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceSpec {
    /// A stored document, there or not.
    pub document: Option<String>,
    /// The document that it is asked for through.
    pub via: Option<String>,
    /// The kind of a document that is not there yet, with `client` and maybe `container` or
    /// `parent`.
    pub new: Option<Kind>,
    /// A contact, there or not.
    pub contact: Option<String>,
    /// A client, there or not.
    pub client: Option<String>,
    /// The container of the new document.
    pub container: Option<String>,
    /// The parent of the new document.
    pub parent: Option<String>,
    /// A document of the host's own tables, by its id.
    pub inline: Option<String>,
    /// What `inline` is.
    pub is: Option<DocumentFixture>,
    /// Another tenant that the id is of.
    pub tenant: Option<String>,
}

name_or_detail! {
    Principal::Caller, "the name of a caller, or a caller in detail";
    Target::Resource, "the name of a resource, or a resource in detail";
    RelationFixture::Relation, "a role, or a relation in detail";
}

/// Principals × actions × resources: what is not listed under `allow` has to be refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Who asks, by name.
    pub principals: Vec<String>,
    /// What for.
    pub actions: Vec<String>,
    /// On what, by name.
    pub resources: Vec<String>,
    /// What is allowed.
    #[serde(default)]
    pub allow: Vec<Cells>,
    /// The codes of refusals; what is not listed may have any.
    #[serde(default)]
    pub deny: Vec<Cells>,
}

/// Cells of a matrix. What is left out stands for all.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cells {
    /// Who.
    pub principals: Vec<String>,
    /// What.
    pub actions: Vec<String>,
    /// On what.
    pub resources: Vec<String>,
    /// The code of these refusals.
    pub code: Option<String>,
}

/// What has to come of a step: `allow`, `deny CODE`, `step_up CODE`; of mail `notify`,
/// `suppress CODE`; of a write `accept`, `deny CODE` (the actor may not), `reject CODE` (a rule
/// would be broken). Without a code any will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    with = "String",
    extend("pattern" = "^(allow|notify|accept|(deny|step_up|suppress|reject)( [A-Z][A-Z0-9_]*)?)$")
)]
pub struct Expectation {
    pub(super) outcome: Outcome,
    pub(super) code: Option<String>,
}

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Allow,
    Deny,
    StepUp,
    Notify,
    Suppress,
    Accept,
    Reject,
}

impl Outcome {
    const ALL: [(&'static str, Self); 7] = [
        ("allow", Self::Allow),
        ("deny", Self::Deny),
        ("step_up", Self::StepUp),
        ("notify", Self::Notify),
        ("suppress", Self::Suppress),
        ("accept", Self::Accept),
        ("reject", Self::Reject),
    ];
}

impl Expectation {
    pub(super) fn new(outcome: Outcome, code: Option<&str>) -> Self {
        Self { outcome, code: code.map(str::to_owned) }
    }

    /// Whether an actual outcome is the expected one.
    pub(super) fn is_met_by(&self, actual: &Self) -> bool {
        self.outcome == actual.outcome && (self.code.is_none() || self.code == actual.code)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Outcome::ALL.iter().find(|(_, outcome)| *outcome == self.outcome);
        f.write_str(word.map_or("", |(word, _)| word))?;
        match &self.code {
            Some(code) => write!(f, " {code}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, code) = match text.split_once(' ') {
            Some((word, code)) => (word, Some(code.trim())),
            None => (text, None),
        };
        let known = Outcome::ALL.iter().find(|(known, _)| *known == word);
        let Some((_, outcome)) = known else {
            let words: Vec<&str> = Outcome::ALL.iter().map(|(word, _)| *word).collect();
            return Err(format!("`{text}` is no expectation: use one of {}", words.join(", ")));
        };
        let refuses = !matches!(outcome, Outcome::Allow | Outcome::Notify | Outcome::Accept);
        let is_code = |code: &str| {
            code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match code {
            Some(code) if !refuses || !is_code(code) || code.is_empty() => {
                Err(format!("`{text}` is no expectation: a code follows a refusal, in capitals"))
            }
            code => Ok(Self::new(*outcome, code)),
        }
    }
}

impl TryFrom<String> for Expectation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Expectation> for String {
    fn from(expectation: Expectation) -> Self {
        expectation.to_string()
    }
}

/// A state to start from: a portal's tenant, or plain entities for other schemas.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fixture {
    /// The id of the tenant. Default: `tenant`.
    pub tenant: Option<String>,
    /// The preset that the tenant starts from.
    pub preset: Option<Preset>,
    /// The configuration of a tenant's own that it starts from, instead of a preset: its members, or
    /// the path of its file from the scenario file's folder.
    pub config: Option<Json>,
    /// The moment at which scenarios start. Default: 2026-01-01T00:00:00Z.
    pub now: Option<String>,
    /// Settings, laid over the preset's.
    pub settings: Settings,
    /// Permission sets by name, in addition to the preset's or instead of them.
    pub permission_sets: BTreeMap<String, Vec<String>>,
    /// Alert sets by name.
    pub alert_sets: BTreeMap<String, Vec<String>>,
    /// Events of the tenant's own, in addition to the preset's.
    pub events: Vec<String>,
    /// Kinds of the tenant's own.
    pub kinds: BTreeMap<Kind, KindDeclaration>,
    /// Client groups by id, with their settings.
    pub groups: BTreeMap<String, Settings>,
    /// Staff by id.
    pub staff: BTreeMap<String, StaffFixture>,
    /// Clients by id.
    pub clients: BTreeMap<String, ClientFixture>,
    /// Tenant-wide documents by id.
    pub documents: BTreeMap<String, DocumentFixture>,
    /// Links by id.
    pub links: BTreeMap<String, LinkFixture>,
    /// Shares by id, in the order of their ids.
    pub shares: BTreeMap<String, ShareFixture>,
    /// Other tenants of the portal by id.
    pub other_tenants: BTreeMap<String, Fixture>,
    /// Entities in Cedar's JSON: for policies over a schema of one's own, instead of a portal.
    pub entities: Option<Vec<Json>>,
}

/// A member of the staff.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StaffFixture {
    /// The e-mail. Default: none.
    pub email: Option<String>,
    /// Permission sets. Default: the tenant's for new staff.
    pub sets: Option<Vec<String>>,
    /// The clients that are assigned. Default: all.
    pub clients: Option<Vec<String>>,
    /// Whether the person works here no more.
    pub inactive: bool,
}

/// A client.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientFixture {
    /// The client's settings.
    pub settings: Settings,
    /// The client group.
    pub group: Option<String>,
    /// The client above it.
    pub parent: Option<String>,
    /// Whether and how it is archived.
    pub archived: ArchivedFixture,
    /// Its contacts by id.
    pub contacts: BTreeMap<String, ContactFixture>,
    /// Its documents by id.
    pub documents: BTreeMap<String, DocumentFixture>,
}

/// Whether a client is archived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArchivedFixture {
    /// It is active.
    #[default]
    No,
    /// It can be read.
    ReadOnly,
    /// It cannot.
    Closed,
}

/// A contact.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactFixture {
    /// The name.
    pub name: Option<String>,
    /// The e-mail; empty for none. Default: one of its own.
    pub email: Option<String>,
    /// The name for logging in. Default: one of its own where the tenant has such.
    pub login: Option<String>,
    /// The state of access. Default: enabled.
    pub access: Option<AccessState>,
    /// The state of the credential. Default: active where access was ever enabled.
    pub credential: Option<CredentialState>,
    /// Whether it is the client's main contact.
    pub main: bool,
    /// Whether it is an admin of its client.
    pub admin: bool,
    /// Whether it may approve where only approvers do.
    pub approver: bool,
    /// Whether it may sign where only signatories do.
    pub signatory: bool,
    /// Whether it may attach files. Default: yes.
    pub uploads: Option<bool>,
    /// Whether it wants mail. Default: yes.
    pub mail: Option<bool>,
    /// Permission sets. Default: the tenant's for new contacts.
    pub sets: Option<Vec<String>>,
    /// Permissions of its own.
    pub grants: Vec<String>,
    /// Permissions taken from it.
    pub denials: Vec<String>,
    /// Alert sets. Default: the tenant's for new contacts.
    pub alert_sets: Option<Vec<String>>,
    /// The kinds that are sent to it by default. Default: the tenant's.
    pub receives: Option<Vec<Kind>>,
    /// The kinds that it watches at its client.
    pub watches: BTreeMap<Kind, WatchFixture>,
    /// The approval limit.
    pub limit: Option<Limit>,
}

/// How a contact watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchFixture {
    /// Not at all.
    No,
    /// Without mail.
    Silently,
    /// With mail.
    WithMail,
}

/// A document.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentFixture {
    /// The kind.
    pub kind: Kind,
    /// The client, where the place in the file does not say it.
    #[serde(default)]
    pub client: Option<String>,
    /// The state. Default: open.
    #[serde(default)]
    pub state: Option<State>,
    /// The amount, in minor units.
    #[serde(default)]
    pub amount: Option<i64>,
    /// The currency of the amount. Default: EUR.
    #[serde(default)]
    pub currency: Option<String>,
    /// How far it reaches at most. Default: as far as its kind.
    #[serde(default)]
    pub level: Option<Level>,
    /// Whether it is internal.
    #[serde(default)]
    pub internal: bool,
    /// Whether it is hidden from the client.
    #[serde(default)]
    pub hidden: bool,
    /// Labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The contact who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// The document that it is a child of.
    #[serde(default)]
    pub parent: Option<String>,
    /// The container that it lies in.
    #[serde(default)]
    pub container: Option<String>,
    /// The contacts to whom it was sent.
    #[serde(default)]
    pub invited: Vec<String>,
    /// The contacts who have a part in it: `{contact: role}`.
    #[serde(default)]
    pub relations: BTreeMap<String, RelationFixture>,
    /// The contacts who have to sign it.
    #[serde(default)]
    pub signers: Vec<String>,
    /// The contacts who watch it.
    #[serde(default)]
    pub watchers: BTreeMap<String, WatchFixture>,
    /// The contacts to whom it is denied.
    #[serde(default)]
    pub denied: Vec<String>,
}

/// A contact's part in a document: a role, or a relation in detail.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum RelationFixture {
    /// A role.
    Name(String),
    /// A relation in detail.
    Relation(Box<RelationSpec>),
}

/// A contact's part in a document in detail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationSpec {
    /// The role.
    pub role: Role,
    /// Whether the contact may attach files there. Default: yes.
    #[serde(default)]
    pub attach: Option<bool>,
    /// Whether the contact wants mail about it. Default: yes.
    #[serde(default)]
    pub mail: Option<bool>,
}

/// A share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareFixture {
    /// The document that is given.
    pub document: String,
    /// The contact it is given to.
    pub contact: String,
    /// What for.
    pub actions: Vec<Action>,
    /// From when on. Default: at once.
    #[serde(default)]
    pub from: Option<String>,
    /// Until when. Default: for good.
    #[serde(default)]
    pub until: Option<String>,
    /// How often. Default: any number of times.
    #[serde(default)]
    pub uses: Option<u32>,
    /// The share that it is made from.
    #[serde(default)]
    pub made_from: Option<String>,
    /// The link by which it is given, instead of to the contact's own sessions.
    #[serde(default)]
    pub link: Option<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
}

/// A link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFixture {
    /// The contact it belongs to.
    pub contact: String,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The document that a personal link opens.
    #[serde(default)]
    pub document: Option<String>,
    /// When it expires. Default: never.
    #[serde(default)]
    pub expires: Option<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Opens one document.
    Personal,
    /// Sets a first password.
    Activation,
    /// Signs in, once.
    Magic,
}

/// `Debug` of some fields, without those that may hold personal data: names, e-mails, addresses,
/// amounts, free text and whole rows.
macro_rules! debug_in_part {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    )*};
}
pub(super) use debug_in_part;

debug_in_part! {
    ScenarioFile { uses, scenarios }
    Scenario { id, presets, fixtures, now, check, mail, write, expect, steps, matrix }
    Question { principal, action, resource, fields }
    CallerSpec { contact, link, staff, guest, view_as, on_behalf_of, session }
    Fixture { tenant, preset, now, permission_sets, alert_sets, groups, staff, clients, links }
    ContactFixture { access, credential, main, admin, approver, signatory, sets, grants, denials }
    DocumentFixture { kind, client, state, level, internal, hidden, owner, parent, container }
}
