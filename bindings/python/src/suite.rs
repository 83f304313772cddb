//! Scenarios with expected answers, for tests of policies.

use std::path::PathBuf;
use std::sync::Arc;

use doorward::author::{Asked, ScenarioReport, SuiteReport};
use doorward::portal::shipped_policies;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PyTuple};

use crate::bundle::PolicyBundle;
use crate::class::Class;
use crate::error::{IntoPython, suite_error};
use crate::request::Request;
use crate::world::World;

/// Scenario files with their fixtures, ready to run.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Suite(doorward::author::Suite);

#[pymethods]
impl Suite {
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| doorward::author::Suite::load(path));
        loaded.map(Self).map_err(|error| suite_error(py, &error))
    }

    #[staticmethod]
    #[pyo3(signature = (text, name = "scenarios.yaml"))]
    fn from_text(py: Python<'_>, text: &str, name: &str) -> PyResult<Self> {
        let read = py.detach(|| doorward::author::Suite::from_text(name, text));
        read.map(Self).map_err(|error| suite_error(py, &error))
    }

    #[getter]
    fn scenarios<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.scenarios().collect::<Vec<_>>())
    }

    #[pyo3(signature = (policies = None, *, filter = None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        policies: Option<&PolicyBundle>,
        filter: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policies = given_or_shipped(py, policies)?;
        suite_report(py, py.detach(|| self.0.run(&policies, filter)))
    }

    #[pyo3(signature = (id, policies = None))]
    fn run_one<'py>(
        &self,
        py: Python<'py>,
        id: &str,
        policies: Option<&PolicyBundle>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let policies = given_or_shipped(py, policies)?;
        let report = py.detach(|| self.0.run_one(&policies, id));
        report.map(|report| scenario_report(py, report)).transpose()
    }

    #[pyo3(signature = (observe, policies = None, *, filter = None))]
    fn run_with<'py>(
        &self,
        py: Python<'py>,
        observe: &Bound<'py, PyAny>,
        policies: Option<&PolicyBundle>,
        filter: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policies = given_or_shipped(py, policies)?;
        let mut raised = None;
        let report = self.0.run_with(&policies, filter, |asked| {
            if raised.is_none() {
                raised = show(py, observe, asked).err();
            }
        });
        match raised {
            Some(error) => Err(error),
            None => suite_report(py, report),
        }
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<Suite of {} scenarios>", self.0.len())
    }
}

fn given_or_shipped(
    py: Python<'_>,
    policies: Option<&PolicyBundle>,
) -> PyResult<doorward::PolicyBundle> {
    match policies {
        Some(policies) => Ok(policies.0.clone()),
        None => shipped_policies().map_err(|error| error.into_python(py)),
    }
}

fn show(py: Python<'_>, observe: &Bound<'_, PyAny>, asked: &Asked<'_>) -> PyResult<()> {
    static ASKED: Class = Class::of("doorward.scenarios", "Asked");
    let request = Bound::new(py, Request::of(asked.request.clone()))?;
    let world = Bound::new(py, World(Arc::clone(asked.world)))?;
    let expected = asked.expected.to_string();
    observe.call1((ASKED.make(py, (asked.scenario, asked.step, request, expected, world))?,))?;
    Ok(())
}

fn suite_report(py: Python<'_>, report: SuiteReport) -> PyResult<Bound<'_, PyAny>> {
    static REPORT: Class = Class::of("doorward.scenarios", "SuiteReport");
    let scenarios = report.scenarios.into_iter().map(|it| scenario_report(py, it));
    REPORT.make(py, (PyTuple::new(py, scenarios.collect::<PyResult<Vec<_>>>()?)?,))
}

fn scenario_report(py: Python<'_>, report: ScenarioReport) -> PyResult<Bound<'_, PyAny>> {
    static REPORT: Class = Class::of("doorward.scenarios", "ScenarioReport");
    static FAILURE: Class = Class::of("doorward.scenarios", "Failure");
    let ScenarioReport { id, file, note, compared, codes, failures } = report;
    let failures = failures.into_iter().map(|it| {
        FAILURE.make(py, (it.step, it.expected, it.actual, PyTuple::new(py, it.details)?))
    });
    let failures = PyTuple::new(py, failures.collect::<PyResult<Vec<_>>>()?)?;
    REPORT.make(py, (id, file, note, compared, PyFrozenSet::new(py, codes)?, failures))
}
