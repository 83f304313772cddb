//! Who asks a portal.

use std::net::IpAddr;

use doorward::Timestamp;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDateTime;

use crate::error::request_error;
use crate::ids::{ContactId, LinkId, StaffId};
use crate::value;

/// Who asks: a contact, the bearer of a link, a member of staff, with what the session carries.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Caller(pub(crate) doorward::Caller);

#[pymethods]
impl Caller {
    #[staticmethod]
    #[pyo3(signature = (
        contact, *, epoch = None, credential_version = None, authenticated_by = None, mfa_at = None,
        last_seen = None, address = None, at = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn contact(
        py: Python<'_>,
        contact: &ContactId,
        epoch: Option<i64>,
        credential_version: Option<i64>,
        authenticated_by: Option<&str>,
        mfa_at: Option<&Bound<'_, PyDateTime>>,
        last_seen: Option<&Bound<'_, PyDateTime>>,
        address: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<Self> {
        let mut caller = doorward::Caller::contact(contact.0.clone());
        caller = match (epoch, credential_version) {
            (Some(epoch), Some(version)) => caller.session(epoch, version),
            (None, Some(version)) => caller.credential(version),
            (None, None) => caller,
            (Some(_), None) => {
                return Err(PyValueError::new_err(
                    "a session's epoch comes with its credential_version",
                ));
            }
        };
        caller = match authenticated_by {
            None => caller,
            Some("password") => caller.password(),
            Some("sso") => caller.single_sign_on(),
            Some("magic_link") => caller.magic_link(),
            Some(other) => {
                return Err(PyValueError::new_err(format!(
                    "authenticated_by is `password`, `sso` or `magic_link`, and not {other:?}"
                )));
            }
        };
        circumstances(py, caller, [mfa_at, last_seen, at], address)
    }

    #[staticmethod]
    #[pyo3(signature = (staff, *, mfa_at = None, last_seen = None, address = None, at = None))]
    fn staff(
        py: Python<'_>,
        staff: &StaffId,
        mfa_at: Option<&Bound<'_, PyDateTime>>,
        last_seen: Option<&Bound<'_, PyDateTime>>,
        address: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<Self> {
        let caller = doorward::Caller::staff(staff.0.clone());
        circumstances(py, caller, [mfa_at, last_seen, at], address)
    }

    #[staticmethod]
    #[pyo3(signature = (link, *, address = None, at = None))]
    fn link(
        py: Python<'_>,
        link: &LinkId,
        address: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<Self> {
        circumstances(py, doorward::Caller::link(link.0.clone()), [None, None, at], address)
    }

    #[staticmethod]
    #[pyo3(signature = (staff, contact, started, *, at = None))]
    fn view_as(
        py: Python<'_>,
        staff: &StaffId,
        contact: &ContactId,
        started: &Bound<'_, PyDateTime>,
        at: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<Self> {
        let started = value::timestamp(started)?;
        let caller = doorward::Caller::view_as(staff.0.clone(), contact.0.clone(), started);
        circumstances(py, caller, [None, None, at], None)
    }

    #[staticmethod]
    #[pyo3(signature = (staff, contact, *, at = None))]
    fn on_behalf(
        py: Python<'_>,
        staff: &StaffId,
        contact: &ContactId,
        at: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<Self> {
        let caller = doorward::Caller::on_behalf(staff.0.clone(), contact.0.clone());
        circumstances(py, caller, [None, None, at], None)
    }

    /// Who: ids may name people.
    fn __repr__(&self) -> &'static str {
        "<Caller>"
    }
}

fn circumstances(
    py: Python<'_>,
    mut caller: doorward::Caller,
    [mfa_at, last_seen, at]: [Option<&Bound<'_, PyDateTime>>; 3],
    address: Option<&Bound<'_, PyAny>>,
) -> PyResult<Caller> {
    let moment = |moment: Option<&Bound<'_, PyDateTime>>| -> PyResult<Option<Timestamp>> {
        moment.map(value::timestamp).transpose()
    };
    if let Some(moment) = moment(mfa_at)? {
        caller = caller.mfa_at(moment);
    }
    if let Some(moment) = moment(last_seen)? {
        caller = caller.last_seen(moment);
    }
    if let Some(moment) = moment(at)? {
        caller = caller.at(moment);
    }
    if let Some(address) = address {
        let address = address.str()?.to_str()?.parse::<IpAddr>().map_err(|_| {
            request_error(py, "an address is none", "give one IPv4 or IPv6 address, and no network")
        })?;
        caller = caller.address(address);
    }
    Ok(Caller(caller))
}
