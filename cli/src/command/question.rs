//! What `check` and `explain` are asked: the policies, the facts and the requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::author::Stage;
use doorward::wire::Evaluations;
use doorward::{Engine, EntityUid, ErrorMode, Facts, PolicyBundle, World};
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::source::{self, Source};

#[derive(Debug, clap::Args)]
pub(super) struct QuestionArguments {
    /// Folder of policies (.cedar) and their schema (.cedarschema)
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,

    /// Facts as Cedar's entity JSON, or - for standard input; or a portal's fixture in YAML, as in
    /// scenario files, whose names can then be used
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,

    /// Who asks, as in 'Contact::"gm"', or a name of the fixture
    #[arg(long, value_name = "UID", required_unless_present = "request")]
    principal: Option<String>,

    /// What for: a name, as in view, or a uid, as in 'Shop::Action::"view"'
    #[arg(long, value_name = "NAME", required_unless_present = "request")]
    action: Option<String>,

    /// On what, as in 'Document::"I1"', or a name of the fixture
    #[arg(long, value_name = "UID", required_unless_present = "request")]
    resource: Option<String>,

    /// The circumstances as a JSON object, or @ and a file that holds one
    #[arg(long, value_name = "JSON|@FILE")]
    context: Option<String>,

    /// An AuthZEN request or a batch of them, or - for standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["principal", "action", "resource", "context"]
    )]
    request: Option<PathBuf>,

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

/// The state to ask, and what to ask of it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) world: Arc<World>,
    pub(super) evaluations: Evaluations,
}

impl QuestionArguments {
    pub(super) fn read(&self) -> Result<Question, Failure> {
        let facts_source = self.facts.as_deref().map(Source::of);
        let request_source = self.request.as_deref().map(Source::of);
        if facts_source == Some(Source::Stdin) && request_source == Some(Source::Stdin) {
            return Err(Failure::new("both --facts and --request read standard input")
                .help("put one of them in a file"));
        }
        let bundle = super::load_policies(&self.policies)?;
        if let Some(Source::File(path)) = &facts_source
            && path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
        {
            return self.read_fixture(path, &bundle);
        }
        let facts = match &facts_source {
            None => Facts::new(),
            Some(source) => {
                bundle.read_facts(&source.read()?).map_err(|error| Failure::at(source, error))?
            }
        };
        let (place, body) = match &request_source {
            Some(source) => (source.to_string(), source.read_json()?),
            None => ("the request".to_owned(), self.body()?),
        };
        let evaluations = Evaluations::from_json(&body, &bundle).map_err(|error| {
            let failure = Failure::at(place, error.message());
            error.help().map(str::to_owned).into_iter().fold(failure, Failure::help)
        })?;
        let mode = match self.error_mode {
            Mode::FailClosed => ErrorMode::FailClosed,
            Mode::Cedar => ErrorMode::Cedar,
        };
        let engine = Engine::builder(bundle).facts(facts).error_mode(mode).all_stored_or_inline();
        let engine = engine.build().map_err(|error| match &facts_source {
            Some(source) => Failure::at(source, error),
            None => Failure::new(error.to_string()),
        })?;
        Ok(Question { world: engine.world(), evaluations })
    }

    /// The question in the words of a fixture: `--principal gm --action view --resource I1`.
    fn read_fixture(&self, path: &Path, bundle: &PolicyBundle) -> Result<Question, Failure> {
        let place = path.display();
        let (Some(principal), Some(action), Some(resource)) =
            (&self.principal, &self.action, &self.resource)
        else {
            return Err(Failure::at(place, "a fixture can't be asked with --request")
                .help("use --principal, --action and --resource, or facts as entity JSON"));
        };
        if self.context.is_some() {
            return Err(Failure::at(place, "a fixture makes the context itself")
                .help("leave --context out, or use facts as entity JSON"));
        }
        let text = Source::File(path.to_owned()).read()?;
        let stage = Stage::from_yaml(&text, bundle).map_err(|error| Failure::at(place, error))?;
        let question = doorward::author::Question::new(principal, action, resource);
        let request =
            stage.request(&question).map_err(|error| Failure::at("the question", error))?;
        Ok(Question { world: stage.world(), evaluations: request.into() })
    }

    /// The arguments as an AuthZEN request.
    fn body(&self) -> Result<Json, Failure> {
        let mut body = json!({
            "subject": named("--principal", self.principal.as_deref())?,
            "action": { "name": self.action },
            "resource": named("--resource", self.resource.as_deref())?,
        });
        if let (Some(context), Json::Object(members)) = (&self.context, &mut body) {
            let context = match context.strip_prefix('@') {
                Some(path) => Source::File(path.into()).read_json()?,
                None => source::json("--context", context).map_err(|failure| {
                    failure.help("write an object, as in '{\"mfa\": true}', or @ and a file")
                })?,
            };
            members.insert("context".to_owned(), context);
        }
        Ok(body)
    }
}

fn named(argument: &str, uid: Option<&str>) -> Result<Json, Failure> {
    let uid: EntityUid =
        uid.unwrap_or_default().parse().map_err(|error| Failure::at(argument, error))?;
    Ok(json!({ "type": uid.type_name(), "id": uid.id() }))
}
