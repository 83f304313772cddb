//! What the README tells a newcomer to do works as it stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The first code block of a language below a heading of the README.
fn block(readme: &str, heading: &str, language: &str) -> String {
    let section = readme.split_once(heading).unwrap().1;
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A crate beside a checkout called `doorward`, made from the README's text alone.
fn scratch(readme: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("app/src")).unwrap();
    std::os::unix::fs::symlink(ROOT, folder.join("doorward")).unwrap();
    // The folder lies inside this workspace and is none of it.
    let package =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n";
    let manifest = format!("{package}{}", block(readme, "## Embed a check", "toml"));
    fs::write(folder.join("app/Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("app/src/main.rs"), block(readme, "## Embed a check", "rust")).unwrap();
    // The same versions as here, so that nothing new is fetched.
    fs::copy(Path::new(ROOT).join("Cargo.lock"), folder.join("app/Cargo.lock")).unwrap();
    folder.join("app")
}

#[test]
fn a_scratch_crate_embeds_a_check() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let app = scratch(&readme);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-target");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet"])
        .current_dir(&app)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(
        stdout.contains("may pay: false; You do not have the permission for this."),
        "{stdout}"
    );
}

#[test]
fn every_command_of_the_readme_is_one() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let makefile = fs::read_to_string(Path::new(ROOT).join("Makefile")).unwrap();
    for line in readme.lines() {
        if let Some(target) = line.strip_prefix("make ") {
            let target = target.split_whitespace().next().unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "{target}");
        }
    }
    for path in ["examples/studio.yaml", "examples/demo", "policies/tests", "ARCHITECTURE.md"] {
        assert!(Path::new(ROOT).join(path).exists(), "{path}");
    }
}
