//! The name of an entity: its type and its id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::value::ValueError;

/// The name of an entity: a type and an id within that type, `Contact::"gm"` in Cedar's words.
///
/// Two uids are equal when type and id are equal byte for byte: a UUID in capitals names another
/// entity than the same UUID in lower case. Cloning shares the text.
///
/// # Example
///
/// ```
/// use doorward::EntityUid;
///
/// let gm = EntityUid::new("Contact", "gm");
/// assert_eq!(gm.to_string(), r#"Contact::"gm""#);
/// assert_eq!(gm, r#"Contact::"gm""#.parse::<EntityUid>()?);
/// # Ok::<(), doorward::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityUid {
    #[serde(rename = "type")]
    type_name: Arc<str>,
    id: Arc<str>,
}

impl EntityUid {
    /// Names an entity. Whether the type exists is for the schema to say, when the uid is used.
    #[must_use]
    pub fn new(type_name: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { type_name: type_name.into(), id: id.into() }
    }

    /// An action of the default namespace: `Action::"name"`.
    #[must_use]
    pub fn action(name: impl Into<Arc<str>>) -> Self {
        Self::new("Action", name)
    }

    /// The entity type, with its namespace: `Contact`, `Shop::Contact`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The id, unquoted.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it names an action: in any namespace, actions have this type.
    pub(crate) fn is_action(&self) -> bool {
        self.type_name.rsplit("::").next() == Some("Action")
    }

    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }
}

impl fmt::Display for EntityUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::\"{}\"", self.type_name, self.id.escape_debug())
    }
}

/// The same text as [`Display`](fmt::Display): ids are names of rows, not personal data. Hosts that
/// use e-mail addresses as ids give that up.
impl fmt::Debug for EntityUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EntityUid {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || {
            ValueError::new(format!("`{}` is not an entity", shorten(text)))
                .with_help("write the type and the quoted id, as in Contact::\"gm\"")
        };
        let (type_name, quoted) = text.trim().split_once("::\"").ok_or_else(malformed)?;
        let id = quoted.strip_suffix('"').ok_or_else(malformed)?;
        if !is_type_name(type_name) {
            return Err(malformed());
        }
        Ok(Self::new(type_name, unescape(id).ok_or_else(malformed)?))
    }
}

/// Whether a name has the form of an entity type: identifiers joined by `::`.
pub(crate) fn is_type_name(name: &str) -> bool {
    name.split("::").all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// The first characters of a text, for messages that must not carry a megabyte of input.
pub(crate) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    if text.chars().nth(CHARS_MAX).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    short.push('…');
    short
}

/// Cedar's escapes in a quoted id. `None` where the text is no quoted id.
fn unescape(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => text.push(match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                escaped @ ('\\' | '"' | '\'') => escaped,
                'u' => {
                    if letters.next()? != '{' {
                        return None;
                    }
                    let digits: String = letters.by_ref().take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            }),
            plain => text.push(plain),
        }
    }
    Some(text)
}
