//! Rules on the result of a write, judged once, on its final state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Tx;
use crate::facts::{Entity, EntityUid, Facts};
use crate::portal::error::WriteError;
use crate::portal::name::State;
use crate::portal::rows::{Row as _, is_in, is_live};

/// Whether mail about documents can go to a contact.
fn is_recipient(contact: &Entity) -> bool {
    contact.is("mail") && !contact.text_at("email").is_empty() && is_in(contact)
}

fn is_admin(contact: &Entity) -> bool {
    contact.is("admin") && contact.text_at("access") == "enabled"
}

/// What a client has of contacts.
#[derive(Default, Clone, Copy)]
struct Staffing {
    admins: usize,
    recipients: usize,
}

/// Counted in one pass: an import touches many clients.
fn staffing(facts: &Facts, clients: &BTreeSet<EntityUid>) -> BTreeMap<EntityUid, Staffing> {
    let mut counts: BTreeMap<EntityUid, Staffing> = BTreeMap::new();
    for row in facts.of_type("Contact") {
        let Some(client) = row.entity_at("client").filter(|client| clients.contains(client)) else {
            continue;
        };
        let of_client = counts.entry(client.clone()).or_default();
        of_client.admins = of_client.admins.saturating_add(usize::from(is_admin(&row)));
        of_client.recipients = of_client.recipients.saturating_add(usize::from(is_recipient(&row)));
    }
    counts
}

/// How a contact is named to whoever writes another: those of other clients are not his to know.
fn told<'r>(contact: &'r Entity, to: &Entity) -> &'r str {
    let colleagues = contact.entity_at("client") == to.entity_at("client");
    if colleagues { contact.uid().id() } else { "another contact" }
}

/// The contacts that share something of theirs: an e-mail, a login.
type Shared<'r> = HashMap<&'r str, Vec<&'r Entity>>;

fn by<'r>(contacts: &'r [Entity], name: &str) -> Shared<'r> {
    let mut shared = Shared::new();
    for row in contacts {
        let text = row.text_at(name);
        if !text.is_empty() {
            shared.entry(text).or_default().push(row);
        }
    }
    shared
}

impl Tx<'_> {
    /// Judges the final state.
    pub(super) fn judge(&mut self) -> Result<(), WriteError> {
        self.check_relations()?;
        self.check_contacts()?;
        self.check_clients()?;
        self.check_removed_sets()?;
        self.check_permissions();
        self.check_documents();
        self.check_sending()?;
        self.check_completed()?;
        self.find_excess()
    }

    pub(super) fn touched_rows(&self, type_name: &str) -> Vec<Entity> {
        let touched = self.touched.iter().filter(|uid| uid.type_name() == type_name);
        touched.filter_map(|uid| self.facts.entity(uid)).collect()
    }

    /// Rules on contacts, and on staff who are none.
    fn check_contacts(&mut self) -> Result<(), WriteError> {
        let touched = self.touched_rows("Contact");
        let staff = self.touched_rows("Staff");
        if touched.is_empty() && staff.is_empty() {
            return Ok(());
        }
        let settings = self.cascade(None)?.tenant;
        let live: Vec<Entity> = self.facts.of_type("Contact").filter(is_live).collect();
        let emails = by(&live, "email");
        self.check_staff(&touched, &staff, &emails);
        for row in touched.iter().filter(|row| is_live(row)) {
            let id = row.uid().id();
            let enabled = row.text_at("access") == "enabled";
            let email = row.text_at("email");
            if enabled && email.is_empty() {
                self.violate("EMAIL_REQUIRED", format!("{id} is enabled without an e-mail"));
            }
            let others = |twin: &&Entity| twin.uid() != row.uid();
            let mut twins = emails.get(email).into_iter().flatten().copied().filter(others);
            let one_client = settings.shared_emails == Some(false);
            let clash =
                |twin: &&Entity| one_client || twin.entity_at("client") == row.entity_at("client");
            if let Some(twin) = twins.find(clash) {
                let message = format!("{id} and {} share an e-mail", told(twin, row));
                self.violate("DUPLICATE_EMAIL", message);
            }
        }
        if settings.login_names == Some(true) {
            self.check_logins(&touched, &by(&live, "login"));
        }
        Ok(())
    }

    /// Nobody is both: staff who held a seat would pass by what clients may see.
    fn check_staff(&mut self, contacts: &[Entity], staff: &[Entity], emails: &Shared<'_>) {
        let working = |row: &Entity| row.is("active") && !row.text_at("email").is_empty();
        for row in staff.iter().filter(|row| working(row)) {
            if let Some(contact) = emails.get(row.text_at("email")).and_then(|same| same.first()) {
                let message =
                    format!("{} is staff and contact {}", row.uid().id(), contact.uid().id());
                self.violate("STAFF_IS_NO_CONTACT", message);
            }
        }
        let staff: BTreeSet<String> = self
            .facts
            .of_type("Staff")
            .filter(working)
            .map(|row| row.text_at("email").to_owned())
            .collect();
        for row in contacts.iter().filter(|row| is_live(row)) {
            if staff.contains(row.text_at("email")) {
                let message = format!("{} has the e-mail of a member of the staff", row.uid().id());
                self.violate("STAFF_IS_NO_CONTACT", message);
            }
        }
    }

    /// Logins are one person's: his contacts at several clients may share one.
    fn check_logins(&mut self, touched: &[Entity], logins: &Shared<'_>) {
        for row in touched.iter().filter(|row| is_live(row)) {
            let (id, login) = (row.uid().id(), row.text_at("login"));
            if login.is_empty() {
                if row.text_at("access") == "enabled" {
                    self.violate("LOGIN_REQUIRED", format!("{id} is enabled without a login"));
                }
                continue;
            }
            let another = |twin: &&Entity| {
                let proven = row.is("verified") && twin.is("verified");
                let same = row.entity_at("identity").is_some()
                    && row.entity_at("identity") == twin.entity_at("identity");
                twin.uid() != row.uid() && !(proven && same)
            };
            let twin = logins.get(login).and_then(|same| same.iter().copied().find(another));
            if let Some(twin) = twin {
                let message = format!("{id} and {} share a login", told(twin, row));
                self.violate("DUPLICATE_LOGIN", message);
            }
        }
    }

    /// Rules on the contacts of a client together, and on the clients above it.
    fn check_clients(&mut self) -> Result<(), WriteError> {
        let clients: BTreeSet<EntityUid> = self
            .touched_rows("Contact")
            .iter()
            .filter_map(|row| row.entity_at("client").cloned())
            .collect();
        let [before, after] =
            [self.world.facts(), &self.facts].map(|facts| staffing(facts, &clients));
        for client in &clients {
            let [was, is] =
                [&before, &after].map(|counts| counts.get(client).copied().unwrap_or_default());
            if was.admins > 0 && is.admins == 0 {
                self.violate("LAST_ADMIN", format!("{} would have no admin left", client.id()));
            }
            if !self.facts.contains(client) {
                continue;
            }
            let named = self.tenant.client(client.shared_id());
            let min = self.cascade(Some(&named))?.recipients_min();
            let recipients = is.recipients;
            if recipients < was.recipients
                && recipients < usize::try_from(min).unwrap_or(usize::MAX)
            {
                let message =
                    format!("{} would have {recipients} recipients of mail of {min}", client.id());
                self.violate("MIN_RECIPIENTS", message);
            }
        }
        self.check_parents();
        Ok(())
    }

    /// No client is above itself.
    fn check_parents(&mut self) {
        for client in self.touched_rows("Client") {
            if self.clients_above(client.uid()).contains(client.uid()) {
                let message = format!("{} would be its own parent", client.uid().id());
                self.violate("PARENT_CYCLE", message);
            }
        }
    }

    /// The parents of a client, and theirs: with itself only where they go round.
    pub(super) fn clients_above(&self, client: &EntityUid) -> BTreeSet<EntityUid> {
        let mut above = BTreeSet::new();
        let mut next = vec![client.clone()];
        while let Some(uid) = next.pop() {
            let parents = self.facts.parents(&uid).into_iter();
            next.extend(parents.filter(|parent| above.insert(parent.clone())));
        }
        above
    }

    /// Nothing that only signatories sign is sent where there is none.
    fn check_sending(&mut self) -> Result<(), WriteError> {
        for row in self.touched_rows("Document") {
            let is_sent = |row: &Entity| row.text_at("state") == State::Sent.as_str();
            let was_sent = self.world.facts().entity(row.uid()).as_ref().is_some_and(is_sent);
            let sent = self.sent.contains(row.uid()) || is_sent(&row) && !was_sent;
            if !sent || !self.is_signed(&row) {
                continue;
            }
            let only = self.chosen_for(&row)?.signatories_only == Some(true);
            let client = row.entity_at("client");
            if only && client.is_some_and(|client| self.signatories(client).is_empty()) {
                let message = format!("no contact of its client can sign {}", row.uid().id());
                self.violate("NO_SIGNATORY", message);
            }
        }
        Ok(())
    }

    /// The contacts of a client who can sign where only signatories do.
    pub(super) fn signatories(&self, client: &EntityUid) -> BTreeSet<EntityUid> {
        let signs = |row: &Entity| {
            row.entity_at("client") == Some(client) && row.is("signatory") && is_in(row)
        };
        self.facts.of_type("Contact").filter(signs).map(|row| row.uid().clone()).collect()
    }
}
