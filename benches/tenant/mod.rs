//! A tenant on the shipped policies, and questions whose answers its making decides.

use doorward::portal::{Document, NewContact, Resource, State};
use doorward::{Action, Caller, DocumentId, Error, Kind, Portal, Preset, Tenant, Timestamp};

const CLIENT_COUNT: u32 = 1_000;
const DOCUMENT_COUNT: u32 = 150;

/// An accounting practice of 2,500 contacts and 150,000 documents. Of each client's contacts the
/// last has no access; of its documents every fourth is a draft, and the others are visible to
/// every contact of the client.
///
/// All in one write: a write's cost grows with the tenant.
pub fn accountancy() -> Result<Tenant, Error> {
    let now = Timestamp::from_ms(1_795_000_000_000);
    let portal = Portal::builder().clock(move || now).build()?;
    let tenant = portal.create_tenant("practice", Preset::Accounting)?;
    tenant.write_as_system(|tx| {
        for c in 0..CLIENT_COUNT {
            let client = tx.create_client(tenant.client(format!("C{c}")))?;
            for k in 0..contact_count(c) {
                let contact = NewContact::new(tenant.contact(format!("C{c}-{k}")), client.clone())
                    .email(format!("{k}@c{c}.example"));
                let contact = tx.create_contact(contact)?;
                if has_access(c, k) {
                    tx.enable(&contact)?;
                    tx.reset_credential(&contact)?;
                }
            }
            for d in 0..DOCUMENT_COUNT {
                let document = Document::new(document(&tenant, c, d), kind(d))
                    .client(client.clone())
                    .state(if is_draft(d) { State::Draft } else { State::Sent });
                tx.put_document(&document)?;
            }
        }
        Ok(())
    })?;
    Ok(tenant)
}

/// Two or three.
fn contact_count(client: u32) -> u32 {
    2 + client % 2
}

/// A question with its answer.
#[derive(Clone)]
pub struct Question {
    pub caller: Caller,
    pub action: Action,
    pub document: DocumentId,
    pub allowed: bool,
}

/// Two questions for each contact: to view one document and to download another, every fourth of
/// them another client's.
pub fn questions(tenant: &Tenant) -> Vec<Question> {
    let mut questions = Vec::new();
    for c in 0..CLIENT_COUNT {
        for k in 0..contact_count(c) {
            let contact = tenant.contact(format!("C{c}-{k}"));
            let mut caller = Caller::contact(contact.clone()).password();
            if let Some(access) = tenant.access(&contact) {
                caller = caller.session(access.epoch, access.credential_version);
            }
            for (turn, action) in [(0, Action::View), (1, Action::Download)] {
                let d = (c * 7 + k * 3 + turn) % DOCUMENT_COUNT;
                let own = (c + k + turn) % 4 != 0;
                let owner = if own { c } else { (c + 1) % CLIENT_COUNT };
                questions.push(Question {
                    caller: caller.clone(),
                    action,
                    document: document(tenant, owner, d),
                    allowed: own && has_access(c, k) && !is_draft(d),
                });
            }
        }
    }
    questions
}

/// A send-out: a thousand clients of five contacts, each with an invoice that was just sent.
pub struct SendOut {
    pub tenant: Tenant,
    pub invoices: Vec<Resource>,
}

/// Of each client's contacts two are invited to the invoice, one is alerted in the portal alone, one
/// is invited and wants no e-mail, and one has no access any more: by e-mail and in the portal, an
/// invoice reaches four contacts by six ways, and three more are near misses.
pub fn send_out() -> Result<SendOut, Error> {
    let now = Timestamp::from_ms(1_795_000_000_000);
    let portal = Portal::builder().clock(move || now).build()?;
    let tenant = portal.create_tenant("agency", Preset::Invoicing)?;
    let written = tenant.write_as_system(|tx| {
        let mut invoices = Vec::new();
        for c in 0..CLIENT_COUNT {
            let client = tx.create_client(tenant.client(format!("C{c}")))?;
            let invoice = tenant.document(format!("C{c}-I"));
            let new = Document::new(invoice.clone(), Kind::INVOICE).client(client.clone());
            tx.put_document(&new.state(State::Sent).amount(12_000, "EUR"))?;
            for k in 0..5 {
                let contact = NewContact::new(tenant.contact(format!("C{c}-{k}")), client.clone())
                    .email(format!("{k}@c{c}.example"));
                let contact = tx.create_contact(contact)?;
                tx.enable(&contact)?;
                tx.set_mail(&contact, k != 3)?;
                if [0, 1, 3].contains(&k) {
                    tx.invite(&invoice, &contact, None)?;
                }
                if k == 4 {
                    tx.revoke(&contact)?;
                }
            }
            invoices.push(invoice.into());
        }
        Ok(invoices)
    })?;
    Ok(SendOut { tenant, invoices: written.value })
}

fn document(tenant: &Tenant, client: u32, document: u32) -> DocumentId {
    tenant.document(format!("C{client}-D{document}"))
}

fn kind(document: u32) -> Kind {
    if document.is_multiple_of(2) { Kind::INVOICE } else { Kind::PROPOSAL }
}

fn is_draft(document: u32) -> bool {
    document % 4 == 3
}

fn has_access(client: u32, contact: u32) -> bool {
    contact + 1 < contact_count(client)
}
