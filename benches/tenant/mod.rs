//! A tenant on the shipped policies, and questions whose answers its making decides.

use doorward::portal::{Document, NewContact, State};
use doorward::{Action, Caller, DocumentId, Error, Kind, Portal, Preset, Tenant, Timestamp};

const CLIENT_COUNT: u32 = 100;
const CONTACT_COUNT: u32 = 5;
const DOCUMENT_COUNT: u32 = 20;

/// An accounting practice. Of each client's contacts the last has no access; of its documents
/// every fourth is a draft, and the others are visible to every contact of the client.
pub fn accountancy() -> Result<Tenant, Error> {
    let now = Timestamp::from_ms(1_795_000_000_000);
    let portal = Portal::builder().clock(move || now).build()?;
    let tenant = portal.create_tenant("practice", Preset::Accounting)?;
    for c in 0..CLIENT_COUNT {
        tenant.write_as_system(|tx| {
            let client = tx.create_client(tenant.client(format!("C{c}")))?;
            for k in 0..CONTACT_COUNT {
                let contact = NewContact::new(tenant.contact(format!("C{c}-{k}")), client.clone())
                    .email(format!("{k}@c{c}.example"));
                let contact = tx.create_contact(contact)?;
                if has_access(k) {
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
            Ok(())
        })?;
    }
    Ok(tenant)
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
        for k in 0..CONTACT_COUNT {
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
                    allowed: own && has_access(k) && !is_draft(d),
                });
            }
        }
    }
    questions
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

fn has_access(contact: u32) -> bool {
    contact + 1 < CONTACT_COUNT
}
