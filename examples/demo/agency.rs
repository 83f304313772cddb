//! An agency: nothing is allowed until permissions are chosen.

use doorward::portal::{Document, Relation, Role};
use doorward::{Action, Kind, Portal, Preset};

use super::Done;
use super::stage::{Stage, headline, said, seat, title};

pub(super) fn run(portal: &Portal) -> Done {
    let stage = Stage::open(portal, "pixel-works", Preset::Agency)?;
    let tenant = &stage.tenant;
    tenant.write_as_system(|tx| {
        let client = tx.create_client(tenant.client("Bakery"))?;
        let nell = seat(tx, &client, "nell")?;
        for job in ["J1", "J2"] {
            let new = Document::new(tenant.document(job), Kind::JOB).client(client.clone());
            tx.put_document(&new)?;
            let file = Document::new(tenant.document(format!("F of {job}")), Kind::FILE);
            tx.put_document(&file.client(client.clone()).container(tenant.document(job)))?;
        }
        tx.relate(tenant.document("J1"), &nell, Relation::new(Role::JobContact))
    })?;

    headline("Agency: nell is the contact of job J1, and of no other.");
    title("Nothing is allowed until permissions are chosen.");
    let nell = stage.session("nell")?;
    let nell_id = tenant.contact("nell");
    stage.ask("nell", &nell, Action::View, "J1");
    stage.ask("nell", &nell, Action::View, "F of J1");
    stage.write("uma chooses the sets jobs and files for nell", |tx| {
        tx.set_permission_sets(&nell_id, ["jobs", "files"])
    });
    stage.ask("nell", &nell, Action::View, "J1");
    stage.ask("nell", &nell, Action::View, "F of J1");
    stage.ask("nell", &nell, Action::View, "F of J2");

    title("An edit of a set reaches all its holders at once.");
    stage.write("the set files holds nothing but attaching", |tx| {
        tx.define_permission_set("files", ["file.attach"])
    });
    stage.ask("nell", &nell, Action::View, "F of J1");

    title("A credential that staff issue has to be changed first.");
    stage.write("uma issues a credential as it is", |tx| tx.reset_credential(&nell_id));
    stage.write("uma issues one that has to be changed", |tx| tx.force_password_change(&nell_id));
    said("nell signs in with it");
    stage.ask("nell", &stage.session("nell")?, Action::View, "J1");
    Ok(())
}
