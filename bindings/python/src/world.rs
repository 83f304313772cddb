//! Policies and facts of one moment.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::bundle::PolicyBundle;
use crate::checker::Checker;
use crate::decision::{Decision, Explanation};
use crate::entity::Entity;
use crate::request::{Circumstances, Request};
use crate::uid::Uid;

/// Policies and facts of one moment: answers whole requests.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct World(pub(crate) Arc<doorward::World>);

#[pymethods]
impl World {
    fn check(&self, py: Python<'_>, request: &Request) -> Decision {
        Decision(self.0.check(&request.as_whole(py)))
    }

    fn allows(&self, py: Python<'_>, request: &Request) -> bool {
        self.0.check(&request.as_whole(py)).is_allowed()
    }

    fn explain(&self, py: Python<'_>, request: &Request) -> Explanation {
        let request = request.as_whole(py);
        Explanation(py.detach(|| self.0.explain(&request)))
    }

    #[pyo3(signature = (principal, context = None))]
    fn checker(&self, principal: Uid<'_, '_>, context: Option<Circumstances<'_, '_>>) -> Checker {
        let record = context.map_or_else(Default::default, |context| context.record());
        Checker::new(Arc::clone(&self.0), principal.get().clone(), record)
    }

    fn entity(&self, uid: Uid<'_, '_>) -> Option<Entity> {
        self.0.facts().entity(uid.get()).map(Entity::of)
    }

    fn __contains__(&self, uid: Uid<'_, '_>) -> bool {
        self.0.facts().contains(uid.get())
    }

    fn __len__(&self) -> usize {
        self.0.facts().len()
    }

    #[getter]
    fn policies(&self) -> PolicyBundle {
        PolicyBundle(self.0.policies().clone())
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.0.revision().number()
    }

    fn __repr__(&self) -> String {
        let (policies, facts) = (self.0.policies().policies().len(), self.0.facts().len());
        format!("<World of {policies} policies and {facts} entities, {}>", self.0.revision())
    }
}
