//! Random states of a portal: mostly in order, with a few things out of it.

use std::sync::LazyLock;

use doorward::portal::{
    AccessState, CredentialState, KindDeclaration, Level, NewContact, NewStaff, Owner, Prospect,
    Resource, Settings, State as DocumentState, TenantConfig,
};
use doorward::{
    Action, Caller, Change, Changes, ContactId, DocumentId, Entity, EntityUid, Facts, Kind,
    PolicyBundle, Portal, Preset, Tenant, Timestamp, Value,
};

use crate::tape::Tape;

pub(super) const TENANT: &str = "it";
pub(super) const ALIEN: &str = "alien";
/// Contacts with their clients: C3 is a child of C1, and C4 of C3.
pub(super) const CONTACTS: &[(&str, &str)] =
    &[("a", "C1"), ("b", "C1"), ("c", "C1"), ("d", "C2"), ("e", "C3"), ("f", "C4")];
pub(super) const CLIENTS: &[&str] = &["C1", "C2", "C3", "C4"];
/// Staff for all clients, for C1 alone, and for all with only some permissions.
pub(super) const STAFF: &[&str] = &["all", "one", "few"];
/// How many links there are.
const LINKS: usize = 8;
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
    ("job", "job", "C1", "", "job", ""),
    ("task", "task", "C1", "", "task", "job"),
    ("mood", "moodboard", "C1", "", "mood", "job"),
    ("bulletin", "bulletin", "", "", "bulletin", ""),
    ("theirs", "booking", "C2", "", "theirs", ""),
    ("deep", "file", "C3", "child", "child", ""),
];
pub(super) const KINDS: &[&str] = &[
    "invoice",
    "estimate",
    "contract",
    "file",
    "ticket",
    "announcement",
    "booking",
    "job",
    "task",
    "moodboard",
    "bulletin",
];
/// What grants and denials are of.
const PERMISSIONS: &[&str] = &[
    "invoice.view",
    "invoice.pay",
    "invoice.view_prices",
    "contract.sign",
    "estimate.accept",
    "file.attach",
    "job.view",
    "moodboard.view",
    "moodboard.comment",
    "document.share",
    "contact.edit_own",
];
/// What staff may be given one by one.
const STAFF_PERMISSIONS: &[&str] = &[
    "invoice.view",
    "invoice.view_on_behalf",
    "estimate.accept_on_behalf",
    "invoice.view_internal",
    "portal.view_as",
    "portal.act_on_behalf",
    "portal.manage",
    "portal.share",
    "portal.relate",
    "portal.audit",
];

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
    let reading = [Action::View, Action::Comment, Action::Edit, Action::Create];
    for (name, owner) in [("moodboard", Owner::Client), ("bulletin", Owner::Tenant)] {
        let declared = KindDeclaration {
            actions: reading.into(),
            owner: Some(owner),
            ..KindDeclaration::default()
        };
        config.kinds.insert(name.parse().unwrap(), declared);
    }
    let contact = config.sets.get_mut("contact").unwrap();
    for permission in ["booking.view", "job.view", "task.view", "moodboard.view", "bulletin.view"] {
        contact.insert(permission.to_owned());
    }
    let tenant = portal().create_tenant(TENANT, config).unwrap();
    tenant
        .write_as_system(|tx| {
            for client in CLIENTS {
                tx.create_client(tenant.client(*client))?;
            }
            tx.set_group_settings(&tenant.client_group("group"), Settings::default())?;
            for (id, client) in CONTACTS {
                let new = NewContact::new(tenant.contact(*id), tenant.client(*client))
                    .email(format!("{id}@{client}.example"));
                let contact = tx.create_contact(new)?;
                tx.enable(&contact)?;
                tx.reset_credential(&contact)?;
            }
            tx.create_staff(NewStaff::new(tenant.staff("all")))?;
            let one = NewStaff::new(tenant.staff("one")).only_clients([tenant.client("C1")]);
            tx.create_staff(one)?;
            tx.create_staff(NewStaff::new(tenant.staff("few")).sets([""; 0]))
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
    maker.hostile();
    maker.aliens();
    maker.facts
}

impl Maker<'_> {
    fn put(&mut self, row: Entity) {
        self.facts = self.facts.with(&Changes::new().put(row));
    }

    fn row(&self, of: &str, id: &str) -> Entity {
        self.facts.entity(&uid(of, id)).unwrap()
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
        tenant.set("audit_for_admins", self.tape.chance(30));
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
            if *staff == "few" {
                for permission in STAFF_PERMISSIONS {
                    if self.tape.chance(50) {
                        row = row.parent(uid("Permission", permission));
                    }
                }
                let scope = CLIENTS.iter().map(|id| uid("Client", id)).collect::<Vec<_>>();
                row.set("all_clients", self.tape.chance(50));
                let some = self.some(&scope, 50);
                row.set("clients", some);
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
            if self.tape.chance(30) {
                row.set("group", uid("ClientGroup", "group"));
            }
            let kinds: Vec<_> = KINDS.iter().map(|kind| uid("Kind", kind)).collect();
            let off = self.some(&kinds, 3);
            row.set("modules_off", off);
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
            for name in ["denied", "muted", "watched_silently", "silent", "no_attach"] {
                let some = self.some(&documents, 4);
                row.set(name, some);
            }
            let kinds: Vec<_> = KINDS.iter().map(|kind| uid("Kind", kind)).collect();
            let muted = self.some(&kinds, 4);
            row.set("muted_kinds", muted);
            if self.tape.chance(20) {
                row.set("limit", limit(*self.tape.pick(&[100, 5_000, -1]), "EUR"));
            }
            let mut parents: Vec<_> = row.parents().iter().cloned().collect();
            if self.tape.chance(15) {
                parents.retain(|parent| parent.type_name() != "PermissionSet");
            }
            if self.tape.chance(50) {
                parents.push(uid("PermissionSet", "manager"));
            }
            for permission in PERMISSIONS {
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
        let rows: Vec<Entity> = self.facts.of_type("Rule").collect();
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
            // Each role holds some of those involved, and now and then somebody who is not.
            for role in ["primaries", "secondaries", "job_contacts", "assignees"] {
                if self.tape.chance(40) {
                    let some = self.some(&contacts, 15);
                    row.set(role, some);
                }
            }
            for acts in ["signers", "signed", "approved"] {
                if self.tape.chance(10) {
                    let some = self.some(&contacts, 30);
                    row.set(acts, some);
                }
            }
            for _ in 0..2 {
                if self.tape.chance(40) {
                    let holder = self.tape.pick(CONTACTS).0;
                    let share = self.share(id, holder);
                    // The key of another contact opens nothing.
                    let key = if self.rarely() { "b" } else { holder };
                    row = row.tag(key, share);
                }
            }
            self.put(row);
        }
    }

    fn share(&mut self, id: &str, holder: &str) -> EntityUid {
        let share = uid("Share", &format!("{id}:{holder}"));
        let actions =
            ["view", "download", "pay", "comment", "accept", "share"].map(EntityUid::action);
        let mut row = Entity::new(share.clone())
            .with("tenant", uid("Tenant", TENANT))
            .with("contact", contact(holder))
            .with("document", document(if self.rarely() { "other" } else { id }))
            .with("actions", self.some(&actions, 70))
            .with("revoked", self.rarely())
            .with("parent_revoked", self.rarely());
        if self.tape.chance(20) {
            row.set("from", now().plus_ms(*self.tape.pick(&[-1_000, 0, 1_000, 3_000])));
        }
        if self.tape.chance(20) {
            row.set("until", now().plus_ms(*self.tape.pick(&[1_000, 0, -1_000, 2_000])));
        }
        if self.tape.chance(20) {
            row.set("uses_left", *self.tape.pick(&[1, 0]));
        }
        if self.tape.chance(30) {
            let parents: Vec<_> = self.facts.uids_of_type("Share").collect();
            if !parents.is_empty() {
                let parent = self.tape.pick(&parents).clone();
                row.set("parent", parent);
            }
        }
        self.put(row);
        share
    }

    fn links(&mut self) {
        for number in 0..LINKS {
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
                row.set("expires", now().plus_ms(*self.tape.pick(&[1_000, 0, 3_000])));
            }
            self.put(row);
        }
    }

    /// Rows that contradict each other, as no command writes them.
    fn hostile(&mut self) {
        let documents: Vec<_> = DOCUMENTS.iter().map(|(id, ..)| *id).collect();
        for id in &documents {
            let mut row = self.row("Document", id);
            let other = *self.tape.pick(&documents);
            match self.tape.below(60) {
                59 => row.set("access", uid("Access", other)),
                58 => row.set("head", document(other)),
                57 => row.set("parent", document(other)),
                56 => row.set("container", document(other)),
                55 => {
                    row.set("rule", self.row("Document", other).attribute("rule").unwrap().clone())
                }
                54 => row.set("kind", uid("Kind", "nothing")),
                _ => continue,
            }
            self.put(row);
        }
        let shares: Vec<_> = self.facts.uids_of_type("Share").collect();
        for share in &shares {
            let mut row = self.facts.entity(share).unwrap();
            match self.tape.below(20) {
                19 => row.set("contact", contact(self.tape.pick(CONTACTS).0)),
                18 => row.set("document", document(self.tape.word(&documents))),
                _ => continue,
            }
            self.put(row);
        }
        for number in 0..LINKS {
            let mut row = self.row("Link", &number.to_string());
            let (other, client) = *self.tape.pick(CONTACTS);
            match self.tape.below(20) {
                // In another contact than it names, or of another client, or by another's share.
                19 => row.set_parents([contact(other)]),
                18 => row.set("contact", contact(other)),
                17 => row.set("client", uid("Client", client)),
                16 if !shares.is_empty() => row.set("share", self.tape.pick(&shares).clone()),
                _ => continue,
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
        for (from, id) in [
            ("Contact", "a"),
            ("Document", "invoice"),
            ("Staff", "all"),
            ("Client", "C1"),
            ("Link", "0"),
        ] {
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
        // A document of this tenant at a client of the other, a contact, a child; a client below one
        // of the other; a part for a contact of the other.
        let mut misplace = |of: &str, id: &str, name: &str, to: EntityUid| {
            if self.tape.chance(30) {
                let mut row = self.row(of, id);
                row.set(name, to);
                self.put(row);
            }
        };
        misplace("Document", "estimate", "client", uid("Client", "alien C1"));
        misplace("Document", "ticket", "container", document("alien invoice"));
        misplace("Document", "file", "parent", document("alien invoice"));
        misplace("Document", "contract", "owner", contact("alien a"));
        misplace("Contact", "c", "client", uid("Client", "alien C1"));
        misplace("Staff", "one", "tenant", alien.clone());
        if self.tape.chance(30) {
            let row = self.row("Client", "C2").parent(uid("Client", "alien C1"));
            self.put(row);
        }
        if self.tape.chance(50) {
            let access = uid("Access", "invoice");
            let row = self.facts.entity(&access).unwrap_or_else(|| Entity::new(access));
            let named = Value::entities([contact("alien a"), contact("a")]);
            self.put(
                row.with("involved", named.clone())
                    .with("invited", named.clone())
                    .with("watchers", named),
            );
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
    restore_in(&portal(), facts)
}

pub(super) fn restore_in(portal: &Portal, facts: &Facts) -> Tenant {
    let alien = Value::from(uid("Tenant", ALIEN));
    let own = facts.iter().filter(|row| row.attribute("tenant") != Some(&alien));
    portal.restore_tenant(TENANT, own.collect()).unwrap()
}

/// A session of a contact with everything that could be asked for.
pub(super) fn session(tenant: &Tenant, id: &str) -> Caller {
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
}

pub(super) fn links(tenant: &Tenant) -> Vec<Caller> {
    (0..LINKS).map(|number| Caller::link(tenant.link(number.to_string()))).collect()
}

/// Everybody who may ask, in turn: contacts with a good session, twice as often as links, staff,
/// and staff for contacts.
pub(super) fn callers(tenant: &Tenant) -> Vec<Caller> {
    let own = CONTACTS.iter().map(|(id, _)| session(tenant, id));
    let sessions: Vec<Caller> = own.collect();
    let links = links(tenant).into_iter().chain([Caller::link(tenant.link("alien 0"))]).collect();
    let staff = STAFF.iter().map(|id| Caller::staff(tenant.staff(*id)));
    let alien = [session(tenant, "alien a"), Caller::staff(tenant.staff("alien all"))];
    let for_contacts = CONTACTS.iter().zip(["all", "few", "one", "alien all"].iter().cycle());
    let for_contacts = for_contacts.flat_map(|((id, _), staff)| {
        let (staff, contact) = (tenant.staff(*staff), tenant.contact(*id));
        [Caller::view_as(staff.clone(), contact.clone(), now()), Caller::on_behalf(staff, contact)]
    });
    let staff: Vec<Caller> = staff.chain(for_contacts).chain(alien).collect();
    let groups = [&sessions, &links, &sessions, &staff];
    (0..staff.len())
        .flat_map(|turn| groups.map(|group: &Vec<Caller>| group[turn % group.len()].clone()))
        .collect()
}

pub(super) fn documents(tenant: &Tenant) -> Vec<DocumentId> {
    let ids = DOCUMENTS.iter().map(|(id, ..)| *id).chain(["alien invoice", "nowhere"]);
    ids.map(|id| tenant.document(id)).collect()
}

/// What questions are asked of: documents, children by their parents, and what is not there yet.
pub(super) fn resources(tenant: &Tenant) -> Vec<Resource> {
    let documents = documents(tenant).into_iter().map(Resource::from);
    let child = |document: &str, via: &str| Resource::Child {
        document: tenant.document(document),
        via: tenant.document(via),
    };
    let children = [child("file", "invoice"), child("line", "invoice"), child("file", "other")];
    let new = |kind: &str| kind.parse::<Kind>().unwrap();
    let prospects = [
        Prospect::at_client(new("ticket"), tenant.client("C1")),
        Prospect::at_client(new("moodboard"), tenant.client("C3")),
        Prospect::in_container(new("file"), tenant.client("C1"), tenant.document("booking")),
        Prospect::in_container(new("file"), tenant.client("C1"), tenant.document("theirs")),
        Prospect::child_of(new("file"), tenant.client("C1"), tenant.document("invoice")),
    ];
    documents.chain(children).chain(prospects.map(Resource::from)).collect()
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
        rows.push(row);
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
