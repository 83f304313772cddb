//! The portal that the benches decide about, written by `gen.py`, and the engines that decide.

pub mod adversarial;
pub mod cedar;
pub mod ours;
pub mod random;
pub mod rows;

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use doorward::PolicyBundle;
use serde::Deserialize;

use cedar::Cedar;
use ours::Ours;
use rows::{Action, Asked, Rows, uuid};

const CLIENT_COUNT: u32 = 1_000;
const REQUEST_COUNT: u32 = 10_000;

/// Schemas, policies and facts as text, and requests with their expected answers.
pub struct Workload {
    pub small: Rules,
    /// The same rules among a thousand.
    pub large: Rules,
    pub entities: String,
    pub rows: Rows,
    pub questions: Vec<Question>,
    /// The same questions about rows by place.
    pub asked: Vec<Asked>,
}

/// A schema and policies.
pub struct Rules {
    pub schema: String,
    pub policies: String,
}

/// One of the workload's requests.
#[derive(Deserialize)]
pub struct Question {
    pub principal: String,
    pub action: Action,
    pub resource: String,
    pub context: QuestionContext,
}

#[derive(Deserialize)]
pub struct QuestionContext {
    pub mfa: bool,
}

impl Workload {
    /// Reads the workload, generated into the target folder the first time.
    pub fn read() -> Result<Self, Box<dyn Error>> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("workload-{CLIENT_COUNT}-{REQUEST_COUNT}"));
        // The generator writes its statistics last.
        if !dir.join("stats.json").exists() {
            generate(&dir)?;
        }
        let read = |name: &str| fs::read_to_string(dir.join(name));
        let entities = read("entities.json")?;
        let rows = Rows::read(&entities)?;
        let questions: Vec<Question> = serde_json::from_str(&read("requests.json")?)?;
        // From the generator's oracle; no engine was asked.
        let expected: Vec<u8> = serde_json::from_str(&read("expected.json")?)?;
        if questions.len() != REQUEST_COUNT as usize || expected.len() != questions.len() {
            return Err("the workload is not as long as it was asked for".into());
        }
        Ok(Self {
            small: Rules { schema: read("schema.cedarschema")?, policies: read("policies.cedar")? },
            large: Rules {
                schema: read("schema_1000.cedarschema")?,
                policies: read("policies_1000.cedar")?,
            },
            asked: by_place(&rows, &questions, &expected)?,
            entities,
            rows,
            questions,
        })
    }

    pub fn ours(&self, rules: &Rules) -> Result<Ours, Box<dyn Error>> {
        Ours::from_json(rules.bundle()?, &self.entities)
    }

    pub fn cedar(&self, rules: &Rules) -> Result<Cedar, Box<dyn Error>> {
        Cedar::read(&rules.schema, &rules.policies, &self.entities)
    }

    /// All facts but the documents.
    pub fn entities_but_documents(&self) -> String {
        // The generator writes a row a line.
        let rows = self.entities.lines().filter(|line| line.starts_with('{'));
        let others: Vec<&str> = rows
            .filter(|row| !row.starts_with(r#"{"uid":{"type":"Document""#))
            .map(|row| row.trim_end_matches(','))
            .collect();
        format!("[{}]", others.join(","))
    }
}

impl Rules {
    pub fn bundle(&self) -> Result<PolicyBundle, Box<dyn Error>> {
        ours::bundle(&self.schema, &self.policies)
    }
}

fn by_place(
    rows: &Rows,
    questions: &[Question],
    expected: &[u8],
) -> Result<Vec<Asked>, Box<dyn Error>> {
    let contacts: HashMap<u128, u32> = rows.contacts.iter().map(|row| row.id).zip(0..).collect();
    let documents: HashMap<u128, u32> = rows.documents.iter().map(|row| row.id).zip(0..).collect();
    let asked = questions.iter().zip(expected).map(|(question, answer)| {
        Ok(Asked {
            contact: *contacts.get(&uuid(&question.principal)?).ok_or("an unknown contact")?,
            action: question.action,
            document: *documents.get(&uuid(&question.resource)?).ok_or("an unknown document")?,
            mfa: question.context.mfa,
            allowed: *answer == 1,
        })
    });
    asked.collect()
}

fn generate(dir: &Path) -> Result<(), Box<dyn Error>> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/workload/gen.py");
    let ran = Command::new("python3")
        .arg(script)
        .arg(dir)
        .args(["--clients", &CLIENT_COUNT.to_string()])
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
