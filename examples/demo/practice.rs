//! A practice: modules by client, a second factor.

use doorward::portal::{Document, KindSettings, Settings, State};
use doorward::{Action, Kind, Portal, Preset, Timestamp};

use super::Done;
use super::stage::{Stage, headline, said, seat, title};

pub(super) fn run(portal: &Portal) -> Done {
    let stage = Stage::open(portal, "brook-street", Preset::Practice)?;
    let tenant = &stage.tenant;
    tenant.write_as_system(|tx| {
        for (client, who, invoice) in [("Mill", "fin", "I1"), ("Quarry", "ada", "I2")] {
            let client = tx.create_client(tenant.client(client))?;
            let contact = seat(tx, &client, who)?;
            tx.set_permission_sets(&contact, ["finance", "downloads"])?;
            let new = Document::new(tenant.document(invoice), Kind::INVOICE).client(client.clone());
            tx.put_document(&new.state(State::Sent).amount(80_000, "EUR"))?;
        }
        Ok(())
    })?;

    headline("Practice: fin of the client Mill and ada of the client Quarry may see invoices.");
    title(
        "The module invoices is switched off for Mill: permissions, links and shares go nowhere.",
    );
    let off = KindSettings { module: Some(false), ..KindSettings::default() };
    let choice = Settings { kinds: [(Kind::INVOICE, off)].into(), ..Settings::default() };
    stage
        .write("no invoices for Mill", |tx| tx.set_client_settings(&tenant.client("Mill"), choice));
    stage.ask("fin", &stage.session("fin")?, Action::View, "I1");
    stage.ask("ada", &stage.session("ada")?, Action::View, "I2");
    title("Nor does anybody hear of them by mail.");
    stage.audience("invoice.sent", "I1", &["fin"]);

    title("Paying needs a second factor that is no older than ten minutes.");
    let step_up = Settings {
        mfa_for: Some([Action::Pay].into()),
        mfa_max_age_ms: Some(10 * 60 * 1000),
        ..Settings::default()
    };
    stage.write("2FA for payments", |tx| tx.set_settings(step_up));
    let ada = stage.session("ada")?;
    stage.ask("ada", &ada, Action::View, "I2");
    stage.ask("ada", &ada, Action::Pay, "I2");
    let now = Timestamp::now();
    said("ada confirmed with her second factor an hour ago; then again, now");
    stage.ask("ada", &ada.clone().mfa_at(now.plus_ms(-3_600_000)), Action::Pay, "I2");
    stage.ask("ada", &ada.clone().mfa_at(now), Action::Pay, "I2");
    said("nobody is asked to confirm for what he may not see anyway");
    stage.ask("ada", &ada, Action::Pay, "I1");
    Ok(())
}
