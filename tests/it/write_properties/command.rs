//! Random commands.

use doorward::portal::{
    Archive, ContactEdit, Document, Limit, NewContact, NewShare, NewStaff, Relation, Role,
    Settings, State, Tx, Watch,
};
use doorward::{Action, Kind, WriteError};

use super::now;
use crate::tape::Tape;

type Name = &'static str;

pub(super) const CLIENTS: &[Name] = &["C1", "C2", "C3", "N"];
pub(super) const CONTACTS: &[Name] = &["adm", "b", "c", "d", "e", "n", "o"];
pub(super) const LINKS: &[Name] = &["l0", "l1", "l2"];
const DOCUMENTS: &[Name] = &["B", "I", "E", "K", "F", "X"];
const SHARES: &[Name] = &["s0", "s1", "s2", "s3"];
const SETS: &[Name] = &["contact", "lead", "clerk"];
const EMAILS: &[Name] = &["b@p.example", " N@P.example", "o@p.example", "uma@biz.example", ""];
const LOGINS: &[Name] = &["b", "n", "O ", ""];
const PERMISSIONS: &[Name] = &["invoice.view", "ticket.view", "estimate.accept", "document.share"];
const KINDS: &[Kind] =
    &[Kind::INVOICE, Kind::BOOKING, Kind::FILE, Kind::TICKET, Kind::ANNOUNCEMENT];
const SHARED: &[Action] = &[Action::View, Action::Download, Action::Pay];

#[derive(Debug, Clone)]
pub(super) enum Command {
    Enable(Name),
    Revoke(Name),
    Disable(Name),
    Delete(Name),
    Reset(Name),
    SetPassword(Name),
    Activation {
        link: Name,
        contact: Name,
    },
    Magic {
        link: Name,
        contact: Name,
    },
    RevokeLink(Name),
    UseLink(Name),
    Personal {
        link: Name,
        contact: Name,
        document: Name,
    },
    Create {
        contact: Name,
        client: Name,
        email: Name,
        login: Name,
        main: bool,
        sets: Option<Name>,
    },
    Register {
        contact: Name,
        client: Name,
        email: Name,
    },
    Edit {
        contact: Name,
        email: Option<Name>,
        login: Option<Name>,
    },
    Main(Name),
    Sets {
        contact: Name,
        sets: Vec<Name>,
    },
    RemoveSet(Name),
    Grant {
        contact: Name,
        permission: Name,
    },
    Deny {
        contact: Name,
        permission: Name,
    },
    DenyDocument {
        contact: Name,
        document: Name,
    },
    Flag {
        contact: Name,
        flag: usize,
        on: bool,
    },
    SetLimit(Name),
    Watch {
        contact: Name,
        document: Name,
        watch: Watch,
    },
    WatchKind {
        contact: Name,
        watch: Watch,
    },
    Put {
        document: Name,
        kind: Kind,
        client: Option<Name>,
        parent: Option<Name>,
        container: Option<Name>,
        draft: bool,
    },
    SetState {
        document: Name,
        state: State,
    },
    Visible(Name),
    Remove(Name),
    Invite {
        document: Name,
        contact: Name,
        link: Option<Name>,
    },
    Withdraw {
        document: Name,
        contact: Name,
    },
    Relate {
        document: Name,
        contact: Name,
        relation: Relation,
    },
    SetRelation {
        document: Name,
        contact: Name,
        relation: Relation,
    },
    Unrelate {
        document: Name,
        contact: Name,
    },
    Share {
        share: Name,
        document: Name,
        contact: Name,
        actions: Vec<Action>,
        parent: Option<Name>,
        until: Option<i64>,
        uses: Option<u32>,
        link: Option<Name>,
    },
    RevokeShare(Name),
    UseShare(Name),
    Signers {
        document: Name,
        contact: Name,
    },
    Sign {
        document: Name,
        contact: Name,
    },
    Approve {
        document: Name,
        contact: Name,
    },
    Complete(Name),
    Limits {
        primaries: u32,
        secondaries: u32,
    },
    MinRecipients(u32),
    Parent {
        client: Name,
        parent: Option<Name>,
    },
    CreateClient(Name),
    Archive {
        client: Name,
        archive: Archive,
    },
    Erase(Name),
    Staff {
        staff: Name,
        email: Name,
    },
    StaffActive(bool),
}

fn maybe<T>(tape: &mut Tape, percent: usize, some: impl FnOnce(&mut Tape) -> T) -> Option<T> {
    if tape.chance(percent) { Some(some(tape)) } else { None }
}

pub(super) fn random(tape: &mut Tape) -> Command {
    let contact = tape.word(CONTACTS);
    let document = tape.word(DOCUMENTS);
    let link = tape.word(LINKS);
    let relation = |tape: &mut Tape| {
        let role = *tape.pick(&[Role::Primary, Role::Secondary, Role::Participant, Role::Assignee]);
        Relation::new(role).attach(!tape.chance(20)).mail(!tape.chance(20))
    };
    let watch = |tape: &mut Tape| *tape.pick(&[Watch::No, Watch::Silently, Watch::WithMail]);
    match tape.below(60) {
        0 | 48 => Command::Enable(contact),
        1 | 49 => Command::Revoke(contact),
        2 => Command::Disable(contact),
        3 => Command::Delete(contact),
        4 => Command::Reset(contact),
        5 => Command::SetPassword(contact),
        6 => Command::Activation { link, contact },
        7 => Command::Magic { link, contact },
        8 => Command::RevokeLink(link),
        9 => Command::UseLink(link),
        10 => Command::Personal { link, contact, document },
        11 | 50 => Command::Create {
            contact,
            client: tape.word(CLIENTS),
            email: tape.word(EMAILS),
            login: tape.word(LOGINS),
            main: tape.chance(30),
            sets: maybe(tape, 50, |tape| tape.word(SETS)),
        },
        12 => Command::Register { contact, client: tape.word(CLIENTS), email: tape.word(EMAILS) },
        13 | 51 => Command::Edit {
            contact,
            email: maybe(tape, 60, |tape| tape.word(EMAILS)),
            login: maybe(tape, 60, |tape| tape.word(LOGINS)),
        },
        14 => Command::Main(contact),
        15 | 52 => Command::Sets {
            contact,
            sets: SETS.iter().copied().filter(|_| tape.chance(50)).collect(),
        },
        16 => Command::RemoveSet(tape.word(SETS)),
        17 | 53 => Command::Grant { contact, permission: tape.word(PERMISSIONS) },
        18 => Command::Deny { contact, permission: tape.word(PERMISSIONS) },
        19 => Command::DenyDocument { contact, document },
        20 | 54 => Command::Flag { contact, flag: tape.below(5), on: tape.chance(50) },
        21 => Command::SetLimit(contact),
        22 => Command::Watch { contact, document, watch: watch(tape) },
        23 => Command::WatchKind { contact, watch: watch(tape) },
        24 | 55 => Command::Put {
            document,
            kind: tape.pick(KINDS).clone(),
            client: maybe(tape, 85, |tape| tape.word(CLIENTS)),
            parent: maybe(tape, 25, |tape| tape.word(DOCUMENTS)),
            container: maybe(tape, 25, |tape| tape.word(DOCUMENTS)),
            draft: tape.chance(30),
        },
        25 => Command::SetState {
            document,
            state: *tape.pick(&[State::Sent, State::Draft, State::Open, State::Paid]),
        },
        26 => Command::Visible(document),
        27 => Command::Remove(document),
        28 => Command::Invite { document, contact, link: maybe(tape, 40, |tape| tape.word(LINKS)) },
        29 => Command::Withdraw { document, contact },
        30 | 56 | 57 => Command::Relate { document: "B", contact, relation: relation(tape) },
        31 => Command::Relate { document, contact, relation: relation(tape) },
        32 => Command::SetRelation { document: "B", contact, relation: relation(tape) },
        33 => Command::Unrelate { document: "B", contact },
        34 | 58 | 59 => Command::Share {
            share: tape.word(SHARES),
            document: tape.word(&["I", "E"]),
            contact,
            actions: SHARED.iter().copied().filter(|_| tape.chance(60)).collect(),
            parent: maybe(tape, 40, |tape| tape.word(SHARES)),
            until: maybe(tape, 50, |tape| *tape.pick(&[1_000, 2_000])),
            uses: maybe(tape, 50, |tape| *tape.pick(&[1, 2])),
            link: maybe(tape, 30, |tape| tape.word(LINKS)),
        },
        35 => Command::RevokeShare(tape.word(SHARES)),
        36 => Command::UseShare(tape.word(SHARES)),
        37 => Command::Signers { document: "K", contact },
        38 => Command::Sign { document: "K", contact },
        39 => Command::Approve { document: "E", contact },
        40 => Command::Complete(document),
        41 => {
            Command::Limits { primaries: *tape.pick(&[1, 0, 2]), secondaries: *tape.pick(&[2, 1]) }
        }
        42 => Command::MinRecipients(*tape.pick(&[0, 1, 2])),
        43 => Command::Parent {
            client: tape.word(CLIENTS),
            parent: maybe(tape, 75, |tape| tape.word(CLIENTS)),
        },
        44 => Command::CreateClient(tape.word(CLIENTS)),
        45 => Command::Archive {
            client: tape.word(CLIENTS),
            archive: *tape.pick(&[Archive::No, Archive::No, Archive::ReadOnly, Archive::Closed]),
        },
        46 if tape.chance(40) => Command::Erase(tape.word(CLIENTS)),
        46 => Command::StaffActive(tape.chance(50)),
        _ => Command::Staff { staff: tape.word(&["new", "two"]), email: tape.word(EMAILS) },
    }
}

impl Command {
    pub(super) fn name(&self) -> String {
        format!("{self:?}").split([' ', '(']).next().unwrap().to_owned()
    }

    pub(super) fn run(&self, tx: &mut Tx<'_>) -> Result<(), WriteError> {
        let tenant = tx.tenant();
        let contact = |name: &Name| tenant.contact(*name);
        let document = |name: &Name| tenant.document(*name);
        let later = |ms: i64| now().plus_ms(ms);
        match self {
            Self::Enable(name) => tx.enable(&contact(name)),
            Self::Revoke(name) => tx.revoke(&contact(name)),
            Self::Disable(name) => tx.disable(&contact(name)),
            Self::Delete(name) => tx.delete_contact(&contact(name)),
            Self::Reset(name) => tx.reset_credential(&contact(name)).map(drop),
            Self::SetPassword(name) => tx.set_password(&contact(name)).map(drop),
            Self::Activation { link, contact: name } => {
                tx.create_activation_link(tenant.link(*link), &contact(name), None).map(drop)
            }
            Self::Magic { link, contact: name } => {
                tx.create_magic_link(tenant.link(*link), &contact(name), later(1_000)).map(drop)
            }
            Self::RevokeLink(link) => tx.revoke_link(&tenant.link(*link)),
            Self::UseLink(link) => tx.use_link(&tenant.link(*link)),
            Self::Personal { link, contact: name, document: id } => tx
                .create_personal_link(tenant.link(*link), &contact(name), document(id), None)
                .map(drop),
            Self::Create { contact: name, client, email, login, main, sets } => {
                let mut new = NewContact::new(contact(name), tenant.client(*client));
                new = new.email(*email).login(*login);
                if let Some(set) = sets {
                    new = new.sets([*set]);
                }
                tx.create_contact(if *main { new.main() } else { new }).map(drop)
            }
            Self::Register { contact: name, client, email } => {
                let new = NewContact::new(contact(name), tenant.client(*client));
                tx.register(new.email(*email).login(*name)).map(drop)
            }
            Self::Edit { contact: name, email, login } => {
                let mut edit = ContactEdit::default().name("Somebody");
                if let Some(email) = email {
                    edit = edit.email(*email);
                }
                if let Some(login) = login {
                    edit = edit.login(*login);
                }
                tx.edit_contact(&contact(name), &edit)
            }
            Self::Main(name) => tx.set_main(&contact(name)),
            Self::Sets { contact: name, sets } => {
                tx.set_permission_sets(&contact(name), sets.iter().copied())
            }
            Self::RemoveSet(set) => tx.remove_permission_set(set),
            Self::Grant { contact: name, permission } => tx.grant(&contact(name), permission),
            Self::Deny { contact: name, permission } => tx.deny(&contact(name), permission),
            Self::DenyDocument { contact: name, document: id } => {
                tx.deny_document(&contact(name), &document(id), true)
            }
            Self::Flag { contact: name, flag, on } => match flag {
                0 => tx.set_admin(&contact(name), *on),
                1 => tx.set_mail(&contact(name), *on),
                2 => tx.set_signatory(&contact(name), *on),
                3 => tx.set_uploads(&contact(name), *on),
                _ => tx.set_approver(&contact(name), *on),
            },
            Self::SetLimit(name) => {
                let limit = Limit { amount: 100, currency: "EUR".to_owned() };
                tx.set_limit(&contact(name), Some(&limit))
            }
            Self::Watch { contact: name, document: id, watch } => {
                tx.watch_document(&contact(name), &document(id), *watch)
            }
            Self::WatchKind { contact: name, watch } => {
                tx.watch_kind(&contact(name), &Kind::INVOICE, *watch)
            }
            Self::Put { document: id, kind, client, parent, container, draft } => {
                let mut row = Document::new(document(id), kind.clone());
                if let Some(client) = client {
                    row = row.client(tenant.client(*client));
                }
                if let Some(parent) = parent {
                    row = row.parent(document(parent));
                }
                if let Some(container) = container {
                    row = row.container(document(container));
                }
                tx.put_document(&if *draft { row.state(State::Draft) } else { row })
            }
            Self::SetState { document: id, state } => tx.set_state(&document(id), *state),
            Self::Visible(id) => tx.set_visible(&document(id), false),
            Self::Remove(id) => tx.remove_document(&document(id)),
            Self::Invite { document: id, contact: name, link } => {
                let link = link.map(|link| tenant.link(link));
                tx.invite(document(id), &contact(name), link.as_ref())
            }
            Self::Withdraw { document: id, contact: name } => {
                tx.withdraw_invitation(document(id), &contact(name))
            }
            Self::Relate { document: id, contact: name, relation } => {
                tx.relate(document(id), &contact(name), *relation)
            }
            Self::SetRelation { document: id, contact: name, relation } => {
                tx.set_relation(document(id), &contact(name), *relation)
            }
            Self::Unrelate { document: id, contact: name } => {
                tx.unrelate(document(id), &contact(name))
            }
            Self::Share {
                share,
                document: id,
                contact: name,
                actions,
                parent,
                until,
                uses,
                link,
            } => {
                let mut new = NewShare::new(contact(name), actions.iter().copied());
                if let Some(parent) = parent {
                    new = new.made_from(tenant.share(*parent));
                }
                if let Some(until) = until {
                    new = new.until(later(*until));
                }
                if let Some(uses) = uses {
                    new = new.uses(*uses);
                }
                if let Some(link) = link {
                    new = new.by_link(tenant.link(*link));
                }
                tx.share(tenant.share(*share), document(id), new).map(drop)
            }
            Self::RevokeShare(share) => tx.revoke_share(&tenant.share(*share)),
            Self::UseShare(share) => tx.use_share(&tenant.share(*share), Action::View),
            Self::Signers { document: id, contact: name } => {
                tx.set_signers(&document(id), &[contact(name)])
            }
            Self::Sign { document: id, contact: name } => {
                tx.sign(&document(id), &contact(name)).map(drop)
            }
            Self::Approve { document: id, contact: name } => {
                tx.approve(&document(id), &contact(name)).map(drop)
            }
            Self::Complete(id) => tx.complete(&document(id)),
            Self::Limits { primaries, secondaries } => {
                let mut settings = Settings::default();
                let booking = settings.kinds.entry(Kind::BOOKING).or_default();
                booking.primaries_max = Some(*primaries);
                booking.secondaries_max = Some(*secondaries);
                tx.set_settings(settings)
            }
            Self::MinRecipients(min) => {
                tx.set_settings(Settings { recipients_min: Some(*min), ..Settings::default() })
            }
            Self::Parent { client, parent } => {
                let parent = parent.map(|parent| tenant.client(parent));
                tx.set_client_parent(&tenant.client(*client), parent.as_ref())
            }
            Self::CreateClient(client) => tx.create_client(tenant.client(*client)).map(drop),
            Self::Archive { client, archive } => tx.set_archived(&tenant.client(*client), *archive),
            Self::Erase(client) => tx.erase_client(&tenant.client(*client)),
            Self::Staff { staff, email } => {
                tx.create_staff(NewStaff::new(tenant.staff(*staff)).email(*email)).map(drop)
            }
            Self::StaffActive(active) => tx.set_staff_active(&tenant.staff("uma"), *active),
        }
    }
}
