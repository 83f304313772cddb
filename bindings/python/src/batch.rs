//! Many requests in one call.

use doorward::Environment;
use pyo3::prelude::*;

use crate::decision::Decision;
use crate::engine::Engine;
use crate::request::{Context, Request};
use crate::uid::UNNUMBERED;

/// How many kinds of requests, and how many decisions, are told apart.
const KINDS_MAX: usize = 32;
const DECISIONS_MAX: usize = 64;

/// What the requests of a batch have in common: they are of few kinds, and come to few decisions.
pub(crate) struct Batch<'e, 'py> {
    engine: &'e Engine,
    kinds: Vec<Kind>,
    /// Decisions are frozen, so that one object serves all requests that come to it.
    decisions: Vec<(doorward::Decision, Bound<'py, Decision>)>,
}

struct Kind {
    types: [u32; 2],
    action: doorward::EntityUid,
    /// Held, so that no other comes to stand in its place in memory.
    context: Option<Py<Context>>,
    /// `None` where such requests have to be asked as a whole.
    asked: Option<(Environment, doorward::Context)>,
}

impl Kind {
    fn of(py: Python<'_>, engine: &Engine, request: &Request) -> Self {
        let Request { principal, action, resource, context, .. } = request;
        let names = (action.uid.type_name(), action.uid.id());
        let asked =
            engine.environments.with(&engine.engine, [principal, resource], names, |known| {
                let known = known?;
                let asked = |context: Option<&doorward::Context>| {
                    context.map(|context| (known.environment.clone(), context.clone()))
                };
                match context {
                    None => asked(known.nothing.as_ref()),
                    Some(context) => context.bind(py).get().with(&engine.engine, known, asked),
                }
            });
        let types = [principal.type_number, resource.type_number];
        let context = context.as_ref().map(|context| context.clone_ref(py));
        Self { types, action: action.uid.clone(), context, asked }
    }

    #[inline]
    fn is_of(&self, request: &Request) -> bool {
        let is_same = match (&self.context, &request.context) {
            (Some(known), Some(context)) => known.is(context),
            (None, None) => true,
            _ => false,
        };
        is_same
            && self.types == [request.principal.type_number, request.resource.type_number]
            && !self.types.contains(&UNNUMBERED)
            && self.action == request.action.uid
    }

    #[inline]
    fn decide(&self, engine: &doorward::Engine, request: &Request) -> Option<doorward::Decision> {
        let (environment, context) = self.asked.as_ref()?;
        let (principal, resource) = (request.principal.id(), request.resource.id());
        Some(engine.check_in(environment, principal, resource, context))
    }
}

impl<'e, 'py> Batch<'e, 'py> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Self { engine, kinds: Vec::new(), decisions: Vec::new() }
    }

    pub(crate) fn decide(
        &mut self,
        py: Python<'py>,
        request: &Request,
    ) -> PyResult<Bound<'py, Decision>> {
        let decision = match &request.whole {
            Some(whole) => self.engine.engine.check(whole),
            None => self.decide_plain(py, request),
        };
        let known = self.decisions.iter().find(|(known, _)| *known == decision);
        if let Some((_, told)) = known {
            return Ok(told.clone());
        }
        let told = Bound::new(py, Decision(decision))?;
        if self.decisions.len() < DECISIONS_MAX {
            self.decisions.push((decision, told.clone()));
        }
        Ok(told)
    }

    fn decide_plain(&mut self, py: Python<'py>, request: &Request) -> doorward::Decision {
        let engine = &self.engine.engine;
        let decided = match self.kinds.iter().find(|kind| kind.is_of(request)) {
            Some(kind) => kind.decide(engine, request),
            None => {
                let kind = Kind::of(py, self.engine, request);
                let decided = kind.decide(engine, request);
                if self.kinds.len() < KINDS_MAX {
                    self.kinds.push(kind);
                }
                decided
            }
        };
        decided.unwrap_or_else(|| engine.check(&request.as_whole(py)))
    }
}
