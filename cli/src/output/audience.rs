//! Audiences.

use std::fmt::Write as _;

use doorward::portal::{Audience, Channel, Recipient};
use doorward::{EntityUid, World};
use serde_json::{Map, Value as Json, json as value};

use super::{BOLD, plain, verdict};

/// What is sent.
#[derive(Debug)]
pub(crate) struct Sent<'s> {
    pub(crate) world: &'s World,
    pub(crate) event: &'s str,
    /// The id of the document.
    pub(crate) resource: &'s str,
    pub(crate) channels: &'s [Channel],
}

/// A line for each recipient and channel, then one for each near miss.
pub(crate) fn human(sent: &Sent<'_>, audience: &Audience) -> String {
    let Audience { recipients, near_misses, .. } = audience;
    let channels: Vec<&str> = sent.channels.iter().map(|channel| channel.as_str()).collect();
    let (event, document) = (plain(sent.event), plain(sent.resource));
    let mut text = format!("{event} about {document}, by {}\n", channels.join(", "));
    let contact = |recipient: &Recipient| plain(recipient.contact.id());
    let all = || recipients.iter().chain(near_misses);
    let wide = all().map(|it| contact(it).chars().count()).max().unwrap_or_default();
    let long = all().map(|it| it.channel.as_str().len()).max().unwrap_or_default();
    for (title, those) in [("Recipients", recipients), ("Near misses", near_misses)] {
        let _ = writeln!(text, "\n{BOLD}{title}: {}{BOLD:#}", those.len());
        for one in those {
            let verdict = verdict(sent.world, &one.decision);
            let (contact, channel) = (contact(one), one.channel);
            let _ = writeln!(text, "  {contact:wide$}  {channel:long$}  {verdict}");
        }
    }
    text
}

/// `{"event", "resource", "channels", "recipients", "near_misses"}`: each of these with `contact`,
/// `channel`, and the members of AuthZEN's answer.
pub(crate) fn json(sent: &Sent<'_>, audience: &Audience) -> String {
    let each = |recipient: &Recipient| {
        let mut members = Map::new();
        members.insert("contact".to_owned(), value!(recipient.contact.uid()));
        members.insert("channel".to_owned(), value!(recipient.channel));
        if let Json::Object(answer) = recipient.decision.to_json(sent.world, None) {
            members.extend(answer);
        }
        Json::Object(members)
    };
    super::json(&value!({
        "event": sent.event,
        "resource": EntityUid::new("Document", sent.resource),
        "channels": sent.channels,
        "recipients": audience.recipients.iter().map(each).collect::<Vec<_>>(),
        "near_misses": audience.near_misses.iter().map(each).collect::<Vec<_>>(),
    }))
}
