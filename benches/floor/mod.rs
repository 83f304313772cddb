//! The floors: what an expert would write by hand for the workload's rules, and nothing else.
//!
//! The rules are those of `oracle` in `gen.py`. Each floor is given what its name says:
//!
//! | floor          | contact and document                                            |
//! |----------------|-----------------------------------------------------------------|
//! | `floor-index`  | as places in arrays                                             |
//! | `floor-hash`   | as 128-bit ids, found in a hash map                             |
//! | `floor-string` | as UUIDs in text, parsed first                                  |
//!
//! Tried and measured on the workload and on a million documents:
//!
//! - *Maps.* The standard map with rows in its buckets beats a map from id to place (by a quarter),
//!   `hashbrown::HashTable` of places with the ids in the rows, and an open table of tags and places:
//!   it misses the cache once less. Of the hashers, foldhash, rustc-hash (seeded), a multiplication
//!   by hand and even the bare bits of the id differ by less than the noise; ahash costs 2 to 4 ns
//!   more, SipHash 20. So seeding at random, which keeps ids from outside from being made to
//!   collide, is free: foldhash does it.
//! - *Parsers.* `uuid-simd` takes 6 ns an id; by hand, eight digits at a time in an integer, 14;
//!   the `uuid` crate 20. (It takes capitals too, which Cedar would call another id.)
//! - *The check.* Branches beat a check without any: they spare the rows of other clients.
#![expect(clippy::indexing_slicing, reason = "places are of this floor's own making")]

use std::collections::HashMap;

use foldhash::fast::RandomState;
use uuid::Uuid;
use uuid_simd::UuidExt as _;

use crate::workload::rows::{
    Access, Action, Contact as ContactRow, Currency, Document as DocumentRow, InlineDocument, Kind,
    Level, Permissions, Role, Rows, State,
};

/// Facts that every floor keeps.
struct Base {
    open: bool,
    sets: [Permissions; Role::ALL.len()],
    clients: Vec<Client>,
    /// The invited and the assigned of documents that have too many to keep them inline.
    pool: Vec<u32>,
}

struct Client {
    id: u128,
    archived: bool,
    modules: u8,
}

/// 32 bytes, two to a cache line.
struct Contact {
    client: u32,
    role: Role,
    standing: u8,
    currency: Currency,
    limit: i64,
    denied: Permissions,
}

/// 32 bytes too.
struct Document {
    client: u32,
    kind: Kind,
    /// One bit.
    state: u8,
    level: Level,
    currency: Currency,
    amount: i64,
    invited_count: u8,
    assigned_count: u8,
    /// The invited, then the assigned, or where they begin in the pool.
    people: [u32; PEOPLE_INLINE],
}

const PEOPLE_INLINE: usize = 3;

/// What a contact's own row says of acting: enabled, and no password to change first.
const ACTING: u8 = 1;
/// What it says of being mailed.
const MAILED: u8 = 2;

const OPEN: u8 = 1 << State::Open as u8;
const DONE: u8 = 1 << State::Done as u8;

/// What an action asks for.
struct Rule {
    kinds: u8,
    states: u8,
    standing: u8,
    permission: u8,
    mfa: bool,
    money: bool,
    owner_sees_all: bool,
}

static RULES: [Rule; Action::ALL.len()] = {
    let [view, download, pay, accept, sign, attach, complete, reply, receive] = Action::ALL;
    [
        rule(view),
        rule(download),
        rule(pay),
        rule(accept),
        rule(sign),
        rule(attach),
        rule(complete),
        rule(reply),
        rule(receive),
    ]
};

const fn rule(action: Action) -> Rule {
    let receives = matches!(action, Action::Receive);
    let reads = matches!(action, Action::View | Action::Download);
    Rule {
        kinds: action.suits(),
        states: if reads || receives || matches!(action, Action::Reply) {
            OPEN | DONE
        } else {
            OPEN
        },
        standing: if receives { MAILED } else { ACTING },
        permission: if receives { Action::View as u8 } else { action as u8 },
        mfa: matches!(action, Action::Pay | Action::Accept | Action::Sign),
        money: matches!(action, Action::Pay | Action::Accept),
        owner_sees_all: reads,
    }
}

impl Base {
    fn new(rows: &Rows) -> Self {
        let client = |row: &crate::workload::rows::Client| Client {
            id: row.id,
            archived: row.archived,
            modules: row.modules,
        };
        Self {
            open: rows.open,
            sets: rows.sets,
            clients: rows.clients.iter().map(client).collect(),
            pool: Vec::new(),
        }
    }

    /// Keeps a document's row.
    fn document(&mut self, row: &DocumentRow) -> Document {
        let all = || row.invited.iter().chain(&row.assigned).copied();
        let mut people = [0; PEOPLE_INLINE];
        if row.invited.len() + row.assigned.len() <= PEOPLE_INLINE {
            people.iter_mut().zip(all()).for_each(|(kept, place)| *kept = place);
        } else {
            people[0] = self.pool.len() as u32;
            self.pool.extend(all());
        }
        Document {
            client: row.client,
            kind: row.kind,
            state: 1 << row.state as u8,
            level: row.level,
            currency: row.currency,
            amount: row.amount,
            // The workload's clients have few contacts; more would need a wider count.
            invited_count: row.invited.len() as u8,
            assigned_count: row.assigned.len() as u8,
            people,
        }
    }

    #[inline]
    fn allows(
        &self,
        place: u32,
        contact: &Contact,
        action: Action,
        document: &Document,
        mfa: bool,
    ) -> bool {
        let rule = &RULES[action as usize];
        contact.client == document.client
            && self.allows_reached(contact, rule, document, mfa)
            && self.reaches(place, contact, rule, document)
    }

    /// Everything but whose document it is, and who of the client is to see it.
    #[inline]
    fn allows_reached(
        &self,
        contact: &Contact,
        rule: &Rule,
        document: &Document,
        mfa: bool,
    ) -> bool {
        let kind = document.kind as usize;
        let client = &self.clients[contact.client as usize];
        let permitted = self.sets[contact.role as usize].0[kind] & !contact.denied.0[kind];
        contact.standing & rule.standing != 0
            && self.open
            && !client.archived
            && document.kind.bit() & client.modules & rule.kinds != 0
            && document.state & rule.states != 0
            && (mfa || !rule.mfa)
            && (!rule.money
                || contact.currency == document.currency && document.amount <= contact.limit)
            && permitted >> rule.permission & 1 != 0
    }

    #[inline]
    fn reaches(&self, place: u32, contact: &Contact, rule: &Rule, document: &Document) -> bool {
        let invited_count = document.invited_count as usize;
        let (start, count) = match document.level {
            Level::Hidden => return false,
            Level::Client => return true,
            Level::Invited => (0, invited_count),
            Level::Assigned => (invited_count, document.assigned_count as usize),
        };
        if rule.owner_sees_all && contact.role == Role::Owner {
            return true;
        }
        let all = invited_count + document.assigned_count as usize;
        if all <= PEOPLE_INLINE {
            return document.people[start..start + count].contains(&place);
        }
        let start = document.people[0] as usize + start;
        self.pool[start..start + count].contains(&place)
    }
}

impl Contact {
    fn new(row: &ContactRow) -> Self {
        let acting = row.access == Access::Enabled && !row.must_change;
        let mailed = row.mail && row.role != Role::Assistant;
        Self {
            client: row.client,
            role: row.role,
            standing: if acting { ACTING } else { 0 } | if mailed { MAILED } else { 0 },
            currency: row.currency,
            limit: row.limit,
            denied: row.denied,
        }
    }
}

/// `floor-index`.
pub struct FloorByIndex {
    base: Base,
    contacts: Vec<Contact>,
    documents: Vec<Document>,
}

impl FloorByIndex {
    pub fn new(rows: &Rows) -> Self {
        let mut base = Base::new(rows);
        Self {
            contacts: rows.contacts.iter().map(Contact::new).collect(),
            documents: rows.documents.iter().map(|row| base.document(row)).collect(),
            base,
        }
    }

    #[inline]
    pub fn check(&self, contact: u32, action: Action, document: u32, mfa: bool) -> bool {
        let row = &self.contacts[contact as usize];
        self.base.allows(contact, row, action, &self.documents[document as usize], mfa)
    }
}

/// `floor-hash` and `floor-string`.
pub struct FloorById {
    base: Base,
    /// With their places, by which documents name them.
    contacts: HashMap<u128, (u32, Contact), RandomState>,
    documents: HashMap<u128, Document, RandomState>,
}

impl FloorById {
    pub fn new(rows: &Rows) -> Self {
        let mut base = Base::new(rows);
        let contacts = rows.contacts.iter().zip(0..);
        Self {
            contacts: contacts.map(|(row, at)| (row.id, (at, Contact::new(row)))).collect(),
            documents: rows.documents.iter().map(|row| (row.id, base.document(row))).collect(),
            base,
        }
    }

    #[inline]
    pub fn check(&self, contact: u128, action: Action, document: u128, mfa: bool) -> bool {
        let Some((place, contact)) = self.contacts.get(&contact) else { return false };
        let Some(document) = self.documents.get(&document) else { return false };
        self.base.allows(*place, contact, action, document, mfa)
    }

    #[inline]
    pub fn check_text(&self, contact: &str, action: Action, document: &str, mfa: bool) -> bool {
        let Ok(contact) = Uuid::parse_hyphenated(contact) else { return false };
        let Ok(document) = Uuid::parse_hyphenated(document) else { return false };
        self.check(contact.as_u128(), action, document.as_u128(), mfa)
    }

    /// The document is the host's.
    #[inline]
    pub fn check_inline(
        &self,
        contact_id: u128,
        action: Action,
        document: &InlineDocument,
        mfa: bool,
    ) -> bool {
        let rule = &RULES[action as usize];
        let Some((_, contact)) = self.contacts.get(&contact_id) else { return false };
        if self.base.clients[contact.client as usize].id != document.client {
            return false;
        }
        let owner = rule.owner_sees_all && contact.role == Role::Owner;
        let reached = match document.level {
            Level::Hidden => false,
            Level::Client => true,
            Level::Invited => owner || document.invited.contains(&contact_id),
            Level::Assigned => owner || document.assigned.contains(&contact_id),
        };
        let row = Document {
            client: contact.client,
            kind: document.kind,
            state: 1 << document.state as u8,
            level: document.level,
            currency: document.currency,
            amount: document.amount,
            invited_count: 0,
            assigned_count: 0,
            people: [0; PEOPLE_INLINE],
        };
        reached && self.base.allows_reached(contact, rule, &row, mfa)
    }
}
