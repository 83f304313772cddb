//! Portals, and questions to their tenants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use doorward::portal::{Channel, TenantConfig};
use doorward::{Action, Disclosure, Facts, Kind, Preset, Timestamp};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyList, PyString, PyTuple};

use crate::bundle::PolicyBundle;
use crate::caller::Caller;
use crate::decision::{Decision, Explanation};
use crate::document::{About, word};
use crate::engine::{error_mode_of, share};
use crate::error::{IntoPython, denied, refused, store_error};
use crate::ids::{
    ClientId, ContactId, DocumentId, GivenContact, GivenDocument, LinkId, ShareId, StaffId,
};
use crate::value::{moment, read_json, timestamp};
use crate::world::World;
use crate::write::{Write, outside_of_writes};

/// A clock that stands still until it is set: for tests.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Clock(Arc<AtomicI64>);

#[pymethods]
impl Clock {
    #[new]
    #[pyo3(signature = (now, /))]
    fn new(now: &Bound<'_, PyDateTime>) -> PyResult<Self> {
        Ok(Self(Arc::new(AtomicI64::new(timestamp(now)?.as_ms()))))
    }

    #[pyo3(signature = (now, /))]
    fn set(&self, now: &Bound<'_, PyDateTime>) -> PyResult<()> {
        self.0.store(timestamp(now)?.as_ms(), Ordering::Relaxed);
        Ok(())
    }

    #[getter]
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        moment(py, Timestamp::from_ms(self.0.load(Ordering::Relaxed)))
    }
}

/// The tenants of one host, under the same policies.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Portal(doorward::Portal);

#[pymethods]
impl Portal {
    #[new]
    #[pyo3(signature = (
        policies = None, *, host_owned_documents = false, error_mode = "fail_closed", clock = None,
        shadow = 0.0,
    ))]
    fn new(
        py: Python<'_>,
        policies: Option<&PolicyBundle>,
        host_owned_documents: bool,
        error_mode: &str,
        clock: Option<&Clock>,
        shadow: f64,
    ) -> PyResult<Self> {
        let mut builder = doorward::Portal::builder().shadow(share(shadow)?);
        if let Some(policies) = policies {
            builder = builder.policies(policies.0.clone());
        }
        if host_owned_documents {
            builder = builder.host_owned_documents();
        }
        builder = builder.error_mode(error_mode_of(error_mode)?);
        if let Some(clock) = clock {
            let now = Arc::clone(&clock.0);
            builder = builder.clock(move || Timestamp::from_ms(now.load(Ordering::Relaxed)));
        }
        py.detach(|| builder.build()).map(Self).map_err(|error| error.into_python(py))
    }

    #[pyo3(signature = (id, config, /))]
    fn create_tenant(
        &self,
        py: Python<'_>,
        id: &str,
        config: &Bound<'_, PyAny>,
    ) -> PyResult<Tenant> {
        outside_of_writes(py)?;
        let config = match config.cast::<PyString>() {
            Ok(preset) => word::<Preset>(py, preset.to_str()?)?.into(),
            Err(_) => {
                let members = config.cast::<PyDict>().map_err(|_| {
                    PyTypeError::new_err("a configuration is the name of a preset, or a dict")
                })?;
                let text: serde_json::Value = read_json(members, "configuration")?;
                let read = TenantConfig::read("configuration", &text.to_string());
                read.map_err(|error| doorward::Error::from(error).into_python(py))?
            }
        };
        let created = py.detach(|| self.0.create_tenant(id, config));
        created.map(Tenant).map_err(|error| error.into_python(py))
    }

    #[pyo3(signature = (id, facts, /))]
    fn restore_tenant(&self, py: Python<'_>, id: &str, facts: &str) -> PyResult<Tenant> {
        outside_of_writes(py)?;
        let restored = py.detach(|| {
            let facts: Facts = self.0.policies().read_facts(facts)?;
            self.0.restore_tenant(id, facts)
        });
        restored.map(Tenant).map_err(|error| error.into_python(py))
    }

    fn tenant(&self, id: &str) -> Option<Tenant> {
        self.0.tenant(id).map(Tenant)
    }

    fn __getitem__(&self, id: &str) -> PyResult<Tenant> {
        self.tenant(id).ok_or_else(|| PyKeyError::new_err(id.to_owned()))
    }

    #[getter]
    fn policies(&self) -> PolicyBundle {
        PolicyBundle(self.0.policies())
    }

    fn publish(&self, py: Python<'_>, policies: &PolicyBundle) -> PyResult<()> {
        outside_of_writes(py)?;
        let published = py.detach(|| self.0.publish(policies.0.clone()));
        published.map_err(|error| error.into_python(py))
    }
}

/// One portal: its clients, contacts, documents and what they were given.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Tenant(doorward::Tenant);

#[pymethods]
impl Tenant {
    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    fn client(&self, id: &str) -> ClientId {
        ClientId(self.0.client(id))
    }

    fn contact(&self, id: &str) -> ContactId {
        ContactId(self.0.contact(id))
    }

    fn staff(&self, id: &str) -> StaffId {
        StaffId(self.0.staff(id))
    }

    fn document(&self, id: &str) -> DocumentId {
        DocumentId(self.0.document(id))
    }

    fn share(&self, id: &str) -> ShareId {
        ShareId(self.0.share(id))
    }

    fn link(&self, id: &str) -> LinkId {
        LinkId(self.0.link(id))
    }

    fn access(&self, contact: GivenContact) -> Option<(&'static str, &'static str, i64, i64)> {
        let access = self.0.access(&contact.of(self.0.id()))?;
        let (state, credential) = (access.state.as_str(), access.credential.as_str());
        Some((state, credential, access.credential_version, access.epoch))
    }

    fn check(
        &self,
        py: Python<'_>,
        caller: &Caller,
        action: &str,
        resource: About,
    ) -> PyResult<Decision> {
        Ok(Decision(self.0.check(&caller.0, word(py, action)?, resource.of(&self.0))))
    }

    fn allows(
        &self,
        py: Python<'_>,
        caller: &Caller,
        action: &str,
        resource: About,
    ) -> PyResult<bool> {
        Ok(self.0.check(&caller.0, word(py, action)?, resource.of(&self.0)).is_allowed())
    }

    fn require<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        action: &str,
        resource: About,
    ) -> PyResult<Bound<'py, Decision>> {
        let decision = self.0.check(&caller.0, word(py, action)?, resource.of(&self.0));
        let told = Bound::new(py, Decision(decision))?;
        if decision.is_allowed() { Ok(told) } else { Err(denied(py, told.into_any())) }
    }

    fn actions<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        resource: About,
    ) -> PyResult<Bound<'py, PyDict>> {
        decisions(py, self.0.actions(&caller.0, resource.of(&self.0)))
    }

    fn field_groups<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        resource: About,
    ) -> PyResult<Bound<'py, PyDict>> {
        decisions(py, self.0.field_groups(&caller.0, resource.of(&self.0)))
    }

    fn is_disclosed(
        &self,
        py: Python<'_>,
        caller: &Caller,
        action: &str,
        resource: About,
    ) -> PyResult<bool> {
        let resource = resource.of(&self.0);
        let disclosure = self.0.disclosure(&caller.0, word(py, action)?, resource);
        Ok(disclosure == Disclosure::Forbidden)
    }

    fn explain(
        &self,
        py: Python<'_>,
        caller: &Caller,
        action: &str,
        resource: About,
    ) -> PyResult<Explanation> {
        let (action, resource): (Action, _) = (word(py, action)?, resource.of(&self.0));
        let explained = py.detach(|| self.0.explain(&caller.0, action, resource));
        explained.map(Explanation).map_err(|error| refused(py, error))
    }

    fn message(&self, decision: &Decision) -> &'static str {
        self.0.message(&decision.0)
    }

    fn list<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        action: &str,
        kind: &str,
    ) -> PyResult<Bound<'py, PyList>> {
        let (action, kind): (Action, Kind) = (word(py, action)?, word(py, kind)?);
        let found = py.detach(|| self.0.list(&caller.0, action, &kind));
        PyList::new(py, found.into_iter().map(DocumentId))
    }

    #[pyo3(signature = (caller, action, kind, *, after = None, limit = 50))]
    fn page<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        action: &str,
        kind: &str,
        after: Option<GivenDocument>,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyList>, usize, Option<DocumentId>)> {
        let (action, kind): (Action, Kind) = (word(py, action)?, word(py, kind)?);
        let after = after.map(|after| after.of(self.0.id()));
        let page = py.detach(|| self.0.page(&caller.0, action, &kind, after.as_ref(), limit));
        let documents = PyList::new(py, page.documents.into_iter().map(DocumentId))?;
        Ok((documents, page.total, page.next.map(DocumentId)))
    }

    fn actions_many<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        resources: Vec<About>,
        actions: Vec<String>,
    ) -> PyResult<Bound<'py, PyList>> {
        let resources: Vec<_> = resources.into_iter().map(|it| it.of(&self.0)).collect();
        let actions: Vec<Action> =
            actions.iter().map(|action| word(py, action)).collect::<PyResult<_>>()?;
        let decided = py.detach(|| self.0.actions_many(&caller.0, &resources, &actions));
        let rows = decided.into_iter().map(|row| {
            let row = row.into_iter().map(|decision| Bound::new(py, Decision(decision)));
            PyTuple::new(py, row.collect::<PyResult<Vec<_>>>()?)
        });
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    fn totals(
        &self,
        py: Python<'_>,
        caller: &Caller,
        action: &str,
        kind: &str,
    ) -> PyResult<(usize, BTreeMap<String, i128>)> {
        let (action, kind): (Action, Kind) = (word(py, action)?, word(py, kind)?);
        let totals = py.detach(|| self.0.totals(&caller.0, action, &kind));
        Ok((totals.count, totals.amounts))
    }

    fn check_credential_mail(&self, contact: GivenContact) -> Decision {
        Decision(self.0.check_credential_mail(&contact.of(self.0.id())))
    }

    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let settings = self.0.settings().map_err(|error| store_error(py, error))?;
        let text = serde_json::to_string(&settings);
        let text = text.map_err(|error| PyValueError::new_err(error.to_string()))?;
        py.import("json")?.call_method1("loads", (text,))
    }

    fn world(&self) -> World {
        World(self.0.world())
    }

    fn who<'py>(
        &self,
        py: Python<'py>,
        action: &str,
        resource: About,
    ) -> PyResult<Bound<'py, PyList>> {
        let (action, resource): (Action, _) = (word(py, action)?, resource.of(&self.0));
        let found = py.detach(|| self.0.who(action, resource));
        let found = found.map_err(|error| refused(py, error))?;
        PyList::new(py, found.into_iter().map(ContactId))
    }

    fn check_mail(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        event: &str,
        channel: &str,
        about: About,
    ) -> PyResult<Decision> {
        let (contact, about) = (contact.of(self.0.id()), about.of(&self.0));
        Ok(Decision(self.0.check_mail(&contact, event, word::<Channel>(py, channel)?, about)))
    }

    fn audience<'py>(
        &self,
        py: Python<'py>,
        about: About,
        event: &str,
        channels: Vec<String>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        let about = about.of(&self.0);
        let channels: Vec<Channel> =
            channels.iter().map(|channel| word(py, channel)).collect::<PyResult<_>>()?;
        let audience = py.detach(|| self.0.audience(about, event, &channels));
        let audience = audience.map_err(|error| refused(py, error))?;
        let told = |recipients: Vec<doorward::portal::Recipient>| {
            let told = recipients
                .into_iter()
                .map(|it| (ContactId(it.contact), it.channel.as_str(), Decision(it.decision)));
            PyList::new(py, told.collect::<Vec<_>>())
        };
        Ok((told(audience.recipients)?, told(audience.near_misses)?))
    }

    #[pyo3(signature = (actor, /))]
    fn write(&self, actor: &Caller) -> Write {
        Write::new(self.0.clone(), Some(actor.0.clone()))
    }

    fn write_as_system(&self) -> Write {
        Write::new(self.0.clone(), None)
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.0.world().revision().number()
    }

    fn to_json(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.facts().to_json().to_string())
    }

    fn __repr__(&self) -> String {
        format!("<Tenant {}, {}>", self.0.id(), self.0.world().revision())
    }
}

/// Decisions by the names of actions.
fn decisions(
    py: Python<'_>,
    told: Vec<(Action, doorward::Decision)>,
) -> PyResult<Bound<'_, PyDict>> {
    let found = PyDict::new(py);
    for (action, decision) in told {
        found.set_item(action.as_str(), Bound::new(py, Decision(decision))?)?;
    }
    Ok(found)
}
