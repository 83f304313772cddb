//! The rules of the domain on what a write leaves, from the rows alone.

use std::collections::{BTreeMap, BTreeSet};

use doorward::{Caller, Entity, EntityUid, Facts, Value};

use super::TENANT;
use super::command::Command;

fn text<'r>(row: &'r Entity, name: &str) -> &'r str {
    row.attribute(name).and_then(Value::as_str).unwrap_or_default()
}

fn is(row: &Entity, name: &str) -> bool {
    row.attribute(name) == Some(&Value::from(true))
}

fn long(row: &Entity, name: &str) -> Option<i64> {
    row.attribute(name).and_then(Value::as_long)
}

fn one<'r>(row: &'r Entity, name: &str) -> Option<&'r EntityUid> {
    row.attribute(name).and_then(Value::as_entity)
}

fn many(row: &Entity, name: &str) -> BTreeSet<EntityUid> {
    let set = row.attribute(name).and_then(Value::as_set).into_iter().flatten();
    set.map(|value| value.as_entity().unwrap().clone()).collect()
}

fn is_live(contact: &Entity) -> bool {
    text(contact, "access") != "deleted"
}

/// The rules that an accepted write broke.
pub(super) fn broken(
    before: &Facts,
    after: &Facts,
    actor: Option<&Caller>,
    commands: &[Command],
) -> Vec<String> {
    let mut judge = Judge { before, after, broken: Vec::new() };
    judge.relations();
    judge.contacts();
    judge.lives();
    judge.clients();
    judge.documents();
    judge.shares();
    judge.links();
    judge.sets();
    judge.acts(commands);
    if let Some(contact) = actor.and_then(Caller::contact_id) {
        judge.escalation(&contact.uid(), commands);
    }
    let foreign = after.iter().filter(|row| {
        let tenant = one(row, "tenant");
        tenant.is_some_and(|tenant| tenant.id() != TENANT)
    });
    let foreign: Vec<String> = foreign.map(|row| format!("{} is foreign", row.uid())).collect();
    judge.broken.extend(foreign);
    judge.broken
}

fn rows(facts: &Facts, of: &str) -> Vec<Entity> {
    facts.of_type(of).collect()
}

struct Judge<'f> {
    before: &'f Facts,
    after: &'f Facts,
    broken: Vec<String>,
}

impl<'f> Judge<'f> {
    fn must(&mut self, holds: bool, rule: &str, row: &Entity) {
        if !holds {
            self.broken.push(format!("{rule}: {}", row.uid()));
        }
    }

    fn settings(&self) -> serde_json::Value {
        let tenant = self.after.entity(&EntityUid::new("Tenant", TENANT)).unwrap();
        serde_json::from_str(text(&tenant, "settings")).unwrap()
    }

    fn relations(&mut self) {
        let booking = &self.settings()["kinds"]["booking"];
        let roles = ["primaries", "secondaries", "job_contacts", "assignees"];
        for row in &rows(self.after, "Access") {
            let involved = many(row, "involved");
            let held = roles.map(|role| many(row, role));
            let all: BTreeSet<_> = held.iter().flatten().cloned().collect();
            let sum: usize = held.iter().map(BTreeSet::len).sum();
            self.must(all.is_subset(&involved), "a role without a part", row);
            self.must(all.len() == sum, "two roles in one container", row);
            let document = self.after.entity(&EntityUid::new("Document", row.uid().id()));
            let kind = document.as_ref().and_then(|row| one(row, "kind"));
            for (role, limit) in
                [("primaries", "primaries_max"), ("secondaries", "secondaries_max")]
            {
                let max = booking[limit].as_u64().unwrap_or(u64::MAX);
                if kind.is_none_or(|kind| kind.id() != "booking") {
                    continue;
                }
                let there = self.before.entity(row.uid()).map(|row| many(&row, role));
                let there = there.unwrap_or_default();
                let now = many(row, role);
                let comes = !now.is_subset(&there);
                self.must(!comes || now.len() as u64 <= max, limit, row);
            }
            let silent = |uid: &EntityUid| {
                let contact = self.after.entity(uid);
                let document = EntityUid::new("Document", row.uid().id());
                contact.is_none_or(|contact| many(&contact, "silent").contains(&document))
            };
            let all_silent = many(row, "secondaries").iter().all(silent);
            self.must(all_silent, "a secondary contact is mailed", row);
        }
    }

    fn live(&self) -> Vec<Entity> {
        self.after.of_type("Contact").filter(is_live).collect()
    }

    fn contacts(&mut self) {
        let settings = self.settings();
        let by_login = settings["login_names"].as_bool() == Some(true);
        let staff = rows(self.after, "Staff");
        let staff: BTreeSet<&str> = staff
            .iter()
            .filter(|row| is(row, "active"))
            .map(|row| text(row, "email"))
            .filter(|email| !email.is_empty())
            .collect();
        let live = self.live();
        for row in &live {
            let (email, login) = (text(row, "email"), text(row, "login"));
            let enabled = text(row, "access") == "enabled";
            self.must(!enabled || !email.is_empty(), "EMAIL_REQUIRED", row);
            self.must(!by_login || !enabled || !login.is_empty(), "LOGIN_REQUIRED", row);
            self.must(email == email.trim().to_lowercase(), "an e-mail as it was written", row);
            self.must(!staff.contains(email), "STAFF_IS_NO_CONTACT", row);
            self.must(email.is_empty() == one(row, "identity").is_none(), "an identity", row);
            for twin in live.iter().filter(|twin| twin.uid() != row.uid()) {
                let same = !email.is_empty() && text(twin, "email") == email;
                let alone = settings["shared_emails"].as_bool() == Some(false);
                let there = one(twin, "client") == one(row, "client");
                self.must(!(same && (there || alone)), "DUPLICATE_EMAIL", row);
                self.must(!same || one(twin, "identity") == one(row, "identity"), "identity", row);
                let login_twin = !login.is_empty() && text(twin, "login") == login;
                let person = one(twin, "identity") == one(row, "identity")
                    && is(twin, "verified")
                    && is(row, "verified");
                self.must(!by_login || !login_twin || person, "DUPLICATE_LOGIN", row);
            }
        }
    }

    /// Access and credentials: what is over stays over.
    fn lives(&mut self) {
        for row in &rows(self.before, "Contact") {
            let Some(now) = self.after.entity(row.uid()) else { continue };
            let (was, is) = (text(row, "access"), text(&now, "access"));
            self.must(was != "deleted" || is == "deleted", "a deleted contact is back", row);
            let [epoch, version] = ["epoch", "credential_version"]
                .map(|counter| (long(row, counter).unwrap(), long(&now, counter).unwrap()));
            self.must(epoch.0 <= epoch.1 && version.0 <= version.1, "a counter went back", row);
            let ends = is != was && ["disabled", "deleted"].contains(&is);
            self.must(!ends || epoch.0 < epoch.1, "its sessions live on", row);
            let returns = was == "disabled" && is == "enabled";
            self.must(!returns || version.0 < version.1, "its credential lives on", row);
        }
    }

    fn clients(&mut self) {
        for client in &rows(self.after, "Client") {
            let seats = |facts: &Facts| {
                let contacts = facts.of_type("Contact");
                contacts.filter(|row| one(row, "client") == Some(client.uid())).collect::<Vec<_>>()
            };
            let (before, after) = (seats(self.before), seats(self.after));
            let mains = after.iter().filter(|row| is(row, "main") && is_live(row)).count();
            self.must(mains <= 1, "two main contacts", client);
            let admin = |row: &&Entity| is(row, "admin") && text(row, "access") == "enabled";
            let [was, now] = [&before, &after].map(|rows| rows.iter().filter(admin).count());
            self.must(was == 0 || now > 0, "LAST_ADMIN", client);
            let mailed = |row: &&Entity| {
                let reachable = ["none", "enabled"].contains(&text(row, "access"));
                is(row, "mail") && !text(row, "email").is_empty() && reachable
            };
            let [was, now] = [&before, &after].map(|rows| rows.iter().filter(mailed).count());
            let min = self.settings()["recipients_min"].as_u64().unwrap_or(0);
            self.must(now >= was || now as u64 >= min, "MIN_RECIPIENTS", client);
            let (mut above, mut open) = (BTreeSet::new(), vec![client.clone()]);
            while let Some(row) = open.pop() {
                for parent in row.parents() {
                    if above.insert(parent.clone()) {
                        open.extend(self.after.entity(parent));
                    }
                }
            }
            self.must(!above.contains(client.uid()), "PARENT_CYCLE", client);
            for kind in &rows(self.after, "Kind") {
                let rule = format!("{}@{}", kind.uid().id(), client.uid().id());
                let stands = self.after.contains(&EntityUid::new("Rule", rule));
                self.must(stands, "no rule for a kind", client);
            }
        }
    }

    fn documents(&mut self) {
        for row in &rows(self.after, "Document") {
            let client = one(row, "client").unwrap();
            let kind = one(row, "kind").and_then(|kind| self.after.entity(kind));
            let wide = kind.is_some_and(|kind| is(&kind, "tenant_wide"));
            self.must(wide || self.after.contains(client), "NO_OWNER_PATH: client", row);
            // What a document left behind as it moved stays as it was: no check opens it.
            let left = self.before.entity(row.uid()).as_ref() == Some(row);
            for name in ["parent", "container"] {
                let above = one(row, name).map(|uid| self.after.entity(uid));
                let holds = above.is_none_or(|above| {
                    above.is_some_and(|above| left || one(&above, "client") == Some(client))
                });
                self.must(holds, &format!("NO_OWNER_PATH: {name}"), row);
            }
            let up = |uid: &EntityUid| one(&self.after.entity(uid)?, "parent").cloned();
            let first = one(row, "parent").cloned();
            let second = first.as_ref().and_then(up);
            self.must(second.as_ref().and_then(up).is_none(), "nested too deep", row);
            let head = second.or(first).unwrap_or_else(|| row.uid().clone());
            self.must(one(row, "head") == Some(&head), "a wrong head", row);
        }
    }

    fn shares(&mut self) {
        for row in &rows(self.after, "Share") {
            let parent = one(row, "parent").and_then(|uid| self.after.entity(uid));
            let Some(parent) = &parent else { continue };
            let over = is(parent, "revoked") || is(parent, "parent_revoked");
            self.must(!over || is(row, "parent_revoked"), "PARENT_REVOKED", row);
            let within = many(row, "actions").is_subset(&many(parent, "actions"));
            self.must(within, "SHARE_EXCEEDS_PARENT: actions", row);
            self.must(one(row, "document") == one(parent, "document"), "another document", row);
            let moment =
                |row: &Entity, name: &str| row.attribute(name).and_then(Value::as_datetime);
            let until = moment(parent, "until");
            let ends = until.is_none_or(|until| moment(row, "until").is_some_and(|at| at <= until));
            self.must(ends, "SHARE_EXCEEDS_PARENT: until", row);
            let left = long(parent, "uses_left");
            let fewer = left.is_none_or(|left| long(row, "uses_left").is_some_and(|n| n <= left));
            self.must(fewer, "SHARE_EXCEEDS_PARENT: uses", row);
        }
        for row in &rows(self.after, "Access") {
            for (key, share) in row.tags() {
                let share = self.after.entity(share.as_entity().unwrap());
                let own = share.is_some_and(|share| {
                    one(&share, "contact").unwrap().id() == &**key
                        && one(&share, "document").unwrap().id() == row.uid().id()
                });
                self.must(own, "another's share", row);
            }
        }
    }

    /// A link ends once, and its end is final.
    fn links(&mut self) {
        const ENDS: [&str; 3] = ["revoked", "superseded", "used"];
        for row in &rows(self.after, "Link") {
            let ends = ENDS.map(|end| is(row, end));
            self.must(ends.iter().filter(|end| **end).count() <= 1, "two ends", row);
            if let Some(before) = self.before.entity(row.uid()) {
                let was = ENDS.map(|end| is(&before, end));
                self.must(!was.contains(&true) || was == ends, "an end was not final", row);
            }
        }
    }

    fn sets(&mut self) {
        for holder in self.after.of_type("Contact").chain(self.after.of_type("Staff")) {
            let dangling = holder
                .parents()
                .iter()
                .any(|uid| uid.type_name() == "PermissionSet" && !self.after.contains(uid));
            self.must(!dangling, "SET_IN_USE", &holder);
        }
    }

    /// Signatures and approvals.
    fn acts(&mut self, commands: &[Command]) {
        for command in commands {
            let Command::Complete(id) = command else { continue };
            let access = self.after.entity(&EntityUid::new("Access", *id));
            let document = self.after.entity(&EntityUid::new("Document", *id));
            let kind = document.and_then(|row| self.after.entity(one(&row, "kind")?));
            let signable = kind.is_some_and(|kind| kind.attribute("sign").is_some());
            if let Some(access) = access.filter(|_| signable) {
                let holds = many(&access, "signers").is_subset(&many(&access, "signed"));
                self.must(holds, "SIGNATURES_MISSING", &access);
            }
        }
        let mut people: BTreeMap<(EntityUid, EntityUid), usize> = BTreeMap::new();
        for row in &rows(self.after, "Access") {
            let was = self.before.entity(row.uid()).map(|row| many(&row, "approved"));
            let now = many(row, "approved");
            if was.unwrap_or_default() == now {
                continue;
            }
            let identity = |uid: &EntityUid| one(&self.after.entity(uid)?, "identity").cloned();
            for person in now.iter().filter_map(identity) {
                *people.entry((row.uid().clone(), person)).or_default() += 1;
            }
        }
        for ((row, _), count) in people {
            if count > 1 {
                self.broken.push(format!("SAME_APPROVER: {row}"));
            }
        }
    }

    /// Nobody holds through a contact's act what that contact lacks.
    fn escalation(&mut self, actor: &EntityUid, commands: &[Command]) {
        let held = |facts: &Facts, row: &Entity| -> BTreeSet<String> {
            let sets = row.parents().iter().filter_map(|uid| facts.entity(uid));
            let through_sets: Vec<EntityUid> = sets.flat_map(|set| set.parents().clone()).collect();
            let all = row.parents().iter().chain(&through_sets);
            let denied = row.parents().iter().filter(|uid| uid.type_name() == "Denial");
            let denied: BTreeSet<&str> = denied.map(|uid| uid.id()).collect();
            all.filter(|uid| uid.type_name() == "Permission" && !denied.contains(uid.id()))
                .map(|uid| uid.id().to_owned())
                .collect()
        };
        let own = self.before.entity(actor).map(|row| held(self.before, &row)).unwrap_or_default();
        for row in &rows(self.after, "Contact") {
            let was = self.before.entity(row.uid()).map(|row| held(self.before, &row));
            // What every new contact holds is the tenant's to choose.
            let by_default = commands.iter().any(|command| {
                matches!(command, Command::Create { contact, sets: None, .. } if *contact == row.uid().id())
            });
            if by_default && was.is_none() {
                continue;
            }
            let was = was.unwrap_or_default();
            let gained = held(self.after, row);
            let holds = gained.iter().all(|held| was.contains(held) || own.contains(held));
            self.must(holds, "NO_ESCALATION", row);
        }
    }
}
