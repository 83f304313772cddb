//! What a bench found out by itself, for `ratios.py` to print.

use std::error::Error;
use std::path::Path;

use serde::Serialize;

#[derive(Serialize)]
struct Finding {
    case: String,
    engine: String,
    value: f64,
    unit: &'static str,
}

#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn add(&mut self, case: &str, engine: &str, value: f64, unit: &'static str) {
        self.0.push(Finding { case: case.to_owned(), engine: engine.to_owned(), value, unit });
    }

    /// Into a file of the target folder, named after the bench.
    pub fn write(&self, bench: &str) -> Result<(), Box<dyn Error>> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(bench).with_extension("json");
        Ok(std::fs::write(path, serde_json::to_string(&self.0)?)?)
    }
}
