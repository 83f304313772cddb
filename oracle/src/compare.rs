//! The engine's answers beside those of Cedar's own authorizer over all entities.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, PolicyId, PolicySet, Schema, SlotId,
    Template, ValidationMode, Validator,
};
use doorward::{
    AsEntity, Changes, Checker, Context as Circumstances, Decision, Engine, Entity, EntityUid,
    EntityWriter, ErrorMode, Id, Outcome, PolicyBundle, Request, Severity, Value,
};

use crate::generate::{Case, Link, Policy, Query, Row, Uid, World, cedar_pairs};
use crate::{filters, lists, share};

/// Of so many decisions, one is explained as well: that costs as much as a hundred checks.
const EXPLAINED: usize = 96;
/// Of so many requests, one is asked about all rows in its principal's and in its resource's place.
const LISTED: usize = 3;
const SCHEMA_NAME: &str = "s.cedarschema";

/// How often what came up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Worlds under policies.
    pub pairs: usize,
    /// Requests that policies decided.
    pub decisions: usize,
    /// Allowed by Cedar.
    pub allows: usize,
    /// Denied by a satisfied forbid.
    pub forbidden: usize,
    /// With a policy that errs.
    pub erring: usize,
    /// Allowed by Cedar, denied because a forbid errs.
    pub closed: usize,
    /// Refused with the code of a reason-only forbid.
    pub reasons: usize,
    /// Refused with a step up.
    pub steps_up: usize,
    /// Requests that do not fit the schema.
    pub misfits: usize,
    /// Decisions that were explained as well.
    pub explained: usize,
    /// Policies that were made.
    pub written: usize,
    /// Those among them that a bundle takes.
    pub kept: usize,
    /// Links of templates.
    pub links: usize,
    /// Rows passed inline.
    pub inline: usize,
    /// Filters that were made.
    pub filters: usize,
    /// Those among them that are conditions.
    pub conditions: usize,
    /// What columns could not tell.
    pub refused: usize,
    /// Entities in lists of what a request could be about, and of who could ask it.
    pub listed: usize,
}

impl Tally {
    /// Adds what another counted.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.decisions += other.decisions;
        self.allows += other.allows;
        self.forbidden += other.forbidden;
        self.erring += other.erring;
        self.closed += other.closed;
        self.reasons += other.reasons;
        self.steps_up += other.steps_up;
        self.misfits += other.misfits;
        self.explained += other.explained;
        self.written += other.written;
        self.kept += other.kept;
        self.links += other.links;
        self.inline += other.inline;
        self.listed += other.listed;
        self.filters += other.filters;
        self.conditions += other.conditions;
        self.refused += other.refused;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: usize| share(part, self.decisions);
        write!(
            f,
            "{} decisions: {} allowed, {} forbidden, {} with an erring policy, {} closed by one, \
             {} reason-only, {} stepped up; {} requests misfit; {} explained; \
             {} listed; {} filters, {} of them conditions, {} refused; {} of policies kept",
            self.decisions,
            of(self.allows),
            of(self.forbidden),
            of(self.erring),
            of(self.closed),
            of(self.reasons),
            of(self.steps_up),
            share(self.misfits, self.misfits + self.decisions),
            self.explained,
            self.listed,
            self.filters,
            self.conditions,
            self.refused,
            share(self.kept, self.written),
        )
    }
}

/// Where the engine and Cedar differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What is compared.
    pub what: &'static str,
    /// Into the worlds of the case, and into the requests of that world.
    pub place: Option<(usize, usize)>,
    /// What follows from Cedar's answers.
    pub expected: String,
    /// The engine's answer.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} differs", self.what)?;
        if let Some((world, query)) = self.place {
            writeln!(f, "  in world {world}, request {query}")?;
        }
        writeln!(f, "  Cedar:    {}", self.expected)?;
        write!(f, "  doorward: {}", self.found)
    }
}

/// Asks both every request of every world.
///
/// # Errors
///
/// The first difference.
pub fn compare(case: &Case, tally: &mut Tally) -> Result<(), Difference> {
    let oracle = Oracle::new(case)?;
    tally.written += case.policies.len();
    tally.kept += oracle.kept.len();
    tally.links += oracle.links.len();
    let mut engines: Option<Engines> = None;
    for (number, world) in case.worlds.iter().enumerate() {
        let engines = match &mut engines {
            // Most worlds follow from the one before by changes.
            Some(engines) if number % 4 != 0 => {
                engines.change(&case.worlds[number - 1], world);
                engines
            }
            old => old.insert(Engines::new(&oracle.bundle, case, world)),
        };
        tally.pairs += 1;
        tally.inline += world.inline.len();
        let rows = world.stored.iter().chain(&world.inline).map(Row::to_cedar);
        let entities = Entities::from_entities(rows, oracle.schema.as_ref())
            .expect("facts that fit the schema");
        for (query_number, query) in world.queries.iter().enumerate() {
            let answer = oracle.ask(&entities, query);
            let request = world
                .inline
                .iter()
                .map(Row::to_doorward)
                .fold(query.to_doorward(), Request::inline);
            let expected = answer.as_ref();
            compare_one(&oracle, engines, &request, query, expected, tally)
                .and_then(|()| {
                    compare_lists(engines, (world, query, query_number), &request, tally)
                })
                .and_then(|()| {
                    if oracle.schema.is_none() {
                        return Ok(());
                    }
                    if !world.inline.is_empty() {
                        return compare_structs(engines, query, &world.inline, &request);
                    }
                    compare_named(&oracle, engines, query, world, expected, (case, tally))
                })
                .map_err(|difference| Difference {
                    place: Some((number, query_number)),
                    ..difference
                })?;
        }
    }
    Ok(())
}

struct Engines {
    cedar: Engine,
    closed: Engine,
}

impl Engines {
    fn new(bundle: &PolicyBundle, case: &Case, world: &World) -> Self {
        let facts = bundle.facts(world.stored.iter().map(|row| Struct(row.to_doorward())));
        let facts = facts.expect("facts that fit the schema");
        let engine = |mode| {
            let mut builder = Engine::builder(bundle.clone()).facts(facts.clone()).error_mode(mode);
            if let Some(hosted) = case.hosted {
                builder = builder.stored_or_inline(hosted);
            }
            builder.build().expect("facts that fit the schema")
        };
        Self { cedar: engine(ErrorMode::Cedar), closed: engine(ErrorMode::FailClosed) }
    }

    /// Both, with how they take errors.
    fn modes(&self) -> [(ErrorMode, &Engine); 2] {
        [(ErrorMode::Cedar, &self.cedar), (ErrorMode::FailClosed, &self.closed)]
    }

    fn change(&mut self, before: &World, after: &World) {
        let kept: BTreeSet<_> = after.stored.iter().map(|row| row.uid.to_doorward()).collect();
        let gone = before.stored.iter().map(|row| row.uid.to_doorward());
        let changes = gone.filter(|uid| !kept.contains(uid)).fold(Changes::new(), Changes::remove);
        let new = after.stored.iter().filter(|row| !before.stored.contains(row));
        let changes = new.map(Row::to_doorward).fold(changes, Changes::put);
        for engine in [&self.cedar, &self.closed] {
            engine.apply(&changes).expect("facts that fit the schema");
        }
    }
}

fn compare_one(
    oracle: &Oracle<'_>,
    engines: &Engines,
    request: &Request,
    query: &Query,
    answer: Option<&Answer>,
    tally: &mut Tally,
) -> Result<(), Difference> {
    let fault = query.misfit;
    same("the generator's notion of a misfit", &answer.is_none(), &fault.is_some())?;
    let found = engines.cedar.determine(request);
    same("the fault", &fault, &found.fault.map(|code| code.as_str()))?;
    let Some(answer) = answer else {
        tally.misfits += 1;
        for (_, engine) in engines.modes() {
            let expected =
                Verdict { code: fault.map(str::to_owned), step: Some(1), ..Verdict::default() };
            same("the check of a misfit", &expected, &Verdict::of(&engine.check(request)))?;
        }
        return Ok(());
    };
    tally.decisions += 1;
    tally.allows += usize::from(answer.allowed);
    tally.forbidden += usize::from(!answer.forbids.is_empty());
    tally.erring += usize::from(!answer.errors.is_empty());

    let names = |found: &[doorward::Symbol]| -> BTreeSet<String> {
        found.iter().map(|id| id.as_str().to_owned()).collect()
    };
    same("the decision", &answer.allowed, &found.allowed)?;
    same("what determines", answer.determining(), &names(&found.determining))?;
    same("what errs", &answer.errors, &names(&found.erring))?;

    for (mode, engine) in engines.modes() {
        let expected = oracle.verdict(answer, &mode);
        tally.closed += usize::from(answer.allowed && !expected.allowed);
        tally.steps_up += usize::from(expected.step_up.is_some());
        tally.reasons += usize::from(
            expected.policy.as_ref().is_some_and(|policy| answer.reasons.contains(policy)),
        );
        let decision = engine.check(request);
        let what = match mode {
            ErrorMode::Cedar => "the check",
            _ => "the check that fails closed",
        };
        same(what, &expected, &Verdict::of(&decision))?;
        if mode == ErrorMode::Cedar && tally.decisions % EXPLAINED == oracle.explained {
            tally.explained += 1;
            compare_explained(engine, request, &decision, answer)?;
        }
    }
    Ok(())
}

/// Lists, for some of the requests: each asks about all rows.
fn compare_lists(
    engines: &Engines,
    (world, query, number): (&World, &Query, usize),
    request: &Request,
    tally: &mut Tally,
) -> Result<(), Difference> {
    if !number.is_multiple_of(LISTED) {
        return Ok(());
    }
    for (mode, engine) in engines.modes() {
        tally.listed += lists::compare_requests(&mode, engine, world, query, request)?;
    }
    Ok(())
}

/// The ways of asking that resolve names ahead.
fn compare_named(
    oracle: &Oracle<'_>,
    engines: &Engines,
    query: &Query,
    world: &World,
    answer: Option<&Answer>,
    (case, tally): (&Case, &mut Tally),
) -> Result<(), Difference> {
    let [principal, resource] = [&query.principal, &query.resource].map(|uid| uid.id);
    for (mode, engine) in engines.modes() {
        let fitting = engine
            .environment(query.principal.of, query.action.to_doorward(), query.resource.of)
            .and_then(|of| engine.context(&of, query.record()).map(|context| (of, context)));
        same("whether its names fit", &answer.is_some(), &fitting.is_ok())?;
        let (Some(answer), Ok((environment, context))) = (answer, fitting) else { return Ok(()) };
        let expected = oracle.verdict(answer, &mode);
        let found = Verdict::of(&engine.check_in(&environment, principal, resource, &context));
        same("the check of names", &expected, &found)?;
        let checker = engine.checker(&environment, principal, &context);
        let checker = checker.expect("policies did not change");
        // What was asked before must not matter.
        for other in ["0", "none", resource, "2"] {
            let alone = engine.check_in(&environment, principal, other, &context);
            let found = Verdict::of(&checker.check(&environment, other));
            same("a checker's check", &Verdict::of(&alone), &found)?;
        }
        lists::compare_checker(engine, world, query, (&environment, &checker, &context))?;
        if mode != ErrorMode::Cedar {
            let asked = filters::compare_filter(case, &oracle.bundle, world, query)?;
            tally.filters += asked.made;
            tally.conditions += asked.conditions;
            tally.refused += asked.refused;
        }
        for query in &world.queries {
            compare_environments(engine, &checker, query, principal, &context)?;
        }
        if let Some(resource) = checker.resolve(&environment, resource) {
            let found = Verdict::of(&checker.check_resolved(&environment, resource));
            same("a checker's check of what it resolved", &expected, &found)?;
        }
    }
    Ok(())
}

/// An entity that is written as a host would write a struct, in an order of its own.
pub(crate) struct Struct(pub(crate) Entity);

impl AsEntity for Struct {
    fn type_name(&self) -> &str {
        self.0.uid().type_name()
    }

    fn id(&self) -> Id<'_> {
        self.0.uid().id().into()
    }

    fn write(&self, to: &mut EntityWriter<'_>) {
        for (name, value) in self.0.attributes().iter().rev() {
            write(to, fixed(name), value);
        }
        to.tags(self.0.tags());
        for parent in self.0.parents().iter().rev() {
            to.parent(fixed(parent.type_name()), parent.id());
        }
    }
}

fn write(to: &mut EntityWriter<'_>, name: &'static str, value: &Value) {
    let elements: Option<Vec<&Value>> = value.as_set().map(|set| set.iter().rev().collect());
    let uids: Option<Vec<&EntityUid>> =
        elements.iter().flatten().map(|element| element.as_entity()).collect();
    let texts: Option<Vec<&str>> =
        elements.iter().flatten().map(|element| element.as_str()).collect();
    let type_name = uids.iter().flatten().next().map(|uid| uid.type_name());
    let is_of_type = |uid: &&EntityUid| Some(uid.type_name()) == type_name;
    if let Some(flag) = value.as_bool() {
        to.bool(name, flag);
    } else if let Some(number) = value.as_long() {
        to.long(name, number);
    } else if let Some(text) = value.as_str() {
        to.text(name, text);
    } else if let Some(moment) = value.as_datetime() {
        to.datetime(name, moment);
    } else if let Some(uid) = value.as_entity() {
        to.entity(name, fixed(uid.type_name()), uid.id());
    } else if let (Some(_), Some(uids), Some(of)) = (&elements, &uids, type_name)
        && uids.iter().all(is_of_type)
    {
        // One that stands twice is one.
        let ids = uids.iter().chain(uids.first()).map(|uid| uid.id());
        to.entities(name, fixed(of), ids);
    } else if let (Some(_), Some(texts)) = (&elements, &texts) {
        to.texts(name, texts.iter().copied());
    } else {
        to.value(name, value);
    }
}

/// The name as a program's own text: the generator knows few.
fn fixed(name: &str) -> &'static str {
    thread_local! {
        static NAMES: RefCell<BTreeSet<&'static str>> = RefCell::default();
    }
    NAMES.with_borrow_mut(|names| {
        if let Some(known) = names.get(name) {
            return *known;
        }
        let kept: &'static str = name.to_owned().leak();
        names.insert(kept);
        kept
    })
}

/// Rows passed as structs are decided as those of a request, whether it fits or not.
fn compare_structs(
    engines: &Engines,
    query: &Query,
    inline: &[Row],
    request: &Request,
) -> Result<(), Difference> {
    let (of, action) = (query.principal.of, query.action.to_doorward());
    let rows: Vec<Struct> = inline.iter().map(|row| Struct(row.to_doorward())).collect();
    let (asked, others): (Vec<&Struct>, Vec<&Struct>) =
        rows.iter().partition(|row| row.0.uid() == request.resource());
    if asked.is_empty() {
        return Ok(());
    }
    let rows: Vec<&dyn AsEntity> =
        asked.into_iter().chain(others).map(|row| row as &dyn AsEntity).collect();
    for engine in [&engines.cedar, &engines.closed] {
        let fitting = engine
            .environment(of, action.clone(), query.resource.of)
            .and_then(|of| engine.context(&of, query.record()).map(|context| (of, context)));
        let Ok((environment, context)) = fitting else { return Ok(()) };
        let expected = Verdict::of(&engine.check(request));
        for _ in 0..2 {
            let found = engine.check_inline(&environment, query.principal.id, &rows, &context);
            same("the check of structs", &expected, &Verdict::of(&found))?;
        }
    }
    Ok(())
}

/// A checker serves other actions and types of resources too.
fn compare_environments(
    engine: &Engine,
    checker: &Checker,
    query: &Query,
    principal: &str,
    context: &Circumstances,
) -> Result<(), Difference> {
    let (of, action, resource) = (query.principal.of, query.action.to_doorward(), &query.resource);
    let Ok(environment) = engine.environment(of, action, resource.of) else { return Ok(()) };
    let found = checker.check(&environment, resource.id);
    if found.code().is_some_and(|code| code.as_str() == "UNKNOWN_ACTION") {
        // Other circumstances are declared there.
        return Ok(());
    }
    let alone = engine.check_in(&environment, principal, resource.id, context);
    same("a checker's check elsewhere", &Verdict::of(&alone), &Verdict::of(&found))
}

fn compare_explained(
    engine: &Engine,
    request: &Request,
    decision: &Decision,
    answer: &Answer,
) -> Result<(), Difference> {
    let explained = engine.explain(request);
    same("the explained decision", decision, &explained.decision)?;
    let determining = explained.determining.iter().map(|id| id.as_str().to_owned()).collect();
    same("what determines, explained", answer.determining(), &determining)?;
    for trace in &explained.policies {
        let id = trace.id.as_str();
        let satisfied = [&answer.permits, &answer.forbids, &answer.reasons]
            .into_iter()
            .any(|ids| ids.contains(id));
        let erred = answer.errors.contains(id) || answer.reason_errors.contains(id);
        let found = match &trace.outcome {
            Outcome::Satisfied => (true, false),
            Outcome::NotSatisfied => (false, false),
            Outcome::Error(_) => (false, true),
        };
        same("whether a policy, explained, is satisfied and errs", &(satisfied, erred), &found)?;
        let all = trace.clauses.iter().all(doorward::Clause::holds);
        same("whether all clauses hold", &satisfied, &all)?;
    }
    Ok(())
}

pub(crate) fn same<T: PartialEq + fmt::Debug>(
    what: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    Err(Difference { what, place: None, expected, found })
}

/// What a check says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    allowed: bool,
    code: Option<String>,
    policy: Option<String>,
    step: Option<u8>,
    step_up: Option<String>,
}

impl Verdict {
    fn of(decision: &Decision) -> Self {
        let text = |symbol: Option<doorward::Symbol>| symbol.map(|text| text.as_str().to_owned());
        Self {
            allowed: decision.is_allowed(),
            code: text(decision.code()),
            policy: text(decision.policy()),
            step: decision.step(),
            step_up: text(decision.step_up()),
        }
    }
}

/// What Cedar says of a request.
#[derive(Debug)]
struct Answer {
    allowed: bool,
    permits: BTreeSet<String>,
    forbids: BTreeSet<String>,
    errors: BTreeSet<String>,
    /// Satisfied reason-only forbids, whether or not they are asked for.
    reasons: BTreeSet<String>,
    reason_errors: BTreeSet<String>,
}

impl Answer {
    fn determining(&self) -> &BTreeSet<String> {
        if self.forbids.is_empty() { &self.permits } else { &self.forbids }
    }
}

/// Cedar's own authorizer with every entity at hand, and the bundle of the same policies.
struct Oracle<'c> {
    bundle: PolicyBundle,
    kept: Vec<&'c Policy>,
    links: Vec<&'c Link>,
    /// By id, in the order of the bundle: static policies, and links where their template stands.
    places: BTreeMap<&'c str, (usize, &'c Policy)>,
    all: PolicySet,
    permits: PolicySet,
    reasons: PolicySet,
    schema: Option<Schema>,
    authorizer: Authorizer,
    /// Which decision of a case is explained: not always the first.
    explained: usize,
}

impl<'c> Oracle<'c> {
    fn new(case: &'c Case) -> Result<Self, Difference> {
        let schema = case.schema.as_ref().map(|text| {
            Schema::from_cedarschema_str(text).map_or_else(
                |error| panic!("the schema is wrong: {error}\n{text}"),
                |(schema, _)| schema,
            )
        });
        let parsed: Vec<(&Policy, Parsed)> =
            case.policies.iter().map(|policy| (policy, Parsed::of(policy))).collect();
        let mut refused = schema.as_ref().map_or_else(BTreeSet::new, |schema| {
            let links: Vec<_> = case.links.iter().collect();
            invalid(schema, &policy_set(&parsed, &links, |_| true))
        });
        let bundle = loop {
            match build(case, &refused) {
                Ok(bundle) => break bundle,
                Err(Refusal::Deep(deep)) => refused.extend(deep),
                Err(Refusal::Other(why)) => {
                    let expected = "a bundle that loads".to_owned();
                    let what = "what a bundle takes";
                    return Err(Difference { what, place: None, expected, found: why });
                }
            }
        };
        let mut parsed = parsed;
        parsed.retain(|(policy, _)| !refused.contains(&policy.id));
        let kept: Vec<&Policy> = parsed.iter().map(|(policy, _)| *policy).collect();
        let links: Vec<&Link> =
            case.links.iter().filter(|link| !refused.contains(&link.template)).collect();
        let places = places(&kept, &links);
        Ok(Self {
            all: policy_set(&parsed, &links, |policy| !policy.reason_only),
            permits: policy_set(&parsed, &links, |policy| !policy.forbid),
            reasons: policy_set(&parsed, &links, |policy| policy.reason_only),
            bundle,
            kept,
            links,
            places,
            schema,
            authorizer: Authorizer::new(),
            explained: case.policies.iter().map(|policy| policy.text.len()).sum::<usize>()
                % EXPLAINED,
        })
    }

    /// What Cedar says; `None` where the request does not fit the schema.
    fn ask(&self, entities: &Entities, query: &Query) -> Option<Answer> {
        let context =
            Context::from_pairs(cedar_pairs(&query.context)).expect("values that evaluate");
        let [principal, action, resource] =
            [&query.principal, &query.action, &query.resource].map(Uid::to_cedar);
        let schema = self.schema.as_ref();
        let request =
            cedar_policy::Request::new(principal, action, resource, context, schema).ok()?;
        let ask = |set| {
            let response = self.authorizer.is_authorized(&request, set, entities);
            let satisfied: BTreeSet<String> =
                response.diagnostics().reason().map(ToString::to_string).collect();
            let errors: BTreeSet<String> = response
                .diagnostics()
                .errors()
                .map(|error| {
                    let AuthorizationError::PolicyEvaluationError(error) = error;
                    error.policy_id().to_string()
                })
                .collect();
            (response.decision() == cedar_policy::Decision::Allow, satisfied, errors)
        };
        let (allowed, determining, errors) = ask(&self.all);
        let (permits, forbids) = if allowed || determining.is_empty() {
            (determining, BTreeSet::new())
        } else {
            // Cedar names the satisfied permits of an allow only.
            (ask(&self.permits).1, determining)
        };
        let (_, reasons, reason_errors) =
            if self.reasons.is_empty() { Default::default() } else { ask(&self.reasons) };
        Some(Answer { allowed, permits, forbids, errors, reasons, reason_errors })
    }

    /// What a check has to say, by the rules of the documentation: allowed if Cedar allows and, unless
    /// errors are taken as Cedar does, no forbid errs. Else the reason of the lowest step, then
    /// rank, then place; errors come last in their step. Permits that err, and reason-only
    /// forbids, count only where no permit is satisfied; a step up only where nothing else stands
    /// in the way.
    fn verdict(&self, answer: &Answer, mode: &ErrorMode) -> Verdict {
        let of = |id: &String| self.places[id.as_str()];
        let permitted = !answer.permits.is_empty();
        let forbid_errs = answer.errors.iter().any(|id| of(id).1.forbid);
        let reason_errors = answer.reason_errors.iter().filter(|_| !permitted);
        let step_of = |policy: &Policy| policy.step.unwrap_or(u8::MAX);
        if answer.allowed && (*mode == ErrorMode::Cedar || !forbid_errs) {
            let first = answer.permits.iter().min_by_key(|id| {
                let (place, policy) = of(id);
                (step_of(policy), policy.rank, place)
            });
            return Verdict {
                allowed: true,
                code: first.and_then(|id| of(id).1.reason.clone()),
                policy: first.cloned(),
                ..Verdict::default()
            };
        }
        let steps_up =
            permitted && !forbid_errs && answer.forbids.iter().all(|id| of(id).1.step_up.is_some());
        let forbids = answer.forbids.iter().filter(|id| steps_up || of(id).1.step_up.is_none());
        let reasons = answer.reasons.iter().filter(|_| !permitted);
        let satisfied = forbids.chain(reasons).map(|id| (id, false));
        let errors = answer.errors.iter().filter(|id| !permitted || of(id).1.forbid);
        let failed = errors.chain(reason_errors).map(|id| (id, true));
        let lowest = satisfied.chain(failed).min_by_key(|(id, failed)| {
            let (place, policy) = of(id);
            (step_of(policy), *failed, if *failed { 0 } else { policy.rank }, place)
        });
        let Some((id, failed)) = lowest else {
            let code = Some("NO_PERMIT".to_owned());
            return Verdict { code, ..Verdict::default() };
        };
        let policy = of(id).1;
        let own = || policy.reason.clone().unwrap_or_else(|| "FORBIDDEN".to_owned());
        Verdict {
            allowed: false,
            code: Some(if failed { "EVAL_ERROR".to_owned() } else { own() }),
            policy: Some(id.clone()),
            step: policy.step,
            step_up: policy.step_up.filter(|_| steps_up).map(str::to_owned),
        }
    }
}

enum Parsed {
    Static(cedar_policy::Policy),
    Template(Template),
}

impl Parsed {
    fn of(policy: &Policy) -> Self {
        let id = Some(PolicyId::new(&policy.id));
        let parsed = if policy.template {
            Template::parse(id, &policy.text).map(Self::Template)
        } else {
            cedar_policy::Policy::parse(id, &policy.text).map(Self::Static)
        };
        parsed.unwrap_or_else(|error| panic!("Cedar does not parse it: {error:?}\n{}", policy.text))
    }
}

fn policy_set(
    parsed: &[(&Policy, Parsed)],
    links: &[&Link],
    wanted: impl Fn(&Policy) -> bool,
) -> PolicySet {
    let mut set = PolicySet::new();
    for (_, body) in parsed.iter().filter(|(policy, _)| wanted(policy)) {
        match body {
            Parsed::Static(policy) => set.add(policy.clone()),
            Parsed::Template(template) => set.add_template(template.clone()),
        }
        .expect("ids differ");
    }
    for link in links {
        let template = PolicyId::new(&link.template);
        if set.template(&template).is_none() {
            continue;
        }
        let slots = [(SlotId::principal(), &link.principal), (SlotId::resource(), &link.resource)];
        let slots = slots
            .into_iter()
            .filter_map(|(slot, uid)| Some((slot, uid.as_ref()?.to_cedar())))
            .collect();
        set.link(template, PolicyId::new(&link.id), slots).expect("slots are filled");
    }
    set
}

/// The policies that do not validate; a link that does not goes with its template.
fn invalid(schema: &Schema, set: &PolicySet) -> BTreeSet<String> {
    let validator = Validator::new(schema.clone());
    let result = validator.validate(set, ValidationMode::Strict);
    let ids = result.validation_errors().map(|error| error.policy_id().to_string());
    ids.map(|id| id.split('@').next().unwrap_or_default().to_owned()).collect()
}

enum Refusal {
    /// Policies that nest deeper than the library's limits.
    Deep(Vec<String>),
    Other(String),
}

/// The bundle without the refused policies, each of them from a file of its own.
fn build(case: &Case, refused: &BTreeSet<String>) -> Result<PolicyBundle, Refusal> {
    let mut builder = PolicyBundle::builder();
    if let Some(schema) = &case.schema {
        builder = builder.schema(SCHEMA_NAME, schema.as_str());
    }
    for policy in case.policies.iter().filter(|policy| !refused.contains(&policy.id)) {
        builder = builder.policies(format!("{}.cedar", policy.id), policy.text.as_str());
    }
    for link in case.links.iter().filter(|link| !refused.contains(&link.template)) {
        let uid = |slot: &Option<Uid>| slot.as_ref().map(ToString::to_string);
        builder = builder.link(&link.template, &link.id, uid(&link.principal), uid(&link.resource));
    }
    builder.build().map_err(|error| {
        let serious = || error.diagnostics().iter().filter(|f| f.severity() == Severity::Error);
        let is_deep = |code: &str| matches!(code, "nesting" | "chain");
        if serious().all(|finding| is_deep(finding.code())) {
            let files = serious().filter_map(|finding| finding.file());
            Refusal::Deep(files.map(|file| file.trim_end_matches(".cedar").to_owned()).collect())
        } else {
            Refusal::Other(format!("{error:?}"))
        }
    })
}

fn places<'c>(kept: &[&'c Policy], links: &[&'c Link]) -> BTreeMap<&'c str, (usize, &'c Policy)> {
    let mut ids: Vec<(&str, &Policy)> = Vec::new();
    for policy in kept {
        if policy.template {
            let own = links.iter().filter(|link| link.template == policy.id);
            ids.extend(own.map(|link| (link.id.as_str(), *policy)));
        } else {
            ids.push((&policy.id, policy));
        }
    }
    ids.into_iter().enumerate().map(|(place, (id, policy))| (id, (place, policy))).collect()
}
