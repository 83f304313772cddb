//! Lists, who may and audiences in every state of the shipped scenarios: each is what single checks
//! say.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use doorward::author::{Reached, Suite};
use doorward::portal::{Channel, shipped_policies};
use doorward::{
    Action, Caller, ContactId, DocumentId, Entity, Kind, Outcome, Request, Symbol, Tenant, Value,
};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tests");
/// What can be done with documents of every kind.
const OF_ALL_KINDS: [Action; 4] = [Action::Share, Action::Manage, Action::Relate, Action::Audit];

/// What came of the states, so that nothing holds because there was nothing to hold.
#[derive(Default)]
struct Seen {
    scenarios: BTreeSet<String>,
    told: BTreeSet<u64>,
    states: usize,
    allowed: usize,
    refused: usize,
    mailed: usize,
    missed: usize,
}

#[test]
fn lists_and_audiences_are_single_checks_in_every_scenario() {
    let suite = Suite::load(TESTS).unwrap();
    let mut seen = Seen::default();
    let report = suite.run_through(&shipped_policies().unwrap(), None, |reached| {
        let is_first = seen.scenarios.insert(reached.scenario.to_owned());
        // Many begin with the same fixtures, and end with what they began with.
        let mut told = DefaultHasher::new();
        (reached.now, reached.tenant.facts().to_json().to_string()).hash(&mut told);
        if seen.told.insert(told.finish()) {
            seen.states += 1;
            let state = State::of(reached);
            state.lists(is_first, &mut seen);
            state.audiences(is_first, &mut seen);
        }
    });
    assert_eq!(report.failed(), 0);
    assert_eq!(seen.scenarios.len(), suite.len());
    let Seen { states, allowed, refused, mailed, missed, .. } = seen;
    let counts = format!("{states} states: {allowed} {refused}, mail: {mailed} {missed}");
    assert!(states > suite.len() && allowed * 20 > refused, "{counts}");
    assert!(mailed > 500 && missed > 500, "{counts}");
}

/// A state, and all who may ask it for what.
struct State<'r> {
    shown: String,
    tenant: &'r Tenant,
    contacts: Vec<(ContactId, Caller)>,
    documents: Vec<(DocumentId, Kind)>,
}

impl<'r> State<'r> {
    fn of(reached: &Reached<'r>) -> Self {
        let Reached { tenant, scenario, now, .. } = *reached;
        let facts = tenant.facts();
        // As `Tenant::who` takes a contact: just signed in, from where the tenant lets him in.
        let session = |uid: &doorward::EntityUid| {
            let contact = tenant.contact(uid.id());
            let access = tenant.access(&contact).unwrap();
            let caller = Caller::contact(contact.clone())
                .session(access.epoch, access.credential_version)
                .password()
                .mfa_at(now)
                .last_seen(now)
                .address("10.0.0.1".parse().unwrap());
            (contact, caller)
        };
        let kind = |row: &Entity| {
            let kind = row.attribute("kind").and_then(Value::as_entity).unwrap();
            kind.id().parse().unwrap()
        };
        Self {
            shown: format!("{scenario} at {}", tenant.world().revision()),
            contacts: facts.uids_of_type("Contact").map(|uid| session(&uid)).collect(),
            documents: facts
                .of_type("Document")
                .map(|row| (tenant.document(row.uid().id()), kind(&row)))
                .collect(),
            tenant,
        }
    }

    /// A list is the documents that the check allows, and who may is the contacts that it allows. Of
    /// viewing, and of another action in turn where a scenario begins.
    fn lists(&self, is_first: bool, seen: &mut Seen) {
        let (tenant, declared) = (self.tenant, self.tenant.kinds());
        let kinds: BTreeSet<&Kind> = self.documents.iter().map(|(_, kind)| kind).collect();
        for kind in kinds {
            let of_kind = self.documents.iter().filter(|(_, of)| of == kind);
            let documents: Vec<&DocumentId> = of_kind.map(|(id, _)| id).collect();
            let actions = declared.get(kind).map(|it| it.actions.clone()).unwrap_or_default();
            let actions: Vec<Action> = actions.into_iter().chain(OF_ALL_KINDS).collect();
            let another = actions.get(seen.states % actions.len()).filter(|_| is_first);
            for action in [Action::View].iter().chain(another).copied() {
                let shown = format!("{}: {action} {kind}", self.shown);
                let mut who: Vec<Vec<&ContactId>> = vec![Vec::new(); documents.len()];
                for (contact, caller) in &self.contacts {
                    let mut listed = Vec::new();
                    for (document, who) in documents.iter().zip(&mut who) {
                        if tenant.check(caller, action, *document).is_allowed() {
                            listed.push((*document).clone());
                            who.push(contact);
                        }
                    }
                    seen.allowed += listed.len();
                    seen.refused += documents.len() - listed.len();
                    assert_eq!(tenant.list(caller, action, kind), listed, "{shown} by {contact}");
                    if action != Action::View {
                        continue;
                    }
                    let half = listed.len().div_ceil(2);
                    let first = tenant.page(caller, action, kind, None, half);
                    let next = first.next.as_ref();
                    let rest = next.map(|_| tenant.page(caller, action, kind, next, half));
                    let rest = rest.map(|page| page.documents).unwrap_or_default();
                    assert_eq!(first.total, listed.len(), "{shown} by {contact}");
                    assert_eq!([first.documents, rest].concat(), listed, "{shown} by {contact}");
                }
                for (document, who) in documents.iter().zip(who) {
                    let found = tenant.who(action, *document).unwrap();
                    assert_eq!(found.iter().collect::<Vec<_>>(), who, "{shown}: {document}");
                }
            }
        }
    }

    /// An audience is whom the check of mail allows: nobody whom viewing refuses, sign-in aside. One
    /// event of each document in each state, in turn.
    fn audiences(&self, is_first: bool, seen: &mut Seen) {
        let facts = self.tenant.facts();
        let events: Vec<String> = facts.uids_of_type("Event").map(|uid| uid.id().into()).collect();
        for (turn, (document, kind)) in self.documents.iter().enumerate() {
            let of_kind = format!("{kind}.sent");
            let event = match events.get((turn + seen.states) % events.len().max(1)) {
                Some(event) if !events.contains(&of_kind) || seen.states.is_multiple_of(2) => event,
                _ => &of_kind,
            };
            let shown = format!("{}: {event} about {document}", self.shown);
            let audience = self.tenant.audience(document, event, Channel::ALL).unwrap();
            let mut mailed = Vec::new();
            for (contact, caller) in &self.contacts {
                let mail = |channel: Channel| {
                    self.tenant.check_mail(contact, event, channel, document).is_allowed()
                };
                let by: Vec<Channel> =
                    Channel::ALL.iter().copied().filter(|channel| mail(*channel)).collect();
                if !by.is_empty() {
                    let viewing = self.tenant.request(caller, Action::View, document).unwrap();
                    let shown = format!("{shown} to {contact}");
                    self.is_open_but_for_signing_in(&viewing, is_first, &shown);
                }
                mailed.extend(by.into_iter().map(|channel| (contact, channel)));
            }
            let told = audience.recipients.iter().map(|it| (&it.contact, it.channel));
            assert_eq!(told.collect::<Vec<_>>(), mailed, "{shown}");
            seen.mailed += mailed.len();
            seen.missed += audience.near_misses.len();
            for missed in &audience.near_misses {
                let pair = (&missed.contact, missed.channel);
                assert!(!missed.decision.is_allowed() && !mailed.contains(&pair), "{shown}");
            }
        }
    }

    /// That no step of viewing refuses but 3 and 13, and something permits.
    fn is_open_but_for_signing_in(&self, viewing: &Request, is_first: bool, shown: &str) {
        let world = self.tenant.world();
        let told = world.determine(viewing);
        let forbids = told.determining.iter().filter(|_| !told.allowed).chain(&told.erring);
        let of_others = |id: &&Symbol| {
            let policy = world.policies().policy(id.as_str()).unwrap();
            !matches!(policy.step(), Some(3 | 13))
        };
        let refusing: Vec<_> = forbids.filter(of_others).collect();
        assert!(refusing.is_empty(), "{shown}: {refusing:?}");
        // Where a step does refuse, it takes an explanation to know of permits, which is dear.
        let is_permitted = told.allowed || !is_first || {
            let explained = world.explain(viewing);
            let mut permits = explained.policies.iter().filter(|policy| policy.permit);
            permits.any(|permit| permit.outcome == Outcome::Satisfied)
        };
        assert!(is_permitted, "{shown}");
    }
}
