//! The workload's facts as typed rows: read from its JSON, or made by the million.

use std::collections::HashMap;
use std::error::Error;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::random::Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Invoice,
    Estimate,
    Letter,
    Return,
    File,
    Request,
    Message,
    Job,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    View,
    Download,
    Pay,
    Accept,
    Sign,
    Attach,
    Complete,
    Reply,
    Receive,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Finance,
    Manager,
    Assistant,
    Adviser,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Enabled,
    Disabled,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Hidden,
    Client,
    Invited,
    Assigned,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Draft,
    Open,
    Done,
    Void,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Eur,
    Usd,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Invoice,
        Self::Estimate,
        Self::Letter,
        Self::Return,
        Self::File,
        Self::Request,
        Self::Message,
        Self::Job,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Estimate => "estimate",
            Self::Letter => "letter",
            Self::Return => "return",
            Self::File => "file",
            Self::Request => "request",
            Self::Message => "message",
            Self::Job => "job",
        }
    }

    /// Its bit in a set of kinds.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Action {
    pub const ALL: [Self; 9] = [
        Self::View,
        Self::Download,
        Self::Pay,
        Self::Accept,
        Self::Sign,
        Self::Attach,
        Self::Complete,
        Self::Reply,
        Self::Receive,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Download => "download",
            Self::Pay => "pay",
            Self::Accept => "accept",
            Self::Sign => "sign",
            Self::Attach => "attach",
            Self::Complete => "complete",
            Self::Reply => "reply",
            Self::Receive => "receive",
        }
    }

    /// The kinds that it can be done to.
    pub const fn suits(self) -> u8 {
        match self {
            Self::View | Self::Download | Self::Receive => u8::MAX,
            Self::Pay => Kind::Invoice.bit(),
            Self::Accept => Kind::Estimate.bit(),
            Self::Sign => Kind::Letter.bit() | Kind::Return.bit(),
            Self::Attach => Kind::File.bit() | Kind::Request.bit() | Kind::Job.bit(),
            Self::Complete => Kind::Request.bit(),
            Self::Reply => Kind::Message.bit() | Kind::Job.bit(),
        }
    }
}

impl Role {
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Finance, Self::Manager, Self::Assistant, Self::Adviser];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Finance => "finance",
            Self::Manager => "manager",
            Self::Assistant => "assistant",
            Self::Adviser => "adviser",
        }
    }
}

impl Access {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::None => "none",
        }
    }
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Hidden, Self::Client, Self::Invited, Self::Assigned];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Client => "client",
            Self::Invited => "invited",
            Self::Assigned => "assigned",
        }
    }
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Done => "done",
            Self::Void => "void",
        }
    }
}

impl Currency {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Usd => "USD",
        }
    }
}

/// For each kind, the actions in a set of permissions, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Permissions(pub [u16; Kind::ALL.len()]);

impl Permissions {
    pub fn insert(&mut self, kind: Kind, action: Action) {
        if let Some(actions) = self.0.get_mut(kind as usize) {
            *actions |= 1 << action as u16;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Kind, Action)> {
        Kind::ALL.into_iter().zip(self.0).flat_map(|(kind, actions)| {
            let held = move |action: &Action| actions & 1 << *action as u16 != 0;
            Action::ALL.into_iter().filter(held).map(move |action| (kind, action))
        })
    }
}

/// A tenant's rows. Rows name each other by their place.
pub struct Rows {
    pub tenant: u128,
    pub open: bool,
    /// What each role is permitted.
    pub sets: [Permissions; Role::ALL.len()],
    pub clients: Vec<Client>,
    pub contacts: Vec<Contact>,
    pub documents: Vec<Document>,
}

pub struct Client {
    pub id: u128,
    pub archived: bool,
    /// The kinds that are switched on.
    pub modules: u8,
}

pub struct Contact {
    pub id: u128,
    pub client: u32,
    pub role: Role,
    pub access: Access,
    pub must_change: bool,
    pub limit: i64,
    pub currency: Currency,
    pub denied: Permissions,
    pub mail: bool,
}

#[derive(Clone)]
pub struct Document {
    pub id: u128,
    pub client: u32,
    pub kind: Kind,
    pub level: Level,
    pub state: State,
    pub amount: i64,
    pub currency: Currency,
    pub invited: Vec<u32>,
    pub assigned: Vec<u32>,
}

/// A document as a host would pass it: it names clients and contacts by their ids.
pub struct InlineDocument {
    pub id: u128,
    pub client: u128,
    pub kind: Kind,
    pub level: Level,
    pub state: State,
    pub amount: i64,
    pub currency: Currency,
    pub invited: Vec<u128>,
    pub assigned: Vec<u128>,
}

/// A question about rows by their place, and its answer.
#[derive(Clone, Copy)]
pub struct Asked {
    pub contact: u32,
    pub action: Action,
    pub document: u32,
    pub mfa: bool,
    pub allowed: bool,
}

/// Cedar's entity JSON, as far as the workload uses it.
#[derive(Deserialize)]
struct Entity {
    uid: Uid,
    attrs: serde_json::Value,
    parents: Vec<Uid>,
}

#[derive(Deserialize)]
struct Uid {
    #[serde(rename = "type")]
    type_name: String,
    id: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "__entity")]
    uid: Uid,
}

#[derive(Deserialize)]
struct TenantAttributes {
    open: bool,
}

#[derive(Deserialize)]
struct ClientAttributes {
    archived: bool,
    modules: Vec<Kind>,
}

#[derive(Deserialize)]
struct ContactAttributes {
    client: Reference,
    role: Role,
    access: Access,
    must_change: bool,
    limit: i64,
    currency: Currency,
    denied: Vec<Reference>,
    mail: bool,
}

#[derive(Deserialize)]
struct DocumentAttributes {
    client: Reference,
    kind: Reference,
    level: Level,
    state: State,
    amount: i64,
    currency: Currency,
    invited: Vec<Reference>,
    assigned: Vec<Reference>,
}

impl Rows {
    /// Reads Cedar's entity JSON. A row must come after the rows that it names.
    pub fn read(json: &str) -> Result<Self, Box<dyn Error>> {
        let entities: Vec<Entity> = serde_json::from_str(json)?;
        let mut rows = Self {
            tenant: 0,
            open: false,
            sets: Default::default(),
            clients: Vec::new(),
            contacts: Vec::new(),
            documents: Vec::new(),
        };
        let mut places: HashMap<String, u32> = HashMap::new();
        let place_of = |places: &HashMap<String, u32>, named: &Reference| {
            places.get(&named.uid.id).copied().ok_or_else(|| format!("no row `{}`", named.uid.id))
        };
        for Entity { uid: Uid { type_name, id }, attrs, parents } in entities {
            match type_name.as_str() {
                "Tenant" => {
                    rows.tenant = uuid(&id)?;
                    rows.open = serde_json::from_value::<TenantAttributes>(attrs)?.open;
                }
                "PermissionSet" => {
                    let role: Role = named(&id)?;
                    let set = permissions(&parents)?;
                    rows.sets.get_mut(role as usize).map(|it| *it = set).ok_or("no such role")?;
                }
                "Client" => {
                    places.insert(id.clone(), u32::try_from(rows.clients.len())?);
                    let ClientAttributes { archived, modules } = serde_json::from_value(attrs)?;
                    let modules = modules.iter().fold(0, |all, kind| all | kind.bit());
                    rows.clients.push(Client { id: uuid(&id)?, archived, modules });
                }
                "Contact" => {
                    places.insert(id.clone(), u32::try_from(rows.contacts.len())?);
                    let it: ContactAttributes = serde_json::from_value(attrs)?;
                    let denied: Vec<Uid> = it.denied.into_iter().map(|one| one.uid).collect();
                    rows.contacts.push(Contact {
                        id: uuid(&id)?,
                        client: place_of(&places, &it.client)?,
                        role: it.role,
                        access: it.access,
                        must_change: it.must_change,
                        limit: it.limit,
                        currency: it.currency,
                        denied: permissions(&denied)?,
                        mail: it.mail,
                    });
                }
                "Document" => {
                    let it: DocumentAttributes = serde_json::from_value(attrs)?;
                    let all = |named: &[Reference]| -> Result<Vec<u32>, String> {
                        named.iter().map(|one| place_of(&places, one)).collect()
                    };
                    rows.documents.push(Document {
                        id: uuid(&id)?,
                        client: place_of(&places, &it.client)?,
                        kind: named(&it.kind.uid.id)?,
                        level: it.level,
                        state: it.state,
                        amount: it.amount,
                        currency: it.currency,
                        invited: all(&it.invited)?,
                        assigned: all(&it.assigned)?,
                    });
                }
                _ => {}
            }
        }
        Ok(rows)
    }

    /// A million documents, and the contacts and clients that they are of.
    pub fn million() -> Self {
        Self::generate(20_000, 5, 50)
    }

    /// One client with so many documents, of which its second contact is invited to the last `visible`
    /// and to no others; its first contact owns the place and sees them all.
    pub fn crowded(documents: u32, visible: u32) -> Self {
        let mut rows = Self::generate(1, 5, documents);
        for client in &mut rows.clients {
            (client.archived, client.modules) = (false, u8::MAX);
        }
        for contact in &mut rows.contacts {
            (contact.access, contact.must_change) = (Access::Enabled, false);
            contact.denied = Permissions::default();
        }
        for (place, document) in (0..documents).zip(&mut rows.documents) {
            let contact = if place < documents - visible { 2 } else { 1 };
            (document.level, document.state) = (Level::Invited, State::Open);
            (document.kind, document.invited) = (Kind::Invoice, vec![contact]);
            document.assigned.clear();
        }
        rows
    }

    /// Makes rows as `gen.py` does, from other random numbers.
    pub fn generate(client_count: u32, contacts_each: u32, documents_each: u32) -> Self {
        let random = &mut Random::seeded(1);
        let mut rows = Self {
            tenant: random.uuid(),
            open: true,
            sets: Role::ALL.map(set_of),
            clients: Vec::new(),
            contacts: Vec::new(),
            documents: Vec::new(),
        };
        for client in 0..client_count {
            rows.clients.push(Client {
                id: random.uuid(),
                archived: random.chance(4),
                modules: Kind::ALL
                    .iter()
                    .fold(0, |all, kind| if random.chance(88) { all | kind.bit() } else { all }),
            });
            for contact in 0..contacts_each {
                rows.contacts.push(contact_of(random, client, contact));
            }
            for document in 0..documents_each {
                let contacts = client * contacts_each..(client + 1) * contacts_each;
                rows.documents.push(document_of(random, client, contacts, document));
            }
        }
        rows
    }

    /// Asks about these rows as `gen.py` does; `oracle` answers.
    pub fn questions(&self, count: usize, oracle: impl Fn(&Asked) -> bool) -> Vec<Asked> {
        const WEIGHTS: [(Action, u32); 9] = [
            (Action::View, 30),
            (Action::Download, 15),
            (Action::Pay, 10),
            (Action::Accept, 8),
            (Action::Sign, 8),
            (Action::Attach, 8),
            (Action::Complete, 6),
            (Action::Reply, 8),
            (Action::Receive, 7),
        ];
        let random = &mut Random::seeded(2);
        let documents_each = self.documents.len() / self.clients.len().max(1);
        let mut questions = Vec::new();
        while questions.len() < count {
            let place = random.below(self.contacts.len());
            let Some(contact) = self.contacts.get(place) else { break };
            let mut lot = random.below(100) as u32;
            let mut action = Action::View;
            for (candidate, weight) in WEIGHTS {
                action = candidate;
                if lot < weight {
                    break;
                }
                lot -= weight;
            }
            let own = random.chance(75);
            let client =
                if own { contact.client as usize } else { random.below(self.clients.len()) };
            let suitable = random.chance(60);
            let document = loop {
                let document = client * documents_each + random.below(documents_each);
                let kind = self.documents.get(document).map_or(0, |it| it.kind.bit());
                if !suitable || kind & action.suits() != 0 {
                    break document;
                }
            };
            let mfa = random.chance(80);
            let mut asked = Asked {
                contact: place as u32,
                action,
                document: document as u32,
                mfa,
                allowed: false,
            };
            asked.allowed = oracle(&asked);
            questions.push(asked);
        }
        questions
    }

    /// A document as a host would pass it.
    pub fn inline(&self, document: &Document) -> InlineDocument {
        let contact_ids = |places: &[u32]| {
            places
                .iter()
                .filter_map(|place| self.contacts.get(*place as usize))
                .map(|contact| contact.id)
                .collect()
        };
        InlineDocument {
            id: document.id,
            client: self.clients.get(document.client as usize).map_or(0, |client| client.id),
            kind: document.kind,
            level: document.level,
            state: document.state,
            amount: document.amount,
            currency: document.currency,
            invited: contact_ids(&document.invited),
            assigned: contact_ids(&document.assigned),
        }
    }
}

fn contact_of(random: &mut Random, client: u32, contact: u32) -> Contact {
    let access = random.below(100);
    let mut denied = Permissions::default();
    if random.chance(15) {
        let all: Vec<_> = permissions_of_all().collect();
        for _ in 0..2 {
            if let Some((kind, action)) = random.one_of(&all) {
                denied.insert(kind, action);
            }
        }
    }
    Contact {
        id: random.uuid(),
        client,
        role: Role::ALL.get(contact as usize % Role::ALL.len()).copied().unwrap_or(Role::Owner),
        access: match access {
            0..82 => Access::Enabled,
            82..92 => Access::Disabled,
            _ => Access::None,
        },
        must_change: random.chance(3),
        limit: random.one_of(&[0, 50_000, 500_000, 10_000_000]).unwrap_or(0),
        currency: currency(random),
        denied,
        mail: random.chance(70),
    }
}

fn document_of(
    random: &mut Random,
    client: u32,
    contacts: std::ops::Range<u32>,
    document: u32,
) -> Document {
    let at = (document + document / 8 + client) as usize % Level::ALL.len();
    let level = Level::ALL.get(at).copied().unwrap_or(Level::Hidden);
    let mut pick = |wanted: bool| {
        let mut left: Vec<u32> = contacts.clone().collect();
        let count = random.one_of(&[1, 1, 2, 3]).unwrap_or(1).min(left.len());
        let mut picked: Vec<u32> = Vec::new();
        while wanted && picked.len() < count {
            picked.push(left.swap_remove(random.below(left.len())));
        }
        picked
    };
    let (invited, assigned) = (pick(level == Level::Invited), pick(level == Level::Assigned));
    Document {
        id: random.uuid(),
        client,
        kind: Kind::ALL.get(document as usize % 8).copied().unwrap_or(Kind::Job),
        level,
        state: match random.below(100) {
            0..6 => State::Draft,
            6..74 => State::Open,
            74..94 => State::Done,
            _ => State::Void,
        },
        amount: 1 + random.below(899_999) as i64,
        currency: currency(random),
        invited,
        assigned,
    }
}

fn currency(random: &mut Random) -> Currency {
    if random.chance(25) { Currency::Usd } else { Currency::Eur }
}

/// Every permission, in `gen.py`'s order.
pub fn permissions_of_all() -> impl Iterator<Item = (Kind, Action)> {
    Kind::ALL.into_iter().flat_map(|kind| {
        let suits = move |action: &Action| action.suits() & kind.bit() != 0;
        Action::ALL.into_iter().filter(suits).map(move |action| (kind, action))
    })
}

fn set_of(role: Role) -> Permissions {
    let mut set = Permissions::default();
    for (place, (kind, action)) in permissions_of_all().enumerate() {
        if role == Role::Owner || (place * 7 + role as usize * 5) % 9 < 6 {
            set.insert(kind, action);
        }
    }
    set
}

fn permissions(named_by: &[Uid]) -> Result<Permissions, Box<dyn Error>> {
    let mut set = Permissions::default();
    for uid in named_by {
        let (kind, action) = uid.id.split_once('.').ok_or("a permission is `kind.action`")?;
        set.insert(named(kind)?, named(action)?);
    }
    Ok(set)
}

/// The variant of this name.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::from(name))
}

pub fn uuid(id: &str) -> Result<u128, uuid::Error> {
    Ok(Uuid::try_parse(id)?.as_u128())
}
