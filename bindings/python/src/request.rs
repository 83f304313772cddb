//! Requests and their circumstances.

use std::sync::{PoisonError, RwLock};

use doorward::{ActionName, Record};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::entity::Entity;
use crate::known::Known;
use crate::uid::{EntityUid, Name, Uid};
use crate::value;

/// How many environments a context is prepared for at a time.
const PREPARED_MAX: usize = 64;

/// Circumstances that many requests share: they are checked once for each kind of request.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Context {
    record: Record,
    /// By the number of the environment; `None` where it does not take such circumstances.
    prepared: RwLock<Vec<(u64, Option<doorward::Context>)>>,
}

impl Context {
    /// Uses it as circumstances of an environment.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        engine: &doorward::Engine,
        known: &Known,
        ask: impl FnOnce(Option<&doorward::Context>) -> T,
    ) -> T {
        {
            let prepared = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, context)) = prepared.iter().find(|(number, _)| *number == known.number)
            {
                return ask(context.as_ref());
            }
        }
        let context = engine.context(&known.environment, self.record.clone()).ok();
        let answer = ask(context.as_ref());
        let mut prepared = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if prepared.len() >= PREPARED_MAX {
            prepared.clear();
        }
        prepared.push((known.number, context));
        answer
    }
}

#[pymethods]
impl Context {
    #[new]
    #[pyo3(signature = (attributes = None, /, **named))]
    fn new(
        attributes: Option<&Bound<'_, PyDict>>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut record = Record::new();
        for given in [attributes, named].into_iter().flatten() {
            record.extend(value::record(given)?);
        }
        Ok(Self { record, prepared: RwLock::default() })
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        value::dict(py, &self.record)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().record == self.record)
    }

    /// The names alone: circumstances may be personal.
    fn __repr__(&self) -> String {
        let names: Vec<&str> = self.record.keys().map(|name| &**name).collect();
        format!("Context([{}])", names.join(", "))
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>,)> {
        Ok((value::dict(py, &self.record)?,))
    }
}

/// What is done: a name, as in `view`, or a uid where the schema's actions have a namespace.
pub(crate) enum Action<'a, 'py> {
    Name(Borrowed<'a, 'py, PyString>),
    Uid(Borrowed<'a, 'py, EntityUid>),
}

impl Action<'_, '_> {
    /// The type and the id of its uid.
    #[inline]
    pub(crate) fn names(&self) -> PyResult<(&str, &str)> {
        match self {
            Self::Name(name) => Ok(("Action", name.to_str()?)),
            Self::Uid(uid) => Ok((uid.get().0.uid.type_name(), uid.get().0.uid.id())),
        }
    }

    pub(crate) fn name(&self) -> PyResult<ActionName> {
        match self {
            Self::Name(name) => Ok(name.to_str()?.into()),
            Self::Uid(uid) => Ok((&uid.get().0.uid).into()),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Action<'a, 'py> {
    type Error = PyErr;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(name) = given.cast::<PyString>() {
            return Ok(Self::Name(name));
        }
        given
            .cast::<EntityUid>()
            .map(Self::Uid)
            .map_err(|_| PyTypeError::new_err("an action is a name, as in `view`, or an EntityUid"))
    }
}

/// Circumstances in whichever way they are given.
pub(crate) enum Circumstances<'a, 'py> {
    Nothing,
    Prepared(Borrowed<'a, 'py, Context>),
    Given(Record),
}

impl Circumstances<'_, '_> {
    pub(crate) fn record(&self) -> Record {
        match self {
            Self::Nothing => Record::new(),
            Self::Prepared(context) => context.get().record.clone(),
            Self::Given(record) => record.clone(),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Circumstances<'a, 'py> {
    type Error = PyErr;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Ok(Self::Nothing);
        }
        if let Ok(context) = given.cast::<Context>() {
            return Ok(Self::Prepared(context));
        }
        match given.cast::<PyDict>() {
            Ok(attributes) => value::record(&attributes).map(Self::Given),
            Err(_) => Err(PyTypeError::new_err("a context is a Context, a dict or None")),
        }
    }
}

/// Rows that a request brings along.
pub(crate) struct Rows(pub(crate) Vec<doorward::Entity>);

impl<'a, 'py> FromPyObject<'a, 'py> for Rows {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let rows = given.try_iter()?.map(|row| {
            let row = row?;
            let row = row
                .cast::<Entity>()
                .map_err(|_| PyTypeError::new_err("entities are a series of Entity"))?;
            Ok(row.get().row.clone())
        });
        rows.collect::<PyResult<Vec<_>>>().map(Self)
    }
}

/// A whole request, for batches.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Request {
    pub(crate) principal: Name,
    pub(crate) action: Name,
    pub(crate) resource: Name,
    pub(crate) context: Option<Py<Context>>,
    /// Where it brings rows along, or circumstances that are not prepared.
    pub(crate) whole: Option<doorward::Request>,
}

impl Request {
    pub(crate) fn of(request: doorward::Request) -> Self {
        let [principal, action, resource] =
            [request.principal(), request.action(), request.resource()].map(Name::of);
        Self { principal, action, resource, context: None, whole: Some(request) }
    }

    /// As the library has it.
    pub(crate) fn as_whole(&self, py: Python<'_>) -> doorward::Request {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let (principal, resource) = (self.principal.uid.clone(), self.resource.uid.clone());
        let request = doorward::Request::new(principal, &self.action.uid, resource);
        match &self.context {
            Some(context) => request.context(context.bind(py).get().record.clone()),
            None => request,
        }
    }
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (principal, action, resource, context = None, *, entities = None))]
    fn new(
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Self> {
        let context = context.unwrap_or(Circumstances::Nothing);
        let entities = entities.map_or_else(Vec::new, |rows| rows.0);
        let is_plain = entities.is_empty() && !matches!(context, Circumstances::Given(_));
        let asked = (&principal, &action, &resource);
        let whole = if is_plain { None } else { Some(whole(asked, &context, &entities)?) };
        let (of, name) = action.names()?;
        let action = Name::new(of, name);
        let context = match context {
            Circumstances::Prepared(context) => Some(context.to_owned().unbind()),
            Circumstances::Nothing | Circumstances::Given(_) => None,
        };
        let (principal, resource) = (principal.name().clone(), resource.name().clone());
        Ok(Self { principal, action, resource, context, whole })
    }

    #[getter]
    fn principal(&self) -> EntityUid {
        EntityUid(self.principal.clone())
    }

    #[getter]
    fn action(&self) -> EntityUid {
        EntityUid(self.action.clone())
    }

    #[getter]
    fn resource(&self) -> EntityUid {
        EntityUid(self.resource.clone())
    }

    /// The types and the action alone.
    fn __repr__(&self) -> String {
        let [principal, resource] = [&self.principal, &self.resource].map(|it| it.uid.type_name());
        format!("Request({principal}::…, {}, {resource}::…)", self.action.uid)
    }
}

/// A request of the library's.
pub(crate) fn whole(
    (principal, action, resource): (&Uid<'_, '_>, &Action<'_, '_>, &Uid<'_, '_>),
    context: &Circumstances<'_, '_>,
    entities: &[doorward::Entity],
) -> PyResult<doorward::Request> {
    let (principal, resource) = (principal.get().clone(), resource.get().clone());
    let request = doorward::Request::new(principal, action.name()?, resource);
    let request = request.context(context.record());
    Ok(entities.iter().fold(request, |request, entity| request.inline(entity.clone())))
}
