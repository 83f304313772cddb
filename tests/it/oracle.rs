//! The engine against `cedar_policy::Authorizer` over all entities, on random policies and facts.

mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, PolicyId, PolicySet, Schema, SlotId,
};
use doorward::{
    Determination, Effect, Engine, ErrorMode, Facts, Outcome, PolicyBundle, Request, Severity,
    codes,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::tape::{config, tapes};
use generate::{Case, Query, Row, SCHEMA_NAME, schema_text};

const CASES: u32 = 150;
const TAPE: usize = 3_000;

proptest! {
    #![proptest_config(config(CASES))]

    #[test]
    fn the_engine_decides_as_cedar_does(case in cases()) {
        compare(&case, &mut Tally::default())?;
    }
}

/// The comparison must not pass because everything is denied.
#[test]
fn the_generator_reaches_every_kind_of_decision() {
    let mut runner = TestRunner::new(config(80));
    let mut tally = Tally::default();
    for _ in 0..80 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        compare(&case, &mut tally).unwrap();
    }
    let share = |part: usize| part * 100 / tally.decisions;
    let permille = |part: usize| part * 1000 / tally.decisions;
    let shown = format!("{tally:?}");
    assert!((10..=90).contains(&share(tally.allows)), "{shown}");
    assert!(share(tally.erring) >= 20, "{shown}");
    assert!(permille(tally.closed) >= 10, "{shown}");
    assert!(share(tally.forbidden) >= 5, "{shown}");
    assert!(permille(tally.refused_requests) >= 1, "{shown}");
    assert!(tally.kept * 100 / tally.written >= 60, "too many policies do not validate: {shown}");
    assert!(tally.links > 20 && tally.inline > 20, "{shown}");
}

fn cases() -> impl Strategy<Value = Case> {
    tapes(TAPE).prop_map(|mut tape| Case::generate(&mut tape))
}

#[derive(Debug, Default)]
struct Tally {
    decisions: usize,
    allows: usize,
    /// Denied by a satisfied forbid.
    forbidden: usize,
    /// With a policy that errs.
    erring: usize,
    /// Allowed by Cedar, denied because a forbid errs.
    closed: usize,
    /// Requests that do not fit the schema.
    refused_requests: usize,
    written: usize,
    kept: usize,
    links: usize,
    inline: usize,
}

fn compare(case: &Case, tally: &mut Tally) -> Result<(), TestCaseError> {
    let schema = case.schema.then(|| Schema::from_cedarschema_str(&schema_text()).unwrap().0);
    let (bundle, kept) = bundle(case);
    tally.written += case.policies.len();
    tally.kept += kept.len();
    tally.links += case.links.len();
    tally.inline += case.inline.len();
    let oracle = Oracle::new(case, &kept, schema);
    let facts: Facts = case.stored.iter().map(Row::to_entity).collect();
    let engine = |mode| {
        Engine::builder(bundle.clone())
            .facts(facts.clone())
            .stored_or_inline("Doc")
            .error_mode(mode)
            .build()
            .unwrap()
    };
    let (cedar, closed) = (engine(ErrorMode::Cedar), engine(ErrorMode::FailClosed));
    for query in &case.queries {
        let request =
            case.inline.iter().map(Row::to_entity).fold(query.to_request(), Request::inline);
        let Some(expected) = oracle.ask(query) else {
            tally.refused_requests += 1;
            let decision = cedar.check(&request);
            prop_assert!(!decision.is_allowed());
            prop_assert_eq!(decision.code(), Some(codes::INVALID_REQUEST));
            prop_assert_eq!(cedar.determine(&request).fault, Some(codes::INVALID_REQUEST));
            continue;
        };
        tally.decisions += 1;
        tally.allows += usize::from(expected.allowed);
        tally.forbidden += usize::from(!expected.forbids.is_empty());
        tally.erring += usize::from(!expected.errors.is_empty());
        tally.closed += usize::from(expected.allowed && expected.forbid_errs(&bundle));

        let decision = cedar.check(&request);
        prop_assert_eq!(decision.is_allowed(), expected.allowed, "{}\n{:?}", query, expected);
        let told = decision.code().map(|code| code.as_str());
        if !expected.allowed {
            prop_assert_eq!(told, Some(expected.code(&bundle)), "{}\n{:?}", query, expected);
        }
        let explained = cedar.explain(&request);
        let named: BTreeSet<String> =
            explained.determining.iter().map(|id| id.to_string()).collect();
        prop_assert_eq!(&named, expected.reason(), "{}\n{:?}", query, expected);
        let erring: BTreeSet<String> =
            explained.erring.iter().map(|(id, _)| id.to_string()).collect();
        prop_assert_eq!(&erring, &expected.errors, "{}", query);
        let determination = Determination {
            allowed: expected.allowed,
            determining: explained.determining,
            erring: explained.erring.iter().map(|(id, _)| *id).collect(),
            fault: None,
        };
        prop_assert_eq!(cedar.determine(&request), determination, "{}", query);
        for trace in &explained.policies {
            let id = trace.id.as_str();
            let satisfied = expected.permits.contains(id) || expected.forbids.contains(id);
            prop_assert_eq!(trace.outcome == Outcome::Satisfied, satisfied, "{}: {}", query, id);
            let erred = matches!(trace.outcome, Outcome::Error(_));
            prop_assert_eq!(erred, expected.errors.contains(id), "{}: {}", query, id);
        }

        let decision = closed.check(&request);
        let refused = !expected.allowed || expected.forbid_errs(&bundle);
        prop_assert_eq!(!decision.is_allowed(), refused, "{}\n{:?}", query, expected);
        if refused {
            let told = decision.code().map(|code| code.as_str());
            prop_assert_eq!(told, Some(expected.code(&bundle)), "{}\n{:?}", query, expected);
        }
    }
    Ok(())
}

/// The policies of a case that a bundle takes, each from a file of its own, and their ids.
fn bundle(case: &Case) -> (PolicyBundle, BTreeSet<String>) {
    let mut kept: BTreeMap<String, &str> =
        case.policies.iter().map(|policy| (policy.id.clone(), policy.text.as_str())).collect();
    loop {
        let mut builder = PolicyBundle::builder();
        if case.schema {
            builder = builder.schema(SCHEMA_NAME, schema_text());
        }
        for (id, text) in &kept {
            builder = builder.policies(format!("{id}.cedar"), *text);
        }
        for link in case.links.iter().filter(|link| kept.contains_key(&link.template)) {
            let uid = |slot: &Option<generate::Uid>| slot.as_ref().map(ToString::to_string);
            builder =
                builder.link(&link.template, &link.id, uid(&link.principal), uid(&link.resource));
        }
        match builder.build() {
            Ok(bundle) => return (bundle, kept.into_keys().collect()),
            Err(error) => {
                let before = kept.len();
                for finding in error.diagnostics() {
                    assert!(
                        case.schema || finding.code() == "nesting" || finding.code() == "chain",
                        "without a schema every policy should load: {error:?}"
                    );
                    if finding.severity() == Severity::Error
                        && let Some(file) = finding.file()
                    {
                        kept.remove(file.trim_end_matches(".cedar"));
                    }
                    // A link that does not validate goes with its template.
                    if let Some(policy) = finding.policy() {
                        kept.remove(policy.as_str().split('@').next().unwrap());
                    }
                }
                assert!(kept.len() < before, "no policy is to blame: {error:?}");
            }
        }
    }
}

/// Cedar's own authorizer with every entity at hand.
struct Oracle {
    all: PolicySet,
    permits: PolicySet,
    forbids: PolicySet,
    entities: Entities,
    schema: Option<Schema>,
}

impl Oracle {
    fn new(case: &Case, kept: &BTreeSet<String>, schema: Option<Schema>) -> Self {
        let set = |effects: &[&str]| {
            let mut set = PolicySet::new();
            for policy in &case.policies {
                if !kept.contains(&policy.id) || !effects.contains(&policy.effect) {
                    continue;
                }
                let id = Some(PolicyId::new(&policy.id));
                if policy.template {
                    set.add_template(cedar_policy::Template::parse(id, &policy.text).unwrap())
                        .unwrap();
                } else {
                    set.add(cedar_policy::Policy::parse(id, &policy.text).unwrap()).unwrap();
                }
            }
            for link in &case.links {
                let template = PolicyId::new(&link.template);
                if set.template(&template).is_none() {
                    continue;
                }
                let slots =
                    [(SlotId::principal(), &link.principal), (SlotId::resource(), &link.resource)];
                let slots = slots
                    .into_iter()
                    .filter_map(|(slot, uid)| Some((slot, uid.as_ref()?.to_cedar())))
                    .collect();
                set.link(template, PolicyId::new(&link.id), slots).unwrap();
            }
            set
        };
        let rows = case.stored.iter().chain(&case.inline).map(Row::to_json).collect();
        Self {
            all: set(&["permit", "forbid"]),
            permits: set(&["permit"]),
            forbids: set(&["forbid"]),
            entities: Entities::from_json_value(rows, schema.as_ref()).unwrap(),
            schema,
        }
    }

    /// What Cedar says; `None` where the request does not fit the schema.
    fn ask(&self, query: &Query) -> Option<Expected> {
        let context = Context::from_json_value(query.context_json(), None).unwrap();
        let [principal, action, resource] =
            [&query.principal, &query.action, &query.resource].map(generate::Uid::to_cedar);
        let request =
            cedar_policy::Request::new(principal, action, resource, context, self.schema.as_ref())
                .ok()?;
        let ask = |set| Authorizer::new().is_authorized(&request, set, &self.entities);
        let names = |response: &cedar_policy::Response| {
            response.diagnostics().reason().map(ToString::to_string).collect()
        };
        let answer = ask(&self.all);
        let expected = Expected {
            allowed: answer.decision() == cedar_policy::Decision::Allow,
            errors: answer
                .diagnostics()
                .errors()
                .map(|error| {
                    let AuthorizationError::PolicyEvaluationError(error) = error;
                    error.policy_id().to_string()
                })
                .collect(),
            permits: names(&ask(&self.permits)),
            forbids: names(&ask(&self.forbids)),
        };
        assert_eq!(&names(&answer), expected.reason());
        Some(expected)
    }
}

/// What Cedar says of a request.
#[derive(Debug)]
struct Expected {
    allowed: bool,
    permits: BTreeSet<String>,
    forbids: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Expected {
    fn reason(&self) -> &BTreeSet<String> {
        if self.forbids.is_empty() { &self.permits } else { &self.forbids }
    }

    fn forbid_errs(&self, bundle: &PolicyBundle) -> bool {
        self.errors.iter().any(|id| bundle.policy(id).unwrap().effect() == Effect::Forbid)
    }

    /// The code of a refusal: of the lowest step, then rank, then place in the bundle; an error
    /// counts after the codes of its step, a permit's only where no permit is satisfied.
    fn code(&self, bundle: &PolicyBundle) -> &'static str {
        let policies = bundle.policies().iter().enumerate();
        let reasons = policies.filter_map(|(place, policy)| {
            let step = policy.step().unwrap_or(u8::MAX);
            let id = policy.id().as_str();
            let forbid = policy.effect() == Effect::Forbid;
            if self.forbids.contains(id) {
                let code = policy.reason().map_or("FORBIDDEN", |code| code.as_str());
                Some((step, false, policy.rank(), place, code))
            } else if self.errors.contains(id) && (forbid || self.permits.is_empty()) {
                Some((step, true, 0, place, "EVAL_ERROR"))
            } else {
                None
            }
        });
        reasons.min().map_or("NO_PERMIT", |(.., code)| code)
    }
}

/// An entity reached in every way that policies have, beside one that no policy can read.
#[test]
fn entities_are_found_wherever_policies_look() {
    let bundle = PolicyBundle::builder()
        .schema(
            "s.cedarschema",
            r#"
            entity Group in [Group] = { n: Long };
            entity User in [Group] = { a: Action, boss?: User } tags User;
            action all;
            action reading in [all];
            action view, edit in [reading] appliesTo {
              principal: User, resource: User, context: { a?: Action, who?: User }
            };
            "#,
        )
        .policies(
            "p.cedar",
            r#"
            @id("literal") forbid (principal, action == Action::"view", resource)
              when { Action::"edit" in Action::"all" };
            @id("attribute") forbid (principal, action == Action::"view", resource)
              when { principal.a in Action::"reading" };
            @id("context") forbid (principal, action == Action::"view", resource)
              when { context has a && context.a in [Action::"all"] };
            @id("tag") forbid (principal, action == Action::"view", resource)
              when { resource.hasTag("k") && resource.getTag("k") in Group::"g" };
            @id("who") forbid (principal, action == Action::"view", resource)
              when { context has who && context.who has boss && context.who.boss in Group::"g" };
            "#,
        )
        .build()
        .unwrap();
    let uid = |text: &str| doorward::EntityUid::from_str(text).unwrap();
    let row = |name: &str| doorward::Entity::new(uid(name)).with("a", uid(r#"Action::"edit""#));
    let facts: Facts = [
        row(r#"User::"p""#),
        row(r#"User::"r""#).tag("k", uid(r#"User::"t""#)),
        row(r#"User::"t""#).parent(uid(r#"Group::"h""#)),
        row(r#"User::"w""#).with("boss", uid(r#"User::"t""#)),
        doorward::Entity::new(uid(r#"Group::"h""#)).with("n", 1).parent(uid(r#"Group::"g""#)),
    ]
    .into_iter()
    .collect();
    let engine = Engine::builder(bundle).facts(facts).build().unwrap();
    let request = Request::new(uid(r#"User::"p""#), "view", uid(r#"User::"r""#))
        .with("a", uid(r#"Action::"edit""#))
        .with("who", uid(r#"User::"w""#));
    let explained = engine.explain(&request);
    let found: Vec<&str> = explained.determining.iter().map(|id| id.as_str()).collect();
    assert_eq!(found, ["literal", "attribute", "context", "tag", "who"]);
}
