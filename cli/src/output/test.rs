//! What came of scenarios.

use std::fmt::Write as _;

use doorward::author::{ScenarioReport, SuiteReport};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value as Json, json};

use super::{BAD, DIM, GOOD, plain};
use crate::failure::Failure;

/// A line for each scenario, with what came out differently below it, and the counts.
pub(crate) fn human(report: &SuiteReport) -> String {
    let mut text = String::new();
    let mut file = "";
    for scenario in &report.scenarios {
        if scenario.file != file {
            file = &scenario.file;
            let _ = writeln!(text, "{}", plain(file));
        }
        let (style, word) = if scenario.passed() { (GOOD, "ok  ") } else { (BAD, "FAIL") };
        let _ = write!(text, "  {style}{word}{style:#} {}", plain(&scenario.id));
        if let Some(note) = &scenario.note {
            let _ = write!(text, "  {DIM}{}{DIM:#}", plain(note));
        }
        text.push('\n');
        for failure in &scenario.failures {
            let _ = writeln!(text, "       {}", plain(&failure.step));
            let _ = writeln!(text, "         expected {}", plain(&failure.expected));
            let _ = writeln!(text, "         got      {}", plain(&failure.actual));
            for line in &failure.details {
                let _ = writeln!(text, "         {DIM}{}{DIM:#}", plain(line));
            }
        }
    }
    let (passed, failed) = (report.passed(), report.failed());
    let style = if failed == 0 { GOOD } else { BAD };
    let _ = writeln!(
        text,
        "\n{style}{passed} passed, {failed} failed{style:#}\nscenarios: {}, comparisons: {}",
        report.scenarios.len(),
        report.compared()
    );
    text
}

pub(crate) fn json(report: &SuiteReport) -> String {
    let scenarios: Vec<Json> = report
        .scenarios
        .iter()
        .map(|scenario| {
            json!({
                "id": scenario.id,
                "file": scenario.file,
                "note": scenario.note,
                "passed": scenario.passed(),
                "compared": scenario.compared,
                "failures": scenario.failures,
            })
        })
        .collect();
    super::json(&json!({
        "passed": report.passed(),
        "failed": report.failed(),
        "compared": report.compared(),
        "scenarios": scenarios,
    }))
}

/// A test suite for each file, a test case for each scenario.
pub(crate) fn junit(report: &SuiteReport) -> Result<String, Failure> {
    let mut junit = Report::new("doorward");
    for scenarios in report.scenarios.chunk_by(|one, next| one.file == next.file) {
        let file = scenarios.first().map(|scenario| scenario.file.as_str()).unwrap_or_default();
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(scenarios.iter().map(test_case));
        junit.add_test_suite(suite);
    }
    junit.to_string().map_err(|error| Failure::new(format!("no JUnit XML can be written: {error}")))
}

fn test_case(scenario: &ScenarioReport) -> TestCase {
    let status = match scenario.failures.first() {
        None => TestCaseStatus::success(),
        Some(first) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("expected {}, got {}", first.expected, first.actual));
            let told = scenario.failures.iter().map(|failure| {
                let details = failure.details.join("\n");
                format!(
                    "{}\nexpected {}\ngot {}\n{details}",
                    failure.step, failure.expected, failure.actual
                )
            });
            status.set_description(told.collect::<Vec<_>>().join("\n\n"));
            status
        }
    };
    TestCase::new(scenario.id.as_str(), status)
}
