use super::effective::{default_kind_settings, default_settings};
use super::fields::fields;
use super::*;
use crate::facts::Entity;
use crate::portal::name::{Action, Channel, Kind, Level};
use crate::portal::preset::{KindDeclaration, Preset};
use crate::portal::settings::{KindSettings, Settings};
use crate::portal::{Portal, Tenant};
use serde_json::json;

/// Every finding on members laid over *bookings*: severity, code, path.
fn found(members: Json) -> Vec<(Severity, &'static str, String)> {
    let base = TenantConfig::from(Preset::Bookings);
    let diagnostics = match read::overlay(&base, members, None) {
        Ok((_, warnings)) => warnings,
        Err(error) => error.diagnostics().to_vec(),
    };
    let told = |finding: &Diagnostic| {
        let path = finding.path().unwrap_or_default().to_owned();
        (finding.severity(), finding.code(), path)
    };
    diagnostics.iter().map(told).collect()
}

fn only(members: Json) -> (Severity, &'static str, String) {
    let mut found = found(members.clone());
    assert_eq!(found.len(), 1, "{members}: {found:?}");
    found.remove(0)
}

#[test]
fn each_mistake_has_its_code_and_its_path() {
    let moodboard = |more: Json| {
        let mut declared = json!({ "actions": ["view"], "owner": "client" });
        for (name, value) in more.as_object().unwrap() {
            declared[name] = value.clone();
        }
        json!({ "kinds": { "moodboard": declared } })
    };
    let of_kind = |kind: &str, chosen: Json| json!({ "settings": { "kinds": { kind: chosen } } });
    let cases = [
        (
            json!({ "sets": { "x": ["booking.view", "booking.vew"] } }),
            "unknown-permission",
            "sets.x[1]",
        ),
        (json!({ "sets": { "x": ["portal.fly"] } }), "unknown-permission", "sets.x[0]"),
        (json!({ "contact_sets": ["contact", "contcat"] }), "unknown-set", "contact_sets[1]"),
        (json!({ "staff_sets": ["nobody"] }), "unknown-set", "staff_sets[0]"),
        (json!({ "contact_alert_sets": ["sytem"] }), "unknown-set", "contact_alert_sets[0]"),
        (
            of_kind("note", json!({ "roles": ["lead"] })),
            "unknown-set",
            "settings.kinds.note.roles[0]",
        ),
        (json!({ "alert_sets": { "x": ["b.changed:email"] } }), "unknown-event", "alert_sets.x[0]"),
        (
            json!({ "alert_sets": { "x": ["booking.changed:fax"] } }),
            "unknown-channel",
            "alert_sets.x[0]",
        ),
        (
            json!({ "alert_sets": { "x": ["booking.changed"] } }),
            "unknown-channel",
            "alert_sets.x[0]",
        ),
        (of_kind("spaceship", json!({})), "unknown-kind", "settings.kinds.spaceship"),
        (of_kind("a b", json!({})), "unknown-kind", "settings.kinds.a b"),
        (json!({ "contact_receives": ["letter"] }), "unknown-kind", "contact_receives[0]"),
        (json!({ "contact_receives": ["A B"] }), "unknown-kind", "contact_receives[0]"),
        (
            json!({ "settings": { "networks": ["::1", "home"] } }),
            "invalid-network",
            "settings.networks[1]",
        ),
        (moodboard(json!({ "owner": null })), "kind-without-owner", "kinds.moodboard"),
        (
            moodboard(json!({ "actions": ["view", "log_in"] })),
            "unknown-action",
            "kinds.moodboard.actions[1]",
        ),
        (moodboard(json!({ "actions": "view" })), "invalid-value", "kinds.moodboard.actions"),
        (moodboard(json!({ "owner": "nobody" })), "invalid-value", "kinds.moodboard.owner"),
        (moodboard(json!({ "states": { "": "open" } })), "empty-name", "kinds.moodboard.states"),
        (
            json!({ "kinds": { "portal": { "actions": ["view"], "owner": "client" } } }),
            "reserved-kind",
            "kinds.portal",
        ),
        (
            json!({ "kinds": { "note": { "actions": ["view"], "owner": "client" } } }),
            "shipped-kind",
            "kinds.note",
        ),
        (json!({ "kinds": { "Mood": { "owner": "client" } } }), "invalid-kind-name", "kinds.Mood"),
        (
            of_kind("invoice", json!({ "limit": { "amount": -1, "currency": "EUR" } })),
            "invalid-limit",
            "settings.kinds.invoice.limit.amount",
        ),
        (
            json!({ "settings": { "all_kinds": { "limit": { "amount": 1, "currency": "eur" } } } }),
            "invalid-limit",
            "settings.all_kinds.limit.currency",
        ),
        (json!({ "settings": { "idle_max_ms": -5 } }), "invalid-duration", "settings.idle_max_ms"),
        (
            json!({ "settings": { "view_as_max_ms": -5 } }),
            "invalid-duration",
            "settings.view_as_max_ms",
        ),
        (json!({ "sets": { "": ["booking.view"] } }), "empty-name", "sets."),
        (
            json!({
                "alert_sets": { "system": ["news:email"] },
                "events": ["password.reset", "news"],
            }),
            "reserved-event",
            "events[0]",
        ),
        (json!({ "settings": { "portl": false } }), "unknown-member", "settings.portl"),
        (of_kind("note", json!({ "levl": "own" })), "unknown-member", "settings.kinds.note.levl"),
        (of_kind("note", json!({ "level": "all" })), "invalid-value", "settings.kinds.note.level"),
        (json!({ "set": {} }), "unknown-member", "set"),
        (json!({ "contact_receives": {} }), "invalid-value", "contact_receives"),
        (json!({ "sets": { "x": ["booking.view", 7] } }), "invalid-value", "sets.x[1]"),
        (json!({ "settings": { "mfa": "yes" } }), "invalid-value", "settings.mfa"),
        // What was meant to be taken away would stay.
        (json!({ "sets": { "contct": null } }), "unknown-member", "sets.contct"),
        (json!({ "settings": { "portl": null } }), "unknown-member", "settings.portl"),
        (of_kind("note", json!({ "levl": null })), "unknown-member", "settings.kinds.note.levl"),
        (moodboard(json!({ "action": null })), "unknown-member", "kinds.moodboard.action"),
        // One finding: the shipped kind keeps its permissions.
        (
            json!({ "kinds": { "file": { "actions": ["view"], "owner": "client" } } }),
            "shipped-kind",
            "kinds.file",
        ),
    ];
    for (members, code, path) in cases {
        assert_eq!(only(members), (Severity::Error, code, path.to_owned()));
    }
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    let of_kind = |kind: &str, chosen: Json| json!({ "settings": { "kinds": { kind: chosen } } });
    let cases = [
        (json!({ "sets": { "x": [] } }), "empty-set", "sets.x"),
        (json!({ "contact_sets": ["manager"] }), "all-for-contacts", "contact_sets[0]"),
        (
            json!({ "kinds": { "mood": { "actions": ["comment"], "owner": "client" } } }),
            "kind-without-view",
            "kinds.mood",
        ),
        (
            json!({ "kinds": { "mood": { "actions": ["view"], "owner": "client" } },
                "settings": { "kinds": { "mood": { "module": false } } } }),
            "module-off",
            "kinds.mood",
        ),
        (
            json!({ "settings": { "kinds": { "survey": { "module": false } } },
                "sets": { "x": ["note.view", "survey.view"] } }),
            "module-off",
            "sets.x[1]",
        ),
        (
            of_kind("note", json!({ "primaries_max": 1 })),
            "no-effect",
            "settings.kinds.note.primaries_max",
        ),
        (
            of_kind("note", json!({ "level": "client", "roles": ["contact"] })),
            "no-effect",
            "settings.kinds.note.roles",
        ),
        (
            of_kind("note", json!({ "level": "own", "members": ["m"] })),
            "no-effect",
            "settings.kinds.note.members",
        ),
        (
            json!({ "settings": { "mfa_max_age_ms": 60_000 } }),
            "no-effect",
            "settings.mfa_max_age_ms",
        ),
    ];
    for (members, code, path) in cases {
        let found = found(members);
        let expected = (Severity::Warning, code, path.to_owned());
        assert!(found.contains(&expected), "{expected:?} not in {found:?}");
        assert!(found.iter().all(|(severity, ..)| *severity == Severity::Warning), "{found:?}");
    }
    let base = TenantConfig::from(Preset::Bookings);
    let mut events: Vec<&str> = base.events.iter().map(String::as_str).collect();
    events.push("moodboard.added");
    assert_eq!(
        only(json!({ "events": events })),
        (Severity::Warning, "event-without-alert", format!("events[{}]", events.len() - 1))
    );
}

#[test]
fn what_the_preset_says_is_no_news() {
    // Its set names surveys, and its events have alerts in the set that is replaced here.
    assert_eq!(found(json!({ "settings": { "kinds": { "survey": { "module": false } } } })), []);
    assert_eq!(found(json!({ "alert_sets": { "system": ["contract.sent:email"] } })), []);
    // What it makes of the preset's choices is.
    let (_, code, path) = only(json!({ "sets": { "contact": ["*"] } }));
    assert_eq!((code, path.as_str()), ("all-for-contacts", "contact_sets[0]"));
    // Without a preset to compare with, all is told.
    let mut config = TenantConfig::from(Preset::Bookings);
    config.settings.kinds.entry(Kind::SURVEY).or_default().module = Some(false);
    assert!(config.diagnostics().iter().all(|finding| finding.code() == "module-off"));
    assert_eq!(config.diagnostics().len(), 3);
}

#[test]
fn what_is_removed_may_be_missing_where_a_setting_may() {
    let members = json!({
        "settings": { "networks": null, "kinds": { "note": { "limit": null } } },
        "sets": { "contact": null },
        "contact_sets": null,
    });
    assert_eq!(found(members), []);
}

#[test]
fn values_are_refused_in_an_authors_words() {
    let told = |chosen: Json| {
        let base = TenantConfig::from(Preset::Bookings);
        let members = json!({ "settings": { "kinds": { "booking": chosen } } });
        let refused = base.overlay(members).unwrap_err();
        refused.to_string().replace("error[invalid-value]: settings.kinds.booking.", "")
    };
    assert_eq!(
        told(json!({ "level": "clint" })),
        "level: `clint` cannot be chosen here\nhelp: did you mean `client`?"
    );
    assert_eq!(
        told(json!({ "secondaries_max": -2 })),
        "secondaries_max: invalid value: integer `-2`, expected a whole number, 0 or more"
    );
}

#[test]
fn one_mistake_does_not_hide_the_next() {
    let found = found(json!({
        "setings": {},
        "settings": { "mfa": 1, "networks": ["home"], "kinds": { "note": { "level": "all" } } },
        "kinds": { "moodboard": { "actions": ["view", "fly"] } },
        "sets": { "x": ["moodboard.view"] },
        "contact_sets": ["y"],
    }));
    let mut codes: Vec<_> = found.iter().map(|(_, code, path)| (*code, path.as_str())).collect();
    codes.sort_unstable();
    // The actions of the kind cannot be read: that is told once, not again for each permission.
    assert_eq!(
        codes,
        [
            ("invalid-network", "settings.networks[0]"),
            ("invalid-value", "kinds.moodboard.actions[1]"),
            ("invalid-value", "settings.kinds.note.level"),
            ("invalid-value", "settings.mfa"),
            ("kind-without-owner", "kinds.moodboard"),
            ("unknown-member", "setings"),
            ("unknown-set", "contact_sets[0]"),
        ]
    );
}

#[test]
fn the_nearest_name_is_the_help() {
    let base = TenantConfig::from(Preset::Bookings);
    let help = |members: Json| {
        let refused = base.overlay(members).unwrap_err();
        refused.diagnostics()[0].help().map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(help(json!({ "sets": { "x": ["booking.veiw"] } })), "did you mean `booking.view`?");
    assert_eq!(help(json!({ "contact_sets": ["contcat"] })), "did you mean `contact`?");
    assert_eq!(help(json!({ "contact_sets": ["planner"] })), "known are contact, manager");
    assert_eq!(help(json!({ "settings": { "kind": {} } })), "did you mean `kinds`?");
    let actions = help(json!({ "sets": { "x": ["survey.celebrate"] } }));
    assert!(actions.starts_with("known are survey.create,"), "{actions}");
}

#[test]
fn maps_merge_lists_replace_and_null_removes() {
    let base = TenantConfig::from(Preset::Bookings);
    let config = base
        .overlay(json!({
            "settings": { "kinds": { "booking": { "secondaries_max": 1 }, "announcement": null } },
            "sets": { "guest": ["booking.view"] },
            "contact_sets": ["guest"],
            "contact_alert_sets": [],
        }))
        .unwrap();
    let booking = config.settings.kind(&Kind::BOOKING);
    assert_eq!((booking.primaries_max, booking.secondaries_max), (Some(2), Some(1)));
    assert_eq!(config.settings.kind(&Kind::ANNOUNCEMENT).level, Some(Level::Container));
    assert_eq!(config.sets["contact"], base.sets["contact"]);
    assert_eq!(config.contact_sets, ["guest".to_owned()].into());
    assert!(config.contact_alert_sets.is_empty());
    assert_eq!(base.overlay(json!({})).unwrap(), base);
    // What is removed and named still is an error.
    assert_eq!(only(json!({ "sets": { "contact": null } })).1, "unknown-set");
}

#[test]
fn a_text_without_a_preset_is_refused() {
    let codes = |text: &str| {
        let refused = TenantConfig::read("own.json", text).unwrap_err();
        let all = refused.diagnostics();
        assert!(all.iter().all(|finding| finding.file() == Some("own.json")));
        all.iter().map(Diagnostic::code).collect::<Vec<_>>()
    };
    assert_eq!(codes("{}"), ["missing-preset"]);
    assert_eq!(codes(r#"{"from": 7}"#), ["unknown-preset"]);
    assert_eq!(codes(r#"{"from": "Bookings"}"#), ["unknown-preset"]);
    assert_eq!(codes("[]"), ["invalid-value"]);
    assert_eq!(codes("{"), ["parse"]);
    assert_eq!(codes(&"[".repeat(100_000)), ["parse"]);
    assert_eq!(codes(&format!(r#"{{"from": "{}"}}"#, "x".repeat(1 << 20))), ["unknown-preset"]);
}

#[test]
fn a_wrong_configuration_makes_no_tenant() {
    let portal = Portal::builder().build().unwrap();
    let mut config = TenantConfig::from(Preset::Accounting);
    config.sets.insert("x".to_owned(), ["invoice.fly".to_owned()].into());
    config.contact_sets.insert("y".to_owned());
    config.kinds.insert("mood".parse().unwrap(), KindDeclaration::default());
    let crate::Error::Config(refused) = portal.create_tenant("t", config).unwrap_err() else {
        panic!("a configuration is refused for what is wrong with it");
    };
    let codes: Vec<_> = refused.diagnostics().iter().map(Diagnostic::code).collect();
    for code in ["unknown-permission", "unknown-set", "kind-without-owner"] {
        assert!(codes.contains(&code), "{code} not in {codes:?}");
    }
    assert!(portal.tenant("t").is_none());
    // The id is still to be had.
    portal.create_tenant("t", Preset::Accounting).unwrap();
}

/// The rows of a tenant with one client, but for what was chosen where.
fn resolved(settings: Settings) -> Vec<Entity> {
    let portal = Portal::builder().build().unwrap();
    let config = TenantConfig { settings, ..TenantConfig::default() };
    let tenant: Tenant = portal.create_tenant("t", config).unwrap();
    tenant.write_as_system(|tx| tx.create_client(tenant.client("C"))).unwrap();
    let facts = tenant.facts();
    let kinds = ["Tenant", "Client", "Rule"].into_iter();
    let mut rows: Vec<Entity> = kinds.flat_map(|kind| facts.of_type(kind)).collect();
    for row in &mut rows {
        row.unset("settings");
    }
    rows
}

#[test]
fn the_defaults_that_are_shown_are_those_that_hold() {
    let shown = Settings { all_kinds: default_kind_settings(), ..default_settings() };
    assert_eq!(resolved(Settings::default()), resolved(shown));
}

#[test]
fn what_it_comes_to_names_every_setting_and_kind() {
    for preset in Preset::ALL {
        let config = TenantConfig::from(*preset);
        let effective = config.effective();
        assert_eq!(effective.settings.len(), fields::<Settings>().len() - 2);
        assert_eq!(effective.settings["portal"], json!(true));
        assert_eq!(effective.settings["idle_max_ms"], Json::Null);
        assert!(effective.kinds.iter().all(|kind| kind.module && !kind.own));
        assert_eq!(effective.events.len(), config.events.len());
        let manager: Vec<_> = effective.kinds.iter().map(|kind| &kind.sets["manager"]).collect();
        assert!(manager.iter().all(|held| held.contains("*")), "{preset}");
    }
    let bookings = TenantConfig::from(Preset::Bookings).effective();
    let booking = bookings.kinds.iter().find(|each| each.kind == Kind::BOOKING).unwrap();
    assert_eq!(
        booking.settings,
        *json!({ "primaries_max": 2, "secondaries_max": 3 }).as_object().unwrap()
    );
    assert!(booking.container && booking.contacts.contains("view"));
    let reminder = bookings.events.iter().find(|each| each.event == "payment.reminder").unwrap();
    assert!(reminder.channels[&Channel::Email].contains("system"));
    assert!(!reminder.channels.contains_key(&Channel::Sms));
}

#[test]
fn fields_are_those_that_serde_reads() {
    assert_eq!(fields::<KindDeclaration>(), ["actions", "owner", "container", "states"]);
    assert!(fields::<KindSettings>().contains(&"main_exempt"));
    assert!(fields::<String>().is_empty() && fields::<Action>().is_empty());
}
