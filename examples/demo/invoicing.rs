//! A business that invoices: invitations, watchers, personal links, and who is mailed.

use doorward::portal::{Document, Level, Recipients, Settings, State, TenantConfig, Watch};
use doorward::{Action, Caller, Disclosure, Kind, LinkId, Portal, Preset};

use super::Done;
use super::stage::{Stage, buttons, headline, said, seat, title};

const EVERYONE: [&str; 5] = ["dh", "gm", "acc", "temp", "zoe"];

pub(super) fn run(portal: &Portal) -> Done {
    let mut config = TenantConfig::from(Preset::Invoicing);
    config.settings.kinds.entry(Kind::INVOICE).or_default().level = Some(Level::Invited);
    let stage = Stage::open(portal, "studio", config)?;
    let link = set_up(&stage)?;

    headline(
        "Invoicing: a design studio. Client North Shore has a general manager (gm), an accountant",
    );
    println!(
        "    (acc), a department head (dh) and a temp; client South Bay has zoe. Invoices are for"
    );
    println!("    those they were sent to, and for whoever watches them. I1 went to dh.");
    for who in ["dh", "acc", "gm"] {
        stage.ask(who, &stage.session(who)?, Action::View, "I1");
    }
    who_is_mailed(&stage)?;
    a_forwarded_link(&stage, &link)?;
    what_nobody_sees(&stage)?;
    title("Which buttons does dh get?");
    buttons(&stage, &stage.session("dh")?, "I1")
}

/// Two clients with their contacts, and invoice I1, sent to the department head. Returns his link.
fn set_up(stage: &Stage) -> Result<LinkId, Box<dyn std::error::Error>> {
    let tenant = &stage.tenant;
    let written = tenant.write_as_system(|tx| {
        let north = tx.create_client(tenant.client("North Shore"))?;
        let south = tx.create_client(tenant.client("South Bay"))?;
        for (who, client) in
            [("gm", &north), ("acc", &north), ("dh", &north), ("temp", &north), ("zoe", &south)]
        {
            seat(tx, client, who)?;
        }
        let invoice = |id: &str| Document::new(tenant.document(id), Kind::INVOICE);
        let draft = |id: &str| invoice(id).client(north.clone()).state(State::Draft);
        tx.put_document(&draft("I1").amount(420_000, "EUR"))?;
        tx.put_document(&draft("I2"))?;
        let plan = Document::new(tenant.document("P1"), Kind::DOCUMENT).client(north.clone());
        tx.put_document(&plan.visible(false))?;
        tx.put_document(&invoice("S1").client(south.clone()).state(State::Sent))?;
        let to = Recipients::Only(vec![tenant.contact("dh")]);
        tx.send_document(&tenant.document("I1"), to)
    })?;
    let sent = written.value.into_iter().next().ok_or("nothing was sent")?;
    Ok(sent.link)
}

fn who_is_mailed(stage: &Stage) -> Done {
    let tenant = &stage.tenant;
    title(
        "The general manager watches silently, the temp left. Who is mailed, and who just misses it?",
    );
    let (gm, acc, temp) = (tenant.contact("gm"), tenant.contact("acc"), tenant.contact("temp"));
    stage.write("gm watches invoices without mail", |tx| {
        tx.watch_kind(&gm, &Kind::INVOICE, Watch::Silently)
    });
    let invoice = tenant.document("I1");
    stage.write("I1 goes to acc and temp as well", |tx| {
        tx.send_document(&invoice, Recipients::Only(vec![acc.clone(), temp.clone()]))?;
        tx.deny(&acc, "invoice.view")?;
        tx.revoke(&temp)
    });
    stage.audience("invoice.sent", "I1", &EVERYONE);
    Ok(())
}

fn a_forwarded_link(stage: &Stage, link: &LinkId) -> Done {
    title("dh forwards the personal link of the mail to somebody.");
    let bearer = Caller::link(link.clone());
    stage.ask("the bearer", &bearer, Action::View, "I1");
    stage.ask("the bearer", &bearer, Action::View, "P1");
    let protect = Settings { link_password: Some(true), ..Settings::default() };
    stage.write("password protection on", |tx| tx.set_settings(protect));
    stage.ask("the bearer", &bearer, Action::View, "I1");
    said("signed in, acc opens it as herself: the link adds nothing");
    stage.ask("acc", &stage.session("acc")?, Action::View, "I1");
    Ok(())
}

fn what_nobody_sees(stage: &Stage) -> Done {
    title("What dh is told about what he should not see.");
    let dh = stage.session("dh")?;
    for (what, id) in [
        ("a draft", "I2"),
        ("a hidden document", "P1"),
        ("another client's invoice", "S1"),
        ("an invoice that is not there", "I999"),
    ] {
        said(&format!("{what}:"));
        stage.ask("dh", &dh, Action::View, id);
        let told = match stage.tenant.disclosure(&dh, Action::View, stage.tenant.document(id)) {
            Disclosure::Forbidden => "403, with the reason",
            Disclosure::NotFound => "404, like anything that is not there",
        };
        println!("      the contact is shown {told}; logs and staff get the code");
    }
    Ok(())
}
