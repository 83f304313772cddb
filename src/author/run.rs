//! Loading scenario files and running them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::SuiteError;
use super::commands::Command;
use super::config::read_config;
use super::format::{
    Cells, Expectation, Fixture, Matrix, Outcome, Principal, Question, Scenario, ScenarioFile,
    Step, Target, debug_in_part,
};
use super::stage::{Observed, Stage};
use crate::decide::Request;
use crate::engine::{Shadow, ShadowReport, ShadowSetup, World};
use crate::facts::Timestamp;
use crate::policy::PolicyBundle;
use crate::portal::{Preset, Tenant};

/// Larger files are taken for a mistake.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Scenario files with their fixtures, ready to run.
#[derive(Debug, Clone)]
pub struct Suite {
    files: Vec<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    name: String,
    fixtures: BTreeMap<String, Json>,
    scenarios: Vec<Scenario>,
}

debug_in_part! {
    Loaded { name, scenarios }
}

impl Suite {
    /// Loads a file, or every `.yaml` and `.yml` file of a folder and its sub-folders.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is no scenario file, a used file is missing, or two scenarios
    /// have one id. The message names the file and, for YAML, the line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, SuiteError> {
        let path = path.as_ref();
        let mut paths = Vec::new();
        if path.is_dir() {
            find(path, &mut paths)?;
            paths.sort();
        } else {
            paths.push(path.to_owned());
        }
        let mut files = Vec::new();
        for path in paths {
            let file = read(&path)?;
            let mut fixtures = BTreeMap::new();
            for used in &file.uses {
                let folder = path.parent().unwrap_or(Path::new("."));
                fixtures.extend(read(&folder.join(used))?.fixtures);
            }
            files.push(loaded(path.display().to_string(), file, fixtures));
        }
        Self::checked(files)
    }

    /// Reads one file's text. It can use no other files.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn from_text(name: &str, text: &str) -> Result<Self, SuiteError> {
        let file = parse(name, text)?;
        if let Some(used) = file.uses.first() {
            return Err(SuiteError::new(format!("{used} cannot be used without a folder"))
                .with_help("load the file from its folder")
                .within(name));
        }
        Self::checked(vec![loaded(name.to_owned(), file, BTreeMap::new())])
    }

    fn checked(files: Vec<Loaded>) -> Result<Self, SuiteError> {
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        for file in &files {
            for scenario in &file.scenarios {
                if let Some(other) = ids.insert(&scenario.id, &file.name) {
                    let message = format!("scenario {} stands in {other} too", scenario.id);
                    return Err(SuiteError::new(message)
                        .with_help("give each an id of its own")
                        .within(&file.name));
                }
            }
        }
        Ok(Self { files })
    }

    /// How many scenarios there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.iter().map(|file| file.scenarios.len()).sum()
    }

    /// Whether there are no scenarios.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The scenarios, as file and id, in the order in which they run.
    pub fn scenarios(&self) -> impl Iterator<Item = (&str, &str)> {
        self.chosen(None).map(|(file, scenario)| (file.name.as_str(), scenario.id.as_str()))
    }

    /// Runs the scenario of this id, if there is one.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::Suite;
    /// use doorward::portal::shipped_policies;
    ///
    /// let suite = Suite::from_text("own.yaml", r#"
    /// fixtures: { studio: { preset: invoicing, clients: { C1: { contacts: { gm: {} } } } } }
    /// scenarios:
    ///   - id: own
    ///     fixtures: [studio]
    ///     check: { principal: gm, action: export, resource: gm }
    ///     expect: allow
    /// "#)?;
    /// assert_eq!(suite.scenarios().collect::<Vec<_>>(), [("own.yaml", "own")]);
    /// assert!(suite.run_one(&shipped_policies()?, "own").unwrap().passed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn run_one(&self, policies: &PolicyBundle, id: &str) -> Option<ScenarioReport> {
        let (file, scenario) = self.chosen(None).find(|(_, scenario)| scenario.id == id)?;
        Some(run(file, scenario, &Under { policies, shadow: None }, &mut |_| {}))
    }

    /// Runs the scenarios whose id holds `filter`, or all, on as many threads as there are cores.
    #[must_use]
    pub fn run(&self, policies: &PolicyBundle, filter: Option<&str>) -> SuiteReport {
        self.run_under(&Under { policies, shadow: None }, filter)
    }

    /// Runs the scenarios as [`run`](Self::run) does, and decides every question and command a second
    /// time by Cedar's own authorizer: see [`EngineBuilder::shadow`](crate::EngineBuilder::shadow).
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::Suite;
    /// use doorward::portal::shipped_policies;
    ///
    /// let suite = Suite::from_text("own.yaml", r#"
    /// fixtures: { studio: { preset: invoicing, clients: { C1: { contacts: { gm: {} } } } } }
    /// scenarios:
    ///   - id: own
    ///     fixtures: [studio]
    ///     check: { principal: gm, action: export, resource: gm }
    ///     expect: allow
    /// "#)?;
    /// let (report, shadow) = suite.run_shadowed(&shipped_policies()?, None);
    /// assert_eq!(report.passed(), 1);
    /// assert!(shadow.compared > 0 && shadow.diverged == 0, "{:?}", shadow.last);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn run_shadowed(
        &self,
        policies: &PolicyBundle,
        filter: Option<&str>,
    ) -> (SuiteReport, ShadowReport) {
        let shadow = ShadowSetup { rate: 1.0, on_divergence: None }.build();
        let report = self.run_under(&Under { policies, shadow: shadow.clone() }, filter);
        (report, shadow.map_or_else(ShadowReport::default, |shadow| shadow.report()))
    }

    fn run_under(&self, under: &Under<'_>, filter: Option<&str>) -> SuiteReport {
        let chosen: Vec<_> = self.chosen(filter).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut reports = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some((file, scenario)) = chosen.get(number) else { return reports };
                reports.push((number, run(file, scenario, under, &mut |_| {})));
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let mut reports: Vec<(usize, ScenarioReport)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .flat_map(|reports| reports.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        reports.sort_unstable_by_key(|(number, _)| *number);
        SuiteReport { scenarios: reports.into_iter().map(|(_, report)| report).collect() }
    }

    /// The scenarios whose id holds `filter`, with their files.
    fn chosen<'s>(
        &'s self,
        filter: Option<&'s str>,
    ) -> impl Iterator<Item = (&'s Loaded, &'s Scenario)> {
        let chosen =
            move |scenario: &&Scenario| filter.is_none_or(|part| scenario.id.contains(part));
        self.files.iter().flat_map(move |file| {
            file.scenarios.iter().filter(chosen).map(move |scenario| (file, scenario))
        })
    }

    /// Runs the scenarios as [`run`](Self::run) does, one after the other, and shows each question on
    /// the way, with the state that it is asked of: to explain it, or to ask another engine the same.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::Suite;
    /// use doorward::portal::shipped_policies;
    ///
    /// let suite = Suite::from_text("own.yaml", r#"
    /// fixtures: { studio: { preset: invoicing, clients: { C1: { contacts: { gm: {} } } } } }
    /// scenarios:
    ///   - id: own
    ///     fixtures: [studio]
    ///     check: { principal: gm, action: export, resource: gm }
    ///     expect: allow
    /// "#)?;
    /// let mut determining = Vec::new();
    /// let report = suite.run_with(&shipped_policies()?, None, |asked| {
    ///     determining.extend(asked.world.explain(asked.request).determining);
    /// });
    /// assert_eq!(report.passed(), 1);
    /// assert_eq!(determining.first().unwrap().as_str(), "self-service");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_with(
        &self,
        policies: &PolicyBundle,
        filter: Option<&str>,
        mut observe: impl FnMut(&Asked<'_>),
    ) -> SuiteReport {
        self.run_shown(policies, filter, |shown| {
            if let Shown::Question(asked) = shown {
                observe(asked);
            }
        })
    }

    /// Runs the scenarios as [`run_with`](Self::run_with) does, and shows each state of a portal that
    /// they come to: the one they begin with, under each of their presets, and what a write or the
    /// clock made of it. To ask what no scenario asks: lists, audiences, what holds in all states.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::author::Suite;
    /// use doorward::portal::shipped_policies;
    ///
    /// let suite = Suite::from_text("own.yaml", r#"
    /// fixtures: { studio: { preset: invoicing, clients: { C1: { contacts: { gm: {} } } } } }
    /// scenarios:
    ///   - id: own
    ///     fixtures: [studio]
    ///     steps:
    ///       - { write: { do: [{ revoke: gm }] }, expect: accept }
    ///       - { check: { principal: gm, action: export, resource: gm }, expect: deny ACCESS_DISABLED }
    /// "#)?;
    /// let mut states = Vec::new();
    /// let report = suite.run_through(&shipped_policies()?, None, |reached| {
    ///     let gm = reached.tenant.access(&reached.tenant.contact("gm")).unwrap();
    ///     states.push(gm.state.as_str());
    /// });
    /// assert_eq!(report.passed(), 1);
    /// assert_eq!(states, ["enabled", "disabled"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_through(
        &self,
        policies: &PolicyBundle,
        filter: Option<&str>,
        mut observe: impl FnMut(&Reached<'_>),
    ) -> SuiteReport {
        self.run_shown(policies, filter, |shown| {
            if let Shown::State(reached) = shown {
                observe(reached);
            }
        })
    }

    fn run_shown(
        &self,
        policies: &PolicyBundle,
        filter: Option<&str>,
        mut show: impl FnMut(&Shown<'_>),
    ) -> SuiteReport {
        let under = Under { policies, shadow: None };
        let run = |(file, scenario)| run(file, scenario, &under, &mut show);
        SuiteReport { scenarios: self.chosen(filter).map(run).collect() }
    }
}

fn loaded(name: String, file: ScenarioFile, mut fixtures: BTreeMap<String, Json>) -> Loaded {
    fixtures.extend(file.fixtures);
    Loaded { name, fixtures, scenarios: file.scenarios }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let unreadable =
        |error: std::io::Error| SuiteError::new(error.to_string()).within(folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String, SuiteError> {
    let at =
        |error: &dyn std::fmt::Display| SuiteError::new(error.to_string()).within(path.display());
    let size = fs::metadata(path)
        .map_err(|error| at(&error).with_help("name a file, or a folder of scenario files"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(at(&format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    fs::read_to_string(path).map_err(|error| at(&error))
}

/// A scenario file, with the configurations that its fixtures name.
fn read(path: &Path) -> Result<ScenarioFile, SuiteError> {
    let mut file = parse(&path.display().to_string(), &text_of(path)?)?;
    for fixture in file.fixtures.values_mut() {
        let Some(config) = fixture.get_mut("config") else { continue };
        let Some(named) = config.as_str() else { continue };
        let named = path.parent().unwrap_or(Path::new(".")).join(named);
        let (name, text) = (named.display().to_string(), text_of(&named)?);
        // Refused here, its findings say their lines.
        read_config(&name, &text).map_err(|error| SuiteError::new(error.to_string()))?;
        *config = parse_yaml(&text).map_err(|error| error.within(name))?;
    }
    Ok(file)
}

fn parse(name: &str, text: &str) -> Result<ScenarioFile, SuiteError> {
    parse_yaml(text).map_err(|error: SuiteError| error.within(name))
}

pub(super) fn parse_yaml<T: DeserializeOwned>(text: &str) -> Result<T, SuiteError> {
    yaml(text).map_err(|error| SuiteError::new(error.to_string().trim_start_matches("error: ")))
}

pub(super) fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    // Only `true` and `false` are booleans: contacts may well be called `y` or `no`.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
}

/// What came of a suite.
#[derive(Debug, Clone, Serialize)]
pub struct SuiteReport {
    /// The scenarios that were run, in order.
    pub scenarios: Vec<ScenarioReport>,
}

impl SuiteReport {
    /// How many scenarios passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.scenarios.iter().filter(|scenario| scenario.passed()).count()
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.scenarios.len() - self.passed()
    }

    /// How many questions and writes were compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.scenarios.iter().map(|scenario| scenario.compared).sum()
    }
}

/// What came of one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// Its id.
    pub id: String,
    /// The file it stands in.
    pub file: String,
    /// What it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How many questions and writes were compared.
    pub compared: usize,
    /// The codes that refusals were expected to have by name, and had.
    pub codes: BTreeSet<String>,
    /// What did not come out as expected. None: it passed.
    pub failures: Vec<Failure>,
}

impl ScenarioReport {
    /// Whether everything came out as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Something that did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The step, in words.
    pub step: String,
    /// What was expected.
    pub expected: String,
    /// What came of it; or why the step could not be run.
    pub actual: String,
    /// What led to it.
    pub details: Vec<String>,
}

/// A question that a scenario asks, and the state that it is asked of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asked<'r> {
    /// The id of the scenario.
    pub scenario: &'r str,
    /// The step, in words.
    pub step: &'r str,
    /// The question.
    pub request: &'r Request,
    /// What it has to come out as.
    pub expected: &'r Expectation,
    /// The policies and facts of this moment.
    pub world: &'r Arc<World>,
}

/// A state of a portal that a scenario comes to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reached<'r> {
    /// The id of the scenario.
    pub scenario: &'r str,
    /// The tenant, as the scenario's questions find it.
    pub tenant: &'r Tenant,
    /// The moment of its clock, which stands still.
    pub now: Timestamp,
}

/// What is seen of a run on the way.
enum Shown<'r> {
    Question(Asked<'r>),
    State(Reached<'r>),
}

/// A run of one scenario under way.
struct Run<'r> {
    report: ScenarioReport,
    show: &'r mut dyn FnMut(&Shown<'_>),
}

impl Run<'_> {
    fn reach(&mut self, stage: &Stage) {
        if let Some((tenant, now)) = stage.tenant() {
            let scenario = &self.report.id;
            (self.show)(&Shown::State(Reached { scenario, tenant, now }));
        }
    }
}

/// What scenarios are decided by.
struct Under<'r> {
    policies: &'r PolicyBundle,
    shadow: Option<Arc<Shadow>>,
}

fn run(
    file: &Loaded,
    scenario: &Scenario,
    under: &Under<'_>,
    show: &mut dyn FnMut(&Shown<'_>),
) -> ScenarioReport {
    let report = ScenarioReport {
        id: scenario.id.clone(),
        file: file.name.clone(),
        note: scenario.note.clone(),
        compared: 0,
        codes: BTreeSet::new(),
        failures: Vec::new(),
    };
    let mut run = Run { report, show };
    let played = play(file, scenario, under, &mut run);
    let mut report = run.report;
    if let Err(why) = played {
        report.failures.push(Failure {
            step: "set-up".to_owned(),
            expected: "a scenario that can be run".to_owned(),
            actual: why,
            details: Vec::new(),
        });
    }
    report
}

fn play(
    file: &Loaded,
    scenario: &Scenario,
    under: &Under<'_>,
    run: &mut Run<'_>,
) -> Result<(), String> {
    let Some(presets) = &scenario.presets else {
        return play_once(file, scenario, None, under, run);
    };
    for preset in presets.each() {
        let earlier = run.report.failures.len();
        play_once(file, scenario, Some(*preset), under, run)
            .map_err(|why| format!("under {preset}: {why}"))?;
        for failure in run.report.failures.iter_mut().skip(earlier) {
            failure.step = format!("{preset}: {}", failure.step);
        }
    }
    Ok(())
}

fn play_once(
    file: &Loaded,
    scenario: &Scenario,
    preset: Option<Preset>,
    under: &Under<'_>,
    run: &mut Run<'_>,
) -> Result<(), String> {
    let mut fixture = fixture(file, scenario)?;
    fixture.preset = preset.or(fixture.preset);
    let mut stage = Stage::of(&fixture, under.policies, under.shadow.clone())?;
    run.reach(&stage);
    let single = Step {
        check: scenario.check.clone(),
        mail: scenario.mail.clone(),
        write: scenario.write.clone(),
        expect: scenario.expect.clone(),
        ..Step::default()
    };
    let is_single = single.expect.is_some()
        || single.check.is_some()
        || single.mail.is_some()
        || single.write.is_some();
    for (index, step) in is_single.then_some(&single).into_iter().chain(&scenario.steps).enumerate()
    {
        take(&mut stage, index + 1, step, run)?;
    }
    if let Some(matrix) = &scenario.matrix {
        fill_matrix(&stage, matrix, run)?;
    }
    if run.report.compared == 0 {
        return Err("it compares nothing: give it a check, a mail, a write or a matrix".to_owned());
    }
    Ok(())
}

/// The fixtures of a scenario, each laid over the one before, and what is given on top.
fn fixture(file: &Loaded, scenario: &Scenario) -> Result<Fixture, String> {
    let mut whole = Json::Object(serde_json::Map::new());
    for name in &scenario.fixtures {
        let fixture = file.fixtures.get(name).ok_or_else(|| {
            let known: Vec<&str> = file.fixtures.keys().map(String::as_str).collect();
            format!("there is no fixture `{name}`; known are {}", known.join(", "))
        })?;
        overlay(&mut whole, fixture);
    }
    if let Some(given) = &scenario.given {
        overlay(&mut whole, given);
    }
    let mut fixture: Fixture = serde_json::from_value(whole)
        .map_err(|error| format!("the fixture cannot be read: {error}"))?;
    if scenario.now.is_some() {
        fixture.now.clone_from(&scenario.now);
    }
    Ok(fixture)
}

/// Lays `over` over `base`: objects member by member, everything else replaced, null removed.
///
/// INVARIANT (fixture nesting): the YAML reader bounds how deep files nest.
fn overlay(base: &mut Json, over: &Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    base.remove(name);
                } else {
                    overlay(base.entry(name.clone()).or_insert(Json::Null), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn take(stage: &mut Stage, number: usize, step: &Step, run: &mut Run<'_>) -> Result<(), String> {
    let Step { check, mail, credential_mail, write, open, now, expect } = step;
    let asked = [
        check.is_some(),
        mail.is_some(),
        credential_mail.is_some(),
        write.is_some(),
        open.is_some(),
        now.is_some(),
    ];
    if asked.into_iter().filter(|given| *given).count() != 1 {
        return Err(format!(
            "step {number} is not exactly one of check, mail, credential_mail, write, open, now"
        ));
    }
    let broken = |why: String| format!("step {number}: {why}");
    let (described, observed) = if let Some(question) = check {
        (describe(question), stage.decide(question).map_err(broken)?)
    } else if let Some(mail) = mail {
        let described = format!("mail {} to {}", mail.event, mail.contact);
        (described, stage.mail(mail).map_err(broken)?)
    } else if let Some(contact) = credential_mail {
        let described = format!("mail a credential to {contact}");
        (described, stage.credential_mail(contact).map_err(broken)?)
    } else if let Some(write) = write {
        let names: Vec<String> = write.commands.iter().map(Command::name).collect();
        let observed = stage.write(write).map_err(broken)?;
        run.reach(stage);
        (format!("write {}", names.join(", ")), observed)
    } else {
        if let Some(open) = open {
            stage.open_session(&open.session, &open.contact).map_err(broken)?;
        }
        if let Some(now) = now {
            stage.set_now(now).map_err(broken)?;
            run.reach(stage);
        }
        return match expect {
            None => Ok(()),
            Some(_) => Err(broken("nothing can be expected of it".to_owned())),
        };
    };
    let expected = expect.clone().ok_or_else(|| broken("`expect` is missing".to_owned()))?;
    compare(stage, run, format!("step {number}: {described}"), &expected, observed);
    Ok(())
}

fn compare(
    stage: &Stage,
    run: &mut Run<'_>,
    step: String,
    expected: &Expectation,
    observed: Observed,
) {
    run.report.compared += 1;
    let Observed { actual, mut details, request } = observed;
    if let Some(request) = &request {
        let (scenario, world) = (&run.report.id, &stage.world());
        let asked = Asked { scenario, step: &step, request, expected, world };
        (run.show)(&Shown::Question(asked));
    }
    if expected.is_met_by(&actual) {
        run.report.codes.extend(expected.code.clone());
    } else {
        details.extend(request.iter().flat_map(|request| stage.explain(request)));
        let (expected, actual) = (expected.to_string(), actual.to_string());
        run.report.failures.push(Failure { step, expected, actual, details });
    }
}

fn describe(question: &Question) -> String {
    let principal = match &question.principal {
        Principal::Name(name) => name.clone(),
        Principal::Caller(spec) => {
            let who = [&spec.contact, &spec.link, &spec.staff].into_iter().flatten().next();
            who.cloned().unwrap_or_else(|| "a guest".to_owned())
        }
    };
    let resource = match &question.resource {
        Target::Name(name) => name.clone(),
        Target::Resource(spec) => {
            let named = [&spec.document, &spec.contact, &spec.inline, &spec.client];
            let named = named.into_iter().flatten().next().cloned();
            match (&spec.new, named) {
                (Some(kind), Some(client)) => format!("a new {kind} at {client}"),
                (_, named) => named.unwrap_or_default(),
            }
        }
    };
    format!("{principal} {} {resource}", question.action)
}

fn fill_matrix(stage: &Stage, matrix: &Matrix, run: &mut Run<'_>) -> Result<(), String> {
    let known = |part: &str, cells: &[Cells], of: fn(&Cells) -> &Vec<String>, all: &[String]| {
        let all: BTreeSet<&String> = all.iter().collect();
        let unknown = cells.iter().flat_map(of).find(|name| !all.contains(name));
        match unknown {
            Some(name) => Err(format!("the matrix has no {part} `{name}`")),
            None => Ok(()),
        }
    };
    for cells in [&matrix.allow, &matrix.deny] {
        known("principal", cells, |c| &c.principals, &matrix.principals)?;
        known("action", cells, |c| &c.actions, &matrix.actions)?;
        known("resource", cells, |c| &c.resources, &matrix.resources)?;
    }
    if let Some(cells) = matrix.allow.iter().find(|cells| cells.code.is_some()) {
        return Err(format!("an allow has no code, but {:?} was given", cells.code));
    }
    for principal in &matrix.principals {
        for action in &matrix.actions {
            for resource in &matrix.resources {
                let question = Question::new(principal, action, resource);
                let mut observed = stage.decide(&question)?;
                let holds = |cells: &&Cells| cells.hold(principal, action, resource);
                let expected = match matrix.allow.iter().find(holds) {
                    Some(_) => Expectation::new(Outcome::Allow, None),
                    None => {
                        let code = matrix.deny.iter().find(holds).and_then(|c| c.code.as_deref());
                        Expectation::new(Outcome::Deny, code)
                    }
                };
                // A step up is a refusal; only a single question asks for it by name.
                if observed.actual.outcome == Outcome::StepUp {
                    observed.actual.outcome = Outcome::Deny;
                }
                compare(stage, run, describe(&question), &expected, observed);
            }
        }
    }
    Ok(())
}

impl Cells {
    fn hold(&self, principal: &str, action: &str, resource: &str) -> bool {
        let among =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        among(&self.principals, principal)
            && among(&self.actions, action)
            && among(&self.resources, resource)
    }
}
