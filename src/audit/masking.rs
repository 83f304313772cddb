//! What of a record its readers may see.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::error::AuditError;
use super::record::Record;
use crate::facts::EntityUid;

/// The attributes of a record that can be masked: who and what it names, and the evidence that a
/// portal's callers bring. What an action, an effect or a code says is nobody's secret.
pub const MASKABLE: &[&str] = &[
    "tenant",
    "principal",
    "staff",
    "contact",
    "resource",
    "address",
    "authenticated_by",
    "caller_tenant",
    "channel",
    "client",
    "credential_version",
    "epoch",
    "event",
    "fields",
    "last_seen",
    "mfa_at",
    "network",
    "resource_tenant",
    "started",
    "via",
];

const HIDDEN: &str = "***";
const KEY_BYTES_MIN: usize = 16;

/// What is hidden of a record, or replaced by a pseudonym, before it reaches the sink.
///
/// The address of the request is hidden unless [`show`](Self::show) says otherwise. A hidden
/// attribute reads `***`; of a name, the type stays. A pseudonym is `p:` and 32 hexadecimal digits
/// of an HMAC-SHA-256 under the host's key: the same name has the same pseudonym wherever it stands,
/// so that records can be put together without saying whose they are.
///
/// The principal of staff in a contact's place is named by both of them: it is masked as strictly
/// as `staff` and `contact` are. A contact can also be the *resource* of a question; hide that too
/// where it matters.
///
/// # Example
///
/// ```
/// use doorward::audit::{AuditQueue, Event, Masking, Memory, Overflow, Record};
/// use doorward::{EntityUid, Timestamp};
///
/// let masking = Masking::new()
///     .hide("via")?
///     .pseudonym("principal", b"sixteen bytes or more")?;
/// let memory = Memory::new();
/// let queue = AuditQueue::builder(memory.clone(), Overflow::Block).masking(masking).start()?;
///
/// let mut record = Record::new(Event::View, Timestamp::now());
/// record.principal = Some(EntityUid::new("Contact", "gm"));
/// record.evidence.insert("address".into(), "203.0.113.9".into());
/// queue.send(record);
///
/// queue.flush()?;
/// let kept = memory.records().remove(0);
/// assert!(kept.principal.unwrap().id().starts_with("p:"));
/// assert_eq!(kept.evidence["address"], "***");
///
/// let unknown = Masking::new().hide("adress").unwrap_err();
/// assert!(unknown.to_string().starts_with("a record has no attribute `adress`; "));
/// # Ok::<(), doorward::audit::AuditError>(())
/// ```
#[derive(Clone)]
pub struct Masking {
    known: Vec<String>,
    masks: BTreeMap<String, Mask>,
}

#[derive(Clone, PartialEq, Eq)]
enum Mask {
    Pseudonym(Vec<u8>),
    Hide,
}

impl Masking {
    /// Hides the address of the request, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self {
            known: MASKABLE.iter().map(|name| (*name).to_owned()).collect(),
            masks: BTreeMap::from([("address".to_owned(), Mask::Hide)]),
        }
    }

    /// Declares an attribute of the evidence beyond [`MASKABLE`], for requests of another schema
    /// than the portal's.
    #[must_use]
    pub fn declare(mut self, name: impl Into<String>) -> Self {
        self.known.push(name.into());
        self
    }

    /// Hides an attribute.
    ///
    /// # Errors
    ///
    /// When no record has an attribute of this name.
    pub fn hide(self, name: &str) -> Result<Self, AuditError> {
        self.mask(name, Mask::Hide)
    }

    /// Replaces an attribute by a pseudonym under a key of at least 16 bytes, which only the host
    /// knows. Under the same key, in whatever process, the same name has the same pseudonym.
    ///
    /// # Errors
    ///
    /// When no record has an attribute of this name, or the key is too short.
    pub fn pseudonym(self, name: &str, key: &[u8]) -> Result<Self, AuditError> {
        if key.len() < KEY_BYTES_MIN {
            let message = format!("a key of {} bytes can be guessed", key.len());
            return Err(AuditError::setup(message, format!("give at least {KEY_BYTES_MIN}")));
        }
        self.mask(name, Mask::Pseudonym(key.to_owned()))
    }

    /// Leaves an attribute as it is: the address too.
    ///
    /// # Errors
    ///
    /// When no record has an attribute of this name.
    pub fn show(mut self, name: &str) -> Result<Self, AuditError> {
        self.require(name)?;
        self.masks.remove(name);
        Ok(self)
    }

    fn mask(mut self, name: &str, mask: Mask) -> Result<Self, AuditError> {
        self.require(name)?;
        self.masks.insert(name.to_owned(), mask);
        Ok(self)
    }

    fn require(&self, name: &str) -> Result<(), AuditError> {
        if self.known.iter().any(|known| known == name) {
            return Ok(());
        }
        let message = format!("a record has no attribute `{}`", crate::facts::shorten(name));
        Err(AuditError::setup(message, format!("known are {}", self.known.join(", "))))
    }

    pub(super) fn apply(&self, record: &mut Record) {
        let of = |name: &str| self.masks.get(name);
        let mut principal = of("principal");
        // Whoever stands in for another is named by both of them.
        if record.staff.is_some() {
            principal = [principal, of("staff"), of("contact")]
                .into_iter()
                .flatten()
                .max_by_key(|mask| **mask == Mask::Hide);
        }
        for (mask, uid) in [
            (principal, &mut record.principal),
            (of("staff"), &mut record.staff),
            (of("contact"), &mut record.contact),
            (of("resource"), &mut record.resource),
        ] {
            if let (Some(mask), Some(uid)) = (mask, uid) {
                *uid = mask.uid(uid);
            }
        }
        if let (Some(mask), Some(tenant)) = (of("tenant"), &mut record.tenant) {
            *tenant = mask.text(&[tenant]);
        }
        for (name, value) in &mut record.evidence {
            if let Some(mask) = self.masks.get(name) {
                *value = mask.value(value);
            }
        }
    }
}

impl Default for Masking {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the keys.
impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masks = self.masks.iter().map(|(name, mask)| {
            let how = if *mask == Mask::Hide { "hide" } else { "pseudonym" };
            (name, how)
        });
        f.debug_map().entries(masks).finish()
    }
}

impl Mask {
    fn uid(&self, uid: &EntityUid) -> EntityUid {
        EntityUid::new(uid.type_name(), self.text(&[uid.type_name(), uid.id()]))
    }

    /// An entity is masked as where it stands by itself: the same name, the same pseudonym.
    fn value(&self, value: &Json) -> Json {
        let member = |name: &str| value.get(name).and_then(Json::as_str);
        match (member("type"), member("id")) {
            (Some(type_name), Some(id)) => {
                let masked = self.uid(&EntityUid::new(type_name, id));
                json!({ "type": masked.type_name(), "id": masked.id() })
            }
            _ => json!(self.text(&[&value.to_string()])),
        }
    }

    fn text(&self, parts: &[&str]) -> String {
        match self {
            Self::Hide => HIDDEN.to_owned(),
            Self::Pseudonym(key) => pseudonym(key, parts),
        }
    }
}

/// Every length is hashed before what it measures, so that no two names give the same bytes.
fn pseudonym(key: &[u8], parts: &[&str]) -> String {
    // An HMAC takes a key of any length. Should it not, nothing is told.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return HIDDEN.to_owned() };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        mac.update(part.as_bytes());
    }
    let hash = mac.finalize().into_bytes();
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("p:{digits}")
}
