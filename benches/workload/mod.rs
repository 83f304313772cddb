//! The portal that the benches decide about, written by `gen.py`, and one way to decide per engine.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;
use std::{fs, io};

use cedar_policy::{
    Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    RestrictedExpression, Schema,
};
use doorward::{Engine, PolicyBundle};
use serde::Deserialize;

/// Requests per workload: enough to spread over its documents, few enough for a slice each.
const REQUEST_COUNT: u32 = 2_000;

/// Schema, policies and facts as text, and requests with their expected answers.
pub struct Workload {
    pub schema: String,
    pub policies: String,
    pub entities: String,
    pub requests: Vec<Question>,
    /// From the generator's oracle; no engine was asked.
    pub expected: Vec<bool>,
}

/// One of the workload's requests.
#[derive(Deserialize)]
pub struct Question {
    principal: String,
    action: String,
    resource: String,
    context: QuestionContext,
}

#[derive(Deserialize)]
struct QuestionContext {
    mfa: bool,
}

impl Workload {
    /// Reads the workload of this many clients, generated into the target folder the first time.
    pub fn read(client_count: u32) -> Result<Self, Box<dyn Error>> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("workload-{client_count}-{REQUEST_COUNT}"));
        // The generator writes its statistics last.
        if !dir.join("stats.json").exists() {
            generate(&dir, client_count)?;
        }
        let read = |name: &str| fs::read_to_string(dir.join(name));
        let expected: Vec<u8> = serde_json::from_str(&read("expected.json")?)?;
        Ok(Self {
            schema: read("schema.cedarschema")?,
            policies: read("policies.cedar")?,
            entities: read("entities.json")?,
            requests: serde_json::from_str(&read("requests.json")?)?,
            expected: expected.into_iter().map(|answer| answer == 1).collect(),
        })
    }

    /// An engine of ours that stores the facts.
    pub fn engine(&self) -> Result<Engine, Box<dyn Error>> {
        let policies = PolicyBundle::builder()
            .schema("schema.cedarschema", self.schema.as_str())
            .policies("policies.cedar", self.policies.as_str())
            .build()?;
        let facts = policies.read_facts(&self.entities)?;
        Ok(Engine::builder(policies).facts(facts).build()?)
    }

    /// Cedar's own parts, over the same texts.
    pub fn cedar(&self) -> Result<Cedar, Box<dyn Error>> {
        let (schema, _warnings) = Schema::from_cedarschema_str(&self.schema)?;
        Ok(Cedar {
            policies: PolicySet::from_str(&self.policies)?,
            entities: Entities::from_json_str(&self.entities, Some(&schema))?,
            schema,
        })
    }
}

fn generate(dir: &Path, client_count: u32) -> Result<(), Box<dyn Error>> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/workload/gen.py");
    let ran = Command::new("python3")
        .arg(script)
        .arg(dir)
        .args(["--clients", &client_count.to_string()])
        .args(["--requests", &REQUEST_COUNT.to_string()])
        .args(["--seed", "1"])
        .output();
    let output = match ran {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("the benches need `python3` on the path: it writes their workload".into());
        }
        Err(error) => return Err(error.into()),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`gen.py` failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

impl Question {
    /// The request for our engine.
    pub fn for_doorward(&self) -> doorward::Request {
        let uid = |type_name, id: &str| doorward::EntityUid::new(type_name, id);
        doorward::Request::new(
            uid("Contact", &self.principal),
            self.action.as_str(),
            uid("Document", &self.resource),
        )
        .with("mfa", self.context.mfa)
    }
}

/// What Cedar's authorizer is asked with.
pub struct Cedar {
    pub schema: Schema,
    pub policies: PolicySet,
    pub entities: Entities,
}

impl Cedar {
    /// The request for Cedar, checked against the schema.
    pub fn request(&self, question: &Question) -> Result<cedar_policy::Request, Box<dyn Error>> {
        let uid = |type_name: &str, id: &str| -> Result<EntityUid, Box<dyn Error>> {
            Ok(EntityUid::from_type_name_and_id(
                EntityTypeName::from_str(type_name)?,
                EntityId::new(id),
            ))
        };
        let mfa = RestrictedExpression::new_bool(question.context.mfa);
        Ok(cedar_policy::Request::new(
            uid("Contact", &question.principal)?,
            uid("Action", &question.action)?,
            uid("Document", &question.resource)?,
            Context::from_pairs([("mfa".to_owned(), mfa)])?,
            Some(&self.schema),
        )?)
    }

    /// Decides one request over some of the entities.
    pub fn allows(&self, request: &cedar_policy::Request, entities: &Entities) -> bool {
        let response = Authorizer::new().is_authorized(request, &self.policies, entities);
        response.decision() == cedar_policy::Decision::Allow
    }

    /// The entities that this schema's policies can read for a request: principal and resource,
    /// the clients, tenants and kinds that they name, and all their ancestors.
    pub fn slice(&self, request: &cedar_policy::Request) -> Result<Entities, Box<dyn Error>> {
        let ends = [request.principal(), request.action(), request.resource()];
        let mut open: Vec<EntityUid> = ends.into_iter().flatten().cloned().collect();
        let mut slice = HashMap::new();
        while let Some(uid) = open.pop() {
            if slice.contains_key(&uid) {
                continue;
            }
            let Some(entity) = self.entities.get(&uid) else { continue };
            for name in ["client", "kind", "tenant"] {
                if let Some(Ok(cedar_policy::EvalResult::EntityUid(named))) = entity.attr(name) {
                    open.push(named);
                }
            }
            let (_, _, parents) = entity.clone().into_inner();
            open.extend(parents);
            slice.insert(uid, entity.clone());
        }
        Ok(Entities::from_entities(slice.into_values(), None)?)
    }
}
