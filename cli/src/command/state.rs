//! What questions are asked of: policies, and facts or a fixture.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use doorward::author::{Search, Stage, SuiteError};
use doorward::{Engine, EntityUid, ErrorMode, Facts, PolicyBundle};
use serde_json::{Map, Value as Json};

use crate::failure::Failure;
use crate::source::{self, Source};

#[derive(Debug, clap::Args)]
pub(super) struct StateArguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(long, value_name = "DIR")]
    pub(super) policies: PathBuf,

    /// Facts as Cedar's entity JSON, or - for standard input; or a portal's fixture in YAML, as in
    /// scenario files, whose names can then be used
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct ModeArguments {
    /// What a policy does that can't be evaluated
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    error_mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Mode {
    /// A forbid refuses
    #[default]
    FailClosed,
    /// It is skipped, as in Cedar
    Cedar,
}

impl ModeArguments {
    fn mode(&self) -> ErrorMode {
        match self.error_mode {
            Mode::FailClosed => ErrorMode::FailClosed,
            Mode::Cedar => ErrorMode::Cedar,
        }
    }
}

impl StateArguments {
    pub(super) fn source(&self) -> Option<Source> {
        self.facts.as_deref().map(Source::of)
    }

    /// The facts or the fixture, ready to be asked.
    pub(super) fn stage(&self, mode: &ModeArguments) -> Result<Stage, Failure> {
        let bundle = super::load_policies(&self.policies)?;
        match self.fixture() {
            Some(path) => read_fixture(path, &bundle, mode),
            None => Ok(Stage::from(self.engine(&bundle, mode)?)),
        }
    }

    /// The path of the facts, if they are a fixture.
    pub(super) fn fixture(&self) -> Option<&Path> {
        let is_yaml = |path: &Path| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        self.facts.as_deref().filter(|path| is_yaml(path))
    }

    /// An engine over facts as entity JSON, or over none.
    pub(super) fn engine(
        &self,
        bundle: &PolicyBundle,
        mode: &ModeArguments,
    ) -> Result<Engine, Failure> {
        let source = self.source();
        let facts = match &source {
            None => Facts::new(),
            Some(source) => {
                bundle.read_facts(&source.read()?).map_err(|error| Failure::at(source, error))?
            }
        };
        let engine = Engine::builder(bundle.clone()).facts(facts).error_mode(mode.mode());
        engine.all_stored_or_inline().build().map_err(|error| match &source {
            Some(source) => Failure::at(source, error),
            None => Failure::new(error.to_string()),
        })
    }
}

pub(super) fn read_fixture(
    path: &Path,
    bundle: &PolicyBundle,
    mode: &ModeArguments,
) -> Result<Stage, Failure> {
    let place = path.display();
    if mode.error_mode != Mode::FailClosed {
        return Err(Failure::at(place, "a fixture is decided as a portal does, fail-closed")
            .help("leave --error-mode out, or use facts as entity JSON"));
    }
    let text = Source::File(path.to_owned()).read()?;
    Stage::from_yaml(&text, bundle).map_err(|error| Failure::at(place, error))
}

/// Who asks, and what for.
#[derive(Debug, clap::Args)]
pub(super) struct AskerArguments {
    /// Who asks, as in 'Contact::"gm"', or a name of the fixture
    #[arg(long, value_name = "UID")]
    principal: String,

    /// What for: a name, as in view, or a uid, as in 'Shop::Action::"view"'
    #[arg(long, value_name = "NAME")]
    action: String,
}

impl AskerArguments {
    pub(super) fn search(&self) -> Search {
        Search::new(&self.principal, &self.action)
    }
}

/// The circumstances of a question.
#[derive(Debug, clap::Args)]
pub(super) struct ContextArguments {
    /// The circumstances as a JSON object, or @ and a file that holds one
    #[arg(long, value_name = "JSON|@FILE")]
    context: Option<String>,
}

impl ContextArguments {
    pub(super) fn read(&self) -> Result<Map<String, Json>, Failure> {
        match self.context.as_deref().map(read_context).transpose()? {
            None => Ok(Map::new()),
            Some(Json::Object(members)) => Ok(members),
            Some(_) => Err(Failure::at("--context", "it is no JSON object").help(CONTEXT)),
        }
    }
}

const CONTEXT: &str = "write an object, as in '{\"mfa\": true}', or @ and a file";

pub(super) fn read_context(context: &str) -> Result<Json, Failure> {
    match context.strip_prefix('@') {
        Some(path) => Source::File(path.into()).read_json(),
        None => source::json("--context", context).map_err(|failure| failure.help(CONTEXT)),
    }
}

/// Which part of a long answer is shown.
#[derive(Debug, clap::Args)]
pub(super) struct PageArguments {
    /// Show so many at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<NonZeroUsize>,

    /// Show what comes after this one: the last that was shown before
    #[arg(long, value_name = "UID", value_parser = uid)]
    after: Option<EntityUid>,
}

/// A part of what was found.
#[derive(Debug)]
pub(crate) struct Page<'f> {
    pub(crate) uids: &'f [EntityUid],
    /// How many come after it.
    pub(crate) more: usize,
}

impl PageArguments {
    /// The part of what was found, which is in order.
    pub(super) fn of<'f>(&self, found: &'f [EntityUid]) -> Page<'f> {
        let after = self.after.as_ref();
        let start = after.map_or(0, |after| found.partition_point(|uid| uid <= after));
        let rest = found.get(start..).unwrap_or_default();
        let count = self.limit.map_or(rest.len(), |limit| limit.get().min(rest.len()));
        let (uids, more) = rest.split_at(count);
        Page { uids, more: more.len() }
    }
}

fn uid(text: &str) -> Result<EntityUid, doorward::ValueError> {
    text.parse()
}

/// Why a state can't be asked something.
pub(super) fn told(error: SuiteError) -> Failure {
    Failure::new(error.message()).help_of(error.help())
}
