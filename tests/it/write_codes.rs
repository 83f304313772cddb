//! What a write reports that breaks several rules at once: the first of the list.

use doorward::portal::{
    ContactEdit, Document, KindDeclaration, NewContact, NewShare, NewStaff, Relation, Role,
    Settings, State, TenantConfig, Tx, WRITE_CODES,
};
use doorward::{Action, Caller, ContactId, Kind, Portal, Preset, Tenant, WriteError};

pub(crate) type Run = fn(&mut Tx<'_>) -> Result<(), WriteError>;

/// A way to break each rule, on rows that no other way touches. One is left out: that a
/// password is set already is told to the bearer of an activation link, who writes nothing else.
pub(crate) const BREAKING: &[(&str, Run)] = &[
    ("CROSS_TENANT", |tx| tx.enable(&ContactId::new("other", "gm"))),
    ("UNKNOWN_KIND", |tx| {
        let spaceship = "spaceship".parse()?;
        tx.put_document(&document(tx, "new", spaceship))
    }),
    ("UNKNOWN_ACTION", |tx| {
        let new = NewShare::new(tx.tenant().contact("m"), [Action::LogIn]);
        tx.share(tx.tenant().share("new"), tx.tenant().document("I1"), new).map(drop)
    }),
    ("UNKNOWN_ID", |tx| tx.revoke_link(&tx.tenant().link("none"))),
    ("DUPLICATE_ID", |tx| tx.create_client(tx.tenant().client("C1")).map(drop)),
    ("LIMIT_PRIMARY", |tx| {
        tx.relate(tx.tenant().document("B1"), &tx.tenant().contact("x1"), role(Role::Primary))
    }),
    ("LIMIT_SECONDARY", |tx| {
        tx.relate(tx.tenant().document("B2"), &tx.tenant().contact("x1"), role(Role::Secondary))
    }),
    ("DUPLICATE_RELATION", |tx| {
        tx.relate(tx.tenant().document("B3"), &tx.tenant().contact("m"), role(Role::Participant))
    }),
    ("EMAIL_REQUIRED", |tx| tx.enable(&tx.tenant().contact("no_email"))),
    ("LOGIN_REQUIRED", |tx| tx.enable(&tx.tenant().contact("no_login"))),
    ("DUPLICATE_LOGIN", |tx| {
        tx.edit_contact(&tx.tenant().contact("x2"), &ContactEdit::default().login("m"))
    }),
    ("DUPLICATE_EMAIL", |tx| {
        tx.edit_contact(&tx.tenant().contact("x3"), &ContactEdit::default().email("m@C1.example"))
    }),
    ("STAFF_IS_NO_CONTACT", |tx| {
        let new = NewStaff::new(tx.tenant().staff("both")).email("m@C1.example");
        tx.create_staff(new).map(drop)
    }),
    ("UNKNOWN_CONTACT", |tx| tx.reset_credential(&tx.tenant().contact("nobody")).map(drop)),
    ("NO_ESCALATION", |tx| {
        let tenant = tx.tenant();
        let new = NewContact::new(tenant.contact("chosen"), tenant.client("chosen"));
        tx.register(new.email("chosen@c.example").login("chosen").sets(["manager"])).map(drop)
    }),
    ("LAST_ADMIN", |tx| tx.set_admin(&tx.tenant().contact("admin"), false)),
    ("PARENT_CYCLE", |tx| {
        let (above, below) = (tx.tenant().client("P1"), tx.tenant().client("P2"));
        tx.set_client_parent(&above, Some(&below))
    }),
    ("SHARE_EXCEEDS_PARENT", |tx| {
        let tenant = tx.tenant();
        let new = NewShare::new(tenant.contact("x1"), [Action::View, Action::Pay]);
        let new = new.made_from(tenant.share("S1"));
        tx.share(tenant.share("wider"), tenant.document("I1"), new).map(drop)
    }),
    ("SET_IN_USE", |tx| tx.remove_permission_set("held")),
    ("UNKNOWN_PERMISSION", |tx| tx.grant(&tx.tenant().contact("m"), "invoice.frobnicate")),
    ("NO_OWNER_PATH", |tx| tx.declare_kind(&"homeless".parse()?, &KindDeclaration::default())),
    ("MIN_RECIPIENTS", |tx| tx.set_mail(&tx.tenant().contact("mailed"), false)),
    ("NO_SIGNATORY", |tx| tx.set_state(&tx.tenant().document("K1"), State::Sent)),
    ("SIGNATURES_MISSING", |tx| tx.complete(&tx.tenant().document("K2"))),
    ("SAME_APPROVER", |tx| {
        tx.approve(&tx.tenant().document("E1"), &tx.tenant().contact("m")).map(drop)
    }),
    ("NOT_ENABLED", |tx| tx.revoke(&tx.tenant().contact("x4"))),
    ("FORCE_RESET_REQUIRED", |tx| tx.reset_credential(&tx.tenant().contact("m")).map(drop)),
    ("REGISTRATION_OFF", |tx| {
        let tenant = tx.tenant();
        tx.set_settings(Settings { registration: Some(false), ..Settings::default() })?;
        let new = NewContact::new(tenant.contact("late"), tenant.client("late"));
        tx.register(new.email("late@c.example").login("late")).map(drop)
    }),
    ("TOKEN_USED", |tx| tx.use_share(&tx.tenant().share("S2"), Action::View)),
    ("NOT_ARCHIVED", |tx| tx.erase_client(&tx.tenant().client("P3"))),
];

/// Codes that fail the write at once: what the command is about is not there.
const AT_ONCE: &[&str] =
    &["CROSS_TENANT", "UNKNOWN_KIND", "UNKNOWN_ACTION", "UNKNOWN_ID", "DUPLICATE_ID"];

fn role(role: Role) -> Relation {
    Relation::new(role)
}

fn document(tx: &Tx<'_>, id: &str, kind: Kind) -> Document {
    Document::new(tx.tenant().document(id), kind).client(tx.tenant().client("C1"))
}

fn tenant() -> Tenant {
    let mut config = TenantConfig::from(Preset::Bookings);
    config.settings.login_names = Some(true);
    config.settings.registration = Some(true);
    config.settings.force_password_change = Some(true);
    config.settings.kinds.entry(Kind::CONTRACT).or_default().signatories_only = Some(true);
    let tenant = Portal::builder().build().unwrap().create_tenant("it", config).unwrap();
    let filled = tenant.write_as_system(|tx| {
        for client in ["C1", "C2", "P1", "P2", "P3", "mail"] {
            tx.create_client(tenant.client(client))?;
        }
        tx.set_client_parent(&tenant.client("P2"), Some(&tenant.client("P1")))?;
        let contacts = ["m", "x1", "x2", "x3", "x4", "p1", "p2", "s1", "s2", "s3", "no_email"];
        let others = [("no_login", "C1"), ("admin", "C2"), ("mailed", "mail")];
        for (id, client) in contacts.map(|id| (id, "C1")).into_iter().chain(others) {
            let mut new = NewContact::new(tenant.contact(id), tenant.client(client));
            if id != "no_email" {
                new = new.email(format!("{id}@{client}.example"));
            }
            let contact = tx.create_contact(if id == "no_login" { new } else { new.login(id) })?;
            if !["no_email", "no_login", "x4"].contains(&id) {
                tx.enable(&contact)?;
            }
        }
        tx.define_permission_set("held", ["invoice.view"])?;
        tx.set_permission_sets(&tenant.contact("x2"), ["contact", "held"])?;
        tx.set_admin(&tenant.contact("admin"), true)?;
        let at_least_one = Settings { recipients_min: Some(1), ..Settings::default() };
        tx.set_client_settings(&tenant.client("mail"), at_least_one)?;
        for (id, kind) in [
            ("B1", Kind::BOOKING),
            ("B2", Kind::BOOKING),
            ("B3", Kind::BOOKING),
            ("I1", Kind::INVOICE),
            ("E1", Kind::ESTIMATE),
            ("K2", Kind::PROPOSAL),
        ] {
            tx.put_document(&document(tx, id, kind))?;
        }
        tx.put_document(&document(tx, "K1", Kind::CONTRACT).state(State::Draft))?;
        for (id, role) in [("p1", Role::Primary), ("p2", Role::Primary)] {
            tx.relate(tenant.document("B1"), &tenant.contact(id), Relation::new(role))?;
        }
        for id in ["s1", "s2", "s3"] {
            let secondary = Relation::new(Role::Secondary);
            tx.relate(tenant.document("B2"), &tenant.contact(id), secondary)?;
        }
        let participant = Relation::new(Role::Participant);
        tx.relate(tenant.document("B3"), &tenant.contact("m"), participant)?;
        tx.set_signers(&tenant.document("K2"), &[tenant.contact("m")])?;
        tx.approve(&tenant.document("E1"), &tenant.contact("m"))?;
        let narrow = NewShare::new(tenant.contact("m"), [Action::View]);
        tx.share(tenant.share("S1"), tenant.document("I1"), narrow)?;
        let none = NewShare::new(tenant.contact("x2"), [Action::View]).uses(0);
        tx.share(tenant.share("S2"), tenant.document("I1"), none)?;
        let never = "2999-01-01T00:00:00Z".parse()?;
        tx.create_magic_link(tenant.link("magic"), &tenant.contact("m"), never)?;
        tx.create_staff(NewStaff::new(tenant.staff("uma")))
    });
    filled.unwrap();
    tenant
}

fn place(code: &str) -> usize {
    WRITE_CODES.iter().position(|known| *known == code).unwrap()
}

#[test]
fn of_two_broken_rules_the_first_of_the_list_is_reported() {
    let tenant = tenant();
    let (before, revision) = (tenant.facts().to_json(), tenant.world().revision());
    let staff = Caller::staff(tenant.staff("uma"));
    let mut pairs = 0;
    let mut assert_first =
        |actor: Option<&Caller>, (first, one): &(&str, Run), (second, other): &(&str, Run)| {
            let run = |tx: &mut Tx<'_>| {
                one(tx)?;
                if first == second { Ok(()) } else { other(tx) }
            };
            let written = match actor {
                Some(actor) => tenant.write(actor, run),
                None => tenant.write_as_system(run),
            };
            let error = written.expect_err(first);
            // Of two that cannot go on, the write stops at the first.
            let reported = match AT_ONCE.contains(first) && AT_ONCE.contains(second) {
                true => first,
                false => [first, second].into_iter().min_by_key(|code| place(code)).unwrap(),
            };
            assert_eq!(error.code(), **reported, "{first}, then {second}: {error}");
            assert!(error.decision().is_none(), "{first}, then {second}: {error}");
            pairs += 1;
        };
    for first in BREAKING {
        for second in BREAKING {
            assert_first(None, first, second);
        }
    }
    // A link is borne by somebody, who is not the system.
    let scope: (&str, Run) = ("TOKEN_SCOPE", |tx| tx.use_link(&tx.tenant().link("magic")));
    for other in BREAKING.iter().chain([&scope]) {
        let alone = tenant.write(&staff, other.1).unwrap_err();
        if alone.decision().is_none() && alone.code() == *other.0 {
            assert_first(Some(&staff), &scope, other);
            assert_first(Some(&staff), other, &scope);
        }
    }
    assert!(pairs > 900 + 30, "{pairs}");
    assert_eq!((tenant.facts().to_json(), tenant.world().revision()), (before, revision));
}
