//! What came of a request.

use doorward::{ClauseValue, Outcome};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Whether a request is allowed, and why.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Decision(pub(crate) doorward::Decision);

#[pymethods]
impl Decision {
    #[getter]
    fn allowed(&self) -> bool {
        self.0.is_allowed()
    }

    #[getter]
    fn code(&self) -> Option<&'static str> {
        self.0.code().map(|code| code.as_str())
    }

    #[getter]
    fn policy(&self) -> Option<&'static str> {
        self.0.policy().map(|id| id.as_str())
    }

    #[getter]
    fn step(&self) -> Option<u8> {
        self.0.step()
    }

    #[getter]
    fn step_up(&self) -> Option<&'static str> {
        self.0.step_up().map(|how| how.as_str())
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.0.revision().number()
    }

    #[getter]
    fn bundle(&self) -> String {
        self.0.bundle().to_string()
    }

    /// A refusal is never taken for "some value".
    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("a decision is no bool: ask for its `allowed`"))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Decision {}>", self.0)
    }
}

/// A decision with what led to it.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Explanation(pub(crate) doorward::Explanation);

#[pymethods]
impl Explanation {
    #[getter]
    fn decision(&self) -> Decision {
        Decision(self.0.decision)
    }

    #[getter]
    fn message(&self) -> &'static str {
        self.0.message
    }

    #[getter]
    fn fault(&self) -> Option<&str> {
        self.0.fault.as_deref()
    }

    #[getter]
    fn determining<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.determining.iter().map(|id| id.as_str()))
    }

    #[getter]
    fn erring<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let erring = PyDict::new(py);
        for (id, why) in &self.0.erring {
            erring.set_item(id.as_str(), why)?;
        }
        Ok(erring)
    }

    #[getter]
    fn policies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let policies = self.0.policies.iter().map(|trace| PolicyTrace::of(py, trace));
        PyTuple::new(py, policies.collect::<PyResult<Vec<_>>>()?)
    }

    /// Every policy with its clauses, as `doorward explain --output json` has them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.0.to_json().to_string(),))
    }

    /// The decision, and in a line each what kept it from being another.
    fn __str__(&self) -> String {
        let decision = &self.0.decision;
        let mut text = format!("{decision}: {}", self.0.message);
        for line in self.0.findings() {
            text.push_str("\n  ");
            text.push_str(&line);
        }
        text
    }

    fn __repr__(&self) -> String {
        format!("<Explanation {}>", self.0.decision)
    }
}

/// One policy of an explanation.
#[pyclass(frozen, module = "doorward", get_all)]
pub(crate) struct PolicyTrace {
    id: &'static str,
    effect: &'static str,
    reason_only: bool,
    step: Option<u8>,
    reason: Option<&'static str>,
    outcome: &'static str,
    error: Option<String>,
    near_miss: bool,
    clauses: Py<PyTuple>,
}

impl PolicyTrace {
    fn of(py: Python<'_>, trace: &doorward::PolicyTrace) -> PyResult<Self> {
        let (outcome, error) = match &trace.outcome {
            Outcome::Satisfied => ("satisfied", None),
            Outcome::NotSatisfied => ("not_satisfied", None),
            Outcome::Error(why) => ("error", Some(why.clone())),
        };
        let clauses = trace.clauses.iter().map(|clause| Bound::new(py, Clause::of(clause)));
        let clauses = PyTuple::new(py, clauses.collect::<PyResult<Vec<_>>>()?)?.unbind();
        Ok(Self {
            id: trace.id.as_str(),
            effect: if trace.permit { "permit" } else { "forbid" },
            reason_only: trace.reason_only,
            step: trace.step,
            reason: trace.reason.map(|reason| reason.as_str()),
            outcome,
            error,
            near_miss: trace.is_near_miss(),
            clauses,
        })
    }
}

#[pymethods]
impl PolicyTrace {
    fn __repr__(&self) -> String {
        format!("<PolicyTrace {} {}: {}>", self.effect, self.id, self.outcome)
    }
}

/// A part of a policy's scope or condition.
#[pyclass(frozen, module = "doorward", get_all)]
pub(crate) struct Clause {
    text: String,
    scope: bool,
    /// `None` where it could not be evaluated.
    holds: Option<bool>,
    error: Option<String>,
    reached: bool,
}

impl Clause {
    fn of(clause: &doorward::Clause) -> Self {
        let (holds, error) = match &clause.value {
            ClauseValue::True => (Some(true), None),
            ClauseValue::False => (Some(false), None),
            ClauseValue::Error(why) => (None, Some(why.clone())),
        };
        let (text, scope, reached) = (clause.text.clone(), clause.scope, clause.reached);
        Self { text, scope, holds, error, reached }
    }
}

#[pymethods]
impl Clause {
    fn __repr__(&self) -> String {
        format!("<Clause {}>", self.text)
    }
}
