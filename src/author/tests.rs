use super::*;
use crate::portal::shipped_policies;

#[test]
fn dev_run() {
    let suite = Suite::load(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests")).unwrap();
    let report = suite.run(&shipped_policies().unwrap(), None);
    for s in &report.scenarios {
        for f in &s.failures {
            eprintln!(
                "{} {} | expected {} got {} | {:?}",
                s.id, f.step, f.expected, f.actual, f.details
            );
        }
    }
    eprintln!("{} passed {} failed", report.passed(), report.failed());
}
