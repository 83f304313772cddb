//! Decisions as lines.

use std::fmt::Write as _;

use doorward::wire::Evaluations;
use doorward::{Decision, World, codes};

use super::{plain, question, verdict};

/// A line for each decision, and one below it where the request itself is at fault.
pub(crate) fn human(world: &World, evaluations: &Evaluations, decisions: &[Decision]) -> String {
    let mut text = String::new();
    for (request, decision) in evaluations.requests().iter().zip(decisions) {
        if evaluations.is_batch() {
            let _ = write!(text, "{}: ", question(request));
        }
        let _ = writeln!(text, "{}", verdict(world, decision));
        let at_fault = [codes::INVALID_REQUEST, codes::UNKNOWN_ACTION, codes::UNKNOWN_KIND];
        let at_fault = decision.policy().is_none()
            && decision.code().is_some_and(|code| at_fault.contains(&code));
        if at_fault && let Some(fault) = world.explain(request).fault {
            let _ = writeln!(text, "  no policy was asked: {}", plain(&fault));
        } else if !world.determine(request).erring.is_empty() {
            let _ =
                writeln!(text, "  policies could not be evaluated; `doorward explain` says why");
        }
    }
    text
}
