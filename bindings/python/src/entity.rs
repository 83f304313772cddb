//! Rows: entities with what is known of them.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::uid::{self, EntityUid, Name};
use crate::value;

/// An entity with its attributes, what it is in, and its tags.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Entity {
    pub(crate) row: doorward::Entity,
    pub(crate) name: Name,
}

impl Entity {
    pub(crate) fn of(row: doorward::Entity) -> Self {
        Self { name: Name::of(row.uid()), row }
    }
}

#[pymethods]
impl Entity {
    #[new]
    #[pyo3(signature = (r#type, id, attributes = None, /, *, parents = None, tags = None))]
    fn new(
        r#type: &str,
        id: &str,
        attributes: Option<&Bound<'_, PyDict>>,
        parents: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut entity = doorward::Entity::new(doorward::EntityUid::new(r#type, id));
        if let Some(attributes) = attributes {
            for (name, value) in value::record(attributes)? {
                entity.set(name, value);
            }
        }
        if let Some(parents) = parents {
            entity.set_parents(uid::series(parents)?);
        }
        if let Some(tags) = tags {
            for (name, value) in value::record(tags)? {
                entity.set_tag(name, value);
            }
        }
        Ok(Self::of(entity))
    }

    #[getter]
    fn uid(&self) -> EntityUid {
        EntityUid(self.name.clone())
    }

    #[getter]
    fn r#type(&self) -> &str {
        self.row.uid().type_name()
    }

    #[getter]
    fn id(&self) -> &str {
        self.row.uid().id()
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        value::dict(py, self.row.attributes())
    }

    #[getter]
    fn parents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        uid::tuple(py, self.row.parents().iter().cloned())
    }

    #[getter]
    fn tags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        value::dict(py, self.row.tags())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().row == self.row)
    }

    /// The type and the names of attributes: ids and values may be people's.
    fn __repr__(&self) -> String {
        let names: Vec<&str> = self.row.attributes().keys().map(|name| &**name).collect();
        format!("Entity({}::…, [{}])", self.row.uid().type_name(), names.join(", "))
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, entity) = (slf.py(), &slf.get().row);
        let arguments = (
            entity.uid().type_name(),
            entity.uid().id(),
            value::dict(py, entity.attributes())?,
            uid::tuple(py, entity.parents().iter().cloned())?,
            value::dict(py, entity.tags())?,
        );
        let unpickle = slf.get_type().getattr("_unpickled")?;
        Ok((unpickle, arguments.into_pyobject(py)?))
    }

    #[staticmethod]
    fn _unpickled(
        r#type: &str,
        id: &str,
        attributes: &Bound<'_, PyDict>,
        parents: &Bound<'_, PyAny>,
        tags: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        Self::new(r#type, id, Some(attributes), Some(parents), Some(tags))
    }
}
