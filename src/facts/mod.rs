//! Facts: entities as typed rows, and the changes between revisions of them.

mod around;
mod cedar;
mod changes;
mod chunks;
mod draft;
mod entity;
mod heap;
mod json;
mod key;
mod layout;
mod page;
mod paged;
mod postings;
mod reader;
mod rows;
mod store;
mod table;
mod text;
mod time;
mod types;
mod uid;
mod value;
mod writer;

pub use changes::{Change, Changes};
pub use entity::Entity;
pub use key::Id;
pub use store::{Facts, Revision};
pub use time::Timestamp;
pub use uid::EntityUid;
pub use value::{Record, Value, ValueError};
pub use writer::{AsEntity, EntityWriter};

pub(crate) use around::{Around, Seen, SeenAt};
pub(crate) use cedar::Conversion;
pub(crate) use chunks::Chunks;
pub(crate) use draft::{Draft, Outline};
pub(crate) use heap::{
    EMPTY_SET, Naming, Numbering, View, contains, each, members, value as value_of,
};
pub(crate) use json::{attributes_from_json, context_from_json, entity_from_json, plain_json};
pub(crate) use key::IdKey;
pub(crate) use layout::{
    ABSENT, CLASS, CLASS_FIRST, Column, Kind, Path, Reading, Shape, TAGS, UNCLASSED,
};
pub(crate) use page::Row;
pub(crate) use postings::Postings;
pub(crate) use rows::{By, Classify, Index, IndexKey, Links, Look, LookedUp, Rows, Slot};
pub(crate) use text::{cedar_text, is_identifier, member_name, quoted};
#[cfg(feature = "author")]
pub(crate) use types::ActionTypes;
pub(crate) use types::{
    ApplicationError, Attributes, Type, Types, check_type_name, check_untyped_entity,
    check_untyped_record,
};
pub(crate) use uid::{is_type_name, shorten};

#[cfg(test)]
mod tests;
