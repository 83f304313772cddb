//! Policies with their schema.

use std::path::PathBuf;

use doorward::{Effect, PolicyBundleBuilder};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::error::{IntoPython, diagnostic};

/// Policies and the schema that they were checked against, ready to decide.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct PolicyBundle(pub(crate) doorward::PolicyBundle);

/// A template, the new policy's id, and what `?principal` and `?resource` stand for, in Cedar's text.
type Link = (String, String, Option<String>, Option<String>);

impl PolicyBundle {
    fn build(py: Python<'_>, made_of: PolicyBundleBuilder) -> PyResult<Self> {
        py.detach(|| made_of.build()).map(Self).map_err(|error| error.into_python(py))
    }
}

#[pymethods]
impl PolicyBundle {
    #[new]
    #[pyo3(signature = (policies, schema = None, *, links = None))]
    fn new(
        py: Python<'_>,
        policies: &Bound<'_, PyAny>,
        schema: Option<&Bound<'_, PyAny>>,
        links: Option<Vec<Link>>,
    ) -> PyResult<Self> {
        let mut builder = doorward::PolicyBundle::builder();
        for (name, text) in texts(policies, "policies")? {
            builder = builder.policies(name, text);
        }
        if let Some(schema) = schema {
            for (name, text) in texts(schema, "schema")? {
                builder = builder.schema(name, text);
            }
        }
        for (template, id, principal, resource) in links.unwrap_or_default() {
            builder = builder.link(template, id, principal, resource);
        }
        Self::build(py, builder)
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| doorward::PolicyBundle::load(path));
        loaded.map(Self).map_err(|error| error.into_python(py))
    }

    #[getter]
    fn policies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let infos = self.0.policies().iter().map(|info| Bound::new(py, PolicyInfo::of(info)));
        PyTuple::new(py, infos.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let warnings = self.0.warnings().iter().map(|it| diagnostic(py, it));
        PyTuple::new(py, warnings.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn digest(&self) -> String {
        self.0.digest().to_string()
    }

    #[getter]
    fn has_schema(&self) -> bool {
        self.0.has_schema()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0.digest() == self.0.digest())
    }

    fn __hash__(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.digest().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The texts: whoever unpickles it builds it anew.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let made_of = serde_json::to_string(slf.get().0.made_of());
        let made_of = made_of.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((slf.get_type().getattr("_unpickled")?, (made_of,)))
    }

    #[staticmethod]
    fn _unpickled(py: Python<'_>, made_of: &str) -> PyResult<Self> {
        let made_of = serde_json::from_str(made_of);
        Self::build(py, made_of.map_err(|error| PyValueError::new_err(error.to_string()))?)
    }

    fn __repr__(&self) -> String {
        let (count, digest) = (self.0.policies().len(), self.0.digest().short());
        format!("<PolicyBundle of {count} policies, {digest}>")
    }
}

/// Texts by their names; one text is named after what it is.
fn texts(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<(String, String)>> {
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(vec![(what.to_owned(), text.to_str()?.to_owned())]);
    }
    let named = given.cast::<PyDict>().map_err(|_| {
        PyTypeError::new_err(format!("{what} are a text, or a dict of texts by their files' names"))
    })?;
    named.iter().map(|(name, text)| Ok((name.extract()?, text.extract()?))).collect()
}

/// One policy of a bundle, as its annotations have it.
#[pyclass(frozen, module = "doorward", get_all)]
pub(crate) struct PolicyInfo {
    id: &'static str,
    effect: &'static str,
    step: Option<u8>,
    rank: u16,
    reason: Option<&'static str>,
    message: Option<&'static str>,
    step_up: Option<&'static str>,
    reason_only: bool,
    file: &'static str,
    line: u32,
    text: String,
}

impl PolicyInfo {
    fn of(info: &doorward::PolicyInfo) -> Self {
        Self {
            id: info.id().as_str(),
            effect: match info.effect() {
                Effect::Permit => "permit",
                Effect::Forbid => "forbid",
            },
            step: info.step(),
            rank: info.rank(),
            reason: info.reason().map(|it| it.as_str()),
            message: info.message().map(|it| it.as_str()),
            step_up: info.step_up().map(|it| it.as_str()),
            reason_only: info.reason_only(),
            file: info.file().as_str(),
            line: info.line(),
            text: info.text().to_owned(),
        }
    }
}

#[pymethods]
impl PolicyInfo {
    fn __repr__(&self) -> String {
        format!("<PolicyInfo {} {} at {}:{}>", self.effect, self.id, self.file, self.line)
    }
}
