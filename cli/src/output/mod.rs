//! Renders what the commands found. Nothing here decides or reads anything.

pub(crate) mod audience;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod filter;
pub(crate) mod found;
pub(crate) mod plan;
pub(crate) mod preset;
pub(crate) mod test;
pub(crate) mod validate;

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use doorward::{Decision, EntityUid, Request, World};
use serde_json::Value as Json;

use crate::failure::Failure;

/// Longer lines than this hold no more that helps.
const LINE_CHARS_MAX: usize = 1_000;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// Writes to standard output, without styles unless it is a terminal.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::at("standard output", error)),
    }
}

/// Writes to standard error why a command could not run.
pub(crate) fn report(failure: &Failure) {
    let text: String =
        failure.to_string().lines().map(|line| format!("{}\n", plain(line))).collect();
    // There is nowhere left to say that this failed.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

pub(crate) fn json(value: &Json) -> String {
    format!("{value:#}\n")
}

/// Text fit for a line of a terminal: cut, and harmless.
fn plain(text: &str) -> String {
    match text.char_indices().nth(LINE_CHARS_MAX).and_then(|(end, _)| text.get(..end)) {
        Some(start) => harmless(start) + "…",
        None => harmless(text),
    }
}

/// Text without what would move the cursor or the reading direction.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// `deny OVER_LIMIT: Too much. (policy limit, rules.cedar:5)`
fn verdict(world: &World, decision: &Decision) -> String {
    let style = match (decision.is_allowed(), decision.step_up()) {
        (true, _) => GOOD,
        (false, Some(_)) => NOTE,
        (false, None) => BAD,
    };
    let (answer, message) = (plain(&decision.to_string()), plain(world.message(decision)));
    let policy = decision
        .policy()
        .and_then(|id| world.policies().policy(id.as_str()))
        .map(|policy| {
            let (id, file) = (plain(policy.id().as_str()), plain(policy.file().as_str()));
            format!(" {DIM}(policy {id}, {file}:{}){DIM:#}", policy.line())
        })
        .unwrap_or_default();
    format!("{style}{answer}{style:#}: {message}{policy}")
}

/// `Contact::"gm" view Document::"I1"`
fn question(request: &Request) -> String {
    let (principal, resource) = (entity(request.principal()), entity(request.resource()));
    format!("{principal} {} {resource}", action(request.action()))
}

/// `Contact::"gm"`
fn entity(uid: &EntityUid) -> String {
    plain(&uid.to_string())
}

/// `view`
fn action(uid: &EntityUid) -> String {
    if uid.type_name() == "Action" { plain(uid.id()) } else { entity(uid) }
}
