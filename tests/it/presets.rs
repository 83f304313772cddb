//! What the domain says of the presets holds for a tenant that was made from one and nothing else,
//! and the example of a tenant's own configuration does what it says.

use doorward::author::{ScenarioReport, Suite, read_config};
use doorward::portal::{
    Document, Level, NewContact, Relation, Resource, Role, State, TenantConfig, shipped_policies,
};
use doorward::{Action, Caller, Kind, Portal, Preset, Tenant, Timestamp};

fn assert_passes(name: &str, text: &str) {
    let report = Suite::from_text(name, text).unwrap().run(&shipped_policies().unwrap(), None);
    let failed: Vec<&ScenarioReport> =
        report.scenarios.iter().filter(|scenario| !scenario.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(report.passed() > 0);
}

#[test]
fn bookings() {
    assert_passes(
        "bookings",
        r"
fixtures:
  ev:
    preset: bookings
    documents: { A1: { kind: announcement } }
    clients:
      C1:
        contacts: { s1: {}, clip: { uploads: false }, out: {} }
        documents:
          B1: { kind: booking, relations: { s1: secondary, clip: secondary } }
          PA: { kind: payment, container: B1 }
          WS: { kind: worksheet, container: B1 }
          K: { kind: contract, container: B1, state: sent }
          P: { kind: proposal, container: B1, state: sent }
          I: { kind: invoice, container: B1, state: sent, amount: 100 }
          SV: { kind: survey, container: B1 }
          S: { kind: service, container: B1 }
          PR: { kind: product, container: B1 }
          PG: { kind: page, container: B1 }
          IM: { kind: image, container: B1 }
          V: { kind: video, container: B1 }
          F: { kind: file, container: B1 }
scenarios:
  - id: every-part
    fixtures: [ev]
    matrix:
      principals: [s1, clip, out]
      actions: [view]
      resources: [B1, PA, WS, K, P, I, SV, S, PR, PG, IM, V, F, A1]
      allow:
        - { principals: [s1, clip] }
        - { principals: [out], resources: [A1] }
      deny:
        - { principals: [out], resources: [PA, WS, K, P, I, S, F], code: NO_RELATION }
  - id: acts
    fixtures: [ev]
    steps:
      - { check: { principal: s1, action: submit, resource: WS }, expect: allow }
      - { check: { principal: s1, action: edit, resource: SV }, expect: allow }
      - { check: { principal: s1, action: sign, resource: K }, expect: allow }
      - { check: { principal: s1, action: pay, resource: I }, expect: allow }
      - check: { principal: s1, action: attach, resource: { new: file, client: C1, container: B1 } }
        expect: allow
      - check: { principal: clip, action: attach, resource: { new: file, client: C1, container: B1 } }
        expect: deny CAPABILITY_OFF
      - mail: { contact: s1, event: payment.reminder, document: B1 }
        expect: suppress ROLE_NO_NOTIFY
",
    );
}

#[test]
fn agency() {
    // Names for logging in are no matter here.
    assert_passes(
        "agency",
        r"
fixtures:
  ag:
    preset: agency
    clients:
      C:
        contacts:
          new: {}
          n:
            sets: [jobs, files, billing, requests, details]
            alert_sets: [email]
          one: { grants: [file.view] }
          quiet: { sets: [jobs], alert_sets: [email] }
        documents:
          J: { kind: job, relations: { n: job_contact, one: job_contact, new: job_contact, quiet: job_contact } }
          J2: { kind: job }
          F: { kind: file, container: J }
          FH: { kind: file, container: J, hidden: true }
          F2: { kind: file, container: J2 }
          D2: { kind: document, container: J2 }
          N1: { kind: note, container: J, hidden: true }
          N2: { kind: note, container: J2 }
          E: { kind: estimate, state: sent, container: J2 }
scenarios:
  - id: nothing-until-chosen
    fixtures: [ag]
    matrix:
      principals: [new]
      actions: [view, comment, download, attach, approve, create]
      resources: [J, F, E]
  - id: job-contacts
    fixtures: [ag]
    steps:
      - { check: { principal: n, action: view, resource: J }, expect: allow }
      - { check: { principal: n, action: view, resource: J2 }, expect: deny NO_RELATION }
      - { check: { principal: n, action: view, resource: F }, expect: allow }
      - { check: { principal: one, action: view, resource: F }, expect: allow }
      - { check: { principal: one, action: view, resource: J }, expect: deny NO_PERMISSION }
      - { check: { principal: n, action: view, resource: FH }, expect: deny NOT_CLIENT_VISIBLE }
      - { check: { principal: n, action: view, resource: F2 }, expect: deny NO_RELATION }
      - { check: { principal: n, action: view, resource: D2 }, expect: deny NO_RELATION }
      - { check: { principal: n, action: view, resource: N1 }, expect: deny NOT_CLIENT_VISIBLE }
      - { check: { principal: n, action: view, resource: N2 }, expect: deny NO_RELATION }
      - check: { principal: n, action: attach, resource: { new: file, client: C, container: J } }
        expect: allow
  - id: requests-estimates-details
    fixtures: [ag]
    steps:
      - check: { principal: n, action: create, resource: { new: work_request, client: C } }
        expect: allow
      - { check: { principal: n, action: view, resource: E }, expect: allow }
      - { check: { principal: n, action: approve, resource: E }, expect: deny NO_PERMISSION }
      - { check: { principal: n, action: edit, resource: { contact: n }, fields: [phone] }, expect: allow }
      - check: { principal: n, action: edit, resource: { contact: n }, fields: [permission_set] }
        expect: deny FIELD_PROTECTED
  - id: alerts
    fixtures: [ag]
    steps:
      - { mail: { contact: n, event: file.added, document: F }, expect: notify }
      - { mail: { contact: n, event: file.added, channel: sms, document: F }, expect: suppress CHANNEL_OFF }
      - { mail: { contact: quiet, event: file.added, document: F }, expect: suppress NO_PERMISSION }
      - { mail: { contact: n, event: job.changed, document: J2 }, expect: suppress NO_RELATION }
      - { mail: { contact: one, event: file.added, document: F }, expect: suppress NOT_SUBSCRIBED }
",
    );
}

#[test]
fn practice() {
    assert_passes(
        "practice",
        r"
fixtures:
  bx:
    preset: practice
    documents: { A1: { kind: announcement } }
    clients:
      K1:
        contacts:
          new: {}
          fin: { sets: [finance] }
          sup: { sets: [tickets] }
          both: { sets: [finance, tickets] }
          boss: { sets: [tickets], main: true }
          lead: { sets: [projects, contracts, approvals], grants: [proposal.approve] }
          appr: { sets: [approvals], approver: true }
        documents:
          I: { kind: invoice, state: sent, amount: 100 }
          T7: { kind: ticket, owner: sup }
          TA: { kind: task, relations: { lead: assignee } }
          TB: { kind: task }
          E: { kind: estimate, state: sent, amount: 100 }
          P: { kind: proposal, state: sent }
          T: { kind: contract, state: sent }
          TX: { kind: contract, state: expired }
scenarios:
  - id: modules-by-permission
    fixtures: [bx]
    steps:
      - { check: { principal: fin, action: pay, resource: I }, expect: allow }
      - { check: { principal: sup, action: view, resource: I }, expect: deny NO_PERMISSION }
      - { check: { principal: fin, action: download, resource: I }, expect: deny NO_PERMISSION }
      - { check: { principal: sup, action: view, resource: A1 }, expect: allow }
      - { check: { principal: new, action: view, resource: A1 }, expect: allow }
      - { check: { principal: lead, action: approve, resource: P }, expect: allow }
      - { check: { principal: lead, action: sign, resource: T }, expect: allow }
      - { check: { principal: lead, action: sign, resource: TX }, expect: deny STATE_EXPIRED }
      - { check: { principal: lead, action: view, resource: TX }, expect: allow }
  - id: assigned-tasks-own-tickets
    fixtures: [bx]
    steps:
      - { check: { principal: lead, action: comment, resource: TA }, expect: allow }
      - { check: { principal: lead, action: view, resource: TB }, expect: deny NOT_ASSIGNED }
      - { check: { principal: sup, action: reply, resource: T7 }, expect: allow }
      - { check: { principal: both, action: view, resource: T7 }, expect: deny OWN_ONLY }
      - { check: { principal: boss, action: view, resource: T7 }, expect: allow }
      - check: { principal: sup, action: create, resource: { new: ticket, client: K1 } }
        expect: allow
  - id: module-off-for-a-client
    fixtures: [bx]
    steps:
      - write: { do: [{ set_client_settings: { K1: { kinds: { invoice: { module: false } } } } }] }
        expect: accept
      - { check: { principal: fin, action: view, resource: I }, expect: deny MODULE_OFF }
  - id: forced-approvals
    fixtures: [bx]
    given: { settings: { kinds: { estimate: { approvers_only: true } } } }
    steps:
      - { check: { principal: appr, action: accept, resource: E }, expect: allow }
      - { check: { principal: lead, action: accept, resource: E }, expect: deny APPROVAL_REQUIRED }
  - id: second-factor
    fixtures: [bx]
    given: { settings: { mfa: true } }
    check: { principal: { contact: fin, mfa_at: never }, action: view, resource: I }
    expect: step_up MFA_REQUIRED
  - id: idle-timeout
    fixtures: [bx]
    given: { settings: { idle_max_ms: 600000 } }
    check: { principal: { contact: fin, last_seen: never }, action: view, resource: I }
    expect: step_up SESSION_IDLE
  - id: portal-switch
    fixtures: [bx]
    given: { settings: { portal: false } }
    check: { principal: fin, action: view, resource: I }
    expect: deny PORTAL_OFF
  - id: e-mail-lists
    fixtures: [bx]
    given: { settings: { kinds: { invoice: { recipients: [fin] } } } }
    steps:
      - { mail: { contact: fin, event: invoice.sent, document: I }, expect: notify }
      - { mail: { contact: both, event: invoice.sent, document: I }, expect: suppress CHANNEL_OFF }
      - { mail: { contact: both, event: invoice.sent, channel: in_app, document: I }, expect: notify }
",
    );
}

#[test]
fn staff_alone_read_the_activity_log() {
    for preset in Preset::ALL {
        let portal = Portal::builder().build().unwrap();
        let tenant = portal.create_tenant("t", *preset).unwrap();
        let staff = tenant.staff("u");
        let new = doorward::portal::NewStaff::new(staff.clone());
        tenant.write_as_system(|tx| tx.create_staff(new.clone())).unwrap();
        let log = |caller: &Caller| tenant.check(caller, Action::ActivityLog, Resource::Portal);
        assert!(log(&Caller::staff(staff)).is_allowed(), "{preset}");
    }
}

fn harbour() -> TenantConfig {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/harbour.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let (config, warnings) = read_config("harbour.yaml", &text).unwrap();
    assert_eq!(warnings, []);
    config
}

#[test]
fn the_example_changes_what_it_says_and_nothing_else() {
    let (config, preset) = (harbour(), TenantConfig::from(Preset::Bookings));
    let booking = &config.settings.kinds[&Kind::BOOKING];
    assert_eq!((booking.primaries_max, booking.secondaries_max), (Some(2), Some(2)));
    assert_eq!(config.settings.idle_max_ms, Some(30 * 60 * 1000));
    assert_eq!(config.settings.all_kinds.level, Some(Level::Container));
    assert_eq!(config.sets["contact"], preset.sets["contact"]);
    assert_eq!(config.staff_sets, preset.staff_sets);
}

#[test]
fn the_readme_shows_a_configuration_that_can_be_used() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("## Presets, and a configuration of your own").unwrap().1;
    let (_, text) = section.split_once("```yaml\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let (config, warnings) = read_config("README.md", text).unwrap();
    assert_eq!((config.kinds, warnings), (harbour().kinds, vec![]));
}

#[test]
fn the_example_makes_a_tenant_whose_own_kind_is_decided_like_all() {
    let tenant: Tenant =
        Portal::builder().build().unwrap().create_tenant("harbour", harbour()).unwrap();
    let moodboard: Kind = "moodboard".parse().unwrap();
    tenant
        .write_as_system(|tx| {
            let client = tx.create_client(tenant.client("C1"))?;
            for id in ["in", "out"] {
                let contact = NewContact::new(tenant.contact(id), client.clone());
                let contact = tx.create_contact(contact.email(format!("{id}@c1.example")))?;
                tx.enable(&contact)?;
                tx.reset_credential(&contact)?;
            }
            let booking = Document::new(tenant.document("B1"), Kind::BOOKING)
                .client(client.clone())
                .state(State::Open);
            tx.put_document(&booking)?;
            tx.relate(tenant.document("B1"), &tenant.contact("in"), Relation::new(Role::Primary))?;
            let board = Document::new(tenant.document("M1"), moodboard.clone())
                .client(client)
                .container(tenant.document("B1"))
                .state(State::Open);
            tx.put_document(&board)
        })
        .unwrap();
    let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let asked_after = |idle: &str, id: &str, action: Action| {
        let contact = tenant.contact(id);
        let access = tenant.access(&contact).unwrap();
        let caller = Caller::contact(contact)
            .session(access.epoch, access.credential_version)
            .password()
            .last_seen(idle.parse().unwrap())
            .at(now);
        let decision = tenant.check(&caller, action, tenant.document("M1"));
        decision.to_string()
    };
    let asked = |id: &str, action: Action| asked_after("2026-01-01T11:45:00Z", id, action);
    assert!(asked("in", Action::View).starts_with("allow"));
    assert!(asked("in", Action::Comment).starts_with("allow"));
    assert_eq!(asked("in", Action::Edit), "deny UNKNOWN_ACTION");
    assert_eq!(asked("out", Action::View), "deny NO_RELATION");
    // Half an hour idle at most.
    let late = asked_after("2026-01-01T11:15:00Z", "in", Action::View);
    assert!(late.starts_with("step up SESSION_IDLE"), "{late}");
}
