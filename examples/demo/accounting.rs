//! An accounting practice: access switched on and off, contact by contact.

use doorward::portal::{AccessState, ContactSearch, Document, State};
use doorward::{Action, Kind, Portal, Preset};

use super::Done;
use super::stage::{Stage, headline, said, seat, title};

pub(super) fn run(portal: &Portal) -> Done {
    let stage = Stage::open(portal, "ledger-lane", Preset::Accounting)?;
    let tenant = &stage.tenant;
    tenant.write_as_system(|tx| {
        let client = tx.create_client(tenant.client("Garage"))?;
        seat(tx, &client, "kim")?;
        let new = |id: &str, kind| Document::new(tenant.document(id), kind).client(client.clone());
        tx.put_document(&new("R1", Kind::DOCUMENT_REQUEST))?;
        tx.put_document(&new("V1", Kind::INVOICE).state(State::Sent))?;
        tx.put_document(&new("D1", Kind::DOCUMENT).visible(false))
    })?;

    headline("Accounting: kim of the client Garage answers requests and sees invoices.");
    let session = stage.session("kim")?;
    stage.ask("kim", &session, Action::Complete, "R1");
    stage.ask("kim", &session, Action::Pay, "V1");
    stage.ask("kim", &session, Action::View, "D1");

    title("Access is revoked, and given again.");
    let kim = tenant.contact("kim");
    stage.write("uma revokes kim's access", |tx| tx.revoke(&kim));
    said("the very next check, in the session that was open:");
    stage.ask("kim", &session, Action::View, "V1");
    stage.write("uma enables kim again", |tx| tx.enable(&kim));
    stage.write("uma issues a credential", |tx| tx.reset_credential(&kim));
    stage.ask("kim, old session", &session, Action::View, "V1");
    stage.ask("kim, new session", &stage.session("kim")?, Action::View, "V1");

    title("Who has access?");
    let enabled =
        tenant.contacts(&stage.staff(), &ContactSearch::all().state(AccessState::Enabled))?;
    println!("  {}", enabled.iter().map(|contact| contact.id()).collect::<Vec<_>>().join(", "));
    Ok(())
}
