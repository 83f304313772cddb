//! Random states of a portal: mostly in order, with a few things out of it.

use std::sync::LazyLock;

use doorward::portal::{
    AccessState, CredentialState, Level, NewContact, NewStaff, State as DocumentState, TenantConfig,
};
use doorward::{
    Caller, Change, Changes, ContactId, DocumentId, Entity, EntityUid, Facts, Kind, PolicyBundle,
    Portal, Preset, Tenant, Timestamp, Value,
};

use crate::tape::Tape;

pub(super) const TENANT: &str = "it";
pub(super) const ALIEN: &str = "alien";
/// Contacts with their clients: C3 is a child of C1, and C4 of C3.
pub(super) const CONTACTS: &[(&str, &str)] =
    &[("a", "C1"), ("b", "C1"), ("c", "C1"), ("d", "C2"), ("e", "C3"), ("f", "C4")];
pub(super) const CLIENTS: &[&str] = &["C1", "C2", "C3", "C4"];
const STAFF: &[&str] = &["all", "one"];
/// Documents: id, kind, client, parent, head, container.
const DOCUMENTS: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("booking", "booking", "C1", "", "booking", ""),
    ("invoice", "invoice", "C1", "", "invoice", "booking"),
    ("file", "file", "C1", "invoice", "invoice", ""),
    ("line", "file", "C1", "file", "invoice", ""),
    ("estimate", "estimate", "C1", "", "estimate", ""),
    ("contract", "contract", "C1", "", "contract", ""),
    ("ticket", "ticket", "C1", "", "ticket", ""),
    ("note", "note", "C1", "", "note", ""),
    ("news", "announcement", "", "", "news", ""),
    ("other", "invoice", "C2", "", "other", ""),
    ("child", "invoice", "C3", "", "child", ""),
    ("grandchild", "estimate", "C4", "", "grandchild", ""),
    ("orphan", "invoice", "", "", "orphan", ""),
];
pub(super) const KINDS: &[&str] =
    &["invoice", "estimate", "contract", "file", "ticket", "announcement"];

pub(super) static POLICIES: LazyLock<PolicyBundle> =
    LazyLock::new(|| doorward::portal::shipped_policies().unwrap());

pub(super) fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

pub(super) fn portal() -> Portal {
    Portal::builder().policies(POLICIES.clone()).clock(now).build().unwrap()
}

/// A tenant in good order.
static BASE: LazyLock<Facts> = LazyLock::new(|| {
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.all_kinds.level = Some(Level::Client);
    let tenant = portal().create_tenant(TENANT, config).unwrap();
    tenant
        .write_as_system(|tx| {
            for client in CLIENTS {
                tx.create_client(tenant.client(*client))?;
            }
            for (id, client) in CONTACTS {
                let new = NewContact::new(tenant.contact(*id), tenant.client(*client))
                    .email(format!("{id}@{client}.example"));
                let contact = tx.create_contact(new)?;
                tx.enable(&contact)?;
                tx.reset_credential(&contact)?;
            }
            tx.create_staff(NewStaff::new(tenant.staff("all")))?;
            let one = NewStaff::new(tenant.staff("one")).only_clients([tenant.client("C1")]);
            tx.create_staff(one)
        })
        .unwrap();
    tenant.facts()
});

fn uid(type_name: &str, id: &str) -> EntityUid {
    EntityUid::new(type_name, id)
}

fn contact(id: &str) -> EntityUid {
    uid("Contact", id)
}

fn document(id: &str) -> EntityUid {
    uid("Document", id)
}

/// A state under way: its facts and the choices that are left.
struct Maker<'t> {
    tape: &'t mut Tape,
    facts: Facts,
}

/// Random facts of one tenant, with rows of another smuggled in.
pub(super) fn facts(tape: &mut Tape) -> Facts {
    let mut maker = Maker { tape, facts: BASE.clone() };
    maker.tenancy();
    maker.clients();
    maker.contacts();
    maker.documents();
    maker.rules();
    maker.access();
    maker.links();
    maker.aliens();
    maker.facts
}

impl Maker<'_> {
    fn put(&mut self, row: Entity) {
        self.facts = self.facts.with(&Changes::new().put(row));
    }

    fn row(&self, of: &str, id: &str) -> Entity {
        self.facts.entity(&uid(of, id)).unwrap().clone()
    }

    fn rarely(&mut self) -> bool {
        self.tape.chance(6)
    }

    fn some(&mut self, among: &[EntityUid], percent: usize) -> Value {
        Value::entities(among.iter().filter(|_| self.tape.chance(percent)).cloned())
    }

    fn tenancy(&mut self) {
        let mut tenant = self.row("Tenant", TENANT);
        tenant.set("portal_on", !self.tape.chance(3));
        if self.rarely() {
            let network = uid("Network", "office");
            self.put(Entity::new(network.clone()).with("range", Value::ip("10.0.0.0/8").unwrap()));
            tenant.set("networks", Value::entities([network]));
        }
        self.put(tenant);
        for staff in STAFF {
            let active = !self.rarely();
            let mut row = self.row("Staff", staff);
            row.set("active", active);
            if self.rarely() {
                row = row.parent(uid("Denial", "invoice.view"));
            }
            self.put(row);
        }
    }

    fn clients(&mut self) {
        for client in CLIENTS {
            let mut row = self.row("Client", client);
            let flags = [
                ("archived", 5),
                ("read_only", 50),
                ("parents_read", 50),
                ("uploads", 90),
                ("link_password", 15),
                ("mfa", 5),
            ];
            for (flag, percent) in flags {
                row.set(flag, self.tape.chance(percent));
            }
            if self.rarely() {
                row.set("idle_max", Value::duration_ms(60_000));
            }
            if self.rarely() {
                row.set("mfa_for", Value::entities([EntityUid::action("pay")]));
            }
            row.set_parents(match *client {
                "C3" => Some(uid("Client", "C1")),
                "C4" => Some(uid("Client", "C3")),
                _ => None,
            });
            self.put(row);
        }
    }

    fn contacts(&mut self) {
        let documents: Vec<_> = DOCUMENTS.iter().map(|(id, ..)| document(id)).collect();
        for (id, _) in CONTACTS {
            let mut row = self.row("Contact", id);
            if self.tape.chance(15) {
                row.set("access", self.tape.pick(AccessState::ALL).as_str());
            }
            if self.tape.chance(10) {
                row.set("credential", self.tape.pick(CredentialState::ALL).as_str());
            }
            let flags = [
                ("main", 20),
                ("admin", 20),
                ("approver", 70),
                ("signatory", 70),
                ("uploads", 85),
                ("mail", 85),
            ];
            for (flag, percent) in flags {
                row.set(flag, self.tape.chance(percent));
            }
            for name in ["denied", "muted", "silent", "no_attach"] {
                let some = self.some(&documents, 4);
                row.set(name, some);
            }
            if self.tape.chance(20) {
                row.set("limit", limit(*self.tape.pick(&[100, 5_000, -1]), "EUR"));
            }
            let mut parents: Vec<_> = row.parents().iter().cloned().collect();
            if self.tape.chance(15) {
                parents.retain(|parent| parent.type_name() != "PermissionSet");
            }
            for permission in ["invoice.view", "invoice.pay", "contract.sign", "document.share"] {
                if self.rarely() {
                    parents.push(uid(self.tape.word(&["Denial", "Permission"]), permission));
                }
            }
            row.set_parents(parents);
            self.put(row);
        }
    }

    fn documents(&mut self) {
        for (id, kind, client, parent, head, container) in DOCUMENTS {
            let kind = if self.rarely() { *self.tape.pick(KINDS) } else { *kind };
            let client = if self.tape.chance(3) { *self.tape.pick(CLIENTS) } else { *client };
            let state = if self.tape.chance(25) {
                *self.tape.pick(DocumentState::ALL)
            } else {
                DocumentState::Sent
            };
            let level = if self.tape.chance(20) { self.tape.below(7) } else { 6 };
            let mut row = Entity::new(document(id))
                .with("tenant", uid("Tenant", TENANT))
                .with("client", uid("Client", client))
                .with("kind", uid("Kind", kind))
                .with("rule", uid("Rule", &format!("{kind}@{client}")))
                .with("access", uid("Access", id))
                .with("head", document(head))
                .with("state", state.as_str())
                .with("labels", Value::strings(self.tape.chance(10).then_some("uninvoiced")))
                .with("level", i64::try_from(level).unwrap())
                .with("internal", self.tape.chance(4))
                .with("visible", !self.tape.chance(6));
            if !parent.is_empty() {
                row.set("parent", document(parent));
            }
            let strays = self.tape.chance(3);
            if !container.is_empty() || strays {
                row.set("container", document(if strays { "other" } else { container }));
            }
            if self.tape.chance(40) {
                row.set("owner", contact(self.tape.pick(CONTACTS).0));
            }
            if self.tape.chance(70) {
                row.set("amount", *self.tape.pick(&[100, 99, 5_000, 5_001]));
                row.set("currency", *self.tape.pick(&["EUR", "EUR", "EUR", "USD"]));
            }
            self.put(row);
        }
    }

    fn rules(&mut self) {
        let contacts: Vec<_> = CONTACTS.iter().map(|(id, _)| contact(id)).collect();
        let rows: Vec<Entity> = self.facts.of_type("Rule").cloned().collect();
        for mut row in rows {
            let of_interest = KINDS.iter().any(|kind| row.uid().id().starts_with(kind));
            if !of_interest || !self.tape.chance(40) {
                continue;
            }
            row.set("module_on", !self.rarely());
            row.set("level", i64::try_from(self.tape.below(7)).unwrap());
            for name in ["members", "watchers", "recipients"] {
                let some = self.some(&contacts, 15);
                row.set(name, some);
            }
            row.set("roles", self.some(&[uid("PermissionSet", "contact")], 20));
            for flag in ["main_exempt", "show_cancelled"] {
                row.set(flag, self.tape.chance(50));
            }
            for flag in ["approvers_only", "signatories_only", "limit_payments"] {
                row.set(flag, self.tape.chance(15));
            }
            row.set("hidden_labels", Value::strings(self.tape.chance(20).then_some("uninvoiced")));
            if self.rarely() {
                row.set("limit", limit(5_000, "EUR"));
            }
            self.put(row);
        }
    }

    fn access(&mut self) {
        let contacts: Vec<_> = CONTACTS.iter().map(|(id, _)| contact(id)).collect();
        for (id, ..) in DOCUMENTS {
            if self.tape.chance(30) {
                continue;
            }
            let mut row = Entity::new(uid("Access", id));
            for name in ["invited", "involved", "watchers"] {
                let some = self.some(&contacts, 15);
                row.set(name, some);
            }
            if self.tape.chance(30) {
                let holder = self.tape.pick(CONTACTS).0;
                let share = self.share(id, holder);
                // The key of another contact opens nothing.
                let key = if self.rarely() { "b" } else { holder };
                row = row.tag(key, share);
            }
            self.put(row);
        }
    }

    fn share(&mut self, id: &str, holder: &str) -> EntityUid {
        let share = uid("Share", &format!("{id}:{holder}"));
        let actions = ["view", "download", "pay", "share"].map(EntityUid::action);
        let mut row = Entity::new(share.clone())
            .with("tenant", uid("Tenant", TENANT))
            .with("contact", contact(holder))
            .with("document", document(if self.rarely() { "other" } else { id }))
            .with("actions", self.some(&actions, 70))
            .with("revoked", self.rarely())
            .with("parent_revoked", self.rarely());
        if self.tape.chance(20) {
            row.set("from", now().plus_ms(*self.tape.pick(&[-1_000, 0, 1_000])));
        }
        if self.tape.chance(20) {
            row.set("until", now().plus_ms(*self.tape.pick(&[1_000, 0, -1_000])));
        }
        if self.tape.chance(20) {
            row.set("uses_left", *self.tape.pick(&[1, 0]));
        }
        self.put(row);
        share
    }

    fn links(&mut self) {
        for number in 0..6 {
            let (holder, client) = *self.tape.pick(CONTACTS);
            let (id, ..) = *self.tape.pick(DOCUMENTS);
            let purpose = *self.tape.pick(&[
                "personal",
                "personal",
                "share",
                "magic",
                "activation",
                "client",
            ]);
            let epoch = self.row("Contact", holder).attribute("epoch").unwrap().as_long().unwrap();
            let client = if self.tape.chance(3) { "C2" } else { client };
            let mut row = Entity::new(uid("Link", &number.to_string()))
                .with("tenant", uid("Tenant", TENANT))
                .with("client", uid("Client", client))
                .with("contact", contact(holder))
                .with("purpose", purpose)
                .with("epoch", epoch - i64::from(self.rarely()))
                .with("revoked", self.rarely())
                .with("superseded", self.rarely())
                .with("used", self.rarely())
                .parent(contact(holder));
            if ["personal", "share"].contains(&purpose) {
                row.set("document", document(id));
            }
            if purpose == "share" {
                let share = self.share(id, holder);
                row.set("share", share);
            }
            if self.rarely() {
                row.set("expires", now().plus_ms(*self.tape.pick(&[1_000, 0])));
            }
            self.put(row);
        }
    }

    /// Rows that name another tenant, as no command writes them.
    fn aliens(&mut self) {
        let alien = uid("Tenant", ALIEN);
        let mut tenant = self.row("Tenant", TENANT).clone();
        tenant.set("tenant", alien.clone());
        let renamed =
            tenant.attributes().iter().fold(Entity::new(alien.clone()), |row, (name, value)| {
                row.with(std::sync::Arc::clone(name), value.clone())
            });
        self.put(renamed);
        for (from, id) in
            [("Contact", "a"), ("Document", "invoice"), ("Staff", "all"), ("Client", "C1")]
        {
            let row = self.row(from, id);
            let alien_id = format!("alien {id}");
            let mut copy = row
                .attributes()
                .iter()
                .fold(Entity::new(uid(from, &alien_id)), |copy, (name, value)| {
                    copy.with(std::sync::Arc::clone(name), value.clone())
                });
            copy.set("tenant", alien.clone());
            copy.set_parents(row.parents().iter().cloned());
            match from {
                "Contact" => copy.set("contact", uid(from, &alien_id)),
                "Document" => copy.set("head", uid(from, &alien_id)),
                _ => {}
            }
            self.put(copy);
        }
        // A document of this tenant at a client of the other.
        if self.tape.chance(50) {
            let mut row = self.row("Document", "estimate");
            row.set("client", uid("Client", "alien C1"));
            self.put(row);
        }
    }
}

fn limit(amount: i64, currency: &str) -> Value {
    let members =
        [("amount".into(), Value::from(amount)), ("currency".into(), Value::from(currency))];
    Value::record(members.into()).unwrap()
}

/// The tenant of some facts, in a portal of its own, without the rows of the other tenant.
pub(super) fn restore(facts: &Facts) -> Tenant {
    let alien = Value::from(uid("Tenant", ALIEN));
    let own = facts.iter().filter(|row| row.attribute("tenant") != Some(&alien)).cloned();
    portal().restore_tenant(TENANT, own.collect()).unwrap()
}

/// Everybody who may ask: contacts with a good session, links, staff, and staff for contacts.
pub(super) fn callers(tenant: &Tenant) -> Vec<Caller> {
    let contacts = CONTACTS.iter().map(|(id, _)| *id).chain(["alien a"]);
    let sessions = contacts.map(|id| {
        let contact = tenant.contact(id);
        // The contact of the other tenant is a copy of `a`.
        let access = tenant.access(&contact).or_else(|| tenant.access(&tenant.contact("a")));
        let access = access.unwrap();
        Caller::contact(contact)
            .session(access.epoch, access.credential_version)
            .password()
            .mfa_at(now())
            .last_seen(now())
            .address("10.1.2.3".parse().unwrap())
    });
    let links = (0..6).map(|number| Caller::link(tenant.link(number.to_string())));
    let staff =
        STAFF.iter().copied().chain(["alien all"]).map(|id| Caller::staff(tenant.staff(id)));
    let for_contacts = CONTACTS.iter().flat_map(|(id, _)| {
        let (staff, contact) = (tenant.staff("all"), tenant.contact(*id));
        [Caller::view_as(staff.clone(), contact.clone(), now()), Caller::on_behalf(staff, contact)]
    });
    sessions.chain(links).chain(staff).chain(for_contacts).collect()
}

pub(super) fn documents(tenant: &Tenant) -> Vec<DocumentId> {
    let ids = DOCUMENTS.iter().map(|(id, ..)| *id).chain(["alien invoice", "nowhere"]);
    ids.map(|id| tenant.document(id)).collect()
}

pub(super) fn contacts(tenant: &Tenant) -> Vec<ContactId> {
    CONTACTS.iter().map(|(id, _)| tenant.contact(*id)).collect()
}

pub(super) fn kinds() -> Vec<Kind> {
    KINDS.iter().map(|kind| kind.parse().unwrap()).collect()
}

/// The rows that some entities lead to, by attributes, sets, tags and parents.
pub(super) fn reachable(facts: &Facts, from: &[EntityUid]) -> Vec<Entity> {
    let mut seen = std::collections::BTreeSet::new();
    let mut open = from.to_vec();
    let mut rows = Vec::new();
    while let Some(uid) = open.pop() {
        let Some(row) = facts.entity(&uid) else { continue };
        if !seen.insert(uid) {
            continue;
        }
        open.extend(row.parents().iter().cloned());
        for value in row.attributes().values().chain(row.tags().values()) {
            named(value, &mut open);
        }
        rows.push(row.clone());
    }
    rows
}

fn named(value: &Value, found: &mut Vec<EntityUid>) {
    found.extend(value.as_entity().cloned());
    for value in value.as_set().into_iter().flatten() {
        named(value, found);
    }
    for value in value.as_record().into_iter().flat_map(|record| record.values()) {
        named(value, found);
    }
}

pub(super) fn removal(row: &Entity) -> Changes {
    [Change::Remove(row.uid().clone())].into_iter().collect()
}

pub(super) fn repair(row: &Entity) -> Changes {
    Changes::new().put(row.clone())
}
