//! What architecture and style promise about the sources, and the domain about the order of
//! reasons.

use std::fs;
use std::path::{Path, PathBuf};

use doorward::{Effect, PolicyBundle, PolicyInfo};

use crate::codes::{STEPS, is_step_up, place};

const LINES_MAX: usize = 900;

/// The rooms in their order: each may use those before it, and itself.
const ROOMS: &[&str] = &[
    "facts", "plan", "policy", "compile", "decide", "query", "engine", "audit", "wire", "portal",
    "author",
];

/// Uses against the order that the house allows.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The world of one revision is what the engine hands to whoever decides.
    ("src/decide/", "engine"),
    ("src/query/", "engine"),
    // Counting is no room of its own: it looks on while the plan evaluates.
    ("src/plan/eval.rs", "coverage"),
    ("src/coverage.rs", "plan"),
    // One error over all phases.
    ("src/error.rs", "portal"),
];

/// Where Cedar's crate may be named.
const CEDAR: &[&str] = &[
    "src/policy/",
    "src/compile/lower.rs",
    "src/decide/reference.rs",
    "src/facts/cedar.rs",
    "src/facts/types/tests.rs",
];

#[test]
fn rooms_use_only_what_stands_below_them() {
    let mut against = Vec::new();
    for source in sources("src") {
        let room = source.room();
        for (line, used) in source.crate_paths() {
            let allowed = EXCEPTIONS
                .iter()
                .any(|(place, exception)| source.name.starts_with(place) && used == *exception)
                || match (rank(room), rank(&used)) {
                    (Some(own), Some(other)) => other <= own,
                    // The root and `error.rs` join the rooms; symbols belong to everybody.
                    (None, _) => room == "lib",
                    (Some(0), None) => ["symbol", "error"].contains(&used.as_str()),
                    (Some(_), None) => true,
                }
                || (room == "error" && rank(&used) < rank("portal"));
            if !allowed {
                against.push(format!("{}:{line}: `{room}` uses `{used}`", source.name));
            }
        }
    }
    assert_eq!(against, Vec::<String>::new());
}

#[test]
fn the_scan_of_rooms_sees_every_use() {
    let hidden: Vec<String> = sources("src")
        .iter()
        .flat_map(|source| {
            let depth = source.depth();
            source.code_lines().filter_map(move |(line, text)| {
                let climbs = text.matches("super::").count();
                let grouped = text.contains("crate::{");
                // Out of the room by `super`, from the start of a line: nested modules are deeper.
                let leaves = text.starts_with("use super") && climbs >= depth && depth > 0;
                (grouped || leaves).then(|| format!("{}:{line}: {text}", source.name))
            })
        })
        .collect();
    assert_eq!(hidden, Vec::<String>::new(), "write one `use crate::room::…` per room");
}

#[test]
fn cedar_is_named_in_few_places() {
    let elsewhere: Vec<String> = sources("src")
        .iter()
        .filter(|source| !CEDAR.iter().any(|place| source.name.starts_with(place)))
        .flat_map(|source| {
            let named = source.code_lines().filter(|(_, text)| text.contains("cedar_policy"));
            named.map(|(line, _)| format!("{}:{line}", source.name)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = ["src", "cli/src", "bindings/python/src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|source| source.text.lines().count() > LINES_MAX)
        .map(|source| source.name)
        .collect();
    assert_eq!(long, Vec::<String>::new(), "more than {LINES_MAX} lines");
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("#[ig", "nore"),
    ];
    let left: Vec<String> = sources("")
        .iter()
        .flat_map(|source| {
            let lines = source.text.lines().enumerate();
            lines
                .filter(|(_, text)| marks.iter().any(|mark| text.contains(mark)))
                .map(|(index, text)| format!("{}:{}: {text}", source.name, index + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn every_shipped_policy_says_what_it_is() {
    for policy in shipped().policies() {
        let id = policy.id();
        assert!(policy.text().contains(&format!("@id(\"{id}\")")), "{id}: no @id");
        assert!(policy.step().is_some(), "{id}: no @step");
        assert!(policy.reason().is_some(), "{id}: no @reason");
        assert!(policy.message().is_some(), "{id}: no @message");
        assert!(
            policy.effect() == Effect::Forbid || matches!(policy.step(), Some(10 | 11)),
            "{id}: permits carry reach and permission only"
        );
    }
}

#[test]
fn shipped_reasons_stand_where_the_domain_puts_them() {
    let bundle = shipped();
    let forbids = || bundle.policies().iter().filter(|policy| policy.effect() == Effect::Forbid);
    for policy in forbids() {
        let (id, code) = (policy.id(), policy.reason().unwrap());
        let (step, order) = place(code.as_str())
            .unwrap_or_else(|| panic!("{id} reports {code}, which no step of the domain knows"));
        assert_eq!(policy.step(), Some(step), "{id} reports {code}");
        assert_eq!(usize::from(policy.rank()), order, "{id} reports {code}: its @rank");
        let lifts = is_step_up(code.as_str());
        assert_eq!(policy.step_up().is_some(), lifts, "{id} reports {code}: a step up or not");
        assert!(!policy.reason_only() || [10, 11].contains(&step), "{id} is reason-only");
    }
    let unreported: Vec<&str> = STEPS
        .iter()
        .flat_map(|(_, codes)| codes.iter().copied())
        .filter(|code| !forbids().any(|policy| policy.reason().is_some_and(|own| own == *code)))
        .collect();
    assert_eq!(unreported, Vec::<&str>::new(), "codes of the domain that nothing reports");
}

fn shipped() -> PolicyBundle {
    doorward::portal::shipped_policies().unwrap()
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The room that a file of `src/` lies in: `facts`, `error`.
    fn room(&self) -> &str {
        let path = self.name.strip_prefix("src/").unwrap();
        path.split(['/', '.']).next().unwrap()
    }

    /// How deep its module lies under the root: `src/facts/uid.rs` is 2 deep.
    fn depth(&self) -> usize {
        let path = self.name.strip_prefix("src/").unwrap();
        if path == "lib.rs" {
            return 0;
        }
        path.trim_end_matches("/mod.rs").split('/').count()
    }

    /// The lines that are code, numbered from 1.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, text)| (index + 1, text));
        lines.filter(|(_, text)| !text.trim_start().starts_with("//"))
    }

    /// The first name after each `crate::`, with its line; of names that the root re-exports, the
    /// room that they come from.
    fn crate_paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (line, text) in self.code_lines() {
            for (at, mark) in text.match_indices("crate::") {
                let before = text.get(..at).unwrap().chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let rest = text.get(at + mark.len()..).unwrap();
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = rest.get(..end.unwrap_or(rest.len())).unwrap();
                found.push((line, origin(name)));
            }
        }
        found
    }
}

/// The room of a name of the crate's root.
fn origin(name: &str) -> String {
    if name.starts_with(char::is_lowercase) {
        return name.to_owned();
    }
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let exports = lib.split("pub use ").skip(1).filter_map(|export| export.split_once(';'));
    let home = exports.map(|(export, _)| export).find(|export| {
        export.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    });
    let home = home.unwrap_or_else(|| panic!("`crate::{name}` is no export of the root"));
    home.split("::").next().unwrap().to_owned()
}

/// The sources under a folder, by name.
fn sources(folder: &str) -> Vec<Source> {
    const KINDS: &[&str] =
        &["rs", "cedar", "cedarschema", "toml", "py", "pyi", "md", "yaml", "json"];
    let mut sources = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let built = ["target", "node_modules", "__pycache__"].contains(&name.as_str());
            if name.starts_with('.') || built {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if has_extension(&path, KINDS) {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                sources.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources under `{folder}`");
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    sources
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|extension| known.iter().any(|kind| extension == *kind))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The scan must not pass because it sees nothing.
#[test]
fn the_scan_sees_the_house() {
    let names: Vec<String> = sources("src").into_iter().map(|source| source.name).collect();
    for expected in ["src/lib.rs", "src/decide/reference.rs", "src/portal/tx/mod.rs"] {
        assert!(names.iter().any(|name| name == expected), "{expected}");
    }
    let world = sources("src").into_iter().find(|source| source.name == "src/engine/world.rs");
    let uses = world.unwrap().crate_paths();
    assert!(uses.iter().any(|(_, used)| used == "facts"), "{uses:?}");
    let policies: Vec<PolicyInfo> = shipped().policies().to_vec();
    assert!(policies.len() > 80);
}
