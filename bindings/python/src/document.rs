//! Documents of the host's, and what questions are asked of.

use doorward::Kind;
use doorward::portal::{Level, Resource, State};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::IntoPython;
use crate::ids::{ClientId, ContactId, DocumentId};

/// A document of any kind, as a row: to store, or to pass along with a question.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Document(pub(crate) doorward::portal::Document);

#[pymethods]
impl Document {
    #[new]
    #[pyo3(signature = (
        id, kind, *, client = None, parent = None, container = None, owner = None, state = "open",
        labels = None, level = "client", internal = false, visible = true, amount = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn new(
        py: Python<'_>,
        id: &DocumentId,
        kind: &str,
        client: Option<&ClientId>,
        parent: Option<&DocumentId>,
        container: Option<&DocumentId>,
        owner: Option<&ContactId>,
        state: &str,
        labels: Option<Vec<String>>,
        level: &str,
        internal: bool,
        visible: bool,
        amount: Option<(i64, String)>,
    ) -> PyResult<Self> {
        let (kind, state): (Kind, State) = (word(py, kind)?, word(py, state)?);
        let mut document = doorward::portal::Document::new(id.0.clone(), kind)
            .state(state)
            .level(word::<Level>(py, level)?)
            .internal(internal)
            .visible(visible);
        if let Some(client) = client {
            document = document.client(client.0.clone());
        }
        if let Some(parent) = parent {
            document = document.parent(parent.0.clone());
        }
        if let Some(container) = container {
            document = document.container(container.0.clone());
        }
        if let Some(owner) = owner {
            document = document.owner(owner.0.clone());
        }
        for label in labels.unwrap_or_default() {
            document = document.label(label);
        }
        if let Some((minor_units, currency)) = amount {
            document = document.amount(minor_units, currency);
        }
        Ok(Self(document))
    }

    #[getter]
    fn id(&self) -> DocumentId {
        DocumentId(self.0.id().clone())
    }

    #[getter]
    fn kind(&self) -> &str {
        self.0.kind().as_str()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        format!("<Document of kind {}>", self.0.kind())
    }
}

/// One of the field's words.
pub(crate) fn word<T: std::str::FromStr<Err = doorward::ValueError>>(
    py: Python<'_>,
    text: &str,
) -> PyResult<T> {
    text.parse().map_err(|error: doorward::ValueError| error.into_python(py))
}

/// What is asked about, in whichever way it is given: a text is a document's id.
pub(crate) enum About {
    Resource(Resource),
    Text(String),
}

impl About {
    pub(crate) fn of(self, tenant: &doorward::Tenant) -> Resource {
        match self {
            Self::Resource(resource) => resource,
            Self::Text(id) => Resource::Document(tenant.document(id)),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for About {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Ok(Self::Resource(Resource::Portal));
        }
        if let Ok(id) = given.cast::<DocumentId>() {
            return Ok(Self::Resource(Resource::Document(id.get().0.clone())));
        }
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Self::Text(text.to_str()?.to_owned()));
        }
        if let Ok(document) = given.cast::<Document>() {
            return Ok(Self::Resource(document.get().0.clone().into()));
        }
        if let Ok(contact) = given.cast::<ContactId>() {
            return Ok(Self::Resource(contact.get().0.clone().into()));
        }
        if let Ok(client) = given.cast::<ClientId>() {
            return Ok(Self::Resource(client.get().0.clone().into()));
        }
        Err(PyTypeError::new_err(format!(
            "a document, its id, a ContactId, a ClientId, or None for the portal, and not a {}",
            given.get_type().name()?
        )))
    }
}
