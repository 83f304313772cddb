//! What is kept of one question, write or view.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::decide::{Decision, Request};
use crate::facts::{EntityUid, Revision, Timestamp, plain_json};
use crate::policy::Digest;
use crate::symbol::Symbol;

/// A code or a name: borrowed from the policies, or owned by a record that was read.
type Name = Cow<'static, str>;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A question that was decided.
    Decision,
    /// A command of a write that was published or refused.
    Write,
    /// Something that was shown.
    View,
    /// A list that was answered: documents, contacts, buttons.
    List,
    /// Records that a full queue did not take; [`Record::count`] says how many.
    Dropped,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Allowed.
    Allow,
    /// Refused.
    Deny,
    /// Refused, and signing in again or a second factor would lift it.
    StepUp,
}

/// What came of the write that a command was part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was published: this really happened.
    Accepted,
    /// It was refused as a whole: nothing of it happened.
    Refused,
}

/// What is kept of one question, one command of a write, or one view.
///
/// Made by [`new`](Self::new) or [`decided`](Self::decided); what else is known is set on the
/// fields. As JSON, members that are not known are left out, and members of later versions are
/// ignored when read.
///
/// `Debug` shows names, codes and which evidence came along, never what the evidence says: an
/// address is personal.
///
/// # Example
///
/// ```
/// use doorward::audit::{Event, Record};
/// use doorward::{EntityUid, Timestamp};
///
/// let mut record = Record::new(Event::View, Timestamp::from_ms(0));
/// record.principal = Some(EntityUid::new("Contact", "gm"));
/// let line = serde_json::to_string(&record)?;
/// assert!(line.starts_with(r#"{"event":"view","time":"1970-01-01T00:00:00.000Z""#));
/// assert_eq!(serde_json::from_str::<Record>(&line)?, record);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// What the record is about.
    pub event: Event,
    /// When: the moment of the request. Of dropped records, when the report was made.
    #[serde(with = "moment")]
    pub time: Timestamp,
    /// The tenant that was asked, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Who asked, as the policies see him. `System::"system"` for writes of nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<EntityUid>,
    /// The member of the staff who views as a contact or acts for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<EntityUid>,
    /// The contact in whose place the principal stands: viewed as, acted for, or the one whose link
    /// it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<EntityUid>,
    /// Nobody could have seen this as the contact: staff viewed as one whose access is not enabled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rehearsal: bool,
    /// The evidence that came along, by name, as plain JSON: moments in RFC 3339, addresses as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, Json>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<EntityUid>,
    /// On what. For what is not there yet, and for a list, its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<EntityUid>,
    /// What came of it. A list has one only where it was refused as a whole; the system is asked
    /// for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// The true reason code, whatever the one who asked was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Name>,
    /// The policy that decided, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
    /// The step of the order of a decision that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// What would lift a step up: `mfa`, `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<Name>,
    /// The digest of the policies that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// The revision of the facts that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// What came of the write that the command was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Fate>,
    /// Why that write was refused: the write's code, which can be another command's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_code: Option<Name>,
    /// The revision that shows that write; its commands have it in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Revision>,
    /// How many: results of a list, or dropped records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Record {
    /// An event of a moment, so far of nobody.
    #[must_use]
    pub fn new(event: Event, time: Timestamp) -> Self {
        Self {
            event,
            time,
            tenant: None,
            principal: None,
            staff: None,
            contact: None,
            rehearsal: false,
            evidence: BTreeMap::new(),
            action: None,
            resource: None,
            effect: None,
            code: None,
            policy: None,
            step: None,
            step_up: None,
            bundle: None,
            revision: None,
            write: None,
            write_code: None,
            published: None,
            count: None,
        }
    }

    /// The record of a decision: who asked for what, with what evidence, and what came of it.
    ///
    /// The evidence is the request's context without `now`, which is the time. Rows that came
    /// inline are left out: they are the host's data.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::audit::Record;
    /// use doorward::{Engine, EntityUid, PolicyBundle, Request, Timestamp};
    ///
    /// let engine = Engine::builder(PolicyBundle::builder().build()?).build()?;
    /// let (gm, invoice) = (EntityUid::new("Contact", "gm"), EntityUid::new("Document", "I1"));
    /// let request = Request::new(gm, "view", invoice).with("mfa", true);
    /// let record = Record::decided(&request, &engine.check(&request), Timestamp::now());
    /// assert_eq!(record.evidence["mfa"], true);
    /// # Ok::<(), doorward::Error>(())
    /// ```
    #[must_use]
    pub fn decided(request: &Request, decision: &Decision, time: Timestamp) -> Self {
        let mut record = Self::asked(Event::Decision, request, time);
        record.set_decision(decision);
        record
    }

    /// Who asked for what, with what evidence.
    pub(crate) fn asked(event: Event, request: &Request, time: Timestamp) -> Self {
        let evidence = request.context.iter().filter(|(name, _)| &***name != "now");
        Self {
            principal: Some(request.principal().clone()),
            evidence: evidence.map(|(name, value)| (name.to_string(), plain_json(value))).collect(),
            action: Some(request.action().clone()),
            resource: Some(request.resource().clone()),
            ..Self::new(event, time)
        }
    }

    /// What came of it.
    pub(crate) fn set_decision(&mut self, decision: &Decision) {
        let name = |symbol: Symbol| Cow::Borrowed(symbol.as_str());
        self.effect = Some(match decision.step_up() {
            _ if decision.is_allowed() => Effect::Allow,
            Some(_) => Effect::StepUp,
            None => Effect::Deny,
        });
        self.code = decision.code().map(name);
        self.policy = decision.policy().map(name);
        self.step = decision.step();
        self.step_up = decision.step_up().map(name);
        self.bundle = Some(decision.bundle());
        self.revision = Some(decision.revision());
    }

    pub(super) fn dropped(count: u64) -> Self {
        Self { count: Some(count), ..Self::new(Event::Dropped, Timestamp::now()) }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("event", &self.event)
            .field("tenant", &self.tenant)
            .field("principal", &self.principal)
            .field("staff", &self.staff)
            .field("contact", &self.contact)
            .field("evidence", &self.evidence.keys().collect::<Vec<_>>())
            .field("action", &self.action)
            .field("resource", &self.resource)
            .field("effect", &self.effect)
            .field("code", &self.code)
            .field("write", &self.write)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A moment as text; as its milliseconds outside the years that RFC 3339 can name.
mod moment {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::facts::Timestamp;

    pub(super) fn serialize<S: Serializer>(
        moment: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(moment)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let milliseconds = text.parse().map(Timestamp::from_ms);
        milliseconds.or_else(|_error| text.parse()).map_err(de::Error::custom)
    }
}
