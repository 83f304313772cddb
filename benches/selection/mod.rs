//! Which cases a run is to take.

/// Whether the text that was passed selects the case. A case that is left out is not prepared,
/// which takes longer than most take to run.
pub fn is_selected(case: &str) -> bool {
    const GROUPS: [&str; 9] =
        ["check/", "portal/", "write/", "load/", "spread/", "list/", "page/", "filter/", "sql/"];
    let text = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let Some(text) = text else { return true };
    // The text may also be an engine's name, in any case.
    let names_a_case = GROUPS.iter().any(|group| text.contains(group) || group.contains(&*text));
    !names_a_case || case.contains(&*text) || text.contains(case)
}
