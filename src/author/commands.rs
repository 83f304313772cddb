//! The commands of write steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{
    ArchivedFixture, DocumentFixture, RelationFixture, ShareFixture, StaffFixture, WatchFixture,
    debug_in_part,
};
use super::stage::PortalStage;
use crate::facts::Timestamp;
use crate::portal::{
    Action, Archive, ClientId, ContactEdit, ContactId, Kind, KindDeclaration, Limit, NewContact,
    NewShare, NewStaff, Recipients, Relation, Role, Settings, State, Tenant, Tx, Watch, WriteError,
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
    /// Has a contact change his password.
    RequirePasswordChange(String),
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
    /// Leaves a permission to a contact's sets again: `{contact: permission}`.
    UnsetPermission(BTreeMap<String, String>),
    /// Denies contacts a document, or lifts that: `{contact: document}`.
    DenyDocument(BTreeMap<String, String>),
    /// Switches a contact's mail on or off: `{contact: true}`.
    SetMail(BTreeMap<String, bool>),
    /// Lets a contact attach files, or not: `{contact: true}`.
    SetUploads(BTreeMap<String, bool>),
    /// Makes contacts admins of their clients, or not: `{contact: true}`.
    SetAdmin(BTreeMap<String, bool>),
    /// Lets contacts decide where only approvers do, or not: `{contact: true}`.
    SetApprover(BTreeMap<String, bool>),
    /// Lets contacts sign where only signatories do, or not: `{contact: true}`.
    SetSignatory(BTreeMap<String, bool>),
    /// Makes a contact the main one of its client.
    SetMain(String),
    /// Sets the approval limits of contacts: `{contact: {amount: 500000, currency: EUR}}`.
    SetLimit(BTreeMap<String, Option<Limit>>),
    /// Replaces the alert sets of contacts: `{contact: [set]}`.
    SetAlertSets(BTreeMap<String, Vec<String>>),
    /// Chooses the kinds that are sent to contacts by default: `{contact: [kind]}`.
    SetRecipientOf(BTreeMap<String, Vec<Kind>>),
    /// Lets a contact watch a kind.
    WatchKind(WatchKindSpec),
    /// Lets a contact watch documents: `{document: {contact: silently}}`.
    WatchDocument(BTreeMap<String, BTreeMap<String, WatchFixture>>),
    /// Gives contacts a part in documents: `{document: {contact: role}}`.
    Relate(BTreeMap<String, BTreeMap<String, RelationFixture>>),
    /// Changes the parts of contacts in documents: `{document: {contact: role}}`.
    SetRelation(BTreeMap<String, BTreeMap<String, RelationFixture>>),
    /// Ends the part of contacts in documents: `{document: contact}`.
    Unrelate(BTreeMap<String, String>),
    /// Gives documents to contacts.
    Share(BTreeMap<String, ShareFixture>),
    /// Withdraws a share.
    RevokeShare(String),
    /// Counts a use of shares: `{share: action}`.
    UseShare(BTreeMap<String, Action>),
    /// Names the contacts who have to sign documents: `{document: [contact]}`.
    SetSigners(BTreeMap<String, Vec<String>>),
    /// Records that contacts signed: `{document: contact}`.
    Sign(BTreeMap<String, String>),
    /// Records that contacts approved: `{document: contact}`.
    Approve(BTreeMap<String, String>),
    /// Completes a document.
    Complete(String),
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
    /// Records recipients of documents: `{document: contact}`.
    Invite(BTreeMap<String, String>),
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
    /// Puts clients below others, or below none: `{client: parent}`.
    SetClientParent(BTreeMap<String, Option<String>>),
    /// Erases an archived client.
    EraseClient(String),
    /// Registers a contact as a client of its own.
    Register(NewContactSpec),
    /// Declares kinds: `{kind: {owner: client, actions: [view]}}`.
    DeclareKind(BTreeMap<Kind, KindDeclaration>),
    /// Defines alert sets: `{set: ["event:channel"]}`.
    DefineAlertSet(BTreeMap<String, Vec<String>>),
    /// Changes settings of client groups: `{group: {…}}`.
    SetGroupSettings(BTreeMap<String, Settings>),
    /// Puts clients into groups, or into none: `{client: group}`.
    SetClientGroup(BTreeMap<String, Option<String>>),
    /// Adds staff: `{id: {…}}`.
    CreateStaff(BTreeMap<String, StaffFixture>),
    /// Lets staff work, or not: `{staff: false}`.
    SetStaffActive(BTreeMap<String, bool>),
    /// Replaces the permission sets of staff: `{staff: [set]}`.
    SetStaffSets(BTreeMap<String, Vec<String>>),
    /// Assigns clients to staff, or all: `{staff: [client]}`.
    SetStaffClients(BTreeMap<String, Option<Vec<String>>>),
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
    /// The name for logging in. Default: none.
    #[serde(default)]
    pub login: Option<String>,
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
    /// The new name for logging in; empty for none.
    #[serde(default)]
    pub login: Option<String>,
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

impl NewContactSpec {
    fn contact(&self, stage: &PortalStage, tenant: &Tenant) -> NewContact {
        let mut new = NewContact::new(stage.contact_id(&self.id), tenant.client(&*self.client));
        if let Some(email) = &self.email {
            new = new.email(email);
        }
        if let Some(login) = &self.login {
            new = new.login(login);
        }
        if let Some(sets) = &self.sets {
            new = new.sets(sets.iter().map(String::as_str));
        }
        if self.main { new.main() } else { new }
    }
}

impl RelationFixture {
    pub(super) fn relation(&self) -> Result<Relation, WriteError> {
        Ok(match self {
            Self::Name(role) => Relation::new(role.parse::<Role>()?),
            Self::Relation(spec) => Relation::new(spec.role)
                .attach(spec.attach.unwrap_or(true))
                .mail(spec.mail.unwrap_or(true)),
        })
    }
}

impl ShareFixture {
    fn give(&self, tx: &mut Tx<'_>, stage: &PortalStage, id: &str) -> Result<(), WriteError> {
        self.put(tx, stage.contact_id(&self.contact), id)
    }

    pub(super) fn put(
        &self,
        tx: &mut Tx<'_>,
        contact: ContactId,
        id: &str,
    ) -> Result<(), WriteError> {
        let tenant = tx.tenant();
        let mut new = NewShare::new(contact, self.actions.iter().copied());
        if let Some(from) = &self.from {
            new = new.from(from.parse()?);
        }
        if let Some(until) = &self.until {
            new = new.until(until.parse()?);
        }
        if let Some(uses) = self.uses {
            new = new.uses(uses);
        }
        if let Some(parent) = &self.made_from {
            new = new.made_from(tenant.share(&**parent));
        }
        if let Some(link) = &self.link {
            new = new.by_link(tenant.link(&**link));
        }
        let share = tx.share(tenant.share(id), tenant.document(&*self.document), new)?;
        if self.revoked { tx.revoke_share(&share) } else { Ok(()) }
    }
}

impl StaffFixture {
    pub(super) fn create(&self, tx: &mut Tx<'_>, id: &str) -> Result<(), WriteError> {
        let tenant = tx.tenant();
        let mut new = NewStaff::new(tenant.staff(id));
        if let Some(email) = &self.email {
            new = new.email(email);
        }
        if let Some(sets) = &self.sets {
            new = new.sets(sets.iter().map(String::as_str));
        }
        if let Some(clients) = &self.clients {
            new = new.only_clients(clients.iter().map(|client| tenant.client(&**client)));
        }
        let staff = tx.create_staff(new)?;
        if self.inactive { tx.set_staff_active(&staff, false) } else { Ok(()) }
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
            Self::RequirePasswordChange(name) => tx.require_password_change(&contact(name)),
            Self::SetPassword(name) => tx.set_password(&contact(name)).map(drop),
            Self::CreateContact(spec) => tx.create_contact(spec.contact(stage, tenant)).map(drop),
            Self::EditContact(spec) => {
                let mut edit = ContactEdit::default();
                if let Some(name) = &spec.name {
                    edit = edit.name(name);
                }
                if let Some(email) = &spec.email {
                    edit = edit.email(email);
                }
                if let Some(login) = &spec.login {
                    edit = edit.login(login);
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
            Self::UnsetPermission(names) => {
                each(names, |name, held| tx.unset_permission(&contact(name), held))
            }
            Self::DenyDocument(denials) => each(denials, |name, document| {
                tx.deny_document(&contact(name), &tenant.document(&**document), true)
            }),
            Self::SetMail(flags) => each(flags, |name, on| tx.set_mail(&contact(name), *on)),
            Self::SetUploads(flags) => each(flags, |name, on| tx.set_uploads(&contact(name), *on)),
            Self::SetAdmin(flags) => each(flags, |name, on| tx.set_admin(&contact(name), *on)),
            Self::SetApprover(flags) => {
                each(flags, |name, on| tx.set_approver(&contact(name), *on))
            }
            Self::SetSignatory(flags) => {
                each(flags, |name, on| tx.set_signatory(&contact(name), *on))
            }
            Self::SetMain(name) => tx.set_main(&contact(name)),
            Self::SetLimit(limits) => {
                each(limits, |name, limit| tx.set_limit(&contact(name), limit.as_ref()))
            }
            Self::SetAlertSets(sets) => {
                each(sets, |name, sets| tx.set_alert_sets(&contact(name), sets.clone()))
            }
            Self::SetRecipientOf(kinds) => {
                each(kinds, |name, kinds| tx.set_recipient_of(&contact(name), kinds.clone()))
            }
            Self::WatchKind(spec) => {
                tx.watch_kind(&contact(&spec.contact), &spec.kind, spec.how.into())
            }
            Self::WatchDocument(documents) => each(documents, |id, watchers| {
                each(watchers, |name, how| {
                    tx.watch_document(&contact(name), &tenant.document(&**id), (*how).into())
                })
            }),
            Self::Relate(documents) => each(documents, |id, related| {
                each(related, |name, relation| {
                    tx.relate(tenant.document(&**id), &contact(name), relation.relation()?)
                })
            }),
            Self::SetRelation(documents) => each(documents, |id, related| {
                each(related, |name, relation| {
                    tx.set_relation(tenant.document(&**id), &contact(name), relation.relation()?)
                })
            }),
            Self::Unrelate(documents) => {
                each(documents, |id, name| tx.unrelate(tenant.document(&**id), &contact(name)))
            }
            Self::Share(shares) => each(shares, |id, share| share.give(tx, stage, id)),
            Self::RevokeShare(share) => tx.revoke_share(&tenant.share(&**share)),
            Self::UseShare(uses) => {
                each(uses, |share, action| tx.use_share(&tenant.share(&**share), *action))
            }
            Self::SetSigners(documents) => each(documents, |id, names| {
                let signers: Vec<ContactId> = names.iter().map(|name| contact(name)).collect();
                tx.set_signers(&tenant.document(&**id), &signers)
            }),
            Self::Sign(documents) => each(documents, |id, name| {
                tx.sign(&tenant.document(&**id), &contact(name)).map(drop)
            }),
            Self::Approve(documents) => each(documents, |id, name| {
                tx.approve(&tenant.document(&**id), &contact(name)).map(drop)
            }),
            Self::Complete(id) => tx.complete(&tenant.document(&**id)),
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
            Self::Invite(invited) => {
                each(invited, |id, name| tx.invite(tenant.document(&**id), &contact(name), None))
            }
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
            Self::SetClientParent(parents) => each(parents, |client, parent| {
                let parent = parent.as_ref().map(|parent| tenant.client(&**parent));
                tx.set_client_parent(&tenant.client(&**client), parent.as_ref())
            }),
            Self::EraseClient(client) => tx.erase_client(&tenant.client(&**client)),
            Self::Register(spec) => tx.register(spec.contact(stage, tenant)).map(drop),
            Self::DeclareKind(kinds) => {
                each(kinds, |kind, declaration| tx.declare_kind(kind, declaration))
            }
            Self::DefineAlertSet(sets) => {
                each(sets, |set, alerts| tx.define_alert_set(set, alerts.clone()))
            }
            Self::SetGroupSettings(groups) => each(groups, |group, settings| {
                tx.set_group_settings(&tenant.client_group(&**group), settings.clone())
            }),
            Self::SetClientGroup(clients) => each(clients, |client, group| {
                let group = group.as_ref().map(|group| tenant.client_group(&**group));
                tx.set_client_group(&tenant.client(&**client), group.as_ref())
            }),
            Self::CreateStaff(staff) => each(staff, |id, staff| staff.create(tx, id)),
            Self::SetStaffActive(flags) => {
                each(flags, |id, active| tx.set_staff_active(&tenant.staff(&**id), *active))
            }
            Self::SetStaffSets(sets) => {
                each(sets, |id, sets| tx.set_staff_sets(&tenant.staff(&**id), sets.clone()))
            }
            Self::SetStaffClients(staff) => each(staff, |id, clients| {
                let clients: Option<Vec<ClientId>> = clients
                    .as_ref()
                    .map(|clients| clients.iter().map(|id| tenant.client(&**id)).collect());
                tx.set_staff_clients(&tenant.staff(&**id), clients.as_deref())
            }),
        }
    }
}
