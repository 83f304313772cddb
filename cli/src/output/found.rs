//! What was found of many.

use std::fmt::Write as _;

use doorward::author::Found;
use serde_json::{Value as Json, json as value};

use super::{BOLD, DIM, action, entity, plain};
use crate::command::Page;

/// `Contact::"gm" may view 2 of 4: Document`, and a line for each.
pub(crate) fn human_list(found: &Found, kind: Option<&str>, page: &Page<'_>) -> String {
    let among = match kind {
        Some(kind) => format!("{} of kind {}", types(found), plain(kind)),
        None => types(found),
    };
    let (principal, action) = (entity(&found.known), action(&found.action));
    let (count, stored) = (found.uids.len(), found.stored);
    let title = format!("{principal} may {action} {count} of {stored} stored ({among})");
    lines(&title, found, page)
}

/// `2 of 3 stored (Contact) may view Document::"I1"`, and a line for each.
pub(crate) fn human_who(found: &Found, page: &Page<'_>) -> String {
    let (resource, action) = (entity(&found.known), action(&found.action));
    let (count, stored, among) = (found.uids.len(), found.stored, types(found));
    let title = format!("{count} of {stored} stored ({among}) may {action} {resource}");
    lines(&title, found, page)
}

fn types(found: &Found) -> String {
    found.types.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
}

fn lines(title: &str, found: &Found, page: &Page<'_>) -> String {
    let mut text = format!("{BOLD}{title}{BOLD:#}\n");
    for uid in page.uids {
        let _ = writeln!(text, "  {}", entity(uid));
    }
    if let (Some(last), 1..) = (page.uids.last(), page.more) {
        // Quoted as a shell takes it.
        let after = entity(last).replace('\'', r"'\''");
        let _ = writeln!(text, "  {DIM}{} more: --after '{after}'{DIM:#}", page.more);
    }
    if found.uids.is_empty() && !found.world.facts().contains(&found.known) {
        let _ = writeln!(text, "  {DIM}{} is not stored{DIM:#}", entity(&found.known));
    }
    text
}

/// `{"results", "page", "context"}`, as AuthZEN answers a search.
pub(crate) fn json(found: &Found, page: &Page<'_>) -> String {
    let next = page.uids.last().filter(|_| page.more > 0).map(ToString::to_string);
    let results: Vec<Json> = page.uids.iter().map(|uid| value!(uid)).collect();
    super::json(&value!({
        "results": results,
        "page": {
            "next_token": next.unwrap_or_default(),
            "count": page.uids.len(),
            "total": found.uids.len(),
        },
        "context": {
            "stored": found.stored,
            "bundle": found.world.policies().digest(),
            "revision": found.world.revision().number(),
        },
    }))
}
