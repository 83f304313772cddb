//! What `check` and `explain` are asked: the policies, the facts and the requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::wire::Evaluations;
use doorward::{EntityUid, PolicyBundle, World};
use serde_json::{Value as Json, json};

use super::state::{self, ModeArguments, StateArguments};
use crate::failure::Failure;
use crate::source::Source;

#[derive(Debug, clap::Args)]
pub(super) struct QuestionArguments {
    #[command(flatten)]
    state: StateArguments,

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

    #[command(flatten)]
    mode: ModeArguments,
}

/// The state to ask, and what to ask of it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) world: Arc<World>,
    pub(super) evaluations: Evaluations,
}

impl QuestionArguments {
    pub(super) fn read(&self) -> Result<Question, Failure> {
        let request_source = self.request.as_deref().map(Source::of);
        if self.state.source() == Some(Source::Stdin) && request_source == Some(Source::Stdin) {
            return Err(Failure::new("both --facts and --request read standard input")
                .help("put one of them in a file"));
        }
        let bundle = super::load_policies(&self.state.policies)?;
        if let Some(path) = self.state.fixture() {
            return self.read_fixture(path, &bundle);
        }
        let engine = self.state.engine(&bundle, &self.mode)?;
        let (place, body) = match &request_source {
            Some(source) => (source.to_string(), source.read_json()?),
            None => ("the request".to_owned(), self.body()?),
        };
        let evaluations = Evaluations::from_json(&body, &bundle).map_err(|error| {
            let failure = Failure::at(place, error.message());
            error.help().map(str::to_owned).into_iter().fold(failure, Failure::help)
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
        let stage = state::read_fixture(path, bundle, &self.mode)?;
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
            let context = state::read_context(context)?;
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
