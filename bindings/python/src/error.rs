//! The library's errors as Python's. Their classes stand in `doorward._errors`: there they are plain
//! Python, to be subclassed, documented and pickled.

use doorward::author::SuiteError;
use doorward::{FilterError, PolicyError, RequestError, Severity, StoreError, WriteError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::class::Class;
use crate::decision::Decision;

static DIAGNOSTIC: Class = Class::of("doorward._errors", "Diagnostic");
static POLICY_ERROR: Class = Class::of("doorward._errors", "PolicyError");
static CONFIG_ERROR: Class = Class::of("doorward._errors", "ConfigError");
static REQUEST_ERROR: Class = Class::of("doorward._errors", "RequestError");
static STORE_ERROR: Class = Class::of("doorward._errors", "StoreError");
static WRITE_ERROR: Class = Class::of("doorward._errors", "WriteError");
static FILTER_ERROR: Class = Class::of("doorward._errors", "FilterError");
static SUITE_ERROR: Class = Class::of("doorward._errors", "SuiteError");
static DENIED: Class = Class::of("doorward._errors", "Denied");

/// An error of the library as one of Python's.
pub(crate) trait IntoPython {
    fn into_python(self, py: Python<'_>) -> PyErr;
}

impl IntoPython for RequestError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        REQUEST_ERROR.error(py, (self.message(), self.help()))
    }
}

/// Where it is met, a value is part of a request or of a row that is passed along.
impl IntoPython for doorward::ValueError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        RequestError::from(self).into_python(py)
    }
}

impl IntoPython for StoreError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        STORE_ERROR.error(py, (self.message(), self.help()))
    }
}

impl IntoPython for FilterError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        filter_error(py, self.message(), self.help())
    }
}

impl IntoPython for PolicyError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        diagnosed(py, &POLICY_ERROR, &self.to_string(), self.diagnostics())
    }
}

/// An error with everything that is wrong.
fn diagnosed(
    py: Python<'_>,
    class: &Class,
    message: &str,
    diagnostics: &[doorward::Diagnostic],
) -> PyErr {
    let diagnostics = diagnostics.iter().map(|it| diagnostic(py, it));
    let told = diagnostics.collect::<PyResult<Vec<_>>>().and_then(|it| PyTuple::new(py, it));
    match told {
        Ok(diagnostics) => class.error(py, (message, None::<&str>, diagnostics)),
        Err(error) => error,
    }
}

impl IntoPython for WriteError {
    fn into_python(self, py: Python<'_>) -> PyErr {
        let violations =
            self.violations().iter().map(|it| (it.code().as_str(), it.message().to_owned()));
        let decision = self.decision().map(Decision);
        match PyTuple::new(py, violations.collect::<Vec<_>>()) {
            Ok(violations) => {
                let code = self.code().as_str();
                WRITE_ERROR.error(py, (self.to_string(), None::<&str>, code, violations, decision))
            }
            Err(error) => error,
        }
    }
}

impl IntoPython for doorward::Error {
    fn into_python(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Policy(error) => error.into_python(py),
            Self::Store(error) => error.into_python(py),
            Self::Request(error) => error.into_python(py),
            Self::Write(error) => error.into_python(py),
            Self::Value(error) => error.into_python(py),
            Self::Config(error) => {
                diagnosed(py, &CONFIG_ERROR, &error.to_string(), error.diagnostics())
            }
            Self::Filter(error) => error.into_python(py),
            other => REQUEST_ERROR.error(py, (other.to_string(), None::<&str>)),
        }
    }
}

/// What goes wrong with facts.
pub(crate) fn store_error(py: Python<'_>, error: doorward::ValueError) -> PyErr {
    StoreError::from(error).into_python(py)
}

/// Arguments that form no request.
pub(crate) fn request_error(py: Python<'_>, message: &str, help: &str) -> PyErr {
    REQUEST_ERROR.error(py, (message, help))
}

/// A question that cannot be asked of the host's tables.
pub(crate) fn filter_error<'h>(
    py: Python<'_>,
    message: &str,
    help: impl Into<Option<&'h str>>,
) -> PyErr {
    FILTER_ERROR.error(py, (message, help.into()))
}

/// Scenario files that cannot be used.
pub(crate) fn suite_error(py: Python<'_>, error: &SuiteError) -> PyErr {
    SUITE_ERROR.error(py, (error.message(), error.help()))
}

/// A write that cannot go on.
pub(crate) fn write_error(py: Python<'_>, message: &str) -> PyErr {
    WriteError::of_host(message).into_python(py)
}

/// A question that no policy was asked about.
pub(crate) fn refused(py: Python<'_>, refused: doorward::portal::Refused) -> PyErr {
    match Bound::new(py, Decision(refused.decision())) {
        Ok(decision) => denied(py, decision.into_any()),
        Err(error) => error,
    }
}

pub(crate) fn denied(py: Python<'_>, decision: Bound<'_, PyAny>) -> PyErr {
    DENIED.error(py, (decision,))
}

pub(crate) fn diagnostic<'py>(
    py: Python<'py>,
    told: &doorward::Diagnostic,
) -> PyResult<Bound<'py, PyAny>> {
    let severity = match told.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let named = PyDict::new(py);
    named.set_item("file", told.file())?;
    named.set_item("line", told.line())?;
    named.set_item("column", told.column())?;
    named.set_item("help", told.help())?;
    named.set_item("policy", told.policy().map(|id| id.as_str()))?;
    named.set_item("snippet", told.snippet())?;
    DIAGNOSTIC.get(py)?.call((told.code(), severity, told.message()), Some(&named))
}
