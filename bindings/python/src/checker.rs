//! Many questions of one principal, on the facts of one moment.

use std::sync::{Arc, PoisonError, RwLock};

use doorward::{Environment, Record, World};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::decision::Decision;
use crate::engine::uids;
use crate::error::IntoPython as _;
use crate::filter::{Filter, TableMapping};
use crate::request::Action;
use crate::uid::{EntityUid, Name, Uid};

/// One principal in some circumstances, asked about many resources of one moment.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Checker {
    world: Arc<World>,
    principal: doorward::EntityUid,
    record: Record,
    /// What was asked before.
    known: RwLock<Vec<Arc<Asked>>>,
}

struct Asked {
    action: doorward::EntityUid,
    resource_type: Box<str>,
    /// `None` where such a question has to be asked as a whole, and is refused mostly.
    checker: Option<(Environment, doorward::Checker)>,
}

impl Checker {
    pub(crate) fn new(world: Arc<World>, principal: doorward::EntityUid, record: Record) -> Self {
        Self { world, principal, record, known: RwLock::default() }
    }

    #[inline]
    fn asked(&self, action: (&str, &str), resource_type: &str) -> Arc<Asked> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let is_it = |it: &&Arc<Asked>| {
                it.action.id() == action.1
                    && *it.resource_type == *resource_type
                    && it.action.type_name() == action.0
            };
            if let Some(asked) = known.iter().find(is_it) {
                return Arc::clone(asked);
            }
        }
        let action = doorward::EntityUid::new(action.0, action.1);
        let checker = self.prepare(&action, resource_type);
        let asked = Arc::new(Asked { action, resource_type: resource_type.into(), checker });
        // What the schema does not declare, anybody can make up more of.
        if asked.checker.is_some() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.push(Arc::clone(&asked));
        }
        asked
    }

    #[cold]
    fn prepare(
        &self,
        action: &doorward::EntityUid,
        resource_type: &str,
    ) -> Option<(Environment, doorward::Checker)> {
        let environment =
            self.world.environment(self.principal.type_name(), action, resource_type).ok()?;
        let context = self.world.context(&environment, self.record.clone()).ok()?;
        let checker = self.world.checker(&environment, self.principal.id(), &context).ok()?;
        Some((environment, checker))
    }

    #[inline]
    fn decide(
        &self,
        action: &Action<'_, '_>,
        resource: &Uid<'_, '_>,
    ) -> PyResult<doorward::Decision> {
        let resource = resource.get();
        let asked = self.asked(action.names()?, resource.type_name());
        Ok(match &asked.checker {
            Some((environment, checker)) => checker.check(environment, resource.id()),
            None => self.world.check(&self.request(&asked.action, resource.clone())),
        })
    }

    fn request(
        &self,
        action: &doorward::EntityUid,
        resource: doorward::EntityUid,
    ) -> doorward::Request {
        doorward::Request::new(self.principal.clone(), action, resource)
            .context(self.record.clone())
    }
}

#[pymethods]
impl Checker {
    fn check(&self, action: Action<'_, '_>, resource: Uid<'_, '_>) -> PyResult<Decision> {
        self.decide(&action, &resource).map(Decision)
    }

    fn allows(&self, action: Action<'_, '_>, resource: Uid<'_, '_>) -> PyResult<bool> {
        Ok(self.decide(&action, &resource)?.is_allowed())
    }

    fn list<'py>(
        &self,
        py: Python<'py>,
        action: Action<'_, '_>,
        resource_type: &str,
    ) -> PyResult<Bound<'py, PyList>> {
        let asked = self.asked(action.names()?, resource_type);
        let found = py.detach(|| match &asked.checker {
            Some((environment, checker)) => checker.list(environment).uids(),
            None => {
                let any = doorward::EntityUid::new(resource_type, "");
                self.world.list(&self.request(&asked.action, any), resource_type)
            }
        });
        uids(py, found)
    }

    fn allowed<'py>(
        &self,
        py: Python<'py>,
        actions: Vec<Bound<'py, PyAny>>,
        resources: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let actions: Vec<Action<'_, '_>> =
            actions.iter().map(|action| action.extract()).collect::<PyResult<_>>()?;
        let rows = PyList::empty(py);
        for resource in resources.try_iter()? {
            let resource = resource?;
            let resource: Uid<'_, '_> = resource.extract()?;
            let allowed = actions
                .iter()
                .map(|action| self.decide(action, &resource).map(|it| it.is_allowed()))
                .collect::<PyResult<Vec<bool>>>()?;
            rows.append(PyTuple::new(py, allowed)?)?;
        }
        Ok(rows)
    }

    fn filter(
        &self,
        py: Python<'_>,
        action: Action<'_, '_>,
        mapping: &TableMapping,
    ) -> PyResult<Filter> {
        let mapping = &mapping.mapping;
        let asked = self.asked(action.names()?, mapping.type_name());
        let filter = py.detach(|| match &asked.checker {
            Some((environment, checker)) => checker.filter(environment, mapping),
            None => {
                let any = doorward::EntityUid::new(mapping.type_name(), "");
                self.world.filter(&self.request(&asked.action, any), mapping)
            }
        });
        filter.map(Filter).map_err(|error| error.into_python(py))
    }

    #[getter]
    fn principal(&self) -> EntityUid {
        EntityUid(Name::of(&self.principal))
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.world.revision().number()
    }

    /// The type alone: ids may name people.
    fn __repr__(&self) -> String {
        format!("<Checker of a {}, {}>", self.principal.type_name(), self.world.revision())
    }
}
