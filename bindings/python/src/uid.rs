//! Names of entities.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyString, PyTuple};

use crate::error::IntoPython;

/// What an entity is called: a type and an id, written `Contact::"ada"`.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct EntityUid(pub(crate) doorward::EntityUid);

#[pymethods]
impl EntityUid {
    #[new]
    #[pyo3(signature = (r#type, id, /))]
    fn new(r#type: &str, id: &str) -> Self {
        Self(doorward::EntityUid::new(r#type, id))
    }

    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        text.parse().map(Self).map_err(|error: doorward::ValueError| error.into_python(py))
    }

    #[getter]
    fn r#type(&self) -> &str {
        self.0.type_name()
    }

    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    /// The type alone: ids may name people.
    fn __repr__(&self) -> String {
        format!("EntityUid({}::…)", self.0.type_name())
    }

    /// What is no uid is neither equal nor in any order.
    fn __richcmp__(&self, other: Bound<'_, Self>, operator: CompareOp) -> bool {
        operator.matches(self.0.cmp(&other.get().0))
    }

    fn __hash__(&self) -> u64 {
        FixedState::default().hash_one(&self.0)
    }

    fn __getnewargs__(&self) -> (&str, &str) {
        (self.0.type_name(), self.0.id())
    }
}

/// A name in whichever way it is given: an [`EntityUid`], an entity, or Cedar's text of one.
pub(crate) enum Uid<'a, 'py> {
    Given(Borrowed<'a, 'py, EntityUid>),
    Read(doorward::EntityUid),
}

impl Uid<'_, '_> {
    pub(crate) fn get(&self) -> &doorward::EntityUid {
        match self {
            Self::Given(uid) => &uid.get().0,
            Self::Read(uid) => uid,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Uid<'a, 'py> {
    type Error = PyErr;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(uid) = given.cast::<EntityUid>() {
            return Ok(Self::Given(uid));
        }
        if let Ok(entity) = given.cast::<crate::entity::Entity>() {
            return Ok(Self::Read(entity.get().0.uid().clone()));
        }
        if let Ok(text) = given.cast::<PyString>() {
            let uid = text.to_str()?.parse::<doorward::EntityUid>();
            return uid.map(Self::Read).map_err(|error| error.into_python(given.py()));
        }
        Err(PyTypeError::new_err(format!(
            "an EntityUid, an Entity or a text like `Contact::\"ada\"` is wanted, and not a {}",
            given.get_type().name()?
        )))
    }
}

/// Names, as a tuple.
pub(crate) fn tuple(
    py: Python<'_>,
    uids: impl ExactSizeIterator<Item = doorward::EntityUid>,
) -> PyResult<Bound<'_, PyTuple>> {
    let uids = uids.map(|uid| Bound::new(py, EntityUid(uid))).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, uids)
}
