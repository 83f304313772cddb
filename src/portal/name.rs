//! The words of a portal: actions, kinds, levels, channels.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facts::{EntityUid, ValueError, shorten};

/// An enum of the field's words, each with its name in policies, facts and files.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident ($what:literal) { $($(#[$word_doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$word_doc])* $name,)*
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in policies, facts and files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::facts::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    let text = $crate::facts::shorten(text);
                    $crate::facts::ValueError::new(format!(concat!("`{}` is no ", $what), text))
                        .with_help(format!("known are {}", known.join(", ")))
                })
            }
        }
    };
}
pub(super) use words;

words! {
    /// What somebody may do, as in the shipped schema.
    Action("action") {
        /// See a document.
        View = "view",
        /// Fetch a document's file.
        Download = "download",
        /// See a picture of a document.
        Preview = "preview",
        /// See the prices on a document: a field group.
        ViewPrices = "view_prices",
        /// See the fields of a document that are for staff: a field group.
        ViewStaffFields = "view_staff_fields",
        /// Pay.
        Pay = "pay",
        /// Ask for a subscription to end.
        RequestCancel = "request_cancel",
        /// Add a payment or a payment method.
        Add = "add",
        /// Remove a payment or a payment method.
        Remove = "remove",
        /// Comment.
        Comment = "comment",
        /// Accept an estimate or a proposal.
        Accept = "accept",
        /// Decline one.
        Decline = "decline",
        /// Approve one, before somebody accepts it.
        Approve = "approve",
        /// Sign a contract.
        Sign = "sign",
        /// Change a document or a contact's details.
        Edit = "edit",
        /// Create a document: asked of the [`Prospect`](crate::portal::Prospect).
        Create = "create",
        /// Reply to a ticket or a message.
        Reply = "reply",
        /// Close a ticket.
        Close = "close",
        /// Attach a file: asked of the [`Prospect`](crate::portal::Prospect).
        Attach = "attach",
        /// Delete.
        Delete = "delete",
        /// Complete a document request.
        Complete = "complete",
        /// Submit a worksheet or a survey.
        Submit = "submit",
        /// Send a document to contacts. Staff only.
        Send = "send",
        /// Move a document along its lifecycle, show it or hide it; takes the permission to edit.
        /// Staff only.
        Manage = "manage",
        /// Log in.
        LogIn = "log_in",
        /// Go on as another contact of the same identity.
        SwitchClient = "switch_client",
        /// Set a password.
        SetPassword = "set_password",
        /// Ask for mail to set a new password.
        RequestReset = "request_reset",
        /// Export one's own data.
        Export = "export",
        /// Register as a client of one's own.
        Register = "register",
        /// Add a contact to a client.
        Invite = "invite",
        /// Switch a colleague's access off. Client admins.
        Disable = "disable",
        /// Give permissions and permission sets.
        Grant = "grant",
        /// Share a document.
        Share = "share",
        /// Relate contacts to a container.
        Relate = "relate",
        /// Switch a contact's access on. Staff only.
        Enable = "enable",
        /// Switch a contact's access off. Staff only.
        Revoke = "revoke",
        /// Give a contact a new credential. Staff only.
        Reset = "reset",
        /// Send a contact a link to set a password. Staff only.
        Notify = "notify",
        /// View the portal as a contact. Staff only.
        ViewAs = "view_as",
        /// Act for a contact. Staff only.
        ActOnBehalf = "act_on_behalf",
        /// Choose what a contact watches and is mailed about. Staff only.
        SetAlerts = "set_alerts",
        /// Change settings, permission sets, staff and clients. Staff only.
        Configure = "configure",
        /// List contacts. Staff only.
        ListContacts = "list_contacts",
        /// Read the activity log. Staff only.
        ActivityLog = "activity_log",
        /// Ask who did what with something. Staff only, or client admins by choice.
        Audit = "audit",
        /// Be mailed or alerted about a document: asked by
        /// [`Tenant::check_mail`](crate::Tenant::check_mail).
        Receive = "receive",
        /// Be mailed about one's credential: asked by
        /// [`Tenant::check_credential_mail`](crate::Tenant::check_credential_mail).
        ReceiveCredential = "receive_credential",
    }
}

impl Action {
    /// The field groups: parts of a document that not everybody sees who may view it. See
    /// [`Tenant::field_groups`](crate::Tenant::field_groups).
    pub const FIELD_GROUPS: &[Self] = &[Self::ViewPrices, Self::ViewStaffFields];

    /// Whether kinds of documents can have it: a permission of its own for each kind.
    pub(super) fn is_of_documents(self) -> bool {
        self <= Self::Send
    }

    pub(crate) fn uid(self) -> EntityUid {
        EntityUid::action(self.as_str())
    }
}

words! {
    /// How far documents of a kind reach among the contacts of a client. Each level reaches whom
    /// the ones before it reach.
    Level("level") {
        /// The owner.
        Own = "own",
        /// And holders of named permission sets.
        Role = "role",
        /// And named contacts.
        Member = "member",
        /// And assignees and participants of the document.
        Assigned = "assigned",
        /// And invitees and watchers.
        Invited = "invited",
        /// And whoever takes part in the document's container.
        Container = "container",
        /// And all contacts of the client.
        Client = "client",
    }
}

impl Level {
    /// The level in policies: 0 to 6.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Own => 0,
            Self::Role => 1,
            Self::Member => 2,
            Self::Assigned => 3,
            Self::Invited => 4,
            Self::Container => 5,
            Self::Client => 6,
        }
    }
}

words! {
    /// A contact's part in a document or a container.
    Role("role") {
        /// One of the few who decide and are mailed.
        Primary = "primary",
        /// Sees and does what primaries do, and is mailed nothing.
        Secondary = "secondary",
        /// The contact of a job.
        JobContact = "job_contact",
        /// Whom a task was given to.
        Assignee = "assignee",
        /// Whoever else takes part.
        Participant = "participant",
    }
}

impl Role {
    /// The set on the access row that holds the role's contacts. Participants are all the others
    /// who are involved.
    pub(super) const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::Primary => Some("primaries"),
            Self::Secondary => Some("secondaries"),
            Self::JobContact => Some("job_contacts"),
            Self::Assignee => Some("assignees"),
            Self::Participant => None,
        }
    }
}

words! {
    /// A way to reach somebody.
    Channel("channel") {
        /// E-mail.
        Email = "email",
        /// Text message.
        Sms = "sms",
        /// Push message.
        Push = "push",
        /// A notice in the portal.
        InApp = "in_app",
    }
}

words! {
    /// The two classes of mail, each decided by rules of its own.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::portal::MailClass;
    ///
    /// assert_eq!(MailClass::of("password.reset"), MailClass::Credential);
    /// assert_eq!(MailClass::of("invoice.sent"), MailClass::Business);
    /// ```
    MailClass("class of mail") {
        /// About a contact's credential: it goes to him unless he was disabled or deleted, whatever
        /// else he wants or may see.
        Credential = "credential",
        /// About a document, alerts included: it goes to whoever may view the document, has not opted
        /// out, and is subscribed on the channel.
        Business = "business",
    }
}

impl MailClass {
    /// The class of an event's mail: [`Credential`](Self::Credential) for `portal.set_password` and
    /// `password.reset`, [`Business`](Self::Business) for all others, those that a tenant declares
    /// among them.
    ///
    /// Which they are is fixed: no tenant gets past what its contacts opted out of by calling an
    /// event something else.
    #[must_use]
    pub fn of(event: &str) -> Self {
        match event {
            "portal.set_password" | "password.reset" => Self::Credential,
            _ => Self::Business,
        }
    }

    /// What is asked of the contact who would get it.
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Credential => Action::ReceiveCredential,
            Self::Business => Action::Receive,
        }
    }
}

words! {
    /// The state of a document. The same for all kinds: map a kind's own states to these.
    State("state") {
        /// Not sent yet: no contact sees it.
        Draft = "draft",
        /// Open.
        Open = "open",
        /// Sent.
        Sent = "sent",
        /// Seen by a contact.
        Viewed = "viewed",
        /// Handed in.
        Submitted = "submitted",
        /// Paid in part.
        Partial = "partial",
        /// Open once more.
        Reopened = "reopened",
        /// Accepted: no more to accept, decline, approve or edit.
        Accepted = "accepted",
        /// Declined: likewise.
        Declined = "declined",
        /// Too late to act on; still readable.
        Expired = "expired",
        /// Paid: no more to pay or edit.
        Paid = "paid",
        /// Signed: no more to sign, edit or delete.
        Signed = "signed",
        /// Nothing may change.
        Locked = "locked",
        /// Over; still readable.
        Closed = "closed",
        /// Withdrawn: shown where the tenant chooses so.
        Cancelled = "cancelled",
        /// Gone: nobody sees it.
        Deleted = "deleted",
    }
}

words! {
    /// Whether a contact may use the portal.
    AccessState("state of access") {
        /// Never enabled.
        None = "none",
        /// Enabled; *pending* as long as there is no credential.
        Enabled = "enabled",
        /// Switched off.
        Disabled = "disabled",
        /// Gone for good.
        Deleted = "deleted",
    }
}

words! {
    /// The state of a contact's credential. Secrets are the host's.
    CredentialState("state of a credential") {
        /// There is none.
        None = "none",
        /// Given out, not used yet.
        Issued = "issued",
        /// Has to be changed before anything else.
        MustChange = "must_change",
        /// Chosen by the contact.
        Active = "active",
    }
}

/// A kind of document: `invoice`, `ticket`.
///
/// The shipped kinds are constants. Other names can be written, and are refused as `UNKNOWN_KIND`.
///
/// # Example
///
/// ```
/// use doorward::Kind;
///
/// assert_eq!("invoice".parse::<Kind>()?, Kind::INVOICE);
/// assert!("no kind".parse::<Kind>().is_err());
/// # Ok::<(), doorward::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Name);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "author", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "author", schemars(transparent))]
struct Name(std::borrow::Cow<'static, str>);

macro_rules! kinds {
    ($($constant:ident = $name:literal,)*) => {
        impl Kind {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Self = Self(Name(std::borrow::Cow::Borrowed($name)));
            )*
        }
    };
}

kinds! {
    INVOICE = "invoice",
    RECURRING_INVOICE = "recurring_invoice",
    CREDIT = "credit",
    STATEMENT = "statement",
    SUBSCRIPTION = "subscription",
    PAYMENT = "payment",
    PAYMENT_METHOD = "payment_method",
    ESTIMATE = "estimate",
    PROPOSAL = "proposal",
    CONTRACT = "contract",
    ENGAGEMENT_LETTER = "engagement_letter",
    PROJECT = "project",
    JOB = "job",
    BOOKING = "booking",
    ENGAGEMENT = "engagement",
    TASK = "task",
    MILESTONE = "milestone",
    TICKET = "ticket",
    WORK_REQUEST = "work_request",
    MESSAGE = "message",
    DOCUMENT = "document",
    FILE = "file",
    DOCUMENT_REQUEST = "document_request",
    WORKSHEET = "worksheet",
    SURVEY = "survey",
    NOTE = "note",
    ANNOUNCEMENT = "announcement",
    PAGE = "page",
    IMAGE = "image",
    VIDEO = "video",
    PRODUCT = "product",
    SERVICE = "service",
}

impl Kind {
    /// The name of the kind.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.0
    }

    pub(crate) fn uid(&self) -> EntityUid {
        EntityUid::new("Kind", Arc::from(self.as_str()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromStr for Kind {
    type Err = ValueError;

    /// Kinds are named in lower case letters, digits and `_`, at most 64, a letter first.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if plain {
            Ok(Self(Name(text.to_owned().into())))
        } else {
            Err(ValueError::new(format!("`{}` is no name of a kind", shorten(text)))
                .with_help("use lower case letters, digits and _, at most 64, a letter first"))
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.as_str().to_owned()
    }
}
