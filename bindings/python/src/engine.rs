//! The engine.

use doorward::{Change, Disclosure, ErrorMode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::batch::Batch;
use crate::bundle::PolicyBundle;
use crate::checker::Checker;
use crate::decision::{Decision, Explanation};
use crate::entity::Entity;
use crate::error::{IntoPython, denied, store_error};
use crate::filter::{Filter, TableMapping};
use crate::known::Environments;
use crate::request::{Action, Circumstances, Request, Rows, whole};
use crate::uid::{EntityUid, Name, Uid, series};
use crate::world::World;

/// Policies and facts behind one door: answers who may do what.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Engine {
    pub(crate) engine: doorward::Engine,
    pub(crate) environments: Environments,
}

/// Who asks, for what, and of which resource.
type Asked<'q, 'a, 'py> = (&'q Uid<'a, 'py>, &'q Action<'a, 'py>, &'q Uid<'a, 'py>);

impl Engine {
    /// Decides by names that were looked up before, where that is possible; otherwise as a whole.
    #[inline]
    fn decide(
        &self,
        asked: Asked<'_, '_, '_>,
        context: Option<&Circumstances<'_, '_>>,
        entities: Option<&Rows>,
    ) -> PyResult<doorward::Decision> {
        let (principal, action, resource) = asked;
        let context = context.unwrap_or(&Circumstances::Nothing);
        let is_plain = entities.is_none_or(|rows| rows.0.is_empty());
        if is_plain && !matches!(context, Circumstances::Given(_)) {
            let prepared = match context {
                Circumstances::Prepared(context) => Some(context.get()),
                Circumstances::Nothing | Circumstances::Given(_) => None,
            };
            let ends = [principal.name(), resource.name()];
            if let Some(decision) = self.decide_in(ends, action.names()?, prepared) {
                return Ok(decision);
            }
        }
        let rows = entities.map_or(&[][..], |rows| &rows.0);
        Ok(self.engine.check(&whole(asked, context, rows)?))
    }

    #[inline]
    fn decide_in(
        &self,
        ends: [&Name; 2],
        action: (&str, &str),
        context: Option<&crate::request::Context>,
    ) -> Option<doorward::Decision> {
        self.environments.with(&self.engine, ends, action, |known| {
            let known = known?;
            let ask = |context: Option<&doorward::Context>| {
                let [principal, resource] = ends.map(Name::id);
                Some(self.engine.check_in(&known.environment, principal, resource, context?))
            };
            match context {
                None => ask(known.nothing.as_ref()),
                Some(context) => context.with(&self.engine, known, ask),
            }
        })
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        policies, *, facts = None, host_owned = None, stored_or_inline = None,
        all_inline = false, error_mode = "fail_closed", shadow = 0.0,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn new(
        py: Python<'_>,
        policies: &PolicyBundle,
        facts: Option<&Bound<'_, PyAny>>,
        host_owned: Option<Vec<String>>,
        stored_or_inline: Option<Vec<String>>,
        all_inline: bool,
        error_mode: &str,
        shadow: f64,
    ) -> PyResult<Self> {
        let bundle = policies.0.clone();
        let mut builder = doorward::Engine::builder(bundle.clone()).shadow(share(shadow)?);
        builder = builder.error_mode(error_mode_of(error_mode)?);
        for name in host_owned.unwrap_or_default() {
            builder = builder.host_owned(name);
        }
        for name in stored_or_inline.unwrap_or_default() {
            builder = builder.stored_or_inline(name);
        }
        if all_inline {
            builder = builder.all_inline();
        }
        if let Some(facts) = facts {
            let read = match facts.cast::<PyString>() {
                Ok(json) => {
                    let json = json.to_str()?;
                    py.detach(|| bundle.read_facts(json))
                }
                Err(_) => {
                    let rows: Rows = facts.extract()?;
                    py.detach(|| bundle.facts(rows.0))
                }
            };
            builder = builder.facts(read.map_err(|error| store_error(py, error))?);
        }
        let engine = py.detach(|| builder.build()).map_err(|error| error.into_python(py))?;
        Ok(Self { engine, environments: Environments::default() })
    }

    #[pyo3(signature = (principal, action, resource, context = None, *, entities = None))]
    fn check(
        &self,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Decision> {
        let asked = (&principal, &action, &resource);
        self.decide(asked, context.as_ref(), entities.as_ref()).map(Decision)
    }

    #[pyo3(signature = (principal, action, resource, context = None, *, entities = None))]
    fn allows(
        &self,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<bool> {
        let asked = (&principal, &action, &resource);
        let decision = self.decide(asked, context.as_ref(), entities.as_ref())?;
        Ok(decision.is_allowed())
    }

    #[pyo3(signature = (principal, action, resource, context = None, *, entities = None))]
    fn require<'py>(
        &self,
        py: Python<'py>,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Bound<'py, Decision>> {
        let asked = (&principal, &action, &resource);
        let decision = self.decide(asked, context.as_ref(), entities.as_ref())?;
        let told = Bound::new(py, Decision(decision))?;
        if decision.is_allowed() { Ok(told) } else { Err(denied(py, told.into_any())) }
    }

    fn check_many<'py>(
        &self,
        py: Python<'py>,
        requests: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut batch = Batch::new(self);
        let decisions = PyList::empty(py);
        for request in requests.try_iter()? {
            let request = request?;
            let request = request
                .cast::<Request>()
                .map_err(|_| PyTypeError::new_err("requests are a series of Request"))?;
            decisions.append(batch.decide(py, request.get())?)?;
        }
        Ok(decisions)
    }

    #[pyo3(signature = (principal, resource, context = None, *, entities = None))]
    fn actions<'py>(
        &self,
        py: Python<'py>,
        principal: Uid<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let name = PyString::new(py, "");
        let any = Action::Name(name.as_borrowed());
        let request = requested((&principal, &any, &resource), context, entities)?;
        let answers = PyDict::new(py);
        for (action, decision) in self.engine.actions(&request) {
            answers.set_item(
                Bound::new(py, EntityUid(Name::of(&action)))?,
                Bound::new(py, Decision(decision))?,
            )?;
        }
        Ok(answers)
    }

    #[pyo3(signature = (principal, action, resource_type, context = None, *, entities = None))]
    fn list<'py>(
        &self,
        py: Python<'py>,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource_type: &str,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Bound<'py, PyList>> {
        let any = Uid::Read(Name::new(resource_type, ""));
        let request = requested((&principal, &action, &any), context, entities)?;
        uids(py, py.detach(|| self.engine.list(&request, resource_type)))
    }

    #[pyo3(signature = (action, resource, principal_type, context = None, *, entities = None))]
    fn who<'py>(
        &self,
        py: Python<'py>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        principal_type: &str,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Bound<'py, PyList>> {
        let any = Uid::Read(Name::new(principal_type, ""));
        let request = requested((&any, &action, &resource), context, entities)?;
        uids(py, py.detach(|| self.engine.who(&request, principal_type)))
    }

    #[pyo3(signature = (principal, action, resource, context = None, *, entities = None))]
    fn explain(
        &self,
        py: Python<'_>,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Explanation> {
        let request = requested((&principal, &action, &resource), context, entities)?;
        Ok(Explanation(py.detach(|| self.engine.explain(&request))))
    }

    #[pyo3(signature = (principal, action, mapping, context = None, *, entities = None))]
    fn filter(
        &self,
        py: Python<'_>,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        mapping: &TableMapping,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<Filter> {
        let any = Uid::Read(Name::new(mapping.mapping.type_name(), ""));
        let request = requested((&principal, &action, &any), context, entities)?;
        let filter = py.detach(|| self.engine.filter(&request, &mapping.mapping));
        filter.map(Filter).map_err(|error| error.into_python(py))
    }

    #[pyo3(signature = (principal, action, resource, view, context = None, *, entities = None))]
    fn is_disclosed(
        &self,
        principal: Uid<'_, '_>,
        action: Action<'_, '_>,
        resource: Uid<'_, '_>,
        view: Action<'_, '_>,
        context: Option<Circumstances<'_, '_>>,
        entities: Option<Rows>,
    ) -> PyResult<bool> {
        let request = requested((&principal, &action, &resource), context, entities)?;
        Ok(self.engine.disclosure(&request, view.name()?) == Disclosure::Forbidden)
    }

    fn world(&self) -> World {
        World(self.engine.world())
    }

    #[pyo3(signature = (principal, context = None))]
    fn checker(&self, principal: Uid<'_, '_>, context: Option<Circumstances<'_, '_>>) -> Checker {
        let record = context.map_or_else(Default::default, |context| context.record());
        Checker::new(self.engine.world(), principal.get().clone(), record)
    }

    #[pyo3(signature = (put = None, *, remove = None))]
    fn apply(
        &self,
        py: Python<'_>,
        put: Option<Rows>,
        remove: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let mut changes = doorward::Changes::new();
        for row in put.map_or_else(Vec::new, |rows| rows.0) {
            changes.push(Change::Put(row));
        }
        if let Some(remove) = remove {
            for uid in series(remove)? {
                changes.push(Change::Remove(uid));
            }
        }
        let applied = py.detach(|| self.engine.apply(&changes));
        applied.map(doorward::Revision::number).map_err(|error| error.into_python(py))
    }

    fn publish(&self, py: Python<'_>, policies: &PolicyBundle) -> PyResult<u64> {
        let published = py.detach(|| {
            let published = self.engine.publish(policies.0.clone());
            self.environments.forget();
            published
        });
        published.map(doorward::Revision::number).map_err(|error| error.into_python(py))
    }

    #[getter]
    fn policies(&self) -> PolicyBundle {
        PolicyBundle(self.engine.world().policies().clone())
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.engine.world().revision().number()
    }

    fn entity(&self, uid: Uid<'_, '_>) -> Option<Entity> {
        self.engine.world().facts().entity(uid.get()).map(Entity::of)
    }

    fn __contains__(&self, uid: Uid<'_, '_>) -> bool {
        self.engine.world().facts().contains(uid.get())
    }

    fn __len__(&self) -> usize {
        self.engine.world().facts().len()
    }

    fn __repr__(&self) -> String {
        let world = self.engine.world();
        let (policies, facts) = (world.policies().policies().len(), world.facts().len());
        format!("<Engine of {policies} policies and {facts} entities, {}>", world.revision())
    }
}

/// A share of all.
pub(crate) fn share(share: f64) -> PyResult<f64> {
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(PyValueError::new_err("shadow is a share, from 0 to 1"))
}

pub(crate) fn error_mode_of(text: &str) -> PyResult<ErrorMode> {
    match text {
        "fail_closed" => Ok(ErrorMode::FailClosed),
        "cedar" => Ok(ErrorMode::Cedar),
        other => Err(PyValueError::new_err(format!(
            "error_mode is `fail_closed` or `cedar`, and not {other:?}"
        ))),
    }
}

fn requested(
    asked: Asked<'_, '_, '_>,
    context: Option<Circumstances<'_, '_>>,
    entities: Option<Rows>,
) -> PyResult<doorward::Request> {
    let context = context.unwrap_or(Circumstances::Nothing);
    whole(asked, &context, &entities.map_or_else(Vec::new, |rows| rows.0))
}

/// Names, as a list.
pub(crate) fn uids(py: Python<'_>, found: Vec<doorward::EntityUid>) -> PyResult<Bound<'_, PyList>> {
    let found = found.into_iter().map(|uid| Bound::new(py, EntityUid(Name::of(&uid))));
    PyList::new(py, found.collect::<PyResult<Vec<_>>>()?)
}
