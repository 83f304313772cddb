//! Probe.
#![allow(clippy::all, clippy::unwrap_used, clippy::print_stderr)]
use doorward::*;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let read = |n: &str| std::fs::read_to_string(format!("/tmp/wl/{n}"));
    let b = PolicyBundle::builder().schema("s", read("schema.cedarschema")?).policies("p", read("policies.cedar")?).build()?;
    let t = std::time::Instant::now();
    let facts = b.read_facts(&read("entities.json")?)?;
    eprintln!("read {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let e = Engine::builder(b).facts(facts).build()?;
    eprintln!("engine {:?}", t.elapsed());
    let reqs: serde_json::Value = serde_json::from_str(&read("requests.json")?)?;
    let view = e.environment("Contact", "view", "Document")?;
    let ctx = e.context(&view, Record::from([("mfa".into(), Value::from(true))]))?;
    for r in reqs.as_array().unwrap().iter().take(20) {
        let g = |k: &str| r[k].as_str().unwrap().to_owned();
        let d = e.check_in(&view, g("principal").as_str(), g("resource").as_str(), &ctx);
        eprintln!("{d}");
    }
    Ok(())
}
