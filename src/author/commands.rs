//! The commands of write steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{ArchivedFixture, DocumentFixture, WatchFixture, debug_in_part};
use super::stage::PortalStage;
use crate::facts::Timestamp;
use crate::portal::{
    Archive, ContactEdit, ContactId, Kind, NewContact, Recipients, Settings, State, Tx, Watch,
    WriteError,
};

/// A command of a write step, named as the method of the library.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Switches a contact's access on.
    Enable(String),
    /// Switches a contact's access off, as staff.
    Revoke(String),
    /// Switches a contact's access off, as client admin.
    Disable(String),
    /// Deletes a contact.
    DeleteContact(String),
    /// Issues a new credential.
    ResetCredential(String),
    /// Issues a new credential that has to be changed first.
    ForcePasswordChange(String),
    /// Records that a contact chose a password.
    SetPassword(String),
    /// Adds a contact.
    CreateContact(NewContactSpec),
    /// Changes a contact's details.
    EditContact(EditContactSpec),
    /// Replaces a contact's permission sets: `{contact: [set]}`.
    SetPermissionSets(BTreeMap<String, Vec<String>>),
    /// Defines permission sets: `{set: [permission]}`.
    DefinePermissionSet(BTreeMap<String, Vec<String>>),
    /// Removes a permission set.
    RemovePermissionSet(String),
    /// Gives a contact a permission: `{contact: permission}`.
    Grant(BTreeMap<String, String>),
    /// Takes a permission from a contact: `{contact: permission}`.
    Deny(BTreeMap<String, String>),
    /// Denies contacts a document, or lifts that: `{contact: document}`.
    DenyDocument(BTreeMap<String, String>),
    /// Switches a contact's mail on or off: `{contact: true}`.
    SetMail(BTreeMap<String, bool>),
    /// Lets a contact attach files, or not: `{contact: true}`.
    SetUploads(BTreeMap<String, bool>),
    /// Lets a contact watch a kind.
    WatchKind(WatchKindSpec),
    /// Lets contacts take part in documents: `{document: contact}`.
    SetInvolved(BTreeMap<String, String>),
    /// Creates or replaces documents: `{document: {kind: …, client: …}}`.
    PutDocument(BTreeMap<String, DocumentFixture>),
    /// Changes the state of documents: `{document: paid}`.
    SetState(BTreeMap<String, State>),
    /// Shows or hides documents: `{document: false}`.
    SetVisible(BTreeMap<String, bool>),
    /// Removes a document.
    RemoveDocument(String),
    /// Sends documents to contacts; an empty list is the default recipients: `{document: [contact]}`.
    SendDocument(BTreeMap<String, Vec<String>>),
    /// Takes a recipient off a document: `{document: contact}`.
    WithdrawInvitation(BTreeMap<String, String>),
    /// Makes links by which contacts set a first password: `{link: contact}`.
    CreateActivationLink(BTreeMap<String, String>),
    /// Withdraws a link.
    RevokeLink(String),
    /// Records that a link was used up.
    UseLink(String),
    /// Changes settings of the tenant.
    SetSettings(Box<Settings>),
    /// Changes settings of clients: `{client: {…}}`.
    SetClientSettings(BTreeMap<String, Settings>),
    /// Archives a client, or takes it out of the archive: `{client: read_only}`.
    SetArchived(BTreeMap<String, ArchivedFixture>),
    /// Adds a client.
    CreateClient(String),
}

/// A contact to add.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContactSpec {
    /// The id.
    pub id: String,
    /// The client.
    pub client: String,
    /// The e-mail. Default: none.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether it is the client's main contact.
    #[serde(default)]
    pub main: bool,
    /// Permission sets. Default: the tenant's for new contacts.
    #[serde(default)]
    pub sets: Option<Vec<String>>,
}

/// Details of a contact to change.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditContactSpec {
    /// The contact.
    pub contact: String,
    /// The new name.
    #[serde(default)]
    pub name: Option<String>,
    /// The new e-mail; empty for none.
    #[serde(default)]
    pub email: Option<String>,
}

/// A kind to watch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchKindSpec {
    /// The contact who watches.
    pub contact: String,
    /// The kind.
    pub kind: Kind,
    /// How.
    pub how: WatchFixture,
}

debug_in_part! {
    NewContactSpec { id, client, main }
    EditContactSpec { contact }
}

impl From<WatchFixture> for Watch {
    fn from(watch: WatchFixture) -> Self {
        match watch {
            WatchFixture::No => Self::No,
            WatchFixture::Silently => Self::Silently,
            WatchFixture::WithMail => Self::WithMail,
        }
    }
}

impl From<ArchivedFixture> for Archive {
    fn from(archived: ArchivedFixture) -> Self {
        match archived {
            ArchivedFixture::No => Self::No,
            ArchivedFixture::ReadOnly => Self::ReadOnly,
            ArchivedFixture::Closed => Self::Closed,
        }
    }
}

/// Does something for each entry of a map.
fn each<K, V>(
    entries: &BTreeMap<K, V>,
    mut run: impl FnMut(&K, &V) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    entries.iter().try_for_each(|(key, value)| run(key, value))
}

impl Command {
    /// Its name in scenario files.
    pub(super) fn name(&self) -> String {
        let shown = format!("{self:?}");
        let variant = shown.split('(').next().unwrap_or_default();
        let mut name = String::new();
        for letter in variant.chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// Runs the command. Names are taken as ids: whether they are there is the write's to say.
    pub(super) fn run(&self, tx: &mut Tx<'_>, stage: &PortalStage) -> Result<(), WriteError> {
        let tenant = tx.tenant();
        let contact = |name: &str| -> ContactId { stage.contact_id(name) };
        match self {
            Self::Enable(name) => tx.enable(&contact(name)),
            Self::Revoke(name) => tx.revoke(&contact(name)),
            Self::Disable(name) => tx.disable(&contact(name)),
            Self::DeleteContact(name) => tx.delete_contact(&contact(name)),
            Self::ResetCredential(name) => tx.reset_credential(&contact(name)).map(drop),
            Self::ForcePasswordChange(name) => tx.force_password_change(&contact(name)).map(drop),
            Self::SetPassword(name) => tx.set_password(&contact(name)).map(drop),
            Self::CreateContact(spec) => {
                let mut new = NewContact::new(contact(&spec.id), tenant.client(&*spec.client));
                if let Some(email) = &spec.email {
                    new = new.email(email);
                }
                if let Some(sets) = &spec.sets {
                    new = new.sets(sets.iter().map(String::as_str));
                }
                tx.create_contact(if spec.main { new.main() } else { new }).map(drop)
            }
            Self::EditContact(spec) => {
                let mut edit = ContactEdit::default();
                if let Some(name) = &spec.name {
                    edit = edit.name(name);
                }
                if let Some(email) = &spec.email {
                    edit = edit.email(email);
                }
                tx.edit_contact(&contact(&spec.contact), &edit)
            }
            Self::SetPermissionSets(sets) => {
                each(sets, |name, sets| tx.set_permission_sets(&contact(name), sets.clone()))
            }
            Self::DefinePermissionSet(sets) => {
                each(sets, |set, held| tx.define_permission_set(set, held.clone()))
            }
            Self::RemovePermissionSet(set) => tx.remove_permission_set(set),
            Self::Grant(grants) => each(grants, |name, held| tx.grant(&contact(name), held)),
            Self::Deny(denials) => each(denials, |name, held| tx.deny(&contact(name), held)),
            Self::DenyDocument(denials) => each(denials, |name, document| {
                tx.deny_document(&contact(name), &tenant.document(&**document), true)
            }),
            Self::SetMail(flags) => each(flags, |name, on| tx.set_mail(&contact(name), *on)),
            Self::SetUploads(flags) => each(flags, |name, on| tx.set_uploads(&contact(name), *on)),
            Self::WatchKind(spec) => {
                tx.watch_kind(&contact(&spec.contact), &spec.kind, spec.how.into())
            }
            Self::SetInvolved(involved) => each(involved, |id, name| {
                tx.set_involved(tenant.document(&**id), &contact(name), true)
            }),
            Self::PutDocument(documents) => {
                each(documents, |id, spec| tx.put_document(&spec.document(tenant, id, None)))
            }
            Self::SetState(states) => {
                each(states, |id, state| tx.set_state(&tenant.document(&**id), *state))
            }
            Self::SetVisible(flags) => {
                each(flags, |id, on| tx.set_visible(&tenant.document(&**id), *on))
            }
            Self::RemoveDocument(id) => tx.remove_document(&tenant.document(&**id)),
            Self::SendDocument(sent) => each(sent, |id, recipients| {
                let recipients = match recipients.as_slice() {
                    [] => Recipients::Default,
                    names => Recipients::Only(names.iter().map(|name| contact(name)).collect()),
                };
                tx.send_document(&tenant.document(&**id), recipients).map(drop)
            }),
            Self::WithdrawInvitation(withdrawn) => each(withdrawn, |id, name| {
                tx.withdraw_invitation(tenant.document(&**id), &contact(name))
            }),
            Self::CreateActivationLink(links) => each(links, |link, name| {
                let none: Option<Timestamp> = None;
                tx.create_activation_link(tenant.link(&**link), &contact(name), none).map(drop)
            }),
            Self::RevokeLink(link) => tx.revoke_link(&tenant.link(&**link)),
            Self::UseLink(link) => tx.use_link(&tenant.link(&**link)),
            Self::SetSettings(settings) => tx.set_settings((**settings).clone()),
            Self::SetClientSettings(clients) => each(clients, |client, settings| {
                tx.set_client_settings(&tenant.client(&**client), settings.clone())
            }),
            Self::SetArchived(clients) => each(clients, |client, archived| {
                tx.set_archived(&tenant.client(&**client), (*archived).into())
            }),
            Self::CreateClient(client) => tx.create_client(tenant.client(&**client)).map(drop),
        }
    }
}
