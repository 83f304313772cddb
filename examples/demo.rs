//! A small portal answering the questions people really ask: `make demo`.
//!
//! Everything runs in this process, on the shipped policies and the preset *invoicing*; nothing is
//! stored and no server is asked.

#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

use doorward::portal::{
    Channel, Document, Level, NewContact, NewStaff, Prospect, Recipients, Resource, Settings,
    State, TenantConfig, Watch,
};
use doorward::{
    Action, Caller, Decision, Disclosure, DocumentId, Kind, LinkId, Portal, Preset, Tenant,
};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.kinds.entry(Kind::INVOICE).or_default().level = Some(Level::Invited);
    let tenant = Portal::builder().build()?.create_tenant("studio", config)?;
    let link = set_up(&tenant)?;
    let demo = Demo { tenant };

    println!("The portal of a design studio. Client North Shore has a general manager (gm), an");
    println!(
        "accountant (acc) and a department head (dh); client South Bay has one contact (zoe)."
    );
    println!("Invoices are for those they were sent to, and for whoever watches them.");

    demo.who_sees_the_invoice()?;
    demo.who_is_mailed()?;
    demo.how_the_manager_watches()?;
    demo.revoked_and_enabled_again()?;
    demo.a_forwarded_link(&link)?;
    demo.drafts_hidden_documents_and_other_clients()?;
    demo.buttons()?;
    Ok(())
}

/// Two clients with their contacts, and invoice I1, sent to the department head. Returns his link.
fn set_up(tenant: &Tenant) -> Result<LinkId, Box<dyn std::error::Error>> {
    let written = tenant.write_as_system(|tx| {
        tx.create_staff(NewStaff::new(tenant.staff("uma")))?;
        let north = tx.create_client(tenant.client("North Shore"))?;
        let south = tx.create_client(tenant.client("South Bay"))?;
        for (id, client) in [("gm", &north), ("acc", &north), ("dh", &north), ("zoe", &south)] {
            let contact = NewContact::new(tenant.contact(id), client.clone());
            let contact = tx.create_contact(contact.email(format!("{id}@mail.example")))?;
            tx.enable(&contact)?;
            tx.reset_credential(&contact)?;
        }
        let invoice = |id: &str, state| {
            Document::new(tenant.document(id), Kind::INVOICE).client(north.clone()).state(state)
        };
        tx.put_document(&invoice("I1", State::Draft).amount(420_000, "EUR"))?;
        tx.put_document(&invoice("I2", State::Draft))?;
        let plan = Document::new(tenant.document("P1"), Kind::DOCUMENT).client(north.clone());
        tx.put_document(&plan.visible(false))?;
        let other = Document::new(tenant.document("S1"), Kind::INVOICE).client(south.clone());
        tx.put_document(&other.state(State::Sent))?;
        let to = Recipients::Only(vec![tenant.contact("dh")]);
        tx.send_document(&tenant.document("I1"), to)
    })?;
    let sent = written.value.into_iter().next().ok_or("nothing was sent")?;
    Ok(sent.link)
}

struct Demo {
    tenant: Tenant,
}

impl Demo {
    fn who_sees_the_invoice(&self) -> Done {
        title("Invoice I1 went to the department head only. Who sees it?");
        for who in ["dh", "acc", "gm"] {
            self.ask(who, &self.session(who)?, Action::View, "I1");
        }
        Ok(())
    }

    fn who_is_mailed(&self) -> Done {
        title("Who is mailed about it?");
        for who in ["dh", "acc", "gm"] {
            self.mail(who);
        }
        Ok(())
    }

    fn how_the_manager_watches(&self) -> Done {
        title("The general manager wants to see all invoices, and no mail about them.");
        let (gm, uma) = (self.tenant.contact("gm"), self.staff());
        self.tenant.write(&uma, |tx| tx.watch_kind(&gm, &Kind::INVOICE, Watch::Silently))?;
        said("uma of the staff lets gm watch invoices silently");
        self.ask("gm", &self.session("gm")?, Action::View, "I1");
        self.ask("gm", &self.session("gm")?, Action::Pay, "I1");
        self.mail("gm");
        Ok(())
    }

    fn revoked_and_enabled_again(&self) -> Done {
        title("The department head leaves, and comes back.");
        let (dh, uma) = (self.tenant.contact("dh"), self.staff());
        let old = self.session("dh")?;
        self.ask("dh", &old, Action::View, "I1");
        self.tenant.write(&uma, |tx| tx.revoke(&dh))?;
        said("uma revokes dh's access; the very next check with the same session:");
        self.ask("dh", &old, Action::View, "I1");
        let written = self.tenant.write(&uma, |tx| tx.enable(&dh))?;
        said(&format!("uma enables dh again, and is told: {:?}", written.findings));
        self.ask("dh, old session", &old, Action::View, "I1");
        self.tenant.write(&uma, |tx| tx.reset_credential(&dh))?;
        said("dh is given a new credential");
        self.ask("dh, old session", &old, Action::View, "I1");
        self.ask("dh, new session", &self.session("dh")?, Action::View, "I1");
        Ok(())
    }

    fn a_forwarded_link(&self, link: &LinkId) -> Done {
        title("dh forwards the personal link of the mail to somebody.");
        let bearer = Caller::link(link.clone());
        self.ask("the bearer of dh's old link", &bearer, Action::View, "I1");
        said("(it was issued before dh's access was revoked; a new one:)");
        let invoice = self.tenant.document("I1");
        let to = Recipients::Only(vec![self.tenant.contact("dh")]);
        let written = self.tenant.write(&self.staff(), |tx| tx.send_document(&invoice, to))?;
        let sent = written.value.into_iter().next().ok_or("nothing was sent")?;
        let bearer = Caller::link(sent.link);
        self.ask("the bearer, password protection off", &bearer, Action::View, "I1");
        self.ask("the bearer", &bearer, Action::View, "P1");
        let protect = Settings { link_password: Some(true), ..Settings::default() };
        self.tenant.write(&self.staff(), |tx| tx.set_settings(protect))?;
        self.ask("the bearer, password protection on", &bearer, Action::View, "I1");
        self.ask("acc, signed in, with dh's link", &self.session("acc")?, Action::View, "I1");
        Ok(())
    }

    fn drafts_hidden_documents_and_other_clients(&self) -> Done {
        title("What nobody should see, the one asked for included.");
        let dh = self.session("dh")?;
        for (what, id) in [
            ("a draft", "I2"),
            ("a hidden document", "P1"),
            ("another client's invoice", "S1"),
            ("an invoice that is not there", "I999"),
        ] {
            said(&format!("{what}:"));
            self.ask("dh", &dh, Action::View, id);
            let told = match self.tenant.disclosure(&dh, Action::View, self.tenant.document(id)) {
                Disclosure::Forbidden => "403, with the reason",
                Disclosure::NotFound => "404, like anything that is not there",
            };
            println!("      the contact is shown {told}; logs and staff get the code");
        }
        Ok(())
    }

    fn buttons(&self) -> Done {
        title("Which buttons does dh get on invoice I1, and may he upload a file?");
        let dh = self.session("dh")?;
        let buttons: Vec<String> = self
            .tenant
            .actions(&dh, self.tenant.document("I1"))
            .into_iter()
            .filter(|(_, decision)| decision.is_allowed())
            .map(|(action, _)| action.to_string())
            .collect();
        println!("  {}", buttons.join(", "));
        let upload = Prospect::at_client(Kind::FILE, self.tenant.client("North Shore"));
        self.show(
            "dh",
            Action::Attach,
            "a new file",
            self.tenant.check(&dh, Action::Attach, upload),
        );
        Ok(())
    }

    fn staff(&self) -> Caller {
        Caller::staff(self.tenant.staff("uma"))
    }

    /// A session that a contact opens now.
    fn session(&self, who: &str) -> Result<Caller, Box<dyn std::error::Error>> {
        let contact = self.tenant.contact(who);
        let access = self.tenant.access(&contact).ok_or("no such contact")?;
        Ok(Caller::contact(contact).session(access.epoch, access.credential_version).password())
    }

    fn ask(&self, who: &str, caller: &Caller, action: Action, document: &str) {
        let id: DocumentId = self.tenant.document(document);
        let decision = self.tenant.check(caller, action, Resource::from(id));
        self.show(who, action, document, decision);
    }

    fn show(&self, who: &str, action: Action, what: &str, decision: Decision) {
        println!("  {who}: {action} {what}?  {}", answer(&decision));
        println!("      {}", self.tenant.message(&decision));
    }

    fn mail(&self, who: &str) {
        let (contact, invoice) = (self.tenant.contact(who), self.tenant.document("I1"));
        let decision = self.tenant.check_mail(&contact, "invoice.sent", Channel::Email, invoice);
        println!("  mail to {who}?  {}", answer(&decision));
        println!("      {}", self.tenant.message(&decision));
    }
}

fn answer(decision: &Decision) -> String {
    let code = decision.code().map(|code| code.as_str()).unwrap_or_default();
    match (decision.is_allowed(), decision.step_up()) {
        (true, _) => format!("yes  [{code}]"),
        (false, Some(how)) => format!("yes, after: {how}  [{code}]"),
        (false, None) => format!("no  [{code}]"),
    }
}

fn title(text: &str) {
    println!("\n{text}");
}

fn said(text: &str) {
    println!("  – {text}");
}
