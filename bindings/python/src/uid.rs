//! Names of entities.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use doorward::Id;
use foldhash::fast::RandomState;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyString, PyTuple};
use uuid::Uuid;

use crate::entity::Entity;
use crate::error::IntoPython;

/// What an entity is called: a type and an id, written `Contact::"ada"`.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct EntityUid(pub(crate) Name);

/// A uid, with what is asked of it again and again. Who reads that fetches nothing else from memory.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) uid: doorward::EntityUid,
    /// The number of its type's name among all; [`UNNUMBERED`] where there were too many before.
    pub(crate) type_number: u32,
    /// Its id, where that is a UUID.
    uuid: Option<u128>,
}

pub(crate) const UNNUMBERED: u32 = u32::MAX;
/// More types than any schema has, and longer names: what anybody sends may be read as a uid.
const TYPES_MAX: usize = 4096;
const TYPE_BYTES_MAX: usize = 256;

/// Of this process alone: whoever sends ids does not know which meet in a dict.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The names of types, each kept once.
static TYPES: LazyLock<RwLock<HashMap<Arc<str>, u32>>> = LazyLock::new(RwLock::default);

impl Name {
    pub(crate) fn new(type_name: &str, id: &str) -> Self {
        let (type_name, type_number) = numbered(type_name);
        let uuid = Uuid::try_parse(id)
            .ok()
            .filter(|uuid| *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *id);
        let uid = doorward::EntityUid::new(type_name, id);
        Self { uid, type_number, uuid: uuid.map(|uuid| uuid.as_u128()) }
    }

    pub(crate) fn of(uid: &doorward::EntityUid) -> Self {
        Self::new(uid.type_name(), uid.id())
    }

    #[inline]
    pub(crate) fn id(&self) -> Id<'_> {
        match self.uuid {
            Some(uuid) => Id::from(uuid),
            None => Id::from(self.uid.id()),
        }
    }
}

fn numbered(name: &str) -> (Arc<str>, u32) {
    if name.len() > TYPE_BYTES_MAX {
        return (Arc::from(name), UNNUMBERED);
    }
    let known = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some((name, number)) = known.get_key_value(name) {
        return (Arc::clone(name), *number);
    }
    drop(known);
    let mut known = TYPES.write().unwrap_or_else(PoisonError::into_inner);
    let (name, count): (Arc<str>, usize) = (Arc::from(name), known.len());
    if count >= TYPES_MAX {
        return (name, UNNUMBERED);
    }
    let number = *known.entry(Arc::clone(&name)).or_insert(count as u32);
    (name, number)
}

#[pymethods]
impl EntityUid {
    #[new]
    #[pyo3(signature = (r#type, id, /))]
    fn new(r#type: &str, id: &str) -> Self {
        Self(Name::new(r#type, id))
    }

    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        let uid = text.parse::<doorward::EntityUid>();
        uid.map(|uid| Self(Name::of(&uid))).map_err(|error| error.into_python(py))
    }

    #[getter]
    fn r#type(&self) -> &str {
        self.0.uid.type_name()
    }

    #[getter]
    fn id(&self) -> &str {
        self.0.uid.id()
    }

    fn __str__(&self) -> String {
        self.0.uid.to_string()
    }

    /// The type alone: ids may name people.
    fn __repr__(&self) -> String {
        format!("EntityUid({}::…)", self.0.uid.type_name())
    }

    /// What is no uid is neither equal nor in any order.
    fn __richcmp__(&self, other: Bound<'_, Self>, operator: CompareOp) -> bool {
        operator.matches(self.0.uid.cmp(&other.get().0.uid))
    }

    fn __hash__(&self) -> u64 {
        HASHES.hash_one(&self.0.uid)
    }

    fn __getnewargs__(&self) -> (&str, &str) {
        (self.0.uid.type_name(), self.0.uid.id())
    }
}

/// A name in whichever way it is given: an [`EntityUid`], an entity, or Cedar's text of one.
pub(crate) enum Uid<'a, 'py> {
    Given(Borrowed<'a, 'py, EntityUid>),
    OfEntity(Borrowed<'a, 'py, Entity>),
    Read(Name),
}

impl Uid<'_, '_> {
    #[inline]
    pub(crate) fn name(&self) -> &Name {
        match self {
            Self::Given(uid) => &uid.get().0,
            Self::OfEntity(entity) => &entity.get().name,
            Self::Read(name) => name,
        }
    }

    pub(crate) fn get(&self) -> &doorward::EntityUid {
        &self.name().uid
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Uid<'a, 'py> {
    type Error = PyErr;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(uid) = given.cast::<EntityUid>() {
            return Ok(Self::Given(uid));
        }
        if let Ok(entity) = given.cast::<Entity>() {
            return Ok(Self::OfEntity(entity));
        }
        if let Ok(text) = given.cast::<PyString>() {
            let uid = text.to_str()?.parse::<doorward::EntityUid>();
            let name = uid.map(|uid| Self::Read(Name::of(&uid)));
            return name.map_err(|error| error.into_python(given.py()));
        }
        Err(PyTypeError::new_err(format!(
            "an EntityUid, an Entity or a text like `Contact::\"ada\"` is wanted, and not a {}",
            given.get_type().name()?
        )))
    }
}

/// A series of names. A text is none, though it is a series of texts.
pub(crate) fn series(given: &Bound<'_, PyAny>) -> PyResult<Vec<doorward::EntityUid>> {
    if given.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("a series of names is wanted, and not one"));
    }
    let names = given.try_iter()?.map(|name| {
        let name = name?;
        let uid: Uid<'_, '_> = name.extract()?;
        Ok(uid.get().clone())
    });
    names.collect()
}

/// Names, as a tuple.
pub(crate) fn tuple(
    py: Python<'_>,
    uids: impl ExactSizeIterator<Item = doorward::EntityUid>,
) -> PyResult<Bound<'_, PyTuple>> {
    let uids =
        uids.map(|uid| Bound::new(py, EntityUid(Name::of(&uid)))).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, uids)
}
