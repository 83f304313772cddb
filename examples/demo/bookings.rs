//! An events business: primary and secondary contacts of a booking.

use doorward::portal::{Document, KindSettings, Prospect, Relation, Role, Settings, State};
use doorward::{Action, Kind, Portal, Preset};

use super::Done;
use super::stage::{Stage, headline, seat, title};

pub(super) fn run(portal: &Portal) -> Done {
    let stage = Stage::open(portal, "harbour-hall", Preset::Bookings)?;
    let tenant = &stage.tenant;
    tenant.write_as_system(|tx| {
        let client = tx.create_client(tenant.client("Larsen wedding"))?;
        let booking = Document::new(tenant.document("B1"), Kind::BOOKING).client(client.clone());
        tx.put_document(&booking)?;
        let contract = Document::new(tenant.document("K1"), Kind::CONTRACT).client(client.clone());
        tx.put_document(&contract.container(tenant.document("B1")).state(State::Sent))?;
        for (who, role) in [
            ("bride", Role::Primary),
            ("groom", Role::Primary),
            ("planner", Role::Secondary),
            ("florist", Role::Secondary),
            ("band", Role::Secondary),
        ] {
            let contact = seat(tx, &client, who)?;
            tx.relate(tenant.document("B1"), &contact, Relation::new(role))?;
        }
        seat(tx, &client, "uncle").map(drop)
    })?;

    headline(
        "Bookings: a hall for weddings. Booking B1 has two primary and three secondary contacts.",
    );
    title("The planner is a secondary contact: he sees every part of the booking, and acts on it.");
    let planner = stage.session("planner")?;
    stage.ask("planner", &planner, Action::View, "K1");
    stage.ask("planner", &planner, Action::Sign, "K1");
    let client = tenant.client("Larsen wedding");
    let upload = || Prospect::in_container(Kind::FILE, client.clone(), tenant.document("B1"));
    stage.ask_of("planner", &planner, Action::Attach, "a file to B1", upload().into());
    stage.ask("uncle", &stage.session("uncle")?, Action::View, "K1");

    title("Only primary contacts are mailed.");
    stage.audience("payment.reminder", "B1", &["bride", "planner"]);

    title("A switch per contact turns attaching off, and nothing else.");
    let (b1, planner_id) = (tenant.document("B1"), tenant.contact("planner"));
    let without = Relation::new(Role::Secondary).attach(false);
    stage.write("no more uploads of the planner", |tx| tx.set_relation(&b1, &planner_id, without));
    stage.ask_of("planner", &planner, Action::Attach, "a file to B1", upload().into());
    stage.ask("planner", &planner, Action::View, "K1");

    title("Limits hold for everyone, on the final state of a write.");
    let uncle = tenant.contact("uncle");
    stage.write("a fourth secondary contact", |tx| {
        tx.relate(&b1, &uncle, Relation::new(Role::Secondary))
    });
    stage.write("the groom and the planner swap roles", |tx| {
        tx.set_relation(&b1, &planner_id, Relation::new(Role::Primary))?;
        tx.set_relation(&b1, &tenant.contact("groom"), Relation::new(Role::Secondary))
    });
    let two = KindSettings { secondaries_max: Some(2), ..KindSettings::default() };
    let lower = Settings { kinds: [(Kind::BOOKING, two)].into(), ..Settings::default() };
    stage.write("from now on, two secondary contacts", |tx| tx.set_settings(lower));
    Ok(())
}
