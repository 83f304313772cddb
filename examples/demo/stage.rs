//! What the five portals share: asking, writing, and telling what came of it.

use doorward::portal::{Channel, NewContact, NewStaff, Resource, Tx, Written};
use doorward::{
    Action, Caller, ClientId, ContactId, Decision, Portal, Tenant, WriteError, portal::TenantConfig,
};

use super::Done;

/// A portal on stage, with uma of its staff.
pub(super) struct Stage {
    pub(super) tenant: Tenant,
}

impl Stage {
    pub(super) fn open(
        portal: &Portal,
        id: &str,
        config: impl Into<TenantConfig>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let tenant = portal.create_tenant(id, config)?;
        tenant.write_as_system(|tx| tx.create_staff(NewStaff::new(tenant.staff("uma"))))?;
        Ok(Self { tenant })
    }

    pub(super) fn staff(&self) -> Caller {
        Caller::staff(self.tenant.staff("uma"))
    }

    /// A session that a contact opens now.
    pub(super) fn session(&self, who: &str) -> Result<Caller, Box<dyn std::error::Error>> {
        let contact = self.tenant.contact(who);
        let access = self.tenant.access(&contact).ok_or("no such contact")?;
        Ok(Caller::contact(contact).session(access.epoch, access.credential_version).password())
    }

    pub(super) fn ask(&self, who: &str, caller: &Caller, action: Action, document: &str) {
        let document = self.tenant.document(document);
        self.ask_of(who, caller, action, document.id(), Resource::from(document.clone()));
    }

    pub(super) fn ask_of(
        &self,
        who: &str,
        caller: &Caller,
        action: Action,
        what: &str,
        resource: Resource,
    ) {
        let decision = self.tenant.check(caller, action, resource);
        println!("  {who}: {action} {what}?  {}", answer(&decision));
        println!("      {}", self.tenant.message(&decision));
    }

    /// Everyone whom mail about a document could go to: who gets it, and who just misses it.
    pub(super) fn audience(&self, event: &str, document: &str, contacts: &[&str]) {
        for who in contacts {
            let (contact, document) = (self.tenant.contact(*who), self.tenant.document(document));
            let decision = self.tenant.check_mail(&contact, event, Channel::Email, document);
            println!("  mail {event} to {who}?  {}", answer(&decision));
            println!("      {}", self.tenant.message(&decision));
        }
    }

    /// A write by uma, and what came of it.
    pub(super) fn write<T>(
        &self,
        what: &str,
        commands: impl FnOnce(&mut Tx<'_>) -> Result<T, WriteError>,
    ) -> Option<T> {
        match self.tenant.write(&self.staff(), commands) {
            Ok(Written { value, findings, .. }) => {
                said(&format!("{what}: done"));
                for finding in findings {
                    println!("      to do: {finding}");
                }
                Some(value)
            }
            Err(error) => {
                said(&format!("{what}: refused  [{}]", error.code()));
                println!("      {error}");
                None
            }
        }
    }
}

/// A contact who has chosen a password.
pub(super) fn seat(tx: &mut Tx<'_>, client: &ClientId, who: &str) -> Result<ContactId, WriteError> {
    let new = NewContact::new(tx.tenant().contact(who), client.clone());
    let contact = tx.create_contact(new.email(format!("{who}@mail.example")).login(who))?;
    tx.enable(&contact)?;
    tx.set_password(&contact)?;
    Ok(contact)
}

pub(super) fn answer(decision: &Decision) -> String {
    let code = decision.code().map(|code| code.as_str()).unwrap_or_default();
    match (decision.is_allowed(), decision.step_up()) {
        (true, _) => format!("yes  [{code}]"),
        (false, Some(how)) => format!("yes, after: {how}  [{code}]"),
        (false, None) => format!("no  [{code}]"),
    }
}

pub(super) fn headline(text: &str) {
    println!("\n═══ {text}");
}

pub(super) fn title(text: &str) {
    println!("\n{text}");
}

pub(super) fn said(text: &str) {
    println!("  – {text}");
}

/// Reads as a sentence: the questions that a portal answers.
pub(super) fn buttons(stage: &Stage, caller: &Caller, document: &str) -> Done {
    let buttons: Vec<String> = stage
        .tenant
        .actions(caller, stage.tenant.document(document))
        .into_iter()
        .filter(|(_, decision)| decision.is_allowed())
        .map(|(action, _)| action.to_string())
        .collect();
    println!("  buttons on {document}: {}", buttons.join(", "));
    Ok(())
}
